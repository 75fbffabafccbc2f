//! `interlock policy`

use std::fs;
use std::path::Path;

use interlock_core::program::expr::Expr;
use tempfile::TempDir;

use crate::command::run;

fn cases() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/cases"))
}

fn bundle(text: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("bundle.yaml"), text).unwrap();
    directory
}

const TESTED: &str = "\
interlock: 1
name: payments
default: allow
rules:
  - id: large-payments
    description: A person agrees to payments of more than 1000 dollars
    match: { action: [payment] }
    when: args.amount > 1000
    effect: require_approval
  - id: no-deletes
    match: { action: [file_delete], resource: [\"/srv/**\"] }
    effect: block
tests:
  - name: a large payment waits
    action: { action_type: payment, arguments: { amount: 4500, currency: USD } }
    expect: { rule: large-payments }
  - name: a small payment runs
    action: { action_type: payment, arguments: { amount: 5, currency: USD } }
    expect: { silent: large-payments }
  - name: files of the service stay
    action: { action_type: file_delete, resource: /srv/a }
    expect: { effect: block, rule: no-deletes }
  - name: other files are not its business
    action: { action_type: file_delete, resource: /tmp/a }
    expect: { silent: no-deletes }
";

#[test]
fn three_mistakes_are_reported_with_line_and_caret() {
    let ran = run(&["policy", "check", "three-mistakes.yaml"], cases());
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.shown(&[]));

    let json = run(
        &["policy", "check", "three-mistakes.yaml", "--json"],
        cases(),
    );
    assert_eq!(json.code, 1);
    let value = json.json();
    assert_eq!(value["ok"], false);
    let text = fs::read_to_string(cases().join("three-mistakes.yaml")).unwrap();
    for (line, about) in [
        (7, "unbouded"),
        (10, "risk.composite > 90"),
        (16, "shadowed"),
    ] {
        let found = value["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .find(|d| d["line"] == line)
            .unwrap_or_else(|| panic!("nothing at line {line}\n{}", ran.stdout));
        assert!(found["column"].as_u64().unwrap() >= 1);
        assert!(found["width"].as_u64().unwrap() >= 1);
        let source = text.lines().nth(line - 1).unwrap();
        assert_eq!(found["excerpt"].as_str().unwrap(), source);
        assert!(source.contains(about), "{source}");
        // The caret stands under what is meant.
        let caret = ran
            .stdout
            .lines()
            .skip_while(|l| !l.ends_with(source))
            .nth(1)
            .unwrap();
        assert!(caret.contains('^'), "{caret}");
    }
}

#[test]
fn warnings_fail_when_they_are_denied() {
    let untested = "interlock: 1\ndefault: allow\nrules:\n  - id: a\n    match: { action: [payment] }\n    effect: block\n";
    let directory = bundle(untested);
    let ran = run(&["policy", "check", "bundle.yaml"], directory.path());
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(ran.stdout.contains("warning["), "{}", ran.stdout);
    let ran = run(
        &["policy", "check", "bundle.yaml", "--deny-warnings"],
        directory.path(),
    );
    assert_eq!(ran.code, 1);
}

#[test]
fn a_bundle_that_is_not_there() {
    let ran = run(&["policy", "check", "nowhere/"], cases());
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("nowhere"), "{}", ran.stdout);
}

#[test]
fn own_tests_run_through_the_engine() {
    let directory = bundle(TESTED);
    let ran = run(&["policy", "test", "bundle.yaml"], directory.path());
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    insta::assert_snapshot!(ran.shown(&[]));

    // A rule that is turned round makes exactly the tests fail that it is about.
    let wrong = bundle(&TESTED.replace("args.amount > 1000", "args.amount < 1000"));
    let ran = run(&["policy", "test", "bundle.yaml"], wrong.path());
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!("own_tests_that_fail", ran.shown(&[]));
}

#[test]
fn every_built_in_bundle_passes_its_own_tests() {
    let ran = run(&["policy", "test", "--built-in", "--json"], cases());
    let value = ran.json();
    let failed: Vec<String> = value["bundles"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|b| b["tests"].as_array().unwrap())
        .filter(|t| t["ok"] != true)
        .map(|t| format!("{} {}: {}", t["origin"], t["name"], t["message"]))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(ran.code, 0);
    assert_eq!(
        value["bundles"].as_array().unwrap().len(),
        interlock_policy::BUILT_IN.len()
    );
    for bundle in value["bundles"].as_array().unwrap() {
        assert!(
            !bundle["tests"].as_array().unwrap().is_empty(),
            "{}",
            bundle["bundle"]
        );
    }
}

#[test]
fn every_built_in_bundle_checks_without_a_word() {
    for (name, _) in interlock_policy::BUILT_IN {
        let ran = run(&["policy", "check", name, "--deny-warnings"], cases());
        assert_eq!(ran.code, 0, "{name}\n{}", ran.stdout);
    }
}

#[test]
fn a_rule_is_explained() {
    let directory = bundle(TESTED);
    let ran = run(
        &["policy", "explain", "bundle.yaml", "large-payments"],
        directory.path(),
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    insta::assert_snapshot!(ran.shown(&[]));
    let ran = run(
        &["policy", "explain", "bundle.yaml", "large-payment"],
        directory.path(),
    );
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("there is no rule `large-payment`"),
        "{}",
        ran.stderr
    );
}

/// The structure of a condition, chains of `&&` and `||` as lists: how they are nested means
/// nothing.
fn flat(expr: &Expr) -> String {
    fn operands<'a>(expr: &'a Expr, or: bool, out: &mut Vec<&'a Expr>) {
        match (expr, or) {
            (Expr::Or(a, b), true) | (Expr::And(a, b), false) => {
                operands(a, or, out);
                operands(b, or, out);
            }
            _ => out.push(expr),
        }
    }
    let list = |or| {
        let mut found = Vec::new();
        operands(expr, or, &mut found);
        found.into_iter().map(flat).collect::<Vec<_>>().join(", ")
    };
    match expr {
        Expr::Or(..) => format!("any({})", list(true)),
        Expr::And(..) => format!("all({})", list(false)),
        Expr::Not(a) => format!("not({})", flat(a)),
        other => format!("{other:?}"),
    }
}

