//! What a rule that lets through goes by: all that the action does, and that it does nothing else.
//!
//! Whoever writes the action chooses its names. So a rule made of it bounds every set from above,
//! says of what was not done that it is not done, and holds for nothing that was not understood.

use interlock_core::audit::recorded::Recorded;

use super::{Strength, parent, plain, quoted};

/// Names of one kind that a condition bounds; with all kinds they stay below the limit of a
/// condition and of what a record keeps.
const NAMES_MAX: usize = 16;

/// The conditions, and what is `missing` because it cannot be said in one.
pub(super) fn closed(
    recorded: &Recorded,
    strength: Strength,
    missing: &mut Vec<&'static str>,
) -> Vec<String> {
    let facts = &recorded.facts;
    let narrow = strength != Strength::Tool;
    let mut all = Closed {
        when: Vec::new(),
        missing,
    };
    if facts.action.unparsed {
        all.missing.push("what it does, which was not understood");
    }
    all.when.push("!facts.unparsed".to_owned());
    all.sql(recorded, narrow);
    all.shell(recorded, narrow);
    all.url(recorded, narrow);
    if narrow {
        all.money(recorded, strength);
        all.places(recorded, strength);
    }
    let path = &facts.path;
    all.not(
        "path",
        &[
            (path.traversal, "traversal"),
            (path.secret, "secret"),
            (path.system, "system"),
            (path.wildcard, "wildcard"),
        ],
    );
    let action = &facts.action;
    for (is, fact) in [
        (action.elevated, "elevated"),
        (action.outbound, "outbound"),
        (action.bulk, "bulk"),
    ] {
        if !is {
            all.when.push(format!("!facts.{fact}"));
        }
    }
    all.when
}

struct Closed<'a> {
    when: Vec<String>,
    missing: &'a mut Vec<&'static str>,
}

impl Closed<'_> {
    /// What it did not do, the rule does not hold for.
    fn not(&mut self, group: &str, flags: &[(bool, &str)]) {
        let others = flags.iter().filter(|(is, _)| !is);
        self.when
            .extend(others.map(|(_, fact)| format!("!facts.{group}.{fact}")));
    }

    /// These names and no others.
    fn within(&mut self, fact: &str, names: &[String], what: &'static str) {
        if names.is_empty() {
            self.when.push(format!("facts.{fact}.isEmpty()"));
        } else if names.len() <= NAMES_MAX && names.iter().all(|name| plain(name)) {
            let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
            self.when
                .push(format!("[{}].containsAll(facts.{fact})", names.join(", ")));
        } else {
            self.missing.push(what);
        }
    }

    fn equals(&mut self, fact: &str, text: &str, what: &'static str) {
        if text.is_empty() || plain(text) {
            self.when.push(format!("facts.{fact} == {}", quoted(text)));
        } else {
            self.missing.push(what);
        }
    }

    fn sql(&mut self, recorded: &Recorded, narrow: bool) {
        let sql = &recorded.facts.sql;
        if !sql.present {
            self.when.push("!facts.sql.present".to_owned());
            return;
        }
        if sql.dynamic {
            self.missing.push("the SQL that it makes as it runs");
        }
        self.within("sql.kinds", &sql.kinds, "the kinds of its statements");
        if narrow {
            self.within("sql.tables", &sql.tables, "the tables");
        }
        self.within("sql.functions", &sql.functions, "the SQL functions");
        self.not(
            "sql",
            &[
                (sql.reads, "reads"),
                (sql.writes, "writes"),
                (sql.deletes, "deletes"),
                (sql.ddl, "ddl"),
                (sql.rights, "rights"),
                (sql.unbounded, "unbounded"),
                (sql.unbounded_read, "unbounded_read"),
                (sql.stacked, "stacked"),
                (sql.tautology, "tautology"),
                (sql.dynamic, "dynamic"),
            ],
        );
    }

    fn shell(&mut self, recorded: &Recorded, narrow: bool) {
        let shell = &recorded.facts.shell;
        if !shell.present {
            self.when.push("!facts.shell.present".to_owned());
            return;
        }
        if shell.dynamic || shell.fetched_code {
            self.missing.push("the commands that it makes as it runs");
        }
        self.within("shell.commands", &shell.commands, "the commands");
        if narrow {
            self.within("shell.hosts", &shell.hosts, "the hosts");
        }
        self.not(
            "shell",
            &[
                (shell.recursive_delete, "recursive_delete"),
                (shell.elevated, "elevated"),
                (shell.network, "network"),
                (shell.sends, "sends"),
                (shell.code, "code"),
                (shell.fetched_code, "fetched_code"),
                (shell.dynamic, "dynamic"),
                (shell.destructive, "destructive"),
                (shell.rights, "rights"),
            ],
        );
    }

    fn url(&mut self, recorded: &Recorded, narrow: bool) {
        let (url, http) = (&recorded.facts.url, &recorded.facts.http);
        if url.present {
            if narrow {
                self.within("url.hosts", &url.hosts, "the hosts");
                self.equals("url.host", &url.host, "the host");
            }
            self.not(
                "url",
                &[
                    (url.internal, "internal"),
                    (url.external, "external"),
                    (url.metadata_service, "metadata_service"),
                    (url.rebound, "rebound"),
                    (url.credentials, "credentials"),
                ],
            );
        } else {
            self.when.push("!facts.url.present".to_owned());
        }
        if http.present {
            self.equals("http.method", &http.method, "the HTTP method");
            self.not("http", &[(http.writes, "writes")]);
        }
    }

    fn money(&mut self, recorded: &Recorded, strength: Strength) {
        let money = &recorded.facts.money;
        if !money.present {
            self.when.push("!facts.money.present".to_owned());
            return;
        }
        let bound = if strength == Strength::Exact {
            "=="
        } else {
            "<="
        };
        self.when
            .push(format!("facts.money.amount {bound} {}", money.amount));
        self.equals("money.currency", &money.currency, "the currency");
        self.not("money", &[(money.negative, "negative")]);
    }

    /// Everything that is acted on. A selector holds for an action that names one such thing among
    /// others, so it does not do.
    fn places(&mut self, recorded: &Recorded, strength: Strength) {
        let facts = &recorded.facts;
        let (names, path) = (&facts.resource.names, &facts.path);
        let target = strength == Strength::Target;
        if target && facts.url.present && !path.present && !facts.sql.present {
            // The hosts are the target.
            return;
        }
        if target && path.present && names.iter().all(|name| *name == path.name) {
            match parent(&path.name) {
                Some(parent) => {
                    let below = quoted(&format!("{parent}/*"));
                    self.when.push(format!("facts.path.name like {below}"));
                    self.when
                        .push("[facts.path.name].containsAll(facts.resource.names)".to_owned());
                }
                None => self.missing.push("the directory"),
            }
            return;
        }
        self.within("resource.names", names, "the names of what it acts on");
    }
}
