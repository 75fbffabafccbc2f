//! Numbers of Sweden, Norway, Denmark, Finland and Iceland.

use crate::privacy::check::{day_of_month, digit, dmy, luhn, value, weighted};
use crate::privacy::code::Code;
use crate::privacy::kind::{Date, Finder, Make, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;
use crate::privacy::number::separator::HYPHEN;

kind! {
    /// A personal or coordination number of Sweden: date of birth, a hyphen or plus, serial, and a Luhn check digit.
    SE = "se_personnummer", Personal, 90;
    code "se-personnummer", "a personal number of Sweden";
    example "811228-9874";
    checksum "Luhn (mod 10)";
    source "https://www.skatteverket.se/servicelankar/otherlanguages/inenglishengelska/individualsandemployees/movingtosweden/personalidentitynumberandcoordinationnumber.html";
    words &["personnummer", "samordningsnummer", "personal number", "personal identity"];
    find Finder::Number(10, 12, judge_se);
    mask last_four;
    make Make::Dated(0, Date::Ymd);
}

kind! {
    /// A birth number of Norway: date of birth, serial, and two check digits modulo 11.
    NO = "no_fodselsnummer", Personal, 90;
    code "no-fodselsnummer", "a birth number of Norway";
    example "fødselsnummer 15108695088";
    checksum "two weighted sums mod 11";
    source "https://www.skatteetaten.no/en/person/national-registry/identitetsnummer/fodselsnummer/";
    words &["fødselsnummer", "fodselsnummer", "personnummer", "fnr", "d-nummer"];
    find Finder::Number(11, 11, judge_no);
    mask last_four;
    make Make::Dated(0, Date::Dmy);
}

kind! {
    /// A civil registration number of Denmark: date of birth, a hyphen, serial. Its check modulo 11 is no longer always kept.
    DK = "dk_cpr", Personal, 90;
    code "dk-cpr", "a civil registration number of Denmark";
    example "211062-5629";
    checksum "";
    source "https://www.cpr.dk/cpr-systemet/opbygning-af-cpr-nummeret";
    words &["cpr", "cpr-nummer", "cpr nummer", "personnummer", "cpr number"];
    find Finder::Number(10, 10, judge_dk);
    mask last_four;
    make Make::Dated(0, Date::Dmy);
}

kind! {
    /// A personal identity code of Finland: date of birth, a sign for the century, serial, and a check character modulo 31.
    FI = "fi_hetu", Personal, 90;
    code "fi-hetu", "a personal identity code of Finland";
    example "131052-308T";
    checksum "mod 31";
    source "https://dvv.fi/en/personal-identity-code";
    words &["hetu", "henkilötunnus", "personbeteckning", "personal identity code"];
    find Finder::Code(10, 11, judge_fi);
    mask last_four;
    make Make::Dated(0, Date::Dmy);
}

kind! {
    /// An identity number of Iceland: date of birth, serial, a check digit modulo 11, and the century.
    IS = "is_kennitala", Personal, 90;
    code "is-kennitala", "an identity number of Iceland";
    example "120174-3399";
    checksum "weights 3, 2, 7 to 2, mod 11";
    source "https://www.skra.is/english/people/my-registration/id-numbers/";
    words &["kennitala", "kt"];
    find Finder::Number(10, 10, judge_is);
    mask last_four;
    make Make::Dated(0, Date::Dmy);
}

fn judge_se(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let ten = digits
        .get(digits.len().saturating_sub(10)..)
        .unwrap_or_default();
    let century = digits.len() == 10 || matches!(digits, [1, 9, ..] | [2, 0, ..]);
    // A coordination number has 60 added to the day.
    let day = (digit(ten, 4) * 10 + digit(ten, 5)) % 60;
    let born = day_of_month(digit(ten, 2) * 10 + digit(ten, 3), day);
    let grouped = number.separators == HYPHEN && matches!(number.groups(), [6 | 8, 4]);
    if digits.len() == 11 || !century || !born || !luhn(ten) || !(grouped || number.plain()) {
        0
    } else {
        number.sure(93, if grouped { 76 } else { 0 })
    }
}

fn judge_no(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let first = weighted(digits, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]);
    let second = weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]);
    // A number for those who are not residents has 40 added to the day.
    let day = (digit(digits, 0) * 10 + digit(digits, 1)) % 40;
    let born = day_of_month(digit(digits, 2) * 10 + digit(digits, 3), day);
    // The serial says the century.
    let year = digit(digits, 4) * 10 + digit(digits, 5);
    let serial = value(digits.get(6..9).unwrap_or_default());
    let century = match serial {
        0..=499 => true,
        500..=749 => !(40..54).contains(&year),
        750..=899 => year < 40,
        _ => true,
    };
    let valid = first.is_multiple_of(11) && second.is_multiple_of(11) && born && century;
    if valid && number.plain_or(&[6, 5]) {
        // One date in a hundred passes both sums by chance.
        number.sure(95, if number.plain() { 45 } else { 66 })
    } else {
        0
    }
}

fn judge_dk(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let sum = weighted(digits, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]);
    let grouped = number.grouped(&[6, 4], HYPHEN);
    if !dmy(digits, 0) || !(grouped || number.plain()) {
        return 0;
    }
    match (grouped, sum.is_multiple_of(11)) {
        (true, true) => number.sure(94, 74),
        (true, false) => number.sure(80, 0),
        (false, true) => number.sure(90, 0),
        (false, false) => number.sure(60, 0),
    }
}

fn judge_fi(code: &Code<'_>) -> u8 {
    const CHECK: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    let compact = code.compact();
    // The sign for the century: a hyphen, which separates, or a letter.
    let serial = match compact.len() {
        10 if code.part().as_bytes().get(6) == Some(&b'-') => 6,
        11 if code.plain() && compact.get(6).is_some_and(|b| b"ABCDEFYXWVU".contains(b)) => 7,
        _ => return 0,
    };
    let (born, count) = code.digits(0, 6);
    let (individual, more) = code.digits(serial, serial + 3);
    if count != 6 || more != 3 || !dmy(&born, 0) {
        return 0;
    }
    // 000 and 001 are not given out, and from 900 on only for tests and for a time.
    if !(2..900).contains(&value(individual.get(..3).unwrap_or_default())) {
        return 0;
    }
    let number = value(born.get(..6).unwrap_or_default()) * 1_000
        + value(individual.get(..3).unwrap_or_default());
    if CHECK.get((number % 31) as usize) == compact.last() {
        code.sure(95, 86)
    } else {
        0
    }
}

fn judge_is(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let sum = weighted(digits, &[3, 2, 7, 6, 5, 4, 3, 2, 1]);
    let grouped = number.grouped(&[6, 4], HYPHEN);
    let valid = sum.is_multiple_of(11) && dmy(digits, 0) && matches!(digits.last(), Some(0 | 9));
    if valid && (grouped || number.plain()) {
        number.sure(92, if grouped { 66 } else { 0 })
    } else {
        0
    }
}
