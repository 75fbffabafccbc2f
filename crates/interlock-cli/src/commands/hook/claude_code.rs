//! `interlock hook claude-code`: the contract of Claude Code's hooks, and of agents that took it
//! over.
//!
//! One JSON object on standard input. Exit 0 with nothing on standard output leaves the agent's own
//! permissions in force; a `hookSpecificOutput` denies or has the user asked; exit 2 blocks, and
//! standard error says why. Whatever fails here ends in exit 2: no decision, no action.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use interlock_core::model::{Action, ActionType, Effect, Outcome, OutcomeStatus, Principal, Value};
use interlock_runtime::{CheckOptions, Checked, Gate, GateOptions, agent_message};
use serde_json::json;

use crate::commands::up::policies;

/// Bytes of one call of the hook.
const INPUT_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bytes of a result that are scanned.
const RESULT_BYTES_MAX: usize = 64 * 1024;
/// What blocks, by the contract.
const BLOCKED: u8 = 2;

/// Decide on a tool of Claude Code before it runs.
///
/// Reads the hook's JSON from standard input. A block is final; where a policy asks for approval,
/// Claude Code asks its user. What is allowed stays subject to Claude Code's own permissions.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
In ~/.claude/settings.json, or .claude/settings.json of a project:
  {\"hooks\": {
    \"PreToolUse\":  [{\"matcher\": \"*\", \"hooks\": [{\"type\": \"command\", \"command\": \"interlock hook claude-code\"}]}],
    \"PostToolUse\": [{\"matcher\": \"*\", \"hooks\": [{\"type\": \"command\", \"command\": \"interlock hook claude-code\"}]}]
  }}

Exit codes: 0 decided (see standard output), 2 blocked, or no decision could be made")]
pub(crate) struct Args {
    /// The data directory [default: `interlock` in $XDG_STATE_HOME, else in ~/.local/state].
    #[arg(long, env = "INTERLOCK_DATA", value_name = "DIRECTORY")]
    data: Option<PathBuf>,
    /// A policy file or directory, or the name of a built-in bundle.
    #[arg(
        long,
        env = "INTERLOCK_POLICY",
        default_value = "default",
        value_delimiter = ','
    )]
    policy: Vec<String>,
    /// Who acts, in the record.
    #[arg(long, default_value = "claude-code")]
    agent: String,
    /// The environment.
    #[arg(long, default_value = "development")]
    environment: String,
}

pub(crate) fn run(args: &Args) -> u8 {
    match answer(args) {
        Ok(None) => 0,
        Ok(Some(text)) => match writeln!(std::io::stdout(), "{text}") {
            Ok(()) => 0,
            // Who is not heard must not be taken for consent.
            Err(_) => BLOCKED,
        },
        Err(error) => {
            eprintln!("interlock: no decision, so the tool must not run: {error:#}");
            BLOCKED
        }
    }
}

fn answer(args: &Args) -> Result<Option<String>> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .take(INPUT_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .context("cannot read standard input")?;
    if bytes.len() as u64 > INPUT_BYTES_MAX {
        bail!("the input has more than {INPUT_BYTES_MAX} bytes, which is the limit");
    }
    // A result is read by nobody but the scan, so that only what decides is held to the engine's
    // limits on values.
    let input: serde_json::Value =
        serde_json::from_slice(&bytes).context("standard input is no JSON")?;
    let event = input["hook_event_name"]
        .as_str()
        .context("`hook_event_name` is missing: is this called as a hook?")?;
    match event {
        "PreToolUse" => {
            let value = Value::parse(&bytes).map_err(|e| anyhow::anyhow!("the input: {e}"))?;
            let call = Call::of(&value)?;
            let gate = gate(args)?;
            let checked = call.check(args, &gate);
            gate.close();
            Ok(said(&checked?))
        }
        "PostToolUse" => {
            let call = Call::of(&of_serde(&input)?)?;
            let gate = gate(args)?;
            let result = report(args, &gate, &call, &input["tool_response"]);
            gate.close();
            result.map(|()| None)
        }
        // Other events decide nothing.
        _ => Ok(None),
    }
}

/// The input of an event after the fact, without its result.
fn of_serde(input: &serde_json::Value) -> Result<Value> {
    let mut input = input.clone();
    if let Some(object) = input.as_object_mut() {
        object.remove("tool_response");
    }
    Value::parse(&serde_json::to_vec(&input)?).map_err(|e| anyhow::anyhow!("the input: {e}"))
}

