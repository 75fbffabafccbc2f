//! Groups of alerts, mutes, stopped tools and responses.

use interlock_core::model::UnixNanos;
use rusqlite::{Connection, Row, Transaction, params};

use super::rows::{
    Query, all, get, list_from_text, list_to_text, named, one, raise_epoch, to_i64, unsigned,
};
use super::{Result, SqliteStore};
use crate::error::StoreError;
use crate::model::{AlertRow, check_page};
use crate::triage::{
    AlertCause, AlertGroup, AlertScope, CountedAlert, GROUP_WINDOW_NS, GroupFilter, GroupNote,
    GroupState, KEY_GROUPS_MAX, MUTES_MAX, Mute, NOTES_MAX, NOTIFY_MAX, OTHERS_MAX, ResponseEnd,
    ResponseRow, TENANT_GROUPS_MAX, TOOL_STOPS_MAX, ToolStop, Triage, TriageStore, fingerprint,
    group_id, level_rank, overflow_fingerprint, rank_level,
};

/// Whether mutes cover group `g` at the time `?2`, all that was found in it; the id of one.
const MUTED: &str = "(CASE WHEN NOT EXISTS (SELECT 1 FROM json_each(g.others) o WHERE NOT EXISTS
    (SELECT 1 FROM mute m WHERE m.tenant = g.tenant AND m.ended IS NULL
    AND m.expires > ?2 AND m.fingerprint IN ('', g.fingerprint) AND m.agent_id IN ('', g.agent_id)
    AND m.rule IN ('', g.rule) AND m.detector IN ('', o.value)))
    THEN (SELECT m.id FROM mute m WHERE m.tenant = g.tenant AND m.ended IS NULL
    AND m.expires > ?2 AND m.fingerprint IN ('', g.fingerprint) AND m.agent_id IN ('', g.agent_id)
    AND m.rule IN ('', g.rule) AND m.detector IN ('', g.detector) LIMIT 1) END)";

/// How far people are: what happened after it was resolved opens it again.
const STATE: &str = "CASE WHEN s.state = 'resolved' AND g.last_seq > s.seen_seq THEN 'open'
    ELSE coalesce(s.state, 'open') END";

fn select() -> String {
    format!(
        "SELECT g.*, s.state AS s_state, s.assignee AS s_assignee, s.version AS s_version,
         s.seen_seq AS s_seen, s.at AS s_at, s.by AS s_by, {MUTED} AS muted_by
         FROM alert_group g LEFT JOIN alert_triage s ON s.tenant = g.tenant AND s.group_id = g.id
         WHERE g.tenant = ?1"
    )
}

fn rank(row: &Row<'_>) -> Result<u8> {
    Ok(u8::try_from(get::<i64>(row, "rank")?).unwrap_or(u8::MAX))
}

fn cause(row: &Row<'_>, tool: &str) -> Result<AlertCause> {
    Ok(AlertCause {
        kind: get(row, "kind")?,
        key_id: get(row, "key_id")?,
        rule: get(row, "rule")?,
        detector: get(row, "detector")?,
        others: list_from_text("others", &get::<String>(row, "others")?)?,
        code: get(row, "code")?,
        class: get(row, "class")?,
        tool: if tool.is_empty() {
            String::new()
        } else {
            get(row, tool)?
        },
        notify: list_from_text("notify", &get::<String>(row, "notify")?)?,
    })
}

pub(super) fn alert_row(row: &Row<'_>) -> Result<AlertRow> {
    Ok(AlertRow {
        id: get(row, "id")?,
        seq: unsigned(row, "seq")?,
        agent_id: get(row, "agent_id")?,
        action_id: get(row, "action_id")?,
        level: get(row, "level")?,
        message: get(row, "message")?,
        created: get(row, "created")?,
        cause: cause(row, "tool")?,
    })
}

