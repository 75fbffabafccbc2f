//! Ways to write a text so that a reader understands it and a filter does not.

/// A way to write a text differently.
pub(crate) type Obfuscation = (&'static str, fn(&str) -> String);

/// All of them; each is measured on attacks and on benign twins.
pub(crate) const OBFUSCATIONS: [Obfuscation; 14] = [
    ("upper case", str::to_uppercase),
    ("full width", |t| shifted(t, 0xFEE0)),
    ("bold letters of mathematics", mathematical),
    ("look-alike letters", look_alikes),
    ("zero-width characters", |t| between_letters(t, "\u{200b}")),
    ("combining marks", |t| between_letters(t, "\u{0336}")),
    ("tag characters", |t| {
        t.chars()
            .map(|c| {
                if c.is_ascii() {
                    char::from_u32(0xE0000 + c as u32).unwrap_or(c)
                } else {
                    c
                }
            })
            .collect()
    }),
    ("percent encoding", |t| {
        t.bytes().map(|b| format!("%{b:02X}")).collect()
    }),
    ("entities", |t| {
        t.chars().map(|c| format!("&#{};", c as u32)).collect()
    }),
    ("base64", base64),
    ("hexadecimal", |t| {
        t.bytes().map(|b| format!("{b:02x}")).collect()
    }),
    ("digits for letters", leet),
    ("spaced letters", |t| spaced(t, " ")),
    ("letters held apart by marks", |t| spaced(t, "-")),
];

fn shifted(text: &str, by: u32) -> String {
    text.chars()
        .map(|c| match c {
            '!'..='~' => char::from_u32(c as u32 + by).unwrap_or(c),
            other => other,
        })
        .collect()
}

fn mathematical(text: &str) -> String {
    text.chars()
        .map(|c| {
            let code = match c {
                'a'..='z' => 0x1D41A + c as u32 - 'a' as u32,
                'A'..='Z' => 0x1D400 + c as u32 - 'A' as u32,
                other => other as u32,
            };
            char::from_u32(code).unwrap_or(c)
        })
        .collect()
}

fn look_alikes(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            'a' => 'а',
            'e' => 'е',
            'o' => 'о',
            'p' => 'р',
            'c' => 'с',
            'i' => 'і',
            other => other,
        })
        .collect()
}

fn between_letters(text: &str, mark: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        out.push(c);
        if c.is_alphabetic() {
            out.push_str(mark);
        }
    }
    out
}

fn leet(text: &str) -> String {
    text.chars()
        .map(|c| match c.to_ascii_lowercase() {
            'o' => '0',
            'i' => '1',
            'e' => '3',
            'a' => '4',
            's' => '5',
            't' => '7',
            _ => c,
        })
        .collect()
}

fn spaced(text: &str, mark: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        word.chars()
            .map(String::from)
            .collect::<Vec<_>>()
            .join(mark)
    });
    words
        .collect::<Vec<_>>()
        .join(if mark == " " { "  " } else { " " })
}

fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in text.as_bytes().chunks(3) {
        let at = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let word = (at(0) << 16) | (at(1) << 8) | at(2);
        for i in 0..4 {
            if i <= three.len() {
                out.push(char::from(ALPHABET[(word >> (18 - 6 * i)) as usize & 63]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_changes_a_text_and_base64_is_the_usual_one() {
        for (name, write) in OBFUSCATIONS {
            assert_ne!(write("Please ignore it"), "Please ignore it", "{name}");
        }
        assert_eq!(base64("any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw==");
        assert_eq!(spaced("ab c", "-"), "a-b c");
    }
}
