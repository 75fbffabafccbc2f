//! Numbers of Turkey, Israel, Saudi Arabia, the United Arab Emirates and Egypt.

use crate::privacy::check::{digit, luhn, weighted, ymd};
use crate::privacy::kind::{Date, Finder, Make, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;
use crate::privacy::number::separator::{HYPHEN, SPACE};

kind! {
    /// An identity number of Turkey: eleven digits, two of them check digits, behind a word for it.
    TR = "tr_kimlik", Personal, 90;
    code "tr-kimlik", "an identity number of Turkey";
    example "TC Kimlik 10000000146";
    checksum "two sums mod 10";
    source "https://www.nvi.gov.tr/";
    words &["kimlik", "tckn", "tc kimlik", "t.c. kimlik"];
    find Finder::Number(11, 11, judge_tr);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// An identity number of Israel: nine digits with a Luhn check, behind a word for it.
    IL = "il_id", Personal, 90;
    code "il-id", "an identity number of Israel";
    example "Teudat Zehut 039337423";
    checksum "Luhn (mod 10)";
    source "https://www.gov.il/en/departments/population_and_immigration_authority";
    words &["teudat zehut", "israeli id", "mispar zehut", "ת.ז", "תעודת", "זהות"];
    find Finder::Number(9, 9, judge_il);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// An identity or residence number of Saudi Arabia: ten digits that begin with 1 or 2, with a Luhn check, behind a word for it.
    SA = "sa_id", Personal, 90;
    code "sa-id", "an identity number of Saudi Arabia";
    example "Iqama 2175843214";
    checksum "Luhn (mod 10)";
    source "https://www.absher.sa/";
    words &["iqama", "saudi id", "saudi national id", "الهوية", "الإقامة"];
    find Finder::Number(10, 10, judge_sa);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// An identity number of the United Arab Emirates: 784, year of birth, seven digits, and a Luhn check digit.
    AE = "ae_emirates_id", Personal, 90;
    code "ae-emirates-id", "an identity number of the United Arab Emirates";
    example "784-1984-1234567-4";
    checksum "Luhn (mod 10)";
    source "https://icp.gov.ae/";
    words &["emirates id", "emirates", "eid"];
    find Finder::Number(15, 15, judge_ae);
    mask last_four;
    make Make::Redraw(7);
}

kind! {
    /// A national number of Egypt: century, date of birth, governorate, serial, behind a word for it.
    EG = "eg_national_id", Personal, 90;
    code "eg-national-id", "a national number of Egypt";
    example "national ID 29001011234567";
    checksum "";
    source "https://www.moi.gov.eg/";
    words &["national id", "egyptian id", "الرقم القومي"];
    find Finder::Number(14, 14, judge_eg);
    mask last_four;
    make Make::Dated(1, Date::Ymd);
}

fn judge_tr(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let odd = weighted(digits, &[1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let even = weighted(digits, &[0, 1, 0, 1, 0, 1, 0, 1]);
    let tenth = (odd * 7 + 100 - even) % 10;
    let eleventh = weighted(digits, &[1; 10]) % 10;
    let valid =
        tenth == digit(digits, 9) && eleventh == digit(digits, 10) && digits.first() != Some(&0);
    if valid && number.plain() {
        number.sure(93, 0)
    } else {
        0
    }
}

fn judge_il(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let valid = luhn(digits) && digits.iter().any(|d| *d != 0);
    if valid && number.plain_or(&[8, 1]) {
        number.sure(90, 0)
    } else {
        0
    }
}

fn judge_sa(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    if luhn(digits) && matches!(digits.first(), Some(1 | 2)) && number.plain() {
        number.sure(88, 0)
    } else {
        0
    }
}

fn judge_ae(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let year = matches!(digits.get(3..5), Some([1, 9] | [2, 0]));
    let grouped = number.grouped(&[3, 4, 7, 1], HYPHEN | SPACE);
    let valid = matches!(digits, [7, 8, 4, ..]) && year && luhn(digits);
    if valid && (grouped || number.plain()) {
        number.sure(95, if grouped { 90 } else { 66 })
    } else {
        0
    }
}

fn judge_eg(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let region = digit(digits, 7) * 10 + digit(digits, 8);
    let valid =
        matches!(digits.first(), Some(2 | 3)) && ymd(digits, 1) && matches!(region, 1..=35 | 88);
    if valid && number.plain() {
        number.sure(86, 0)
    } else {
        0
    }
}
