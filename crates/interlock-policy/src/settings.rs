//! Everything a bundle sets besides rules: weights, detectors, loops, per environment.

use interlock_core::model::{Effect, Vector, parse_nano};
use interlock_core::program::glob::Glob;
use interlock_core::program::rule::{Band, Profile, ProfileBudget};
use interlock_core::program::{Classification, EnvironmentConfig, Tier};
use interlock_core::risk::Dimension;

use crate::diagnostic::{Reports, nearest};
use crate::document::{Entry, Fields, Kind, Node};
use crate::rule_document::{read_bands, read_effect};
use crate::schema::Validators;
use crate::units;

/// The keys that an environment, and a bundle as a whole, may set.
pub(crate) const SETTINGS: &[&str] = &[
    "default",
    "risk_bands",
    "risk",
    "detectors",
    "loops",
    "regions",
    "operating_hours",
    "packs",
];

/// What one detector is set to.
#[derive(Debug, Clone, Copy, Default)]
struct DetectorSetting {
    enabled: Option<bool>,
    threshold: Option<u8>,
    effect: Option<Effect>,
}

/// What one file sets; what is `None` is left as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) default: Option<Effect>,
    pub(crate) bands: Option<Vec<Band>>,
    weights: [Option<u32>; 7],
    critical: [Option<u8>; 7],
    detectors: [DetectorSetting; 12],
    loop_identical_max: Option<i64>,
    loop_similar_max: Option<i64>,
    loop_effect: Option<Effect>,
    regions: Option<Vec<String>>,
    operating_hours: Option<(u8, u8)>,
    packs: Option<Vec<String>>,
}

