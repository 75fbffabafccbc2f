//! The state at its boundary: reserve, conclude, settle; and folding it back from records.

use interlock_core::model::{Effect, OutcomeStatus, Value};
use interlock_core::state::{
    AgentTable, Baseline, BudgetCharge, BudgetPeriod, CounterKey, Flags, Footprint, IN_FLIGHT_MAX,
    LedgerCharge, Limit, LimitCharge, LimitKind, OutcomeSummary, RESERVATION_TTL_NS, Readings,
    Session, SessionTable, SnapshotError, StateStore, Taint, tool_key,
};
use proptest::prelude::*;

const S: i64 = 1_000_000_000;
const USD: i64 = 1_000_000_000;
/// 2026-11-16, a Monday, 10:00 UTC.
const MONDAY: i64 = (1_794_787_200 + 36_000) * S;

fn footprint(id: u128, at: i64) -> Footprint {
    Footprint {
        tenant: "t".into(),
        agent: "a".into(),
        id,
        at,
        type_index: 4,
        tool_hash: tool_key("read_customer"),
        resource_hash: 11,
        family_hash: 12,
        shape_hash: 13,
        call_hash: 14 + u64::try_from(id).unwrap_or(0),
        near_hash: 14 + u64::try_from(id).unwrap_or(0),
        payload_bytes: 400,
        records: 1,
        flags: Flags::READ,
        ..Footprint::default()
    }
}

fn limit(kind: LimitKind, amount: i64, max: i64, seconds: i64) -> LimitCharge {
    LimitCharge {
        key: 7,
        kind,
        amount,
        max,
        window_ms: seconds * 1_000,
    }
}

fn outcome(status: OutcomeStatus, cost: Option<i64>) -> OutcomeSummary {
    OutcomeSummary {
        status,
        cost_nano_usd: cost,
        records: None,
    }
}

/// A store and a policy that blocks what passes a limit, a budget or a breaker.
struct World {
    store: StateStore,
    id: u128,
}

impl World {
    fn new() -> Self {
        Self {
            store: StateStore::default(),
            id: 0,
        }
    }

    fn reserve(&mut self, at: i64, change: impl Fn(&mut Footprint)) -> (Footprint, Readings) {
        self.id += 1;
        let mut footprint = footprint(self.id, at);
        change(&mut footprint);
        let readings = self.store.reserve(&footprint, at);
        (footprint, readings)
    }

    /// One whole action: its id, whether it was allowed, and the readings.
    fn call(&mut self, at: i64, change: impl Fn(&mut Footprint)) -> (u128, bool, Readings) {
        let (footprint, readings) = self.reserve(at, change);
        let refused = readings.limits.iter().any(|l| l.exceeded)
            || readings.state.budget_used > 1_000
            || readings.state.breaker_open;
        let effect = if refused {
            Effect::Block
        } else {
            Effect::Allow
        };
        assert!(self.store.conclude(&footprint, effect, at));
        (footprint.id, !refused, readings)
    }

    fn settle(&mut self, id: u128, status: OutcomeStatus, cost: Option<i64>, at: i64) -> bool {
        self.store.settle("t", "a", id, &outcome(status, cost), at)
    }
}

/// The seconds at which calls are made, each with `+` for allowed and `-` for blocked.
fn check(limit: &LimitCharge, script: &str) {
    let mut world = World::new();
    let got: Vec<String> = script
        .split_whitespace()
        .map(|word| {
            let second: i64 = word.trim_end_matches(['+', '-']).parse().unwrap();
            let at = MONDAY + second * S;
            let (_, allowed, _) = world.call(at, |f| {
                f.limits = vec![limit.clone()];
                f.call_hash = 1;
            });
            format!("{second}{}", if allowed { '+' } else { '-' })
        })
        .collect();
    assert_eq!(got.join(" "), script, "{limit:?}");
}

#[test]
fn limits_over_a_script_of_seconds() {
    // What was blocked does not count against calls…
    check(
        &limit(LimitKind::Calls, 1, 2, 60),
        "0+ 1+ 2- 59- 60+ 60- 61+ 61- 119- 120+",
    );
    // …but it does against identical calls: a loop against a wall is a loop.
    check(
        &limit(LimitKind::IdenticalCalls, 1, 2, 60),
        "0+ 1+ 2- 59- 60- 61- 125+",
    );
    // Three retries are four attempts.
    check(
        &limit(LimitKind::Retries, 1, 3, 60),
        "0+ 1+ 2+ 3+ 4- 5- 70+",
    );
    check(&limit(LimitKind::Calls, 1, 0, 60), "0- 1-");
    // Ten cents of fifty: the window's last sub-window may count a little longer.
    check(
        &limit(LimitKind::Spend, 10, 50, 64),
        "0+ 1+ 2+ 3+ 4+ 5- 63- 67+ 68+",
    );
}

#[test]
fn the_21st_call_in_a_minute_is_over_by_one() {
    let mut world = World::new();
    let mut counts = Vec::new();
    for n in 0..20i64 {
        counts.push(
            world
                .call(MONDAY + n * S, |_| {})
                .2
                .state
                .actions_last_minute,
        );
    }
    assert_eq!(counts, (1..=20).collect::<Vec<i64>>());
    for second in [20, 21, 59] {
        let (footprint, readings) = world.reserve(MONDAY + second * S, |_| {});
        assert_eq!(readings.state.actions_last_minute, 21, "at {second} s");
        world
            .store
            .conclude(&footprint, Effect::Block, footprint.at);
    }
    let (_, readings) = world.reserve(MONDAY + 60 * S, |_| {});
    assert_eq!(readings.state.actions_last_minute, 20, "the first has left");
}

