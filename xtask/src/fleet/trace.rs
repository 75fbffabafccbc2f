//! The ordinary days of an agent: hours, weekends, bursts, outages, journeys, month ends, seasons.

use super::agent::{Agent, Change};
use super::archetype::Schedule;
use super::calendar::{HOUR, MINUTE, from_month_end, season, weekday, weekend};
use super::maker::{Event, Maker, Seat};
use super::random::Random;

/// Days on which a whole office is away.
const AWAY: f64 = 0.02;
/// Days on which somebody works late.
const LATE: f64 = 0.04;
/// Sessions in which a person changes place or network half-way.
const JOURNEYS: f64 = 0.02;
/// Days with an outage, in which most calls fail for a while.
const OUTAGES: f64 = 0.015;

/// How much of a day's work falls into each hour.
fn hours(schedule: Schedule, day: i64, random: &mut Random) -> [u32; 24] {
    let mut weights = [0u32; 24];
    let (from, to, edge) = match schedule {
        Schedule::Office(from, to) | Schedule::Shop(from, to) => (from, to, true),
        Schedule::Always => {
            weights = [12; 24];
            (8, 20, false)
        }
        Schedule::Batch(_) => return weights,
    };
    for hour in from..to {
        // Lunch is quieter.
        weights[hour as usize] += if hour == 12 { 25 } else { 40 };
    }
    if edge {
        weights[(from - 1) as usize] += 5;
        weights[to as usize] += 6;
        if random.chance(LATE) && !weekend(day) {
            for hour in to + 1..(to + 4).min(24) {
                weights[hour as usize] += 15;
            }
        }
    }
    weights
}

/// Tasks expected on a day.
fn expected(agent: &Agent, day: i64, random: &mut Random) -> f64 {
    let kind = agent.archetype;
    let absolute = agent.first_day + day;
    let mut tasks = kind.tasks * agent.busy * season(absolute) * random.log_normal(1.0, 0.25);
    match kind.schedule {
        Schedule::Office(..) if weekend(absolute) => {
            // Somebody who cannot let go.
            tasks *= if random.chance(0.04) { 0.15 } else { 0.0 };
        }
        Schedule::Shop(..) | Schedule::Always if weekend(absolute) => tasks *= 0.4,
        Schedule::Office(..) if random.chance(AWAY) => tasks = 0.0,
        _ => {}
    }
    if weekday(absolute) == 0 {
        tasks *= 1.2;
    }
    match from_month_end(absolute) {
        0 => tasks *= kind.month_end,
        1 => tasks *= kind.month_end.midpoint(1.0),
        _ => {}
    }
    match agent.change {
        Change::Drift => tasks * agent.growth(day).min(2.0),
        Change::Deployment(from) if day >= from => tasks * 1.5,
        _ => tasks,
    }
}

fn seat(agent: &Agent, day: i64, task: u64, random: &mut Random) -> Seat {
    if agent.users.is_empty() {
        return Seat {
            session: String::new(),
            user: String::new(),
            ip: String::new(),
            network: "internal".into(),
            region: agent.zone.region.into(),
            client: "service/2.1".into(),
        };
    }
    let u = random.below(agent.users.len() as u64) as usize;
    let at_home = random.chance(0.25);
    Seat {
        session: format!("{}-{day}-{task}", agent.name),
        user: agent.users[u].clone(),
        ip: if at_home {
            format!("84.17.{}.{}", u, 20 + u)
        } else {
            format!("10.20.{}.{}", agent.seed % 200, 10 + u)
        },
        network: if at_home { "vpn" } else { "corporate" }.into(),
        region: agent.zone.region.into(),
        client: "desk/5.4 (Linux)".into(),
    }
}

/// The ordinary days of one agent, made once.
#[derive(Debug)]
pub(crate) struct Days(Vec<Vec<Event>>);

impl Days {
    pub(crate) fn new(agent: &Agent, days: i64) -> Self {
        Self((0..days).map(|day| ordinary_day(agent, day)).collect())
    }

