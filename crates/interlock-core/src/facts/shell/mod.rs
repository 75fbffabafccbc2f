//! What a shell command does.
//!
//! The text is read as a shell reads it (quotes, expansions, substitutions, redirections, compound
//! commands) into a command tree; the tree is then walked with what is known of the usual programs.
//! Programs that run others are looked through, texts that are run are read in turn, and output that
//! is known (`echo … | base64 -d | sh`) is followed.
//!
//! What it misses: what other languages do (`python -c` sets `code`, not `deletes`), programs that
//! are not in the tables (their name is in `commands`), values of variables set elsewhere, and what
//! links and mounts make of a path.

mod commands;
mod eval;
mod syntax;

use eval::{Arg, Eval, Flow};

use super::sql::names_part;
use super::{FactInput, fact_group};
use crate::model::{ActionType, Object, Value};

fact_group! {
    /// What a shell command does.
    ShellFacts {
        /// The action carries a shell command.
        present: bool,
        /// The text parsed; when it did not, the dangerous values hold.
        parsed: bool,
        /// Programs run, by base name, wrappers (`sudo`, `env`, `xargs`, `sh -c`) looked through.
        commands: Vec<String>,
        /// Files read.
        reads: Vec<String>,
        /// Files written or created.
        writes: Vec<String>,
        /// Files or trees deleted or moved away.
        deletes: Vec<String>,
        /// Hosts reached.
        hosts: Vec<String>,
        /// A tree is deleted (`rm -r`, `find -delete`).
        recursive_delete: bool,
        /// Rights are raised (`sudo`, `su`, `doas`, setuid).
        elevated: bool,
        /// The network is used.
        network: bool,
        /// Data is sent outside (`curl -d @file`, `scp`, `nc`).
        sends: bool,
        /// Text is run as code (`sh -c`, `eval`, `curl | sh`, `python -c`).
        code: bool,
        /// Fetched text is run as code (`curl … | sh`).
        fetched_code: bool,
        /// How many pipes there are.
        pipes: i64,
        /// A substitution or variable hides what runs.
        dynamic: bool,
        /// A disk, a mount or the system's state is destroyed or changed (`mkfs`, `dd of=/dev/…`, `rm -rf /`, `shutdown`, fork bomb).
        destructive: bool,
        /// Permissions or owners change (`chmod`, `chown`, `setfacl`, `usermod`).
        rights: bool,
    }
}

/// Texts of one action that are read.
const TEXTS_MAX: usize = 16;

/// Argument keys that hold a command line whatever the action type.
const COMMAND_KEYS: &[&str] = &[
    "command",
    "cmd",
    "shell",
    "bash",
    "commands",
    "command_line",
    "cmdline",
];

/// Argument keys that hold one when the action runs something.
const EXECUTION_KEYS: &[&str] = &["script", "args", "argv", "line", "sh"];

/// Keys beside a text that say in which language it is.
const LANGUAGE_KEYS: &[&str] = &["language", "lang", "interpreter", "runtime"];

/// Parts of the names of tools that run command lines.
const TOOL_PARTS: &[&[u8]] = &[
    b"bash",
    b"shell",
    b"terminal",
    b"command",
    b"subprocess",
    b"exec",
];

impl ShellFacts {
    /// Computes the group.
    #[must_use]
    pub fn compute(input: FactInput<'_>) -> Self {
        let action = input.action;
        let runs = matches!(
            action.action_type,
            ActionType::CodeExecution | ActionType::ProcessSpawn
        );
        let database = matches!(
            action.action_type,
            ActionType::DatabaseQuery | ActionType::DatabaseWrite
        );
        let tool = !database && !action.tool.is_empty() && names_shell(&action.tool);
        let mut lines = Lines {
            certain: runs || tool,
            code_is_shell: tool && !names_part(&action.tool, b"python"),
            database,
            found: Vec::new(),
        };
        lines.collect(&action.arguments, 0);
        lines.collect(&action.payload, 0);
        if lines.found.is_empty() && runs && looks_like_command(&action.resource) {
            lines.found.push(Line::Text(&action.resource));
        }
        if lines.found.is_empty() {
            return Self::default();
        }
        let mut facts = Self {
            present: true,
            ..Self::default()
        };
        let mut parsed = true;
        for line in &lines.found {
            let mut eval = Eval::new(&mut facts);
            match line {
                Line::Text(text) => {
                    eval.script(text);
                }
                Line::Words(words) => {
                    let args: Vec<Arg> = words.iter().map(|w| Arg::literal(*w)).collect();
                    eval.run(&args, &Flow::default());
                }
            }
            parsed &= eval.parsed;
        }
        facts.finish(parsed);
        facts
    }

    /// The facts of one command line.
    #[must_use]
    pub fn of(command: &str) -> Self {
        let mut facts = Self {
            present: true,
            ..Self::default()
        };
        let mut eval = Eval::new(&mut facts);
        eval.script(command);
        let parsed = eval.parsed;
        facts.finish(parsed);
        facts
    }

