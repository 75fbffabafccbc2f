//! The compiled form of a policy bundle and its evaluation.

mod classification;
mod combine;
mod environment;
pub mod eval;
pub mod expr;
pub mod glob;
mod index;
mod known;
mod limits;
mod needs;
mod profile;
pub mod replay;
pub mod rule;
mod schedule;
mod settings;

use std::fmt;
use std::sync::Arc;

pub use classification::{Classification, Tier};
pub use combine::DEFAULT_ID;
pub use environment::EnvironmentConfig;
pub use known::{Read, each, fact_name, state_name};
pub use needs::{Needs, each_operand};
pub use settings::Settings;

use crate::facts::Facts;
use crate::model::{
    Action, ActionDigest, Effect, Findings, FiredRule, Obligation, Principal, Reason, RuleKind,
    UnixNanos, Vector, VectorSet, limits::RULES_MAX, reason::code,
};
use crate::program::combine::{Ask, Cause, Place, combine};
use crate::program::eval::{EXPR_DEPTH_MAX, EXPR_NODES_MAX, EvalContext, holds};
use crate::program::expr::Expr;
use crate::program::glob::Glob;
use crate::program::index::{Lookup, RuleIndex};
use crate::program::rule::{Band, Profile, Rule, Select};
use crate::risk::RiskReport;
use crate::state::{LIMITS_MAX, LimitCharge, LimitKind, Readings, StateFacts};

/// Bands of the program or of one environment.
pub const BANDS_MAX: usize = 64;
/// Constraints and limits of one rule, and patterns of one selector.
pub const RULE_PARTS_MAX: usize = 256;

/// What a program is made of.
#[derive(Debug, Clone)]
pub struct ProgramParts {
    /// The rules; their order is that of the files and decides nothing.
    pub rules: Vec<Rule>,
    /// What holds when no rule decides.
    pub default: Effect,
    /// The risk bands.
    pub bands: Vec<Band>,
    /// What single environments set instead; the first pattern that matches holds.
    pub environments: Vec<(Glob, EnvironmentConfig)>,
    /// What every other environment has.
    pub base: EnvironmentConfig,
    /// How resources and hosts are classified.
    pub classification: Classification,
    /// The digest of the bundle.
    pub digest: [u8; 32],
    /// The bundle's number, which only grows.
    pub number: u64,
    /// The bundle's name.
    pub name: Arc<str>,
}

/// A compiled policy bundle.
#[derive(Debug, Clone)]
pub struct Program {
    parts: ProgramParts,
    compiled: Vec<CompiledRule>,
    index: RuleIndex,
    needs: Needs,
    default_id: Arc<str>,
    /// Those of the base, then those of each environment.
    settings: Vec<Settings>,
}

/// What is worked out once per rule.
#[derive(Debug, Clone)]
struct CompiledRule {
    /// Conjuncts of the condition that are known before the state is reserved; kept only for
    /// rules with limits.
    known: Vec<Expr>,
    /// What a `redact` of this rule replaces.
    redact: VectorSet,
    /// It has limits, which are reserved before the decision.
    has_limits: bool,
}

/// Why parts do not make a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramError {
    /// The rule or band concerned, empty when it is the whole bundle.
    pub subject: String,
    /// What is wrong, with the limit.
    pub message: String,
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.subject.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "`{}` {}", self.subject, self.message)
        }
    }
}

impl std::error::Error for ProgramError {}

/// What is known of an action before the state is reserved.
#[derive(Debug, Clone, Copy)]
pub struct SelectInput<'a> {
    /// The action.
    pub action: &'a Action,
    /// Who asks.
    pub principal: &'a Principal,
    /// The facts.
    pub facts: &'a Facts,
    /// The engine's clock.
    pub now: UnixNanos,
}

