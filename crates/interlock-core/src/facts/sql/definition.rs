//! Statements that change structure and rights.

use super::lexer::{Kind, Kw};
use super::parser::{Parsed, Parser, UNBOUNDED_ROWS, Unparsed};

impl Parser<'_> {
    pub(super) fn if_exists(&mut self) {
        if self.peek().kw == Kw::If {
            self.at += 1;
            self.eat(Kw::Not);
            self.eat(Kw::Exists);
        }
    }

    pub(super) fn drop_statement(&mut self) -> Parsed<()> {
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
    pub(super) fn object(&mut self) -> Parsed<(bool, bool)> {
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

    pub(super) fn create(&mut self) -> Parsed<()> {
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
    pub(super) fn table_body(&mut self) -> Parsed<()> {
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
    pub(super) fn starts_body(&self) -> bool {
        self.peek().kw == Kw::Select
            || self.peek_at(1).kw == Kw::Recursive
            || self.peek_at(2).kw == Kw::As
    }

    pub(super) fn body_query(&mut self) -> Parsed<()> {
        let rows = self.subquery()?;
        self.out.unbounded_read |= !rows.bounded;
        self.note_rows(-1, rows.estimate);
        Ok(())
    }

    /// CREATE INDEX, FUNCTION, TRIGGER… A body in BEGIN … END belongs to the statement.
    pub(super) fn create_other(&mut self) -> Parsed<()> {
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

    pub(super) fn alter(&mut self) -> Parsed<()> {
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
        let start = self.at;
        self.rest()?;
        // DROP COLUMN and the like lose data; OWNER and row security are rights.
        let tokens = self.tokens.get(start..self.at).unwrap_or_default();
        for (i, token) in tokens.iter().enumerate() {
            let next = tokens.get(i + 1).map_or(Kw::None, |t| t.kw);
            let loses = match token.kw {
                Kw::Drop => {
                    table
                        && !matches!(
                            next,
                            Kw::Constraint
                                | Kw::Index
                                | Kw::Default
                                | Kw::Key
                                | Kw::Not
                                | Kw::Foreign
                        )
                }
                Kw::Truncate => true,
                _ => false,
            };
            self.out.deletes |= loses;
            self.out.unbounded |= loses;
            self.out.rights |= matches!(
                token.kw,
                Kw::Owner | Kw::Security | Kw::Authorization | Kw::Password
            );
        }
        if self.out.unbounded {
            self.note_rows(-1, UNBOUNDED_ROWS);
        }
        Ok(())
    }

    /// After GRANT or REVOKE: the table after ON, when there is one.
    pub(super) fn rights_target(&mut self) -> Parsed<()> {
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
}

fn destroys(kw: Kw) -> bool {
    matches!(
        kw,
        Kw::Drop | Kw::Delete | Kw::Truncate | Kw::Exec | Kw::Insert | Kw::Update
    )
}
