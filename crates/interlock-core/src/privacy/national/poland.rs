//! Numbers of Poland.

use crate::privacy::check::{day_of_month, digit, weighted};
use crate::privacy::kind::{Date, Finder, Make, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;

kind! {
    /// A PESEL number: date of birth with the century in the month, serial, and a check digit.
    PESEL = "pl_pesel", Personal, 90;
    code "pl-pesel", "a national number of Poland";
    example "PESEL 44051401359";
    checksum "weights 1, 3, 7, 9, mod 10";
    source "https://www.gov.pl/web/gov/czym-jest-numer-pesel";
    words &["pesel"];
    find Finder::Number(11, 11, judge_pesel);
    mask last_four;
    make Make::Dated(0, Date::Ymd);
}

kind! {
    /// A tax identification number: ten digits, the last a check digit modulo 11, behind a word for it.
    NIP = "pl_nip", Financial, 50;
    code "pl-nip", "a tax number of Poland";
    example "NIP 526-000-12-46";
    checksum "weighted sum mod 11";
    source "https://www.podatki.gov.pl/";
    words &["nip"];
    find Finder::Number(10, 10, judge_nip);
    mask last_four;
    make Make::Redraw(0);
}

fn judge_pesel(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let sum = weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    let month = (digit(digits, 2) * 10 + digit(digits, 3)) % 20;
    let born = day_of_month(month, digit(digits, 4) * 10 + digit(digits, 5));
    if number.plain() && born && sum.is_multiple_of(10) {
        number.sure(92, 0)
    } else {
        0
    }
}

fn judge_nip(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let valid = weighted(digits, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == digit(digits, 9);
    if valid && number.plain_or(&[3, 3, 2, 2]) | number.plain_or(&[3, 2, 2, 3]) {
        number.sure(86, 0)
    } else {
        0
    }
}
