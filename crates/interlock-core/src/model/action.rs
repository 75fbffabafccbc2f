//! The action that an agent asks for, and who asks.

use std::fmt;
use std::sync::Arc;

use crate::model::effect::Capabilities;
use crate::model::limits::{ACTION_TYPE_BYTES_MAX, ID_BYTES_MAX, RESOURCE_BYTES_MAX};
use crate::model::value::{Object, Value};

macro_rules! action_types {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What kind of action it is.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum ActionType {
            $($(#[$doc])* $variant,)*
            /// Any other well-formed name; treated as `custom`, its name kept.
            Custom(Box<str>),
        }

        impl ActionType {
            /// The listed types, without `custom`.
            pub const LISTED: &'static [&'static str] = &[$($name),*];

            /// The name as given.
            #[must_use]
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Custom(name) => name,
                }
            }

            /// A dense index: the position in [`Self::LISTED`], or its length for custom types.
            #[must_use]
            pub fn index(&self) -> usize {
                let mut at = 0;
                $(if matches!(self, Self::$variant) { return at; } at += 1;)*
                at
            }

            fn listed(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

action_types! {
    /// Reading a file.
    FileRead = "file_read",
    /// Writing a file.
    FileWrite = "file_write",
    /// Deleting a file.
    FileDelete = "file_delete",
    /// A request to an API.
    ApiCall = "api_call",
    /// Reading from a database.
    DatabaseQuery = "database_query",
    /// Writing to a database.
    DatabaseWrite = "database_write",
    /// Running code.
    CodeExecution = "code_execution",
    /// Network communication.
    NetworkRequest = "network_request",
    /// Changing a permission.
    PermissionChange = "permission_change",
    /// Starting a process.
    ProcessSpawn = "process_spawn",
    /// Sending a message to a person.
    MessageSend = "message_send",
    /// Moving money.
    Payment = "payment",
    /// Calling a model.
    LlmCall = "llm_call",
}

impl ActionType {
    /// The name by which a pattern selects every type that is not listed. An action may have it too:
    /// then nothing selects that action and no other.
    pub const UNLISTED: &'static str = "custom";

    /// Reads a type's name: lower-case letters, digits, `_`, `-`, `.` and `:`, at most
    /// [`ACTION_TYPE_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// When the name is not well formed.
    pub fn parse(name: &str) -> Result<Self, ActionError> {
        if let Some(listed) = Self::listed(name) {
            return Ok(listed);
        }
        let well_formed = !name.is_empty()
            && name.len() <= ACTION_TYPE_BYTES_MAX
            && name.bytes().all(|b| {
                b.is_ascii_lowercase()
                    || b.is_ascii_digit()
                    || matches!(b, b'_' | b'-' | b'.' | b':')
            });
        if well_formed {
            Ok(Self::Custom(name.into()))
        } else {
            Err(ActionError::new(
                "action_type",
                "action.type-malformed",
                format!("must be 1 to {ACTION_TYPE_BYTES_MAX} of a-z, 0-9, `_`, `-`, `.` and `:`"),
            ))
        }
    }
}

impl fmt::Display for ActionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a credential may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Check, report outcomes, wait; its own runs only.
    Agent,
    /// Decide approvals.
    Approver,
    /// Change policies.
    PolicyAuthor,
    /// Read and export everything of the tenant.
    Auditor,
    /// Everything within the tenant.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 5] = [
        Self::Agent,
        Self::Approver,
        Self::PolicyAuthor,
        Self::Auditor,
        Self::Admin,
    ];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Approver => "approver",
            Self::PolicyAuthor => "policy_author",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.name() == name)
    }
}

/// What the credential proves; never taken from the action itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The tenant.
    pub tenant: Arc<str>,
    /// The agent that the credential is bound to; `None`: it may speak for any agent of the
    /// tenant, so the agent's identity is only claimed.
    pub agent: Option<Arc<str>>,
    /// The environment that the credential is bound to.
    pub environment: Option<Arc<str>>,
    /// What it may do.
    pub role: Role,
    /// Whether the agent is known to hold elevated credentials (root, owner, service admin).
    pub elevated: bool,
}

