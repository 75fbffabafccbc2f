//! Tokens that vendors mark with a prefix or a form of their own.

use std::sync::LazyLock;

use crate::privacy::check::crc_32;
use crate::privacy::draw::Draw;
use crate::privacy::kind::{Finder, Make, Match, kind};
use crate::privacy::mask::both_ends;
use crate::privacy::run::Run;
use crate::privacy::scan::Input;

use super::entropy::Makeup;
use super::placeholder::placeholder;
use super::vendors::{End, VENDORS, Vendor};

kind! {
    /// A token that a vendor marks with a prefix. Where the vendor puts a checksum into it (GitHub, npm),
    /// one that fits makes sure; one that does not may still be an older or a test token.
    KIND = "api_key", Secret, 90;
    code "api-key", "a token with a vendor's prefix";
    example concat!("ghp_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    checksum "";
    source "https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/";
    words &[];
    find Finder::Run(find);
    mask both_ends;
    make Make::Own(make);
}

kind! {
    /// An access key id of Amazon Web Services: four letters for its sort, sixteen of base 32.
    AWS = "aws_key", Secret, 95;
    code "aws-key", "an access key of a cloud account";
    example concat!("AKIA", "Z7QRPL2K4NSD3VXT");
    checksum "";
    source "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html";
    words &[];
    find Finder::Run(find_aws);
    mask both_ends;
    make Make::Own(make_aws);
}

/// Vendors by the first byte of their prefix, the longest prefix first.
static BY_FIRST: LazyLock<Vec<Vec<Vendor>>> = LazyLock::new(|| {
    (0..128u8)
        .map(|first| {
            let mut all: Vec<Vendor> = VENDORS
                .iter()
                .copied()
                .filter(|v| v.prefix.as_bytes().first() == Some(&first))
                .collect();
            all.sort_by_key(|v| std::cmp::Reverse(v.prefix.len()));
            all
        })
        .collect()
});

/// How many vendors' tokens are known.
#[must_use]
pub fn vendor_names() -> Vec<&'static str> {
    let mut names: Vec<&str> = VENDORS.iter().map(|v| v.name).collect();
    names.dedup();
    names
}

fn find(input: &Input<'_>, run: &Run<'_>, out: &mut Vec<Match>) {
    let found = marked(input.text, run.start)
        .or_else(|| azure(run))
        .or_else(|| formed(input.text, run));
    if let Some((start, end, confidence)) = found {
        out.push(Match {
            kind: &KIND,
            start,
            end,
            confidence,
        });
    }
}

/// A token with a prefix at `start`: its extent and how sure it is.
fn marked(text: &str, start: usize) -> Option<(usize, usize, u8)> {
    let bytes = text.as_bytes();
    let first = bytes.get(start).copied()?;
    BY_FIRST.get(usize::from(first))?.iter().find_map(|vendor| {
        let body = start + vendor.prefix.len();
        if bytes.get(start..body)? != vendor.prefix.as_bytes() {
            return None;
        }
        let length = bytes
            .get(body..)?
            .iter()
            .take(vendor.max + 1)
            .take_while(|b| vendor.charset.has(**b))
            .count();
        let value = text.get(body..body + length)?;
        let value = value.trim_end_matches('.');
        if !(vendor.min..=vendor.max).contains(&value.len()) || !drawn(vendor, value) {
            return None;
        }
        let confidence = match vendor.end {
            _ if super::assigned::cut_off(text, body + value.len()) => return None,
            End::Any => 94,
            End::With(end) if value.ends_with(end) => 96,
            End::With(_) => return None,
            End::Digits(n) => {
                let digits = value.bytes().take_while(u8::is_ascii_digit).count();
                if digits < n || value.as_bytes().get(digits) != Some(&b'-') {
                    return None;
                }
                95
            }
            End::Crc62 if crc_62(value) => 99,
            End::Crc62 => 90,
        };
        // Two or three characters are no mark but for a body as random as this.
        let short =
            vendor.prefix.len() <= 3 && !vendor.prefix.ends_with('_') && !Makeup::of(value).drawn();
        (!short).then_some((start, body + value.len(), confidence))
    })
}

/// Whether a body looks drawn rather than written.
fn drawn(vendor: &Vendor, value: &str) -> bool {
    let makeup = Makeup::of(value);
    let letters = makeup.lower + makeup.upper;
    let mixed = (makeup.digits > 0 && letters > 0)
        // Letters only, in both cases: some vendors' are drawn from letters.
        || (makeup.lower > 0 && makeup.upper > 0 && vendor.prefix.ends_with(['_', '-']) && makeup.longest <= 9);
    mixed && makeup.entropy >= 2_600 && makeup.longest <= 16 && !placeholder(value)
}

