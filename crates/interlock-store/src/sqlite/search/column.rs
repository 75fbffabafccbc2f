//! One field of many actions: how it is kept, and how it is read from the rows themselves.

use std::collections::HashMap;

use interlock_filter::fold;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use super::super::Result;
use crate::error::StoreError;

/// A field that is kept as a column. The number is what the table names it by, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Field {
    Agent = 1,
    Tool = 2,
    Type = 3,
    Resource = 4,
    Rules = 5,
    Findings = 6,
    Asi = 7,
    Session = 8,
    Run = 9,
    Environment = 10,
    Reason = 11,
    Source = 12,
    Effect = 13,
    Outcome = 14,
    Approval = 15,
    Seq = 20,
    At = 21,
    Risk = 22,
    Step = 23,
    Cost = 24,
    Latency = 25,
    Bits = 26,
}

/// What [`Field::Bits`] says, bit by bit.
pub(super) mod bits {
    pub(in super::super) const FLAGGED: i64 = 1;
    pub(in super::super) const ROLLED_BACK: i64 = 2;
    pub(in super::super) const ERASED: i64 = 4;
    pub(in super::super) const DEGRADED: i64 = 8;
    pub(in super::super) const REPORTED: i64 = 16;
}

impl Field {
    pub(super) const ALL: [Self; 22] = [
        Self::Agent,
        Self::Tool,
        Self::Type,
        Self::Resource,
        Self::Rules,
        Self::Findings,
        Self::Asi,
        Self::Session,
        Self::Run,
        Self::Environment,
        Self::Reason,
        Self::Source,
        Self::Effect,
        Self::Outcome,
        Self::Approval,
        Self::Seq,
        Self::At,
        Self::Risk,
        Self::Step,
        Self::Cost,
        Self::Latency,
        Self::Bits,
    ];

    /// What changes after an action was decided.
    pub(super) const LATE: [Self; 4] = [Self::Outcome, Self::Cost, Self::Latency, Self::Bits];

    /// What it is in a row.
    const fn expression(self) -> &'static str {
        match self {
            Self::Agent => "agent_id",
            Self::Tool => "tool",
            Self::Type => "action_type",
            Self::Resource => "resource",
            Self::Rules => "rules",
            Self::Findings => "findings",
            Self::Asi => "asi",
            Self::Session => "session_id",
            Self::Run => "run_id",
            Self::Environment => "environment",
            Self::Reason => "reason",
            Self::Source => "source",
            Self::Effect => "effect",
            Self::Outcome => "coalesce(outcome_status, '')",
            Self::Approval => "approval",
            Self::Seq => "seq",
            Self::At => "at",
            Self::Risk => "risk",
            Self::Step => "step",
            Self::Cost => "cost_nano_usd",
            Self::Latency => "latency_ms",
            Self::Bits => {
                "flagged + 2 * (rollback_at IS NOT NULL) + 4 * erased + 8 * degraded
                 + 16 * (claimed IS NOT NULL)"
            }
        }
    }

    const fn is_text(self) -> bool {
        (self as u8) < Self::Seq as u8
    }
}

/// One field of the rows of a block, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    /// Folded texts: each is kept once.
    Text(Texts),
    /// Numbers; some rows may lack theirs.
    Numbers(Vec<Option<i64>>),
}

/// Texts of which many are the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Texts {
    /// All of them, one after the other.
    text: String,
    /// Where each ends.
    ends: Vec<usize>,
    /// Which one each row has.
    codes: Vec<u16>,
}

