//! Contents: kept, committed to, shown masked, erased.

use std::path::Path;
use std::time::{Duration, Instant};

use interlock_core::audit::record::ContentMode;
use interlock_core::audit::verify::{Trust, verify};
use interlock_core::model::{ActionDigest, Outcome, OutcomeStatus, Principal, Value};
use interlock_runtime::{Checked, Runtime, RuntimeError};
use interlock_store::journal::DirSource;
use interlock_store::vault::Subject;
use interlock_store::{ActionFilter, ActionRow};

use crate::world::{TENANT, World, action, check, end, outcome, records};

fn user(id: &str) -> Subject {
    Subject::User {
        tenant: TENANT.into(),
        id: id.to_owned(),
    }
}

/// A message on behalf of `user`, with what must not leak.
fn message(user: &str, n: u32) -> String {
    format!(
        r#"{{"agent_id":"mailer","action_type":"message_send","tool":"send_email","resource":"mailto:inbox",
            "run_id":"r","step":{n},"session_id":"s",
            "arguments":{{"subject":"Zebrafish {n}","body":"call Jane at jane.doe@example.com","price":1.50}},
            "context":{{"prompt":"write to the Zebrafish people"}},"mood":"good",
            "user":{{"id":"{user}","roles":["support"]}},"environment":"staging","cost_usd":"0.25",
            "observed":{{"rows":3,"path":{{"resolved":"/srv/a","bytes":7}}}},"capabilities":["redact","wait"]}}"#
    )
}

fn result(text: &str) -> Outcome {
    Outcome {
        result: Some(text.to_owned()),
        result_bytes: 9,
        ..outcome(OutcomeStatus::Succeeded)
    }
}

fn row(runtime: &Runtime, id: &str) -> ActionRow {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Ok(row) = runtime.store().action(TENANT, id) {
            return row;
        }
        assert!(Instant::now() < deadline, "`{id}` is not projected");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn rows(runtime: &Runtime) -> Vec<ActionRow> {
    let filter = ActionFilter::default();
    runtime.store().actions(TENANT, &filter, 1_000).unwrap()
}

/// Whether a file below `dir` holds `needle`.
fn holds(dir: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, needle);
        }
        let bytes = std::fs::read(&path).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

fn text<'a>(body: &'a Value, key: &str) -> &'a str {
    body.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn erased<T: std::fmt::Debug>(result: Result<T, RuntimeError>) {
    assert!(
        matches!(result, Err(RuntimeError::Erased)),
        "{:?}",
        result.err()
    );
}

#[test]
fn contents_are_kept_apart_and_make_the_action_again() {
    let world = World::new();
    let runtime = world.open();
    let asked = action(&message("u-7", 1));
    let checked = check(&runtime, &message("u-7", 1));
    let content = runtime.content(TENANT, "auditor", checked.seq).unwrap();
    assert_eq!(
        (content.kept, content.subject.as_deref()),
        (true, Some("user"))
    );
    let names: Vec<&str> = content.fields.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["arguments", "context", "metadata", "request"]);
    assert_eq!(
        content.fields[1].text.as_deref(),
        Some(r#"{"prompt":"write to the Zebrafish people"}"#)
    );
    // Number lexemes and all: what a re-execution starts from is the action that was decided on.
    let again = runtime.recorded_action(TENANT, checked.seq).unwrap();
    assert_eq!(again, asked);
    let body = &records(&runtime, "decision")[0];
    assert_eq!(
        ActionDigest::of(TENANT, &again).to_hex(),
        text(body, "action_hash")
    );
    // Looking leaves a trace.
    let looked = &records(&runtime, "export")[0];
    assert_eq!(
        (
            text(looked, "actor"),
            text(looked, "what"),
            text(looked, "id")
        ),
        ("auditor", "content-read", checked.seq.to_string().as_str())
    );
    let outcome = runtime
        .outcome(&Principal::local(), checked.id, &result("Quagga seen"))
        .unwrap();
    let content = runtime.content(TENANT, "auditor", outcome.seq).unwrap();
    assert_eq!(content.fields[0].text.as_deref(), Some("Quagga seen"));
    // An entry without content has none to show.
    assert!(matches!(
        runtime.content(TENANT, "auditor", outcome.seq + 1),
        Err(RuntimeError::NotFound(_))
    ));
    assert!(matches!(
        runtime.content(TENANT, "auditor", 1_000_000),
        Err(RuntimeError::NotFound(_))
    ));
    assert!(runtime.content("other", "auditor", checked.seq).is_err());
    let shown = row(&runtime, &checked.id.to_string());
    assert!(shown.payload.contains("Zebrafish 1") && !shown.payload.contains("jane.doe@"));
    assert!(!shown.erased && shown.vault_key.is_some());
    end(runtime);
    for dir in ["log", "vault"] {
        assert!(!holds(&world.dir.path().join(dir), b"Zebrafish"), "{dir}");
        assert!(!holds(&world.dir.path().join(dir), b"Quagga"), "{dir}");
    }
}

