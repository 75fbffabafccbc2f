//! The baseline: what an agent usually does, learned from what it was allowed to do.
//!
//! Cold start is explicit: [`Baseline::ready`] says whether there is enough to judge by; until then
//! nothing here should count against an agent.

use super::codec::codec;
use super::decay::{BASELINE_HALF_LIFE_NS, halvings, weight};
use super::footprint::Footprint;
use super::hash::StableHash;
use super::histogram::LogHistogram;
use super::hours::Hours;
use super::readings::StateFacts;
use super::recent::Recent;
use super::sketch::Sketch;
use super::usage::{AGE_SETTLED_NS, Familiarity, Usage};

/// Samples after which a baseline is ready, if it is a day old…
pub const SAMPLES_READY: i64 = 50;
/// …that old…
pub const AGE_READY_NS: i64 = 86_400_000_000_000;
/// …or samples after which it is ready at any age.
pub const SAMPLES_READY_AT_ONCE: i64 = 200;

/// Action types told apart; later ones share the last.
const TYPES: usize = 32;
const TOOLS_MAX: usize = 64;
const RESOURCES_MAX: usize = 512;
const FAMILIES_MAX: usize = 256;
const HOSTS_MAX: usize = 128;
const SHAPES_MAX: usize = 128;
const REGIONS_MAX: usize = 16;
const SEQUENCES_MAX: usize = 128;
/// Tools that raised an alert and wait to be learned.
const ALERTED_MAX: usize = 64;
/// How long what raised an alert waits before it counts as what the agent usually does: somebody
/// was told, and it still goes on.
const ALERTED_NS: i64 = 86_400_000_000_000;
/// A tool of which more than one use in so many goes to a new place roams: that is its work.
const ROAMING_SHARE: u64 = 10;
/// The least that the same call repeated, and actions of a minute, are measured against.
const REPEATS_LEAST: i64 = 5;
const RATE_LEAST: i64 = 20;

/// What one agent usually does. Decayed with a half-life of fourteen days.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Baseline {
    period: i64,
    samples: i64,
    /// When the first action ran, plus one; 0 when there was none.
    first_at: i64,
    total: u64,
    types: [u64; TYPES],
    tools: Sketch,
    /// How often each tool went where the agent had not been.
    roaming: Sketch,
    resources: Sketch,
    families: Sketch,
    hosts: Sketch,
    shapes: Sketch,
    regions: Sketch,
    sequences: Sketch,
    hours: Hours,
    bytes: LogHistogram,
    records: LogHistogram,
    rate: LogHistogram,
    repeats: LogHistogram,
    usage: Usage,
    alerted: Recent,
}
codec!(Baseline {
    period,
    samples,
    first_at,
    total,
    types,
    tools,
    roaming,
    resources,
    families,
    hosts,
    shapes,
    regions,
    sequences,
    hours,
    bytes,
    records,
    rate,
    repeats,
    usage,
    alerted,
});

fn share(part: u64, total: u64) -> i64 {
    let share = (u128::from(part) * 1_000).checked_div(u128::from(total));
    share.and_then(|s| i64::try_from(s).ok()).unwrap_or(0)
}

fn shape_key(footprint: &Footprint) -> u64 {
    StableHash::new("shape")
        .number(footprint.tool_hash)
        .number(footprint.shape_hash)
        .finish()
}

const fn sequence_key(last: u8, next: u8) -> u64 {
    ((last as u64) << 8) | next as u64 | 1 << 16
}

impl Baseline {
    /// Whether it has seen enough to judge.
    #[must_use]
    pub fn ready(&self, now: i64) -> bool {
        self.samples >= SAMPLES_READY_AT_ONCE
            || (self.samples >= SAMPLES_READY
                && now.saturating_sub(self.first_at.saturating_sub(1)) >= AGE_READY_NS)
    }

    /// How many actions it learned from.
    #[must_use]
    pub const fn samples(&self) -> i64 {
        self.samples
    }

