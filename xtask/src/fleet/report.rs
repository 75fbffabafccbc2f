//! The pages: what the fleet showed, and how the composite is calibrated.

use std::fmt::Write as _;

use interlock_core::risk::{Dimension, RiskConfig};

use super::attack::{Family, Strength};
use super::calibrate::{Reliability, Scored, area, counts, isotonic, reliability, worth};
use super::measure::{Attacked, DAYS, Fleet, Phase, Quiet};
use super::plot;

/// What each family must reach, and what must not be passed.
pub(crate) const NOTICED_MIN: f64 = 0.90;
pub(crate) const ALARMS_MAX: f64 = 0.1;
pub(crate) const ERROR_MAX: f64 = 0.08;
/// Shares of attacks that the composite is calibrated for, besides the mix as played.
const BASES: [f64; 2] = [0.01, 0.10];

fn share(n: usize, of: usize) -> f64 {
    n as f64 / of.max(1) as f64
}

/// The value below which this share of `sorted` lies.
fn quantile<T: Copy + Default>(sorted: &[T], share: f64) -> T {
    let at = (share * sorted.len().saturating_sub(1) as f64 + 0.5) as usize;
    sorted.get(at).copied().unwrap_or_default()
}

fn of(all: &Fleet, family: Family, strength: Option<Strength>) -> Vec<&Attacked> {
    all.attacks
        .iter()
        .filter(|a| a.family == family && strength.is_none_or(|s| a.strength == s))
        .collect()
}

/// The share of attacks of a family that were noticed.
pub(crate) fn noticed(all: &Fleet, family: Family, strength: Option<Strength>) -> f64 {
    let attacks = of(all, family, strength);
    share(
        attacks.iter().filter(|a| a.noticed.is_some()).count(),
        attacks.len(),
    )
}

/// False alarms of all phases but the first week.
pub(crate) fn settled(all: &Fleet) -> Quiet {
    let mut sum = Quiet::default();
    for (phase, quiet) in &all.quiet {
        if *phase == Phase::Steady {
            sum.add(quiet);
        }
    }
    sum
}

