//! Statements that change rows.

use super::expr::Truth;
use super::lexer::{Kind, Kw};
use super::parser::{CONDITION_ROWS, Name, Parsed, Parser, UNBOUNDED_ROWS, Unparsed};
use crate::facts::set_insert;

impl Parser<'_> {
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

    pub(super) fn modifiers(&mut self) {
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

    pub(super) fn insert(&mut self) -> Parsed<()> {
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

    pub(super) fn conflict(&mut self) -> Parsed<()> {
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
    pub(super) fn assignments(&mut self) -> Parsed<()> {
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

    pub(super) fn output(&mut self) -> Parsed<()> {
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

    pub(super) fn returning(&mut self) -> Parsed<()> {
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
    pub(super) fn bounds(&mut self, single: bool) -> Parsed<()> {
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

    pub(super) fn update(&mut self) -> Parsed<()> {
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
    pub(super) fn first_name(&mut self, from: usize) -> Option<Name> {
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
    pub(super) fn write_target(&mut self, name: Name) {
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

    pub(super) fn delete(&mut self) -> Parsed<()> {
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

    pub(super) fn merge(&mut self) -> Parsed<()> {
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

    pub(super) fn truncate(&mut self) -> Parsed<()> {
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

    pub(super) fn copy(&mut self) -> Parsed<()> {
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
    pub(super) fn load_data(&mut self) -> Parsed<()> {
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
}
