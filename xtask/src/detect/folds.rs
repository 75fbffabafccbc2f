//! Scores of every labelled text by a model that saw nothing of its source, nor of its copies.

use std::collections::{BTreeMap, BTreeSet};

use super::composed;
use super::data::{Role, Row};
use super::groups::groups;
use super::learn::{Example, Settings, Text, Weights, learn};
use interlock_core::detectors::prompt_injection::model::Model;

/// Which of the two models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Direct,
    Indirect,
}

impl Which {
    pub(crate) const ALL: [Self; 2] = [Self::Direct, Self::Indirect];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Indirect => "indirect",
        }
    }

    pub(crate) const fn settings(self) -> Settings {
        let direct = Settings {
            seed: 7,
            epochs: 5,
            rate: 0.15,
            decay: 1e-4,
            threats_cap: 500.0,
            benign_cap: 500.0,
            composed_cap: 2_000.0,
            prior: 0.4,
            rounds: 3,
        };
        match self {
            Self::Direct => direct,
            Self::Indirect => Settings {
                epochs: 3,
                threats_cap: 1_000.0,
                benign_cap: 1_500.0,
                ..direct
            },
        }
    }

    /// Whether the model learns from such rows.
    fn learns(self, row: &Row) -> bool {
        match row.role() {
            Role::Defective => false,
            // The planted tasks of BIPIA stand in the same contexts as its benign rows: a model
            // would learn the contexts.
            Role::Indirect => self == Self::Indirect && row.source != "bipia",
            // Requests to write code are no data that a tool returns.
            _ => self == Self::Direct || row.source != "cyberseceval-instruct",
        }
    }
}

/// The rows with what is computed of them once.
pub(crate) struct Corpus {
    pub(crate) rows: Vec<Row>,
    pub(crate) texts: Vec<Text>,
    groups: Vec<usize>,
}

impl Corpus {
    pub(crate) fn new(rows: Vec<Row>) -> Self {
        Self {
            texts: rows.iter().map(|r| Text::new(&r.text)).collect(),
            groups: groups(rows.iter().map(|r| r.text.as_str())),
            rows,
        }
    }

    /// The weights learnt from all rows but those of `left_out` and their near-duplicates.
    pub(crate) fn weights(&self, which: Which, left_out: Option<&str>) -> Weights {
        let settings = which.settings();
        let copied: BTreeSet<usize> = (0..self.rows.len())
            .filter(|i| left_out == Some(self.rows[*i].source.as_str()))
            .map(|i| self.groups[i])
            .collect();
        let chosen: Vec<usize> = (0..self.rows.len())
            .filter(|i| which.learns(&self.rows[*i]) && !copied.contains(&self.groups[*i]))
            .collect();
        let mut counts: BTreeMap<(&str, bool), f64> = BTreeMap::new();
        for i in &chosen {
            let row = &self.rows[*i];
            *counts.entry((&row.source, row.threat)).or_default() += 1.0;
        }
        let examples: Vec<Example<'_>> = chosen
            .iter()
            .map(|i| {
                let row = &self.rows[*i];
                let cap = match row.threat {
                    // Composed for this, and of no collection's make.
                    _ if row.source == composed::SOURCE => settings.composed_cap,
                    true => settings.threats_cap,
                    false => settings.benign_cap,
                };
                Example {
                    text: &self.texts[*i],
                    threat: row.threat,
                    weight: (cap / counts[&(row.source.as_str(), row.threat)]).min(1.0),
                }
            })
            .collect();
        learn(&examples, &settings)
    }

    /// The margin of each measured row under the model that left its source out, with a threshold
    /// of zero. Rows that are not measured get the lowest.
    pub(crate) fn left_out(&self, which: Which) -> Vec<i32> {
        let measured = |row: &Row| !matches!(row.role(), Role::Filler | Role::Defective);
        let sources: BTreeSet<&str> = self
            .rows
            .iter()
            .filter(|r| measured(r))
            .map(|r| r.source.as_str())
            .collect();
        let mut margins = vec![i32::MIN; self.rows.len()];
        for source in sources {
            let file = self.weights(which, Some(source)).file(0);
            let Some(model) = Model::read(&file) else {
                continue;
            };
            for (i, row) in self.rows.iter().enumerate() {
                if row.source == source && measured(row) {
                    margins[i] = self.texts[i].margin(&model);
                }
            }
        }
        margins
    }
}
