//! What belongs to approvals beside their state.

use interlock_core::approval::Notice;
use interlock_core::model::UnixNanos;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params, params};

use super::approvals::{find, notice_at, tell};
use super::rows::{
    Query, all, digest, get, list_from_text, list_to_text, named, one, to_i64, unsigned,
};
use super::{Result, SqliteStore};
use crate::error::StoreError;
use crate::model::{ApprovalRow, check_page};
use crate::review::{
    ApprovalEdit, ApprovalLink, Attempt, BACKLOG_ROWS, ChannelBacklog, Delivery, DeliveryStatus,
    NewDelivery, ReviewStore, SessionApproval,
};

fn narrow<T: TryFrom<u64>>(row: &Row<'_>, name: &'static str) -> Result<T> {
    T::try_from(unsigned(row, name)?).map_err(|_| StoreError::damaged(name, "it is too large"))
}

fn session_approval(row: &Row<'_>) -> Result<SessionApproval> {
    let revoked = get::<Option<i64>>(row, "revoked")?;
    Ok(SessionApproval {
        id: get(row, "id")?,
        approval_id: get(row, "approval_id")?,
        agent_id: get(row, "agent_id")?,
        action_type: get(row, "action_type")?,
        tool: get(row, "tool")?,
        resource: get(row, "resource")?,
        run_id: get(row, "run_id")?,
        session_id: get(row, "session_id")?,
        arguments: get(row, "arguments")?,
        rules: list_from_text("rules", &get::<String>(row, "rules")?)?,
        risk_max: narrow(row, "risk_max")?,
        uses_max: narrow(row, "uses_max")?,
        uses: narrow(row, "uses")?,
        cost_nano_max: get(row, "cost_nano_max")?,
        cost_nano: get(row, "cost_nano")?,
        granted_by: get(row, "granted_by")?,
        reason: get(row, "reason")?,
        created: get(row, "created")?,
        expires: get(row, "expires")?,
        revoked: match revoked {
            Some(at) => Some((
                at,
                get::<Option<String>>(row, "revoked_by")?.unwrap_or_default(),
            )),
            None => None,
        },
    })
}

fn find_session(connection: &Connection, tenant: &str, id: &str) -> Result<SessionApproval> {
    one(
        connection,
        "SELECT * FROM session_approval WHERE tenant = ?1 AND id = ?2",
        params![tenant, id],
        session_approval,
    )?
    .ok_or_else(|| StoreError::not_found("session approval", id))
}

fn delivery(row: &Row<'_>) -> Result<Delivery> {
    Ok(Delivery {
        seq: unsigned(row, "seq")?,
        message: NewDelivery {
            tenant: get(row, "tenant")?,
            channel: get(row, "channel")?,
            person: get(row, "person")?,
            topic: get(row, "topic")?,
            subject: get(row, "subject")?,
            version: unsigned(row, "version")?,
            state: get(row, "state")?,
        },
        created: get(row, "created")?,
        attempts: narrow(row, "attempts")?,
        due_at: get(row, "due_at")?,
        status: named(row, "status", DeliveryStatus::from_name)?,
        error: get(row, "error")?,
    })
}

