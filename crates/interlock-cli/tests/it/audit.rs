//! `interlock audit` on a directory that no server holds, and `interlock policy replay` over it.

use std::fs;
use std::path::Path;

use interlock_core::model::{Action, Principal, Value};
use interlock_runtime::{CheckOptions, Options, Runtime};
use serde_json::json;
use tempfile::TempDir;

use crate::command::{Ran, run, run_with};

const ACTIONS: usize = 20;
/// What stands before the body of a record.
const RECORD_HEADER_BYTES: usize = 96;

/// A data directory with decisions in it, and its key.
pub(crate) fn recorded() -> (TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let (runtime, _) = Runtime::open(Options::on(&directory.path().join("data"))).unwrap();
    for n in 0..ACTIONS {
        let action = if n % 4 == 0 {
            json!({"agent_id": "bot", "action_type": "database_write", "resource": "postgres://prod/customers",
                "arguments": {"sql": "DELETE FROM customers"}})
        } else {
            json!({"agent_id": "bot", "action_type": "file_read", "resource": format!("/srv/docs/{n}.md")})
        };
        let action = Action::from_json(action.to_string().as_bytes()).unwrap();
        runtime
            .check(&Principal::local(), action, &CheckOptions::default())
            .unwrap();
    }
    let vkey = runtime.journal().vkey();
    runtime.close();
    drop(runtime);
    (directory, vkey)
}

fn verify(directory: &Path, args: &[&str]) -> Ran {
    let mut all = vec!["audit", "verify", "data"];
    all.extend(args);
    run(&all, directory)
}

fn last_segment(directory: &Path) -> std::path::PathBuf {
    let mut segments: Vec<_> = fs::read_dir(directory.join("data/log/journal"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "seg"))
        .collect();
    segments.sort();
    segments.pop().unwrap()
}

#[test]
fn a_record_is_verified_and_what_proves_less_is_said() {
    let (directory, vkey) = recorded();
    let path = directory.path();
    let ran = verify(path, &["--vkey", &vkey]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.starts_with("ok entries="), "{}", ran.stdout);
    assert!(!ran.stderr.contains("no --vkey"));
    assert!(ran.stderr.contains("no --checkpoint"), "{}", ran.stderr);

    fs::write(path.join("key"), format!("{vkey}\n")).unwrap();
    assert_eq!(verify(path, &["--vkey", "key"]).code, 0);
    let ran = verify(path, &[]);
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("proves less"), "{}", ran.stderr);
    let json = verify(path, &["--json"]).json();
    assert_eq!(json["own_key"], true);
    assert_eq!(json["code"], 0);

    // The directory around it and the log directory itself are the same.
    let ran = run(&["audit", "verify", "data/log", "--vkey", &vkey], path);
    assert_eq!(ran.code, 0);
}

#[test]
fn every_verdict_has_its_exit_code() {
    let (directory, vkey) = recorded();
    let path = directory.path();
    let checkpoint = newest_checkpoint(path);
    fs::write(path.join("kept"), &checkpoint).unwrap();
    assert_eq!(
        verify(path, &["--vkey", &vkey, "--checkpoint", "kept"]).code,
        0
    );

    // Another key.
    let (_other, other_vkey) = recorded();
    let ran = verify(path, &["--vkey", &other_vkey]);
    assert_eq!(ran.code, 4, "{}", ran.stdout);

    // A changed byte in the body of an entry.
    let segment = last_segment(path);
    let whole = fs::read(&segment).unwrap();
    let at = find(&whole, b"DELETE")
        .or_else(|| find(&whole, b"\"block\""))
        .unwrap();
    let mut bytes = whole.clone();
    bytes[at + 1] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let ran = verify(path, &["--vkey", &vkey]);
    assert!([1, 3].contains(&ran.code), "{}", ran.stdout);
    fs::write(&segment, &whole).unwrap();

    // The end is gone: found with the checkpoint that was kept outside.
    let kind = find_last(&whole, b"\"kind\":\"decision\"").unwrap();
    let body = find_last(&whole[..kind], b"{\"v\":").unwrap();
    let mut bytes = whole.clone();
    bytes[body - RECORD_HEADER_BYTES..].fill(0);
    fs::write(&segment, &bytes).unwrap();
    let ran = verify(path, &["--vkey", &vkey, "--checkpoint", "kept"]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    fs::write(&segment, &whole).unwrap();
    assert_eq!(
        verify(path, &["--vkey", &vkey, "--checkpoint", "kept"]).code,
        0
    );

    // Not a record at all.
    let ran = run(&["audit", "verify", "."], path);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("holds no record"), "{}", ran.stderr);
    let ran = verify(path, &["--vkey", "nonsense"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("neither a file nor a key"),
        "{}",
        ran.stderr
    );
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|w| w == what)
}

