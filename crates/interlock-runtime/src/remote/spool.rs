//! Actions that ran because no server answered, kept on disk until the server has them.
//!
//! One line of JSON each: the action in its wire form, as `POST /api/actions` takes it, under an
//! idempotency key of its own, so that sending it twice records it once. Lines are synced before the
//! action may run, and go only when all of them were taken.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// Bytes that may wait; past them nothing more runs without the server.
const BYTES_MAX: u64 = 64 * 1024 * 1024;
const FILE: &str = "without-server.jsonl";
/// What the server would not record, for people.
const REFUSED: &str = "without-server.refused.jsonl";

#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
}

impl Spool {
    /// The spool in a data directory, which is made when it is not there.
    pub(super) fn open(data: &Path) -> io::Result<Self> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data)?;
        let spool = Self {
            path: data.join(FILE),
        };
        spool.file()?;
        File::open(data)?.sync_all()?;
        Ok(spool)
    }

    fn file(&self) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path)
    }

    /// Whether there is something to send.
    pub(super) fn is_empty(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|m| m.len() == 0)
    }

    /// Keeps a line; it is on disk when this returns.
    pub(super) fn put(&self, line: &str) -> io::Result<()> {
        let mut file = self.file()?;
        flock(&file, FlockOperation::LockExclusive)?;
        let bytes = file.metadata()?.len();
        if bytes + line.len() as u64 > BYTES_MAX {
            return Err(io::Error::other(format!(
                "`{}` has {bytes} bytes, the limit is {BYTES_MAX}",
                self.path.display()
            )));
        }
        // What a process wrote that was killed in the middle stays a line of its own.
        let torn = bytes > 0 && {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            last != *b"\n"
        };
        let start = if torn { "\n" } else { "" };
        file.write_all(format!("{start}{line}\n").as_bytes())?;
        file.sync_data()
    }

    /// Keeps a line that the server will not record, for people.
    pub(super) fn put_aside(&self, line: &str) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(self.path.with_file_name(REFUSED))?;
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_data()
    }

    /// Gives every line to `send` in its order and forgets them all once each was taken. Others that
    /// would put a line wait.
    pub(super) fn drain<E>(
        &self,
        mut send: impl FnMut(&str) -> Result<(), E>,
    ) -> io::Result<Result<usize, E>> {
        let mut file = self.file()?;
        // Another process is at it already: it will do.
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(Ok(0));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut sent = 0;
        for line in bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            let Ok(line) = std::str::from_utf8(line) else {
                continue;
            };
            if !line.ends_with('}') {
                tracing::warn!(
                    "a line of actions that ran without the server was cut off and is left out; its action did not run"
                );
                continue;
            }
            if let Err(error) = send(line) {
                return Ok(Err(error));
            }
            sent += 1;
        }
        file.set_len(0)?;
        file.sync_data()?;
        Ok(Ok(sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_until_all_are_taken() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::open(&directory.path().join("data")).unwrap();
        assert!(spool.is_empty());
        for n in 0..3 {
            spool.put(&format!("{{\"n\":{n}}}")).unwrap();
        }
        // A process was killed while it wrote.
        let mut file = spool.file().unwrap();
        file.write_all(b"{\"n\":3,\"ha").unwrap();
        spool.put("{\"n\":4}").unwrap();
        assert!(!spool.is_empty());
        let mut seen = Vec::new();
        let failed = spool.drain(|line| {
            seen.push(line.to_owned());
            if seen.len() == 2 { Err("down") } else { Ok(()) }
        });
        assert_eq!(failed.unwrap(), Err("down"));
        seen.clear();
        let sent = spool.drain(|line| {
            seen.push(line.to_owned());
            Ok::<(), ()>(())
        });
        assert_eq!(sent.unwrap(), Ok(4));
        assert_eq!(seen, ["{\"n\":0}", "{\"n\":1}", "{\"n\":2}", "{\"n\":4}"]);
        assert!(spool.is_empty());
    }

    #[test]
    fn what_is_full_takes_nothing_more() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::open(directory.path()).unwrap();
        spool.file().unwrap().set_len(BYTES_MAX).unwrap();
        let said = spool.put("{}").unwrap_err().to_string();
        assert!(said.contains("the limit is"), "{said}");
    }
}