impl Settings {
    pub(crate) fn read(
        fields: Fields<'_>,
        validators: &mut Validators,
        reports: &mut Reports<'_>,
    ) -> Self {
        let mut settings = Self {
            default: fields
                .get("default")
                .and_then(|d| read_effect(d, reports, "`default`")),
            bands: fields
                .get("risk_bands")
                .map(|b| read_bands(b, validators, reports)),
            ..Self::default()
        };
        if let Some(risk) = fields.get("risk") {
            settings.read_risk(risk, reports);
        }
        if let Some(detectors) = fields.get("detectors") {
            for entry in detectors.entries(reports, "`detectors`") {
                settings.read_detector(entry, reports);
            }
        }
        if let Some(loops) = fields.get("loops") {
            let loops = loops.fields(reports, "`loops`", &["identical", "similar", "effect"]);
            let mut count = |name: &'static str| {
                loops
                    .get(name)
                    .and_then(|n| n.integer(reports, &format!("`{name}`"), 1..=1_000_000))
            };
            settings.loop_identical_max = count("identical");
            settings.loop_similar_max = count("similar");
            settings.loop_effect = loops
                .get("effect")
                .and_then(|e| read_effect(e, reports, "`effect`"));
        }
        let mut names = |name: &'static str| {
            fields.get(name).map(|n| {
                n.texts(reports, &format!("`{name}`"))
                    .into_iter()
                    .map(|(text, span)| (text.to_owned(), span))
                    .collect::<Vec<_>>()
            })
        };
        let regions = names("regions");
        let packs = names("packs");
        settings.regions = regions.map(|r| r.into_iter().map(|(name, _)| name).collect());
        const PACKS: [&str; 4] = ["pci-dss", "hipaa", "sox", "gdpr"];
        for (name, span) in packs.iter().flatten() {
            if !PACKS.contains(&name.as_str()) {
                reports.error_help(
                    "policy.wrong-value",
                    span.clone(),
                    format!("`{name}` is not a compliance pack"),
                    Some(format!("one of `{}`", PACKS.join("`, `"))),
                );
            }
        }
        settings.packs = packs.map(|p| p.into_iter().map(|(name, _)| name).collect());
        if let Some(hours) = fields.get("operating_hours") {
            settings.operating_hours = read_operating_hours(hours, reports);
        }
        settings
    }

    fn read_risk(&mut self, node: &Node, reports: &mut Reports<'_>) {
        let fields = node.fields(reports, "`risk`", &["weights", "critical"]);
        for (kind, node) in [
            ("weights", fields.get("weights")),
            ("critical", fields.get("critical")),
        ] {
            let Some(node) = node else { continue };
            for entry in node.entries(reports, kind) {
                let Some(at) = Dimension::ALL.iter().position(|d| d.name() == entry.key) else {
                    unknown_name(
                        entry,
                        "dimension of risk",
                        &Dimension::ALL.map(Dimension::name),
                        reports,
                    );
                    continue;
                };
                if kind == "weights" {
                    let weight = read_weight(&entry.value, reports);
                    if let Some(slot) = self.weights.get_mut(at) {
                        *slot = weight;
                    }
                } else {
                    let mark = match &entry.value.kind {
                        Kind::Text(t) if t == "off" => Some(101),
                        _ => entry
                            .value
                            .integer(reports, "a critical mark", 1..=100)
                            .and_then(|n| u8::try_from(n).ok()),
                    };
                    if let Some(slot) = self.critical.get_mut(at) {
                        *slot = mark;
                    }
                }
            }
        }
    }

    fn read_detector(&mut self, entry: &Entry, reports: &mut Reports<'_>) {
        let Some(vector) = Vector::from_name(&entry.key) else {
            unknown_name(
                entry,
                "threat vector",
                &Vector::ALL.map(Vector::name),
                reports,
            );
            return;
        };
        let fields = entry
            .value
            .fields(reports, "a detector", &["enabled", "threshold", "effect"]);
        let setting = DetectorSetting {
            enabled: fields
                .get("enabled")
                .and_then(|e| e.boolean(reports, "`enabled`")),
            threshold: fields
                .get("threshold")
                .and_then(|t| t.integer(reports, "`threshold`", 1..=100))
                .and_then(|t| u8::try_from(t).ok()),
            effect: fields
                .get("effect")
                .and_then(|e| read_effect(e, reports, "`effect`")),
        };
        if let Some(slot) = self.detectors.get_mut(vector as usize) {
            *slot = setting;
        }
    }

    /// Adds what a file of the same or an upper layer sets. Defaults, bands and detectors join by
    /// strictest; of the rest the upper layer's value holds.
    pub(crate) fn join(&mut self, upper: Self) {
        self.default = self.default.max(upper.default);
        match (&mut self.bands, upper.bands) {
            (Some(bands), Some(more)) => bands.extend(more),
            (bands @ None, more) => *bands = more,
            (Some(_), None) => {}
        }
        for (slot, new) in self.weights.iter_mut().zip(upper.weights) {
            *slot = new.or(*slot);
        }
        for (slot, new) in self.critical.iter_mut().zip(upper.critical) {
            *slot = new.or(*slot);
        }
        for (slot, new) in self.detectors.iter_mut().zip(upper.detectors) {
            slot.enabled = slot.enabled.max(new.enabled);
            slot.threshold = match (slot.threshold, new.threshold) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            slot.effect = slot.effect.max(new.effect);
        }
        self.loop_identical_max = upper.loop_identical_max.or(self.loop_identical_max);
        self.loop_similar_max = upper.loop_similar_max.or(self.loop_similar_max);
        self.loop_effect = upper.loop_effect.or(self.loop_effect);
        self.regions = upper.regions.or(self.regions.take());
        self.operating_hours = upper.operating_hours.or(self.operating_hours);
        self.packs = upper.packs.or(self.packs.take());
    }

    /// Writes what is set over `config`.
    pub(crate) fn apply(&self, config: &mut EnvironmentConfig) {
        config.default = self.default.or(config.default);
        if let Some(bands) = &self.bands {
            config.bands = Some(bands.clone());
        }
        for (slot, new) in config.risk.weights.iter_mut().zip(self.weights) {
            *slot = new.unwrap_or(*slot);
        }
        for (slot, new) in config.risk.critical.iter_mut().zip(self.critical) {
            *slot = new.unwrap_or(*slot);
        }
        for (vector, setting) in Vector::ALL.into_iter().zip(self.detectors) {
            match setting.enabled {
                Some(true) => config.detectors.enabled.insert(vector),
                Some(false) => config.detectors.enabled.remove(vector),
                None => {}
            }
            if let (Some(slot), Some(new)) = (
                config.detectors.threshold.get_mut(vector as usize),
                setting.threshold,
            ) {
                *slot = new;
            }
            if let (Some(slot), Some(new)) = (
                config.detector_effects.get_mut(vector as usize),
                setting.effect,
            ) {
                *slot = new;
            }
        }
        config.loop_identical_max = self.loop_identical_max.unwrap_or(config.loop_identical_max);
        config.loop_similar_max = self.loop_similar_max.unwrap_or(config.loop_similar_max);
        config.loop_effect = self.loop_effect.unwrap_or(config.loop_effect);
        if let Some(regions) = &self.regions {
            config.risk.regions.clone_from(regions);
        }
        if let Some(hours) = self.operating_hours {
            config.risk.operating_hours = Some(hours);
        }
        if let Some(packs) = &self.packs {
            config.risk.packs.clone_from(packs);
        }
    }
}

