//! The ledger of budgets against a naive model that keeps every call and adds up anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Barrier, Mutex};

use interlock_core::model::{Effect, OutcomeStatus};
use interlock_core::state::{
    Amount, BudgetPeriod, CounterKey, Footprint, LEDGER_COUNTERS_KEPT, LEDGER_COUNTERS_MAX, Ledger,
    LedgerCharge, LedgerVerdict, Limit, OutcomeSummary, RESERVATION_TTL_NS,
};
use proptest::prelude::*;

const START: i64 = 1_794_823_200_000_000_000;
const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 86_400 * SECOND;

fn charge(budget: &str, subject: &str, period: BudgetPeriod) -> LedgerCharge {
    LedgerCharge {
        key: CounterKey {
            budget: Arc::from(budget),
            period,
            subject: Arc::from(subject),
        },
        limit: Limit {
            nano_usd: Some(100),
            calls: None,
        },
        trickle: 0,
        thresholds: Arc::from([50, 80, 100].as_slice()),
    }
}

fn footprint(id: u128, agent: &str, at: i64, cost: i64, ledger: Vec<LedgerCharge>) -> Footprint {
    Footprint {
        tenant: "t".to_owned(),
        agent: agent.to_owned(),
        id,
        at,
        cost_nano_usd: cost,
        ledger,
        ..Footprint::default()
    }
}

fn outcome(status: OutcomeStatus, cost: Option<i64>) -> OutcomeSummary {
    OutcomeSummary {
        status,
        cost_nano_usd: cost,
        records: None,
    }
}

