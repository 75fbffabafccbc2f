//! Groups of alerts, mutes, stopped tools and responses.

use interlock_store::{
    AlertCause, AlertRow, AlertScope, GROUP_WINDOW_NS, GroupFilter, GroupState, KEY_GROUPS_MAX,
    MUTE_NS_MAX, Mute, NOTES_MAX, ResponseEnd, ResponseRow, Store, StoreError, ToolStop, Triage,
};

use super::Make;

pub(super) fn all(make: Make<'_>) {
    one_group_for_one_cause(&*make());
    a_flood_hides_nobody(&*make());
    people_do_not_overwrite_each_other(&*make());
    what_happens_again_is_open_again(&*make());
    mutes_hold_until_they_end(&*make());
    a_muted_finding_hides_no_other(&*make());
    tools_are_stopped_until_they_are_not(&*make());
    people_are_told_once_and_then_of_growth(&*make());
    one_key_takes_not_all_messages(&*make());
    a_rebuild_keeps_what_people_did(&*make());
    counts_are_of_one_subject(&*make());
    responses_begin_and_end_once(&*make());
}

fn row(seq: u64, agent: &str, level: &str, rule: &str) -> AlertRow {
    AlertRow {
        id: format!("alert-{seq}"),
        seq,
        agent_id: agent.to_owned(),
        action_id: Some(format!("d{seq}")),
        level: level.to_owned(),
        message: format!("message {seq}"),
        created: i64::try_from(seq).unwrap(),
        cause: AlertCause {
            kind: "decision".to_owned(),
            key_id: "k".to_owned(),
            rule: rule.to_owned(),
            detector: "pii".to_owned(),
            others: Vec::new(),
            code: "pii.iban".to_owned(),
            class: "file_write".to_owned(),
            tool: format!("tool-{seq}"),
            notify: Vec::new(),
        },
    }
}

fn put(store: &dyn Store, rows: &[AlertRow]) {
    store
        .apply_batch(&mut |batch| rows.iter().try_for_each(|row| batch.alert("t", row)))
        .unwrap();
}

fn groups(store: &dyn Store, filter: &GroupFilter) -> Vec<interlock_store::AlertGroup> {
    store.alert_groups("t", filter, 1_000, 1_000).unwrap()
}

fn only(store: &dyn Store) -> interlock_store::AlertGroup {
    let [group] = &*groups(store, &GroupFilter::default()) else {
        panic!("not one group");
    };
    group.clone()
}

fn one_group_for_one_cause(store: &dyn Store) {
    let rows = [
        row(1, "a", "low", "r"),
        row(2, "a", "critical", "r"),
        row(3, "a", "high", "r"),
    ];
    put(store, &rows);
    // What is projected again changes nothing.
    put(store, &rows[1..]);
    let group = only(store);
    assert_eq!(
        (group.count, &*group.level, &*group.message),
        (3, "critical", "message 2")
    );
    assert_eq!(
        (group.first_seen, group.last_seen, group.last_seq),
        (1, 3, 3)
    );
    assert_eq!(
        (&*group.first_alert, &*group.last_alert),
        ("alert-1", "alert-3")
    );
    assert_eq!((&*group.cause.rule, &*group.cause.detector), ("r", "pii"));
    let shown = store.group_alerts("t", &group.id, 2).unwrap();
    assert_eq!(shown, [rows[2].clone(), rows[1].clone()]);
    // Another agent, rule, detector, kind or class of action is another group; text is not.
    let mut others: Vec<AlertRow> = (10..16).map(|seq| row(seq, "a", "low", "r")).collect();
    others[0].agent_id = "b".into();
    others[1].cause.rule = "q".into();
    others[2].cause.detector = "xss".into();
    others[2].cause.others = vec!["ssrf".into()];
    others[3].cause.kind = "deep-model".into();
    others[4].cause.class = "custom".into();
    others[5].message = "something else".into();
    others[5].cause.tool = "another".into();
    put(store, &others);
    assert_eq!(groups(store, &GroupFilter::default()).len(), 6);
    for (detector, count) in [("xss", 1), ("ssrf", 1), ("pii", 5), ("ss", 0)] {
        let filter = GroupFilter {
            detector: Some(detector.to_owned()),
            ..GroupFilter::default()
        };
        assert_eq!(groups(store, &filter).len(), count, "{detector}");
    }
    let filter = GroupFilter {
        agent_id: Some("b".into()),
        ..GroupFilter::default()
    };
    assert_eq!(groups(store, &filter).len(), 1);
    let filter = GroupFilter {
        rank_min: 3,
        ..GroupFilter::default()
    };
    assert_eq!(
        groups(store, &filter),
        [store.alert_group("t", &group.id, 1_000).unwrap()]
    );
    // Page by page.
    let mut paged = Vec::new();
    let mut before = None;
    while let [next] = &*store
        .alert_groups(
            "t",
            &GroupFilter {
                before: before.take(),
                ..GroupFilter::default()
            },
            0,
            1,
        )
        .unwrap()
    {
        before = Some((next.last_seq, next.id.clone()));
        paged.push(next.clone());
    }
    assert_eq!(paged, groups(store, &GroupFilter::default()));
    // After a day of silence it is a new one.
    let mut later = row(20, "a", "low", "r");
    later.created = 15 + GROUP_WINDOW_NS;
    put(store, &[later.clone()]);
    assert_eq!(groups(store, &GroupFilter::default()).len(), 6);
    later.id = "alert-21".into();
    later.seq = 21;
    later.created += GROUP_WINDOW_NS + 1;
    put(store, &[later]);
    assert_eq!(groups(store, &GroupFilter::default()).len(), 7);
    assert!(
        store
            .alert_group("other", &group.id, 0)
            .unwrap_err()
            .is_not_found()
    );
    assert_eq!(
        store
            .alert_groups("other", &GroupFilter::default(), 0, 10)
            .unwrap(),
        []
    );
}

