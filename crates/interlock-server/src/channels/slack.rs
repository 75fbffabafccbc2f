//! Slack: a message with buttons, and what comes back when somebody presses one.
//!
//! A press is believed when the raw bytes of the request are signed with the app's signing secret and
//! not older than five minutes, and it counts when the Slack account is one of a configured person.
//! Without a configured channel the route answers `404`.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use hmac::{Hmac, KeyInit as _, Mac as _};
use interlock_core::approval::State as ApprovalState;
use interlock_core::audit::unhex;
use interlock_core::model::ActionDigest;
use interlock_runtime::{Answer, Runtime, Say};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use super::address::{client, post};
use super::config::{Channel, Config, Slack};
use super::text::{line, visible};
use super::{AlertMessage, Message, Sent, alert_text, alert_title};
use crate::App;
use crate::api::time;

/// How far the time of a request may be off, in seconds.
const SKEW_S: i64 = 300;
/// Characters of each text.
const TEXT_CHARACTERS: usize = 1_500;

/// Posts to one channel.
#[derive(Debug)]
pub(super) struct Sender {
    slack: Slack,
    client: ureq::Agent,
}

fn plain(text: String) -> Value {
    json!({"type": "plain_text", "emoji": false, "text": text})
}

fn section(title: &str, text: &str) -> Value {
    // Plain text: what an agent writes is no link, no mention and no markup.
    let text = format!("{title}\n{}", visible(text, TEXT_CHARACTERS));
    json!({"type": "section", "text": plain(text.chars().take(2_900).collect())})
}

fn blocks(message: &Message<'_>) -> Vec<Value> {
    let row = message.row;
    let asked = &row.asked;
    let detail: Value = serde_json::from_str(&asked.detail).unwrap_or_default();
    let title = match message.delivery.message.topic.as_str() {
        "approval.remind" => "Still waiting",
        "approval.escalate" => "Nobody has answered yet",
        "approval.expire" => "Nobody answered in time: denied",
        _ => "An agent asks",
    };
    let mut all = vec![
        json!({"type": "header", "text": plain(title.to_owned())}),
        section(
            "What",
            &format!(
                "agent {} · {} {} · {}\nrisk {} · asks {} of {} · until {}",
                line(&asked.agent_id, 128),
                line(&asked.action_type, 64),
                line(&asked.tool, 128),
                line(&asked.resource, 256),
                asked.risk,
                row.approval.request.quorum,
                message.groups.join(", "),
                time(row.approval.request.expires_at),
            ),
        ),
        section("Why", &asked.reason),
    ];
    if let Some(arguments) = detail["arguments"].as_str() {
        all.push(section("Arguments, masked", arguments));
    }
    if let Some(prompt) = detail["context"]["prompt"].as_str() {
        all.push(section("Prompt, masked", prompt));
    }
    let edited = row.approval.proposed() != row.approval.request.digest;
    if row.approval.state == ApprovalState::Pending && edited {
        // Nobody agrees here to what is not shown.
        all.push(section(
            "Edited",
            "somebody has changed the arguments: answer where the change is shown",
        ));
    } else if row.approval.state == ApprovalState::Pending {
        let value = format!("{} {}", asked.id, row.approval.proposed().to_hex());
        let button = |text: &str, action: &str, style: &str| {
            json!({
                "type": "button", "text": plain(text.to_owned()), "action_id": action,
                "style": style, "value": value,
            })
        };
        all.push(json!({
            "type": "actions",
            "elements": [button("Approve", "approve", "primary"), button("Deny", "deny", "danger")],
        }));
    }
    all
}

impl Sender {
    pub(super) fn new(slack: &Slack) -> Result<Self, String> {
        let tls = slack.api_url.starts_with("https:");
        Ok(Self {
            client: client(&slack.guard, tls, slack.ca_file.as_deref())?,
            slack: slack.clone(),
        })
    }

    pub(super) fn send(&self, message: &Message<'_>) -> Sent {
        let asked = &message.row.asked;
        let body = json!({
            "channel": self.slack.channel,
            "text": format!(
                "Agent {} asks: {}", line(&asked.agent_id, 128), line(&asked.action_type, 64)
            ),
            "blocks": blocks(message),
            "unfurl_links": false,
            "unfurl_media": false,
            "parse": "none",
            "metadata": {
                "event_type": "interlock_approval",
                "event_payload": {"id": asked.id, "delivery": message.delivery.seq},
            },
        })
        .to_string();
        self.post(&body)
    }

