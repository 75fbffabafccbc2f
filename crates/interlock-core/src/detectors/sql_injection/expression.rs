//! What an expression of SQL is made of, read from tokens that may be cut off at either end.
//!
//! A recursive descent over the precedence that the databases share: logic, comparison, arithmetic,
//! sign. It tells an expression from a sentence, and a condition over columns from one whose result
//! is known before any row is read.

use super::names::{
    CONSTANTS, DELAYS, FUNCTIONS, INFO, PROBES, SYSTEM, SYSTEM_BYTES_MIN, TYPED, TYPES,
};
use super::tokens::{Kind, Token};

/// Parentheses within each other that are followed.
const DEPTH_MAX: u8 = 24;
/// Tokens of one expression that are read.
pub(super) const TOKENS_MAX: usize = 192;
/// Signs before one operand that are read.
const SIGNS_MAX: usize = 32;

/// What an expression is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// Names that are no function and no constant.
    pub(super) columns: u16,
    pub(super) literals: u16,
    /// Calls of functions that SQL has.
    pub(super) functions: u16,
    /// Calls of other functions.
    pub(super) calls: u16,
    /// Variables (`@x`, `@@version`) and values of the session (`current_user`).
    pub(super) session: u16,
    pub(super) operators: u16,
    pub(super) compares: u16,
    pub(super) logic: u16,
    /// A SELECT stands in it.
    pub(super) select: bool,
    /// A function that waits, or reaches files, commands, the network or the catalogue.
    pub(super) reach: bool,
    /// A function that waits.
    pub(super) waits: bool,
    /// A comparison of a comparison, as in `a = b = c`.
    pub(super) chained: bool,
    /// An operand of OR or AND whose result no row changes.
    pub(super) telling: bool,
    /// It ends in an operator without an operand.
    pub(super) dangling: bool,
    /// It asks what the database is or takes text apart.
    pub(super) info: bool,
    /// A comparison of a column that holds for every row.
    pub(super) always: bool,
    /// A CASE stands in it.
    pub(super) case: bool,
    /// Comparisons within calls and subqueries.
    pub(super) inner: u16,
    /// Arithmetic on a string.
    pub(super) odd: bool,
}

impl Shape {
    /// No row changes the result.
    pub(super) const fn constant(&self) -> bool {
        self.columns == 0 && self.calls == 0 && !self.select
    }

    /// One literal, nothing else.
    pub(super) const fn bare(&self) -> bool {
        self.constant()
            && self.literals == 1
            && self.functions == 0
            && self.session == 0
            && self.operators == 0
            && self.compares == 0
            && self.logic == 0
    }

    fn join(&mut self, other: &Self) {
        self.columns = self.columns.saturating_add(other.columns);
        self.literals = self.literals.saturating_add(other.literals);
        self.functions = self.functions.saturating_add(other.functions);
        self.calls = self.calls.saturating_add(other.calls);
        self.session = self.session.saturating_add(other.session);
        self.operators = self.operators.saturating_add(other.operators);
        self.compares = self.compares.saturating_add(other.compares);
        self.logic = self.logic.saturating_add(other.logic);
        self.select |= other.select;
        self.reach |= other.reach;
        self.waits |= other.waits;
        self.chained |= other.chained;
        self.telling |= other.telling;
        self.dangling |= other.dangling;
        self.info |= other.info;
        self.always |= other.always;
        self.odd |= other.odd;
        self.case |= other.case;
        self.inner = self.inner.saturating_add(other.inner);
    }

    /// As an operand of OR or AND: whether a field of an application would not hold it.
    const fn tells(&self) -> bool {
        self.telling
            || self.select
            || self.reach
            || self.always
            || (self.constant() && (self.compares > 0 || self.functions > 0 || self.session > 0))
    }
}

