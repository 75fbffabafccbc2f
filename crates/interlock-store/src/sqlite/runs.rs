//! Runs, as they are read: the actions of one run together.

use rusqlite::{Row, params};

use super::rows::{all, get, to_i64, unsigned};
use super::{Result, SqliteStore};
use crate::model::{Cursor, RunRow, check_page};

/// The runs of the page are found in the index of runs alone; only their own actions are read.
const PAGE: &str = "
    WITH page AS (
        SELECT run_id, max(seq) AS last_seq FROM action
        WHERE tenant = ?1 AND run_id <> ''
        GROUP BY run_id HAVING max(seq) < ?2 ORDER BY last_seq DESC LIMIT ?3
    )
    SELECT p.run_id AS run_id,
        (SELECT agent_id FROM action f WHERE f.tenant = ?1 AND f.run_id <> '' AND f.run_id = p.run_id
         ORDER BY f.seq LIMIT 1) AS agent_id,
        count(DISTINCT a.agent_id) AS agents, min(a.seq) AS first_seq, max(a.seq) AS last_seq,
        min(a.at) AS started, max(a.at) AS last, count(*) AS actions, sum(a.flagged) AS flagged,
        sum(a.effect = 'block') AS blocked, sum(a.effect = 'require_approval') AS held,
        max(a.risk) AS risk_max
    FROM page p JOIN action a ON a.tenant = ?1 AND a.run_id <> '' AND a.run_id = p.run_id
    GROUP BY p.run_id ORDER BY p.last_seq DESC";

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
