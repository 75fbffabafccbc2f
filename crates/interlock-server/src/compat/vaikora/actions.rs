//! `/api/v1/actions`: a decision before an action, what became of it, and the list that SIEM
//! connectors poll.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use interlock_core::model::{Action, Effect, Outcome, OutcomeStatus};
use interlock_core::risk::Dimension;
use interlock_runtime::{Checked, Floor, Runtime, RuntimeError, agent_message};
use interlock_store::{ActionFilter, ActionRow, Cursor, PAGE_ROWS_MAX};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use uuid::Uuid;

use super::{Answer, Asked, Body, Client, PATIENCE, Paging, ROWS_MAX, agents, identifiers};
use crate::App;
use crate::api::check::{hex, parse_action};
use crate::api::time;
use crate::auth::{Caller, Permission};
use crate::error::ApiError;

/// From this score of the behaviour dimension on an action is an anomaly, as their connectors
/// forward those of 0.7 and more.
const ANOMALY: u8 = 70;

#[derive(Debug, Deserialize)]
pub(super) struct Submitted {
    agent_id: Option<String>,
    agent_key: Option<String>,
    action_type: String,
    resource: Option<String>,
    resource_type: Option<String>,
    resource_id: Option<String>,
    #[serde(default)]
    payload: Value,
    #[serde(default)]
    metadata: Map<String, Value>,
}

/// Who acts: `agent_id` is the UUID of a registered agent, `agent_key` the name that the wrapper of
/// the OpenAI client is given.
pub(super) async fn agent_of(
    app: &App,
    caller: &Caller,
    id: Option<&str>,
    key: Option<&str>,
) -> Answer<String> {
    if let Some(id) = id {
        let uuid: Uuid = id.parse().map_err(|_| {
            ApiError::field("agent_id", "field.invalid", "`agent_id` must be a UUID")
        })?;
        let tenant = caller.tenant().to_owned();
        return Ok(app
            .blocking(move |runtime| agents::native(runtime, &tenant, uuid))
            .await?);
    }
    if let Some(key) = key.filter(|key| !key.is_empty()) {
        return Ok(key.to_owned());
    }
    match &caller.principal.agent {
        Some(agent) => Ok(agent.to_string()),
        None => Err(ApiError::field(
            "agent_id",
            "field.missing",
            "`agent_id` is missing: give the UUID of an agent, or a key that is bound to one",
        )
        .into()),
    }
}

/// The action as it is here. Their types are written in any case, ours in lower case.
fn action_of(agent: &str, submitted: &Submitted) -> Answer<Action> {
    let resource = match (&submitted.resource, &submitted.resource_type) {
        (Some(resource), _) => resource.clone(),
        (None, Some(kind)) => match submitted.resource_id.as_deref() {
            Some(id) => format!("{kind}:{id}"),
            None => kind.clone(),
        },
        (None, None) => String::new(),
    };
    // Calls of functions come as `{args, kwargs}`.
    let arguments = match &submitted.payload["kwargs"] {
        Value::Object(kwargs) => json!(kwargs),
        _ => Value::Null,
    };
    let action_type = match submitted.action_type.to_ascii_lowercase().as_str() {
        "llm.chat.completion" => "llm_call".to_owned(),
        other => other.to_owned(),
    };
    let tool = submitted.metadata.get("function").and_then(Value::as_str);
    let action = json!({
        "agent_id": agent,
        "action_type": action_type,
        "resource": resource,
        "tool": tool.unwrap_or_default(),
        "arguments": arguments,
        "payload": submitted.payload,
        "context": { "metadata": submitted.metadata },
        "source": "vaikora",
    });
    let bytes = serde_json::to_vec(&action).map_err(|e| ApiError::internal(&e))?;
    Ok(parse_action(&bytes)?)
}

fn rule_of(tenant: &str, checked: &Checked) -> Option<Uuid> {
    let fired = checked.decision.fired.iter().find(|rule| rule.decided)?;
    Some(identifiers::rule(tenant, &fired.id))
}

pub(super) async fn submit(
    State(app): State<App>,
    Client(caller): Client,
    Body(submitted): Body<Submitted>,
) -> Answer<(StatusCode, Json<Value>)> {
    caller.require(Permission::Check)?;
    let agent = agent_of(
        &app,
        &caller,
        submitted.agent_id.as_deref(),
        submitted.agent_key.as_deref(),
    )
    .await?;
    let checked = app.check(&caller, action_of(&agent, &submitted)?).await?;
    Ok((StatusCode::OK, Json(result(caller.tenant(), &checked))))
}

