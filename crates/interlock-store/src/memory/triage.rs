//! Groups of alerts, mutes, stopped tools and responses.

use std::collections::BTreeMap;

use interlock_core::model::UnixNanos;

use super::{MemoryStore, Result, Tables, key, of_tenant};
use crate::error::StoreError;
use crate::model::{AlertRow, OutboxRow, check_page};
use crate::triage::{
    AlertCause, AlertGroup, AlertScope, CountedAlert, GROUP_WINDOW_NS, GroupFilter, GroupNote,
    GroupState, KEY_GROUPS_MAX, MUTES_MAX, Mute, NOTES_MAX, NOTIFY_MAX, OTHERS_MAX, ResponseRow,
    TENANT_GROUPS_MAX, TOOL_STOPS_MAX, ToolStop, Triage, TriageStore, fingerprint, group_id,
    level_rank, overflow_fingerprint,
};

/// What people did about a group.
#[derive(Debug, Clone, Default)]
pub(super) struct Triaged {
    state: GroupState,
    assignee: String,
    version: u64,
    seen_seq: u64,
    at: UnixNanos,
    by: String,
}

/// What of a group was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    at: UnixNanos,
    count: u64,
    rank: u8,
}

/// An alert is acknowledged by itself, or with its group as far as that had come.
pub(super) fn acknowledged(
    tables: &Tables,
    tenant: &str,
    row: &AlertRow,
) -> Option<(UnixNanos, String)> {
    let id = key(tenant, &row.id);
    if let Some(own) = tables.acknowledgements.get(&id) {
        return Some(own.clone());
    }
    let group = tables.alert_groups.get(&id)?;
    let done = tables.triages.get(&key(tenant, group))?;
    (done.state != GroupState::Open && row.seq <= done.seen_seq).then(|| (done.at, done.by.clone()))
}

/// Puts an alert in its group.
pub(super) fn put(tables: &mut Tables, tenant: &str, row: AlertRow) {
    if tables.alerts.contains_key(&key(tenant, &row.id)) {
        return;
    }
    let since = row.created.saturating_sub(GROUP_WINDOW_NS);
    let current = |tables: &Tables, print: &str| {
        of_tenant(&tables.groups, tenant)
            .filter(|(_, g)| g.fingerprint == print && g.last_seen >= since)
            .max_by_key(|(_, g)| g.last_seen)
            .map(|(id, _)| id.to_owned())
    };
    let mut print = fingerprint(&row);
    let mut overflow = false;
    let mut found = current(tables, &print);
    if found.is_none() {
        let seen = || of_tenant(&tables.groups, tenant).filter(|(_, g)| g.last_seen >= since);
        let of_key = seen().filter(|(_, g)| g.cause.key_id == row.cause.key_id);
        overflow = of_key.count() >= KEY_GROUPS_MAX || seen().count() >= TENANT_GROUPS_MAX;
        if overflow {
            print = overflow_fingerprint(&row);
            found = current(tables, &print);
        }
    }
    let id = found.unwrap_or_else(|| group_id(&print, &row.id));
    let group = tables
        .groups
        .entry(key(tenant, &id))
        .or_insert_with(|| AlertGroup {
            id: id.clone(),
            fingerprint: print,
            overflow,
            agent_id: if overflow {
                String::new()
            } else {
                row.agent_id.clone()
            },
            cause: AlertCause {
                key_id: row.cause.key_id.clone(),
                tool: String::new(),
                notify: Vec::new(),
                others: Vec::new(),
                ..if overflow {
                    AlertCause::default()
                } else {
                    row.cause.clone()
                }
            },
            level: String::new(),
            message: String::new(),
            count: 0,
            first_seen: row.created,
            last_seen: row.created,
            first_alert: row.id.clone(),
            last_alert: String::new(),
            last_seq: 0,
            state: GroupState::Open,
            reopened: false,
            assignee: String::new(),
            version: 0,
            changed: None,
            muted_by: None,
        });
    if level_rank(&row.level).max(1) > level_rank(&group.level) {
        row.level.clone_into(&mut group.level);
        row.message.clone_into(&mut group.message);
    }
    group.count += 1;
    group.last_seen = group.last_seen.max(row.created);
    group.last_seq = group.last_seq.max(row.seq);
    row.id.clone_into(&mut group.last_alert);
    for name in &row.cause.notify {
        if group.cause.notify.len() < NOTIFY_MAX && !group.cause.notify.contains(name) {
            group.cause.notify.push(name.clone());
        }
    }
    for name in row.cause.others.iter().filter(|_| !group.overflow) {
        if group.cause.others.len() < OTHERS_MAX && !group.cause.others.contains(name) {
            group.cause.others.push(name.clone());
        }
    }
    tables.alert_groups.insert(key(tenant, &row.id), id);
    tables.alerts.insert(key(tenant, &row.id), row);
}

