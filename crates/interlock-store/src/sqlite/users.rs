//! Users, invitations and sessions.

use interlock_core::model::{Role, UnixNanos};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::rows::{all, get, list_from_text, list_to_text, named, one};
use super::{Result, SqliteStore};
use crate::error::StoreError;
use crate::identity::{
    Credentials, IdentityStore, Invitation, Proof, SESSIONS_MAX, Session, TAKEN_MAX, Taken,
    USERS_MAX, User, UserChange, check_subject, linked,
};

fn read(row: &Row<'_>) -> Result<User> {
    let groups: String = get(row, "member_of")?;
    let issuer: Option<String> = get(row, "issuer")?;
    let subject: Option<String> = get(row, "subject")?;
    let password: Option<String> = get(row, "password")?;
    Ok(User {
        tenant: get(row, "tenant")?,
        id: get(row, "id")?,
        login: get(row, "login")?,
        name: get(row, "name")?,
        role: named(row, "role", Role::from_name)?,
        groups: list_from_text("member_of", &groups)?,
        disabled: get(row, "disabled")?,
        created: get(row, "created")?,
        last_login: get(row, "last_login")?,
        enrolled: password.is_some(),
        provider: issuer.zip(subject),
        mapped: get(row, "mapped")?,
        withdrawn: get(row, "withdrawn")?,
    })
}

fn read_session(row: &Row<'_>) -> Result<Session> {
    Ok(Session {
        id: get(row, "id")?,
        tenant: get(row, "tenant")?,
        user_id: get(row, "user_id")?,
        method: get(row, "method")?,
        address: get(row, "address")?,
        agent: get(row, "agent")?,
        created: get(row, "created")?,
        seen: get(row, "seen")?,
        expires: get(row, "expires")?,
    })
}

fn find(connection: &Connection, tenant: &str, id: &str) -> Result<User> {
    one(
        connection,
        "SELECT * FROM app_user WHERE tenant = ?1 AND id = ?2",
        params![tenant, id],
        read,
    )?
    .ok_or_else(|| StoreError::not_found("user", id))
}

fn invited(connection: &Connection, tenant: &str, id: &str, now: UnixNanos) -> Result<bool> {
    Ok(connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM invitation
             WHERE tenant = ?1 AND user_id = ?2 AND expires > ?3 AND by_link = 0)",
        )?
        .query_row(params![tenant, id, now], |row| row.get(0))?)
}

fn end_all(tx: &Transaction<'_>, tenant: &str, user_id: &str) -> Result<()> {
    tx.prepare_cached("DELETE FROM user_session WHERE tenant = ?1 AND user_id = ?2")?
        .execute(params![tenant, user_id])?;
    Ok(())
}

