//! Where a byte of a rewritten text stood in the text it came from.

use crate::model::Span;

/// One stretch of a rewritten text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    /// Where it begins in the rewritten text.
    view: u32,
    /// Where it begins in the source.
    source: u32,
    /// Byte for byte the same as the source; otherwise the piece maps as a whole.
    exact: bool,
}

/// Maps spans of a rewritten text to spans of its source. Coarse where the rewriting is: a piece
/// that was decoded maps as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpanMap {
    pieces: Vec<Piece>,
    source_end: u32,
}

impl SpanMap {
    /// Begins a map of a source that ends at byte `source_end`.
    #[must_use]
    pub const fn new(source_end: usize) -> Self {
        Self {
            pieces: Vec::new(),
            source_end: clamp(source_end),
        }
    }

    /// Says that the rewritten text from `view` on stands for the source from `source` on.
    pub fn piece(&mut self, view: usize, source: usize, exact: bool) {
        let piece = Piece {
            view: clamp(view),
            source: clamp(source),
            exact,
        };
        match self.pieces.last() {
            // An exact piece that goes on where the last one would is the same piece.
            Some(last)
                if last.exact
                    && exact
                    && piece.view.checked_sub(last.view)
                        == piece.source.checked_sub(last.source) => {}
            _ => self.pieces.push(piece),
        }
    }

    /// Moves every source position by `offset`: the source is a part of a larger text.
    #[must_use]
    pub fn shifted(mut self, offset: usize) -> Self {
        for piece in &mut self.pieces {
            piece.source = piece.source.saturating_add(clamp(offset));
        }
        self.source_end = self.source_end.saturating_add(clamp(offset));
        self
    }

    /// The span of the source that `start..end` of the rewritten text came from.
    #[must_use]
    pub fn source_of(&self, start: u32, end: u32) -> Span {
        let from = match self.piece_at(start) {
            Some((piece, _)) if piece.exact => piece
                .source
                .saturating_add(start.saturating_sub(piece.view)),
            Some((piece, _)) => piece.source,
            None => 0,
        };
        let last = end.saturating_sub(1).max(start);
        let to = match self.piece_at(last) {
            Some((piece, _)) if piece.exact => {
                piece.source.saturating_add(end.saturating_sub(piece.view))
            }
            Some((_, next)) => next,
            None => self.source_end,
        };
        let to = to.min(self.source_end);
        Span {
            start: from.min(to),
            end: to,
        }
    }

    /// The piece that holds `at`, and where the next one begins in the source.
    fn piece_at(&self, at: u32) -> Option<(Piece, u32)> {
        let index = self
            .pieces
            .partition_point(|p| p.view <= at)
            .checked_sub(1)?;
        let next = self
            .pieces
            .get(index + 1)
            .map_or(self.source_end, |p| p.source);
        self.pieces.get(index).map(|p| (*p, next))
    }
}

/// Texts are bounded far below four gigabytes by the limits of an action.
const fn clamp(at: usize) -> u32 {
    if at > u32::MAX as usize {
        u32::MAX
    } else {
        at as u32
    }
}
