//! Rollbacks that the server orders of this client.

use interlock_policy::RollbackWanted;
use uuid::Uuid;

use super::connected::Connected;
use super::error::ServerError;
use super::own::locked;
use crate::rollbacks::RollbackResult;
use crate::shared::GateError;

impl Connected {
    /// The rollbacks that the server waits for; their agents are stopped here. Empty in a process
    /// that does not own its data directory.
    #[must_use]
    pub fn rollbacks(&self) -> Vec<RollbackWanted> {
        if self.gate().runtime().is_none() {
            return Vec::new();
        }
        self.own()
            .map(|own| locked(&own.rollbacks).clone())
            .unwrap_or_default()
    }

    /// Takes a rollback for this data directory; whether it is carried out here. Asked again by the
    /// same directory, the answer is the same.
    ///
    /// # Errors
    /// When the server does not answer, or this process does not own the data directory.
    pub fn claim_rollback(&self, id: Uuid) -> Result<bool, GateError> {
        let (own, log) = (self.own()?, self.log()?);
        Ok(own.server.claim_rollback(id, &log, self.timeout())?)
    }

    /// Tells the server what came of a rollback; whether it takes it.
    ///
    /// # Errors
    /// As [`Self::claim_rollback`].
    pub fn end_rollback(&self, id: Uuid, result: &RollbackResult) -> Result<bool, GateError> {
        let (own, log) = (self.own()?, self.log()?);
        Ok(own.server.end_rollback(id, &log, result, self.timeout())?)
    }

    /// By what the server knows this data directory.
    fn log(&self) -> Result<String, ServerError> {
        let runtime = self.gate().runtime().ok_or_else(|| {
            ServerError::Configuration("another process owns the data directory".to_owned())
        })?;
        Ok(runtime.journal().vkey())
    }
}
