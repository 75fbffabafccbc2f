//! `interlock audit prove`

use anyhow::{Context as _, Result};
use interlock_core::audit::hex;
use serde_json::json;

use crate::output::Output;

/// Print a proof that an entry is in the log.
///
/// The proof is a file in the form c2sp.org/tlog-proof@v1 and brings a signed checkpoint along; it
/// can be checked offline with the key of the log.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock audit prove --seq 41 > entry-41.tlog-proof       from a running server
  interlock audit prove --data interlock-data --seq 41       the server is stopped

Exit codes: 0 printed, 1 there is no such entry, or it cannot be read")]
pub(crate) struct Args {
    /// The entry's sequence number.
    #[arg(long)]
    seq: u64,
    #[command(flatten)]
    from: super::From,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    let value = match &args.from.data {
        None => args
            .from
            .server
            .client()?
            .get(&format!("/api/audit/proof/{}", args.seq))?,
        Some(data) => {
            let journal = super::open(data)?;
            let proof = journal.tlog_proof(&args.from.tenant, args.seq);
            let leaf = journal.read(&args.from.tenant, args.seq, 1);
            journal.close()?;
            let leaf = leaf?.first().map(|entry| hex(&entry.leaf));
            json!({"proof": proof?, "leaf": leaf})
        }
    };
    let proof = value["proof"]
        .as_str()
        .context("the server sent no proof")?;
    out.print(&value, || proof.to_owned());
    Ok(0)
}
