//! Every way to tamper with a log that we could think of, against every verifier.

use crate::others::{Files, Others, Patch};
use crate::support::{body, options, soak};
use interlock_core::audit::checkpoint::Checkpoint;
use interlock_core::audit::frame::{self, Header, LAST_OF_BATCH};
use interlock_core::audit::merkle::Frontier;
use interlock_core::audit::note::{Note, Signer};
use interlock_core::audit::segment::SEGMENT_HEADER_BYTES;
use interlock_core::audit::verify::{Source, Trust, Verdict, verify};
use interlock_core::audit::{Hash, chain};
use interlock_store::journal::fault::FaultVfs;
use interlock_store::journal::{Durability, Journal, JournalOptions, Kind};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A log directory and what its reader holds outside.
struct Sample {
    files: Files,
    vkeys: Vec<String>,
    checkpoints: Vec<String>,
    signer: Signer,
}

struct Overlay<'a> {
    files: &'a Files,
    patch: &'a Patch,
}

impl Source for Overlay<'_> {
    fn list(&self, dir: &str) -> Vec<String> {
        let present = |path: &&String| self.patch.get(*path).is_none_or(Option::is_some);
        let mut names: Vec<String> = self
            .files
            .keys()
            .filter(present)
            .chain(
                self.patch
                    .iter()
                    .filter(|(_, b)| b.is_some())
                    .map(|(p, _)| p),
            )
            .filter_map(|path| path.strip_prefix(dir)?.strip_prefix('/'))
            .filter_map(|rest| rest.split('/').next())
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        names
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        match self.patch.get(path) {
            Some(patched) => patched.clone(),
            None => self.files.get(path).cloned(),
        }
    }
}

impl Sample {
    fn new(segment_bytes: u64, fill: impl FnOnce(&Journal)) -> Self {
        let disk = FaultVfs::new();
        let options = JournalOptions {
            segment_bytes,
            ..options()
        };
        let (journal, _) = Journal::open_with(Arc::new(disk.clone()), options).unwrap();
        fill(&journal);
        let vkeys = vec![journal.vkey()];
        let tenants = journal.tenants();
        let checkpoints = tenants
            .iter()
            .map(|t| journal.checkpoint(t).unwrap())
            .collect();
        journal.close().unwrap();
        Self::of(&disk, vkeys, checkpoints)
    }

    fn of(disk: &FaultVfs, vkeys: Vec<String>, checkpoints: Vec<String>) -> Self {
        let mut files = Files::new();
        let mut seed = None;
        for (path, bytes) in disk.files() {
            if let Some(path) = path.strip_prefix("log/") {
                if path != "LOCK" {
                    files.insert(path.to_owned(), bytes);
                }
            } else if path.starts_with("keys/") {
                seed = bytes.try_into().ok();
            }
        }
        let name = vkeys[0].split('+').next().unwrap();
        let signer = Signer::from_seed(name, &seed.unwrap()).unwrap();
        Self {
            files,
            vkeys,
            checkpoints,
            signer,
        }
    }

    fn verdict(&self, patch: &Patch) -> Verdict {
        let trust = Trust {
            vkeys: &self.vkeys,
            checkpoints: &self.checkpoints,
        };
        let source = Overlay {
            files: &self.files,
            patch,
        };
        verify(&source, trust).verdict
    }

    /// The other verifiers, started on this log.
    fn others(&self) -> Others {
        Others::start(&self.files, &self.vkeys, &self.checkpoints)
    }

    /// Verifies a case here and hands it to the others.
    fn hold(&self, others: &mut Others, name: &str, patch: &Patch) -> Verdict {
        let verdict = self.verdict(patch);
        others.verify(&self.files, name, patch, &verdict);
        verdict
    }
}

fn one(path: &str, bytes: Vec<u8>) -> Patch {
    Patch::from([(path.to_owned(), Some(bytes))])
}

