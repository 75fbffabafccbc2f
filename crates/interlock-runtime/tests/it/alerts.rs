//! Groups of alerts, mutes, stopped tools and automatic responses, through the runtime.

use std::sync::Arc;
use std::time::Duration;

use interlock_core::model::{Effect, Principal, Value, reason::code};
use interlock_runtime::{
    Clock, Options, ResponseAction, ResponseRule, ResponseRules, ResponseScope, Runtime,
    RuntimeError, SentRecord,
};
use interlock_store::journal::fault::{FaultVfs, Survival};
use interlock_store::journal::{Journal, JournalOptions};
use interlock_store::{
    AlertGroup, GroupFilter, GroupState, Mute, SqliteOptions, SqliteStore, ToolStop, Triage,
};

use crate::world::{HOUR, MINUTE, SECOND, TENANT, World, check, end, expect, records};

const POLICY: &str = "interlock: 1\ndefault: allow\nrules:\n  - id: no-shell\n    match: { tool: [shell] }\n    effect: block\n    notify: [team]\n  - id: watch-mail\n    match: { tool: [mail] }\n    effect: alert\n";

fn call(agent: &str, tool: &str, n: usize) -> String {
    format!(
        r#"{{"agent_id":"{agent}","action_type":"api_call","tool":"{tool}","resource":"x/{n}"}}"#
    )
}

fn groups(runtime: &Runtime) -> Vec<AlertGroup> {
    assert!(runtime.projected(Duration::from_secs(300)).expect("rows"));
    let now = runtime.now();
    let store = runtime.store();
    store
        .alert_groups(TENANT, &GroupFilter::default(), now, 1_000)
        .expect("groups")
}

fn of<'a>(groups: &'a [AlertGroup], agent: &str) -> Vec<&'a AlertGroup> {
    groups.iter().filter(|g| g.agent_id == agent).collect()
}

fn rule(action: ResponseAction) -> ResponseRule {
    ResponseRule {
        id: "runaway".to_owned(),
        enabled: true,
        scope: ResponseScope::Agent,
        level: "low".to_owned(),
        count: 3,
        window_s: 60,
        agent: None,
        detector: None,
        action,
        last: if action == ResponseAction::Rollback {
            2
        } else {
            0
        },
        notify: vec!["team".to_owned()],
        cool_down_s: 600,
        dry_run: false,
    }
}

fn arm(runtime: &Runtime, rules: Vec<ResponseRule>, agents_per_hour: u32) {
    let rules = ResponseRules {
        version: runtime.response_rules(TENANT).version,
        agents_per_hour,
        rules,
    };
    runtime
        .set_response_rules(TENANT, "admin", &rules)
        .expect("rules");
}

fn what(body: &Value) -> &str {
    let name = body.get("what").or_else(|| body.get("alert"));
    name.and_then(Value::as_str).unwrap_or_default()
}

/// How many entries of the record say this.
fn said(runtime: &Runtime, kind: &str, name: &str) -> usize {
    records(runtime, kind)
        .iter()
        .filter(|body| what(body) == name)
        .count()
}

/// How many responses there were, once all alerts that are projected are answered to. The runtime's
/// own clock may have done it before.
fn answered(runtime: &Runtime) -> usize {
    runtime.tick();
    said(runtime, "alert", "response")
}

fn is_paused(runtime: &Runtime, agent: &str) -> bool {
    runtime
        .store()
        .agent(TENANT, agent)
        .is_ok_and(|row| row.paused)
}

/// The 100,000 alerts of one hostile agent, a twentieth of them without `INTERLOCK_SOAK`.
#[test]
fn a_flood_is_few_groups_and_hides_nobody() {
    let soak = std::env::var_os("INTERLOCK_SOAK").is_some();
    let flood = if soak { 100_000 } else { 5_000 };
    let world = World::policy(POLICY);
    let runtime = world.open();
    check(&runtime, &call("victim", "shell", 0));
    for n in 0..flood {
        // Types, tools, resources and texts of its own choice.
        let json = format!(
            r#"{{"agent_id":"hostile","action_type":"my.type-{n}","tool":"{}","resource":"r/{n}","arguments":{{"text":"<b>{n}</b>"}},"session_id":"s{n}","run_id":"r{n}"}}"#,
            if n % 2 == 0 { "shell" } else { "mail" }
        );
        check(&runtime, &json);
    }
    let all = groups(&runtime);
    let hostile = of(&all, "hostile");
    assert!(hostile.len() <= 24, "{} groups of one agent", hostile.len());
    let counted: u64 = hostile.iter().map(|g| g.count).sum();
    assert!(counted >= flood as u64, "{counted}");
    assert_eq!(of(&all, "victim").len(), 1);
    end(runtime);
}

