//! Requests per second of `POST /api/check` over loopback, generator included.
//!
//! Starts the release binary on a fresh data directory for each durability mode, drives it with 64
//! connections that keep one request in flight each, and counts 2xx answers only. Prints the same
//! server's `POST /api/noop` beside them, so that a figure can be read against the cost of HTTP.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CONNECTIONS: usize = 64;
const AGENTS: usize = 200;
pub(crate) const KEY: &str = "ilk-load-test-key-0123456789abcdef0123456789abcdef";
const ACTION: &str = include_str!("../../bench/actions/send_email.json");

/// The server under load; stopped when dropped.
pub(crate) struct Server {
    child: Child,
    port: u16,
    _data: tempfile::TempDir,
}

impl Server {
    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended on its own; either way it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn start(durability: &str, policy: &std::path::Path) -> Result<Server> {
    let binary = std::env::current_exe()?
        .parent()
        .context("no parent directory")?
        .join("interlock");
    if !binary.exists() {
        bail!(
            "{} is missing: run `cargo build --release -p interlock-cli` first",
            binary.display()
        );
    }
    let data = tempfile::tempdir()?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port();
    let child = Command::new(binary)
        .args([
            "up",
            "--listen",
            &format!("127.0.0.1:{port}"),
            "--durability",
            durability,
        ])
        .arg("--data")
        .arg(data.path())
        .arg("--policy")
        .arg(policy)
        .env("INTERLOCK_ADMIN_KEY", KEY)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let server = Server {
        child,
        port,
        _data: data,
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > deadline {
            bail!("the server did not start within 20 s");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(server)
}

struct Figures {
    per_second: f64,
    p50: Duration,
    p99: Duration,
    failed: u64,
}

async fn drive(port: u16, path: &'static str, seconds: u64) -> Result<Figures> {
    let failed = Arc::new(AtomicU64::new(0));
    let begin = Instant::now();
    let deadline = begin + Duration::from_secs(seconds);
    let mut tasks = Vec::new();
    for connection in 0..CONNECTIONS {
        let failed = Arc::clone(&failed);
        tasks.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
            stream.set_nodelay(true)?;
            let mut latencies = Vec::new();
            let mut buffer = vec![0u8; 64 * 1024];
            let mut n = connection;
            while Instant::now() < deadline {
                let body = ACTION.replacen("sales-assistant", &format!("sales-{:010}", n % AGENTS), 1);
                n += CONNECTIONS;
                let request = format!(
                    "POST {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: load\r\nx-api-key: {KEY}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                let sent = Instant::now();
                stream.write_all(request.as_bytes()).await?;
                if read_answer(&mut stream, &mut buffer).await? {
                    latencies.push(sent.elapsed());
                } else {
                    failed.fetch_add(1, Ordering::Relaxed);
                }
            }
            anyhow::Ok(latencies)
        }));
    }
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    let elapsed = begin.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let at = |share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index into a list of latencies"
        )]
        let i = (latencies.len() as f64 * share) as usize;
        latencies.get(i).copied().unwrap_or_default()
    };
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let per_second = latencies.len() as f64 / elapsed;
    Ok(Figures {
        per_second,
        p50: at(0.5),
        p99: at(0.99),
        failed: failed.load(Ordering::Relaxed),
    })
}

/// Reads one answer with a `content-length`; true when its status is 2xx.
async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<bool> {
    let mut have = 0;
    loop {
        let Some(space) = buffer.get_mut(have..) else {
            bail!("an answer is larger than the buffer")
        };
        let read = stream.read(space).await?;
        if read == 0 {
            bail!("the server closed the connection");
        }
        have += read;
        let text = String::from_utf8_lossy(buffer.get(..have).unwrap_or_default()).into_owned();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length: usize = head
                .lines()
                .find_map(|l| {
                    let (name, value) = l.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length")
                        .then(|| value.trim().parse().ok())?
                })
                .context("an answer without content-length")?;
            if have >= head.len() + 4 + length {
                return Ok(head.split(' ').nth(1).is_some_and(|s| s.starts_with('2')));
            }
        }
    }
}

/// Two hundred rules, a few of which read the action under load.
fn policy(rules: usize) -> String {
    use std::fmt::Write as _;
    let mut text = "interlock: 1\ndefault: allow\nrules:\n".to_owned();
    for i in 0..rules {
        let _ = write!(
            text,
            "  - id: rule-{i}\n    match: {{ action: [{}], tool: [tool-{i}] }}\n    when: risk.composite > 90 && facts.outbound\n    effect: block\n",
            ["message_send", "database_write", "file_read", "payment"][i % 4]
        );
    }
    text
}

/// Runs the measurement; the argument is the seconds per mode, 10 by default.
#[expect(clippy::print_stdout, reason = "this is where the figures go")]
pub(crate) fn run(args: &[String]) -> Result<()> {
    let seconds = args.first().map_or(Ok(10), |s| s.parse())?;
    let directory = tempfile::tempdir()?;
    std::fs::write(directory.path().join("load.yaml"), policy(200))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    println!(
        "{CONNECTIONS} connections, {AGENTS} agents, {} byte action, 200 rules, {seconds} s each",
        ACTION.trim().len()
    );
    let mut rates = Vec::new();
    for durability in ["batch", "strict"] {
        let server = start(durability, directory.path())?;
        runtime.block_on(drive(server.port, "/api/check", 2))?;
        let noop = runtime.block_on(drive(server.port, "/api/noop", seconds.min(5)))?;
        let check = runtime.block_on(drive(server.port, "/api/check", seconds))?;
        for (name, figures) in [("no-op POST", &noop), ("POST /api/check", &check)] {
            println!(
                "{durability:>7}  {name:<16} {:>8.0}/s  p50 {:>6.2} ms  p99 {:>6.2} ms  failed {}",
                figures.per_second,
                figures.p50.as_secs_f64() * 1e3,
                figures.p99.as_secs_f64() * 1e3,
                figures.failed
            );
        }
        rates.push(check.per_second);
    }
    if let [batch, strict] = rates.as_slice() {
        println!("strict / batch = {:.2}", strict / batch);
    }
    Ok(())
}
