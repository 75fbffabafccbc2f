//! Conditions: Cedar expressions with abbreviations, to the core's compiled form.
//!
//! `facts.`, `risk.`, `findings.`, `state.` and `args.` abbreviate `context.…`. Cedar itself
//! parses and strictly validates the rewritten text against the generated schema; what it accepts
//! is lowered to [`Expr`]. Every position is carried back to the text as written.

use std::ops::Range;

use cedar_policy::ffi::DetailedError;
use cedar_policy::{Policy, PolicySet, ValidationMode};
use interlock_core::facts::FactGroup;
use interlock_core::model::Vector;
use interlock_core::program::expr::Expr;
use interlock_core::risk::Dimension;
use interlock_core::state::StateFacts;

use crate::diagnostic::{Diagnostic, Severity, SourceText, nearest};
use crate::lower;
use crate::schema::{self, Validators};

/// Bytes of one condition.
pub const CONDITION_BYTES_MAX: usize = 16 * 1024;
/// Brackets open at once in a condition.
const BRACKET_DEPTH_MAX: usize = 32;

const ROOTS: [&str; 5] = ["facts", "risk", "findings", "state", "args"];
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
    let policy = Policy::parse(None, &source)
        .map_err(|errors| {
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
    let mut joined: Option<Expr> = None;
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
        let part = if unless {
            Expr::Not(Box::new(lowered.expr))
        } else {
            lowered.expr
        };
        joined = Some(match joined {
            Some(before) => Expr::And(Box::new(before), Box::new(part)),
            None => part,
        });
    }
    let expr = joined.unwrap_or(Expr::Bool(true));
    let arguments = lower::infer(&expr).map_err(|e| {
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

/// A condition with its abbreviations written out.
#[derive(Debug)]
pub(crate) struct Rewritten {
    pub(crate) text: String,
    original: String,
    /// Where `context.` was put in: the offset in the rewritten text.
    inserted: Vec<usize>,
    pub(crate) mistakes: Vec<Mistake>,
}

const CONTEXT: &str = "context.";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    /// A string literal or a number.
    Literal,
    Sign(&'t str),
}

impl Rewritten {
    pub(crate) fn new(original: &str) -> Self {
        let mut this = Self {
            text: String::with_capacity(original.len() + 64),
            original: original.to_owned(),
            inserted: Vec::new(),
            mistakes: Vec::new(),
        };
        let tokens = tokens(original);
        let mut copied = 0;
        let mut depth = 0usize;
        for (index, (token, at)) in tokens.iter().enumerate() {
            if let Token::Sign(sign) = token {
                match *sign {
                    "(" | "[" | "{" => depth += 1,
                    ")" | "]" | "}" => depth = depth.saturating_sub(1),
                    _ => {}
                }
                if depth > BRACKET_DEPTH_MAX {
                    this.mistakes.push(Mistake {
                        code: "policy.limit",
                        span: *at..at + 1,
                        message: format!(
                            "brackets are nested deeper than the limit of {BRACKET_DEPTH_MAX}"
                        ),
                        help: None,
                    });
                    return this;
                }
            }
            let Token::Word(word) = token else { continue };
            let before = index.checked_sub(1).and_then(|i| tokens.get(i));
            let after = tokens.get(index + 1);
            let is_attribute = matches!(
                before,
                Some((Token::Sign("." | "::"), _)) | Some((Token::Word("has"), _))
            ) || matches!(after, Some((Token::Sign(":" | "::"), _)));
            if !ROOTS.contains(word) {
                continue;
            }
            let written_out = matches!(before, Some((Token::Sign("."), _)))
                && index
                    .checked_sub(2)
                    .and_then(|i| tokens.get(i))
                    .is_some_and(|(t, _)| *t == Token::Word("context"));
            if written_out {
                this.check_chain(word, &tokens, index);
                continue;
            }
            if is_attribute {
                continue;
            }
            this.text
                .push_str(original.get(copied..*at).unwrap_or_default());
            this.inserted.push(this.text.len());
            this.text.push_str(CONTEXT);
            copied = *at;
            this.check_chain(word, &tokens, index);
        }
        this.text
            .push_str(original.get(copied..).unwrap_or_default());
        this
    }

    /// The offset in the text as written.
    fn original_offset(&self, rewritten: usize) -> usize {
        let mut offset = rewritten;
        for at in self.inserted.iter().rev() {
            if *at < rewritten {
                // Within the insertion itself: the start of the abbreviation.
                offset -= CONTEXT.len().min(rewritten - at);
            }
        }
        offset.min(self.original.len())
    }

    /// Looks up `facts.a.b` and the like, so that the caret stands under the very word.
    fn check_chain(&mut self, root: &str, tokens: &[(Token<'_>, usize)], index: usize) {
        let mut segments: Vec<(&str, Range<usize>)> = Vec::new();
        let mut at = index + 1;
        while let (Some((Token::Sign("."), _)), Some((Token::Word(word), start))) =
            (tokens.get(at), tokens.get(at + 1))
        {
            if matches!(tokens.get(at + 2), Some((Token::Sign("("), _))) {
                break;
            }
            segments.push((word, *start..start + word.len()));
            at += 2;
        }
        if let Some(mistake) = check_path(root, &segments) {
            self.mistakes.push(mistake);
        }
    }
}

fn check_path(root: &str, segments: &[(&str, Range<usize>)]) -> Option<Mistake> {
    let (first, first_span) = segments.first()?;
    let unknown = |what: &str, span: &Range<usize>, full: String, help: Option<String>| Mistake {
        code: "policy.unknown-field",
        span: span.clone(),
        message: format!("unknown {what} `{full}`"),
        help,
    };
    let mean = |near: Option<String>| near.map(|n| format!("did you mean `{n}`?"));
    match root {
        "facts" => {
            let direct = FactGroup::ALL
                .iter()
                .find(|g| g.name().is_empty())
                .map_or(&[][..], |g| g.specs());
            if direct.iter().any(|s| s.name == *first) {
                return None;
            }
            let Some(group) = FactGroup::ALL.iter().find(|g| g.name() == *first) else {
                let second = segments.get(1).map(|(name, _)| *name);
                let near = second
                    .filter(|name| direct.iter().any(|s| s.name == *name))
                    .map(|name| format!("facts.{name}"))
                    .or_else(|| {
                        let names = FactGroup::ALL
                            .iter()
                            .map(|g| g.name())
                            .chain(direct.iter().map(|s| s.name))
                            .filter(|n| !n.is_empty());
                        nearest(first, names).map(|n| format!("facts.{n}"))
                    })
                    .or_else(|| elsewhere(first));
                return Some(unknown("fact", first_span, format!("facts.{first}"), mean(near)));
            };
            let (second, span) = segments.get(1)?;
            if group.specs().iter().any(|s| s.name == *second) {
                return None;
            }
            let near = nearest(second, group.specs().iter().map(|s| s.name))
                .map(|n| format!("facts.{first}.{n}"))
                .or_else(|| elsewhere(second));
            Some(unknown(
                "fact",
                span,
                format!("facts.{first}.{second}"),
                mean(near),
            ))
        }
        "risk" => {
            let names = || std::iter::once("composite").chain(Dimension::ALL.map(Dimension::name));
            if names().any(|n| n == *first) {
                return None;
            }
            let near = nearest(first, names()).map(|n| format!("risk.{n}"));
            Some(unknown(
                "dimension of risk",
                first_span,
                format!("risk.{first}"),
                mean(near),
            ))
        }
        "findings" => {
            let (name, span, place) = if *first == "confidence" {
                let (second, span) = segments.get(1)?;
                (*second, span, "findings.confidence")
            } else {
                (*first, first_span, "findings")
            };
            if Vector::from_name(name).is_some() {
                return None;
            }
            let near = nearest(name, Vector::ALL.map(Vector::name)).map(|n| format!("{place}.{n}"));
            Some(unknown(
                "threat vector",
                span,
                format!("{place}.{name}"),
                mean(near),
            ))
        }
        "state" => {
            if StateFacts::SPECS.iter().any(|s| s.name == *first) {
                return None;
            }
            let near = nearest(first, StateFacts::SPECS.iter().map(|s| s.name))
                .map(|n| format!("state.{n}"));
            Some(unknown(
                "state",
                first_span,
                format!("state.{first}"),
                mean(near),
            ))
        }
        _ => None,
    }
}

/// A fact of exactly that name in another group.
fn elsewhere(name: &str) -> Option<String> {
    FactGroup::ALL.iter().find_map(|group| {
        let spec = group.specs().iter().find(|s| s.name == name)?;
        Some(if group.name().is_empty() {
            format!("facts.{}", spec.name)
        } else {
            format!("facts.{}.{}", group.name(), spec.name)
        })
    })
}

/// The statements of a Cedar file, each with the semicolon that ends it, by their place.
pub(crate) fn statements(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = None;
    let mut depth = 0usize;
    let mut end = 0;
    for (token, at) in tokens(text) {
        start.get_or_insert(at);
        end = at + 1;
        if let Token::Sign(sign) = token {
            match sign {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.saturating_sub(1),
                ";" if depth == 0 => out.extend(start.take().map(|start| start..at + 1)),
                _ => {}
            }
        }
    }
    // What no semicolon ends is for the parser to complain about.
    out.extend(start.map(|start| start..text.trim_end().len().max(end)));
    out
}

/// Words, literals and signs with their place; white space and comments left out.
fn tokens(text: &str) -> Vec<(Token<'_>, usize)> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let start = at;
        match byte {
            b'"' => {
                at += 1;
                while let Some(b) = bytes.get(at) {
                    at += match b {
                        b'\\' => 2,
                        _ => 1,
                    };
                    if *b == b'"' {
                        break;
                    }
                }
                out.push((Token::Literal, start));
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                while bytes.get(at).is_some_and(|b| *b != b'\n') {
                    at += 1;
                }
            }
            b if b.is_ascii_alphabetic() || *b == b'_' => {
                while bytes
                    .get(at)
                    .is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
                {
                    at += 1;
                }
                out.push((Token::Word(text.get(start..at).unwrap_or_default()), start));
            }
            b if b.is_ascii_digit() => {
                while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                    at += 1;
                }
                out.push((Token::Literal, start));
            }
            b if b.is_ascii_whitespace() => at += 1,
            b if b.is_ascii() => {
                at += if text.get(at..).is_some_and(|t| t.starts_with("::")) {
                    2
                } else {
                    1
                };
                out.push((Token::Sign(text.get(start..at).unwrap_or_default()), start));
            }
            _ => at += 1,
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str) -> String {
        Rewritten::new(text).text
    }

    #[test]
    fn abbreviations_are_written_out_at_identifier_position_only() {
        for (text, expected) in [
            ("facts.outbound", "context.facts.outbound"),
            ("context.facts.outbound", "context.facts.outbound"),
            (
                "args.facts == \"facts.x\" // risk.y",
                "context.args.facts == \"facts.x\" // risk.y",
            ),
            ("args has risk", "context.args has risk"),
            ("{risk: 1}.risk == 1", "{risk: 1}.risk == 1"),
            ("!findings.pii", "!context.findings.pii"),
            ("myfacts", "myfacts"),
        ] {
            assert_eq!(rewritten(text), expected);
        }
    }

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
            ("args.x > 5 && args.x like \"a\"", "policy.argument-type", "args.x"),
            ("false && facts.outbound", "policy.never-true", "false && facts.outbound"),
            ("true } unless { false", "policy.condition", "true } unless { false"),
            ("principal.role == \"x\"", "policy.unsupported", "role"),
            ("ip(\"10.0.0.1\").isLoopback()", "policy.unsupported", "isLoopback"),
            ("principal in Agent::\"x\"", "policy.unsupported", "principal"),
            ("facts.sql == facts.sql", "policy.unsupported", "facts.sql"),
            ("decimal(\"1.0\").lessThan(decimal(\"2.0\"))", "policy.unsupported", "lessThan"),
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
        let chain = vec!["findings.pii"; 1_000].join(" || ");
        let mut validators = Validators::default();
        let compiled = compile(&chain, &mut validators).unwrap();
        let mut depth = 0;
        let mut here = &compiled.expr;
        while let Expr::Or(left, _) = here {
            depth += 1;
            here = left;
        }
        assert_eq!(depth, 10);
    }
}
