//! `xtask eval`: every text detector on every labelled source, through the engine's entry.
//!
//! What a model learnt is judged on sources that it did not see: each source in turn is left out of
//! the training, with what other sources copied of it. Writes `docs/evaluation.md`, its plot and
//! its figures, and says what changed since the last time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use interlock_core::model::Vector;
use serde_json::{Value, json};

use super::data::{self, Role, Row};
use super::exploit;
use super::folds::{Corpus, Which};
use super::latency;
use super::measure::{Rate, Tally};
use super::obfuscate::OBFUSCATIONS;
use super::personal;
use super::plot;
use super::provenance;
use super::rules::{self, Place};
use super::train::stored_threshold;
use super::web;

const REPORT: &str = "docs/evaluation.md";
const FIGURES: &str = "docs/evaluation.json";
const PLOT: &str = "docs/evaluation.svg";
/// Rows of one source and label that the anchors are run on: they take milliseconds a text.
const ANCHOR_ROWS: usize = 150;
pub(super) const ANCHOR_PYTHON: &str = "target/venv-anchors/bin/python";
/// Attacks and benign texts that each obfuscation is tried on.
const OBFUSCATED: usize = 200;

/// Measures and writes the report.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let folder = data::folder(args);
    if !folder.join("dev").is_dir() {
        println!(
            "no labelled texts at `{}`: name them with `--data` or `INTERLOCK_DETECT_DATA`; nothing is measured",
            folder.display()
        );
        return Ok(());
    }
    let mut report = Report::default();
    report.text.push_str(HEAD);
    // `--only NAME` measures one part and writes nothing.
    let only = args
        .iter()
        .position(|a| a == "--only")
        .and_then(|i| args.get(i + 1));
    let parts: [(&str, Part); 5] = [
        ("injection", injection),
        ("web", web::section),
        ("others", others),
        ("exploit", exploit::section),
        ("personal", personal::section),
    ];
    for (name, part) in parts {
        if only.is_none_or(|o| o == name) {
            part(&folder, &mut report)?;
        }
    }
    if only.is_some() {
        print!("{}", report.text);
        return Ok(());
    }
    let last = std::fs::read_to_string(REPORT).unwrap_or_default();
    let section = if args.iter().any(|a| a == "--latency") {
        latency::section()
    } else {
        kept(&last, "## Latency")
    };
    report.text.push_str(&section);
    compare(&report.figures);
    print!("{}", report.text);
    std::fs::write(REPORT, &report.text).with_context(|| format!("cannot write `{REPORT}`"))?;
    let figures = Value::Object(report.figures.into_iter().collect());
    std::fs::write(FIGURES, format!("{figures:#}\n"))
        .with_context(|| format!("cannot write `{FIGURES}`"))?;
    Ok(())
}

const HEAD: &str = "# Evaluation of the text detectors

Written by `cargo run --release -p xtask -- eval`. Development data only: labelled texts of public
collections, listed with their licences in
`crates/interlock-core/src/detectors/prompt_injection/weights.json`. Rules,
word families and the texts composed for training were written with these texts in view, so what
rests on them is not a figure of unseen data; figures of models marked *left out*
are: each source in turn was left out of training together with near-duplicates of it elsewhere
(half of all runs of three words shared), and all thresholds were fixed on such margins. A rate is
followed by its counts. Sources of fewer than ten texts weigh as much as the others in the mean over
sources. Tag characters raise an alarm by themselves: text in them is hidden from people.

";

/// A part of the report.
type Part = fn(&Path, &mut Report) -> Result<()>;

#[derive(Default)]
pub(super) struct Report {
    text: String,
    figures: BTreeMap<String, Value>,
}

impl Report {
    pub(super) fn figure(&mut self, name: &str, value: f64) {
        let rounded = (value * 10_000.0).round() / 10_000.0;
        self.figures.insert(name.to_owned(), json!(rounded));
    }

    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// One way to judge a row.
struct Judge<'a> {
    name: &'a str,
    alarm: &'a dyn Fn(usize) -> bool,
}

