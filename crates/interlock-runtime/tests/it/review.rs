//! Edited arguments, people and groups, temporary rules, and what is taken back.

use interlock_core::approval::State;
use interlock_core::model::patch::Patch;
use interlock_core::model::{Effect, Principal, Role, Value, reason::code};
use interlock_runtime::{
    Answer, ArgumentRule, Change, Edit, Group, People, Runtime, RuntimeError, Say, SessionGrant,
};

use crate::projection::{caught_up, lose_rows};
use crate::world::{
    HOUR, MINUTE, TENANT, World, check, end, expect, outcome, principal, records, try_check,
};

const ASK: &str = "interlock: 1\ndefault: allow\nrules:\n  - id: refunds\n    match: { tool: [refund] }\n    effect: require_approval\n    approvers: { group: finance, quorum: 1, timeout: 2h }\n  - id: large\n    match: { tool: [refund] }\n    when: 'facts.money.amount > 1000'\n    effect: block\n  - id: wide\n    match: { tool: [pair] }\n    effect: require_approval\n    approvers: { group: finance, quorum: 2, timeout: 2h }\n";

fn refund(tool: &str, amount: u32, extra: &str) -> String {
    format!(
        r#"{{"agent_id":"bot","action_type":"payment","tool":"{tool}","resource":"orders/7","run_id":"r1","arguments":{{"amount":{amount},"to":"ann@example.com"}},"user":{{"id":"uma"}}{extra}}}"#
    )
}

fn ask(runtime: &Runtime, tool: &str, amount: u32) -> String {
    let asked = check(runtime, &refund(tool, amount, ""));
    assert_eq!(asked.decision.effect, Effect::RequireApproval);
    asked.approval_id.expect("an approval").to_string()
}

fn patch(json: &str) -> Edit {
    let value = Value::parse(json.as_bytes()).expect("JSON");
    Edit {
        change: Change::Patch(Patch::from_value(&value).expect("a patch")),
        resource: None,
        expected: None,
    }
}

fn amount(to: u32) -> Edit {
    patch(&format!(
        r#"[{{"op":"replace","path":"/amount","value":{to}}}]"#
    ))
}

fn answer(runtime: &Runtime, id: &str, who: &str, say: Say<'_>) -> Result<State, RuntimeError> {
    let person = principal(Role::Approver, None);
    let answer = Answer {
        approver: who,
        say,
        seen: None,
        reason: "",
        via: "api",
    };
    let answered = runtime.answer_approval(&person, id, &answer)?;
    Ok(answered.row.approval.state)
}