impl Principal {
    /// A local caller with full rights over tenant `default`: the embedded engine and tests.
    #[must_use]
    pub fn local() -> Self {
        Self {
            tenant: Arc::from("default"),
            agent: None,
            environment: None,
            role: Role::Admin,
            elevated: false,
        }
    }
}

/// The person on whose behalf the agent acts, as claimed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// The person's id.
    pub id: String,
    /// The person's roles.
    pub roles: Vec<String>,
    /// The person's address.
    pub ip: String,
}

/// Where the agent runs, as claimed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environment {
    /// Its name: `production`, `staging`…; empty means unknown.
    pub name: String,
    /// The region.
    pub region: String,
    /// The network: `internal`, `internet`…
    pub network: String,
}

/// What the enforcement point itself looked up; the core never looks at a disk or a network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// The path after links were followed.
    pub path_resolved: Option<String>,
    /// The size of what is read or written, in bytes.
    pub bytes: Option<i64>,
    /// How many rows the statement will touch, by the database's own estimate.
    pub rows: Option<i64>,
    /// The addresses that the host resolves to.
    pub addresses: Vec<String>,
}

/// An action before it runs. Every field is as claimed by the agent, except `observed` (by the
/// enforcement point).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Who acts.
    pub agent_id: String,
    /// What kind of action it is.
    pub action_type: ActionType,
    /// What is acted on, as given; may be empty.
    pub resource: String,
    /// The tool that would run; may be empty.
    pub tool: String,
    /// The tool's arguments.
    pub arguments: Value,
    /// Further data that the published API calls `payload`.
    pub payload: Value,
    /// The task that this action belongs to.
    pub run_id: String,
    /// The position in the run, chosen by the caller and stable under retries.
    pub step: Option<i64>,
    /// The session.
    pub session_id: String,
    /// On whose behalf.
    pub user: User,
    /// Where it runs.
    pub environment: Environment,
    /// Prompt, plan, model and whatever else explains the action.
    pub context: Object,
    /// What the enforcement point saw.
    pub observed: Observed,
    /// What the enforcement point can do.
    pub capabilities: Capabilities,
    /// The cost of the action in billionths of a US dollar.
    pub cost_nano_usd: i64,
    /// When the agent says it acts; the engine's clock decides, a claim can only tighten.
    pub timestamp: Option<crate::model::UnixNanos>,
    /// The key under which a retry finds the first answer.
    pub idempotency_key: String,
    /// Fields that no part of Interlock knows.
    pub metadata: Object,
}

impl Action {
    /// An action with the two required fields.
    #[must_use]
    pub fn new(agent_id: impl Into<String>, action_type: ActionType) -> Self {
        Self {
            agent_id: agent_id.into(),
            action_type,
            resource: String::new(),
            tool: String::new(),
            arguments: Value::Null,
            payload: Value::Null,
            run_id: String::new(),
            step: None,
            session_id: String::new(),
            user: User::default(),
            environment: Environment::default(),
            context: Object::new(),
            observed: Observed::default(),
            capabilities: Capabilities::default(),
            cost_nano_usd: 0,
            timestamp: None,
            idempotency_key: String::new(),
            metadata: Object::new(),
        }
    }

