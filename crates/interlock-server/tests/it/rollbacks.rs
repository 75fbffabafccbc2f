//! Rollbacks that are ordered at the server: by people, for one client, once, on record.

use std::time::Duration;

use interlock_core::model::Role;
use interlock_core::model::reason::code;
use interlock_runtime::{RollbackResult, RollbackState};
use serde_json::{Value, json};

use crate::client::{Answer, Server};
use crate::connected::{Client, first, read, server, until, write};

fn order(server: &Server, agent: &str, last: u32) -> Answer {
    let body = json!({"last": last, "reason": "wrong customer"}).to_string();
    server.post(&format!("/api/agents/{agent}/rollback"), &body)
}

fn state(server: &Server, id: &str) -> String {
    server.get(&format!("/api/rollbacks/{id}")).field("state")
}

fn claim(server: &Server, key: &str, id: &str, log: &str) -> u16 {
    let path = format!("/api/rollbacks/{id}/claim");
    let body = json!({ "log": log }).to_string();
    server.call("POST", &path, key, &body).status
}

fn end(server: &Server, id: &str, log: &str, undone: u32) -> Answer {
    let path = format!("/api/rollbacks/{id}/result");
    let body = json!({"log": log, "state": "stopped", "undone": undone, "irreversible": 1,
        "message": "`/srv/a` was changed since"});
    server.post(&path, &body.to_string())
}

/// The records of a rollback, as what was done and the state after it.
fn recorded(server: &Server, id: &str) -> Vec<(String, String)> {
    let entries = server.runtime.journal().read("default", 0, 10_000);
    let bodies = entries.expect("entries").into_iter();
    let bodies = bodies.filter_map(|e| serde_json::from_slice::<Value>(&e.body).ok());
    let text = |body: &Value, key: &str| body[key].as_str().unwrap_or_default().to_owned();
    bodies
        .filter(|body| body["id"] == id)
        .map(|body| (text(&body, "what"), text(&body, "state")))
        .collect()
}

