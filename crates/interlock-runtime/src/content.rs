//! Content beside the record: what an action carried, kept in the vault, read by auditors, shown
//! masked in lists, and erased on request.
//!
//! The subject of content is the person on whose behalf the agent acts (`user.id`), else the agent
//! itself. Persons who are only spoken of, such as the recipient of a message, cannot be known in
//! general: their content is erased with the subject in whose action it stands.

use interlock_core::audit::body::Body;
use interlock_core::audit::frame::Kind;
use interlock_core::audit::record::ContentMode;
use interlock_core::model::{
    Action, Capabilities, Environment, Object, Observed, User, Value, write_json_string,
};
use interlock_core::privacy;
use interlock_store::journal::{Entry, JournalError};
use interlock_store::vault::{
    CONTENT_MEMBER, Content, Deferred, Erased, Record, RecordId, Subject, Vault, VaultError,
    commitment_text,
};
use std::sync::Arc;

use crate::bytes::{Reader, put_text};
use crate::error::RuntimeError;
use crate::{Runtime, rfc3339};

/// Bytes of the masked payload that lists show.
const SHOWN_BYTES_MAX: usize = 4_096;
/// Longest basis of an erasure, bytes.
const BASIS_BYTES_MAX: usize = 64;
/// What an action weighs beyond its texts, bytes.
const ACTION_BYTES: usize = 1_024;

/// Whom the content of a decision is about, as far as it must be known until its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum About {
    /// The person of this id.
    User(String),
    /// The agent.
    Agent,
    /// Whoever this record is about.
    Recorded(RecordId),
}

impl About {
    /// Whom an action is about.
    pub(crate) fn action(action: &Action) -> Self {
        if action.user.id.is_empty() {
            Self::Agent
        } else {
            Self::User(action.user.id.clone())
        }
    }

    /// Whom the decision is about that this record's body holds.
    pub(crate) fn body(body: &Value) -> Self {
        record_of(body).map_or(Self::Agent, Self::Recorded)
    }

    /// Appends it as a part of a snapshot.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Agent => out.push(0),
            Self::User(id) => {
                out.push(1);
                put_text(out, id);
            }
            Self::Recorded(id) => {
                out.push(2);
                put_text(out, &id.to_string());
            }
        }
    }

    /// Reads what [`Self::write`] wrote.
    pub(crate) fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(match from.array()? {
            [0] => Self::Agent,
            [1] => Self::User(from.text()?),
            [2] => Self::Recorded(from.text()?.parse().ok()?),
            _ => return None,
        })
    }

    /// Itself; the agent, when a crash lost the record that it rests on.
    pub(crate) fn held(&self, vault: &Vault) -> Self {
        match self {
            Self::Recorded(id) if vault.key_number(*id).is_err() => Self::Agent,
            other => other.clone(),
        }
    }

    pub(crate) fn subject(&self, tenant: &str, agent: &str) -> Subject {
        match self {
            Self::User(id) => Subject::User {
                tenant: tenant.into(),
                id: id.clone(),
            },
            Self::Agent => Subject::Agent {
                tenant: tenant.into(),
                id: agent.to_owned(),
            },
            Self::Recorded(id) => Subject::Of(*id),
        }
    }
}

/// The content of an action, to be made when its record is written.
pub(crate) fn of_action(
    mode: ContentMode,
    tenant: &Arc<str>,
    mut action: Action,
) -> Option<Deferred> {
    if mode == ContentMode::None {
        return None;
    }
    let weight = [&action.arguments, &action.payload]
        .into_iter()
        .map(weight)
        .chain([&action.context, &action.metadata].map(weight_of))
        .fold(ACTION_BYTES, usize::saturating_add);
    let tenant = Arc::clone(tenant);
    Some(Deferred {
        bytes: weight,
        make: Box::new(move || {
            let fields = fields(&mut action);
            let subject = if action.user.id.is_empty() {
                Subject::Agent {
                    tenant,
                    id: action.agent_id,
                }
            } else {
                Subject::User {
                    tenant,
                    id: action.user.id,
                }
            };
            Content {
                subject,
                keep: mode == ContentMode::Full,
                fields,
            }
        }),
    })
}

/// The content of an outcome: the text of its result.
pub(crate) fn of_result(
    mode: ContentMode,
    tenant: &str,
    agent: &str,
    about: &About,
    result: Option<&str>,
) -> Option<Deferred> {
    if mode == ContentMode::None {
        return None;
    }
    let result = result?.to_owned();
    let subject = about.subject(tenant, agent);
    Some(Deferred {
        bytes: result.len(),
        make: Box::new(move || Content {
            subject,
            keep: mode == ContentMode::Full,
            fields: vec![("result", result)],
        }),
    })
}

