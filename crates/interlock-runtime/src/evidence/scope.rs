//! Which entries are asked for.

use std::collections::HashSet;

use interlock_evidence::manifest::Scope;
use interlock_store::journal::{Kind, Seen};

use super::said::{Said, time};
use crate::error::RuntimeError;
use crate::rfc3339;

/// Longest name of a run or an action.
const ID_BYTES_MAX: usize = 256;
/// Most ids that belong to one run.
const IDS_MAX: usize = 1 << 20;

/// A scope with its times in the form of the record: RFC 3339 in nanoseconds, UTC; or a day, which
/// begins at midnight UTC.
///
/// # Errors
/// When a time or a name is none, both a run and an action are named, or the range is empty.
pub(super) fn checked(scope: &Scope) -> Result<Scope, RuntimeError> {
    let at = |field: &'static str, text: &Option<String>| {
        text.as_deref()
            .map(|text| {
                let day = text
                    .parse::<jiff::civil::Date>()
                    .ok()
                    .filter(|_| text.len() == 10);
                let stamp = match day {
                    Some(day) => day
                        .to_zoned(jiff::tz::TimeZone::UTC)
                        .map(|zoned| zoned.timestamp()),
                    None => text.parse::<jiff::Timestamp>(),
                };
                // What is before or after all that the record can say, is its beginning or its end.
                let ns = stamp
                    .ok()
                    .map(|stamp| stamp.as_nanosecond().clamp(0, i128::from(i64::MAX)))
                    .and_then(|ns| i64::try_from(ns).ok());
                ns.map(rfc3339).ok_or_else(|| {
                    RuntimeError::Invalid(
                        field,
                        "must be a day, 2026-11-21, or a time, 2026-11-21T04:00:00Z".to_owned(),
                    )
                })
            })
            .transpose()
    };
    for (field, id) in [("run", &scope.run), ("action", &scope.action)] {
        if id
            .as_ref()
            .is_some_and(|id| id.is_empty() || id.len() > ID_BYTES_MAX)
        {
            return Err(RuntimeError::Invalid(
                field,
                format!("must have 1 to {ID_BYTES_MAX} bytes"),
            ));
        }
    }
    if scope.run.is_some() && scope.action.is_some() {
        return Err(RuntimeError::Invalid(
            "action",
            "cannot be given together with `run`".to_owned(),
        ));
    }
    let checked = Scope {
        from: at("from", &scope.from)?,
        to: at("to", &scope.to)?,
        ..scope.clone()
    };
    if let (Some(from), Some(to)) = (&checked.from, &checked.to)
        && from >= to
    {
        return Err(RuntimeError::Invalid(
            "to",
            "must be after `from`".to_owned(),
        ));
    }
    Ok(checked)
}

/// Tells the entries of a scope from others, in the order of the log.
#[derive(Debug)]
pub(super) struct Selection {
    scope: Scope,
    /// Decisions and approvals that belong to the run or the action.
    ids: HashSet<String>,
}

impl Selection {
    pub(super) fn new(scope: &Scope) -> Self {
        Self {
            ids: scope.action.iter().cloned().collect(),
            scope: scope.clone(),
        }
    }

    pub(super) fn takes(&mut self, entry: &Seen<'_>) -> bool {
        let at = time(entry.body).unwrap_or_default();
        let inside = self.scope.from.as_deref().is_none_or(|from| at >= from)
            && self.scope.to.as_deref().is_none_or(|to| at < to);
        inside && (!self.scope.is_selective() || self.belongs(entry))
    }

    fn belongs(&mut self, entry: &Seen<'_>) -> bool {
        // That evidence of something was taken says nothing of it.
        if entry.kind == Kind::Export {
            return false;
        }
        // Most entries are decisions of others: those are not read further.
        if entry.kind == Kind::Decision {
            let text = core::str::from_utf8(entry.body).unwrap_or_default();
            let named = self
                .scope
                .run
                .as_deref()
                .is_some_and(|run| text.contains(run));
            let escaped =
                self.scope.run.as_deref().is_some_and(|run| {
                    run.contains(|c: char| c == '"' || c == '\\' || c.is_control())
                });
            if !named && !escaped && self.scope.run.is_some() && !text.contains("\"approval\":\"") {
                return false;
            }
        }
        let Some(said) = Said::read(entry.body) else {
            return false;
        };
        let of_run = self
            .scope
            .run
            .as_deref()
            .is_some_and(|run| *said.run == *run);
        let related = [&said.id, &said.approval]
            .iter()
            .any(|id| !id.is_empty() && self.ids.contains(&***id));
        if !of_run && !related {
            return false;
        }
        for id in [said.id, said.approval] {
            if !id.is_empty() && self.ids.len() < IDS_MAX {
                self.ids.insert(id.into_owned());
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_a_scope() {
        let scope = |from: &str, to: &str| Scope {
            from: Some(from.to_owned()),
            to: Some(to.to_owned()),
            ..Scope::default()
        };
        let days = checked(&scope("2026-11-01", "2026-12-01")).unwrap();
        assert_eq!(days.from.as_deref(), Some("2026-11-01T00:00:00.000000000Z"));
        let zone = checked(&scope("2026-11-01T02:00:00+02:00", "2026-12-01")).unwrap();
        assert_eq!(zone.from, days.from);
        for (from, to) in [
            ("2026-11-01", "2026-11-01"),
            ("2026-11-02", "2026-11-01"),
            ("yesterday", "2026-11-01"),
            ("2026-11-01", ""),
            ("2026-13-01", "2026-11-01"),
        ] {
            assert!(checked(&scope(from, to)).is_err(), "{from} {to}");
        }
        let both = Scope {
            run: Some("r".to_owned()),
            action: Some("a".to_owned()),
            ..Scope::default()
        };
        assert!(checked(&both).is_err());
    }
}
