//! What an entry of the record means to those who watch.
//!
//! One neutral event for each entry, from which every format is made. What an agent wrote is in here
//! as it was written, only bounded; each format escapes it in its own way.

use interlock_core::audit::frame::Kind;
use interlock_core::detectors::DETECTORS;
use interlock_core::model::{Effect, UnixNanos};
use interlock_store::journal::Entry;
use serde_json::Value;

use super::text::{bounded, word};
use crate::api::check::hex;

/// How serious an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing to do.
    Informational,
    /// To be known.
    Low,
    /// To be looked at.
    Medium,
    /// To be looked at soon.
    High,
    /// To be looked at now.
    Critical,
}

impl Severity {
    /// All, from the mildest.
    pub const ALL: [Self; 5] = [
        Self::Informational,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// How much of an event is kept.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of one text.
    pub text_bytes: usize,
    /// Items of one list.
    pub items: usize,
}

impl Bounds {
    /// For receivers that take long events.
    pub const FULL: Self = Self {
        text_bytes: 2_048,
        items: 32,
    };
    /// For receivers that do not: an event in any format stays below 8 KiB.
    pub const SHORT: Self = Self {
        text_bytes: 160,
        items: 6,
    };
}

/// What happened, as far as formats tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// An action was decided on.
    Decision,
    /// What became of an action.
    Outcome,
    /// Something that somebody should look at.
    Alert,
    /// Something was made.
    Create,
    /// Something was read that is on record because of it.
    Read,
    /// Something was changed.
    Update,
    /// Something was taken away.
    Delete,
    /// Something was stopped.
    Suspend,
    /// Something may go on.
    Resume,
    /// Somebody signed in, or tried to.
    SignIn,
    /// Somebody signed out, or was signed out.
    SignOut,
    /// The log's writer began.
    Start,
    /// The log's writer ended.
    Stop,
    /// Something is missing.
    Gap,
    /// Anything else, such as a kind of a later version.
    Other,
}

/// What an agent asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The decision's id.
    pub id: String,
    /// The type of the action.
    pub action_type: String,
    /// The tool.
    pub tool: String,
    /// The resource that it is about.
    pub resource: String,
    /// The effect that holds.
    pub effect: Option<Effect>,
    /// The risk, 0..=100.
    pub risk: Option<u8>,
    /// The trace that the caller is in (W3C Trace Context).
    pub traceparent: String,
    /// The position in the run.
    pub step: u64,
}

/// What a detector found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The stable code.
    pub code: String,
    /// How sure, 0..=100; 100 where the entry does not say.
    pub confidence: u8,
    /// Where, as a path.
    pub path: String,
    /// One sentence; empty for a code of another version.
    pub summary: &'static str,
    /// Published tags: `CWE-89`, `ASI02`, `LLM01`, `AML.T0051`.
    pub tags: &'static [&'static str],
}

/// A rule that fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// Its id.
    pub id: String,
    /// The effect that it asked for.
    pub effect: String,
    /// Whether it decided.
    pub decided: bool,
}

/// What an entry means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityEvent {
    /// The same for the same entry, for ever: `<log id>-<seq>`.
    pub uid: String,
    /// The tenant.
    pub tenant: String,
    /// Identity of the log (its origin in checkpoints).
    pub log: String,
    /// The sequence number in the log.
    pub seq: u64,
    /// The leaf hash, hex.
    pub leaf: String,
    /// The link to the entry before, hex.
    pub link: String,
    /// What the entry is.
    pub kind: Kind,
    /// When.
    pub time: UnixNanos,
    /// What happened.
    pub activity: Activity,
    /// A stable code: `decision.block`, `config-change.agent-changed`.
    pub code: String,
    /// The code for people, without anything that came from outside.
    pub title: &'static str,
    /// How serious.
    pub severity: Severity,
    /// Whether it went well, where that is a question.
    pub success: Option<bool>,
    /// One sentence.
    pub message: String,
    /// Who did it: a person, or what a key is called; empty for an agent and for the program itself.
    pub actor: String,
    /// The agent concerned.
    pub agent: String,
    /// Its session.
    pub session: String,
    /// Its run.
    pub run: String,
    /// What was asked for, where an action is concerned.
    pub asked: Option<Asked>,
    /// What detectors found.
    pub findings: Vec<Found>,
    /// Rules that fired.
    pub rules: Vec<Fired>,
    /// Codes of the reasons.
    pub reasons: Vec<String>,
    /// What was changed: its kind and its id.
    pub object: Option<(&'static str, String)>,
    /// Further members of the entry.
    pub further: Vec<(String, Value)>,
    /// Whether something was cut.
    pub truncated: bool,
}