fn a_flood_hides_nobody(store: &dyn Store) {
    let most = u64::try_from(KEY_GROUPS_MAX).unwrap();
    let names = most + 50;
    let flood: Vec<AlertRow> = (1..=names)
        .map(|seq| {
            let mut row = row(seq, &format!("fake-{seq}"), "low", "r");
            row.created = 5;
            row
        })
        .collect();
    put(store, &flood);
    let mut worse = row(names + 1, "fake-x", "critical", "r");
    worse.created = 5;
    let mut other = row(names + 2, "victim", "low", "r");
    other.cause.key_id = "another".into();
    other.created = 5;
    put(store, &[worse, other]);
    let mut found = store
        .alert_groups("t", &GroupFilter::default(), 0, 1_000)
        .unwrap();
    let last = found.last().unwrap();
    let filter = GroupFilter {
        before: Some((last.last_seq, last.id.clone())),
        ..GroupFilter::default()
    };
    found.extend(store.alert_groups("t", &filter, 0, 1_000).unwrap());
    // Those that have a place, one for the mild rest, one for the bad rest, and the victim's.
    assert_eq!(found.len(), KEY_GROUPS_MAX + 3);
    let victim = found.iter().find(|g| g.agent_id == "victim").unwrap();
    assert!(!victim.overflow);
    let over: Vec<_> = found.iter().filter(|g| g.overflow).collect();
    let counts: Vec<_> = over
        .iter()
        .map(|g| (&*g.level, g.count, &*g.agent_id))
        .collect();
    assert_eq!(counts, [("critical", 1, ""), ("low", 50, "")]);
}

fn change(version: u64, state: Option<GroupState>) -> Triage {
    Triage {
        version,
        state,
        by: "ann".into(),
        ..Triage::default()
    }
}