#[test]
fn an_erasure_takes_the_content_and_leaves_the_record() {
    let world = World::new();
    let runtime = world.open();
    let mine: Vec<Checked> = (0..3)
        .map(|n| check(&runtime, &message("u-7", n)))
        .collect();
    let other = check(&runtime, &message("u-8", 9));
    let plain = check(
        &runtime,
        r#"{"agent_id":"u-7","action_type":"file_read","resource":"/srv/a","arguments":{"path":"/srv/a"}}"#,
    );
    for checked in &mine {
        row(&runtime, &checked.id.to_string());
    }
    row(&runtime, &plain.id.to_string());
    end(runtime);

    // Its outcome comes after a restart: still the same subject's.
    let runtime = world.open();
    let late = runtime
        .outcome(&Principal::local(), mine[0].id, &result("late"))
        .unwrap();
    let done = runtime
        .erase_subject(&user("u-7"), "officer", "gdpr-17")
        .unwrap()
        .expect("there is content");
    assert_eq!((done.keys, done.records), (1, 4));
    for seq in mine.iter().map(|c| c.seq).chain([late.seq]) {
        erased(runtime.content(TENANT, "auditor", seq));
        erased(runtime.content_matches(TENANT, seq, "arguments", "{}"));
    }
    erased(runtime.recorded_action(TENANT, mine[0].seq));
    for checked in &mine {
        let row = row(&runtime, &checked.id.to_string());
        assert_eq!((row.payload.as_str(), row.erased), ("null", true));
    }
    // An agent of the same name is somebody else, and so is another tenant's user.
    for kept in [&other, &plain] {
        assert!(runtime.content(TENANT, "auditor", kept.seq).is_ok());
        assert_ne!(row(&runtime, &kept.id.to_string()).payload, "null");
    }
    let stranger = Subject::User {
        tenant: "other".into(),
        id: "u-8".to_owned(),
    };
    for nobody in [user("u-7"), user("nobody"), stranger] {
        let again = runtime.erase_subject(&nobody, "officer", "gdpr-17");
        assert_eq!(again.unwrap(), None);
    }
    let entries = records(&runtime, "erasure");
    assert_eq!(entries.len(), 1);
    let entry = &entries[0];
    assert_eq!(
        (
            text(entry, "actor"),
            text(entry, "subject"),
            text(entry, "basis")
        ),
        ("officer", "user", "gdpr-17")
    );
    assert_eq!(text(entry, "subject_hash"), done.subject);
    assert_eq!(entry.get("records").and_then(Value::as_i64), Some(4));
    assert!(!entry.to_json().contains("u-7"), "nobody is named");
    for basis in ["", "Jane Doe", &"x".repeat(65)] {
        assert!(matches!(
            runtime.erase_subject(&user("u-8"), "officer", basis),
            Err(RuntimeError::Invalid(..))
        ));
    }

    // The person comes back; what was erased stays so.
    let back = check(&runtime, &message("u-7", 10));
    assert!(runtime.content(TENANT, "auditor", back.seq).is_ok());
    row(&runtime, &back.id.to_string());
    let before = rows(&runtime);
    runtime.store().reset_projection().unwrap();
    let vkey = runtime.journal().vkey();
    end(runtime);
    let runtime = world.open();
    assert_eq!(rows(&runtime), before, "rows made again are the same");
    erased(runtime.content(TENANT, "auditor", mine[1].seq));
    assert!(runtime.content(TENANT, "auditor", back.seq).is_ok());
    end(runtime);
    let report = verify(
        &DirSource::new(&world.dir.path().join("log")),
        Trust {
            vkeys: &[vkey],
            checkpoints: &[],
        },
    );
    assert_eq!(report.verdict.code(), 5, "{}", report.verdict);
}

