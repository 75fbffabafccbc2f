//! Events of the Open Cybersecurity Schema Framework, version 1.9.0.
//!
//! Decisions and outcomes are API Activity (6003), findings and alerts Detection Finding (2004), what
//! people and programs change Entity Management (3004). The record's hashes are in `attestation` of
//! the profile `record_integrity`, so that an event can be held against the entry that it was made of.
//!
//! Source: the schema's own repository (ocsf/ocsf-schema, tag 1.9.0); `scripts/verify_siem.py` holds
//! events of every kind of entry against it.

use interlock_core::audit::frame::Kind;
use interlock_core::model::Effect;
use serde_json::{Map, Value, json};

use super::event::{Activity, Asked, Found, SecurityEvent, Severity};

/// The version of the schema.
const VERSION: &str = "1.9.0";
/// What `attestation.fingerprint` is computed over: the entry's body as stored, after a zero byte.
const SERIALIZATION: &str = "RFC 6962 leaf of the record entry";

const API_ACTIVITY: (u32, &str, u32, &str) = (6003, "API Activity", 6, "Application Activity");
const DETECTION_FINDING: (u32, &str, u32, &str) = (2004, "Detection Finding", 2, "Findings");
const ENTITY_MANAGEMENT: (u32, &str, u32, &str) =
    (3004, "Entity Management", 3, "Identity & Access Management");
const AUTHENTICATION: (u32, &str, u32, &str) =
    (3002, "Authentication", 3, "Identity & Access Management");
const APPLICATION_LIFECYCLE: (u32, &str, u32, &str) =
    (6002, "Application Lifecycle", 6, "Application Activity");
const APPLICATION_ERROR: (u32, &str, u32, &str) =
    (6008, "Application Error", 6, "Application Activity");
const BASE_EVENT: (u32, &str, u32, &str) = (0, "Base Event", 0, "Uncategorized");

type Members = Map<String, Value>;

