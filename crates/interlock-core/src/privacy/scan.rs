//! Finding all kinds in one text.

use crate::text::{Bound, Flags, Literals};

use super::kind::{Kind, Match};
use super::{
    bank_account, card, date_of_birth, email, generic_secret, ip_address, jwt, passport, password,
    phone, private_key, ssn, token, url_credentials,
};

/// Matches kept of one text.
const MATCHES_MAX: usize = 4_096;

/// All kinds, the most telling first: of two that overlap, the surer wins, then the earlier here.
pub static KINDS: [&Kind; 15] = [
    &private_key::KIND,
    &jwt::KIND,
    &token::AWS,
    &token::KIND,
    &url_credentials::KIND,
    &bank_account::KIND,
    &card::KIND,
    &ssn::KIND,
    &password::KIND,
    &generic_secret::KIND,
    &passport::KIND,
    &date_of_birth::KIND,
    &email::KIND,
    &phone::KIND,
    &ip_address::KIND,
];

/// Words that announce a kind, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Words(pub(crate) u64);

impl Words {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const TOKEN: Self = Self(1);
    pub(crate) const PRIVATE_KEY: Self = Self(1 << 1);
    pub(crate) const JWT: Self = Self(1 << 2);
    pub(crate) const PASSWORD: Self = Self(1 << 3);
    pub(crate) const SECRET: Self = Self(1 << 4);
    pub(crate) const PASSPORT: Self = Self(1 << 5);
    pub(crate) const BIRTH: Self = Self(1 << 6);
    pub(crate) const URL: Self = Self(1 << 7);
    pub(crate) const AWS: Self = Self(1 << 8);
    /// Every word may be there: nobody looked.
    pub(crate) const UNKNOWN: Self = Self(u64::MAX);

    const fn class(self) -> u8 {
        self.0.trailing_zeros() as u8
    }
}

/// The words as literals for the prefilter; the class is the bit.
pub(crate) static KEYWORD_LITERALS: &[Literals] = &[
    Literals {
        class: Words::TOKEN.class(),
        bound: Bound::Start,
        words: token::PREFIXES,
    },
    Literals {
        class: Words::TOKEN.class(),
        bound: Bound::None,
        words: &["q~"],
    },
    Literals {
        class: Words::AWS.class(),
        bound: Bound::Start,
        words: &["akia", "asia", "abia", "acca"],
    },
    Literals {
        class: Words::PRIVATE_KEY.class(),
        bound: Bound::None,
        words: &["-----begin"],
    },
    Literals {
        class: Words::JWT.class(),
        bound: Bound::Start,
        words: &["eyj"],
    },
    Literals {
        class: Words::PASSWORD.class(),
        bound: Bound::None,
        words: password::KEYWORDS,
    },
    Literals {
        class: Words::SECRET.class(),
        bound: Bound::None,
        words: generic_secret::KEYWORDS,
    },
    Literals {
        class: Words::PASSPORT.class(),
        bound: Bound::Start,
        words: passport::KEYWORDS,
    },
    Literals {
        class: Words::BIRTH.class(),
        bound: Bound::Start,
        words: date_of_birth::KEYWORDS,
    },
    Literals {
        class: Words::URL.class(),
        bound: Bound::None,
        words: &["://"],
    },
];

/// Every place in `text`, in order, none overlapping another.
#[must_use]
pub fn find(text: &str) -> Vec<Match> {
    find_with(text, Flags::of(text), Words::UNKNOWN)
}

/// As [`find`], for a text whose byte classes and words are known.
pub(crate) fn find_with(text: &str, flags: Flags, words: Words) -> Vec<Match> {
    let mut all = Vec::new();
    for kind in KINDS {
        let possible =
            flags.any(kind.flags) && (kind.words == Words::NONE || words.0 & kind.words.0 != 0);
        if possible && all.len() < MATCHES_MAX {
            (kind.find)(text, &mut all);
        }
    }
    if all.len() > 1 {
        all.truncate(MATCHES_MAX);
        all = without_overlaps(all);
    }
    all
}

fn without_overlaps(mut all: Vec<Match>) -> Vec<Match> {
    // Surest first; the sort is stable, so that the order of `KINDS` breaks ties.
    all.sort_by_key(|m| std::cmp::Reverse(m.confidence));
    let mut taken = std::collections::BTreeMap::<usize, usize>::new();
    let mut kept: Vec<Match> = Vec::with_capacity(all.len());
    for candidate in all {
        let before = taken.range(..candidate.end).next_back();
        if before.is_none_or(|(_, end)| *end <= candidate.start) {
            taken.insert(candidate.start, candidate.end);
            kept.push(candidate);
        }
    }
    kept.sort_by_key(|m| m.start);
    kept
}
