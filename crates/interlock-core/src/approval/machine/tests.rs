use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::approval::{Request, RequestError};

const SECOND: i64 = 1_000_000_000;

fn action(name: &str) -> ActionDigest {
    ActionDigest([name.as_bytes()[0]; 32])
}

fn option<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    words
        .iter()
        .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

fn ask(line: &str) -> Approval {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |name, default| option(&words, name).map_or(default, |n| n.parse().unwrap());
    let mut request = Request::new(action("a"), number("rev", 1), 100 * SECOND);
    request.quorum = u8::try_from(number("quorum", 1)).unwrap();
    request.grant_ttl_ns = 50 * SECOND;
    request.excluded = option(&words, "excluded")
        .map(|names| names.split(',').map(str::to_owned).collect())
        .unwrap_or_default();
    Approval::open(request, 0).unwrap()
}

fn event(words: &[&str], rev: u64) -> Event {
    let number = |name| option(words, name).unwrap().parse::<i64>().unwrap();
    let vote = |verdict, seen: &str| Event::Vote {
        approver: words[1].to_owned(),
        verdict,
        seen: action(seen),
        reason: String::new(),
        lapsed: Vec::new(),
    };
    match words[0] {
        "approve" => vote(Verdict::Approve, words[2]),
        "deny" => vote(Verdict::Deny, words[2]),
        "edit" => {
            let (from, to) = words[2].split_once("->").unwrap();
            vote(Verdict::Edit { to: action(to) }, from)
        }
        "expire" => Event::Expire,
        "cancel" => Event::Cancel,
        "supersede" => Event::Supersede,
        "claim" => Event::Claim {
            digest: action(words[1]),
            policy_rev: option(words, "rev").map_or(rev, |n| n.parse().unwrap()),
            fence: number("fence").unsigned_abs(),
            lease_ns: number("lease") * SECOND,
            recheck: if words.contains(&"tightened") {
                Recheck::Tightened
            } else {
                Recheck::Holds
            },
        },
        "report" => Event::Report {
            fence: number("fence").unsigned_abs(),
            succeeded: words.contains(&"ok"),
        },
        "lose" => Event::Lose,
        "resolve" => Event::Resolve {
            happened: words[1] == "happened",
            by: match words[2] {
                "probe" => ResolvedBy::Probe,
                "retry" => ResolvedBy::Retry,
                person => ResolvedBy::Person(person.to_owned()),
            },
        },
        other => panic!("unknown event `{other}`"),
    }
}

#[test]
fn cases() {
    let mut ran = 0;
    let mut title = "";
    let mut approval = None;
    for line in include_str!("cases.md").lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            title = heading;
        } else if line == "ask" || line.starts_with("ask ") {
            approval = Some(ask(line));
        } else if let Some((left, expected)) = line.rsplit_once(" -> ") {
            let current = approval.as_mut().unwrap();
            let words: Vec<&str> = left.split_whitespace().collect();
            let now = words[0].parse::<i64>().unwrap() * SECOND;
            let got = match current.step(&event(&words[1..], current.request.policy_rev), now) {
                Ok(next) => {
                    assert_eq!(next.version, current.version + 1, "{title}: {line}");
                    *current = next;
                    current.state.name().to_owned()
                }
                Err(refusal) => format!("refused {}", refusal.code()),
            };
            assert_eq!(got, expected, "{title}: {line}");
            ran += 1;
        }
    }
    assert!(ran > 80, "only {ran} lines were read");
}

#[test]
fn a_request_outside_its_limits_is_refused() {
    let check = |change: fn(&mut Request), expected| {
        let mut request = Request::new(action("a"), 1, 10);
        change(&mut request);
        assert_eq!(Approval::open(request, 0).err(), expected);
    };
    check(|_| (), None);
    check(|r| r.quorum = 0, Some(RequestError::Quorum));
    check(|r| r.quorum = 17, Some(RequestError::Quorum));
    check(|r| r.expires_at = 0, Some(RequestError::Expiry));
    check(|r| r.expires_at = i64::MAX, Some(RequestError::Expiry));
    check(|r| r.grant_ttl_ns = 0, Some(RequestError::GrantTtl));
    check(|r| r.grant_ttl_ns = i64::MAX, Some(RequestError::GrantTtl));
    check(
        |r| r.excluded = vec![String::new()],
        Some(RequestError::Excluded),
    );
    check(
        |r| r.excluded = vec!["x".into(); 17],
        Some(RequestError::Excluded),
    );
}

