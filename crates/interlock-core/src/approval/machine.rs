//! One step of an approval.

use thiserror::Error;

use super::record::{Approval, Claim, Grant, Resolution, ResolvedBy, State, Vote};
use super::{LEASE_NS_MAX, REASON_BYTES_MAX};
use crate::model::limits::ID_BYTES_MAX;
use crate::model::{ActionDigest, UnixNanos};

/// What a person answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The action as shown may run.
    Approve,
    /// The action may run with other arguments; `to` is the digest of the changed action, on which
    /// detectors and policy have run again.
    Edit {
        /// The digest of the changed action.
        to: ActionDigest,
    },
    /// The action may not run. One such answer decides.
    Deny,
}

/// What the kill switch, the budgets and the policy say at the moment of the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recheck {
    /// They would still ask no more than the approval that was given.
    Holds,
    /// They have tightened: the approval no longer suffices.
    Tightened,
}

/// What happens to an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A person answers.
    Vote {
        /// Who: the authenticated subject.
        approver: String,
        /// What they answer.
        verdict: Verdict,
        /// The digest of the action that they were shown.
        seen: ActionDigest,
        /// Why, in their words.
        reason: String,
        /// Who may not act any more: their earlier agreement does not count towards the quorum.
        lapsed: Vec<String>,
    },
    /// Time is up, for the decision or for the grant.
    Expire,
    /// Whoever asked no longer wants it, or an approver takes it back before it is claimed.
    Cancel,
    /// A tightened policy takes its place.
    Supersede,
    /// An executor takes the grant.
    Claim {
        /// The digest of what it is about to run.
        digest: ActionDigest,
        /// The revision of the policy that was re-checked.
        policy_rev: u64,
        /// Its fencing token.
        fence: u64,
        /// How long it is believed alive without a report, in nanoseconds.
        lease_ns: i64,
        /// The result of the re-check.
        recheck: Recheck,
    },
    /// The executor reports.
    Report {
        /// Its fencing token.
        fence: u64,
        /// Whether the action succeeded.
        succeeded: bool,
    },
    /// The executor's lease has run out without a report.
    Lose,
    /// It was found out whether the action ran.
    Resolve {
        /// Whether its effect is there.
        happened: bool,
        /// How that is known.
        by: ResolvedBy,
    },
}

impl Event {
    /// The stable name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Vote {
                verdict: Verdict::Approve,
                ..
            } => "approve",
            Self::Vote {
                verdict: Verdict::Edit { .. },
                ..
            } => "edit",
            Self::Vote {
                verdict: Verdict::Deny,
                ..
            } => "deny",
            Self::Expire => "expire",
            Self::Cancel => "cancel",
            Self::Supersede => "supersede",
            Self::Claim { .. } => "claim",
            Self::Report { .. } => "report",
            Self::Lose => "lose",
            Self::Resolve { .. } => "resolve",
        }
    }
}

