//! The combining algorithm: from everything that has a say to one effect.
//!
//! - (a) Mandatory rules, profile denials, the system's own denials and errors are a floor.
//! - (b) Within a layer the highest priority decides; within one priority the strictest effect.
//! - (c) The layers join by strictest, except that a rule marked overridable stands back where a
//!   lower layer decides.
//! - (d) Risk bands, detectors and compliance packs always join by strictest. A rule belongs to a
//!   compliance pack when it cites a paragraph and asks for more than `allow`. An `allow` rule
//!   lifts them where it lists them in `exempt`, and only when the layers together say `allow`.
//! - (e) What could not be evaluated counts as fired if that is stricter; being part of the floor,
//!   it pushes no other rule aside, and nothing lifts it.
//! - (f) Whom fired rules notify is united, whatever decides. What an effect needs to be carried
//!   out — spans, approvers — goes with those that have a say in the decision.
//! - (g) A grant removes exactly the approvals that it names. A rule whose approval is removed
//!   still holds its place in its layer, so nothing that it pushed aside comes back.
//! - (h) Shadow rules are evaluated apart.
//! - (i) Where people are asked, a rule that asks as well and is outranked by priority in its layer
//!   still says how many must agree at least: priority chooses whom to ask, and never fewer.
//!
//! The default holds when no rule of any layer fired. Floor, bands, detectors and packs do not
//! displace it: under `default: block` a higher risk must not open what a lower one leaves shut.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use crate::model::limits::PATH_BYTES_MAX;
use crate::model::{
    Approvers, Capabilities, Effect, FiredRule, Layer, Obligation, Reason, ReasonCode, RuleKind,
    Vector, VectorSet, reason::code,
};
use crate::program::eval::EvalError;
use crate::program::profile::Breach;
use crate::program::rule::{ArgConstraint, Exempt, LimitSpec, Rule};
use crate::program::{EvalInput, Evaluation};
use crate::state::LimitKind;

/// The id of the default, in grants.
pub const DEFAULT_ID: &str = code::DEFAULT;

/// Where something stands in the algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Floor,
    Layer(Layer, i32),
    Pack,
    Band,
    Detector(Vector),
    Default,
}