#[test]
fn people_work_on_groups_and_the_record_says_who() {
    let world = World::policy(POLICY);
    let runtime = world.open();
    check(&runtime, &call("bot", "shell", 1));
    let all = groups(&runtime);
    let [group] = &*all else { panic!("{all:?}") };
    assert_eq!(
        (&*group.cause.rule, group.cause.notify.as_slice()),
        ("no-shell", &["team".to_owned()][..])
    );
    let change = |version, state, comment: Option<&str>| Triage {
        version,
        state,
        comment: comment.map(str::to_owned),
        assignee: Some("bo".to_owned()),
        by: "ann".to_owned(),
        ..Triage::default()
    };
    let taken = change(0, Some(GroupState::Acknowledged), Some("secret words"));
    runtime.triage(TENANT, &group.id, &taken).expect("taken");
    // Two people at once: the second one is told, and nothing of theirs is on record.
    let late = runtime.triage(
        TENANT,
        &group.id,
        &change(0, Some(GroupState::Resolved), None),
    );
    assert!(matches!(late, Err(RuntimeError::Store(_))), "{late:?}");
    assert_eq!(said(&runtime, "config-change", "alert-group-changed"), 1);
    let entry = records(&runtime, "config-change");
    let entry = entry
        .iter()
        .find(|b| what(b) == "alert-group-changed")
        .expect("an entry");
    assert_eq!(entry.get("actor").and_then(Value::as_str), Some("ann"));
    assert!(entry.get("comment_hash").is_some() && !format!("{entry:?}").contains("secret"));
    runtime
        .triage(
            TENANT,
            &group.id,
            &change(1, Some(GroupState::Resolved), None),
        )
        .expect("resolved");
    // It happens again, which opens it again, also after a restart.
    check(&runtime, &call("bot", "shell", 2));
    assert!(groups(&runtime)[0].reopened);
    end(runtime);
    let runtime = world.open();
    let again = &groups(&runtime)[0];
    assert_eq!(
        (again.state, again.reopened, again.count),
        (GroupState::Open, true, 2)
    );
    assert_eq!((&*again.assignee, again.version), ("bo", 2));
    end(runtime);
}

#[test]
fn a_mute_changes_no_decision_and_no_response() {
    let world = World::policy(POLICY);
    let runtime = world.open();
    arm(&runtime, vec![rule(ResponseAction::Pause)], 10);
    let mute = Mute {
        id: String::new(),
        fingerprint: String::new(),
        agent_id: "bot".to_owned(),
        rule: String::new(),
        detector: String::new(),
        reason: "noise".to_owned(),
        by: "ann".to_owned(),
        created: 0,
        expires: runtime.now() + HOUR,
        ended: None,
    };
    let mute = runtime.mute(TENANT, &mute).expect("muted");
    assert_eq!(said(&runtime, "config-change", "alerts-muted"), 1);
    for n in 0..3 {
        expect(
            &runtime,
            &call("bot", "shell", n),
            Effect::Block,
            code::RULE,
        );
    }
    assert!(
        groups(&runtime)
            .iter()
            .all(|g| g.muted_by.as_deref() == Some(&*mute.id))
    );
    assert_eq!(groups(&runtime)[0].count, 3);
    runtime.tick();
    assert!(is_paused(&runtime, "bot"));
    runtime.unmute(TENANT, "bo", &mute.id).expect("ended");
    runtime
        .unmute(TENANT, "cy", &mute.id)
        .expect("ended before");
    assert_eq!(said(&runtime, "config-change", "alerts-unmuted"), 1);
    let forever = Mute {
        expires: runtime.now() + 91 * 24 * HOUR,
        ..mute
    };
    assert!(runtime.mute(TENANT, &forever).is_err());
    end(runtime);
}

