//! Health: record numbers, diagnoses, providers and insurance.

use crate::text::Flags;

use super::check::{digit, luhn};
use super::code::Code;
use super::draw::Draw;
use super::kind::{Finder, Make, Match, kind};
use super::mask::{both_ends, last_four, nothing};
use super::number::Number;
use super::scan::{Input, Words};

const RECORD_WORDS: &[&str] = &[
    "mrn",
    "medical record",
    "patient id",
    "patient number",
    "patient no",
    "chart number",
    "hospital number",
    "health record",
    "medical_record_number",
    "patientid",
    "mrn#",
];

kind! {
    /// A medical record number, behind a word for it: each hospital has its own form.
    RECORD = "medical_record_number", Personal, 85;
    code "medical-record-number", "a medical record number";
    example "MRN: 00482915";
    checksum "";
    source "https://www.hhs.gov/hipaa/for-professionals/special-topics/de-identification/index.html";
    words RECORD_WORDS;
    find Finder::Number(6, 12, judge_record);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// A medical record number with letters, behind a word for it.
    RECORD_CODE = "medical_record_code", Personal, 85;
    code "medical-record-code", "a medical record number with letters";
    example "patient ID PT-4829153";
    checksum "";
    source "https://www.hhs.gov/hipaa/for-professionals/special-topics/de-identification/index.html";
    words RECORD_WORDS;
    find Finder::Code(6, 14, judge_record_code);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// A number of a health plan's member, behind a word for it.
    MEMBER = "health_plan_member", Personal, 80;
    code "health-plan-member", "the number of a member of a health plan";
    example "member ID XYZ123456789";
    checksum "";
    source "https://www.hhs.gov/hipaa/for-professionals/special-topics/de-identification/index.html";
    words &[
        "member id", "member number", "subscriber id", "health plan", "insurance id", "insurance number",
        "policy holder", "beneficiary number", "versichertennummer", "krankenversichertennummer", "health card",
        "ohip", "ehic",
    ];
    find Finder::Code(8, 16, judge_record_code);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// The identifier of a provider of health care in the United States: Luhn over it with the prefix
    /// 80840 (45 CFR 162.406).
    NPI = "us_npi", Personal, 50;
    code "us-npi", "the identifier of a provider of health care";
    example "NPI 1234567893";
    checksum "Luhn with the prefix 80840";
    source "https://www.cms.gov/regulations-and-guidance/administrative-simplification/nationalprovidentstand";
    words &["npi", "national provider", "provider id", "provider identifier"];
    find Finder::Number(10, 10, judge_npi);
    mask last_four;
    make Make::Redraw(1);
}

kind! {
    /// The number under which a practitioner in the United States may prescribe: two letters, six digits
    /// and a check digit.
    DEA = "us_dea", Personal, 60;
    code "us-dea", "a practitioner's registration for controlled substances";
    example "DEA number BB1388568";
    checksum "weights 1, 2, mod 10";
    source "https://www.deadiversion.usdoj.gov/drugreg/faq.html";
    words &["dea", "medical license", "medical licence", "prescriber", "practitioner", "certificate"];
    find Finder::Code(9, 9, judge_dea);
    mask both_ends;
    make Make::Redraw(2);
}

kind! {
    /// The identifier of a beneficiary of Medicare in the United States.
    MBI = "us_mbi", Personal, 90;
    code "us-mbi", "the identifier of a beneficiary of Medicare";
    example "1EG4-TE5-MK73";
    checksum "";
    source "https://www.cms.gov/medicare/new-medicare-card/understanding-the-mbi-with-format.pdf";
    words &["mbi", "medicare", "beneficiary identifier"];
    find Finder::Code(11, 11, judge_mbi);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// A diagnosis by the International Classification of Diseases, behind a word for it.
    ICD = "icd_10", Personal, 75;
    code "icd-10", "a coded diagnosis";
    example "ICD-10: E11.9";
    checksum "";
    source "https://www.cdc.gov/nchs/icd/icd-10-cm/index.html";
    words &["icd", "icd-10", "icd10", "diagnosis_code", "diagnosiscode"];
    find Finder::Text(Flags::DIGIT, Words::DIAGNOSIS, find_icd);
    mask nothing;
    make Make::Own(make_icd);
}

pub(super) const DIAGNOSIS_WORDS: &[&str] = &[
    "icd-10",
    "icd10",
    "icd 10",
    "icd code",
    "icd_code",
    "diagnosis code",
    "diagnosis_code",
    "diagnosed with",
    "diagnosis:",
    "diagnosis\":",
    "dx:",
    "dx code",
    "diagnose:",
];

fn judge_record(number: &Number<'_>) -> u8 {
    if number.plus || number.separators & !3 != 0 {
        0
    } else {
        number.sure(74, 0)
    }
}

