//! SQL expressions: read for their structure, and for whether they are provably true.

use super::lexer::{Dialect, Kind, Kw, Token};
use super::parser::{Parsed, Parser, Unparsed};

/// What is known of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    True,
    False,
    Unknown,
}

impl Truth {
    const fn of(b: bool) -> Self {
        if b { Self::True } else { Self::False }
    }

    const fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

/// What an operand is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Int(i64),
    Decimal,
    Str,
    Column,
    Param,
    Null,
    Other,
}

/// What is known of an expression.
#[derive(Debug, Clone, Copy)]
pub(super) struct Val {
    pub(super) truth: Truth,
    what: What,
    start: u32,
    end: u32,
    /// Rows that an equality on a key leaves; `None` when there is no such equality.
    pub(super) rows: Option<i64>,
}

impl Val {
    const OTHER: Self = Self::new(What::Other, 0, 0);

    const fn new(what: What, start: u32, end: u32) -> Self {
        Self {
            truth: Truth::Unknown,
            what,
            start,
            end,
            rows: None,
        }
    }

    const fn condition(truth: Truth) -> Self {
        Self {
            truth,
            ..Self::OTHER
        }
    }

    fn constant(self) -> bool {
        matches!(self.what, What::Int(_) | What::Decimal | What::Str)
    }
}

/// Column names that identify one row in nearly every schema.
const KEYS: &[&str] = &["id", "uuid", "guid", "pk", "rowid", "oid", "ctid", "_id"];

/// Aggregates that answer with one number, whatever the number of rows; those that collect the
/// rows themselves (`group_concat`, `array_agg`, `json_agg`) are not among them.
const AGGREGATES: &[&str] = &[
    "avg",
    "bit_and",
    "bit_or",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "count_big",
    "every",
    "max",
    "min",
    "percentile_cont",
    "percentile_disc",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "stdev",
    "sum",
    "total",
    "var_pop",
    "var_samp",
    "variance",
];

