//! Labelled texts as what an agent does with them: the action that carries a text, and the composite
//! that the engine gives it.

use std::sync::Arc;

use interlock_core::detectors::prompt_injection::model::Verdict;
use interlock_core::detectors::{DETECTORS, DetectorConfig, scan_result};
use interlock_core::engine::{Request, decide, prepare};
use interlock_core::model::{Action, Finding, FindingCode, Findings, Principal, Role, Vector};
use interlock_core::program::Program;
use interlock_core::state::Readings;
use serde_json::{Value, json};

use super::data::{Role as Part, Row};
use super::rules::BY_MODEL;

/// 2026-11-17, a Tuesday, 10:00 in UTC: within office hours.
const NOW: i64 = 1_794_909_600_000_000_000;

/// How a text reaches an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Carrier {
    Prompt,
    Result,
    Query,
    Value,
    Comment,
    File,
    Address,
    Command,
    Mail,
}

impl Carrier {
    pub(crate) const ALL: [Self; 9] = [
        Self::Prompt,
        Self::Result,
        Self::Query,
        Self::Value,
        Self::Comment,
        Self::File,
        Self::Address,
        Self::Command,
        Self::Mail,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Prompt => "a prompt",
            Self::Result => "a result, then a message",
            Self::Query => "a whole query",
            Self::Value => "a value of a search",
            Self::Comment => "a comment that is published",
            Self::File => "the name of a file to fetch",
            Self::Address => "an address to follow",
            Self::Command => "a command",
            Self::Mail => "the body of a mail",
        }
    }

    /// Where a row of `data` belongs; nowhere when it is not measured or stands in other data too.
    pub(crate) fn of(row: &Row, data: &str) -> Option<Self> {
        // Texts of other data serve each detector as benign ones: once is enough.
        if !row.threat && row.source.starts_with("generic-") && data != "exploit" {
            return None;
        }
        let kind = row.kind.as_str();
        Some(match data {
            "prompt_injection" => match row.role() {
                Part::Defective | Part::Filler => return None,
                Part::Indirect => Self::Result,
                Part::Operational if kind.starts_with("tool_output") || kind == "doc" => {
                    Self::Result
                }
                Part::AboutInjection => Self::Result,
                _ => Self::Prompt,
            },
            "sqli" if kind.starts_with("query") => Self::Query,
            "sqli" => Self::Value,
            "xss" => Self::Comment,
            "exploit" => match kind {
                "shell_command" => Self::Command,
                "path" | "path_relative_hard" | "traversal" => Self::File,
                "url" | "ssrf" | "redirect" => Self::Address,
                _ => Self::Value,
            },
            _ => Self::Mail,
        })
    }

    fn action(self, text: &str) -> Value {
        let (kind, tool, resource, arguments) = match self {
            Self::Prompt => ("llm_call", "assistant", "model/assistant", json!({})),
            Self::Result => (
                "message_send",
                "send_message",
                "chat/customer",
                json!({"to": "customer-4711", "body": "Your order has been sent."}),
            ),
            Self::Query => ("database_query", "query", "shop", json!({"sql": text})),
            Self::Value => (
                "api_call",
                "search_orders",
                "shop/orders",
                json!({"q": text}),
            ),
            Self::Comment => (
                "api_call",
                "post_comment",
                "shop/comments",
                json!({"body": text}),
            ),
            Self::File => (
                "api_call",
                "fetch_file",
                "shop/files",
                json!({"name": text}),
            ),
            Self::Address => ("api_call", "follow", "shop/links", json!({"target": text})),
            Self::Command => ("code_execution", "shell", "", json!({"command": text})),
            Self::Mail => (
                "message_send",
                "send_mail",
                "mail",
                json!({"to": "partner@example.com", "subject": "Notes", "body": text}),
            ),
        };
        let prompt = match self {
            Self::Prompt => text,
            Self::Result => "Tell me how the quarter went.",
            _ => "",
        };
        let context = if prompt.is_empty() {
            json!({})
        } else {
            json!({ "prompt": prompt })
        };
        json!({
            "agent_id": "assistant-7", "session_id": "s", "action_type": kind, "tool": tool,
            "resource": resource, "arguments": arguments, "context": context,
        })
    }
}

/// The state of an agent that has done such things for months.
fn settled() -> Readings {
    let mut readings = Readings::default();
    let state = &mut readings.state;
    state.agent_known = true;
    state.agent_actions = 5_000;
    state.baseline_ready = true;
    state.baseline_samples = 5_000;
    state.type_share = 400;
    state.tool_share = 400;
    state.hour_share = 100;
    for seen in [
        &mut state.resource_seen,
        &mut state.family_seen,
        &mut state.host_seen,
        &mut state.shape_seen,
        &mut state.sequence_seen,
    ] {
        *seen = true;
    }
    readings
}

/// The verdict of a model that did not see the row's source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeftOut {
    /// Above the threshold, in units of the model.
    pub(crate) above: i32,
    pub(crate) confidence: fn(&Verdict) -> u8,
}

fn model_code(at: usize) -> Option<&'static FindingCode> {
    let mut codes = DETECTORS.iter().flat_map(|d| d.codes().iter());
    codes.find(|c| c.code == BY_MODEL[at]).copied()
}

/// `found` with what the shipped model said replaced by what one says that did not see the source.
fn judged_anew(found: &Findings, by: LeftOut, at: usize) -> Findings {
    let mut out = Findings::default();
    for finding in found.items() {
        if !BY_MODEL.contains(&finding.code.code) {
            out.push(finding.clone());
        }
    }
    if by.above > 0
        && let Some(code) = model_code(at)
    {
        let verdict = Verdict {
            margin: by.above,
            span: (0, 0),
        };
        out.push(Finding::whole(code, (by.confidence)(&verdict)));
    }
    out
}

/// The composite of the action that carries `text`, and its dimensions. With `left_out`, the model of
/// prompt injection is one that did not see the text's source.
pub(crate) fn composite(
    program: &Program,
    carrier: Carrier,
    text: &str,
    left_out: Option<LeftOut>,
) -> u8 {
    let principal = Principal {
        tenant: Arc::from("acme"),
        agent: Some(Arc::from("assistant-7")),
        environment: Some(Arc::from("production")),
        role: Role::Agent,
        elevated: false,
    };
    let mut readings = settled();
    // Longer than an action may be: its beginning.
    let mut end = text.len().min(100_000);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &text[..end];
    if carrier == Carrier::Result {
        let mut found = Findings::default();
        scan_result(text, &DetectorConfig::default(), &mut found);
        if let Some(by) = left_out {
            found = judged_anew(&found, by, 1);
        }
        let instructed = found.has(Vector::PromptInjection);
        readings.state.untrusted_seen = instructed;
        readings.state.private_seen = found.has(Vector::Pii);
        readings.state.instructions_seq = i64::from(instructed);
    }
    let json = carrier.action(text).to_string();
    let action = Action::from_json(json.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    let request = Request {
        principal: &principal,
        action: &action,
        now: NOW,
        reservation: 1,
        profile: None,
        grant: None,
    };
    let mut prepared = prepare(program, &request);
    if carrier == Carrier::Prompt
        && let Some(by) = left_out
    {
        prepared.findings = judged_anew(&prepared.findings, by, 0);
    }
    decide(program, &request, &prepared, readings)
        .risk
        .composite
}
