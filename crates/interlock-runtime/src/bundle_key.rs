//! The key that signs bundles. It is not the key of the record: who learns it can give clients
//! another policy, but cannot forge what happened.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use interlock_core::audit::note::Signer;
use zeroize::Zeroizing;

/// The name of the key in signatures.
const NAME: &str = "interlock/bundle";
const FILE: &str = "bundle.seed";

/// The key of a data directory; drawn and stored durably, readable by its owner alone, if there is
/// none yet.
pub(crate) fn open(data: &Path) -> io::Result<Signer> {
    let directory = data.join("keys");
    std::fs::create_dir_all(&directory)?;
    let path = directory.join(FILE);
    match read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).map_err(|e| io::Error::other(e.to_string()))?;
    // Written aside and linked, so that no reader ever sees half of it.
    let aside = directory.join(format!("{FILE}.{}.new", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = options
        .open(&aside)
        .and_then(|mut file| {
            file.write_all(&*seed)?;
            file.sync_all()
        })
        .and_then(|()| match std::fs::hard_link(&aside, &path) {
            // Another process was faster: its key is the one.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        });
    let removed = std::fs::remove_file(&aside);
    made.and(removed)?;
    File::open(&directory)?.sync_all()?;
    read(&path)
}

fn read(path: &Path) -> io::Result<Signer> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(64));
    File::open(path)?.take(33).read_to_end(&mut bytes)?;
    let damaged = |_| io::Error::other(format!("`{}` does not hold 32 bytes", path.display()));
    let seed = <&[u8; 32]>::try_from(bytes.as_slice()).map_err(damaged)?;
    Signer::from_seed(NAME, seed).map_err(|e| io::Error::other(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stays_and_is_its_owners() {
        let directory = tempfile::tempdir().unwrap();
        let first = open(directory.path()).unwrap().verifier().vkey();
        assert_eq!(open(directory.path()).unwrap().verifier().vkey(), first);
        let path = directory.path().join("keys").join(FILE);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(
            std::fs::read_dir(directory.path().join("keys"))
                .unwrap()
                .count(),
            1
        );
        // A damaged key is not replaced: clients trust the one that they know.
        std::fs::write(&path, [1; 31]).unwrap();
        assert!(
            open(directory.path())
                .unwrap_err()
                .to_string()
                .contains("32 bytes")
        );
        std::fs::write(&path, [1; 33]).unwrap();
        assert!(open(directory.path()).is_err());
    }
}
