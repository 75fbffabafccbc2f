//! Search over actions: most of them lie in blocks of columns, the newest in their rows alone.
//!
//! A search goes back in time, block by block, reads the columns that it asks for and stops when its
//! page is full or its time is over; then the page says how far it looked and where to go on. So no
//! search holds a reader longer than its budget and one block, however rare what it looks for is.
//!
//! **Invariant:** blocks are made of rows and can be thrown away: they say nothing that these do not.

mod column;
mod mask;
mod seal;

use std::collections::HashMap;
use std::time::Instant;

use interlock_filter::Test;
use rusqlite::{Connection, params};

pub(super) use seal::Touched;

use super::actions::read_action;
use super::rows::{one, to_i64, unsigned};
use super::{Result, SqliteStore};
use crate::error::StoreError;
use crate::model::{ActionFilter, ActionRow, Cursor, check_page};
use crate::search::{Approvers, Page, Search, Searched};
use column::Column;
use mask::{Asked, Rows};

/// Rows of a block.
const BLOCK_ROWS: usize = 4_096;
/// Rows that stay out of blocks: outcomes are reported soon, and change a row more cheaply than a
/// block.
const NEWEST_ROWS: usize = 1_024;

/// Rows that are looked at together: a block, or the newest rows.
struct Part {
    /// The block; `None` for the newest rows.
    block: Option<i64>,
    first: i64,
    last: i64,
    rows: usize,
    at: (i64, i64),
}

impl Part {
    /// The newest rows, if there are any.
    fn newest(connection: &Connection, tenant: &str) -> Result<Option<Self>> {
        let sealed = seal::sealed_to(connection, tenant)?;
        let found = one(
            connection,
            "SELECT count(*) AS n, min(seq), max(seq), min(at), max(at) FROM action
             WHERE tenant = ?1 AND seq > ?2",
            params![tenant, sealed],
            |row| {
                let n = unsigned(row, "n")?;
                let number = |i| row.get::<_, Option<i64>>(i);
                Ok((n, (number(1)?, number(2)?), (number(3)?, number(4)?)))
            },
        )?;
        Ok(match found {
            Some((n, (Some(first), Some(last)), (Some(earliest), Some(latest)))) => Some(Self {
                block: None,
                first,
                last,
                rows: usize::try_from(n).unwrap_or(0),
                at: (earliest, latest),
            }),
            _ => None,
        })
    }

    /// The newest block that begins before a row.
    fn before(connection: &Connection, tenant: &str, before: i64) -> Result<Option<Self>> {
        // Blocks follow one another, so that this is the last that ends before the row, or the one
        // in which the row lies.
        one(
            connection,
            "SELECT * FROM action_block WHERE tenant = ?1 AND last_seq <= coalesce(
                 (SELECT min(last_seq) FROM action_block WHERE tenant = ?1 AND last_seq >= ?2),
                 ?2)
             AND first_seq < ?2 ORDER BY last_seq DESC LIMIT 1",
            params![tenant, before],
            |row| {
                Ok(Self {
                    block: Some(row.get("id")?),
                    first: row.get("first_seq")?,
                    last: row.get("last_seq")?,
                    rows: usize::try_from(unsigned(row, "rows")?).unwrap_or(0),
                    at: (row.get("at_min")?, row.get("at_max")?),
                })
            },
        )
    }
}

fn approvers(connection: &Connection, tenant: &str, search: &Search<'_>) -> Result<Approvers> {
    let mut approvers = Approvers::default();
    let asks = |test: &Test| matches!(test, Test::Text(field, _) if field.name == "approver");
    if search.terms.terms.iter().any(|term| asks(&term.test)) {
        let mut statement = connection
            .prepare_cached("SELECT approval_id, approver FROM approval_vote WHERE tenant = ?1")?;
        let mut rows = statement.query([tenant])?;
        while let Some(row) = rows.next()? {
            let (approval, approver): (String, String) = (row.get(0)?, row.get(1)?);
            approvers.add(&approval, &approver)?;
        }
    }
    Ok(approvers)
}

impl SqliteStore {
    pub(super) fn page_of_search(
        &self,
        tenant: &str,
        filter: &ActionFilter,
        search: &Search<'_>,
        limit: usize,
    ) -> Result<Page<ActionRow>> {
        check_page(limit)?;
        let started = Instant::now();
        let reader = self.reader();
        // One state of the file for all that is read.
        let snapshot = reader.unchecked_transaction()?;
        let approvers = approvers(&snapshot, tenant, search)?;
        let asked = Asked::new(&search.terms.terms, filter, &approvers, search.now);
        let fields = asked.fields();
        let mut before = filter
            .before
            .map_or(Ok(i64::MAX), |cursor| to_i64("before", cursor.0))?;
        let mut page = Page::default();
        let mut newest = Part::newest(&snapshot, tenant)?.filter(|part| part.first < before);
        loop {
            let part = match newest.take() {
                Some(part) => part,
                None => match Part::before(&snapshot, tenant, before)? {
                    Some(part) => part,
                    None => return Ok(page),
                },
            };
            // Blocks are read column by column, as a term that fails saves the further ones; rows are
            // read once, as each reading goes through all of them.
            let mut at_once = HashMap::new();
            let mut column = |field| {
                if let Some(block) = part.block {
                    return Column::sealed(&snapshot, field, block, part.rows);
                }
                if at_once.is_empty() {
                    let columns = Column::read_all(
                        &snapshot,
                        &fields,
                        tenant,
                        part.first - 1,
                        part.last + 1,
                        part.rows,
                    )?;
                    at_once.extend(fields.iter().copied().zip(columns));
                }
                at_once.remove(&field).ok_or_else(|| {
                    StoreError::damaged("action", "a column is asked for that was not foreseen")
                })
            };
            let mut rows = Rows::new(part.rows, part.at, &mut column);
            if let Some(mask) = asked.of(&mut rows)? {
                let seqs = rows.seqs()?;
                for row in mask.backwards() {
                    let seq = seqs.get(row).copied().flatten().unwrap_or(i64::MAX);
                    if seq >= before {
                        continue;
                    }
                    let found = one(
                        &snapshot,
                        "SELECT * FROM action WHERE tenant = ?1 AND seq = ?2",
                        params![tenant, seq],
                        read_action,
                    )?;
                    // What the columns say without regard to case, the row says exactly.
                    let Some(found) = found.filter(|row| filter.holds(row)) else {
                        continue;
                    };
                    debug_assert!(
                        search.terms.matches(
                            &Searched(&found, &approvers),
                            &interlock_filter::ACTIONS,
                            search.now
                        ),
                        "a block differs from its rows"
                    );
                    page.rows.push(found);
                    if page.rows.len() == limit {
                        page.next = Some(Cursor(u64::try_from(seq).unwrap_or(0)));
                        return Ok(page);
                    }
                }
            }
            before = part.first;
            if started.elapsed() >= search.budget {
                page.next = Some(Cursor(u64::try_from(before).unwrap_or(0)));
                page.searched_to = Some(part.at.0);
                return Ok(page);
            }
        }
    }
}
