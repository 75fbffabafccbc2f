//! What people answer: it is recorded, then it holds.

use interlock_core::approval::{Event, Refusal, ResolvedBy, State, Verdict};
use interlock_core::audit::body::Body;
use interlock_core::audit::frame::Kind;
use interlock_core::model::{ActionDigest, Principal, Role};
use interlock_store::ApprovalRow;

use super::edit::{Edit, Edited};
use super::{Answered, not_found};
use crate::error::RuntimeError;
use crate::{People, Runtime, rfc3339};

/// What a person says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Say<'a> {
    /// The action may run as it was shown.
    Approve,
    /// The action may run with other arguments.
    Edit(&'a Edit),
    /// The action may not run.
    Deny,
}

/// A person's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Who: the authenticated subject.
    pub approver: &'a str,
    /// What they say.
    pub say: Say<'a>,
    /// The digest of the action that they were shown; `None`: of the action as it stands.
    pub seen: Option<ActionDigest>,
    /// Why, in their words.
    pub reason: &'a str,
    /// How it came: `api`, `slack`, `email`, ….
    pub via: &'a str,
}

pub(super) fn may_decide(principal: &Principal) -> Result<(), RuntimeError> {
    if matches!(principal.role, Role::Approver | Role::Admin) {
        return Ok(());
    }
    Err(RuntimeError::Forbidden(
        "only a key of role `approver` or `admin` can decide an approval".to_owned(),
    ))
}

/// Whoever is disabled neither agrees nor refuses, whichever way they come.
pub(super) fn may_act(people: &People, tenant: &str, person: &str) -> Result<(), RuntimeError> {
    if people.is_disabled(tenant, person) {
        return Err(RuntimeError::Forbidden(format!("`{person}` is disabled")));
    }
    Ok(())
}

/// Those who agreed and may not act any more: an open quorum is of people who may.
pub(super) fn lapsed(people: &People, tenant: &str, row: &ApprovalRow) -> Vec<String> {
    row.approval
        .votes
        .iter()
        .filter(|vote| vote.approves && people.is_disabled(tenant, &vote.approver))
        .map(|vote| vote.approver.clone())
        .collect()
}

impl Runtime {
    /// How many people agree to what is asked, of those who may still act; once it is decided, how many
    /// had agreed.
    #[must_use]
    pub fn agreed(&self, tenant: &str, row: &ApprovalRow) -> usize {
        if row.approval.state != State::Pending {
            return row.approval.agreed();
        }
        let people = self.inner.people.load();
        row.approval.agreed_without(&lapsed(&people, tenant, row))
    }

