//! Which rows of a block are what the terms of a search say.

use std::collections::HashMap;
use std::rc::Rc;

use interlock_core::model::UnixNanos;
use interlock_filter::{ACTIONS, Compare, Number, Pattern, Term, Test};

use super::super::Result;
use super::BLOCK_ROWS;
use super::column::{Column, Field, bits};
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
    column: &'a mut dyn FnMut(Field) -> Result<Column>,
    /// Those that were read: terms may ask for the same.
    read: HashMap<Field, Rc<Column>>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(
        count: usize,
        at: (UnixNanos, UnixNanos),
        column: &'a mut dyn FnMut(Field) -> Result<Column>,
    ) -> Self {
        Self {
            count,
            at,
            column,
            read: HashMap::new(),
        }
    }

    fn column(&mut self, field: Field) -> Result<Rc<Column>> {
        if let Some(known) = self.read.get(&field) {
            return Ok(Rc::clone(known));
        }
        let column = Rc::new((self.column)(field)?);
        self.read.insert(field, Rc::clone(&column));
        Ok(column)
    }

    /// What of the numbers of a field is so.
    fn of_numbers(&mut self, field: Field, holds: impl Fn(&Option<i64>) -> bool) -> Result<Mask> {
        let rows = self.count;
        match &*self.column(field)? {
            Column::Numbers(numbers) => Ok(Mask::of(rows, numbers.iter().map(holds))),
            Column::Text(_) => Err(StoreError::damaged("action_column", "numbers are texts")),
        }
    }

    /// The sequence numbers.
    pub(super) fn seqs(&mut self) -> Result<Vec<Option<i64>>> {
        match &*self.column(Field::Seq)? {
            Column::Numbers(numbers) => Ok(numbers.clone()),
            Column::Text(_) => Err(StoreError::damaged("action_column", "numbers are texts")),
        }
    }

    /// The rows of which a text is so.
    fn like(&mut self, field: Field, like: impl Fn(&str) -> bool) -> Result<Mask> {
        self.holding(field, [("", like)])
    }

    /// The rows of which a text holds a needle and is so, for one of these; a column of which none is
    /// so is not gone through.
    fn holding<'t, F: Fn(&str) -> bool>(
        &mut self,
        field: Field,
        wanted: impl IntoIterator<Item = (&'t str, F)>,
    ) -> Result<Mask> {
        let rows = self.count;
        let column = self.column(field)?;
        let Column::Text(texts) = &*column else {
            return Err(StoreError::damaged("action_column", "texts are numbers"));
        };
        let mut hits = vec![false; texts.len()];
        for (needle, like) in wanted {
            texts.mark(needle, like, &mut hits);
        }
        if hits.iter().all(|hit| !hit) {
            return Ok(Mask::none(rows));
        }
        let of = |code: &u16| hits.get(usize::from(*code)).copied().unwrap_or(false);
        Ok(Mask::of(rows, texts.codes().iter().map(of)))
    }

    fn compared(
        &mut self,
        field: Field,
        scale: fn(i64) -> Number,
        compare: Compare,
        wanted: &[Number],
    ) -> Result<Mask> {
        self.of_numbers(field, |n| {
            n.is_some_and(|n| compare.holds(scale(n), wanted))
        })
    }

    fn bit(&mut self, bit: i64) -> Result<Mask> {
        self.of_numbers(Field::Bits, |n| n.unwrap_or(0) & bit != 0)
    }

    /// The rows from a time on.
    fn since(&mut self, since: UnixNanos) -> Result<Mask> {
        if since <= self.at.0 {
            return Ok(Mask::all(self.count));
        }
        if since > self.at.1 {
            return Ok(Mask::none(self.count));
        }
        self.of_numbers(Field::At, |n| n.is_some_and(|at| at >= since))
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

/// The column of numbers, and what its whole numbers stand for.
fn number_field(name: &str) -> (Field, fn(i64) -> Number) {
    match name {
        "risk" => (Field::Risk, Number::whole),
        "step" => (Field::Step, Number::whole),
        "latency" => (Field::Latency, Number::whole),
        _ => (Field::Cost, Number),
    }
}

/// The column that says whether something has a name.
fn name_field(field: &str, name: &str) -> Field {
    match (field, name) {
        ("decision", _) => Field::Effect,
        ("has", "approval") => Field::Approval,
        ("has", "finding") => Field::Findings,
        ("has", "rule") => Field::Rules,
        ("outcome" | "has", _) => Field::Outcome,
        _ => Field::Bits,
    }
}

/// The columns that free texts are looked for in.
fn free_fields() -> impl Iterator<Item = Field> {
    ACTIONS.free.iter().filter_map(|name| text_field(name))
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
                let same = rows.holding(field, [(wanted.as_str(), |text: &str| text == wanted)])?;
                if !narrow(&mut mask, &same) {
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

    fn term(&self, test: &'a Test, rows: &mut Rows<'_>) -> Result<Mask> {
        match test {
            Test::Since(moment) => rows.since(moment.nanos(self.now)),
            Test::Until(moment) => rows.until(moment.nanos(self.now)),
            Test::Text(field, patterns) => {
                let one = |p: &'a Pattern| (p.needle(), |text: &str| p.matches_folded(text));
                // Lists are kept as lines.
                let line = |p: &'a Pattern| {
                    let any = |texts: &str| texts.split('\n').any(|text| p.matches_folded(text));
                    (p.needle(), any)
                };
                match text_field(field.name) {
                    Some(column @ (Field::Rules | Field::Findings | Field::Asi)) => {
                        rows.holding(column, patterns.iter().map(line))
                    }
                    Some(column) => rows.holding(column, patterns.iter().map(one)),
                    None => rows.like(Field::Approval, |approval| {
                        let like = |who: &String| patterns.iter().any(|p| p.matches_folded(who));
                        self.approvers.of(approval).iter().any(like)
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
                let (column, scale) = number_field(field.name);
                rows.compared(column, scale, *compare, wanted)
            }
            Test::Free(pattern) => {
                let mut mask = Mask::none(rows.count);
                for column in free_fields() {
                    let within = |text: &str| pattern.within_folded(text);
                    mask.or(&rows.holding(column, [(pattern.needle(), within)])?);
                }
                Ok(mask)
            }
        }
    }

    fn name(field: &str, name: &str, rows: &mut Rows<'_>) -> Result<Mask> {
        let some = |text: &str| !text.is_empty();
        let column = name_field(field, name);
        match (field, name) {
            ("decision" | "outcome", _) => rows.like(column, |text| text == name),
            ("has", _) => rows.like(column, some),
            (_, "flagged") => rows.bit(bits::FLAGGED),
            (_, "rolled_back") => rows.bit(bits::ROLLED_BACK),
            (_, "erased") => rows.bit(bits::ERASED),
            (_, "degraded") => rows.bit(bits::DEGRADED),
            _ => rows.bit(bits::REPORTED),
        }
    }

    /// The columns that may be asked for, each once.
    pub(super) fn fields(&self) -> Vec<Field> {
        let filter = self.filter;
        let fixed = [
            (Field::Seq, true),
            (Field::At, filter.since.or(filter.until).is_some()),
            (Field::Agent, filter.agent_id.is_some()),
            (Field::Session, filter.session_id.is_some()),
            (Field::Run, filter.run_id.is_some()),
            (Field::Type, filter.action_type.is_some()),
        ];
        let mut asked: Vec<Field> = fixed
            .into_iter()
            .filter_map(|(field, wanted)| wanted.then_some(field))
            .collect();
        for term in &self.terms {
            match &term.test {
                Test::Since(_) | Test::Until(_) => asked.push(Field::At),
                Test::Text(field, _) => {
                    asked.push(text_field(field.name).unwrap_or(Field::Approval));
                }
                Test::Name(field, names) => {
                    asked.extend(names.iter().map(|name| name_field(field.name, name)));
                }
                Test::Number(field, ..) => asked.push(number_field(field.name).0),
                Test::Free(_) => asked.extend(free_fields()),
            }
        }
        Field::ALL
            .into_iter()
            .filter(|field| asked.contains(field))
            .collect()
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
