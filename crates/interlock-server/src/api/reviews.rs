//! `GET /api/approvals/{id}`: everything that a person should know before they answer.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::approvals::{ApprovalBody, body};
use super::time;
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiResult, ErrorBody};

/// A step that the same run or session took before.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StepBody {
    /// The decision.
    pub id: String,
    /// The sequence number of its record.
    pub seq: u64,
    /// The type.
    pub action_type: String,
    /// The tool.
    pub tool: String,
    /// The resource.
    pub resource: String,
    /// What was decided.
    pub effect: String,
    /// The composite risk, 0..=100.
    pub risk: u16,
    /// How it ended, if that is known.
    pub outcome: Option<String>,
    /// When.
    pub at: String,
}

/// What somebody changed of the action.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EditBody {
    /// Who.
    pub editor: String,
    /// What the action acts on now.
    pub resource: String,
    /// The arguments as JSON, masked.
    pub arguments: String,
    /// The change as a JSON patch, masked.
    pub patch: String,
}

/// An approval with its context. Everything in it that an agent wrote is to be shown as hostile
/// text.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReviewBody {
    /// The approval; its `detail` has the masked arguments, prompt and plan (`context`), facts,
    /// matched rules, the terms that made the risk, and `blast_radius`.
    #[serde(flatten)]
    pub approval: ApprovalBody,
    /// The groups that are asked by now.
    pub groups: Vec<String>,
    /// What an approval would allow.
    pub allows: String,
    /// The sequence number of the decision that asks; its contents are read in clear under it, by
    /// an auditor.
    pub seq: Option<u64>,
    /// The three steps before, the last first.
    pub before: Vec<StepBody>,
    /// Entries of the record that are not in lists yet, after a start that found many: steps before, and
    /// `seq`, may be missing until it is 0.
    pub behind: u64,
    /// What somebody changed.
    pub edit: Option<EditBody>,
}

/// One approval with everything that a person should know before they answer.
#[utoipa::path(
    get, path = "/api/approvals/{id}", operation_id = "get_approval", tag = "approvals",
    params(("id" = String, Path, description = "The approval's id")),
    responses(
        (status = 200, description = "The approval", body = ReviewBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
        (status = 404, description = "No such approval", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<ReviewBody>> {
    caller.require(Permission::Read)?;
    let tenant = std::sync::Arc::clone(&caller.principal.tenant);
    let review = app
        .blocking(move |runtime| runtime.review(&caller.principal, &id))
        .await?;
    Ok(Json(ReviewBody {
        groups: review.groups,
        allows: review.allows,
        seq: review.seq,
        behind: review.behind,
        before: review
            .before
            .into_iter()
            .map(|step| StepBody {
                id: step.id,
                seq: step.seq,
                action_type: step.action_type,
                tool: step.tool,
                resource: step.resource,
                effect: step.effect.name().to_owned(),
                risk: step.risk,
                outcome: step.outcome.map(|o| o.status),
                at: time(step.at),
            })
            .collect(),
        edit: review.edit.map(|edit| EditBody {
            editor: edit.editor,
            resource: edit.resource,
            arguments: edit.arguments,
            patch: edit.patch,
        }),
        approval: body(&app, &tenant, review.row, false),
    }))
}
