//! How much money is moved.
//!
//! Amounts are read exactly, without floating point. A text that could be read two ways is read as
//! the larger amount, and one that cannot be read at all is the largest there is. Known miss: an
//! integer in minor units (as some payment providers take) counts as whole units unless the
//! argument's name says so (`amount_cents`), which errs towards the larger amount.

use std::cell::LazyCell;

use unicode_normalization::UnicodeNormalization;

use super::{FactInput, fact_group};
use crate::model::{ActionType, Object, Value};

fact_group! {
    /// How much money.
    MoneyFacts {
        /// The action names an amount of money.
        present: bool,
        /// The amount was understood; when it was not, it is the largest.
        parsed: bool,
        /// The amount in whole units without its sign, rounded up; the largest of several.
        amount: i64,
        /// The amount in billionths without its sign, rounded up; at most 2^63 - 1.
        amount_nano: i64,
        /// The currency in upper case, empty when none is named.
        currency: String,
        /// The amount is below zero.
        negative: bool,
    }
}

const NANO: i128 = 1_000_000_000;

/// Arguments that are money whatever the tool.
const STRONG_KEYS: &[&str] = &[
    "amount",
    "amount_cents",
    "amount_due",
    "amount_eur",
    "amount_gbp",
    "amount_in_cents",
    "amount_minor",
    "amount_usd",
    "charge_amount",
    "payment_amount",
    "payout_amount",
    "price_cents",
    "refund_amount",
    "total_amount",
    "total_cents",
    "transfer_amount",
    "unit_amount",
];

/// Arguments that are money beside a currency or in a tool that moves money.
const WEAK_KEYS: &[&str] = &[
    "cost",
    "fee",
    "price",
    "quote",
    "refund",
    "subtotal",
    "sum",
    "total",
    "total_price",
    "value",
];

const CURRENCY_KEYS: &[&str] = &["currency", "currency_code", "iso_currency", "ccy"];

/// Words of tools and custom types that move money.
const MONEY_WORDS: &[&str] = &[
    "charge",
    "checkout",
    "deposit",
    "invoice",
    "pay",
    "payment",
    "payments",
    "payout",
    "purchase",
    "refund",
    "refunds",
    "transfer",
    "wire",
    "withdraw",
    "withdrawal",
];

impl MoneyFacts {
    /// Computes the group.
    #[must_use]
    pub fn compute(input: FactInput<'_>) -> Self {
        let mut facts = Self::default();
        let action = input.action;
        let has_arguments = |v: &Value| v.as_object().is_some_and(|o| !o.is_empty());
        if !has_arguments(&action.arguments) && !has_arguments(&action.payload) {
            return facts;
        }
        let custom = match &action.action_type {
            ActionType::Custom(name) => name,
            _ => "",
        };
        let moves = action.action_type == ActionType::Payment
            || [action.tool.as_str(), custom].iter().any(|name| {
                super::words::of(name).any(|word| super::words::contains(MONEY_WORDS, word))
            });
        let mut largest = None;
        for root in [&action.arguments, &action.payload] {
            if let Some(object) = root.as_object() {
                facts.object(object, moves, "", &mut largest, 0);
            }
        }
        if !facts.present {
            return facts;
        }
        if !facts.parsed {
            facts.amount = i64::MAX;
            facts.amount_nano = i64::MAX;
        } else if let Some(nano) = largest {
            let size = nano.unsigned_abs().min(i128::MAX.unsigned_abs());
            let size = i128::try_from(size).unwrap_or(i128::MAX);
            facts.amount_nano = i64::try_from(size).unwrap_or(i64::MAX);
            let whole = size / NANO + i128::from(size % NANO > 0);
            facts.amount = i64::try_from(whole).unwrap_or(i64::MAX);
        }
        facts
    }

