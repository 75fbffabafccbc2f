//! What alerts are grouped by, and what people do about the groups.

use std::sync::{LazyLock, Mutex, PoisonError};

use interlock_core::audit::body::Body;
use interlock_core::audit::frame::Kind;
use interlock_core::detectors::DETECTORS;
use interlock_core::model::reason::code;
use interlock_core::model::{ActionType, FindingCode, UnixNanos, Value, Vector};
use interlock_core::program::Program;
use interlock_store::{AlertCause, AlertGroup, GroupState, Mute, NOTIFY_MAX, StoreError, Triage};
use sha2::{Digest as _, Sha256};

use crate::clock::new_id;
use crate::error::RuntimeError;
use crate::{Runtime, rfc3339};

/// How long a group that grows is told of at the most once: an hour, in nanoseconds.
const QUIET_NS: i64 = 3_600 * 1_000_000_000;
/// Messages about alerts that the people of one tenant get within an hour.
const HOURLY_MAX: usize = 30;
/// Of those, about what one key did.
const OF_KEY_MAX: usize = 10;
/// Groups that one tick tells of.
const TELL_MAX: usize = 1_000;

/// Rules of a client's decision that are looked up.
const FIRED_MAX: usize = 64;

/// Denials that only say that something is stopped already: they never set off a response.
const STOPPED: [&str; 3] = [code::AGENT_PAUSED, code::KILL_SWITCH, code::TOOL_STOPPED];

/// All codes of findings, in the order of their names.
static CODES: LazyLock<Vec<&'static FindingCode>> = LazyLock::new(|| {
    let mut codes: Vec<&'static FindingCode> = DETECTORS
        .iter()
        .flat_map(|detector| detector.codes().iter().copied())
        .collect();
    codes.sort_unstable_by_key(|code| code.code);
    codes
});

/// The code of a finding by its name.
#[must_use]
pub fn finding_code(name: &str) -> Option<&'static FindingCode> {
    let at = CODES.binary_search_by_key(&name, |code| code.code).ok()?;
    CODES.get(at).copied()
}

fn text<'a>(body: &'a Value, key: &str) -> &'a str {
    body.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(body: &'a Value, key: &str) -> impl Iterator<Item = &'a [Value]> {
    let all = body.get(key).and_then(Value::as_array).unwrap_or_default();
    all.iter().filter_map(Value::as_array)
}

fn word(items: &[Value], at: usize) -> &str {
    items.get(at).and_then(Value::as_str).unwrap_or_default()
}

fn number(items: &[Value], at: usize) -> i64 {
    items.get(at).and_then(Value::as_i64).unwrap_or(0)
}

/// The rule that decided, by the record of a decision.
fn decisive(body: &Value) -> Option<&str> {
    list(body, "rules")
        .find(|rule| number(rule, 3) == 1)
        .map(|rule| word(rule, 0))
}

/// Of what a client says that its rules decided: the rule, if the program in force has one of that
/// name, and whom those of the rules that it has want told. What a client makes up is neither. That
/// something is stopped is the server's to say: `stands` tells whether it is.
pub(crate) fn known<'a>(
    body: &'a Value,
    program: &'a Program,
    stands: impl Fn(&str) -> bool,
) -> (Option<&'a str>, Vec<&'a str>) {
    let bands = |id: &str| {
        let from = id.strip_prefix("band.").and_then(|from| from.parse().ok());
        let base = &program.parts().base;
        let own = program.parts().environments.iter().map(|(_, e)| e);
        let set = own.chain([base]).filter_map(|e| e.bands.as_ref()).flatten();
        let all: Vec<_> = program.parts().bands.iter().chain(set).collect();
        let of = all.into_iter().filter(move |b| Some(b.from) == from);
        of.map(|band| &*band.notify).collect::<Vec<_>>()
    };
    let find = |id: &str| match program.rules().iter().find(|rule| *rule.id == *id) {
        Some(rule) => vec![&*rule.notify],
        None => bands(id),
    };
    // A rule of the program has no such name, whatever the program says.
    let rule = decisive(body).filter(|id| match STOPPED.contains(id) {
        true => stands(id),
        false => !find(id).is_empty(),
    });
    let mut notify: Vec<&str> = Vec::new();
    for fired in list(body, "rules").take(FIRED_MAX) {
        for name in find(word(fired, 0)).into_iter().flatten() {
            if notify.len() < NOTIFY_MAX && !notify.contains(&&**name) {
                notify.push(name);
            }
        }
    }
    (rule, notify)
}

