//! `interlock check` and `interlock explain`

use std::path::Path;

use crate::command::{run, run_with};

const DELETE: &str = r#"{"agent_id":"bot","action_type":"database_write","resource":"postgres://prod/customers","arguments":{"sql":"DELETE FROM customers"},"environment":"production"}"#;

const READ: &str = r#"{"agent_id":"bot","action_type":"file_read","resource":"docs/readme.md"}"#;

const WEEKEND: &str = "\
interlock: 1
default: allow
rules:
  - id: rest
    match: { action: [file_read] }
    schedule: { days: [sat, sun], hours: \"00:00-24:00\", tz: UTC }
    effect: block
";

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn an_unbounded_delete_is_blocked() {
    let ran = run_with(&["check", "-"], here(), DELETE);
    assert_eq!(ran.code, 3, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.starts_with("block"), "{}", ran.stdout);
}

#[test]
fn an_ordinary_read_runs() {
    let args = [
        "check",
        "--type",
        "file_read",
        "--resource",
        "docs/readme.md",
        "--policy",
        "permissive",
    ];
    let ran = run(&args, here());
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
}

/// The tiny model of random weights: it reads, says so, and decides nothing.
#[test]
fn a_deeper_model_reads_the_action_too() {
    let model = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../interlock-deep/tests/fixtures/tiny"
    );
    let prompt =
        r#"{"agent_id":"bot","action_type":"llm_call","context":{"prompt":"the weather is fine"}}"#;
    let plain = run_with(&["check", "-"], here(), prompt);
    let ran = run_with(&["check", "-", "--deep-model", model], here(), prompt);
    assert_eq!(ran.code, plain.code, "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stdout.contains("deeper model: 0.") && ran.stdout.contains(" in context.prompt"),
        "{}",
        ran.stdout
    );
    let ran = run_with(
        &["--json", "check", "-", "--deep-model", model],
        here(),
        prompt,
    );
    let value: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(value["deep_model"]["path"], "context.prompt");
    assert_eq!(value["deep_model"]["threshold_milli"], 500);
}

#[test]
fn a_directory_without_a_model_is_refused_before_anything_is_decided() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().to_str().unwrap();
    for args in [
        vec!["check", "-", "--deep-model", directory],
        vec!["up", "--deep-model", directory, "--data", "never-made"],
    ] {
        let ran = run_with(&args, folder.path(), READ);
        assert_ne!(ran.code, 0);
        assert!(ran.stdout.is_empty(), "{}", ran.stdout);
        assert!(ran.stderr.contains("config.json"), "{}", ran.stderr);
        assert!(!folder.path().join("never-made").exists());
    }
}

#[test]
fn explain_shows_every_term_and_the_facts() {
    let ran = run_with(
        &["explain", "-", "--at", "2026-01-14T10:00:00Z"],
        here(),
        DELETE,
    );
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    for part in [
        "block",
        "\nrisk\n",
        "composite",
        "\nfacts\n",
        "facts.sql.unbounded",
        "\nrules\n",
        "unbounded-writes asks for block  decided",
    ] {
        assert!(ran.stdout.contains(part), "{part}\n{}", ran.stdout);
    }
    // Each dimension is the sum of the terms that are shown under it.
    let json = run_with(
        &["explain", "-", "--at", "2026-01-14T10:00:00Z", "--json"],
        here(),
        DELETE,
    )
    .json();
    for (name, dimension) in json["risk"]["dimensions"].as_object().unwrap() {
        let terms = dimension["terms"].as_array().unwrap();
        let sum: i64 = terms.iter().map(|t| t["points"].as_i64().unwrap()).sum();
        assert_eq!(
            sum.clamp(0, 100),
            dimension["score"].as_i64().unwrap(),
            "{name}"
        );
        for term in terms {
            assert!(
                ran.stdout.contains(term["code"].as_str().unwrap()),
                "{term}\n{}",
                ran.stdout
            );
        }
    }
}

#[test]
fn the_time_is_the_one_given() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("weekend.yaml"), WEEKEND).unwrap();
    let effect = |at: &str| {
        let args = [
            "explain",
            "-",
            "--at",
            at,
            "--policy",
            "weekend.yaml",
            "--json",
        ];
        let ran = run_with(&args, directory.path(), READ);
        ran.json()["effect"].as_str().unwrap().to_owned()
    };
    assert_eq!(effect("2026-01-14T10:00:00Z"), "allow");
    assert_eq!(effect("2026-01-17T10:00:00Z"), "block");
}

#[test]
fn what_cannot_be_read_is_named() {
    for (args, stdin, said) in [
        (&["explain", "-"][..], "{", "JSON"),
        (&["explain", "-"], "{}", "agent_id"),
        (&["explain", "nowhere.json"], "", "nowhere.json"),
        (&["explain", "-", "--at", "yesterday"], DELETE, "yesterday"),
        (&["explain", "-", "--policy", "nowhere"], DELETE, "nowhere"),
        (&["check"], "", "name the action"),
    ] {
        let ran = run_with(args, here(), stdin);
        assert_eq!(ran.code, 1, "{args:?}");
        assert!(
            ran.stderr.to_lowercase().contains(&said.to_lowercase()),
            "{args:?}: {}",
            ran.stderr
        );
    }
}