#[test]
fn a_stopped_tool_stays_stopped_until_somebody_says_so() {
    let world = World::policy(POLICY);
    let runtime = world.open();
    let allowed = |runtime: &Runtime, agent: &str, tool: &str| {
        check(runtime, &call(agent, tool, 0)).decision.effect == Effect::Allow
    };
    assert!(allowed(&runtime, "bot", "db.query"));
    let all = runtime
        .stop_tool(TENANT, "ann", "db.*", "", "incident", None)
        .expect("stopped");
    let one = runtime
        .stop_tool(TENANT, "ann", "fetch", "bot", "", Some(60))
        .expect("stopped");
    let stopped = expect(
        &runtime,
        &call("bot", "DB.query", 0),
        Effect::Block,
        code::TOOL_STOPPED,
    );
    // What was read is on record, so that a replay decides the same.
    assert!(stopped.decision.readings.state.tool_stopped);
    assert!(allowed(&runtime, "bot", "dbx"));
    assert!(!allowed(&runtime, "bot", "fetch") && allowed(&runtime, "other", "fetch"));
    end(runtime);
    let runtime = world.open();
    assert!(!allowed(&runtime, "other", "db.x") && !allowed(&runtime, "bot", "fetch"));
    // It expires by itself, without a restart.
    world.advance(MINUTE);
    assert!(allowed(&runtime, "bot", "fetch"));
    assert!(runtime.start_tool(TENANT, "bo", "nothing").is_err());
    runtime.start_tool(TENANT, "bo", &all.id).expect("started");
    runtime
        .start_tool(TENANT, "cy", &all.id)
        .expect("started before");
    assert!(allowed(&runtime, "bot", "db.query"));
    assert_eq!(said(&runtime, "kill", "tool-stopped"), 2);
    assert_eq!(said(&runtime, "kill", "tool-started"), 1);
    // Its end holds only once it is on record; its begin does before.
    let again = runtime
        .stop_tool(TENANT, "ann", "db.*", "", "", None)
        .expect("stopped");
    runtime.journal().clone().close().expect("closed");
    assert!(runtime.start_tool(TENANT, "bo", &again.id).is_err());
    assert!(
        runtime
            .stop_tool(TENANT, "bo", "late", "", "", None)
            .is_err()
    );
    end(runtime);
    let runtime = world.open();
    assert!(!allowed(&runtime, "bot", "db.query") && !allowed(&runtime, "bot", "late"));
    assert!(one.expires.is_some());
    end(runtime);
}

#[test]
fn alerts_that_pile_up_pause_the_agent_once() {
    let world = World::policy(POLICY);
    let runtime = world.open();
    // What was before the rules sets nothing off.
    for n in 0..5 {
        check(&runtime, &call("early", "shell", n));
    }
    arm(&runtime, vec![rule(ResponseAction::Pause)], 10);
    assert_eq!(answered(&runtime), 0);
    for n in 0..2 {
        check(&runtime, &call("bot", "shell", n));
        check(&runtime, &call("other", "shell", n));
    }
    assert_eq!(answered(&runtime), 0);
    world.advance(2 * MINUTE);
    check(&runtime, &call("bot", "shell", 2));
    assert_eq!(answered(&runtime), 0, "two of the three are too old");
    for n in 3..5 {
        check(&runtime, &call("bot", "shell", n));
    }
    assert!(groups(&runtime).len() >= 3);
    assert_eq!(answered(&runtime), 1);
    assert!(is_paused(&runtime, "bot") && !is_paused(&runtime, "other"));
    assert_eq!(answered(&runtime), 1);
    let found = runtime.store().responses(TENANT, false, 10);
    runtime.projected(Duration::from_secs(5)).expect("rows");
    let found = found
        .and_then(|_| runtime.store().responses(TENANT, false, 10))
        .expect("rows");
    let [response] = &*found else {
        panic!("{found:?}")
    };
    assert_eq!(
        (response.alerts.len(), &*response.subject),
        (3, "agent:bot")
    );
    assert_eq!(response.ended.as_ref().map(|e| &*e.result), Some("done"));
    // It is a critical alert itself, told to the rule's people.
    let all = groups(&runtime);
    let own = all
        .iter()
        .find(|g| g.cause.kind == "response")
        .expect("an alert of it");
    assert_eq!(
        (&*own.level, &*own.agent_id, own.cause.notify.len()),
        ("critical", "bot", 1)
    );
    // What a stopped agent asks for is denied, alerts, and answers nothing more.
    for n in 10..20 {
        expect(
            &runtime,
            &call("bot", "db", n),
            Effect::Block,
            code::AGENT_PAUSED,
        );
    }
    world.advance(20 * MINUTE);
    for n in 20..30 {
        expect(
            &runtime,
            &call("bot", "db", n),
            Effect::Block,
            code::AGENT_PAUSED,
        );
    }
    groups(&runtime);
    assert_eq!(answered(&runtime), 1);
    // The record tells all of it, and who.
    let paused: Vec<Value> = records(&runtime, "config-change")
        .into_iter()
        .filter(|b| what(b) == "agent-changed")
        .collect();
    assert_eq!(paused.len(), 1);
    assert_eq!(
        paused[0].get("actor").and_then(Value::as_str),
        Some("response:runaway")
    );
    // A projection that is made again answers to nothing again.
    end(runtime);
    let runtime = world.open();
    assert_eq!(answered(&runtime), 1);
    assert_eq!(said(&runtime, "alert", "response"), 1);
    assert_eq!(said(&runtime, "alert", "response-ended"), 1);
    end(runtime);
}

