//! Tokens that vendors mark with a prefix.

use crate::text::Flags;

use super::kind::{Family, Kind, Match};
use super::mask::both_ends;
use super::password::placeholder;
use super::scan::Words;

/// A vendor's token.
pub(super) static KIND: Kind = Kind {
    name: "api_key",
    label: "API_KEY",
    family: Family::Secret,
    risk: 90,
    flags: Flags::RUN,
    words: Words::TOKEN,
    find,
    partial: both_ends,
};

/// An access key id of Amazon Web Services.
pub(super) static AWS: Kind = Kind {
    name: "aws_key",
    label: "AWS_KEY",
    family: Family::Secret,
    risk: 95,
    flags: Flags::RUN,
    words: Words::AWS,
    find: find_aws,
    partial: both_ends,
};

/// What may follow a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    /// Letters and digits.
    Alnum,
    /// Letters, digits, `-` and `_`.
    Url,
    /// Letters, digits, `-`, `_`, `.`.
    Dotted,
    /// Hexadecimal digits.
    Hex,
    /// Letters, digits, `/`, `+`, `-`, `_`.
    Path,
}

struct Vendor {
    prefix: &'static str,
    charset: Charset,
    min: usize,
    max: usize,
}

const fn vendor(prefix: &'static str, charset: Charset, min: usize, max: usize) -> Vendor {
    Vendor {
        prefix,
        charset,
        min,
        max,
    }
}

macro_rules! vendors {
    ($($prefix:literal, $charset:ident, $min:literal, $max:literal;)*) => {
        /// The prefixes alone, for the prefilter.
        pub(super) const PREFIXES: &[&str] = &[$($prefix),*];
        const VENDORS: &[Vendor] = &[$(vendor($prefix, Charset::$charset, $min, $max)),*];
    };
}

// Prefix, alphabet, and the least and most characters after the prefix, as the vendors document
// them.
vendors! {
    "ghp_", Alnum, 36, 36;
    "gho_", Alnum, 36, 36;
    "ghu_", Alnum, 36, 36;
    "ghs_", Alnum, 36, 36;
    "ghr_", Alnum, 36, 36;
    "github_pat_", Url, 40, 90;
    "glpat-", Dotted, 20, 64;
    "gldt-", Url, 20, 64;
    "glrt-", Url, 20, 64;
    "xoxb-", Url, 20, 120;
    "xoxp-", Url, 20, 160;
    "xoxa-", Url, 20, 120;
    "xoxs-", Url, 20, 120;
    "xoxe.", Dotted, 20, 220;
    "xapp-", Url, 30, 140;
    "hooks.slack.com/services/", Path, 30, 90;
    "hooks.slack.com/workflows/", Path, 30, 110;
    "sk_live_", Alnum, 16, 120;
    "sk_test_", Alnum, 16, 120;
    "rk_live_", Alnum, 16, 120;
    "rk_test_", Alnum, 16, 120;
    "whsec_", Path, 24, 80;
    "sk-ant-", Url, 40, 160;
    "sk-proj-", Url, 30, 200;
    "sk-svcacct-", Url, 30, 200;
    "sk-or-v1-", Hex, 40, 80;
    "sk-", Alnum, 32, 80;
    "AIza", Url, 35, 35;
    "ya29.", Url, 30, 300;
    "GOCSPX-", Url, 28, 28;
    "hf_", Alnum, 34, 40;
    "api_org_", Alnum, 34, 34;
    "npm_", Alnum, 36, 36;
    "pypi-AgEIcHlwaS5vcmc", Url, 50, 260;
    "dckr_pat_", Url, 24, 40;
    "dop_v1_", Hex, 64, 64;
    "doo_v1_", Hex, 64, 64;
    "dapi", Hex, 32, 34;
    "shpat_", Hex, 32, 32;
    "shpss_", Hex, 32, 32;
    "shpca_", Hex, 32, 32;
    "SG.", Dotted, 60, 72;
    "key-", Hex, 32, 32;
    "sq0atp-", Url, 22, 22;
    "sq0csp-", Url, 43, 43;
    "EAAAEA", Url, 50, 70;
    "EAAC", Alnum, 60, 300;
    "EAAM", Alnum, 60, 300;
    "lin_api_", Alnum, 40, 40;
    "ntn_", Alnum, 43, 48;
    "secret_", Alnum, 43, 43;
    "figd_", Url, 36, 60;
    "hvs.", Url, 24, 140;
    "hvb.", Url, 90, 300;
    "pul-", Hex, 40, 40;
    "glc_", Path, 32, 400;
    "glsa_", Url, 40, 44;
    "sgp_", Url, 40, 60;
    "pplx-", Alnum, 48, 48;
    "gsk_", Alnum, 48, 56;
    "r8_", Alnum, 37, 40;
    "xai-", Alnum, 70, 90;
    "tskey-", Url, 20, 70;
    "rubygems_", Hex, 48, 48;
    "ops_eyJ", Alnum, 200, 1200;
    "ATATT3", Url, 150, 250;
    "pat-na1-", Url, 36, 36;
    "sntrys_", Path, 50, 300;
    "sntryu_", Hex, 64, 64;
    "phc_", Alnum, 40, 46;
    "phx_", Alnum, 40, 46;
    "lsv2_pt_", Url, 40, 50;
    "nvapi-", Url, 60, 70;
    "fo1_", Url, 43, 43;
    "fm2_", Path, 100, 700;
    "sbp_", Hex, 40, 40;
    "tfp_", Url, 40, 60;
    "NRAK-", Alnum, 27, 27;
    "PMAK-", Url, 59, 59;
    "pnu_", Alnum, 36, 36;
    "s-s4t2ud-", Hex, 64, 64;
    "s-s4t2af-", Hex, 64, 64;
    "sha256~", Url, 43, 43;
    "AKCp", Alnum, 60, 80;
    "ctx7sk-", Url, 30, 50;
    "dp.pt.", Alnum, 40, 44;
    "doppler_", Alnum, 40, 44;
    "discord.com/api/webhooks/", Path, 60, 120;
    "vercel_", Alnum, 24, 40;
    "cfut_", Alnum, 40, 60;
    "ilk_", Alnum, 24, 64;
}

