//! `POST /api/check`: the decision before the action.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::{Json, http::StatusCode};
use interlock_core::model::{Action, Decision, Effect, Obligation, Vector};
use interlock_core::risk::{Dimension, FiveDimensions};
use interlock_runtime::{Checked, agent_message};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

use crate::App;
use crate::auth::{Caller, Permission};
use crate::compat::vaultak;
use crate::error::{ApiError, ApiResult, ErrorBody};

/// An action to decide on. Further fields are kept in `metadata`.
#[derive(Debug, ToSchema)]
pub struct CheckRequest {
    /// Who acts; 1 to 256 bytes.
    #[schema(
        min_length = 1,
        max_length = 256,
        example = "billing-bot",
        pattern = "^[A-Za-z0-9._:@/-]+$"
    )]
    pub agent_id: String,
    /// What kind of action: `file_read`, `file_write`, `file_delete`, `api_call`,
    /// `database_query`, `database_write`, `code_execution`, `network_request`,
    /// `permission_change`, `process_spawn`, `message_send`, `payment`, `llm_call`, or any other
    /// name of a-z, 0-9, `_`, `-`, `.` and `:`.
    #[schema(
        min_length = 1,
        max_length = 64,
        example = "database_write",
        pattern = "^[a-z0-9_.:-]+$"
    )]
    pub action_type: String,
    /// What is acted on.
    #[schema(max_length = 4096, example = "postgres://prod/customers")]
    pub resource: Option<String>,
    /// The tool that would run.
    #[schema(max_length = 256)]
    pub tool: Option<String>,
    /// The tool's arguments.
    #[schema(value_type = Option<Object>)]
    pub arguments: Option<serde_json::Value>,
    /// Further data.
    #[schema(value_type = Option<Object>)]
    pub payload: Option<serde_json::Value>,
    /// The task that the action belongs to.
    #[schema(max_length = 256)]
    pub run_id: Option<String>,
    /// The position in the run.
    #[schema(minimum = 0)]
    pub step: Option<i64>,
    /// The session.
    #[schema(max_length = 256)]
    pub session_id: Option<String>,
    /// On whose behalf: `id`, `roles`, `ip`.
    #[schema(value_type = Option<Object>)]
    pub user: Option<serde_json::Value>,
    /// Where it runs: a name, or `name`, `region`, `network`.
    #[schema(value_type = Option<Object>)]
    pub environment: Option<serde_json::Value>,
    /// Prompt, plan, model.
    #[schema(value_type = Option<Object>)]
    pub context: Option<serde_json::Value>,
    /// What the enforcement point can do: `redact`, `sandbox`, `wait`; `undo` says that it can undo this action.
    pub capabilities: Option<Vec<String>>,
    /// The key under which a retry finds the first answer, for 24 hours.
    #[schema(max_length = 256)]
    pub idempotency_key: Option<String>,
}

/// A reason: the first one decided.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReasonBody {
    /// The stable code.
    pub code: String,
    /// The sentence for the operator.
    pub message: String,
}

/// One term of a dimension.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TermBody {
    /// The stable code.
    pub code: String,
    /// Points added, or taken off.
    pub points: i16,
    /// What it means.
    pub text: String,
    /// The value that caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<i64>,
}

/// The score of one dimension.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DimensionBody {
    /// 0..=100.
    pub score: u8,
    /// Where the points come from.
    pub terms: Vec<TermBody>,
}

/// The risk, 0..=100.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RiskBody {
    /// The weighted composite with its floor.
    pub composite: u8,
    /// The dimension whose critical mark lifted the composite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<String>,
    /// The seven dimensions.
    pub dimensions: BTreeMap<String, DimensionBody>,
}

/// A finding of a threat detector.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FindingBody {
    /// The stable code.
    pub code: String,
    /// The vector.
    pub vector: String,
    /// One sentence.
    pub summary: String,
    /// 0..=100.
    pub confidence: u8,
    /// The JSON path of the text.
    pub path: String,
    /// First byte and one past the last.
    pub span: [u32; 2],
    /// CWE, OWASP and ATLAS ids.
    pub tags: Vec<String>,
}