/// Why it has a say; turned into a sentence only when it is told.
#[derive(Debug, Clone)]
pub(super) enum Cause<'a> {
    System(ReasonCode, String),
    Profile(Breach<'a>),
    Rule(&'a Rule),
    Argument(&'a Rule, &'a ArgConstraint),
    Limit(&'a Rule, &'a LimitSpec, i64),
    RuleError(&'a Rule, EvalError<'a>),
    LimitUnread(&'a Rule),
    Band(u8, u8),
    BandError(u8, EvalError<'a>),
    Detector(Vector, u8, u8),
    Default,
}

impl Cause<'_> {
    const fn code(&self) -> ReasonCode {
        match self {
            Self::System(code, _) => code,
            Self::Profile(breach) => breach.code(),
            Self::Rule(_) | Self::Argument(..) => code::RULE,
            Self::Limit(..) => code::LIMIT,
            Self::RuleError(..) | Self::BandError(..) => code::RULE_ERROR,
            Self::LimitUnread(_) => code::STATE_UNAVAILABLE,
            Self::Band(..) => code::RISK_BAND,
            Self::Detector(..) => code::DETECTOR,
            Self::Default => code::DEFAULT,
        }
    }
}

/// Something that has a say.
#[derive(Debug, Clone)]
pub(super) struct Ask<'a> {
    pub(super) id: Arc<str>,
    pub(super) kind: RuleKind,
    pub(super) effect: Effect,
    pub(super) place: Place,
    pub(super) errored: bool,
    pub(super) overridable: bool,
    pub(super) exempt: Exempt,
    pub(super) notify: &'a [Arc<str>],
    pub(super) approvers: Option<&'a Approvers>,
    pub(super) redact: VectorSet,
    pub(super) retry_after_ms: i64,
    pub(super) cause: Cause<'a>,
    /// It takes part in the decision.
    stands: bool,
    /// It would take part, but for a rule of a higher priority in its layer.
    outranked: bool,
    granted: bool,
    decided: bool,
}

impl<'a> Ask<'a> {
    pub(super) fn new(
        id: Arc<str>,
        kind: RuleKind,
        place: Place,
        effect: Effect,
        cause: Cause<'a>,
    ) -> Self {
        Self {
            id,
            kind,
            effect,
            place,
            errored: false,
            overridable: false,
            exempt: Exempt::default(),
            notify: &[],
            approvers: None,
            redact: VectorSet::default(),
            retry_after_ms: 0,
            cause,
            stands: false,
            outranked: false,
            granted: false,
            decided: false,
        }
    }

    fn fired(&self) -> FiredRule {
        FiredRule {
            id: self.id.clone(),
            kind: self.kind,
            effect: self.effect,
            decided: self.decided,
            errored: self.errored,
        }
    }

    fn reason(&self) -> Reason {
        let mut message = String::with_capacity(96);
        // Writing to a string cannot fail.
        let _ = write!(message, "{self}");
        Reason {
            code: self.cause.code(),
            message,
        }
    }

    /// Whether it asks a person, given what the enforcement point can do.
    fn asks_approval(&self, can: Capabilities) -> bool {
        can.enforceable(self.effect) == Effect::RequireApproval
    }
}

/// The sentence for the operator.
impl fmt::Display for Ask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fired = |f: &mut fmt::Formatter<'_>, rule: &Rule| {
            write!(f, "rule `{}` fired", rule.id)?;
            if !rule.description.is_empty() {
                write!(f, ": {}", rule.description)?;
            }
            match rule.cites.split_first() {
                Some((first, rest)) => {
                    write!(f, " ({first}")?;
                    rest.iter().try_for_each(|cite| write!(f, ", {cite}"))?;
                    f.write_str(")")
                }
                None => Ok(()),
            }
        };
        match &self.cause {
            Cause::System(_, text) => f.write_str(text),
            Cause::Profile(breach) => breach.fmt(f),
            Cause::Rule(rule) => fired(f, rule),
            Cause::Argument(rule, constraint) => {
                fired(f, rule)?;
                write!(f, "; {constraint}")
            }
            Cause::Limit(rule, limit, used) => {
                fired(f, rule)?;
                write!(f, "; {limit}")?;
                let counts_calls = matches!(
                    limit.kind,
                    LimitKind::Calls | LimitKind::IdenticalCalls | LimitKind::Retries
                );
                if counts_calls {
                    write!(f, ", this is number {used}")?;
                }
                Ok(())
            }
            Cause::RuleError(rule, error) => {
                write!(f, "rule `{}` could not be evaluated: {error}", rule.id)
            }
            Cause::LimitUnread(rule) => {
                write!(f, "a limit of rule `{}` was not reserved", rule.id)
            }
            Cause::Band(from, composite) => {
                write!(f, "risk {composite} reached the band from {from}")
            }
            Cause::BandError(from, error) => {
                write!(f, "the band from {from} could not be evaluated: {error}")
            }
            Cause::Detector(vector, confidence, threshold) => write!(
                f,
                "`{}` found something with confidence {confidence}, the threshold is {threshold}",
                vector.name()
            ),
            Cause::Default => write!(f, "no rule decided, so the default `{}` holds", self.effect),
        }
    }
}

