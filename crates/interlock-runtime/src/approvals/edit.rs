//! Changed arguments: what a person makes of an action is decided on like any other action.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use interlock_core::approval::State;
use interlock_core::audit::record::ContentMode;
use interlock_core::engine::{self, Request};
use interlock_core::model::limits::RESOURCE_BYTES_MAX;
use interlock_core::model::patch::Patch;
use interlock_core::model::{
    Action, ActionDigest, Decision, Effect, Principal, Role, UnixNanos, Value,
};
use interlock_core::privacy::mask_text;
use interlock_store::vault::{Content, Deferred, Subject};
use interlock_store::{ApprovalEdit, ApprovalRow};

use super::{asks_more, not_found};
use crate::clock::new_id;
use crate::content::About;
use crate::error::RuntimeError;
use crate::{APPROVAL_FIELD, Runtime};

/// How long the projection of the decision that asked is waited for: an embedded runtime gathers for two
/// seconds, and may be behind.
const PROJECTED: Duration = Duration::from_secs(10);
/// Characters of masked arguments that a person is shown.
const SHOWN_CHARACTERS: usize = 8_192;

/// How the arguments are changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// These stand instead.
    Arguments(Value),
    /// These operations are applied: of what a person was shown masked, the rest stays as it is.
    Patch(Patch),
}

/// What a person changes of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The arguments.
    pub change: Change,
    /// What is acted on, if that changes too.
    pub resource: Option<String>,
    /// The digest of the edited action as the person was shown it by a preview: an edit that comes to
    /// another action is refused.
    pub expected: Option<ActionDigest>,
}

/// What an edit comes to, before anybody agrees to it. Nothing of it is in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditPreview {
    /// The digest of the edited action.
    pub digest: ActionDigest,
    /// What it acts on.
    pub resource: String,
    /// Its arguments as JSON, masked.
    pub arguments: String,
    /// What changed, as a JSON patch, masked.
    pub patch: String,
    /// What would be decided on it, were it asked for now.
    pub effect: Effect,
    /// Its composite risk, 0..=100.
    pub risk: u8,
    /// Why, in sentences.
    pub reasons: Vec<String>,
    /// Why nobody could agree to it, if that is so.
    pub refused: Option<String>,
}

/// A changed action that may be agreed to.
#[derive(Debug)]
pub(super) struct Edited {
    pub(super) digest: ActionDigest,
    pub(super) resource: String,
    pub(super) rules: Vec<String>,
    arguments: String,
    patch: String,
    subject: Subject,
}

impl Edited {
    /// What the record commits to.
    pub(super) fn content(&self) -> Deferred {
        let (subject, arguments, patch) = (
            self.subject.clone(),
            self.arguments.clone(),
            self.patch.clone(),
        );
        Deferred {
            bytes: arguments.len() + patch.len(),
            make: Box::new(move || Content {
                subject,
                keep: true,
                fields: vec![("arguments", arguments), ("patch", patch)],
            }),
        }
    }

    pub(super) fn row(&self, editor: &str, seq: u64) -> ApprovalEdit {
        ApprovalEdit {
            editor: editor.to_owned(),
            digest: self.digest,
            seq,
            rules: self.rules.clone(),
            resource: self.resource.clone(),
        }
    }
}

/// What people and agents are shown of an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownEdit {
    /// Who changed the arguments.
    pub editor: String,
    /// What the action acts on now.
    pub resource: String,
    /// The arguments as JSON.
    pub arguments: String,
    /// What changed, as a JSON patch.
    pub patch: String,
}