impl Texts {
    /// The texts, each once.
    pub(super) fn distinct(&self) -> impl Iterator<Item = &str> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins
            .zip(&self.ends)
            .map(|(begin, end)| self.text.get(begin..*end).unwrap_or_default())
    }

    /// Marks those that hold a text and of which `like` is true. The places where the text stands
    /// are looked for in all of them at once.
    pub(super) fn mark(&self, needle: &str, like: impl Fn(&str) -> bool, hits: &mut [bool]) {
        if needle.is_empty() {
            for (hit, text) in hits.iter_mut().zip(self.distinct()) {
                *hit = *hit || like(text);
            }
            return;
        }
        let finder = memchr::memmem::Finder::new(needle);
        let (mut from, mut place) = (0, 0);
        while let Some(found) = self
            .text
            .as_bytes()
            .get(from..)
            .and_then(|t| finder.find(t))
        {
            let at = from + found;
            while self.ends.get(place).is_some_and(|end| *end <= at) {
                place += 1;
            }
            let Some(end) = self.ends.get(place).copied() else {
                return;
            };
            let begin = place.checked_sub(1).map_or(0, |before| self.ends[before]);
            if at + needle.len() > end {
                // It stands across two texts.
                from = at + 1;
                continue;
            }
            hits[place] = hits[place] || like(self.text.get(begin..end).unwrap_or_default());
            from = end;
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Which one each row has.
    pub(super) fn codes(&self) -> &[u16] {
        &self.codes
    }
}

/// A column while its rows are read.
enum Reading {
    /// With the code of each text as it stands in rows.
    Text(Texts, HashMap<String, u16>),
    Numbers(Vec<Option<i64>>),
}

impl Reading {
    fn of(field: Field) -> Self {
        if field.is_text() {
            Self::Text(Texts::default(), HashMap::new())
        } else {
            Self::Numbers(Vec::new())
        }
    }

    fn push(&mut self, value: ValueRef<'_>) -> Result<()> {
        match self {
            Self::Numbers(numbers) => numbers.push(
                value
                    .as_i64_or_null()
                    .map_err(|_| StoreError::damaged("action", "a number is none"))?,
            ),
            Self::Text(texts, known) => {
                let text = value
                    .as_str()
                    .map_err(|_| StoreError::damaged("action", "a text is none"))?;
                let code = match known.get(text) {
                    Some(code) => *code,
                    None => {
                        let code = u16::try_from(texts.ends.len()).map_err(|_| damaged())?;
                        texts.text.push_str(&fold(text));
                        texts.ends.push(texts.text.len());
                        known.insert(text.to_owned(), code);
                        code
                    }
                };
                texts.codes.push(code);
            }
        }
        Ok(())
    }

    fn done(self) -> Column {
        match self {
            Self::Text(texts, _) => Column::Text(texts),
            Self::Numbers(numbers) => Column::Numbers(numbers),
        }
    }
}

fn damaged() -> StoreError {
    StoreError::damaged("action_column", "a column does not have the form of one")
}

/// Takes so many bytes off the front.
fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(count).ok_or_else(damaged)?;
    *bytes = rest;
    Ok(head)
}

fn take_u32(bytes: &mut &[u8]) -> Result<usize> {
    let four = take(bytes, 4)?.try_into().map_err(|_| damaged())?;
    Ok(u32::from_le_bytes(four) as usize)
}

fn put_u32(out: &mut Vec<u8>, n: usize) -> Result<()> {
    let n = u32::try_from(n).map_err(|_| damaged())?;
    out.extend_from_slice(&n.to_le_bytes());
    Ok(())
}

