//! Evidence bundles: what is exported verifies, and what was altered is named, by all verifiers.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Cursor, Write as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use interlock_core::approval::State;
use interlock_core::model::{OutcomeStatus, Principal, Role};
use interlock_evidence::verify::{Trust, Verdict, verify_path, verify_zip};
use interlock_evidence::zip::read::Archive;
use interlock_evidence::zip::write::{Packing, Zip};
use interlock_evidence::{CHECKPOINT, ENTRIES, KEYS, MANIFEST, MANIFEST_NOTE, RANGES};
use interlock_runtime::evidence::{Exported, Scope, frameworks};
use interlock_runtime::{Answer, Change, Edit, Runtime, Say};

use crate::world::{MINUTE, SECOND, TENANT, World, check, end, outcome, principal};

/// Names and contents of the files of a bundle.
type Members = Vec<(String, Vec<u8>)>;

const POLICY: &str = "interlock: 1\ndefault: allow\nrules:\n  - id: refunds\n    match: { tool: [refund] }\n    effect: require_approval\n    approvers: { group: finance, quorum: 1, timeout: 2h }\n  - id: drops\n    match: { tool: [drop] }\n    effect: block\n";
const VERIFIERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../verifiers");
type Files = BTreeMap<String, Vec<u8>>;

/// A run of another agent whose names must not show in a selection.
const SECRET: &str = "zanzibar";

fn act(runtime: &Runtime, run: &str, tool: &str, n: usize) -> interlock_runtime::Checked {
    check(
        runtime,
        &format!(
            r#"{{"agent_id":"bot-{run}","action_type":"api_call","tool":"{tool}","resource":"orders/{run}-{n}","run_id":"{run}","arguments":{{"amount":{n}}}}}"#
        ),
    )
}

/// A record of two runs, with answers of people, an edit, a change of the key and an erasure.
fn recorded(entries: usize) -> (World, Runtime) {
    let world = World::policy(POLICY);
    let runtime = world.open();
    let person = principal(Role::Approver, None);
    for n in 0..entries {
        let run = if n % 5 == 0 { "shown" } else { SECRET };
        let tool = match n % 50 {
            0 => "refund",
            7 => "drop",
            _ => "look",
        };
        let checked = act(&runtime, run, tool, n);
        world.advance(SECOND / 7);
        if let Some(id) = checked.approval_id {
            world.advance(90 * SECOND);
            let id = id.to_string();
            let edit = Edit {
                change: Change::Arguments(
                    interlock_core::model::Value::parse(br#"{"amount":1}"#).unwrap(),
                ),
                resource: None,
                expected: None,
            };
            let say = if n % 100 == 0 {
                Say::Edit(&edit)
            } else {
                Say::Approve
            };
            let answer = Answer {
                approver: "=ann",
                say,
                seen: None,
                reason: "checked",
                via: "api",
            };
            let answered = runtime.answer_approval(&person, &id, &answer).unwrap();
            assert!(matches!(
                answered.row.approval.state,
                State::Approved | State::ApprovedEdited
            ));
        } else if n % 50 != 7 && n % 3 == 0 {
            runtime
                .outcome(
                    &Principal::local(),
                    checked.id,
                    &outcome(OutcomeStatus::Succeeded),
                )
                .unwrap();
        }
        if n == entries / 2 {
            runtime.journal().rotate_key().unwrap();
        }
        if n % 97 == 0 {
            runtime.journal().checkpoint(TENANT).unwrap();
        }
    }
    // Signed checkpoints are published a moment later.
    let published = || {
        let mut notes = 0;
        let count = &mut |_: &str| {
            notes += 1;
            ControlFlow::Continue(())
        };
        runtime.journal().published(TENANT, count).unwrap();
        notes
    };
    let end = Instant::now() + Duration::from_secs(60);
    while published() < 3 {
        assert!(Instant::now() < end, "checkpoints are not published");
        std::thread::sleep(Duration::from_millis(20));
    }
    (world, runtime)
}

fn export(runtime: &Runtime, scope: &Scope) -> (Vec<u8>, Exported) {
    let mut out = Cursor::new(Vec::new());
    let exported = runtime
        .export_evidence(TENANT, "auditor", scope, &mut out, &|_, _| {})
        .unwrap();
    let bytes = out.into_inner();
    assert_eq!(bytes.len() as u64, exported.bytes);
    (bytes, exported)
}

fn verdict(zip: &[u8], vkeys: &[String], checkpoints: &[String]) -> Verdict {
    verify_zip(Cursor::new(zip), Trust { vkeys, checkpoints }).verdict
}

fn unzip(zip: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = Archive::open(Cursor::new(zip)).unwrap();
    let members = archive.members.clone();
    members
        .iter()
        .map(|m| {
            let content = archive.whole(m, u64::MAX).unwrap().unwrap();
            (m.name.clone(), content)
        })
        .collect()
}

fn zipped(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = Zip::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let packing = match name.as_str() {
            ENTRIES => Packing::Large,
            name if name.starts_with("tile/") => Packing::Stored,
            _ => Packing::Deflated,
        };
        zip.whole(name, packing, content).unwrap();
    }
    zip.finish().unwrap().0.into_inner()
}

