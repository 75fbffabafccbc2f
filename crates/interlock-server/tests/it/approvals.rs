//! Approvals over REST: context, edits, batches, temporary rules, races, and how soon who waits
//! hears of it.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use interlock_core::model::Role;
use serde_json::{Value, json};

use crate::client::Server;

/// Payments wait for a person.
pub(crate) fn asking() -> Server {
    let server = Server::start();
    let policy = json!({
        "name": "payments", "action_type": "payment", "effect": "pause", "priority": 999_999,
    });
    let made = server.post("/api/policies", &policy.to_string());
    assert_eq!(made.status, 201, "{}", made.text);
    server
}

pub(crate) fn payment(amount: u32) -> Value {
    json!({
        // Many agents: hundreds of payments by one of them would look wrong, and be denied for that.
        "agent_id": format!("bot-{}", amount % 1_000), "action_type": "payment", "run_id": "r1",
        "tool": "pay", "resource": format!("accounts/{amount}"),
        "arguments": {"amount": amount, "to": "eve@example.com"},
        "context": {"prompt": "pay the bill of ann@example.com"},
    })
}

/// Asks; the id of the approval.
pub(crate) fn ask(server: &Server, amount: u32) -> String {
    let answer = server.post("/api/check", &payment(amount).to_string());
    assert_eq!(
        answer.field("effect"),
        "require_approval",
        "{}",
        answer.text
    );
    answer.field("approval_id")
}

fn decide(server: &Server, key: &str, id: &str, body: &Value) -> (u16, Value) {
    let path = format!("/api/approvals/{id}/decide");
    let answer = server.call("POST", &path, key, &body.to_string());
    (answer.status, answer.json())
}

fn use_grant(server: &Server, id: &str, action: &Value) -> Value {
    let mut action = action.clone();
    action["approval_id"] = json!(id);
    server.post("/api/check", &action.to_string()).json()
}

/// Whether an answer lets the action run: mail addresses in it raise an alert.
fn runs(answer: &Value) -> bool {
    answer["effect"] == "allow" || answer["effect"] == "alert"
}

#[test]
fn a_person_sees_the_context_and_edits() {
    let server = asking();
    let ann = server.person(Role::Approver, "ann");
    let id = ask(&server, 900);
    let until = Instant::now() + Duration::from_secs(5);
    let review = loop {
        let review = server.call("GET", &format!("/api/approvals/{id}"), &ann, "");
        assert_eq!(review.status, 200, "{}", review.text);
        // The decision is projected a moment later.
        if !review.json()["seq"].is_null() || Instant::now() > until {
            break review;
        }
    };
    for name in ["eve@", "ann@"] {
        assert!(!review.text.contains(name), "{}", review.text);
    }
    let shown = review.json();
    assert_eq!(shown["detail"]["blast_radius"]["amount"], 900, "{shown}");
    assert_eq!(shown["detail"]["facts"]["money"]["amount"], 900);
    assert!(shown["detail"]["context"]["prompt"].is_string());
    assert!(
        !shown["detail"]["rules"]
            .as_array()
            .expect("rules")
            .is_empty()
    );
    assert!(
        !shown["detail"]["risk_terms"]
            .as_array()
            .expect("terms")
            .is_empty()
    );
    assert!(
        shown["allows"]
            .as_str()
            .expect("a sentence")
            .contains("once")
    );
    assert!(shown["seq"].is_u64(), "{shown}");

    // Numbers stay as they are written, but for zeros that say nothing.
    let path = format!("/api/approvals/{id}/decide");
    let edit = r#"{"decision":"edit","patch":[{"op":"replace","path":"/amount","value":4.50}]}"#;
    let done = server.call("POST", &path, &ann, edit);
    assert_eq!(
        (done.status, done.field("state").as_str()),
        (200, "approved_edited"),
        "{}",
        done.text
    );
    assert_ne!(done.field("proposed_hash"), done.field("action_hash"));
    let agent = server.key("default", Role::Agent, Some("bot-900"));
    let waited = server.call(
        "GET",
        &format!("/api/approvals/{id}/wait?hold=0"),
        &agent,
        "",
    );
    assert_eq!(waited.status, 200, "{}", waited.text);
    let arguments = waited.json()["detail"]["edited_arguments"].clone();
    let arguments: Value =
        serde_json::from_str(arguments.as_str().expect("arguments")).expect("JSON");
    assert_eq!(arguments, json!({"amount": 4.5, "to": "eve@example.com"}));
    let mut action = payment(900);
    assert_eq!(use_grant(&server, &id, &action)["code"], "conflict");
    action["arguments"] = arguments;
    assert!(runs(&use_grant(&server, &id, &action)));
    assert_eq!(use_grant(&server, &id, &action)["code"], "conflict");
}

