//! `GET /api/actions/{id}`: one action with everything that was decided about it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use interlock_core::detectors::DETECTORS;
use interlock_core::model::reason::REASONS;
use interlock_runtime::Runtime;
use interlock_store::journal::JournalError;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::actions::ActionBody;
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// Entries after the decision among which its outcome is looked for.
const OUTCOME_WITHIN: usize = 1_000;

/// An action with everything that was decided about it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ExplainedBody {
    /// The action.
    pub action: ActionBody,
    /// The body of the decision's record: facts, readings, terms of the risk, findings, rules,
    /// reasons. It holds no content.
    #[schema(value_type = Object)]
    pub decision: Value,
    /// The body of the outcome's record, where it is among the thousand entries after the decision.
    #[schema(value_type = Option<Object>)]
    pub outcome: Option<Value>,
    /// The sequence number of the outcome's record.
    pub outcome_seq: Option<u64>,
    /// What the codes of findings and reasons in it mean.
    pub codes: BTreeMap<String, String>,
}

/// The codes in a list, of which an item is one or begins with one.
fn codes_in(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| item.as_str().or_else(|| item.get(0)?.as_str()))
}

fn meaning(code: &str) -> Option<&'static str> {
    let finding = DETECTORS
        .iter()
        .flat_map(|d| d.codes().iter().copied().chain([d.failed()]))
        .find(|known| known.code == code)
        .map(|known| known.summary);
    finding.or_else(|| {
        let known = REASONS.iter().find(|known| known.code == code)?;
        Some(known.meaning)
    })
}

type Found = (Value, Option<(u64, Value)>);

fn recorded(runtime: &Runtime, tenant: &str, id: &str, seq: u64) -> Result<Found, JournalError> {
    let mut decision = Value::Null;
    for entry in runtime.journal().read(tenant, seq, OUTCOME_WITHIN + 1)? {
        if entry.seq != seq && entry.kind.name() != "outcome" {
            continue;
        }
        let body: Value = serde_json::from_slice(&entry.body).unwrap_or(Value::Null);
        if entry.seq == seq {
            decision = body;
        } else if body.get("id").and_then(Value::as_str) == Some(id) {
            return Ok((decision, Some((entry.seq, body))));
        }
    }
    Ok((decision, None))
}

/// One action with everything that was decided about it.
#[utoipa::path(
    get, path = "/api/actions/{id}", operation_id = "get_action", tag = "decisions",
    params(("id" = String, Path, description = "The decision's id")),
    responses(
        (status = 200, description = "The action", body = ExplainedBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
        (status = 404, description = "No such action", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<ExplainedBody>> {
    caller.require(Permission::Read)?;
    let (row, found) = app
        .blocking(move |runtime| {
            let row = runtime.store().action(caller.tenant(), &id)?;
            let found = recorded(runtime, caller.tenant(), &row.id, row.seq);
            Ok((row, found))
        })
        .await?;
    let (decision, outcome) = found.map_err(ApiError::from)?;
    let (outcome_seq, outcome) = outcome.unzip();
    let empty = Value::Null;
    let lists = [
        decision.get("findings"),
        decision.get("reasons"),
        outcome.as_ref().and_then(|o| o.get("findings")),
    ];
    let codes = lists
        .into_iter()
        .flat_map(|list| codes_in(list.unwrap_or(&empty)))
        .filter_map(|code| Some((code.to_owned(), meaning(code)?.to_owned())))
        .collect();
    Ok(Json(ExplainedBody {
        action: ActionBody::from(row),
        decision,
        outcome,
        outcome_seq,
        codes,
    }))
}
