//! From the files of a bundle to the parts of a program.

use std::collections::BTreeMap;
use std::sync::Arc;

use interlock_core::model::{Effect, Layer, limits::RULES_MAX};
use interlock_core::program::glob::Glob;
use interlock_core::program::rule::{Profile, Rule};
use interlock_core::program::{Classification, EnvironmentConfig, Program, ProgramParts};
use sha2::{Digest, Sha256};

use crate::analyse;
use crate::bundle::Source;
use crate::cedar_file;
use crate::diagnostic::{Diagnostic, Reports, Severity, SourceText, nearest};
use crate::document::{self, Node};
use crate::rule_document::{self, LocatedRule};
use crate::schema::Validators;
use crate::settings::{self, SETTINGS, Settings};
use crate::test_cases::{self, Expectation, LocatedTest, TestCase};

/// Files of one bundle.
pub const SOURCES_MAX: usize = 1_000;
/// Diagnostics reported of one bundle.
const DIAGNOSTICS_MAX: usize = 200;

/// A bundle that compiled.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The program.
    pub program: Program,
    /// Profiles of agents that the bundle sets, by pattern of the agent's id; the first match
    /// holds.
    pub profiles: Vec<(Glob, Profile)>,
    /// What deserves attention.
    pub warnings: Vec<Diagnostic>,
    /// The bundle's own tests.
    pub tests: Vec<TestCase>,
}

impl Compiled {
    /// The profile of an agent.
    #[must_use]
    pub fn profile(&self, agent_id: &str) -> Option<&Profile> {
        self.profiles
            .iter()
            .find(|(glob, _)| glob.matches(agent_id))
            .map(|(_, profile)| profile)
    }
}

/// Compiles the files of a bundle; `number` is the bundle's number, which only grows.
///
/// # Errors
/// Everything that is wrong with the bundle, errors before warnings, each with file, line and
/// column.
pub fn compile(sources: &[Source], number: u64) -> Result<Compiled, Vec<Diagnostic>> {
    let sources = crate::bundle::resolve(sources)?;
    let texts: Vec<SourceText<'_>> = sources
        .iter()
        .map(|s| SourceText::new(&s.name, &s.text))
        .collect();
    let mut reading = Reading::default();
    for (index, (source, text)) in sources.iter().zip(&texts).enumerate() {
        let mut reports = Reports::new(text);
        reading.source(index, source, &mut reports);
        reading.found.append(&mut reports.found);
    }
    reading.check_unique(&texts);
    if reading.settings.default.is_none() {
        reading.found.push(no_default(&texts));
    }
    let known: Vec<&str> = reading.rules.iter().map(|r| &*r.rule.id).collect();
    test_cases::check_ids(&reading.tests, &known, &texts, &mut reading.found);
    reading
        .found
        .extend(analyse::analyse(&reading.rules, &reading.tests, &texts));
    let Reading {
        rules,
        tests,
        settings,
        environments,
        classification,
        profiles,
        name,
        mut found,
        ..
    } = reading;
    // Errors first, then in the order of the files.
    found.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| place(a, &sources).cmp(&place(b, &sources)))
    });
    found.truncate(DIAGNOSTICS_MAX);
    if found.iter().any(Diagnostic::is_error) {
        return Err(found);
    }
    let places: Vec<(Arc<str>, usize, std::ops::Range<usize>)> = rules
        .iter()
        .map(|r| (r.rule.id.clone(), r.source, r.id_span.clone()))
        .collect();
    let parts = parts(
        rules.into_iter().map(|r| r.rule).collect(),
        &settings,
        environments,
        classification,
        digest(&sources),
        number,
        name,
    );
    match Program::new(parts) {
        Ok(program) => Ok(Compiled {
            program,
            profiles,
            warnings: found,
            tests: tests.into_iter().map(|t| t.case).collect(),
        }),
        Err(e) => {
            let rule = places.iter().find(|(id, ..)| **id == *e.subject);
            let diagnostic = match rule.and_then(|(_, s, span)| Some((texts.get(*s)?, span))) {
                Some((text, span)) => text.diagnostic(
                    Severity::Error,
                    "policy.limit",
                    span.clone(),
                    format!("rule {e}"),
                    None,
                ),
                None => {
                    let file = sources.first().map(|s| s.name.clone()).unwrap_or_default();
                    whole_bundle("policy.limit", file, e.to_string())
                }
            };
            found.insert(0, diagnostic);
            Err(found)
        }
    }
}

