//! What a detector sees, and how it is configured.

use crate::facts::Facts;
use crate::model::{Action, Finding, FindingCode, Findings, Principal, VectorSet};
use crate::state::Readings;
use crate::text::{Scanned, View};
use std::borrow::Cow;

/// When a detector runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Before the action, on its text and facts.
    Content,
    /// Before the action, on the readings of state.
    State,
    /// After the action, on its result.
    Post,
}

/// Which vectors are on in one environment, and from which confidence a finding counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectorConfig {
    /// The vectors that are on.
    pub enabled: VectorSet,
    /// Findings below this confidence (0..=100) are dropped; in the order of `Vector::ALL`.
    pub threshold: [u8; 12],
}

impl Default for DetectorConfig {
    fn default() -> Self {
        Self {
            enabled: VectorSet::ALL,
            threshold: [50; 12],
        }
    }
}

/// What a detector sees.
#[derive(Debug, Clone, Copy)]
pub struct DetectContext<'a> {
    /// The action.
    pub action: &'a Action,
    /// Who asks.
    pub principal: &'a Principal,
    /// The facts of the action.
    pub facts: &'a Facts,
    /// Its texts.
    pub scanned: &'a Scanned<'a>,
    /// What was read of the state; `None` before it is read.
    pub readings: Option<&'a Readings>,
    /// The phase.
    pub phase: Phase,
}

impl DetectContext<'_> {
    /// Reports `code` at `start..end` of `view`, unless the same is already reported there.
    pub(super) fn report(
        &self,
        out: &mut Findings,
        view: &View<'_>,
        code: &'static FindingCode,
        confidence: u8,
        (start, end): (usize, usize),
    ) {
        let Some(segment) = self.scanned.segment_of(view) else {
            return;
        };
        let span = self.scanned.origin(view, start, end);
        let known = out.items().iter().any(|f| {
            f.code.code == code.code
                && f.confidence >= confidence
                && f.span.start < span.end.max(span.start + 1)
                && span.start < f.span.end.max(f.span.start + 1)
                && f.path == segment.path
        });
        if !known {
            out.push(Finding {
                code,
                confidence,
                path: Cow::Owned(segment.path.clone()),
                span,
            });
        }
    }
}
