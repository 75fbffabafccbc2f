//! Dates of birth: a date that a word announces.

use crate::text::Flags;

use super::check::day_of_month;
use super::draw::Draw;
use super::kind::{Finder, Make, Match, kind};
use super::mask::nothing;
use super::scan::{Input, Words};

kind! {
    /// A date of birth: a date that exists, in a form of ISO 8601 or as people write it, behind a word
    /// for birth. As the value of a field it is personal data; in running text it says too little about
    /// whom to stop an action alone.
    KIND = "date_of_birth", Personal, 70;
    code "date-of-birth", "a date of birth";
    example "date of birth: 1984-07-12";
    checksum "";
    source "https://www.iso.org/iso-8601-date-and-time-format.html";
    words &["dob", "birthdate", "birth date", "date of birth", "birth_date", "dateofbirth"];
    find Finder::Text(Flags::DIGIT, Words::BIRTH, find);
    mask nothing;
    make Make::Own(make);
}

pub(super) const KEYWORDS: &[&str] = &[
    "dob",
    "d.o.b",
    "date of birth",
    "date_of_birth",
    "dateofbirth",
    "birth date",
    "birth_date",
    "birthdate",
    "birthday",
    "born",
    "geboren",
    "geburtsdatum",
    "geb.",
    "fecha de nacimiento",
    "nacido",
    "nacida",
    "né le",
    "née le",
    "date de naissance",
    "data di nascita",
    "nato il",
    "nata il",
    "data de nascimento",
    "geboortedatum",
    "data urodzenia",
    "syntymäaika",
    "fødselsdato",
    "födelsedatum",
    "дата рождения",
    "生年月日",
    "出生日期",
    "생년월일",
];

/// Bytes between the word and the date.
const GAP_BYTES_MAX: usize = 24;
/// Bytes between a field's name and its value.
const FIELD_GAP_BYTES_MAX: usize = 6;

fn find(input: &Input<'_>, out: &mut Vec<Match>) {
    let bytes = input.text.as_bytes();
    let mut last = 0;
    if input.places(Words::BIRTH).next().is_none() {
        // The name of the field is the word.
        if let Some(end) = date(bytes, 0).filter(|e| *e == bytes.len()) {
            out.push(found(0, end, 72));
        }
        return;
    }
    for (_, word_end) in input.places(Words::BIRTH) {
        let from = word_end.max(last);
        let to = bytes.len().min(word_end + GAP_BYTES_MAX);
        let Some(gap) = bytes.get(from..to) else {
            continue;
        };
        for (i, b) in gap.iter().enumerate() {
            let starts = b.is_ascii_digit() || (month(bytes, from + i).is_some() && i > 0);
            let joined = (from + i)
                .checked_sub(1)
                .and_then(|p| bytes.get(p))
                .is_some_and(u8::is_ascii_alphanumeric);
            if !starts || joined {
                if *b == b'\n' && i > 2 {
                    break;
                }
                continue;
            }
            if let Some(end) = date(bytes, from + i) {
                let between = gap.get(..i).unwrap_or_default();
                // `born on` tells a story; `DOB:` fills a field.
                let field = i <= FIELD_GAP_BYTES_MAX
                    && !between.contains(&b'.')
                    && !story(bytes, word_end)
                    && between.iter().filter(|b| b.is_ascii_alphabetic()).count() <= 2;
                out.push(found(from + i, end, if field { 72 } else { 45 }));
                last = end;
            }
            break;
        }
    }
}

const fn found(start: usize, end: usize, confidence: u8) -> Match {
    Match {
        kind: &KIND,
        start,
        end,
        confidence,
    }
}

/// Whether the word that ends here is a verb: `born`, `geboren`, `nato il`.
fn story(bytes: &[u8], end: usize) -> bool {
    [
        "born", "geboren", "nacido", "nacida", "né le", "née le", "nato il", "nata il", "birthday",
    ]
    .iter()
    .any(|w| {
        end.checked_sub(w.len())
            .and_then(|s| bytes.get(s..end))
            .is_some_and(|t| t.eq_ignore_ascii_case(w.as_bytes()))
    })
}