    /// Reads the wire form of an action, the JSON of DESIGN section 3.
    ///
    /// Unknown fields are kept in `metadata`.
    ///
    /// # Errors
    /// Names the field, what is wrong and the limit.
    pub fn from_value(value: Value) -> Result<Self, ActionError> {
        let mut object = match value {
            Value::Object(object) => object,
            other => {
                return Err(ActionError::new(
                    "body",
                    "action.not-an-object",
                    format!("must be an object, not a {}", other.type_name()),
                ));
            }
        };
        let agent_id = required(&mut object, "agent_id", ID_BYTES_MAX)?;
        let type_name = required(&mut object, "action_type", ACTION_TYPE_BYTES_MAX)?;
        let mut action = Self::new(agent_id, ActionType::parse(&type_name)?);
        action.resource = text(&mut object, "resource", RESOURCE_BYTES_MAX)?;
        action.tool = text(&mut object, "tool", ID_BYTES_MAX)?;
        action.arguments = object.remove("arguments").unwrap_or_default();
        action.payload = object.remove("payload").unwrap_or_default();
        action.run_id = text(&mut object, "run_id", ID_BYTES_MAX)?;
        action.session_id = text(&mut object, "session_id", ID_BYTES_MAX)?;
        action.idempotency_key = text(&mut object, "idempotency_key", ID_BYTES_MAX)?;
        action.step = integer(&mut object, "step")?;
        if let Some(mut user) = sub_object(&mut object, "user")? {
            action.user.id = text(&mut user, "id", ID_BYTES_MAX)?;
            action.user.ip = text(&mut user, "ip", ID_BYTES_MAX)?;
            action.user.roles = strings(&mut user, "roles")?;
            keep_rest(&mut action.metadata, "user", user);
        }
        if let Some(mut environment) = environment_object(&mut object)? {
            action.environment.name = text(&mut environment, "name", ID_BYTES_MAX)?;
            action.environment.region = text(&mut environment, "region", ID_BYTES_MAX)?;
            action.environment.network = text(&mut environment, "network", ID_BYTES_MAX)?;
            keep_rest(&mut action.metadata, "environment", environment);
        }
        if let Some(context) = sub_object(&mut object, "context")? {
            action.context = context;
        }
        if let Some(mut observed) = sub_object(&mut object, "observed")? {
            if let Some(mut path) = sub_object(&mut observed, "path")? {
                let resolved = text(&mut path, "resolved", RESOURCE_BYTES_MAX)?;
                action.observed.path_resolved = (!resolved.is_empty()).then_some(resolved);
                action.observed.bytes = integer(&mut path, "bytes")?;
            }
            action.observed.rows = integer(&mut observed, "rows")?;
            action.observed.addresses = strings(&mut observed, "addresses")?;
            keep_rest(&mut action.metadata, "observed", observed);
        }
        if let Some(declared) = object.remove("capabilities") {
            action.capabilities = capabilities(&declared)?;
        }
        if let Some(cost) = object.remove("cost_usd") {
            action.cost_nano_usd = nano(&cost, "cost_usd")?;
        }
        if let Some(timestamp) = object.remove("timestamp") {
            action.timestamp = Some(instant(&timestamp)?);
        }
        if let Some(metadata) = sub_object(&mut object, "metadata")? {
            action.metadata.extend_from(metadata);
        }
        action.metadata.extend_from(object);
        Ok(action)
    }

    /// Parses an action from JSON bytes.
    ///
    /// # Errors
    /// A JSON error or an [`ActionError`], with field and limit.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ActionError> {
        let max = crate::model::limits::BODY_BYTES_MAX;
        if bytes.len() > max {
            return Err(ActionError::new(
                "body",
                "action.too-large",
                format!("has {} bytes, the limit is {max}", bytes.len()),
            ));
        }
        let value = Value::parse(bytes)
            .map_err(|e| ActionError::new("body", e.kind.code(), e.to_string()))?;
        Self::from_value(value)
    }
}

impl Object {
    fn extend_from(&mut self, other: Self) {
        for (key, value) in other {
            self.insert(key, value);
        }
    }
}

/// Why an action was refused before any decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionError {
    /// The field.
    pub field: &'static str,
    /// A stable code.
    pub code: &'static str,
    /// What is wrong, with the limit.
    pub message: String,
}

impl ActionError {
    pub(crate) fn new(field: &'static str, code: &'static str, message: String) -> Self {
        Self {
            field,
            code,
            message,
        }
    }
}

impl fmt::Display for ActionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field == "body" && self.code.starts_with("json.") {
            f.write_str(&self.message)
        } else {
            write!(f, "`{}` {}", self.field, self.message)
        }
    }
}

impl std::error::Error for ActionError {}

fn wrong_type(field: &'static str, wanted: &str, got: &Value) -> ActionError {
    ActionError::new(
        field,
        "action.wrong-type",
        format!("must be {wanted}, not a {}", got.type_name()),
    )
}

