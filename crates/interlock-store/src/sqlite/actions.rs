//! Actions, as they are read.

use rusqlite::{Row, params};

use super::agents::counters;
use super::rows::{Query, effect, get, one, to_i64, unsigned};
use super::{Result, SqliteStore};
use crate::error::StoreError;
use crate::model::{
    ActionFilter, ActionOutcome, ActionRow, Cursor, Facets, Rollback, RunRow, Stats, check_page,
};
use crate::search::{Page, Search};
use crate::traits::ActionStore;

/// A list that is kept as lines.
fn lines(text: &str) -> Vec<String> {
    text.split('\n')
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

pub(super) fn read_action(row: &Row<'_>) -> Result<ActionRow> {
    let text = |name: &str| get::<String>(row, name);
    let status: Option<String> = get(row, "outcome_status")?;
    let (cost_nano_usd, latency_ms) = (get(row, "cost_nano_usd")?, get(row, "latency_ms")?);
    let outcome_at: Option<i64> = get(row, "outcome_at")?;
    let rollback_at: Option<i64> = get(row, "rollback_at")?;
    let rollback_reason: Option<String> = get(row, "rollback_reason")?;
    Ok(ActionRow {
        id: get(row, "id")?,
        seq: unsigned(row, "seq")?,
        agent_id: get(row, "agent_id")?,
        agent_name: get(row, "agent_name")?,
        session_id: get(row, "session_id")?,
        run_id: get(row, "run_id")?,
        step: get(row, "step")?,
        action_type: get(row, "action_type")?,
        resource: get(row, "resource")?,
        tool: get(row, "tool")?,
        effect: effect(row, "effect")?,
        decided: effect(row, "decided")?,
        risk: get(row, "risk")?,
        risk_milli: get(row, "risk_milli")?,
        risk_breakdown: get(row, "risk_breakdown")?,
        flagged: get(row, "flagged")?,
        reason: get(row, "reason")?,
        source: get(row, "source")?,
        claimed: get(row, "claimed")?,
        payload: get(row, "payload")?,
        vault_key: get(row, "vault_key")?,
        erased: get(row, "erased")?,
        at: get(row, "at")?,
        outcome: status.zip(outcome_at).map(|(status, at)| ActionOutcome {
            status,
            at,
            cost_nano_usd,
            latency_ms,
        }),
        rollback: rollback_at
            .zip(rollback_reason)
            .map(|(at, reason)| Rollback { at, reason }),
        facets: Facets {
            approval: text("approval")?,
            environment: text("environment")?,
            rules: lines(&text("rules")?),
            findings: lines(&text("findings")?),
            asi: lines(&text("asi")?),
            degraded: get(row, "degraded")?,
        },
    })
}

impl ActionStore for SqliteStore {
    fn action(&self, tenant: &str, id: &str) -> Result<ActionRow> {
        one(
            &self.reader(),
            "SELECT * FROM action WHERE tenant = ?1 AND id = ?2",
            params![tenant, id],
            read_action,
        )?
        .ok_or_else(|| StoreError::not_found("action", id))
    }

    fn actions(&self, tenant: &str, filter: &ActionFilter, limit: usize) -> Result<Vec<ActionRow>> {
        check_page(limit)?;
        let mut query = Query::new("SELECT * FROM action WHERE tenant = ?1", tenant);
        for (condition, text) in [
            ("agent_id = ?", &filter.agent_id),
            // The partial indexes hold no empty names.
            ("session_id <> '' AND session_id = ?", &filter.session_id),
            ("run_id <> '' AND run_id = ?", &filter.run_id),
            ("action_type = ?", &filter.action_type),
        ] {
            if let Some(text) = text {
                query.and(condition, text.clone());
            }
        }
        if let Some(effect) = filter.effect {
            query.and("effect = ?", effect.name().to_owned());
        }
        match filter.flagged {
            Some(true) => query.then("AND flagged = 1"),
            Some(false) => query.then("AND flagged = 0"),
            None => {}
        }
        if let Some(since) = filter.since {
            query.and("at >= ?", since);
        }
        if let Some(until) = filter.until {
            query.and("at < ?", until);
        }
        if let Some(before) = filter.before {
            query.and("seq < ?", to_i64("before", before.0)?);
        }
        query.then("ORDER BY seq DESC");
        query.limit(limit);
        query.rows(&self.reader(), read_action)
    }

    fn search_actions(
        &self,
        tenant: &str,
        filter: &ActionFilter,
        search: &Search<'_>,
        limit: usize,
    ) -> Result<Page<ActionRow>> {
        self.page_of_search(tenant, filter, search, limit)
    }

    fn runs(&self, tenant: &str, before: Option<Cursor>, limit: usize) -> Result<Vec<RunRow>> {
        self.page_of_runs(tenant, before, limit)
    }

    fn stats(&self, tenant: &str) -> Result<Stats> {
        let reader = self.reader();
        let snapshot = reader.unchecked_transaction()?;
        let count = |sql: &str| -> Result<u64> {
            Ok(one(&snapshot, sql, [tenant], |row| unsigned(row, "n"))?.unwrap_or(0))
        };
        let mut stats = Stats {
            alerts_open: count(
                "SELECT (SELECT count(*) FROM alert WHERE tenant = ?1) -
                 (SELECT count(*) FROM alert_acknowledgement k JOIN alert a
                  ON a.tenant = k.tenant AND a.id = k.alert_id WHERE k.tenant = ?1) -
                 (SELECT count(*) FROM alert_triage s JOIN alert a ON a.tenant = s.tenant
                  AND a.group_id = s.group_id AND a.seq <= s.seen_seq WHERE s.tenant = ?1
                  AND s.state != 'open' AND NOT EXISTS (SELECT 1 FROM alert_acknowledgement k
                  WHERE k.tenant = a.tenant AND k.alert_id = a.id)) AS n",
            )?,
            approvals_pending: count(
                "SELECT count(*) AS n FROM approval WHERE tenant = ?1 AND state = 'pending'",
            )?,
            policies_enabled: count(
                "SELECT count(*) AS n FROM policy WHERE tenant = ?1 AND enabled = 1",
            )?,
            ..Stats::default()
        };
        one(
            &snapshot,
            "SELECT count(*) AS agents, coalesce(sum(paused), 0) AS agents_paused,
             coalesce(sum(total), 0) AS total, coalesce(sum(flagged), 0) AS flagged,
             coalesce(sum(blocked), 0) AS blocked, coalesce(sum(held), 0) AS held,
             coalesce(sum(rolled_back), 0) AS rolled_back,
             coalesce(sum(risk_milli_sum), 0) AS risk_milli_sum, max(last_seen) AS last_seen
             FROM agent WHERE tenant = ?1 AND live = 1",
            [tenant],
            |row| {
                stats.agents = unsigned(row, "agents")?;
                stats.agents_paused = unsigned(row, "agents_paused")?;
                stats.actions = counters(row)?;
                Ok(())
            },
        )?;
        Ok(stats)
    }
}
