//! Session approvals: a person's agreement to further actions like one that they saw, as a temporary
//! rule that is listed, counted and can be taken back.

use std::collections::BTreeMap;

use interlock_core::approval::State;
use interlock_core::audit::body::Body;
use interlock_core::audit::frame::Kind;
use interlock_core::engine::Prepared;
use interlock_core::model::{Action, Decision, DigestBuilder, Principal, UnixNanos, Value};
use interlock_core::program::glob::Glob;
use interlock_store::{SESSION_USES_MAX, SessionApproval};
use serde_json::{Value as Json, json};

use super::answer::may_decide;
use super::edit::row_rules;
use super::{asks_more, not_found};
use crate::clock::new_id;
use crate::error::RuntimeError;
use crate::{Runtime, rfc3339};

/// From this composite risk on, each action is asked about by itself.
const RISK_CRITICAL: u16 = 80;
/// By how much the risk of a later action may exceed that of the one that was shown: the history
/// of an agent moves it by a few points.
const RISK_SLACK: u16 = 15;
/// Session approvals of one agent that are looked at.
const LIVE_MAX: usize = 100;
/// Arguments of one session approval.
const ARGUMENTS_MAX: usize = 64;
/// Minutes, when the person does not say.
const MINUTES_DEFAULT: u32 = 60;

/// What one argument must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArgumentRule {
    /// Anything.
    Any,
    /// At least and at most these whole numbers.
    Range(Option<i64>, Option<i64>),
    /// A text that a pattern matches.
    Glob(String),
    /// One of these.
    OneOf(Vec<Value>),
}

/// What a person agrees to beyond one action.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionGrant {
    /// What the arguments must be; one that is not named must be as it was.
    pub arguments: BTreeMap<String, ArgumentRule>,
    /// A pattern over the resource; as it was, when there is none.
    pub resource: Option<String>,
    /// Whether it holds for the whole session and not for the run.
    pub whole_session: bool,
    /// How often, 1 to 20; 20 by default.
    pub uses: Option<u32>,
    /// For how many minutes, 1 to 60; 60 by default.
    pub minutes: Option<u32>,
    /// What the actions may cost together, in billionths of a US dollar.
    pub cost_nano_max: Option<i64>,
    /// Why.
    pub reason: String,
}

/// The digest of an argument as it was: a rule is shown to people, and must not show a secret.
fn same(tenant: &str, id: &str, value: &Value) -> String {
    let mut builder = DigestBuilder::new();
    builder.string(tenant);
    builder.string(id);
    builder.value(value);
    builder.finish().to_hex()
}

/// The pattern that matches this text and no other.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '*' | '?' | '[' => {
                out.push('[');
                out.push(c);
                out.push(']');
            }
            other => out.push(other),
        }
    }
    out
}

fn rule_json(rule: &ArgumentRule) -> Json {
    match rule {
        ArgumentRule::Any => json!({"any": true}),
        ArgumentRule::Range(min, max) => {
            let mut out = serde_json::Map::new();
            if let Some(min) = min {
                out.insert("min".to_owned(), json!(min));
            }
            if let Some(max) = max {
                out.insert("max".to_owned(), json!(max));
            }
            Json::Object(out)
        }
        ArgumentRule::Glob(pattern) => json!({"glob": pattern}),
        ArgumentRule::OneOf(values) => {
            json!({"one_of": values.iter().map(Value::to_json).collect::<Vec<_>>()})
        }
    }
}

