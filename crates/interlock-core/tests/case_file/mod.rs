//! Cases as text: `## section`, then per case the input (`> ` lines), the facts (`= `) and why (`# `).

use std::path::Path;

use interlock_core::facts::{FactRef, FactSpec};

/// How many cases a file holds.
#[derive(Debug)]
pub(crate) struct Counts {
    /// All cases.
    pub(crate) total: usize,
    /// Sections.
    pub(crate) sections: usize,
}

/// The names of the boolean facts that hold, in field order.
pub(crate) fn true_flags<'a>(
    specs: &[FactSpec],
    get: impl Fn(u8) -> Option<FactRef<'a>>,
    without: &[&str],
) -> String {
    let names: Vec<&str> = specs
        .iter()
        .zip(0u8..)
        .filter(|(spec, i)| {
            matches!(get(*i), Some(FactRef::Bool(true))) && !without.contains(&spec.name)
        })
        .map(|(spec, _)| spec.name)
        .collect();
    names.join(" ")
}

/// Runs every case of `tests/cases/<file>`; with `INTERLOCK_BLESS=1` writes what was found instead,
/// for review.
pub(crate) fn check(file: &str, facts: impl Fn(&str) -> String) -> Counts {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let bless = std::env::var_os("INTERLOCK_BLESS").is_some();
    let mut counts = Counts {
        total: 0,
        sections: 0,
    };
    let mut failures = Vec::new();
    let mut out = String::new();
    let mut input = String::new();
    let mut lines = text.lines().peekable();
    let mut in_cases = false;
    while let Some(line) = lines.next() {
        if line.starts_with("## ") {
            counts.sections += 1;
            in_cases = true;
        }
        let Some(first) = line.strip_prefix('>').filter(|_| in_cases) else {
            out.push_str(line);
            out.push('\n');
            continue;
        };
        input.clear();
        input.push_str(first.strip_prefix(' ').unwrap_or(first));
        out.push_str(line);
        out.push('\n');
        while let Some(more) = lines.next_if(|l| l.starts_with('>')) {
            input.push('\n');
            let more_text = &more[1..];
            input.push_str(more_text.strip_prefix(' ').unwrap_or(more_text));
            out.push_str(more);
            out.push('\n');
        }
        let wanted = lines.next_if(|l| l.starts_with("= "));
        let why = lines.next_if(|l| l.starts_with("# "));
        let why = why.unwrap_or_else(|| panic!("{file}: no reason for `{input}`"));
        let found = facts(&input);
        counts.total += 1;
        if wanted.map(|w| &w[2..]) != Some(found.as_str()) {
            failures.push(format!(
                "{input}\n  wanted {}\n  found  = {found}",
                wanted.unwrap_or("nothing")
            ));
        }
        out.push_str(&format!("= {found}\n{why}\n"));
    }
    if bless {
        std::fs::write(&path, out).unwrap();
    } else {
        assert!(
            failures.is_empty(),
            "{file}: {} of {} cases differ\n{}",
            failures.len(),
            counts.total,
            failures.join("\n")
        );
    }
    counts
}
