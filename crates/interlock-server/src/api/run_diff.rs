//! `GET /api/runs/diff`: what differs between two runs.

use axum::Json;
use axum::extract::{Query, State};
use interlock_runtime::Runtime;
use interlock_runtime::run_diff::{Line, RunDiff, Sums, run_diff};
use interlock_store::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::actions::ActionBody;
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// Lines of one answer.
const LINES_MAX: usize = 500;
/// Places within the arguments that are named for one step.
const PLACES_MAX: usize = 20;

/// Which runs to compare.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DiffQuery {
    /// The first run.
    pub a: String,
    /// The second run.
    pub b: String,
    /// Lines that are left out at the beginning: `next` of the answer before.
    pub from: Option<usize>,
}

/// Sums over the steps of a run.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunSumsBody {
    /// The run.
    pub run_id: String,
    /// Steps.
    pub steps: usize,
    /// Steps blocked.
    pub blocked: usize,
    /// What they cost together, a decimal of US dollars.
    pub cost_usd: String,
    /// How long they ran together.
    pub latency_ms: i64,
}

/// A step of one run, of the other, or two that belong together and differ.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DiffLineBody {
    /// Its place among all lines, from 0; between two lines whose places do not follow one another,
    /// steps are the same.
    pub place: usize,
    /// The step of the first run.
    pub a: Option<ActionBody>,
    /// The step of the second run.
    pub b: Option<ActionBody>,
    /// What differs: `resource`, `arguments`, `decision`, `risk`, `outcome` or `cost`.
    pub differ: Vec<&'static str>,
    /// Where the arguments differ, as JSON pointers; at most 20.
    pub arguments: Vec<String>,
}

/// What differs between two runs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunDiffBody {
    /// The first run.
    pub a: RunSumsBody,
    /// The second run.
    pub b: RunSumsBody,
    /// Lines in all, the same ones included.
    pub total: usize,
    /// Steps that are the same in both.
    pub same: usize,
    /// Whether as many steps are paired as can be; runs with very little in common are paired more
    /// simply.
    pub exact: bool,
    /// What is not the same, at most 500 lines.
    pub lines: Vec<DiffLineBody>,
    /// The place to give as `from` for the lines that follow.
    pub next: Option<usize>,
}

fn sums(run_id: &str, sums: Sums) -> RunSumsBody {
    RunSumsBody {
        run_id: run_id.to_owned(),
        steps: sums.steps,
        blocked: sums.blocked,
        cost_usd: interlock_filter::Number(sums.cost_nano_usd).to_string(),
        latency_ms: sums.latency_ms,
    }
}

/// Collects where two values differ.
fn places(a: &Value, b: &Value, at: &mut String, out: &mut Vec<String>) {
    if a == b || out.len() >= PLACES_MAX {
        return;
    }
    let len = at.len();
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let more = b.keys().filter(|key| !a.contains_key(*key));
            for key in a.keys().chain(more) {
                at.push('/');
                at.push_str(&key.replace('~', "~0").replace('/', "~1"));
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => places(a, b, at, out),
                    // What only one has differs as a whole.
                    _ if out.len() < PLACES_MAX => out.push(at.clone()),
                    _ => {}
                }
                at.truncate(len);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                at.push_str(&format!("/{i}"));
                places(a, b, at, out);
                at.truncate(len);
            }
        }
        _ => out.push(at.clone()),
    }
}

fn line(
    runtime: &Runtime,
    tenant: &str,
    place: usize,
    line: &Line,
) -> Result<DiffLineBody, StoreError> {
    let read = |side: &Option<(usize, String)>| {
        side.as_ref()
            .map(|(_, id)| runtime.store().action(tenant, id).map(ActionBody::from))
            .transpose()
    };
    let (a, b) = (read(&line.a)?, read(&line.b)?);
    let mut arguments = Vec::new();
    if let (Some(a), Some(b)) = (&a, &b)
        && !a.erased
        && !b.erased
    {
        places(&a.payload, &b.payload, &mut String::new(), &mut arguments);
    }
    Ok(DiffLineBody {
        place,
        a,
        b,
        differ: line.differ.iter().map(|what| what.name()).collect(),
        arguments,
    })
}

/// Compares two runs: steps that belong together and differ, and steps that only one has.
#[utoipa::path(
    get, path = "/api/runs/diff", operation_id = "diff_runs", tag = "decisions",
    params(DiffQuery),
    responses(
        (status = 200, description = "What differs", body = RunDiffBody),
        (status = 400, description = "A run is too long to compare", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
        (status = 404, description = "No such run", body = ErrorBody),
        (status = 503, description = "Steps may be missing: entries are still being added to the lists since the server was started", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<DiffQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<RunDiffBody>> {
    caller.require(Permission::Read)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    let body = app
        .blocking(move |runtime| {
            runtime.listed(caller.tenant())?;
            Ok(answer(runtime, caller.tenant(), &query)?)
        })
        .await?;
    Ok(Json(body))
}

fn answer(runtime: &Runtime, tenant: &str, query: &DiffQuery) -> Result<RunDiffBody, StoreError> {
    let diff: RunDiff = run_diff(runtime.store(), tenant, &query.a, &query.b)?;
    let differs = |line: &Line| line.a.is_none() || line.b.is_none() || !line.differ.is_empty();
    let from = query.from.unwrap_or(0);
    let mut rest = diff
        .lines
        .iter()
        .enumerate()
        .filter(|(place, line)| *place >= from && differs(line));
    let lines = rest
        .by_ref()
        .take(LINES_MAX)
        .map(|(place, one)| line(runtime, tenant, place, one))
        .collect::<Result<_, _>>()?;
    Ok(RunDiffBody {
        next: rest.next().map(|(place, _)| place),
        a: sums(&query.a, diff.a),
        b: sums(&query.b, diff.b),
        total: diff.lines.len(),
        same: diff.lines.iter().filter(|line| !differs(line)).count(),
        exact: diff.exact,
        lines,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn where_arguments_differ() {
        for (a, b, expected) in [
            (json!({"a": 1}), json!({"a": 1}), vec![]),
            (json!({"a": 1}), json!({"a": 2}), vec!["/a"]),
            (json!({"a": 1}), json!({"b": 1}), vec!["/a", "/b"]),
            (json!({"a": [1, 2]}), json!({"a": [1, 3]}), vec!["/a/1"]),
            (json!({"a": [1]}), json!({"a": [1, 3]}), vec!["/a"]),
            (
                json!({"a/b~": {"c": 1}}),
                json!({"a/b~": {"c": 2}}),
                vec!["/a~1b~0/c"],
            ),
            (json!(1), json!(null), vec![""]),
        ] {
            let mut found = Vec::new();
            places(&a, &b, &mut String::new(), &mut found);
            assert_eq!(found, expected, "{a} {b}");
        }
    }
}
