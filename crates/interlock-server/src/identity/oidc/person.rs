//! Who a person at a provider is here.
//!
//! A person is known by issuer and subject alone. An address links an account once, when the provider
//! says that it is the person's and an invitation for it is open; a group of the provider's makes one
//! where the configuration says so. Nobody else gets in.

use interlock_core::model::Role;
use interlock_runtime::{Runtime, RuntimeError};
use interlock_store::identity::{User, UserChange};
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
        let record =
            |what: &str| runtime.record_identity(&user.tenant, &user.login, what, &user.id);
        if user.disabled.is_some() {
            record("sign-in-refused")?;
            return Ok(Err(Stranger::Disabled));
        }
        if !user.mapped {
            return Ok(Ok(user));
        }
        let Some((role, groups)) = mapped(config, claims) else {
            // What takes holds first.
            for session in runtime.store().sessions(&user.tenant, &user.id)? {
                match (runtime.store()).end_session(&user.tenant, &user.id, &session.id) {
                    Err(error) if !error.is_not_found() => return Err(error.into()),
                    _ => {}
                }
            }
            record("sign-in-refused")?;
            return Ok(Err(Stranger::Withdrawn));
        };
        if user.role == role && user.groups == groups {
            return Ok(Ok(user));
        }
        record("user-changed")?;
        let change = UserChange {
            role: Some(role),
            groups: Some(groups),
            ..UserChange::default()
        };
        let (user, _) =
            (runtime.store()).update_user(&user.tenant, &user.id, &change, runtime.now())?;
        self.forget_keys();
        self.refresh_people()?;
        Ok(Ok(user))
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
            return match store.link_user(tenant, &user.id, provider, now)? {
                Some(user) => {
                    let id = format!("{} {}", user.id, config.issuer);
                    runtime.record_identity(tenant, &user.login, "user-linked", &id)?;
                    Ok(Ok(user))
                }
                None => Ok(Err(Stranger::Taken)),
            };
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
        };
        // An address may have letters that no login has.
        if user.check().is_err() {
            return Ok(Err(Stranger::Uninvited));
        }
        // What gives is on record before it holds.
        let id = format!("{} {}", user.id, config.issuer);
        runtime.record_identity(tenant, &user.login, "user-added", &id)?;
        store.insert_user(&user)?;
        self.refresh_people()?;
        Ok(Ok(user))
    }
}
