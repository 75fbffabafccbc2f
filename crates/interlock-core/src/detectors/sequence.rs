//! Rules over the order and distance of literals: the language of the prompt-injection detector.

use crate::model::FindingCode;
use crate::text::Hit;

/// Bytes that a rule looks ahead from its first literal, unless it says otherwise.
pub(super) const GAP: u32 = 72;

/// Fires where a literal of `first` is followed, within `gap` bytes and one sentence, by literals
/// of every class set in `then`, in any order.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) code: &'static FindingCode,
    pub(super) confidence: u8,
    pub(super) first: u64,
    pub(super) then: &'static [u64],
    pub(super) gap: u32,
}

impl Rule {
    /// The literals that this rule needs at all, so that it is skipped where they are not.
    pub(super) fn possible(&self, classes: u64) -> bool {
        classes & self.first != 0 && self.then.iter().all(|t| classes & t != 0)
    }

    /// The span of the first match in `hits`, which are in the order of their end.
    pub(super) fn find(&self, text: &[u8], hits: &[Hit]) -> Option<(usize, usize)> {
        for (i, first) in hits.iter().enumerate() {
            if (1u64 << first.class) & self.first == 0 {
                continue;
            }
            let limit = first.end.saturating_add(self.gap);
            let mut last = first.end;
            let mut wanted = 0u32;
            for hit in hits.iter().skip(i + 1) {
                if hit.start >= limit {
                    break;
                }
                if hit.start < first.end {
                    continue;
                }
                let bit = 1u64 << hit.class;
                for (n, then) in self.then.iter().enumerate() {
                    if then & bit != 0 {
                        wanted |= 1 << n;
                        last = last.max(hit.end);
                    }
                }
                if wanted.count_ones() as usize == self.then.len() {
                    break;
                }
            }
            let complete = wanted.count_ones() as usize == self.then.len();
            if complete && same_sentence(text, first.end as usize, last as usize) {
                return Some((first.start as usize, last as usize));
            }
        }
        None
    }
}

/// Whether no sentence or paragraph ends between the two.
fn same_sentence(text: &[u8], from: usize, to: usize) -> bool {
    let between = text.get(from..to).unwrap_or_default();
    !between.windows(2).any(|w| {
        matches!(
            w,
            [b'.' | b'!' | b'?', b' ' | b'\n' | b'\r' | b'\t'] | [b'\n', b'\n']
        )
    })
}
