//! Numbers of Australia.

use crate::privacy::check::{digit, weighted};
use crate::privacy::kind::{Finder, Make, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;
use crate::privacy::number::separator::SPACE;

kind! {
    /// A tax file number: nine digits whose weighted sum 11 divides, behind a word for it.
    TFN = "au_tfn", Personal, 90;
    code "au-tfn", "a tax file number of Australia";
    example "TFN 876 543 210";
    checksum "weighted sum mod 11";
    source "https://www.ato.gov.au/individuals-and-families/tax-file-number";
    words &["tfn", "tax file"];
    find Finder::Number(9, 9, judge_tfn);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// A Medicare card number: ten digits, the ninth a check digit, the first from 2 to 6; one more for the person.
    MEDICARE = "au_medicare", Personal, 90;
    code "au-medicare", "a number of Medicare of Australia";
    example "Medicare 2123 45670 1";
    checksum "weights 1, 3, 7, 9, mod 10";
    source "https://meteor.aihw.gov.au/content/270101";
    words &["medicare", "medicare card"];
    find Finder::Number(10, 11, judge_medicare);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// A business number: eleven digits, two of them check digits modulo 89.
    ABN = "au_abn", Financial, 30;
    code "au-abn", "a business number of Australia";
    example "ABN 51 824 753 556";
    checksum "weighted sum mod 89";
    source "https://abr.business.gov.au/Help/AbnFormat";
    words &["abn", "australian business"];
    find Finder::Number(11, 11, judge_abn);
    mask last_four;
    make Make::Redraw(0);
}

fn judge_tfn(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let valid = weighted(digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11);
    if valid && number.plain_or(&[3, 3, 3]) && digits.iter().any(|d| *d != 0) {
        number.sure(92, 0)
    } else {
        0
    }
}

fn judge_medicare(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let valid = weighted(
        digits.get(..8).unwrap_or_default(),
        &[1, 3, 7, 9, 1, 3, 7, 9],
    ) % 10
        == digit(digits, 8)
        && matches!(digits.first(), Some(2..=6));
    let grouped = matches!(number.groups(), [4, 5, 1] | [4, 5, 1, 1] | [4, 5, 2]);
    if valid && (number.plain() || grouped) {
        number.sure(92, if grouped { 66 } else { 0 })
    } else {
        0
    }
}

fn judge_abn(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let sum = weighted(digits, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    let valid = digits.first() != Some(&0) && sum >= 10 && (sum - 10).is_multiple_of(89);
    let grouped = number.grouped(&[2, 3, 3, 3], SPACE);
    if valid && (number.plain() || grouped) {
        number.sure(88, if grouped { 66 } else { 0 })
    } else {
        0
    }
}
