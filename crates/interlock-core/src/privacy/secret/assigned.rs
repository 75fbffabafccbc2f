//! Secrets without a vendor's prefix: a value that looks drawn, under a name that says so.
//!
//! The value is looked for first: drawn values are rare, and only before one is its name read.

use crate::privacy::kind::{Finder, Make, Match, kind};
use crate::privacy::mask::both_ends;
use crate::privacy::run::{RUN_BYTES_MIN, run_byte, runs};
use crate::privacy::scan::{Input, Words};
use crate::text::Flags;

use super::entropy::Makeup;
use super::placeholder::{code_like, placeholder};

kind! {
    /// A random value that its name calls a secret, a key or a token.
    KIND = "generic_secret", Secret, 80;
    code "generic-secret", "a random value that is called a secret";
    example concat!("client_secret=", "9f8Gh2Kd7Lm3Qp5Rt8Vw1Xz4");
    checksum "";
    source "https://cwe.mitre.org/data/definitions/798.html";
    words &[];
    find Finder::Text(Flags::RUN, Words::NONE, find);
    mask both_ends;
    make Make::Own(super::redraw_all);
}

/// Bytes of a value that a name may call secret.
const VALUE_BYTES_MAX: usize = 512;
/// Bytes before a value in which its name stands.
const NAME_BYTES_MAX: usize = 96;

/// Parts of names, without separators, that call a value secret.
const SECRET_NAMES: [&str; 24] = [
    "apikey",
    "apitoken",
    "secret",
    "token",
    "accesskey",
    "authkey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "servicekey",
    "licensekey",
    "accountkey",
    "sharedaccesskey",
    "credential",
    "password",
    "passwd",
    "authorization",
    "bearer",
    "appkey",
    "clientkey",
    "deploykey",
    "webhook",
    "apipass",
];
/// Parts of names of vendors whose keys are hexadecimal or alphanumeric without a mark.
const VENDOR_NAMES: [&str; 64] = [
    "adafruit",
    "airtable",
    "algolia",
    "asana",
    "beamer",
    "bitbucket",
    "bittrex",
    "codecov",
    "coinbase",
    "cohere",
    "confluent",
    "contentful",
    "datadog",
    "discord",
    "droneci",
    "dropbox",
    "etsy",
    "fastly",
    "finicity",
    "finnhub",
    "flickr",
    "freshbooks",
    "gitter",
    "gocardless",
    "hubspot",
    "intercom",
    "jfrog",
    "kraken",
    "kucoin",
    "launchdarkly",
    "linkedin",
    "looker",
    "mailchimp",
    "mailgun",
    "mapbox",
    "mattermost",
    "maxmind",
    "meraki",
    "messagebird",
    "mistral",
    "netlify",
    "newrelic",
    "nytimes",
    "okta",
    "plaid",
    "rapidapi",
    "sendbird",
    "sentry",
    "shodan",
    "snyk",
    "sonar",
    "sourcegraph",
    "squarespace",
    "sumologic",
    "travis",
    "trello",
    "twilio",
    "twitch",
    "twitter",
    "typeform",
    "wandb",
    "yandex",
    "zendesk",
    "opsgenie",
];
/// Ends of names that say that the value only leads to a secret, or is none.
const OTHER_ENDS: [&str; 44] = [
    "id",
    "ids",
    "name",
    "names",
    "file",
    "path",
    "url",
    "uri",
    "type",
    "size",
    "length",
    "count",
    "version",
    "hash",
    "sha",
    "sha1",
    "sha256",
    "md5",
    "digest",
    "checksum",
    "expires",
    "expiry",
    "ttl",
    "algorithm",
    "arn",
    "endpoint",
    "header",
    "prefix",
    "suffix",
    "format",
    "field",
    "pattern",
    "provider",
    "policy",
    "location",
    "limit",
    "index",
    "uuid",
    "fingerprint",
    "thumbprint",
    "ref",
    "revision",
    "commit",
    "integrity",
];
/// Parts of names of values that are given to everybody.
const OTHER_PARTS: [&str; 12] = [
    "public",
    "publishable",
    "csrf",
    "xsrf",
    "nonce",
    "nexttoken",
    "pagetoken",
    "continuation",
    "cursor",
    "authenticity",
    "antiforgery",
    "synctoken",
];

const fn value_byte(b: u8) -> bool {
    run_byte(b) || matches!(b, b'+' | b'/' | b'=')
}

