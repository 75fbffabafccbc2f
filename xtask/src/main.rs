//! Tasks of the workspace: `cargo run -p xtask -- <task>`.

mod generate;
mod load;
mod personal_data;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("generate") => generate::run(),
        Some("load") => load::run(&args.collect::<Vec<_>>()),
        _ => bail!(
            "tasks: `generate` (rewrite generated files), `load` (requests per second of `POST /api/check`)"
        ),
    }
}
