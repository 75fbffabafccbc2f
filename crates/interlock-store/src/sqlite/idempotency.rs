//! Answers given to idempotency keys.

use interlock_core::model::UnixNanos;
use rusqlite::{Connection, Row, params};

use super::rows::{digest, get, one};
use super::{Result, SqliteStore};
use crate::model::IdempotencyRow;
use crate::traits::{IdempotencyStore, PutIdempotency};

fn read(row: &Row<'_>) -> Result<IdempotencyRow> {
    Ok(IdempotencyRow {
        key: get(row, "key")?,
        digest: digest(row, "digest")?,
        decision_id: get(row, "decision_id")?,
        response: get(row, "response")?,
        expires: get(row, "expires")?,
    })
}

fn find(
    connection: &Connection,
    tenant: &str,
    key: &str,
    now: UnixNanos,
) -> Result<Option<IdempotencyRow>> {
    one(
        connection,
        "SELECT * FROM idempotency WHERE tenant = ?1 AND key = ?2 AND expires > ?3",
        params![tenant, key, now],
        read,
    )
}

/// Keeps an answer if the key is free; tells whether it was.
pub(super) fn put(
    connection: &Connection,
    tenant: &str,
    row: &IdempotencyRow,
    now: UnixNanos,
) -> Result<bool> {
    row.check()?;
    let written = connection
        .prepare_cached(
            "INSERT INTO idempotency (tenant, key, digest, decision_id, response, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (tenant, key) DO UPDATE SET digest = excluded.digest,
             decision_id = excluded.decision_id, response = excluded.response,
             expires = excluded.expires WHERE expires <= ?7",
        )?
        .execute(params![
            tenant,
            row.key,
            row.digest.0,
            row.decision_id,
            row.response,
            row.expires,
            now
        ])?;
    Ok(written > 0)
}

impl IdempotencyStore for SqliteStore {
    fn idempotency(
        &self,
        tenant: &str,
        key: &str,
        now: UnixNanos,
    ) -> Result<Option<IdempotencyRow>> {
        find(&self.reader(), tenant, key, now)
    }

    fn put_idempotency(
        &self,
        tenant: &str,
        row: &IdempotencyRow,
        now: UnixNanos,
    ) -> Result<PutIdempotency> {
        self.write(|tx| {
            if put(tx, tenant, row, now)? {
                return Ok(PutIdempotency::Stored);
            }
            Ok(find(tx, tenant, &row.key, now)?
                .map_or(PutIdempotency::Stored, PutIdempotency::Found))
        })
    }

    fn purge_idempotency(&self, now: UnixNanos) -> Result<u64> {
        self.write(|tx| {
            let removed = tx
                .prepare_cached("DELETE FROM idempotency WHERE expires <= ?1")?
                .execute([now])?;
            Ok(removed as u64)
        })
    }
}
