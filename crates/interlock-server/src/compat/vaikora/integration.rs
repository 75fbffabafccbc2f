//! `/api/v1/integration/*`: what the gateway of theirs asks of its control plane.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use interlock_core::model::{Effect, Value as CoreValue};
use interlock_runtime::RuntimeError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::approvals::{Wanted, asked, status_of};
use super::{Answer, Body, Client, PATIENCE, identifiers};
use crate::App;
use crate::api::time;
use crate::auth::Permission;
use crate::error::ApiError;

/// Events of one request.
const EVENTS_MAX: usize = 500;

/// The policies that ask for a person or block, as their gateway matches them. It looks for words
/// in prompts; our rules have none, so it is given the action types and decides nothing by itself.
pub(super) async fn policies(
    State(app): State<App>,
    Client(caller): Client,
) -> Answer<Json<Value>> {
    if caller.require(Permission::Check).is_err() {
        caller.require(Permission::Read)?;
    }
    let policies = app
        .blocking(move |runtime| {
            let tenant = caller.tenant();
            let rows = runtime.store().policies(tenant)?;
            let shown = rows.into_iter().filter(|row| row.enabled).map(|row| {
                let policy = row.policy;
                json!({
                    "id": identifiers::rule(tenant, &policy.id).to_string(),
                    "name": policy.name,
                    "action": match policy.effect {
                        Effect::Block => "block",
                        Effect::RequireApproval => "require_approval",
                        _ => "allow",
                    },
                    "rules": {
                        "action_type": policy.action_type.unwrap_or_else(|| "*".to_owned()),
                        "blocked_keywords": [],
                    },
                })
            });
            Ok(shown.collect::<Vec<Value>>())
        })
        .await?;
    Ok(Json(json!({ "policies": policies })))
}

#[derive(Debug, Deserialize)]
pub(super) struct Events {
    events: Vec<Value>,
}

/// Records the gateway's events as calls of models that already ran.
pub(super) async fn audit(
    State(app): State<App>,
    Client(caller): Client,
    Body(Events { events }): Body<Events>,
) -> Answer<Json<Value>> {
    caller.require(Permission::Check)?;
    if events.len() > EVENTS_MAX {
        let message = format!(
            "`events` has {} of them, the limit is {EVENTS_MAX}",
            events.len()
        );
        return Err(ApiError::field("events", "field.invalid", message).into());
    }
    let (mut accepted, mut errors) = (0, Vec::new());
    for (index, event) in events.iter().enumerate() {
        let text = |key: &str| event.get(key).and_then(Value::as_str);
        let agent = text("agent_key")
            .or_else(|| text("agent_id"))
            .or(caller.principal.agent.as_deref())
            .unwrap_or("vaikora-gateway");
        let action = json!({
            "agent_id": agent,
            "action_type": text("action_type").unwrap_or("llm_call").to_ascii_lowercase(),
            "resource": text("provider").unwrap_or_default(),
            "payload": event,
            "source": "vaikora-gateway",
        });
        let decision = text("decision").or_else(|| text("outcome"));
        let decision = decision.map(|word| word.chars().take(32).collect());
        match super::evaluate::report(&app, &caller, &action, decision).await {
            Ok(_) => accepted += 1,
            // Nothing more can be recorded now: the gateway keeps its events and sends them again.
            Err(refused) if refused.0.status == StatusCode::SERVICE_UNAVAILABLE => {
                return Err(refused);
            }
            Err(refused) => errors.push(json!({ "index": index, "error": refused.0.message })),
        }
    }
    Ok(Json(json!({ "accepted": accepted, "errors": errors })))
}

/// Asks a person about a request that the gateway holds.
pub(super) async fn request(
    State(app): State<App>,
    Client(caller): Client,
    Body(wanted): Body<Wanted>,
) -> Answer<(StatusCode, Json<Value>)> {
    let (checked, row) = asked(&app, &caller, wanted).await?;
    let answer = json!({
        "approval_id": row.asked.id,
        "action_log_id": checked.id.to_string(),
        "poll_url": format!("/api/v1/integration/hitl/status/{}", checked.id),
        "expires_at": time(row.approval.request.expires_at),
    });
    Ok((StatusCode::CREATED, Json(answer)))
}

/// What became of it, by the id of the action.
pub(super) async fn status(
    State(app): State<App>,
    Client(caller): Client,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    if caller.require(Permission::Check).is_err() {
        caller.require(Permission::Read)?;
    }
    let row = app
        .blocking(move |runtime| {
            runtime.projected(PATIENCE)?;
            let tenant = caller.tenant();
            let action = match runtime.store().action(tenant, &id) {
                Err(error) if error.is_not_found() => {
                    runtime.listed(tenant)?;
                    return Err(RuntimeError::NotFound("action"));
                }
                other => other?,
            };
            // Which approval was asked for stands in the record of the decision.
            let entries = runtime
                .journal()
                .read(tenant, action.seq, 1)
                .map_err(|e| RuntimeError::AuditUnavailable(e.to_string()))?;
            let approval = entries
                .first()
                .and_then(|entry| CoreValue::parse(&entry.body).ok())
                .and_then(|body| body.get("approval")?.as_str().map(str::to_owned))
                .ok_or(RuntimeError::NotFound("approval"))?;
            runtime.approval(&caller.principal, &approval)
        })
        .await?;
    Ok(Json(json!({
        "status": status_of(row.approval.state),
        "approval_id": row.asked.id,
        "expires_at": time(row.approval.request.expires_at),
    })))
}
