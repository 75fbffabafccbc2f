//! Single cases: what is refused, and what stays as it is then.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use interlock_effects::{
    About, Declared, EffectError, Executor, FileOp, Irreversible, Limits, NoExecutor, Refusal,
    Rollback, Settled, Undo,
};

struct World {
    _dir: tempfile::TempDir,
    root: PathBuf,
    undo: Undo,
}

impl World {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let root = dir.path().canonicalize().unwrap().join("root");
        fs::create_dir(&root).unwrap();
        let undo = Undo::open(&dir.path().join("undo"), limits, true).unwrap();
        Self {
            _dir: dir,
            root,
            undo,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn step(&self, agent: &str, op: FileOp<'_>, act: impl FnOnce()) -> u64 {
        let about = About {
            agent: agent.into(),
            tool: "t".into(),
            decision: "d".into(),
        };
        let step = self.undo.begin(&about).unwrap();
        self.undo.before(step, op).unwrap();
        act();
        self.undo.seal(step).unwrap();
        step
    }

    fn rollback(&self, last: usize) -> interlock_effects::Report {
        self.undo
            .rollback(&Rollback::last(last), &mut NoExecutor)
            .unwrap()
    }
}

#[test]
fn what_was_changed_since_is_left_alone() {
    let world = World::new();
    let (one, two) = (world.path("one"), world.path("two"));
    fs::write(&one, "1").unwrap();
    fs::write(&two, "2").unwrap();
    let step = world.undo.begin(&About::default()).unwrap();
    for path in [&one, &two] {
        world.undo.before(step, FileOp::Write(path)).unwrap();
        fs::write(path, "agent").unwrap();
    }
    world.undo.seal(step).unwrap();
    fs::write(&one, "a person").unwrap();

    let stopped = world.rollback(1).stopped.unwrap();
    assert_eq!(
        stopped.why.to_string(),
        format!(
            "`{}` was changed since: it has 8 bytes, not 5",
            one.display()
        )
    );
    assert_eq!(fs::read_to_string(&one).unwrap(), "a person");
    assert_eq!(
        fs::read_to_string(&two).unwrap(),
        "agent",
        "nothing is half done"
    );

    let forced = Rollback {
        force: true,
        ..Rollback::last(1)
    };
    let report = world.undo.rollback(&forced, &mut NoExecutor).unwrap();
    assert_eq!(report.undone.len(), 1);
    assert_eq!(fs::read_to_string(&one).unwrap(), "1");
    assert_eq!(fs::read_to_string(&two).unwrap(), "2");
}

#[test]
fn the_same_content_with_another_mode_is_a_conflict() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    let file = world.path("file");
    fs::write(&file, "1").unwrap();
    world.step("a", FileOp::Write(&file), || fs::write(&file, "2").unwrap());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let stopped = world.rollback(1).stopped.unwrap();
    assert!(
        stopped.why.to_string().contains("its mode is 600"),
        "{}",
        stopped.why
    );
}

#[test]
fn a_file_put_into_a_new_directory_keeps_it() {
    let world = World::new();
    let dir = world.path("dir");
    world.step("a", FileOp::Create(&dir), || fs::create_dir(&dir).unwrap());
    fs::write(dir.join("foreign"), "x").unwrap();
    let stopped = world.rollback(1).stopped.unwrap();
    assert!(
        matches!(stopped.why, Refusal::Conflict { .. }),
        "{}",
        stopped.why
    );
    assert!(dir.join("foreign").exists());
}

#[test]
fn a_directory_that_was_moved_over_nothing_is_moved_back_with_what_is_in_it() {
    let world = World::new();
    let (dir, to) = (world.path("dir"), world.path("to"));
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("file"), "x").unwrap();
    let step = world.undo.begin(&About::default()).unwrap();
    // It says that it makes `to`, and fails.
    world.undo.before(step, FileOp::Create(&to)).unwrap();
    world.undo.before(step, FileOp::Rename(&dir, &to)).unwrap();
    fs::rename(&dir, &to).unwrap();
    world.undo.seal(step).unwrap();
    assert_eq!(world.rollback(1).stopped, None);
    assert_eq!(fs::read_to_string(dir.join("file")).unwrap(), "x");
}

