//! A socket that two directions of one task share.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    buffer::{Pool, Slot},
    timer::{Elapsed, Timer},
};

/// What a connection runs over: TCP, or TLS over it.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Io for T {}

/// Why bytes did not get through.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error("timed out")]
    Timeout,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Elapsed> for WireError {
    fn from(_: Elapsed) -> Self {
        Self::Timeout
    }
}

/// A socket. Reading and writing borrow it only while they poll.
#[derive(Debug)]
pub(crate) struct Wire<T> {
    io: RefCell<T>,
}

// === impl Wire ===

impl<T: Io> Wire<T> {
    pub(crate) fn new(io: T) -> Self {
        Self { io: RefCell::new(io) }
    }

    pub(crate) fn into_inner(self) -> T {
        self.io.into_inner()
    }

    /// Looks at the socket itself.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.io.borrow())
    }

    /// Reads once into the slot. `Ready(Ok(0))` is the end of the stream. While nothing comes, a slot
    /// without unread bytes gives its buffer back.
    pub(crate) fn poll_fill(
        &self,
        cx: &mut Context<'_>,
        slot: &mut Slot,
        pool: &Pool,
    ) -> Poll<io::Result<usize>> {
        let buffer = slot.buffer(pool);
        let spare = buffer.spare();
        if spare.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()));
        }
        let mut read = ReadBuf::new(spare);
        let polled = Pin::new(&mut *self.io.borrow_mut()).poll_read(cx, &mut read);
        let count = read.filled().len();
        match polled {
            Poll::Ready(Ok(())) => {
                buffer.filled(count);
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                slot.release(pool);
                Poll::Pending
            }
        }
    }

    pub(crate) async fn fill(
        &self,
        slot: &mut Slot,
        pool: &Pool,
        timer: &Timer,
        limit: Duration,
    ) -> Result<usize, WireError> {
        Ok(timer.within(limit, |cx| self.poll_fill(cx, slot, pool)).await??)
    }

    /// Writes all of `first` and then all of `second`, together where the socket takes them.
    pub(crate) async fn write(
        &self,
        first: &[u8],
        second: &[u8],
        timer: &Timer,
        limit: Duration,
    ) -> Result<(), WireError> {
        let mut written = 0;
        while written < first.len() + second.len() {
            written += timer.within(limit, |cx| self.poll_write(cx, first, second, written)).await??;
        }
        Ok(())
    }

    fn poll_write(
        &self,
        cx: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
        written: usize,
    ) -> Poll<io::Result<usize>> {
        let io = &mut *self.io.borrow_mut();
        let count = match first.get(written..).filter(|rest| !rest.is_empty()) {
            None => ready!(Pin::new(io).poll_write(cx, &second[written - first.len()..]))?,
            Some(rest) if second.is_empty() => ready!(Pin::new(io).poll_write(cx, rest))?,
            Some(rest) => {
                let both = [IoSlice::new(rest), IoSlice::new(second)];
                ready!(Pin::new(io).poll_write_vectored(cx, &both))?
            }
        };
        Poll::Ready(if count == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(count) })
    }

    /// Sends what a layer below may still hold (TLS).
    pub(crate) async fn flush(&self, timer: &Timer, limit: Duration) -> Result<(), WireError> {
        Ok(timer.within(limit, |cx| Pin::new(&mut *self.io.borrow_mut()).poll_flush(cx)).await??)
    }

    /// Ends the sending direction.
    pub(crate) async fn shutdown(&self, timer: &Timer, limit: Duration) -> Result<(), WireError> {
        Ok(timer.within(limit, |cx| Pin::new(&mut *self.io.borrow_mut()).poll_shutdown(cx)).await??)
    }
}