#[test]
fn an_erasure_without_an_entry_is_made_up_for() {
    let world = World::new();
    let runtime = world.open();
    let checked = check(&runtime, &message("u-7", 1));
    row(&runtime, &checked.id.to_string());
    runtime.journal().clone().close().unwrap();
    let error = runtime
        .erase_subject(&user("u-7"), "officer", "request")
        .expect_err("no entry");
    assert_eq!(error.code(), "audit-unavailable");
    // The key is gone all the same.
    erased(runtime.recorded_action(TENANT, checked.seq));
    end(runtime);
    for _ in 0..2 {
        let runtime = world.open();
        let entries = records(&runtime, "erasure");
        assert_eq!(entries.len(), 1);
        assert_eq!(text(&entries[0], "actor"), "officer");
        assert!(row(&runtime, &checked.id.to_string()).erased);
        end(runtime);
    }
}

#[test]
fn nothing_of_the_erased_stays_in_the_database() {
    let world = World::policy(
        "interlock: 1\ndefault: allow\nrules:\n  - id: ask\n    match: { tool: [send_email] }\n    effect: require_approval\n    approvers: { group: finance, quorum: 1, timeout: 24h }\n",
    );
    let runtime = world.open();
    let checked = check(&runtime, &message("u-7", 1));
    let id = checked.id.to_string();
    row(&runtime, &id);
    let asked = runtime.store().approval(TENANT, &id).unwrap();
    assert!(asked.asked.detail.contains("Zebrafish"));
    runtime
        .erase_subject(&user("u-7"), "officer", "request")
        .unwrap()
        .expect("content");
    let asked = runtime.store().approval(TENANT, &id).unwrap();
    assert_eq!(asked.asked.detail, r#"{"erased":true}"#);
    end(runtime);
    assert!(!holds(world.dir.path(), b"Zebrafish"));
}

#[test]
fn hashes_let_presented_content_be_checked() {
    let mut world = World::new();
    world.content = ContentMode::Hashes;
    let runtime = world.open();
    let checked = check(&runtime, &message("u-7", 1));
    let content = runtime.content(TENANT, "auditor", checked.seq).unwrap();
    assert!(!content.kept && content.fields.iter().all(|f| f.text.is_none()));
    let context = r#"{"prompt":"write to the Zebrafish people"}"#;
    let matches = |text| {
        runtime
            .content_matches(TENANT, checked.seq, "context", text)
            .unwrap()
    };
    assert!(matches(context));
    assert!(!matches(r#"{"prompt":"write to the Zebrafish person"}"#));
    assert!(matches!(
        runtime.content_matches(TENANT, checked.seq, "nothing", ""),
        Err(RuntimeError::NotFound(_))
    ));
    assert!(matches!(
        runtime.recorded_action(TENANT, checked.seq),
        Err(RuntimeError::Conflict(_))
    ));
    let shown = row(&runtime, &checked.id.to_string());
    assert_eq!((shown.payload.as_str(), shown.erased), ("null", false));
    runtime
        .erase_subject(&user("u-7"), "officer", "request")
        .unwrap()
        .expect("the key of the commitments");
    erased(runtime.content_matches(TENANT, checked.seq, "context", context));
    end(runtime);
    assert!(!holds(world.dir.path(), b"Zebrafish"));
}

#[test]
fn without_contents_there_are_no_commitments() {
    let mut world = World::new();
    world.content = ContentMode::None;
    let runtime = world.open();
    let checked = check(&runtime, &message("u-7", 1));
    assert!(records(&runtime, "decision")[0].get("content").is_none());
    assert!(matches!(
        runtime.content(TENANT, "auditor", checked.seq),
        Err(RuntimeError::NotFound(_))
    ));
    assert_eq!(row(&runtime, &checked.id.to_string()).payload, "null");
    end(runtime);
    assert!(!holds(world.dir.path(), b"Zebrafish"));
}

#[test]
fn another_record_is_not_shown_in_the_place_of_one_that_is_lost() {
    let world = World::new();
    let runtime = world.open();
    let lost = check(&runtime, &message("u-7", 1));
    row(&runtime, &lost.id.to_string());
    end(runtime);
    // A machine that stops under asynchronous durability may lose records that the log commits to;
    // others then take their place.
    let path = world.dir.path().join("vault/00000000.vlt");
    std::fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(0)
        .unwrap();
    let runtime = world.open();
    let other = check(&runtime, &message("u-7", 2));
    assert!(runtime.content(TENANT, "auditor", other.seq).is_ok());
    assert!(matches!(
        runtime.content(TENANT, "auditor", lost.seq),
        Err(RuntimeError::Vault(_))
    ));
    runtime.store().reset_projection().unwrap();
    end(runtime);
    let runtime = world.open();
    assert_eq!(row(&runtime, &lost.id.to_string()).payload, "null");
    assert_ne!(row(&runtime, &other.id.to_string()).payload, "null");
    end(runtime);
}
