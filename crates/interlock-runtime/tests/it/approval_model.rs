//! One approval against a model, through every transition, with a restart after each: also one that
//! falls between the record of a step and its row.

use interlock_core::approval::{Approval, Event, Recheck, ResolvedBy, State, Verdict};
use interlock_core::model::patch::Patch;
use interlock_core::model::{ActionDigest, OutcomeStatus, Principal, Role, UnixNanos, Value};
use interlock_runtime::{Answer, Change, Clock as _, Edit, Runtime, Say};
use proptest::prelude::*;
use uuid::Uuid;

use crate::world::{MINUTE, TENANT, World, action, check, end, outcome, principal, try_check};

const ASK: &str = "interlock: 1\ndefault: allow\nrules:\n  - id: refunds\n    match: { tool: [refund] }\n    effect: require_approval\n    approvers: { group: finance, quorum: 2, timeout: 2h }\n";

/// The lease of a claim and the life of a grant.
const TEN_MINUTES: UnixNanos = 10 * MINUTE;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Approve(u8),
    Deny(u8),
    Edit(u8),
    Cancel,
    Claim(bool),
    Report(bool),
    Resolve(bool),
    Wait(u8),
}

/// What happens to the process after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    Restart,
    /// The row was not written: it follows its record.
    Lost,
}

fn steps() -> impl Strategy<Value = Vec<(Step, Then)>> {
    let step = prop_oneof![
        5 => (0_u8..4).prop_map(Step::Approve),
        1 => (0_u8..4).prop_map(Step::Deny),
        3 => (0_u8..4).prop_map(Step::Edit),
        1 => Just(Step::Cancel),
        5 => any::<bool>().prop_map(Step::Claim),
        3 => any::<bool>().prop_map(Step::Report),
        3 => any::<bool>().prop_map(Step::Resolve),
        2 => (1_u8..4).prop_map(Step::Wait),
    ];
    let then = prop_oneof![2 => Just(Then::GoOn), 2 => Just(Then::Restart), 3 => Just(Then::Lost)];
    prop::collection::vec((step, then), 1..9)
}

