//! Records that the server will not have, for the people who look after this client.
//!
//! They stay in the journal here. One line of JSON each says which one it is and why it was refused,
//! so that a record that is refused holds up none behind it and is not overlooked either.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use interlock_core::model::Value;
use serde::{Deserialize, Serialize};

use super::api::{RecordJson, RefusedJson};

/// Bytes of the file; a full one is set aside, and the one that was set aside before is forgotten.
const BYTES_MAX: u64 = 8 * 1024 * 1024;
const FILE: &str = "refused.jsonl";
const ASIDE: &str = "refused.1.jsonl";
/// Characters of the server's reason that are kept.
const WHY_CHARS_MAX: usize = 500;

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    /// Its number in the log here.
    seq: u64,
    kind: String,
    id: String,
    agent: String,
    why: String,
}

/// The list of one data directory; written by the process that sends.
#[derive(Debug)]
pub(super) struct Refused {
    directory: PathBuf,
    bytes_max: u64,
    /// How many there are, and the highest number among them, once it was looked.
    tally: Option<(u64, Option<u64>)>,
}

impl Refused {
    /// The list in the directory `server` of a data directory.
    pub(super) fn in_directory(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            bytes_max: BYTES_MAX,
            tally: None,
        }
    }

    /// Where the list is.
    pub(super) fn path(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    /// How many records the list names.
    pub(super) fn count(&mut self) -> io::Result<u64> {
        Ok(self.tally()?.0)
    }

    fn tally(&mut self) -> io::Result<(u64, Option<u64>)> {
        if let Some(known) = self.tally {
            return Ok(known);
        }
        let (mut count, mut last) = (0, None);
        for name in [ASIDE, FILE] {
            let file = match File::open(self.directory.join(name)) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for line in BufReader::new(file).split(b'\n') {
                // A line that was cut off is written again: its record is not marked as sent.
                if let Ok(line) = serde_json::from_slice::<Line>(&line?) {
                    count += 1;
                    last = last.max(Some(line.seq));
                }
            }
        }
        self.tally = Some((count, last));
        Ok((count, last))
    }

    /// Adds what was refused of `records`; on disk when this returns.
    pub(super) fn put(
        &mut self,
        records: &[RecordJson],
        refused: &[RefusedJson],
    ) -> io::Result<()> {
        let (mut count, mut last) = self.tally()?;
        let mut text = String::new();
        for one in refused {
            // The same batch again, after a crash or an answer that was lost.
            if last.is_some_and(|last| one.seq <= last) {
                continue;
            }
            let record = records.iter().find(|record| record.seq == one.seq);
            let body = record.and_then(|r| Value::parse(r.body.as_bytes()).ok());
            let of_body = |key: &str| {
                let found = body.as_ref().and_then(|body| body.get(key)?.as_str());
                found.unwrap_or_default().to_owned()
            };
            let line = Line {
                seq: one.seq,
                kind: record.map(|r| r.kind.clone()).unwrap_or_default(),
                id: of_body("id"),
                agent: of_body("agent"),
                why: one.message.chars().take(WHY_CHARS_MAX).collect(),
            };
            text += &serde_json::to_string(&line).map_err(io::Error::other)?;
            text.push('\n');
            count += 1;
            last = Some(one.seq);
        }
        if text.is_empty() {
            return Ok(());
        }
        // Looked at again when this fails in the middle.
        self.tally = None;
        let path = self.path();
        if fs::metadata(&path).is_ok_and(|m| m.len() + text.len() as u64 > self.bytes_max) {
            fs::rename(&path, self.directory.join(ASIDE))?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)?;
        let torn = file.metadata()?.len() > 0 && {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            last != *b"\n"
        };
        let start = if torn { "\n" } else { "" };
        file.write_all(format!("{start}{text}").as_bytes())?;
        file.sync_data()?;
        self.tally = Some((count, last));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(seq: u64) -> RecordJson {
        RecordJson {
            seq,
            kind: "decision".to_owned(),
            body: format!("{{\"id\":\"i{seq}\",\"agent\":\"a\"}}"),
        }
    }

    fn refused(seq: u64) -> RefusedJson {
        RefusedJson {
            seq,
            message: "it is of \"another\" agent".to_owned(),
        }
    }

    #[test]
    fn each_is_named_once_and_the_list_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Refused::in_directory(directory.path());
        let mut list = open();
        assert_eq!(list.count().unwrap(), 0);
        list.put(&[record(3), record(4)], &[refused(3), refused(4)])
            .unwrap();
        // The answer was lost, and the process ended: the batch is sent again.
        let mut list = open();
        list.put(&[record(4), record(5)], &[refused(4), refused(5)])
            .unwrap();
        assert_eq!(list.count().unwrap(), 3);
        let text = fs::read_to_string(list.path()).unwrap();
        let lines: Vec<Line> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let named: Vec<_> = lines.iter().map(|l| (l.seq, l.id.as_str())).collect();
        assert_eq!(named, [(3, "i3"), (4, "i4"), (5, "i5")]);
        assert_eq!(lines[0].why, "it is of \"another\" agent");

        // A line that was cut off is not counted, and spoils none after it.
        let mut file = OpenOptions::new().append(true).open(list.path()).unwrap();
        file.write_all(b"{\"seq\":6,\"ki").unwrap();
        let mut list = open();
        list.put(&[record(6)], &[refused(6)]).unwrap();
        assert_eq!((list.count().unwrap(), open().count().unwrap()), (4, 4));

        let mut small = Refused {
            bytes_max: 1_000,
            ..open()
        };
        for seq in 7..200 {
            small.put(&[record(seq)], &[refused(seq)]).unwrap();
        }
        let bytes: u64 = [FILE, ASIDE]
            .iter()
            .map(|name| fs::metadata(directory.path().join(name)).unwrap().len())
            .sum();
        assert!(bytes <= 2_200, "{bytes}");
        assert!(
            small.count().unwrap() >= 190,
            "forgotten ones are counted while it runs"
        );
        assert!((1..40).contains(&open().count().unwrap()));
    }
}