#[test]
fn a_file_put_into_a_new_directory_that_was_moved_keeps_it() {
    let world = World::new();
    let (dir, to) = (world.path("dir"), world.path("to"));
    let step = world.undo.begin(&About::default()).unwrap();
    world.undo.before(step, FileOp::Create(&dir)).unwrap();
    fs::create_dir(&dir).unwrap();
    world.undo.before(step, FileOp::Rename(&dir, &to)).unwrap();
    fs::rename(&dir, &to).unwrap();
    world.undo.seal(step).unwrap();
    fs::write(to.join("foreign"), "x").unwrap();
    let stopped = world.rollback(1).stopped.unwrap();
    assert!(
        matches!(stopped.why, Refusal::Conflict { .. }),
        "{}",
        stopped.why
    );
    assert!(to.join("foreign").exists(), "nothing is half done");
}

#[test]
fn another_agents_later_step_keeps_an_earlier_one() {
    let world = World::new();
    let file = world.path("file");
    fs::write(&file, "0").unwrap();
    world.step("a", FileOp::Write(&file), || fs::write(&file, "1").unwrap());
    let later = world.step("b", FileOp::Write(&file), || fs::write(&file, "2").unwrap());
    let mine = Rollback {
        agent: Some("a".into()),
        ..Rollback::last(5)
    };
    let stopped = world
        .undo
        .rollback(&mine, &mut NoExecutor)
        .unwrap()
        .stopped
        .unwrap();
    assert_eq!(
        stopped.why,
        Refusal::Later {
            path: file.clone(),
            step: later,
            agent: "b".into()
        }
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "2");
    assert_eq!(world.rollback(2).undone.len(), 2);
    assert_eq!(fs::read_to_string(&file).unwrap(), "0");
}

