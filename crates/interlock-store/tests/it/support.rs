//! What several tests use.

use interlock_core::audit::verify::{Report, Trust, verify};
use interlock_store::journal::fault::FaultVfs;
use interlock_store::journal::{Body, DirSource, Journal, JournalOptions, Kind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Whether the full sizes run.
pub(crate) fn soak() -> bool {
    let soak = std::env::var_os("INTERLOCK_SOAK").is_some();
    if !soak {
        eprintln!("reduced size; INTERLOCK_SOAK=1 runs the full one");
    }
    soak
}

/// Small segments, one thread, a clock that counts: the same operations each time.
pub(crate) fn options() -> JournalOptions {
    let now = AtomicU64::new(1_795_233_600_000_000_000);
    JournalOptions {
        segment_bytes: 64 * 1024,
        checkpoint_every: Duration::from_secs(3600),
        checkpoint_entries: 16,
        reserve_bytes: 0,
        background: false,
        clock: Arc::new(move || now.fetch_add(1_000_000, Ordering::Relaxed)),
        ..JournalOptions::default()
    }
}

pub(crate) fn open(disk: &FaultVfs) -> Journal {
    Journal::open_with(Arc::new(disk.clone()), options())
        .unwrap()
        .0
}

pub(crate) fn body(kind: Kind, n: u64) -> Vec<u8> {
    let pad = "x".repeat((n * 37 % 400) as usize);
    Body::new(kind, "2026-11-21T04:00:00.000000000Z")
        .str("tenant", "acme")
        .str("agent", "worker")
        .int("n", n)
        .str("pad", &pad)
        .finish()
        .unwrap()
}

pub(crate) fn verdict(disk: &FaultVfs, vkey: &str, checkpoints: &[String]) -> Report {
    let source = DirSource::below(Arc::new(disk.clone()));
    let trust = Trust {
        vkeys: &[vkey.to_owned()],
        checkpoints,
    };
    verify(&source, trust)
}
