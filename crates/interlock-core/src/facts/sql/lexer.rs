//! SQL text to tokens, in one pass.
//!
//! Dialects disagree on what a backslash, `#`, `--x`, `/*!`, a nested comment or `$$` means, and an
//! attacker may choose the text that reads harmless in one of them. The lexer therefore knows two
//! families and says when a text reads differently in the other one; the caller then reads both.

/// Tokens of one text; past this it counts as not parsed.
pub(super) const TOKENS_MAX: usize = 65_536;

/// Which family of dialects a text is read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// PostgreSQL, SQLite, T-SQL: no backslash escapes, nested comments, `$$` quotes.
    Standard,
    /// MySQL and MariaDB: backslash escapes, `#` comments, `/*! code */`, `||` is OR.
    MySql,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Quoted,
    Str,
    Num,
    Param,
    LParen,
    RParen,
    LBracket,
    RBracket,
    Comma,
    Semi,
    Dot,
    Eq,
    Ne,
    Lt,
    Gt,
    Le,
    Ge,
    Plus,
    Minus,
    Star,
    Slash,
    Concat,
    Cast,
    Op,
    End,
}

/// A token: bytes `start..end` of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) kw: Kw,
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Token {
    pub(super) const END: Self = Self {
        kind: Kind::End,
        kw: Kw::None,
        start: 0,
        end: 0,
    };
}

/// Packs a word of at most sixteen bytes, letters in lower case, into an integer, so that finding
/// a keyword is one integer comparison tree.
const fn pack(word: &str) -> u128 {
    let mut rest = word.as_bytes();
    let mut packed = 0u128;
    while let Some((first, tail)) = rest.split_first() {
        packed = packed << 8 | (*first | 0x20) as u128;
        rest = tail;
    }
    packed
}

macro_rules! keywords {
    ($($name:ident = $text:literal,)*) => {
        /// The words that the parser knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub(super) enum Kw { None, $($name,)* }

        #[expect(non_upper_case_globals, reason = "one constant per keyword, named like it")]
        mod key {
            $(pub(super) const $name: u128 = super::pack($text);)*
        }

        impl Kw {
            fn of(packed: u128) -> Self {
                match packed {
                    $(key::$name => Self::$name,)*
                    _ => Self::None,
                }
            }
        }
    };
}

