//! `interlock check`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use interlock_core::model::{Action, Effect, Principal};
use interlock_runtime::{
    CheckOptions, Checked, Clock, Gate, GateOptions, Options, Runtime, SystemClock,
};
use interlock_server::api::check::CheckResponse;
use interlock_store::MemoryStore;
use interlock_store::journal::{Durability, Journal, JournalOptions};
use serde_json::{Value, json};

use super::deep;
use super::up::policies;
use crate::output::Output;

/// The action, from a file, from standard input, or from flags.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ActionArgs {
    /// A JSON file with the action, or `-` for standard input.
    file: Option<String>,
    /// Who acts.
    #[arg(long, default_value = "cli")]
    agent: String,
    /// What kind of action: `file_read`, `database_write`, `code_execution`, …
    #[arg(long = "type")]
    action_type: Option<String>,
    /// What is acted on.
    #[arg(long)]
    resource: Option<String>,
    /// The tool.
    #[arg(long)]
    tool: Option<String>,
    /// A SQL statement.
    #[arg(long)]
    sql: Option<String>,
    /// A shell command.
    #[arg(long)]
    command: Option<String>,
    /// Further arguments, `name=value`; a value that is JSON is taken as JSON.
    #[arg(long = "arg", value_name = "NAME=VALUE")]
    arguments: Vec<String>,
    /// The environment.
    #[arg(long)]
    environment: Option<String>,
    /// A policy file or directory, or the name of a built-in bundle.
    #[arg(long, default_value = "default")]
    policy: Vec<String>,
}

impl ActionArgs {
    /// The action that was meant.
    pub(crate) fn action(&self) -> Result<Action> {
        let bytes = match self.file.as_deref() {
            Some("-") => {
                let mut bytes = Vec::new();
                std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes)
                    .context("cannot read standard input")?;
                bytes
            }
            Some(path) => std::fs::read(path).with_context(|| format!("cannot read `{path}`"))?,
            None => self.flags()?,
        };
        Ok(Action::from_json(&bytes)?)
    }

    fn flags(&self) -> Result<Vec<u8>> {
        let kind = match (&self.action_type, &self.sql, &self.command) {
            (Some(kind), _, _) => kind.as_str(),
            (None, Some(_), _) => "database_query",
            (None, None, Some(_)) => "code_execution",
            (None, None, None) => anyhow::bail!(
                "name the action: a JSON file, or `--type` with `--resource`, `--sql` or `--command`"
            ),
        };
        let mut arguments = serde_json::Map::new();
        if let Some(sql) = &self.sql {
            arguments.insert("sql".to_owned(), json!(sql));
        }
        if let Some(command) = &self.command {
            arguments.insert("command".to_owned(), json!(command));
        }
        for pair in &self.arguments {
            let (name, value) = pair
                .split_once('=')
                .with_context(|| format!("`--arg {pair}` is not `name=value`"))?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
            arguments.insert(name.to_owned(), value);
        }
        let mut action =
            json!({"agent_id": self.agent, "action_type": kind, "arguments": arguments});
        for (field, value) in [
            ("resource", &self.resource),
            ("tool", &self.tool),
            ("environment", &self.environment),
        ] {
            if let Some(value) = value {
                action[field] = json!(value);
            }
        }
        Ok(serde_json::to_vec(&action)?)
    }

    /// An engine of its own, whose record and state are gone afterwards.
    fn engine(&self, scratch: &std::path::Path, clock: Arc<dyn Clock>) -> Result<Runtime> {
        let (journal, _) = Journal::open(
            scratch,
            JournalOptions {
                segment_bytes: 256 * 1024,
                reserve_bytes: 0,
                durability: Durability::Async,
                ..JournalOptions::default()
            },
        )?;
        Ok(Runtime::assemble(
            journal,
            Arc::new(MemoryStore::new()),
            Options {
                policies: policies(&self.policy)?,
                clock,
                ..Options::on(scratch)
            },
        )?)
    }

    /// Decides on the action in an engine of its own, at the time of `clock`; `look` sees engine and action before.
    pub(crate) fn decide_with(
        &self,
        clock: Arc<dyn Clock>,
        look: impl FnOnce(&Runtime, &Action),
    ) -> Result<Checked> {
        let scratch = tempfile::tempdir()?;
        let runtime = self.engine(scratch.path(), clock)?;
        let action = self.action()?;
        look(&runtime, &action);
        let checked = runtime.check(&Principal::local(), action, &CheckOptions::default());
        runtime.close();
        Ok(checked?)
    }

    /// Decides on the action in a data directory, as its owner or through it.
    fn decide_in(&self, data: &Path) -> Result<Checked> {
        if !data.is_dir() {
            anyhow::bail!(
                "there is no data directory `{}`: `interlock up --data` makes it",
                data.display()
            );
        }
        let action = self.action()?;
        let mut options = GateOptions::on(data);
        options.runtime.policies = policies(&self.policy)?;
        let gate = Gate::open(options)?;
        let checked = gate.check(&Principal::local(), action, &CheckOptions::default());
        gate.close();
        Ok(checked?)
    }
}

