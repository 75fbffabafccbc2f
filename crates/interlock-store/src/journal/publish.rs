//! Signing checkpoints and putting them on disk, beside the path of appends.

use super::Shared;
use super::error::JournalError;
use super::state::{LogState, Signed, log_path};
use super::vfs::Vfs;
use interlock_core::audit::checkpoint::Checkpoint;
use interlock_core::audit::note::Note;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

/// How long signed checkpoints may wait before they are synced.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

pub(super) enum Job {
    /// Sign the head of a log.
    Sign {
        log: usize,
        checkpoint: Checkpoint,
        reply: Option<SyncSender<Result<Arc<str>, JournalError>>>,
    },
    /// Make an empty segment ready.
    Spare,
    /// Publish all and end.
    Close,
}

/// The notes of a `checkpoints.log`, an empty line after each, and the length of those that are
/// whole: the tail may be torn.
pub(super) fn split_history(bytes: &[u8]) -> (Vec<&str>, usize) {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or(""),
    };
    let mut notes = Vec::new();
    let mut at = 0;
    while let Some(body) = text[at..].find("\n\n") {
        let Some(lines) = text[at + body + 2..].find("\n\n") else {
            break;
        };
        let end = at + body + 2 + lines + 2;
        let note = &text[at..end - 1];
        if Note::parse(note).is_err() {
            break;
        }
        notes.push(note);
        at = end;
    }
    (notes, at)
}

fn read_note(note: &str) -> Option<(Checkpoint, Arc<str>)> {
    let checkpoint = Checkpoint::parse(Note::parse(note).ok()?.text)?;
    Some((checkpoint, note.into()))
}

/// The newest checkpoint in the folder of a log, its signature not yet checked.
pub(super) fn notes_of(
    vfs: &dyn Vfs,
    id: &str,
) -> Result<Option<(Checkpoint, Arc<str>)>, JournalError> {
    let unsigned = || JournalError::Signature { log: id.to_owned() };
    let mut newest: Option<(Checkpoint, Arc<str>)> = None;
    match vfs.read(&log_path(id, "checkpoint")) {
        Ok(bytes) => {
            let text = std::str::from_utf8(&bytes).map_err(|_| unsigned())?;
            newest = Some(read_note(text).ok_or_else(unsigned)?);
        }
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(JournalError::io("reading a checkpoint")(e)),
    }
    match vfs.read(&log_path(id, "checkpoints.log")) {
        Ok(bytes) => {
            let (notes, _) = split_history(&bytes);
            if let Some(note) = notes.last() {
                let last = read_note(note).ok_or_else(unsigned)?;
                if newest.as_ref().is_none_or(|(c, _)| c.size < last.0.size) {
                    newest = Some(last);
                }
            }
        }
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(JournalError::io("reading the checkpoints")(e)),
    }
    Ok(newest)
}

/// Holds the newest checkpoint on disk against the recovered log.
pub(super) fn newest_signed(
    log: &LogState,
    checkpoint: &Checkpoint,
    note: &Arc<str>,
) -> Result<Signed, JournalError> {
    let unsigned = || JournalError::Signature {
        log: log.id.clone(),
    };
    let parsed = Note::parse(note).map_err(|_| unsigned())?;
    // When entries were lost, so may be the rotation that introduced the key.
    if checkpoint.size > log.size() {
        return Err(JournalError::RolledBack {
            log: log.id.clone(),
            size: log.size(),
            signed: checkpoint.size,
        });
    }
    let key = log.keys.for_size(checkpoint.size).ok_or_else(unsigned)?;
    if checkpoint.origin != log.origin || parsed.verify(&[key]).is_err() {
        return Err(unsigned());
    }
    Ok(Signed {
        size: checkpoint.size,
        note: note.clone(),
    })
}

/// Writes signed checkpoints to disk.
#[derive(Debug)]
pub(super) struct Publisher {
    shared: Arc<Shared>,
    /// Notes not yet on disk, per log.
    waiting: BTreeMap<usize, Vec<Arc<str>>>,
    last: Instant,
}

