//! `interlock export`

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, IsTerminal as _, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use interlock_core::model::UnixNanos;
use interlock_server::api::export::{Page, Part, read};
use interlock_server::export::Format;
use interlock_store::journal::Journal;
use serde_json::json;

use super::ServerArgs;
use super::audit;
use crate::client::Client;
use crate::output::Output;

/// Entries of one page.
const PAGE: usize = 1_000;
/// How often a server that has no more is asked again.
const POLL: Duration = Duration::from_millis(500);

/// Write the record as events that a SIEM reads.
///
/// An event says what happened, to which agent, by whom, and which entry of the record it was made of.
/// What actions were about in full stays in the vault. To have a server send events by itself, see
/// `interlock up --export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock export                                          OCSF events of a running server
  interlock export --format cef --since 2026-11-01T00:00:00Z -o november.cef
  interlock export --data interlock-data --format jsonl     from a data directory without a server
  interlock export --follow --format ocsf | vector          events as they come

Exit codes: 0 written, 1 it cannot be read or written")]
pub(crate) struct Args {
    /// The form: `ocsf`, `cef`, `syslog` or `jsonl`.
    #[arg(long, default_value = "ocsf", value_parser = ["ocsf", "cef", "syslog", "jsonl"])]
    format: String,
    /// Only entries from this time on, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    since: Option<UnixNanos>,
    /// Only entries before this time, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<UnixNanos>,
    /// Only entries after this sequence number, which the last run printed as `next`.
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// The file to write; it must not exist. The standard output by default.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Go on with what comes, until it is stopped.
    #[arg(long, conflicts_with_all = ["data", "until"])]
    follow: bool,
    /// A data directory that no server runs on, instead of a server.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The tenant, with --data; a server knows it by the key.
    #[arg(long, default_value = interlock_runtime::DEFAULT_TENANT, requires = "data")]
    tenant: String,
    #[command(flatten)]
    server: ServerArgs,
}

fn instant(text: &str) -> Result<UnixNanos, String> {
    text.parse::<jiff::Timestamp>()
        .ok()
        .and_then(|at| i64::try_from(at.as_nanosecond()).ok())
        .ok_or_else(|| format!("`{text}` is no time such as 2026-01-31T12:00:00Z"))
}

/// Where pages come from.
enum Source {
    Server(Client),
    Data(Journal, String),
}

fn rfc3339(at: UnixNanos) -> Result<String> {
    Ok(jiff::Timestamp::from_nanosecond(i128::from(at))?.to_string())
}

impl Source {
    fn page(&self, part: &Part) -> Result<Page> {
        let client = match self {
            Self::Data(journal, tenant) => return Ok(read(journal, tenant, part)?),
            Self::Server(client) => client,
        };
        let mut path = format!(
            "/api/export?format={}&limit={}",
            part.format.name(),
            part.limit
        );
        if let Some(after) = part.from.checked_sub(1) {
            path.push_str(&format!("&after={after}"));
        }
        for (name, at) in [("since", part.since), ("until", part.until)] {
            if let Some(at) = at {
                path.push_str(&format!("&{name}={}", rfc3339(at)?));
            }
        }
        let (lines, next, more) = client.get_page(&path)?;
        Ok(Page {
            lines,
            next: next.map_or(0, |after| after + 1),
            more,
        })
    }
}

/// The standard output, or a file that is not there yet.
fn writer(args: &Args) -> Result<Box<dyn Write>> {
    match &args.out {
        None => Ok(Box::new(std::io::stdout().lock())),
        Some(path) => {
            let file: File = OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(path)
                .with_context(|| format!("cannot make `{}`", path.display()))?;
            Ok(Box::new(BufWriter::new(file)))
        }
    }
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    let Some(format) = Format::from_name(&args.format) else {
        bail!("there is no format `{}`", args.format);
    };
    let source = match &args.data {
        Some(data) => Source::Data(audit::open(data)?, args.tenant.clone()),
        None => Source::Server(args.server.client()?),
    };
    let mut to = writer(args)?;
    let mut part = Part {
        format,
        from: args.after.map_or(0, |after| after.saturating_add(1)),
        limit: PAGE,
        since: args.since,
        until: args.until,
    };
    let mut events = 0;
    loop {
        let page = source.page(&part)?;
        events += page.lines.lines().count();
        if let Err(error) = to
            .write_all(page.lines.as_bytes())
            .and_then(|()| to.flush())
        {
            if error.kind() == std::io::ErrorKind::BrokenPipe {
                // Who reads has seen enough.
                return Ok(0);
            }
            return Err(error).context("cannot write the events");
        }
        let stuck = page.next == part.from;
        part.from = page.next.max(part.from);
        if args.out.is_some() && std::io::stderr().is_terminal() {
            out.note(&format!("{events} events"));
        }
        if args.follow && (stuck || !page.more) {
            std::thread::sleep(POLL);
        } else if stuck || !page.more {
            break;
        }
    }
    if let Source::Data(journal, _) = source {
        journal.close()?;
    }
    if let Some(path) = &args.out {
        let next = part.from.checked_sub(1);
        let value = json!({"events": events, "written": path, "next": next});
        out.print(&value, || {
            let next = next.map_or_else(String::new, |n| format!(" (go on with `--after {n}`)"));
            format!("{events} events in {}{next}", path.display())
        });
    }
    Ok(0)
}