/// About how many bytes a value holds. As deep as the reader of actions allows.
fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => 8 + text.len(),
        Value::Array(items) => items.iter().map(|item| 8 + weight(item)).sum(),
        Value::Object(object) => weight_of(object),
    }
}

fn weight_of(object: &Object) -> usize {
    object
        .iter()
        .map(|(key, item)| 8 + key.len() + weight(item))
        .sum()
}

/// Everything of an action that its record does not hold, as text. What is absent or empty makes no
/// field.
fn fields(action: &mut Action) -> Vec<(&'static str, String)> {
    let mut fields = Vec::with_capacity(5);
    let mut field = |name, value: &Value, weight: usize| {
        let mut text = String::with_capacity(weight + weight / 4);
        value.write_json(&mut text);
        fields.push((name, text));
    };
    for (name, value) in [
        ("arguments", &action.arguments),
        ("payload", &action.payload),
    ] {
        if !value.is_null() {
            field(name, value, weight(value));
        }
    }
    for (name, object) in [
        ("context", &mut action.context),
        ("metadata", &mut action.metadata),
    ] {
        if !object.is_empty() {
            let weight = weight_of(object);
            field(name, &Value::Object(std::mem::take(object)), weight);
        }
    }
    let rest = rest(action);
    if rest.len() > 2 {
        fields.push(("request", rest));
    }
    fields
}

/// An object in the wire form of an action, written member by member.
struct Rest(String);

impl Rest {
    fn key(&mut self, name: &str) -> &mut Self {
        if !self.0.ends_with('{') {
            self.0.push(',');
        }
        self.0.push('"');
        self.0.push_str(name);
        self.0.push_str("\":");
        self
    }

    fn text(&mut self, name: &str, text: &str) -> &mut Self {
        write_json_string(text, &mut self.key(name).0);
        self
    }

    fn texts<'a>(&mut self, name: &str, texts: impl Iterator<Item = &'a str>) -> &mut Self {
        self.key(name).0.push('[');
        for (at, text) in texts.enumerate() {
            if at > 0 {
                self.0.push(',');
            }
            write_json_string(text, &mut self.0);
        }
        self.0.push(']');
        self
    }

    fn number(&mut self, name: &str, number: Option<i64>) -> &mut Self {
        let number = number.map_or_else(|| "null".to_owned(), |number| number.to_string());
        self.key(name).0.push_str(&number);
        self
    }

    fn open(&mut self, name: &str) -> &mut Self {
        self.key(name).0.push('{');
        self
    }

    fn close(&mut self) {
        self.0.push('}');
    }
}

/// Who, where and what was seen, in the wire form of an action; `{}` without any.
fn rest(action: &Action) -> String {
    let mut rest = Rest(String::with_capacity(256));
    rest.0.push('{');
    if action.user != User::default() {
        let User { id, roles, ip } = &action.user;
        rest.open("user")
            .text("id", id)
            .texts("roles", roles.iter().map(String::as_str))
            .text("ip", ip)
            .close();
    }
    if action.environment != Environment::default() {
        let Environment {
            name,
            region,
            network,
        } = &action.environment;
        rest.open("environment")
            .text("name", name)
            .text("region", region)
            .text("network", network)
            .close();
    }
    if action.observed != Observed::default() {
        let Observed {
            path_resolved,
            bytes,
            rows,
            addresses,
        } = &action.observed;
        rest.open("observed").open("path");
        match path_resolved {
            Some(path) => rest.text("resolved", path),
            None => rest.number("resolved", None),
        };
        rest.number("bytes", *bytes).close();
        rest.number("rows", *rows)
            .texts("addresses", addresses.iter().map(String::as_str))
            .close();
    }
    if action.capabilities != Capabilities::default() {
        let can = [
            ("redact", action.capabilities.redact),
            ("sandbox", action.capabilities.sandbox),
            ("wait", action.capabilities.wait),
            ("undo", action.capabilities.undo),
        ];
        let can = can.iter().filter(|c| c.1).map(|c| c.0);
        rest.texts("capabilities", can);
    }
    if action.cost_nano_usd != 0 {
        let nano = action.cost_nano_usd;
        let cost = format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000);
        rest.text("cost_usd", &cost);
    }
    if let Some(at) = action.timestamp {
        rest.text("timestamp", &rfc3339(at));
    }
    rest.close();
    rest.0
}

