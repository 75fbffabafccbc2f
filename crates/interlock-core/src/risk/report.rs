//! The shape of a risk report and its configuration.

macro_rules! dimensions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $weight:literal;)*) => {
        /// A dimension of risk.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Dimension { $($(#[$doc])* $variant,)* }

        impl Dimension {
            /// All seven, in their published order.
            pub const ALL: [Self; 7] = [$(Self::$variant),*];

            /// The stable name, also in policies: `risk.<name>`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The published default weight, in tenths.
            #[must_use]
            pub const fn default_weight(self) -> u32 {
                match self { $(Self::$variant => $weight),* }
            }
        }
    };
}

dimensions! {
    /// What the agent is trying to do.
    Action = "action", 15;
    /// Who is asking.
    Agent = "agent", 12;
    /// When.
    Temporal = "temporal", 10;
    /// Where it runs.
    Environment = "environment", 8;
    /// How far it is from the learned baseline.
    Behaviour = "behaviour", 13;
    /// Which regulation it touches.
    Compliance = "compliance", 11;
    /// Which data it touches.
    Data = "data", 10;
}

/// Why a dimension has points: "+30 no WHERE clause".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// A stable code, such as `action.unbounded`.
    pub code: &'static str,
    /// What it means, for a person.
    pub text: &'static str,
    /// Points added, or taken off when negative.
    pub points: i16,
    /// The value that caused it, where there is one.
    pub value: Option<i64>,
}

/// Terms that one dimension keeps.
pub const TERMS_MAX: usize = 10;

/// The terms of one dimension, in place: a score is computed for every action and must not
/// allocate. Reads as a slice.
#[derive(Clone, Copy)]
pub struct Terms {
    items: [Term; TERMS_MAX],
    len: u8,
}

impl Terms {
    /// Adds a term; when all places are taken, its points go to the last term, which then stands
    /// for all that did not fit.
    pub fn push(&mut self, term: Term) {
        if let Some(slot) = self.items.get_mut(usize::from(self.len)) {
            *slot = term;
            self.len += 1;
        } else if let Some(last) = self.items.last_mut() {
            last.code = "risk.further-terms";
            last.text = "further terms together";
            last.points = last.points.saturating_add(term.points);
            last.value = None;
        }
    }

    /// The terms as a slice.
    #[must_use]
    pub fn as_slice(&self) -> &[Term] {
        self.items.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl Default for Terms {
    fn default() -> Self {
        const NONE: Term = Term {
            code: "",
            text: "",
            points: 0,
            value: None,
        };
        Self {
            items: [NONE; TERMS_MAX],
            len: 0,
        }
    }
}

impl std::ops::Deref for Terms {
    type Target = [Term];

    fn deref(&self) -> &[Term] {
        self.as_slice()
    }
}

impl PartialEq for Terms {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Terms {}

impl std::fmt::Debug for Terms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

impl<'a> IntoIterator for &'a Terms {
    type Item = &'a Term;
    type IntoIter = std::slice::Iter<'a, Term>;

    fn into_iter(self) -> Self::IntoIter {
        self.as_slice().iter()
    }
}

/// The score of one dimension.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DimensionScore {
    /// 0..=100: the sum of the terms, clamped.
    pub score: u8,
    /// The terms.
    pub terms: Terms,
}

impl DimensionScore {
    /// Adds a term.
    pub fn add(&mut self, points: i16, code: &'static str, text: &'static str) {
        self.add_value(points, code, text, None);
    }

    /// Adds a term with the value that caused it.
    pub fn add_value(
        &mut self,
        points: i16,
        code: &'static str,
        text: &'static str,
        value: Option<i64>,
    ) {
        self.terms.push(Term {
            code,
            text,
            points,
            value,
        });
        let sum: i32 = self.terms.iter().map(|t| i32::from(t.points)).sum();
        self.score = u8::try_from(sum.clamp(0, 100)).unwrap_or(100);
    }
}

/// The risk of one action.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RiskReport {
    /// The dimensions in the order of [`Dimension::ALL`].
    pub dimensions: [DimensionScore; 7],
    /// The composite, 0..=100.
    pub composite: u8,
    /// The dimension whose critical mark lifted the composite, if one did.
    pub floor: Option<Dimension>,
}

impl RiskReport {
    /// The score of a dimension.
    #[must_use]
    pub fn score(&self, dimension: Dimension) -> u8 {
        self.dimensions
            .get(dimension as usize)
            .map_or(0, |d| d.score)
    }
}

/// How risk is weighed in one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RiskConfig {
    /// Weights in tenths, in the order of [`Dimension::ALL`].
    pub weights: [u32; 7],
    /// The mark of each dimension from which on it lifts the composite to at least that mark;
    /// 101 switches the floor off.
    pub critical: [u8; 7],
    /// Operating hours in UTC, first hour and one past the last; `None`: around the clock.
    pub operating_hours: Option<(u8, u8)>,
    /// Regions approved for this environment; empty: all.
    pub regions: Vec<String>,
    /// Compliance packs in force: `pci-dss`, `hipaa`, `sox`, `gdpr`.
    pub packs: Vec<String>,
}

impl Default for RiskConfig {
    fn default() -> Self {
        Self {
            weights: Dimension::ALL.map(Dimension::default_weight),
            critical: [90, 90, 101, 101, 90, 90, 95],
            operating_hours: None,
            regions: Vec::new(),
            packs: ["pci-dss", "hipaa", "sox", "gdpr"]
                .map(str::to_owned)
                .to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn merged_terms_keep_the_sum(points in proptest::collection::vec(0i16..100, 0..40)) {
            let mut score = DimensionScore::default();
            for p in &points {
                score.add(*p, "a.b", "text");
            }
            let sum: i32 = points.iter().map(|p| i32::from(*p)).sum();
            prop_assert_eq!(i32::from(score.score), sum.min(100));
        }
    }
}
