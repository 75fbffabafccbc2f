//! What is listed of the entries of a bundle: answers of people, erasures, interruptions, and sums.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};

use interlock_store::journal::{Kind, Seen};
use serde::Serialize;

use super::csv;
use super::said::{Said, time};

/// Approvals whose question is remembered until they are answered.
const ASKED_MAX: usize = 100_000;
/// Agents and people that are listed by name; further ones are summed up.
const NAMES_MAX: usize = 10_000;
/// Name of those who are summed up.
const OTHERS: &str = "(others)";
/// A clock that goes back by less is not listed: callers take their time before they wait their turn.
const CLOCK_STEP_MS: i64 = 1_000;

/// A table that grows on disk.
#[derive(Debug)]
pub(super) struct Spill(BufWriter<File>);

impl Spill {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(BufWriter::new(tempfile::tempfile()?)))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    pub(super) fn row<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
        let mut line = Vec::with_capacity(256);
        csv::row(&mut line, cells);
        self.0.write_all(&line)
    }

    /// Hands what was written to `f`, piece by piece.
    pub(super) fn pour(self, f: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut file = self
            .0
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        let mut piece = vec![0; 64 * 1024];
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(()),
                n => f(piece.get(..n).unwrap_or_default())?,
            }
        }
    }
}

/// What one agent did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AgentSum {
    /// Decisions.
    pub decisions: u64,
    /// Of them, blocked.
    pub blocked: u64,
    /// Held for a person.
    pub held: u64,
    /// Reported after they ran.
    pub reported: u64,
    /// When the last one was.
    pub last: String,
}

/// How one person answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PersonSum {
    /// Agreed.
    pub approved: u64,
    /// Refused.
    pub denied: u64,
    /// Changed the action and agreed.
    pub edited: u64,
    /// Answers whose question is in the same evidence.
    pub timed: u64,
    /// Their seconds from question to answer, summed up.
    pub seconds: u64,
    /// The quickest of them.
    pub seconds_min: u64,
    /// Answers to a question of one's own: the name is that of the agent that asked.
    pub own: u64,
}

/// What is summed up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// By agent.
    pub agents: BTreeMap<String, AgentSum>,
    /// By effect.
    pub effects: BTreeMap<String, u64>,
    /// By person.
    pub people: BTreeMap<String, PersonSum>,
    /// Approvals that ran out.
    pub expired: u64,
    /// Changes of policies: entry, time, who, what, of what.
    pub policies: Vec<PolicyChange>,
    /// Changes of policies beyond those listed.
    pub policies_more: u64,
    /// Erasures.
    pub erasures: u64,
    /// Steps back of the clock.
    pub clock_steps: u64,
}

/// A change of policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyChange {
    /// The entry.
    pub seq: u64,
    /// When.
    pub at: String,
    /// Who.
    pub by: String,
    /// What was done.
    pub what: String,
    /// To what.
    pub id: String,
    /// The revision that came of it.
    pub revision: u64,
    /// The digest of the compiled policies that then held, hex.
    pub program: String,
}

/// The tables of a bundle.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) approvals: Spill,
    pub(super) erasures: Spill,
    pub(super) gaps: Spill,
    pub(super) policies: Spill,
    pub(super) sums: Sums,
    asked: HashMap<String, (u64, i64, String)>,
    latest_ms: i64,
}

fn milliseconds(at: &str) -> i64 {
    at.parse::<jiff::Timestamp>()
        .map_or(0, jiff::Timestamp::as_millisecond)
}

/// The sums of that name, or of all others once there are too many.
fn named<'a, T: Default>(sums: &'a mut BTreeMap<String, T>, name: &str) -> &'a mut T {
    let full = sums.len() >= NAMES_MAX && !sums.contains_key(name);
    sums.entry(if full { OTHERS } else { name }.to_owned())
        .or_default()
}

impl Rows {
    pub(super) fn new() -> io::Result<Self> {
        let mut rows = Self {
            approvals: Spill::new()?,
            erasures: Spill::new()?,
            gaps: Spill::new()?,
            policies: Spill::new()?,
            sums: Sums::default(),
            asked: HashMap::new(),
            latest_ms: 0,
        };
        rows.approvals.row([
            "seq",
            "at",
            "approval",
            "agent",
            "approver",
            "verdict",
            "via",
            "state",
            "seconds_to_decide",
            "asked_seq",
            "own_request",
            "edited_hash",
            "edited_resource",
            "edit",
        ])?;
        rows.erasures.row([
            "seq",
            "at",
            "by",
            "subject",
            "subject_hash",
            "keys",
            "records",
            "basis",
        ])?;
        rows.gaps.row(["log", "seq", "at", "kind", "what"])?;
        rows.policies
            .row(["seq", "at", "by", "what", "id", "revision", "program"])?;
        Ok(rows)
    }

    /// Takes an entry of the evidence; `edit` shows how a person changed an action.
    pub(super) fn add(
        &mut self,
        entry: &Seen<'_>,
        said: &Said<'_>,
        edit: &dyn Fn(&str) -> String,
    ) -> io::Result<()> {
        let seq = entry.seq.to_string();
        self.clock(&seq, &said.ts)?;
        match entry.kind {
            Kind::Decision => self.decision(entry.seq, said),
            Kind::ApprovalVote | Kind::ApprovalFinal => self.answer(&seq, said, edit)?,
            Kind::Erasure => {
                self.sums.erasures += 1;
                self.erasures.row([
                    &*seq,
                    &said.ts,
                    &said.actor,
                    &said.subject,
                    &said.subject_hash,
                    &said.keys.0.to_string(),
                    &said.records.0.to_string(),
                    &said.basis,
                ])?;
            }
            Kind::PolicyChange => self.policy(entry.seq, said)?,
            _ => {}
        }
        Ok(())
    }

