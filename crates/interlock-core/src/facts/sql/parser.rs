//! The parser's state and the small steps that its parts share.

use super::SqlFacts;
use super::lexer::{Dialect, Kind, Kw, Token};
use crate::facts::set_insert;

/// How deep parentheses, subqueries and blocks may nest; past it the text counts as not parsed.
const DEPTH_MAX: u32 = 96;

/// Tables of one text, and names that WITH gives; past it the text counts as not parsed.
pub(super) const TABLES_MAX: usize = 256;

/// Rows that a statement without any bound is taken to touch.
pub(super) const UNBOUNDED_ROWS: i64 = 1_000_000;

/// Rows that a condition is taken to leave when nothing better is known.
pub(super) const CONDITION_ROWS: i64 = 1_000;

/// The text is not SQL that we understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unparsed;

/// What a step of the parser returns.
pub(super) type Parsed<T> = Result<T, Unparsed>;

/// A name: tokens `from..to`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    pub(super) from: usize,
    pub(super) to: usize,
}

/// How many rows a query gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    /// Something bounds them: a condition, a limit, an aggregate, or no table at all.
    pub(super) bounded: bool,
    /// The row limit, -1 when there is none.
    pub(super) limit: i64,
    /// How many there may be.
    pub(super) estimate: i64,
    /// There is no table, so that there is exactly one row.
    pub(super) no_source: bool,
}

impl Rows {
    pub(super) const ONE: Self = Self {
        bounded: true,
        limit: -1,
        estimate: 1,
        no_source: false,
    };
    pub(super) const ALL: Self = Self {
        bounded: false,
        limit: -1,
        estimate: UNBOUNDED_ROWS,
        no_source: false,
    };
}

