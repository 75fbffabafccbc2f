//! Runs: unbroken letters, digits and the marks that tokens, keys and addresses are written with.

use std::sync::LazyLock;

use super::kind::{Finder, Match};
use super::scan::{Input, KINDS};

/// Bytes below which a run is no token.
pub(super) const RUN_BYTES_MIN: usize = 14;
/// Bytes of a run that are looked at; what is longer is data, not a token.
pub(super) const RUN_BYTES_MAX: usize = 4_096;

/// A run in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run<'a> {
    /// First byte.
    pub(super) start: usize,
    /// Its text, no longer than [`RUN_BYTES_MAX`], without dots at its end.
    pub(super) text: &'a str,
}

impl Run<'_> {
    /// One past the last byte.
    pub(super) const fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// Whether a byte belongs to a run.
pub(super) const fn run_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'~')
}

type Find = fn(&Input<'_>, &Run<'_>, &mut Vec<Match>);

/// The kinds that are runs.
static FINDERS: LazyLock<Vec<Find>> = LazyLock::new(|| {
    let finder = |finder| match finder {
        Finder::Run(find) => Some(find),
        _ => None,
    };
    KINDS.iter().filter_map(|k| finder(k.finder)).collect()
});

/// Finds the kinds that are runs.
pub(super) fn find(input: &Input<'_>, out: &mut Vec<Match>) {
    let finders = &*FINDERS;
    runs(input.text, run_byte, |run| {
        for find in finders {
            find(input, &run, out);
        }
    });
}

/// The runs of bytes of `member` in a text that are long enough.
pub(super) fn runs<'a>(text: &'a str, member: fn(u8) -> bool, mut each: impl FnMut(Run<'a>)) {
    let bytes = text.as_bytes();
    let mut start = 0;
    for i in 0..=bytes.len() {
        if bytes.get(i).copied().is_some_and(member) {
            continue;
        }
        if i - start >= RUN_BYTES_MIN {
            let end = i.min(start + RUN_BYTES_MAX);
            // The `n` of a `\n` written out is no part of what follows.
            let escaped = matches!(bytes.get(start), Some(b'n' | b't' | b'r'))
                && start > 0
                && bytes.get(start - 1) == Some(&b'\\');
            let start = start + usize::from(escaped);
            let part = text.get(start..end).unwrap_or_default();
            each(Run {
                start,
                text: part.trim_end_matches('.'),
            });
        }
        start = i + 1;
    }
}
