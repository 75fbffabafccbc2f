//! What their model knows and ours does not, as settings of the tenant.

use interlock_runtime::{Runtime, RuntimeError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// What is kept of an agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeptAgent {
    /// Its id here.
    pub(super) agent_id: String,
    pub(super) agent_type: String,
    /// Set when it is not active.
    pub(super) status: Option<String>,
    pub(super) capabilities: Vec<String>,
    pub(super) metadata: Map<String, Value>,
    /// RFC 3339.
    pub(super) updated_at: String,
}

/// What is kept of an alert that somebody closed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeptAlert {
    /// `resolved` or `ignored`.
    pub(super) status: String,
    /// When, RFC 3339.
    pub(super) at: String,
    /// Who.
    pub(super) by: String,
    pub(super) notes: Option<String>,
}

/// What is kept of a policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeptPolicy {
    pub(super) policy_type: String,
    pub(super) description: Option<String>,
}

/// What is kept under an id.
pub(super) trait Kept: Serialize + DeserializeOwned {
    /// The beginning of the settings' names.
    const KIND: &'static str;

    fn name(id: Uuid) -> String {
        format!("vaikora.{}.{id}", Self::KIND)
    }

    /// What is kept, if anything is.
    fn read(runtime: &Runtime, tenant: &str, id: Uuid) -> Result<Option<Self>, RuntimeError> {
        let text = runtime.store().setting(tenant, &Self::name(id))?;
        // What a later version wrote reads as absent, and is written over.
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Keeps it.
    fn keep(&self, runtime: &Runtime, tenant: &str, id: Uuid) -> Result<(), RuntimeError> {
        let text = serde_json::to_string(self)
            .map_err(|e| RuntimeError::Invalid("metadata", e.to_string()))?;
        Ok(runtime
            .store()
            .set_setting(tenant, &Self::name(id), Some(&text))?)
    }
}

impl Kept for KeptAgent {
    const KIND: &'static str = "agent";
}

impl Kept for KeptAlert {
    const KIND: &'static str = "alert";
}

impl Kept for KeptPolicy {
    const KIND: &'static str = "policy";
}
