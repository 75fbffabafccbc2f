//! What the published Vaultak clients need beyond the documented API.
//!
//! - Their SDKs compare `decision` with upper-case words and treat everything but `BLOCK` as
//!   allowed, while the documentation and their command line use lower case. The SDKs send no user
//!   agent of their own, so the library's tells them apart.
//! - Their MCP server posts `{description, capabilities}` to the same path as a check, and expects
//!   policies wrapped in an object when it uses a bearer token.
//! - They exempt their own traffic only when a URL contains `vaultak.com`, so everything is served
//!   again below that path.

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::api::check::CheckResponse;
use crate::api::policies::PolicyBody;
use crate::auth::Caller;

/// The path below which the whole API is served again.
pub(crate) const PREFIX: &str = "/vaultak.com";

/// Whether the request comes from an SDK that compares upper-case decisions.
#[must_use]
pub(crate) fn is_sdk(headers: &HeaderMap) -> bool {
    match headers.get(header::USER_AGENT).map(|v| v.to_str()) {
        None => true,
        Some(Ok(agent)) => {
            agent.is_empty() || agent.starts_with("Python-urllib") || agent.starts_with("Go-http")
        }
        Some(Err(_)) => false,
    }
}

/// Gives the decision the letter case that the client compares with. A pause becomes `BLOCK`, as
/// the SDKs would run a paused action; `effect` and `approval_id` keep the truth.
pub(crate) fn adapt_check(headers: &HeaderMap, response: &mut CheckResponse) {
    if is_sdk(headers) {
        response.decision = match response.decision.as_str() {
            "allow" => "ALLOW",
            _ => "BLOCK",
        }
        .to_owned();
    }
}

/// Answers the MCP server's `{description, capabilities}` form of a check, which describes an agent
/// and asks for a score of it; no action is meant, so nothing is decided or recorded.
#[must_use]
pub(crate) fn describe(caller: &Caller, body: &[u8]) -> Option<Response> {
    if !caller.bearer {
        return None;
    }
    let value: Value = serde_json::from_slice(body).ok()?;
    let object = value.as_object()?;
    if object.contains_key("agent_id") || !object.contains_key("description") {
        return None;
    }
    let description = object.get("description")?.as_str()?.to_ascii_lowercase();
    let capabilities: Vec<String> = object
        .get("capabilities")
        .and_then(Value::as_array)
        .map(|items| {
            items
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_ascii_lowercase)
                .collect()
        })
        .unwrap_or_default();
    let mentions = |words: &[&str]| {
        words
            .iter()
            .any(|w| description.contains(w) || capabilities.iter().any(|c| c.contains(w)))
    };
    let score = |hit: bool, high: i64| if hit { high } else { 20 };
    let dimensions = [
        (
            "action_type",
            score(
                mentions(&["delete", "execute", "shell", "payment", "write"]),
                70,
            ),
        ),
        (
            "resource_sensitivity",
            score(mentions(&["prod", "customer", "secret", "database"]), 70),
        ),
        (
            "blast_radius",
            score(mentions(&["all", "bulk", "every"]), 70),
        ),
        ("behavioral_deviation", 20),
        ("time_pattern", 20),
    ];
    let composite: i64 = dimensions.iter().map(|(_, s)| s).sum::<i64>() / 5;
    let (tier, meaning) = match composite {
        0..30 => ("LOW", "ordinary controls"),
        30..60 => ("MODERATE", "limits and monitoring"),
        60..80 => ("HIGH", "approvals for side effects"),
        _ => ("CRITICAL", "a person decides"),
    };
    let dimensions: serde_json::Map<String, Value> = dimensions
        .into_iter()
        .map(|(name, score)| (name.to_owned(), json!({ "score": score })))
        .collect();
    let answer = json!({
        "composite_score": composite,
        "risk_tier": tier,
        "tier_description": meaning,
        "dimensions": dimensions,
    });
    Some((StatusCode::OK, Json(answer)).into_response())
}

/// Policies as their MCP server reads them: wrapped, with `allow` and `deny`, the lowest number
/// first.
#[must_use]
pub(crate) fn wrap_policies(policies: &[PolicyBody]) -> Value {
    let items: Vec<Value> = policies
        .iter()
        .filter(|p| p.enabled)
        .map(|p| {
            json!({
                "name": p.name,
                "action": p.action_type.as_deref().unwrap_or("*"),
                "resource": p.resource_pattern.as_deref().unwrap_or("*"),
                "effect": if p.effect == "allow" { "allow" } else { "deny" },
                "priority": -p.priority,
                "description": p.name,
            })
        })
        .collect();
    json!({ "policies": items })
}
