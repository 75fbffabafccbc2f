use proptest::prelude::*;

use super::*;

fn name(step: u32) -> String {
    format!("step-{step}")
}

/// What a step looks like from outside, without the texts.
fn kind(step: &Step) -> &'static str {
    match step {
        Step::New { .. } => "new",
        Step::Done(_) => "done",
        Step::Failed(_) => "failed",
        Step::InDoubt { .. } => "in doubt",
    }
}

fn path(data: &Path) -> PathBuf {
    stem(data, "r").with_extension("run")
}

#[test]
fn a_run_is_opened_once_and_resumed_only_when_asked() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let journal = RunJournal::open(data, "r", false).unwrap();
    assert_eq!(
        RunJournal::open(data, "r", true).unwrap_err().code(),
        "run.open"
    );
    let other = RunJournal::open(data, "another", false).unwrap();
    assert_eq!(other.run(), "another");
    drop(journal);
    assert_eq!(
        RunJournal::open(data, "r", false).unwrap_err().code(),
        "run.exists"
    );
    drop(RunJournal::open(data, "r", true).unwrap());
    RunJournal::forget(data, "r").unwrap();
    assert_eq!(
        RunJournal::forget(data, "r").unwrap_err().code(),
        "run.unknown"
    );
    drop(RunJournal::open(data, "r", false).unwrap());
    for bad in ["", &"x".repeat(ID_BYTES_MAX + 1)] {
        let error = RunJournal::open(data, bad, true).unwrap_err();
        assert_eq!(error.code(), "run.invalid");
    }
}

#[test]
fn results_come_back_as_they_were() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let journal = RunJournal::open(data, "r", false).unwrap();
    let result = r#"{"é":[1,2.50,"\n\u0000"],"big":123456789012345678901234567890}"#;
    journal.begin(1, "a", "d1", "id").unwrap();
    journal.done(1, Some(result)).unwrap();
    journal.begin(2, "b", "d2", "id").unwrap();
    journal.done(2, None).unwrap();
    assert_eq!(
        journal.done(3, Some("1")).unwrap_err().code(),
        "run.invalid"
    );
    assert_eq!(
        journal.begin(2, "b", "d2", "id").unwrap_err().code(),
        "run.invalid"
    );
    drop(journal);
    let journal = RunJournal::open(data, "r", true).unwrap();
    assert_eq!(
        journal.step(1, "a", "d1").unwrap(),
        Step::Done(Some(result.to_owned()))
    );
    assert_eq!(journal.step(2, "b", "d2").unwrap(), Step::Done(None));
    assert_eq!(
        journal.step(3, "c", "d3").unwrap(),
        Step::New { approval: None }
    );
    let large = format!("\"{}\"", "x".repeat(RUN_RESULT_BYTES_MAX));
    journal.begin(3, "c", "d3", "id").unwrap();
    assert_eq!(
        journal.done(3, Some(&large)).unwrap_err().code(),
        "run.limit"
    );
    assert_eq!(
        journal.done(3, Some("{")).unwrap_err().code(),
        "run.invalid"
    );
    assert_eq!(
        journal
            .step(RUN_STEPS_MAX + 1, "x", "d")
            .unwrap_err()
            .code(),
        "run.limit"
    );
}

#[test]
fn another_step_at_the_same_place_pauses_the_run() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let journal = RunJournal::open(data, "r", false).unwrap();
    journal.begin(1, "pay", "d1", "id").unwrap();
    journal.done(1, Some("1")).unwrap();
    let error = journal.step(1, "refund", "other").unwrap_err();
    assert_eq!(error.code(), "run.diverged");
    assert!(
        error.to_string().contains("`pay` and is now `refund`"),
        "{error}"
    );
    drop(journal);
    let error = RunJournal::open(data, "r", true).unwrap_err();
    assert_eq!(error.code(), "run.paused");
    RunJournal::release(data, "r", "ann").unwrap();
    let journal = RunJournal::open(data, "r", true).unwrap();
    assert_eq!(kind(&journal.step(1, "pay", "d1").unwrap()), "done");
}

#[test]
fn a_step_in_doubt_is_answered_by_a_person() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let begun = |step: u32| {
        let journal = RunJournal::open(data, "r", true).unwrap();
        journal.begin(step, &name(step), "d", "id").unwrap();
    };
    begun(1);
    RunJournal::settle(data, "r", 1, Some("\"sent\""), "ann").unwrap();
    let again = RunJournal::settle(data, "r", 1, None, "ann").unwrap_err();
    assert_eq!(again.code(), "run.invalid");
    begun(2);
    RunJournal::settle(data, "r", 2, None, "ann").unwrap();
    let journal = RunJournal::open(data, "r", true).unwrap();
    assert_eq!(
        journal.step(1, "step-1", "d").unwrap(),
        Step::Done(Some("\"sent\"".to_owned()))
    );
    assert_eq!(kind(&journal.step(2, "step-2", "d").unwrap()), "new");
    // A failure at the end is in doubt, one that the run went on from is what it was.
    journal.begin(2, "step-2", "d", "id").unwrap();
    journal.failed(2, "timed out").unwrap();
    assert_eq!(kind(&journal.step(2, "step-2", "d").unwrap()), "in doubt");
    journal.begin(3, "step-3", "d", "id").unwrap();
    assert_eq!(
        journal.step(2, "step-2", "d").unwrap(),
        Step::Failed("timed out".to_owned())
    );
}

