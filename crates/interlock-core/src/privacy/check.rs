//! Check digits and checksums that more than one kind uses.

/// The Luhn check (ISO/IEC 7812-1, annex B).
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, d)| {
            let d = u32::from(*d) << (i % 2);
            if d > 9 { d - 9 } else { d }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The sum of digits by weights, as far as both go.
pub(super) fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits
        .iter()
        .zip(weights)
        .map(|(d, w)| u32::from(*d) * w)
        .sum()
}

/// The digits as a number; at most 19 of them.
pub(super) fn value(digits: &[u8]) -> u64 {
    digits
        .iter()
        .take(19)
        .fold(0, |n, d| n * 10 + u64::from(*d))
}

/// The digit at `i`, 0 past the end.
pub(super) fn digit(digits: &[u8], i: usize) -> u32 {
    digits.get(i).copied().map_or(0, u32::from)
}

/// ISO/IEC 7064, MOD 11,10: the last digit is the check digit.
pub(super) fn mod_11_10(digits: &[u8]) -> bool {
    let Some((last, head)) = digits.split_last() else {
        return false;
    };
    let product = head.iter().fold(10u32, |product, d| {
        let sum = (product + u32::from(*d)) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (product + u32::from(*last)) % 10 == 1
}

/// The remainder by 97 of letters and digits, letters as 10 to 35 (ISO/IEC 7064, MOD 97-10).
pub(super) fn mod_97(text: impl Iterator<Item = u8>) -> u32 {
    text.fold(0, |r, b| match b {
        b'0'..=b'9' => (r * 10 + u32::from(b - b'0')) % 97,
        b'A'..=b'Z' => (r * 100 + u32::from(b - b'A') + 10) % 97,
        _ => r,
    })
}

/// Verhoeff's check over the dihedral group of order ten (J. Verhoeff, *Error Detecting Decimal
/// Codes*, 1969).
pub(super) fn verhoeff(digits: &[u8]) -> bool {
    /// The first permutation; the others are its powers.
    const STEP: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let permuted = |mut d: u8, times: usize| {
        for _ in 0..times % 8 {
            d = STEP.get(usize::from(d)).copied().unwrap_or(0);
        }
        d
    };
    // Elements 0..5 are rotations, 5..10 reflections of a pentagon.
    let multiply = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a - b + 5) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    };
    digits
        .iter()
        .rev()
        .enumerate()
        .fold(0, |sum, (i, d)| multiply(sum, permuted(*d, i)))
        == 0
}

/// The check digit of EAN-13 (GS1 General Specifications, 7.9).
pub(super) fn ean_13(digits: &[u8]) -> bool {
    digits.len() == 13
        && weighted(digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

/// Whether a day exists in a month; 29 February always does.
pub(super) const fn day_of_month(month: u32, day: u32) -> bool {
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    day >= 1 && day <= days
}

/// Whether `digits` hold year, month and day of two digits each from `at`.
pub(super) fn ymd(digits: &[u8], at: usize) -> bool {
    let two = |i: usize| digit(digits, i) * 10 + digit(digits, i + 1);
    day_of_month(two(at + 2), two(at + 4))
}

/// Whether `digits` hold day, month and year of two digits each from `at`.
pub(super) fn dmy(digits: &[u8], at: usize) -> bool {
    let two = |i: usize| digit(digits, i) * 10 + digit(digits, i + 1);
    day_of_month(two(at + 2), two(at))
}

/// Whether `digits` hold a year of four digits in which a person alive may be born, month and day
/// from `at`.
pub(super) fn yyyymmdd(digits: &[u8], at: usize) -> bool {
    let year = value(digits.get(at..at + 4).unwrap_or_default());
    (1900..=2099).contains(&year) && ymd(digits, at + 2)
}

/// CRC-32 (ISO-HDLC, as in IEEE 802.3), bit by bit: tokens are short.
pub(super) fn crc_32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, b| {
        (0..8).fold(crc ^ u32::from(*b), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes()
            .filter(u8::is_ascii_digit)
            .map(|b| b - b'0')
            .collect()
    }

    #[test]
    fn published_examples_pass_and_a_changed_digit_does_not() {
        type Check = fn(&[u8]) -> bool;
        let cases: [(&str, Check, &str); 5] = [
            ("luhn", luhn, "79927398713"),
            ("verhoeff", verhoeff, "2363"),
            ("mod 11,10", mod_11_10, "07945"),
            ("ean 13", ean_13, "4006381333931"),
            ("verhoeff", verhoeff, "84736430954837284567892"),
        ];
        for (name, check, text) in cases {
            let good = digits(text);
            assert!(check(&good), "{name} {text}");
            for i in 0..good.len() {
                for other in 1..10 {
                    let mut bad = good.clone();
                    bad[i] = (bad[i] + other) % 10;
                    assert!(!check(&bad), "{name} {text} changed to {bad:?}");
                }
            }
        }
    }

    #[test]
    fn crc_32_is_that_of_the_catalogue() {
        assert_eq!(crc_32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn mod_97_counts_letters_as_two_digits() {
        // The example of ISO 13616 with the head moved to the end.
        assert_eq!(mod_97(b"WEST12345698765432GB82".iter().copied()), 1);
    }

    #[test]
    fn dates_that_do_not_exist_are_none() {
        assert!(ymd(&digits("840229"), 0) && dmy(&digits("310184"), 0));
        assert!(!ymd(&digits("840230"), 0) && !ymd(&digits("841301"), 0));
        assert!(!dmy(&digits("310484"), 0) && !dmy(&digits("000484"), 0));
        assert!(yyyymmdd(&digits("19840131"), 0) && !yyyymmdd(&digits("18840131"), 0));
    }
}
