//! What a person is shown before they answer.

use interlock_core::approval::{GRANT_TTL_NS_DEFAULT, State};
use interlock_core::engine::Prepared;
use interlock_core::facts::{FactGroup, FactId, FactRef, Facts};
use interlock_core::model::{Action, Decision, Principal};
use interlock_core::privacy::mask_text;
use interlock_store::{ActionFilter, ActionRow, ApprovalRow, Cursor};
use serde_json::{Map, Value, json};

use super::edit::ShownEdit;
use super::not_found;
use crate::Runtime;
use crate::error::RuntimeError;

/// Characters of the masked arguments.
const ARGUMENTS_CHARACTERS: usize = 8_192;
/// Characters of each text of the context.
const TEXT_CHARACTERS: usize = 4_096;
/// Characters of a fact that is a text.
const FACT_CHARACTERS: usize = 256;
/// Elements of a fact that is a set.
const FACT_ITEMS: usize = 20;
/// Terms of the risk.
const TERMS: usize = 5;
/// Steps before the one that is asked about.
const STEPS_BEFORE: usize = 3;
/// What of the context is shown.
const CONTEXT: [&str; 6] = ["prompt", "task", "goal", "plan", "reasoning", "model"];

/// Everything that a person should know before they answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// The approval.
    pub row: ApprovalRow,
    /// The sequence number of the decision that asks, once it is projected: contents in clear are
    /// read under it, by who may.
    pub seq: Option<u64>,
    /// What the same run, or else session, did before, the last first.
    pub before: Vec<ActionRow>,
    /// Entries of the tenant that are not in lists yet, so that steps before may be missing: see
    /// [`Runtime::behind`].
    pub behind: u64,
    /// How the arguments were changed, masked.
    pub edit: Option<ShownEdit>,
    /// The groups that are asked by now.
    pub groups: Vec<String>,
    /// What an approval would allow, in a sentence.
    pub allows: String,
}

fn masked(text: &str, characters: usize) -> String {
    let text = mask_text(text, Default::default()).text;
    text.chars().take(characters).collect()
}

fn shown(value: FactRef<'_>) -> Option<Value> {
    Some(match value {
        FactRef::Bool(false) | FactRef::Long(0 | -1) | FactRef::String("") => return None,
        FactRef::Bool(b) => json!(b),
        FactRef::Long(n) => json!(n),
        FactRef::String(text) => json!(masked(text, FACT_CHARACTERS)),
        FactRef::Strings([]) => return None,
        FactRef::Strings(all) => {
            let all = all.iter().take(FACT_ITEMS);
            json!(all.map(|t| masked(t, FACT_CHARACTERS)).collect::<Vec<_>>())
        }
    })
}

/// The facts that say something, by group.
fn facts(facts: &Facts) -> Value {
    let mut groups = Map::new();
    for group in FactGroup::ALL {
        let mut said = Map::new();
        for (index, spec) in (0_u8..).zip(group.specs()) {
            let id = FactId {
                group: *group,
                index,
            };
            if let Some(value) = facts.get(id).and_then(shown) {
                said.insert(spec.name.to_owned(), value);
            }
        }
        // A group about something that is not there says so, and nothing more.
        let about_nothing =
            group.specs().iter().any(|s| s.name == "present") && !said.contains_key("present");
        if !said.is_empty() && !about_nothing {
            let name = if group.name().is_empty() {
                "action"
            } else {
                group.name()
            };
            groups.insert(name.to_owned(), Value::Object(said));
        }
    }
    Value::Object(groups)
}

/// How far it reaches if it goes wrong.
fn blast_radius(facts: &Facts) -> Value {
    let action = &facts.action;
    let mut out = json!({
        "side_effect": action.side_effect,
        "reversible": action.reversible,
        "delete": action.delete,
        "bulk": action.bulk,
        "outbound": action.outbound,
        "executes": action.executes,
        "environment": action.environment,
        "tier": facts.resource.tier,
        "resources": facts.resource.names.iter().take(FACT_ITEMS)
            .map(|name| masked(name, FACT_CHARACTERS)).collect::<Vec<_>>(),
    });
    if action.records >= 0 {
        out["records"] = json!(action.records);
    }
    if facts.money.present {
        out["amount"] = json!(facts.money.amount);
        out["currency"] = json!(facts.money.currency);
    }
    out
}

