//! People who sign in: users, what proves who they are, invitations and sessions.
//!
//! **Invariant:** a session, an invitation and a recovery code are kept as keyed hashes only; the
//! secret of one-time codes is sealed under a key that is not in the store. **Invariant:** what takes
//! something from a user (disabled, another role or other groups, new credentials) ends all of the
//! user's sessions in the same transaction.

use interlock_core::model::{Role, UnixNanos};

use crate::error::StoreError;
use crate::model::{NAME_BYTES_MAX, check_id, check_len};

/// Users of one tenant.
pub const USERS_MAX: u32 = 1_000;
/// Groups of one user.
pub const GROUPS_MAX: usize = 32;
/// Sessions of one user; a further one ends the oldest.
pub const SESSIONS_MAX: u32 = 20;
/// Answers of providers that are remembered as taken; no further one is taken before some ran out.
pub const TAKEN_MAX: u32 = 100_000;
/// Bytes of an issuer, and of a subject at it (`OpenID` Connect Core 1.0, section 2: 255 for a subject).
pub const SUBJECT_BYTES_MAX: usize = 255;
/// Recovery codes of one user.
pub const RECOVERY_CODES_MAX: usize = 16;

type Result<T> = std::result::Result<T, StoreError>;

/// A person who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The tenant.
    pub tenant: String,
    /// Its id, which stays when the login changes hands.
    pub id: String,
    /// The name to sign in with, unique on the server, in lower case; the name under which the
    /// person's answers count.
    pub login: String,
    /// The name as people write it.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// The groups that policies ask to which the person belongs.
    pub groups: Vec<String>,
    /// Since when the person may not sign in.
    pub disabled: Option<UnixNanos>,
    /// When it was made.
    pub created: UnixNanos,
    /// When the person last signed in.
    pub last_login: Option<UnixNanos>,
    /// Whether there is a password and a second factor.
    pub enrolled: bool,
    /// At which provider the person signs in: its issuer and the person's id there.
    pub provider: Option<(String, String)>,
    /// Whether the groups at the provider say what the person may do; else an admin does.
    pub mapped: bool,
    /// Whether the person is disabled because no group at the provider lets them in any more, which a
    /// group there undoes; what an admin disabled, an admin enables.
    pub withdrawn: bool,
}

impl User {
    /// Checks the limits of every field.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] that names the field.
    pub fn check(&self) -> Result<()> {
        check_id("tenant", &self.tenant)?;
        check_id("id", &self.id)?;
        check_login(&self.login)?;
        check_len("name", &self.name, NAME_BYTES_MAX)?;
        check_person_role(self.role)?;
        if let Some((issuer, subject)) = &self.provider {
            check_subject(issuer, subject)?;
        }
        check_groups(&self.groups)
    }
}

/// A login is 1 to 128 bytes of lower-case letters, digits and `.`, `_`, `-`, `+`, `@`, so that no
/// two of them look alike.
fn check_login(login: &str) -> Result<()> {
    let fits = (1..=128).contains(&login.len())
        && login
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-+@".contains(&b))
        && login
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric());
    if fits {
        Ok(())
    } else {
        Err(StoreError::invalid(
            "login",
            "must be 1 to 128 lower-case letters, digits and any of `._-+@`, a letter or digit first",
        ))
    }
}

/// What a provider calls itself and a person.
pub(crate) fn check_subject(issuer: &str, subject: &str) -> Result<()> {
    for (field, text) in [("issuer", issuer), ("subject", subject)] {
        if text.is_empty() {
            return Err(StoreError::invalid(field, "is empty"));
        }
        check_len(field, text, SUBJECT_BYTES_MAX)?;
    }
    Ok(())
}

fn check_person_role(role: Role) -> Result<()> {
    if role == Role::Agent {
        return Err(StoreError::invalid(
            "role",
            "must be `approver`, `policy_author`, `auditor` or `admin`: an agent has a key",
        ));
    }
    Ok(())
}

fn check_groups(groups: &[String]) -> Result<()> {
    if groups.len() > GROUPS_MAX {
        return Err(StoreError::invalid(
            "groups",
            format!("are {}, the limit is {GROUPS_MAX}", groups.len()),
        ));
    }
    groups
        .iter()
        .try_for_each(|group| check_id("groups", group))
}

/// What to change of a user; absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserChange {
    /// The name as people write it.
    pub name: Option<String>,
    /// What the person may do.
    pub role: Option<Role>,
    /// The groups.
    pub groups: Option<Vec<String>>,
    /// Whether the person may not sign in.
    pub disabled: Option<bool>,
    /// Whether `disabled` is what a provider's groups say.
    pub withdrawn: bool,
}