/// The budgets of the model: money that blocks by the day, calls that block by the month for each
/// agent, both that throttle.
fn terms(agent: &str) -> Vec<LedgerCharge> {
    vec![
        charge("day", "tenant", BudgetPeriod::Day),
        LedgerCharge {
            limit: Limit {
                nano_usd: None,
                calls: Some(6),
            },
            thresholds: Arc::from([50].as_slice()),
            ..charge("calls", &format!("agent:{agent}"), BudgetPeriod::Month)
        },
        LedgerCharge {
            limit: Limit {
                nano_usd: Some(60),
                calls: Some(4),
            },
            trickle: 2,
            ..charge("slow", "key:k", BudgetPeriod::Day)
        },
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Undecided,
    Reserved,
    Settled(i64),
    Gone,
}

/// One call as the model keeps it; for each of its budgets its period, and whether it counts.
#[derive(Debug, Clone)]
struct Call {
    agent: &'static str,
    at: i64,
    cost: i64,
    stage: Stage,
    on: Vec<(CounterKey, i64, bool)>,
    /// Times at which it was let through, by budget.
    let_through: Vec<CounterKey>,
}

#[derive(Debug, Default)]
struct Model {
    calls: Vec<Call>,
    /// The latest period of each counter that was charged.
    index: BTreeMap<CounterKey, i64>,
    crossed: BTreeMap<(CounterKey, i64), u8>,
}

impl Model {
    fn sum(&self, key: &CounterKey, counts: impl Fn(&Call, bool) -> Option<i64>) -> Amount {
        let now = self.index.get(key).copied();
        let mut sum = Amount::default();
        for call in &self.calls {
            let on = call
                .on
                .iter()
                .find(|(k, index, _)| k == key && Some(*index) == now);
            if let Some((_, _, taken)) = on
                && let Some(cost) = counts(call, *taken)
            {
                sum.nano_usd += cost;
                sum.calls += 1;
            }
        }
        sum
    }

    fn reserved(&self, key: &CounterKey) -> Amount {
        self.sum(key, |call, taken| match call.stage {
            Stage::Reserved => Some(call.cost),
            Stage::Undecided if taken => Some(call.cost),
            _ => None,
        })
    }

    fn settled(&self, key: &CounterKey) -> Amount {
        self.sum(key, |call, _| match call.stage {
            Stage::Settled(cost) => Some(cost),
            _ => None,
        })
    }

    fn committed(&self, key: &CounterKey) -> Amount {
        self.sum(key, |call, _| match call.stage {
            Stage::Settled(cost) => Some(cost),
            Stage::Reserved => Some(call.cost),
            _ => None,
        })
    }

    fn reserve(&mut self, agent: &'static str, cost: i64, now: i64) -> (usize, Vec<LedgerVerdict>) {
        let mut call = Call {
            agent,
            at: now,
            cost,
            stage: Stage::Undecided,
            on: Vec::new(),
            let_through: Vec::new(),
        };
        let mut verdicts = Vec::new();
        for term in terms(agent) {
            let index = term.key.period.index(now);
            self.index.insert(term.key.clone(), index);
            let (reserved, settled) = (self.reserved(&term.key), self.settled(&term.key));
            let used = Amount {
                nano_usd: reserved.nano_usd + settled.nano_usd + cost,
                calls: reserved.calls + settled.calls + 1,
            };
            let over = term.limit.nano_usd.is_some_and(|max| used.nano_usd > max)
                || term.limit.calls.is_some_and(|max| used.calls > max);
            let recent = self
                .calls
                .iter()
                .filter(|c| c.at > now - MINUTE && c.let_through.contains(&term.key))
                .count();
            let verdict = match (over, term.trickle) {
                (false, _) => LedgerVerdict::Within,
                (true, 0) => LedgerVerdict::Exhausted,
                (true, most) if i64::try_from(recent).unwrap() < most => {
                    call.let_through.push(term.key.clone());
                    LedgerVerdict::Trickle
                }
                _ => LedgerVerdict::Throttled,
            };
            verdicts.push(verdict);
            call.on.push((term.key, index, !verdict.refuses()));
        }
        self.calls.push(call);
        (self.calls.len() - 1, verdicts)
    }

    /// Notes which thresholds are reached by the counters of a call.
    fn cross(&mut self, at: usize, refused: bool) {
        let call = self.calls[at].clone();
        for (key, index, taken) in &call.on {
            if self.index.get(key) != Some(index) && (*taken || !refused) {
                continue;
            }
            let term = terms(call.agent)
                .into_iter()
                .find(|t| t.key == *key)
                .unwrap();
            let index = self.index[key];
            let percent = term.limit.percent(self.committed(key));
            let reached = |t: &&u8| i64::from(**t) <= percent || (refused && !taken && **t == 100);
            let reached = term
                .thresholds
                .iter()
                .filter(reached)
                .max()
                .copied()
                .unwrap_or(0);
            if refused && *taken {
                continue;
            }
            let crossed = self.crossed.entry((key.clone(), index)).or_default();
            *crossed = (*crossed).max(reached);
        }
    }

    fn release(&mut self, at: usize) {
        let call = &mut self.calls[at];
        if call.stage == Stage::Undecided {
            call.let_through.clear();
        }
        call.stage = Stage::Gone;
    }
}

#[derive(Debug, Clone)]
enum Op {
    Reserve {
        agent: usize,
        cost: i64,
    },
    Conclude {
        at: usize,
        permit: bool,
        blocked: bool,
    },
    Settle {
        at: usize,
        status: usize,
        cost: Option<i64>,
    },
    Cancel {
        at: usize,
    },
    Wait {
        ns: i64,
    },
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0usize..3, 0i64..40).prop_map(|(agent, cost)| Op::Reserve { agent, cost }),
        6 => (0usize..6, any::<bool>(), any::<bool>())
            .prop_map(|(at, permit, blocked)| Op::Conclude { at, permit, blocked }),
        4 => (0usize..6, 0usize..4, prop::option::of(0i64..60))
            .prop_map(|(at, status, cost)| Op::Settle { at, status, cost }),
        1 => (0usize..6).prop_map(|at| Op::Cancel { at }),
        2 => prop_oneof![0..20 * SECOND, 0..MINUTE * 3].prop_map(|ns| Op::Wait { ns }),
        1 => prop_oneof![Just(RESERVATION_TTL_NS), Just(DAY), 0..40 * DAY]
            .prop_map(|ns| Op::Wait { ns }),
        1 => Just(Op::Restart),
    ]
}

