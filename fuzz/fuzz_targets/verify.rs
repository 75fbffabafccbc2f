//! `audit::verify` over a log directory in memory, which the input alters: whatever was altered,
//! the verdict is not that every signed entry is as it was.
#![no_main]

use interlock_core::audit::checkpoint::Checkpoint;
use interlock_core::audit::frame::{self, Header, Kind};
use interlock_core::audit::merkle::{Leaves, root};
use interlock_core::audit::note::Signer;
use interlock_core::audit::segment::{SEGMENT_HEADER_BYTES, SegmentHeader};
use interlock_core::audit::verify::{Source, Trust, Verdict, verify};
use interlock_core::audit::{Hash, chain, hex, keys};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const TS: &str = "2026-11-21T04:00:00.000000000Z";
const ORIGIN: &str = "example.com/log";
const NODE: [u8; 16] = [7; 16];
const ID: [u8; 16] = [9; 16];
const ENTRIES: usize = 12;
const ROTATED: usize = 6;

struct Directory(BTreeMap<String, Vec<u8>>);

impl Source for Directory {
    fn list(&self, dir: &str) -> Vec<String> {
        let below = format!("{dir}/");
        self.0
            .keys()
            .filter_map(|path| path.strip_prefix(&below)?.split('/').next())
            .map(str::to_owned)
            .collect()
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.0.get(path).cloned()
    }
}

/// A sound log of one segment, whose key changes once.
struct Sound {
    records: Vec<(Header, Vec<u8>)>,
    newest: String,
    early: String,
    vkey: String,
}

static SOUND: LazyLock<Sound> = LazyLock::new(|| {
    let first = Signer::from_seed(ORIGIN, &[3; 32]).unwrap();
    let second = Signer::from_seed(ORIGIN, &[4; 32]).unwrap();
    let vkey = first.verifier().vkey();
    let mut records = Vec::new();
    let mut link: Hash = [0; 32];
    let mut leaves = Vec::new();
    for seq in 0..ENTRIES {
        let (kind, body) = match seq {
            0 => (
                Kind::Genesis,
                format!(
                    "{{\"v\":1,\"ts\":\"{TS}\",\"kind\":\"genesis\",\"format\":\"alog1\",\
                     \"origin\":\"{ORIGIN}\",\"log\":0,\"id\":\"{}\",\"node\":\"{}\",\
                     \"vkey\":\"{vkey}\",\"tenant\":\"acme\"}}",
                    hex(&ID),
                    hex(&NODE)
                )
                .into_bytes(),
            ),
            1 => (
                Kind::NodeStart,
                format!(
                    "{{\"v\":1,\"ts\":\"{TS}\",\"kind\":\"node-start\",\"epoch\":1,\
                     \"durability\":\"strict\"}}"
                )
                .into_bytes(),
            ),
            ROTATED => (
                Kind::KeyRotate,
                keys::rotation_body(TS, ORIGIN, seq as u64, &link, &first, &second).unwrap(),
            ),
            _ => (
                Kind::Decision,
                format!("{{\"v\":1,\"ts\":\"{TS}\",\"kind\":\"decision\",\"n\":{seq}}}")
                    .into_bytes(),
            ),
        };
        let previous = if seq == 0 {
            chain::origin_link(&body)
        } else {
            link
        };
        let leaf = chain::leaf(&body);
        link = chain::link(&previous, &leaf);
        leaves.push(leaf);
        let header = Header {
            body_bytes: body.len() as u32,
            seq: seq as u64,
            epoch: 1,
            log: 0,
            kind,
            flags: frame::LAST_OF_BATCH,
            lag: 0,
            batch: seq as u32,
            leaf,
            link,
        };
        records.push((header, body));
    }
    let note = |size: usize, key: &Signer| {
        key.note(
            &Checkpoint {
                origin: ORIGIN.to_owned(),
                size: size as u64,
                root: root(&Leaves(&leaves), size as u64).unwrap(),
            }
            .text(),
        )
    };
    Sound {
        newest: note(ENTRIES, &second),
        early: note(ROTATED, &first),
        records,
        vkey,
    }
});

fn directory(segment: Vec<u8>, checkpoint: Vec<u8>, past: Vec<u8>) -> Directory {
    let id = hex(&ID);
    Directory(BTreeMap::from([
        ("journal/0000000000000000.seg".to_owned(), segment),
        (format!("logs/{id}/checkpoint"), checkpoint),
        (format!("logs/{id}/checkpoints.log"), past),
        (
            format!("logs/{id}/genesis.json"),
            SOUND.records[0].1.clone(),
        ),
    ]))
}

