//! Policy replay: what a draft would have decided, from what the record holds.
//!
//! Facts, findings, scores of the seven dimensions and readings of state are those of the record;
//! rules, bands, thresholds, weights and marks are the draft's. Nothing is looked for anew in the
//! content.
//!
//! **Invariant:** nothing is guessed. What a record does not hold is looked for in this order: in
//! what a rule decided then, where the draft has the very same rule; in both answers, where they
//! lead to one decision; and then the action is listed as one that cannot be re-evaluated, with
//! what is missing.
//!
//! Windows and budgets are as they were: that an earlier action would have been blocked frees
//! nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::audit::recorded::Recorded;
use crate::detectors;
use crate::facts::{FactId, FactType};
use crate::model::reason::code;
use crate::model::{
    ActionDigest, Effect, Findings, FiredRule, Principal, RuleKind, Vector, VectorSet,
};
use crate::program::eval::EvalContext;
use crate::program::expr::Expr;
use crate::program::known::{Known, each, fact_name, known, lacking, state_name};
use crate::program::rule::{Band, Profile, Rule};
use crate::program::{
    DEFAULT_ID, EvalInput, Evaluation, Grant, Program, Read, SelectInput, Settings, Taken,
};
use crate::risk::{self, RiskReport};
use crate::state::{LimitKind, LimitReading, Readings};

/// Rules of which an action may lack something and still be decided by trying each answer.
const UNDECIDED_MAX: usize = 2;

/// Denials of the system that follow from the readings and are found anew.
const FOUND_ANEW: &[&str] = &[
    code::KILL_SWITCH,
    code::AGENT_PAUSED,
    code::DETECTOR_PANIC,
    code::BREAKER,
    code::BUDGET,
    code::LOOP,
    "engine",
    // A draft is a policy.
    "no-policy",
];

macro_rules! missing {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal;)*) => {
        /// Why an action cannot be re-evaluated.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum MissingKind { $($(#[doc = $doc])* $variant,)* }

        impl MissingKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it means, for people.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),*).trim_ascii(),)* }
            }
        }
    };
}

missing! {
    /// the record is not readable by this version
    Unreadable = "unreadable";
    /// the action ran before anybody asked, so no policy decided it
    Reported = "reported";
    /// the record does not say under which settings its facts and scores were made
    SettingsUnknown = "settings-unknown";
    /// the draft classifies resources, or scores packs, hours or regions, in another way than when it was recorded
    SettingsChanged = "settings-changed";
    /// the draft has a detector on that did not run
    DetectorNotRun = "detector-not-run";
    /// the draft lets weaker findings count than were recorded
    BelowThreshold = "below-threshold";
    /// a rule reads an argument, which the record does not hold
    Argument = "argument";
    /// a rule reads a counter that was not read
    Counter = "counter";
    /// a rule reads names, which the record does not hold
    Names = "names";
    /// a rule reads a fact or a reading that the record does not hold, or holds in part
    Fact = "fact";
    /// the profile of the agent is another one than it was
    Profile = "profile";
    /// more was found than the record holds
    FindingsCut = "findings-cut";
}

/// What is missing to re-evaluate an action.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Missing {
    /// Why.
    pub kind: MissingKind,
    /// Which argument, rule, detector or fact; empty where the kind says it all.
    pub what: String,
}

impl Missing {
    /// What is missing.
    #[must_use]
    pub fn new(kind: MissingKind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.what.is_empty() {
            f.write_str(self.kind.meaning())
        } else {
            write!(f, "{}: `{}`", self.kind.meaning(), self.what)
        }
    }
}

/// What a draft makes of a recorded action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// It is decided.
    Decided(Redecided),
    /// It cannot be.
    Unknown(BTreeSet<Missing>),
}

/// A decision made anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redecided {
    /// What the caller would have to do.
    pub effect: Effect,
    /// What was decided before the enforcement point's capabilities were considered.
    pub decided: Effect,
    /// The ids of what decided; empty for the default.
    pub by: Vec<Arc<str>>,
    /// Some finding no longer counts, but the scores are those with it.
    pub scores_as_recorded: bool,
}

