//! How resources and hosts are classified; configurable per bundle.

use crate::program::glob::{ByteSet, Glob};

/// How sensitive a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Tier {
    /// Anybody may see it.
    Public,
    /// The usual.
    #[default]
    Internal,
    /// Harm to people or the business if it leaks or breaks.
    Sensitive,
    /// The worst that can leak or break.
    Critical,
}

impl Tier {
    /// All tiers, mildest first.
    pub const ALL: [Self; 4] = [
        Self::Public,
        Self::Internal,
        Self::Sensitive,
        Self::Critical,
    ];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Sensitive => "sensitive",
            Self::Critical => "critical",
        }
    }

    /// The tier of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name() == name)
    }
}

/// The patterns in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classification {
    /// Patterns of resource names with their tier; the strictest match holds.
    pub tiers: Vec<(Glob, Tier)>,
    /// Domains that are inside, with everything below them.
    pub internal_domains: Vec<String>,
}

impl Default for Classification {
    fn default() -> Self {
        let patterns: [(&str, Tier); 26] = [
            ("*/.env", Tier::Critical),
            ("*.env", Tier::Critical),
            ("*.pem", Tier::Critical),
            ("*.key", Tier::Critical),
            ("*/.ssh/*", Tier::Critical),
            ("*/.aws/*", Tier::Critical),
            ("*credentials*", Tier::Critical),
            ("*secret*", Tier::Critical),
            ("*password*", Tier::Critical),
            ("/etc/shadow", Tier::Critical),
            ("*payment*", Tier::Sensitive),
            ("*salar*", Tier::Critical),
            ("*payroll*", Tier::Critical),
            ("*card*", Tier::Critical),
            ("*patient*", Tier::Critical),
            ("*medical*", Tier::Critical),
            ("*customer*", Tier::Sensitive),
            ("*sensitive*", Tier::Sensitive),
            ("*confidential*", Tier::Sensitive),
            ("*users*", Tier::Sensitive),
            ("*prod*", Tier::Sensitive),
            ("/etc/*", Tier::Sensitive),
            ("*/public/*", Tier::Public),
            ("/tmp/*", Tier::Internal),
            ("*test*", Tier::Internal),
            ("*docs*", Tier::Public),
        ];
        Self {
            tiers: patterns
                .into_iter()
                .map(|(pattern, tier)| (Glob::new(pattern), tier))
                .collect(),
            internal_domains: ["localhost", "internal", "local", "svc"]
                .map(str::to_owned)
                .to_vec(),
        }
    }
}

impl Classification {
    /// The tier of a resource name: the strictest of the patterns that match, else `internal`.
    #[must_use]
    pub fn tier(&self, name: &str) -> Tier {
        let bytes = ByteSet::of(name);
        let mut strictest = None;
        for (glob, tier) in &self.tiers {
            if strictest < Some(*tier) && glob.may_match(bytes) && glob.matches(name) {
                strictest = Some(*tier);
            }
        }
        strictest.unwrap_or_default()
    }
}
