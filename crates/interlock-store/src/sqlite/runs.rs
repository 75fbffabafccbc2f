//! Runs, as they are read: the actions of one run together.

use interlock_core::model::Effect;
use rusqlite::{Row, Transaction, params};

use super::rows::{all, get, to_i64, unsigned};
use super::{Result, SqliteStore};
use crate::model::{ActionRow, Cursor, RunRow, check_page};

const PAGE: &str =
    "SELECT * FROM run WHERE tenant = ?1 AND last_seq < ?2 ORDER BY last_seq DESC LIMIT ?3";

fn read(row: &Row<'_>) -> Result<RunRow> {
    Ok(RunRow {
        run_id: get(row, "run_id")?,
        agent_id: get(row, "agent_id")?,
        agents: unsigned(row, "agents")?,
        first_seq: unsigned(row, "first_seq")?,
        last_seq: unsigned(row, "last_seq")?,
        started: get(row, "started")?,
        last: get(row, "last")?,
        actions: unsigned(row, "actions")?,
        flagged: unsigned(row, "flagged")?,
        blocked: unsigned(row, "blocked")?,
        held: unsigned(row, "held")?,
        risk_max: get(row, "risk_max")?,
    })
}

/// Counts an action that was written into its run.
pub(super) fn acted(tx: &Transaction<'_>, tenant: &str, row: &ActionRow) -> Result<()> {
    if row.run_id.is_empty() {
        return Ok(());
    }
    let first_of_agent = tx
        .prepare_cached(
            "INSERT INTO run_agent (tenant, run_id, agent_id) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![tenant, row.run_id, row.agent_id])?;
    tx.prepare_cached(
        "INSERT INTO run (tenant, run_id, agent_id, agents, first_seq, last_seq, started, last,
         actions, flagged, blocked, held, risk_max)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?6, 1, ?7, ?8, ?9, ?10)
         ON CONFLICT (tenant, run_id) DO UPDATE SET
         agent_id = iif(excluded.first_seq < first_seq, excluded.agent_id, agent_id),
         agents = agents + excluded.agents, first_seq = min(first_seq, excluded.first_seq),
         last_seq = max(last_seq, excluded.last_seq), started = min(started, excluded.started),
         last = max(last, excluded.last), actions = actions + 1,
         flagged = flagged + excluded.flagged, blocked = blocked + excluded.blocked,
         held = held + excluded.held, risk_max = max(risk_max, excluded.risk_max)",
    )?
    .execute(params![
        tenant,
        row.run_id,
        row.agent_id,
        to_i64("agents", first_of_agent as u64)?,
        to_i64("seq", row.seq)?,
        row.at,
        row.flagged,
        row.effect == Effect::Block,
        row.effect == Effect::RequireApproval,
        row.risk
    ])?;
    Ok(())
}

impl SqliteStore {
    pub(super) fn page_of_runs(
        &self,
        tenant: &str,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<RunRow>> {
        check_page(limit)?;
        let before = before.map_or(Ok(i64::MAX), |cursor| to_i64("before", cursor.0))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        all(&self.reader(), PAGE, params![tenant, before, limit], read)
    }
}
