//! `xtask train`: the weights of the two prompt-injection models from the labelled texts.
//!
//! Thresholds are fixed on margins of rows whose source the model did not see. The file of weights
//! holds no text; what it was made of stands in the JSON file beside it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::data::{self, LICENCES, Role, Row};
use super::folds::{Corpus, Which};
use super::rules;

/// Where the weights stand.
const FOLDER: &str = "crates/interlock-core/src/detectors/prompt_injection";

/// False alarms that the direct model with the rules may raise on operational texts, in 10,000.
const OPERATIONAL_MAX: usize = 50;
/// And on texts about injection.
const ABOUT_MAX: usize = 300;
/// False alarms that the indirect model may raise on outputs of tools, in 10,000.
const TOOL_OUTPUT_MAX: usize = 100;

/// And on documents.
const DOCUMENTS_MAX: usize = 300;

/// Writes the weights.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let folder = data::folder(args);
    if !folder.join("dev").is_dir() {
        println!(
            "no labelled texts at `{}`: nothing is trained",
            folder.display()
        );
        return Ok(());
    }
    let corpus = Corpus::new(data::injection(&folder)?);
    let mut rows: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for row in corpus.rows.iter().filter(|r| r.role() != Role::Defective) {
        let count = rows.entry(&row.source).or_default();
        *(if row.threat {
            &mut count.0
        } else {
            &mut count.1
        }) += 1;
    }
    let sources: Vec<_> = rows
        .iter()
        .map(|(source, (threats, benign))| {
            let licence = LICENCES.iter().find(|l| l.0 == *source);
            licence
                .with_context(|| format!("no licence is known for `{source}`"))
                .map(|l| json!({"source": source, "licence": l.1, "threats": threats, "benign": benign}))
        })
        .collect::<Result<_>>()?;
    let mut models = serde_json::Map::new();
    for which in Which::ALL {
        let margins = corpus.left_out(which);
        let threshold = threshold(which, &corpus.rows, &margins);
        let weights = corpus.weights(which, None);
        let path = Path::new(FOLDER).join(format!("{}.bin", which.name()));
        let file = weights.file(threshold);
        std::fs::write(&path, &file)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
        println!(
            "{}: threshold {threshold}, {} of {} buckets, {} bytes",
            path.display(),
            weights.filled(),
            interlock_core::detectors::prompt_injection::model::BUCKETS,
            file.len()
        );
        let settings = which.settings();
        models.insert(
            which.name().to_owned(),
            json!({
                "seed": settings.seed,
                "epochs": settings.epochs,
                "rate": settings.rate,
                "decay": settings.decay,
                "threats_per_source_max": settings.threats_cap,
                "benign_per_source_max": settings.benign_cap,
                "composed_max": settings.composed_cap,
                "prior": settings.prior,
                "rounds": settings.rounds,
                "threshold": threshold,
                "buckets_filled": weights.filled(),
            }),
        );
    }
    let about = json!({
        "made_by": "cargo run --release -p xtask -- train",
        "figures": "docs/evaluation.md",
        "models": models,
        "sources": sources,
    });
    let path = Path::new(FOLDER).join("weights.json");
    std::fs::write(&path, format!("{about:#}\n"))
        .with_context(|| format!("cannot write `{}`", path.display()))
}

/// The lowest threshold at which rules and model together keep to the allowed false alarms.
fn threshold(which: Which, rows: &[Row], margins: &[i32]) -> i32 {
    let lowest = |most: usize, chosen: &dyn Fn(&Row) -> bool| {
        let mut scores: Vec<i32> = rows
            .iter()
            .zip(margins)
            .filter(|(row, _)| chosen(row))
            .map(|(row, margin)| {
                if rules::alarm(&row.text, which) {
                    i32::MAX
                } else {
                    *margin
                }
            })
            .collect();
        scores.sort_unstable_by(|a, b| b.cmp(a));
        let allowed = scores.len() * most / 10_000;
        scores.get(allowed).copied().unwrap_or(0)
    };
    match which {
        Which::Direct => lowest(OPERATIONAL_MAX, &|r| r.role() == Role::Operational)
            .max(lowest(ABOUT_MAX, &|r| r.role() == Role::AboutInjection)),
        Which::Indirect => lowest(TOOL_OUTPUT_MAX, &|r| r.kind.starts_with("tool_output"))
            .max(lowest(DOCUMENTS_MAX, &|r| r.kind == "doc")),
    }
}

/// The threshold of the committed weights.
pub(crate) fn stored_threshold(which: Which) -> Result<i32> {
    let path = Path::new(FOLDER).join("weights.json");
    let bytes =
        std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let about: serde_json::Value = serde_json::from_slice(&bytes)?;
    about["models"][which.name()]["threshold"]
        .as_i64()
        .and_then(|t| i32::try_from(t).ok())
        .with_context(|| format!("`{}` has no threshold", path.display()))
}