impl Publisher {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            waiting: BTreeMap::new(),
            last: Instant::now(),
        }
    }

    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            let due = match self.waiting.is_empty() {
                true => PUBLISH_EVERY,
                false => PUBLISH_EVERY.saturating_sub(self.last.elapsed()),
            };
            match jobs.recv_timeout(due) {
                Ok(Job::Close) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(job) => self.take(job),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.last.elapsed() >= PUBLISH_EVERY {
                self.flush();
            }
        }
        self.flush();
    }

    pub(super) fn take(&mut self, job: Job) {
        match job {
            Job::Sign {
                log,
                checkpoint,
                reply,
            } => {
                let signed = self.sign(log, &checkpoint);
                if let Some(reply) = reply {
                    let _ = reply.send(signed);
                }
            }
            Job::Spare => self.shared.prepare_spare(),
            Job::Close => {}
        }
    }

    fn sign(&mut self, log: usize, checkpoint: &Checkpoint) -> Result<Arc<str>, JournalError> {
        let mut state = self.shared.state_mut();
        let entry = state.logs.get_mut(log).ok_or(JournalError::Closed)?;
        if let Some(signed) = &entry.signed
            && signed.size >= checkpoint.size
        {
            return Ok(signed.note.clone());
        }
        let key = entry.keys.for_size(checkpoint.size).cloned();
        drop(state);
        let signer = key.and_then(|key| self.shared.signer(&key));
        let signer = signer.ok_or(JournalError::Key("the key of this epoch is gone"))?;
        let note: Arc<str> = signer.note(&checkpoint.text()).into();
        state = self.shared.state_mut();
        if let Some(entry) = state.logs.get_mut(log) {
            entry.signed = Some(Signed {
                size: checkpoint.size,
                note: note.clone(),
            });
        }
        drop(state);
        self.waiting.entry(log).or_default().push(note.clone());
        Ok(note)
    }

    /// Appends what waits to `checkpoints.log`, syncs, and replaces `checkpoint`.
    pub(super) fn flush(&mut self) {
        self.last = Instant::now();
        for (log, notes) in std::mem::take(&mut self.waiting) {
            let id = self.shared.state().logs.get(log).map(|log| log.id.clone());
            let Some(id) = id else { continue };
            let mut written = self.write(&id, &notes);
            if matches!(&written, Err(e) if e.kind() == ErrorKind::StorageFull) {
                self.shared.release_reserve();
                written = self.write(&id, &notes);
            }
            if let Err(error) = written {
                // The log itself is whole, and the newest checkpoint covers the others.
                tracing::error!(log = id, %error, "cannot write a checkpoint");
                self.waiting
                    .insert(log, notes.last().cloned().into_iter().collect());
            }
        }
    }

    fn write(&self, id: &str, notes: &[Arc<str>]) -> std::io::Result<()> {
        let vfs = &self.shared.vfs;
        let path = log_path(id, "checkpoints.log");
        let file = match vfs.open(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                let file = vfs.create(&path)?;
                vfs.sync_dir(log_path(id, "").trim_end_matches('/'))?;
                file
            }
            other => other?,
        };
        let mut bytes = String::new();
        for note in notes {
            bytes.push_str(note);
            bytes.push('\n');
        }
        let end = file.bytes()?;
        if let Err(error) = file
            .write_at(bytes.as_bytes(), end)
            .and_then(|()| file.sync())
        {
            // Half a note in the middle would hide all that follow.
            let _ = file.set_bytes(end);
            return Err(error);
        }
        match notes.last() {
            Some(note) => vfs.publish(&log_path(id, "checkpoint"), note.as_bytes()),
            None => Ok(()),
        }
    }
}

/// Cuts the torn tail of a `checkpoints.log`.
pub(super) fn repair_history(vfs: &dyn Vfs, id: &str) -> std::io::Result<()> {
    let path = log_path(id, "checkpoints.log");
    let bytes = match vfs.read(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let (_, whole) = split_history(&bytes);
    if whole < bytes.len() {
        let file = vfs.open(&path)?;
        file.set_bytes(whole as u64)?;
        file.sync()?;
    }
    Ok(())
}
