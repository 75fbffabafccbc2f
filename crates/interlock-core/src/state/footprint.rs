//! The footprint of an action: what the state needs to know of it, without its content.
//!
//! The journal carries it, so that folding the journal gives the state back.

use std::fmt;

use super::budget::{BudgetCharge, BudgetPeriod};
use super::hash::StableHash;
use super::ledger::{CounterKey, LEDGER_CHARGES_MAX, LedgerCharge, Limit, THRESHOLDS_MAX};
use super::readings::{LimitCharge, LimitKind};
use crate::facts::Facts;
use crate::model::{Action, ActionType, Principal, UnixNanos, Value, write_json_string};

/// Limits that one action may ask about; a record with more is refused as malformed.
pub const LIMITS_MAX: usize = 4_096;

/// What an action does, as far as the state cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u16);

impl Flags {
    /// It reads.
    pub const READ: Self = Self(1);
    /// It changes something.
    pub const SIDE_EFFECT: Self = Self(1 << 1);
    /// Data leaves for outside.
    pub const OUTBOUND: Self = Self(1 << 2);
    /// It touches private data: personal, health, cardholder, credentials, financial, or a resource
    /// of tier sensitive or critical.
    pub const PRIVATE: Self = Self(1 << 3);
    /// What it reads was written by outsiders.
    pub const UNTRUSTED: Self = Self(1 << 4);
    /// It deletes.
    pub const DELETE: Self = Self(1 << 5);

    /// Whether all of `flags` are set.
    #[must_use]
    pub const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    fn set(&mut self, flags: Self, on: bool) {
        if on {
            self.0 |= flags.0;
        }
    }
}

/// What the state needs to know of one action. Hashes are [`StableHash`]es; 0 means there is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Footprint {
    /// The tenant.
    pub tenant: String,
    /// The agent.
    pub agent: String,
    /// The session; empty when there is none.
    pub session: String,
    /// The reservation, unique to this decision.
    pub id: u128,
    /// When it was reserved.
    pub at: UnixNanos,
    /// The dense index of the action type.
    pub type_index: u8,
    /// What it does.
    pub flags: Flags,
    /// The tool, or the action type when no tool is named; see [`tool_key`].
    pub tool_hash: u64,
    /// The one name of the resource.
    pub resource_hash: u64,
    /// The resource's family: its directory, table or host.
    pub family_hash: u64,
    /// The external host.
    pub host_hash: u64,
    /// The names of the arguments.
    pub shape_hash: u64,
    /// Tool, resource and arguments.
    pub call_hash: u64,
    /// Tool and target: the same for a message to one person, whatever it says.
    pub near_hash: u64,
    /// Run and step and tool.
    pub step_hash: u64,
    /// The region.
    pub region_hash: u64,
    /// The user on whose behalf.
    pub user_hash: u64,
    /// The user's address and the network.
    pub origin_hash: u64,
    /// Bytes of arguments and payload.
    pub payload_bytes: i64,
    /// Records touched; -1 when unknown.
    pub records: i64,
    /// Bytes that leave for outside.
    pub bytes_out: i64,
    /// What it costs, in billionths of a US dollar.
    pub cost_nano_usd: i64,
    /// The limits that rules ask about, at most [`LIMITS_MAX`].
    pub limits: Vec<LimitCharge>,
    /// The budgets of the agent that it draws on.
    pub budgets: Vec<BudgetCharge>,
    /// The budgets of the ledger that it draws on, at most [`LEDGER_CHARGES_MAX`].
    pub ledger: Vec<LedgerCharge>,
}

/// The hash of a tool's name.
#[must_use]
pub fn tool_key(tool: &str) -> u64 {
    hashed("tool", tool)
}

fn hashed(domain: &str, text: &str) -> u64 {
    if text.is_empty() {
        0
    } else {
        StableHash::new(domain).text(text).finish()
    }
}

