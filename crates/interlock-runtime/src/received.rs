//! Records of enforcement points that decide by themselves, taken into the record of the server.
//!
//! A client sends the bodies of its own record. What becomes part of this one is a decision with the
//! same id that says `reported`: it is listed, searched and verified like any other, uses up no
//! limit, and commits to the client's record by its leaf hash. However often one is sent, it is
//! recorded once.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use interlock_core::audit::body::Body;
use interlock_core::audit::frame::Kind;
use interlock_core::audit::{chain, hex};
use interlock_core::model::limits::ID_BYTES_MAX;
use interlock_core::model::reason::code;
use interlock_core::model::{Effect, OutcomeStatus, Principal, UnixNanos, Value};
use interlock_core::state::{OutcomeSummary, Taint};
use interlock_store::StoreError;
use interlock_store::journal::{Appended, JournalError};
use uuid::Uuid;

use crate::error::RuntimeError;
use crate::outcome::{record_time, summary};
use crate::settled::Settled;
use crate::{Runtime, rfc3339};

/// Records of which is remembered in memory that they were taken; the rows know of older ones.
const RECENT_MAX: usize = 200_000;
/// Records of one request.
pub(crate) const RECORDS_MAX: usize = 1_000;
/// Characters of the name of a client's log.
pub(crate) const LOG_CHARS_MAX: usize = 512;

/// Members of a client's decision that are taken over as they are. Ids, times, keys, chains and
/// commitments are this record's own.
const TAKEN: &[&str] = &[
    "step",
    "session",
    "type",
    "tool",
    "resource",
    "asked",
    "action_hash",
    "effect",
    "decided",
    "risk",
    "dims",
    "terms",
    "floor",
    "findings",
    "vectors",
    "rules",
    "shadow",
    "reasons",
    "obligations",
    "facts",
    "readings",
    "program",
    "engine",
];

/// Members that the rows are made of, and must be there.
const TEXTS: &[&str] = &["session", "type", "tool", "effect", "decided", "program"];

/// One record as a client sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentRecord {
    /// Its number in the client's log.
    pub seq: u64,
    /// What it records; `decision` and `outcome` are taken.
    pub kind: String,
    /// Its stored bytes.
    pub body: String,
}

/// What became of the records of one request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Received {
    /// How many are in the record now, those included that were there before.
    pub taken: u64,
    /// Of those, how many were there before.
    pub known: u64,
    /// Those that are not taken, by their number in the client's log, and why.
    pub refused: Vec<(u64, String)>,
}

/// What was taken a short while ago: the rows do not show it yet.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// Decisions with their agent, by tenant and id.
    decisions: Mutex<Decisions>,
    /// One request at a time, so that of two that bring the same record one finds it taken.
    taking: Mutex<()>,
}

#[derive(Debug, Default)]
struct Decisions {
    agents: HashMap<(Arc<str>, Uuid), String>,
    /// As they came: the times in ids are the clients' own.
    order: VecDeque<(Arc<str>, Uuid)>,
}

impl Recent {
    fn note(&self, tenant: &str, id: Uuid, agent: &str) {
        let mut all = self
            .decisions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let key = (Arc::from(tenant), id);
        if all.agents.insert(key.clone(), agent.to_owned()).is_none() {
            all.order.push_back(key);
        }
        while all.order.len() > RECENT_MAX {
            if let Some(oldest) = all.order.pop_front() {
                all.agents.remove(&oldest);
            }
        }
    }

    fn agent(&self, tenant: &str, id: Uuid) -> Option<String> {
        let all = self
            .decisions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.agents.get(&(Arc::from(tenant), id)).cloned()
    }
}

/// What is written for one record.
enum Written {
    Decision {
        id: Uuid,
        agent: String,
    },
    Outcome {
        settled: Box<Settled>,
        id: Uuid,
        session: String,
        taint: Taint,
        outcome: OutcomeSummary,
        /// The time of the entry, as it is read again at a start.
        at: UnixNanos,
    },
}

type Waiting = Receiver<Result<Appended, JournalError>>;
/// What is written for a record; `None` when it is there.
type Entry = Option<(Kind, Vec<u8>, Written)>;

/// Why a record is not taken.
enum NotTaken {
    /// It never will be.
    Refused(String),
    /// It is not known whether it was taken before.
    Store(StoreError),
}

impl From<String> for NotTaken {
    fn from(why: String) -> Self {
        Self::Refused(why)
    }
}

impl From<&str> for NotTaken {
    fn from(why: &str) -> Self {
        Self::Refused(why.to_owned())
    }
}

