//! The Common Event Format, version 0.
//!
//! Source: "CEF Implementation Standard", ArcSight SmartConnectors 8.3: header and extension have
//! escapes of their own, and each key of the dictionary a length. **Invariant:** the header holds
//! nothing that came from outside, so that no agent can move its fields.

use std::fmt::Write as _;

use super::event::{SecurityEvent, Severity};
use super::text::shown;

/// `0..=10`: the middle of each of the standard's ranges Low, Medium, High, Very-High.
fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Informational => 1,
        Severity::Low => 3,
        Severity::Medium => 5,
        Severity::High => 8,
        Severity::Critical => 10,
    }
}

/// A value of the extension: on one line, nothing hidden, its escapes in place.
fn escaped(text: &str, max: usize) -> String {
    let shown = shown(text, max);
    // A blank at an end would be taken for the one between two keys.
    let shown = shown.trim();
    let mut out = String::with_capacity(shown.len() + 8);
    for c in shown.chars() {
        if matches!(c, '\\' | '=') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

struct Extension(String);

impl Extension {
    fn put(&mut self, key: &str, text: &str, max: usize) {
        let value = escaped(text, max);
        if !value.is_empty() {
            let gap = if self.0.is_empty() { "" } else { " " };
            let _ = write!(self.0, "{gap}{key}={value}");
        }
    }

    fn number(&mut self, key: &str, number: impl std::fmt::Display) {
        let gap = if self.0.is_empty() { "" } else { " " };
        let _ = write!(self.0, "{gap}{key}={number}");
    }

    /// A field whose meaning its label says.
    fn labelled(&mut self, key: &str, label: &str, text: &str, max: usize) {
        if !text.trim().is_empty() {
            self.put(key, text, max);
            let _ = write!(self.0, " {key}Label={label}");
        }
    }
}

/// The event on one line.
pub(super) fn line(event: &SecurityEvent) -> String {
    let mut to = Extension(String::new());
    to.number("rt", event.time / 1_000_000);
    to.number("externalId", event.seq);
    to.put("cat", &event.kind.name(), 1_023);
    if let Some(asked) = &event.asked {
        if let Some(effect) = asked.effect {
            to.put("act", effect.name(), 63);
        }
        to.put("request", &asked.resource, 1_023);
        to.put("requestMethod", &asked.action_type, 1_023);
        to.put("destinationServiceName", &asked.tool, 1_023);
        if let Some(risk) = asked.risk {
            to.number("cn2", risk);
            to.put("cn2Label", "risk", 1_023);
        }
    }
    if let Some(success) = event.success {
        to.put("outcome", if success { "success" } else { "failure" }, 63);
    }
    to.put("reason", &event.reasons.join(" "), 1_023);
    to.put("suser", &event.actor, 1_023);
    to.put("sproc", &event.agent, 1_023);
    to.put("deviceExternalId", &event.tenant, 255);
    to.labelled("cs1", "recordEntry", &event.uid, 4_000);
    to.labelled("cs2", "recordLeaf", &event.leaf, 4_000);
    to.labelled("cs3", "recordLog", &event.log, 4_000);
    let run = if event.run.is_empty() {
        &event.session
    } else {
        &event.run
    };
    to.labelled("cs4", "run", run, 4_000);
    let findings: Vec<String> = event
        .findings
        .iter()
        .map(|f| format!("{}:{}", f.code, f.confidence))
        .collect();
    to.labelled("cs5", "findings", &findings.join(" "), 4_000);
    let rules: Vec<&str> = event.rules.iter().map(|r| r.id.as_str()).collect();
    to.labelled("cs6", "rules", &rules.join(" "), 4_000);
    let mut tags: Vec<&str> = event
        .findings
        .iter()
        .flat_map(|f| f.tags.iter().copied())
        .collect();
    tags.sort_unstable();
    tags.dedup();
    to.labelled("flexString1", "tags", &tags.join(" "), 1_023);
    if let Some((object, id)) = &event.object {
        to.put("fileType", object, 1_023);
        to.put("fname", id, 1_023);
    }
    if event.truncated {
        to.labelled("flexString2", "truncated", "true", 1_023);
    }
    to.put("msg", &event.message, 1_023);
    format!(
        "CEF:0|Interlock|Interlock|{}|{}|{}|{}|{}",
        env!("CARGO_PKG_VERSION"),
        event.code,
        event.title,
        severity(event.severity),
        to.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_end_or_begin_a_field() {
        assert_eq!(
            escaped("a=b\\ c|d\n suser=root \u{202e}", 1_023),
            "a\\=b\\\\ c|d[U+000A] suser\\=root [U+202E]"
        );
        assert_eq!(escaped(" \t ", 99), "[U+0009]");
    }
}