/// Everything that a decision is made from.
#[derive(Debug, Clone, Copy)]
pub struct EvalInput<'a> {
    /// The action.
    pub action: &'a Action,
    /// Who asks.
    pub principal: &'a Principal,
    /// The facts.
    pub facts: &'a Facts,
    /// The risk.
    pub risk: &'a RiskReport,
    /// The findings that count.
    pub findings: &'a Findings,
    /// The readings of state.
    pub readings: &'a Readings,
    /// For each charge of [`Program::charges`], in that order: its rule and the position of its
    /// answer in [`Readings::limits`].
    pub charged: &'a [(u32, usize)],
    /// The agent's profile.
    pub profile: Option<&'a Profile>,
    /// What a person has approved.
    pub grant: Option<&'a Grant>,
    /// The engine's clock.
    pub now: UnixNanos,
    /// The configuration of the action's environment, from [`Program::environment`].
    pub environment: &'a EnvironmentConfig,
    /// The detectors that failed; each denies.
    pub failed: VectorSet,
}

/// An approval given by a person for exactly one action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The action that was approved.
    pub digest: ActionDigest,
    /// The ids in [`Evaluation::approvals`] that were shown and approved; empty: all of them.
    pub rules: Vec<Arc<str>>,
    /// The approval.
    pub approval_id: Arc<str>,
}

impl Grant {
    /// Whether the grant is for this very action.
    fn binds(&self, input: &EvalInput<'_>) -> bool {
        self.digest == ActionDigest::of(&input.principal.tenant, input.action)
    }
}

/// What the program says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// What the caller must do: the effect decided, or the next stricter one that the enforcement
    /// point can do.
    pub effect: Effect,
    /// What was decided before the enforcement point's capabilities were considered.
    pub decided: Effect,
    /// Everything that fired, whether it decided or not.
    pub fired: Vec<FiredRule>,
    /// What the shadow rules would have asked for.
    pub shadow: Vec<FiredRule>,
    /// Why; the first one decided.
    pub reasons: Vec<Reason>,
    /// What the enforcement point must also do.
    pub obligations: Vec<Obligation>,
    /// The ids of what asks for approval, when the effect is that; what a grant must name.
    pub approvals: Vec<Arc<str>>,
}

impl Program {
    /// Compiles a program.
    ///
    /// # Errors
    /// More than [`RULES_MAX`] rules or [`BANDS_MAX`] bands, an id that is empty, reserved or used
    /// twice, a condition deeper than [`EXPR_DEPTH_MAX`] or larger than [`EXPR_NODES_MAX`], a limit
    /// without a window.
    pub fn new(parts: ProgramParts) -> Result<Self, ProgramError> {
        let count = parts.rules.len();
        if count > RULES_MAX {
            return Err(bundle_error(format!(
                "the bundle has {count} rules, the limit is {RULES_MAX}"
            )));
        }
        check_ids(&parts.rules)?;
        let mut needs = Needs::default();
        let mut compiled = Vec::with_capacity(count);
        for rule in &parts.rules {
            check_rule(rule)?;
            needs.add_rule(rule);
            compiled.push(CompiledRule::new(rule));
        }
        let environments = parts.environments.iter().map(|(_, e)| e);
        for bands in std::iter::once(&parts.bands).chain(
            std::iter::once(&parts.base)
                .chain(environments)
                .filter_map(|e| e.bands.as_ref()),
        ) {
            check_bands(bands, &mut needs)?;
        }
        let environments = parts.environments.iter().map(|(_, e)| e);
        Ok(Self {
            settings: std::iter::once(&parts.base)
                .chain(environments)
                .map(|e| Settings::of(&parts.classification, e))
                .collect(),
            index: RuleIndex::new(&parts.rules),
            compiled,
            needs,
            default_id: Arc::from(DEFAULT_ID),
            parts,
        })
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.parts.rules
    }

    /// The parts that the program was made of.
    #[must_use]
    pub fn parts(&self) -> &ProgramParts {
        &self.parts
    }

