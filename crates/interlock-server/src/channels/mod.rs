//! How people are reached: one file for each kind of channel.
//!
//! What happens to an approval, or to a group of alerts that people want to be told of, leaves a row in
//! the outbox, in the transaction of the change. The
//! notifier makes a delivery of it for each channel, and for each person where a channel is
//! somebody's own, and tries it until the channel took it. **Invariant:** no channel decides: what
//! comes back is an answer of a person, taken by `Runtime::answer_approval` like any other.

pub mod address;
pub mod config;
mod email;
pub(crate) mod health;
pub(crate) mod link;
pub mod pagerduty;
pub(crate) mod retry;
pub(crate) mod slack;
pub mod teams;
pub(crate) mod text;
pub(crate) mod webhook;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use interlock_core::approval::State;
use interlock_core::model::{Principal, Role, UnixNanos};
use interlock_runtime::{People, Runtime};
use interlock_store::{
    AlertGroup, ApprovalRow, Attempt, Delivery, GroupState, NewDelivery, OutboxRow, StoreError,
};

use crate::App;
use crate::api::time;
use config::{Channel, Config};
use health::Health;

/// How long the threads sleep when nobody wakes them.
const TICK: Duration = Duration::from_secs(1);
/// Outbox rows of one step.
const OUTBOX_ROWS: usize = 200;
/// Deliveries that are looked at in one step.
const DUE_ROWS: usize = 1_000;
/// How long what was delivered stays in the list: 7 days, in nanoseconds.
const KEPT_NS: i64 = 7 * 24 * 3_600 * 1_000_000_000;

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The channel took it.
    Yes,
    /// There was nothing to send any more: the channel was not asked.
    Skipped,
    /// Not now; after so many seconds at the earliest, where the channel says so.
    Later(String, Option<u64>),
    /// Never.
    Never(String),
}

/// A message to carry.
pub(crate) struct Message<'a> {
    pub(crate) delivery: &'a Delivery,
    pub(crate) row: &'a ApprovalRow,
    /// The groups that are asked by now.
    pub(crate) groups: Vec<String>,
    pub(crate) now: UnixNanos,
}

/// Word of a group of alerts to carry.
pub(crate) struct AlertMessage<'a> {
    pub(crate) delivery: &'a Delivery,
    pub(crate) group: &'a AlertGroup,
    pub(crate) now: UnixNanos,
}

/// What a channel carries.
enum Carried<'a> {
    Approval(&'a Message<'a>),
    Alerts(&'a AlertMessage<'a>),
}

/// What topics of groups of alerts begin with.
const ALERT: &str = "alert.";

/// Whether a topic says what somebody did about a group of alerts.
fn triaged(topic: &str) -> bool {
    topic
        .strip_prefix(ALERT)
        .is_some_and(|name| GroupState::from_name(name).is_some())
}

/// Where the console shows an approval.
fn approval_page(base: &str, id: &str) -> String {
    format!("{base}/approvals/{id}")
}

/// Where the console shows a group of alerts.
fn group_page(base: &str, id: &str) -> String {
    format!("{base}/alerts/{id}")
}

/// The line by which people are told of a group of alerts.
fn alert_title(delivery: &Delivery, group: &AlertGroup) -> String {
    let level = &group.level;
    let what = match delivery.message.topic.as_str() {
        "alert.worse" => format!("worse by now, {level}"),
        "alert.again" => format!("again after it was resolved, {level}"),
        "alert.digest" => format!("still coming in, {level}"),
        _ => level.clone(),
    };
    let agent = if group.agent_id.is_empty() {
        "many agents".to_owned()
    } else {
        format!("agent {}", text::line(&group.agent_id, 64))
    };
    format!("Alert ({what}): {agent}")
}

/// What there is to say about a group of alerts.
fn alert_text(group: &AlertGroup) -> String {
    let mut lines = vec![text::visible(&group.message, 1_000)];
    for (title, value) in [
        ("Rule", &group.cause.rule),
        ("Detector", &group.cause.detector),
    ] {
        if !value.is_empty() {
            lines.push(format!("{title}: {}", text::line(value, 128)));
        }
    }
    lines.push(format!(
        "Alerts: {} since {}, the last at {}",
        group.count,
        time(group.first_seen),
        time(group.last_seen)
    ));
    lines.push(format!("Group: {}", group.id));
    lines.join("\n")
}

/// Whether people are asked to answer by messages of this topic.
pub(crate) fn asks(topic: &str) -> bool {
    matches!(
        topic,
        "approval.request" | "approval.remind" | "approval.escalate" | "approval.edit"
    )
}

