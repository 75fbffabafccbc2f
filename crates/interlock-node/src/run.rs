//! The journal of a run, and the digest by which a step is known again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use interlock_core::model::{Action, ActionDigest};
use interlock_runtime::{DEFAULT_TENANT, RunError, RunJournal, Step};
use napi::Result;
use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;

use crate::answer::Writer;
use crate::error::{configuration, of_action, of_run};
use crate::task::{TextTask, off_loop};

/// The digest of an action, given as JSON, at its place in a run: hex.
///
/// # Errors
/// When the action cannot be decided on as it is.
#[napi(catch_unwind)]
pub fn action_digest(action: String) -> Result<String> {
    let action = Action::from_json(action.as_bytes()).map_err(|e| of_action(&e))?;
    Ok(ActionDigest::of(DEFAULT_TENANT, &action).to_hex())
}

/// One thing to do with the journal of a run.
#[napi(object)]
#[derive(Debug, Clone)]
pub struct RunWork {
    /// `open`, `step`, `asked`, `begin`, `done`, `failed` or `finish`.
    pub what: String,
    /// The number of the step.
    pub step: Option<u32>,
    /// Its name.
    pub name: Option<String>,
    /// The digest of its action.
    pub digest: Option<String>,
    /// The approval, the decision, the result as JSON (absent: it cannot be stored) or the error.
    pub text: Option<String>,
}

type Shared = Arc<Mutex<Option<RunJournal>>>;

/// The journal of one run; open from `open` until `close`.
#[napi]
#[derive(Debug)]
pub struct Run {
    data: PathBuf,
    name: String,
    resume: bool,
    journal: Shared,
}

#[napi]
impl Run {
    /// A run of this name in the data directory `data`; opens nothing yet.
    #[napi(constructor)]
    pub fn new(data: String, name: String, resume: bool) -> Self {
        Self {
            data: data.into(),
            name,
            resume,
            journal: Shared::default(),
        }
    }

    /// Does one thing with the journal and answers a JSON object; it is on disk then.
    #[napi]
    pub fn act(&self, work: RunWork) -> AsyncTask<TextTask> {
        let journal = Arc::clone(&self.journal);
        let (data, name, resume) = (self.data.clone(), self.name.clone(), self.resume);
        off_loop(move || {
            let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
            if work.what == "open" && journal.is_none() {
                let opened = RunJournal::open(&data, &name, resume).map_err(|e| of_run(&e))?;
                *journal = Some(opened);
            }
            match journal.as_ref() {
                Some(journal) => act(journal, &work),
                None => Err(of_run(&RunError::Invalid(format!(
                    "run `{name}` is closed"
                )))),
            }
        })
    }

    /// Lets another process resume the run.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        *journal = None;
    }
}

fn act(journal: &RunJournal, work: &RunWork) -> Result<String> {
    let step = work.step.unwrap_or_default();
    let given = |text: &Option<String>| text.clone().unwrap_or_default();
    let (name, digest, text) = (given(&work.name), given(&work.digest), given(&work.text));
    let mut out = Writer::object();
    let done = match work.what.as_str() {
        "open" => journal
            .is_finished()
            .map(|finished| out.flag("finished", finished)),
        "step" => journal
            .step(step, &name, &digest)
            .map(|found| known(&mut out, &found)),
        "asked" => journal.asked(step, &name, &digest, &text),
        "begin" => journal.begin(step, &name, &digest, &text),
        "done" => journal.done(step, work.text.as_deref()),
        "failed" => journal.failed(step, &text),
        "finish" => journal.finish(),
        other => {
            return Err(configuration(
                &format!("`{other}` is nothing that a run does"),
                "config.invalid",
            ));
        }
    };
    done.map_err(|e| of_run(&e))?;
    Ok(out.finish())
}

/// What is known of a step: its `state` (`new`, `done`, `failed` or `in-doubt`), its result or its
/// error as `text`, and the `approval` that it waits for.
fn known(out: &mut Writer, step: &Step) {
    let (state, text, approval) = match step {
        Step::New { approval } => ("new", None, approval.as_deref()),
        Step::Done(result) => ("done", result.as_deref(), None),
        Step::Failed(error) => ("failed", Some(error.as_str()), None),
        Step::InDoubt { error, approval } => ("in-doubt", error.as_deref(), approval.as_deref()),
        // Nothing that this version knows: nobody may run it.
        _ => ("in-doubt", None, None),
    };
    out.text("state", state);
    out.optional("text", text);
    out.optional("approval", approval);
}

/// Ends the pause of a run.
///
/// # Errors
/// When there is no such run, it is open, or the change cannot be written.
#[napi(catch_unwind)]
pub fn release_run(data: String, name: String, by: String) -> Result<()> {
    RunJournal::release(Path::new(&data), &name, &by).map_err(|e| of_run(&e))
}

/// Answers for a step in doubt: it happened and returned `result` (JSON), or it did not happen.
///
/// # Errors
/// When the step is not in doubt, and as `releaseRun`.
#[napi(catch_unwind)]
pub fn settle_step(
    data: String,
    name: String,
    step: u32,
    result: Option<String>,
    by: String,
) -> Result<()> {
    RunJournal::settle(Path::new(&data), &name, step, result.as_deref(), &by)
        .map_err(|e| of_run(&e))
}

/// Removes a run with everything that it stored.
///
/// # Errors
/// When there is no such run, or it is open.
#[napi(catch_unwind)]
pub fn forget_run(data: String, name: String) -> Result<()> {
    RunJournal::forget(Path::new(&data), &name).map_err(|e| of_run(&e))
}
