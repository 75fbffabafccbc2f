//! Plays a fleet and counts: attacks noticed and how late, false alarms by phase.

use std::collections::{BTreeMap, BTreeSet};

use interlock_core::model::Effect;
use interlock_core::program::Program;

use super::agent::{Agent, Change, DEPLOYMENT_DAY};
use super::archetype::ARCHETYPES;
use super::attack::{FIRST_DAY, Family, Strength, attack};
use super::calendar::{DAY, HOUR, MINUTE};
use super::calibrate::Scored;
use super::maker::Event;
use super::play::{Played, Player};
use super::trace::Days;

/// Days of a trace without an attack.
pub(crate) const DAYS: i64 = 35;
/// Days in which an agent counts as new.
const COLD_DAYS: i64 = 7;
/// Days after a deployment that count as such.
const DEPLOYED_DAYS: i64 = 7;

/// The part of an agent's life that an ordinary day belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// The first week.
    Cold,
    /// Nothing but the calendar changes.
    Steady,
    /// The week after a deployment.
    Deployed,
    /// Everything grows.
    Drift,
}

impl Phase {
    pub(crate) const ALL: [Self; 4] = [Self::Cold, Self::Steady, Self::Deployed, Self::Drift];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold start (the first week)",
            Self::Steady => "settled",
            Self::Deployed => "the week after a deployment",
            Self::Drift => "growing by 2.3 % a day",
        }
    }

    fn of(agent: &Agent, day: i64) -> Self {
        match agent.change {
            _ if day < COLD_DAYS => Self::Cold,
            Change::Deployment(from) if (from..from + DEPLOYED_DAYS).contains(&day) => {
                Self::Deployed
            }
            Change::Drift => Self::Drift,
            _ => Self::Steady,
        }
    }
}

/// False alarms of one phase.
#[derive(Debug, Clone, Default)]
pub(crate) struct Quiet {
    pub(crate) agent_days: u64,
    pub(crate) actions: u64,
    /// Findings of one vector less than an hour apart are one alarm.
    pub(crate) alarms: u64,
    /// Actions with a finding.
    pub(crate) alarmed: u64,
    /// Actions that were stopped or had to wait.
    pub(crate) held: u64,
    pub(crate) codes: BTreeMap<&'static str, u64>,
    pub(crate) archetypes: BTreeMap<&'static str, (u64, u64)>,
}

impl Quiet {
    pub(crate) fn per_day(&self) -> f64 {
        self.alarms as f64 / self.agent_days.max(1) as f64
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.agent_days += other.agent_days;
        self.actions += other.actions;
        self.alarms += other.alarms;
        self.alarmed += other.alarmed;
        self.held += other.held;
        for (code, n) in &other.codes {
            *self.codes.entry(code).or_default() += n;
        }
        for (name, (alarms, days)) in &other.archetypes {
            let entry = self.archetypes.entry(name).or_default();
            entry.0 += alarms;
            entry.1 += days;
        }
    }
}

/// One attack, played.
#[derive(Debug, Clone)]
pub(crate) struct Attacked {
    pub(crate) archetype: &'static str,
    pub(crate) family: Family,
    pub(crate) strength: Strength,
    /// Actions of the attack up to and with the first that raised an alarm, and the minutes since
    /// its first action.
    pub(crate) noticed: Option<(u64, i64)>,
    /// Whether one of its actions was stopped, isolated or had to wait.
    pub(crate) held: bool,
    /// Alarms on the attack's actions, and on ordinary ones in its time.
    pub(crate) alarms: (u64, u64),
    pub(crate) codes: BTreeSet<&'static str>,
}

/// What one pass over a fleet gave.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    pub(crate) agents: u64,
    pub(crate) quiet: BTreeMap<Phase, Quiet>,
    pub(crate) attacks: Vec<Attacked>,
    /// Ordinary actions after the first week, and all actions of attacks.
    pub(crate) scored: Vec<Scored>,
}

impl Fleet {
    pub(crate) fn add(&mut self, other: Self) {
        self.agents += other.agents;
        for (phase, quiet) in &other.quiet {
            self.quiet.entry(*phase).or_default().add(quiet);
        }
        self.attacks.extend(other.attacks);
        self.scored.extend(other.scored);
    }
}