fn place<'a>(d: &Diagnostic, sources: &'a [Source]) -> (usize, u32, u32) {
    let file = sources
        .iter()
        .position(|s: &'a Source| s.name == d.file)
        .unwrap_or(usize::MAX);
    (file, d.line, d.column)
}

fn whole_bundle(code: &'static str, file: String, message: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code,
        message,
        help: None,
        file,
        line: 0,
        column: 0,
        width: 1,
        excerpt: String::new(),
    }
}

fn no_default(texts: &[SourceText<'_>]) -> Diagnostic {
    let file = texts.first().map(|t| t.name.to_owned()).unwrap_or_default();
    Diagnostic {
        help: Some("write `default: allow` or `default: block`".to_owned()),
        ..whole_bundle(
            "policy.missing-field",
            file,
            "no file says `default`, what holds when nothing else decides".to_owned(),
        )
    }
}

fn parts(
    rules: Vec<Rule>,
    settings: &Settings,
    environments: BTreeMap<String, Settings>,
    classification: Classification,
    digest: [u8; 32],
    number: u64,
    name: Option<String>,
) -> ProgramParts {
    let mut base = EnvironmentConfig::default();
    settings.apply(&mut base);
    let bands = base.bands.take().unwrap_or_default();
    base.default = None;
    let mut environments: Vec<(Glob, EnvironmentConfig)> = environments
        .into_iter()
        .map(|(pattern, own)| {
            let mut config = base.clone();
            own.apply(&mut config);
            (Glob::new(&pattern), config)
        })
        .collect();
    // The first match holds: names before patterns, long patterns before short ones.
    environments.sort_by_key(|(glob, _)| {
        (
            glob.literal().is_none(),
            std::cmp::Reverse(glob.pattern().len()),
        )
    });
    ProgramParts {
        rules,
        default: settings.default.unwrap_or(Effect::Block),
        bands,
        environments,
        base,
        classification,
        digest,
        number,
        name: Arc::from(name.as_deref().unwrap_or("policy")),
    }
}

/// SHA-256 over layer, name and text of every file, lengths included, in the order of layers and
/// names.
fn digest(sources: &[Source]) -> [u8; 32] {
    let mut order: Vec<&Source> = sources.iter().collect();
    order.sort_by(|a, b| (a.layer, &a.name).cmp(&(b.layer, &b.name)));
    let mut hash = Sha256::new();
    hash.update(b"interlock-policy-v1\0");
    for source in order {
        hash.update([source.layer.unwrap_or_default() as u8]);
        for part in [&source.name, &source.text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    hash.finalize().into()
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Reading {
    validators: Validators,
    rules: Vec<LocatedRule>,
    tests: Vec<LocatedTest>,
    settings: Settings,
    environments: BTreeMap<String, Settings>,
    classification: Classification,
    profiles: Vec<(Glob, Profile)>,
    name: Option<String>,
    found: Vec<Diagnostic>,
}

pub(crate) const BUNDLE: &[&str] = &[
    "interlock",
    "name",
    "description",
    "layer",
    "extends",
    "default",
    "rules",
    "risk_bands",
    "environments",
    "risk",
    "detectors",
    "loops",
    "regions",
    "operating_hours",
    "packs",
    "classification",
    "profiles",
    "tests",
];

impl Reading {
    fn source(&mut self, index: usize, source: &Source, reports: &mut Reports<'_>) {
        if source.is_cedar() {
            let layer = source.layer.unwrap_or_default();
            let rules = cedar_file::read(index, layer, &mut self.validators, reports);
            self.rules.extend(rules);
            return;
        }
        let Some(root) = document::parse(reports) else {
            return;
        };
        let fields = root.fields(reports, "a bundle", BUNDLE);
        match fields.get("interlock") {
            Some(version) => {
                if !matches!(&version.kind, document::Kind::Number(n) if n == "1") {
                    let span = version.first_line(reports);
                    reports.error_help(
                        "policy.wrong-value",
                        span,
                        "the file has a format that is not known here",
                        Some("this version reads `interlock: 1`".to_owned()),
                    );
                }
            }
            None => reports.error_help(
                "policy.missing-field",
                0..1,
                "the file does not say which format it has",
                Some("begin it with `interlock: 1`".to_owned()),
            ),
        }
        let layer = fields
            .get("layer")
            .and_then(|l| read_layer(l, reports))
            .or(source.layer)
            .unwrap_or_default();
        if let Some(name) = fields.get("name")
            && let Some(name) = name.text(reports, "`name`")
            && !source.extended
        {
            self.name.get_or_insert_with(|| name.to_owned());
        }
        if let Some(description) = fields.get("description") {
            description.text(reports, "`description`");
        }
        let own = Settings::read(fields, &mut self.validators, reports);
        self.settings.join(own);
        if let Some(environments) = fields.get("environments") {
            self.environments(environments, reports);
        }
        if let Some(classification) = fields.get("classification") {
            settings::read_classification(classification, &mut self.classification, reports);
        }
        if let Some(profiles) = fields.get("profiles") {
            for entry in profiles.entries(reports, "`profiles`") {
                self.profiles.push(settings::read_profile(entry, reports));
            }
        }
        if let Some(rules) = fields.get("rules") {
            self.rules(index, layer, rules, reports);
        }
        if let Some(tests) = fields.get("tests") {
            for test in tests.list(reports, "`tests`") {
                let Some(mut test) = test_cases::read(test, index, reports) else {
                    continue;
                };
                if source.extended {
                    // What fires still fires; what comes of it is for the extending bundle to say.
                    test.case.expect.effect = None;
                    if test.case.expect == Expectation::default() {
                        continue;
                    }
                }
                self.tests.push(test);
            }
        }
    }

    fn environments(&mut self, node: &Node, reports: &mut Reports<'_>) {
        for entry in node.entries(reports, "`environments`") {
            let what = format!("environment `{}`", entry.key);
            let fields = entry.value.fields(reports, &what, SETTINGS);
            let own = Settings::read(fields, &mut self.validators, reports);
            self.environments
                .entry(entry.key.clone())
                .or_default()
                .join(own);
        }
    }

    fn rules(&mut self, index: usize, layer: Layer, node: &Node, reports: &mut Reports<'_>) {
        let rules = node.list(reports, "`rules`");
        if self.rules.len() + rules.len() > RULES_MAX {
            let span = node.first_line(reports);
            reports.error(
                "policy.limit",
                span,
                format!(
                    "the bundle has {} rules, the limit is {RULES_MAX}",
                    self.rules.len() + rules.len()
                ),
            );
            return;
        }
        for rule in rules {
            self.rules.extend(rule_document::read(
                rule,
                index,
                layer,
                &mut self.validators,
                reports,
            ));
        }
    }

    /// Every id is used once.
    fn check_unique(&mut self, texts: &[SourceText<'_>]) {
        let mut first: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
        for located in &self.rules {
            let rule = &located.rule;
            if let Some(origin) = first.get(&rule.id) {
                if let Some(text) = texts.get(located.source) {
                    self.found.push(text.diagnostic(
                        Severity::Error,
                        "policy.duplicate-id",
                        located.id_span.clone(),
                        format!("the id `{}` is used twice", rule.id),
                        Some(format!("the other one is at {origin}")),
                    ));
                }
            } else {
                first.insert(rule.id.clone(), rule.origin.clone());
            }
        }
    }
}

fn read_layer(node: &Node, reports: &mut Reports<'_>) -> Option<Layer> {
    let name = node.text(reports, "`layer`")?;
    let layer = crate::bundle::layer_from_name(name);
    if layer.is_none() {
        let help = nearest(name, ["organisation", "team", "agent"])
            .map(|near| format!("did you mean `{near}`?"));
        reports.error_help(
            "policy.wrong-value",
            node.first_line(reports),
            format!("`{name}` is not a layer: `organisation`, `team` or `agent`"),
            help,
        );
    }
    layer
}
