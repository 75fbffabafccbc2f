//! `interlock audit export`

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use interlock_store::journal::Journal;
use serde_json::json;

use crate::client::Client;
use crate::output::Output;

/// Entries of one page.
const PAGE: usize = 1_000;

/// Write the record out.
///
/// `jsonl` is one body a line, as stored, in `<tenant>.jsonl`; `tiles` is the layout of
/// c2sp.org/tlog-tiles in `<tenant>/`, which any transparency-log client can read.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock audit export --out evidence                                    from a running server
  interlock audit export --data interlock-data --format tiles --out evidence

Exit codes: 0 written, 1 it cannot be read or written")]
pub(crate) struct Args {
    /// The form.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// The directory to write into; made when it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    from: super::From,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One body a line.
    Jsonl,
    /// Tiles of hashes and bundles of entries.
    Tiles,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    if args.from.tenant.contains(['/', '\\']) || args.from.tenant.starts_with('.') {
        bail!("tenant `{}` cannot name a file", args.from.tenant);
    }
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make directory `{}`", args.out.display()))?;
    let file = args.out.join(format!("{}.jsonl", args.from.tenant));
    let (entries, written) = match (&args.from.data, args.format) {
        (None, Format::Tiles) => {
            bail!("tiles are written from a data directory: give `--data`")
        }
        (None, Format::Jsonl) => (from_server(&args.from.server.client()?, &file)?, file),
        (Some(data), format) => {
            let journal = super::open(data)?;
            let directory = args.out.join(&args.from.tenant);
            let result = match format {
                Format::Jsonl => {
                    from_journal(&journal, &args.from.tenant, &file).map(|n| (n, file))
                }
                Format::Tiles => journal
                    .export_tiles(&args.from.tenant, &directory)
                    .map(|()| {
                        (
                            journal.head(&args.from.tenant).map_or(0, |h| h.size),
                            directory,
                        )
                    })
                    .map_err(anyhow::Error::from),
            };
            journal.close()?;
            result?
        }
    };
    let value = json!({"entries": entries, "written": written.display().to_string()});
    out.print(&value, || {
        format!("{entries} entries in {}", written.display())
    });
    Ok(0)
}

fn lines(file: &Path) -> Result<BufWriter<File>> {
    let opened =
        File::create(file).with_context(|| format!("cannot write `{}`", file.display()))?;
    Ok(BufWriter::new(opened))
}

fn from_journal(journal: &Journal, tenant: &str, file: &Path) -> Result<u64> {
    let mut to = lines(file)?;
    let mut next = 0;
    loop {
        let entries = journal.read(tenant, next, PAGE)?;
        for entry in &entries {
            to.write_all(&entry.body)?;
            to.write_all(b"\n")?;
        }
        match entries.last() {
            Some(last) => next = last.seq + 1,
            None => break,
        }
    }
    to.flush()?;
    Ok(next)
}

fn from_server(client: &Client, file: &Path) -> Result<u64> {
    let mut to = lines(file)?;
    let mut next = 0;
    loop {
        let page = client.get_text(&format!("/api/audit/export?from={next}&limit={PAGE}"))?;
        let entries = page.lines().count() as u64;
        if entries == 0 {
            break;
        }
        to.write_all(page.as_bytes())?;
        next += entries;
    }
    to.flush()?;
    Ok(next)
}
