//! Telephone numbers.

use super::check::value;
use super::draw::Draw;
use super::kind::{Finder, Make, kind};
use super::mask::last_four;
use super::number::Number;
use super::number::separator::{DOT, HYPHEN, PARENTHESIS, SLASH, SPACE};

kind! {
    /// A telephone number: international with a calling code that is assigned, in the form of the North
    /// American Numbering Plan, or any plausible number that a word announces.
    KIND = "phone", Personal, 65;
    code "phone", "a telephone number";
    example "+44 20 7946 0958";
    checksum "";
    source "https://www.itu.int/rec/T-REC-E.164";
    words &[
        "phone", "telephone", "call", "tel", "mobile", "cell", "cellphone", "reach", "contact", "whatsapp",
        "telegram", "signal", "fax", "sms", "dial", "text me", "answering at", "telefon", "telefonnummer", "handy",
        "móvil", "movil", "teléfono", "telefono", "téléphone", "portable", "telefone", "celular", "cellulare",
        "gsm", "mobil", "telefoon", "puhelin", "ring me", "my number", "messages to", "hotline", "landline",
        "desk", "телефон", "Телефон", "тел", "Тел", "電話", "电话", "手机", "携帯", "전화", "โทร", "هاتف",
    ];
    find Finder::Number(6, 15, judge);
    mask last_four;
    make Make::Own(make);
}

fn judge(number: &Number<'_>) -> u8 {
    if date_like(number) || number.digits().iter().all(|d| *d == 0) {
        return 0;
    }
    if number.plus && (8..=15).contains(&number.digits().len()) && calling_code(number.digits()) {
        return 80;
    }
    let shape = north_american(number);
    if shape && !number.other() {
        return 68;
    }
    let plausible = (7..=13).contains(&number.digits().len())
        && number
            .groups()
            .iter()
            .all(|g| *g >= 2 || number.separators & PARENTHESIS != 0 || *g == 1)
        && number.separators & SLASH == 0;
    if plausible && number.named() && !number.other() {
        return 62;
    }
    if international(number) || labelled(number) {
        return 60;
    }
    0
}

/// Whether a calling code that the ITU has assigned begins the number (E.164, list of 2024).
fn calling_code(digits: &[u8]) -> bool {
    let prefix = |n: usize| value(digits.get(..n).unwrap_or_default());
    match prefix(1) {
        1 | 7 => true,
        _ => match prefix(2) {
            20
            | 27
            | 30..=34
            | 36
            | 39..=41
            | 43..=49
            | 51..=58
            | 60..=66
            | 81
            | 82
            | 84
            | 86
            | 90..=95
            | 98 => true,
            _ => matches!(
                prefix(3),
                210..=269 | 290..=299 | 350..=389 | 420 | 421 | 423 | 500..=509 | 590..=599
                    | 670..=692 | 800 | 808 | 850 | 852 | 853 | 855 | 856 | 870 | 878 | 880..=888
                    | 960..=979 | 992..=998
            ),
        },
    }
}

/// `(555) 234-5678`, `555-234-5678`, `555.234.5678`, `1-555-…`: area and exchange begin with 2 to
/// 9 (North American Numbering Plan). Ten bare digits are no telephone number without a word.
fn north_american(number: &Number<'_>) -> bool {
    let local = match number.digits() {
        [1, rest @ ..] if rest.len() == 10 => rest,
        [0, 0, 1, rest @ ..] if rest.len() == 10 => rest,
        rest if rest.len() == 10 => rest,
        _ => return false,
    };
    number.groups().ends_with(&[3, 3, 4])
        && number.separators & SLASH == 0
        && matches!(local, [a, _, _, e, ..] if *a >= 2 && *e >= 2)
}

/// `001-771-975-4619`, `0044 20 7946 0958`: the prefix for calls abroad in place of `+`, grouped.
fn international(number: &Number<'_>) -> bool {
    let digits = number.digits();
    !number.plain()
        && number.separators & SLASH == 0
        && number.groups().first().is_some_and(|g| *g >= 3)
        && matches!(digits, [0, 0, rest @ ..] if (8..=13).contains(&rest.len()) && calling_code(rest))
        && !number.other()
}

