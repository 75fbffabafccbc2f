//! Policies and bundles.

use interlock_core::model::UnixNanos;
use interlock_core::model::limits::RULES_MAX;
use rusqlite::{Connection, Row, params};

use super::rows::{all, effect, get, one, raise_epoch, to_i64, unsigned};
use super::{Result, SqliteStore};
use crate::error::StoreError;
use crate::model::{
    BUNDLE_BYTES_MAX, Bundle, Days, NewPolicy, Policy, PolicyChange, check_id, check_len,
    check_page,
};
use crate::traits::PolicyStore;

fn read(row: &Row<'_>) -> Result<Policy> {
    Ok(Policy {
        policy: NewPolicy {
            id: get(row, "id")?,
            name: get(row, "name")?,
            action_type: get(row, "action_type")?,
            resource_pattern: get(row, "resource_pattern")?,
            effect: effect(row, "effect")?,
            max_risk_milli: get(row, "max_risk_milli")?,
            time_start: get(row, "time_start")?,
            time_end: get(row, "time_end")?,
            days: Days::from_bits(get(row, "days")?)
                .ok_or_else(|| StoreError::damaged("days", "there are only seven"))?,
            priority: get(row, "priority")?,
        },
        enabled: get(row, "enabled")?,
        created: get(row, "created")?,
        revision: unsigned(row, "revision")?,
    })
}

fn find(connection: &Connection, tenant: &str, id: &str) -> Result<Policy> {
    one(
        connection,
        "SELECT * FROM policy WHERE tenant = ?1 AND id = ?2",
        params![tenant, id],
        read,
    )?
    .ok_or_else(|| StoreError::not_found("policy", id))
}

fn put(connection: &Connection, tenant: &str, row: &Policy) -> Result<usize> {
    let policy = &row.policy;
    Ok(connection
        .prepare_cached(
            "INSERT INTO policy (tenant, id, name, action_type, resource_pattern, effect,
             max_risk_milli, time_start, time_end, days, priority, enabled, created, revision)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            tenant,
            policy.id,
            policy.name,
            policy.action_type,
            policy.resource_pattern,
            policy.effect.name(),
            policy.max_risk_milli,
            policy.time_start,
            policy.time_end,
            policy.days.bits(),
            policy.priority,
            row.enabled,
            row.created,
            to_i64("revision", row.revision)?
        ])?)
}

fn read_bundle(row: &Row<'_>) -> Result<Bundle> {
    Ok(Bundle {
        name: get(row, "name")?,
        revision: unsigned(row, "revision")?,
        text: get(row, "text")?,
        author: get(row, "author")?,
        created: get(row, "created")?,
    })
}

impl PolicyStore for SqliteStore {
    fn insert_policy(&self, tenant: &str, policy: &NewPolicy, now: UnixNanos) -> Result<Policy> {
        policy.check()?;
        self.write(|tx| {
            let count: i64 = tx
                .prepare_cached("SELECT count(*) FROM policy WHERE tenant = ?1")?
                .query_row([tenant], |row| row.get(0))?;
            if usize::try_from(count).unwrap_or(usize::MAX) >= RULES_MAX {
                return Err(StoreError::invalid(
                    "policies",
                    format!("are {count}, the limit is {RULES_MAX}"),
                ));
            }
            let row = Policy {
                policy: policy.clone(),
                enabled: true,
                created: now,
                revision: raise_epoch(tx, tenant, "policy_epoch")?,
            };
            if put(tx, tenant, &row)? == 0 {
                return Err(StoreError::exists("policy", &policy.id));
            }
            Ok(row)
        })
    }

    fn policy(&self, tenant: &str, id: &str) -> Result<Policy> {
        find(&self.reader(), tenant, id)
    }

    fn policies(&self, tenant: &str) -> Result<Vec<Policy>> {
        all(
            &self.reader(),
            "SELECT * FROM policy WHERE tenant = ?1 ORDER BY priority DESC, id",
            params![tenant],
            read,
        )
    }

    fn update_policy(&self, tenant: &str, id: &str, change: &PolicyChange) -> Result<Policy> {
        self.write(|tx| {
            let mut row = find(tx, tenant, id)?;
            change.apply(&mut row)?;
            row.revision = raise_epoch(tx, tenant, "policy_epoch")?;
            tx.prepare_cached("DELETE FROM policy WHERE tenant = ?1 AND id = ?2")?
                .execute(params![tenant, id])?;
            put(tx, tenant, &row)?;
            Ok(row)
        })
    }

    fn delete_policy(&self, tenant: &str, id: &str) -> Result<()> {
        self.write(|tx| {
            let deleted = tx
                .prepare_cached("DELETE FROM policy WHERE tenant = ?1 AND id = ?2")?
                .execute(params![tenant, id])?;
            if deleted == 0 {
                return Err(StoreError::not_found("policy", id));
            }
            raise_epoch(tx, tenant, "policy_epoch")?;
            Ok(())
        })
    }

    fn publish_bundle(
        &self,
        tenant: &str,
        name: &str,
        text: &str,
        author: &str,
        expected: Option<u64>,
        now: UnixNanos,
    ) -> Result<Bundle> {
        check_id("name", name)?;
        check_id("author", author)?;
        check_len("text", text, BUNDLE_BYTES_MAX)?;
        self.write(|tx| {
            let revision = raise_epoch(tx, tenant, "policy_epoch")?;
            let found = revision.saturating_sub(1);
            if let Some(expected) = expected.filter(|expected| *expected != found) {
                return Err(StoreError::Version {
                    what: "policies",
                    id: tenant.to_owned(),
                    expected,
                    found,
                });
            }
            tx.prepare_cached(
                "INSERT INTO bundle (tenant, name, revision, text, author, created)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                tenant,
                name,
                to_i64("revision", revision)?,
                text,
                author,
                now
            ])?;
            Ok(Bundle {
                name: name.to_owned(),
                revision,
                text: text.to_owned(),
                author: author.to_owned(),
                created: now,
            })
        })
    }

    fn bundle(&self, tenant: &str, name: &str, revision: Option<u64>) -> Result<Bundle> {
        let revision = revision.map(|n| to_i64("revision", n)).transpose()?;
        one(
            &self.reader(),
            "SELECT * FROM bundle WHERE tenant = ?1 AND name = ?2 AND (?3 IS NULL OR revision = ?3)
             ORDER BY revision DESC LIMIT 1",
            params![tenant, name, revision],
            read_bundle,
        )?
        .ok_or_else(|| StoreError::not_found("bundle", name))
    }

    fn bundles(&self, tenant: &str) -> Result<Vec<Bundle>> {
        all(
            &self.reader(),
            "SELECT * FROM bundle b WHERE tenant = ?1 AND revision =
             (SELECT max(revision) FROM bundle WHERE tenant = ?1 AND name = b.name)
             ORDER BY name",
            params![tenant],
            read_bundle,
        )
    }

    fn bundle_history(
        &self,
        tenant: &str,
        name: &str,
        limit: usize,
    ) -> Result<Vec<(u64, String, UnixNanos)>> {
        check_page(limit)?;
        all(
            &self.reader(),
            "SELECT revision, author, created FROM bundle WHERE tenant = ?1 AND name = ?2
             ORDER BY revision DESC LIMIT ?3",
            params![tenant, name, i64::try_from(limit).unwrap_or(i64::MAX)],
            |row| {
                Ok((
                    unsigned(row, "revision")?,
                    get(row, "author")?,
                    get(row, "created")?,
                ))
            },
        )
    }
}