fn find_last(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).rposition(|w| w == what)
}

/// The newest checkpoint of the tenant's log.
fn newest_checkpoint(directory: &Path) -> String {
    fs::read_dir(directory.join("data/log/logs"))
        .unwrap()
        .filter_map(|log| {
            let log = log.unwrap().path();
            let genesis: serde_json::Value =
                serde_json::from_slice(&fs::read(log.join("genesis.json")).unwrap()).unwrap();
            (genesis["tenant"] == "default")
                .then(|| fs::read_to_string(log.join("checkpoint")).unwrap())
        })
        .next()
        .unwrap()
}

#[test]
fn an_entry_is_proved_offline() {
    use interlock_core::audit::note::Verifier;
    use interlock_core::audit::proof::TlogProof;
    let (directory, vkey) = recorded();
    let ran = run(
        &["audit", "prove", "--data", "data", "--seq", "3", "--json"],
        directory.path(),
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let value = ran.json();
    let proof = TlogProof::parse(value["proof"].as_str().unwrap()).unwrap();
    assert_eq!(proof.index, 3);
    let leaf = value["leaf"].as_str().unwrap();
    let leaf: Vec<u8> = (0..32)
        .map(|i| u8::from_str_radix(&leaf[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    let origin = proof.checkpoint.lines().next().unwrap().to_owned();
    let key = Verifier::parse(&vkey).unwrap();
    proof
        .verify(&leaf.clone().try_into().unwrap(), &origin, &[&key])
        .unwrap();
    let mut wrong: [u8; 32] = leaf.try_into().unwrap();
    wrong[0] ^= 1;
    assert!(proof.verify(&wrong, &origin, &[&key]).is_err());

    let ran = run(
        &["audit", "prove", "--data", "data", "--seq", "9999"],
        directory.path(),
    );
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("9999"), "{}", ran.stderr);
}

#[test]
fn a_directory_in_use_is_named() {
    let (directory, _) = recorded();
    let (runtime, _) = Runtime::open(Options::on(&directory.path().join("data"))).unwrap();
    let ran = run(
        &["audit", "prove", "--data", "data", "--seq", "3"],
        directory.path(),
    );
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("a server is running"), "{}", ran.stderr);
    runtime.close();
}

#[test]
fn an_export_is_the_record_and_replays_to_itself() {
    let (directory, _) = recorded();
    let path = directory.path();
    let ran = run(&["audit", "export", "--data", "data", "--out", "out"], path);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let lines = fs::read_to_string(path.join("out/default.jsonl")).unwrap();
    let decisions = lines
        .lines()
        .filter(|l| l.contains("\"kind\":\"decision\""))
        .count();
    assert_eq!(decisions, ACTIONS);
    for line in lines.lines() {
        Value::parse(line.as_bytes()).unwrap();
    }
    let ran = run(
        &[
            "audit", "export", "--data", "data", "--out", "out", "--format", "tiles",
        ],
        path,
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(path.join("out/default/checkpoint").is_file());
    assert!(path.join("out/default/tile").is_dir());

    // The bundle that was in force decides everything as it did.
    let args = [
        "policy",
        "replay",
        "default",
        "--export",
        "out/default.jsonl",
        "--fail-on-change",
    ];
    let ran = run(&args, path);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stdout.contains(&format!(
            "{ACTIONS} decisions under `default`: {ACTIONS} the same"
        )),
        "{}",
        ran.stdout
    );
    // From the directory too, and from the standard input.
    let ran = run(
        &["policy", "replay", "default", "--data", "data", "--json"],
        path,
    );
    assert_eq!(ran.json()["same"], ACTIONS, "{}", ran.stderr);
    let ran = run_with(
        &["policy", "replay", "default", "--export", "-", "--json"],
        path,
        &lines,
    );
    assert_eq!(ran.json()["same"], ACTIONS);

    drafts(path, &lines);
}

/// What drafts make of the same record.
fn drafts(path: &Path, lines: &str) {
    let replay = |draft: &str| {
        fs::write(path.join("draft.yaml"), draft).unwrap();
        let ran = run(
            &[
                "policy",
                "replay",
                "draft.yaml",
                "--export",
                "out/default.jsonl",
                "--json",
            ],
            path,
        );
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        let value = ran.json();
        ["same", "stricter", "milder", "unknown"].map(|k| value[k].as_u64().unwrap())
    };
    let deletes = (ACTIONS / 4) as u64;
    let reads = ACTIONS as u64 - deletes;
    let blocked = lines
        .lines()
        .filter(|l| l.contains("\"decided\":\"block\""))
        .count() as u64;
    assert_eq!(
        blocked, deletes,
        "only the deletes are blocked by the bundle in force"
    );

    // Everything that was allowed is now blocked.
    let [same, stricter, ..] = replay(
        "interlock: 1\nname: draft\ndefault: block\nrules:\n  - id: a\n    match: { action: [file_read] }\n    effect: block\n",
    );
    assert_eq!((same, stricter), (deletes, reads));

    // Arguments are not in the record: what turns on them is unknown, what does not is known.
    let on_arguments = |condition: &str| {
        replay(&format!(
            "interlock: 1\nname: draft\ndefault: block\nrules:\n  - id: a\n    match: {{ action: [file_read] }}\n    when: {condition}\n    effect: block\n"
        ))
    };
    let [_, stricter, _, unknown] = on_arguments("\"args has mode && args.mode == \\\"x\\\"\"");
    assert_eq!((stricter, unknown), (0, reads));
    let [_, stricter, _, unknown] = on_arguments("facts.sql.present && args.mode == \"x\"");
    assert_eq!(
        (stricter, unknown),
        (reads, 0),
        "the left side alone makes it false"
    );

    // A counter that no rule kept is unknown.
    let [.., unknown] = replay(
        "interlock: 1\nname: draft\ndefault: allow\nrules:\n  - id: new-limit\n    match: { action: [file_read] }\n    require: { limits: { calls: \"5/1m\" } }\n    effect: block\n",
    );
    assert_eq!(unknown, reads);

    // Facts of an engine that is not this one may be missing.
    let other = lines.replace(
        &format!("\"engine\":\"{}\"", env!("CARGO_PKG_VERSION")),
        "\"engine\":\"0.0.1\"",
    );
    fs::write(path.join("other.jsonl"), other).unwrap();
    fs::write(
        path.join("draft.yaml"),
        "interlock: 1\nname: draft\ndefault: allow\nrules:\n  - id: a\n    match: { action: [file_read] }\n    when: facts.path.secret\n    effect: block\n",
    )
    .unwrap();
    let args = [
        "policy",
        "replay",
        "draft.yaml",
        "--export",
        "other.jsonl",
        "--json",
        "--fail-on-change",
    ];
    let ran = run(&args, path);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.json()["unknown"], reads, "{}", ran.stdout);

    let ran = run_with(
        &["policy", "replay", "default", "--export", "-"],
        path,
        "{}\n{not json\n",
    );
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("line 2"), "{}", ran.stderr);
}

#[test]
fn contents_are_shown_until_they_are_erased() {
    let (directory, vkey) = recorded();
    let path = directory.path();
    let show = |seq: &str| run(&["audit", "show", seq, "--data", "data"], path);
    let seq = (1..10)
        .map(|n| n.to_string())
        .find(|n| show(n).stdout.contains("DELETE FROM customers"))
        .expect("the arguments of a decision");
    let ran = show(&seq);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stdout.starts_with("arguments: {\"sql\":"),
        "{}",
        ran.stdout
    );
    let erase = || {
        run(
            &[
                "audit", "erase", "--agent", "bot", "--data", "data", "--json",
            ],
            path,
        )
    };
    let erased = erase().json();
    assert_eq!(erased["erased"], true, "{erased}");
    assert_eq!(erased["records"], 5, "{erased}");
    assert_eq!(erase().json()["erased"], false);
    let ran = show(&seq);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("was erased"), "{}", ran.stderr);
    assert_eq!(show("0").code, 1, "a genesis has no content");
    let ran = verify(path, &["--vkey", &vkey]);
    assert_eq!(ran.code, 5, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("redactions=1"), "{}", ran.stdout);
}