#[test]
fn retry_after_is_when_it_fits() {
    let mut world = World::new();
    let calls = limit(LimitKind::Calls, 1, 2, 60);
    let mut at = |ms: i64| {
        let time = MONDAY + ms * 1_000_000;
        let (_, allowed, readings) = world.call(time, |f| f.limits = vec![calls.clone()]);
        (
            allowed,
            readings.limits[0].used,
            readings.limits[0].retry_after_ms,
        )
    };
    assert_eq!(at(0), (true, 1, 0));
    assert_eq!(at(500), (true, 2, 0));
    assert_eq!(at(1_000), (false, 3, 59_000));
    assert_eq!(at(59_999), (false, 3, 1));
    assert_eq!(at(60_000), (true, 2, 0));
}

#[test]
fn preceded_by_needs_an_allowed_call_within_the_window() {
    let mut world = World::new();
    let need = limit(LimitKind::PrecededBy, 0, 1, 60);
    let mark = limit(LimitKind::PrecededBy, 1, 1, 60);
    let refund = |f: &mut Footprint| f.limits = vec![need.clone()];
    let read = |f: &mut Footprint| f.limits = vec![mark.clone()];
    assert!(!world.call(MONDAY, refund).1);
    let (blocked, _) = world.reserve(MONDAY, read);
    world.store.conclude(&blocked, Effect::Block, MONDAY);
    assert!(
        !world.call(MONDAY + S, refund).1,
        "a blocked call makes no mark"
    );
    assert!(world.call(MONDAY + 2 * S, read).1);
    assert!(world.call(MONDAY + 3 * S, refund).1);
    assert!(world.call(MONDAY + 61 * S, refund).1);
    assert!(!world.call(MONDAY + 62 * S, refund).1);
}

#[test]
fn an_error_rate_needs_five_outcomes() {
    let mut world = World::new();
    let rate = limit(LimitKind::ErrorRate, 1, 400, 600);
    let mut used = Vec::new();
    for (n, status) in [
        OutcomeStatus::Failed,
        OutcomeStatus::Succeeded,
        OutcomeStatus::Failed,
        OutcomeStatus::Succeeded,
        OutcomeStatus::NotRun,
        OutcomeStatus::Unknown,
        OutcomeStatus::Succeeded,
        OutcomeStatus::Failed,
        OutcomeStatus::Succeeded,
    ]
    .into_iter()
    .enumerate()
    {
        let at = MONDAY + i64::try_from(n).unwrap() * S;
        let (id, allowed, readings) = world.call(at, |f| f.limits = vec![rate.clone()]);
        used.push((readings.limits[0].used, readings.limits[0].exceeded));
        if allowed {
            assert!(world.settle(id, status, None, at));
        }
    }
    assert_eq!(
        used,
        [
            (0, false),
            (1_000, false),
            (500, false),
            (666, false),
            (500, false),
            (500, false),
            (500, false),
            (400, false),
            (500, true),
        ]
    );
}

#[test]
fn money_follows_the_outcome() {
    let budget = BudgetCharge {
        key: 5,
        period: BudgetPeriod::Day,
        max_nano_usd: 100 * USD,
    };
    let check = |effect: Effect, status: Option<(OutcomeStatus, Option<i64>)>, want: i64| {
        let mut world = World::new();
        let (footprint, readings) = world.reserve(MONDAY, |f| {
            f.cost_nano_usd = 40 * USD;
            f.budgets = vec![budget];
            f.limits = vec![limit(LimitKind::Spend, 40 * USD, 100 * USD, 3_600)];
        });
        assert_eq!(readings.state.budget_used, 400);
        world.store.conclude(&footprint, effect, MONDAY);
        if let Some((status, cost)) = status {
            assert!(world.settle(footprint.id, status, cost, MONDAY));
        }
        let agent = world.store.agents.get("t", "a").unwrap();
        let used = agent.budgets().used(5, BudgetPeriod::Day);
        let (_, readings) = world.reserve(MONDAY, |f| {
            f.limits = vec![limit(LimitKind::Spend, 0, 100 * USD, 3_600)];
        });
        assert_eq!(used, want * USD, "{effect} {status:?}");
        assert_eq!(readings.limits[0].used, want * USD, "{effect} {status:?}");
    };
    use OutcomeStatus::{Failed, NotRun, Succeeded, Unknown};
    check(Effect::Block, None, 0);
    check(Effect::RequireApproval, None, 0);
    check(Effect::Allow, None, 40);
    check(Effect::Sandbox, None, 40);
    check(Effect::Allow, Some((Succeeded, None)), 40);
    check(Effect::Allow, Some((Succeeded, Some(55 * USD))), 55);
    check(Effect::Allow, Some((Succeeded, Some(5 * USD))), 5);
    check(Effect::Allow, Some((Failed, Some(2 * USD))), 2);
    check(Effect::Allow, Some((Failed, None)), 40);
    check(Effect::Allow, Some((Unknown, None)), 40);
    check(Effect::Allow, Some((NotRun, Some(9 * USD))), 0);
}

#[test]
fn the_cost_of_a_payment_does_not_bring_the_money_back() {
    use OutcomeStatus::{Failed, NotRun, Succeeded};
    for (status, cost, want) in [
        (Succeeded, Some(USD / 100), 450),
        (Failed, Some(USD / 100), 450),
        (Succeeded, Some(500 * USD), 500),
        (Succeeded, None, 450),
        (NotRun, None, 0),
    ] {
        let mut world = World::new();
        let mut spend = limit(LimitKind::Spend, 450 * USD, 1_000 * USD, 3_600);
        let (id, allowed, _) = world.call(MONDAY, |f| {
            f.cost_nano_usd = USD / 50;
            f.limits = vec![spend.clone()];
        });
        assert!(allowed && world.settle(id, status, cost, MONDAY));
        spend.amount = 0;
        let (_, readings) = world.reserve(MONDAY, |f| f.limits = vec![spend.clone()]);
        assert_eq!(readings.limits[0].used, want * USD, "{status:?} {cost:?}");
    }
}