fn injection(folder: &Path, report: &mut Report) -> Result<()> {
    let corpus = Corpus::new(data::injection(folder)?);
    let rows = &corpus.rows;
    let defective = rows.iter().filter(|r| r.role() == Role::Defective).count();
    for which in Which::ALL {
        let margins = corpus.left_out(which);
        let threshold = stored_threshold(which)?;
        let (by_rules, shipped): (Vec<bool>, Vec<bool>) = rows
            .iter()
            .map(|row| {
                let found = rules::injection(&row.text, which);
                (rules::by_rules(&found), found.has(Vector::PromptInjection))
            })
            .unzip();
        let model = |i: usize| margins[i] > threshold;
        let judges = [
            Judge {
                name: "rules",
                alarm: &|i| by_rules[i],
            },
            Judge {
                name: "model, left out",
                alarm: &|i| model(i),
            },
            Judge {
                name: "both, left out",
                alarm: &|i| by_rules[i] || model(i),
            },
            Judge {
                name: "as shipped (model saw the rows)",
                alarm: &|i| shipped[i],
            },
        ];
        match which {
            Which::Direct => {
                report.line("## Prompt injection, said to a model\n");
                report.line(&format!(
                    "All benign rows stand in the same place as the attacks, documents and code too. \
                     {defective} rows of one source carry identifiers instead of texts and are left out.\n"
                ));
                direct(rows, &judges, report);
                anchors(rows, Which::Direct, &|i| by_rules[i] || model(i), report)?;
                obfuscations(rows, report);
                elsewhere(rows, report);
            }
            Which::Indirect => {
                report.line("## Prompt injection in results, pages and documents\n");
                indirect(rows, &judges, report);
                let (section, figures) = provenance::section();
                report.text.push_str(&section);
                for (name, value) in figures {
                    report.figure(&name, value);
                }
                anchors(rows, Which::Indirect, &|i| by_rules[i] || model(i), report)?;
            }
        }
    }
    Ok(())
}

fn tally(rows: &[Row], judge: &Judge<'_>, chosen: impl Fn(&Row) -> bool) -> Tally {
    let mut tally = Tally::default();
    for (i, row) in rows.iter().enumerate().filter(|(_, r)| chosen(r)) {
        tally.add(row.threat, &row.source, (judge.alarm)(i));
    }
    tally
}

fn of_role(rows: &[Row], judge: &Judge<'_>, role: Role) -> Rate {
    let tally = tally(rows, judge, |r| r.role() == role);
    if matches!(role, Role::Direct | Role::Indirect) {
        tally.recall()
    } else {
        tally.false_alarms()
    }
}