const STATUS: [OutcomeStatus; 4] = [
    OutcomeStatus::Succeeded,
    OutcomeStatus::Failed,
    OutcomeStatus::NotRun,
    OutcomeStatus::Unknown,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// What is reserved, settled, answered and told of is what adding up every call anew gives.
    #[test]
    fn the_ledger_counts_as_a_naive_model_does(ops in prop::collection::vec(op(), 1..120)) {
        const AGENTS: [&str; 3] = ["a", "b", "c"];
        let (mut ledger, mut model) = (Ledger::default(), Model::default());
        let mut prints: Vec<Footprint> = Vec::new();
        let mut now = START;
        let mut told: BTreeMap<(CounterKey, i64), Vec<u8>> = BTreeMap::new();
        for op in ops {
            // Who expires is the clock; here it comes by at each step.
            ledger.expire(now, usize::MAX);
            for at in 0..model.calls.len() {
                if now - model.calls[at].at >= RESERVATION_TTL_NS {
                    match model.calls[at].stage {
                        Stage::Undecided => model.release(at),
                        Stage::Reserved => {
                            model.calls[at].stage = Stage::Settled(model.calls[at].cost);
                        }
                        Stage::Settled(_) | Stage::Gone => {}
                    }
                }
            }
            // The newest first, so that small numbers hit what is in flight.
            let pick = |at: usize, n: usize| n.checked_sub(at + 1);
            match op {
                Op::Reserve { agent, cost } => {
                    let agent = AGENTS[agent];
                    let (at, verdicts) = model.reserve(agent, cost, now);
                    let print = footprint(at as u128, agent, now, cost, terms(agent));
                    let readings = ledger.reserve(&print, now);
                    let got: Vec<_> = readings.iter().map(|r| r.verdict).collect();
                    prop_assert_eq!(got, verdicts);
                    for reading in &readings {
                        prop_assert_eq!(reading.retry_after_ms > 0, reading.verdict.refuses());
                    }
                    prints.push(print);
                }
                Op::Conclude { at, permit, blocked } => {
                    let Some(at) = pick(at, model.calls.len()) else { continue };
                    if model.calls[at].stage == Stage::Gone && permit {
                        continue;
                    }
                    let fits = model.calls[at].on.iter().all(|(_, _, taken)| *taken);
                    let effect = match (permit && fits, blocked) {
                        (true, _) => Effect::Allow,
                        (false, true) => Effect::Block,
                        (false, false) => Effect::RequireApproval,
                    };
                    if model.calls[at].stage == Stage::Undecided {
                        ledger.conclude(&prints[at], effect, now);
                        if effect.permits() {
                            model.calls[at].stage = Stage::Reserved;
                            model.cross(at, false);
                        } else {
                            model.release(at);
                            if effect == Effect::Block {
                                model.cross(at, true);
                            }
                        }
                    }
                }
                Op::Settle { at, status, cost } => {
                    let Some(at) = pick(at, model.calls.len()) else { continue };
                    let awaited = model.calls[at].stage == Stage::Reserved;
                    let held = ledger.settle("t", at as u128, &outcome(STATUS[status], cost), now);
                    prop_assert_eq!(held, awaited);
                    if awaited {
                        let estimate = model.calls[at].cost;
                        match STATUS[status] {
                            OutcomeStatus::NotRun => model.calls[at].stage = Stage::Gone,
                            OutcomeStatus::Unknown => {
                                model.calls[at].stage = Stage::Settled(estimate);
                            }
                            _ => model.calls[at].stage = Stage::Settled(cost.unwrap_or(estimate)),
                        }
                        model.cross(at, false);
                    }
                }
                Op::Cancel { at } => {
                    let Some(at) = pick(at, model.calls.len()) else { continue };
                    ledger.cancel("t", at as u128, now);
                    if model.calls[at].stage == Stage::Undecided {
                        model.release(at);
                    }
                }
                Op::Wait { ns } => now += ns,
                Op::Restart => {
                    let bytes = ledger.to_bytes();
                    let back = Ledger::from_bytes(&bytes).unwrap();
                    prop_assert_eq!(&back, &ledger);
                    ledger = back;
                }
            }
            for used in ledger.usage("t", START) {
                prop_assert_eq!(used.settled, model.settled(&used.key), "{:?}", used.key);
                prop_assert_eq!(used.reserved, model.reserved(&used.key), "{:?}", used.key);
                let drawn = used.agents.iter().fold(used.others, |a, (_, b)| a.plus(*b));
                if *used.key.subject != *"agent:a" && used.key.subject.starts_with("agent:") {
                    prop_assert_eq!(drawn, Amount::default());
                } else if !used.key.subject.starts_with("agent:") {
                    prop_assert_eq!(drawn, model.committed(&used.key), "{:?}", used.key);
                }
            }
            for crossing in ledger.untold(100) {
                let all = told.entry((crossing.key.clone(), crossing.index)).or_default();
                // Each is told of once, and then only of higher ones.
                prop_assert!(all.last().is_none_or(|last| *last < crossing.percent));
                all.push(crossing.percent);
                ledger.told("t", &crossing.key, crossing.index, crossing.percent);
            }
            prop_assert!(ledger.untold(1).is_empty());
        }
        for (of, highest) in told.iter().map(|(of, all)| (of, all.last())) {
            prop_assert_eq!(model.crossed.get(of), highest);
        }
        let crossed: BTreeSet<_> = model.crossed.iter().filter(|(_, t)| **t > 0).map(|(of, _)| of).collect();
        prop_assert_eq!(crossed, told.keys().collect());
    }

    /// A fold over what was recorded gives what the live ledger had committed, however decisions
    /// overlapped; and byte for byte where they did not.
    #[test]
    fn a_fold_gives_the_same(
        calls in prop::collection::vec((0usize..3, 0i64..40, 0usize..4, 0usize..5), 1..60),
        apart in any::<bool>(),
    ) {
        const AGENTS: [&str; 3] = ["a", "b", "c"];
        let mut live = Ledger::default();
        let mut journal: Vec<(Footprint, Effect, i64, Option<OutcomeSummary>)> = Vec::new();
        let mut waiting: Vec<(Footprint, bool)> = Vec::new();
        let mut now = START;
        let conclude = |live: &mut Ledger, (print, fits): (Footprint, bool), status: usize, now: i64| {
            let effect = if fits { Effect::Allow } else { Effect::Block };
            live.conclude(&print, effect, now);
            let said = STATUS.get(status).map(|s| outcome(*s, Some(7)));
            if let Some(said) = &said {
                live.settle("t", print.id, said, now);
            }
            (print, effect, now, said)
        };
        for (n, (agent, cost, depth, status)) in calls.into_iter().enumerate() {
            now += SECOND;
            let agent = AGENTS[agent];
            let print = footprint(n as u128, agent, now, cost, terms(agent));
            let fits = live.reserve(&print, now).iter().all(|r| !r.verdict.refuses());
            waiting.push((print, fits));
            while waiting.len() > if apart { 0 } else { depth } {
                let at = status % waiting.len();
                let next = waiting.remove(at);
                journal.push(conclude(&mut live, next, status, now));
            }
        }
        while let Some(next) = waiting.pop() {
            journal.push(conclude(&mut live, next, 0, now));
        }
        let mut fold = Ledger::default();
        for (print, effect, at, said) in &journal {
            fold.reserve(print, print.at);
            fold.conclude(print, *effect, *at);
            if let Some(said) = said {
                fold.settle("t", print.id, said, *at);
            }
        }
        if apart {
            prop_assert_eq!(fold.to_bytes(), live.to_bytes());
        }
        let committed = |ledger: &Ledger| -> Vec<_> {
            let all = ledger.usage("t", now).into_iter();
            all.map(|u| (u.key, u.settled, u.reserved, u.agents)).collect()
        };
        prop_assert_eq!(committed(&fold), committed(&live));
    }

    /// Whatever the bytes of a snapshot, an answer.
    #[test]
    fn damaged_snapshots_are_refused(cut in 0usize..400, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut ledger = Ledger::default();
        for n in 0..4u8 {
            let print = footprint(n.into(), "a", START, 10, terms("a"));
            ledger.reserve(&print, START);
            ledger.conclude(&print, Effect::Allow, START);
        }
        let bytes = ledger.to_bytes();
        prop_assert!(Ledger::from_bytes(&bytes[..cut.min(bytes.len() - 1)]).is_err());
        let mut altered = bytes.clone();
        let at = at.index(altered.len());
        altered[at] ^= byte;
        if let Ok(read) = Ledger::from_bytes(&altered) {
            prop_assert_eq!(read.to_bytes(), altered);
        }
    }
}

