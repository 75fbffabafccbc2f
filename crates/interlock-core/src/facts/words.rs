//! Words of a name: `getCustomer_cards` is get, Customer, cards.

/// Words of a name as written: split at everything that is no letter or digit, between letters
/// and digits, and where upper case follows lower case.
pub(super) fn of(name: &str) -> impl Iterator<Item = &str> {
    Words { rest: name }
}

struct Words<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let start = self.rest.find(|c: char| c.is_ascii_alphanumeric())?;
        let text = self.rest.get(start..)?;
        let bytes = text.as_bytes();
        let mut end = 1;
        while let (Some(before), Some(byte)) = (bytes.get(end - 1), bytes.get(end)) {
            let boundary = !byte.is_ascii_alphanumeric()
                || before.is_ascii_digit() != byte.is_ascii_digit()
                || (before.is_ascii_lowercase() && byte.is_ascii_uppercase())
                // The last capital of `SSNValue` begins a word.
                || (before.is_ascii_uppercase()
                    && byte.is_ascii_uppercase()
                    && bytes.get(end + 1).is_some_and(u8::is_ascii_lowercase));
            if boundary {
                break;
            }
            end += 1;
        }
        let (word, rest) = text.split_at_checked(end)?;
        self.rest = rest;
        Some(word)
    }
}

/// Whether a sorted table of lower-case words holds a word, whatever its case.
pub(super) fn contains(table: &[&str], word: &str) -> bool {
    table
        .binary_search_by(|have| {
            have.bytes()
                .cmp(word.bytes().map(|b| b.to_ascii_lowercase()))
        })
        .is_ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn words() {
        let check = |name: &str, want: &str| {
            let got: Vec<&str> = super::of(name).collect();
            assert_eq!(got.join(" "), want, "{name}");
        };
        check("getCustomer_cards", "get Customer cards");
        check("SSNValue", "SSN Value");
        check("discard", "discard");
        check("/srv/über-card.csv", "srv ber card csv");
        check("icd10", "icd 10");
        check("--", "");
    }
}