#[test]
fn reservations_expire() {
    let mut world = World::new();
    let calls = limit(LimitKind::Calls, 1, 9, 3_600);
    let (undecided, _) = world.reserve(MONDAY, |f| f.limits = vec![calls.clone()]);
    let (allowed, _, _) = world.call(MONDAY, |f| f.limits = vec![calls.clone()]);
    assert_eq!(
        world.store.agents.expire(MONDAY + RESERVATION_TTL_NS - 1),
        []
    );
    let unknown = world.store.agents.expire(MONDAY + RESERVATION_TTL_NS);
    assert_eq!(unknown, [("t".into(), "a".into(), allowed)]);
    let late = MONDAY + RESERVATION_TTL_NS + S;
    assert!(
        !world.store.conclude(&undecided, Effect::Allow, late),
        "must not run uncounted"
    );
    assert!(!world.settle(allowed, OutcomeStatus::Succeeded, None, late));
    let (_, readings) = world.reserve(late, |f| f.limits = vec![calls.clone()]);
    assert_eq!(readings.limits[0].used, 2, "the unknown one and this one");
    assert_eq!(world.store.agents.get("t", "a").unwrap().in_flight(), 1);
}

#[test]
fn a_late_outcome_is_late_whether_or_not_somebody_came_by() {
    for (after, awaited) in [(RESERVATION_TTL_NS - 1, true), (RESERVATION_TTL_NS, false)] {
        let mut world = World::new();
        let (id, _, _) = world.call(MONDAY, |_| {});
        let got = world.settle(id, OutcomeStatus::Failed, None, MONDAY + after);
        assert_eq!(got, awaited);
        let (_, readings) = world.reserve(MONDAY + after, |_| {});
        assert_eq!(readings.state.error_share, if awaited { 1_000 } else { 0 });
    }
}

#[test]
fn a_cancelled_caller_leaves_attempts_only() {
    let mut world = World::new();
    let calls = limit(LimitKind::Calls, 1, 9, 3_600);
    let change = |f: &mut Footprint| {
        f.limits = vec![calls.clone()];
        f.call_hash = 1;
    };
    let (gone, _) = world.reserve(MONDAY, change);
    assert!(world.store.cancel("t", "a", gone.id, MONDAY));
    assert!(!world.store.cancel("t", "a", gone.id, MONDAY));
    let (_, readings) = world.reserve(MONDAY, change);
    assert_eq!(readings.limits[0].used, 1);
    assert_eq!(readings.state.actions_last_minute, 1);
    assert_eq!(readings.state.identical_calls, 2);
    assert_eq!(readings.state.denials, 0);
}

#[test]
fn a_clock_that_jumps_resets_nothing_and_holds_nothing_for_long() {
    let calls = limit(LimitKind::Calls, 1, 2, 60);
    let mut world = World::new();
    let mut at = |second: i64| {
        world
            .call(MONDAY + second * S, |f| f.limits = vec![calls.clone()])
            .1
    };
    assert!(at(0));
    assert!(at(10));
    assert!(!at(-1_000_000), "back by eleven days");
    assert!(!at(-1_000_000 + 49));
    assert!(at(-1_000_000 + 50), "fifty seconds passed since the step");
    assert!(at(-1_000_000 + 60));
    assert!(!at(-1_000_000 + 58), "two callers who looked in turn");
    assert!(!at(i64::MIN / S / 2 - MONDAY / S));
    assert!(at(9_000_000_000 - MONDAY / S), "far ahead");
    assert!(at(20), "and back");
    assert!(!at(21));
    assert!(at(81));
}

#[test]
fn extreme_numbers_do_no_harm() {
    let mut world = World::new();
    for at in [i64::MIN, i64::MAX, 0, -1, i64::MAX, i64::MIN] {
        for n in [i64::MIN, -1, 0, i64::MAX] {
            let (footprint, readings) = world.reserve(at, |f| {
                f.payload_bytes = n;
                f.records = n;
                f.bytes_out = n;
                f.cost_nano_usd = n;
                f.budgets = vec![BudgetCharge {
                    key: 1,
                    period: BudgetPeriod::Month,
                    max_nano_usd: n,
                }];
                f.limits = LimitKind::ALL
                    .into_iter()
                    .map(|kind| LimitCharge {
                        key: 9,
                        kind,
                        amount: n,
                        max: n,
                        window_ms: n,
                    })
                    .collect();
            });
            assert_eq!(readings.limits.len(), 6);
            world.store.conclude(&footprint, Effect::Allow, at);
            world.settle(footprint.id, OutcomeStatus::Failed, Some(n), at);
        }
    }
    assert!(world.store.to_bytes().len() < 64 * 1024);
}

#[test]
fn ten_denials_open_the_breaker_and_one_good_call_closes_it() {
    let mut world = World::new();
    let never = limit(LimitKind::Calls, 1, 0, 60);
    for n in 0..10 {
        let (_, allowed, readings) = world.call(MONDAY + n * S, |f| f.limits = vec![never.clone()]);
        assert!(!allowed && !readings.state.breaker_open);
        assert_eq!(readings.state.denials, n);
    }
    let (_, allowed, readings) = world.call(MONDAY + 10 * S, |_| {});
    assert!(!allowed && readings.state.breaker_open);
    assert_eq!(readings.state.agent_violations, 1_000);
    let (_, _, readings) = world.call(MONDAY + 11 * S, |_| {});
    assert_eq!(
        readings.state.agent_violations, 1_000,
        "the breaker's own denials are no violations"
    );
    assert!(world.call(MONDAY + 69 * S, |_| {}).1, "the probe");
    assert!(world.call(MONDAY + 70 * S, |_| {}).1);
}

