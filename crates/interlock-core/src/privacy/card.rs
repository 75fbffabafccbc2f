//! Payment card numbers: issuer range, length and Luhn check (ISO/IEC 7812).

use crate::text::Flags;

use super::kind::{Family, Kind, Match};
use super::mask::last_four;
use super::numbers::{announced, digits_of, luhn, numbers};
use super::scan::Words;

/// A payment card number.
pub(super) static KIND: Kind = Kind {
    name: "credit_card",
    label: "CREDIT_CARD",
    family: Family::Financial,
    risk: 95,
    flags: Flags::LONG_NUMBER,
    words: Words::NONE,
    find,
    partial: last_four,
};

const CARD_WORDS: [&str; 13] = [
    "card",
    "visa",
    "mastercard",
    "amex",
    "maestro",
    "credit",
    "debit",
    "cc",
    "payment",
    "pan",
    "kreditkarte",
    "tarjeta",
    "carte",
];
const OTHER_WORDS: [&str; 13] = [
    "order",
    "tracking",
    "invoice",
    "ref",
    "imei",
    "isbn",
    "sku",
    "ticket",
    "id",
    "epoch",
    "timestamp",
    "serial",
    "uuid",
];

fn find(text: &str, out: &mut Vec<Match>) {
    numbers(text, |number| {
        if !(12..=19).contains(&number.digits) || number.separators & !3 != 0 || number.plus {
            return;
        }
        let part = text.get(number.start..number.end).unwrap_or_default();
        let (digits, count) = digits_of(part);
        let digits = digits.get(..count).unwrap_or_default();
        if !luhn(digits) || digits.windows(2).all(|w| matches!(w, [a, b] if a == b)) {
            return;
        }
        let named = announced(text, number.start, 40, &CARD_WORDS);
        let confidence = match (issuer(digits), named) {
            (true, true) => 97,
            (true, false) if announced(text, number.start, 16, &OTHER_WORDS) => 45,
            (true, false) => 85,
            (false, true) => 75,
            (false, false) => return,
        };
        out.push(Match {
            kind: &KIND,
            start: number.start,
            end: number.end,
            confidence,
        });
    });
}

/// Whether an issuer gives out numbers of this prefix and length.
fn issuer(digits: &[u8]) -> bool {
    let prefix = |n: usize| {
        digits
            .iter()
            .take(n)
            .fold(0u32, |p, d| p * 10 + u32::from(*d))
    };
    let (two, three, four) = (prefix(2), prefix(3), prefix(4));
    match digits.len() {
        13 | 19 if prefix(1) == 4 => true,
        14 => matches!(three, 300..=305) || matches!(two, 36 | 38 | 39),
        15 => matches!(two, 34 | 37) || matches!(four, 2131 | 1800),
        16 => {
            prefix(1) == 4
                || matches!(two, 51..=55 | 65 | 62 | 36)
                || matches!(four, 2221..=2720 | 6011 | 3528..=3589)
                || matches!(three, 644..=649)
        }
        19 => two == 62 || four == 6011 || two == 65,
        _ => false,
    }
}
