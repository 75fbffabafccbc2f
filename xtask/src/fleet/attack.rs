//! Attacks on an agent that is otherwise at its ordinary work.

use serde_json::json;

use super::agent::Agent;
use super::archetype::Schedule;
use super::calendar::{DAY, HOUR, MINUTE, weekend};
use super::maker::{Event, Load, Maker, Seat};
use super::measure::DAYS;
use super::random::Random;
use super::trace::Days;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    /// A little at a time, for days.
    SlowDrip,
    /// Much at once.
    Burst,
    /// Over resources that are not the agent's business.
    Spread,
    /// Somebody else goes on in a running session.
    StolenSession,
    /// At hours at which nobody works.
    NightWork,
    /// A right here, a right there.
    PrivilegeCreep,
    /// The same thing over and over.
    Loop,
    /// Money.
    SpendBurst,
}

impl Family {
    pub(crate) const ALL: [Self; 8] = [
        Self::SlowDrip,
        Self::Burst,
        Self::Spread,
        Self::StolenSession,
        Self::NightWork,
        Self::PrivilegeCreep,
        Self::Loop,
        Self::SpendBurst,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::SlowDrip => "slow drip",
            Self::Burst => "burst exfiltration",
            Self::Spread => "horizontal spread",
            Self::StolenSession => "stolen session",
            Self::NightWork => "night work",
            Self::PrivilegeCreep => "privilege creep",
            Self::Loop => "resource exhaustion, loop",
            Self::SpendBurst => "spend burst",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strength {
    Weak,
    Medium,
    Strong,
}

impl Strength {
    pub(crate) const ALL: [Self; 3] = [Self::Weak, Self::Medium, Self::Strong];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Weak => "weak",
            Self::Medium => "medium",
            Self::Strong => "strong",
        }
    }

    const fn of<T: Copy>(self, [weak, medium, strong]: [T; 3]) -> T {
        match self {
            Self::Weak => weak,
            Self::Medium => medium,
            Self::Strong => strong,
        }
    }
}

/// The day of a trace before which no attack begins: three weeks of learning.
pub(crate) const FIRST_DAY: i64 = 21;

/// The attack of this kind on an agent; `None` when it makes no sense: there is no night for one
/// that works around the clock, and no session to steal of a service.
pub(crate) fn attack(
    agent: &Agent,
    days: &Days,
    family: Family,
    strength: Strength,
    seed: u64,
) -> Option<Vec<Event>> {
    let number = (family as u64) * 8 + strength as u64;
    let mut random = Random::new(agent.seed ^ seed, "attack", number);
    let mut day = FIRST_DAY + random.between(0, 2);
    // Whoever attacks an office does so while it is open, but at night.
    while days.of(day).len() < 4 && day < FIRST_DAY + 9 {
        day += 1;
    }
    let mut events = match family {
        Family::SlowDrip => slow_drip(agent, days, strength, random, day),
        Family::Burst => burst(agent, days, strength, random, day),
        Family::Spread => spread(agent, days, strength, random, day),
        Family::StolenSession => stolen_session(agent, days, strength, random, day)?,
        Family::NightWork => night_work(agent, strength, random, day)?,
        Family::PrivilegeCreep => privilege_creep(agent, days, strength, random, day),
        Family::Loop => endless(agent, days, strength, random, day),
        Family::SpendBurst => spend_burst(agent, days, strength, random, day),
    };
    events.sort_by_key(|event| event.at);
    Some(events)
}

/// In the place of the agent's own service or of one of its people, in a session of its own.
fn intruder(agent: &Agent, random: Random, day: i64, at: i64) -> Maker<'_> {
    let person = !agent.users.is_empty();
    let only = |text: String| if person { text } else { String::new() };
    let seat = Seat {
        session: only(format!("{}-{day}-0x{:x}", agent.name, at / MINUTE)),
        user: agent.users.first().cloned().unwrap_or_default(),
        ip: only(format!("10.20.{}.10", agent.seed % 200)),
        network: if person { "corporate" } else { "internal" }.into(),
        region: agent.zone.region.into(),
        client: if person {
            "desk/5.4 (Linux)"
        } else {
            "service/2.1"
        }
        .into(),
    };
    let mut maker = Maker::new(agent, random, day, at, seat);
    maker.attack = true;
    maker.failing = 0.0;
    maker
}

/// Moments within the agent's own work of a day.
fn moments(days: &Days, day: i64, n: usize, random: &mut Random) -> Vec<i64> {
    let events = days.of(day);
    if events.is_empty() {
        return Vec::new();
    }
    let mut times: Vec<i64> = (0..n)
        .map(|_| random.pick(events).at + random.between(MINUTE / 60, MINUTE))
        .collect();
    times.sort_unstable();
    times
}

fn open_moment(agent: &Agent, days: &Days, day: i64, random: &mut Random) -> i64 {
    moments(days, day, 1, random)
        .first()
        .copied()
        .unwrap_or(agent.zone.at(agent.first_day + day, 11))
}