/// The same for whoever wants a person asked, whatever the policies say.
pub(super) async fn ask(
    app: &App,
    caller: &Caller,
    agent: &str,
    submitted: &Submitted,
    floor: Floor,
) -> Answer<Checked> {
    let action = action_of(agent, submitted)?;
    Ok(app.check_above(caller, action, Arc::new(floor)).await?)
}

impl Submitted {
    /// An action that an approval is asked for.
    pub(super) fn asking(action_type: String, resource: Option<String>, details: Value) -> Self {
        Self {
            agent_id: None,
            agent_key: None,
            action_type,
            resource,
            resource_type: None,
            resource_id: None,
            payload: details,
            metadata: Map::new(),
        }
    }
}

/// The answer to a submitted action. Whatever is not allowed outright is not approved: the clients
/// cannot redact or isolate, and run what they take for approved.
fn result(tenant: &str, checked: &Checked) -> Value {
    let decision = &checked.decision;
    let (approved, status) = match decision.effect {
        Effect::Allow | Effect::Alert => (true, "approved"),
        Effect::RequireApproval => (false, "pending"),
        Effect::Redact | Effect::Sandbox | Effect::Block => (false, "denied"),
    };
    let behavior = Dimension::ALL
        .iter()
        .zip(&decision.risk.dimensions)
        .find(|(dimension, _)| **dimension == Dimension::Behaviour)
        .map(|(_, score)| score);
    let score = behavior.map_or(0, |b| b.score);
    let reasons: Vec<&str> = behavior
        .iter()
        .flat_map(|b| &b.terms)
        .filter(|term| term.points > 0)
        .map(|term| term.text)
        .collect();
    let warnings: Vec<&str> = match decision.effect {
        Effect::Alert => decision
            .reasons
            .iter()
            .map(|r| r.message.as_str())
            .collect(),
        _ => Vec::new(),
    };
    json!({
        "action_id": checked.id.to_string(),
        "approved": approved,
        "status": status,
        "decision": if approved { "allow" } else { "block" },
        "denial_reason": (!approved).then(|| agent_message(decision.effect.max(Effect::RequireApproval), &checked.id.to_string())),
        "policy_id": rule_of(tenant, checked).map(|id| id.to_string()),
        "approval_id": checked.approval_id.map(|id| id.to_string()),
        "is_anomaly": score >= ANOMALY,
        "anomaly_score": f64::from(score) / 100.0,
        "anomaly_reasons": reasons,
        "warnings": warnings,
    })
}

/// A row as their model and their connectors read it.
fn shown(runtime: &Runtime, tenant: &str, row: &ActionRow) -> Value {
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let payload = match parse(&row.payload) {
        Value::Object(payload) => Value::Object(payload),
        Value::Null => json!({}),
        other => json!({ "value": other }),
    };
    let behavior = parse(&row.risk_breakdown)[Dimension::Behaviour.name()]
        .as_u64()
        .unwrap_or(0);
    let status = status(row);
    let (severity, level) = match row.risk {
        0..30 => ("low", "LOW"),
        30..60 => ("medium", "MODERATE"),
        60..85 => ("high", "HIGH"),
        _ => ("critical", "CRITICAL"),
    };
    let leaf = runtime
        .journal()
        .read(tenant, row.seq, 1)
        .ok()
        .and_then(|entries| entries.first().map(|entry| hex(&entry.leaf)));
    let denied = row.effect > Effect::Alert;
    let message = || agent_message(row.effect.max(Effect::RequireApproval), &row.id);
    json!({
        "id": row.id,
        "action_id": row.id,
        "agent_id": identifiers::agent(tenant, &row.agent_id).to_string(),
        "organization_id": identifiers::organization(tenant).to_string(),
        "action_type": row.action_type,
        "resource": row.resource,
        "resource_type": row.resource.split_once(':').map(|(scheme, _)| scheme),
        "payload": payload,
        "status": status,
        "decision": if denied { "deny" } else { "allow" },
        "policy_decision": match row.effect {
            Effect::Allow => "allow",
            Effect::Alert => "warn",
            _ => "block",
        },
        "denial_reason": denied.then(message),
        "policy_id": null,
        "is_anomaly": behavior >= u64::from(ANOMALY),
        "anomaly_score": behavior as f64 / 100.0,
        "anomaly_reasons": [],
        "anomaly_reason": (behavior >= u64::from(ANOMALY)).then_some(row.reason.as_str()),
        "execution_time_ms": null,
        "error_message": null,
        "metadata": {},
        "severity": severity,
        "risk_score": row.risk,
        "risk_level": level,
        "threat_detected": denied,
        "threat_score": row.risk,
        "log_hash": leaf,
        "timestamp": time(row.at),
        "created_at": time(row.at),
    })
}

