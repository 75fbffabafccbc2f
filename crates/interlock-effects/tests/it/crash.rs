//! `kill -9` in the middle of a rollback, then another one.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use interlock_effects::{Limits, NoExecutor, Rollback, Undo};

use crate::property::{count, sequence};
use crate::tree::{Random, shown};

const CHILD: &str = "INTERLOCK_EFFECTS_CHILD";

/// Nothing by itself: what `killed_rollbacks_are_completed` starts and kills.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else {
        return;
    };
    let undo = Undo::open(Path::new(&dir), Limits::default(), false).unwrap();
    println!("begins");
    let report = undo
        .rollback(&Rollback::last(1_000), &mut NoExecutor)
        .unwrap();
    assert!(report.stopped.is_none(), "{:?}", report.stopped);
}

#[test]
fn killed_rollbacks_are_completed() {
    let (mut cut_off, mut kills) = (0, 0);
    let mut typical = Duration::from_millis(3);
    for seed in 0..count(40, 2_000) {
        let mut random = Random::new(seed + 2_000_000);
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let (root, own) = (dir.path().join("root"), dir.path().join("undo"));
        std::fs::create_dir(&root).unwrap();
        let mut said = Vec::new();
        let before = {
            let undo = Undo::open(&own, Limits::default(), false).unwrap();
            sequence(&mut random, &root, &undo, &mut said)
        };
        let steps = |own: &Path| {
            let undo = Undo::open(own, Limits::default(), false).unwrap();
            undo.steps(None).unwrap().len()
        };
        let all = steps(&own);
        for _ in 0..3 {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "crash::child", "--nocapture"])
                .env(CHILD, &own)
                .stdout(Stdio::piped())
                .stderr(Stdio::inherit())
                .spawn()
                .unwrap();
            let mut said = std::io::BufReader::new(child.stdout.take().unwrap());
            let mut line = String::new();
            while !line.contains("begins") {
                line.clear();
                assert!(std::io::BufRead::read_line(&mut said, &mut line).unwrap() > 0);
            }
            let began = Instant::now();
            let wait = typical.mul_f64(random.below(100) as f64 / 100.0);
            while began.elapsed() < wait {
                std::hint::spin_loop();
            }
            // It may have ended by itself.
            let _ = child.kill();
            let ended = child.wait().unwrap();
            kills += 1;
            if ended.success() {
                typical = typical.mul_f64(0.9);
            } else {
                typical = typical.mul_f64(1.03);
            }
            let left = steps(&own);
            cut_off += u32::from(left > 0 && left < all);
        }
        let undo = Undo::open(&own, Limits::default(), false).unwrap();
        let report = undo
            .rollback(&Rollback::last(1_000), &mut NoExecutor)
            .unwrap();
        let after = shown(&root);
        assert!(
            report.stopped.is_none() && after == before,
            "seed {seed}: {:?}\n{}\n--- before\n{before}--- after\n{after}",
            report.stopped,
            said.join("\n")
        );
    }
    println!("{cut_off} of {kills} kills left a rollback half done");
    assert!(cut_off > 0, "no kill met a rollback in its middle");
}