    /// The facts of a program started without a shell.
    #[must_use]
    pub fn of_words(words: &[&str]) -> Self {
        let mut facts = Self {
            present: true,
            ..Self::default()
        };
        let args: Vec<Arg> = words.iter().map(|w| Arg::literal(*w)).collect();
        let mut eval = Eval::new(&mut facts);
        eval.run(&args, &Flow::default());
        let parsed = eval.parsed;
        facts.finish(parsed);
        facts
    }

    /// Text that should parse and does not may do anything.
    fn finish(&mut self, parsed: bool) {
        self.parsed = parsed;
        if !parsed {
            self.recursive_delete = true;
            self.elevated = true;
            self.network = true;
            self.sends = true;
            self.code = true;
            self.fetched_code = true;
            self.dynamic = true;
            self.destructive = true;
            self.rights = true;
        }
    }
}

/// A command line as the action gives it.
enum Line<'a> {
    Text(&'a str),
    Words(Vec<&'a str>),
}

/// The command lines of an action.
struct Lines<'a> {
    /// The action or its tool says that it runs something.
    certain: bool,
    /// The tool runs shell text, so that `code` is such.
    code_is_shell: bool,
    database: bool,
    found: Vec<Line<'a>>,
}

impl<'a> Lines<'a> {
    fn collect(&mut self, value: &'a Value, depth: usize) {
        match value {
            Value::Object(object) => self.object(object, depth),
            Value::String(text) if depth == 0 && self.certain && looks_like_command(text) => {
                self.push(Line::Text(text));
            }
            Value::Array(items) if depth == 0 && self.certain => self.words(None, items),
            _ => {}
        }
    }

    fn object(&mut self, object: &'a Object, depth: usize) {
        let language = object
            .iter()
            .find(|(key, _)| listed(LANGUAGE_KEYS, key))
            .and_then(|(_, value)| value.as_str());
        let shell_language =
            language.map(|l| names_part(l, b"sh") || l.eq_ignore_ascii_case("console"));
        let mut command = None;
        for (key, value) in object.iter() {
            let always = listed(COMMAND_KEYS, key);
            let fits = always && shell_language != Some(false)
                || self.certain && listed(EXECUTION_KEYS, key) && shell_language != Some(false)
                || key.eq_ignore_ascii_case("code")
                    && (shell_language == Some(true) || self.code_is_shell && language.is_none());
            match value {
                Value::String(text) if fits && (!self.database || self.certain) => {
                    if key.eq_ignore_ascii_case("args") && command.is_some() {
                        continue;
                    }
                    let first = text.split_ascii_whitespace().next().unwrap_or_default();
                    let known = commands::known(first) || first.contains('/');
                    if !text.trim().is_empty() && (self.certain || known) {
                        command = Some(text.as_str());
                        if text.split_ascii_whitespace().nth(1).is_none()
                            && let Some(Value::Array(items)) = object.get("args")
                        {
                            self.words(Some(text), items);
                        } else {
                            self.push(Line::Text(text));
                        }
                    }
                }
                Value::Array(items) if fits && (!self.database || self.certain) => {
                    if key.eq_ignore_ascii_case("commands") {
                        for text in items.iter().filter_map(Value::as_str) {
                            self.push(Line::Text(text));
                        }
                    } else if !(key.eq_ignore_ascii_case("args") && object.get("command").is_some())
                        && (self.certain || items.first().is_some_and(names_program))
                    {
                        self.words(None, items);
                    }
                }
                Value::Object(inner) if depth < 2 => self.object(inner, depth + 1),
                _ => {}
            }
        }
    }

    fn words(&mut self, first: Option<&'a str>, items: &'a [Value]) {
        let words: Vec<&str> = first
            .into_iter()
            .chain(items.iter().filter_map(Value::as_str))
            .collect();
        if !words.is_empty() {
            self.push(Line::Words(words));
        }
    }

    fn push(&mut self, line: Line<'a>) {
        if self.found.len() < TEXTS_MAX {
            self.found.push(line);
        }
    }
}

fn listed(keys: &[&str], key: &str) -> bool {
    keys.iter()
        .any(|k| k.len() == key.len() && k.eq_ignore_ascii_case(key))
}

fn names_shell(tool: &str) -> bool {
    TOOL_PARTS.iter().any(|part| names_part(tool, part))
        && !names_part(tool, b"sql")
        && !names_part(tool, b"python")
}

fn names_program(word: &Value) -> bool {
    word.as_str().is_some_and(looks_like_command)
}

/// A text that is a command line rather than a name: its first word is a program that we know.
fn looks_like_command(text: &str) -> bool {
    let first = text.split_ascii_whitespace().next().unwrap_or_default();
    commands::known(first)
}
