//! The second half of an action: what became of it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use interlock_core::audit::body::Body;
use interlock_core::audit::frame::Kind;
use interlock_core::detectors::{self, DetectorConfig};
use interlock_core::model::{Findings, Outcome, OutcomeStatus, Principal, Role, UnixNanos, Vector};
use interlock_core::state::{OutcomeSummary, Taint};
use uuid::Uuid;

use crate::content::{About, of_result};
use crate::error::RuntimeError;
use crate::{Runtime, rfc3339};

/// Decisions whose outcome can still be reported; past it the oldest becomes unknown.
const OPEN_MAX: usize = 100_000;

/// What must be known of a decision to take its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) agent: String,
    pub(crate) session: String,
    pub(crate) run: String,
    /// Whom its content is about.
    pub(crate) about: About,
    pub(crate) permitted: bool,
}

#[derive(Debug, Default)]
struct Inner {
    open: HashMap<(String, Uuid), Open>,
    order: VecDeque<(String, Uuid)>,
}

/// Decisions that wait for their outcome.
#[derive(Debug, Default)]
pub(crate) struct OpenDecisions(Mutex<Inner>);

impl OpenDecisions {
    pub(crate) fn insert(&self, tenant: &str, id: Uuid, open: Open) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant.to_owned(), id);
        inner.order.push_back(key.clone());
        inner.open.insert(key, open);
        while inner.order.len() > OPEN_MAX {
            if let Some(oldest) = inner.order.pop_front() {
                inner.open.remove(&oldest);
            }
        }
    }

    fn get(&self, tenant: &str, id: Uuid) -> Option<Open> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.open.get(&(tenant.to_owned(), id)).cloned()
    }

    pub(crate) fn remove(&self, tenant: &str, id: Uuid) -> Option<Open> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.open.remove(&(tenant.to_owned(), id))
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
        let taint = Taint {
            untrusted: tainted,
            private: findings.has(Vector::Pii),
            outbound: false,
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
        body.strs("findings", findings.items().iter().map(|f| f.code.code))
            .bool("untrusted", taint.untrusted)
            .bool("private", taint.private);
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
                self.inner.open.insert(tenant, id, open);
                return Err(RuntimeError::AuditUnavailable(error.to_string()));
            }
        };
        self.inner.memory.settle(
            tenant,
            &open.agent,
            id.as_u128(),
            &OutcomeSummary::of(outcome),
            now,
        );
        self.inner.memory.taint(tenant, &open.session, &taint);
        self.inner.projector.wake();
        Ok(OutcomeReply {
            findings,
            tainted,
            seq: appended.seq,
        })
    }
}

/// What the fold needs of an outcome's record.
pub(crate) fn summary(body: &interlock_core::model::Value) -> Option<(OutcomeSummary, Taint)> {
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
            untrusted: flag("untrusted"),
            private: flag("private"),
            outbound: false,
        },
    ))
}

/// Parses the time of a record.
pub(crate) fn record_time(body: &interlock_core::model::Value) -> Option<UnixNanos> {
    let ts: jiff::Timestamp = body.get("ts")?.as_str()?.parse().ok()?;
    i64::try_from(ts.as_nanosecond()).ok()
}
