//! The record on its way to the server: the journal itself, and a mark up to which it was taken.

use interlock_core::audit::frame::Kind;
use interlock_store::journal::JournalError;

use super::api::RecordJson;
use super::connected::Trouble;
use super::held::Held;
use super::http::Server;
use crate::{DEFAULT_TENANT, Runtime};

/// Records of one request, and bytes of their bodies.
const BATCH: usize = 128;
const BATCH_BYTES: usize = 384 * 1024;
/// Entries that may wait; past them nothing more is decided without the server.
const WAITING_MAX: u64 = 200_000;
/// Requests in a row before the other work of the thread has its turn.
const ROUNDS: usize = 64;

/// Sends what the server does not have, and says what is left.
pub(super) fn send(
    runtime: &Runtime,
    held: &Held,
    server: &Server,
    timeout: std::time::Duration,
) -> Result<u64, Trouble> {
    for _ in 0..ROUNDS {
        let size = match runtime.journal().head(DEFAULT_TENANT) {
            Some(head) => head.size,
            None => return Ok(0),
        };
        let next = held.sent()?.unwrap_or(0);
        if next > size {
            // A machine that stopped lost the end of the record; what is written there now is new.
            tracing::warn!(next, size, "the server has records that were lost here");
            held.set_sent(size)?;
            continue;
        }
        let left = size - next;
        runtime.connection_full(left > WAITING_MAX);
        if left == 0 {
            return Ok(0);
        }
        // The server must not have what this journal may yet lose.
        runtime.journal().sync()?;
        let (records, next) = batch(runtime, next)?;
        if !records.is_empty() {
            let log = runtime.journal().vkey();
            for refused in server.upload(&log, &records, timeout)? {
                tracing::error!(
                    seq = refused.seq,
                    why = %refused.message,
                    "the server will not have a record; it stays in the journal here"
                );
            }
        }
        held.set_sent(next)?;
    }
    let size = runtime.journal().head(DEFAULT_TENANT).map_or(0, |h| h.size);
    Ok(size.saturating_sub(held.sent()?.unwrap_or(0)))
}

/// The next records, and the entry after the last one that was looked at.
fn batch(runtime: &Runtime, from: u64) -> Result<(Vec<RecordJson>, u64), JournalError> {
    let entries = runtime.journal().read(DEFAULT_TENANT, from, BATCH)?;
    let (mut records, mut next, mut bytes) = (Vec::new(), from, 0);
    for entry in entries {
        bytes += entry.body.len();
        if bytes > BATCH_BYTES && next > from {
            break;
        }
        next = entry.seq + 1;
        if !matches!(entry.kind, Kind::Decision | Kind::Outcome) {
            continue;
        }
        match String::from_utf8(entry.body) {
            Ok(body) => records.push(RecordJson {
                seq: entry.seq,
                kind: entry.kind.name().into_owned(),
                body,
            }),
            Err(_) => tracing::error!(seq = entry.seq, "a record is no text and is not sent"),
        }
    }
    Ok((records, next))
}
