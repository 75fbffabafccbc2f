//! `interlock policy publish`, `history` and `revert`: the bundles of a running server.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::commands::ServerArgs;
use crate::output::Output;

/// Publish a file as a bundle of the tenant, in force at once.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock policy publish team.yaml
  interlock policy publish build/out.yaml --name team.yaml --expect 12

Exit codes: 0 it is in force, 1 it does not compile, or the server cannot be reached or refuses")]
pub(super) struct Args {
    /// The file: YAML, or Cedar when its name ends in `.cedar`.
    file: PathBuf,
    /// The name of the bundle; the file's own name when absent.
    #[arg(long)]
    name: Option<String>,
    /// Publish only if this revision is in force.
    #[arg(long, value_name = "REVISION")]
    expect: Option<u64>,
    #[command(flatten)]
    server: ServerArgs,
}

/// List the revisions of published bundles, newest first.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock policy history

Exit codes: 0 listed, 1 the server cannot be reached or refuses")]
pub(super) struct HistoryArgs {
    #[command(flatten)]
    server: ServerArgs,
}

/// Publish again what a bundle was at an earlier revision.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock policy history
  interlock policy revert team.yaml 11

Exit codes: 0 it is in force, 1 there is no such revision, or the server cannot be reached or refuses")]
pub(super) struct RevertArgs {
    /// The name of the bundle.
    name: String,
    /// The revision, as `interlock policy history` lists it.
    revision: u64,
    #[command(flatten)]
    server: ServerArgs,
}

fn in_force(answer: &Value, out: Output) {
    let short = json!({
        "number": answer["number"], "revision": answer["revision"], "digest": answer["digest"],
        "warnings": answer["warnings"],
    });
    out.print(&short, || {
        let mut text = format!(
            "bundle {} is in force (revision {})\n",
            answer["number"], answer["revision"]
        );
        for warning in answer["warnings"].as_array().into_iter().flatten() {
            let _ = writeln!(text, "{}", warning.as_str().unwrap_or_default());
        }
        text
    });
}

pub(super) fn run(args: &Args, out: Output) -> Result<u8> {
    let text = std::fs::read_to_string(&args.file)
        .with_context(|| format!("cannot read `{}`", args.file.display()))?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => args
            .file
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .with_context(|| format!("`{}` names no file", args.file.display()))?,
    };
    let body = json!({"name": name, "text": text, "expected_revision": args.expect});
    in_force(&args.server.client()?.post("/api/bundle", &body)?, out);
    Ok(0)
}

pub(super) fn history(args: &HistoryArgs, out: Output) -> Result<u8> {
    let all = args
        .server
        .client()?
        .get("/api/bundle/history?limit=1000")?;
    out.print(&all, || {
        let mut text = String::new();
        for one in all.as_array().into_iter().flatten() {
            let field = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
            let _ = writeln!(
                text,
                "{:>6}  {}  {}  by {}",
                one["revision"],
                field("created_at"),
                field("name"),
                field("author")
            );
        }
        if text.is_empty() {
            text.push_str("none");
        }
        text
    });
    Ok(0)
}

pub(super) fn revert(args: &RevertArgs, out: Output) -> Result<u8> {
    let body = json!({"name": args.name, "revert_to": args.revision});
    in_force(&args.server.client()?.post("/api/bundle", &body)?, out);
    Ok(0)
}