impl From<StoreError> for NotTaken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Runtime {
    /// Takes records of a client's own log into this one; durable, as the mode says, when this
    /// returns.
    ///
    /// Each record is judged by itself: one that a credential may not bring is refused, and holds up
    /// no other.
    ///
    /// # Errors
    /// When nothing can be recorded, or it cannot be told what was: all of it may be sent again.
    pub fn receive(
        &self,
        principal: &Principal,
        key_id: &str,
        log: &str,
        records: &[SentRecord],
    ) -> Result<Received, RuntimeError> {
        if records.len() > RECORDS_MAX {
            return Err(RuntimeError::Invalid(
                "records",
                format!("has {} entries, the limit is {RECORDS_MAX}", records.len()),
            ));
        }
        if log.is_empty() || log.chars().count() > LOG_CHARS_MAX {
            return Err(RuntimeError::Invalid(
                "log",
                format!("must be 1 to {LOG_CHARS_MAX} characters"),
            ));
        }
        // What was taken before is known by its row. The client sends again.
        self.caught_up(&principal.tenant)?;
        let inner = &*self.inner;
        let _one = inner
            .received
            .taking
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut received = Received::default();
        let mut waiting: Vec<(Written, Waiting)> = Vec::new();
        let mut trouble = None;
        for record in records {
            match self.entry_of(principal, key_id, log, record, &waiting) {
                Ok(Some((kind, bytes, written))) => {
                    match self.write(&principal.tenant, kind, bytes) {
                        Ok(answer) => waiting.push((written, answer)),
                        Err(error) => trouble = Some(error),
                    }
                }
                Ok(None) => {
                    received.taken += 1;
                    received.known += 1;
                }
                Err(NotTaken::Refused(why)) => received.refused.push((record.seq, why)),
                // A store that fails says nothing of the record: it must come again.
                Err(NotTaken::Store(error)) => {
                    let why = format!("it cannot be looked up what was taken before: {error}");
                    trouble = Some(RuntimeError::AuditUnavailable(why));
                }
            }
            if trouble.is_some() {
                break;
            }
        }
        for (written, answer) in waiting {
            match answer.recv().unwrap_or(Err(JournalError::Closed)) {
                Ok(appended) => {
                    received.taken += 1;
                    self.remember(&principal.tenant, written, appended);
                }
                Err(error) => trouble = Some(RuntimeError::AuditUnavailable(error.to_string())),
            }
        }
        inner.projector.wake();
        match trouble {
            Some(trouble) => Err(trouble),
            None => Ok(received),
        }
    }

    /// What is written for one record; `None` when it is there.
    fn entry_of(
        &self,
        principal: &Principal,
        key_id: &str,
        log: &str,
        record: &SentRecord,
        waiting: &[(Written, Waiting)],
    ) -> Result<Entry, NotTaken> {
        let body = Value::parse(record.body.as_bytes()).map_err(|e| e.to_string())?;
        if let Some(bound) = principal.agent.as_deref()
            && text(&body, "agent") != bound
        {
            let named: String = text(&body, "agent").chars().take(ID_BYTES_MAX).collect();
            return Err(NotTaken::Refused(format!(
                "it is of agent `{named}`, and the key is bound to agent `{bound}`"
            )));
        }
        match record.kind.as_str() {
            "decision" => self.decision(principal, key_id, log, record, &body, waiting),
            "outcome" => self.outcome_of(principal, log, record, &body, waiting),
            other => Err(format!("records of kind `{other}` are not taken").into()),
        }
    }

    fn write(&self, tenant: &str, kind: Kind, bytes: Vec<u8>) -> Result<Waiting, RuntimeError> {
        let (send, receive) = sync_channel(1);
        self.inner
            .journal
            .append_with(tenant, kind, bytes, move |result| {
                // Who waits is below; when it failed before, nobody does.
                let _ = send.send(result);
            })
            .map_err(|e| RuntimeError::AuditUnavailable(e.to_string()))?;
        Ok(receive)
    }

    fn remember(&self, tenant: &str, written: Written, appended: Appended) {
        let inner = &*self.inner;
        match written {
            Written::Decision { id, agent } => inner.received.note(tenant, id, &agent),
            Written::Outcome {
                mut settled,
                id,
                session,
                mut taint,
                outcome,
                at,
            } => {
                settled.seq = appended.seq;
                // As a start does with the entry: a decision of ours may be waiting for it.
                inner.open.remove(tenant, id);
                inner
                    .memory
                    .settle(tenant, &settled.agent, id.as_u128(), &outcome, at);
                inner.settled.insert(id, *settled);
                if taint.untrusted {
                    taint.instructions_seq = i64::try_from(appended.seq).unwrap_or(i64::MAX);
                }
                inner.memory.taint(tenant, &session, &taint);
            }
        }
    }

