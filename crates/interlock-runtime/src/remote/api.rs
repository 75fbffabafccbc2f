//! The calls that a client makes.

use std::time::{Duration, Instant};

use interlock_core::approval::State;
use interlock_core::audit::note::Verifier;
use interlock_core::model::{Action, Outcome, UnixNanos};
use interlock_policy::{SIGNED_BYTES_MAX, VerifiedBundle, verify_receipt};
use interlock_store::ApprovalRow;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::answer;
use super::error::ServerError;
use super::http::{Call, Server};
use crate::check::Checked;
use crate::clock::new_id;
use crate::outcome::OutcomeReply;
use crate::rollbacks::RollbackResult;
use crate::shared::model::action_json;
use crate::shared::wire::Names;

/// How long one request of a longer wait for an approval is held, in seconds.
const HOLD_S: u64 = 20;
/// How long a bundle may take to come.
const BUNDLE_TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
struct LeaseJson {
    lease: String,
    vkey: String,
}

/// A lease as it came: not to be believed yet.
#[derive(Debug)]
pub(super) struct Offered {
    pub(super) note: String,
    pub(super) vkey: String,
}

/// One record on its way to the server.
#[derive(Debug, Serialize)]
pub(super) struct RecordJson {
    pub(super) seq: u64,
    pub(super) kind: String,
    pub(super) body: String,
}

#[derive(Deserialize)]
struct UploadJson {
    taken: u64,
    refused: Vec<RefusedJson>,
    receipt: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct RefusedJson {
    pub(super) seq: u64,
    pub(super) message: String,
}

impl Server {
    /// Decides on an action there. One that has no key gets one, so that it is decided once
    /// however often it is sent.
    pub(super) fn check(
        &self,
        action: &mut Action,
        names: &Names,
        timeout: Duration,
        now: UnixNanos,
    ) -> Result<Checked, ServerError> {
        let own_key = action.idempotency_key.is_empty();
        if own_key {
            action.idempotency_key = format!("auto-{}", new_id(now));
        }
        let body = action_json(action);
        let answer = self.call(timeout, |_| Call::post("/api/check", body.as_bytes()))?;
        let checked = answer::checked(&answer.body, names, now)
            .ok_or_else(|| self.untrusted("its answer is not a decision of this version"))?;
        if checked.agent_id != action.agent_id
            || checked.action_type != action.action_type.name()
            || checked.resource != action.resource
        {
            return Err(self.untrusted("it answered about another action"));
        }
        Ok(Checked {
            replayed: checked.replayed && !own_key,
            ..checked
        })
    }

    /// Tells of an action that ran already; `body` is one in its wire form.
    pub(super) fn report(&self, body: &str, timeout: Duration) -> Result<(), ServerError> {
        self.call(timeout, |_| Call::post("/api/actions", body.as_bytes()))?;
        Ok(())
    }

    pub(super) fn outcome(
        &self,
        id: Uuid,
        outcome: &Outcome,
        timeout: Duration,
    ) -> Result<OutcomeReply, ServerError> {
        let path = format!("/api/actions/{id}/outcome");
        let body = |again: bool| {
            let cost = outcome.cost_nano_usd;
            json!({
                "status": outcome.status.name(),
                "latency_ms": outcome.latency_ms,
                "cost_usd": format!("{}.{:09}", cost / 1_000_000_000, cost % 1_000_000_000),
                "rows": outcome.rows,
                "result": outcome.result,
                "again": again,
            })
            .to_string()
        };
        let (first, again) = (body(false), body(true));
        let answer = self.call(timeout, |sent| {
            let body = if sent { &again } else { &first };
            Call::post(&path, body.as_bytes())
        })?;
        answer::outcome(&answer.body)
            .ok_or_else(|| self.untrusted("its answer is not one to an outcome"))
    }