    /// The digest of the bundle.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.parts.digest
    }

    /// The bundle's number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.parts.number
    }

    /// The bundle's name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.parts.name
    }

    /// How resources and hosts are classified.
    #[must_use]
    pub fn classification(&self) -> &Classification {
        &self.parts.classification
    }

    /// What rules and bands read.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// The configuration of the environment called `name`: that of the first pattern that
    /// matches, else the base.
    #[must_use]
    pub fn environment(&self, name: &str) -> &EnvironmentConfig {
        self.parts
            .environments
            .iter()
            .find(|(glob, _)| glob.matches(name))
            .map_or(&self.parts.base, |(_, config)| config)
    }

    /// What facts, scores and findings of an action in that environment are made under.
    #[must_use]
    pub fn settings(&self, environment: &str) -> Settings {
        let at = self
            .parts
            .environments
            .iter()
            .position(|(glob, _)| glob.matches(environment))
            .map_or(0, |at| at + 1);
        self.settings.get(at).copied().unwrap_or_default()
    }

    /// The limits to reserve before a decision on this action, each with its rule.
    ///
    /// These are the limits of the rules that select the action as far as that is known before the
    /// state is read: a conjunct of a condition that reads risk, findings or state is taken to
    /// hold. At most [`LIMITS_MAX`] are asked; a rule whose limit was not counts as in error.
    pub fn charges(&self, input: &SelectInput<'_>, out: &mut Vec<(u32, LimitCharge)>) {
        if !self.needs.state {
            return;
        }
        let mut candidates = Vec::new();
        for (number, rule) in self.candidates(input.action, input.facts, &mut candidates) {
            let Some(compiled) = self.compiled.get(number as usize) else {
                continue;
            };
            if !compiled.has_limits
                || rule.shadow
                || !rule.selects(input)
                || !compiled.may_hold(input)
            {
                continue;
            }
            for limit in rule.require.iter().flat_map(|r| &r.limits) {
                if out.len() >= LIMITS_MAX {
                    return;
                }
                out.push((number, limit.charge(&rule.id, input.action, input.facts)));
            }
        }
    }

    /// Decides.
    #[must_use]
    pub fn evaluate(&self, input: &EvalInput<'_>) -> Evaluation {
        self.evaluate_with(input, &[])
    }

    /// Decides where the verdicts of some rules are given instead of found.
    fn evaluate_with(&self, input: &EvalInput<'_>, taken: &[(u32, Taken)]) -> Evaluation {
        let mut asks = Vec::new();
        let mut shadow = Vec::new();
        system(input, &mut asks);
        if let Some(profile) = input.profile {
            profile.breaches(
                input.action,
                input.facts,
                input.risk,
                &input.readings.state,
                &mut |breach| {
                    asks.push(Ask::new(
                        Arc::from(breach.code()),
                        RuleKind::Profile,
                        Place::Floor,
                        Effect::Block,
                        Cause::Profile(breach),
                    ));
                },
            );
        }
        let cx = input.conditions();
        let select = SelectInput {
            action: input.action,
            principal: input.principal,
            facts: input.facts,
            now: input.now,
        };
        let mut candidates = Vec::new();
        self.index
            .candidates(&lookup(input.action, input.facts), &mut candidates);
        if !taken.is_empty() {
            candidates.extend(taken.iter().map(|(number, _)| *number));
            candidates.sort_unstable();
            candidates.dedup();
        }
        for number in candidates {
            let Some(rule) = self.parts.rules.get(number as usize) else {
                continue;
            };
            let ask = match taken.iter().find(|(of, _)| *of == number) {
                None if !rule.selects(&select) => continue,
                None => self.ask(number, rule, input, &cx),
                Some((_, Taken::Silent)) => None,
                Some((_, taken)) => {
                    let errored = *taken == Taken::Errored;
                    Some(self.ask_for(number, rule, Cause::Rule(rule), errored))
                }
            };
            if let Some(ask) = ask {
                if rule.shadow {
                    shadow.push(ask_to_shadow(&ask));
                } else {
                    asks.push(ask);
                }
            }
        }
        let bands = input
            .environment
            .bands
            .as_ref()
            .unwrap_or(&self.parts.bands);
        bands_reached(bands, &cx, &mut asks);
        detectors(input, &mut asks);
        let default = input.environment.default.unwrap_or(self.parts.default);
        combine(input, asks, shadow, (&self.default_id, default))
    }

    fn candidates<'p>(
        &'p self,
        action: &Action,
        facts: &Facts,
        scratch: &'p mut Vec<u32>,
    ) -> impl Iterator<Item = (u32, &'p Rule)> {
        self.index.candidates(&lookup(action, facts), scratch);
        scratch.iter().filter_map(|number| {
            let rule = self.parts.rules.get(*number as usize)?;
            Some((*number, rule))
        })
    }

    /// What a selected rule asks for, if it fires or cannot be evaluated.
    fn ask<'a>(
        &'a self,
        number: u32,
        rule: &'a Rule,
        input: &EvalInput<'a>,
        cx: &EvalContext<'a>,
    ) -> Option<Ask<'a>> {
        let mut retry_after_ms = 0;
        let (cause, errored) = match verdict(number, rule, input, cx, &mut retry_after_ms) {
            Verdict::Silent => return None,
            Verdict::Fired(cause) => (cause, false),
            Verdict::Errored(cause) => (cause, true),
        };
        let mut ask = self.ask_for(number, rule, cause, errored);
        ask.retry_after_ms = retry_after_ms;
        Some(ask)
    }

    /// What a rule asks for that fired or could not be evaluated.
    fn ask_for<'a>(
        &'a self,
        number: u32,
        rule: &'a Rule,
        cause: Cause<'a>,
        errored: bool,
    ) -> Ask<'a> {
        let (place, kind) = if rule.mandatory {
            (Place::Floor, RuleKind::Mandatory)
        } else if errored {
            (Place::Floor, RuleKind::Rule)
        } else if !rule.cites.is_empty() && rule.effect > Effect::Allow {
            (Place::Pack, RuleKind::Rule)
        } else {
            (Place::Layer(rule.layer, rule.priority), RuleKind::Rule)
        };
        let mut ask = Ask::new(rule.id.clone(), kind, place, rule.effect, cause);
        ask.errored = errored;
        ask.overridable = rule.overridable;
        ask.exempt = rule.exempt;
        ask.notify = &rule.notify;
        ask.approvers = rule.approvers.as_ref();
        ask.redact = self
            .compiled
            .get(number as usize)
            .map_or(VectorSet::ALL, |c| c.redact);
        ask
    }
}