/// The profile of an agent as it is now.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProfileNow<'a> {
    /// The profile, where the agent has one.
    pub profile: Option<&'a Profile>,
    /// It comes with the draft, and is another one than the policies in force have.
    pub of_draft: bool,
}

/// A draft, ready to decide recorded actions.
#[derive(Debug, Clone)]
pub struct Replay {
    draft: Arc<Program>,
    rules: Vec<RuleReads>,
    /// Rules that read what a complete record may lack.
    suspicious: Vec<u32>,
    known: BTreeMap<[u8; 32], Base>,
}

/// A program that decided recorded actions.
#[derive(Debug, Clone)]
struct Base {
    program: Arc<Program>,
    /// For each rule of the draft, whether this program has the very same.
    unchanged: Vec<bool>,
    /// The same rules with limits stand in both.
    same_limits: bool,
}

/// What a rule of the draft reads that a record may lack.
#[derive(Debug, Clone, Default)]
struct RuleReads {
    arguments: bool,
    /// Selectors by resource or environment.
    selects_names: bool,
    risk: bool,
    findings: VectorSet,
    limits: bool,
}

impl RuleReads {
    fn of(rule: &Rule) -> Self {
        let mut out = Self {
            selects_names: !rule.select.resources.is_empty()
                || !rule.select.environments.is_empty(),
            ..Self::default()
        };
        if let Some(when) = &rule.when {
            each(when, &mut |part| match part {
                Expr::Arg(_) | Expr::HasArg(_) => out.arguments = true,
                Expr::Composite | Expr::Risk(_) => out.risk = true,
                Expr::Finding(vector) | Expr::Confidence(vector) => out.findings.insert(*vector),
                _ => {}
            });
        }
        if let Some(require) = &rule.require {
            out.arguments |= !require.arguments.is_empty();
            out.limits = !require.limits.is_empty();
        }
        out
    }
}

/// Whether two rules do the same; where they stand and what they are called for is no matter.
fn same(a: &Rule, b: &Rule) -> bool {
    let bare = |rule: &Rule| Rule {
        origin: Arc::from(""),
        description: Arc::from(""),
        ..rule.clone()
    };
    bare(a) == bare(b)
}

/// Whether a rule asks the state about limits.
fn limits(rule: &Rule) -> bool {
    !rule.shadow && rule.require.as_ref().is_some_and(|r| !r.limits.is_empty())
}

/// What is found out about one action on the way.
struct Case<'a> {
    recorded: &'a Recorded,
    principal: &'a Principal,
    risk: &'a RiskReport,
    findings: &'a Findings,
    readings: &'a Readings,
    /// Rules of which some limit has no answer.
    unread: &'a BTreeSet<u32>,
    /// Findings or scores are others than recorded.
    changed: Changed,
    base: Option<&'a Base>,
}

#[derive(Clone, Copy, Default)]
struct Changed {
    risk: bool,
    findings: VectorSet,
}

impl Replay {
    /// Prepares a draft. `known` are programs that decided recorded actions: a rule that the draft
    /// shares with one needs nothing but what it decided then.
    #[must_use]
    pub fn new(draft: Arc<Program>, known: impl IntoIterator<Item = Arc<Program>>) -> Self {
        let rules: Vec<RuleReads> = draft.rules().iter().map(RuleReads::of).collect();
        let suspicious = (0u32..)
            .zip(&rules)
            .zip(draft.rules())
            .filter(|((_, reads), rule)| !rule.shadow && (reads.arguments || reads.limits))
            .map(|((number, _), _)| number)
            .collect();
        let known = known
            .into_iter()
            .chain([Arc::clone(&draft)])
            .map(|program| {
                let by_id: BTreeMap<&str, &Rule> =
                    program.rules().iter().map(|r| (&*r.id, r)).collect();
                let unchanged = draft
                    .rules()
                    .iter()
                    .map(|rule| by_id.get(&*rule.id).is_some_and(|then| same(rule, then)))
                    .collect::<Vec<_>>();
                let limiting = |rules: &[Rule]| rules.iter().filter(|r| limits(r)).count();
                let base = Base {
                    same_limits: limiting(program.rules()) == limiting(draft.rules())
                        && draft
                            .rules()
                            .iter()
                            .zip(&unchanged)
                            .all(|(rule, unchanged)| *unchanged || !limits(rule)),
                    unchanged,
                    program: Arc::clone(&program),
                };
                (program.digest(), base)
            })
            .collect();
        Self {
            draft,
            rules,
            suspicious,
            known,
        }
    }