fn shown(tables: &Tables, tenant: &str, group: &AlertGroup, now: UnixNanos) -> AlertGroup {
    let mut group = group.clone();
    if let Some(done) = tables.triages.get(&key(tenant, &group.id)) {
        group.reopened = done.state == GroupState::Resolved && group.last_seq > done.seen_seq;
        group.state = if group.reopened {
            GroupState::Open
        } else {
            done.state
        };
        group.assignee.clone_from(&done.assignee);
        group.version = done.version;
        group.changed = Some((done.at, done.by.clone()));
    }
    let by = |detector: &str| {
        of_tenant(&tables.mutes, tenant)
            .find(|(_, mute)| mute.holds(now) && mute.covers(&group, detector))
            .map(|(id, _)| id.to_owned())
    };
    let all = group.cause.others.iter().all(|other| by(other).is_some());
    group.muted_by = by(&group.cause.detector).filter(|_| all);
    group
}

fn find(tables: &Tables, tenant: &str, id: &str, now: UnixNanos) -> Result<AlertGroup> {
    let group = tables.groups.get(&key(tenant, id));
    let group = group.ok_or_else(|| StoreError::not_found("alert group", id))?;
    Ok(shown(tables, tenant, group, now))
}

/// Leaves word of a group for who tells people.
fn put_outbox(tables: &mut Tables, tenant: &str, topic: &str, group: &AlertGroup, now: UnixNanos) {
    tables.outbox_seq += 1;
    let seq = tables.outbox_seq;
    tables.outbox.insert(
        seq,
        OutboxRow {
            seq,
            tenant: tenant.to_owned(),
            topic: topic.to_owned(),
            subject: group.id.clone(),
            version: group.count,
            state: group.level.clone(),
            at: now,
        },
    );
}

impl TriageStore for MemoryStore {
    fn alert_group(&self, tenant: &str, id: &str, now: UnixNanos) -> Result<AlertGroup> {
        find(&self.tables(), tenant, id, now)
    }

    fn alert_groups(
        &self,
        tenant: &str,
        filter: &GroupFilter,
        now: UnixNanos,
        limit: usize,
    ) -> Result<Vec<AlertGroup>> {
        check_page(limit)?;
        let tables = self.tables();
        let same = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        let mut groups: Vec<AlertGroup> = of_tenant(&tables.groups, tenant)
            .map(|(_, group)| shown(&tables, tenant, group, now))
            .filter(|g| filter.state.is_none_or(|state| state == g.state))
            .filter(|g| {
                filter
                    .muted
                    .is_none_or(|muted| muted == g.muted_by.is_some())
            })
            .filter(|g| same(&filter.agent_id, &g.agent_id) && same(&filter.rule, &g.cause.rule))
            .filter(|g| {
                let wanted = filter.detector.as_ref();
                wanted.is_none_or(|wanted| g.cause.detectors().any(|found| found == wanted))
            })
            .filter(|g| same(&filter.assignee, &g.assignee))
            .filter(|g| level_rank(&g.level) >= filter.rank_min)
            .filter(|g| {
                let before = filter.before.as_ref();
                before.is_none_or(|(seq, id)| (g.last_seq, &g.id) < (*seq, id))
            })
            .collect();
        groups.sort_by(|a, b| (b.last_seq, &b.id).cmp(&(a.last_seq, &a.id)));
        groups.truncate(limit);
        Ok(groups)
    }