fn group(row: &Row<'_>) -> Result<AlertGroup> {
    let last_seq = unsigned(row, "last_seq")?;
    let stored = match get::<Option<String>>(row, "s_state")? {
        Some(_) => named(row, "s_state", GroupState::from_name)?,
        None => GroupState::Open,
    };
    let seen = u64::try_from(get::<Option<i64>>(row, "s_seen")?.unwrap_or(0)).unwrap_or(0);
    let reopened = stored == GroupState::Resolved && last_seq > seen;
    let at: Option<UnixNanos> = get(row, "s_at")?;
    Ok(AlertGroup {
        id: get(row, "id")?,
        fingerprint: get(row, "fingerprint")?,
        overflow: get(row, "overflow")?,
        agent_id: get(row, "agent_id")?,
        cause: cause(row, "")?,
        level: rank_level(rank(row)?).to_owned(),
        message: get(row, "message")?,
        count: unsigned(row, "count")?,
        first_seen: get(row, "first_seen")?,
        last_seen: get(row, "last_seen")?,
        first_alert: get(row, "first_alert")?,
        last_alert: get(row, "last_alert")?,
        last_seq,
        state: if reopened { GroupState::Open } else { stored },
        reopened,
        assignee: get::<Option<String>>(row, "s_assignee")?.unwrap_or_default(),
        version: u64::try_from(get::<Option<i64>>(row, "s_version")?.unwrap_or(0)).unwrap_or(0),
        changed: at.zip(get::<Option<String>>(row, "s_by")?),
        muted_by: get(row, "muted_by")?,
    })
}

fn find(connection: &Connection, tenant: &str, id: &str, now: UnixNanos) -> Result<AlertGroup> {
    one(
        connection,
        &format!("{} AND g.id = ?3", select()),
        params![tenant, now, id],
        group,
    )?
    .ok_or_else(|| StoreError::not_found("alert group", id))
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Whether at least `max` groups were seen since `since`.
fn full(
    tx: &Transaction<'_>,
    sql: &str,
    tenant: &str,
    key: &str,
    since: UnixNanos,
    max: usize,
) -> Result<bool> {
    let found = one(tx, sql, params![tenant, key, since, count(max)], |row| {
        get::<i64>(row, "n")
    })?;
    Ok(found.unwrap_or(0) >= count(max))
}

/// The group with this fingerprint that an alert of this time joins.
fn current(
    tx: &Transaction<'_>,
    tenant: &str,
    fingerprint: &str,
    at: UnixNanos,
) -> Result<Option<String>> {
    one(
        tx,
        "SELECT id FROM alert_group WHERE tenant = ?1 AND fingerprint = ?2 AND last_seen >= ?3
         ORDER BY last_seen DESC LIMIT 1",
        params![tenant, fingerprint, at.saturating_sub(GROUP_WINDOW_NS)],
        |row| get(row, "id"),
    )
}

/// Puts an alert that is new in its group, and answers the group's id.
pub(super) fn put_in_group(tx: &Transaction<'_>, tenant: &str, row: &AlertRow) -> Result<String> {
    let at = row.created;
    let since = at.saturating_sub(GROUP_WINDOW_NS);
    let rank = i64::from(level_rank(&row.level).max(1));
    let mut print = fingerprint(row);
    let mut overflow = false;
    let mut found = current(tx, tenant, &print, at)?;
    if found.is_none() {
        overflow = full(
            tx,
            "SELECT count(*) AS n FROM (SELECT 1 FROM alert_group
             WHERE tenant = ?1 AND key_id = ?2 AND last_seen >= ?3 LIMIT ?4)",
            tenant,
            &row.cause.key_id,
            since,
            KEY_GROUPS_MAX,
        )? || full(
            tx,
            "SELECT count(*) AS n FROM (SELECT 1 FROM alert_group
             WHERE tenant = ?1 AND ?2 = ?2 AND last_seen >= ?3 LIMIT ?4)",
            tenant,
            "",
            since,
            TENANT_GROUPS_MAX,
        )?;
        if overflow {
            print = overflow_fingerprint(row);
            found = current(tx, tenant, &print, at)?;
        }
    }
    let Some(id) = found else {
        let id = group_id(&print, &row.id);
        // Of more groups than there is place for, these are not in common.
        let named = |name: &str| {
            if overflow {
                String::new()
            } else {
                name.to_owned()
            }
        };
        let others: &[String] = if overflow { &[] } else { &row.cause.others };
        tx.prepare_cached(
            "INSERT INTO alert_group (tenant, id, fingerprint, overflow, kind, key_id, agent_id,
             rule, detector, code, class, notify, message, rank, count, first_seen, last_seen,
             first_alert, last_alert, last_seq, others)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 1, ?15, ?15,
             ?16, ?16, ?17, ?18)",
        )?
        .execute(params![
            tenant,
            id,
            print,
            overflow,
            named(&row.cause.kind),
            row.cause.key_id,
            named(&row.agent_id),
            named(&row.cause.rule),
            named(&row.cause.detector),
            named(&row.cause.code),
            named(&row.cause.class),
            list_to_text(
                &row.cause
                    .notify
                    .iter()
                    .take(NOTIFY_MAX)
                    .cloned()
                    .collect::<Vec<_>>()
            )?,
            row.message,
            rank,
            at,
            row.id,
            to_i64("seq", row.seq)?,
            list_to_text(others)?
        ])?;
        return Ok(id);
    };
    tx.prepare_cached(
        "UPDATE alert_group SET count = count + 1, last_seen = max(last_seen, ?3),
         message = iif(?4 > rank, ?5, message), rank = max(rank, ?4), last_alert = ?6,
         last_seq = max(last_seq, ?7) WHERE tenant = ?1 AND id = ?2",
    )?
    .execute(params![
        tenant,
        id,
        at,
        rank,
        row.message,
        row.id,
        to_i64("seq", row.seq)?
    ])?;
    add_names(tx, tenant, &id, "notify", &row.cause.notify, NOTIFY_MAX)?;
    if !overflow {
        add_names(tx, tenant, &id, "others", &row.cause.others, OTHERS_MAX)?;
    }
    Ok(id)
}

