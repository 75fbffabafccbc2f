//! A risk report in words, for `interlock explain`.

use std::fmt::Write as _;

use super::{Dimension, RiskConfig, RiskReport};

/// Every dimension with its weight, and every term with its points, as plain text.
#[must_use]
pub fn explain(report: &RiskReport, config: &RiskConfig) -> String {
    let mut out = String::with_capacity(1_024);
    let mut sum: u64 = 0;
    let mut weights: u64 = 0;
    for ((dimension, score), weight) in Dimension::ALL
        .into_iter()
        .zip(&report.dimensions)
        .zip(config.weights)
    {
        sum += u64::from(weight) * u64::from(score.score);
        weights += u64::from(weight);
        let (whole, tenth) = (weight / 10, weight % 10);
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{:<12} {:>3}  weight {whole}.{tenth}",
            dimension.name(),
            score.score
        );
        for term in &score.terms {
            let _ = write!(out, "  {:>+4}  {}", term.points, term.text);
            if let Some(value) = term.value {
                let _ = write!(out, ": {value}");
            }
            let _ = writeln!(out, "  [{}]", term.code);
        }
        let points: i32 = score.terms.iter().map(|t| i32::from(t.points)).sum();
        if points > 100 {
            let _ = writeln!(out, "        {points} points count as 100");
        } else if points < 0 {
            let _ = writeln!(out, "        {points} points count as 0");
        }
    }
    let tenths = |n: u64| (n / 10, n % 10);
    let ((sum_whole, sum_tenth), (whole, tenth)) = (tenths(sum), tenths(weights));
    let _ = write!(out, "{:<12} {:>3}  ", "composite", report.composite);
    if weights == 0 {
        out.push_str("the highest dimension, as all weights are 0");
    } else {
        let _ = write!(out, "{sum_whole}.{sum_tenth} / {whole}.{tenth}");
    }
    if let Some(dimension) = report.floor {
        let mark = config
            .critical
            .get(dimension as usize)
            .copied()
            .unwrap_or(0);
        let _ = write!(
            out,
            ", lifted to {mark} because `{}` is at or above its critical mark",
            dimension.name()
        );
    }
    out.push('\n');
    out
}