    fn group_alerts(&self, tenant: &str, id: &str, limit: usize) -> Result<Vec<AlertRow>> {
        check_page(limit)?;
        let tables = self.tables();
        let mut rows: Vec<AlertRow> = of_tenant(&tables.alerts, tenant)
            .filter(|(alert, _)| {
                let group = tables.alert_groups.get(&key(tenant, alert));
                group.is_some_and(|group| group == id)
            })
            .map(|(_, row)| row.clone())
            .collect();
        rows.sort_by(|a, b| (b.seq, &b.id).cmp(&(a.seq, &a.id)));
        rows.truncate(limit);
        Ok(rows)
    }

    fn group_notes(&self, tenant: &str, id: &str) -> Result<Vec<GroupNote>> {
        let tables = self.tables();
        Ok(tables
            .notes
            .get(&key(tenant, id))
            .cloned()
            .unwrap_or_default())
    }

    fn triage(
        &self,
        tenant: &str,
        id: &str,
        triage: &Triage,
        now: UnixNanos,
    ) -> Result<AlertGroup> {
        triage.check()?;
        let mut tables = self.tables();
        let found = find(&tables, tenant, id, now)?;
        if found.version != triage.version {
            return Err(StoreError::Version {
                what: "alert group",
                id: id.to_owned(),
                expected: triage.version,
                found: found.version,
            });
        }
        let done = tables.triages.entry(key(tenant, id)).or_default();
        if let Some(state) = triage.state {
            done.state = state;
        }
        if triage.state.is_some() || done.version == 0 {
            done.seen_seq = triage
                .seen_seq
                .unwrap_or(found.last_seq)
                .min(found.last_seq);
        }
        if let Some(assignee) = &triage.assignee {
            done.assignee.clone_from(assignee);
        }
        done.version += 1;
        done.at = now;
        done.by.clone_from(&triage.by);
        let notes = tables.notes.entry(key(tenant, id)).or_default();
        notes.extend(triage.notes().into_iter().map(|(what, text)| GroupNote {
            at: now,
            by: triage.by.clone(),
            what: what.to_owned(),
            text,
        }));
        let over = notes.len().saturating_sub(NOTES_MAX);
        notes.drain(..over);
        let group = find(&tables, tenant, id, now)?;
        let told = tables.told.contains_key(&key(tenant, id));
        if let Some(state) = triage.state.filter(|state| told && *state != found.state) {
            let topic = format!("alert.{}", state.name());
            put_outbox(&mut tables, tenant, &topic, &group, now);
        }
        Ok(group)
    }

