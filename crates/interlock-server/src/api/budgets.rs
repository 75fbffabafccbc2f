//! `/api/budgets`: what tenants, keys and agents may cost in a day or a month, and what they have
//! used of it.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use interlock_core::state::{Amount, dollars};
use interlock_policy::{Budget, BudgetAtLimit, BudgetScope, Usd};
use interlock_runtime::{BudgetInForce, Purse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{json, time};
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// Money and calls.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UsedBody {
    /// US dollars, a decimal text.
    #[schema(example = "12.5")]
    pub usd: String,
    /// Calls.
    pub calls: i64,
}

impl From<Amount> for UsedBody {
    fn from(amount: Amount) -> Self {
        Self {
            usd: dollars(amount.nano_usd),
            calls: amount.calls,
        }
    }
}

/// What one agent draws on a purse.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DrawerBody {
    /// The agent. It may hold what an agent wrote.
    pub agent_id: String,
    /// What it has used, what is in flight included.
    pub used: UsedBody,
}

/// What the tenant, one key or one agent has used of a budget in the period.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PurseBody {
    /// `tenant`, `key:…` or `agent:…`. It may hold what an agent wrote.
    pub subject: String,
    /// When the period began.
    pub since: String,
    /// When it renews.
    pub renews_at: String,
    /// What is settled.
    pub settled: UsedBody,
    /// What is in flight, by its estimate.
    pub reserved: UsedBody,
    /// What is used of the limit, in percent, rounded down: of money or calls, whichever is more.
    pub percent: i64,
    /// The agents that draw most, at most ten; none where the subject is an agent.
    pub top: Vec<DrawerBody>,
    /// What all other agents draw.
    pub others: UsedBody,
}

impl From<Purse> for PurseBody {
    fn from(purse: Purse) -> Self {
        let top = purse.top.into_iter().map(|drawer| DrawerBody {
            agent_id: drawer.agent,
            used: drawer.used.into(),
        });
        Self {
            subject: purse.subject,
            since: time(purse.since),
            renews_at: time(purse.renews),
            settled: purse.settled.into(),
            reserved: purse.reserved.into(),
            percent: purse.percent,
            top: top.collect(),
            others: purse.others.into(),
        }
    }
}

/// A budget and what is used of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BudgetStanding {
    /// Its name.
    pub id: String,
    /// `tenant`, `key` or `agent`.
    pub scope: String,
    /// Which keys, by id, or agents, by name.
    pub of: String,
    /// `day` or `month`, UTC.
    pub period: String,
    /// The most that a period may cost, in US dollars; null: no limit.
    pub limit_usd: Option<String>,
    /// The most calls of a period; null: no limit.
    pub limit_calls: Option<i64>,
    /// The percentages at which people are told.
    pub thresholds: Vec<u8>,
    /// `block` or `throttle`.
    pub at_limit: String,
    /// With `throttle`: calls a minute that go on past the limit.
    pub calls_per_minute: Option<i64>,
    /// Groups of people that are told.
    pub notify: Vec<String>,
    /// Whether it stands in the file that the server was started with, and is changed there.
    pub declared: bool,
    /// Who set it.
    pub set_by: String,
    /// When.
    pub set_at: String,
    /// What is used in the period: the fullest purses first, at most 100. A purse is there once it was
    /// drawn on.
    pub purses: Vec<PurseBody>,
}

fn standing((row, purses): (BudgetInForce, Vec<Purse>)) -> BudgetStanding {
    let budget = row.budget;
    BudgetStanding {
        scope: budget.scope.name().to_owned(),
        of: budget.of,
        period: budget.period,
        limit_usd: budget.limit_usd.map(|usd| usd.to_string()),
        limit_calls: budget.limit_calls,
        thresholds: budget.thresholds,
        at_limit: budget.at_limit.name().to_owned(),
        calls_per_minute: budget.calls_per_minute,
        notify: budget.notify,
        id: budget.id,
        declared: row.declared,
        set_by: row.by,
        set_at: time(row.at),
        purses: purses.into_iter().map(PurseBody::from).collect(),
    }
}

/// The terms of a budget.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetTerms {
    /// Whom it is about: the `tenant` as a whole, or each `key` or `agent` by itself.
    #[schema(pattern = "^(tenant|key|agent)$", example = "agent")]
    pub scope: String,
    /// Which keys, by id, or agents, by name; `*` stands for any characters and is meant when absent.
    #[schema(min_length = 1, max_length = 128, example = "*")]
    pub of: Option<String>,
    /// What it renews with, UTC; `day` when absent.
    #[schema(pattern = "^(day|month)$")]
    pub period: Option<String>,
    /// The most that a period may cost, in US dollars.
    #[schema(pattern = "^[0-9]{1,9}([.][0-9]{1,9})?$", example = "20")]
    pub limit_usd: Option<String>,
    /// The most calls of a period. One of the two limits is needed.
    #[schema(minimum = 0, maximum = 1000000000000_i64)]
    pub limit_calls: Option<i64>,
    /// The percentages at which people are told, rising; 50, 80 and 100 when absent.
    #[schema(max_items = 8)]
    pub thresholds: Option<Vec<u8>>,
    /// What happens to an action that does not fit; `block` when absent.
    #[schema(pattern = "^(block|throttle)$")]
    pub at_limit: Option<String>,
    /// With `throttle`: calls a minute that go on past the limit.
    #[schema(minimum = 1, maximum = 600)]
    pub calls_per_minute: Option<i64>,
    /// Groups of people that are told.
    #[serde(default)]
    #[schema(max_items = 4)]
    pub notify: Vec<String>,
}