/// Arguments that say whom or which record a call is about. A path, URL or table is not among
/// them: many different calls to one of those are ordinary work, many different messages to one
/// person are not.
const TARGETS: &[&str] = &[
    "account",
    "account_id",
    "address",
    "channel",
    "chat_id",
    "contact",
    "contact_id",
    "customer",
    "customer_id",
    "email",
    "id",
    "lead",
    "lead_id",
    "order_id",
    "phone",
    "recipient",
    "recipients",
    "ticket_id",
    "to",
    "user_id",
];

/// Tool and target; the call itself when it has no target or changes nothing.
///
/// Misses: a recipient named only in the text, or under a name not in [`TARGETS`].
fn near(action: &Action, facts: &Facts, tool_hash: u64, call_hash: u64) -> u64 {
    let reads_only = !facts.action.side_effect
        && matches!(
            action.action_type,
            ActionType::FileRead
                | ActionType::DatabaseQuery
                | ActionType::LlmCall
                | ActionType::Custom(_)
        );
    if reads_only {
        return call_hash;
    }
    let mut hash = StableHash::new("near").number(tool_hash);
    let mut found = false;
    for fields in [&action.arguments, &action.payload] {
        let Some(object) = fields.as_object() else {
            continue;
        };
        for name in TARGETS {
            match object.get(name) {
                None | Some(Value::Null) => continue,
                Some(Value::String(text)) => hash = hash.text(name).folded(text),
                Some(other) => hash = hash.text(name).value(other),
            }
            found = true;
        }
    }
    let to_person = matches!(
        action.action_type,
        ActionType::MessageSend | ActionType::Payment
    );
    if !found && to_person && !action.resource.is_empty() {
        hash = hash.folded(&action.resource);
        found = true;
    }
    if found { hash.finish() } else { call_hash }
}

/// The directory, table or host that a resource belongs to.
fn family<'a>(name: &'a str, kind: &str) -> &'a str {
    if kind == "database" {
        return name;
    }
    // A trailing slash does not make another directory.
    let name = name.strip_suffix('/').unwrap_or(name);
    let start = name.find("://").map_or(0, |at| at + 3);
    let rest = name.get(start..).unwrap_or_default();
    let cut = if kind == "url" || kind == "host" {
        rest.find('/')
    } else {
        rest.rfind('/')
    };
    cut.and_then(|at| name.get(..start + at)).unwrap_or(name)
}

fn shape(value: &Value) -> u64 {
    let names = value.as_object().map_or(0, |object| {
        object
            .iter()
            .map(|(key, _)| StableHash::new("name").text(key).finish())
            .fold(0u64, u64::wrapping_add)
    });
    StableHash::new("shape").number(names).finish()
}

