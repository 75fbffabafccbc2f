//! `/api/v1/agents`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use interlock_core::model::limits::ID_BYTES_MAX;
use interlock_runtime::{Runtime, RuntimeError};
use interlock_store::{Agent, AgentChange, NewAgent, PAGE_ROWS_MAX};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::kept::{Kept as _, KeptAgent};
use super::{Answer, Asked, Body, Client, Page, Paging, ROWS_MAX, identifiers, is};
use crate::App;
use crate::api::time;
use crate::auth::Permission;
use crate::error::ApiError;

const TYPES: [&str; 3] = ["autonomous", "semi_autonomous", "supervised"];

/// The id that an agent of this name has here: the name where it can be one.
fn id_of(name: &str, uuid: Uuid) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:@/-".contains(c);
    if name.len() <= ID_BYTES_MAX && name.chars().all(plain) {
        name.to_owned()
    } else {
        uuid.to_string()
    }
}

/// The agents of a tenant, at most [`ROWS_MAX`].
fn all(runtime: &Runtime, tenant: &str) -> Result<Vec<Agent>, RuntimeError> {
    let mut all: Vec<Agent> = Vec::new();
    loop {
        let after = all.last().map(|a| a.agent_id.clone());
        let page = runtime
            .store()
            .agents(tenant, after.as_deref(), PAGE_ROWS_MAX)?;
        let full = page.len() == PAGE_ROWS_MAX;
        all.extend(page);
        if !full || all.len() >= ROWS_MAX {
            return Ok(all);
        }
    }
}

/// The id here of the agent that has this UUID, if there is one; also of one that was deleted, if
/// it was registered by these clients.
pub(super) fn native(runtime: &Runtime, tenant: &str, uuid: Uuid) -> Result<String, RuntimeError> {
    if let Some(kept) = KeptAgent::read(runtime, tenant, uuid)? {
        return Ok(kept.agent_id);
    }
    all(runtime, tenant)?
        .into_iter()
        .map(|agent| agent.agent_id)
        .find(|id| identifiers::agent(tenant, id) == uuid)
        .ok_or(RuntimeError::NotFound("agent"))
}

/// An agent that exists now.
fn find(runtime: &Runtime, tenant: &str, uuid: Uuid) -> Result<Agent, RuntimeError> {
    let id = native(runtime, tenant, uuid)?;
    match runtime.store().agent(tenant, &id) {
        Err(error) if error.is_not_found() => Err(RuntimeError::NotFound("agent")),
        other => Ok(other?),
    }
}

fn parsed(id: &str) -> Answer<Uuid> {
    Ok(id.parse().map_err(|_| ApiError::not_found("agent"))?)
}

fn shown(tenant: &str, agent: &Agent, kept: Option<KeptAgent>) -> Value {
    let created = time(agent.created);
    let kept = kept.unwrap_or_else(|| KeptAgent {
        agent_id: agent.agent_id.clone(),
        agent_type: TYPES[0].to_owned(),
        status: None,
        capabilities: Vec::new(),
        metadata: Map::new(),
        updated_at: created.clone(),
    });
    let status = match (agent.paused, kept.status.as_deref()) {
        (false, _) => "active",
        (true, Some("inactive")) => "inactive",
        (true, _) => "suspended",
    };
    json!({
        "id": identifiers::agent(tenant, &agent.agent_id).to_string(),
        "organization_id": identifiers::organization(tenant).to_string(),
        "name": agent.name,
        "agent_type": kept.agent_type,
        "status": status,
        "capabilities": kept.capabilities,
        "metadata": kept.metadata,
        "last_active_at": agent.counters.last_seen.map(time),
        "created_at": created,
        "updated_at": kept.updated_at,
    })
}

fn show(runtime: &Runtime, tenant: &str, agent: &Agent) -> Result<Value, RuntimeError> {
    let uuid = identifiers::agent(tenant, &agent.agent_id);
    Ok(shown(
        tenant,
        agent,
        KeptAgent::read(runtime, tenant, uuid)?,
    ))
}

#[derive(Debug, Deserialize)]
pub(super) struct Fields {
    name: Option<String>,
    agent_type: Option<String>,
    status: Option<String>,
    capabilities: Option<Vec<String>>,
    metadata: Option<Map<String, Value>>,
}

fn one_of(field: &'static str, word: Option<&String>, known: &[&str]) -> Answer<()> {
    match word {
        Some(word) if !known.contains(&word.as_str()) => {
            let known: Vec<String> = known.iter().map(|k| format!("`{k}`")).collect();
            let message = format!("`{field}` must be one of {}", known.join(", "));
            Err(ApiError::field(field, "field.invalid", message).into())
        }
        _ => Ok(()),
    }
}

