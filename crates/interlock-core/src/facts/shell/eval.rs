//! A command tree to facts: expansion of words, flow through pipes, the working directory.

use super::ShellFacts;
use super::syntax::{self, Command, DEPTH_MAX, Direction, List, Part, Pipeline, Redirect, Word};
use crate::facts::set_insert;

/// What stands in an expanded word for output that is not known.
const OUTPUT: &str = "$OUTPUT";
/// Words that one brace expansion may give.
const BRACE_WORDS_MAX: usize = 16;
/// Command lines that are run, those that `find` and `xargs` make included; past it the text counts as
/// not parsed.
pub(super) const RUNS_MAX: usize = 2_000;
/// Bytes of text that expansion may build; past it what runs counts as hidden.
const EXPANDED_BYTES_MAX: usize = 128 * 1024;

/// An expanded word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Arg {
    pub(super) text: String,
    /// Part of it is not known.
    pub(super) dynamic: bool,
    /// It holds or names text that came from the network.
    pub(super) fetched: bool,
    /// It holds the output of a command.
    pub(super) substituted: bool,
    /// It names the output of a command, as a file does.
    pub(super) process: bool,
}

impl Arg {
    pub(super) fn literal(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    pub(super) fn unknown() -> Self {
        Self {
            text: OUTPUT.to_owned(),
            dynamic: true,
            ..Self::default()
        }
    }
}

/// What comes out of a command, or goes into one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Flow {
    /// It came from the network.
    pub(super) fetched: bool,
    /// There is a command, file or text at the other end.
    pub(super) piped: bool,
    /// The text, when it is known.
    pub(super) text: Option<String>,
    /// It names files beneath these trees, as the output of `find` does.
    pub(super) trees: Vec<String>,
}

/// Walks a command tree.
#[derive(Debug)]
pub(super) struct Eval<'a> {
    pub(super) facts: &'a mut ShellFacts,
    /// The working directory; empty while it is the one that the command starts in.
    pub(super) cwd: String,
    previous: String,
    variables: Vec<(String, String)>,
    functions: Vec<String>,
    /// Files that hold what came from the network.
    fetched_files: Vec<String>,
    pub(super) depth: usize,
    tokens: usize,
    expanded: usize,
    pub(super) runs: usize,
    /// Every text that is run parsed.
    pub(super) parsed: bool,
}

impl<'a> Eval<'a> {
    pub(super) fn new(facts: &'a mut ShellFacts) -> Self {
        Self {
            facts,
            cwd: String::new(),
            previous: String::new(),
            variables: Vec::new(),
            functions: Vec::new(),
            fetched_files: Vec::new(),
            depth: 0,
            tokens: 0,
            expanded: 0,
            runs: 0,
            parsed: true,
        }
    }

    /// Runs a text as a script.
    pub(super) fn script(&mut self, text: &str) -> Flow {
        if self.depth >= DEPTH_MAX {
            self.parsed = false;
            return Flow::default();
        }
        match syntax::parse(text, self.depth, &mut self.tokens) {
            Ok(list) => {
                self.depth += 1;
                let flow = self.list(&list, &Flow::default());
                self.depth -= 1;
                flow
            }
            Err(_) => {
                self.parsed = false;
                Flow::default()
            }
        }
    }

    fn list(&mut self, list: &List, input: &Flow) -> Flow {
        let mut out = Flow::default();
        let single = list.len() == 1;
        for pipeline in list {
            let flow = self.pipeline(pipeline, input);
            out.fetched |= flow.fetched;
            out.piped |= flow.piped;
            out.text = flow.text.filter(|_| single);
            out.trees.extend(flow.trees);
        }
        out
    }

