//! `POST /api/actions/{id}/rule`: a rule from a recorded action, with its test.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use interlock_core::audit::recorded::Recorded;
use interlock_core::model::{Effect, Value};
use interlock_runtime::{RuntimeError, Strength};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::check::hex;
use super::draft::{DiagnosticBody, DraftBody};
use super::json;
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// What the rule is to do.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleRequest {
    /// `block`, `require_approval` or `allow`.
    #[schema(example = "require_approval")]
    pub effect: String,
    /// `exact`: this agent, tool and resource. `target`: this tool on the same host, table or
    /// directory. `tool`: this tool doing the same kind of thing. `target` when absent.
    #[schema(example = "target")]
    pub strength: Option<String>,
}

/// A proposal; nothing is stored or put in force.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RuleBody {
    /// The name for the bundle.
    pub name: String,
    /// The rule's id.
    pub rule: String,
    /// The bundle's text: the rule and its test.
    pub text: String,
    /// Whether the text has a test that reproduces the action, and it passes.
    pub tested: bool,
    /// What a person should know of it.
    pub notes: Vec<String>,
    /// What it would be, with everything else that is in force.
    pub draft: DraftBody,
}

/// Proposes a rule that covers a recorded action, with a test that reproduces it. The rule goes by
/// facts such as tables, hosts and directories, never by an agent's free text. The test holds
/// arguments only where it needs them and the key may read content; that they were read goes into
/// the record. Publish the text with `POST /api/bundle`.
#[utoipa::path(
    post, path = "/api/actions/{id}/rule", operation_id = "propose_rule", tag = "policies",
    params(("id" = String, Path, description = "The decision's id")),
    request_body = RuleRequest,
    responses(
        (status = 200, description = "The proposal", body = RuleBody),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not change policies", body = ErrorBody),
        (status = 404, description = "No such action", body = ErrorBody),
        (status = 409, description = "Nothing tells this action from others", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 503, description = "That content was read cannot be recorded", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn propose(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    bytes: Bytes,
) -> ApiResult<Json<RuleBody>> {
    caller.require(Permission::EditPolicies)?;
    let request: RuleRequest = json(&bytes)?;
    let effect = Effect::from_name(&request.effect)
        .filter(|e| matches!(e, Effect::Block | Effect::RequireApproval | Effect::Allow))
        .ok_or_else(|| {
            ApiError::field(
                "effect",
                "field.invalid",
                "`effect` must be `block`, `require_approval` or `allow`",
            )
        })?;
    let strength = match request.strength.as_deref() {
        None => Strength::default(),
        Some(name) => Strength::from_name(name).ok_or_else(|| {
            ApiError::field(
                "strength",
                "field.invalid",
                "`strength` must be `exact`, `target` or `tool`",
            )
        })?,
    };
    let may_read = caller.require(Permission::Audit).is_ok();
    let proposal = app
        .blocking(move |runtime| {
            let tenant = caller.tenant();
            let row = runtime.store().action(tenant, &id)?;
            let entries = runtime
                .journal()
                .read(tenant, row.seq, 1)
                .map_err(|e| RuntimeError::AuditUnavailable(e.to_string()))?;
            let body = entries
                .first()
                .map(|e| e.body.as_slice())
                .unwrap_or_default();
            let recorded = Recorded::read(body).map_err(|e| {
                RuntimeError::Conflict(format!("the record of this action is not readable: {e}"))
            })?;
            let arguments = if may_read {
                arguments(runtime, tenant, &caller.subject, row.seq)?
            } else {
                None
            };
            runtime.propose_rule(tenant, &recorded, effect, strength, arguments.as_ref())
        })
        .await?;
    let draft = proposal.draft;
    Ok(Json(RuleBody {
        name: proposal.name,
        rule: proposal.rule,
        text: proposal.text,
        tested: proposal.tested,
        notes: proposal.notes,
        draft: DraftBody {
            compiles: draft.digest.is_some(),
            digest: draft.digest.map(|digest| hex(&digest)),
            diagnostics: draft.diagnostics.iter().map(DiagnosticBody::from).collect(),
            tests: draft.tests.into_iter().map(Into::into).collect(),
        },
    }))
}

/// The arguments of a decision, where they are kept.
fn arguments(
    runtime: &interlock_runtime::Runtime,
    tenant: &str,
    by: &str,
    seq: u64,
) -> Result<Option<Value>, RuntimeError> {
    let content = match runtime.content(tenant, by, seq) {
        Ok(content) => content,
        // Without content the rule and its test go by facts alone.
        Err(RuntimeError::Erased | RuntimeError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let field = content.fields.into_iter().find(|f| f.name == "arguments");
    Ok(field
        .and_then(|f| f.text)
        .and_then(|text| Value::parse(text.as_bytes()).ok()))
}