impl IdentityStore for SqliteStore {
    fn insert_user(&self, user: &User) -> Result<()> {
        user.check()?;
        self.write(|tx| {
            let count: u32 = tx
                .prepare_cached("SELECT count(*) FROM app_user WHERE tenant = ?1")?
                .query_row([&user.tenant], |row| row.get(0))?;
            if count >= USERS_MAX {
                return Err(StoreError::invalid(
                    "login",
                    format!(
                        "cannot be added: the tenant has {USERS_MAX} users, the most it may have"
                    ),
                ));
            }
            let (issuer, subject) = user.provider.clone().unzip();
            let written = tx
                .prepare_cached(
                    "INSERT INTO app_user (tenant, id, login, name, role, member_of, disabled,
                     created, issuer, subject, mapped, withdrawn)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING",
                )?
                .execute(params![
                    user.tenant,
                    user.id,
                    user.login,
                    user.name,
                    user.role.name(),
                    list_to_text(&user.groups)?,
                    user.disabled,
                    user.created,
                    issuer,
                    subject,
                    user.mapped,
                    user.withdrawn
                ])?;
            if written == 0 {
                return Err(StoreError::exists("user", &user.login));
            }
            Ok(())
        })
    }

    fn user(&self, tenant: &str, id: &str) -> Result<User> {
        find(&self.reader(), tenant, id)
    }

    fn users(&self, tenant: &str) -> Result<Vec<User>> {
        all(
            &self.reader(),
            "SELECT * FROM app_user WHERE tenant = ?1 ORDER BY login",
            params![tenant],
            read,
        )
    }

    fn user_tenants(&self) -> Result<Vec<String>> {
        all(
            &self.reader(),
            "SELECT DISTINCT tenant FROM app_user ORDER BY tenant",
            params![],
            |row| get(row, "tenant"),
        )
    }

    fn user_by_login(&self, login: &str) -> Result<Option<(User, Option<Credentials>)>> {
        one(
            &self.reader(),
            "SELECT * FROM app_user WHERE login = ?1",
            params![login],
            |row| {
                let password: Option<String> = get(row, "password")?;
                let totp: Option<Vec<u8>> = get(row, "totp")?;
                let credentials = password
                    .zip(totp)
                    .map(|(password, totp)| Credentials { password, totp });
                Ok((read(row)?, credentials))
            },
        )
    }

    fn user_by_subject(&self, tenant: &str, issuer: &str, subject: &str) -> Result<Option<User>> {
        one(
            &self.reader(),
            "SELECT * FROM app_user WHERE tenant = ?1 AND issuer = ?2 AND subject = ?3",
            params![tenant, issuer, subject],
            read,
        )
    }

    fn update_user(
        &self,
        tenant: &str,
        id: &str,
        change: &UserChange,
        now: UnixNanos,
    ) -> Result<(User, bool)> {
        self.write(|tx| {
            let mut user = find(tx, tenant, id)?;
            let ends = change.apply(&mut user, now)?;
            tx.prepare_cached(
                "UPDATE app_user SET name = ?3, role = ?4, member_of = ?5, disabled = ?6, withdrawn = ?7
                 WHERE tenant = ?1 AND id = ?2",
            )?
            .execute(params![
                tenant,
                id,
                user.name,
                user.role.name(),
                list_to_text(&user.groups)?,
                user.disabled,
                user.withdrawn
            ])?;
            if ends {
                end_all(tx, tenant, id)?;
            }
            Ok((user, ends))
        })
    }

    fn invite(&self, hash: &[u8; 32], invitation: &Invitation, reset: bool) -> Result<User> {
        let (tenant, id) = (&invitation.tenant, &invitation.user_id);
        self.write(|tx| {
            find(tx, tenant, id)?;
            tx.prepare_cached("DELETE FROM invitation WHERE tenant = ?1 AND user_id = ?2")?
                .execute(params![tenant, id])?;
            tx.prepare_cached(
                "INSERT INTO invitation (hash, tenant, user_id, expires, by_link)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                hash,
                tenant,
                id,
                invitation.expires,
                invitation.by_link
            ])?;
            if reset {
                tx.prepare_cached(
                    "UPDATE app_user SET password = NULL, totp = NULL, issuer = NULL, subject = NULL
                     WHERE tenant = ?1 AND id = ?2",
                )?
                .execute(params![tenant, id])?;
                tx.prepare_cached("DELETE FROM recovery_code WHERE tenant = ?1 AND user_id = ?2")?
                    .execute(params![tenant, id])?;
                end_all(tx, tenant, id)?;
            }
            find(tx, tenant, id)
        })
    }

    fn invitation(&self, hash: &[u8; 32], now: UnixNanos) -> Result<Option<User>> {
        one(
            &self.reader(),
            "SELECT u.* FROM invitation AS i JOIN app_user AS u
             ON u.tenant = i.tenant AND u.id = i.user_id
             WHERE i.hash = ?1 AND i.expires > ?2 AND u.disabled IS NULL",
            params![hash, now],
            read,
        )
    }

    fn accept_invitation(
        &self,
        hash: &[u8; 32],
        credentials: &Credentials,
        recovery: &[[u8; 32]],
        step: i64,
        now: UnixNanos,
    ) -> Result<Option<User>> {
        self.write(|tx| {
            let found: Option<(String, String)> = tx
                .prepare_cached(
                    "DELETE FROM invitation WHERE hash = ?1 AND expires > ?2
                     RETURNING tenant, user_id",
                )?
                .query_row(params![hash, now], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((tenant, id)) = found else {
                return Ok(None);
            };
            let changed = tx
                .prepare_cached(
                    "UPDATE app_user SET password = ?3, totp = ?4, totp_step = ?5
                     WHERE tenant = ?1 AND id = ?2 AND disabled IS NULL AND mapped = 0",
                )?
                .execute(params![
                    tenant,
                    id,
                    credentials.password,
                    credentials.totp,
                    step
                ])?;
            if changed == 0 {
                return Ok(None);
            }
            tx.prepare_cached("DELETE FROM recovery_code WHERE tenant = ?1 AND user_id = ?2")?
                .execute(params![tenant, id])?;
            let mut insert = tx.prepare_cached(
                "INSERT INTO recovery_code (tenant, user_id, hash) VALUES (?1, ?2, ?3)",
            )?;
            for code in recovery {
                insert.execute(params![tenant, id, code])?;
            }
            end_all(tx, &tenant, &id)?;
            find(tx, &tenant, &id).map(Some)
        })
    }

    fn is_invited(&self, tenant: &str, id: &str, now: UnixNanos) -> Result<bool> {
        invited(&self.reader(), tenant, id, now)
    }

    fn link_user(
        &self,
        tenant: &str,
        id: &str,
        (issuer, subject): (&str, &str),
        says: Option<&(Role, Vec<String>)>,
        now: UnixNanos,
    ) -> Result<Option<User>> {
        check_subject(issuer, subject)?;
        self.write(|tx| {
            let other: Option<String> = tx
                .prepare_cached(
                    "SELECT id FROM app_user WHERE tenant = ?1 AND issuer = ?2 AND subject = ?3",
                )?
                .query_row(params![tenant, issuer, subject], |row| row.get(0))
                .optional()?;
            if other.is_some() {
                return Err(StoreError::exists("user", subject));
            }
            let mut user = match find(tx, tenant, id) {
                Err(error) if error.is_not_found() => return Ok(None),
                user => user?,
            };
            let Some(change) = linked(&user, says) else {
                return Ok(None);
            };
            if !invited(tx, tenant, id, now)? {
                return Ok(None);
            }
            change.apply(&mut user, now)?;
            let written = tx
                .prepare_cached(
                    "UPDATE app_user SET issuer = ?3, subject = ?4, role = ?5, member_of = ?6
                     WHERE tenant = ?1 AND id = ?2 AND disabled IS NULL AND password IS NULL
                     AND issuer IS NULL",
                )?
                .execute(params![
                    tenant,
                    id,
                    issuer,
                    subject,
                    user.role.name(),
                    list_to_text(&user.groups)?
                ])?;
            if written == 0 {
                return Ok(None);
            }
            tx.prepare_cached("DELETE FROM invitation WHERE tenant = ?1 AND user_id = ?2")?
                .execute(params![tenant, id])?;
            find(tx, tenant, id).map(Some)
        })
    }

    fn take_sign_in(&self, hash: &[u8; 32], expires: UnixNanos, now: UnixNanos) -> Result<Taken> {
        if expires <= now {
            return Ok(Taken::Before);
        }
        self.write(|tx| {
            tx.prepare_cached("DELETE FROM taken_sign_in WHERE expires <= ?1")?
                .execute([now])?;
            let taken: u32 = tx
                .prepare_cached("SELECT count(*) FROM taken_sign_in")?
                .query_row([], |row| row.get(0))?;
            if taken >= TAKEN_MAX {
                return Ok(Taken::Full);
            }
            let written = tx
                .prepare_cached(
                    "INSERT INTO taken_sign_in (hash, expires) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                )?
                .execute(params![hash, expires])?;
            Ok(if written == 1 {
                Taken::Now
            } else {
                Taken::Before
            })
        })
    }

    fn change_password(
        &self,
        tenant: &str,
        id: &str,
        before: &str,
        after: &str,
        keep: &str,
    ) -> Result<bool> {
        self.write(|tx| {
            let changed = tx
                .prepare_cached(
                    "UPDATE app_user SET password = ?4
                     WHERE tenant = ?1 AND id = ?2 AND disabled IS NULL AND password = ?3",
                )?
                .execute(params![tenant, id, before, after])?;
            if changed == 1 {
                tx.prepare_cached(
                    "DELETE FROM user_session WHERE tenant = ?1 AND user_id = ?2 AND id <> ?3",
                )?
                .execute(params![tenant, id, keep])?;
            }
            Ok(changed == 1)
        })
    }

    fn take_step(&self, tenant: &str, user_id: &str, step: i64) -> Result<bool> {
        self.write(|tx| {
            let changed = tx
                .prepare_cached(
                    "UPDATE app_user SET totp_step = ?3
                     WHERE tenant = ?1 AND id = ?2 AND totp_step < ?3",
                )?
                .execute(params![tenant, user_id, step])?;
            Ok(changed == 1)
        })
    }

    fn take_recovery(&self, tenant: &str, user_id: &str, hash: &[u8; 32]) -> Result<Option<u32>> {
        self.write(|tx| {
            let taken = tx
                .prepare_cached(
                    "DELETE FROM recovery_code WHERE tenant = ?1 AND user_id = ?2 AND hash = ?3",
                )?
                .execute(params![tenant, user_id, hash])?;
            if taken == 0 {
                return Ok(None);
            }
            let left: u32 = tx
                .prepare_cached(
                    "SELECT count(*) FROM recovery_code WHERE tenant = ?1 AND user_id = ?2",
                )?
                .query_row(params![tenant, user_id], |row| row.get(0))?;
            Ok(Some(left))
        })
    }

    fn begin_session(&self, hash: &[u8; 32], session: &Session, proof: Proof<'_>) -> Result<bool> {
        let (tenant, user_id, now) = (&session.tenant, &session.user_id, session.created);
        self.write(|tx| {
            let changed = match proof {
                Proof::Password(password) => tx
                    .prepare_cached(
                        "UPDATE app_user SET last_login = ?3
                         WHERE tenant = ?1 AND id = ?2 AND disabled IS NULL AND password IS ?4",
                    )?
                    .execute(params![tenant, user_id, now, password])?,
                Proof::Provider(issuer, subject) => tx
                    .prepare_cached(
                        "UPDATE app_user SET last_login = ?3
                         WHERE tenant = ?1 AND id = ?2 AND disabled IS NULL
                         AND issuer = ?4 AND subject = ?5",
                    )?
                    .execute(params![tenant, user_id, now, issuer, subject])?,
            };
            if changed == 0 {
                return Ok(false);
            }
            tx.prepare_cached(
                "INSERT INTO user_session (hash, id, tenant, user_id, method, address, agent,
                 created, seen, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                hash,
                session.id,
                session.tenant,
                session.user_id,
                session.method,
                session.address,
                session.agent,
                session.created,
                session.seen,
                session.expires
            ])?;
            tx.prepare_cached(
                "DELETE FROM user_session WHERE hash IN (SELECT hash FROM user_session
                 WHERE tenant = ?1 AND user_id = ?2 ORDER BY created DESC, id DESC
                 LIMIT -1 OFFSET ?3)",
            )?
            .execute(params![session.tenant, session.user_id, SESSIONS_MAX])?;
            Ok(true)
        })
    }

    fn session(
        &self,
        hash: &[u8; 32],
        now: UnixNanos,
        idle_since: UnixNanos,
    ) -> Result<Option<(Session, User)>> {
        let reader = self.reader();
        let session = one(
            &reader,
            "SELECT * FROM user_session WHERE hash = ?1 AND expires > ?2 AND seen > ?3",
            params![hash, now, idle_since],
            read_session,
        )?;
        let Some(session) = session else {
            return Ok(None);
        };
        match find(&reader, &session.tenant, &session.user_id) {
            Ok(user) if user.disabled.is_none() => Ok(Some((session, user))),
            Ok(_) => Ok(None),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn touch_session(&self, hash: &[u8; 32], now: UnixNanos) -> Result<()> {
        self.write(|tx| {
            tx.prepare_cached("UPDATE user_session SET seen = max(seen, ?2) WHERE hash = ?1")?
                .execute(params![hash, now])?;
            Ok(())
        })
    }

    fn sessions(&self, tenant: &str, user_id: &str) -> Result<Vec<Session>> {
        all(
            &self.reader(),
            "SELECT * FROM user_session WHERE tenant = ?1 AND user_id = ?2
             ORDER BY created DESC, id DESC",
            params![tenant, user_id],
            read_session,
        )
    }

    fn end_session(&self, tenant: &str, user_id: &str, id: &str) -> Result<()> {
        self.write(|tx| {
            let ended = tx
                .prepare_cached(
                    "DELETE FROM user_session WHERE tenant = ?1 AND user_id = ?2 AND id = ?3",
                )?
                .execute(params![tenant, user_id, id])?;
            if ended == 0 {
                return Err(StoreError::not_found("session", id));
            }
            Ok(())
        })
    }

    fn purge_sessions(&self, now: UnixNanos, idle_since: UnixNanos) -> Result<usize> {
        self.write(|tx| {
            let sessions = tx
                .prepare_cached("DELETE FROM user_session WHERE expires <= ?1 OR seen <= ?2")?
                .execute(params![now, idle_since])?;
            let invitations = tx
                .prepare_cached("DELETE FROM invitation WHERE expires <= ?1")?
                .execute(params![now])?;
            let taken = tx
                .prepare_cached("DELETE FROM taken_sign_in WHERE expires <= ?1")?
                .execute(params![now])?;
            Ok(sessions + invitations + taken)
        })
    }
}