/// Somebody who may decide in the configuration's tenant.
pub(crate) fn approver(config: &Config) -> Principal {
    Principal {
        tenant: Arc::from(config.tenant.as_str()),
        role: Role::Approver,
        ..Principal::local()
    }
}

#[derive(Debug, Default)]
struct Wake {
    dirty: Mutex<bool>,
    changed: Condvar,
    stopped: AtomicBool,
}

impl Wake {
    fn wake(&self) {
        *self.dirty.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits; whether to go on.
    fn wait(&self) -> bool {
        let dirty = self.dirty.lock().unwrap_or_else(PoisonError::into_inner);
        let mut dirty = self
            .changed
            .wait_timeout_while(dirty, TICK, |dirty| !*dirty)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        *dirty = false;
        !self.stopped.load(Ordering::SeqCst)
    }
}

/// The thread that makes deliveries of what happened, and one thread for each channel.
#[derive(Debug)]
pub struct Notifier {
    wakes: Vec<Arc<Wake>>,
    threads: Vec<JoinHandle<()>>,
}

impl Notifier {
    /// Makes the people known who are configured or users, as they are now, and then starts the
    /// threads of the channels that the server was told of, if it was.
    ///
    /// # Errors
    /// When the users cannot be read or a channel cannot be set up.
    pub fn start(app: &App) -> Result<Option<Self>, String> {
        // First: nobody is told by a list without those who are disabled.
        app.refresh_people()
            .map_err(|e| format!("cannot read the users: {e}"))?;
        let Some(config) = app.channels() else {
            return Ok(None);
        };
        let runtime = app.runtime();
        let mut notifier = Self {
            wakes: Vec::new(),
            threads: Vec::new(),
        };
        let mut carriers = Vec::new();
        for (name, channel) in &config.channels {
            let send: Box<dyn Fn(&Carried<'_>) -> Sent + Send> = match channel {
                Channel::Webhook(webhook) => {
                    let webhook = webhook::Sender::new(webhook)?;
                    Box::new(move |carried| match carried {
                        Carried::Approval(message) => webhook.send(message),
                        Carried::Alerts(message) => webhook.tell(message),
                    })
                }
                Channel::Slack(slack) => {
                    let slack = slack::Sender::new(slack)?;
                    Box::new(move |carried| match carried {
                        Carried::Approval(message) => slack.send(message),
                        Carried::Alerts(message) => slack.tell(message),
                    })
                }
                Channel::Email(email) => {
                    let (runtime, config) = (runtime.clone(), Arc::clone(&config));
                    let email = email::Sender::new(email)?;
                    Box::new(move |carried| match carried {
                        Carried::Approval(message) => email.send(&runtime, &config, message),
                        Carried::Alerts(message) => email.tell(&config, message),
                    })
                }
                Channel::PagerDuty(service) => {
                    let service = pagerduty::Sender::new(service, &config)?;
                    Box::new(move |carried| match carried {
                        Carried::Approval(message) => service.send(message),
                        Carried::Alerts(message) => service.tell(message),
                    })
                }
                Channel::Teams(teams) => {
                    let teams = teams::Sender::new(teams, &config)?;
                    Box::new(move |carried| match carried {
                        Carried::Approval(message) => teams.send(message),
                        Carried::Alerts(message) => teams.tell(message),
                    })
                }
            };
            carriers.push((name.clone(), send));
        }
        let wakes: Vec<Arc<Wake>> = carriers.iter().map(|_| Arc::default()).collect();
        for ((name, send), wake) in carriers.into_iter().zip(&wakes) {
            let (runtime, wake, config) = (runtime.clone(), Arc::clone(wake), Arc::clone(&config));
            let health = app.channel_health();
            notifier.spawn(format!("channel-{name}"), move || {
                while wake.wait() {
                    let carrier = Carrier {
                        runtime: &runtime,
                        channel: &name,
                        health: &health,
                    };
                    carry(&carrier, &config, &*send, &wake);
                }
            })?;
        }
        let fan = Arc::<Wake>::default();
        {
            let (runtime, fan) = (runtime.clone(), Arc::clone(&fan));
            let wakes = wakes.clone();
            notifier.spawn("notifier".to_owned(), move || {
                while fan.wait() {
                    match spread(&runtime, &config) {
                        Ok(0) => {}
                        Ok(_) => wakes.iter().for_each(|wake| wake.wake()),
                        Err(error) => tracing::error!(
                            %error, "messages to people wait; approvals stand as they are"
                        ),
                    }
                }
            })?;
        }
        let told = Arc::clone(&fan);
        runtime.on_approval_change(move |_, _| told.wake());
        notifier.wakes.push(fan);
        notifier.wakes.extend(wakes);
        Ok(Some(notifier))
    }