/// A table or a directory of somebody else's business.
fn foreign_read(m: &mut Maker<'_>, sensitive: bool) {
    let n = m.number(400);
    match m.number(3) {
        0 => {
            let table = if sensitive { "employees" } else { "misc" };
            m.query(&format!("postgres://area{n}"), table, "*", 20);
        }
        1 => m.read(&format!("/srv/other{n}/notes/list{n}.csv"), 30_000),
        _ => m.get(&format!("http://svc{n}.internal/api/items")),
    }
}

/// The way out: mostly a host that the agent never dealt with, else a mailbox, else a vendor that
/// it knows.
fn send(m: &mut Maker<'_>, way: u64, bytes: i64) {
    let vendor = m.agent.archetype.vendor;
    match way {
        0 | 1 => m.post("https://drop.files-share.example.org/up", bytes),
        2 => m.mail("backup.box77@tutamail.example.org", bytes),
        _ if vendor.is_empty() => m.post("https://paste.example.org/new", bytes),
        _ => m.post(&format!("https://{vendor}/v1/uploads"), bytes),
    }
}

fn slow_drip(
    agent: &Agent,
    days: &Days,
    strength: Strength,
    mut random: Random,
    first: i64,
) -> Vec<Event> {
    let (length, a_day, bytes) =
        strength.of([(4, 30, 3_000.0), (3, 60, 8_000.0), (2, 120, 32_000.0)]);
    let way = random.below(4);
    let mut events = Vec::new();
    for day in (first..DAYS)
        .filter(|d| !days.of(*d).is_empty())
        .take(length)
    {
        for at in moments(days, day, a_day, &mut random) {
            let mut m = intruder(agent, Random::new(random.next(), "drip", 0), day, at);
            if m.chance(0.3) {
                let table = if m.chance(0.5) {
                    "customers"
                } else {
                    "employees"
                };
                m.query(agent.archetype.database, table, "*", 10);
            }
            let size = m.random.log_normal(bytes, 0.3) as i64;
            send(&mut m, way, size);
            events.append(&mut m.events);
        }
    }
    events
}

fn burst(
    agent: &Agent,
    days: &Days,
    strength: Strength,
    mut random: Random,
    day: i64,
) -> Vec<Event> {
    let (rows, posts, bytes) = strength.of([
        (500, 3, 100_000),
        (5_000, 10, 500_000),
        (50_000, 30, 1_000_000),
    ]);
    let (way, at) = (random.below(4), open_moment(agent, days, day, &mut random));
    let mut m = intruder(agent, random, day, at);
    m.query(agent.archetype.database, "customers", "*", rows);
    for _ in 0..posts {
        send(&mut m, way, bytes);
    }
    m.events
}

fn spread(
    agent: &Agent,
    days: &Days,
    strength: Strength,
    mut random: Random,
    day: i64,
) -> Vec<Event> {
    let (reads, pace_s) = strength.of([(20, 300.0), (60, 40.0), (300, 4.0)]);
    let at = open_moment(agent, days, day, &mut random);
    let mut m = intruder(agent, random, day, at);
    m.pace_s = pace_s;
    for _ in 0..reads {
        foreign_read(&mut m, strength != Strength::Weak);
    }
    m.events
}

fn stolen_session(
    agent: &Agent,
    days: &Days,
    strength: Strength,
    mut random: Random,
    day: i64,
) -> Option<Vec<Event>> {
    if agent.users.is_empty() || days.of(day).is_empty() {
        return None;
    }
    let victim = random.pick(days.of(day));
    let action = &victim.action;
    let mut seat = Seat {
        session: action.session_id.clone(),
        user: action.user.id.clone(),
        ip: format!("185.220.{}.{}", random.below(250), random.below(250)),
        network: action.environment.network.clone(),
        region: action.environment.region.clone(),
        client: "curl/8.9".into(),
    };
    if strength >= Strength::Medium {
        seat.region = "sa-east-1".into();
        seat.network = "internet".into();
    }
    if strength == Strength::Strong {
        seat.user = "u-unknown".into();
    }
    let at = victim.at + random.between(MINUTE, 20 * MINUTE);
    let mut m = Maker::new(agent, random, day, at, seat);
    m.attack = true;
    m.failing = 0.0;
    m.pace_s = 25.0;
    match strength {
        Strength::Weak => {
            for _ in 0..3 {
                m.query(agent.archetype.database, "customers", "name, email", 3);
                foreign_read(&mut m, false);
            }
        }
        Strength::Medium | Strength::Strong => {
            for _ in 0..strength.of([0, 6, 10]) {
                foreign_read(&mut m, true);
                m.update(agent.archetype.database, "accounts", "email = 'new'");
            }
        }
    }
    Some(m.events)
}