/// Identity of the log that an entry is in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Log {
    /// The tenant.
    pub tenant: String,
    /// The log's id, hex.
    pub id: String,
    /// Its origin.
    pub origin: String,
}

/// Members that have a place of their own, or say nothing to a watcher.
const PLACED: &[&str] = &[
    "v",
    "ts",
    "kind",
    "tenant",
    "agent",
    "session",
    "run",
    "run_prev",
    "type",
    "tool",
    "resource",
    "asked",
    "effect",
    "risk",
    "terms",
    "findings",
    "rules",
    "shadow",
    "reasons",
    "obligations",
    "facts",
    "readings",
    "state",
    "actor",
    "approver",
    "content",
    "idempotency",
    "dims",
    "vectors",
    "traceparent",
    "id",
    "what",
    "vault_key",
    "by_old",
    "by_new",
    "alert",
];
/// Members that are passed on as they are.
const FURTHER_MAX: usize = 24;

struct Reader<'a> {
    body: &'a Value,
    bounds: Bounds,
    truncated: std::cell::Cell<bool>,
}

impl Reader<'_> {
    fn raw(&self, key: &str) -> &str {
        self.body
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn cut(&self, text: &str) -> String {
        if text.len() > self.bounds.text_bytes {
            self.truncated.set(true);
        }
        bounded(text, self.bounds.text_bytes)
    }

    fn text(&self, key: &str) -> String {
        self.cut(self.raw(key))
    }

    fn list(&self, key: &str) -> &[Value] {
        let all = self.body.get(key).and_then(Value::as_array);
        let all = all.map_or(&[][..], Vec::as_slice);
        if all.len() > self.bounds.items {
            self.truncated.set(true);
        }
        all.get(..self.bounds.items).unwrap_or(all)
    }

    fn findings(&self) -> Vec<Found> {
        let finding = |item: &Value| {
            // A decision has `[code, confidence, path, start, end]`, an outcome the code alone.
            let code = item.as_str().or_else(|| item.get(0)?.as_str())?;
            let spec = DETECTORS
                .iter()
                .flat_map(|d| d.codes().iter().copied().chain([d.failed()]))
                .find(|spec| spec.code == code);
            Some(Found {
                code: word(code),
                confidence: item
                    .get(1)
                    .and_then(Value::as_u64)
                    .map_or(100, |n| u8::try_from(n.min(100)).unwrap_or(100)),
                path: self.cut(item.get(2).and_then(Value::as_str).unwrap_or_default()),
                summary: spec.map_or("", |s| s.summary),
                tags: spec.map_or(&[], |s| s.tags),
            })
        };
        self.list("findings").iter().filter_map(finding).collect()
    }

    fn rules(&self) -> Vec<Fired> {
        let rule = |item: &Value| {
            Some(Fired {
                id: self.cut(item.as_str().or_else(|| item.get(0)?.as_str())?),
                effect: word(item.get(2).and_then(Value::as_str).unwrap_or_default()),
                decided: item.get(3).and_then(Value::as_u64) == Some(1),
            })
        };
        self.list("rules").iter().filter_map(rule).collect()
    }

    fn further(&self) -> Vec<(String, Value)> {
        let Some(members) = self.body.as_object() else {
            return Vec::new();
        };
        let kept = |(key, value): (&String, &Value)| {
            if PLACED.contains(&key.as_str()) || key.len() > 48 {
                return None;
            }
            let value = match value {
                Value::String(text) => Value::from(self.cut(text)),
                Value::Number(_) | Value::Bool(_) => value.clone(),
                _ => return None,
            };
            Some((word(key), value))
        };
        members.iter().filter_map(kept).take(FURTHER_MAX).collect()
    }

    fn asked(&self) -> Asked {
        Asked {
            id: self.text("id"),
            action_type: self.text("type"),
            tool: self.text("tool"),
            resource: self.text("resource"),
            effect: Effect::from_name(self.raw("effect")),
            risk: self
                .body
                .get("risk")
                .and_then(Value::as_u64)
                .and_then(|n| u8::try_from(n).ok())
                .filter(|n| *n <= 100),
            traceparent: self.text("traceparent"),
            step: self
                .body
                .get("run_seq")
                .and_then(Value::as_u64)
                .unwrap_or(0),
        }
    }
}

