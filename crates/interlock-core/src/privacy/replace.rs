//! Synthetic values in the form of real ones: same length and separators, valid check digits, the same
//! each time for the same value and key. Which real value stands behind one is kept elsewhere.

use super::code::{self};
use super::draw::Draw;
use super::kind::{Date, Finder, Kind, Make};
use super::mask::{Masked, Strategy, mask_value, replace_with};
use super::number::{self};

/// Draws made for one value; a check digit takes about ten, two about a hundred, an Indian tax number
/// with its fixed letters some seven thousand.
const DRAWS_MAX: u32 = 200_000;

/// The key of synthetic values. Whoever has it can test whether a synthetic value stands for a given
/// real one.
#[derive(Clone, Copy)]
pub struct Key([u8; 32]);

impl Key {
    /// The key with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Replaces everything that [`super::find`] reports in `text` by a synthetic value.
#[must_use]
pub fn replace_text(text: &str, key: &Key) -> Masked {
    replace_with(text, |kind, value| replace_value(kind, value, key, 0))
}

/// A synthetic value in the form of `value`: it passes the check of its kind and is never `value`.
/// `attempt` gives another one, for a caller whose mapping has the first in use. Falls back to the full
/// mask for a text that is none of its kind.
#[must_use]
pub fn replace_value(kind: &Kind, value: &str, key: &Key, attempt: u32) -> String {
    let mut draw = Draw::new(&key.0, kind.name, value, attempt);
    for _ in 0..DRAWS_MAX {
        let made = match kind.make {
            Make::Own(make) => make(value, &mut draw),
            Make::Redraw(keep) => redraw(value, usize::from(keep), None, &mut draw),
            Make::Dated(at, date) => redraw(value, 0, Some((usize::from(at), date)), &mut draw),
        };
        if made != value && fits(kind, &made) {
            return made;
        }
    }
    mask_value(kind, value, Strategy::Full)
}

/// Whether `value` passes the check of its kind.
fn fits(kind: &Kind, value: &str) -> bool {
    match kind.finder {
        Finder::Number(min, max, judge) => {
            let digits = value.bytes().filter(u8::is_ascii_digit).count();
            (usize::from(min)..=usize::from(max)).contains(&digits)
                && number::recognise(value, judge) > 0
        }
        Finder::Code(_, _, judge) => code::recognise(value, judge) > 0,
        Finder::Run(_) | Finder::Text(..) => true,
    }
}

/// Draws every letter and digit but the first `keep` anew; a date stays one.
fn redraw(value: &str, keep: usize, date: Option<(usize, Date)>, draw: &mut Draw) -> String {
    let day = |draw: &mut Draw| format!("{:02}", 1 + draw.below(28));
    let drawn = date.map(|(at, date)| {
        let month = format!("{:02}", 1 + draw.below(12));
        let year = 40 + draw.below(60);
        let text = match date {
            Date::Ymd => format!("{year}{month}{}", day(draw)),
            Date::Dmy => format!("{}{month}{year}", day(draw)),
            Date::YyyyMd => format!("19{year}{month}{}", day(draw)),
        };
        (at, text.into_bytes())
    });
    let mut seen = 0;
    value
        .chars()
        .map(|c| {
            if !c.is_ascii_alphanumeric() {
                return c;
            }
            let at: usize = seen;
            seen += 1;
            let dated = drawn
                .as_ref()
                .and_then(|(from, text)| text.get(at.checked_sub(*from)?).copied());
            match dated {
                Some(b) => char::from(b),
                None if at < keep => c,
                None => draw.like(c, false),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::{KINDS, Strategy as Mask, find};
    use proptest::prelude::*;

    /// The value that the example of a kind holds, and what stands before and behind it.
    fn example(kind: &Kind) -> (String, String, String) {
        let found = find(kind.example)
            .into_iter()
            .find(|m| m.kind.name == kind.name)
            .unwrap_or_else(|| panic!("`{}` is not found in its example", kind.name));
        let part = |from: usize, to: usize| kind.example.get(from..to).unwrap().to_owned();
        (
            part(0, found.start),
            part(found.start, found.end),
            part(found.end, kind.example.len()),
        )
    }

    #[test]
    fn each_kind_is_found_in_its_example() {
        let missing: Vec<String> = KINDS
            .iter()
            .filter(|k| !find(k.example).iter().any(|m| m.kind.name == k.name))
            .map(|k| {
                let found: Vec<_> = find(k.example)
                    .iter()
                    .map(|m| (m.kind.name, m.confidence))
                    .collect();
                format!("{}: {} {found:?}", k.name, k.example)
            })
            .collect();
        assert!(missing.is_empty(), "{}", missing.join("\n"));
    }

    /// A changed digit is noticed: by single-digit checks always, by those that map two remainders to
    /// one digit nearly always.
    #[test]
    fn a_mistyped_number_is_none() {
        let mut weak = Vec::new();
        for kind in KINDS.iter().filter(|k| k.checked()) {
            let (before, value, after) = example(kind);
            let (mut changed, mut found) = (0u32, 0u32);
            for (i, c) in value.char_indices().filter(|(_, c)| c.is_ascii_digit()) {
                for other in ('0'..='9').filter(|o| *o != c) {
                    let mut bad = value.clone();
                    bad.replace_range(i..=i, &other.to_string());
                    changed += 1;
                    let text = format!("{before}{bad}{after}");
                    found += u32::from(find(&text).iter().any(|m| m.kind.name == kind.name));
                }
            }
            // The mixed case of an address with few letters says less.
            if found * 8 > changed {
                weak.push(format!(
                    "{}: {found} of {changed} changed ones pass",
                    kind.name
                ));
            }
        }
        assert!(weak.is_empty(), "{}", weak.join("\n"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("INTERLOCK_SOAK").is_some() { 400 } else { 12 }))]

        #[test]
        fn synthetic_values_are_of_their_kind_and_others(seed in any::<[u8; 32]>()) {
            let key = Key::new(seed);
            let mut lost = Vec::new();
            for kind in KINDS {
                let (before, value, after) = example(kind);
                let made = replace_value(kind, &value, &key, 0);
                prop_assert_ne!(&made, &value);
                if made.starts_with('[') {
                    lost.push(format!("{} has no synthetic value", kind.name));
                    continue;
                }
                prop_assert_eq!(&made, &replace_value(kind, &value, &key, 0));
                prop_assert_ne!(&made, &replace_value(kind, &value, &key, 1));
                // Documentation's addresses and drawn passwords are nobody's, and not found.
                let found_again = kind.checked() || matches!(kind.finder, Finder::Number(..) | Finder::Code(..));
                if found_again {
                    let word = kind.words.first().copied().unwrap_or_default();
                    let head = format!("{word} {before}");
                    let text = format!("{head}{made}{after}");
                    // Another kind may know it better: two countries' numbers can look the same.
                    let whole = (head.len(), head.len() + made.len());
                    let found = find(&text);
                    if !found.iter().any(|m| m.kind.name == kind.name || (m.start <= whole.0 && m.end >= whole.1)) {
                        lost.push(format!("{} is not found in {text}", kind.name));
                    }
                }
            }
            prop_assert!(lost.is_empty(), "{}", lost.join("\n"));
        }

        #[test]
        fn masks_keep_no_more_than_they_say(seed in any::<[u8; 32]>()) {
            let key = Key::new(seed);
            for kind in KINDS {
                let (_, value, _) = example(kind);
                let made = replace_value(kind, &value, &key, 0);
                let plain = |t: &str| t.chars().filter(|c| c.is_alphanumeric()).count();
                let kept = plain(&mask_value(kind, &made, Mask::Partial));
                // A sixth at either end, or four; the domain of an address is no secret.
                let most = (plain(&made) / 3).max(4) + 2;
                prop_assert!(kind.name == "email" || kept <= most, "{}: {kept} of {made}", kind.name);
                let full = mask_value(kind, &made, Mask::Full);
                prop_assert_eq!(full, format!("[{}]", kind.label()));
                if kind.family == crate::privacy::Family::Secret {
                    let hash = mask_value(kind, &made, Mask::Hash);
                    prop_assert!(!hash.contains(&made));
                }
            }
        }
    }
}
