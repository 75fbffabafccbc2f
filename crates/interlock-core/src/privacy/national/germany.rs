//! Numbers of Germany.

use crate::privacy::check::{day_of_month, digit, mod_11_10};
use crate::privacy::code::Code;
use crate::privacy::kind::{Finder, Make, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;
use crate::privacy::number::separator::SPACE;

kind! {
    /// A tax identification number: eleven digits, one of the first ten twice or thrice, and a check digit.
    STEUER_ID = "de_steuer_id", Personal, 90;
    code "de-steuer-id", "a tax number of Germany";
    example "Steuer-ID 86 095 742 719";
    checksum "ISO 7064 mod 11,10";
    source "https://www.bzst.de/DE/Privatpersonen/SteuerlicheIdentifikationsnummer/steuerlicheidentifikationsnummer_node.html";
    words &["steuer-id", "steuerid", "idnr", "steueridentifikationsnummer", "steuerliche identifikationsnummer", "steuernummer", "identifikationsnummer", "tax id", "tin"];
    find Finder::Number(11, 11, judge_steuer);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// An identity card number: nine letters and digits and a check digit, behind a word for it.
    AUSWEIS = "de_personalausweis", Personal, 85;
    code "de-personalausweis", "an identity card number of Germany";
    example "Personalausweis T220001293";
    checksum "weights 7, 3, 1, mod 10";
    source "https://www.personalausweisportal.de/";
    words &["personalausweis", "ausweisnummer", "ausweis", "identity card", "id card", "personalausweisnummer"];
    find Finder::Code(9, 10, judge_ausweis);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// A pension insurance number: area, date of birth, letter of the name, serial, and a check digit.
    RVNR = "de_rentenversicherung", Personal, 90;
    code "de-rentenversicherung", "a social insurance number of Germany";
    example "15070649C103";
    checksum "cross sums by weights, mod 10";
    source "https://www.deutsche-rentenversicherung.de/";
    words &["rentenversicherungsnummer", "sozialversicherungsnummer", "versicherungsnummer", "rvnr", "svnr"];
    find Finder::Code(12, 12, judge_rvnr);
    mask last_four;
    make Make::Redraw(0);
}

fn judge_steuer(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let head = digits.get(..10).unwrap_or_default();
    let times = |d: u8| head.iter().filter(|h| **h == d).count();
    let repeated = (0..10).filter(|d| times(*d) > 1).count() == 1 && (0..10).all(|d| times(d) <= 3);
    let grouped = number.grouped(&[2, 3, 3, 3], SPACE);
    if repeated && digits.first() != Some(&0) && mod_11_10(digits) && (grouped || number.plain()) {
        number.sure(94, if grouped { 62 } else { 0 })
    } else {
        0
    }
}

/// The sum of letters and digits by the weights 7, 3, 1 of ICAO 9303, modulo 10.
fn machine_readable(text: &[u8]) -> u32 {
    text.iter()
        .zip([7, 3, 1].iter().cycle())
        .map(|(b, w)| match b {
            b'0'..=b'9' => u32::from(b - b'0') * w,
            _ => (u32::from(b.saturating_sub(b'A')) + 10) * w,
        })
        .sum::<u32>()
        % 10
}

fn judge_ausweis(code: &Code<'_>) -> u8 {
    let compact = code.compact();
    let Some((head, last)) = compact.split_last_chunk::<1>() else {
        return 0;
    };
    let used = |b: &u8| b.is_ascii_digit() || b"CFGHJKLMNPRTVWXYZ".contains(b);
    let first = compact.first().is_some_and(|b| b"LMNPRTVWXY".contains(b));
    // Ten with the check digit of the machine-readable zone, nine without.
    let valid = match (head.len(), last) {
        (9, [check]) => check.is_ascii_digit() && machine_readable(head) == u32::from(check - b'0'),
        _ => false,
    };
    if valid && first && head.iter().all(used) {
        code.sure(88, 0)
    } else {
        0
    }
}

fn judge_rvnr(code: &Code<'_>) -> u8 {
    const WEIGHTS: [u32; 12] = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
    let compact = code.compact();
    if !code.shaped("99999999A999") {
        return 0;
    }
    let (digits, _) = code.digits(0, 8);
    // The letter counts as its place in the alphabet, of two digits.
    let letter = compact.get(8).map_or(0, |b| b.saturating_sub(b'A') + 1);
    let (serial, _) = code.digits(9, 12);
    let mut all = [0u8; 12];
    let values = digits
        .iter()
        .take(8)
        .copied()
        .chain([letter / 10, letter % 10])
        .chain(serial.iter().take(2).copied());
    for (to, from) in all.iter_mut().zip(values) {
        *to = from;
    }
    let sum: u32 = all
        .iter()
        .zip(WEIGHTS)
        .map(|(d, w)| {
            let product = u32::from(*d) * w;
            product / 10 + product % 10
        })
        .sum();
    let day = digit(&digits, 2) * 10 + digit(&digits, 3);
    // Added 50 to the day where two people would have the same number.
    let born = day_of_month(digit(&digits, 4) * 10 + digit(&digits, 5), day % 50);
    if born && sum % 10 == digit(&serial, 2) {
        code.sure(94, 76)
    } else {
        0
    }
}
