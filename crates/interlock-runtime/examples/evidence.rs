//! How long a large bundle of evidence takes to write and to verify.
//!
//!     cargo run --release -p interlock-runtime --example evidence -- 1000000
//!
//! The entries are bodies of real decisions, each with its own id and time. Prints seconds for the export and
//! for each verifier, and then changes one byte of one entry and shows that it is named.

use std::fs::File;
use std::io::{BufWriter, Cursor, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use interlock_core::model::{Action, Principal};
use interlock_evidence::ENTRIES;
use interlock_evidence::verify::{Trust, verify_path};
use interlock_evidence::zip::read::Archive;
use interlock_evidence::zip::write::{Packing, Zip};
use interlock_runtime::evidence::{Scope, Sources, export};
use interlock_runtime::{CheckOptions, Options, Runtime};
use interlock_store::journal::{Durability, Journal, JournalOptions, Kind, rfc3339};

/// Decisions that the others are copies of.
const KINDS: usize = 200;
const ENTRIES_DEFAULT: usize = 1_000_000;
const START_NS: u64 = 1_772_409_600_000_000_000;
type Failure = Box<dyn std::error::Error>;

fn decisions(dir: &Path) -> Result<Vec<String>, Failure> {
    let policies = vec![interlock_policy::built_in("default").ok_or("no default bundle")?];
    let (runtime, _) = Runtime::open(Options {
        policies,
        durability: Durability::Async,
        ..Options::on(dir)
    })?;
    for n in 0..KINDS {
        let action = match n % 4 {
            0 => format!(
                r#"{{"agent_id":"bot-{}","action_type":"database_write","tool":"sql","resource":"postgres://prod/customers","arguments":{{"sql":"UPDATE customers SET plan = 'b' WHERE id = {n}"}},"run_id":"run-{}"}}"#,
                n % 17,
                n % 9
            ),
            1 => format!(
                r#"{{"agent_id":"bot-{}","action_type":"api_call","tool":"http","resource":"https://api.example.com/v1/orders/{n}","arguments":{{"method":"POST","body":{{"note":"order {n} for ann@example.com"}}}},"run_id":"run-{}"}}"#,
                n % 17,
                n % 9
            ),
            2 => format!(
                r#"{{"agent_id":"bot-{}","action_type":"command_execution","tool":"shell","resource":"host","arguments":{{"command":"ls -l /srv/{n} && cat notes.md"}},"run_id":"run-{}"}}"#,
                n % 17,
                n % 9
            ),
            _ => format!(
                r#"{{"agent_id":"bot-{}","action_type":"file_read","tool":"read","resource":"/srv/docs/{n}.md","run_id":"run-{}"}}"#,
                n % 17,
                n % 9
            ),
        };
        let action = Action::from_json(action.as_bytes())?;
        runtime.check(&Principal::local(), action, &CheckOptions::default())?;
    }
    let entries = runtime.journal().read("default", 0, KINDS * 3)?;
    let bodies = entries
        .iter()
        .filter(|e| e.kind == Kind::Decision)
        .map(|e| String::from_utf8(e.body.clone()))
        .collect::<Result<_, _>>()?;
    runtime.close();
    Ok(bodies)
}

/// The body with its own time and id.
fn own(body: &str, n: usize) -> Option<String> {
    let (_, rest) = body.split_once("\",\"kind\":\"decision\",\"id\":\"")?;
    let rest = rest.get(36..)?;
    let at = rfc3339(START_NS + n as u64 * 250_000_000);
    Some(format!(
        "{{\"v\":1,\"ts\":\"{at}\",\"kind\":\"decision\",\"id\":\"019c0000-0000-7000-8000-{n:012x}{rest}"
    ))
}

/// A copy of the bundle with one byte of its entry `seq` changed, and all else as it was.
fn altered(from: &Path, to: &Path, seq: usize) -> Result<(), Failure> {
    let mut archive = Archive::open(File::open(from)?)?;
    let mut zip = Zip::new(BufWriter::new(File::create(to)?));
    for member in archive.members.clone() {
        let packing = match member.name.as_str() {
            ENTRIES => Packing::Large,
            name if name.starts_with("tile/") => Packing::Stored,
            _ => Packing::Deflated,
        };
        let mut file = zip.file(&member.name, packing)?;
        let (mut line, mut done, mut result) = (0, member.name != ENTRIES, Ok(()));
        archive.each(&member, &mut |piece| {
            let mut piece = piece.to_vec();
            for byte in &mut piece {
                if !done && line == seq && *byte == b'k' {
                    *byte ^= 2;
                    done = true;
                }
                line += usize::from(*byte == b'\n');
            }
            result = file.write_all(&piece);
            result.is_ok()
        })?;
        result?;
        file.finish()?;
    }
    zip.finish()?;
    Ok(())
}

fn main() -> Result<(), Failure> {
    let entries: usize = std::env::args()
        .nth(1)
        .map_or(Ok(ENTRIES_DEFAULT), |n| n.parse())?;
    let dir = tempfile::tempdir()?;
    let data = dir.path().join("data");
    let bodies = decisions(&data)?;
    let started = Instant::now();
    let options = JournalOptions {
        durability: Durability::Async,
        ..JournalOptions::default()
    };
    let (journal, _) = Journal::open(&data, options)?;
    let mut appended = journal.head("default").map_or(0, |head| head.size) as usize;
    while appended < entries {
        let body = own(&bodies[appended % bodies.len()], appended).ok_or("an unexpected body")?;
        journal.append("default", Kind::Decision, body.into_bytes())?;
        appended += 1;
    }
    println!(
        "{appended} entries written in {:.1} s",
        started.elapsed().as_secs_f64()
    );

    let path = dir.path().join("evidence.zip");
    let mut out = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)?;
    let sources = Sources {
        journal: &journal,
        tenant: "default",
        by: "example",
        now: i64::try_from(START_NS)?,
        edit: &|_| String::new(),
        policies: &|_, _, _| Ok(()),
    };
    let started = Instant::now();
    let exported = export(&sources, &Scope::default(), &mut out, &|_, _| {})?;
    let seconds = started.elapsed().as_secs_f64();
    out.seek(SeekFrom::Start(0))?;
    let entries_bytes = Archive::open(&mut out)?
        .members
        .iter()
        .find(|m| m.name == ENTRIES)
        .map_or(0, |m| m.bytes);
    println!(
        "export: {seconds:.1} s, {} entries of {} B, {:.0} MB, {} files",
        exported.entries,
        entries_bytes / exported.entries.max(1),
        exported.bytes as f64 / 1e6,
        exported.files
    );
    let vkeys = [exported.vkey];
    let trust = Trust {
        vkeys: &vkeys,
        checkpoints: &[],
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../verifiers/verify.py");
    let damaged = dir.path().join("altered.zip");
    altered(&path, &damaged, entries / 2)?;
    for path in [&path, &damaged] {
        let started = Instant::now();
        let report = verify_path(path, trust)?;
        println!(
            "interlock: {:.1} s, {}",
            started.elapsed().as_secs_f64(),
            report.verdict
        );
        let started = Instant::now();
        let python = Command::new("python3")
            .arg(script)
            .arg(path)
            .arg("--vkey")
            .arg(&vkeys[0])
            .output()?;
        let mut line = String::new();
        Cursor::new(python.stdout).read_to_string(&mut line)?;
        println!(
            "verify.py: {:.1} s, {}",
            started.elapsed().as_secs_f64(),
            line.trim_end()
        );
        if line.trim_end() != report.verdict.to_string() {
            return Err("the verifiers disagree".into());
        }
    }
    journal.close()?;
    Ok(())
}
