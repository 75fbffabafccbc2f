//! What an action does when the server that should decide on it does not answer.

use super::error::ServerError;

/// Rules that one client may have.
const RULES_MAX: usize = 1_000;

/// What happens without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Otherwise {
    /// The action does not run.
    #[default]
    Closed,
    /// The action runs, and that is on record.
    Open,
}

impl Otherwise {
    /// The word of that meaning.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "closed" => Some(Self::Closed),
            "open" => Some(Self::Open),
            _ => None,
        }
    }
}

/// What happens without an answer, by tool and environment: the most exact rule holds, and nothing
/// runs where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OnUnavailable(Vec<(String, String, Otherwise)>);

impl OnUnavailable {
    /// Reads rules of the form `tool`, `tool@environment`, `@environment` or `*`.
    ///
    /// # Errors
    /// When a rule has another form, there are two of one name, or there are more than 1,000.
    pub fn new<'a>(
        rules: impl IntoIterator<Item = (&'a str, Otherwise)>,
    ) -> Result<Self, ServerError> {
        let wrong = |why: String| Err(ServerError::Configuration(why));
        let mut all: Vec<(String, String, Otherwise)> = Vec::new();
        for (name, otherwise) in rules {
            let (tool, environment) = match name.split_once('@') {
                _ if name == "*" => ("", ""),
                Some((tool, environment)) if !environment.is_empty() => (tool, environment),
                None if !name.is_empty() => (name, ""),
                _ => {
                    return wrong(format!(
                        "`on_unavailable` takes `tool`, `tool@environment`, `@environment` and `*`, not `{name}`"
                    ));
                }
            };
            if all.iter().any(|(t, e, _)| t == tool && e == environment) {
                return wrong(format!("`on_unavailable` names `{name}` twice"));
            }
            if all.len() >= RULES_MAX {
                return wrong(format!("`on_unavailable` has more than {RULES_MAX} rules"));
            }
            all.push((tool.to_owned(), environment.to_owned(), otherwise));
        }
        // The most exact first: a tool says more than an environment.
        all.sort_by_key(|(tool, environment, _)| (tool.is_empty(), environment.is_empty()));
        Ok(Self(all))
    }

    /// What an action of this tool does in this environment.
    #[must_use]
    pub fn of(&self, tool: &str, environment: &str) -> Otherwise {
        let fits = |(t, e, _): &&(String, String, Otherwise)| {
            (t.is_empty() || t == tool) && (e.is_empty() || e == environment)
        };
        let found = self.0.iter().find(fits);
        found.map_or(Otherwise::Closed, |(_, _, otherwise)| *otherwise)
    }

    /// Whether anything is ever open.
    #[must_use]
    pub fn is_open_somewhere(&self) -> bool {
        self.0.iter().any(|(_, _, o)| *o == Otherwise::Open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Result<OnUnavailable, String> {
        let rules = text.split_whitespace().map(|rule| {
            let (name, word) = rule.split_once('=').unwrap();
            (name, Otherwise::from_name(word).unwrap())
        });
        OnUnavailable::new(rules).map_err(|e| e.to_string())
    }

    #[test]
    fn the_most_exact_rule_holds() {
        let all = rules("*=open @production=closed search=open refund=closed refund@staging=open")
            .unwrap();
        for (tool, environment, word) in [
            ("other", "", "open"),
            ("other", "staging", "open"),
            ("other", "production", "closed"),
            ("search", "production", "open"),
            ("refund", "", "closed"),
            ("refund", "production", "closed"),
            ("refund", "staging", "open"),
        ] {
            let expected = Otherwise::from_name(word).unwrap();
            assert_eq!(all.of(tool, environment), expected, "{tool}@{environment}");
        }
        assert!(all.is_open_somewhere());
        let none = OnUnavailable::default();
        assert_eq!(none.of("", ""), Otherwise::Closed);
        assert!(!none.is_open_somewhere());
        assert!(!rules("a=closed").unwrap().is_open_somewhere());
    }

    #[test]
    fn what_is_no_rule_is_said_so() {
        assert!(rules("a@=open").unwrap_err().contains("`a@`"));
        assert!(rules("=open").unwrap_err().contains("``"));
        assert!(rules("a=open a=closed").unwrap_err().contains("twice"));
        assert_eq!(Otherwise::from_name("half"), None);
        let many: Vec<String> = (0..=RULES_MAX).map(|n| format!("t{n}")).collect();
        let many = many.iter().map(|n| (n.as_str(), Otherwise::Open));
        assert!(OnUnavailable::new(many).is_err());
    }
}
