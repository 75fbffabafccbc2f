//! Numbers of Romania, Bulgaria, Croatia, Greece, Ukraine, Russia and the Baltic states.

use crate::privacy::check::{day_of_month, digit, dmy, luhn, mod_11_10, value, weighted, ymd};
use crate::privacy::kind::{Date, Finder, Make, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;

kind! {
    /// A personal numeric code of Romania: sex and century, date of birth, county, serial, and a check digit modulo 11.
    RO = "ro_cnp", Personal, 90;
    code "ro-cnp", "a personal code of Romania";
    example "CNP 1630615123457";
    checksum "weights 2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9, mod 11";
    source "https://www.mai.gov.ro/";
    words &["cnp", "cod numeric personal"];
    find Finder::Number(13, 13, judge_ro);
    mask last_four;
    make Make::Dated(1, Date::Ymd);
}

kind! {
    /// A uniform civil number of Bulgaria: date of birth with the century in the month, serial, and a check digit modulo 11.
    BG = "bg_egn", Personal, 90;
    code "bg-egn", "a civil number of Bulgaria";
    example "EGN 7523169263";
    checksum "weights 2, 4, 8, 5, 10, 9, 7, 3, 6, mod 11";
    source "https://www.grao.bg/";
    words &["egn", "егн", "ЕГН"];
    find Finder::Number(10, 10, judge_bg);
    mask last_four;
    make Make::Dated(0, Date::Ymd);
}

kind! {
    /// A personal identification number of Croatia: eleven digits, behind a word for it.
    HR = "hr_oib", Personal, 90;
    code "hr-oib", "a personal number of Croatia";
    example "OIB 33392005961";
    checksum "ISO 7064 mod 11,10";
    source "https://www.porezna-uprava.hr/HR_OIB/";
    words &["oib", "osobni identifikacijski broj"];
    find Finder::Number(11, 11, judge_hr);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// A social security number of Greece: date of birth, serial, and a Luhn check digit, behind a word for it.
    GR = "gr_amka", Personal, 90;
    code "gr-amka", "a social security number of Greece";
    example "AMKA 01013099997";
    checksum "Luhn (mod 10)";
    source "https://www.amka.gr/";
    words &["amka", "αμκα", "ΑΜΚΑ"];
    find Finder::Number(11, 11, judge_gr);
    mask last_four;
    make Make::Dated(0, Date::Dmy);
}

kind! {
    /// A tax number of Greece: nine digits, powers of two, modulo 11, behind a word for it.
    GR_AFM = "gr_afm", Personal, 80;
    code "gr-afm", "a tax number of Greece";
    example "AFM 094259216";
    checksum "powers of two mod 11";
    source "https://www.aade.gr/";
    words &["afm", "αφμ", "ΑΦΜ"];
    find Finder::Number(9, 9, judge_afm);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// A taxpayer's registration number of Ukraine: ten digits, the last a check digit modulo 11, behind a word for it.
    UA = "ua_rnokpp", Personal, 85;
    code "ua-rnokpp", "a tax number of Ukraine";
    example "RNOKPP 1759013776";
    checksum "weights -1, 5, 7, 9, 4, 6, 10, 5, 7, mod 11";
    source "https://tax.gov.ua/";
    words &["rnokpp", "рнокпп", "РНОКПП", "іпн", "ІПН", "ипн", "ИПН", "inn"];
    find Finder::Number(10, 10, judge_ua);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// An insurance number of an individual account of Russia: nine digits and two check digits modulo 101.
    RU_SNILS = "ru_snils", Personal, 90;
    code "ru-snils", "a pension insurance number of Russia";
    example "112-233-445 95";
    checksum "weights 9 to 1, mod 101";
    source "https://sfr.gov.ru/";
    words &["snils", "снилс", "СНИЛС"];
    find Finder::Number(11, 11, judge_snils);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// A taxpayer's number of Russia: twelve digits, two of them check digits modulo 11, behind a word for it.
    RU_INN = "ru_inn", Personal, 85;
    code "ru-inn", "a tax number of Russia";
    example "INN 123456789047";
    checksum "two weighted sums mod 11";
    source "https://www.nalog.gov.ru/";
    words &["inn", "инн", "ИНН"];
    find Finder::Number(12, 12, judge_inn);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// A personal code of Estonia or Lithuania: sex and century, date of birth, serial, and a check digit modulo 11.
    BALTIC = "baltic_personal_code", Personal, 90;
    code "baltic-personal-code", "a personal code of Estonia or Lithuania";
    example "isikukood 37605030299";
    checksum "two sets of weights, mod 11";
    source "https://www.riigiteataja.ee/en/eli/522032019008/consolide";
    words &["isikukood", "asmens kodas", "personal code", "asmens"];
    find Finder::Number(11, 11, judge_baltic);
    mask last_four;
    make Make::Dated(1, Date::Ymd);
}

kind! {
    /// A personal code of Latvia: date of birth, a hyphen, five digits of which the last checks, behind a word for it.
    LV = "lv_personas_kods", Personal, 90;
    code "lv-personas-kods", "a personal code of Latvia";
    example "personas kods 161175-19997";
    checksum "weighted sum mod 11";
    source "https://www.pmlp.gov.lv/en/personal-identity-code";
    words &["personas kods", "personas kodu", "personal code"];
    find Finder::Number(11, 11, judge_lv);
    mask last_four;
    make Make::Dated(0, Date::Dmy);
}

fn judge_ro(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let check = match weighted(digits, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11 {
        10 => 1,
        r => r,
    };
    let county = value(digits.get(7..9).unwrap_or_default());
    let valid = check == digit(digits, 12)
        && matches!(digits.first(), Some(1..=9))
        && ymd(digits, 1)
        && matches!(county, 1..=48 | 51 | 52 | 70 | 80..=83);
    if valid && number.plain() {
        number.sure(95, 48)
    } else {
        0
    }
}

fn judge_bg(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let check = weighted(digits, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10;
    let month = (digit(digits, 2) * 10 + digit(digits, 3)) % 20;
    let born = day_of_month(month, digit(digits, 4) * 10 + digit(digits, 5));
    if born && check == digit(digits, 9) && number.plain() {
        number.sure(92, 0)
    } else {
        0
    }
}

fn judge_hr(number: &Number<'_>) -> u8 {
    if mod_11_10(number.digits()) && number.plain() {
        number.sure(92, 0)
    } else {
        0
    }
}

fn judge_gr(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    if dmy(digits, 0) && luhn(digits) && number.plain() {
        number.sure(92, 0)
    } else {
        0
    }
}

fn judge_afm(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let sum = weighted(digits, &[256, 128, 64, 32, 16, 8, 4, 2]);
    let valid = sum % 11 % 10 == digit(digits, 8) && digits.iter().any(|d| *d != 0);
    if valid && number.plain() {
        number.sure(88, 0)
    } else {
        0
    }
}

fn judge_ua(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let sum = weighted(digits, &[10, 5, 7, 9, 4, 6, 10, 5, 7]);
    if sum % 11 % 10 == digit(digits, 9) && number.plain() {
        number.sure(86, 0)
    } else {
        0
    }
}

fn judge_snils(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let sum = weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101 % 100;
    let grouped = matches!(number.groups(), [3, 3, 3, 2]);
    let valid = u64::from(sum) == value(digits.get(9..).unwrap_or_default());
    if valid && (grouped || number.plain()) {
        number.sure(94, if grouped { 80 } else { 0 })
    } else {
        0
    }
}

fn judge_inn(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let first = weighted(digits, &[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10;
    let second = weighted(digits, &[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10;
    let valid = first == digit(digits, 10) && second == digit(digits, 11);
    if valid && number.plain() {
        number.sure(92, 0)
    } else {
        0
    }
}

fn judge_baltic(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let check = match weighted(digits, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11 {
        10 => weighted(digits, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10,
        r => r,
    };
    let valid =
        check == digit(digits, 10) && matches!(digits.first(), Some(1..=8)) && ymd(digits, 1);
    if valid && number.plain() {
        number.sure(93, 45)
    } else {
        0
    }
}

fn judge_lv(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let sum = weighted(digits, &[1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    let valid = (1_101 - sum) % 11 % 10 == digit(digits, 10) && dmy(digits, 0);
    if valid && number.plain_or(&[6, 5]) {
        number.sure(90, 0)
    } else {
        0
    }
}
