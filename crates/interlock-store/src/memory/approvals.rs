//! Approvals.

use interlock_core::approval::{Approval, Event, State};
use interlock_core::model::UnixNanos;

use super::{MemoryStore, Result, Tables, key};
use crate::error::StoreError;
use crate::model::{ApprovalFilter, ApprovalRequest, ApprovalRow, OutboxRow, check_page};
use crate::traits::{Advanced, ApprovalStore, steps};

fn place(tenant: &str, row: &ApprovalRow) -> (String, &'static str, UnixNanos, String) {
    (
        tenant.to_owned(),
        row.approval.state.name(),
        row.approval.requested_at,
        row.asked.id.clone(),
    )
}

fn put(tables: &mut Tables, tenant: &str, event: &str, row: ApprovalRow, now: UnixNanos) {
    if let Some(before) = tables.approvals.get(&key(tenant, &row.asked.id)) {
        tables.inbox.remove(&place(tenant, before));
    }
    tables.inbox.insert(place(tenant, &row));
    tables.outbox_seq += 1;
    let seq = tables.outbox_seq;
    tables.outbox.insert(
        seq,
        OutboxRow {
            seq,
            tenant: tenant.to_owned(),
            topic: format!("approval.{event}"),
            subject: row.asked.id.clone(),
            version: row.approval.version,
            state: row.approval.state.name().to_owned(),
            at: now,
        },
    );
    tables.approvals.insert(key(tenant, &row.asked.id), row);
}

fn advance(
    tables: &mut Tables,
    tenant: &str,
    mut row: ApprovalRow,
    expected: Option<u64>,
    event: Option<&Event>,
    now: UnixNanos,
) -> Result<Advanced> {
    let (steps, refusal) = steps(&row.approval, expected, event, &row.asked.id, now)?;
    for (name, next) in steps {
        row.approval = next;
        put(tables, tenant, name, row.clone(), now);
    }
    Ok(Advanced { row, refusal })
}

impl ApprovalStore for MemoryStore {
    fn request_approval(
        &self,
        tenant: &str,
        asked: &ApprovalRequest,
        now: UnixNanos,
    ) -> Result<ApprovalRow> {
        asked.check()?;
        let row = ApprovalRow {
            asked: asked.clone(),
            approval: Approval::open(asked.request.clone(), now)?,
        };
        let mut tables = self.tables();
        if tables.approvals.contains_key(&key(tenant, &asked.id)) {
            return Err(StoreError::exists("approval", &asked.id));
        }
        put(&mut tables, tenant, "request", row.clone(), now);
        Ok(row)
    }

    fn approval(&self, tenant: &str, id: &str) -> Result<ApprovalRow> {
        self.tables()
            .approvals
            .get(&key(tenant, id))
            .cloned()
            .ok_or_else(|| StoreError::not_found("approval", id))
    }

    fn approvals(
        &self,
        tenant: &str,
        filter: &ApprovalFilter,
        limit: usize,
    ) -> Result<Vec<ApprovalRow>> {
        check_page(limit)?;
        let tables = self.tables();
        let states: Vec<State> = match filter.state {
            Some(state) => vec![state],
            None => State::ALL.to_vec(),
        };
        let after = filter.after.as_ref();
        // What follows the cursor, in the order that is asked for.
        let follows = |at: UnixNanos, id: &String| {
            after.is_none_or(|c| {
                let (here, there) = ((at, id), (c.requested_at, &c.id));
                if filter.newest {
                    here < there
                } else {
                    here > there
                }
            })
        };
        let mut rows = Vec::new();
        for state in states {
            let bound =
                |at: UnixNanos, id: &str| (tenant.to_owned(), state.name(), at, id.to_owned());
            let range = match after {
                Some(c) if filter.newest => bound(UnixNanos::MIN, "")..bound(c.requested_at, &c.id),
                // Past every id of the last moment.
                _ => {
                    bound(after.map_or(UnixNanos::MIN, |c| c.requested_at), "")
                        ..bound(UnixNanos::MAX, "\u{10ffff}")
                }
            };
            let found = tables.inbox.range(range);
            let mut take =
                |found: &mut dyn Iterator<Item = &(String, &'static str, UnixNanos, String)>| {
                    let found = found
                        .filter(|(_, _, at, id)| follows(*at, id))
                        .filter_map(|(_, _, _, id)| tables.approvals.get(&key(tenant, id)))
                        .filter(|row| filter.group.as_ref().is_none_or(|g| *g == row.asked.group))
                        .filter(|row| {
                            let agent_id = filter.agent_id.as_ref();
                            agent_id.is_none_or(|a| *a == row.asked.agent_id)
                        })
                        .take(limit);
                    rows.extend(found);
                };
            if filter.newest {
                take(&mut found.rev());
            } else {
                let mut found = found;
                take(&mut found);
            }
        }
        rows.sort_by_key(|row| (row.approval.requested_at, &row.asked.id));
        if filter.newest {
            rows.reverse();
        }
        Ok(rows.into_iter().take(limit).cloned().collect())
    }

    fn advance_approval(
        &self,
        tenant: &str,
        id: &str,
        expected: Option<u64>,
        event: &Event,
        now: UnixNanos,
    ) -> Result<Advanced> {
        let mut tables = self.tables();
        let row = tables
            .approvals
            .get(&key(tenant, id))
            .cloned()
            .ok_or_else(|| StoreError::not_found("approval", id))?;
        advance(&mut tables, tenant, row, expected, Some(event), now)
    }

    fn advance_due(&self, now: UnixNanos, limit: usize) -> Result<Vec<(String, ApprovalRow)>> {
        check_page(limit)?;
        let mut tables = self.tables();
        let due: Vec<(String, ApprovalRow)> = tables
            .approvals
            .iter()
            .filter(|(_, row)| row.approval.due(now).is_some())
            .take(limit)
            .map(|((tenant, _), row)| (tenant.clone(), row.clone()))
            .collect();
        due.into_iter()
            .map(|(tenant, row)| {
                let advanced = advance(&mut tables, &tenant, row, None, None, now)?;
                Ok((tenant, advanced.row))
            })
            .collect()
    }

    fn pending_count(&self, tenant: &str) -> Result<u64> {
        let tables = self.tables();
        let pending = State::Pending.name();
        let from = (tenant.to_owned(), pending, UnixNanos::MIN, String::new());
        Ok(tables
            .inbox
            .range(from..)
            .take_while(|(t, s, _, _)| t == tenant && *s == pending)
            .count() as u64)
    }

    fn outbox(&self, limit: usize) -> Result<Vec<OutboxRow>> {
        check_page(limit)?;
        Ok(self.tables().outbox.values().take(limit).cloned().collect())
    }

    fn outbox_done(&self, through: u64) -> Result<()> {
        self.tables().outbox.retain(|seq, _| *seq > through);
        Ok(())
    }
}