// The order matters: reserved words, then words that are names but never implicit aliases, then
// words that may be either.
keywords! {
    Select = "select", From = "from", Where = "where", Group = "group", Having = "having",
    Order = "order", Union = "union", Intersect = "intersect", Except = "except", On = "on",
    Using = "using", Join = "join", And = "and", Or = "or", Not = "not", As = "as", Into = "into",
    Insert = "insert", Update = "update", Delete = "delete", When = "when", Then = "then",
    Else = "else", Case = "case", In = "in", Is = "is", Like = "like", Between = "between",
    Set = "set", Values = "values", Create = "create", Drop = "drop", Alter = "alter",
    Grant = "grant", Revoke = "revoke", Distinct = "distinct", Null = "null", True = "true",
    False = "false", Exists = "exists", With = "with", By = "by", Limit = "limit", For = "for",
    Default = "default", Table = "table",

    Left = "left", Right = "right", Full = "full", Cross = "cross", Inner = "inner",
    Natural = "natural", Outer = "outer", Offset = "offset", Fetch = "fetch", Window = "window",
    Output = "output", Qualify = "qualify", Lateral = "lateral", Apply = "apply",
    Option_ = "option", Escape = "escape", Exec = "exec", Execute = "execute",
    Declare = "declare", Waitfor = "waitfor", Begin = "begin", Commit = "commit",
    Rollback = "rollback", Print = "print", If = "if", While = "while", Go = "go",
    Shutdown = "shutdown", Kill = "kill", Use = "use", Truncate = "truncate", Merge = "merge",
    Call = "call", Do = "do", Minus = "minus", Isnull = "isnull", Notnull = "notnull",
    Desc = "desc", Asc = "asc", Returning = "returning", Collate = "collate", At = "at",
    Tablesample = "tablesample", Partition = "partition", Indexed = "indexed", Force = "force",
    Ignore = "ignore", StraightJoin = "straight_join", Ilike = "ilike", Rlike = "rlike",
    Regexp = "regexp", Glob = "glob", Match = "match", Similar = "similar", Sounds = "sounds",
    Overlaps = "overlaps", Xor = "xor", Div = "div", Mod = "mod", End = "end", Lock = "lock",
    Pivot = "pivot", Unpivot = "unpivot", Filter = "filter", Over = "over", Within = "within",
    Nulls = "nulls", Separator = "separator", Conflict = "conflict", Duplicate = "duplicate",
    Return = "return", Elsif = "elsif", Elseif = "elseif", Respect = "respect",

All = "all", Any = "any", Some = "some", Array = "array", Row = "row", Rows = "rows",
    Interval = "interval", Date = "date", Time = "time", Timestamp = "timestamp",
    Datetime = "datetime", Binary = "binary", Zone = "zone", To = "to", Precision = "precision",
    Varying = "varying", Without = "without", Symmetric = "symmetric", Unknown = "unknown",
    Of = "of", First = "first", Next = "next", Only = "only", Percent = "percent", Ties = "ties",
    Top = "top", Recursive = "recursive", Materialized = "materialized", Outfile = "outfile",
    Dumpfile = "dumpfile", Replace = "replace", Low = "low_priority", High = "high_priority",
    Delayed = "delayed", Quick = "quick", Overriding = "overriding", Value = "value",
    Nothing = "nothing", Key = "key", Constraint = "constraint", Start = "start",
    Savepoint = "savepoint", Release = "release", Abort = "abort", Transaction = "transaction",
    Tran = "tran", Work = "work", Role = "role", Session = "session",
    Authorization = "authorization", Password = "password", Local = "local", Global = "global",
    Explain = "explain", Analyze = "analyze", Analyse = "analyse", Verbose = "verbose",
    Describe = "describe", Show = "show", Vacuum = "vacuum", Attach = "attach", Detach = "detach",
    Pragma = "pragma", Copy = "copy", Load = "load", Program = "program", Prepare = "prepare",
    Deallocate = "deallocate", Immediate = "immediate", Reindex = "reindex", Cluster = "cluster",
    Optimize = "optimize", Refresh = "refresh", Listen = "listen", Notify = "notify",
    Unlisten = "unlisten", Comment = "comment", Rename = "rename", Discard = "discard",
    Reset = "reset", Checkpoint = "checkpoint", Flush = "flush", Unlock = "unlock",
    Handler = "handler", Reassign = "reassign", Deny = "deny", Security = "security",
    User = "user", Login = "login", Policy = "policy", View = "view", Function = "function",
    Procedure = "procedure", Proc = "proc", Trigger = "trigger", Event = "event",
    Temporary = "temporary", Temp = "temp", Unlogged = "unlogged", Index = "index",
    Database = "database", Owner = "owner", Privileges = "privileges", Loop = "loop",
    Repeat = "repeat", Matched = "matched", Goto = "goto", Close = "close", Open = "open",
    Move = "move", Current = "current", Raiserror = "raiserror", Throw = "throw",
    Backup = "backup", Restore = "restore", Foreign = "foreign", Rollup = "rollup",
    Grouping = "grouping", Member = "member", Reconfigure = "reconfigure",
    Asymmetric = "asymmetric", Ordinality = "ordinality", Cascade = "cascade",
}

impl Kw {
    /// The word cannot be a name without quotes.
    pub(super) fn reserved(self) -> bool {
        self != Self::None && self <= Self::Table
    }

    /// The word cannot be an alias without AS.
    pub(super) fn no_alias(self) -> bool {
        self != Self::None && self <= Self::Respect
    }
}

/// The tokens of a text.
#[derive(Debug)]
pub(super) struct Lexed {
    pub(super) tokens: Vec<Token>,
    /// A comment cuts the statement off.
    pub(super) comment: bool,
    /// The text reads differently in the other family of dialects.
    pub(super) ambiguous: bool,
    /// Every byte was understood.
    pub(super) ok: bool,
}

struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    dialect: Dialect,
    out: Lexed,
    in_code_comment: bool,
    /// A new line began after the last token.
    new_line: bool,
}

/// Reads `sql` as tokens of `dialect`.
pub(super) fn lex(sql: &str, dialect: Dialect) -> Lexed {
    let mut lexer = Lexer {
        bytes: sql.as_bytes(),
        at: 0,
        dialect,
        out: Lexed {
            tokens: Vec::with_capacity((sql.len() / 3 + 8).min(TOKENS_MAX)),
            comment: false,
            ambiguous: false,
            ok: true,
        },
        in_code_comment: false,
        new_line: false,
    };
    lexer.out.ok = lexer.run().is_some() && !lexer.in_code_comment;
    lexer.out
}

fn word_start(b: u8) -> bool {
    b.is_ascii_alphabetic() || b == b'_' || b >= 0x80
}

fn word_part(b: u8) -> bool {
    word_start(b) || b.is_ascii_digit() || b == b'$'
}

impl Lexer<'_> {
    fn byte(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn push(&mut self, kind: Kind, kw: Kw, start: usize) {
        // The text is at most 128 KiB, so offsets fit.
        self.new_line = false;
        let (start, end) = (start as u32, self.at as u32);
        self.out.tokens.push(Token {
            kind,
            kw,
            start,
            end,
        });
    }

    fn symbol(&mut self, kind: Kind, len: usize) {
        let start = self.at;
        self.at += len;
        self.push(kind, Kw::None, start);
    }

    /// The last token can end an operand, so that `%` or `[` after it is an operator.
    fn after_operand(&self) -> bool {
        self.out.tokens.last().is_some_and(|t| match t.kind {
            Kind::Word => !t.kw.reserved() && t.kw != Kw::Limit || t.kw == Kw::Null,
            Kind::Quoted | Kind::Str | Kind::Num | Kind::Param | Kind::RParen | Kind::RBracket => {
                true
            }
            _ => false,
        })
    }

    fn run(&mut self) -> Option<()> {
        while self.at < self.bytes.len() {
            if self.out.tokens.len() >= TOKENS_MAX {
                return None;
            }
            let b = self.byte(0);
            match b {
                b'\n' => {
                    self.new_line = true;
                    self.at += 1;
                }
                b' ' | b'\t' | b'\r' | 0x0b | 0x0c => self.at += 1,
                b'\'' => self.string(self.dialect == Dialect::MySql)?,
                b'"' => self.quoted(b'"')?,
                b'`' => self.quoted(b'`')?,
                b'[' => self.bracket()?,
                b']' => self.symbol(Kind::RBracket, 1),
                b'(' => self.symbol(Kind::LParen, 1),
                b')' => self.symbol(Kind::RParen, 1),
                b',' => self.symbol(Kind::Comma, 1),
                b';' => self.symbol(Kind::Semi, 1),
                b'0'..=b'9' => self.number(),
                b'.' if self.byte(1).is_ascii_digit() && !self.after_operand() => self.number(),
                b'.' => self.symbol(Kind::Dot, 1),
                b'$' => self.dollar()?,
                _ if word_start(b) => self.word()?,
                _ => self.operator()?,
            }
        }
        Some(())
    }

    fn word(&mut self) -> Option<()> {
        let start = self.at;
        let mut packed = 0u128;
        let mut len = 0usize;
        while let Some(&b) = self.bytes.get(self.at) {
            if !word_part(b) {
                break;
            }
            packed = packed << 8 | u128::from(b | 0x20);
            len += 1;
            self.at += 1;
        }
        if self.byte(0) == b'\'' && len == 1 {
            match packed as u8 {
                b'e' => return self.string(true),
                b'n' | b'b' | b'x' => return self.string(self.dialect == Dialect::MySql),
                _ => {}
            }
        }
        if len == 1 && packed as u8 == b'u' && self.byte(0) == b'&' {
            match self.byte(1) {
                b'\'' => {
                    self.at += 1;
                    return self.string(false);
                }
                b'"' => {
                    self.at += 1;
                    return self.quoted(b'"');
                }
                _ => {}
            }
        }
        let kw = if len <= 16 { Kw::of(packed) } else { Kw::None };
        self.push(Kind::Word, kw, start);
        Some(())
    }

    fn number(&mut self) {
        let start = self.at;
        let hex = self.byte(0) == b'0' && matches!(self.byte(1), b'x' | b'X');
        if hex {
            self.at += 2;
            while self.byte(0).is_ascii_hexdigit() {
                self.at += 1;
            }
        } else {
            while self.byte(0).is_ascii_digit() || self.byte(0) == b'_' {
                self.at += 1;
            }
            if self.byte(0) == b'.' && self.byte(1) != b'.' {
                self.at += 1;
                while self.byte(0).is_ascii_digit() {
                    self.at += 1;
                }
            }
            let sign = usize::from(matches!(self.byte(1), b'+' | b'-'));
            if matches!(self.byte(0), b'e' | b'E') && self.byte(1 + sign).is_ascii_digit() {
                self.at += 2 + sign;
                while self.byte(0).is_ascii_digit() {
                    self.at += 1;
                }
            }
        }
        if word_start(self.byte(0)) {
            // `8c` is a name in MySQL; elsewhere it is an error or a number and a word.
            self.out.ambiguous = true;
            if self.dialect == Dialect::MySql {
                while word_part(self.byte(0)) {
                    self.at += 1;
                }
                self.push(Kind::Quoted, Kw::None, start);
                return;
            }
        }
        self.push(Kind::Num, Kw::None, start);
    }

    /// A string in single quotes, doubled quotes inside; `self.at` is at the quote.
    fn string(&mut self, backslash: bool) -> Option<()> {
        let start = self.at;
        self.quoted_run(b'\'', backslash)?;
        self.push(Kind::Str, Kw::None, start);
        Some(())
    }

    fn quoted(&mut self, quote: u8) -> Option<()> {
        let start = self.at;
        // `"a"` is a string in MySQL, and then a backslash escapes.
        self.quoted_run(quote, quote == b'"' && self.dialect == Dialect::MySql)?;
        self.push(Kind::Quoted, Kw::None, start);
        Some(())
    }

    fn quoted_run(&mut self, quote: u8, backslash: bool) -> Option<()> {
        self.at += 1;
        loop {
            let b = *self.bytes.get(self.at)?;
            if b == quote {
                if self.byte(1) == quote {
                    self.at += 2;
                    continue;
                }
                self.at += 1;
                return Some(());
            }
            if b == b'\\' && quote != b'`' {
                self.out.ambiguous = true;
                if backslash {
                    self.at += 1;
                }
            }
            self.at += 1;
        }
    }

    /// `[` opens a quoted name (T-SQL, SQLite) or a subscript (PostgreSQL).
    fn bracket(&mut self) -> Option<()> {
        let adjacent = self
            .out
            .tokens
            .last()
            .is_some_and(|t| t.end as usize == self.at);
        if adjacent && self.after_operand()
            || self.out.tokens.last().is_some_and(|t| t.kw == Kw::Array)
            || matches!(
                self.byte(1),
                b'0'..=b'9' | b'\'' | b'[' | b']' | b'$' | b':' | b'?'
            )
        {
            self.symbol(Kind::LBracket, 1);
            return Some(());
        }
        let start = self.at;
        loop {
            self.at += 1;
            match *self.bytes.get(self.at)? {
                b']' if self.byte(1) == b']' => self.at += 1,
                b']' => break,
                _ => {}
            }
        }
        self.at += 1;
        self.push(Kind::Quoted, Kw::None, start);
        Some(())
    }

    /// `$1`, or `$tag$ … $tag$`.
    fn dollar(&mut self) -> Option<()> {
        let start = self.at;
        if self.byte(1).is_ascii_digit() {
            self.at += 1;
            while self.byte(0).is_ascii_digit() {
                self.at += 1;
            }
            self.push(Kind::Param, Kw::None, start);
            return Some(());
        }
        self.out.ambiguous = true;
        let mut tag = 1;
        while word_part(self.byte(tag)) && self.byte(tag) != b'$' {
            tag += 1;
        }
        if self.dialect == Dialect::MySql || self.byte(tag) != b'$' {
            // In MySQL `$` is a letter of names; elsewhere `$name` is a client's parameter.
            self.at += 1;
            while word_part(self.byte(0)) {
                self.at += 1;
            }
            self.push(Kind::Param, Kw::None, start);
            return Some(());
        }
        let (open, mut rest) = self.bytes.get(start..)?.split_at_checked(tag + 1)?;
        let mut at = start + tag + 1;
        while !rest.starts_with(open) {
            // To the next `$`, so that the search stays linear for any tag.
            let step = rest.iter().skip(1).position(|b| *b == b'$')? + 1;
            at += step;
            rest = rest.get(step..)?;
        }
        self.at = at + tag + 1;
        self.push(Kind::Str, Kw::None, start);
        Some(())
    }

    fn operator(&mut self) -> Option<()> {
        let (b, next) = (self.byte(0), self.byte(1));
        match (b, next) {
            (b'-', b'-') => {
                if !matches!(self.byte(2), b' ' | b'\t' | b'\n' | b'\r' | 0) {
                    self.out.ambiguous = true;
                    if self.dialect == Dialect::MySql {
                        self.symbol(Kind::Minus, 1);
                        return Some(());
                    }
                }
                self.line_comment(2);
            }
            (b'/', b'*') => return self.block_comment(),
            (b'*', b'/') if self.in_code_comment => {
                self.in_code_comment = false;
                self.at += 2;
            }
            (b'#', _) => return self.hash(),
            (b'=', b'=') => self.symbol(Kind::Eq, 2),
            (b'=', b'>') => self.symbol(Kind::Op, 2),
            (b'=', _) => self.symbol(Kind::Eq, 1),
            (b'<', b'=') if self.byte(2) == b'>' => self.symbol(Kind::Eq, 3),
            (b'<', b'=') => self.symbol(Kind::Le, 2),
            (b'<', b'>') | (b'!', b'=') => self.symbol(Kind::Ne, 2),
            (b'<', b'@' | b'<') => self.symbol(Kind::Op, 2),
            (b'<', _) => self.symbol(Kind::Lt, 1),
            (b'>', b'=') => self.symbol(Kind::Ge, 2),
            (b'>', b'>') => self.symbol(Kind::Op, 2),
            (b'>', _) => self.symbol(Kind::Gt, 1),
            (b'+', b'=') | (b'*', b'=') => self.symbol(Kind::Eq, 2),
            (b'-', b'=') | (b'/', b'=') => self.symbol(Kind::Eq, 2),
            (b'+', _) => self.symbol(Kind::Plus, 1),
            (b'-', b'>') => {
                let len = if self.byte(2) == b'>' { 3 } else { 2 };
                self.symbol(Kind::Op, len);
            }
            (b'-', _) => self.symbol(Kind::Minus, 1),
            (b'*', _) => self.symbol(Kind::Star, 1),
            (b'/', _) => self.symbol(Kind::Slash, 1),
            (b'|', b'|') => {
                self.out.ambiguous = true;
                self.symbol(Kind::Concat, 2);
            }
            (b'&', b'&') => {
                let start = self.at;
                self.at += 2;
                self.push(Kind::Word, Kw::And, start);
            }
            (b':', b':') => self.symbol(Kind::Cast, 2),
            (b':', b'=') => self.symbol(Kind::Eq, 2),
            (b':', n) if word_start(n) || n.is_ascii_digit() => self.param(1),
            (b'@', n) if word_start(n) => self.param(1),
            (b'@', b'@') if word_start(self.byte(2)) => self.param(2),
            (b'?', _) if !self.after_operand() => self.symbol(Kind::Param, 1),
            (b'%', b's') if !self.after_operand() => self.symbol(Kind::Param, 2),
            (b'%', b'(') if !self.after_operand() => {
                let len = self.bytes.get(self.at..)?.iter().position(|b| *b == b')')?;
                if self.byte(len + 1) != b's' {
                    return None;
                }
                self.symbol(Kind::Param, len + 2);
            }
            (b'!' | b'~' | b'@' | b'?' | b'&' | b'|' | b'^' | b'%' | b':', _) => {
                let mut len = 1;
                while matches!(
                    self.byte(len),
                    b'~' | b'*' | b'@' | b'>' | b'<' | b'&' | b'|' | b'?'
                ) && len < 4
                    && b != b'%'
                    && b != b':'
                {
                    len += 1;
                }
                self.symbol(Kind::Op, len);
            }
            (b'\\', _) if !self.out.tokens.is_empty() => return None,
            _ => return None,
        }
        Some(())
    }

    fn param(&mut self, prefix: usize) {
        let start = self.at;
        self.at += prefix;
        while word_part(self.byte(0)) {
            self.at += 1;
        }
        self.push(Kind::Param, Kw::None, start);
    }

    /// `#` opens a comment (MySQL), a temporary table (T-SQL) or a JSON operator (PostgreSQL).
    fn hash(&mut self) -> Option<()> {
        self.out.ambiguous = true;
        if self.dialect == Dialect::MySql {
            self.line_comment(1);
        } else if word_start(self.byte(1)) || self.byte(1) == b'#' {
            let start = self.at;
            self.at += 1;
            while word_part(self.byte(0)) || self.byte(0) == b'#' {
                self.at += 1;
            }
            self.push(Kind::Word, Kw::None, start);
        } else if matches!(self.byte(1), b'>' | b'-') {
            let len = if self.byte(2) == b'>' { 3 } else { 2 };
            self.symbol(Kind::Op, len);
        } else {
            return None;
        }
        Some(())
    }

    /// Skips a line comment and notes whether it is the kind that cuts a statement off: it follows
    /// code on its line, nothing comes after it, and what it hides is nothing or looks like code.
    fn line_comment(&mut self, prefix: usize) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        // PostgreSQL ends a line at a carriage return as well; for MySQL the comment goes on.
        let mysql = self.dialect == Dialect::MySql;
        let len = rest
            .iter()
            .position(|b| *b == b'\n' || (*b == b'\r' && !mysql))
            .unwrap_or(rest.len());
        if rest.get(len) == Some(&b'\r') && rest.get(len + 1) != Some(&b'\n') {
            self.out.ambiguous = true;
        }
        let (comment, after) = rest.split_at_checked(len).unwrap_or((rest, &[]));
        let body = comment.get(prefix..).unwrap_or_default();
        let follows_code = !self.out.tokens.is_empty() && !self.new_line;
        let hides_code = body.iter().all(|b| !b.is_ascii_alphanumeric())
            || body
                .iter()
                .any(|b| matches!(b, b'\'' | b'"' | b';' | b'=' | b')'));
        if follows_code && hides_code && after.iter().all(u8::is_ascii_whitespace) {
            self.out.comment = true;
        }
        self.at += len;
    }

    fn block_comment(&mut self) -> Option<()> {
        self.out.ambiguous = true;
        let mysql = self.dialect == Dialect::MySql;
        let code = if self.byte(2) == b'!' {
            3
        } else if self.byte(2) == b'M' && self.byte(3) == b'!' {
            4
        } else {
            0
        };
        if mysql && code > 0 && !self.in_code_comment {
            self.at += code;
            let mut digits = 0;
            while digits < 6 && self.byte(0).is_ascii_digit() {
                self.at += 1;
                digits += 1;
            }
            self.in_code_comment = true;
            return Some(());
        }
        let mut depth = 1usize;
        self.at += 2;
        while depth > 0 {
            let Some(&b) = self.bytes.get(self.at) else {
                // What an open comment hides, the statement lacks.
                self.out.comment = true;
                return None;
            };
            match (b, self.byte(1)) {
                (b'*', b'/') => {
                    depth -= 1;
                    self.at += 2;
                }
                (b'/', b'*') if !mysql => {
                    depth += 1;
                    self.at += 2;
                }
                _ => self.at += 1,
            }
        }
        Some(())
    }
}
