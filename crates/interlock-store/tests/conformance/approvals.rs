//! Approvals: that the store keeps what the state machine says.

use interlock_core::approval::{Event, Recheck, Refusal, ResolvedBy, State, Verdict};
use interlock_core::model::ActionDigest;
use interlock_store::{
    ApprovalFilter, Attempt, ChannelBacklog, InboxCursor, NewDelivery, Store, StoreError,
};

use super::{Make, asked, not_found, refused};

pub(super) fn all(make: Make<'_>) {
    request(&*make());
    every_field_of_every_state_is_kept(&*make());
    the_first_decision_stands(&*make());
    versions(&*make());
    time(&*make());
    inbox(&*make());
    outbox(&*make());
    what_channels_have_not_taken(&*make());
}

pub(super) fn vote(approver: &str, verdict: Verdict, seen: u8) -> Event {
    Event::Vote {
        approver: approver.to_owned(),
        verdict,
        seen: ActionDigest([seen; 32]),
        reason: format!("{approver} says so"),
        lapsed: Vec::new(),
    }
}

pub(super) fn claim(digest: u8, fence: u64) -> Event {
    Event::Claim {
        digest: ActionDigest([digest; 32]),
        policy_rev: 3,
        fence,
        lease_ns: 50,
        recheck: Recheck::Holds,
    }
}

fn request(store: &dyn Store) {
    not_found(store.approval("t", "p"));
    let mut full = asked("p", 1, 100);
    full.request.excluded = vec!["ana".into(), "\"o'wen\"".into()];
    full.request.quorum = 2;
    full.request.grant_ttl_ns = 77;
    let row = store.request_approval("t", &full, 5).unwrap();
    assert_eq!(row.asked, full);
    assert_eq!(
        (
            row.approval.state,
            row.approval.version,
            row.approval.requested_at
        ),
        (State::Pending, 1, 5)
    );
    assert_eq!(store.approval("t", "p").unwrap(), row);
    refused(
        store.request_approval("t", &asked("p", 2, 100), 6),
        "approval `p` already exists",
    );
    refused(
        store.request_approval("t", &asked("q", 2, 100), 100),
        "`expires_at` must be later than now",
    );
    refused(store.request_approval("t", &asked("", 2, 100), 1), "`id`");
    let mut long = asked("q", 1, 100);
    long.reason = "x".repeat(4_097);
    refused(store.request_approval("t", &long, 1), "`reason` is 4097");
    not_found(store.approval("t", "q"));
    assert_eq!(store.outbox(10).unwrap().len(), 1);
}