fn find(input: &Input<'_>, out: &mut Vec<Match>) {
    runs(input.text, value_byte, |run| {
        // The name and its `=` stand in the same run where no space separates them.
        let mut start = run.start;
        let mut value = run.text;
        if let Some(at) = value.trim_end_matches('=').rfind('=') {
            start += at + 1;
            value = value.get(at + 1..).unwrap_or_default();
        }
        if value.len() < RUN_BYTES_MIN || value.len() > VALUE_BYTES_MAX {
            return;
        }
        if cut_off(input.text, start + value.len()) {
            return;
        }
        let makeup = Makeup::of(value.trim_end_matches('='));
        if !makeup.drawn() || !plain(value, &makeup) || placeholder(value) || code_like(value) {
            return;
        }
        let Some(confidence) = called(input, start, value, &makeup) else {
            return;
        };
        out.push(Match {
            kind: &KIND,
            start,
            end: start + value.len(),
            confidence,
        });
    });
}

/// Whether the value that ends at `end` was cut off: an ellipsis or stars stand behind it.
pub(super) fn cut_off(text: &str, end: usize) -> bool {
    let rest = text.get(end..).unwrap_or_default();
    ["..", "…", "***"].iter().any(|m| rest.starts_with(m))
}

/// Whether a value is no path, host, date or name with dots.
fn plain(value: &str, makeup: &Makeup) -> bool {
    let slashes = value.bytes().filter(|b| *b == b'/').count();
    let dots = value.bytes().filter(|b| *b == b'.').count();
    let path = slashes > 0
        && (value.starts_with('/')
            || makeup.longest > 6
            || makeup.upper == 0
            || makeup.entropy < 4_000);
    !path && dots <= 2 && !value.contains("--")
}