/// Adds names to a list of a group, as many as it may have.
fn add_names(
    tx: &Transaction<'_>,
    tenant: &str,
    id: &str,
    column: &'static str,
    names: &[String],
    max: usize,
) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let kept: Option<String> = one(
        tx,
        &format!("SELECT {column} FROM alert_group WHERE tenant = ?1 AND id = ?2"),
        params![tenant, id],
        |row| get(row, column),
    )?;
    let mut all = list_from_text(column, kept.as_deref().unwrap_or("[]"))?;
    let before = all.len();
    for name in names {
        if all.len() < max && !all.contains(name) {
            all.push(name.clone());
        }
    }
    if all.len() > before {
        let sql = format!("UPDATE alert_group SET {column} = ?3 WHERE tenant = ?1 AND id = ?2");
        tx.prepare_cached(&sql)?
            .execute(params![tenant, id, list_to_text(&all)?])?;
    }
    Ok(())
}

pub(super) fn put_response(tx: &Transaction<'_>, tenant: &str, row: &ResponseRow) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO response (tenant, id, seq, rule, subject, agent_id, action, last, dry_run,
         capped, alerts, at, open) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 1)
         ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        tenant,
        row.id,
        to_i64("seq", row.seq)?,
        row.rule,
        row.subject,
        row.agent_id,
        row.action,
        row.last,
        row.dry_run,
        row.capped,
        list_to_text(&row.alerts)?,
        row.at
    ])?;
    if let Some(end) = &row.ended {
        end_response(tx, tenant, &row.id, end)?;
    }
    Ok(())
}

pub(super) fn end_response(
    tx: &Transaction<'_>,
    tenant: &str,
    id: &str,
    end: &ResponseEnd,
) -> Result<()> {
    tx.prepare_cached(
        "UPDATE response SET open = NULL, result = ?3, message = ?4, ended = ?5
         WHERE tenant = ?1 AND id = ?2 AND open IS NOT NULL",
    )?
    .execute(params![tenant, id, end.result, end.message, end.at])?;
    Ok(())
}