fn lookup<'a>(action: &'a Action, facts: &'a Facts) -> Lookup<'a> {
    Lookup {
        action_type: &action.action_type,
        tool: &action.tool,
        agent: &action.agent_id,
        resource: &action.resource,
        name: &facts.resource.name,
        names: &facts.resource.names,
    }
}

fn ask_to_shadow(ask: &Ask<'_>) -> FiredRule {
    FiredRule {
        id: ask.id.clone(),
        kind: ask.kind,
        effect: ask.effect,
        decided: false,
        errored: ask.errored,
    }
}

impl<'a> EvalInput<'a> {
    fn conditions(&self) -> EvalContext<'a> {
        EvalContext {
            action: self.action,
            facts: self.facts,
            risk: self.risk,
            findings: self.findings,
            state: &self.readings.state,
        }
    }
}

/// The verdict of a rule that is given instead of found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Silent,
    Fired,
    Errored,
}

enum Verdict<'a> {
    Silent,
    Fired(Cause<'a>),
    Errored(Cause<'a>),
}

fn verdict<'a>(
    number: u32,
    rule: &'a Rule,
    input: &EvalInput<'a>,
    cx: &EvalContext<'a>,
    retry_after_ms: &mut i64,
) -> Verdict<'a> {
    match rule.when.as_ref().map_or(Ok(true), |when| holds(when, cx)) {
        Ok(true) => {}
        Ok(false) => return Verdict::Silent,
        Err(error) => return Verdict::Errored(Cause::RuleError(rule, error)),
    }
    let Some(require) = &rule.require else {
        return Verdict::Fired(Cause::Rule(rule));
    };
    let mut cause = require
        .arguments
        .iter()
        .find(|constraint| constraint.is_violated(&input.action.arguments))
        .map(|constraint| Cause::Argument(rule, constraint));
    let mut unread = false;
    // A shadow rule reserves nothing, so only its constraints on arguments can be judged.
    if !rule.shadow {
        let mut charged = input.charged.iter().filter(|(of, _)| *of == number);
        for limit in &require.limits {
            let Some(reading) = charged
                .next()
                .and_then(|(_, at)| input.readings.limits.get(*at))
            else {
                unread = true;
                continue;
            };
            if reading.exceeded {
                *retry_after_ms = (*retry_after_ms).max(reading.retry_after_ms);
                cause.get_or_insert(Cause::Limit(rule, limit, reading.used));
            }
        }
    }
    match cause {
        Some(cause) => Verdict::Fired(cause),
        None if unread => Verdict::Errored(Cause::LimitUnread(rule)),
        None => Verdict::Silent,
    }
}