fn wrong(field: &'static str, must: &str) -> ApiError {
    let problem = format!("`{field}` must be {must}");
    ApiError::field(field, "field.invalid", problem)
}

impl BudgetTerms {
    fn budget(self, id: String) -> ApiResult<Budget> {
        let scope = match &*self.scope {
            "tenant" => BudgetScope::Tenant,
            "key" => BudgetScope::Key,
            "agent" => BudgetScope::Agent,
            _ => return Err(wrong("scope", "one of tenant, key, agent")),
        };
        let at_limit = match self.at_limit.as_deref() {
            None | Some("block") => BudgetAtLimit::Block,
            Some("throttle") => BudgetAtLimit::Throttle,
            Some(_) => return Err(wrong("at_limit", "one of block, throttle")),
        };
        let limit_usd = match self.limit_usd {
            None => None,
            Some(text) => Some(Usd::parse(&text).ok_or_else(|| {
                wrong(
                    "limit_usd",
                    "a decimal text with at most nine digits before the point and after it",
                )
            })?),
        };
        Ok(Budget {
            id,
            scope,
            of: self.of.unwrap_or_else(|| "*".to_owned()),
            period: self.period.unwrap_or_else(|| "day".to_owned()),
            limit_usd,
            limit_calls: self.limit_calls,
            thresholds: self
                .thresholds
                .unwrap_or_else(|| interlock_policy::THRESHOLDS_DEFAULT.to_vec()),
            at_limit,
            calls_per_minute: self.calls_per_minute,
            notify: self.notify,
        })
    }
}

/// Lists the budgets and what is used of them.
#[utoipa::path(
    get, path = "/api/budgets", operation_id = "list_budgets", tag = "budgets",
    responses(
        (status = 200, description = "The budgets", body = Vec<BudgetStanding>),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn list(State(app): State<App>, caller: Caller) -> ApiResult<Json<Vec<BudgetStanding>>> {
    caller.require(Permission::Read)?;
    // They are in memory.
    let all = app.runtime().budget_use(caller.tenant());
    Ok(Json(all.into_iter().map(standing).collect()))
}

/// Sets a budget: a new one, or new terms for the one of that name. What was used in the period stays
/// used.
#[utoipa::path(
    put, path = "/api/budgets/{id}", operation_id = "set_budget", tag = "budgets",
    params(("id" = String, Path, description = "Its name: 1 to 64 letters, digits, `-`, `_` and `.`")),
    request_body(content = BudgetTerms, example = json!({
        "scope": "agent", "of": "*", "period": "day", "limit_usd": "20", "thresholds": [50, 80, 100]
    })),
    responses(
        (status = 200, description = "The budget in force", body = BudgetStanding,
            links(("remove" = (operation_id = "remove_budget", parameters(("id" = "$response.body#/id")))))),
        (status = 400, description = "A field is out of its limits, or there are too many", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not administer", body = ErrorBody),
        (status = 409, description = "It stands in the file that the server was started with", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn set(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> ApiResult<Json<BudgetStanding>> {
    caller.require(Permission::Administer)?;
    let terms: BudgetTerms = json(&body)?;
    let budget = terms.budget(id)?;
    let all = app
        .blocking(move |runtime| {
            let tenant = caller.tenant();
            let row = runtime.set_budget(tenant, &caller.subject, &budget)?;
            let all = runtime.budget_use(tenant);
            let mut same = all
                .into_iter()
                .filter(|(r, _)| r.budget.id == row.budget.id);
            Ok(same.next().unwrap_or((row, Vec::new())))
        })
        .await?;
    Ok(Json(standing(all)))
}

/// Removes a budget. Should it come back within the period, what was used stays used.
#[utoipa::path(
    delete, path = "/api/budgets/{id}", operation_id = "remove_budget", tag = "budgets",
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "It holds no more", body = BudgetStanding),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not administer", body = ErrorBody),
        (status = 404, description = "No such budget", body = ErrorBody),
        (status = 409, description = "It stands in the file that the server was started with", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<BudgetStanding>> {
    caller.require(Permission::Administer)?;
    let row = app
        .blocking(move |runtime| runtime.remove_budget(caller.tenant(), &caller.subject, &id))
        .await?;
    Ok(Json(standing((row, Vec::new()))))
}
