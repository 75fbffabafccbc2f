//! How long searches take over many entries: `search [N]`.
//!
//! Fills a store with N actions the way the projector does (512 to a transaction, outcomes after
//! them), prints how many it takes a second, and then asks a fixed set of
//! filters over and over. A figure is the time from the question to the full page or the end of the
//! list: where one request's time is over before, the next one goes on, and all of them count
//! together. Beside it stands what the processor computed for it, as a machine that does other things
//! too makes the first figure longer.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use interlock_core::model::Effect;
use interlock_filter::{ACTIONS, parse};
use interlock_store::{
    ActionFilter, ActionOutcome, ActionRow, ActionStore as _, Cursor, Facets, ProjectionStore as _,
    Search, SqliteOptions, SqliteStore,
};

const TENANT: &str = "default";
/// As the projector does.
const BATCH: u64 = 512;
/// Of one request, as the API has it.
const BUDGET: Duration = Duration::from_millis(250);
const PAGE: usize = 50;
const ROUNDS: usize = 15;
/// 2026-11-21T12:00:00Z; the entries lie in the 90 days before.
const NOW: i64 = 1_795_262_400_000_000_000;
const SPAN_NS: i64 = 90 * 86_400_000_000_000;

/// A filter, and how many pages are skipped before the one that is timed.
const FILTERS: &[(&str, usize)] = &[
    ("agent:agent-07", 0),
    ("agent:agent-1*", 0),
    ("agent:agent-07 decision:block", 0),
    ("decision:block,redact risk:>70", 0),
    ("-decision:allow", 0),
    (
        "-decision:allow,alert,block,redact,require_approval,sandbox",
        0,
    ),
    ("risk:>99", 0),
    ("tool:db.query rule:pii-* since:24h", 0),
    ("rule:rare-rule", 0),
    ("rule:no-such-rule", 0),
    ("detector:sql-injection* asi:ASI02 -env:staging", 0),
    ("resource:*customer_77*", 0),
    ("\"customer_4242/\"", 0),
    ("\"no text like this\"", 0),
    ("stripe -refunds", 0),
    ("cost:>4.9 latency:>900", 0),
    ("is:degraded", 0),
    ("is:rolled_back", 0),
    ("outcome:failed agent:agent-01 until:60d", 0),
    ("run:run-31*7", 0),
    ("session:session-99991", 0),
    ("step:49 decision:require_approval since:45d until:44d", 0),
    ("agent:agent-02 \"transfer\" risk:<10 has:rule", 0),
    ("-tool:* -type:file_read -has:outcome", 0),
    ("decision:block", 100),
    ("agent:agent-0*", 400),
    ("", 0),
];

/// The time that this thread has computed, without what others did on the same processor meanwhile.
fn computed() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|n| n.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }

    /// Small numbers more often.
    fn skewed(&mut self, n: u64) -> u64 {
        let n = self.below(n) + 1;
        self.below(n)
    }
}