#[test]
fn an_approval_is_waited_for_across_lives() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let journal = RunJournal::open(data, "r", false).unwrap();
    journal.asked(1, "pay", "d1", "approval-1").unwrap();
    drop(journal);
    let journal = RunJournal::open(data, "r", true).unwrap();
    let waiting = Step::New {
        approval: Some("approval-1".to_owned()),
    };
    assert_eq!(journal.step(1, "pay", "d1").unwrap(), waiting);
    // Nothing happened yet, so that it may become another step.
    assert_eq!(
        journal.step(1, "pay", "d2").unwrap(),
        Step::New { approval: None }
    );
    journal.begin(1, "pay", "d1", "id").unwrap();
    drop(journal);
    let journal = RunJournal::open(data, "r", true).unwrap();
    let doubt = Step::InDoubt {
        error: None,
        approval: None,
    };
    assert_eq!(journal.step(1, "pay", "d1").unwrap(), doubt);
}

/// What one life of a run does at a step.
#[derive(Debug, Clone, Copy)]
enum Act {
    Succeed,
    Fail,
    /// Asked about first.
    Ask,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    prop::collection::vec(
        prop_oneof![Just(Act::Succeed), Just(Act::Fail), Just(Act::Ask)],
        1..10,
    )
}

/// Writes a run, and says after each record how long the file is and what each step is by then.
fn write(data: &Path, acts: &[Act]) -> Vec<(u64, Vec<&'static str>)> {
    let journal = RunJournal::open(data, "r", false).unwrap();
    let steps = u32::try_from(acts.len()).unwrap();
    let mut seen = Vec::new();
    let mut look = || {
        let length = fs::metadata(path(data)).unwrap().len();
        let kinds = (1..=steps)
            .map(|step| kind(&journal.step(step, &name(step), &name(step)).unwrap()))
            .collect();
        seen.push((length, kinds));
    };
    look();
    for (step, act) in (1..).zip(acts) {
        let name = name(step);
        if matches!(act, Act::Ask) {
            journal.asked(step, &name, &name, "approval").unwrap();
            look();
        }
        journal.begin(step, &name, &name, "id").unwrap();
        look();
        match act {
            Act::Fail => journal.failed(step, "no").unwrap(),
            _ => journal.done(step, Some("[1]")).unwrap(),
        }
        look();
    }
    seen
}

fn kinds(data: &Path, steps: usize) -> Result<Vec<&'static str>, RunError> {
    let journal = RunJournal::open(data, "r", true)?;
    (1..=u32::try_from(steps).unwrap())
        .map(|step| Ok(kind(&journal.step(step, &name(step), &name(step))?)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        if std::env::var_os("INTERLOCK_SOAK").is_some() { 2_000 } else { 40 }
    ))]

    /// Cut anywhere, a journal says what it said after the last record that is whole, and the run
    /// can go on from there.
    #[test]
    fn a_crash_at_any_byte_loses_nothing_that_was_acknowledged(
        acts in acts(), at in 0.0..1.0_f64,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path();
        let seen = write(data, &acts);
        let bytes = fs::read(path(data)).unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss,
                 clippy::cast_precision_loss, reason = "a place in a small file")]
        let cut = (at * bytes.len() as f64) as usize;
        fs::write(path(data), &bytes[..cut]).unwrap();
        let expected = seen.iter().rev().find(|(length, _)| *length <= cut as u64);
        let new = vec!["new"; acts.len()];
        let expected = expected.map_or(&new, |(_, kinds)| kinds);
        prop_assert_eq!(&kinds(data, acts.len()).unwrap(), expected);
        // Twice, as a process may end right after it cut the rest off.
        prop_assert_eq!(&kinds(data, acts.len()).unwrap(), expected);
        let journal = RunJournal::open(data, "r", true).unwrap();
        for (step, was) in (1..).zip(expected) {
            if *was != "done" && *was != "failed" {
                journal.begin(step, &name(step), &name(step), "id").unwrap();
                journal.done(step, Some("2")).unwrap();
            }
        }
        journal.finish().unwrap();
        drop(journal);
        let journal = RunJournal::open(data, "r", true).unwrap();
        prop_assert!(journal.is_finished().unwrap());
        for (step, was) in (1..).zip(expected) {
            let now = journal.step(step, &name(step), &name(step)).unwrap();
            prop_assert_eq!(kind(&now), if *was == "failed" { "failed" } else { "done" });
        }
    }

    /// A byte that changed is never read as another history.
    #[test]
    fn a_changed_byte_is_noticed(acts in acts(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path();
        let seen = write(data, &acts);
        let mut bytes = fs::read(path(data)).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        fs::write(path(data), &bytes).unwrap();
        match kinds(data, acts.len()) {
            Err(error) => prop_assert_eq!(error.code(), "run.corrupt"),
            // The last line feed became something else: the last record counts as cut off.
            Ok(kinds) => {
                prop_assert_eq!(at, bytes.len() - 1);
                prop_assert_eq!(&kinds, &seen[seen.len() - 2].1);
            }
        }
    }
}
