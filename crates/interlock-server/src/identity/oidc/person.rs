//! Who a person at a provider is here.
//!
//! A person is known by issuer and subject alone. An address links an account once, when the provider
//! says that it is the person's and an invitation for it is open; a group of the provider's makes one
//! where the configuration says so. Nobody else gets in.

use interlock_core::model::Role;
use interlock_runtime::{Runtime, RuntimeError};
use interlock_store::identity::{USERS_MAX, User, UserChange};
use uuid::Uuid;

use super::config::ProviderConfig;
use super::id_token::Claims;
use crate::App;

/// Bytes of a name that are kept.
const NAME_BYTES_MAX: usize = 256;

/// Why somebody whom a provider vouches for does not get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// Nobody invited the address, and no group of the person's is mapped.
    Uninvited,
    /// The provider does not say that the address is the person's.
    Unverified,
    /// The account is disabled.
    Disabled,
    /// The groups that let the person in are gone.
    Withdrawn,
    /// Another account has the address as its login.
    Taken,
    /// The tenant has as many users as it may have.
    NoRoom,
}

/// What the provider's groups make of a person: the role that may most, and the groups here.
fn mapped(config: &ProviderConfig, claims: &Claims) -> Option<(Role, Vec<String>)> {
    let theirs = claims.groups(&config.groups_claim);
    // A person has one role: the widest first, and no role covers another otherwise.
    let widest = [
        Role::Admin,
        Role::PolicyAuthor,
        Role::Approver,
        Role::Auditor,
    ];
    let role = widest.into_iter().find(|role| {
        theirs
            .iter()
            .any(|group| config.roles.get(*group) == Some(role))
    })?;
    let mut groups: Vec<String> = theirs
        .iter()
        .filter_map(|group| config.groups.get(*group).cloned())
        .collect();
    groups.sort();
    groups.dedup();
    groups.truncate(interlock_store::identity::GROUPS_MAX);
    Some((role, groups))
}

fn name(claims: &Claims, login: &str) -> String {
    let mut name = claims.name().unwrap_or(login).to_owned();
    name.retain(|c| !c.is_control());
    name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
    name
}

impl App {
    /// Who this is; what it changes is on record before it holds.
    pub(super) fn person_of(
        &self,
        runtime: &Runtime,
        config: &ProviderConfig,
        claims: &Claims,
    ) -> Result<Result<User, Stranger>, RuntimeError> {
        let (tenant, issuer) = (&config.tenant, &config.issuer);
        let store = runtime.store();
        match store.user_by_subject(tenant, issuer, &claims.subject)? {
            Some(user) => self.known(runtime, config, claims, user),
            None => self.unknown(runtime, config, claims),
        }
    }

    fn known(
        &self,
        runtime: &Runtime,
        config: &ProviderConfig,
        claims: &Claims,
        user: User,
    ) -> Result<Result<User, Stranger>, RuntimeError> {
        let refused =
            || runtime.record_identity(&user.tenant, &user.login, "sign-in-refused", &user.id);
        // What an admin disabled, no group enables.
        if user.disabled.is_some() && !(user.mapped && user.withdrawn) {
            refused()?;
            return Ok(Err(Stranger::Disabled));
        }
        if !user.mapped {
            return Ok(Ok(user));
        }
        let Some(says) = mapped(config, claims) else {
            if user.disabled.is_none() {
                self.withdraw(runtime, &user)?;
            }
            refused()?;
            return Ok(Err(Stranger::Withdrawn));
        };
        self.follow(runtime, user, says).map(Ok)
    }

    /// Disables whom no group at the provider lets in any more, as an admin would: sessions, keys, votes
    /// and messages end.
    fn withdraw(&self, runtime: &Runtime, user: &User) -> Result<(), RuntimeError> {
        let change = UserChange {
            disabled: Some(true),
            withdrawn: true,
            ..UserChange::default()
        };
        // What takes holds first.
        self.changed(runtime, user, &change)?;
        runtime.record_identity(&user.tenant, &user.login, "user-disabled", &user.id)
    }

    fn changed(
        &self,
        runtime: &Runtime,
        user: &User,
        change: &UserChange,
    ) -> Result<User, RuntimeError> {
        let store = runtime.store();
        let (user, _) = store.update_user(&user.tenant, &user.id, change, runtime.now())?;
        self.forget_keys();
        self.refresh_people()?;
        Ok(user)
    }

