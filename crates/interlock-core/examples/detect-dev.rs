//! Measures the content detectors on labelled texts.
//!
//! `detect-dev VECTOR FILE.jsonl [--misses N] [--alarms N] [--source NAME]` reads records
//! `{"text", "label": 1 threat | 0 benign, "source", "kind"}`, one a line; `-` reads standard
//! input. Prints recall or false-positive rate per source and kind.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read};

use interlock_core::detectors::{DetectContext, DetectorConfig, Phase, detect_content, scan};
use interlock_core::facts::Facts;
use interlock_core::model::{Action, ActionType, Findings, Object, Principal, Value, Vector};
use interlock_core::text::flatten;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        args.iter()
            .position(|a| a == name)
            .and_then(|i| args.get(i + 1))
            .cloned()
    };
    let usage = "usage: detect-dev VECTOR FILE|- [--misses N] [--alarms N] [--source NAME]";
    let vector = args
        .first()
        .and_then(|name| Vector::from_name(name))
        .ok_or(usage)?;
    let path = args.get(1).ok_or(usage)?;
    let mut misses: usize = option("--misses").map_or(Ok(0), |n| n.parse())?;
    let mut alarms: usize = option("--alarms").map_or(Ok(0), |n| n.parse())?;
    let only = option("--source");
    let input: Box<dyn Read> = if path == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path)?)
    };
    let config = DetectorConfig::default();
    let principal = Principal::local();
    let facts = Facts::default();
    let mut table: BTreeMap<(bool, String, String), (u32, u32)> = BTreeMap::new();
    let mut codes: BTreeMap<(bool, &str), u32> = BTreeMap::new();
    for line in BufReader::new(input).lines() {
        let record: serde_json::Value = serde_json::from_str(&line?)?;
        let field = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        let source = field("source");
        if only.as_ref().is_some_and(|o| *o != source) {
            continue;
        }
        let text = field("text");
        let threat = record["label"] == 1;
        let mut action = Action::new("dev", ActionType::ApiCall);
        let mut arguments = Object::new();
        arguments.insert("text", Value::String(text.clone()));
        action.arguments = Value::Object(arguments);
        let (segments, truncated) = flatten(&action);
        let scanned = scan(&segments, truncated);
        let mut found = Findings::default();
        let cx = DetectContext {
            action: &action,
            principal: &principal,
            facts: &facts,
            scanned: &scanned,
            readings: None,
            phase: Phase::Content,
        };
        detect_content(&cx, &config, &mut found);
        let hit = found.has(vector);
        let row = table
            .entry((!threat, source, field("kind")))
            .or_insert((0, 0));
        row.0 += u32::from(hit);
        row.1 += 1;
        for finding in found.items().iter().filter(|f| f.code.vector == vector) {
            *codes.entry((!threat, finding.code.code)).or_insert(0) += 1;
        }
        let brief = || {
            text.chars()
                .take(200)
                .collect::<String>()
                .replace('\n', "\\n")
        };
        if threat && !hit && misses > 0 {
            misses -= 1;
            println!("miss  {}", brief());
        }
        if !threat && hit && alarms > 0 {
            alarms -= 1;
            let what: Vec<String> = found
                .items()
                .iter()
                .filter(|f| f.code.vector == vector)
                .map(|f| {
                    let span = text
                        .get(f.span.start as usize..f.span.end as usize)
                        .unwrap_or_default();
                    format!("{} {} {:?}", f.code.code, f.confidence, brief_of(span))
                })
                .collect();
            println!("alarm {} <= {}", what.join("; "), brief());
        }
    }
    for benign in [false, true] {
        let title = if benign {
            "false-positive rate"
        } else {
            "recall"
        };
        let (mut hits, mut all) = (0, 0);
        for ((kind_benign, source, kind), (h, n)) in &table {
            if *kind_benign == benign {
                println!(
                    "{title:>20} {:>7.4} {h:>5}/{n:<5} {source} {kind}",
                    share(*h, *n)
                );
                hits += h;
                all += n;
            }
        }
        println!(
            "{title:>20} {:>7.4} {hits:>5}/{all:<5} TOTAL",
            share(hits, all)
        );
    }
    for ((benign, code), n) in codes {
        println!("{n:>6} {} {code}", if benign { "benign" } else { "threat" });
    }
    Ok(())
}

fn brief_of(text: &str) -> String {
    text.chars().take(80).collect()
}

fn share(hits: u32, all: u32) -> f64 {
    f64::from(hits) / f64::from(all.max(1))
}