/// Waits until the decision that asked is projected: an edit needs what was asked.
fn preview(server: &Server, key: &str, id: &str, body: &Value) -> (u16, Value) {
    let path = format!("/api/approvals/{id}/preview");
    let answer = server.call("POST", &path, key, &body.to_string());
    (answer.status, answer.json())
}

#[test]
fn an_edit_is_agreed_to_as_it_was_shown() {
    let server = asking();
    let ann = server.person(Role::Approver, "ann");
    let id = ask(&server, 900);
    let to = |amount: u32| json!([{"op": "replace", "path": "/amount", "value": amount}]);
    let (status, shown) = preview(&server, &ann, &id, &json!({"patch": to(90)}));
    assert_eq!(status, 200, "{shown}");
    assert_eq!(shown["effect"], "require_approval", "{shown}");
    assert!(shown["refused"].is_null(), "{shown}");
    assert!(!shown.to_string().contains("eve@"), "{shown}");
    let hash = shown["edited_hash"].as_str().expect("a digest");
    // Looking changes nothing.
    let (_, found) = (
        0,
        server.call("GET", &format!("/api/approvals/{id}"), &ann, ""),
    );
    let found = found.json();
    assert_eq!(found["state"], "pending");
    assert_eq!(found["version"], 1, "{found}");
    assert_eq!(found["proposed_hash"], found["action_hash"]);
    // Another edit than the one that was shown is refused; the one that was shown is what is granted.
    let with = |amount: u32| json!({"decision": "edit", "patch": to(amount), "edited_hash": hash});
    let (status, refused) = decide(&server, &ann, &id, &with(91));
    assert_eq!(status, 409, "{refused}");
    let (status, done) = decide(&server, &ann, &id, &with(90));
    assert_eq!(
        (status, done["state"].as_str()),
        (200, Some("approved_edited"))
    );
    assert_eq!(done["proposed_hash"], hash);
    // There is nothing to look at any more.
    let (status, late) = preview(&server, &ann, &id, &json!({"patch": to(90)}));
    assert_eq!(status, 409, "{late}");
}

#[test]
fn a_preview_says_what_nobody_could_agree_to() {
    let server = asking();
    let ann = server.person(Role::Approver, "ann");
    let id = ask(&server, 7);
    let drop = json!({"arguments": {"amount": 7, "to": "x", "sql": "DROP TABLE customers"}});
    let (status, shown) = preview(&server, &ann, &id, &drop);
    assert_eq!(status, 200, "{shown}");
    for (body, status, part) in [
        (json!({}), 400, "arguments"),
        (
            json!({"patch": [{"op": "replace", "path": "/none", "value": 1}]}),
            400,
            "patch",
        ),
        (
            json!({"patch": [{"op": "move", "path": "/amount", "from": "/to"}]}),
            400,
            "patch",
        ),
        (
            json!({"arguments": {}, "resource": "x".repeat(5_000)}),
            400,
            "resource",
        ),
        (
            json!({"arguments": {}, "decision": "edit"}),
            400,
            "decision",
        ),
    ] {
        let (got, said) = preview(&server, &ann, &id, &body);
        assert_eq!(got, status, "{body}: {said}");
        assert!(said.to_string().contains(part), "{body}: {said}");
    }
    let unwanted = json!({"name": "no pay", "action_type": "payment", "effect": "block", "priority": 1_000_000});
    assert_eq!(
        server.post("/api/policies", &unwanted.to_string()).status,
        201
    );
    let (status, shown) = preview(&server, &ann, &id, &json!({"arguments": {"amount": 1}}));
    assert_eq!(status, 200, "{shown}");
    assert_eq!(shown["effect"], "block");
    assert!(
        shown["refused"]
            .as_str()
            .expect("why")
            .contains("would be blocked"),
        "{shown}"
    );
}