fn with(tool: &str, amount: u32, id: &str) -> String {
    refund(tool, amount, &format!(r#","approval_id":"{id}""#))
}

fn agent() -> Principal {
    principal(Role::Agent, Some("bot"))
}

#[test]
fn an_edited_action_runs_once_and_no_other_does() {
    let world = World::policy(ASK);
    let mut runtime = world.open();
    let id = ask(&runtime, "refund", 900);
    let state = answer(&runtime, &id, "ann", Say::Edit(&amount(90))).expect("an answer");
    assert_eq!(state, State::ApprovedEdited);
    for restart in [false, true] {
        if restart {
            end(runtime);
            runtime = world.open();
        }
        // The agent is told what to run, and whoever reads is told what changed, masked.
        let row = runtime.approval(&agent(), &id).expect("a row");
        let detail: serde_json::Value = serde_json::from_str(&row.asked.detail).expect("JSON");
        let arguments = detail["edited_arguments"].as_str().expect("arguments");
        assert_eq!(arguments, r#"{"amount":90,"to":"ann@example.com"}"#);
        let person = principal(Role::Approver, None);
        let review = runtime.review(&person, &id).expect("a review");
        let edit = review.edit.expect("an edit");
        assert_eq!(
            edit.patch,
            r#"[{"op":"replace","path":"/amount","value":90}]"#
        );
        assert!(!edit.arguments.contains("ann@example.com"), "{edit:?}");
        assert!(!review.row.asked.detail.contains("ann@example.com"));
    }
    let error = try_check(&runtime, &with("refund", 900, &id)).expect_err("as it was asked");
    assert_eq!(error.code(), "conflict", "{error}");
    let run = check(&runtime, &with("refund", 90, &id));
    assert_eq!(
        run.decision.effect,
        Effect::Allow,
        "{:?}",
        run.decision.reasons
    );
    assert!(try_check(&runtime, &with("refund", 90, &id)).is_err());
    let finals = records(&runtime, "approval-final");
    assert_eq!(finals.len(), 1, "{finals:?}");
    // What was written is content of the entry, which names digests alone.
    let entry = finals[0].to_json();
    assert!(
        entry.contains("edited_hash") && !entry.contains("example.com"),
        "{entry}"
    );
    end(runtime);
}

#[test]
fn what_an_edit_makes_is_decided_on_again() {
    let world = World::policy(ASK);
    let runtime = world.open();
    let id = ask(&runtime, "refund", 900);
    let error = answer(&runtime, &id, "ann", Say::Edit(&amount(5_000))).expect_err("blocked");
    assert!(error.to_string().contains("would be blocked"), "{error}");
    let missing = patch(r#"[{"op":"remove","path":"/nothing"}]"#);
    let error = answer(&runtime, &id, "ann", Say::Edit(&missing)).expect_err("no such member");
    assert_eq!(error.code(), "field.invalid", "{error}");
    // Neither was an answer.
    assert_eq!(
        answer(&runtime, &id, "ann", Say::Approve).expect("an answer"),
        State::Approved
    );
    // A second answer gets the first outcome.
    let later = answer(&runtime, &id, "bo", Say::Edit(&amount(1))).expect("the first");
    assert_eq!(later, State::Approved);
    end(runtime);
}

#[test]
fn whoever_edits_counts_once_and_the_next_agrees_to_the_edit() {
    let world = World::policy(ASK);
    let runtime = world.open();
    let id = ask(&runtime, "pair", 900);
    let edit = amount(90);
    assert_eq!(
        answer(&runtime, &id, "ann", Say::Edit(&edit)).expect("an edit"),
        State::Pending
    );
    assert_eq!(
        answer(&runtime, &id, "ann", Say::Approve).expect("no second vote"),
        State::Pending
    );
    let person = principal(Role::Approver, None);
    let asked = runtime
        .store()
        .approval(TENANT, &id)
        .expect("a row")
        .approval;
    // Who has seen the first form only must look again.
    let stale = Answer {
        approver: "bo",
        say: Say::Approve,
        seen: Some(asked.request.digest),
        reason: "",
        via: "api",
    };
    let error = runtime
        .answer_approval(&person, &id, &stale)
        .expect_err("stale");
    assert!(error.to_string().contains("changed"), "{error}");
    let fresh = Answer {
        seen: Some(asked.proposed()),
        ..stale
    };
    let done = runtime
        .answer_approval(&person, &id, &fresh)
        .expect("agreed");
    assert_eq!(done.row.approval.state, State::ApprovedEdited);
    let run = check(&runtime, &with("pair", 90, &id));
    assert_eq!(run.decision.effect, Effect::Allow);
    end(runtime);
}

#[test]
fn people_groups_and_four_eyes() {
    let world = World::policy(ASK);
    let runtime = world.open();
    let group = |names: &[&str], next: Option<&str>| Group {
        people: names.iter().map(|n| (*n).to_owned()).collect(),
        next: next.map(str::to_owned),
        declared: false,
    };
    let mut people = People::default();
    people.add_group("finance", group(&["ann", "bo", "uma"], Some("managers")));
    people.add_group("managers", group(&["mia"], None));
    people.add_owner("bot", "bo");
    people.add_name("ann", "ann's key");
    people.add_name("ann", "slack:T1/U1");
    people.add_name("uma", "uma's key");
    runtime.set_people(people);

    let id = ask(&runtime, "refund", 10);
    // Who asked, who owns the agent, who is in no group that is asked.
    for (who, part) in [
        ("bo", "asked for an action"),
        ("uma's key", "asked for an action"),
        ("cy", "not in group"),
        ("mia", "not in group"),
    ] {
        let error = answer(&runtime, &id, who, Say::Approve).expect_err(who);
        assert!(error.to_string().contains(part), "{who}: {error}");
    }
    world.advance(15 * MINUTE);
    // Reminded at 5 minutes, passed on at 15: one notice for each tick.
    assert_eq!(runtime.tick().notices + runtime.tick().notices, 2);
    assert_eq!(runtime.tick().notices, 0);
    assert_eq!(
        answer(&runtime, &id, "mia", Say::Approve).expect("asked by now"),
        State::Approved
    );
    // Disabled, a person neither agrees nor refuses, under any name, and stays in the group; one of
    // another tenant is somebody else.
    let id = ask(&runtime, "pair", 12);
    let mut without = (*runtime.people()).clone();
    without.disable("default", "ann");
    without.disable("other", "uma");
    let before = runtime.people();
    runtime.set_people(without);
    for who in ["ann", "ann's key", "slack:T1/U1"] {
        for say in [Say::Approve, Say::Deny] {
            let error = answer(&runtime, &id, who, say).expect_err(who);
            assert!(error.to_string().contains("is disabled"), "{who}: {error}");
        }
    }
    assert!(runtime.people().may_agree("ann", "finance", 0));
    assert!(!runtime.people().is_disabled("default", "uma"));
    runtime.set_people((*before).clone());
    assert_eq!(
        answer(&runtime, &id, "ann", Say::Deny).expect("again"),
        State::Denied
    );
    // One person under two names is one person.
    let id = ask(&runtime, "pair", 10);
    assert_eq!(
        answer(&runtime, &id, "ann's key", Say::Approve).expect("one"),
        State::Pending
    );
    assert_eq!(
        answer(&runtime, &id, "slack:T1/U1", Say::Approve).expect("the same"),
        State::Pending
    );
    // A veto decides, whoever brings it.
    assert_eq!(
        answer(&runtime, &id, "cy", Say::Deny).expect("a veto"),
        State::Denied
    );
    // Nobody answers: denied, never approved.
    let id = ask(&runtime, "refund", 11);
    world.advance(2 * HOUR);
    runtime.tick();
    let row = runtime.approval(&agent(), &id).expect("a row");
    assert_eq!(row.approval.state, State::Expired);
    let outbox = runtime.store().outbox(100).expect("an outbox");
    for topic in ["approval.remind", "approval.escalate", "approval.expire"] {
        assert!(outbox.iter().any(|row| row.topic == topic), "{topic}");
    }
    end(runtime);
}

#[test]
fn an_edit_is_agreed_to_by_its_digest_only() {
    let world = World::policy(ASK);
    let runtime = world.open();
    let id = ask(&runtime, "pair", 900);
    let state = answer(&runtime, &id, "ann", Say::Edit(&amount(9))).expect("an answer");
    assert_eq!(state, State::Pending);
    // Who names no digest saw the action as it was asked.
    let error = answer(&runtime, &id, "bob", Say::Approve).expect_err("not seen");
    assert_eq!(error.code(), "conflict", "{error}");
    // Saying no needs no digest.
    let state = answer(&runtime, &id, "bob", Say::Deny).expect("an answer");
    assert_eq!(state, State::Denied);
    end(runtime);
}

/// Two rules about one tool, each with the people that it asks.
fn both(one: &str, other: &str) -> String {
    let rule = |id: &str, asks: &str| {
        format!(
            "  - id: {id}\n    match: {{ tool: [refund] }}\n    effect: require_approval\n    approvers: {{ {asks}, timeout: 2h }}\n"
        )
    };
    format!(
        "interlock: 1\ndefault: allow\nrules:\n{}{}",
        rule("one", one),
        rule("other", other)
    )
}

#[test]
fn rules_that_ask_one_group_are_answered_together_and_of_two_groups_neither() {
    let policy = both("group: finance, quorum: 1", "group: finance, quorum: 2");
    let world = World::policy(&policy);
    let runtime = world.open();
    let id = ask(&runtime, "refund", 900);
    let state = answer(&runtime, &id, "ann", Say::Approve).expect("an answer");
    assert_eq!(state, State::Pending);
    let state = answer(&runtime, &id, "bob", Say::Approve).expect("an answer");
    assert_eq!(state, State::Approved);
    end(runtime);

    let world = World::policy(&both(
        "group: support, quorum: 1",
        "group: legal, quorum: 2",
    ));
    let runtime = world.open();
    let error = try_check(&runtime, &refund("refund", 900, "")).expect_err("two groups");
    assert!(
        error.to_string().contains("let them ask one group"),
        "{error}"
    );
    end(runtime);
}

#[test]
fn a_policy_that_tightens_ends_grants_and_session_approvals() {
    let world = World::policy("interlock: 1\ndefault: allow\nrules: []\n");
    let runtime = world.open();
    let publish = |quorum: u8, group: &str| {
        let policy = format!(
            "interlock: 1\ndefault: allow\nrules:\n  - id: refunds\n    match: {{ tool: [refund] }}\n    effect: require_approval\n    approvers: {{ group: {group}, quorum: {quorum}, timeout: 2h }}\n"
        );
        runtime
            .publish_bundle(TENANT, "ann", "team", &policy, None)
            .expect("published");
    };
    publish(1, "support");
    let id = ask(&runtime, "refund", 90);
    let grant = SessionGrant {
        arguments: [("amount".to_owned(), ArgumentRule::Any)].into(),
        ..SessionGrant::default()
    };
    session(&runtime, &id, &grant).expect("a session approval");
    let state = answer(&runtime, &id, "ann", Say::Approve).expect("an answer");
    assert_eq!(state, State::Approved);
    let covered = check(&runtime, &refund("refund", 91, ""));
    assert_eq!(covered.decision.effect, Effect::Allow);
    publish(2, "finance");
    ask(&runtime, "refund", 92);
    let error = try_check(&runtime, &with("refund", 90, &id)).expect_err("asks others now");
    assert!(error.to_string().contains("`finance`"), "{error}");
    // Back again, it is what the person agreed to.
    publish(1, "support");
    let run = check(&runtime, &with("refund", 90, &id));
    assert_eq!(
        run.decision.effect,
        Effect::Allow,
        "{:?}",
        run.decision.reasons
    );
    end(runtime);
}

#[test]
fn an_agent_is_not_told_why_people_are_asked() {
    let world = World::policy(ASK);
    let runtime = world.open();
    let id = ask(&runtime, "refund", 900);
    let shown = |principal: &Principal| {
        let row = runtime.approval(principal, &id).expect("a row");
        (row.asked.reason, row.asked.detail)
    };
    let (reason, detail) = shown(&principal(Role::Approver, None));
    assert!(!reason.is_empty() && detail.contains("refunds") && detail.contains("risk_terms"));
    let (reason, detail) = shown(&agent());
    assert!(reason.is_empty(), "{reason}");
    let detail: serde_json::Value = serde_json::from_str(&detail).expect("JSON");
    let names: Vec<&String> = detail.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["arguments"]);
    end(runtime);
}

#[test]
fn an_approval_is_taken_back_before_it_is_used() {
    let world = World::policy(ASK);
    let runtime = world.open();
    let person = principal(Role::Approver, None);
    for approved in [false, true] {
        let id = ask(&runtime, "refund", 20 + u32::from(approved));
        if approved {
            answer(&runtime, &id, "ann", Say::Approve).expect("an answer");
        }
        let other = principal(Role::Agent, Some("other"));
        let error = runtime
            .cancel_approval(&other, "other", &id)
            .expect_err("another's");
        assert_eq!(error.code(), "not-found");
        let by = if approved { &person } else { &agent() };
        let row = runtime
            .cancel_approval(by, "somebody", &id)
            .expect("cancelled");
        assert_eq!(row.approval.state, State::Cancelled);
        let again = runtime
            .cancel_approval(by, "somebody", &id)
            .expect("it stands");
        assert_eq!(again.approval.version, row.approval.version);
        assert!(try_check(&runtime, &with("refund", 20 + u32::from(approved), &id)).is_err());
    }
    let id = ask(&runtime, "refund", 30);
    answer(&runtime, &id, "ann", Say::Approve).expect("an answer");
    check(&runtime, &with("refund", 30, &id));
    let error = runtime
        .cancel_approval(&person, "ann", &id)
        .expect_err("it may run");
    assert_eq!(error.code(), "conflict");
    end(runtime);
}

#[test]
fn a_person_ends_the_doubt_about_an_action() {
    let world = World::policy(ASK);
    let mut runtime = world.open();
    let person = principal(Role::Approver, None);
    for (n, happened) in [(40, true), (41, false)] {
        let id = ask(&runtime, "refund", n);
        answer(&runtime, &id, "ann", Say::Approve).expect("an answer");
        check(&runtime, &with("refund", n, &id));
        let early = runtime.resolve_approval(&person, "ann", &id, happened);
        assert_eq!(early.expect_err("it may be running").code(), "conflict");
        world.advance(HOUR);
        let error = runtime
            .resolve_approval(&agent(), "bot", &id, happened)
            .expect_err("agent");
        assert_eq!(error.code(), "key.forbidden");
        let done = runtime
            .resolve_approval(&person, "ann", &id, happened)
            .expect("resolved");
        let resolution = done.row.approval.resolution.expect("a resolution");
        assert_eq!(resolution.happened, happened);
        end(runtime);
        runtime = world.open();
        let again = runtime
            .resolve_approval(&person, "bo", &id, !happened)
            .expect("it stands");
        assert!(again.already_decided);
        assert_eq!(again.row.approval.resolution, Some(resolution));
    }
    end(runtime);
}

fn session(runtime: &Runtime, id: &str, grant: &SessionGrant) -> Result<String, RuntimeError> {
    let person = principal(Role::Approver, None);
    Ok(runtime.grant_session(&person, "ann", id, grant)?.id)
}

#[test]
fn a_session_approval_is_a_small_temporary_rule() {
    let world = World::policy(ASK);
    let mut runtime = world.open();
    let id = ask(&runtime, "refund", 50);
    let mut grant = SessionGrant {
        uses: Some(3),
        minutes: Some(30),
        ..SessionGrant::default()
    };
    grant
        .arguments
        .insert("amount".to_owned(), ArgumentRule::Range(Some(1), Some(100)));
    let rule = session(&runtime, &id, &grant).expect("a rule");
    // Beyond what it says people are asked.
    let asks = |runtime: &Runtime, json: &str| {
        expect(runtime, json, Effect::RequireApproval, code::RULE);
    };
    asks(&runtime, &refund("refund", 101, ""));
    asks(&runtime, &refund("refund", 60, "").replace("ann@", "eve@"));
    asks(
        &runtime,
        &refund("refund", 60, "").replace("\"r1\"", "\"r2\""),
    );
    asks(
        &runtime,
        &refund("refund", 60, "").replace("orders/7", "orders/8"),
    );
    asks(&runtime, &refund("refund", 60, r#","payload":{"x":1}"#));
    asks(
        &runtime,
        &refund("refund", 60, "").replace("\"to\"", "\"cc\":\"x\",\"to\""),
    );
    for n in 0..3 {
        if n == 1 {
            end(runtime);
            runtime = world.open();
        }
        let run = check(&runtime, &refund("refund", 60 + n, ""));
        assert_eq!(
            run.decision.effect,
            Effect::Allow,
            "{n}: {:?} {:?}",
            run.decision.risk.composite,
            runtime.store().session_approval(TENANT, &rule)
        );
        assert_eq!(run.approval_id.map(|a| a.to_string()), Some(rule.clone()));
        runtime
            .outcome(
                &Principal::local(),
                run.id,
                &outcome(interlock_core::model::OutcomeStatus::Succeeded),
            )
            .expect("an outcome");
    }
    asks(&runtime, &refund("refund", 70, ""));
    let row = runtime
        .store()
        .session_approval(TENANT, &rule)
        .expect("a rule");
    assert_eq!(row.uses, 3);
    assert!(!row.arguments.contains("example.com"), "{}", row.arguments);

    // Taken back, and at its end, it covers nothing.
    // Calls to one target beyond ten in five minutes are a loop.
    world.advance(6 * MINUTE);
    let second = session(&runtime, &id, &grant).expect("another");
    let run = check(&runtime, &refund("refund", 80, ""));
    assert_eq!(
        run.decision.effect,
        Effect::Allow,
        "{:?}",
        run.decision.reasons
    );
    let person = principal(Role::Approver, None);
    runtime
        .revoke_session(&person, "bo", &second)
        .expect("revoked");
    asks(&runtime, &refund("refund", 81, ""));
    session(&runtime, &id, &grant).expect("a third");
    world.advance(30 * MINUTE);
    asks(&runtime, &refund("refund", 82, ""));
    let changes = records(&runtime, "config-change");
    let of = |what: &str| {
        changes
            .iter()
            .filter(|r| r.to_json().contains(what))
            .count()
    };
    assert_eq!(of("session-approval-granted"), 3);
    assert_eq!(of("session-approval-revoked"), 1);
    end(runtime);
}

#[test]
fn what_a_session_approval_must_not_cover_it_does_not() {
    let world = World::policy(ASK);
    let runtime = world.open();
    let id = ask(&runtime, "refund", 50);
    let refused = |grant: SessionGrant, part: &str| {
        let error = session(&runtime, &id, &grant).expect_err(part);
        assert!(error.to_string().contains(part), "{error}");
    };
    let base = SessionGrant::default;
    refused(
        SessionGrant {
            uses: Some(21),
            ..base()
        },
        "1 to 20",
    );
    refused(
        SessionGrant {
            minutes: Some(61),
            ..base()
        },
        "1 to 60",
    );
    refused(
        SessionGrant {
            minutes: Some(0),
            ..base()
        },
        "1 to 60",
    );
    refused(
        SessionGrant {
            whole_session: true,
            ..base()
        },
        "no run or session",
    );
    let mut unknown = base();
    unknown.arguments.insert("cc".to_owned(), ArgumentRule::Any);
    refused(unknown, "which the action has not");
    let error = runtime
        .grant_session(&agent(), "bot", &id, &base())
        .expect_err("an agent");
    assert_eq!(error.code(), "key.forbidden");
    // Several people are several people each time.
    let pair = ask(&runtime, "pair", 50);
    assert!(session(&runtime, &pair, &base()).is_err());
    // A cost cap counts the estimates.
    let mut capped = SessionGrant {
        cost_nano_max: Some(1_500_000_000),
        ..base()
    };
    capped
        .arguments
        .insert("amount".to_owned(), ArgumentRule::Any);
    session(&runtime, &id, &capped).expect("a rule");
    let costly = |n: u32| refund("refund", n, r#","cost_usd":"1.0""#);
    assert_eq!(check(&runtime, &costly(51)).decision.effect, Effect::Allow);
    assert_eq!(
        check(&runtime, &costly(52)).decision.effect,
        Effect::RequireApproval
    );
    // A block stays a block, and the kill switch a stop.
    expect(
        &runtime,
        &refund("refund", 5_000, ""),
        Effect::Block,
        code::RULE,
    );
    runtime
        .set_kill_switch(TENANT, "admin", true, "test")
        .expect("stopped");
    let stopped = check(&runtime, &refund("refund", 53, ""));
    assert_eq!(stopped.decision.effect, Effect::Block);
    end(runtime);
}

/// The process ends between the record of an edit and its row.
#[test]
fn an_edit_follows_its_record_after_a_crash() {
    let world = World::policy(ASK);
    let runtime = world.open();
    let id = ask(&runtime, "refund", 900);
    answer(&runtime, &id, "ann", Say::Edit(&amount(90))).expect("an answer");
    end(runtime);
    // The row as it was before, and a projection that has to be made again.
    let database = rusqlite_open(&world);
    database
        .execute_batch(
            "UPDATE approval SET state = 'pending', version = 1, grant_digest = NULL,
             grant_policy_rev = NULL, grant_expires_at = NULL, grant_uses = NULL;
             DELETE FROM approval_vote; DELETE FROM approval_edit; DELETE FROM projection;",
        )
        .expect("rewound");
    drop(database);
    let runtime = world.open();
    let row = runtime.approval(&agent(), &id).expect("a row");
    assert_eq!(row.approval.state, State::ApprovedEdited);
    assert!(row.asked.detail.contains("edited_arguments"));
    let run = check(&runtime, &with("refund", 90, &id));
    assert_eq!(run.decision.effect, Effect::Allow);
    end(runtime);
}

fn rusqlite_open(world: &World) -> rusqlite::Connection {
    rusqlite::Connection::open(world.dir.path().join("interlock.db")).expect("a database")
}

/// After a start that has many rows to make, what is missing is said, and nothing waits for it in vain.
#[test]
fn a_review_says_what_it_misses_while_rows_are_made() {
    let mut world = World::policy(ASK);
    let runtime = world.open();
    check(&runtime, &refund("lookup", 1, ""));
    let id = ask(&runtime, "refund", 900);
    caught_up(&runtime);
    end(runtime);
    lose_rows(&world);
    world.backlog = Some(0);
    // Rows cannot be written for now.
    let path = world.dir.path().join("interlock.db");
    let blocker = rusqlite::Connection::open(path).expect("the file");
    let locked = || blocker.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let runtime = world.try_open_then(locked).expect("it opens");
    let person = principal(Role::Approver, None);
    let review = runtime.review(&person, &id).expect("a review");
    assert!(review.behind > 0 && review.before.is_empty(), "{review:?}");
    assert_eq!(review.behind, runtime.behind(TENANT));
    // There is such a decision: it is not said that there is none.
    let edit = amount(90);
    for error in [
        answer(&runtime, &id, "ann", Say::Edit(&edit)).expect_err("it cannot be read"),
        runtime
            .preview_edit(&person, &id, &edit)
            .expect_err("it cannot be read"),
        runtime.listed(TENANT).expect_err("it is not"),
    ] {
        assert_eq!(error.code(), "lists.behind", "{error}");
    }
    blocker.execute_batch("ROLLBACK").expect("no lock");
    caught_up(&runtime);
    let review = runtime.review(&person, &id).expect("a review");
    assert_eq!((review.behind, review.before.len()), (0, 1));
    let state = answer(&runtime, &id, "ann", Say::Edit(&edit)).expect("an answer");
    assert_eq!(state, State::ApprovedEdited);
    runtime.listed(TENANT).expect("it is");
    end(runtime);
}
