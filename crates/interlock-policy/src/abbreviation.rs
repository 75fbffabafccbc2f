//! Abbreviations of conditions: `facts.x` for `context.facts.x`, with every position kept.

use std::ops::Range;

use interlock_core::facts::FactGroup;
use interlock_core::model::Vector;
use interlock_core::risk::Dimension;
use interlock_core::state::StateFacts;

use crate::condition::Mistake;
use crate::diagnostic::nearest;

/// Brackets open at once in a condition.
const BRACKET_DEPTH_MAX: usize = 32;

/// `&&` and `||` of a condition.
const LOGICAL_MAX: usize = 500;
/// `+`, `-` and `*` of a condition.
const ARITHMETIC_MAX: usize = 64;
/// `if` of a condition.
const IF_MAX: usize = 32;
/// Names in a row, as in `args.a.b.c`.
const PATH_MAX: usize = 16;
/// Names, numbers, texts and signs of a condition.
const TOKENS_MAX: usize = 8_000;

pub(crate) const ROOTS: [&str; 5] = ["facts", "risk", "findings", "state", "args"];
/// A condition with its abbreviations written out.
#[derive(Debug)]
pub(crate) struct Rewritten {
    pub(crate) text: String,
    pub(crate) original: String,
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
        if let Some(mistake) = too_large(&tokens) {
            this.mistakes.push(mistake);
            return this;
        }
        let mut copied = 0;
        for (index, (token, at)) in tokens.iter().enumerate() {
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
    pub(crate) fn original_offset(&self, rewritten: usize) -> usize {
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

/// Cedar parses, validates and prints by recursion, so what nests is bounded before it sees it.
fn too_large(tokens: &[(Token<'_>, usize)]) -> Option<Mistake> {
    let limit = |at: usize, what: &str, max: usize| {
        Some(Mistake {
            code: "policy.limit",
            span: at..at + 1,
            message: format!("{what} pass the limit of {max}"),
            help: None,
        })
    };
    let (mut depth, mut logical, mut arithmetic, mut ifs, mut path) = (0usize, 0, 0, 0, 0);
    let mut before = None;
    for (index, (token, at)) in tokens.iter().enumerate() {
        if index >= TOKENS_MAX {
            return limit(*at, "the words and signs of the condition", TOKENS_MAX);
        }
        match token {
            Token::Sign("(" | "[" | "{") => depth += 1,
            Token::Sign(")" | "]" | "}") => depth = depth.saturating_sub(1),
            Token::Sign("+" | "-" | "*") => arithmetic += 1,
            // The second half of `&&` and `||`.
            Token::Sign("&" | "|") if before == Some(*token) => logical += 1,
            Token::Word("if") => ifs += 1,
            // Cedar joins the conditions of a statement as if by `&&`.
            Token::Word("when" | "unless") => logical += 1,
            _ => {}
        }
        path = match token {
            Token::Sign(".") => path + 1,
            Token::Word(_) => path,
            _ => 0,
        };
        before = Some(*token);
        if depth > BRACKET_DEPTH_MAX {
            return limit(*at, "nested brackets", BRACKET_DEPTH_MAX);
        }
        if logical > LOGICAL_MAX {
            return limit(*at, "`&&` and `||` of one condition", LOGICAL_MAX);
        }
        if arithmetic > ARITHMETIC_MAX {
            return limit(*at, "`+`, `-` and `*` of one condition", ARITHMETIC_MAX);
        }
        if ifs > IF_MAX {
            return limit(*at, "`if` of one condition", IF_MAX);
        }
        if path > PATH_MAX {
            return limit(*at, "names in a row", PATH_MAX);
        }
    }
    None
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
                return Some(unknown(
                    "fact",
                    first_span,
                    format!("facts.{first}"),
                    mean(near),
                ));
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
}