/// Decide on one action.
///
/// Runs the engine in this process: nothing is recorded and the agent has no history. With
/// `--data` it is a check like any other: limits and history count, the decision is recorded, and
/// where another process owns the directory, its policies decide.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  interlock check --type database_write --sql 'DELETE FROM customers' --environment production
  interlock check --command 'rm -rf /srv/data'
  interlock check action.json --policy policies/
  interlock check action.json --data interlock-data

Exit codes: 0 it may run, 3 blocked, 4 waits for a person")]
pub(crate) struct Args {
    #[command(flatten)]
    action: ActionArgs,
    /// Decide in this data directory, through the process that owns it if there is one.
    #[arg(long, value_name = "DIRECTORY")]
    data: Option<PathBuf>,
    /// A text classifier of the BERT kind that reads the action's texts too; it does not decide.
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "data")]
    deep_model: Option<PathBuf>,
}

/// The exit code of an effect.
pub(crate) fn exit_code(effect: Effect) -> u8 {
    match effect {
        Effect::Block => 3,
        Effect::RequireApproval => 4,
        _ => 0,
    }
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    let model = args.deep_model.as_deref().map(deep::load).transpose()?;
    let mut deeper = None;
    let checked = match &args.data {
        Some(data) => args.action.decide_in(data)?,
        // The action may come from standard input, which is read once.
        None => args
            .action
            .decide_with(Arc::new(SystemClock::default()), |_, action| {
                deeper = model.as_deref().and_then(|model| {
                    let (path, score) = deep::surest(model, action)?;
                    Some((path, score, model.threshold_milli()))
                });
            })?,
    };
    let response = CheckResponse::of(&checked);
    let mut value: Value = serde_json::to_value(&response)?;
    if let Some((path, score, threshold)) = &deeper {
        value["deep_model"] =
            json!({"path": path, "score_milli": score, "threshold_milli": threshold});
    }
    out.print(&value, || {
        let mut text = format!(
            "{}  risk {}  {}\n",
            response.effect, response.risk.composite, response.reason
        );
        if args.data.is_some() {
            text.push_str(&format!("  recorded as entry {}\n", response.record.seq));
        }
        for reason in response.reasons.iter().skip(1) {
            text.push_str(&format!("  also: {}\n", reason.message));
        }
        for finding in &response.findings {
            text.push_str(&format!(
                "  found: {} ({}%){}\n",
                finding.code,
                finding.confidence,
                if finding.path.is_empty() {
                    String::new()
                } else {
                    format!(" in {}", finding.path)
                }
            ));
        }
        if let Some((path, score, threshold)) = &deeper {
            text.push_str(&format!(
                "  deeper model: {}.{:03} in {path}, {} its threshold of {}.{:03}\n",
                score / 1_000,
                score % 1_000,
                if score >= threshold {
                    "reaches"
                } else {
                    "below"
                },
                threshold / 1_000,
                threshold % 1_000
            ));
        }
        text
    });
    Ok(exit_code(checked.decision.effect))
}
