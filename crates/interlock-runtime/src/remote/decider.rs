//! Who decides for a program: this process, a server, or this process by a server's policies.

use std::path::PathBuf;
use std::time::Duration;

use interlock_core::model::{Action, Outcome, Principal};
use interlock_store::ApprovalRow;
use uuid::Uuid;

use super::{
    Connected, ConnectedOptions, ConnectionOptions, OnUnavailable, Otherwise, Remote,
    RemoteOptions, ServerAddress, ServerError,
};
use crate::check::{CheckOptions, Checked};
use crate::outcome::OutcomeReply;
use crate::shared::{Gate, GateError, GateOptions, Place};
use crate::{DEFAULT_TENANT, Runtime};

/// How a server is asked, in the words of a program's options.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Where it is, and who asks.
    pub address: ServerAddress,
    /// Whether the server decides about everything.
    pub remote: bool,
    /// Its key in C2SP form, if it is known.
    pub vkey: Option<String>,
    /// What happens when it does not answer: `closed` or `open` for `tool`, `tool@environment`,
    /// `@environment` or `*`.
    pub on_unavailable: Vec<(String, String)>,
    /// Whether what has no side effect is decided by the last policies when no lease holds.
    pub reads_without_lease: bool,
    /// How long a question to the server may take in all.
    pub timeout: Duration,
}

/// What an SDK asks for decisions. Cheap to clone; usable from any thread.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Decider {
    /// This process, or the one that owns its data directory.
    Embedded(Gate),
    /// A server, about everything.
    Remote(Remote),
    /// This process by a server's policies.
    Connected(Connected),
}

impl Decider {
    /// Opens the data directory, and a connection where there is a server.
    ///
    /// # Errors
    /// When the directory cannot be opened, the options do not go together, or the server is not to
    /// be trusted or refuses the key.
    pub fn open(gate: GateOptions, server: Option<ServerOptions>) -> Result<Self, GateError> {
        let Some(options) = server else {
            return Gate::open(gate).map(Self::Embedded);
        };
        let mut rules = Vec::new();
        for (name, word) in &options.on_unavailable {
            let otherwise = Otherwise::from_name(word).ok_or_else(|| {
                ServerError::Configuration(format!(
                    "what happens without an answer must be `closed` or `open`, not `{word}`"
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

    /// Decides on an action of this program.
    ///
    /// # Errors
    /// When there is no decision; the action must not run.
    pub fn check(&self, action: Action, options: &CheckOptions) -> Result<Checked, GateError> {
        let principal = Principal::local();
        match self {
            Self::Embedded(gate) => gate.check(&principal, action, options),
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

    /// Takes the outcome of a decision, once.
    ///
    /// # Errors
    /// When it was not taken, or it is not known whether it was.
    pub fn outcome(&self, id: Uuid, outcome: &Outcome) -> Result<OutcomeReply, GateError> {
        let principal = Principal::local();
        match self {
            Self::Embedded(gate) => gate.outcome(&principal, id, outcome),
            Self::Remote(remote) => Ok(remote.outcome(id, outcome)?),
            Self::Connected(connected) => connected.outcome(&principal, id, outcome),
        }
    }

    /// An approval once it is decided, or as it stands after `wait`.
    ///
    /// # Errors
    /// When there is none of this id, or nobody answers.
    pub fn approval(&self, id: &str, wait: Duration) -> Result<ApprovalRow, GateError> {
        match self {
            Self::Embedded(gate) => gate.wait_approval(&Principal::local(), id, wait),
            Self::Remote(remote) => Ok(remote.approval(id, wait)?),
            Self::Connected(connected) => connected.approval(id, wait),
        }
    }

    /// Stops an agent in the data directory of this process.
    ///
    /// # Errors
    /// When the server decides about everything, and when the pause cannot be recorded.
    pub fn pause_agent(&self, by: &str, agent: &str) -> Result<(), GateError> {
        match self {
            Self::Embedded(gate) => gate.pause_agent(DEFAULT_TENANT, by, agent),
            Self::Connected(connected) => connected.gate().pause_agent(DEFAULT_TENANT, by, agent),
            Self::Remote(_) => Err(ServerError::Configuration(
                "agents are paused at the server, which decides about everything".to_owned(),
            )
            .into()),
        }
    }

    /// The runtime, while this process owns a data directory.
    #[must_use]
    pub fn runtime(&self) -> Option<Runtime> {
        match self {
            Self::Embedded(gate) => gate.runtime(),
            Self::Connected(connected) => connected.gate().runtime(),
            Self::Remote(_) => None,
        }
    }

    /// Whether calls are answered in this process and without waiting for a disk or a server, just
    /// now.
    #[must_use]
    pub fn answers_at_once(&self) -> bool {
        matches!(self, Self::Embedded(gate) if gate.answers_at_once())
    }

    /// Whether approvals and policies are a server's.
    #[must_use]
    pub fn has_server(&self) -> bool {
        !matches!(self, Self::Embedded(_))
    }

    /// `owner`, `client`, `unconnected` (has not asked since it was forked) or `closed`; `remote` where
    /// a server decides about everything.
    #[must_use]
    pub fn place(&self) -> &'static str {
        let gate = match self {
            Self::Remote(_) => return "remote",
            Self::Embedded(gate) => gate,
            Self::Connected(connected) => connected.gate(),
        };
        match gate.place() {
            Place::Owner(_) => "owner",
            Place::Client(_) => "client",
            Place::Closed => "closed",
            Place::Unconnected => "unconnected",
        }
    }

    /// Ends this process's part: the record is closed, another process may own the directory.
    pub fn close(&self) {
        match self {
            Self::Embedded(gate) => gate.close(),
            Self::Remote(remote) => remote.close(),
            Self::Connected(connected) => connected.close(),
        }
    }
}
