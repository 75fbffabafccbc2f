//! Driving licence numbers.

use super::code::Code;
use super::kind::{Finder, Make, kind};
use super::mask::both_ends;
use super::number::Number;

const WORDS: &[&str] = &[
    "driver license",
    "driver licence",
    "drivers license",
    "drivers licence",
    "driver's license",
    "driver's licence",
    "driver’s license",
    "driver’s licence",
    "driving license",
    "driving licence",
    "driving permit",
    "driver_license",
    "driving_licence",
    "driverslicense",
    "driverlicense",
    "dl no",
    "dl number",
    "dl#",
    "dln",
    "dmv",
    "licence number",
    "license number",
    "license no",
    "lic",
    "führerschein",
    "fuehrerschein",
    "permis de conduire",
    "permiso de conducir",
    "carnet de conducir",
    "licencia de conducir",
    "patente di guida",
    "patente",
    "carta de condução",
    "cnh",
    "rijbewijs",
    "körkort",
    "førerkort",
    "prawo jazdy",
    "водительское удостоверение",
    "驾驶证",
    "運転免許",
    "운전면허",
];

kind! {
    /// A driving licence number of letters and digits in a shape that a state of the United States or
    /// another country prints, behind a word for it.
    CODE = "driving_licence", Personal, 80;
    code "driving-licence", "a driving licence number";
    example "driver's license number F162823540116";
    checksum "";
    source "https://www.aamva.org/technology/technology-standards/dl-id-card-design-standard";
    words WORDS;
    find Finder::Code(6, 19, judge_code);
    mask both_ends;
    make Make::Redraw(0);
}

kind! {
    /// A driving licence number of digits only, six to fourteen, behind a word for it.
    NUMBER = "driving_licence_number", Personal, 80;
    code "driving-licence-number", "a driving licence number of digits only";
    example "driver's license number 281211981";
    checksum "";
    source "https://www.aamva.org/technology/technology-standards/dl-id-card-design-standard";
    words WORDS;
    find Finder::Number(6, 14, judge_number);
    mask both_ends;
    make Make::Redraw(0);
}

kind! {
    /// A driving licence number of Great Britain: five letters of the family name, the date of birth
    /// turned about, initials, and a tie-breaker.
    UK = "uk_driving_licence", Personal, 85;
    code "uk-driving-licence", "a driving licence number of Great Britain";
    example "MORGA657054SM9IJ";
    checksum "";
    source "https://www.gov.uk/government/publications/driver-number-format";
    words WORDS;
    find Finder::Code(16, 18, judge_uk);
    mask both_ends;
    make Make::Redraw(0);
}

fn judge_code(code: &Code<'_>) -> u8 {
    // Letter first, then digits: most states; letters first: Washington, New Jersey, India, Italy;
    // digits first: Germany's and others.
    let compact = code.compact();
    let digits = compact.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = compact.len() - digits;
    let runs = compact
        .windows(2)
        .filter(|w| matches!(w, [a, b] if a.is_ascii_digit() != b.is_ascii_digit()))
        .count();
    if digits >= 3 && letters <= 9 && runs <= 6 && code.upper() {
        code.sure(70, 0)
    } else {
        0
    }
}

fn judge_number(number: &Number<'_>) -> u8 {
    let year = number.plain()
        && number.digits().len() == 8
        && matches!(number.digits(), [2, 0, ..] | [1, 9, ..]);
    if number.plus || year {
        0
    } else {
        number.sure(68, 0)
    }
}

fn judge_uk(code: &Code<'_>) -> u8 {
    let compact = code.compact();
    let Some((head, _)) = compact.split_at_checked(16) else {
        return 0;
    };
    let shaped = super::code::shaped(head, "*****999999***AA")
        && head
            .iter()
            .take(5)
            .all(|b| b.is_ascii_uppercase() || *b == b'9')
        && head.first().is_some_and(u8::is_ascii_uppercase);
    let (digits, _) = code.digits(5, 11);
    let [_, m1, m2, d1, d2, ..] = digits;
    // The month of a woman has 50 added.
    let month = u32::from(m1 % 5) * 10 + u32::from(m2);
    let day = u32::from(d1) * 10 + u32::from(d2);
    let born = matches!(m1, 0 | 1 | 5 | 6) && super::check::day_of_month(month, day);
    // The last digits of old forms are the issue's.
    let name = head.iter().filter(|b| b.is_ascii_digit()).count() <= 12;
    if shaped && born && name {
        code.sure(92, 78)
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use crate::privacy::tests::sure_of;

    #[test]
    fn licences_only_where_a_word_or_the_form_says_so() {
        for text in [
            "driver's license number F162823540116",
            "Driver License: S99988801",
            "driving licence WDLABCD456DG",
            "Führerschein B072RRE2I55",
        ] {
            assert!(sure_of("driving_licence", text) >= 50, "{text}");
        }
        assert!(
            sure_of(
                "driving_licence_number",
                "my driver's license number is 2270-66-1551"
            ) >= 50
        );
        assert!(
            sure_of(
                "driving_licence_number",
                "my driver's license number is 6940579"
            ) >= 50
        );
        assert!(sure_of("uk_driving_licence", "MORGA657054SM9IJ") >= 50);
        assert_eq!(sure_of("uk_driving_licence", "MORGA697054SM9IJ"), 0);
        assert_eq!(sure_of("driving_licence", "model F162823540116"), 0);
        assert_eq!(sure_of("driving_licence_number", "code 6940579"), 0);
    }
}