#[test]
fn nobody_stops_every_agent_unnoticed() {
    let world = World::policy(POLICY);
    let runtime = world.open();
    arm(&runtime, vec![rule(ResponseAction::Pause)], 2);
    for agent in 0..5 {
        for n in 0..3 {
            check(&runtime, &call(&format!("bot-{agent}"), "shell", n));
        }
    }
    groups(&runtime);
    assert_eq!(answered(&runtime), 5);
    let paused = (0..5)
        .filter(|n| is_paused(&runtime, &format!("bot-{n}")))
        .count();
    assert_eq!(paused, 2);
    let all = groups(&runtime);
    assert_eq!(
        all.iter()
            .filter(|g| g.cause.kind == "response" && g.level == "critical")
            .count(),
        5
    );
    let rows = runtime.store().responses(TENANT, false, 10).expect("rows");
    let capped = rows.iter().filter(|r| r.capped);
    assert!(
        capped
            .clone()
            .all(|r| r.ended.as_ref().is_some_and(|e| e.result == "capped"))
    );
    assert_eq!(capped.count(), 3);
    // After the hour there is place again.
    world.advance(HOUR + SECOND);
    for n in 0..3 {
        check(&runtime, &call("bot-4", "shell", n));
    }
    groups(&runtime);
    runtime.tick();
    assert_eq!(
        (0..5)
            .filter(|n| is_paused(&runtime, &format!("bot-{n}")))
            .count(),
        3
    );
    end(runtime);
}

#[test]
fn names_without_end_hide_no_stop() {
    let world = World::policy(POLICY);
    let runtime = world.open();
    let loud = ResponseRule {
        id: "loud".to_owned(),
        count: 1,
        agent: Some("fake*".to_owned()),
        ..rule(ResponseAction::Alert)
    };
    arm(&runtime, vec![loud, rule(ResponseAction::Pause)], 1);
    for agent in 0..130 {
        check(&runtime, &call(&format!("fake-{agent}"), "shell", 0));
    }
    groups(&runtime);
    assert_eq!(answered(&runtime), 100);
    // One that stops an agent has its own share.
    for n in 0..3 {
        check(&runtime, &call("bot", "shell", n));
    }
    groups(&runtime);
    assert_eq!(answered(&runtime), 101);
    assert!(is_paused(&runtime, "bot"));
    end(runtime);
}

