//! What a threat detector reports.

use std::borrow::Cow;

use crate::model::limits::{FINDINGS_MAX, PATH_CUT, PATH_KEY};

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

    /// The set of which these are the bits; bits past the twelfth mean nothing.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & Self::ALL.0)
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
    /// Of each vector, how many are counted but not kept, and the strongest confidence of those.
    unlisted: [(u32, u8); 12],
    limited: bool,
}

impl Findings {
    /// Adds a finding; beyond [`FINDINGS_MAX`] only count and confidence are kept. Then the vector
    /// with most findings gives up its last, so that a flood of one hides no other.
    pub fn push(&mut self, finding: Finding) {
        if let Some(slot) = self.strongest.get_mut(finding.code.vector as usize) {
            *slot = (*slot).max(finding.confidence);
        }
        if self.items.len() < FINDINGS_MAX {
            self.items.push(finding);
            return;
        }
        let left_out = match self.place_for(finding.code.vector) {
            Some(place) => {
                let left_out = self.items.remove(place);
                self.items.push(finding);
                left_out
            }
            None => finding,
        };
        self.unlist(left_out.code.vector, left_out.confidence);
    }

    /// Counts a finding without its place.
    pub(crate) fn count(&mut self, vector: Vector, confidence: u8) {
        if let Some(slot) = self.strongest.get_mut(vector as usize) {
            *slot = (*slot).max(confidence);
        }
        self.unlist(vector, confidence);
    }

    fn unlist(&mut self, vector: Vector, confidence: u8) {
        if let Some((count, strongest)) = self.unlisted.get_mut(vector as usize) {
            *count = count.saturating_add(1);
            *strongest = (*strongest).max(confidence);
        }
    }

    /// The place that `vector` may take over once all are taken: the last of the vector that has
    /// most, where that one keeps at least as many as `vector` then has.
    fn place_for(&self, vector: Vector) -> Option<usize> {
        let mut counts = [0u32; 12];
        for item in &self.items {
            if let Some(count) = counts.get_mut(item.code.vector as usize) {
                *count += 1;
            }
        }
        let own = counts.get(vector as usize).copied().unwrap_or(0);
        let most = Vector::ALL
            .into_iter()
            .max_by_key(|v| counts.get(*v as usize))?;
        (counts.get(most as usize).copied()? > own + 1)
            .then(|| self.items.iter().rposition(|f| f.code.vector == most))
            .flatten()
    }

    /// The findings kept.
    #[must_use]
    pub fn items(&self) -> &[Finding] {
        &self.items
    }

    /// How many were counted but not kept.
    #[must_use]
    pub fn dropped(&self) -> u32 {
        self.unlisted
            .iter()
            .fold(0, |sum, (count, _)| sum.saturating_add(*count))
    }

    /// Whether something else can be put in the place of everything found: none was only counted, no
    /// path is too long to be written out, and none is the name of a field.
    #[must_use]
    pub fn placed(&self) -> bool {
        self.dropped() == 0
            && !self
                .items
                .iter()
                .any(|f| f.path.ends_with([PATH_CUT, PATH_KEY]))
    }

    /// Of each vector that has some: how many are counted but not kept, and the strongest
    /// confidence of those.
    pub fn unlisted(&self) -> impl Iterator<Item = (Vector, u32, u8)> {
        Vector::ALL
            .into_iter()
            .zip(self.unlisted)
            .filter(|(_, (count, _))| *count > 0)
            .map(|(vector, (count, strongest))| (vector, count, strongest))
    }

    /// Counts `count` findings without their places, of which `confidence` is the strongest.
    pub(crate) fn count_many(&mut self, vector: Vector, count: u32, confidence: u8) {
        if count > 0 {
            self.count(vector, confidence);
        }
        if let Some((have, _)) = self.unlisted.get_mut(vector as usize) {
            *have = have.saturating_add(count.saturating_sub(1));
        }
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

    /// Takes out the findings of that code that are kept.
    pub(crate) fn remove_code(&mut self, code: &str) {
        self.items.retain(|f| f.code.code != code);
        self.retain(|_, _| true);
    }

    /// Says that a detector stopped at a limit before it had looked at everything.
    pub const fn limit_reached(&mut self) {
        self.limited = true;
    }

    /// Whether a detector stopped at a limit since the last call.
    pub(crate) const fn take_limited(&mut self) -> bool {
        std::mem::replace(&mut self.limited, false)
    }

    /// Takes out the findings of vectors that are switched off or below their threshold: those
    /// whose vector and confidence `keep` refuses.
    pub fn retain(&mut self, keep: impl Fn(Vector, u8) -> bool) {
        self.items.retain(|f| keep(f.code.vector, f.confidence));
        self.strongest = [0; 12];
        for finding in &self.items {
            if let Some(slot) = self.strongest.get_mut(finding.code.vector as usize) {
                *slot = (*slot).max(finding.confidence);
            }
        }
        // What is only counted stays a finding of its vector, unless even the strongest falls.
        for ((vector, unlisted), slot) in Vector::ALL
            .into_iter()
            .zip(&mut self.unlisted)
            .zip(&mut self.strongest)
        {
            if unlisted.0 > 0 && keep(vector, unlisted.1) {
                *slot = (*slot).max(unlisted.1);
            } else {
                *unlisted = (0, 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static WEAK: FindingCode = FindingCode {
        code: "pii.weak",
        vector: Vector::Pii,
        summary: "a weak one",
        tags: &[],
    };
    static STRONG: FindingCode = FindingCode {
        code: "xss.strong",
        vector: Vector::Xss,
        summary: "a strong one",
        tags: &[],
    };

    fn flood(code: &'static FindingCode, confidence: u8, times: usize, out: &mut Findings) {
        for _ in 0..times {
            out.push(Finding::whole(code, confidence));
        }
    }

    #[test]
    fn a_flood_of_one_vector_hides_no_other() {
        let mut found = Findings::default();
        flood(&WEAK, 10, FINDINGS_MAX * 3, &mut found);
        flood(&STRONG, 90, 1, &mut found);
        assert!(found.has_code("xss.strong"));
        found.retain(|_, confidence| confidence >= 50);
        assert_eq!(found.confidence(Vector::Xss), 90);
        assert!(!found.has(Vector::Pii));
        // Nothing that counts was left out.
        assert_eq!((found.items().len(), found.dropped()), (1, 0));
    }

    #[test]
    fn what_is_only_counted_keeps_its_confidence() {
        let mut found = Findings::default();
        flood(&WEAK, 60, FINDINGS_MAX, &mut found);
        flood(&WEAK, 99, 1, &mut found);
        found.retain(|_, confidence| confidence >= 50);
        assert_eq!((found.confidence(Vector::Pii), found.dropped()), (99, 1));
        assert!(!found.placed());
    }

    #[test]
    fn places_are_shared_evenly() {
        let mut found = Findings::default();
        flood(&WEAK, 60, FINDINGS_MAX, &mut found);
        flood(&STRONG, 60, FINDINGS_MAX, &mut found);
        let of = |v| found.items().iter().filter(|f| f.code.vector == v).count();
        assert_eq!(found.items().len(), FINDINGS_MAX);
        assert!(of(Vector::Xss).abs_diff(of(Vector::Pii)) <= 2);
    }
}
