//! What a restart restores: a fold over the journal.
//!
//! Start-up and the snapshot run this same code; a snapshot is what it gives for the entries
//! before a position, and nothing of the running process.

use std::ops::ControlFlow;
use std::sync::Arc;

use interlock_core::approval::State as ApprovalState;
use interlock_core::audit::Hash;
use interlock_core::audit::frame::Kind;
use interlock_core::model::{Effect, Value};
use interlock_core::state::Footprint;
use interlock_store::journal::{Entry, Journal, JournalError, Position};
use interlock_store::vault::CONTENT_MEMBER;

use crate::bytes::Reader;
use crate::content::About;
use crate::idempotency::Idempotency;
use crate::members::pick;
use crate::memory::Memory;
use crate::outcome::{Granted, Open, OpenDecisions, record_time, summary};
use crate::recorded;
use crate::runs::Runs;
use crate::settled::{Settled, SettledDecisions};

/// The members of a decision's record that the fold reads.
const DECISION: &[&str] = &[
    "ts",
    "id",
    "agent",
    "run",
    "run_seq",
    "session",
    "action_hash",
    "effect",
    "state",
    "idempotency",
    "approval",
    "reported",
    CONTENT_MEMBER,
];

/// Everything that a restart restores from the journal.
#[derive(Debug)]
pub(crate) struct Folded {
    pub(crate) memory: Memory,
    pub(crate) runs: Runs,
    pub(crate) open: OpenDecisions,
    pub(crate) answers: Idempotency,
    pub(crate) settled: SettledDecisions,
    /// Which entries are in it.
    pub(crate) at: Folding,
}

/// Up to where a fold has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Folding {
    /// Where the next entry begins.
    pub(crate) next: Position,
    /// How many entries are in it, those without effect included.
    pub(crate) entries: u64,
    /// The last one of them.
    pub(crate) last: Option<Last>,
}

/// An entry by which a journal is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Last {
    pub(crate) position: Position,
    pub(crate) tenant: String,
    pub(crate) seq: u64,
    pub(crate) leaf: Hash,
    pub(crate) link: Hash,
}

impl Last {
    pub(crate) fn of(tenant: &str, entry: &Entry) -> Self {
        Self {
            position: entry.position,
            tenant: tenant.to_owned(),
            seq: entry.seq,
            leaf: entry.leaf,
            link: entry.link,
        }
    }
}

impl Folded {
    /// How many parts a snapshot has.
    pub(crate) const PARTS: usize = Memory::PARTS + 4;

    /// The fold of no entry.
    pub(crate) fn new() -> Self {
        Self {
            memory: Memory::new(),
            runs: Runs::default(),
            open: OpenDecisions::default(),
            answers: Idempotency::default(),
            settled: SettledDecisions::default(),
            at: Folding::default(),
        }
    }

