//! What frameworks ask for, and what of it the record proves.
//!
//! One data file for each framework, in `controls/`: what a control asks, the queries that count
//! entries for it, and where the record proves nothing, why. Nothing is counted but entries.

use serde::{Deserialize, Serialize};

use super::said::Said;
use crate::error::RuntimeError;

const FILES: [&str; 5] = [
    include_str!("controls/eu-ai-act.json"),
    include_str!("controls/soc2.json"),
    include_str!("controls/hipaa.json"),
    include_str!("controls/pci-dss.json"),
    include_str!("controls/gdpr.json"),
];

/// A framework as its file states it.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Framework {
    /// Its name in commands and addresses.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// The text that the controls are of, and where it stands.
    pub source: String,
    /// What a reader must know first.
    pub note: String,
    /// Months for which it asks records to be kept; 0 when it names none.
    pub retention_months: u32,
    /// The passage that says so.
    pub retention_source: String,
    /// The controls.
    pub controls: Vec<Control>,
}

/// A control.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// Its number in the framework.
    pub id: String,
    /// What it asks, in short.
    pub title: String,
    /// What is counted for it.
    #[serde(default)]
    pub counts: Vec<Query>,
    /// What of it the record does not prove, or why it proves nothing.
    #[serde(default)]
    pub not_evidenced: String,
}

/// What is counted.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// What the entries are, for people.
    pub what: String,
    /// Which entries: `member:value` with spaces between, `a|b` for either, `*` for any, `risk:>=N`.
    pub query: String,
}

/// The frameworks, in the order of their names in `FILES`.
///
/// # Errors
/// When a file is not in its form, which a test holds.
pub fn frameworks() -> Result<Vec<Framework>, RuntimeError> {
    FILES
        .iter()
        .map(|text| {
            serde_json::from_str(text)
                .map_err(|e| RuntimeError::Conflict(format!("a framework cannot be read: {e}")))
        })
        .collect()
}

type Member = for<'x, 'y> fn(&'x Said<'y>) -> &'x str;

#[derive(Debug, Clone)]
enum Term {
    Any(Member),
    OneOf(Member, Vec<String>),
    RiskFrom(u64),
}

/// A query that can be asked of an entry.
#[derive(Debug, Clone)]
pub(super) struct Terms(Vec<Term>);

impl Terms {
    /// Reads a query; `None` when it names a member that queries do not know.
    pub(super) fn parse(query: &str) -> Option<Self> {
        let terms = query.split_whitespace().map(|term| {
            let (name, value) = term.split_once(':')?;
            if name == "risk" {
                return Some(Term::RiskFrom(value.strip_prefix(">=")?.parse().ok()?));
            }
            let member = Said::member(name)?;
            Some(match value {
                "*" => Term::Any(member),
                values => Term::OneOf(member, values.split('|').map(str::to_owned).collect()),
            })
        });
        let terms: Vec<Term> = terms.collect::<Option<_>>()?;
        (!terms.is_empty()).then_some(Self(terms))
    }

    pub(super) fn holds(&self, said: &Said<'_>) -> bool {
        self.0.iter().all(|term| match term {
            Term::Any(member) => !member(said).is_empty(),
            Term::OneOf(member, values) => values.iter().any(|v| v == member(said)),
            Term::RiskFrom(least) => *said.kind == *"decision" && said.risk.0 >= *least,
        })
    }
}

/// How many entries a query found, and the first and last of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Count {
    /// The query.
    pub query: String,
    /// How many.
    pub count: u64,
    /// The number of the first entry.
    pub first: Option<u64>,
    /// The number of the last.
    pub last: Option<u64>,
}

/// The counts of all queries of all frameworks.
#[derive(Debug)]
pub(super) struct Tally {
    queries: Vec<(Terms, Count)>,
}

