//! Content comes back, is committed to, and can be erased.

use interlock_store::journal::fault::{FaultVfs, Survival};
use interlock_store::journal::vfs::Vfs as _;
use interlock_store::vault::{
    Owner, RecordId, Subject, Vault, VaultError, VaultOptions, commitment_text,
};
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
    let person = |id: &str| Subject::User {
        tenant: "clinic".into(),
        id: id.to_owned(),
    };
    let secret = b"the patient is called Ada Lovelace".to_vec();
    let mut stored = Vec::new();
    for n in 0..60u32 {
        let subject = ["6:clinic:user:ada", "6:clinic:user:grace"][(n % 2) as usize];
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
    // What was put before a restart counts too.
    drop(vault);
    let vault = open(&disk);
    let erased = vault
        .erase(&person("ada"), "officer", "on request")
        .unwrap()
        .expect("there is content");
    assert_eq!((erased.keys, erased.records), (1, 30));
    let erasure = &erased.erasure;
    assert_eq!(
        (&*erasure.tenant, &*erasure.kind, erasure.key),
        ("clinic", "user", vault.key_number(stored[0].id).unwrap())
    );
    // The three letters alone may stand in a hexadecimal hash.
    let written = format!("{erasure:?}");
    assert!(!written.contains(":ada") && !written.contains("\"ada"));
    assert!(matches!(
        vault.erase(&person("grace"), "officer", ""),
        Err(VaultError::Unfinished)
    ));
    vault.erasure_recorded().unwrap();
    assert_eq!(vault.erase(&person("ada"), "officer", "").unwrap(), None);
    assert!(!vault.holds("6:clinic:user:ada") && vault.holds("6:clinic:user:grace"));
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
    let again = vault
        .stage(Owner::Of(stored[0].id), true, &[("prompt", b"new")])
        .unwrap();
    vault.flush().unwrap();
    assert!(vault.holds("6:clinic:user:ada"));
    assert_ne!(
        vault.key_number(again.id).unwrap(),
        vault.key_number(stored[0].id).unwrap()
    );
    drop(vault);
    let vault = open(&disk);
    assert!(matches!(vault.get(stored[0].id), Err(VaultError::Erased)));
    assert_eq!(vault.get(again.id).unwrap().fields[0].1, b"new");
    assert_eq!(vault.get(stored[59].id).unwrap().fields[1].1, b"59");
    let files = disk.list("vault").unwrap();
    let records = files.iter().filter(|name| name.ends_with(".vlt"));
    assert!(records.count() > 1, "several files: {files:?}");
}

#[test]
fn who_closed_it_writes_no_more() {
    let disk = FaultVfs::new();
    let vault = open(&disk);
    let owner = Owner::Name("6:clinic:user:ada");
    let stored = vault.stage(owner, true, &[("prompt", b"x")]).unwrap();
    vault.flush().unwrap();
    vault.sync().unwrap();
    vault.close();
    let next = open(&disk);
    let refused = vault.stage(owner, true, &[("prompt", b"y")]);
    assert!(matches!(refused, Err(VaultError::Closed)), "{refused:?}");
    let refused = vault.resume_erasure();
    assert!(matches!(refused, Err(VaultError::Closed)), "{refused:?}");
    assert_eq!(next.get(stored.id).unwrap().fields[0].1, b"x");
}

#[test]
fn commitments_can_be_kept_without_content() {
    let disk = FaultVfs::new();
    let vault = open(&disk);
    let fields = [("prompt", &b"tell me"[..]), ("result", &b"no"[..])];
    let stored = vault.stage(Owner::Name("ada"), false, &fields).unwrap();
    assert!(vault.get(stored.id).is_err(), "not written yet");
    vault.flush().unwrap();
    let record = vault.get(stored.id).unwrap();
    assert_eq!(record.fields, []);
    // Who presents the content can be held against what was committed to.
    assert_eq!(record.commit("prompt", b"tell me"), stored.commitments[0]);
    assert_eq!(record.commit("result", b"no"), stored.commitments[1]);
    assert_ne!(record.commit("result", b"yes"), stored.commitments[1]);
    assert!(!disk.files()["vault/00000000.vlt"].is_empty());
    assert!(disk.files()["vault/00000000.vlt"].len() < 36 + 32 + 16 + 1);
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let disk = FaultVfs::new();
    let vault = open(&disk);
    let first = vault.put("ada", &[("x", &[1; 500])]).unwrap();
    vault.sync().unwrap();
    disk.set_quota(Some(disk.used_bytes() + 100));
    for subject in ["ada", "grace"] {
        assert!(matches!(
            vault.put(subject, &[("x", &[2; 500])]),
            Err(VaultError::Io(_))
        ));
    }
    disk.set_quota(None);
    let second = vault.put("grace", &[("x", &[3; 500])]).unwrap();
    vault.sync().unwrap();
    drop(vault);
    let vault = open(&disk.after_crash(Survival::Nothing));
    assert_eq!(vault.get(first.id).unwrap().fields[0].1, [1; 500]);
    assert_eq!(vault.get(second.id).unwrap().fields[0].1, [3; 500]);
}

