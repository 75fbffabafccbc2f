//! One file per command.

pub(crate) mod actions;
pub(crate) mod agents;
pub(crate) mod alerts;
pub(crate) mod approvals;
pub(crate) mod audit;
pub(crate) mod budgets;
pub(crate) mod check;
pub(crate) mod completions;
mod deep;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod evidence;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod hook;
pub(crate) mod keys;
pub(crate) mod policy;
pub(crate) mod report;
pub(crate) mod runs;
mod search;
pub(crate) mod tools;
pub(crate) mod up;
pub(crate) mod users;

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::client::Client;

/// How a command reaches a running server.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ServerArgs {
    /// The server's address.
    #[arg(long, env = "INTERLOCK_URL", default_value = "http://127.0.0.1:8088")]
    pub(crate) server: String,
    /// The API key.
    #[arg(long, env = "INTERLOCK_API_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
}

impl ServerArgs {
    /// A client, if there is a key.
    pub(crate) fn client(&self) -> Result<Client> {
        match &self.key {
            Some(key) => Client::new(&self.server, key),
            None => bail!(
                "no API key: give `--key` or set INTERLOCK_API_KEY; `interlock up` prints the first one, `interlock keys create` makes more"
            ),
        }
    }
}

/// The data directory.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DataArgs {
    /// The data directory.
    #[arg(long, env = "INTERLOCK_DATA", default_value = "interlock-data")]
    pub(crate) data: PathBuf,
}
