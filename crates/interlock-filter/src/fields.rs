//! What each list can be filtered by: the one place where a field is declared.

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Texts, compared without regard to case; `*` stands for anything.
    Text,
    /// One of these names.
    Names(&'static [&'static str]),
    /// A decimal, also with `<`, `<=`, `>` and `>=`.
    Number,
    /// A span such as `24h` back from now, or a time.
    Time,
}

impl Kind {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Names(_) => "names",
            Self::Number => "number",
            Self::Time => "time",
        }
    }
}

/// A field that a filter may name.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it is, for a person.
    pub about: &'static str,
}

/// A list that can be filtered.
#[derive(Debug, PartialEq, Eq)]
pub struct Resource {
    /// `actions`, `runs`, `alerts`, `alert-groups`, `approvals` or `agents`.
    pub name: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
    /// The text fields that a term without a field looks into.
    pub free: &'static [&'static str],
}

/// Another name of a field.
pub(crate) const ALIASES: &[(&str, &str)] = &[("effect", "decision")];

const fn text(name: &'static str, about: &'static str) -> Field {
    Field {
        name,
        kind: Kind::Text,
        about,
    }
}

const fn names(name: &'static str, names: &'static [&'static str], about: &'static str) -> Field {
    Field {
        name,
        kind: Kind::Names(names),
        about,
    }
}

const fn number(name: &'static str, about: &'static str) -> Field {
    Field {
        name,
        kind: Kind::Number,
        about,
    }
}

const SINCE: Field = Field {
    name: "since",
    kind: Kind::Time,
    about: "not before: 24h, 30m, 7d back from now, or a time",
};
const UNTIL: Field = Field {
    name: "until",
    kind: Kind::Time,
    about: "before: 24h, 30m, 7d back from now, or a time",
};
const EFFECTS: &[&str] = &[
    "allow",
    "alert",
    "redact",
    "sandbox",
    "require_approval",
    "block",
];

/// Actions: every decision.
pub const ACTIONS: Resource = Resource {
    name: "actions",
    fields: &[
        text("agent", "the agent"),
        names("decision", EFFECTS, "what was decided; also `effect`"),
        number("risk", "the composite risk, 0 to 100"),
        text("tool", "the tool"),
        text("type", "the type of the action"),
        text("resource", "what is acted on"),
        text("rule", "a rule that fired"),
        text(
            "detector",
            "what a detector found, such as `sql-injection*`",
        ),
        text(
            "asi",
            "the OWASP agentic risk of a finding, such as `ASI02`",
        ),
        text("session", "the session"),
        text("run", "the run"),
        number("step", "the position in the run"),
        text("env", "the environment"),
        text("reason", "why it was decided so"),
        text("source", "what asked"),
        text("approver", "who answered its approval"),
        names(
            "outcome",
            &["succeeded", "failed", "not_run", "unknown"],
            "how it ended",
        ),
        number("cost", "what it cost, in US dollars"),
        number("latency", "how long it ran, in milliseconds"),
        names(
            "is",
            &["flagged", "rolled_back", "erased", "degraded", "reported"],
            "what it is; degraded: a detector or a rule failed",
        ),
        names(
            "has",
            &["approval", "finding", "outcome", "rule"],
            "what it has",
        ),
        SINCE,
        UNTIL,
    ],
    free: &["agent", "type", "tool", "resource", "reason"],
};

/// Runs: the actions of agents' tasks, task by task.
pub const RUNS: Resource = Resource {
    name: "runs",
    fields: &[
        text("run", "the run"),
        text("agent", "the agent of its first action"),
        number("actions", "how many actions"),
        number("blocked", "how many were blocked"),
        number("held", "how many asked a person"),
        number("flagged", "how many somebody should look at"),
        number("agents", "how many agents acted in it"),
        number("risk", "the highest risk, 0 to 100"),
        SINCE,
        UNTIL,
    ],
    free: &["run", "agent"],
};

/// Alerts.
pub const ALERTS: Resource = Resource {
    name: "alerts",
    fields: &[
        text("agent", "the agent"),
        names("level", &["low", "medium", "high", "critical"], "how grave"),
        text("message", "what happened"),
        text("action", "the id of the action"),
        names("is", &["open", "acknowledged"], "whether it is dealt with"),
        SINCE,
        UNTIL,
    ],
    free: &["agent", "message"],
};

/// Groups of alerts.
pub const ALERT_GROUPS: Resource = Resource {
    name: "alert-groups",
    fields: &[
        text("agent", "the agent"),
        names(
            "level",
            &["low", "medium", "high", "critical"],
            "the worst level",
        ),
        names(
            "state",
            &["open", "acknowledged", "resolved"],
            "how far people are with it",
        ),
        text("rule", "the rule that decided"),
        text("detector", "a threat vector of what was found"),
        text("tag", "OWASP ASI, MITRE ATLAS or CWE, such as `ASI02*`"),
        text("kind", "decision, stopped, budget, deep-model or response"),
        text("message", "what happened"),
        text("with", "who looks after it"),
        number("count", "how many alerts"),
        names("is", &["muted"], "whether a mute silences it"),
        SINCE,
        UNTIL,
    ],
    free: &["agent", "message"],
};

/// Approvals.
pub const APPROVALS: Resource = Resource {
    name: "approvals",
    fields: &[
        text("agent", "the agent that asks"),
        text("type", "the type of the action"),
        text("tool", "the tool"),
        text("resource", "what is acted on"),
        text("run", "the run"),
        text("session", "the session"),
        text("group", "the group that is asked"),
        text("approver", "who answered"),
        number("risk", "the composite risk, 0 to 100"),
        text("reason", "why it is asked"),
        SINCE,
        UNTIL,
    ],
    free: &["agent", "type", "tool", "resource", "reason"],
};

/// Agents, which the console lists.
pub const AGENTS: Resource = Resource {
    name: "agents",
    fields: &[
        text("agent", "its id"),
        text("name", "its name"),
        number("actions", "how many it asked for"),
        number("flagged", "how many somebody should look at"),
        names("is", &["paused"], "whether it may act"),
        SINCE,
        UNTIL,
    ],
    free: &["agent", "name"],
};

/// All of them.
pub const RESOURCES: [&Resource; 6] =
    [&ACTIONS, &RUNS, &ALERTS, &ALERT_GROUPS, &APPROVALS, &AGENTS];

impl Resource {
    /// The field of that name, or of which it is another name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        let name = ALIASES
            .iter()
            .find(|(alias, _)| *alias == name)
            .map_or(name, |(_, field)| field);
        self.fields.iter().find(|field| field.name == name)
    }

    /// The field whose name is nearest, if one is near.
    pub(crate) fn nearest(&self, name: &str) -> Option<&'static str> {
        let all = self.fields.iter().map(|field| field.name);
        let best = all
            .map(|other| (distance(name, other), other))
            .min_by_key(|(d, _)| *d)?;
        (best.0 * 2 <= best.1.chars().count().max(2)).then_some(best.1)
    }
}

/// Levenshtein's distance: how many characters must be put in, taken away or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (above, to) in row.iter().skip(1).zip(&b) {
            left = (diagonal + usize::from(from != *to))
                .min(above + 1)
                .min(left + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("risk", "risk", 0),
            ("riks", "risk", 2),
            ("agnt", "agent", 1),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn what_a_free_term_looks_into_is_a_text_field() {
        for resource in RESOURCES {
            for name in resource.free {
                assert_eq!(resource.field(name).map(|f| f.kind), Some(Kind::Text));
            }
        }
    }
}
