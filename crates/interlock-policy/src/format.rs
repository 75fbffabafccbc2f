//! The one way a bundle is written: order of keys, spacing, blank lines. Comments stay with what
//! they stand above.
//!
//! Lines are moved and white space is trimmed; values are never rewritten, so that an author's
//! choice of scalar style and of block or flow survives. What comes out is read again and must say
//! the same, or nothing is changed.

use std::ops::Range;

use crate::bundle::Source;
use crate::compile::BUNDLE;
use crate::diagnostic::{Diagnostic, Reports, SourceText};
use crate::document::{self, Entry, Kind, Node};
use crate::rule_document::RULE;

/// Formats a file; formatting what was formatted changes nothing. Of plain Cedar only white space
/// at the ends of lines is trimmed.
///
/// # Errors
/// When the file is not YAML, or when it is written in a way that moving lines would break.
pub fn format(source: &Source) -> Result<String, Vec<Diagnostic>> {
    if source.is_cedar() {
        return Ok(finish(
            source
                .text
                .lines()
                .map(|l| l.trim_end().to_owned())
                .collect(),
        ));
    }
    let before = parse(&source.name, &source.text)?;
    let spaced = space(&source.text, &before);
    let tree = parse(&source.name, &spaced)?;
    let ordered = order(&spaced, &tree);
    let after = parse(&source.name, &ordered)?;
    if same(&before, &after) {
        Ok(ordered)
    } else {
        let text = SourceText::new(&source.name, &source.text);
        let mut reports = Reports::new(&text);
        reports.error(
            "policy.format",
            0..1,
            "the file is written in a way that cannot be formatted without changing what it says",
        );
        Err(reports.found)
    }
}

fn parse(name: &str, text: &str) -> Result<Node, Vec<Diagnostic>> {
    let text = SourceText::new(name, text);
    let mut reports = Reports::new(&text);
    document::parse(&mut reports).ok_or(reports.found)
}

fn finish(mut lines: Vec<String>) -> String {
    while lines.last().is_some_and(|l| l.trim().is_empty()) {
        lines.pop();
    }
    let mut out = lines.join("\n");
    out.push('\n');
    out
}

/// One space after the colon of a key whose value follows on its line, no white space at the ends
/// of lines, no two blank lines in a row.
fn space(text: &str, root: &Node) -> String {
    let mut gaps: Vec<Range<usize>> = Vec::new();
    let mut protected: Vec<Range<usize>> = Vec::new();
    visit(root, &mut |node, entries| {
        if matches!(node.kind, Kind::Text(_)) {
            let lines = text.get(node.span.clone()).unwrap_or_default();
            // Within a text of several lines white space may mean something.
            if lines.contains('\n') {
                protected.push(node.span.clone());
            }
        }
        for entry in entries {
            let gap = entry.key_span.end..entry.value.span.start;
            let between = text.get(gap.clone()).unwrap_or_default();
            if let Some(spaces) = between.strip_prefix(':')
                && !spaces.is_empty()
                && spaces.chars().all(|c| c == ' ')
            {
                gaps.push(gap);
            }
        }
    });
    gaps.sort_by_key(|g| g.start);
    let mut out: Vec<String> = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        let end = start + line.len();
        let keep = protected.iter().any(|p| p.start < end && start < p.end);
        let mut here = String::new();
        let mut at = start;
        for gap in gaps.iter().filter(|g| g.start >= start && g.end <= end) {
            here.push_str(text.get(at..gap.start).unwrap_or_default());
            here.push_str(": ");
            at = gap.end;
        }
        here.push_str(text.get(at..end).unwrap_or_default());
        if !keep {
            here.truncate(here.trim_end().len());
        }
        let blank_twice = here.is_empty() && out.last().is_none_or(String::is_empty);
        if keep || !blank_twice {
            out.push(here);
        }
        start = end + 1;
    }
    finish(out)
}

fn visit<'n>(node: &'n Node, see: &mut dyn FnMut(&'n Node, &'n [Entry])) {
    match &node.kind {
        Kind::Map(entries) => {
            see(node, entries);
            entries.iter().for_each(|e| visit(&e.value, see));
        }
        Kind::List(items) => {
            see(node, &[]);
            items.iter().for_each(|i| visit(i, see));
        }
        _ => see(node, &[]),
    }
}

/// A key with its lines: the comments right above it, its own and all below up to the next.
struct Block {
    rank: usize,
    lines: Vec<String>,
}