fn people_do_not_overwrite_each_other(store: &dyn Store) {
    put(store, &[row(1, "a", "low", "r")]);
    let id = only(store).id;
    let first = Triage {
        assignee: Some("bo".into()),
        comment: Some("looking".into()),
        ..change(0, Some(GroupState::Acknowledged))
    };
    let group = store.triage("t", &id, &first, 50).unwrap();
    assert_eq!(
        (group.state, &*group.assignee, group.version),
        (GroupState::Acknowledged, "bo", 1)
    );
    assert_eq!(group.changed, Some((50, "ann".into())));
    assert_eq!(
        store.alert("t", "alert-1").unwrap().acknowledged,
        Some((50, "ann".into()))
    );
    assert_eq!(store.stats("t").unwrap().alerts_open, 0);
    let late = store.triage("t", &id, &change(0, Some(GroupState::Open)), 51);
    assert!(
        matches!(
            late,
            Err(StoreError::Version {
                expected: 0,
                found: 1,
                ..
            })
        ),
        "{late:?}"
    );
    let notes: Vec<_> = store.group_notes("t", &id).unwrap();
    let notes: Vec<_> = notes.iter().map(|n| (&*n.what, &*n.text, &*n.by)).collect();
    let wanted = [
        ("acknowledged", "", "ann"),
        ("assigned", "bo", "ann"),
        ("comment", "looking", "ann"),
    ];
    assert_eq!(notes, wanted);
    // The state stays where only the assignee changes.
    let none = Triage {
        assignee: Some(String::new()),
        ..change(1, None)
    };
    let group = store.triage("t", &id, &none, 52).unwrap();
    assert_eq!(
        (group.state, &*group.assignee),
        (GroupState::Acknowledged, "")
    );
    for version in 2..u64::try_from(NOTES_MAX).unwrap() + 10 {
        let comment = Triage {
            comment: Some(version.to_string()),
            ..change(version, None)
        };
        store.triage("t", &id, &comment, 53).unwrap();
    }
    let notes = store.group_notes("t", &id).unwrap();
    assert_eq!(
        (notes.len(), &*notes.last().unwrap().text),
        (NOTES_MAX, "209")
    );
    assert!(
        store
            .triage("other", &id, &change(0, None), 1)
            .unwrap_err()
            .is_not_found()
    );
    let long = Triage {
        comment: Some("x".repeat(5_000)),
        ..change(0, None)
    };
    assert!(matches!(
        store.triage("t", &id, &long, 1),
        Err(StoreError::Invalid { .. })
    ));
}

fn what_happens_again_is_open_again(store: &dyn Store) {
    put(store, &[row(1, "a", "low", "r"), row(2, "a", "low", "r")]);
    let id = only(store).id;
    // Somebody resolves what they saw; what they had not seen is still open.
    let resolve = Triage {
        seen_seq: Some(1),
        ..change(0, Some(GroupState::Resolved))
    };
    let group = store.triage("t", &id, &resolve, 10).unwrap();
    assert_eq!((group.state, group.reopened), (GroupState::Open, true));
    let group = store
        .triage("t", &id, &change(1, Some(GroupState::Resolved)), 11)
        .unwrap();
    assert_eq!((group.state, group.reopened), (GroupState::Resolved, false));
    let open = GroupFilter {
        state: Some(GroupState::Open),
        ..GroupFilter::default()
    };
    assert_eq!(groups(store, &open), []);
    put(store, &[row(3, "a", "low", "r")]);
    let group = only(store);
    assert_eq!(
        (group.state, group.reopened, group.count),
        (GroupState::Open, true, 3)
    );
    assert_eq!(groups(store, &open).len(), 1);
    assert_eq!(store.alert("t", "alert-3").unwrap().acknowledged, None);
    assert_eq!(store.alerts("t", Some(false), None, 10).unwrap().len(), 1);
    assert_eq!(store.stats("t").unwrap().alerts_open, 1);
}

fn mute(id: &str, agent: &str) -> Mute {
    Mute {
        id: id.to_owned(),
        fingerprint: String::new(),
        agent_id: agent.to_owned(),
        rule: String::new(),
        detector: String::new(),
        reason: "known".to_owned(),
        by: "ann".to_owned(),
        created: 100,
        expires: 2_000,
        ended: None,
    }
}

fn mutes_hold_until_they_end(store: &dyn Store) {
    put(
        store,
        &[row(1, "a", "critical", "r"), row(2, "b", "low", "r")],
    );
    store.insert_mute("t", &mute("m1", "a")).unwrap();
    let silent = GroupFilter {
        muted: Some(true),
        ..GroupFilter::default()
    };
    let heard = GroupFilter {
        muted: Some(false),
        ..GroupFilter::default()
    };
    let [muted] = &*groups(store, &silent) else {
        panic!()
    };
    assert_eq!(
        (&*muted.agent_id, muted.muted_by.as_deref()),
        ("a", Some("m1"))
    );
    let [other] = &*groups(store, &heard) else {
        panic!()
    };
    assert_eq!((&*other.agent_id, other.muted_by.as_deref()), ("b", None));
    // It is counted all the same.
    put(store, &[row(3, "a", "critical", "r")]);
    assert_eq!(groups(store, &silent)[0].count, 2);
    assert_eq!(store.alert_groups("t", &silent, 2_000, 10).unwrap(), []);
    let ended = store.end_mute("t", "m1", "bo", 500).unwrap();
    assert_eq!(ended.ended, Some((500, "bo".into())));
    assert_eq!(store.end_mute("t", "m1", "cy", 501).unwrap(), ended);
    assert_eq!(groups(store, &silent), []);
    assert_eq!(store.mutes("t", Some(501), 10).unwrap(), []);
    assert_eq!(store.mutes("t", None, 10).unwrap(), [ended]);
    assert!(
        store
            .end_mute("other", "m1", "x", 1)
            .unwrap_err()
            .is_not_found()
    );
    for (wrong, why) in [
        (
            Mute {
                agent_id: String::new(),
                ..mute("m", "a")
            },
            "filter",
        ),
        (
            Mute {
                reason: " ".into(),
                ..mute("m", "a")
            },
            "reason",
        ),
        (
            Mute {
                expires: 100,
                ..mute("m", "a")
            },
            "expires",
        ),
        (
            Mute {
                expires: 101 + MUTE_NS_MAX,
                ..mute("m", "a")
            },
            "expires",
        ),
    ] {
        match store.insert_mute("t", &wrong) {
            Err(StoreError::Invalid { field, .. }) => assert_eq!(field, why),
            other => panic!("{why}: {other:?}"),
        }
    }
}