/// Whether an argument is what its rule asks for. What the rule says and this version does not know
/// is not met.
fn met(tenant: &str, id: &str, rule: &Json, value: &Value) -> bool {
    let Some(rule) = rule.as_object().filter(|r| !r.is_empty()) else {
        return false;
    };
    rule.iter().all(|(name, want)| match name.as_str() {
        "any" => want == &json!(true),
        "same" => want.as_str() == Some(&same(tenant, id, value)),
        // The whole units of an amount with cents do not decide: only whole numbers are compared.
        "min" => value
            .as_i64()
            .zip(want.as_i64())
            .is_some_and(|(n, min)| n >= min),
        "max" => value
            .as_i64()
            .zip(want.as_i64())
            .is_some_and(|(n, max)| n <= max),
        "glob" => value
            .as_str()
            .zip(want.as_str())
            .is_some_and(|(text, pattern)| Glob::new(pattern).matches(text)),
        "one_of" => want.as_array().is_some_and(|all| {
            let json = value.to_json();
            all.iter().any(|one| one.as_str() == Some(&json))
        }),
        _ => false,
    })
}

/// The arguments by name; none of them when they are no object.
fn members(action: &Action) -> Option<Vec<(&str, &Value)>> {
    match &action.arguments {
        Value::Object(object) => Some(object.iter().collect()),
        Value::Null => Some(Vec::new()),
        _ => None,
    }
}

fn is_critical(prepared: &Prepared, decision: &Decision) -> bool {
    u16::from(decision.risk.composite) >= RISK_CRITICAL
        || prepared.facts.resource.tier == "critical"
}

/// Whether a rule covers an action.
fn covers(tenant: &str, row: &SessionApproval, action: &Action, decision: &Decision) -> bool {
    let within = if row.run_id.is_empty() {
        row.session_id == action.session_id
    } else {
        row.run_id == action.run_id
    };
    let rules = &decision.approvals;
    let Some(members) = members(action) else {
        return false;
    };
    let Ok(Json::Object(constraints)) = serde_json::from_str::<Json>(&row.arguments) else {
        return false;
    };
    within
        && row.agent_id == action.agent_id
        && row.action_type == action.action_type.name()
        && row.tool == action.tool
        && action.payload.is_null()
        && u16::from(decision.risk.composite) <= row.risk_max
        && !rules.is_empty()
        && rules.iter().all(|rule| row.rules.iter().any(|r| **r == **rule))
        // A climbing path means another place than it says.
        && (literal(&action.resource) == row.resource
            || (!action.resource.contains("..")
                && Glob::new(&row.resource).matches(&action.resource)))
        && members.len() == constraints.len()
        && members.iter().all(|(name, value)| {
            constraints
                .get(*name)
                .is_some_and(|rule| met(tenant, &row.id, rule, value))
        })
}

