//! Events of every kind of entry with hostile texts, read by parsers of others
//! (`scripts/siem_readers.py`).

use std::path::PathBuf;
use std::process::Command;

use interlock_core::audit::chain;
use interlock_core::audit::frame::Kind;
use interlock_core::detectors::DETECTORS;
use interlock_core::model::Effect;
use interlock_runtime::CHANGES;
use interlock_store::journal::{Entry, Position};
use serde_json::{Value, json};

use super::event::{Activity, Bounds, Log, SecurityEvent, Severity};
use super::text::shown;
use super::{Format, lines, syslog};

const HOSTILE: &[&str] = &[
    "plain",
    "a=b|c\\d",
    "x\nCEF:0|Evil|Evil|1|1|Evil|10|act=allow",
    "x\r\n<13>1 2026-01-01T00:00:00Z evil evil - - - forged",
    "] [evil@1 a=\"b\"",
    "\"]\\\"]\\\\",
    "trailing\\",
    "trailing\\\\ suser=root cs1=forged",
    " leading and trailing ",
    "act\\=block act=allow",
    "\u{202e}gnp.exe\u{200b}\u{2028}\u{feff}",
    "\u{0}\u{1b}[31mred\u{7f}\u{85}",
    "Käse 日本 👍 e\u{301}",
    "=",
    "\\",
    "|",
    "%0a%0d \\n \\r \\x0a",
    "${jndi:ldap://x/a}",
    "<script>alert(1)</script>",
    "a\tb  c   d",
];

/// A small generator of numbers, so that a failure can be had again.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        // Source: Marsaglia, "Xorshift RNGs", 2003.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).expect("it is below `n`")
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A text: a known nasty one, several of them, any characters, or a very long one.
    fn text(&mut self) -> String {
        match self.below(10) {
            0..=4 => (*self.pick(HOSTILE)).to_owned(),
            5 | 6 => format!("{}{}", self.pick(HOSTILE), self.pick(HOSTILE)),
            7 | 8 => (0..self.below(40))
                .filter_map(|_| {
                    let max = if self.below(2) == 0 { 0x100 } else { 0x11_0000 };
                    char::from_u32(u32::try_from(self.below(max)).expect("small"))
                })
                .collect(),
            _ => self.pick(HOSTILE).repeat(1 + self.below(400)),
        }
    }
}

fn body(kind: Kind, n: &mut Numbers) -> Value {
    let mut body = json!({
        "v": 1, "ts": "2026-11-21T04:00:00.123456789Z", "kind": kind.name(),
        "tenant": "default", "id": n.text(), "agent": n.text(), "session": n.text(), "run": n.text(),
        "actor": n.text(), "what": n.pick(&["agent-changed", "kill-on", "kill-off", "policy-added",
            "key-revoked", "rollback-ordered", "session-begun-password", "session-ended",
            "tool-stopped", "not a word\n"]),
        "further": n.text(), "count": n.below(1_000), "flag": true,
    });
    let codes: Vec<&str> = DETECTORS
        .iter()
        .flat_map(|d| d.codes().iter().map(|c| c.code))
        .chain(["later-version.unknown"])
        .collect();
    let more = match kind {
        Kind::Decision => json!({
            "type": n.pick(&["file_read", "database_write", "file_delete", "payment", "x-custom"]),
            "tool": n.text(), "resource": n.text(),
            "effect": Effect::ALL[n.below(Effect::ALL.len())].name(), "risk": n.below(101),
            "run_seq": n.below(9), "key": n.text(),
            "findings": (0..n.below(40)).map(|_| json!([n.pick(&codes), n.below(101), n.text(), 0, 4])).collect::<Vec<_>>(),
            "rules": (0..n.below(40)).map(|_| json!([n.text(), "rule", "block", 1, 0])).collect::<Vec<_>>(),
            "reasons": [["rule.fired", n.text()]],
            "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "state": {"secret": "of the state"}, "content": {"vault": "of the vault"},
        }),
        Kind::Outcome => json!({
            "status": n.pick(&["succeeded", "failed", "not_run", "unknown"]),
            "latency_ms": 12, "cost_nano_usd": 3,
            "findings": (0..n.below(3)).map(|_| json!(n.pick(&codes))).collect::<Vec<_>>(),
            "untrusted": n.below(2) == 0,
        }),
        Kind::Alert => {
            json!({"alert": "deep-model", "score_milli": 931, "path": n.text(), "of": "decision"})
        }
        Kind::ApprovalVote | Kind::ApprovalFinal => json!({
            "approver": n.text(), "verdict": "approve",
            "state": n.pick(&["pending", "approved", "denied", "expired"]),
        }),
        _ => json!({}),
    };
    if let (Some(to), Value::Object(more)) = (body.as_object_mut(), more) {
        to.extend(more);
    }
    body
}