/// What the record of a decision says of the cause of its alert.
pub(crate) fn cause(body: &Value) -> AlertCause {
    // Of what a client decided, the rule and the people are those that were looked up as it came in.
    let taken = body.get("reported").filter(|r| r.get("leaf").is_some());
    let rule = match taken {
        Some(taken) => text(taken, "rule"),
        None => decisive(body).unwrap_or_default(),
    };
    // The first of the strongest: the order of findings is that of the detectors.
    let mut strongest: Option<(i64, &'static FindingCode)> = None;
    for finding in list(body, "findings") {
        if let Some(code) = finding_code(word(finding, 0))
            && strongest.is_none_or(|(most, _)| number(finding, 1) > most)
        {
            strongest = Some((number(finding, 1), code));
        }
    }
    let first = strongest.map(|(_, code)| code.vector);
    let others = Vector::ALL.into_iter().filter(|vector| {
        let found = |f: &[Value]| finding_code(word(f, 0)).is_some_and(|c| c.vector == *vector);
        Some(*vector) != first && list(body, "findings").any(found)
    });
    let notify = match taken {
        Some(taken) => {
            let all = taken.get("notify").and_then(Value::as_array);
            let all = all.unwrap_or_default().iter().filter_map(Value::as_str);
            all.take(NOTIFY_MAX).map(str::to_owned).collect()
        }
        None => list(body, "obligations")
            .filter(|obligation| word(obligation, 0) == "notify")
            .flat_map(|obligation| obligation.iter().skip(1))
            .filter_map(Value::as_str)
            .take(NOTIFY_MAX)
            .map(str::to_owned)
            .collect(),
    };
    let kind = text(body, "type");
    let tool = text(body, "tool");
    AlertCause {
        kind: if STOPPED.contains(&rule) {
            "stopped"
        } else {
            "decision"
        }
        .to_owned(),
        key_id: text(body, "key").to_owned(),
        rule: rule.to_owned(),
        detector: strongest
            .map_or("", |(_, code)| code.vector.name())
            .to_owned(),
        others: others.map(|vector| vector.name().to_owned()).collect(),
        code: strongest.map_or("", |(_, code)| code.code).to_owned(),
        // What an agent calls its own types splits no group.
        class: if ActionType::LISTED.contains(&kind) {
            kind.to_owned()
        } else {
            "custom".to_owned()
        },
        tool: if tool.is_empty() { kind } else { tool }.to_owned(),
        notify,
    }
}

/// Held by who changes a group, so that of two one finds it changed before anything is on record.
#[derive(Debug, Default)]
pub(crate) struct Triaging(Mutex<()>);

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

impl Runtime {
    /// Does what a person does about a group of alerts, if it is as they saw it. What they write is
    /// kept beside the record, which has its hash.
    ///
    /// # Errors
    /// When there is no such group, somebody else changed it, a field is out of its limits, or
    /// nothing can be recorded.
    pub fn triage(
        &self,
        tenant: &str,
        id: &str,
        triage: &Triage,
    ) -> Result<AlertGroup, RuntimeError> {
        triage.check()?;
        let lock = &self.inner.triaging.0;
        let _one = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        let group = self.inner.store.alert_group(tenant, id, now)?;
        if group.version != triage.version {
            return Err(StoreError::Version {
                what: "alert group",
                id: id.to_owned(),
                expected: triage.version,
                found: group.version,
            }
            .into());
        }
        let mut body = Body::new(Kind::ConfigChange, &rfc3339(now));
        body.str("tenant", tenant)
            .str("actor", &triage.by)
            .str("what", "alert-group-changed")
            .str("id", id)
            .str("agent", &group.agent_id)
            .int("version", triage.version + 1)
            .opt_str("state", triage.state.map(GroupState::name))
            .opt_str("assignee", triage.assignee.as_deref())
            .opt_hash("comment_hash", triage.comment.as_deref().map(hash).as_ref());
        // What quietens is on record before it holds.
        self.record_body(tenant, Kind::ConfigChange, &mut body)?;
        let group = self.inner.store.triage(tenant, id, triage, now)?;
        self.inner.changed.notify(tenant, id);
        Ok(group)
    }

    /// Silences groups of alerts for people, until it expires. It changes no decision and no
    /// response; `mute.id` and `mute.created` are set here.
    ///
    /// # Errors
    /// When a field is out of its limits or nothing can be recorded.
    pub fn mute(&self, tenant: &str, mute: &Mute) -> Result<Mute, RuntimeError> {
        let now = self.now();
        let mute = Mute {
            id: new_id(now).to_string(),
            created: now,
            ended: None,
            ..mute.clone()
        };
        mute.check()?;
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let mut body = Body::new(Kind::ConfigChange, &rfc3339(now));
        body.str("tenant", tenant)
            .str("actor", &mute.by)
            .str("what", "alerts-muted")
            .str("id", &mute.id)
            .opt_str("fingerprint", some(&mute.fingerprint).as_deref())
            .opt_str("agent", some(&mute.agent_id).as_deref())
            .opt_str("rule", some(&mute.rule).as_deref())
            .opt_str("detector", some(&mute.detector).as_deref())
            .str("until", &rfc3339(mute.expires))
            .opt_hash("reason_hash", Some(&hash(&mute.reason)));
        self.record_body(tenant, Kind::ConfigChange, &mut body)?;
        self.inner.store.insert_mute(tenant, &mute)?;
        Ok(mute)
    }

    /// Ends a mute before it expires.
    ///
    /// # Errors
    /// When there is no such mute or nothing can be recorded: it is ended all the same.
    pub fn unmute(&self, tenant: &str, by: &str, id: &str) -> Result<Mute, RuntimeError> {
        let now = self.now();
        let mute = self.inner.store.end_mute(tenant, id, by, now)?;
        if mute.ended == Some((now, by.to_owned())) {
            self.record_change(tenant, Kind::ConfigChange, by, "alerts-unmuted", id)?;
        }
        Ok(mute)
    }

    /// Makes the messages that people are due about groups of alerts; how many.
    pub(crate) fn tell_alerts(&self, now: UnixNanos) -> usize {
        // Where no group of people is configured nobody would carry them.
        if !self.inner.people.load().has_groups() {
            return 0;
        }
        let told = self
            .inner
            .store
            .tell_groups(now, QUIET_NS, HOURLY_MAX, OF_KEY_MAX, TELL_MAX);
        match told {
            Ok(told) => {
                for (tenant, id) in &told {
                    self.inner.changed.notify(tenant, id);
                }
                told.len()
            }
            Err(error) => {
                tracing::error!(%error, "people cannot be told of alerts; the lists have them");
                0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_what_decided_and_the_strongest_finding() {
        let body = Value::parse(
            br#"{"type":"my.own","tool":"t","key":"k1",
            "rules":[["a","rule","alert",0,0],["b","band","block",1,0],["c","rule","block",1,0]],
            "findings":[["pii.driving-licence",60,"x",0,1],["sql-injection.tautology",90,"y",0,1],["nonsense",99,"z",0,1]],
            "obligations":[["snapshot"],["notify","team","ops"],["notify","more"]]}"#,
        )
        .unwrap();
        let cause = cause(&body);
        assert_eq!(
            (&*cause.kind, &*cause.rule, &*cause.class),
            ("decision", "b", "custom")
        );
        assert_eq!((&*cause.tool, &*cause.key_id), ("t", "k1"));
        assert_eq!(cause.notify, ["team", "ops", "more"]);
        assert_eq!(cause.detector, "sql_injection");
        assert_eq!(cause.others, ["pii"]);
        assert_eq!(cause.code, "sql-injection.tautology");
        let stopped = Value::parse(
            br#"{"type":"file_write","rules":[["agent.paused","system","block",1,0]]}"#,
        )
        .unwrap();
        let stopped = super::cause(&stopped);
        assert_eq!((&*stopped.kind, &*stopped.class), ("stopped", "file_write"));
        assert_eq!((&*stopped.tool, &*stopped.detector), ("file_write", ""));
    }

    #[test]
    fn every_code_is_found_and_tagged() {
        for code in CODES.iter() {
            assert_eq!(finding_code(code.code), Some(*code));
            // A detector that fails is no threat.
            if code.code.ends_with(".detector-failed") {
                continue;
            }
            let tagged = code
                .tags
                .iter()
                .any(|tag| tag.starts_with("ASI") || tag.starts_with("AML."));
            assert!(
                tagged,
                "{} has no tag of OWASP ASI or MITRE ATLAS",
                code.code
            );
        }
        assert!(finding_code("none").is_none());
    }
}
