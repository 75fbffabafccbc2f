//! `interlock policy what-if`

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use interlock_core::model::UnixNanos;
use interlock_runtime::{WhatIfBodies, WhatIfDraft, WhatIfProgress, WhatIfRange, what_if};
use interlock_server::api::what_if::WhatIfReportBody;
use interlock_store::journal::{Journal, JournalOptions};
use serde_json::{Value, json};

use crate::commands::ServerArgs;
use crate::output::Output;

/// Lines of each table.
const LINES_MAX: usize = 40;
/// How often a person hears how far it is.
const TELL: Duration = Duration::from_secs(2);
/// Bytes of one line of an export.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// Decide recorded actions anew under a draft.
///
/// Facts, findings, scores and readings are those of the record; rules, bands, thresholds and weights
/// are the draft's. Nothing changes. What a record does not hold, such as an argument, is listed with
/// the actions that turn on it, never guessed.
///
/// A server decides with everything else that is in force for the tenant, the draft in the place of
/// the bundle of its name. Without a server, the draft is the whole policy.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock policy what-if --bundle team.yaml --since 30d
  interlock policy what-if --bundle team.yaml --run nightly-7 --fail-on-flips
  interlock policy what-if --bundle policies/ --data interlock-data
  interlock policy what-if --bundle strict --export exported/default.jsonl       of `audit export`

--data needs the directory to itself: stop the server first.

Exit codes: 0 done, 1 it failed, or a decision flips or could not be re-evaluated with --fail-on-flips")]
pub(crate) struct Args {
    /// The draft: a file, a directory, or the name of a built-in bundle.
    #[arg(long, value_name = "PATH|NAME")]
    bundle: PathBuf,
    /// The name of the bundle whose place the draft takes on the server; the file's own name when
    /// absent.
    #[arg(long, conflicts_with_all = ["data", "export"])]
    name: Option<String>,
    /// Only actions of the last minutes, hours or days (`30d`, `12h`, `15m`), or since a time.
    #[arg(long, value_name = "AGE|TIME")]
    since: Option<String>,
    /// Only actions before a time, or older than an age.
    #[arg(long, value_name = "AGE|TIME")]
    until: Option<String>,
    /// Only the actions of this run.
    #[arg(long)]
    run: Option<String>,
    /// Only the actions of this agent.
    #[arg(long)]
    agent: Option<String>,
    /// A data directory, instead of a server.
    #[arg(long, conflicts_with = "export")]
    data: Option<PathBuf>,
    /// A file with one recorded body a line, instead of a server; `-` is the standard input.
    #[arg(long, value_name = "FILE.jsonl")]
    export: Option<PathBuf>,
    /// Only the actions of this tenant of a data directory or an export.
    #[arg(long)]
    tenant: Option<String>,
    /// Without a server: the policies that were in force, so that rules which the draft shares with
    /// them need nothing but what they decided.
    #[arg(long, value_name = "PATH|NAME")]
    base: Option<PathBuf>,
    /// Exit with 1 when a decision flips or could not be re-evaluated.
    #[arg(long)]
    fail_on_flips: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    let range = WhatIfRange {
        tenant: args.tenant.clone(),
        run: args.run.clone(),
        agent: args.agent.clone(),
        since: args
            .since
            .as_deref()
            .map(|t| instant("--since", t))
            .transpose()?,
        until: args
            .until
            .as_deref()
            .map(|t| instant("--until", t))
            .transpose()?,
    };
    let report = if let Some(path) = &args.export {
        from_export(path, &draft(args)?, &range)?
    } else if let Some(data) = &args.data {
        from_directory(data, &draft(args)?, &range, out)?
    } else {
        from_server(args, &range, out)?
    };
    out.print(&report, || text(&report));
    let number = |key: &str| report[key].as_u64().unwrap_or(0);
    let flips = number("stricter") + number("milder") + number("not_evaluated");
    Ok(u8::from(args.fail_on_flips && flips > 0))
}

/// A time, or one that long ago.
fn instant(option: &str, text: &str) -> Result<UnixNanos> {
    let at = match text.parse::<jiff::Timestamp>() {
        Ok(at) => at,
        Err(_) => {
            let units = [("m", 60_i64), ("h", 3_600), ("d", 86_400)];
            let ago = units
                .iter()
                .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))
                .and_then(|(number, s)| number.parse::<u32>().ok().map(|n| s.saturating_mul(n.into())))
                .with_context(|| {
                    format!("`{option} {text}` is neither an age such as `30d`, `12h` or `15m` nor a time such as `2026-01-31T00:00:00Z`")
                })?;
            jiff::Timestamp::now()
                .checked_sub(jiff::SignedDuration::from_secs(ago))
                .with_context(|| format!("`{option} {text}` is too long ago"))?
        }
    };
    i64::try_from(at.as_nanosecond()).with_context(|| format!("`{option} {text}` is out of range"))
}