    /// The draft.
    #[must_use]
    pub fn draft(&self) -> &Program {
        &self.draft
    }

    /// Decides a recorded action anew.
    #[must_use]
    pub fn decide(&self, recorded: &Recorded, profile: ProfileNow<'_>) -> Replayed {
        let mut missing = BTreeSet::new();
        let mut lack = |kind, what: &str| {
            missing.insert(Missing::new(kind, what));
        };
        if recorded.reported {
            lack(MissingKind::Reported, "");
            return Replayed::Unknown(missing);
        }
        for what in &recorded.unknown {
            lack(MissingKind::Fact, what);
        }
        if recorded.findings_cut {
            lack(MissingKind::FindingsCut, "");
        }
        let draft = &*self.draft;
        if !recorded.named && !draft.parts().environments.is_empty() {
            lack(MissingKind::Names, "facts.environment");
        }
        let name = &recorded.facts.action.environment;
        let environment = draft.environment(name);
        let base = self.known.get(&recorded.program);
        let settings = recorded
            .settings
            .or_else(|| base.map(|base| base.program.settings(name)));
        let (mut findings, mut dropped) = self.findings(recorded, settings, &mut lack);
        let mut risk = recorded.risk.clone();
        risk::combine(&mut risk, &environment.risk);
        if !missing.is_empty() {
            return Replayed::Unknown(missing);
        }
        if let Some(why) = profile_differs(recorded, profile) {
            missing.insert(why);
            return Replayed::Unknown(missing);
        }
        // The name of the environment is the fact, as it stands.
        let principal = Principal {
            tenant: Arc::clone(&recorded.tenant),
            environment: (name.trim() != name).then(|| Arc::from(name.as_str())),
            ..Principal::local()
        };
        let (readings, charged, unread) = self.limits(recorded, &principal);
        let scores_as_recorded = !dropped.is_empty();
        match self.limit_exceeded(recorded, &readings, &unread, base) {
            Some(now) => {
                let finding = detectors::limit_exceeded();
                let then = recorded.findings.has_code(finding.code.code);
                if now != then {
                    findings.remove_code(finding.code.code);
                    dropped.insert(Vector::RateLimit);
                    if now
                        && environment
                            .threshold(Vector::RateLimit)
                            .is_some_and(|t| finding.confidence >= t)
                    {
                        findings.push(finding);
                    }
                }
            }
            None => {
                missing.extend(unread.iter().filter_map(|number| {
                    let rule = draft.rules().get(*number as usize)?;
                    Some(Missing::new(MissingKind::Counter, &*rule.id))
                }));
                return Replayed::Unknown(missing);
            }
        }
        let case = Case {
            recorded,
            principal: &principal,
            risk: &risk,
            findings: &findings,
            readings: &readings,
            unread: &unread,
            changed: Changed {
                risk: risk.composite != recorded.risk.composite,
                findings: dropped,
            },
            base,
        };
        let (mut taken, undecided) = self.taken(&case, &mut missing);
        let bands_lack = self.bands_lack(&case);
        if !bands_lack.is_empty() || undecided.len() > UNDECIDED_MAX {
            missing.extend(bands_lack);
            return Replayed::Unknown(missing);
        }
        let grant = grant(recorded);
        let input = EvalInput {
            action: &recorded.action,
            principal: &principal,
            facts: &recorded.facts,
            risk: &risk,
            findings: &findings,
            readings: &readings,
            charged: &charged,
            profile: profile.profile,
            grant: grant.as_ref(),
            now: recorded.at,
            environment,
            failed: recorded.failed,
        };
        let fixed = taken.len();
        taken.extend(undecided.iter().map(|number| (*number, Taken::Silent)));
        let first = outcome(
            recorded,
            &draft.evaluate_with(&input, &taken),
            scores_as_recorded,
        );
        // Every answer that the undecided rules could have given.
        let answers = [Taken::Silent, Taken::Fired, Taken::Errored];
        for combination in 1..answers
            .len()
            .pow(u32::try_from(undecided.len()).unwrap_or(0))
        {
            let mut rest = combination;
            for (_, answer) in taken.iter_mut().skip(fixed) {
                *answer = answers
                    .get(rest % answers.len())
                    .copied()
                    .unwrap_or(Taken::Silent);
                rest /= answers.len();
            }
            let other = outcome(recorded, &draft.evaluate_with(&input, &taken), false);
            if (other.effect, other.decided) != (first.effect, first.decided) {
                return Replayed::Unknown(missing);
            }
        }
        Replayed::Decided(first)
    }