/// The record of the vault that a body commits to.
fn record_of(body: &Value) -> Option<RecordId> {
    body.get(CONTENT_MEMBER)?
        .get("record")?
        .as_str()?
        .parse()
        .ok()
}

/// What a list shows of an action's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Payload or arguments as JSON, masked and bounded; `null` without content.
    pub(crate) payload: String,
    /// The number of the key that seals it.
    pub(crate) key: Option<u32>,
    /// Whether it was erased.
    pub(crate) erased: bool,
}

/// What lists show of the content of this body.
pub(crate) fn shown(vault: &Vault, body: &Value) -> Shown {
    let mut shown = Shown {
        payload: "null".to_owned(),
        key: None,
        erased: false,
    };
    let Some(id) = record_of(body) else {
        return shown;
    };
    shown.key = vault.key_number(id).ok();
    match vault.get(id) {
        Ok(record) => {
            let committed = body.get(CONTENT_MEMBER).and_then(|c| c.get("fields"));
            let field = ["payload", "arguments"].into_iter().find_map(|name| {
                let at = record.fields.iter().position(|(n, _)| n == name)?;
                let commitment = commitment_text(record.commitments.get(at)?);
                // A record that is not the one committed to is none.
                let same = committed?.get(name)?.as_str()? == commitment;
                same.then(|| String::from_utf8_lossy(&record.fields[at].1).into_owned())
            });
            match field {
                Some(json) if json.len() > SHOWN_BYTES_MAX => {
                    shown.payload = format!("{{\"bytes\":{}}}", json.len());
                }
                Some(json) => shown.payload = privacy::mask_text(&json, Default::default()).text,
                None => {}
            }
        }
        Err(VaultError::Erased) => shown.erased = true,
        Err(error) => {
            tracing::warn!(%error, "content that the record commits to cannot be shown; look at the vault's files");
        }
    }
    shown
}

/// One piece of content.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordedField {
    /// Its name.
    pub name: String,
    /// What the record commits to.
    pub commitment: String,
    /// The content, if it was kept.
    pub text: Option<String>,
}

impl std::fmt::Debug for RecordedField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordedField")
            .field("name", &self.name)
            .field("commitment", &self.commitment)
            .finish_non_exhaustive()
    }
}

/// The content of an entry, held against what the record commits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedContent {
    /// The entry's sequence number.
    pub seq: u64,
    /// What it records.
    pub kind: String,
    /// `user` or `agent`: whom the content is about; the entry of an outcome leaves it to its
    /// decision.
    pub subject: Option<String>,
    /// Whether content was kept, or only the key of its commitments.
    pub kept: bool,
    /// The pieces.
    pub fields: Vec<RecordedField>,
}

/// What an erasure did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedSubject {
    /// The sequence number of its entry.
    pub seq: u64,
    /// The keyed hash by which the entry names the subject, hex.
    pub subject: String,
    /// Keys destroyed.
    pub keys: u32,
    /// Records that cannot be opened any more.
    pub records: u64,
}

impl From<VaultError> for RuntimeError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Erased => Self::Erased,
            other => Self::Vault(other),
        }
    }
}

impl Runtime {
    /// The content of an entry, checked against what the entry commits to. That `by` read it is
    /// recorded before it is handed out.
    ///
    /// # Errors
    /// When there is no such entry or it has no content, when the content was erased, and when it
    /// is not what the entry commits to.
    pub fn content(
        &self,
        tenant: &str,
        by: &str,
        seq: u64,
    ) -> Result<RecordedContent, RuntimeError> {
        let (entry, body) = self.entry(tenant, seq)?;
        let (content, _) = self.open_content(&entry, &body)?;
        self.record_change(tenant, Kind::Export, by, "content-read", &seq.to_string())?;
        Ok(content)
    }

    /// Whether `text` is what the entry commits to as `field`; for content that was not kept, or
    /// that somebody presents from elsewhere. JSON is compared as Interlock writes it: compact,
    /// members and numbers as they came.
    ///
    /// # Errors
    /// As [`Self::content`].
    pub fn content_matches(
        &self,
        tenant: &str,
        seq: u64,
        field: &str,
        text: &str,
    ) -> Result<bool, RuntimeError> {
        let (entry, body) = self.entry(tenant, seq)?;
        let (content, record) = self.open_content(&entry, &body)?;
        let committed = content
            .fields
            .iter()
            .find(|f| f.name == field)
            .ok_or(RuntimeError::NotFound("field of this entry's content"))?;
        Ok(committed.commitment == commitment_text(&record.commit(field, text.as_bytes())))
    }