/// Combines `asks` into a decision; `shadow` passes through.
pub(super) fn combine(
    input: &EvalInput<'_>,
    mut asks: Vec<Ask<'_>>,
    shadow: Vec<FiredRule>,
    (default_id, default): (&Arc<str>, Effect),
) -> Evaluation {
    let layered = place_layers(&mut asks);
    if !layered {
        asks.push(Ask::new(
            default_id.clone(),
            RuleKind::System,
            Place::Default,
            default,
            Cause::Default,
        ));
    }
    place_rest(&mut asks, layered);

    // Redaction needs the place of everything found; what was only counted cannot be replaced.
    let mut can = input.action.capabilities;
    can.redact &= input.findings.placed();
    let granted = apply_grant(input, can, &mut asks);

    let having_a_say = |ask: &&Ask<'_>| ask.stands && !ask.granted;
    let decided = asks
        .iter()
        .filter(having_a_say)
        .map(|ask| ask.effect)
        .max()
        .unwrap_or_default();
    let effect = can.enforceable(decided);
    for ask in &mut asks {
        ask.decided = ask.stands && !ask.granted && ask.effect == decided;
    }

    Evaluation {
        effect,
        decided,
        reasons: reasons(&asks, granted, decided, effect, can, input),
        obligations: obligations(&asks, effect, can, input),
        approvals: if effect == Effect::RequireApproval {
            asks.iter()
                .filter(having_a_say)
                .filter(|ask| ask.asks_approval(can))
                .map(|ask| ask.id.clone())
                .collect()
        } else {
            Vec::new()
        },
        fired: asks
            .iter()
            .filter(|ask| ask.place != Place::Default)
            .map(Ask::fired)
            .collect(),
        shadow,
    }
}