/// Why a step is refused; the approval stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// It is no longer pending: the first decision stands.
    #[error("the approval is already decided: it is `{0}`")]
    AlreadyDecided(State),
    /// This person has answered; one answer each.
    #[error("this approver has already answered")]
    AlreadyVoted,
    /// Whoever asked, or owns the agent, cannot agree to it.
    #[error("whoever asked for an action cannot approve it")]
    OwnRequest,
    /// The answer is about another action than the one that is proposed by now.
    #[error("the action has changed since it was shown")]
    DigestChanged,
    /// Somebody has agreed to other arguments; an edit now would turn their agreement around.
    #[error("the arguments cannot be edited once somebody has agreed to them")]
    EditAfterAgreement,
    /// The approver's name is empty or too long.
    #[error("`approver` must be 1 to {ID_BYTES_MAX} bytes")]
    Approver,
    /// The reason is too long.
    #[error("`reason` is longer than {REASON_BYTES_MAX} bytes")]
    Reason,
    /// Time is up.
    #[error("the approval has expired")]
    Expired,
    /// Time is not up yet.
    #[error("the approval is not due yet")]
    NotDue,
    /// There is no grant to claim.
    #[error("the approval cannot be claimed: it is `{0}`")]
    NotApproved(State),
    /// The grant has been claimed: it runs once.
    #[error("the grant is already claimed")]
    AlreadyClaimed,
    /// The grant binds another action.
    #[error("the grant is for another action")]
    OtherAction,
    /// The re-check was made with an older policy than the one that asked.
    #[error("the policy revision is older than the one that asked for approval")]
    StalePolicy,
    /// The lease is empty or too long.
    #[error("`lease_ns` must be more than 0 and at most 24 hours")]
    Lease,
    /// The report comes from an executor that does not hold the claim.
    #[error("the claim is held by another executor")]
    Fenced,
    /// The event does not fit the state.
    #[error("a `{event}` does not apply: the approval is `{state}`")]
    NotApplicable {
        /// The event.
        event: &'static str,
        /// The state.
        state: State,
    },
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::AlreadyDecided(_) => "already-decided",
            Self::AlreadyVoted => "already-voted",
            Self::OwnRequest => "own-request",
            Self::DigestChanged => "digest-changed",
            Self::EditAfterAgreement => "edit-after-agreement",
            Self::Approver => "approver-invalid",
            Self::Reason => "reason-too-long",
            Self::Expired => "expired",
            Self::NotDue => "not-due",
            Self::NotApproved(_) => "not-approved",
            Self::AlreadyClaimed => "already-claimed",
            Self::OtherAction => "other-action",
            Self::StalePolicy => "stale-policy",
            Self::Lease => "lease-invalid",
            Self::Fenced => "fenced",
            Self::NotApplicable { .. } => "not-applicable",
        }
    }
}

impl Approval {
    /// The event that the passage of time has brought about and that must be applied before any
    /// other, if there is one.
    #[must_use]
    pub fn due(&self, now: UnixNanos) -> Option<Event> {
        match self.state {
            State::Pending => (now >= self.request.expires_at).then_some(Event::Expire),
            State::Approved | State::ApprovedEdited => self
                .grant
                .is_none_or(|grant| now >= grant.expires_at)
                .then_some(Event::Expire),
            State::Claimed => self
                .claim
                .is_none_or(|claim| now >= claim.lease_until)
                .then_some(Event::Lose),
            _ => None,
        }
    }

    /// The approval after `event`; its version is one higher.
    ///
    /// # Errors
    /// When the event does not apply; the approval stays as it is.
    pub fn step(&self, event: &Event, now: UnixNanos) -> Result<Self, Refusal> {
        let mut next = self.clone();
        match event {
            Event::Vote {
                approver,
                verdict,
                seen,
                reason,
                lapsed,
            } => {
                next.vote(approver, *verdict, *seen, reason, now)?;
                next.settle(lapsed, now);
            }
            Event::Expire => {
                if !(self.state == State::Pending || self.state.is_approved()) {
                    return Err(self.not_applicable(event));
                }
                if self.due(now).is_none() {
                    return Err(Refusal::NotDue);
                }
                next.withdraw(State::Expired);
            }
            Event::Cancel | Event::Supersede => {
                if !(self.state == State::Pending || self.state.is_approved()) {
                    return Err(self.not_applicable(event));
                }
                next.withdraw(match event {
                    Event::Cancel => State::Cancelled,
                    _ => State::Superseded,
                });
            }
            Event::Claim {
                digest,
                policy_rev,
                fence,
                lease_ns,
                recheck,
            } => next.claim(*digest, *policy_rev, *fence, *lease_ns, *recheck, now)?,
            Event::Report { fence, succeeded } => {
                if !matches!(self.state, State::Claimed | State::Unknown) {
                    return Err(self.not_applicable(event));
                }
                if self.claim.is_none_or(|claim| claim.fence != *fence) {
                    return Err(Refusal::Fenced);
                }
                next.state = if *succeeded {
                    State::Executed
                } else {
                    State::Failed
                };
            }
            Event::Lose => {
                if self.state != State::Claimed {
                    return Err(self.not_applicable(event));
                }
                if self.due(now).is_none() {
                    return Err(Refusal::NotDue);
                }
                next.state = State::Unknown;
            }
            Event::Resolve { happened, by } => {
                if self.state != State::Unknown {
                    return Err(self.not_applicable(event));
                }
                if let ResolvedBy::Person(name) = by {
                    check_person(name)?;
                }
                next.resolution = Some(Resolution {
                    happened: *happened,
                    by: by.clone(),
                    at: now,
                });
                next.state = State::Resolved;
            }
        }
        next.version = self.version.saturating_add(1);
        if next.state != self.state {
            next.changed_at = now;
        }
        Ok(next)
    }