impl Tally {
    pub(super) fn new(frameworks: &[Framework]) -> Result<Self, RuntimeError> {
        let mut queries: Vec<(Terms, Count)> = Vec::new();
        let all = frameworks
            .iter()
            .flat_map(|f| &f.controls)
            .flat_map(|c| &c.counts);
        for Query { query, .. } in all {
            if queries.iter().any(|(_, count)| count.query == *query) {
                continue;
            }
            let terms = Terms::parse(query)
                .ok_or_else(|| RuntimeError::Conflict(format!("`{query}` is no query")))?;
            let count = Count {
                query: query.clone(),
                ..Count::default()
            };
            queries.push((terms, count));
        }
        Ok(Self { queries })
    }

    pub(super) fn add(&mut self, seq: u64, said: &Said<'_>) {
        for (terms, count) in &mut self.queries {
            if terms.holds(said) {
                count.count += 1;
                count.first.get_or_insert(seq);
                count.last = Some(seq);
            }
        }
    }

    pub(super) fn of(&self, query: &str) -> Count {
        let found = self.queries.iter().find(|(_, count)| count.query == query);
        found.map(|(_, count)| count.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CHANGES;

    #[test]
    fn every_framework_can_be_counted_and_claims_nothing_else() {
        let frameworks = frameworks().unwrap();
        assert_eq!(frameworks.len(), FILES.len());
        Tally::new(&frameworks).unwrap();
        for framework in &frameworks {
            assert!(!framework.source.is_empty() && !framework.note.is_empty());
            for control in &framework.controls {
                assert!(
                    !control.counts.is_empty() || !control.not_evidenced.is_empty(),
                    "{} {}",
                    framework.id,
                    control.id
                );
            }
            // No framework is evidenced as a whole by a log.
            assert!(framework.controls.iter().any(|c| c.counts.is_empty()));
        }
    }

    #[test]
    fn names_in_queries_are_those_that_are_written() {
        let kill = "kind:kill what:kill-on|kill-off";
        let mut seen = Vec::new();
        for framework in frameworks().unwrap() {
            for Query { what, query } in framework.controls.into_iter().flat_map(|c| c.counts) {
                // Each of these kinds has entries about more than one thing.
                let mixed = query == "kind:kill" || query == "kind:config-change";
                assert!(
                    !mixed,
                    "`{what}` counts everything else of its kind as well"
                );
                let Some((kinds, names)) = query.split_once(" what:") else {
                    continue;
                };
                let kind = kinds.strip_prefix("kind:").unwrap();
                for name in names.split('|') {
                    let written = CHANGES
                        .iter()
                        .any(|(k, what)| k.name() == kind && *what == name);
                    assert!(written, "nothing writes `{name}` of `{query}`");
                }
                seen.push(query);
            }
        }
        assert!(seen.iter().any(|query| query == kill));
        let stop = br#"{"v":1,"ts":"2026-01-01T00:00:00Z","kind":"kill","what":"tool-stopped"}"#;
        let said = Said::read(stop).unwrap();
        assert!(!Terms::parse(kill).unwrap().holds(&said));
    }

    #[test]
    fn queries_find_what_they_say() {
        let body = br#"{"v":1,"ts":"2026-01-01T00:00:00Z","kind":"decision","effect":"block","risk":71,"findings":[["x"]],"rules":[]}"#;
        let said = Said::read(body).unwrap();
        for (query, holds) in [
            ("kind:decision", true),
            ("kind:decision effect:block|allow", true),
            ("kind:decision effect:allow", false),
            ("kind:outcome", false),
            ("findings:*", true),
            ("rules:*", false),
            ("risk:>=71", true),
            ("risk:>=72", false),
        ] {
            assert_eq!(Terms::parse(query).unwrap().holds(&said), holds, "{query}");
        }
        for bad in ["", "decision", "colour:red", "risk:71", "risk:>=x"] {
            assert!(Terms::parse(bad).is_none(), "{bad}");
        }
    }
}
