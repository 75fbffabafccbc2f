//! People who sign in: passwords with one-time codes, sessions, and what bounds guessing.
//!
//! A session is 256 random bits in a cookie, of which the store keeps a keyed hash. It is looked up
//! with each request, so that one that was ended, or whose user was disabled, is over at once, also
//! when another process did it. **Invariant:** a request with a key never gets here.

pub(crate) mod browser;
pub(crate) mod oidc;
pub(crate) mod password;
mod people;
mod sign_in;
pub(crate) mod totp;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use interlock_store::identity::{Session, User};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiResult;
use crate::limits::Limits;
use crate::throttle::{PLACES_MAX, Throttle};

pub(crate) use sign_in::{Join, NewPassword, SignIn, SignedIn};

/// What secrets of each use are hashed for, so that none is taken for another.
pub(crate) const SESSION: &str = "session";
pub(crate) const INVITATION: &str = "invitation";
const RECOVERY: &str = "recovery-code";
const TOTP: &str = "totp";
const PEPPER: &str = "password-pepper";
const LOGIN: &str = "login";

/// How long an invitation is good: three days, in nanoseconds.
pub(crate) const INVITATION_NS: i64 = 3 * 24 * 3_600 * 1_000_000_000;
/// Passwords that are checked at once: each takes 19 MiB and tens of milliseconds.
const HASHES_MAX: usize = 2;
/// Those who wait for a turn at once: what is served in the time that one waits, with room to spare.
const HASH_WAITING_MAX: usize = 64;
/// How long one waits for its turn.
const HASH_WAIT: Duration = Duration::from_secs(5);
/// Sign-ins of one account from addresses that it never came from: at once, and then one in.
const ACCOUNT_BURST: u32 = 10;
const ACCOUNT_EVERY: Duration = Duration::from_secs(30);
/// A session's last use is written down when it is this much later than what is, in nanoseconds.
const SEEN_NS: i64 = 60 * 1_000_000_000;

/// An account, and the address if the account was signed in to from there before: who guesses from
/// elsewhere must not shut its person out.
type Place = ([u8; 32], Option<IpAddr>);

/// What signing in needs between requests.
#[derive(Debug)]
pub(crate) struct Identity {
    accounts: Throttle<Place>,
    /// Accounts with addresses from which they were signed in to since the start.
    known: Mutex<HashSet<([u8; 32], IpAddr)>>,
    hashes: Arc<Semaphore>,
    waiting: Semaphore,
    /// Held while the people who answer approvals are read and set.
    refreshing: Mutex<()>,
    /// In nanoseconds.
    lifetime: i64,
    idle: i64,
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

impl Identity {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            accounts: Throttle::new(ACCOUNT_BURST, ACCOUNT_EVERY),
            known: Mutex::default(),
            hashes: Arc::new(Semaphore::new(HASHES_MAX)),
            waiting: Semaphore::new(HASH_WAITING_MAX),
            refreshing: Mutex::default(),
            lifetime: nanos(limits.session_lifetime),
            idle: nanos(limits.session_idle),
        }
    }

    fn place(&self, account: [u8; 32], address: Option<IpAddr>) -> Place {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        (account, address.filter(|a| known.contains(&(account, *a))))
    }

    fn know(&self, account: [u8; 32], address: Option<IpAddr>) {
        if let Some(address) = address {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= PLACES_MAX {
                known.clear();
            }
            known.insert((account, address));
        }
    }

    /// Waits for a turn to hash a password.
    ///
    /// # Errors
    /// `503` when too many wait already, or it took too long.
    async fn turn(&self) -> ApiResult<OwnedSemaphorePermit> {
        let _waits = self.waiting.try_acquire().map_err(|_| sign_in::busy())?;
        let turn = Arc::clone(&self.hashes).acquire_owned();
        match tokio::time::timeout(HASH_WAIT, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(sign_in::busy()),
        }
    }

    /// As [`Self::turn`], to check a password of an account; with it, whether another wrong try has to
    /// wait. The try is counted only when its turn has come: who finds the server busy guessed nothing.
    ///
    /// # Errors
    /// As [`Self::turn`]; `429` after too many tries at the account.
    async fn turn_to_sign_in(&self, place: Place) -> ApiResult<(OwnedSemaphorePermit, bool)> {
        // Who has to wait anyway takes nobody's turn.
        if let Some(wait) = self.accounts.wait(place, Instant::now()) {
            return Err(sign_in::too_many(wait));
        }
        let turn = self.turn().await?;
        let last = self.accounts.take(place, Instant::now());
        Ok((turn, last.map_err(sign_in::too_many)?))
    }

    /// The time up to which an unused session has run out.
    pub(crate) fn idle_since(&self, now: i64) -> i64 {
        now.saturating_sub(self.idle)
    }

    /// When a session of this user's ends at the latest, in seconds from its beginning.
    pub(crate) fn lifetime_s(&self) -> u64 {
        u64::try_from(self.lifetime / 1_000_000_000).unwrap_or(0)
    }
}

/// Whether the last use of a session is to be written down.
pub(crate) fn is_stale(session: &Session, now: i64) -> bool {
    now.saturating_sub(session.seen) >= SEEN_NS
}

/// What one-time codes of a user are sealed for.
fn sealed_for(user: &User) -> String {
    format!("totp/{}/{}", user.tenant, user.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_finds_the_server_busy_is_not_blamed() {
        let identity = Identity::new(&Limits::default());
        let place = ([1; 32], None);
        let threads = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        threads.block_on(async {
            let (turns, waits) = (HASHES_MAX as u32, HASH_WAITING_MAX as u32);
            let all = identity.hashes.try_acquire_many(turns).expect("free");
            let queue = identity.waiting.try_acquire_many(waits).expect("free");
            // With the turns taken and the queue full nobody waits.
            for _ in 0..2 * ACCOUNT_BURST {
                let error = identity.turn_to_sign_in(place).await.expect_err("busy");
                assert_eq!(error.code, "overloaded");
            }
            drop((all, queue));
            for n in 1..=ACCOUNT_BURST {
                let (_, last) = identity.turn_to_sign_in(place).await.expect("a turn");
                assert_eq!(last, n == ACCOUNT_BURST, "{n}");
            }
            let error = identity.turn_to_sign_in(place).await.expect_err("blamed");
            assert_eq!(error.code, "session.too-many-tries");
            let all = identity.hashes.try_acquire_many(turns);
            let queue = identity.waiting.try_acquire_many(waits);
            assert!(all.is_ok() && queue.is_ok(), "all was given back");
        });
    }
}
