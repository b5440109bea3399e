//! HTTP/1.1 on a stream, as much as a test's peer needs: whole heads, whole or streamed bodies.
//!
//! This is deliberately not Weir's own engine: a peer that shared its parser would share its mistakes.

mod body;
mod head;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub use body::{Body, Framing};
pub(crate) use head::field_lines;
pub use head::{Headers, RequestHead, ResponseHead};

/// Why a message could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The peer closed before the first byte of a message.
    #[error("closed before the first byte")]
    Closed,
    /// The peer closed inside a message.
    #[error("closed inside a message")]
    Truncated,
    /// The bytes are not HTTP/1.1.
    #[error("malformed: {0}")]
    Malformed(String),
    /// The stream failed.
    #[error("{}", .0.kind())]
    Io(#[from] std::io::Error),
}

/// A whole response.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The final status.
    pub status: u16,
    /// Its fields, in order.
    pub headers: Headers,
    /// The decoded body.
    pub body: Bytes,
    /// What followed a chunked body.
    pub trailers: Headers,
    /// The interim heads (1xx but 101) that came before.
    pub interim: Vec<ResponseHead>,
}

impl Response {
    /// Whether the sender keeps the connection.
    pub fn keeps_alive(&self) -> bool {
        !self.headers.has_token("connection", "close")
    }

    /// The body as text, for messages and comparisons.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A stream with the bytes that were read from it but not consumed.
#[derive(Debug)]
pub struct Wire<S> {
    io: S,
    buffer: BytesMut,
}

impl<S> Wire<S> {
    /// Wraps a stream.
    pub fn new(io: S) -> Self {
        Self { io, buffer: BytesMut::with_capacity(16 * 1024) }
    }

    /// The stream and the bytes that were read from it but not consumed.
    pub fn into_parts(self) -> (S, BytesMut) {
        (self.io, self.buffer)
    }

    /// The bytes that were read but not consumed.
    pub fn buffered(&self) -> &[u8] {
        &self.buffer
    }

    /// The stream itself.
    pub fn io(&self) -> &S {
        &self.io
    }
}

// === reading ===

impl<S: AsyncRead + Unpin> Wire<S> {
    /// Reads more bytes into the buffer. Safe to drop while it waits.
    async fn fill(&mut self) -> Result<(), WireError> {
        self.buffer.reserve(16 * 1024);
        match self.io.read_buf(&mut self.buffer).await? {
            0 => Err(WireError::Truncated),
            _ => Ok(()),
        }
    }

    /// Reads to the blank line and takes the head off the buffer. Safe to drop while it waits.
    async fn head_bytes(&mut self) -> Result<Bytes, WireError> {
        let mut scanned = 0;
        loop {
            if let Some(end) = find_blank_line(&self.buffer[scanned..]) {
                return Ok(self.buffer.split_to(scanned + end).freeze());
            }
            scanned = self.buffer.len().saturating_sub(3);
            if self.buffer.len() > head::LIMIT {
                return Err(WireError::Malformed("a head above 256 KiB".to_owned()));
            }
            let first = self.buffer.is_empty();
            self.fill().await.map_err(|error| if first { closed(error) } else { error })?;
        }
    }

    /// The next request head. Safe to drop while it waits.
    ///
    /// # Errors
    /// [`WireError::Closed`] when the peer closed between messages; any other for a bad message.
    pub async fn request_head(&mut self) -> Result<RequestHead, WireError> {
        RequestHead::parse(&self.head_bytes().await?)
    }

    /// The next response head, interim or final.
    ///
    /// # Errors
    /// [`WireError::Closed`] when nothing came; any other for a bad message.
    pub async fn response_head(&mut self) -> Result<ResponseHead, WireError> {
        ResponseHead::parse(&self.head_bytes().await?)
    }

    /// The next whole response. `to_head` says that the request was a HEAD, so there is no body.
    ///
    /// # Errors
    /// When the connection ends first or the bytes are not a response.
    pub async fn response(&mut self, to_head: bool) -> Result<Response, WireError> {
        let mut interim = Vec::new();
        let head = loop {
            match self.response_head().await? {
                head if head.is_interim() => interim.push(head),
                head => break head,
            }
        };
        let mut body = Body::of_response(&head, to_head)?;
        let bytes = self.whole_body(&mut body).await?;
        let ResponseHead { status, headers, .. } = head;
        Ok(Response { status, headers, body: bytes, trailers: body.trailers, interim })
    }

    /// Reads until the peer closes, at most `limit` bytes.
    ///
    /// # Errors
    /// When the stream fails.
    pub async fn rest(&mut self, limit: usize) -> Result<Bytes, WireError> {
        while self.buffer.len() < limit {
            match self.fill().await {
                Ok(()) => {}
                Err(WireError::Truncated) => break,
                Err(other) => return Err(other),
            }
        }
        Ok(self.buffer.split().freeze())
    }
}

/// Before a message, an end or a reset of the connection is a close.
fn closed(error: WireError) -> WireError {
    match error {
        WireError::Truncated => WireError::Closed,
        other => other,
    }
}

fn find_blank_line(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

// === writing ===

impl<S: AsyncWrite + Unpin> Wire<S> {
    /// Writes all bytes and flushes.
    ///
    /// # Errors
    /// When the stream fails.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.io.write_all(bytes).await?;
        Ok(self.io.flush().await?)
    }

    /// Ends the sending side.
    ///
    /// # Errors
    /// When the stream fails.
    pub async fn finish(&mut self) -> Result<(), WireError> {
        Ok(self.io.shutdown().await?)
    }
}