/// Walks all states and compares what was answered with what is read back.
fn every_field_of_every_state_is_kept(store: &dyn Store) {
    let resolve = |by| Event::Resolve {
        happened: false,
        by,
    };
    let report = |fence, succeeded| Event::Report { fence, succeeded };
    let approve = || vote("bo", Verdict::Approve, 1);
    let edit = || {
        let to = ActionDigest([2; 32]);
        vote("bo", Verdict::Edit { to }, 1)
    };
    let taken = || vec![(10, approve()), (11, claim(1, u64::MAX))];
    let lost = |last| {
        let mut events = taken();
        events.extend([(61, Event::Lose), (70, last)]);
        events
    };
    let with = |mut events: Vec<(i64, Event)>, last: (i64, Event)| {
        events.push(last);
        events
    };
    let walks = [
        (vec![(10, approve())], State::Approved),
        (vec![(10, edit())], State::ApprovedEdited),
        (vec![(10, vote("bo", Verdict::Deny, 1))], State::Denied),
        (vec![(100, Event::Expire)], State::Expired),
        (vec![(10, Event::Cancel)], State::Cancelled),
        (
            vec![(10, approve()), (11, Event::Supersede)],
            State::Superseded,
        ),
        (taken(), State::Claimed),
        (with(taken(), (12, report(u64::MAX, true))), State::Executed),
        (with(taken(), (12, report(u64::MAX, false))), State::Failed),
        (with(taken(), (61, Event::Lose)), State::Unknown),
        (lost(resolve(ResolvedBy::Retry)), State::Resolved),
        (lost(resolve(ResolvedBy::Probe)), State::Resolved),
        (
            lost(resolve(ResolvedBy::Person("cy".into()))),
            State::Resolved,
        ),
        (vec![(10, edit()), (11, claim(2, 0))], State::Claimed),
    ];
    for (n, (events, last)) in walks.into_iter().enumerate() {
        let id = format!("p{n}");
        let mut expected = store
            .request_approval("t", &asked(&id, 1, 100), 1)
            .unwrap()
            .approval;
        for (now, event) in events {
            let advanced = store.advance_approval("t", &id, None, &event, now).unwrap();
            assert_eq!(advanced.refusal, None, "{id} {event:?}");
            expected = expected.step(&event, now).unwrap();
            assert_eq!(advanced.row.approval, expected, "{id} {event:?}");
            assert_eq!(store.approval("t", &id).unwrap(), advanced.row, "{id}");
        }
        assert_eq!(expected.state, last, "{id}");
        let filter = ApprovalFilter {
            state: Some(last),
            ..ApprovalFilter::default()
        };
        let listed = store.approvals("t", &filter, 1_000).unwrap();
        let found = listed.iter().find(|row| row.asked.id == id).unwrap();
        assert_eq!(found.approval, expected, "{id}");
    }
}

fn the_first_decision_stands(store: &dyn Store) {
    let mut request = asked("p", 1, 100);
    request.request.quorum = 2;
    store.request_approval("t", &request, 1).unwrap();
    let advance = |event: &Event, now| store.advance_approval("t", "p", None, event, now).unwrap();
    let bo = vote("bo", Verdict::Approve, 1);
    assert!(advance(&bo, 2).applied());
    let again = advance(&bo, 3);
    assert_eq!(again.refusal, Some(Refusal::AlreadyVoted));
    assert!(again.already_decided());
    assert!(advance(&vote("cy", Verdict::Approve, 1), 4).applied());
    let late = advance(&vote("di", Verdict::Deny, 1), 5);
    assert_eq!(late.refusal, Some(Refusal::AlreadyDecided(State::Approved)));
    assert!(late.already_decided());
    assert_eq!(late.row.approval.state, State::Approved);
    assert_eq!(late.row.approval.votes.len(), 2);
    assert!(advance(&claim(1, 9), 6).applied());
    let second = advance(&claim(1, 10), 6);
    assert_eq!(second.refusal, Some(Refusal::AlreadyClaimed));
    assert!(!second.already_decided());
    assert_eq!(second.row.approval.claim.unwrap().fence, 9);
    assert_eq!(store.approval("t", "p").unwrap(), second.row);
}

fn versions(store: &dyn Store) {
    let mut request = asked("p", 1, 100);
    request.request.quorum = 2;
    store.request_approval("t", &request, 1).unwrap();
    let advance = |expected, event: &Event| store.advance_approval("t", "p", expected, event, 2);
    assert!(
        advance(Some(1), &vote("bo", Verdict::Approve, 1))
            .unwrap()
            .applied()
    );
    // The page is out of date: somebody has answered since.
    let stale = advance(Some(1), &vote("cy", Verdict::Approve, 1));
    assert!(matches!(
        stale,
        Err(StoreError::Version {
            expected: 1,
            found: 2,
            ..
        })
    ));
    assert_eq!(store.approval("t", "p").unwrap().approval.version, 2);
    assert!(
        advance(Some(2), &vote("cy", Verdict::Approve, 1))
            .unwrap()
            .applied()
    );
    // What would not apply anyway says why, whatever the page shows.
    let late = advance(Some(1), &vote("di", Verdict::Deny, 1)).unwrap();
    assert!(late.already_decided());
}

