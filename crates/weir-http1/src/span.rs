//! Places in a read buffer.

use std::ops::Range;

/// A part of the buffer that was parsed: two offsets instead of a borrow, so that indexes can be kept and
/// reused while the buffer grows or moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    start: u32,
    end: u32,
}

// === impl Span ===

impl Span {
    /// The bytes `start..end`. Offsets are 32 bits wide: no buffer of this crate's callers is ever longer.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "buffers are bounded by the limits, far below 4 GiB")]
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// The bytes of this span in the buffer it was made for; empty when the buffer is too short.
    #[inline]
    pub fn of<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        buf.get(self.range()).unwrap_or_default()
    }

    /// The offset of the first byte.
    #[inline]
    pub const fn start(&self) -> usize {
        self.start as usize
    }

    /// The offset after the last byte.
    #[inline]
    pub const fn end(&self) -> usize {
        self.end as usize
    }

    /// Both offsets.
    #[inline]
    pub const fn range(&self) -> Range<usize> {
        self.start()..self.end()
    }

    /// The number of bytes.
    #[inline]
    pub const fn len(&self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Whether it holds no byte.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.end <= self.start
    }

    /// The span of `part`, given as offsets inside this span.
    #[inline]
    pub(crate) const fn part(self, start: usize, end: usize) -> Self {
        Self::new(self.start() + start, self.start() + end)
    }
}
