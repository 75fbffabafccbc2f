//! `/metrics` in the Prometheus text format.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use interlock_core::model::Effect;

use crate::App;
use crate::export::SinkStatus;

/// The figures of this process. They name no agent and no content.
pub(crate) async fn render(State(app): State<App>) -> impl IntoResponse {
    let stats = app.runtime().stats();
    let mut out = String::new();
    let _ = writeln!(
        out,
        "# HELP interlock_decisions_total Decisions by effect.\n# TYPE interlock_decisions_total counter"
    );
    for (effect, count) in Effect::ALL.iter().zip(stats.by_effect) {
        let _ = writeln!(
            out,
            "interlock_decisions_total{{effect=\"{effect}\"}} {count}"
        );
    }
    let _ = writeln!(
        out,
        "# HELP interlock_decide_microseconds Time from readings to decision.\n# TYPE interlock_decide_microseconds histogram"
    );
    let mut total = 0;
    for (bound, count) in &stats.latency_us {
        let le = bound.map_or_else(|| "+Inf".to_owned(), |b| b.to_string());
        let _ = writeln!(
            out,
            "interlock_decide_microseconds_bucket{{le=\"{le}\"}} {count}"
        );
        total = *count;
    }
    let _ = writeln!(
        out,
        "interlock_decide_microseconds_sum {}\ninterlock_decide_microseconds_count {total}",
        stats.latency_us_sum
    );
    let _ = writeln!(
        out,
        "# HELP interlock_uptime_seconds Seconds since the start.\n# TYPE interlock_uptime_seconds gauge\ninterlock_uptime_seconds {}",
        app.uptime().as_secs()
    );
    load(&app, &mut out);
    deep(&app, &mut out);
    exports(&app, &mut out);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], out)
}

/// What became of the texts for the deeper model, where there is one.
fn deep(app: &App, out: &mut String) {
    let Some(counts) = app.runtime().deep_counts() else {
        return;
    };
    let _ = writeln!(
        out,
        "# HELP interlock_deep_texts_total Actions and results by what the deeper model did with them; dropped were not read, or not whole.\n# TYPE interlock_deep_texts_total counter"
    );
    for (what, count) in [
        ("read", counts.read),
        ("flagged", counts.flagged),
        ("dropped", counts.dropped),
    ] {
        let _ = writeln!(out, "interlock_deep_texts_total{{what=\"{what}\"}} {count}");
    }
    let _ = writeln!(
        out,
        "# HELP interlock_deep_waiting Actions and results that wait for the deeper model.\n# TYPE interlock_deep_waiting gauge\ninterlock_deep_waiting {}",
        counts.waiting
    );
}

/// How far each sink of the record has come.
fn exports(app: &App, out: &mut String) {
    let Some(statuses) = app.exports() else {
        return;
    };
    let (sinks, now) = (statuses.now(), app.runtime().now());
    let mut family = |name: &str, kind: &str, help: &str, value: &dyn Fn(&SinkStatus) -> u64| {
        let _ = writeln!(
            out,
            "# HELP interlock_export_{name} {help}\n# TYPE interlock_export_{name} {kind}"
        );
        for sink in &sinks {
            // A name holds letters, digits and `-` only.
            let _ = writeln!(
                out,
                "interlock_export_{name}{{sink=\"{}\"}} {}",
                sink.name,
                value(sink)
            );
        }
    };
    family(
        "lag_entries",
        "gauge",
        "Entries of the record that a sink has not come to.",
        &|s| s.lag_entries,
    );
    family(
        "lag_seconds",
        "gauge",
        "Age of the oldest entry that waits for a sink.",
        &|s| {
            let since = s.waiting_since.map_or(0, |at| now.saturating_sub(at));
            u64::try_from(since / 1_000_000_000).unwrap_or(0)
        },
    );
    family(
        "delivered_total",
        "counter",
        "Events that a receiver took.",
        &|s| s.delivered,
    );
    family(
        "rejected_total",
        "counter",
        "Events that a receiver will never take.",
        &|s| s.rejected,
    );
    family(
        "failures",
        "gauge",
        "Attempts in a row that failed.",
        &|s| u64::from(s.failures),
    );
}

/// What is open, and what was turned away.
fn load(app: &App, out: &mut String) {
    let admission = app.admission();
    let _ = writeln!(
        out,
        "# HELP interlock_policy_stale Whether newer policies do not compile.\n# TYPE interlock_policy_stale gauge\ninterlock_policy_stale {}",
        u8::from(app.runtime().stale_policy().is_some())
    );
    let _ = writeln!(
        out,
        "# HELP interlock_connections Open connections.\n# TYPE interlock_connections gauge\ninterlock_connections {}",
        admission.connections_open()
    );
    let _ = writeln!(
        out,
        "# HELP interlock_turned_away_total What was turned away for want of room.\n# TYPE interlock_turned_away_total counter"
    );
    let turned_away = &admission.turned_away;
    for (what, counter) in [
        ("connection", &turned_away.connections),
        ("read", &turned_away.reads),
        ("change", &turned_away.changes),
        ("wait", &turned_away.waits),
        ("check", &turned_away.checks),
        ("wrong-key", &turned_away.wrong_keys),
    ] {
        let _ = writeln!(
            out,
            "interlock_turned_away_total{{what=\"{what}\"}} {}",
            counter.load(Ordering::Relaxed)
        );
    }
}
