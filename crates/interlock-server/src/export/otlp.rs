//! Traces over OTLP (HTTP with protobuf): a run is a trace, an action a span in it.
//!
//! Names are those of OpenTelemetry's semantic conventions for generative AI (`execute_tool`), which
//! are in development. Ids are made from the record, so that what is sent twice is the same span.
//!
//! Source: opentelemetry-proto, `trace/v1/trace.proto` and `collector/trace/v1`; the field numbers
//! below are its.

use std::collections::BTreeMap;

use interlock_core::audit::frame::Kind;
use interlock_core::model::Effect;
use sha2::{Digest as _, Sha256};

use super::config::Otlp;
use super::event::{Activity, SecurityEvent};
use super::http::{Endpoint, refusal};
use super::protobuf::Message;
use super::sink::{Destination, Failed};

/// Actions that wait for their outcome; past it the oldest is looked up in the record when it comes.
const OPEN_MAX: usize = 10_000;
/// `SPAN_KIND_INTERNAL`.
const INTERNAL: u64 = 1;
/// `STATUS_CODE_ERROR`.
const ERROR: u64 = 2;

/// Finds the decision of an id, by tenant.
pub(super) type Lookup = Box<dyn Fn(&str, &str) -> Option<SecurityEvent> + Send>;

/// Sends spans.
pub(super) struct Sender {
    otlp: Otlp,
    endpoint: Endpoint,
    lookup: Lookup,
    /// By the id of the decision; ids are ordered by time.
    open: BTreeMap<String, SecurityEvent>,
}

