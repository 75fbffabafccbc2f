//! How long the text detectors take, beside the SHA-256 of the same bytes in the same run.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use interlock_core::detectors::prompt_injection::model::{DIRECT, INDIRECT};
use interlock_core::text::normalise;
use sha2::{Digest as _, Sha256};

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
        "## Latency\n\nMedians of one run in microseconds, and as multiples of the SHA-256 of the same bytes. Written with `--latency`. The SHA-256 is that of the default build, which uses the processor's instructions for it where there are any; the software backend takes several times as long.\n\n\
         | characters | SHA-256 | all text detectors, as an argument | as a prompt | as a result | direct model alone | indirect model alone | normalisation |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for length in [500usize, 2_000, 8_000] {
        let text: String = SENTENCES.chars().cycle().take(length).collect();
        let sha = median(|| {
            black_box(Sha256::digest(black_box(text.as_bytes())));
        });
        let _ = write!(out, "| {length} | {:.1} |", sha / 1_000.0);
        let mut show = |time: f64| {
            let _ = write!(out, " {:.1} ({:.1}x) |", time / 1_000.0, time / sha);
        };
        for place in [Place::Argument, Place::Prompt, Place::Result] {
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
        show(median(|| {
            black_box(normalise(black_box(&text)));
        }));
        out.push('\n');
    }
    out
}
