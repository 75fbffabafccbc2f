//! A file of lines that is put aside when it is full.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use super::config::{FileTarget, Format};
use super::event::SecurityEvent;
use super::lines;
use super::sink::{Destination, Failed};

/// How far back the end of the last whole line is looked for.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// Writes to one file.
pub(super) struct Rotating {
    target: FileTarget,
    format: Format,
    open: Option<File>,
}

impl Rotating {
    pub(super) fn new(target: &FileTarget, format: Format) -> Self {
        Self {
            target: target.clone(),
            format,
            open: None,
        }
    }

    /// The name of the `n`th file that was put aside.
    fn aside(&self, n: u32) -> PathBuf {
        let mut name = self.target.path.clone().into_os_string();
        name.push(format!(".{n}"));
        name.into()
    }

    fn open(&mut self) -> std::io::Result<&mut File> {
        if self.open.is_none() {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&self.target.path)?;
            cut_torn_line(&mut file)?;
            self.open = Some(file);
        }
        self.open
            .as_mut()
            .ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }

    fn put_aside(&mut self) -> std::io::Result<()> {
        self.open = None;
        let gone = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(e),
        };
        if self.target.keep == 0 {
            return std::fs::remove_file(&self.target.path).or_else(gone);
        }
        for n in (1..self.target.keep).rev() {
            std::fs::rename(self.aside(n), self.aside(n + 1)).or_else(gone)?;
        }
        std::fs::rename(&self.target.path, self.aside(1)).or_else(gone)
    }

    fn write(&mut self, text: &str) -> std::io::Result<()> {
        let bytes_max = self.target.bytes_max;
        let length = self.open()?.seek(SeekFrom::End(0))?;
        if length > 0 && length + text.len() as u64 > bytes_max {
            self.put_aside()?;
        }
        let file = self.open()?;
        file.seek(SeekFrom::End(0))?;
        file.write_all(text.as_bytes())?;
        file.sync_data()
    }
}

/// Cuts what a crash left of a line that was not acknowledged; it is written again as a whole.
fn cut_torn_line(file: &mut File) -> std::io::Result<()> {
    let length = file.seek(SeekFrom::End(0))?;
    let from = length.saturating_sub(LINE_BYTES_MAX);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.take(LINE_BYTES_MAX).read_to_end(&mut tail)?;
    let whole = tail
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    if whole < tail.len() {
        file.set_len(from + whole as u64)?;
    }
    Ok(())
}

impl Destination for Rotating {
    fn send(&mut self, events: &[SecurityEvent]) -> Result<(), Failed> {
        let mut text = String::new();
        for line in events.iter().flat_map(|event| lines(self.format, event)) {
            text.push_str(&line);
            text.push('\n');
        }
        self.write(&text).map_err(|error| {
            // What is there is not known any more; the next attempt looks.
            self.open = None;
            Failed::Later(format!("`{}`: {error}", self.target.path.display()), None)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(path: PathBuf, bytes_max: u64, keep: u32) -> Rotating {
        let target = FileTarget {
            path,
            bytes_max,
            keep,
        };
        Rotating::new(&target, Format::Jsonl)
    }

    #[test]
    fn full_files_are_put_aside_and_the_oldest_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let mut file = writer(path.clone(), 10, 2);
        for n in 0..5 {
            file.write(&format!("line {n}\n")).unwrap();
        }
        let read = |p: PathBuf| std::fs::read_to_string(p).unwrap();
        assert_eq!(read(path), "line 4\n");
        assert_eq!(read(file.aside(1)), "line 3\n");
        assert_eq!(read(file.aside(2)), "line 2\n");
        assert!(!file.aside(3).exists());
    }

    #[test]
    fn a_torn_line_is_cut_before_the_next_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        std::fs::write(&path, "whole\nto").unwrap();
        writer(path.clone(), 1_000, 1).write("again\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "whole\nagain\n");
        std::fs::write(&path, "torn from the start").unwrap();
        writer(path.clone(), 1_000, 1).write("x\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "x\n");
    }
}
