//! What belongs to approvals beside their state.

use std::collections::BTreeMap;

use interlock_core::approval::Notice;
use interlock_core::model::UnixNanos;

use super::{MemoryStore, Result, key};
use crate::error::StoreError;
use crate::model::{ApprovalRow, OutboxRow, check_page};
use crate::review::{
    ApprovalEdit, ApprovalLink, Attempt, BACKLOG_ROWS, ChannelBacklog, Delivery, DeliveryStatus,
    NewDelivery, ReviewStore, SessionApproval,
};

impl ReviewStore for MemoryStore {
    fn set_edit(&self, tenant: &str, id: &str, edit: &ApprovalEdit) -> Result<()> {
        let mut tables = self.tables();
        if !tables.approvals.contains_key(&key(tenant, id)) {
            return Err(StoreError::not_found("approval", id));
        }
        tables.edits.insert(key(tenant, id), edit.clone());
        Ok(())
    }

    fn edit(&self, tenant: &str, id: &str) -> Result<Option<ApprovalEdit>> {
        Ok(self.tables().edits.get(&key(tenant, id)).cloned())
    }

    fn advance_notices(
        &self,
        now: UnixNanos,
        limit: usize,
    ) -> Result<Vec<(String, ApprovalRow, Notice)>> {
        check_page(limit)?;
        let mut tables = self.tables();
        let due: Vec<(super::Key, ApprovalRow, Notice)> = tables
            .approvals
            .iter()
            .filter_map(|(place, row)| {
                let given = tables.notices.get(place).copied().unwrap_or(0);
                let (at, notice) = row.approval.next_notice(given)?;
                (at <= now).then(|| (place.clone(), row.clone(), notice))
            })
            .take(limit)
            .collect();
        let mut told = Vec::new();
        for (place, row, notice) in due {
            *tables.notices.entry(place.clone()).or_default() += 1;
            // One that has expired is told of by its expiry.
            if row.approval.due(now).is_some() {
                continue;
            }
            tables.outbox_seq += 1;
            let seq = tables.outbox_seq;
            tables.outbox.insert(
                seq,
                OutboxRow {
                    seq,
                    tenant: place.0.clone(),
                    topic: format!("approval.{}", notice.name()),
                    subject: place.1,
                    version: row.approval.version,
                    state: row.approval.state.name().to_owned(),
                    at: now,
                },
            );
            told.push((place.0, row, notice));
        }
        Ok(told)
    }

    fn insert_session_approval(&self, tenant: &str, row: &SessionApproval) -> Result<()> {
        row.check()?;
        let mut tables = self.tables();
        if tables.sessions.contains_key(&key(tenant, &row.id)) {
            return Err(StoreError::exists("session approval", &row.id));
        }
        tables.sessions.insert(key(tenant, &row.id), row.clone());
        Ok(())
    }

    fn session_approval(&self, tenant: &str, id: &str) -> Result<SessionApproval> {
        self.tables()
            .sessions
            .get(&key(tenant, id))
            .cloned()
            .ok_or_else(|| StoreError::not_found("session approval", id))
    }

    fn session_approvals(
        &self,
        tenant: &str,
        agent_id: Option<&str>,
        limit: usize,
    ) -> Result<Vec<SessionApproval>> {
        check_page(limit)?;
        let tables = self.tables();
        let mut rows: Vec<SessionApproval> = super::of_tenant(&tables.sessions, tenant)
            .map(|(_, row)| row.clone())
            .filter(|row| agent_id.is_none_or(|agent| agent == row.agent_id))
            .collect();
        rows.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
        rows.truncate(limit);
        Ok(rows)
    }

    fn use_session_approval(
        &self,
        tenant: &str,
        id: &str,
        cost_nano: i64,
        now: UnixNanos,
    ) -> Result<bool> {
        let mut tables = self.tables();
        let row = tables
            .sessions
            .get_mut(&key(tenant, id))
            .ok_or_else(|| StoreError::not_found("session approval", id))?;
        if !row.usable(cost_nano, now) {
            return Ok(false);
        }
        row.uses += 1;
        row.cost_nano = row.cost_nano.saturating_add(cost_nano);
        Ok(true)
    }

    fn revoke_session_approval(
        &self,
        tenant: &str,
        id: &str,
        by: &str,
        now: UnixNanos,
    ) -> Result<SessionApproval> {
        let mut tables = self.tables();
        let row = tables
            .sessions
            .get_mut(&key(tenant, id))
            .ok_or_else(|| StoreError::not_found("session approval", id))?;
        row.revoked.get_or_insert_with(|| (now, by.to_owned()));
        Ok(row.clone())
    }

