//! One agent of the fleet: its people, its place, and what changes about it.

use super::archetype::Archetype;
use super::calendar::{ZONES, Zone};
use super::random::{Random, exp2};

/// What happens to an agent in the course of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing but weekdays, seasons and bursts.
    Steady,
    /// A new version on this day of the trace: other tools, another volume, a new vendor.
    Deployment(i64),
    /// Sizes and volumes that grow every day.
    Drift,
}

#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) name: String,
    pub(crate) archetype: &'static Archetype,
    pub(crate) zone: Zone,
    pub(crate) users: Vec<String>,
    pub(crate) seed: u64,
    pub(crate) change: Change,
    /// The day, from the calendar's epoch, on which its trace begins; a Monday.
    pub(crate) first_day: i64,
    /// How busy it is beside others of its kind.
    pub(crate) busy: f64,
}

/// The day of a trace on which the deployments are.
pub(crate) const DEPLOYMENT_DAY: i64 = 16;

impl Agent {
    /// The `n`-th agent of a fleet with this seed.
    pub(crate) fn new(archetype: &'static Archetype, seed: u64, n: u64) -> Self {
        let mut random = Random::new(seed, archetype.name, n);
        let zone = *random.pick(&ZONES);
        let users = (0..archetype.users)
            .map(|u| format!("u-{}-{u}", random.below(10_000)))
            .collect();
        let change = match n % 4 {
            2 => Change::Deployment(DEPLOYMENT_DAY + random.between(0, 3)),
            3 => Change::Drift,
            _ => Change::Steady,
        };
        Self {
            name: format!("{}-{n}", archetype.name),
            archetype,
            zone,
            users,
            seed: random.next(),
            change,
            first_day: 7 * random.between(0, 9),
            busy: random.log_normal(1.0, 0.4),
        }
    }

    pub(crate) fn deployed(&self, day: i64) -> bool {
        matches!(self.change, Change::Deployment(from) if day >= from)
    }

    /// How much larger things are than on the first day.
    pub(crate) fn growth(&self, day: i64) -> f64 {
        match self.change {
            Change::Drift => exp2(day as f64 / 30.0),
            Change::Deployment(from) if day >= from => 1.4,
            _ => 1.0,
        }
    }

    /// The name of a tool; a deployment renames some.
    pub(crate) fn tool<'t>(&self, tool: &'t str, day: i64) -> &'t str {
        if !self.deployed(day) {
            return tool;
        }
        match tool {
            "sql.query" => "warehouse.select",
            "http.post" => "http.request",
            "read_file" => "files.open",
            other => other,
        }
    }
}
