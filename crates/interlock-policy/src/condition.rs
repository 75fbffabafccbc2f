//! Conditions: Cedar expressions with abbreviations, to the core's compiled form.
//!
//! `facts.`, `risk.`, `findings.`, `state.` and `args.` abbreviate `context.…`. Cedar itself
//! parses and strictly validates the rewritten text against the generated schema; what it accepts
//! is lowered to [`Expr`]. Every position is carried back to the text as written.

use std::ops::Range;

use cedar_policy::ffi::DetailedError;
use cedar_policy::{Policy, PolicySet, ValidationMode};
use interlock_core::program::expr::Expr;

use crate::abbreviation::{ROOTS, Rewritten};
use crate::diagnostic::{Diagnostic, Severity, SourceText};
use crate::infer;
use crate::lower;
use crate::schema::{self, Validators};

/// Bytes of one condition.
pub const CONDITION_BYTES_MAX: usize = 16 * 1024;
const PREFIX: &str = "permit(principal, action, resource) when {\n";
const SUFFIX: &str = "\n};";

/// A mistake in a condition, by its place in the text as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) code: &'static str,
    pub(crate) span: Range<usize>,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// A condition that compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compiled {
    pub(crate) expr: Expr,
    /// Arguments read without an `args has …`, which make the condition fail where they are absent.
    pub(crate) unguarded: Vec<String>,
}

/// Compiles single conditions, for editors and for whoever asks whether one is right; keeps what
/// several have in common.
#[derive(Debug, Default)]
pub struct ConditionCompiler {
    validators: Validators,
}

impl ConditionCompiler {
    /// Compiles the text of a condition.
    ///
    /// # Errors
    /// Every mistake with its line and column in the text, that it can never be true among them.
    pub fn compile(&mut self, text: &str) -> Result<Expr, Vec<Diagnostic>> {
        let source = SourceText::new("condition", text);
        let mistakes = match compile(text, &mut self.validators) {
            Ok(compiled) => match crate::analyse::never_true(&compiled.expr) {
                None => return Ok(compiled.expr),
                Some(why) => vec![never(0..text.trim_end().len(), Some(why))],
            },
            Err(mistakes) => mistakes,
        };
        Err(mistakes
            .into_iter()
            .map(|m| source.diagnostic(Severity::Error, m.code, m.span, m.message, m.help))
            .collect())
    }
}

/// Rewrites, parses, validates and lowers `text`.
pub(crate) fn compile(text: &str, validators: &mut Validators) -> Result<Compiled, Vec<Mistake>> {
    let whole = 0..text.trim_end().len();
    if text.len() > CONDITION_BYTES_MAX {
        return Err(vec![Mistake {
            code: "policy.limit",
            span: 0..1,
            message: format!(
                "the condition has {} bytes, the limit is {CONDITION_BYTES_MAX}",
                text.len()
            ),
            help: None,
        }]);
    }
    let rewritten = Rewritten::new(text);
    if !rewritten.mistakes.is_empty() {
        return Err(rewritten.mistakes);
    }
    let source = format!("{PREFIX}{}{SUFFIX}", rewritten.text);
    let policy = Policy::parse(None, &source).map_err(|errors| {
        parse_mistakes(&errors, &rewritten, PREFIX.len(), whole.clone())
            .into_iter()
            .map(|m| Mistake {
                message: format!("not a Cedar expression: {}", m.message),
                ..m
            })
            .collect::<Vec<_>>()
    })?;
    compile_policy(&policy, &rewritten, PREFIX.len(), whole, validators)
}

/// Compiles the conditions of a whole statement, of which there may be none; `actions` are the
/// names in its head.
pub(crate) fn compile_statement(
    policy: &Policy,
    rewritten: &Rewritten,
    whole: Range<usize>,
    actions: Vec<String>,
    validators: &mut Validators,
) -> Result<Compiled, Vec<Mistake>> {
    compile_bodies(policy, rewritten, 0, whole, actions, validators)
}

