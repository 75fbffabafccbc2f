//! Syslog receivers: datagrams, and streams with and without TLS.

use std::io::{ErrorKind, Read as _, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use super::config::{Format, SyslogTarget, Transport};
use super::event::SecurityEvent;
use super::lines;
use super::sink::{Destination, Failed};
use super::syslog::{Header, framed};
use crate::channels::address::authorities;

/// How long a connection may take to be made, and one write.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long is waited for a receiver that has closed its side to be seen doing so.
const CLOSED_WITHIN: Duration = Duration::from_millis(20);

enum Line {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<rustls::StreamOwned<rustls::ClientConnection, TcpStream>>),
}

/// Sends to one syslog receiver.
pub(super) struct Syslog {
    target: SyslogTarget,
    format: Format,
    header: Header,
    tls: Option<Arc<rustls::ClientConfig>>,
    line: Option<Line>,
}

fn later(what: &str) -> impl Fn(std::io::Error) -> Failed + '_ {
    move |error| Failed::Later(format!("{what}: {error}"), None)
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|e| format!("{what}: {e}"))?;
    if all.is_empty() {
        return Err(format!("{what} holds no certificate"));
    }
    Ok(all)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|e| format!("cannot read `{}`: {e}", path.display()))
}

fn tls(target: &SyslogTarget) -> Result<rustls::ClientConfig, String> {
    let pem = authorities(target.ca_file.as_deref())?;
    let mut roots = rustls::RootCertStore::empty();
    // A bundle of a system may hold one that this library does not read.
    let (added, _) =
        roots.add_parsable_certificates(certificates(&pem, "the file of authorities")?);
    if added == 0 {
        return Err("the file of authorities holds no usable certificate".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots);
    match (&target.cert_file, &target.key_file) {
        (Some(cert), Some(key)) => {
            let chain = certificates(&read(cert)?, "`cert_file`")?;
            let key = PrivateKeyDer::from_pem_slice(&read(key)?)
                .map_err(|e| format!("`key_file`: {e}"))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|e| e.to_string())
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

impl Syslog {
    pub(super) fn new(target: &SyslogTarget, format: Format) -> Result<Self, String> {
        let header = match &target.hostname {
            Some(host) => Header::new(target.facility, host),
            None => Header::new(target.facility, &super::config::hostname()),
        };
        let tls = match target.transport {
            Transport::Tls => Some(Arc::new(tls(target)?)),
            _ => None,
        };
        Ok(Self {
            target: target.clone(),
            format,
            header,
            tls,
            line: None,
        })
    }

    /// Addresses of the receiver, every one of which may be connected to.
    fn addresses(&self) -> Result<Vec<SocketAddr>, Failed> {
        let all: Vec<SocketAddr> = (self.target.host.as_str(), self.target.port)
            .to_socket_addrs()
            .map_err(later("cannot resolve the receiver's name"))?
            .collect();
        for address in &all {
            if !self.target.guard.permits(address.ip(), self.tls.is_some()) {
                return Err(Failed::Later(
                    format!(
                        "`{}` leads to {}, which may not be connected to: list its network under `allow`",
                        self.target.host,
                        address.ip()
                    ),
                    None,
                ));
            }
        }
        Ok(all)
    }

    fn connect(&self) -> Result<Line, Failed> {
        let mut last = Failed::Later("the receiver's name has no address".to_owned(), None);
        for address in self.addresses()? {
            match self.connect_to(address) {
                Ok(line) => return Ok(line),
                Err(failed) => last = failed,
            }
        }
        Err(last)
    }

    fn connect_to(&self, address: SocketAddr) -> Result<Line, Failed> {
        if self.target.transport == Transport::Udp {
            let any: SocketAddr = match address {
                SocketAddr::V4(_) => (std::net::Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let socket = UdpSocket::bind(any).map_err(later("cannot open a socket"))?;
            socket
                .connect(address)
                .map_err(later("cannot reach the receiver"))?;
            return Ok(Line::Udp(socket));
        }
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)
            .map_err(later("cannot reach the receiver"))?;
        let set = |stream: &TcpStream| {
            stream.set_write_timeout(Some(TIMEOUT))?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            stream.set_nodelay(true)
        };
        set(&stream).map_err(later("cannot set a time limit"))?;
        let Some(config) = &self.tls else {
            return Ok(Line::Tcp(stream));
        };
        let name = self
            .target
            .server_name
            .as_ref()
            .unwrap_or(&self.target.host);
        let name = ServerName::try_from(name.clone())
            .map_err(|e| Failed::Later(format!("`server_name`: {e}"), None))?;
        let connection = rustls::ClientConnection::new(Arc::clone(config), name)
            .map_err(|e| Failed::Later(e.to_string(), None))?;
        let mut stream = rustls::StreamOwned::new(connection, stream);
        while stream.conn.is_handshaking() {
            stream
                .conn
                .complete_io(&mut stream.sock)
                .map_err(later("the receiver's certificate or handshake"))?;
        }
        Ok(Line::Tls(Box::new(stream)))
    }

    /// The messages of an event, shortened where they would not fit.
    fn messages(&self, event: &SecurityEvent) -> Result<Vec<String>, Failed> {
        if self.format == Format::Syslog {
            return Ok(vec![self.header.message(event)]);
        }
        let wrapped = |line: String| {
            self.header.wrap(event, &line).ok_or_else(|| {
                Failed::Never("the event is longer than a syslog message".to_owned())
            })
        };
        lines(self.format, event).into_iter().map(wrapped).collect()
    }
}

/// Whether the other side has closed: what was written since is lost, though writing it succeeded.
fn closed(stream: &TcpStream) -> bool {
    let mut byte = [0];
    if stream.set_read_timeout(Some(CLOSED_WITHIN)).is_err() {
        return true;
    }
    let seen = (&*stream).read(&mut byte);
    let _ = stream.set_read_timeout(Some(TIMEOUT));
    match seen {
        Ok(0) => true,
        // A receiver of syslog says nothing; what it says all the same is not for us.
        Ok(_) => false,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

impl Line {
    fn write(&mut self, messages: &[String]) -> std::io::Result<()> {
        let mut frames = Vec::new();
        for message in messages {
            match self {
                Self::Udp(socket) => {
                    socket.send(message.as_bytes())?;
                }
                _ => frames.extend_from_slice(&framed(message)),
            }
        }
        let gone = || std::io::Error::new(ErrorKind::ConnectionAborted, "the receiver closed");
        match self {
            Self::Udp(_) => Ok(()),
            Self::Tcp(stream) => {
                stream.write_all(&frames)?;
                if closed(stream) { Err(gone()) } else { Ok(()) }
            }
            Self::Tls(stream) => {
                stream.write_all(&frames)?;
                stream.flush()?;
                // A session ticket may be waiting there; an end of the connection shows as one.
                stream.sock.set_read_timeout(Some(CLOSED_WITHIN))?;
                let mut byte = [0];
                let seen = stream.read(&mut byte);
                stream.sock.set_read_timeout(Some(TIMEOUT))?;
                match seen {
                    Ok(0) => Err(gone()),
                    Err(e) if !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                        Err(e)
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

impl Destination for Syslog {
    fn send(&mut self, events: &[SecurityEvent]) -> Result<(), Failed> {
        let mut messages = Vec::new();
        for event in events {
            messages.extend(self.messages(event)?);
        }
        let mut line = match self.line.take() {
            // A connection that ended meanwhile is not written to.
            Some(Line::Tcp(stream)) if closed(&stream) => self.connect()?,
            Some(line) => line,
            None => self.connect()?,
        };
        line.write(&messages)
            .map_err(later("writing to the receiver"))?;
        self.line = Some(line);
        Ok(())
    }
}