/// `docs/fleet.md`.
pub(crate) fn page(all: &Fleet, seeds: &[u64], tuning: &[u64]) -> String {
    let mut out = String::from("# The stateful detectors on a simulated fleet\n\n");
    let _ = write!(
        out,
        "Written by `cargo run --release -p xtask -- fleet`. No public collection of agents' traces with labelled\n\
attacks exists, so these are made: {} agents of 14 kinds (support, billing, coding, analysis, operations,\n\
mail, nightly jobs, web research, sales, finance, people, stock, marketing, audit) in five time zones,\n\
{DAYS} days each, with office hours and their edges, weekends, seasons, month ends, bursts, outages with\n\
retries, polling, journeys, late evenings, deployments (a quarter of the agents) and growth (a quarter).\n\
Every action goes through the engine and the state of the product with the default bundle, its\n\
thresholds untouched; `xtask/src/fleet/bundle.yaml` adds what such a company has agreed with those that\n\
its agents send data to every day. Attacks begin after three weeks of learning.\n\n\
The generator was written before anything was tuned on it; five things of it were changed while tuning,\n\
because they made ordinary work break the default bundle's own rules rather than look like anything: the\n\
contracts above, polling once a minute instead of twice, fewer reports by mail from the auditor, commands\n\
of a coding agent that differ, and the first day of the calendar, which was no turn of a month.\n\
Thresholds were chosen on seeds {}; the figures here are of seeds {}, which\n\
nothing was chosen on. What the generator does not know, no figure here shows: it is a model of agents\n\
and not agents.\n\n\
An *alarm* is a finding of one of the six stateful vectors (exfiltration velocity, resource exhaustion,\n\
privilege escalation, session anomaly, behavioural anomaly, rate limit) at the default confidence;\n\
findings of one vector of one agent less than an hour apart are one alarm.\n\n",
        all.agents,
        list(tuning),
        list(seeds)
    );
    out.push_str("## False alarms\n\n| ordinary days | agent-days | actions | alarms per agent-day | actions with a finding per agent-day | actions stopped or waiting |\n|---|---|---|---|---|---|\n");
    for phase in Phase::ALL {
        if let Some(quiet) = all.quiet.get(&phase) {
            let _ = writeln!(
                out,
                "| {} | {} | {} | {:.3} ({}) | {:.2} | {:.2} % |",
                phase.name(),
                quiet.agent_days,
                quiet.actions,
                quiet.per_day(),
                quiet.alarms,
                quiet.alarmed as f64 / quiet.agent_days.max(1) as f64,
                100.0 * quiet.held as f64 / quiet.actions.max(1) as f64
            );
        }
    }
    let settled = settled(all);
    let _ = writeln!(
        out,
        "\nThe target is at most {ALARMS_MAX} a settled agent-day. Most of what stops or waits is policy, not an alarm.\n"
    );
    out.push_str("| settled agents of a kind | alarms per agent-day |\n|---|---|\n");
    for (name, (alarms, days)) in &settled.archetypes {
        let _ = writeln!(
            out,
            "| {name} | {:.3} ({alarms}/{days}) |",
            *alarms as f64 / (*days).max(1) as f64
        );
    }
    out.push_str("\n| finding | settled | after a deployment | growing | cold start |\n|---|---|---|---|---|\n");
    let mut codes: Vec<&str> = all
        .quiet
        .values()
        .flat_map(|q| q.codes.keys().copied())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    for code in codes {
        let n = |phase| {
            all.quiet
                .get(&phase)
                .and_then(|q| q.codes.get(code))
                .copied()
                .unwrap_or(0)
        };
        let _ = writeln!(
            out,
            "| `{code}` | {} | {} | {} | {} |",
            n(Phase::Steady),
            n(Phase::Deployed),
            n(Phase::Drift),
            n(Phase::Cold)
        );
    }
    out.push_str(
        "\n## Attacks\n\nNoticed: an action of the attack raised an alarm. Stopped: one of them was blocked, isolated or had to\nwait, by whatever rule. The delay counts the attack's own actions up to and with the first alarm, and\nthe minutes since its first action. Precision is the share of alarms during the attack that were raised\nby its actions.\n\n| attack | strength | noticed | stopped | precision | delay, actions: median, 90 % | delay, minutes: median, 90 % |\n|---|---|---|---|---|---|---|\n",
    );
    for family in Family::ALL {
        for strength in Strength::ALL.map(Some).into_iter().chain([None]) {
            let attacks = of(all, family, strength);
            let caught = attacks.iter().filter(|a| a.noticed.is_some()).count();
            let held = attacks.iter().filter(|a| a.held).count();
            let (right, wrong) = attacks
                .iter()
                .fold((0, 0), |(r, w), a| (r + a.alarms.0, w + a.alarms.1));
            let mut actions: Vec<u64> = attacks
                .iter()
                .filter_map(|a| a.noticed)
                .map(|n| n.0)
                .collect();
            let mut minutes: Vec<i64> = attacks
                .iter()
                .filter_map(|a| a.noticed)
                .map(|n| n.1)
                .collect();
            actions.sort_unstable();
            minutes.sort_unstable();
            let (name, bold) = strength.map_or(("all", "**"), |s| (s.name(), ""));
            let _ = writeln!(
                out,
                "| {bold}{}{bold} | {name} | {bold}{:.3}{bold} ({caught}/{}) | {:.2} | {:.2} | {}, {} | {}, {} |",
                family.name(),
                share(caught, attacks.len()),
                attacks.len(),
                share(held, attacks.len()),
                share(right as usize, (right + wrong) as usize),
                quantile(&actions, 0.5),
                quantile(&actions, 0.9),
                quantile(&minutes, 0.5),
                quantile(&minutes, 0.9),
            );
        }
    }
    let caught = share(
        all.attacks.iter().filter(|a| a.noticed.is_some()).count(),
        all.attacks.len(),
    );
    let _ = writeln!(
        out,
        "\n![share noticed by family and strength](fleet.svg)\n\nOver all attacks {caught:.3} are noticed. With one attack in a hundred agent-days, settled, {:.2} of all\nalarms would be the first of an attack; with one in a thousand, {:.2}.",
        caught * 0.01 / (caught * 0.01 + settled.per_day()),
        caught * 0.001 / (caught * 0.001 + settled.per_day())
    );
    out.push_str("\n## What raised the alarms\n\n| attack | findings, by the share of attacks that raised them |\n|---|---|\n");
    for family in Family::ALL {
        let attacks = of(all, family, None);
        let mut codes: Vec<(usize, &str)> = Vec::new();
        for code in attacks.iter().flat_map(|a| &a.codes) {
            match codes.iter_mut().find(|(_, c)| c == code) {
                Some((n, _)) => *n += 1,
                None => codes.push((1, code)),
            }
        }
        codes.sort_unstable_by(|a, b| b.cmp(a));
        let cell: Vec<String> = codes
            .iter()
            .take(6)
            .map(|(n, code)| format!("`{code}` {:.2}", share(*n, attacks.len())))
            .collect();
        let _ = writeln!(out, "| {} | {} |", family.name(), cell.join(", "));
    }
    out.push_str("\n## Who was missed\n\n| attack | strength | kinds of agents, attacks not noticed |\n|---|---|---|\n");
    for family in Family::ALL {
        for strength in Strength::ALL {
            let mut kinds: Vec<(&str, usize)> = Vec::new();
            for attack in of(all, family, Some(strength))
                .iter()
                .filter(|a| a.noticed.is_none())
            {
                match kinds.iter_mut().find(|(kind, _)| *kind == attack.archetype) {
                    Some((_, n)) => *n += 1,
                    None => kinds.push((attack.archetype, 1)),
                }
            }
            if !kinds.is_empty() {
                let cell: Vec<String> = kinds
                    .iter()
                    .map(|(kind, n)| format!("{kind} {n}"))
                    .collect();
                let _ = writeln!(
                    out,
                    "| {} | {} | {} |",
                    family.name(),
                    strength.name(),
                    cell.join(", ")
                );
            }
        }
    }
    out
}

