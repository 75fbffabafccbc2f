//! Whether a value looks drawn and not written.

/// Fractional bits of a logarithm.
const FRACTION: u32 = 10;

/// The logarithm to the base 2 in 1/1024 bits, by repeated squaring: no floating point decides.
fn log_2(n: u32) -> u32 {
    if n == 0 {
        return 0;
    }
    let whole = n.ilog2();
    // A number from 1 to 2 with 32 bits behind the point.
    let mut rest = (u64::from(n) << 32) >> whole;
    let mut out = whole;
    for _ in 0..FRACTION {
        rest = ((rest >> 1) * (rest >> 1)) >> 30;
        out <<= 1;
        if rest >= 2 << 32 {
            rest >>= 1;
            out |= 1;
        }
    }
    out
}

/// Shannon's entropy of the bytes of a value, in 1/1024 bits per byte.
pub(super) fn entropy(value: &[u8]) -> u32 {
    let mut counts = [0u32; 256];
    for b in value {
        if let Some(slot) = counts.get_mut(usize::from(*b)) {
            *slot += 1;
        }
    }
    let length = value.len().clamp(1, 1 << 16) as u32;
    let sum: u64 = counts
        .iter()
        .filter(|c| **c > 1)
        .map(|c| u64::from(*c) * u64::from(log_2(*c)))
        .sum();
    log_2(length).saturating_sub((sum / u64::from(length)) as u32)
}

/// How a value is made up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Makeup {
    pub(super) length: usize,
    pub(super) lower: usize,
    pub(super) upper: usize,
    pub(super) digits: usize,
    /// Only hexadecimal digits.
    pub(super) hex: bool,
    /// Bytes in parts that mix letters with digits or cases as words do not.
    pub(super) mixed: usize,
    /// The longest row of letters of one case.
    pub(super) longest: usize,
    /// 1/1024 bits per byte.
    pub(super) entropy: u32,
}

impl Makeup {
    pub(super) fn of(value: &str) -> Self {
        let bytes = value.as_bytes();
        let mut makeup = Self {
            length: bytes.len(),
            hex: bytes.iter().all(u8::is_ascii_hexdigit),
            entropy: entropy(bytes),
            ..Self::default()
        };
        let mut row = 0;
        let mut last = 0u8;
        for b in bytes {
            let class = match b {
                b'a'..=b'z' => 1,
                b'A'..=b'Z' => 2,
                b'0'..=b'9' => 3,
                _ => 0,
            };
            match class {
                1 => makeup.lower += 1,
                2 => makeup.upper += 1,
                3 => makeup.digits += 1,
                _ => {}
            }
            row = if matches!(class, 1 | 2) && class == last {
                row + 1
            } else {
                1
            };
            if matches!(class, 1 | 2) {
                makeup.longest = makeup.longest.max(row);
            }
            last = class;
        }
        for part in bytes.split(|b| !b.is_ascii_alphanumeric()) {
            let digits = part.iter().filter(|b| b.is_ascii_digit()).count();
            // How often the class changes, but from the capital of a word to its small letters.
            let changes = part
                .windows(2)
                .filter(|w| matches!(w, [a, b] if changed(*a, *b)))
                .count();
            let odd = part.len() >= 6 && changes >= 2 && changes * 4 >= part.len();
            if odd && (digits > 0 || changes >= 3) {
                makeup.mixed += part.len();
            }
        }
        makeup
    }

    /// Whether it looks drawn: letters and digits mixed all over, and as many different ones as its
    /// length allows.
    pub(super) fn drawn(&self) -> bool {
        if self.hex {
            return self.length >= 16
                && self.digits * 6 >= self.length
                && self.lower + self.upper >= 2
                && self.entropy >= if self.length >= 32 { 2_900 } else { 2_700 };
        }
        let floor = match self.length {
            0..=11 => 2_900,
            12..=19 => 3_050,
            20..=31 => 3_300,
            _ => 3_500,
        };
        // Among twenty letters of both cases, digits may be missing by chance.
        let letters = self.length >= 20 && self.lower > 0 && self.upper > 0;
        (self.digits >= 1 || letters)
            && self.lower + self.upper >= 3
            && self.entropy >= floor
            && self.longest <= 9
            && self.mixed * 2 > self.length
    }
}

const fn changed(a: u8, b: u8) -> bool {
    a.is_ascii_digit() != b.is_ascii_digit() || (a.is_ascii_lowercase() && b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_close() {
        for n in 1..5_000u32 {
            let exact = f64::from(n).log2() * 1024.0;
            let ours = f64::from(log_2(n));
            assert!((exact - ours).abs() < 2.0, "{n}: {exact} {ours}");
        }
    }

    #[test]
    fn drawn_and_written_values() {
        for value in [
            "9f8Gh2Kd7Lm3Qp5Rt8Vw1Xz4",
            "wJalrXUtnFEMIK7MDENGbPxRfiCYzzzzkeyQ3v8d",
            "d91c558a2ba6b47f60f690efc20a33d2",
            "3fea6af1349166ea",
            "kVmqZtbWNrxLpYcgDHsjfAQe",
        ] {
            assert!(Makeup::of(value).drawn(), "{value}");
        }
        for value in [
            "event-bus-message-api",
            "SalesResults-1.2",
            "org.slf4j.slf4j-api",
            "aaaaaaaaaaaaaaaaaaaaaaaa1",
            "my-super-secret-value-2024",
            "0000000000000000",
            "application/json",
            "kVK_Return.u16",
            "abcdefghijklmnopqrstuvwxyz",
            "thisIsMyVeryLongIdentifierName",
        ] {
            assert!(!Makeup::of(value).drawn(), "{value}");
        }
    }
}
