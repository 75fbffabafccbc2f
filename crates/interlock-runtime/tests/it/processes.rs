//! One data directory, several real processes: this test binary, started again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use interlock_core::audit::frame::Kind;
use interlock_core::audit::verify::{Trust, Verdict, verify};
use interlock_core::model::{Action, OutcomeStatus, Principal, Value};
use interlock_runtime::{CheckOptions, Gate, Place};
use interlock_store::journal::{DirSource, Durability, Position};

use crate::gate::{ALLOW, options};
use crate::world::outcome;

const DATA: &str = "INTERLOCK_TEST_DATA";
const POLICY: &str = "INTERLOCK_TEST_POLICY";
const LIMIT: &str = "interlock: 1\ndefault: allow\nrules:\n  - id: twenty\n    match: { action: api_call }\n    require: { limits: { calls: 20/1m } }\n    effect: block\n";

/// How long a worker may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a worker does: a line in, at least one line out. Ends in order with its input.
fn work(data: &Path, policy: &str, input: impl BufRead, mut out: impl Write) {
    let mut options = options(data, policy);
    options.runtime.durability = Durability::Strict;
    options.patience = Duration::from_secs(30);
    let gate = Gate::open(options).unwrap();
    let mut say = |line: String| {
        // In one piece: the test harness writes to the same output.
        out.write_all(format!("\n@ {line}\n").as_bytes()).unwrap();
        out.flush().unwrap();
    };
    let place = |gate: &Gate| match gate.place() {
        Place::Owner(owner) => format!("owner {}", owner.epoch),
        Place::Client(owner) => format!("client {}", owner.epoch),
        other => format!("{other:?} 0"),
    };
    say(format!("place {}", place(&gate)));
    for line in input.lines() {
        let line = line.unwrap();
        let mut words = line.split(' ');
        let word = (
            words.next().unwrap(),
            words.next(),
            words.next(),
            words.next(),
        );
        match word {
            ("place", ..) => say(format!("place {}", place(&gate))),
            // So many checks, each with a key of its own, and every second with an outcome.
            ("load", Some(agent), Some(name), Some(count)) => {
                for n in 0..count.parse::<u32>().unwrap() {
                    let key = format!("{name}-{n}");
                    let json = format!(
                        r#"{{"agent_id":"{agent}","action_type":"api_call","resource":"r/{key}","idempotency_key":"{key}"}}"#
                    );
                    let action = Action::from_json(json.as_bytes()).unwrap();
                    let who = Principal::local();
                    match gate.check(&who, action, &CheckOptions::default()) {
                        Ok(checked) => {
                            let effect = checked.decision.effect;
                            say(format!(
                                "acked {key} {} {} {effect}",
                                checked.id, checked.seq
                            ));
                            if n % 2 == 0 && effect.permits() {
                                let done = outcome(OutcomeStatus::Succeeded);
                                match gate.outcome(&who, checked.id, &done) {
                                    Ok(reply) => {
                                        say(format!("settled {} {}", checked.id, reply.seq));
                                    }
                                    Err(error) => say(format!("error {error}")),
                                }
                            }
                        }
                        Err(error) => say(format!("error {error}")),
                    }
                }
                say("done".to_owned());
            }
            other => say(format!("error unknown command {other:?}")),
        }
    }
    gate.close();
    say("closed".to_owned());
}

