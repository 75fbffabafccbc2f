//! Actions and alerts, and the projector's side of them.

use std::collections::btree_map::Entry;

use interlock_core::model::{Effect, UnixNanos};
use interlock_filter::ACTIONS;

use super::control::{fresh_agent, put_idempotency};
use super::{AgentEntry, MemoryStore, Result, Tables, key, of_tenant};
use crate::error::StoreError;
use crate::model::{
    ActionFilter, ActionOutcome, ActionRow, AgentCounters, Alert, AlertCursor, AlertRow, Cursor,
    IdempotencyRow, Rollback, RunRow, Stats, check_id, check_page,
};
use crate::search::{Approvers, Page, Search, Searched};
use crate::traits::{ActionStore, AlertStore, ApprovalStore as _, Projection, ProjectionStore};
use crate::triage::{ResponseEnd, ResponseRow};

fn alert(tables: &Tables, tenant: &str, row: &AlertRow) -> Alert {
    Alert {
        row: row.clone(),
        acknowledged: super::triage::acknowledged(tables, tenant, row),
    }
}

fn find(tables: &Tables, tenant: &str, id: &str) -> Result<Alert> {
    tables
        .alerts
        .get(&key(tenant, id))
        .map(|row| alert(tables, tenant, row))
        .ok_or_else(|| StoreError::not_found("alert", id))
}

impl AlertStore for MemoryStore {
    fn alert(&self, tenant: &str, id: &str) -> Result<Alert> {
        find(&self.tables(), tenant, id)
    }

    fn alerts(
        &self,
        tenant: &str,
        acknowledged: Option<bool>,
        before: Option<&AlertCursor>,
        limit: usize,
    ) -> Result<Vec<Alert>> {
        check_page(limit)?;
        let tables = self.tables();
        let mut rows: Vec<Alert> = of_tenant(&tables.alerts, tenant)
            .map(|(_, row)| alert(&tables, tenant, row))
            .filter(|a| acknowledged.is_none_or(|want| want == a.acknowledged.is_some()))
            .filter(|a| before.is_none_or(|c| (a.row.seq, &a.row.id) < (c.seq, &c.id)))
            .collect();
        rows.sort_by(|a, b| (b.row.seq, &b.row.id).cmp(&(a.row.seq, &a.row.id)));
        rows.truncate(limit);
        Ok(rows)
    }

    fn acknowledge_alert(&self, tenant: &str, id: &str, by: &str, now: UnixNanos) -> Result<Alert> {
        check_id("by", by)?;
        let mut tables = self.tables();
        find(&tables, tenant, id)?;
        tables
            .acknowledgements
            .entry(key(tenant, id))
            .or_insert_with(|| (now, by.to_owned()));
        find(&tables, tenant, id)
    }
}

impl ActionStore for MemoryStore {
    fn action(&self, tenant: &str, id: &str) -> Result<ActionRow> {
        let tables = self.tables();
        tables
            .action_ids
            .get(&key(tenant, id))
            .and_then(|seq| tables.actions.get(&(tenant.to_owned(), *seq)))
            .cloned()
            .ok_or_else(|| StoreError::not_found("action", id))
    }

    fn actions(&self, tenant: &str, filter: &ActionFilter, limit: usize) -> Result<Vec<ActionRow>> {
        check_page(limit)?;
        let before = filter.before.map_or(u64::MAX, |cursor| cursor.0);
        Ok(self
            .tables()
            .actions
            .range((tenant.to_owned(), 0)..(tenant.to_owned(), before))
            .rev()
            .map(|(_, row)| row)
            .filter(|row| filter.holds(row))
            .take(limit)
            .cloned()
            .collect())
    }

    fn search_actions(
        &self,
        tenant: &str,
        filter: &ActionFilter,
        search: &Search<'_>,
        limit: usize,
    ) -> Result<Page<ActionRow>> {
        check_page(limit)?;
        let before = filter.before.map_or(u64::MAX, |cursor| cursor.0);
        let tables = self.tables();
        let mut approvers = Approvers::default();
        for (id, approval) in of_tenant(&tables.approvals, tenant) {
            for vote in &approval.approval.votes {
                approvers.add(id, &vote.approver)?;
            }
        }
        let mut page = Page::default();
        let rows = tables
            .actions
            .range((tenant.to_owned(), 0)..(tenant.to_owned(), before));
        for (_, row) in rows.rev() {
            if page.rows.len() == limit {
                page.next = page.rows.last().map(|last: &ActionRow| Cursor(last.seq));
                break;
            }
            let shown = Searched(row, &approvers);
            if filter.holds(row) && search.terms.matches(&shown, &ACTIONS, search.now) {
                page.rows.push(row.clone());
            }
        }
        Ok(page)
    }

