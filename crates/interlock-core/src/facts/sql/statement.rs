//! Statements: what each kind does to rows, structure and rights.

use super::lexer::{Kind, Kw};
use super::parser::{CONDITION_ROWS, Parsed, Parser, TABLES_MAX, UNBOUNDED_ROWS, Unparsed};
use crate::facts::set_insert;

impl Parser<'_> {
    /// All statements of the text.
    pub(super) fn script(&mut self) -> Parsed<()> {
        loop {
            while self.eat_kind(Kind::Semi) {}
            if self.peek().kind == Kind::End {
                return Ok(());
            }
            self.statement()?;
            if self.out.tables.len() > TABLES_MAX || self.aliases.len() > TABLES_MAX {
                return Err(Unparsed);
            }
            self.completed += u32::from(self.peek().kind == Kind::Semi);
            // T-SQL needs no semicolon between statements.
            if !matches!(self.peek().kind, Kind::Semi | Kind::End)
                && !begins_statement(self.peek().kw)
            {
                return Err(Unparsed);
            }
        }
    }

    /// One statement.
    fn statement(&mut self) -> Parsed<()> {
        self.enter()?;
        self.aliases.clear();
        self.out.statements += 1;
        let active = self.active;
        self.active += 1;
        let token = self.peek();
        match token.kw {
            Kw::Select | Kw::Values | Kw::Table => self.top_query()?,
            Kw::With => {
                let ctes = self.ctes.len();
                self.with()?;
                if matches!(
                    self.peek().kw,
                    Kw::Insert | Kw::Update | Kw::Delete | Kw::Merge | Kw::Replace
                ) {
                    self.dml()?;
                } else {
                    self.top_query()?;
                }
                self.ctes.truncate(ctes);
            }
            _ if token.kind == Kind::LParen => self.top_query()?,
            Kw::Insert | Kw::Update | Kw::Delete | Kw::Merge | Kw::Replace => self.dml()?,
            Kw::Truncate => self.truncate()?,
            Kw::Drop => self.drop_statement()?,
            Kw::Create => self.create()?,
            Kw::Alter => self.alter()?,
            Kw::Rename | Kw::Comment => {
                self.changes("alter");
                self.out.ddl = true;
                self.at += 1;
                if self.eat(Kw::Table) && self.peek().kind != Kind::End {
                    let name = self.name()?;
                    self.note_written(name);
                }
                self.rest()?;
            }
            Kw::Grant | Kw::Revoke | Kw::Deny | Kw::Reassign => {
                let kind = if token.kw == Kw::Revoke {
                    "revoke"
                } else {
                    "grant"
                };
                self.changes(kind);
                self.out.rights = true;
                self.at += 1;
                self.rights_target()?;
            }
            Kw::Call | Kw::Exec | Kw::Execute => self.call()?,
            Kw::Do => self.do_block()?,
            Kw::Prepare => self.prepare()?,
            Kw::Copy => self.copy()?,
            Kw::Load => self.load_data()?,
            Kw::Set | Kw::Reset | Kw::Use | Kw::Declare | Kw::Discard => {
                self.active = active;
                self.set()?;
            }
            Kw::Begin => self.begin(active)?,
            Kw::Start
            | Kw::Commit
            | Kw::Rollback
            | Kw::Savepoint
            | Kw::Release
            | Kw::Abort
            | Kw::End => {
                self.active = active;
                self.kind("transaction");
                self.at += 1;
                self.rest()?;
            }
            Kw::If | Kw::While => {
                self.active = active;
                self.out.statements -= 1;
                self.at += 1;
                self.expr()?;
                self.statement()?;
                let semi = self.peek().kind == Kind::Semi;
                if self.peek_at(usize::from(semi)).kw == Kw::Else {
                    self.at += 1 + usize::from(semi);
                    self.statement()?;
                }
            }
            Kw::Waitfor => {
                self.kind("other");
                set_insert(&mut self.out.functions, "waitfor");
                self.at += 1;
                self.rest()?;
            }
            Kw::Shutdown | Kw::Kill | Kw::Restore | Kw::Backup | Kw::Reconfigure => {
                self.changes("other");
                self.at += 1;
                self.rest()?;
            }
            Kw::Explain | Kw::Describe | Kw::Desc => self.explain()?,
            Kw::Analyze | Kw::Analyse if self.peek_at(1).kw == Kw::Select => {
                // MariaDB: runs the statement.
                self.at += 1;
                self.out.statements -= 1;
                self.statement()?;
            }
            Kw::Pragma => {
                self.at += 1;
                self.name()?;
                let sets = self.peek().kind == Kind::Eq;
                self.kind(if sets { "set" } else { "other" });
                self.rest()?;
            }
            Kw::Vacuum => {
                self.kind("other");
                let start = self.at;
                self.rest()?;
                let tokens = self.tokens.get(start..self.at).unwrap_or_default();
                self.out.writes |= tokens.iter().any(|t| t.kw == Kw::Into);
            }
            Kw::Attach => {
                self.changes("other");
                set_insert(&mut self.out.functions, "attach");
                self.rest()?;
            }
            Kw::Refresh | Kw::Cluster | Kw::Lock => {
                self.changes("other");
                self.rest()?;
            }
            Kw::Handler => {
                self.kind("other");
                self.out.reads = true;
                self.at += 1;
                let name = self.name()?;
                self.note_table(name);
                self.rest()?;
            }
            Kw::Show
            | Kw::Analyze
            | Kw::Analyse
            | Kw::Detach
            | Kw::Deallocate
            | Kw::Reindex
            | Kw::Optimize
            | Kw::Listen
            | Kw::Notify
            | Kw::Unlisten
            | Kw::Checkpoint
            | Kw::Flush
            | Kw::Unlock
            | Kw::Print
            | Kw::Raiserror
            | Kw::Throw
            | Kw::Go
            | Kw::Fetch
            | Kw::Close
            | Kw::Open
            | Kw::Move
            | Kw::Return
            | Kw::Goto => {
                self.out.reads |= token.kw == Kw::Show;
                self.kind("other");
                self.at += 1;
                self.rest()?;
            }
            _ => return Err(Unparsed),
        }
        self.depth -= 1;
        Ok(())
    }

    pub(super) fn changes(&mut self, kind: &str) {
        self.kind(kind);
        self.out.writes = true;
    }

    fn top_query(&mut self) -> Parsed<()> {
        self.kind("select");
        self.out.reads = true;
        let rows = self.query()?;
        if !rows.bounded {
            self.out.unbounded_read = true;
        }
        self.note_rows(rows.limit, rows.estimate);
        Ok(())
    }

    pub(super) fn note_rows(&mut self, limit: i64, estimate: i64) {
        self.limits.push(limit);
        self.estimate = self.estimate.saturating_add(estimate);
    }

    /// CALL p(…), EXEC p …, EXEC('text'), EXECUTE IMMEDIATE 'text'.
    pub(super) fn call(&mut self) -> Parsed<()> {
        self.changes("call");
        self.at += 1;
        if matches!(self.peek().kind, Kind::LParen | Kind::Str) || self.eat(Kw::Immediate) {
            self.runs_text();
        } else {
            if self.peek().kind == Kind::Param && self.peek_at(1).kind == Kind::Eq {
                self.at += 2;
            }
            let name = self.name()?;
            let plain = self.plain(name);
            let (start, end) = self.span(name);
            self.note_function(start, end);
            let last = plain.rsplit('.').next().unwrap_or_default();
            if matches!(
                last,
                "sp_executesql" | "sp_execute" | "sp_prepexec" | "sp_oacreate"
            ) || matches!(self.peek().kw, Kw::Into)
            {
                self.runs_text();
            }
            if last.starts_with("sp_add") || last.starts_with("sp_grant") || last == "sp_configure"
            {
                self.out.rights = true;
            }
        }
        let rows = if self.out.dynamic {
            UNBOUNDED_ROWS
        } else {
            CONDITION_ROWS
        };
        self.note_rows(-1, rows);
        self.rest()
    }

    /// Text is run as SQL: what it does is not seen here, so it may do anything.
    fn runs_text(&mut self) {
        self.out.dynamic = true;
        self.out.writes = true;
        self.out.deletes = true;
        self.out.unbounded = true;
    }

    fn do_block(&mut self) -> Parsed<()> {
        self.at += 1;
        let anonymous = self.peek().kind == Kind::Str
            || self.peek().kw == Kw::None && self.peek_at(2).kind == Kind::Str;
        if anonymous {
            self.changes("call");
            self.runs_text();
            self.note_rows(-1, UNBOUNDED_ROWS);
            return self.rest();
        }
        // MySQL: DO expression.
        self.kind("other");
        self.expr_list()
    }

    /// PREPARE n AS statement, PREPARE n FROM 'text'.
    fn prepare(&mut self) -> Parsed<()> {
        self.at += 1;
        if self.peek().kw == Kw::Transaction {
            self.kind("transaction");
            return self.rest();
        }
        self.name()?;
        if self.peek().kind == Kind::LParen {
            self.skip_group()?;
        }
        if self.eat(Kw::As) {
            self.out.statements -= 1;
            self.active -= 1;
            return self.statement();
        }
        self.expect(Kw::From)?;
        self.changes("call");
        self.runs_text();
        self.note_rows(-1, UNBOUNDED_ROWS);
        self.rest()
    }

    /// SET, RESET, USE, DECLARE.
    fn set(&mut self) -> Parsed<()> {
        self.kind("set");
        self.at += 1;
        while matches!(self.peek().kw, Kw::Session | Kw::Local | Kw::Global)
            && self.peek_at(1).kind == Kind::Word
        {
            self.at += 1;
        }
        if matches!(self.peek().kw, Kw::Role | Kw::Authorization | Kw::Password) {
            self.out.rights = true;
            self.out.writes = true;
            self.active += 1;
        }
        if self.peek().kw == Kw::Transaction {
            self.kind("transaction");
        }
        self.rest()
    }

    fn begin(&mut self, active: i64) -> Parsed<()> {
        self.at += 1;
        self.active = active;
        if matches!(self.peek().kw, Kw::Tran | Kw::Transaction | Kw::Work)
            || matches!(self.peek().kind, Kind::Semi | Kind::End)
            || self.peek().kw == Kw::None && self.peek().kind == Kind::Word
        {
            self.kind("transaction");
            return self.rest();
        }
        // A T-SQL block: its statements count, it does not.
        self.out.statements -= 1;
        while !self.eat(Kw::End) {
            if self.eat_kind(Kind::Semi) {
                continue;
            }
            self.statement()?;
        }
        Ok(())
    }

    /// EXPLAIN shows a plan; EXPLAIN ANALYZE runs the statement.
    fn explain(&mut self) -> Parsed<()> {
        self.at += 1;
        let mut runs = false;
        loop {
            match self.peek().kw {
                Kw::Analyze | Kw::Analyse => runs = true,
                Kw::Verbose => {}
                _ if self.peek().kind == Kind::LParen
                    && !matches!(self.peek_at(1).kw, Kw::Select | Kw::With)
                    && self.peek_at(1).kind == Kind::Word =>
                {
                    while !matches!(self.peek().kind, Kind::RParen | Kind::End) {
                        if matches!(self.peek().kw, Kw::Analyze | Kw::Analyse) {
                            runs = true;
                        }
                        self.at += 1;
                    }
                }
                _ => break,
            }
            self.at += 1;
        }
        // SQLite: QUERY PLAN; MySQL: FORMAT = JSON.
        if self.text_of(self.peek()).eq_ignore_ascii_case("query") {
            self.at += 2;
        }
        if self.peek_at(1).kind == Kind::Eq {
            self.at += 3;
        }
        if !begins_statement(self.peek().kw) && self.peek().kw != Kw::Values {
            // DESCRIBE t
            self.kind("other");
            self.out.reads = true;
            let name = self.name()?;
            self.note_table(name);
            return self.rest();
        }
        if runs {
            self.out.statements -= 1;
            self.active -= 1;
            return self.statement();
        }
        let before = self.out.clone();
        let (estimate, limits, active) = (self.estimate, self.limits.len(), self.active);
        self.statement()?;
        let tables = std::mem::replace(self.out, before).tables;
        for table in &tables {
            set_insert(&mut self.out.tables, table);
        }
        self.kind("other");
        self.out.reads = true;
        self.estimate = estimate;
        self.limits.truncate(limits);
        self.active = active;
        Ok(())
    }

    /// What remains of a statement whose details are no fact, to its end; parentheses must balance
    /// and no destructive statement may hide in it.
    pub(super) fn rest(&mut self) -> Parsed<()> {
        let mut depth = 0usize;
        loop {
            let token = self.peek();
            match token.kind {
                Kind::End | Kind::Semi if depth == 0 => return Ok(()),
                Kind::End | Kind::Semi => return Err(Unparsed),
                Kind::LParen if self.opens_query() => {
                    self.at += 1;
                    self.subquery()?;
                    self.close()?;
                    continue;
                }
                Kind::LParen => depth += 1,
                Kind::RParen => depth = depth.checked_sub(1).ok_or(Unparsed)?,
                Kind::Word if depth == 0 && self.hides_statement() => return Ok(()),
                _ => {}
            }
            self.at += 1;
        }
    }

    /// A statement begins here although no semicolon ended the one before (T-SQL).
    fn hides_statement(&self) -> bool {
        let next = self.peek_at(1);
        match self.peek().kw {
            Kw::Delete => next.kw == Kw::From,
            Kw::Insert => next.kw == Kw::Into,
            Kw::Drop | Kw::Create | Kw::Alter => matches!(
                next.kw,
                Kw::Table | Kw::Database | Kw::User | Kw::Role | Kw::Login
            ),
            Kw::Truncate => next.kw == Kw::Table,
            Kw::Update => self.peek_at(2).kw == Kw::Set,
            Kw::Exec | Kw::Execute => {
                next.kind == Kind::LParen
                    || next.kw == Kw::None
                        && next.kind == Kind::Word
                        && self.text_of(next).get(..3).is_some_and(|p| {
                            p.eq_ignore_ascii_case("xp_")
                                || p.eq_ignore_ascii_case("sp_")
                                || p.eq_ignore_ascii_case("mas")
                        })
            }
            Kw::Waitfor => {
                matches!(next.kw, Kw::Time) || self.text_of(next).eq_ignore_ascii_case("delay")
            }
            Kw::Select => {
                self.at > 0
                    && next.kind != Kind::Comma
                    && next.kw != Kw::On
                    && !matches!(
                        self.tokens.get(self.at.saturating_sub(1)).map(|t| t.kw),
                        Some(Kw::Grant | Kw::Revoke | Kw::Deny | Kw::For)
                    )
                    && matches!(next.kind, Kind::Star | Kind::Num | Kind::Param | Kind::Str)
            }
            _ => false,
        }
    }
}

fn begins_statement(kw: Kw) -> bool {
    matches!(
        kw,
        Kw::Select
            | Kw::Insert
            | Kw::Update
            | Kw::Delete
            | Kw::Drop
            | Kw::Create
            | Kw::Alter
            | Kw::Truncate
            | Kw::Exec
            | Kw::Execute
            | Kw::Declare
            | Kw::Set
            | Kw::Waitfor
            | Kw::If
            | Kw::While
            | Kw::Begin
            | Kw::Commit
            | Kw::Rollback
            | Kw::Print
            | Kw::Go
            | Kw::Shutdown
            | Kw::Kill
            | Kw::Use
            | Kw::Merge
            | Kw::With
            | Kw::Grant
            | Kw::Revoke
            | Kw::Deny
            | Kw::Return
            | Kw::Raiserror
            | Kw::Replace
    )
}
