//! Texts as people look for them.

/// A text without regard to case.
#[must_use]
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// A text in which some places stand for anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// What stands between the places, as written; a single part is the whole text.
    parts: Vec<String>,
    /// The same without regard to case, which is what counts.
    folded: Vec<String>,
}

impl Pattern {
    /// From what stands between the `*`.
    pub(crate) fn new(parts: Vec<String>) -> Self {
        let folded = parts.iter().map(|part| fold(part)).collect();
        Self { parts, folded }
    }

    pub(crate) fn parts(&self) -> &[String] {
        &self.parts
    }

    /// The longest folded text that whatever matches holds; empty when everything does.
    #[must_use]
    pub fn needle(&self) -> &str {
        let longest = self.folded.iter().max_by_key(|part| part.len());
        longest.map_or("", String::as_str)
    }

    /// Whether a folded text is like this. An empty one is a text that is not there: nothing is
    /// like it. Linear in the text.
    #[must_use]
    pub fn matches_folded(&self, text: &str) -> bool {
        let Some((first, rest)) = self.folded.split_first() else {
            return false;
        };
        if text.is_empty() {
            return false;
        }
        let Some((last, middle)) = rest.split_last() else {
            return text == first;
        };
        let Some(mut left) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        for part in middle {
            match left.split_once(part.as_str()) {
                Some((_, after)) => left = after,
                None => return false,
            }
        }
        left.ends_with(last.as_str())
    }

    /// Whether a folded text holds this somewhere.
    #[must_use]
    pub fn within_folded(&self, text: &str) -> bool {
        let mut left = text;
        !text.is_empty()
            && self
                .folded
                .iter()
                .all(|part| match left.split_once(part.as_str()) {
                    Some((_, after)) => {
                        left = after;
                        true
                    }
                    None => false,
                })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text.split('*').map(str::to_owned).collect())
    }

    #[test]
    fn whole_texts_prefixes_and_parts() {
        for (p, text, expected) in [
            ("*", "", false),
            ("*", "x", true),
            ("abc", "ABC", true),
            ("abc", "abcd", false),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acb", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "ba", false),
            ("a*a", "a", false),
            ("ab*ba", "aba", false),
            ("äÖ*", "ÄÖX", true),
        ] {
            assert_eq!(
                pattern(p).matches_folded(&fold(text)),
                expected,
                "{p} {text}"
            );
        }
        assert!(pattern("b*d").within_folded("abcde"));
        assert!(!pattern("d*b").within_folded("abcde"));
    }
}