impl UserChange {
    /// Applies it; tells whether it ends the user's sessions.
    pub(crate) fn apply(&self, user: &mut User, now: UnixNanos) -> Result<bool> {
        let before = user.clone();
        if let Some(name) = &self.name {
            user.name.clone_from(name);
        }
        if let Some(role) = self.role {
            user.role = role;
        }
        if let Some(groups) = &self.groups {
            user.groups.clone_from(groups);
        }
        match self.disabled {
            Some(true) => {
                user.withdrawn = self.withdrawn && (user.disabled.is_none() || before.withdrawn);
                user.disabled.get_or_insert(now);
            }
            Some(false) => {
                user.disabled = None;
                user.withdrawn = false;
            }
            None => {}
        }
        user.check()?;
        Ok(user.role != before.role
            || user.groups != before.groups
            || (user.disabled.is_some() && before.disabled.is_none()))
    }
}

/// What a link to a provider changes of a user whose groups there say what the user may do; `None` when
/// they say nothing.
pub(crate) fn linked(user: &User, says: Option<&(Role, Vec<String>)>) -> Option<UserChange> {
    if !user.mapped {
        return Some(UserChange::default());
    }
    says.map(|(role, groups)| UserChange {
        role: Some(*role),
        groups: Some(groups.clone()),
        ..UserChange::default()
    })
}

/// What proves who a person is.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The Argon2id hash of the password with its parameters.
    pub password: String,
    /// The sealed secret of one-time codes.
    pub totp: Vec<u8>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// What was checked of a person before a session begins, and must still hold when it does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Proof<'a> {
    /// What is kept of the password; `None`: there was none.
    Password(Option<&'a str>),
    /// The issuer and the subject that it vouches for.
    Provider(&'a str, &'a str),
}

impl std::fmt::Debug for Proof<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Password(_) => f.write_str("Password(…)"),
            Self::Provider(issuer, subject) => f
                .debug_tuple("Provider")
                .field(issuer)
                .field(subject)
                .finish(),
        }
    }
}

/// What a link to join is worth, under the keyed hash of its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The tenant.
    pub tenant: String,
    /// The user who sets password and second factor with it.
    pub user_id: String,
    /// From when on it is worth nothing.
    pub expires: UnixNanos,
    /// Whether it is good by its link only, and not by the word of a provider.
    pub by_link: bool,
}

/// What became of the answer of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is taken with this.
    Now,
    /// It was taken before, or is too late.
    Before,
    /// [`TAKEN_MAX`] are remembered.
    Full,
}

/// One session of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id, by which it is shown and ended; no secret.
    pub id: String,
    /// The tenant.
    pub tenant: String,
    /// The user.
    pub user_id: String,
    /// How the person signed in: `password`, `recovery`, `invitation` or `oidc`.
    pub method: String,
    /// From which address.
    pub address: String,
    /// With which browser, as it says.
    pub agent: String,
    /// Since when.
    pub created: UnixNanos,
    /// When it was last used, to the minute.
    pub seen: UnixNanos,
    /// When it ends whatever happens.
    pub expires: UnixNanos,
}

/// Users and their sessions. Each is looked up by its tenant but where a secret, or a login at the
/// beginning, is what tells the tenant.
pub trait IdentityStore {
    /// Keeps a user.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the id, the login or the provider's subject is taken,
    /// [`StoreError::Invalid`] when a field is out of its limits or there are [`USERS_MAX`].
    fn insert_user(&self, user: &User) -> Result<()>;

    /// One user.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none with that id.
    fn user(&self, tenant: &str, id: &str) -> Result<User>;

    /// The users of a tenant in the order of their logins.
    ///
    /// # Errors
    /// When the back end fails.
    fn users(&self, tenant: &str) -> Result<Vec<User>>;

    /// The tenants that have users.
    ///
    /// # Errors
    /// When the back end fails.
    fn user_tenants(&self) -> Result<Vec<String>>;

    /// The user of this login in whichever tenant, with what proves it.
    ///
    /// # Errors
    /// When the back end fails.
    fn user_by_login(&self, login: &str) -> Result<Option<(User, Option<Credentials>)>>;

    /// The user of a tenant for whom a provider vouches under this subject.
    ///
    /// # Errors
    /// When the back end fails.
    fn user_by_subject(&self, tenant: &str, issuer: &str, subject: &str) -> Result<Option<User>>;

    /// Changes a user; tells whether that ended the user's sessions.
    ///
    /// # Errors
    /// As [`Self::user`], and [`StoreError::Invalid`] when a field is out of its limits.
    fn update_user(
        &self,
        tenant: &str,
        id: &str,
        change: &UserChange,
        now: UnixNanos,
    ) -> Result<(User, bool)>;