pub(super) async fn register(
    State(app): State<App>,
    Client(caller): Client,
    Body(fields): Body<Fields>,
) -> Answer<(StatusCode, Json<Value>)> {
    caller.require(Permission::Administer)?;
    one_of("agent_type", fields.agent_type.as_ref(), &TYPES)?;
    let name = fields.name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| ApiError::field("name", "field.missing", "`name` is missing"))?;
    let answer = app
        .blocking(move |runtime| {
            let tenant = caller.tenant();
            let agent_id = id_of(&name, identifiers::agent(tenant, &name));
            let agent = runtime.register_agent(
                tenant,
                &caller.subject,
                &NewAgent {
                    agent_id: agent_id.clone(),
                    name,
                },
            )?;
            let kept = KeptAgent {
                agent_id,
                agent_type: fields.agent_type.unwrap_or_else(|| TYPES[0].to_owned()),
                status: None,
                capabilities: fields.capabilities.unwrap_or_default(),
                metadata: fields.metadata.unwrap_or_default(),
                updated_at: time(runtime.now()),
            };
            kept.keep(runtime, tenant, identifiers::agent(tenant, &agent.agent_id))?;
            Ok(shown(tenant, &agent, Some(kept)))
        })
        .await?;
    Ok((StatusCode::CREATED, Json(answer)))
}

#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    status: Option<String>,
    agent_type: Option<String>,
}

pub(super) async fn list(
    State(app): State<App>,
    Client(caller): Client,
    Asked(filter): Asked<Filter>,
    Asked(paging): Asked<Paging>,
) -> Answer<Json<Page>> {
    caller.require(Permission::Read)?;
    paging.bounds()?;
    let agents = app
        .blocking(move |runtime| {
            let tenant = caller.tenant();
            let mut shown = Vec::new();
            for agent in all(runtime, tenant)? {
                let agent = show(runtime, tenant, &agent)?;
                let of = |field: &str| agent[field].as_str().unwrap_or_default().to_owned();
                if is(&filter.status, || of("status"))
                    && is(&filter.agent_type, || of("agent_type"))
                {
                    shown.push(agent);
                }
            }
            Ok(shown)
        })
        .await?;
    Ok(Json(paging.of(agents, Ok::<_, ApiError>)?))
}

pub(super) async fn get(
    State(app): State<App>,
    Client(caller): Client,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    caller.require(Permission::Read)?;
    let id = parsed(&id)?;
    let agent = app
        .blocking(move |runtime| {
            let agent = find(runtime, caller.tenant(), id)?;
            show(runtime, caller.tenant(), &agent)
        })
        .await?;
    Ok(Json(agent))
}

pub(super) async fn update(
    State(app): State<App>,
    Client(caller): Client,
    Path(id): Path<String>,
    Body(fields): Body<Fields>,
) -> Answer<Json<Value>> {
    caller.require(Permission::Administer)?;
    one_of("agent_type", fields.agent_type.as_ref(), &TYPES)?;
    let statuses = ["active", "inactive", "suspended"];
    one_of("status", fields.status.as_ref(), &statuses)?;
    let id = parsed(&id)?;
    let answer = app
        .blocking(move |runtime| {
            let tenant = caller.tenant();
            let agent = find(runtime, tenant, id)?;
            let now = time(runtime.now());
            let mut kept = KeptAgent::read(runtime, tenant, id)?.unwrap_or_else(|| KeptAgent {
                agent_id: agent.agent_id.clone(),
                agent_type: TYPES[0].to_owned(),
                status: None,
                capabilities: Vec::new(),
                metadata: Map::new(),
                updated_at: now.clone(),
            });
            if let Some(agent_type) = fields.agent_type {
                kept.agent_type = agent_type;
            }
            if let Some(capabilities) = fields.capabilities {
                kept.capabilities = capabilities;
            }
            if let Some(metadata) = fields.metadata {
                kept.metadata = metadata;
            }
            if let Some(status) = &fields.status {
                kept.status = Some(status.clone());
            }
            kept.updated_at = now;
            kept.keep(runtime, tenant, id)?;
            let change = AgentChange {
                name: fields.name,
                // An agent that is not active may do nothing.
                paused: fields.status.map(|status| status != "active"),
                ..AgentChange::default()
            };
            let agent = runtime.update_agent(tenant, &caller.subject, &agent.agent_id, &change)?;
            Ok(shown(tenant, &agent, Some(kept)))
        })
        .await?;
    Ok(Json(answer))
}

pub(super) async fn remove(
    State(app): State<App>,
    Client(caller): Client,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    caller.require(Permission::Administer)?;
    let id = parsed(&id)?;
    app.blocking(move |runtime| {
        let agent = find(runtime, caller.tenant(), id)?;
        runtime.delete_agent(caller.tenant(), &caller.subject, &agent.agent_id)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_id_where_it_can_be_one() {
        let uuid = identifiers::agent("t", "x");
        assert_eq!(id_of("billing-bot", uuid), "billing-bot");
        for name in ["Billing bot", "b\u{e9}b\u{e9}", &"x".repeat(257)] {
            assert_eq!(id_of(name, uuid), uuid.to_string(), "{name}");
        }
    }
}
