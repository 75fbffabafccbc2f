//! `interlock policy`

mod check;
mod condition;
mod explain;
mod fmt;
mod from_action;
mod publish;
mod replay;
mod test;
mod what_if;

use std::path::{Path, PathBuf};

use anyhow::Result;
use interlock_policy::{Compiled, Diagnostic, Source};
use serde_json::{Value, json};

use crate::output::Output;

/// Check, test and format policies.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Report every problem with line and caret.
    Check(check::Args),
    /// Run a bundle's own tests.
    Test(test::Args),
    /// Show what a rule looks at, asks for and needs.
    Explain(explain::Args),
    /// Run a draft over recorded decisions.
    Replay(replay::Args),
    /// Decide recorded actions anew under a draft.
    WhatIf(what_if::Args),
    /// Propose a rule that covers a recorded action, with its test.
    FromAction(from_action::Args),
    /// Tidy the files of a bundle.
    Fmt(fmt::Args),
    /// Publish a file as a bundle of a running server.
    Publish(publish::Args),
    /// List the revisions of published bundles.
    History(publish::HistoryArgs),
    /// Publish again what a bundle was before.
    Revert(publish::RevertArgs),
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    match &args.command {
        Command::Check(args) => check::run(args, out),
        Command::Test(args) => test::run(args, out),
        Command::Explain(args) => explain::run(args, out),
        Command::Replay(args) => replay::run(args, out),
        Command::WhatIf(args) => what_if::run(args, out),
        Command::FromAction(args) => from_action::run(args, out),
        Command::Fmt(args) => fmt::run(args, out),
        Command::Publish(args) => publish::run(args, out),
        Command::History(args) => publish::history(args, out),
        Command::Revert(args) => publish::revert(args, out),
    }
}

/// A bundle as a person names it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct BundleArgs {
    /// A file, a directory, or the name of a built-in bundle.
    #[arg(value_name = "PATH|NAME")]
    pub(crate) bundle: PathBuf,
}

/// Reads a bundle: what is at `path`, or the built-in bundle of that name.
pub(crate) fn sources(path: &Path) -> Result<Vec<Source>, Vec<Diagnostic>> {
    if !path.exists()
        && let Some(source) = path.to_str().and_then(interlock_policy::built_in)
    {
        return Ok(vec![source]);
    }
    interlock_policy::load(path).map_err(|diagnostic| vec![*diagnostic])
}

/// Reads and compiles a bundle.
pub(crate) fn compile(path: &Path) -> Result<Compiled, Vec<Diagnostic>> {
    interlock_policy::compile(&sources(path)?, 1)
}

/// As [`compile`], for commands that need a bundle to begin with.
pub(crate) fn compiled(path: &Path) -> Result<Compiled> {
    compile(path).map_err(|found| {
        let text = found
            .iter()
            .filter(|d| d.is_error())
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n");
        anyhow::anyhow!("`{}` does not compile\n{text}", path.display())
    })
}

/// A diagnostic for programs.
fn diagnostic_json(d: &Diagnostic) -> Value {
    json!({
        "severity": d.severity.name(), "code": d.code, "message": d.message, "help": d.help,
        "file": d.file, "line": d.line, "column": d.column, "width": d.width, "excerpt": d.excerpt,
    })
}

/// `1 rule`, `2 rules`.
fn count(n: usize, what: &str) -> String {
    if n == 1 {
        format!("1 {what}")
    } else {
        format!("{n} {what}s")
    }
}