    fn runs(&self, tenant: &str, before: Option<Cursor>, limit: usize) -> Result<Vec<RunRow>> {
        self.page_of_runs(tenant, before, limit)
    }

    fn stats(&self, tenant: &str) -> Result<Stats> {
        let approvals_pending = self.pending_count(tenant)?;
        let tables = self.tables();
        let mut stats = Stats {
            approvals_pending,
            alerts_open: of_tenant(&tables.alerts, tenant)
                .filter(|(_, row)| super::triage::acknowledged(&tables, tenant, row).is_none())
                .count() as u64,
            policies_enabled: of_tenant(&tables.policies, tenant)
                .filter(|(_, row)| row.enabled)
                .count() as u64,
            ..Stats::default()
        };
        for (_, entry) in of_tenant(&tables.agents, tenant).filter(|(_, entry)| entry.live) {
            let (sum, one) = (&mut stats.actions, &entry.agent.counters);
            stats.agents += 1;
            stats.agents_paused += u64::from(entry.agent.paused);
            sum.total += one.total;
            sum.flagged += one.flagged;
            sum.blocked += one.blocked;
            sum.held += one.held;
            sum.rolled_back += one.rolled_back;
            sum.risk_milli_sum += one.risk_milli_sum;
            sum.last_seen = sum.last_seen.max(one.last_seen);
        }
        Ok(stats)
    }
}

fn write_action(tables: &mut Tables, tenant: &str, row: &ActionRow) {
    let place = (tenant.to_owned(), row.seq);
    if tables.action_ids.contains_key(&key(tenant, &row.id)) {
        return;
    }
    match tables.actions.entry(place) {
        Entry::Occupied(_) => return,
        Entry::Vacant(vacant) => vacant.insert(row.clone()),
    };
    tables.action_ids.insert(key(tenant, &row.id), row.seq);
    let name = row.agent_name.as_deref().unwrap_or(&row.agent_id);
    let entry = tables
        .agents
        .entry(key(tenant, &row.agent_id))
        .or_insert_with(|| AgentEntry {
            agent: fresh_agent(&row.agent_id, name, row.at),
            live: true,
            forgotten: None,
        });
    if !entry.counts(row.at) {
        return;
    }
    if !entry.live {
        entry.live = true;
        entry.agent.created = row.at;
    }
    let counters = &mut entry.agent.counters;
    counters.total += 1;
    counters.flagged += u64::from(row.flagged);
    counters.blocked += u64::from(row.effect == Effect::Block);
    counters.held += u64::from(row.effect == Effect::RequireApproval);
    counters.rolled_back += u64::from(row.rollback.is_some());
    counters.risk_milli_sum += u64::from(row.risk_milli);
    counters.last_seen = counters.last_seen.max(Some(row.at));
}

fn write_rollback(tables: &mut Tables, tenant: &str, action_id: &str, rollback: &Rollback) {
    let Some(seq) = tables.action_ids.get(&key(tenant, action_id)) else {
        return;
    };
    let Some(row) = tables.actions.get_mut(&(tenant.to_owned(), *seq)) else {
        return;
    };
    if row.rollback.is_some() {
        return;
    }
    row.rollback = Some(rollback.clone());
    if let Some(entry) = tables.agents.get_mut(&key(tenant, &row.agent_id))
        && entry.counts(row.at)
    {
        entry.agent.counters.rolled_back += 1;
    }
}

fn write_erased(tables: &mut Tables, tenant: &str, vault_key: u32) {
    let rows = tables
        .actions
        .range_mut((tenant.to_owned(), 0)..=(tenant.to_owned(), u64::MAX));
    for (_, row) in rows.filter(|(_, row)| row.vault_key == Some(vault_key)) {
        row.payload = "null".to_owned();
        row.erased = true;
        if let Some(approval) = tables.approvals.get_mut(&key(tenant, &row.id)) {
            approval.asked.detail = r#"{"erased":true}"#.to_owned();
        }
    }
}

enum Write {
    Action(String, Box<ActionRow>),
    Outcome(String, String, ActionOutcome),
    Erased(String, u32),
    RolledBack(String, String, Rollback),
    Alert(String, Box<AlertRow>),
    Response(String, Box<ResponseRow>),
    ResponseEnded(String, String, ResponseEnd),
    Idempotency(String, IdempotencyRow, UnixNanos),
    Position(Vec<u8>),
}

