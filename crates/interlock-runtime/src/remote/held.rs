//! What a connected client keeps of its server in its data directory: the key that it trusts, the
//! last bundle, the last switches, and how much of the record the server has.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use interlock_core::audit::note::Verifier;
use interlock_policy::{Lease, Manifest, VerifiedBundle, verify_bundle};
use serde::{Deserialize, Serialize};

use super::refused::Refused;

const DIRECTORY: &str = "server";
const IDENTITY: &str = "identity.json";
const BUNDLE: &str = "bundle.json";
const SWITCHES: &str = "switches.json";
const SENT: &str = "sent";

/// By what a server is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// The key that signs its bundles and leases, in C2SP form.
    pub(crate) vkey: String,
    /// The tenant that this client is of.
    pub(crate) tenant: String,
}

/// The directory of one server within a data directory.
#[derive(Debug)]
pub(crate) struct Held {
    directory: PathBuf,
}

fn damaged(path: &Path, why: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("`{}` is damaged: {why}", path.display()))
}

impl Held {
    pub(crate) fn open(data: &Path) -> io::Result<Self> {
        let directory = data.join(DIRECTORY);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)?;
        Ok(Self { directory })
    }

    /// The records that the server will not have.
    pub(super) fn refused(&self) -> Refused {
        Refused::in_directory(&self.directory)
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.directory.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces a file as a whole; durable when this returns.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.directory.join(name);
        let aside = self
            .directory
            .join(format!("{name}.{}.new", std::process::id()));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&aside, &path)?;
        File::open(&self.directory)?.sync_all()
    }

    /// By what the server is known, once it was met.
    pub(crate) fn identity(&self) -> io::Result<Option<Identity>> {
        let Some(bytes) = self.read(IDENTITY)? else {
            return Ok(None);
        };
        let path = self.directory.join(IDENTITY);
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| damaged(&path, e))
    }

    pub(crate) fn set_identity(&self, identity: &Identity) -> io::Result<()> {
        let bytes = serde_json::to_vec(identity).map_err(io::Error::other)?;
        self.write(IDENTITY, &bytes)
    }

    /// The last bundle, checked again.
    pub(crate) fn bundle(&self) -> io::Result<Option<VerifiedBundle>> {
        let (Some(identity), Some(bytes)) = (self.identity()?, self.read(BUNDLE)?) else {
            return Ok(None);
        };
        let path = self.directory.join(BUNDLE);
        let key = Verifier::parse(&identity.vkey).map_err(|e| damaged(&path, e))?;
        verify_bundle(&bytes, &key, &identity.tenant, None)
            .map(Some)
            .map_err(|e| damaged(&path, e))
    }

    /// The manifest of the last bundle: nothing older is taken.
    pub(crate) fn manifest(&self) -> io::Result<Option<Manifest>> {
        Ok(self.bundle()?.map(|bundle| bundle.manifest))
    }

    /// Keeps a bundle that was checked.
    pub(crate) fn set_bundle(&self, bytes: &[u8]) -> io::Result<()> {
        self.write(BUNDLE, bytes)
    }

    /// What the server had switched when it last answered.
    pub(crate) fn switches(&self) -> io::Result<Option<Lease>> {
        let Some(bytes) = self.read(SWITCHES)? else {
            return Ok(None);
        };
        let path = self.directory.join(SWITCHES);
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| damaged(&path, e))
    }

    /// Keeps what a lease says beside how long it holds.
    pub(crate) fn set_switches(&self, lease: &Lease) -> io::Result<()> {
        let bytes = serde_json::to_vec(lease).map_err(io::Error::other)?;
        self.write(SWITCHES, &bytes)
    }

    /// The first entry of the record that the server may not have.
    pub(crate) fn sent(&self) -> io::Result<Option<u64>> {
        let Some(bytes) = self.read(SENT)? else {
            return Ok(None);
        };
        let path = self.directory.join(SENT);
        let text = String::from_utf8(bytes).map_err(|e| damaged(&path, e))?;
        let number = text.trim().parse().map_err(|e| damaged(&path, e))?;
        Ok(Some(number))
    }

    pub(crate) fn set_sent(&self, next: u64) -> io::Result<()> {
        self.write(SENT, format!("{next}\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_there_again_and_damage_is_said() {
        let data = tempfile::tempdir().unwrap();
        let held = Held::open(data.path()).unwrap();
        assert_eq!(held.identity().unwrap(), None);
        assert!(held.bundle().unwrap().is_none());
        assert_eq!(held.sent().unwrap(), None);
        let identity = Identity {
            vkey: "k".to_owned(),
            tenant: "t".to_owned(),
        };
        held.set_identity(&identity).unwrap();
        held.set_sent(7).unwrap();
        held.set_sent(9).unwrap();
        let again = Held::open(data.path()).unwrap();
        assert_eq!(again.identity().unwrap(), Some(identity));
        assert_eq!(again.sent().unwrap(), Some(9));
        // No key is made up, and nothing is counted as sent, where a file is damaged.
        for name in [IDENTITY, SENT, SWITCHES] {
            fs::write(held.directory.join(name), "{").unwrap();
        }
        for said in [
            held.identity().unwrap_err(),
            held.sent().unwrap_err(),
            held.switches().unwrap_err(),
        ] {
            assert!(said.to_string().contains("is damaged"), "{said}");
        }
    }
}