    fn pipeline(&mut self, pipeline: &Pipeline, input: &Flow) -> Flow {
        let pipes = pipeline.commands.len().saturating_sub(1);
        self.facts.pipes += i64::try_from(pipes).unwrap_or(i64::MAX);
        let mut flow = input.clone();
        for command in &pipeline.commands {
            // Each part of a pipeline has its own working directory.
            let saved = (pipes > 0).then(|| self.cwd.clone());
            flow = self.command(command, &flow);
            flow.piped = true;
            if let Some(cwd) = saved {
                self.cwd = cwd;
            }
        }
        flow
    }

    fn command(&mut self, command: &Command, input: &Flow) -> Flow {
        match command {
            Command::Simple {
                assignments,
                words,
                redirects,
            } => {
                for (name, value) in assignments {
                    self.assign(name, value, words.is_empty());
                }
                let mut args = Vec::new();
                for word in words {
                    self.expand(word, &mut args);
                }
                let redirected = self.redirects(redirects);
                let input = redirected.as_ref().unwrap_or(input);
                if args.is_empty() {
                    return Flow::default();
                }
                let flow = self.run(&args, input);
                if flow.fetched {
                    for redirect in redirects {
                        if redirect.direction == Direction::Write {
                            let mut targets = Vec::new();
                            self.expand(&redirect.target, &mut targets);
                            targets.iter().for_each(|t| self.fetched_into(t));
                        }
                    }
                }
                flow
            }
            Command::Group {
                list,
                words,
                redirects,
                subshell,
            } => {
                let mut ignored = Vec::new();
                for word in words {
                    self.expand(word, &mut ignored);
                }
                let redirected = self.redirects(redirects);
                let input = redirected.as_ref().unwrap_or(input).clone();
                let saved = subshell.then(|| (self.cwd.clone(), self.variables.clone()));
                let flow = self.list(list, &input);
                if let Some((cwd, variables)) = saved {
                    self.cwd = cwd;
                    self.variables = variables;
                }
                flow
            }
            Command::Function { name, body } => {
                self.functions.push(name.clone());
                if calls_itself(body, name) {
                    // A fork bomb.
                    self.facts.destructive = true;
                }
                self.command(body, &Flow::default());
                Flow::default()
            }
        }
    }

    fn assign(&mut self, name: &str, value: &Word, keeps: bool) {
        let mut args = Vec::new();
        self.expand(value, &mut args);
        self.variables.retain(|(n, _)| n != name);
        let dynamic = args.iter().any(|a| a.dynamic || a.process);
        if keeps && !dynamic && name != "IFS" {
            let text = args
                .iter()
                .map(|a| a.text.as_str())
                .collect::<Vec<_>>()
                .join(" ");
            self.variables.push((name.to_owned(), text));
        }
    }

    /// Sets a variable to a known text, as `read` and `export` may.
    pub(super) fn set(&mut self, name: &str, text: &str) {
        self.variables.retain(|(n, _)| n != name);
        self.variables.push((name.to_owned(), text.to_owned()));
    }

    pub(super) fn is_function(&self, name: &str) -> bool {
        self.functions.iter().any(|f| f == name)
    }

    /// Notes what redirections touch; the last one that gives input wins.
    fn redirects(&mut self, redirects: &[Redirect]) -> Option<Flow> {
        let mut input = None;
        for redirect in redirects {
            let mut args = Vec::new();
            if redirect.direction == Direction::Text {
                let (text, arg) = self.quoted_text(&redirect.target);
                input = Some(Flow {
                    fetched: arg.fetched,
                    piped: true,
                    text: (!arg.dynamic).then_some(text),
                    trees: Vec::new(),
                });
                continue;
            }
            self.expand(&redirect.target, &mut args);
            for arg in &args {
                if arg.process {
                    input = Some(Flow {
                        fetched: arg.fetched,
                        piped: true,
                        ..Flow::default()
                    });
                    continue;
                }
                let number = arg.text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
                match redirect.direction {
                    Direction::Duplicate if number => {}
                    Direction::Read => {
                        self.read(arg);
                        input = Some(Flow {
                            piped: true,
                            ..Flow::default()
                        });
                    }
                    Direction::ReadWrite => {
                        self.read(arg);
                        self.write(arg);
                    }
                    _ => self.write(arg),
                }
            }
        }
        input
    }