fn log() -> Log {
    Log {
        tenant: "default".to_owned(),
        id: "0123456789abcdef0123456789abcdef".to_owned(),
        origin: "interlock.local/00/11".to_owned(),
    }
}

fn entry(seq: u64, kind: Kind, body: Vec<u8>) -> Entry {
    let leaf = chain::leaf(&body);
    Entry {
        seq,
        kind,
        link: chain::link(&[7; 32], &leaf),
        leaf,
        body,
        position: Position::default(),
    }
}

/// Every kind of entry several times, entries that cannot be read, and that there is a gap.
fn corpus(bounds: Bounds) -> Vec<SecurityEvent> {
    let mut n = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut all = Vec::new();
    let mut seq = 0;
    let kinds = Kind::ALL.iter().copied().chain([Kind::Other(99)]);
    let often = [Kind::Decision; 60].into_iter().chain([Kind::Outcome; 20]);
    for kind in kinds.flat_map(|k| [k; 6]).chain(often) {
        let body = body(kind, &mut n).to_string().into_bytes();
        all.push(SecurityEvent::of(&log(), &entry(seq, kind, body), bounds));
        seq += 1;
    }
    for body in [
        "",
        "[]",
        "{\"a\":",
        "null",
        "{\"ts\":5,\"findings\":{},\"rules\":[[]]}",
        "\u{0}",
    ] {
        all.push(SecurityEvent::of(
            &log(),
            &entry(seq, Kind::Decision, body.into()),
            bounds,
        ));
        seq += 1;
    }
    all.push(SecurityEvent::gap("splunk", 1_700_000_000_000_000_000));
    all
}

