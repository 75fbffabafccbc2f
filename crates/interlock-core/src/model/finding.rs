//! What a threat detector reports.

use std::borrow::Cow;

use crate::model::limits::FINDINGS_MAX;

macro_rules! vectors {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// One of the twelve threat vectors.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Vector { $($(#[$doc])* $variant,)* }

        impl Vector {
            /// All twelve, in their published order.
            pub const ALL: [Self; 12] = [$(Self::$variant),*];

            /// The stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

vectors! {
    /// Instructions in data that try to steer the agent.
    PromptInjection = "prompt_injection",
    /// SQL that smuggles a second meaning.
    SqlInjection = "sql_injection",
    /// Script in data fields.
    Xss = "xss",
    /// Unusual amounts of data on their way out.
    ExfiltrationVelocity = "exfiltration_velocity",
    /// Personal data and secrets.
    Pii = "pii",
    /// Signatures of known exploits.
    ExploitSignature = "exploit_signature",
    /// Parameters that would lock or drain the system.
    ResourceExhaustion = "resource_exhaustion",
    /// Rights that the agent does not have.
    PrivilegeEscalation = "privilege_escalation",
    /// A session that does not fit the agent.
    SessionAnomaly = "session_anomaly",
    /// A deviation from the learned baseline.
    BehaviouralAnomaly = "behavioural_anomaly",
    /// Too many requests too quickly; derived from the limits.
    RateLimit = "rate_limit",
    /// A violation of policy; derived from the fired rules.
    PolicyViolation = "policy_violation",
}

impl Vector {
    /// The vector of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.name() == name)
    }
}

/// A set of vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct VectorSet(u16);

impl VectorSet {
    /// All twelve.
    pub const ALL: Self = Self(0x0fff);

    /// Adds `vector`.
    pub fn insert(&mut self, vector: Vector) {
        self.0 |= 1 << vector as u8;
    }

    /// Takes `vector` out.
    pub fn remove(&mut self, vector: Vector) {
        self.0 &= !(1 << vector as u8);
    }

    /// Whether `vector` is in.
    #[must_use]
    pub const fn contains(self, vector: Vector) -> bool {
        self.0 & (1 << vector as u8) != 0
    }

    /// How many are in.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Everything that is in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The set as bits, bit 0 the first of [`Vector::ALL`].
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether none is in.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Vector> for VectorSet {
    fn from_iter<T: IntoIterator<Item = Vector>>(iter: T) -> Self {
        let mut set = Self::default();
        for vector in iter {
            set.insert(vector);
        }
        set
    }
}

/// A stable code such as `sql-injection.stacked-statement`, with its published tags.
#[derive(Debug, PartialEq, Eq)]
pub struct FindingCode {
    /// The code.
    pub code: &'static str,
    /// The vector that reports it.
    pub vector: Vector,
    /// One sentence for a person.
    pub summary: &'static str,
    /// Tags: `CWE-89`, `ASI02`, `LLM01`, `AML.T0051`.
    pub tags: &'static [&'static str],
}

/// Where in the original text something was found, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// What one detector found in one place. Never holds the text itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub code: &'static FindingCode,
    /// How sure the detector is, 0..=100.
    pub confidence: u8,
    /// The JSON path of the text (`arguments.sql`), empty when it concerns the whole action.
    pub path: Cow<'static, str>,
    /// The span in that text.
    pub span: Span,
}

impl Finding {
    /// A finding about the whole action.
    #[must_use]
    pub const fn whole(code: &'static FindingCode, confidence: u8) -> Self {
        Self {
            code,
            confidence,
            path: Cow::Borrowed(""),
            span: Span { start: 0, end: 0 },
        }
    }
}

/// The findings of one action: bounded, with the strongest confidence per vector.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    items: Vec<Finding>,
    strongest: [u8; 12],
    dropped: u32,
}

impl Findings {
    /// Adds a finding; beyond [`FINDINGS_MAX`] only the count and the confidence are kept.
    pub fn push(&mut self, finding: Finding) {
        if let Some(slot) = self.strongest.get_mut(finding.code.vector as usize) {
            *slot = (*slot).max(finding.confidence);
        }
        if self.items.len() < FINDINGS_MAX {
            self.items.push(finding);
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// The findings kept.
    #[must_use]
    pub fn items(&self) -> &[Finding] {
        &self.items
    }

    /// How many were counted but not kept.
    #[must_use]
    pub const fn dropped(&self) -> u32 {
        self.dropped
    }

    /// The strongest confidence of `vector`, 0 when it found nothing.
    #[must_use]
    pub fn confidence(&self, vector: Vector) -> u8 {
        self.strongest.get(vector as usize).copied().unwrap_or(0)
    }

    /// Whether `vector` found anything.
    #[must_use]
    pub fn has(&self, vector: Vector) -> bool {
        self.confidence(vector) > 0
    }

    /// Whether a finding of that code is among those kept.
    #[must_use]
    pub fn has_code(&self, code: &str) -> bool {
        self.items.iter().any(|f| f.code.code == code)
    }

    /// Takes out the findings of vectors that are switched off or below their threshold.
    pub fn retain(&mut self, keep: impl Fn(&Finding) -> bool) {
        self.items.retain(|f| keep(f));
        self.strongest = [0; 12];
        for finding in &self.items {
            if let Some(slot) = self.strongest.get_mut(finding.code.vector as usize) {
                *slot = (*slot).max(finding.confidence);
            }
        }
    }
}