fn time(store: &dyn Store) {
    for id in ["pending", "approved", "claimed", "late"] {
        let expires_at = if id == "late" { 5_000 } else { 100 };
        let mut request = asked(id, 1, expires_at);
        request.request.grant_ttl_ns = 200;
        store.request_approval("t", &request, 1).unwrap();
    }
    for id in ["approved", "claimed"] {
        let approve = vote("bo", Verdict::Approve, 1);
        store.advance_approval("t", id, None, &approve, 50).unwrap();
    }
    store
        .advance_approval("t", "claimed", None, &claim(1, 1), 60)
        .unwrap();

    assert!(store.advance_due(99, 10).unwrap().is_empty());
    // What time has brought about comes first, in the same call.
    let vetoed = store
        .advance_approval("t", "pending", None, &vote("bo", Verdict::Deny, 1), 100)
        .unwrap();
    assert_eq!(vetoed.row.approval.state, State::Expired);
    assert_eq!(
        vetoed.refusal,
        Some(Refusal::AlreadyDecided(State::Expired))
    );
    assert_eq!(store.approval("t", "pending").unwrap(), vetoed.row);

    let due = store.advance_due(110, 10).unwrap();
    let states: Vec<_> = due
        .iter()
        .map(|(tenant, row)| (tenant.as_str(), row.asked.id.as_str(), row.approval.state))
        .collect();
    assert_eq!(states, [("t", "claimed", State::Unknown)]);
    let reported = Event::Report {
        fence: 1,
        succeeded: true,
    };
    let reported = store
        .advance_approval("t", "claimed", None, &reported, 111)
        .unwrap();
    assert_eq!(reported.row.approval.state, State::Executed);

    let due = store.advance_due(250, 10).unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].1.approval.state, State::Expired);
    assert!(store.advance_due(250, 10).unwrap().is_empty());
    assert_eq!(store.pending_count("t").unwrap(), 1);
    let expired = store
        .advance_approval("t", "late", None, &Event::Expire, 5_000)
        .unwrap();
    assert!(expired.applied());
    assert_eq!(expired.row.approval.state, State::Expired);
    refused(store.advance_due(1, 0), "it must be 1 to 1000");
}

fn inbox(store: &dyn Store) {
    // Several share one time, so that the id must carry the order.
    for n in 0..25_i64 {
        let mut request = asked(&format!("p{n:02}"), 1, 1_000);
        request.group = if n % 2 == 0 { "finance" } else { "security" }.to_owned();
        request.agent_id = format!("a{}", n % 3);
        store.request_approval("t", &request, n / 4).unwrap();
    }
    let decided = vote("bo", Verdict::Deny, 1);
    store
        .advance_approval("t", "p07", None, &decided, 10)
        .unwrap();
    let pages = |mut filter: ApprovalFilter| {
        let mut seen: Vec<String> = Vec::new();
        loop {
            let page = store.approvals("t", &filter, 4).unwrap();
            let Some(last) = page.last() else { break };
            filter.after = Some(InboxCursor {
                requested_at: last.approval.requested_at,
                id: last.asked.id.clone(),
            });
            seen.extend(page.into_iter().map(|row| row.asked.id));
        }
        seen
    };
    let ids = |keep: &dyn Fn(i64) -> bool| -> Vec<String> {
        (0..25)
            .filter(|n| keep(*n))
            .map(|n| format!("p{n:02}"))
            .collect()
    };
    let pending = ApprovalFilter {
        state: Some(State::Pending),
        ..ApprovalFilter::default()
    };
    assert_eq!(pages(ApprovalFilter::default()), ids(&|_| true));
    assert_eq!(pages(pending.clone()), ids(&|n| n != 7));
    let newest = |filter: &ApprovalFilter| ApprovalFilter {
        newest: true,
        ..filter.clone()
    };
    for filter in [&ApprovalFilter::default(), &pending] {
        let mut backwards = pages(newest(filter));
        backwards.reverse();
        assert_eq!(backwards, pages(filter.clone()));
    }
    let security = ApprovalFilter {
        group: Some("security".into()),
        ..pending
    };
    assert_eq!(pages(security.clone()), ids(&|n| n % 2 == 1 && n != 7));
    let of_agent = ApprovalFilter {
        agent_id: Some("a1".into()),
        ..security
    };
    assert_eq!(
        pages(of_agent),
        ids(&|n| n % 2 == 1 && n != 7 && n % 3 == 1)
    );
    assert_eq!(store.pending_count("t").unwrap(), 24);
    refused(
        store.approvals("t", &ApprovalFilter::default(), 1_001),
        "it must be 1 to 1000",
    );
    let cursor = InboxCursor {
        requested_at: -5,
        id: "a.b".into(),
    };
    assert_eq!(cursor.to_string().parse::<InboxCursor>().unwrap(), cursor);
    for bad in ["", "x.y", "5", "5."] {
        refused(bad.parse::<InboxCursor>(), "`cursor`");
    }
}

