//! `/api/v1/approvals`: what the interceptor asks, and how people answer through it.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use interlock_core::approval::State as ApprovalState;
use interlock_core::model::Effect;
use interlock_runtime::{Asks, Checked, Floor};
use interlock_store::{ApprovalFilter, ApprovalRow, InboxCursor, PAGE_ROWS_MAX};
use serde::Deserialize;
use serde_json::{Value, json};

use super::actions::{Submitted, agent_of, ask};
use super::{Answer, Asked, Body, Client, Page, Paging, ROWS_MAX, identifiers};
use crate::App;
use crate::api::time;
use crate::auth::{Caller, Permission};
use crate::error::ApiError;

/// Their word for a state.
pub(super) fn status_of(state: ApprovalState) -> &'static str {
    match state {
        ApprovalState::Pending => "pending",
        ApprovalState::Approved | ApprovalState::Claimed | ApprovalState::Executed => "approved",
        // These clients run the action as they asked, and cannot take other arguments; and what has
        // been tried is not to be tried again.
        ApprovalState::ApprovedEdited
        | ApprovalState::Denied
        | ApprovalState::Failed
        | ApprovalState::Unknown
        | ApprovalState::Resolved => "denied",
        ApprovalState::Expired => "expired",
        ApprovalState::Cancelled | ApprovalState::Superseded => "cancelled",
    }
}

fn shown(tenant: &str, row: &ApprovalRow) -> Value {
    json!({
        "id": row.asked.id,
        "approval_id": row.asked.id,
        "organization_id": identifiers::organization(tenant).to_string(),
        "agent_id": identifiers::agent(tenant, &row.asked.agent_id).to_string(),
        "action_type": row.asked.action_type,
        "resource": row.asked.resource,
        "status": status_of(row.approval.state),
        "message": row.asked.reason,
        "details": serde_json::from_str::<Value>(&row.asked.detail).unwrap_or_default(),
        "requested_at": time(row.approval.requested_at),
        "expires_at": time(row.approval.request.expires_at),
    })
}

#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    agent_id: Option<String>,
    agent_key: Option<String>,
    action_type: String,
    resource: Option<String>,
    #[serde(default)]
    action_details: Value,
    message: Option<String>,
}

/// Asks for an approval of an action, as a check that at least a person must allow.
pub(super) async fn asked(
    app: &App,
    caller: &Caller,
    wanted: Wanted,
) -> Answer<(Checked, ApprovalRow)> {
    caller.require(Permission::Check)?;
    let agent = agent_of(
        app,
        caller,
        wanted.agent_id.as_deref(),
        wanted.agent_key.as_deref(),
    )
    .await?;
    let why = wanted
        .message
        .filter(|message| !message.is_empty())
        .unwrap_or_else(|| "the enforcement point asks for a person".to_owned());
    let floor = Floor {
        asks: Some(Asks {
            effect: Effect::RequireApproval,
            why: why.chars().take(1_000).collect(),
        }),
        ..Floor::default()
    };
    let action = Submitted::asking(wanted.action_type, wanted.resource, wanted.action_details);
    let checked = ask(app, caller, &agent, &action, floor).await?;
    let Some(id) = checked.approval_id else {
        return Err(ApiError::forbidden(
            "a policy does not permit this action, whoever approves it",
        )
        .into());
    };
    let principal = caller.principal.clone();
    let row = app
        .blocking(move |runtime| runtime.approval(&principal, &id.to_string()))
        .await?;
    Ok((checked, row))
}

pub(super) async fn request(
    State(app): State<App>,
    Client(caller): Client,
    Body(wanted): Body<Wanted>,
) -> Answer<(StatusCode, Json<Value>)> {
    let (checked, row) = asked(&app, &caller, wanted).await?;
    let mut answer = shown(caller.tenant(), &row);
    answer["action_log_id"] = json!(checked.id.to_string());
    Ok((StatusCode::CREATED, Json(answer)))
}

pub(super) async fn status(
    State(app): State<App>,
    Client(caller): Client,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    if caller.require(Permission::Check).is_err() {
        caller.require(Permission::Read)?;
    }
    let tenant = caller.tenant().to_owned();
    let row = app
        .blocking(move |runtime| runtime.approval(&caller.principal, &id))
        .await?;
    Ok(Json(shown(&tenant, &row)))
}

#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    status: Option<String>,
}

pub(super) async fn list(
    State(app): State<App>,
    Client(caller): Client,
    Asked(filter): Asked<Filter>,
    Asked(paging): Asked<Paging>,
) -> Answer<Json<Page>> {
    caller.require(Permission::Read)?;
    paging.bounds()?;
    let tenant = caller.tenant().to_owned();
    let rows = app
        .blocking(move |runtime| {
            let mut query = ApprovalFilter {
                state: (filter.status.as_deref() == Some("pending"))
                    .then_some(ApprovalState::Pending),
                ..ApprovalFilter::default()
            };
            let mut found: Vec<ApprovalRow> = Vec::new();
            let mut seen = 0;
            while seen < ROWS_MAX {
                let page = runtime
                    .store()
                    .approvals(caller.tenant(), &query, PAGE_ROWS_MAX)?;
                let Some(last) = page.last() else { break };
                query.after = Some(InboxCursor {
                    requested_at: last.approval.requested_at,
                    id: last.asked.id.clone(),
                });
                seen += page.len();
                found.extend(page.into_iter().filter(|row| {
                    filter
                        .status
                        .as_deref()
                        .is_none_or(|wanted| wanted == status_of(row.approval.state))
                }));
            }
            Ok(found)
        })
        .await?;
    Ok(Json(
        paging.of(rows, |row| Ok::<_, ApiError>(shown(&tenant, &row)))?,
    ))
}

#[derive(Debug, Deserialize)]
pub(super) struct Resolution {
    resolution: String,
    reason: Option<String>,
}

pub(super) async fn resolve(
    State(app): State<App>,
    Client(caller): Client,
    Path(id): Path<String>,
    Body(resolution): Body<Resolution>,
) -> Answer<Json<Value>> {
    caller.require(Permission::Decide)?;
    let approve = match resolution.resolution.as_str() {
        "approved" => true,
        // Whoever takes the question back does not want the action.
        "denied" | "cancelled" => false,
        _ => {
            let message = "`resolution` must be `approved`, `denied` or `cancelled`";
            return Err(ApiError::field("resolution", "field.invalid", message).into());
        }
    };
    let reason = resolution.reason.unwrap_or_default();
    if reason.len() > interlock_core::approval::REASON_BYTES_MAX {
        let message = "`reason` has more than 4096 bytes";
        return Err(ApiError::field("reason", "field.invalid", message).into());
    }
    let tenant = caller.tenant().to_owned();
    let answered = app
        .blocking(move |runtime| {
            runtime.decide_approval(&caller.principal, &caller.subject, &id, approve, &reason)
        })
        .await?;
    let mut answer = shown(&tenant, &answered.row);
    answer["already_decided"] = json!(answered.already_decided);
    Ok(Json(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_run_as_it_was_asked_is_approved() {
        let approved: Vec<&str> = ApprovalState::ALL
            .iter()
            .filter(|state| status_of(**state) == "approved")
            .map(|state| state.name())
            .collect();
        assert_eq!(approved, ["approved", "claimed", "executed"]);
    }
}