#[test]
fn no_agent_has_another_one_stopped() {
    let world = World::policy(POLICY);
    let runtime = world.open();
    let wide = |id: &str, scope, action| ResponseRule {
        id: id.to_owned(),
        scope,
        ..rule(action)
    };
    let rules = vec![
        wide("undo", ResponseScope::Tool, ResponseAction::Rollback),
        wide("halt", ResponseScope::Detector, ResponseAction::Pause),
        wide("tell", ResponseScope::Tool, ResponseAction::Alert),
    ];
    arm(&runtime, rules, 10);
    let bad =
        |agent: &str, n: usize| call(agent, "shell", n).replace("\"x/", "\"x?q=' OR '1'='1' --/");
    for n in 0..2 {
        check(&runtime, &bad("hostile", n));
    }
    check(&runtime, &bad("honest", 0));
    let all = groups(&runtime);
    assert!(
        all.iter()
            .all(|g| g.cause.others.iter().any(|other| other == "sql_injection")),
        "{all:?}"
    );
    // Three alerts with one tool: people are told, and nobody is stopped for another one's.
    assert_eq!(answered(&runtime), 1);
    assert!(!is_paused(&runtime, "honest") && !is_paused(&runtime, "hostile"));
    assert!(runtime.rollbacks(TENANT).is_empty());
    // What an agent does itself stops it, once by each rule.
    check(&runtime, &bad("hostile", 3));
    groups(&runtime);
    assert_eq!(answered(&runtime), 3);
    assert!(is_paused(&runtime, "hostile") && !is_paused(&runtime, "honest"));
    let [order] = &*runtime.rollbacks(TENANT) else {
        panic!("not one rollback")
    };
    assert_eq!(&*order.agent, "hostile");
    // And keeps the rules from stopping no other one.
    for n in 1..3 {
        check(&runtime, &bad("honest", n));
    }
    groups(&runtime);
    assert_eq!(answered(&runtime), 5);
    assert!(is_paused(&runtime, "honest"));
    end(runtime);
}

#[test]
fn a_stronger_finding_hides_no_other_from_a_response() {
    let world = World::policy(POLICY);
    let runtime = world.open();
    let both = |agent: &str| {
        format!(
            r#"{{"agent_id":"{agent}","action_type":"api_call","tool":"shell","resource":"x","arguments":{{"sql":"SELECT * FROM t WHERE a = '' OR '1'='1' -- ","card":"4111 1111 1111 1111","html":"<script>alert(1)</script>"}}}}"#
        )
    };
    check(&runtime, &both("probe"));
    let all = groups(&runtime);
    let [probe] = &*all else { panic!("{all:?}") };
    let milder = probe.cause.others.first().expect("two findings").clone();
    assert_ne!(milder, probe.cause.detector);
    let by = |id: &str, scope| ResponseRule {
        id: id.to_owned(),
        scope,
        count: 1,
        detector: Some(milder.clone()),
        ..rule(ResponseAction::Pause)
    };
    arm(&runtime, vec![by("filter", ResponseScope::Agent)], 10);
    check(&runtime, &both("one"));
    groups(&runtime);
    runtime.tick();
    assert!(is_paused(&runtime, "one"));
    arm(&runtime, vec![by("scope", ResponseScope::Detector)], 10);
    check(&runtime, &both("two"));
    groups(&runtime);
    runtime.tick();
    assert!(is_paused(&runtime, "two") && !is_paused(&runtime, "probe"));
    end(runtime);
}

/// The names in what clients decided are theirs; groups and people are not.
#[test]
fn clients_name_no_rule_and_tell_nobody() {
    let world = World::policy(POLICY);
    let runtime = world.open();
    let sent = |n: u64, rule: &str| {
        let id = format!("0190f3b0-0000-7000-8000-0000000000{n:02x}");
        SentRecord {
            seq: n,
            kind: "decision".to_owned(),
            body: format!(
                r#"{{"v":1,"ts":"2026-11-21T00:00:00Z","kind":"decision","id":"{id}","agent":"bot","session":"","type":"api_call","tool":"t","effect":"block","decided":"block","risk":70,"program":"00","rules":[["{rule}","rule","block",1,0]],"obligations":[["notify","board"]],"reasons":[]}}"#
            ),
        }
    };
    let mut records: Vec<SentRecord> = (0..20).map(|n| sent(n, &format!("made-up-{n}"))).collect();
    records.push(sent(20, "no-shell"));
    records.push(sent(21, &"x".repeat(100_000)));
    let taken = runtime
        .receive(&Principal::local(), "k", "log", &records)
        .expect("taken");
    assert_eq!((taken.taken, taken.refused.len()), (21, 1), "{taken:?}");
    assert!(taken.refused[0].1.contains("`rules`"), "{taken:?}");
    let check = |all: &[AlertGroup]| {
        let mut found: Vec<_> = all
            .iter()
            .map(|g| (&*g.cause.rule, g.count, g.cause.notify.join(",")))
            .collect();
        found.sort_unstable();
        let wanted = [("", 20, String::new()), ("no-shell", 1, "team".to_owned())];
        assert_eq!(found, wanted);
    };
    check(&groups(&runtime));
    end(runtime);
    let runtime = world.open();
    check(&groups(&runtime));
    end(runtime);
}