fn hash(parts: [&str; 3]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// The first bytes of a hash, which are not all zero: that would be no id.
fn id<const N: usize>(parts: [&str; 3]) -> [u8; N] {
    let hash = hash(parts);
    let mut id = [0; N];
    id.copy_from_slice(hash.get(..N).unwrap_or(&[0; N]));
    if id == [0; N] {
        id[N - 1] = 1;
    }
    id
}

/// Trace, parent and flags of a `traceparent`, which was checked when it was recorded.
fn parent(traceparent: &str) -> Option<([u8; 16], [u8; 8])> {
    let mut parts = traceparent.split('-').skip(1);
    let trace = interlock_core::audit::unhex(parts.next()?)?;
    let span = interlock_core::audit::unhex(parts.next()?)?;
    Some((trace.try_into().ok()?, span.try_into().ok()?))
}

/// In which trace the spans of a decision are, and what is above them.
fn trace(decision: &SecurityEvent) -> ([u8; 16], Option<[u8; 8]>) {
    let asked = decision.asked.as_ref();
    if let Some((trace, span)) = asked.and_then(|a| parent(&a.traceparent)) {
        return (trace, Some(span));
    }
    let own = asked.map_or("", |a| a.id.as_str());
    let trace = match decision.run.as_str() {
        "" => id(["interlock action", &decision.log, own]),
        run => id(["interlock run", &decision.log, run]),
    };
    (trace, None)
}

fn span_id(what: &str, decision: &SecurityEvent) -> [u8; 8] {
    let own = decision.asked.as_ref().map_or("", |a| a.id.as_str());
    id([what, &decision.log, own])
}

enum Attribute<'a> {
    Text(&'a str),
    Number(u64),
    Flag(bool),
    Texts(Vec<&'a str>),
}

fn any(value: &Attribute<'_>) -> Message {
    let mut to = Message::default();
    match value {
        Attribute::Text(text) => {
            to.bytes(1, text.as_bytes());
        }
        Attribute::Flag(on) => {
            to.chosen(2, u64::from(*on));
        }
        Attribute::Number(number) => {
            to.chosen(3, *number);
        }
        Attribute::Texts(all) => {
            let mut array = Message::default();
            for text in all {
                array.message(1, &any(&Attribute::Text(text)));
            }
            to.message(5, &array);
        }
    }
    to
}

/// Adds an attribute to field `field` of `to`.
fn attribute(to: &mut Message, field: u32, key: &str, value: &Attribute<'_>) {
    let mut pair = Message::default();
    pair.bytes(1, key.as_bytes()).message(2, &any(value));
    to.message(field, &pair);
}

/// A span's own attributes: field 9.
struct Span(Message);

impl Span {
    fn new(
        trace: [u8; 16],
        own: [u8; 8],
        parent: Option<[u8; 8]>,
        name: &str,
        (start, end): (i64, i64),
    ) -> Self {
        let nanos = |at: i64| u64::try_from(at).unwrap_or(0);
        let mut to = Message::default();
        to.bytes(1, &trace)
            .bytes(2, &own)
            .bytes(4, parent.as_ref().map_or(&[][..], |p| p))
            .bytes(5, name.as_bytes())
            .uint(6, INTERNAL)
            .fixed64(7, nanos(start))
            // A clock that was put back makes no span of negative length.
            .fixed64(8, nanos(end.max(start)));
        Self(to)
    }

    fn text(&mut self, key: &str, text: &str) -> &mut Self {
        if !text.is_empty() {
            attribute(&mut self.0, 9, key, &Attribute::Text(text));
        }
        self
    }

    fn number(&mut self, key: &str, number: u64) -> &mut Self {
        attribute(&mut self.0, 9, key, &Attribute::Number(number));
        self
    }

    /// What is on record about it, as an event of the span.
    fn event(&mut self, event: &SecurityEvent, name: &str) -> &mut Self {
        let mut to = Message::default();
        to.fixed64(1, u64::try_from(event.time).unwrap_or(0))
            .bytes(2, name.as_bytes());
        let mut put = |key: &str, value: Attribute<'_>| attribute(&mut to, 3, key, &value);
        put("interlock.code", Attribute::Text(&event.code));
        put("interlock.severity", Attribute::Text(event.severity.name()));
        put("interlock.record.entry", Attribute::Text(&event.uid));
        put("interlock.record.seq", Attribute::Number(event.seq));
        put("interlock.record.leaf", Attribute::Text(&event.leaf));
        if let Some(asked) = &event.asked {
            if let Some(effect) = asked.effect {
                put("interlock.effect", Attribute::Text(effect.name()));
            }
            if let Some(risk) = asked.risk {
                put("interlock.risk", Attribute::Number(u64::from(risk)));
            }
        }
        if !event.findings.is_empty() {
            let codes = event.findings.iter().map(|f| f.code.as_str()).collect();
            put("interlock.findings", Attribute::Texts(codes));
        }
        if !event.rules.is_empty() {
            let rules = event.rules.iter().map(|r| r.id.as_str()).collect();
            put("interlock.rules", Attribute::Texts(rules));
        }
        if event.truncated {
            put("interlock.truncated", Attribute::Flag(true));
        }
        self.0.message(11, &to);
        self
    }

    fn error(&mut self, kind: &str, message: &str) -> &mut Self {
        self.text("error.type", kind);
        let mut status = Message::default();
        status.bytes(2, message.as_bytes()).uint(3, ERROR);
        self.0.message(15, &status);
        self
    }
}

impl Sender {
    pub(super) fn new(otlp: &Otlp, lookup: Lookup) -> Result<Self, String> {
        Ok(Self {
            endpoint: Endpoint::new(&otlp.url, &otlp.guard, otlp.ca_file.as_deref())?,
            otlp: otlp.clone(),
            lookup,
            open: BTreeMap::new(),
        })
    }

    /// The decision of an id.
    fn decision(&mut self, tenant: &str, id: &str) -> Option<SecurityEvent> {
        let known = self.open.get(id).filter(|d| d.tenant == tenant).cloned();
        known.or_else(|| (self.lookup)(tenant, id))
    }

    /// The span of an action, as far as its decision says.
    fn tool(&self, decision: &SecurityEvent, end: i64) -> Span {
        let (trace, parent) = trace(decision);
        let asked = decision.asked.clone().unwrap_or_default();
        let tool = if asked.tool.is_empty() {
            &asked.action_type
        } else {
            &asked.tool
        };
        let name = format!("execute_tool {tool}");
        let own = span_id("interlock span", decision);
        let mut span = Span::new(trace, own, parent, name.trim_end(), (decision.time, end));
        span.text("gen_ai.operation.name", "execute_tool")
            .text("gen_ai.tool.name", tool)
            .text("gen_ai.agent.id", &decision.agent)
            .text("gen_ai.conversation.id", &decision.session)
            .text("interlock.decision.id", &asked.id)
            .text("interlock.action.type", &asked.action_type)
            .text("interlock.effect", asked.effect.map_or("", Effect::name))
            .text("interlock.run", &decision.run)
            .text("interlock.tenant", &decision.tenant);
        if let Some(risk) = asked.risk {
            span.number("interlock.risk", u64::from(risk));
        }
        if asked.step > 0 {
            span.number("interlock.run.step", asked.step);
        }
        if self.otlp.content {
            span.text("interlock.resource", &asked.resource);
        }
        span.event(decision, "interlock.decision");
        span
    }

    /// The spans that an event ends.
    fn spans(&mut self, event: &SecurityEvent) -> Vec<Message> {
        match event.kind {
            Kind::Decision => {
                let effect = event.asked.as_ref().and_then(|a| a.effect);
                if effect == Some(Effect::Block) {
                    let mut span = self.tool(event, event.time);
                    span.error("blocked", event.title);
                    return vec![span.0];
                }
                let id = event.asked.as_ref().map_or("", |a| a.id.as_str());
                self.open.insert(id.to_owned(), event.clone());
                while self.open.len() > OPEN_MAX {
                    self.open.pop_first();
                }
                Vec::new()
            }
            Kind::Outcome => {
                let id = event.asked.as_ref().map_or("", |a| a.id.as_str());
                let Some(decision) = self.decision(&event.tenant, id) else {
                    return Vec::new();
                };
                let mut span = self.tool(&decision, event.time);
                span.event(event, "interlock.outcome");
                if event.success == Some(false) {
                    span.error("failed", event.title);
                } else if event.success.is_none() {
                    span.text("interlock.outcome", &event.code);
                }
                vec![span.0]
            }
            Kind::ApprovalFinal => {
                let id = event.object.as_ref().map_or("", |(_, id)| id.as_str());
                let Some(decision) = self.decision(&event.tenant, id) else {
                    return Vec::new();
                };
                self.waited(&decision, event)
            }
            _ => Vec::new(),
        }
    }

    /// What waited for a person, with the wait below it.
    fn waited(&self, decision: &SecurityEvent, event: &SecurityEvent) -> Vec<Message> {
        let (trace, _) = trace(decision);
        let above = span_id("interlock span", decision);
        let times = (decision.time, event.time);
        let own = span_id("interlock approval", decision);
        let mut wait = Span::new(trace, own, Some(above), "interlock.approval", times);
        wait.text(
            "interlock.decision.id",
            decision.asked.as_ref().map_or("", |a| &a.id),
        )
        .text("interlock.approver", &event.actor)
        .text("gen_ai.agent.id", &decision.agent)
        .event(event, "interlock.approval");
        let mut action = self.tool(decision, event.time);
        if event.success == Some(false) {
            wait.error("not_approved", event.title);
            action.error("not_approved", event.title);
        }
        vec![action.0, wait.0]
    }

    fn request(&self, spans: &[Message]) -> Vec<u8> {
        let mut resource = Message::default();
        for (key, text) in [
            ("service.name", self.otlp.service.as_str()),
            ("service.version", env!("CARGO_PKG_VERSION")),
        ] {
            attribute(&mut resource, 1, key, &Attribute::Text(text));
        }
        let mut scope = Message::default();
        scope
            .bytes(1, b"interlock")
            .bytes(2, env!("CARGO_PKG_VERSION").as_bytes());
        let mut of_scope = Message::default();
        of_scope.message(1, &scope);
        for span in spans {
            of_scope.message(2, span);
        }
        let mut of_resource = Message::default();
        of_resource.message(1, &resource).message(2, &of_scope);
        let mut request = Message::default();
        request.message(1, &of_resource);
        request.finish()
    }
}

impl Destination for Sender {
    fn send(&mut self, events: &[SecurityEvent]) -> Result<(), Failed> {
        let mut spans = Vec::new();
        for event in events {
            spans.extend(self.spans(event));
        }
        if !spans.is_empty() {
            let body = self.request(&spans);
            let mut headers = vec![("content-type", "application/x-protobuf")];
            for (name, value) in &self.otlp.headers {
                let value = value.text().map_err(|e| Failed::Later(e, None))?;
                headers.push((name.as_str(), value));
            }
            let answer = self.endpoint.post("", &headers, &body)?;
            match answer.status {
                200..=299 => {
                    // A success that says that some were left out; they are not to be sent again.
                    if !answer.body.is_empty() && answer.body != [0x0a, 0x00] {
                        tracing::warn!("the receiver of traces did not keep all spans");
                    }
                }
                _ => return Err(refusal(&answer)),
            }
        }
        // Only now: a batch that is sent again finds them.
        for event in events {
            let over = match (&event.asked, &event.object) {
                (Some(asked), _) if event.activity == Activity::Outcome => &asked.id,
                (_, Some((_, id))) if event.kind == Kind::ApprovalFinal => id,
                _ => continue,
            };
            self.open.remove(over);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_their_parts_alone() {
        let one: [u8; 8] = id(["a", "b", "c"]);
        assert_eq!(one, id::<8>(["a", "b", "c"]));
        assert_ne!(one, id::<8>(["a", "bc", ""]));
        assert_ne!(one, [0; 8]);
    }

    #[test]
    fn a_parent_is_read() {
        let (trace, span) =
            parent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
        assert_eq!(trace[0], 0x4b);
        assert_eq!(span, [0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]);
        for text in ["", "00-4b-00-01", "00-zz", "x"] {
            assert_eq!(parent(text), None, "{text}");
        }
    }
}