    fn object(
        &mut self,
        object: &Object,
        moves: bool,
        outer: &str,
        largest: &mut Option<i128>,
        depth: usize,
    ) {
        // Few objects hold a sum.
        let currency = LazyCell::new(|| {
            CURRENCY_KEYS
                .iter()
                .find_map(|key| object.get(key))
                .and_then(Value::as_str)
        });
        for (key, value) in object.iter() {
            let strong = STRONG_KEYS.binary_search(&key).is_ok();
            let weak = WEAK_KEYS.binary_search(&key).is_ok();
            match value {
                // `amount: {value, currency}` as several payment interfaces write it.
                Value::Object(inner) if depth < 3 => {
                    let name = if strong { "amount" } else { "" };
                    self.object(inner, moves || strong, name, largest, depth + 1);
                }
                Value::Array(items) if depth < 3 => {
                    for inner in items.iter().take(256).filter_map(Value::as_object) {
                        self.object(inner, moves, "", largest, depth + 1);
                    }
                }
                Value::Null | Value::Bool(_) | Value::Object(_) | Value::Array(_) => {}
                _ if !(strong || weak) => {}
                _ => {
                    let read = read(value);
                    let marked = matches!(&read, Some((_, Some(_))));
                    let counts =
                        strong || moves || currency.is_some() || !outer.is_empty() || marked;
                    if counts {
                        self.take(key, read, *currency, largest);
                    }
                }
            }
        }
    }

    fn take(
        &mut self,
        key: &str,
        read: Option<(i128, Option<&'static str>)>,
        currency: Option<&str>,
        largest: &mut Option<i128>,
    ) {
        if !self.present {
            self.present = true;
            self.parsed = true;
        }
        let Some((mut nano, marked)) = read else {
            self.parsed = false;
            return;
        };
        if key.ends_with("_cents") || key.ends_with("_minor") {
            nano /= 100;
        }
        self.negative |= nano < 0;
        if largest.is_none_or(|have| nano.unsigned_abs() >= have.unsigned_abs()) {
            *largest = Some(nano);
            let named = currency.map(|c| c.trim().to_ascii_uppercase());
            let suffix = key.rsplit('_').next().and_then(code);
            self.currency = named
                .or_else(|| marked.or(suffix).map(str::to_owned))
                .unwrap_or_default();
        }
    }
}

/// Billionths and the currency that the text itself names.
fn read(value: &Value) -> Option<(i128, Option<&'static str>)> {
    match value {
        Value::Number(n) => Some((number(n.lexeme())?, None)),
        Value::String(text) => parse(text),
        _ => None,
    }
}

/// A JSON number in billionths, rounded away from zero; saturates, as no cap lies that high.
fn number(lexeme: &str) -> Option<i128> {
    let (negative, rest) = match lexeme.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, lexeme.strip_prefix('+').unwrap_or(lexeme)),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((m, e)) => (m, e.parse::<i32>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut digits: i128 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        if !byte.is_ascii_digit() {
            return None;
        }
        digits = digits
            .saturating_mul(10)
            .saturating_add(i128::from(byte - b'0'));
    }
    let scale = 9i64 + i64::from(exponent) - i64::try_from(fraction.len()).ok()?;
    let mut inexact = false;
    for _ in 0..scale.unsigned_abs().min(64) {
        if scale > 0 {
            digits = digits.saturating_mul(10);
        } else {
            inexact |= digits % 10 != 0;
            digits /= 10;
        }
    }
    digits = digits.saturating_add(i128::from(inexact));
    Some(if negative { -digits } else { digits })
}

