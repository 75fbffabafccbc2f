//! Action: what the agent is trying to do.
//!
//! A base by the kind of effect (read < write < delete < delete at scale < exfiltration), then the
//! blast radius, whether it can be undone, and what makes its way of doing it dangerous.

use super::{DimensionScore, RiskContext, step};
use crate::model::{ActionType, Vector};

/// Records read in the last minutes from which on what leaves is an exfiltration.
const EXFILTRATION_RECORDS: i64 = 1_000;

/// Bytes sent in the last minutes after private data was touched from which on it is one.
const EXFILTRATION_BYTES: i64 = 64 * 1024;

pub(super) fn score(cx: &RiskContext<'_>, out: &mut DimensionScore) {
    base(cx, out);
    radius(cx, out);
    leaving(cx, out);
    manner(cx, out);
    findings(cx, out);
}

fn base(cx: &RiskContext<'_>, out: &mut DimensionScore) {
    let facts = cx.facts;
    // A database of one's own often has a public name; its data stays within it.
    let outside = facts.url.external && facts.resource.kind != "database";
    let (points, code, text) = if facts.action.delete {
        (55, "action.delete", "deletes")
    } else {
        match cx.action.action_type {
            ActionType::PermissionChange => (60, "action.permission", "changes permissions"),
            _ if facts.sql.rights => (60, "action.permission", "changes permissions"),
            ActionType::Payment => (45, "action.payment", "moves money"),
            _ if facts.sql.ddl => (45, "action.schema", "changes the structure of a database"),
            _ if facts.action.executes && facts.action.side_effect => {
                (40, "action.execute", "runs code or a program")
            }
            _ if facts.action.executes => (15, "action.execute-read", "runs a program that reads"),
            ActionType::MessageSend => (30, "action.message", "sends a message to a person"),
            _ if facts.action.side_effect && outside => {
                (35, "action.external-write", "changes something outside")
            }
            _ if facts.action.side_effect => (30, "action.write", "writes or changes something"),
            _ if outside => (15, "action.external-read", "reads from outside"),
            ActionType::LlmCall => (10, "action.model", "calls a model"),
            _ => (10, "action.read", "reads"),
        }
    };
    out.add(points, code, text);
}

fn radius(cx: &RiskContext<'_>, out: &mut DimensionScore) {
    let facts = cx.facts;
    let records = Some(facts.action.records).filter(|n| *n >= 0);
    if facts.sql.unbounded {
        out.add_value(
            40,
            "action.unbounded",
            "no condition bounds what it changes",
            records,
        );
    } else if facts.shell.recursive_delete {
        out.add(35, "action.recursive-delete", "deletes a whole tree");
    } else if facts.action.bulk {
        let points = if facts.action.side_effect {
            step(
                facts.action.records,
                &[(i64::MIN, 15), (10_000, 20), (100_000, 25)],
            )
        } else {
            step(
                facts.action.records,
                &[(i64::MIN, 10), (10_000, 20), (100_000, 35)],
            )
        };
        out.add_value(
            points,
            "action.bulk",
            "touches very many records at once",
            records,
        );
    } else if facts.action.records >= 100 {
        out.add_value(5, "action.many", "touches many records", records);
    }
    if facts.shell.destructive {
        out.add(
            50,
            "action.destructive",
            "destroys a disk or the system's state",
        );
    }
    if !facts.action.reversible {
        // Most changes can be corrected by another change; what is deleted is gone.
        let points = if facts.action.delete { 15 } else { 5 };
        out.add(points, "action.irreversible", "cannot be undone");
    }
    if facts.action.delete {
        match facts.resource.tier.as_str() {
            "critical" => out.add(20, "action.delete-critical", "what is deleted is critical"),
            "sensitive" => out.add(
                15,
                "action.delete-sensitive",
                "what is deleted is sensitive",
            ),
            _ => {}
        }
    }
    let money = &facts.money;
    if money.present {
        let points = step(money.amount, &[(100, 5), (1_000, 15), (10_000, 30)])
            + if money.negative { 10 } else { 0 };
        if points > 0 {
            out.add_value(
                points,
                "action.amount",
                "the amount of money is large or negative",
                Some(money.amount),
            );
        }
    }
}

/// Data that leaves; with private or many records it is an exfiltration.
fn leaving(cx: &RiskContext<'_>, out: &mut DimensionScore) {
    let facts = cx.facts;
    if !facts.action.outbound {
        return;
    }
    let private = facts.data.credentials || facts.data.phi || facts.data.cardholder;
    let read = cx.state.records_read.max(facts.action.records);
    let exfiltration = private
        || facts.action.bulk
        || read >= EXFILTRATION_RECORDS
        || (cx.state.private_seen && cx.state.bytes_out >= EXFILTRATION_BYTES);
    if exfiltration {
        out.add_value(
            55,
            "action.exfiltration",
            "private or very many records leave for an external destination",
            (read > 0).then_some(read),
        );
    } else {
        out.add(
            10,
            "action.outbound",
            "data leaves for an external destination",
        );
    }
}

fn manner(cx: &RiskContext<'_>, out: &mut DimensionScore) {
    let facts = cx.facts;
    if facts.action.unparsed {
        out.add(25, "action.unparsed", "a text that should parse does not");
    }
    if facts.action.elevated {
        out.add(15, "action.elevated", "uses or asks for raised rights");
    }
    if facts.shell.fetched_code {
        out.add(45, "action.fetched-code", "runs code that it fetches");
    } else if facts.shell.dynamic {
        out.add(
            10,
            "action.dynamic",
            "what runs is hidden in a substitution",
        );
    }
    if facts.url.metadata_service {
        out.add(
            50,
            "action.metadata-service",
            "reaches a cloud metadata service",
        );
    } else if facts.url.rebound {
        out.add(20, "action.rebound", "an outside name leads inside");
    }
    if facts.path.present {
        if facts.path.secret {
            out.add(25, "action.secret-path", "touches a known place of secrets");
        }
        if facts.path.system && facts.action.side_effect {
            out.add(
                30,
                "action.system-path",
                "changes files of the operating system",
            );
        }
        if facts.path.traversal {
            out.add(15, "action.traversal", "the path climbs out with `..`");
        }
    }
    if facts.sql.stacked {
        out.add(10, "action.stacked", "several statements in one text");
    }
}

/// What each vector adds at full confidence.
const WEIGHTS: &[(Vector, i16, &str, &str)] = &[
    (
        Vector::PromptInjection,
        30,
        "action.prompt-injection",
        "carries instructions that steer agents",
    ),
    (
        Vector::SqlInjection,
        35,
        "action.sql-injection",
        "carries SQL with a second meaning",
    ),
    (
        Vector::ExploitSignature,
        40,
        "action.exploit",
        "matches a known exploit",
    ),
    (Vector::Xss, 15, "action.xss", "carries script in data"),
    (
        Vector::ResourceExhaustion,
        20,
        "action.exhaustion",
        "would lock or drain the system",
    ),
    (
        Vector::PrivilegeEscalation,
        20,
        "action.escalation",
        "asks for rights that the agent lacks",
    ),
    (
        Vector::ExfiltrationVelocity,
        30,
        "action.velocity",
        "moves unusual amounts of data out",
    ),
];

fn findings(cx: &RiskContext<'_>, out: &mut DimensionScore) {
    for (vector, weight, code, text) in WEIGHTS {
        let confidence = i16::from(cx.findings.confidence(*vector).min(100));
        if confidence > 0 {
            out.add_value(
                weight * confidence / 100,
                code,
                text,
                Some(i64::from(confidence)),
            );
        }
    }
}