#[test]
fn what_cannot_be_undone_is_said_before() {
    let world = World::with(Limits {
        file_bytes_max: 10,
        tree_entries_max: 3,
        ..Limits::default()
    });
    let large = world.path("large");
    fs::write(&large, "more than ten bytes").unwrap();
    let why = |op: FileOp<'_>| match world.undo.plan(op) {
        Err(EffectError::Irreversible(why)) => Some(why),
        other => {
            other.unwrap();
            None
        }
    };
    assert!(matches!(
        why(FileOp::Write(&large)),
        Some(Irreversible::TooLarge {
            bytes: 19,
            max: 10,
            ..
        })
    ));
    assert_eq!(why(FileOp::Append(&large)), None, "its size is enough");
    assert_eq!(why(FileOp::Delete(&large)), None, "the inode is kept");
    let other = world.path("other");
    assert!(world.undo.plan(FileOp::Rename(&large, &other)).is_ok());
    let dir = world.path("dir");
    fs::create_dir(&dir).unwrap();
    for name in ["a", "b", "c"] {
        fs::write(dir.join(name), name).unwrap();
    }
    assert!(matches!(
        why(FileOp::RemoveTree(&dir)),
        Some(Irreversible::TooMany { max: 3, .. })
    ));
    assert!(matches!(
        why(FileOp::Write("/dev/null".as_ref())),
        Some(Irreversible::NotAFile { .. })
    ));
    assert!(matches!(
        why(FileOp::Write("/proc/self/comm".as_ref())),
        Some(Irreversible::NotAFile { .. })
    ));
    let own = world.root.with_file_name("undo").join("journal");
    assert!(matches!(
        why(FileOp::Delete(&own)),
        Some(Irreversible::OwnJournal { .. })
    ));
    assert!(matches!(
        why(FileOp::RemoveTree(world.root.parent().unwrap())),
        Some(Irreversible::OwnJournal { .. })
    ));
    assert_eq!(
        fs::read_dir(world.root.with_file_name("undo").join("kept"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn an_append_to_a_large_file_is_undone_by_its_size() {
    let world = World::with(Limits {
        file_bytes_max: 10,
        ..Limits::default()
    });
    let log = world.path("log");
    fs::write(&log, "more than ten bytes").unwrap();
    world.step("a", FileOp::Append(&log), || {
        fs::write(&log, "more than ten bytes and then some").unwrap();
    });
    assert_eq!(world.rollback(1).undone.len(), 1);
    assert_eq!(fs::read_to_string(&log).unwrap(), "more than ten bytes");
}

#[test]
fn a_deleted_name_comes_back_as_the_same_inode() {
    let world = World::new();
    let (one, two) = (world.path("one"), world.path("two"));
    fs::write(&one, "x").unwrap();
    fs::hard_link(&one, &two).unwrap();
    let inode = fs::metadata(&one).unwrap().ino();
    world.step("a", FileOp::Delete(&one), || fs::remove_file(&one).unwrap());
    world.rollback(1);
    let found = fs::metadata(&one).unwrap();
    assert_eq!((found.ino(), found.nlink()), (inode, 2));
}

#[test]
fn the_oldest_steps_make_room() {
    let world = World::with(Limits {
        steps_max: 3,
        total_bytes_max: 100,
        ..Limits::default()
    });
    let file = world.path("file");
    for n in 0..6 {
        fs::write(&file, format!("{n}")).unwrap();
        world.step("a", FileOp::Write(&file), || fs::write(&file, "x").unwrap());
    }
    assert!(world.undo.steps(None).unwrap().len() <= 4);
    fs::write(&file, [b'x'; 80]).unwrap();
    world.step("a", FileOp::Write(&file), || ());
    world.step("a", FileOp::Write(&file), || ());
    let steps: Vec<u64> = world
        .undo
        .steps(None)
        .unwrap()
        .iter()
        .map(|s| s.step)
        .collect();
    assert_eq!(steps, [8], "two of 80 bytes do not fit into 100");
    assert_eq!(
        fs::read_dir(world.root.with_file_name("undo").join("kept"))
            .unwrap()
            .count(),
        1
    );
    assert_eq!(world.undo.forget(i64::MAX).unwrap(), 1);
    assert!(world.undo.steps(None).unwrap().is_empty());
}

#[test]
fn a_torn_tail_is_cut_and_a_damaged_middle_is_refused() {
    let world = World::new();
    let file = world.path("file");
    fs::write(&file, "0").unwrap();
    world.step("a", FileOp::Write(&file), || fs::write(&file, "1").unwrap());
    let own = world.root.with_file_name("undo");
    let journal = fs::read(own.join("journal")).unwrap();
    // Another directory with the same journal: this process has the first one open.
    let check = |bytes: &[u8]| {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::write(dir.path().join("journal"), bytes).unwrap();
        let undo = Undo::open(dir.path(), Limits::default(), false)?;
        let step = undo.begin(&About::default())?;
        undo.irreversible(step, "after the tear")?;
        Ok::<_, EffectError>(undo.steps(None)?.len())
    };
    for end in 0..journal.len() {
        let steps = check(&journal[..end]).unwrap();
        assert!(steps == 1 || steps == 2, "cut at {end}: {steps}");
    }
    let mut zeros = journal.clone();
    zeros.extend([0; 4_096]);
    assert_eq!(check(&zeros).unwrap(), 2);
    let mut damaged = journal.clone();
    damaged[20] ^= 1;
    assert!(matches!(
        check(&damaged),
        Err(EffectError::Damaged { at: 0, .. })
    ));
}

/// Remembers what it undid; may say no.
#[derive(Default)]
struct Calls {
    undone: Vec<String>,
    refuses: bool,
    fails: bool,
}

impl Executor for Calls {
    fn check(&mut self, _: &Declared) -> Result<(), String> {
        if self.refuses {
            Err("closed".into())
        } else {
            Ok(())
        }
    }

    fn undo(&mut self, declared: &Declared) -> Result<(), String> {
        if self.fails {
            return Err("timed out".into());
        }
        self.undone.push(declared.payload.to_string());
        Ok(())
    }
}

#[test]
fn declared_effects_are_undone_by_an_executor_once() {
    let world = World::new();
    let file = world.path("file");
    let declared = |idempotent| Declared {
        kind: "call".into(),
        payload: serde_json::json!({"n": 1}),
        idempotent,
    };
    let step = world.undo.begin(&About::default()).unwrap();
    world.undo.before(step, FileOp::Write(&file)).unwrap();
    fs::write(&file, "x").unwrap();
    world.undo.declare(step, declared(false)).unwrap();
    world.undo.seal(step).unwrap();

    let mut calls = Calls {
        refuses: true,
        ..Calls::default()
    };
    let report = world.undo.rollback(&Rollback::last(1), &mut calls).unwrap();
    assert_eq!(
        report.stopped.unwrap().why.to_string(),
        "the undo of `call` refuses: closed"
    );
    assert!(file.exists(), "nothing of a refused step is undone");

    let mut calls = Calls {
        fails: true,
        ..Calls::default()
    };
    let report = world.undo.rollback(&Rollback::last(1), &mut calls).unwrap();
    assert!(matches!(
        report.stopped.unwrap().why,
        Refusal::Interrupted { .. }
    ));

    let mut calls = Calls::default();
    let report = world.undo.rollback(&Rollback::last(1), &mut calls).unwrap();
    let why = report.stopped.unwrap().why.to_string();
    assert!(why.contains("a person must look"), "{why}");
    assert_eq!(calls.undone.len(), 0, "what must not run twice does not");
    world.undo.abandon(step).unwrap();

    let step = world.undo.begin(&About::default()).unwrap();
    world.undo.declare(step, declared(true)).unwrap();
    let mut calls = Calls {
        fails: true,
        ..Calls::default()
    };
    world.undo.rollback(&Rollback::last(1), &mut calls).unwrap();
    let mut calls = Calls::default();
    let report = world.undo.resume(&mut calls).unwrap();
    assert_eq!(
        (report.undone.len(), calls.undone.len()),
        (1, 1),
        "what may be repeated is"
    );
}

#[test]
fn what_became_of_a_declared_effect_takes_its_place() {
    let world = World::new();
    let declared = |n: u64| Declared {
        kind: "http".into(),
        payload: serde_json::json!({ "n": n }),
        idempotent: true,
    };
    let step = world.undo.begin(&About::default()).unwrap();
    let nothing = world.undo.declare(step, declared(1)).unwrap();
    world.undo.settle(step, nothing, Settled::Nothing).unwrap();
    world.undo.seal(step).unwrap();
    assert!(
        world.undo.steps(None).unwrap().is_empty(),
        "a step without an effect is none"
    );

    let step = world.undo.begin(&About::default()).unwrap();
    let places: Vec<usize> = (1..=3)
        .map(|n| world.undo.declare(step, declared(n)).unwrap())
        .collect();
    assert_eq!(places, [0, 1, 2]);
    world
        .undo
        .settle(step, 1, Settled::Undoable(declared(20)))
        .unwrap();
    world
        .undo
        .settle(step, 0, Settled::Irreversible("gone for good".into()))
        .unwrap();
    world.undo.seal(step).unwrap();
    // Another process reads the same from the journal.
    let again = Undo::open(&world._dir.path().join("undo"), Limits::default(), false).unwrap();
    let info = again.steps(None).unwrap().remove(0);
    assert_eq!((info.declared.len(), info.irreversible.len()), (2, 1));
    let mut calls = Calls::default();
    let report = again.rollback(&Rollback::last(1), &mut calls).unwrap();
    assert_eq!(report.irreversible.len(), 1);
    assert_eq!(calls.undone, [r#"{"n":20}"#, r#"{"n":3}"#]);
}

#[test]
fn threads_share_a_journal() {
    let world = World::new();
    std::thread::scope(|scope| {
        for n in 0..4 {
            let file = world.path(&format!("file-{n}"));
            let world = &world;
            scope.spawn(move || {
                for _ in 0..10 {
                    world.step("a", FileOp::Write(&file), || fs::write(&file, "x").unwrap());
                }
            });
        }
    });
    assert_eq!(world.undo.steps(None).unwrap().len(), 40);
    assert_eq!(world.rollback(40).undone.len(), 40);
    assert_eq!(fs::read_dir(&world.root).unwrap().count(), 0);
}

#[test]
fn a_link_in_the_place_of_a_directory_leads_nowhere() {
    let world = World::new();
    let (work, moved, victim) = (
        world.path("work"),
        world.path("moved"),
        world.path("victim"),
    );
    fs::create_dir(&work).unwrap();
    fs::create_dir(&victim).unwrap();
    fs::write(work.join("file"), "before").unwrap();
    fs::write(victim.join("file"), "somebody's").unwrap();
    fs::write(victim.join("new"), "somebody's").unwrap();
    for name in ["file", "new"] {
        let path = work.join(name);
        // Not sealed: nothing is known of how it was left.
        let step = world.undo.begin(&About::default()).unwrap();
        world.undo.before(step, FileOp::Write(&path)).unwrap();
        fs::write(&path, "agent").unwrap();
    }
    fs::rename(&work, &moved).unwrap();
    std::os::unix::fs::symlink(&victim, &work).unwrap();

    let stopped = world.rollback(2).stopped.unwrap();
    assert!(
        stopped.why.to_string().contains("is a link now"),
        "{}",
        stopped.why
    );
    for name in ["file", "new"] {
        assert_eq!(fs::read_to_string(victim.join(name)).unwrap(), "somebody's");
    }
}

#[test]
fn what_failed_for_want_of_a_directory_is_undone() {
    let world = World::new();
    fs::write(world.path("file"), "x").unwrap();
    for name in ["missing/x", "missing/deeper/x", "file/x"] {
        let path = world.path(name);
        world.step("bot", FileOp::Write(&path), || {
            fs::write(&path, "x").unwrap_err();
        });
    }
    let report = world.rollback(3);
    assert_eq!((report.stopped, report.undone.len()), (None, 3));
}

#[test]
fn what_was_tried_where_a_link_led_nowhere_is_no_conflict_once_it_leads_somewhere() {
    let world = World::new();
    let (target, link) = (world.path("target"), world.path("link"));
    std::os::unix::fs::symlink("target", &link).unwrap();
    let tried = world.undo.begin(&About::default()).unwrap();
    let below = link.join("x");
    world
        .undo
        .before(tried, FileOp::RemoveDirectory(&below))
        .unwrap();
    fs::remove_dir(&below).unwrap_err();
    let made = target.join("x");
    world.step("bot", FileOp::Create(&target), || {
        fs::create_dir(&target).unwrap();
    });
    world.step("bot", FileOp::Create(&made), || {
        fs::create_dir(&made).unwrap();
    });
    world.undo.seal(tried).unwrap();

    let report = world.rollback(3);
    assert_eq!(report.stopped, None);
    assert_eq!(report.undone.len(), 3);
    assert!(!target.exists() && link.is_symlink());
}

#[test]
fn a_rollback_that_met_an_obstacle_is_not_completed_by_a_restart() {
    let world = World::new();
    let (file, dir) = (world.path("file"), world.path("dir"));
    fs::create_dir(&dir).unwrap();
    fs::write(&file, "before").unwrap();
    let step = world.undo.begin(&About::default()).unwrap();
    for path in [&file, &dir.join("made")] {
        world.undo.before(step, FileOp::Write(path)).unwrap();
        fs::write(path, "agent").unwrap();
    }
    fs::remove_file(dir.join("made")).unwrap();
    fs::remove_dir(&dir).unwrap();
    std::os::unix::fs::symlink("/", &dir).unwrap();
    assert!(world.rollback(1).stopped.is_some());

    // A person puts it right by hand, and the program starts again.
    fs::write(&file, "by hand").unwrap();
    fs::remove_file(&dir).unwrap();
    fs::create_dir(&dir).unwrap();
    let again = Undo::open(&world.root.with_file_name("undo"), Limits::default(), true).unwrap();
    let report = again.resume(&mut NoExecutor).unwrap();
    assert!(report.undone.is_empty() && report.stopped.is_none());
    assert_eq!(fs::read_to_string(&file).unwrap(), "by hand");
    // Asked for, it goes on.
    let report = again.rollback(&Rollback::last(1), &mut NoExecutor).unwrap();
    assert_eq!(report.undone.len(), 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), "before");
}