#[test]
fn a_baseline_learns_what_is_ordinary() {
    let mut world = World::new();
    // Twenty-five a day for four weeks of working days, in office hours.
    for n in 0..500i64 {
        let (day, hour) = (n / 25, 9 + n % 8);
        let at = MONDAY - 10 * 3_600 * S + ((day / 5 * 7 + day % 5) * 24 + hour) * 3_600 * S;
        let at = at + (n % 25) / 8 * 600 * S;
        let (_, _, readings) = world.call(at, |f| f.payload_bytes = 300 + n % 200);
        let state = readings.state;
        assert_eq!(state.agent_known, n > 0);
        assert_eq!(state.baseline_samples, n);
        assert_eq!(state.baseline_ready, n >= 50, "after {n}");
        if n < 20 {
            assert_eq!((state.bytes_deviation, state.records_deviation), (0, 0));
        }
    }
    let next_monday = MONDAY + 28 * 86_400 * S;
    let ordinary = world.reserve(next_monday, |_| {}).1.state;
    assert!(ordinary.resource_seen && ordinary.family_seen && ordinary.shape_seen);
    assert!(ordinary.sequence_seen && ordinary.host_seen && ordinary.region_seen);
    assert!(ordinary.type_share >= 999 && ordinary.tool_share >= 999);
    assert!(ordinary.hour_share > 80, "{}", ordinary.hour_share);
    assert!(ordinary.bytes_deviation.abs() < 200 && ordinary.records_deviation == 0);
    let odd = world
        .reserve(next_monday - 7 * 3_600 * S, |f| {
            f.type_index = 7;
            f.tool_hash = tool_key("http_post");
            f.resource_hash = 99;
            f.family_hash = 98;
            f.host_hash = 97;
            f.records = 100_000;
            f.payload_bytes = 20_000_000;
        })
        .1
        .state;
    assert!(!odd.resource_seen && !odd.family_seen && !odd.host_seen && !odd.shape_seen);
    assert!(!odd.sequence_seen && odd.region_seen);
    assert_eq!((odd.type_share, odd.tool_share, odd.hour_share), (0, 0, 0));
    assert!(odd.records_deviation > 1_500, "{}", odd.records_deviation);
    assert!(odd.bytes_deviation > 1_500, "{}", odd.bytes_deviation);
}

/// Ten posts of a kilobyte a day to one host, between 9 and 17, for three weeks of working days.
fn three_ordinary_weeks(world: &mut World) -> i64 {
    let start = MONDAY - 10 * 3_600 * S;
    for n in 0..150i64 {
        let day = n / 10 / 5 * 7 + n / 10 % 5;
        let at = start + ((day * 24 + 9 + n % 8) * 3_600 + n % 10 * 120) * S;
        world.call(at, |f| {
            f.host_hash = 5;
            f.bytes_out = 1_000;
            f.cost_nano_usd = USD / 10;
        });
    }
    start + 21 * 86_400 * S
}

#[test]
fn sums_of_hours_and_days_are_held_against_its_own() {
    let mut world = World::new();
    let monday = three_ordinary_weeks(&mut world);
    let morning = monday + 10 * 3_600 * S;
    let (_, _, first) = world.call(morning, |f| {
        f.host_hash = 5;
        f.bytes_out = 1_000;
    });
    let first = first.state;
    assert!(!first.new_target && first.off_hours == 0 && first.new_host_excess == 0);
    assert!(
        first.bytes_out_excess < 10 && first.actions_excess < 10,
        "{first:?}"
    );
    let mut crossed = None;
    for n in 0..400i64 {
        let (_, _, readings) = world.call(morning + n * 20 * S, |f| {
            f.host_hash = 5;
            f.bytes_out = 1_000;
        });
        if readings.state.bytes_out_excess >= 300 && crossed.is_none() {
            crossed = Some(n);
        }
    }
    // Three times 64 KiB, the least that a sum is measured against.
    assert!(
        crossed.is_some_and(|n| (190..=200).contains(&n)),
        "{crossed:?}"
    );
    let (_, _, costly) = world.call(morning + 3_600 * 3 * S, |f| f.cost_nano_usd = 12 * USD);
    assert!(
        costly.state.cost_excess >= 400,
        "{}",
        costly.state.cost_excess
    );
}

#[test]
fn what_is_met_late_is_new_for_a_day_and_a_host_for_a_week() {
    let mut world = World::new();
    let monday = three_ordinary_weeks(&mut world);
    let mut send = |day: i64| {
        let (_, _, readings) = world.call(monday + (day * 24 + 10) * 3_600 * S, |f| {
            f.host_hash = 6;
            f.family_hash = 66;
            f.bytes_out = 48 * 1_024;
        });
        (readings.state.new_target, readings.state.new_host_excess)
    };
    assert_eq!(send(0), (true, 200));
    assert_eq!(send(0), (true, 400));
    assert_eq!(send(1), (false, 200));
    assert_eq!(send(8), (false, 0));
}

#[test]
fn nights_are_counted_while_they_are_odd() {
    let mut world = World::new();
    let monday = three_ordinary_weeks(&mut world);
    let mut act = |minutes: i64| {
        world
            .call(monday + minutes * 60 * S, |_| {})
            .2
            .state
            .off_hours
    };
    assert_eq!(act(10 * 60), 0);
    assert_eq!(act(26 * 60), 100);
    assert!((195..=200).contains(&act(26 * 60 + 1)));
    assert_eq!(act(34 * 60), 0);
}

#[test]
fn what_raises_alerts_is_learned_after_a_day() {
    let mut world = World::new();
    let mut alerted = |hours: i64| {
        let (footprint, readings) = world.reserve(MONDAY + hours * 3_600 * S, |_| {});
        world
            .store
            .conclude(&footprint, Effect::Alert, footprint.at);
        readings.state.baseline_samples
    };
    assert_eq!([0, 5, 23, 24, 25, 26].map(&mut alerted), [0, 0, 0, 0, 1, 2]);
}

