//! One name for one resource, whichever tool touches it.
//!
//! A file tool, a shell `cat` and a `file:` URL name the same path; a database tool and a URL name
//! the same table.

use super::url::{Url, for_each_recipient, has_authority, mail_domain, strip_method};
use super::{FactInput, Facts, fact_group, path, set_insert};
use crate::model::ActionType;
use crate::program::Tier;

fact_group! {
    /// The one name of what is acted on.
    ResourceFacts {
        /// The one name: a file as its path, a table as `scheme://…/table`, a URL normalised.
        name: String,
        /// Every name that the action touches, the one name among them.
        names: Vec<String>,
        /// `file`, `database`, `url`, `host`, `mail`, `other`, or empty.
        kind: String,
        /// `public`, `internal`, `sensitive` or `critical`, by the configured patterns; a known place of secrets is critical. The strictest of all names.
        tier: String,
    }
}

/// Names kept of one action.
const NAMES_MAX: usize = 128;

impl ResourceFacts {
    /// Computes the group from the others.
    #[must_use]
    pub fn compute(input: FactInput<'_>, facts: &Facts) -> Self {
        let action = input.action;
        let given = action.resource.trim();
        let given = strip_method(given).unwrap_or(given);
        let mut out = Self::default();
        let database = facts.sql.present
            || matches!(
                action.action_type,
                ActionType::DatabaseQuery | ActionType::DatabaseWrite
            );
        let runs = facts.shell.present
            || matches!(
                action.action_type,
                ActionType::CodeExecution | ActionType::ProcessSpawn
            );
        let mail = action.action_type == ActionType::MessageSend;
        if database && (!given.is_empty() || !facts.sql.tables.is_empty()) {
            out.kind("database");
            out.database(given, facts);
        } else if mail && out.mail(action) {
            out.kind("mail");
        } else if facts.path.present && !runs && (given.is_empty() || is_path(given, facts)) {
            out.kind("file");
            out.name.clone_from(&facts.path.name);
        } else if has_authority(given) {
            out.kind("url");
            out.name = Url::parse(given).map_or_else(|| given.to_owned(), |url| url.name());
        } else if given.is_empty() && facts.url.present && !facts.url.host.is_empty() {
            out.kind(if facts.url.scheme.is_empty() {
                "host"
            } else {
                "url"
            });
            out.name = url_name(facts);
        } else if !given.is_empty() && facts.url.present && is_request(&action.action_type) {
            out.kind("host");
            out.name = Url::parse_bare(given).map_or_else(|| given.to_owned(), |url| url.name());
        } else if path::looks_like_path(given) && !is_request(&action.action_type) {
            out.kind("file");
            out.name = path::normalise(given).name;
        } else if !given.is_empty() {
            out.kind("other");
            given.clone_into(&mut out.name);
        } else if let Some(first) = facts
            .shell
            .deletes
            .iter()
            .chain(&facts.shell.writes)
            .chain(&facts.shell.reads)
            .next()
        {
            out.kind("file");
            out.name = path::normalise(first).name;
        }
        out.rest(facts);
        out.tier = out.strictest(input, facts).name().to_owned();
        out
    }

    fn kind(&mut self, kind: &str) {
        kind.clone_into(&mut self.kind);
    }

    fn insert(&mut self, name: &str) {
        if !name.is_empty() && self.names.len() < NAMES_MAX {
            set_insert(&mut self.names, name);
        }
    }

    fn database(&mut self, given: &str, facts: &Facts) {
        let base = if has_authority(given) {
            Url::parse(given).map_or_else(|| given.to_owned(), |url| url.name())
        } else if path::looks_like_path(given) {
            path::normalise(given).name
        } else {
            given.to_owned()
        };
        let base = base.trim_end_matches('/');
        self.insert(base);
        let sql = &facts.sql;
        for table in &sql.tables {
            self.insert(table);
            let joined = join_table(base, table);
            self.insert(&joined);
        }
        let main = sql.tables_written.first().or_else(|| sql.tables.first());
        self.name = main.map_or_else(|| base.to_owned(), |table| join_table(base, table));
    }

    fn mail(&mut self, action: &crate::model::Action) -> bool {
        for_each_recipient(action, &mut |recipient| {
            if mail_domain(recipient).is_some() {
                let name = recipient.to_lowercase();
                if self.name.is_empty() {
                    self.name.clone_from(&name);
                }
                self.insert(&name);
            }
        });
        !self.name.is_empty()
    }

    fn rest(&mut self, facts: &Facts) {
        let name = std::mem::take(&mut self.name);
        self.insert(&name);
        self.name = name;
        for file in &facts.path.names {
            self.insert(file);
        }
        if facts.url.present && !facts.url.host.is_empty() && self.kind != "database" {
            let url = url_name(facts);
            self.insert(&url);
        }
    }

    fn strictest(&self, input: FactInput<'_>, facts: &Facts) -> Tier {
        if facts.path.secret {
            return Tier::Critical;
        }
        let mut tier: Option<Tier> = None;
        for name in &self.names {
            let mut found = input.classes.tier(name);
            if name.bytes().any(|b| b.is_ascii_uppercase()) {
                found = found.max(input.classes.tier(&name.to_ascii_lowercase()));
            }
            tier = tier.max(Some(found));
            if tier == Some(Tier::Critical) {
                break;
            }
        }
        tier.unwrap_or_default()
    }
}

fn is_request(action_type: &ActionType) -> bool {
    matches!(
        action_type,
        ActionType::ApiCall | ActionType::NetworkRequest
    )
}

/// Whether the resource itself is among the paths.
fn is_path(given: &str, facts: &Facts) -> bool {
    path::looks_like_path(given)
        || facts
            .path
            .names
            .binary_search(&path::normalise(given).name)
            .is_ok()
}

/// The main URL of the facts in its one spelling.
fn url_name(facts: &Facts) -> String {
    let url = &facts.url;
    let mut out = String::with_capacity(url.host.len() + url.path.len() + 12);
    if !url.scheme.is_empty() {
        out.push_str(&url.scheme);
        out.push_str("://");
    }
    let v6 = url.host.contains(':');
    if v6 {
        out.push('[');
    }
    out.push_str(&url.host);
    if v6 {
        out.push(']');
    }
    if url.port != 0 && url.port != i64::from(super::url::default_port(&url.scheme)) {
        out.push(':');
        out.push_str(&url.port.to_string());
    }
    if url.path != "/" || !url.scheme.is_empty() {
        out.push_str(&url.path);
    }
    out
}

/// The base with the table below it, unless the base already ends with the table.
fn join_table(base: &str, table: &str) -> String {
    let plain = table.rsplit('.').next().unwrap_or(table);
    let last = base.rsplit(['/', '.']).next().unwrap_or(base);
    if base.is_empty() {
        table.to_owned()
    } else if last.eq_ignore_ascii_case(plain) {
        base.to_owned()
    } else {
        format!("{base}/{table}")
    }
}
