//! Numbers of Brazil, Mexico, Argentina, Chile, Colombia and Ecuador.

use crate::privacy::check::{digit, luhn, weighted, ymd};
use crate::privacy::code::Code;
use crate::privacy::draw::Draw;
use crate::privacy::kind::{Date, Finder, Make, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;
use crate::privacy::number::separator::{DOT, HYPHEN};

kind! {
    /// A natural person's number (CPF) of Brazil: nine digits and two check digits modulo 11.
    CPF = "br_cpf", Personal, 90;
    code "br-cpf", "a taxpayer's number of Brazil";
    example "390.533.447-05";
    checksum "two weighted sums mod 11";
    source "https://www.gov.br/receitafederal/";
    words &["cpf", "cadastro de pessoas"];
    find Finder::Number(11, 11, judge_cpf);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// A legal person's number (CNPJ) of Brazil: twelve digits and two check digits modulo 11.
    CNPJ = "br_cnpj", Financial, 30;
    code "br-cnpj", "a company's number of Brazil";
    example "11.222.333/0001-81";
    checksum "two weighted sums mod 11";
    source "https://www.gov.br/receitafederal/";
    words &["cnpj"];
    find Finder::Number(14, 14, judge_cnpj);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// A population registry code (CURP) of Mexico: letters of the name, date of birth, sex, state, and a check digit.
    CURP = "mx_curp", Personal, 90;
    code "mx-curp", "a population registry code of Mexico";
    example "BOXW310820HNERXN09";
    checksum "weights 18 to 2, mod 10";
    source "https://www.gob.mx/curp/";
    words &["curp"];
    find Finder::Code(18, 18, judge_curp);
    mask last_four;
    make Make::Own(make_curp);
}

kind! {
    /// A taxpayer's code (RFC) of Mexico: letters of the name, date of birth, three characters.
    RFC = "mx_rfc", Personal, 85;
    code "mx-rfc", "a taxpayer's code of Mexico";
    example "GODE561231GR8";
    checksum "";
    source "https://www.sat.gob.mx/";
    words &["rfc", "registro federal"];
    find Finder::Code(13, 13, judge_rfc);
    mask last_four;
    make Make::Dated(4, Date::Ymd);
}

kind! {
    /// A taxpayer's number (CUIT, CUIL) of Argentina: a prefix for whom, eight digits, and a check digit modulo 11.
    CUIT = "ar_cuit", Personal, 85;
    code "ar-cuit", "a taxpayer's number of Argentina";
    example "20-05536168-2";
    checksum "weights 5, 4, 3, 2, 7 to 2, mod 11";
    source "https://www.afip.gob.ar/";
    words &["cuit", "cuil"];
    find Finder::Number(11, 11, judge_cuit);
    mask last_four;
    make Make::Redraw(2);
}

kind! {
    /// An identity number (RUT, RUN) of Chile: seven or eight digits and a check digit modulo 11.
    RUT = "cl_rut", Personal, 85;
    code "cl-rut", "an identity number of Chile";
    example "12.345.678-5";
    checksum "weights 2 to 7, mod 11";
    source "https://www.registrocivil.cl/";
    words &["rut", "run"];
    find Finder::Number(8, 9, judge_rut);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// An identity number (RUT, RUN) of Chile whose check digit is K, which stands for ten.
    RUT_K = "cl_rut_k", Personal, 85;
    code "cl-rut-k", "an identity number of Chile that ends with K";
    example "RUT 10.000.013-K";
    checksum "weights 2 to 7, mod 11";
    source "https://www.registrocivil.cl/";
    words &["rut", "run"];
    find Finder::Code(8, 9, judge_rut_k);
    mask last_four;
    make Make::Own(make_rut_k);
}

kind! {
    /// A tax number (NIT) of Colombia: up to nine digits and a check digit modulo 11, behind a word for it.
    NIT = "co_nit", Personal, 60;
    code "co-nit", "a tax number of Colombia";
    example "NIT 213.123.432-1";
    checksum "weighted sum mod 11";
    source "https://www.dian.gov.co/";
    words &["nit"];
    find Finder::Number(8, 10, judge_nit);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// An identity number of Ecuador: province, eight digits, and a Luhn check digit, behind a word for it.
    EC = "ec_cedula", Personal, 85;
    code "ec-cedula", "an identity number of Ecuador";
    example "cédula 1714307103";
    checksum "Luhn (mod 10)";
    source "https://www.registrocivil.gob.ec/";
    words &["cédula", "cedula", "ci"];
    find Finder::Number(10, 10, judge_ec);
    mask last_four;
    make Make::Redraw(3);
}

/// The check digit modulo 11 of Brazil: weights from 2 upwards from the right, starting over after
/// `most`.
fn brazilian(digits: &[u8], most: u32) -> u32 {
    let sum: u32 = digits
        .iter()
        .rev()
        .zip((2..=most).cycle())
        .map(|(d, w)| u32::from(*d) * w)
        .sum();
    match sum % 11 {
        0 | 1 => 0,
        r => 11 - r,
    }
}

fn judge_cpf(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let head = |n: usize| digits.get(..n).unwrap_or_default();
    let constant = digits.windows(2).all(|w| matches!(w, [a, b] if a == b));
    let valid =
        brazilian(head(9), 11) == digit(digits, 9) && brazilian(head(10), 11) == digit(digits, 10);
    let grouped = number.grouped(&[3, 3, 3, 2], DOT | HYPHEN);
    if valid && !constant && (grouped || number.plain()) {
        number.sure(95, if grouped { 90 } else { 0 })
    } else {
        0
    }
}

fn judge_cnpj(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let head = |n: usize| digits.get(..n).unwrap_or_default();
    let constant = digits.windows(2).all(|w| matches!(w, [a, b] if a == b));
    let valid =
        brazilian(head(12), 9) == digit(digits, 12) && brazilian(head(13), 9) == digit(digits, 13);
    let grouped = matches!(number.groups(), [2, 3, 3, 4, 2]);
    if valid && !constant && (grouped || number.plain()) {
        number.sure(92, if grouped { 85 } else { 0 })
    } else {
        0
    }
}

/// Whether letters of a name come first: four of them in the codes of Mexico, the second a vowel or X.
fn mexican(compact: &[u8]) -> bool {
    compact.iter().take(4).all(u8::is_ascii_uppercase)
        && compact.get(1).is_some_and(|b| b"AEIOUX".contains(b))
}

/// The states as the registry abbreviates them, and NE for those born abroad.
#[rustfmt::skip]
const STATES: [&str; 33] = [
    "AS", "BC", "BS", "CC", "CH", "CL", "CM", "CS", "DF", "DG", "GR", "GT", "HG", "JC", "MC", "MN", "MS",
    "NE", "NL", "NT", "OC", "PL", "QR", "QT", "SL", "SP", "SR", "TC", "TL", "TS", "VZ", "YN", "ZS",
];

/// A date from 1940 on, a state, and letters of nobody's name; the check digit is found by drawing.
fn make_curp(_: &str, draw: &mut Draw) -> String {
    let state = STATES.get(draw.below(33) as usize).copied().unwrap_or("DF");
    let mut letters =
        |n: usize, from: &[u8]| -> String { (0..n).map(|_| draw.pick(from)).collect() };
    let name =
        letters(1, b"BCDFGHJKLM") + &letters(1, b"AEIOU") + &letters(2, b"BCDFGHJKLMNPRSTVZ");
    let sex = letters(1, b"HM");
    let consonants = letters(3, b"BCDFGHJKLMNPRSTVZ");
    let serial = letters(2, b"0123456789");
    let (year, month, day) = (40 + draw.below(60), 1 + draw.below(12), 1 + draw.below(28));
    format!("{name}{year}{month:02}{day:02}{sex}{state}{consonants}{serial}")
}

fn judge_curp(code: &Code<'_>) -> u8 {
    let compact = code.compact();
    let (born, _) = code.digits(4, 10);
    let shaped = code.shaped("AAAA999999AAAAAA*9")
        && mexican(compact)
        && matches!(compact.get(10), Some(b'H' | b'M' | b'X'))
        && STATES
            .iter()
            .any(|s| compact.get(11..13) == Some(s.as_bytes()))
        && ymd(&born, 0);
    // The alphabet has an Ñ after N.
    let value = |b: u8| match b {
        b'0'..=b'9' => u32::from(b - b'0'),
        b'A'..=b'N' => u32::from(b - b'A') + 10,
        _ => u32::from(b.saturating_sub(b'A')) + 11,
    };
    let sum: u32 = compact
        .iter()
        .take(17)
        .zip((2..=18).rev())
        .map(|(b, w)| value(*b) * w)
        .sum();
    let valid = compact
        .last()
        .is_some_and(|b| value(*b) == (10 - sum % 10) % 10);
    if shaped && valid {
        code.sure(97, 92)
    } else {
        0
    }
}

fn judge_rfc(code: &Code<'_>) -> u8 {
    let (born, _) = code.digits(4, 10);
    if code.shaped("AAAA999999***") && mexican(code.compact()) && ymd(&born, 0) && code.plain() {
        code.sure(90, 62)
    } else {
        0
    }
}

fn judge_cuit(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let check = match 11 - weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11 {
        11 => 0,
        10 => 9,
        r => r,
    };
    let prefix = digit(digits, 0) * 10 + digit(digits, 1);
    let valid = check == digit(digits, 10) && matches!(prefix, 20 | 23 | 24 | 27 | 30 | 33 | 34);
    let grouped = number.grouped(&[2, 8, 1], HYPHEN);
    if valid && (grouped || number.plain()) {
        number.sure(94, if grouped { 85 } else { 0 })
    } else {
        0
    }
}

/// The check of Chile: 11 stands for 0, and 10 for K.
fn chilean(digits: &[u8]) -> u32 {
    let sum: u32 = digits
        .iter()
        .rev()
        .zip((2..=7).cycle())
        .map(|(d, w)| u32::from(*d) * w)
        .sum();
    (11 - sum % 11) % 11
}

fn judge_rut(number: &Number<'_>) -> u8 {
    let Some((last, head)) = number.digits().split_last() else {
        return 0;
    };
    let dotted = matches!(number.groups(), [1 | 2, 3, 3, 1]) && number.separators == DOT | HYPHEN;
    let hyphen = matches!(number.groups(), [7 | 8, 1]) && number.separators == HYPHEN;
    if chilean(head) == u32::from(*last) && (dotted || hyphen) {
        number.sure(94, if dotted { 84 } else { 0 })
    } else {
        0
    }
}

fn judge_rut_k(code: &Code<'_>) -> u8 {
    let compact = code.compact();
    let count = compact.len().saturating_sub(1);
    let (digits, all) = code.digits(0, count);
    let dotted = code.part().contains('.');
    let shaped = all == count && compact.last() == Some(&b'K') && code.part().ends_with(['K', 'k']);
    let hyphen = code.part().as_bytes().iter().rev().nth(1) == Some(&b'-');
    if shaped && hyphen && chilean(digits.get(..count).unwrap_or_default()) == 10 {
        code.sure(94, if dotted { 84 } else { 60 })
    } else {
        0
    }
}

/// The last letter stays the check digit.
fn make_rut_k(original: &str, draw: &mut Draw) -> String {
    original
        .chars()
        .map(|c| if c.is_ascii_digit() { draw.digit() } else { c })
        .collect()
}

fn judge_nit(number: &Number<'_>) -> u8 {
    const WEIGHTS: [u32; 9] = [3, 7, 13, 17, 19, 23, 29, 37, 41];
    let Some((last, head)) = number.digits().split_last() else {
        return 0;
    };
    let sum: u32 = head
        .iter()
        .rev()
        .zip(WEIGHTS)
        .map(|(d, w)| u32::from(*d) * w)
        .sum();
    let check = match sum % 11 {
        r @ (0 | 1) => r,
        r => 11 - r,
    };
    if check == u32::from(*last) && (number.plain() || number.groups().last() == Some(&1)) {
        number.sure(84, 0)
    } else {
        0
    }
}

fn judge_ec(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let province = digit(digits, 0) * 10 + digit(digits, 1);
    let valid = matches!(province, 1..=24 | 30) && digit(digits, 2) < 6 && luhn(digits);
    if valid && number.plain_or(&[9, 1]) {
        number.sure(86, 0)
    } else {
        0
    }
}