#[test]
fn no_number_of_callers_passes_a_ceiling() {
    const CALLERS: usize = 8;
    const CALLS: usize = 400;
    let ledger = Mutex::new(Ledger::default());
    let (spent, most, barrier) = (AtomicI64::new(0), AtomicI64::new(0), Barrier::new(CALLERS));
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (ledger, spent, most, barrier) = (&ledger, &spent, &most, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for n in 0..CALLS {
                    let cost = i64::try_from(1 + (caller * 7 + n * 3) % 9).unwrap();
                    let id = (caller * CALLS + n) as u128;
                    let mut term = charge("team", "tenant", BudgetPeriod::Day);
                    term.limit.nano_usd = Some(1_000);
                    let print = footprint(id, "a", START, cost, vec![term]);
                    let verdict = ledger.lock().unwrap().reserve(&print, START)[0].verdict;
                    std::thread::yield_now();
                    let effect = if verdict.refuses() {
                        Effect::Block
                    } else {
                        Effect::Allow
                    };
                    ledger.lock().unwrap().conclude(&print, effect, START);
                    if !verdict.refuses() {
                        most.fetch_max(
                            spent.fetch_add(cost, Ordering::SeqCst) + cost,
                            Ordering::SeqCst,
                        );
                        if n % 5 == 0 {
                            // Counted down first: what is given back may be taken at once.
                            spent.fetch_sub(cost, Ordering::SeqCst);
                            let said = outcome(OutcomeStatus::NotRun, None);
                            assert!(ledger.lock().unwrap().settle("t", id, &said, START));
                        }
                    }
                }
            });
        }
    });
    let used = ledger.lock().unwrap().usage("t", START)[0]
        .reserved
        .nano_usd;
    assert_eq!(used, spent.load(Ordering::SeqCst));
    assert!(most.load(Ordering::SeqCst) <= 1_000, "{most:?}");
    assert!(used > 990, "{used} of what could be used");
}