    /// The agent of a decision that was taken, if it was.
    fn taken(
        &self,
        tenant: &str,
        id: Uuid,
        waiting: &[(Written, Waiting)],
    ) -> Result<Option<String>, StoreError> {
        if let Some(agent) = self.inner.received.agent(tenant, id) {
            return Ok(Some(agent));
        }
        let here = waiting.iter().find_map(|(written, _)| match written {
            Written::Decision { id: one, agent } if *one == id => Some(agent.clone()),
            _ => None,
        });
        if here.is_some() {
            return Ok(here);
        }
        match self.inner.store.action(tenant, &id.to_string()) {
            Ok(row) => Ok(Some(row.agent_id)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A client's decision as an entry of this record; `None` when it is there.
    fn decision(
        &self,
        principal: &Principal,
        key_id: &str,
        log: &str,
        record: &SentRecord,
        body: &Value,
        waiting: &[(Written, Waiting)],
    ) -> Result<Entry, NotTaken> {
        let (id, agent) = named(body)?;
        if let Some(owner) = self.taken(&principal.tenant, id, waiting)? {
            return match owner == agent {
                true => Ok(None),
                false => Err("its id is that of another agent's decision".into()),
            };
        }
        for key in TEXTS {
            match body.get(key).and_then(Value::as_str) {
                None => return Err(format!("`{key}` is missing").into()),
                Some(text) if text.len() > ID_BYTES_MAX => {
                    return Err(format!("`{key}` must be at most {ID_BYTES_MAX} bytes").into());
                }
                Some(_) => {}
            }
        }
        for list in ["rules", "shadow"] {
            let fired = body.get(list).and_then(Value::as_array).unwrap_or_default();
            let id = |rule: &Value| rule.as_array()?.first()?.as_str().map(str::len);
            if fired.iter().any(|rule| id(rule) > Some(ID_BYTES_MAX)) {
                return Err(format!("`{list}` names a rule of over {ID_BYTES_MAX} bytes").into());
            }
        }
        let effect = Effect::from_name(text(body, "effect")).ok_or("`effect` is unknown")?;
        Effect::from_name(text(body, "decided")).ok_or("`decided` is unknown")?;
        let risk = body.get("risk").and_then(Value::as_i64);
        let risk = risk.filter(|risk| (0..=100).contains(risk));
        let risk = risk.ok_or("`risk` must be 0 to 100")?;
        let mut entry = Body::with_capacity(Kind::Decision, &rfc3339(self.now()), 2_048);
        entry
            .str("id", &id.to_string())
            .str("tenant", &principal.tenant)
            .str("agent", &agent)
            .str("run", text(body, "run"))
            .int("run_seq", 0);
        for key in TAKEN {
            if let Some(value) = body.get(key) {
                let mut json = String::new();
                value.write_json(&mut json);
                entry.raw(key, &json);
            }
        }
        let mut said = Body::new(Kind::Decision, text(body, "ts"));
        let claimed = match effect {
            Effect::RequireApproval => "pause",
            effect if effect.permits() => "allow",
            _ => "block",
        };
        said.str("decision", claimed).int("risk_milli", risk * 10);
        origin(&mut said, log, record);
        // What alerts are grouped by and who is told of them is never the client's choice.
        if let Some(loaded) = self.inner.bundles.current(&principal.tenant) {
            let stands = |code: &str| self.stands(&principal.tenant, &agent, body, code);
            let (rule, notify) = crate::alerts::known(body, &loaded.compiled.program, stands);
            said.opt_str("rule", rule).strs("notify", notify);
        }
        let said = said.finish().map_err(|e| e.to_string())?;
        let said = String::from_utf8(said).map_err(|e| e.to_string())?;
        entry
            .opt_str("key", (!key_id.is_empty()).then_some(key_id))
            .str("assurance", "cooperative")
            .opt_str("source", Some("connected"))
            .raw("reported", &said);
        let bytes = entry.finish().map_err(|e| e.to_string())?;
        Ok(Some((
            Kind::Decision,
            bytes,
            Written::Decision { id, agent },
        )))
    }

    /// Whether what a client says was stopped is stopped here, as its record comes in. Where it no
    /// longer is, the denial is one like any other: it counts for responses.
    fn stands(&self, tenant: &str, agent: &str, body: &Value, reason: &str) -> bool {
        let inner = &*self.inner;
        let (all, paused) = inner.memory.standing(tenant);
        match reason {
            code::KILL_SWITCH => all,
            code::AGENT_PAUSED => paused.iter().any(|name| name == agent),
            code::TOOL_STOPPED => {
                let names = [text(body, "tool"), text(body, "type")];
                inner.tool_stops.named(tenant, agent, names, self.now())
            }
            _ => false,
        }
    }

    /// A client's outcome as an entry of this record; `None` when it is there.
    fn outcome_of(
        &self,
        principal: &Principal,
        log: &str,
        record: &SentRecord,
        body: &Value,
        waiting: &[(Written, Waiting)],
    ) -> Result<Entry, NotTaken> {
        let (id, agent) = named(body)?;
        let tenant = &*principal.tenant;
        match self.taken(tenant, id, waiting)? {
            Some(owner) if owner == agent => {}
            _ => return Err("there is no such decision of this agent".into()),
        }
        let twice = waiting
            .iter()
            .any(|(written, _)| matches!(written, Written::Outcome { id: one, .. } if *one == id));
        if twice || self.inner.settled.get(tenant, id).is_some() {
            return Ok(None);
        }
        match self.inner.store.action(tenant, &id.to_string()) {
            Ok(row) if row.outcome.is_some() => return Ok(None),
            Ok(_) => {}
            // Its row is made a moment after it was taken.
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
        let (outcome, taint) = summary(body, 0).ok_or("`status` is missing or unknown")?;
        let status = OutcomeStatus::name(outcome.status);
        let natural = |key: &str| body.get(key).and_then(Value::as_i64).unwrap_or(0).max(0);
        let session = text(body, "session").to_owned();
        let mut entry = Body::new(Kind::Outcome, &rfc3339(self.now()));
        entry
            .str("id", &id.to_string())
            .str("tenant", tenant)
            .str("agent", &agent)
            .str("run", text(body, "run"))
            .str("session", &session)
            .str("status", status)
            .int("latency_ms", natural("latency_ms"))
            .int("cost_nano_usd", natural("cost_nano_usd"))
            .int("result_bytes", natural("result_bytes"));
        if body.get("rows").is_some() {
            entry.int("rows", natural("rows"));
        }
        let findings = body.get("findings").and_then(Value::as_array);
        let findings = findings
            .unwrap_or_default()
            .iter()
            .filter_map(Value::as_str);
        entry
            .strs("findings", findings.take(64))
            .bool("untrusted", taint.untrusted)
            .bool("private", taint.private);
        let mut said = Body::new(Kind::Outcome, text(body, "ts"));
        origin(&mut said, log, record);
        let said = said.finish().map_err(|e| e.to_string())?;
        let said = String::from_utf8(said).map_err(|e| e.to_string())?;
        entry.raw("reported", &said);
        let bytes = entry.finish().map_err(|e| e.to_string())?;
        let kept: Value = Value::parse(&bytes).map_err(|e| e.to_string())?;
        let (Some((outcome, _)), Some(at)) = (summary(&kept, 0), record_time(&kept)) else {
            return Err("the entry of the outcome cannot be read again".into());
        };
        let settled = Box::new(Settled {
            tenant: tenant.to_owned(),
            agent,
            status: outcome.status,
            seq: 0,
        });
        let written = Written::Outcome {
            settled,
            id,
            session,
            taint,
            outcome,
            at,
        };
        Ok(Some((Kind::Outcome, bytes, written)))
    }
}

/// Which record of which log it is.
fn origin(said: &mut Body, log: &str, record: &SentRecord) {
    said.str("log", log)
        .int("seq", record.seq)
        .str("leaf", &hex(&chain::leaf(record.body.as_bytes())));
}

fn text<'a>(body: &'a Value, key: &str) -> &'a str {
    body.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The id and the agent of a record.
fn named(body: &Value) -> Result<(Uuid, String), String> {
    let id: Uuid = text(body, "id").parse().map_err(|_| "`id` is no UUID")?;
    if id.get_version_num() != 7 {
        return Err("`id` is no UUID of version 7".to_owned());
    }
    let agent = text(body, "agent");
    if agent.is_empty() || agent.len() > ID_BYTES_MAX {
        return Err(format!("`agent` must be 1 to {ID_BYTES_MAX} bytes"));
    }
    Ok((id, agent.to_owned()))
}