#[test]
fn nothing_is_learned_from_what_was_not_simply_allowed() {
    for (effect, learned) in [
        (Effect::Allow, 1),
        (Effect::Redact, 1),
        (Effect::Alert, 0),
        (Effect::Sandbox, 0),
        (Effect::RequireApproval, 0),
        (Effect::Block, 0),
    ] {
        let mut world = World::new();
        let (footprint, _) = world.reserve(MONDAY, |_| {});
        world.store.conclude(&footprint, effect, MONDAY);
        let readings = world.reserve(MONDAY, |_| {}).1;
        assert_eq!(readings.state.baseline_samples, learned, "{effect}");
        assert_eq!(readings.state.agent_known, effect.permits(), "{effect}");
    }
}

#[test]
fn a_session_remembers_taint_and_company() {
    let mut world = World::new();
    let mut see = |agent: &str, user: u64, origin: u64, flags: u16, effect: Effect| {
        let (footprint, readings) = world.reserve(MONDAY, |f| {
            f.agent = agent.into();
            f.session = "s".into();
            f.user_hash = user;
            f.origin_hash = origin;
            f.flags = Flags(flags);
        });
        world.store.conclude(&footprint, effect, MONDAY);
        let s = readings.state;
        [
            (s.untrusted_seen, 'u'),
            (s.private_seen, 'p'),
            (s.outbound_seen, 'o'),
            (s.session_foreign_agent, 'A'),
            (s.session_user_changed, 'U'),
            (s.session_origin_changed, 'O'),
        ]
        .iter()
        .filter_map(|(on, letter)| on.then_some(*letter))
        .collect::<String>()
    };
    let (private, untrusted, outbound) = (Flags::PRIVATE.0, Flags::UNTRUSTED.0, Flags::OUTBOUND.0);
    assert_eq!(see("a", 1, 1, private, Effect::Block), "");
    assert_eq!(see("a", 1, 1, untrusted, Effect::Allow), "");
    assert_eq!(see("a", 1, 1, private, Effect::Allow), "u");
    assert_eq!(see("a", 1, 2, outbound, Effect::Block), "upO");
    assert_eq!(see("a", 1, 2, outbound, Effect::Allow), "upO");
    assert_eq!(see("b", 2, 2, 0, Effect::Block), "upoAUO");
    // That it was let through once makes the second origin no home.
    assert_eq!(see("a", 1, 2, 0, Effect::Allow), "upoO");
    assert_eq!(see("b", 0, 0, 0, Effect::Allow), "upoA");
    assert_eq!(see("a", 1, 1, 0, Effect::Allow), "upoA");
    let other = world.reserve(MONDAY, |f| {
        f.tenant = "other".into();
        f.session = "s".into();
    });
    assert!(!other.1.state.untrusted_seen, "another tenant's session");
    let taint = Taint {
        private: true,
        ..Taint::default()
    };
    world.store.sessions.taint("other", "s", &taint);
    let other = world.reserve(MONDAY, |f| {
        f.tenant = "other".into();
        f.session = "s".into();
    });
    assert!(other.1.state.private_seen && !other.1.state.untrusted_seen);
}

#[test]
fn switches_stop_everything_a_tenant_or_one_agent() {
    let mut world = World::new();
    let mut read = |set: fn(&mut StateStore)| {
        set(&mut world.store);
        let state = world.reserve(MONDAY, |_| {}).1.state;
        (state.kill_switch, state.agent_paused)
    };
    assert_eq!(read(|_| {}), (false, false));
    assert_eq!(
        read(|s| s.switches.pause("t", "b", true).unwrap()),
        (false, false)
    );
    assert_eq!(
        read(|s| s.switches.pause("t", "a", true).unwrap()),
        (false, true)
    );
    assert_eq!(
        read(|s| s.switches.pause("t", "a", false).unwrap()),
        (false, false)
    );
    assert_eq!(
        read(|s| s.switches.kill_tenant("u", true).unwrap()),
        (false, false)
    );
    assert_eq!(
        read(|s| s.switches.kill_tenant("t", true).unwrap()),
        (true, false)
    );
    assert_eq!(
        read(|s| s.switches.kill_tenant("t", false).unwrap()),
        (false, false)
    );
    assert_eq!(read(|s| s.switches.kill_all(true)), (true, false));
}

#[test]
fn tables_are_bounded_and_forget_the_longest_unused() {
    let mut store = StateStore::new(64, 64);
    let mut id = 0;
    let mut touch = |store: &mut StateStore, agent: &str| {
        id += 1;
        let mut f = footprint(id, MONDAY);
        f.agent = agent.into();
        store.fold_decision(&f, Effect::Allow, MONDAY);
    };
    for n in 0..1_000 {
        touch(&mut store, &format!("agent-{n}"));
        touch(&mut store, "regular");
        assert!(store.agents.len() <= 64);
    }
    let regular = store.agents.get("t", "regular").unwrap();
    assert_eq!(regular.baseline().samples(), 1_000);
    assert!(store.agents.get("t", "agent-0").is_none());
    assert!(store.agents.get("t", "agent-999").is_some());
}

#[test]
fn a_flood_of_counters_is_bounded_and_fails_closed() {
    let mut world = World::new();
    let mut blocked = 0;
    for n in 0..3_000u64 {
        let (id, allowed, _) = world.call(MONDAY + i64::try_from(n).unwrap() * 1_000, |f| {
            f.limits = vec![LimitCharge {
                key: n,
                ..limit(LimitKind::Calls, 1, 5, 60)
            }];
            f.resource_hash = n + 1;
            f.family_hash = n + 1;
            f.host_hash = n + 1;
            f.shape_hash = n + 1;
        });
        blocked += u32::from(!allowed);
        if allowed {
            world.settle(id, OutcomeStatus::Succeeded, None, MONDAY);
        }
    }
    assert_eq!(blocked, 3_000 - 1_024);
    let bytes = world.store.to_bytes().len();
    assert!(bytes < 256 * 1024, "{bytes} bytes");
    // What left the window makes room again; the denials' breaker has closed by then too.
    world.call(MONDAY + 120 * S, |_| {});
    let (_, allowed, _) = world.call(MONDAY + 121 * S, |f| {
        f.limits = vec![limit(LimitKind::Calls, 1, 5, 60)];
    });
    assert!(allowed);
}

