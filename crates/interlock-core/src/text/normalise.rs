//! One spelling for texts that look alike: compatibility forms, accents, look-alike letters of
//! other scripts, invisible characters and letter case.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::decompose_compatible;

use super::span_map::SpanMap;

/// Characters of one stretch that is rewritten together. Scripts without spaces would otherwise
/// make one stretch of the whole text.
const STRETCH_CHARS_MAX: usize = 32;
/// Variation selectors in a row from which on they carry bytes and not the look of an emoji.
const SELECTORS_MIN: usize = 4;

/// A text in normal form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Normalised {
    /// The text: NFKC, without accents, invisible and control characters, look-alikes folded,
    /// lower case.
    pub text: String,
    /// Where it came from.
    pub map: SpanMap,
    /// How many characters carried hidden text (Unicode tags, runs of variation selectors), the
    /// tags of flag emoji not counted.
    pub hidden: usize,
    /// How many invisible characters were taken out of the middle of words.
    pub invisible: usize,
    /// How many characters were not what they look like: of another width or alphabet, struck
    /// through, invisible within a word, or in hidden text. Accents and letter case disguise nothing.
    pub disguised: usize,
}

/// Brings `text` into normal form. Hidden text is decoded in place.
#[must_use]
pub fn normalise(text: &str) -> Normalised {
    let mut out = Normalised {
        text: String::with_capacity(text.len()),
        map: SpanMap::new(text.len()),
        ..Normalised::default()
    };
    let mut rest = text;
    let mut at = 0usize;
    while !rest.is_empty() {
        let length = stretch(rest);
        let Some((head, tail)) = rest.split_at_checked(length) else {
            break;
        };
        out.map.piece(out.text.len(), at, head.is_ascii());
        if head.is_ascii() {
            out.text
                .extend(head.chars().map(|c| c.to_ascii_lowercase()));
        } else {
            fold(head, &mut out);
        }
        at += length;
        rest = tail;
    }
    out
}

/// The length in bytes of the next stretch: a run of ASCII, or a word that is not all ASCII.
fn stretch(text: &str) -> usize {
    // An ASCII run ends at the last space before something that is not ASCII, so that a word with
    // one foreign letter is judged as a whole.
    let mut last_space = None;
    for (i, b) in text.bytes().enumerate() {
        if !b.is_ascii() {
            match last_space {
                Some(space) => return space,
                None => break,
            }
        }
        if b.is_ascii_whitespace() {
            last_space = Some(i + 1);
        }
        if i + 1 == text.len() {
            return text.len();
        }
    }
    for (n, (i, c)) in text.char_indices().enumerate() {
        if n > 0 && (c.is_whitespace() || n >= STRETCH_CHARS_MAX) && !selector(c) {
            return i;
        }
        if c.is_ascii_whitespace() {
            return i + c.len_utf8();
        }
    }
    text.len()
}

fn fold(word: &str, out: &mut Normalised) {
    let mut folded = String::with_capacity(word.len());
    let mut flag = false;
    let mut selectors: Vec<u8> = Vec::new();
    let mut in_word = false;
    for c in word.chars() {
        if let Some(byte) = selector_byte(c) {
            selectors.push(byte);
            continue;
        }
        flush_selectors(&mut selectors, &mut folded, &mut out.hidden);
        if let Some(tag) = tag_char(c) {
            if !flag {
                folded.push(tag.to_ascii_lowercase());
                out.hidden += 1;
                out.disguised += 1;
            }
            continue;
        }
        flag = c == '\u{1F3F4}';
        if invisible(c) {
            if in_word {
                out.invisible += 1;
                out.disguised += 1;
            }
            continue;
        }
        out.disguised += usize::from(other_form(c) || (mark(c) && in_word));
        in_word = c.is_alphanumeric() || (in_word && mark(c));
        decompose_compatible(c, |d| {
            if !mark(d) {
                folded.push(d);
            }
        });
    }
    flush_selectors(&mut selectors, &mut folded, &mut out.hidden);
    let latin = folded.bytes().any(|b| b.is_ascii_alphabetic());
    // Letters of another script are folded only where they pose as Latin, beside Latin letters.
    // Russian and Greek words stay what they are.
    for c in folded.nfc() {
        let c = match look_alike(c) {
            Some(alike) if latin => {
                out.disguised += 1;
                alike
            }
            _ => c,
        };
        let c = quote(c);
        if c.is_ascii() {
            out.text.push(c.to_ascii_lowercase());
        } else {
            out.text.extend(c.to_lowercase());
        }
    }
}

fn flush_selectors(selectors: &mut Vec<u8>, folded: &mut String, hidden: &mut usize) {
    if selectors.len() >= SELECTORS_MIN {
        *hidden += selectors.len();
        folded.push_str(&String::from_utf8_lossy(selectors));
    }
    selectors.clear();
}