/// Reads the tokens of one text and notes what it does.
#[derive(Debug)]
pub(super) struct Parser<'a> {
    pub(super) sql: &'a str,
    pub(super) tokens: &'a [Token],
    pub(super) at: usize,
    pub(super) depth: u32,
    pub(super) dialect: Dialect,
    pub(super) out: &'a mut SqlFacts,
    /// Names that WITH gives to queries, innermost last.
    pub(super) ctes: Vec<(String, Rows)>,
    /// Aliases of the tables of the statement at hand.
    pub(super) aliases: Vec<(Name, String)>,
    /// Plain columns and aggregates met since the counters were last reset.
    pub(super) columns: u32,
    pub(super) aggregates: u32,
    /// The last part of the name of the table at hand, by which its key is known.
    pub(super) table_hint: (u32, u32),
    /// Statements that do something.
    pub(super) active: i64,
    /// Statements read to the semicolon behind them.
    pub(super) completed: u32,
    /// Rows over all statements, and the limit of each, -1 for none.
    pub(super) estimate: i64,
    pub(super) limits: Vec<i64>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(
        sql: &'a str,
        tokens: &'a [Token],
        dialect: Dialect,
        out: &'a mut SqlFacts,
    ) -> Self {
        Self {
            sql,
            tokens,
            at: 0,
            depth: 0,
            dialect,
            out,
            ctes: Vec::new(),
            aliases: Vec::new(),
            columns: 0,
            aggregates: 0,
            table_hint: (0, 0),
            active: 0,
            completed: 0,
            estimate: 0,
            limits: Vec::new(),
        }
    }

    pub(super) fn peek(&self) -> Token {
        self.tokens.get(self.at).copied().unwrap_or(Token::END)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Token {
        self.tokens
            .get(self.at + ahead)
            .copied()
            .unwrap_or(Token::END)
    }

    /// Takes the next token if it is the word `kw`.
    pub(super) fn eat(&mut self, kw: Kw) -> bool {
        let yes = self.peek().kw == kw;
        self.at += usize::from(yes);
        yes
    }

    pub(super) fn eat_kind(&mut self, kind: Kind) -> bool {
        let yes = self.peek().kind == kind;
        self.at += usize::from(yes);
        yes
    }

    pub(super) fn expect(&mut self, kw: Kw) -> Parsed<()> {
        if self.eat(kw) { Ok(()) } else { Err(Unparsed) }
    }

    pub(super) fn open(&mut self) -> Parsed<()> {
        if self.eat_kind(Kind::LParen) {
            Ok(())
        } else {
            Err(Unparsed)
        }
    }

    pub(super) fn close(&mut self) -> Parsed<()> {
        if self.eat_kind(Kind::RParen) {
            Ok(())
        } else {
            Err(Unparsed)
        }
    }

    /// One level deeper; the caller lowers `depth` again on success.
    pub(super) fn enter(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX || self.ctes.len() > TABLES_MAX {
            Err(Unparsed)
        } else {
            Ok(())
        }
    }

    pub(super) fn text(&self, start: u32, end: u32) -> &'a str {
        self.sql
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    pub(super) fn text_of(&self, token: Token) -> &'a str {
        self.text(token.start, token.end)
    }

    pub(super) fn hint(&self) -> &'a str {
        unquote(self.text(self.table_hint.0, self.table_hint.1))
    }

    /// Reads `a`, `a.b`, `"a".[b]`, `db..t`; parts after a dot may be any word or `*`.
    pub(super) fn name(&mut self) -> Parsed<Name> {
        let from = self.at;
        let first = self.peek();
        let fits = match first.kind {
            Kind::Word => !first.kw.reserved() || self.peek_at(1).kind == Kind::LParen,
            Kind::Quoted | Kind::Param => true,
            _ => false,
        };
        if !fits {
            return Err(Unparsed);
        }
        self.at += 1;
        while self.peek().kind == Kind::Dot {
            match self.peek_at(1).kind {
                Kind::Word | Kind::Quoted | Kind::Star | Kind::Param => self.at += 2,
                Kind::Dot => self.at += 1,
                _ => return Err(Unparsed),
            }
        }
        Ok(Name { from, to: self.at })
    }

    /// The bytes that a name covers.
    pub(super) fn span(&self, name: Name) -> (u32, u32) {
        let start = self.tokens.get(name.from).map_or(0, |t| t.start);
        let end = self
            .tokens
            .get(name.to.saturating_sub(1))
            .map_or(start, |t| t.end);
        (start, end)
    }

    /// A name as facts have it: lower case, unquoted, parts joined by dots.
    pub(super) fn plain(&self, name: Name) -> String {
        let mut plain = String::new();
        for token in self.tokens.get(name.from..name.to).unwrap_or_default() {
            match token.kind {
                Kind::Dot => plain.push('.'),
                Kind::Star => {
                    plain.pop();
                }
                Kind::Quoted => push_lower(&mut plain, unquote(self.text_of(*token))),
                _ => push_lower(&mut plain, self.text_of(*token)),
            }
        }
        plain
    }

    /// Notes a table that is read.
    pub(super) fn note_table(&mut self, name: Name) -> String {
        let plain = self.plain(name);
        if let Some(last) = self.tokens.get(name.to.saturating_sub(1)) {
            self.table_hint = (last.start, last.end);
        }
        if self.out.tables.len() <= TABLES_MAX {
            set_insert(&mut self.out.tables, &plain);
        }
        plain
    }

    /// Notes a table that is written, altered or dropped.
    pub(super) fn note_written(&mut self, name: Name) -> String {
        let plain = self.note_table(name);
        if self.out.tables_written.len() <= TABLES_MAX {
            set_insert(&mut self.out.tables_written, &plain);
        }
        plain
    }

    pub(super) fn kind(&mut self, kind: &str) {
        set_insert(&mut self.out.kinds, kind);
    }

    /// Notes a function that waits, reads files, runs commands or reaches the network.
    pub(super) fn note_function(&mut self, start: u32, end: u32) {
        let name = self.text(start, end);
        let last = unquote(name.rsplit('.').next().unwrap_or(name));
        let found = super::functions::RISKY.iter().find(|risky| {
            let have = if risky.contains('.') { name } else { last };
            risky.len() == have.len() && risky.eq_ignore_ascii_case(have)
        });
        if let Some(risky) = found {
            set_insert(&mut self.out.functions, risky);
        }
    }

    /// Skips `( … )`.
    pub(super) fn skip_group(&mut self) -> Parsed<()> {
        let mut depth = 0usize;
        loop {
            match self.peek().kind {
                Kind::LParen => depth += 1,
                Kind::RParen => {
                    depth = depth.checked_sub(1).ok_or(Unparsed)?;
                    if depth == 0 {
                        self.at += 1;
                        return Ok(());
                    }
                }
                Kind::End | Kind::Semi => return Err(Unparsed),
                _ if depth == 0 => return Err(Unparsed),
                _ => {}
            }
            self.at += 1;
        }
    }

    /// The next token begins a query.
    pub(super) fn starts_query(&self) -> bool {
        self.query_at(0)
    }

    fn query_at(&self, ahead: usize) -> bool {
        match self.peek_at(ahead).kw {
            Kw::Select | Kw::With => true,
            Kw::Values => self.peek_at(ahead + 1).kind == Kind::LParen,
            _ => false,
        }
    }

    /// The next token is a parenthesis around a query, perhaps one of several.
    pub(super) fn opens_query(&self) -> bool {
        let mut ahead = 0;
        while self.peek_at(ahead).kind == Kind::LParen && ahead < 8 {
            ahead += 1;
        }
        ahead > 0 && self.query_at(ahead)
    }
}

fn push_lower(out: &mut String, text: &str) {
    if text.is_ascii() {
        out.extend(text.bytes().map(|b| char::from(b.to_ascii_lowercase())));
    } else {
        out.extend(text.chars().flat_map(char::to_lowercase));
    }
}

/// A name without the quotes around it.
pub(super) fn unquote(name: &str) -> &str {
    name.trim_start_matches(['"', '`', '['])
        .trim_end_matches(['"', '`', ']'])
}