fn text(object: &mut Object, field: &'static str, max: usize) -> Result<String, ActionError> {
    match object.remove(field) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(s)) if s.len() > max => Err(ActionError::new(
            field,
            "action.field-too-long",
            format!("has {} bytes, the limit is {max}", s.len()),
        )),
        Some(Value::String(s)) if s.contains('\0') => Err(ActionError::new(
            field,
            "action.field-malformed",
            "must not hold a null character".to_owned(),
        )),
        Some(Value::String(s)) => Ok(s),
        Some(other) => Err(wrong_type(field, "a string", &other)),
    }
}

fn required(object: &mut Object, field: &'static str, max: usize) -> Result<String, ActionError> {
    let value = text(object, field, max)?;
    if value.is_empty() {
        return Err(ActionError::new(
            field,
            "action.field-missing",
            "is required".to_owned(),
        ));
    }
    Ok(value)
}

fn integer(object: &mut Object, field: &'static str) -> Result<Option<i64>, ActionError> {
    match object.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_i64() {
            Some(n) if n >= 0 => Ok(Some(n)),
            Some(_) => Err(ActionError::new(
                field,
                "action.out-of-range",
                "must not be negative".to_owned(),
            )),
            None => Err(wrong_type(field, "an integer below 2^63", &value)),
        },
    }
}

fn nano(value: &Value, field: &'static str) -> Result<i64, ActionError> {
    let nano = match value {
        Value::String(s) => crate::model::parse_nano(s),
        Value::Number(n) => n.as_nano(),
        Value::Null => Some(0),
        _ => None,
    };
    nano.filter(|n| *n >= 0).ok_or_else(|| {
        ActionError::new(
            field,
            "action.out-of-range",
            "must be a decimal from 0 to 9223372036".to_owned(),
        )
    })
}

fn sub_object(object: &mut Object, field: &'static str) -> Result<Option<Object>, ActionError> {
    match object.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(o)) => Ok(Some(o)),
        Some(other) => Err(wrong_type(field, "an object", &other)),
    }
}

/// `"environment": "production"` is as good as `{"name": "production"}`.
fn environment_object(object: &mut Object) -> Result<Option<Object>, ActionError> {
    if let Some(Value::String(_)) = object.get("environment") {
        let name = text(object, "environment", ID_BYTES_MAX)?;
        let mut environment = Object::new();
        environment.insert("name", Value::String(name));
        return Ok(Some(environment));
    }
    sub_object(object, "environment")
}

fn strings(object: &mut Object, field: &'static str) -> Result<Vec<String>, ActionError> {
    match object.remove(field) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) if items.len() > 64 => Err(ActionError::new(
            field,
            "action.field-too-long",
            format!("has {} items, the limit is 64", items.len()),
        )),
        Some(Value::Array(items)) => items
            .into_iter()
            .map(|item| match item {
                Value::String(s) if s.len() <= ID_BYTES_MAX => Ok(s),
                other => Err(wrong_type(field, "a list of short strings", &other)),
            })
            .collect(),
        Some(other) => Err(wrong_type(field, "a list", &other)),
    }
}

fn capabilities(declared: &Value) -> Result<Capabilities, ActionError> {
    let field = "capabilities";
    let items = declared
        .as_array()
        .ok_or_else(|| wrong_type(field, "a list", declared))?;
    let mut can = Capabilities {
        redact: false,
        sandbox: false,
        wait: false,
        undo: false,
    };
    for item in items {
        match item.as_str() {
            Some("redact") => can.redact = true,
            Some("sandbox") => can.sandbox = true,
            Some("wait") => can.wait = true,
            Some("undo") => can.undo = true,
            _ => {
                return Err(ActionError::new(
                    field,
                    "action.unknown-capability",
                    "knows `redact`, `sandbox`, `wait` and `undo`".to_owned(),
                ));
            }
        }
    }
    Ok(can)
}

