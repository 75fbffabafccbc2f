//! What the engine answers, as JSON for `lib/decision.cjs`.

use interlock_core::audit::hex;
use interlock_core::model::{Effect, Findings, Obligation, Value, write_json_string};
use interlock_core::privacy::redact_value;
use interlock_core::risk::Dimension;
use interlock_runtime::{Checked, OutcomeReply, agent_message, rfc3339};
use interlock_store::ApprovalRow;

/// Writes one JSON object; keys are the code's own and need no escapes.
#[derive(Debug)]
pub(crate) struct Writer {
    out: String,
    first: bool,
}

impl Writer {
    pub(crate) fn object() -> Self {
        let mut out = String::with_capacity(768);
        out.push('{');
        Self { out, first: true }
    }

    fn key(&mut self, name: &str) -> &mut String {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
        &mut self.out
    }

    pub(crate) fn text(&mut self, name: &str, text: &str) {
        write_json_string(text, self.key(name));
    }

    pub(crate) fn optional(&mut self, name: &str, text: Option<&str>) {
        match text {
            Some(text) => self.text(name, text),
            None => self.key(name).push_str("null"),
        }
    }

    pub(crate) fn number(&mut self, name: &str, number: i64) {
        let number = number.to_string();
        self.key(name).push_str(&number);
    }

    pub(crate) fn flag(&mut self, name: &str, flag: bool) {
        self.key(name).push_str(if flag { "true" } else { "false" });
    }

    pub(crate) fn value(&mut self, name: &str, value: &Value) {
        value.write_json(self.key(name));
    }

    /// A list of objects.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.key(name).push('[');
        for (at, item) in items.into_iter().enumerate() {
            self.out.push_str(if at == 0 { "{" } else { ",{" });
            self.first = true;
            write(self, item);
            self.out.push('}');
        }
        self.out.push(']');
        self.first = false;
    }

    pub(crate) fn texts<'a>(&mut self, name: &str, items: impl IntoIterator<Item = &'a str>) {
        self.key(name).push('[');
        for (at, item) in items.into_iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            write_json_string(item, &mut self.out);
        }
        self.out.push(']');
    }

    pub(crate) fn nested(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.key(name).push('{');
        self.first = true;
        write(self);
        self.out.push('}');
        self.first = false;
    }

    pub(crate) fn finish(mut self) -> String {
        self.out.push('}');
        self.out
    }
}

fn findings(out: &mut Writer, found: &Findings) {
    out.list("findings", found.items(), |item, finding| {
        item.text("code", finding.code.code);
        item.text("vector", finding.code.vector.name());
        item.text("summary", finding.code.summary);
        item.number("confidence", i64::from(finding.confidence));
        item.text("path", &finding.path);
        item.key("span")
            .push_str(&format!("[{},{}]", finding.span.start, finding.span.end));
        item.texts("tags", finding.code.tags.iter().copied());
    });
}

/// A decision. `arguments` are those asked about, where the caller can use others instead.
pub(crate) fn decision(checked: &Checked, arguments: Option<&Value>) -> String {
    let decision = &checked.decision;
    let effect = decision.effect;
    let mut out = Writer::object();
    let id = checked.id.to_string();
    out.text("id", &id);
    out.text("effect", effect.name());
    out.flag(
        "allowed",
        matches!(effect, Effect::Allow | Effect::Alert | Effect::Redact),
    );
    out.list("reasons", &decision.reasons, |item, reason| {
        item.text("code", reason.code);
        item.text("message", &reason.message);
    });
    out.number("risk", i64::from(decision.risk.composite));
    out.nested("dimensions", |scores| {
        for (dimension, score) in Dimension::ALL.into_iter().zip(&decision.risk.dimensions) {
            scores.number(dimension.name(), i64::from(score.score));
        }
    });
    findings(&mut out, &decision.findings);
    out.texts("rules", decision.fired.iter().map(|rule| rule.id.as_ref()));
    let decided = decision.fired.iter().find(|rule| rule.decided);
    out.optional("policy", decided.map(|rule| rule.id.as_ref()));
    let approval = checked.approval_id.map(|id| id.to_string());
    out.optional("approvalId", approval.as_deref());
    let spans = decision.obligations.iter().find_map(|o| match o {
        Obligation::Redact(spans) => Some(spans),
        _ => None,
    });
    if let (Some(spans), Some(arguments)) = (spans, arguments) {
        out.value("arguments", &redact_value("arguments", arguments, spans));
    }
    let wait = decision.obligations.iter().find_map(|o| match o {
        Obligation::Throttle(ms) => Some(*ms),
        _ => None,
    });
    if let Some(ms) = wait {
        out.number("retryAfterMs", ms);
    }
    out.text("agentMessage", &agent_message(effect, &id));
    out.number("seq", i64::try_from(checked.seq).unwrap_or(i64::MAX));
    out.text("leaf", &hex(&checked.leaf));
    out.flag("replayed", checked.replayed);
    out.finish()
}

/// What became of a report of an outcome.
pub(crate) fn outcome(reply: &OutcomeReply) -> String {
    let mut out = Writer::object();
    findings(&mut out, &reply.findings);
    out.flag("tainted", reply.tainted);
    out.number("seq", i64::try_from(reply.seq).unwrap_or(i64::MAX));
    out.finish()
}

/// An approval as it stands.
pub(crate) fn approval(row: &ApprovalRow) -> String {
    let state = row.approval.state;
    let mut out = Writer::object();
    out.text("id", &row.asked.id);
    out.text("state", state.name());
    out.flag("approved", state.is_approved());
    out.flag("pending", state == interlock_core::approval::State::Pending);
    out.text("expiresAt", &rfc3339(row.approval.request.expires_at));
    let asked = &row.asked;
    out.nested("asked", |out| {
        out.text("agent", &asked.agent_id);
        out.text("actionType", &asked.action_type);
        out.text("resource", &asked.resource);
        out.text("tool", &asked.tool);
        out.text("group", &asked.group);
        out.number("risk", i64::from(asked.risk));
        out.text("reason", &asked.reason);
        out.text("detail", &asked.detail);
    });
    out.finish()
}
