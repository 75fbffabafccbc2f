//! Search: every back end finds the same, whether rows are new or old, whatever happened to them.

use std::time::Duration;

use interlock_core::model::Effect;
use interlock_filter::{ACTIONS, parse};
use interlock_store::{
    ActionFilter, ActionOutcome, ActionRow, Cursor, Facets, MemoryStore, Rollback, RunRow, Search,
    Store,
};

use super::approvals::vote;
use super::{Make, action, asked, refused};

/// More than a block and the newest rows.
const ROWS: u64 = 6_000;
const NOW: i64 = 1_000_000_000_000_000;
const LONG: Duration = Duration::from_secs(600);

/// Rows of every kind; a small generator of numbers, the same each time.
fn rows() -> Vec<ActionRow> {
    let mut state = 7_u64;
    let mut pick = move |of: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % of
    };
    (1..=ROWS)
        .map(|n| {
            let agent =
                ["billing-bot", "Support", "ops", "Ünïcode"][usize::try_from(pick(4)).unwrap()];
            let at = NOW - i64::try_from(ROWS - n).unwrap() * 60_000_000_000;
            let mut row = action(&format!("d{n}"), n * 2, agent, at);
            row.effect = Effect::ALL[usize::try_from(pick(Effect::ALL.len() as u64)).unwrap()];
            row.risk = u16::try_from(pick(101)).unwrap();
            row.flagged = pick(5) == 0;
            row.resource = format!("postgres://prod/table_{}", pick(300));
            row.tool = if pick(3) == 0 {
                String::new()
            } else {
                format!("tool.{}", pick(6))
            };
            row.run_id = if pick(2) == 0 {
                String::new()
            } else {
                format!("Run-{}", pick(40))
            };
            row.step = (pick(4) > 0).then(|| i64::try_from(pick(900)).unwrap() - 400);
            row.reason = ["", "a \"quoted\" reason", "rate of 5/min"]
                [usize::try_from(pick(3)).unwrap()]
            .to_owned();
            row.claimed = (pick(9) == 0).then(|| "BLOCK".to_owned());
            row.vault_key = Some(u32::try_from(pick(50)).unwrap());
            row.facets = Facets {
                approval: if n == 3 || n == 5_990 {
                    "p".to_owned()
                } else {
                    String::new()
                },
                environment: ["", "production", "staging"][usize::try_from(pick(3)).unwrap()]
                    .to_owned(),
                rules: (0..pick(3)).map(|_| format!("rule-{}", pick(5))).collect(),
                findings: (0..pick(2))
                    .map(|_| format!("sql-injection.c{}", pick(3)))
                    .collect(),
                asi: if pick(6) == 0 {
                    vec!["ASI02".to_owned()]
                } else {
                    Vec::new()
                },
                degraded: pick(400) == 0,
            };
            row
        })
        .collect()
}

const FILTERS: &[&str] = &[
    "",
    "agent:billing*",
    "agent:BILLING-BOT,ops -tool:tool.1",
    "agent:ünïcode",
    "-agent:*o*",
    "decision:block risk:>95",
    "decision:block,redact",
    "-decision:allow,alert risk:<=3",
    "risk:7,8,9 is:flagged",
    "tool:*",
    "-tool:*",
    "resource:*table_1*",
    "resource:\"postgres://prod/table_17\"",
    "\"table_29\"",
    "table_29 -table_299",
    "quoted",
    "rule:rule-1",
    "-rule:* has:finding",
    "rule:rule-1,rule-2 detector:*.c1",
    "asi:asi02 env:prod*",
    "run:run-7",
    "run:RUN-1* step:<-390",
    "step:0",
    "-step:>0",
    "is:degraded",
    "is:reported -is:erased",
    "is:rolled_back,erased",
    "-is:rolled_back outcome:failed",
    "has:outcome",
    "outcome:succeeded cost:>1",
    "cost:<2.5 latency:>=10",
    "latency:<5",
    "outcome:unknown cost:>8999",
    "latency:<0",
    "since:90m",
    "until:70h",
    "since:80h until:79h",
    "-since:4d",
    "since:1970-01-05 agent:ops",
    "approver:bo",
    "-approver:bo has:approval",
    "agent:nobody",
    "nothing has that",
    "decision:block -decision:block",
];

fn found(
    store: &dyn Store,
    filter: &ActionFilter,
    text: &str,
    limit: usize,
    budget: Duration,
) -> Vec<ActionRow> {
    let terms = parse(text, &ACTIONS).unwrap();
    let search = Search {
        terms: &terms,
        now: NOW,
        budget,
    };
    let mut filter = filter.clone();
    let mut all = Vec::new();
    loop {
        let page = store.search_actions("t", &filter, &search, limit).unwrap();
        assert!(page.rows.len() <= limit);
        assert!(page.searched_to.is_none() || page.next.is_some());
        all.extend(page.rows);
        let Some(next) = page.next else { return all };
        assert!(
            filter.before.is_none_or(|before| next.0 < before.0),
            "it goes on"
        );
        filter.before = Some(next);
    }
}