impl Rule {
    /// Whether selectors, expiry and schedule select the action; the condition aside.
    fn selects(&self, input: &SelectInput<'_>) -> bool {
        self.select.selects(input)
            && self.expires.is_none_or(|expires| input.now < expires)
            && self.schedule.as_ref().is_none_or(|s| s.covers(input.now))
    }
}

impl Select {
    fn selects(&self, input: &SelectInput<'_>) -> bool {
        let action = input.action;
        let one = |globs: &[Glob], text: &str| {
            globs.is_empty() || globs.iter().any(|glob| glob.matches(text))
        };
        // The environment is the credential's if that is bound, else as claimed.
        let environment = input
            .principal
            .environment
            .as_deref()
            .unwrap_or(action.environment.name.trim());
        (self.actions.is_empty() || profile::selects_type(&self.actions, &action.action_type))
            && one(&self.tools, &action.tool)
            && one(&self.environments, environment)
            && one(&self.agents, &action.agent_id)
            && (self.resources.is_empty()
                || profile::names(action, input.facts)
                    .any(|name| self.resources.iter().any(|glob| glob.matches(name))))
    }
}

/// The system's own denials.
fn system(input: &EvalInput<'_>, asks: &mut Vec<Ask<'_>>) {
    let state = &input.readings.state;
    let environment = input.environment;
    let mut deny = |code: &'static str, effect: Effect, message: String| {
        asks.push(Ask::new(
            Arc::from(code),
            RuleKind::System,
            Place::Floor,
            effect,
            Cause::System(code, message),
        ));
    };
    if state.kill_switch {
        deny(
            code::KILL_SWITCH,
            Effect::Block,
            "the kill switch is on".to_owned(),
        );
    }
    if state.tool_stopped {
        let message = "a person has stopped this tool".to_owned();
        deny(code::TOOL_STOPPED, Effect::Block, message);
    }
    if state.agent_paused {
        let message = format!("agent `{}` is paused", input.action.agent_id);
        deny(code::AGENT_PAUSED, Effect::Block, message);
    }
    for vector in Vector::ALL {
        if input.failed.contains(vector) {
            let message = format!("detector `{}` failed on this input", vector.name());
            deny(code::DETECTOR_PANIC, Effect::Block, message);
        }
    }
    if state.breaker_open {
        let message = format!(
            "a circuit breaker of agent `{}` is open",
            input.action.agent_id
        );
        deny(code::BREAKER, Effect::Block, message);
    }
    // Shares are per mille, this action included: 1000 is a budget used to the last cent.
    if state.budget_used > 1_000 {
        let message = format!(
            "this action would use {}.{}% of a budget",
            state.budget_used / 10,
            state.budget_used % 10
        );
        deny(code::BUDGET, Effect::Block, message);
    }
    for reading in &input.readings.ledger {
        if reading.verdict.refuses() {
            deny(code::BUDGET, Effect::Block, reading.message());
        }
    }
    if environment.loop_effect > Effect::Allow {
        if state.identical_calls > environment.loop_identical_max {
            let message = format!(
                "the same call {} times within five minutes, the limit is {}",
                state.identical_calls, environment.loop_identical_max
            );
            deny(code::LOOP, environment.loop_effect, message);
        } else if state.similar_calls > environment.loop_similar_max {
            let message = format!(
                "calls to the same target {} times within five minutes, the limit is {}",
                state.similar_calls, environment.loop_similar_max
            );
            deny(code::LOOP, environment.loop_effect, message);
        }
    }
}

