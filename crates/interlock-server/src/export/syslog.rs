//! The syslog protocol (RFC 5424), with the record's members as structured data.
//!
//! Over TCP and TLS messages are framed by counting their octets (RFC 6587, section 3.4.1; RFC 5425,
//! section 4.3), so that no text can end one and begin another.

use std::fmt::Write as _;

use interlock_core::model::Effect;

use super::event::{SecurityEvent, Severity};
use super::text::shown;

/// Bytes of one message: what RFC 5424 asks of receivers is 2,048, RFC 5425 of those with TLS 8,192.
pub(super) const MESSAGE_BYTES_MAX: usize = 8_192;
/// Bytes of one value of the structured data.
const VALUE_BYTES_MAX: usize = 512;
/// `log audit`.
const FACILITY_DEFAULT: u8 = 13;
/// The structured data's name: 32473 is the number set aside for uses without one (RFC 5612).
const SD_ID: &str = "interlock@32473";

fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Informational => 6,
        Severity::Low => 5,
        Severity::Medium => 4,
        Severity::High => 3,
        Severity::Critical => 2,
    }
}

/// What does not depend on the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    facility: u8,
    host: String,
    process: u32,
}

/// `PRINTUSASCII` of at most `max` bytes, or the nil value.
fn printable(text: &str, max: usize) -> String {
    let text: String = text
        .chars()
        .filter(char::is_ascii_graphic)
        .take(max)
        .collect();
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}

/// A value of the structured data as readers find it. A backslash at its end is spelt out: its escape
/// before the closing quote is right, and yet taken by some readers for that of the quote, so that what
/// follows would not be read, or be read as the agent wants.
pub(super) fn value(text: &str) -> String {
    let mut value = shown(text, VALUE_BYTES_MAX);
    if value.ends_with('\\') {
        value.pop();
        value.push_str("[U+005C]");
    }
    value
}

/// [`value`] with its escapes: `"`, `\` and `]` have some (RFC 5424, section 6.3.3).
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in value(text).chars() {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

impl Header {
    /// For messages of this machine.
    pub(super) fn local() -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self::new(FACILITY_DEFAULT, &host)
    }

    /// For messages of `host`.
    pub(super) fn new(facility: u8, host: &str) -> Self {
        Self {
            facility: facility.min(23),
            host: printable(host, 255),
            process: std::process::id(),
        }
    }

    fn start(&self, event: &SecurityEvent) -> String {
        let at = jiff::Timestamp::from_nanosecond(i128::from(event.time)).unwrap_or_default();
        format!(
            "<{}>1 {at:.6} {} interlock {} {}",
            self.facility * 8 + severity(event.severity),
            self.host,
            self.process,
            printable(&event.code, 32),
        )
    }

    /// The event with its members as structured data.
    pub(super) fn message(&self, event: &SecurityEvent) -> String {
        let mut out = self.start(event);
        let _ = write!(out, " [{SD_ID}");
        let mut put = |key: &str, text: &str| {
            if !text.is_empty() {
                let _ = write!(out, " {key}=\"{}\"", escaped(text));
            }
        };
        put("id", &event.uid);
        put("kind", &event.kind.name());
        put("code", &event.code);
        put("severity", event.severity.name());
        put("tenant", &event.tenant);
        put("log", &event.log);
        put("seq", &event.seq.to_string());
        put("leaf", &event.leaf);
        put("actor", &event.actor);
        put("agent", &event.agent);
        put("session", &event.session);
        put("run", &event.run);
        if let Some(asked) = &event.asked {
            put("decision", &asked.id);
            put("effect", asked.effect.map_or("", Effect::name));
            put(
                "risk",
                &asked.risk.map_or_else(String::new, |r| r.to_string()),
            );
            put("type", &asked.action_type);
            put("tool", &asked.tool);
            put("resource", &asked.resource);
        }
        if let Some((object, id)) = &event.object {
            put("object", object);
            put("objectId", id);
        }
        put("reasons", &event.reasons.join(" "));
        let findings: Vec<&str> = event.findings.iter().map(|f| f.code.as_str()).collect();
        put("findings", &findings.join(" "));
        let mut tags: Vec<&str> = event
            .findings
            .iter()
            .flat_map(|f| f.tags.iter().copied())
            .collect();
        tags.sort_unstable();
        tags.dedup();
        put("tags", &tags.join(" "));
        let rules: Vec<&str> = event.rules.iter().map(|r| r.id.as_str()).collect();
        put("rules", &rules.join(" "));
        if let Some(success) = event.success {
            put("outcome", if success { "success" } else { "failure" });
        }
        if event.truncated {
            put("truncated", "true");
        }
        // The byte order mark says that what follows is UTF-8 (section 6.4).
        out.push_str("] \u{feff}");
        let room = MESSAGE_BYTES_MAX.saturating_sub(out.len());
        out.push_str(&shown(&event.message, room.min(2_048)));
        out
    }

    /// An event in another format as the message's text. Nothing when it is too long for one.
    pub(super) fn wrap(&self, event: &SecurityEvent, line: &str) -> Option<String> {
        let message = format!("{} - {line}", self.start(event));
        (message.len() <= MESSAGE_BYTES_MAX).then_some(message)
    }
}

/// The message with its length before it.
pub(super) fn framed(message: &str) -> Vec<u8> {
    format!("{} {message}", message.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_end_the_structured_data() {
        assert_eq!(
            escaped("a\"] b\\ \n<13>1 - evil"),
            "a\\\"\\] b\\\\ [U+000A\\]<13>1 - evil"
        );
        assert_eq!(escaped("C:\\"), "C:[U+005C\\]");
        assert!(escaped(&"]".repeat(9_000)).len() <= 2 * VALUE_BYTES_MAX);
        assert_eq!(printable("a b\nc", 9), "abc");
        assert_eq!(printable("\u{e9}\n", 9), "-");
    }

    #[test]
    fn a_message_is_counted_in_octets() {
        assert_eq!(framed("é"), "2 é".as_bytes());
    }
}