    fn settled(&self, now: i64) -> bool {
        self.first_at > 0 && now.saturating_sub(self.first_at.saturating_sub(1)) >= AGE_SETTLED_NS
    }

    /// Writes what it says about an action. What the action does not have (no host, no resource…)
    /// counts as seen. `last_type` is the type of the action before, `rate` the agent's actions of
    /// the last minute. Answers what [`Self::count`] needs of it.
    pub(crate) fn read(
        &self,
        footprint: &Footprint,
        last_type: Option<u8>,
        rate: i64,
        now: i64,
        out: &mut StateFacts,
    ) -> Familiarity {
        let seen = |sketch: &Sketch, hash: u64| hash == 0 || sketch.contains(hash);
        let of_type = self.types.get(type_slot(footprint.type_index));
        out.baseline_ready = self.ready(now);
        out.baseline_samples = self.samples;
        out.type_share = share(of_type.copied().unwrap_or(0), self.total);
        out.tool_share = share(self.tools.count(footprint.tool_hash), self.total);
        out.resource_seen = seen(&self.resources, footprint.resource_hash);
        out.family_seen = seen(&self.families, footprint.family_hash);
        out.host_seen = seen(&self.hosts, footprint.host_hash);
        out.shape_seen = self.shapes.contains(shape_key(footprint));
        out.region_seen = seen(&self.regions, footprint.region_hash);
        out.sequence_seen = last_type.is_none_or(|last| {
            self.sequences
                .contains(sequence_key(last, footprint.type_index))
        });
        out.hour_share = self.hours.share(now);
        out.bytes_deviation = self.bytes.deviation(footprint.payload_bytes);
        out.records_deviation = if footprint.records < 0 {
            0
        } else {
            self.records.deviation(footprint.records)
        };
        out.rate_deviation = self.rate.deviation(rate);
        let tool_count = self.tools.count(footprint.tool_hash);
        let roams = self.roaming.count(footprint.tool_hash) > tool_count / ROAMING_SHARE;
        let familiar = Familiarity {
            known: tool_count > 0 && (out.host_seen && out.family_seen || roams),
            host_known: out.host_seen,
            hour_share: out.hour_share,
            settled: self.settled(now),
        };
        let [actions, bytes, records, cost, new, new_host] =
            self.usage.excess(footprint, familiar, now);
        out.new_target = self.usage.new_target(footprint, familiar, now);
        out.actions_excess = actions;
        out.bytes_out_excess = bytes;
        out.records_excess = records;
        out.cost_excess = cost;
        out.new_target_excess = new;
        out.new_host_excess = new_host;
        out.off_hours = self.usage.off_hours(familiar, now);
        if out.baseline_ready {
            out.actions_excess = actions.max(self.rate.times_high(rate, RATE_LEAST));
            out.repeats_excess = self.repeats.times_high(out.identical_calls, REPEATS_LEAST);
        }
        familiar
    }

    /// Whether what raised an alert may be learned: its tool raised the first a day ago or more.
    pub(crate) fn adopts(&mut self, footprint: &Footprint, now: i64) -> bool {
        let first = self.alerted.first(footprint.tool_hash);
        self.alerted.meet(footprint.tool_hash, now, ALERTED_MAX);
        first.is_some_and(|at| now.saturating_sub(at) >= ALERTED_NS)
    }

    /// Counts an action that ran, whether or not it is learned from.
    pub(crate) fn count(&mut self, footprint: &Footprint, familiar: Familiarity, now: i64) {
        let weight = self.weight(now);
        if self.first_at == 0 {
            self.first_at = now.saturating_add(1);
        }
        self.usage.add(footprint, familiar, now, weight);
    }

    /// The weight of an action now, after the period moved on.
    fn weight(&mut self, now: i64) -> u64 {
        let (period, weight) = weight(now, BASELINE_HALF_LIFE_NS);
        self.advance(period);
        if period < self.period {
            1 << 16
        } else {
            weight
        }
    }