/// How sure the name before `start` makes that the value is a secret.
fn called(input: &Input<'_>, start: usize, value: &str, makeup: &Makeup) -> Option<u8> {
    let uuid = value.len() == 36 && value.bytes().filter(|b| *b == b'-').count() == 4;
    let strength = match name_before(input.text, start) {
        Some(name) => strength(&name),
        None if start <= 1 => strength(input.key),
        None => Strength::None,
    };
    match strength {
        Strength::Secret => Some(66),
        // An identifier as a vendor's key: too many are only identifiers.
        Strength::Vendor
            if !uuid && (makeup.hex && value.len() >= 32 || makeup.entropy >= 3_400) =>
        {
            Some(60)
        }
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strength {
    None,
    Vendor,
    Secret,
}

/// What a name says of its value.
fn strength(name: &str) -> Strength {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let last = last_word(name);
    if OTHER_ENDS.contains(&last.as_str()) || OTHER_PARTS.iter().any(|p| plain.contains(p)) {
        return Strength::None;
    }
    if SECRET_NAMES.iter().any(|n| plain.contains(n)) {
        Strength::Secret
    } else if words(name).any(|w| VENDOR_NAMES.iter().any(|n| w.starts_with(n))) {
        Strength::Vendor
    } else {
        Strength::None
    }
}

/// The words of a name in lower case.
fn words(name: &str) -> impl Iterator<Item = String> {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .flat_map(|part| {
            let bytes = part.as_bytes();
            let begins = |i: &usize| {
                *i == 0
                    || bytes.get(*i).is_some_and(u8::is_ascii_uppercase)
                        && bytes.get(i - 1).is_some_and(u8::is_ascii_lowercase)
            };
            let starts: Vec<usize> = (0..bytes.len()).filter(begins).collect();
            let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
            starts
                .iter()
                .zip(ends)
                .filter_map(|(s, e)| part.get(*s..e))
                .map(str::to_ascii_lowercase)
                .collect::<Vec<_>>()
        })
}

/// The last word of a name in lower case: `id` of `secretId`, `secret_id`, `SECRET-ID`.
fn last_word(name: &str) -> String {
    let name = name.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    let bytes = name.as_bytes();
    let mut start = bytes.len();
    while start > 0 {
        let b = bytes.get(start - 1).copied().unwrap_or(0);
        let after = bytes.get(start).copied().unwrap_or(0);
        let begins = b.is_ascii_uppercase() && after.is_ascii_lowercase();
        if !b.is_ascii_alphanumeric() || (b.is_ascii_lowercase() && after.is_ascii_uppercase()) {
            break;
        }
        start -= 1;
        if begins {
            break;
        }
    }
    name.get(start..).unwrap_or_default().to_ascii_lowercase()
}

/// The name to which the value at `start` is assigned: `name = `, `"name": "`, `name=`, `--name `,
/// `<name>`, `name is `, `Authorization: Bearer `, `setName("`, `string name = `.
pub(super) fn name_before(text: &str, start: usize) -> Option<String> {
    let bytes = text.as_bytes();
    let from = start.saturating_sub(NAME_BYTES_MAX);
    let mut end = start;
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let mut sign = false;
    let mut spaces = 0;
    // Quotes, brackets, spaces and signs between the two.
    while end > from {
        match at(end - 1) {
            b'=' | b':' | b'>' | b',' | b'(' | b'|' => sign = true,
            b' ' | b'\t' => spaces += 1,
            b'"' | b'\'' | b'`' | b'\\' | b'[' | b']' | b')' | b'{' | b'?' | b'+' | b'$' | b'@' => {
            }
            _ => break,
        }
        end -= 1;
    }
    let name = |end: usize| {
        let mut begin = end;
        while begin > from
            && (at(begin - 1).is_ascii_alphanumeric()
                || matches!(at(begin - 1), b'_' | b'-' | b'.'))
        {
            begin -= 1;
        }
        text.get(begin..end)
            .filter(|n| !n.is_empty())
            .map(|n| (begin, n))
    };
    let (begin, word) = name(end)?;
    let lower = word.to_ascii_lowercase();
    // A scheme, a verb or a type stands between name and value.
    let between = matches!(
        lower.as_str(),
        "bearer"
            | "basic"
            | "is"
            | "are"
            | "was"
            | "string"
            | "str"
            | "value"
            | "xsd"
            | "const"
            | "text"
            | "char"
            | "new"
            | "api-token"
            | "b"
            | "f"
            | "r"
            | "u"
            | "to"
            | "of"
            | "required"
            | "default"
    );
    if between
        || (lower == "token" || lower == "api-key" || lower == "apikey") && !sign && spaces > 0
    {
        if matches!(
            lower.as_str(),
            "bearer" | "basic" | "token" | "api-token" | "api-key" | "apikey"
        ) && spaces > 0
        {
            return Some(lower);
        }
        let mut end = begin;
        while end > from
            && !(at(end - 1).is_ascii_alphanumeric() || matches!(at(end - 1), b'_' | b'.'))
        {
            end -= 1;
        }
        return name(end).map(|(_, n)| n.to_owned());
    }
    // Without a sign only the option of a command names a value.
    (sign || word.starts_with('-')).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::tests::sure_of;

    #[test]
    fn names_are_read_in_every_notation() {
        let value = "9f8Gh2Kd7Lm3Qp5Rt8Vw1Xz4";
        for form in [
            "client_secret={}",
            "client_secret = \"{}\"",
            "\"client_secret\": \"{}\"",
            "\\\"clientSecret\\\": \\\"{}\\\"",
            "client_secret: {}",
            "clientSecret := `{}`",
            "string clientSecret = \"{}\";",
            "var appToken string = \"{}\"",
            "$apiToken = '{}';",
            "<apiToken>{}</apiToken>",
            "API_TOKEN ?= {}",
            "API_TOKEN ::= {}",
            "--api-token {}",
            "Authorization: Bearer {}",
            "Authorization: Token {}",
            "X-Api-Key: {}",
            "setSecret(\"api_token\", \"{}\")",
            "the token is {}",
            "API_TOKEN+={}",
            "private static final String API_TOKEN = \"{}\";",
            "https://h/p?access_token={}&x=1",
        ] {
            let text = form.replace("{}", value);
            assert!(sure_of("generic_secret", &text) >= 50, "{text}");
        }
    }

    #[test]
    fn what_is_called_otherwise_is_none() {
        let value = "9f8Gh2Kd7Lm3Qp5Rt8Vw1Xz4";
        for form in [
            "secret_id = \"{}\"",
            "tokenName: {}",
            "commit {}",
            "csrf-token={}",
            "next_token: \"{}\"",
            "sha256:{}",
            "{}",
            "\"credentialsId\": \"{}\"",
            "public_key = {}",
            "keyword: {}",
            "secretHash={}",
        ] {
            let text = form.replace("{}", value);
            assert_eq!(sure_of("generic_secret", &text), 0, "{text}");
        }
        for text in [
            "token = xxxxxxxxxxxxxxxxxxxxxxxx",
            "api_key = YOUR_API_KEY_HERE_PLEASE",
            "secret: ${SECRET_FROM_VAULT_123}",
            "token: docs/reference/tokens2.md",
            "api_key: com.example.app.settings.v2.Key",
            "secret=\"<replace-me-with-9f8Gh2Kd7>\"",
            "request_token: 123e4567-0000-0000-0000-000000000000",
        ] {
            assert_eq!(sure_of("generic_secret", text), 0, "{text}");
        }
    }

    #[test]
    fn last_words() {
        for (name, last) in [
            ("secretId", "id"),
            ("SECRET_ID", "id"),
            ("tokenURL", "url"),
            ("api-key", "key"),
            ("x", "x"),
        ] {
            assert_eq!(last_word(name), last, "{name}");
        }
    }
}
