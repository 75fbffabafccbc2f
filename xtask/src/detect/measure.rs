//! Counts of right and wrong verdicts.

use std::collections::BTreeMap;

/// Alarms among texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) alarms: u32,
    pub(crate) texts: u32,
}

impl Rate {
    pub(crate) fn add(&mut self, alarm: bool) {
        self.alarms += u32::from(alarm);
        self.texts += 1;
    }

    pub(crate) fn share(self) -> f64 {
        f64::from(self.alarms) / f64::from(self.texts.max(1))
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.4} ({}/{})", self.share(), self.alarms, self.texts)
    }
}

/// Verdicts by source, threats and benign texts apart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) threats: BTreeMap<String, Rate>,
    pub(crate) benign: BTreeMap<String, Rate>,
}

impl Tally {
    pub(crate) fn add(&mut self, threat: bool, source: &str, alarm: bool) {
        let by = if threat {
            &mut self.threats
        } else {
            &mut self.benign
        };
        by.entry(source.to_owned()).or_default().add(alarm);
    }

    fn pooled(by: &BTreeMap<String, Rate>) -> Rate {
        by.values().fold(Rate::default(), |a, b| Rate {
            alarms: a.alarms + b.alarms,
            texts: a.texts + b.texts,
        })
    }

    pub(crate) fn recall(&self) -> Rate {
        Self::pooled(&self.threats)
    }

    pub(crate) fn false_alarms(&self) -> Rate {
        Self::pooled(&self.benign)
    }

    /// The mean recall over sources.
    pub(crate) fn macro_recall(&self) -> f64 {
        self.threats.values().map(|r| r.share()).sum::<f64>() / self.threats.len().max(1) as f64
    }

    pub(crate) fn precision(&self) -> f64 {
        let (right, wrong) = (self.recall().alarms, self.false_alarms().alarms);
        f64::from(right) / f64::from((right + wrong).max(1))
    }

    pub(crate) fn f1(&self) -> f64 {
        let (p, r) = (self.precision(), self.recall().share());
        if p + r > 0.0 {
            2.0 * p * r / (p + r)
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_follow_from_the_counts() {
        let mut tally = Tally::default();
        for (threat, source, alarm) in [
            (true, "a", true),
            (true, "a", true),
            (true, "a", false),
            (true, "b", false),
            (false, "c", true),
            (false, "c", false),
        ] {
            tally.add(threat, source, alarm);
        }
        assert_eq!(
            tally.recall(),
            Rate {
                alarms: 2,
                texts: 4
            }
        );
        assert!((tally.macro_recall() - 1.0 / 3.0).abs() < 1e-12);
        assert!((tally.precision() - 2.0 / 3.0).abs() < 1e-12);
        assert!((tally.f1() - 4.0 / 7.0).abs() < 1e-12);
        assert!((tally.false_alarms().share() - 0.5).abs() < 1e-12);
    }
}
