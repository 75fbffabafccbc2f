//! How values become columns and back.

use interlock_core::model::{ActionDigest, Effect};
use rusqlite::types::Value;
use rusqlite::{Row, Transaction, params};

use super::Result;
use crate::error::StoreError;

/// A number that SQLite can hold.
pub(super) fn to_i64(field: &'static str, n: u64) -> Result<i64> {
    i64::try_from(n)
        .map_err(|_| StoreError::invalid(field, format!("is {n}, the limit is {}", i64::MAX)))
}

/// A column by name, as its type.
pub(super) fn get<T: rusqlite::types::FromSql>(row: &Row<'_>, name: &str) -> Result<T> {
    Ok(row.get(name)?)
}

/// A column that never holds a negative number.
pub(super) fn unsigned(row: &Row<'_>, name: &'static str) -> Result<u64> {
    let n: i64 = row.get(name)?;
    u64::try_from(n).map_err(|_| StoreError::damaged(name, "it is negative"))
}

/// A column of a name that this program knows.
pub(super) fn named<T>(
    row: &Row<'_>,
    name: &'static str,
    from_name: impl FnOnce(&str) -> Option<T>,
) -> Result<T> {
    let text: String = row.get(name)?;
    from_name(&text).ok_or_else(|| StoreError::damaged(name, format!("`{text}` is not known")))
}

pub(super) fn effect(row: &Row<'_>, name: &'static str) -> Result<Effect> {
    named(row, name, Effect::from_name)
}

pub(super) fn digest(row: &Row<'_>, name: &'static str) -> Result<ActionDigest> {
    Ok(ActionDigest(row.get(name)?))
}

/// A list of strings as JSON text.
pub(super) fn list_to_text(list: &[String]) -> Result<String> {
    serde_json::to_string(list).map_err(|error| StoreError::damaged("list", error))
}

pub(super) fn list_from_text(what: &'static str, text: &str) -> Result<Vec<String>> {
    serde_json::from_str(text).map_err(|error| StoreError::damaged(what, error))
}

/// Raises one epoch of a tenant and returns it. `column` is one of ours, never input.
pub(super) fn raise_epoch(tx: &Transaction<'_>, tenant: &str, column: &'static str) -> Result<u64> {
    let epoch: i64 = tx
        .prepare_cached(&format!(
            "INSERT INTO tenant (tenant, {column}) VALUES (?1, 1)
             ON CONFLICT (tenant) DO UPDATE SET {column} = {column} + 1 RETURNING {column}"
        ))?
        .query_row(params![tenant], |row| row.get(0))?;
    u64::try_from(epoch).map_err(|_| StoreError::damaged("epoch", "it is negative"))
}

/// A query whose conditions depend on what is asked.
pub(super) struct Query {
    sql: String,
    values: Vec<Value>,
}

impl Query {
    /// Begins with `sql`, which ends in a `WHERE` with at least one condition on `?1`, the tenant.
    pub(super) fn new(sql: &str, tenant: &str) -> Self {
        Self {
            sql: sql.to_owned(),
            values: vec![Value::Text(tenant.to_owned())],
        }
    }

    /// Adds `AND condition`, in which each `?` is the value.
    pub(super) fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        let placeholder = format!("?{}", self.values.len());
        self.sql.push_str(" AND ");
        self.sql.push_str(&condition.replace('?', &placeholder));
    }

    /// Adds `AND condition`, in which the first `?` is one value and the second another.
    pub(super) fn and_pair(
        &mut self,
        condition: &str,
        first: impl Into<Value>,
        second: impl Into<Value>,
    ) {
        self.values.push(first.into());
        self.values.push(second.into());
        let (a, b) = (self.values.len() - 1, self.values.len());
        let condition = condition
            .replacen('?', "\0", 1)
            .replacen('?', &format!("?{b}"), 1)
            .replacen('\0', &format!("?{a}"), 1);
        self.sql.push_str(" AND ");
        self.sql.push_str(&condition);
    }

    /// Adds what follows the conditions.
    pub(super) fn then(&mut self, sql: &str) {
        self.sql.push(' ');
        self.sql.push_str(sql);
    }

    /// Adds `LIMIT`.
    pub(super) fn limit(&mut self, rows: usize) {
        self.values
            .push(Value::Integer(i64::try_from(rows).unwrap_or(i64::MAX)));
        let place = self.values.len();
        self.then(&format!("LIMIT ?{place}"));
    }

    /// Runs it.
    pub(super) fn rows<T>(
        self,
        connection: &rusqlite::Connection,
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = connection.prepare_cached(&self.sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(self.values))?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            out.push(read(row)?);
        }
        Ok(out)
    }
}

/// The only row of a query, if there is one.
pub(super) fn one<T>(
    connection: &rusqlite::Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: impl FnOnce(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

/// All rows of a query.
pub(super) fn all<T>(
    connection: &rusqlite::Connection,
    sql: &str,
    params: impl rusqlite::Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(read(row)?);
    }
    Ok(out)
}