    const fn not_applicable(&self, event: &Event) -> Refusal {
        Refusal::NotApplicable {
            event: event.name(),
            state: self.state,
        }
    }

    fn withdraw(&mut self, state: State) {
        self.state = state;
        if let Some(grant) = &mut self.grant {
            grant.uses = 0;
        }
    }

    fn vote(
        &mut self,
        approver: &str,
        verdict: Verdict,
        seen: ActionDigest,
        reason: &str,
        now: UnixNanos,
    ) -> Result<(), Refusal> {
        if self.state != State::Pending {
            return Err(Refusal::AlreadyDecided(self.state));
        }
        if self.due(now).is_some() {
            return Err(Refusal::Expired);
        }
        check_person(approver)?;
        if reason.len() > REASON_BYTES_MAX {
            return Err(Refusal::Reason);
        }
        if self.votes.iter().any(|vote| vote.approver == approver) {
            return Err(Refusal::AlreadyVoted);
        }
        let approves = verdict != Verdict::Deny;
        if approves && self.request.excluded.iter().any(|name| name == approver) {
            return Err(Refusal::OwnRequest);
        }
        // A veto needs no fresh view: saying no to an older form of the action is still a no.
        if approves && seen != self.proposed() {
            return Err(Refusal::DigestChanged);
        }
        let digest = match verdict {
            Verdict::Edit { .. } if self.agreed() > 0 => return Err(Refusal::EditAfterAgreement),
            Verdict::Edit { to } => to,
            Verdict::Approve | Verdict::Deny => seen,
        };
        self.votes.push(Vote {
            approver: approver.to_owned(),
            approves,
            digest,
            reason: reason.to_owned(),
            at: now,
        });
        if !approves {
            self.state = State::Denied;
        }
        Ok(())
    }

    /// Grants what the last one agreed to, if enough have who may still act.
    fn settle(&mut self, lapsed: &[String], now: UnixNanos) {
        let Some(digest) = self.votes.last().map(|vote| vote.digest) else {
            return;
        };
        let quorum = usize::from(self.request.quorum);
        if self.state == State::Pending && self.agreed_without(lapsed) >= quorum {
            self.state = if digest == self.request.digest {
                State::Approved
            } else {
                State::ApprovedEdited
            };
            self.grant = Some(Grant {
                digest,
                policy_rev: self.request.policy_rev,
                expires_at: now.saturating_add(self.request.grant_ttl_ns),
                uses: 1,
            });
        }
    }

    fn claim(
        &mut self,
        digest: ActionDigest,
        policy_rev: u64,
        fence: u64,
        lease_ns: i64,
        recheck: Recheck,
        now: UnixNanos,
    ) -> Result<(), Refusal> {
        if self.claim.is_some() {
            return Err(Refusal::AlreadyClaimed);
        }
        if !self.state.is_approved() {
            return Err(Refusal::NotApproved(self.state));
        }
        if self.due(now).is_some() {
            return Err(Refusal::Expired);
        }
        let Some(grant) = self.grant.as_mut().filter(|grant| grant.uses > 0) else {
            return Err(Refusal::NotApproved(self.state));
        };
        if grant.digest != digest {
            return Err(Refusal::OtherAction);
        }
        if policy_rev < grant.policy_rev {
            return Err(Refusal::StalePolicy);
        }
        if lease_ns <= 0 || lease_ns > LEASE_NS_MAX {
            return Err(Refusal::Lease);
        }
        grant.uses = 0;
        if recheck == Recheck::Tightened {
            self.state = State::Superseded;
            return Ok(());
        }
        self.claim = Some(Claim {
            fence,
            policy_rev,
            at: now,
            lease_until: now.saturating_add(lease_ns),
        });
        self.state = State::Claimed;
        Ok(())
    }
}

fn check_person(name: &str) -> Result<(), Refusal> {
    if name.trim().is_empty() || name.len() > ID_BYTES_MAX {
        return Err(Refusal::Approver);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
