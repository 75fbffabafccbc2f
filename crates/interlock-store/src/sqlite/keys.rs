//! Keys.

use interlock_core::model::{Role, UnixNanos};
use rusqlite::{Connection, Row, Transaction, params};

use super::rows::{all, get, named, one, raise_epoch};
use super::{Result, SqliteStore};
use crate::error::StoreError;
use crate::model::{KeyRecord, StoredKey};
use crate::traits::KeyStore;

fn read(row: &Row<'_>) -> Result<KeyRecord> {
    Ok(KeyRecord {
        id: get(row, "id")?,
        tenant: get(row, "tenant")?,
        agent_id: get(row, "agent_id")?,
        environment: get(row, "environment")?,
        role: named(row, "role", Role::from_name)?,
        label: get(row, "label")?,
        created: get(row, "created")?,
        expires: get(row, "expires")?,
        revoked: get(row, "revoked")?,
        last_used: get(row, "last_used")?,
        previous_until: get(row, "previous_until")?,
        user_id: get(row, "user_id")?,
    })
}

fn find(connection: &Connection, tenant: &str, id: &str) -> Result<KeyRecord> {
    one(
        connection,
        "SELECT * FROM api_key WHERE tenant = ?1 AND id = ?2",
        params![tenant, id],
        read,
    )?
    .ok_or_else(|| StoreError::not_found("key", id))
}

fn insert(tx: &Transaction<'_>, key: &KeyRecord, hash: &[u8; 32]) -> Result<()> {
    let written = tx
        .prepare_cached(
            "INSERT INTO api_key (id, tenant, agent_id, environment, role, label, created,
             expires, revoked, last_used, secret_hash, user_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            key.id,
            key.tenant,
            key.agent_id,
            key.environment,
            key.role.name(),
            key.label,
            key.created,
            key.expires,
            key.revoked,
            key.last_used,
            hash,
            key.user_id
        ])?;
    if written == 0 {
        return Err(StoreError::exists("key", &key.id));
    }
    raise_epoch(tx, &key.tenant, "key_epoch")?;
    Ok(())
}

impl KeyStore for SqliteStore {
    fn insert_key(&self, key: &KeyRecord, secret_hash: &[u8; 32]) -> Result<()> {
        self.write(|tx| insert(tx, key, secret_hash))
    }

    fn insert_first_key(&self, key: &KeyRecord, secret_hash: &[u8; 32]) -> Result<bool> {
        self.write(|tx| {
            let taken: bool = tx
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM api_key WHERE tenant = ?1)")?
                .query_row([&key.tenant], |row| row.get(0))?;
            if !taken {
                insert(tx, key, secret_hash)?;
            }
            Ok(!taken)
        })
    }

    fn key_for_authentication(&self, id: &str) -> Result<Option<StoredKey>> {
        one(
            &self.reader(),
            "SELECT api_key.*, (SELECT login FROM app_user AS u WHERE u.tenant = api_key.tenant
             AND u.id = api_key.user_id AND u.disabled IS NULL AND u.role = api_key.role) AS login
             FROM api_key WHERE id = ?1",
            params![id],
            |row| {
                Ok(StoredKey {
                    record: read(row)?,
                    hash: get(row, "secret_hash")?,
                    previous: get(row, "previous_hash")?,
                    login: get(row, "login")?,
                })
            },
        )
    }

    fn keys(&self, tenant: &str) -> Result<Vec<KeyRecord>> {
        all(
            &self.reader(),
            "SELECT * FROM api_key WHERE tenant = ?1 ORDER BY created, id",
            params![tenant],
            read,
        )
    }

    fn revoke_key(&self, tenant: &str, id: &str, now: UnixNanos) -> Result<KeyRecord> {
        self.write(|tx| {
            tx.prepare_cached(
                "UPDATE api_key SET revoked = coalesce(revoked, ?3) WHERE tenant = ?1 AND id = ?2",
            )?
            .execute(params![tenant, id, now])?;
            let key = find(tx, tenant, id)?;
            raise_epoch(tx, tenant, "key_epoch")?;
            Ok(key)
        })
    }

    fn rotate_key(
        &self,
        tenant: &str,
        id: &str,
        secret_hash: &[u8; 32],
        expires: Option<UnixNanos>,
        previous_until: UnixNanos,
    ) -> Result<KeyRecord> {
        self.write(|tx| {
            let changed = tx
                .prepare_cached(
                    "UPDATE api_key SET previous_hash = secret_hash, previous_until = ?5,
                     secret_hash = ?3, expires = ?4
                     WHERE tenant = ?1 AND id = ?2 AND revoked IS NULL",
                )?
                .execute(params![tenant, id, secret_hash, expires, previous_until])?;
            if changed == 0 {
                return Err(StoreError::not_found("key", id));
            }
            raise_epoch(tx, tenant, "key_epoch")?;
            find(tx, tenant, id)
        })
    }

    fn touch_keys(&self, used: &[(String, UnixNanos)]) -> Result<()> {
        self.write(|tx| {
            let mut statement = tx.prepare_cached(
                "UPDATE api_key SET last_used = ?2 WHERE id = ?1 AND coalesce(last_used, ?2) <= ?2",
            )?;
            for (id, at) in used {
                statement.execute(params![id, at])?;
            }
            Ok(())
        })
    }
}
