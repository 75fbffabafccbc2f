//! `/v1/*`: what the guard asks. It is an adviser: nothing forces an agent to ask it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use interlock_core::model::{Effect, Vector};
use interlock_runtime::{Checked, Claimed, agent_message};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Answer, Body, Client, identifiers};
use crate::App;
use crate::api::check::parse_action;
use crate::auth::{Caller, Permission};
use crate::error::ApiError;

/// The name under which an agent acts that does not name itself.
const GUARD: &str = "vaikora-guard";

/// The modules that there are, and what each looks for.
const MODULES: [(&str, &[Vector]); 4] = [
    ("pii_detection", &[Vector::Pii]),
    ("jailbreak_detection", &[Vector::PromptInjection]),
    ("semantic_detection", &[Vector::PromptInjection]),
    (
        "injection_detection",
        &[
            Vector::PromptInjection,
            Vector::SqlInjection,
            Vector::Xss,
            Vector::ExploitSignature,
        ],
    ),
];

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    action: Value,
    #[serde(default)]
    context: Map<String, Value>,
}

/// The agent that a context names, else the key's, else the guard itself.
fn agent<'a>(caller: &'a Caller, context: &'a Map<String, Value>) -> &'a str {
    ["agent_id", "agent_key"]
        .iter()
        .find_map(|key| context.get(*key).and_then(Value::as_str))
        .or(caller.principal.agent.as_deref())
        .unwrap_or(GUARD)
}

/// An action in free words, or an object that names its type.
fn action_of(agent: &str, asked: &Asked, fallback: &str) -> Value {
    let text = |key: &str| {
        asked
            .action
            .get(key)
            .or_else(|| asked.context.get(key))
            .and_then(Value::as_str)
    };
    let kind = text("action_type").unwrap_or(fallback);
    json!({
        "agent_id": agent,
        "action_type": kind.to_ascii_lowercase(),
        "resource": text("resource").unwrap_or_default(),
        "tool": text("tool").unwrap_or_default(),
        "payload": { "action": asked.action },
        "context": asked.context,
        "source": "vaikora-guard",
    })
}

fn severity(risk: u8) -> &'static str {
    match risk {
        0..30 => "LOW",
        30..60 => "MEDIUM",
        60..85 => "HIGH",
        _ => "CRITICAL",
    }
}

/// The answer. Why is the operator's to know, and stands in the record under the receipt.
fn answer(checked: &Checked, outcome: &str, pipeline: Vec<Value>) -> Value {
    let decision = &checked.decision;
    let reason = match outcome {
        "BLOCK" => agent_message(
            decision.effect.max(Effect::RequireApproval),
            &checked.id.to_string(),
        ),
        _ => "permitted".to_owned(),
    };
    let matched = decision.fired.iter().find(|rule| rule.decided);
    json!({
        "decision": {
            "outcome": outcome,
            "reason": reason,
            "matched_policy": matched.map(|rule| rule.id.to_string()),
            "severity": severity(decision.risk.composite),
            "constraint": null,
        },
        "receipt_id": checked.id.to_string(),
        "pipeline": pipeline,
    })
}

fn findings(checked: &Checked, of: &[Vector]) -> Vec<Value> {
    let found = checked.decision.findings.items().iter();
    found
        .filter(|finding| of.is_empty() || of.contains(&finding.code.vector))
        .map(|finding| {
            json!({
                "outcome": "BLOCK",
                "reason": finding.code.summary,
                "matched_policy": finding.code.code,
                "severity": severity(finding.confidence),
            })
        })
        .collect()
}

pub(super) async fn evaluate(
    State(app): State<App>,
    Client(caller): Client,
    Body(asked): Body<Asked>,
) -> Answer<Json<Value>> {
    caller.require(Permission::Check)?;
    let action = action_of(agent(&caller, &asked.context), &asked, "agent_action");
    let checked = check(&app, &caller, &action).await?;
    let outcome = match checked.decision.effect {
        Effect::Allow => "ALLOW",
        Effect::Alert => "ALLOW_LOG",
        // The guard can neither redact nor isolate nor wait.
        _ => "BLOCK",
    };
    let pipeline = findings(&checked, &[]);
    Ok(Json(answer(&checked, outcome, pipeline)))
}