/// What `explain` prints of a condition must mean the condition: it is put back in its place, and
/// the bundle must still pass its tests.
#[test]
fn printed_conditions_mean_the_same() {
    for (name, text) in interlock_policy::BUILT_IN {
        let compiled =
            interlock_policy::compile(&[interlock_policy::built_in(name).unwrap()], 1).unwrap();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a.yaml"), text).unwrap();
        for rule in compiled
            .program
            .rules()
            .iter()
            .filter(|r| r.when.is_some())
            .take(12)
        {
            let ran = run(&["policy", "explain", name, &rule.id, "--json"], cases());
            let when = ran.json()["when"].as_str().unwrap().to_owned();
            let small = format!(
                "interlock: 1\ndefault: allow\nrules:\n  - id: again\n    when: {}\n    effect: block\n",
                serde_json::to_string(&when).unwrap()
            );
            let source = interlock_policy::Source::new("again.yaml", small);
            let again = interlock_policy::compile(&[source], 1)
                .unwrap_or_else(|d| panic!("{name} {}: {when}\n{}", rule.id, d[0]));
            let [printed, meant] =
                [&again.program.rules()[0].when, &rule.when].map(|w| flat(w.as_ref().unwrap()));
            assert_eq!(printed, meant, "{name} {}: {when}", rule.id);
        }
    }
}

#[test]
fn formatting_keeps_the_meaning_and_comes_to_rest() {
    let untidy = "\r\n\r\ninterlock: 1\r\nname: x   \r\n\r\n\r\n\r\ndefault: allow\r\nrules:\r\n    # why\r\n    -   id: a\r\n        description: |\r\n            kept  \r\n\r\n\r\n              as it is\r\n        match: { action: [payment] }\r\n        effect: block\r\n\r\n\r\n    -   id: b\r\n        match:\r\n            action:\r\n                - file_read\r\n        effect: alert\r\n\r\n";
    let directory = bundle(untidy);
    let path = directory.path();
    let ran = run(&["policy", "fmt", "bundle.yaml", "--check"], path);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(
        fs::read_to_string(path.join("bundle.yaml")).unwrap(),
        untidy
    );
    let ran = run(&["policy", "fmt", "bundle.yaml"], path);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let tidy = fs::read_to_string(path.join("bundle.yaml")).unwrap();
    insta::assert_snapshot!(tidy);
    let ran = run(&["policy", "fmt", "bundle.yaml", "--check"], path);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
}

#[test]
fn built_in_bundles_are_tidy() {
    for (name, text) in interlock_policy::BUILT_IN {
        let directory = bundle(text);
        let ran = run(
            &["policy", "fmt", "bundle.yaml", "--check"],
            directory.path(),
        );
        assert_eq!(ran.code, 0, "{name}: {}{}", ran.stdout, ran.stderr);
    }
}