fn gate(args: &Args) -> Result<Gate> {
    let data = match &args.data {
        Some(data) => data.clone(),
        None => state_directory()?,
    };
    let mut options = GateOptions::on(&data);
    options.runtime.policies = policies(&args.policy)?;
    Ok(Gate::open(options)?)
}

fn state_directory() -> Result<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    let state = set("XDG_STATE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".local/state")))
        .context("give `--data`: neither XDG_STATE_HOME nor HOME is set")?;
    Ok(state.join("interlock"))
}

/// One use of a tool.
struct Call {
    tool: String,
    input: Value,
    session: String,
    /// The same before and after the tool runs.
    id: String,
    directory: String,
}

impl Call {
    fn of(value: &Value) -> Result<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let tool = text("tool_name");
        if tool.is_empty() {
            bail!("`tool_name` is missing");
        }
        Ok(Self {
            tool: tool.to_owned(),
            input: value.get("tool_input").cloned().unwrap_or_default(),
            session: text("session_id").to_owned(),
            id: text("tool_use_id").to_owned(),
            directory: text("cwd").to_owned(),
        })
    }

    fn text(&self, name: &str) -> &str {
        self.input
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Kind and resource of what the tool does.
    fn kind(&self) -> (ActionType, String) {
        let path = |name: &str| {
            let path = PathBuf::from(&self.directory).join(self.text(name));
            path.display().to_string()
        };
        match self.tool.as_str() {
            "Bash" => (ActionType::CodeExecution, self.directory.clone()),
            "Read" => (ActionType::FileRead, path("file_path")),
            "Glob" | "Grep" | "LS" => (ActionType::FileRead, path("path")),
            "NotebookRead" => (ActionType::FileRead, path("notebook_path")),
            "Write" | "Edit" | "MultiEdit" => (ActionType::FileWrite, path("file_path")),
            "NotebookEdit" => (ActionType::FileWrite, path("notebook_path")),
            "WebFetch" => (ActionType::ApiCall, self.text("url").to_owned()),
            _ => (ActionType::Custom("custom".into()), String::new()),
        }
    }

    fn check(&self, args: &Args, gate: &Gate) -> Result<Checked> {
        let (kind, resource) = self.kind();
        let mut action = Action::new(args.agent.as_str(), kind);
        action.resource = resource;
        action.tool.clone_from(&self.tool);
        action.arguments = self.input.clone();
        action.session_id.clone_from(&self.session);
        action.environment.name.clone_from(&args.environment);
        action.idempotency_key.clone_from(&self.id);
        let checked = gate.check(&Principal::local(), action, &CheckOptions::default());
        Ok(checked?)
    }
}

/// What the agent is told; nothing where its own permissions shall decide.
fn said(checked: &Checked) -> Option<String> {
    let effect = checked.decision.effect;
    let decision = match effect {
        Effect::Allow | Effect::Alert => return None,
        Effect::RequireApproval => "ask",
        // The hook declares neither, so the engine does not choose them.
        Effect::Redact | Effect::Sandbox | Effect::Block => "deny",
    };
    // Whoever is asked is the operator; the model that is refused learns little.
    let reason = match effect {
        Effect::RequireApproval => {
            let first = checked.decision.reasons.first();
            format!("Interlock: {}", first.map_or("", |r| r.message.as_str()))
        }
        _ => format!(
            "Interlock: {}",
            agent_message(effect, &checked.id.to_string())
        ),
    };
    let output = json!({"hookSpecificOutput": {
        "hookEventName": "PreToolUse",
        "permissionDecision": decision,
        "permissionDecisionReason": reason,
    }});
    Some(output.to_string())
}

/// Reports the result of a tool. The decision is found by the call's id.
fn report(args: &Args, gate: &Gate, call: &Call, response: &serde_json::Value) -> Result<()> {
    if call.id.is_empty() {
        return Ok(());
    }
    let checked = call.check(args, gate)?;
    let mut text = match response {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => String::new(),
        other => other.to_string(),
    };
    let bytes = text.len();
    let mut end = bytes.min(RESULT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    let outcome = Outcome {
        status: OutcomeStatus::Succeeded,
        latency_ms: 0,
        cost_nano_usd: 0,
        result_bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
        rows: None,
        result: (!text.is_empty()).then_some(text),
    };
    gate.outcome(&Principal::local(), checked.id, &outcome)?;
    Ok(())
}
