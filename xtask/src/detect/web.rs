//! SQL injection and cross-site scripting: values, whole queries and markup apart, beside
//! libinjection on the same rows.
//!
//! Neither detector learns, so there is nothing to leave out; both were written with these rows in
//! view.

use std::path::Path;

use anyhow::Result;
use interlock_core::model::Vector;
use libinjectionrs::{detect_sqli, detect_xss};

use super::data::{self, Row};
use super::eval::Report;
use super::measure::Tally;
use super::rules;

/// One set of rows to judge.
struct Set {
    name: &'static str,
    figure: &'static str,
    data: &'static str,
    vector: Vector,
    chosen: fn(&Row) -> bool,
}

const SETS: [Set; 4] = [
    Set {
        name: "SQL injection, a value",
        figure: "sqli_value",
        data: "sqli",
        vector: Vector::SqlInjection,
        chosen: |r| !r.kind.starts_with("query"),
    },
    Set {
        name: "SQL injection, a whole query; benign: Spider",
        figure: "sqli_query",
        data: "sqli",
        vector: Vector::SqlInjection,
        chosen: |r| r.kind.starts_with("query") && (r.threat || r.source == "spider"),
    },
    Set {
        name: "SQL injection, a whole query; benign: composed",
        figure: "sqli_query_composed",
        data: "sqli",
        vector: Vector::SqlInjection,
        chosen: |r| r.kind.starts_with("query") && r.source == "composed-query",
    },
    Set {
        name: "cross-site scripting",
        figure: "xss_value",
        data: "xss",
        vector: Vector::Xss,
        chosen: |_| true,
    },
];

/// The rows of other data that both detectors are tried on as values: none is an attack of theirs.
const ELSEWHERE: [&str; 4] = ["prompt_injection", "pii", "secrets", "exploit"];

fn anchor(vector: Vector, text: &str) -> bool {
    match vector {
        Vector::Xss => detect_xss(text.as_bytes()).is_injection(),
        _ => detect_sqli(text.as_bytes()).is_injection(),
    }
}

/// The section of the report.
pub(super) fn section(folder: &Path, report: &mut Report) -> Result<()> {
    report.line("## SQL injection and cross-site scripting\n");
    report.line(
        "Nothing is learnt, so no source is left out; the rules were written with these rows in view. \
         libinjection stands beside in its Rust port, with its one threshold.\n",
    );
    report.line(
        "| rows | detector | precision | recall | F1 | recall, mean over sources | false alarms |",
    );
    report.line("|---|---|---|---|---|---|---|");
    for set in &SETS {
        let (mut ours, mut theirs) = (Tally::default(), Tally::default());
        for row in data::read(folder, set.data)?
            .iter()
            .filter(|r| (set.chosen)(r))
        {
            let alarm = rules::other(row, set.data).has(set.vector);
            ours.add(row.threat, &row.source, alarm);
            theirs.add(row.threat, &row.source, anchor(set.vector, &row.text));
        }
        for (name, tally) in [("interlock", &ours), ("libinjection", &theirs)] {
            report.line(&format!(
                "| {} | {name} | {:.3} | {} | {:.3} | {:.3} | {} |",
                set.name,
                tally.precision(),
                tally.recall(),
                tally.f1(),
                tally.macro_recall(),
                tally.false_alarms()
            ));
            let figure = |what: &str| match name {
                "interlock" => format!("{}.{what}", set.figure),
                _ => format!("{}.anchors.{name}.{what}", set.figure),
            };
            report.figure(&figure("recall"), tally.recall().share());
            report.figure(&figure("false_alarms"), tally.false_alarms().share());
        }
    }
    report.line("");
    elsewhere(folder, report)
}

/// False alarms on the benign rows of the other detectors' data.
fn elsewhere(folder: &Path, report: &mut Report) -> Result<()> {
    let mut tallies = [
        (Vector::SqlInjection, Tally::default()),
        (Vector::Xss, Tally::default()),
    ];
    for data in ELSEWHERE {
        for row in data::read(folder, data)?.iter().filter(|r| !r.threat) {
            let found = rules::other(row, data);
            for (vector, tally) in &mut tallies {
                tally.add(false, &row.source, found.has(*vector));
            }
        }
    }
    let [(_, sqli), (_, xss)] = &tallies;
    report.line(&format!(
        "On the benign rows of the other detectors' data, as arguments: SQL injection {}, cross-site scripting {}.\n",
        sqli.false_alarms(),
        xss.false_alarms()
    ));
    report.figure(
        "sqli_value.false_alarms_elsewhere",
        sqli.false_alarms().share(),
    );
    report.figure(
        "xss_value.false_alarms_elsewhere",
        xss.false_alarms().share(),
    );
    Ok(())
}
