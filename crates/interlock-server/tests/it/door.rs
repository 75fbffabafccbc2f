//! What stands between a client and a server: a network that fails as it is told to.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// To this server.
    To(SocketAddr),
    /// To this server, whose answers are lost.
    Lost(SocketAddr),
    /// Closed at once.
    Closed,
    /// Accepted and never answered.
    Silent,
}

struct Shared {
    way: Mutex<Way>,
    open: Mutex<Vec<TcpStream>>,
    over: AtomicBool,
}

/// One address whose way can be changed.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

impl Door {
    pub(crate) fn new(way: Way) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            way: Mutex::new(way),
            open: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.over.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(stream) = stream {
                    serving.admit(stream);
                }
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Another way from now on; what is open is cut.
    pub(crate) fn set(&self, way: Way) {
        *self.shared.way.lock().expect("whole") = way;
        for stream in self.shared.open.lock().expect("whole").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        self.set(Way::Closed);
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn admit(self: &Arc<Self>, client: TcpStream) {
        let way = *self.way.lock().expect("whole");
        let (to, lost) = match way {
            Way::Closed => return,
            Way::Silent => {
                self.open.lock().expect("whole").push(client);
                return;
            }
            Way::To(to) => (to, false),
            Way::Lost(to) => (to, true),
        };
        let Ok(server) = TcpStream::connect(to) else {
            return;
        };
        let copy = |stream: &TcpStream| stream.try_clone().expect("a handle");
        self.open
            .lock()
            .expect("whole")
            .extend([copy(&client), copy(&server)]);
        let (from, into) = (copy(&client), copy(&server));
        thread::spawn(move || carry(from, Some(into)));
        let cut = copy(&client);
        thread::spawn(move || {
            if lost {
                // The server has answered by the time that its first byte is here.
                let mut first = [0];
                let _ = (&server).read(&mut first);
                let _ = cut.shutdown(Shutdown::Both);
            } else {
                carry(server, Some(client));
            }
        });
    }
}

fn carry(mut from: TcpStream, into: Option<TcpStream>) {
    let mut buffer = [0; 16 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(n) => {
                if let Some(mut into) = into.as_ref()
                    && into.write_all(&buffer[..n]).is_err()
                {
                    break;
                }
            }
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    if let Some(into) = into {
        let _ = into.shutdown(Shutdown::Both);
    }
}