fn a_muted_finding_hides_no_other(store: &dyn Store) {
    put(store, &[row(1, "a", "low", "r")]);
    let of = |id: &str, detector: &str| Mute {
        detector: detector.to_owned(),
        ..mute(id, "a")
    };
    store.insert_mute("t", &of("m1", "pii")).unwrap();
    assert_eq!(only(store).muted_by.as_deref(), Some("m1"));
    // One that joins the group brings a milder finding along.
    let mut more = row(2, "a", "low", "r");
    more.cause.others = vec!["xss".to_owned(), "sql_injection".to_owned()];
    put(store, &[more.clone()]);
    assert_eq!(only(store).muted_by, None);
    let mut listed = only(store).cause.others;
    listed.sort_unstable();
    assert_eq!(listed, ["sql_injection", "xss"]);
    assert_eq!(store.alerts_after("t", 1, 1).unwrap(), [more.clone()]);
    let heard = GroupFilter {
        muted: Some(false),
        ..GroupFilter::default()
    };
    assert_eq!(groups(store, &heard).len(), 1);
    store.insert_mute("t", &of("m2", "xss")).unwrap();
    assert_eq!(only(store).muted_by, None);
    // Mutes for each of them together do.
    store.insert_mute("t", &of("m3", "sql_injection")).unwrap();
    assert_eq!(only(store).muted_by.as_deref(), Some("m1"));
    store.end_mute("t", "m1", "bo", 200).unwrap();
    assert_eq!(only(store).muted_by, None);
    // So does one for any detector.
    store.insert_mute("t", &of("m4", "")).unwrap();
    assert_eq!(only(store).muted_by.as_deref(), Some("m4"));
    // It counts for each of its detectors, also after a rebuild.
    let count = |detector: &str| {
        let found = store.alerts_within("t", AlertScope::Detector, detector, 1, 0, 9, 10);
        found.unwrap()
    };
    assert_eq!((count("pii").len(), count("ssrf").len()), (2, 0));
    let [counted] = &*count("xss") else { panic!() };
    assert_eq!((&*counted.id, &*counted.tool), ("alert-2", "tool-2"));
    assert_eq!(counted.detectors, ["pii", "xss", "sql_injection"]);
    store.reset_projection().unwrap();
    assert_eq!(count("xss"), []);
    put(store, &[more]);
    assert_eq!(count("xss").len(), 1);
}

fn tools_are_stopped_until_they_are_not(store: &dyn Store) {
    let stop = |id: &str, tool: &str, expires| ToolStop {
        id: id.to_owned(),
        tool: tool.to_owned(),
        agent_id: String::new(),
        reason: "incident".to_owned(),
        by: "ann".to_owned(),
        created: 100,
        expires,
        ended: None,
    };
    let before = store.epochs("t").unwrap().control;
    store
        .insert_tool_stop("t", &stop("s1", "mail*", None))
        .unwrap();
    store
        .insert_tool_stop("t", &stop("s2", "shell", Some(200)))
        .unwrap();
    assert_eq!(store.epochs("t").unwrap().control, before + 2);
    assert_eq!(store.tool_stops("t", Some(150), 10).unwrap().len(), 2);
    assert_eq!(
        store.tool_stops("t", Some(200), 10).unwrap(),
        [stop("s1", "mail*", None)]
    );
    let ended = store.end_tool_stop("t", "s1", "bo", 300).unwrap();
    assert_eq!(ended.ended, Some((300, "bo".into())));
    assert_eq!(store.tool_stop("t", "s1").unwrap(), ended);
    for (tenant, id) in [("t", "s3"), ("other", "s1")] {
        let none = store.tool_stop(tenant, id).unwrap_err();
        assert!(none.is_not_found());
    }
    assert_eq!(store.tool_stops("t", Some(300), 10).unwrap(), []);
    assert_eq!(store.tool_stops("t", None, 10).unwrap().len(), 2);
    assert!(
        store
            .end_tool_stop("other", "s2", "x", 1)
            .unwrap_err()
            .is_not_found()
    );
    for wrong in ["", "*", "a*b", "**"] {
        let refused = store.insert_tool_stop("t", &stop("s", wrong, None));
        assert!(
            matches!(refused, Err(StoreError::Invalid { field: "tool", .. })),
            "{wrong}"
        );
    }
}