fn night_work(agent: &Agent, strength: Strength, random: Random, day: i64) -> Option<Vec<Event>> {
    let (Schedule::Office(..) | Schedule::Shop(..)) = agent.archetype.schedule else {
        return None;
    };
    let absolute = agent.first_day + day;
    let at = agent.zone.at(absolute, 1) + i64::from(weekend(absolute)) * DAY;
    let mut m = intruder(agent, random, day, at);
    let tasks = strength.of([1, 4, 14]);
    for _ in 0..tasks {
        let later = m.random.between(5 * MINUTE, 2 * HOUR / tasks + 6 * MINUTE);
        m.now += later;
        // Its ordinary work, by another hand.
        (agent.archetype.task)(&mut m);
        if strength == Strength::Strong {
            m.query(agent.archetype.database, "employees", "*", 50);
        }
    }
    Some(m.events)
}

fn privilege_creep(
    agent: &Agent,
    days: &Days,
    strength: Strength,
    mut random: Random,
    first: i64,
) -> Vec<Event> {
    let (length, a_day) = strength.of([(5, 2), (3, 4), (1, 12)]);
    let ladder = [
        "viewer", "reader", "support", "writer", "editor", "manager", "admin",
    ];
    let (mut rung, mut events) = (0, Vec::new());
    let all = length * a_day;
    for day in (first..DAYS)
        .filter(|d| !days.of(*d).is_empty())
        .take(length)
    {
        for at in moments(days, day, a_day, &mut random) {
            let mut m = intruder(agent, Random::new(random.next(), "creep", 0), day, at);
            // The weak one never asks for the highest.
            let top = strength.of([3, 5, 6]);
            let role = ladder[(rung * (top + 1) / all).min(top)];
            match m.number(4) {
                0 => m.get("http://access.internal/api/roles"),
                1 => m.query("postgres://access", "grants", "subject, role", 5),
                2 => m.call(
                    "permission_change",
                    "access.grant",
                    "http://access.internal/grants",
                    json!({"user": "svc-reports", "role": role}),
                    Load::default(),
                ),
                _ => m.call(
                    "api_call",
                    "tokens.create",
                    "http://access.internal/tokens",
                    json!({"scope": role, "days": 90}),
                    Load::default(),
                ),
            }
            rung += 1;
            events.append(&mut m.events);
        }
    }
    events
}

fn endless(
    agent: &Agent,
    days: &Days,
    strength: Strength,
    mut random: Random,
    day: i64,
) -> Vec<Event> {
    let (calls, pace_s) = strength.of([(80, 15.0), (200, 3.0), (1_500, 0.1)]);
    let at = open_moment(agent, days, day, &mut random);
    let mut m = intruder(agent, random, day, at);
    m.pace_s = pace_s;
    let (same, job) = (m.chance(0.5), m.number(1_000_000));
    for attempt in 0..calls {
        let n = if same { 0 } else { attempt };
        match job % 3 {
            0 => m.call("api_call", "job.retry", "http://jobs.internal/api/retry", json!({"id": job, "attempt": n}), Load::default()),
            1 => m.query(agent.archetype.database, "orders", "id, total", 2),
            _ => m.call("api_call", "search.run", "http://search.internal/api/search", json!({"q": format!("order {}", if same { job } else { job + attempt }), "page": n}), Load::default()),
        }
    }
    m.events
}

fn spend_burst(
    agent: &Agent,
    days: &Days,
    strength: Strength,
    mut random: Random,
    day: i64,
) -> Vec<Event> {
    let (calls, micro_usd, pace_s) = strength.of([
        (40, 250_000, 90.0),
        (60, 1_000_000, 45.0),
        (100, 5_000_000, 20.0),
    ]);
    let at = open_moment(agent, days, day, &mut random);
    let mut m = intruder(agent, random, day, at);
    m.pace_s = pace_s;
    for n in 0..calls {
        let prompt = m.text(700);
        m.call(
            "llm_call",
            "llm.chat",
            "models/large",
            json!({"prompt": prompt, "max_tokens": 16_000, "part": n}),
            Load {
                micro_usd,
                ..Load::default()
            },
        );
    }
    m.events
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::archetype::ARCHETYPES;

    #[test]
    fn attacks_are_labelled_and_come_again() {
        for archetype in &ARCHETYPES {
            let agent = Agent::new(archetype, 3, 0);
            let days = Days::new(&agent, DAYS);
            for family in Family::ALL {
                let mut sizes = Vec::new();
                for strength in Strength::ALL {
                    let (Some(first), Some(again)) = (
                        attack(&agent, &days, family, strength, 1),
                        attack(&agent, &days, family, strength, 1),
                    ) else {
                        continue;
                    };
                    assert!(
                        first.iter().all(|e| e.attack),
                        "{} {}",
                        archetype.name,
                        family.name()
                    );
                    assert!(
                        first
                            .iter()
                            .zip(&again)
                            .all(|(a, b)| a.at == b.at && a.action == b.action)
                    );
                    assert!(first.is_sorted_by_key(|e| e.at) && !first.is_empty());
                    sizes.push(first.len());
                }
                let applies = match family {
                    Family::NightWork => matches!(
                        archetype.schedule,
                        Schedule::Office(..) | Schedule::Shop(..)
                    ),
                    Family::StolenSession => archetype.users > 0,
                    _ => true,
                };
                assert_eq!(sizes.len(), if applies { 3 } else { 0 });
            }
        }
    }
}