    /// The actions of a day, in the order of their time; none beyond the last.
    pub(crate) fn of(&self, day: i64) -> &[Event] {
        usize::try_from(day)
            .ok()
            .and_then(|day| self.0.get(day))
            .map_or(&[], Vec::as_slice)
    }
}

/// The actions of one ordinary day, in the order of their time.
fn ordinary_day(agent: &Agent, day: i64) -> Vec<Event> {
    let mut random = Random::new(agent.seed, "day", day.unsigned_abs());
    let absolute = agent.first_day + day;
    let zone = agent.zone;
    let mean = expected(agent, day, &mut random);
    let weights = hours(agent.archetype.schedule, absolute, &mut random);
    let tasks = random.poisson(mean);
    let outage = random
        .chance(OUTAGES)
        .then(|| zone.at(absolute, 9) + random.between(0, 9 * HOUR));
    let burst = random
        .chance(agent.archetype.bursts)
        .then(|| zone.at(absolute, 10) + random.between(0, 6 * HOUR));
    let mut starts: Vec<i64> = Vec::new();
    for _ in 0..tasks {
        starts.push(match agent.archetype.schedule {
            Schedule::Batch(hour) => zone.at(absolute, hour) + random.between(0, 100 * MINUTE),
            _ => zone.at(absolute, random.weighted(&weights) as i64) + random.between(0, HOUR),
        });
    }
    if let Some(at) = burst
        && tasks > 0
    {
        let more = random.poisson((mean / 8.0 * 4.0).max(2.0));
        starts.extend((0..more).map(|_| at + random.between(0, 90 * MINUTE)));
    }
    starts.sort_unstable();
    let mut events = Vec::new();
    for (task, start) in starts.into_iter().enumerate() {
        let seat = seat(agent, day, task as u64, &mut random);
        let mut maker = Maker::new(
            agent,
            Random::new(random.next(), "task", 0),
            day,
            start,
            seat,
        );
        if outage.is_some_and(|at| (at..at + 25 * MINUTE).contains(&start)) {
            maker.failing = 0.6;
        }
        (agent.archetype.task)(&mut maker);
        if agent.deployed(day) && maker.chance(0.3) {
            let bytes = maker.size(2_000.0);
            maker.post("https://api.newvendor.example.net/v1/events", bytes);
        }
        let mut made = maker.events;
        if !agent.users.is_empty() && random.chance(JOURNEYS) {
            let (from, to) = (made.len() / 2, random.between(1, 250));
            for event in made.iter_mut().skip(from) {
                event.action.user.ip = format!("93.184.{to}.7");
                event.action.environment.network = "vpn".into();
            }
        }
        events.append(&mut made);
    }
    events.sort_by_key(|event| event.at);
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::archetype::ARCHETYPES;

    #[test]
    fn a_day_comes_again_and_weekends_are_quiet() {
        let agent = Agent::new(&ARCHETYPES[1], 5, 0);
        let (first, again) = (ordinary_day(&agent, 2), ordinary_day(&agent, 2));
        assert_eq!(first.len(), again.len());
        assert!(
            first
                .iter()
                .zip(&again)
                .all(|(a, b)| a.at == b.at && a.action == b.action)
        );
        assert!(first.is_sorted_by_key(|e| e.at) && first.iter().all(|e| !e.attack));
        let count =
            |days: &[i64]| -> usize { days.iter().map(|d| ordinary_day(&agent, *d).len()).sum() };
        assert!(count(&[0, 1, 2, 3, 4]) > 20 * count(&[5, 6]).max(1));
    }

    #[test]
    fn every_kind_of_agent_works() {
        for archetype in &ARCHETYPES {
            let agent = Agent::new(archetype, 9, 0);
            let actions: usize = (0..7).map(|day| ordinary_day(&agent, day).len()).sum();
            assert!(
                (50..20_000).contains(&actions),
                "{}: {actions}",
                archetype.name
            );
        }
    }
}