    /// What the detectors would have found, and the vectors of which something no longer counts.
    fn findings(
        &self,
        recorded: &Recorded,
        settings: Option<Settings>,
        lack: &mut dyn FnMut(MissingKind, &str),
    ) -> (Findings, VectorSet) {
        let name = &recorded.facts.action.environment;
        let (now, detectors) = (
            self.draft.settings(name),
            &self.draft.environment(name).detectors,
        );
        let mut findings = recorded.findings.clone();
        let mut dropped = VectorSet::default();
        let Some(settings) = settings else {
            lack(MissingKind::SettingsUnknown, "");
            return (findings, dropped);
        };
        if settings.digest != now.digest {
            lack(MissingKind::SettingsChanged, "");
        }
        let before = settings.thresholds.into_iter().zip(now.thresholds);
        for (vector, (then, now)) in Vector::ALL.into_iter().zip(before) {
            let (on, ran) = (
                detectors.enabled.contains(vector),
                recorded.vectors.contains(vector),
            );
            // What the rules bring about is found anew by them.
            if vector == Vector::PolicyViolation || (on == ran && then == now) {
                continue;
            }
            let confidence = recorded.findings.confidence(vector);
            if on && !ran && recorded.failed.is_empty() {
                lack(MissingKind::DetectorNotRun, vector.name());
            } else if on && now < then && confidence == 0 {
                lack(MissingKind::BelowThreshold, vector.name());
            } else if confidence > 0 && (!on || confidence < now) {
                dropped.insert(vector);
            }
        }
        if settings.thresholds != now.thresholds || !dropped.is_empty() {
            findings.retain(|vector, confidence| {
                let threshold = now.thresholds.get(vector as usize).copied();
                detectors.enabled.contains(vector) && threshold.is_none_or(|t| confidence >= t)
            });
        }
        (findings, dropped)
    }

    /// The recorded answers to the draft's limits, and the rules with a limit that has none.
    fn limits(
        &self,
        recorded: &Recorded,
        principal: &Principal,
    ) -> (Readings, Vec<(u32, usize)>, BTreeSet<u32>) {
        let mut readings = Readings {
            state: recorded.readings.state.clone(),
            ledger: recorded.readings.ledger.clone(),
            limits: Vec::new(),
        };
        let (mut charged, mut unread) = (Vec::new(), BTreeSet::new());
        let mut charges = Vec::new();
        let select = SelectInput {
            action: &recorded.action,
            principal,
            facts: &recorded.facts,
            now: recorded.at,
        };
        self.draft.charges(&select, &mut charges);
        for (number, charge) in charges {
            let per = self
                .draft
                .rules()
                .get(number as usize)
                .and_then(|rule| rule.require.as_ref())
                .is_some_and(|r| r.limits.iter().any(|l| l.per.is_some()));
            // A counter of its own for each argument cannot be told apart without the argument.
            let found = (!per)
                .then(|| {
                    recorded.charges.iter().zip(&recorded.readings.limits).find(
                        |(then, reading)| {
                            (then.key, then.kind, then.window_ms)
                                == (charge.key, charge.kind, charge.window_ms)
                                && reading.key == charge.key
                        },
                    )
                })
                .flatten();
            let Some((then, reading)) = found else {
                unread.insert(number);
                continue;
            };
            let exceeded = if then.max == charge.max || charge.kind == LimitKind::PrecededBy {
                reading.exceeded
            } else {
                reading.used > charge.max
            };
            charged.push((number, readings.limits.len()));
            readings.limits.push(LimitReading {
                exceeded,
                ..*reading
            });
        }
        (readings, charged, unread)
    }

