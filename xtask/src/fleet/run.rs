//! The command `fleet`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use interlock_core::program::Program;

use super::attack::Family;
use super::measure::{Fleet, Phase, fleet};
use super::play::program;
use super::report;
use crate::detect::calibration::HEADING;

/// Seeds that thresholds were chosen on.
const TUNING: [u64; 2] = [101, 102];
/// Seeds that figures are reported on.
const REPORTING: [u64; 2] = [9_101, 9_102];
/// Seeds whose figures were seen before the last change.
const SEEN: [u64; 4] = [101, 102, 9_001, 9_002];
/// Agents of each kind for each seed, unless `--per-kind` says otherwise; a quarter of them with a
/// deployment and a quarter that grows.
const PER_KIND: u64 = 4;

/// `[--tuning] [--per-kind N] [--docs DIR]`: plays the fleet and writes the pages; with `--tuning`
/// it plays the tuning seeds and prints only.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let (mut only_tuning, mut per_kind, mut docs) = (false, PER_KIND, PathBuf::from("docs"));
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || {
            args.next()
                .with_context(|| format!("`{arg}` takes a value"))
        };
        match arg.as_str() {
            "--tuning" => only_tuning = true,
            "--per-kind" => per_kind = value()?.parse()?,
            "--docs" => docs = PathBuf::from(value()?),
            other => bail!("unknown option `{other}`; `--tuning`, `--per-kind N`, `--docs DIR`"),
        }
    }
    let program = program()?;
    let fit = play(&program, &TUNING, per_kind, 1);
    print(&fit);
    if only_tuning {
        return Ok(());
    }
    let measured = play(&program, &REPORTING, per_kind, 1);
    print(&measured);
    let calibration = report::calibrate(&fit.scored, &measured.scored);
    for (_, name, _, found) in &calibration.mixes {
        println!("expected calibration error, {name}: {:.4}", found.ece);
    }
    // Another command writes what follows on the same page.
    let labelled = fs::read_to_string(docs.join("calibration.md"))
        .ok()
        .and_then(|page| page.find(HEADING).map(|at| format!("\n{}", &page[at..])))
        .unwrap_or_default();
    for (name, text) in [
        ("fleet.md", report::page(&measured, &REPORTING, &SEEN)),
        ("fleet.svg", report::chart(&measured)),
        (
            "calibration.md",
            report::calibration_page(&calibration, &measured.scored) + &labelled,
        ),
        ("calibration.svg", report::diagram(&calibration)),
    ] {
        let path = docs.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}

fn play(program: &Program, seeds: &[u64], per_kind: u64, step: usize) -> Fleet {
    let mut all = Fleet::default();
    for seed in seeds {
        all.add(fleet(program, *seed, per_kind, step));
    }
    all
}

fn print(all: &Fleet) {
    for phase in Phase::ALL {
        if let Some(quiet) = all.quiet.get(&phase) {
            println!(
                "{:32} {:.3} false alarms per agent-day ({}/{})",
                phase.name(),
                quiet.per_day(),
                quiet.alarms,
                quiet.agent_days
            );
        }
    }
    for family in Family::ALL {
        println!(
            "{:28} noticed {:.3}",
            family.name(),
            report::noticed(all, family, None)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::report::{ALARMS_MAX, ERROR_MAX, NOTICED_MIN, settled};

    /// The reduced size in seconds; `INTERLOCK_SOAK=1` plays the full one.
    #[test]
    fn the_fleet_holds_its_figures() {
        let full = std::env::var_os("INTERLOCK_SOAK").is_some();
        let program = program().unwrap();
        let (fit, measured) = if full {
            (
                play(&program, &TUNING, PER_KIND, 1),
                play(&program, &REPORTING, PER_KIND, 1),
            )
        } else {
            println!("reduced size: one agent of each fourth kind; INTERLOCK_SOAK=1 plays all");
            (play(&program, &[11], 1, 4), play(&program, &[12], 1, 4))
        };
        // One agent of a kind is a small sample: it holds the figures from falling apart.
        let slack = if full { 1.0 } else { 3.0 };
        print(&measured);
        assert!(settled(&measured).per_day() <= slack * ALARMS_MAX);
        for family in Family::ALL {
            let share = report::noticed(&measured, family, None);
            assert!(
                1.0 - share <= slack * (1.0 - NOTICED_MIN),
                "{}: {share}",
                family.name()
            );
        }
        let calibration = report::calibrate(&fit.scored, &measured.scored);
        for (_, name, _, found) in &calibration.mixes {
            assert!(found.ece <= slack * ERROR_MAX, "{name}: {}", found.ece);
        }
    }
}
