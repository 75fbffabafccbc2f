//! Statements: what each kind does to rows, structure and rights.

use super::expr::Truth;
use super::lexer::{Kind, Kw};
use super::parser::{CONDITION_ROWS, Name, Parsed, Parser, TABLES_MAX, UNBOUNDED_ROWS, Unparsed};
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
                self.out.writes |= self.rest_has(Kw::Into);
                self.rest()?;
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

    fn changes(&mut self, kind: &str) {
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

    fn note_rows(&mut self, limit: i64, estimate: i64) {
        self.limits.push(limit);
        self.estimate = self.estimate.saturating_add(estimate);
    }

    /// INSERT, UPDATE, DELETE, MERGE, REPLACE, after any WITH.
    pub(super) fn dml(&mut self) -> Parsed<()> {
        self.enter()?;
        self.out.writes = true;
        match self.peek().kw {
            Kw::Insert | Kw::Replace => self.insert()?,
            Kw::Update => self.update()?,
            Kw::Delete => self.delete()?,
            _ => self.merge()?,
        }
        self.depth -= 1;
        Ok(())
    }

    fn modifiers(&mut self) {
        while matches!(
            self.peek().kw,
            Kw::Low | Kw::High | Kw::Delayed | Kw::Quick | Kw::Ignore
        ) {
            self.at += 1;
        }
        // SQLite: OR REPLACE, OR IGNORE…
        if self.peek().kw == Kw::Or {
            self.at += 2;
        }
    }

    fn insert(&mut self) -> Parsed<()> {
        self.kind("insert");
        self.at += 1;
        self.modifiers();
        if !self.eat(Kw::Into) && self.text_of(self.peek()).eq_ignore_ascii_case("overwrite") {
            self.at += 1;
            self.out.deletes = true;
        }
        self.eat(Kw::Table);
        let name = self.name()?;
        self.note_written(name);
        if self.eat(Kw::As)
            || self.peek().kind == Kind::Word
                && !self.peek().kw.no_alias()
                && self.peek().kw != Kw::Overriding
        {
            self.at += 1;
        }
        if self.peek().kind == Kind::LParen && !self.opens_query() {
            self.skip_group()?;
        }
        self.output()?;
        if self.eat(Kw::Overriding) {
            self.at += 2;
        }
        let rows = match self.peek().kw {
            Kw::Values | Kw::Value => {
                self.at += 1;
                let rows = self.value_rows()?;
                if self.eat(Kw::As) {
                    self.name()?;
                    if self.peek().kind == Kind::LParen {
                        self.skip_group()?;
                    }
                }
                rows
            }
            Kw::Default => {
                self.at += 1;
                self.expect(Kw::Values)?;
                1
            }
            Kw::Set => {
                self.at += 1;
                self.assignments()?;
                1
            }
            Kw::Exec | Kw::Execute => {
                self.call()?;
                CONDITION_ROWS
            }
            _ => {
                let rows = self.subquery()?;
                self.out.unbounded_read |= !rows.bounded;
                rows.estimate
            }
        };
        if self.eat(Kw::On) {
            if self.eat(Kw::Duplicate) {
                self.expect(Kw::Key)?;
                self.expect(Kw::Update)?;
                self.assignments()?;
            } else {
                self.conflict()?;
            }
        }
        self.returning()?;
        self.note_rows(-1, rows);
        Ok(())
    }

    fn conflict(&mut self) -> Parsed<()> {
        loop {
            self.expect(Kw::Conflict)?;
            if self.peek().kind == Kind::LParen {
                self.skip_group()?;
                if self.eat(Kw::Where) {
                    self.expr()?;
                }
            } else if self.eat(Kw::On) {
                self.expect(Kw::Constraint)?;
                self.name()?;
            }
            self.expect(Kw::Do)?;
            if !self.eat(Kw::Nothing) {
                self.expect(Kw::Update)?;
                self.expect(Kw::Set)?;
                self.assignments()?;
                if self.eat(Kw::Where) {
                    self.expr()?;
                }
            }
            if !self.eat(Kw::On) {
                return Ok(());
            }
        }
    }

    /// `a = 1, (b, c) = (2, 3)`.
    fn assignments(&mut self) -> Parsed<()> {
        loop {
            if self.peek().kind == Kind::LParen {
                self.skip_group()?;
                if !self.eat_kind(Kind::Eq) {
                    return Err(Unparsed);
                }
                self.expr()?;
            } else {
                self.name()?;
                while self.peek().kind == Kind::LBracket {
                    self.at += 1;
                    self.expr()?;
                    if !self.eat_kind(Kind::RBracket) {
                        return Err(Unparsed);
                    }
                }
                // T-SQL method calls, `col.write(…)`, stay unread.
                if !self.eat_kind(Kind::Eq) {
                    return Err(Unparsed);
                }
                self.expr()?;
            }
            if !self.eat_kind(Kind::Comma) {
                return Ok(());
            }
        }
    }

    fn output(&mut self) -> Parsed<()> {
        if self.eat(Kw::Output) {
            self.select_items()?;
            if self.eat(Kw::Into) {
                let variable = self.peek().kind == Kind::Param;
                let name = self.name()?;
                if !variable {
                    self.note_written(name);
                }
                if self.peek().kind == Kind::LParen {
                    self.skip_group()?;
                }
            }
        }
        Ok(())
    }

    fn returning(&mut self) -> Parsed<()> {
        if self.eat(Kw::Returning) {
            self.out.reads = true;
            self.select_items()?;
            if self.eat(Kw::Into) {
                self.name()?;
            }
        }
        Ok(())
    }

    /// The condition, order, limit and RETURNING of an UPDATE or DELETE.
    fn bounds(&mut self, single: bool) -> Parsed<()> {
        let mut truth = Truth::True;
        let mut key_rows = None;
        if self.eat(Kw::Where) {
            if self.eat(Kw::Current) {
                self.expect(Kw::Of)?;
                self.name()?;
                truth = Truth::Unknown;
                key_rows = Some(1);
            } else {
                let value = self.expr()?;
                truth = value.truth;
                key_rows = value.rows;
                self.out.tautology |= truth == Truth::True;
            }
        }
        if self.eat(Kw::Order) {
            self.expect(Kw::By)?;
            self.order_list()?;
        }
        let mut limit = -1;
        if self.eat(Kw::Limit) {
            limit = self.limit()?.unwrap_or(-1);
        }
        if self.peek().kw == Kw::Option_ {
            self.at += 1;
            self.skip_group()?;
        }
        self.returning()?;
        let unbounded = truth == Truth::True;
        self.out.unbounded |= unbounded;
        let rows = match key_rows {
            Some(rows) if single && !unbounded => rows,
            _ if unbounded => UNBOUNDED_ROWS,
            _ => CONDITION_ROWS,
        };
        let rows = if limit >= 0 { rows.min(limit) } else { rows };
        self.note_rows(limit, rows);
        Ok(())
    }

    fn update(&mut self) -> Parsed<()> {
        self.kind("update");
        self.at += 1;
        self.modifiers();
        if self.peek().kw == Kw::Top {
            self.at += 1;
            self.top()?;
        }
        // PostgreSQL's ONLY is skipped by the list itself.
        let before = self.out.tables.clone();
        let start = self.at;
        self.table_list()?;
        let single = self.out.tables.len() <= before.len() + 1;
        let first = self.first_name(start);
        self.expect(Kw::Set)?;
        self.assignments()?;
        self.output()?;
        let mut joined = false;
        if self.eat(Kw::From) {
            joined = true;
            self.table_list()?;
        }
        if let Some(first) = first {
            self.write_target(first);
        }
        self.bounds(single && !joined)
    }

    /// The first name at or after token `from`, skipping ONLY and parentheses.
    fn first_name(&mut self, from: usize) -> Option<Name> {
        let at = self.at;
        self.at = from;
        while self.peek().kind == Kind::LParen
            || self.peek().kw == Kw::Only && self.peek_at(1).kind == Kind::Word
        {
            self.at += 1;
        }
        let name = self.name().ok();
        self.at = at;
        name
    }

    /// Notes the table that a DML statement writes; an alias stands for its table.
    fn write_target(&mut self, name: Name) {
        let plain = self.plain(name);
        let table = self
            .aliases
            .iter()
            .find(|(alias, _)| self.plain(*alias) == plain)
            .map_or(plain.clone(), |(_, table)| table.clone());
        if table != plain {
            self.out.tables.retain(|t| *t != plain);
        }
        set_insert(&mut self.out.tables, &table);
        set_insert(&mut self.out.tables_written, &table);
    }

    fn delete(&mut self) -> Parsed<()> {
        self.kind("delete");
        self.out.deletes = true;
        self.at += 1;
        self.modifiers();
        if self.peek().kw == Kw::Top {
            self.at += 1;
            self.top()?;
        }
        let from = self.eat(Kw::From);
        if self.peek().kw == Kw::Only {
            self.at += 1;
        }
        let mut targets = Vec::new();
        loop {
            targets.push(self.name()?);
            if !self.eat_kind(Kind::Comma) {
                break;
            }
        }
        if let Some(last) = targets
            .last()
            .and_then(|n| self.tokens.get(n.to.saturating_sub(1)))
        {
            self.table_hint = (last.start, last.end);
        }
        let mut joined = targets.len() > 1;
        if from {
            // DELETE FROM t [AS a]
            let alias_at = self.at;
            let named = self.eat(Kw::As);
            let token = self.peek();
            if matches!(token.kind, Kind::Word | Kind::Quoted) && (named || !token.kw.no_alias()) {
                self.at += 1;
                let alias = Name {
                    from: alias_at + usize::from(named),
                    to: self.at,
                };
                if let Some(first) = targets.first() {
                    let table = self.plain(*first);
                    self.aliases.push((alias, table));
                }
            } else if named {
                return Err(Unparsed);
            }
            if self.peek().kw == Kw::With && self.peek_at(1).kind == Kind::LParen {
                self.at += 1;
                self.skip_group()?;
            }
            if self.peek().kw == Kw::Partition || self.peek().kw == Kw::Indexed {
                self.at += 1;
                if self.peek().kind == Kind::LParen {
                    self.skip_group()?;
                } else {
                    self.at += 1;
                    self.name()?;
                }
            }
        }
        self.output()?;
        if self.eat(Kw::Using) || self.eat(Kw::From) {
            joined = true;
            self.table_list()?;
        }
        for target in targets {
            self.write_target(target);
        }
        self.bounds(!joined)
    }

    fn merge(&mut self) -> Parsed<()> {
        self.kind("merge");
        self.expect(Kw::Merge)?;
        self.eat(Kw::Into);
        let start = self.at;
        self.table_list()?;
        if let Some(first) = self.first_name(start) {
            self.write_target(first);
        }
        self.expect(Kw::Using)?;
        self.table_list()?;
        self.expect(Kw::On)?;
        let truth = self.expr()?.truth;
        if truth == Truth::True {
            self.out.tautology = true;
            self.out.unbounded = true;
        }
        while self.eat(Kw::When) {
            self.eat(Kw::Not);
            self.expect(Kw::Matched)?;
            if self.eat(Kw::By) {
                self.at += 1;
            }
            if self.eat(Kw::And) {
                self.expr()?;
            }
            self.expect(Kw::Then)?;
            match self.peek().kw {
                Kw::Update => {
                    self.at += 1;
                    self.expect(Kw::Set)?;
                    self.assignments()?;
                }
                Kw::Delete => {
                    self.at += 1;
                    self.out.deletes = true;
                }
                Kw::Insert => {
                    self.at += 1;
                    if self.peek().kind == Kind::LParen {
                        self.skip_group()?;
                    }
                    if self.eat(Kw::Default) {
                        self.expect(Kw::Values)?;
                    } else {
                        self.expect(Kw::Values)?;
                        self.value_rows()?;
                    }
                }
                Kw::Do => {
                    self.at += 1;
                    self.expect(Kw::Nothing)?;
                }
                _ => return Err(Unparsed),
            }
        }
        self.output()?;
        self.returning()?;
        let rows = if self.out.unbounded {
            UNBOUNDED_ROWS
        } else {
            CONDITION_ROWS
        };
        self.note_rows(-1, rows);
        Ok(())
    }

    fn truncate(&mut self) -> Parsed<()> {
        self.changes("truncate");
        self.out.deletes = true;
        self.out.unbounded = true;
        self.at += 1;
        self.eat(Kw::Table);
        self.eat(Kw::Only);
        loop {
            let name = self.name()?;
            self.note_written(name);
            self.eat_kind(Kind::Star);
            if !self.eat_kind(Kind::Comma) {
                break;
            }
        }
        self.note_rows(-1, UNBOUNDED_ROWS);
        self.rest()
    }

    fn if_exists(&mut self) {
        if self.peek().kw == Kw::If {
            self.at += 1;
            self.eat(Kw::Not);
            self.eat(Kw::Exists);
        }
    }

    fn drop_statement(&mut self) -> Parsed<()> {
        self.changes("drop");
        self.out.deletes = true;
        self.out.ddl = true;
        self.out.unbounded = true;
        self.at += 1;
        let (object, tables) = self.object()?;
        self.out.rights |= object;
        self.if_exists();
        if tables {
            loop {
                let name = self.name()?;
                self.note_written(name);
                if !self.eat_kind(Kind::Comma) {
                    break;
                }
            }
        }
        self.note_rows(-1, UNBOUNDED_ROWS);
        self.rest()
    }

    /// The kind of object that CREATE, ALTER or DROP is about: whether it holds rights, and whether
    /// it is a table or view.
    fn object(&mut self) -> Parsed<(bool, bool)> {
        while matches!(
            self.peek().kw,
            Kw::Temp
                | Kw::Temporary
                | Kw::Unlogged
                | Kw::Global
                | Kw::Local
                | Kw::Foreign
                | Kw::Materialized
                | Kw::Recursive
        ) || self.text_of(self.peek()).eq_ignore_ascii_case("virtual")
            || self.text_of(self.peek()).eq_ignore_ascii_case("external")
        {
            self.at += 1;
        }
        let kw = self.peek().kw;
        if self.peek().kind != Kind::Word {
            return Err(Unparsed);
        }
        self.at += 1;
        Ok(match kw {
            Kw::Table | Kw::View => (false, true),
            Kw::User | Kw::Role | Kw::Login | Kw::Policy | Kw::Authorization => (true, false),
            Kw::Default if self.peek().kw == Kw::Privileges => (true, false),
            _ => (
                matches!(kw, Kw::Group) && self.peek().kind == Kind::Word,
                false,
            ),
        })
    }

    fn create(&mut self) -> Parsed<()> {
        self.changes("create");
        self.out.ddl = true;
        self.at += 1;
        if self.eat(Kw::Or) {
            self.at += 1;
        }
        let start = self.at;
        let (rights, table) = self.object()?;
        self.out.rights |= rights;
        if table {
            self.if_exists();
            let name = self.name()?;
            self.note_written(name);
            return self.table_body();
        }
        self.at = start;
        self.create_other()
    }

    /// After CREATE TABLE t or CREATE VIEW v: columns, options, and perhaps AS and a query.
    fn table_body(&mut self) -> Parsed<()> {
        let mut depth = 0usize;
        loop {
            let token = self.peek();
            match (token.kind, token.kw) {
                (Kind::End, _) | (Kind::Semi, _) if depth == 0 => break,
                (Kind::End | Kind::Semi, _) => return Err(Unparsed),
                (Kind::LParen, _) if self.opens_query() => {
                    self.at += 1;
                    self.body_query()?;
                    self.close()?;
                    continue;
                }
                (Kind::LParen, _) => depth += 1,
                (Kind::RParen, _) => depth = depth.checked_sub(1).ok_or(Unparsed)?,
                (_, Kw::Select | Kw::With) if depth == 0 && self.starts_body() => {
                    self.body_query()?;
                    if self.peek().kw == Kw::With {
                        // WITH [NO] DATA, WITH CHECK OPTION
                        return self.rest();
                    }
                    break;
                }
                // Another statement without a semicolon before it.
                (_, kw)
                    if depth == 0
                        && destroys(kw)
                        && self.peek_at(1).kind == Kind::Word
                        && !matches!(
                            self.peek_at(1).kw,
                            Kw::Rows | Kw::Cascade | Kw::Set | Kw::On
                        ) =>
                {
                    break;
                }
                _ => {}
            }
            self.at += 1;
        }
        Ok(())
    }

    /// WITH opens a query only when it names one: `WITH x AS (`; else it opens options.
    fn starts_body(&self) -> bool {
        self.peek().kw == Kw::Select
            || self.peek_at(1).kw == Kw::Recursive
            || self.peek_at(2).kw == Kw::As
    }

    fn body_query(&mut self) -> Parsed<()> {
        let rows = self.subquery()?;
        self.out.unbounded_read |= !rows.bounded;
        self.note_rows(-1, rows.estimate);
        Ok(())
    }

    /// CREATE INDEX, FUNCTION, TRIGGER… A body in BEGIN … END belongs to the statement.
    fn create_other(&mut self) -> Parsed<()> {
        let mut body = false;
        let mut on_table = false;
        // The words before the name say what is created.
        for ahead in 0..12 {
            match self.peek_at(ahead).kw {
                Kw::Function | Kw::Procedure | Kw::Proc | Kw::Trigger | Kw::Event => body = true,
                Kw::Index | Kw::Policy => on_table = true,
                _ => {}
            }
            if self.peek_at(ahead).kind != Kind::Word && self.peek_at(ahead).kind != Kind::Eq {
                break;
            }
        }
        if !body {
            while on_table && !matches!(self.peek().kind, Kind::End | Kind::Semi | Kind::LParen) {
                self.at += 1;
                if self.eat(Kw::On) {
                    self.eat(Kw::Only);
                    let name = self.name()?;
                    self.note_written(name);
                    break;
                }
            }
            return self.rest();
        }
        self.out.dynamic = true;
        let mut depth = 0usize;
        loop {
            let token = self.peek();
            match token.kw {
                Kw::Begin | Kw::Case => depth += 1,
                Kw::End => {
                    if matches!(
                        self.peek_at(1).kw,
                        Kw::If | Kw::While | Kw::Loop | Kw::Repeat
                    ) {
                        self.at += 1;
                    } else {
                        depth = depth.saturating_sub(1);
                        if depth == 0 && self.peek_at(1).kind == Kind::Semi {
                            self.at += 1;
                            return Ok(());
                        }
                        self.eat_kind(Kind::End);
                    }
                }
                _ => {}
            }
            match token.kind {
                Kind::End if depth == 0 => return Ok(()),
                Kind::End => return Err(Unparsed),
                Kind::Semi if depth == 0 => return Ok(()),
                _ => self.at += 1,
            }
        }
    }

    fn alter(&mut self) -> Parsed<()> {
        self.changes("alter");
        self.out.ddl = true;
        self.at += 1;
        let (rights, table) = self.object()?;
        self.out.rights |= rights;
        if table {
            self.if_exists();
            self.eat(Kw::Only);
            let name = self.name()?;
            self.note_written(name);
        }
        // DROP COLUMN and the like lose data; OWNER and row security are rights.
        let mut ahead = 0;
        loop {
            let token = self.peek_at(ahead);
            let next = self.peek_at(ahead + 1);
            match token.kw {
                _ if matches!(token.kind, Kind::End | Kind::Semi) => break,
                Kw::Drop
                    if !matches!(
                        next.kw,
                        Kw::Constraint | Kw::Index | Kw::Default | Kw::Key | Kw::Not | Kw::Foreign
                    ) && table =>
                {
                    self.out.deletes = true;
                    self.out.unbounded = true;
                }
                Kw::Truncate => {
                    self.out.deletes = true;
                    self.out.unbounded = true;
                }
                Kw::Owner | Kw::Security | Kw::Authorization | Kw::Password => {
                    self.out.rights = true;
                }
                _ => {}
            }
            ahead += 1;
        }
        if self.out.unbounded {
            self.note_rows(-1, UNBOUNDED_ROWS);
        }
        self.rest()
    }

    /// After GRANT or REVOKE: the table after ON, when there is one.
    fn rights_target(&mut self) -> Parsed<()> {
        while !matches!(self.peek().kind, Kind::End | Kind::Semi) {
            if self.eat(Kw::On) {
                let table = self.eat(Kw::Table);
                if table
                    || self.peek_at(1).kw == Kw::To
                    || self.peek_at(1).kw == Kw::From
                    || matches!(self.peek_at(1).kind, Kind::Dot | Kind::Comma)
                {
                    loop {
                        if self.peek().kind == Kind::Star {
                            break;
                        }
                        let name = self.name()?;
                        self.note_table(name);
                        if !self.eat_kind(Kind::Comma) {
                            break;
                        }
                    }
                }
                break;
            }
            self.at += 1;
        }
        self.rest()
    }

    /// CALL p(…), EXEC p …, EXEC('text'), EXECUTE IMMEDIATE 'text'.
    fn call(&mut self) -> Parsed<()> {
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

    fn copy(&mut self) -> Parsed<()> {
        self.kind("copy");
        self.at += 1;
        if self.peek().kind == Kind::LParen {
            self.at += 1;
            let rows = self.subquery()?;
            self.close()?;
            self.out.unbounded_read |= !rows.bounded;
            self.note_rows(rows.limit, rows.estimate);
        } else {
            let name = self.name()?;
            if self.peek().kind == Kind::LParen {
                self.skip_group()?;
            }
            if self.peek().kw == Kw::From || self.peek().kw == Kw::Into {
                self.note_written(name);
                self.out.writes = true;
                self.note_rows(-1, CONDITION_ROWS);
            } else {
                self.note_table(name);
                self.out.reads = true;
                self.out.unbounded_read = true;
                self.note_rows(-1, UNBOUNDED_ROWS);
            }
        }
        if !matches!(self.peek().kw, Kw::To | Kw::From | Kw::Into) {
            return Err(Unparsed);
        }
        let to = self.peek().kw == Kw::To;
        self.at += 1;
        if self.peek().kw == Kw::Program {
            set_insert(&mut self.out.functions, "copy program");
            self.out.writes = true;
        } else if self.peek().kind == Kind::Str {
            set_insert(
                &mut self.out.functions,
                if to { "copy to file" } else { "copy from file" },
            );
        }
        self.rest()
    }

    /// MySQL: LOAD DATA [LOCAL] INFILE 'f' [REPLACE] INTO TABLE t.
    fn load_data(&mut self) -> Parsed<()> {
        self.changes("copy");
        set_insert(&mut self.out.functions, "load data");
        while !matches!(self.peek().kind, Kind::End | Kind::Semi) {
            if self.eat(Kw::Into) {
                self.eat(Kw::Table);
                let name = self.name()?;
                self.note_written(name);
                break;
            }
            self.at += 1;
        }
        self.note_rows(-1, CONDITION_ROWS);
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

    fn rest_has(&self, kw: Kw) -> bool {
        let mut ahead = 0;
        loop {
            let token = self.peek_at(ahead);
            if matches!(token.kind, Kind::End | Kind::Semi) {
                return false;
            }
            if token.kw == kw {
                return true;
            }
            ahead += 1;
        }
    }

    /// What remains of a statement whose details are no fact, to its end; parentheses must balance
    /// and no destructive statement may hide in it.
    fn rest(&mut self) -> Parsed<()> {
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

fn destroys(kw: Kw) -> bool {
    matches!(
        kw,
        Kw::Drop | Kw::Delete | Kw::Truncate | Kw::Exec | Kw::Insert | Kw::Update
    )
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