/// Whether `tokens` hold an expression that a [`Reader`] does not read to its end: one of more than
/// [`TOKENS_MAX`] tokens without a comma or a clause, deeper than [`DEPTH_MAX`], or with more than
/// [`SIGNS_MAX`] signs before an operand. Two operands side by side are prose or another expression.
pub(super) fn unread(tokens: &[Token<'_>]) -> bool {
    let (mut length, mut depth, mut signs) = (0usize, 0u8, 0usize);
    let (mut operand, mut operators) = (false, 0usize);
    for token in tokens {
        let is_operand = matches!(
            token.kind,
            Kind::Name | Kind::Number | Kind::String | Kind::Variable
        );
        match token.kind {
            Kind::Comment => continue,
            Kind::Comma
            | Kind::Semicolon
            | Kind::Clause
            | Kind::Verb
            | Kind::Select
            | Kind::SetWord
            | Kind::Cut
            | Kind::Other => (length, operators) = (0, 0),
            _ if is_operand && operand => (length, operators) = (1, 0),
            _ => length += 1,
        }
        match token.kind {
            Kind::Open => depth = depth.saturating_add(1),
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        let compares = matches!(token.kind, Kind::Compare | Kind::Logic);
        operators += usize::from(compares);
        signs = if token.kind == Kind::Operator && matches!(token.text, "+" | "-" | "~" | "!") {
            signs + 1
        } else {
            0
        };
        operand = is_operand;
        if (length > TOKENS_MAX && operators > 0) || depth > DEPTH_MAX || signs > SIGNS_MAX {
            return true;
        }
    }
    false
}

/// Reads expressions from tokens without comments.
#[derive(Debug)]
pub(super) struct Reader<'t, 'a> {
    tokens: &'t [Token<'a>],
    pub(super) at: usize,
}

impl<'t, 'a> Reader<'t, 'a> {
    /// Reads `tokens` from `at` on.
    pub(super) fn new(tokens: &'t [Token<'a>], at: usize) -> Self {
        let end = tokens.len().min(at.saturating_add(TOKENS_MAX));
        Self {
            tokens: tokens.get(..end).unwrap_or_default(),
            at,
        }
    }

    pub(super) fn peek(&self, ahead: usize) -> Option<&'t Token<'a>> {
        self.tokens.get(self.at + ahead)
    }

    pub(super) fn kind(&self, ahead: usize) -> Option<Kind> {
        self.peek(ahead).map(|t| t.kind)
    }

    pub(super) fn is(&self, ahead: usize, word: &str) -> bool {
        self.peek(ahead).is_some_and(|t| t.is(word))
    }

    fn is_any(&self, ahead: usize, words: &[&str]) -> bool {
        words.iter().any(|w| self.is(ahead, w))
    }

    /// The expression that begins here; `None` when none does.
    pub(super) fn expression(&mut self) -> Option<Shape> {
        let first = self.and_terms(0)?;
        self.or_rest(first, 0)
    }

    /// The operand of OR or AND that begins here.
    pub(super) fn term(&mut self) -> Option<Shape> {
        self.and_terms(0)
    }

    /// What goes on behind an operand that was already read: operators with operands.
    pub(super) fn rest(&mut self, left: Shape) -> Option<Shape> {
        let left = self.arithmetic(left, 0)?;
        let left = self.comparison(left, 0)?;
        self.or_rest(left, 0)
    }

    fn or_rest(&mut self, mut left: Shape, depth: u8) -> Option<Shape> {
        while self.kind(0) == Some(Kind::Logic) {
            self.at += 1;
            left.logic = left.logic.saturating_add(1);
            let Some(right) = self.and_terms(depth) else {
                left.dangling = true;
                return Some(left);
            };
            left.telling |= right.tells();
            left.join(&right);
        }
        Some(left)
    }

    fn and_terms(&mut self, depth: u8) -> Option<Shape> {
        let first = self.operand(depth)?;
        let left = self.arithmetic(first, depth)?;
        self.comparison(left, depth)
    }

    fn comparison(&mut self, mut left: Shape, depth: u8) -> Option<Shape> {
        loop {
            let negated = self.is(0, "not") && self.kind(1) == Some(Kind::Compare);
            let Some(token) = self.peek(usize::from(negated)) else {
                return Some(left);
            };
            if token.kind != Kind::Compare {
                return Some(left);
            }
            let between = token.is("between");
            let pattern = !negated && token.is("like");
            let equal = pattern || matches!(token.text, "=" | "==" | ">=" | "<=") || token.is("is");
            let name = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
            self.at += 1 + usize::from(negated);
            // `sounds like`, `is not`, `= any`.
            while self.kind(0) == Some(Kind::Compare)
                || ["distinct", "any", "all", "some", "escape"]
                    .iter()
                    .any(|w| self.is(0, w))
            {
                self.at += 1;
            }
            let before = self.at;
            let (value, after) = (self.peek(0), self.kind(1));
            let alone = !matches!(after, Some(Kind::Open | Kind::Dot | Kind::Operator));
            left.always |= name.zip(value).is_some_and(|(name, value)| {
                let same = equal && name.kind == Kind::Name && name.is(value.text);
                let all = pattern
                    && value.kind == Kind::String
                    && value.content().bytes().all(|b| b == b'%');
                alone && (same || all)
            });
            let right = self
                .operand(depth)
                .and_then(|right| self.arithmetic(right, depth));
            left.chained |= left.compares > 0;
            left.compares = left.compares.saturating_add(1);
            let Some(right) = right else {
                left.dangling = true;
                return (self.at == before).then_some(left);
            };
            left.join(&right);
            if between && self.is(0, "and") {
                self.at += 1;
                let upper = self
                    .operand(depth)
                    .and_then(|right| self.arithmetic(right, depth))?;
                left.join(&upper);
            }
        }
    }

    fn arithmetic(&mut self, mut left: Shape, depth: u8) -> Option<Shape> {
        while self.kind(0) == Some(Kind::Operator) && !self.is(0, "not") && !self.is(0, "!") {
            let sides = [self.at.wrapping_sub(1), self.at + 1];
            left.odd |= self.is_any(0, &["|", "&", "^", "*", "/", "mod", "div"])
                && sides.iter().any(|at| {
                    self.tokens
                        .get(*at)
                        .is_some_and(|t| t.kind == Kind::String && t.text.starts_with('\''))
                });
            self.at += 1;
            left.operators = left.operators.saturating_add(1);
            let before = self.at;
            match self.operand(depth) {
                Some(right) => left.join(&right),
                None if self.at == before => {
                    left.dangling = true;
                    return Some(left);
                }
                None => return None,
            }
        }
        Some(left)
    }

    fn operand(&mut self, depth: u8) -> Option<Shape> {
        let mut signs = 0;
        while self.kind(0) == Some(Kind::Operator)
            && self.peek(0).is_some_and(|t| {
                matches!(t.text, "+" | "-" | "~" | "!") || t.is("not") || t.is("binary")
            })
        {
            self.at += 1;
            signs += 1;
            if signs > SIGNS_MAX {
                return None;
            }
        }
        let mut shape = self.primary(depth)?;
        if signs > 1 {
            shape.operators = shape.operators.saturating_add(1);
        }
        Some(shape)
    }

    fn primary(&mut self, depth: u8) -> Option<Shape> {
        let token = self.peek(0)?;
        let mut shape = Shape::default();
        match token.kind {
            Kind::Number | Kind::String => {
                shape.literals = 1;
                self.at += 1;
            }
            Kind::Variable => {
                shape.take(token, false);
                self.at += 1;
            }
            Kind::Open => {
                if depth >= DEPTH_MAX {
                    return None;
                }
                if matches!(self.kind(1), Some(Kind::Select)) || self.is(1, "with") {
                    self.skim(&mut shape);
                    shape.select = true;
                    return Some(shape);
                }
                self.at += 1;
                shape = self.and_terms(depth + 1)?;
                shape = self.or_rest(shape, depth + 1)?;
                while self.kind(0) == Some(Kind::Comma) {
                    self.at += 1;
                    let next = self.and_terms(depth + 1)?;
                    let next = self.or_rest(next, depth + 1)?;
                    shape.join(&next);
                }
                match self.kind(0) {
                    Some(Kind::Close) => self.at += 1,
                    // The rest of the query closes it.
                    None | Some(Kind::Cut) => {}
                    Some(_) => return None,
                }
            }
            Kind::Select if token.is("select") => {
                shape.select = true;
                self.at += 1;
                self.run(&mut shape);
            }
            Kind::Clause if token.is("case") => {
                shape.case = true;
                while let Some(token) = self.peek(0) {
                    self.at += 1;
                    if token.is("end") {
                        break;
                    }
                    shape.take(token, self.kind(0) == Some(Kind::Open));
                }
                shape.functions = shape.functions.saturating_add(1);
            }
            Kind::Name => self.name(token, &mut shape),
            Kind::Verb if self.kind(1) == Some(Kind::Open) => self.name(token, &mut shape),
            _ => return None,
        }
        Some(shape)
    }

    fn name(&mut self, token: &Token<'a>, shape: &mut Shape) {
        let mut last = token;
        self.at += 1;
        while self.kind(0) == Some(Kind::Dot) {
            let Some(part) = self.peek(1).filter(|t| t.kind == Kind::Name) else {
                break;
            };
            shape.reach |= last.text.len() >= SYSTEM_BYTES_MIN && SYSTEM.iter().any(|w| last.is(w));
            last = part;
            self.at += 2;
        }
        if self.kind(0) == Some(Kind::Open) {
            shape.take(last, true);
            self.skim(shape);
        } else if TYPED.iter().any(|w| last.is(w)) && self.kind(0) == Some(Kind::String) {
            shape.literals = 1;
            self.at += 1;
        } else {
            shape.take(last, false);
        }
    }

    /// Takes everything from an opening parenthesis to its end.
    fn skim(&mut self, shape: &mut Shape) {
        let mut open = 0u32;
        while let Some(token) = self.peek(0) {
            match token.kind {
                Kind::Open => open += 1,
                Kind::Close => open = open.saturating_sub(1),
                Kind::Cut => return,
                _ => {
                    let called = self.kind(1) == Some(Kind::Open);
                    shape.take(token, called);
                }
            }
            self.at += 1;
            if open == 0 {
                return;
            }
        }
    }

    /// Takes everything up to a comment, a semicolon or an unmatched closing parenthesis.
    fn run(&mut self, shape: &mut Shape) {
        while let Some(token) = self.peek(0) {
            match token.kind {
                Kind::Open => {
                    self.skim(shape);
                    continue;
                }
                Kind::Close | Kind::Cut | Kind::Semicolon => return,
                _ => shape.take(token, self.kind(1) == Some(Kind::Open)),
            }
            self.at += 1;
        }
    }
}