#[test]
fn the_list_goes_on_after_a_cursor() {
    let server = asking();
    let ann = server.person(Role::Approver, "ann");
    let ids: Vec<String> = (1..=7).map(|n| ask(&server, n)).collect();
    let read = |order: &str| {
        let (mut after, mut found) = (String::new(), Vec::new());
        loop {
            let page = server.call(
                "GET",
                &format!("/api/approvals?limit=3{order}{after}"),
                &ann,
                "",
            );
            assert_eq!(page.status, 200, "{}", page.text);
            let page = page.json();
            let page = page.as_array().expect("a page");
            found.extend(
                page.iter()
                    .map(|a| a["id"].as_str().expect("an id").to_owned()),
            );
            let Some(last) = page.last() else {
                return found;
            };
            after = format!("&after={}", last["cursor"].as_str().expect("a cursor"));
        }
    };
    assert_eq!(read(""), ids);
    let newest: Vec<String> = ids.iter().rev().cloned().collect();
    assert_eq!(read("&newest=true"), newest);
    assert_eq!(read("&newest=true&state=all"), newest);
    let wrong = server.call("GET", "/api/approvals?after=nowhere", &ann, "");
    assert_eq!(
        (wrong.status, wrong.field("field").as_str()),
        (400, "after")
    );
}

