//! Payment card numbers.

use super::check::{luhn, value};
use super::draw::Draw;
use super::kind::{Finder, Make, kind};
use super::mask::last_four;
use super::number::Number;
use super::number::separator::{HYPHEN, SPACE};

kind! {
    /// A payment card number: issuer's range, length and Luhn check (ISO/IEC 7812-1).
    KIND = "credit_card", Financial, 95;
    code "credit-card", "a payment card number";
    example "card 4111 1111 1111 1111";
    checksum "Luhn (mod 10)";
    source "https://www.iso.org/standard/70484.html";
    words &[
        "card", "visa", "mastercard", "amex", "american express", "maestro", "discover", "diners", "jcb",
        "unionpay", "rupay", "credit", "debit", "cc", "ccn", "payment", "pan", "kreditkarte", "kartennummer",
        "karte", "tarjeta", "carte", "carta", "cartão", "cartao", "kaart", "kort", "карта", "карты", "卡号",
        "信用卡", "カード", "카드",
    ];
    find Finder::Number(12, 19, judge);
    mask last_four;
    make Make::Own(make);
}

fn judge(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let constant = digits.windows(2).all(|w| matches!(w, [a, b] if a == b));
    if number.separators & !(SPACE | HYPHEN) != 0 || number.plus || constant || !luhn(digits) {
        return 0;
    }
    let grouped = matches!(
        number.groups(),
        [4, 4, 4, 4]
            | [4, 6, 5]
            | [4, 6, 4]
            | [4, 4, 4, 4, 3]
            | [6, 13]
            | [4, 4, 4, 1]
            | [4, 3, 3, 3]
    );
    match issuer(digits) {
        true if number.named() => 97,
        true if number.other() => 45,
        // Barcodes have thirteen digits too, and cards no longer do.
        true if digits.len() == 13 => 45,
        true if grouped => 92,
        true if number.plain() => 85,
        true => 70,
        false if number.named() && (number.plain() || grouped) && digits.first() != Some(&0) => 75,
        false => 0,
    }
}

/// Whether an issuer gives out numbers of this prefix and length.
fn issuer(digits: &[u8]) -> bool {
    let prefix = |n: usize| value(digits.get(..n).unwrap_or_default());
    let (one, two, three, four) = (prefix(1), prefix(2), prefix(3), prefix(4));
    match digits.len() {
        13 => one == 4,
        14 => matches!(three, 300..=305 | 309) || matches!(two, 36 | 38 | 39),
        15 => matches!(two, 34 | 37) || matches!(four, 2131 | 1800),
        16 => {
            one == 4
                || matches!(two, 36 | 51..=55 | 60 | 62 | 65 | 81 | 82)
                || matches!(four, 2200..=2204 | 2221..=2720 | 3528..=3589 | 5018 | 5020 | 5038 | 6304 | 6759 | 6761..=6763)
                || matches!(three, 644..=649 | 508)
        }
        18 => two == 62,
        19 => {
            one == 4
                || matches!(two, 62 | 65)
                || matches!(four, 6011 | 3528..=3589 | 5018 | 6304 | 6759)
        }
        _ => false,
    }
}

/// A number of the same issuer: its first four digits stay.
fn make(original: &str, draw: &mut Draw) -> String {
    let mut seen = 0;
    let drawn: Vec<char> = original
        .chars()
        .map(|c| {
            seen += usize::from(c.is_ascii_digit());
            if seen > 4 { draw.like(c, false) } else { c }
        })
        .collect();
    // The last digit is the check digit.
    let head: String = drawn.iter().take(drawn.len().saturating_sub(1)).collect();
    let valid = |last: &char| {
        let all: Vec<u8> = head
            .chars()
            .chain([*last])
            .filter_map(|c| c.to_digit(10))
            .map(|d| d as u8)
            .collect();
        luhn(&all)
    };
    let last = ('0'..='9').find(valid).unwrap_or('0');
    format!("{head}{last}")
}

#[cfg(test)]
mod tests {
    use crate::privacy::tests::sure_of;

    #[test]
    fn cards_and_what_looks_like_one() {
        let sure = |text: &str| sure_of("credit_card", text);
        for text in [
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "378282246310005",
            "6011111111111117 exp 05/27",
            "card 4111111111111111 123",
            "30569309025904",
            "card number: 4111111111111111, cvv 123",
            "{\"pan\":\"5555555555554444\"}",
            "卡号4111111111111111",
        ] {
            assert!(sure(text) >= 50, "{text}");
        }
        for text in [
            "4111 1111 1111 1112",
            "order 4111111111111111",
            "4111111111111111.5",
            "0000 0000 0000 0000",
            "x4111111111111111",
            "4111.1111.1111.1111",
            "id_4111111111111111",
            "1718000000123456",
        ] {
            assert!(sure(text) < 50, "{text} {}", sure(text));
        }
    }
}
