//! A deviation from what this agent has learned to do. Silent until the baseline has seen enough.

use super::code::codes;
use super::{DetectContext, Detector, Phase};
use crate::model::{Finding, FindingCode, Findings, Vector};

codes! {
    BehaviouralAnomaly, "behavioural-anomaly";
    DEVIATION = "deviation", "several traits of this action are far from the learned ones", ["ASI10", "ASI01"];
    VOLUME = "volume", "size, number of records or rate is far beyond the learned one", ["ASI10", "ASI02"];
    OFF_HOURS = "off-hours", "several actions at hours at which this agent never works", ["ASI10", "ASI03"];
    SPREAD = "spread", "many actions on tools, resources or hosts that this agent has not known for a day", ["ASI10", "ASI03"];
    NOVEL_TARGET = "novel-target", "a kind of action and a target that this agent never used", ["ASI10", "ASI02"];
}

/// Robust z-score × 100 from which on a value is unusual.
const UNUSUAL: i64 = 350;
/// From which on it is extreme.
const EXTREME: i64 = 1_000;
/// Shares, per mille, below which a type, tool or hour is rare.
const RARE: i64 = 10;
/// Actions at hours at which it never works, × 100, from which on they are no accident.
const OFF_HOURS_MANY: i64 = 190;
/// Times the agent's own most of an hour or day, × 100.
const EXCESS_NEW: i64 = 200;

/// Points from which on the traits together are a finding.
const POINTS_MIN: u32 = 5;

/// Looks for deviations from the baseline.
#[derive(Debug)]
pub(super) struct BehaviouralAnomaly;

impl Detector for BehaviouralAnomaly {
    fn vector(&self) -> Vector {
        Vector::BehaviouralAnomaly
    }

    fn phase(&self) -> Phase {
        Phase::State
    }

    fn codes(&self) -> &'static [&'static FindingCode] {
        CODES
    }

    fn reads_facts(&self) -> bool {
        true
    }

    fn failed(&self) -> &'static FindingCode {
        &FAILED
    }

    fn detect(&self, cx: &DetectContext<'_>, out: &mut Findings) {
        let Some(state) = cx.readings.map(|r| &r.state) else {
            return;
        };
        if !state.baseline_ready {
            return;
        }
        let acts = cx.facts.action.side_effect || cx.facts.action.outbound;
        let volume = [
            state.bytes_deviation,
            state.records_deviation,
            state.rate_deviation,
        ];
        let extreme = volume.iter().filter(|d| **d >= EXTREME).count();
        if extreme > 0 {
            let confidence = if extreme > 1 || acts { 70 } else { 58 };
            out.push(Finding::whole(&VOLUME, confidence));
        }
        if state.off_hours >= OFF_HOURS_MANY {
            out.push(Finding::whole(&OFF_HOURS, 62));
        }
        if state.new_target && state.new_target_excess >= EXCESS_NEW {
            out.push(Finding::whole(&SPREAD, 68));
        }
        let family_new = !state.family_seen;
        let type_rare = state.type_share < RARE;
        if type_rare && family_new && !state.sequence_seen && acts {
            out.push(Finding::whole(&NOVEL_TARGET, 66));
        }
        let unusual = volume.iter().filter(|d| **d >= UNUSUAL).count();
        let points = u32::from(type_rare) * 2
            + u32::from(state.tool_share < RARE)
            + u32::from(family_new) * 2
            + u32::from(!state.shape_seen)
            + u32::from(!state.sequence_seen)
            + u32::from(state.hour_share < RARE) * 2
            + u32::from(!state.region_seen)
            + u32::from(!state.host_seen && cx.facts.action.outbound) * 2
            + u32::try_from(unusual).unwrap_or(0) * 2
            + u32::try_from(extreme).unwrap_or(0) * 2;
        // Reading something new is how agents work; acting on it at three in the morning is not.
        let needed = if acts { POINTS_MIN } else { POINTS_MIN + 2 };
        if points >= needed {
            let above = u8::try_from((points - needed).min(6)).unwrap_or(6);
            out.push(Finding::whole(&DEVIATION, 55 + above * 5));
        }
    }
}