    /// Keeps an invitation, in the place of those that the user had. `reset` takes away the
    /// credentials and the provider, and ends the sessions; whose groups say what the user may do stays.
    ///
    /// # Errors
    /// As [`Self::user`].
    fn invite(&self, hash: &[u8; 32], invitation: &Invitation, reset: bool) -> Result<User>;

    /// The invitation under this hash and its user, if it is good at this time and the user is not
    /// disabled.
    ///
    /// # Errors
    /// When the back end fails.
    fn invitation(&self, hash: &[u8; 32], now: UnixNanos) -> Result<Option<User>>;

    /// Uses an invitation up: its user has these credentials, the recovery codes under these hashes,
    /// and `step` as the last time step used. `None` when it is not good any more,
    /// or a provider's groups say what the user may do: a password would outlive them.
    ///
    /// # Errors
    /// When the back end fails.
    fn accept_invitation(
        &self,
        hash: &[u8; 32],
        credentials: &Credentials,
        recovery: &[[u8; 32]],
        step: i64,
        now: UnixNanos,
    ) -> Result<Option<User>>;

    /// Whether a user has an invitation that is good at this time by the word of a provider.
    ///
    /// # Errors
    /// When the back end fails.
    fn is_invited(&self, tenant: &str, id: &str, now: UnixNanos) -> Result<bool>;

    /// Uses the open invitation of a user up: from now on this provider vouches for the person.
    /// `says` is what the provider's groups make of the person; it holds for a user who is `mapped`.
    /// `None` when there is no invitation that is good at this time by the word of a provider, or the
    /// user is disabled, has a password or another provider, or is mapped and the groups say nothing.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the provider's subject is another user's,
    /// [`StoreError::Invalid`] when it is out of its limits.
    fn link_user(
        &self,
        tenant: &str,
        id: &str,
        provider: (&str, &str),
        says: Option<&(Role, Vec<String>)>,
        now: UnixNanos,
    ) -> Result<Option<User>>;

    /// Takes the answer of a provider, once.
    ///
    /// # Errors
    /// When the back end fails.
    fn take_sign_in(&self, hash: &[u8; 32], expires: UnixNanos, now: UnixNanos) -> Result<Taken>;

    /// Puts a password in the place of `before`, which was checked, and ends the user's sessions but
    /// `keep`. `false` when the user is disabled or gone, or has another password by now.
    ///
    /// # Errors
    /// When the back end fails.
    fn change_password(
        &self,
        tenant: &str,
        id: &str,
        before: &str,
        after: &str,
        keep: &str,
    ) -> Result<bool>;

    /// Takes a time step for a code; `false` when it, or a later one, was taken before.
    ///
    /// # Errors
    /// When the back end fails.
    fn take_step(&self, tenant: &str, user_id: &str, step: i64) -> Result<bool>;

    /// Takes a recovery code; `None` when there is none under that hash, else how many are left.
    ///
    /// # Errors
    /// When the back end fails.
    fn take_recovery(&self, tenant: &str, user_id: &str, hash: &[u8; 32]) -> Result<Option<u32>>;

    /// Begins a session, unless the user is disabled or gone, or what was checked holds no longer:
    /// `false`. So a session cannot begin behind a reset that ended all. The oldest beyond [`SESSIONS_MAX`] ends.
    ///
    /// # Errors
    /// When the back end fails.
    fn begin_session(&self, hash: &[u8; 32], session: &Session, proof: Proof<'_>) -> Result<bool>;

    /// The session under this hash and its user, if the user is not disabled, it has not expired,
    /// and it was used since `idle_since`.
    ///
    /// # Errors
    /// When the back end fails.
    fn session(
        &self,
        hash: &[u8; 32],
        now: UnixNanos,
        idle_since: UnixNanos,
    ) -> Result<Option<(Session, User)>>;

    /// Notes that a session was used.
    ///
    /// # Errors
    /// When the back end fails.
    fn touch_session(&self, hash: &[u8; 32], now: UnixNanos) -> Result<()>;

    /// The sessions of a user, newest first, also such as have run out and were not removed yet.
    ///
    /// # Errors
    /// When the back end fails.
    fn sessions(&self, tenant: &str, user_id: &str) -> Result<Vec<Session>>;

    /// Ends a session by its id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the user has none with that id.
    fn end_session(&self, tenant: &str, user_id: &str, id: &str) -> Result<()>;

    /// Removes sessions, invitations and taken answers of providers that have run out, whoever's they are; how many.
    ///
    /// # Errors
    /// When the back end fails.
    fn purge_sessions(&self, now: UnixNanos, idle_since: UnixNanos) -> Result<usize>;
}
