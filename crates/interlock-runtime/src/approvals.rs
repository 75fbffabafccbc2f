//! People in the loop: asking, deciding, and using a grant exactly once.

mod answer;
mod edit;
mod review;
mod session;

pub use answer::{Answer, Say};
pub use edit::{Change, Edit, EditPreview, ShownEdit};
pub use review::Review;
pub use session::{ArgumentRule, SessionGrant};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use interlock_core::approval::{EXCLUDED_MAX, Event, Recheck, Request as Asked, State, Verdict};
use interlock_core::audit::frame::Kind;
use interlock_core::engine::Prepared;
use interlock_core::model::{
    Action, ActionDigest, Approvers, Decision, Effect, Obligation, OutcomeStatus, Principal, Role,
    UnixNanos, Value,
};
use interlock_core::program::Grant;
use interlock_store::journal::Entry;
use interlock_store::{ApprovalEdit, ApprovalRequest, ApprovalRow, Store, StoreError};
use uuid::Uuid;

use crate::Runtime;
use crate::bundles::Loaded;
use crate::error::RuntimeError;
use crate::outcome::{Granted, record_time};
use crate::people::People;

/// How long an approval waits when the rule does not say: 24 hours, in nanoseconds.
const WAIT_NS_DEFAULT: i64 = 24 * 3_600 * 1_000_000_000;
/// How long an executor that claimed a grant is believed alive, unless said otherwise.
pub(crate) const EXECUTOR_LEASE: Duration = Duration::from_secs(600);

/// The field in which a caller names the approval that it uses.
pub const APPROVAL_FIELD: &str = "approval_id";

/// A grant that an action names, not yet claimed.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) grant: Grant,
    pub(crate) approval: Uuid,
    /// Under newer policies the action would be refused, so that whom they ask cannot be said.
    pub(crate) refused: bool,
}

/// What became of a person's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The approval as it stands.
    pub row: ApprovalRow,
    /// Whether an earlier decision stands instead.
    pub already_decided: bool,
}

impl Runtime {
    /// The grant that an action names, if it is approved for exactly this action.
    pub(crate) fn find_grant(
        &self,
        principal: &Principal,
        action: &Action,
    ) -> Result<Option<Found>, RuntimeError> {
        let Some(named) = action.metadata.get(APPROVAL_FIELD) else {
            return Ok(None);
        };
        let id = named
            .as_str()
            .and_then(|t| t.parse::<Uuid>().ok())
            .ok_or(RuntimeError::NotFound("approval"))?;
        let row = self
            .inner
            .store
            .approval(&principal.tenant, &id.to_string())
            .map_err(|e| not_found(e, "approval"))?;
        if row.asked.agent_id != action.agent_id {
            return Err(RuntimeError::NotFound("approval"));
        }
        let Some(grant) = row
            .approval
            .grant
            .filter(|_| row.approval.state.is_approved())
        else {
            return Err(RuntimeError::Conflict(format!(
                "approval `{id}` is `{}`, it gives no grant",
                row.approval.state
            )));
        };
        let digest = ActionDigest::of(&principal.tenant, action);
        if grant.digest != digest {
            return Err(RuntimeError::Conflict(format!(
                "approval `{id}` was given for another action; ask again"
            )));
        }
        let revision = self.bundle(&principal.tenant).map(|b| b.revision);
        let mut refused = false;
        if revision != Some(row.approval.request.policy_rev) {
            // The rules that the grant answers may ask other people by now.
            let decision = self.weigh(principal, action, self.now())?;
            refused = decision.effect == Effect::Block;
            if let Some(Approvers { group, quorum, .. }) = asks_more(&decision, &row) {
                return Err(RuntimeError::Conflict(format!(
                    "the policies ask {quorum} of group `{group}` since approval `{id}` was given; ask again"
                )));
            }
        }
        let rules = if row.approval.state == State::ApprovedEdited {
            let edit = self.inner.store.edit(&principal.tenant, &id.to_string())?;
            edit.filter(|edit| edit.digest == digest)
                .ok_or(RuntimeError::NotFound("edit of this approval"))?
                .rules
        } else {
            edit::row_rules(&row)
        };
        let rules: Vec<Arc<str>> = rules.into_iter().map(Arc::from).collect();
        if rules.is_empty() {
            // An empty list would stand for everything.
            return Err(RuntimeError::Conflict(format!(
                "approval `{id}` does not say what it answers; ask again"
            )));
        }
        Ok(Some(Found {
            grant: Grant {
                digest,
                rules,
                approval_id: Arc::from(id.to_string()),
            },
            approval: id,
            refused,
        }))
    }

