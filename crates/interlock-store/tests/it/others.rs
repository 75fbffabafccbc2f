//! The Python and the HTML verifier, held against ours over many altered copies of one log.
//!
//! Each runs as one process that reads cases and answers a verdict a line, at the same time as the
//! test verifies them itself.

use interlock_core::audit::base64;
use interlock_core::audit::verify::Verdict;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

pub(crate) type Files = BTreeMap<String, Vec<u8>>;
/// What differs from the log: new bytes of a file, or its absence.
pub(crate) type Patch = BTreeMap<String, Option<Vec<u8>>>;

/// Cases on their way to a verifier.
const QUEUE: usize = 64;
/// Disagreements that are told.
const SHOWN_MAX: usize = 10;

/// A case's name and our verdict.
type Expected = (String, String);

#[derive(Debug)]
struct Other {
    script: &'static str,
    child: Child,
    cases: SyncSender<Arc<str>>,
    expected: Sender<Expected>,
    writer: JoinHandle<()>,
    reader: JoinHandle<(usize, Vec<String>)>,
    errors: JoinHandle<String>,
}

/// The verifiers that are installed here.
#[derive(Debug)]
pub(crate) struct Others {
    running: Vec<Other>,
    given: usize,
}

impl Others {
    pub(crate) fn start(files: &Files, vkeys: &[String], checkpoints: &[String]) -> Self {
        let mut log = "{\"files\":{".to_owned();
        for (n, (path, bytes)) in files.iter().enumerate() {
            let comma = if n > 0 { "," } else { "" };
            write!(log, "{comma}{path:?}:\"{}\"", base64::encode(bytes)).unwrap();
        }
        // Keys and notes are printable but for the line ends, which the escapes of both agree on.
        let text = |text: &String| format!("\"{}\"", text.replace('\n', "\\n"));
        let list = |texts: &[String]| texts.iter().map(text).collect::<Vec<_>>().join(",");
        write!(log, "}},\"vkeys\":[{}]", list(vkeys)).unwrap();
        write!(log, ",\"checkpoints\":[{}]}}", list(checkpoints)).unwrap();
        let log: Arc<str> = log.into();
        let running = [("python3", "verify_many.py"), ("node", "verify_many.mjs")]
            .into_iter()
            .filter_map(|(program, script)| {
                if Command::new(program).arg("--version").output().is_err() {
                    println!("{program} is not installed: {script} was not compared");
                    return None;
                }
                let other = Other::start(program, script);
                other.cases.send(log.clone()).unwrap();
                Some(other)
            })
            .collect();
        Self { running, given: 0 }
    }

    /// Hands a case to each verifier.
    pub(crate) fn verify(&mut self, files: &Files, name: &str, patch: &Patch, ours: &Verdict) {
        self.given += 1;
        let line: Arc<str> = case(files, patch).into();
        let ours = format!("{} {ours}", ours.code());
        for other in &self.running {
            // A verifier that died is told of in the end.
            let _ = other.expected.send((name.to_owned(), ours.clone()));
            let _ = other.cases.send(line.clone());
        }
    }

    /// Waits for all verdicts; panics unless each is ours. Answers what was compared.
    pub(crate) fn finish(self) -> String {
        let mut agreed = Vec::new();
        for other in self.running {
            let script = other.script;
            let (answered, differences, errors) = other.finish();
            assert!(
                differences.is_empty(),
                "{script} differs:\n{}",
                differences.join("\n")
            );
            assert_eq!(answered, self.given, "{script} stopped early: {errors}");
            agreed.push(script);
        }
        format!("{} verdicts agreed with {agreed:?}", self.given)
    }
}

impl Other {
    fn start(program: &str, script: &'static str) -> Self {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new(program)
            .arg(package.join("tests/drivers").join(script))
            .arg(package.join("../../verifiers"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (cases, inbox) = sync_channel::<Arc<str>>(QUEUE);
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || {
            for line in inbox {
                if stdin.write_all(line.as_bytes()).is_err() || stdin.write_all(b"\n").is_err() {
                    return;
                }
            }
        });
        let (expected, verdicts) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || compare(stdout, &verdicts));
        let mut stderr = child.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Self {
            script,
            child,
            cases,
            expected,
            writer,
            reader,
            errors,
        }
    }

    /// How many verdicts came, those that differ, and what the verifier complained of.
    fn finish(mut self) -> (usize, Vec<String>, String) {
        drop((self.cases, self.expected));
        self.writer.join().unwrap();
        let (answered, differences) = self.reader.join().unwrap();
        let errors = self.errors.join().unwrap();
        self.child.wait().unwrap();
        (answered, differences, errors)
    }
}

fn compare(
    stdout: BufReader<std::process::ChildStdout>,
    expected: &Receiver<Expected>,
) -> (usize, Vec<String>) {
    let (mut answered, mut differences) = (0, Vec::new());
    for theirs in stdout.lines().map_while(Result::ok) {
        let Ok((name, ours)) = expected.recv() else {
            differences.push(format!("more verdicts than cases: {theirs}"));
            break;
        };
        answered += 1;
        if theirs != ours && differences.len() < SHOWN_MAX {
            differences.push(format!("{name}: `{theirs}`, ours `{ours}`"));
        }
    }
    (answered, differences)
}

/// A case as the drivers read it: per file what is cut out and put in.
fn case(files: &Files, patch: &Patch) -> String {
    let mut out = "{".to_owned();
    let empty = Vec::new();
    for (n, (path, bytes)) in patch.iter().enumerate() {
        let comma = if n > 0 { "," } else { "" };
        write!(out, "{comma}{path:?}:").unwrap();
        let Some(new) = bytes else {
            out.push_str("null");
            continue;
        };
        let old = files.get(path).unwrap_or(&empty);
        let same = old.iter().zip(new).take_while(|(a, b)| a == b).count();
        let tail = old[same..]
            .iter()
            .rev()
            .zip(new[same..].iter().rev())
            .take_while(|(a, b)| a == b)
            .count();
        let inserted = base64::encode(&new[same..new.len() - tail]);
        write!(out, "[{same},{},\"{inserted}\"]", old.len() - same - tail).unwrap();
    }
    out.push('}');
    out
}
