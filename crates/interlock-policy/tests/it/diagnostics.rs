//! What an author is told, as text: `tests/cases/diagnostics.txt`.

use std::fmt::Write as _;
use std::path::Path;

use interlock_policy::{Source, compile};

/// Compiles the files of a case and renders everything that is said about them.
fn check(input: &str) -> String {
    let mut sources = Vec::new();
    for file in input.split("##### ").filter(|f| !f.trim().is_empty()) {
        let (name, text) = file.split_once('\n').unwrap();
        sources.push(Source::new(name.trim(), text));
    }
    let (verdict, found) = match compile(&sources, 1) {
        Ok(compiled) => ("loads", compiled.warnings),
        Err(found) => ("does not load", found),
    };
    let mut out = String::new();
    for diagnostic in &found {
        writeln!(out, "{diagnostic}\n").unwrap();
    }
    writeln!(out, "{verdict}").unwrap();
    out
}

/// Cases are `===== name`, files each after `##### file`, then `-----` and what is said. With
/// `INTERLOCK_BLESS=1` the file is rewritten with what is said now.
#[test]
fn what_an_author_is_told() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/diagnostics.txt");
    let cases = std::fs::read_to_string(&path).unwrap();
    let mut blessed = String::new();
    let mut failed = Vec::new();
    for case in cases.split("===== ").filter(|c| !c.trim().is_empty()) {
        let (name, rest) = case.split_once('\n').unwrap();
        let (input, expected) = rest.split_once("-----\n").unwrap();
        let got = check(input);
        if got.trim() != expected.trim() {
            failed.push(format!("{name}\nexpected:\n{expected}\ngot:\n{got}"));
        }
        write!(blessed, "===== {name}\n{input}-----\n{}\n\n", got.trim()).unwrap();
    }
    if std::env::var_os("INTERLOCK_BLESS").is_some() {
        std::fs::write(&path, blessed.trim_end().to_owned() + "\n").unwrap();
        return;
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn ten_thousand_rules_load_and_one_more_does_not() {
    let bundle = |count: usize| {
        let mut text = String::from("interlock: 1\ndefault: allow\nrules:\n");
        for i in 0..count {
            writeln!(
                text,
                "  - {{ id: r{i}, match: {{ tool: t{i} }}, when: risk.composite > {}, effect: block }}",
                i % 90
            )
            .unwrap();
        }
        compile(&[Source::new("many.yaml", text)], 1)
    };
    let compiled = bundle(10_000).unwrap();
    assert_eq!(compiled.program.rules().len(), 10_000);
    let found = bundle(10_001).unwrap_err();
    assert!(
        found.iter().any(|d| d.message.contains("limit is 10000")),
        "{found:?}"
    );
}