    /// A word as one text, as in double quotes.
    fn quoted_text(&mut self, word: &Word) -> (String, Arg) {
        let mut quoted = word.clone();
        for part in &mut quoted.parts {
            match part {
                Part::Literal { quoted, .. }
                | Part::Variable { quoted, .. }
                | Part::Substitution { quoted, .. } => *quoted = true,
                Part::Process { .. } | Part::Arithmetic => {}
            }
        }
        let mut args = Vec::new();
        self.expand(&quoted, &mut args);
        let arg = args.into_iter().next().unwrap_or_default();
        (arg.text.clone(), arg)
    }

    /// Expands a word to the words it becomes.
    fn expand(&mut self, word: &Word, out: &mut Vec<Arg>) {
        if let [
            Part::Literal {
                text,
                quoted: false,
            },
        ] = word.parts.as_slice()
        {
            if !text.contains('{') || !text.contains(',') {
                out.push(Arg::literal(text.as_str()));
                return;
            }
            let mut words = Vec::new();
            braces(text, &mut words, 0);
            out.extend(words.into_iter().map(Arg::literal));
            return;
        }
        let mut current = Arg::default();
        let mut started = false;
        self.expand_parts(&word.parts, &mut current, &mut started, out);
        if started {
            out.push(current);
        }
    }

    fn expand_parts(
        &mut self,
        parts: &[Part],
        current: &mut Arg,
        started: &mut bool,
        out: &mut Vec<Arg>,
    ) {
        for part in parts {
            match part {
                Part::Literal { text, .. } => {
                    current.text.push_str(text);
                    *started = true;
                }
                Part::Variable {
                    name,
                    quoted,
                    default,
                } => match self.variable(name) {
                    Some(value) => self.append(&value, *quoted, current, started, out),
                    None => match default {
                        Some(parts) if !name.starts_with('{') => {
                            // What it is if it is set stays open, but its default is what is seen.
                            self.expand_parts(parts, current, started, out);
                        }
                        hidden => {
                            if let Some(parts) = hidden {
                                let mut scratch = Arg::default();
                                self.expand_parts(parts, &mut scratch, &mut false, &mut Vec::new());
                                current.fetched |= scratch.fetched;
                            }
                            current.text.push('$');
                            current.text.push_str(name);
                            current.dynamic = true;
                            *started = true;
                        }
                    },
                },
                Part::Substitution { list, quoted } => {
                    let flow = self.subshell(list);
                    current.fetched |= flow.fetched;
                    current.substituted = true;
                    match flow.text {
                        Some(text) => {
                            let text = text.trim_end_matches('\n').to_owned();
                            self.append(&text, *quoted, current, started, out);
                        }
                        None => {
                            current.text.push_str(OUTPUT);
                            current.dynamic = true;
                            *started = true;
                        }
                    }
                }
                Part::Process { list, .. } => {
                    let flow = self.subshell(list);
                    current.fetched |= flow.fetched;
                    current.process = true;
                    current.dynamic = true;
                    current.text.push_str(OUTPUT);
                    *started = true;
                }
                Part::Arithmetic => {
                    current.text.push('0');
                    *started = true;
                }
            }
        }
    }

    /// Appends an expansion; outside quotes its white space separates words.
    fn append(
        &mut self,
        value: &str,
        quoted: bool,
        current: &mut Arg,
        started: &mut bool,
        out: &mut Vec<Arg>,
    ) {
        self.expanded += value.len();
        if self.expanded > EXPANDED_BYTES_MAX {
            current.dynamic = true;
            *started = true;
            return;
        }
        if quoted {
            current.text.push_str(value);
            *started = true;
            return;
        }
        let flags = (current.fetched, current.substituted);
        for c in value.chars() {
            if c.is_ascii_whitespace() {
                if *started {
                    out.push(std::mem::take(current));
                    (current.fetched, current.substituted) = flags;
                    *started = false;
                }
            } else {
                current.text.push(c);
                *started = true;
            }
        }
    }