/// (b) and (c). Returns whether a rule of any layer fired.
fn place_layers(asks: &mut [Ask<'_>]) -> bool {
    // The highest priority per layer, upper layer first.
    let mut tops: [Option<i32>; 3] = [None; 3];
    for ask in asks.iter() {
        if let Place::Layer(layer, priority) = ask.place
            && let Some(top) = tops.get_mut(layer as usize)
        {
            *top = Some(top.map_or(priority, |have| have.max(priority)));
        }
    }
    for ask in asks.iter_mut() {
        if let Place::Layer(layer, priority) = ask.place {
            let at = layer as usize;
            let lower_decides = tops.iter().skip(at + 1).any(Option::is_some);
            let has_a_say = !(ask.overridable && lower_decides);
            let top = tops.get(at) == Some(&Some(priority));
            ask.stands = has_a_say && top;
            ask.outranked = has_a_say && !top;
        }
    }
    tops.iter().any(Option::is_some)
}

/// (a), (d) and the default.
fn place_rest(asks: &mut [Ask<'_>], layered: bool) {
    let mut exempt = Exempt::default();
    let standing = |ask: &&Ask<'_>| ask.stands && matches!(ask.place, Place::Layer(..));
    let allowed = layered
        && asks
            .iter()
            .filter(standing)
            .all(|ask| ask.effect == Effect::Allow);
    if allowed {
        for ask in asks.iter().filter(standing) {
            exempt.bands |= ask.exempt.bands;
            exempt.packs |= ask.exempt.packs;
            add_all(&mut exempt.vectors, ask.exempt.vectors);
        }
    }
    for ask in asks.iter_mut() {
        ask.stands = match ask.place {
            Place::Layer(..) => ask.stands,
            // An exception that could not be evaluated is no exception.
            Place::Floor => !(ask.errored && ask.effect == Effect::Allow),
            Place::Pack => !exempt.packs,
            Place::Band => !exempt.bands,
            Place::Detector(vector) => !exempt.vectors.contains(vector),
            Place::Default => true,
        };
    }
}

/// (g). Returns whether any approval was removed.
fn apply_grant(input: &EvalInput<'_>, can: Capabilities, asks: &mut [Ask<'_>]) -> bool {
    let Some(grant) = input.grant else {
        return false;
    };
    if !grant.binds(input) {
        return false;
    }
    let mut any = false;
    for ask in asks.iter_mut() {
        let named = grant.rules.is_empty() || grant.rules.contains(&ask.id);
        // An effect that became an approval because the enforcement point could not do it is an
        // approval too: a person was asked and answered.
        ask.granted = ask.stands && named && ask.asks_approval(can);
        any |= ask.granted;
    }
    any
}

fn reasons(
    asks: &[Ask<'_>],
    granted: bool,
    decided: Effect,
    effect: Effect,
    can: Capabilities,
    input: &EvalInput<'_>,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut grant = None;
    if granted && let Some(given) = input.grant {
        grant = Some(Reason {
            code: code::GRANT,
            message: format!("approval `{}` was given for this action", given.approval_id),
        });
    }
    // Where nothing asks for more, the grant is why the action may run.
    if decided == Effect::Allow {
        reasons.extend(grant.take());
    }
    reasons.extend(asks.iter().filter(|a| a.decided).map(Ask::reason));
    reasons.extend(grant);
    reasons.extend(
        asks.iter()
            .filter(|ask| {
                let has_a_say = ask.stands && !ask.granted && ask.effect > Effect::Allow;
                !ask.decided && (has_a_say || ask.errored)
            })
            .map(Ask::reason),
    );
    if effect != decided {
        let dropped = input.findings.dropped();
        let unplaced = input.action.capabilities.redact && !can.redact;
        let message = if unplaced && dropped > 0 {
            format!(
                "{dropped} findings have no place recorded, so `{decided}` would be incomplete and becomes `{effect}`"
            )
        } else if unplaced {
            format!(
                "something was found under a path of more than {PATH_BYTES_MAX} bytes, so `{decided}` would be incomplete and becomes `{effect}`"
            )
        } else {
            format!("the enforcement point cannot do `{decided}`, so it becomes `{effect}`")
        };
        reasons.push(Reason {
            code: code::CAPABILITY,
            message,
        });
    }
    reasons
}

/// (f).
fn obligations(
    asks: &[Ask<'_>],
    effect: Effect,
    can: Capabilities,
    input: &EvalInput<'_>,
) -> Vec<Obligation> {
    let mut obligations = Vec::new();

    let mut groups: Vec<&str> = asks
        .iter()
        .filter(|ask| !(ask.errored && ask.effect == Effect::Allow))
        .flat_map(|ask| ask.notify.iter().map(|group| &**group))
        .collect();
    if !groups.is_empty() {
        groups.sort_unstable();
        groups.dedup();
        obligations.push(Obligation::Notify(
            groups.into_iter().map(str::to_owned).collect(),
        ));
    }

    let mut redact = VectorSet::default();
    for ask in asks {
        if ask.stands && !ask.granted && ask.effect == Effect::Redact {
            add_all(&mut redact, ask.redact);
        }
    }
    if !redact.is_empty() {
        let spans: Vec<_> = input
            .findings
            .items()
            .iter()
            .filter(|f| redact.contains(f.code.vector) && f.span.end > f.span.start)
            .map(|f| (f.path.clone().into_owned(), f.span))
            .collect();
        if !spans.is_empty() {
            obligations.push(Obligation::Redact(spans));
        }
    }

    if effect == Effect::RequireApproval {
        let mut asked: Vec<&Approvers> = Vec::new();
        for ask in asks {
            if ask.stands
                && !ask.granted
                && ask.asks_approval(can)
                && let Some(approvers) = ask.approvers
                && !asked.contains(&approvers)
            {
                asked.push(approvers);
            }
        }
        // (i) A rule that is outranked chooses neither the effect nor the group, but as many people
        // as it wants are asked all the same.
        let mut quorum = 0;
        let mut strictest = None;
        for ask in asks
            .iter()
            .filter(|ask| ask.outranked && ask.asks_approval(can))
        {
            if let Some(approvers) = ask.approvers.filter(|a| a.quorum > quorum) {
                (quorum, strictest) = (approvers.quorum, Some(approvers));
            }
        }
        if asked.is_empty() {
            // What decides names nobody.
            asked.extend(strictest);
        }
        obligations.extend(asked.into_iter().map(|approvers| {
            Obligation::Approve(Approvers {
                quorum: approvers.quorum.max(quorum),
                ..approvers.clone()
            })
        }));
    }

    if let Some(wait) = asks
        .iter()
        .map(|a| a.retry_after_ms)
        .max()
        .filter(|w| *w > 0)
    {
        obligations.push(Obligation::Throttle(wait));
    }
    obligations
}

fn add_all(set: &mut VectorSet, more: VectorSet) {
    for vector in Vector::ALL {
        if more.contains(vector) {
            set.insert(vector);
        }
    }
}
