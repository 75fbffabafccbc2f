//! `interlock audit tail`

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::client::Client;
use crate::commands::ServerArgs;
use crate::output::Output;

/// How often the server is asked.
const POLL: Duration = Duration::from_millis(500);
/// Entries asked for at once.
const PAGE: usize = 200;

/// Follow the record: one line for each entry.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock audit tail
  interlock audit tail --from 0 --no-follow --json

Exit codes: 0 done, 1 the server cannot be reached or refuses")]
pub(crate) struct Args {
    /// The first sequence number; by default the last ten entries are shown.
    #[arg(long)]
    from: Option<u64>,
    /// Stop at the end instead of waiting for more.
    #[arg(long)]
    no_follow: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    let client = args.server.client()?;
    let mut next = match args.from {
        Some(from) => from,
        None => size(&client)?.saturating_sub(10),
    };
    loop {
        let page = client.get(&format!("/api/audit/entries?from={next}&limit={PAGE}"))?;
        let entries = page.as_array().map_or(&[][..], Vec::as_slice);
        for entry in entries {
            out.print(entry, || line(entry));
            next = entry["seq"].as_u64().unwrap_or(next) + 1;
        }
        if entries.is_empty() {
            if args.no_follow {
                return Ok(0);
            }
            std::thread::sleep(POLL);
        }
    }
}

/// The size that the newest checkpoint states.
fn size(client: &Client) -> Result<u64> {
    let checkpoint = client.get("/api/audit/checkpoint")?;
    let size = checkpoint["checkpoint"]
        .as_str()
        .and_then(|note| note.lines().nth(1)?.parse().ok());
    Ok(size.unwrap_or(0))
}

fn line(entry: &Value) -> String {
    let body = &entry["body"];
    let text = |key: &str| body[key].as_str().unwrap_or_default();
    let kind = entry["kind"].as_str().unwrap_or_default();
    let mut line = format!(
        "{:>6}  {}  {kind}",
        entry["seq"].as_u64().unwrap_or(0),
        text("ts")
    );
    if kind == "decision" {
        let _ = write!(
            line,
            "  {}  {} {} {}  risk {}",
            text("effect"),
            text("agent"),
            text("type"),
            text("resource"),
            body["risk"]
        );
        if let Some(reason) = body["reasons"][0][1].as_str() {
            let _ = write!(line, "  {reason}");
        }
        return line;
    }
    for key in ["agent", "id", "state", "reason"] {
        if !text(key).is_empty() {
            let _ = write!(line, "  {key} {}", text(key));
        }
    }
    line
}