fn row(n: u64, of: u64, random: &mut Random) -> ActionRow {
    let (kind, tool) = [
        ("database_query", "db.query"),
        ("file_read", "fs.read"),
        ("api_call", "stripe.refunds"),
        ("message_send", "mail.send"),
        ("network_request", "http.get"),
        ("file_read", ""),
    ][usize::try_from(random.below(6)).unwrap_or(0)];
    let resource = match kind {
        "database_query" => format!(
            "postgres://prod/crm/customer_{}/row_{}",
            random.below(9_000),
            random.below(90)
        ),
        "api_call" => format!(
            "https://api.stripe.com/v1/refunds/re_{:012x}",
            random.below(1 << 40)
        ),
        "message_send" => format!("mailto:person{}@example.com", random.below(50_000)),
        "network_request" => format!("https://example.org/page/{}", random.below(20_000)),
        _ => format!(
            "/srv/data/{}/report-{}.csv",
            random.below(40),
            random.below(2_000)
        ),
    };
    let effect = match random.below(100) {
        0..80 => Effect::Allow,
        80..88 => Effect::Alert,
        88..92 => Effect::Redact,
        92..95 => Effect::RequireApproval,
        _ => Effect::Block,
    };
    let risk = u16::try_from(random.skewed(101)).unwrap_or(0);
    let found = random.below(20) == 0;
    let reason = if effect == Effect::Allow {
        String::new()
    } else {
        format!(
            "`amount` of the transfer is over {}",
            random.below(50) * 100
        )
    };
    let mut rules = Vec::new();
    if effect != Effect::Allow {
        rules.push(format!("pii-{}", random.below(20)));
    }
    if random.below(100_000) == 0 {
        rules.push("rare-rule".to_owned());
    }
    let at = NOW - SPAN_NS
        + i64::try_from(u128::from(n) * SPAN_NS.unsigned_abs() as u128 / u128::from(of.max(1)))
            .unwrap_or(0);
    ActionRow {
        id: format!("0199d0c0-{n:08x}-7000-8000-000000000000"),
        seq: n * 2,
        agent_id: format!("agent-{:02}", random.skewed(40)),
        agent_name: None,
        session_id: format!("session-{}", n / 10),
        run_id: format!("run-{}", n / 50),
        step: i64::try_from(n % 50).ok(),
        action_type: kind.to_owned(),
        resource,
        tool: tool.to_owned(),
        effect,
        decided: effect,
        risk,
        risk_milli: risk * 10,
        risk_breakdown: r#"{"action":10,"agent":0,"temporal":5,"environment":0,"behaviour":0,"compliance":0,"data":20}"#.to_owned(),
        flagged: effect >= Effect::Alert,
        reason,
        source: "sdk-python".to_owned(),
        claimed: None,
        payload: format!(r#"{{"arguments":{{"query":"SELECT * FROM customers WHERE id = {n}","note":"{}"}}}}"#, "x".repeat(200)),
        vault_key: Some(u32::try_from(n / 1_000).unwrap_or(0)),
        erased: false,
        at,
        outcome: None,
        rollback: None,
        facets: Facets {
            approval: String::new(),
            environment: ["production", "staging", ""][usize::try_from(random.below(3)).unwrap_or(0)].to_owned(),
            rules,
            findings: if found { vec![format!("sql-injection.class-{}", random.below(5))] } else { Vec::new() },
            asi: if found { vec!["ASI02".to_owned()] } else { Vec::new() },
            degraded: random.below(20_000) == 0,
        },
    }
}

/// How long each batch took.
fn fill(store: &SqliteStore, count: u64) -> Result<Vec<Duration>> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut spent = Vec::new();
    for begin in (0..count).step_by(usize::try_from(BATCH)?) {
        let rows: Vec<ActionRow> = (begin..count.min(begin + BATCH))
            .map(|n| row(n, count, &mut random))
            .collect();
        let outcomes: Vec<(String, ActionOutcome)> = rows
            .iter()
            .filter(|row| row.effect != Effect::Block)
            .map(|row| {
                let failed = random.below(30) == 0;
                let outcome = ActionOutcome {
                    status: if failed { "failed" } else { "succeeded" }.to_owned(),
                    at: row.at + 1_000_000,
                    cost_nano_usd: Some(
                        i64::try_from(random.skewed(5_000)).unwrap_or(0) * 1_000_000,
                    ),
                    latency_ms: Some(i64::try_from(random.skewed(1_000)).unwrap_or(0)),
                };
                (row.id.clone(), outcome)
            })
            .collect();
        let started = Instant::now();
        store.apply_batch(&mut |tx| {
            rows.iter().try_for_each(|row| tx.action(TENANT, row))?;
            outcomes
                .iter()
                .try_for_each(|(id, outcome)| tx.outcome(TENANT, id, outcome))
        })?;
        spent.push(started.elapsed());
    }
    Ok(spent)
}

/// What came of a search.
struct Done {
    time: Duration,
    computed: Duration,
    found: usize,
    requests: usize,
    goes_on: bool,
}

/// One whole search: requests until the page is full or the list is at its end.
fn search(store: &SqliteStore, text: &str, filter: &mut ActionFilter) -> Result<Done> {
    let terms = match parse(text, &ACTIONS) {
        Ok(terms) => terms,
        Err(error) => bail!("{text}: {error}"),
    };
    let (mut found, mut requests) = (0, 0);
    let (started, computed_before) = (Instant::now(), computed());
    loop {
        let search = Search {
            terms: &terms,
            now: NOW,
            budget: BUDGET,
        };
        let page = store.search_actions(TENANT, filter, &search, PAGE - found)?;
        found += page.rows.len();
        requests += 1;
        filter.before = page.next;
        if found == PAGE || page.next.is_none() {
            return Ok(Done {
                time: started.elapsed(),
                computed: computed().saturating_sub(computed_before),
                found,
                requests,
                goes_on: page.next.is_some(),
            });
        }
    }
}