fn refund(amount: u32, approval: Option<&str>) -> String {
    let approval = approval.map_or_else(String::new, |id| format!(r#","approval_id":"{id}""#));
    format!(
        r#"{{"agent_id":"bot","action_type":"payment","tool":"refund","resource":"orders/7","arguments":{{"amount":{amount}}}{approval}}}"#
    )
}

fn digest(amount: u32) -> ActionDigest {
    ActionDigest::of(TENANT, &action(&refund(amount, None)))
}

/// The approval's rows as they are now, kept beside the database.
const KEEP: &str = "
    DROP TABLE IF EXISTS b.approval; DROP TABLE IF EXISTS b.approval_vote;
    DROP TABLE IF EXISTS b.approval_edit; DROP TABLE IF EXISTS b.projection;
    CREATE TABLE b.approval AS SELECT * FROM main.approval;
    CREATE TABLE b.approval_vote AS SELECT * FROM main.approval_vote;
    CREATE TABLE b.approval_edit AS SELECT * FROM main.approval_edit;
    CREATE TABLE b.projection AS SELECT * FROM main.projection;";
const RESTORE: &str = "
    DELETE FROM main.approval; DELETE FROM main.approval_vote; DELETE FROM main.approval_edit;
    DELETE FROM main.projection;
    INSERT INTO main.approval SELECT * FROM b.approval;
    INSERT INTO main.approval_vote SELECT * FROM b.approval_vote;
    INSERT INTO main.approval_edit SELECT * FROM b.approval_edit;
    INSERT INTO main.projection SELECT * FROM b.projection;";

fn sql(world: &World, text: &str) {
    let path = world.dir.path();
    let database = rusqlite::Connection::open(path.join("interlock.db")).expect("a database");
    let other = path.join("beside.db").display().to_string();
    database
        .execute("ATTACH ?1 AS b", [other])
        .expect("attached");
    database.execute_batch(text).expect("done");
}

struct Case {
    world: World,
    runtime: Option<Runtime>,
    id: String,
    /// What the approval should be.
    model: Approval,
    /// The decision that used the grant.
    ran: Option<Uuid>,
    claims: usize,
}

impl Case {
    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it is open")
    }

    /// The model after what time has brought about.
    fn due(&mut self) {
        let now = self.world.clock.now();
        if let Some(due) = self.model.due(now) {
            self.model = self.model.step(&due, now).expect("what is due applies");
        }
    }

    /// Whether the model takes the event; it goes on from there.
    fn model(&mut self, event: &Event) -> bool {
        let now = self.world.clock.now();
        match self.model.step(event, now) {
            Ok(next) => {
                self.model = next;
                true
            }
            Err(_) => false,
        }
    }

    fn vote(&mut self, who: u8, verdict: Verdict) {
        let name = format!("person-{who}");
        let seen = self.model.proposed();
        let took = self.model(&Event::Vote {
            approver: name.clone(),
            verdict,
            seen,
            reason: String::new(),
            lapsed: Vec::new(),
        });
        let amount = Value::from(i64::from(90_u32));
        let edit = Edit {
            change: Change::Patch(
                Patch::from_value(&Value::Array(vec![{
                    let mut one = interlock_core::model::Object::new();
                    one.insert("op", Value::from("replace"));
                    one.insert("path", Value::from("/amount"));
                    one.insert("value", amount);
                    Value::Object(one)
                }]))
                .expect("a patch"),
            ),
            resource: None,
            expected: None,
        };
        let person = principal(Role::Approver, None);
        let answer = Answer {
            approver: &name,
            say: match verdict {
                Verdict::Approve => Say::Approve,
                Verdict::Deny => Say::Deny,
                Verdict::Edit { .. } => Say::Edit(&edit),
            },
            seen: Some(seen),
            reason: "",
            via: "test",
        };
        let answered = self.runtime().answer_approval(&person, &self.id, &answer);
        let got = answered.is_ok_and(|a| !a.already_decided);
        assert_eq!(got, took, "{verdict:?} by {who}");
    }

    fn apply(&mut self, step: Step) {
        let person = principal(Role::Approver, None);
        match step {
            Step::Approve(who) => self.vote(who, Verdict::Approve),
            Step::Deny(who) => self.vote(who, Verdict::Deny),
            Step::Edit(who) => self.vote(who, Verdict::Edit { to: digest(90) }),
            Step::Cancel => {
                let before = self.model.state == State::Cancelled;
                let took = self.model(&Event::Cancel);
                let got = self.runtime().cancel_approval(&person, "ann", &self.id);
                assert_eq!(got.is_ok(), took || before);
            }
            Step::Claim(edited) => {
                let amount = if edited { 90 } else { 900 };
                let event = Event::Claim {
                    digest: digest(amount),
                    policy_rev: u64::MAX >> 1,
                    fence: 0,
                    lease_ns: TEN_MINUTES,
                    recheck: Recheck::Holds,
                };
                let took = self.model(&event);
                let got = try_check(self.runtime(), &refund(amount, Some(&self.id)));
                let ran = got.ok().filter(|c| c.decision.effect.permits());
                assert_eq!(ran.is_some(), took, "claim of {amount}");
                if let Some(ran) = ran {
                    self.claims += 1;
                    self.ran = Some(ran.id);
                }
            }
            Step::Report(succeeded) => {
                let Some(ran) = self.ran else {
                    return;
                };
                let status = if succeeded {
                    OutcomeStatus::Succeeded
                } else {
                    OutcomeStatus::Failed
                };
                let reported = self
                    .runtime()
                    .outcome(&Principal::local(), ran, &outcome(status));
                if reported.is_ok() {
                    // Of what a person resolved before, the record alone hears.
                    self.model(&Event::Report {
                        fence: 0,
                        succeeded,
                    });
                }
            }
            Step::Resolve(happened) => {
                let took = self.model(&Event::Resolve {
                    happened,
                    by: ResolvedBy::Person("ann".to_owned()),
                });
                let answered = self
                    .runtime()
                    .resolve_approval(&person, "ann", &self.id, happened);
                let got = answered.is_ok_and(|a| !a.already_decided);
                assert_eq!(got, took);
            }
            Step::Wait(n) => self.world.advance(i64::from(n) * 5 * MINUTE),
        }
    }

    fn restart(&mut self) {
        end(self.runtime.take().expect("it is open"));
    }

    fn compare(&mut self, step: Step) {
        self.runtime().tick();
        self.due();
        let row = self
            .runtime()
            .store()
            .approval(TENANT, &self.id)
            .expect("a row");
        let got = &row.approval;
        assert_eq!(got.state, self.model.state, "{step:?}");
        assert_eq!(got.version, self.model.version, "{step:?}");
        let votes = |a: &Approval| -> Vec<(String, bool, ActionDigest)> {
            a.votes
                .iter()
                .map(|v| (v.approver.clone(), v.approves, v.digest))
                .collect()
        };
        assert_eq!(votes(got), votes(&self.model), "{step:?}");
        assert_eq!(
            got.grant.map(|g| (g.digest, g.expires_at, g.uses)),
            self.model.grant.map(|g| (g.digest, g.expires_at, g.uses)),
            "{step:?}"
        );
        assert_eq!(got.resolution, self.model.resolution, "{step:?}");
        assert!(self.claims <= 1);
    }
}

/// Whether a step writes its record before its row: what is lost then follows.
fn follows(step: Step) -> bool {
    !matches!(step, Step::Cancel | Step::Claim(_) | Step::Wait(_))
}

fn run(all: &[(Step, Then)]) {
    let world = World::policy(ASK);
    let runtime = world.open();
    let asked = check(&runtime, &refund(900, None));
    let id = asked.approval_id.expect("an approval").to_string();
    let model = runtime
        .store()
        .approval(TENANT, &id)
        .expect("a row")
        .approval;
    let mut case = Case {
        world,
        runtime: Some(runtime),
        id,
        model,
        ran: None,
        claims: 0,
    };
    for (step, then) in all {
        // Its rows as they are before the step, with nothing left to project.
        let lost = *then == Then::Lost && follows(*step);
        if lost {
            case.restart();
            sql(&case.world, KEEP);
            case.runtime = Some(case.world.open());
        }
        case.due();
        case.apply(*step);
        if *then != Then::GoOn {
            case.restart();
            if lost {
                sql(&case.world, RESTORE);
            }
            case.runtime = Some(case.world.open());
        }
        case.compare(*step);
    }
    case.restart();
}

#[test]
fn every_transition_is_interrupted_once() {
    use Step::{Approve, Cancel, Claim, Deny, Edit, Report, Resolve, Wait};
    let walks: [&[Step]; 9] = [
        &[Approve(0), Approve(1), Claim(false), Report(true)],
        &[Edit(0), Approve(1), Claim(true), Report(false)],
        &[Approve(0), Deny(1), Approve(2)],
        &[Approve(0), Cancel, Approve(1)],
        &[Approve(0), Approve(1), Cancel, Claim(false)],
        &[Approve(0), Approve(1), Wait(3), Claim(false)],
        &[
            Approve(0),
            Approve(1),
            Claim(false),
            Wait(3),
            Resolve(true),
            Report(true),
        ],
        &[
            Edit(0),
            Edit(1),
            Approve(0),
            Approve(2),
            Claim(false),
            Claim(true),
            Claim(true),
        ],
        &[
            Approve(0),
            Approve(1),
            Claim(false),
            Wait(3),
            Report(true),
            Resolve(false),
        ],
    ];
    for walk in walks {
        for then in [Then::Restart, Then::Lost] {
            let all: Vec<(Step, Then)> = walk.iter().map(|step| (*step, then)).collect();
            run(&all);
        }
    }
}

#[test]
fn whatever_comes_the_approval_is_what_the_model_says() {
    let soak = std::env::var_os("INTERLOCK_SOAK").is_some();
    let cases = if soak { 400 } else { 15 };
    if !soak {
        println!("{cases} cases; INTERLOCK_SOAK=1 runs 400");
    }
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&steps(), |all| {
            run(&all);
            Ok(())
        })
        .expect("the model and the runtime agree");
}
