//! Leases: given to clients that decide by themselves, and taken from a server by one.

use std::path::Path;

use interlock_core::audit::frame::Kind;
use interlock_core::audit::hex;
use interlock_core::model::{Principal, UnixNanos};
use interlock_policy::{DecidedByServer, Lease, VerifiedBundle};

use crate::error::RuntimeError;
use crate::open::OpenError;
use crate::remote::Held;
use crate::{DEFAULT_TENANT, Runtime};

/// How long a lease is good for, in milliseconds: a client that cannot be reached stops after this.
const LEASE_MS: u32 = 15_000;
/// Bytes of names in one lease; with more the server decides everything itself.
const NAMES_BYTES_MAX: usize = 24 * 1024;
/// Bytes of a nonce.
const NONCE_BYTES_MAX: usize = 128;

fn bytes(names: &[String]) -> usize {
    names.iter().map(|name| name.len() + 8).sum()
}

impl Runtime {
    /// A signed lease for who presents this credential, as a note: the policies in force, and what
    /// is stopped.
    ///
    /// # Errors
    /// When no policies are in force, or the nonce is not 1 to 128 letters and digits.
    pub fn lease(&self, principal: &Principal, nonce: &str) -> Result<String, RuntimeError> {
        let valid = 1..=NONCE_BYTES_MAX;
        if !valid.contains(&nonce.len()) || !nonce.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(RuntimeError::Invalid(
                "nonce",
                format!("must be 1 to {NONCE_BYTES_MAX} letters and digits"),
            ));
        }
        let inner = &*self.inner;
        let tenant = &*principal.tenant;
        let loaded = inner
            .bundles
            .current(tenant)
            .ok_or(RuntimeError::NotFound("bundle"))?;
        let (kill, mut paused) = inner.memory.standing(tenant);
        let mut configured = inner.agents.names(tenant);
        let agent = principal.agent.as_deref();
        if let Some(agent) = agent {
            paused.retain(|name| name == agent);
            configured.retain(|name| name == agent);
        }
        let mut server = DecidedByServer::Agents(configured);
        let listed = match &server {
            DecidedByServer::Agents(agents) => bytes(agents),
            DecidedByServer::All => 0,
        };
        let mut tools = self.stopped_tools(tenant, agent, self.now());
        let named = tools.iter().map(|t| t.tool.len() + t.agent.len() + 32);
        if inner.budgets.any(tenant) {
            // What one process has spent others cannot know.
            server = DecidedByServer::All;
        }
        if listed + bytes(&paused) + named.sum::<usize>() > NAMES_BYTES_MAX {
            // Who decides everything also knows who and what is stopped.
            server = DecidedByServer::All;
            paused.clear();
            tools.clear();
        }
        let lease = Lease {
            tenant: tenant.to_owned(),
            nonce: nonce.to_owned(),
            agent: agent.map(str::to_owned),
            environment: principal.environment.as_deref().map(str::to_owned),
            bundle: loaded.number,
            sources: hex(&loaded.sources_digest),
            valid_ms: LEASE_MS,
            kill,
            paused,
            tools,
            server,
            rollbacks: inner.rollbacks.wanted(tenant, agent, self.now()),
        };
        Ok(lease.signed(inner.bundles.signer()))
    }

    /// The signed word that what a request with this body brought is on record.
    #[must_use]
    pub fn receipt(&self, body: &[u8]) -> String {
        interlock_policy::receipt(self.inner.bundles.signer(), body)
    }

    /// Puts in force what was last heard of the server, without a lease.
    pub(crate) fn restore_connection(&self, data: &Path) -> Result<(), OpenError> {
        if self.inner.connection.is_none() {
            return Ok(());
        }
        let directory = |source| OpenError::Directory {
            path: data.display().to_string(),
            source,
        };
        let held = Held::open(data).map_err(directory)?;
        if let Some(bundle) = held.bundle().map_err(directory)? {
            self.inner.bundles.fix(DEFAULT_TENANT, bundle);
        }
        if let Some(last) = held.switches().map_err(directory)? {
            self.switch(&last)?;
            if let Some(connection) = &self.inner.connection {
                connection.take(&last, 0);
            }
        }
        Ok(())
    }

    /// Stops and lets go on what the server says, beside what is stopped here.
    fn switch(&self, lease: &Lease) -> Result<(), RuntimeError> {
        let inner = &*self.inner;
        let Some(connection) = &inner.connection else {
            return Ok(());
        };
        inner.tool_stops.of_server(&lease.tools);
        let full = |e: interlock_core::state::SwitchesFull| RuntimeError::Conflict(e.to_string());
        connection.switch(
            lease,
            |on| {
                let here = inner.store.kill_switch(DEFAULT_TENANT)?.on;
                inner.memory.kill(DEFAULT_TENANT, on || here).map_err(full)
            },
            |agent, on| {
                let here = match inner.store.agent(DEFAULT_TENANT, agent) {
                    Ok(row) => row.paused,
                    Err(error) if error.is_not_found() => false,
                    Err(error) => return Err(error.into()),
                };
                inner
                    .memory
                    .pause(DEFAULT_TENANT, agent, on || here)
                    .map_err(full)
            },
        )
    }

    /// Takes a lease that was checked; it holds until `until`.
    pub(crate) fn take_lease(
        &self,
        lease: &Lease,
        until: UnixNanos,
        held: &Held,
    ) -> Result<(), RuntimeError> {
        self.switch(lease)?;
        let kept = Lease {
            nonce: String::new(),
            rollbacks: Vec::new(),
            ..lease.clone()
        };
        // What changes seldom is written seldom. A stop holds before it is kept.
        let last = held.switches().unwrap_or_else(|error| {
            tracing::warn!(%error, "what the server had stopped is asked for again");
            None
        });
        if last.as_ref() != Some(&kept) {
            held.set_switches(&kept).map_err(|e| {
                RuntimeError::Conflict(format!("cannot keep what the server said: {e}"))
            })?;
        }
        if let Some(connection) = &self.inner.connection {
            connection.take(lease, until);
        }
        Ok(())
    }

    /// No lease holds any more.
    pub(crate) fn end_lease(&self) {
        if let Some(connection) = &self.inner.connection {
            connection.end();
        }
    }

    /// What answers in place of the server is not to be asked any more, or again.
    pub(crate) fn distrust(&self, untrusted: bool) {
        if let Some(connection) = &self.inner.connection {
            connection.set_untrusted(untrusted);
        }
    }

    /// Whether a lease holds.
    pub(crate) fn lease_holds(&self) -> bool {
        let now = self.now();
        let connection = self.inner.connection.as_ref();
        connection.is_some_and(|connection| connection.holds(now))
    }

    /// Whether so much waits for the server that nothing more may be decided here.
    pub(crate) fn connection_full(&self, full: bool) {
        if let Some(connection) = &self.inner.connection {
            connection.set_full(full);
        }
    }

    /// Puts a server's bundle in force.
    pub(crate) fn take_bundle(&self, bundle: VerifiedBundle) -> Result<(), RuntimeError> {
        let number = bundle.manifest.number;
        self.inner.bundles.fix(DEFAULT_TENANT, bundle);
        self.record_change(
            DEFAULT_TENANT,
            Kind::PolicyChange,
            "server",
            "bundle-taken",
            &number.to_string(),
        )
    }
}
