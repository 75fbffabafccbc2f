//! What the action does as a whole.

use super::url::{for_each_recipient, is_below, mail_domain};
use super::{FactInput, Facts, fact_group, measure, words};
use crate::model::ActionType;

fact_group! {
    /// What the action does as a whole; stands directly under `facts`.
    ActionFacts {
        /// It reads.
        read: bool,
        /// It writes, sends, pays, runs or deletes: it changes something.
        side_effect: bool,
        /// It deletes.
        delete: bool,
        /// It touches many records or files (1,000 or more), or all of them.
        bulk: bool,
        /// Data leaves for an external host or person.
        outbound: bool,
        /// It can be undone: it changes nothing; or the enforcement point declares `undo` for it, as it keeps what was there before or knows what compensates it; or it changes files or bounded rows and can be run where nothing commits.
        reversible: bool,
        /// It runs code or starts a process.
        executes: bool,
        /// It uses or asks for raised rights.
        elevated: bool,
        /// Some text that should have parsed did not.
        unparsed: bool,
        /// Bytes of arguments and payload.
        bytes: i64,
        /// Records or files touched, by the best estimate there is; -1 when unknown.
        records: i64,
        /// The hour by the engine's clock, UTC, 0 to 23.
        hour: i64,
        /// The weekday by the engine's clock, UTC, 1 Monday to 7 Sunday.
        weekday: i64,
        /// The environment: the credential's if it is bound, else as claimed.
        environment: String,
        /// The agent's identity is proven by its credential.
        authenticated: bool,
        /// The enforcement point can run the action where nothing commits.
        can_sandbox: bool,
        /// The enforcement point can replace parts of the arguments.
        can_redact: bool,
        /// The enforcement point can wait for a person.
        can_wait: bool,
    }
}

/// Records from which on an action is bulk.
const BULK_RECORDS: i64 = 1_000;

/// What the estimate of rows says when nothing is known about a condition; no sign of bulk.
const DEFAULT_ROW_ESTIMATE: i64 = 1_000;

/// Recipients from which on a message is bulk.
const BULK_RECIPIENTS: usize = 50;

/// Bytes of a query from which on a reading request is taken to carry data out.
const QUERY_BYTES_CARRYING: i64 = 256;

const NANOS_PER_HOUR: i64 = 3_600_000_000_000;

/// Words of tools that only read. Sorted.
const READ_WORDS: &[&str] = &[
    "check",
    "count",
    "describe",
    "fetch",
    "find",
    "get",
    "inspect",
    "list",
    "lookup",
    "peek",
    "query",
    "read",
    "retrieve",
    "search",
    "select",
    "show",
    "stat",
    "summarize",
    "view",
];

/// Words of tools that delete. Sorted.
const DELETE_WORDS: &[&str] = &[
    "delete", "destroy", "drop", "erase", "purge", "remove", "truncate", "unlink", "wipe",
];

/// Programs that read and change nothing by themselves. Sorted.
const READ_PROGRAMS: &[&str] = &[
    "[",
    "awk",
    "basename",
    "cat",
    "cd",
    "cut",
    "date",
    "df",
    "diff",
    "dirname",
    "du",
    "echo",
    "false",
    "file",
    "find",
    "grep",
    "head",
    "hostname",
    "id",
    "jq",
    "less",
    "ls",
    "md5sum",
    "more",
    "nl",
    "od",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "realpath",
    "rg",
    "sed",
    "sha256sum",
    "sort",
    "stat",
    "strings",
    "tac",
    "tail",
    "test",
    "tr",
    "tree",
    "true",
    "uname",
    "uniq",
    "wc",
    "which",
    "whoami",
    "xxd",
];