    fn spawn(&mut self, name: String, run: impl FnOnce() + Send + 'static) -> Result<(), String> {
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(run)
            .map_err(|e| format!("cannot start a thread: {e}"))?;
        self.threads.push(thread);
        Ok(())
    }

    /// Stops the threads; what was not delivered is delivered after the next start.
    pub fn stop(&mut self) {
        for wake in &self.wakes {
            wake.stopped.store(true, Ordering::SeqCst);
            wake.wake();
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a channel's thread failed; its messages wait for the next start");
            }
        }
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The messages of what happened: for each channel of the groups that are asked by then, for each
/// person where it reaches people one by one.
fn messages(
    config: &Config,
    people: &People,
    event: &OutboxRow,
    row: &ApprovalRow,
    now: UnixNanos,
) -> Vec<NewDelivery> {
    let escalations = row.approval.escalations(now);
    let mut all: Vec<NewDelivery> = Vec::new();
    let one = |channel: &str, person: &str| NewDelivery {
        tenant: event.tenant.clone(),
        channel: channel.to_owned(),
        person: person.to_owned(),
        topic: event.topic.clone(),
        subject: event.subject.clone(),
        version: event.version,
        state: event.state.clone(),
    };
    for group in config.people.asked(&row.asked.group, escalations) {
        for name in config.group_channels.get(&group).into_iter().flatten() {
            let Some(channel) = config.channels.get(name) else {
                continue;
            };
            match channel {
                Channel::Webhook(_) => all.push(one(name, "")),
                // An incident ends with the question, whoever ended it.
                Channel::PagerDuty(_) if asks(&event.topic) || pagerduty::ends(event) => {
                    all.push(one(name, ""));
                }
                // What people did, they need not be told again.
                _ if !asks(&event.topic) && event.topic != "approval.expire" => {}
                Channel::PagerDuty(_) | Channel::Slack(_) | Channel::Teams(_) => {
                    all.push(one(name, ""));
                }
                Channel::Email(_) => {
                    let members = config.people.members(&group);
                    for person in config.emails.keys() {
                        let asked = members.is_none_or(|m| m.contains(person));
                        if asked && !row.approval.request.excluded.contains(person) {
                            all.push(one(name, person));
                        }
                    }
                }
            }
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|d| {
        !people.is_disabled(&d.tenant, &d.person)
            && seen.insert((d.channel.clone(), d.person.clone()))
    });
    all
}

/// Word of a group of alerts: once for each channel of the groups of people that its rules name, or
/// for each of their people.
fn alert_messages(
    config: &Config,
    known: &People,
    event: &OutboxRow,
    group: &AlertGroup,
) -> Vec<NewDelivery> {
    let mut to = std::collections::BTreeSet::new();
    for people in &group.cause.notify {
        for name in config.group_channels.get(people).into_iter().flatten() {
            match config.channels.get(name) {
                None => {}
                // What people did, only those are told who keep it.
                Some(channel) if triaged(&event.topic) && !channel.follows() => {}
                Some(
                    Channel::Webhook(_)
                    | Channel::Slack(_)
                    | Channel::PagerDuty(_)
                    | Channel::Teams(_),
                ) => {
                    to.insert((name.clone(), String::new()));
                }
                Some(Channel::Email(_)) => {
                    let members = config.people.members(people);
                    let asked = |person: &&String| members.is_none_or(|m| m.contains(*person));
                    for person in config.emails.keys().filter(asked) {
                        to.insert((name.clone(), person.clone()));
                    }
                }
            }
        }
    }
    to.into_iter()
        .filter(|(_, person)| !known.is_disabled(&event.tenant, person))
        .map(|(channel, person)| NewDelivery {
            tenant: event.tenant.clone(),
            channel,
            person,
            topic: event.topic.clone(),
            subject: event.subject.clone(),
            version: event.version,
            state: event.state.clone(),
        })
        .collect()
}

/// Makes deliveries of what is in the outbox; how many rows it had.
fn spread(runtime: &Runtime, config: &Config) -> Result<usize, StoreError> {
    let store = runtime.store();
    let mut total = 0;
    loop {
        let now = runtime.now();
        let events = store.outbox(OUTBOX_ROWS)?;
        let Some(last) = events.last() else {
            break;
        };
        let people = runtime.people();
        let mut all = Vec::new();
        for event in events.iter().filter(|e| e.tenant == config.tenant) {
            if event.topic.starts_with(ALERT) {
                match store.alert_group(&event.tenant, &event.subject, now) {
                    Ok(group) => all.extend(alert_messages(config, &people, event, &group)),
                    Err(error) if error.is_not_found() => {}
                    Err(error) => return Err(error),
                }
                continue;
            }
            match store.approval(&event.tenant, &event.subject) {
                Ok(row) => all.extend(messages(config, &people, event, &row, now)),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        store.deliver(&all, last.seq, now)?;
        total += events.len();
        if events.len() < OUTBOX_ROWS {
            store.purge_deliveries(now.saturating_sub(KEPT_NS))?;
            break;
        }
    }
    Ok(total)
}

/// What one channel's thread keeps of what it did.
struct Carrier<'a> {
    runtime: &'a Runtime,
    channel: &'a str,
    health: &'a Health,
}

/// Tries what one channel has to carry.
fn carry(carrier: &Carrier<'_>, config: &Config, send: &dyn Fn(&Carried<'_>) -> Sent, wake: &Wake) {
    let Carrier {
        runtime, channel, ..
    } = *carrier;
    let store = runtime.store();
    let due = match store.deliveries_due(channel, runtime.now(), DUE_ROWS) {
        Ok(due) => due,
        Err(error) => {
            tracing::error!(%error, channel, "messages wait");
            return;
        }
    };
    for delivery in &due {
        if wake.stopped.load(Ordering::SeqCst) {
            return;
        }
        let now = runtime.now();
        let told = &delivery.message;
        // Disabled since the delivery was made.
        if runtime.people().is_disabled(&told.tenant, &told.person) {
            let attempt = Attempt::Dead(format!("`{}` is disabled", told.person));
            if !carrier.store(delivery, &attempt) {
                return;
            }
            continue;
        }
        if told.topic.starts_with(ALERT) {
            let sent = match store.alert_group(&told.tenant, &told.subject, now) {
                Ok(group) => send(&Carried::Alerts(&AlertMessage {
                    delivery,
                    group: &group,
                    now,
                })),
                Err(error) if error.is_not_found() => Sent::Skipped,
                Err(error) => Sent::Later(error.to_string(), None),
            };
            if !carrier.keep(delivery, sent, now) {
                return;
            }
            continue;
        }
        let sent = match store.approval(&told.tenant, &told.subject) {
            // Nobody is asked about what is decided.
            Ok(row)
                if asks(&delivery.message.topic)
                    && row.approval.state != State::Pending
                    && !matches!(config.channels.get(channel), Some(Channel::Webhook(_))) =>
            {
                Sent::Skipped
            }
            Ok(row) => {
                let escalations = row.approval.escalations(now);
                send(&Carried::Approval(&Message {
                    delivery,
                    groups: config.people.asked(&row.asked.group, escalations),
                    row: &row,
                    now,
                }))
            }
            Err(error) if error.is_not_found() => Sent::Skipped,
            Err(error) => Sent::Later(error.to_string(), None),
        };
        if !carrier.keep(delivery, sent, now) {
            return;
        }
    }
}

impl Carrier<'_> {
    /// Keeps what became of one attempt; whether it could.
    fn keep(&self, delivery: &Delivery, sent: Sent, now: UnixNanos) -> bool {
        self.health.note(self.channel, &sent, now);
        let attempt = match sent {
            Sent::Yes | Sent::Skipped => Attempt::Sent,
            Sent::Never(error) => Attempt::Dead(error),
            Sent::Later(error, wait) => match retry::next(delivery.attempts, wait, now) {
                Some(at) => Attempt::Again(at, error),
                None => Attempt::Dead(error),
            },
        };
        self.store(delivery, &attempt)
    }

    /// Stores what became of one attempt; whether it could.
    fn store(&self, delivery: &Delivery, attempt: &Attempt) -> bool {
        let (channel, seq) = (self.channel, delivery.seq);
        match attempt {
            Attempt::Sent => {}
            Attempt::Again(_, error) => {
                tracing::warn!(error, channel, seq, "a message is tried again");
            }
            Attempt::Dead(error) => {
                tracing::error!(
                    error,
                    channel,
                    seq,
                    "a message was given up; see `/api/deliveries?status=dead`"
                );
            }
        }
        if let Err(error) = self.runtime.store().delivery_tried(seq, attempt) {
            tracing::error!(%error, channel, "what became of a message was not kept; it may come twice");
            return false;
        }
        true
    }
}
