//! `/api/v1/alerts`.

use axum::Json;
use axum::extract::{Path, State};
use interlock_runtime::{Runtime, RuntimeError};
use interlock_store::{Alert, AlertCursor, PAGE_ROWS_MAX};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::kept::{Kept as _, KeptAlert};
use super::{Answer, Asked, Body, Client, PATIENCE, Page, Paging, ROWS_MAX, identifiers, is};
use crate::App;
use crate::api::time;
use crate::auth::{Caller, Permission};
use crate::error::ApiError;

/// Looks through the alerts, newest first, until `visit` is content.
fn each(
    runtime: &Runtime,
    tenant: &str,
    mut visit: impl FnMut(Alert) -> bool,
) -> Result<(), RuntimeError> {
    runtime.listed(tenant)?;
    runtime.projected(PATIENCE)?;
    let mut before: Option<AlertCursor> = None;
    let mut seen = 0;
    while seen < ROWS_MAX {
        let page = runtime
            .store()
            .alerts(tenant, None, before.as_ref(), PAGE_ROWS_MAX)?;
        let Some(last) = page.last() else { break };
        before = Some(AlertCursor {
            seq: last.row.seq,
            id: last.row.id.clone(),
        });
        seen += page.len();
        for alert in page {
            if visit(alert) {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn find(runtime: &Runtime, tenant: &str, id: Uuid) -> Result<Alert, RuntimeError> {
    let mut found = None;
    each(runtime, tenant, |alert| {
        let is = identifiers::alert(tenant, &alert.row.id) == id;
        if is {
            found = Some(alert);
        }
        is
    })?;
    found.ok_or(RuntimeError::NotFound("alert"))
}

fn shown(runtime: &Runtime, tenant: &str, alert: &Alert) -> Result<Value, RuntimeError> {
    let id = identifiers::alert(tenant, &alert.row.id);
    let closed = KeptAlert::read(runtime, tenant, id)?;
    let status = match (&closed, &alert.acknowledged) {
        (Some(closed), _) => closed.status.as_str(),
        (None, Some(_)) => "acknowledged",
        (None, None) => "open",
    };
    let (title, description) = alert
        .row
        .message
        .split_once(": ")
        .unwrap_or((&alert.row.message, ""));
    let person = |by: &String| identifiers::person(tenant, by).to_string();
    Ok(json!({
        "id": id.to_string(),
        "organization_id": identifiers::organization(tenant).to_string(),
        "agent_id": identifiers::agent(tenant, &alert.row.agent_id).to_string(),
        "action_log_id": alert.row.action_id,
        "policy_id": null,
        "severity": alert.row.level,
        "alert_type": if alert.row.action_id.is_some() { "policy_violation" } else { "threat" },
        "title": title,
        "description": description,
        "status": status,
        "metadata": {},
        "acknowledged_at": alert.acknowledged.as_ref().map(|(at, _)| time(*at)),
        "acknowledged_by": alert.acknowledged.as_ref().map(|(_, by)| person(by)),
        "resolved_at": closed.as_ref().map(|c| c.at.clone()),
        "resolved_by": closed.as_ref().map(|c| c.by.clone()),
        "resolution_notes": closed.as_ref().and_then(|c| c.notes.clone()),
        "created_at": time(alert.row.created),
    }))
}

fn parsed(id: &str) -> Answer<Uuid> {
    Ok(id.parse().map_err(|_| ApiError::not_found("alert"))?)
}

#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    status: Option<String>,
    severity: Option<String>,
    agent_id: Option<String>,
}

pub(super) async fn list(
    State(app): State<App>,
    Client(caller): Client,
    Asked(filter): Asked<Filter>,
    Asked(paging): Asked<Paging>,
) -> Answer<Json<Page>> {
    caller.require(Permission::Read)?;
    paging.bounds()?;
    let page = app
        .blocking(move |runtime| {
            let tenant = caller.tenant();
            let mut all = Vec::new();
            each(runtime, tenant, |alert| {
                let agent = || identifiers::agent(tenant, &alert.row.agent_id).to_string();
                if is(&filter.severity, || alert.row.level.clone()) && is(&filter.agent_id, agent) {
                    all.push(alert);
                }
                false
            })?;
            // What is kept of an alert is read where it decides, else of the page only.
            let mut found = Vec::new();
            for alert in all {
                let wanted = match &filter.status {
                    None => true,
                    Some(status) => shown(runtime, tenant, &alert)?["status"] == **status,
                };
                if wanted {
                    found.push(alert);
                }
            }
            let page = paging.of(found, |alert| shown(runtime, tenant, &alert));
            Ok(page)
        })
        .await?;
    Ok(Json(page?))
}

pub(super) async fn get(
    State(app): State<App>,
    Client(caller): Client,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    caller.require(Permission::Read)?;
    let id = parsed(&id)?;
    let alert = app
        .blocking(move |runtime| {
            let alert = find(runtime, caller.tenant(), id)?;
            shown(runtime, caller.tenant(), &alert)
        })
        .await?;
    Ok(Json(alert))
}

pub(super) async fn acknowledge(
    State(app): State<App>,
    Client(caller): Client,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    change(app, caller, &id, None).await
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Notes {
    resolution_notes: Option<String>,
}

pub(super) async fn resolve(
    State(app): State<App>,
    Client(caller): Client,
    Path(id): Path<String>,
    Body(notes): Body<Notes>,
) -> Answer<Json<Value>> {
    change(app, caller, &id, Some(("resolved", notes.resolution_notes))).await
}

pub(super) async fn ignore(
    State(app): State<App>,
    Client(caller): Client,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    change(app, caller, &id, Some(("ignored", None))).await
}

/// Acknowledges an alert, and closes it where `close` says how. The first word stands.
async fn change(
    app: App,
    caller: Caller,
    id: &str,
    close: Option<(&'static str, Option<String>)>,
) -> Answer<Json<Value>> {
    caller.require(Permission::Decide)?;
    let id = parsed(id)?;
    let alert = app
        .blocking(move |runtime| {
            let tenant = caller.tenant();
            let alert = find(runtime, tenant, id)?;
            let now = runtime.now();
            let alert =
                runtime
                    .store()
                    .acknowledge_alert(tenant, &alert.row.id, &caller.subject, now)?;
            if let Some((status, notes)) = close
                && KeptAlert::read(runtime, tenant, id)?.is_none()
            {
                let closed = KeptAlert {
                    status: status.to_owned(),
                    at: time(now),
                    by: identifiers::person(tenant, &caller.subject).to_string(),
                    notes,
                };
                closed.keep(runtime, tenant, id)?;
            }
            shown(runtime, tenant, &alert)
        })
        .await?;
    Ok(Json(alert))
}
