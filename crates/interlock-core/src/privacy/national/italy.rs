//! Numbers of Italy.

use crate::privacy::check::{day_of_month, digit as digit_of, luhn};
use crate::privacy::code::Code;
use crate::privacy::kind::{Finder, Make, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;

kind! {
    /// A fiscal code: letters of the name, birth and place, and a check letter over two tables.
    CODICE = "it_codice_fiscale", Personal, 90;
    code "it-codice-fiscale", "a fiscal code of Italy";
    example "RSSMRA85T10A562S";
    checksum "odd and even tables, mod 26";
    source "https://www.agenziaentrate.gov.it/portale/web/guest/schede/istanze/richiesta-ts_cf/informazioni-codificazione-pf";
    words &["codice fiscale", "fiscal code", "cf", "codicefiscale"];
    find Finder::Code(16, 16, judge_codice);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// A VAT number of Italy: eleven digits with a Luhn check, behind a word for it.
    VAT = "it_partita_iva", Financial, 40;
    code "it-partita-iva", "a VAT number of Italy";
    example "partita IVA 00743110157";
    checksum "Luhn (mod 10)";
    source "https://www.agenziaentrate.gov.it/portale/web/guest/schede/istanze/partita-iva";
    words &["partita iva", "p.iva", "piva", "vat", "iva"];
    find Finder::Number(11, 11, judge_vat);
    mask last_four;
    make Make::Redraw(0);
}

fn judge_codice(code: &Code<'_>) -> u8 {
    /// The values of characters at odd places.
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let compact = code.compact();
    let digit = |b: u8| b.is_ascii_digit() || b"LMNPQRSTUV".contains(&b);
    // Letters may stand for digits where two people would have the same code.
    let shaped = compact.iter().take(15).enumerate().all(|(i, b)| match i {
        0..=5 | 8 | 11 => b.is_ascii_uppercase(),
        _ => digit(*b),
    }) && compact.get(8).is_some_and(|b| b"ABCDEHLMPRST".contains(b));
    // A woman's day of birth has 40 added.
    let (birth, count) = code.digits(9, 11);
    let day = digit_of(&birth, 0) * 10 + digit_of(&birth, 1);
    let months = b"ABCDEHLMPRST"
        .iter()
        .position(|m| Some(m) == compact.get(8));
    let month = months.map_or(0, |m| m as u32 + 1);
    if count == 2 && !day_of_month(month, if day > 40 { day - 40 } else { day }) {
        return 0;
    }
    let sum: u32 = compact
        .iter()
        .take(15)
        .enumerate()
        .map(|(i, b)| {
            let value = if b.is_ascii_digit() {
                b - b'0'
            } else {
                b.saturating_sub(b'A')
            };
            if i % 2 == 0 {
                ODD.get(usize::from(value)).copied().unwrap_or(0)
            } else {
                u32::from(value)
            }
        })
        .sum();
    let valid = compact.last() == Some(&(b'A' + (sum % 26) as u8));
    if shaped && valid {
        code.sure(97, 92)
    } else {
        0
    }
}

fn judge_vat(number: &Number<'_>) -> u8 {
    if number.plain() && luhn(number.digits()) && number.digits().iter().any(|d| *d != 0) {
        number.sure(86, 0)
    } else {
        0
    }
}