/// Every band that the risk reaches, the lower ones too: the strictest of them counts.
fn bands_reached<'a>(bands: &'a [Band], cx: &EvalContext<'a>, asks: &mut Vec<Ask<'a>>) {
    let composite = cx.risk.composite;
    for band in bands.iter().filter(|band| composite >= band.from) {
        let (cause, errored) = match band.when.as_ref().map_or(Ok(true), |when| holds(when, cx)) {
            Ok(false) => continue,
            Ok(true) => (Cause::Band(band.from, composite), false),
            Err(error) => (Cause::BandError(band.from, error), true),
        };
        let place = if errored { Place::Floor } else { Place::Band };
        let id = Arc::from(format!("band.{}", band.from));
        let mut ask = Ask::new(id, RuleKind::Band, place, band.effect, cause);
        ask.errored = errored;
        ask.notify = &band.notify;
        ask.redact = [Vector::Pii].into_iter().collect();
        asks.push(ask);
    }
}

/// Every detector at its threshold.
fn detectors(input: &EvalInput<'_>, asks: &mut Vec<Ask<'_>>) {
    for vector in Vector::ALL {
        let confidence = input.findings.confidence(vector);
        let effect = input.environment.detector_effect(vector);
        if confidence == 0 || effect == Effect::Allow {
            continue;
        }
        let Some(threshold) = input.environment.threshold(vector) else {
            continue;
        };
        if confidence < threshold {
            continue;
        }
        let mut ask = Ask::new(
            Arc::from(format!("detector.{}", vector.name())),
            RuleKind::Detector,
            Place::Detector(vector),
            effect,
            Cause::Detector(vector, confidence, threshold),
        );
        ask.redact = [vector].into_iter().collect();
        asks.push(ask);
    }
}

impl CompiledRule {
    fn new(rule: &Rule) -> Self {
        let has_limits = rule.require.as_ref().is_some_and(|r| !r.limits.is_empty());
        let mut needs = Needs::default();
        let mut known = Vec::new();
        if let Some(when) = &rule.when {
            needs.add_expr(when);
            if has_limits {
                known_conjuncts(when, &mut known);
            }
        }
        Self {
            known,
            redact: needs.redactable(),
            has_limits,
        }
    }

    /// Whether the condition may still hold once the state is known.
    ///
    /// A conjunct that is false makes the whole false or an error, and a rule in error counts as
    /// fired without asking its limits.
    fn may_hold(&self, input: &SelectInput<'_>) -> bool {
        if self.known.is_empty() {
            return true;
        }
        let (risk, findings, state) = (
            RiskReport::default(),
            Findings::default(),
            StateFacts::default(),
        );
        let cx = EvalContext {
            action: input.action,
            facts: input.facts,
            risk: &risk,
            findings: &findings,
            state: &state,
        };
        self.known.iter().all(|c| holds(c, &cx) != Ok(false))
    }
}

fn known_conjuncts(when: &Expr, known: &mut Vec<Expr>) {
    if let Expr::And(a, b) = when {
        known_conjuncts(a, known);
        known_conjuncts(b, known);
        return;
    }
    let mut needs = Needs::default();
    needs.add_expr(when);
    if !needs.waits_for_state() {
        known.push(when.clone());
    }
}

