//! Environment: where the agent runs.
//!
//! What is not known counts as production, since that is the dangerous reading.

use super::{DimensionScore, RiskContext, is_production};

pub(super) fn score(cx: &RiskContext<'_>, out: &mut DimensionScore) {
    let name = cx.facts.action.environment.as_str();
    let claimed = &cx.action.environment;
    let is = |names: &[&str]| names.iter().any(|n| name.eq_ignore_ascii_case(n));
    if name.is_empty() {
        out.add(
            40,
            "environment.unknown",
            "no environment is named; taken for production",
        );
    } else if is_production(name) {
        out.add(40, "environment.production", "production");
    } else if is(&["staging", "stage", "stg", "preproduction", "uat"]) {
        out.add(20, "environment.staging", "staging");
    } else if is(&[
        "development",
        "dev",
        "test",
        "testing",
        "local",
        "sandbox",
        "ci",
    ]) {
        out.add(5, "environment.development", "development or test");
    } else {
        out.add(20, "environment.other", "an environment of its own name");
    }
    if let Some(bound) = cx.principal.environment.as_deref() {
        let given = claimed.name.trim();
        if !given.is_empty() && !given.eq_ignore_ascii_case(bound) {
            out.add(
                20,
                "environment.contradiction",
                "claims another environment than its credential",
            );
        }
    }
    let network = claimed.network.trim();
    if ["internet", "public", "external", "untrusted"]
        .iter()
        .any(|n| network.eq_ignore_ascii_case(n))
    {
        out.add(20, "environment.network", "not on a trusted network");
    }
    let region = claimed.region.trim();
    let regions = &cx.config.regions;
    if !regions.is_empty() && !regions.iter().any(|r| r.eq_ignore_ascii_case(region)) {
        out.add(30, "environment.region", "not in an approved region");
    } else if !region.is_empty() && cx.state.baseline_ready && !cx.state.region_seen {
        out.add(
            20,
            "environment.new-region",
            "a region that it never ran in",
        );
    }
    if cx.state.session_origin_changed {
        out.add(
            15,
            "environment.origin",
            "the session came from another address before",
        );
    }
}
