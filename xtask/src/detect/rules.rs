//! What the engine finds in a text, through its public entry, with the models' findings apart.

use interlock_core::detectors::{DetectContext, DetectorConfig, Phase, detect_content, scan, scan_result};
use interlock_core::facts::Facts;
use interlock_core::model::{Action, ActionType, Findings, Object, Principal, Value, Vector};
use interlock_core::text::flatten;

/// The codes of findings that the models report.
const BY_MODEL: [&str; 2] = [
    "prompt-injection.resembles-injection",
    "prompt-injection.instruction-in-data",
];

/// Where a text is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// What is said to a model: `context.prompt`.
    Prompt,
    /// An argument of a tool.
    Argument,
    /// The result of a tool.
    Result,
}

/// The findings on `text` in that place.
pub(crate) fn findings(text: &str, place: Place) -> Findings {
    let mut found = Findings::default();
    let config = DetectorConfig::default();
    if place == Place::Result {
        scan_result(text, &config, &mut found);
        return found;
    }
    let mut action = Action::new("evaluation", ActionType::ApiCall);
    let mut object = Object::new();
    let value = Value::String(text.to_owned());
    if place == Place::Prompt {
        object.insert("prompt", value);
        action.context = object;
    } else {
        object.insert("text", value);
        action.arguments = Value::Object(object);
    }
    let (segments, truncated) = flatten(&action);
    let scanned = scan(&segments, truncated);
    let cx = DetectContext {
        action: &action,
        principal: &Principal::local(),
        facts: &Facts::default(),
        scanned: &scanned,
        readings: None,
        phase: Phase::Content,
    };
    detect_content(&cx, &config, &mut found);
    found
}

/// Whether the rules for prompt injection alone raise an alarm on what is said to a model.
pub(crate) fn alarm(text: &str) -> bool {
    by_rules(&findings(text, Place::Prompt))
}

/// Whether a finding of prompt injection is there that no model made.
pub(crate) fn by_rules(found: &Findings) -> bool {
    found
        .items()
        .iter()
        .any(|f| f.code.vector == Vector::PromptInjection && !BY_MODEL.contains(&f.code.code))
}
