//! Texts as tokens, the way BERT reads them: cleaned, split at spaces and punctuation, and each word
//! cut into the longest pieces of the vocabulary (Wu et al., 2016).

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::LoadError;
use crate::settings::{read_file, read_object};

/// Bytes of a vocabulary.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Characters of a word; longer ones are unknown, as in the original.
const WORD_CHARS_MAX: usize = 100;

/// A vocabulary and how texts are brought to it.
#[derive(Debug)]
pub(crate) struct WordPiece {
    ids: HashMap<String, u32>,
    lower: bool,
    strip_accents: bool,
    unknown: u32,
    begin: u32,
    end: u32,
}

impl WordPiece {
    /// Reads `vocab.txt`, or else `tokenizer.json`, of a directory; every id must be below `size`.
    pub(crate) fn read(directory: &Path, size: usize) -> Result<Self, LoadError> {
        let (plain, whole) = (
            directory.join("vocab.txt"),
            directory.join("tokenizer.json"),
        );
        let (path, ids, lower, accents) = if plain.exists() {
            let bytes = read_file(&plain, FILE_BYTES_MAX)?;
            let text =
                String::from_utf8(bytes).map_err(|_| LoadError::content(&plain, "is no UTF-8"))?;
            let ids = text
                .lines()
                .zip(0u32..)
                .map(|(word, id)| (word.to_owned(), id))
                .collect();
            let settings = directory.join("tokenizer_config.json");
            let settings = settings
                .exists()
                .then(|| read_object(&settings, FILE_BYTES_MAX))
                .transpose()?
                .unwrap_or_default();
            let flag = |name: &str| settings.get(name).and_then(Value::as_bool);
            let lower = flag("do_lower_case").unwrap_or(true);
            (plain, ids, lower, flag("strip_accents"))
        } else {
            let (ids, lower, accents) = Self::tokenizer(&whole)?;
            (whole, ids, lower, accents)
        };
        let special = |name: &str| {
            ids.get(name)
                .copied()
                .ok_or_else(|| LoadError::content(&path, format!("has no token `{name}`")))
        };
        let words = Self {
            unknown: special("[UNK]")?,
            begin: special("[CLS]")?,
            end: special("[SEP]")?,
            lower,
            strip_accents: accents.unwrap_or(lower),
            ids,
        };
        if words.ids.values().any(|id| *id as usize >= size) {
            return Err(LoadError::content(
                &path,
                format!("has tokens past the {size} that `config.json` names"),
            ));
        }
        Ok(words)
    }

    #[expect(clippy::type_complexity, reason = "read in one place")]
    fn tokenizer(path: &Path) -> Result<(HashMap<String, u32>, bool, Option<bool>), LoadError> {
        let object = read_object(path, FILE_BYTES_MAX)?;
        let model = object.get("model").unwrap_or(&Value::Null);
        let kind = model.get("type").and_then(Value::as_str);
        if kind.is_some_and(|kind| kind != "WordPiece") {
            return Err(LoadError::content(
                path,
                format!(
                    "its model is `{}`, not `WordPiece`",
                    kind.unwrap_or_default()
                ),
            ));
        }
        let prefix = model
            .get("continuing_subword_prefix")
            .and_then(Value::as_str);
        if prefix.is_some_and(|prefix| prefix != "##") {
            return Err(LoadError::content(path, "its words do not go on with `##`"));
        }
        let Some(vocabulary) = model.get("vocab").and_then(Value::as_object) else {
            return Err(LoadError::content(path, "has no vocabulary"));
        };
        let ids = vocabulary
            .iter()
            .map(|(word, id)| {
                let id = id.as_u64().and_then(|id| u32::try_from(id).ok())?;
                Some((word.clone(), id))
            })
            .collect::<Option<_>>()
            .ok_or_else(|| LoadError::content(path, "has a token without a number"))?;
        let normaliser = object.get("normalizer").unwrap_or(&Value::Null);
        let flag = |name: &str| normaliser.get(name).and_then(Value::as_bool);
        Ok((
            ids,
            flag("lowercase").unwrap_or(true),
            flag("strip_accents"),
        ))
    }

    /// `ids` between the marks of beginning and end.
    pub(crate) fn framed(&self, ids: &[u32]) -> Vec<u32> {
        let mut out = Vec::with_capacity(ids.len() + 2);
        out.push(self.begin);
        out.extend_from_slice(ids);
        out.push(self.end);
        out
    }

    /// The tokens of a text, without the marks. Marks that a text itself spells out are words like any
    /// other.
    pub(crate) fn ids(&self, text: &str) -> Vec<u32> {
        let mut out = Vec::with_capacity(text.len() / 4);
        let mut word = String::new();
        for c in text.chars() {
            if c == '\0' || c == '\u{fffd}' || is_control(c) {
                continue;
            }
            if c.is_whitespace() {
                self.take(&mut word, &mut out);
            } else if is_punctuation(c) || is_ideograph(c) {
                self.take(&mut word, &mut out);
                word.push(c);
                self.take(&mut word, &mut out);
            } else {
                word.push(c);
            }
        }
        self.take(&mut word, &mut out);
        out
    }