impl Runtime {
    /// The action that an approval is about.
    pub(super) fn asked_action(
        &self,
        tenant: &str,
        row: &ApprovalRow,
    ) -> Result<Action, RuntimeError> {
        let id = &row.asked.id;
        let until = std::time::Instant::now() + PROJECTED;
        let seq = loop {
            match self.inner.store.action(tenant, id) {
                Ok(action) => break action.seq,
                Err(error) if error.is_not_found() && self.inner.behind.is_long() => {
                    self.listed(tenant)?;
                    return Err(not_found(error, "decision of this approval"));
                }
                Err(error) if error.is_not_found() && std::time::Instant::now() < until => {
                    // A person is rarely this quick.
                    self.inner.projector.wake();
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(error) => return Err(not_found(error, "decision of this approval")),
            }
        };
        let mut action = self.recorded_action(tenant, seq)?;
        action.metadata.remove(APPROVAL_FIELD);
        if ActionDigest::of(tenant, &action) != row.approval.request.digest {
            return Err(RuntimeError::Conflict(
                "the content that was kept is not the action that was asked about".to_owned(),
            ));
        }
        Ok(action)
    }

    /// Changes the action of an approval and decides on what comes of it. The approval itself when
    /// it is decided already.
    pub(super) fn edited(
        &self,
        tenant: &str,
        id: &str,
        edit: &Edit,
    ) -> Result<Result<Edited, Box<ApprovalRow>>, RuntimeError> {
        let row = self
            .inner
            .store
            .approval(tenant, id)
            .map_err(|e| not_found(e, "approval"))?;
        if row.approval.state != State::Pending {
            return Ok(Err(Box::new(row)));
        }
        let (before, after) = self.changed(tenant, &row, edit)?;
        let digest = ActionDigest::of(tenant, &after);
        if edit.expected.is_some_and(|expected| expected != digest) {
            return Err(RuntimeError::Conflict(
                "the edit comes to another action than the one that was shown: look at it again"
                    .to_owned(),
            ));
        }
        let principal = caller(tenant, &row);
        let decision = self.weigh(&principal, &after, self.inner.clock.now())?;
        if let Some(why) = refusal(&decision, &row) {
            return Err(RuntimeError::Conflict(why));
        }
        let mut rules = row_rules(&row);
        for rule in &decision.approvals {
            if !rules.iter().any(|r| **r == **rule) {
                rules.push(rule.to_string());
            }
        }
        Ok(Ok(Edited {
            digest,
            rules,
            arguments: after.arguments.to_json(),
            patch: Patch::between(&before.arguments, &after.arguments)
                .to_value()
                .to_json(),
            subject: About::action(&after).subject(tenant, &after.agent_id),
            resource: after.resource,
        }))
    }

    /// The action that an approval is about, and what an edit makes of it.
    fn changed(
        &self,
        tenant: &str,
        row: &ApprovalRow,
        edit: &Edit,
    ) -> Result<(Action, Action), RuntimeError> {
        if self.inner.content != ContentMode::Full {
            return Err(RuntimeError::Conflict(
                "arguments can be edited only where contents are kept: start with `--content full`"
                    .to_owned(),
            ));
        }
        let before = self.asked_action(tenant, row)?;
        let mut after = before.clone();
        after.arguments = match &edit.change {
            Change::Arguments(arguments) => arguments.clone(),
            Change::Patch(patch) => patch
                .apply(&before.arguments)
                .map_err(|e| RuntimeError::Invalid("patch", format!("cannot be applied: {e}")))?,
        };
        if let Some(resource) = &edit.resource {
            if resource.len() > RESOURCE_BYTES_MAX {
                return Err(RuntimeError::Invalid(
                    "resource",
                    format!("has more than {RESOURCE_BYTES_MAX} bytes"),
                ));
            }
            resource.clone_into(&mut after.resource);
        }
        Ok((before, after))
    }

    /// What an edit would come to: the same change and the same decision as of an edit that is agreed
    /// to, and nothing is recorded.
    ///
    /// # Errors
    /// When the caller may not decide, there is no such approval, it is decided already, or the edit
    /// cannot be applied.
    pub fn preview_edit(
        &self,
        principal: &Principal,
        id: &str,
        edit: &Edit,
    ) -> Result<EditPreview, RuntimeError> {
        super::answer::may_decide(principal)?;
        let tenant = &*principal.tenant;
        let row = self.settled_approval(principal, id)?;
        if row.approval.state != State::Pending {
            return Err(RuntimeError::Conflict(format!(
                "the approval is {} and cannot be edited any more",
                row.approval.state.name().replace('_', " ")
            )));
        }
        let (before, after) = self.changed(tenant, &row, edit)?;
        let decision = self.weigh(&caller(tenant, &row), &after, self.inner.clock.now())?;
        let shown = |text: &str| -> String {
            let text = mask_text(text, Default::default()).text;
            text.chars().take(SHOWN_CHARACTERS).collect()
        };
        let patch = Patch::between(&before.arguments, &after.arguments).to_value();
        Ok(EditPreview {
            digest: ActionDigest::of(tenant, &after),
            refused: refusal(&decision, &row),
            effect: decision.effect,
            risk: decision.risk.composite,
            reasons: decision.reasons.iter().map(|r| r.message.clone()).collect(),
            arguments: shown(&after.arguments.to_json()),
            patch: shown(&patch.to_json()),
            resource: after.resource,
        })
    }

    /// What would be decided on an action now. Nothing is charged, recorded or enforced.
    pub(super) fn weigh(
        &self,
        principal: &Principal,
        action: &Action,
        now: UnixNanos,
    ) -> Result<Decision, RuntimeError> {
        let inner = &*self.inner;
        let tenant = &principal.tenant;
        let loaded = inner.bundles.current(tenant).ok_or_else(|| {
            RuntimeError::Conflict("no policy is in force, so nothing can be agreed to".to_owned())
        })?;
        let configured = inner.agents.get(tenant, &action.agent_id);
        let principal = Principal {
            elevated: configured.as_ref().is_some_and(|c| c.elevated),
            ..principal.clone()
        };
        let request = Request {
            principal: &principal,
            action,
            now,
            reservation: new_id(now).as_u128(),
            profile: configured
                .as_ref()
                .and_then(|c| c.profile.as_ref())
                .or_else(|| loaded.compiled.profile(&action.agent_id)),
            grant: None,
        };
        let program = &loaded.compiled.program;
        let failed = || {
            RuntimeError::Conflict(
                "the engine failed on the edited action, so nobody can agree to it".to_owned(),
            )
        };
        let mut prepared = catch_unwind(AssertUnwindSafe(|| engine::prepare(program, &request)))
            .map_err(|_| failed())?;
        // With which key it will be claimed nobody knows yet.
        prepared.footprint.ledger = inner
            .budgets
            .charges(&principal.tenant, "", &action.agent_id);
        let mut readings = inner.memory.reserve(&prepared.footprint, now);
        readings.state.tool_stopped = inner.tool_stops.stopped(&principal.tenant, action, now);
        inner.memory.cancel(&prepared.footprint, now);
        let decision = catch_unwind(AssertUnwindSafe(|| {
            engine::decide(program, &request, &prepared, readings)
        }))
        .map_err(|_| failed())?;
        if !prepared.ran.failed.is_empty() {
            return Err(failed());
        }
        Ok(decision)
    }

    /// How an approval was edited; masked for people, as it is for the agent that runs it.
    ///
    /// # Errors
    /// When the content was erased or cannot be read.
    pub(crate) fn shown_edit(
        &self,
        tenant: &str,
        id: &str,
        masked: bool,
    ) -> Result<Option<ShownEdit>, RuntimeError> {
        let Some(edit) = self.inner.store.edit(tenant, id)? else {
            return Ok(None);
        };
        let mut fields = self.kept_content(tenant, edit.seq)?;
        let mut field = |name: &str| {
            let at = fields.iter().position(|(n, _)| n == name);
            let text = at.map(|at| fields.swap_remove(at).1).unwrap_or_default();
            if masked {
                let text = mask_text(&text, Default::default()).text;
                text.chars().take(SHOWN_CHARACTERS).collect()
            } else {
                text
            }
        };
        Ok(Some(ShownEdit {
            arguments: field("arguments"),
            patch: field("patch"),
            editor: edit.editor,
            resource: edit.resource,
        }))
    }

    /// Adds the edited arguments to what an agent is told of its approval.
    pub(super) fn with_edit(
        &self,
        principal: &Principal,
        mut row: ApprovalRow,
    ) -> Result<ApprovalRow, RuntimeError> {
        if row.approval.state != State::ApprovedEdited
            || !matches!(principal.role, Role::Agent | Role::Admin)
        {
            return Ok(row);
        }
        let Some(edit) = self.shown_edit(&principal.tenant, &row.asked.id, false)? else {
            return Ok(row);
        };
        let mut detail = detail(&row);
        detail.insert("edited_arguments".to_owned(), edit.arguments.into());
        detail.insert("edited_resource".to_owned(), edit.resource.into());
        row.asked.detail = serde_json::Value::Object(detail).to_string();
        Ok(row)
    }
}

/// Why nobody may agree to an edited action on which this would be decided, or none.
fn refusal(decision: &Decision, row: &ApprovalRow) -> Option<String> {
    if decision.effect == Effect::Block {
        let why = decision.reasons.first();
        return Some(format!(
            "the edited action would be blocked: {}",
            why.map_or("no reason was given", |r| r.message.as_str())
        ));
    }
    asks_more(decision, row).map(|approvers| {
        format!(
            "the edited action asks {} of group `{}`, who were not asked: deny it, and let the agent ask anew",
            approvers.quorum, approvers.group
        )
    })
}

pub(super) fn detail(row: &ApprovalRow) -> serde_json::Map<String, serde_json::Value> {
    match serde_json::from_str(&row.asked.detail) {
        Ok(serde_json::Value::Object(detail)) => detail,
        _ => serde_json::Map::new(),
    }
}

/// What asks for approval of the action as it was asked.
pub(super) fn row_rules(row: &ApprovalRow) -> Vec<String> {
    let detail = detail(row);
    let rules = detail.get("approvals").and_then(|a| a.as_array());
    let names = rules.into_iter().flatten().filter_map(|r| r.as_str());
    names.map(str::to_owned).collect()
}

/// Whose credential asked.
pub(super) fn caller(tenant: &str, row: &ApprovalRow) -> Principal {
    let detail = detail(row);
    let text = |name: &str| {
        let text = detail.get("caller")?.get(name)?.as_str()?;
        Some(Arc::from(text))
    };
    Principal {
        tenant: Arc::from(tenant),
        agent: text("agent"),
        environment: text("environment"),
        role: Role::Agent,
        elevated: false,
    }
}