impl ActionFacts {
    /// Computes the group from the others.
    #[must_use]
    pub fn compute(input: FactInput<'_>, facts: &Facts) -> Self {
        let action = input.action;
        let mut out = Self {
            bytes: measure::bytes(&action.arguments)
                .saturating_add(measure::bytes(&action.payload)),
            records: facts.data.records,
            hour: input.now.div_euclid(NANOS_PER_HOUR).rem_euclid(24),
            // The epoch was a Thursday.
            weekday: (input.now.div_euclid(24 * NANOS_PER_HOUR) + 3).rem_euclid(7) + 1,
            environment: input
                .principal
                .environment
                .as_deref()
                .unwrap_or(action.environment.name.trim())
                .to_owned(),
            authenticated: input.principal.agent.is_some(),
            can_sandbox: input.action.capabilities.sandbox,
            can_redact: input.action.capabilities.redact,
            can_wait: input.action.capabilities.wait,
            unparsed: (facts.sql.present && !facts.sql.parsed)
                || (facts.shell.present && !facts.shell.parsed)
                || (facts.path.present && !facts.path.parsed)
                || (facts.url.present && !facts.url.parsed)
                || (facts.http.present && !facts.http.parsed)
                || (facts.money.present && !facts.money.parsed),
            ..Self::default()
        };
        out.kind(input, facts);
        out.shell(facts);
        if facts.sql.present {
            out.read |= facts.sql.reads;
            out.side_effect |= facts.sql.writes || facts.sql.deletes || facts.sql.ddl;
            out.delete |= facts.sql.deletes;
        }
        out.elevated |= input.principal.elevated || facts.sql.rights || facts.shell.rights;
        out.side_effect |= out.delete || facts.sql.rights;
        out.bulk = out.is_bulk(input, facts);
        out.outbound = is_outbound(input, facts);
        out.reversible = out.is_reversible(input, facts);
        out
    }

    fn kind(&mut self, input: FactInput<'_>, facts: &Facts) {
        let action = input.action;
        match &action.action_type {
            ActionType::FileRead => self.read = true,
            ActionType::FileWrite | ActionType::MessageSend | ActionType::Payment => {
                self.side_effect = true;
            }
            ActionType::FileDelete => {
                self.side_effect = true;
                self.delete = true;
            }
            ActionType::DatabaseQuery => self.read |= !facts.sql.present,
            ActionType::DatabaseWrite => self.side_effect = true,
            ActionType::CodeExecution | ActionType::ProcessSpawn => {
                self.executes = true;
                self.side_effect = !(facts.shell.present && only_reads(facts));
            }
            ActionType::PermissionChange => {
                self.side_effect = true;
                self.elevated = true;
            }
            ActionType::LlmCall => {}
            ActionType::ApiCall | ActionType::NetworkRequest => self.request(&action.tool, facts),
            ActionType::Custom(name) => {
                if facts.shell.present {
                    self.side_effect |= !only_reads(facts);
                } else if !facts.sql.present {
                    // The type's own name speaks where there is no text to parse.
                    self.verb(if action.tool.is_empty() {
                        name
                    } else {
                        &action.tool
                    });
                    self.delete |= deletes(name);
                }
                self.side_effect |= facts.money.present || facts.http.writes;
                self.delete |= facts.http.method == "DELETE";
            }
        }
    }

    fn request(&mut self, tool: &str, facts: &Facts) {
        if facts.http.present {
            self.side_effect |= facts.http.writes;
            self.read |= !facts.http.writes;
            // Some interfaces delete by GET; then the tool's name is all there is.
            self.delete |= facts.http.method == "DELETE" || deletes(tool);
        } else {
            self.verb(tool);
        }
    }

    /// Judges by the first telling word of a name; one that tells nothing may change something.
    fn verb(&mut self, name: &str) {
        for word in words::of(name) {
            if words::contains(DELETE_WORDS, word) {
                self.delete = true;
                self.side_effect = true;
                return;
            }
            if words::contains(READ_WORDS, word) {
                self.read = true;
                return;
            }
        }
        self.side_effect = true;
    }

    fn shell(&mut self, facts: &Facts) {
        let shell = &facts.shell;
        if !shell.present {
            return;
        }
        self.executes = true;
        self.read |= !shell.reads.is_empty();
        self.side_effect |= !shell.writes.is_empty()
            || shell.sends
            || shell.destructive
            || shell.rights
            || shell.code
            || !shell.parsed;
        self.delete |= !shell.deletes.is_empty() || shell.recursive_delete;
        self.elevated |= shell.elevated;
    }

