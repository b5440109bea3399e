//! Read buffers that connections own only while there is something in them.

use std::cell::RefCell;

/// The largest head that the limits allow (8 KiB request line, 32 KiB fields, 32 KiB cookies) with room.
const CAPACITY: usize = 80 * 1024;
/// Free buffers that a thread keeps.
const KEEP: usize = 256;
/// Partial heads up to this size are parked in an allocation of their own size.
const PARK: usize = 16 * 1024;

/// Bytes that were read and not yet taken.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    fn new() -> Self {
        Self { bytes: vec![0; CAPACITY].into_boxed_slice(), start: 0, end: 0 }
    }

    pub(crate) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        debug_assert!(self.start <= self.end, "only what was read can be taken");
    }

    /// Where the next read goes. Moves what is unread to the front when the end is near; spans into
    /// [`Self::unread`] stay valid, since they count from its start.
    pub(crate) fn spare(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.bytes.len() - self.end < CAPACITY / 4 && self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        &mut self.bytes[self.end..]
    }

    pub(crate) fn filled(&mut self, count: usize) {
        self.end += count;
    }
}

/// What a connection holds of its input.
#[derive(Debug, Default)]
pub(crate) enum Slot {
    /// Nothing is unread.
    #[default]
    Empty,
    /// A small beginning of a head, kept in little memory while its sender takes its time.
    Parked(Box<[u8]>),
    /// A buffer of the pool.
    Full(Buffer),
}

impl Slot {
    pub(crate) fn unread(&self) -> &[u8] {
        match self {
            Self::Empty => &[],
            Self::Parked(bytes) => bytes,
            Self::Full(buffer) => buffer.unread(),
        }
    }

    /// Takes bytes away, and gives the buffer back when it is empty.
    pub(crate) fn consume(&mut self, count: usize, pool: &Pool) {
        match self {
            Self::Full(buffer) => buffer.consume(count),
            Self::Empty | Self::Parked(_) => debug_assert_eq!(count, 0, "only a buffer is consumed"),
        }
        self.release(pool);
    }

    /// Gives an empty buffer back.
    pub(crate) fn release(&mut self, pool: &Pool) {
        if self.unread().is_empty()
            && let Self::Full(buffer) = std::mem::take(self)
        {
            pool.put(buffer);
        }
    }

    /// A buffer to read into, with what is unread already in it.
    pub(crate) fn buffer(&mut self, pool: &Pool) -> &mut Buffer {
        if !matches!(self, Self::Full(_)) {
            let mut buffer = pool.get();
            if let Self::Parked(bytes) = self {
                buffer.spare()[..bytes.len()].copy_from_slice(bytes);
                buffer.filled(bytes.len());
            }
            *self = Self::Full(buffer);
        }
        match self {
            Self::Full(buffer) => buffer,
            Self::Empty | Self::Parked(_) => unreachable!("a buffer was put there"),
        }
    }

    /// Exchanges the buffer for as little memory as holds what is unread.
    pub(crate) fn park(&mut self, pool: &Pool) {
        self.release(pool);
        if let Self::Full(buffer) = self
            && buffer.unread().len() <= PARK
        {
            let parked = Self::Parked(buffer.unread().into());
            if let Self::Full(buffer) = std::mem::replace(self, parked) {
                pool.put(buffer);
            }
        }
    }
}

/// The free buffers of a thread.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    buffers: RefCell<Vec<Buffer>>,
    outputs: RefCell<Vec<Vec<u8>>>,
}

impl Pool {
    fn get(&self) -> Buffer {
        self.buffers.borrow_mut().pop().unwrap_or_else(Buffer::new)
    }

    fn put(&self, mut buffer: Buffer) {
        let mut buffers = self.buffers.borrow_mut();
        if buffers.len() < KEEP {
            (buffer.start, buffer.end) = (0, 0);
            buffers.push(buffer);
        }
    }

    /// An empty vector for a head.
    pub(crate) fn output(&self) -> Vec<u8> {
        self.outputs.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(4096))
    }

    pub(crate) fn put_output(&self, mut output: Vec<u8>) {
        let mut outputs = self.outputs.borrow_mut();
        if outputs.len() < KEEP && output.capacity() <= CAPACITY {
            output.clear();
            outputs.push(output);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parking_keeps_the_bytes() {
        let pool = Pool::default();
        let mut slot = Slot::default();
        let buffer = slot.buffer(&pool);
        buffer.spare()[..3].copy_from_slice(b"GET");
        buffer.filled(3);
        slot.park(&pool);
        assert!(matches!(slot, Slot::Parked(_)));
        assert_eq!(slot.unread(), b"GET");
        assert_eq!(slot.buffer(&pool).unread(), b"GET");
        slot.consume(3, &pool);
        assert!(matches!(slot, Slot::Empty));
        assert_eq!(pool.buffers.borrow().len(), 1);
    }

    #[test]
    fn spare_never_runs_out_before_the_limits() {
        let mut buffer = Buffer::new();
        for _ in 0..1_000 {
            let spare = buffer.spare().len();
            assert!(spare >= CAPACITY / 4);
            buffer.filled(spare / 2);
            buffer.consume(spare / 2 - 1);
            buffer.consume(1);
        }
    }
}
