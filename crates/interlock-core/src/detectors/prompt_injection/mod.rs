//! Instructions in data that try to steer the agent.
//!
//! Two parts that fail differently, joined by *or*. **Rules** look for families of intent (setting
//! instructions aside, asking for the hidden ones, another persona, forged turn marks, concealment,
//! exfiltration, orders to run code) in the order and distance of literals, in twelve languages.
//! **Models** weigh hashed words and families of words over windows: one for what a person or an
//! agent says to a model, one for results, pages, mails and documents, where any instruction is out
//! of place. `cargo run -p xtask -- train` makes the weights, `docs/evaluation.md` has the figures.
//!
//! What a page hides is read apart ([`ViewKind::Hidden`]) and needs less to be an alarm. Once a result
//! has brought instructions in, `followed` holds what the agent does against the user's task.
//!
//! Misses: requests that are harmful by their sense alone, and plain instructions in data that fit
//! the data; there provenance (the session's taint) and policy decide.

mod classes;
mod features;
mod followed;
mod lexicon;
pub mod model;
mod patterns;
mod rules;
mod words_1;
mod words_2;
mod words_3;

use std::sync::LazyLock;

use self::model::{DIRECT, INDIRECT};
use self::rules::{RULES, RULES_UNTRUSTED};
use super::code::codes;
use super::{DetectContext, Detector, Phase};
use crate::model::{ActionType, FindingCode, Findings, Vector};
use crate::text::{Channel, Flags, Hit, Literals, Segment, View, ViewKind};

codes! {
    PromptInjection, "prompt-injection";
    OVERRIDE = "override", "asks to set aside earlier instructions", ["LLM01", "ASI01", "AML.T0051"];
    REVEAL = "reveal-instructions", "asks for the hidden instructions", ["LLM07", "ASI01", "AML.T0056"];
    PERSONA = "persona", "casts the model as one without rules", ["LLM01", "ASI01", "AML.T0054"];
    DELIMITER = "delimiter", "forges the marks that separate turns or roles", ["LLM01", "ASI01", "AML.T0051"];
    REPLACEMENT = "new-instructions", "announces instructions that replace the present ones", ["LLM01", "ASI01", "AML.T0051"];
    ADDRESSES_AGENT = "addresses-agent", "addresses a machine reader and tells it what to do", ["LLM01", "ASI01", "AML.T0051"];
    CONCEALMENT = "concealment", "tells the agent to keep something from its user", ["LLM01", "ASI09", "AML.T0051"];
    ENCODED_COMMAND = "encoded-command", "asks to decode something and to act on it", ["LLM01", "ASI01", "AML.T0068"];
    HIDDEN = "hidden-characters", "carries text in characters that are not shown", ["LLM01", "ASI01", "AML.T0068"];
    EXFILTRATION = "exfiltration-request", "asks the agent to send what it knows somewhere", ["LLM02", "ASI02", "AML.T0086"];
    COMMAND = "command", "orders the agent to run code that takes over its machine", ["LLM01", "ASI05", "AML.T0051"];
    FORCED_OUTPUT = "forced-output", "orders the model to say that it was taken over", ["LLM01", "ASI01", "AML.T0051"];
    FOLLOWED = "followed", "acts as a foreign text may have told it to: the user's task does not ask for this", ["LLM01", "ASI01", "ASI02", "AML.T0051"];
    RESEMBLES = "resembles-injection", "reads like instructions that steer a model away from its task", ["LLM01", "ASI01", "AML.T0051"];
    INSTRUCTION_IN_DATA = "instruction-in-data", "reads like instructions to the agent, in data that nobody asked it to obey", ["LLM01", "ASI01", "AML.T0051"];
}

static LITERALS: LazyLock<Vec<Literals>> = LazyLock::new(|| {
    [
        &words_1::WORDS[..],
        &words_2::WORDS[..],
        &words_3::WORDS[..],
    ]
    .concat()
});

/// How much less sure a rule is of words that stand in quotes: a text that speaks of injection.
const QUOTED_DISCOUNT: u8 = 45;

/// Looks for instructions in data.
#[derive(Debug)]
pub(super) struct PromptInjection;

impl Detector for PromptInjection {
    fn vector(&self) -> Vector {
        Vector::PromptInjection
    }

    fn phase(&self) -> Phase {
        Phase::Content
    }