fn compile_policy(
    policy: &Policy,
    rewritten: &Rewritten,
    prefix: usize,
    whole: Range<usize>,
    validators: &mut Validators,
) -> Result<Compiled, Vec<Mistake>> {
    // `true } unless { false` would parse.
    let conditions = bodies(policy).map(|b| b.len());
    if conditions != Ok(1) {
        return Err(vec![Mistake {
            code: "policy.condition",
            span: whole,
            message: "a condition is one expression, without `when` and `unless` of its own"
                .to_owned(),
            help: None,
        }]);
    }
    compile_bodies(policy, rewritten, prefix, whole, Vec::new(), validators)
}

/// The conditions as Cedar's JSON form, each with whether it is an `unless`.
fn bodies(policy: &Policy) -> Result<Vec<(bool, serde_json::Value)>, String> {
    let json = policy.to_json().map_err(|e| e.to_string())?;
    let conditions = json.get("conditions").and_then(|c| c.as_array());
    Ok(conditions
        .into_iter()
        .flatten()
        .map(|condition| {
            let unless = condition.get("kind").and_then(|k| k.as_str()) == Some("unless");
            (unless, condition.get("body").cloned().unwrap_or_default())
        })
        .collect())
}

fn compile_bodies(
    policy: &Policy,
    rewritten: &Rewritten,
    prefix: usize,
    whole: Range<usize>,
    mut actions: Vec<String>,
    validators: &mut Validators,
) -> Result<Compiled, Vec<Mistake>> {
    let bodies = bodies(policy).map_err(|message| {
        vec![Mistake {
            code: "policy.condition",
            span: whole.clone(),
            message,
            help: None,
        }]
    })?;
    let mut parts: Vec<Expr> = Vec::new();
    for (unless, body) in bodies {
        let lowered = lower::expression(&body).map_err(|e| {
            let span = e
                .word
                .as_deref()
                .and_then(|word| find_word(&rewritten.original, word))
                .unwrap_or_else(|| whole.clone());
            vec![Mistake {
                code: e.code,
                span,
                message: e.message,
                help: e.help,
            }]
        })?;
        actions.extend(lowered.actions);
        parts.push(if unless {
            Expr::Not(Box::new(lowered.expr))
        } else {
            lowered.expr
        });
    }
    let expr = if parts.is_empty() {
        Expr::Bool(true)
    } else {
        lower::balanced(parts, &Expr::And)
    };
    let arguments = infer::infer(&expr).map_err(|e| {
        let span = find_word(&rewritten.original, &e.path).unwrap_or_else(|| whole.clone());
        vec![Mistake {
            code: "policy.argument-type",
            span,
            message: e.message,
            help: Some("an argument has one type in a condition".to_owned()),
        }]
    })?;
    validate(
        policy,
        &schema::text(&arguments.tree, &actions),
        rewritten,
        prefix,
        &whole,
        validators,
    )?;
    Ok(Compiled {
        expr,
        unguarded: arguments.unguarded,
    })
}

