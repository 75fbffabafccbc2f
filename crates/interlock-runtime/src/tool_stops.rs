//! Tools that people stopped: for one agent or for all.
//!
//! A stop holds before it is on record and its end only after, as with a pause. Where no tool is
//! stopped a decision pays for one look at a flag.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use interlock_core::audit::body::Body;
use interlock_core::audit::frame::Kind;
use interlock_core::model::{Action, UnixNanos};
use interlock_policy::StoppedTool;
use interlock_store::{TOOL_STOPS_MAX, ToolStop};

use crate::clock::new_id;
use crate::error::RuntimeError;
use crate::{Runtime, rfc3339};

/// One stop as a decision looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct InForce {
    /// In lower case, without the `*`.
    tool: Box<str>,
    prefix: bool,
    agent: Box<str>,
    expires: Option<UnixNanos>,
}

impl InForce {
    fn new(tool: &str, agent: &str, expires: Option<UnixNanos>) -> Self {
        let name = tool.strip_suffix('*');
        Self {
            tool: name.unwrap_or(tool).to_ascii_lowercase().into(),
            prefix: name.is_some(),
            agent: agent.into(),
            expires,
        }
    }

    /// Whether it is this name, in any case of its letters.
    fn names(&self, name: &str) -> bool {
        let (name, stopped) = (name.as_bytes(), self.tool.as_bytes());
        match name.get(..stopped.len()) {
            Some(begin) => {
                begin.eq_ignore_ascii_case(stopped) && (self.prefix || name.len() == stopped.len())
            }
            None => false,
        }
    }

    /// Whether it stops what this agent does with one of these names.
    fn stops(&self, agent: &str, names: [&str; 2], now: UnixNanos) -> bool {
        self.expires.is_none_or(|expires| now < expires)
            && (self.agent.is_empty() || *self.agent == *agent)
            && names.into_iter().any(|name| self.names(name))
    }
}

/// What is stopped, by tenant.
#[derive(Debug, Default)]
pub(crate) struct ToolStops {
    any: AtomicBool,
    here: RwLock<HashMap<String, Vec<InForce>>>,
    /// What the server that this process is connected to has stopped.
    server: RwLock<Vec<InForce>>,
    /// Held by who changes one.
    changing: Mutex<()>,
}

impl ToolStops {
    /// Whether the tool of an action is stopped.
    pub(crate) fn stopped(&self, tenant: &str, action: &Action, now: UnixNanos) -> bool {
        let names = [action.tool.as_str(), action.action_type.name()];
        self.named(tenant, &action.agent_id, names, now)
    }