fn instant(value: &Value) -> Result<crate::model::UnixNanos, ActionError> {
    let text = value
        .as_str()
        .ok_or_else(|| wrong_type("timestamp", "an RFC 3339 time", value))?;
    // Python's `utcnow().isoformat()` names no zone; UTC is what it means.
    let parsed = text.parse::<jiff::Timestamp>().or_else(|_| {
        text.parse::<jiff::civil::DateTime>()
            .and_then(|dt| dt.to_zoned(jiff::tz::TimeZone::UTC))
            .map(|z| z.timestamp())
    });
    parsed
        .ok()
        .and_then(|t| i64::try_from(t.as_nanosecond()).ok())
        .ok_or_else(|| {
            ActionError::new(
                "timestamp",
                "action.timestamp-malformed",
                "must be an RFC 3339 time such as `2026-11-21T03:00:00Z`".to_owned(),
            )
        })
}

fn keep_rest(metadata: &mut Object, prefix: &str, rest: Object) {
    for (key, value) in rest {
        metadata.insert(format!("{prefix}.{key}"), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &str) {
        let got = match Action::from_json(json.as_bytes()) {
            Ok(action) => format!("{action:?}"),
            Err(error) => format!("{}: {error}", error.code),
        };
        assert!(
            got.contains(expected),
            "{json}\n  got  {got}\n  want {expected}"
        );
    }

    #[test]
    fn bad_input_names_field_and_limit() {
        check(
            "[]",
            "action.not-an-object: `body` must be an object, not a array",
        );
        check("{}", "action.field-missing: `agent_id` is required");
        check(
            r#"{"agent_id":"a"}"#,
            "action.field-missing: `action_type` is required",
        );
        check(
            r#"{"agent_id":7,"action_type":"x"}"#,
            "action.wrong-type: `agent_id` must be a string, not a number",
        );
        check(
            r#"{"agent_id":"a","action_type":"No Such"}"#,
            "action.type-malformed: `action_type` must be 1 to 64",
        );
        check(
            r#"{"agent_id":"a","action_type":"x","step":-1}"#,
            "`step` must not be negative",
        );
        check(
            r#"{"agent_id":"a","action_type":"x","step":99999999999999999999}"#,
            "`step` must be an integer below 2^63",
        );
        check(
            r#"{"agent_id":"a","action_type":"x","cost_usd":"abc"}"#,
            "`cost_usd` must be a decimal",
        );
        check(
            r#"{"agent_id":"a","action_type":"x","cost_usd":NaN}"#,
            "json.syntax",
        );
        check(
            r#"{"agent_id":"a","action_type":"x","timestamp":"yesterday"}"#,
            "`timestamp` must be an RFC 3339 time",
        );
        check(
            r#"{"agent_id":"a","action_type":"x","capabilities":["fly"]}"#,
            "action.unknown-capability",
        );
        check(
            r#"{"agent_id":"a","agent_id":"b","action_type":"x"}"#,
            "json.duplicate-key: key `agent_id` appears twice",
        );
        check(
            &format!(r#"{{"agent_id":"{}","action_type":"x"}}"#, "a".repeat(300)),
            "`agent_id` has 300 bytes, the limit is 256",
        );
        check(
            &format!(r#"{{"agent_id":"{}"}}"#, "a".repeat(300_000)),
            "action.too-large",
        );
        check(
            "{\"agent_id\":\"a\\u0000\",\"action_type\":\"x\"}",
            "`agent_id` must not hold a null character",
        );
    }

    #[test]
    fn nothing_is_dropped() {
        check(
            r#"{"agent_id":"a","action_type":"acceptance.deny"}"#,
            r#"Custom("acceptance.deny")"#,
        );
        check(
            r#"{"agent_id":"a","action_type":"file_read","source":"sentry","user":{"id":"u","team":"t"}}"#,
            r#"("user.team", String("t")), ("source", String("sentry"))"#,
        );
        check(
            r#"{"agent_id":"a","action_type":"file_read","environment":"staging"}"#,
            r#"name: "staging""#,
        );
        check(
            r#"{"agent_id":"a","action_type":"x","timestamp":"2026-11-21T03:00:00"}"#,
            "timestamp: Some(1795230000000000000)",
        );
        check(
            r#"{"agent_id":"a","action_type":"x","cost_usd":"0.012"}"#,
            "cost_nano_usd: 12000000",
        );
    }
}