#[test]
fn a_stop_behind_many_others_is_ended() {
    let world = World::policy(POLICY);
    let runtime = world.open();
    let first = runtime
        .stop_tool(TENANT, "ann", "db.query", "", "", None)
        .expect("stopped");
    let store = runtime.store();
    for n in 0..1_001 {
        let later = ToolStop {
            id: format!("later-{n}"),
            created: first.created + 1 + n,
            ..first.clone()
        };
        store.insert_tool_stop(TENANT, &later).expect("stopped");
        store
            .end_tool_stop(TENANT, &later.id, "ann", later.created)
            .expect("ended");
    }
    let ended = runtime
        .start_tool(TENANT, "bo", &first.id)
        .expect("started");
    assert_eq!(ended.ended.map(|(_, by)| by).as_deref(), Some("bo"));
    expect(
        &runtime,
        &call("bot", "db.query", 0),
        Effect::Allow,
        code::DEFAULT,
    );
    end(runtime);
}

#[test]
fn a_dry_run_says_what_it_would_do() {
    let world = World::policy(POLICY);
    let runtime = world.open();
    let dry = ResponseRule {
        dry_run: true,
        ..rule(ResponseAction::Rollback)
    };
    let by_tool = ResponseRule {
        id: "mail".to_owned(),
        scope: ResponseScope::Tool,
        agent: Some("bot*".to_owned()),
        ..rule(ResponseAction::Alert)
    };
    arm(&runtime, vec![dry, by_tool], 10);
    for n in 0..3 {
        check(&runtime, &call("bot", "shell", n));
        check(&runtime, &call(&format!("bot{n}"), "mail", n));
        check(&runtime, &call(&format!("x{n}"), "mail", n));
    }
    groups(&runtime);
    assert_eq!(answered(&runtime), 2 + 1, "the shell is a tool as well");
    runtime.projected(Duration::from_secs(5)).expect("rows");
    assert!(!is_paused(&runtime, "bot") && runtime.rollbacks(TENANT).is_empty());
    let rows = runtime.store().responses(TENANT, false, 10).expect("rows");
    let mut seen: Vec<_> = rows
        .iter()
        .map(|r| (&*r.subject, &*r.ended.as_ref().expect("ended").result))
        .collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            ("agent:bot", "dry-run"),
            ("tool:mail", "done"),
            ("tool:shell", "done")
        ]
    );
    end(runtime);
}

#[test]
fn rules_out_of_their_limits_are_refused_by_name() {
    let world = World::policy(POLICY);
    let runtime = world.open();
    let good = rule(ResponseAction::Pause);
    let check = |field: &str, rule: ResponseRule| {
        let rules = ResponseRules {
            rules: vec![rule],
            ..ResponseRules::default()
        };
        match runtime.set_response_rules(TENANT, "admin", &rules) {
            Err(RuntimeError::Invalid(found, _)) => assert_eq!(found, field),
            other => panic!("{field}: {other:?}"),
        }
    };
    check(
        "id",
        ResponseRule {
            id: String::new(),
            ..good.clone()
        },
    );
    check(
        "level",
        ResponseRule {
            level: "loud".into(),
            ..good.clone()
        },
    );
    check(
        "count",
        ResponseRule {
            count: 0,
            ..good.clone()
        },
    );
    check(
        "count",
        ResponseRule {
            count: 101,
            ..good.clone()
        },
    );
    check(
        "window_s",
        ResponseRule {
            window_s: 0,
            ..good.clone()
        },
    );
    check(
        "cool_down_s",
        ResponseRule {
            cool_down_s: 9,
            ..good.clone()
        },
    );
    check(
        "last",
        ResponseRule {
            last: 1,
            ..good.clone()
        },
    );
    check(
        "last",
        ResponseRule {
            last: 0,
            ..rule(ResponseAction::Rollback)
        },
    );
    check(
        "notify",
        ResponseRule {
            notify: vec![String::new()],
            ..good.clone()
        },
    );
    check(
        "agent",
        ResponseRule {
            agent: Some(String::new()),
            ..good.clone()
        },
    );
    arm(&runtime, vec![good.clone()], 10);
    let stale = ResponseRules {
        rules: vec![good],
        ..ResponseRules::default()
    };
    let late = runtime.set_response_rules(TENANT, "admin", &stale);
    assert!(matches!(late, Err(RuntimeError::Conflict(_))), "{late:?}");
    end(runtime);
}