#[test]
fn a_flood_of_names_lifts_no_limit_and_touches_no_other_tenant() {
    let mut ledger = Ledger::default();
    let print = |n: usize, at: i64| {
        let agent = format!("a{n}");
        let term = charge("each", &format!("agent:{agent}"), BudgetPeriod::Day);
        footprint(n as u128, &agent, at, 1, vec![term])
    };
    let full = LEDGER_COUNTERS_MAX - LEDGER_COUNTERS_KEPT;
    // What never ran takes no place of what does.
    for n in 0..2 * LEDGER_COUNTERS_MAX {
        let print = print(n, START);
        ledger.reserve(&print, START);
        ledger.conclude(&print, Effect::Block, START);
    }
    for n in 0..full {
        let print = print(n, START);
        assert_eq!(
            ledger.reserve(&print, START)[0].verdict,
            LedgerVerdict::Within
        );
        ledger.conclude(&print, Effect::Allow, START);
    }
    let next = print(full, START);
    assert_eq!(
        ledger.reserve(&next, START)[0].verdict,
        LedgerVerdict::Exhausted
    );
    ledger.conclude(&next, Effect::Block, START);
    // A budget that is set now has room.
    let term = charge("all", "tenant", BudgetPeriod::Day);
    let whole = footprint(u128::MAX - 1, "a0", START, 1, vec![term]);
    assert_eq!(
        ledger.reserve(&whole, START)[0].verdict,
        LedgerVerdict::Within
    );
    ledger.conclude(&whole, Effect::Block, START);
    // One that is counted goes on being counted, and another tenant has a ledger of its own.
    let again = Footprint {
        id: u128::MAX,
        ..print(0, START)
    };
    assert_eq!(
        ledger.reserve(&again, START)[0].verdict,
        LedgerVerdict::Within
    );
    let foreign = Footprint {
        tenant: "u".to_owned(),
        ..next.clone()
    };
    assert_eq!(ledger.reserve(&foreign, START)[0].used.calls, 1);
    assert!(ledger.usage("nobody", START).is_empty());
    // Yesterday's give way.
    let later = START + DAY;
    ledger.expire(later, usize::MAX);
    assert_eq!(
        ledger.reserve(&next, later)[0].verdict,
        LedgerVerdict::Within
    );
    assert_eq!(ledger.usage("t", later).len(), 1);
}

