//! Passwords: a value that a word announces.

use crate::privacy::kind::{Finder, Make, Match, kind};
use crate::privacy::mask::nothing;
use crate::privacy::scan::{Input, Words};
use crate::text::Flags;

use super::placeholder::{code_like, placeholder};

kind! {
    /// A password: a value that a word for it announces, or that stands in a field of that name.
    KIND = "password", Secret, 90;
    code "password", "a password";
    example concat!("password: ", "Tr0ub4dor&3");
    checksum "";
    source "https://cwe.mitre.org/data/definitions/798.html";
    words &[];
    find Finder::Text(Flags::ASSIGN.and(Flags::DIGIT).and(Flags::QUOTE), Words::PASSWORD, find);
    mask nothing;
    make Make::Own(super::redraw_all);
}

pub(in crate::privacy) const KEYWORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "passwort",
    "contraseña",
    "mot de passe",
    "kennwort",
    "wachtwoord",
    "пароль",
    "密码",
    "パスワード",
];

/// Bytes of a password.
const PASSWORD_BYTES_MAX: usize = 128;
const PASSWORD_BYTES_MIN: usize = 6;

fn find(input: &Input<'_>, out: &mut Vec<Match>) {
    for (_, after) in input.places(Words::PASSWORD) {
        if let Some((start, end, confidence)) = value(input.text, after) {
            out.push(Match {
                kind: &KIND,
                start,
                end,
                confidence,
            });
        }
    }
}

/// Whether a field of that name holds a password, and its text is one.
pub(crate) fn field(key: &str, text: &str) -> bool {
    const ENDS: [&str; 6] = [
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "pwd",
        "passwort",
    ];
    let named = ENDS.iter().any(|w| {
        key.len()
            .checked_sub(w.len())
            .and_then(|n| key.get(n..))
            .is_some_and(|k| k.eq_ignore_ascii_case(w))
    });
    named
        && (PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&text.len())
        && !text.contains(char::is_whitespace)
        && !placeholder(text)
        && !code_like(text)
}

/// The value assigned after a keyword that ends at `after`.
fn value(text: &str, after: usize) -> Option<(usize, usize, u8)> {
    let (start, assigned) = assignment(text, after)?;
    let (start, end, quoted) = extent(text, start)?;
    let value = text.get(start..end)?;
    let digit = value.bytes().any(|b| b.is_ascii_digit());
    let letter = value.bytes().any(|b| b.is_ascii_alphabetic());
    let symbol = value.bytes().any(|b| {
        b.is_ascii_punctuation()
            && !matches!(b, b'.' | b'_' | b'-' | b'/' | b'{' | b'}' | b'[' | b']')
    });
    if !(PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&value.len())
        || placeholder(value)
        || code_like(value)
    {
        return None;
    }
    match (assigned, quoted) {
        (true, true) if (digit || symbol || value.len() >= 8) && !value.contains(' ') => {
            Some((start, end, 75))
        }
        (true, false) if letter && (digit || symbol) => Some((start, end, 70)),
        (false, _) if digit && letter => Some((start, end, 65)),
        _ => None,
    }
}

/// Where the value begins, and whether `=` or `:` assigns it; otherwise the word `is` does.
fn assignment(text: &str, after: usize) -> Option<(usize, bool)> {
    let bytes = text.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let mut i = after;
    while matches!(at(i), b'"' | b'\'' | b' ' | b'\\' | b'`' | b']' | b')') && i < after + 4 {
        i += 1;
    }
    let mut assigned = false;
    while matches!(at(i), b'=' | b':' | b'>') && i < after + 8 {
        assigned = true;
        i += 1;
    }
    // A comparison assigns nothing.
    if at(i.wrapping_sub(1)) == b'=' && i >= after + 2 && at(i - 2) == b'=' {
        return None;
    }
    if !assigned {
        let word = text.get(i..)?.get(..3)?;
        if !word.eq_ignore_ascii_case("is ") {
            return None;
        }
        i += 3;
    }
    while matches!(at(i), b' ' | b'\\') && i < after + 24 {
        i += 1;
    }
    Some((i, assigned))
}

/// The extent of a value that begins at `start`, without its quotes, and whether it had some.
fn extent(text: &str, start: usize) -> Option<(usize, usize, bool)> {
    let bytes = text.as_bytes();
    let quote = bytes.get(start).copied()?;
    if matches!(quote, b'"' | b'\'' | b'`') {
        let length = bytes
            .iter()
            .skip(start + 1)
            .take(256)
            .position(|b| *b == quote || *b == b'\n')?;
        let escaped = usize::from(bytes.get(start + length) == Some(&b'\\') && length > 0);
        return Some((start + 1, start + 1 + length - escaped, true));
    }
    let length = bytes
        .iter()
        .skip(start)
        .take(256)
        .position(|b| {
            b.is_ascii_whitespace()
                || matches!(b, b'"' | b'\'' | b',' | b';' | b'<' | b'>' | b'`' | b')')
        })
        .unwrap_or_else(|| bytes.len().saturating_sub(start).min(256));
    let value = text.get(start..start + length)?;
    // In the query of a URL the next field follows.
    let value = match value.split_once('&') {
        Some((head, tail)) if tail.contains('=') => head,
        _ => value,
    };
    let trimmed = value.trim_end_matches(['.', '?', '!', ',', '\\']);
    (!trimmed.is_empty()).then_some((start, start + trimmed.len(), false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::tests::sure_of;

    #[test]
    fn passwords_and_what_stands_for_one() {
        for text in [
            "password: Tr0ub4dor&3",
            "\"password\": \"correcthorse\"",
            "PGPASSWORD=hunter2hunter2 psql",
            "Server=db;User Id=sa;Password=S3cr3t!pw;",
            "the password is abc12345",
            "pwd='p4ssw0rd9'",
        ] {
            assert!(sure_of("password", text) >= 50, "{text}");
        }
        for text in [
            "password: ********",
            "password = os.environ[\"DB_PASSWORD\"]",
            "if password == \"secret123\"",
            "password must be 12 characters",
            "password: <your password>",
            "PuttyPassword=0",
            "password=${DB_PASSWORD}",
            "passwordField: {type: 'String1'}",
            "password: {{ vault_password_1 }}",
        ] {
            assert_eq!(sure_of("password", text), 0, "{text}");
        }
        assert!(field("db_password", "hunter2x") && field("Password", "correcthorse"));
        assert!(!field("password", "********") && !field("password_hint", "hunter2x"));
        assert!(!field("password", "the name of my cat"));
    }
}
