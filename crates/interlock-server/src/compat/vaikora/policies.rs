//! `/api/v1/policies`: rows of policies in their shape. A policy with several action types or
//! resources is several rows here, numbered after the first.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use interlock_core::model::Effect;
use interlock_runtime::{Runtime, RuntimeError, published_effect};
use interlock_store::{Days, NewPolicy, Policy};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::kept::{Kept as _, KeptPolicy};
use super::{Answer, Asked, Body, Client, Page, Paging, identifiers};
use crate::App;
use crate::api::time;
use crate::auth::Permission;
use crate::error::ApiError;

/// Rows that one policy may become.
const COMBINATIONS_MAX: usize = 64;

#[derive(Debug, Deserialize)]
pub(super) struct Fields {
    name: String,
    description: Option<String>,
    policy_type: Option<String>,
    #[serde(default)]
    priority: i64,
    #[serde(default)]
    action_types: Vec<String>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    rules: Map<String, Value>,
    #[serde(default)]
    conditions: Map<String, Value>,
}

/// What a policy asks for.
fn effect(rules: &Map<String, Value>) -> Answer<Effect> {
    let refused = |message: &str| Err(ApiError::field("rules", "field.invalid", message).into());
    if let Some(other) = rules.keys().find(|key| *key != "effect") {
        let shown: String = other.chars().filter(|c| !c.is_control()).take(64).collect();
        return refused(&format!(
            "`rules.{shown}` is not translated; only `effect` is, write the rest as a rule of a bundle"
        ));
    }
    let word = rules
        .get("effect")
        .and_then(Value::as_str)
        .unwrap_or("deny");
    let word = match word.to_ascii_lowercase().as_str() {
        "deny" => "block".to_owned(),
        "require_approval" => "pause".to_owned(),
        other => other.to_owned(),
    };
    match published_effect(&word) {
        Some(effect) => Ok(effect),
        None => refused("`rules.effect` must be `deny`, `allow` or `require_approval`"),
    }
}

/// A list, or everything where it is empty.
fn globs(list: Vec<String>) -> Vec<Option<String>> {
    if list.is_empty() {
        return vec![None];
    }
    list.into_iter().map(Some).collect()
}

pub(super) async fn create(
    State(app): State<App>,
    Client(caller): Client,
    Body(fields): Body<Fields>,
) -> Answer<(StatusCode, Json<Value>)> {
    caller.require(Permission::EditPolicies)?;
    if !fields.conditions.is_empty() {
        let message = "`conditions` are not translated; write them as `when` of a rule of a bundle";
        return Err(ApiError::field("conditions", "field.invalid", message).into());
    }
    let effect = effect(&fields.rules)?;
    let (types, resources) = (globs(fields.action_types), globs(fields.resources));
    if types.len().saturating_mul(resources.len()) > COMBINATIONS_MAX {
        let message = format!(
            "`action_types` times `resources` are more than {COMBINATIONS_MAX} combinations"
        );
        return Err(ApiError::field("action_types", "field.invalid", message).into());
    }
    if !(-1_000_000..=1_000_000).contains(&fields.priority) {
        let message = "`priority` must be -1000000 to 1000000";
        return Err(ApiError::field("priority", "field.invalid", message).into());
    }
    let id = Uuid::new_v7(uuid::Timestamp::now(uuid::NoContext));
    let pairs: Vec<_> = types
        .iter()
        .flat_map(|kind| resources.iter().map(move |r| (kind.clone(), r.clone())))
        .collect();
    let answer = app
        .blocking(move |runtime| {
            let (tenant, by) = (caller.tenant(), &caller.subject);
            let mut rows: Vec<Policy> = Vec::new();
            for (number, (action_type, resource_pattern)) in pairs.into_iter().enumerate() {
                let policy = NewPolicy {
                    id: match number {
                        0 => id.to_string(),
                        n => format!("{id}.{n}"),
                    },
                    name: fields.name.clone(),
                    action_type,
                    resource_pattern,
                    effect,
                    max_risk_milli: None,
                    time_start: None,
                    time_end: None,
                    days: Days::default(),
                    priority: fields.priority,
                };
                match runtime.insert_policy(tenant, by, &policy) {
                    Ok(row) => rows.push(row),
                    Err(error) => {
                        // All of it or nothing.
                        for row in &rows {
                            runtime.delete_policy(tenant, by, &row.policy.id)?;
                        }
                        return Err(error);
                    }
                }
            }
            let kept = KeptPolicy {
                policy_type: fields.policy_type.unwrap_or_else(|| "access".to_owned()),
                description: fields.description,
            };
            kept.keep(runtime, tenant, id)?;
            shown(runtime, tenant, id, &rows)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(answer)))
}