/// Writes are kept back until the batch succeeds.
struct Batch(Vec<Write>);

impl Projection for Batch {
    fn action(&mut self, tenant: &str, row: &ActionRow) -> Result<()> {
        self.0
            .push(Write::Action(tenant.to_owned(), Box::new(row.clone())));
        Ok(())
    }

    fn outcome(&mut self, tenant: &str, action_id: &str, outcome: &ActionOutcome) -> Result<()> {
        self.0.push(Write::Outcome(
            tenant.to_owned(),
            action_id.to_owned(),
            outcome.clone(),
        ));
        Ok(())
    }

    fn erased(&mut self, tenant: &str, vault_key: u32) -> Result<()> {
        self.0.push(Write::Erased(tenant.to_owned(), vault_key));
        Ok(())
    }

    fn rolled_back(&mut self, tenant: &str, action_id: &str, rollback: &Rollback) -> Result<()> {
        self.0.push(Write::RolledBack(
            tenant.to_owned(),
            action_id.to_owned(),
            rollback.clone(),
        ));
        Ok(())
    }

    fn alert(&mut self, tenant: &str, row: &AlertRow) -> Result<()> {
        self.0
            .push(Write::Alert(tenant.to_owned(), Box::new(row.clone())));
        Ok(())
    }

    fn response(&mut self, tenant: &str, row: &ResponseRow) -> Result<()> {
        self.0
            .push(Write::Response(tenant.to_owned(), Box::new(row.clone())));
        Ok(())
    }

    fn response_ended(&mut self, tenant: &str, id: &str, end: &ResponseEnd) -> Result<()> {
        self.0.push(Write::ResponseEnded(
            tenant.to_owned(),
            id.to_owned(),
            end.clone(),
        ));
        Ok(())
    }

    fn idempotency(&mut self, tenant: &str, row: &IdempotencyRow, now: UnixNanos) -> Result<()> {
        row.check()?;
        self.0
            .push(Write::Idempotency(tenant.to_owned(), row.clone(), now));
        Ok(())
    }

    fn position(&mut self, position: &[u8]) -> Result<()> {
        self.0.push(Write::Position(position.to_owned()));
        Ok(())
    }
}

impl ProjectionStore for MemoryStore {
    fn apply_batch(&self, write: &mut dyn FnMut(&mut dyn Projection) -> Result<()>) -> Result<()> {
        let mut batch = Batch(Vec::new());
        write(&mut batch)?;
        let mut tables = self.tables();
        for write in batch.0 {
            match write {
                Write::Action(tenant, row) => write_action(&mut tables, &tenant, &row),
                Write::Outcome(tenant, id, outcome) => {
                    let seq = tables.action_ids.get(&key(&tenant, &id)).copied();
                    if let Some(row) = seq.and_then(|seq| tables.actions.get_mut(&(tenant, seq))) {
                        row.outcome = Some(outcome);
                    }
                }
                Write::Erased(tenant, vault_key) => write_erased(&mut tables, &tenant, vault_key),
                Write::RolledBack(tenant, id, rollback) => {
                    write_rollback(&mut tables, &tenant, &id, &rollback);
                }
                Write::Alert(tenant, row) => {
                    super::triage::put(&mut tables, &tenant, *row);
                }
                Write::Response(tenant, row) => {
                    tables
                        .responses
                        .entry(key(&tenant, &row.id))
                        .or_insert(*row);
                }
                Write::ResponseEnded(tenant, id, end) => {
                    if let Some(row) = tables.responses.get_mut(&key(&tenant, &id)) {
                        row.ended.get_or_insert(end);
                    }
                }
                Write::Idempotency(tenant, row, now) => {
                    put_idempotency(&mut tables, &tenant, &row, now);
                }
                Write::Position(position) => tables.position = Some(position),
            }
        }
        Ok(())
    }

    fn forget_traces(&self) -> Result<()> {
        Ok(())
    }

    fn projection_position(&self) -> Result<Option<Vec<u8>>> {
        Ok(self.tables().position.clone())
    }

    fn reset_projection(&self) -> Result<()> {
        let mut tables = self.tables();
        tables.actions.clear();
        tables.action_ids.clear();
        tables.alerts.clear();
        tables.alert_groups.clear();
        tables.groups.clear();
        tables.responses.clear();
        tables.position = None;
        for entry in tables.agents.values_mut() {
            entry.agent.counters = AgentCounters::default();
        }
        Ok(())
    }
}