fn bundle_error(message: String) -> ProgramError {
    ProgramError {
        subject: String::new(),
        message,
    }
}

fn rule_error(rule: &Rule, message: String) -> ProgramError {
    ProgramError {
        subject: rule.id.to_string(),
        message,
    }
}

fn check_ids(rules: &[Rule]) -> Result<(), ProgramError> {
    let mut seen = std::collections::BTreeMap::new();
    for rule in rules {
        if rule.id.is_empty() {
            return Err(bundle_error(format!(
                "the rule at {} has no id",
                rule.origin
            )));
        }
        // Such an id could be taken for something else in a grant.
        let reserved = ["band.", "detector."]
            .iter()
            .any(|p| rule.id.starts_with(p))
            || crate::model::REASONS.iter().any(|r| r.code == &*rule.id);
        if reserved {
            return Err(rule_error(rule, "is a reserved id".to_owned()));
        }
        if let Some(first) = seen.insert(&rule.id, &rule.origin) {
            return Err(rule_error(
                rule,
                format!("is the id of two rules, at {first} and at {}", rule.origin),
            ));
        }
    }
    Ok(())
}

fn check_rule(rule: &Rule) -> Result<(), ProgramError> {
    if let Some(when) = &rule.when {
        check_condition(when).map_err(|message| rule_error(rule, message))?;
    }
    let select = &rule.select;
    let arguments = rule.require.as_ref().map_or(0, |r| r.arguments.len());
    let limits = rule.require.as_ref().map_or(0, |r| r.limits.len());
    for (what, count) in [
        ("action patterns", select.actions.len()),
        ("tool patterns", select.tools.len()),
        ("resource patterns", select.resources.len()),
        ("environment patterns", select.environments.len()),
        ("agent patterns", select.agents.len()),
        ("constraints on arguments", arguments),
        ("limits", limits),
    ] {
        if count > RULE_PARTS_MAX {
            return Err(rule_error(
                rule,
                format!("has {count} {what}, the limit is {RULE_PARTS_MAX}"),
            ));
        }
    }
    for limit in rule.require.iter().flat_map(|r| &r.limits) {
        if limit.window_ms <= 0 || limit.max < 0 {
            return Err(rule_error(
                rule,
                "has a limit without a positive window or with a negative maximum".to_owned(),
            ));
        }
        let preceded = limit.kind == LimitKind::PrecededBy;
        if preceded != limit.tool.is_some() || (preceded && limit.per.is_some()) {
            return Err(rule_error(
                rule,
                "has a limit `preceded_by` without a tool or with `per`, or another with a tool"
                    .to_owned(),
            ));
        }
    }
    Ok(())
}

fn check_bands(bands: &[Band], needs: &mut Needs) -> Result<(), ProgramError> {
    if bands.len() > BANDS_MAX {
        return Err(bundle_error(format!(
            "there are {} risk bands, the limit is {BANDS_MAX}",
            bands.len()
        )));
    }
    for band in bands {
        if let Some(when) = &band.when {
            check_condition(when).map_err(|message| ProgramError {
                subject: format!("band.{}", band.from),
                message,
            })?;
            needs.add_expr(when);
        }
        needs.risk = true;
    }
    Ok(())
}

/// Depth and size, before anything walks the condition without counting.
fn check_condition(expr: &Expr) -> Result<(), String> {
    let mut nodes = 0;
    let mut open = vec![(expr, 1u32)];
    while let Some((expr, depth)) = open.pop() {
        nodes += 1;
        if depth > EXPR_DEPTH_MAX {
            return Err(format!(
                "has a condition nested deeper than {EXPR_DEPTH_MAX}"
            ));
        }
        if nodes > EXPR_NODES_MAX {
            return Err(format!(
                "has a condition of more than {EXPR_NODES_MAX} operators and operands"
            ));
        }
        each_operand(expr, &mut |operand| open.push((operand, depth + 1)));
    }
    Ok(())
}
