//! What a disk does to the record: full, torn, flipped, gone, lying. Nothing acknowledged is lost,
//! no limit starts anew, and the error names what is wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use interlock_core::model::Effect;
use interlock_runtime::{Clock, OpenError, Options, Runtime};
use interlock_store::MemoryStore;
use interlock_store::journal::fault::{FaultVfs, Survival};
use interlock_store::journal::{Journal, JournalError, JournalOptions};

use crate::world::{DAY, TENANT, World, end, records, try_check};

const LIMIT: usize = 40;
const POLICY: &str = "interlock: 1\ndefault: allow\nrules:\n  - id: forty\n    require: { limits: { calls: 40/24h } }\n    effect: block\n";
const SEGMENT: &str = "log/journal/0000000000000000.seg";

fn world() -> World {
    World::policy(POLICY)
}

/// The runtime on this disk, with a projection that begins anew.
fn open(world: &World, disk: &FaultVfs) -> Result<Runtime, OpenError> {
    let clock = Arc::clone(&world.clock);
    // Each entry has a time of its own, as on a real machine.
    let ticks = AtomicU64::new(0);
    let (journal, _) = Journal::open_with(
        Arc::new(disk.clone()),
        JournalOptions {
            segment_bytes: 32 * 1024,
            reserve_bytes: 40 * 1024,
            checkpoint_entries: 8,
            background: false,
            clock: Arc::new(move || {
                u64::try_from(clock.now()).unwrap_or(0) + ticks.fetch_add(1, Ordering::Relaxed)
            }),
            ..JournalOptions::default()
        },
    )?;
    let options = Options {
        policies: world.policies.clone(),
        clock: Arc::clone(&world.clock) as Arc<dyn Clock>,
        ..Options::on(world.dir.path())
    };
    Runtime::assemble(journal, Arc::new(MemoryStore::new()), options)
}

fn call(n: usize) -> String {
    format!(
        r#"{{"agent_id":"bot","action_type":"file_write","resource":"/srv/app/{n}.txt","arguments":{{"path":"/srv/app/{n}.txt"}}}}"#
    )
}

/// Checks until one fails or `most` were answered; the ids that were acknowledged, and the failure.
fn load(runtime: &Runtime, from: usize, most: usize) -> (Vec<String>, Option<String>) {
    let mut acknowledged = Vec::new();
    for n in from..from + most {
        match try_check(runtime, &call(n)) {
            Ok(checked) => {
                assert_eq!(checked.decision.effect, Effect::Allow, "{n}");
                acknowledged.push(checked.id.to_string());
            }
            Err(error) => {
                assert_eq!(error.code(), "audit-unavailable", "{error}");
                return (acknowledged, Some(error.to_string()));
            }
        }
    }
    (acknowledged, None)
}

/// Everything acknowledged is in the record that this runtime has opened, and counts.
fn holds(runtime: &Runtime, acknowledged: &[String], what: &str) {
    let decisions = records(runtime, "decision");
    let ids: Vec<&str> = decisions
        .iter()
        .filter_map(|body| body.get("id")?.as_str())
        .collect();
    for id in acknowledged {
        assert!(ids.contains(&id.as_str()), "{what}: {id} is lost");
    }
    // What was recorded but not acknowledged counts too: it may have been acted on.
    let left = LIMIT - decisions.len();
    for n in 0..left {
        let checked = try_check(runtime, &call(1_000 + n)).expect("it answers again");
        assert_eq!(
            checked.decision.effect,
            Effect::Allow,
            "{what}: {n} of {left}"
        );
    }
    let checked = try_check(runtime, &call(2_000)).expect("it answers");
    assert_eq!(checked.decision.effect, Effect::Block, "{what}");
}

