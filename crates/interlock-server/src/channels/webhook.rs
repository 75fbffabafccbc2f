//! Webhooks, signed as Standard Webhooks says (version 1, HMAC-SHA256).

use hmac::{Hmac, KeyInit as _, Mac as _};
use interlock_core::audit::base64;
use interlock_core::model::UnixNanos;
use serde_json::json;
use sha2::Sha256;

use super::address::{JSON, client, post};
use super::config::{Secret, Webhook};
use super::{AlertMessage, Message, Sent};
use crate::api::time;

/// Sends to one webhook.
#[derive(Debug)]
pub(super) struct Sender {
    webhook: Webhook,
    client: ureq::Agent,
}

/// HMAC-SHA256 of the parts joined by dots.
fn mac(key: &[u8], parts: [&[u8]; 3]) -> Vec<u8> {
    // A key of any length will do.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    for (at, part) in parts.into_iter().enumerate() {
        if at > 0 {
            mac.update(b".");
        }
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// The value of `webhook-signature`: one signature for each key, the current one first.
pub(crate) fn signatures(keys: &[Secret], id: &str, timestamp: &str, body: &[u8]) -> String {
    let one = |key: &Secret| {
        let parts = [id.as_bytes(), timestamp.as_bytes(), body];
        format!("v1,{}", base64::encode(&mac(key.bytes(), parts)))
    };
    keys.iter().map(one).collect::<Vec<_>>().join(" ")
}

impl Sender {
    pub(super) fn new(webhook: &Webhook) -> Result<Self, String> {
        let tls = webhook.url.starts_with("https:");
        Ok(Self {
            client: client(&webhook.guard, tls, webhook.ca_file.as_deref())?,
            webhook: webhook.clone(),
        })
    }

    pub(super) fn send(&self, message: &Message<'_>) -> Sent {
        let Message {
            delivery, row, now, ..
        } = message;
        let told = &delivery.message;
        let asked = &row.asked;
        // Small, and without what the agent sent: whoever needs it asks with a key of their own.
        let body = json!({
            "type": told.topic,
            "timestamp": time(delivery.created),
            "data": {
                "id": asked.id, "state": told.state, "version": told.version,
                "agent_id": asked.agent_id, "run_id": asked.run_id,
                "action_type": asked.action_type, "tool": asked.tool, "group": asked.group,
                "groups": message.groups, "risk": asked.risk,
                "action_hash": row.approval.request.digest.to_hex(),
                "proposed_hash": row.approval.proposed().to_hex(),
                "quorum": row.approval.request.quorum, "agreed": row.approval.agreed(),
                "expires_at": time(row.approval.request.expires_at),
            },
        })
        .to_string();
        // The same for every attempt, so that the receiver knows a repetition.
        let id = format!("msg_{}_{}", asked.id, delivery.seq);
        self.post(&id, *now, &body)
    }

    /// Tells of a group of alerts.
    pub(super) fn tell(&self, message: &AlertMessage<'_>) -> Sent {
        let AlertMessage {
            delivery, group, ..
        } = message;
        // Without the alert's message: it may hold what an agent wrote.
        let body = json!({
            "type": delivery.message.topic,
            "timestamp": time(delivery.created),
            "data": {
                "id": group.id, "kind": group.cause.kind, "level": group.level,
                "state": group.state.name(), "agent_id": group.agent_id, "rule": group.cause.rule,
                "detector": group.cause.detector, "code": group.cause.code,
                "count": group.count, "first_seen": time(group.first_seen),
                "last_seen": time(group.last_seen), "last_alert": group.last_alert,
                "groups": group.cause.notify,
            },
        })
        .to_string();
        let id = format!("msg_{}_{}", group.id, delivery.seq);
        self.post(&id, message.now, &body)
    }

    fn post(&self, id: &str, now: UnixNanos, body: &str) -> Sent {
        let timestamp = (now / 1_000_000_000).to_string();
        let keys = &self.webhook.secrets;
        let signature = signatures(keys, id, &timestamp, body.as_bytes());
        let headers = [
            JSON,
            ("webhook-id", id),
            ("webhook-timestamp", timestamp.as_str()),
            ("webhook-signature", signature.as_str()),
        ];
        let answer = match post(&self.client, &self.webhook.url, &headers, body) {
            Ok(answer) => answer,
            Err(error) => return Sent::Later(error, None),
        };
        match answer.status {
            200..=299 => Sent::Yes,
            410 => Sent::Never("the receiver answered 410: it wants no more".to_owned()),
            status => Sent::Later(format!("the receiver answered {status}"), answer.wait_s),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    #[test]
    fn the_published_signature() {
        let key = base64::decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let parts: [&[u8]; 3] = [
            b"msg_p5jXN8AQM9LWM0D4loKWxJek",
            b"1614265330",
            br#"{"test": 2432232314}"#,
        ];
        assert_eq!(
            base64::encode(&mac(&key, parts)),
            "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }
}
