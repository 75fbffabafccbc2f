//! Actions, alerts and answers, as the projector writes them.

use interlock_core::model::{Effect, UnixNanos};
use rusqlite::{Transaction, params};

use super::rows::{all, get, list_to_text, one, to_i64};
use super::search::Touched;
use super::{Result, SqliteStore, idempotency, runs, triage};
use crate::model::{ActionOutcome, ActionRow, AlertRow, IdempotencyRow, Rollback};
use crate::traits::{Projection, ProjectionStore};
use crate::triage::{OTHERS_MAX, ResponseEnd, ResponseRow};

struct Batch<'a>(&'a Transaction<'a>, Touched);

/// A list as lines. A line break within an item would make two of it.
fn lines(items: &[String]) -> String {
    let whole: Vec<String> = items.iter().map(|item| item.replace('\n', " ")).collect();
    whole.join("\n")
}

impl Projection for Batch<'_> {
    fn action(&mut self, tenant: &str, row: &ActionRow) -> Result<()> {
        let written = self
            .0
            .prepare_cached(
                "INSERT INTO action (tenant, seq, id, agent_id, agent_name, session_id, run_id,
                 step, action_type, resource, tool, effect, decided, risk, risk_milli,
                 risk_breakdown, flagged, reason, source, payload, at, outcome_status, outcome_at,
                 rollback_at, rollback_reason, claimed, vault_key, erased, approval, environment,
                 rules, findings, asi, degraded, cost_nano_usd, latency_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
                 ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32,
                 ?33, ?34, ?35, ?36) ON CONFLICT DO NOTHING",
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
                row.erased,
                row.facets.approval,
                row.facets.environment,
                lines(&row.facets.rules),
                lines(&row.facets.findings),
                lines(&row.facets.asi),
                row.facets.degraded,
                row.outcome.as_ref().and_then(|o| o.cost_nano_usd),
                row.outcome.as_ref().and_then(|o| o.latency_ms)
            ])?;
        if written == 0 {
            return Ok(());
        }
        self.1.written(tenant, to_i64("seq", row.seq)?);
        runs::acted(self.0, tenant, row)?;
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
        let seq = one(
            self.0,
            "UPDATE action SET outcome_status = ?3, outcome_at = ?4, cost_nano_usd = ?5,
             latency_ms = ?6 WHERE tenant = ?1 AND id = ?2 RETURNING seq",
            params![
                tenant,
                action_id,
                outcome.status,
                outcome.at,
                outcome.cost_nano_usd,
                outcome.latency_ms
            ],
            |row| get(row, "seq"),
        )?;
        if let Some(seq) = seq {
            self.1.changed(tenant, seq);
        }
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
        let erased = all(
            self.0,
            "UPDATE action SET payload = 'null', erased = 1
             WHERE tenant = ?1 AND vault_key = ?2 RETURNING seq",
            params![tenant, vault_key],
            |row| get(row, "seq"),
        )?;
        for seq in erased {
            self.1.changed(tenant, seq);
        }
        Ok(())
    }

    fn rolled_back(&mut self, tenant: &str, action_id: &str, rollback: &Rollback) -> Result<()> {
        let agent = one(
            self.0,
            "UPDATE action SET rollback_at = ?3, rollback_reason = ?4
             WHERE tenant = ?1 AND id = ?2 AND rollback_at IS NULL RETURNING agent_id, at, seq",
            params![tenant, action_id, rollback.at, rollback.reason],
            |row| {
                let seq: i64 = get(row, "seq")?;
                Ok((get::<String>(row, "agent_id")?, get::<i64>(row, "at")?, seq))
            },
        )?;
        if let Some((agent_id, at, seq)) = agent {
            self.1.changed(tenant, seq);
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
                 rank, group_id, kind, key_id, rule, detector, code, class, tool, notify, others)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
                 ?17, ?18, ?19)",
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
                list_to_text(&cause.notify)?,
                list_to_text(&cause.others)?
            ])?;
        for detector in cause.detectors().take(1 + OTHERS_MAX) {
            self.0
                .prepare_cached(
                    "INSERT INTO alert_detector (tenant, detector, rank, seq, alert_id)
                     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                )?
                .execute(params![
                    tenant,
                    detector,
                    crate::triage::level_rank(&row.level).max(1),
                    to_i64("seq", row.seq)?,
                    row.id
                ])?;
        }
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
        self.write(|tx| {
            let mut batch = Batch(tx, Touched::default());
            write(&mut batch)?;
            batch.1.settle(tx)
        })
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
                "DELETE FROM action; DELETE FROM action_block; DELETE FROM action_column;
                 DELETE FROM run; DELETE FROM run_agent;
                 DELETE FROM alert; DELETE FROM alert_detector; DELETE FROM alert_group;
                 DELETE FROM response; DELETE FROM projection;
                 UPDATE agent SET total = 0, flagged = 0, blocked = 0, held = 0, rolled_back = 0,
                 risk_milli_sum = 0, last_seen = NULL;",
            )?;
            Ok(())
        })
    }
}