fn draft(args: &Args) -> Result<WhatIfDraft> {
    let compiled = super::compiled(&args.bundle)?;
    let base = args.base.as_deref().map(super::compiled).transpose()?;
    Ok(WhatIfDraft::alone(
        compiled,
        base.into_iter().map(|base| base.program).collect(),
    ))
}

fn from_export(path: &Path, draft: &WhatIfDraft, range: &WhatIfRange) -> Result<Value> {
    use std::io::Read as _;
    let shown = || format!("cannot read `{}`", path.display());
    let reader: Box<dyn std::io::Read> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).with_context(shown)?)
    };
    let mut reader = BufReader::new(reader);
    let mut bodies = WhatIfBodies::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader
            .by_ref()
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)
            .with_context(shown)?;
        if read == 0 {
            break;
        }
        if read as u64 == LINE_BYTES_MAX {
            bail!(
                "`{}` has a line of more than {LINE_BYTES_MAX} bytes",
                path.display()
            );
        }
        bodies.add(draft, range, line.trim_ascii());
    }
    Ok(serde_json::to_value(WhatIfReportBody::from(
        &bodies.report(),
    ))?)
}

fn from_directory(
    data: &Path,
    draft: &WhatIfDraft,
    range: &WhatIfRange,
    out: Output,
) -> Result<Value> {
    if !data.join("log").is_dir() {
        bail!(
            "`{}` is not a data directory: it has no `log`",
            data.display()
        );
    }
    let (journal, _) = Journal::open(data, JournalOptions::default())?;
    let progress = WhatIfProgress::default();
    let report = std::thread::scope(|scope| {
        let replay = scope.spawn(|| what_if(&journal, draft, range, &progress));
        let mut teller = Teller::new(out);
        while !replay.is_finished() {
            std::thread::sleep(Duration::from_millis(20));
            let read = |n: &std::sync::atomic::AtomicU64| n.load(Ordering::Relaxed);
            teller.tell(
                read(&progress.entries),
                read(&progress.entries_total),
                read(&progress.actions),
            );
        }
        teller.end();
        replay.join()
    });
    let report = report.map_err(|_| anyhow::anyhow!("the replay failed on a record"))??;
    journal.close()?;
    Ok(serde_json::to_value(WhatIfReportBody::from(&report))?)
}

fn from_server(args: &Args, range: &WhatIfRange, out: Output) -> Result<Value> {
    let sources = super::sources(&args.bundle).map_err(|found| {
        anyhow::anyhow!(
            found
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        )
    })?;
    let [source] = sources.as_slice() else {
        bail!(
            "`{}` is {} files, and a server takes the place of one: give one file, or `--data`",
            args.bundle.display(),
            sources.len()
        );
    };
    let name = match &args.name {
        Some(name) => name.clone(),
        None => Path::new(&source.name)
            .file_name()
            .map_or_else(|| source.name.clone(), |n| n.to_string_lossy().into_owned()),
    };
    let client = args.server.client()?;
    let time = |at: Option<UnixNanos>| at.map(interlock_runtime::rfc3339);
    let mut body = json!({"name": name, "text": source.text});
    for (key, value) in [
        ("run", range.run.clone()),
        ("agent", range.agent.clone()),
        ("since", time(range.since)),
        ("until", time(range.until)),
    ] {
        if let Some(value) = value {
            body[key] = Value::String(value);
        }
    }
    let mut job = client.post("/api/what-if", &body)?;
    let mut teller = Teller::new(out);
    while job["state"] == "running" {
        std::thread::sleep(Duration::from_millis(200));
        let id = job["id"].as_str().unwrap_or_default();
        job = client.get(&format!("/api/what-if/{id}"))?;
        let read = |key: &str| job[key].as_u64().unwrap_or(0);
        teller.tell(read("entries"), read("entries_total"), read("actions"));
    }
    teller.end();
    match job["state"].as_str() {
        Some("done") => Ok(job["report"].clone()),
        Some("cancelled") => bail!("somebody cancelled the replay"),
        _ => bail!(
            "the replay failed: {}",
            job["message"]
                .as_str()
                .unwrap_or("the server does not say why")
        ),
    }
}

/// Says how far it is: on a terminal in one line, elsewhere now and then in a new one.
struct Teller {
    out: Output,
    last: Instant,
    line: bool,
}

impl Teller {
    fn new(out: Output) -> Self {
        Self {
            out,
            last: Instant::now(),
            line: false,
        }
    }

    fn tell(&mut self, entries: u64, total: u64, actions: u64) {
        if self.out.json || self.last.elapsed() < TELL {
            return;
        }
        self.last = Instant::now();
        let percent = entries.saturating_mul(100) / total.max(1);
        let text = format!("{percent:>3} %  {entries} of {total} entries, {actions} actions");
        if std::io::stderr().is_terminal() {
            self.line = true;
            // Nobody may be looking.
            let _ = write!(std::io::stderr(), "\r{text}");
        } else {
            self.out.note(&text);
        }
    }

