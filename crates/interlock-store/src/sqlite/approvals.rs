//! Approvals.

use interlock_core::approval::{
    Approval, Claim, Event, Grant, Request, Resolution, ResolvedBy, State, Vote,
};
use interlock_core::model::UnixNanos;
use rusqlite::{Connection, Row, Transaction, named_params, params};

use super::rows::{
    Query, all, digest, get, list_from_text, list_to_text, named, one, to_i64, unsigned,
};
use super::{Result, SqliteStore};
use crate::error::StoreError;
use crate::model::{ApprovalFilter, ApprovalRequest, ApprovalRow, OutboxRow, check_page};
use crate::traits::{Advanced, ApprovalStore, steps};

/// A fencing token uses all 64 bits; SQLite keeps it as the signed number of the same bits.
const fn fence_to_i64(fence: u64) -> i64 {
    i64::from_ne_bytes(fence.to_ne_bytes())
}

const fn fence_from_i64(fence: i64) -> u64 {
    u64::from_ne_bytes(fence.to_ne_bytes())
}

fn grant(row: &Row<'_>) -> Result<Option<Grant>> {
    if get::<Option<i64>>(row, "grant_uses")?.is_none() {
        return Ok(None);
    }
    Ok(Some(Grant {
        digest: digest(row, "grant_digest")?,
        policy_rev: unsigned(row, "grant_policy_rev")?,
        expires_at: get(row, "grant_expires_at")?,
        uses: get(row, "grant_uses")?,
    }))
}

fn claim(row: &Row<'_>) -> Result<Option<Claim>> {
    let Some(fence) = get::<Option<i64>>(row, "claim_fence")? else {
        return Ok(None);
    };
    Ok(Some(Claim {
        fence: fence_from_i64(fence),
        policy_rev: unsigned(row, "claim_policy_rev")?,
        at: get(row, "claim_at")?,
        lease_until: get(row, "claim_lease_until")?,
    }))
}

fn resolution(row: &Row<'_>) -> Result<Option<Resolution>> {
    let Some(happened) = get::<Option<bool>>(row, "resolution_happened")? else {
        return Ok(None);
    };
    let by = named(row, "resolution_how", |how| match how {
        "retry" => Some(ResolvedBy::Retry),
        "probe" => Some(ResolvedBy::Probe),
        "person" => Some(ResolvedBy::Person(String::new())),
        _ => None,
    })?;
    let by = match by {
        ResolvedBy::Person(_) => ResolvedBy::Person(get(row, "resolution_by")?),
        other => other,
    };
    Ok(Some(Resolution {
        happened,
        by,
        at: get(row, "resolution_at")?,
    }))
}

/// A row without its votes.
fn read(row: &Row<'_>) -> Result<ApprovalRow> {
    let request = Request {
        digest: digest(row, "digest")?,
        policy_rev: unsigned(row, "policy_rev")?,
        excluded: list_from_text("excluded", &get::<String>(row, "excluded")?)?,
        quorum: get(row, "quorum")?,
        expires_at: get(row, "expires_at")?,
        grant_ttl_ns: get(row, "grant_ttl_ns")?,
    };
    Ok(ApprovalRow {
        approval: Approval {
            request: request.clone(),
            requested_at: get(row, "requested_at")?,
            state: named(row, "state", State::from_name)?,
            version: unsigned(row, "version")?,
            votes: Vec::new(),
            grant: grant(row)?,
            claim: claim(row)?,
            resolution: resolution(row)?,
            changed_at: get(row, "changed_at")?,
        },
        asked: ApprovalRequest {
            id: get(row, "id")?,
            request,
            agent_id: get(row, "agent_id")?,
            session_id: get(row, "session_id")?,
            run_id: get(row, "run_id")?,
            step: get(row, "step")?,
            action_type: get(row, "action_type")?,
            resource: get(row, "resource")?,
            tool: get(row, "tool")?,
            group: get(row, "approver_group")?,
            risk: get(row, "risk")?,
            reason: get(row, "reason")?,
            detail: get(row, "detail")?,
        },
    })
}

