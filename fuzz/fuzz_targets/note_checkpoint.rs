//! The parsers of the record: notes, checkpoints, proofs, keys, base64, tiles, frames, segment
//! headers. What is read is written as the same bytes, so that no two texts pass for one.
#![no_main]

use interlock_core::audit::checkpoint::{Checkpoint, decimal};
use interlock_core::audit::note::{Note, Signer, Verifier};
use interlock_core::audit::proof::TlogProof;
use interlock_core::audit::segment::SegmentHeader;
use interlock_core::audit::{base64, body, chain, frame, hex, tiles, unhex};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static SIGNER: LazyLock<Signer> =
    LazyLock::new(|| Signer::from_seed("example.com/log", &[3; 32]).unwrap());

fuzz_target!(|data: &[u8]| {
    if let Ok((header, body, bytes)) = frame::decode(data) {
        let mut out = Vec::new();
        frame::encode(&header, body, &mut out).unwrap();
        assert_eq!(out, data[..bytes]);
    }
    if let Ok(header) = SegmentHeader::decode(data) {
        assert_eq!(SegmentHeader::decode(&header.encode()), Ok(header));
    }
    if let Some(hashes) = tiles::tile_hashes(data) {
        assert_eq!(tiles::tile_bytes(&hashes), data);
    }
    if let Some(entries) = tiles::bundle_entries(data) {
        let mut out = Vec::new();
        for entry in entries {
            assert!(tiles::push_entry(&mut out, entry));
        }
        assert_eq!(out, data);
    }
    let _ = body::kind_name(data);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(bytes) = base64::decode(text) {
        assert_eq!(base64::encode(&bytes), text);
    }
    if let Some(bytes) = unhex(text) {
        assert_eq!(hex(&bytes), text);
    }
    if let Some(number) = decimal(text) {
        assert_eq!(number.to_string(), text);
    }
    if let Ok(key) = Verifier::parse(text) {
        assert_eq!(key.vkey(), text);
    }
    if let Some(checkpoint) = Checkpoint::parse(text) {
        assert!(text.starts_with(&checkpoint.text()));
        assert_eq!(Checkpoint::parse(&checkpoint.text()), Some(checkpoint));
    }
    let known = [SIGNER.verifier()];
    if let Ok(note) = Note::parse(text) {
        assert!(text.starts_with(note.text));
        let _ = Checkpoint::parse(note.text);
        assert!(note.verify(&known).is_err() || text.contains("example.com/log"));
    }
    if let Ok(proof) = TlogProof::parse(text) {
        assert_eq!(proof.text(), text);
        let _ = proof.verify(&chain::leaf(data), "example.com/log", &known);
    }
    // A text that is signed reads as itself.
    let signable = format!("{}\n", text.trim_end_matches('\n'));
    if !signable.bytes().any(|b| b < b' ' && b != b'\n') && signable.len() < 32 * 1024 {
        let signed = SIGNER.note(&signable);
        let note = Note::parse(&signed).unwrap();
        assert_eq!(note.text, signable);
        assert_eq!(note.verify(&known), Ok(vec![0]));
    }
});
