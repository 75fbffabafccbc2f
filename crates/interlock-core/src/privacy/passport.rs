//! Passport numbers.

use super::code::Code;
use super::kind::{Finder, Make, kind};
use super::mask::both_ends;
use super::number::Number;

const WORDS: &[&str] = &[
    "passport",
    "reisepass",
    "pasaporte",
    "passeport",
    "passaporto",
    "passaporte",
    "paspoort",
    "pass no",
    "travel document",
    "paszport",
    "паспорт",
    "Паспорт",
    "загранпаспорт",
    "护照",
    "旅券",
    "パスポート",
    "여권",
];

kind! {
    /// A passport number: up to three letters with six to nine digits, as the issuing states print them,
    /// behind a word for passport.
    CODE = "passport", Personal, 80;
    code "passport", "a passport number";
    example "passport number X1234567";
    checksum "";
    source "https://www.icao.int/publications/doc-series/doc-9303";
    words WORDS;
    find Finder::Code(7, 10, judge_code);
    mask both_ends;
    make Make::Redraw(0);
}

kind! {
    /// A passport number of digits only: eight, nine or ten of them behind a word for passport.
    NUMBER = "passport_number", Personal, 80;
    code "passport-number", "a passport number of digits only";
    example "passport number 912803456";
    checksum "";
    source "https://www.icao.int/publications/doc-series/doc-9303";
    words WORDS;
    find Finder::Number(8, 10, judge_number);
    mask both_ends;
    make Make::Redraw(0);
}

fn judge_code(code: &Code<'_>) -> u8 {
    const SHAPES: [&str; 14] = [
        "A999999",
        "AA99999",
        "A9999999",
        "AA999999",
        "A99999999",
        "AA9999999",
        "AA99999A",
        "AAA999999",
        "99AA99999",
        "9AA999999",
        "A*******9",
        "A********",
        "AAA9999999",
        "AAA99999A",
    ];
    let digits = code.compact().iter().filter(|b| b.is_ascii_digit()).count();
    if digits >= 4 && code.upper() && SHAPES.iter().any(|s| code.shaped(s)) {
        code.sure(72, 0)
    } else {
        0
    }
}

fn judge_number(number: &Number<'_>) -> u8 {
    if number.plain() || number.groups() == [2, 2, 6] || number.groups() == [4, 6] {
        number.sure(70, 0)
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use crate::privacy::tests::sure_of;

    #[test]
    fn passports_only_where_a_word_says_so() {
        for text in [
            "passport number X1234567",
            "Reisepass C01X00T47",
            "Passport No: AB1234567",
            "\"passportNumber\":\"12AB34567\"",
        ] {
            assert!(sure_of("passport", text) >= 50, "{text}");
        }
        assert!(sure_of("passport_number", "his passport is 912803456") >= 50);
        for text in [
            "part X1234567",
            "passport photo 2026",
            "passport x1234567y99",
        ] {
            assert_eq!(sure_of("passport", text), 0, "{text}");
        }
        assert_eq!(sure_of("passport_number", "number 912803456"), 0);
    }
}