fn unknown_name(entry: &Entry, what: &str, known: &[&str], reports: &mut Reports<'_>) {
    let help = nearest(&entry.key, known.iter().copied()).map_or_else(
        || format!("one of `{}`", known.join("`, `")),
        |near| format!("did you mean `{near}`?"),
    );
    reports.error_help(
        "policy.unknown-field",
        entry.key_span.clone(),
        format!("unknown {what} `{}`", entry.key),
        Some(help),
    );
}

/// A weight in tenths.
fn read_weight(node: &Node, reports: &mut Reports<'_>) -> Option<u32> {
    let tenths = match &node.kind {
        Kind::Number(lexeme) => parse_nano(lexeme)
            .filter(|n| n % 100_000_000 == 0 && (0..=10_000_000_000).contains(n))
            .and_then(|n| u32::try_from(n / 100_000_000).ok()),
        _ => None,
    };
    if tenths.is_none() {
        reports.error(
            "policy.wrong-value",
            node.first_line(reports),
            "a weight must be a number from 0 to 10 with one decimal at most",
        );
    }
    tenths
}

fn read_operating_hours(node: &Node, reports: &mut Reports<'_>) -> Option<(u8, u8)> {
    let text = node.text(reports, "`operating_hours`")?;
    let hours = units::hours(text).and_then(|(from, to)| {
        let whole = from % 60 == 0 && to % 60 == 0;
        whole.then_some((u8::try_from(from / 60).ok()?, u8::try_from(to / 60).ok()?))
    });
    if hours.is_none() {
        reports.error_help(
            "policy.wrong-value",
            node.first_line(reports),
            format!("`{text}` is not a range of whole hours"),
            Some("write `\"07:00-19:00\"`, in UTC".to_owned()),
        );
    }
    hours
}

/// Adds the patterns of a `classification` block.
pub(crate) fn read_classification(
    node: &Node,
    classification: &mut Classification,
    reports: &mut Reports<'_>,
) {
    let fields = node.fields(
        reports,
        "`classification`",
        &["builtin", "tiers", "internal_domains"],
    );
    if let Some(builtin) = fields.get("builtin")
        && builtin.boolean(reports, "`builtin`") == Some(false)
    {
        classification.tiers.clear();
        classification.internal_domains.clear();
    }
    if let Some(tiers) = fields.get("tiers") {
        for entry in tiers.entries(reports, "`tiers`") {
            let Some(tier) = Tier::from_name(&entry.key) else {
                unknown_name(entry, "tier", &Tier::ALL.map(Tier::name), reports);
                continue;
            };
            for (pattern, _) in entry.value.texts(reports, "a tier") {
                classification.tiers.push((Glob::new(pattern), tier));
            }
        }
    }
    if let Some(domains) = fields.get("internal_domains") {
        for (domain, span) in domains.texts(reports, "`internal_domains`") {
            let bare = domain.trim_start_matches("*.").trim_start_matches('.');
            if bare.is_empty() || bare.contains(['*', '/', ':', ' ']) {
                reports.error(
                    "policy.wrong-value",
                    span,
                    format!("`{domain}` is not a domain; everything below a domain is included"),
                );
            } else {
                classification
                    .internal_domains
                    .push(bare.to_ascii_lowercase());
            }
        }
    }
}

