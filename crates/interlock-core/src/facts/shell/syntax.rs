//! Shell text to a command tree: quoting, expansions, redirections, pipelines, compound commands.
//!
//! POSIX with what bash adds. Every bound is checked here: bytes, tokens and nesting; past one the
//! text counts as not parsed.

/// Bytes of one text.
pub(super) const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Words and operators of one text, substitutions included.
pub(super) const TOKENS_MAX: usize = 2_000;
/// Nesting of substitutions, groups and texts that are run.
pub(super) const DEPTH_MAX: usize = 8;
/// Here-documents of one line.
const HERE_DOCUMENTS_MAX: usize = 8;

/// The text is not a shell command that we understand, or is past a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unparsed;

type Parsed<T> = Result<T, Unparsed>;

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Text as it stands; whether it was quoted.
    Literal { text: String, quoted: bool },
    /// A variable, with what stands for it when it is not set.
    Variable {
        name: String,
        quoted: bool,
        default: Option<Vec<Part>>,
    },
    /// The output of commands.
    Substitution { list: List, quoted: bool },
    /// A file that is the input or output of commands.
    Process { list: List, input: bool },
    /// A number that is not worked out.
    Arithmetic,
}

/// A word before expansion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) parts: Vec<Part>,
}

impl Word {
    /// The text of a word without quotes and expansions: what can be a reserved word.
    fn bare(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [
                Part::Literal {
                    text,
                    quoted: false,
                },
            ] => Some(text),
            _ => None,
        }
    }
}

/// What a redirection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Read,
    Write,
    ReadWrite,
    /// `>&1`: to another descriptor, or to a file.
    Duplicate,
    /// `<<<` and `<<`: the word is the text itself.
    Text,
}

/// A redirection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redirect {
    pub(super) direction: Direction,
    pub(super) target: Word,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Simple {
        assignments: Vec<(String, Word)>,
        words: Vec<Word>,
        redirects: Vec<Redirect>,
    },
    /// A group or compound command: everything in it may run.
    Group {
        list: List,
        words: Vec<Word>,
        redirects: Vec<Redirect>,
        /// It has its own working directory and variables.
        subshell: bool,
    },
    Function {
        name: String,
        body: Box<Command>,
    },
}

/// Commands joined by pipes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pipeline {
    pub(super) commands: Vec<Command>,
    pub(super) background: bool,
}

/// Pipelines in sequence, whatever joins them.
pub(super) type List = Vec<Pipeline>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(Word),
    Op(&'static str),
    Newline,
    End,
}

const OPERATORS: &[&str] = &[
    "&>>", "<<<", "<<-", ";;&", "&&", "||", ";;", ";&", "|&", "&>", ">>", ">|", ">&", "<<", "<&",
    "<>", "|", "&", ";", "(", ")", "<", ">",
];

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    tokens: &'a mut usize,
    peeked: Option<Token>,
    /// Here-documents whose text follows the next newline: the delimiter, and whether `<<-`.
    pending: Vec<(String, bool)>,
}