fn validate(
    policy: &Policy,
    schema: &str,
    rewritten: &Rewritten,
    prefix: usize,
    whole: &Range<usize>,
    validators: &mut Validators,
) -> Result<(), Vec<Mistake>> {
    let validator = validators.get(schema.to_owned()).map_err(|e| {
        vec![Mistake {
            code: "policy.argument-name",
            span: whole.clone(),
            message: format!("an argument's name cannot be used in a condition: {e}"),
            help: None,
        }]
    })?;
    let mut set = PolicySet::new();
    if let Err(e) = set.add(policy.clone()) {
        return Err(vec![Mistake {
            code: "policy.condition",
            span: whole.clone(),
            message: e.to_string(),
            help: None,
        }]);
    }
    let result = validator.validate(&set, ValidationMode::Strict);
    let mut mistakes: Vec<Mistake> = Vec::new();
    for error in result.validation_errors() {
        let detail = DetailedError::from(error);
        let mistake = Mistake {
            code: "policy.type",
            span: place(&detail, rewritten, prefix).unwrap_or_else(|| whole.clone()),
            message: plain(&detail.message),
            help: detail.help.as_deref().map(plain),
        };
        // The same mistake is found once per kind of action.
        if !mistakes.contains(&mistake) {
            mistakes.push(mistake);
        }
    }
    for warning in result.validation_warnings() {
        let detail = DetailedError::from(warning);
        if matches!(
            warning,
            cedar_policy::ValidationWarning::ImpossiblePolicy(_)
        ) {
            mistakes.push(never(whole.clone(), None));
        } else {
            mistakes.push(Mistake {
                code: "policy.text",
                span: place(&detail, rewritten, prefix).unwrap_or_else(|| whole.clone()),
                message: plain(&detail.message),
                help: detail.help.as_deref().map(plain),
            });
        }
    }
    if mistakes.is_empty() {
        Ok(())
    } else {
        Err(mistakes)
    }
}

/// The mistake of a condition that nothing can fulfil.
pub(crate) fn never(span: Range<usize>, why: Option<String>) -> Mistake {
    Mistake {
        code: "policy.never-true",
        span,
        message: "this condition can never be true".to_owned(),
        help: Some(why.unwrap_or_else(|| "the rule would protect nothing".to_owned())),
    }
}

pub(crate) fn parse_mistakes(
    errors: &cedar_policy::ParseErrors,
    rewritten: &Rewritten,
    prefix: usize,
    whole: Range<usize>,
) -> Vec<Mistake> {
    errors
        .iter()
        .map(|error| {
            let detail = DetailedError::from(error);
            let label = detail
                .source_locations
                .first()
                .and_then(|l| l.label.clone());
            Mistake {
                code: "policy.syntax",
                span: place(&detail, rewritten, prefix).unwrap_or_else(|| whole.clone()),
                message: plain(&detail.message),
                help: detail.help.as_deref().or(label.as_deref()).map(plain),
            }
        })
        .collect()
}

fn place(detail: &DetailedError, rewritten: &Rewritten, prefix: usize) -> Option<Range<usize>> {
    let loc = detail.source_locations.first()?.loc;
    let length = rewritten.text.len();
    let start = loc.start.saturating_sub(prefix).min(length);
    let end = loc.end.saturating_sub(prefix).clamp(start, length);
    let start = rewritten.original_offset(start);
    Some(start..rewritten.original_offset(end).max(start + 1))
}

/// Cedar's sentence in the words of the author: no `context.`, no policy id.
fn plain(message: &str) -> String {
    let message = match message.split_once("`, ") {
        Some((head, rest)) if head.starts_with("for policy `") => rest,
        _ => message,
    };
    let mut out = message.to_owned();
    for root in ROOTS {
        out = out.replace(&format!("context.{root}"), root);
    }
    out
}