async fn check(app: &App, caller: &Caller, action: &Value) -> Answer<Checked> {
    let bytes = serde_json::to_vec(action).map_err(|e| ApiError::internal(&e))?;
    Ok(app.check(caller, parse_action(&bytes)?).await?)
}

#[derive(Debug, Deserialize)]
pub(super) struct Looked {
    module: String,
    text: String,
}

pub(super) async fn module(
    State(app): State<App>,
    Client(caller): Client,
    Body(looked): Body<Looked>,
) -> Answer<Json<Value>> {
    caller.require(Permission::Check)?;
    let known = MODULES.iter().find(|(name, _)| *name == looked.module);
    let Some((_, vectors)) = known else {
        let names: Vec<String> = MODULES
            .iter()
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        let message = format!("there is no such `module`; known are {}", names.join(", "));
        return Err(ApiError::field("module", "field.invalid", message).into());
    };
    // A check like any other, so that the receipt is a record.
    let action = json!({
        "agent_id": caller.principal.agent.as_deref().unwrap_or(GUARD),
        "action_type": "text_check",
        "resource": looked.module,
        "payload": { "text": looked.text },
        "source": "vaikora-guard",
    });
    let checked = check(&app, &caller, &action).await?;
    let found = findings(&checked, vectors);
    let outcome = if found.is_empty() { "ALLOW" } else { "BLOCK" };
    Ok(Json(answer(&checked, outcome, found)))
}

pub(super) async fn policies(
    State(app): State<App>,
    Client(caller): Client,
) -> Answer<Json<Value>> {
    caller.require(Permission::Read)?;
    let answer = app
        .blocking(move |runtime| {
            let tenant = caller.tenant();
            let mut policies = Map::new();
            for row in runtime.store().policies(tenant)? {
                let policy = row.policy;
                let shown = json!({
                    "id": identifiers::rule(tenant, &policy.id).to_string(),
                    "enabled": row.enabled,
                    "action_type": policy.action_type,
                    "resource": policy.resource_pattern,
                    "effect": policy.effect.name(),
                    "priority": policy.priority,
                });
                policies.insert(policy.name, shown);
            }
            let modules: Vec<&str> = MODULES.iter().map(|(name, _)| *name).collect();
            Ok(json!({
                "policies": policies,
                "entitlements": { "modules": modules },
                "version": runtime.bundle(tenant).map_or(0, |bundle| bundle.revision),
            }))
        })
        .await?;
    Ok(Json(answer))
}

#[derive(Debug, Deserialize)]
pub(super) struct Noted {
    #[serde(default)]
    action: Value,
    #[serde(default)]
    decision: Value,
    receipt_id: Option<String>,
    #[serde(default)]
    metadata: Map<String, Value>,
}

/// Puts into the record what a client decided by itself.
pub(super) async fn audit(
    State(app): State<App>,
    Client(caller): Client,
    Body(noted): Body<Noted>,
) -> Answer<(StatusCode, Json<Value>)> {
    caller.require(Permission::Check)?;
    let asked = Asked {
        action: noted.action,
        context: noted.metadata,
    };
    let action = action_of(agent(&caller, &asked.context), &asked, "agent_action");
    let decision = noted.decision.get("outcome").unwrap_or(&noted.decision);
    let claimed = decision
        .as_str()
        .map(|word| word.chars().take(32).collect());
    let checked = report(&app, &caller, &action, claimed).await?;
    let answer = json!({
        "stored": true,
        "receipt_id": noted.receipt_id.unwrap_or_else(|| checked.id.to_string()),
        "request_id": checked.id.to_string(),
    });
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Records an action that already ran.
pub(super) async fn report(
    app: &App,
    caller: &Caller,
    action: &Value,
    decision: Option<String>,
) -> Answer<Checked> {
    let bytes = serde_json::to_vec(action).map_err(|e| ApiError::internal(&e))?;
    let claimed = Claimed {
        decision,
        risk_milli: None,
    };
    Ok(app.report(caller, parse_action(&bytes)?, claimed).await?)
}
