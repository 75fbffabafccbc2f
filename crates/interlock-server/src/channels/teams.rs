//! Microsoft Teams: an Adaptive Card, posted by a workflow that waits for a webhook request.
//!
//! The address of the workflow is its secret. The card has a link to the console, where people answer:
//! a workflow cannot prove who pressed a button, so that there is none. What an agent wrote stands in
//! `TextRun`s, which know no markup. Connectors of Microsoft 365, which took another format, are retired.
//!
//! <https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using>

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};

use super::address::{Guard, JSON, client, post};
use super::config::{Config, Secret, SecretPlace, checked_url, networks};
use super::text::{unlinked, visible};
use super::{AlertMessage, Message, Sent, alert_text, alert_title, approval_page, group_page};
use crate::api::time;

/// Bytes of a message; Teams takes 28 KB.
const BODY_BYTES_MAX: usize = 27_000;
/// Characters of each text, where all of them fit.
const TEXT_CHARACTERS: usize = 1_500;
/// The version of Adaptive Cards, which all clients of Teams show.
const CARD_VERSION: &str = "1.4";

/// As the configuration has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TeamsFile {
    url: SecretPlace,
    #[serde(default)]
    allow: Vec<String>,
    ca_file: Option<PathBuf>,
}

/// A workflow that posts to a channel or a chat of Microsoft Teams.
#[derive(Debug, Clone)]
pub struct Teams {
    /// Its address: whoever has it posts.
    pub url: Secret,
    /// Where it may connect to.
    pub guard: Guard,
    /// The authorities that it trusts.
    pub ca_file: Option<PathBuf>,
}

impl TeamsFile {
    pub(super) fn read(self, what: &str) -> Result<Teams, String> {
        let url = self.url.read(&format!("{what}: `url`"))?;
        // Not as it was read: it is a secret.
        let checked = url.text().and_then(|text| checked_url(what, text));
        if checked.is_err() {
            return Err(format!(
                "{what}: `url` must hold an https address without a user, as the workflow shows it"
            ));
        }
        Ok(Teams {
            url,
            guard: networks(what, &self.allow)?,
            ca_file: self.ca_file,
        })
    }
}

/// Posts by one workflow.
#[derive(Debug)]
pub(super) struct Sender {
    teams: Teams,
    base: String,
    client: ureq::Agent,
}

/// What stands on a card.
struct Card {
    /// Our own words.
    title: &'static str,
    /// Each with its heading; these may hold what an agent wrote.
    texts: Vec<(&'static str, String)>,
    /// Where people look, and answer.
    page: String,
    button: &'static str,
}

impl Card {
    /// The message, with at most so many characters of each text.
    fn body(&self, max: usize) -> String {
        let mut body = vec![json!({
            "type": "TextBlock", "text": self.title, "size": "Medium", "weight": "Bolder",
            "wrap": true,
        })];
        for (heading, text) in &self.texts {
            let runs: Vec<Value> = [(*heading, true), (text.as_str(), false)]
                .into_iter()
                .map(|(text, bold)| {
                    let text = visible(text, max)
                        .replace("://", "[:]//")
                        .replace("www.", "www[.]");
                    let weight = if bold { "Bolder" } else { "Default" };
                    let text = if bold { format!("{text}\n") } else { text };
                    json!({"type": "TextRun", "text": text, "weight": weight})
                })
                .collect();
            body.push(json!({"type": "RichTextBlock", "inlines": runs}));
        }
        json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": CARD_VERSION,
                    "msteams": {"width": "Full"},
                    "body": body,
                    "actions": [{
                        "type": "Action.OpenUrl", "title": self.button, "url": self.page,
                    }],
                },
            }],
        })
        .to_string()
    }

    /// The message, within what Teams takes: texts are cut shorter until it is.
    fn fitting(&self) -> String {
        let mut max = TEXT_CHARACTERS;
        loop {
            let body = self.body(max);
            if body.len() <= BODY_BYTES_MAX || max < 16 {
                return body;
            }
            max /= 2;
        }
    }
}