#[test]
fn what_was_not_told_in_its_period_is_not_told_as_something_else() {
    let mut ledger = Ledger::default();
    let mut term = charge("team", "tenant", BudgetPeriod::Day);
    term.limit.nano_usd = Some(100);
    let run = |ledger: &mut Ledger, id: u128, cost: i64, at: i64| {
        let print = footprint(id, "a", at, cost, vec![term.clone()]);
        ledger.reserve(&print, at);
        ledger.conclude(&print, Effect::Allow, at);
    };
    run(&mut ledger, 1, 95, START);
    assert!(!ledger.untold(9).is_empty());
    run(&mut ledger, 2, 1, START + DAY);
    assert!(ledger.untold(9).is_empty(), "{:?}", ledger.untold(9));
    run(&mut ledger, 3, 95, START + DAY);
    assert!(ledger.untold(9)[0].percent > 0);
}

#[test]
fn new_terms_are_held_against_what_is_used() {
    let mut ledger = Ledger::default();
    let mut id = 0;
    let mut take = |ledger: &mut Ledger, cost: i64, limit: i64| {
        id += 1;
        let mut term = charge("team", "tenant", BudgetPeriod::Day);
        term.limit.nano_usd = Some(limit);
        let print = footprint(id, "a", START, cost, vec![term]);
        let refused = ledger.reserve(&print, START)[0].verdict.refuses();
        ledger.conclude(
            &print,
            if refused {
                Effect::Block
            } else {
                Effect::Allow
            },
            START,
        );
        !refused
    };
    let tell = |ledger: &mut Ledger| {
        let all = ledger.untold(10);
        for c in &all {
            ledger.told(&c.tenant, &c.key, c.index, c.percent);
        }
        all.iter().map(|c| c.percent).collect::<Vec<_>>()
    };
    assert!(take(&mut ledger, 85, 100));
    // Two thresholds at once are told of as the higher one.
    assert_eq!(tell(&mut ledger), [80]);
    assert!(!take(&mut ledger, 20, 100));
    assert_eq!(tell(&mut ledger), [100], "a refusal reaches the limit");
    assert!(!take(&mut ledger, 20, 100));
    assert_eq!(tell(&mut ledger), [0; 0]);
    // Raised: what was used stays used, and it is told of again when it is neared again.
    assert!(take(&mut ledger, 20, 200));
    assert_eq!(tell(&mut ledger), [50]);
    assert!(take(&mut ledger, 60, 200));
    assert_eq!(tell(&mut ledger), [80]);
    // Lowered below what is used.
    assert!(!take(&mut ledger, 0, 100));
    assert_eq!(tell(&mut ledger), [100]);
}

#[test]
fn a_trickle_goes_on_past_the_limit_and_over_midnight() {
    let mut ledger = Ledger::default();
    let midnight = BudgetPeriod::Day.end(BudgetPeriod::Day.index(START));
    let mut id = 0;
    let mut verdict = |ledger: &mut Ledger, now: i64, permit: bool| {
        id += 1;
        let mut term = charge("slow", "tenant", BudgetPeriod::Day);
        (term.trickle, term.limit) = (
            2,
            Limit {
                nano_usd: None,
                calls: Some(0),
            },
        );
        let print = footprint(id, "a", now, 0, vec![term]);
        let reading = ledger.reserve(&print, now).remove(0);
        let runs = permit && !reading.verdict.refuses();
        ledger.conclude(
            &print,
            if runs { Effect::Allow } else { Effect::Block },
            now,
        );
        (reading.verdict.name(), reading.retry_after_ms)
    };
    let at = midnight - 10 * SECOND;
    // What was blocked for another reason takes no place.
    assert_eq!(verdict(&mut ledger, at, false), ("trickle", 0));
    assert_eq!(verdict(&mut ledger, at, true), ("trickle", 0));
    assert_eq!(verdict(&mut ledger, at + SECOND, true), ("trickle", 0));
    assert_eq!(
        verdict(&mut ledger, at + 2 * SECOND, true),
        ("throttled", 8_000)
    );
    // A new day has a limit of its own, which is nothing here, and the minute goes on.
    assert_eq!(verdict(&mut ledger, midnight, true), ("throttled", 50_000));
    assert_eq!(verdict(&mut ledger, at + MINUTE - 1, true).0, "throttled");
    assert_eq!(verdict(&mut ledger, at + MINUTE, true), ("trickle", 0));
    // A clock that is set back an hour holds the minute for that long at the most.
    let back = at - 3_600 * SECOND;
    assert_eq!(verdict(&mut ledger, back, true).0, "throttled");
    assert_eq!(verdict(&mut ledger, back + MINUTE, true).0, "trickle");
}
