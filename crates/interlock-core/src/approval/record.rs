//! What is known about one approval.

use std::fmt;

use thiserror::Error;

use super::{EXCLUDED_MAX, GRANT_TTL_NS_DEFAULT, GRANT_TTL_NS_MAX, QUORUM_MAX, WAIT_NS_MAX};
use crate::model::limits::ID_BYTES_MAX;
use crate::model::{ActionDigest, UnixNanos};

macro_rules! states {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// Where an approval stands.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum State { $($(#[$doc])* $variant,)* }

        impl State {
            /// All states.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

states! {
    /// Waits for people.
    Pending = "pending";
    /// Enough people agreed; the grant may be claimed once.
    Approved = "approved";
    /// Enough people agreed to changed arguments; the grant binds to those.
    ApprovedEdited = "approved_edited";
    /// Somebody said no.
    Denied = "denied";
    /// Nobody decided in time, or nobody claimed the grant in time.
    Expired = "expired";
    /// Whoever asked no longer wants it.
    Cancelled = "cancelled";
    /// A policy, a kill switch or a budget that has tightened since took its place.
    Superseded = "superseded";
    /// An executor holds the grant; the action may be running.
    Claimed = "claimed";
    /// The action ran.
    Executed = "executed";
    /// The action was tried and reported an error.
    Failed = "failed";
    /// The executor went away between claim and report: nobody knows whether it ran.
    Unknown = "unknown";
    /// It was found out afterwards whether the action ran.
    Resolved = "resolved";
}

impl State {
    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|s| s.name() == name)
    }

    /// Whether there is a grant to claim.
    #[must_use]
    pub const fn is_approved(self) -> bool {
        matches!(self, Self::Approved | Self::ApprovedEdited)
    }

    /// Whether nothing can follow.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Denied
                | Self::Expired
                | Self::Cancelled
                | Self::Superseded
                | Self::Executed
                | Self::Failed
                | Self::Resolved
        )
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one person said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Who.
    pub approver: String,
    /// Whether they agreed.
    pub approves: bool,
    /// The digest of the action that they saw, or, for an edit, that they proposed.
    pub digest: ActionDigest,
    /// Why, in their words.
    pub reason: String,
    /// When.
    pub at: UnixNanos,
}

/// The right to run exactly one action once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// The action.
    pub digest: ActionDigest,
    /// The revision of the policy under which people were asked.
    pub policy_rev: u64,
    /// From when on it can no longer be claimed.
    pub expires_at: UnixNanos,
    /// How often it may still be claimed: one, then none.
    pub uses: u8,
}

/// Who runs the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The fencing token of the executor; a report with another one is refused.
    pub fence: u64,
    /// The revision of the policy that was re-checked.
    pub policy_rev: u64,
    /// When.
    pub at: UnixNanos,
    /// Until when the executor is believed alive without a report.
    pub lease_until: UnixNanos,
}

/// How it was found out what became of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResolvedBy {
    /// The tool is idempotent and was called again with the same key.
    Retry,
    /// The tool's own probe looked.
    Probe,
    /// A person looked.
    Person(String),
}

/// What became of an action whose executor went away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// Whether its effect is there.
    pub happened: bool,
    /// How that is known.
    pub by: ResolvedBy,
    /// When.
    pub at: UnixNanos,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The action.
    pub digest: ActionDigest,
    /// The revision of the policy that asks.
    pub policy_rev: u64,
    /// People whose agreement does not count: who asked, who owns the agent. Subjects, compared
    /// byte for byte.
    pub excluded: Vec<String>,
    /// How many distinct people must agree.
    pub quorum: u8,
    /// From when on nobody can decide, which denies.
    pub expires_at: UnixNanos,
    /// How long the grant may be claimed after approval, in nanoseconds.
    pub grant_ttl_ns: i64,
}

impl Request {
    /// A request for one person's agreement with the default life of a grant.
    #[must_use]
    pub fn new(digest: ActionDigest, policy_rev: u64, expires_at: UnixNanos) -> Self {
        Self {
            digest,
            policy_rev,
            excluded: Vec::new(),
            quorum: 1,
            expires_at,
            grant_ttl_ns: GRANT_TTL_NS_DEFAULT,
        }
    }
}

/// Why a request cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RequestError {
    /// The quorum is zero or too large.
    #[error("`quorum` must be 1 to {QUORUM_MAX}")]
    Quorum,
    /// The request is over before it begins, or waits too long.
    #[error("`expires_at` must be later than now and at most 30 days from now")]
    Expiry,
    /// The grant would live no time, or too long.
    #[error("`grant_ttl_ns` must be more than 0 and at most 24 hours")]
    GrantTtl,
    /// Too many excluded people, or a name that is empty or too long.
    #[error("`excluded` must be at most {EXCLUDED_MAX} names of 1 to {ID_BYTES_MAX} bytes")]
    Excluded,
}

/// One approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// What was asked.
    pub request: Request,
    /// When it was asked.
    pub requested_at: UnixNanos,
    /// Where it stands.
    pub state: State,
    /// Counts the applied events, from 1 for the request.
    pub version: u64,
    /// What people said, at most one vote each.
    pub votes: Vec<Vote>,
    /// The right to run, once approved.
    pub grant: Option<Grant>,
    /// Who runs it, once claimed.
    pub claim: Option<Claim>,
    /// What became of it, when its executor went away.
    pub resolution: Option<Resolution>,
    /// When the state last changed.
    pub changed_at: UnixNanos,
}

impl Approval {
    /// A pending approval.
    ///
    /// # Errors
    /// When a part of the request is outside its limits.
    pub fn open(request: Request, now: UnixNanos) -> Result<Self, RequestError> {
        if request.quorum == 0 || request.quorum > QUORUM_MAX {
            return Err(RequestError::Quorum);
        }
        let wait = request.expires_at.saturating_sub(now);
        if wait <= 0 || wait > WAIT_NS_MAX {
            return Err(RequestError::Expiry);
        }
        if request.grant_ttl_ns <= 0 || request.grant_ttl_ns > GRANT_TTL_NS_MAX {
            return Err(RequestError::GrantTtl);
        }
        if request.excluded.len() > EXCLUDED_MAX
            || request
                .excluded
                .iter()
                .any(|name| name.is_empty() || name.len() > ID_BYTES_MAX)
        {
            return Err(RequestError::Excluded);
        }
        Ok(Self {
            request,
            requested_at: now,
            state: State::Pending,
            version: 1,
            votes: Vec::new(),
            grant: None,
            claim: None,
            resolution: None,
            changed_at: now,
        })
    }

    /// The digest that the next person must have seen: of the action as asked, or as the first
    /// one to agree changed it.
    #[must_use]
    pub fn proposed(&self) -> ActionDigest {
        self.votes
            .iter()
            .find(|vote| vote.approves)
            .map_or(self.request.digest, |vote| vote.digest)
    }

    /// How many people have agreed.
    #[must_use]
    pub fn agreed(&self) -> usize {
        self.agreed_without(&[])
    }

    /// How many people have agreed, without those of these names.
    #[must_use]
    pub fn agreed_without(&self, lapsed: &[String]) -> usize {
        self.votes
            .iter()
            .filter(|vote| vote.approves && !lapsed.contains(&vote.approver))
            .count()
    }
}