fn people_are_told_once_and_then_of_growth(store: &dyn Store) {
    let told = |now| -> Vec<String> {
        store.tell_groups(now, 100, 3, 3, 10).unwrap();
        let rows = store.outbox(10).unwrap();
        if let Some(last) = rows.last() {
            store.outbox_done(last.seq).unwrap();
        }
        rows.iter()
            .map(|r| format!("{} {} {}", r.topic, r.state, r.version))
            .collect()
    };
    let tell = |seq, agent: &str, level| {
        let mut row = row(seq, agent, level, "r");
        row.cause.notify = vec!["team".to_owned()];
        row
    };
    put(
        store,
        &[
            row(1, "quiet", "critical", "r"),
            tell(2, "a", "medium"),
            tell(3, "a", "low"),
        ],
    );
    assert_eq!(told(10), ["alert.new medium 2"]);
    assert_eq!(told(11), [""; 0]);
    put(store, &[tell(4, "a", "low")]);
    // Not one message for each: growth waits until it was quiet for a while.
    assert_eq!(told(12), [""; 0]);
    assert_eq!(told(110), ["alert.digest medium 3"]);
    put(store, &[tell(5, "a", "critical")]);
    assert_eq!(told(111), ["alert.worse critical 4"]);
    let id = groups(
        store,
        &GroupFilter {
            agent_id: Some("a".into()),
            ..GroupFilter::default()
        },
    )[0]
    .id
    .clone();
    store
        .triage("t", &id, &change(0, Some(GroupState::Resolved)), 112)
        .unwrap();
    // Who keeps a state of their own hears that it is over.
    assert_eq!(told(113), ["alert.resolved critical 4"]);
    put(store, &[tell(6, "a", "low")]);
    assert_eq!(told(114), ["alert.again critical 5"]);
    let acknowledged = Some(GroupState::Acknowledged);
    for version in 1..3 {
        store
            .triage("t", &id, &change(version, acknowledged), 115)
            .unwrap();
    }
    let words = Triage {
        comment: Some("on it".to_owned()),
        ..change(3, None)
    };
    store.triage("t", &id, &words, 117).unwrap();
    // Once: what is the same state again, or a comment, is no news.
    assert_eq!(told(118), ["alert.acknowledged critical 5"]);
    let quiet = groups(store, &GroupFilter::default());
    let quiet = quiet.iter().find(|g| g.agent_id == "quiet").unwrap();
    store
        .triage("t", &quiet.id, &change(0, Some(GroupState::Resolved)), 119)
        .unwrap();
    // Nobody was told of it, so that there is nothing to end.
    assert_eq!(told(119), [""; 0]);
    // Who is muted waits; what is over the hour's share waits, the worst first.
    store.insert_mute("t", &mute("m1", "silent")).unwrap();
    put(
        store,
        &[
            tell(7, "silent", "critical"),
            tell(8, "b", "low"),
            tell(9, "c", "high"),
            tell(10, "d", "low"),
        ],
    );
    assert_eq!(told(120), ["alert.new high 1", "alert.new low 1"]);
    assert_eq!(told(121), [""; 0]);
    let hour = 3_600 * 1_000_000_000;
    assert_eq!(
        told(hour + 200),
        ["alert.new critical 1", "alert.new low 1"]
    );
}

fn one_key_takes_not_all_messages(store: &dyn Store) {
    let mut rows: Vec<AlertRow> = (1..=9)
        .map(|seq| row(seq, &format!("fake-{seq}"), "critical", "r"))
        .collect();
    rows[8].cause.key_id = "another".into();
    rows[8].level = "low".into();
    for row in &mut rows {
        row.cause.notify = vec!["team".to_owned()];
    }
    put(store, &rows);
    let told = store.tell_groups(20, 100, 30, 2, 100).unwrap();
    assert_eq!(told.len(), 3, "two of the one, and the other's");
    assert_eq!(store.outbox(10).unwrap().last().unwrap().state, "low");
    assert_eq!(store.tell_groups(21, 100, 30, 2, 100).unwrap(), []);
}

