//! Postal addresses.

use super::draw::Draw;
use super::kind::{Finder, Make, Match, kind};
use super::mask::nothing;
use super::scan::{Input, Words};
use crate::text::Flags;

kind! {
    /// A postal address: a house number and a street by its usual words, with the post code behind it.
    /// Alone it is no reason to stop an action; it becomes one beside other data of a person.
    KIND = "postal_address", Personal, 55;
    code "postal-address", "a postal address";
    example "12 Harbour Street, Springfield, IL 62704";
    checksum "";
    source "https://pe.usps.com/text/pub28/welcome.htm";
    words &[];
    find Finder::Text(Flags::DIGIT, Words::STREET, find);
    mask nothing;
    make Make::Own(make);
}

pub(super) const STREET_WORDS: &[&str] = &[
    "street",
    "st.",
    "st,",
    "st ",
    "avenue",
    "ave",
    "road",
    "rd",
    "boulevard",
    "blvd",
    "lane",
    "ln",
    "drive",
    "dr ",
    "dr,",
    "court",
    "ct ",
    "ct,",
    "place",
    "terrace",
    "square",
    "highway",
    "hwy",
    "parkway",
    "pkwy",
    "close",
    "crescent",
    "po box",
    "p.o. box",
    "rue ",
    "chemin ",
    "via ",
    "viale ",
    "piazza ",
    "calle ",
    "avenida ",
    "plaza ",
    "rua ",
    "travessa ",
    "ul. ",
    "ulica ",
];

/// Street words that end a longer word.
pub(super) const STREET_ENDINGS: &[&str] = &[
    "strasse", "straße", "platz", "allee", "straat", "gatan", "vägen",
];

/// Words before a street whose number stands behind it.
const LEADING: &[&str] = &[
    "calle ",
    "avenida ",
    "plaza ",
    "rua ",
    "travessa ",
    "via ",
    "viale ",
    "piazza ",
    "ul. ",
    "ulica ",
    "po box",
    "p.o. box",
];
/// Bytes of one line of an address.
const LINE_BYTES_MAX: usize = 60;

pub(super) fn find(input: &Input<'_>, out: &mut Vec<Match>) {
    let mut last = 0;
    for (start, end) in input.places(Words::STREET) {
        if start < last {
            continue;
        }
        if let Some((start, end)) = address(input.text, start, end).filter(|(s, _)| *s >= last) {
            last = end;
            out.push(Match {
                kind: &KIND,
                start,
                end,
                confidence: 44,
            });
        }
    }
}

fn address(text: &str, word: usize, word_end: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let leading = LEADING.iter().any(|w| {
        bytes
            .get(word..word_end)
            .is_some_and(|t| t.eq_ignore_ascii_case(w.as_bytes()))
    });
    let number_at = |from: usize| {
        let mut i = from;
        while at(i).is_ascii_digit() && i < from + 6 {
            i += 1;
        }
        (i > from && !at(i).is_ascii_digit()).then_some(i)
    };
    let (start, end) = if leading {
        // `Calle Mayor 12`, `PO Box 123`
        let window = bytes.get(word_end..bytes.len().min(word_end + 40))?;
        let digit = window.iter().position(u8::is_ascii_digit)?;
        let name = text.get(word_end..word_end + digit)?;
        let boxed = at(word_end - 1).eq_ignore_ascii_case(&b'x');
        let named = name.starts_with(char::is_uppercase)
            && name
                .chars()
                .all(|c| c.is_alphabetic() || matches!(c, ' ' | ',' | '\'' | '.' | '-'));
        if !(named || boxed && name.trim().is_empty()) {
            return None;
        }
        (word, number_at(word_end + digit)?)
    } else {
        // `12 Harbour Street`, `Hauptstraße 12`
        let from = word.saturating_sub(LINE_BYTES_MAX);
        let head = bytes.get(from..word)?;
        let line = head
            .iter()
            .rposition(|b| matches!(b, b'\n' | b'"' | b':' | b';'))
            .map_or(from, |n| from + n + 1);
        let digit = (line..word)
            .find(|i| at(*i).is_ascii_digit() && !at(i.wrapping_sub(1)).is_ascii_alphanumeric());
        match digit.and_then(|d| number_at(d).map(|e| (d, e))) {
            Some((start, end)) => {
                // Between number and word: one to four capitalised words.
                let name = text.get(end..word)?.trim();
                let words = name.split(' ').filter(|w| !w.is_empty());
                let fits = words.clone().count() <= 5
                    && words.clone().count() >= 1
                    && words
                        .clone()
                        .any(|w| w.chars().next().is_some_and(char::is_uppercase))
                    && words.clone().all(|w| w.len() <= 20);
                if !fits || at(word_end).is_ascii_alphabetic() {
                    return None;
                }
                (start, word_end)
            }
            None => {
                let mut i = word_end;
                while at(i) == b' ' && i < word_end + 2 {
                    i += 1;
                }
                let end = number_at(i)?;
                let start = head
                    .iter()
                    .rposition(|b| matches!(b, b' ' | b'\n' | b',' | b'"'))
                    .map_or(from, |n| from + n + 1);
                // `Hauptstraße 12` is one word, `open street 12` two.
                let one = start < word && at(start).is_ascii_uppercase();
                if !one || !text.is_char_boundary(start) {
                    return None;
                }
                (start, end)
            }
        }
    };
    Some((start, tail(text, end)))
}

