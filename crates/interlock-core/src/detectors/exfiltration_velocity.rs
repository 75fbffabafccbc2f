//! Unusual amounts of data on their way out: how much, how fast, and whether it is private.

use super::code::codes;
use super::{DetectContext, Detector, Phase};
use crate::model::{Finding, FindingCode, Findings, Vector};

codes! {
    ExfiltrationVelocity, "exfiltration-velocity";
    BYTES = "bytes-out", "many bytes sent outside within minutes", ["CWE-200", "ASI02", "AML.T0086"];
    BULK = "bulk-then-outbound", "many records read, and now something is sent outside", ["CWE-200", "ASI02", "AML.T0086"];
    PRIVATE = "private-outbound", "private data touched, and now a large amount is sent outside", ["CWE-200", "ASI02", "AML.T0086"];
    SUSTAINED = "sustained", "more sent outside in this hour or day than this agent ever sends", ["CWE-200", "ASI02", "AML.T0086"];
    NEW_HOST = "new-host", "data sent again and again to a host that this agent has not known for long", ["CWE-200", "ASI02", "AML.T0086"];
    UNUSUAL = "unusual-volume", "far more data sent outside than this agent usually sends", ["CWE-200", "ASI02", "AML.T0086"];
}

const MEGABYTE: i64 = 1 << 20;
/// Bytes sent outside within the window from which on it is much for any agent.
const BYTES_OUT_MUCH: i64 = 10 * MEGABYTE;
/// Bytes sent outside after private data was touched from which on it is more than a message.
const BYTES_OUT_PRIVATE: i64 = 256 * 1024;
/// Records read within the window from which on it is an extract and no lookup.
const RECORDS_BULK: i64 = 1_000;
/// Robust z-score × 100 from which on a size is far outside the learned ones.
const DEVIATION_FAR: i64 = 600;
/// Bytes below which no deviation matters.
const BYTES_OUT_SMALL: i64 = 32 * 1024;

/// Times the agent's own most of an hour or day, × 100, from which on a sum is far beyond it…
const EXCESS_FAR: i64 = 300;
/// …and from which on it is beyond it, to a host that it has not known for long.
const EXCESS_NEW_HOST: i64 = 150;
/// Up to so much it is what the agent does every day.
const EXCESS_USUAL: i64 = 200;
/// And as many new targets as any day may bring.
const EXCESS_NEW_USUAL: i64 = 34;

/// Looks for exfiltration.
#[derive(Debug)]
pub(super) struct ExfiltrationVelocity;

impl Detector for ExfiltrationVelocity {
    fn vector(&self) -> Vector {
        Vector::ExfiltrationVelocity
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
        let facts = cx.facts;
        if !facts.action.outbound {
            return;
        }
        let private = state.private_seen
            || facts.data.pii
            || facts.data.phi
            || facts.data.credentials
            || facts.data.cardholder;
        // An outside host that this agent has dealt with before is half as suspicious.
        let strange = u8::from(!state.host_seen) * 10;
        if state.bytes_out_excess >= EXCESS_FAR && state.bytes_out > 0 {
            out.push(Finding::whole(&SUSTAINED, 68 + strange));
        }
        if state.new_host_excess >= EXCESS_NEW_HOST {
            out.push(Finding::whole(&NEW_HOST, 70));
        }
        // Much for others, but what this agent sends every day to where it always sends it.
        let usual = state.bytes_out_excess > 0
            && state.bytes_out_excess < EXCESS_USUAL
            && state.records_excess < EXCESS_USUAL
            && state.new_target_excess < EXCESS_NEW_USUAL
            && state.host_seen
            && state.baseline_ready;
        if usual {
            return;
        }
        if state.bytes_out >= BYTES_OUT_MUCH {
            let times = u8::try_from(state.bytes_out / BYTES_OUT_MUCH).unwrap_or(u8::MAX);
            let confidence = 65 + times.min(15) + strange;
            out.push(Finding::whole(&BYTES, confidence.min(95)));
        }
        if private && state.bytes_out >= BYTES_OUT_PRIVATE {
            out.push(Finding::whole(&PRIVATE, 72 + strange));
        }
        let records = state.records_read.max(facts.action.records);
        if records >= RECORDS_BULK && (private || records >= RECORDS_BULK * 10) {
            let wide = if records >= RECORDS_BULK * 10 { 10 } else { 0 };
            out.push(Finding::whole(&BULK, 70 + wide + strange));
        }
        if state.baseline_ready
            && state.bytes_deviation >= DEVIATION_FAR
            && state.bytes_out >= BYTES_OUT_SMALL
        {
            out.push(Finding::whole(&UNUSUAL, 60 + strange));
        }
    }
}
