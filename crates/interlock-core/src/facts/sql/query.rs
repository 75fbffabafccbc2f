//! Queries: SELECT, VALUES, WITH, set operations, FROM and joins.

use super::expr::Truth;
use super::lexer::{Kind, Kw};
use super::parser::{CONDITION_ROWS, Name, Parsed, Parser, Rows, UNBOUNDED_ROWS, Unparsed};
use crate::facts::set_insert;

/// What the tables of a FROM give together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    tables: u32,
    bounded: bool,
    estimate: i64,
}

impl Source {
    fn join(self, other: Self) -> Self {
        Self {
            tables: self.tables + other.tables,
            bounded: self.bounded && other.bounded,
            estimate: self.estimate.max(other.estimate),
        }
    }
}

impl Parser<'_> {
    /// A query within a statement: its counters and aliases are its own.
    pub(super) fn subquery(&mut self) -> Parsed<Rows> {
        let (columns, aggregates) = (self.columns, self.aggregates);
        let aliases = self.aliases.len();
        let hint = self.table_hint;
        let rows = self.query()?;
        self.columns = columns;
        self.aggregates = aggregates;
        self.aliases.truncate(aliases);
        self.table_hint = hint;
        Ok(rows)
    }

    /// A query with its WITH, set operations, order and limit.
    pub(super) fn query(&mut self) -> Parsed<Rows> {
        self.enter()?;
        let ctes = self.ctes.len();
        if self.peek().kw == Kw::With {
            self.with()?;
        }
        let mut rows = match self.peek().kw {
            Kw::Insert | Kw::Update | Kw::Delete | Kw::Merge | Kw::Replace => {
                self.dml()?;
                Rows::ONE
            }
            _ => {
                let first = self.query_term()?;
                self.set_operations_after(first)?
            }
        };
        self.tail_into(&mut rows)?;
        self.ctes.truncate(ctes);
        self.depth -= 1;
        Ok(rows)
    }

    pub(super) fn with(&mut self) -> Parsed<()> {
        self.at += 1;
        let recursive = self.eat(Kw::Recursive);
        loop {
            let name = self.name()?;
            let plain = self.plain(name);
            if recursive {
                self.ctes.push((plain.clone(), Rows::ALL));
            }
            if self.peek().kind == Kind::LParen {
                self.skip_group()?;
            }
            self.expect(Kw::As)?;
            self.eat(Kw::Not);
            self.eat(Kw::Materialized);
            self.open()?;
            let rows = self.cte_body()?;
            self.close()?;
            self.ctes.push((plain, rows));
            if !self.eat_kind(Kind::Comma) {
                return Ok(());
            }
        }
    }

    fn cte_body(&mut self) -> Parsed<Rows> {
        let aliases = std::mem::take(&mut self.aliases);
        let rows = self.subquery();
        self.aliases = aliases;
        rows
    }

    pub(super) fn set_operator(&self) -> bool {
        let token = self.peek();
        match token.kw {
            Kw::Union | Kw::Intersect | Kw::Except => true,
            Kw::Minus => {
                matches!(self.peek_at(1).kw, Kw::Select | Kw::All)
                    || self.peek_at(1).kind == Kind::LParen
            }
            _ => false,
        }
    }

    /// Set operations after a query in parentheses.
    pub(super) fn set_operations(&mut self) -> Parsed<Rows> {
        self.set_operations_after(Rows::ONE)
    }

    fn set_operations_after(&mut self, mut rows: Rows) -> Parsed<Rows> {
        while self.set_operator() {
            let union = self.peek().kw == Kw::Union;
            self.at += 1;
            if matches!(self.peek().kw, Kw::All | Kw::Distinct) {
                self.at += 1;
            }
            self.out.set_operation |= union;
            let right = self.query_term()?;
            rows.limit = -1;
            rows.no_source = false;
            if union {
                rows.bounded &= right.bounded;
                rows.estimate = rows.estimate.saturating_add(right.estimate);
            }
        }
        Ok(rows)
    }

    fn query_term(&mut self) -> Parsed<Rows> {
        match self.peek().kw {
            Kw::Select => self.select(),
            Kw::Values => {
                self.at += 1;
                let rows = self.value_rows()?;
                Ok(Rows {
                    estimate: rows,
                    ..Rows::ONE
                })
            }
            Kw::Table => {
                self.at += 1;
                self.table_source().map(|source| Rows {
                    bounded: source.bounded,
                    estimate: source.estimate,
                    ..Rows::ALL
                })
            }
            _ if self.peek().kind == Kind::LParen => {
                self.at += 1;
                let rows = self.subquery()?;
                self.close()?;
                Ok(rows)
            }
            // DuckDB, Hive: FROM first.
            _ => Err(Unparsed),
        }
    }

    /// `(…), (…)`; how many.
    pub(super) fn value_rows(&mut self) -> Parsed<i64> {
        let mut rows = 0i64;
        loop {
            self.eat(Kw::Row);
            self.open()?;
            if self.peek().kind != Kind::RParen {
                self.expr_list()?;
            }
            self.close()?;
            rows += 1;
            if !self.eat_kind(Kind::Comma) {
                return Ok(rows);
            }
        }
    }

    fn select(&mut self) -> Parsed<Rows> {
        self.at += 1;
        self.out.reads = true;
        let (columns, aggregates) = (self.columns, self.aggregates);
        self.columns = 0;
        self.aggregates = 0;
        let mut limit = -1;
        let mut limited = false;
        loop {
            match self.peek().kw {
                Kw::All | Kw::StraightJoin | Kw::High => self.at += 1,
                Kw::Distinct => {
                    self.at += 1;
                    if self.eat(Kw::On) {
                        self.open()?;
                        self.expr_list()?;
                        self.close()?;
                        self.columns = 0;
                    }
                }
                Kw::Top
                    if matches!(self.peek_at(1).kind, Kind::Num | Kind::LParen | Kind::Param) =>
                {
                    self.at += 1;
                    (limited, limit) = self.top()?;
                }
                _ if is_select_option(self.text_of(self.peek())) => self.at += 1,
                _ => break,
            }
        }
        self.select_items()?;
        let aggregate_only = self.aggregates > 0 && self.columns == 0;
        let mark = self.aliases.len();
        self.select_into()?;
        let mut source = None;
        if self.eat(Kw::From) {
            source = Some(self.table_list()?);
        }
        self.select_into()?;
        let mut truth = Truth::True;
        let mut key_rows = None;
        if self.eat(Kw::Where) {
            let value = self.expr()?;
            truth = value.truth;
            self.out.tautology |= truth == Truth::True;
            key_rows = value.rows;
        }
        let grouped = self.group_having()?;
        self.aliases.truncate(mark);
        self.columns = columns;
        self.aggregates = aggregates;
        Ok(match source {
            None => Rows {
                no_source: truth == Truth::True,
                limit,
                ..Rows::ONE
            },
            Some(source) => {
                let conditioned = truth != Truth::True;
                let aggregated = aggregate_only && !grouped;
                let estimate = if limited && limit >= 0 {
                    limit
                } else if aggregated {
                    1
                } else if let Some(rows) = key_rows.filter(|_| conditioned && source.tables == 1) {
                    rows
                } else if conditioned {
                    source.estimate.min(CONDITION_ROWS)
                } else {
                    source.estimate
                };
                let by_limit = limited && limit < UNBOUNDED_ROWS;
                Rows {
                    bounded: conditioned || aggregated || by_limit || source.bounded,
                    limit,
                    estimate,
                    no_source: false,
                }
            }
        })
    }

    /// T-SQL: `TOP 10`, `TOP (10) PERCENT WITH TIES`; whether it limits, and to what.
    pub(super) fn top(&mut self) -> Parsed<(bool, i64)> {
        let number = if self.peek().kind == Kind::LParen {
            self.at += 1;
            let number = self.count()?;
            self.close()?;
            number
        } else {
            // Without parentheses it is one number or parameter: in `TOP 1 *` the star is a column.
            let number = self.text_of(self.peek()).parse().unwrap_or(-1);
            self.at += 1;
            number
        };
        let percent = self.eat(Kw::Percent);
        if self.peek().kw == Kw::With && self.peek_at(1).kw == Kw::Ties {
            self.at += 2;
        }
        Ok(if percent { (false, -1) } else { (true, number) })
    }

    /// A number of rows: -1 when it is not written as a number.
    fn count(&mut self) -> Parsed<i64> {
        let token = self.peek();
        let following = self.peek_at(1).kind;
        if token.kind == Kind::Num && !matches!(following, Kind::Plus | Kind::Star | Kind::Slash) {
            self.at += 1;
            // A number that does not fit is as good as none.
            return Ok(self.text_of(token).parse().unwrap_or(i64::MAX));
        }
        self.expr()?;
        Ok(-1)
    }

    pub(super) fn select_items(&mut self) -> Parsed<()> {
        loop {
            if self.eat_kind(Kind::Star) {
                self.columns += 1;
                // BigQuery, DuckDB: `* EXCEPT (a)`.
                if self.peek().kw == Kw::Except
                    && self.peek_at(1).kind == Kind::LParen
                    && !matches!(self.peek_at(2).kw, Kw::Select | Kw::Values)
                {
                    self.at += 1;
                    self.skip_group()?;
                }
            } else {
                // T-SQL, MySQL: `@x = expression` is an ordinary comparison to us.
                self.expr()?;
            }
            self.alias(true)?;
            if !self.eat_kind(Kind::Comma) {
                return Ok(());
            }
        }
    }

    /// `AS name` or just a name.
    fn alias(&mut self, strings: bool) -> Parsed<Option<Name>> {
        let from = self.at;
        if self.eat(Kw::As) {
            let token = self.peek();
            let fits = matches!(token.kind, Kind::Word | Kind::Quoted)
                || token.kind == Kind::Str && strings;
            if !fits || matches!(token.kw, Kw::From | Kw::Select) {
                return Err(Unparsed);
            }
            self.at += 1;
            return Ok(Some(Name {
                from: from + 1,
                to: self.at,
            }));
        }
        let token = self.peek();
        let fits = match token.kind {
            Kind::Word => !token.kw.no_alias(),
            Kind::Quoted => true,
            Kind::Str => strings,
            _ => false,
        };
        if !fits {
            return Ok(None);
        }
        self.at += 1;
        Ok(Some(Name { from, to: self.at }))
    }

    /// `INTO table`, `INTO @variable`, `INTO OUTFILE 'file'`.
    fn select_into(&mut self) -> Parsed<()> {
        if !self.eat(Kw::Into) {
            return Ok(());
        }
        if matches!(self.peek().kw, Kw::Outfile | Kw::Dumpfile) {
            let what = if self.peek().kw == Kw::Outfile {
                "into outfile"
            } else {
                "into dumpfile"
            };
            set_insert(&mut self.out.functions, what);
            self.out.writes = true;
            self.at += 1;
            if !self.eat_kind(Kind::Str) {
                return Err(Unparsed);
            }
            // FIELDS TERMINATED BY … LINES …
            while !matches!(self.peek().kind, Kind::End | Kind::Semi | Kind::RParen)
                && !matches!(self.peek().kw, Kw::From | Kw::Where | Kw::Limit | Kw::Order)
            {
                self.at += 1;
            }
            return Ok(());
        }
        if matches!(self.peek().kw, Kw::Temp | Kw::Temporary | Kw::Unlogged) {
            self.at += 1;
        }
        self.eat(Kw::Table);
        loop {
            let variable = self.peek().kind == Kind::Param;
            let name = self.name()?;
            if !variable {
                self.note_written(name);
                self.out.writes = true;
                self.out.ddl = true;
            }
            if !self.eat_kind(Kind::Comma) {
                return Ok(());
            }
        }
    }

    /// GROUP BY, HAVING, QUALIFY, WINDOW; whether rows are grouped.
    fn group_having(&mut self) -> Parsed<bool> {
        let grouped = self.peek().kw == Kw::Group;
        if self.eat(Kw::Group) {
            self.expect(Kw::By)?;
            self.eat(Kw::All);
            if self.peek().kw == Kw::Grouping {
                self.at += 2;
                self.skip_group()?;
            } else if !matches!(self.peek().kind, Kind::End | Kind::Semi) {
                self.order_list()?;
            }
            if self.peek().kw == Kw::With && self.peek_at(1).kw == Kw::Rollup {
                self.at += 2;
            }
        }
        if self.eat(Kw::Having) {
            let truth = self.expr()?.truth;
            self.out.tautology |= truth == Truth::True;
        }
        if self.eat(Kw::Qualify) {
            self.expr()?;
        }
        if self.eat(Kw::Window) {
            loop {
                self.name()?;
                self.expect(Kw::As)?;
                if self.peek().kind != Kind::LParen {
                    return Err(Unparsed);
                }
                self.window()?;
                if !self.eat_kind(Kind::Comma) {
                    break;
                }
            }
        }
        Ok(grouped)
    }

    /// The tables of a FROM, USING or UPDATE.
    pub(super) fn table_list(&mut self) -> Parsed<Source> {
        let mut source = self.joined()?;
        while self.eat_kind(Kind::Comma) {
            let other = self.joined()?;
            source = source.join(other);
        }
        Ok(source)
    }

    fn joined(&mut self) -> Parsed<Source> {
        self.enter()?;
        let mut source = self.factor()?;
        loop {
            let mut ahead = 0;
            while matches!(
                self.peek_at(ahead).kw,
                Kw::Natural | Kw::Inner | Kw::Left | Kw::Right | Kw::Full | Kw::Cross | Kw::Outer
            ) || ahead > 0 && is_join_hint(self.text_of(self.peek_at(ahead)))
            {
                ahead += 1;
            }
            match self.peek_at(ahead).kw {
                Kw::Join | Kw::StraightJoin => {}
                Kw::Apply if ahead > 0 => {}
                _ if ahead > 0 => return Err(Unparsed),
                _ => break,
            }
            self.at += ahead + 1;
            let other = self.factor()?;
            source = source.join(other);
            if self.eat(Kw::On) {
                self.expr()?;
            } else if self.eat(Kw::Using) {
                self.skip_group()?;
                self.alias(false)?;
            }
        }
        self.depth -= 1;
        Ok(source)
    }

    fn factor(&mut self) -> Parsed<Source> {
        self.eat(Kw::Lateral);
        if self.peek().kind == Kind::LParen {
            self.at += 1;
            let source = if self.starts_query() {
                let rows = self.subquery()?;
                Source {
                    tables: 0,
                    bounded: rows.bounded,
                    estimate: rows.estimate,
                }
            } else {
                let mut source = self.table_list()?;
                if self.set_operator() {
                    let rows = self.set_operations_after(Rows {
                        bounded: source.bounded,
                        estimate: source.estimate,
                        ..Rows::ALL
                    })?;
                    source.bounded = rows.bounded;
                    source.estimate = rows.estimate;
                }
                self.query_tail()?;
                source
            };
            self.close()?;
            self.table_alias(None)?;
            return Ok(source);
        }
        if self.peek().kw == Kw::Table && self.peek_at(1).kind == Kind::LParen {
            self.at += 1;
            self.skip_group()?;
            self.table_alias(None)?;
            return Ok(Source {
                tables: 0,
                bounded: true,
                estimate: CONDITION_ROWS,
            });
        }
        if self.peek().kw == Kw::Only && self.peek_at(1).kind != Kind::Dot {
            self.at += 1;
        }
        self.table_source()
    }

    /// A table, a query that WITH named, or a function that gives rows.
    fn table_source(&mut self) -> Parsed<Source> {
        let name = self.name()?;
        if self.peek().kind == Kind::LParen {
            let (start, end) = self.span(name);
            self.note_function(start, end);
            self.at += 1;
            while self.peek().kind != Kind::RParen {
                if self.starts_query() {
                    self.subquery()?;
                } else {
                    self.expr()?;
                }
                if !self.eat_kind(Kind::Comma) {
                    break;
                }
            }
            self.close()?;
            if self.peek().kw == Kw::With && self.peek_at(1).kw == Kw::Ordinality {
                self.at += 2;
            }
            self.table_alias(None)?;
            return Ok(Source {
                tables: 0,
                bounded: true,
                estimate: CONDITION_ROWS,
            });
        }
        self.eat_kind(Kind::Star);
        let plain = self.plain(name);
        let cte = self.ctes.iter().rev().find(|(n, _)| *n == plain);
        if let Some((_, rows)) = cte {
            let source = Source {
                tables: 0,
                bounded: rows.bounded,
                estimate: rows.estimate,
            };
            self.table_alias(Some(plain))?;
            return Ok(source);
        }
        let plain = self.note_table(name);
        self.table_alias(Some(plain))?;
        Ok(Source {
            tables: 1,
            bounded: false,
            estimate: UNBOUNDED_ROWS,
        })
    }

    /// An alias with its columns, hints and samples.
    fn table_alias(&mut self, table: Option<String>) -> Parsed<()> {
        if self.peek().kw == Kw::Partition && self.peek_at(1).kind == Kind::LParen {
            self.at += 1;
            self.skip_group()?;
        }
        if self.peek().kw == Kw::For
            && matches!(self.peek_at(1).kind, Kind::Word)
            && self.peek_at(2).kw == Kw::As
        {
            // FOR SYSTEM_TIME AS OF x
            self.at += 4;
            self.expr()?;
        }
        let alias = self.alias(true)?;
        if let (Some(alias), Some(table)) = (alias, table) {
            self.aliases.push((alias, table));
        }
        if alias.is_some() && self.peek().kind == Kind::LParen {
            self.skip_group()?;
        }
        loop {
            match self.peek().kw {
                Kw::Tablesample => {
                    self.at += 2;
                    self.skip_group()?;
                    if self.text_of(self.peek()).eq_ignore_ascii_case("repeatable") {
                        self.at += 1;
                        self.skip_group()?;
                    }
                }
                Kw::With if self.peek_at(1).kind == Kind::LParen => {
                    self.at += 1;
                    self.skip_group()?;
                }
                Kw::Indexed => {
                    self.at += 2;
                    self.name()?;
                }
                Kw::Not if self.peek_at(1).kw == Kw::Indexed => self.at += 2,
                Kw::Use | Kw::Force | Kw::Ignore
                    if matches!(self.peek_at(1).kw, Kw::Index | Kw::Key) =>
                {
                    self.at += 2;
                    if self.eat(Kw::For) {
                        while self.peek().kind == Kind::Word {
                            self.at += 1;
                        }
                    }
                    self.skip_group()?;
                }
                Kw::Pivot | Kw::Unpivot => {
                    self.at += 1;
                    self.skip_group()?;
                    self.alias(false)?;
                }
                _ => return Ok(()),
            }
        }
    }

    pub(super) fn query_tail(&mut self) -> Parsed<()> {
        let mut rows = Rows::ONE;
        self.tail_into(&mut rows)
    }

    /// ORDER BY, LIMIT, OFFSET, FETCH, FOR, OPTION.
    fn tail_into(&mut self, rows: &mut Rows) -> Parsed<()> {
        loop {
            match self.peek().kw {
                Kw::Order => {
                    self.at += 1;
                    self.expect(Kw::By)?;
                    self.order_list()?;
                }
                Kw::Limit => {
                    self.at += 1;
                    let limit = self.limit()?;
                    apply_limit(rows, limit);
                }
                Kw::Offset => {
                    self.at += 1;
                    self.count()?;
                    if self.peek().kw == Kw::Rows || self.peek().kw == Kw::Row {
                        self.at += 1;
                    }
                }
                Kw::Fetch => {
                    self.at += 1;
                    if !matches!(self.peek().kw, Kw::First | Kw::Next) {
                        return Err(Unparsed);
                    }
                    self.at += 1;
                    let limit = if matches!(self.peek().kw, Kw::Row | Kw::Rows) {
                        Some(1)
                    } else {
                        Some(self.count()?)
                    };
                    let percent = self.eat(Kw::Percent);
                    self.at += 1;
                    if !self.eat(Kw::Only) {
                        self.expect(Kw::With)?;
                        self.expect(Kw::Ties)?;
                    }
                    if !percent {
                        apply_limit(rows, limit);
                    }
                }
                Kw::For | Kw::Lock => {
                    // FOR UPDATE OF t NOWAIT, FOR XML PATH(''), LOCK IN SHARE MODE
                    self.at += 1;
                    let mut words = 0;
                    while matches!(
                        self.peek().kind,
                        Kind::Word | Kind::Comma | Kind::Dot | Kind::Quoted
                    ) && (words == 0
                        || !self.peek().kw.no_alias()
                        || self.peek().kw == Kw::In)
                    {
                        self.at += 1;
                        words += 1;
                        if self.peek().kind == Kind::LParen {
                            self.skip_group()?;
                        }
                    }
                    if words == 0 {
                        return Err(Unparsed);
                    }
                }
                Kw::Option_ if self.peek_at(1).kind == Kind::LParen => {
                    self.at += 1;
                    self.skip_group()?;
                }
                Kw::Into => self.select_into()?,
                _ => return Ok(()),
            }
        }
    }

    /// After LIMIT: `n`, `offset, n`, `ALL`; `None` when it does not limit.
    pub(super) fn limit(&mut self) -> Parsed<Option<i64>> {
        if self.eat(Kw::All) || self.eat(Kw::Null) {
            return Ok(None);
        }
        if self.peek().kind == Kind::Minus {
            // SQLite: a negative limit is none.
            self.at += 1;
            self.count()?;
            return Ok(None);
        }
        let mut limit = self.count()?;
        if self.eat_kind(Kind::Comma) {
            limit = self.count()?;
        }
        Ok(Some(limit))
    }
}

fn apply_limit(rows: &mut Rows, limit: Option<i64>) {
    let Some(limit) = limit else { return };
    rows.limit = limit;
    if limit < UNBOUNDED_ROWS {
        rows.bounded = true;
    }
    if limit >= 0 {
        rows.estimate = rows.estimate.min(limit);
    } else {
        rows.estimate = rows.estimate.min(CONDITION_ROWS);
    }
}

fn is_select_option(word: &str) -> bool {
    word.len() > 10
        && [
            "sql_calc_found_rows",
            "sql_no_cache",
            "sql_cache",
            "sql_small_result",
            "sql_big_result",
            "sql_buffer_result",
            "distinctrow",
        ]
        .iter()
        .any(|option| option.eq_ignore_ascii_case(word))
}

fn is_join_hint(word: &str) -> bool {
    [
        "hash", "loop", "merge", "remote", "semi", "anti", "asof", "any",
    ]
    .iter()
    .any(|hint| hint.eq_ignore_ascii_case(word))
}
