//! The undo journal of a data directory.
//!
//! What undoes a declared effect is JavaScript, which runs on one thread and may take its time. So a
//! rollback has a thread of its own, which asks and waits for answers; JavaScript looks for a question
//! with `said` and answers with `answer`. It looks, and does not wait on a thread of the pool: what
//! undoes an effect may need all of them.

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use interlock_effects::{
    About, Declared, EffectError, Executor, FileOp, Limits, Report, Rollback, StepInfo,
};
use napi::bindgen_prelude::AsyncTask;
use napi::{Error, Result};
use napi_derive::napi;

use crate::answer::Writer;
use crate::engine::count;
use crate::error::{configuration, of_effect, spelt, spelt_effect};
use crate::task::{TextTask, off_loop};

/// The kind of an effect that a function undoes.
const CALL: &str = "call";

/// How much is kept; what is absent is as usual.
#[napi(object)]
#[derive(Debug, Clone)]
pub struct UndoLimits {
    /// Bytes of one file that is written in place.
    pub file_bytes_max: Option<f64>,
    /// Bytes in all.
    pub total_bytes_max: Option<f64>,
    /// Steps.
    pub steps_max: Option<f64>,
}

/// An operation on files: what, where, where to.
#[napi(object)]
#[derive(Debug, Clone)]
pub struct FileChange {
    /// `write`, `append`, `create`, `delete`, `rmdir`, `rmtree`, `rename`, `metadata`,
    /// `link-metadata` or `any`.
    pub what: String,
    /// The path.
    pub path: String,
    /// Where a `rename` leads.
    pub to: Option<String>,
}

/// One thing to do with the journal.
#[napi(object)]
#[derive(Debug, Clone)]
pub struct UndoWork {
    /// `plan`, `keep`, `declare`, `irreversible`, `seal`, `steps` or `abandon`.
    pub what: String,
    /// The number of the step; what happens without one begins a step.
    pub step: Option<f64>,
    /// Whose step it is, and whose steps are listed.
    pub agent: Option<String>,
    /// The tool.
    pub tool: Option<String>,
    /// The decision under which it happens.
    pub decision: Option<String>,
    /// What is about to be done to files.
    pub ops: Option<Vec<FileChange>>,
    /// A declared effect, as JSON; or why it cannot be undone.
    pub text: Option<String>,
}

/// Keeps how things are before they change, and puts them back.
#[napi]
#[derive(Debug)]
pub struct Undo {
    undo: interlock_effects::Undo,
}

#[napi]
impl Undo {
    /// Opens the journal in the directory `path`, which is made.
    ///
    /// # Errors
    /// When it cannot be made or read.
    #[napi(constructor, catch_unwind)]
    pub fn new(path: String, sync: bool, limits: UndoLimits) -> Result<Self> {
        let usual = Limits::default();
        let given = |name, number: Option<f64>, usual: u64| match number {
            None => Ok(usual),
            Some(number) => Ok::<_, Error>(count(name, number)?.unsigned_abs()),
        };
        let steps = given("stepsMax", limits.steps_max, usual.steps_max as u64)?;
        let limits = Limits {
            file_bytes_max: given("fileBytesMax", limits.file_bytes_max, usual.file_bytes_max)?,
            total_bytes_max: given(
                "totalBytesMax",
                limits.total_bytes_max,
                usual.total_bytes_max,
            )?,
            steps_max: usize::try_from(steps).unwrap_or(usize::MAX),
            ..usual
        };
        let undo = interlock_effects::Undo::open(path.as_ref(), limits, sync);
        Ok(Self {
            undo: undo.map_err(|e| of_effect(&e))?,
        })
    }

    /// Does one thing and answers a JSON object; it is written down then.
    ///
    /// # Errors
    /// When it cannot be written down.
    #[napi(catch_unwind)]
    pub fn act_sync(&self, work: UndoWork) -> Result<String> {
        act(&self.undo, &work)
    }

    /// As `actSync`, on a thread of the pool.
    #[napi]
    pub fn act(&self, work: UndoWork) -> AsyncTask<TextTask> {
        let undo = self.undo.clone();
        off_loop(move || act(&undo, &work))
    }