/// Merges findings of one vector that are less than an hour apart.
#[derive(Debug, Default)]
struct Alarms(BTreeMap<&'static str, i64>);

impl Alarms {
    /// How many new alarms an action raises.
    fn raise(&mut self, played: &Played) -> u64 {
        let vectors: BTreeSet<&'static str> = played
            .codes
            .iter()
            .map(|code| code.split('.').next().unwrap_or(code))
            .collect();
        let mut new = 0;
        for vector in vectors {
            let last = self.0.insert(vector, played.at);
            new += u64::from(last.is_none_or(|last| played.at - last >= HOUR));
        }
        new
    }
}

/// Plays the fleet of a seed: `per_kind` agents of every kind, or of every `step`-th.
pub(crate) fn fleet(program: &Program, seed: u64, per_kind: u64, step: usize) -> Fleet {
    let mut out = Fleet::default();
    for archetype in ARCHETYPES.iter().step_by(step.max(1)) {
        for n in 0..per_kind {
            let agent = Agent::new(archetype, seed, n);
            out.agents += 1;
            life(program, &agent, seed, &mut out);
        }
    }
    out
}

fn life(program: &Program, agent: &Agent, seed: u64, out: &mut Fleet) {
    let days = Days::new(agent, DAYS);
    let mut player = Player::new(program, &agent.name);
    let mut learned = None;
    let mut alarms = Alarms::default();
    for day in 0..DAYS {
        if day == FIRST_DAY {
            learned = Some(player.clone());
        }
        let quiet = out.quiet.entry(Phase::of(agent, day)).or_default();
        quiet.agent_days += 1;
        let by_kind = quiet.archetypes.entry(agent.archetype.name).or_default();
        by_kind.1 += 1;
        for event in days.of(day) {
            let played = player.play(event);
            let new = alarms.raise(&played);
            quiet.actions += 1;
            quiet.alarms += new;
            by_kind.0 += new;
            quiet.alarmed += u64::from(!played.codes.is_empty());
            quiet.held += u64::from(played.effect >= Effect::Sandbox);
            for code in &played.codes {
                *quiet.codes.entry(code).or_default() += 1;
            }
            if day >= COLD_DAYS {
                out.scored.push(played.scored(None));
            }
        }
    }
    let Some(learned) = learned else { return };
    for family in Family::ALL {
        for strength in Strength::ALL {
            if let Some(events) = attack(agent, &days, family, strength, seed) {
                attacked(&learned, (agent, &days), (family, strength), events, out);
            }
        }
    }
}

fn attacked(
    learned: &Player<'_>,
    (agent, days): (&Agent, &Days),
    (family, strength): (Family, Strength),
    events: Vec<Event>,
    out: &mut Fleet,
) {
    let (Some(first), Some(last)) = (events.first().map(|e| e.at), events.last().map(|e| e.at))
    else {
        return;
    };
    let mut all = events;
    let begin = agent.zone.at(agent.first_day, 0);
    for day in FIRST_DAY..=(last - begin) / DAY + 1 {
        all.extend(days.of(day).iter().filter(|e| e.at <= last).cloned());
    }
    all.sort_by_key(|event| event.at);
    let mut player = learned.clone();
    let mut result = Attacked {
        archetype: agent.archetype.name,
        family,
        strength,
        noticed: None,
        held: false,
        alarms: (0, 0),
        codes: BTreeSet::new(),
    };
    let (mut of_attack, mut of_others) = (Alarms::default(), Alarms::default());
    let mut actions = 0;
    for event in &all {
        let played = player.play(event);
        if !event.attack {
            let new = of_others.raise(&played);
            if event.at >= first {
                result.alarms.1 += new;
            }
            continue;
        }
        actions += 1;
        result.alarms.0 += of_attack.raise(&played);
        result.held |= played.effect >= Effect::Sandbox;
        result.codes.extend(&played.codes);
        if !played.codes.is_empty() && result.noticed.is_none() {
            result.noticed = Some((actions, (event.at - first) / MINUTE));
        }
        out.scored.push(played.scored(Some(family)));
    }
    out.attacks.push(result);
}

/// Deployments fall into the part of a trace that is measured.
const _: () = assert!(DEPLOYMENT_DAY > COLD_DAYS && DEPLOYMENT_DAY + 3 + DEPLOYED_DAYS < DAYS);