#[test]
fn what_is_in_flight_is_bounded() {
    let mut world = World::new();
    let calls = limit(LimitKind::Calls, 1, 1_000, 60);
    let mut used = 0;
    for _ in 0..600 {
        used = world
            .call(MONDAY, |f| f.limits = vec![calls.clone()])
            .2
            .limits[0]
            .used;
    }
    let agent = world.store.agents.get("t", "a").unwrap();
    assert_eq!(agent.in_flight(), IN_FLIGHT_MAX);
    assert_eq!(used, 600, "what fell out of sight still counts");
}

#[test]
fn a_damaged_snapshot_is_refused_and_never_panics() {
    let mut world = World::new();
    for n in 0..40 {
        world.call(MONDAY + n * S, |f| {
            f.session = "s".into();
            f.limits = vec![
                limit(LimitKind::Calls, 1, 5, 60),
                limit(LimitKind::Spend, 1, 5, 60),
                limit(LimitKind::ErrorRate, 1, 5, 60),
            ];
        });
    }
    world.store.switches.pause("t", "z", true).unwrap();
    let bytes = world.store.to_bytes();
    assert_eq!(StateStore::from_bytes(&bytes).as_ref(), Ok(&world.store));
    for len in 0..bytes.len() {
        assert_eq!(
            StateStore::from_bytes(&bytes[..len]),
            Err(SnapshotError::Damaged),
            "cut at {len}"
        );
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(StateStore::from_bytes(&longer), Err(SnapshotError::Damaged));
    let mut newer = bytes.clone();
    newer[0] = 3;
    assert_eq!(
        StateStore::from_bytes(&newer),
        Err(SnapshotError::Version(3))
    );
    // A flipped byte is the store's checksum to find; here it must only do no harm.
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0xff;
        if let Ok(mut store) = StateStore::from_bytes(&flipped) {
            let mut f = footprint(1_000, MONDAY);
            f.limits = vec![limit(LimitKind::Calls, 1, 5, 60)];
            store.fold_decision(&f, Effect::Allow, MONDAY + S);
        }
    }
}

/// One step of a random run.
#[derive(Debug, Clone)]
enum Step {
    Decide {
        agent: u8,
        tool: u8,
        effect: u8,
        cost: i64,
    },
    Outcome {
        back: usize,
        status: u8,
        cost: Option<i64>,
    },
    Wait {
        ns: i64,
    },
}

fn steps(len: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0u8..3, 0u8..6, 0u8..12, 0i64..3 * USD).prop_map(|(agent, tool, effect, cost)| {
            Step::Decide { agent, tool, effect, cost }
        }),
        4 => (0usize..12, 0u8..4, prop::option::of(0i64..2 * USD))
            .prop_map(|(back, status, cost)| Step::Outcome { back, status, cost }),
        3 => prop_oneof![0i64..5 * S, 0i64..900 * S, -700 * S..0i64, 0i64..40 * 86_400 * S]
            .prop_map(|ns| Step::Wait { ns }),
    ];
    prop::collection::vec(step, 1..len)
}

fn cases(reduced: u32) -> ProptestConfig {
    let soak = std::env::var("INTERLOCK_SOAK").is_ok_and(|v| v == "1");
    if !soak {
        println!("reduced size: {reduced} cases; INTERLOCK_SOAK=1 runs 20 times as many");
    }
    let mut config = ProptestConfig::with_cases(if soak { reduced * 20 } else { reduced });
    // A case that failed becomes a test by name, not a file of seeds.
    config.failure_persistence = None;
    config
}

/// What the journal holds.
enum Record {
    Decision(Value, Effect, i64),
    Outcome(u8, u128, OutcomeSummary, i64),
}

fn play(store: &mut StateStore, record: &Record) {
    match record {
        Record::Decision(footprint, effect, at) => {
            let footprint = Footprint::from_value(footprint).unwrap();
            store.fold_decision(&footprint, *effect, *at);
        }
        Record::Outcome(agent, id, outcome, at) => {
            store.settle("t", &format!("agent-{agent}"), *id, outcome, *at);
        }
    }
}

