//! Numbers of Czechia, Slovakia, Hungary, Austria and Switzerland.

use crate::privacy::check::{day_of_month, digit, dmy, ean_13, value, weighted};
use crate::privacy::kind::{Date, Finder, Make, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;
use crate::privacy::number::separator::{DOT, SLASH, SPACE};

kind! {
    /// A birth number of Czechia or Slovakia: date of birth, women with 50 added to the month, and ten digits that 11 divides.
    CZ = "cz_rodne_cislo", Personal, 90;
    code "cz-rodne-cislo", "a birth number of Czechia or Slovakia";
    example "710319/2745";
    checksum "divisible by 11";
    source "https://www.mvcr.cz/clanek/rodne-cislo.aspx";
    words &["rodné číslo", "rodne cislo", "rč", "rodného čísla"];
    find Finder::Number(10, 10, judge_cz);
    mask last_four;
    make Make::Dated(0, Date::Ymd);
}

kind! {
    /// A social insurance number of Hungary: nine digits, the last a check digit, behind a word for it.
    HU = "hu_taj", Personal, 90;
    code "hu-taj", "a social insurance number of Hungary";
    example "TAJ 111 222 337";
    checksum "weights 3 and 7, mod 10";
    source "https://www.neak.gov.hu/";
    words &["taj", "taj szám", "tajszám"];
    find Finder::Number(9, 9, judge_hu);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// A social insurance number of Austria: three digits and a check digit modulo 11, then the date of birth.
    AT = "at_svnr", Personal, 90;
    code "at-svnr", "a social insurance number of Austria";
    example "SVNR 1237 010180";
    checksum "weights 3, 7, 9, 5, 8, 4, 2, 1, 6, mod 11";
    source "https://www.sozialversicherung.at/";
    words &["svnr", "sozialversicherungsnummer", "versicherungsnummer", "sv-nummer"];
    find Finder::Number(10, 10, judge_at);
    mask last_four;
    make Make::Dated(4, Date::Dmy);
}

kind! {
    /// A social insurance number of Switzerland: 756, nine digits, and the check digit of EAN-13.
    CH = "ch_ahv", Personal, 90;
    code "ch-ahv", "a social insurance number of Switzerland";
    example "756.9217.0769.85";
    checksum "EAN-13";
    source "https://www.zas.admin.ch/zas/en/home/partenaires-et-institutions-/navs13.html";
    words &["ahv", "avs", "ahv-nummer", "navs"];
    find Finder::Number(13, 13, judge_ch);
    mask last_four;
    make Make::Redraw(3);
}

fn judge_cz(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    // Women have 50 added to the month, and 20 where the serials of a day run out.
    let month = (digit(digits, 2) * 10 + digit(digits, 3)) % 50;
    let month = if month > 20 { month - 20 } else { month };
    let born = day_of_month(month, digit(digits, 4) * 10 + digit(digits, 5));
    let grouped = number.grouped(&[6, 4], SLASH);
    if born && value(digits).is_multiple_of(11) && (grouped || number.plain()) {
        number.sure(94, if grouped { 80 } else { 0 })
    } else {
        0
    }
}

fn judge_hu(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let valid = weighted(digits, &[3, 7, 3, 7, 3, 7, 3, 7]) % 10 == digit(digits, 8);
    if valid && number.plain_or(&[3, 3, 3]) {
        number.sure(88, 0)
    } else {
        0
    }
}

fn judge_at(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let sum = weighted(digits, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]);
    let grouped = number.grouped(&[4, 6], SPACE);
    let valid = sum % 11 == digit(digits, 3) && digits.first() != Some(&0) && dmy(digits, 4);
    if valid && (grouped || number.plain()) {
        number.sure(92, if grouped { 62 } else { 0 })
    } else {
        0
    }
}

fn judge_ch(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let grouped = number.grouped(&[3, 4, 4, 2], DOT | SPACE);
    if matches!(digits, [7, 5, 6, ..]) && ean_13(digits) && (grouped || number.plain()) {
        number.sure(95, if grouped { 90 } else { 55 })
    } else {
        0
    }
}
