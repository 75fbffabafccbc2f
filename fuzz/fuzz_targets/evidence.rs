//! The evidence bundle: whatever the bytes, a verdict in bounded time; and whatever was altered in a sound
//! one, the verdict is not that it is sound, unless all files are as they were.
#![no_main]

use std::io::Cursor;
use std::sync::LazyLock;

use interlock_core::audit::checkpoint::Checkpoint;
use interlock_core::audit::note::Signer;
use interlock_core::audit::{Hash, chain};
use interlock_evidence::keys::Keys;
use interlock_evidence::manifest::{FORMAT, FileEntry, Manifest, Scope, statement};
use interlock_evidence::tiles::Builder;
use interlock_evidence::verify::{Trust, Verdict, verify_zip};
use interlock_evidence::zip::read::Archive;
use interlock_evidence::zip::write::{Packing, Zip};
use interlock_evidence::{CHECKPOINT, CHECKPOINTS, ENTRIES, KEYS, MANIFEST, MANIFEST_NOTE, RANGES};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

const ORIGIN: &str = "example.com/log";
const COUNT: u64 = 300;

struct Sound {
    zip: Vec<u8>,
    files: Vec<(String, Vec<u8>)>,
    vkey: String,
}

static SOUND: LazyLock<Sound> = LazyLock::new(|| {
    let signer = Signer::from_seed(ORIGIN, &[3; 32]).unwrap();
    let mut zip = Zip::new(Cursor::new(Vec::new()));
    let mut written = Vec::new();
    let mut tiles: Vec<(String, Vec<u8>)> = Vec::new();
    let mut on = |path: String, hashes: &[Hash]| {
        tiles.push((path, hashes.concat()));
        Ok(())
    };
    let mut builder = Builder::default();
    let mut entries = Vec::new();
    for n in 0..COUNT {
        let kind = if n == 7 { "erasure" } else { "decision" };
        let body = format!("{{\"v\":1,\"ts\":\"2026-11-21T04:00:00Z\",\"kind\":\"{kind}\",\"n\":{n}}}");
        builder.push(chain::leaf(body.as_bytes()), true, &mut on).unwrap();
        entries.extend_from_slice(body.as_bytes());
        entries.push(b'\n');
    }
    let root = builder.finish(&mut on).unwrap();
    let head = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: COUNT,
        root,
    };
    let note = signer.note(&head.text());
    let keys = Keys {
        origin: ORIGIN.to_owned(),
        first: signer.verifier().vkey(),
        rotations: Vec::new(),
    };
    let mut all = vec![
        (ENTRIES.to_owned(), entries),
        (KEYS.to_owned(), serde_json::to_vec(&keys).unwrap()),
        (CHECKPOINT.to_owned(), note.clone().into_bytes()),
        (CHECKPOINTS.to_owned(), format!("{note}\n").into_bytes()),
        (RANGES.to_owned(), format!("first,count\n0,{COUNT}\n").into_bytes()),
    ];
    all.extend(tiles);
    for (name, content) in &all {
        let packing = if name == ENTRIES { Packing::Large } else { Packing::Stored };
        written.push(zip.whole(name, packing, content).unwrap());
    }
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        tenant: "acme".to_owned(),
        origin: ORIGIN.to_owned(),
        created: "2026-11-21T04:00:00Z".to_owned(),
        by: "fuzz".to_owned(),
        scope: Scope::default(),
        size: COUNT,
        entries: COUNT,
        files: written.iter().map(FileEntry::from).collect(),
    };
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let text = statement(ORIGIN, COUNT, &Sha256::digest(&manifest).into());
    zip.whole(MANIFEST, Packing::Deflated, &manifest).unwrap();
    zip.whole(MANIFEST_NOTE, Packing::Stored, signer.note(&text).as_bytes()).unwrap();
    let zip = zip.finish().unwrap().0.into_inner();
    Sound {
        files: files(&zip).unwrap(),
        zip,
        vkey: signer.verifier().vkey(),
    }
});

fn files(zip: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut archive = Archive::open(Cursor::new(zip)).ok()?;
    let members = archive.members.clone();
    members
        .iter()
        .map(|m| Some((m.name.clone(), archive.whole(m, 1 << 20).ok()??)))
        .collect()
}

fn check(zip: &[u8]) -> Verdict {
    let trust = Trust {
        vkeys: std::slice::from_ref(&SOUND.vkey),
        checkpoints: &[],
    };
    let verdict = verify_zip(Cursor::new(zip), trust).verdict;
    assert!(!verdict.to_string().is_empty());
    verdict
}

fuzz_target!(
    init: {
        assert_eq!(check(&SOUND.zip).code(), 5, "{}", check(&SOUND.zip));
    },
    |data: &[u8]| {
        if let Some((0xFF, raw)) = data.split_first() {
            assert!(!matches!(check(raw), Verdict::Ok { .. }));
            return;
        }
        let mut zip = SOUND.zip.clone();
        for op in data.chunks_exact(5) {
            let [op, a, b, c, value] = *op else { continue };
            let at = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            let at = at % zip.len().max(1);
            match op % 8 {
                0 => zip.truncate(at),
                1 => zip.insert(at, value),
                // The directory is near the end.
                2 => {
                    let at = zip.len().saturating_sub(1 + usize::from(b) * 4 + usize::from(c) % 4);
                    if let Some(byte) = zip.get_mut(at) {
                        *byte ^= value;
                    }
                }
                _ => {
                    if let Some(byte) = zip.get_mut(at) {
                        *byte ^= value;
                    }
                }
            }
        }
        if matches!(check(&zip), Verdict::Ok { .. }) {
            assert_eq!(files(&zip).as_ref(), Some(&SOUND.files));
        }
    }
);
