//! The published view of risk in five dimensions and the blast radius, each from 0 to 1.
//!
//! Derived from the report, never computed a second time.

use super::{Dimension, RiskReport};

/// The published five dimensions and the blast radius, in hundredths: 0..=100 for 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FiveDimensions {
    /// How destructive the action is: the action dimension.
    pub action_severity: u8,
    /// How sensitive the resource is: the data dimension.
    pub resource_sensitivity: u8,
    /// How far the payload is from the baseline: the points for its size, records and shape,
    /// doubled.
    pub payload_anomaly: u8,
    /// Whether the agent acts unusually fast: the points for bursts, rate and repeats, doubled.
    pub frequency: u8,
    /// Whether the action fits the agent's usual pattern: the points of behaviour that are not
    /// for the payload or the rate, and those for the hour.
    pub context_deviation: u8,
    /// How much it would damage: the points for scope and for what cannot be undone, doubled.
    pub blast_radius: u8,
}

const PAYLOAD: &[&str] = &["behaviour.bytes", "behaviour.records", "behaviour.shape"];
const FREQUENCY: &[&str] = &[
    "behaviour.rate",
    "temporal.burst",
    "temporal.rate",
    "temporal.repeats",
];
const HOURS: &[&str] = &[
    "temporal.closed",
    "temporal.unusual-change",
    "temporal.unusual-hour",
    "temporal.weekend",
];
const RADIUS: &[&str] = &[
    "action.amount",
    "action.bulk",
    "action.destructive",
    "action.exfiltration",
    "action.irreversible",
    "action.many",
    "action.recursive-delete",
    "action.unbounded",
];

impl FiveDimensions {
    /// The view of a report.
    #[must_use]
    pub fn of(report: &RiskReport) -> Self {
        let sum = |factor: i32, counts: &dyn Fn(&str) -> bool| {
            let points: i32 = report
                .dimensions
                .iter()
                .flat_map(|d| d.terms.iter())
                .filter(|t| counts(t.code))
                .map(|t| i32::from(t.points))
                .sum();
            u8::try_from((factor * points).clamp(0, 100)).unwrap_or(100)
        };
        Self {
            action_severity: report.score(Dimension::Action),
            resource_sensitivity: report.score(Dimension::Data),
            payload_anomaly: sum(2, &|code| PAYLOAD.contains(&code)),
            frequency: sum(2, &|code| FREQUENCY.contains(&code)),
            context_deviation: sum(1, &|code| {
                HOURS.contains(&code)
                    || (code.starts_with("behaviour.")
                        && !PAYLOAD.contains(&code)
                        && !FREQUENCY.contains(&code))
            }),
            blast_radius: sum(2, &|code| RADIUS.contains(&code)),
        }
    }

    /// Names and values in their published order, the blast radius last.
    #[must_use]
    pub const fn entries(&self) -> [(&'static str, u8); 6] {
        [
            ("action_severity", self.action_severity),
            ("resource_sensitivity", self.resource_sensitivity),
            ("payload_anomaly", self.payload_anomaly),
            ("frequency", self.frequency),
            ("context_deviation", self.context_deviation),
            ("blast_radius", self.blast_radius),
        ]
    }
}