#[test]
fn answers_that_make_no_sense_are_refused_by_name() {
    let server = asking();
    let ann = server.person(Role::Approver, "ann");
    let id = ask(&server, 1);
    // Body, then status and code or field.
    for (body, status, part) in [
        (json!({"decision": "perhaps"}), 400, "decision"),
        (json!({"decision": "edit"}), 400, "arguments"),
        (
            json!({"decision": "edit", "arguments": {}, "patch": []}),
            400,
            "arguments",
        ),
        (
            json!({"decision": "approve", "arguments": {}}),
            400,
            "decision",
        ),
        (json!({"decision": "edit", "patch": {}}), 400, "patch"),
        (
            json!({"decision": "edit", "patch": [{"op": "move", "path": "/a"}]}),
            400,
            "patch",
        ),
        (
            json!({"decision": "edit", "patch": [{"op": "remove", "path": "/zz"}]}),
            400,
            "patch",
        ),
        (
            json!({"decision": "edit", "arguments": {"n": 1e30}}),
            400,
            "arguments",
        ),
        (
            json!({"decision": "approve", "action_hash": "00"}),
            400,
            "action_hash",
        ),
        (
            json!({"decision": "approve", "action_hash": "00".repeat(32)}),
            409,
            "conflict",
        ),
        (
            json!({"decision": "approve", "reason": "x".repeat(4_097)}),
            400,
            "reason",
        ),
    ] {
        let (got, answer) = decide(&server, &ann, &id, &body);
        assert_eq!(got, status, "{body}: {answer}");
        assert!(
            answer["field"] == part || answer["code"] == part,
            "{body}: {answer}"
        );
    }
    let foreign = server.key("other", Role::Admin, None);
    for (method, path, body) in [
        ("GET", format!("/api/approvals/{id}"), String::new()),
        (
            "POST",
            format!("/api/approvals/{id}/decide"),
            r#"{"decision":"deny"}"#.to_owned(),
        ),
        (
            "POST",
            format!("/api/approvals/{id}/preview"),
            r#"{"arguments":{}}"#.to_owned(),
        ),
        ("POST", format!("/api/approvals/{id}/cancel"), String::new()),
        (
            "POST",
            format!("/api/approvals/{id}/resolve"),
            r#"{"happened":true}"#.to_owned(),
        ),
        (
            "POST",
            "/api/session-approvals".to_owned(),
            format!(r#"{{"approval_id":"{id}"}}"#),
        ),
    ] {
        let answer = server.call(method, &path, &foreign, &body);
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
    }
    // An agent decides nothing, whatever the operation.
    let agent = server.key("default", Role::Agent, Some("bot-1"));
    for (method, path, body) in [
        ("GET", format!("/api/approvals/{id}"), String::new()),
        (
            "POST",
            format!("/api/approvals/{id}/decide"),
            r#"{"decision":"approve"}"#.to_owned(),
        ),
        (
            "POST",
            format!("/api/approvals/{id}/preview"),
            r#"{"arguments":{}}"#.to_owned(),
        ),
        (
            "POST",
            "/api/approvals/batch".to_owned(),
            r#"{"decision":"deny","items":[]}"#.to_owned(),
        ),
        (
            "POST",
            format!("/api/approvals/{id}/resolve"),
            r#"{"happened":true}"#.to_owned(),
        ),
        (
            "POST",
            "/api/session-approvals".to_owned(),
            format!(r#"{{"approval_id":"{id}"}}"#),
        ),
        (
            "DELETE",
            "/api/session-approvals/x".to_owned(),
            String::new(),
        ),
        ("GET", "/api/deliveries".to_owned(), String::new()),
        ("POST", "/api/deliveries/1/retry".to_owned(), String::new()),
    ] {
        let answer = server.call(method, &path, &agent, &body);
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text);
    }
    let own = server.call("POST", &format!("/api/approvals/{id}/cancel"), &agent, "");
    assert_eq!(
        (own.status, own.field("state").as_str()),
        (200, "cancelled"),
        "{}",
        own.text
    );
}

#[test]
fn a_batch_has_a_result_for_each() {
    let server = asking();
    let ann = server.person(Role::Approver, "ann");
    let ids: Vec<String> = (0..4).map(|n| ask(&server, n)).collect();
    let hash = |id: &str| {
        server
            .get(&format!("/api/approvals/{id}"))
            .field("proposed_hash")
    };
    decide(&server, &ann, &ids[1], &json!({"decision": "deny"}));
    let mut items: Vec<Value> = ids
        .iter()
        .map(|id| json!({"id": id, "action_hash": hash(id)}))
        .collect();
    // Shown as another action than it is.
    items[2]["action_hash"] = json!("11".repeat(32));
    items.push(json!({"id": "nothing", "action_hash": "11".repeat(32)}));
    let body = json!({"decision": "approve", "items": items}).to_string();
    let answer = server.call("POST", "/api/approvals/batch", &ann, &body);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let results = answer.json();
    let seen: Vec<(String, bool, String)> = results
        .as_array()
        .expect("results")
        .iter()
        .map(|r| {
            (
                r["state"].as_str().unwrap_or_default().to_owned(),
                r["already_decided"] == true,
                r["error"]["code"].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect();
    let want = [
        ("approved", false, ""),
        ("denied", true, ""),
        ("", false, "conflict"),
        ("approved", false, ""),
        ("", false, "not-found"),
    ];
    for (got, (state, already, code)) in seen.iter().zip(want) {
        assert_eq!(
            (got.0.as_str(), got.1, got.2.as_str()),
            (state, already, code),
            "{seen:?}"
        );
    }
    let many = vec![items[0].clone(); 101];
    let body = json!({"decision": "approve", "items": many}).to_string();
    let answer = server.call("POST", "/api/approvals/batch", &ann, &body);
    assert_eq!(
        (answer.status, answer.field("field").as_str()),
        (400, "items")
    );
}

#[test]
fn a_temporary_rule_is_made_listed_used_and_taken_back() {
    let server = asking();
    let ann = server.person(Role::Approver, "ann");
    let id = ask(&server, 5);
    let body = json!({
        "approval_id": id, "arguments": {"amount": {"max": 10}}, "uses": 2, "minutes": 5,
        "cost_usd": "1.50", "reason": "small ones",
    });
    let made = server.call("POST", "/api/session-approvals", &ann, &body.to_string());
    assert_eq!(made.status, 201, "{}", made.text);
    let rule = made.field("id");
    let mut action = payment(5);
    action["arguments"]["amount"] = json!(7);
    let run = server.post("/api/check", &action.to_string());
    assert!(runs(&run.json()), "{}", run.text);
    let listed = server.get("/api/session-approvals?agent_id=bot-5").json();
    assert_eq!(
        (&listed[0]["uses"], &listed[0]["live"]),
        (&json!(1), &json!(true)),
        "{listed}"
    );
    let gone = server.call(
        "DELETE",
        &format!("/api/session-approvals/{rule}"),
        &ann,
        "",
    );
    assert_eq!(
        (gone.status, gone.field("revoked_by").as_str()),
        (200, "ann"),
        "{}",
        gone.text
    );
    action["arguments"]["amount"] = json!(8);
    let asks = server.post("/api/check", &action.to_string());
    assert_eq!(asks.field("effect"), "require_approval", "{}", asks.text);
    for constraint in [
        json!({}),
        json!({"any": true, "max": 1}),
        json!({"any": false}),
    ] {
        let body = json!({"approval_id": id, "arguments": {"amount": constraint}});
        let refused = server.call("POST", "/api/session-approvals", &ann, &body.to_string());
        assert_eq!(refused.field("field"), "arguments", "{}", refused.text);
    }
}

/// Whoever waits hears of an answer in time, and of many approvals with racing deciders each is
/// decided once and its grant used once.
#[test]
fn deciders_race_over_rest_and_who_waits_hears_of_it() {
    let soak = std::env::var_os("INTERLOCK_SOAK").is_some();
    let approvals: u32 = if soak { 2_000 } else { 100 };
    const PEOPLE: usize = 8;
    if !soak {
        println!("reduced size; INTERLOCK_SOAK=1 runs the full one");
    }
    let server = asking();
    let people: Vec<String> = (0..PEOPLE)
        .map(|n| server.person(Role::Approver, &format!("person-{n}")))
        .collect();
    let agent = server.key("default", Role::Admin, None);
    let mut waits: Vec<Duration> = Vec::new();
    let mut approved = 0;
    for n in 0..approvals {
        let id = ask(&server, n);
        let decided = AtomicUsize::new(0);
        let barrier = Barrier::new(PEOPLE + 1);
        let (heard, answered) = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let path = format!("/api/approvals/{id}/wait?hold=20");
                barrier.wait();
                let answer = server.call("GET", &path, &agent, "");
                (Instant::now(), answer.field("state"))
            });
            let deciders: Vec<_> = people
                .iter()
                .enumerate()
                .map(|(at, key)| {
                    let (server, id, decided, barrier) = (&server, &id, &decided, &barrier);
                    scope.spawn(move || {
                        let word = if at % 2 == 0 { "approve" } else { "deny" };
                        barrier.wait();
                        // So that who waits is waiting.
                        std::thread::sleep(Duration::from_millis(10));
                        let (status, answer) = decide(server, key, id, &json!({"decision": word}));
                        assert_eq!(status, 200, "{answer}");
                        if answer["already_decided"] == false {
                            decided.fetch_add(1, Ordering::Relaxed);
                            return Some(Instant::now());
                        }
                        None
                    })
                })
                .collect();
            let answered = deciders
                .into_iter()
                .filter_map(|d| d.join().expect("no panic"))
                .next();
            (waiting.join().expect("no panic"), answered)
        });
        assert_eq!(decided.load(Ordering::Relaxed), 1, "{id}");
        let (at, state) = heard;
        assert!(state == "approved" || state == "denied", "{state}");
        waits.push(at.saturating_duration_since(answered.expect("an answer")));
        let action = payment(n);
        let runs: usize = std::thread::scope(|scope| {
            let uses: Vec<_> = (0..2)
                .map(|_| scope.spawn(|| runs(&use_grant(&server, &id, &action))))
                .collect();
            uses.into_iter()
                .map(|u| usize::from(u.join().expect("no panic")))
                .sum()
        });
        assert_eq!(runs, usize::from(state == "approved"), "{id} {state}");
        approved += runs;
    }
    waits.sort_unstable();
    let at = |share: usize| waits[(waits.len() - 1) * share / 100];
    println!(
        "{approvals} approvals, {PEOPLE} racing deciders over REST: one decision each, {approved} approved and used once; \
         from the answer to the decider to the one to who waits: p50 {:.1?}, p99 {:.1?}",
        at(50),
        at(99)
    );
    println!(
        "figure | approvals: racing deciders over REST | {approvals} approvals, {PEOPLE} deciders each | none decided twice, no grant used twice | "
    );
    // Deciders take turns on the journal and whoever waits looks after each change: a second on a
    // machine with other work, 250 ms where `xtask wake` measures alone.
    assert!(at(50) < Duration::from_secs(1), "{:?}", at(50));
}

