//! Blocks: how rows that are no longer the newest become columns, and how these follow what happens
//! to the rows later.

use std::collections::BTreeMap;

use rusqlite::{Transaction, params};

use super::super::Result;
use super::super::rows::{one, to_i64};
use super::column::{Column, Field};
use super::{BLOCK_ROWS, NEWEST_ROWS};
use crate::error::StoreError;

/// Rows of a block that are changed one by one; of more, the columns are read anew.
const ONE_BY_ONE_MAX: usize = 64;

/// What a batch of the projector touched, by tenant.
#[derive(Debug, Default)]
pub(in super::super) struct Touched(BTreeMap<String, Rows>);

#[derive(Debug, Default)]
struct Rows {
    /// The first that was written.
    first: Option<i64>,
    /// Those that changed after they were written.
    changed: Vec<i64>,
}

impl Touched {
    pub(in super::super) fn written(&mut self, tenant: &str, seq: i64) {
        let rows = self.of(tenant);
        rows.first = Some(rows.first.map_or(seq, |first| first.min(seq)));
    }

    pub(in super::super) fn changed(&mut self, tenant: &str, seq: i64) {
        self.of(tenant).changed.push(seq);
    }

    fn of(&mut self, tenant: &str) -> &mut Rows {
        self.0.entry(tenant.to_owned()).or_default()
    }

    /// Brings the blocks after the rows, in the transaction in which these were written.
    pub(in super::super) fn settle(mut self, tx: &Transaction<'_>) -> Result<()> {
        for (tenant, rows) in &mut self.0 {
            let mut sealed = sealed_to(tx, tenant)?;
            if let Some(first) = rows.first.filter(|first| *first <= sealed) {
                // Rows are written in the order of the record; another order costs the blocks.
                unseal(tx, tenant, first)?;
                sealed = sealed_to(tx, tenant)?;
            }
            rows.changed.retain(|seq| *seq <= sealed);
            rows.changed.sort_unstable();
            rows.changed.dedup();
            change(tx, tenant, &rows.changed)?;
            if rows.first.is_some() {
                while newest(tx, tenant, sealed)? >= BLOCK_ROWS + NEWEST_ROWS {
                    sealed = seal(tx, tenant, sealed)?;
                }
            }
        }
        Ok(())
    }
}

/// The last row that is in a block; -1 when none is.
pub(super) fn sealed_to(connection: &rusqlite::Connection, tenant: &str) -> Result<i64> {
    let last = one(
        connection,
        "SELECT max(last_seq) FROM action_block WHERE tenant = ?1",
        [tenant],
        |row| Ok(row.get::<_, Option<i64>>(0)?),
    )?;
    Ok(last.flatten().unwrap_or(-1))
}

/// How many rows are in no block; counting ends where it is known that they make a block.
fn newest(tx: &Transaction<'_>, tenant: &str, sealed: i64) -> Result<usize> {
    let limit = i64::try_from(BLOCK_ROWS + NEWEST_ROWS).unwrap_or(i64::MAX);
    let count: i64 = tx
        .prepare_cached(
            "SELECT count(*) FROM
             (SELECT 1 FROM action WHERE tenant = ?1 AND seq > ?2 LIMIT ?3)",
        )?
        .query_row(params![tenant, sealed, limit], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Makes a block of the oldest rows that are in none; returns its last row.
fn seal(tx: &Transaction<'_>, tenant: &str, after: i64) -> Result<i64> {
    let columns = Column::read_all(tx, &Field::ALL, tenant, after, i64::MAX, BLOCK_ROWS)?;
    let ends = |of: Field| {
        let (_, column) = Field::ALL.iter().zip(&columns).find(|(f, _)| **f == of)?;
        let Column::Numbers(numbers) = column else {
            return None;
        };
        let known = || numbers.iter().flatten().copied();
        known()
            .min()
            .zip(known().max())
            .map(|ends| (numbers.len(), ends))
    };
    let (Some((rows, (first, last))), Some((_, (earliest, latest)))) =
        (ends(Field::Seq), ends(Field::At))
    else {
        return Err(StoreError::damaged("action", "a block would be empty"));
    };
    tx.prepare_cached(
        "INSERT INTO action_block (tenant, first_seq, last_seq, rows, at_min, at_max)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        tenant,
        first,
        last,
        to_i64("rows", rows as u64)?,
        earliest,
        latest
    ])?;
    let block = tx.last_insert_rowid();
    for (field, column) in Field::ALL.into_iter().zip(&columns) {
        put(tx, block, field, column)?;
    }
    Ok(last)
}

fn put(tx: &Transaction<'_>, block: i64, field: Field, column: &Column) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO action_column (block, field, data) VALUES (?1, ?2, ?3)
         ON CONFLICT (block, field) DO UPDATE SET data = excluded.data",
    )?
    .execute(params![block, field as u8, column.encode()?])?;
    Ok(())
}

/// Takes rows from one on out of their blocks.
fn unseal(tx: &Transaction<'_>, tenant: &str, from: i64) -> Result<()> {
    tx.prepare_cached(
        "DELETE FROM action_column WHERE block IN
         (SELECT id FROM action_block WHERE tenant = ?1 AND last_seq >= ?2)",
    )?
    .execute(params![tenant, from])?;
    tx.prepare_cached("DELETE FROM action_block WHERE tenant = ?1 AND last_seq >= ?2")?
        .execute(params![tenant, from])?;
    Ok(())
}

/// Brings the blocks of these rows, which rise, after what can change of them.
fn change(tx: &Transaction<'_>, tenant: &str, rows: &[i64]) -> Result<()> {
    let mut rows = rows;
    while let Some(first) = rows.first() {
        let block = one(
            tx,
            "SELECT id, first_seq, last_seq, rows FROM action_block
             WHERE tenant = ?1 AND last_seq >= ?2 ORDER BY last_seq LIMIT 1",
            params![tenant, first],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, i64>(3)?)),
        )?;
        let Some((block, begin, end, count)): Option<(i64, i64, i64, i64)> = block else {
            return Ok(());
        };
        let count = usize::try_from(count).unwrap_or(0);
        let (mine, others) = rows.split_at(rows.partition_point(|seq| *seq <= end));
        rows = others;
        let seqs = match Column::sealed(tx, Field::Seq, block, count)? {
            Column::Numbers(seqs) if mine.len() <= ONE_BY_ONE_MAX => seqs,
            _ => Vec::new(),
        };
        let read =
            |after, before, limit| Column::read_all(tx, &Field::LATE, tenant, after, before, limit);
        let columns = if seqs.is_empty() {
            read(begin - 1, end + 1, count)?
        } else {
            let mut columns = Field::LATE
                .iter()
                .map(|field| Column::sealed(tx, *field, block, count))
                .collect::<Result<Vec<_>>>()?;
            for seq in mine {
                let Ok(row) = seqs.binary_search(&Some(*seq)) else {
                    continue;
                };
                let one = read(seq - 1, seq + 1, 1)?;
                for (column, one) in columns.iter_mut().zip(&one) {
                    column.replace(row, one)?;
                }
            }
            columns
        };
        for (field, column) in Field::LATE.into_iter().zip(&columns) {
            put(tx, block, field, column)?;
        }
    }
    Ok(())
}