/// Reads one agent's profile.
pub(crate) fn read_profile(entry: &Entry, reports: &mut Reports<'_>) -> (Glob, Profile) {
    let fields = entry.value.fields(
        reports,
        "a profile",
        &[
            "allowed_action_types",
            "allowed_resources",
            "blocked_resources",
            "max_actions_per_minute",
            "max_risk_score",
            "budget_usd",
        ],
    );
    let mut globs = |name: &'static str| -> Option<Vec<Glob>> {
        let node = fields.get(name)?;
        let texts = node.texts(reports, &format!("`{name}`"));
        Some(texts.into_iter().map(|(t, _)| Glob::new(t)).collect())
    };
    let profile = Profile {
        allowed_actions: globs("allowed_action_types"),
        allowed_resources: globs("allowed_resources"),
        blocked_resources: globs("blocked_resources").unwrap_or_default(),
        actions_per_minute: fields
            .get("max_actions_per_minute")
            .and_then(|n| n.integer(reports, "`max_actions_per_minute`", 0..=1_000_000)),
        risk_max: fields
            .get("max_risk_score")
            .and_then(|n| read_score(n, reports)),
        budget: fields
            .get("budget_usd")
            .map(|n| read_budget(n, reports))
            .unwrap_or_default(),
    };
    (Glob::new(&entry.key), profile)
}

/// What a day and a month may cost, in dollars.
fn read_budget(node: &Node, reports: &mut Reports<'_>) -> ProfileBudget {
    let fields = node.fields(reports, "`budget_usd`", &["day", "month"]);
    let mut dollars = |name: &'static str| {
        let node = fields.get(name)?;
        let nano = match &node.kind {
            Kind::Number(lexeme) => parse_nano(lexeme).filter(|n| *n >= 0),
            _ => None,
        };
        if nano.is_none() {
            reports.error_help(
                "policy.wrong-value",
                node.first_line(reports),
                format!("`{name}` is not an amount of dollars below 9223372036"),
                Some(
                    "write `budget_usd: { day: 20, month: 300.50 }`; days and months are UTC"
                        .to_owned(),
                ),
            );
        }
        nano
    };
    let budget = ProfileBudget {
        day_nano_usd: dollars("day"),
        month_nano_usd: dollars("month"),
    };
    let named = fields.get("day").is_some() || fields.get("month").is_some();
    if matches!(node.kind, Kind::Map(_)) && !named {
        reports.error(
            "policy.missing-field",
            node.first_line(reports),
            "`budget_usd` needs `day`, `month` or both",
        );
    }
    budget
}

/// 0..=100, or with a decimal point the published scale 0.0..=1.0.
fn read_score(node: &Node, reports: &mut Reports<'_>) -> Option<u8> {
    let score = match &node.kind {
        Kind::Number(lexeme) if lexeme.contains('.') => parse_nano(lexeme)
            .filter(|n| (0..=1_000_000_000).contains(n))
            .and_then(|n| u8::try_from(n / 10_000_000).ok()),
        Kind::Number(lexeme) => lexeme.parse::<u8>().ok().filter(|n| *n <= 100),
        _ => None,
    };
    if score.is_none() {
        reports.error(
            "policy.wrong-value",
            node.first_line(reports),
            "`max_risk_score` must be a whole number from 0 to 100, or a decimal from 0.0 to 1.0",
        );
    }
    score
}