    /// Puts `with` in the place of every `what` of an argument.
    pub(super) fn place(&mut self, arg: &Arg, what: &str, with: &Arg) -> Arg {
        let times = arg.text.matches(what).count();
        if times == 0 {
            return arg.clone();
        }
        self.expanded += times.saturating_mul(with.text.len());
        if self.expanded > EXPANDED_BYTES_MAX {
            self.parsed = false;
            return Arg::unknown();
        }
        Arg {
            text: arg.text.replace(what, &with.text),
            dynamic: arg.dynamic || with.dynamic,
            fetched: arg.fetched || with.fetched,
            ..arg.clone()
        }
    }

    fn subshell(&mut self, list: &List) -> Flow {
        if self.depth >= DEPTH_MAX {
            self.parsed = false;
            return Flow::default();
        }
        self.depth += 1;
        let saved = (self.cwd.clone(), self.variables.clone());
        let flow = self.list(list, &Flow::default());
        (self.cwd, self.variables) = saved;
        self.depth -= 1;
        flow
    }

    fn variable(&self, name: &str) -> Option<String> {
        if let Some((_, value)) = self.variables.iter().rev().find(|(n, _)| n == name) {
            return Some(value.clone());
        }
        match name {
            "HOME" => Some("~".to_owned()),
            "IFS" => Some(" ".to_owned()),
            "PWD" if !self.cwd.is_empty() => Some(self.cwd.clone()),
            "PWD" => Some(".".to_owned()),
            _ => None,
        }
    }

    /// Changes the working directory.
    pub(super) fn change_directory(&mut self, to: Option<&Arg>) {
        let next = match to {
            None => "~".to_owned(),
            Some(arg) if arg.text == "-" => self.previous.clone(),
            Some(arg) => self.path(&arg.text),
        };
        self.previous = std::mem::replace(&mut self.cwd, next);
    }

    /// A path as facts have it: joined to the working directory and cleaned lexically.
    pub(super) fn path(&self, text: &str) -> String {
        let rooted = text.starts_with(['/', '~', '$']);
        let joined;
        let whole = if rooted || self.cwd.is_empty() {
            text
        } else {
            joined = format!("{}/{text}", self.cwd);
            &joined
        };
        clean(whole)
    }

    pub(super) fn read(&mut self, arg: &Arg) {
        if let Some(path) = self.file(arg) {
            set_insert(&mut self.facts.reads, &path);
        }
    }

    pub(super) fn write(&mut self, arg: &Arg) {
        let Some(path) = self.file(arg) else { return };
        if is_disk(&path)
            || matches!(
                path.as_str(),
                "/proc/sysrq-trigger" | "/dev/mem" | "/dev/kmem"
            )
        {
            self.facts.destructive = true;
        }
        if path.starts_with("/etc/sudoers") || path == "/etc/passwd" || path == "/etc/shadow" {
            self.facts.rights = true;
        }
        set_insert(&mut self.facts.writes, &path);
    }

    pub(super) fn delete(&mut self, arg: &Arg) {
        if let Some(path) = self.file(arg) {
            set_insert(&mut self.facts.deletes, &path);
        }
    }

    /// The file that an argument names; devices that hold nothing are none.
    fn file(&mut self, arg: &Arg) -> Option<String> {
        if arg.process || arg.text.is_empty() || arg.text == "-" {
            return None;
        }
        let path = self.path(&arg.text);
        if let Some(rest) = path
            .strip_prefix("/dev/tcp/")
            .or_else(|| path.strip_prefix("/dev/udp/"))
        {
            // bash opens a connection.
            self.facts.network = true;
            self.facts.sends = true;
            let host = rest.split('/').next().unwrap_or(rest).to_owned();
            self.host(&host);
            return None;
        }
        let silent = [
            "/dev/null",
            "/dev/stdout",
            "/dev/stderr",
            "/dev/stdin",
            "/dev/tty",
            "/dev/zero",
            "/dev/random",
            "/dev/urandom",
        ];
        (!silent.contains(&path.as_str()) && !path.starts_with("/dev/fd/")).then_some(path)
    }

