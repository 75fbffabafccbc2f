//! `/api/whoami`: what the caller's key is good for.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{Caller, Permission};
use crate::error::{ApiResult, ErrorBody};

/// What a key is good for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WhoamiBody {
    /// The tenant.
    pub tenant: String,
    /// The id of the key; the key itself is never shown.
    pub key_id: String,
    /// The name by which answers to approvals are counted: the key's label, else its id.
    pub subject: String,
    /// `agent`, `approver`, `policy_author`, `auditor` or `admin`.
    pub role: String,
    /// The agent that the key is bound to.
    pub agent_id: Option<String>,
    /// The environment that the key is bound to.
    pub environment: Option<String>,
    /// What it may do: `check`, `read`, `audit`, `decide`, `edit_policies`, `administer`.
    pub may: Vec<String>,
}

const PERMISSIONS: [(Permission, &str); 6] = [
    (Permission::Check, "check"),
    (Permission::Read, "read"),
    (Permission::Audit, "audit"),
    (Permission::Decide, "decide"),
    (Permission::EditPolicies, "edit_policies"),
    (Permission::Administer, "administer"),
];

/// What the caller's key is good for.
#[utoipa::path(
    get, path = "/api/whoami", operation_id = "whoami", tag = "keys",
    responses(
        (status = 200, description = "What the key is good for", body = WhoamiBody),
        (status = 401, description = "No valid key", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn get(caller: Caller) -> ApiResult<Json<WhoamiBody>> {
    let may = PERMISSIONS
        .iter()
        .filter(|(permission, _)| caller.require(*permission).is_ok())
        .map(|(_, name)| (*name).to_owned())
        .collect();
    let principal = &caller.principal;
    Ok(Json(WhoamiBody {
        tenant: caller.tenant().to_owned(),
        role: principal.role.name().to_owned(),
        agent_id: principal.agent.as_deref().map(str::to_owned),
        environment: principal.environment.as_deref().map(str::to_owned),
        key_id: caller.key_id,
        subject: caller.subject,
        may,
    }))
}