/// What is known of an event beyond its members.
struct Meaning {
    activity: Activity,
    code: String,
    title: &'static str,
    severity: Severity,
    success: Option<bool>,
    object: Option<&'static str>,
}

impl Meaning {
    fn new(activity: Activity, kind: Kind, what: &str, title: &'static str) -> Self {
        let code = match what {
            "" => kind.name().into_owned(),
            what => format!("{}.{}", kind.name(), word(what)),
        };
        Self {
            activity,
            code,
            title,
            severity: Severity::Informational,
            success: None,
            object: None,
        }
    }

    fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    fn success(mut self, success: bool) -> Self {
        self.success = Some(success);
        self
    }

    fn about(mut self, object: &'static str) -> Self {
        self.object = Some(object);
        self
    }
}

fn decision(body: &Value) -> Meaning {
    let name = body.get("effect").and_then(Value::as_str);
    let effect = name.and_then(Effect::from_name);
    let risk = body.get("risk").and_then(Value::as_u64).unwrap_or(0);
    let sure = body
        .get("findings")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|f| f.get(1)?.as_u64())
        .max()
        .unwrap_or(0);
    let base = match effect {
        Some(Effect::Allow) if risk < 40 && sure < 50 => Severity::Informational,
        Some(Effect::Allow) => Severity::Low,
        Some(Effect::Redact | Effect::Sandbox) => Severity::Low,
        _ => Severity::Medium,
    };
    let held = effect.is_none_or(|e| e != Effect::Allow);
    let severity = match (held, risk, sure) {
        (true, 90.., _) => Severity::Critical,
        (true, 70.., _) | (true, _, 80..) => Severity::High,
        _ => base,
    };
    let title = match effect {
        Some(Effect::Allow) => "Action allowed",
        Some(Effect::Alert) => "Action allowed with an alert",
        Some(Effect::Redact) => "Action allowed with parts replaced",
        Some(Effect::Sandbox) => "Action allowed in a sandbox",
        Some(Effect::RequireApproval) => "Action waits for approval",
        Some(Effect::Block) => "Action blocked",
        None => "Action decided",
    };
    let mut meaning = Meaning::new(
        Activity::Decision,
        Kind::Decision,
        name.unwrap_or("other"),
        title,
    )
    .severity(severity);
    meaning.success = effect.map(Effect::permits);
    meaning
}

fn approval(kind: Kind, body: &Value) -> Meaning {
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let state = text("state");
    let title = match (kind, state) {
        (Kind::ApprovalRequest, _) => "Approval requested",
        (Kind::ApprovalVote, _) => "Vote on an approval",
        (_, "approved" | "approved_edited") => "Approval granted",
        (_, "denied") => "Approval denied",
        (_, "expired") => "Approval expired",
        _ => "Approval concluded",
    };
    let meaning = match kind {
        Kind::ApprovalRequest => Meaning::new(Activity::Create, kind, "", title),
        _ => Meaning::new(Activity::Update, kind, state, title),
    };
    let meaning = meaning.about("approval").severity(Severity::Low);
    match state {
        "approved" | "approved_edited" => meaning.success(true),
        "denied" | "expired" | "cancelled" | "superseded" => meaning.success(false),
        _ => meaning,
    }
}

