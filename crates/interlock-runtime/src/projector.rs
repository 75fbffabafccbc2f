//! The projection: rows for people, made from the journal, and what they show of contents from the
//! vault, so that they can be thrown away and made again.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use interlock_core::audit::frame::Kind;
use interlock_core::detectors::DETECTORS;
use interlock_core::model::{Effect, Value};
use interlock_core::risk::Dimension;
use interlock_store::journal::{Entry, Journal, Position};
use interlock_store::vault::Vault;
use interlock_store::{ActionOutcome, ActionRow, AlertRow, Facets, Store, StoreError};

use crate::behind::Behind;
use crate::content;
use crate::outcome::record_time;
use crate::responses::Told;

/// Records of one transaction.
const BATCH: usize = 512;

/// Gathering for a moment makes one transaction of many decisions.
pub(crate) const GATHER: Duration = Duration::from_millis(20);
/// After a failure.
const PAUSE: Duration = Duration::from_millis(500);

/// Wakes the projector's thread.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    dirty: Mutex<bool>,
    changed: Condvar,
    stop: AtomicBool,
}

impl Wake {
    /// There is something new in the journal.
    pub(crate) fn wake(&self) {
        let before = {
            let mut dirty = self.dirty.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *dirty, true)
        };
        // Whoever is called already is not called again: that costs more than the rest.
        if !before {
            self.changed.notify_one();
        }
    }

    /// Ends the thread after what is there is projected.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
        *self.dirty.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Waits until there is something new, and then for more to come; whether to go on.
    fn wait(&self, gather: Duration) -> bool {
        let stopped = || self.is_stopped();
        let mut dirty = self.dirty.lock().unwrap_or_else(PoisonError::into_inner);
        while !*dirty && !stopped() {
            dirty = self
                .changed
                .wait(dirty)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let mut dirty = self
            .changed
            .wait_timeout_while(dirty, gather, |_| !stopped())
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        *dirty = false;
        !stopped()
    }
}

/// Makes rows of what the journal has.
pub(crate) struct Projector {
    pub(crate) journal: Journal,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Vault,
    pub(crate) deciding: Arc<Mutex<()>>,
    pub(crate) behind: Arc<Behind>,
}

impl Projector {
    /// What a start does: a backlog of at most so many entries is projected, of a longer one the beginning and
    /// what approvals must follow before anybody uses one; [`Self::run`] does the rest.
    pub(crate) fn start(&self, backlog: u64) -> Result<(), ProjectError> {
        if self.catch_up(&mut |done| done < backlog)? {
            return Ok(());
        }
        let (mut left, mut result) = (0, Ok(()));
        let mut first = BTreeMap::new();
        self.journal
            .for_each(self.position()?, &mut |tenant, entry| {
                left += 1;
                if !first.contains_key(tenant) {
                    first.insert(Arc::from(tenant), entry.seq);
                }
                result = crate::approvals::follow(&*self.store, &self.deciding, tenant, entry);
                match &result {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                }
            })
            .map_err(|e| ProjectError::Journal(e.to_string()))?;
        result?;
        self.behind.begin(&self.journal, left, &first);
        Ok(())
    }

    /// Projects until stopped. A long backlog is left to the next start then.
    pub(crate) fn run(&self, wake: &Wake, gather: Duration) {
        crate::background::yield_to_decisions();
        let mut go_on = true;
        loop {
            if !self.behind.is_long() {
                go_on = wake.wait(gather);
            }
            let unless_stopped = &mut |_| !(self.behind.is_long() && wake.is_stopped());
            match self.catch_up(unless_stopped) {
                Ok(true) => self.behind.end(),
                Ok(false) => return,
                Err(error) => {
                    tracing::error!(%error, "the projection is behind; decisions go on, lists are stale until it succeeds");
                    std::thread::sleep(PAUSE);
                    go_on = go_on && !wake.is_stopped();
                    if go_on {
                        wake.wake();
                    }
                }
            }
            if !go_on {
                return;
            }
        }
    }

    fn position(&self) -> Result<Position, ProjectError> {
        match self.store.projection_position()? {
            Some(bytes) => decode(&bytes).ok_or(ProjectError::Position),
            None => Ok(Position::default()),
        }
    }

