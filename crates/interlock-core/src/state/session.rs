//! Sessions: taint, and who used them from where.

use super::codec::codec;
use super::footprint::Footprint;
use super::readings::StateFacts;
use super::taint::Taint;
use crate::model::Effect;

/// Agents and users remembered of a session; the smallest hashes when there are more.
const SEEN_MAX: usize = 16;

/// One session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session {
    taint: Taint,
    agents: Vec<u64>,
    users: Vec<u64>,
    /// The first origin; 0 while there is none.
    home: u64,
}
codec!(Session {
    taint,
    agents,
    users,
    home,
});

fn insert(set: &mut Vec<u64>, hash: u64) {
    if hash == 0 {
        return;
    }
    if let Err(at) = set.binary_search(&hash) {
        set.insert(at, hash);
        set.truncate(SEEN_MAX);
    }
}

/// Whether `hash` is another than what the session knows.
fn changed(set: &[u64], hash: u64) -> bool {
    hash != 0 && !set.is_empty() && (set.len() > 1 || !set.contains(&hash))
}

impl Session {
    /// Writes what the session says about an action, as it was before the action.
    pub fn read(&self, footprint: &Footprint, out: &mut StateFacts) {
        self.taint.read(out);
        let agent = footprint.agent_hash();
        out.session_foreign_agent = self.agents.iter().any(|seen| *seen != agent);
        // A session has one user: once there were two, nobody's use of it is above suspicion.
        out.session_user_changed = changed(&self.users, footprint.user_hash);
        let origin = footprint.origin_hash;
        // Whoever came later stays the one who came later, however much was let through since.
        out.session_origin_changed = origin != 0 && self.home != 0 && origin != self.home;
    }

    /// Remembers an action that may run. An action that may not is not remembered, so that a
    /// hijacker who was stopped does not become a known user.
    pub fn conclude(&mut self, footprint: &Footprint, effect: Effect) {
        if !effect.permits() {
            return;
        }
        self.taint.add(footprint);
        insert(&mut self.agents, footprint.agent_hash());
        insert(&mut self.users, footprint.user_hash);
        if self.home == 0 {
            self.home = footprint.origin_hash;
        }
    }

    /// Adds what a result brought in: the detectors found untrusted instructions or private data.
    pub fn taint(&mut self, taint: &Taint) {
        self.taint.merge(taint);
    }

    /// Adds another node's view; in either order the result is the same.
    pub fn merge(&mut self, other: &Self) {
        self.taint.merge(&other.taint);
        // Two nodes that both saw the session begin cannot tell which was first.
        self.home = match (self.home, other.home) {
            (0, home) | (home, 0) => home,
            (mine, theirs) => mine.min(theirs),
        };
        for (mine, theirs) in [
            (&mut self.agents, &other.agents),
            (&mut self.users, &other.users),
        ] {
            mine.extend_from_slice(theirs);
            mine.sort_unstable();
            mine.dedup();
            mine.truncate(SEEN_MAX);
        }
    }
}
