//! What the engine finds in a text, through its public entry, with the models' findings apart.

use interlock_core::detectors::{
    DetectContext, DetectorConfig, Phase, detect_content, scan, scan_result,
};
use interlock_core::facts::{FactInput, Facts};
use interlock_core::model::{
    Action, ActionType, Findings, Object, Principal, UnixNanos, Value, Vector,
};
use interlock_core::program::Classification;
use interlock_core::text::flatten;

use super::data::Row;
use super::folds::Which;

/// The codes of findings that the models report.
pub(super) const BY_MODEL: [&str; 2] = [
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
    content(&action, &Facts::default())
}

fn content(action: &Action, facts: &Facts) -> Findings {
    let mut found = Findings::default();
    let (segments, truncated) = flatten(action);
    let scanned = scan(&segments, truncated);
    let cx = DetectContext {
        action,
        principal: &Principal::local(),
        facts,
        scanned: &scanned,
        readings: None,
        phase: Phase::Content,
    };
    detect_content(&cx, &DetectorConfig::default(), &mut found);
    found
}

/// The findings on a row of the other detectors' data: a whole query as the statement of a query,
/// everything else as an argument.
pub(crate) fn other(row: &Row, data: &str) -> Findings {
    let query = data == "sqli" && row.kind.starts_with("query");
    let mut arguments = Object::new();
    let key = if query { "sql" } else { "text" };
    arguments.insert(key, Value::String(row.text.clone()));
    let action_type = if query {
        ActionType::DatabaseQuery
    } else {
        ActionType::ApiCall
    };
    let mut action = Action::new("evaluation", action_type);
    action.arguments = Value::Object(arguments);
    let facts = Facts::compute(FactInput {
        action: &action,
        principal: &Principal::local(),
        classes: &Classification::default(),
        now: UnixNanos::default(),
    });
    content(&action, &facts)
}

/// Whether the rules for prompt injection alone raise an alarm on a text where the model reads it.
pub(crate) fn alarm(text: &str, which: Which) -> bool {
    by_rules(&injection(text, which))
}

/// The findings where the model reads a text: said to a model, or as a result.
pub(crate) fn injection(text: &str, which: Which) -> Findings {
    let place = match which {
        Which::Direct => Place::Prompt,
        Which::Indirect => Place::Result,
    };
    findings(text, place)
}

/// Whether a finding of prompt injection is there that no model made.
pub(crate) fn by_rules(found: &Findings) -> bool {
    found
        .items()
        .iter()
        .any(|f| f.code.vector == Vector::PromptInjection && !BY_MODEL.contains(&f.code.code))
}