impl Footprint {
    /// The footprint of an action; limits and budgets are the caller's to add.
    #[must_use]
    pub fn of(
        id: u128,
        principal: &Principal,
        action: &Action,
        facts: &Facts,
        now: UnixNanos,
    ) -> Self {
        let resource = if facts.resource.name.is_empty() {
            &action.resource
        } else {
            &facts.resource.name
        };
        let tool_hash = tool_key(if action.tool.is_empty() {
            action.action_type.name()
        } else {
            &action.tool
        });
        let call_hash = StableHash::new("call")
            .number(tool_hash)
            .text(action.action_type.name())
            .text(&action.resource)
            .value(&action.arguments)
            .value(&action.payload)
            .finish();
        let outside = if facts.url.external {
            facts.url.host.as_str()
        } else {
            facts.shell.hosts.first().map_or("", String::as_str)
        };
        let mut flags = Flags::default();
        flags.set(Flags::READ, facts.action.read);
        flags.set(Flags::SIDE_EFFECT, facts.action.side_effect);
        flags.set(Flags::OUTBOUND, facts.action.outbound);
        flags.set(Flags::DELETE, facts.action.delete);
        let data = &facts.data;
        let private = data.pii || data.phi || data.cardholder || data.credentials || data.financial;
        let tier = matches!(facts.resource.tier.as_str(), "sensitive" | "critical");
        flags.set(Flags::PRIVATE, private || tier || facts.path.secret);
        flags.set(
            Flags::UNTRUSTED,
            facts.url.external || facts.shell.network || facts.shell.fetched_code,
        );
        let payload_bytes = facts.action.bytes.max(0);
        let observed = action.observed.bytes.unwrap_or(0).max(0);
        Self {
            tenant: principal.tenant.as_ref().to_owned(),
            agent: action.agent_id.clone(),
            session: action.session_id.clone(),
            id,
            at: now,
            type_index: u8::try_from(action.action_type.index()).unwrap_or(u8::MAX),
            flags,
            tool_hash,
            resource_hash: hashed("resource", resource),
            family_hash: hashed("family", family(resource, &facts.resource.kind)),
            host_hash: hashed("host", outside),
            shape_hash: shape(&action.arguments),
            call_hash,
            near_hash: near(action, facts, tool_hash, call_hash),
            step_hash: action.step.map_or(0, |step| {
                StableHash::new("step")
                    .text(&action.run_id)
                    .number(step.unsigned_abs())
                    .number(tool_hash)
                    .finish()
            }),
            region_hash: hashed("region", &action.environment.region),
            user_hash: hashed("user", &action.user.id),
            origin_hash: if action.user.ip.is_empty() && action.environment.network.is_empty() {
                0
            } else {
                StableHash::new("origin")
                    .text(&action.user.ip)
                    .text(&action.environment.network)
                    .finish()
            },
            payload_bytes,
            records: facts.action.records.max(-1),
            bytes_out: if facts.action.outbound {
                payload_bytes.max(observed)
            } else {
                0
            },
            cost_nano_usd: action.cost_nano_usd.max(0),
            limits: Vec::new(),
            budgets: Vec::new(),
            ledger: Vec::new(),
        }
    }

    /// The agent, as sessions remember it.
    #[must_use]
    pub fn agent_hash(&self) -> u64 {
        hashed("agent", &self.agent)
    }

    /// Records read: 0 when the action reads nothing or nobody knows how much.
    #[must_use]
    pub fn records_read(&self) -> i64 {
        if self.flags.has(Flags::READ) {
            self.records.max(0)
        } else {
            0
        }
    }

    /// Appends the JSON of a journal record; hashes are hex strings, as JSON numbers are not exact
    /// at 64 bits everywhere. Fields without a value are left out.
    pub fn write_json(&self, out: &mut String) {
        out.push_str("{\"id\":\"");
        push_hex((self.id >> 64) as u64, out);
        push_hex(self.id as u64, out);
        out.push('"');
        for (name, text) in [
            ("tenant", &self.tenant),
            ("agent", &self.agent),
            ("session", &self.session),
        ] {
            if !text.is_empty() {
                push_name(name, out);
                write_json_string(text, out);
            }
        }
        for (name, n, absent) in [
            ("at", self.at, None),
            ("type", i64::from(self.type_index), None),
            ("flags", i64::from(self.flags.0), Some(0)),
            ("payload_bytes", self.payload_bytes, Some(0)),
            ("records", self.records, Some(-1)),
            ("bytes_out", self.bytes_out, Some(0)),
            ("cost_nano_usd", self.cost_nano_usd, Some(0)),
        ] {
            if Some(n) != absent {
                push_name(name, out);
                push_integer(n, out);
            }
        }
        for (name, hash) in self.hashes() {
            if hash != 0 {
                push_name(name, out);
                out.push('"');
                push_hex(hash, out);
                out.push('"');
            }
        }
        push_rows("limits", &self.limits, out, |limit, out| {
            push_hex(limit.key, out);
            out.push_str("\",\"");
            out.push_str(limit.kind.name());
            out.push('"');
            for n in [limit.amount, limit.max, limit.window_ms] {
                out.push(',');
                push_integer(n, out);
            }
        });
        push_rows("budgets", &self.budgets, out, |budget, out| {
            push_hex(budget.key, out);
            out.push_str("\",\"");
            out.push_str(budget.period.name());
            out.push_str("\",");
            push_integer(budget.max_nano_usd, out);
        });
        if !self.ledger.is_empty() {
            push_name("ledger", out);
            for (n, charge) in self.ledger.iter().enumerate() {
                out.push(if n == 0 { '[' } else { ',' });
                write_charge(charge, out);
            }
            out.push(']');
        }
        out.push('}');
    }