    /// Begins to undo the last steps, newest first, on a thread of its own.
    ///
    /// # Errors
    /// When there is no thread for it.
    #[napi(catch_unwind)]
    pub fn rollback(&self, last: u32, agent: Option<String>, force: bool) -> Result<Rolling> {
        let (asks, questions) = channel();
        let (answers, answered) = channel();
        let undo = self.undo.clone();
        let what = Rollback {
            last: last as usize,
            agent,
            force,
        };
        let work = move || {
            let mut elsewhere = Elsewhere {
                asks: asks.clone(),
                answered,
            };
            let end = undo.rollback(&what, &mut elsewhere);
            let end = end
                .map(|report| shown(&report))
                .map_err(|error| spelt_effect(&error));
            // Nobody there any more: it is on record all the same.
            let _ = asks.send(end);
        };
        thread::Builder::new()
            .name("interlock-undo".to_owned())
            .spawn(work)
            .map_err(|error| {
                let text = format!("cannot start a thread: {error}");
                Error::from_reason(spelt("Unavailable", &text, "undo.unavailable"))
            })?;
        Ok(Rolling {
            questions: Mutex::new(questions),
            answers,
        })
    }

    /// Completes a rollback that a crash cut off, but for what JavaScript declared: those functions
    /// ended with their process. Answers a report.
    ///
    /// # Errors
    /// When the journal cannot be read or written.
    #[napi(catch_unwind)]
    pub fn resume(&self) -> Result<String> {
        let report = self.undo.resume(&mut Ended);
        Ok(shown(&report.map_err(|e| of_effect(&e))?))
    }
}

/// A question, or the report at the end; or why it ended without one.
type Said = std::result::Result<String, String>;

/// A rollback under way.
#[napi]
#[derive(Debug)]
pub struct Rolling {
    questions: Mutex<Receiver<Said>>,
    answers: Sender<std::result::Result<(), String>>,
}

#[napi]
impl Rolling {
    /// The next question, `{ kind, payload, check }`, or the report, which has `undone`; `null` while
    /// there is none.
    ///
    /// # Errors
    /// When the rollback failed.
    #[napi(catch_unwind)]
    pub fn said(&self) -> Result<Option<String>> {
        let questions = self.questions.lock();
        let questions = questions.unwrap_or_else(PoisonError::into_inner);
        match questions.try_recv() {
            Ok(said) => said.map(Some).map_err(Error::from_reason),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Error::from_reason(spelt(
                "Unavailable",
                "the rollback ended without a report",
                "undo.unavailable",
            ))),
        }
    }

    /// Answers the last question: undone, or why not.
    #[napi(catch_unwind)]
    pub fn answer(&self, refusal: Option<String>) {
        // A rollback that has ended needs no answer.
        let _ = self.answers.send(refusal.map_or(Ok(()), Err));
    }
}

/// Undoes declared effects by asking JavaScript.
struct Elsewhere {
    asks: Sender<Said>,
    answered: Receiver<std::result::Result<(), String>>,
}

impl Elsewhere {
    fn ask(&self, declared: &Declared, check: bool) -> std::result::Result<(), String> {
        let mut out = Writer::object();
        out.text("kind", &declared.kind);
        out.text("payload", &declared.payload.to_string());
        out.flag("check", check);
        let nobody = || "nobody is there to do it".to_owned();
        self.asks.send(Ok(out.finish())).map_err(|_| nobody())?;
        self.answered.recv().unwrap_or_else(|_| Err(nobody()))
    }
}

impl Executor for Elsewhere {
    fn check(&mut self, declared: &Declared) -> std::result::Result<(), String> {
        self.ask(declared, true)
    }

    fn undo(&mut self, declared: &Declared) -> std::result::Result<(), String> {
        self.ask(declared, false)
    }
}

/// Undoes nothing that was declared.
struct Ended;

impl Executor for Ended {
    fn check(&mut self, declared: &Declared) -> std::result::Result<(), String> {
        Err(format!(
            "what undoes `{}` is a function of a process that ended",
            declared.kind
        ))
    }

    fn undo(&mut self, declared: &Declared) -> std::result::Result<(), String> {
        self.check(declared)
    }
}

fn op(change: &FileChange) -> Result<FileOp<'_>> {
    let path = change.path.as_ref();
    Ok(match (change.what.as_str(), &change.to) {
        ("write", _) => FileOp::Write(path),
        ("append", _) => FileOp::Append(path),
        ("create", _) => FileOp::Create(path),
        ("delete", _) => FileOp::Delete(path),
        ("rmdir", _) => FileOp::RemoveDirectory(path),
        ("rmtree", _) => FileOp::RemoveTree(path),
        ("metadata", _) => FileOp::Metadata(path),
        ("link-metadata", _) => FileOp::LinkMetadata(path),
        ("any", _) => FileOp::Any(path),
        ("rename", Some(to)) => FileOp::Rename(path, to.as_ref()),
        (other, _) => {
            return Err(configuration(
                &format!("`{other}` is no operation on files"),
                "undo.operation",
            ));
        }
    })
}

