//! Values that stand for a secret and are none.

/// `***`, `<password>`, `${PASSWORD}`, `xxxx`, `your-password`, `changeme`.
pub(in crate::privacy) fn placeholder(value: &str) -> bool {
    /// Words that only a placeholder holds.
    const WORDS: [&str; 22] = [
        "xxxx",
        "****",
        "....",
        "your",
        "example",
        "placeholder",
        "changeme",
        "change_me",
        "change-me",
        "redacted",
        "dummy",
        "{{",
        "${",
        "<",
        "$(",
        "insert",
        "replace",
        "to_be_",
        "todo",
        "sample",
        "_here",
        "-here",
    ];
    let bytes = value.as_bytes();
    let mut seen = [false; 256];
    let mut distinct = 0;
    for b in bytes {
        if let Some(slot) = seen.get_mut(usize::from(*b)) {
            distinct += usize::from(!*slot);
            *slot = true;
        }
    }
    if distinct <= 3 && bytes.len() > 4
        || matches!(bytes.first(), Some(b'<' | b'$' | b'{' | b'%' | b'[' | b'*'))
        || repeats(bytes)
        || sequence(bytes)
    {
        return true;
    }
    let lower = value.to_ascii_lowercase();
    WORDS.iter().any(|w| lower.contains(w))
}

/// One character six times in a row.
fn repeats(bytes: &[u8]) -> bool {
    bytes
        .windows(6)
        .any(|w| w.iter().all(|b| Some(b) == w.first()))
}

/// Eight digits or eight letters of which each follows on the one before: `12345678`, `abcdefgh`.
fn sequence(bytes: &[u8]) -> bool {
    bytes.len() <= 64
        && bytes.windows(8).any(|w| {
            w.windows(2).all(
                |p| matches!(p, [a, b] if b.wrapping_sub(*a) == 1 || (*a == b'9' && *b == b'0')),
            )
        })
}

/// A reference to a value rather than a value: a call, a path, an identifier with parts.
pub(in crate::privacy) fn code_like(value: &str) -> bool {
    const HEADS: [&str; 22] = [
        "process.",
        "os.",
        "env.",
        "self.",
        "this.",
        "config.",
        "settings.",
        "string",
        "none",
        "null",
        "true",
        "false",
        "undefined",
        "required",
        "optional",
        "getenv",
        "secrets.",
        "vault:",
        "arn:",
        "file:",
        "http",
        "params.",
    ];
    value.contains('(')
        || value.contains("::")
        || value.contains("//")
        || HEADS.iter().any(|p| {
            value
                .get(..p.len())
                .is_some_and(|h| h.eq_ignore_ascii_case(p))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_and_values() {
        for value in [
            "********",
            "<token>",
            "${TOKEN}",
            "{{token}}",
            "xxxxxxxxxx",
            "YOUR_API_KEY_HERE",
            "changeme123",
            "111111111",
            "AKIAIOSFODNN7EXAMPLE",
            "12345678901234567890",
            "abcdefghijkl",
            "$TOKEN",
            "a1XXXXXXXXXX",
            "REPLACE_ME_PLEASE1",
        ] {
            assert!(placeholder(value), "{value}");
        }
        for value in [
            "9f8Gh2Kd7Lm3Qp5Rt8",
            "Tr0ub4dor&3",
            "hunter2",
            "d91c558a2ba6b47f",
        ] {
            assert!(!placeholder(value), "{value}");
        }
    }
}
