//! Agents.

use interlock_core::model::UnixNanos;
use rusqlite::{Connection, Row, params};

use super::rows::{all, get, list_from_text, list_to_text, named, one, raise_epoch, unsigned};
use super::{Result, SqliteStore};
use crate::error::StoreError;
use crate::model::{
    Agent, AgentChange, AgentCounters, AgentProfile, KillSwitchMode, NewAgent, check_id, check_page,
};
use crate::traits::AgentStore;

pub(super) fn counters(row: &Row<'_>) -> Result<AgentCounters> {
    Ok(AgentCounters {
        total: unsigned(row, "total")?,
        flagged: unsigned(row, "flagged")?,
        blocked: unsigned(row, "blocked")?,
        held: unsigned(row, "held")?,
        rolled_back: unsigned(row, "rolled_back")?,
        risk_milli_sum: unsigned(row, "risk_milli_sum")?,
        last_seen: get(row, "last_seen")?,
    })
}

fn read(row: &Row<'_>) -> Result<Agent> {
    let list = |name: &'static str| -> Result<Option<Vec<String>>> {
        get::<Option<String>>(row, name)?
            .map(|text| list_from_text(name, &text))
            .transpose()
    };
    Ok(Agent {
        agent_id: get(row, "agent_id")?,
        name: get(row, "name")?,
        profile: AgentProfile {
            allowed_action_types: list("allowed_action_types")?,
            allowed_resources: list("allowed_resources")?,
            blocked_resources: list("blocked_resources")?.unwrap_or_default(),
            max_actions_per_minute: get(row, "max_actions_per_minute")?,
            max_risk_milli: get(row, "max_risk_milli")?,
            budget_day_nano_usd: get(row, "budget_day_nano_usd")?,
            budget_month_nano_usd: get(row, "budget_month_nano_usd")?,
        },
        paused: get(row, "paused")?,
        kill_switch_mode: named(row, "kill_switch_mode", KillSwitchMode::from_name)?,
        elevated: get(row, "elevated")?,
        created: get(row, "created")?,
        counters: counters(row)?,
    })
}

fn find(connection: &Connection, tenant: &str, agent_id: &str) -> Result<Agent> {
    one(
        connection,
        "SELECT * FROM agent WHERE tenant = ?1 AND agent_id = ?2 AND live = 1",
        params![tenant, agent_id],
        read,
    )?
    .ok_or_else(|| StoreError::not_found("agent", agent_id))
}

impl AgentStore for SqliteStore {
    fn register_agent(&self, tenant: &str, agent: &NewAgent, now: UnixNanos) -> Result<Agent> {
        check_id("agent_id", &agent.agent_id)?;
        check_id("name", &agent.name)?;
        self.write(|tx| {
            // A deleted agent may be registered anew.
            let written = tx
                .prepare_cached(
                    "INSERT INTO agent (tenant, agent_id, name, created) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (tenant, agent_id) DO UPDATE
                     SET name = excluded.name, created = excluded.created, live = 1
                     WHERE live = 0",
                )?
                .execute(params![tenant, agent.agent_id, agent.name, now])?;
            if written == 0 {
                return Err(StoreError::exists("agent", &agent.agent_id));
            }
            raise_epoch(tx, tenant, "control_epoch")?;
            find(tx, tenant, &agent.agent_id)
        })
    }

    fn agent(&self, tenant: &str, agent_id: &str) -> Result<Agent> {
        find(&self.reader(), tenant, agent_id)
    }

    fn agents(&self, tenant: &str, after: Option<&str>, limit: usize) -> Result<Vec<Agent>> {
        check_page(limit)?;
        all(
            &self.reader(),
            "SELECT * FROM agent WHERE tenant = ?1 AND agent_id > ?2 AND live = 1
             ORDER BY agent_id LIMIT ?3",
            params![
                tenant,
                after.unwrap_or(""),
                i64::try_from(limit).unwrap_or(i64::MAX)
            ],
            read,
        )
    }

    fn update_agent(&self, tenant: &str, agent_id: &str, change: &AgentChange) -> Result<Agent> {
        if let Some(name) = &change.name {
            check_id("name", name)?;
        }
        self.write(|tx| {
            tx.prepare_cached(
                "UPDATE agent SET name = coalesce(?3, name), paused = coalesce(?4, paused),
                 kill_switch_mode = coalesce(?5, kill_switch_mode),
                 elevated = coalesce(?6, elevated)
                 WHERE tenant = ?1 AND agent_id = ?2 AND live = 1",
            )?
            .execute(params![
                tenant,
                agent_id,
                change.name,
                change.paused,
                change.kill_switch_mode.map(KillSwitchMode::name),
                change.elevated
            ])?;
            let agent = find(tx, tenant, agent_id)?;
            raise_epoch(tx, tenant, "control_epoch")?;
            Ok(agent)
        })
    }

    fn set_profile(&self, tenant: &str, agent_id: &str, profile: &AgentProfile) -> Result<Agent> {
        profile.check()?;
        let text = |list: &Option<Vec<String>>| list.as_deref().map(list_to_text).transpose();
        let types = text(&profile.allowed_action_types)?;
        let resources = text(&profile.allowed_resources)?;
        let blocked = list_to_text(&profile.blocked_resources)?;
        self.write(|tx| {
            tx.prepare_cached(
                "UPDATE agent SET allowed_action_types = ?3, allowed_resources = ?4,
                 blocked_resources = ?5, max_actions_per_minute = ?6, max_risk_milli = ?7,
                 budget_day_nano_usd = ?8, budget_month_nano_usd = ?9
                 WHERE tenant = ?1 AND agent_id = ?2 AND live = 1",
            )?
            .execute(params![
                tenant,
                agent_id,
                types,
                resources,
                blocked,
                profile.max_actions_per_minute,
                profile.max_risk_milli,
                profile.budget_day_nano_usd,
                profile.budget_month_nano_usd
            ])?;
            let agent = find(tx, tenant, agent_id)?;
            raise_epoch(tx, tenant, "control_epoch")?;
            Ok(agent)
        })
    }

    fn delete_agent(&self, tenant: &str, agent_id: &str, now: UnixNanos) -> Result<()> {
        self.write(|tx| {
            // The row stays, so that projecting its old records again does not bring it back.
            let deleted = tx
                .prepare_cached(
                    "UPDATE agent SET live = 0, forgotten = ?3, paused = 0, kill_switch_mode = 'alert',
                     elevated = 0, allowed_action_types = NULL, allowed_resources = NULL,
                     blocked_resources = '[]', max_actions_per_minute = NULL,
                     max_risk_milli = NULL, total = 0, flagged = 0, blocked = 0, held = 0,
                     rolled_back = 0, risk_milli_sum = 0, last_seen = NULL
                     WHERE tenant = ?1 AND agent_id = ?2 AND live = 1",
                )?
                .execute(params![tenant, agent_id, now])?;
            if deleted == 0 {
                return Err(StoreError::not_found("agent", agent_id));
            }
            raise_epoch(tx, tenant, "control_epoch")?;
            Ok(())
        })
    }
}