    fn take(&self, word: &mut String, out: &mut Vec<u32>) {
        if word.is_empty() {
            return;
        }
        let mut form = std::mem::take(word);
        if self.lower {
            form = form.to_lowercase();
        }
        if self.strip_accents {
            form = form.nfd().filter(|c| !is_combining_mark(*c)).collect();
        }
        // What is left may be split again: an accent can hide punctuation.
        let mut start = 0;
        for (at, c) in form.char_indices() {
            if is_punctuation(c) {
                self.pieces(&form[start..at], out);
                start = at + c.len_utf8();
                self.pieces(&form[at..start], out);
            }
        }
        self.pieces(&form[start..], out);
    }

    /// Cuts a word into the longest pieces of the vocabulary; unknown when one is missing.
    fn pieces(&self, word: &str, out: &mut Vec<u32>) {
        if word.is_empty() {
            return;
        }
        if word.chars().nth(WORD_CHARS_MAX).is_some() {
            out.push(self.unknown);
            return;
        }
        let before = out.len();
        let mut start = 0;
        let mut key = String::with_capacity(word.len() + 2);
        while start < word.len() {
            let mut end = word.len();
            let found = loop {
                if end == start {
                    break None;
                }
                key.clear();
                if start > 0 {
                    key.push_str("##");
                }
                key.push_str(&word[start..end]);
                if let Some(id) = self.ids.get(&key) {
                    break Some(*id);
                }
                end -= 1;
                while !word.is_char_boundary(end) {
                    end -= 1;
                }
            };
            let Some(id) = found else {
                out.truncate(before);
                out.push(self.unknown);
                return;
            };
            out.push(id);
            start = end;
        }
    }
}

/// Controls and format characters, but for what is read as a space.
fn is_control(c: char) -> bool {
    if matches!(c, '\t' | '\n' | '\r') {
        return false;
    }
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

/// ASCII signs, and punctuation of other scripts.
fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c,
            '\u{a1}' | '\u{a7}' | '\u{ab}' | '\u{b6}' | '\u{b7}' | '\u{bb}' | '\u{bf}' | '\u{37e}' | '\u{387}'
            | '\u{55a}'..='\u{55f}' | '\u{589}' | '\u{58a}' | '\u{5be}' | '\u{5c0}' | '\u{5c3}' | '\u{5f3}' | '\u{5f4}'
            | '\u{60c}' | '\u{60d}' | '\u{61b}' | '\u{61e}' | '\u{61f}' | '\u{66a}'..='\u{66d}' | '\u{6d4}'
            | '\u{964}' | '\u{965}' | '\u{970}' | '\u{e4f}' | '\u{e5a}' | '\u{e5b}'
            | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{2043}' | '\u{2045}'..='\u{2051}' | '\u{2053}'..='\u{205e}'
            | '\u{207d}' | '\u{207e}' | '\u{208d}' | '\u{208e}' | '\u{2308}'..='\u{230b}' | '\u{2329}' | '\u{232a}'
            | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}' | '\u{3030}' | '\u{303d}' | '\u{30a0}' | '\u{30fb}'
            | '\u{fe10}'..='\u{fe19}' | '\u{fe30}'..='\u{fe52}' | '\u{fe54}'..='\u{fe61}' | '\u{fe63}' | '\u{fe68}' | '\u{fe6a}' | '\u{fe6b}'
            | '\u{ff01}'..='\u{ff03}' | '\u{ff05}'..='\u{ff0a}' | '\u{ff0c}'..='\u{ff0f}' | '\u{ff1a}' | '\u{ff1b}' | '\u{ff1f}' | '\u{ff20}'
            | '\u{ff3b}'..='\u{ff3d}' | '\u{ff3f}' | '\u{ff5b}' | '\u{ff5d}' | '\u{ff5f}'..='\u{ff65}')
}

/// Characters of Chinese writing, which stand for words of their own.
fn is_ideograph(c: char) -> bool {
    matches!(c,
        '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2a6df}'
        | '\u{2a700}'..='\u{2b73f}' | '\u{2b740}'..='\u{2b81f}' | '\u{2b820}'..='\u{2ceaf}'
        | '\u{f900}'..='\u{faff}' | '\u{2f800}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WORDS: [&str; 14] = [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "want", "##ed", ",", "a",
        "##a", "忽", "!",
    ];

    fn words() -> WordPiece {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("vocab.txt"), WORDS.join("\n")).unwrap();
        WordPiece::read(folder.path(), WORDS.len()).unwrap()
    }

    fn pieces(text: &str) -> Vec<&'static str> {
        let ids = words().ids(text);
        ids.iter().map(|id| WORDS[*id as usize]).collect()
    }

    #[test]
    fn words_are_cut_into_the_longest_pieces() {
        assert_eq!(pieces("UNwant\u{e9}d,"), ["[UNK]", ","]);
        assert_eq!(
            pieces("Unaffable wanted"),
            ["un", "##aff", "##able", "want", "##ed"]
        );
        assert_eq!(pieces("\u{e1}\u{e1}"), ["a", "##a"]);
        assert_eq!(pieces("a忽a!"), ["a", "忽", "a", "!"]);
        assert_eq!(pieces("a\u{200b}a\u{0}"), ["a", "##a"]);
        // A mark that a text spells out is no mark.
        assert!(!pieces("[SEP]").contains(&"[SEP]"));
        assert_eq!(pieces(&"a".repeat(101)), ["[UNK]"]);
        assert!(pieces(" \n\t").is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_at_most_as_many_tokens_as_characters(text in "\\PC{0,80}") {
            let normal = text.to_lowercase().nfd().count();
            prop_assert!(words().ids(&text).len() <= normal.max(text.chars().count()));
        }
    }
}