    /// The JSON of a journal record as a value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut json = String::with_capacity(512);
        self.write_json(&mut json);
        // What was just written is well formed.
        Value::parse(json.as_bytes()).unwrap_or_default()
    }

    const fn hashes(&self) -> [(&'static str, u64); 11] {
        [
            ("tool", self.tool_hash),
            ("resource", self.resource_hash),
            ("family", self.family_hash),
            ("host", self.host_hash),
            ("shape", self.shape_hash),
            ("call", self.call_hash),
            ("near", self.near_hash),
            ("step", self.step_hash),
            ("region", self.region_hash),
            ("user", self.user_hash),
            ("origin", self.origin_hash),
        ]
    }

    /// Reads the JSON of a journal record. Unknown fields are left alone: a later version may have
    /// written them.
    ///
    /// # Errors
    /// Names the field that is missing or malformed.
    pub fn from_value(value: &Value) -> Result<Self, FootprintError> {
        let text = |name: &'static str| match value.get(name) {
            None => Ok(String::new()),
            Some(Value::String(s)) => Ok(s.clone()),
            Some(_) => Err(FootprintError { field: name }),
        };
        let number = |name: &'static str, absent: Option<i64>| match value.get(name) {
            None => absent.ok_or(FootprintError { field: name }),
            Some(v) => v.as_i64().ok_or(FootprintError { field: name }),
        };
        let hash = |name: &'static str| match value.get(name) {
            None => Ok(0),
            Some(v) => unhex(v).ok_or(FootprintError { field: name }),
        };
        let id = value.get("id").and_then(Value::as_str);
        let id = id.filter(|id| id.len() == 32);
        let small = |name: &'static str, n: i64| {
            u16::try_from(n).map_err(|_| FootprintError { field: name })
        };
        Ok(Self {
            tenant: text("tenant")?,
            agent: text("agent")?,
            session: text("session")?,
            id: id
                .and_then(|id| u128::from_str_radix(id, 16).ok())
                .ok_or(FootprintError { field: "id" })?,
            at: number("at", None)?,
            type_index: u8::try_from(number("type", None)?)
                .map_err(|_| FootprintError { field: "type" })?,
            flags: Flags(small("flags", number("flags", Some(0))?)?),
            tool_hash: hash("tool")?,
            resource_hash: hash("resource")?,
            family_hash: hash("family")?,
            host_hash: hash("host")?,
            shape_hash: hash("shape")?,
            call_hash: hash("call")?,
            near_hash: hash("near")?,
            step_hash: hash("step")?,
            region_hash: hash("region")?,
            user_hash: hash("user")?,
            origin_hash: hash("origin")?,
            payload_bytes: number("payload_bytes", Some(0))?,
            records: number("records", Some(-1))?,
            bytes_out: number("bytes_out", Some(0))?,
            cost_nano_usd: number("cost_nano_usd", Some(0))?,
            limits: items(value, "limits", limit_of)?,
            budgets: items(value, "budgets", budget_of)?,
            ledger: items(value, "ledger", charge_of)
                .ok()
                .filter(|all| all.len() <= LEDGER_CHARGES_MAX)
                .ok_or(FootprintError { field: "ledger" })?,
        })
    }
}