fn a_rebuild_keeps_what_people_did(store: &dyn Store) {
    let rows = [row(1, "a", "low", "r"), row(2, "a", "high", "r")];
    put(store, &rows);
    let id = only(store).id;
    store
        .triage("t", &id, &change(0, Some(GroupState::Acknowledged)), 9)
        .unwrap();
    let before = only(store);
    store.reset_projection().unwrap();
    assert_eq!(groups(store, &GroupFilter::default()), []);
    put(store, &rows);
    assert_eq!(only(store), before);
}

fn counts_are_of_one_subject(store: &dyn Store) {
    let mut rows: Vec<AlertRow> = (1..=9).map(|seq| row(seq, "a", "low", "r")).collect();
    rows[1].level = "critical".into();
    rows[3].level = "high".into();
    rows[5].agent_id = "b".into();
    rows[7].cause.kind = "response".into();
    rows[7].level = "critical".into();
    rows[8].cause.tool = "tool-2".into();
    put(store, &rows);
    let count = |scope, subject: &str, rank, since, through, limit| {
        store
            .alerts_within("t", scope, subject, rank, since, through, limit)
            .unwrap()
            .into_iter()
            .map(|counted| counted.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        count(AlertScope::Agent, "a", 3, 0, 9, 10),
        ["alert-4", "alert-2"]
    );
    assert_eq!(count(AlertScope::Agent, "a", 3, 3, 9, 10), ["alert-4"]);
    assert_eq!(count(AlertScope::Agent, "a", 3, 0, 3, 10), ["alert-2"]);
    assert_eq!(
        count(AlertScope::Agent, "a", 1, 0, 9, 2),
        ["alert-9", "alert-7"]
    );
    assert_eq!(
        count(AlertScope::Tool, "tool-2", 1, 0, 9, 10),
        ["alert-9", "alert-2"]
    );
    assert_eq!(count(AlertScope::Detector, "pii", 1, 0, 9, 10).len(), 8);
    assert_eq!(store.alerts_after("t", 7, 10).unwrap().len(), 2);
    assert_eq!(store.response_mark("t").unwrap(), 0);
    store.set_response_mark("t", Some(5)).unwrap();
    store.set_response_mark("t", Some(3)).unwrap();
    assert_eq!(store.response_mark("t").unwrap(), 5);
    store.set_response_mark("t", None).unwrap();
    assert_eq!(store.response_mark("t").unwrap(), 9);
    store.set_response_mark("empty", None).unwrap();
    assert_eq!(store.response_mark("empty").unwrap(), 0);
}

fn responses_begin_and_end_once(store: &dyn Store) {
    let row = |id: &str, seq: u64| ResponseRow {
        id: id.to_owned(),
        seq,
        rule: "r".to_owned(),
        subject: "agent:a".to_owned(),
        agent_id: "a".to_owned(),
        action: "rollback".to_owned(),
        last: 3,
        dry_run: false,
        capped: false,
        alerts: vec!["alert-1".to_owned()],
        at: i64::try_from(seq).unwrap(),
        ended: None,
    };
    let end = |result: &str| ResponseEnd {
        result: result.to_owned(),
        message: "ok".to_owned(),
        at: 7,
    };
    store
        .apply_batch(&mut |batch| {
            batch.response("t", &row("x", 4))?;
            batch.response("t", &row("y", 5))?;
            batch.response("t", &row("x", 6))?;
            batch.response_ended("t", "x", &end("done"))?;
            batch.response_ended("t", "x", &end("failed"))?;
            batch.response_ended("t", "unknown", &end("failed"))
        })
        .unwrap();
    let done = ResponseRow {
        ended: Some(end("done")),
        ..row("x", 4)
    };
    assert_eq!(
        store.responses("t", false, 10).unwrap(),
        [row("y", 5), done]
    );
    assert_eq!(store.responses("t", true, 10).unwrap(), [row("y", 5)]);
    assert_eq!(store.last_response("t", "r", "agent:a").unwrap(), Some(5));
    assert_eq!(store.last_response("t", "r", "agent:b").unwrap(), None);
    assert_eq!(store.responses("other", false, 10).unwrap(), []);
}