fn status(row: &ActionRow) -> &'static str {
    match row.outcome.as_ref().map(|o| o.status.as_str()) {
        Some("succeeded") => "executed",
        Some("failed") => "failed",
        Some("not_run") => "denied",
        _ => match row.effect {
            Effect::Allow | Effect::Alert => "approved",
            Effect::RequireApproval => "pending",
            Effect::Redact | Effect::Sandbox | Effect::Block => "denied",
        },
    }
}

fn parsed(id: &str) -> Answer<Uuid> {
    Ok(id.parse().map_err(|_| ApiError::not_found("action"))?)
}

fn row(runtime: &Runtime, tenant: &str, id: Uuid) -> Result<ActionRow, RuntimeError> {
    runtime.projected(PATIENCE)?;
    match runtime.store().action(tenant, &id.to_string()) {
        Err(error) if error.is_not_found() => {
            runtime.listed(tenant)?;
            Err(RuntimeError::NotFound("action"))
        }
        other => Ok(other?),
    }
}

pub(super) async fn get(
    State(app): State<App>,
    Client(caller): Client,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    caller.require(Permission::Read)?;
    let id = parsed(&id)?;
    let action = app
        .blocking(move |runtime| {
            let row = row(runtime, caller.tenant(), id)?;
            Ok(shown(runtime, caller.tenant(), &row))
        })
        .await?;
    Ok(Json(action))
}

#[derive(Debug, Deserialize)]
pub(super) struct Completed {
    status: String,
    execution_time_ms: Option<i64>,
    error_message: Option<String>,
    #[serde(default)]
    result_metadata: Map<String, Value>,
}

pub(super) async fn complete(
    State(app): State<App>,
    Client(caller): Client,
    Path(id): Path<String>,
    Body(completed): Body<Completed>,
) -> Answer<Json<Value>> {
    caller.require(Permission::Check)?;
    let id = parsed(&id)?;
    let status = match completed.status.as_str() {
        "executed" => OutcomeStatus::Succeeded,
        "failed" => OutcomeStatus::Failed,
        "denied" => OutcomeStatus::NotRun,
        _ => {
            let message = "`status` must be `executed`, `failed` or `denied`";
            return Err(ApiError::field("status", "field.invalid", message).into());
        }
    };
    let latency = completed.execution_time_ms.unwrap_or(0);
    if latency < 0 {
        let message = "`execution_time_ms` must not be negative";
        return Err(ApiError::field("execution_time_ms", "field.invalid", message).into());
    }
    // What the tool says of its result is as untrusted as the result.
    let text = match (
        &completed.error_message,
        completed.result_metadata.is_empty(),
    ) {
        (Some(error), _) => Some(error.clone()),
        (None, false) => Some(json!(completed.result_metadata).to_string()),
        (None, true) => None,
    };
    let outcome = Outcome {
        status,
        latency_ms: latency,
        cost_nano_usd: 0,
        result_bytes: text
            .as_ref()
            .map_or(0, |t| i64::try_from(t.len()).unwrap_or(i64::MAX)),
        rows: None,
        result: text,
    };
    let answer = app
        .blocking(move |runtime| {
            runtime.outcome(&caller.principal, id, &outcome)?;
            let row = row(runtime, caller.tenant(), id)?;
            let mut action = shown(runtime, caller.tenant(), &row);
            action["execution_time_ms"] = json!(completed.execution_time_ms);
            action["error_message"] = json!(completed.error_message);
            action["metadata"] = json!(completed.result_metadata);
            Ok(action)
        })
        .await?;
    Ok(Json(answer))
}

#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    agent_id: Option<String>,
    action_type: Option<String>,
    status: Option<String>,
    is_anomaly: Option<bool>,
    start_date: Option<String>,
    end_date: Option<String>,
}

