//! The evidence bundle: what of the record is handed to somebody who trusts nobody.
//!
//! A bundle is a zip of a part of one log with what proves it: entries as stored, the tiles of
//! their Merkle tree, a signed checkpoint, the keys, and a signed manifest of every file.
//! `verifiers/FORMAT.md` states the format and the order of checks; `verify.py` and `verify.html`
//! follow the same page.
//!
//! **Invariant:** [`verify`] shares no code with [`zip::write`] and [`tiles::Builder`]. **Invariant:** nothing
//! is inflated before its manifest is known to be signed, but the manifest, its note and the keys, which are bounded.

pub mod keys;
pub mod manifest;
pub mod tiles;
pub mod verify;
pub mod zip;

/// Longest name of a file in a bundle.
pub const NAME_BYTES_MAX: usize = 200;
/// Most files of a bundle.
pub const FILES_MAX: usize = 1 << 20;
/// Largest manifest.
pub const MANIFEST_BYTES_MAX: u64 = 64 << 20;
/// Largest of the other files that are read as a whole: keys, checkpoints, ranges.
pub const SMALL_BYTES_MAX: u64 = 16 << 20;

/// The signed list of files.
pub const MANIFEST: &str = "manifest.json";
/// Its signature.
pub const MANIFEST_NOTE: &str = "manifest.note";
/// The keys of the log.
pub const KEYS: &str = "keys/keys.json";
/// The checkpoint that all is proved against.
pub const CHECKPOINT: &str = "checkpoint";
/// Earlier checkpoints.
pub const CHECKPOINTS: &str = "checkpoints.txt";
/// Which entries are enclosed.
pub const RANGES: &str = "ranges.csv";
/// The entries, one body a line.
pub const ENTRIES: &str = "entries.jsonl";

/// Whether a bundle may have a file of this name: a relative path of plain characters.
#[must_use]
pub fn name_is_valid(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b))
        && name
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..")
}

/// A name as it can be printed: what is not plain is a question mark, and it ends after 100.
#[must_use]
pub fn printable(name: &[u8]) -> String {
    name.iter()
        .take(100)
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"._-/".contains(b) {
                char::from(*b)
            } else {
                '?'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "tile/0/x001/000.p/7", "README.html", "a..b", "-"] {
            assert!(name_is_valid(good), "{good}");
        }
        for bad in [
            "",
            "/a",
            "a/",
            "a//b",
            "../a",
            "a/../b",
            ".",
            "a/.",
            "C:\\a",
            "a b",
            "ü",
            "a\0",
            &"a".repeat(201),
        ] {
            assert!(!name_is_valid(bad), "{bad}");
        }
        assert_eq!(printable("../ü<b>\n".as_bytes()), "../???b??");
    }
}