#[test]
fn who_may_not_act_any_more_does_not_count() {
    let agree = |approver: &str, lapsed: &[&str]| Event::Vote {
        approver: approver.to_owned(),
        verdict: Verdict::Approve,
        seen: action("a"),
        reason: String::new(),
        lapsed: lapsed.iter().map(|name| (*name).to_owned()).collect(),
    };
    let asked = ask("ask quorum=2");
    let first = asked.step(&agree("ana", &[]), 1).unwrap();
    assert_eq!(
        first.step(&agree("bo", &[]), 2).unwrap().state,
        State::Approved
    );
    let second = first.step(&agree("bo", &["ana"]), 2).unwrap();
    assert_eq!((second.state, &second.grant), (State::Pending, &None));
    let lapsed = ["ana".to_owned()];
    assert_eq!((second.agreed(), second.agreed_without(&lapsed)), (2, 1));
    let third = second.step(&agree("cy", &["ana"]), 3).unwrap();
    assert_eq!(third.state, State::Approved);
    let no = Event::Vote {
        approver: "dee".to_owned(),
        verdict: Verdict::Deny,
        seen: action("a"),
        reason: String::new(),
        lapsed: vec!["dee".to_owned()],
    };
    assert_eq!(second.step(&no, 3).unwrap().state, State::Denied);
}

#[test]
fn names_and_reasons_have_limits() {
    let approval = ask("ask");
    let check = |approver: &str, reason: &str, refusal| {
        let event = Event::Vote {
            approver: approver.to_owned(),
            verdict: Verdict::Approve,
            seen: action("a"),
            reason: reason.to_owned(),
            lapsed: Vec::new(),
        };
        assert_eq!(approval.step(&event, 1).err(), refusal);
    };
    check("bo", "", None);
    check("", "", Some(Refusal::Approver));
    check(" \t", "", Some(Refusal::Approver));
    check(&"b".repeat(ID_BYTES_MAX + 1), "", Some(Refusal::Approver));
    check("bo", &"r".repeat(REASON_BYTES_MAX), None);
    check(
        "bo",
        &"r".repeat(REASON_BYTES_MAX + 1),
        Some(Refusal::Reason),
    );
}

#[test]
fn every_state_has_a_name_of_its_own() {
    let names: BTreeSet<&str> = State::ALL.iter().map(|s| s.name()).collect();
    assert_eq!(names.len(), State::ALL.len());
    for state in State::ALL {
        assert_eq!(State::from_name(state.name()), Some(*state));
    }
    assert_eq!(State::from_name("Pending"), None);
}

fn any_event() -> impl Strategy<Value = Event> {
    let person = prop::sample::select(vec!["ana", "bo", "cy", "di", "ed"]);
    let digest = prop::sample::select(vec!["a", "a", "a", "b"]).prop_map(action);
    let verdict = prop_oneof![
        6 => Just(Verdict::Approve),
        1 => Just(Verdict::Deny),
        2 => digest.clone().prop_map(|to| Verdict::Edit { to }),
    ];
    let vote = (person.clone(), verdict, digest.clone()).prop_map(|(approver, verdict, seen)| {
        Event::Vote {
            approver: approver.to_owned(),
            verdict,
            seen,
            reason: String::new(),
            lapsed: Vec::new(),
        }
    });
    let claim = (digest, 0_u64..3, 0_u64..3, 1_i64..20, 0_u8..6).prop_map(
        |(digest, policy_rev, fence, lease, recheck)| Event::Claim {
            digest,
            policy_rev,
            fence,
            lease_ns: lease,
            recheck: if recheck == 0 {
                Recheck::Tightened
            } else {
                Recheck::Holds
            },
        },
    );
    let report =
        (0_u64..3, any::<bool>()).prop_map(|(fence, succeeded)| Event::Report { fence, succeeded });
    let resolve = (any::<bool>(), person).prop_map(|(happened, name)| Event::Resolve {
        happened,
        by: ResolvedBy::Person(name.to_owned()),
    });
    prop_oneof![
        10 => vote,
        1 => Just(Event::Expire),
        1 => Just(Event::Cancel),
        1 => Just(Event::Supersede),
        6 => claim,
        4 => report,
        2 => Just(Event::Lose),
        2 => resolve,
    ]
}