/// What a reader must find for an event in fields that hold texts from outside.
fn case(event: &SecurityEvent) -> Value {
    let line = |format| lines(format, event).remove(0);
    let asked = event.asked.clone().unwrap_or_default();
    let values = |texts: &[(&str, &str, usize)]| -> Value {
        texts
            .iter()
            .map(|(key, text, max)| ((*key).to_owned(), shown(text, *max)))
            .filter(|(_, text)| !text.trim().is_empty())
            .map(|(key, text)| (key, Value::from(text)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let mut cef_values = values(&[
        ("suser", &event.actor, 1_023),
        ("sproc", &event.agent, 1_023),
        ("request", &asked.resource, 1_023),
        ("destinationServiceName", &asked.tool, 1_023),
        ("msg", &event.message, 1_023),
        ("recordEntry", &event.uid, 4_000),
        ("recordLeaf", &event.leaf, 4_000),
        ("DeviceEventClassID", &event.code, 4_000),
        ("Name", event.title, 4_000),
    ]);
    for value in cef_values.as_object_mut().into_iter().flatten() {
        *value.1 = Value::from(value.1.as_str().unwrap_or_default().trim());
    }
    let syslog_values: serde_json::Map<String, Value> = [
        ("actor", &event.actor),
        ("agent", &event.agent),
        ("session", &event.session),
        ("run", &event.run),
        ("tool", &asked.tool),
        ("resource", &asked.resource),
        ("leaf", &event.leaf),
        ("id", &event.uid),
    ]
    .into_iter()
    .filter(|(_, text)| !text.is_empty())
    .map(|(key, text)| (key.to_owned(), Value::from(syslog::value(text))))
    .collect();
    let severity = 6 - super::Severity::ALL
        .iter()
        .position(|s| *s == event.severity)
        .expect("it is one of them");
    json!({
        "uid": event.uid, "leaf": event.leaf, "message": event.message,
        "resource": if matches!(event.kind, Kind::Decision) { asked.resource.as_str() } else { "" },
        "ocsf": lines(Format::Ocsf, event), "cef": line(Format::Cef), "jsonl": line(Format::Jsonl),
        "syslog": line(Format::Syslog), "syslog_severity": severity,
        "cef_values": cef_values, "syslog_values": syslog_values,
    })
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn others_read_what_was_meant() {
    let python = root().join("target/venv-siem/bin/python");
    if !python.exists() {
        assert!(
            std::env::var_os("CI").is_none(),
            "`make tools` installs the readers"
        );
        println!("skipped: the readers are not installed (make tools)");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    for bounds in [Bounds::FULL, Bounds::SHORT] {
        let cases: Vec<Value> = corpus(bounds).iter().map(case).collect();
        let file = dir.path().join("corpus.json");
        std::fs::write(&file, Value::from(cases).to_string()).expect("it is written");
        let ran = Command::new(&python)
            .arg(root().join("scripts/siem_readers.py"))
            .arg(&file)
            .output()
            .expect("python runs");
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        println!("{}{said}", String::from_utf8_lossy(&ran.stdout));
        assert!(ran.status.success(), "{said}");
    }
}

#[test]
fn no_line_is_two_and_none_is_without_bounds() {
    for (bounds, most) in [(Bounds::FULL, 200_000), (Bounds::SHORT, 7_700)] {
        for event in corpus(bounds) {
            for format in Format::ALL {
                for line in lines(format, &event) {
                    assert!(!line.contains(['\n', '\r', '\u{0}', '\u{1b}']), "{line}");
                    assert!(line.len() <= most, "{} bytes: {line}", line.len());
                    if format == Format::Cef {
                        // Seven parts of the header, whatever stands in them.
                        let bare = line.replace("\\\\", "").replace("\\|", "");
                        assert!(bare.starts_with("CEF:0|Interlock|"), "{line}");
                        let extension = bare.splitn(8, '|').nth(7).expect("seven parts");
                        assert!(extension.contains('='), "{line}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_the_vault_and_the_state_hold_stays_there() {
    for event in corpus(Bounds::FULL) {
        for format in Format::ALL {
            for line in lines(format, &event) {
                assert!(
                    !line.contains("of the vault") && !line.contains("of the state"),
                    "{line}"
                );
            }
        }
    }
}

/// The `what` of an entry of this kind means this activity on this object.
const MEANINGS: &[(&str, Activity, &str)] = &[
    ("kill-on", Activity::Suspend, "kill switch"),
    ("kill-off", Activity::Resume, "kill switch"),
    ("tool-stopped", Activity::Suspend, "tool"),
    ("tool-started", Activity::Resume, "tool"),
    ("policy-added", Activity::Create, "policy"),
    ("policy-changed", Activity::Update, "policy"),
    ("policy-removed", Activity::Delete, "policy"),
    ("bundle-published", Activity::Create, "policy"),
    ("bundle-taken", Activity::Update, "policy"),
    ("base-reloaded", Activity::Update, "policy"),
    ("agent-registered", Activity::Create, "agent"),
    ("agent-changed", Activity::Update, "agent"),
    ("agent-deleted", Activity::Delete, "agent"),
    ("profile-changed", Activity::Update, "agent"),
    (
        "session-approval-granted",
        Activity::Create,
        "session approval",
    ),
    (
        "session-approval-revoked",
        Activity::Delete,
        "session approval",
    ),
    ("rollback-ordered", Activity::Create, "rollback"),
    ("rollback-claimed", Activity::Update, "rollback"),
    ("rollback-ended", Activity::Update, "rollback"),
    ("rollback-canceled", Activity::Delete, "rollback"),
    ("alert-group-changed", Activity::Update, "alert group"),
    ("alerts-muted", Activity::Suspend, "alerts"),
    ("alerts-unmuted", Activity::Resume, "alerts"),
    ("response-rules-changed", Activity::Update, "response rules"),
    ("session-begun-password", Activity::SignIn, "session"),
    ("session-begun-recovery", Activity::SignIn, "session"),
    ("session-begun-invitation", Activity::SignIn, "session"),
    ("session-begun-oidc", Activity::SignIn, "session"),
    ("session-ended", Activity::SignOut, "session"),
    ("sign-in-throttled", Activity::SignIn, "user"),
    ("sign-in-refused", Activity::SignIn, "user"),
    ("password-changed", Activity::Update, "user"),
    ("recovery-code-used", Activity::SignIn, "user"),
    ("credentials-set", Activity::Update, "user"),
    ("user-added", Activity::Create, "user"),
    ("user-changed", Activity::Update, "user"),
    ("user-disabled", Activity::Suspend, "user"),
    ("user-enabled", Activity::Resume, "user"),
    ("user-reset", Activity::Update, "user"),
    ("user-linked", Activity::Update, "user"),
    ("key-made", Activity::Create, "credential"),
    ("key-rotated", Activity::Update, "credential"),
    ("key-revoked", Activity::Delete, "credential"),
    ("budget-set", Activity::Update, "budget"),
    ("budget-removed", Activity::Delete, "budget"),
    ("content-read", Activity::Read, "content"),
    ("evidence-of-run", Activity::Read, "content"),
    ("evidence-of-action", Activity::Read, "content"),
    ("evidence-of-range", Activity::Read, "content"),
    ("evidence-report", Activity::Read, "content"),
];

#[test]
fn every_change_that_is_written_has_a_meaning_of_its_own() {
    for (kind, what) in CHANGES {
        let known = MEANINGS.iter().find(|(name, ..)| name == what);
        let (_, activity, object) = known.unwrap_or_else(|| panic!("`{what}` means nothing"));
        let body = json!({
            "v": 1, "ts": "2026-11-21T04:00:00Z", "kind": kind.name(), "what": what,
            "id": "u-1 s-2", "tool": "refund", "actor": "ann",
        });
        let entry = entry(1, *kind, body.to_string().into_bytes());
        let event = SecurityEvent::of(&log(), &entry, Bounds::FULL);
        let (about, id) = event.object.clone().expect("an object");
        assert_eq!((event.activity, about), (*activity, *object), "{what}");
        assert_eq!(id, if about == "tool" { "refund" } else { "u-1 s-2" });
        let let_in = !matches!(*what, "sign-in-throttled" | "sign-in-refused");
        assert_eq!(event.success, Some(let_in), "{what}");
        let sign = match event.activity {
            Activity::SignIn => json!({"uid": "u-1", "name": "ann"}),
            Activity::SignOut => json!({"uid": "u-1"}),
            _ => continue,
        };
        let ocsf: Value = serde_json::from_str(&lines(Format::Ocsf, &event)[0]).expect("JSON");
        assert_eq!((&ocsf["class_uid"], &ocsf["user"]), (&json!(3002), &sign));
    }
    assert_eq!(MEANINGS.len(), CHANGES.len());
    let severe = |kind, what: &str| {
        let body = json!({"kind": "x", "what": what}).to_string().into_bytes();
        SecurityEvent::of(&log(), &entry(1, kind, body), Bounds::FULL).severity
    };
    assert_eq!(severe(Kind::Kill, "tool-stopped"), Severity::High);
    assert_eq!(severe(Kind::Kill, "tool-started"), Severity::Medium);
    assert_eq!(
        severe(Kind::ConfigChange, "sign-in-throttled"),
        Severity::Medium
    );
}

/// The texts of a statement that are in quotes and made of words with hyphens.
fn words(statement: &str) -> impl Iterator<Item = &str> {
    let made = |text: &&str| {
        text.contains('-') && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
    };
    let quoted = statement.split('"').skip(1).step_by(2);
    quoted
        .map(|text| text.split('{').next().unwrap_or(text))
        .filter(made)
}

#[test]
fn the_list_of_changes_is_that_of_the_code() {
    const WRITES: &[&str] = &[
        "record_change(",
        "record_identity(",
        "record_session(",
        "record_tool_stop(",
        "keep_rollback(",
        "change_rollback(",
        ".str(\"what\", \"",
        "let what =",
        "record(",
        "put_in_force(",
        "changed.push(",
    ];
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut left = vec![here.join("src"), here.join("../interlock-runtime/src")];
    let mut found = std::collections::BTreeSet::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            let inside = std::fs::read_dir(&path).expect("a directory");
            left.extend(inside.map(|one| one.expect("an entry").path()));
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&path).expect("text");
            // Tests at the end of a file write names of their own.
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            for start in WRITES.iter().flat_map(|w| text.match_indices(w)) {
                let statement = text[start.0..].split(';').next().unwrap_or_default();
                found.extend(words(statement).map(|word| (word.to_owned(), path.clone())));
            }
        }
    }
    assert!(found.len() > 30, "{found:?}");
    for (word, path) in &found {
        let known = CHANGES
            .iter()
            .any(|(_, what)| what == word || word.ends_with('-') && what.starts_with(word));
        assert!(known, "`{word}` of {} is in no list", path.display());
    }
    for (_, what) in CHANGES {
        let written = found
            .iter()
            .any(|(word, _)| word == what || word.ends_with('-') && what.starts_with(word));
        assert!(written, "nothing writes `{what}`");
    }
}
