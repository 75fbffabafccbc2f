//! `interlock completions`

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

/// Print completions for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  interlock completions bash > /etc/bash_completion.d/interlock")]
pub(crate) struct Args {
    /// The shell.
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> Result<u8> {
    clap_complete::generate(
        args.shell,
        &mut crate::Cli::command(),
        "interlock",
        &mut std::io::stdout(),
    );
    Ok(0)
}
