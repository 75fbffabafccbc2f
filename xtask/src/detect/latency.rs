//! How long the text detectors take, beside the SHA-256 of the same bytes in the same run.
//!
//! The yardstick is SHA-256 by the software backend, which is the same work on every machine; the
//! default build uses the processor's instructions where there are any.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use interlock_core::detectors::prompt_injection::model::{DIRECT, INDIRECT};
use interlock_core::detectors::scan;
use interlock_core::model::{Action, ActionType, Value};
use interlock_core::text::{flatten, normalise};

use super::rules::{Place, findings};

/// Benign sentences that the texts are made of.
const SENTENCES: &str = "The parcel left the warehouse this morning and the carrier expects it on \
Thursday between nine and noon. Somebody has to sign for it, so please leave a note with your \
neighbour if you are out. We added a voucher to your account for the delay; it is valid until the \
end of the year and works on every product in the shop. ";
const RUNS: usize = 400;

/// The median of the durations of `RUNS` runs, in nanoseconds.
fn median(mut run: impl FnMut()) -> f64 {
    let mut times: Vec<u128> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    times[RUNS / 2] as f64
}

/// The section of the report.
pub(crate) fn section() -> String {
    let mut out = String::from(
        "## Latency\n\nMedians of one run in microseconds, and as multiples of the SHA-256 of the same bytes by its software backend in the same run. Written with `--latency`. *Rules alone* is everything but the models: flattening, the views, one pass for all literals, and the detectors; an argument that no model reads costs that.\n\n\
         | characters | SHA-256, software | SHA-256, default build | as a prompt, everything | as a result, everything | rules alone | direct model alone | indirect model alone | views and literals | normalisation |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for length in [500usize, 2_000, 8_000] {
        let text: String = SENTENCES.chars().cycle().take(length).collect();
        let yardstick = median(|| {
            use sha2_soft::Digest as _;
            black_box(sha2_soft::Sha256::digest(black_box(text.as_bytes())));
        });
        let hardware = median(|| {
            use sha2::Digest as _;
            black_box(sha2::Sha256::digest(black_box(text.as_bytes())));
        });
        let _ = write!(
            out,
            "| {length} | {:.1} | {:.1} |",
            yardstick / 1_000.0,
            hardware / 1_000.0
        );
        let mut show = |time: f64| {
            let _ = write!(out, " {:.1} ({:.1}x) |", time / 1_000.0, time / yardstick);
        };
        for place in [Place::Prompt, Place::Result, Place::Argument] {
            show(median(|| {
                black_box(findings(black_box(&text), place));
            }));
        }
        show(median(|| {
            black_box(DIRECT.score(black_box(&text)));
        }));
        show(median(|| {
            black_box(INDIRECT.score(black_box(&text)));
        }));
        let mut action = Action::new("latency", ActionType::ApiCall);
        action.payload = Value::String(text.clone());
        let (segments, truncated) = flatten(&action);
        show(median(|| {
            black_box(scan(black_box(&segments), truncated));
        }));
        show(median(|| {
            black_box(normalise(black_box(&text)));
        }));
        out.push('\n');
    }
    out
}
