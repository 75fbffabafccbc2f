//! Numbers of Ireland.

use crate::privacy::check::weighted;
use crate::privacy::code::Code;
use crate::privacy::kind::{Finder, Make, kind};
use crate::privacy::mask::last_four;

kind! {
    /// A personal public service number: seven digits, a check letter modulo 23, and since 2013 one more letter.
    PPS = "ie_pps", Personal, 90;
    code "ie-pps", "a personal public service number of Ireland";
    example "PPSN 1234567FA";
    checksum "weights 8 to 2 and 9, mod 23";
    source "https://www.gov.ie/en/service/12e6de-get-a-personal-public-service-pps-number/";
    words &["pps", "ppsn", "pps number", "personal public service"];
    find Finder::Code(8, 9, judge);
    mask last_four;
    make Make::Redraw(0);
}

fn judge(code: &Code<'_>) -> u8 {
    const CHECK: &[u8; 23] = b"WABCDEFGHIJKLMNOPQRSTUV";
    let compact = code.compact();
    let (digits, _) = code.digits(0, 7);
    let second = match compact.get(8) {
        None | Some(b'W') => 0,
        Some(b) => u32::from(b.saturating_sub(b'A')) + 1,
    };
    let sum = weighted(digits.get(..7).unwrap_or_default(), &[8, 7, 6, 5, 4, 3, 2]) + second * 9;
    let shaped = code.shaped("9999999A")
        || (code.shaped("9999999AA") && matches!(compact.get(8), Some(b'A' | b'B' | b'H' | b'W')));
    if shaped && code.plain() && CHECK.get(sum as usize % 23) == compact.get(7) {
        code.sure(92, if compact.len() == 9 { 66 } else { 55 })
    } else {
        0
    }
}
