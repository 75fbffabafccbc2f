//! Numbers of Belgium.

use crate::privacy::check::{value, ymd};
use crate::privacy::kind::{Date, Finder, Make, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;

kind! {
    /// A national number: date of birth, order, and 97 minus the remainder by 97.
    NRN = "be_national_number", Personal, 90;
    code "be-national-number", "a national number of Belgium";
    example "85.07.30-033.28";
    checksum "97 minus the remainder by 97";
    source "https://www.ibz.rrn.fgov.be/en/national-register/";
    words &["rijksregisternummer", "registre national", "national number", "niss", "insz", "nationaal nummer"];
    find Finder::Number(11, 11, judge);
    mask last_four;
    make Make::Dated(0, Date::Ymd);
}

fn judge(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let head = value(digits.get(..9).unwrap_or_default());
    let check = value(digits.get(9..).unwrap_or_default());
    // For those born from 2000 on a 2 is put before.
    let valid = 97 - head % 97 == check
        || (head < 400_000_000 && 97 - (head + 2_000_000_000) % 97 == check);
    let grouped = matches!(number.groups(), [2, 2, 2, 3, 2] | [6, 3, 2] | [6, 5]);
    if valid && ymd(digits, 0) && (grouped || number.plain()) {
        number.sure(94, if grouped { 85 } else { 45 })
    } else {
        0
    }
}