fn ended(row: &Row<'_>) -> Result<Option<(UnixNanos, String)>> {
    Ok(match get::<Option<UnixNanos>>(row, "ended")? {
        Some(at) => Some((at, get(row, "ended_by")?)),
        None => None,
    })
}

fn mute(row: &Row<'_>) -> Result<Mute> {
    Ok(Mute {
        id: get(row, "id")?,
        fingerprint: get(row, "fingerprint")?,
        agent_id: get(row, "agent_id")?,
        rule: get(row, "rule")?,
        detector: get(row, "detector")?,
        reason: get(row, "reason")?,
        by: get(row, "by")?,
        created: get(row, "created")?,
        expires: get(row, "expires")?,
        ended: ended(row)?,
    })
}

fn stop(row: &Row<'_>) -> Result<ToolStop> {
    Ok(ToolStop {
        id: get(row, "id")?,
        tool: get(row, "tool")?,
        agent_id: get(row, "agent_id")?,
        reason: get(row, "reason")?,
        by: get(row, "by")?,
        created: get(row, "created")?,
        expires: get(row, "expires")?,
        ended: ended(row)?,
    })
}

fn response(row: &Row<'_>) -> Result<ResponseRow> {
    Ok(ResponseRow {
        id: get(row, "id")?,
        seq: unsigned(row, "seq")?,
        rule: get(row, "rule")?,
        subject: get(row, "subject")?,
        agent_id: get(row, "agent_id")?,
        action: get(row, "action")?,
        last: u32::try_from(unsigned(row, "last")?).unwrap_or(u32::MAX),
        dry_run: get(row, "dry_run")?,
        capped: get(row, "capped")?,
        alerts: list_from_text("alerts", &get::<String>(row, "alerts")?)?,
        at: get(row, "at")?,
        ended: match get::<Option<UnixNanos>>(row, "ended")? {
            Some(at) => Some(ResponseEnd {
                result: get(row, "result")?,
                message: get(row, "message")?,
                at,
            }),
            None => None,
        },
    })
}

impl TriageStore for SqliteStore {
    fn alert_group(&self, tenant: &str, id: &str, now: UnixNanos) -> Result<AlertGroup> {
        find(&self.reader(), tenant, id, now)
    }

