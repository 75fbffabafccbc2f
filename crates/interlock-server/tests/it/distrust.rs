//! What a connected client does not take for an absence, and what nobody but the server ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use interlock_core::model::reason::code;
use interlock_core::model::{Action, Effect, Role};
use interlock_runtime::{ConnectedOptions, ManualClock, OnUnavailable, Otherwise};
use interlock_store::AgentChange;

use crate::connected::{Client, first, probe, publish, read, rows, server, until, write};
use crate::door::{Door, Way};

/// A call of the tool that no call before was like: nothing that repeats itself.
fn act(tool: &str) -> Action {
    static CALLS: AtomicI64 = AtomicI64::new(0);
    let n = CALLS.fetch_add(1, Ordering::SeqCst);
    let mut action = crate::connected::act(tool);
    action.agent_id = format!("bot-{n}");
    action.session_id = format!("s-{n}");
    action
}

/// Options under which `search` runs without the server.
fn open(mut options: ConnectedOptions) -> ConnectedOptions {
    let rules = [("search", Otherwise::Open), ("limited", Otherwise::Open)];
    options.on_unavailable = OnUnavailable::new(rules).expect("rules");
    options
}

#[test]
fn what_is_open_is_closed_to_an_impostor() {
    let (server, other) = (server(), server());
    publish(&other, "interlock: 1\ndefault: allow\n");
    other.adopt(&server.admin);
    let data = tempfile::tempdir().expect("a directory");
    let door = Door::new(Way::To(server.address));
    let clock = Arc::new(ManualClock::at(server.runtime.now()));
    let mut options = open(Client::options(data.path(), &door.url(), &server.admin));
    options.gate.runtime.clock = Arc::<ManualClock>::clone(&clock);
    let client = Client::open(options);
    assert_eq!(first(&client.check(act("search"))).0, Effect::Allow);
    // An absence: open runs.
    door.set(Way::Closed);
    clock.advance(16_000_000_000);
    assert_eq!(
        first(&client.check(act("search"))),
        (Effect::Alert, code::OPEN)
    );
    assert_eq!(
        first(&client.check(act("limited"))),
        (Effect::Alert, code::OPEN)
    );
    door.set(Way::To(other.address));
    until("it is noticed", || {
        first(&client.check(act("search"))) == (Effect::Block, code::LEASE)
    });
    assert_eq!(
        first(&client.check(act("limited"))),
        (Effect::Block, code::LEASE)
    );
    assert!(rows(&other).is_empty());
    // It stays so while nobody answers, until the server does.
    door.set(Way::Closed);
    std::thread::sleep(std::time::Duration::from_millis(1_300));
    assert_eq!(
        first(&client.check(act("search"))),
        (Effect::Block, code::LEASE)
    );
    door.set(Way::To(server.address));
    until("the server is back", || {
        client.check(act("search")).decision.effect.permits()
    });
}

#[test]
fn what_is_open_is_closed_under_a_revoked_key() {
    let server = server();
    let data = tempfile::tempdir().expect("a directory");
    let url = format!("http://{}", server.address);
    let key = server.key("default", Role::Admin, None);
    let client = Client::open(open(Client::options(data.path(), &url, &key)));
    assert_eq!(first(&client.check(act("search"))).0, Effect::Allow);
    let keys = server.runtime.store().keys("default").expect("keys");
    let id = keys
        .iter()
        .map(|record| record.id.clone())
        .find(|id| key.contains(id.as_str()))
        .expect("its id");
    let gone = server.call("DELETE", &format!("/api/keys/{id}"), &server.admin, "");
    assert!((200..300).contains(&gone.status), "{}", gone.text);
    // Within the lease's fifteen seconds.
    let took = until("it is noticed", || {
        first(&client.check(act("search"))) == (Effect::Block, code::LEASE)
    });
    assert!(took.as_secs() < 5, "{took:?}");
    assert_eq!(first(&client.check(write())), (Effect::Block, code::LEASE));
    assert!(
        !client
            .ask(act("limited"))
            .is_ok_and(|c| c.decision.effect.permits())
    );
}

