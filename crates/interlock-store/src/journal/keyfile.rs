//! Private keys on disk: one file per key with its 32-byte seed, readable by its owner alone.

use super::error::JournalError;
use super::vfs::Vfs;
use interlock_core::audit::hex;
use interlock_core::audit::note::{Signer, Verifier};
use zeroize::Zeroizing;

const DIR: &str = "keys";

fn path(key: &Verifier) -> String {
    format!("{DIR}/journal-{}.seed", hex(&key.id()))
}

/// Draws a key and stores it durably.
pub(super) fn create(vfs: &dyn Vfs, name: &str) -> Result<Signer, JournalError> {
    let mut seed = Zeroizing::new([0u8; 32]);
    getrandom::fill(&mut *seed).map_err(|_| JournalError::Key("no randomness"))?;
    let signer = Signer::from_seed(name, &seed)
        .map_err(|_| JournalError::Key("the origin is not usable as a key name"))?;
    vfs.create_dir(DIR)
        .and_then(|()| vfs.publish(&path(signer.verifier()), &*seed))
        .map_err(JournalError::io("storing the signing key"))?;
    Ok(signer)
}

/// All keys stored under `name`.
pub(super) fn load(vfs: &dyn Vfs, name: &str) -> Result<Vec<Signer>, JournalError> {
    let mut names = vfs
        .list(DIR)
        .map_err(JournalError::io("listing the signing keys"))?;
    names.retain(|file| file.starts_with("journal-") && file.ends_with(".seed"));
    names.sort();
    let mut signers = Vec::new();
    for file in names {
        let bytes = vfs
            .read(&format!("{DIR}/{file}"))
            .map_err(JournalError::io("reading a signing key"))?;
        let bytes = Zeroizing::new(bytes);
        let Ok(seed) = <&[u8; 32]>::try_from(&bytes[..]) else {
            continue;
        };
        if let Ok(signer) = Signer::from_seed(name, seed) {
            signers.push(signer);
        }
    }
    Ok(signers)
}

/// Deletes a private key.
pub(super) fn delete(vfs: &dyn Vfs, key: &Verifier) -> Result<(), JournalError> {
    let path = path(key);
    // Overwritten first; a copy-on-write disk may keep the old blocks all the same.
    vfs.open(&path)
        .and_then(|file| {
            file.write_at(&[0; 32], 0)?;
            file.sync()
        })
        .and_then(|()| vfs.remove(&path))
        .and_then(|()| vfs.sync_dir(DIR))
        .map_err(JournalError::io("deleting a signing key"))
}