    /// Makes of a user what the provider's groups say: what takes holds before it is on record, what
    /// gives is on record before it holds.
    fn follow(
        &self,
        runtime: &Runtime,
        mut user: User,
        (role, groups): (Role, Vec<String>),
    ) -> Result<User, RuntimeError> {
        let record = |user: &User, what: &str| {
            runtime.record_identity(&user.tenant, &user.login, what, &user.id)
        };
        // A role that is not the widest may lack what the one before could.
        let takes_role = role != user.role && role != Role::Admin;
        let stay: Vec<String> = (user.groups.iter())
            .filter(|group| groups.contains(group))
            .cloned()
            .collect();
        if takes_role || stay.len() < user.groups.len() {
            let less = UserChange {
                role: takes_role.then_some(role),
                groups: Some(stay),
                ..UserChange::default()
            };
            user = self.changed(runtime, &user, &less)?;
            record(&user, "user-changed")?;
        }
        let enables = user.disabled.is_some();
        if !enables && user.role == role && user.groups == groups {
            return Ok(user);
        }
        let what = if enables {
            "user-enabled"
        } else {
            "user-changed"
        };
        record(&user, what)?;
        let change = UserChange {
            role: Some(role),
            groups: Some(groups),
            disabled: enables.then_some(false),
            ..UserChange::default()
        };
        self.changed(runtime, &user, &change)
    }

    fn unknown(
        &self,
        runtime: &Runtime,
        config: &ProviderConfig,
        claims: &Claims,
    ) -> Result<Result<User, Stranger>, RuntimeError> {
        let (tenant, store, now) = (&config.tenant, runtime.store(), runtime.now());
        let provider = (config.issuer.as_str(), claims.subject.as_str());
        let mapped = mapped(config, claims);
        let Some(login) = claims.verified_email() else {
            return Ok(Err(Stranger::Unverified));
        };
        let domain = login.split('@').next_back().unwrap_or_default();
        let counts = config.email_domains.is_empty() || config.email_domains.contains(domain);
        if let Some((user, _)) = store.user_by_login(&login)? {
            if user.tenant != *tenant || !counts {
                return Ok(Err(Stranger::Uninvited));
            }
            if user.disabled.is_some() {
                return Ok(Err(Stranger::Disabled));
            }
            // Whom groups let in, and not an admin, none of them lets in now.
            if user.mapped && mapped.is_none() {
                return Ok(Err(Stranger::Withdrawn));
            }
            let fits = !user.enrolled && user.provider.is_none();
            if !fits || !store.is_invited(tenant, &user.id, now)? {
                return Ok(Err(Stranger::Taken));
            }
            // What gives is on record before it holds.
            let id = format!("{} {}", user.id, config.issuer);
            runtime.record_identity(tenant, &user.login, "user-linked", &id)?;
            let linked = store.link_user(tenant, &user.id, provider, mapped.as_ref(), now)?;
            if user.mapped {
                self.forget_keys();
                self.refresh_people()?;
            }
            return Ok(linked.ok_or(Stranger::Taken));
        }
        let Some((role, groups)) = mapped.filter(|_| counts) else {
            return Ok(Err(Stranger::Uninvited));
        };
        let user = User {
            tenant: tenant.clone(),
            id: Uuid::now_v7().to_string(),
            name: name(claims, &login),
            login,
            role,
            groups,
            disabled: None,
            created: now,
            last_login: None,
            enrolled: false,
            provider: Some((config.issuer.clone(), claims.subject.clone())),
            mapped: true,
            withdrawn: false,
        };
        // An address may have letters that no login has.
        if user.check().is_err() {
            return Ok(Err(Stranger::Uninvited));
        }
        if store.users(tenant)?.len() >= USERS_MAX as usize {
            tracing::warn!(
                tenant,
                "there is no room for another user, of which a tenant may have {USERS_MAX}"
            );
            return Ok(Err(Stranger::NoRoom));
        }
        // What gives is on record before it holds.
        let id = format!("{} {}", user.id, config.issuer);
        runtime.record_identity(tenant, &user.login, "user-added", &id)?;
        store.insert_user(&user)?;
        self.refresh_people()?;
        Ok(Ok(user))
    }
}
