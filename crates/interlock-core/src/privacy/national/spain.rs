//! Numbers of Spain.

use crate::privacy::check::value;
use crate::privacy::code::Code;
use crate::privacy::kind::{Finder, Make, kind};
use crate::privacy::mask::last_four;

kind! {
    /// A national identity (DNI) or foreigner's (NIE) number: digits with a check letter modulo 23.
    NIF = "es_nif", Personal, 85;
    code "es-nif", "an identity number of Spain";
    example "DNI 12345678Z";
    checksum "mod 23";
    source "https://www.interior.gob.es/opencms/es/servicios-al-ciudadano/tramites-y-gestiones/dni/calculo-del-digito-de-control-del-nif-nie/";
    words &["dni", "nif", "nie", "documento nacional", "identidad"];
    find Finder::Code(9, 9, judge);
    mask last_four;
    make Make::Redraw(0);
}

fn judge(code: &Code<'_>) -> u8 {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let compact = code.compact();
    let head = match compact.first() {
        Some(b'X') => 0,
        Some(b'Y') => 1,
        Some(b'Z') => 2,
        Some(b) if b.is_ascii_digit() => u64::from(b - b'0'),
        _ => return 0,
    };
    let (digits, count) = code.digits(1, 8);
    let number = head * 10_000_000 + value(digits.get(..count).unwrap_or_default());
    let shaped = code.shaped("99999999A") || code.shaped("A9999999A");
    if shaped && LETTERS.get((number % 23) as usize) == compact.last() {
        code.sure(92, 66)
    } else {
        0
    }
}
