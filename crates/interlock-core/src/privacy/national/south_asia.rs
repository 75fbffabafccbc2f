//! Numbers of Thailand, Malaysia, Indonesia and Pakistan.

use crate::privacy::check::{day_of_month, digit, weighted, ymd};
use crate::privacy::kind::{Date, Finder, Make, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;
use crate::privacy::number::separator::{HYPHEN, SPACE};

kind! {
    /// A national number of Thailand: twelve digits and a check digit modulo 11.
    TH = "th_national_id", Personal, 90;
    code "th-national-id", "a national number of Thailand";
    example "1-1017-00203-45-0";
    checksum "weights 13 to 2, mod 11";
    source "https://www.bora.dopa.go.th/";
    words &["บัตรประชาชน", "thai id", "national id", "เลขประจำตัวประชาชน"];
    find Finder::Number(13, 13, judge_th);
    mask last_four;
    make Make::Redraw(1);
}

kind! {
    /// An identity number of Malaysia: date of birth, place, four digits.
    MY = "my_kad", Personal, 90;
    code "my-kad", "an identity number of Malaysia";
    example "770305-02-1234";
    checksum "";
    source "https://www.jpn.gov.my/";
    words &["mykad", "ic number", "nric", "kad pengenalan"];
    find Finder::Number(12, 12, judge_my);
    mask last_four;
    make Make::Dated(0, Date::Ymd);
}

kind! {
    /// A population number of Indonesia: region, date of birth (women with 40 added to the day), serial, behind a word for it.
    ID = "id_nik", Personal, 90;
    code "id-nik", "a population number of Indonesia";
    example "NIK 3171011708450001";
    checksum "";
    source "https://dukcapil.kemendagri.go.id/";
    words &["nik", "ktp", "nomor induk"];
    find Finder::Number(16, 16, judge_id);
    mask last_four;
    make Make::Dated(6, Date::Dmy);
}

kind! {
    /// An identity number of Pakistan: five digits for the place, seven, and one for the sex.
    PK = "pk_cnic", Personal, 90;
    code "pk-cnic", "an identity number of Pakistan";
    example "CNIC 35202-1234567-1";
    checksum "";
    source "https://www.nadra.gov.pk/";
    words &["cnic", "nadra", "nicop"];
    find Finder::Number(13, 13, judge_pk);
    mask last_four;
    make Make::Redraw(0);
}

fn judge_th(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let sum = weighted(digits, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    let grouped = number.grouped(&[1, 4, 5, 2, 1], HYPHEN | SPACE);
    let valid = (11 - sum % 11) % 10 == digit(digits, 12) && matches!(digits.first(), Some(1..=8));
    if valid && (grouped || number.plain()) {
        number.sure(94, if grouped { 88 } else { 0 })
    } else {
        0
    }
}

fn judge_my(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let place = digit(digits, 6) * 10 + digit(digits, 7);
    let known = matches!(place, 1..=16 | 21..=59 | 60..=68 | 71 | 72 | 74..=79 | 82..=93 | 98 | 99);
    let grouped = number.grouped(&[6, 2, 4], HYPHEN);
    if known && ymd(digits, 0) && (grouped || number.plain()) {
        number.sure(90, if grouped { 72 } else { 0 })
    } else {
        0
    }
}

fn judge_id(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let province = digit(digits, 0) * 10 + digit(digits, 1);
    let day = (digit(digits, 6) * 10 + digit(digits, 7)) % 40;
    let born = day_of_month(digit(digits, 8) * 10 + digit(digits, 9), day);
    if number.plain() && (11..=96).contains(&province) && born {
        number.sure(93, 0)
    } else {
        0
    }
}

fn judge_pk(number: &Number<'_>) -> u8 {
    let grouped = number.grouped(&[5, 7, 1], HYPHEN);
    if matches!(number.digits().first(), Some(1..=9)) && (grouped || number.plain()) {
        number.sure(90, if grouped { 60 } else { 0 })
    } else {
        0
    }
}
