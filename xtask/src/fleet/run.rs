//! The command `fleet`.

use anyhow::{Context as _, Result, bail};

use super::attack::{Family, Strength};
use super::measure::{Fleet, Phase, fleet};
use super::play::program;

/// Seeds that thresholds were chosen on.
pub(crate) const TUNING: [u64; 2] = [101, 102];
/// Seeds that figures are reported on.
pub(crate) const REPORTING: [u64; 3] = [9_001, 9_002, 9_003];

pub(crate) fn run(args: &[String]) -> Result<()> {
    let (mut seeds, mut per_kind) = (REPORTING.to_vec(), 8);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--tuning" => seeds = TUNING.to_vec(),
            "--per-kind" => {
                per_kind = args
                    .next()
                    .context("`--per-kind` takes a number")?
                    .parse()?
            }
            other => bail!("unknown option `{other}`; `--tuning`, `--per-kind N`"),
        }
    }
    let program = program()?;
    let mut all = Fleet::default();
    for seed in seeds {
        let one = fleet(&program, seed, per_kind, false);
        all.agents += one.agents;
        for (phase, quiet) in &one.quiet {
            all.quiet.entry(*phase).or_default().add(quiet);
        }
        all.attacks.extend(one.attacks);
    }
    print(&all);
    Ok(())
}

fn print(all: &Fleet) {
    for phase in Phase::ALL {
        let Some(quiet) = all.quiet.get(&phase) else {
            continue;
        };
        println!(
            "{:32} {:.3} alarms, {:.3} actions per agent-day ({} days, {} actions, {} held)",
            phase.name(),
            quiet.per_day(),
            quiet.alarmed as f64 / quiet.agent_days as f64,
            quiet.agent_days,
            quiet.actions,
            quiet.held
        );
        println!("    {:?}", quiet.codes);
        println!("    {:?}", quiet.rules);
        println!(
            "    {:?}",
            quiet
                .archetypes
                .iter()
                .map(|(n, (a, d))| (*n, (100 * a / d.max(&1)) as f64 / 100.0))
                .collect::<Vec<_>>()
        );
    }
    for family in Family::ALL {
        for strength in Strength::ALL {
            let of: Vec<_> = all
                .attacks
                .iter()
                .filter(|a| a.family == family && a.strength == strength)
                .collect();
            let noticed = of.iter().filter(|a| a.noticed.is_some()).count();
            let held = of.iter().filter(|a| a.held).count();
            let mut minutes: Vec<_> = of.iter().filter_map(|a| a.noticed).collect();
            minutes.sort_unstable();
            let mut codes = std::collections::BTreeMap::<&str, u64>::new();
            let mut missed = std::collections::BTreeMap::<&str, u64>::new();
            for a in &of {
                for c in &a.codes {
                    *codes.entry(c).or_default() += 1;
                }
                if a.noticed.is_none() {
                    *missed.entry(a.archetype).or_default() += 1;
                }
            }
            println!(
                "{:28} {:7} noticed {noticed}/{} = {:.2}, held {:.2}, delay {:?} false {}\n    {codes:?}\n    missed {missed:?}",
                family.name(),
                strength.name(),
                of.len(),
                noticed as f64 / of.len().max(1) as f64,
                held as f64 / of.len().max(1) as f64,
                minutes.get(minutes.len() / 2),
                of.iter().map(|a| a.alarms.1).sum::<u64>(),
            );
        }
    }
}