impl Shape {
    /// Counts one token.
    pub(super) fn take(&mut self, token: &Token<'_>, called: bool) {
        let listed = |names: &[&str]| names.iter().any(|n| token.is(n));
        match token.kind {
            Kind::Number | Kind::String => self.literals = self.literals.saturating_add(1),
            Kind::Variable => {
                self.session = self.session.saturating_add(1);
                self.info |= token.text.starts_with("@@");
            }
            Kind::Select | Kind::SetWord => self.select = true,
            Kind::Operator => self.operators = self.operators.saturating_add(1),
            Kind::Compare => self.inner = self.inner.saturating_add(1),
            Kind::Clause => self.case |= token.is("case"),
            Kind::Name | Kind::Verb if called => {
                self.waits |= listed(&DELAYS);
                self.reach |= listed(&DELAYS) || listed(&SYSTEM);
                self.info |= listed(&INFO);
                if listed(&PROBES) || listed(&FUNCTIONS) || listed(&DELAYS) || listed(&SYSTEM) {
                    self.functions = self.functions.saturating_add(1);
                } else {
                    self.calls = self.calls.saturating_add(1);
                }
            }
            Kind::Name => {
                if token.text.len() >= SYSTEM_BYTES_MIN && listed(&SYSTEM) {
                    self.reach = true;
                } else if listed(&TYPES) {
                } else if listed(&CONSTANTS) {
                    let plain = listed(&["true", "false", "unknown"]);
                    if plain {
                        self.literals = self.literals.saturating_add(1);
                    } else {
                        self.session = self.session.saturating_add(1);
                    }
                } else {
                    self.columns = self.columns.saturating_add(1);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokens;
    use super::*;

    fn shape(text: &str) -> Option<Shape> {
        let tokens = tokens(text, None);
        let mut reader = Reader::new(&tokens, 0);
        let shape = reader.expression()?;
        (reader.at == tokens.len()).then_some(shape)
    }

    #[test]
    fn conditions_that_no_row_changes_are_told_from_others() {
        for text in [
            "a = 1 or 2 = 2",
            "1 and (1+2+3) = 6",
            "1 and not 'a' like 'b'",
            "x or x = x",
            "x or x like '%'",
            "1 and sleep(5)",
            "1 and (select 1 from t)",
            "1 and ascii('a') between 1 and 300",
            "1) or (1=1",
        ] {
            let found = match text.split_once(") or (") {
                Some((left, right)) => shape(&format!("{left} or ({right}")),
                None => shape(text),
            };
            assert!(found.is_some_and(|s| s.telling), "{text}");
        }
        for text in [
            "price > 100 and rating >= 4",
            "a = 'x' or b = 'y'",
            "a between 1 and 5 or b in (1, 2)",
            "f(x) or g(y)",
            "1 or 2",
        ] {
            assert!(shape(text).is_some_and(|s| !s.telling), "{text}");
        }
    }

    #[test]
    fn a_sentence_is_no_expression() {
        for text in ["this or that", "rock and roll"] {
            assert!(shape(text).is_some_and(|s| !s.telling && s.compares == 0));
        }
        for text in [
            "the union selected its leader",
            "5 or 6 people",
            "",
            ")",
            "or",
        ] {
            assert_eq!(shape(text), None, "{text}");
        }
    }

    #[test]
    fn nesting_and_length_are_bounded() {
        for text in [
            "(".repeat(100_000),
            "not ".repeat(100_000),
            "1 or ".repeat(100_000),
        ] {
            let tokens = tokens(&text, None);
            let mut reader = Reader::new(&tokens, 0);
            let _ = reader.expression();
            assert!(reader.at <= TOKENS_MAX);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_tokens_are_read_to_an_end(text in "[a1'()=<,;. +-]{0,64}|(or|and|not|select|case|end|union|like|between|sleep|x|1|'a'|\\(|\\)|=|,| ){0,40}") {
            let tokens = tokens(&text, None);
            for at in 0..tokens.len() {
                let mut reader = Reader::new(&tokens, at);
                let _ = reader.expression();
                proptest::prop_assert!(reader.at <= tokens.len());
            }
        }
    }
}
