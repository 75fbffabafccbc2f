//! Numbers of the Netherlands.

use crate::privacy::check::weighted;
use crate::privacy::kind::{Finder, Make, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;

kind! {
    /// A citizen service number: nine digits that pass the test of eleven, behind a word for it.
    BSN = "nl_bsn", Personal, 95;
    code "nl-bsn", "a citizen service number of the Netherlands";
    example "BSN 111222333";
    checksum "weights 9 to 2 and -1, mod 11";
    source "https://www.rvig.nl/burgerservicenummer";
    words &["bsn", "burgerservicenummer", "sofinummer", "sofi"];
    find Finder::Number(8, 9, judge);
    mask last_four;
    make Make::Redraw(0);
}

fn judge(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let (Some((last, head)), weights) = (digits.split_last(), [9, 8, 7, 6, 5, 4, 3, 2]) else {
        return 0;
    };
    let weights = weights.get(8 - head.len().min(8)..).unwrap_or_default();
    let sum = weighted(head, weights) + 110 - u32::from(*last);
    let nonzero = digits.iter().any(|d| *d != 0);
    if sum.is_multiple_of(11) && nonzero && !number.plus {
        number.sure(90, 0)
    } else {
        0
    }
}