impl Runtime {
    /// Agrees to further actions like that of an approval, within its run or session. The approval
    /// itself is not decided by it. Recorded before it holds.
    ///
    /// # Errors
    /// When the caller may not decide alone, the action is critical or names neither run nor
    /// session, or a limit is exceeded.
    pub fn grant_session(
        &self,
        principal: &Principal,
        by: &str,
        approval: &str,
        grant: &SessionGrant,
    ) -> Result<SessionApproval, RuntimeError> {
        may_decide(principal)?;
        let tenant = &*principal.tenant;
        let row = self.settled_approval(principal, approval)?;
        let people = self.inner.people.load();
        let by = people.name_of(by);
        super::answer::may_act(&people, tenant, by)?;
        let now = self.inner.clock.now();
        let asked = row.approval.escalations(now);
        if !people.may_agree(by, &row.asked.group, asked)
            || row.approval.request.excluded.iter().any(|e| e == by)
        {
            return Err(RuntimeError::Forbidden(format!(
                "`{by}` may not agree to what this agent asks of group `{}`",
                row.asked.group
            )));
        }
        let conflict = |text: &str| Err(RuntimeError::Conflict(text.to_owned()));
        if row.approval.request.quorum > 1 {
            return conflict("what several people must agree to is asked each time");
        }
        if !(row.approval.state == State::Pending || row.approval.state == State::Approved) {
            return conflict("a session approval is made from one that is pending or approved");
        }
        let tier = super::edit::detail(&row)
            .get("blast_radius")
            .and_then(|b| b.get("tier").cloned());
        if row.asked.risk >= RISK_CRITICAL || tier == Some(json!("critical")) {
            return conflict("a critical action is asked about each time");
        }
        let action = self.asked_action(tenant, &row)?;
        let within = if grant.whole_session {
            &action.session_id
        } else {
            &action.run_id
        };
        if within.is_empty() {
            return conflict("the action names no run or session within which it could hold");
        }
        let Some(members) = members(&action) else {
            return conflict("the arguments are no object, so that nothing can be said of them");
        };
        if !action.payload.is_null() {
            return conflict("an action with a payload is asked about each time");
        }
        if members.len() > ARGUMENTS_MAX {
            return conflict("an action with more than 64 arguments is asked about each time");
        }
        if let Some(name) = grant
            .arguments
            .keys()
            .find(|n| !members.iter().any(|m| m.0 == **n))
        {
            return Err(RuntimeError::Invalid(
                "arguments",
                format!("names `{name}`, which the action has not"),
            ));
        }
        let id = new_id(now).to_string();
        let mut constraints = serde_json::Map::new();
        for (name, value) in members {
            let rule = match grant.arguments.get(name) {
                Some(rule) => rule_json(rule),
                None => json!({"same": same(tenant, &id, value)}),
            };
            constraints.insert(name.to_owned(), rule);
        }
        let minutes = i64::from(grant.minutes.unwrap_or(MINUTES_DEFAULT));
        let session = SessionApproval {
            id,
            approval_id: approval.to_owned(),
            agent_id: action.agent_id.clone(),
            action_type: action.action_type.name().to_owned(),
            tool: action.tool.clone(),
            resource: grant
                .resource
                .clone()
                .unwrap_or_else(|| literal(&action.resource)),
            run_id: if grant.whole_session {
                String::new()
            } else {
                action.run_id.clone()
            },
            session_id: if grant.whole_session {
                action.session_id.clone()
            } else {
                String::new()
            },
            arguments: Json::Object(constraints).to_string(),
            rules: row_rules(&row),
            risk_max: row
                .asked
                .risk
                .saturating_add(RISK_SLACK)
                .min(RISK_CRITICAL - 1),
            uses_max: grant.uses.unwrap_or(SESSION_USES_MAX),
            uses: 0,
            cost_nano_max: grant.cost_nano_max,
            cost_nano: 0,
            granted_by: by.to_owned(),
            reason: grant.reason.clone(),
            created: now,
            expires: now.saturating_add(minutes.saturating_mul(60_000_000_000)),
            revoked: None,
        };
        session.check()?;
        self.record_session(tenant, &session, by, "session-approval-granted")?;
        self.inner.store.insert_session_approval(tenant, &session)?;
        Ok(session)
    }

    /// Takes a session approval back; the first time stands. It holds before it is on record.
    ///
    /// # Errors
    /// When the caller may not decide, there is none, or it cannot be recorded: it is taken back
    /// all the same.
    pub fn revoke_session(
        &self,
        principal: &Principal,
        by: &str,
        id: &str,
    ) -> Result<SessionApproval, RuntimeError> {
        may_decide(principal)?;
        let tenant = &*principal.tenant;
        let store = &self.inner.store;
        let before = store
            .session_approval(tenant, id)
            .map_err(|e| not_found(e, "session approval"))?;
        if before.revoked.is_some() {
            return Ok(before);
        }
        let row = store.revoke_session_approval(tenant, id, by, self.inner.clock.now())?;
        self.record_session(tenant, &row, by, "session-approval-revoked")?;
        Ok(row)
    }

    fn record_session(
        &self,
        tenant: &str,
        row: &SessionApproval,
        by: &str,
        what: &str,
    ) -> Result<(), RuntimeError> {
        let bytes = Body::new(Kind::ConfigChange, &rfc3339(self.now()))
            .str("tenant", tenant)
            .str("actor", by)
            .str("what", what)
            .str("id", &row.id)
            .str("approval", &row.approval_id)
            .str("agent", &row.agent_id)
            .str("tool", &row.tool)
            .int("uses_max", row.uses_max)
            .str("expires", &rfc3339(row.expires))
            .strs("rules", &row.rules)
            .finish()
            .map_err(|e| RuntimeError::AuditUnavailable(e.to_string()))?;
        self.inner
            .journal
            .append(tenant, Kind::ConfigChange, bytes)
            .map_err(|e| RuntimeError::AuditUnavailable(e.to_string()))?;
        Ok(())
    }