/// Whether the last six characters are the CRC-32 of the others.
fn crc_62(value: &str) -> bool {
    let Some((body, check)) = value
        .len()
        .checked_sub(6)
        .and_then(|n| value.split_at_checked(n))
    else {
        return false;
    };
    check == base_62(crc_32(body.as_bytes()))
}

fn base_62(mut n: u32) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut out = [b'0'; 6];
    for slot in out.iter_mut().rev() {
        *slot = DIGITS.get((n % 62) as usize).copied().unwrap_or(b'0');
        n /= 62;
    }
    out.iter().map(|b| char::from(*b)).collect()
}

/// A client secret of Azure has no prefix but a mark: three characters, a digit, `Q~`, 31 to 34 more.
fn azure(run: &Run<'_>) -> Option<(usize, usize, u8)> {
    let mark = run.text.find("Q~")?;
    let head = run.text.get(..mark)?;
    let body = run.text.get(mark + 2..)?;
    let shaped = head.len() == 4
        && head.ends_with(|c: char| c.is_ascii_digit())
        && (31..=34).contains(&body.len())
        && !placeholder(body);
    shaped.then_some((run.start, run.end(), 94))
}

/// Forms without a prefix: Telegram's, Facebook's, Terraform's, Mailchimp's, Discord's, Airtable's.
fn formed(text: &str, run: &Run<'_>) -> Option<(usize, usize, u8)> {
    let value = run.text;
    let bytes = text.as_bytes();
    let before = |n: usize| run.start.checked_sub(n).and_then(|i| bytes.get(i)).copied();
    let digits_before = |mark: u8| {
        if before(1) != Some(mark) {
            return 0;
        }
        (2..24)
            .take_while(|n| before(*n).is_some_and(|b| b.is_ascii_digit()))
            .count()
    };
    let whole = |confidence| Some((run.start, run.end(), confidence));
    let makeup = || Makeup::of(value);
    match value.len() {
        // `123456789:AA…`: a bot of Telegram.
        35 if value.starts_with("AA") => {
            let digits = digits_before(b':');
            if (8..=10).contains(&digits) && makeup().entropy >= 3_000 {
                return Some((run.start - digits - 1, run.end(), 94));
            }
        }
        // `1308742762612587|…`: an app of Facebook.
        27 => {
            let digits = digits_before(b'|');
            if (13..=17).contains(&digits) && makeup().entropy >= 3_000 {
                return Some((run.start - digits - 1, run.end(), 92));
            }
        }
        // Thirty-two hexadecimal digits and the data centre: Mailchimp.
        36 | 37 if value.get(32..35) == Some("-us") => {
            let (head, centre) = (value.get(..32)?, value.get(35..)?);
            if head.bytes().all(|b| b.is_ascii_hexdigit())
                && centre.bytes().all(|b| b.is_ascii_digit())
            {
                return whole(94);
            }
        }
        80..=95
            if value.get(14..23) == Some(".atlasv1.")
                && makeup().entropy >= 3_300
                && !placeholder(value) =>
        {
            return whole(95);
        }
        // Three parts: a user's id in base64, a time, a signature: a bot of Discord.
        58..=76 => {
            let mut parts = value.split('.').map(str::len);
            let lengths = [parts.next(), parts.next(), parts.next(), parts.next()];
            if matches!(lengths, [Some(23..=28), Some(6), Some(27..=38), None])
                && value.starts_with(['M', 'N', 'O'])
                && makeup().digits > 0
            {
                return whole(92);
            }
        }
        _ => {}
    }
    None
}

fn find_aws(_: &Input<'_>, run: &Run<'_>, out: &mut Vec<Match>) {
    let value = run.text;
    let marked = value.len() == 20
        && (["AKIA", "ASIA", "ABIA", "ACCA"]
            .iter()
            .any(|p| value.starts_with(p))
            || value.starts_with("A3T"));
    let body = value.get(4..).unwrap_or_default();
    let shaped = body
        .bytes()
        .all(|b| b.is_ascii_uppercase() || matches!(b, b'2'..=b'7'))
        && Makeup::of(body).entropy >= 2_700;
    // Keys of examples end so.
    if marked && shaped && !value.ends_with("EXAMPLE") {
        out.push(Match {
            kind: &AWS,
            start: run.start,
            end: run.end(),
            confidence: 96,
        });
    }
}