#[test]
fn a_full_disk_denies_and_loses_nothing() {
    let world = world();
    let disk = FaultVfs::new();
    let runtime = open(&world, &disk).expect("it opens");
    disk.set_quota(Some(disk.used_bytes() + 1_000));
    let (acknowledged, error) = load(&runtime, 0, 1_000);
    let error = error.expect("a full disk is noticed");
    assert!(
        error.contains("no space is left for the journal"),
        "{error}"
    );
    assert!(error.contains("so the action is denied"), "{error}");
    assert!(acknowledged.len() > 3, "{}", acknowledged.len());
    // It stays so until a restart, also when somebody makes room.
    disk.set_quota(None);
    assert!(load(&runtime, 500, 1).1.is_some());
    end(runtime);
    let runtime = open(&world, &disk).expect("it opens again");
    holds(&runtime, &acknowledged, "full disk");
    end(runtime);
}

#[test]
fn a_failed_sync_denies_and_loses_nothing() {
    for nth in 1..12 {
        let world = world();
        let disk = FaultVfs::new();
        let runtime = open(&world, &disk).expect("it opens");
        let (mut acknowledged, error) = load(&runtime, 0, 2);
        assert_eq!(error, None);
        disk.fail_sync(nth);
        let (more, error) = load(&runtime, 100, 30);
        acknowledged.extend(more);
        let what = format!("sync {nth}");
        if let Some(error) = &error {
            assert!(
                error.contains("journal stopped after a write error"),
                "{error}"
            );
            // The disk reports success from now on; it is not believed.
            assert!(load(&runtime, 500, 1).1.is_some(), "{what}");
        }
        runtime.close();
        drop(runtime);
        let found = disk.after_crash(Survival::Nothing);
        let runtime = open(&world, &found).expect("it opens again");
        holds(&runtime, &acknowledged, &what);
        end(runtime);
    }
}

#[test]
fn a_torn_write_is_cut_and_nothing_before_it() {
    let (mut torn, mut tried) = (0, 0);
    let whole = {
        let (world, disk) = (world(), FaultVfs::new());
        let runtime = open(&world, &disk).expect("it opens");
        let before = disk.operations();
        assert_eq!(load(&runtime, 0, 20).1, None);
        before..disk.operations()
    };
    // At each operation in a soak, at some of them otherwise.
    let soak = std::env::var_os("INTERLOCK_SOAK").is_some();
    if !soak {
        println!("one crash point of 8; INTERLOCK_SOAK=1 runs all");
    }
    for crash_at in whole.step_by(if soak { 1 } else { 8 }) {
        let (world, disk) = (world(), FaultVfs::new());
        let runtime = open(&world, &disk).expect("it opens");
        disk.crash_at(crash_at);
        let (acknowledged, _) = load(&runtime, 0, 20);
        runtime.close();
        drop(runtime);
        for survival in [
            Survival::Nothing,
            Survival::Everything,
            Survival::Part(crash_at),
        ] {
            let found = disk.after_crash(survival);
            let runtime = open(&world, &found)
                .unwrap_or_else(|e| panic!("crash at {crash_at}, {survival:?}: {e}"));
            tried += 1;
            torn += records_of_node(&runtime, "gap");
            holds(
                &runtime,
                &acknowledged,
                &format!("crash at {crash_at}, {survival:?}"),
            );
            end(runtime);
        }
    }
    println!("{tried} crashes of a running engine, {torn} torn tails cut");
    assert!(torn > 0, "no write was torn");
}

fn records_of_node(runtime: &Runtime, kind: &str) -> usize {
    let entries = runtime.journal().read("_node", 0, 1_000).expect("it reads");
    entries.iter().filter(|e| e.kind.name() == kind).count()
}

/// A disk with three segments and more, closed in order.
fn filled(world: &World) -> FaultVfs {
    let disk = FaultVfs::new();
    let runtime = open(world, &disk).expect("it opens");
    assert_eq!(load(&runtime, 0, LIMIT).1, None);
    for n in 0..60 {
        let checked = try_check(&runtime, &call(n)).expect("it answers");
        assert_eq!(checked.decision.effect, Effect::Block);
    }
    end(runtime);
    disk
}