    /// The action of a decision's entry, made again from the entry and its content: what a full
    /// re-execution starts from. Its digest is that of the entry.
    ///
    /// # Errors
    /// As [`Self::content`]; also when the entry is not a decision, and when content was not kept.
    pub fn recorded_action(&self, tenant: &str, seq: u64) -> Result<Action, RuntimeError> {
        let (entry, body) = self.entry(tenant, seq)?;
        if entry.kind != Kind::Decision {
            return Err(RuntimeError::NotFound("decision"));
        }
        let mut wire = Object::new();
        if body.get(CONTENT_MEMBER).is_some() {
            let (content, _) = self.open_content(&entry, &body)?;
            if !content.kept {
                return Err(RuntimeError::Conflict(
                    "a re-execution needs the content, and only commitments to it were kept"
                        .to_owned(),
                ));
            }
            for field in content.fields {
                let text = field.text.unwrap_or_default();
                let value = Value::parse(text.as_bytes())
                    .map_err(|_| RuntimeError::Vault(VaultError::Corrupt("content is not JSON")))?;
                match (field.name.as_str(), value) {
                    ("request", Value::Object(rest)) => {
                        for (name, value) in rest {
                            wire.insert(name, value);
                        }
                    }
                    (_, value) => wire.insert(field.name, value),
                }
            }
        }
        let asked = body.get("asked").or_else(|| body.get("resource"));
        for (name, value) in [
            ("agent_id", body.get("agent")),
            ("action_type", body.get("type")),
            ("resource", asked),
            ("tool", body.get("tool")),
            ("run_id", body.get("run")),
            ("step", body.get("step")),
            ("session_id", body.get("session")),
            ("idempotency_key", body.get("idempotency")),
        ] {
            if let Some(value) = value {
                wire.insert(name, value.clone());
            }
        }
        Ok(Action::from_value(Value::Object(wire))?)
    }