/// The edges of the diagram in the module's documentation.
fn is_edge(from: State, to: State) -> bool {
    use State::{
        Approved, ApprovedEdited, Cancelled, Claimed, Denied, Executed, Expired, Failed, Pending,
        Resolved, Superseded, Unknown,
    };
    match from {
        Pending => matches!(
            to,
            Pending | Approved | ApprovedEdited | Denied | Expired | Cancelled | Superseded
        ),
        Approved | ApprovedEdited => matches!(to, Claimed | Expired | Cancelled | Superseded),
        Claimed => matches!(to, Executed | Failed | Unknown),
        Unknown => matches!(to, Executed | Failed | Resolved),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_comes_it_is_decided_once_and_claimed_once(
        quorum in 1_u8..4,
        events in prop::collection::vec((any_event(), 0_i64..12), 0..40),
    ) {
        let mut request = Request::new(action("a"), 1, 100);
        request.quorum = quorum;
        request.grant_ttl_ns = 50;
        request.excluded = vec!["ana".to_owned()];
        let mut approval = Approval::open(request, 0).unwrap();
        let (mut now, mut decided, mut claimed) = (0, 0, 0);
        for (event, wait) in events {
            now += wait;
            let before = approval.clone();
            match approval.step(&event, now) {
                Ok(next) => {
                    prop_assert!(is_edge(before.state, next.state), "{before:?} {event:?}");
                    prop_assert_eq!(next.version, before.version + 1);
                    prop_assert!(!before.state.is_final());
                    if before.state == State::Pending && next.state != State::Pending {
                        decided += 1;
                    }
                    if next.state == State::Claimed {
                        claimed += 1;
                        let grant = before.grant.unwrap();
                        prop_assert!(now < grant.expires_at && grant.uses == 1);
                        prop_assert_eq!(next.grant.unwrap().uses, 0);
                        let is_same = matches!(event, Event::Claim { digest, policy_rev, recheck, .. }
                            if digest == grant.digest && policy_rev >= grant.policy_rev
                                && recheck == Recheck::Holds);
                        prop_assert!(is_same);
                    }
                    if !before.state.is_approved() && next.state.is_approved() {
                        let grant = next.grant.unwrap();
                        let people: BTreeSet<&str> = next
                            .votes
                            .iter()
                            .filter(|v| v.approves && v.digest == grant.digest)
                            .map(|v| v.approver.as_str())
                            .collect();
                        prop_assert_eq!(people.len(), usize::from(quorum));
                        prop_assert!(!people.contains("ana"));
                        prop_assert!(next.votes.iter().all(|v| v.approves));
                        prop_assert!(now < next.request.expires_at);
                        prop_assert_eq!(
                            next.state == State::Approved,
                            grant.digest == next.request.digest
                        );
                    }
                    approval = next;
                }
                Err(_) => prop_assert_eq!(&approval, &before),
            }
            let people: BTreeSet<&str> = approval.votes.iter().map(|v| v.approver.as_str()).collect();
            prop_assert_eq!(people.len(), approval.votes.len());
            prop_assert!(approval.votes.len() <= usize::from(quorum));
        }
        prop_assert!(decided <= 1 && claimed <= 1);
    }

    /// What is due applies, and then nothing more is due at that time.
    #[test]
    fn what_is_due_applies(events in prop::collection::vec((any_event(), 0_i64..30), 0..20)) {
        let mut request = Request::new(action("a"), 1, 100);
        request.grant_ttl_ns = 50;
        let mut approval = Approval::open(request, 0).unwrap();
        let mut now = 0;
        for (event, wait) in events {
            now += wait;
            if let Some(due) = approval.due(now) {
                approval = approval.step(&due, now).unwrap();
                prop_assert_eq!(approval.due(now), None);
            }
            if let Ok(next) = approval.step(&event, now) {
                approval = next;
            }
        }
    }
}