/// Opening is refused for this reason, and changes nothing.
fn refused(world: &World, disk: &FaultVfs, code: u8, says: &str) {
    let before = disk.files();
    match open(world, disk) {
        Ok(_) => panic!("a damaged record was opened: {says}"),
        Err(OpenError::Journal(error)) => {
            assert_eq!(error.exit_code(), code, "{error}");
            assert!(error.to_string().contains(says), "{error}");
        }
        Err(error) => panic!("{error}"),
    }
    assert_eq!(disk.files(), before, "a refused record is left as it was");
}

fn segments(disk: &FaultVfs) -> Vec<String> {
    let files = disk.files();
    files.into_keys().filter(|p| p.ends_with(".seg")).collect()
}

#[test]
fn a_flipped_byte_is_named() {
    let world = world();
    let disk = filled(&world);
    let all = segments(&disk);
    assert!(all.len() > 2, "{all:?}");
    let last = all.last().expect("there is one");
    // In the body of the first record of the last segment.
    let mut bytes = disk.files()[last].clone();
    bytes[4_096 + 96 + 150] ^= 4;
    let damaged = disk.fork();
    damaged.put(last, Some(bytes));
    let name = last.strip_prefix("log/").expect("below the log");
    refused(
        &world,
        &damaged,
        3,
        &format!("journal is corrupt at `{name}` offset 4096"),
    );

    // In the first segment, which opening alone does not read, but the fold of the state does.
    let mut bytes = disk.files()[SEGMENT].clone();
    bytes[8_000] ^= 4;
    let damaged = disk.fork();
    damaged.put(SEGMENT, Some(bytes));
    let error = open(&world, &damaged)
        .expect_err("it is refused")
        .to_string();
    assert!(error.contains("corrupt"), "{error}");
    assert!(error.contains("0000000000000000.seg"), "{error}");
}

#[test]
fn a_deleted_segment_is_named() {
    let world = world();
    let disk = filled(&world);
    let all = segments(&disk);
    for (n, path) in all.iter().enumerate() {
        let damaged = disk.fork();
        damaged.put(path, None);
        match n + 1 == all.len() {
            // Without the last, fewer entries are left than were signed.
            true => refused(&world, &damaged, 2, "was rolled back"),
            false => refused(&world, &damaged, 3, "journal is corrupt at `journal/"),
        }
    }
}

#[test]
fn a_clock_that_jumps_costs_no_entry() {
    let world = world();
    let disk = FaultVfs::new();
    let mut acknowledged = Vec::new();
    let mut n = 0;
    for by in [0, 400 * DAY, -800 * DAY, 30 * 365 * DAY, -20 * 365 * DAY] {
        world.advance(by);
        let runtime = open(&world, &disk).expect("it opens at any time");
        for _ in 0..6 {
            n += 1;
            let checked = try_check(&runtime, &call(n)).expect("it answers at any time");
            acknowledged.push((checked.id.to_string(), checked.seq));
        }
        end(runtime);
    }
    let runtime = open(&world, &disk).expect("it opens");
    let mut seen = 0;
    for entry in runtime.journal().read(TENANT, 0, 1_000).expect("it reads") {
        let body = String::from_utf8(entry.body).expect("JSON");
        if let Some((id, seq)) = acknowledged.get(seen)
            && body.contains(id)
        {
            assert_eq!(entry.seq, *seq);
            seen += 1;
        }
    }
    assert_eq!(
        seen,
        acknowledged.len(),
        "entries stay in the order of their numbers"
    );
    end(runtime);
}

#[test]
fn a_journal_in_use_is_said() {
    let world = world();
    let disk = FaultVfs::new();
    let runtime = open(&world, &disk).expect("it opens");
    let second = open(&world, &disk);
    assert!(matches!(
        second,
        Err(OpenError::Journal(JournalError::Locked))
    ));
    end(runtime);
}