    fn tell_groups(
        &self,
        now: UnixNanos,
        quiet_ns: i64,
        hourly: usize,
        of_key: usize,
        limit: usize,
    ) -> Result<Vec<(String, String)>> {
        const HOUR_NS: i64 = 3_600 * 1_000_000_000;
        check_page(limit)?;
        let mut tables = self.tables();
        let mut due: Vec<(u8, u64, String, AlertGroup, &'static str)> = Vec::new();
        for ((tenant, id), group) in &tables.groups {
            let group = shown(&tables, tenant, group, now);
            let recent = group.last_seen >= now.saturating_sub(GROUP_WINDOW_NS);
            if group.cause.notify.is_empty() || group.muted_by.is_some() || !recent {
                continue;
            }
            let rank = level_rank(&group.level);
            let told = tables.told.get(&key(tenant, id));
            let done = tables.triages.get(&key(tenant, id));
            let resolved = done.is_some_and(|d| d.state == GroupState::Resolved);
            let topic = match told {
                None => "alert.new",
                Some(told) if rank > told.rank => "alert.worse",
                Some(told) => {
                    let grown = group.count > told.count;
                    let quiet = told.at <= now.saturating_sub(quiet_ns);
                    let again = group.reopened && done.is_some_and(|d| d.at > told.at);
                    if !grown || !(quiet || again) {
                        continue;
                    }
                    if resolved {
                        "alert.again"
                    } else {
                        "alert.digest"
                    }
                }
            };
            due.push((rank, group.last_seq, tenant.clone(), group, topic));
        }
        due.sort_by(|a, b| (b.0, a.1).cmp(&(a.0, b.1)));
        let mut of_keys: BTreeMap<(String, String), usize> = BTreeMap::new();
        due.retain(|(_, _, tenant, group, _)| {
            let of = (tenant.clone(), group.cause.key_id.clone());
            let seen = of_keys.entry(of).or_default();
            *seen += 1;
            *seen <= of_key
        });
        due.truncate(limit);
        let mut told = Vec::new();
        for (rank, _, tenant, group, topic) in due {
            let recent = of_tenant(&tables.told, &tenant)
                .filter(|(_, told)| told.at > now.saturating_sub(HOUR_NS))
                .count();
            let of_this = of_tenant(&tables.told, &tenant)
                .filter(|(_, told)| told.at > now.saturating_sub(HOUR_NS))
                .filter_map(|(id, _)| tables.groups.get(&key(&tenant, id)))
                .filter(|other| other.cause.key_id == group.cause.key_id)
                .count();
            if recent >= hourly || (!group.cause.key_id.is_empty() && of_this >= of_key) {
                continue;
            }
            put_outbox(&mut tables, &tenant, topic, &group, now);
            tables.told.insert(
                key(&tenant, &group.id),
                Told {
                    at: now,
                    count: group.count,
                    rank,
                },
            );
            told.push((tenant, group.id));
        }
        Ok(told)
    }

    fn insert_mute(&self, tenant: &str, mute: &Mute) -> Result<()> {
        mute.check()?;
        let mut tables = self.tables();
        let held = of_tenant(&tables.mutes, tenant).filter(|(_, m)| m.holds(mute.created));
        if held.count() >= MUTES_MAX {
            let problem = format!("{MUTES_MAX} hold, which is the limit: end some");
            return Err(StoreError::invalid("mutes", problem));
        }
        tables
            .mutes
            .entry(key(tenant, &mute.id))
            .or_insert_with(|| mute.clone());
        Ok(())
    }

    fn mutes(&self, tenant: &str, at: Option<UnixNanos>, limit: usize) -> Result<Vec<Mute>> {
        check_page(limit)?;
        let tables = self.tables();
        let mut rows: Vec<Mute> = of_tenant(&tables.mutes, tenant)
            .map(|(_, mute)| mute.clone())
            .filter(|mute| at.is_none_or(|at| mute.holds(at)))
            .collect();
        rows.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
        rows.truncate(limit);
        Ok(rows)
    }

    fn end_mute(&self, tenant: &str, id: &str, by: &str, now: UnixNanos) -> Result<Mute> {
        let mut tables = self.tables();
        let mute = tables.mutes.get_mut(&key(tenant, id));
        let mute = mute.ok_or_else(|| StoreError::not_found("mute", id))?;
        mute.ended.get_or_insert_with(|| (now, by.to_owned()));
        Ok(mute.clone())
    }

    fn insert_tool_stop(&self, tenant: &str, stop: &ToolStop) -> Result<()> {
        stop.check()?;
        let mut tables = self.tables();
        let held = of_tenant(&tables.tool_stops, tenant).filter(|(_, s)| s.holds(stop.created));
        if held.count() >= TOOL_STOPS_MAX {
            let problem = format!("{TOOL_STOPS_MAX} tools are stopped, which is the limit");
            return Err(StoreError::invalid("tool", problem));
        }
        tables
            .tool_stops
            .entry(key(tenant, &stop.id))
            .or_insert_with(|| stop.clone());
        tables.epochs(tenant).control += 1;
        Ok(())
    }

    fn tool_stops(
        &self,
        tenant: &str,
        at: Option<UnixNanos>,
        limit: usize,
    ) -> Result<Vec<ToolStop>> {
        check_page(limit)?;
        let tables = self.tables();
        let mut rows: Vec<ToolStop> = of_tenant(&tables.tool_stops, tenant)
            .map(|(_, stop)| stop.clone())
            .filter(|stop| at.is_none_or(|at| stop.holds(at)))
            .collect();
        rows.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
        rows.truncate(limit);
        Ok(rows)
    }

    fn tool_stop(&self, tenant: &str, id: &str) -> Result<ToolStop> {
        let tables = self.tables();
        let stop = tables.tool_stops.get(&key(tenant, id));
        stop.cloned()
            .ok_or_else(|| StoreError::not_found("tool stop", id))
    }

    fn end_tool_stop(&self, tenant: &str, id: &str, by: &str, now: UnixNanos) -> Result<ToolStop> {
        let mut tables = self.tables();
        let stop = tables.tool_stops.get_mut(&key(tenant, id));
        let stop = stop.ok_or_else(|| StoreError::not_found("tool stop", id))?;
        stop.ended.get_or_insert_with(|| (now, by.to_owned()));
        let stop = stop.clone();
        tables.epochs(tenant).control += 1;
        Ok(stop)
    }

    fn alerts_after(&self, tenant: &str, seq: u64, limit: usize) -> Result<Vec<AlertRow>> {
        check_page(limit)?;
        let tables = self.tables();
        let mut rows: Vec<AlertRow> = of_tenant(&tables.alerts, tenant)
            .map(|(_, row)| row.clone())
            .filter(|row| row.seq > seq)
            .collect();
        rows.sort_by(|a, b| (a.seq, &a.id).cmp(&(b.seq, &b.id)));
        rows.truncate(limit);
        Ok(rows)
    }

    fn alerts_within(
        &self,
        tenant: &str,
        scope: AlertScope,
        subject: &str,
        rank: u8,
        since: UnixNanos,
        through: u64,
        limit: usize,
    ) -> Result<Vec<CountedAlert>> {
        check_page(limit)?;
        let tables = self.tables();
        let mut rows: Vec<&AlertRow> = tables
            .alerts
            .iter()
            .filter(|((t, _), _)| t == tenant)
            .map(|(_, row)| row)
            .filter(|row| match scope {
                AlertScope::Agent => subject == row.agent_id,
                AlertScope::Tool => subject == row.cause.tool,
                AlertScope::Detector => row.cause.detectors().any(|name| name == subject),
            })
            .filter(|row| level_rank(&row.level).max(1) >= rank && row.created >= since)
            .filter(|row| row.seq <= through && !matches!(&*row.cause.kind, "response" | "stopped"))
            .collect();
        rows.sort_by(|a, b| (b.seq, &b.id).cmp(&(a.seq, &a.id)));
        rows.truncate(limit);
        let counted = rows.into_iter().map(|row| CountedAlert {
            id: row.id.clone(),
            agent_id: row.agent_id.clone(),
            tool: row.cause.tool.clone(),
            detectors: row.cause.detectors().map(str::to_owned).collect(),
        });
        Ok(counted.collect())
    }

    fn response_mark(&self, tenant: &str) -> Result<u64> {
        Ok(self
            .tables()
            .response_marks
            .get(tenant)
            .copied()
            .unwrap_or(0))
    }

    fn set_response_mark(&self, tenant: &str, seq: Option<u64>) -> Result<()> {
        let mut tables = self.tables();
        let last = of_tenant(&tables.alerts, tenant)
            .map(|(_, row)| row.seq)
            .max();
        let seq = seq.or(last).unwrap_or(0);
        let mark = tables.response_marks.entry(tenant.to_owned()).or_default();
        *mark = seq.max(*mark);
        Ok(())
    }

    fn responses(&self, tenant: &str, open: bool, limit: usize) -> Result<Vec<ResponseRow>> {
        check_page(limit)?;
        let tables = self.tables();
        let mut rows: Vec<ResponseRow> = of_tenant(&tables.responses, tenant)
            .map(|(_, row)| row.clone())
            .filter(|row| !open || row.ended.is_none())
            .collect();
        rows.sort_by(|a, b| (b.seq, &b.id).cmp(&(a.seq, &a.id)));
        rows.truncate(limit);
        Ok(rows)
    }

    fn last_response(&self, tenant: &str, rule: &str, subject: &str) -> Result<Option<UnixNanos>> {
        let tables = self.tables();
        let of_subject = of_tenant(&tables.responses, tenant)
            .filter(|(_, row)| row.rule == rule && row.subject == subject);
        Ok(of_subject.map(|(_, row)| row.at).max())
    }
}
