//! Compliance: which regulation the action touches.
//!
//! A rule is one line: its pack, a code, its article or requirement number with what it says of
//! this action, and when it applies. The points say how much the rule is at stake, not that it is
//! broken. Requirement numbers are those of PCI DSS 4.0.1, 45 CFR part 164 (HIPAA), the
//! Sarbanes-Oxley Act, and Regulation (EU) 2016/679 (GDPR).

use super::{DimensionScore, RiskContext, is_production};
use crate::model::{ActionType, Vector};

/// The packs there are.
pub const PACKS: [&str; 4] = ["pci-dss", "hipaa", "sox", "gdpr"];

/// One rule of a pack.
#[derive(Debug)]
pub struct ComplianceRule {
    /// The pack.
    pub pack: &'static str,
    /// The stable code of its term.
    pub code: &'static str,
    /// The article or requirement, and what it says here.
    pub text: &'static str,
    /// Points when it applies.
    pub points: i16,
    applies: fn(&RiskContext<'_>) -> bool,
}

macro_rules! rules {
    ($($pack:literal $code:literal $points:literal $text:literal $applies:expr;)*) => {
        /// Every rule, by pack.
        pub const RULES: &[ComplianceRule] = &[$(ComplianceRule {
            pack: $pack,
            code: $code,
            text: $text,
            points: $points,
            applies: $applies,
        },)*];
    };
}

rules! {
    "pci-dss" "compliance.pci-7.2" 15
        "PCI DSS 7.2: access to cardholder data needs a business need to know"
        |cx| cx.facts.data.cardholder;
    "pci-dss" "compliance.pci-7.2.6" 30
        "PCI DSS 7.2.6: queries of repositories of cardholder data are restricted"
        |cx| cx.facts.data.cardholder && everything(cx);
    "pci-dss" "compliance.pci-4.2.1" 40
        "PCI DSS 4.2.1: cardholder data over open networks needs strong cryptography"
        |cx| cx.facts.data.cardholder && cx.facts.action.outbound && in_clear(cx);
    "pci-dss" "compliance.pci-4.2.2" 50
        "PCI DSS 4.2.2: account numbers do not go through end-user messaging unprotected"
        |cx| cx.facts.data.cardholder && cx.action.action_type == ActionType::MessageSend;
    "pci-dss" "compliance.pci-3.4.2" 40
        "PCI DSS 3.4.2: account numbers are not copied or relocated over remote access"
        |cx| cx.facts.data.cardholder && cx.facts.action.outbound;
    "pci-dss" "compliance.pci-6.5.5" 30
        "PCI DSS 6.5.5: live account numbers are not used outside production"
        |cx| cx.facts.data.cardholder && !test(cx) && !is_production(&cx.facts.action.environment);
    "pci-dss" "compliance.pci-8.2.1" 15
        "PCI DSS 8.2.1: whoever reaches cardholder data has an identity of its own"
        |cx| cx.facts.data.cardholder && !cx.facts.action.authenticated;

    "hipaa" "compliance.hipaa-164.312a" 10
        "HIPAA 164.312(a)(1): access to health data is controlled"
        |cx| cx.facts.data.phi;
    "hipaa" "compliance.hipaa-164.502b" 25
        "HIPAA 164.502(b): no more health data than the minimum necessary"
        |cx| cx.facts.data.phi && everything(cx);
    "hipaa" "compliance.hipaa-164.502a" 45
        "HIPAA 164.502(a): health data is not disclosed except as permitted"
        |cx| cx.facts.data.phi && cx.facts.action.outbound;
    "hipaa" "compliance.hipaa-164.312e" 40
        "HIPAA 164.312(e)(1): health data in transmission is protected"
        |cx| cx.facts.data.phi && cx.facts.action.outbound && in_clear(cx);
    "hipaa" "compliance.hipaa-164.312c" 30
        "HIPAA 164.312(c)(1): health data is protected from alteration and destruction"
        |cx| cx.facts.data.phi && changes(cx);
    "hipaa" "compliance.hipaa-164.312d" 10
        "HIPAA 164.312(d): who seeks access to health data is who it claims to be"
        |cx| cx.facts.data.phi && !cx.facts.action.authenticated;

    "sox" "compliance.sox-404" 25
        "SOX 404: changes of financial records pass internal controls"
        |cx| records_of_account(cx) && changes(cx);
    "sox" "compliance.sox-802" 45
        "SOX 802: records are not destroyed or falsified"
        |cx| records_of_account(cx) && (cx.facts.action.delete || cx.facts.sql.unbounded);
    "sox" "compliance.sox-302" 10
        "SOX 302: financial reports rest on controlled access"
        |cx| records_of_account(cx) && everything(cx);
    "sox" "compliance.sox-404-audit" 35
        "SOX 404: audit trails are not altered"
        |cx| cx.facts.action.side_effect && is_trail(cx);

    "gdpr" "compliance.gdpr-32" 10
        "GDPR Art. 32: the processing of personal data is secured"
        |cx| personal(cx);
    "gdpr" "compliance.gdpr-5-1c" 20
        "GDPR Art. 5(1)(c): personal data is limited to what is necessary"
        |cx| personal(cx) && everything(cx);
    "gdpr" "compliance.gdpr-5-1f" 25
        "GDPR Art. 5(1)(f): personal data is protected from disclosure and loss"
        |cx| personal(cx) && (released(cx) || (cx.facts.action.delete && everything(cx)));
    "gdpr" "compliance.gdpr-44" 20
        "GDPR Art. 44: personal data goes to third countries only on conditions"
        |cx| personal(cx) && released(cx) && everything(cx);
    "gdpr" "compliance.gdpr-32-1a" 30
        "GDPR Art. 32(1)(a): personal data in transmission is encrypted"
        |cx| personal(cx) && cx.facts.action.outbound && in_clear(cx);
    "gdpr" "compliance.gdpr-9" 10
        "GDPR Art. 9: health data is a special category"
        |cx| cx.facts.data.phi;
}

pub(super) fn score(cx: &RiskContext<'_>, out: &mut DimensionScore) {
    let data = &cx.facts.data;
    // Every rule speaks of some class of data, or of a trail.
    if data.classes.is_empty() && !cx.findings.has(Vector::Pii) && !is_trail(cx) {
        return;
    }
    let on = PACKS.map(|pack| cx.config.packs.iter().any(|p| p == pack));
    for rule in RULES {
        let enabled = PACKS
            .iter()
            .zip(on)
            .any(|(pack, on)| on && *pack == rule.pack);
        if enabled && (rule.applies)(cx) {
            out.add(rule.points, rule.code, rule.text);
        }
    }
}

fn test(cx: &RiskContext<'_>) -> bool {
    cx.facts.data.classes.iter().any(|class| class == "test")
}

fn personal(cx: &RiskContext<'_>) -> bool {
    !test(cx) && (cx.facts.data.pii || cx.facts.data.phi || cx.findings.has(Vector::Pii))
}

/// Personal data leaves for someone else than the person that a message is addressed to.
fn released(cx: &RiskContext<'_>) -> bool {
    cx.facts.action.outbound
        && (cx.action.action_type != ActionType::MessageSend || cx.facts.action.bulk)
}

fn records_of_account(cx: &RiskContext<'_>) -> bool {
    // A payment or refund is business; its bookkeeping is what the act speaks of.
    cx.facts.data.financial && !cx.facts.money.present && !test(cx)
}

fn everything(cx: &RiskContext<'_>) -> bool {
    cx.facts.action.bulk || (cx.facts.action.outbound && cx.state.records_read >= 1_000)
}

fn changes(cx: &RiskContext<'_>) -> bool {
    cx.facts.action.side_effect && !cx.facts.action.executes
        || cx.facts.action.delete
        || cx.facts.sql.writes
}

fn in_clear(cx: &RiskContext<'_>) -> bool {
    matches!(cx.facts.url.scheme.as_str(), "http" | "ftp" | "ws" | "smtp")
}

fn is_trail(cx: &RiskContext<'_>) -> bool {
    cx.facts.action.side_effect
        && cx
            .facts
            .resource
            .names
            .iter()
            .any(|name| name.contains("audit") || name.contains("journal_entr"))
}