    /// Whether a limit of some rule is used up under the draft, which is a finding of its own;
    /// `None` when that is not known.
    fn limit_exceeded(
        &self,
        recorded: &Recorded,
        readings: &Readings,
        unread: &BTreeSet<u32>,
        base: Option<&Base>,
    ) -> Option<bool> {
        if readings.limits.iter().any(|l| l.exceeded) {
            return Some(true);
        }
        if unread.is_empty() {
            return Some(false);
        }
        let then = recorded.readings.limits.iter().any(|l| l.exceeded);
        if base.is_some_and(|base| base.same_limits) {
            return Some(then);
        }
        // Limits that were asked then, of which none was used up.
        let asked_then = |number: &u32| {
            base.is_some_and(|base| base.unchanged.get(*number as usize) == Some(&true))
        };
        (!then && unread.iter().all(asked_then)).then_some(false)
    }

    /// The rules whose verdict is the recorded one, and those that nobody can tell, with what is
    /// missing.
    fn taken(
        &self,
        case: &Case<'_>,
        missing: &mut BTreeSet<Missing>,
    ) -> (Vec<(u32, Taken)>, Vec<u32>) {
        let recorded = case.recorded;
        let complete = recorded.named && recorded.present.is_none() && recorded.cut.is_empty();
        let all: Vec<u32>;
        let numbers = if complete {
            &self.suspicious
        } else {
            all = (0u32..)
                .zip(self.draft.rules())
                .filter(|(_, rule)| !rule.shadow)
                .map(|(number, _)| number)
                .collect();
            &all
        };
        let (mut taken, mut undecided) = (Vec::new(), Vec::new());
        for number in numbers {
            let (Some(rule), Some(reads)) = (
                self.draft.rules().get(*number as usize),
                self.rules.get(*number as usize),
            ) else {
                continue;
            };
            let lacks = self.rule_lacks(*number, rule, reads, case);
            if lacks.is_empty() {
                continue;
            }
            if let Some(then) = recorded_verdict(*number, rule, reads, case) {
                taken.push((*number, then));
            } else {
                undecided.push(*number);
                missing.extend(lacks);
            }
        }
        (taken, undecided)
    }

    /// What is missing to find the verdict of a rule; nothing where it is silent whatever that is.
    fn rule_lacks(
        &self,
        number: u32,
        rule: &Rule,
        reads: &RuleReads,
        case: &Case<'_>,
    ) -> Vec<Missing> {
        let recorded = case.recorded;
        let select = SelectInput {
            action: &recorded.action,
            principal: case.principal,
            facts: &recorded.facts,
            now: recorded.at,
        };
        let names_cut = recorded
            .cut
            .iter()
            .any(|id| id.group == crate::facts::FactGroup::Resource);
        let mut lacks = Vec::new();
        let selected = rule.selects(&select);
        if !selected {
            let by_names = reads.selects_names && (!recorded.named || names_cut);
            if !by_names || !self.may_select(rule, &select) {
                return lacks;
            }
            lacks.push(Missing::new(MissingKind::Names, &*rule.id));
        }
        let cx = EvalContext {
            action: &recorded.action,
            facts: &recorded.facts,
            risk: case.risk,
            findings: case.findings,
            state: &case.readings.state,
        };
        if let Some(when) = &rule.when {
            let not_there = |part: &Expr| lacks_part(recorded, part);
            match known(when, &cx, &not_there) {
                Known::False => return Vec::new(),
                // An error counts as fired, whatever the constraints.
                Known::Error => return lacks,
                Known::True => {}
                Known::Unknown => {
                    let mut found = Vec::new();
                    lacking(when, &not_there, &mut found);
                    lacks.extend(found.into_iter().map(|read| {
                        let kind = match read {
                            Read::Argument(_) => MissingKind::Argument,
                            Read::Resource => MissingKind::Names,
                            Read::Fact(_) | Read::State(_) => MissingKind::Fact,
                        };
                        Missing::new(kind, read.to_string())
                    }));
                }
            }
        }
        if let Some(require) = &rule.require {
            lacks.extend(require.arguments.iter().map(|constraint| {
                Missing::new(
                    MissingKind::Argument,
                    format!("args.{}", constraint.path.join(".")),
                )
            }));
        }
        if case.unread.contains(&number) {
            lacks.push(Missing::new(MissingKind::Counter, &*rule.id));
        }
        lacks
    }

