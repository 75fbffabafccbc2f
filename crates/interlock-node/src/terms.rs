//! Checks that ask for more than the policies do, and what a violation entails.

use std::sync::Arc;

use interlock_core::model::{Action, Effect};
use interlock_runtime::{Asks, CheckOptions, Claimed, DEFAULT_TENANT, Decider, Floor};
use interlock_store::AgentChange;
use napi::Result;
use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;

use crate::answer;
use crate::engine::Engine;
use crate::error::{configuration, of_action, of_gate};
use crate::task::{TextTask, off_loop};

/// Characters of the sentence that says why.
const WHY_CHARACTERS_MAX: usize = 256;

/// Under which terms an action is decided on.
#[napi(object)]
#[derive(Debug, Clone)]
pub struct Terms {
    /// At least this effect, whatever the policies say.
    pub effect: Option<String>,
    /// Because of this.
    pub why: Option<String>,
    /// Whether it has happened already: it is scored and recorded, nothing is enforced.
    pub reported: bool,
}

pub(crate) fn check(decider: &Decider, json: &str, terms: &Terms) -> Result<String> {
    let action = Action::from_json(json.as_bytes()).map_err(|e| of_action(&e))?;
    let floor = match &terms.effect {
        None => None,
        Some(name) => {
            let effect = Effect::from_name(name).ok_or_else(|| {
                configuration(&format!("`{name}` is no effect"), "config.invalid")
            })?;
            let why = terms.why.as_deref().unwrap_or_default();
            Some(Arc::new(Floor {
                asks: Some(Asks {
                    effect,
                    why: why.chars().take(WHY_CHARACTERS_MAX).collect(),
                }),
                ..Floor::default()
            }))
        }
    };
    let options = CheckOptions {
        reported: terms.reported.then(Claimed::default),
        floor,
        ..CheckOptions::default()
    };
    let arguments = action.capabilities.redact.then(|| action.arguments.clone());
    let checked = decider.check(action, &options).map_err(|e| of_gate(&e))?;
    Ok(answer::decision(&checked, arguments.as_ref()))
}

#[napi]
impl Engine {
    /// As `checkSync`, under these terms.
    ///
    /// # Errors
    /// When there is no decision: the action must not run.
    #[napi(catch_unwind)]
    pub fn check_under_sync(&self, action: String, terms: Terms) -> Result<String> {
        check(&self.decider, &action, &terms)
    }

    /// As `checkUnderSync`, on a thread of the pool.
    #[napi]
    pub fn check_under(&self, action: String, terms: Terms) -> AsyncTask<TextTask> {
        let decider = self.decider.clone();
        off_loop(move || check(&decider, &action, &terms))
    }

    /// Stops an agent, from any process: it may do nothing until a person ends the pause.
    ///
    /// # Errors
    /// When the pause cannot be recorded, or a server decides about everything.
    #[napi(catch_unwind)]
    pub fn pause_agent(&self, agent: String, by: String) -> Result<()> {
        self.decider
            .pause_agent(&by, &agent)
            .map_err(|e| of_gate(&e))
    }

    /// Ends the pause of an agent; only in the process that owns the directory.
    ///
    /// # Errors
    /// When another process owns it, or the end of the pause cannot be recorded.
    #[napi(catch_unwind)]
    pub fn resume_agent(&self, agent: String, by: String) -> Result<()> {
        let Some(runtime) = self.decider.runtime() else {
            return Err(configuration(
                "the pause of an agent is ended in the process that owns the data directory, which this one is not",
                "owner.elsewhere",
            ));
        };
        let change = AgentChange {
            paused: Some(false),
            ..AgentChange::default()
        };
        runtime
            .update_agent(DEFAULT_TENANT, &by, &agent, &change)
            .map(drop)
            .map_err(|e| of_gate(&e.into()))
    }
}
