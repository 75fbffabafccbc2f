//! What an agent uses by the hour and by the day, beside its own busiest hours and days.
//!
//! A single action of a slow theft is ordinary; the sum of a day is not. For each measure the sums
//! of past hours and days in which the agent acted make two histograms, and the running sum is
//! compared with their 97th percentile: a peaks-over-threshold rule on the agent's own history, in
//! counts that decay (the histogram) rather than by a fitted tail. Month ends and bursts belong to
//! that history. All in integers and in constant time per action.

use super::codec::codec;
use super::decay::Decayed;
use super::footprint::Footprint;
use super::histogram::LogHistogram;
use super::recent::Recent;

const HOUR_NS: i64 = 3_600_000_000_000;
const DAY_NS: i64 = 24 * HOUR_NS;

/// Hours and days that must have passed before a sum is judged.
const HOURS_MIN: u32 = 12;
const DAYS_MIN: u32 = 5;
/// The age from which on what is met for the first time is new, and not merely not seen yet.
pub(crate) const AGE_SETTLED_NS: i64 = 7 * DAY_NS;
/// How long a tool on a family of resources stays new, and a host.
const YOUNG_NS: i64 = DAY_NS;
const HOST_YOUNG_NS: i64 = 7 * DAY_NS;
/// New things remembered.
const RECENT_MAX: usize = 64;
/// Shares of an hour, per mille, up to which hardly anybody worked then; alike, each had 41.
const HOUR_EMPTY: i64 = 5;
/// Half-life of the count of actions at odd hours.
const ODD_HALF_LIFE_NS: i64 = 3 * HOUR_NS;

/// Actions, bytes out, records read, cost, actions on what the agent met within the last day, bytes
/// to hosts that it met within the last week.
const MEASURES: usize = 6;
const NEW_HOST_BYTES: usize = 5;
/// The first of those that count before an agent has settled.
const MEASURES_AT_ONCE: usize = 4;

/// The least that an hour and a day are measured against, whatever the history; cost is in
/// billionths of a US dollar.
const LEAST: [(i64, i64); MEASURES] = [
    (30, 100),
    (64 * 1024, 64 * 1024),
    (200, 500),
    (1_000_000_000, 3_000_000_000),
    (4, 6),
    (32 * 1024, 24 * 1024),
];

/// Running sums and their history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    /// The hour and the day that the sums are of, counted from 1970.
    hour: i64,
    day: i64,
    hour_sums: [i64; MEASURES],
    day_sums: [i64; MEASURES],
    /// One histogram per measure; empty until the first hour or day has passed.
    hours: Vec<LogHistogram>,
    days: Vec<LogHistogram>,
    odd: Decayed,
    /// Tools on families of resources, and hosts, met since the agent settled.
    pairs: Recent,
    hosts: Recent,
}
codec!(Usage {
    hour,
    day,
    hour_sums,
    day_sums,
    hours,
    days,
    odd,
    pairs,
    hosts
});

/// What the baseline knows of an action, as far as its usage matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Familiarity {
    /// Tool, family and host are all known, or it is a tool that goes to new ones every day.
    pub(crate) known: bool,
    pub(crate) host_known: bool,
    pub(crate) hour_share: i64,
    /// The agent is older than [`AGE_SETTLED_NS`].
    pub(crate) settled: bool,
}
codec!(Familiarity {
    known,
    host_known,
    hour_share,
    settled
});

/// A tool on a family of resources.
pub(crate) fn pair(footprint: &Footprint) -> u64 {
    footprint.tool_hash ^ footprint.family_hash.rotate_left(32)
}

impl Usage {
    /// Whether tool, family or host were met for the first time, or within the last day.
    pub(crate) fn new_target(
        &self,
        footprint: &Footprint,
        familiar: Familiarity,
        now: i64,
    ) -> bool {
        let young = |at: i64| now.saturating_sub(at) < YOUNG_NS;
        familiar.settled
            && (!familiar.known || self.pairs.first(pair(footprint)).is_some_and(young))
    }

    fn amounts(&self, footprint: &Footprint, familiar: Familiarity, now: i64) -> [i64; MEASURES] {
        let young = |at: i64| now.saturating_sub(at) < HOST_YOUNG_NS;
        let host = footprint.host_hash;
        let new_host = familiar.settled
            && host != 0
            && (!familiar.host_known || self.hosts.first(host).is_some_and(young));
        let bytes = footprint.bytes_out.max(0);
        [
            1,
            bytes,
            footprint.records_read(),
            footprint.cost_nano_usd.max(0),
            i64::from(self.new_target(footprint, familiar, now)),
            if new_host { bytes } else { 0 },
        ]
    }

    fn odd_hour(&self, familiar: Familiarity) -> bool {
        let days = self.days.first().map_or(0, LogHistogram::samples);
        days >= DAYS_MIN && familiar.hour_share <= HOUR_EMPTY
    }