    /// Whether the tool or type of action of one of these names is stopped for an agent.
    pub(crate) fn named(
        &self,
        tenant: &str,
        agent: &str,
        names: [&str; 2],
        now: UnixNanos,
    ) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let hit = |all: &[InForce]| all.iter().any(|stop| stop.stops(agent, names, now));
        let here = self.here.read().unwrap_or_else(PoisonError::into_inner);
        here.get(tenant).is_some_and(|all| hit(all))
            || hit(&self.server.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, change: impl FnOnce(&mut HashMap<String, Vec<InForce>>, &mut Vec<InForce>)) {
        let mut here = self.here.write().unwrap_or_else(PoisonError::into_inner);
        let mut server = self.server.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut here, &mut server);
        let any = !server.is_empty() || here.values().any(|all| !all.is_empty());
        self.any.store(any, Ordering::Release);
    }

    /// Puts what a server has stopped in force.
    pub(crate) fn of_server(&self, tools: &[StoppedTool]) {
        let stops: Vec<InForce> = tools
            .iter()
            .map(|stop| InForce::new(&stop.tool, &stop.agent, None))
            .collect();
        let same = *self.server.read().unwrap_or_else(PoisonError::into_inner) == stops;
        if !same {
            self.set(|_, server| *server = stops);
        }
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runtime {
    /// Stops a tool or type of action; with a `*` at its end all whose names begin so. `agent` names
    /// the only agent that it is for; empty for all.
    ///
    /// # Errors
    /// When a field is out of its limits, or nothing can be stored or recorded: then the tool is
    /// stopped all the same until the next start.
    pub fn stop_tool(
        &self,
        tenant: &str,
        by: &str,
        tool: &str,
        agent: &str,
        reason: &str,
        seconds: Option<u32>,
    ) -> Result<ToolStop, RuntimeError> {
        let now = self.now();
        let stop = ToolStop {
            id: new_id(now).to_string(),
            tool: tool.to_owned(),
            agent_id: agent.to_owned(),
            reason: reason.to_owned(),
            by: by.to_owned(),
            created: now,
            expires: seconds.map(|s| now.saturating_add(i64::from(s) * 1_000_000_000)),
            ended: None,
        };
        stop.check()?;
        let stops = &self.inner.tool_stops;
        let _one = stops.changing();
        self.inner.store.insert_tool_stop(tenant, &stop)?;
        self.load_tool_stops(tenant)?;
        self.record_tool_stop(tenant, by, "tool-stopped", &stop)?;
        Ok(stop)
    }

    /// Lets a stopped tool go on.
    ///
    /// # Errors
    /// When there is no such stop, or nothing can be recorded: it holds all the same then.
    pub fn start_tool(&self, tenant: &str, by: &str, id: &str) -> Result<ToolStop, RuntimeError> {
        let store = &self.inner.store;
        let _one = self.inner.tool_stops.changing();
        let now = self.now();
        let stop = match store.tool_stop(tenant, id) {
            Err(error) if error.is_not_found() => return Err(RuntimeError::NotFound("tool stop")),
            other => other?,
        };
        if stop.ended.is_some() {
            return Ok(stop);
        }
        // What permits is on record before it holds.
        self.record_tool_stop(tenant, by, "tool-started", &stop)?;
        let stop = store.end_tool_stop(tenant, id, by, now)?;
        self.load_tool_stops(tenant)?;
        Ok(stop)
    }

    /// Puts the stored stops of a tenant in force.
    pub(crate) fn load_tool_stops(&self, tenant: &str) -> Result<(), RuntimeError> {
        let now = self.now();
        let rows = self
            .inner
            .store
            .tool_stops(tenant, Some(now), TOOL_STOPS_MAX)?;
        let stops: Vec<InForce> = rows
            .iter()
            .map(|row| InForce::new(&row.tool, &row.agent_id, row.expires))
            .collect();
        self.inner.tool_stops.set(|here, _| {
            if stops.is_empty() {
                here.remove(tenant);
            } else {
                here.insert(tenant.to_owned(), stops);
            }
        });
        Ok(())
    }

    /// What clients of a tenant may not use, or of one of its agents only.
    pub(crate) fn stopped_tools(
        &self,
        tenant: &str,
        agent: Option<&str>,
        now: UnixNanos,
    ) -> Vec<StoppedTool> {
        let stops = &self.inner.tool_stops;
        if !stops.any.load(Ordering::Acquire) {
            return Vec::new();
        }
        let here = stops.here.read().unwrap_or_else(PoisonError::into_inner);
        let all = here.get(tenant).into_iter().flatten();
        all.filter(|stop| stop.expires.is_none_or(|expires| now < expires))
            .filter(|stop| stop.agent.is_empty() || agent.is_none_or(|agent| *agent == *stop.agent))
            .map(|stop| StoppedTool {
                tool: format!("{}{}", stop.tool, if stop.prefix { "*" } else { "" }),
                agent: stop.agent.to_string(),
            })
            .collect()
    }

    fn record_tool_stop(
        &self,
        tenant: &str,
        by: &str,
        what: &str,
        stop: &ToolStop,
    ) -> Result<(), RuntimeError> {
        let mut body = Body::new(Kind::Kill, &rfc3339(self.now()));
        body.str("tenant", tenant)
            .str("actor", by)
            .str("what", what)
            .str("id", &stop.id)
            .str("tool", &stop.tool)
            .opt_str(
                "agent",
                (!stop.agent_id.is_empty()).then_some(&stop.agent_id),
            )
            .opt_str("until", stop.expires.map(rfc3339).as_deref());
        self.record_body(tenant, Kind::Kill, &mut body)
    }

    /// Puts an entry on record.
    pub(crate) fn record_body(
        &self,
        tenant: &str,
        kind: Kind,
        body: &mut Body,
    ) -> Result<(), RuntimeError> {
        let bytes = body
            .finish()
            .map_err(|e| RuntimeError::AuditUnavailable(e.to_string()))?;
        self.inner
            .journal
            .append(tenant, kind, bytes)
            .map_err(|e| RuntimeError::AuditUnavailable(e.to_string()))?;
        self.inner.projector.wake();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(agent: &str, kind: &str, tool: &str) -> Action {
        let json = format!(r#"{{"agent_id":"{agent}","action_type":"{kind}","tool":"{tool}"}}"#);
        Action::from_json(json.as_bytes()).unwrap()
    }

    #[test]
    fn a_stop_is_for_its_tool_agent_and_time() {
        let check = |stop: &str, agent: &str, tool: &str, want: bool| {
            let stop = InForce::new(stop, agent, Some(10));
            let given = action("bot", "message_send", tool);
            let names = [given.tool.as_str(), given.action_type.name()];
            assert_eq!(
                stop.stops(&given.agent_id, names, 9),
                want,
                "{stop:?} {tool}"
            );
            assert!(!stop.stops(&given.agent_id, names, 10));
        };
        check("send_email", "", "send_email", true);
        check("send_email", "", "Send_Email", true);
        check("send_email", "", "send_email2", false);
        check("send_email", "", "send_emai", false);
        check("send_*", "", "send_email", true);
        check("send_*", "", "send_", true);
        check("send_*", "", "sen", false);
        check("message_send", "", "anything", true);
        check("message_*", "", "", true);
        check("send_email", "bot", "send_email", true);
        check("send_email", "bo", "send_email", false);
        check("käse*", "", "Käsekuchen", true);
    }

    #[test]
    fn nothing_is_looked_at_where_nothing_is_stopped() {
        let stops = ToolStops::default();
        let given = action("bot", "message_send", "mail");
        assert!(!stops.stopped("t", &given, 0));
        stops.set(|here, _| {
            here.insert("t".to_owned(), vec![InForce::new("mail", "", None)]);
        });
        assert!(stops.stopped("t", &given, 0) && !stops.stopped("u", &given, 0));
        stops.set(|here, _| here.clear());
        assert!(!stops.any.load(Ordering::Acquire));
        stops.of_server(&[StoppedTool {
            tool: "MAIL".to_owned(),
            agent: String::new(),
        }]);
        assert!(stops.stopped("u", &given, 0));
        stops.of_server(&[]);
        assert!(!stops.stopped("u", &given, 0));
    }
}
