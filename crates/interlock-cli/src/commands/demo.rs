//! `interlock demo`

use anyhow::Result;

use super::ServerArgs;
use crate::demo;
use crate::output::Output;

/// Watch an agent act, with or without Interlock in between.
///
/// The agent really acts: on a scratch directory, a database and a network of its own, all thrown
/// away afterwards. Exits with 1 when an effect happened that should not have.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  interlock up --demo            start a server and run the demo against it\n  interlock demo --ungoverned    the damage without Interlock"
)]
pub(crate) struct Args {
    /// Run the same steps with nothing in between.
    #[arg(long)]
    ungoverned: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) fn run(args: &Args, _out: Output) -> Result<u8> {
    let mut stdout = std::io::stdout();
    if args.ungoverned {
        demo::ungoverned(&mut stdout)?;
    } else {
        demo::governed(&args.server.client()?, &mut stdout)?;
    }
    Ok(0)
}