impl Sender {
    pub(super) fn new(teams: &Teams, config: &Config) -> Result<Self, String> {
        let tls = teams.url.text()?.starts_with("https:");
        Ok(Self {
            client: client(&teams.guard, tls, teams.ca_file.as_deref())?,
            teams: teams.clone(),
            base: config.public_url.clone().unwrap_or_default(),
        })
    }

    pub(super) fn send(&self, message: &Message<'_>) -> Sent {
        let row = message.row;
        let asked = &row.asked;
        let detail: Value = serde_json::from_str(&asked.detail).unwrap_or_default();
        let what = format!(
            "agent {} · {} {} · {}\nrisk {} · asks {} of {} · until {}",
            unlinked(&asked.agent_id, 128),
            unlinked(&asked.action_type, 64),
            unlinked(&asked.tool, 128),
            unlinked(&asked.resource, 256),
            asked.risk,
            row.approval.request.quorum,
            message.groups.join(", "),
            time(row.approval.request.expires_at),
        );
        let mut texts = vec![("What", what), ("Why", asked.reason.clone())];
        for (heading, text) in [
            ("Arguments, masked", &detail["arguments"]),
            ("Prompt, masked", &detail["context"]["prompt"]),
        ] {
            if let Some(text) = text.as_str() {
                texts.push((heading, text.to_owned()));
            }
        }
        self.post(&Card {
            title: match message.delivery.message.topic.as_str() {
                "approval.remind" => "Still waiting",
                "approval.escalate" => "Nobody has answered yet",
                "approval.expire" => "Nobody answered in time: denied",
                "approval.edit" => "An agent asks; somebody has changed the arguments",
                _ => "An agent asks",
            },
            texts,
            page: approval_page(&self.base, &asked.id),
            button: "Look and answer in Interlock",
        })
    }

    /// Tells of a group of alerts.
    pub(super) fn tell(&self, message: &AlertMessage<'_>) -> Sent {
        let AlertMessage {
            delivery, group, ..
        } = message;
        self.post(&Card {
            title: "Alerts",
            texts: vec![
                ("Which", alert_title(delivery, group)),
                ("What", alert_text(group)),
            ],
            page: group_page(&self.base, &group.id),
            button: "Open in Interlock",
        })
    }

    fn post(&self, card: &Card) -> Sent {
        let url = match self.teams.url.text() {
            Ok(url) => url,
            Err(error) => return Sent::Never(error),
        };
        let answer = match post(&self.client, url, &[JSON], &card.fitting()) {
            Ok(answer) => answer,
            Err(error) => return Sent::Later(error, None),
        };
        match answer.status {
            200..=299 => Sent::Yes,
            410 => Sent::Never("the workflow answered 410: it wants no more".to_owned()),
            413 => Sent::Never("the workflow answered 413: the card is too large".to_owned()),
            status => Sent::Later(format!("the workflow answered {status}"), answer.wait_s),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_fits_whatever_its_texts_are() {
        for text in [
            "\"\\\n".repeat(9_000),
            "\u{202e}".repeat(20_000),
            "👍".repeat(20_000),
        ] {
            let card = Card {
                title: "Alerts",
                texts: vec![
                    ("A", text.clone()),
                    ("B", text.clone()),
                    ("C", text.clone()),
                ],
                page: "https://interlock.example.com/alerts/1".to_owned(),
                button: "Open",
            };
            let body = card.fitting();
            assert!(body.len() <= BODY_BYTES_MAX, "{}", body.len());
            let read: Value = serde_json::from_str(&body).expect("JSON");
            let content = &read["attachments"][0]["content"];
            assert_eq!(content["body"].as_array().expect("a body").len(), 4);
            assert!(body.contains("more characters"), "what is cut is said");
        }
    }
}
