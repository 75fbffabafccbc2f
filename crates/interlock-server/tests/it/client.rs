//! A server in this process, and a client that sends exactly the bytes it is told to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use interlock_core::model::Role;
use interlock_runtime::{Options, Runtime};
use interlock_server::{App, AppOptions, Limits};
use interlock_store::journal::{Durability, Journal, JournalOptions};
use interlock_store::keys::{Binding, KeyRing};
use interlock_store::{SqliteOptions, SqliteStore};
use serde_json::Value;

/// An app that is served on a port of its own, by threads of its own.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Serving {
    pub(crate) fn start(app: App) -> Self {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let threads = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("threads");
            threads
                .block_on(interlock_server::serve(
                    app,
                    SocketAddr::from(([127, 0, 0, 1], 0)),
                    false,
                    |address| tell.send(address).expect("somebody waits"),
                    async {
                        let _ = stopped.await;
                    },
                ))
                .expect("it serves");
        });
        Self {
            address: told.recv().expect("an address"),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Stops it and says how long that took.
    pub(crate) fn stop(&mut self) -> Duration {
        let started = Instant::now();
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            thread.join().expect("no panic");
        }
        started.elapsed()
    }
}

/// A running server; stops when it is dropped.
pub(crate) struct Server {
    pub(crate) runtime: Runtime,
    pub(crate) address: SocketAddr,
    pub(crate) admin: String,
    pub(crate) app: App,
    ring: KeyRing,
    serving: Serving,
    dir: tempfile::TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (journal, _) = Journal::open(
            dir.path(),
            JournalOptions {
                segment_bytes: 256 * 1024,
                reserve_bytes: 0,
                durability: Durability::Async,
                ..JournalOptions::default()
            },
        )
        .expect("a journal");
        let store = SqliteStore::open(&dir.path().join("interlock.db"), SqliteOptions::default())
            .expect("a store");
        let options = Options {
            tenants: vec!["default".to_owned(), "other".to_owned()],
            ..Options::on(dir.path())
        };
        let runtime =
            Runtime::assemble(journal, std::sync::Arc::new(store), options).expect("a runtime");
        let ring = || KeyRing::open(&dir.path().join("pepper")).expect("a ring");
        let options = AppOptions {
            runtime: runtime.clone(),
            keyring: ring(),
        };
        let app = App::with_limits(options, limits);
        let serving = Serving::start(app.clone());
        let mut server = Self {
            app,
            address: serving.address,
            admin: String::new(),
            ring: ring(),
            runtime,
            serving,
            dir,
        };
        server.admin = server.key("default", Role::Admin, None);
        server
    }

    /// What its files hold, the key of hashes apart.
    pub(crate) fn stored_bytes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        let mut directories = vec![self.dir.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
                if entry.path().is_dir() {
                    directories.push(entry.path());
                } else if entry.file_name() != "pepper" {
                    all.extend(std::fs::read(entry.path()).unwrap_or_default());
                }
            }
        }
        all
    }

    /// Renames a table of its database, behind its back.
    pub(crate) fn rename_table(&self, from: &str, to: &str) {
        let path = self.dir.path().join("interlock.db");
        let database = rusqlite::Connection::open(path).expect("a database");
        database
            .busy_timeout(Duration::from_secs(5))
            .expect("a timeout");
        database
            .execute_batch(&format!("ALTER TABLE {from} RENAME TO {to}"))
            .expect("renamed");
    }

    /// Mints a key that lives for a year.
    pub(crate) fn key(&self, tenant: &str, role: Role, agent: Option<&str>) -> String {
        self.key_until(tenant, role, agent, 365 * 24 * 3_600)
    }

    /// Mints a key of a person.
    pub(crate) fn person(&self, role: Role, label: &str) -> String {
        self.labelled("default", role, None, 365 * 24 * 3_600, label)
    }

    pub(crate) fn key_until(
        &self,
        tenant: &str,
        role: Role,
        agent: Option<&str>,
        seconds: i64,
    ) -> String {
        self.labelled(tenant, role, agent, seconds, "")
    }

    fn labelled(
        &self,
        tenant: &str,
        role: Role,
        agent: Option<&str>,
        seconds: i64,
        label: &str,
    ) -> String {
        let binding = Binding {
            tenant: tenant.to_owned(),
            agent_id: agent.map(str::to_owned),
            environment: None,
            role,
            label: label.to_owned(),
            user_id: None,
        };
        let now = self.runtime.now();
        let made = now - 3_600 * 1_000_000_000;
        let (secret, record, hash) = self
            .ring
            .mint(binding, made, Some(now + seconds * 1_000_000_000))
            .expect("a key");
        self.runtime
            .store()
            .insert_key(&record, &hash)
            .expect("kept");
        secret.expose().to_owned()
    }

    /// Takes a key of another server as one of its own.
    pub(crate) fn adopt(&self, key: &str) {
        let binding = Binding {
            tenant: "default".to_owned(),
            agent_id: None,
            environment: None,
            role: Role::Admin,
            label: String::new(),
            user_id: None,
        };
        let now = self.runtime.now();
        let (record, hash) = self.ring.import(key, binding, now, None).expect("a key");
        self.runtime
            .store()
            .insert_key(&record, &hash)
            .expect("kept");
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &self.admin, "")
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.call("POST", path, &self.admin, body)
    }

    pub(crate) fn call(&self, method: &str, path: &str, key: &str, body: &str) -> Answer {
        self.send(
            method,
            path,
            &[("x-api-key", key), ("user-agent", "test")],
            body.as_bytes(),
        )
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        send(self.address, method, path, headers, body).expect("an answer")
    }

    /// Stops the server and says how long that took.
    pub(crate) fn stop(&mut self) -> Duration {
        self.serving.stop()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
            self.runtime.close();
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    /// The head, letters as they came.
    pub(crate) raw_head: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(crate) fn field(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_owned()
    }
}

/// One request on a connection of its own.
pub(crate) fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    raw(address, &bytes)
}

/// Sends these bytes and reads until the server closes.
pub(crate) fn raw(address: SocketAddr, bytes: &[u8]) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    // A server that refuses early closes before it read everything; its answer counts.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => answer.extend_from_slice(&buffer[..n]),
            Err(error) if answer.is_empty() => return Err(error),
            Err(_) => break,
        }
    }
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    Ok(Answer {
        status: head
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .unwrap_or(0),
        text: body.to_owned(),
        head: head.to_ascii_lowercase(),
        raw_head: head.to_owned(),
    })
}
