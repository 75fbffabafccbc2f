//! PagerDuty: an incident for each question and each group of alerts, by the Events API v2.
//!
//! The key of an incident is the id of what it is about, so that however often PagerDuty is told there
//! is one incident, and it is acknowledged and resolved when that happens here. What PagerDuty should
//! show follows from how things stand when a message is sent, so that one that comes late does not undo
//! a newer one. Nothing comes back: nobody decides in PagerDuty. Names are shown, what else an agent wrote is not:
//! a pager reads aloud.
//!
//! <https://developer.pagerduty.com/docs/events-api-v2-overview>

use std::path::PathBuf;

use interlock_core::approval::State;
use interlock_store::{GroupState, OutboxRow};
use serde::Deserialize;
use serde_json::{Value, json};

use super::address::{Guard, JSON, client, post};
use super::config::{Config, Secret, SecretPlace, checked_url, networks};
use super::text::unlinked;
use super::{AlertMessage, Message, Sent, alert_title, approval_page, asks, group_page, triaged};
use crate::api::time;

/// Where events go, unless the configuration says otherwise.
const API: &str = "https://events.pagerduty.com";
/// Characters of an integration key.
const KEY_CHARACTERS: usize = 32;
/// Characters of a summary, which is the incident's title.
const SUMMARY_CHARACTERS: usize = 1_024;
/// Characters of what names a thing.
const NAME_CHARACTERS: usize = 255;

/// As the configuration has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PagerDutyFile {
    routing_key: SecretPlace,
    api_url: Option<String>,
    #[serde(default)]
    allow: Vec<String>,
    ca_file: Option<PathBuf>,
}

/// A service of PagerDuty.
#[derive(Debug, Clone)]
pub struct PagerDuty {
    /// The integration key of the service.
    pub routing_key: Secret,
    /// Where events go: `/v2/enqueue` follows.
    pub api_url: String,
    /// Where it may connect to.
    pub guard: Guard,
    /// The authorities that it trusts.
    pub ca_file: Option<PathBuf>,
}

impl PagerDutyFile {
    pub(super) fn read(self, what: &str) -> Result<PagerDuty, String> {
        let api_url = self.api_url.unwrap_or_else(|| API.to_owned());
        checked_url(what, &api_url)?;
        let routing_key = self.routing_key.read(&format!("{what}: `routing_key`"))?;
        let key = routing_key.bytes();
        if key.len() != KEY_CHARACTERS || !key.iter().all(u8::is_ascii_alphanumeric) {
            return Err(format!(
                "{what}: `routing_key` must be {KEY_CHARACTERS} letters and digits: the integration key of an Events API v2 integration"
            ));
        }
        Ok(PagerDuty {
            routing_key,
            api_url: api_url.trim_end_matches('/').to_owned(),
            guard: networks(what, &self.allow)?,
            ca_file: self.ca_file,
        })
    }
}

/// Whether this is the change by which a question ended: what happens to a grant later changes no
/// incident.
pub(super) fn ends(event: &OutboxRow) -> bool {
    let state = State::from_name(&event.state);
    state.is_some_and(|state| {
        matches!(
            state,
            State::Approved
                | State::ApprovedEdited
                | State::Denied
                | State::Expired
                | State::Cancelled
                | State::Superseded
        )
    })
}

/// What PagerDuty is to do about an approval.
fn approval_action(topic: &str, state: State) -> Option<&'static str> {
    match (asks(topic), state == State::Pending) {
        (true, true) => Some("trigger"),
        (_, false) => Some("resolve"),
        (false, true) => None,
    }
}

/// What PagerDuty is to do about a group of alerts; nothing where a later message says it.
fn group_action(topic: &str, state: GroupState) -> Option<&'static str> {
    match (triaged(topic), state) {
        (true, GroupState::Acknowledged) => Some("acknowledge"),
        (true, GroupState::Resolved) => Some("resolve"),
        (false, GroupState::Resolved) => None,
        // Somebody looks after it; it is shown when it gets worse.
        (false, GroupState::Acknowledged) if topic == "alert.new" => None,
        _ => Some("trigger"),
    }
}