fn items<T>(
    value: &Value,
    field: &'static str,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Vec<T>, FootprintError> {
    match value.get(field) {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) if items.len() <= LIMITS_MAX => items
            .iter()
            .map(|item| read(item).ok_or(FootprintError { field }))
            .collect(),
        Some(_) => Err(FootprintError { field }),
    }
}

fn push_name(name: &str, out: &mut String) {
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
}

fn push_hex(n: u64, out: &mut String) {
    crate::audit::body::write_hex(out, n);
}

fn push_integer(n: i64, out: &mut String) {
    crate::audit::body::write_int(out, n);
}

/// Rows that begin with a hash, whose closing quote is the row's to write.
fn push_rows<T>(name: &str, rows: &[T], out: &mut String, row: impl Fn(&T, &mut String)) {
    if rows.is_empty() {
        return;
    }
    push_name(name, out);
    for (n, item) in rows.iter().enumerate() {
        out.push_str(if n == 0 { "[[\"" } else { ",[\"" });
        row(item, out);
        out.push(']');
    }
    out.push(']');
}

fn unhex(value: &Value) -> Option<u64> {
    let text = value.as_str().filter(|t| t.len() == 16)?;
    u64::from_str_radix(text, 16).ok()
}

pub(crate) fn limit_of(value: &Value) -> Option<LimitCharge> {
    let [key, kind, amount, max, window_ms] = value.as_array()? else {
        return None;
    };
    Some(LimitCharge {
        key: unhex(key)?,
        kind: LimitKind::from_name(kind.as_str()?)?,
        amount: amount.as_i64()?,
        max: max.as_i64()?,
        window_ms: window_ms.as_i64()?,
    })
}

fn budget_of(value: &Value) -> Option<BudgetCharge> {
    let [key, period, max] = value.as_array()? else {
        return None;
    };
    Some(BudgetCharge {
        key: unhex(key)?,
        period: BudgetPeriod::from_name(period.as_str()?)?,
        max_nano_usd: max.as_i64()?,
    })
}

/// The names of a counter, as the record has them.
pub(crate) fn write_counter(key: &CounterKey, out: &mut String) {
    write_json_string(&key.budget, out);
    out.push(',');
    write_json_string(&key.subject, out);
    out.push_str(",\"");
    out.push_str(key.period.name());
    out.push('"');
}

/// The limit of a counter, as the record has it: -1 stands for none.
pub(crate) fn write_limit(limit: &Limit, out: &mut String) {
    for n in [limit.nano_usd, limit.calls] {
        out.push(',');
        push_integer(n.unwrap_or(-1), out);
    }
}

/// Reads [`write_counter`].
pub(crate) fn counter_of(budget: &Value, subject: &Value, period: &Value) -> Option<CounterKey> {
    Some(CounterKey {
        budget: budget.as_str()?.into(),
        subject: subject.as_str()?.into(),
        period: BudgetPeriod::from_name(period.as_str()?)?,
    })
}

/// Reads [`write_limit`].
pub(crate) fn ledger_limit_of(nano_usd: &Value, calls: &Value) -> Option<Limit> {
    Some(Limit {
        nano_usd: Some(nano_usd.as_i64()?).filter(|n| *n >= 0),
        calls: Some(calls.as_i64()?).filter(|n| *n >= 0),
    })
}

fn write_charge(charge: &LedgerCharge, out: &mut String) {
    out.push('[');
    write_counter(&charge.key, out);
    write_limit(&charge.limit, out);
    out.push(',');
    push_integer(charge.trickle, out);
    out.push_str(",[");
    for (n, threshold) in charge.thresholds.iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        push_integer(i64::from(*threshold), out);
    }
    out.push_str("]]");
}

