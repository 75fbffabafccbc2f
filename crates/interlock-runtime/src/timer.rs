//! What time brings about by itself: reservations that run out, approvals that nobody answered.

use interlock_core::approval::State;
use interlock_core::audit::body::Body;
use interlock_core::audit::frame::Kind;
use interlock_core::model::UnixNanos;
use interlock_store::ApprovalRow;

use crate::{Runtime, rfc3339};

/// Approvals that one tick advances; the rest waits for the next one.
const APPROVALS_MAX: usize = 100;

/// What one tick found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ticked {
    /// Permitted actions whose outcome nobody reported in time: it is `unknown` from now on.
    pub unknown: usize,
    /// Approvals whose time was up.
    pub approvals: usize,
    /// Reminders, and questions passed on to the next group.
    pub notices: usize,
    /// Responses to alerts that began.
    pub responses: usize,
    /// Thresholds of budgets that people are told of.
    pub budgets: usize,
    /// Messages about groups of alerts.
    pub told: usize,
}

impl Runtime {
    /// Does what the clock asks for, a bounded share of it; the runtime does so each second.
    ///
    /// An outcome that became `unknown` gets no entry of its own: the record says so by having none,
    /// which a later reader can prove from it, and most callers that only ask never report. The
    /// charges of such an action stay. A report that comes late is recorded all the same, and still
    /// taints its session, but settles nothing.
    pub fn tick(&self) -> Ticked {
        let now = self.inner.clock.now();
        let unknown = self.inner.memory.expire(now);
        self.inner.stats.unknown(unknown);
        Ticked {
            unknown,
            approvals: self.expire_approvals(now),
            notices: self.give_notices(now),
            budgets: self.tell_budgets(now),
            responses: self.respond(now),
            told: self.tell_alerts(now),
        }
    }

    /// Makes the messages that remind people and ask the next group.
    fn give_notices(&self, now: UnixNanos) -> usize {
        match self.inner.store.advance_notices(now, APPROVALS_MAX) {
            Ok(given) => {
                for (tenant, row, _) in &given {
                    self.inner.changed.notify(tenant, &row.asked.id);
                }
                given.len()
            }
            Err(error) => {
                tracing::error!(%error, "people cannot be reminded of approvals; the questions stand, and end with a denial");
                0
            }
        }
    }

    fn expire_approvals(&self, now: UnixNanos) -> usize {
        let due = {
            let _one = self.deciding();
            self.inner.store.advance_due(now, APPROVALS_MAX)
        };
        let due = match due {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(%error, "approvals that are due stay as they are; nothing runs because of it");
                return 0;
            }
        };
        for (tenant, row) in &due {
            self.record_expiry(tenant, row, now);
        }
        due.len()
    }

    /// Records that an approval ran out, and tells those who wait.
    ///
    /// After the row and not before it, as with an answer: an expiry permits nothing, so that a
    /// record lost in a crash hides nothing that could run.
    pub(crate) fn record_expiry(&self, tenant: &str, row: &ApprovalRow, now: UnixNanos) {
        if row.approval.state == State::Expired {
            let mut body = Body::new(Kind::ApprovalFinal, &rfc3339(now));
            body.str("tenant", tenant)
                .str("id", &row.asked.id)
                .str("agent", &row.asked.agent_id)
                .str("state", row.approval.state.name())
                .int("version", row.approval.version)
                .str("action_hash", &row.approval.request.digest.to_hex());
            let recorded = body.finish().map_err(|e| e.to_string()).and_then(|bytes| {
                let appended = self
                    .inner
                    .journal
                    .append(tenant, Kind::ApprovalFinal, bytes);
                appended.map_err(|e| e.to_string())
            });
            if let Err(error) = recorded {
                tracing::error!(%error, id = row.asked.id, "an approval expired and its record could not be written");
            }
        }
        self.inner.changed.notify(tenant, &row.asked.id);
    }
}