/// Client secrets of Azure have no prefix but a mark: three characters, a digit, `Q~`.
fn find_azure(text: &str, out: &mut Vec<Match>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|t| t.find("Q~")) {
        let mark = from + found;
        from = mark + 2;
        let Some(start) = mark.checked_sub(4) else {
            continue;
        };
        let secret = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'~' | b'.' | b'-');
        let mut end = from;
        while bytes.get(end).copied().is_some_and(secret) {
            end += 1;
        }
        let head = bytes.get(start..mark).unwrap_or_default();
        let body = text.get(from..end).unwrap_or_default();
        let before = start.checked_sub(1).and_then(|i| bytes.get(i)).copied();
        let shaped = head.iter().copied().all(secret)
            && head.last().is_some_and(u8::is_ascii_digit)
            && (31..=34).contains(&body.len())
            && !before.is_some_and(secret);
        if shaped && !placeholder(body) {
            out.push(Match {
                kind: &KIND,
                start,
                end,
                confidence: 94,
            });
        }
    }
}

fn find(text: &str, out: &mut Vec<Match>) {
    find_azure(text, out);
    let bytes = text.as_bytes();
    for vendor in VENDORS {
        let mut from = 0;
        while let Some(found) = text.get(from..).and_then(|t| t.find(vendor.prefix)) {
            let start = from + found;
            let body = start + vendor.prefix.len();
            from = body;
            let before = start.checked_sub(1).and_then(|i| bytes.get(i)).copied();
            if before.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_') {
                continue;
            }
            let mut end = body;
            while end - body <= vendor.max
                && bytes
                    .get(end)
                    .copied()
                    .is_some_and(|b| fits(vendor.charset, b))
            {
                end += 1;
            }
            let length = end - body;
            let value = text.get(body..end).unwrap_or_default();
            // Shorter prefixes are only sure with digits behind them.
            let drawn = value.bytes().any(|b| b.is_ascii_digit())
                && value.bytes().any(|b| b.is_ascii_alphabetic());
            if (vendor.min..=vendor.max).contains(&length) && drawn && !placeholder(value) {
                out.push(Match {
                    kind: &KIND,
                    start,
                    end,
                    confidence: 94,
                });
                from = end;
            }
        }
    }
}

const fn fits(charset: Charset, b: u8) -> bool {
    match charset {
        Charset::Alnum => b.is_ascii_alphanumeric(),
        Charset::Hex => b.is_ascii_hexdigit(),
        Charset::Url => b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'),
        Charset::Dotted => b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'),
        Charset::Path => b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/' | b'+'),
    }
}

fn find_aws(text: &str, out: &mut Vec<Match>) {
    let bytes = text.as_bytes();
    for prefix in ["AKIA", "ASIA", "ABIA", "ACCA"] {
        let mut from = 0;
        while let Some(found) = text.get(from..).and_then(|t| t.find(prefix)) {
            let start = from + found;
            let end = start + 20;
            from = start + 4;
            let body = bytes.get(start + 4..end).unwrap_or_default();
            let alone = !start
                .checked_sub(1)
                .and_then(|i| bytes.get(i))
                .is_some_and(u8::is_ascii_alphanumeric)
                && !bytes.get(end).is_some_and(u8::is_ascii_alphanumeric);
            let shaped = body.len() == 16
                && body
                    .iter()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
                && body.iter().any(u8::is_ascii_digit);
            if alone && shaped {
                out.push(Match {
                    kind: &AWS,
                    start,
                    end,
                    confidence: 96,
                });
                from = end;
            }
        }
    }
}