/// The end of the date that begins at `start`: `1984-07-12`, `12.7.1984`, `7/12/84`, `12 July 1984`,
/// `July 12, 1984`, `19840712`, `1984年7月12日`.
fn date(bytes: &[u8], start: usize) -> Option<usize> {
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let digits = |from: usize| {
        let mut i = from;
        let mut value = 0u32;
        while at(i).is_ascii_digit() && i - from < 9 {
            value = value * 10 + u32::from(at(i) - b'0');
            i += 1;
        }
        (value, i)
    };
    let year = |value: u32, length: usize| match length {
        2 => true,
        4 => (1900..=2099).contains(&value),
        _ => false,
    };
    if let Some((_, after)) = month(bytes, start) {
        // `July 12, 1984`
        let (day, end) = digits(spaces(bytes, after));
        let mut i = end;
        while at(i).is_ascii_alphabetic() && i < end + 2 {
            i += 1;
        }
        let (value, last) = digits(spaces(bytes, i));
        let fits = (1..=31).contains(&day) && year(value, 4) && last - spaces(bytes, i) == 4;
        return (fits && !at(last).is_ascii_alphanumeric()).then_some(last);
    }
    let (first, end) = digits(start);
    let length = end - start;
    if length == 8 {
        let (y, m, d) = (first / 10_000, first / 100 % 100, first % 100);
        return (year(y, 4) && day_of_month(m, d)).then_some(end);
    }
    if let Some(rest) = bytes.get(end..end + 3)
        && matches!(rest, [0xe5, 0xb9, 0xb4] | [0xeb, 0x85, 0x84])
    {
        let (m, end_m) = digits(spaces(bytes, end + 3));
        let (d, end_d) = digits(spaces(bytes, end_m + 3));
        return (year(first, length) && day_of_month(m, d)).then_some((end_d + 3).min(bytes.len()));
    }
    let separator = at(end);
    if matches!(separator, b'-' | b'/' | b'.') && at(end + 1).is_ascii_digit() {
        let (second, end_2) = digits(end + 1);
        if at(end_2) != separator || end_2 - end - 1 > 2 {
            return None;
        }
        let (third, end_3) = digits(end_2 + 1);
        let last = end_3 - end_2 - 1;
        let exists = if length == 4 {
            last <= 2 && year(first, 4) && (day_of_month(second, third))
        } else {
            length <= 2
                && year(third, last)
                && (day_of_month(first, second) || day_of_month(second, first))
        };
        return (exists && !at(end_3).is_ascii_alphanumeric()).then_some(end_3);
    }
    // `12 July 1984`, `12th of July 1984`, `12. Juli 1984`
    if length <= 2 && (1..=31).contains(&first) {
        let mut i = end;
        while (at(i).is_ascii_alphabetic() || at(i) == b'.') && i < end + 2 {
            i += 1;
        }
        let mut i = spaces(bytes, i);
        for particle in ["of ", "de "] {
            if bytes
                .get(i..i + 3)
                .is_some_and(|t| t.eq_ignore_ascii_case(particle.as_bytes()))
            {
                i += 3;
            }
        }
        let (_, after) = month(bytes, i)?;
        let mut from = spaces(bytes, after);
        if bytes.get(from..from + 3) == Some(b"de ") {
            from += 3;
        }
        let (value, last) = digits(from);
        return (year(value, 4) && last - from == 4).then_some(last);
    }
    None
}

fn spaces(bytes: &[u8], mut i: usize) -> usize {
    let from = i;
    while bytes
        .get(i)
        .is_some_and(|b| matches!(b, b' ' | b',' | b'.' | b'-'))
        && i < from + 3
    {
        i += 1;
    }
    i
}

/// The month whose name begins at `at`, and the end of the word.
fn month(bytes: &[u8], at: usize) -> Option<(u32, usize)> {
    const HEADS: [(&str, u32); 27] = [
        ("jan", 1),
        ("feb", 2),
        ("mar", 3),
        ("apr", 4),
        ("may", 5),
        ("jun", 6),
        ("jul", 7),
        ("aug", 8),
        ("sep", 9),
        ("oct", 10),
        ("nov", 11),
        ("dec", 12),
        ("mai", 5),
        ("mär", 3),
        ("okt", 10),
        ("dez", 12),
        ("ene", 1),
        ("abr", 4),
        ("ago", 8),
        ("dic", 12),
        ("fév", 2),
        ("avr", 4),
        ("aoû", 8),
        ("déc", 12),
        ("gen", 1),
        ("mag", 5),
        ("ott", 10),
    ];
    let (_, number) = HEADS.iter().find(|(head, _)| {
        bytes
            .get(at..at + head.len())
            .is_some_and(|t| t.eq_ignore_ascii_case(head.as_bytes()))
    })?;
    let mut end = at;
    while bytes
        .get(end)
        .is_some_and(|b| b.is_ascii_alphabetic() || *b >= 0x80)
        && end < at + 12
    {
        end += 1;
    }
    Some((*number, end))
}

/// A date in the same form, day and month below 13 so that it exists either way round.
fn make(original: &str, draw: &mut Draw) -> String {
    let bytes = original.as_bytes();
    let mut out = String::with_capacity(original.len());
    let mut i = 0;
    while i < bytes.len() {
        let start = i;
        while bytes.get(i).is_some_and(u8::is_ascii_digit) {
            i += 1;
        }
        match i - start {
            0 => {
                let c = original.get(start..).and_then(|t| t.chars().next());
                out.extend(c);
                i += c.map_or(1, char::len_utf8);
            }
            4 => out.push_str(&(1930 + draw.below(75)).to_string()),
            8 => out.push_str(&format!(
                "{}{:02}{:02}",
                1930 + draw.below(75),
                1 + draw.below(12),
                1 + draw.below(12)
            )),
            1 => out.push_str(&(1 + draw.below(9)).to_string()),
            _ => out.push_str(&format!("{:02}", 1 + draw.below(12))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::privacy::tests::sure_of;

    #[test]
    fn birthdays_and_other_days() {
        let sure = |text: &str| sure_of("date_of_birth", text);
        for text in [
            "DOB: 07/12/1984",
            "date of birth: 1984-07-12",
            "\"date_of_birth\": \"1984-07-12\"",
            "Geburtsdatum: 12.07.1984",
            "date of birth 12 July 1984",
            "DOB: July 12, 1984",
            "生年月日: 1984年7月12日",
            "fecha de nacimiento: 12 de julio de 1984",
        ] {
            assert!(sure(text) >= 50, "{text} {}", sure(text));
        }
        for text in [
            "she was born on 7/12/1984",
            "date of birth: 1984-13-12",
            "date of birth: 1884-07-12",
            "born in 1984",
            "created: 1984-07-12",
            "DOB field added on 2026-11-21 by the migration",
            "reborn 2026-11-21",
        ] {
            assert!(sure(text) < 50, "{text} {}", sure(text));
        }
    }
}
