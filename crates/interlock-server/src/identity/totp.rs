//! One-time codes from the time (RFC 6238 over RFC 4226): SHA-1, six digits, thirty seconds, which is
//! what every authenticator application takes.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;

/// Bytes of a secret: the size of the hash, as RFC 4226 recommends.
pub(crate) const SECRET_BYTES: usize = 20;
/// Digits of a code.
pub(crate) const DIGITS: usize = 6;
/// Seconds that a code is shown.
const STEP_S: i64 = 30;
/// Steps before and after the present one whose codes are taken: clocks differ, people type.
const SLACK: i64 = 1;

/// The step of a time in nanoseconds.
pub(crate) fn step_at(now: i64) -> i64 {
    now.div_euclid(STEP_S * 1_000_000_000)
}

/// The code of a step.
pub(crate) fn code(secret: &[u8], step: i64) -> String {
    // HMAC takes a key of any size; the error of the interface cannot occur.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret) else {
        return String::new();
    };
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash[hash.len() - 1] & 15);
    let word = hash[offset..offset + 4]
        .iter()
        .fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
        & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

/// The step whose code this is, within the slack around now; all of them are compared.
pub(crate) fn matching_step(secret: &[u8], presented: &str, now: i64) -> Option<i64> {
    let present = step_at(now);
    let mut found = None;
    for step in present - SLACK..=present + SLACK {
        let same = code(secret, step).as_bytes().ct_eq(presented.as_bytes());
        if bool::from(same) && found.is_none() {
            found = Some(step);
        }
    }
    found
}

/// A secret as people type it into an application (RFC 4648, section 6, without padding).
pub(crate) fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut word, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        word = word << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(ALPHABET[(word >> bits) as usize & 31]));
        }
        word &= (1 << bits) - 1;
    }
    if bits > 0 {
        out.push(char::from(ALPHABET[(word << (5 - bits)) as usize & 31]));
    }
    out
}

/// The address that authenticator applications read from a picture. A login has no character that
/// means something in an address but `@` and `+`.
pub(crate) fn uri(login: &str, secret: &[u8]) -> String {
    let login = login.replace('+', "%2B").replace('@', "%40");
    format!(
        "otpauth://totp/Interlock:{login}?secret={}&issuer=Interlock&algorithm=SHA1&digits={DIGITS}&period={STEP_S}",
        base32(secret)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    /// RFC 6238, appendix B; the last six of its eight digits.
    #[test]
    fn the_rfc_s_codes() {
        for (seconds, expected) in [
            (59_i64, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(SECRET, seconds / 30), expected, "{seconds}");
        }
    }

    #[test]
    fn one_step_before_and_after() {
        let now = 1_234_567_890_000_000_000;
        let present = step_at(now);
        for (off, taken) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let found = matching_step(SECRET, &code(SECRET, present + off), now);
            assert_eq!(found, taken.then_some(present + off), "{off}");
        }
        for wrong in ["", "00592", "0059240", "ab5924", "005925"] {
            assert_eq!(matching_step(SECRET, wrong, now), None, "{wrong}");
        }
    }

    /// RFC 4648, section 10, without the padding.
    #[test]
    fn secrets_are_written_in_base_32() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
        assert!(uri("ana+x@example.com", SECRET).starts_with(
            "otpauth://totp/Interlock:ana%2Bx%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&"
        ));
    }
}
