//! The second half of an action: what became of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use interlock_core::audit::body::Body;
use interlock_core::audit::frame::Kind;
use interlock_core::detectors::{self, DetectorConfig};
use interlock_core::model::{Findings, Outcome, OutcomeStatus, Principal, Role, UnixNanos, Vector};
use interlock_core::state::{OutcomeSummary, Taint};
use uuid::Uuid;

use crate::bytes::{Reader, put_option, put_text, put_u64};
use crate::content::{About, of_result};
use crate::error::RuntimeError;
use crate::settled::Settled;
use crate::{Runtime, rfc3339};

/// Decisions whose outcome can still be reported; past it the oldest becomes unknown.
const OPEN_MAX: usize = 100_000;

/// What must be known of a decision to take its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) tenant: Arc<str>,
    pub(crate) agent: String,
    pub(crate) session: String,
    pub(crate) run: String,
    /// Whom its content is about.
    pub(crate) about: About,
    pub(crate) permitted: bool,
    /// The grant that it used.
    pub(crate) granted: Option<Granted>,
}

/// The claim that a decision made on a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) approval: Uuid,
    /// The fencing token of the claim.
    pub(crate) fence: u64,
}

impl Granted {
    /// The claim of a decision made at `at`.
    pub(crate) fn at(approval: Uuid, at: UnixNanos) -> Self {
        Self {
            approval,
            fence: u64::try_from(at).unwrap_or(0),
        }
    }
}

/// Decisions that wait for their outcome, by id: ids are ordered by time, so that the first is the
/// oldest.
#[derive(Debug, Default)]
pub(crate) struct OpenDecisions(Mutex<BTreeMap<Uuid, Open>>);

impl OpenDecisions {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Uuid, Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn insert(&self, id: Uuid, open: Open) {
        let mut all = self.lock();
        all.insert(id, open);
        while all.len() > OPEN_MAX {
            all.pop_first();
        }
    }

    fn get(&self, tenant: &str, id: Uuid) -> Option<Open> {
        let all = self.lock();
        all.get(&id).filter(|open| &*open.tenant == tenant).cloned()
    }

    pub(crate) fn remove(&self, tenant: &str, id: Uuid) -> Option<Open> {
        let mut all = self.lock();
        all.get(&id).filter(|open| &*open.tenant == tenant)?;
        all.remove(&id)
    }

    /// The decisions as a part of a snapshot; equal ones have equal bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let all = self.lock();
        let mut out = Vec::new();
        put_u64(&mut out, all.len() as u64);
        for (id, open) in all.iter() {
            out.extend_from_slice(id.as_bytes());
            for text in [&*open.tenant, &open.agent, &open.session, &open.run] {
                put_text(&mut out, text);
            }
            open.about.write(&mut out);
            out.push(u8::from(open.permitted));
            put_option(&mut out, open.granted, |out, granted| {
                out.extend_from_slice(granted.approval.as_bytes());
                put_u64(out, granted.fence);
            });
        }
        out
    }

    /// Reads a part of a snapshot.
    pub(crate) fn from_bytes(from: &mut Reader<'_>) -> Option<Self> {
        // Mostly the same few, next to each other.
        let mut tenant: Arc<str> = Arc::from("");
        let all = (0..from.count()?)
            .map(|_| {
                let id = Uuid::from_bytes(from.array()?);
                let name = std::str::from_utf8(from.counted()?).ok()?;
                if &*tenant != name {
                    tenant = Arc::from(name);
                }
                let open = Open {
                    tenant: Arc::clone(&tenant),
                    agent: from.text()?,
                    session: from.text()?,
                    run: from.text()?,
                    about: About::read(from)?,
                    permitted: from.flag()?,
                    granted: from.option(|from| {
                        Some(Granted {
                            approval: Uuid::from_bytes(from.array()?),
                            fence: from.u64()?,
                        })
                    })?,
                };
                Some((id, open))
            })
            .collect::<Option<_>>()?;
        from.end()?;
        Some(Self(Mutex::new(all)))
    }
}

/// What the enforcement point learns of an outcome that it reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeReply {
    /// What the detectors found in the result; the agent should not see a result with findings as
    /// if it were trusted.
    pub findings: Findings,
    /// Whether the session now counts as having read untrusted content.
    pub tainted: bool,
    /// The sequence number of the record.
    pub seq: u64,
}