/// `212-555-0147-Office`, `3660170548 mobile`, `0123 456789 ext. 12`: what stands behind says which
/// telephone it is.
fn labelled(number: &Number<'_>) -> bool {
    let rest = number.rest();
    let rest = rest.strip_prefix(['-', ' ', '(']).unwrap_or(rest);
    (7..=13).contains(&number.digits().len())
        && number.separators & SLASH == 0
        && ["office", "fax", "home", "mobile", "work", "cell", "desk"]
            .iter()
            .any(|w| {
                rest.get(..w.len())
                    .is_some_and(|t| t.eq_ignore_ascii_case(w))
                    && !rest
                        .as_bytes()
                        .get(w.len())
                        .is_some_and(u8::is_ascii_alphabetic)
            })
}

/// A date or a time, or a sequence of small numbers, is not a telephone number.
fn date_like(number: &Number<'_>) -> bool {
    let groups = number.groups();
    let length = |n: usize| groups.get(n).copied().unwrap_or(0);
    let year = |at: usize| matches!(number.digits().get(at..at + 2), Some([1, 9] | [2, 0]));
    let last = number.digits().len().saturating_sub(4);
    let dotted = number.separators == DOT && groups.len() == 4 && groups.iter().all(|g| *g <= 3);
    let year_first = length(0) == 4 && year(0) && length(1) <= 2 && length(2) <= 2;
    let year_last = length(0) <= 2 && length(1) <= 2 && length(2) == 4 && year(last);
    let hours = number.rest().starts_with(':');
    dotted
        || number.separators & SLASH != 0 && !number.plus
        || groups.len() >= 3 && (year_first || groups.len() == 3 && year_last)
        // A date without separators, and one with a time behind it.
        || length(0) == 8 && year(0) && (number.plain() || groups.len() == 2)
        || hours
        || groups.iter().all(|g| *g <= 1)
        || (groups.len() == 2 && number.separators & !(SPACE | HYPHEN) == 0 && length(0) == 4 && length(1) == 4 && year(0) && year(4))
}

/// The same form; calling code and area stay as they are, what follows is drawn.
fn make(original: &str, draw: &mut Draw) -> String {
    let total = original.bytes().filter(u8::is_ascii_digit).count();
    let keep = if total >= 10 { total - 7 } else { 1.min(total) };
    let mut seen = 0;
    original
        .chars()
        .map(|c| {
            seen += usize::from(c.is_ascii_digit());
            match (seen > keep && c.is_ascii_digit(), seen == keep + 1) {
                // An exchange does not begin with 0 or 1.
                (true, true) => draw.pick(b"23456789"),
                (true, false) => draw.digit(),
                _ => c,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::privacy::tests::sure_of;

    #[test]
    fn telephones_and_what_looks_like_one() {
        let sure = |text: &str| sure_of("phone", text);
        for text in [
            "(212) 555-0147",
            "212.555.0147",
            "1-800-555-0199",
            "+44 20 7946 0958",
            "+49 (0)30 901820",
            "+4915112345678",
            "call 0477 11 28 98",
            "Tel.: 030 901820",
            "reach me on 2125550147",
            "877-547-3967x793",
            "001-771-975-4619-fax",
            "電話0312345678",
            "212-555-0147-Office",
            "{\"phone\":\"2125550147\"}",
        ] {
            assert!(sure(text) >= 50, "{text}");
        }
        for text in [
            "2026-11-21 03:00:00",
            "1718000000",
            "2125550147",
            "10.20.30.40",
            "order 212-555-0147",
            "call at 2026-11-21",
            "tel aviv 20261121",
            "+999 123 456 78",
            "0000000000",
            "112-555-0147",
        ] {
            assert!(sure(text) < 50, "{text} {}", sure(text));
        }
    }
}