    /// Takes the grant: of any number of callers exactly one succeeds.
    pub(crate) fn claim(
        &self,
        principal: &Principal,
        found: &Found,
        loaded: &Loaded,
        holds: bool,
        fence: u64,
        now: UnixNanos,
    ) -> Result<(), RuntimeError> {
        let event = Event::Claim {
            digest: found.grant.digest,
            policy_rev: loaded.revision,
            fence,
            lease_ns: i64::try_from(self.inner.executor_lease.as_nanos()).unwrap_or(i64::MAX),
            recheck: if holds {
                Recheck::Holds
            } else {
                Recheck::Tightened
            },
        };
        let advanced = self.inner.store.advance_approval(
            &principal.tenant,
            &found.approval.to_string(),
            None,
            &event,
            now,
        )?;
        match advanced.refusal {
            None => Ok(()),
            Some(refusal) => Err(RuntimeError::Conflict(refusal.to_string())),
        }
    }

    /// Asks people about an action.
    #[expect(clippy::too_many_arguments, reason = "the pieces of one request")]
    pub(crate) fn request_approval(
        &self,
        principal: &Principal,
        action: &Action,
        prepared: &Prepared,
        decision: &Decision,
        loaded: &Loaded,
        id: Uuid,
        now: UnixNanos,
    ) -> Result<(), RuntimeError> {
        let Approvers {
            group,
            quorum,
            timeout_ms,
        } = asked_of(decision)?;
        let mut request = Asked::new(
            prepared.digest,
            loaded.revision,
            now.saturating_add(timeout_ms.saturating_mul(1_000_000)),
        );
        request.quorum = quorum;
        let people = self.inner.people.load();
        let user = &action.user.id;
        // Who asked comes first: it is not left out, however many owners there are.
        let mut excluded: Vec<String> = (!user.is_empty())
            .then(|| people.name_of(user))
            .into_iter()
            .chain(people.owners_of(&action.agent_id))
            .map(str::to_owned)
            .collect();
        excluded.truncate(EXCLUDED_MAX);
        request.excluded = excluded;
        let detail = review::detail(principal, action, prepared, decision);
        let row = self.inner.store.request_approval(
            &principal.tenant,
            &ApprovalRequest {
                id: id.to_string(),
                request,
                agent_id: action.agent_id.clone(),
                session_id: action.session_id.clone(),
                run_id: action.run_id.clone(),
                step: action.step,
                action_type: action.action_type.name().to_owned(),
                resource: action.resource.clone(),
                tool: action.tool.clone(),
                group,
                risk: u16::from(decision.risk.composite),
                reason: decision
                    .reasons
                    .first()
                    .map(|r| r.message.chars().take(1_000).collect())
                    .unwrap_or_default(),
                detail: detail.to_string(),
            },
            now,
        )?;
        self.inner.changed.notify(&principal.tenant, &row.asked.id);
        Ok(())
    }

    /// One change of an approval at a time: what is decided on is what is recorded and written.
    pub(crate) fn deciding(&self) -> MutexGuard<'_, ()> {
        self.inner
            .deciding
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the approval whose grant a decision used what became of the action. Nothing is told of
    /// an unknown outcome: the claim's lease makes it unknown there too.
    ///
    /// The outcome is on record by now, so that a failure here is made good by the projector.
    pub(crate) fn report_execution(
        &self,
        tenant: &str,
        granted: &Granted,
        status: OutcomeStatus,
        now: UnixNanos,
    ) {
        let Some(event) = execution(granted.fence, status) else {
            return;
        };
        let id = granted.approval.to_string();
        let one = self.deciding();
        let advanced = self
            .inner
            .store
            .advance_approval(tenant, &id, None, &event, now);
        drop(one);
        match advanced {
            Ok(_) => self.inner.changed.notify(tenant, &id),
            // A session approval is not told of outcomes.
            Err(error) if error.is_not_found() => {}
            Err(error) => {
                tracing::warn!(%error, id, "an approval was not told of its outcome yet");
            }
        }
    }