    /// Each measure with this action, as times the agent's own busiest hour or day × 100, whichever
    /// is more; 0 while too little is known.
    pub(crate) fn excess(
        &self,
        footprint: &Footprint,
        familiar: Familiarity,
        now: i64,
    ) -> [i64; MEASURES] {
        let mut out = self.amounts(footprint, familiar, now);
        let this_hour = now.div_euclid(HOUR_NS) == self.hour;
        let this_day = now.div_euclid(DAY_NS) == self.day;
        let sums = self.hour_sums.iter().zip(&self.day_sums);
        let histories = self.hours.iter().zip(&self.days);
        if self.hours.len() != MEASURES || self.days.len() != MEASURES {
            return [0; MEASURES];
        }
        for (at, (((amount, (hour, day)), (hours, days)), least)) in out
            .iter_mut()
            .zip(sums)
            .zip(histories)
            .zip(LEAST)
            .enumerate()
        {
            // What goes to new hosts says nothing of an action that goes elsewhere.
            if at == NEW_HOST_BYTES && *amount == 0 {
                continue;
            }
            let with =
                |sum: i64, running: bool| amount.saturating_add(if running { sum } else { 0 });
            let mut excess = 0;
            if hours.samples() >= HOURS_MIN {
                excess = hours.times_high(with(*hour, this_hour), least.0);
            }
            if days.samples() >= DAYS_MIN {
                excess = excess.max(days.times_high(with(*day, this_day), least.1));
            }
            *amount = excess;
        }
        out
    }

    /// Actions at hours at which this agent never works, × 100, this one included; 0 when this one
    /// is at an hour of its own.
    pub(crate) fn off_hours(&self, familiar: Familiarity, now: i64) -> i64 {
        if !self.odd_hour(familiar) {
            return 0;
        }
        self.odd
            .value_x100(now, ODD_HALF_LIFE_NS)
            .saturating_add(100)
    }

    /// Takes an action in that ran.
    pub(crate) fn add(
        &mut self,
        footprint: &Footprint,
        familiar: Familiarity,
        now: i64,
        weight: u64,
    ) {
        let amounts = self.amounts(footprint, familiar, now);
        let odd = self.odd_hour(familiar);
        self.advance(now, familiar.settled, weight);
        for (sum, amount) in self.hour_sums.iter_mut().zip(amounts) {
            *sum = sum.saturating_add(amount);
        }
        for (sum, amount) in self.day_sums.iter_mut().zip(amounts) {
            *sum = sum.saturating_add(amount);
        }
        if odd {
            self.odd.add(now, ODD_HALF_LIFE_NS);
        }
        if familiar.settled && !familiar.known {
            self.pairs.meet(pair(footprint), now, RECENT_MAX);
        }
        if familiar.settled && !familiar.host_known && footprint.host_hash != 0 {
            self.hosts.meet(footprint.host_hash, now, RECENT_MAX);
        }
    }

    /// Puts sums whose time is over into their history.
    fn advance(&mut self, now: i64, settled: bool, weight: u64) {
        let (hour, day) = (now.div_euclid(HOUR_NS), now.div_euclid(DAY_NS));
        // Before an agent has settled nothing counts as new: those sums would teach that it never
        // meets anything.
        let counted = if settled { MEASURES } else { MEASURES_AT_ONCE };
        for (from, to, sums, history) in [
            (&mut self.hour, hour, &mut self.hour_sums, &mut self.hours),
            (&mut self.day, day, &mut self.day_sums, &mut self.days),
        ] {
            if to <= *from {
                continue;
            }
            *from = to;
            let acted = sums.first().is_some_and(|actions| *actions > 0);
            history.resize_with(MEASURES, LogHistogram::default);
            if acted {
                for (histogram, sum) in history.iter_mut().zip(sums.iter()).take(counted) {
                    histogram.add(*sum, weight);
                }
            }
            *sums = [0; MEASURES];
        }
    }

    /// Halves the history so many times.
    pub(crate) fn halve(&mut self, times: u32) {
        for histogram in self.hours.iter_mut().chain(&mut self.days) {
            histogram.halve(times);
        }
    }

    /// Adds another node's view; in either order the result is the same.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs, sums, more) in [
            (
                &mut self.hour,
                other.hour,
                &mut self.hour_sums,
                &other.hour_sums,
            ),
            (
                &mut self.day,
                other.day,
                &mut self.day_sums,
                &other.day_sums,
            ),
        ] {
            if theirs > *mine {
                *mine = theirs;
                *sums = *more;
            } else if theirs == *mine {
                for (sum, more) in sums.iter_mut().zip(more) {
                    *sum = sum.saturating_add(*more);
                }
            }
        }
        for (mine, theirs) in [
            (&mut self.hours, &other.hours),
            (&mut self.days, &other.days),
        ] {
            if mine.is_empty() {
                mine.clone_from(theirs);
                continue;
            }
            for (histogram, more) in mine.iter_mut().zip(theirs) {
                histogram.merge(more);
            }
        }
        self.odd.merge(&other.odd);
        self.pairs.merge(&other.pairs, RECENT_MAX);
        self.hosts.merge(&other.hosts, RECENT_MAX);
    }
}