    fn deliver(&self, messages: &[NewDelivery], through: u64, now: UnixNanos) -> Result<()> {
        let mut tables = self.tables();
        for message in messages {
            tables.delivery_seq += 1;
            let seq = tables.delivery_seq;
            tables.deliveries.insert(
                seq,
                Delivery {
                    seq,
                    message: message.clone(),
                    created: now,
                    attempts: 0,
                    due_at: Some(now),
                    status: DeliveryStatus::Due,
                    error: String::new(),
                },
            );
        }
        tables.outbox.retain(|seq, _| *seq > through);
        Ok(())
    }

    fn deliveries_due(&self, channel: &str, now: UnixNanos, limit: usize) -> Result<Vec<Delivery>> {
        check_page(limit)?;
        let tables = self.tables();
        let mut due: Vec<Delivery> = tables
            .deliveries
            .values()
            .filter(|d| d.message.channel == channel && d.due_at.is_some_and(|at| at <= now))
            .cloned()
            .collect();
        due.sort_by_key(|d| (d.due_at, d.seq));
        due.truncate(limit);
        Ok(due)
    }

    fn delivery_tried(&self, seq: u64, attempt: &Attempt) -> Result<()> {
        if let Some(row) = self.tables().deliveries.get_mut(&seq) {
            row.attempts += 1;
            (row.due_at, row.status, row.error) = match attempt {
                Attempt::Sent => (None, DeliveryStatus::Sent, String::new()),
                Attempt::Again(at, error) => (Some(*at), DeliveryStatus::Due, error.clone()),
                Attempt::Dead(error) => (None, DeliveryStatus::Dead, error.clone()),
            };
        }
        Ok(())
    }

    fn deliveries(
        &self,
        tenant: &str,
        status: Option<DeliveryStatus>,
        limit: usize,
    ) -> Result<Vec<Delivery>> {
        check_page(limit)?;
        Ok(self
            .tables()
            .deliveries
            .values()
            .rev()
            .filter(|d| d.message.tenant == tenant)
            .filter(|d| status.is_none_or(|status| status == d.status))
            .take(limit)
            .cloned()
            .collect())
    }

    fn channel_backlog(&self, tenant: &str) -> Result<Vec<ChannelBacklog>> {
        let tables = self.tables();
        let of_tenant = || {
            let all = tables.deliveries.values().rev();
            all.filter(|d| d.message.tenant == tenant)
        };
        let mut found: BTreeMap<String, ChannelBacklog> = BTreeMap::new();
        let mut entry = |channel: &str, change: &dyn Fn(&mut ChannelBacklog)| {
            let backlog = found.entry(channel.to_owned()).or_default();
            channel.clone_into(&mut backlog.channel);
            change(backlog);
        };
        for delivery in of_tenant().filter(|d| d.due_at.is_some()) {
            entry(&delivery.message.channel, &|backlog| {
                backlog.waiting += 1;
                let since = backlog.waiting_since.unwrap_or(delivery.created);
                backlog.waiting_since = Some(since.min(delivery.created));
            });
        }
        for delivery in of_tenant().take(BACKLOG_ROWS) {
            entry(&delivery.message.channel, &|backlog| {
                backlog.given_up += u64::from(delivery.status == DeliveryStatus::Dead);
                if backlog.error.is_empty() {
                    backlog.error.clone_from(&delivery.error);
                }
            });
        }
        Ok(found.into_values().collect())
    }

    fn revive_delivery(&self, tenant: &str, seq: u64, now: UnixNanos) -> Result<()> {
        let mut tables = self.tables();
        let row = tables
            .deliveries
            .get_mut(&seq)
            .filter(|d| d.message.tenant == tenant && d.status == DeliveryStatus::Dead)
            .ok_or_else(|| StoreError::not_found("dead delivery", &seq.to_string()))?;
        row.due_at = Some(now);
        row.status = DeliveryStatus::Due;
        row.attempts = 0;
        Ok(())
    }

    fn purge_deliveries(&self, before: UnixNanos) -> Result<u64> {
        let mut tables = self.tables();
        let rows = tables.deliveries.len() + tables.links.len();
        tables
            .deliveries
            .retain(|_, d| d.due_at.is_some() || d.created >= before);
        tables.links.retain(|_, link| link.expires >= before);
        Ok((rows - tables.deliveries.len() - tables.links.len()) as u64)
    }

    fn put_link(&self, link: &ApprovalLink) -> Result<()> {
        self.tables().links.insert(link.hash, link.clone());
        Ok(())
    }

    fn link(&self, hash: &[u8; 32]) -> Result<ApprovalLink> {
        self.tables()
            .links
            .get(hash)
            .cloned()
            .ok_or_else(|| StoreError::not_found("link", ""))
    }

    fn use_link(&self, hash: &[u8; 32], now: UnixNanos) -> Result<bool> {
        Ok(self
            .tables()
            .links
            .get_mut(hash)
            .filter(|link| !link.used && link.expires > now)
            .is_some_and(|link| {
                link.used = true;
                true
            }))
    }
}