fn milliseconds(times: &mut [Duration], of_hundred: usize) -> f64 {
    times.sort_unstable();
    let place = (times.len() * of_hundred).div_ceil(100).max(1) - 1;
    times.get(place).map_or(0.0, |t| t.as_secs_f64() * 1_000.0)
}

#[expect(clippy::print_stdout, reason = "this is a report")]
pub(crate) fn run(args: &[String]) -> Result<()> {
    let count: u64 = args.first().map_or(Ok(1_000_000), |n| n.parse())?;
    let dir = tempfile::tempdir()?;
    let store = SqliteStore::open(&dir.path().join("db"), SqliteOptions::default())?;
    let mut spent = fill(&store, count)?;
    let whole: Duration = spent.iter().sum();
    // One batch in eight makes a block, so that the median is one that makes none.
    println!(
        "{count} entries with their outcomes projected in {:.1} s, {:.0}/s; a batch of {BATCH} takes {:.1} ms on average, {:.1} ms at the median, which makes no block",
        whole.as_secs_f64(),
        count as f64 / whole.as_secs_f64(),
        whole.as_secs_f64() * 1_000.0 / spent.len() as f64,
        milliseconds(&mut spent, 50),
    );
    let blocks = std::fs::metadata(store.path())?.len();
    println!("the database has {} MiB", blocks >> 20);
    let (mut all, mut all_computed) = (Vec::new(), Vec::new());
    println!(
        "{:>8} {:>8} {:>8} {:>12}  found  requests  filter",
        "p50 ms", "p95 ms", "max ms", "computed p95"
    );
    for (text, skipped) in FILTERS {
        let (mut times, mut computed) = (Vec::new(), Vec::new());
        let mut told = (0, 0);
        let mut from = ActionFilter::default();
        for _ in 0..*skipped {
            if !search(&store, text, &mut from)?.goes_on {
                break;
            }
        }
        for _ in 0..ROUNDS {
            let done = search(&store, text, &mut from.clone())?;
            times.push(done.time);
            computed.push(done.computed);
            told = (done.found, done.requests);
        }
        all.extend_from_slice(&times);
        all_computed.extend_from_slice(&computed);
        let page = if *skipped > 0 {
            format!("   (page {})", skipped + 1)
        } else {
            String::new()
        };
        print(&mut times, &mut computed);
        println!("  {:>5}  {:>8}  {text}{page}", told.0, told.1);
    }
    print(&mut all, &mut all_computed);
    println!(
        "  all {} filters, {ROUNDS} times each, pages of {PAGE}",
        FILTERS.len()
    );
    println!(
        "figure | search: {} filters, to the full page or the end | {count} entries | p50 {:.0} ms, p95 {:.0} ms (processor {:.0} ms) | p95 300 ms",
        FILTERS.len(),
        milliseconds(&mut all, 50),
        milliseconds(&mut all, 95),
        milliseconds(&mut all_computed, 95),
    );
    runs(&store, count)
}

/// How long pages of runs take, from the newest on, each asked for `ROUNDS` times.
#[expect(clippy::print_stdout, reason = "this is a report")]
fn runs(store: &SqliteStore, count: u64) -> Result<()> {
    let (mut times, mut before) = (Vec::new(), None);
    for _ in 0..ROUNDS {
        let mut page = Vec::new();
        for _ in 0..ROUNDS {
            let started = Instant::now();
            page = store.runs(TENANT, before, PAGE)?;
            times.push(started.elapsed());
        }
        before = page.last().map(|run| Cursor(run.last_seq));
    }
    println!(
        "figure | search: a page of {PAGE} runs | {count} entries | p50 {:.1} ms, p95 {:.1} ms | ",
        milliseconds(&mut times, 50),
        milliseconds(&mut times, 95),
    );
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is a report")]
fn print(times: &mut [Duration], computed: &mut [Duration]) {
    print!(
        "{:>8.1} {:>8.1} {:>8.1} {:>12.1}",
        milliseconds(times, 50),
        milliseconds(times, 95),
        milliseconds(times, 100),
        milliseconds(computed, 95),
    );
}