/// PagerDuty's word for a level of alerts.
fn severity(level: &str) -> &'static str {
    match level {
        "low" => "info",
        "medium" => "warning",
        "high" => "error",
        _ => "critical",
    }
}

/// A text within what PagerDuty takes, however long it is with everything hidden spelt out.
fn capped(text: &str, max: usize) -> String {
    unlinked(text, max).chars().take(max).collect()
}

/// Sends to one service.
#[derive(Debug)]
pub(super) struct Sender {
    service: PagerDuty,
    base: String,
    client: ureq::Agent,
}

impl Sender {
    pub(super) fn new(service: &PagerDuty, config: &Config) -> Result<Self, String> {
        let tls = service.api_url.starts_with("https:");
        Ok(Self {
            client: client(&service.guard, tls, service.ca_file.as_deref())?,
            service: service.clone(),
            base: config.public_url.clone().unwrap_or_default(),
        })
    }

    pub(super) fn send(&self, message: &Message<'_>) -> Sent {
        let row = message.row;
        let asked = &row.asked;
        let topic = message.delivery.message.topic.as_str();
        let Some(action) = approval_action(topic, row.approval.state) else {
            return Sent::Skipped;
        };
        let agent = capped(&asked.agent_id, NAME_CHARACTERS);
        let kind = capped(&asked.action_type, NAME_CHARACTERS);
        let said = match topic {
            "approval.remind" => "still waits for an answer",
            "approval.escalate" => "waits, and nobody has answered",
            _ => "asks",
        };
        let payload = json!({
            "summary": format!("Agent {agent} {said}: {kind}"),
            "source": agent,
            "severity": if topic == "approval.escalate" { "error" } else { "warning" },
            "timestamp": time(message.delivery.created),
            "component": capped(&asked.tool, NAME_CHARACTERS),
            "group": message.groups.first().map_or("", String::as_str),
            "class": "approval",
            "custom_details": {
                "action_type": kind,
                "risk": asked.risk,
                "quorum": row.approval.request.quorum,
                "agreed": row.approval.agreed(),
                "groups": message.groups,
                "until": time(row.approval.request.expires_at),
            },
        });
        let page = approval_page(&self.base, &asked.id);
        self.enqueue(
            action,
            &format!("interlock-approval-{}", asked.id),
            &page,
            payload,
        )
    }

    /// Tells of a group of alerts.
    pub(super) fn tell(&self, message: &AlertMessage<'_>) -> Sent {
        let AlertMessage {
            delivery, group, ..
        } = message;
        let topic = delivery.message.topic.as_str();
        let Some(action) = group_action(topic, group.state) else {
            return Sent::Skipped;
        };
        let cause = &group.cause;
        let mut details = serde_json::Map::new();
        for (name, value) in [
            ("rule", &cause.rule),
            ("detector", &cause.detector),
            ("finding", &cause.code),
            ("kind", &cause.kind),
        ] {
            if !value.is_empty() {
                details.insert(name.to_owned(), capped(value, NAME_CHARACTERS).into());
            }
        }
        details.insert("alerts".to_owned(), group.count.into());
        details.insert("first_seen".to_owned(), time(group.first_seen).into());
        details.insert("last_seen".to_owned(), time(group.last_seen).into());
        let title = capped(&alert_title(delivery, group), SUMMARY_CHARACTERS);
        let source = match group.agent_id.as_str() {
            "" => "interlock".to_owned(),
            agent => capped(agent, NAME_CHARACTERS),
        };
        let payload = json!({
            "summary": title,
            "source": source,
            "severity": severity(&group.level),
            "timestamp": time(group.last_seen),
            "component": capped(&cause.class, NAME_CHARACTERS),
            "group": cause.notify.first().map_or("", String::as_str),
            "class": if cause.detector.is_empty() { &cause.kind } else { &cause.detector },
            "custom_details": details,
        });
        let page = group_page(&self.base, &group.id);
        self.enqueue(
            action,
            &format!("interlock-alert-{}", group.id),
            &page,
            payload,
        )
    }