/// The same prefix, a body of the same characters, and its checksum.
fn make(original: &str, draw: &mut Draw) -> String {
    let vendor = VENDORS
        .iter()
        .filter(|v| original.starts_with(v.prefix))
        .max_by_key(|v| v.prefix.len());
    let (keep, end) = vendor.map_or((0, End::Any), |v| (v.prefix.len(), v.end));
    let made = super::redraw(original, keep, draw);
    match end {
        End::Any => made,
        // The numbers of workspace and user stay in front.
        End::Digits(_) => made,
        End::With(end) => {
            let head = made
                .get(..made.len().saturating_sub(end.len()))
                .unwrap_or_default();
            format!("{head}{end}")
        }
        End::Crc62 => {
            let head = made.get(..made.len().saturating_sub(6)).unwrap_or_default();
            let body = head.get(keep..).unwrap_or_default();
            format!("{head}{}", base_62(crc_32(body.as_bytes())))
        }
    }
}

fn make_aws(original: &str, draw: &mut Draw) -> String {
    let head = original.get(..4).unwrap_or("AKIA");
    let body: String = (0..16)
        .map(|_| draw.pick(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
        .collect();
    format!("{head}{body}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::draw::Draw;
    use crate::privacy::tests::sure_of;

    /// A body of `n` characters of the vendor's alphabet.
    fn body(vendor: &Vendor, n: usize, seed: u32) -> String {
        let mut draw = Draw::new(&[3; 32], vendor.name, vendor.prefix, seed);
        let alphabet: Vec<u8> = (0..128u8)
            .filter(|b| vendor.charset.has(*b) && b.is_ascii_alphanumeric())
            .collect();
        (0..n).map(|_| draw.pick(&alphabet)).collect()
    }

    #[test]
    fn each_vendors_token_is_found_and_shorter_ones_are_not() {
        assert!(vendor_names().len() >= 60, "{}", vendor_names().len());
        for vendor in VENDORS {
            for seed in 0..4 {
                let mut value = body(vendor, vendor.min, seed);
                if vendor.charset.has(b'7') {
                    value.replace_range(2..3, "7");
                }
                if let End::Digits(n) = vendor.end {
                    value.replace_range(
                        ..n + 1,
                        &format!("{}-", "7204915836".repeat(2).get(..n).unwrap()),
                    );
                }
                if let End::With(end) = vendor.end {
                    value.truncate(value.len() - end.len());
                    value.push_str(end);
                }
                let text = format!("key: {}{value} end", vendor.prefix);
                assert!(sure_of("api_key", &text) >= 50, "{} {text}", vendor.name);
                let filler = "x".repeat(vendor.min);
                let text = format!("key: {}{filler} end", vendor.prefix);
                assert_eq!(sure_of("api_key", &text), 0, "{} {text}", vendor.name);
            }
        }
    }

    #[test]
    fn a_checksum_that_fits_makes_sure() {
        let body = "0Hq3Vb7RkT1mXc9ZpL5wYs2NdJ8fGa";
        let check = base_62(crc_32(body.as_bytes()));
        assert_eq!(sure_of("api_key", &format!("{}{body}{check}", "ghp_")), 99);
        assert_eq!(sure_of("api_key", &format!("{}{body}a1B2c3", "npm_")), 90);
    }

    #[test]
    fn forms_without_a_prefix() {
        let tail = body(VENDORS.first().unwrap(), 40, 9);
        for text in [
            format!("bot 123456789:AA{}", &tail[..33]),
            format!("1308742762612587|{}", &tail[..27]),
            "0123456789abcdef0123456789abcde1-us12".to_owned(),
            format!("abcDEF123ghij8.atlasv1.{tail}{}", &tail[..25]),
            "client_secret: .IQ8Q~79R7TOWOspFnWcEG-dYt4KXqFqxK16cxr".to_owned(),
        ] {
            assert!(sure_of("api_key", &text) >= 50, "{text}");
        }
        for text in [
            "~~~~~~~~~~Q~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~",
            "TODAYINASIAASACKOFRICE",
            "AKIAIOSFODNN7EXAMPLE",
        ] {
            assert_eq!(
                sure_of("api_key", text) + sure_of("aws_key", text),
                0,
                "{text}"
            );
        }
    }
}
