//! Who is let in: connections, and requests under load. Reads are turned away first; a request for
//! a decision waits for its turn and is turned away last.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::App;
use crate::compat::vaultak;
use crate::error::{ApiError, ApiResult};
use crate::limits::Limits;
use crate::wrong_keys::{WrongKeys, subscriber};

/// Who is let in.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) limits: Limits,
    pub(crate) wrong_keys: WrongKeys,
    pub(crate) turned_away: TurnedAway,
    connections: Mutex<HashMap<IpAddr, usize>>,
    slots: Arc<Semaphore>,
    checks: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    changes: Arc<Semaphore>,
    waits: Arc<Semaphore>,
}

/// What was turned away since the start.
#[derive(Debug, Default)]
pub(crate) struct TurnedAway {
    pub(crate) connections: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) changes: AtomicU64,
    pub(crate) waits: AtomicU64,
    pub(crate) checks: AtomicU64,
    pub(crate) wrong_keys: AtomicU64,
}

/// One open connection.
#[derive(Debug)]
pub(crate) struct Slot {
    admission: Arc<Admission>,
    address: IpAddr,
    _slot: OwnedSemaphorePermit,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut connections = self
            .admission
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = connections.get_mut(&self.address) {
            *open -= 1;
            if *open == 0 {
                connections.remove(&self.address);
            }
        }
    }
}

/// What a request asks for, as far as its turn is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Decisions, what stops agents, health: nothing here holds it up. Decisions wait for their
    /// turn when their body is there, so that one that is slow to send takes nobody's place.
    Vital,
    Read,
    Change,
    Wait,
}

fn class(method: &Method, path: &str) -> Class {
    let path = path.strip_prefix(vaultak::PREFIX).unwrap_or(path);
    if method == Method::GET || method == Method::HEAD {
        return match path {
            "/healthz" | "/readyz" | "/metrics" => Class::Vital,
            // Clients that decide by themselves learn by it what is stopped.
            "/api/lease" => Class::Vital,
            // The page from which a person stops everything.
            "/" => Class::Vital,
            _ if path.starts_with("/assets/") => Class::Vital,
            _ if path.starts_with("/api/approvals/") => Class::Wait,
            _ => Class::Read,
        };
    }
    let vital = ["/api/check", "/api/actions", "/api/approvals", "/api/kill-switch", "/api/noop"]
        .into_iter()
        .any(|prefix| path.starts_with(prefix))
        // A pause is a change of an agent.
        || (path.starts_with("/api/agents/") && !path.ends_with("/profile"));
    match path {
        "/api/pii/mask" => Class::Read,
        _ if vital => Class::Vital,
        _ => Class::Change,
    }
}

fn overloaded(what: &str) -> ApiError {
    ApiError {
        retry_after_s: Some(1),
        ..ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "overloaded",
            format!("the server has more {what} underway than it can take; try again"),
        )
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Admission {
    pub(crate) fn new(limits: Limits) -> Self {
        let semaphore = |n: usize| Arc::new(Semaphore::new(n.min(Semaphore::MAX_PERMITS)));
        Self {
            wrong_keys: WrongKeys::new(limits.wrong_keys_burst, limits.wrong_keys_every),
            turned_away: TurnedAway::default(),
            connections: Mutex::default(),
            slots: semaphore(limits.connections_max),
            checks: semaphore(limits.checks_max),
            reads: semaphore(limits.reads_max),
            changes: semaphore(limits.changes_max),
            waits: semaphore(limits.waits_max),
            limits,
        }
    }

    /// A slot for a connection from `address`, if there is one.
    pub(crate) fn connect(self: &Arc<Self>, address: IpAddr) -> Option<Slot> {
        let most = if address.to_canonical().is_loopback() {
            self.limits.connections_per_loopback_max
        } else {
            self.limits.connections_per_address_max
        };
        let address = subscriber(address);
        let slot = Arc::clone(&self.slots)
            .try_acquire_owned()
            .ok()
            .and_then(|slot| {
                let mut connections = self
                    .connections
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                let open = connections.get(&address).copied().unwrap_or(0);
                (open < most).then(|| {
                    connections.insert(address, open + 1);
                    slot
                })
            });
        let Some(slot) = slot else {
            count(&self.turned_away.connections);
            return None;
        };
        Some(Slot {
            admission: Arc::clone(self),
            address,
            _slot: slot,
        })
    }

    /// Connections open now.
    pub(crate) fn connections_open(&self) -> usize {
        self.limits
            .connections_max
            .saturating_sub(self.slots.available_permits())
    }

    async fn turn(
        semaphore: &Arc<Semaphore>,
        patience: Duration,
        counter: &AtomicU64,
        what: &str,
    ) -> ApiResult<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(semaphore).try_acquire_owned() {
            return Ok(permit);
        }
        match tokio::time::timeout(patience, Arc::clone(semaphore).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => {
                count(counter);
                Err(overloaded(what))
            }
        }
    }

    /// The turn of a decision.
    ///
    /// # Errors
    /// `503` when it does not come in time: the caller has no permission then.
    pub(crate) async fn check(&self) -> ApiResult<OwnedSemaphorePermit> {
        Self::turn(
            &self.checks,
            self.limits.checks_wait,
            &self.turned_away.checks,
            "decisions",
        )
        .await
    }

    async fn admit(&self, class: Class) -> ApiResult<Option<OwnedSemaphorePermit>> {
        let turned_away = &self.turned_away;
        match class {
            Class::Vital => Ok(None),
            Class::Read => {
                let busy = self.checks.available_permits() <= self.limits.checks_max / 2;
                match Arc::clone(&self.reads).try_acquire_owned() {
                    Ok(permit) if !busy => Ok(Some(permit)),
                    _ => {
                        count(&turned_away.reads);
                        Err(overloaded("requests"))
                    }
                }
            }
            Class::Change => {
                let patience = self.limits.changes_wait;
                Self::turn(&self.changes, patience, &turned_away.changes, "changes")
                    .await
                    .map(Some)
            }
            Class::Wait => Self::turn(&self.waits, Duration::ZERO, &turned_away.waits, "waits")
                .await
                .map(Some),
        }
    }
}

