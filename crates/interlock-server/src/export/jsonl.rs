//! One JSON object a line, in the product's own names.

use interlock_core::model::Effect;
use serde_json::{Map, Value, json};

use super::event::SecurityEvent;

/// The event as an object.
pub(super) fn object(event: &SecurityEvent) -> Value {
    let mut to = json!({
        "id": event.uid,
        "time": crate::api::time(event.time),
        "kind": event.kind.name(),
        "code": event.code,
        "title": event.title,
        "severity": event.severity.name(),
        "message": event.message,
        "tenant": event.tenant,
        "record": {
            "log": event.log, "seq": event.seq, "leaf": event.leaf, "link": event.link,
        },
    });
    let Some(members) = to.as_object_mut() else {
        return to;
    };
    let mut put = |key: &str, value: Value| {
        members.insert(key.to_owned(), value);
    };
    if let Some(success) = event.success {
        put("success", Value::from(success));
    }
    for (key, text) in [
        ("actor", &event.actor),
        ("agent", &event.agent),
        ("session", &event.session),
        ("run", &event.run),
    ] {
        if !text.is_empty() {
            put(key, Value::from(text.as_str()));
        }
    }
    if let Some(asked) = &event.asked {
        put(
            "action",
            json!({
                "id": asked.id, "type": asked.action_type, "tool": asked.tool,
                "resource": asked.resource, "effect": asked.effect.map(Effect::name),
                "risk": asked.risk, "step": asked.step, "traceparent": asked.traceparent,
            }),
        );
    }
    if !event.findings.is_empty() {
        let findings = event.findings.iter().map(
            |f| json!({"code": f.code, "confidence": f.confidence, "path": f.path, "tags": f.tags}),
        );
        put("findings", findings.collect());
    }
    if !event.rules.is_empty() {
        let rules = event
            .rules
            .iter()
            .map(|r| json!({"id": r.id, "effect": r.effect, "decided": r.decided}));
        put("rules", rules.collect());
    }
    if !event.reasons.is_empty() {
        put("reasons", Value::from(event.reasons.clone()));
    }
    if let Some((kind, id)) = &event.object {
        put("object", json!({"kind": kind, "id": id}));
    }
    if !event.further.is_empty() {
        let further: Map<String, Value> = event.further.iter().cloned().collect();
        put("further", Value::Object(further));
    }
    if event.truncated {
        put("truncated", Value::from(true));
    }
    to
}

/// As [`object`], on one line.
pub(super) fn line(event: &SecurityEvent) -> String {
    object(event).to_string()
}