fn shown(
    runtime: &Runtime,
    tenant: &str,
    id: Uuid,
    rows: &[Policy],
) -> Result<Value, RuntimeError> {
    let kept = KeptPolicy::read(runtime, tenant, id)?;
    let first = rows.first().ok_or(RuntimeError::NotFound("policy"))?;
    let distinct = |of: fn(&Policy) -> Option<&String>| {
        let mut all: Vec<&String> = rows.iter().filter_map(of).collect();
        all.sort_unstable();
        all.dedup();
        json!(all)
    };
    let effect = match first.policy.effect {
        Effect::Block => "deny",
        Effect::RequireApproval => "require_approval",
        _ => "allow",
    };
    let created = time(first.created);
    Ok(json!({
        "id": id.to_string(),
        "organization_id": identifiers::organization(tenant).to_string(),
        "name": first.policy.name,
        "description": kept.as_ref().and_then(|k| k.description.clone()),
        "policy_type": kept.map_or_else(|| "access".to_owned(), |k| k.policy_type),
        "enabled": rows.iter().any(|row| row.enabled),
        "priority": first.policy.priority,
        "action_types": distinct(|row| row.policy.action_type.as_ref()),
        "resources": distinct(|row| row.policy.resource_pattern.as_ref()),
        "rules": { "effect": effect },
        "conditions": {},
        "created_at": created,
        "updated_at": created,
    }))
}

/// The rows of each policy, the highest priority first.
fn grouped(runtime: &Runtime, tenant: &str) -> Result<Vec<(Uuid, Vec<Policy>)>, RuntimeError> {
    let mut order = Vec::new();
    let mut groups: BTreeMap<Uuid, Vec<Policy>> = BTreeMap::new();
    for row in runtime.store().policies(tenant)? {
        let id = identifiers::rule(tenant, &row.policy.id);
        let group = groups.entry(id).or_default();
        if group.is_empty() {
            order.push(id);
        }
        group.push(row);
    }
    Ok(order
        .into_iter()
        .filter_map(|id| groups.remove(&id).map(|rows| (id, rows)))
        .collect())
}

#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    enabled: Option<bool>,
    policy_type: Option<String>,
}

pub(super) async fn list(
    State(app): State<App>,
    Client(caller): Client,
    Asked(filter): Asked<Filter>,
    Asked(paging): Asked<Paging>,
) -> Answer<Json<Page>> {
    caller.require(Permission::Read)?;
    paging.bounds()?;
    let policies = app
        .blocking(move |runtime| {
            let tenant = caller.tenant();
            let mut found = Vec::new();
            for (id, rows) in grouped(runtime, tenant)? {
                let policy = shown(runtime, tenant, id, &rows)?;
                if filter
                    .enabled
                    .is_none_or(|wanted| policy["enabled"] == wanted)
                    && filter
                        .policy_type
                        .as_ref()
                        .is_none_or(|wanted| policy["policy_type"] == **wanted)
                {
                    found.push(policy);
                }
            }
            Ok(found)
        })
        .await?;
    Ok(Json(paging.of(policies, Ok::<_, ApiError>)?))
}

pub(super) async fn get(
    State(app): State<App>,
    Client(caller): Client,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    caller.require(Permission::Read)?;
    let id: Uuid = id.parse().map_err(|_| ApiError::not_found("policy"))?;
    let policy = app
        .blocking(move |runtime| {
            let tenant = caller.tenant();
            let rows = grouped(runtime, tenant)?
                .into_iter()
                .find(|(other, _)| *other == id)
                .map(|(_, rows)| rows)
                .unwrap_or_default();
            shown(runtime, tenant, id, &rows)
        })
        .await?;
    Ok(Json(policy))
}
