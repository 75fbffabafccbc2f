//! Taint: what a session has been in contact with. It never washes off.

use super::codec::codec;
use super::footprint::{Flags, Footprint};
use super::readings::StateFacts;

/// What a session has been in contact with. Untrusted content, private data and a way out are the
/// three that together let an injected instruction steal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taint {
    /// It has read untrusted content.
    pub untrusted: bool,
    /// It has touched private data.
    pub private: bool,
    /// It has reached outside.
    pub outbound: bool,
    /// The sequence number of the record of the last result that brought instructions in; 0 without
    /// one.
    pub instructions_seq: i64,
}
codec!(Taint {
    untrusted,
    private,
    outbound,
    instructions_seq
});

impl Taint {
    /// What a permitted action adds.
    pub fn add(&mut self, footprint: &Footprint) {
        self.untrusted |= footprint.flags.has(Flags::UNTRUSTED);
        self.private |= footprint.flags.has(Flags::PRIVATE);
        self.outbound |= footprint.flags.has(Flags::OUTBOUND);
    }

    /// Adds another node's view.
    pub fn merge(&mut self, other: &Self) {
        self.untrusted |= other.untrusted;
        self.private |= other.private;
        self.outbound |= other.outbound;
        self.instructions_seq = self.instructions_seq.max(other.instructions_seq);
    }

    /// Writes the readings.
    pub fn read(&self, out: &mut StateFacts) {
        out.untrusted_seen = self.untrusted;
        out.private_seen = self.private;
        out.outbound_seen = self.outbound;
        out.instructions_seq = self.instructions_seq;
    }
}
