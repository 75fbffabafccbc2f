//! `interlock hook`

mod claude_code;

use anyhow::Result;

/// Decide on the actions of a coding agent, as a hook that the agent itself calls.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Claude Code: `PreToolUse` decides, `PostToolUse` reports what came of it.
    ClaudeCode(claude_code::Args),
}

pub(crate) fn run(args: &Args) -> Result<u8> {
    match &args.command {
        Command::ClaudeCode(args) => Ok(claude_code::run(args)),
    }
}
