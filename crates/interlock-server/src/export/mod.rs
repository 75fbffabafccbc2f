//! The record as other programs watch it: events for a SIEM, spans for a tracing backend.
//!
//! An entry of the journal becomes one neutral [`SecurityEvent`] (`event.rs`), and each format is
//! made of that alone. A sink follows the journal from a mark of its own (`follow.rs`), so that what
//! a receiver missed while it was down is still there when it is back.
//!
//! **Invariant:** no decision waits for a sink, and no sink holds more than one batch in memory.
//! **Invariant:** a mark moves when the receiver took what is before it, never earlier.
//! **Invariant:** an event says no more than the entry: what the vault holds leaves by no sink.

mod cef;
pub mod config;
pub mod event;
mod follow;
mod hec;
mod http;
mod jsonl;
mod mark;
mod network;
mod ocsf;
mod otlp;
mod protobuf;
mod rotate;
mod sink;
mod status;
mod syslog;
#[cfg(test)]
mod tests;
mod text;

pub use config::{Config, Format};
pub use event::{Bounds, SecurityEvent, Severity};
pub(crate) use follow::log_of;
pub use follow::{Exporter, Statuses};
pub use status::SinkStatus;

/// The lines of an event in a format that has lines; OCSF tells the findings of a decision apart.
#[must_use]
pub fn lines(format: Format, event: &SecurityEvent) -> Vec<String> {
    match format {
        Format::Ocsf => ocsf::lines(event),
        Format::Cef => vec![cef::line(event)],
        Format::Syslog => vec![syslog::Header::local().message(event)],
        Format::Jsonl => vec![jsonl::line(event)],
    }
}
