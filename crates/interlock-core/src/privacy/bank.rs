//! Accounts and banks beside the IBAN.

use super::check::weighted;
use super::code::Code;
use super::kind::{Finder, Make, kind};
use super::mask::{both_ends, last_four};
use super::number::Number;

kind! {
    /// A routing number of a bank of the United States: Federal Reserve prefix and check digit.
    ROUTING = "bank_routing_number", Financial, 60;
    code "bank-routing-number", "a routing number of a bank";
    example "routing number 021000021";
    checksum "weights 3, 7, 1, mod 10";
    source "https://www.aba.com/about-us/routing-number";
    words &["routing", "aba", "rtn", "routing number", "transit number"];
    find Finder::Number(9, 9, judge_routing);
    mask last_four;
    make Make::Redraw(2);
}

kind! {
    /// An account number of a bank, behind a word for it.
    ACCOUNT = "bank_account_number", Financial, 80;
    code "bank-account-number", "an account number of a bank";
    example "bank account number 000123456789";
    checksum "";
    source "https://www.nacha.org/content/ach-file-details";
    words &[
        "bank account", "checking account", "savings account", "account number", "account no", "acct no",
        "acct number", "acct", "kontonummer", "número de cuenta", "numero de cuenta", "numéro de compte",
        "numero di conto", "conta corrente", "rekeningnummer", "direct deposit", "银行账号", "口座番号",
    ];
    find Finder::Number(7, 17, judge_account);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// A sort code and an account number of the United Kingdom.
    SORT_CODE = "uk_bank_account", Financial, 80;
    code "uk-bank-account", "a sort code and account number";
    example "sort code 20-00-00 55779911";
    checksum "";
    source "https://www.vocalink.com/tools/modulus-checking/";
    words &["sort code", "sortcode", "sort-code"];
    find Finder::Number(6, 14, judge_sort_code);
    mask last_four;
    make Make::Redraw(0);
}

kind! {
    /// A bank's code (BIC, SWIFT), behind a word for it (ISO 9362).
    BIC = "bic", Financial, 30;
    code "bic", "the code of a bank";
    example "SWIFT DEUTDEFF500";
    checksum "";
    source "https://www.iso.org/standard/84108.html";
    words &["bic", "swift", "swift code"];
    find Finder::Code(8, 11, judge_bic);
    mask both_ends;
    make Make::Redraw(6);
}

fn judge_routing(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let prefix = digits.iter().take(2).fold(0, |n, d| n * 10 + u32::from(*d));
    let valid = matches!(prefix, 1..=12 | 21..=32 | 61..=72 | 80)
        && weighted(digits, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10);
    if valid && number.plain_or(&[4, 4, 1]) {
        number.sure(88, 0)
    } else {
        0
    }
}

fn judge_account(number: &Number<'_>) -> u8 {
    let zeros = number.digits().iter().all(|d| *d == 0);
    if number.plus || zeros || number.separators & !3 != 0 {
        0
    } else {
        number.sure(66, 0)
    }
}

fn judge_sort_code(number: &Number<'_>) -> u8 {
    if number.plain() || matches!(number.groups(), [2, 2, 2] | [2, 2, 2, 8] | [6, 8]) {
        number.sure(74, 0)
    } else {
        0
    }
}

fn judge_bic(code: &Code<'_>) -> u8 {
    let shaped = ["AAAAAA**", "AAAAAA*****"].iter().any(|s| code.shaped(s));
    if shaped && code.plain() && code.upper() {
        code.sure(60, 0)
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use crate::privacy::tests::sure_of;

    #[test]
    fn accounts_and_what_looks_like_one() {
        assert!(sure_of("bank_routing_number", "routing number: 021000021") >= 50);
        assert_eq!(
            sure_of("bank_routing_number", "routing number: 021000022"),
            0
        );
        assert_eq!(sure_of("bank_routing_number", "021000021"), 0);
        assert!(sure_of("bank_account_number", "account number: 000123456789") >= 50);
        assert_eq!(sure_of("bank_account_number", "order 000123456789"), 0);
        assert!(sure_of("uk_bank_account", "sort code 20-00-00") >= 50);
        assert!(sure_of("bic", "SWIFT: DEUTDEFF500") >= 50);
        assert_eq!(sure_of("bic", "SWIFT: DEUT1EFF500"), 0);
    }
}
