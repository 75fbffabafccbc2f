//! Numbers of India.

use crate::privacy::check::verhoeff;
use crate::privacy::code::Code;
use crate::privacy::kind::{Finder, Make, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;
use crate::privacy::number::separator::{HYPHEN, SPACE};

kind! {
    /// An Aadhaar number: twelve digits, the first from 2, the last a check digit by Verhoeff.
    AADHAAR = "in_aadhaar", Personal, 95;
    code "in-aadhaar", "an Aadhaar number";
    example "2345 6789 0124";
    checksum "Verhoeff";
    source "https://uidai.gov.in/en/my-aadhaar/about-your-aadhaar.html";
    words &["aadhaar", "aadhar", "uidai", "uid", "आधार"];
    find Finder::Number(12, 12, judge_aadhaar);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// A permanent account number: five letters of which the fourth says what its holder is, four digits, a letter.
    PAN = "in_pan", Personal, 85;
    code "in-pan", "a tax number of India";
    example "ABCPE1234F";
    checksum "";
    source "https://incometaxindia.gov.in/Pages/pan.aspx";
    words &["pan", "permanent account", "income tax", "tax"];
    find Finder::Code(10, 10, judge_pan);
    mask last_four;
    make Make::Redraw(4);
}

kind! {
    /// A goods and services tax number: state, permanent account number, entity, Z and a check character modulo 36.
    GSTIN = "in_gstin", Financial, 40;
    code "in-gstin", "a goods and services tax number of India";
    example "27AAPFU0939F1ZV";
    checksum "mod 36";
    source "https://www.gst.gov.in/";
    words &["gstin", "gst"];
    find Finder::Code(15, 15, judge_gstin);
    mask last_four;
    make Make::Redraw(2);
}

kind! {
    /// An elector's photo identity card number: three letters and seven digits, behind a word for it.
    VOTER = "in_voter_id", Personal, 80;
    code "in-voter-id", "a voter's number of India";
    example "voter ID ABC1234567";
    checksum "";
    source "https://www.eci.gov.in/";
    words &["voter", "epic", "elector", "voter id", "election"];
    find Finder::Code(10, 10, judge_voter);
    mask last_four;
    make Make::Redraw(0);
}

fn judge_aadhaar(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let grouped = number.grouped(&[4, 4, 4], SPACE | HYPHEN);
    if matches!(digits.first(), Some(2..=9)) && verhoeff(digits) && (grouped || number.plain()) {
        number.sure(94, if grouped { 66 } else { 0 })
    } else {
        0
    }
}

/// Letters for whom a number is: a person, a company, a trust.
fn holder(letter: Option<&u8>) -> bool {
    letter.is_some_and(|b| b"ABCFGHJLPT".contains(b))
}

fn judge_pan(code: &Code<'_>) -> u8 {
    let compact = code.compact();
    if code.shaped("AAAAA9999A") && holder(compact.get(3)) && code.plain() {
        code.sure(92, 66)
    } else {
        0
    }
}

fn judge_gstin(code: &Code<'_>) -> u8 {
    let compact = code.compact();
    let shaped = code.shaped("99AAAAA9999A*Z*")
        && holder(compact.get(5))
        && compact.get(12) != Some(&b'0')
        && code.plain();
    let value = |b: u8| match b {
        b'0'..=b'9' => u32::from(b - b'0'),
        _ => u32::from(b.saturating_sub(b'A')) + 10,
    };
    let sum: u32 = compact
        .iter()
        .take(14)
        .enumerate()
        .map(|(i, b)| {
            let product = value(*b) * (1 + i as u32 % 2);
            product / 36 + product % 36
        })
        .sum();
    let valid = compact
        .last()
        .is_some_and(|b| value(*b) == (36 - sum % 36) % 36);
    if shaped && valid {
        code.sure(95, 85)
    } else {
        0
    }
}

fn judge_voter(code: &Code<'_>) -> u8 {
    if code.shaped("AAA9999999") {
        code.sure(78, 0)
    } else {
        0
    }
}
