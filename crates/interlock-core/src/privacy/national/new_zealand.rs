//! Numbers of New Zealand.

use crate::privacy::check::{digit, value, weighted};
use crate::privacy::kind::{Finder, Make, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;

kind! {
    /// An Inland Revenue number: eight or nine digits, the last a check digit modulo 11, behind a word for it.
    IRD = "nz_ird", Personal, 85;
    code "nz-ird", "a tax number of New Zealand";
    example "IRD number 49-091-850";
    checksum "two sets of weights, mod 11";
    source "https://www.ird.govt.nz/managing-my-tax/ird-numbers";
    words &["ird", "inland revenue"];
    find Finder::Number(8, 9, judge);
    mask last_four;
    make Make::Redraw(0);
}

fn judge(number: &Number<'_>) -> u8 {
    let mut nine = [0; 9];
    let digits = number.digits();
    for (to, from) in nine.iter_mut().rev().zip(digits.iter().rev()) {
        *to = *from;
    }
    let range = (10_000_000..=150_000_000).contains(&value(digits));
    let remainder = |weights: &[u32]| weighted(&nine, weights) % 11;
    let check = match remainder(&[3, 2, 7, 6, 5, 4, 3, 2]) {
        0 => 0,
        1 => match remainder(&[7, 4, 3, 2, 5, 2, 7, 6]) {
            0 => 0,
            r => 11 - r,
        },
        r => 11 - r,
    };
    if range && check == digit(&nine, 8) && (number.plain() || number.groups().ends_with(&[3, 3])) {
        number.sure(88, 0)
    } else {
        0
    }
}