    fn codes(&self) -> &'static [&'static FindingCode] {
        CODES
    }

    fn literals(&self) -> &'static [Literals] {
        &LITERALS
    }

    fn triggers(&self) -> Flags {
        Flags::HIDDEN
    }

    /// The models read texts in which no literal stands.
    fn reads_facts(&self) -> bool {
        true
    }

    fn reads_results(&self) -> bool {
        true
    }

    fn reads_state(&self) -> bool {
        true
    }

    fn failed(&self) -> &'static FindingCode {
        &FAILED
    }

    fn detect(&self, cx: &DetectContext<'_>, out: &mut Findings) {
        if cx.phase == Phase::State {
            return followed::detect(cx, out);
        }
        let mut hits: Vec<Hit> = Vec::new();
        for view in cx.scanned.views() {
            if view.flags.any(Flags::HIDDEN) {
                cx.report(out, view, &HIDDEN, 70, (0, view.text.len()));
            }
            let Some(segment) = cx.scanned.segment_of(view) else {
                continue;
            };
            let untrusted = segment.channel == Channel::Result;
            let classes = view.classes(Vector::PromptInjection);
            if model_reads(cx, segment, view, classes) {
                let (model, code) = if untrusted {
                    (&*INDIRECT, &INSTRUCTION_IN_DATA)
                } else {
                    (&*DIRECT, &RESEMBLES)
                };
                let verdict = model.score(&view.text);
                if verdict.margin > needed(segment.channel, view.kind) {
                    cx.report(out, view, code, model.confidence(&verdict), verdict.span);
                }
            }
            if classes == 0 {
                continue;
            }
            hits.clear();
            let further = if untrusted { RULES_UNTRUSTED } else { &[] };
            for rule in RULES.iter().chain(further) {
                if !rule.possible(classes) {
                    continue;
                }
                if hits.is_empty() {
                    hits.extend(view.hits(Vector::PromptInjection).copied());
                    hits.sort_by_key(|h| (h.start, h.end));
                }
                if let Some(span) = rule.find(view.text.as_bytes(), &hits) {
                    let confidence = weigh(rule.confidence, view, span, untrusted);
                    cx.report(out, view, rule.code, confidence, span);
                }
            }
        }
    }
}

/// Keys of arguments under which a model is spoken to.
const PROMPT_KEYS: [&str; 12] = [
    "prompt",
    "prompts",
    "system",
    "instruction",
    "instructions",
    "message",
    "messages",
    "task",
    "goal",
    "question",
    "query",
    "input",
];

/// Whether a view is language that a model can judge: an identifier or a number is none.
#[must_use]
pub fn is_language(view: &View<'_>) -> bool {
    !view.replaced() && (view.flags.any(Flags::FOREIGN) || view.text.as_bytes().contains(&b' '))
}

/// Whether the model of the channel reads a view. Results and what is said to a model it reads
/// always; other arguments, which every action pays for, only where a literal stands that belongs
/// to an injection rather than to everyday language.
fn model_reads(
    cx: &DetectContext<'_>,
    segment: &Segment<'_>,
    view: &View<'_>,
    classes: u64,
) -> bool {
    let due = match segment.channel {
        Channel::Result | Channel::Context => true,
        Channel::Argument | Channel::Payload | Channel::Metadata => {
            classes & TELLING != 0
                || cx.action.action_type == ActionType::LlmCall
                || PROMPT_KEYS
                    .iter()
                    .any(|k| segment.key.eq_ignore_ascii_case(k))
        }
        Channel::Resource => false,
    };
    due && is_language(view)
}

/// The margin that an alarm needs. What an agent passes to a tool is seldom said to a model, so the
/// model has to be surer there: by three units of log-odds. What a page hides from people is seldom
/// said to anybody else, so one unit less is enough.
const fn needed(channel: Channel, kind: ViewKind) -> i32 {
    match (channel, kind) {
        (Channel::Result, ViewKind::Hidden) => -32,
        (Channel::Result | Channel::Context, _) => 0,
        _ => 96,
    }
}

/// The classes of literals that everyday language seldom uses.
const TELLING: u64 = !(classes::bit(classes::YOUR)
    | classes::bit(classes::EVERYTHING)
    | classes::bit(classes::ALSO)
    | classes::bit(classes::PLACE)
    | classes::bit(classes::USER)
    | classes::bit(classes::MUST)
    | classes::bit(classes::PRIOR)
    | classes::bit(classes::SEND)
    | classes::bit(classes::SHOW)
    | classes::bit(classes::WEAK_SHOW)
    | classes::bit(classes::ASK)
    | classes::bit(classes::DEED)
    | classes::bit(classes::SAYING));

fn weigh(confidence: u8, view: &View<'_>, span: (usize, usize), untrusted: bool) -> u8 {
    // Whoever hides an instruction does not merely speak of one.
    if matches!(
        view.kind,
        ViewKind::Decoded | ViewKind::Respelt | ViewKind::Hidden
    ) {
        return confidence.saturating_add(8).min(97);
    }
    if !untrusted && quoted(view.text.as_bytes(), span) {
        return confidence.saturating_sub(QUOTED_DISCOUNT);
    }
    confidence
}

/// Whether the span stands in quotes within a longer text.
fn quoted(text: &[u8], (start, end): (usize, usize)) -> bool {
    const REACH: usize = 24;
    let before = text
        .get(start.saturating_sub(REACH)..start)
        .unwrap_or_default();
    let after = text
        .get(end..(end + REACH * 3).min(text.len()))
        .unwrap_or_default();
    let around = text.len().saturating_sub(end - start) > 80;
    around
        && [b'"', b'`', b'\''].iter().any(|q| {
            let opens = before.iter().rposition(|b| b == q).is_some_and(|i| {
                *q != b'\'' || i == 0 || !before.get(i - 1).is_some_and(u8::is_ascii_alphanumeric)
            });
            opens && after.contains(q)
        })
}
