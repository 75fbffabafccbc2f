//! Tasks of the workspace: `cargo run -p xtask -- <task>`.

mod detect;
#[path = "../../crates/interlock-core/tests/detector_cases/mod.rs"]
mod detector_cases;
mod detector_pages;
mod fleet;
mod generate;
mod load;
mod personal_data;
mod search;
mod sizes;
mod wake;
mod whatif;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("generate") => generate::run(),
        Some("train") => detect::train::run(&args.collect::<Vec<_>>()),
        Some("eval") => detect::eval::run(&args.collect::<Vec<_>>()),
        Some("calibrate") => detect::calibration::run(&args.collect::<Vec<_>>()),
        Some("fleet") => fleet::run::run(&args.collect::<Vec<_>>()),
        Some("load") => load::run(&args.collect::<Vec<_>>()),
        Some("search") => search::run(&args.collect::<Vec<_>>()),
        Some("sizes") => sizes::run(&args.collect::<Vec<_>>()),
        Some("wake") => wake::run(&args.collect::<Vec<_>>()),
        Some("whatif") => whatif::run(&args.collect::<Vec<_>>()),
        _ => bail!(
            "tasks: `generate` (rewrite generated files), `train` (weights of the models), `eval` (figures of the text detectors), `calibrate` (the composite on labelled texts), `fleet` (figures of the stateful detectors on a simulated fleet), `load` (requests per second of `POST /api/check`), `search` (how long searches take over many entries), `sizes` (all large sizes, into docs/sizes.md), `wake` (how soon an agent hears of a person's answer), `whatif` (how fast a draft decides recorded actions anew)"
        ),
    }
}
