//! What an evidence bundle takes from the journal: entries without copies, keys, checkpoints and a
//! signature.

use super::error::JournalError;
use super::state::log_path;
use super::{Head, Journal};
use interlock_core::audit::Hash;
use interlock_core::audit::frame::Kind;
use std::ops::ControlFlow;

/// What a text must begin with for the log's key to sign it.
const STATEMENT: &str = "interlock evidence v1\n";
/// Largest note and what is read at once.
const CHUNK_BYTES: usize = 128 * 1024;

/// An entry where it lies.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Its sequence number.
    pub seq: u64,
    /// What it records.
    pub kind: Kind,
    /// Its leaf.
    pub leaf: &'a Hash,
    /// Its link.
    pub link: &'a Hash,
    /// Its body.
    pub body: &'a [u8],
}

impl Journal {
    /// Calls `f` with the tenant's entries from `from` up to and without `to`, in order and without
    /// copying them, until it breaks. In constant memory.
    ///
    /// # Errors
    /// When there is no such log, or the journal cannot be read.
    pub fn scan(
        &self,
        tenant: &str,
        from: u64,
        to: u64,
        f: &mut dyn FnMut(Seen<'_>) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        let (log, _, frontier) = self.shared().log_of(tenant)?;
        let to = to.min(frontier.size());
        if from >= to {
            return Ok(());
        }
        self.shared().entries(log, from, &mut |_, header, body| {
            let flow = f(Seen {
                seq: header.seq,
                kind: header.kind,
                leaf: &header.leaf,
                link: &header.link,
                body,
            });
            if header.seq + 1 == to {
                return ControlFlow::Break(());
            }
            flow
        })
    }

    /// The keys of the tenant's log: the number of the entry that introduced each, and its vkey.
    #[must_use]
    pub fn key_epochs(&self, tenant: &str) -> Vec<(u64, String)> {
        let state = self.shared().state();
        let log = state.by_tenant.get(tenant).and_then(|n| state.logs.get(*n));
        let keys = log.into_iter().flat_map(|log| log.keys.iter());
        keys.map(|(seq, key)| (seq, key.vkey())).collect()
    }

    /// Signs a statement about evidence with the key that signs checkpoints of `size`.
    ///
    /// The statement begins with `interlock evidence v1`, so that it can be taken for no checkpoint
    /// and for no rotation of a key.
    ///
    /// # Errors
    /// When the text is no such statement, there is no such log, or its key has been replaced.
    pub fn sign_evidence(
        &self,
        tenant: &str,
        size: u64,
        statement: &str,
    ) -> Result<String, JournalError> {
        if !statement.starts_with(STATEMENT) {
            return Err(JournalError::Key("this is no statement about evidence"));
        }
        let key = {
            let state = self.shared().state();
            let log = state.by_tenant.get(tenant).and_then(|n| state.logs.get(*n));
            let log = log.ok_or_else(|| JournalError::UnknownTenant(tenant.to_owned()))?;
            log.keys.for_size(size).cloned()
        };
        let signer = key.and_then(|key| self.shared().signer(&key));
        let signer = signer.ok_or(JournalError::Key("the key was replaced; ask again"))?;
        Ok(signer.note(statement))
    }

    /// Calls `f` with each published checkpoint of the tenant's log, oldest first, until it breaks.
    ///
    /// # Errors
    /// When there is no such log, or its checkpoints cannot be read.
    pub fn published(
        &self,
        tenant: &str,
        f: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        let Head { id, .. } = self
            .head(tenant)
            .ok_or_else(|| JournalError::UnknownTenant(tenant.to_owned()))?;
        let read = JournalError::io("reading checkpoints");
        let path = log_path(&id, "checkpoints.log");
        let file = match self.shared().vfs.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(read(error)),
        };
        let (mut at, mut rest, mut chunk) = (0, Vec::new(), vec![0; CHUNK_BYTES]);
        loop {
            let n = file
                .read_at(&mut chunk, at)
                .map_err(JournalError::io("reading checkpoints"))?;
            rest.extend_from_slice(chunk.get(..n).unwrap_or_default());
            at += n as u64;
            let mut used = 0;
            while let Some(note) = first_note(rest.get(used..).unwrap_or_default()) {
                used += note.len() + 1;
                if f(note).is_break() {
                    return Ok(());
                }
            }
            rest.drain(..used);
            // What is no note, or one that is being written, ends it.
            if n == 0 || rest.len() > CHUNK_BYTES {
                return Ok(());
            }
        }
    }
}

/// The first of several notes, each with an empty line after it.
fn first_note(bytes: &[u8]) -> Option<&str> {
    let gap = |from: usize| {
        let rest = bytes.get(from..)?;
        Some(from + rest.windows(2).position(|pair| pair == b"\n\n")? + 2)
    };
    let end = gap(gap(0)?)?;
    core::str::from_utf8(bytes.get(..end - 1)?).ok()
}