impl Runtime {
    /// Takes the outcome of a decision, once; scans its result before the agent sees it.
    ///
    /// # Errors
    /// When the decision is not known, not this agent's, already settled, or not permitted.
    pub fn outcome(
        &self,
        principal: &Principal,
        id: Uuid,
        outcome: &Outcome,
    ) -> Result<OutcomeReply, RuntimeError> {
        let tenant = &*principal.tenant;
        let open = self
            .inner
            .open
            .get(tenant, id)
            .ok_or(RuntimeError::NotFound("decision that waits for an outcome"))?;
        let foreign = principal.agent.as_deref().is_some_and(|a| a != open.agent);
        if principal.role == Role::Agent && foreign {
            return Err(RuntimeError::NotFound("decision that waits for an outcome"));
        }
        if !open.permitted && outcome.status == OutcomeStatus::Succeeded {
            return Err(RuntimeError::Conflict(
                "the action was not permitted, so it cannot have succeeded; report it as an incident".to_owned(),
            ));
        }
        let now = self.inner.clock.now();
        let mut findings = Findings::default();
        if let Some(text) = outcome.result.as_deref() {
            detectors::scan_result(text, &DetectorConfig::default(), &mut findings);
        }
        let tainted = findings.has(Vector::PromptInjection);
        // What was not looked through may hold anything, though nothing says that it holds instructions.
        let unread = detectors::unread(&findings);
        let mut taint = Taint {
            untrusted: tainted || unread,
            private: findings.has(Vector::Pii),
            ..Taint::default()
        };
        let mut body = Body::new(Kind::Outcome, &rfc3339(now));
        body.str("id", &id.to_string())
            .str("tenant", tenant)
            .str("agent", &open.agent)
            .str("run", &open.run)
            .str("session", &open.session)
            .str("status", outcome.status.name())
            .int("latency_ms", outcome.latency_ms)
            .int("cost_nano_usd", outcome.cost_nano_usd)
            .int("result_bytes", outcome.result_bytes);
        if let Some(rows) = outcome.rows {
            body.int("rows", rows);
        }
        if let Some(granted) = &open.granted {
            // What the projector needs to tell the approval, should this process end before it does.
            body.str("approval", &granted.approval.to_string())
                .int("fence", granted.fence);
        }
        body.strs("findings", findings.items().iter().map(|f| f.code.code))
            .bool("untrusted", tainted)
            .bool("private", taint.private);
        if unread {
            body.bool("unread", true);
        }
        let bytes = body
            .finish()
            .map_err(|e| RuntimeError::AuditUnavailable(e.to_string()))?;
        // Taken before the record is written, so that of two reports only one can be.
        if self.inner.open.remove(tenant, id).is_none() {
            return Err(RuntimeError::Conflict(
                "the outcome was reported already".to_owned(),
            ));
        }
        let content = of_result(
            self.inner.content,
            tenant,
            &open.agent,
            &open.about.held(&self.inner.vault),
            outcome.result.as_deref(),
        );
        let appended = self
            .inner
            .journal
            .append_content(tenant, Kind::Outcome, bytes, content);
        let appended = match appended {
            Ok(appended) => appended,
            Err(error) => {
                self.inner.open.insert(id, open);
                return Err(RuntimeError::AuditUnavailable(error.to_string()));
            }
        };
        self.inner.settled.insert(
            id,
            Settled {
                tenant: tenant.to_owned(),
                agent: open.agent.clone(),
                status: outcome.status,
                seq: appended.seq,
            },
        );
        self.inner.memory.settle(
            tenant,
            &open.agent,
            id.as_u128(),
            &OutcomeSummary::of(outcome),
            now,
        );
        if tainted {
            taint.instructions_seq = i64::try_from(appended.seq).unwrap_or(i64::MAX);
        }
        self.inner.memory.taint(tenant, &open.session, &taint);
        let deep = &self.inner.deep;
        let whose = (open.agent.as_str(), open.session.as_str());
        if let Some(text) = outcome.result.as_deref()
            && let Some(job) = deep.result(tenant, id, whose, text)
        {
            deep.push(job.recorded(appended.seq));
        }
        if let Some(granted) = open.granted {
            self.report_execution(tenant, &granted, outcome.status, now);
        }
        self.inner.projector.wake();
        Ok(OutcomeReply {
            findings,
            tainted: taint.untrusted,
            seq: appended.seq,
        })
    }
}

impl Runtime {
    /// As [`Self::outcome`]. A report that is made `again`, because its first answer was lost, is
    /// answered like the first when that was recorded with the same status.
    ///
    /// # Errors
    /// As [`Self::outcome`].
    pub fn outcome_again(
        &self,
        principal: &Principal,
        id: Uuid,
        outcome: &Outcome,
        again: bool,
    ) -> Result<OutcomeReply, RuntimeError> {
        let refused = match self.outcome(principal, id, outcome) {
            Err(error @ (RuntimeError::NotFound(_) | RuntimeError::Conflict(_))) if again => error,
            result => return result,
        };
        let settled = self.inner.settled.get(&principal.tenant, id);
        let Some(settled) = settled.filter(|first| first.status == outcome.status) else {
            return Err(refused);
        };
        let foreign = principal
            .agent
            .as_deref()
            .is_some_and(|a| a != settled.agent);
        if principal.role == Role::Agent && foreign {
            return Err(refused);
        }
        let mut findings = Findings::default();
        if let Some(text) = outcome.result.as_deref() {
            detectors::scan_result(text, &DetectorConfig::default(), &mut findings);
        }
        Ok(OutcomeReply {
            tainted: findings.has(Vector::PromptInjection) || detectors::unread(&findings),
            findings,
            seq: settled.seq,
        })
    }
}

/// What the fold needs of an outcome's record.
pub(crate) fn summary(
    body: &interlock_core::model::Value,
    seq: u64,
) -> Option<(OutcomeSummary, Taint)> {
    let status = OutcomeStatus::from_name(body.get("status")?.as_str()?)?;
    let cost = body
        .get("cost_nano_usd")
        .and_then(interlock_core::model::Value::as_i64)
        .unwrap_or(0);
    let flag = |name: &str| {
        matches!(
            body.get(name),
            Some(interlock_core::model::Value::Bool(true))
        )
    };
    Some((
        OutcomeSummary {
            status,
            cost_nano_usd: (cost > 0).then_some(cost),
            records: body
                .get("rows")
                .and_then(interlock_core::model::Value::as_i64),
        },
        Taint {
            untrusted: flag("untrusted") || flag("unread"),
            private: flag("private"),
            outbound: false,
            instructions_seq: if flag("untrusted") {
                i64::try_from(seq).unwrap_or(i64::MAX)
            } else {
                0
            },
        },
    ))
}

/// Parses the time of a record.
pub(crate) fn record_time(body: &interlock_core::model::Value) -> Option<UnixNanos> {
    let ts: jiff::Timestamp = body.get("ts")?.as_str()?.parse().ok()?;
    i64::try_from(ts.as_nanosecond()).ok()
}