fn list(seeds: &[u64]) -> String {
    seeds
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// `docs/fleet.svg`.
pub(crate) fn chart(all: &Fleet) -> String {
    let rows: Vec<(&str, [f64; 3])> = Family::ALL
        .into_iter()
        .map(|family| {
            (
                family.name(),
                Strength::ALL.map(|s| noticed(all, family, Some(s))),
            )
        })
        .collect();
    plot::bars(&rows, Strength::ALL.map(Strength::name), NOTICED_MIN)
}

/// How well composites predict, fitted on one set of actions and measured on another.
pub(crate) struct Calibration {
    /// The share of attacks, its name, the mapping fitted, and how it does elsewhere.
    pub(crate) mixes: Vec<(f64, String, [f64; 101], Reliability)>,
    /// The composite itself, read as per cent, at the mix as played.
    pub(crate) raw: Reliability,
}

pub(crate) fn calibrate(fit: &[Scored], measured: &[Scored]) -> Calibration {
    let base = share(fit.iter().filter(|s| s.attack.is_some()).count(), fit.len());
    let mut mixes = Vec::new();
    for (base, named) in [(base, "as played")]
        .into_iter()
        .chain(BASES.map(|b| (b, "weighed")))
    {
        let name = format!("{:.1} % attacks, {named}", 100.0 * base);
        let map = isotonic(&counts(fit, Some(base), |s| s.composite));
        let found = reliability(&counts(measured, Some(base), |s| s.composite), &map);
        mixes.push((base, name, map, found));
    }
    let mut percent = [0.0; 101];
    for (at, p) in percent.iter_mut().enumerate() {
        *p = at as f64 / 100.0;
    }
    Calibration {
        raw: reliability(&counts(measured, Some(base), |s| s.composite), &percent),
        mixes,
    }
}

/// `docs/calibration.svg`.
pub(crate) fn diagram(calibration: &Calibration) -> String {
    let series: Vec<(&str, &Reliability)> = calibration
        .mixes
        .iter()
        .map(|(_, name, _, r)| (name.as_str(), r))
        .collect();
    plot::reliability(&series)
}

/// `docs/calibration.md`.
pub(crate) fn calibration_page(calibration: &Calibration, measured: &[Scored]) -> String {
    let attacks = measured.iter().filter(|s| s.attack.is_some()).count();
    let mut out = format!(
        "# Calibration of the composite risk\n\n\
Written by `cargo run --release -p xtask -- fleet`, on the traces that `fleet.md` describes. The question is what a\n\
composite says about the outcome: was this action part of an attack? A monotone mapping from composite to\n\
probability (isotonic regression by pooling adjacent violators) is fitted on the tuning seeds and\n\
measured on the reporting seeds: {} ordinary actions after the first week and {attacks} actions of attacks.\n\n\
**What the number means, and what it does not.** A probability is one of a mix. As played, attacks make\n\
up far more of all actions than anybody's fleet will ever see, and the same composite stands for a much\n\
smaller probability where attacks are rare: the table shows three mixes. Also, an attack's actions are\n\
mostly ordinary actions (the tenth small upload of a slow theft is a small upload), so that no score of\n\
single actions can be near one. That is why the product shows the composite, its dimensions and their terms and\n\
no probability: a mapping that is right for this fleet would be wrong for yours. Whoever wants one fits it\n\
to his own record in the same way.\n\n\
## Expected calibration error\n\nThe target is at most {ERROR_MAX}. With a low share of attacks a small error is easy to have, since saying\n\
the base rate of everything has it too; the second column of errors has every composite as a bin of its\n\
own, and the gain beside it says how much of the squared error of always saying the base rate is left\n\
away.\n\n| mapping | error, 10 bins | error, every composite | squared error | less than always saying the base rate |\n|---|---|---|---|---|\n",
        measured.len() - attacks
    );
    for (base, name, _, r) in &calibration.mixes {
        let _ = writeln!(
            out,
            "| {name} | {:.4} | {:.4} | {:.4} | {:.1} % |",
            r.ece,
            r.ece_fine,
            r.brier,
            100.0 * (1.0 - r.brier / (base * (1.0 - base)))
        );
    }
    let (raw, base) = (
        &calibration.raw,
        calibration.mixes.first().map_or(0.5, |m| m.0),
    );
    let _ = writeln!(
        out,
        "| none: the composite read as per cent | {:.4} | {:.4} | {:.4} | {:.1} % |",
        raw.ece,
        raw.ece_fine,
        raw.brier,
        100.0 * (1.0 - raw.brier / (base * (1.0 - base)))
    );
    out.push_str("\n![reliability diagram](calibration.svg)\n\n## The mapping\n\n| composite |");
    for (_, name, ..) in &calibration.mixes {
        let _ = write!(out, " {name} |");
    }
    out.push_str("\n|---|---|---|---|\n");
    let mut last = Vec::new();
    for at in 0..101 {
        let now: Vec<String> = calibration
            .mixes
            .iter()
            .map(|(_, _, map, _)| format!("{:.3}", map[at]))
            .collect();
        if now != last {
            let _ = writeln!(out, "| from {at} | {} |", now.join(" | "));
            last = now;
        }
    }
    let all = area(&counts(measured, None, |s| s.composite));
    let _ = write!(
        out,
        "\n## What each dimension is worth\n\nThe area is the share of pairs of an attack's action and an ordinary one in which the attack's scores\nhigher; 0.5 is chance. The composite's is {all:.3}.\n\n| dimension | weight | area alone | composite without it | with half its weight | with twice |\n|---|---|---|---|---|---|\n"
    );
    let weights = RiskConfig::default().weights;
    for dimension in Dimension::ALL {
        let [alone, without, half, twice] = worth(measured, dimension);
        let weight = weights[dimension as usize];
        let _ = writeln!(
            out,
            "| {} | {}.{} | {alone:.3} | {without:.3} | {half:.3} | {twice:.3} |",
            dimension.name(),
            weight / 10,
            weight % 10
        );
    }
    out.push_str("\n| attack | area of the composite |\n|---|---|\n");
    for family in Family::ALL {
        let rows: Vec<Scored> = measured
            .iter()
            .filter(|s| s.attack.is_none_or(|a| a == family))
            .copied()
            .collect();
        let _ = writeln!(
            out,
            "| {} | {:.3} |",
            family.name(),
            area(&counts(&rows, None, |s| s.composite))
        );
    }
    out.push_str(
        "\nThe published weights stay. Dimensions that do not tell these attacks from ordinary work are not\nworthless: environment and compliance are about what is at stake and not about who is at work, and the\nfleet runs in production throughout.\n",
    );
    out
}
