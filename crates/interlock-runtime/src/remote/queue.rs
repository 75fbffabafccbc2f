//! The record on its way to the server: the journal itself, and a mark up to which it was taken.

use std::ops::ControlFlow;

use interlock_core::audit::frame::Kind;
use interlock_core::audit::note::Verifier;
use interlock_store::journal::{JournalError, Position};

use super::api::RecordJson;
use super::connected::Trouble;
use super::error::ServerError;
use super::held::Held;
use super::own::{Own, locked};
use crate::{DEFAULT_TENANT, Runtime};

/// Records of one request, and bytes of their bodies.
const BATCH: usize = 128;
const BATCH_BYTES: usize = 384 * 1024;
/// Entries that may wait, where nothing else is asked for.
pub(super) const WAITING_MAX: u64 = 200_000;
/// Requests in a row before the other work of the thread has its turn.
const ROUNDS: usize = 64;

/// Sends what the server does not have, and says what is left.
pub(super) fn send(
    runtime: &Runtime,
    held: &Held,
    own: &Own,
    waiting_max: u64,
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
        runtime.connection_full(left > waiting_max);
        if left == 0 {
            return Ok(0);
        }
        // The server must not have what this journal may yet lose.
        runtime.journal().sync()?;
        let (records, place) = batch(runtime, next, *locked(&own.place))?;
        if !records.is_empty() {
            let Some(identity) = held.identity()? else {
                return Ok(left);
            };
            let key = Verifier::parse(&identity.vkey)
                .map_err(|e| ServerError::Configuration(e.to_string()))?;
            let log = runtime.journal().vkey();
            let refused = own.server.upload(&key, &log, &records, timeout)?;
            if !refused.is_empty() {
                let mut list = locked(&own.refused);
                let list = list.get_or_insert_with(|| held.refused());
                list.put(&records, &refused)?;
                tracing::error!(
                    count = refused.len(),
                    first = refused.first().map_or("", |one| &one.message),
                    list = %list.path().display(),
                    "the server will not have records; they stay in the journal here"
                );
            }
        }
        held.set_sent(place.seq)?;
        *locked(&own.place) = Some(place);
    }
    let size = runtime.journal().head(DEFAULT_TENANT).map_or(0, |h| h.size);
    Ok(size.saturating_sub(held.sent()?.unwrap_or(0)))
}

/// Where the next batch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of the entry.
    seq: u64,
    /// Where it is, so that it need not be looked for.
    position: Position,
}

/// The next records, and where the batch after them begins.
fn batch(
    runtime: &Runtime,
    from: u64,
    last: Option<Place>,
) -> Result<(Vec<RecordJson>, Place), JournalError> {
    let journal = runtime.journal();
    let position = match last.filter(|last| last.seq == from) {
        Some(last) => last.position,
        None => match journal.read(DEFAULT_TENANT, from, 1)?.first() {
            Some(entry) => entry.position,
            None => journal.end(),
        },
    };
    let (mut records, mut next, mut bytes, mut seen) = (Vec::new(), from, 0, 0);
    let position = journal.for_each(position, &mut |tenant, entry| {
        seen += 1;
        if tenant == DEFAULT_TENANT && entry.seq >= from {
            next = entry.seq + 1;
            match std::str::from_utf8(&entry.body) {
                Ok(body) if matches!(entry.kind, Kind::Decision | Kind::Outcome) => {
                    bytes += body.len();
                    records.push(RecordJson {
                        seq: entry.seq,
                        kind: entry.kind.name().into_owned(),
                        body: body.to_owned(),
                    });
                }
                Ok(_) => {}
                Err(_) => tracing::error!(seq = entry.seq, "a record is no text and is not sent"),
            }
        }
        // One more record of the largest size still fits.
        if seen >= BATCH || bytes >= BATCH_BYTES {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    let place = Place {
        seq: next,
        position,
    };
    Ok((records, place))
}