/// A rule that fired.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FiredBody {
    /// Its id.
    pub id: String,
    /// The effect it asked for.
    pub effect: String,
    /// Whether it decided.
    pub decided: bool,
    /// Whether it counts as fired because it could not be evaluated.
    pub errored: bool,
}

/// Where the record of the decision stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecordBody {
    /// The sequence number in the tenant's log.
    pub seq: u64,
    /// The leaf hash, hex.
    pub leaf: String,
}

/// The decision.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckResponse {
    /// The decision's id; the outcome refers to it.
    pub id: String,
    /// `allow`, `alert`, `redact`, `sandbox`, `require_approval` or `block`.
    pub effect: String,
    /// The published three-valued form: `allow`, `pause` or `block`.
    pub decision: String,
    /// The first reason, as a sentence.
    pub reason: String,
    /// All reasons.
    pub reasons: Vec<ReasonBody>,
    /// The composite risk, 0..1.
    pub risk_score: f64,
    /// The published five dimensions and the blast radius, 0..1.
    pub risk_breakdown: BTreeMap<String, f64>,
    /// The risk with its terms.
    pub risk: RiskBody,
    /// What the detectors found.
    pub findings: Vec<FindingBody>,
    /// Every rule that fired.
    pub fired_rules: Vec<FiredBody>,
    /// What shadow rules would have done.
    pub shadow_rules: Vec<FiredBody>,
    /// What the enforcement point must also do.
    #[schema(value_type = Vec<Object>)]
    pub obligations: Vec<serde_json::Value>,
    /// The rule that decided, if one did.
    pub policy_matched: Option<String>,
    /// The approval to wait for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_id: Option<String>,
    /// What may be told to the agent.
    pub agent_message: String,
    /// As asked.
    pub agent_id: String,
    /// As asked.
    pub action_type: String,
    /// As asked.
    pub resource: String,
    /// The record.
    pub record: RecordBody,
    /// The digest of the bundle that decided, hex.
    pub program: String,
    /// Whether this is the stored answer to an earlier request with the same key.
    pub replayed: bool,
}

/// The published three-valued form of an effect.
#[must_use]
pub fn published(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow | Effect::Alert | Effect::Redact | Effect::Sandbox => "allow",
        Effect::RequireApproval => "pause",
        Effect::Block => "block",
    }
}

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
            let _ = write!(out, "{b:02x}");
            out
        })
}

impl RiskBody {
    /// The risk of a decision.
    #[must_use]
    pub fn of(decision: &Decision) -> Self {
        Self {
            composite: decision.risk.composite,
            floor: decision.risk.floor.map(|d| d.name().to_owned()),
            dimensions: Dimension::ALL
                .into_iter()
                .zip(&decision.risk.dimensions)
                .map(|(dimension, score)| {
                    let terms = score
                        .terms
                        .iter()
                        .map(|t| TermBody {
                            code: t.code.to_owned(),
                            points: t.points,
                            text: t.text.to_owned(),
                            value: t.value,
                        })
                        .collect();
                    let body = DimensionBody {
                        score: score.score,
                        terms,
                    };
                    (dimension.name().to_owned(), body)
                })
                .collect(),
        }
    }
}

fn fired(rules: &[interlock_core::model::FiredRule]) -> Vec<FiredBody> {
    rules
        .iter()
        .map(|r| FiredBody {
            id: r.id.to_string(),
            effect: r.effect.name().to_owned(),
            decided: r.decided,
            errored: r.errored,
        })
        .collect()
}

/// An obligation as JSON.
#[must_use]
pub fn obligation(obligation: &Obligation) -> serde_json::Value {
    use serde_json::json;
    match obligation {
        Obligation::Notify(groups) => json!({"kind": "notify", "groups": groups}),
        Obligation::Redact(spans) => json!({
            "kind": "redact",
            "spans": spans.iter().map(|(path, span)| json!({"path": path, "start": span.start, "end": span.end})).collect::<Vec<_>>(),
        }),
        Obligation::Snapshot => json!({"kind": "snapshot"}),
        Obligation::Approve(approvers) => json!({
            "kind": "approve", "group": approvers.group, "quorum": approvers.quorum, "timeout_ms": approvers.timeout_ms,
        }),
        Obligation::Throttle(ms) => json!({"kind": "throttle", "retry_after_ms": ms}),
    }
}

