//! Each disguise of a text, as an attack and as an innocent twin: `tests/cases/obfuscation.md`.
//!
//! `## title (`vector`)`, then for each disguise `- disguise, attack: text` (that vector reports
//! it) or `- disguise, missed: text` with a line that says why (it does not), and `- disguise, benign:
//! text` (nothing is reported at all).

mod detector_cases;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use interlock_core::detectors::DetectorConfig;
use interlock_core::model::Vector;

use detector_cases::{case, findings};

const DISGUISES: [&str; 15] = [
    "full width",
    "mathematical",
    "look-alikes",
    "zero width",
    "combining marks",
    "tag characters",
    "direction marks",
    "percent",
    "double percent",
    "entities",
    "escapes",
    "base64",
    "hexadecimal",
    "digits for letters",
    "spelt out",
];

#[test]
fn every_disguise_has_an_attack_and_an_innocent_twin() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/obfuscation.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut seen: BTreeMap<String, BTreeSet<(String, bool)>> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut section = (String::new(), Vector::PromptInjection);
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            let vector = title.split('`').nth(1).and_then(Vector::from_name);
            section = (
                title.to_owned(),
                vector.expect("a section names its vector"),
            );
        }
        let Some(line) = line.strip_prefix("- ") else {
            continue;
        };
        let (label, text) = line.split_once(": ").unwrap();
        let (disguise, kind) = label.split_once(", ").unwrap();
        assert!(DISGUISES.contains(&disguise), "{disguise}");
        let found = findings(&case(text), &DetectorConfig::default());
        let (title, vector) = &section;
        let right = match kind {
            "attack" => found.has(*vector),
            "missed" => {
                let why = lines.peek().is_some_and(|l| l.starts_with("  "));
                assert!(why, "what is missed says why: {line}");
                !found.has(*vector)
            }
            "benign" => found.items().is_empty(),
            other => panic!("no kind of case: {other}"),
        };
        if !right {
            let codes: Vec<_> = found
                .items()
                .iter()
                .map(|f| (f.code.code, f.confidence))
                .collect();
            wrong.push(format!("{title}: {line}\n    {codes:?}"));
        }
        let new = seen
            .entry(title.clone())
            .or_default()
            .insert((disguise.to_owned(), kind == "benign"));
        assert!(new, "{title}: {label} stands twice");
    }
    assert!(
        wrong.is_empty(),
        "{} cases:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(seen.len() >= 6);
    for (title, cases) in seen {
        for disguise in DISGUISES {
            for benign in [false, true] {
                assert!(
                    cases.contains(&(disguise.to_owned(), benign)),
                    "{title}: `{disguise}` lacks a case, benign {benign}"
                );
            }
        }
    }
}