    /// Notes a host, in lower case; of one that is partly unknown, the known end.
    pub(super) fn host(&mut self, host: &str) {
        if let Some((_, unknown)) = host.rsplit_once('$') {
            match unknown.split_once('.') {
                Some((_, known)) => set_insert(&mut self.facts.hosts, &known.to_ascii_lowercase()),
                None => set_insert(&mut self.facts.hosts, host),
            }
        } else if !host.is_empty() {
            set_insert(&mut self.facts.hosts, &host.to_ascii_lowercase());
        }
    }

    /// Notes that a file holds what came from the network.
    pub(super) fn fetched_into(&mut self, arg: &Arg) {
        let path = self.path(&arg.text);
        self.fetched_files.push(path);
    }

    /// The file holds what came from the network, by an earlier command of this text.
    pub(super) fn is_fetched(&self, arg: &Arg) -> bool {
        arg.fetched
            || !self.fetched_files.is_empty() && {
                let path = self.path(&arg.text);
                self.fetched_files.contains(&path)
            }
    }
}

/// A device that holds a disk or a part of one.
pub(super) fn is_disk(path: &str) -> bool {
    path.strip_prefix("/dev/").is_some_and(|name| {
        [
            "sd", "hd", "vd", "xvd", "nvme", "mmcblk", "disk", "mapper/", "dm-", "md", "loop",
            "rdisk",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix))
    })
}

/// Removes `.`, `..` and doubled slashes without looking at a disk.
fn clean(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." && last != "~" && !last.starts_with('$') => {
                    parts.pop();
                }
                None if absolute => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if absolute {
        format!("/{joined}")
    } else if joined.is_empty() {
        ".".to_owned()
    } else {
        joined
    }
}

/// `a{b,c}d` to `abd`, `acd`; braces without a comma stay.
fn braces(text: &str, out: &mut Vec<String>, depth: usize) {
    let expanded = (|| {
        let open = text.find('{')?;
        let (before, rest) = text.split_at_checked(open)?;
        let inner = rest.get(1..)?;
        let mut level = 0usize;
        let mut cuts = Vec::new();
        let mut close = None;
        for (i, b) in inner.bytes().enumerate() {
            match b {
                b'{' => level += 1,
                b'}' if level == 0 => {
                    close = Some(i);
                    break;
                }
                b'}' => level -= 1,
                b',' if level == 0 => cuts.push(i),
                _ => {}
            }
        }
        let close = close.filter(|_| !cuts.is_empty())?;
        cuts.push(close);
        let after = inner.get(close + 1..)?;
        let mut start = 0;
        let mut words = Vec::new();
        for cut in cuts {
            words.push(format!("{before}{}{after}", inner.get(start..cut)?));
            start = cut + 1;
        }
        Some(words)
    })();
    match expanded {
        Some(words) if depth < 4 => {
            for word in words {
                if out.len() < BRACE_WORDS_MAX {
                    braces(&word, out, depth + 1);
                }
            }
        }
        _ => out.push(text.to_owned()),
    }
}

/// The body calls the function itself in a pipe or in the background.
fn calls_itself(body: &Command, name: &str) -> bool {
    let Command::Group { list, .. } = body else {
        return false;
    };
    list.iter().any(|pipeline| {
        let calls = pipeline.commands.iter().filter(|command| {
            matches!(command, Command::Simple { words, .. }
                if matches!(words.first().map(|w| w.parts.as_slice()),
                    Some([Part::Literal { text, .. }]) if text == name))
        });
        let calls = calls.count();
        calls > 1 || calls == 1 && pipeline.background
    })
}
