//! Numbers of Portugal.

use crate::privacy::check::{digit, weighted};
use crate::privacy::kind::{Finder, Make, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;

kind! {
    /// A taxpayer's number: nine digits, the last a check digit modulo 11, behind a word for it.
    NIF = "pt_nif", Personal, 80;
    code "pt-nif", "a tax number of Portugal";
    example "NIF 501 964 843";
    checksum "weights 9 to 2, mod 11";
    source "https://www.portaldasfinancas.gov.pt/";
    words &["nif", "contribuinte", "número de identificação fiscal", "número fiscal"];
    find Finder::Number(9, 9, judge);
    mask last_four;
    make Make::Redraw(0);
}

fn judge(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let check = match weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 {
        0 | 1 => 0,
        r => 11 - r,
    };
    let valid =
        check == digit(digits, 8) && matches!(digits.first(), Some(1..=3 | 5 | 6 | 7 | 8 | 9));
    if valid && number.plain_or(&[3, 3, 3]) {
        number.sure(88, 0)
    } else {
        0
    }
}