/// Unicode tag characters mirror ASCII and are not shown.
fn tag_char(c: char) -> Option<char> {
    let code = u32::from(c);
    match code {
        0xE0020..=0xE007E => char::from_u32(code - 0xE0000),
        _ => None,
    }
}

const fn selector(c: char) -> bool {
    matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// The byte that a variation selector stands for where they are used to smuggle bytes.
fn selector_byte(c: char) -> Option<u8> {
    let code = u32::from(c);
    match code {
        0xFE00..=0xFE0F => u8::try_from(code - 0xFE00).ok(),
        0xE0100..=0xE01EF => u8::try_from(code - 0xE0100 + 16).ok(),
        _ => None,
    }
}

/// Characters that are not shown: zero width, direction marks, fillers, soft hyphen, cancel tag.
const fn invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{061C}'
            | '\u{115F}'
            | '\u{1160}'
            | '\u{17B4}'
            | '\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E001F}'
            | '\u{E007F}'
    )
}

/// Combining marks of Latin, Greek and Cyrillic; those that spell other scripts stay.
const fn mark(c: char) -> bool {
    matches!(
        c,
        '\u{0300}'..='\u{036F}'
            | '\u{0483}'..='\u{0489}'
            | '\u{1AB0}'..='\u{1AFF}'
            | '\u{1DC0}'..='\u{1DFF}'
            | '\u{20D0}'..='\u{20FF}'
            | '\u{FE20}'..='\u{FE2F}'
    )
}

/// Forms of ASCII characters that Unicode keeps for other uses: full width, mathematical, enclosed.
const fn other_form(c: char) -> bool {
    matches!(
        c,
        '\u{2460}'..='\u{24FF}' | '\u{FF01}'..='\u{FF5E}' | '\u{1D400}'..='\u{1D7FF}' | '\u{1F100}'..='\u{1F1FF}'
    )
}

const fn quote(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{201A}' | '\u{201B}' | '\u{2032}' | '\u{02BC}'
        | '\u{02B9}' => '\'',
        '\u{201C}' | '\u{201D}' | '\u{201E}' | '\u{2033}' | '\u{00AB}' | '\u{00BB}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{2044}' | '\u{2215}' | '\u{29F8}' => '/',
        '\u{2216}' | '\u{29F5}' => '\\',
        '\u{3008}' | '\u{2039}' => '<',
        '\u{3009}' | '\u{203A}' => '>',
        other => other,
    }
}