/// The findings of a decision or a result.
#[must_use]
pub fn findings(findings: &interlock_core::model::Findings) -> Vec<FindingBody> {
    findings
        .items()
        .iter()
        .map(|f| FindingBody {
            code: f.code.code.to_owned(),
            vector: Vector::name(f.code.vector).to_owned(),
            summary: f.code.summary.to_owned(),
            confidence: f.confidence,
            path: f.path.to_string(),
            span: [f.span.start, f.span.end],
            tags: f.code.tags.iter().map(|t| (*t).to_owned()).collect(),
        })
        .collect()
}

impl CheckResponse {
    /// The answer to a check.
    #[must_use]
    pub fn of(checked: &Checked) -> Self {
        let decision = &checked.decision;
        let five = FiveDimensions::of(&decision.risk);
        Self {
            id: checked.id.to_string(),
            effect: decision.effect.name().to_owned(),
            decision: published(decision.effect).to_owned(),
            reason: decision
                .reasons
                .first()
                .map(|r| r.message.clone())
                .unwrap_or_default(),
            reasons: decision
                .reasons
                .iter()
                .map(|r| ReasonBody {
                    code: r.code.to_owned(),
                    message: r.message.clone(),
                })
                .collect(),
            risk_score: f64::from(decision.risk.composite) / 100.0,
            risk_breakdown: five
                .entries()
                .into_iter()
                .map(|(name, hundredths)| (name.to_owned(), f64::from(hundredths) / 100.0))
                .collect(),
            risk: RiskBody::of(decision),
            findings: findings(&decision.findings),
            fired_rules: fired(&decision.fired),
            shadow_rules: fired(&decision.shadow),
            obligations: decision.obligations.iter().map(obligation).collect(),
            policy_matched: decision
                .fired
                .iter()
                .find(|r| r.decided)
                .map(|r| r.id.to_string()),
            approval_id: checked.approval_id.map(|id| id.to_string()),
            agent_message: agent_message(decision.effect, &checked.id.to_string()),
            agent_id: checked.agent_id.clone(),
            action_type: checked.action_type.clone(),
            resource: checked.resource.clone(),
            record: RecordBody {
                seq: checked.seq,
                leaf: hex(&checked.leaf),
            },
            program: hex(&decision.program),
            replayed: checked.replayed,
        }
    }
}

/// Decides on an action before it runs.
#[utoipa::path(
    post, path = "/api/check", operation_id = "check", tag = "decisions",
    request_body = CheckRequest,
    responses(
        (status = 200, description = "The decision", body = CheckResponse,
            links(
                ("outcome" = (operation_id = "report_outcome", parameters(("id" = "$response.body#/id")))),
                ("rule" = (operation_id = "propose_rule", parameters(("id" = "$response.body#/id")))),
                ("decide" = (operation_id = "decide_approval", parameters(("id" = "$response.body#/approval_id")))),
                ("wait" = (operation_id = "wait_for_approval", parameters(("id" = "$response.body#/approval_id")))),
                ("proof" = (operation_id = "get_inclusion_proof", parameters(("seq" = "$response.body#/record/seq")))),
            )),
        (status = 400, description = "The action is malformed", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key is bound to another agent", body = ErrorBody),
        (status = 409, description = "The idempotency key was used for another action", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 503, description = "The decision cannot be recorded, so it is a denial", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn check(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult<Response> {
    caller.require(Permission::Check)?;
    if let Some(answer) = vaultak::describe(&caller, &body) {
        return Ok(answer);
    }
    let action = parse_action(&body)?;
    let checked = app.check(&caller, action).await?;
    let mut response = CheckResponse::of(&checked);
    vaultak::adapt_check(&headers, &mut response);
    Ok((StatusCode::OK, Json(response)).into_response())
}

/// Reads an action from a body.
pub(crate) fn parse_action(body: &[u8]) -> ApiResult<Action> {
    Action::from_json(body).map_err(|e| {
        let status = if e.code == "action.too-large" {
            StatusCode::PAYLOAD_TOO_LARGE
        } else {
            StatusCode::BAD_REQUEST
        };
        ApiError {
            field: Some(e.field.to_owned()),
            ..ApiError::new(status, e.code, e.to_string())
        }
    })
}