    /// Whether a rule may select an action whose names are not known.
    fn may_select(&self, rule: &Rule, select: &SelectInput<'_>) -> bool {
        let mut bare = rule.clone();
        bare.select.resources = Vec::new();
        bare.select.environments = Vec::new();
        bare.selects(select)
    }

    fn bands_lack(&self, case: &Case<'_>) -> Vec<Missing> {
        let recorded = case.recorded;
        if recorded.present.is_none()
            && recorded.cut.is_empty()
            && recorded.named
            && !self.bands_read_arguments(recorded)
        {
            return Vec::new();
        }
        let cx = EvalContext {
            action: &recorded.action,
            facts: &recorded.facts,
            risk: case.risk,
            findings: case.findings,
            state: &case.readings.state,
        };
        let mut lacks = Vec::new();
        for band in self.bands(recorded) {
            let not_there = |part: &Expr| lacks_part(recorded, part);
            if let Some(when) = &band.when
                && case.risk.composite >= band.from
                && known(when, &cx, &not_there) == Known::Unknown
            {
                let mut found = Vec::new();
                lacking(when, &not_there, &mut found);
                let kind = |read: &Read| match read {
                    Read::Argument(_) => MissingKind::Argument,
                    _ => MissingKind::Fact,
                };
                lacks.extend(found.iter().map(|r| Missing::new(kind(r), r.to_string())));
            }
        }
        lacks
    }

    fn bands(&self, recorded: &Recorded) -> &[Band] {
        self.draft
            .environment(&recorded.facts.action.environment)
            .bands
            .as_ref()
            .unwrap_or(&self.draft.parts().bands)
    }

    fn bands_read_arguments(&self, recorded: &Recorded) -> bool {
        self.draft.needs().arguments
            && self.bands(recorded).iter().any(|band| {
                let mut reads = false;
                if let Some(when) = &band.when {
                    each(when, &mut |part| {
                        reads |= matches!(part, Expr::Arg(_) | Expr::HasArg(_));
                    });
                }
                reads
            })
    }
}

/// Whether a record does not hold what this part of a condition reads.
fn lacks_part(recorded: &Recorded, part: &Expr) -> bool {
    let absent = |read: Read| {
        recorded
            .present
            .as_ref()
            .is_some_and(|present| !present.contains(&read))
    };
    match part {
        Expr::Arg(_) | Expr::HasArg(_) => true,
        Expr::ResourceIs(_) => !recorded.named,
        Expr::Fact(id) => {
            (!recorded.named && is_text(*id))
                || recorded.cut.contains(id)
                || absent(Read::Fact(fact_name(*id)))
        }
        Expr::State(index) => absent(Read::State(state_name(*index))),
        _ => false,
    }
}

/// Whether a fact is text, which a record without names leaves out.
fn is_text(id: FactId) -> bool {
    id.spec()
        .is_some_and(|spec| matches!(spec.kind, FactType::String | FactType::Strings))
}