    fn alert_groups(
        &self,
        tenant: &str,
        filter: &GroupFilter,
        now: UnixNanos,
        limit: usize,
    ) -> Result<Vec<AlertGroup>> {
        check_page(limit)?;
        let mut query = Query::new(&select(), tenant);
        // The second value, as the selected columns expect it.
        query.and("? IS NOT NULL", now);
        if let Some(state) = filter.state {
            query.and(&format!("{STATE} = ?"), state.name().to_owned());
        }
        if let Some(muted) = filter.muted {
            query.then(&format!(
                "AND {MUTED} IS{} NULL",
                if muted { " NOT" } else { "" }
            ));
        }
        for (condition, wanted) in [
            ("g.agent_id = ?", &filter.agent_id),
            ("g.rule = ?", &filter.rule),
            (
                "(g.detector = ? OR EXISTS
                 (SELECT 1 FROM json_each(g.others) o WHERE o.value = ?))",
                &filter.detector,
            ),
            ("s.assignee = ?", &filter.assignee),
        ] {
            if let Some(wanted) = wanted {
                query.and(condition, wanted.clone());
            }
        }
        if filter.rank_min > 0 {
            query.and("g.rank >= ?", i64::from(filter.rank_min));
        }
        if let Some((seq, id)) = &filter.before {
            query.and_pair(
                "(g.last_seq, g.id) < (?, ?)",
                to_i64("before", *seq)?,
                id.clone(),
            );
        }
        query.then("ORDER BY g.last_seq DESC, g.id DESC");
        query.limit(limit);
        query.rows(&self.reader(), group)
    }

    fn group_alerts(&self, tenant: &str, id: &str, limit: usize) -> Result<Vec<AlertRow>> {
        check_page(limit)?;
        all(
            &self.reader(),
            "SELECT * FROM alert WHERE tenant = ?1 AND group_id = ?2
             ORDER BY seq DESC, id DESC LIMIT ?3",
            params![tenant, id, count(limit)],
            alert_row,
        )
    }

    fn group_notes(&self, tenant: &str, id: &str) -> Result<Vec<GroupNote>> {
        all(
            &self.reader(),
            "SELECT * FROM alert_note WHERE tenant = ?1 AND group_id = ?2 ORDER BY seq",
            params![tenant, id],
            |row| {
                Ok(GroupNote {
                    at: get(row, "at")?,
                    by: get(row, "by")?,
                    what: get(row, "what")?,
                    text: get(row, "text")?,
                })
            },
        )
    }

    fn triage(
        &self,
        tenant: &str,
        id: &str,
        triage: &Triage,
        now: UnixNanos,
    ) -> Result<AlertGroup> {
        triage.check()?;
        self.write(|tx| {
            let found = find(tx, tenant, id, now)?;
            if found.version != triage.version {
                return Err(StoreError::Version {
                    what: "alert group",
                    id: id.to_owned(),
                    expected: triage.version,
                    found: found.version,
                });
            }
            let seen = triage
                .seen_seq
                .unwrap_or(found.last_seq)
                .min(found.last_seq);
            tx.prepare_cached(
                "INSERT INTO alert_triage (tenant, group_id, state, assignee, version, seen_seq,
                 at, by) VALUES (?1, ?2, coalesce(?3, 'open'), coalesce(?4, ''), 1, ?5, ?6, ?7)
                 ON CONFLICT (tenant, group_id) DO UPDATE SET state = coalesce(?3, state),
                 assignee = coalesce(?4, assignee), version = version + 1,
                 seen_seq = iif(?3 IS NULL, seen_seq, ?5), at = ?6, by = ?7",
            )?
            .execute(params![
                tenant,
                id,
                triage.state.map(GroupState::name),
                triage.assignee,
                to_i64("seen_seq", seen)?,
                now,
                triage.by
            ])?;
            for (what, text) in triage.notes() {
                tx.prepare_cached(
                    "INSERT INTO alert_note (tenant, group_id, at, by, what, text)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![tenant, id, now, triage.by, what, text])?;
            }
            tx.prepare_cached(
                "DELETE FROM alert_note WHERE tenant = ?1 AND group_id = ?2 AND seq <=
                 (SELECT seq FROM alert_note WHERE tenant = ?1 AND group_id = ?2
                  ORDER BY seq DESC LIMIT 1 OFFSET ?3)",
            )?
            .execute(params![tenant, id, count(NOTES_MAX)])?;
            let group = find(tx, tenant, id, now)?;
            if let Some(state) = triage.state.filter(|state| *state != found.state) {
                tx.prepare_cached(
                    "INSERT INTO outbox (tenant, topic, subject, version, state, at)
                     SELECT ?1, 'alert.' || ?3, ?2, ?4, ?5, ?6 WHERE EXISTS
                     (SELECT 1 FROM alert_told WHERE tenant = ?1 AND group_id = ?2)",
                )?
                .execute(params![
                    tenant,
                    id,
                    state.name(),
                    to_i64("count", group.count)?,
                    group.level,
                    now
                ])?;
            }
            Ok(group)
        })
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
        // What is older than the window and was not told was told of by what came before it.
        let due = format!(
            "SELECT * FROM (SELECT g.tenant AS tenant, g.id AS id, g.key_id AS key_id,
               g.rank AS rank, g.count AS count, g.last_seq AS last_seq,
               row_number() OVER (PARTITION BY g.tenant, g.key_id
                 ORDER BY g.rank DESC, g.last_seq) AS place, CASE
               WHEN t.at IS NULL THEN 'alert.new'
               WHEN g.rank > t.rank THEN 'alert.worse'
               WHEN s.state = 'resolved' THEN 'alert.again'
               ELSE 'alert.digest' END AS topic
             FROM alert_group g
             LEFT JOIN alert_triage s ON s.tenant = g.tenant AND s.group_id = g.id
             LEFT JOIN alert_told t ON t.tenant = g.tenant AND t.group_id = g.id
             WHERE g.notify != '[]' AND g.last_seen >= ?1 AND {MUTED} IS NULL
             AND (t.at IS NULL OR g.rank > t.rank
               OR (g.count > t.count AND t.at <= ?3)
               OR (g.count > t.count AND s.state = 'resolved' AND g.last_seq > s.seen_seq
                   AND s.at > t.at)))
             WHERE place <= ?5 ORDER BY rank DESC, last_seq LIMIT ?4"
        );
        let values = params![
            now.saturating_sub(GROUP_WINDOW_NS),
            now,
            now.saturating_sub(quiet_ns),
            count(limit),
            count(of_key)
        ];
        let read = |row: &Row<'_>| {
            Ok((
                get::<String>(row, "tenant")?,
                get::<String>(row, "id")?,
                get::<i64>(row, "rank")?,
                get::<i64>(row, "count")?,
                get::<String>(row, "topic")?,
                get::<String>(row, "key_id")?,
            ))
        };
        let found = all(&self.reader(), &due, values, read)?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        self.write(|tx| {
            let mut told = Vec::new();
            for (tenant, id, rank, counted, topic, key) in found {
                let recent = one(
                    tx,
                    "SELECT count(*) AS n FROM alert_told WHERE tenant = ?1 AND at > ?2",
                    params![tenant, now.saturating_sub(HOUR_NS)],
                    |row| get::<i64>(row, "n"),
                )?;
                if recent.unwrap_or(0) >= count(hourly) {
                    continue;
                }
                let of_this = one(
                    tx,
                    "SELECT count(*) AS n FROM alert_told t JOIN alert_group g
                     ON g.tenant = t.tenant AND g.id = t.group_id
                     WHERE t.tenant = ?1 AND t.at > ?2 AND g.key_id = ?3",
                    params![tenant, now.saturating_sub(HOUR_NS), key],
                    |row| get::<i64>(row, "n"),
                )?;
                // Without a key it is this program itself, or in its own process.
                if !key.is_empty() && of_this.unwrap_or(0) >= count(of_key) {
                    continue;
                }
                tx.prepare_cached(
                    "INSERT INTO outbox (tenant, topic, subject, version, state, at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![
                    tenant,
                    topic,
                    id,
                    counted,
                    rank_level(u8::try_from(rank).unwrap_or(u8::MAX)),
                    now
                ])?;
                tx.prepare_cached(
                    "INSERT INTO alert_told (tenant, group_id, at, count, rank)
                     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (tenant, group_id) DO UPDATE SET
                     at = excluded.at, count = excluded.count, rank = excluded.rank",
                )?
                .execute(params![tenant, id, now, counted, rank])?;
                told.push((tenant, id));
            }
            Ok(told)
        })
    }

    fn insert_mute(&self, tenant: &str, mute: &Mute) -> Result<()> {
        mute.check()?;
        self.write(|tx| {
            let held = one(
                tx,
                "SELECT count(*) AS n FROM mute
                 WHERE tenant = ?1 AND ended IS NULL AND expires > ?2",
                params![tenant, mute.created],
                |row| get::<i64>(row, "n"),
            )?;
            if held.unwrap_or(0) >= count(MUTES_MAX) {
                let problem = format!("{MUTES_MAX} hold, which is the limit: end some");
                return Err(StoreError::invalid("mutes", problem));
            }
            tx.prepare_cached(
                "INSERT INTO mute (tenant, id, fingerprint, agent_id, rule, detector, reason, by,
                 created, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                tenant,
                mute.id,
                mute.fingerprint,
                mute.agent_id,
                mute.rule,
                mute.detector,
                mute.reason,
                mute.by,
                mute.created,
                mute.expires
            ])?;
            Ok(())
        })
    }

    fn mutes(&self, tenant: &str, at: Option<UnixNanos>, limit: usize) -> Result<Vec<Mute>> {
        check_page(limit)?;
        let mut query = Query::new("SELECT * FROM mute WHERE tenant = ?1", tenant);
        if let Some(at) = at {
            query.and("ended IS NULL AND expires > ?", at);
        }
        query.then("ORDER BY created DESC, id DESC");
        query.limit(limit);
        query.rows(&self.reader(), mute)
    }

    fn end_mute(&self, tenant: &str, id: &str, by: &str, now: UnixNanos) -> Result<Mute> {
        self.write(|tx| {
            tx.prepare_cached(
                "UPDATE mute SET ended = ?3, ended_by = ?4
                 WHERE tenant = ?1 AND id = ?2 AND ended IS NULL",
            )?
            .execute(params![tenant, id, now, by])?;
            one(
                tx,
                "SELECT * FROM mute WHERE tenant = ?1 AND id = ?2",
                params![tenant, id],
                mute,
            )?
            .ok_or_else(|| StoreError::not_found("mute", id))
        })
    }

    fn insert_tool_stop(&self, tenant: &str, stop: &ToolStop) -> Result<()> {
        stop.check()?;
        self.write(|tx| {
            let held = one(
                tx,
                "SELECT count(*) AS n FROM tool_stop WHERE tenant = ?1 AND ended IS NULL
                 AND (expires IS NULL OR expires > ?2)",
                params![tenant, stop.created],
                |row| get::<i64>(row, "n"),
            )?;
            if held.unwrap_or(0) >= count(TOOL_STOPS_MAX) {
                let problem = format!("{TOOL_STOPS_MAX} tools are stopped, which is the limit");
                return Err(StoreError::invalid("tool", problem));
            }
            tx.prepare_cached(
                "INSERT INTO tool_stop (tenant, id, tool, agent_id, reason, by, created, expires)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                tenant,
                stop.id,
                stop.tool,
                stop.agent_id,
                stop.reason,
                stop.by,
                stop.created,
                stop.expires
            ])?;
            raise_epoch(tx, tenant, "control_epoch")?;
            Ok(())
        })
    }

    fn tool_stops(
        &self,
        tenant: &str,
        at: Option<UnixNanos>,
        limit: usize,
    ) -> Result<Vec<ToolStop>> {
        check_page(limit)?;
        let mut query = Query::new("SELECT * FROM tool_stop WHERE tenant = ?1", tenant);
        if let Some(at) = at {
            query.and("ended IS NULL AND (expires IS NULL OR expires > ?)", at);
        }
        query.then("ORDER BY created DESC, id DESC");
        query.limit(limit);
        query.rows(&self.reader(), stop)
    }

    fn tool_stop(&self, tenant: &str, id: &str) -> Result<ToolStop> {
        one(
            &self.reader(),
            "SELECT * FROM tool_stop WHERE tenant = ?1 AND id = ?2",
            params![tenant, id],
            stop,
        )?
        .ok_or_else(|| StoreError::not_found("tool stop", id))
    }

    fn end_tool_stop(&self, tenant: &str, id: &str, by: &str, now: UnixNanos) -> Result<ToolStop> {
        self.write(|tx| {
            tx.prepare_cached(
                "UPDATE tool_stop SET ended = ?3, ended_by = ?4
                 WHERE tenant = ?1 AND id = ?2 AND ended IS NULL",
            )?
            .execute(params![tenant, id, now, by])?;
            raise_epoch(tx, tenant, "control_epoch")?;
            one(
                tx,
                "SELECT * FROM tool_stop WHERE tenant = ?1 AND id = ?2",
                params![tenant, id],
                stop,
            )?
            .ok_or_else(|| StoreError::not_found("tool stop", id))
        })
    }

    fn alerts_after(&self, tenant: &str, seq: u64, limit: usize) -> Result<Vec<AlertRow>> {
        check_page(limit)?;
        all(
            &self.reader(),
            "SELECT * FROM alert WHERE tenant = ?1 AND seq > ?2 ORDER BY seq, id LIMIT ?3",
            params![tenant, to_i64("seq", seq)?, count(limit)],
            alert_row,
        )
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
        let of = match scope {
            AlertScope::Agent => "alert a WHERE a.agent_id = ?2",
            AlertScope::Tool => "alert a WHERE a.tool = ?2",
            AlertScope::Detector => {
                "alert_detector d CROSS JOIN alert a ON a.tenant = d.tenant AND a.id = d.alert_id
                 WHERE d.detector = ?2"
            }
        };
        // The table whose index has the order.
        let by = if scope == AlertScope::Detector {
            "d"
        } else {
            "a"
        };
        let reader = self.reader();
        let mut found: Vec<(i64, CountedAlert)> = Vec::new();
        // Rank by rank, so that no flood of mild alerts hides a bad one and each look is bounded.
        for rank in rank.max(1)..=4 {
            found.extend(all(
                &reader,
                &format!(
                    "SELECT * FROM (SELECT a.* FROM {of} AND {by}.tenant = ?1 AND {by}.rank = ?3
                       AND {by}.seq <= ?5 AND a.kind NOT IN ('response', 'stopped')
                       ORDER BY {by}.seq DESC LIMIT ?6)
                     WHERE created >= ?4"
                ),
                params![
                    tenant,
                    subject,
                    rank,
                    since,
                    to_i64("through", through)?,
                    count(limit)
                ],
                |row| {
                    let cause = cause(row, "tool")?;
                    let counted = CountedAlert {
                        id: get(row, "id")?,
                        agent_id: get(row, "agent_id")?,
                        detectors: cause.detectors().map(str::to_owned).collect(),
                        tool: cause.tool,
                    };
                    Ok((get(row, "seq")?, counted))
                },
            )?);
        }
        found.sort_by(|(a, x), (b, y)| (b, &y.id).cmp(&(a, &x.id)));
        found.truncate(limit);
        Ok(found.into_iter().map(|(_, counted)| counted).collect())
    }

    fn response_mark(&self, tenant: &str) -> Result<u64> {
        Ok(one(
            &self.reader(),
            "SELECT seq FROM response_mark WHERE tenant = ?1",
            params![tenant],
            |row| unsigned(row, "seq"),
        )?
        .unwrap_or(0))
    }

    fn set_response_mark(&self, tenant: &str, seq: Option<u64>) -> Result<()> {
        let seq = seq.map(|seq| to_i64("seq", seq)).transpose()?;
        self.write(|tx| {
            tx.prepare_cached(
                "INSERT INTO response_mark (tenant, seq) VALUES (?1, coalesce(?2,
                 (SELECT max(seq) FROM alert WHERE tenant = ?1), 0))
                 ON CONFLICT (tenant) DO UPDATE SET seq = max(seq, excluded.seq)",
            )?
            .execute(params![tenant, seq])?;
            Ok(())
        })
    }

    fn responses(&self, tenant: &str, open: bool, limit: usize) -> Result<Vec<ResponseRow>> {
        check_page(limit)?;
        let mut query = Query::new("SELECT * FROM response WHERE tenant = ?1", tenant);
        if open {
            query.then("AND open IS NOT NULL");
        }
        query.then("ORDER BY seq DESC, id DESC");
        query.limit(limit);
        query.rows(&self.reader(), response)
    }

    fn last_response(&self, tenant: &str, rule: &str, subject: &str) -> Result<Option<UnixNanos>> {
        Ok(one(
            &self.reader(),
            "SELECT max(at) AS at FROM response WHERE tenant = ?1 AND rule = ?2 AND subject = ?3",
            params![tenant, rule, subject],
            |row| get::<Option<UnixNanos>>(row, "at"),
        )?
        .flatten())
    }
}