    fn enqueue(&self, action: &str, dedup_key: &str, page: &str, payload: Value) -> Sent {
        let routing_key = match self.service.routing_key.text() {
            Ok(key) => key,
            Err(error) => return Sent::Never(error),
        };
        let mut event = json!({
            "routing_key": routing_key,
            "event_action": action,
            "dedup_key": dedup_key,
        });
        if action == "trigger"
            && let Some(event) = event.as_object_mut()
        {
            event.insert("payload".to_owned(), payload);
            event.insert("client".to_owned(), "Interlock".into());
            event.insert("client_url".to_owned(), page.into());
            event.insert(
                "links".to_owned(),
                json!([{"href": page, "text": "Open in Interlock"}]),
            );
        }
        let url = format!("{}/v2/enqueue", self.service.api_url);
        let answer = match post(&self.client, &url, &[JSON], &event.to_string()) {
            Ok(answer) => answer,
            Err(error) => return Sent::Later(error, None),
        };
        match answer.status {
            202 => Sent::Yes,
            // The event is wrong, or the key is: the same event is wrong again.
            400 => Sent::Never(format!(
                "PagerDuty refused the event: {}",
                refusal(&answer.body, routing_key)
            )),
            status => Sent::Later(format!("PagerDuty answered {status}"), answer.wait_s),
        }
    }
}

/// Why PagerDuty refused, without the key.
fn refusal(body: &[u8], key: &str) -> String {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let errors = said["errors"].as_array().into_iter().flatten();
    let mut all: Vec<&str> = errors.filter_map(Value::as_str).take(4).collect();
    if all.is_empty() {
        all.push(said["message"].as_str().unwrap_or("no reason"));
    }
    unlinked(&all.join("; ").replace(key, "…"), 256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_how_things_stand() {
        use GroupState::{Acknowledged, Open, Resolved};
        let cases = [
            ("alert.new", Open, Some("trigger")),
            ("alert.new", Acknowledged, None),
            ("alert.new", Resolved, None),
            ("alert.worse", Acknowledged, Some("trigger")),
            ("alert.again", Open, Some("trigger")),
            ("alert.acknowledged", Acknowledged, Some("acknowledge")),
            ("alert.resolved", Resolved, Some("resolve")),
            // Late: it happened again meanwhile, or somebody went further.
            ("alert.resolved", Open, Some("trigger")),
            ("alert.acknowledged", Resolved, Some("resolve")),
            ("alert.open", Open, Some("trigger")),
        ];
        for (topic, state, want) in cases {
            assert_eq!(group_action(topic, state), want, "{topic} {state:?}");
        }
        for (topic, state, want) in [
            ("approval.request", State::Pending, Some("trigger")),
            ("approval.vote", State::Pending, None),
            ("approval.vote", State::Approved, Some("resolve")),
            ("approval.expire", State::Expired, Some("resolve")),
        ] {
            assert_eq!(approval_action(topic, state), want, "{topic} {state:?}");
        }
        assert_eq!(
            interlock_store::LEVELS.map(severity),
            ["info", "warning", "error", "critical"]
        );
    }

    #[test]
    fn no_name_makes_an_event_too_long() {
        let hidden = "\u{e0041}".repeat(2_000);
        assert_eq!(capped(&hidden, SUMMARY_CHARACTERS).chars().count(), 1_024);
        assert_eq!(capped("bot", NAME_CHARACTERS), "bot");
    }

    #[test]
    fn a_refusal_is_told_without_the_key() {
        let body = br#"{"status":"invalid event","message":"m","errors":["bad KEY","x\u202ey"]}"#;
        assert_eq!(refusal(body, "KEY"), "bad …; x[U+202E]y");
        assert_eq!(refusal(br#"{"message":"m"}"#, "KEY"), "m");
        assert_eq!(refusal(b"<html>", "KEY"), "no reason");
    }
}