/// What the very same rule decided then, where everything else that it reads is as it was.
fn recorded_verdict(number: u32, rule: &Rule, reads: &RuleReads, case: &Case<'_>) -> Option<Taken> {
    let base = case.base?;
    if !base
        .unchanged
        .get(number as usize)
        .copied()
        .unwrap_or(false)
    {
        return None;
    }
    let findings_changed = Vector::ALL
        .into_iter()
        .any(|v| reads.findings.contains(v) && case.changed.findings.contains(v));
    if findings_changed || (reads.risk && case.changed.risk) {
        return None;
    }
    let fired = |fired: &&FiredRule| {
        matches!(fired.kind, RuleKind::Rule | RuleKind::Mandatory) && fired.id == rule.id
    };
    Some(match case.recorded.fired.iter().find(fired) {
        None => Taken::Silent,
        Some(fired) if fired.errored => Taken::Errored,
        Some(_) => Taken::Fired,
    })
}

/// Whether the profile that decided then is another one than now, as far as the record tells.
fn profile_differs(recorded: &Recorded, now: ProfileNow<'_>) -> Option<Missing> {
    if let Some(profile) = now.profile {
        let names = profile.allowed_resources.is_some() || !profile.blocked_resources.is_empty();
        let cut = recorded
            .cut
            .iter()
            .any(|id| id.group == crate::facts::FactGroup::Resource);
        if names && (!recorded.named || cut) {
            return Some(Missing::new(MissingKind::Names, "profile"));
        }
    }
    if now.of_draft {
        return None;
    }
    let mut codes: Vec<&str> = Vec::new();
    if let Some(profile) = now.profile {
        profile.breaches(
            &recorded.action,
            &recorded.facts,
            &recorded.risk,
            &recorded.readings.state,
            &mut |breach| codes.push(breach.code()),
        );
    }
    let then = recorded
        .fired
        .iter()
        .filter(|rule| rule.kind == RuleKind::Profile)
        .map(|rule| &*rule.id);
    (!then.eq(codes)).then(|| Missing::new(MissingKind::Profile, &*recorded.action.agent_id))
}

/// The approval by which the action ran, if it did: it covers what asked a person then.
fn grant(recorded: &Recorded) -> Option<Grant> {
    // The approval that is asked for has the id of the decision that asks.
    if recorded.approval.is_empty() || recorded.approval == recorded.id {
        return None;
    }
    let can = recorded.action.capabilities;
    let mut rules: Vec<Arc<str>> = recorded
        .fired
        .iter()
        .filter(|rule| can.enforceable(rule.effect) == Effect::RequireApproval)
        .map(|rule| rule.id.clone())
        .collect();
    // The default is no rule that fires.
    rules.push(Arc::from(DEFAULT_ID));
    Some(Grant {
        digest: ActionDigest::of(&recorded.tenant, &recorded.action),
        rules,
        approval_id: Arc::from(recorded.approval.as_str()),
    })
}

/// What comes of it with what no policy decides: denials of the system and what the enforcement
/// point asked for itself.
fn outcome(recorded: &Recorded, evaluation: &Evaluation, scores_as_recorded: bool) -> Redecided {
    let can = recorded.action.capabilities;
    let granted = !recorded.approval.is_empty() && recorded.approval != recorded.id;
    let held = recorded
        .fired
        .iter()
        .filter(|rule| rule.kind == RuleKind::System && !FOUND_ANEW.contains(&&*rule.id))
        .filter(|rule| !(granted && can.enforceable(rule.effect) == Effect::RequireApproval))
        .max_by_key(|rule| rule.effect);
    let mut by: Vec<Arc<str>> = evaluation
        .fired
        .iter()
        .filter(|rule| rule.decided)
        .map(|rule| rule.id.clone())
        .collect();
    let (mut effect, mut decided) = (evaluation.effect, evaluation.decided);
    if let Some(held) = held {
        if held.effect > decided {
            decided = held.effect;
            by = vec![held.id.clone()];
        }
        effect = effect.max(can.enforceable(held.effect));
    }
    Redecided {
        effect,
        decided,
        by,
        scores_as_recorded,
    }
}