proptest! {
    #![proptest_config(cases(256))]

    /// Folding the records gives the live state, byte for byte; and so does folding the tail onto
    /// the snapshot of any prefix.
    #[test]
    fn a_fold_of_the_journal_is_the_live_state(steps in steps(120), cut in 0usize..120) {
        let mut live = StateStore::new(16, 16);
        let mut records = Vec::new();
        let mut decided: Vec<(u8, u128)> = Vec::new();
        let mut now = MONDAY;
        for step in &steps {
            match step {
                Step::Wait { ns } => now += ns,
                Step::Decide { agent, tool, effect, cost } => {
                    let mut f = footprint(decided.len() as u128 + 1, now);
                    f.agent = format!("agent-{agent}");
                    f.session = format!("session-{}", tool % 3);
                    f.tool_hash = tool_key(&format!("tool-{tool}"));
                    f.call_hash = u64::from(*tool) + 1;
                    f.near_hash = u64::from(*tool) / 2 + 1;
                    f.cost_nano_usd = *cost;
                    f.flags = Flags(u16::from(*effect));
                    f.limits = vec![
                        limit(LimitKind::Calls, 1, 5, 60),
                        limit(LimitKind::Spend, *cost, 9 * USD, 3_600),
                        limit(LimitKind::ErrorRate, 1, 300, 600),
                        limit(LimitKind::Retries, 1, 2, 60),
                        limit(LimitKind::PrecededBy, i64::from(tool % 2), 1, 60),
                    ];
                    f.budgets = vec![BudgetCharge { key: 3, period: BudgetPeriod::Day, max_nano_usd: 20 * USD }];
                    let readings = live.reserve(&f, now);
                    // Mostly as the state says, sometimes otherwise.
                    let effect = match effect {
                        0..=5 => Effect::ALL[usize::from(*effect)],
                        _ if readings.limits.iter().any(|l| l.exceeded) || readings.state.breaker_open => Effect::Block,
                        _ => Effect::Allow,
                    };
                    let at = now + 20_000;
                    live.conclude(&f, effect, at);
                    decided.push((*agent, f.id));
                    records.push(Record::Decision(f.to_value(), effect, at));
                }
                Step::Outcome { back, status, cost } => {
                    let Some((agent, id)) = decided.iter().rev().nth(*back).copied() else { continue };
                    let outcome = outcome(OutcomeStatus::ALL[usize::from(*status)], *cost);
                    live.settle("t", &format!("agent-{agent}"), id, &outcome, now);
                    records.push(Record::Outcome(agent, id, outcome, now));
                }
            }
        }
        let mut folded = StateStore::new(16, 16);
        let mut resumed = StateStore::new(16, 16);
        for (n, record) in records.iter().enumerate() {
            play(&mut folded, record);
            play(&mut resumed, record);
            if n == cut {
                resumed = StateStore::from_bytes(&resumed.to_bytes()).unwrap();
            }
        }
        prop_assert_eq!(live.to_bytes(), folded.to_bytes());
        prop_assert_eq!(live.to_bytes(), resumed.to_bytes());
        prop_assert_eq!(&live, &folded);
    }

    /// However callers interleave, what runs stays within every cap.
    #[test]
    fn concurrency_passes_no_cap(
        steps in prop::collection::vec((0u8..10, 0usize..40, 0i64..4_000), 50..400),
        max in prop_oneof![1i64..6, 250i64..300],
        cap in 5i64..60,
    ) {
        let mut store = StateStore::default();
        let mut open: Vec<(Footprint, bool)> = Vec::new();
        let mut running: Vec<(u128, i64)> = Vec::new();
        let mut ran: Vec<(i64, i64)> = Vec::new();
        let mut now = MONDAY;
        for (n, (what, pick, ms)) in steps.into_iter().enumerate() {
            now += ms * if max > 100 { 1_000 } else { 1_000_000 };
            let cost = (ms % 7 + 1) * USD;
            match what {
                0..=4 => {
                    let mut f = footprint(n as u128 + 1, now);
                    f.cost_nano_usd = cost;
                    f.limits = vec![
                        limit(LimitKind::Calls, 1, max, 60),
                        limit(LimitKind::Spend, cost, cap * USD, 600),
                    ];
                    f.budgets = vec![BudgetCharge { key: 1, period: BudgetPeriod::Month, max_nano_usd: 10 * cap * USD }];
                    let readings = store.reserve(&f, now);
                    let over = readings.limits.iter().any(|l| l.exceeded) || readings.state.budget_used > 1_000;
                    open.push((f, over));
                }
                5..=7 if !open.is_empty() => {
                    let (f, over) = open.remove(pick % open.len());
                    let effect = if over { Effect::Block } else { Effect::Allow };
                    if store.conclude(&f, effect, now) && !over {
                        running.push((f.id, f.cost_nano_usd));
                        ran.push((f.at, f.cost_nano_usd));
                    }
                }
                8 if !running.is_empty() => {
                    let (id, cost) = running.remove(pick % running.len());
                    let status = OutcomeStatus::ALL[pick % 2];
                    store.settle("t", "a", id, &outcome(status, Some(cost)), now);
                }
                9 if !open.is_empty() => {
                    let (f, _) = open.remove(pick % open.len());
                    prop_assert!(store.cancel("t", "a", f.id, now) || now - f.at >= RESERVATION_TTL_NS);
                }
                _ => { store.agents.expire(now); }
            }
        }
        let total: i64 = ran.iter().map(|(_, c)| c).sum();
        prop_assert!(total <= 10 * cap * USD, "budget: {total}");
        for (end, _) in &ran {
            let within = |seconds: i64| ran.iter().filter(move |(t, _)| *t <= *end && *t > end - seconds * S);
            prop_assert!(within(60).count() as i64 <= max);
            prop_assert!(within(600).map(|(_, c)| c).sum::<i64>() <= cap * USD);
        }
    }

    #[test]
    fn a_footprint_survives_its_json(
        hashes in prop::collection::vec(any::<u64>(), 11),
        numbers in prop::collection::vec(any::<i64>(), 6),
        id in any::<u128>(),
        names in prop::collection::vec("[a-z\"\\\\é ]{0,12}", 3),
        small in any::<(u8, u16)>(),
        limits in prop::collection::vec((any::<u64>(), 0usize..6, any::<i64>()), 0..4),
    ) {
        let f = Footprint {
            tenant: names[0].clone(), agent: names[1].clone(), session: names[2].clone(),
            id, at: numbers[0], type_index: small.0, flags: Flags(small.1),
            tool_hash: hashes[0], resource_hash: hashes[1], family_hash: hashes[2],
            host_hash: hashes[3], shape_hash: hashes[4], call_hash: hashes[5],
            near_hash: hashes[6], step_hash: hashes[7], region_hash: hashes[8],
            user_hash: hashes[9], origin_hash: hashes[10],
            payload_bytes: numbers[1], records: numbers[2], bytes_out: numbers[3],
            cost_nano_usd: numbers[4],
            limits: limits.iter().map(|(key, kind, n)| LimitCharge {
                key: *key, kind: LimitKind::ALL[*kind], amount: *n, max: n.wrapping_mul(3), window_ms: n.wrapping_add(1),
            }).collect(),
            budgets: limits.iter().map(|(key, kind, n)| BudgetCharge {
                key: *key, max_nano_usd: *n,
                period: if kind % 2 == 0 { BudgetPeriod::Day } else { BudgetPeriod::Month },
            }).collect(),
            ledger: limits.iter().map(|(key, kind, n)| LedgerCharge {
                key: CounterKey {
                    budget: names[0].as_str().into(),
                    period: if kind % 2 == 0 { BudgetPeriod::Day } else { BudgetPeriod::Month },
                    subject: names[1].as_str().into(),
                },
                limit: Limit { nano_usd: Some(*n).filter(|n| *n >= 0), calls: Some(1).filter(|_| key % 2 == 0) },
                trickle: i64::from(small.0),
                thresholds: [small.0, 1].as_slice().into(),
            }).collect(),
        };
        let json = f.to_value().to_json();
        let back = Footprint::from_value(&Value::parse(json.as_bytes()).unwrap());
        prop_assert_eq!(back, Ok(f), "{}", json);
    }

    /// Two nodes may tell each other what they learned in either order.
    #[test]
    fn merging_commutes(
        a in prop::collection::vec((0u64..700, 0i64..60 * 86_400), 0..80),
        b in prop::collection::vec((0u64..700, 0i64..60 * 86_400), 0..80),
    ) {
        let learn = |events: &[(u64, i64)]| {
            let mut world = World::new();
            let mut events = events.to_vec();
            events.sort_unstable_by_key(|(_, t)| *t);
            for (n, t) in &events {
                world.call(MONDAY + t * S, |f| {
                    f.session = "s".into();
                    f.resource_hash = n + 1;
                    f.tool_hash = n % 5 + 1;
                    f.type_index = u8::try_from(n % 14).unwrap();
                    f.family_hash = n % 90 + 1;
                    f.host_hash = n % 50;
                    f.origin_hash = n % 3;
                    f.bytes_out = i64::try_from(n * 1_000).unwrap();
                    f.payload_bytes = i64::try_from(n * n).unwrap();
                    f.user_hash = n % 30;
                    f.flags = Flags(u16::try_from(n % 32).unwrap());
                });
            }
            let agent = world.store.agents.get("t", "a");
            let session = world.store.sessions.get("t", "s").cloned();
            (agent.map_or_else(Baseline::default, |s| s.baseline().clone()), session.unwrap_or_default())
        };
        let (x, y) = (learn(&a), learn(&b));
        let merged = |l: &(Baseline, Session), r: &(Baseline, Session)| {
            let mut out = l.clone();
            out.0.merge(&r.0);
            out.1.merge(&r.1);
            out
        };
        prop_assert_eq!(merged(&x, &y), merged(&y, &x));
    }
}

