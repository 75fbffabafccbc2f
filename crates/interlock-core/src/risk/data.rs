//! Data: which data the action touches, how much of it, and where it goes.

use super::{DimensionScore, RiskContext, step};
use crate::model::Vector;

pub(super) fn score(cx: &RiskContext<'_>, out: &mut DimensionScore) {
    let facts = cx.facts;
    let data = &facts.data;
    match facts.resource.tier.as_str() {
        "critical" => out.add(50, "data.critical", "the resource is critical"),
        "sensitive" => out.add(30, "data.sensitive", "the resource is sensitive"),
        "public" => {}
        _ => out.add(10, "data.internal", "the resource is internal"),
    }
    // Names and contents speak of the same data: the worst class counts, once.
    let (personal, secret) = content(cx);
    let (points, code, text) = if data.credentials {
        (35, "data.credentials", "credentials")
    } else if data.cardholder {
        (35, "data.cardholder", "cardholder data")
    } else if data.phi {
        (35, "data.phi", "health data")
    } else if secret {
        (35, "data.secret-content", "the contents hold a secret")
    } else if personal {
        (
            20,
            "data.personal-content",
            "the contents hold personal data",
        )
    } else if data.pii {
        (15, "data.pii", "personal data")
    } else if data.financial {
        (15, "data.financial", "financial data")
    } else {
        (0, "", "")
    };
    if points > 0 {
        out.add(points, code, text);
    }
    let matters = points > 0 || matches!(facts.resource.tier.as_str(), "sensitive" | "critical");
    if !matters {
        return;
    }
    let records = data.records.max(facts.action.records);
    let volume = step(
        records,
        &[(100, 5), (1_000, 15), (10_000, 25), (100_000, 35)],
    );
    if volume > 0 {
        out.add_value(volume, "data.volume", "many records", Some(records));
    } else if facts.sql.unbounded || facts.sql.unbounded_read {
        out.add(25, "data.everything", "all records there are");
    }
    if facts.action.outbound {
        out.add(15, "data.leaving", "it leaves for an external destination");
    }
    if facts.action.delete {
        out.add(20, "data.at-stake", "it is deleted");
    } else if facts.action.unparsed {
        out.add(10, "data.at-stake", "nobody can tell what happens to it");
    }
    if data.classes.iter().any(|class| class == "test") {
        out.add(-25, "data.test", "it is named as test data");
    }
}

/// Whether the detectors found personal data, and secrets, in the contents.
fn content(cx: &RiskContext<'_>) -> (bool, bool) {
    if !cx.findings.has(Vector::Pii) {
        return (false, false);
    }
    // A mailbox to which a message goes is its address, not its contents.
    let mut personal = false;
    let mut secret = false;
    for finding in cx.findings.items() {
        if finding.code.vector != Vector::Pii {
            continue;
        }
        let code = finding.code.code;
        if [
            "key",
            "token",
            "secret",
            "password",
            "credential",
            "jwt",
            "card",
            "ssn",
        ]
        .iter()
        .any(|word| code.contains(word))
        {
            secret = true;
        } else if !is_recipient(&finding.path) {
            personal = true;
        }
    }
    (personal, secret)
}

fn is_recipient(path: &str) -> bool {
    let Some(rest) = path
        .strip_prefix("arguments.")
        .or_else(|| path.strip_prefix("payload."))
    else {
        return false;
    };
    let key = rest.split(['[', '.']).next().unwrap_or(rest);
    matches!(
        key,
        "to" | "cc" | "bcc" | "recipient" | "recipients" | "email" | "emails" | "to_email"
    )
}
