//! Scores of every labelled text by a model that saw nothing of its source, nor of its copies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

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
            epochs: 3,
            rate: 0.08,
            decay: 1e-3,
            threats_cap: 500.0,
            benign_cap: 500.0,
            composed_cap: 16_000.0,
            prior: 0.4,
            rounds: 3,
        };
        match self {
            Self::Direct => direct,
            Self::Indirect => Settings {
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
        self.weights_with(which, left_out, which.settings())
    }

    fn weights_with(&self, which: Which, left_out: Option<&str>, settings: Settings) -> Weights {
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
        self.left_out_with(which, which.settings())
    }

    pub(crate) fn left_out_with(&self, which: Which, settings: Settings) -> Vec<i32> {
        let measured = |row: &Row| !matches!(row.role(), Role::Filler | Role::Defective);
        let sources: BTreeSet<&str> = self
            .rows
            .iter()
            .filter(|r| measured(r))
            .map(|r| r.source.as_str())
            .collect();
        let fold = |source: &str| -> Vec<(usize, i32)> {
            let file = self.weights_with(which, Some(source), settings).file(0);
            let Some(model) = Model::read(&file) else {
                return Vec::new();
            };
            let rows = self.rows.iter().enumerate();
            rows.filter(|(_, row)| row.source == source && measured(row))
                .map(|(i, _)| (i, self.texts[i].margin(&model)))
                .collect()
        };
        let mut margins = vec![i32::MIN; self.rows.len()];
        let waiting = Mutex::new(sources.into_iter());
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            let work = || {
                let mut found = Vec::new();
                loop {
                    let next = waiting.lock().map(|mut w| w.next());
                    let Ok(Some(source)) = next else { break };
                    found.extend(fold(source));
                }
                found
            };
            let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            for (row, margin) in handles
                .into_iter()
                .flat_map(|h| h.join().unwrap_or_default())
            {
                margins[row] = margin;
            }
        });
        margins
    }
}
