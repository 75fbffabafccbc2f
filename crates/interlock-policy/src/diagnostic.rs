//! Messages for the author of a policy: what is wrong, where, and what to do about it.

use std::fmt;
use std::ops::Range;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The bundle loads.
    Warning,
    /// The bundle does not load.
    Error,
}

impl Severity {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One message about one place of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable code such as `policy.unknown-field`.
    pub code: &'static str,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The file as the caller named it.
    pub file: String,
    /// The line, from 1; 0 when it concerns the whole file.
    pub line: u32,
    /// The column in characters, from 1; 0 when it concerns the whole file.
    pub column: u32,
    /// How many characters are meant, 1 at least.
    pub width: u32,
    /// The line's text.
    pub excerpt: String,
}

impl Diagnostic {
    /// Whether the bundle cannot load because of it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    /// Renders in the manner of rustc: message, place, the line with a caret, help.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}[{}]: {}",
            self.severity.name(),
            self.code,
            self.message
        )?;
        let margin = self.line.to_string().len();
        if self.line == 0 {
            write!(f, "{:margin$}--> {}", "", self.file)?;
        } else {
            writeln!(
                f,
                "{:margin$}--> {}:{}:{}",
                "", self.file, self.line, self.column
            )?;
            writeln!(f, "{:margin$} |", "")?;
            writeln!(f, "{} | {}", self.line, self.excerpt)?;
            let before: String = self
                .excerpt
                .chars()
                .take(self.column.saturating_sub(1) as usize)
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            let carets = "^".repeat(self.width.max(1) as usize);
            write!(f, "{:margin$} | {before}{carets}", "")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n{:margin$} = help: {help}", "")?;
        }
        Ok(())
    }
}

/// A text with its name and an index of its lines.
#[derive(Debug)]
pub(crate) struct SourceText<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
    lines: Vec<usize>,
}

impl<'a> SourceText<'a> {
    pub(crate) fn new(name: &'a str, text: &'a str) -> Self {
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self { name, text, lines }
    }

    /// The line from 1 that holds the byte `offset`, and where it begins.
    fn line(&self, offset: usize) -> (usize, usize) {
        let index = self.lines.partition_point(|start| *start <= offset).max(1);
        (index, self.lines.get(index - 1).copied().unwrap_or(0))
    }

    /// The line, from 1, of a byte.
    pub(crate) fn line_number(&self, offset: usize) -> u32 {
        u32::try_from(self.line(offset).0).unwrap_or(u32::MAX)
    }

    /// `file:line` of a byte, as kept in compiled rules.
    pub(crate) fn origin(&self, offset: usize) -> String {
        format!("{}:{}", self.name, self.line(offset).0)
    }

    pub(crate) fn diagnostic(
        &self,
        severity: Severity,
        code: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Diagnostic {
        let start = span.start.min(self.text.len());
        let (line, line_start) = self.line(start);
        let rest = self.text.get(line_start..).unwrap_or_default();
        let excerpt = rest.split('\n').next().unwrap_or_default();
        let excerpt = excerpt.strip_suffix('\r').unwrap_or(excerpt);
        let count = |from: usize, to: usize| {
            self.text
                .get(from..to.max(from))
                .map_or(0, |t| t.chars().count())
        };
        let line_end = line_start + excerpt.len();
        let width = count(start, span.end.min(line_end)).max(1);
        Diagnostic {
            severity,
            code,
            message: message.into(),
            help,
            file: self.name.to_owned(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(count(line_start, start) + 1).unwrap_or(u32::MAX),
            width: u32::try_from(width).unwrap_or(1),
            excerpt: excerpt.to_owned(),
        }
    }
}

/// Collects what is said about one file.
#[derive(Debug)]
pub(crate) struct Reports<'a> {
    pub(crate) source: &'a SourceText<'a>,
    pub(crate) found: Vec<Diagnostic>,
}

impl<'a> Reports<'a> {
    pub(crate) fn new(source: &'a SourceText<'a>) -> Self {
        Self {
            source,
            found: Vec::new(),
        }
    }

    pub(crate) fn error(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
    ) {
        self.error_help(code, span, message, None);
    }

    pub(crate) fn error_help(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.found.push(
            self.source
                .diagnostic(Severity::Error, code, span, message, help),
        );
    }

    pub(crate) fn warning(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.found.push(
            self.source
                .diagnostic(Severity::Warning, code, span, message, help),
        );
    }
}

/// The candidate nearest to `word`, when one is near enough to be meant.
#[must_use]
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|c| (edit_distance(word, c), c))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}

/// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
fn edit_distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    if a.len().abs_diff(b.len()) > 8 || a.len().max(b.len()) > 64 {
        return usize::MAX;
    }
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_line_and_caret() {
        let source = SourceText::new("a.yaml", "rules:\n  - when: fäcts.sqll\n");
        let at = source.text.find("sqll").unwrap();
        let shown = source
            .diagnostic(
                Severity::Error,
                "policy.unknown-field",
                at..at + 4,
                "no such group",
                Some("did you mean `sql`?".to_owned()),
            )
            .to_string();
        assert_eq!(
            shown,
            "error[policy.unknown-field]: no such group\n --> a.yaml:2:17\n  |\n2 |   - when: fäcts.sqll\n  |                 ^^^^\n  = help: did you mean `sql`?"
        );
    }

    #[test]
    fn the_nearest_word_is_near() {
        assert_eq!(
            nearest("unboundd", ["bounded", "unbounded"]),
            Some("unbounded")
        );
        assert_eq!(nearest("effcet", ["effect", "exempt"]), Some("effect"));
        assert_eq!(nearest("zzz", ["effect", "exempt"]), None);
    }
}