    /// An approval once it is decided, or as it stands after `patience`. A server that goes away
    /// meanwhile is waited for.
    pub(super) fn approval(
        &self,
        id: &str,
        patience: Duration,
        timeout: Duration,
    ) -> Result<ApprovalRow, ServerError> {
        // What is asked for is part of a path.
        let id: Uuid = id.parse().map_err(|_| ServerError::Refused {
            status: 404,
            code: "not-found".to_owned(),
            message: "there is no such approval".to_owned(),
        })?;
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let hold = left.as_secs().min(HOLD_S);
            let path = format!("/api/approvals/{id}/wait?hold={hold}");
            let answered = self.call(timeout + Duration::from_secs(hold), |_| Call::get(&path));
            let row = match answered {
                Ok(answer) => answer::approval(&answer.body)
                    .ok_or_else(|| self.untrusted("its answer is not an approval"))?,
                Err(error) if error.is_unavailable() && Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(200));
                    continue;
                }
                Err(error) => return Err(error),
            };
            if row.approval.state != State::Pending || Instant::now() >= until {
                return Ok(row);
            }
            if hold == 0 {
                std::thread::sleep(left.min(Duration::from_millis(100)));
            }
        }
    }

    pub(super) fn lease(&self, nonce: &str, timeout: Duration) -> Result<Offered, ServerError> {
        let path = format!("/api/lease?nonce={nonce}");
        let answer = self.call(timeout, |_| Call::get(&path))?;
        let offered: LeaseJson = serde_json::from_slice(&answer.body)
            .map_err(|e| self.untrusted(format!("its answer is not a lease: {e}")))?;
        Ok(Offered {
            note: offered.lease,
            vkey: offered.vkey,
        })
    }

    /// The bundle in force, as it travels: not to be believed yet.
    pub(super) fn bundle(&self) -> Result<Vec<u8>, ServerError> {
        let call = Call {
            answer_bytes_max: SIGNED_BYTES_MAX as u64,
            ..Call::get("/api/bundle")
        };
        Ok(self.call(BUNDLE_TIMEOUT, |_| call)?.body)
    }

    /// Takes an order of a rollback for the client with this log; whether it is its.
    pub(super) fn claim_rollback(
        &self,
        id: Uuid,
        log: &str,
        timeout: Duration,
    ) -> Result<bool, ServerError> {
        let body = json!({ "log": log }).to_string();
        self.of_rollback(id, "claim", &body, timeout)
    }

    /// Says what came of an order; whether the server takes it.
    pub(super) fn end_rollback(
        &self,
        id: Uuid,
        log: &str,
        result: &RollbackResult,
        timeout: Duration,
    ) -> Result<bool, ServerError> {
        let body = json!({
            "log": log,
            "state": result.state.name(),
            "undone": result.undone,
            "irreversible": result.irreversible,
            "message": result.message,
        });
        self.of_rollback(id, "result", &body.to_string(), timeout)
    }

    fn of_rollback(
        &self,
        id: Uuid,
        what: &str,
        body: &str,
        timeout: Duration,
    ) -> Result<bool, ServerError> {
        let path = format!("/api/rollbacks/{id}/{what}");
        match self.call(timeout, |_| Call::post(&path, body.as_bytes())) {
            Ok(_) => Ok(true),
            // Another client has it, or it is over.
            Err(ServerError::Refused {
                status: 404 | 409, ..
            }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sends records; those that it will not have, and why.
    pub(super) fn upload(
        &self,
        key: &Verifier,
        log: &str,
        records: &[RecordJson],
        timeout: Duration,
    ) -> Result<Vec<RefusedJson>, ServerError> {
        let body = json!({"log": log, "records": records}).to_string();
        let answer = self.call(timeout, |_| Call::post("/api/records", body.as_bytes()))?;
        let said: UploadJson = serde_json::from_slice(&answer.body)
            .map_err(|e| self.untrusted(format!("its answer is not one to records: {e}")))?;
        verify_receipt(&said.receipt, key, body.as_bytes()).map_err(|e| self.untrusted(e))?;
        // What it does not account for, it does not have.
        if said.taken.saturating_add(said.refused.len() as u64) != records.len() as u64 {
            return Err(self.untrusted("it does not account for every record"));
        }
        Ok(said.refused)
    }
}

/// What must hold beyond a bundle's own signature.
pub(super) fn matches(bundle: &VerifiedBundle, number: u64) -> bool {
    bundle.manifest.number >= number
}