    /// Takes a person's answer. The record is durable before this returns; a second answer gets
    /// the first outcome.
    ///
    /// The record comes first, then the row: an agent can use the grant from the moment the row says
    /// so, and no grant may be used that is not on record. A row that could not be written follows
    /// from the record, through the projector: at once when the store recovers, else at the next
    /// start.
    ///
    /// # Errors
    /// When the caller may not decide, there is no such approval, the edited action would not be
    /// allowed, or the answer cannot be recorded.
    pub fn answer_approval(
        &self,
        principal: &Principal,
        id: &str,
        answer: &Answer<'_>,
    ) -> Result<Answered, RuntimeError> {
        may_decide(principal)?;
        let tenant = &*principal.tenant;
        let store = &self.inner.store;
        let people = self.inner.people.load();
        may_act(&people, tenant, people.name_of(answer.approver))?;
        // Worked out before the lock is taken: it reads the record and decides anew.
        let edited = match answer.say {
            Say::Edit(edit) => match self.edited(tenant, id, edit)? {
                Ok(edited) => Some(edited),
                Err(decided) => {
                    return Ok(Answered {
                        row: *decided,
                        already_decided: true,
                    });
                }
            },
            Say::Approve | Say::Deny => None,
        };
        let one = self.deciding();
        // Whoever was disabled while this waited does not answer any more.
        let people = self.inner.people.load();
        let approver = people.name_of(answer.approver);
        may_act(&people, tenant, approver)?;
        let now = self.inner.clock.now();
        let mut row = store
            .approval(tenant, id)
            .map_err(|e| not_found(e, "approval"))?;
        if let Some(due) = row.approval.due(now) {
            row = store.advance_approval(tenant, id, None, &due, now)?.row;
            self.record_expiry(tenant, &row, now);
        }
        let agrees = answer.say != Say::Deny;
        let asked = row.approval.escalations(now);
        if agrees
            && row.approval.state == State::Pending
            && !people.may_agree(approver, &row.asked.group, asked)
        {
            return Err(RuntimeError::Forbidden(format!(
                "`{approver}` is not in group `{}`, which is asked",
                row.asked.group
            )));
        }
        let verdict = match (&edited, answer.say) {
            (Some(edited), _) => Verdict::Edit { to: edited.digest },
            (None, Say::Deny) => Verdict::Deny,
            (None, _) => Verdict::Approve,
        };
        let lapsed = lapsed(&people, tenant, &row);
        let event = Event::Vote {
            approver: approver.to_owned(),
            verdict,
            // Who agrees and does not say what they saw saw the action as it was asked: an edit is
            // agreed to by its digest only. Saying no is of whatever is proposed.
            seen: answer.seen.unwrap_or_else(|| match answer.say {
                Say::Deny => row.approval.proposed(),
                Say::Approve | Say::Edit(_) => row.approval.request.digest,
            }),
            reason: answer.reason.to_owned(),
            lapsed: lapsed.clone(),
        };
        let next = match row.approval.step(&event, now) {
            Ok(next) => next,
            Err(Refusal::AlreadyDecided(_) | Refusal::AlreadyVoted) => {
                return Ok(Answered {
                    row,
                    already_decided: true,
                });
            }
            Err(refusal) => return Err(RuntimeError::Conflict(refusal.to_string())),
        };
        let kind = if next.state == State::Pending {
            Kind::ApprovalVote
        } else {
            Kind::ApprovalFinal
        };
        let mut body = Body::new(kind, &rfc3339(now));
        body.str("tenant", tenant)
            .str("id", id)
            .str("agent", &row.asked.agent_id)
            .str("approver", approver)
            .str("verdict", event.name())
            .str("via", answer.via)
            .str("state", next.state.name())
            .int("version", next.version)
            .str("action_hash", &row.approval.request.digest.to_hex());
        if !lapsed.is_empty() {
            body.strs("lapsed", &lapsed);
        }
        if let Some(edited) = &edited {
            body.str("edited_hash", &edited.digest.to_hex())
                .str("edited_resource", &edited.resource)
                .strs("rules", &edited.rules);
        }
        let bytes = body
            .finish()
            .map_err(|e| RuntimeError::AuditUnavailable(e.to_string()))?;
        let content = edited.as_ref().map(Edited::content);
        let appended = self
            .inner
            .journal
            .append_content(tenant, kind, bytes, content)
            .map_err(|e| RuntimeError::AuditUnavailable(e.to_string()))?;
        if next.state.is_approved() {
            self.inner.memory.approved(tenant, &row.asked.agent_id, now);
        }
        self.inner.projector.wake();
        if let Some(edited) = edited {
            // Before the step: an agent that finds a grant also finds what it is for.
            store.set_edit(tenant, id, &edited.row(approver, appended.seq))?;
        }
        // Nobody else changes the row meanwhile, so that it takes the step that is on record.
        let advanced =
            store.advance_approval(tenant, id, Some(row.approval.version), &event, now)?;
        drop(one);
        self.inner.changed.notify(tenant, id);
        Ok(Answered {
            already_decided: advanced.already_decided(),
            row: advanced.row,
        })
    }

    /// As [`Self::answer_approval`], of a person who agrees or refuses.
    ///
    /// # Errors
    /// As [`Self::answer_approval`].
    pub fn decide_approval(
        &self,
        principal: &Principal,
        approver: &str,
        id: &str,
        approve: bool,
        reason: &str,
    ) -> Result<Answered, RuntimeError> {
        let answer = Answer {
            approver,
            say: if approve { Say::Approve } else { Say::Deny },
            seen: None,
            reason,
            via: "api",
        };
        self.answer_approval(principal, id, &answer)
    }

    /// Takes an approval back, by the agent that asked or by a person, before its grant is claimed.
    ///
    /// The row comes first: what stops something holds before it is on record.
    ///
    /// # Errors
    /// When there is none, it cannot be taken back any more, or it cannot be recorded: it is
    /// cancelled all the same.
    pub fn cancel_approval(
        &self,
        principal: &Principal,
        by: &str,
        id: &str,
    ) -> Result<ApprovalRow, RuntimeError> {
        let tenant = &*principal.tenant;
        if principal.role != Role::Agent {
            may_decide(principal)?;
        }
        let seen = self.approval(principal, id)?;
        let one = self.deciding();
        let now = self.inner.clock.now();
        let advanced = self
            .inner
            .store
            .advance_approval(tenant, id, None, &Event::Cancel, now)?;
        if let Some(refusal) = advanced.refusal {
            // Taken back before: that stands.
            if advanced.row.approval.state == State::Cancelled {
                return Ok(advanced.row);
            }
            return Err(RuntimeError::Conflict(refusal.to_string()));
        }
        let row = advanced.row;
        let recorded = self.record_final(tenant, &row, |body| {
            body.str("actor", by).str("verdict", "cancel");
        });
        drop(one);
        self.inner.changed.notify(tenant, &seen.asked.id);
        recorded.map(|()| row)
    }

