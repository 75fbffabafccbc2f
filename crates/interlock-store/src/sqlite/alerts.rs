//! Alerts.

use interlock_core::model::UnixNanos;
use rusqlite::{Connection, Row, params};

use super::rows::{Query, get, one, to_i64};
use super::{Result, SqliteStore};
use crate::error::StoreError;
use crate::model::{Alert, AlertCursor, check_id, check_page};
use crate::traits::AlertStore;

/// An alert is acknowledged by itself, or with its group as far as that had come.
const SELECT: &str = "SELECT a.*, coalesce(k.at, s.at) AS acknowledged_at,
     coalesce(k.by, s.by) AS acknowledged_by FROM alert a
     LEFT JOIN alert_acknowledgement k ON k.tenant = a.tenant AND k.alert_id = a.id
     LEFT JOIN alert_triage s ON s.tenant = a.tenant AND s.group_id = a.group_id
       AND s.state != 'open' AND a.seq <= s.seen_seq
     WHERE a.tenant = ?1";

fn read(row: &Row<'_>) -> Result<Alert> {
    let at: Option<UnixNanos> = get(row, "acknowledged_at")?;
    let by: Option<String> = get(row, "acknowledged_by")?;
    Ok(Alert {
        row: super::triage::alert_row(row)?,
        acknowledged: at.zip(by),
    })
}

fn find(connection: &Connection, tenant: &str, id: &str) -> Result<Alert> {
    one(
        connection,
        &format!("{SELECT} AND a.id = ?2"),
        params![tenant, id],
        read,
    )?
    .ok_or_else(|| StoreError::not_found("alert", id))
}

impl AlertStore for SqliteStore {
    fn alert(&self, tenant: &str, id: &str) -> Result<Alert> {
        find(&self.reader(), tenant, id)
    }

    fn alerts(
        &self,
        tenant: &str,
        acknowledged: Option<bool>,
        before: Option<&AlertCursor>,
        limit: usize,
    ) -> Result<Vec<Alert>> {
        check_page(limit)?;
        let mut query = Query::new(SELECT, tenant);
        if let Some(acknowledged) = acknowledged {
            query.and(
                "(coalesce(k.at, s.at) IS NOT NULL) = ?",
                i64::from(acknowledged),
            );
        }
        if let Some(before) = before {
            query.and_pair(
                "(a.seq, a.id) < (?, ?)",
                to_i64("before", before.seq)?,
                before.id.clone(),
            );
        }
        query.then("ORDER BY a.seq DESC, a.id DESC");
        query.limit(limit);
        query.rows(&self.reader(), read)
    }

    fn acknowledge_alert(&self, tenant: &str, id: &str, by: &str, now: UnixNanos) -> Result<Alert> {
        check_id("by", by)?;
        self.write(|tx| {
            find(tx, tenant, id)?;
            tx.prepare_cached(
                "INSERT INTO alert_acknowledgement (tenant, alert_id, at, by)
                 VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            )?
            .execute(params![tenant, id, now, by])?;
            find(tx, tenant, id)
        })
    }
}
