//! Circuit breakers: after too many errors, too much cost or too many denials an agent is stopped
//! for a minute, then one probe decides.

use std::collections::VecDeque;

use super::codec::codec;
use super::rate::{BucketSum, SlidingLog, to_i64};

/// What the breakers look back on.
pub const BREAKER_WINDOW_NS: i64 = 10 * 60 * 1_000_000_000;
/// How long an open breaker stops everything.
pub const BREAKER_OPEN_NS: i64 = 60 * 1_000_000_000;
/// How long a probe may take before another may try.
const PROBE_NS: i64 = 5 * 60 * 1_000_000_000;
/// The error breaker needs so many outcomes.
pub(crate) const ERROR_OUTCOMES_MIN: i64 = 5;
/// Its limit, per mille of the outcomes.
pub(crate) const ERROR_SHARE_MAX: i64 = 500;
/// The denial breaker opens at so many denials.
pub(crate) const DENIALS_MAX: i64 = 10;
/// The cost breaker opens at so many times the usual cost of ten minutes.
pub(crate) const COST_SPIKE_FACTOR: i64 = 10;
/// Below this cost of ten minutes it never opens: one US dollar.
pub(crate) const COST_SPIKE_NANO_USD_MIN: i64 = 1_000_000_000;
/// It judges an agent after so many actions with a cost…
const COST_SAMPLES_MIN: i64 = 20;
/// …and an hour.
const COST_AGE_NS_MIN: i64 = 3_600 * 1_000_000_000;
/// Outcomes remembered.
const OUTCOMES_MAX: usize = 256;

const NS: i64 = 1_000_000_000;

/// One breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Breaker {
    /// Until when it is open; 0 when it is closed. Past that time it is half open.
    open_until: i64,
    /// When the probe of the half-open breaker started; 0 when there is none.
    probe_at: i64,
}
codec!(Breaker {
    open_until,
    probe_at
});

/// What a breaker says to an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Closed.
    Pass,
    /// Half open and nobody probes: this action may.
    Probe,
    /// Open, or half open with a probe on its way.
    Refuse,
}

impl Breaker {
    /// What it says now.
    #[must_use]
    pub(crate) fn gate(&self, now: i64) -> Gate {
        if self.open_until == 0 {
            Gate::Pass
        } else if now < self.open_until
            || (self.probe_at != 0 && now.saturating_sub(self.probe_at) < PROBE_NS)
        {
            Gate::Refuse
        } else {
            Gate::Probe
        }
    }

    fn open(&mut self, now: i64) {
        self.open_until = now.saturating_add(BREAKER_OPEN_NS).max(1);
        self.probe_at = 0;
    }

    /// Of two nodes' views the stricter: any node may open.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.open_until = self.open_until.max(other.open_until);
        self.probe_at = self.probe_at.max(other.probe_at);
    }
}

/// How a probe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    /// It ran well: the breaker closes and forgets what opened it.
    Succeeded,
    /// It did not: the breaker opens again.
    Failed,
    /// It says nothing: another one may try.
    Void,
}

/// Which breakers an action probes.
pub(crate) const ERRORS: u8 = 1;
pub(crate) const COST: u8 = 2;
pub(crate) const DENIALS: u8 = 4;

/// The breakers of one agent and what they look at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Breakers {
    errors: Breaker,
    cost: Breaker,
    denials: Breaker,
    outcomes: VecDeque<(i64, bool)>,
    denied: SlidingLog,
    spent: BucketSum,
    /// Cost with a half-life of about a day: the halving is done in steps of an hour.
    spent_decayed: i64,
    spent_hour: i64,
    costed: i64,
    costed_since: i64,
}
codec!(Breakers {
    errors,
    cost,
    denials,
    outcomes,
    denied,
    spent,
    spent_decayed,
    spent_hour,
    costed,
    costed_since
});

impl Breakers {
    /// Whether an action must stop, and else the breakers it probes.
    pub(crate) fn enter(&mut self, now: i64) -> Result<u8, ()> {
        let gates = [
            (self.errors.gate(now), ERRORS),
            (self.cost.gate(now), COST),
            (self.denials.gate(now), DENIALS),
        ];
        if gates.iter().any(|(gate, _)| *gate == Gate::Refuse) {
            return Err(());
        }
        let mut probes = 0;
        for (gate, bit) in gates {
            if gate == Gate::Probe {
                self.breaker(bit).probe_at = now.max(1);
                probes |= bit;
            }
        }
        Ok(probes)
    }