fn with_votes(connection: &Connection, tenant: &str, mut row: ApprovalRow) -> Result<ApprovalRow> {
    row.approval.votes = all(
        connection,
        "SELECT * FROM approval_vote WHERE tenant = ?1 AND approval_id = ?2 ORDER BY place",
        params![tenant, row.asked.id],
        |vote| {
            Ok(Vote {
                approver: get(vote, "approver")?,
                approves: get(vote, "approves")?,
                digest: digest(vote, "digest")?,
                reason: get(vote, "reason")?,
                at: get(vote, "at")?,
            })
        },
    )?;
    Ok(row)
}

pub(super) fn find(connection: &Connection, tenant: &str, id: &str) -> Result<ApprovalRow> {
    let row = one(
        connection,
        "SELECT * FROM approval WHERE tenant = ?1 AND id = ?2",
        params![tenant, id],
        read,
    )?
    .ok_or_else(|| StoreError::not_found("approval", id))?;
    with_votes(connection, tenant, row)
}

/// When the notice after `given` ones is told.
pub(super) fn notice_at(approval: &Approval, given: usize) -> Option<UnixNanos> {
    approval.next_notice(given).map(|(at, _)| at)
}

/// When time next changes the state.
fn due_at(approval: &Approval) -> Option<UnixNanos> {
    match approval.state {
        State::Pending => Some(approval.request.expires_at),
        State::Approved | State::ApprovedEdited => approval.grant.map(|grant| grant.expires_at),
        State::Claimed => approval.claim.map(|claim| claim.lease_until),
        _ => None,
    }
}

pub(super) fn tell(
    tx: &Transaction<'_>,
    tenant: &str,
    id: &str,
    event: &str,
    approval: &Approval,
    now: UnixNanos,
) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO outbox (tenant, topic, subject, version, state, at)
         VALUES (?1, 'approval.' || ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        tenant,
        event,
        id,
        to_i64("version", approval.version)?,
        approval.state.name(),
        now
    ])?;
    Ok(())
}

/// Writes one step. The condition on the version makes it a compare-and-set by itself, whatever the
/// isolation around it.
fn save(
    tx: &Transaction<'_>,
    tenant: &str,
    id: &str,
    from: &Approval,
    to: &Approval,
) -> Result<()> {
    let by = to.resolution.as_ref().map(|r| match &r.by {
        ResolvedBy::Retry => ("retry", ""),
        ResolvedBy::Probe => ("probe", ""),
        ResolvedBy::Person(name) => ("person", name.as_str()),
    });
    let number = |field, n: Option<u64>| n.map(|n| to_i64(field, n)).transpose();
    let updated = tx
        .prepare_cached(
            "UPDATE approval SET state = :state, version = :version, changed_at = :changed_at,
             due_at = :due_at,
             notice_at = CASE WHEN :state = 'pending' THEN notice_at END,
             grant_digest = :grant_digest, grant_policy_rev = :grant_policy_rev,
             grant_expires_at = :grant_expires_at, grant_uses = :grant_uses,
             claim_fence = :claim_fence, claim_policy_rev = :claim_policy_rev,
             claim_at = :claim_at, claim_lease_until = :claim_lease_until,
             resolution_happened = :happened, resolution_how = :how, resolution_by = :by,
             resolution_at = :resolution_at
             WHERE tenant = :tenant AND id = :id AND version = :from AND state = :from_state",
        )?
        .execute(named_params! {
            ":state": to.state.name(),
            ":version": to_i64("version", to.version)?,
            ":changed_at": to.changed_at,
            ":due_at": due_at(to),
            ":grant_digest": to.grant.map(|g| g.digest.0),
            ":grant_policy_rev": number("policy_rev", to.grant.map(|g| g.policy_rev))?,
            ":grant_expires_at": to.grant.map(|g| g.expires_at),
            ":grant_uses": to.grant.map(|g| g.uses),
            ":claim_fence": to.claim.map(|c| fence_to_i64(c.fence)),
            ":claim_policy_rev": number("policy_rev", to.claim.map(|c| c.policy_rev))?,
            ":claim_at": to.claim.map(|c| c.at),
            ":claim_lease_until": to.claim.map(|c| c.lease_until),
            ":happened": to.resolution.as_ref().map(|r| r.happened),
            ":how": by.map(|(how, _)| how),
            ":by": by.map(|(_, name)| name),
            ":resolution_at": to.resolution.as_ref().map(|r| r.at),
            ":tenant": tenant,
            ":id": id,
            ":from": to_i64("version", from.version)?,
            ":from_state": from.state.name(),
        })?;
    if updated != 1 {
        return Err(StoreError::Version {
            what: "approval",
            id: id.to_owned(),
            expected: from.version,
            found: find(tx, tenant, id)?.approval.version,
        });
    }
    for (place, vote) in to.votes.iter().enumerate().skip(from.votes.len()) {
        tx.prepare_cached(
            "INSERT INTO approval_vote (tenant, approval_id, approver, place, approves, digest,
             reason, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            tenant,
            id,
            vote.approver,
            i64::try_from(place).unwrap_or(i64::MAX),
            vote.approves,
            vote.digest.0,
            vote.reason,
            vote.at
        ])?;
    }
    Ok(())
}