impl Parser<'_> {
    /// A whole expression; `OR` binds weakest.
    pub(super) fn expr(&mut self) -> Parsed<Val> {
        self.enter()?;
        let mut left = self.and_expr()?;
        loop {
            let token = self.peek();
            let or =
                token.kw == Kw::Or || token.kind == Kind::Concat && self.dialect == Dialect::MySql;
            if !or && token.kw != Kw::Xor {
                break;
            }
            self.at += 1;
            let right = self.and_expr()?;
            let truth = match (left.truth, right.truth) {
                _ if !or => Truth::Unknown,
                (Truth::True, _) | (_, Truth::True) => {
                    self.out.tautology = true;
                    Truth::True
                }
                (Truth::False, Truth::False) => Truth::False,
                _ => Truth::Unknown,
            };
            let rows = match (left.rows, right.rows) {
                (Some(a), Some(b)) if or => Some(a.saturating_add(b)),
                _ => None,
            };
            left = Val {
                rows,
                ..Val::condition(truth)
            };
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and_expr(&mut self) -> Parsed<Val> {
        let mut left = self.not_expr()?;
        while self.eat(Kw::And) {
            let right = self.not_expr()?;
            let truth = match (left.truth, right.truth) {
                (Truth::False, _) | (_, Truth::False) => Truth::False,
                (Truth::True, Truth::True) => Truth::True,
                _ => Truth::Unknown,
            };
            let rows = match (left.rows, right.rows) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            left = Val {
                rows,
                ..Val::condition(truth)
            };
        }
        Ok(left)
    }

    fn not_expr(&mut self) -> Parsed<Val> {
        let mut negated = false;
        let mut any = false;
        while self.peek().kw == Kw::Not {
            self.at += 1;
            negated = !negated;
            any = true;
        }
        let value = self.predicate()?;
        if !any {
            return Ok(value);
        }
        let truth = if negated {
            value.truth.not()
        } else {
            value.truth
        };
        Ok(Val::condition(truth))
    }

    fn predicate(&mut self) -> Parsed<Val> {
        let mut left = self.operand()?;
        loop {
            let token = self.peek();
            left = match token.kind {
                Kind::Eq | Kind::Ne | Kind::Lt | Kind::Gt | Kind::Le | Kind::Ge => {
                    self.at += 1;
                    if matches!(self.peek().kw, Kw::Any | Kw::All | Kw::Some)
                        && self.peek_at(1).kind == Kind::LParen
                    {
                        self.at += 1;
                        self.operand()?;
                        Val::OTHER
                    } else {
                        let right = self.operand()?;
                        self.compare(token.kind, left, right)
                    }
                }
                _ => match token.kw {
                    Kw::Is => {
                        self.at += 1;
                        self.is_test(left)?
                    }
                    Kw::Isnull | Kw::Notnull => {
                        self.at += 1;
                        Val::OTHER
                    }
                    Kw::Not => {
                        self.at += 1;
                        if self.eat(Kw::Null) {
                            Val::OTHER
                        } else {
                            let value = self.word_predicate(left)?.ok_or(Unparsed)?;
                            Val::condition(value.truth.not())
                        }
                    }
                    _ => match self.word_predicate(left)? {
                        Some(value) => value,
                        None => return Ok(left),
                    },
                },
            };
        }
    }

    /// What follows `IS`.
    fn is_test(&mut self, left: Val) -> Parsed<Val> {
        let negated = self.eat(Kw::Not);
        let truth = match self.peek().kw {
            Kw::Null => {
                self.at += 1;
                match left.what {
                    What::Null => Truth::True,
                    What::Int(_) | What::Decimal | What::Str => Truth::False,
                    _ => Truth::Unknown,
                }
            }
            Kw::True => {
                self.at += 1;
                left.truth
            }
            Kw::False => {
                self.at += 1;
                left.truth.not()
            }
            Kw::Unknown => {
                self.at += 1;
                Truth::Unknown
            }
            Kw::Distinct => {
                self.at += 1;
                self.expect(Kw::From)?;
                let right = self.operand()?;
                self.compare(Kind::Ne, left, right).truth
            }
            // SQLite: `a IS b`.
            _ => {
                let right = self.operand()?;
                self.compare(Kind::Eq, left, right).truth
            }
        };
        Ok(Val::condition(if negated { truth.not() } else { truth }))
    }

    /// `IN`, `BETWEEN`, `LIKE` and their kin; `None` when the next token is none of them.
    fn word_predicate(&mut self, left: Val) -> Parsed<Option<Val>> {
        let kw = self.peek().kw;
        match kw {
            Kw::In => {
                self.at += 1;
                self.in_list(left).map(Some)
            }
            Kw::Between => {
                self.at += 1;
                if matches!(self.peek().kw, Kw::Symmetric | Kw::Asymmetric) {
                    self.at += 1;
                }
                let low = self.operand()?;
                self.expect(Kw::And)?;
                let high = self.operand()?;
                let above = self.compare(Kind::Ge, left, low).truth;
                let below = self.compare(Kind::Le, left, high).truth;
                let truth = match (above, below) {
                    (Truth::True, Truth::True) => Truth::True,
                    (Truth::False, _) | (_, Truth::False) => Truth::False,
                    _ => Truth::Unknown,
                };
                Ok(Some(Val::condition(truth)))
            }
            Kw::Like | Kw::Ilike | Kw::Rlike | Kw::Regexp | Kw::Glob | Kw::Match => {
                self.at += 1;
                if matches!(self.peek().kw, Kw::Any | Kw::All | Kw::Some | Kw::Binary) {
                    self.at += 1;
                }
                let right = self.operand()?;
                if self.eat(Kw::Escape) {
                    self.operand()?;
                }
                let all = match kw {
                    Kw::Like | Kw::Ilike => b"%",
                    Kw::Glob => b"*",
                    _ => b"\0",
                };
                let inner = self.string_inner(right);
                let truth = if inner
                    .is_some_and(|s| !s.is_empty() && s.as_bytes().iter().all(|b| all.contains(b)))
                {
                    Truth::True
                } else if left.what == What::Str && matches!(kw, Kw::Like | Kw::Ilike) {
                    // Only equal texts without wildcards are decided here.
                    match inner {
                        Some(s) if !s.contains(['%', '_', '\\']) => {
                            self.compare(Kind::Eq, left, right).truth
                        }
                        _ => Truth::Unknown,
                    }
                } else {
                    Truth::Unknown
                };
                Ok(Some(Val::condition(truth)))
            }
            Kw::Similar | Kw::Sounds | Kw::Member => {
                self.at += 2;
                let _ = self.operand()?;
                Ok(Some(Val::OTHER))
            }
            Kw::Overlaps => {
                self.at += 1;
                self.operand()?;
                Ok(Some(Val::OTHER))
            }
            _ => Ok(None),
        }
    }

    fn in_list(&mut self, left: Val) -> Parsed<Val> {
        if self.peek().kind != Kind::LParen {
            // A parameter that holds the list, or SQLite's `IN table`.
            self.operand()?;
            return Ok(Val::OTHER);
        }
        self.at += 1;
        if self.starts_query() {
            self.subquery()?;
            self.close()?;
            return Ok(Val::OTHER);
        }
        let mut items = 0i64;
        let mut truth = Truth::False;
        if self.peek().kind != Kind::RParen {
            loop {
                let item = self.expr()?;
                items += 1;
                match self.compare(Kind::Eq, left, item).truth {
                    Truth::True => truth = Truth::True,
                    Truth::Unknown if truth == Truth::False => truth = Truth::Unknown,
                    _ => {}
                }
                if self.set_operator() {
                    self.set_operations()?;
                }
                if !self.eat_kind(Kind::Comma) {
                    break;
                }
            }
        }
        self.close()?;
        let rows = (left.what == What::Column && self.is_key(left)).then_some(items);
        Ok(Val {
            rows,
            ..Val::condition(truth)
        })
    }

    fn compare(&mut self, op: Kind, left: Val, right: Val) -> Val {
        let mut rows = None;
        let order = match (left.what, right.what) {
            (What::Int(a), What::Int(b)) => Some(a.cmp(&b)),
            (What::Int(a), What::Str) => self.string_int(right).map(|b| a.cmp(&b)),
            (What::Str, What::Int(b)) => self.string_int(left).map(|a| a.cmp(&b)),
            // Collations may ignore case, so equality does too: the dangerous reading.
            (What::Str, What::Str) => match (self.string_inner(left), self.string_inner(right)) {
                (Some(a), Some(b)) if a.eq_ignore_ascii_case(b) => Some(std::cmp::Ordering::Equal),
                (Some(a), Some(b)) => Some(a.cmp(b)),
                _ => None,
            },
            (What::Decimal, What::Decimal) if self.slice(left) == self.slice(right) => {
                Some(std::cmp::Ordering::Equal)
            }
            (What::Column, What::Column)
                if self.slice(left).eq_ignore_ascii_case(self.slice(right)) =>
            {
                Some(std::cmp::Ordering::Equal)
            }
            (What::Column, What::Int(_) | What::Str | What::Param) if op == Kind::Eq => {
                rows = self.is_key(left).then_some(1);
                None
            }
            (What::Int(_) | What::Str | What::Param, What::Column) if op == Kind::Eq => {
                rows = self.is_key(right).then_some(1);
                None
            }
            _ => None,
        };
        if left.constant() && right.constant() {
            self.out.constant_condition = true;
        }
        let truth = order.map_or(Truth::Unknown, |order| {
            Truth::of(match op {
                Kind::Eq => order.is_eq(),
                Kind::Ne => order.is_ne(),
                Kind::Lt => order.is_lt(),
                Kind::Gt => order.is_gt(),
                Kind::Le => order.is_le(),
                _ => order.is_ge(),
            })
        });
        Val {
            rows,
            ..Val::condition(truth)
        }
    }

    fn slice(&self, value: Val) -> &str {
        self.text(value.start, value.end)
    }

    /// The text of a plain string literal without its quotes.
    fn string_inner(&self, value: Val) -> Option<&str> {
        if value.what != What::Str {
            return None;
        }
        let text = self.slice(value);
        let text = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        text.strip_prefix(['\'', '"'])?.strip_suffix(['\'', '"'])
    }

    fn string_int(&self, value: Val) -> Option<i64> {
        self.string_inner(value)?.trim().parse().ok()
    }

    fn is_key(&self, column: Val) -> bool {
        let text = self.slice(column);
        let last = text.rsplit('.').next().unwrap_or(text);
        let last = super::parser::unquote(last);
        if KEYS.iter().any(|key| key.eq_ignore_ascii_case(last)) {
            return true;
        }
        // `customer_id` or `customerid` is the key of `customer` and `customers`.
        let table = self.hint();
        let singular = table.strip_suffix(['s', 'S']).unwrap_or(table);
        [table, singular].into_iter().any(|stem| {
            !stem.is_empty()
                && last.split_at_checked(stem.len()).is_some_and(|(a, b)| {
                    a.eq_ignore_ascii_case(stem)
                        && (b.eq_ignore_ascii_case("_id") || b.eq_ignore_ascii_case("id"))
                })
        })
    }

    fn operand(&mut self) -> Parsed<Val> {
        let mut left = self.term()?;
        loop {
            let token = self.peek();
            let fold: fn(i64, i64) -> Option<i64> = match token.kind {
                Kind::Plus => i64::checked_add,
                Kind::Minus => i64::checked_sub,
                Kind::Concat if self.dialect == Dialect::Standard => |_, _| None,
                Kind::Op => |_, _| None,
                _ => return Ok(left),
            };
            self.at += 1;
            let right = self.term()?;
            left = folded(left, right, fold);
        }
    }

    fn term(&mut self) -> Parsed<Val> {
        let mut left = self.primary()?;
        loop {
            let token = self.peek();
            let fold: fn(i64, i64) -> Option<i64> = match (token.kind, token.kw) {
                (Kind::Star, _) => i64::checked_mul,
                (Kind::Slash, _) | (Kind::Word, Kw::Div | Kw::Mod) => |_, _| None,
                _ => return Ok(left),
            };
            self.at += 1;
            let right = self.primary()?;
            left = folded(left, right, fold);
        }
    }

    fn primary(&mut self) -> Parsed<Val> {
        let mut negative = false;
        let mut unary = false;
        loop {
            match self.peek().kind {
                Kind::Minus => {
                    negative = !negative;
                    unary = true;
                }
                Kind::Plus | Kind::Op => unary = true,
                _ => break,
            }
            if self.peek().kind == Kind::Op
                && !matches!(
                    self.text_of(self.peek()),
                    "~" | "!" | "@" | "!!" | "|/" | "||/"
                )
            {
                return Err(Unparsed);
            }
            self.at += 1;
        }
        let mut value = self.atom()?;
        if unary {
            value = match value.what {
                What::Int(n) if negative => int(value, n.checked_neg()),
                What::Int(_) => value,
                _ => Val::OTHER,
            };
        }
        self.postfix(value)
    }

    fn postfix(&mut self, mut value: Val) -> Parsed<Val> {
        loop {
            match self.peek().kind {
                Kind::Cast => {
                    self.at += 1;
                    self.type_name()?;
                    // A cast keeps the value: `'1'::int = 1`.
                }
                Kind::LBracket => {
                    self.at += 1;
                    while self.peek().kind != Kind::RBracket {
                        let token = self.peek();
                        if matches!(token.kind, Kind::Op | Kind::Comma) || token.kind == Kind::Param
                        {
                            self.at += 1;
                        } else {
                            self.expr()?;
                        }
                    }
                    self.at += 1;
                    value = Val::OTHER;
                }
                Kind::Dot => {
                    self.at += 2;
                    value = Val::OTHER;
                }
                _ => match self.peek().kw {
                    Kw::Collate => {
                        self.at += 1;
                        self.name()?;
                    }
                    Kw::At if self.peek_at(1).kw == Kw::Time => {
                        self.at += 3;
                        self.atom()?;
                        value = Val::OTHER;
                    }
                    Kw::At if self.peek_at(1).kw == Kw::Local => self.at += 2,
                    _ => return Ok(value),
                },
            }
        }
    }

    fn atom(&mut self) -> Parsed<Val> {
        self.enter()?;
        let value = self.atom_inner()?;
        self.depth -= 1;
        Ok(value)
    }

    fn atom_inner(&mut self) -> Parsed<Val> {
        let token = self.peek();
        match token.kind {
            Kind::Num => {
                self.at += 1;
                let text = self.text_of(token);
                let what = match text.parse() {
                    Ok(n) => What::Int(n),
                    Err(_) => What::Decimal,
                };
                let mut value = Val::new(what, token.start, token.end);
                value.truth = match what {
                    What::Int(n) => Truth::of(n != 0),
                    _ => Truth::Unknown,
                };
                Ok(value)
            }
            Kind::Str => {
                self.at += 1;
                let mut value = Val::new(What::Str, token.start, token.end);
                while self.peek().kind == Kind::Str {
                    self.at += 1;
                    value.what = What::Other;
                }
                if self.string_int(value).is_some_and(|n| n != 0) {
                    value.truth = Truth::True;
                }
                Ok(value)
            }
            Kind::Param => {
                self.at += 1;
                Ok(Val::new(What::Param, token.start, token.end))
            }
            Kind::LParen => {
                self.at += 1;
                self.parenthesised()
            }
            Kind::LBracket => {
                self.at += 1;
                if self.peek().kind != Kind::RBracket {
                    self.expr_list()?;
                }
                if !self.eat_kind(Kind::RBracket) {
                    return Err(Unparsed);
                }
                Ok(Val::OTHER)
            }
            Kind::Quoted => self.named(),
            Kind::Word => self.word_atom(token),
            _ => Err(Unparsed),
        }
    }

    /// After `(`: a query, a condition, or a row.
    fn parenthesised(&mut self) -> Parsed<Val> {
        if self.starts_query() {
            self.subquery()?;
            self.close()?;
            return Ok(Val::OTHER);
        }
        if self.eat_kind(Kind::RParen) {
            return Ok(Val::OTHER);
        }
        let mut value = self.expr()?;
        while self.eat_kind(Kind::Comma) {
            self.expr()?;
            value = Val::OTHER;
        }
        if self.set_operator() {
            self.set_operations()?;
            value = Val::OTHER;
        }
        self.query_tail()?;
        self.close()?;
        Ok(value)
    }

    fn word_atom(&mut self, token: Token) -> Parsed<Val> {
        let next = self.peek_at(1);
        match token.kw {
            Kw::True | Kw::False => {
                self.at += 1;
                let yes = token.kw == Kw::True;
                let mut value = Val::new(What::Int(i64::from(yes)), token.start, token.end);
                value.truth = Truth::of(yes);
                Ok(value)
            }
            Kw::Null => {
                self.at += 1;
                Ok(Val::new(What::Null, token.start, token.end))
            }
            Kw::Default => {
                self.at += 1;
                if next.kind == Kind::LParen {
                    self.skip_group()?;
                }
                Ok(Val::OTHER)
            }
            Kw::Case => {
                self.at += 1;
                self.case_expr()
            }
            Kw::Not => self.not_expr(),
            Kw::Exists if next.kind == Kind::LParen => {
                self.at += 2;
                let rows = self.subquery()?;
                self.close()?;
                let certain = rows.no_source;
                Ok(Val::condition(if certain {
                    Truth::True
                } else {
                    Truth::Unknown
                }))
            }
            Kw::Distinct | Kw::All | Kw::Any | Kw::Some if next.kind == Kind::LParen => {
                self.at += 1;
                self.atom()
            }
            Kw::Interval
                if !matches!(
                    next.kind,
                    Kind::Comma | Kind::RParen | Kind::End | Kind::Dot
                ) =>
            {
                self.at += 1;
                if !matches!(
                    self.peek().kind,
                    Kind::Str | Kind::Num | Kind::Param | Kind::LParen | Kind::Minus | Kind::Word
                ) {
                    return Ok(Val::new(What::Column, token.start, token.end));
                }
                self.primary()?;
                // The unit, and `TO` another.
                if self.peek().kind == Kind::Word
                    && !self.peek().kw.no_alias()
                    && self.peek().kw != Kw::Zone
                {
                    self.at += 1;
                    if self.eat(Kw::To) {
                        self.at += 1;
                    }
                }
                Ok(Val::OTHER)
            }
            Kw::Date | Kw::Time | Kw::Timestamp | Kw::Datetime if next.kind == Kind::Str => {
                self.at += 2;
                Ok(Val::OTHER)
            }
            Kw::Time | Kw::Timestamp if matches!(next.kw, Kw::With | Kw::Without) => {
                self.type_name()?;
                self.primary()
            }
            Kw::Array if next.kind == Kind::LBracket => {
                self.at += 1;
                self.atom()
            }
            Kw::Binary
                if matches!(next.kind, Kind::Str | Kind::Word | Kind::Quoted)
                    && !next.kw.no_alias() =>
            {
                self.at += 1;
                self.primary()
            }
            Kw::Left | Kw::Right | Kw::Insert | Kw::Values | Kw::Set | Kw::Like
                if next.kind == Kind::LParen =>
            {
                self.named()
            }
            kw if kw.reserved() => Err(Unparsed),
            _ => {
                if next.kind == Kind::Str && self.text_of(token).starts_with('_') {
                    // MySQL's character set introducer.
                    self.at += 1;
                    return self.atom();
                }
                self.named()
            }
        }
    }

    /// A column, or a call of a function.
    fn named(&mut self) -> Parsed<Val> {
        let name = self.name()?;
        if self.peek().kind != Kind::LParen {
            self.columns += 1;
            let (start, end) = self.span(name);
            // A double-quoted text may be a string in MySQL; either way it equals itself.
            return Ok(Val::new(What::Column, start, end));
        }
        self.at += 1;
        let (start, end) = self.span(name);
        let function = self.text(start, end);
        let aggregate = AGGREGATES
            .iter()
            .any(|a| a.len() == function.len() && a.eq_ignore_ascii_case(function));
        self.note_function(start, end);
        let columns = self.columns;
        self.arguments()?;
        if self.peek().kw == Kw::Within {
            self.at += 1;
            self.expect(Kw::Group)?;
            self.skip_group()?;
        }
        if self.peek().kw == Kw::Filter && self.peek_at(1).kind == Kind::LParen {
            self.at += 2;
            self.expect(Kw::Where)?;
            self.expr()?;
            self.close()?;
        }
        if matches!(self.peek().kw, Kw::Ignore | Kw::Respect) {
            self.at += 2;
        }
        if self.eat(Kw::Over) {
            if self.peek().kind == Kind::LParen {
                self.window()?;
            } else {
                self.name()?;
            }
            self.columns += 1;
        } else if aggregate {
            // What an aggregate reads is not shown row by row.
            self.columns = columns;
            self.aggregates += 1;
        }
        Ok(Val::OTHER)
    }

    /// The arguments of a call, after its `(`, to its `)`.
    fn arguments(&mut self) -> Parsed<()> {
        if matches!(self.peek().kw, Kw::Distinct | Kw::All) {
            self.at += 1;
        }
        loop {
            let token = self.peek();
            match (token.kind, token.kw) {
                (Kind::RParen, _) => {
                    self.at += 1;
                    return Ok(());
                }
                (Kind::Star, _) | (Kind::Comma, _) => self.at += 1,
                // `CAST(x AS type)`, `EXTRACT(f FROM x)`, `SUBSTRING(x FROM 1 FOR 2)`.
                (_, Kw::As) => {
                    self.at += 1;
                    self.type_name()?;
                }
                (_, Kw::From | Kw::For | Kw::Using | Kw::Separator | Kw::On) => self.at += 1,
                (_, Kw::Null) if self.peek_at(1).kw == Kw::On => self.at += 2,
                (_, Kw::Order) => {
                    self.at += 1;
                    self.expect(Kw::By)?;
                    self.order_list()?;
                }
                (_, Kw::Ignore | Kw::Respect) => self.at += 2,
                (_, Kw::Limit) => {
                    self.at += 1;
                    self.expr()?;
                }
                _ if self.starts_query() => {
                    self.subquery()?;
                }
                _ => {
                    self.expr()?;
                    // `TRIM(LEADING 'x' FROM y)`, `CONVERT(x, CHAR CHARACTER SET utf8)`.
                    while matches!(self.peek().kind, Kind::Str | Kind::Word | Kind::Quoted)
                        && !self.peek().kw.no_alias()
                    {
                        self.primary()?;
                    }
                    if self.eat_kind(Kind::Op) {
                        // `name => value`
                        self.expr()?;
                    }
                }
            }
        }
    }

    fn case_expr(&mut self) -> Parsed<Val> {
        if self.peek().kw != Kw::When {
            self.expr()?;
        }
        while self.eat(Kw::When) {
            self.expr()?;
            self.expect(Kw::Then)?;
            self.expr()?;
        }
        if self.eat(Kw::Else) {
            self.expr()?;
        }
        self.expect(Kw::End)?;
        Ok(Val::OTHER)
    }

    /// `(PARTITION BY … ORDER BY … frame)`.
    pub(super) fn window(&mut self) -> Parsed<()> {
        self.at += 1;
        if self.eat(Kw::Partition) {
            self.expect(Kw::By)?;
            self.expr_list()?;
        }
        if self.eat(Kw::Order) {
            self.expect(Kw::By)?;
            self.order_list()?;
        }
        // The frame, or a window's name, holds no query.
        while self.peek().kind != Kind::RParen {
            if matches!(self.peek().kind, Kind::End | Kind::Semi | Kind::LParen)
                || self.peek().kw == Kw::Select
            {
                return Err(Unparsed);
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(())
    }

    pub(super) fn expr_list(&mut self) -> Parsed<()> {
        loop {
            self.expr()?;
            if !self.eat_kind(Kind::Comma) {
                return Ok(());
            }
        }
    }

    /// Expressions with `ASC`, `DESC`, `NULLS FIRST`.
    pub(super) fn order_list(&mut self) -> Parsed<()> {
        loop {
            self.expr()?;
            if matches!(self.peek().kw, Kw::Asc | Kw::Desc) {
                self.at += 1;
            }
            if self.peek().kw == Kw::Using {
                self.at += 2;
            }
            if self.eat(Kw::Nulls) {
                self.at += 1;
            }
            if !self.eat_kind(Kind::Comma) {
                return Ok(());
            }
        }
    }

    /// `double precision`, `varchar(10)`, `timestamp with time zone`, `int[]`.
    pub(super) fn type_name(&mut self) -> Parsed<()> {
        let first = self.peek();
        if first.kind == Kind::Str {
            return Err(Unparsed);
        }
        self.name()?;
        if matches!(self.peek().kw, Kw::Precision | Kw::Varying) {
            self.at += 1;
        } else if self.peek().kind == Kind::Word
            && !self.peek().kw.no_alias()
            && self.peek().kw == Kw::None
            && matches!(self.peek_at(1).kind, Kind::RParen)
        {
            // `UNSIGNED INTEGER`, `SIGNED INT`
            self.at += 1;
        }
        if self.peek().kind == Kind::LParen {
            self.skip_group()?;
        }
        if matches!(self.peek().kw, Kw::With | Kw::Without) && self.peek_at(1).kw == Kw::Time {
            self.at += 3;
        }
        while self.peek().kind == Kind::LBracket {
            self.at += 1;
            self.eat_kind(Kind::Num);
            if !self.eat_kind(Kind::RBracket) {
                return Err(Unparsed);
            }
        }
        Ok(())
    }
}

fn int(value: Val, n: Option<i64>) -> Val {
    n.map_or(Val::OTHER, |n| Val {
        what: What::Int(n),
        truth: Truth::of(n != 0),
        ..value
    })
}

fn folded(left: Val, right: Val, fold: fn(i64, i64) -> Option<i64>) -> Val {
    match (left.what, right.what) {
        (What::Int(a), What::Int(b)) => int(left, fold(a, b)),
        _ => Val::OTHER,
    }
}
