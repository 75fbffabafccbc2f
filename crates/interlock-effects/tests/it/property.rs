//! Whatever was done, a rollback of everything ends where it began.

use std::path::Path;

use interlock_effects::{About, Limits, NoExecutor, Rollback, Undo};

use crate::tree::{Random, operate, shown};

/// Makes a tree and does random operations in steps; returns how it was shown at the start.
pub(crate) fn sequence(
    random: &mut Random,
    root: &Path,
    undo: &Undo,
    said: &mut Vec<String>,
) -> String {
    for _ in 0..random.below(24) {
        operate(random, root, None);
    }
    let before = shown(root);
    let mut late = Vec::new();
    for _ in 0..1 + random.below(8) {
        let step = undo
            .begin(&About {
                agent: "bot".into(),
                ..About::default()
            })
            .unwrap();
        for _ in 0..1 + random.below(4) {
            said.push(format!(
                "{step}: {}",
                operate(random, root, Some((undo, step)))
            ));
        }
        match random.below(4) {
            0 => {}
            1 => late.push(step),
            _ => undo.seal(step).unwrap(),
        }
    }
    // A monitor seals when it ends.
    for step in late {
        undo.seal(step).unwrap();
    }
    before
}

/// As many sequences as are to run.
pub(crate) fn count(usual: u64, soak: u64) -> u64 {
    if std::env::var_os("INTERLOCK_SOAK").is_some() {
        return soak;
    }
    println!("{usual} sequences; {soak} with INTERLOCK_SOAK=1");
    usual
}

#[test]
fn a_rollback_of_everything_ends_where_it_began() {
    for seed in 0..count(500, 10_000) {
        let mut random = Random::new(seed);
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let root = dir.path().join("root");
        std::fs::create_dir(&root).unwrap();
        let undo = Undo::open(&dir.path().join("undo"), Limits::default(), false).unwrap();
        let mut said = Vec::new();
        let before = sequence(&mut random, &root, &undo, &mut said);
        let all = undo.steps(None).unwrap().len();
        let report = undo
            .rollback(&Rollback::last(all), &mut NoExecutor)
            .unwrap();
        let after = shown(&root);
        assert!(
            report.stopped.is_none() && after == before,
            "seed {seed}: {:?}\n{}\n--- before\n{before}--- after\n{after}",
            report.stopped,
            said.join("\n")
        );
        assert!(undo.steps(None).unwrap().is_empty());
        let left = std::fs::read_dir(dir.path().join("undo/kept"))
            .unwrap()
            .count();
        assert_eq!(left, 0, "seed {seed}: contents are left");
    }
}

#[test]
fn a_rollback_of_some_ends_where_they_began() {
    for seed in 0..count(150, 3_000) {
        let mut random = Random::new(seed + 1_000_000);
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let root = dir.path().join("root");
        std::fs::create_dir(&root).unwrap();
        let undo = Undo::open(&dir.path().join("undo"), Limits::default(), false).unwrap();
        let mut said = Vec::new();
        let mut states = vec![sequence(&mut random, &root, &undo, &mut said)];
        let first = undo.steps(None).unwrap().len();
        let report = undo
            .rollback(&Rollback::last(first), &mut NoExecutor)
            .unwrap();
        assert!(
            report.stopped.is_none(),
            "seed {seed}: {:?}",
            report.stopped
        );
        for _ in 0..5 {
            let step = undo.begin(&About::default()).unwrap();
            said.push(format!(
                "{step}: {}",
                operate(&mut random, &root, Some((&undo, step)))
            ));
            // Even a step without an effect has its place.
            undo.irreversible(step, "for the count").unwrap();
            states.push(shown(&root));
        }
        while states.len() > 1 {
            let last = 1 + random.below(states.len() - 1);
            states.truncate(states.len() - last);
            let report = undo
                .rollback(&Rollback::last(last), &mut NoExecutor)
                .unwrap();
            assert!(
                report.stopped.is_none(),
                "seed {seed}: {:?}\n{}",
                report.stopped,
                said.join("\n")
            );
            let (now, then) = (shown(&root), states.last().unwrap());
            assert!(
                now == *then,
                "seed {seed}\n{}\n--- before\n{then}--- after\n{now}",
                said.join("\n")
            );
        }
    }
}