fn page(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

impl ReviewStore for SqliteStore {
    fn set_edit(&self, tenant: &str, id: &str, edit: &ApprovalEdit) -> Result<()> {
        let rules = list_to_text(&edit.rules)?;
        self.write(|tx| {
            find(tx, tenant, id)?;
            tx.prepare_cached(
                "INSERT INTO approval_edit (tenant, approval_id, editor, digest, seq, rules,
                 resource) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (tenant, approval_id) DO UPDATE SET editor = excluded.editor,
                 digest = excluded.digest, seq = excluded.seq, rules = excluded.rules,
                 resource = excluded.resource",
            )?
            .execute(params![
                tenant,
                id,
                edit.editor,
                edit.digest.0,
                to_i64("seq", edit.seq)?,
                rules,
                edit.resource
            ])?;
            Ok(())
        })
    }

    fn edit(&self, tenant: &str, id: &str) -> Result<Option<ApprovalEdit>> {
        one(
            &self.reader(),
            "SELECT * FROM approval_edit WHERE tenant = ?1 AND approval_id = ?2",
            params![tenant, id],
            |row| {
                Ok(ApprovalEdit {
                    editor: get(row, "editor")?,
                    digest: digest(row, "digest")?,
                    seq: unsigned(row, "seq")?,
                    rules: list_from_text("rules", &get::<String>(row, "rules")?)?,
                    resource: get(row, "resource")?,
                })
            },
        )
    }

    fn advance_notices(
        &self,
        now: UnixNanos,
        limit: usize,
    ) -> Result<Vec<(String, ApprovalRow, Notice)>> {
        check_page(limit)?;
        let due = "SELECT tenant, id, notices FROM approval WHERE notice_at <= ?1
                   ORDER BY notice_at LIMIT ?2";
        // The writer is asked for only when there is something to write.
        let none = {
            let reader = self.reader();
            one(&reader, due, params![now, 1], |_| Ok(()))?.is_none()
        };
        if none {
            return Ok(Vec::new());
        }
        self.write(|tx| {
            let due: Vec<(String, String, u64)> = all(tx, due, params![now, page(limit)], |row| {
                Ok((
                    get(row, "tenant")?,
                    get(row, "id")?,
                    unsigned(row, "notices")?,
                ))
            })?;
            let mut told = Vec::new();
            for (tenant, id, given) in due {
                let row = find(tx, &tenant, &id)?;
                let given = usize::try_from(given).unwrap_or(usize::MAX);
                let notice = row.approval.next_notice(given);
                let next = notice_at(&row.approval, given.saturating_add(1));
                tx.prepare_cached(
                    "UPDATE approval SET notices = notices + 1, notice_at = ?3
                     WHERE tenant = ?1 AND id = ?2",
                )?
                .execute(params![tenant, id, next])?;
                // One that has expired is told of by its expiry.
                if let Some((_, notice)) = notice
                    && row.approval.due(now).is_none()
                {
                    tell(tx, &tenant, &id, notice.name(), &row.approval, now)?;
                    told.push((tenant, row, notice));
                }
            }
            Ok(told)
        })
    }

    fn insert_session_approval(&self, tenant: &str, row: &SessionApproval) -> Result<()> {
        row.check()?;
        let rules = list_to_text(&row.rules)?;
        self.write(|tx| {
            let written = tx
                .prepare_cached(
                    "INSERT INTO session_approval (tenant, id, approval_id, agent_id, action_type,
                     tool, resource, run_id, session_id, arguments, rules, risk_max, uses_max,
                     cost_nano_max, granted_by, reason, created, expires)
                     VALUES (:tenant, :id, :approval_id, :agent_id, :action_type, :tool, :resource,
                     :run_id, :session_id, :arguments, :rules, :risk_max, :uses_max,
                     :cost_nano_max, :granted_by, :reason, :created, :expires)
                     ON CONFLICT DO NOTHING",
                )?
                .execute(named_params! {
                    ":tenant": tenant,
                    ":id": row.id,
                    ":approval_id": row.approval_id,
                    ":agent_id": row.agent_id,
                    ":action_type": row.action_type,
                    ":tool": row.tool,
                    ":resource": row.resource,
                    ":run_id": row.run_id,
                    ":session_id": row.session_id,
                    ":arguments": row.arguments,
                    ":rules": rules,
                    ":risk_max": row.risk_max,
                    ":uses_max": row.uses_max,
                    ":cost_nano_max": row.cost_nano_max,
                    ":granted_by": row.granted_by,
                    ":reason": row.reason,
                    ":created": row.created,
                    ":expires": row.expires,
                })?;
            if written == 0 {
                return Err(StoreError::exists("session approval", &row.id));
            }
            Ok(())
        })
    }

    fn session_approval(&self, tenant: &str, id: &str) -> Result<SessionApproval> {
        find_session(&self.reader(), tenant, id)
    }

    fn session_approvals(
        &self,
        tenant: &str,
        agent_id: Option<&str>,
        limit: usize,
    ) -> Result<Vec<SessionApproval>> {
        check_page(limit)?;
        let mut query = Query::new("SELECT * FROM session_approval WHERE tenant = ?1", tenant);
        if let Some(agent_id) = agent_id {
            query.and("agent_id = ?", agent_id.to_owned());
        }
        query.then("ORDER BY created DESC, id DESC");
        query.limit(limit);
        query.rows(&self.reader(), session_approval)
    }

    fn use_session_approval(
        &self,
        tenant: &str,
        id: &str,
        cost_nano: i64,
        now: UnixNanos,
    ) -> Result<bool> {
        self.write(|tx| {
            let row = find_session(tx, tenant, id)?;
            if !row.usable(cost_nano, now) {
                return Ok(false);
            }
            let updated = tx
                .prepare_cached(
                    "UPDATE session_approval SET uses = uses + 1, cost_nano = cost_nano + ?3
                     WHERE tenant = ?1 AND id = ?2 AND uses < uses_max AND revoked IS NULL",
                )?
                .execute(params![tenant, id, cost_nano])?;
            Ok(updated == 1)
        })
    }

    fn revoke_session_approval(
        &self,
        tenant: &str,
        id: &str,
        by: &str,
        now: UnixNanos,
    ) -> Result<SessionApproval> {
        self.write(|tx| {
            find_session(tx, tenant, id)?;
            tx.prepare_cached(
                "UPDATE session_approval SET revoked = ?3, revoked_by = ?4
                 WHERE tenant = ?1 AND id = ?2 AND revoked IS NULL",
            )?
            .execute(params![tenant, id, now, by])?;
            find_session(tx, tenant, id)
        })
    }

    fn deliver(&self, messages: &[NewDelivery], through: u64, now: UnixNanos) -> Result<()> {
        self.write(|tx| {
            for message in messages {
                tx.prepare_cached(
                    "INSERT INTO delivery (tenant, channel, person, topic, subject, version, state,
                     created, due_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)",
                )?
                .execute(params![
                    message.tenant,
                    message.channel,
                    message.person,
                    message.topic,
                    message.subject,
                    to_i64("version", message.version)?,
                    message.state,
                    now
                ])?;
            }
            tx.prepare_cached("DELETE FROM outbox WHERE seq <= ?1")?
                .execute([to_i64("through", through)?])?;
            Ok(())
        })
    }

    fn deliveries_due(&self, channel: &str, now: UnixNanos, limit: usize) -> Result<Vec<Delivery>> {
        check_page(limit)?;
        all(
            &self.reader(),
            "SELECT * FROM delivery WHERE channel = ?1 AND due_at <= ?2
             ORDER BY due_at, seq LIMIT ?3",
            params![channel, now, page(limit)],
            delivery,
        )
    }

    fn delivery_tried(&self, seq: u64, attempt: &Attempt) -> Result<()> {
        let (due_at, status, error) = match attempt {
            Attempt::Sent => (None, DeliveryStatus::Sent, ""),
            Attempt::Again(at, error) => (Some(*at), DeliveryStatus::Due, error.as_str()),
            Attempt::Dead(error) => (None, DeliveryStatus::Dead, error.as_str()),
        };
        self.write(|tx| {
            tx.prepare_cached(
                "UPDATE delivery SET attempts = attempts + 1, due_at = ?2, status = ?3, error = ?4
                 WHERE seq = ?1",
            )?
            .execute(params![to_i64("seq", seq)?, due_at, status.name(), error])?;
            Ok(())
        })
    }

    fn deliveries(
        &self,
        tenant: &str,
        status: Option<DeliveryStatus>,
        limit: usize,
    ) -> Result<Vec<Delivery>> {
        check_page(limit)?;
        let mut query = Query::new("SELECT * FROM delivery WHERE tenant = ?1", tenant);
        if let Some(status) = status {
            query.and("status = ?", status.name().to_owned());
        }
        query.then("ORDER BY seq DESC");
        query.limit(limit);
        query.rows(&self.reader(), delivery)
    }

    fn channel_backlog(&self, tenant: &str) -> Result<Vec<ChannelBacklog>> {
        all(
            &self.reader(),
            "SELECT channel, sum(waiting) AS waiting, min(since) AS since, sum(dead) AS dead,
               coalesce(max(why), '') AS why FROM (
               SELECT channel, 1 AS waiting, created AS since, 0 AS dead, NULL AS why
               FROM delivery WHERE tenant = ?1 AND due_at IS NOT NULL
               UNION ALL
               SELECT channel, 0, NULL, status = 'dead',
                 iif(error = '', NULL, printf('%020d', seq) || error)
               FROM (SELECT * FROM delivery WHERE tenant = ?1 ORDER BY seq DESC LIMIT ?2))
             GROUP BY channel ORDER BY channel",
            params![tenant, page(BACKLOG_ROWS)],
            |row| {
                Ok(ChannelBacklog {
                    channel: get(row, "channel")?,
                    waiting: unsigned(row, "waiting")?,
                    waiting_since: get(row, "since")?,
                    given_up: unsigned(row, "dead")?,
                    // Behind its number, by which the newest is found.
                    error: get::<String>(row, "why")?.chars().skip(20).collect(),
                })
            },
        )
    }

    fn revive_delivery(&self, tenant: &str, seq: u64, now: UnixNanos) -> Result<()> {
        let updated = self.write(|tx| {
            Ok(tx
                .prepare_cached(
                    "UPDATE delivery SET due_at = ?3, status = 'due', attempts = 0
                     WHERE tenant = ?1 AND seq = ?2 AND status = 'dead'",
                )?
                .execute(params![tenant, to_i64("seq", seq)?, now])?)
        })?;
        if updated == 0 {
            return Err(StoreError::not_found("dead delivery", &seq.to_string()));
        }
        Ok(())
    }

    fn purge_deliveries(&self, before: UnixNanos) -> Result<u64> {
        self.write(|tx| {
            let deliveries = tx
                .prepare_cached("DELETE FROM delivery WHERE due_at IS NULL AND created < ?1")?
                .execute([before])?;
            let links = tx
                .prepare_cached("DELETE FROM approval_link WHERE expires < ?1")?
                .execute([before])?;
            Ok((deliveries + links) as u64)
        })
    }

    fn put_link(&self, link: &ApprovalLink) -> Result<()> {
        self.write(|tx| {
            tx.prepare_cached(
                "INSERT INTO approval_link (hash, tenant, approval_id, approver, version, expires,
                 used) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                link.hash,
                link.tenant,
                link.approval_id,
                link.approver,
                to_i64("version", link.version)?,
                link.expires,
                link.used
            ])?;
            Ok(())
        })
    }

    fn link(&self, hash: &[u8; 32]) -> Result<ApprovalLink> {
        one(
            &self.reader(),
            "SELECT * FROM approval_link WHERE hash = ?1",
            params![hash],
            |row| {
                Ok(ApprovalLink {
                    hash: get(row, "hash")?,
                    tenant: get(row, "tenant")?,
                    approval_id: get(row, "approval_id")?,
                    approver: get(row, "approver")?,
                    version: unsigned(row, "version")?,
                    expires: get(row, "expires")?,
                    used: get(row, "used")?,
                })
            },
        )?
        .ok_or_else(|| StoreError::not_found("link", ""))
    }

    fn use_link(&self, hash: &[u8; 32], now: UnixNanos) -> Result<bool> {
        self.write(|tx| {
            Ok(tx
                .prepare_cached(
                    "UPDATE approval_link SET used = 1
                     WHERE hash = ?1 AND used = 0 AND expires > ?2 RETURNING 1",
                )?
                .query_row(params![hash, now], |_| Ok(()))
                .optional()?
                .is_some())
        })
    }
}