#[test]
fn one_client_takes_an_order_and_says_what_came_of_it() {
    let server = server();
    let ordered = order(&server, "bot", 3);
    assert_eq!(ordered.status, 202, "{}", ordered.text);
    let id = ordered.field("id");
    // Its agent is stopped at once, also one that was not known.
    assert!(
        server
            .runtime
            .store()
            .agent("default", "bot")
            .expect("it")
            .paused
    );
    assert_eq!(state(&server, &id), "ordered");
    // Not twice while it waits.
    let twice = order(&server, "bot", 3);
    assert_eq!(twice.status, 409, "{}", twice.text);
    assert!(twice.text.contains(&id), "{}", twice.text);

    // A key of another agent does not see it.
    let stranger = server.key("default", Role::Agent, Some("other"));
    assert_eq!(claim(&server, &stranger, &id, "log-x"), 404);
    let other_tenant = server.key("other", Role::Admin, None);
    assert_eq!(claim(&server, &other_tenant, &id, "log-x"), 404);
    let own = server.key("default", Role::Agent, Some("bot"));
    // Nor may the agent's key order, look or cancel.
    let path = "/api/agents/bot/rollback";
    assert_eq!(server.call("POST", path, &own, r#"{"last":1}"#).status, 403);
    let path = format!("/api/rollbacks/{id}");
    assert_eq!(server.call("GET", &path, &own, "").status, 403);
    assert_eq!(server.call("DELETE", &path, &own, "").status, 403);

    // Of many at the same time one gets it.
    let claims: Vec<u16> = std::thread::scope(|scope| {
        let (server, own, id) = (&server, &own, &id);
        let tries: Vec<_> = (0..8)
            .map(|n| scope.spawn(move || claim(server, own, id, &format!("log-{n}"))))
            .collect();
        tries
            .into_iter()
            .map(|t| t.join().expect("no panic"))
            .collect()
    });
    assert_eq!(
        claims.iter().filter(|s| **s == 200).count(),
        1,
        "{claims:?}"
    );
    assert!(claims.iter().all(|s| [200, 409].contains(s)), "{claims:?}");
    let winner = claims.iter().position(|s| *s == 200).expect("one");
    let winner = format!("log-{winner}");
    // It may ask again, and nobody takes it back from it.
    assert_eq!(claim(&server, &own, &id, &winner), 200);
    assert_eq!(server.call("DELETE", &path, &server.admin, "").status, 409);
    assert_eq!(end(&server, &id, "log-of-nobody", 2).status, 409);
    let ended = end(&server, &id, &winner, 2);
    assert_eq!(ended.status, 200, "{}", ended.text);
    assert_eq!(
        (
            ended.json()["undone"].as_u64(),
            ended.field("state").as_str()
        ),
        (Some(2), "stopped")
    );
    // The same again is no second result, another one is refused.
    assert_eq!(end(&server, &id, &winner, 2).status, 200);
    assert_eq!(end(&server, &id, &winner, 3).status, 409);
    assert_eq!(claim(&server, &own, &id, &winner), 409);
    let expected = [
        ("rollback-ordered", "ordered"),
        ("rollback-claimed", "claimed"),
        ("rollback-ended", "stopped"),
    ];
    assert_eq!(
        recorded(&server, &id),
        expected.map(|(what, state)| (what.to_owned(), state.to_owned()))
    );
    // The agent stays stopped until somebody ends that.
    assert!(
        server
            .runtime
            .store()
            .agent("default", "bot")
            .expect("it")
            .paused
    );
}

#[test]
fn an_order_is_canceled_runs_out_and_outlives_a_restart() {
    let server = server();
    let id = order(&server, "bot", 1).field("id");
    let path = format!("/api/rollbacks/{id}");
    assert_eq!(server.call("DELETE", &path, &server.admin, "").status, 200);
    assert_eq!(server.call("DELETE", &path, &server.admin, "").status, 200);
    assert_eq!(claim(&server, &server.admin, &id, "log"), 409);

    let body = r#"{"last":1,"wait_s":1}"#;
    let short = server.post("/api/agents/bot/rollback", body).field("id");
    until("it runs out", || state(&server, &short) == "expired");
    assert_eq!(claim(&server, &server.admin, &short, "log"), 409);

    let waits = order(&server, "bot", 5).field("id");
    let taken = order(&server, "of/another", 7);
    assert_eq!(
        taken.status, 404,
        "a name is one part of a path: {}",
        taken.text
    );
    let taken = order(&server, "of%2Fanother%20name", 7);
    assert_eq!(taken.field("agent_id"), "of/another name");
    let taken = taken.field("id");
    assert_eq!(claim(&server, &server.admin, &taken, "log"), 200);
    // What a start reads.
    server.runtime.open_tenant("default").expect("it opens");
    let listed = server.get("/api/rollbacks").json();
    let listed: Vec<_> = listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| {
            (
                one["id"].as_str().expect("an id"),
                one["state"].as_str().expect("a state"),
            )
        })
        .collect();
    assert_eq!(
        listed,
        [
            (taken.as_str(), "claimed"),
            (waits.as_str(), "ordered"),
            (short.as_str(), "expired"),
            (id.as_str(), "canceled"),
        ]
    );
    for (body, field) in [
        (r#"{"last":0}"#, "last"),
        (r#"{"last":1001}"#, "last"),
        (r#"{"last":1,"wait_s":0}"#, "wait_s"),
        (r#"{"last":1,"wait_s":604801}"#, "wait_s"),
        (
            &format!(r#"{{"last":1,"reason":"{}"}}"#, "x".repeat(501)),
            "reason",
        ),
    ] {
        let refused = server.post("/api/agents/new/rollback", body);
        assert_eq!(
            (refused.status, refused.field("field").as_str()),
            (400, field),
            "{}",
            refused.text
        );
    }
    assert!(server.runtime.store().agent("default", "new").is_err());
    assert_eq!(claim(&server, &server.admin, &waits, ""), 400);
    assert_eq!(claim(&server, &server.admin, &waits, &"x".repeat(513)), 400);
    // Bounded: what is over is forgotten, what waits is not.
    for n in 0..80 {
        let id = order(&server, &format!("agent-{n}"), 1).field("id");
        let path = format!("/api/rollbacks/{id}");
        assert_eq!(server.call("DELETE", &path, &server.admin, "").status, 200);
    }
    let listed = server.get("/api/rollbacks").json();
    let listed = listed.as_array().expect("a list");
    assert!(listed.len() <= 64, "{}", listed.len());
    assert!(listed.iter().any(|one| one["id"] == waits.as_str()));
    for n in 0..15 {
        assert_eq!(order(&server, &format!("waits-{n}"), 1).status, 202);
    }
    let full = order(&server, "one-more", 1);
    assert_eq!(full.status, 409, "{}", full.text);
}

#[test]
fn an_order_reaches_the_clients_with_the_pause_of_its_agent() {
    let server = server();
    let url = format!("http://{}", server.address);
    let dirs = [
        tempfile::tempdir().expect("a"),
        tempfile::tempdir().expect("b"),
    ];
    let mine = server.key("default", Role::Agent, Some("bot"));
    let clients = dirs
        .each_ref()
        .map(|d| Client::open(Client::options(d.path(), &url, &mine)));
    let stranger = tempfile::tempdir().expect("c");
    let key = server.key("default", Role::Agent, Some("other"));
    let stranger = Client::open(Client::options(stranger.path(), &url, &key));
    assert!(clients[0].check(write()).decision.effect.permits());
    let id = order(&server, "bot", 4).field("id");
    for client in &clients {
        let took = until("it is told", || !client.connected.rollbacks().is_empty());
        assert!(took < Duration::from_secs(3), "{took:?}");
        assert_eq!(first(&client.check(read())).1, code::AGENT_PAUSED);
        let wanted = client.connected.rollbacks();
        assert_eq!(
            (
                wanted[0].id.as_str(),
                wanted[0].agent.as_str(),
                wanted[0].last
            ),
            (id.as_str(), "bot", 4)
        );
    }
    assert!(stranger.connected.rollbacks().is_empty());
    let id = id.parse().expect("an id");
    let claimed = clients
        .each_ref()
        .map(|client| client.connected.claim_rollback(id).expect("an answer"));
    assert_eq!(claimed, [true, false]);
    assert!(clients[0].connected.claim_rollback(id).expect("again"));
    let result = RollbackResult {
        state: RollbackState::Done,
        undone: 4,
        irreversible: 0,
        message: String::new(),
    };
    let ended = |n: usize| {
        clients[n]
            .connected
            .end_rollback(id, &result)
            .expect("an answer")
    };
    assert!(!ended(1));
    assert!(ended(0) && ended(0));
    until("no lease asks for it", || {
        clients
            .iter()
            .all(|client| client.connected.rollbacks().is_empty())
    });
    assert_eq!(state(&server, &id.to_string()), "done");
}