/// Parses a text; `tokens` counts over all texts of one action.
pub(super) fn parse(text: &str, depth: usize, tokens: &mut usize) -> Parsed<List> {
    if text.len() > TEXT_BYTES_MAX || depth > DEPTH_MAX {
        return Err(Unparsed);
    }
    let mut parser = Parser {
        text,
        at: 0,
        depth,
        tokens,
        peeked: None,
        pending: Vec::new(),
    };
    let list = parser.list()?;
    match parser.next()? {
        Token::End if parser.pending.is_empty() => Ok(list),
        _ => Err(Unparsed),
    }
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Words that end a list.
const CLOSERS: &[&str] = &["then", "do", "done", "fi", "elif", "else", "esac", "}"];

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.text
            .as_bytes()
            .get(self.at + ahead)
            .copied()
            .unwrap_or(0)
    }

    fn enter(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX * 2 {
            Err(Unparsed)
        } else {
            Ok(())
        }
    }

    fn count(&mut self) -> Parsed<()> {
        *self.tokens += 1;
        if *self.tokens > TOKENS_MAX {
            Err(Unparsed)
        } else {
            Ok(())
        }
    }

    fn peek(&mut self) -> Parsed<&Token> {
        if self.peeked.is_none() {
            let token = self.lex()?;
            self.peeked = Some(token);
        }
        self.peeked.as_ref().ok_or(Unparsed)
    }

    fn next(&mut self) -> Parsed<Token> {
        match self.peeked.take() {
            Some(token) => Ok(token),
            None => self.lex(),
        }
    }

    fn peek_op(&mut self, op: &str) -> Parsed<bool> {
        Ok(matches!(self.peek()?, Token::Op(have) if *have == op))
    }

    fn peek_bare(&mut self) -> Parsed<Option<&str>> {
        Ok(match self.peek()? {
            Token::Word(word) => word.bare(),
            _ => None,
        })
    }

    fn expect_bare(&mut self, wanted: &str) -> Parsed<()> {
        match self.next()? {
            Token::Word(word) if word.bare() == Some(wanted) => Ok(()),
            _ => Err(Unparsed),
        }
    }

    fn skip_newlines(&mut self) -> Parsed<()> {
        while matches!(self.peek()?, Token::Newline) {
            self.next()?;
        }
        Ok(())
    }

    /// Pipelines up to something that closes them.
    fn list(&mut self) -> Parsed<List> {
        self.enter()?;
        let mut list = List::new();
        loop {
            let opens = self.peek_op("(")? || self.starts_redirect()?;
            match self.peek()? {
                Token::Newline | Token::Op(";" | "&") => {
                    self.next()?;
                }
                Token::End | Token::Op(_) if !opens => {
                    break;
                }
                _ => {
                    if self.peek_bare()?.is_some_and(|w| CLOSERS.contains(&w)) {
                        break;
                    }
                    let pipeline = self.pipeline()?;
                    list.push(pipeline);
                    match self.peek()? {
                        Token::Op("&&" | "||") => {
                            self.next()?;
                            self.skip_newlines()?;
                            // Something must follow.
                            if matches!(self.peek()?, Token::End | Token::Op(")" | ";" | "&" | "|"))
                            {
                                return Err(Unparsed);
                            }
                        }
                        Token::Op("&") => {
                            self.next()?;
                            if let Some(last) = list.last_mut() {
                                last.background = true;
                            }
                        }
                        Token::Op(";") | Token::Newline => {
                            self.next()?;
                        }
                        _ => break,
                    }
                }
            }
        }
        self.depth -= 1;
        Ok(list)
    }

    fn starts_redirect(&mut self) -> Parsed<bool> {
        Ok(matches!(
            self.peek()?,
            Token::Op(
                "<" | ">" | ">>" | "<<" | "<<-" | "<<<" | ">&" | "<&" | "&>" | "&>>" | ">|" | "<>"
            )
        ))
    }

    fn pipeline(&mut self) -> Parsed<Pipeline> {
        let mut pipeline = Pipeline::default();
        while self.peek_bare()? == Some("!") {
            self.next()?;
        }
        loop {
            let command = self.command()?;
            pipeline.commands.push(command);
            if !(self.peek_op("|")? || self.peek_op("|&")?) {
                return Ok(pipeline);
            }
            self.next()?;
            self.skip_newlines()?;
        }
    }

    fn command(&mut self) -> Parsed<Command> {
        self.enter()?;
        let command = self.command_inner()?;
        self.depth -= 1;
        Ok(command)
    }

    fn command_inner(&mut self) -> Parsed<Command> {
        if self.peek_op("(")? {
            self.next()?;
            if self.byte(0) == b'(' {
                // `(( … ))`: arithmetic, with what is substituted in it.
                let word = self.arithmetic_command()?;
                return self.group(List::new(), vec![word], false);
            }
            let list = self.list()?;
            if !matches!(self.next()?, Token::Op(")")) || list.is_empty() {
                return Err(Unparsed);
            }
            return self.group(list, Vec::new(), true);
        }
        match self.peek_bare()?.unwrap_or_default() {
            "{" => {
                self.next()?;
                let list = self.list()?;
                self.expect_bare("}")?;
                self.group(list, Vec::new(), false)
            }
            "if" => {
                self.next()?;
                let mut list = self.list()?;
                loop {
                    self.expect_bare("then")?;
                    list.extend(self.list()?);
                    match self.peek_bare()? {
                        Some("elif") => {
                            self.next()?;
                            list.extend(self.list()?);
                        }
                        Some("else") => {
                            self.next()?;
                            list.extend(self.list()?);
                            break;
                        }
                        _ => break,
                    }
                }
                self.expect_bare("fi")?;
                self.group(list, Vec::new(), false)
            }
            "while" | "until" => {
                self.next()?;
                let mut list = self.list()?;
                self.expect_bare("do")?;
                list.extend(self.list()?);
                self.expect_bare("done")?;
                self.group(list, Vec::new(), false)
            }
            "for" | "select" => self.for_loop(),
            "case" => self.case(),
            "function" => {
                self.next()?;
                let Token::Word(name) = self.next()? else {
                    return Err(Unparsed);
                };
                let name = name.bare().unwrap_or_default().to_owned();
                if self.peek_op("(")? {
                    self.next()?;
                    if !matches!(self.next()?, Token::Op(")")) {
                        return Err(Unparsed);
                    }
                }
                self.skip_newlines()?;
                let body = Box::new(self.command()?);
                Ok(Command::Function { name, body })
            }
            "[[" => {
                let mut words = Vec::new();
                loop {
                    match self.next()? {
                        Token::Word(word) => {
                            let done = word.bare() == Some("]]");
                            words.push(word);
                            if done {
                                return self.group(List::new(), words, false);
                            }
                        }
                        Token::Op(_) | Token::Newline => {}
                        Token::End => return Err(Unparsed),
                    }
                }
            }
            _ => self.simple(),
        }
    }

    /// What a compound command redirects.
    fn group(&mut self, list: List, words: Vec<Word>, subshell: bool) -> Parsed<Command> {
        let mut redirects = Vec::new();
        while self.starts_redirect()? || self.peek_descriptor()? {
            redirects.extend(self.redirect()?);
        }
        Ok(Command::Group {
            list,
            words,
            redirects,
            subshell,
        })
    }

    /// A number directly before a redirection.
    fn peek_descriptor(&mut self) -> Parsed<bool> {
        let digits = self
            .peek_bare()?
            .is_some_and(|w| w.len() <= 3 && w.bytes().all(|b| b.is_ascii_digit()));
        Ok(digits && matches!(self.byte(0), b'<' | b'>'))
    }

    fn for_loop(&mut self) -> Parsed<Command> {
        self.next()?;
        if self.peek_op("(")? {
            self.next()?;
            if self.byte(0) != b'(' {
                return Err(Unparsed);
            }
            let word = self.arithmetic_command()?;
            if self.peek_op(";")? {
                self.next()?;
            }
            self.skip_newlines()?;
            self.expect_bare("do")?;
            let list = self.list()?;
            self.expect_bare("done")?;
            return self.group(list, vec![word], false);
        }
        let Token::Word(name) = self.next()? else {
            return Err(Unparsed);
        };
        let name = name
            .bare()
            .filter(|n| is_name(n))
            .ok_or(Unparsed)?
            .to_owned();
        self.skip_newlines()?;
        let mut words = Vec::new();
        if self.peek_bare()? == Some("in") {
            self.next()?;
            while matches!(self.peek()?, Token::Word(_)) {
                if let Token::Word(word) = self.next()? {
                    words.push(word);
                }
            }
        }
        if self.peek_op(";")? {
            self.next()?;
        }
        self.skip_newlines()?;
        self.expect_bare("do")?;
        let body = self.list()?;
        self.expect_bare("done")?;
        // One value is known; several leave the variable open.
        let mut list = List::new();
        if let [word] = words.as_slice() {
            list.push(Pipeline {
                commands: vec![Command::Simple {
                    assignments: vec![(name, word.clone())],
                    words: Vec::new(),
                    redirects: Vec::new(),
                }],
                background: false,
            });
        }
        list.extend(body);
        self.group(list, words, false)
    }

    fn case(&mut self) -> Parsed<Command> {
        self.next()?;
        let Token::Word(subject) = self.next()? else {
            return Err(Unparsed);
        };
        self.skip_newlines()?;
        self.expect_bare("in")?;
        self.skip_newlines()?;
        let mut list = List::new();
        while self.peek_bare()? != Some("esac") {
            if self.peek_op("(")? {
                self.next()?;
            }
            loop {
                match self.next()? {
                    Token::Word(_) | Token::Op("|") => {}
                    Token::Op(")") => break,
                    _ => return Err(Unparsed),
                }
            }
            list.extend(self.list()?);
            match self.peek()? {
                Token::Op(";;" | ";&" | ";;&") => {
                    self.next()?;
                }
                _ => {
                    if self.peek_bare()? != Some("esac") {
                        return Err(Unparsed);
                    }
                }
            }
            self.skip_newlines()?;
        }
        self.expect_bare("esac")?;
        self.group(list, vec![subject], false)
    }

    fn simple(&mut self) -> Parsed<Command> {
        let mut assignments = Vec::new();
        let mut words: Vec<Word> = Vec::new();
        let mut redirects = Vec::new();
        loop {
            if self.starts_redirect()? || self.peek_descriptor()? {
                redirects.extend(self.redirect()?);
                continue;
            }
            if !matches!(self.peek()?, Token::Word(_)) {
                break;
            }
            let Token::Word(word) = self.next()? else {
                return Err(Unparsed);
            };
            if words.is_empty() {
                match assignment(&word) {
                    Some((name, value)) => {
                        if value.parts.is_empty() && self.byte(0) == b'(' && self.peeked.is_none() {
                            // name=( words )
                            self.next()?;
                            let mut array = value;
                            loop {
                                match self.next()? {
                                    Token::Word(word) => array.parts.extend(word.parts),
                                    Token::Newline => {}
                                    Token::Op(")") => break,
                                    _ => return Err(Unparsed),
                                }
                            }
                            assignments.push((name, array));
                        } else {
                            assignments.push((name, value));
                        }
                        continue;
                    }
                    None => {
                        let name = word.bare().map(str::to_owned);
                        words.push(word);
                        if self.rest().trim_start_matches([' ', '\t']).starts_with('(') {
                            return self.function(name.ok_or(Unparsed)?);
                        }
                    }
                }
            } else {
                words.push(word);
            }
        }
        if assignments.is_empty() && words.is_empty() && redirects.is_empty() {
            return Err(Unparsed);
        }
        Ok(Command::Simple {
            assignments,
            words,
            redirects,
        })
    }

    fn function(&mut self, name: String) -> Parsed<Command> {
        self.next()?;
        if !matches!(self.next()?, Token::Op(")")) {
            return Err(Unparsed);
        }
        self.skip_newlines()?;
        let body = Box::new(self.command()?);
        Ok(Command::Function { name, body })
    }

    fn redirect(&mut self) -> Parsed<Option<Redirect>> {
        if matches!(self.peek()?, Token::Word(_)) {
            self.next()?;
        }
        let Token::Op(op) = self.next()? else {
            return Err(Unparsed);
        };
        let Token::Word(target) = self.next()? else {
            return Err(Unparsed);
        };
        let direction = match op {
            "<" => Direction::Read,
            "<>" => Direction::ReadWrite,
            "<&" | ">&" => Direction::Duplicate,
            "<<<" => Direction::Text,
            "<<" | "<<-" => {
                let delimiter: String = target
                    .parts
                    .iter()
                    .map(|part| match part {
                        Part::Literal { text, .. } => Ok(text.as_str()),
                        _ => Err(Unparsed),
                    })
                    .collect::<Parsed<_>>()?;
                let quoted = target
                    .parts
                    .iter()
                    .any(|p| matches!(p, Part::Literal { quoted: true, .. }));
                return self.here_document(&delimiter, op == "<<-", quoted);
            }
            _ => Direction::Write,
        };
        Ok(Some(Redirect { direction, target }))
    }

    /// The text of a here-document begins on the next line. The rest of this line is parsed later, so
    /// the body is cut out here and skipped when the newline comes.
    fn here_document(
        &mut self,
        delimiter: &str,
        tabs: bool,
        quoted: bool,
    ) -> Parsed<Option<Redirect>> {
        if self.pending.len() >= HERE_DOCUMENTS_MAX {
            return Err(Unparsed);
        }
        let mut from = self.at;
        // Bodies of earlier here-documents of the same line come first.
        let newline = self.rest().find('\n').ok_or(Unparsed)?;
        from += newline + 1;
        for (earlier, earlier_tabs) in self.pending.clone() {
            from = self.body_end(from, &earlier, earlier_tabs)?.1;
        }
        let (body_end, _) = self.body_end(from, delimiter, tabs)?;
        let body = self.text.get(from..body_end).ok_or(Unparsed)?.to_owned();
        self.pending.push((delimiter.to_owned(), tabs));
        let mut target = Word::default();
        if quoted {
            target.parts.push(Part::Literal {
                text: body,
                quoted: true,
            });
        } else {
            target.parts = self.sub_parts(&body)?;
        }
        Ok(Some(Redirect {
            direction: Direction::Text,
            target,
        }))
    }

    /// Where a here-document's body ends, and where the line after its delimiter begins.
    fn body_end(&self, from: usize, delimiter: &str, tabs: bool) -> Parsed<(usize, usize)> {
        let mut at = from;
        loop {
            let rest = self.text.get(at..).ok_or(Unparsed)?;
            if rest.is_empty() {
                return Err(Unparsed);
            }
            let line = rest.split('\n').next().unwrap_or_default();
            let bare = if tabs {
                line.trim_start_matches('\t')
            } else {
                line
            };
            let next = (at + line.len() + 1).min(self.text.len());
            if bare == delimiter {
                return Ok((at, next));
            }
            at = next;
        }
    }

    fn lex(&mut self) -> Parsed<Token> {
        loop {
            match self.byte(0) {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\\' if self.byte(1) == b'\n' => self.at += 2,
                b'#' => {
                    let len = self.rest().find('\n').unwrap_or(self.rest().len());
                    self.at += len;
                }
                _ => break,
            }
        }
        self.count()?;
        if self.at >= self.text.len() {
            return Ok(Token::End);
        }
        if self.byte(0) == b'\n' {
            self.at += 1;
            for (delimiter, tabs) in std::mem::take(&mut self.pending) {
                self.at = self.body_end(self.at, &delimiter, tabs)?.1;
            }
            return Ok(Token::Newline);
        }
        if matches!(self.byte(0), b'<' | b'>') && self.byte(1) == b'(' {
            return self.word();
        }
        let found = OPERATORS
            .iter()
            .find(|op| self.rest().starts_with(**op))
            .copied();
        match found {
            Some(op) => {
                self.at += op.len();
                Ok(Token::Op(op))
            }
            None => self.word(),
        }
    }

    fn word(&mut self) -> Parsed<Token> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        while let Some(c) = self.rest().chars().next() {
            match c {
                ' ' | '\t' | '\n' | '\r' | '|' | '&' | ';' | '(' | ')' => break,
                '<' | '>' => {
                    if self.byte(1) != b'(' {
                        break;
                    }
                    flush(&mut parts, &mut plain, false);
                    self.at += 2;
                    let list = self.nested_list()?;
                    parts.push(Part::Process {
                        list,
                        input: c == '<',
                    });
                }
                '\\' => {
                    self.at += 1;
                    let Some(escaped) = self.rest().chars().next() else {
                        return Err(Unparsed);
                    };
                    self.at += escaped.len_utf8();
                    if escaped != '\n' {
                        flush(&mut parts, &mut plain, false);
                        plain.push(escaped);
                        flush(&mut parts, &mut plain, true);
                    }
                }
                '\'' => {
                    flush(&mut parts, &mut plain, false);
                    self.at += 1;
                    let len = self.rest().find('\'').ok_or(Unparsed)?;
                    plain.push_str(self.rest().get(..len).unwrap_or_default());
                    self.at += len + 1;
                    flush_always(&mut parts, &mut plain);
                }
                '"' => {
                    flush(&mut parts, &mut plain, false);
                    self.at += 1;
                    self.double_quoted(&mut parts, true)?;
                }
                '`' => {
                    flush(&mut parts, &mut plain, false);
                    let list = self.backticks()?;
                    parts.push(Part::Substitution {
                        list,
                        quoted: false,
                    });
                }
                '$' => {
                    let taken = self.dollar(&mut parts, &mut plain, false)?;
                    if !taken {
                        plain.push('$');
                        self.at += 1;
                    }
                }
                _ => {
                    plain.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        flush(&mut parts, &mut plain, false);
        Ok(Token::Word(Word { parts }))
    }

    /// The text between double quotes, or, without `closed`, a whole text read by the same rules.
    fn double_quoted(&mut self, parts: &mut Vec<Part>, closed: bool) -> Parsed<()> {
        let mut plain = String::new();
        loop {
            let Some(c) = self.rest().chars().next() else {
                if closed {
                    return Err(Unparsed);
                }
                flush(parts, &mut plain, true);
                return Ok(());
            };
            match c {
                '"' if closed => {
                    self.at += 1;
                    flush_always(parts, &mut plain);
                    return Ok(());
                }
                '\\' => {
                    self.at += 1;
                    match self.rest().chars().next() {
                        Some(e @ ('$' | '`' | '"' | '\\')) => {
                            plain.push(e);
                            self.at += 1;
                        }
                        Some('\n') => self.at += 1,
                        _ => plain.push('\\'),
                    }
                }
                '`' => {
                    flush(parts, &mut plain, true);
                    let list = self.backticks()?;
                    parts.push(Part::Substitution { list, quoted: true });
                }
                '$' => {
                    let taken = self.dollar(parts, &mut plain, true)?;
                    if !taken {
                        plain.push('$');
                        self.at += 1;
                    }
                }
                _ => {
                    plain.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
    }

    /// Commands up to `)`, read from here on.
    fn nested_list(&mut self) -> Parsed<List> {
        let peeked = self.peeked.take();
        let pending = std::mem::take(&mut self.pending);
        let list = self.list()?;
        if !matches!(self.next()?, Token::Op(")")) {
            return Err(Unparsed);
        }
        self.peeked = peeked;
        self.pending = pending;
        Ok(list)
    }

    fn backticks(&mut self) -> Parsed<List> {
        self.at += 1;
        let mut inner = String::new();
        loop {
            let c = self.rest().chars().next().ok_or(Unparsed)?;
            self.at += c.len_utf8();
            match c {
                '`' => break,
                '\\' => {
                    let e = self.rest().chars().next().ok_or(Unparsed)?;
                    self.at += e.len_utf8();
                    if !matches!(e, '`' | '\\' | '$') {
                        inner.push('\\');
                    }
                    inner.push(e);
                }
                _ => inner.push(c),
            }
        }
        self.enter()?;
        let list = parse(&inner, self.depth, self.tokens)?;
        self.depth -= 1;
        Ok(list)
    }

    /// The expansions in a text that is read as if in double quotes.
    fn sub_parts(&mut self, text: &str) -> Parsed<Vec<Part>> {
        let mut parts = Vec::new();
        if self.depth > DEPTH_MAX * 2 {
            return Err(Unparsed);
        }
        let mut inner = Parser {
            text,
            at: 0,
            depth: self.depth + 1,
            tokens: self.tokens,
            peeked: None,
            pending: Vec::new(),
        };
        inner.double_quoted(&mut parts, false)?;
        Ok(parts)
    }

    /// `(` of `((` is behind us: to `))`.
    fn arithmetic_command(&mut self) -> Parsed<Word> {
        self.at += 1;
        self.arithmetic()
    }

    /// To `))`, with the substitutions inside.
    fn arithmetic(&mut self) -> Parsed<Word> {
        let start = self.at;
        let mut depth = 0usize;
        loop {
            match self.byte(0) {
                b'(' => depth += 1,
                b')' if depth == 0 => break,
                b')' => depth -= 1,
                0 if self.at >= self.text.len() => return Err(Unparsed),
                _ => {}
            }
            self.at += 1;
        }
        if self.byte(1) != b')' {
            return Err(Unparsed);
        }
        let inner = self.text.get(start..self.at).unwrap_or_default().to_owned();
        self.at += 2;
        let mut parts: Vec<Part> = self
            .sub_parts(&inner)?
            .into_iter()
            .filter(|p| matches!(p, Part::Substitution { .. }))
            .collect();
        parts.push(Part::Arithmetic);
        Ok(Word { parts })
    }

    /// What follows `$`; `false` when it is a plain dollar sign.
    fn dollar(&mut self, parts: &mut Vec<Part>, plain: &mut String, quoted: bool) -> Parsed<bool> {
        match self.byte(1) {
            b'(' if self.byte(2) == b'(' && self.closes_arithmetic() => {
                flush(parts, plain, quoted);
                self.at += 3;
                let word = self.arithmetic()?;
                parts.extend(word.parts);
            }
            b'(' => {
                flush(parts, plain, quoted);
                self.at += 2;
                let list = self.nested_list()?;
                parts.push(Part::Substitution { list, quoted });
            }
            b'{' => {
                flush(parts, plain, quoted);
                self.at += 2;
                let part = self.braced(quoted)?;
                parts.push(part);
            }
            b'\'' if !quoted => {
                flush(parts, plain, false);
                self.at += 2;
                self.ansi_c(plain)?;
                flush_always(parts, plain);
            }
            b'"' if !quoted => {
                flush(parts, plain, false);
                self.at += 2;
                self.double_quoted(parts, true)?;
            }
            b @ (b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!' | b'0'..=b'9') => {
                flush(parts, plain, quoted);
                self.at += 2;
                parts.push(Part::Variable {
                    name: char::from(b).to_string(),
                    quoted,
                    default: None,
                });
            }
            b if b.is_ascii_alphabetic() || b == b'_' => {
                flush(parts, plain, quoted);
                self.at += 1;
                let len = self
                    .rest()
                    .bytes()
                    .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
                    .count();
                let name = self.rest().get(..len).unwrap_or_default().to_owned();
                self.at += len;
                parts.push(Part::Variable {
                    name,
                    quoted,
                    default: None,
                });
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// `$((` opens arithmetic if `))` closes it; else it is a substitution with a subshell.
    fn closes_arithmetic(&self) -> bool {
        let mut depth = 0usize;
        let bytes = self.rest().bytes().skip(1).take(1_024);
        let mut last_close = false;
        for b in bytes {
            match b {
                b'(' => depth += 1,
                b')' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return last_close;
                    }
                    last_close = depth == 1;
                    continue;
                }
                _ => {}
            }
            last_close = false;
        }
        false
    }

    /// After `${`: a name, and what to do when it is not set or how to cut it.
    fn braced(&mut self, quoted: bool) -> Parsed<Part> {
        let start = self.at;
        let mut depth = 1usize;
        let mut quote = 0u8;
        loop {
            let b = self.byte(0);
            match b {
                0 if self.at >= self.text.len() => return Err(Unparsed),
                b'\\' => self.at += 1,
                b'\'' | b'"' if quote == 0 && !(b == b'\'' && quoted) => quote = b,
                b'\'' | b'"' if quote == b => quote = 0,
                b'{' if quote != b'\'' => depth += 1,
                b'}' if quote == 0 => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
        let inner = self.text.get(start..self.at).ok_or(Unparsed)?.to_owned();
        self.at += 1;
        let name_len = inner
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
            .count();
        let (name, rest) = inner.split_at_checked(name_len).ok_or(Unparsed)?;
        let operand = rest
            .strip_prefix(':')
            .unwrap_or(rest)
            .strip_prefix(['-', '='])
            .filter(|_| !name.is_empty());
        let plain = !name.is_empty() && rest.is_empty();
        let rest_parts = if rest.is_empty() {
            Vec::new()
        } else {
            self.sub_parts(operand.unwrap_or(rest))?
        };
        Ok(match (plain, operand) {
            (true, _) => Part::Variable {
                name: name.to_owned(),
                quoted,
                default: None,
            },
            (_, Some(_)) => Part::Variable {
                name: name.to_owned(),
                quoted,
                default: Some(rest_parts),
            },
            // Cut, replaced, indirect: what comes out is not worked out.
            _ => Part::Variable {
                name: format!("{{{inner}}}"),
                quoted,
                default: Some(rest_parts)
                    .filter(|p| p.iter().any(|p| matches!(p, Part::Substitution { .. }))),
            },
        })
    }

    /// `$'…'`: C escapes.
    fn ansi_c(&mut self, out: &mut String) -> Parsed<()> {
        loop {
            let c = self.rest().chars().next().ok_or(Unparsed)?;
            self.at += c.len_utf8();
            match c {
                '\'' => return Ok(()),
                '\\' => {
                    let e = self.rest().chars().next().ok_or(Unparsed)?;
                    self.at += e.len_utf8();
                    match e {
                        'n' => out.push('\n'),
                        't' => out.push('\t'),
                        'r' => out.push('\r'),
                        'a' | 'b' | 'e' | 'E' | 'f' | 'v' => out.push(' '),
                        'x' => out.push(self.coded(16, 2)),
                        'u' => out.push(self.coded(16, 4)),
                        'U' => out.push(self.coded(16, 8)),
                        '0'..='7' => {
                            self.at -= 1;
                            out.push(self.coded(8, 3));
                        }
                        other => out.push(other),
                    }
                }
                _ => out.push(c),
            }
        }
    }

    fn coded(&mut self, radix: u32, digits: usize) -> char {
        let mut value = 0u32;
        let mut taken = 0;
        while taken < digits {
            let Some(digit) = char::from(self.byte(0)).to_digit(radix) else {
                break;
            };
            value = value.wrapping_mul(radix).wrapping_add(digit);
            self.at += 1;
            taken += 1;
        }
        char::from_u32(value).unwrap_or('\u{fffd}')
    }
}

fn flush(parts: &mut Vec<Part>, plain: &mut String, quoted: bool) {
    if !plain.is_empty() {
        parts.push(Part::Literal {
            text: std::mem::take(plain),
            quoted,
        });
    }
}

/// Quotes make a word even when there is nothing in them.
fn flush_always(parts: &mut Vec<Part>, plain: &mut String) {
    parts.push(Part::Literal {
        text: std::mem::take(plain),
        quoted: true,
    });
}

/// `NAME=value`, `NAME+=value`, `NAME[i]=value`.
fn assignment(word: &Word) -> Option<(String, Word)> {
    let (first, rest) = word.parts.split_first()?;
    let Part::Literal {
        text,
        quoted: false,
    } = first
    else {
        return None;
    };
    let (name, value) = text.split_once('=')?;
    let name = name.strip_suffix('+').unwrap_or(name);
    let name = name.split('[').next().unwrap_or(name);
    if !is_name(name) {
        return None;
    }
    let mut parts = Vec::new();
    if !value.is_empty() {
        parts.push(Part::Literal {
            text: value.to_owned(),
            quoted: false,
        });
    }
    parts.extend(rest.iter().cloned());
    Some((name.to_owned(), Word { parts }))
}
