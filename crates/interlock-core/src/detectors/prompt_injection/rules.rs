//! Which literals, in which order and how far apart, make an injection.

use super::classes::*;
use super::{
    ADDRESSES_AGENT, COMMAND, CONCEALMENT, DELIMITER, ENCODED_COMMAND, EXFILTRATION, FORCED_OUTPUT,
    OVERRIDE, PERSONA, REPLACEMENT, REVEAL,
};
use crate::detectors::sequence::{GAP, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        code: &OVERRIDE,
        confidence: 92,
        first: bit(IGNORE),
        then: &[bit(PRIOR), bit(TARGET)],
        gap: GAP,
    },
    Rule {
        code: &OVERRIDE,
        confidence: 85,
        first: bit(IGNORE),
        then: &[bit(YOUR), bit(TARGET) | bit(TARGET_WEAK)],
        gap: 56,
    },
    Rule {
        code: &OVERRIDE,
        confidence: 80,
        first: bit(IGNORE),
        then: &[bit(EVERYTHING), bit(TARGET)],
        gap: 40,
    },
    Rule {
        code: &OVERRIDE,
        confidence: 80,
        first: bit(IGNORE),
        then: &[bit(EVERYTHING), bit(TOLD)],
        gap: 48,
    },
    Rule {
        code: &OVERRIDE,
        confidence: 58,
        first: bit(IGNORE),
        then: &[bit(TARGET)],
        gap: 24,
    },
    Rule {
        code: &OVERRIDE,
        confidence: 72,
        first: bit(NEVERMIND),
        then: &[],
        gap: 0,
    },
    Rule {
        code: &OVERRIDE,
        confidence: 70,
        first: bit(IGNORE),
        then: &[bit(YOUR), bit(SAFETY)],
        gap: 48,
    },
    Rule {
        code: &REVEAL,
        confidence: 78,
        first: bit(SHOW),
        then: &[bit(SECRET) | bit(OWN)],
        gap: 64,
    },
    Rule {
        code: &REVEAL,
        confidence: 65,
        first: bit(WEAK_SHOW),
        then: &[bit(SECRET) | bit(OWN)],
        gap: 40,
    },
    Rule {
        code: &REVEAL,
        confidence: 75,
        first: bit(PHRASE_REVEAL),
        then: &[],
        gap: 0,
    },
    Rule {
        code: &REVEAL,
        confidence: 70,
        first: bit(SHOW),
        then: &[bit(TARGET), bit(REPEAT_ABOVE)],
        gap: 64,
    },
    Rule {
        code: &PERSONA,
        confidence: 78,
        first: bit(MODE),
        then: &[],
        gap: 0,
    },
    Rule {
        code: &PERSONA,
        confidence: 82,
        first: bit(BECOME),
        then: &[bit(LAWLESS)],
        gap: 96,
    },
    Rule {
        code: &PERSONA,
        confidence: 70,
        first: bit(FROM_NOW),
        then: &[bit(ALSO)],
        gap: 72,
    },
    Rule {
        code: &DELIMITER,
        confidence: 66,
        first: bit(MARK),
        then: &[bit(BECOME)
            | bit(MUST)
            | bit(IGNORE)
            | bit(DEED)
            | bit(LAWLESS)
            | bit(FRESH)
            | bit(TARGET)],
        gap: 96,
    },
    Rule {
        code: &REPLACEMENT,
        confidence: 62,
        first: bit(FRESH),
        then: &[],
        gap: 0,
    },
    Rule {
        code: &CONCEALMENT,
        confidence: 74,
        first: bit(SILENT),
        then: &[bit(USER)],
        gap: 24,
    },
    Rule {
        code: &ENCODED_COMMAND,
        confidence: 72,
        first: bit(DECODE),
        then: &[bit(OBEY)],
        gap: 64,
    },
    Rule {
        code: &REVEAL,
        confidence: 72,
        first: bit(ASK),
        then: &[bit(OWN)],
        gap: 40,
    },
    Rule {
        code: &REVEAL,
        confidence: 66,
        first: bit(SHOW) | bit(ASK),
        then: &[bit(TARGET), bit(MACHINE)],
        gap: 88,
    },
    Rule {
        code: &OVERRIDE,
        confidence: 76,
        first: bit(IGNORE),
        then: &[bit(MINE)],
        gap: 96,
    },
    Rule {
        code: &COMMAND,
        confidence: 72,
        first: bit(ORDER_CODE),
        then: &[bit(TAKEOVER)],
        gap: 72,
    },
    Rule {
        code: &FORCED_OUTPUT,
        confidence: 70,
        first: bit(SAYING),
        then: &[bit(TAKEN)],
        gap: 64,
    },
    Rule {
        code: &FORCED_OUTPUT,
        confidence: 64,
        first: bit(TAKEN),
        then: &[bit(SAYING)],
        gap: 40,
    },
    Rule {
        code: &PERSONA,
        confidence: 68,
        first: bit(OLD_SELF),
        then: &[bit(NEW_SELF)],
        gap: 32,
    },
];

/// Rules for texts that nobody asked the agent to obey: tool output, pages, mails.
pub(super) static RULES_UNTRUSTED: &[Rule] = &[
    Rule {
        code: &ADDRESSES_AGENT,
        confidence: 80,
        first: bit(READER),
        then: &[bit(MUST), bit(DEED)],
        gap: 120,
    },
    Rule {
        code: &ADDRESSES_AGENT,
        confidence: 70,
        first: bit(MARK) | bit(READER),
        then: &[bit(DEED)],
        gap: 64,
    },
    Rule {
        code: &ADDRESSES_AGENT,
        confidence: 66,
        first: bit(READER_HERE),
        then: &[bit(MUST)],
        gap: 64,
    },
    Rule {
        code: &EXFILTRATION,
        confidence: 72,
        first: bit(SEND),
        then: &[bit(LOOT), bit(PLACE)],
        gap: 120,
    },
    Rule {
        code: &ADDRESSES_AGENT,
        confidence: 75,
        first: bit(BECOME),
        then: &[bit(READER) | bit(LAWLESS)],
        gap: 48,
    },
];
