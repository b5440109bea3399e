//! hyper's view of sockets and time.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::io::ReadBuf;

use crate::wire::Io;

/// A tokio socket for hyper.
///
/// h2 writes each DATA frame by itself. Here frames gather until it flushes, and a flush waits for the other
/// tasks that are ready (see [`crate::worker::regroup`]), so that responses to one client go out together.
#[derive(Debug)]
pub(crate) struct Adapter<T> {
    io: T,
    gathered: Vec<u8>,
    written: usize,
    /// How many more rounds the next flush waits.
    rounds: u8,
}

/// Reads go through a buffer on the stack, since hyper's own may be uninitialised.
const READ: usize = 16 * 1024;
/// How many rounds of the thread's tasks a flush waits: a response passes from its exchange over its stream
/// to the connection, which takes a round each. With 2 rounds a request costs 9 % more, with none 30 %.
const ROUNDS: u8 = 5;
/// What may gather.
const GATHER: usize = 32 * 1024;

impl<T: Io> Adapter<T> {
    pub(crate) fn new(io: T) -> Self {
        Self { io, gathered: Vec::new(), written: 0, rounds: ROUNDS }
    }

    /// Writes everything that has gathered. An idle connection keeps no memory for it.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.gathered.len() {
            let rest = &self.gathered[self.written..];
            match ready!(Pin::new(&mut self.io).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        (self.gathered, self.written, self.rounds) = (Vec::new(), 0, ROUNDS);
        Poll::Ready(Ok(()))
    }
}

impl<T: Io> hyper::rt::Read for Adapter<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; READ];
        let limit = buf.remaining().min(READ);
        let mut read = ReadBuf::new(&mut bytes[..limit]);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut read))?;
        buf.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl<T: Io> hyper::rt::Write for Adapter<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.as_mut().poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.gathered.is_empty() {
            return Pin::new(&mut self.io).poll_flush(cx);
        }
        if self.rounds > 0 {
            self.rounds -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length: usize = bufs.iter().map(|buf| buf.len()).sum();
        if self.gathered.len() + length > GATHER && !self.gathered.is_empty() {
            ready!(self.poll_drain(cx))?;
        }
        if length > GATHER {
            return Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        }
        for buf in bufs {
            self.gathered.extend_from_slice(buf);
        }
        Poll::Ready(Ok(length))
    }
}

/// tokio's time for hyper.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HyperTimer;

struct Sleep(Pin<Box<tokio::time::Sleep>>);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl hyper::rt::Sleep for Sleep {}

impl hyper::rt::Timer for HyperTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Sleep(Box::pin(tokio::time::sleep(duration))))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Sleep(Box::pin(tokio::time::sleep_until(deadline.into()))))
    }
}
