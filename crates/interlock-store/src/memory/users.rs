//! Users, invitations and sessions.

use std::collections::BTreeSet;

use interlock_core::model::{Role, UnixNanos};

use super::{MemoryStore, Result, Tables, key};
use crate::error::StoreError;
use crate::identity::{
    Credentials, IdentityStore, Invitation, Proof, SESSIONS_MAX, Session, TAKEN_MAX, Taken,
    USERS_MAX, User, UserChange, check_subject, linked,
};

/// A user and what proves it.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) user: User,
    credentials: Option<Credentials>,
    step: i64,
    recovery: BTreeSet<[u8; 32]>,
}

impl Tables {
    fn account(&mut self, tenant: &str, id: &str) -> Result<&mut Account> {
        self.users
            .get_mut(&key(tenant, id))
            .ok_or_else(|| StoreError::not_found("user", id))
    }

    fn invited(&self, tenant: &str, id: &str, now: UnixNanos) -> bool {
        (self.invitations.values())
            .any(|i| i.tenant == tenant && i.user_id == id && i.expires > now && !i.by_link)
    }

    fn end_all(&mut self, tenant: &str, user_id: &str) {
        self.user_sessions
            .retain(|_, s| s.tenant != tenant || s.user_id != user_id);
    }
}

impl IdentityStore for MemoryStore {
    fn insert_user(&self, user: &User) -> Result<()> {
        user.check()?;
        let mut tables = self.tables();
        let mut others = tables.users.values().map(|account| &account.user);
        if others.clone().filter(|o| o.tenant == user.tenant).count() >= USERS_MAX as usize {
            return Err(StoreError::invalid(
                "login",
                format!("cannot be added: the tenant has {USERS_MAX} users, the most it may have"),
            ));
        }
        let taken = others.any(|other| {
            other.login == user.login
                || (other.tenant == user.tenant
                    && (other.id == user.id
                        || (user.provider.is_some() && other.provider == user.provider)))
        });
        if taken {
            return Err(StoreError::exists("user", &user.login));
        }
        let account = Account {
            user: User {
                enrolled: false,
                last_login: None,
                ..user.clone()
            },
            credentials: None,
            step: 0,
            recovery: BTreeSet::new(),
        };
        tables.users.insert(key(&user.tenant, &user.id), account);
        Ok(())
    }

    fn user(&self, tenant: &str, id: &str) -> Result<User> {
        Ok(self.tables().account(tenant, id)?.user.clone())
    }

    fn users(&self, tenant: &str) -> Result<Vec<User>> {
        let tables = self.tables();
        let mut users: Vec<User> = super::of_tenant(&tables.users, tenant)
            .map(|(_, account)| account.user.clone())
            .collect();
        users.sort_by(|a, b| a.login.cmp(&b.login));
        Ok(users)
    }

    fn user_tenants(&self) -> Result<Vec<String>> {
        let tables = self.tables();
        let tenants: BTreeSet<&String> = tables.users.values().map(|a| &a.user.tenant).collect();
        Ok(tenants.into_iter().cloned().collect())
    }

    fn user_by_login(&self, login: &str) -> Result<Option<(User, Option<Credentials>)>> {
        let tables = self.tables();
        let found = tables.users.values().find(|a| a.user.login == login);
        Ok(found.map(|account| (account.user.clone(), account.credentials.clone())))
    }

    fn user_by_subject(&self, tenant: &str, issuer: &str, subject: &str) -> Result<Option<User>> {
        let tables = self.tables();
        let wanted = Some((issuer.to_owned(), subject.to_owned()));
        let found = super::of_tenant(&tables.users, tenant)
            .map(|(_, account)| &account.user)
            .find(|user| user.provider == wanted)
            .cloned();
        Ok(found)
    }

    fn update_user(
        &self,
        tenant: &str,
        id: &str,
        change: &UserChange,
        now: UnixNanos,
    ) -> Result<(User, bool)> {
        let mut tables = self.tables();
        let account = tables.account(tenant, id)?;
        let mut user = account.user.clone();
        let ends = change.apply(&mut user, now)?;
        account.user = user.clone();
        if ends {
            tables.end_all(tenant, id);
        }
        Ok((user, ends))
    }

