//! `interlock policy fmt`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use interlock_core::program::rule::Rule;
use interlock_policy::{Compiled, Source};
use serde_json::json;

use super::count;
use crate::output::Output;

/// Tidy the files of a bundle.
///
/// Line ends become LF, blanks at the end of a line and runs of empty lines go, lists and maps are
/// indented by two, and a file ends with one newline. Comments and the order of things stay. A file
/// is only written when the tidied bundle compiles to the same rules.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock policy fmt policies/
  interlock policy fmt --check policies/         for continuous integration

Exit codes: 0 nothing to do or written, 1 the bundle does not load, or --check found a file to tidy")]
pub(crate) struct Args {
    /// A file or a directory.
    path: PathBuf,
    /// Write nothing; fail when a file is not tidy.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    if !args.path.exists() {
        bail!(
            "`{}` does not exist; a built-in bundle cannot be formatted",
            args.path.display()
        );
    }
    let sources = super::sources(&args.path).map_err(|found| {
        anyhow::anyhow!(
            "{}",
            found.iter().map(ToString::to_string).collect::<String>()
        )
    })?;
    let before = super::compiled(&args.path)?;
    let mut changed: Vec<(String, String)> = Vec::new();
    let mut tidied = Vec::new();
    for source in &sources {
        let text = if source.name.ends_with(".cedar") {
            tidy_blanks(&source.text, |_| false)
        } else {
            tidy_yaml(&source.text)
        };
        let mut after = Source::new(source.name.clone(), text.clone());
        after.layer = source.layer;
        tidied.push(after);
        if text != source.text {
            changed.push((source.name.clone(), text));
        }
    }
    let same = interlock_policy::compile(&tidied, 1).is_ok_and(|after| same(&before, &after));
    if !same {
        bail!(
            "`{}` would not mean the same when tidied, so nothing was written",
            args.path.display()
        );
    }
    if !args.check {
        for (name, text) in &changed {
            write(Path::new(name), text)?;
        }
    }
    let names: Vec<&str> = changed.iter().map(|(name, _)| name.as_str()).collect();
    let value = json!({"files": sources.len(), "changed": names, "written": !args.check});
    out.print(&value, || {
        let mut text = String::new();
        for name in &names {
            let _ = writeln!(
                text,
                "{} {name}",
                if args.check { "would tidy" } else { "tidied" }
            );
        }
        let _ = write!(
            text,
            "{}, {} changed",
            count(sources.len(), "file"),
            names.len()
        );
        text
    });
    Ok(u8::from(args.check && !changed.is_empty()))
}

/// Replaces a file whole or not at all.
fn write(path: &Path, text: &str) -> Result<()> {
    let directory = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let doing = || format!("cannot write `{}`", path.display());
    let mut file = tempfile::NamedTempFile::new_in(directory).with_context(doing)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).with_context(doing)?;
    let permissions = std::fs::metadata(path).with_context(doing)?.permissions();
    file.as_file()
        .set_permissions(permissions)
        .with_context(doing)?;
    file.persist(path).with_context(doing)?;
    Ok(())
}

/// Whether two bundles are the same but for the places of their rules.
fn same(a: &Compiled, b: &Compiled) -> bool {
    let unplaced = |rule: &Rule| Rule {
        origin: "".into(),
        ..rule.clone()
    };
    let rules = |c: &Compiled| c.program.rules().iter().map(unplaced).collect::<Vec<_>>();
    let tests = |c: &Compiled| {
        let mut tests = c.tests.clone();
        tests.iter_mut().for_each(|t| t.origin.clear());
        tests
    };
    let (x, y) = (a.program.parts(), b.program.parts());
    rules(a) == rules(b)
        && tests(a) == tests(b)
        && a.profiles == b.profiles
        && x.default == y.default
        && x.bands == y.bands
        && x.base == y.base
        && x.environments == y.environments
        && x.name == y.name
}

/// Whether a line begins a block of text whose lines are kept as they are.
fn opens_block(line: &str) -> bool {
    let line = line.split(" #").next().unwrap_or(line).trim_end();
    let Some(last) = line.rsplit([' ', '\t']).next() else {
        return false;
    };
    let marker = last.trim_end_matches(|c: char| c.is_ascii_digit() || c == '+' || c == '-');
    matches!(marker, "|" | ">") && line.len() > last.len()
}

const fn indent(line: &str) -> usize {
    let mut at = 0;
    while at < line.len() && line.as_bytes()[at] == b' ' {
        at += 1;
    }
    at
}

/// Takes out blanks at line ends and runs of empty lines; lines that `keep` says are kept.
fn tidy_blanks(text: &str, keep: impl Fn(usize) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut empty = 0;
    for (number, line) in text.lines().enumerate() {
        if keep(number) {
            empty = 0;
            out.push_str(line);
            out.push('\n');
            continue;
        }
        let line = line.trim_end();
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty > 1 || (line.is_empty() && out.is_empty()) {
            continue;
        }
        out.push_str(line);
        out.push('\n');
    }
    while out.ends_with("\n\n") {
        out.pop();
    }
    out
}

/// Tidies YAML: nesting by two blanks, block texts moved with what they belong to.
fn tidy_yaml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut kept = Vec::new();
    // The columns that are open, outermost first.
    let mut open: Vec<usize> = Vec::new();
    // The block text that is open: the column of its owner, and how far it moves.
    let mut block: Option<(usize, isize)> = None;
    for line in text.lines() {
        let column = indent(line);
        let content = line.trim();
        if let Some((owner, shift)) = block {
            if content.is_empty() || column > owner {
                kept.push(true);
                if content.is_empty() && column <= owner {
                    out.push('\n');
                } else {
                    push(
                        &mut out,
                        column.saturating_add_signed(shift),
                        line.trim_start_matches(' '),
                    );
                }
                continue;
            }
            block = None;
        }
        kept.push(false);
        if content.is_empty() {
            out.push('\n');
            continue;
        }
        // A comment belongs to what follows it and opens nothing; it keeps its distance.
        let comment = content.starts_with('#');
        while open.last().is_some_and(|top| *top > column) {
            open.pop();
        }
        if !comment && open.last() != Some(&column) {
            open.push(column);
        }
        let level = open.iter().position(|c| *c >= column).unwrap_or(open.len());
        let to = 2 * level;
        push(&mut out, to, content_of(line));
        if comment {
            continue;
        }
        // `- key: value` opens the list and the map in it.
        let mut inner = content;
        let mut at = column;
        while let Some(rest) = inner.strip_prefix("- ") {
            at += 2 + indent(rest);
            inner = rest.trim_start_matches(' ');
            open.push(at);
        }
        if opens_block(line) {
            block = Some((
                column,
                isize::try_from(to).unwrap_or(0) - isize::try_from(column).unwrap_or(0),
            ));
        }
    }
    tidy_blanks(&out, |number| kept.get(number).copied().unwrap_or(false))
}

/// The line without its indentation, one blank after each dash.
fn content_of(line: &str) -> String {
    let mut rest = line.trim();
    let mut out = String::new();
    while let Some(inner) = rest.strip_prefix("- ") {
        out.push_str("- ");
        rest = inner.trim_start_matches(' ');
    }
    out.push_str(rest);
    out
}

fn push(out: &mut String, column: usize, content: impl AsRef<str>) {
    out.extend(std::iter::repeat_n(' ', column));
    out.push_str(content.as_ref());
    out.push('\n');
}