    fn is_bulk(&self, input: FactInput<'_>, facts: &Facts) -> bool {
        let sql = &facts.sql;
        let guessed = sql.present
            && input.action.observed.rows.is_none()
            && sql.limit < 0
            && self.records == DEFAULT_ROW_ESTIMATE;
        let mut recipients = 0usize;
        if input.action.action_type == ActionType::MessageSend {
            for_each_recipient(input.action, &mut |_| recipients += 1);
        }
        (self.records >= BULK_RECORDS && !guessed)
            || (sql.present && (sql.unbounded || sql.unbounded_read))
            || facts.shell.recursive_delete
            || (self.delete && facts.path.wildcard)
            || recipients >= BULK_RECIPIENTS
    }

    fn is_reversible(&self, input: FactInput<'_>, facts: &Facts) -> bool {
        if !self.side_effect || input.action.capabilities.undo {
            return true;
        }
        let kept = input.action.capabilities.sandbox && !self.outbound && !self.unparsed;
        match input.action.action_type {
            ActionType::FileWrite | ActionType::FileDelete => kept,
            ActionType::DatabaseWrite | ActionType::DatabaseQuery => {
                kept && facts.sql.present && !facts.sql.ddl && !facts.sql.rights && !self.bulk
            }
            _ => false,
        }
    }
}

fn deletes(name: &str) -> bool {
    words::of(name).any(|word| words::contains(DELETE_WORDS, word))
}

fn only_reads(facts: &Facts) -> bool {
    let shell = &facts.shell;
    shell.parsed
        && shell.writes.is_empty()
        && shell.deletes.is_empty()
        && !(shell.network
            || shell.sends
            || shell.code
            || shell.dynamic
            || shell.destructive
            || shell.rights
            || shell.elevated
            || shell.recursive_delete)
        && shell
            .commands
            .iter()
            .all(|program| READ_PROGRAMS.binary_search(&program.as_str()).is_ok())
}

fn is_outbound(input: FactInput<'_>, facts: &Facts) -> bool {
    let action = input.action;
    match action.action_type {
        ActionType::MessageSend => {
            let mut out = false;
            for_each_recipient(action, &mut |recipient| {
                if let Some(domain) = mail_domain(recipient) {
                    out |= !is_below(&domain.to_lowercase(), &input.classes.internal_domains);
                }
            });
            out || (facts.url.external && webhook(action))
        }
        // A model's provider is reached by every call; what may go there is for policies to say.
        ActionType::LlmCall => false,
        ActionType::DatabaseQuery | ActionType::DatabaseWrite | ActionType::FileRead => {
            facts.shell.sends
        }
        ActionType::FileWrite => facts.url.external,
        _ => {
            let carries = facts.http.body_bytes > 0
                || facts.http.writes
                || facts.url.query_bytes >= QUERY_BYTES_CARRYING
                || (action.action_type == ActionType::NetworkRequest && !action.payload.is_null());
            let requests = facts.url.external && facts.http.present && carries;
            let raw = facts.url.external
                && !facts.http.present
                && (carries_payload(action) || facts.url.query_bytes >= QUERY_BYTES_CARRYING);
            // A destination that is hidden from us counts as outside.
            let shell = facts.shell.sends && (facts.url.external || !facts.url.present);
            requests || raw || shell
        }
    }
}

/// A message that goes to a web address instead of a mailbox.
fn webhook(action: &crate::model::Action) -> bool {
    ["webhook", "webhook_url", "url"]
        .iter()
        .any(|key| action.arguments.get(key).is_some())
}

fn carries_payload(action: &crate::model::Action) -> bool {
    !action.payload.is_null()
        || ["body", "content", "data", "file", "files", "payload"]
            .iter()
            .any(|key| action.arguments.get(key).is_some_and(|v| !v.is_null()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_for_binary_search() {
        for table in [READ_WORDS, DELETE_WORDS, READ_PROGRAMS] {
            assert!(table.is_sorted(), "{table:?}");
        }
    }
}