    fn invite(&self, hash: &[u8; 32], invitation: &Invitation, reset: bool) -> Result<User> {
        let mut tables = self.tables();
        let (tenant, id) = (&invitation.tenant, &invitation.user_id);
        let account = tables.account(tenant, id)?;
        if reset {
            account.credentials = None;
            account.user.enrolled = false;
            account.user.provider = None;
            account.recovery.clear();
        }
        let user = account.user.clone();
        if reset {
            tables.end_all(tenant, id);
        }
        tables
            .invitations
            .retain(|_, i| i.tenant != *tenant || i.user_id != *id);
        tables.invitations.insert(*hash, invitation.clone());
        Ok(user)
    }

    fn invitation(&self, hash: &[u8; 32], now: UnixNanos) -> Result<Option<User>> {
        let tables = self.tables();
        let good = tables.invitations.get(hash).filter(|i| i.expires > now);
        let account = good.and_then(|i| tables.users.get(&key(&i.tenant, &i.user_id)));
        Ok(account
            .map(|account| account.user.clone())
            .filter(|user| user.disabled.is_none()))
    }

    fn accept_invitation(
        &self,
        hash: &[u8; 32],
        credentials: &Credentials,
        recovery: &[[u8; 32]],
        step: i64,
        now: UnixNanos,
    ) -> Result<Option<User>> {
        let mut tables = self.tables();
        if tables
            .invitations
            .get(hash)
            .is_none_or(|i| i.expires <= now)
        {
            return Ok(None);
        }
        let Some(invitation) = tables.invitations.remove(hash) else {
            return Ok(None);
        };
        let (tenant, id) = (&invitation.tenant, &invitation.user_id);
        let account = tables.account(tenant, id)?;
        if account.user.disabled.is_some() || account.user.mapped {
            return Ok(None);
        }
        account.credentials = Some(credentials.clone());
        account.user.enrolled = true;
        account.recovery = recovery.iter().copied().collect();
        account.step = step;
        let user = account.user.clone();
        tables.end_all(tenant, id);
        Ok(Some(user))
    }

    fn is_invited(&self, tenant: &str, id: &str, now: UnixNanos) -> Result<bool> {
        Ok(self.tables().invited(tenant, id, now))
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
        let mut tables = self.tables();
        let provider = Some((issuer.to_owned(), subject.to_owned()));
        if super::of_tenant(&tables.users, tenant).any(|(_, a)| a.user.provider == provider) {
            return Err(StoreError::exists("user", subject));
        }
        let invited = tables.invited(tenant, id, now);
        let account = tables.users.get_mut(&key(tenant, id)).filter(|account| {
            invited
                && account.user.disabled.is_none()
                && account.credentials.is_none()
                && account.user.provider.is_none()
        });
        let Some(account) = account else {
            return Ok(None);
        };
        let Some(change) = linked(&account.user, says) else {
            return Ok(None);
        };
        let mut user = account.user.clone();
        change.apply(&mut user, now)?;
        user.provider = provider;
        account.user = user.clone();
        tables
            .invitations
            .retain(|_, i| i.tenant != tenant || i.user_id != id);
        Ok(Some(user))
    }

    fn take_sign_in(&self, hash: &[u8; 32], expires: UnixNanos, now: UnixNanos) -> Result<Taken> {
        if expires <= now {
            return Ok(Taken::Before);
        }
        let taken = &mut self.tables().taken_sign_ins;
        taken.retain(|_, expires| *expires > now);
        if taken.contains_key(hash) {
            return Ok(Taken::Before);
        }
        if taken.len() >= TAKEN_MAX as usize {
            return Ok(Taken::Full);
        }
        taken.insert(*hash, expires);
        Ok(Taken::Now)
    }

    fn change_password(
        &self,
        tenant: &str,
        id: &str,
        before: &str,
        after: &str,
        keep: &str,
    ) -> Result<bool> {
        let mut tables = self.tables();
        let Some(account) = tables.users.get_mut(&key(tenant, id)) else {
            return Ok(false);
        };
        match &mut account.credentials {
            Some(kept) if kept.password == before && account.user.disabled.is_none() => {
                after.clone_into(&mut kept.password);
            }
            _ => return Ok(false),
        }
        tables
            .user_sessions
            .retain(|_, s| s.tenant != tenant || s.user_id != id || s.id == keep);
        Ok(true)
    }

    fn take_step(&self, tenant: &str, user_id: &str, step: i64) -> Result<bool> {
        let mut tables = self.tables();
        let Some(account) = tables.users.get_mut(&key(tenant, user_id)) else {
            return Ok(false);
        };
        let free = account.step < step;
        account.step = account.step.max(step);
        Ok(free)
    }