/// What is told of people and their keys, which the record has among changes of configuration.
fn identity(kind: Kind, what: &str) -> Option<Meaning> {
    let of = |activity, title, object| Meaning::new(activity, kind, what, title).about(object);
    let meaning = match what {
        "sign-in-throttled" => {
            return Some(
                of(Activity::SignIn, "Too many wrong tries to sign in", "user")
                    .severity(Severity::Medium)
                    .success(false),
            );
        }
        "sign-in-refused" => {
            return Some(
                of(Activity::SignIn, "Somebody was not let in", "user")
                    .severity(Severity::Medium)
                    .success(false),
            );
        }
        "password-changed" => of(Activity::Update, "A user changed the password", "user"),
        "recovery-code-used" => of(Activity::SignIn, "A recovery code was used", "user"),
        "session-ended" => of(Activity::SignOut, "A session ended", "session"),
        what if what.starts_with("session-begun-") => {
            of(Activity::SignIn, "Somebody signed in", "session")
        }
        "credentials-set" => of(Activity::Update, "Credentials of a user were set", "user"),
        "user-added" => of(Activity::Create, "A user was added", "user"),
        "user-disabled" => of(Activity::Suspend, "A user was disabled", "user"),
        "user-enabled" => of(Activity::Resume, "A user was enabled", "user"),
        "user-reset" => of(Activity::Update, "Credentials of a user were reset", "user"),
        what if what.starts_with("user-") => of(Activity::Update, "A user was changed", "user"),
        "key-made" => of(Activity::Create, "A key was made", "credential"),
        "key-revoked" => of(Activity::Delete, "A key was revoked", "credential"),
        what if what.starts_with("key-") => of(Activity::Update, "A key was changed", "credential"),
        _ => return None,
    };
    Some(meaning.severity(Severity::Low).success(true))
}

/// What a change is about: the beginning of what happened to it.
fn changed(kind: Kind, what: &str) -> &'static str {
    const OBJECTS: &[(&str, &str)] = &[
        ("policy-", "policy"),
        ("bundle-", "policy"),
        ("agent-", "agent"),
        ("profile-", "agent"),
        ("session-approval-", "session approval"),
        ("rollback-", "rollback"),
        ("alert-group-", "alert group"),
        ("alerts-", "alerts"),
        ("response-rules-", "response rules"),
    ];
    if kind == Kind::PolicyChange {
        return "policy";
    }
    OBJECTS
        .iter()
        .find(|(prefix, _)| what.starts_with(prefix))
        .map_or("setting", |(_, object)| *object)
}

fn change(kind: Kind, what: &str) -> Meaning {
    if let Some(meaning) = identity(kind, what) {
        return meaning;
    }
    let object = changed(kind, what);
    let ends = |words: &[&str]| words.iter().any(|w| what.ends_with(w));
    let (activity, title) = if ends(&[
        "-registered",
        "-added",
        "-created",
        "-ordered",
        "-published",
        "-granted",
    ]) {
        (Activity::Create, "Something was added to the configuration")
    } else if ends(&["-deleted", "-removed", "-revoked", "-canceled"]) {
        (
            Activity::Delete,
            "Something was removed from the configuration",
        )
    } else if ends(&["-paused", "-stopped", "-locked", "-muted"]) {
        (Activity::Suspend, "Something was stopped")
    } else if ends(&["-resumed", "-released", "-unlocked", "-unmuted"]) {
        (Activity::Resume, "Something may go on")
    } else {
        (Activity::Update, "The configuration was changed")
    };
    let title = match (object, activity) {
        ("policy", _) => "Policies changed",
        ("rollback", _) => "A rollback advanced",
        ("alerts", Activity::Suspend) => "Alerts were muted",
        ("alerts", Activity::Resume) => "Alerts are no longer muted",
        ("alert group", _) => "An alert was worked on",
        ("response rules", _) => "Response rules changed",
        _ => title,
    };
    Meaning::new(activity, kind, what, title)
        .about(object)
        .severity(Severity::Low)
        .success(true)
}

fn stop(kind: Kind, what: &str) -> Meaning {
    let (activity, title, object) = match what {
        "tool-started" => (Activity::Resume, "Tool may be used again", "tool"),
        "tool-stopped" => (Activity::Suspend, "Tool stopped", "tool"),
        what if what.ends_with("-off") => (Activity::Resume, "Kill switch released", "kill switch"),
        _ => (Activity::Suspend, "Kill switch thrown", "kill switch"),
    };
    let severity = match activity {
        Activity::Resume => Severity::Medium,
        _ => Severity::High,
    };
    Meaning::new(activity, kind, what, title)
        .about(object)
        .severity(severity)
        .success(true)
}

