//! Which rows of a block are what the terms of a search say.

use interlock_core::model::UnixNanos;
use interlock_filter::{ACTIONS, Compare, Number, Pattern, Term, Test};

use super::super::Result;
use super::BLOCK_ROWS;
use super::column::{Column, Field, Texts, bits};
use crate::error::StoreError;
use crate::model::ActionFilter;
use crate::search::Approvers;

/// A set of rows of a block, or of the newest rows, of which there may be more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mask {
    words: Vec<u64>,
    rows: usize,
}

impl Mask {
    fn all(rows: usize) -> Self {
        let mut mask = Self::none(rows);
        mask.invert();
        mask
    }

    fn none(rows: usize) -> Self {
        Self {
            words: vec![0; rows.div_ceil(64)],
            rows,
        }
    }

    /// The rows for which this holds.
    fn of(rows: usize, holds: impl IntoIterator<Item = bool>) -> Self {
        let mut mask = Self::none(rows);
        for (row, holds) in holds.into_iter().take(rows).enumerate() {
            mask.words[row / 64] |= u64::from(holds) << (row % 64);
        }
        mask
    }

    fn invert(&mut self) {
        for word in &mut self.words {
            *word = !*word;
        }
        let beyond = self.words.len() * 64 - self.rows;
        if let Some(last) = self.words.last_mut() {
            *last &= u64::MAX >> beyond;
        }
    }

    fn and(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
    }

    fn or(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The rows, the last first.
    pub(super) fn backwards(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().rev().flat_map(|(i, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = 63_usize.checked_sub(left.leading_zeros() as usize)?;
                left &= !(1 << bit);
                Some(i * 64 + bit)
            })
        })
    }
}

/// Rows whose columns can be asked for.
pub(super) struct Rows<'a> {
    /// How many.
    pub(super) count: usize,
    /// When the first and the last of them happened, at the earliest and at the latest.
    pub(super) at: (UnixNanos, UnixNanos),
    /// Reads a column of them.
    pub(super) column: &'a mut dyn FnMut(Field) -> Result<Column>,
}

impl Rows<'_> {
    fn texts(&mut self, field: Field) -> Result<Texts> {
        match (self.column)(field)? {
            Column::Text(texts) => Ok(texts),
            Column::Numbers(_) => Err(StoreError::damaged("action_column", "texts are numbers")),
        }
    }

    pub(super) fn numbers(&mut self, field: Field) -> Result<Vec<Option<i64>>> {
        match (self.column)(field)? {
            Column::Numbers(numbers) => Ok(numbers),
            Column::Text(_) => Err(StoreError::damaged("action_column", "numbers are texts")),
        }
    }

    /// The rows of which a text is so; a column of which none is so is not gone through.
    fn like(&mut self, field: Field, like: impl Fn(&str) -> bool) -> Result<Mask> {
        let texts = self.texts(field)?;
        let hits: Vec<bool> = texts.distinct().map(like).collect();
        if hits.iter().all(|hit| !hit) {
            return Ok(Mask::none(self.count));
        }
        let of = |code: &u16| hits.get(usize::from(*code)).copied().unwrap_or(false);
        Ok(Mask::of(self.count, texts.codes().iter().map(of)))
    }

    fn compared(
        &mut self,
        field: Field,
        scale: fn(i64) -> Number,
        compare: Compare,
        wanted: &[Number],
    ) -> Result<Mask> {
        let numbers = self.numbers(field)?;
        let holds = |n: &Option<i64>| n.is_some_and(|n| compare.holds(scale(n), wanted));
        Ok(Mask::of(self.count, numbers.iter().map(holds)))
    }

    fn bit(&mut self, bit: i64) -> Result<Mask> {
        let numbers = self.numbers(Field::Bits)?;
        let holds = |n: &Option<i64>| n.unwrap_or(0) & bit != 0;
        Ok(Mask::of(self.count, numbers.iter().map(holds)))
    }

    /// The rows from a time on.
    fn since(&mut self, since: UnixNanos) -> Result<Mask> {
        if since <= self.at.0 {
            return Ok(Mask::all(self.count));
        }
        if since > self.at.1 {
            return Ok(Mask::none(self.count));
        }
        let numbers = self.numbers(Field::At)?;
        let holds = |n: &Option<i64>| n.is_some_and(|at| at >= since);
        Ok(Mask::of(self.count, numbers.iter().map(holds)))
    }

    fn until(&mut self, until: UnixNanos) -> Result<Mask> {
        let mut mask = self.since(until)?;
        mask.invert();
        Ok(mask)
    }
}

/// The column of a text field.
fn text_field(name: &str) -> Option<Field> {
    Some(match name {
        "agent" => Field::Agent,
        "tool" => Field::Tool,
        "type" => Field::Type,
        "resource" => Field::Resource,
        "rule" => Field::Rules,
        "detector" => Field::Findings,
        "asi" => Field::Asi,
        "session" => Field::Session,
        "run" => Field::Run,
        "env" => Field::Environment,
        "reason" => Field::Reason,
        "source" => Field::Source,
        _ => return None,
    })
}

/// A search as blocks are asked it: terms that cost little come first.
pub(super) struct Asked<'a> {
    terms: Vec<&'a Term>,
    filter: &'a ActionFilter,
    approvers: &'a Approvers,
    now: UnixNanos,
}