fn advance(
    tx: &Transaction<'_>,
    tenant: &str,
    mut row: ApprovalRow,
    expected: Option<u64>,
    event: Option<&Event>,
    now: UnixNanos,
) -> Result<Advanced> {
    let (steps, refusal) = steps(&row.approval, expected, event, &row.asked.id, now)?;
    for (name, next) in steps {
        save(tx, tenant, &row.asked.id, &row.approval, &next)?;
        tell(tx, tenant, &row.asked.id, name, &next, now)?;
        row.approval = next;
    }
    Ok(Advanced { row, refusal })
}

impl ApprovalStore for SqliteStore {
    fn request_approval(
        &self,
        tenant: &str,
        asked: &ApprovalRequest,
        now: UnixNanos,
    ) -> Result<ApprovalRow> {
        asked.check()?;
        let approval = Approval::open(asked.request.clone(), now)?;
        let excluded = list_to_text(&asked.request.excluded)?;
        let row = ApprovalRow {
            asked: asked.clone(),
            approval,
        };
        self.write(|tx| {
            let written = tx
                .prepare_cached(
                    "INSERT INTO approval (tenant, id, state, version, digest, policy_rev,
                     excluded, quorum, requested_at, expires_at, grant_ttl_ns, changed_at, due_at,
                     agent_id, session_id, run_id, step, action_type, resource, tool,
                     approver_group, risk, reason, detail, notice_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
                     ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25) ON CONFLICT DO NOTHING",
                )?
                .execute(params![
                    tenant,
                    asked.id,
                    row.approval.state.name(),
                    to_i64("version", row.approval.version)?,
                    asked.request.digest.0,
                    to_i64("policy_rev", asked.request.policy_rev)?,
                    excluded,
                    asked.request.quorum,
                    row.approval.requested_at,
                    asked.request.expires_at,
                    asked.request.grant_ttl_ns,
                    row.approval.changed_at,
                    due_at(&row.approval),
                    asked.agent_id,
                    asked.session_id,
                    asked.run_id,
                    asked.step,
                    asked.action_type,
                    asked.resource,
                    asked.tool,
                    asked.group,
                    asked.risk,
                    asked.reason,
                    asked.detail,
                    notice_at(&row.approval, 0)
                ])?;
            if written == 0 {
                return Err(StoreError::exists("approval", &asked.id));
            }
            tell(tx, tenant, &asked.id, "request", &row.approval, now)
        })?;
        Ok(row)
    }

    fn approval(&self, tenant: &str, id: &str) -> Result<ApprovalRow> {
        let reader = self.reader();
        // One snapshot for the row and its votes.
        let snapshot = reader.unchecked_transaction()?;
        find(&snapshot, tenant, id)
    }

    fn approvals(
        &self,
        tenant: &str,
        filter: &ApprovalFilter,
        limit: usize,
    ) -> Result<Vec<ApprovalRow>> {
        check_page(limit)?;
        let mut query = Query::new("SELECT * FROM approval WHERE tenant = ?1", tenant);
        if let Some(state) = filter.state {
            query.and("state = ?", state.name().to_owned());
        }
        if let Some(group) = &filter.group {
            query.and("approver_group = ?", group.clone());
        }
        if let Some(agent_id) = &filter.agent_id {
            query.and("agent_id = ?", agent_id.clone());
        }
        if let Some(after) = &filter.after {
            query.and_pair(
                if filter.newest {
                    "(requested_at, id) < (?, ?)"
                } else {
                    "(requested_at, id) > (?, ?)"
                },
                after.requested_at,
                after.id.clone(),
            );
        }
        query.then(if filter.newest {
            "ORDER BY requested_at DESC, id DESC"
        } else {
            "ORDER BY requested_at, id"
        });
        query.limit(limit);
        let reader = self.reader();
        let snapshot = reader.unchecked_transaction()?;
        query
            .rows(&snapshot, read)?
            .into_iter()
            .map(|row| with_votes(&snapshot, tenant, row))
            .collect()
    }

    fn advance_approval(
        &self,
        tenant: &str,
        id: &str,
        expected: Option<u64>,
        event: &Event,
        now: UnixNanos,
    ) -> Result<Advanced> {
        self.write(|tx| {
            let row = find(tx, tenant, id)?;
            advance(tx, tenant, row, expected, Some(event), now)
        })
    }

    fn advance_due(&self, now: UnixNanos, limit: usize) -> Result<Vec<(String, ApprovalRow)>> {
        check_page(limit)?;
        // The writer is asked for only when there is something to write.
        if !one_due(&self.reader(), now)? {
            return Ok(Vec::new());
        }
        self.write(|tx| {
            let due: Vec<(String, String)> = all(
                tx,
                "SELECT tenant, id FROM approval WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2",
                params![now, i64::try_from(limit).unwrap_or(i64::MAX)],
                |row| Ok((get(row, "tenant")?, get(row, "id")?)),
            )?;
            due.into_iter()
                .map(|(tenant, id)| {
                    let row = find(tx, &tenant, &id)?;
                    let advanced = advance(tx, &tenant, row, None, None, now)?;
                    Ok((tenant, advanced.row))
                })
                .collect()
        })
    }

    fn pending_count(&self, tenant: &str) -> Result<u64> {
        Ok(one(
            &self.reader(),
            "SELECT count(*) AS n FROM approval WHERE tenant = ?1 AND state = 'pending'",
            params![tenant],
            |row| unsigned(row, "n"),
        )?
        .unwrap_or(0))
    }

    fn outbox(&self, limit: usize) -> Result<Vec<OutboxRow>> {
        check_page(limit)?;
        all(
            &self.reader(),
            "SELECT * FROM outbox ORDER BY seq LIMIT ?1",
            [i64::try_from(limit).unwrap_or(i64::MAX)],
            |row| {
                Ok(OutboxRow {
                    seq: unsigned(row, "seq")?,
                    tenant: get(row, "tenant")?,
                    topic: get(row, "topic")?,
                    subject: get(row, "subject")?,
                    version: unsigned(row, "version")?,
                    state: get(row, "state")?,
                    at: get(row, "at")?,
                })
            },
        )
    }

    fn outbox_done(&self, through: u64) -> Result<()> {
        let through = to_i64("through", through)?;
        self.write(|tx| {
            tx.prepare_cached("DELETE FROM outbox WHERE seq <= ?1")?
                .execute([through])?;
            Ok(())
        })
    }
}

fn one_due(connection: &Connection, now: UnixNanos) -> Result<bool> {
    Ok(one(
        connection,
        "SELECT 1 FROM approval WHERE due_at <= ?1 LIMIT 1",
        [now],
        |_| Ok(()),
    )?
    .is_some())
}