fn outbox(store: &dyn Store) {
    store.request_approval("t", &asked("p", 1, 100), 1).unwrap();
    let approve = vote("bo", Verdict::Approve, 1);
    store.advance_approval("t", "p", None, &approve, 2).unwrap();
    // A refused event tells nothing.
    store.advance_approval("t", "p", None, &approve, 3).unwrap();
    store
        .advance_approval("t", "p", None, &claim(1, 5), 4)
        .unwrap();
    let rows = store.outbox(10).unwrap();
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.topic.as_str(), row.version, row.state.as_str(), row.at))
        .collect();
    assert_eq!(
        told,
        [
            ("approval.request", 1, "pending", 1),
            ("approval.approve", 2, "approved", 2),
            ("approval.claim", 3, "claimed", 4),
        ]
    );
    assert!(
        rows.iter()
            .all(|row| row.tenant == "t" && row.subject == "p")
    );
    store.outbox_done(rows[1].seq).unwrap();
    assert_eq!(store.outbox(10).unwrap(), rows[2..]);
    store.outbox_done(rows[2].seq).unwrap();
    // A place in the order is never used again.
    store.request_approval("t", &asked("q", 1, 100), 5).unwrap();
    assert!(store.outbox(10).unwrap()[0].seq > rows[2].seq);
}

fn what_channels_have_not_taken(store: &dyn Store) {
    let message = |tenant: &str, channel: &str, subject: &str| NewDelivery {
        tenant: tenant.to_owned(),
        channel: channel.to_owned(),
        person: String::new(),
        topic: "approval.request".to_owned(),
        subject: subject.to_owned(),
        version: 1,
        state: "pending".to_owned(),
    };
    assert_eq!(store.channel_backlog("t").unwrap(), []);
    let all = [
        message("t", "hook", "a"),
        message("t", "hook", "b"),
        message("t", "hook", "c"),
        message("t", "mail", "d"),
        message("other", "hook", "e"),
    ];
    store.deliver(&all[..1], 0, 10).unwrap();
    store.deliver(&all[1..], 0, 20).unwrap();
    let seqs: Vec<u64> = store
        .deliveries("t", None, 10)
        .unwrap()
        .iter()
        .rev()
        .map(|d| d.seq)
        .collect();
    let tried = |at: usize, attempt| store.delivery_tried(seqs[at], &attempt).unwrap();
    tried(0, Attempt::Again(99, "the first".to_owned()));
    tried(1, Attempt::Dead("the second".to_owned()));
    tried(3, Attempt::Sent);
    let hook = ChannelBacklog {
        channel: "hook".to_owned(),
        waiting: 2,
        waiting_since: Some(10),
        given_up: 1,
        error: "the second".to_owned(),
    };
    let mail = ChannelBacklog {
        channel: "mail".to_owned(),
        ..ChannelBacklog::default()
    };
    assert_eq!(store.channel_backlog("t").unwrap(), [hook, mail]);
}