    /// A session approval that covers an action about which people would be asked.
    pub(crate) fn find_session(
        &self,
        tenant: &str,
        action: &Action,
        prepared: &Prepared,
        decision: &Decision,
        now: UnixNanos,
    ) -> Option<SessionApproval> {
        if is_critical(prepared, decision) {
            return None;
        }
        let store = &self.inner.store;
        let rows = match store.session_approvals(tenant, Some(&action.agent_id), LIVE_MAX) {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(%error, "session approvals cannot be read; people are asked");
                return None;
            }
        };
        rows.into_iter().find(|row| {
            row.usable(action.cost_nano_usd, now)
                && covers(tenant, row, action, decision)
                // A policy that has tightened since asks other people, or more of them.
                && store
                    .approval(tenant, &row.approval_id)
                    .is_ok_and(|asked| asks_more(decision, &asked).is_none())
        })
    }

    /// Takes one use; whether one was left.
    pub(crate) fn use_session(
        &self,
        tenant: &str,
        row: &SessionApproval,
        action: &Action,
        now: UnixNanos,
    ) -> bool {
        let store = &self.inner.store;
        store
            .use_session_approval(tenant, &row.id, action.cost_nano_usd, now)
            .unwrap_or_else(|error| {
                tracing::warn!(%error, "a session approval cannot be used; people are asked");
                false
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_pattern_matches_itself_alone() {
        for text in ["orders/7", "a*b", "a?b", "[x]", "a[b", "*", ""] {
            let pattern = Glob::new(&literal(text));
            assert!(pattern.matches(text), "{text}");
            assert!(!pattern.matches(&format!("{text}z")), "{text}");
        }
        assert!(!Glob::new(&literal("a*b")).matches("axb"));
        assert!(!Glob::new(&literal("a?b")).matches("axb"));
    }

    /// Rule, argument, whether it is met.
    #[test]
    fn arguments() {
        let cases = r#"
            {"any":true}            | 1      | yes
            {"any":false}           | 1      | no
            {}                      | 1      | no
            {"later":1}             | 1      | no
            {"max":5}               | 5      | yes
            {"max":5}               | 6      | no
            {"max":5}               | 4.5    | no
            {"max":5}               | "4"    | no
            {"max":5}               | 99999999999999999999 | no
            {"min":1,"max":5}       | 0      | no
            {"min":1,"max":5}       | 1      | yes
            {"glob":"EU-*"}         | "EU-1" | yes
            {"glob":"EU-*"}         | "US-1" | no
            {"glob":"*"}            | 1      | no
            {"one_of":["1","\"a\""]} | "a"   | yes
            {"one_of":["1","\"a\""]} | 1     | yes
            {"one_of":["1","\"a\""]} | 1.0   | no
            {"max":5,"later":1}     | 5      | no
        "#;
        let mut ran = 0;
        for line in cases.lines().filter(|l| l.contains('|')) {
            let parts: Vec<&str> = line.split('|').map(str::trim).collect();
            let rule: Json = serde_json::from_str(parts[0]).unwrap();
            let value = Value::parse(parts[1].as_bytes()).unwrap();
            assert_eq!(met("t", "s", &rule, &value), parts[2] == "yes", "{line}");
            ran += 1;
        }
        assert_eq!(ran, 18);
        let seven = Value::from(7_i64);
        let rule = json!({"same": same("t", "s", &seven)});
        assert!(met("t", "s", &rule, &seven));
        assert!(!met("t", "s", &rule, &Value::from(8_i64)));
        assert!(!met("t", "other", &rule, &seven));
    }
}