    fn breaker(&mut self, bit: u8) -> &mut Breaker {
        match bit {
            ERRORS => &mut self.errors,
            COST => &mut self.cost,
            _ => &mut self.denials,
        }
    }

    /// Ends the probes of an action that entered at `entered`, unless another took its place.
    pub(crate) fn leave(&mut self, probes: u8, entered: i64, how: Probe, now: i64) {
        for bit in [ERRORS, COST, DENIALS] {
            if probes & bit == 0 || self.breaker(bit).probe_at != entered.max(1) {
                continue;
            }
            match how {
                Probe::Succeeded => {
                    *self.breaker(bit) = Breaker::default();
                    match bit {
                        ERRORS => self.outcomes.clear(),
                        COST => self.spent = BucketSum::default(),
                        _ => self.denied = SlidingLog::default(),
                    }
                }
                Probe::Failed => self.breaker(bit).open(now),
                Probe::Void => self.breaker(bit).probe_at = 0,
            }
        }
    }

    /// Counts an outcome; opens at an error share of [`ERROR_SHARE_MAX`] or more of at least
    /// [`ERROR_OUTCOMES_MIN`] outcomes.
    pub(crate) fn outcome(&mut self, now: i64, failed: bool) {
        self.prune_outcomes(now);
        if self.outcomes.len() >= OUTCOMES_MAX {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back((now, failed));
        if failed
            && self.errors.open_until == 0
            && to_i64(self.outcomes.len()) >= ERROR_OUTCOMES_MIN
            && self.error_share(now) >= ERROR_SHARE_MAX
        {
            self.errors.open(now);
        }
    }

    fn prune_outcomes(&mut self, now: i64) {
        let start = now.saturating_sub(BREAKER_WINDOW_NS);
        while self.outcomes.front().is_some_and(|(t, _)| *t <= start) {
            self.outcomes.pop_front();
        }
    }

    /// Failed outcomes of the last ten minutes, per mille; 0 when there are none.
    pub(crate) fn error_share(&mut self, now: i64) -> i64 {
        self.prune_outcomes(now);
        let failed = self.outcomes.iter().filter(|(_, failed)| *failed).count();
        to_i64(failed)
            .saturating_mul(1_000)
            .checked_div(to_i64(self.outcomes.len()))
            .unwrap_or(0)
    }

    /// Counts a denial; opens at [`DENIALS_MAX`] within ten minutes.
    pub(crate) fn denial(&mut self, now: i64) {
        self.denied.prune(now, BREAKER_WINDOW_NS);
        self.denied.push(now, OUTCOMES_MAX);
        if self.denials.open_until == 0 && to_i64(self.denied.len()) >= DENIALS_MAX {
            self.denials.open(now);
        }
    }

    /// Denials of the last ten minutes.
    #[must_use]
    pub(crate) fn denial_count(&self, now: i64) -> i64 {
        self.denied.count(now, BREAKER_WINDOW_NS)
    }

    /// Counts what a permitted action costs; opens when ten minutes cost
    /// [`COST_SPIKE_FACTOR`] times the usual.
    pub(crate) fn spend(&mut self, now: i64, nano_usd: i64) {
        if nano_usd <= 0 {
            return;
        }
        self.age_cost(now);
        if self.costed == 0 {
            self.costed_since = now;
        }
        self.costed = self.costed.saturating_add(1);
        self.spent.add(now, BREAKER_WINDOW_NS, nano_usd);
        self.spent_decayed = self.spent_decayed.saturating_add(nano_usd);
        let age = now.saturating_sub(self.costed_since);
        if self.costed < COST_SAMPLES_MIN || age < COST_AGE_NS_MIN || self.cost.open_until != 0 {
            return;
        }
        let recent = self.spent.sum();
        // A decayed sum holds half-life / ln 2 = 124,650 seconds' worth of a steady rate.
        let seconds = (age / NS).clamp(600, 124_650);
        let usual = i128::from(self.spent_decayed) * 600 / i128::from(seconds);
        if recent >= COST_SPIKE_NANO_USD_MIN
            && i128::from(recent) >= usual * i128::from(COST_SPIKE_FACTOR)
        {
            self.cost.open(now);
        }
    }

    /// 63,671 / 65,536 is 2^(-1/24): twenty-four hourly steps are a half-life of one day.
    fn age_cost(&mut self, now: i64) {
        let hour = now.div_euclid(3_600 * NS);
        let steps = hour.saturating_sub(self.spent_hour).clamp(0, 24 * 64);
        for _ in 0..steps {
            let aged = i128::from(self.spent_decayed) * 63_671 / 65_536;
            self.spent_decayed = i64::try_from(aged).unwrap_or(i64::MAX);
        }
        self.spent_hour = self.spent_hour.max(hour);
    }

    /// Merges what another node opened.
    pub(crate) fn merge_open(&mut self, other: &Self) {
        self.errors.merge(&other.errors);
        self.cost.merge(&other.cost);
        self.denials.merge(&other.denials);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `time event…`: `ok`, `fail`, `deny`, `cost:<dollars>`, or `enter`, which answers.
    fn check(script: &str, want: &str) {
        let mut breakers = Breakers::default();
        let (mut probes, mut entered) = (0, 0);
        let mut first = (0, 0);
        let mut got = Vec::new();
        for line in script.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let (time, events) = line.split_once(' ').unwrap();
            let now = time.parse::<i64>().unwrap() * NS;
            for event in events.split(' ') {
                match event.split_once(':').unwrap_or((event, "1")) {
                    ("ok", _) => breakers.outcome(now, false),
                    ("fail", _) => breakers.outcome(now, true),
                    ("deny", _) => breakers.denial(now),
                    ("cost", usd) => breakers.spend(now, usd.parse::<i64>().unwrap() * NS),
                    ("hourly", hours) => {
                        for h in 0..hours.parse::<i64>().unwrap() {
                            breakers.spend(now + h * 3_600 * NS, NS / 10);
                        }
                    }
                    ("late", _) => {
                        let (probes, entered) = first;
                        breakers.leave(probes, entered, Probe::Failed, now);
                    }
                    ("won", _) => breakers.leave(probes, entered, Probe::Succeeded, now),
                    ("lost", _) => breakers.leave(probes, entered, Probe::Failed, now),
                    ("void", _) => breakers.leave(probes, entered, Probe::Void, now),
                    ("enter", _) => got.push(match breakers.enter(now) {
                        Ok(0) => "pass".to_owned(),
                        Ok(bits) => {
                            (probes, entered) = (bits, now);
                            if first.0 == 0 {
                                first = (probes, entered);
                            }
                            format!("probe{bits}")
                        }
                        Err(()) => "refuse".to_owned(),
                    }),
                    other => panic!("unknown event {other:?}"),
                }
            }
        }
        assert_eq!(got.join(" "), want, "{script}");
    }

    #[test]
    fn errors_open_and_one_probe_closes() {
        check("1 fail fail fail fail enter", "pass");
        check("1 ok ok ok fail fail enter", "pass");
        check("1 ok ok fail fail fail enter\n60 enter", "refuse refuse");
        check(
            "1 fail fail fail fail fail enter\n61 enter enter",
            "refuse probe1 refuse",
        );
        check(
            "1 fail fail fail fail fail\n61 enter won\n62 enter",
            "probe1 pass",
        );
        check(
            "1 fail fail fail fail fail\n61 enter lost\n62 enter\n121 enter",
            "probe1 refuse probe1",
        );
        check(
            "1 fail fail fail fail fail\n61 enter void enter",
            "probe1 probe1",
        );
        check(
            "1 fail fail fail fail fail\n61 enter\n360 enter\n361 enter",
            "probe1 refuse probe1",
        );
        check("1 fail fail fail fail\n602 fail enter", "pass");
    }

    #[test]
    fn a_probe_that_was_replaced_says_nothing() {
        check(
            "1 fail fail fail fail fail\n61 enter\n361 enter late won enter",
            "probe1 probe1 pass",
        );
        check(
            "1 fail fail fail fail fail\n61 enter\n361 enter won late enter",
            "probe1 probe1 pass",
        );
    }

    #[test]
    fn denials_open() {
        let nine = "deny ".repeat(9);
        check(&format!("1 {nine}enter"), "pass");
        check(&format!("1 {nine}deny enter\n61 enter"), "refuse probe4");
        check(
            &format!("1 {nine}\n602 deny enter").replace(" \n", "\n"),
            "pass",
        );
    }

    #[test]
    fn a_cost_spike_opens_and_a_steady_cost_does_not() {
        check("0 hourly:48\n172800 cost:2 enter", "refuse");
        check("0 hourly:48\n172800 enter", "pass");
        check("0 cost:50 enter", "pass");
        // Twenty dollars an hour all along is not a spike.
        let steady: String = (0..60).map(|i| format!("{} cost:2\n", i * 360)).collect();
        check(&format!("{steady}21600 enter"), "pass");
    }
}
