//! A large bundle of evidence: how long it takes to write and to verify, and what one changed byte does.
//!
//! The entries are bodies of real decisions, each with its own id and time. A test in its twentieth, and whole
//! with `INTERLOCK_SOAK=1`; the example `evidence` measures any size.

use std::fs::File;
use std::io::{BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

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
/// The whole size; the test without `INTERLOCK_SOAK` takes a twentieth.
pub(crate) const ENTRIES_WHOLE: usize = 1_000_000;
const START_NS: u64 = 1_772_409_600_000_000_000;
pub(crate) type Failure = Box<dyn std::error::Error>;

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

/// Seconds that passed, and those that a processor computed meanwhile.
#[derive(Debug, Clone, Copy)]
struct Took {
    wall: f64,
    computed: f64,
}

/// What this thread has computed, without what others did on the same processor.
fn computed() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|n| n.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Took) {
    let (started, before) = (Instant::now(), computed());
    let done = work();
    let took = Took {
        wall: started.elapsed().as_secs_f64(),
        computed: computed().saturating_sub(before).as_secs_f64(),
    };
    (done, took)
}

/// `0m1.230s` as `times` of a shell has it.
fn shell_seconds(text: &str) -> Option<f64> {
    let (minutes, seconds) = text.strip_suffix('s')?.split_once('m')?;
    Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
}

/// What `verify.py` prints of a bundle, and its exit code. The shell around it says what it computed.
fn python(bundle: &Path, vkey: &str) -> Result<(String, i32, Took), Failure> {
    const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../verifiers/verify.py");
    let started = Instant::now();
    let out = Command::new("sh")
        .arg("-c")
        .arg("python3 \"$1\" \"$2\" --vkey \"$3\"; code=$?; times; exit $code")
        .arg("verify")
        .args([SCRIPT.as_ref(), bundle.as_os_str(), vkey.as_ref()])
        .output()?;
    let wall = started.elapsed().as_secs_f64();
    let said = String::from_utf8(out.stdout)?;
    // The verdict, then the times of the shell and those of what it ran.
    let [verdict, _, children] = said.lines().collect::<Vec<_>>()[..] else {
        return Err(format!("{said}{}", String::from_utf8_lossy(&out.stderr)).into());
    };
    let computed = children.split(' ').filter_map(shell_seconds).sum();
    let code = out.status.code().ok_or("verify.py was ended")?;
    Ok((verdict.to_owned(), code, Took { wall, computed }))
}

/// A line that `xtask sizes` takes into its table.
#[expect(clippy::print_stdout, reason = "this is a report")]
fn figure(what: &str, entries: usize, took: Took, limit: &str) {
    println!(
        "figure | {what} | {entries} entries | {:.1} s (processor {:.1} s) | {limit}",
        took.wall, took.computed
    );
}

/// Writes a log of so many entries.
fn written(data: &Path, entries: usize) -> Result<Journal, Failure> {
    let bodies = decisions(data)?;
    let options = JournalOptions {
        durability: Durability::Async,
        ..JournalOptions::default()
    };
    let (journal, _) = Journal::open(data, options)?;
    let mut appended = journal.head("default").map_or(0, |head| head.size) as usize;
    while appended < entries {
        let body = own(&bodies[appended % bodies.len()], appended).ok_or("an unexpected body")?;
        journal.append("default", Kind::Decision, body.into_bytes())?;
        appended += 1;
    }
    Ok(journal)
}

/// Exports a bundle of so many entries, has it verified, changes one byte of it, and has that named.
#[expect(clippy::print_stdout, reason = "this is a report")]
pub(crate) fn export_and_verify(entries: usize) -> Result<(), Failure> {
    let dir = tempfile::tempdir()?;
    let (journal, took) = timed(|| written(&dir.path().join("data"), entries));
    let journal = journal?;
    println!("{entries} entries written in {:.1} s", took.wall);

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
        by: "auditor",
        now: i64::try_from(START_NS)?,
        edit: &|_| String::new(),
        policies: &|_, _, _| Ok(()),
    };
    let (exported, took) = timed(|| export(&sources, &Scope::default(), &mut out, &|_, _| {}));
    let exported = exported?;
    if exported.entries < entries as u64 {
        return Err(format!("{} entries are in the bundle", exported.entries).into());
    }
    figure("evidence: export", entries, took, "60 s");
    out.seek(SeekFrom::Start(0))?;
    let members = Archive::open(&mut out)?.members;
    let bytes = members.iter().find(|m| m.name == ENTRIES);
    println!(
        "{} entries of {} B, {:.0} MB, {} files",
        exported.entries,
        bytes.map_or(0, |m| m.bytes) / exported.entries.max(1),
        exported.bytes as f64 / 1e6,
        exported.files
    );
    journal.close()?;

    let vkeys = [exported.vkey];
    let trust = Trust {
        vkeys: &vkeys,
        checkpoints: &[],
    };
    let (report, took) = timed(|| verify_path(&path, trust));
    let verdict = report?.verdict.to_string();
    figure("evidence: `interlock evidence verify`", entries, took, "");
    let (said, code, took) = python(&path, &vkeys[0])?;
    figure("evidence: `verify.py`", entries, took, "60 s");
    let expected = format!("ok entries={0} size={0} root=", exported.entries);
    if !verdict.starts_with(&expected) || (said.as_str(), code) != (verdict.as_str(), 0) {
        return Err(format!("`{verdict}` and `{said}` with code {code}").into());
    }

    let damaged = dir.path().join("altered.zip");
    let last = usize::try_from(exported.entries)? - 1;
    for seq in [0, entries / 2, last] {
        altered(&path, &damaged, seq)?;
        let expected = format!("altered seq={seq} file={ENTRIES}");
        let verdict = verify_path(&damaged, trust)?.verdict.to_string();
        if verdict != expected {
            return Err(format!("`{verdict}`, not `{expected}`").into());
        }
        let (said, code, took) = python(&damaged, &vkeys[0])?;
        if (said.as_str(), code) != (expected.as_str(), 1) {
            return Err(format!("`{said}` with code {code}, not `{expected}`").into());
        }
        println!("one byte changed: {said}, after {:.1} s", took.wall);
    }
    Ok(())
}

#[cfg(test)]
#[test]
fn a_large_bundle_verifies_and_one_changed_byte_is_named() {
    let entries = if std::env::var_os("INTERLOCK_SOAK").is_some() {
        ENTRIES_WHOLE
    } else {
        println!("a twentieth; INTERLOCK_SOAK=1 takes 1,000,000 entries");
        ENTRIES_WHOLE / 20
    };
    export_and_verify(entries).unwrap();
}