#[test]
fn every_flip_and_every_cut_of_a_small_log() {
    let sample = Sample::new(24 * 1024, |journal| {
        for n in 0..32 {
            let tenant = if n % 4 == 0 { "globex" } else { "acme" };
            journal
                .append(tenant, Kind::Decision, body(Kind::Decision, n))
                .unwrap();
        }
        // 32 decisions, 3 genesis, start, stop and 3 more: 40 entries.
        for n in 0..3 {
            journal
                .append("acme", Kind::Outcome, body(Kind::Outcome, n))
                .unwrap();
        }
    });
    let clean = sample.verdict(&Patch::new());
    assert!(
        matches!(
            clean,
            Verdict::Ok {
                entries: 40,
                unsigned: 0,
                ..
            }
        ),
        "{clean}"
    );
    // All of them, or one of `step`: another byte of each file and another bit of each byte.
    let step = if soak() { 1 } else { 61 };
    let mut others = sample.others();
    assert_eq!(sample.hold(&mut others, "nothing", &Patch::new()), clean);
    let (mut flips, mut cuts, mut missed) = (0, 0, Vec::new());
    for (n, (path, bytes)) in sample.files.iter().enumerate() {
        for at in (n * 7 % step.min(bytes.len())..bytes.len()).step_by(step) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << ((at * 5 + n + at / step) % 8);
            for (what, new) in [("flip", flipped), ("cut", bytes[..at].to_vec())] {
                let name = format!("{what} {path} at {at}");
                let verdict = sample.hold(&mut others, &name, &one(path, new));
                if matches!(verdict.code(), 0 | 5) {
                    missed.push(name);
                }
                *(if what == "flip" {
                    &mut flips
                } else {
                    &mut cuts
                }) += 1;
            }
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
    let agreed = others.finish();
    println!("{flips} flips and {cuts} cuts of 40 entries, all detected; {agreed}");
}

#[derive(Clone)]
struct Rec {
    segment: String,
    at: usize,
    header: Header,
    body: Vec<u8>,
}

fn records(files: &Files) -> Vec<Rec> {
    let mut out = Vec::new();
    for (path, bytes) in files.iter().filter(|(path, _)| path.ends_with(".seg")) {
        let mut at = SEGMENT_HEADER_BYTES;
        while let Ok((header, body, length)) = frame::decode(&bytes[at..]) {
            out.push(Rec {
                segment: path.clone(),
                at,
                header,
                body: body.to_vec(),
            });
            at += length;
        }
    }
    out
}

/// Lays records out anew: numbers, leaves, links, batches and checksums all fit.
fn rebuild(files: &Files, records: &[Rec]) -> (Patch, Vec<(String, Frontier)>) {
    let mut logs: Vec<(Hash, String, Frontier)> = Vec::new();
    let mut segments: Vec<(String, usize, Vec<u8>)> = files
        .iter()
        .filter(|(path, _)| path.ends_with(".seg"))
        .map(|(path, bytes)| {
            let head = bytes[..SEGMENT_HEADER_BYTES].to_vec();
            (path.clone(), bytes.len(), head)
        })
        .collect();
    let (mut current, mut batch) = (0, (0, 0));
    for rec in records {
        let mut header = rec.header;
        if header.kind == Kind::Genesis {
            let text = String::from_utf8(rec.body.clone()).unwrap();
            let origin = text.split("\"origin\":\"").nth(1).unwrap();
            let origin = origin.split('"').next().unwrap().to_owned();
            logs.push((chain::origin_link(&rec.body), origin, Frontier::default()));
        }
        let (link, _, frontier) = &mut logs[header.log as usize];
        header.seq = frontier.size();
        header.leaf = chain::leaf(&rec.body);
        header.link = chain::link(link, &header.leaf);
        *link = header.link;
        frontier.push(header.leaf);
        header.flags = LAST_OF_BATCH;
        batch = match batch {
            (epoch, number) if epoch == header.epoch => (epoch, number + 1),
            _ => (header.epoch, 0),
        };
        header.batch = batch.1;
        let mut bytes = Vec::new();
        frame::encode(&header, &rec.body, &mut bytes).unwrap();
        if segments[current].2.len() + bytes.len() > segments[current].1 {
            current += 1;
        }
        segments[current].2.extend(bytes);
    }
    let mut patch: Patch = files
        .keys()
        .filter(|path| path.ends_with(".snap"))
        .map(|path| (path.clone(), None))
        .collect();
    for (path, size, mut bytes) in segments {
        bytes.resize(size, 0);
        patch.insert(path, Some(bytes));
    }
    let heads = logs.into_iter().map(|(_, origin, f)| (origin, f)).collect();
    (patch, heads)
}

/// Replaces all checkpoints by ones of these heads.
fn sign(patch: &mut Patch, heads: &[(String, Frontier)], signer: &Signer) {
    for (origin, frontier) in heads {
        let checkpoint = Checkpoint {
            origin: origin.clone(),
            size: frontier.size(),
            root: frontier.root(),
        };
        let note = signer.note(&checkpoint.text());
        let id = origin.rsplit('/').next().unwrap();
        patch.insert(
            format!("logs/{id}/checkpoints.log"),
            Some(format!("{note}\n").into_bytes()),
        );
        patch.insert(format!("logs/{id}/checkpoint"), Some(note.into_bytes()));
    }
}

/// Leaves only the genuine checkpoints that still fit these heads, as a rollback would.
fn keep_fitting(files: &Files, patch: &mut Patch, heads: &[(String, Frontier)]) {
    let ids: Vec<&str> = heads
        .iter()
        .map(|(o, _)| o.rsplit('/').next().unwrap())
        .collect();
    for path in files.keys().filter(|path| path.starts_with("logs/")) {
        if !ids.iter().any(|id| path.contains(id)) {
            patch.insert(path.clone(), None);
        }
    }
    for (id, (_, frontier)) in ids.iter().zip(heads) {
        let path = format!("logs/{id}/checkpoints.log");
        let text = String::from_utf8(files[&path].clone()).unwrap();
        let mut kept = String::new();
        let mut last = None;
        for note in text.split_inclusive("\n\n").collect::<Vec<_>>().chunks(2) {
            let note = note.concat();
            let note = note.strip_suffix('\n').unwrap().to_owned();
            let size = Checkpoint::parse(Note::parse(&note).unwrap().text)
                .unwrap()
                .size;
            if size <= frontier.size() {
                kept.push_str(&note);
                kept.push('\n');
                last = Some(note.into_bytes());
            }
        }
        patch.insert(format!("logs/{id}/checkpoint"), last);
        patch.insert(path, (!kept.is_empty()).then(|| kept.into_bytes()));
    }
}

struct Random(u64);

impl Random {
    /// SplitMix64, below `n`.
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

fn edited(body: &[u8], random: &mut Random) -> Vec<u8> {
    // Behind the head, in the text of a value: what a forger would change.
    let mut body = body.to_vec();
    let at = body.len() / 2 + random.below(body.len() / 2 - 2);
    body[at] = if body[at] == b'y' { b'z' } else { b'y' };
    body
}

/// Rewrites the bytes of one record where it stands, with a new checksum.
fn in_place(files: &Files, rec: &Rec, header: &Header, body: &[u8]) -> Patch {
    let mut record = Vec::new();
    frame::encode(header, body, &mut record).unwrap();
    let mut bytes = files[&rec.segment].clone();
    bytes[rec.at..rec.at + record.len()].copy_from_slice(&record);
    one(&rec.segment, bytes)
}

const STRATA: [&str; 12] = [
    "edit",
    "edit and its leaf",
    "edit and the chain",
    "header",
    "insert",
    "delete",
    "swap",
    "duplicate",
    "splice",
    "foreign key",
    "roll back",
    "fork",
];

fn mutate(
    stratum: &str,
    sample: &Sample,
    records: &[Rec],
    other: &[Rec],
    random: &mut Random,
) -> Option<(Patch, &'static [u8])> {
    let files = &sample.files;
    // Not the genesis and not the node's own entries, but for headers.
    let own: Vec<usize> = (0..records.len())
        .filter(|n| records[*n].header.log > 0 && records[*n].header.seq > 0)
        .collect();
    let at = own[random.below(own.len())];
    let rec = &records[at];
    let mut changed = records.to_vec();
    match stratum {
        "edit" => {
            let body = edited(&rec.body, random);
            Some((in_place(files, rec, &rec.header, &body), &[1]))
        }
        "edit and its leaf" => {
            let body = edited(&rec.body, random);
            let mut header = rec.header;
            header.leaf = chain::leaf(&body);
            Some((in_place(files, rec, &header, &body), &[1]))
        }
        "edit and the chain" => {
            changed[at].body = edited(&rec.body, random);
            Some((rebuild(files, &changed).0, &[1]))
        }
        "header" => {
            let rec = &records[random.below(records.len())];
            let mut header = rec.header;
            let n = 1 + random.below(5) as u32;
            match random.below(8) {
                0 => header.kind = Kind::from_number(header.kind.number() ^ n as u8),
                1 => header.epoch += n,
                2 => header.log += n,
                3 => header.seq ^= u64::from(n),
                4 => header.batch += n,
                5 => header.lag += n as u16,
                6 => header.leaf[n as usize] ^= 1,
                _ => header.link[n as usize] ^= 1,
            }
            Some((in_place(files, rec, &header, &rec.body), &[1, 3, 4]))
        }
        "insert" => {
            let mut new = rec.clone();
            new.body = body(Kind::Decision, 90_000 + at as u64);
            new.header.kind = Kind::Decision;
            changed.insert(at, new);
            Some((rebuild(files, &changed).0, &[1]))
        }
        "delete" => {
            changed.remove(at);
            Some((rebuild(files, &changed).0, &[1, 2]))
        }
        "swap" => {
            let with = own[random.below(own.len())];
            let (a, b) = (&records[at].header, &records[with].header);
            if a.log != b.log || records[at].body == records[with].body {
                return None;
            }
            changed[at].body = records[with].body.clone();
            changed[with].body = records[at].body.clone();
            changed[at].header.kind = b.kind;
            changed[with].header.kind = a.kind;
            Some((rebuild(files, &changed).0, &[1]))
        }
        "duplicate" => {
            changed.insert(at, rec.clone());
            Some((rebuild(files, &changed).0, &[1]))
        }
        "splice" => {
            let from = &other[other.len() / 4 + random.below(other.len() / 2)];
            let replaced = Cow::Borrowed(&from.body);
            changed[at].body = replaced.into_owned();
            changed[at].header.kind = from.header.kind;
            Some((rebuild(files, &changed).0, &[1]))
        }
        "foreign key" => {
            let seed = [random.below(256) as u8; 32];
            let foreign = Signer::from_seed(sample.signer.verifier().name(), &seed).unwrap();
            changed[at].body = edited(&rec.body, random);
            let (mut patch, heads) = rebuild(files, &changed);
            sign(&mut patch, &heads, &foreign);
            Some((patch, &[4]))
        }
        "roll back" => {
            // Everything after is gone, and with it every checkpoint that knew of it.
            let (mut patch, heads) = rebuild(files, &changed[..at]);
            keep_fitting(files, &mut patch, &heads);
            Some((patch, &[2]))
        }
        "fork" => {
            // Another history, signed with the stolen key of the log itself.
            let mut forked = changed[..at].to_vec();
            for rec in &changed[at..] {
                let mut rec = rec.clone();
                if rec.header.kind == Kind::Decision {
                    rec.body = edited(&rec.body, random);
                }
                forked.push(rec);
            }
            let (mut patch, heads) = rebuild(files, &forked);
            sign(&mut patch, &heads, &sample.signer);
            Some((patch, &[1]))
        }
        other => panic!("no stratum {other}"),
    }
}

#[test]
fn stratified_mutations_of_a_large_log() {
    let soak = soak();
    let (entries, wanted, segment) = match soak {
        true => (2_000, 2_000, 256 * 1024),
        false => (300, 120, 64 * 1024),
    };
    let fill = |journal: &Journal| {
        for n in 0..entries {
            let tenant = ["acme", "acme", "globex"][(n % 3) as usize];
            let kind = [Kind::Decision, Kind::Outcome][usize::from(n % 5 == 0)];
            journal.append(tenant, kind, body(kind, n)).unwrap();
        }
    };
    let sample = Sample::new(segment, fill);
    let foreign = Sample::new(segment, |journal| {
        for n in 0..entries {
            let body = body(Kind::Decision, n + 5_000_000);
            journal.append("acme", Kind::Decision, body).unwrap();
        }
    });
    let clean = sample.verdict(&Patch::new());
    assert_eq!(clean.code(), 0, "{clean}");
    let originals = records(&sample.files);
    // Laying out the same records anew is no forgery, and must pass.
    let (same, _) = rebuild(&sample.files, &originals);
    let relaid = sample.verdict(&same);
    assert_eq!(relaid.code(), 0, "{relaid}");
    let other = records(&foreign.files);
    let mut others = sample.others();
    others.verify(&sample.files, "nothing", &Patch::new(), &clean);
    others.verify(&sample.files, "laid out anew", &same, &relaid);
    let mut random = Random(20_261_121);
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut n, mut done) = (0, 0);
    while done < wanted {
        let stratum = STRATA[n % STRATA.len()];
        n += 1;
        let Some((patch, codes)) = mutate(stratum, &sample, &originals, &other, &mut random) else {
            continue;
        };
        let name = format!("{stratum} {n}");
        let verdict = sample.hold(&mut others, &name, &patch);
        assert!(codes.contains(&verdict.code()), "{name}: {verdict}");
        *counts.entry(stratum).or_insert(0) += 1;
        done += 1;
    }
    let agreed = others.finish();
    println!("{done} mutations of {entries} entries, all detected: {counts:?}; {agreed}");
}

#[test]
fn rotations_erasures_and_several_epochs() {
    let disk = FaultVfs::new();
    let mut vkeys = Vec::new();
    for round in 0..3u64 {
        let options = JournalOptions {
            segment_bytes: 32 * 1024,
            durability: [Durability::Strict, Durability::Batch, Durability::Strict][round as usize],
            ..options()
        };
        let (journal, _) = Journal::open_with(Arc::new(disk.clone()), options).unwrap();
        vkeys = vec![journal.vkey()];
        for n in 0..20 {
            journal
                .append("acme", Kind::Decision, body(Kind::Decision, n))
                .unwrap();
        }
        journal
            .append("acme", Kind::Erasure, body(Kind::Erasure, round))
            .unwrap();
        journal.rotate_key().unwrap();
        let tenant = format!("tenant \u{1F600} {round} \"quoted\"");
        journal
            .append(&tenant, Kind::Outcome, body(Kind::Outcome, round))
            .unwrap();
        journal.close().unwrap();
    }
    let sample = Sample::of(&disk, vkeys, Vec::new());
    let clean = sample.verdict(&Patch::new());
    assert_eq!(clean.code(), 5, "{clean}");
    assert!(
        clean.to_string().ends_with(" logs=5 redactions=3"),
        "{clean}"
    );
    let mut others = sample.others();
    others.verify(&sample.files, "nothing", &Patch::new(), &clean);
    let mut random = Random(7);
    let paths: Vec<&String> = sample.files.keys().collect();
    for n in 0..300 {
        let path = paths[random.below(paths.len())];
        let mut bytes = sample.files[path].clone();
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
        let name = format!("{n}: {path} at {at}");
        let verdict = sample.hold(&mut others, &name, &one(path, bytes));
        // The snapshots of sealed segments are covered by the header that follows.
        assert!(
            !matches!(verdict.code(), 0 | 5),
            "{path} at {at}: {verdict}"
        );
    }
    for path in paths {
        let patch = Patch::from([(path.clone(), None)]);
        let verdict = sample.hold(&mut others, &format!("no {path}"), &patch);
        // What can be rebuilt, or is also in the history, may be missing.
        let spare = path.ends_with(".snap") || path.ends_with("/checkpoint");
        assert_eq!(matches!(verdict.code(), 0 | 5), spare, "{path}: {verdict}");
    }
    println!("{}", others.finish());
}
