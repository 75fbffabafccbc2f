//! Where the socket of a data directory is, and who is at its other end.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_peercred};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

/// The socket's name in the data directory.
pub(crate) const SOCKET: &str = "interlock.sock";
/// Bytes of a path that fit into an address, its terminator not counted (`sun_path`).
const PATH_BYTES_MAX: usize = 107;
/// How long connecting may take: it waits when the owner does not accept.
const CONNECT: Duration = Duration::from_secs(1);

/// A path in a data directory, short enough for an address while this lives.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) path: PathBuf,
    /// Kept open for the path that goes through it.
    _directory: Option<File>,
}

impl Address {
    /// The address of `name` in `data`.
    pub(crate) fn of(data: &Path, name: &str) -> io::Result<Self> {
        let path = data.join(name);
        if path.as_os_str().as_bytes().len() <= PATH_BYTES_MAX {
            return Ok(Self {
                path,
                _directory: None,
            });
        }
        let directory = File::open(data)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{name}", directory.as_raw_fd()));
        if !Path::new("/proc/self/fd").exists() {
            return Err(io::Error::other(format!(
                "the path of the socket has more than {PATH_BYTES_MAX} bytes and there is no `/proc`: use a shorter data directory"
            )));
        }
        Ok(Self {
            path,
            _directory: Some(directory),
        })
    }
}

/// Connects to the owner of `data`, if there is a socket that somebody listens on.
pub(crate) fn dial(data: &Path) -> io::Result<UnixStream> {
    let address = Address::of(data, SOCKET)?;
    let socket = socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    set_socket_timeout(&socket, Timeout::Send, Some(CONNECT))?;
    connect(&socket, &SocketAddrUnix::new(&address.path)?)?;
    Ok(UnixStream::from(socket))
}

/// The process at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) process: u32,
    pub(crate) user: u32,
}

impl Peer {
    pub(crate) fn of(stream: impl AsFd) -> io::Result<Self> {
        let credentials = socket_peercred(stream)?;
        Ok(Self {
            process: u32::try_from(credentials.pid.as_raw_nonzero().get()).unwrap_or(0),
            user: credentials.uid.as_raw(),
        })
    }

    /// Whether it may take part: the same user, or root.
    pub(crate) fn is_trusted(self) -> bool {
        self.user == 0 || self.user == rustix::process::geteuid().as_raw()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_goes_through_its_directory() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("d".repeat(120));
        std::fs::create_dir(&data).unwrap();
        let address = Address::of(&data, SOCKET).unwrap();
        assert!(address.path.as_os_str().len() <= PATH_BYTES_MAX);
        let listener = std::os::unix::net::UnixListener::bind(&address.path).unwrap();
        assert!(data.join(SOCKET).exists());
        let stream = dial(&data).unwrap();
        let peer = Peer::of(&stream).unwrap();
        assert_eq!(peer.process, std::process::id());
        assert!(peer.is_trusted());
        drop(listener);
        assert_eq!(
            dial(&data).unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
    }
}
