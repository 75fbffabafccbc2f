//! `/api/whoami`: what the caller's key is good for.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{Caller, Permission, permits};
use crate::error::{ApiResult, ErrorBody};

/// What a key is good for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WhoamiBody {
    /// The tenant.
    pub tenant: String,
    /// The id of the key or of the session; neither is ever shown itself.
    pub key_id: String,
    /// The name by which answers to approvals are counted: the user's, else the key's label or id.
    pub subject: String,
    /// The user who signed in, or whose key it is.
    pub user_id: Option<String>,
    /// Whether it is a session, not a key.
    pub session: bool,
    /// `agent`, `approver`, `policy_author`, `auditor` or `admin`.
    pub role: String,
    /// The agent that the key is bound to.
    pub agent_id: Option<String>,
    /// The environment that the key is bound to.
    pub environment: Option<String>,
    /// What it may do: `check`, `read`, `audit`, `decide`, `edit_policies`, `administer`.
    pub may: Vec<String>,
}

impl WhoamiBody {
    pub(crate) fn of(caller: &Caller) -> Self {
        let may = Permission::ALL
            .iter()
            .filter(|(permission, _)| permits(caller.principal.role, *permission))
            .map(|(_, name)| (*name).to_owned())
            .collect();
        let principal = &caller.principal;
        Self {
            tenant: caller.tenant().to_owned(),
            role: principal.role.name().to_owned(),
            agent_id: principal.agent.as_deref().map(str::to_owned),
            environment: principal.environment.as_deref().map(str::to_owned),
            key_id: caller.key_id.clone(),
            subject: caller.subject.clone(),
            user_id: caller.user_id.clone(),
            session: caller.by_session,
            may,
        }
    }
}

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
    Ok(Json(WhoamiBody::of(&caller)))
}