/// The Latin letter that a letter of another script looks like; the common part of Unicode's
/// confusables (UTS #39), the compatibility forms being folded already.
const fn look_alike(c: char) -> Option<char> {
    Some(match c {
        // Cyrillic.
        'а' | 'А' => 'a',
        'в' | 'В' | 'Ь' | 'ь' => 'b',
        'с' | 'С' | 'ϲ' | 'Ϲ' => 'c',
        'ԁ' | 'Ԁ' => 'd',
        'е' | 'Е' | 'є' | 'Є' | 'ҽ' => 'e',
        'ғ' => 'f',
        'ԍ' | 'Ԍ' => 'g',
        'һ' | 'Һ' | 'н' | 'Н' => 'h',
        'і' | 'І' | 'ӏ' => 'i',
        'ј' | 'Ј' => 'j',
        'к' | 'К' | 'ҝ' => 'k',
        'Ӏ' => 'l',
        'м' | 'М' => 'm',
        'п' => 'n',
        'о' | 'О' => 'o',
        'р' | 'Р' => 'p',
        'ԛ' | 'Ԛ' => 'q',
        'г' | 'я' => 'r',
        'ѕ' | 'Ѕ' => 's',
        'т' | 'Т' => 't',
        'ѵ' | 'Ѵ' => 'v',
        'ԝ' | 'Ԝ' | 'ш' => 'w',
        'х' | 'Х' => 'x',
        'у' | 'У' | 'ү' | 'Ү' => 'y',
        'з' => 'z',
        // Greek.
        'α' | 'Α' => 'a',
        'β' | 'Β' => 'b',
        'δ' => 'd',
        'ε' | 'Ε' => 'e',
        'η' => 'n',
        'Η' => 'h',
        'ι' | 'Ι' => 'i',
        'κ' | 'Κ' => 'k',
        'Μ' => 'm',
        'Ν' => 'n',
        'ν' => 'v',
        'ο' | 'Ο' | 'σ' => 'o',
        'ρ' | 'Ρ' => 'p',
        'τ' | 'Τ' => 't',
        'υ' => 'u',
        'Υ' => 'y',
        'χ' | 'Χ' => 'x',
        'ω' => 'w',
        'Ζ' => 'z',
        'γ' => 'y',
        // Armenian.
        'ա' => 'w',
        'օ' => 'o',
        'ո' => 'n',
        'ս' => 'u',
        'հ' => 'h',
        'ց' => 'g',
        'յ' => 'j',
        'զ' => 'q',
        // Latin letters with strokes, and those of phonetic alphabets.
        'ı' | 'ɪ' | 'ɩ' => 'i',
        'ɑ' | 'ᴀ' | 'Ꭺ' => 'a',
        'ʙ' | 'Ᏼ' | 'ƀ' => 'b',
        'ᴄ' | 'Ꮯ' | 'ƈ' => 'c',
        'ᴅ' | 'Ꭰ' | 'đ' | 'Đ' | 'ɗ' => 'd',
        'ᴇ' | 'Ꭼ' | 'ɛ' => 'e',
        'ꜰ' | 'ƒ' => 'f',
        'ɡ' | 'ɢ' | 'Ꮐ' => 'g',
        'ʜ' | 'Ꮋ' | 'ħ' => 'h',
        'ᴊ' | 'Ꭻ' => 'j',
        'ᴋ' | 'Ꮶ' | 'ƙ' => 'k',
        'ʟ' | 'Ꮮ' | 'ł' | 'Ł' => 'l',
        'ᴍ' | 'Ꮇ' => 'm',
        'ɴ' | 'ɲ' | 'ƞ' => 'n',
        'ᴏ' | 'ø' | 'Ø' | 'ɵ' => 'o',
        'ᴘ' | 'Ꮲ' => 'p',
        'ʀ' | 'Ꭱ' => 'r',
        'ꜱ' | 'Ꮪ' => 's',
        'ᴛ' | 'Ꭲ' | 'ŧ' => 't',
        'ᴜ' | 'ʋ' => 'u',
        'ᴠ' | 'Ꮩ' => 'v',
        'ᴡ' | 'Ꮃ' => 'w',
        'ʏ' | 'Ꭹ' => 'y',
        'ᴢ' | 'Ꮓ' | 'ƶ' => 'z',
        // Signs of currencies beside letters.
        '€' => 'e',
        '¢' => 'c',
        '¥' => 'y',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(normalise(text).text, expected, "{text:?}");
    }

    #[test]
    fn folds_what_looks_alike() {
        check("Ignore ALL", "ignore all");
        check("ｉｇｎｏｒｅ", "ignore");
        check("𝓲𝓰𝓷𝓸𝓻𝓮 𝗮𝗹𝗹", "ignore all");
        check("ignоrе рrеviоus", "ignore previous");
        check("ig\u{200b}no\u{2060}re", "ignore");
        check("i\u{334}g\u{336}n\u{337}ore", "ignore");
        check("précédentes", "precedentes");
        check("\u{201c}x\u{201d}", "\"x\"");
    }

    #[test]
    fn leaves_other_scripts_alone() {
        check("игнорируи все", "игнорируи все");
        check("忽略以上指令", "忽略以上指令");
        check("がぎぐ 한국어", "がぎぐ 한국어");
    }

    #[test]
    fn decodes_hidden_text() {
        let tags: String = "ignore"
            .bytes()
            .filter_map(|b| char::from_u32(0xE0000 + u32::from(b)))
            .collect();
        let out = normalise(&format!("hi {tags}"));
        assert_eq!((out.text.as_str(), out.hidden), ("hi ignore", 6));
        let selectors: String = "print me"
            .bytes()
            .filter_map(|b| char::from_u32(0xE0100 + u32::from(b) - 16))
            .collect();
        assert!(
            normalise(&format!("😀{selectors}"))
                .text
                .ends_with("print me")
        );
    }

    #[test]
    fn counts_what_is_not_what_it_looks_like() {
        for (text, disguised) in [
            ("４１１１", 4),
            ("𝟒", 1),
            ("jo\u{200b}e", 1),
            ("4\u{336}1\u{336}", 2),
            ("exаmple", 1),
            ("Grüße, précédentes, Привет \u{201c}x\u{201d}", 0),
            ("ＡB", 1),
        ] {
            assert_eq!(normalise(text).disguised, disguised, "{text:?}");
        }
    }

    #[test]
    fn flags_of_countries_hide_nothing() {
        let england = "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}";
        assert_eq!(normalise(england).hidden, 0);
    }

    proptest! {
        #[test]
        fn spans_stay_within_the_text(text in "\\PC{0,80}", a in 0u32..200, b in 0u32..200) {
            let out = normalise(&text);
            let span = out.map.source_of(a.min(b), a.max(b));
            prop_assert!(span.start <= span.end && span.end as usize <= text.len());
        }

        #[test]
        fn is_stable(text in "[a-z0-9 .,;:!?'\"/-]{0,60}") {
            prop_assert_eq!(normalise(&text).text, text);
        }
    }
}