fn random(seed: &mut u64) -> usize {
    // xorshift64
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    (*seed >> 16) as usize
}

/// Verdicts of the Python verifier and the page, where they are installed, on each file.
fn others(
    paths: &[std::path::PathBuf],
    vkeys: &[String],
    checkpoints: &[String],
) -> Vec<(&'static str, Vec<String>)> {
    let first = serde_json::json!({"vkeys": vkeys, "checkpoints": checkpoints}).to_string();
    let mut all = Vec::new();
    for (program, script) in [
        ("python3", "verify_bundles.py"),
        ("node", "verify_bundles.mjs"),
    ] {
        let driver = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/drivers")
            .join(script);
        let started = Command::new(program)
            .arg(driver)
            .arg(VERIFIERS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = started else {
            assert!(program == "node", "there is no python3");
            continue;
        };
        let mut input = child.stdin.take().unwrap();
        let mut text = format!("{first}\n");
        for path in paths {
            text.push_str(&format!("{}\n", path.display()));
        }
        let feeding = std::thread::spawn(move || input.write_all(text.as_bytes()));
        let output = BufReader::new(child.stdout.take().unwrap());
        let lines: Vec<String> = output.lines().map(Result::unwrap).collect();
        feeding.join().unwrap().unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(lines.len(), paths.len(), "{script}");
        all.push((script, lines));
    }
    all
}

#[test]
fn a_range_verifies_by_all_verifiers_and_holds_what_it_says() {
    let (world, runtime) = recorded(700);
    let (zip, exported) = export(&runtime, &Scope::default());
    let vkeys = [exported.vkey.clone()];
    let verdict = verdict(&zip, &vkeys, &[]);
    assert_eq!(
        verdict.to_string().split(" root").next().unwrap(),
        format!("ok entries={0} size={0}", exported.size)
    );
    assert_eq!((exported.first, exported.last), (0, exported.size - 1));
    let files: Files = unzip(&zip).into_iter().collect();
    // Entries as stored, the taking itself the last one but for nothing.
    let entries = runtime.journal().read(TENANT, 0, 1_000_000).unwrap();
    let stored: Vec<u8> = entries
        .iter()
        .take(exported.size as usize)
        .flat_map(|e| [&e.body[..], b"\n"].concat())
        .collect();
    assert_eq!(files[ENTRIES], stored);
    let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
    let approvals = text("approvals.csv");
    // Two minutes were not needed; what begins like a formula is none.
    assert!(approvals.contains("\"'=ann\",\"approve\""), "{approvals}");
    assert!(approvals.contains("\"90\""), "{approvals}");
    assert!(approvals.contains("amount"), "{approvals}");
    assert!(text("gaps.csv").contains("start 1 of the node"));
    assert!(text("policies/in-force.json").contains("id: refunds"));
    assert!(text("checkpoints.txt").matches("\n\n").count() >= 2);
    let keys: serde_json::Value = serde_json::from_slice(&files[KEYS]).unwrap();
    assert_eq!(keys["rotations"].as_array().unwrap().len(), 1);
    for framework in frameworks().unwrap() {
        let report: serde_json::Value =
            serde_json::from_str(&text(&format!("controls/{}.json", framework.id))).unwrap();
        assert_eq!(
            report["controls"].as_array().unwrap().len(),
            framework.controls.len()
        );
    }
    let soc: serde_json::Value = serde_json::from_str(&text("controls/soc2.json")).unwrap();
    let decisions = entries.iter().filter(|e| e.kind.name() == "decision");
    assert_eq!(
        soc["controls"][0]["evidenced"][0]["count"],
        decisions.count() as u64
    );
    let page = text("README.html");
    assert!(page.contains("=ann") && page.contains(&exported.vkey) && !page.contains("<script"));

    // A checkpoint from outside, of this log and of one that goes on.
    let old = text(CHECKPOINT);
    act(&runtime, "later", "look", 1);
    let new = runtime.journal().checkpoint(TENANT).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("e.zip");
    std::fs::write(&path, &zip).unwrap();
    for (notes, code) in [(vec![], 0), (vec![old], 0), (vec![new], 2)] {
        let ours = verify_zip(
            Cursor::new(&zip),
            Trust {
                vkeys: &vkeys,
                checkpoints: &notes,
            },
        );
        assert_eq!(ours.verdict.code(), code, "{}", ours.verdict);
        for (script, lines) in others(std::slice::from_ref(&path), &vkeys, &notes) {
            assert_eq!(lines[0], format!("{code} {}", ours.verdict), "{script}");
        }
    }
    // The same, unpacked, but for a link in it.
    let unpacked = dir.path().join("unpacked");
    for (name, content) in &files {
        let at = unpacked.join(name);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(at, content).unwrap();
    }
    let trust = Trust {
        vkeys: &vkeys,
        checkpoints: &[],
    };
    assert_eq!(verify_path(&unpacked, trust).unwrap().verdict, verdict);
    std::os::unix::fs::symlink("/etc/passwd", unpacked.join("link")).unwrap();
    assert_eq!(
        verify_path(&unpacked, trust).unwrap().verdict.to_string(),
        "refused file=link"
    );
    end(runtime);
    drop(world);
}

#[test]
fn the_same_evidence_is_the_same_bytes() {
    let (world, runtime) = recorded(60);
    let scope = Scope {
        to: Some("2026-03-02T10:01:00Z".to_owned()),
        ..Scope::default()
    };
    // Of what lies in the past; only the log around it grows.
    let (first, _) = export(&runtime, &scope);
    let (second, _) = export(&runtime, &scope);
    let files = |zip: &[u8]| -> Files { unzip(zip).into_iter().collect() };
    let (first, second) = (files(&first), files(&second));
    assert_eq!(first[ENTRIES], second[ENTRIES]);
    assert_eq!(first[RANGES], second[RANGES]);
    assert_eq!(first["approvals.csv"], second["approvals.csv"]);
    let packed = unzip(&zipped(&first.clone().into_iter().collect::<Vec<_>>()));
    assert_eq!(packed.into_iter().collect::<Files>(), first);
    end(runtime);
    drop(world);
}

#[test]
fn a_selection_shows_nothing_of_other_entries() {
    let (world, runtime) = recorded(700);
    let run = Scope {
        run: Some("shown".to_owned()),
        ..Scope::default()
    };
    let (zip, exported) = export(&runtime, &run);
    let vkeys = [exported.vkey.clone()];
    assert_eq!(verdict(&zip, &vkeys, &[]).code(), 0);
    assert!(exported.entries >= 140 && exported.entries < exported.size / 2);
    let files = unzip(&zip);
    let hidden: Vec<String> = runtime
        .journal()
        .read(TENANT, 0, 1_000_000)
        .unwrap()
        .iter()
        .filter_map(|e| {
            let body: serde_json::Value = serde_json::from_slice(&e.body).ok()?;
            (body["run"] == SECRET).then(|| body["id"].as_str().unwrap_or_default().to_owned())
        })
        .filter(|id| !id.is_empty())
        .collect();
    assert!(hidden.len() > 500);
    for (name, content) in &files {
        let text = String::from_utf8_lossy(content);
        assert!(!text.contains(SECRET), "{name}");
        assert!(
            !hidden.iter().any(|id| text.contains(id.as_str())),
            "{name}"
        );
    }
    // Each entry of the run is there, with the answers of people.
    let shown = |files: &[(String, Vec<u8>)], what: &str| {
        let entries = files.iter().find(|(name, _)| name == ENTRIES).unwrap();
        String::from_utf8_lossy(&entries.1).matches(what).count()
    };
    assert_eq!(shown(&files, "\"kind\":\"decision\""), 140);
    assert_eq!(shown(&files, "\"approver\":\"=ann\""), 14);

    // One decision.
    let id = {
        let checked = act(&runtime, "shown", "look", 9_999);
        act(&runtime, SECRET, "look", 10_000);
        checked.id.to_string()
    };
    let one = Scope {
        action: Some(id.clone()),
        ..Scope::default()
    };
    let (zip, exported) = export(&runtime, &one);
    // The decision alone.
    assert_eq!(exported.entries, 1);
    assert_eq!(verdict(&zip, &vkeys, &[]).code(), 0);
    let files = unzip(&zip);
    assert_eq!(shown(&files, &id), 1);
    assert!(
        files
            .iter()
            .all(|(_, c)| !String::from_utf8_lossy(c).contains(SECRET))
    );
    let leaves = files.iter().filter(|(name, _)| name.starts_with("tile/0/"));
    assert!(leaves.count() <= 2);
    // What the tiles do not reach is not taken on trust.
    let past = unzip(&export(&runtime, &Scope::default()).0);
    let past = past
        .into_iter()
        .find(|(n, _)| n == "checkpoints.txt")
        .unwrap()
        .1;
    let past = String::from_utf8(past).unwrap();
    let early = format!(
        "{}\n",
        past.split("\n\n").take(2).collect::<Vec<_>>().join("\n\n")
    );
    let unchecked = verdict(&zip, &vkeys, std::slice::from_ref(&early));
    assert!(
        unchecked.to_string().starts_with("unchecked checkpoint="),
        "{unchecked}"
    );
    // None such.
    let none = Scope {
        run: Some("nobody".to_owned()),
        ..Scope::default()
    };
    let mut out = Cursor::new(Vec::new());
    let error = runtime.export_evidence(TENANT, "auditor", &none, &mut out, &|_, _| {});
    assert_eq!(error.unwrap_err().code(), "not-found");
    end(runtime);
    drop(world);
}

#[test]
fn every_alteration_is_named_and_all_verifiers_agree() {
    let (world, runtime) = recorded(if std::env::var_os("INTERLOCK_SOAK").is_some() {
        3_000
    } else {
        420
    });
    let (zip, exported) = export(&runtime, &Scope::default());
    let vkeys = [exported.vkey.clone()];
    let files = unzip(&zip);
    let at = |name: &str| files.iter().position(|(n, _)| n == name).unwrap();
    let lines: Vec<usize> = {
        let entries = &files[at(ENTRIES)].1;
        let ends = entries.iter().enumerate().filter(|(_, b)| **b == b'\n');
        ends.map(|(n, _)| n).collect()
    };
    let mut cases: Vec<(String, Vec<u8>, Option<String>)> = Vec::new();
    let mut seed = 0x9e37_79b9_7f4a_7c15;

    // One changed byte of each file, and more of the entries.
    for (n, (name, content)) in files.iter().enumerate() {
        if content.is_empty() {
            continue;
        }
        let rounds = if name == ENTRIES { 60 } else { 2 };
        for _ in 0..rounds {
            let place = random(&mut seed) % content.len();
            let bit = 1 << (random(&mut seed) % 8);
            let mut changed = files.clone();
            changed[n].1[place] ^= bit;
            let seq = lines.partition_point(|end| *end < place);
            let expected = match name.as_str() {
                // An entry is named; a line end that is gone names the entry before it.
                ENTRIES => format!("altered seq={seq} file=entries.jsonl"),
                KEYS | MANIFEST_NOTE => format!("signature file={name}"),
                name => format!("altered file={name}"),
            };
            cases.push((
                format!("byte {place} of {name}"),
                zipped(&changed),
                Some(expected),
            ));
        }
        // Cut short, gone, and longer.
        let mut cut = files.clone();
        cut[n].1.pop();
        let expected = match name.as_str() {
            ENTRIES => format!("altered seq={} file=entries.jsonl", exported.size - 1),
            KEYS => "signature file=keys/keys.json".to_owned(),
            MANIFEST_NOTE => "signature file=manifest.note".to_owned(),
            name => format!("altered file={name}"),
        };
        // A key file without its last line end says the same.
        if name != KEYS {
            cases.push((format!("{name} cut"), zipped(&cut), Some(expected)));
        }
        let mut gone = files.clone();
        gone.remove(n);
        cases.push((
            format!("{name} gone"),
            zipped(&gone),
            Some(format!("missing file={name}")),
        ));
        let mut longer = files.clone();
        longer[n].1.extend_from_slice(b"{}\n");
        cases.push((format!("{name} longer"), zipped(&longer), None));
    }
    let with = |change: &dyn Fn(&mut Members)| {
        let mut changed = files.clone();
        change(&mut changed);
        zipped(&changed)
    };
    cases.push((
        "added".to_owned(),
        with(&|f| f.push(("notes.txt".to_owned(), b"trust me".to_vec()))),
        Some("unlisted file=notes.txt".to_owned()),
    ));
    cases.push((
        "swapped entries".to_owned(),
        with(&|f| {
            let entries = &mut f[at(ENTRIES)].1;
            let (a, b, c) = (lines[10] + 1, lines[11] + 1, lines[12] + 1);
            entries[a..c].rotate_left(b - a);
        }),
        Some("altered seq=11 file=entries.jsonl".to_owned()),
    ));
    cases.push((
        "an entry gone".to_owned(),
        with(&|f| {
            f[at(ENTRIES)].1.drain(lines[20] + 1..=lines[21]);
        }),
        Some("altered seq=21 file=entries.jsonl".to_owned()),
    ));
    // An older checkpoint, which its key signed.
    let past = String::from_utf8(files[at("checkpoints.txt")].1.clone()).unwrap();
    let older = format!(
        "{}\n",
        past.split("\n\n").take(2).collect::<Vec<_>>().join("\n\n")
    );
    cases.push((
        "older checkpoint".to_owned(),
        with(&|f| f[at(CHECKPOINT)].1 = older.clone().into_bytes()),
        Some("altered file=checkpoint".to_owned()),
    ));
    // A bundle of another log, and parts of it.
    let (foreign_world, foreign) = recorded(30);
    let (other, _) = export(&foreign, &Scope::default());
    let parts: Files = unzip(&other).into_iter().collect();
    cases.push((
        "another log".to_owned(),
        other,
        Some("signature file=keys/keys.json".to_owned()),
    ));
    cases.push((
        "a manifest that another key signed".to_owned(),
        with(&|f| {
            for name in [MANIFEST, MANIFEST_NOTE] {
                f[at(name)].1.clone_from(&parts[name]);
            }
        }),
        Some("signature file=manifest.note".to_owned()),
    ));
    end(foreign);
    drop(foreign_world);

    // The container: cut anywhere, and bytes of it changed.
    for n in 0..24 {
        let place = random(&mut seed) % zip.len();
        cases.push((
            format!("zip cut at {place}"),
            zip[..place].to_vec(),
            Some("refused zip".to_owned()),
        ));
        let mut changed = zip.clone();
        changed[(random(&mut seed) + n) % zip.len()] ^= 1 << (n % 8);
        cases.push((format!("byte of the zip, {n}"), changed, None));
    }
    for (name, built) in hostile(&files) {
        cases.push((name, built, None));
    }

    let dir = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    let mut ours = Vec::new();
    for (n, (name, bytes, expected)) in cases.iter().enumerate() {
        let found = verdict(bytes, &vkeys, &[]);
        if let Some(expected) = expected {
            assert_eq!(found.to_string(), *expected, "{name}");
        }
        if matches!(found, Verdict::Ok { .. }) {
            // What changed is no content: a time, or bits that deflate does not use.
            assert!(name.starts_with("byte of the zip"), "{name}: {found}");
            assert_eq!(unzip(bytes), files, "{name}");
        }
        let path = dir.path().join(format!("{n}.zip"));
        std::fs::write(&path, bytes).unwrap();
        paths.push(path);
        ours.push(format!("{} {found}", found.code()));
    }
    for (script, lines) in others(&paths, &vkeys, &[]) {
        for ((line, ours), (name, ..)) in lines.iter().zip(&ours).zip(&cases) {
            if line == ours {
                continue;
            }
            // Where a packed stream is damaged, each tells the first entry that it could not unpack.
            let damaged =
                |line: &str| line.starts_with("1 altered") && line.contains("file=entries.jsonl");
            assert!(
                name.starts_with("byte of the zip") && damaged(line) && damaged(ours),
                "{script}, {name}: {line} instead of {ours}"
            );
        }
    }
    end(runtime);
    drop(world);
}

/// Zips that somebody made to do harm.
fn hostile(files: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let sound = zipped(files);
    let mut out = Vec::new();
    let replace = |from: &[u8], to: &[u8]| {
        assert_eq!(from.len(), to.len());
        let mut changed = sound.clone();
        let mut at = 0;
        while let Some(found) = changed[at..].windows(from.len()).position(|w| w == from) {
            changed[at + found..at + found + from.len()].copy_from_slice(to);
            at += found + from.len();
        }
        changed
    };
    out.push((
        "a path upwards".to_owned(),
        replace(b"anchors/README.txt", b"../../../README.tx"),
    ));
    out.push((
        "an absolute path".to_owned(),
        replace(b"anchors/README.txt", b"/etc/cron.d/README"),
    ));
    out.push((
        "a name that hides".to_owned(),
        replace(b"anchors/README.txt", b"anchors/\xe2\x80\xaexcode.x"),
    ));
    out.push((
        "a name twice".to_owned(),
        replace(b"erasures.csv", b"approvals.cs"),
    ));
    let twice = replace(b"controls/hipaa.json", b"controls/gdpr.jsonx");
    out.push(("another name".to_owned(), twice));
    // Declared sizes and places of the central directory, all of them.
    for field in [20usize, 24, 42, 8, 10, 28, 30, 34] {
        let mut changed = sound.clone();
        let directory = changed
            .windows(4)
            .rposition(|w| w == b"PK\x05\x06")
            .unwrap();
        let start = u32::from_le_bytes(changed[directory + 16..directory + 20].try_into().unwrap())
            as usize;
        for byte in &mut changed[start + field..start + field + 2] {
            *byte = 0xff;
        }
        out.push((format!("central field {field}"), changed));
    }
    // Zeros that inflate to far more than any bundle has.
    let mut bomb = files.to_vec();
    for (name, content) in &mut bomb {
        if name == KEYS {
            *content = vec![b' '; 20 << 20];
        }
    }
    out.push(("keys of 20 MiB".to_owned(), zipped(&bomb)));
    let mut bomb = files.to_vec();
    for (name, content) in &mut bomb {
        if name == ENTRIES {
            *content = vec![b'a'; 8 << 20];
        }
    }
    out.push(("a line of 8 MiB".to_owned(), zipped(&bomb)));
    out.push(("empty".to_owned(), Vec::new()));
    out.push(("not a zip".to_owned(), vec![b'x'; 4096]));
    out
}

#[test]
fn reports_count_what_the_record_proves() {
    let (world, runtime) = recorded(150);
    world.advance(MINUTE);
    let scope = Scope::default();
    for framework in frameworks().unwrap() {
        let report = runtime
            .evidence_report(TENANT, "auditor", &framework.id, &scope, &|_, _| {})
            .unwrap();
        let entries = runtime.journal().read(TENANT, 0, 100_000).unwrap();
        assert_eq!(report.size, entries.len() as u64);
        for control in &report.controls {
            assert!(!control.evidenced.is_empty() || !control.not_evidenced.is_empty());
            for e in &control.evidenced {
                let of_kind =
                    |kind: &str| entries.iter().filter(|e| e.kind.name() == kind).count() as u64;
                if let Some(kind) = e
                    .count
                    .query
                    .strip_prefix("kind:")
                    .filter(|k| !k.contains([' ', '|']))
                {
                    assert_eq!(e.count.count, of_kind(kind), "{}", e.count.query);
                }
                for seq in [e.count.first, e.count.last].into_iter().flatten() {
                    assert!(report.proofs[&seq].starts_with("c2sp.org/tlog-proof@v1\n"));
                }
            }
        }
        assert!(report.html().contains("Not evidenced by this log"));
        assert!(report.csv().lines().count() > framework.controls.len());
        assert!(report.retention.held_days == 0 && !report.retention.statement.is_empty());
    }
    let report = runtime.evidence_report(TENANT, "auditor", "iso-9001", &scope, &|_, _| {});
    assert_eq!(report.unwrap_err().code(), "not-found");
    end(runtime);
    drop(world);
}