/// The step that this belongs to, begun if it has no number yet.
fn step_of(undo: &interlock_effects::Undo, work: &UndoWork) -> Result<u64> {
    if let Some(step) = work.step {
        return Ok(count("step", step)?.unsigned_abs());
    }
    let given = |text: &Option<String>| text.clone().unwrap_or_default();
    undo.begin(&About {
        agent: given(&work.agent),
        tool: given(&work.tool),
        decision: given(&work.decision),
    })
    .map_err(|e| of_effect(&e))
}

/// Why `ops` could not be undone.
fn obstacle(undo: &interlock_effects::Undo, ops: &[FileChange]) -> Result<Option<String>> {
    for change in ops {
        // What cannot be looked at cannot be kept either.
        if let Err(error) = undo.plan(op(change)?) {
            return Ok(Some(error.to_string()));
        }
    }
    Ok(None)
}

fn act(undo: &interlock_effects::Undo, work: &UndoWork) -> Result<String> {
    let ops = work.ops.as_deref().unwrap_or_default();
    let text = work.text.as_deref().unwrap_or_default();
    let mut out = Writer::object();
    let failed = |error: EffectError| of_effect(&error);
    let numbered = |out: &mut Writer| {
        let step = step_of(undo, work)?;
        out.number("step", i64::try_from(step).unwrap_or(i64::MAX));
        Ok::<_, Error>(step)
    };
    let done = match work.what.as_str() {
        "plan" => {
            out.optional("why", obstacle(undo, ops)?.as_deref());
            Ok(())
        }
        "keep" => match obstacle(undo, ops)? {
            None => {
                let step = numbered(&mut out)?;
                ops.iter()
                    .try_for_each(|change| undo.before(step, op(change)?).map_err(failed))
            }
            // The decision knew.
            Some(why) => {
                let step = numbered(&mut out)?;
                undo.irreversible(step, &why).map_err(failed)
            }
        },
        "declare" => {
            let payload = text.parse().map_err(|error| {
                let text = format!("what undoes it is no JSON: {error}");
                configuration(&text, "undo.payload")
            })?;
            let declared = Declared {
                kind: CALL.to_owned(),
                payload,
                idempotent: false,
            };
            let step = numbered(&mut out)?;
            undo.declare(step, declared).map(drop).map_err(failed)
        }
        "irreversible" => {
            let step = numbered(&mut out)?;
            undo.irreversible(step, text).map_err(failed)
        }
        "seal" => undo.seal(step_of(undo, work)?).map_err(failed),
        "abandon" => undo.abandon(step_of(undo, work)?).map_err(failed),
        "steps" => undo
            .steps(work.agent.as_deref())
            .map(|steps| out.list("steps", &steps, described))
            .map_err(failed),
        other => {
            return Err(configuration(
                &format!("`{other}` is nothing that an undo journal does"),
                "undo.operation",
            ));
        }
    };
    done.map(|()| out.finish())
}

fn described(out: &mut Writer, info: &StepInfo) {
    out.number("step", i64::try_from(info.step).unwrap_or(i64::MAX));
    out.text("agent", &info.about.agent);
    out.text("tool", &info.about.tool);
    out.text("decision", &info.about.decision);
    out.text("at", &interlock_runtime::rfc3339(info.at));
    let paths: Vec<String> = info
        .paths
        .iter()
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    out.texts("paths", paths.iter().map(String::as_str));
    out.texts("declared", info.declared.iter().map(String::as_str));
    out.texts("irreversible", info.irreversible.iter().map(String::as_str));
}

fn shown(report: &Report) -> String {
    let mut out = Writer::object();
    out.list("undone", &report.undone, described);
    out.list("irreversible", &report.irreversible, described);
    let stopped = report.stopped.as_ref();
    if let Some(stopped) = stopped {
        out.nested("stopped", |out| described(out, &stopped.step));
    }
    let why = stopped.map(|stopped| stopped.why.to_string());
    out.text("reason", why.as_deref().unwrap_or_default());
    out.finish()
}
