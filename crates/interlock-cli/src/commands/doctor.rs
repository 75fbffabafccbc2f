//! `interlock doctor`

mod receivers;

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use interlock_core::audit::verify::{Trust, verify};
use serde_json::json;

use super::DataArgs;
use super::audit::{LogDirectory, enclosed_vkey};
use super::up::policies;
use crate::output::Output;

/// Below this many free bytes a server cannot go on for long: a segment, the next one and the
/// reserve.
const FREE_BYTES_MIN: u64 = 256 * 1024 * 1024;
/// Below this many free bytes it is time to act.
const FREE_BYTES_LOW: u64 = 2 * 1024 * 1024 * 1024;
/// From this latency on strict durability is slow.
const SYNC_SLOW: Duration = Duration::from_millis(10);
/// Syncs that are timed.
const SYNCS: usize = 20;
/// 2026-01-01: no version of this program is older.
const CLOCK_MIN: Duration = Duration::from_secs(1_767_225_600);
/// How far a file may lie in the future before the clock is suspect.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// Look for what keeps this machine from running Interlock well.
///
/// Changes nothing but a scratch file in the data directory, which it takes away again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock doctor
  interlock doctor --data /var/lib/interlock --policy policies/
  interlock doctor --key KEY             also how receivers and channels are doing

Exit codes: 0 nothing failed, 1 something did")]
pub(crate) struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// The address that the server is to listen on.
    #[arg(long, env = "INTERLOCK_LISTEN", default_value = "127.0.0.1:8088")]
    listen: SocketAddr,
    /// The policies that the server is to load.
    #[arg(long, env = "INTERLOCK_POLICY", default_value = "default")]
    policy: Vec<String>,
    /// A key that may read the record (`auditor`, `admin`): the running server is asked how its
    /// receivers and channels are doing.
    #[arg(long, env = "INTERLOCK_API_KEY", hide_env_values = true)]
    key: Option<String>,
    /// Where the running server answers; at `--listen` when absent.
    #[arg(long, env = "INTERLOCK_URL")]
    server: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Ok,
    Warn,
    Fail,
}

/// What one look found.
struct Found {
    name: &'static str,
    status: Status,
    message: String,
    /// What to do.
    todo: Option<String>,
}

impl Found {
    fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            name,
            status: Status::Ok,
            message: message.into(),
            todo: None,
        }
    }

    fn bad(
        name: &'static str,
        status: Status,
        message: impl Into<String>,
        todo: impl Into<String>,
    ) -> Self {
        Self {
            name,
            status,
            message: message.into(),
            todo: Some(todo.into()),
        }
    }
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    let data = &args.data.data;
    let present = existing(data);
    let held = holder(data);
    let mut found = vec![
        writable(data, &present),
        space(&present),
        sync(&present),
        clock(data),
        lock(data, held.as_ref()),
        port(args.listen, held.is_some()),
        journal(data, held.is_some()),
        policy(&args.policy),
    ];
    if let Some(key) = args.key.as_deref().filter(|_| held.is_some()) {
        let server = args
            .server
            .clone()
            .unwrap_or_else(|| format!("http://{}", args.listen));
        found.extend(receivers::look(&server, key));
    }
    let failed = found.iter().any(|f| f.status == Status::Fail);
    let name = |status: Status| match status {
        Status::Ok => "ok",
        Status::Warn => "warn",
        Status::Fail => "fail",
    };
    let value = json!({
        "ok": !failed,
        "checks": found.iter().map(|f| json!({
            "name": f.name, "status": name(f.status), "message": f.message, "todo": f.todo,
        })).collect::<Vec<_>>(),
    });
    out.print(&value, || {
        let mut text = String::new();
        for f in &found {
            let _ = writeln!(text, "{:<4}  {:<8} {}", name(f.status), f.name, f.message);
            if let Some(todo) = &f.todo {
                let _ = writeln!(text, "               {todo}");
            }
        }
        text
    });
    Ok(u8::from(failed))
}

/// The directory itself, or the nearest one above it that is there.
fn existing(data: &Path) -> PathBuf {
    data.ancestors()
        .find(|p| p.is_dir())
        .map_or_else(|| PathBuf::from("."), Path::to_owned)
}

fn writable(data: &Path, present: &Path) -> Found {
    const NAME: &str = "data";
    if data.exists() && !data.is_dir() {
        return Found::bad(
            NAME,
            Status::Fail,
            format!("`{}` is not a directory", data.display()),
            "name a directory with `--data`",
        );
    }
    match tempfile::NamedTempFile::new_in(present) {
        Err(error) => Found::bad(
            NAME,
            Status::Fail,
            format!("cannot write in `{}`: {error}", present.display()),
            "give this user the right to write there, or name another directory with `--data`",
        ),
        Ok(_) if data.is_dir() => Found::ok(NAME, format!("`{}` is writable", data.display())),
        Ok(_) => Found::ok(NAME, format!("`{}` can be made", data.display())),
    }
}

