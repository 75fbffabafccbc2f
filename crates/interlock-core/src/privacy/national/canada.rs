//! Numbers of Canada.

use crate::privacy::check::luhn;
use crate::privacy::kind::{Finder, Make, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;

kind! {
    /// A social insurance number: nine digits with a Luhn check, the first of them neither 0 nor 8.
    SIN = "ca_sin", Personal, 95;
    code "ca-sin", "a social insurance number of Canada";
    example "SIN 130 692 544";
    checksum "Luhn (mod 10)";
    source "https://www.canada.ca/en/employment-social-development/services/sin.html";
    words &["sin", "social insurance", "numéro d'assurance sociale", "nas"];
    find Finder::Number(9, 9, judge_sin);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// A health card number of Ontario: ten digits with a Luhn check, behind a word for it.
    HEALTH = "ca_health_card", Personal, 90;
    code "ca-health-card", "a health card number of Ontario";
    example "OHIP 9876 543 217";
    checksum "Luhn (mod 10)";
    source "https://www.ontario.ca/page/health-card";
    words &["ohip", "health card", "health card number", "carte santé"];
    find Finder::Number(10, 10, judge_health);
    mask last_four;
    make Make::Redraw(0);
}

fn judge_sin(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    if luhn(digits) && !matches!(digits.first(), Some(0 | 8)) && number.plain_or(&[3, 3, 3]) {
        number.sure(93, 0)
    } else {
        0
    }
}

fn judge_health(number: &Number<'_>) -> u8 {
    if luhn(number.digits()) && number.plain_or(&[4, 3, 3]) {
        number.sure(90, 0)
    } else {
        0
    }
}