/// Decisions of one agent that overlap: the order of the records is that of the conclusions, and
/// what is counted comes out the same.
#[test]
fn overlapping_decisions_fold_to_the_same_counts() {
    let mut live = StateStore::default();
    let mut folded = StateStore::default();
    let make = |id: u128, at: i64| {
        let mut f = footprint(id, at);
        f.cost_nano_usd = USD;
        f.limits = vec![
            limit(LimitKind::Calls, 1, 50, 600),
            limit(LimitKind::Spend, USD, 50 * USD, 600),
        ];
        f.budgets = vec![BudgetCharge {
            key: 1,
            period: BudgetPeriod::Day,
            max_nano_usd: 50 * USD,
        }];
        f
    };
    for round in 0..10 {
        let at = MONDAY + round * 10 * S;
        let id = u128::try_from(round).unwrap() * 3;
        let calls = [make(id, at), make(id + 1, at + 1), make(id + 2, at + 2)];
        for f in &calls {
            live.reserve(f, f.at);
        }
        for (n, f) in [2, 0, 1].map(|n| &calls[n]).into_iter().enumerate() {
            let effect = if n == 1 { Effect::Block } else { Effect::Allow };
            let concluded = at + 10 + n as i64;
            live.conclude(f, effect, concluded);
            folded.fold_decision(f, effect, concluded);
        }
    }
    let probe = make(1_000, MONDAY + 100 * S);
    let (a, b) = (
        live.reserve(&probe, probe.at),
        folded.reserve(&probe, probe.at),
    );
    assert_eq!(a.limits, b.limits);
    assert_eq!(a.limits[0].used, 21);
    assert_eq!(a.state.budget_used, b.state.budget_used);
    assert_eq!(a.state.actions_last_minute, b.state.actions_last_minute);
}

#[test]
fn expiry_does_a_bounded_share_at_a_time() {
    let mut table = AgentTable::new(100);
    let mut sessions = SessionTable::new(100);
    for n in 0..600u128 {
        let mut footprint = footprint(n, MONDAY);
        footprint.tenant = "t".into();
        footprint.agent = format!("agent-{}", n % 3);
        footprint.session = format!("s{}", n % 7);
        table.reserve(&footprint, MONDAY);
        assert!(table.conclude(&footprint, Effect::Allow, MONDAY));
        sessions.conclude(&footprint, Effect::Allow);
    }
    // A table survives its bytes, and what is damaged or of another version does not load.
    let bytes = table.to_bytes();
    assert_eq!(AgentTable::from_bytes(&bytes).as_ref(), Ok(&table));
    let of_sessions = sessions.to_bytes();
    assert_eq!(
        SessionTable::from_bytes(&of_sessions).as_ref(),
        Ok(&sessions)
    );
    for cut in (0..bytes.len()).step_by(bytes.len() / 50) {
        assert!(AgentTable::from_bytes(&bytes[..cut]).is_err(), "{cut}");
    }
    assert!(AgentTable::from_bytes(&of_sessions).is_err());
    let mut newer = bytes.clone();
    newer[0] += 1;
    assert!(matches!(
        AgentTable::from_bytes(&newer),
        Err(SnapshotError::Version(_))
    ));
    // Agent by agent until the bound is passed: 200 each.
    let later = MONDAY + RESERVATION_TTL_NS;
    assert_eq!(table.expire_some(later - 1, 256), 0);
    assert_eq!(table.expire_some(later, 256), 400);
    assert_eq!(table.expire_some(later, 256), 200);
    assert_eq!(table.expire_some(later, 256), 0);
}