/// Priority chooses whom to ask, and never fewer.
#[test]
fn a_rule_that_is_outranked_still_says_how_many_agree() {
    let server = Server::start();
    let text = "interlock: 1\ndefault: allow\nrules:\n  \
        - { id: many, match: { action: [payment] }, effect: require_approval, approvers: { group: finance, quorum: 2 } }\n  \
        - { id: one, priority: 100, match: { action: [payment] }, effect: require_approval, approvers: { group: finance } }\n";
    let body = json!({"name": "payments.yaml", "text": text}).to_string();
    let published = server.post("/api/bundle", &body);
    assert_eq!(published.status, 200, "{}", published.text);
    let id = ask(&server, 7);
    let shown = |server: &Server| server.get(&format!("/api/approvals/{id}")).json();
    assert_eq!(shown(&server)["quorum"], 2, "{}", shown(&server));
    let (ann, bo) = (
        server.person(Role::Approver, "ann"),
        server.person(Role::Approver, "bo"),
    );
    let yes = json!({"decision": "approve"});
    let first = decide(&server, &ann, &id, &yes);
    assert_eq!(first.0, 200, "{}", first.1);
    assert_eq!(shown(&server)["state"], "pending");
    let twice = decide(&server, &ann, &id, &yes);
    assert_eq!(shown(&server)["state"], "pending", "{twice:?}");
    let second = decide(&server, &bo, &id, &yes);
    assert_eq!(second.0, 200, "{}", second.1);
    assert_eq!(shown(&server)["state"], "approved");
    let ran = use_grant(&server, &id, &payment(7));
    assert!(runs(&ran), "{ran}");
}
