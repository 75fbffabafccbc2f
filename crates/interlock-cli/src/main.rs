//! The command line of Interlock. One file per command below `commands/`.

mod client;
mod commands;
mod demo;
mod output;

use clap::{Parser, Subcommand};

use crate::output::Output;

/// Runtime control for AI agents: decide on every action before it runs.
#[derive(Debug, Parser)]
#[command(name = "interlock", version, about, long_about = None, after_help = AFTER_HELP, propagate_version = true)]
struct Cli {
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  interlock up                                   start the server on ./interlock-data
  interlock check --agent bot --type database_write --sql 'DELETE FROM customers'
  interlock explain action.json                  where each point of the risk comes from
  interlock policy check policies/               report every problem with line and caret
  interlock audit verify interlock-data          check the record

Exit codes:
  0  done; for `check`: the action may run
  1  the command failed, or a check of a policy or a record found a problem
  2  the command line is wrong
  3  the record is corrupt or cannot be read; for `check`: blocked
  4  signature or key problem; for `check`: waits for a person
  5  the record is intact, with erased contents";

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server.
    Up(commands::up::Args),
    /// Decide on one action.
    Check(commands::check::Args),
    /// Decide on one action and show where each point comes from.
    Explain(commands::explain::Args),
    /// Check, test and format policies.
    Policy(commands::policy::Args),
    /// Verify, prove, export and follow the record.
    Audit(commands::audit::Args),
    /// Write the record as events that a SIEM reads: OCSF, CEF, syslog, JSON lines.
    Export(commands::export::Args),
    /// Take a part of the record out with what proves it, and verify it.
    Evidence(commands::evidence::Args),
    /// Report what the record proves for the controls of a framework.
    Report(commands::report::Args),
    /// Create, list, rotate and revoke API keys.
    Keys(commands::keys::Args),
    /// Add people who sign in, and take their access away.
    Users(commands::users::Args),
    /// Look for actions.
    Actions(commands::actions::Args),
    /// List the runs of agents, show one, and compare two.
    Runs(commands::runs::Args),
    /// Stop agents, let them go on, and undo what they did.
    Agents(commands::agents::Args),
    /// Stop tools, and let them go on.
    Tools(commands::tools::Args),
    /// Limit what tenants, keys and agents may cost.
    Budgets(commands::budgets::Args),
    /// Look after groups of alerts, mute them, and see what was done by itself.
    Alerts(commands::alerts::Args),
    /// List and decide approvals.
    Approvals(commands::approvals::Args),
    /// Decide on the actions of a coding agent, as a hook that it calls.
    Hook(commands::hook::Args),
    /// Watch an agent act, with or without Interlock in between.
    Demo(commands::demo::Args),
    /// Look for what keeps this machine from running Interlock well.
    Doctor(commands::doctor::Args),
    /// Print completions for a shell.
    Completions(commands::completions::Args),
}

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    let out = Output::new(cli.json);
    let result = match &cli.command {
        Command::Up(args) => commands::up::run(args, out),
        Command::Check(args) => commands::check::run(args, out),
        Command::Explain(args) => commands::explain::run(args, out),
        Command::Policy(args) => commands::policy::run(args, out),
        Command::Audit(args) => commands::audit::run(args, out),
        Command::Evidence(args) => commands::evidence::run(args, out),
        Command::Report(args) => commands::report::run(args, out),
        Command::Export(args) => commands::export::run(args, out),
        Command::Keys(args) => commands::keys::run(args, out),
        Command::Users(args) => commands::users::run(args, out),
        Command::Actions(args) => commands::actions::run(args, out),
        Command::Runs(args) => commands::runs::run(args, out),
        Command::Agents(args) => commands::agents::run(args, out),
        Command::Budgets(args) => commands::budgets::run(args, out),
        Command::Tools(args) => commands::tools::run(args, out),
        Command::Alerts(args) => commands::alerts::run(args, out),
        Command::Approvals(args) => commands::approvals::run(args, out),
        Command::Hook(args) => commands::hook::run(args),
        Command::Demo(args) => commands::demo::run(args, out),
        Command::Doctor(args) => commands::doctor::run(args, out),
        Command::Completions(args) => commands::completions::run(args),
    };
    match result {
        Ok(code) => std::process::ExitCode::from(code),
        Err(error) => {
            out.error(&error);
            std::process::ExitCode::from(1)
        }
    }
}