fn segment(records: &[u8]) -> Vec<u8> {
    let mut out = SegmentHeader {
        node: NODE,
        number: 0,
        epoch: 1,
        snapshot: [0; 32],
        created_ns: 0,
        bytes: (SEGMENT_HEADER_BYTES + records.len()) as u64,
    }
    .encode();
    out.extend_from_slice(records);
    out
}

fn check(directory: &Directory) -> Verdict {
    let trust = Trust {
        vkeys: std::slice::from_ref(&SOUND.vkey),
        checkpoints: std::slice::from_ref(&SOUND.newest),
    };
    let report = verify(directory, trust);
    assert!(!report.verdict.to_string().is_empty());
    report.verdict
}

fuzz_target!(
    init: {
        let records: Vec<u8> = encoded(&SOUND.records);
        let past = format!("{}\n", SOUND.early).into_bytes();
        let sound = directory(segment(&records), SOUND.newest.clone().into_bytes(), past);
        assert!(matches!(check(&sound), Verdict::Ok { unsigned: 0, .. }), "{}", check(&sound));
    },
    |data: &[u8]| {
        if let Some((0xFF, raw)) = data.split_first() {
            // Bytes as they are, behind a header that holds.
            let verdict = check(&directory(segment(raw), raw.to_vec(), raw.to_vec()));
            assert!(!matches!(verdict, Verdict::Ok { .. }));
        } else {
            altered(data);
        }
    }
);

fn encoded(records: &[(Header, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (header, body) in records {
        // An empty body cannot be written.
        let _ = frame::encode(header, body, &mut out);
    }
    out
}

/// Alters the log as `data` says, four bytes an alteration, checksums made right again.
fn altered(data: &[u8]) {
    let mut records = SOUND.records.clone();
    let mut newest = SOUND.newest.clone().into_bytes();
    let mut past = format!("{}\n", SOUND.early).into_bytes();
    let mut late = Vec::new();
    let mut rechain = false;
    for op in data.chunks_exact(4) {
        let [op, a, b, c] = *op else { continue };
        let at = usize::from(a) % records.len().max(1);
        let number = u32::from(c);
        let Some((header, body)) = records.get_mut(at) else {
            continue;
        };
        match op % 16 {
            0 => xor(body, usize::from(b), c),
            1 => header.seq ^= u64::from(number),
            2 => header.epoch ^= number,
            3 => header.log ^= number,
            4 => header.batch ^= number,
            5 => header.lag ^= u16::from(c),
            6 => header.flags ^= c,
            7 => header.kind = Kind::from_number(c),
            8 => {
                let other = usize::from(b) % records.len();
                records.swap(at, other);
            }
            9 => {
                records.remove(at);
            }
            10 => {
                let copy = records[at].clone();
                if records.len() < 64 {
                    records.insert(usize::from(b) % (records.len() + 1), copy);
                }
            }
            11 => xor(&mut newest, usize::from(b), c),
            12 => xor(&mut past, usize::from(b) + usize::from(a) * 256, c),
            13 => rechain = true,
            14 => past.truncate(usize::from(b) + usize::from(a) * 256),
            _ => late.push((usize::from(a) * 256 + usize::from(b), c)),
        }
    }
    if rechain {
        let mut link: Hash = [0; 32];
        for (seq, (header, body)) in records.iter_mut().enumerate() {
            let previous = if seq == 0 {
                chain::origin_link(body)
            } else {
                link
            };
            header.leaf = chain::leaf(body);
            link = chain::link(&previous, &header.leaf);
            header.link = link;
            header.seq = seq as u64;
            header.batch = seq as u32;
        }
    }
    let mut bytes = encoded(&records);
    for (at, value) in late {
        xor(&mut bytes, at, value);
    }
    let verdict = check(&directory(segment(&bytes), newest, past));
    if let Verdict::Ok { entries, .. } = verdict {
        // The checkpoint kept outside covers every entry of the sound log.
        let bodies = |r: &[(Header, Vec<u8>)]| {
            r.iter()
                .take(ENTRIES)
                .map(|(_, b)| b.clone())
                .collect::<Vec<_>>()
        };
        assert!(entries >= ENTRIES as u64);
        assert_eq!(bodies(&records), bodies(&SOUND.records));
    }
}

fn xor(bytes: &mut [u8], at: usize, value: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= value;
    }
}