/// Puts the keys of the bundle and of each rule into their order.
fn order(text: &str, root: &Node) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let starts: Vec<usize> = std::iter::once(0)
        .chain(text.match_indices('\n').map(|(at, _)| at + 1))
        .collect();
    let line_of = |offset: usize| starts.partition_point(|s| *s <= offset).saturating_sub(1);
    let Kind::Map(entries) = &root.kind else {
        return text.to_owned();
    };
    // Written in braces, or with two keys on a line: left as it is.
    let first_lines: Vec<usize> = entries.iter().map(|e| line_of(e.key_span.start)).collect();
    let in_lines = first_lines.windows(2).all(|w| w[0] < w[1])
        && entries
            .iter()
            .zip(&first_lines)
            .all(|(e, line)| starts.get(*line) == Some(&e.key_span.start));
    if !in_lines {
        return text.to_owned();
    }
    let mut edited: Vec<String> = lines.iter().map(|l| (*l).to_owned()).collect();
    if let Some(rules) = entries.iter().find(|e| e.key == "rules")
        && let Kind::List(items) = &rules.value.kind
    {
        for item in items {
            order_rule(item, &mut edited, &starts, &line_of);
        }
    }
    let mut blocks: Vec<Block> = Vec::new();
    let begins: Vec<usize> = first_lines
        .iter()
        .map(|line| with_comments(&edited, *line, 0))
        .collect();
    let header = edited
        .get(..begins.first().copied().unwrap_or(0))
        .unwrap_or_default()
        .to_vec();
    for (index, entry) in entries.iter().enumerate() {
        let from = begins.get(index).copied().unwrap_or(0);
        let to = begins.get(index + 1).copied().unwrap_or(edited.len());
        blocks.push(Block {
            rank: rank(BUNDLE, &entry.key),
            lines: trimmed(edited.get(from..to).unwrap_or_default()),
        });
    }
    blocks.sort_by_key(|b| b.rank);
    let mut out = trimmed(&header);
    let mut several = !out.is_empty();
    for block in blocks {
        // A key of several lines stands by itself.
        if !out.is_empty() && (several || block.lines.len() > 1) {
            out.push(String::new());
        }
        several = block.lines.len() > 1 && !is_comment_and_key(&block.lines);
        out.extend(block.lines);
    }
    finish(out)
}

/// One line under its comments.
fn is_comment_and_key(lines: &[String]) -> bool {
    lines
        .split_last()
        .is_some_and(|(_, above)| above.iter().all(|l| l.trim_start().starts_with('#')))
}

fn rank(known: &[&str], key: &str) -> usize {
    known.iter().position(|k| *k == key).unwrap_or(known.len())
}

/// The first of the comment lines right above `line`, not before `floor`.
fn with_comments(lines: &[String], line: usize, floor: usize) -> usize {
    let mut at = line;
    while at > floor
        && lines
            .get(at - 1)
            .is_some_and(|l| l.trim_start().starts_with('#'))
    {
        at -= 1;
    }
    at
}

fn trimmed(lines: &[String]) -> Vec<String> {
    let blank = |l: &String| l.trim().is_empty();
    let from = lines.iter().position(|l| !blank(l)).unwrap_or(lines.len());
    let to = lines
        .iter()
        .rposition(|l| !blank(l))
        .map_or(from, |at| at + 1);
    lines.get(from..to).unwrap_or_default().to_vec()
}

