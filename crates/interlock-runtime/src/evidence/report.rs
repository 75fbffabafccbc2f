//! A report: for each control of a framework what the record proves, and what it does not.

use std::collections::{BTreeMap, BTreeSet};

use interlock_core::audit::checkpoint::Checkpoint;
use interlock_core::audit::hex;
use serde::Serialize;

use super::controls::{Count, Framework};
use super::rows::Sums;
use super::{Pass, Scope, csv};

/// A count for a control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidenced {
    /// What the entries are, for people.
    pub what: String,
    /// The query, how many it found, and the first and last of them.
    #[serde(flatten)]
    pub count: Count,
}

/// A control in a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ControlReport {
    /// Its number in the framework.
    pub id: String,
    /// What it asks, in short.
    pub title: String,
    /// What the record proves of it.
    pub evidenced: Vec<Evidenced>,
    /// What it does not; empty when nothing need be said.
    pub not_evidenced: String,
}

/// How long entries are held, as far as the record tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retention {
    /// The time of the oldest entry that is held.
    pub oldest: String,
    /// Whole days from it to the report.
    pub held_days: i64,
    /// Months that the framework asks for; 0 when it names none.
    pub asked_months: u32,
    /// The passage that does.
    pub source: String,
    /// What follows, and what does not.
    pub statement: String,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The framework.
    pub framework: String,
    /// Its name for people.
    pub title: String,
    /// The text that the controls are of.
    pub source: String,
    /// What a reader must know first.
    pub note: String,
    /// The tenant.
    pub tenant: String,
    /// When it was made.
    pub created: String,
    /// What it is of.
    pub scope: Scope,
    /// Entries that were counted.
    pub entries: u64,
    /// The identity of the log.
    pub origin: String,
    /// Entries of the log.
    pub size: u64,
    /// Its root, hex.
    pub root: String,
    /// How long entries are held.
    pub retention: Retention,
    /// The controls.
    pub controls: Vec<ControlReport>,
    /// Access, approvals, policies and blocks, summed up.
    pub sums: Sums,
    /// The signed head of the log, where the report is no part of a bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// The key that the log began with, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vkey: Option<String>,
    /// Proofs of the entries that are named, by number, likewise: C2SP tlog-proof.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub proofs: BTreeMap<u64, String>,
}

fn retention(framework: &Framework, oldest: &str, created: &str) -> Retention {
    let day = |text: &str| text.parse::<jiff::Timestamp>().ok();
    let held_days = day(oldest)
        .zip(day(created))
        .map_or(0, |(from, to)| (to.as_second() - from.as_second()) / 86_400);
    // A month of the civil calendar has at most 31 days.
    let asked_days = i64::from(framework.retention_months) * 31;
    let held = format!(
        "The oldest entry that is held is {held_days} days old. Entries are not deleted by this \
         software and no period is configured; contents in the vault can be erased before."
    );
    let statement = if framework.retention_months == 0 {
        held
    } else if held_days >= asked_days {
        format!(
            "{held} Entries of {} months are held.",
            framework.retention_months
        )
    } else {
        format!(
            "{held} Less than {} months are held so far; that is what the record shows, not that it \
             will be kept.",
            framework.retention_months
        )
    };
    Retention {
        oldest: oldest.to_owned(),
        held_days,
        asked_months: framework.retention_months,
        source: framework.retention_source.clone(),
        statement,
    }
}

impl Report {
    pub(super) fn new(
        framework: &Framework,
        scope: &Scope,
        created: &str,
        tenant: &str,
        head: &Checkpoint,
        pass: &Pass,
    ) -> Self {
        let controls = framework
            .controls
            .iter()
            .map(|control| ControlReport {
                id: control.id.clone(),
                title: control.title.clone(),
                evidenced: control
                    .counts
                    .iter()
                    .map(|query| Evidenced {
                        what: query.what.clone(),
                        count: pass.tally.of(&query.query),
                    })
                    .collect(),
                not_evidenced: control.not_evidenced.clone(),
            })
            .collect();
        Self {
            framework: framework.id.clone(),
            title: framework.title.clone(),
            source: framework.source.clone(),
            note: framework.note.clone(),
            tenant: tenant.to_owned(),
            created: created.to_owned(),
            scope: scope.clone(),
            entries: pass.entries,
            origin: head.origin.clone(),
            size: head.size,
            root: hex(&head.root),
            retention: retention(framework, &pass.oldest, created),
            controls,
            sums: pass.rows.sums.clone(),
            checkpoint: None,
            vkey: None,
            proofs: BTreeMap::new(),
        }
    }

    /// The entries that the report names.
    #[must_use]
    pub fn entries(&self) -> BTreeSet<u64> {
        let counts = self.controls.iter().flat_map(|c| &c.evidenced);
        counts
            .flat_map(|e| [e.count.first, e.count.last])
            .flatten()
            .collect()
    }

    /// The report as a table: one row for each count and each control that nothing is counted for.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut out = Vec::new();
        csv::row(
            &mut out,
            [
                "control",
                "title",
                "what",
                "query",
                "count",
                "first_seq",
                "last_seq",
                "not_evidenced",
            ],
        );
        for control in &self.controls {
            for e in &control.evidenced {
                let number = |n: Option<u64>| n.map_or_else(String::new, |n| n.to_string());
                csv::row(
                    &mut out,
                    [
                        &*control.id,
                        &control.title,
                        &e.what,
                        &e.count.query,
                        &e.count.count.to_string(),
                        &number(e.count.first),
                        &number(e.count.last),
                        &control.not_evidenced,
                    ],
                );
            }
            if control.evidenced.is_empty() {
                csv::row(
                    &mut out,
                    [
                        &*control.id,
                        &control.title,
                        "",
                        "",
                        "",
                        "",
                        "",
                        &control.not_evidenced,
                    ],
                );
            }
        }
        // Rows are made of texts.
        String::from_utf8(out).unwrap_or_default()
    }

    /// The report as a page without script, that shows what agents wrote as text only.
    #[must_use]
    pub fn html(&self) -> String {
        super::page::report(self)
    }
}