    /// One approval, with what time has brought about; with the arguments to run, when they were
    /// edited and the caller is who runs them.
    ///
    /// # Errors
    /// When there is none, or it is another agent's; when the edited arguments were erased.
    pub fn approval(&self, principal: &Principal, id: &str) -> Result<ApprovalRow, RuntimeError> {
        let row = self.settled_approval(principal, id)?;
        let mut row = self.with_edit(principal, row)?;
        if principal.role == Role::Agent {
            without_reasons(&mut row);
        }
        Ok(row)
    }

    /// Puts other people, groups and owners in the place of those that were known.
    pub fn set_people(&self, people: People) {
        self.inner.people.store(Arc::new(people));
    }

    /// The people, groups and owners that are known.
    #[must_use]
    pub fn people(&self) -> Arc<People> {
        self.inner.people.load_full()
    }

    /// One approval, with what time has brought about.
    pub(crate) fn settled_approval(
        &self,
        principal: &Principal,
        id: &str,
    ) -> Result<ApprovalRow, RuntimeError> {
        let now = self.inner.clock.now();
        let row = self
            .inner
            .store
            .approval(&principal.tenant, id)
            .map_err(|e| not_found(e, "approval"))?;
        let foreign = principal
            .agent
            .as_deref()
            .is_some_and(|a| a != row.asked.agent_id);
        if principal.role == Role::Agent && foreign {
            return Err(RuntimeError::NotFound("approval"));
        }
        if let Some(due) = row.approval.due(now) {
            let _one = self.deciding();
            let before = row.approval.version;
            let advanced =
                self.inner
                    .store
                    .advance_approval(&principal.tenant, id, None, &due, now)?;
            // The timer may have come first, and has recorded it then.
            if advanced.row.approval.version == before.saturating_add(1) && advanced.applied() {
                self.record_expiry(&principal.tenant, &advanced.row, now);
            }
            return Ok(advanced.row);
        }
        Ok(row)
    }

    /// Calls `f` whenever an approval changes; for those who wait.
    pub fn on_approval_change(&self, f: impl Fn(&str, &str) + Send + Sync + 'static) {
        self.inner.changed.listen(Box::new(f));
    }
}

/// Leaves of an approval what an agent may know: that it is asked about, and what it may run. Why is
/// the people's to know.
fn without_reasons(row: &mut ApprovalRow) {
    let mut detail = edit::detail(row);
    detail.retain(|name, _| {
        matches!(
            &**name,
            "arguments" | "edited_arguments" | "edited_resource"
        )
    });
    row.asked.detail = serde_json::Value::Object(detail).to_string();
    row.asked.reason = String::new();
    for vote in &mut row.approval.votes {
        vote.reason = String::new();
    }
}

/// The people that a decision asks. Rules that ask the same group are answered together, by as many
/// people as the strictest of them wants.
///
/// # Errors
/// When they ask different groups: one approval cannot answer for both.
fn asked_of(decision: &Decision) -> Result<Approvers, RuntimeError> {
    let mut all = decision.obligations.iter().filter_map(|o| match o {
        Obligation::Approve(approvers) => Some(approvers),
        _ => None,
    });
    let Some(mut asked) = all.next().cloned() else {
        return Ok(Approvers {
            group: "approvers".to_owned(),
            quorum: 1,
            timeout_ms: WAIT_NS_DEFAULT / 1_000_000,
        });
    };
    for other in all {
        if other.group != asked.group {
            return Err(RuntimeError::Conflict(format!(
                "rules ask group `{}` and group `{}` about one action, and one approval cannot answer for both: let them ask one group",
                asked.group, other.group
            )));
        }
        asked.quorum = asked.quorum.max(other.quorum);
        asked.timeout_ms = asked.timeout_ms.min(other.timeout_ms);
    }
    Ok(asked)
}

/// What a decision asks beyond the people that an approval asked.
pub(crate) fn asks_more<'a>(decision: &'a Decision, row: &ApprovalRow) -> Option<&'a Approvers> {
    decision.obligations.iter().find_map(|o| match o {
        Obligation::Approve(approvers)
            if approvers.group != row.asked.group
                || approvers.quorum > row.approval.request.quorum =>
        {
            Some(approvers)
        }
        _ => None,
    })
}