    /// Destroys what is kept of the content of `subject`, and records that it was: by whom, on
    /// what basis, the subject by keyed hash only. Lists show nothing of it afterwards. None when
    /// there is nothing to erase.
    ///
    /// `basis` is recorded for ever: a law or a rule such as `gdpr-17`, never a person.
    ///
    /// # Errors
    /// When the key cannot be destroyed, or the entry cannot be written; the latter is made up for
    /// by the next erasure or the next start.
    pub fn erase_subject(
        &self,
        subject: &Subject,
        by: &str,
        basis: &str,
    ) -> Result<Option<ErasedSubject>, RuntimeError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b);
        if basis.is_empty() || basis.len() > BASIS_BYTES_MAX || !basis.bytes().all(plain) {
            return Err(RuntimeError::Invalid(
                "basis",
                format!("must be 1 to {BASIS_BYTES_MAX} of a-z, 0-9, `-`, `.` and `_`"),
            ));
        }
        let _one_at_a_time = self
            .inner
            .erasing
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        self.complete_erasure()?;
        match self.inner.vault.erase(subject, by, basis)? {
            Some(erased) => self.record_erasure(&erased).map(Some),
            None => Ok(None),
        }
    }

    /// Completes an erasure that was cut off.
    pub(crate) fn complete_erasure(&self) -> Result<(), RuntimeError> {
        if let Some(erased) = self.inner.vault.resume_erasure()? {
            self.record_erasure(&erased)?;
        }
        Ok(())
    }

    fn record_erasure(&self, erased: &Erased) -> Result<ErasedSubject, RuntimeError> {
        let erasure = &erased.erasure;
        let bytes = Body::new(Kind::Erasure, &rfc3339(self.now()))
            .str("tenant", &erasure.tenant)
            .str("actor", &erasure.by)
            .str("subject", &erasure.kind)
            .str("subject_hash", &erasure.subject)
            .int("vault_key", erasure.key)
            .int("keys", erased.keys)
            .int("records", erased.records)
            .str("basis", &erasure.reason)
            .finish()
            .map_err(|e| RuntimeError::AuditUnavailable(e.to_string()))?;
        let appended = self
            .inner
            .journal
            .append(&erasure.tenant, Kind::Erasure, bytes)
            .map_err(|e| RuntimeError::AuditUnavailable(e.to_string()))?;
        self.inner.vault.erasure_recorded()?;
        // At once for who asked; the projector does it again in its place in the order.
        let store = &*self.inner.store;
        store.apply_batch(&mut |tx| tx.erased(&erasure.tenant, erasure.key))?;
        store.forget_traces()?;
        self.inner.projector.wake();
        Ok(ErasedSubject {
            seq: appended.seq,
            subject: erasure.subject.clone(),
            keys: erased.keys,
            records: erased.records,
        })
    }

    /// The pieces of an entry's content that were kept, held against what it commits to.
    pub(crate) fn kept_content(
        &self,
        tenant: &str,
        seq: u64,
    ) -> Result<Vec<(String, String)>, RuntimeError> {
        let (entry, body) = self.entry(tenant, seq)?;
        let (content, _) = self.open_content(&entry, &body)?;
        let kept = content.fields.into_iter();
        Ok(kept.filter_map(|f| Some((f.name, f.text?))).collect())
    }

    fn entry(&self, tenant: &str, seq: u64) -> Result<(Entry, Value), RuntimeError> {
        let missing = RuntimeError::NotFound("entry of the record");
        let mut entries = match self.inner.journal.read(tenant, seq, 1) {
            Ok(entries) => entries,
            Err(JournalError::UnknownTenant(_) | JournalError::Range { .. }) => {
                return Err(missing);
            }
            Err(error) => return Err(RuntimeError::AuditUnavailable(error.to_string())),
        };
        let entry = entries.pop().ok_or(missing)?;
        let body =
            Value::parse(&entry.body).map_err(|e| RuntimeError::AuditUnavailable(e.to_string()))?;
        Ok((entry, body))
    }

    fn open_content(
        &self,
        entry: &Entry,
        body: &Value,
    ) -> Result<(RecordedContent, Record), RuntimeError> {
        let none = RuntimeError::NotFound("content of this entry");
        let Some(id) = record_of(body) else {
            return Err(none);
        };
        let record = self.inner.vault.get(id)?;
        let member = |name: &str| body.get(CONTENT_MEMBER).and_then(|c| c.get(name));
        let kept = matches!(member("kept"), Some(Value::Bool(true)));
        let mut fields = Vec::new();
        for (name, commitment) in member("fields")
            .and_then(Value::as_object)
            .iter()
            .flat_map(|o| o.iter())
        {
            let commitment = commitment.as_str().unwrap_or_default();
            let text = record.fields.iter().find(|(n, _)| n == name);
            let text = match text {
                Some((_, bytes)) if commitment == commitment_text(&record.commit(name, bytes)) => {
                    Some(String::from_utf8_lossy(bytes).into_owned())
                }
                None if !kept => None,
                // Missing, or not what the entry commits to.
                _ => return Err(RuntimeError::Vault(VaultError::Unreadable(id))),
            };
            fields.push(RecordedField {
                name: name.to_owned(),
                commitment: commitment.to_owned(),
                text,
            });
        }
        let content = RecordedContent {
            seq: entry.seq,
            kind: entry.kind.name().into_owned(),
            subject: member("subject").and_then(Value::as_str).map(str::to_owned),
            kept,
            fields,
        };
        Ok((content, record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use interlock_core::model::ActionType;

    #[test]
    fn the_rest_of_an_action_is_json_in_its_wire_form() {
        let mut action = Action::new("a", ActionType::parse("custom").unwrap());
        assert_eq!(rest(&action), "{}");
        action.capabilities.redact = true;
        assert_eq!(rest(&action), r#"{"capabilities":["redact","wait"]}"#);
        action.user = User {
            id: "a \"b\"\n".to_owned(),
            roles: vec!["x".to_owned(), "\\y".to_owned()],
            ip: String::new(),
        };
        action.environment.name = "production".to_owned();
        action.observed.bytes = Some(-3);
        action.observed.addresses = vec!["10.0.0.1".to_owned()];
        action.cost_nano_usd = 1_000_000_002;
        action.timestamp = Some(0);
        let expected = serde_json::json!({
            "user": {"id": "a \"b\"\n", "roles": ["x", "\\y"], "ip": ""},
            "environment": {"name": "production", "region": "", "network": ""},
            "observed": {
                "path": {"resolved": null, "bytes": -3}, "rows": null, "addresses": ["10.0.0.1"],
            },
            "capabilities": ["redact", "wait"],
            "cost_usd": "1.000000002",
            "timestamp": rfc3339(0),
        });
        assert_eq!(rest(&action), expected.to_string());
        action.observed.path_resolved = Some("/a".to_owned());
        assert!(rest(&action).contains(r#""path":{"resolved":"/a","bytes":-3}"#));
    }
}