    /// Tells of a group of alerts.
    pub(super) fn tell(&self, message: &AlertMessage<'_>) -> Sent {
        let AlertMessage {
            delivery, group, ..
        } = message;
        let title = alert_title(delivery, group);
        let body = json!({
            "channel": self.slack.channel,
            "text": title,
            "blocks": [
                json!({"type": "header", "text": plain(title.clone())}),
                section("What", &alert_text(group)),
            ],
            "unfurl_links": false,
            "unfurl_media": false,
            "parse": "none",
            "metadata": {
                "event_type": "interlock_alerts",
                "event_payload": {"id": group.id, "delivery": delivery.seq},
            },
        })
        .to_string();
        self.post(&body)
    }

    fn post(&self, body: &str) -> Sent {
        let token = match self.slack.token.text() {
            Ok(token) => token,
            Err(error) => return Sent::Never(error),
        };
        let url = format!("{}/chat.postMessage", self.slack.api_url);
        let bearer = format!("Bearer {token}");
        // Without the character set Slack warns.
        let headers = [
            ("content-type", "application/json; charset=utf-8"),
            ("authorization", bearer.as_str()),
        ];
        let answer = match post(&self.client, &url, &headers, body) {
            Ok(answer) => answer,
            Err(error) => return Sent::Later(error, None),
        };
        let wait = answer.wait_s;
        if answer.status != 200 {
            return Sent::Later(format!("Slack answered {}", answer.status), wait);
        }
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if said["ok"] == true {
            return Sent::Yes;
        }
        let error = said["error"].as_str().unwrap_or("no reason");
        Sent::Later(format!("Slack refused: {}", line(error, 128)), wait)
    }
}

/// Whether the raw bytes were signed with the secret.
fn is_signed(secret: &[u8], timestamp: &str, body: &[u8], signature: &str) -> bool {
    let Some(given) = signature.strip_prefix("v0=").and_then(unhex) else {
        return false;
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        return false;
    };
    mac.update(b"v0:");
    mac.update(timestamp.as_bytes());
    mac.update(b":");
    mac.update(body);
    // In the same time whatever the difference is.
    mac.verify_slice(&given).is_ok()
}

