//! Names of object fields: which are looked through as texts, and how a path names them.

use std::fmt::Write as _;

/// Bytes of a name up to which it may be a plain identifier.
const PLAIN_BYTES_MAX: usize = 64;
/// Digits from which on a name may be a number of a person or an account.
const DIGITS_MAX: usize = 6;
/// Bytes from which on a name with digits may be a token or a key.
const TOKEN_BYTES_MIN: usize = 16;

const LETTER: u8 = 1;
const DIGIT: u8 = 2;

const fn classes() -> [u8; 256] {
    let mut table = [0u8; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        #[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
        {
            table[i] = match b {
                b'0'..=b'9' => DIGIT,
                b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'-' => LETTER,
                _ => 0,
            };
        }
        i += 1;
    }
    table
}

static CLASSES: [u8; 256] = classes();

/// Whether `name` is an identifier like any other, of letters, digits, `_` and `-`, in which no
/// detector would find anything. Names that a runtime gives a meaning (`__proto__`, `constructor`) and
/// such as could be a number of a person or a token are not.
pub(super) fn plain(name: &str) -> bool {
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes.len() > PLAIN_BYTES_MAX {
        return bytes.is_empty();
    }
    let mut digits = 0usize;
    for b in bytes {
        match CLASSES.get(usize::from(*b)).copied().unwrap_or(0) {
            0 => return false,
            class => digits += usize::from(class >> 1),
        }
    }
    !(digits > DIGITS_MAX
        || (digits > 0 && bytes.len() >= TOKEN_BYTES_MIN)
        || bytes.starts_with(b"__")
        || name == "constructor")
}

/// Whether a path may hold `name` as it is. Paths are recorded for good, so a name that could be
/// personal data or a secret is named by its place instead.
fn speakable(name: &str) -> bool {
    let mut digits = 0usize;
    let known = name.len() <= PLAIN_BYTES_MAX
        && name.chars().all(|c| {
            digits += usize::from(c.is_numeric());
            c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '.' | ':' | '/' | ' ' | '[' | ']')
        });
    known && digits <= DIGITS_MAX && (digits == 0 || name.len() < TOKEN_BYTES_MIN)
}

/// The step of a path to the field `name`, the one at `index` of its object: `.name`, or `.{index}`
/// where the name could be personal data or a secret.
pub(crate) fn push_step(path: &mut String, name: &str, index: usize) {
    path.push('.');
    if plain(name) || speakable(name) {
        path.push_str(name);
    } else {
        let _ = write!(path, "{{{index}}}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_cost_no_look() {
        for name in [
            "to",
            "user_id",
            "X-Forwarded-For",
            "sha256",
            "line-12",
            "_id",
            "",
        ] {
            assert!(plain(name), "{name}");
        }
        for name in [
            "__proto__",
            "constructor",
            "$ne",
            "a b",
            "a.b",
            "größe",
            "123-45-6789",
            "4111111111111111",
            "AKIAIOSFODNN7EXAMPLE",
            "\0",
        ] {
            assert!(!plain(name), "{name}");
        }
        assert!(!plain(&"a".repeat(PLAIN_BYTES_MAX + 1)));
    }

    #[test]
    fn paths_hold_no_name_that_could_be_secret() {
        let step = |name: &str| {
            let mut path = "arguments".to_owned();
            push_step(&mut path, name, 3);
            path
        };
        assert_eq!(step("First Name"), "arguments.First Name");
        assert_eq!(step("größe"), "arguments.größe");
        assert_eq!(step("$where"), "arguments.$where");
        for name in [
            "ann@example.com",
            "AKIAIOSFODNN7EXAMPLE",
            "123-45-6789",
            "a~",
            "\u{202e}a",
        ] {
            assert_eq!(step(name), "arguments.{3}");
        }
    }
}