/// What happens to rows after they were written.
fn later(store: &dyn Store) {
    store
        .apply_batch(&mut |batch| {
            for n in (1..=ROWS).step_by(17) {
                let odd = n % 2 == 1;
                let outcome = ActionOutcome {
                    status: if odd { "succeeded" } else { "failed" }.to_owned(),
                    at: NOW,
                    cost_nano_usd: odd.then(|| i64::try_from(n).unwrap() * 1_000_000),
                    latency_ms: (!odd).then_some(i64::try_from(n % 40).unwrap()),
                };
                batch.outcome("t", &format!("d{n}"), &outcome)?;
            }
            for n in [2, 4_000, 5_999] {
                let undone = Rollback {
                    at: NOW,
                    reason: "wrong".to_owned(),
                };
                batch.rolled_back("t", &format!("d{n}"), &undone)?;
            }
            batch.erased("t", 7)
        })
        .unwrap();
    // Few of a block are changed one by one.
    store
        .apply_batch(&mut |batch| {
            for n in [9, 17, 3_000] {
                let outcome = ActionOutcome {
                    status: "unknown".to_owned(),
                    at: NOW,
                    cost_nano_usd: Some(9_000_000_000_000),
                    latency_ms: Some(-5),
                };
                batch.outcome("t", &format!("d{n}"), &outcome)?;
            }
            Ok(())
        })
        .unwrap();
}

/// All runs, page by page.
fn runs(store: &dyn Store, limit: usize) -> Vec<RunRow> {
    let mut all: Vec<RunRow> = Vec::new();
    loop {
        let before = all.last().map(|run| Cursor(run.last_seq));
        let page = store.runs("t", before, limit).unwrap();
        let full = page.len() == limit;
        all.extend(page);
        if !full {
            return all;
        }
    }
}

fn compare(store: &dyn Store, oracle: &dyn Store) {
    let expected = runs(oracle, 1_000);
    for limit in [7, 1_000] {
        assert_eq!(runs(store, limit), expected, "runs");
    }
    let none = ActionFilter::default();
    for text in FILTERS {
        let expected = found(oracle, &none, text, 1_000, LONG);
        let rows = found(store, &none, text, 1_000, LONG);
        let seqs = |rows: &[ActionRow]| rows.iter().map(|r| r.seq).collect::<Vec<_>>();
        assert_eq!(seqs(&rows), seqs(&expected), "{text}");
        assert_eq!(rows, expected, "{text}");
        if expected.len() < 100 {
            let paged = found(store, &none, text, 7, LONG);
            assert_eq!(seqs(&paged), seqs(&expected), "{text}, page by page");
            let hurried = found(store, &none, text, 1_000, Duration::ZERO);
            assert_eq!(seqs(&hurried), seqs(&expected), "{text}, without time");
        }
    }
    for filter in [
        ActionFilter {
            agent_id: Some("Support".into()),
            ..none.clone()
        },
        ActionFilter {
            agent_id: Some("support".into()),
            ..none.clone()
        },
        ActionFilter {
            run_id: Some("Run-7".into()),
            effect: Some(Effect::Block),
            ..none.clone()
        },
        ActionFilter {
            run_id: Some(String::new()),
            ..none.clone()
        },
        ActionFilter {
            flagged: Some(false),
            since: Some(NOW - 3_600_000_000_000),
            ..none.clone()
        },
        ActionFilter {
            until: Some(NOW - 300_000_000_000_000),
            before: Some(Cursor(4_001)),
            ..none.clone()
        },
    ] {
        let expected = found(oracle, &filter, "risk:>50", 1_000, LONG);
        assert_eq!(
            found(store, &filter, "risk:>50", 1_000, LONG),
            expected,
            "{filter:?}"
        );
    }
}

pub(crate) fn all(make: Make<'_>) {
    let (store, oracle) = (make(), MemoryStore::new());
    let rows = rows();
    let both: [&dyn Store; 2] = [&*store, &oracle];
    for store in both {
        store.request_approval("t", &asked("p", 1, 100), 1).unwrap();
        let yes = vote("bo", interlock_core::approval::Verdict::Approve, 1);
        store.advance_approval("t", "p", None, &yes, 2).unwrap();
        for some in rows.chunks(512) {
            store
                .apply_batch(&mut |batch| some.iter().try_for_each(|row| batch.action("t", row)))
                .unwrap();
        }
        store
            .apply_batch(&mut |batch| batch.action("u", &action("foreign", 1, "ops", NOW)))
            .unwrap();
    }
    let none = ActionFilter::default();
    assert_eq!(found(&*store, &none, "", 1_000, LONG).len(), rows.len());
    assert_eq!(found(&*store, &none, "approver:BO", 10, LONG).len(), 2);
    compare(&*store, &oracle);
    both.into_iter().for_each(later);
    assert_eq!(found(&*store, &none, "is:rolled_back", 10, LONG).len(), 3);
    compare(&*store, &oracle);
    // A row that comes late, which no projector does, is found all the same.
    let mut late = action("late", 777, "latecomer", NOW);
    late.run_id = "Run-7".to_owned();
    late.facets.rules = vec!["late".to_owned()];
    for store in both {
        store
            .apply_batch(&mut |batch| batch.action("t", &late))
            .unwrap();
    }
    assert_eq!(found(&*store, &none, "rule:late", 10, LONG), [late]);
    compare(&*store, &oracle);
    let terms = parse("", &ACTIONS).unwrap();
    let search = Search {
        terms: &terms,
        now: NOW,
        budget: LONG,
    };
    refused(store.search_actions("t", &none, &search, 0), "limit");
    store.reset_projection().unwrap();
    assert_eq!(found(&*store, &none, "", 10, LONG), []);
    assert_eq!(runs(&*store, 10), []);
}