/// With [`DATA`] set this is the body of a worker process; without, the same in this process.
#[test]
fn worker() {
    if let Some(data) = std::env::var_os(DATA) {
        let policy = std::env::var(POLICY).unwrap();
        let input = std::io::stdin().lock();
        work(Path::new(&data), &policy, input, std::io::stdout());
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut out = Vec::new();
    let input = &b"load a k 3\nplace\nfly\n"[..];
    work(directory.path(), ALLOW, input, &mut out);
    let out = String::from_utf8(out).unwrap();
    let kinds: Vec<&str> = out
        .lines()
        .filter_map(|l| l.strip_prefix("@ ")?.split(' ').next())
        .collect();
    let expected = [
        "place", "acked", "settled", "acked", "acked", "settled", "done", "place", "error",
        "closed",
    ];
    assert_eq!(kinds, expected, "{out}");
}

struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Worker {
    /// Starts a worker and waits until it has a place, which is returned.
    fn start(data: &Path, policy: &str) -> (Self, String) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "processes::worker",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(DATA, data)
            .env(POLICY, policy)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, lines) = channel();
        let stdout = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let Ok(line) = line else { break };
                if let Some(said) = line.strip_prefix("@ ")
                    && send.send(said.to_owned()).is_err()
                {
                    break;
                }
            }
        });
        let worker = Self {
            input: child.stdin.take(),
            child,
            lines,
        };
        let place = worker.next();
        let place = place.strip_prefix("place ").expect("its place").to_owned();
        (worker, place)
    }

    fn next(&self) -> String {
        self.lines
            .recv_timeout(PATIENCE)
            .expect("the worker goes on")
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Everything up to `done`.
    fn all(&self) -> Vec<String> {
        std::iter::repeat_with(|| self.next())
            .take_while(|line| line != "done")
            .collect()
    }

    fn place(&mut self) -> String {
        self.tell("place");
        let line = self.next();
        line.strip_prefix("place ").expect("its place").to_owned()
    }

    /// Ends its input and waits for it.
    fn end(mut self) {
        drop(self.input.take());
        assert_eq!(self.next(), "closed");
        assert!(self.child.wait().unwrap().success());
    }

    /// As a crash of the machine's memory killer would.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The key, then id and sequence number of each decision that has it.
type Decisions = BTreeMap<String, Vec<(String, u64)>>;

/// The decisions on record, and those whose outcome is.
/// Verified first.
fn recorded(data: &Path) -> (Decisions, BTreeSet<String>) {
    let gate = Gate::open(options(data, ALLOW)).unwrap();
    let runtime = gate.runtime().expect("nobody else is there");
    let vkeys = [runtime.journal().vkey()];
    gate.close();
    let trust = Trust {
        vkeys: &vkeys,
        checkpoints: &[],
    };
    let report = verify(&DirSource::new(&data.join("log")), trust);
    let sound = matches!(report.verdict, Verdict::Ok { unsigned: 0, .. });
    assert!(sound, "{}", report.verdict);
    let (mut decisions, mut settled) = (Decisions::new(), BTreeSet::new());
    runtime
        .journal()
        .for_each(Position::default(), &mut |_, entry| {
            let body = Value::parse(&entry.body).unwrap();
            let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
            if entry.kind == Kind::Decision {
                let of = decisions.entry(text("idempotency").to_owned()).or_default();
                of.push((text("id").to_owned(), entry.seq));
            } else if entry.kind == Kind::Outcome {
                assert!(settled.insert(text("id").to_owned()), "settled once");
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    (decisions, settled)
}

#[test]
fn four_workers_share_one_limit() {
    let directory = tempfile::tempdir().unwrap();
    // All at once on a directory that is not there yet.
    let data = directory.path().join("data");
    let data = data.as_path();
    let started: Vec<_> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..4)
            .map(|_| scope.spawn(move || Worker::start(data, LIMIT)))
            .collect();
        starting.into_iter().map(|s| s.join().unwrap()).collect()
    });
    let mut places: Vec<&str> = started.iter().map(|(_, place)| place.as_str()).collect();
    places.sort_unstable();
    assert_eq!(places, ["client 1", "client 1", "client 1", "owner 1"]);
    let mut workers: Vec<Worker> = started.into_iter().map(|(worker, _)| worker).collect();
    for (n, worker) in workers.iter_mut().enumerate() {
        worker.tell(&format!("load bot w{n} 10"));
    }
    let lines: Vec<String> = workers.iter().flat_map(Worker::all).collect();
    let with = |ending: &str| lines.iter().filter(|l| l.ends_with(ending)).count();
    assert_eq!((with(" allow"), with(" block")), (20, 20), "{lines:#?}");
    for worker in workers {
        worker.end();
    }
    let (decisions, _) = recorded(data);
    assert_eq!(decisions.len(), 40);
}

#[test]
fn a_killed_owner_loses_nothing_that_was_acknowledged() {
    let checks: u32 = if std::env::var_os("INTERLOCK_SOAK").is_some() {
        5_000
    } else {
        println!("the reduced size: 120 checks of each client; INTERLOCK_SOAK=1 for 5000");
        120
    };
    let directory = tempfile::tempdir().unwrap();
    let (mut owner, place) = Worker::start(directory.path(), ALLOW);
    assert_eq!(place, "owner 1");
    let mut clients: Vec<Worker> = (0..3)
        .map(|_| Worker::start(directory.path(), ALLOW).0)
        .collect();
    owner.tell(&format!("load o owner {checks}"));
    for (n, client) in clients.iter_mut().enumerate() {
        client.tell(&format!("load c c{n} {checks}"));
    }
    // In the middle of everybody's work.
    let mut lines: Vec<String> = (0..checks / 2).map(|_| clients[0].next()).collect();
    let killed = Instant::now();
    owner.kill();
    lines.push(clients[0].next());
    let pause = killed.elapsed();
    println!(
        "the next answer came {} ms after the kill",
        pause.as_millis()
    );
    lines.extend(clients.iter().flat_map(Worker::all));
    lines.extend(owner.lines.try_iter());
    let places: BTreeSet<String> = clients.iter_mut().map(Worker::place).collect();
    assert!(
        places.contains("owner 2"),
        "one took over, with a higher epoch: {places:?}"
    );
    assert!(places.iter().all(|p| p.ends_with(" 2")), "{places:?}");
    // An owner that ends in order hands over as well.
    let at = clients
        .iter_mut()
        .position(|c| c.place() == "owner 2")
        .unwrap();
    clients.remove(at).end();
    for (n, client) in clients.iter_mut().enumerate() {
        client.tell(&format!("load l late{n} 1"));
        lines.extend(client.all());
        assert!(client.place().ends_with(" 3"));
    }
    for client in clients {
        client.end();
    }
    let errors: Vec<&String> = lines.iter().filter(|l| l.starts_with("error")).collect();
    assert_eq!(errors, [""; 0], "everybody was answered");
    let (decisions, settled) = recorded(directory.path());
    let mut acked = 0;
    for line in &lines {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["acked", key, id, seq, _] => {
                acked += 1;
                let expected = vec![(id.to_owned(), seq.parse().unwrap())];
                assert_eq!(decisions.get(key), Some(&expected), "{key}");
            }
            ["settled", id, _] => assert!(settled.contains(id), "{id}"),
            _ => {}
        }
    }
    assert!(acked >= 3 * checks, "{acked} of {checks} of each of three");
    let twice: Vec<_> = decisions.iter().filter(|(_, of)| of.len() != 1).collect();
    assert!(twice.is_empty(), "decided more than once: {twice:?}");
}
