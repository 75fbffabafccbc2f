//! `interlock audit`

mod erase;
mod export;
mod prove;
mod show;
mod tail;
mod verify;

pub(crate) use self::verify::{LogDirectory, enclosed_vkey, read_vkey};

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use interlock_runtime::{OpenError, Options, Runtime};
use interlock_store::journal::{Journal, JournalError, JournalOptions};

use crate::commands::ServerArgs;
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
    /// Show the content of an entry, unmasked.
    Show(show::Args),
    /// Destroy what is kept of the content about a person or an agent.
    Erase(erase::Args),
    /// Follow the record.
    Tail(tail::Args),
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    match &args.command {
        Command::Verify(args) => verify::run(args, out),
        Command::Prove(args) => prove::run(args, out),
        Command::Export(args) => export::run(args, out),
        Command::Show(args) => show::run(args, out),
        Command::Erase(args) => erase::run(args, out),
        Command::Tail(args) => tail::run(args, out),
    }
}

/// Where the record is read: from a server, or from the data directory of one that is stopped.
#[derive(Debug, clap::Args)]
pub(crate) struct From {
    /// A data directory that no server runs on, instead of a server.
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    /// The tenant, with --data; a server knows it by the key.
    #[arg(long, default_value = interlock_runtime::DEFAULT_TENANT, requires = "data")]
    pub(crate) tenant: String,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Opens everything in a data directory that no server holds.
pub(crate) fn runtime(data: &Path, tenant: &str) -> Result<Runtime> {
    if !data.join("log").join("journal").is_dir() {
        bail!(
            "`{}` is not a data directory: it has no `log/journal`",
            data.display()
        );
    }
    let opened = Runtime::open(Options {
        tenants: vec![tenant.to_owned()],
        ..Options::on(data)
    });
    if matches!(opened, Err(OpenError::InUse(_))) {
        bail!(
            "a server is running on `{}`; ask it with `--server`, or stop it first",
            data.display()
        );
    }
    let (runtime, _) = opened.with_context(|| format!("cannot open `{}`", data.display()))?;
    Ok(runtime)
}

/// Who acts when it is not a key.
pub(crate) const OPERATOR: &str = "operator";

/// Opens the journal of a data directory that no server holds.
pub(crate) fn open(data: &Path) -> Result<Journal> {
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
