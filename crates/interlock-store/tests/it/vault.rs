//! Content comes back, is committed to, and can be erased.

use interlock_store::journal::fault::{FaultVfs, Survival};
use interlock_store::journal::vfs::Vfs as _;
use interlock_store::vault::{RecordId, Vault, VaultError, VaultOptions, commitment_text};
use std::sync::Arc;

fn open(disk: &FaultVfs) -> Vault {
    let options = VaultOptions {
        file_bytes: 8_192,
        ..VaultOptions::default()
    };
    Vault::open_with(Arc::new(disk.clone()), options).unwrap()
}

#[test]
fn content_comes_back_until_it_is_erased() {
    let disk = FaultVfs::new();
    let vault = open(&disk);
    let secret = b"the patient is called Ada Lovelace".to_vec();
    let mut stored = Vec::new();
    for n in 0..60u32 {
        let subject = ["ada", "grace"][(n % 2) as usize];
        let result = n.to_string().into_bytes();
        let fields = [("prompt", &secret[..]), ("result", &result[..])];
        stored.push(vault.put(subject, &fields).unwrap());
    }
    vault.sync().unwrap();
    let record = vault.get(stored[7].id).unwrap();
    assert_eq!(record.fields[0], ("prompt".to_owned(), secret.clone()));
    assert_eq!(record.fields[1], ("result".to_owned(), b"7".to_vec()));
    assert_eq!(record.commitments, stored[7].commitments);
    // Equal content, unequal commitments: nobody can guess it from the journal.
    assert_ne!(stored[0].commitments[0], stored[2].commitments[0]);
    assert!(commitment_text(&stored[0].commitments[0]).starts_with("hmac-sha256:"));
    let plain = |disk: &FaultVfs| {
        disk.files().values().any(|bytes| {
            bytes
                .windows(12)
                .any(|w| w == b"Ada Lovelace" || w == b"the patient ")
        })
    };
    assert!(!plain(&disk));

    let slots = disk.read("vault/subjects").unwrap();
    let erased = vault.erase("ada").unwrap();
    assert_eq!((erased.keys, erased.records), (1, 30));
    assert_eq!(vault.erase("ada").unwrap().keys, 0);
    assert!(!vault.holds("ada") && vault.holds("grace"));
    assert!(matches!(vault.get(stored[0].id), Err(VaultError::Erased)));
    assert!(vault.get(stored[1].id).is_ok());
    // The wrapped key itself is gone from the disk, and durably so.
    let after = disk
        .after_crash(Survival::Nothing)
        .read("vault/subjects")
        .unwrap();
    assert_ne!(slots[64..112], after[64..112]);
    assert_eq!(after[40..112], [0; 72]);

    // A subject may come back, under another key.
    let again = vault.put("ada", &[("prompt", b"new")]).unwrap();
    drop(vault);
    let vault = open(&disk);
    assert!(matches!(vault.get(stored[0].id), Err(VaultError::Erased)));
    assert_eq!(vault.get(again.id).unwrap().fields[0].1, b"new");
    assert_eq!(vault.get(stored[59].id).unwrap().fields[1].1, b"59");
    assert!(disk.list("vault").unwrap().len() > 3, "several files");
}

#[test]
fn tampering_and_mixing_up_are_noticed() {
    let disk = FaultVfs::new();
    let vault = open(&disk);
    let a = vault.put("ada", &[("x", &[1; 100])]).unwrap().id;
    let b = vault.put("ada", &[("x", &[2; 100])]).unwrap().id;
    vault.sync().unwrap();
    let path = "vault/00000000.vlt";
    let whole = disk.read(path).unwrap();
    let half = whole.len() / 2;
    for at in 0..half {
        let file = disk.open(path).unwrap();
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        file.write_at(&bytes, 0).unwrap();
        assert!(vault.get(a).is_err(), "byte {at}");
    }
    // One record in the place of another.
    let swapped = [&whole[half..], &whole[..half]].concat();
    disk.open(path).unwrap().write_at(&swapped, 0).unwrap();
    assert!(vault.get(a).is_err() && vault.get(b).is_err());
    disk.open(path).unwrap().write_at(&whole, 0).unwrap();
    assert!(vault.get(a).is_ok() && vault.get(b).is_ok());
    for id in ["0-1", "9-0", "0-ffffff"] {
        assert!(vault.get(id.parse::<RecordId>().unwrap()).is_err());
    }
    for id in ["", "0", "00-0", "0-0x", "+1-0", "0--1"] {
        assert!(id.parse::<RecordId>().is_err(), "{id}");
    }
    let huge = vec![0; 17 * 1024 * 1024];
    assert!(matches!(
        vault.put("ada", &[("x", &huge)]),
        Err(VaultError::TooLarge)
    ));
}

#[test]
fn no_crash_loses_what_was_synced() {
    let work = |disk: &FaultVfs, kept: &mut Vec<(RecordId, u8)>| -> Result<(), VaultError> {
        let vault = Vault::open_with(
            Arc::new(disk.clone()),
            VaultOptions {
                file_bytes: 4_096,
                ..VaultOptions::default()
            },
        )?;
        for n in 0..20 {
            let subject = ["a", "b", "c"][n % 3];
            let id = vault.put(subject, &[("x", &[n as u8; 500])])?.id;
            vault.sync()?;
            kept.push((id, n as u8));
        }
        Ok(())
    };
    let whole = FaultVfs::new();
    work(&whole, &mut Vec::new()).unwrap();
    for crash_at in 1..=whole.operations() {
        let disk = FaultVfs::new();
        disk.crash_at(crash_at);
        let mut kept = Vec::new();
        assert!(work(&disk, &mut kept).is_err());
        for survival in [
            Survival::Nothing,
            Survival::Everything,
            Survival::Part(crash_at),
        ] {
            let found = disk.after_crash(survival);
            let vault = open(&found);
            for (id, n) in &kept {
                let record = vault.get(*id).unwrap_or_else(|e| panic!("{crash_at}: {e}"));
                assert_eq!(record.fields[0].1, [*n; 500]);
            }
            vault.put("a", &[("x", b"y")]).unwrap();
        }
    }
}

#[test]
fn one_process_at_a_time_and_the_right_key() {
    let disk = FaultVfs::new();
    let vault = open(&disk);
    vault.put("ada", &[("x", b"y")]).unwrap();
    let again = Vault::open_with(Arc::new(disk.clone()), VaultOptions::default());
    assert!(matches!(again, Err(VaultError::Locked)));
    drop(vault);
    disk.put("keys/vault.kek", Some(vec![7; 32]));
    let wrong = Vault::open_with(Arc::new(disk.clone()), VaultOptions::default());
    assert!(matches!(wrong, Err(VaultError::Corrupt(_))));
    disk.put("keys/vault.kek", None);
    assert!(Vault::open_with(Arc::new(disk), VaultOptions::default()).is_err());
}
