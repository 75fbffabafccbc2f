//! The manifest: what the bundle is of, and the digest of every file.

use interlock_core::audit::{Hash, hex, unhex};
use serde::{Deserialize, Serialize};

use crate::zip::write::Written;

/// The format that [`Manifest::format`] names.
pub const FORMAT: &str = "interlock-evidence-1";
/// Numbers of a manifest are at most this, so that every reader holds them exactly.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scope {
    /// Entries from this time on, RFC 3339; absent: from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Entries before this time; absent: to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Only entries of this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Only entries about this decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

impl Scope {
    /// Whether entries in between are left out.
    #[must_use]
    pub fn is_selective(&self) -> bool {
        self.run.is_some() || self.action.is_some()
    }
}

/// A file of the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its content, hex.
    pub sha256: String,
}

impl From<&Written> for FileEntry {
    fn from(written: &Written) -> Self {
        Self {
            name: written.name.clone(),
            bytes: written.bytes,
            sha256: hex(&written.sha256),
        }
    }
}

/// The list of files, which the log's key signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// The tenant.
    pub tenant: String,
    /// The identity of the log in its checkpoints.
    pub origin: String,
    /// When the bundle was made, RFC 3339.
    pub created: String,
    /// Who asked for it.
    pub by: String,
    /// What was asked for.
    pub scope: Scope,
    /// Entries of the log, as the checkpoint has it.
    pub size: u64,
    /// Entries enclosed.
    pub entries: u64,
    /// Every file but the manifest and its note, in the order of the bundle.
    pub files: Vec<FileEntry>,
}

impl Manifest {
    /// Reads a manifest; `None` when a field is missing or outside its limits.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let manifest: Self = serde_json::from_slice(bytes).ok()?;
        let files = manifest.files.iter().all(|file| {
            crate::name_is_valid(&file.name)
                && file.bytes <= NUMBER_MAX
                && unhex(&file.sha256).is_some_and(|digest| digest.len() == 32)
        });
        (manifest.format == FORMAT
            && files
            && manifest.files.len() <= crate::FILES_MAX
            && manifest.size <= NUMBER_MAX
            && manifest.entries <= manifest.size)
            .then_some(manifest)
    }
}

/// What is signed: a text that is no checkpoint, whatever its origin, since no log is called so.
#[must_use]
pub fn statement(origin: &str, size: u64, manifest_sha256: &Hash) -> String {
    format!(
        "interlock evidence v1\n{origin}\n{size}\n{}\n",
        hex(manifest_sha256)
    )
}

/// Reads [`statement`]: origin, size, digest.
#[must_use]
pub fn read_statement(text: &str) -> Option<(&str, u64, Hash)> {
    let rest = text.strip_prefix("interlock evidence v1\n")?;
    let mut lines = rest.strip_suffix('\n')?.split('\n');
    let (origin, size, digest) = (lines.next()?, lines.next()?, lines.next()?);
    if lines.next().is_some() || digest.len() != 64 {
        return None;
    }
    let size = interlock_core::audit::checkpoint::decimal(size)?;
    Some((origin, size, unhex(digest)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements() {
        let text = statement("interlock.local/x", 7, &[0xab; 32]);
        assert_eq!(
            read_statement(&text),
            Some(("interlock.local/x", 7, [0xab; 32]))
        );
        for bad in [
            "",
            "interlock evidence v1\n",
            &text[..text.len() - 1],
            &format!("{text}x\n"),
            &text.replace('7', "07"),
            &text.replace("ab", "AB"),
        ] {
            assert_eq!(read_statement(bad), None, "{bad:?}");
        }
        assert!(interlock_core::audit::checkpoint::Checkpoint::parse(&text).is_none());
    }
}