    fn clock(&mut self, seq: &str, at: &str) -> io::Result<()> {
        let now = milliseconds(at);
        let back = self.latest_ms - now;
        if back > CLOCK_STEP_MS {
            self.sums.clock_steps += 1;
            if self.sums.clock_steps <= NAMES_MAX as u64 {
                let what = format!("the clock went back by {} s", back / 1_000);
                self.gaps.row(["tenant", seq, at, "clock-step", &what])?;
            }
        }
        self.latest_ms = now;
        Ok(())
    }

    fn decision(&mut self, seq: u64, said: &Said<'_>) {
        *named(&mut self.sums.effects, &said.effect) += 1;
        let agent = named(&mut self.sums.agents, &said.agent);
        agent.decisions += 1;
        agent.blocked += u64::from(*said.effect == *"block");
        agent.held += u64::from(*said.effect == *"require_approval");
        agent.reported += u64::from(said.reported.is_some());
        agent.last = said.ts.to_string();
        if *said.effect == *"require_approval"
            && !said.approval.is_empty()
            && self.asked.len() < ASKED_MAX
        {
            let asked = (seq, milliseconds(&said.ts), said.agent.to_string());
            // The first is the question; later ones repeat it.
            self.asked.entry(said.approval.to_string()).or_insert(asked);
        }
    }

    fn answer(
        &mut self,
        seq: &str,
        said: &Said<'_>,
        edit: &dyn Fn(&str) -> String,
    ) -> io::Result<()> {
        let asked = self.asked.get(&*said.id);
        let seconds = asked.map(|(_, at, _)| (milliseconds(&said.ts) - at).max(0) / 1_000);
        let own =
            asked.is_some_and(|(.., agent)| !said.approver.is_empty() && **agent == *said.approver);
        let edited = if said.edited_hash.is_empty() {
            String::new()
        } else {
            edit(&said.id)
        };
        self.approvals.row([
            seq,
            &said.ts,
            &said.id,
            &said.agent,
            &said.approver,
            &said.verdict,
            &said.via,
            &said.state,
            &seconds.map_or_else(String::new, |s| s.to_string()),
            &asked.map_or_else(String::new, |(seq, ..)| seq.to_string()),
            if own { "yes" } else { "no" },
            &said.edited_hash,
            &said.edited_resource,
            &edited,
        ])?;
        if *said.state == *"expired" {
            self.sums.expired += 1;
        }
        if !said.approver.is_empty() {
            let person = named(&mut self.sums.people, &said.approver);
            match &*said.verdict {
                "approve" => person.approved += 1,
                "edit" => person.edited += 1,
                "deny" => person.denied += 1,
                _ => {}
            }
            person.own += u64::from(own);
            if let Some(seconds) = seconds.and_then(|s| u64::try_from(s).ok()) {
                person.seconds_min = if person.timed == 0 {
                    seconds
                } else {
                    person.seconds_min.min(seconds)
                };
                person.timed += 1;
                person.seconds += seconds;
            }
        }
        if *said.state != *"pending" {
            self.asked.remove(&*said.id);
        }
        Ok(())
    }

    fn policy(&mut self, seq: u64, said: &Said<'_>) -> io::Result<()> {
        let change = PolicyChange {
            seq,
            at: said.ts.to_string(),
            by: said.actor.to_string(),
            what: said.what.to_string(),
            id: said.id.to_string(),
            revision: said.policy_rev.0,
            program: said.program.to_string(),
        };
        self.policy_row(&change)?;
        if self.sums.policies.len() < NAMES_MAX {
            self.sums.policies.push(change);
        } else {
            self.sums.policies_more += 1;
        }
        Ok(())
    }

    /// Lists a change, also one from before the evidence, which was in force when it begins.
    pub(super) fn policy_row(&mut self, change: &PolicyChange) -> io::Result<()> {
        self.policies.row([
            &*change.seq.to_string(),
            &change.at,
            &change.by,
            &change.what,
            &change.id,
            &change.revision.to_string(),
            &change.program,
        ])
    }

    /// Takes an entry of the node's own log: starts, stops and what a start cut off.
    pub(super) fn node(&mut self, entry: &Seen<'_>, from: &str, to: &str) -> io::Result<()> {
        let inside = time(entry.body).is_some_and(|at| at >= from && at <= to);
        if !inside || !matches!(entry.kind, Kind::NodeStart | Kind::NodeStop | Kind::Gap) {
            return Ok(());
        }
        let Some(said) = Said::read(entry.body) else {
            return Ok(());
        };
        let text = |value: Option<&serde_json::value::RawValue>| {
            value.map_or("", |v| v.get()).trim_matches('"').to_owned()
        };
        let what = match entry.kind {
            Kind::NodeStart => format!(
                "start {} of the node, durability {}, version {}",
                said.epoch.0,
                said.durability,
                text(said.version)
            ),
            Kind::NodeStop => format!("stop of the node: {}", text(said.reason)),
            _ => format!(
                "a start cut off {} bytes that were not written whole",
                said.bytes.0
            ),
        };
        self.gaps
            .row(["node", &entry.seq.to_string(), &said.ts, &said.kind, &what])
    }
}