/// Signs of currencies; `$` without a country is taken for US dollars.
const SIGNS: &[(&str, &str)] = &[
    ("US$", "USD"),
    ("A$", "AUD"),
    ("AU$", "AUD"),
    ("C$", "CAD"),
    ("CA$", "CAD"),
    ("HK$", "HKD"),
    ("NZ$", "NZD"),
    ("R$", "BRL"),
    ("S$", "SGD"),
    ("$", "USD"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("¥", "JPY"),
    ("₹", "INR"),
    ("₩", "KRW"),
    ("₽", "RUB"),
    ("₺", "TRY"),
    ("₿", "BTC"),
];

/// Codes of ISO 4217 that are read, and some words for them.
const CODES: &[(&str, &str)] = &[
    ("AED", "AED"),
    ("AUD", "AUD"),
    ("BRL", "BRL"),
    ("BTC", "BTC"),
    ("BUCKS", "USD"),
    ("CAD", "CAD"),
    ("CHF", "CHF"),
    ("CNY", "CNY"),
    ("CZK", "CZK"),
    ("DKK", "DKK"),
    ("DOLLAR", "USD"),
    ("DOLLARS", "USD"),
    ("ETH", "ETH"),
    ("EUR", "EUR"),
    ("EURO", "EUR"),
    ("EUROS", "EUR"),
    ("GBP", "GBP"),
    ("HKD", "HKD"),
    ("HUF", "HUF"),
    ("ILS", "ILS"),
    ("INR", "INR"),
    ("JPY", "JPY"),
    ("KRW", "KRW"),
    ("MXN", "MXN"),
    ("NOK", "NOK"),
    ("NZD", "NZD"),
    ("PLN", "PLN"),
    ("POUNDS", "GBP"),
    ("RUB", "RUB"),
    ("SEK", "SEK"),
    ("SGD", "SGD"),
    ("TRY", "TRY"),
    ("USD", "USD"),
    ("USDC", "USDC"),
    ("USDT", "USDT"),
    ("YEN", "JPY"),
    ("ZAR", "ZAR"),
];

fn code(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_uppercase();
    CODES
        .binary_search_by(|(name, _)| (*name).cmp(word.as_str()))
        .ok()
        .and_then(|at| CODES.get(at))
        .map(|(_, code)| *code)
}

/// Bytes of a text that is still read as an amount.
const AMOUNT_BYTES_MAX: usize = 80;

/// Reads `$4,500.00`, `4.500,00 EUR`, `EUR 1 200`, `(12.50)`, `4.5k`: billionths and currency.
#[must_use]
pub fn parse(text: &str) -> Option<(i128, Option<&'static str>)> {
    if text.len() > AMOUNT_BYTES_MAX {
        return None;
    }
    let folded: String = if text.is_ascii() {
        text.to_owned()
    } else {
        // Full-width digits and the many spaces and minus signs of typography.
        text.nfkc()
            .map(|c| match c {
                '\u{2212}' | '\u{2010}'..='\u{2014}' => '-',
                '\u{2018}' | '\u{2019}' => '\'',
                c if c.is_whitespace() => ' ',
                c => c,
            })
            .collect()
    };
    let mut rest = folded.trim();
    let mut negative = false;
    if let Some(inner) = rest.strip_prefix('(').and_then(|r| r.strip_suffix(')')) {
        negative = true;
        rest = inner.trim();
    }
    let mut currency = None;
    // Sign, currency and amount come in any order: `-$5`, `$-5`, `5- EUR`.
    for _ in 0..4 {
        let before = rest;
        if let Some(tail) = rest.strip_prefix('-') {
            negative = true;
            rest = tail.trim_start();
        } else if let Some(tail) = rest.strip_prefix('+') {
            rest = tail.trim_start();
        }
        if let Some(head) = rest.strip_suffix('-') {
            negative = true;
            rest = head.trim_end();
        }
        for (sign, name) in SIGNS {
            if let Some(tail) = rest.strip_prefix(sign) {
                currency = currency.or(Some(*name));
                rest = tail.trim_start();
            } else if let Some(head) = rest.strip_suffix(sign) {
                currency = currency.or(Some(*name));
                rest = head.trim_end();
            }
        }
        let letters = |c: char| c.is_ascii_alphabetic();
        let first = rest.find(|c| !letters(c)).unwrap_or(0);
        if first > 0
            && let Some((word, tail)) = rest.split_at_checked(first)
            && let Some(name) = code(word)
        {
            currency = currency.or(Some(name));
            rest = tail.trim_start_matches([' ', ':', '.']);
        }
        let last = rest.trim_end_matches(letters).len();
        if let Some((head, word)) = rest.split_at_checked(last)
            && let Some(name) = code(word)
        {
            currency = currency.or(Some(name));
            rest = head.trim_end();
        }
        if rest == before {
            break;
        }
    }
    let (rest, scale) = split_multiplier(rest);
    let nano = grouped(rest)
        .or_else(|| number(rest))
        .map(|n| n.saturating_mul(scale))?;
    Some((
        if negative {
            nano.saturating_neg()
        } else {
            nano
        },
        currency,
    ))
}

fn split_multiplier(text: &str) -> (&str, i128) {
    let end = text
        .trim_end_matches(|c: char| c.is_ascii_alphabetic())
        .len();
    let (head, word) = text.split_at_checked(end).unwrap_or((text, ""));
    let scale = match word.to_ascii_lowercase().as_str() {
        "k" | "thousand" => 1_000,
        "m" | "mm" | "mio" | "mn" | "million" => 1_000_000,
        "b" | "bn" | "billion" => 1_000_000_000,
        _ => return (text, 1),
    };
    (head.trim_end(), scale)
}

/// Digits with separators of thousands and decimals, in any convention.
fn grouped(text: &str) -> Option<i128> {
    let decimal = decimal_mark(text)?;
    let (whole, fraction) = match decimal {
        Some(at) => {
            let (whole, rest) = text.split_at_checked(at)?;
            (whole, rest.get(1..)?)
        }
        None => (text, ""),
    };
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut lexeme = String::with_capacity(text.len());
    let mut group = 0usize;
    let mut grouped = false;
    for c in whole.chars() {
        match c {
            '0'..='9' => {
                lexeme.push(c);
                group += 1;
            }
            ',' | '.' | ' ' | '\'' | '_' => {
                // Two-digit groups are those of India: 1,00,000.
                let fits = if grouped {
                    (2..=3).contains(&group)
                } else {
                    (1..=3).contains(&group)
                };
                if !fits {
                    return None;
                }
                grouped = true;
                group = 0;
            }
            _ => return None,
        }
    }
    if (grouped && group != 3) || (lexeme.is_empty() && fraction.is_empty()) {
        return None;
    }
    if !fraction.is_empty() {
        lexeme.push('.');
        lexeme.push_str(fraction);
    }
    number(&lexeme)
}

/// Where the decimal mark stands, if there is one; `None` outside when the text is no amount.
#[expect(
    clippy::option_option,
    reason = "no amount, an amount without a mark, and an amount with one are three cases"
)]
fn decimal_mark(text: &str) -> Option<Option<usize>> {
    let comma = text.rfind(',');
    let dot = text.rfind('.');
    let (mark, at) = match (comma, dot) {
        (None, None) => return Some(None),
        (Some(c), Some(d)) => return Some(Some(c.max(d))),
        (Some(c), None) => (',', c),
        (None, Some(d)) => ('.', d),
    };
    if text.matches(mark).count() > 1 {
        return Some(None);
    }
    let (head, tail) = text.split_at_checked(at)?;
    let decimals = tail.len() - 1;
    let leading = head.trim_start_matches(|c: char| !c.is_ascii_digit());
    // `1,500` and `1.500` could be either; the larger reading is the safer one. `0.500` and
    // `1234.500` can only be decimals.
    let ambiguous = decimals == 3 && (1..=3).contains(&leading.len()) && !leading.starts_with('0');
    Some((!ambiguous).then_some(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tables_are_sorted_for_binary_search() {
        for table in [STRONG_KEYS, WEAK_KEYS, MONEY_WORDS] {
            assert!(table.is_sorted(), "{table:?}");
        }
        assert!(CODES.is_sorted());
    }

    proptest! {
        #[test]
        fn conventions_agree(whole in 1u64..1_000_000_000, cents in 0u32..100) {
            let digits = whole.to_string();
            let mut groups: Vec<&str> = Vec::new();
            let mut rest = digits.as_str();
            while rest.len() > 3 {
                let (head, tail) = rest.split_at(rest.len() - 3);
                groups.insert(0, tail);
                rest = head;
            }
            groups.insert(0, rest);
            let want = i128::from(whole) * NANO + i128::from(cents) * NANO / 100;
            for (thousands, decimal) in [(",", "."), (".", ","), (" ", ","), ("'", "."), ("", "."), ("_", ".")] {
                let text = format!("{}{decimal}{cents:02} EUR", groups.join(thousands));
                prop_assert_eq!(parse(&text), Some((want, Some("EUR"))), "{}", text);
            }
        }

        #[test]
        fn any_text_is_taken(text in "[-+$€()0-9., a-zA-Z\\PC]{0,30}") {
            let _ = parse(&text);
        }
    }
}