    /// Notes what a person found out about an action whose executor went away.
    ///
    /// # Errors
    /// When the caller may not decide, the approval is not `unknown`, or the answer cannot be
    /// recorded.
    pub fn resolve_approval(
        &self,
        principal: &Principal,
        by: &str,
        id: &str,
        happened: bool,
    ) -> Result<Answered, RuntimeError> {
        may_decide(principal)?;
        let tenant = &*principal.tenant;
        let store = &self.inner.store;
        let people = self.inner.people.load();
        may_act(&people, tenant, people.name_of(by))?;
        let _one = self.deciding();
        let people = self.inner.people.load();
        let by = people.name_of(by);
        may_act(&people, tenant, by)?;
        let now = self.inner.clock.now();
        let mut row = store
            .approval(tenant, id)
            .map_err(|e| not_found(e, "approval"))?;
        if let Some(due) = row.approval.due(now) {
            row = store.advance_approval(tenant, id, None, &due, now)?.row;
        }
        let event = resolve(by, happened);
        match row.approval.step(&event, now) {
            Ok(next) => {
                let shown = ApprovalRow {
                    approval: next,
                    ..row.clone()
                };
                self.record_final(tenant, &shown, |body| {
                    let verdict = if happened { "happened" } else { "absent" };
                    body.str("approver", by).str("verdict", verdict);
                })?;
            }
            Err(_) if row.approval.state == State::Resolved => {
                return Ok(Answered {
                    row,
                    already_decided: true,
                });
            }
            Err(refusal) => return Err(RuntimeError::Conflict(refusal.to_string())),
        }
        let version = Some(row.approval.version);
        let advanced = store.advance_approval(tenant, id, version, &event, now)?;
        self.inner.changed.notify(tenant, id);
        Ok(Answered {
            already_decided: false,
            row: advanced.row,
        })
    }

    fn record_final(
        &self,
        tenant: &str,
        row: &ApprovalRow,
        further: impl FnOnce(&mut Body),
    ) -> Result<(), RuntimeError> {
        let mut body = Body::new(Kind::ApprovalFinal, &rfc3339(self.now()));
        body.str("tenant", tenant)
            .str("id", &row.asked.id)
            .str("agent", &row.asked.agent_id)
            .str("state", row.approval.state.name())
            .int("version", row.approval.version)
            .str("action_hash", &row.approval.request.digest.to_hex());
        further(&mut body);
        let bytes = body
            .finish()
            .map_err(|e| RuntimeError::AuditUnavailable(e.to_string()))?;
        self.inner
            .journal
            .append(tenant, Kind::ApprovalFinal, bytes)
            .map_err(|e| RuntimeError::AuditUnavailable(e.to_string()))?;
        Ok(())
    }
}

pub(super) fn resolve(by: &str, happened: bool) -> Event {
    Event::Resolve {
        happened,
        by: ResolvedBy::Person(by.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Options;

    #[test]
    fn who_is_disabled_while_an_answer_waits_does_not_answer() {
        let directory = tempfile::tempdir().expect("a directory");
        let (runtime, _) = Runtime::open(Options::on(directory.path())).expect("it opens");
        let principal = Principal {
            tenant: "default".into(),
            agent: None,
            environment: None,
            role: Role::Approver,
            elevated: false,
        };
        let answer = |by| runtime.decide_approval(&principal, by, "none", true, "");
        let resolve = |by| runtime.resolve_approval(&principal, by, "none", true);
        // Nobody is disabled, so that it is the approval that is missing.
        for by in [answer("ann"), resolve("ann")] {
            assert!(matches!(by, Err(RuntimeError::NotFound(_))), "{by:?}");
        }
        for ways in [true, false] {
            runtime.set_people(People::default());
            let answered = std::thread::scope(|scope| {
                let one = runtime.deciding();
                let waits = scope.spawn(|| if ways { answer("ann") } else { resolve("ann") });
                // So that it has most likely come to the lock; what is true of it is true sooner, too.
                std::thread::sleep(Duration::from_millis(50));
                let mut people = People::default();
                people.disable("default", "ann");
                runtime.set_people(people);
                drop(one);
                waits.join().expect("an answer")
            });
            assert!(
                matches!(answered, Err(RuntimeError::Forbidden(_))),
                "{answered:?}"
            );
        }
        runtime.close();
    }
}
