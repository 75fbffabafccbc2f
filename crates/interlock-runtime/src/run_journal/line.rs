//! A record of a run's journal, as it stands in the file.

use serde::{Deserialize, Serialize};

/// One record.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Line {
    /// The first one.
    Run { v: u32, run: String },
    /// A step waits for an approval.
    Asked {
        step: u32,
        name: String,
        digest: String,
        approval: String,
    },
    /// A step is about to happen.
    Begin {
        step: u32,
        name: String,
        digest: String,
        decision: String,
    },
    /// It happened. Without a result, it returned something that cannot be stored.
    Done {
        step: u32,
        /// JSON.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<String>,
        /// The person who said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// It raised an error.
    Failed { step: u32, error: String },
    /// A person says that it did not happen.
    NotRun { step: u32, by: String },
    /// Another step stood here before.
    Diverged {
        step: u32,
        was: String,
        name: String,
        digest: String,
    },
    /// A person ended the pause.
    Released { by: String },
    /// All steps are done.
    End {},
}

impl Line {
    /// The bytes of the record, its line feed included.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // Strings and integers: there is nothing that fails.
        let json = serde_json::to_string(self).unwrap_or_default();
        let crc = crc32c::crc32c(json.as_bytes());
        format!("{crc:08x} {json}\n").into_bytes()
    }

    /// Reads a record, without its line feed.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (crc, rest) = bytes.split_at_checked(8).ok_or("a line is too short")?;
        let crc = std::str::from_utf8(crc)
            .ok()
            .filter(|text| {
                text.bytes()
                    .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
            })
            .and_then(|text| u32::from_str_radix(text, 16).ok())
            .ok_or("a line has no checksum")?;
        let json = rest.strip_prefix(b" ").ok_or("a line has no checksum")?;
        if crc32c::crc32c(json) != crc {
            return Err("a line was changed".to_owned());
        }
        serde_json::from_slice(json).map_err(|error| format!("a line does not read: {error}"))
    }
}