/// Lets a request in, or says that it must come again.
pub(crate) async fn admit(State(app): State<App>, request: Request, next: Next) -> Response {
    let class = class(request.method(), request.uri().path());
    match app.admission().admit(class).await {
        Ok(_underway) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stops_agents_is_never_held_up() {
        let post = Method::POST;
        for path in [
            "/api/check",
            "/vaultak.com/api/check",
            "/api/actions",
            "/api/actions/1/outcome",
            "/api/approvals/1/decide",
            "/api/kill-switch",
        ] {
            assert_eq!(class(&post, path), Class::Vital, "{path}");
        }
        assert_eq!(class(&Method::PATCH, "/api/agents/a"), Class::Vital);
        assert_eq!(
            class(&Method::PATCH, "/api/agents/a/profile"),
            Class::Change
        );
        assert_eq!(class(&Method::GET, "/api/actions"), Class::Read);
        assert_eq!(class(&Method::GET, "/vaultak.com/api/stats"), Class::Read);
        assert_eq!(class(&Method::GET, "/api/approvals"), Class::Read);
        assert_eq!(class(&Method::GET, "/api/approvals/1/wait"), Class::Wait);
        assert_eq!(class(&Method::GET, "/readyz"), Class::Vital);
        assert_eq!(class(&Method::GET, "/api/lease"), Class::Vital);
        assert_eq!(class(&Method::GET, "/"), Class::Vital);
        assert_eq!(class(&Method::GET, "/assets/a.js"), Class::Vital);
        assert_eq!(class(&post, "/api/records"), Class::Change);
        assert_eq!(class(&post, "/api/bundle"), Class::Change);
    }

    #[test]
    fn connections_are_counted_by_address() {
        let admission = Arc::new(Admission::new(Limits {
            connections_max: 3,
            connections_per_address_max: 2,
            connections_per_loopback_max: 3,
            ..Limits::default()
        }));
        let (a, b): (IpAddr, IpAddr) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let first = admission.connect(a).expect("free");
        let second = admission.connect(a).expect("free");
        assert!(admission.connect(a).is_none(), "two of one address");
        let third = admission.connect(b).expect("free");
        assert!(admission.connect([127, 0, 0, 1].into()).is_none(), "full");
        assert_eq!(admission.connections_open(), 3);
        drop(first);
        let again = admission.connect(a).expect("free again");
        drop((second, third, again));
        assert_eq!(admission.connections_open(), 0);
        assert!(admission.connections.lock().unwrap().is_empty());
        let here: Vec<Slot> = (0..3)
            .map(|_| admission.connect([127, 0, 0, 1].into()).expect("loopback"))
            .collect();
        assert_eq!(here.len(), 3);
        assert_eq!(admission.turned_away.connections.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn reads_go_first_and_decisions_wait_their_turn() {
        let admission = Arc::new(Admission::new(Limits {
            checks_max: 2,
            checks_wait: Duration::from_millis(300),
            reads_max: 1,
            ..Limits::default()
        }));
        let read = admission.admit(Class::Read).await.expect("quiet");
        let error = admission
            .admit(Class::Read)
            .await
            .expect_err("one at a time");
        assert_eq!((error.status.as_u16(), error.code), (503, "overloaded"));
        assert_eq!(error.retry_after_s, Some(1));
        drop(read);
        let one = admission.check().await.expect("a turn");
        assert!(
            admission.admit(Class::Read).await.is_err(),
            "half are underway"
        );
        let two = admission.check().await.expect("a turn");
        let waiting = tokio::spawn({
            let admission = Arc::clone(&admission);
            async move { admission.check().await.is_ok() }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        drop(one);
        assert!(waiting.await.expect("no panic"), "it got its turn");
        let one = admission.check().await.expect("a turn");
        let error = admission.check().await.expect_err("nobody finishes");
        assert_eq!(error.code, "overloaded");
        drop((one, two));
        assert!(admission.admit(Class::Read).await.is_ok());
        assert!(admission.admit(Class::Vital).await.is_ok());
    }
}