    fn end(&self) {
        if self.line {
            let _ = writeln!(std::io::stderr());
        }
    }
}

/// A text of an agent for a terminal: one line, nothing that moves the cursor or hides.
fn shown(value: &Value, columns: usize) -> String {
    let text = value.as_str().unwrap_or_default();
    let mut out = String::new();
    for c in text.chars() {
        if out.chars().count() >= columns {
            out.push('…');
            break;
        }
        let plain = c.is_ascii_graphic() || c == ' ' || (c.is_alphanumeric() && !c.is_ascii());
        if plain {
            out.push(c);
        } else {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
    }
    if out.is_empty() { "-".to_owned() } else { out }
}

fn text(report: &Value) -> String {
    let number = |key: &str| report[key].as_u64().unwrap_or(0);
    let mut out = String::new();
    let list = |key: &str| report[key].as_array().cloned().unwrap_or_default();
    let flips = list("flips");
    if !flips.is_empty() {
        let _ = writeln!(
            out,
            "{:>8}  {:<34}  {:<28}  {:<20}  {:<20}  first",
            "actions", "from -> to", "rule", "agent", "tool"
        );
    }
    for flip in flips.iter().take(LINES_MAX) {
        let change = format!(
            "{} -> {}",
            flip["from"].as_str().unwrap_or_default(),
            flip["to"].as_str().unwrap_or_default()
        );
        let _ = writeln!(
            out,
            "{:>8}  {change:<34}  {:<28}  {:<20}  {:<20}  {}",
            flip["count"].as_u64().unwrap_or(0),
            shown(&flip["rule"], 27),
            shown(&flip["agent_id"], 19),
            shown(&flip["tool"], 19),
            shown(&flip["samples"][0]["id"], 36)
        );
    }
    let more = flips.len().saturating_sub(LINES_MAX);
    if more > 0 || number("flips_further") > 0 {
        let _ = writeln!(
            out,
            "and further kinds of changes: {more} listed with --json, {} actions not listed",
            number("flips_further")
        );
    }
    let _ = writeln!(
        out,
        "{}: {} the same, {} stricter, {} milder, {} not re-evaluated",
        super::count(
            usize::try_from(number("actions")).unwrap_or(usize::MAX),
            "action"
        ),
        number("same"),
        number("stricter"),
        number("milder"),
        number("not_evaluated")
    );
    for one in list("unevaluated").iter().take(LINES_MAX) {
        let what = one["what"].as_str().unwrap_or_default();
        let _ = writeln!(
            out,
            "{:>8}  {}{}",
            one["count"].as_u64().unwrap_or(0),
            one["meaning"].as_str().unwrap_or_default(),
            if what.is_empty() {
                String::new()
            } else {
                format!(": {}", shown(&one["what"], 80))
            }
        );
    }
    if number("scores_as_recorded") > 0 {
        let _ = writeln!(
            out,
            "{:>8}  decided with scores that still count a finding which the draft leaves out",
            number("scores_as_recorded")
        );
    }
    let people = &report["reviewers"];
    let of = |key: &str| people[key].as_u64().unwrap_or(0);
    if of("asks_more") + of("asks_less") > 0 {
        let measured = match of("measured") {
            0 => "assumed, nobody has answered yet".to_owned(),
            n => format!("the median of {n} answers"),
        };
        let _ = writeln!(
            out,
            "people: {} more questions ({} min), {} fewer ({} min), at {} s each ({measured})",
            of("asks_more"),
            people["minutes_more"],
            of("asks_less"),
            people["minutes_less"],
            of("seconds_each"),
        );
    }
    for (key, what) in [
        ("approved_blocked", "blocked although a person had approved"),
        ("denied_runs", "running although a person had denied"),
        ("blocked_runs", "running although policy had blocked"),
    ] {
        let count = report[key]["count"].as_u64().unwrap_or(0);
        if count > 0 {
            let ids: Vec<String> = report[key]["samples"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|sample| shown(&sample["id"], 36))
                .collect();
            let _ = writeln!(out, "{count:>8}  {what}: {}", ids.join(", "));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_ages() {
        let at = instant("--since", "2026-01-14T10:00:00Z").unwrap();
        assert_eq!(at, 1_768_384_800_000_000_000);
        let day = instant("--since", "1d").unwrap();
        let hours = instant("--since", "24h").unwrap();
        assert!((hours - day).abs() < 60_000_000_000);
        for bad in [
            "",
            "d",
            "1",
            "1y",
            "-1d",
            "1.5h",
            "99999999999d",
            "tomorrow",
            "é",
        ] {
            assert!(instant("--since", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn texts_of_agents_stay_in_their_line() {
        let text = |t: &str| shown(&Value::String(t.to_owned()), 10);
        assert_eq!(text("a\u{1b}[2J"), "a\\u{1b}[2J");
        assert_eq!(text("\u{202e}x"), "\\u{202e}x");
        assert_eq!(text("abcdefghijkl"), "abcdefghij…");
        assert_eq!(text(""), "-");
    }
}