#[test]
fn a_stop_of_the_server_outlives_what_is_let_go_here() {
    let server = server();
    let data = tempfile::tempdir().expect("a directory");
    let url = format!("http://{}", server.address);
    let client = Client::open(Client::options(data.path(), &url, &server.admin));
    let here = client.connected.gate().runtime().expect("the owner");
    assert!(client.check(write()).decision.effect.permits());
    until("the agent is known", || {
        server.runtime.store().agent("default", "bot").is_ok()
            && here.store().agent("default", "bot").is_ok()
    });
    let paused = |on: bool| AgentChange {
        paused: Some(on),
        ..AgentChange::default()
    };
    let mut n = 0;
    let mut of_bot = || {
        n += 1;
        let mut read = read();
        read.resource = format!("/srv/{n}.txt");
        std::thread::sleep(std::time::Duration::from_millis(40));
        first(&client.check(read))
    };
    server
        .runtime
        .update_agent("default", "op", "bot", &paused(true))
        .expect("paused");
    until("the pause", || of_bot().1 == code::AGENT_PAUSED);
    here.update_agent("default", "local", "bot", &paused(false))
        .expect("recorded");
    assert_eq!(of_bot(), (Effect::Block, code::AGENT_PAUSED));
    // And the other way round: what is stopped here as well stays stopped when the server lets go.
    here.update_agent("default", "local", "bot", &paused(true))
        .expect("recorded");
    server
        .runtime
        .update_agent("default", "op", "bot", &paused(false))
        .expect("resumed");
    std::thread::sleep(std::time::Duration::from_millis(2_200));
    assert_eq!(of_bot(), (Effect::Block, code::AGENT_PAUSED));
    here.update_agent("default", "local", "bot", &paused(false))
        .expect("recorded");
    assert!(of_bot().0.permits());

    server
        .runtime
        .set_kill_switch("default", "op", true, "drill")
        .expect("on");
    let mut m = 0;
    let mut of_others = || {
        m += 1;
        first(&client.check(probe(m)))
    };
    until("the stop", || of_others().1 == code::KILL_SWITCH);
    here.set_kill_switch("default", "local", false, "")
        .expect("recorded");
    assert_eq!(of_others(), (Effect::Block, code::KILL_SWITCH));
    server
        .runtime
        .set_kill_switch("default", "op", false, "")
        .expect("off");
    until("the end of the stop", || of_others().0.permits());
}

#[test]
fn only_so_much_waits_for_a_server_that_is_away() {
    let server = server();
    let data = tempfile::tempdir().expect("a directory");
    let door = Door::new(Way::To(server.address));
    let clock = Arc::new(ManualClock::at(server.runtime.now()));
    let mut options = open(Client::options(data.path(), &door.url(), &server.admin));
    options.gate.runtime.clock = Arc::<ManualClock>::clone(&clock);
    options.waiting_max = 20;
    let client = Client::open(options);
    assert!(client.check(act("search")).decision.effect.permits());
    until("it is sent", || client.connected.standing().waiting == 0);
    door.set(Way::Closed);
    clock.advance(16_000_000_000);
    let mut ran = 0;
    until("too much waits", || {
        std::thread::sleep(std::time::Duration::from_millis(40));
        let checked = client.check(act("search"));
        let (effect, reason) = first(&checked);
        if effect.permits() {
            assert_eq!(reason, code::OPEN);
            ran += 1;
            return false;
        }
        let why = &checked.decision.reasons[0].message;
        assert!(why.contains("too much waits"), "{why}");
        true
    });
    // It is looked at four times in a second.
    assert!((15..=40).contains(&ran), "{ran}");
    assert!(client.connected.standing().waiting > 20);
    door.set(Way::To(server.address));
    until("all is sent", || client.connected.standing().waiting == 0);
    until("it goes on", || {
        let (effect, reason) = first(&client.check(act("search")));
        effect == Effect::Allow && reason != code::OPEN
    });
}
