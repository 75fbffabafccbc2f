//! Actions, alerts and answers, as the projector writes them.

use interlock_core::model::{Effect, UnixNanos};
use rusqlite::{Transaction, params};

use super::rows::{get, list_to_text, one, to_i64};
use super::{Result, SqliteStore, idempotency, triage};
use crate::model::{ActionOutcome, ActionRow, AlertRow, IdempotencyRow, Rollback};
use crate::traits::{Projection, ProjectionStore};
use crate::triage::{ResponseEnd, ResponseRow};

struct Batch<'a>(&'a Transaction<'a>);

impl Projection for Batch<'_> {
    fn action(&mut self, tenant: &str, row: &ActionRow) -> Result<()> {
        let written = self
            .0
            .prepare_cached(
                "INSERT INTO action (tenant, seq, id, agent_id, agent_name, session_id, run_id,
                 step, action_type, resource, tool, effect, decided, risk, risk_milli,
                 risk_breakdown, flagged, reason, source, payload, at, outcome_status, outcome_at,
                 rollback_at, rollback_reason, claimed, vault_key, erased)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
                 ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                tenant,
                to_i64("seq", row.seq)?,
                row.id,
                row.agent_id,
                row.agent_name,
                row.session_id,
                row.run_id,
                row.step,
                row.action_type,
                row.resource,
                row.tool,
                row.effect.name(),
                row.decided.name(),
                row.risk,
                row.risk_milli,
                row.risk_breakdown,
                row.flagged,
                row.reason,
                row.source,
                row.payload,
                row.at,
                row.outcome.as_ref().map(|o| o.status.as_str()),
                row.outcome.as_ref().map(|o| o.at),
                row.rollback.as_ref().map(|r| r.at),
                row.rollback.as_ref().map(|r| r.reason.as_str()),
                row.claimed,
                row.vault_key,
                row.erased
            ])?;
        if written == 0 {
            return Ok(());
        }
        // An agent is known from its first action on, a deleted one again from its next.
        self.0
            .prepare_cached(
                "INSERT INTO agent (tenant, agent_id, name, created, total, flagged, blocked, held,
                 rolled_back, risk_milli_sum, last_seen)
                 VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7, ?8, ?9, ?4)
                 ON CONFLICT (tenant, agent_id) DO UPDATE SET
                 created = iif(live = 1, created, excluded.created), live = 1,
                 total = total + 1, flagged = flagged + excluded.flagged,
                 blocked = blocked + excluded.blocked, held = held + excluded.held,
                 rolled_back = rolled_back + excluded.rolled_back,
                 risk_milli_sum = risk_milli_sum + excluded.risk_milli_sum,
                 last_seen = max(coalesce(last_seen, excluded.last_seen), excluded.last_seen)
                 WHERE forgotten IS NULL OR forgotten < excluded.created",
            )?
            .execute(params![
                tenant,
                row.agent_id,
                row.agent_name.as_deref().unwrap_or(&row.agent_id),
                row.at,
                row.flagged,
                row.effect == Effect::Block,
                row.effect == Effect::RequireApproval,
                row.rollback.is_some(),
                row.risk_milli
            ])?;
        Ok(())
    }

    fn outcome(&mut self, tenant: &str, action_id: &str, outcome: &ActionOutcome) -> Result<()> {
        self.0
            .prepare_cached(
                "UPDATE action SET outcome_status = ?3, outcome_at = ?4
                 WHERE tenant = ?1 AND id = ?2",
            )?
            .execute(params![tenant, action_id, outcome.status, outcome.at])?;
        Ok(())
    }

    fn erased(&mut self, tenant: &str, vault_key: u32) -> Result<()> {
        self.0
            .prepare_cached(
                "UPDATE approval SET detail = '{\"erased\":true}'
                 WHERE tenant = ?1 AND id IN
                 (SELECT id FROM action WHERE tenant = ?1 AND vault_key = ?2)",
            )?
            .execute(params![tenant, vault_key])?;
        self.0
            .prepare_cached(
                "UPDATE action SET payload = 'null', erased = 1
                 WHERE tenant = ?1 AND vault_key = ?2",
            )?
            .execute(params![tenant, vault_key])?;
        Ok(())
    }

    fn rolled_back(&mut self, tenant: &str, action_id: &str, rollback: &Rollback) -> Result<()> {
        let agent = one(
            self.0,
            "UPDATE action SET rollback_at = ?3, rollback_reason = ?4
             WHERE tenant = ?1 AND id = ?2 AND rollback_at IS NULL RETURNING agent_id, at",
            params![tenant, action_id, rollback.at, rollback.reason],
            |row| Ok((get::<String>(row, "agent_id")?, get::<i64>(row, "at")?)),
        )?;
        if let Some((agent_id, at)) = agent {
            self.0
                .prepare_cached(
                    "UPDATE agent SET rolled_back = rolled_back + 1
                     WHERE tenant = ?1 AND agent_id = ?2 AND (forgotten IS NULL OR forgotten < ?3)",
                )?
                .execute(params![tenant, agent_id, at])?;
        }
        Ok(())
    }

    fn alert(&mut self, tenant: &str, row: &AlertRow) -> Result<()> {
        let known = one(
            self.0,
            "SELECT 1 FROM alert WHERE tenant = ?1 AND id = ?2",
            params![tenant, row.id],
            |_| Ok(()),
        )?;
        if known.is_some() {
            return Ok(());
        }
        let group = triage::put_in_group(self.0, tenant, row)?;
        let cause = &row.cause;
        self.0
            .prepare_cached(
                "INSERT INTO alert (tenant, seq, id, agent_id, action_id, level, message, created,
                 rank, group_id, kind, key_id, rule, detector, code, class, tool, notify)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
                 ?17, ?18)",
            )?
            .execute(params![
                tenant,
                to_i64("seq", row.seq)?,
                row.id,
                row.agent_id,
                row.action_id,
                row.level,
                row.message,
                row.created,
                crate::triage::level_rank(&row.level).max(1),
                group,
                cause.kind,
                cause.key_id,
                cause.rule,
                cause.detector,
                cause.code,
                cause.class,
                cause.tool,
                list_to_text(&cause.notify)?
            ])?;
        Ok(())
    }

    fn response(&mut self, tenant: &str, row: &ResponseRow) -> Result<()> {
        triage::put_response(self.0, tenant, row)
    }

    fn response_ended(&mut self, tenant: &str, id: &str, end: &ResponseEnd) -> Result<()> {
        triage::end_response(self.0, tenant, id, end)
    }

    fn idempotency(&mut self, tenant: &str, row: &IdempotencyRow, now: UnixNanos) -> Result<()> {
        idempotency::put(self.0, tenant, row, now)?;
        Ok(())
    }

    fn position(&mut self, position: &[u8]) -> Result<()> {
        self.0
            .prepare_cached(
                "INSERT INTO projection (one, position) VALUES (1, ?1)
                 ON CONFLICT (one) DO UPDATE SET position = excluded.position",
            )?
            .execute([position])?;
        Ok(())
    }
}

impl ProjectionStore for SqliteStore {
    fn apply_batch(&self, write: &mut dyn FnMut(&mut dyn Projection) -> Result<()>) -> Result<()> {
        self.write(|tx| write(&mut Batch(tx)))
    }

    fn forget_traces(&self) -> Result<()> {
        let writer = self.connection();
        // Answers busy, not done, when a reader holds an old page; the next one does it then.
        writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    fn projection_position(&self) -> Result<Option<Vec<u8>>> {
        one(
            &self.reader(),
            "SELECT position FROM projection",
            [],
            |row| get(row, "position"),
        )
    }

    fn reset_projection(&self) -> Result<()> {
        self.write(|tx| {
            tx.execute_batch(
                "DELETE FROM action; DELETE FROM alert; DELETE FROM alert_group;
                 DELETE FROM response; DELETE FROM projection;
                 UPDATE agent SET total = 0, flagged = 0, blocked = 0, held = 0, rolled_back = 0,
                 risk_milli_sum = 0, last_seen = NULL;",
            )?;
            Ok(())
        })
    }
}