fn space(present: &Path) -> Found {
    const NAME: &str = "space";
    let stat = match rustix::fs::statvfs(present) {
        Ok(stat) => stat,
        Err(error) => {
            return Found::bad(
                NAME,
                Status::Warn,
                format!("cannot ask for the free space: {error}"),
                "look with `df`",
            );
        }
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let message = format!("{} MiB free", free / (1024 * 1024));
    let todo =
        "make room: when the disk is full no decision can be recorded, and side effects are denied";
    match free {
        n if n < FREE_BYTES_MIN => Found::bad(NAME, Status::Fail, message, todo),
        n if n < FREE_BYTES_LOW => Found::bad(NAME, Status::Warn, message, todo),
        _ => Found::ok(NAME, message),
    }
}

fn sync(present: &Path) -> Found {
    const NAME: &str = "sync";
    let timed = || -> std::io::Result<Vec<Duration>> {
        let mut file = tempfile::tempfile_in(present)?;
        let mut took = Vec::with_capacity(SYNCS);
        for _ in 0..SYNCS {
            file.write_all(&[0x2a; 4_096])?;
            let started = Instant::now();
            file.sync_data()?;
            took.push(started.elapsed());
        }
        took.sort();
        Ok(took)
    };
    match timed() {
        Err(error) => Found::bad(
            NAME,
            Status::Fail,
            format!("a write cannot be synced: {error}"),
            "use a local disk; without syncs nothing is durable",
        ),
        Ok(took) => {
            let median = took.get(SYNCS / 2).copied().unwrap_or_default();
            let worst = took.last().copied().unwrap_or_default();
            let message = format!(
                "a sync takes {} us, the slowest of {SYNCS} took {} us",
                median.as_micros(),
                worst.as_micros()
            );
            if median >= SYNC_SLOW {
                Found::bad(
                    NAME,
                    Status::Warn,
                    message,
                    "use a faster disk, or `interlock up --durability batch`, which may lose 5 ms of decisions with the machine",
                )
            } else {
                Found::ok(NAME, message)
            }
        }
    }
}

fn clock(data: &Path) -> Found {
    const NAME: &str = "clock";
    const REMEDY: &str =
        "set the clock and keep it in step (NTP): windows, schedules and expiries go by it";
    let now = SystemTime::now();
    if now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        < CLOCK_MIN
    {
        return Found::bad(NAME, Status::Fail, "the clock stands before 2026", REMEDY);
    }
    let newest = std::fs::read_dir(data.join("log").join("journal"))
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.metadata().ok()?.modified().ok())
        .max();
    let ahead = newest
        .and_then(|at| at.duration_since(now).ok())
        .unwrap_or_default();
    if ahead > CLOCK_SLACK {
        return Found::bad(
            NAME,
            Status::Fail,
            format!(
                "the journal was written {} s after now: the clock went back",
                ahead.as_secs()
            ),
            REMEDY,
        );
    }
    Found::ok(
        NAME,
        jiff::Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string(),
    )
}

/// Who holds the journal: a process id where the system tells it.
fn holder(data: &Path) -> Option<Option<u32>> {
    let holder = interlock_store::journal::holder(data).ok()??;
    Some(holder.process)
}

fn lock(data: &Path, held: Option<&Option<u32>>) -> Found {
    const NAME: &str = "lock";
    match held {
        None => Found::ok(NAME, "no server holds the data directory"),
        Some(pid) => Found::ok(
            NAME,
            match pid {
                Some(pid) => format!("process {pid} runs on `{}`", data.display()),
                None => format!("another process runs on `{}`", data.display()),
            },
        ),
    }
}

fn port(listen: SocketAddr, running: bool) -> Found {
    const NAME: &str = "port";
    match TcpListener::bind(listen) {
        Ok(_) if running => Found::bad(
            NAME,
            Status::Warn,
            format!("{listen} is free, though a server runs on the data directory"),
            "it listens elsewhere: name its address with `--listen`",
        ),
        Ok(_) => Found::ok(NAME, format!("{listen} is free")),
        Err(_) if running => Found::ok(NAME, format!("{listen} is in use, as a server is running")),
        Err(error) => Found::bad(
            NAME,
            Status::Fail,
            format!("cannot listen on {listen}: {error}"),
            "stop what listens there, or choose another address with `--listen`",
        ),
    }
}

fn journal(data: &Path, running: bool) -> Found {
    const NAME: &str = "journal";
    let log = data.join("log");
    if !log.join("journal").is_dir() {
        return Found::ok(NAME, "none yet; the first start makes it");
    }
    if running {
        return Found::ok(
            NAME,
            "in use; stop the server to look at it, or ask it for a proof",
        );
    }
    let vkeys: Vec<String> = enclosed_vkey(&log).into_iter().collect();
    let report = verify(
        &LogDirectory::new(&log),
        Trust {
            vkeys: &vkeys,
            checkpoints: &[],
        },
    );
    let verdict = report.verdict.to_string();
    if matches!(report.verdict.code(), 0 | 5) {
        Found::ok(NAME, verdict)
    } else {
        Found::bad(
            NAME,
            Status::Fail,
            verdict,
            "keep a copy of the directory, then read `interlock audit verify --help`; a torn last write alone is cut at the next start",
        )
    }
}

fn policy(names: &[String]) -> Found {
    const NAME: &str = "policy";
    const REMEDY: &str = "run `interlock policy check` for every problem with its line";
    let listed = names.join("`, `");
    let sources = match policies(names) {
        Ok(sources) => sources,
        Err(error) => return Found::bad(NAME, Status::Fail, format!("{error:#}"), REMEDY),
    };
    match interlock_policy::compile(&sources, 1) {
        Ok(compiled) if compiled.warnings.is_empty() => Found::ok(
            NAME,
            format!(
                "`{listed}` compiles: {} rules",
                compiled.program.rules().len()
            ),
        ),
        Ok(compiled) => Found::bad(
            NAME,
            Status::Warn,
            format!(
                "`{listed}` compiles with {} warnings",
                compiled.warnings.len()
            ),
            REMEDY,
        ),
        Err(found) => {
            let errors = found.iter().filter(|d| d.is_error()).count();
            Found::bad(
                NAME,
                Status::Fail,
                format!("`{listed}` has {errors} errors and does not load"),
                REMEDY,
            )
        }
    }
}