fn vote(row: &ApprovalRow, approver: &str, verdict: Verdict, lapsed: &[String]) -> Event {
    Event::Vote {
        approver: approver.to_owned(),
        verdict,
        seen: row.approval.proposed(),
        // The words are content and were not recorded.
        reason: String::new(),
        lapsed: lapsed.to_vec(),
    }
}

fn execution(fence: u64, status: OutcomeStatus) -> Option<Event> {
    let succeeded = match status {
        OutcomeStatus::Succeeded => true,
        OutcomeStatus::Failed | OutcomeStatus::NotRun => false,
        OutcomeStatus::Unknown => return None,
    };
    Some(Event::Report { fence, succeeded })
}

/// Brings an approval's row up to what this entry of the journal says of it, if the process ended
/// between the two. An entry that the row has followed already, or a row that is gone, is passed
/// over.
pub(crate) fn follow(
    store: &dyn Store,
    deciding: &Mutex<()>,
    tenant: &str,
    entry: &Entry,
) -> Result<(), StoreError> {
    let concerns = match entry.kind {
        Kind::ApprovalVote | Kind::ApprovalFinal => true,
        // Few outcomes are of an action that a person allowed.
        Kind::Outcome => std::str::from_utf8(&entry.body).is_ok_and(|b| b.contains("\"fence\":")),
        _ => false,
    };
    if !concerns {
        return Ok(());
    }
    // Whoever wrote the entry may be about to write the row.
    let _one = deciding.lock().unwrap_or_else(PoisonError::into_inner);
    let Ok(body) = Value::parse(&entry.body) else {
        return Ok(());
    };
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let Some(at) = record_time(&body) else {
        return Ok(());
    };
    let number = |key: &str| body.get(key).and_then(Value::as_i64);
    let found = |id: &str| match store.approval(tenant, id) {
        Ok(row) => Ok(Some(row)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    };
    let (id, event) = if entry.kind == Kind::Outcome {
        let fence = number("fence").and_then(|fence| u64::try_from(fence).ok());
        let status = OutcomeStatus::from_name(text("status"));
        let event = fence.zip(status).and_then(|(f, s)| execution(f, s));
        let (id, Some(event)) = (text("approval"), event) else {
            return Ok(());
        };
        (id, event)
    } else {
        let id = text("id");
        let Some(row) = found(id)? else {
            return Ok(());
        };
        let version = i64::try_from(row.approval.version).unwrap_or(i64::MAX);
        if number("version").is_none_or(|recorded| recorded <= version) {
            return Ok(());
        }
        let approver = text("approver");
        let lapsed = body.get("lapsed").and_then(Value::as_array);
        let lapsed: Vec<String> = lapsed
            .into_iter()
            .flatten()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect();
        let event = match text("verdict") {
            "approve" => vote(&row, approver, Verdict::Approve, &lapsed),
            "deny" => vote(&row, approver, Verdict::Deny, &lapsed),
            "edit" => {
                let Some(edit) = recorded_edit(&body, entry.seq) else {
                    return Ok(());
                };
                store.set_edit(tenant, id, &edit)?;
                vote(&row, approver, Verdict::Edit { to: edit.digest }, &lapsed)
            }
            "happened" => answer::resolve(approver, true),
            "absent" => answer::resolve(approver, false),
            // Time's own, and what is taken back, which the row comes before.
            _ => return Ok(()),
        };
        (id, event)
    };
    match store.advance_approval(tenant, id, None, &event, at) {
        Ok(advanced) => {
            if advanced.applied() {
                tracing::info!(id, event = event.name(), "an approval followed its record");
            }
            Ok(())
        }
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}

/// What the record of an edit says of it; the arguments are content.
fn recorded_edit(body: &Value, seq: u64) -> Option<ApprovalEdit> {
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let digest = interlock_core::audit::unhex(text("edited_hash")?)?;
    let rules = body.get("rules")?.as_array()?;
    let rules = rules.iter().filter_map(Value::as_str);
    Some(ApprovalEdit {
        editor: text("approver")?.to_owned(),
        digest: ActionDigest(digest.try_into().ok()?),
        seq,
        rules: rules.map(str::to_owned).collect(),
        resource: text("edited_resource")?.to_owned(),
    })
}

fn not_found(error: interlock_store::StoreError, what: &'static str) -> RuntimeError {
    if error.is_not_found() {
        RuntimeError::NotFound(what)
    } else {
        RuntimeError::Store(error)
    }
}
