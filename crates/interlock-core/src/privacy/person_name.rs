//! Names of people, where the words around carry them.

use super::draw::Draw;
use super::kind::{Finder, Make, Match, kind};
use super::scan::{Input, Words};
use crate::text::Flags;

kind! {
    /// A full name, given and family, behind a word that announces a person. A name alone is no reason
    /// to stop an action; it becomes one beside other data of the person. Names that nothing announces
    /// need a model of language and are not found.
    KIND = "person_name", Personal, 45;
    code "person-name", "a person's full name";
    example "patient name: Maria Gonzalez";
    checksum "";
    source "https://www.hhs.gov/hipaa/for-professionals/special-topics/de-identification/index.html";
    words &[];
    find Finder::Text(Flags::DIGIT, Words::NAME, find);
    mask initials;
    make Make::Own(make);
}

pub(super) const CUES: &[&str] = &[
    "my name is",
    "name is",
    "name:",
    "name=",
    "name\":",
    "name\" :",
    "full name",
    "full_name",
    "patient",
    "customer",
    "employee",
    "applicant",
    "cardholder",
    "account holder",
    "beneficiary",
    "insured",
    "tenant",
    "passenger",
    "guest",
    "mr.",
    "mrs.",
    "ms.",
    "dr.",
    "mr ",
    "mrs ",
    "ms ",
    "herr ",
    "frau ",
    "señor ",
    "señora ",
    "monsieur ",
    "madame ",
    "signor ",
    "signora ",
    "nombre:",
    "nom:",
    "nome:",
    "signed by",
    "this is",
    "i am",
    "i'm",
    "dear",
];

/// Bytes between the cue and the name.
const GAP_BYTES_MAX: usize = 12;
/// Words of a name.
const WORDS_MAX: usize = 4;

pub(super) fn find(input: &Input<'_>, out: &mut Vec<Match>) {
    let mut last = 0;
    for (_, end) in input.places(Words::NAME) {
        if end < last {
            continue;
        }
        if let Some((start, end)) = name(input.text, end) {
            last = end;
            out.push(Match {
                kind: &KIND,
                start,
                end,
                confidence: 42,
            });
        }
    }
}

/// Two to four capitalised words that begin within a few bytes of separators behind `from`.
fn name(text: &str, from: usize) -> Option<(usize, usize)> {
    let rest = text.get(from..)?;
    let gap: usize = rest
        .chars()
        .take_while(|c| matches!(c, ' ' | ':' | '=' | '"' | '\'' | '\\' | '.' | '*'))
        .map(char::len_utf8)
        .sum();
    let mut start = from + gap;
    // `patient name: …`
    let mut tail = text.get(start..)?;
    for word in ["name", "is"] {
        if let Some(after) = tail.strip_prefix(word) {
            let after = after.trim_start_matches([' ', ':', '=', '"', '\'']);
            start = text.len() - after.len();
            tail = after;
        }
    }
    if start - from > GAP_BYTES_MAX + 8 {
        return None;
    }
    let mut end = start;
    let mut words = 0;
    loop {
        let word: usize = text
            .get(end..)?
            .chars()
            .take_while(|c| c.is_alphabetic() || matches!(c, '\'' | '’' | '-'))
            .map(char::len_utf8)
            .sum();
        let body = text.get(end..end + word)?;
        let capital = body.chars().next().is_some_and(char::is_uppercase);
        let initial = word == 1 && text.get(end + 1..)?.starts_with('.');
        if !capital || common(body) || (body.len() < 2 && !initial) {
            break;
        }
        words += 1;
        let mut next = end + word + usize::from(initial);
        let stop = next;
        if text.get(next..)?.starts_with(' ') && words < WORDS_MAX {
            next += 1;
            end = next;
            continue;
        }
        end = stop;
        return (words >= 2).then_some((start, end));
    }
    // The last word was none: the name ended at the space before it.
    (words >= 2).then(|| (start, end - 1))
}

/// Capitalised words that are no part of a name.
fn common(word: &str) -> bool {
    [
        "The",
        "This",
        "That",
        "Your",
        "Our",
        "We",
        "You",
        "Account",
        "Service",
        "Support",
        "Team",
        "Bank",
        "Portal",
        "Care",
        "Data",
        "Name",
        "Date",
        "Address",
        "Number",
        "ID",
        "And",
        "Please",
        "Sir",
        "Madam",
        "Customer",
        "Customers",
        "All",
        "Street",
        "Inc",
        "Ltd",
        "GmbH",
        "LLC",
        "Hospital",
        "University",
    ]
    .contains(&word)
}

/// The first letter of each word.
fn initials(value: &str) -> String {
    let parts: Vec<String> = value
        .split(' ')
        .filter_map(|w| w.chars().next())
        .map(|c| format!("{c}***"))
        .collect();
    parts.join(" ")
}

/// A name that is plainly made up, of as many words.
fn make(original: &str, draw: &mut Draw) -> String {
    const SYLLABLES: [&str; 16] = [
        "al", "be", "cor", "da", "el", "fi", "gra", "ho", "in", "ka", "lo", "mi", "nor", "ra",
        "so", "ti",
    ];
    let words: Vec<String> = original
        .split(' ')
        .map(|_| {
            let mut word = String::new();
            for _ in 0..3 {
                let at = draw.below(SYLLABLES.len() as u32) as usize;
                word.push_str(SYLLABLES.get(at).copied().unwrap_or("an"));
            }
            let mut chars = word.chars();
            chars
                .next()
                .map(|c| c.to_ascii_uppercase())
                .into_iter()
                .chain(chars)
                .collect()
        })
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use crate::privacy::find;

    fn names(text: &str) -> Vec<&str> {
        find(text)
            .iter()
            .filter(|m| m.kind.name == "person_name")
            .map(|m| &text[m.start..m.end])
            .collect()
    }

    #[test]
    fn names_behind_a_cue() {
        assert_eq!(names("My name is Maria Gonzalez and"), ["Maria Gonzalez"]);
        assert_eq!(
            names("Patient: José O'Neill-Smith, 42"),
            ["José O'Neill-Smith"]
        );
        assert_eq!(names("{\"name\": \"Ada Lovelace\"}"), ["Ada Lovelace"]);
        assert_eq!(names("Dr. John F. Nash"), ["John F. Nash"]);
        for text in [
            "my name is on the list",
            "name: support",
            "Dear Customer Service",
            "this is The End",
            "Name: Acme",
            "mr. x",
            "name:",
        ] {
            assert!(names(text).is_empty(), "{text}: {:?}", names(text));
        }
    }
}