/// The place of `word` (a dotted path or an identifier) in the text as written.
fn find_word(text: &str, word: &str) -> Option<Range<usize>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .find(|(at, _)| {
            let before = text.get(..*at).and_then(|t| t.chars().next_back());
            let after = text.get(at + word.len()..).and_then(|t| t.chars().next());
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
        .map(|(at, _)| at..at + word.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiles and renders the mistakes as `code start..end message | help`.
    fn mistakes(text: &str) -> Vec<String> {
        let mut validators = Validators::default();
        match compile(text, &mut validators) {
            Ok(_) => Vec::new(),
            Err(found) => found
                .into_iter()
                .map(|m| {
                    format!(
                        "{} [{}] {} | {}",
                        m.code,
                        text.get(m.span).unwrap_or("?"),
                        m.message,
                        m.help.unwrap_or_default()
                    )
                })
                .collect(),
        }
    }

    #[test]
    fn what_is_right_compiles() {
        for text in [
            "facts.sql.unbounded && risk.composite > 40",
            "args.amount > 500 && args.currency == \"USD\"",
            "args has customer && args.customer.id like \"vip-*\"",
            "args has customer.id && args.customer.id == \"x\"",
            "args.tags.contains(\"x\") || args.ids.containsAny([1, 2])",
            "facts.sql.kinds.containsAny([\"drop\", \"truncate\"])",
            "principal == Agent::\"billing-bot\" && action == Action::\"my_action\"",
            "if findings.pii then facts.outbound else risk.data + 5 * 2 - 1 >= 90",
            "findings.confidence.pii >= 80 && !state.agent_known",
            "args[\"amount\"] > 5 && context.risk.action != 3",
            "args.a == args.b",
            "-args.x < 5 // a comment",
        ] {
            assert_eq!(mistakes(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, expected) in [
            (
                "facts.sql.unboundd",
                "policy.unknown-field [unboundd] unknown fact `facts.sql.unboundd` | did you mean `facts.sql.unbounded`?",
            ),
            (
                "facts.unbounded",
                "policy.unknown-field [unbounded] unknown fact `facts.unbounded` | did you mean `facts.sql.unbounded`?",
            ),
            (
                "facts.action.hour > 3",
                "policy.unknown-field [action] unknown fact `facts.action` | did you mean `facts.hour`?",
            ),
            (
                "risk.compsite > 3",
                "policy.unknown-field [compsite] unknown dimension of risk `risk.compsite` | did you mean `risk.composite`?",
            ),
            (
                "findings.pi",
                "policy.unknown-field [pi] unknown threat vector `findings.pi` | did you mean `findings.pii`?",
            ),
        ] {
            assert_eq!(mistakes(text), [expected], "{text}");
        }
        for (text, code, span) in [
            ("risk.composite > \"high\"", "policy.type", "\"high\""),
            ("facts.sql.unbounded && 3", "policy.type", "3"),
            ("risk.composite >", "policy.syntax", ""),
            (
                "args.x > 5 && args.x like \"a\"",
                "policy.argument-type",
                "args.x",
            ),
            (
                "false && facts.outbound",
                "policy.never-true",
                "false && facts.outbound",
            ),
            (
                "true } unless { false",
                "policy.condition",
                "true } unless { false",
            ),
            ("principal.role == \"x\"", "policy.unsupported", "role"),
            (
                "ip(\"10.0.0.1\").isLoopback()",
                "policy.unsupported",
                "isLoopback",
            ),
            (
                "principal in Agent::\"x\"",
                "policy.unsupported",
                "principal",
            ),
            ("facts.sql == facts.sql", "policy.unsupported", "facts.sql"),
            (
                "decimal(\"1.0\").lessThan(decimal(\"2.0\"))",
                "policy.unsupported",
                "lessThan",
            ),
            ("resource is Resource", "policy.unsupported", "is"),
            ("[].contains(1)", "policy.type", "[]"),
        ] {
            let found = mistakes(text);
            assert!(
                found
                    .iter()
                    .any(|m| m.starts_with(&format!("{code} [{span}"))),
                "{text}: {found:#?}"
            );
        }
        let deep = format!("{}true{}", "(".repeat(500), ")".repeat(500));
        assert!(mistakes(&deep)[0].contains("limit of 32"));
        let long = format!("{}true", "!".repeat(5_000));
        assert!(!mistakes(&long).is_empty());
    }

    #[test]
    fn a_long_chain_is_no_deep_tree() {
        let chain = vec!["findings.pii"; 501].join(" || ");
        let mut validators = Validators::default();
        let compiled = compile(&chain, &mut validators).unwrap();
        let mut depth = 0;
        let mut here = &compiled.expr;
        while let Expr::Or(left, _) = here {
            depth += 1;
            here = left;
        }
        assert_eq!(depth, 9);
    }
}