    /// Projects what the journal holds and the store does not, while `go_on` says so of how many
    /// entries are done; whether that is everything.
    fn catch_up(&self, go_on: &mut dyn FnMut(u64) -> bool) -> Result<bool, ProjectError> {
        let store = &*self.store;
        let mut position = self.position()?;
        let mut done = 0;
        loop {
            let mut batch: Vec<(Arc<str>, Entry)> = Vec::with_capacity(BATCH);
            let next = self
                .journal
                .for_each(position, &mut |tenant, entry| {
                    batch.push((Arc::from(tenant), entry.clone()));
                    if batch.len() >= BATCH {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                })
                .map_err(|e| ProjectError::Journal(e.to_string()))?;
            if batch.is_empty() {
                return Ok(true);
            }
            if !go_on(done) {
                return Ok(false);
            }
            for (tenant, entry) in &batch {
                crate::approvals::follow(store, &self.deciding, tenant, entry)?;
            }
            store.apply_batch(&mut |tx| {
                for (tenant, entry) in &batch {
                    project(tx, tenant, entry, &self.vault)?;
                }
                tx.position(&encode(next))
            })?;
            if batch.iter().any(|(_, entry)| entry.kind == Kind::Erasure) {
                store.forget_traces()?;
            }
            self.behind.projected(&batch);
            done += batch.len() as u64;
            position = next;
        }
    }
}

impl crate::Runtime {
    /// Waits until what is recorded by now is in the rows, at most `patience`; tells whether it is.
    ///
    /// # Errors
    /// When the store fails.
    pub fn projected(&self, patience: Duration) -> Result<bool, crate::RuntimeError> {
        let inner = &self.inner;
        let target = inner.journal.end();
        let deadline = std::time::Instant::now() + patience;
        loop {
            let position = inner.store.projection_position()?;
            let reached = position.as_deref().and_then(decode);
            if reached.is_some_and(|reached| reached >= target) {
                return Ok(true);
            }
            if std::time::Instant::now() >= deadline {
                return Ok(false);
            }
            inner.projector.wake();
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// A position as the store keeps it: segment and offset, little-endian.
pub(crate) fn encode(position: Position) -> [u8; 16] {
    let mut bytes = [0; 16];
    let (segment, offset) = bytes.split_at_mut(8);
    segment.copy_from_slice(&position.segment.to_le_bytes());
    offset.copy_from_slice(&position.offset.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Position> {
    let (segment, offset) = bytes.split_at_checked(8)?;
    Some(Position {
        segment: u64::from_le_bytes(segment.try_into().ok()?),
        offset: u64::from_le_bytes(offset.try_into().ok()?),
    })
}

/// Why the projection could not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProjectError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal could not be read.
    #[error("the journal cannot be read: {0}")]
    Journal(String),
    /// The stored position is not one.
    #[error(
        "the stored position of the projection is damaged: remove `interlock.db` only if its keys and policies are kept elsewhere, or restore it"
    )]
    Position,
}

fn text<'a>(body: &'a Value, key: &str) -> &'a str {
    body.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn project(
    tx: &mut dyn interlock_store::Projection,
    tenant: &str,
    entry: &Entry,
    vault: &Vault,
) -> Result<(), StoreError> {
    // A body that does not parse belongs to a later version; it is in the record all the same.
    let Ok(body) = Value::parse(&entry.body) else {
        return Ok(());
    };
    let Some(at) = record_time(&body) else {
        return Ok(());
    };
    match entry.kind {
        Kind::Decision => {
            let mut row = action_row(&body, entry.seq, at);
            let shown = content::shown(vault, &body);
            row.payload = shown.payload;
            row.vault_key = shown.key;
            row.erased = shown.erased;
            tx.action(tenant, &row)?;
            if row.flagged {
                tx.alert(tenant, &alert_row(&row, &body))?;
            }
            Ok(())
        }
        Kind::Outcome => tx.outcome(
            tenant,
            text(&body, "id"),
            &ActionOutcome {
                status: text(&body, "status").to_owned(),
                at,
                // Zero stands for what nobody said.
                cost_nano_usd: said(&body, "cost_nano_usd"),
                latency_ms: said(&body, "latency_ms"),
            },
        ),
        Kind::Alert => match crate::responses::told(&body, entry.seq, at) {
            Some(Told::Began(response, alert)) => {
                tx.response(tenant, &response)?;
                tx.alert(tenant, &alert)
            }
            Some(Told::Ended(id, end)) => tx.response_ended(tenant, &id, &end),
            None => match crate::budgets::alert_row(&body, entry.seq, at)
                .or_else(|| crate::deep::alert_row(&body, entry.seq, at))
            {
                Some(row) => tx.alert(tenant, &row),
                None => Ok(()),
            },
        },
        Kind::Erasure => match body.get("vault_key").and_then(Value::as_i64) {
            Some(key) => tx.erased(tenant, u32::try_from(key).unwrap_or(u32::MAX)),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

fn action_row(body: &Value, seq: u64, at: i64) -> ActionRow {
    let effect = |key: &str| Effect::from_name(text(body, key)).unwrap_or(Effect::Block);
    let risk = body.get("risk").and_then(Value::as_i64).unwrap_or(0);
    let risk = u16::try_from(risk.clamp(0, 100)).unwrap_or(100);
    let reported = body.get("reported");
    let claimed = reported
        .and_then(|r| r.get("risk_milli"))
        .and_then(Value::as_i64)
        .and_then(|m| u16::try_from(m).ok())
        .map(|m| m.min(1_000));
    // A client that decides by these policies says what this runtime would have said.
    let own = reported.is_none_or(|r| r.get("log").is_some());
    let flagged = if !own {
        effect("effect") >= Effect::RequireApproval
            || claimed.is_some_and(|m| m >= 600)
            || matches!(
                reported
                    .and_then(|r| r.get("decision"))
                    .and_then(Value::as_str),
                Some("BLOCK" | "PAUSE" | "ROLLBACK" | "block" | "pause" | "rollback" | "open")
            )
    } else {
        effect("effect") >= Effect::Alert
    };
    let mut breakdown = String::from("{");
    if let Some(dims) = body.get("dims").and_then(Value::as_array) {
        for (i, (dimension, score)) in Dimension::ALL.iter().zip(dims).enumerate() {
            if i > 0 {
                breakdown.push(',');
            }
            breakdown.push_str(&format!(
                "\"{}\":{}",
                dimension.name(),
                score.as_i64().unwrap_or(0)
            ));
        }
    }
    breakdown.push('}');
    let reason = body
        .get("reasons")
        .and_then(Value::as_array)
        .and_then(|r| r.first())
        .and_then(Value::as_array)
        .map(|r| {
            r.get(1)
                .or(r.first())
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        })
        .unwrap_or_default();
    let asked = body.get("asked").or_else(|| body.get("resource"));
    ActionRow {
        id: text(body, "id").to_owned(),
        seq,
        agent_id: text(body, "agent").to_owned(),
        agent_name: None,
        session_id: text(body, "session").to_owned(),
        run_id: text(body, "run").to_owned(),
        step: body.get("step").and_then(Value::as_i64),
        action_type: text(body, "type").to_owned(),
        resource: asked.and_then(Value::as_str).unwrap_or_default().to_owned(),
        tool: text(body, "tool").to_owned(),
        effect: effect("effect"),
        decided: effect("decided"),
        risk,
        risk_milli: claimed.unwrap_or(risk * 10),
        risk_breakdown: breakdown,
        flagged,
        reason,
        source: text(body, "source").to_owned(),
        claimed: reported
            .and_then(|r| r.get("decision"))
            .and_then(Value::as_str)
            .map(str::to_owned),
        payload: "null".to_owned(),
        vault_key: None,
        erased: false,
        at,
        outcome: None,
        rollback: None,
        facets: facets(body),
    }
}

/// A number that was said.
fn said(body: &Value, key: &str) -> Option<i64> {
    body.get(key).and_then(Value::as_i64).filter(|n| *n != 0)
}

/// Items of one list of a row that can be looked for.
const FACETS_MAX: usize = 64;

/// What an action can be found by, as its record has it.
fn facets(body: &Value) -> Facets {
    let items = |key: &str| {
        let list = body.get(key).and_then(Value::as_array).unwrap_or_default();
        list.iter().filter_map(Value::as_array).take(FACETS_MAX)
    };
    let first = |item: &[Value]| item.first().and_then(Value::as_str).map(str::to_owned);
    let put = |list: &mut Vec<String>, text: &str| {
        if !list.iter().any(|known| known == text) {
            list.push(text.to_owned());
        }
    };
    let mut facets = Facets {
        approval: text(body, "approval").to_owned(),
        environment: body
            .get("facts")
            .and_then(|facts| facts.get("action"))
            .map(|action| text(action, "environment").to_owned())
            .unwrap_or_default(),
        ..Facets::default()
    };
    for item in items("rules") {
        facets.degraded |= item.get(4).and_then(Value::as_i64) == Some(1);
        if let Some(id) = first(item) {
            put(&mut facets.rules, &id);
        }
    }
    for code in items("findings").filter_map(first) {
        put(&mut facets.findings, &code);
        if let Some(known) = crate::recorded::finding_code(&code) {
            let risks = known.tags.iter().filter(|tag| tag.starts_with("ASI"));
            risks.for_each(|tag| put(&mut facets.asi, tag));
            facets.degraded |= DETECTORS.iter().any(|d| d.failed().code == code);
        }
    }
    facets
}

fn alert_row(row: &ActionRow, body: &Value) -> AlertRow {
    let level = match row.risk_milli.max(row.risk * 10) {
        0..400 => "low",
        400..600 => "medium",
        600..850 => "high",
        _ => "critical",
    };
    AlertRow {
        id: format!("alert-{}", row.id),
        seq: row.seq,
        agent_id: row.agent_id.clone(),
        action_id: Some(row.id.clone()),
        level: level.to_owned(),
        message: format!("{} {}: {}", row.effect, row.action_type, row.reason)
            .chars()
            .take(1_000)
            .collect(),
        created: row.at,
        cause: crate::alerts::cause(body),
    }
}