    /// Takes in what the journal holds beyond this, at most `entries_max` entries; answers how many.
    ///
    /// The journal's own lock is held for reading while its list of segments is copied, and no other
    /// lock that a decision could wait for.
    pub(crate) fn advance(
        &mut self,
        journal: &Journal,
        entries_max: u64,
    ) -> Result<u64, JournalError> {
        let before = self.at.entries;
        if entries_max == 0 {
            return Ok(0);
        }
        let mut at = std::mem::take(&mut self.at);
        let walked = journal.for_each(at.next, &mut |tenant, entry| {
            self.entry(tenant, entry);
            at.entries += 1;
            match &mut at.last {
                // The name is kept where it is: entries of one tenant come in rows.
                Some(last) if last.tenant == tenant => {
                    last.position = entry.position;
                    last.seq = entry.seq;
                    last.leaf = entry.leaf;
                    last.link = entry.link;
                }
                last => *last = Some(Last::of(tenant, entry)),
            }
            if at.entries - before < entries_max {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        if let Ok(next) = &walked {
            at.next = *next;
        }
        self.at = at;
        walked?;
        Ok(self.at.entries - before)
    }

    fn entry(&self, tenant: &str, entry: &Entry) {
        // A body that does not parse, or lacks what is needed, belongs to a later version.
        let parsed = match entry.kind {
            Kind::Decision => pick(&entry.body, DECISION).and_then(|b| Value::parse(&b).ok()),
            Kind::Outcome | Kind::ApprovalFinal | Kind::Alert => Value::parse(&entry.body).ok(),
            _ => None,
        };
        if let Some(body) = parsed {
            let _ = match entry.kind {
                Kind::Decision => self.decision(tenant, entry, &body),
                Kind::Outcome => self.outcome(tenant, entry, &body),
                Kind::Alert => crate::budgets::told(&body).map_or_else(
                    || {
                        crate::deep::tainted(&body)
                            .map(|(session, taint)| self.memory.taint(tenant, session, &taint))
                    },
                    |(key, index, percent)| {
                        self.memory.told(tenant, &key, index, percent);
                        Some(())
                    },
                ),
                _ => self.approved(tenant, &body),
            };
        }
    }

    fn decision(&self, tenant: &str, entry: &Entry, body: &Value) -> Option<()> {
        let text = |key: &str| text(body, key);
        let at = record_time(body)?;
        let id: uuid::Uuid = text("id").parse().ok()?;
        let effect = Effect::from_name(text("effect"))?;
        let run = text("run");
        if !run.is_empty() {
            let seq = body.get("run_seq").and_then(Value::as_i64).unwrap_or(0);
            let seq = u64::try_from(seq).unwrap_or(0);
            // Without a number it is the record of a client, whose run has its chain there.
            if seq > 0 {
                self.runs.restore(&Arc::from(tenant), run, seq, entry.leaf);
            }
        }
        let approval: Option<uuid::Uuid> = text("approval").parse().ok();
        // A request that asked has the id of what it asked for; another one used a grant.
        let used = approval.filter(|approval| *approval != id);
        if let Some(name) = body.get("idempotency").and_then(Value::as_str) {
            self.answers.restore(
                (
                    tenant.to_owned(),
                    text("agent").to_owned(),
                    name.to_owned(),
                    used.map(|id| id.to_string()).unwrap_or_default(),
                ),
                recorded::digest(body)?,
                at,
                entry.seq,
            );
        }
        if body.get("reported").is_some() {
            return None;
        }
        let footprint = Footprint::from_value(body.get("state")?).ok()?;
        self.memory.fold_decision(&footprint, effect, at);
        self.open.insert(
            id,
            Open {
                tenant: Arc::from(tenant),
                agent: text("agent").to_owned(),
                session: text("session").to_owned(),
                run: run.to_owned(),
                about: About::body(body),
                permitted: effect.permits(),
                granted: used.map(|approval| Granted::at(approval, at)),
            },
        );
        Some(())
    }

    fn outcome(&self, tenant: &str, entry: &Entry, body: &Value) -> Option<()> {
        let id: uuid::Uuid = text(body, "id").parse().ok()?;
        let at = record_time(body)?;
        let (outcome, taint) = summary(body, entry.seq)?;
        self.open.remove(tenant, id);
        self.settled.insert(
            id,
            Settled {
                tenant: tenant.to_owned(),
                agent: text(body, "agent").to_owned(),
                status: outcome.status,
                seq: entry.seq,
            },
        );
        self.memory
            .settle(tenant, text(body, "agent"), id.as_u128(), &outcome, at);
        self.memory.taint(tenant, text(body, "session"), &taint);
        Some(())
    }

    fn approved(&self, tenant: &str, body: &Value) -> Option<()> {
        let at = record_time(body)?;
        if ApprovalState::from_name(text(body, "state")).is_some_and(ApprovalState::is_approved) {
            self.memory.approved(tenant, text(body, "agent"), at);
        }
        Some(())
    }

    /// The parts of a snapshot, one after the other, so that never more than one is in memory
    /// twice.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Vec<u8>> {
        self.memory
            .parts()
            .chain(std::iter::once_with(|| self.runs.to_bytes()))
            .chain(std::iter::once_with(|| self.open.to_bytes()))
            .chain(std::iter::once_with(|| self.answers.to_bytes()))
            .chain(std::iter::once_with(|| self.settled.to_bytes()))
    }

    /// Reads the parts of a snapshot; `None` when they are not what [`Self::parts`] gives.
    pub(crate) fn from_parts(parts: &mut dyn Iterator<Item = &[u8]>, at: Folding) -> Option<Self> {
        let memory = Memory::from_parts(parts)?;
        let (runs, open) = (parts.next()?, parts.next()?);
        let (answers, settled) = (parts.next()?, parts.next()?);
        parts.next().is_none().then_some(())?;
        Some(Self {
            memory,
            runs: Runs::from_bytes(&mut Reader(runs))?,
            open: OpenDecisions::from_bytes(&mut Reader(open))?,
            answers: Idempotency::from_bytes(&mut Reader(answers))?,
            settled: SettledDecisions::from_bytes(&mut Reader(settled))?,
            at,
        })
    }
}

fn text<'a>(body: &'a Value, key: &str) -> &'a str {
    body.get(key).and_then(Value::as_str).unwrap_or_default()
}