#[derive(Debug, Deserialize)]
struct Interaction {
    #[serde(rename = "type")]
    kind: String,
    user: Id,
    team: Option<Id>,
    #[serde(default)]
    actions: Vec<Pressed>,
    response_url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Id {
    id: String,
}

#[derive(Debug, Deserialize)]
struct Pressed {
    action_id: String,
    #[serde(default)]
    value: String,
}

/// The value of `payload` in a form (`application/x-www-form-urlencoded`).
fn payload(body: &[u8]) -> Option<Vec<u8>> {
    let field = body
        .split(|b| *b == b'&')
        .find_map(|field| field.strip_prefix(b"payload="))?;
    super::link::decode(field)
}

/// `POST /channels/slack/{name}`: somebody pressed a button.
pub(crate) async fn pressed(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let Some(config) = app.channels() else {
        return StatusCode::NOT_FOUND;
    };
    let Some(Channel::Slack(slack)) = config.channels.get(&name) else {
        return StatusCode::NOT_FOUND;
    };
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    };
    let timestamp = header("x-slack-request-timestamp");
    let now = app.runtime().now() / 1_000_000_000;
    let fresh = timestamp.len() <= 12
        && timestamp
            .parse::<i64>()
            .is_ok_and(|at| at.abs_diff(now) <= SKEW_S.unsigned_abs());
    let signature = header("x-slack-signature");
    if !fresh || !is_signed(slack.signing_secret.bytes(), timestamp, &body, signature) {
        tracing::warn!(
            channel = name,
            "a request to the Slack route is not signed, or too old"
        );
        return StatusCode::UNAUTHORIZED;
    }
    let interaction: Option<Interaction> =
        payload(&body).and_then(|json| serde_json::from_slice(&json).ok());
    let Some(interaction) = interaction else {
        return StatusCode::BAD_REQUEST;
    };
    // Slack waits three seconds: what is done takes less, what is told follows.
    let slack = slack.clone();
    let done = app
        .blocking(move |runtime| Ok(decide(runtime, &config, &slack, &interaction)))
        .await;
    match done {
        Ok(status) => status,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Takes the answer and tells the channel what became of it. A request that comes again finds the
/// answer taken.
fn decide(
    runtime: &Runtime,
    config: &std::sync::Arc<Config>,
    slack: &Slack,
    interaction: &Interaction,
) -> StatusCode {
    let Some(pressed) = interaction.actions.first() else {
        return StatusCode::OK;
    };
    if interaction.kind != "block_actions" {
        return StatusCode::OK;
    }
    let team = interaction.team.as_ref().map(|t| t.id.as_str());
    if team != Some(slack.team.as_str()) {
        return StatusCode::FORBIDDEN;
    }
    let account = format!("slack:{}/{}", slack.team, interaction.user.id);
    let Some(person) = config.people.known(&account) else {
        tell(
            slack,
            interaction,
            false,
            "Your Slack account is linked to nobody: ask an administrator to add it to the people of Interlock.",
        );
        return StatusCode::OK;
    };
    let shown = pressed.value.split_once(' ').and_then(|(id, hash)| {
        let digest: [u8; 32] = unhex(hash)?.try_into().ok()?;
        Some((id, ActionDigest(digest)))
    });
    let (Some((id, seen)), say) = (
        shown,
        match pressed.action_id.as_str() {
            "approve" => Say::Approve,
            "deny" => Say::Deny,
            _ => return StatusCode::BAD_REQUEST,
        },
    ) else {
        return StatusCode::BAD_REQUEST;
    };
    let answer = Answer {
        approver: person,
        say,
        seen: Some(seen),
        reason: "",
        via: "slack",
    };
    match runtime.answer_approval(&super::approver(config), id, &answer) {
        Ok(answered) => {
            let state = answered.row.approval.state;
            let approval = &answered.row.approval;
            let text = match (answered.already_decided, state) {
                (true, state) => format!("Answered before: it is {state}."),
                (false, ApprovalState::Pending) => format!(
                    "{person} agreed; {} of {} so far.",
                    runtime.agreed(&config.tenant, &answered.row),
                    approval.request.quorum
                ),
                (false, state) => format!("{person} answered: {state}."),
            };
            tell(slack, interaction, state != ApprovalState::Pending, &text);
            StatusCode::OK
        }
        Err(error) => {
            tell(slack, interaction, false, &format!("Not taken: {error}"));
            StatusCode::OK
        }
    }
}

/// Answers through `response_url`, away from the request: in the place of the message, or to the
/// person alone.
fn tell(slack: &Slack, interaction: &Interaction, replace: bool, text: &str) {
    let Some(url) = interaction.response_url.clone() else {
        return;
    };
    let body = if replace {
        json!({"replace_original": true, "text": text})
    } else {
        json!({"response_type": "ephemeral", "replace_original": false, "text": text})
    };
    let slack = slack.clone();
    let spawned = std::thread::Builder::new()
        .name("slack-answer".to_owned())
        .spawn(move || {
            let sent = client(
                &slack.guard,
                url.starts_with("https:"),
                slack.ca_file.as_deref(),
            )
            .and_then(|client| {
                client
                    .post(&url)
                    .header("content-type", "application/json")
                    .send(body.to_string().as_bytes())
                    .map_err(|e| e.to_string())
            });
            if let Err(error) = sent {
                tracing::warn!(error, "Slack was not told what became of an answer");
            }
        });
    if let Err(error) = spawned {
        tracing::warn!(%error, "Slack was not told what became of an answer");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Slack's documentation.
    #[test]
    fn the_published_signature() {
        let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let secret = b"8f742231b10e8888abcd99yyyzzz85a5";
        let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
        assert!(is_signed(secret, "1531420618", body, signature));
        assert!(!is_signed(secret, "1531420619", body, signature));
        assert!(!is_signed(b"other", "1531420618", body, signature));
        assert!(!is_signed(secret, "1531420618", &body[1..], signature));
        for wrong in ["", "v0=", "v1=00", "v0=zz", &signature[..66]] {
            assert!(!is_signed(secret, "1531420618", body, wrong), "{wrong}");
        }
    }
}