fn direct(rows: &[Row], judges: &[Judge<'_>], report: &mut Report) {
    report.line("| judge | precision | recall | F1 | recall, mean over sources | false alarms, all benign | operational | about injection |");
    report.line("|---|---|---|---|---|---|---|---|");
    let measured = |r: &Row| {
        matches!(
            r.role(),
            Role::Direct | Role::Operational | Role::AboutInjection | Role::Benign
        )
    };
    for judge in judges {
        let all = tally(rows, judge, measured);
        let (operational, about) = (
            of_role(rows, judge, Role::Operational),
            of_role(rows, judge, Role::AboutInjection),
        );
        report.line(&format!(
            "| {} | {:.3} | {} | {:.3} | {:.3} | {} | {} | {} |",
            judge.name,
            all.precision(),
            all.recall(),
            all.f1(),
            all.macro_recall(),
            all.false_alarms(),
            operational,
            about
        ));
        if judge.name.starts_with("both") {
            report.figure("direct.recall", all.recall().share());
            report.figure("direct.recall_macro", all.macro_recall());
            report.figure("direct.false_alarms_operational", operational.share());
            report.figure("direct.false_alarms_about_injection", about.share());
        }
    }
    report.line("");
    let by: Vec<Tally> = judges.iter().map(|j| tally(rows, j, measured)).collect();
    report.line("| source | rules | model, left out | both, left out | as shipped |");
    report.line("|---|---|---|---|---|");
    for (label, pick) in [
        (
            "recall",
            (|t: &Tally| &t.threats) as fn(&Tally) -> &BTreeMap<String, Rate>,
        ),
        ("false alarms", |t: &Tally| &t.benign),
    ] {
        for source in pick(&by[0]).keys() {
            let _ = write!(report.text, "| {label}: {source} |");
            for tally in &by {
                let _ = write!(report.text, " {} |", pick(tally)[source]);
            }
            report.line("");
        }
    }
    report.line("\n![recall by source](evaluation.svg)\n");
    let bars: Vec<(String, [f64; 2])> = by[0]
        .threats
        .iter()
        .map(|(source, rules)| {
            let both = by[2].threats[source];
            (
                format!("{source} ({})", rules.texts),
                [rules.share(), both.share()],
            )
        })
        .collect();
    if let Err(error) = std::fs::write(
        PLOT,
        plot::bars(&bars, ["rules", "rules and model, left out"]),
    ) {
        eprintln!("cannot write `{PLOT}`: {error}");
    }
}

fn indirect(rows: &[Row], judges: &[Judge<'_>], report: &mut Report) {
    report.line(
        "Attacks are counted apart: those written as direct attacks and met in a result; planted \
         tasks of BIPIA, which are ordinary requests at the wrong place; and other indirect ones.\n",
    );
    report.line("| judge | attacks in results | planted tasks (BIPIA) | other indirect | false alarms: outputs of tools | documents | code | about injection |");
    report.line("|---|---|---|---|---|---|---|---|");
    for judge in judges {
        let rate = |chosen: &dyn Fn(&Row) -> bool| {
            let mut rate = Rate::default();
            for (i, _) in rows.iter().enumerate().filter(|(_, r)| chosen(r)) {
                rate.add((judge.alarm)(i));
            }
            rate
        };
        let attacks = rate(&|r| r.role() == Role::Direct);
        let planted = rate(&|r| r.role() == Role::Indirect && r.source == "bipia");
        let other = rate(&|r| r.role() == Role::Indirect && r.source != "bipia");
        let outputs = rate(&|r| !r.threat && r.kind.starts_with("tool_output"));
        report.line(&format!(
            "| {} | {attacks} | {planted} | {other} | {outputs} | {} | {} | {} |",
            judge.name,
            rate(&|r| r.role() == Role::Operational && r.kind == "doc"),
            rate(&|r| r.source == "repo-code"),
            rate(&|r| r.role() == Role::AboutInjection),
        ));
        if judge.name.starts_with("both") {
            report.figure("indirect.recall_attacks", attacks.share());
            report.figure("indirect.recall_planted", planted.share());
            report.figure("indirect.recall_other", other.share());
            report.figure("indirect.false_alarms_tool_output", outputs.share());
        }
    }
    report.line("");
}

/// The same attacks and benign texts as an argument of a tool, where the model reads only what has
/// a literal of an injection in it.
fn elsewhere(rows: &[Row], report: &mut Report) {
    let mut tally = Tally::default();
    for row in rows {
        if matches!(row.role(), Role::Direct | Role::Operational) {
            let found = rules::findings(&row.text, Place::Argument);
            tally.add(row.threat, &row.source, found.has(Vector::PromptInjection));
        }
    }
    report.line(&format!(
        "As an argument of a tool instead (as shipped): recall {}, false alarms on operational texts {}.\n",
        tally.recall(),
        tally.false_alarms()
    ));
    report.figure("argument.recall_as_shipped", tally.recall().share());
}

fn obfuscations(rows: &[Row], report: &mut Report) {
    let found = |text: &str| rules::findings(text, Place::Prompt).has(Vector::PromptInjection);
    let short = |r: &&Row| r.text.is_ascii() && (20..200).contains(&r.text.len());
    let attacks: Vec<&Row> = rows
        .iter()
        .filter(|r| r.role() == Role::Direct)
        .filter(short)
        .filter(|r| found(&r.text))
        .step_by(7)
        .take(OBFUSCATED)
        .collect();
    let benign: Vec<&Row> = rows
        .iter()
        .filter(|r| r.role() == Role::Operational && r.kind == "user_prompt")
        .filter(short)
        .filter(|r| !found(&r.text))
        .step_by(7)
        .take(OBFUSCATED)
        .collect();
    report.line("### Obfuscation\n");
    report.line("Attacks found when plain, and benign prompts passed when plain, written differently (as shipped).\n");
    report.line("| written with | attacks found | benign alarms |");
    report.line("|---|---|---|");
    for (name, write) in OBFUSCATIONS {
        let mut rates = [Rate::default(), Rate::default()];
        for (rate, texts) in rates.iter_mut().zip([&attacks, &benign]) {
            for row in texts {
                rate.add(found(&write(&row.text)));
            }
        }
        let [hits, alarms] = rates;
        report.line(&format!("| {name} | {hits} | {alarms} |"));
        report.figure(&format!("obfuscation.{name}.found"), hits.share());
        report.figure(&format!("obfuscation.{name}.alarms"), alarms.share());
    }
    report.line("");
}

/// The anchors on a part of the same rows, beside us on that part.
fn anchors(
    rows: &[Row],
    which: Which,
    ours: &dyn Fn(usize) -> bool,
    report: &mut Report,
) -> Result<()> {
    if !Path::new(ANCHOR_PYTHON).exists() {
        println!("`{ANCHOR_PYTHON}` is not there: other detectors are not measured");
        return Ok(());
    }
    let wanted = |row: &Row| match which {
        Which::Direct => matches!(
            row.role(),
            Role::Direct | Role::Operational | Role::AboutInjection
        ),
        Which::Indirect => {
            matches!(row.role(), Role::Direct | Role::Indirect)
                || row.kind.starts_with("tool_output")
        }
    };
    let mut taken: BTreeMap<(&str, &str, bool), usize> = BTreeMap::new();
    let chosen: Vec<usize> = (0..rows.len())
        .filter(|i| wanted(&rows[*i]))
        .filter(|i| {
            let row = &rows[*i];
            // Threats by source, benign rows by kind too.
            let kind = if row.threat { "" } else { &row.kind };
            let count = taken.entry((&row.source, kind, row.threat)).or_default();
            *count += 1;
            *count <= ANCHOR_ROWS
        })
        .collect();
    let folder = tempfile::tempdir()?;
    let (input, output) = (folder.path().join("rows"), folder.path().join("verdicts"));
    let mut lines = String::new();
    for i in &chosen {
        let row = json!({"text": rows[*i].text, "result": which == Which::Indirect});
        let _ = writeln!(lines, "{row}");
    }
    std::fs::write(&input, lines)?;
    // Detectors that keep a log write it where they stand.
    let status = Command::new(std::path::absolute(ANCHOR_PYTHON)?)
        .arg(std::path::absolute("bench/anchors/injection.py")?)
        .current_dir(folder.path())
        .args([&input, &output])
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        println!("the other detectors could not be run: {status}");
        return Ok(());
    }
    let verdicts: Value = serde_json::from_slice(&std::fs::read(&output)?)?;
    report.line(&format!(
        "### Beside other detectors, on the same {} rows\n",
        chosen.len()
    ));
    report.line("At most 150 rows of each source (of each kind, where benign); default thresholds; ours left out.\n");
    report.line("| detector | precision | recall | recall, mean over sources | F1 | false alarms | about injection |");
    report.line("|---|---|---|---|---|---|---|");
    let mut judged: Vec<(String, Vec<bool>)> = vec![(
        "interlock".to_owned(),
        chosen.iter().map(|i| ours(*i)).collect(),
    )];
    if let Some(map) = verdicts.as_object() {
        for (name, found) in map {
            let version = found["version"].as_str().unwrap_or_default();
            let flags = found["flags"].as_array().context("no verdicts")?;
            judged.push((
                format!("{name} {version}"),
                flags.iter().map(|f| f.as_i64() == Some(1)).collect(),
            ));
        }
    }
    for (name, alarms) in &judged {
        let (mut tally, mut about) = (Tally::default(), Rate::default());
        for (i, alarm) in chosen.iter().zip(alarms) {
            let row = &rows[*i];
            if row.role() == Role::AboutInjection {
                about.add(*alarm);
            } else {
                tally.add(row.threat, &row.source, *alarm);
            }
        }
        report.line(&format!(
            "| {name} | {:.3} | {} | {:.3} | {:.3} | {} | {about} |",
            tally.precision(),
            tally.recall(),
            tally.macro_recall(),
            tally.f1(),
            tally.false_alarms(),
        ));
        let short = name.split(' ').next().unwrap_or_default();
        report.figure(&format!("{}.anchors.{short}.f1", which.name()), tally.f1());
    }
    report.line("");
    Ok(())
}

/// The detectors that learn nothing.
fn others(folder: &Path, report: &mut Report) -> Result<()> {
    report.line("## Other detectors\n");
    report.line("As an argument of a tool, a whole query as the statement of a query. Benign rows are all benign rows of the detector's data.\n");
    report.line("| data | precision | recall | F1 | recall, mean over sources | false alarms |");
    report.line("|---|---|---|---|---|---|");
    let mut details = String::new();
    for (name, vector) in [("sqli", Vector::SqlInjection), ("xss", Vector::Xss)] {
        let mut tally = Tally::default();
        for row in data::read(folder, name)? {
            let found = rules::other(&row, name);
            let alarm = found.has(vector);
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
        report.figure(
            &format!("{name}.false_alarms"),
            tally.false_alarms().share(),
        );
        for (label, by) in [("recall", &tally.threats), ("false alarms", &tally.benign)] {
            for (source, rate) in by.iter().filter(|(_, r)| label == "recall" || r.alarms > 0) {
                let _ = writeln!(details, "| {name} | {label} | {source} | {rate} |");
            }
        }
    }
    report.line("\n| data | figure | source and kind | rate |\n|---|---|---|---|");
    report.text.push_str(&details);
    report.line("");
    Ok(())
}

/// The section of a report from `title` on.
fn kept(report: &str, title: &str) -> String {
    report
        .find(title)
        .and_then(|at| report.get(at..))
        .unwrap_or_default()
        .to_owned()
}

/// Prints what changed since the committed figures.
fn compare(figures: &BTreeMap<String, Value>) {
    let last: BTreeMap<String, Value> = std::fs::read(FIGURES)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let names: BTreeSet<&String> = figures.keys().chain(last.keys()).collect();
    let mut changes = 0;
    for name in names {
        let (old, new) = (last.get(name), figures.get(name));
        if old != new {
            changes += 1;
            let show = |v: Option<&Value>| v.map_or("none".to_owned(), Value::to_string);
            println!("{name}: {} -> {}", show(old), show(new));
        }
    }
    println!("{changes} figures changed since the last report\n");
}
