//! The response side of an HTTP/1.1 connection.

use std::task::{Context, Poll};

use weir_http1::{Field, ResponseFraming, ResponseHead, write};

use crate::{
    exchange::{ClientGone, Response, Sink},
    forward::{added, is_edited},
    timer::Timer,
    wire::{Io, Wire},
    worker::Worker,
};

/// A first piece of a body up to this size goes out in the same write as the head.
const TOGETHER: usize = 2 * 1024;

/// How the body is framed towards the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// As it comes: by length, until the end of the connection, or already chunked.
    Verbatim { chunked: bool },
    /// In chunks of Weir's own.
    Chunked,
}

/// Writes a response.
pub(super) struct H1Sink<'c, T> {
    worker: &'c Worker,
    wire: &'c Wire<T>,
    http10: bool,
    keep: bool,
    mode: Mode,
    started: bool,
    /// What is held back.
    out: Vec<u8>,
    sent: u64,
}

impl<'c, T: Io> H1Sink<'c, T> {
    pub(super) fn new(worker: &'c Worker, wire: &'c Wire<T>, http10: bool, keep: bool) -> Self {
        let out = worker.pool.output();
        Self {
            worker,
            wire,
            http10,
            keep,
            mode: Mode::Verbatim { chunked: false },
            started: false,
            out,
            sent: 0,
        }
    }

    /// Bytes of bodies handed on.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    pub(super) fn is_started(&self) -> bool {
        self.started
    }

    /// Whether the response told the client that the connection stays open.
    pub(super) fn keeps(&self) -> bool {
        self.keep
    }

    async fn send(&mut self, bytes: &[u8], timer: &Timer) -> Result<(), ClientGone> {
        let limit = self.worker.config.limits.client_idle;
        let sent = self.wire.write(&self.out, bytes, timer, limit).await;
        self.out.clear();
        sent.map_err(|_| ClientGone)
    }

    /// Chooses the framing; `false` means that only the end of the connection can end the body.
    fn frame(&mut self, framing: ResponseFraming) -> bool {
        let (mode, delimited) = match framing {
            ResponseFraming::None | ResponseFraming::Length(_) => (Mode::Verbatim { chunked: false }, true),
            ResponseFraming::Chunked | ResponseFraming::UntilClose if self.http10 => {
                (Mode::Verbatim { chunked: false }, false)
            }
            ResponseFraming::Chunked => (Mode::Verbatim { chunked: true }, true),
            ResponseFraming::UntilClose => (Mode::Chunked, true),
        };
        self.mode = mode;
        delimited
    }

    fn write_head(&mut self, response: Response<'_>) {
        let Response { head, buf, edits, set_cookies, .. } = response;
        write::status_line(&mut self.out, head.status, head.reason.of(buf));
        if edits.is_empty() {
            write::copy_fields(&mut self.out, buf, &head.fields);
        } else {
            let keep = |field: &&Field| !is_edited(edits, field.name.of(buf));
            let fields: Vec<Field> = head.fields.iter().filter(keep).copied().collect();
            write::copy_fields(&mut self.out, buf, &fields);
            for (name, value) in added(edits) {
                write::field(&mut self.out, name, value);
            }
        }
        for cookie in set_cookies {
            write::field(&mut self.out, b"set-cookie", cookie.as_bytes());
        }
        if self.mode != (Mode::Verbatim { chunked: false }) {
            write::field(&mut self.out, b"transfer-encoding", b"chunked");
        }
        self.write_connection(head, buf);
        write::end(&mut self.out);
    }

    fn write_connection(&mut self, head: &ResponseHead, buf: &[u8]) {
        if head.status == 101 {
            write::field(&mut self.out, b"connection", b"upgrade");
            let upgrade = head.upgrade.map(|upgrade| upgrade.of(buf)).unwrap_or_default();
            write::field(&mut self.out, b"upgrade", upgrade);
        } else if !self.keep {
            write::field(&mut self.out, b"connection", b"close");
        } else if self.http10 {
            write::field(&mut self.out, b"connection", b"keep-alive");
        }
    }
}

impl<T: Io> Sink for H1Sink<'_, T> {
    fn started(&self) -> bool {
        self.started
    }

    fn takes_framed(&self) -> bool {
        !self.http10
    }

    fn poll_gone(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    async fn interim(&mut self, head: &ResponseHead, buf: &[u8], timer: &Timer) -> Result<(), ClientGone> {
        if self.http10 {
            return Ok(());
        }
        write::status_line(&mut self.out, head.status, head.reason.of(buf));
        write::copy_fields(&mut self.out, buf, &head.fields);
        write::end(&mut self.out);
        self.flush(timer).await
    }

    async fn begin(&mut self, response: Response<'_>, _: &Timer) -> Result<(), ClientGone> {
        self.keep &= self.frame(response.head.framing) && response.uploaded && !self.worker.draining();
        self.started = true;
        self.write_head(response);
        Ok(())
    }

    async fn data(&mut self, bytes: &[u8], timer: &Timer) -> Result<(), ClientGone> {
        self.sent += bytes.len() as u64;
        if self.mode == Mode::Chunked {
            write::chunk_header(&mut self.out, bytes.len() as u64);
            self.out.extend_from_slice(bytes);
            self.out.extend_from_slice(b"\r\n");
            return self.send(&[], timer).await;
        }
        if !self.out.is_empty() && bytes.len() <= TOGETHER {
            self.out.extend_from_slice(bytes);
            return Ok(());
        }
        self.send(bytes, timer).await
    }

    async fn flush(&mut self, timer: &Timer) -> Result<(), ClientGone> {
        if !self.out.is_empty() {
            self.send(&[], timer).await?;
        }
        let limit = self.worker.config.limits.client_idle;
        self.wire.flush(timer, limit).await.map_err(|_| ClientGone)
    }

    async fn end(&mut self, trailers: &[u8], timer: &Timer) -> Result<(), ClientGone> {
        if self.mode != (Mode::Verbatim { chunked: false }) {
            write::last_chunk(&mut self.out, trailers);
        }
        self.flush(timer).await
    }
}

impl<T> Drop for H1Sink<'_, T> {
    fn drop(&mut self) {
        self.worker.pool.put_output(std::mem::take(&mut self.out));
    }
}