fn charge_of(value: &Value) -> Option<LedgerCharge> {
    let [budget, subject, period, nano, calls, trickle, thresholds] = value.as_array()? else {
        return None;
    };
    let thresholds = thresholds.as_array()?;
    if thresholds.len() > THRESHOLDS_MAX {
        return None;
    }
    Some(LedgerCharge {
        key: counter_of(budget, subject, period)?,
        limit: ledger_limit_of(nano, calls)?,
        trickle: trickle.as_i64()?.max(0),
        thresholds: thresholds
            .iter()
            .map(|t| u8::try_from(t.as_i64()?).ok())
            .collect::<Option<_>>()?,
    })
}

/// A footprint that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FootprintError {
    /// The field.
    pub field: &'static str,
}

impl fmt::Display for FootprintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "field `{}` of a footprint is malformed", self.field)
    }
}

impl std::error::Error for FootprintError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn footprint(json: &str) -> Footprint {
        let action = Action::from_json(json.as_bytes()).unwrap();
        let mut facts = Facts::default();
        facts.action.side_effect = !matches!(
            action.action_type,
            ActionType::FileRead | ActionType::DatabaseQuery
        );
        Footprint::of(1, &Principal::local(), &action, &facts, 0)
    }

    #[test]
    fn near_same_is_the_same_tool_and_target() {
        let check = |near: bool, a: &str, b: &str| {
            let of = |rest: &str| footprint(&format!(r#"{{"agent_id":"a",{rest}}}"#));
            let (a_is, b_is) = (of(a), of(b));
            assert_eq!(a_is.near_hash == b_is.near_hash, near, "{a}\n{b}");
            assert_ne!(a_is.call_hash, b_is.call_hash, "{a}\n{b}");
        };
        let mail = |arguments: &str| {
            format!(r#""action_type":"message_send","tool":"send_email","arguments":{arguments}"#)
        };
        // True positives: one person, other words.
        check(
            true,
            &mail(r#"{"to":"ann@x.org","body":"hello"}"#),
            &mail(r#"{"to":" Ann@X.org","body":"hello again"}"#),
        );
        check(
            true,
            &mail(r#"{"lead":17,"text":"a"}"#),
            &mail(r#"{"lead":17,"text":"b"}"#),
        );
        check(
            true,
            r#""action_type":"message_send","resource":"mailto:a@x","payload":{"m":1}"#,
            r#""action_type":"message_send","resource":"mailto:a@x","payload":{"m":2}"#,
        );
        // False positives to avoid: other people, other records, ordinary work on one thing.
        check(
            false,
            &mail(r#"{"to":"ann@x.org","body":"hello"}"#),
            &mail(r#"{"to":"bob@x.org","body":"hello"}"#),
        );
        check(
            false,
            r#""action_type":"database_query","resource":"postgres://prod/t","arguments":{"sql":"SELECT 1"}"#,
            r#""action_type":"database_query","resource":"postgres://prod/t","arguments":{"sql":"SELECT 2"}"#,
        );
        check(
            false,
            r#""action_type":"file_write","arguments":{"path":"/a","text":"1"}"#,
            r#""action_type":"file_write","arguments":{"path":"/a","text":"2"}"#,
        );
        check(
            false,
            r#""action_type":"database_query","tool":"read_customer","arguments":{"id":1,"fields":"a"}"#,
            r#""action_type":"database_query","tool":"read_customer","arguments":{"id":1,"fields":"b"}"#,
        );
        // Known miss: the recipient is only in the text.
        check(
            false,
            &mail(r#"{"raw":"To: ann@x.org\n\nhello"}"#),
            &mail(r#"{"raw":"To: ann@x.org\n\nhello again"}"#),
        );
    }

    #[test]
    fn what_an_action_leaves_behind() {
        let json = r#"{"agent_id":"a","action_type":"network_request","session_id":"s","run_id":"r",
            "step":3,"resource":"https://Api.x.org/v1","cost_usd":"0.5","arguments":{"b":1,"a":2},
            "user":{"id":"u","ip":"10.0.0.1"},"environment":{"region":"eu"},
            "observed":{"path":{"resolved":"/a","bytes":9000}}}"#;
        let action = Action::from_json(json.as_bytes()).unwrap();
        let mut facts = Facts::default();
        let of = |facts: &Facts| Footprint::of(1, &Principal::local(), &action, facts, 5);
        let plain = of(&facts);
        assert_eq!(
            (plain.flags, plain.bytes_out, plain.host_hash),
            (Flags(0), 0, 0)
        );
        assert_eq!(plain.cost_nano_usd, 500_000_000);
        for hash in [
            plain.step_hash,
            plain.user_hash,
            plain.origin_hash,
            plain.region_hash,
            plain.resource_hash,
        ] {
            assert_ne!(hash, 0);
        }
        facts.action.outbound = true;
        facts.action.bytes = 700;
        facts.url.external = true;
        facts.url.host = "api.x.org".into();
        facts.data.phi = true;
        let full = of(&facts);
        assert!(full.flags.has(Flags::OUTBOUND) && full.flags.has(Flags::UNTRUSTED));
        assert!(full.flags.has(Flags::PRIVATE) && !full.flags.has(Flags::READ));
        assert_eq!(full.bytes_out, 9_000, "what the enforcement point saw");
        assert_ne!(full.host_hash, 0);
        assert_eq!(full.call_hash, plain.call_hash);
        facts.resource.name = "https://api.x.org/v1".into();
        assert_ne!(of(&facts).resource_hash, plain.resource_hash);
        let mut secret = Facts::default();
        secret.path.secret = true;
        assert!(of(&secret).flags.has(Flags::PRIVATE));
        let mut tier = Facts::default();
        tier.resource.tier = "critical".into();
        assert!(of(&tier).flags.has(Flags::PRIVATE));
    }

    #[test]
    fn families() {
        for (name, kind, want) in [
            ("/srv/data/a.csv", "file", "/srv/data"),
            ("/srv/data/", "file", "/srv"),
            (
                "postgres://prod/customers",
                "database",
                "postgres://prod/customers",
            ),
            ("https://api.x.org/v1/a/b", "url", "https://api.x.org"),
            ("https://api.x.org", "url", "https://api.x.org"),
            ("s3://bucket/a/b", "other", "s3://bucket/a"),
            ("plain", "other", "plain"),
            ("", "", ""),
        ] {
            assert_eq!(family(name, kind), want, "{name}");
        }
    }

    #[test]
    fn malformed_json_names_the_field() {
        let good = r#"{"agent":"a","id":"00000000000000000000000000000001","at":5,"type":1}"#;
        let check = |json: &str, field: &str| {
            let got = Footprint::from_value(&Value::parse(json.as_bytes()).unwrap());
            assert_eq!(
                got.map_err(|e| e.field).err().unwrap_or(""),
                field,
                "{json}"
            );
        };
        check(good, "");
        check(&good.replace("000001", "001"), "id");
        check(&good.replace("\"at\":5", "\"at\":\"5\""), "at");
        check(&good.replace("\"type\":1", "\"type\":300"), "type");
        check(&good.replace("\"at\":5", "\"at\":5,\"tool\":7"), "tool");
        check(&good.replace("\"at\":5", "\"at\":5,\"flags\":-1"), "flags");
        check(
            &good.replace("\"at\":5", "\"at\":5,\"limits\":[[1]]"),
            "limits",
        );
        let ledger = |row: &str| good.replace("\"at\":5", &format!("\"at\":5,\"ledger\":[{row}]"));
        let row = r#"["team","tenant","day",5,-1,0,[50,80]]"#;
        check(&ledger(row), "");
        check(&ledger(&row.replace("day", "week")), "ledger");
        check(&ledger(&row.replace("80", "256")), "ledger");
        check(&ledger(&[row; 65].join(",")), "ledger");
        check(&good.replace("\"at\":5", "\"at\":5,\"later\":{}"), "");
    }
}
