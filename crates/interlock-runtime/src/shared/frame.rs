//! Messages on a stream: a length, then as many bytes. Bounded in size and in time.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How long one read waits before its caller is asked whether to go on.
pub(crate) const SLICE: Duration = Duration::from_millis(250);
/// How long a message that has begun may take to be complete, and a write to be taken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes that are read at once, and kept between messages.
const BUFFER_BYTES: usize = 16 * 1024;

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Frames {
    stream: UnixStream,
    buffer: Vec<u8>,
    /// Where what was read and not yet taken lies in `buffer`.
    start: usize,
    end: usize,
}

/// Why there is no message.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The other side closed the connection between two messages.
    End,
    /// The caller did not want to wait longer.
    Stopped,
    /// The stream failed, or ended within a message.
    Io(io::Error),
    /// A message says that it is empty or larger than it may be.
    Size(usize),
}

impl Frames {
    pub(crate) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(SLICE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
        })
    }

    /// Sends a message, which must not be empty or too large for the other side.
    pub(crate) fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let length = u32::try_from(message.len()).map_err(|_| ErrorKind::FileTooLarge)?;
        let mut frame = Vec::with_capacity(4 + message.len());
        frame.extend_from_slice(&length.to_le_bytes());
        frame.extend_from_slice(message);
        self.stream.write_all(&frame)
    }

    /// The next message, of at most `bytes_max`. While nothing of it is there, `wait` is asked
    /// every [`SLICE`] whether to go on.
    pub(crate) fn receive(
        &mut self,
        bytes_max: usize,
        mut wait: impl FnMut() -> bool,
    ) -> Result<Vec<u8>, Broken> {
        let mut begun: Option<Instant> = None;
        loop {
            let there = self.end - self.start;
            if there > 0 {
                let begun = *begun.get_or_insert_with(Instant::now);
                if begun.elapsed() > PATIENCE {
                    return Err(Broken::Io(ErrorKind::TimedOut.into()));
                }
            }
            let mut wanted = 4;
            if let Some(head) = self.buffer.get(self.start..self.start + 4.min(there))
                && let Ok(head) = <[u8; 4]>::try_from(head)
            {
                let length = usize::try_from(u32::from_le_bytes(head)).unwrap_or(usize::MAX);
                if length == 0 || length > bytes_max {
                    return Err(Broken::Size(length));
                }
                wanted = 4 + length;
                if there >= wanted {
                    let at = self.start + 4;
                    let message = self.buffer[at..at + length].to_vec();
                    self.start += wanted;
                    if self.start == self.end {
                        (self.start, self.end) = (0, 0);
                        // A large message does not keep its room for good.
                        self.buffer.truncate(BUFFER_BYTES);
                        self.buffer.shrink_to(BUFFER_BYTES);
                    }
                    return Ok(message);
                }
            }
            if self.start + wanted > self.buffer.len() {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, there);
                if wanted > self.buffer.len() {
                    self.buffer.resize(wanted, 0);
                }
            }
            match self.stream.read(&mut self.buffer[self.end..]) {
                Ok(0) if there == 0 => return Err(Broken::End),
                Ok(0) => return Err(Broken::Io(ErrorKind::UnexpectedEof.into())),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    if there == 0 && !wait() {
                        return Err(Broken::Stopped);
                    }
                }
                Err(error) => return Err(Broken::Io(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Frames, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Frames::new(ours).unwrap(), theirs)
    }

    #[test]
    fn messages_arrive_whole_however_they_are_cut() {
        let (mut frames, mut theirs) = pair();
        let large = vec![7u8; 100_000];
        let sent = large.clone();
        let writer = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            for message in [&b"a"[..], b"bcd", &sent, b"e"] {
                bytes.extend_from_slice(&u32::try_from(message.len()).unwrap().to_le_bytes());
                bytes.extend_from_slice(message);
            }
            let (first, rest) = bytes.split_at(7);
            for byte in first {
                theirs.write_all(&[*byte]).unwrap();
                std::thread::sleep(Duration::from_millis(1));
            }
            theirs.write_all(rest).unwrap();
        });
        for expected in [&b"a"[..], b"bcd", &large, b"e"] {
            assert_eq!(frames.receive(1 << 20, || true).unwrap(), expected);
        }
        writer.join().unwrap();
        assert!(matches!(frames.receive(1 << 20, || true), Err(Broken::End)));
    }

    #[test]
    fn a_length_that_may_not_be_is_refused_before_its_bytes() {
        for length in [0u32, 101, u32::MAX] {
            let (mut frames, mut theirs) = pair();
            theirs.write_all(&length.to_le_bytes()).unwrap();
            assert!(matches!(frames.receive(100, || true), Err(Broken::Size(_))));
        }
    }

    #[test]
    fn half_a_message_and_the_end_is_a_failure() {
        let (mut frames, mut theirs) = pair();
        theirs.write_all(&[9, 0, 0, 0, 1, 2]).unwrap();
        drop(theirs);
        assert!(matches!(frames.receive(100, || true), Err(Broken::Io(_))));
        let (mut frames, _theirs) = pair();
        assert!(matches!(
            frames.receive(100, || false),
            Err(Broken::Stopped)
        ));
    }
}
