//! Personal data and secrets, as [`crate::privacy`] finds them.

use super::code::codes;
use super::{DetectContext, Detector, Phase};
use crate::model::{FindingCode, Findings, Vector};
use crate::privacy::{self, Match};
use crate::text::{Flags, Literals, ViewKind};

codes! {
    Pii, "pii";
    EMAIL = "email", "an e-mail address", ["CWE-359", "LLM02", "AML.T0057"];
    PHONE = "phone", "a telephone number", ["CWE-359", "LLM02", "AML.T0057"];
    CARD = "credit-card", "a payment card number", ["CWE-359", "LLM02", "AML.T0057"];
    SSN = "ssn", "a social security number", ["CWE-359", "LLM02", "AML.T0057"];
    BANK_ACCOUNT = "bank-account", "an international bank account number", ["CWE-359", "LLM02", "AML.T0057"];
    IP_ADDRESS = "ip-address", "a public internet address", ["CWE-359", "LLM02"];
    DATE_OF_BIRTH = "date-of-birth", "a date of birth", ["CWE-359", "LLM02", "AML.T0057"];
    PASSPORT = "passport", "a passport number", ["CWE-359", "LLM02", "AML.T0057"];
    AWS_KEY = "aws-key", "an access key of a cloud account", ["CWE-798", "ASI03", "AML.T0055"];
    API_KEY = "api-key", "a token with a vendor's prefix", ["CWE-798", "ASI03", "AML.T0055"];
    PRIVATE_KEY = "private-key", "a private key", ["CWE-321", "ASI03", "AML.T0055"];
    JWT = "jwt", "a JSON Web Token", ["CWE-522", "ASI03", "AML.T0055"];
    PASSWORD = "password", "a password", ["CWE-522", "ASI03", "AML.T0055"];
    GENERIC_SECRET = "generic-secret", "a random value that is called a secret", ["CWE-798", "ASI03", "AML.T0055"];
    URL_CREDENTIALS = "url-credentials", "a password within a URL", ["CWE-522", "ASI03", "AML.T0055"];
}

/// Keys under which an address says where a message goes, not what it holds.
const RECIPIENT_KEYS: [&str; 14] = [
    "to",
    "cc",
    "bcc",
    "from",
    "sender",
    "recipient",
    "recipients",
    "reply_to",
    "replyto",
    "reply-to",
    "attendees",
    "assignee",
    "author",
    "mailbox",
];
/// Bytes up to which a text under such a key is an address and not a message.
const RECIPIENT_BYTES_MAX: usize = 320;
/// Matches reported of one text; more change no decision.
const MATCHES_MAX: usize = 24;

/// Looks for personal data and secrets.
#[derive(Debug)]
pub(super) struct Pii;

impl Detector for Pii {
    fn vector(&self) -> Vector {
        Vector::Pii
    }

    fn phase(&self) -> Phase {
        Phase::Content
    }

    fn codes(&self) -> &'static [&'static FindingCode] {
        CODES
    }

    fn literals(&self) -> &'static [Literals] {
        privacy::KEYWORD_LITERALS
    }

    fn triggers(&self) -> Flags {
        Flags::AT.and(Flags::LONG_NUMBER)
    }

    fn reads_results(&self) -> bool {
        true
    }

    fn failed(&self) -> &'static FindingCode {
        &FAILED
    }

    fn detect(&self, cx: &DetectContext<'_>, out: &mut Findings) {
        for view in cx.scanned.views() {
            if !matches!(view.kind, ViewKind::Raw | ViewKind::Decoded) {
                continue;
            }
            let words = privacy::Words(view.classes(Vector::Pii));
            if words == privacy::Words::NONE && !view.flags.any(self.triggers()) {
                continue;
            }
            let key = cx.scanned.segment_of(view).map_or("", |s| s.key);
            let addressing = view.text.len() <= RECIPIENT_BYTES_MAX
                && RECIPIENT_KEYS.iter().any(|k| k.eq_ignore_ascii_case(key));
            for found in privacy::find_with(&view.text, view.flags, words)
                .iter()
                .take(MATCHES_MAX)
            {
                if addressing && matches!(found.kind.name, "email" | "phone") {
                    continue;
                }
                let confidence = found.confidence;
                cx.report(
                    out,
                    view,
                    code_of(found),
                    confidence,
                    (found.start, found.end),
                );
            }
        }
    }
}

fn code_of(found: &Match) -> &'static FindingCode {
    match found.kind.name {
        "email" => &EMAIL,
        "phone" => &PHONE,
        "credit_card" => &CARD,
        "ssn" => &SSN,
        "bank_account" => &BANK_ACCOUNT,
        "ip_address" => &IP_ADDRESS,
        "date_of_birth" => &DATE_OF_BIRTH,
        "passport" => &PASSPORT,
        "aws_key" => &AWS_KEY,
        "api_key" => &API_KEY,
        "private_key" => &PRIVATE_KEY,
        "jwt_token" => &JWT,
        "password" => &PASSWORD,
        "url_with_credentials" => &URL_CREDENTIALS,
        _ => &GENERIC_SECRET,
    }
}
