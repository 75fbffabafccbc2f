//! Numbers of China, Hong Kong, Taiwan, Japan and South Korea.

use crate::privacy::check::{digit, value, weighted, ymd, yyyymmdd};
use crate::privacy::code::Code;
use crate::privacy::kind::{Date, Finder, Make, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;
use crate::privacy::number::separator::HYPHEN;

kind! {
    /// A resident's identity number of China: region, date of birth, serial, and a check digit whose value ten is X.
    CN = "cn_resident_id", Personal, 95;
    code "cn-resident-id", "a resident's number of China";
    example "11010519491231002X";
    checksum "ISO 7064 mod 11-2";
    source "https://openstd.samr.gov.cn/bzgk/gb/newGbInfo?hcno=080D6FBF2BB468F9007657F26D60013E";
    words &["身份证", "公民身份号码", "resident id", "resident identity", "id card", "shenfenzheng"];
    find Finder::Code(18, 18, judge_cn_x);
    mask last_four;
    make Make::Dated(6, Date::YyyyMd);
}

kind! {
    /// A resident's identity number of China whose check digit is a digit.
    CN_DIGITS = "cn_resident_number", Personal, 95;
    code "cn-resident-number", "a resident's number of China of digits only";
    example "110105198001010059";
    checksum "ISO 7064 mod 11-2";
    source "https://openstd.samr.gov.cn/bzgk/gb/newGbInfo?hcno=080D6FBF2BB468F9007657F26D60013E";
    words &["身份证", "公民身份号码", "resident id", "resident identity", "id card", "shenfenzheng"];
    find Finder::Number(18, 18, judge_cn);
    mask last_four;
    make Make::Dated(6, Date::YyyyMd);
}

kind! {
    /// An identity card number of Hong Kong: one or two letters, six digits, and a check digit in parentheses.
    HK = "hk_id", Personal, 90;
    code "hk-id", "an identity card number of Hong Kong";
    example "A123456(3)";
    checksum "weights 9 to 2, mod 11";
    source "https://www.immd.gov.hk/eng/services/hkid.html";
    words &["hkid", "hong kong id", "identity card", "香港身份證", "身份證"];
    find Finder::Code(8, 9, judge_hk);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// An identity number of Taiwan: a letter for the place, a digit for the sex, seven digits, and a check digit.
    TW = "tw_id", Personal, 90;
    code "tw-id", "an identity number of Taiwan";
    example "Taiwan ID A123456789";
    checksum "weights over the letter's number, mod 10";
    source "https://www.ris.gov.tw/";
    words &["身分證", "身份證", "taiwan id", "national id", "統一編號"];
    find Finder::Code(10, 10, judge_tw);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// An individual number of Japan: eleven digits and a check digit modulo 11, behind a word for it.
    JP = "jp_my_number", Personal, 95;
    code "jp-my-number", "an individual number of Japan";
    example "My Number 1234 5678 9018";
    checksum "weights 2 to 7, mod 11";
    source "https://www.digital.go.jp/en/policies/mynumber";
    words &["my number", "mynumber", "マイナンバー", "個人番号"];
    find Finder::Number(12, 12, judge_jp);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// A resident registration number of South Korea: date of birth, a hyphen, sex and century, and six digits of which the last checks.
    KR = "kr_rrn", Personal, 95;
    code "kr-rrn", "a resident's number of South Korea";
    example "880101-1234568";
    checksum "weights 2 to 9 and 2 to 5, mod 11";
    source "https://www.mois.go.kr/eng/";
    words &["주민등록번호", "주민번호", "rrn", "resident registration"];
    find Finder::Number(13, 13, judge_kr);
    mask last_four;
    make Make::Dated(0, Date::Ymd);
}

/// The remainder of ISO/IEC 7064, MOD 11-2 over 17 digits; the check digit completes it to one.
fn mod_11_2(digits: &[u8]) -> u32 {
    let product = digits
        .iter()
        .take(17)
        .fold(0, |p, d| (p + u32::from(*d)) * 2 % 11);
    (12 - product) % 11
}

/// Whether region and date of birth are such that a resident can have them.
fn resident(digits: &[u8]) -> bool {
    let region = digit(digits, 0) * 10 + digit(digits, 1);
    matches!(region, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83)
        && yyyymmdd(digits, 6)
}

fn judge_cn_x(code: &Code<'_>) -> u8 {
    let (digits, count) = code.digits(0, 17);
    let digits = digits.get(..count).unwrap_or_default();
    let valid = count == 17 && code.compact().last() == Some(&b'X') && mod_11_2(digits) == 10;
    if valid && resident(digits) {
        code.sure(97, 94)
    } else {
        0
    }
}

fn judge_cn(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    if number.plain() && mod_11_2(digits) == digit(digits, 17) && resident(digits) {
        number.sure(97, 92)
    } else {
        0
    }
}

fn judge_hk(code: &Code<'_>) -> u8 {
    let compact = code.compact();
    let letters = compact
        .iter()
        .take_while(|b| b.is_ascii_uppercase())
        .count();
    let Some((last, head)) = compact.split_last() else {
        return 0;
    };
    let value = |b: u8| match b {
        b'0'..=b'9' => u32::from(b - b'0'),
        _ => u32::from(b.saturating_sub(b'A')) + 10,
    };
    // One letter counts as if a space, with the value 36, stood before it.
    let space = if letters == 1 { 36 * 9 } else { 0 };
    let weights = (2..=9).rev().skip(usize::from(letters == 1));
    let sum: u32 = head
        .iter()
        .zip(weights)
        .map(|(b, w)| value(*b) * w)
        .sum::<u32>()
        + space;
    let check = (11 - sum % 11) % 11;
    let shaped = (1..=2).contains(&letters)
        && compact.len() == letters + 7
        && head.iter().skip(letters).all(u8::is_ascii_digit)
        && (last.is_ascii_digit() || *last == b'A');
    let marked = code.part().ends_with(')');
    if shaped && check == value(*last) {
        code.sure(94, if marked { 84 } else { 0 })
    } else {
        0
    }
}

fn judge_tw(code: &Code<'_>) -> u8 {
    /// Letters in the order of their numbers from 10.
    const LETTERS: &[u8; 26] = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";
    let compact = code.compact();
    let Some(number) = compact
        .first()
        .and_then(|b| LETTERS.iter().position(|l| l == b))
    else {
        return 0;
    };
    let number = number as u32 + 10;
    let (digits, count) = code.digits(1, 10);
    let sum = number / 10 + number % 10 * 9 + weighted(&digits, &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
    let valid =
        count == 9 && matches!(digits.first(), Some(1 | 2 | 8 | 9)) && sum.is_multiple_of(10);
    if valid && code.plain() {
        code.sure(92, 0)
    } else {
        0
    }
}

fn judge_jp(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let sum = weighted(digits, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    let check = match sum % 11 {
        0 | 1 => 0,
        r => 11 - r,
    };
    if check == digit(digits, 11) && number.plain_or(&[4, 4, 4]) {
        number.sure(92, 0)
    } else {
        0
    }
}

fn judge_kr(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let sum = weighted(digits, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    let checked = (11 - sum % 11) % 10 == digit(digits, 12);
    let grouped = number.grouped(&[6, 7], HYPHEN);
    let valid = ymd(digits, 0)
        && matches!(digit(digits, 6), 1..=8)
        && value(digits.get(7..9).unwrap_or_default()) <= 96
        && (grouped || number.plain());
    match (valid, grouped, checked) {
        (true, true, true) => number.sure(96, 86),
        (true, false, true) => number.sure(92, 0),
        _ => 0,
    }
}