    fn take_recovery(&self, tenant: &str, user_id: &str, hash: &[u8; 32]) -> Result<Option<u32>> {
        let mut tables = self.tables();
        let Some(account) = tables.users.get_mut(&key(tenant, user_id)) else {
            return Ok(None);
        };
        Ok(account
            .recovery
            .remove(hash)
            .then(|| u32::try_from(account.recovery.len()).unwrap_or(u32::MAX)))
    }

    fn begin_session(&self, hash: &[u8; 32], session: &Session, proof: Proof<'_>) -> Result<bool> {
        let mut tables = self.tables();
        let (tenant, id) = (&session.tenant, &session.user_id);
        let account = tables.users.get_mut(&key(tenant, id));
        let Some(account) = account.filter(|account| {
            let kept = account.credentials.as_ref().map(|c| c.password.as_str());
            let vouched = account.user.provider.as_ref();
            let holds = match proof {
                Proof::Password(password) => kept == password,
                Proof::Provider(issuer, subject) => {
                    vouched.is_some_and(|(i, s)| i == issuer && s == subject)
                }
            };
            account.user.disabled.is_none() && holds
        }) else {
            return Ok(false);
        };
        account.user.last_login = Some(session.created);
        tables.user_sessions.insert(*hash, session.clone());
        let mut own: Vec<_> = tables
            .user_sessions
            .iter()
            .filter(|(_, s)| s.tenant == *tenant && s.user_id == *id)
            .map(|(hash, s)| (s.created, s.id.clone(), *hash))
            .collect();
        own.sort();
        for (_, _, oldest) in own.iter().rev().skip(SESSIONS_MAX as usize) {
            tables.user_sessions.remove(oldest);
        }
        Ok(true)
    }

    fn session(
        &self,
        hash: &[u8; 32],
        now: UnixNanos,
        idle_since: UnixNanos,
    ) -> Result<Option<(Session, User)>> {
        let tables = self.tables();
        let session = tables
            .user_sessions
            .get(hash)
            .filter(|s| s.expires > now && s.seen > idle_since);
        Ok(session.and_then(|session| {
            let account = tables.users.get(&key(&session.tenant, &session.user_id))?;
            let user = Some(&account.user).filter(|user| user.disabled.is_none())?;
            Some((session.clone(), user.clone()))
        }))
    }

    fn touch_session(&self, hash: &[u8; 32], now: UnixNanos) -> Result<()> {
        if let Some(session) = self.tables().user_sessions.get_mut(hash) {
            session.seen = session.seen.max(now);
        }
        Ok(())
    }

    fn sessions(&self, tenant: &str, user_id: &str) -> Result<Vec<Session>> {
        let tables = self.tables();
        let mut own: Vec<Session> = tables
            .user_sessions
            .values()
            .filter(|s| s.tenant == tenant && s.user_id == user_id)
            .cloned()
            .collect();
        own.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
        Ok(own)
    }

    fn end_session(&self, tenant: &str, user_id: &str, id: &str) -> Result<()> {
        let mut tables = self.tables();
        let before = tables.user_sessions.len();
        tables
            .user_sessions
            .retain(|_, s| s.tenant != tenant || s.user_id != user_id || s.id != id);
        if tables.user_sessions.len() == before {
            return Err(StoreError::not_found("session", id));
        }
        Ok(())
    }

    fn purge_sessions(&self, now: UnixNanos, idle_since: UnixNanos) -> Result<usize> {
        let mut tables = self.tables();
        let count =
            |t: &Tables| t.user_sessions.len() + t.invitations.len() + t.taken_sign_ins.len();
        let before = count(&tables);
        tables
            .user_sessions
            .retain(|_, s| s.expires > now && s.seen > idle_since);
        tables.invitations.retain(|_, i| i.expires > now);
        tables.taken_sign_ins.retain(|_, expires| *expires > now);
        Ok(before - count(&tables))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_further_answer_is_taken_when_as_many_are_remembered_as_may_be() {
        let store = MemoryStore::new();
        let hash = |n: u32| {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&n.to_be_bytes());
            hash
        };
        let all = (0..TAKEN_MAX).map(|n| (hash(n), 10));
        store.tables().taken_sign_ins.extend(all);
        assert_eq!(
            store.take_sign_in(&hash(TAKEN_MAX), 10, 1).unwrap(),
            Taken::Full
        );
        assert_eq!(store.take_sign_in(&hash(0), 10, 1).unwrap(), Taken::Before);
        assert_eq!(store.take_sign_in(&hash(0), 20, 10).unwrap(), Taken::Now);
    }
}