#[test]
fn what_is_lost_before_its_time_is_told_to_who_sealed_it() {
    let person = Subject::User {
        tenant: "t".into(),
        id: "ada".to_owned(),
    };
    for by_erasure in [false, true] {
        let disk = FaultVfs::new();
        let vault = open(&disk);
        vault.put("1:t:user:ada", &[("x", &[1; 7_000])]).unwrap();
        vault.sync().unwrap();
        let seal = |bytes: usize| vault.stage(Owner::Name("ada"), true, &[("x", &vec![2; bytes])]);
        seal(500).unwrap();
        disk.set_quota(Some(disk.used_bytes()));
        // What was sealed is written early: by the next file, or by an erasure.
        if by_erasure {
            assert!(vault.erase(&person, "officer", "").is_err());
        } else {
            assert!(seal(1_000).is_err());
        }
        assert!(matches!(vault.flush(), Err(VaultError::Lost)));
        disk.set_quota(None);
        vault.flush().unwrap();
        let id = seal(500).unwrap().id;
        vault.flush().unwrap();
        assert_eq!(vault.get(id).unwrap().fields[0].1, [2; 500]);
    }
}

#[test]
fn the_number_of_subjects_has_a_limit() {
    let options = VaultOptions {
        subjects_max: 2,
        ..VaultOptions::default()
    };
    let vault = Vault::open_with(Arc::new(FaultVfs::new()), options).unwrap();
    vault.put("a", &[("x", b"")]).unwrap();
    vault.put("b", &[("x", b"")]).unwrap();
    assert!(matches!(
        vault.put("c", &[("x", b"")]),
        Err(VaultError::Full(2))
    ));
    vault.put("a", &[("x", b"")]).unwrap();
}

#[test]
fn an_erasure_that_a_crash_cuts_off_is_completed() {
    let person = Subject::User {
        tenant: "t".into(),
        id: "ada".to_owned(),
    };
    let begin = || {
        let disk = FaultVfs::new();
        let vault = open(&disk);
        let id = vault.put("1:t:user:ada", &[("x", &[1; 100])]).unwrap().id;
        let other = vault.put("1:t:user:grace", &[("x", b"y")]).unwrap().id;
        vault.sync().unwrap();
        (disk, vault, id, other)
    };
    let (disk, vault, ..) = begin();
    let before = disk.operations();
    vault.erase(&person, "officer", "").unwrap();
    let after = disk.operations();
    assert!(after > before + 3);
    for crash_at in before + 1..=after {
        let (disk, vault, id, other) = begin();
        disk.crash_at(crash_at);
        assert!(vault.erase(&person, "officer", "").is_err());
        for survival in [
            Survival::Nothing,
            Survival::Everything,
            Survival::Part(crash_at),
        ] {
            let vault = open(&disk.after_crash(survival));
            let erased = vault.resume_erasure().unwrap();
            // All or nothing; if anything, then with what its entry needs.
            match vault.get(id) {
                Ok(_) => assert_eq!(erased, None, "{crash_at}"),
                Err(VaultError::Erased) => {
                    let erased = erased.unwrap_or_else(|| panic!("{crash_at}"));
                    assert_eq!((erased.keys, erased.records), (1, 1));
                    assert_eq!(erased.erasure.by, "officer");
                    vault.erasure_recorded().unwrap();
                    assert_eq!(vault.resume_erasure().unwrap(), None);
                }
                Err(error) => panic!("{crash_at}: {error}"),
            }
            assert!(vault.get(other).is_ok());
        }
    }
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