fn meaning(kind: Kind, body: &Value) -> Meaning {
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let what = text("what");
    match kind {
        Kind::Decision => decision(body),
        Kind::Outcome => {
            let status = text("status");
            let untrusted = body.get("untrusted").and_then(Value::as_bool) == Some(true);
            let severity = match (untrusted, status) {
                (true, _) => Severity::High,
                (_, "failed" | "unknown") => Severity::Low,
                _ => Severity::Informational,
            };
            let title = match status {
                "succeeded" => "Action succeeded",
                "failed" => "Action failed",
                "not_run" => "Action did not run",
                _ => "Outcome of an action is unknown",
            };
            let mut meaning =
                Meaning::new(Activity::Outcome, kind, status, title).severity(severity);
            meaning.success = match status {
                "succeeded" => Some(true),
                "failed" => Some(false),
                _ => None,
            };
            meaning
        }
        Kind::Alert => {
            Meaning::new(Activity::Alert, kind, text("alert"), "Alert").severity(Severity::High)
        }
        Kind::ApprovalRequest | Kind::ApprovalVote | Kind::ApprovalFinal => approval(kind, body),
        Kind::Kill => stop(kind, what),
        Kind::PolicyChange | Kind::ConfigChange => change(kind, what),
        Kind::Budget => {
            let (activity, title) = match what {
                "budget-removed" => (Activity::Delete, "A budget was removed"),
                _ => (Activity::Update, "A budget was set"),
            };
            Meaning::new(activity, kind, what, title)
                .about("budget")
                .severity(Severity::Low)
                .success(true)
        }
        Kind::Breaker => Meaning::new(Activity::Update, kind, what, "Circuit breaker changed")
            .about("circuit breaker")
            .severity(Severity::Medium),
        Kind::Erasure => Meaning::new(Activity::Delete, kind, what, "Content erased")
            .about("content")
            .severity(Severity::Medium)
            .success(true),
        Kind::Export => Meaning::new(Activity::Read, kind, what, "Content or record read out")
            .about("content")
            .severity(Severity::Low)
            .success(true),
        Kind::AuthFailure => Meaning::new(Activity::SignIn, kind, what, "Sign-in failed")
            .severity(Severity::Medium)
            .success(false),
        Kind::Gap => Meaning::new(Activity::Gap, kind, "", "Torn tail of the record was cut")
            .severity(Severity::High)
            .success(false),
        Kind::NodeStart => Meaning::new(Activity::Start, kind, "", "Record opened").success(true),
        Kind::NodeStop => Meaning::new(Activity::Stop, kind, "", "Record closed").success(true),
        Kind::KeyRotate => Meaning::new(Activity::Update, kind, "", "Signing key changed")
            .about("signing key")
            .severity(Severity::Medium)
            .success(true),
        Kind::Genesis => Meaning::new(Activity::Create, kind, "", "Log created").about("log"),
        Kind::CheckpointIntent | Kind::Anchor => {
            Meaning::new(Activity::Other, kind, "", "Checkpoint lodged outside")
        }
        Kind::RunEnd => Meaning::new(Activity::Other, kind, "", "Run ended"),
        Kind::Other(_) => Meaning::new(Activity::Other, kind, "", "Entry of a later version")
            .severity(Severity::Low),
    }
}

/// One sentence about an event, the product's own words first.
fn message(meaning: &Meaning, reader: &Reader<'_>, asked: Option<&Asked>) -> String {
    let mut out = meaning.title.to_owned();
    let mut put = |what: &str, text: &str| {
        if !text.is_empty() {
            out.push_str(what);
            out.push_str(text);
        }
    };
    put(": agent ", reader.raw("agent"));
    if let Some(asked) = asked {
        put(", tool ", &asked.tool);
        put(", ", &asked.action_type);
        put(" on ", &asked.resource);
        let reason = reader
            .list("reasons")
            .iter()
            .find_map(|r| r.get(1)?.as_str());
        put("; ", reason.unwrap_or_default());
    } else {
        put(", tool ", reader.raw("tool"));
        put(", ", reader.raw("what"));
        put(" ", reader.raw("id"));
    }
    reader.cut(&out)
}

