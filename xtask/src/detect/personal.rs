//! Figures of the detector of personal data and secrets: by row on the labelled texts, and by row and
//! by span beside the pattern recognisers of presidio-analyzer.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use interlock_core::model::{Findings, Vector};
use interlock_core::privacy::{Family, KINDS};
use serde_json::{Value, json};

use super::data::{self, Row};
use super::eval::{ANCHOR_PYTHON, Report};
use super::measure::{Rate, Tally};
use super::rules;

const SCRIPT: &str = "bench/anchors/personal_data.py";
/// Sentences with one value each that spans are measured on, and as many without any.
const SENTENCES: &str = "900";

/// Whether something is found that belongs to secrets, or something that does not.
fn finds(found: &Findings, secrets: bool) -> bool {
    let secret = |code: &str| {
        KINDS
            .iter()
            .any(|k| k.code.code == code && k.family == Family::Secret)
    };
    found
        .items()
        .iter()
        .any(|f| f.code.vector == Vector::Pii && secret(f.code.code) == secrets)
}

pub(super) fn section(folder: &Path, report: &mut Report) -> Result<()> {
    report.line("## Personal data and secrets\n");
    report.line(
        "As an argument of a tool. A row counts as found when anything of its family is reported. \
         The secrets are gitleaks' own true and false cases, as far as the collection holds them; \
         their benign rows include texts of other collections that hold personal data, which is no \
         false alarm of secrets.\n",
    );
    report.line("| data | precision | recall | F1 | recall, mean over sources | false alarms |");
    report.line("|---|---|---|---|---|---|");
    let mut details = String::new();
    let mut pii = Vec::new();
    for (name, secrets) in [("pii", false), ("secrets", true)] {
        let rows = data::read(folder, name)?;
        let mut tally = Tally::default();
        for row in &rows {
            let alarm = finds(&rules::other(row, name), secrets);
            tally.add(row.threat, &format!("{} {}", row.source, row.kind), alarm);
        }
        report.line(&format!(
            "| {name} | {:.3} | {} | {:.3} | {:.3} | {} |",
            tally.precision(),
            tally.recall(),
            tally.f1(),
            tally.macro_recall(),
            tally.false_alarms()
        ));
        report.figure(&format!("{name}.recall"), tally.recall().share());
        report.figure(&format!("{name}.f1"), tally.f1());
        report.figure(
            &format!("{name}.false_alarms"),
            tally.false_alarms().share(),
        );
        for (label, by) in [("recall", &tally.threats), ("false alarms", &tally.benign)] {
            for (source, rate) in by.iter().filter(|(_, r)| label == "recall" || r.alarms > 0) {
                let _ = writeln!(details, "| {name} | {label} | {source} | {rate} |");
            }
        }
        if !secrets {
            pii = rows;
        }
    }
    report.line("\n| data | figure | source and kind | rate |\n|---|---|---|---|");
    report.line(&details);
    beside(&pii, report)
}

/// The same rows, and sentences around values that Faker draws, through presidio-analyzer too.
fn beside(rows: &[Row], report: &mut Report) -> Result<()> {
    if !Path::new(ANCHOR_PYTHON).exists() {
        println!("`{ANCHOR_PYTHON}` is not there: presidio-analyzer is not measured");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let (input, output) = (folder.path().join("rows"), folder.path().join("figures"));
    let mut lines = String::new();
    for row in rows {
        let record =
            json!({"text": row.text, "label": i32::from(row.threat), "source": row.source});
        let _ = writeln!(lines, "{record}");
    }
    std::fs::write(&input, lines)?;
    let status = Command::new(ANCHOR_PYTHON)
        .arg(SCRIPT)
        .arg("--rows")
        .arg(&input)
        .args(["--spans", SENTENCES, "--json"])
        .arg(&output)
        .status()
        .with_context(|| format!("cannot run `{ANCHOR_PYTHON}`"))?;
    if !output.exists() {
        println!("`{SCRIPT}` gave no figures: {status}");
        return Ok(());
    }
    let figures: Value = serde_json::from_slice(&std::fs::read(&output)?)?;
    report.line("### Beside presidio-analyzer, in the same run\n");
    report.line(
        "Its pattern recognisers for English at 0.5 and more; its language model is not installed with \
         it, so names, places and dates in prose are out of its reach. Rows: the same rows as above. \
         Spans: sentences around one value each that Faker draws, and as many without any; a span counts \
         when it overlaps the value, and is exact when both ends agree.\n",
    );
    report.line("| detector | rows: precision | recall | F1 | false alarms | spans: precision | recall | exact | false spans |");
    report.line("|---|---|---|---|---|---|---|---|---|");
    let empty = serde_json::Map::new();
    let by_row = figures["rows"].as_object().unwrap_or(&empty);
    let by_span = figures["spans"].as_object().unwrap_or(&empty);
    for (name, row) in by_row {
        let number = |v: &Value, key: &str| v[key].as_f64().unwrap_or_default();
        let span = by_span.get(name).unwrap_or(&Value::Null);
        let rate = |v: &Value, key: &str| Rate {
            alarms: v[key][0]
                .as_u64()
                .and_then(|n| n.try_into().ok())
                .unwrap_or(0),
            texts: v[key][1]
                .as_u64()
                .and_then(|n| n.try_into().ok())
                .unwrap_or(0),
        };
        report.line(&format!(
            "| {name} | {:.3} | {} | {:.3} | {} | {:.3} | {} | {} | {} |",
            number(row, "precision"),
            rate(row, "recall"),
            number(row, "f1"),
            rate(row, "false"),
            number(span, "precision"),
            rate(span, "recall"),
            rate(span, "exact"),
            span["false"],
        ));
        let short = name.split(' ').next().unwrap_or_default();
        for (figure, value) in [
            ("recall", rate(row, "recall").share()),
            ("false_alarms", rate(row, "false").share()),
            ("span_precision", number(span, "precision")),
            ("span_recall", rate(span, "recall").share()),
        ] {
            report.figure(&format!("pii.anchors.{short}.{figure}"), value);
        }
    }
    let entities: BTreeMap<&String, Vec<&Value>> = by_span
        .values()
        .filter_map(|d| d["entities"].as_object())
        .flatten()
        .fold(BTreeMap::new(), |mut all, (entity, counts)| {
            all.entry(entity).or_insert_with(Vec::new).push(counts);
            all
        });
    let names: Vec<&str> = by_span.keys().map(String::as_str).collect();
    report.line(&format!("\n| entity | {} |", names.join(" | ")));
    report.line(&format!("|---|{}", "---|".repeat(names.len())));
    for (entity, counts) in entities {
        let cells: Vec<String> = counts
            .iter()
            .map(|c| format!("{}/{}, exact {}", c[1], c[2], c[0]))
            .collect();
        report.line(&format!("| {entity} | {} |", cells.join(" | ")));
    }
    report.line("");
    Ok(())
}
