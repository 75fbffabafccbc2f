//! `interlock policy from-action`: a rule from a recorded action, with its test.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::commands::ServerArgs;
use crate::output::Output;

/// Propose a rule that covers a recorded action, with a test that reproduces it.
///
/// The rule goes by facts such as tables, hosts and directories. Nothing is published: read it, see
/// what else it changes with `interlock policy what-if`, and publish it with `interlock policy
/// publish`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock policy from-action 0199f0c2-5a7e-7c10-9f21-3f1b0c6a9d11 > rule.yaml
  interlock policy from-action 0199f0c2-5a7e-7c10-9f21-3f1b0c6a9d11 --effect block --strength exact -o rule.yaml

Exit codes: 0 proposed, 1 there is no such action, or the server cannot be reached or refuses")]
pub(super) struct Args {
    /// The decision's id.
    id: String,
    /// What the rule does.
    #[arg(long, default_value = "require_approval", value_parser = ["block", "require_approval", "allow"])]
    effect: String,
    /// How much it covers: this very action, this tool on the same target, or the tool.
    #[arg(long, default_value = "target", value_parser = ["exact", "target", "tool"])]
    strength: String,
    /// Write the bundle to this file.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn run(args: &Args, out: Output) -> Result<u8> {
    let id: String = args
        .id
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    let body = json!({"effect": args.effect, "strength": args.strength});
    let answer = args
        .server
        .client()?
        .post(&format!("/api/actions/{id}/rule"), &body)?;
    let text = answer["text"].as_str().unwrap_or_default();
    for note in answer["notes"].as_array().into_iter().flatten() {
        out.note(&format!("note: {}", note.as_str().unwrap_or_default()));
    }
    if let Some(path) = &args.output {
        std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
        let tested = if answer["tested"] == true {
            "its test passes"
        } else {
            "it has no test"
        };
        out.print(&answer, || {
            format!(
                "{}: rule `{}`, {tested}",
                path.display(),
                answer["rule"].as_str().unwrap_or_default()
            )
        });
    } else {
        out.print(&answer, || text.to_owned());
    }
    Ok(0)
}
