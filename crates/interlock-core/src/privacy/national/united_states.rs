//! Numbers of the United States.

use crate::privacy::check::value;
use crate::privacy::kind::{Finder, Make, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;
use crate::privacy::number::separator::{DOT, HYPHEN, SPACE};

kind! {
    /// A social security number: area, group and serial as the Social Security Administration gives them out.
    SSN = "ssn", Personal, 95;
    code "ssn", "a social security number";
    example "SSN 536-22-8726";
    checksum "";
    source "https://www.ssa.gov/employer/randomization.html";
    words &["ssn", "social security", "social-security", "socialsecuritynumber", "ss#", "ssn#", "soc sec"];
    find Finder::Number(9, 9, judge_ssn);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// An individual taxpayer identification number: area 9xx and a group from the ranges of the Internal Revenue Service.
    ITIN = "us_itin", Personal, 85;
    code "us-itin", "a taxpayer's number of the United States";
    example "ITIN 912-70-1234";
    checksum "";
    source "https://www.irs.gov/individuals/international-taxpayers/individual-taxpayer-identification-number-itin";
    words &["itin", "taxpayer", "taxpayer identification", "tax id", "individual taxpayer"];
    find Finder::Number(9, 9, judge_itin);
    mask last_four;
    make Make::Redraw(1);
}

kind! {
    /// An employer identification number: a prefix of a campus of the Internal Revenue Service, behind a word for it.
    EIN = "us_ein", Financial, 50;
    code "us-ein", "an employer's number of the United States";
    example "EIN 12-3456789";
    checksum "";
    source "https://www.irs.gov/businesses/small-businesses-self-employed/how-eins-are-assigned-and-valid-ein-prefixes";
    words &["ein", "fein", "employer identification", "tax id", "federal tax id"];
    find Finder::Number(9, 9, judge_ein);
    mask last_four;
    make Make::Redraw(2);
}

fn judge_ssn(number: &Number<'_>) -> u8 {
    let hyphens = number.grouped(&[3, 2, 4], HYPHEN);
    let shaped = number.grouped(&[3, 2, 4], HYPHEN | SPACE | DOT);
    let digits = number.digits();
    let part = |from: usize, to: usize| value(digits.get(from..to).unwrap_or_default());
    let (area, group, serial) = (part(0, 3), part(3, 5), part(5, 9));
    // Two numbers that were printed in advertisements are void.
    let void = matches!(part(0, 9), 78_051_120 | 219_099_999);
    let given = !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0 && !void;
    if !given || number.plus {
        0
    } else if hyphens {
        number.sure(95, 80)
    } else if shaped || number.plain() {
        number.sure(93, 0)
    } else {
        0
    }
}

fn judge_itin(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let part = |from: usize, to: usize| value(digits.get(from..to).unwrap_or_default());
    let given =
        digits.first() == Some(&9) && matches!(part(3, 5), 50..=65 | 70..=88 | 90..=92 | 94..=99);
    if !given || number.plus {
        0
    } else if number.grouped(&[3, 2, 4], HYPHEN) {
        number.sure(92, 45)
    } else if number.plain_or(&[3, 2, 4]) {
        number.sure(85, 0)
    } else {
        0
    }
}

fn judge_ein(number: &Number<'_>) -> u8 {
    let prefix = value(number.digits().get(..2).unwrap_or_default());
    let given = matches!(
        prefix,
        1..=6 | 10..=16 | 20..=27 | 30..=39 | 40..=48 | 50..=68 | 71..=77 | 80..=88 | 90..=95 | 98 | 99
    );
    if given && (number.plain() || number.grouped(&[2, 7], HYPHEN)) {
        number.sure(78, 0)
    } else {
        0
    }
}