fn judge_record_code(code: &Code<'_>) -> u8 {
    let digits = code.compact().iter().filter(|b| b.is_ascii_digit()).count();
    if digits >= 4 { code.sure(72, 0) } else { 0 }
}

fn judge_npi(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let mut all = [8, 0, 8, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (to, from) in all.iter_mut().skip(5).zip(digits) {
        *to = *from;
    }
    if matches!(digits.first(), Some(1 | 2)) && luhn(&all) && number.plain_or(&[4, 3, 3]) {
        number.sure(88, 0)
    } else {
        0
    }
}

fn judge_dea(code: &Code<'_>) -> u8 {
    let compact = code.compact();
    let first = compact
        .first()
        .is_some_and(|b| b"ABCDEFGHJKLMPRSTUX".contains(b));
    let (digits, count) = code.digits(2, 9);
    let at = |i: usize| digit(&digits, i);
    let odd = at(0) + at(2) + at(4);
    let even = at(1) + at(3) + at(5);
    let shaped = code.shaped("AA9999999") || code.shaped("A99999999");
    if first && shaped && count == 7 && code.plain() && (odd + 2 * even) % 10 == at(6) {
        code.sure(88, 0)
    } else {
        0
    }
}

fn judge_mbi(code: &Code<'_>) -> u8 {
    let compact = code.compact();
    let letters = compact.iter().all(|b| !b"SLOIBZ".contains(b));
    // Digit, letter, either, digit, letter, either, digit, letter, letter, digit, digit.
    let shaped = code.shaped("9A*9A*9AA99") && compact.first() != Some(&b'0');
    if letters && shaped {
        code.sure(92, 72)
    } else {
        0
    }
}

/// Bytes between the word and the code.
const GAP_BYTES_MAX: usize = 40;

fn find_icd(input: &Input<'_>, out: &mut Vec<Match>) {
    let bytes = input.text.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let mut last = 0;
    let mut look = |from: usize, reach: usize, out: &mut Vec<Match>| {
        for i in from.max(last)..bytes.len().min(from + reach) {
            if !at(i).is_ascii_uppercase()
                || i.checked_sub(1)
                    .is_some_and(|b| at(b).is_ascii_alphanumeric())
            {
                continue;
            }
            if let Some(end) = icd(bytes, i) {
                last = end;
                out.push(Match {
                    kind: &ICD,
                    start: i,
                    end,
                    confidence: 70,
                });
                return;
            }
        }
    };
    if input.places(Words::DIAGNOSIS).next().is_none() {
        look(0, 1, out);
        return;
    }
    for (_, end) in input.places(Words::DIAGNOSIS) {
        look(end, GAP_BYTES_MAX, out);
    }
}

/// The end of a code: a letter but U, a digit, a digit or A or B, and after a dot up to four more.
fn icd(bytes: &[u8], start: usize) -> Option<usize> {
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let head = at(start).is_ascii_uppercase()
        && at(start + 1).is_ascii_digit()
        && (at(start + 2).is_ascii_digit() || matches!(at(start + 2), b'A' | b'B'));
    if !head {
        return None;
    }
    let mut end = start + 3;
    if at(end) == b'.' && at(end + 1).is_ascii_alphanumeric() {
        end += 1;
        while end < start + 8 && at(end).is_ascii_alphanumeric() {
            end += 1;
        }
    }
    (!at(end).is_ascii_alphanumeric()).then_some(end)
}

/// Another code of the same chapter.
fn make_icd(original: &str, draw: &mut Draw) -> String {
    original
        .char_indices()
        .map(|(i, c)| {
            if i > 0 && c.is_ascii_digit() {
                draw.digit()
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::privacy::tests::sure_of;

    #[test]
    fn health_data_and_what_looks_like_it() {
        for (kind, good, bad) in [
            ("us_npi", "NPI 1234567893", "NPI 1234567890"),
            ("us_dea", "DEA number BB1388568", "DEA number BB1388569"),
            ("us_mbi", "1EG4-TE5-MK73", "1EG4-TE5-MS73"),
            ("icd_10", "ICD-10: E11.9", "see E11.9"),
            ("icd_10", "diagnosed with F32.1", "diagnosed with flu"),
            ("medical_record_number", "MRN: 00482915", "rows: 00482915"),
            (
                "medical_record_code",
                "patient ID PT-4829153",
                "ticket PT-4829153",
            ),
            (
                "health_plan_member",
                "member ID XYZ123456789",
                "group XYZ123456789",
            ),
        ] {
            assert!(sure_of(kind, good) >= 50, "{good}");
            assert_eq!(sure_of(kind, bad), 0, "{bad}");
        }
    }
}
