//! Who decides: this process, a server, or this process by a server's policies.

use std::path::PathBuf;
use std::time::Duration;

use interlock_core::model::{Action, Outcome, Principal};
use interlock_runtime::{
    CheckOptions, Checked, Connected, ConnectedOptions, ConnectionOptions, DEFAULT_TENANT, Gate,
    GateError, GateOptions, OnUnavailable, Otherwise, OutcomeReply, Place, Remote, RemoteOptions,
    Runtime, ServerAddress, ServerError,
};
use interlock_store::ApprovalRow;
use uuid::Uuid;

/// How a server is asked.
#[derive(Debug)]
pub(crate) struct ServerOptions {
    pub(crate) address: ServerAddress,
    /// Whether the server decides about everything.
    pub(crate) remote: bool,
    pub(crate) vkey: Option<String>,
    pub(crate) on_unavailable: Vec<(String, String)>,
    pub(crate) reads_without_lease: bool,
    pub(crate) timeout: Duration,
}

#[derive(Debug)]
pub(crate) enum Decider {
    Gate(Gate),
    Remote(Remote),
    Connected(Connected),
}

impl Decider {
    pub(crate) fn with_server(
        gate: GateOptions,
        options: ServerOptions,
    ) -> Result<Self, GateError> {
        let mut rules = Vec::new();
        for (name, word) in &options.on_unavailable {
            let otherwise = Otherwise::from_name(word).ok_or_else(|| {
                ServerError::Configuration(format!(
                    "`on_unavailable` must be `closed` or `open`, not `{word}`"
                ))
            })?;
            rules.push((name.as_str(), otherwise));
        }
        let on_unavailable = OnUnavailable::new(rules)?;
        if options.remote {
            let data: PathBuf = gate.runtime.data;
            let remote = Remote::open(RemoteOptions {
                server: options.address,
                data,
                on_unavailable,
                timeout: options.timeout,
            })?;
            return Ok(Self::Remote(remote));
        }
        let data: PathBuf = gate.runtime.data.clone();
        Ok(Self::Connected(Connected::open(ConnectedOptions {
            vkey: options.vkey,
            on_unavailable,
            timeout: options.timeout,
            gate,
            connection: ConnectionOptions::new(options.reads_without_lease),
            ..ConnectedOptions::on(&data, options.address)
        })?))
    }

    pub(crate) fn check(
        &self,
        action: Action,
        options: &CheckOptions,
    ) -> Result<Checked, GateError> {
        let principal = Principal::local();
        match self {
            Self::Gate(gate) => gate.check(&principal, action, options),
            Self::Remote(_) if options.floor.is_some() || options.reported.is_some() => {
                Err(ServerError::Configuration(
                    "a server that decides about everything takes no limits of its client's own"
                        .to_owned(),
                )
                .into())
            }
            Self::Remote(remote) => Ok(remote.check(action)?),
            Self::Connected(connected) => connected.check(&principal, action, options),
        }
    }

    /// Stops an agent in the data directory of this process.
    pub(crate) fn pause_agent(&self, by: &str, agent: &str) -> Result<(), GateError> {
        match self {
            Self::Gate(gate) => gate.pause_agent(DEFAULT_TENANT, by, agent),
            Self::Connected(connected) => connected.gate().pause_agent(DEFAULT_TENANT, by, agent),
            Self::Remote(_) => Err(ServerError::Configuration(
                "agents are paused at the server, which decides about everything".to_owned(),
            )
            .into()),
        }
    }

    pub(crate) fn outcome(&self, id: Uuid, outcome: &Outcome) -> Result<OutcomeReply, GateError> {
        let principal = Principal::local();
        match self {
            Self::Gate(gate) => gate.outcome(&principal, id, outcome),
            Self::Remote(remote) => Ok(remote.outcome(id, outcome)?),
            Self::Connected(connected) => connected.outcome(&principal, id, outcome),
        }
    }

    pub(crate) fn approval(&self, id: &str, wait: Duration) -> Result<ApprovalRow, GateError> {
        match self {
            Self::Gate(gate) => gate.wait_approval(&Principal::local(), id, wait),
            Self::Remote(remote) => Ok(remote.approval(id, wait)?),
            Self::Connected(connected) => connected.approval(id, wait),
        }
    }

    /// The runtime, while this process owns a data directory.
    pub(crate) fn runtime(&self) -> Option<Runtime> {
        match self {
            Self::Gate(gate) => gate.runtime(),
            Self::Connected(connected) => connected.gate().runtime(),
            Self::Remote(_) => None,
        }
    }

    pub(crate) fn has_server(&self) -> bool {
        !matches!(self, Self::Gate(_))
    }

    pub(crate) fn place(&self) -> &'static str {
        let gate = match self {
            Self::Remote(_) => return "remote",
            Self::Gate(gate) => gate,
            Self::Connected(connected) => connected.gate(),
        };
        match gate.place() {
            Place::Owner(_) => "owner",
            Place::Client(_) => "client",
            Place::Closed => "closed",
            _ => "unconnected",
        }
    }

    pub(crate) fn close(&self) {
        match self {
            Self::Gate(gate) => gate.close(),
            Self::Remote(remote) => remote.close(),
            Self::Connected(connected) => connected.close(),
        }
    }
}