/// Orders the keys of one rule in place, when each stands on a line of its own.
fn order_rule(
    item: &Node,
    lines: &mut [String],
    starts: &[usize],
    line_of: &dyn Fn(usize) -> usize,
) {
    let Kind::Map(entries) = &item.kind else {
        return;
    };
    let Some(first) = entries.first() else { return };
    let column = |entry: &Entry| {
        let line = line_of(entry.key_span.start);
        entry.key_span.start - starts.get(line).copied().unwrap_or(0)
    };
    let indent = column(first);
    let key_lines: Vec<usize> = entries.iter().map(|e| line_of(e.key_span.start)).collect();
    let is_block = entries.iter().all(|e| column(e) == indent)
        && key_lines.windows(2).all(|w| w[0] < w[1])
        && lines
            .get(key_lines[0])
            .is_some_and(|l| l.get(..indent).is_some_and(|l| l.trim() == "-"));
    if !is_block {
        return;
    }
    let begin = key_lines[0];
    let end = rule_end(lines, *key_lines.last().unwrap_or(&begin), indent);
    let marker = lines[begin][..indent].to_owned();
    let blank = " ".repeat(indent);
    lines[begin].replace_range(..indent, &blank);
    let mut blocks = Vec::new();
    let begins: Vec<usize> = key_lines
        .iter()
        .enumerate()
        .map(|(i, line)| {
            let floor = if i == 0 { begin } else { key_lines[i - 1] + 1 };
            with_comments(lines, *line, floor)
        })
        .collect();
    for (index, entry) in entries.iter().enumerate() {
        let to = begins.get(index + 1).copied().unwrap_or(end);
        blocks.push(Block {
            rank: rank(RULE, &entry.key),
            lines: lines[begins[index]..to].to_vec(),
        });
    }
    let before: Vec<usize> = blocks.iter().map(|b| b.rank).collect();
    blocks.sort_by_key(|b| b.rank);
    let sorted: Vec<String> = blocks.into_iter().flat_map(|b| b.lines).collect();
    // The item's marker needs a key on the first line.
    let movable = sorted
        .first()
        .is_some_and(|l| !l.trim_start().starts_with('#'));
    if movable && !before.is_sorted() {
        for (slot, line) in lines[begin..end].iter_mut().zip(sorted) {
            *slot = line;
        }
    }
    lines[begin].replace_range(..indent, &marker);
}

/// One past the last line of the rule: what is indented at least like its keys.
fn rule_end(lines: &[String], last_key: usize, indent: usize) -> usize {
    let mut end = last_key + 1;
    while let Some(line) = lines.get(end) {
        let inner = line.len() - line.trim_start().len();
        if line.trim().is_empty() || inner <= indent {
            break;
        }
        end += 1;
    }
    end
}

/// Whether two trees say the same, whatever the order of keys.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.kind, &b.kind) {
        (Kind::Map(a), Kind::Map(b)) => {
            a.len() == b.len()
                && a.iter().all(|left| {
                    b.iter()
                        .any(|right| left.key == right.key && same(&left.value, &right.value))
                })
        }
        (Kind::List(a), Kind::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Kind::Null, Kind::Null) => true,
        (Kind::Bool(a), Kind::Bool(b)) => a == b,
        (Kind::Number(a), Kind::Number(b)) | (Kind::Text(a), Kind::Text(b)) => a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::BUILT_IN;
    use proptest::prelude::*;

    fn formatted(text: &str) -> String {
        format(&Source::new("t.yaml", text)).unwrap_or_else(|found| panic!("{found:?}"))
    }

    #[test]
    fn keys_are_ordered_and_comments_move_along() {
        let text = "\
# About the bundle.
default:   allow
interlock: 1


tests: []
# The rules.
rules:
  # The first.
  - effect: block   
    # Why.
    when: |
      // a comment of Cedar
      facts.outbound


      && findings.pii
    id:  one
  - { effect: alert, id:   two }
# Bands.
risk_bands: []
";
        let expected = "\
interlock: 1

# About the bundle.
default: allow

# The rules.
rules:
  # The first.
  - id: one
    # Why.
    when: |
      // a comment of Cedar
      facts.outbound


      && findings.pii
    effect: block
  - { effect: alert, id: two }

# Bands.
risk_bands: []
tests: []
";
        assert_eq!(formatted(text), expected);
        assert_eq!(formatted(expected), expected);
    }

    #[test]
    fn the_built_in_bundles_are_formatted() {
        for (name, text) in BUILT_IN {
            assert!(formatted(text) == *text, "{name} is not formatted");
        }
    }

    proptest! {
        #[test]
        fn formatting_twice_changes_nothing(
            order in Just(["id: a", "effect: block", "when: |\n      facts.outbound", "priority: 3", "# note\n    cites: [x]"]).prop_shuffle(),
            blanks in 0usize..4,
            gap in 1usize..4,
        ) {
            let keys: Vec<String> = order.iter().map(|k| k.replacen(": ", &format!(":{}", " ".repeat(gap)), 1)).collect();
            let text = format!("default: allow{}\nrules:\n  -\n    {}\ninterlock: 1\n", "\n".repeat(blanks), keys.join("\n    "));
            let source = Source::new("t.yaml", text);
            let once = format(&source).unwrap();
            let twice = format(&Source::new("t.yaml", once.as_str())).unwrap();
            prop_assert_eq!(once, twice);
        }
    }
}
