//! Numbers of Singapore.

use crate::privacy::check::weighted;
use crate::privacy::code::Code;
use crate::privacy::kind::{Finder, Make, kind};
use crate::privacy::mask::last_four;

kind! {
    /// An identity card or foreigner's number: a letter for the series, seven digits, a check letter.
    NRIC = "sg_nric", Personal, 90;
    code "sg-nric", "an identity number of Singapore";
    example "S1234567D";
    checksum "weights 2, 7, 6, 5, 4, 3, 2, mod 11";
    source "https://www.ica.gov.sg/documents/ic";
    words &["nric", "fin", "identity card", "singapore"];
    find Finder::Code(9, 9, judge);
    mask last_four;
    make Make::Redraw(1);
}

fn judge(code: &Code<'_>) -> u8 {
    let compact = code.compact();
    let (digits, _) = code.digits(1, 8);
    let sum = weighted(digits.get(..7).unwrap_or_default(), &[2, 7, 6, 5, 4, 3, 2]);
    let (offset, letters) = match compact.first() {
        Some(b'S') => (0, b"JZIHGFEDCBA"),
        Some(b'T') => (4, b"JZIHGFEDCBA"),
        Some(b'F') => (0, b"XWUTRQPNMLK"),
        Some(b'G') => (4, b"XWUTRQPNMLK"),
        Some(b'M') => (3, b"XWUTRQPNJLK"),
        _ => return 0,
    };
    let valid = letters.get((sum + offset) as usize % 11) == compact.last();
    if valid && code.shaped("A9999999A") && code.plain() {
        code.sure(94, 72)
    } else {
        0
    }
}