    /// Learns from an action that was allowed.
    pub(crate) fn learn(
        &mut self,
        footprint: &Footprint,
        last_type: Option<u8>,
        (rate, repeats): (i64, i64),
        now: i64,
    ) {
        let weight = self.weight(now);
        self.samples = self.samples.saturating_add(1);
        self.total = self.total.saturating_add(weight);
        if let Some(count) = self.types.get_mut(type_slot(footprint.type_index)) {
            *count = count.saturating_add(weight);
        }
        let seen = |sketch: &Sketch, hash: u64| hash == 0 || sketch.contains(hash);
        if !seen(&self.families, footprint.family_hash) || !seen(&self.hosts, footprint.host_hash) {
            self.roaming.add(footprint.tool_hash, weight, TOOLS_MAX);
        }
        for (sketch, hash, max) in [
            (&mut self.tools, footprint.tool_hash, TOOLS_MAX),
            (&mut self.resources, footprint.resource_hash, RESOURCES_MAX),
            (&mut self.families, footprint.family_hash, FAMILIES_MAX),
            (&mut self.hosts, footprint.host_hash, HOSTS_MAX),
            (&mut self.shapes, shape_key(footprint), SHAPES_MAX),
            (&mut self.regions, footprint.region_hash, REGIONS_MAX),
            (
                &mut self.sequences,
                last_type.map_or(0, |last| sequence_key(last, footprint.type_index)),
                SEQUENCES_MAX,
            ),
        ] {
            if hash != 0 {
                sketch.add(hash, weight, max);
            }
        }
        self.hours.add(now, weight);
        self.bytes.add(footprint.payload_bytes, weight);
        if footprint.records >= 0 {
            self.records.add(footprint.records, weight);
        }
        self.rate.add(rate, weight);
        self.repeats.add(repeats, weight);
    }

    fn advance(&mut self, period: i64) {
        let times = if self.first_at == 0 {
            0
        } else {
            halvings(self.period, period)
        };
        if times > 0 {
            self.total >>= times;
            for count in &mut self.types {
                *count >>= times;
            }
            for sketch in [
                &mut self.tools,
                &mut self.roaming,
                &mut self.resources,
                &mut self.families,
                &mut self.hosts,
                &mut self.shapes,
                &mut self.regions,
                &mut self.sequences,
            ] {
                sketch.halve(times);
            }
            self.hours.halve(times);
            self.bytes.halve(times);
            self.records.halve(times);
            self.rate.halve(times);
            self.repeats.halve(times);
            self.usage.halve(times);
        }
        self.period = self.period.max(period);
    }

    /// Adds what another node learned of the same agent; in either order the result is the same.
    pub fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        if other.first_at == 0 {
            return;
        }
        if self.first_at == 0 {
            *self = other;
            return;
        }
        other.advance(self.period);
        self.advance(other.period);
        self.samples = self.samples.saturating_add(other.samples);
        self.first_at = self.first_at.min(other.first_at);
        self.total = self.total.saturating_add(other.total);
        for (count, more) in self.types.iter_mut().zip(&other.types) {
            *count = count.saturating_add(*more);
        }
        self.tools.merge(&other.tools, TOOLS_MAX);
        self.roaming.merge(&other.roaming, TOOLS_MAX);
        self.resources.merge(&other.resources, RESOURCES_MAX);
        self.families.merge(&other.families, FAMILIES_MAX);
        self.hosts.merge(&other.hosts, HOSTS_MAX);
        self.shapes.merge(&other.shapes, SHAPES_MAX);
        self.regions.merge(&other.regions, REGIONS_MAX);
        self.sequences.merge(&other.sequences, SEQUENCES_MAX);
        self.hours.merge(&other.hours);
        self.bytes.merge(&other.bytes);
        self.records.merge(&other.records);
        self.rate.merge(&other.rate);
        self.repeats.merge(&other.repeats);
        self.usage.merge(&other.usage);
        self.alerted.merge(&other.alerted, ALERTED_MAX);
    }
}

fn type_slot(index: u8) -> usize {
    usize::from(index).min(TYPES - 1)
}
