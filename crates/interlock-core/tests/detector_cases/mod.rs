//! A case of a detector: one line of text that becomes an action, and what is found in it.
//!
//! The text stands as the argument `text` of an API call; a line that begins with `{"action_type"` is
//! an action. `@ name=value … |` before it sets facts, readings or the place (`prompt`, `result`).
//! `\n`, `\t`, `\\` and `\u{…}` are escapes, and `{}` stands for nothing.

use interlock_core::detectors::{
    DetectContext, DetectorConfig, Phase, detect_content, detect_state, policy_violation, scan,
    scan_result,
};
use interlock_core::facts::Facts;
use interlock_core::model::{Action, ActionType, Effect, Findings, Object, Principal, Value};
use interlock_core::state::{LimitReading, Readings};
use interlock_core::text::flatten;

/// A case, ready to be looked through.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) action: Action,
    pub(crate) facts: Facts,
    readings: Readings,
    result: Option<String>,
    effect: Option<Effect>,
}

macro_rules! set_fields {
    ($root:expr, $name:expr, $value:expr; $($first:ident $(. $second:ident)?),+ $(,)?) => {
        $(
            if $name == concat!(stringify!($first) $(, ".", stringify!($second))?) {
                $root.$first $(.$second)? = $value.parse().unwrap();
                return;
            }
        )+
        panic!("no setting `{}`", $name);
    };
}

fn set_state(readings: &mut Readings, name: &str, value: &str) {
    let state = &mut readings.state;
    set_fields!(state, name, value;
        agent_known, baseline_ready, family_seen, host_seen, shape_seen, sequence_seen,
        region_seen, untrusted_seen, private_seen, outbound_seen, session_foreign_agent,
        session_user_changed, session_origin_changed, breaker_open, type_share, tool_share,
        hour_share, bytes_deviation, records_deviation, rate_deviation, actions_last_minute,
        identical_calls, similar_calls, error_share, denials, bytes_out, records_read, budget_used,
        instructions_seq, new_target, actions_excess, bytes_out_excess, records_excess,
        cost_excess, new_target_excess, new_host_excess, repeats_excess, off_hours,
    );
}

fn set_fact(facts: &mut Facts, name: &str, value: &str) {
    set_fields!(facts, name, value;
        action.outbound, action.side_effect, action.delete, action.elevated, action.records,
        data.pii, data.credentials, sql.present, sql.unbounded_read, sql.rights, sql.row_estimate,
    );
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        if let Some(code) = tail.strip_prefix("u{") {
            let (digits, after) = code.split_once('}').unwrap();
            out.push(char::from_u32(u32::from_str_radix(digits, 16).unwrap()).unwrap());
            rest = after;
        } else {
            let (c, length) = match tail.chars().next() {
                Some('n') => ("\n", 1),
                Some('t') => ("\t", 1),
                Some('\\') => ("\\", 1),
                _ => ("\\", 0),
            };
            out.push_str(c);
            rest = &tail[length..];
        }
    }
    out.push_str(rest);
    // Parts of a token, put together.
    out.replace("{}", "")
}

/// The case that `line` describes.
pub(crate) fn case(line: &str) -> Case {
    let mut case = Case {
        action: Action::new("case", ActionType::ApiCall),
        facts: Facts::default(),
        readings: Readings::default(),
        result: None,
        effect: None,
    };
    let (settings, text) = match line.strip_prefix("@ ") {
        Some(rest) => rest.split_once('|').expect("settings end with `|`"),
        None => ("", line),
    };
    let text = text.trim();
    let mut flood = 0;
    let mut prompt = false;
    for setting in settings.split_whitespace() {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        match (name.split_once('.'), name) {
            (Some(("state", field)), _) => set_state(&mut case.readings, field, value),
            (Some(("facts", field)), _) => set_fact(&mut case.facts, field, value),
            (None, "result") => case.result = Some(unescape(text)),
            (None, "prompt") => prompt = true,
            (None, "effect") => case.effect = Effect::from_name(value),
            (None, "flood") => flood = value.parse().unwrap(),
            (None, "limit") => case.readings.limits.push(LimitReading {
                key: 1,
                used: 7,
                exceeded: value == "exceeded",
                retry_after_ms: 0,
            }),
            (None, "usual") => {
                for (field, value) in [
                    ("baseline_ready", "true"),
                    ("family_seen", "true"),
                    ("host_seen", "true"),
                    ("shape_seen", "true"),
                    ("sequence_seen", "true"),
                    ("region_seen", "true"),
                    ("type_share", "400"),
                    ("tool_share", "400"),
                    ("hour_share", "100"),
                ] {
                    set_state(&mut case.readings, field, value);
                }
            }
            _ => panic!("no setting `{name}`"),
        }
    }
    if text.starts_with("{\"action_type\"") {
        let json = text.replacen('{', "{\"agent_id\":\"case\",", 1);
        case.action = Action::from_json(json.as_bytes()).unwrap();
    } else {
        let text = if flood > 0 {
            "ab ".repeat(flood / 3)
        } else {
            unescape(text)
        };
        let mut arguments = Object::new();
        if prompt {
            arguments.insert("prompt", Value::String(text));
            case.action.context = arguments;
        } else {
            arguments.insert("text", Value::String(text));
            case.action.arguments = Value::Object(arguments);
        }
    }
    case
}

/// What all detectors find in it.
pub(crate) fn findings(case: &Case, config: &DetectorConfig) -> Findings {
    let mut found = Findings::default();
    if let Some(text) = &case.result {
        scan_result(text, config, &mut found);
        return found;
    }
    if let Some(effect) = case.effect {
        policy_violation::report(effect, config, &mut found);
    }
    let (segments, truncated) = flatten(&case.action);
    let scanned = scan(&segments, truncated);
    let principal = Principal::local();
    let cx = DetectContext {
        action: &case.action,
        principal: &principal,
        facts: &case.facts,
        scanned: &scanned,
        readings: Some(&case.readings),
        phase: Phase::Content,
    };
    let ran = detect_content(&cx, config, &mut found).and(detect_state(&cx, config, &mut found));
    assert_eq!(ran.vectors, config.enabled, "every enabled detector runs");
    assert!(ran.failed.is_empty());
    found
}
