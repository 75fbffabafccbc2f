//! `interlock evidence`

mod export;
mod verify;

pub(crate) use self::export::{ScopeArgs, teller};

use anyhow::Result;

use crate::output::Output;

/// Take a part of the record out with what proves it, and verify it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write a bundle of evidence: entries, proofs, keys, tables and verifiers in one zip.
    Export(export::Args),
    /// Check a bundle against a key and checkpoints kept outside.
    Verify(verify::Args),
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    match &args.command {
        Command::Export(args) => export::run(args, out),
        Command::Verify(args) => verify::run(args, out),
    }
}