impl Column {
    /// As it is kept.
    ///
    /// Texts: how many, the length of each, all of them, then a code for each row of one or two
    /// bytes. Numbers: how many bytes each has, the least, then for each row what it is more than
    /// that; all ones stands for none.
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        match self {
            Self::Text(texts) => {
                put_u32(&mut out, texts.ends.len())?;
                let mut begin = 0;
                for end in &texts.ends {
                    put_u32(&mut out, end - begin)?;
                    begin = *end;
                }
                out.extend_from_slice(texts.text.as_bytes());
                let short = texts.ends.len() <= 256;
                for code in &texts.codes {
                    let bytes = code.to_le_bytes();
                    out.extend_from_slice(if short { &bytes[..1] } else { &bytes });
                }
            }
            Self::Numbers(numbers) => {
                let known = || numbers.iter().flatten().copied();
                let least = known().min().unwrap_or(0);
                let range = known().max().unwrap_or(0).abs_diff(least);
                let width = match range {
                    0..0xFF => 1,
                    0xFF..0xFFFF => 2,
                    0xFFFF..0xFFFF_FFFF => 4,
                    _ => 8,
                };
                out.push(width);
                out.extend_from_slice(&least.to_le_bytes());
                for number in numbers {
                    let more = number.map_or(u64::MAX, |n| n.abs_diff(least));
                    out.extend_from_slice(&more.to_le_bytes()[..usize::from(width)]);
                }
            }
        }
        Ok(out)
    }

    /// Reads what [`Self::encode`] wrote, for so many rows.
    pub(super) fn decode(field: Field, mut bytes: &[u8], rows: usize) -> Result<Self> {
        let bytes = &mut bytes;
        if field.is_text() {
            let count = take_u32(bytes)?;
            let mut lengths = take(bytes, count.checked_mul(4).ok_or_else(damaged)?)?;
            let mut ends = Vec::with_capacity(count);
            let mut end = 0_usize;
            while !lengths.is_empty() {
                end = end.saturating_add(take_u32(&mut lengths)?);
                ends.push(end);
            }
            let text = std::str::from_utf8(take(bytes, end)?).map_err(|_| damaged())?;
            let width = if count <= 256 { 1 } else { 2 };
            let codes: Vec<u16> = take(bytes, rows * width)?
                .chunks_exact(width)
                .map(|code| match code {
                    [low, high] => u16::from_le_bytes([*low, *high]),
                    _ => u16::from(code[0]),
                })
                .collect();
            if codes.iter().any(|code| usize::from(*code) >= count) {
                return Err(damaged());
            }
            return Ok(Self::Text(Texts {
                text: text.to_owned(),
                ends,
                codes,
            }));
        }
        let width = usize::from(take(bytes, 1)?[0]);
        let least = i64::from_le_bytes(take(bytes, 8)?.try_into().map_err(|_| damaged())?);
        if !matches!(width, 1 | 2 | 4 | 8) {
            return Err(damaged());
        }
        let none = u64::MAX >> (64 - 8 * width);
        let numbers = take(bytes, rows * width)?.chunks_exact(width).map(|more| {
            let mut eight = [0; 8];
            eight[..width].copy_from_slice(more);
            let more = u64::from_le_bytes(eight);
            (more != none).then(|| least.wrapping_add_unsigned(more))
        });
        Ok(Self::Numbers(numbers.collect()))
    }

    /// Reads fields from the rows themselves, all in one pass: those of a tenant after one sequence
    /// number and before another, oldest first, at most so many.
    pub(super) fn read_all(
        connection: &Connection,
        fields: &[Field],
        tenant: &str,
        after: i64,
        before: i64,
        limit: usize,
    ) -> Result<Vec<Self>> {
        let expressions: Vec<&str> = fields.iter().map(|field| field.expression()).collect();
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {} FROM action WHERE tenant = ?1 AND seq > ?2 AND seq < ?3
             ORDER BY seq LIMIT ?4",
            expressions.join(", ")
        ))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![tenant, after, before, limit])?;
        let mut columns: Vec<Reading> = fields.iter().map(|field| Reading::of(*field)).collect();
        while let Some(row) = rows.next()? {
            for (place, column) in columns.iter_mut().enumerate() {
                column.push(row.get_ref(place)?)?;
            }
        }
        Ok(columns.into_iter().map(Reading::done).collect())
    }

    /// Gives a row the value of the only row of another column of the same field.
    pub(super) fn replace(&mut self, row: usize, with: &Self) -> Result<()> {
        match (self, with) {
            (Self::Numbers(numbers), Self::Numbers(one)) => {
                *numbers.get_mut(row).ok_or_else(damaged)? = *one.first().ok_or_else(damaged)?;
            }
            (Self::Text(texts), Self::Text(one)) => {
                let text = one.distinct().next().ok_or_else(damaged)?;
                let place = texts.distinct().position(|known| known == text);
                let code = match place {
                    Some(code) => code,
                    None => {
                        texts.text.push_str(text);
                        texts.ends.push(texts.text.len());
                        texts.ends.len() - 1
                    }
                };
                *texts.codes.get_mut(row).ok_or_else(damaged)? =
                    u16::try_from(code).map_err(|_| damaged())?;
            }
            _ => return Err(damaged()),
        }
        Ok(())
    }

    /// Reads a field of a block.
    pub(super) fn sealed(
        connection: &Connection,
        field: Field,
        block: i64,
        rows: usize,
    ) -> Result<Self> {
        let mut statement = connection
            .prepare_cached("SELECT data FROM action_column WHERE block = ?1 AND field = ?2")?;
        let mut found = statement.query(params![block, field as u8])?;
        let row = found.next()?.ok_or_else(damaged)?;
        let bytes = row.get_ref(0)?.as_blob().map_err(|_| damaged())?;
        Self::decode(field, bytes, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(rows: &[String]) -> Column {
        let mut texts = Texts::default();
        for row in rows {
            let at = texts.distinct().position(|t| t == row);
            let code = at.unwrap_or_else(|| {
                texts.text.push_str(row);
                texts.ends.push(texts.text.len());
                texts.ends.len() - 1
            });
            texts.codes.push(u16::try_from(code).unwrap());
        }
        Column::Text(texts)
    }

    proptest! {
        #[test]
        fn texts_are_found(rows in proptest::collection::vec("[ab]{0,4}", 0..40), needle in "[ab]{0,3}") {
            let Column::Text(texts) = texts(&rows) else { unreachable!() };
            let mut hits = vec![false; texts.len()];
            texts.mark(&needle, |text| text.len() != 3, &mut hits);
            let expected: Vec<bool> = texts.distinct().map(|t| t.contains(&needle) && t.len() != 3).collect();
            prop_assert_eq!(hits, expected);
        }

        #[test]
        fn numbers_come_back(numbers in proptest::collection::vec(proptest::option::of(
            prop_oneof![0..=300_i64, -70_000..=70_000_i64, (i64::MIN / 2)..(i64::MAX / 2)]), 0..50)) {
            let rows = numbers.len();
            let column = Column::Numbers(numbers);
            let bytes = column.encode().unwrap();
            prop_assert_eq!(Column::decode(Field::Cost, &bytes, rows).unwrap(), column);
        }

        #[test]
        fn texts_come_back(rows in proptest::collection::vec("[a-c]{0,2}|\\PC{0,4}", 0..400)) {
            let column = texts(&rows);
            let bytes = column.encode().unwrap();
            prop_assert_eq!(Column::decode(Field::Tool, &bytes, rows.len()).unwrap(), column);
        }

        #[test]
        fn bytes_that_are_none_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64), rows in 0..40_usize) {
            for field in [Field::Tool, Field::Cost] {
                if let Ok(Column::Text(texts)) = Column::decode(field, &bytes, rows) {
                    prop_assert_eq!(texts.codes.len(), rows);
                }
            }
        }
    }
}