/// A runtime on this disk, with rows that outlive it.
fn on_disk(world: &World, disk: &FaultVfs) -> Runtime {
    let clock = Arc::clone(&world.clock);
    let (journal, _) = Journal::open_with(
        Arc::new(disk.clone()),
        JournalOptions {
            segment_bytes: 64 * 1024,
            reserve_bytes: 0,
            background: false,
            clock: Arc::new(move || u64::try_from(clock.now()).unwrap_or(0)),
            ..JournalOptions::default()
        },
    )
    .expect("a journal");
    let rows = world.dir.path().join("interlock.db");
    let store = SqliteStore::open(&rows, SqliteOptions::default()).expect("rows");
    let options = Options {
        policies: world.policies.clone(),
        clock: Arc::clone(&world.clock) as Arc<dyn Clock>,
        ..Options::on(world.dir.path())
    };
    Runtime::assemble(journal, Arc::new(store), options).expect("it opens")
}

/// Each operation of the journal's disk in a response is, once, the last one before a crash.
#[test]
fn a_response_is_carried_out_once_wherever_it_is_cut_off() {
    let mut cut = 0;
    for operation in 1.. {
        let world = World::policy(POLICY);
        let disk = FaultVfs::new();
        let runtime = on_disk(&world, &disk);
        arm(&runtime, vec![rule(ResponseAction::Rollback)], 10);
        for n in 0..3 {
            check(&runtime, &call("bot", "shell", n));
        }
        groups(&runtime);
        let before = said(&runtime, "alert", "response");
        disk.crash_at(disk.operations() + operation);
        runtime.tick();
        // A journal that has crashed takes nothing.
        let crashed = runtime.pause_agent(TENANT, "probe", "probe").is_err();
        end(runtime);
        let disk = disk.after_crash(Survival::Everything);
        let runtime = on_disk(&world, &disk);
        for _ in 0..3 {
            runtime.tick();
        }
        groups(&runtime);
        let case = format!("cut off at operation {operation}, {before} before");
        assert!(is_paused(&runtime, "bot"), "{case}");
        assert_eq!(said(&runtime, "alert", "response"), 1, "{case}");
        assert_eq!(said(&runtime, "alert", "response-ended"), 1, "{case}");
        let rows = runtime.store().responses(TENANT, false, 10).expect("rows");
        let [row] = &*rows else {
            panic!("{case}: {rows:?}")
        };
        assert_eq!(
            row.ended.as_ref().map(|e| &*e.result),
            Some("done"),
            "{case}"
        );
        let orders = runtime.rollbacks(TENANT);
        let [order] = &*orders else {
            panic!("{case}: {orders:?}")
        };
        assert_eq!((&*order.id, order.last), (&*row.id, 2), "{case}");
        // A person ends it, and it does not begin again by itself.
        let go = interlock_store::AgentChange {
            paused: Some(false),
            ..Default::default()
        };
        runtime
            .update_agent(TENANT, "ann", "bot", &go)
            .expect("it goes on");
        runtime.tick();
        assert!(!is_paused(&runtime, "bot"), "{case}");
        let allowed = runtime.check(
            &Principal::local(),
            crate::world::action(&call("bot", "db", 0)),
            &interlock_runtime::CheckOptions::default(),
        );
        assert_eq!(
            allowed.expect("a decision").decision.effect,
            Effect::Allow,
            "{case}"
        );
        end(runtime);
        if !crashed {
            break;
        }
        cut += 1;
    }
    assert!(
        cut >= 4,
        "a response is at least four entries, {cut} operations were cut off"
    );
}