impl SecurityEvent {
    /// What `entry` of `log` means.
    ///
    /// Every entry means something: one that this version cannot read is told as such.
    #[must_use]
    pub fn of(log: &Log, entry: &Entry, bounds: Bounds) -> Self {
        let body: Value = serde_json::from_slice(&entry.body).unwrap_or(Value::Null);
        let reader = Reader {
            body: &body,
            bounds,
            truncated: std::cell::Cell::new(false),
        };
        let meaning = match &body {
            Value::Object(_) => meaning(entry.kind, &body),
            _ => Meaning::new(
                Activity::Other,
                entry.kind,
                "unreadable",
                "Entry that cannot be read",
            )
            .severity(Severity::Medium),
        };
        let about_action = matches!(entry.kind, Kind::Decision | Kind::Outcome | Kind::Alert);
        let asked = about_action.then(|| reader.asked());
        let time = reader
            .raw("ts")
            .parse::<jiff::Timestamp>()
            .ok()
            .and_then(|ts| i64::try_from(ts.as_nanosecond()).ok())
            .unwrap_or(0);
        let actor = ["actor", "approver"]
            .into_iter()
            .map(|key| reader.text(key))
            .find(|text| !text.is_empty())
            .unwrap_or_default();
        let reasons = reader
            .list("reasons")
            .iter()
            .filter_map(|r| Some(word(r.get(0)?.as_str()?)))
            .collect();
        let mut findings = reader.findings();
        if entry.kind == Kind::Alert && findings.is_empty() {
            findings.push(alert_finding(&reader));
        }
        Self {
            uid: format!("{}-{}", log.id, entry.seq),
            tenant: log.tenant.clone(),
            log: log.origin.clone(),
            seq: entry.seq,
            leaf: hex(&entry.leaf),
            link: hex(&entry.link),
            kind: entry.kind,
            time,
            activity: meaning.activity,
            title: meaning.title,
            severity: meaning.severity,
            success: meaning.success,
            message: message(&meaning, &reader, asked.as_ref()),
            actor,
            agent: reader.text("agent"),
            session: reader.text("session"),
            run: reader.text("run"),
            asked,
            findings,
            rules: reader.rules(),
            reasons,
            object: meaning.object.map(|object| {
                // A stop has an id of its own; what is stopped is the tool.
                let id = if object == "tool" { "tool" } else { "id" };
                (object, reader.text(id))
            }),
            further: reader.further(),
            truncated: reader.truncated.get(),
            code: meaning.code,
        }
    }
}

impl SecurityEvent {
    /// That a sink's mark is not of this record, so that what it sent before cannot be told from what
    /// it sends now but by the ids of entries.
    #[must_use]
    pub fn gap(sink: &str, now: UnixNanos) -> Self {
        Self {
            uid: format!("export-gap-{sink}-{now}"),
            tenant: String::new(),
            log: String::new(),
            seq: 0,
            leaf: String::new(),
            link: String::new(),
            kind: Kind::Gap,
            time: now,
            activity: Activity::Gap,
            code: "gap.export".to_owned(),
            title: "The export began anew",
            severity: Severity::High,
            success: Some(false),
            message: format!(
                "the mark of sink {sink} is not of this record, which may have been restored or replaced: everything in it is sent again"
            ),
            actor: String::new(),
            agent: String::new(),
            session: String::new(),
            run: String::new(),
            asked: None,
            findings: Vec::new(),
            rules: Vec::new(),
            reasons: Vec::new(),
            object: None,
            further: Vec::new(),
            truncated: false,
        }
    }
}

/// What an alert that names no finding is about.
fn alert_finding(reader: &Reader<'_>) -> Found {
    let score = reader.body.get("score_milli").and_then(Value::as_u64);
    let code = reader.raw("alert");
    Found {
        code: word(if code.is_empty() { "alert" } else { code }),
        confidence: score.map_or(100, |n| u8::try_from((n / 10).min(100)).unwrap_or(100)),
        path: reader.text("path"),
        summary: "",
        tags: &[],
    }
}
