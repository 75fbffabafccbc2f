//! What a caller sees of a decision.

use std::fmt;

/// The effect of a decision, in order of strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Effect {
    /// The action runs.
    #[default]
    Allow,
    /// The action runs and somebody is told.
    Alert,
    /// The action runs with the marked spans replaced.
    Redact,
    /// The action runs where nothing commits.
    Sandbox,
    /// The action waits for a person.
    RequireApproval,
    /// The action does not run.
    Block,
}

impl Effect {
    /// All effects, from the mildest to the strictest.
    pub const ALL: [Self; 6] = [
        Self::Allow,
        Self::Alert,
        Self::Redact,
        Self::Sandbox,
        Self::RequireApproval,
        Self::Block,
    ];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Alert => "alert",
            Self::Redact => "redact",
            Self::Sandbox => "sandbox",
            Self::RequireApproval => "require_approval",
            Self::Block => "block",
        }
    }

    /// The effect of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.name() == name)
    }

    /// Whether the caller may run the action now, perhaps changed or isolated.
    #[must_use]
    pub const fn permits(self) -> bool {
        matches!(
            self,
            Self::Allow | Self::Alert | Self::Redact | Self::Sandbox
        )
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an enforcement point declared that it can do; `allow`, `alert` and `block` need no
/// declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// It can replace spans of the arguments.
    pub redact: bool,
    /// It can run the action where nothing commits.
    pub sandbox: bool,
    /// It can wait for a person.
    pub wait: bool,
    /// It keeps what this action changes, or knows what compensates it, so that it can be undone.
    pub undo: bool,
}

impl Default for Capabilities {
    /// A caller that declares nothing can wait, as every caller can by asking again.
    fn default() -> Self {
        Self {
            redact: false,
            sandbox: false,
            wait: true,
            undo: false,
        }
    }
}

impl Capabilities {
    /// The given effect, or the next stricter one that the enforcement point can do.
    #[must_use]
    pub fn enforceable(self, effect: Effect) -> Effect {
        match effect {
            Effect::Redact if !self.redact => self.enforceable(Effect::Sandbox),
            Effect::Sandbox if !self.sandbox => self.enforceable(Effect::RequireApproval),
            Effect::RequireApproval if !self.wait => Effect::Block,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_that_cannot_be_done_becomes_the_next_stricter_one() {
        let check = |redact, sandbox, wait, asked, got| {
            let can = Capabilities {
                redact,
                sandbox,
                wait,
                undo: false,
            };
            assert_eq!(can.enforceable(asked), got);
        };
        check(false, false, true, Effect::Redact, Effect::RequireApproval);
        check(false, true, true, Effect::Redact, Effect::Sandbox);
        check(true, false, false, Effect::Redact, Effect::Redact);
        check(false, false, false, Effect::Sandbox, Effect::Block);
        check(false, false, true, Effect::Sandbox, Effect::RequireApproval);
        check(false, false, false, Effect::Alert, Effect::Alert);
    }
}