/// What is kept with the question, everything masked.
pub(super) fn detail(
    principal: &Principal,
    action: &Action,
    prepared: &Prepared,
    decision: &Decision,
) -> Value {
    let mut arguments = String::new();
    action.arguments.write_json(&mut arguments);
    let mut context = Map::new();
    for name in CONTEXT {
        let text = match action.context.get(name) {
            None => continue,
            Some(value) => value
                .as_str()
                .map_or_else(|| value.to_json(), str::to_owned),
        };
        context.insert(name.to_owned(), json!(masked(&text, TEXT_CHARACTERS)));
    }
    let mut terms: Vec<_> = interlock_core::risk::Dimension::ALL
        .into_iter()
        .zip(&decision.risk.dimensions)
        .flat_map(|(dimension, score)| score.terms.iter().map(move |term| (dimension, term)))
        .collect();
    terms.sort_by_key(|(_, term)| std::cmp::Reverse(term.points));
    let terms: Vec<Value> = terms
        .iter()
        .take(TERMS)
        .map(|(dimension, term)| {
            json!({
                "dimension": dimension.name(), "code": term.code, "text": term.text,
                "points": term.points,
            })
        })
        .collect();
    let rules: Vec<Value> = decision
        .fired
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id.to_string(), "effect": rule.effect.name(),
                "decided": rule.decided, "errored": rule.errored,
            })
        })
        .collect();
    let findings: Vec<&str> = decision
        .findings
        .items()
        .iter()
        .map(|f| f.code.code)
        .collect();
    json!({
        "arguments": masked(&arguments, ARGUMENTS_CHARACTERS),
        "approvals": decision.approvals.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "reasons": decision.reasons.iter().map(|r| r.message.clone()).collect::<Vec<_>>(),
        "user": action.user.id,
        "context": context,
        "facts": facts(&prepared.facts),
        "blast_radius": blast_radius(&prepared.facts),
        "rules": rules,
        "findings": findings,
        "risk_terms": terms,
        "cost_nano_usd": action.cost_nano_usd,
        "caller": {
            "agent": principal.agent.as_deref(),
            "environment": principal.environment.as_deref(),
        },
    })
}

impl Runtime {
    /// An approval with everything that a person should know before they answer.
    ///
    /// # Errors
    /// When there is none.
    pub fn review(&self, principal: &Principal, id: &str) -> Result<Review, RuntimeError> {
        let tenant = &*principal.tenant;
        let row = self.settled_approval(principal, id)?;
        let store = &self.inner.store;
        // Before the rows are read: what comes meanwhile is told of once more than needed.
        let behind = self.behind(tenant);
        let seq = match store.action(tenant, id) {
            Ok(action) => Some(action.seq),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(not_found(error, "action")),
        };
        let name = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let (run_id, session_id) = (name(&row.asked.run_id), name(&row.asked.session_id));
        let before = match seq {
            Some(seq) if run_id.is_some() || session_id.is_some() => store.actions(
                tenant,
                &ActionFilter {
                    agent_id: Some(row.asked.agent_id.clone()),
                    session_id: if run_id.is_some() { None } else { session_id },
                    run_id,
                    before: Some(Cursor(seq)),
                    ..ActionFilter::default()
                },
                STEPS_BEFORE,
            )?,
            _ => Vec::new(),
        };
        let edit = match self.shown_edit(tenant, id, true) {
            Err(RuntimeError::Erased) => None,
            other => other?,
        };
        let people = self.inner.people.load();
        let asked = row.approval.escalations(self.inner.clock.now());
        Ok(Review {
            seq,
            before,
            behind,
            edit,
            groups: people.asked(&row.asked.group, asked),
            allows: allows(&row),
            row,
        })
    }
}

fn allows(row: &ApprovalRow) -> String {
    let asked = &row.asked;
    let what = if asked.tool.is_empty() {
        format!("`{}`", asked.action_type)
    } else {
        format!("tool `{}`", asked.tool)
    };
    let whose = if row.approval.state == State::ApprovedEdited {
        "the edited arguments"
    } else {
        "exactly these arguments"
    };
    let minutes = GRANT_TTL_NS_DEFAULT / 60_000_000_000;
    format!(
        "agent `{}` may run {what} once with {whose}, within {minutes} minutes of the last agreement, if no policy, pause or budget has tightened by then",
        asked.agent_id
    )
}
