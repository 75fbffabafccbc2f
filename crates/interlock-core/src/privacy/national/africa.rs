//! Numbers of South Africa and Nigeria.

use crate::privacy::check::{digit, luhn, ymd};
use crate::privacy::kind::{Date, Finder, Make, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;
use crate::privacy::number::separator::SPACE;

kind! {
    /// An identity number of South Africa: date of birth, sex, citizenship, and a Luhn check digit.
    ZA = "za_id", Personal, 90;
    code "za-id", "an identity number of South Africa";
    example "SA ID 8001015009087";
    checksum "Luhn (mod 10)";
    source "http://www.dha.gov.za/";
    words &["south african id", "identity number", "id number", "rsa id", "sa id"];
    find Finder::Number(13, 13, judge_za);
    mask last_four;
    make Make::Dated(0, Date::Ymd);
}

kind! {
    /// A national identity number of Nigeria: eleven digits, behind a word for it.
    NG = "ng_nin", Personal, 85;
    code "ng-nin", "a national identity number of Nigeria";
    example "NIN 12345678901";
    checksum "";
    source "https://nimc.gov.ng/";
    words &["nin", "national identification number"];
    find Finder::Number(11, 11, judge_ng);
    mask last_four;
    make Make::Redraw(0);
}

fn judge_za(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let valid = ymd(digits, 0)
        && digit(digits, 10) <= 1
        && matches!(digit(digits, 11), 8 | 9)
        && luhn(digits);
    let grouped = number.grouped(&[6, 4, 3], SPACE) || number.grouped(&[6, 4, 2, 1], SPACE);
    if valid && (grouped || number.plain()) {
        number.sure(95, if grouped { 70 } else { 48 })
    } else {
        0
    }
}

fn judge_ng(number: &Number<'_>) -> u8 {
    if number.plain_or(&[4, 3, 4]) {
        number.sure(72, 0)
    } else {
        0
    }
}