fn date(field: &'static str, text: Option<&str>) -> Answer<Option<i64>> {
    let Some(text) = text else { return Ok(None) };
    // Their client sends times without a zone, which are UTC.
    let zoned = text.parse::<jiff::Timestamp>().or_else(|_| {
        text.parse::<jiff::civil::DateTime>()
            .and_then(|local| local.to_zoned(jiff::tz::TimeZone::UTC))
            .map(|zoned| zoned.timestamp())
    });
    let at = zoned.map_err(|_| {
        let message = format!("`{field}` must be a time as in RFC 3339");
        ApiError::field(field, "field.invalid", message)
    })?;
    let nanos = i64::try_from(at.as_nanosecond()).map_err(|_| {
        let message = format!("`{field}` is out of range");
        ApiError::field(field, "field.invalid", message)
    })?;
    Ok(Some(nanos))
}

pub(super) async fn list(
    State(app): State<App>,
    Client(caller): Client,
    Asked(asked): Asked<Filter>,
    Asked(paging): Asked<Paging>,
) -> Answer<Json<Value>> {
    caller.require(Permission::Read)?;
    paging.bounds()?;
    let (since, until) = (
        date("start_date", asked.start_date.as_deref())?,
        date("end_date", asked.end_date.as_deref())?,
    );
    let agent = match &asked.agent_id {
        None => None,
        Some(id) => Some(agent_of(&app, &caller, Some(id), None).await?),
    };
    let (page, total) = app
        .blocking(move |runtime| {
            let tenant = caller.tenant();
            runtime.listed(tenant)?;
            runtime.projected(PATIENCE)?;
            let mut filter = ActionFilter {
                agent_id: agent,
                action_type: asked.action_type,
                since,
                until,
                ..ActionFilter::default()
            };
            let mut found = Vec::new();
            let mut seen = 0;
            loop {
                let rows = runtime.store().actions(tenant, &filter, PAGE_ROWS_MAX)?;
                let Some(last) = rows.last() else { break };
                filter.before = Some(Cursor(last.seq));
                seen += rows.len();
                found.extend(rows.into_iter().filter(|row| {
                    let behavior = serde_json::from_str::<Value>(&row.risk_breakdown)
                        .unwrap_or_default()[Dimension::Behaviour.name()]
                    .as_u64()
                    .unwrap_or(0);
                    asked.status.as_deref().is_none_or(|s| s == status(row))
                        && asked
                            .is_anomaly
                            .is_none_or(|wanted| wanted == (behavior >= u64::from(ANOMALY)))
                }));
                if seen >= ROWS_MAX {
                    break;
                }
            }
            let total = found.len();
            let page = paging.of(found, |row| Ok::<_, ApiError>(shown(runtime, tenant, &row)));
            Ok((page, total))
        })
        .await?;
    let page = page?;
    // Their connectors read the same rows under another name.
    let mut answer = json!(page);
    answer["actions"] = answer["items"].clone();
    answer["total"] = json!(total);
    Ok(Json(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_in_our_terms() {
        let submitted: Submitted = serde_json::from_value(json!({
            "action_type": "Database_Read",
            "resource": "users",
            "payload": { "args": [1], "kwargs": { "sql": "SELECT 1" } },
            "metadata": { "function": "query" },
        }))
        .unwrap();
        let action = action_of("bot", &submitted).unwrap();
        assert_eq!(action.action_type.name(), "database_read");
        assert_eq!(
            (action.resource.as_str(), action.tool.as_str()),
            ("users", "query")
        );
        assert_eq!(
            action.arguments.get("sql").and_then(|v| v.as_str()),
            Some("SELECT 1")
        );

        let wrapped: Submitted = serde_json::from_value(json!({
            "agent_key": "k",
            "action_type": "llm.chat.completion",
            "resource_type": "openai",
            "resource_id": "gpt-4o",
            "payload": { "message": "hi" },
        }))
        .unwrap();
        let action = action_of("k", &wrapped).unwrap();
        assert_eq!(action.action_type.name(), "llm_call");
        assert_eq!(action.resource, "openai:gpt-4o");
        assert!(action_of("", &wrapped).is_err());
    }

    #[test]
    fn dates_with_and_without_a_zone() {
        let day = Some(1_767_225_600_000_000_000);
        for text in [
            "2026-01-01T00:00:00Z",
            "2026-01-01T01:00:00+01:00",
            "2026-01-01T00:00:00",
        ] {
            assert_eq!(date("start_date", Some(text)).unwrap(), day, "{text}");
        }
        assert_eq!(date("start_date", None).unwrap(), None);
        assert!(date("start_date", Some("yesterday")).is_err());
    }
}