fn severity(severity: Severity) -> (u32, &'static str) {
    match severity {
        Severity::Informational => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

fn put(to: &mut Members, key: &str, value: impl Into<Value>) {
    to.insert(key.to_owned(), value.into());
}

/// A text, unless it is empty.
fn put_text(to: &mut Members, key: &str, text: &str) {
    if !text.is_empty() {
        put(to, key, text);
    }
}

/// Milliseconds since 1970.
fn millis(event: &SecurityEvent) -> i64 {
    event.time / 1_000_000
}

fn product() -> Value {
    json!({
        "name": "Interlock",
        "vendor_name": "Interlock",
        "version": env!("CARGO_PKG_VERSION"),
    })
}

/// What every event has.
fn base(
    event: &SecurityEvent,
    (class, class_name, category, category_name): (u32, &str, u32, &str),
    (activity, activity_name): (u32, &str),
    uid: &str,
) -> Members {
    let (severity_id, severity) = severity(event.severity);
    let mut metadata = json!({
        "version": VERSION,
        "product": product(),
        "uid": uid,
        "original_event_uid": event.uid,
        "sequence": event.seq,
        "event_code": event.code,
        "log_name": event.log,
        "log_provider": "interlock",
        "tenant_uid": event.tenant,
        "profiles": [],
    });
    let profiles = match class {
        6003 => json!(["ai_operation", "record_integrity", "security_control"]),
        2004 => json!(["record_integrity", "security_control"]),
        _ => json!(["record_integrity"]),
    };
    if let Some(members) = metadata.as_object_mut() {
        put(members, "profiles", profiles);
        if let Some(asked) = event.asked.as_ref().filter(|a| !a.id.is_empty()) {
            put(members, "correlation_uid", asked.id.as_str());
        }
        if event.truncated {
            put(members, "is_truncated", true);
        }
        let labels = tags(&event.findings);
        if !labels.is_empty() {
            put(members, "labels", labels);
        }
    }
    let mut to = Members::new();
    put(&mut to, "class_uid", class);
    put(&mut to, "class_name", class_name);
    put(&mut to, "category_uid", category);
    put(&mut to, "category_name", category_name);
    put(&mut to, "activity_id", activity);
    put(&mut to, "activity_name", activity_name);
    put(
        &mut to,
        "type_uid",
        u64::from(class) * 100 + u64::from(activity),
    );
    put(
        &mut to,
        "type_name",
        format!("{class_name}: {activity_name}"),
    );
    put(&mut to, "severity_id", severity_id);
    put(&mut to, "severity", severity);
    put(&mut to, "time", millis(event));
    put(&mut to, "message", event.message.as_str());
    put(&mut to, "metadata", metadata);
    if !event.leaf.is_empty() {
        put(&mut to, "attestation", attestation(event));
    }
    let observables = observables(event);
    if !observables.is_empty() {
        put(&mut to, "observables", observables);
    }
    put(&mut to, "unmapped", unmapped(event));
    to
}

/// How the event is tied to the record.
fn attestation(event: &SecurityEvent) -> Value {
    let sha256 = |value: &str| {
        json!({
            "algorithm_id": 3,
            "algorithm": "SHA-256",
            "serialization_id": 99,
            "serialization": SERIALIZATION,
            "value": value,
        })
    };
    let mut to = json!({
        "uid": event.uid,
        "chain_uid": event.log,
        "authority_uid": event.log,
        "fingerprint": sha256(&event.leaf),
    });
    if event.seq > 0
        && let Some(members) = to.as_object_mut()
        && let Some((log, _)) = event.uid.rsplit_once('-')
    {
        let before = event.seq - 1;
        put(
            members,
            "prev_event",
            json!({"uid": format!("{log}-{before}")}),
        );
    }
    to
}

fn unmapped(event: &SecurityEvent) -> Value {
    let mut to = Members::new();
    put(
        &mut to,
        "record",
        json!({
            "kind": event.kind.name(), "seq": event.seq, "leaf": event.leaf, "link": event.link,
        }),
    );
    put_text(&mut to, "run", &event.run);
    if let Some(asked) = &event.asked {
        if asked.step > 0 {
            put(&mut to, "run_step", asked.step);
        }
        put_text(&mut to, "traceparent", &asked.traceparent);
        if let Some(effect) = asked.effect {
            put(&mut to, "effect", effect.name());
        }
    }
    if !event.reasons.is_empty() {
        put(&mut to, "reasons", event.reasons.clone());
    }
    if !event.rules.is_empty() {
        let rules: Vec<Value> = event
            .rules
            .iter()
            .map(|r| json!({"id": r.id, "effect": r.effect, "decided": r.decided}))
            .collect();
        put(&mut to, "rules", rules);
    }
    for (key, value) in &event.further {
        // What has a place above keeps it.
        if !to.contains_key(key) {
            to.insert(key.clone(), value.clone());
        }
    }
    Value::Object(to)
}

fn observables(event: &SecurityEvent) -> Vec<Value> {
    let mut all = Vec::new();
    let mut one = |name: &str, type_id: u32, kind: &str, value: &str| {
        if !value.is_empty() {
            all.push(json!({"name": name, "type_id": type_id, "type": kind, "value": value}));
        }
    };
    one("ai_agent.uid", 99, "AI Agent", &event.agent);
    one("actor.user.name", 4, "User Name", &event.actor);
    one("attestation.fingerprint.value", 8, "Hash", &event.leaf);
    if let Some(asked) = &event.asked {
        one(
            "resources[].name",
            38,
            "Resource Details Object: name",
            &asked.resource,
        );
    }
    all
}

/// Every tag once.
fn tags(findings: &[Found]) -> Vec<&'static str> {
    let mut all: Vec<&str> = Vec::new();
    for tag in findings.iter().flat_map(|f| f.tags.iter().copied()) {
        if !all.contains(&tag) {
            all.push(tag);
        }
    }
    all
}

/// Techniques of MITRE ATLAS among the tags.
fn attacks(findings: &[Found]) -> Vec<Value> {
    tags(findings)
        .into_iter()
        .filter(|tag| tag.starts_with("AML.T"))
        .map(|uid| {
            // `AML.T0051.000` is a part of the technique `AML.T0051`.
            let rest = uid.get(4..).unwrap_or_default();
            match rest.split_once('.') {
                Some((technique, _)) => json!({
                    "technique": {"uid": format!("AML.{technique}")},
                    "sub_technique": {"uid": uid},
                }),
                None => json!({"technique": {"uid": uid}}),
            }
        })
        .collect()
}

fn ai_agent(event: &SecurityEvent) -> Value {
    let mut to = Members::new();
    put(&mut to, "uid", event.agent.as_str());
    put(&mut to, "name", event.agent.as_str());
    put(&mut to, "type_id", 0);
    put_text(
        &mut to,
        "instance_uid",
        if event.run.is_empty() {
            &event.session
        } else {
            &event.run
        },
    );
    Value::Object(to)
}

/// Who acted: a person or a key, else the agent, else the program.
fn actor(event: &SecurityEvent) -> Value {
    let mut to = Members::new();
    if !event.actor.is_empty() {
        put(&mut to, "user", json!({"name": event.actor}));
    }
    if !event.agent.is_empty() {
        put(&mut to, "app_uid", event.agent.as_str());
        put(&mut to, "app_name", event.agent.as_str());
    }
    if !event.session.is_empty() {
        put(&mut to, "session", json!({"uid": event.session}));
    }
    if to.is_empty() {
        put(&mut to, "app_name", "Interlock");
    }
    Value::Object(to)
}

fn api(event: &SecurityEvent, asked: &Asked) -> Value {
    let operation = [&asked.tool, &asked.action_type]
        .into_iter()
        .find(|text| !text.is_empty())
        .map_or_else(|| event.code.clone(), Clone::clone);
    let mut to = Members::new();
    put(&mut to, "operation", operation);
    if !asked.action_type.is_empty() {
        put(&mut to, "service", json!({"name": asked.action_type}));
    }
    if !asked.id.is_empty() {
        put(&mut to, "request", json!({"uid": asked.id}));
    }
    if event.success == Some(false) {
        put(
            &mut to,
            "response",
            json!({"error": event.code, "message": event.title}),
        );
    }
    Value::Object(to)
}

fn activity_of(action_type: &str) -> (u32, &'static str) {
    match action_type {
        "file_read" | "database_query" => (2, "Read"),
        "file_write" | "database_write" | "permission_change" => (3, "Update"),
        "file_delete" => (4, "Delete"),
        "process_spawn" | "message_send" | "payment" => (1, "Create"),
        _ => (99, "Execute"),
    }
}

/// `action_id` with `disposition_id`, as the profile `security_control` names them.
fn control(effect: Effect) -> ((u32, &'static str), (u32, &'static str)) {
    match effect {
        Effect::Allow => ((1, "Allowed"), (1, "Allowed")),
        Effect::Alert => ((1, "Allowed"), (19, "Alert")),
        Effect::Redact => ((4, "Modified"), (11, "Corrected")),
        Effect::Sandbox => ((4, "Modified"), (4, "Isolated")),
        Effect::RequireApproval => ((99, "Held"), (14, "Delayed")),
        Effect::Block => ((2, "Denied"), (2, "Blocked")),
    }
}

fn security_control(event: &SecurityEvent, to: &mut Members) {
    if let Some(asked) = &event.asked {
        if let Some(effect) = asked.effect {
            let (action, disposition) = control(effect);
            put(to, "action_id", action.0);
            put(to, "action", action.1);
            put(to, "disposition_id", disposition.0);
            put(to, "disposition", disposition.1);
        }
        if let Some(risk) = asked.risk {
            put(to, "risk_score", risk);
        }
    }
    if let Some(rule) = event.rules.iter().find(|r| r.decided) {
        put(
            to,
            "policy",
            json!({"uid": rule.id, "name": rule.id, "is_applied": true}),
        );
    }
    let attacks = attacks(&event.findings);
    if !attacks.is_empty() {
        put(to, "attacks", attacks);
    }
    if let Some(sure) = event.findings.iter().map(|f| f.confidence).max() {
        put(to, "confidence_score", sure);
    }
}

fn status(event: &SecurityEvent, to: &mut Members) {
    let (id, name) = match event.success {
        Some(true) => (1, "Success"),
        Some(false) => (2, "Failure"),
        None => (0, "Unknown"),
    };
    put(to, "status_id", id);
    put(to, "status", name);
    put(to, "status_code", event.code.as_str());
    if !event.reasons.is_empty() {
        put(to, "status_detail", event.reasons.join(" "));
    }
}

fn resources(asked: &Asked) -> Vec<Value> {
    if asked.resource.is_empty() {
        return Vec::new();
    }
    vec![json!({"name": asked.resource, "type": asked.action_type})]
}

fn api_activity(event: &SecurityEvent) -> Value {
    let nothing = Asked::default();
    let asked = event.asked.as_ref().unwrap_or(&nothing);
    let activity = match event.activity {
        Activity::Decision => activity_of(&asked.action_type),
        _ => (99, "Outcome"),
    };
    let mut to = base(event, API_ACTIVITY, activity, &event.uid);
    put(&mut to, "actor", actor(event));
    put(&mut to, "api", api(event, asked));
    let endpoint = if event.agent.is_empty() {
        "Interlock"
    } else {
        &event.agent
    };
    put(
        &mut to,
        "src_endpoint",
        json!({
            "uid": endpoint, "name": endpoint, "type_id": 99, "type": "AI Agent",
        }),
    );
    if !event.agent.is_empty() {
        put(&mut to, "ai_agent", ai_agent(event));
    }
    let resources = resources(asked);
    if !resources.is_empty() {
        put(&mut to, "resources", resources);
    }
    status(event, &mut to);
    security_control(event, &mut to);
    if matches!(
        asked.effect,
        Some(Effect::Alert | Effect::Block | Effect::RequireApproval)
    ) {
        put(&mut to, "is_alert", true);
    }
    Value::Object(to)
}

/// The findings of an event as one detection.
fn detection(event: &SecurityEvent, uid: &str) -> Value {
    let nothing = Asked::default();
    let asked = event.asked.as_ref().unwrap_or(&nothing);
    let mut to = base(event, DETECTION_FINDING, (1, "Create"), uid);
    let first = event.findings.iter().max_by_key(|f| f.confidence);
    let mut info = Members::new();
    put(&mut info, "uid", event.uid.as_str());
    put(
        &mut info,
        "title",
        first.map_or(event.title, |f| {
            if f.summary.is_empty() {
                event.title
            } else {
                f.summary
            }
        }),
    );
    put(&mut info, "created_time", millis(event));
    let codes: Vec<&str> = event.findings.iter().map(|f| f.code.as_str()).collect();
    put(&mut info, "types", codes);
    if let Some(first) = first {
        // Rules over what a text says, but for the model that reads deeper.
        let learned = event.kind == Kind::Alert || first.code.starts_with("prompt-injection.model");
        let (type_id, kind) = if learned {
            (4, "Learning (ML/DL)")
        } else {
            (1, "Rule")
        };
        put(
            &mut info,
            "analytic",
            json!({
                "uid": first.code, "name": first.code, "type_id": type_id, "type": kind,
            }),
        );
    }
    let traits: Vec<Value> = event
        .findings
        .iter()
        .map(|f| {
            let mut values = vec![format!("confidence {}", f.confidence)];
            if !f.path.is_empty() {
                values.push(format!("path {}", f.path));
            }
            values.extend(f.tags.iter().map(|tag| (*tag).to_owned()));
            json!({"name": f.code, "category": "finding", "values": values})
        })
        .collect();
    put(&mut info, "traits", traits);
    let attacks = attacks(&event.findings);
    if !attacks.is_empty() {
        put(&mut info, "attacks", attacks);
    }
    put(&mut to, "finding_info", info);
    let mut evidence = Members::new();
    put(&mut evidence, "actor", actor(event));
    put(&mut evidence, "api", api(event, asked));
    if !event.agent.is_empty() {
        put(&mut evidence, "ai_agent", ai_agent(event));
    }
    put(&mut to, "evidences", vec![Value::Object(evidence)]);
    let resources = resources(asked);
    if !resources.is_empty() {
        put(&mut to, "resources", resources);
    }
    put(&mut to, "status_id", 1);
    put(&mut to, "status", "New");
    put(&mut to, "status_code", event.code.as_str());
    put(&mut to, "is_alert", event.severity >= Severity::Medium);
    security_control(event, &mut to);
    Value::Object(to)
}

fn entity_management(event: &SecurityEvent, activity: (u32, &'static str)) -> Value {
    let mut to = base(event, ENTITY_MANAGEMENT, activity, &event.uid);
    put(&mut to, "actor", actor(event));
    let (kind, id) = event
        .object
        .clone()
        .unwrap_or(("record", event.log.clone()));
    let (type_id, kind) = match kind {
        "policy" => (5, "Policy"),
        "user" => (2, "User"),
        other => (99, other),
    };
    let id = if id.is_empty() {
        event.tenant.clone()
    } else {
        id
    };
    put(
        &mut to,
        "entity",
        json!({"uid": id, "name": id, "type_id": type_id, "type": kind}),
    );
    put(&mut to, "comment", event.title);
    status(event, &mut to);
    Value::Object(to)
}

fn authentication(event: &SecurityEvent, activity: (u32, &'static str)) -> Value {
    let mut to = base(event, AUTHENTICATION, activity, &event.uid);
    let mut user = Members::new();
    // Whose session it is; the entry names what it is about after it.
    let about = event.object.as_ref().map_or("", |(_, id)| id.as_str());
    let uid = about.split([' ', ',']).next().unwrap_or_default();
    put_text(&mut user, "uid", uid);
    match event.activity {
        // Somebody else may have ended it, whose name is not the user's.
        Activity::SignOut => put(&mut to, "actor", actor(event)),
        _ => put_text(&mut user, "name", &event.actor),
    }
    if user.is_empty() {
        put(&mut user, "name", "unknown");
    }
    put(&mut to, "user", user);
    put(&mut to, "service", json!({"name": "Interlock"}));
    status(event, &mut to);
    Value::Object(to)
}

fn application(
    event: &SecurityEvent,
    class: (u32, &'static str, u32, &'static str),
    activity: (u32, &'static str),
) -> Value {
    let mut to = base(event, class, activity, &event.uid);
    if class.0 == APPLICATION_LIFECYCLE.0 {
        put(&mut to, "app", product());
    }
    status(event, &mut to);
    Value::Object(to)
}

/// The OCSF events of an event: one, and one more where a decision or an outcome has findings.
pub(super) fn events(event: &SecurityEvent) -> Vec<Value> {
    match event.activity {
        Activity::Decision | Activity::Outcome => {
            let mut all = vec![api_activity(event)];
            if !event.findings.is_empty() {
                all.push(detection(event, &format!("{}-finding", event.uid)));
            }
            all
        }
        Activity::Alert => vec![detection(event, &event.uid)],
        Activity::Create => vec![entity_management(event, (1, "Create"))],
        Activity::Read => vec![entity_management(event, (2, "Read"))],
        Activity::Update => vec![entity_management(event, (3, "Update"))],
        Activity::Delete => vec![entity_management(event, (4, "Delete"))],
        Activity::Suspend => vec![entity_management(event, (12, "Suspend"))],
        Activity::Resume => vec![entity_management(event, (13, "Resume"))],
        Activity::SignIn => vec![authentication(event, (1, "Logon"))],
        Activity::SignOut => vec![authentication(event, (2, "Logoff"))],
        Activity::Start => vec![application(event, APPLICATION_LIFECYCLE, (3, "Start"))],
        Activity::Stop => vec![application(event, APPLICATION_LIFECYCLE, (4, "Stop"))],
        Activity::Gap => vec![application(event, APPLICATION_ERROR, (1, "General Error"))],
        Activity::Other => vec![application(event, BASE_EVENT, (99, "Other"))],
    }
}

/// As [`events`], each on a line.
pub(super) fn lines(event: &SecurityEvent) -> Vec<String> {
    events(event).iter().map(Value::to_string).collect()
}