/// Where the address ends: behind a post code on this line or the next, else behind the street.
fn tail(text: &str, end: usize) -> usize {
    let bytes = text.as_bytes();
    let to = bytes.len().min(end + LINE_BYTES_MAX);
    let mut lines = 0;
    let mut i = end;
    while i < to {
        let b = bytes.get(i).copied().unwrap_or(0);
        lines += usize::from(b == b'\n');
        if lines > 2 || matches!(b, b'"' | b':' | b';' | b'@') {
            break;
        }
        let begins =
            b.is_ascii_alphanumeric() && !bytes.get(i - 1).is_some_and(u8::is_ascii_alphanumeric);
        if begins && let Some(n) = post_code(bytes.get(i..).unwrap_or_default()) {
            return i + n;
        }
        i += 1;
    }
    end
}

/// The length of the post code at the start of `bytes`: five digits and the nine-digit form (United
/// States, Germany, France …), the British form, the Canadian form.
fn post_code(bytes: &[u8]) -> Option<usize> {
    let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 5 {
        let long = bytes.get(5) == Some(&b'-')
            && bytes
                .get(6..10)
                .is_some_and(|t| t.iter().all(u8::is_ascii_digit));
        return Some(if long { 10 } else { 5 });
    }
    let shaped = |shape: &str| {
        bytes.get(..shape.len()).is_some_and(|t| {
            t.iter().zip(shape.bytes()).all(|(b, s)| match s {
                b'A' => b.is_ascii_uppercase(),
                b'9' => b.is_ascii_digit(),
                s => *b == s,
            })
        }) && !bytes
            .get(shape.len())
            .is_some_and(u8::is_ascii_alphanumeric)
    };
    [
        "AA99 9AA", "A99 9AA", "A9 9AA", "AA9 9AA", "AA9A 9AA", "A9A 9AA", "A9A 9A9",
    ]
    .iter()
    .find(|s| shaped(s))
    .map(|s| s.len())
}

/// Digits and letters drawn anew; the words for street, road and the like are kept by nobody.
fn make(original: &str, draw: &mut Draw) -> String {
    original
        .chars()
        .map(|c| {
            if c.is_ascii() {
                draw.like(c, false)
            } else {
                draw.like('x', false)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::privacy::find;

    fn addresses(text: &str) -> Vec<&str> {
        find(text)
            .iter()
            .filter(|m| m.kind.name == "postal_address")
            .map(|m| &text[m.start..m.end])
            .collect()
    }

    #[test]
    fn addresses_by_their_form() {
        assert_eq!(
            addresses("ship to 12 Harbour Street, Springfield, IL 62704 today"),
            ["12 Harbour Street, Springfield, IL 62704"]
        );
        assert_eq!(
            addresses("10 Downing Street, London SW1A 2AA"),
            ["10 Downing Street, London SW1A 2AA"]
        );
        assert_eq!(
            addresses("Hauptstraße 12, 10115 Berlin"),
            ["Hauptstraße 12, 10115"]
        );
        assert_eq!(addresses("vive en Calle Mayor 12"), ["Calle Mayor 12"]);
        assert_eq!(addresses("send it to PO Box 1234"), ["PO Box 1234"]);
        for text in [
            "the street is closed",
            "12 streets",
            "take 2 drives and place them",
            "12 angry men on the road",
            "drive 12",
            "trip it via status 500",
        ] {
            assert!(addresses(text).is_empty(), "{text}: {:?}", addresses(text));
        }
    }
}