/// How much a term costs, roughly: a time is known of the block, a free text is looked for in all of
/// its texts.
fn cost(term: &Term) -> u8 {
    match &term.test {
        Test::Since(_) | Test::Until(_) => 0,
        Test::Name(..) => 1,
        Test::Number(..) => 2,
        Test::Text(field, _) => match text_field(field.name) {
            Some(Field::Resource | Field::Session | Field::Run | Field::Reason) => 4,
            _ => 3,
        },
        Test::Free(_) => 5,
    }
}

impl<'a> Asked<'a> {
    pub(super) fn new(
        terms: &'a [Term],
        filter: &'a ActionFilter,
        approvers: &'a Approvers,
        now: UnixNanos,
    ) -> Self {
        let mut terms: Vec<&Term> = terms.iter().collect();
        terms.sort_by_key(|term| cost(term));
        Self {
            terms,
            filter,
            approvers,
            now,
        }
    }

    /// The rows that are what is asked; `None` when none is. What the fixed filter says of names is
    /// asked without regard to case, so that the rows have to be asked once more.
    pub(super) fn of(&self, rows: &mut Rows<'_>) -> Result<Option<Mask>> {
        let mut mask = Mask::all(rows.count);
        let narrow = |mask: &mut Mask, other: &Mask| {
            mask.and(other);
            !mask.is_empty()
        };
        if let Some(since) = self.filter.since
            && !narrow(&mut mask, &rows.since(since)?)
        {
            return Ok(None);
        }
        if let Some(until) = self.filter.until
            && !narrow(&mut mask, &rows.until(until)?)
        {
            return Ok(None);
        }
        for (field, wanted) in [
            (Field::Agent, &self.filter.agent_id),
            (Field::Session, &self.filter.session_id),
            (Field::Run, &self.filter.run_id),
            (Field::Type, &self.filter.action_type),
        ] {
            if let Some(wanted) = wanted {
                let wanted = interlock_filter::fold(wanted);
                if !narrow(&mut mask, &rows.like(field, |text| text == wanted)?) {
                    return Ok(None);
                }
            }
        }
        for term in &self.terms {
            let mut holds = self.term(&term.test, rows)?;
            if term.not {
                holds.invert();
            }
            if !narrow(&mut mask, &holds) {
                return Ok(None);
            }
        }
        Ok((!mask.is_empty()).then_some(mask))
    }

    fn term(&self, test: &Test, rows: &mut Rows<'_>) -> Result<Mask> {
        match test {
            Test::Since(moment) => rows.since(moment.nanos(self.now)),
            Test::Until(moment) => rows.until(moment.nanos(self.now)),
            Test::Text(field, patterns) => {
                let like = |text: &str| patterns.iter().any(|p: &Pattern| p.matches_folded(text));
                match text_field(field.name) {
                    Some(column @ (Field::Rules | Field::Findings | Field::Asi)) => {
                        rows.like(column, |texts| texts.split('\n').any(like))
                    }
                    Some(column) => rows.like(column, like),
                    None => rows.like(Field::Approval, |approval| {
                        self.approvers.of(approval).iter().any(|who| like(who))
                    }),
                }
            }
            Test::Name(field, names) => {
                let mut mask = Mask::none(rows.count);
                for name in names {
                    mask.or(&Self::name(field.name, name, rows)?);
                }
                Ok(mask)
            }
            Test::Number(field, compare, wanted) => {
                let (column, scale): (_, fn(i64) -> Number) = match field.name {
                    "risk" => (Field::Risk, Number::whole),
                    "step" => (Field::Step, Number::whole),
                    "latency" => (Field::Latency, Number::whole),
                    _ => (Field::Cost, Number),
                };
                rows.compared(column, scale, *compare, wanted)
            }
            Test::Free(pattern) => {
                let mut mask = Mask::none(rows.count);
                for column in ACTIONS.free.iter().filter_map(|name| text_field(name)) {
                    mask.or(&rows.like(column, |text| pattern.within_folded(text))?);
                }
                Ok(mask)
            }
        }
    }

    fn name(field: &str, name: &str, rows: &mut Rows<'_>) -> Result<Mask> {
        let some = |text: &str| !text.is_empty();
        match (field, name) {
            ("decision", _) => rows.like(Field::Effect, |text| text == name),
            ("outcome", _) => rows.like(Field::Outcome, |text| text == name),
            ("has", "approval") => rows.like(Field::Approval, some),
            ("has", "finding") => rows.like(Field::Findings, some),
            ("has", "rule") => rows.like(Field::Rules, some),
            ("has", _) => rows.like(Field::Outcome, some),
            (_, "flagged") => rows.bit(bits::FLAGGED),
            (_, "rolled_back") => rows.bit(bits::ROLLED_BACK),
            (_, "erased") => rows.bit(bits::ERASED),
            (_, "degraded") => rows.bit(bits::DEGRADED),
            _ => rows.bit(bits::REPORTED),
        }
    }
}

const _: () = assert!(BLOCK_ROWS <= 1 << 16, "codes of texts have two bytes");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_of_a_mask() {
        for rows in [0, 1, 63, 64, 65, 200] {
            let mut mask = Mask::of(rows, (0..rows).map(|row| row % 3 == 0));
            let every = |keep: fn(usize) -> bool| (0..rows).rev().filter(|r| keep(*r)).collect();
            let third: Vec<usize> = every(|row| row % 3 == 0);
            assert_eq!(mask.backwards().collect::<Vec<_>>(), third);
            mask.invert();
            let others: Vec<usize> = every(|row| row % 3 != 0);
            assert_eq!(mask.backwards().collect::<Vec<_>>(), others);
            assert_eq!(Mask::all(rows).backwards().count(), rows);
        }
    }
}
