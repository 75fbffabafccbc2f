//! `interlock audit`

mod export;
mod prove;
mod tail;
mod verify;

pub(crate) use self::verify::{LogDirectory, enclosed_vkey};

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use interlock_store::journal::{Journal, JournalError, JournalOptions};

use crate::output::Output;

/// Verify, prove, export and follow the record.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Check a log directory against a key and checkpoints kept outside.
    Verify(verify::Args),
    /// Print a proof that an entry is in the log.
    Prove(prove::Args),
    /// Write the record out.
    Export(export::Args),
    /// Follow the record.
    Tail(tail::Args),
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    match &args.command {
        Command::Verify(args) => verify::run(args, out),
        Command::Prove(args) => prove::run(args, out),
        Command::Export(args) => export::run(args, out),
        Command::Tail(args) => tail::run(args, out),
    }
}

/// Opens the journal of a data directory that no server holds.
fn open(data: &Path) -> Result<Journal> {
    if !data.join("log").join("journal").is_dir() {
        bail!(
            "`{}` is not a data directory: it has no `log/journal`",
            data.display()
        );
    }
    let opened = Journal::open(data, JournalOptions::default());
    if matches!(opened, Err(JournalError::Locked)) {
        bail!(
            "a server is running on `{}`; ask it with `--server`, or stop it first",
            data.display()
        );
    }
    let (journal, _) = opened.with_context(|| format!("cannot open `{}`", data.display()))?;
    Ok(journal)
}
