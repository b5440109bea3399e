//! Bodies: by length, chunked, or until the connection closes.

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncRead;

use super::{Headers, RequestHead, ResponseHead, Wire, WireError};

/// The longest body that is read as a whole.
const LIMIT: usize = 256 * 1024 * 1024;

/// How the end of a body is known, and how much is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// So many more bytes.
    Length(u64),
    /// Inside a chunk with so many bytes left; 0 means that a size line comes next.
    Chunked(u64),
    /// Until the connection closes.
    Close,
    /// Nothing is left.
    Done,
}

/// A body that is being read.
#[derive(Debug)]
pub struct Body {
    /// What is left.
    pub framing: Framing,
    /// The fields behind a chunked body, once it has ended.
    pub trailers: Headers,
}

impl Body {
    fn new(framing: Framing) -> Self {
        Self { framing, trailers: Headers::default() }
    }

    /// The body of a request.
    ///
    /// # Errors
    /// When the announced length is not a number.
    pub fn of_request(head: &RequestHead) -> Result<Self, WireError> {
        if head.headers.has_token("transfer-encoding", "chunked") {
            return Ok(Self::new(Framing::Chunked(0)));
        }
        Ok(Self::new(Framing::Length(head.headers.content_length()?.unwrap_or(0))))
    }

    /// The body of a response; `to_head` says that it answers a HEAD.
    ///
    /// # Errors
    /// When the announced length is not a number.
    pub fn of_response(head: &ResponseHead, to_head: bool) -> Result<Self, WireError> {
        if to_head || matches!(head.status, 100..200 | 204 | 304) {
            return Ok(Self::new(Framing::Done));
        }
        if head.headers.has_token("transfer-encoding", "chunked") {
            return Ok(Self::new(Framing::Chunked(0)));
        }
        Ok(Self::new(head.headers.content_length()?.map_or(Framing::Close, Framing::Length)))
    }
}

impl<S: AsyncRead + Unpin> Wire<S> {
    /// The next piece of a body, or `None` at its end.
    ///
    /// # Errors
    /// When the connection ends first or a chunk is malformed.
    pub async fn piece(&mut self, body: &mut Body) -> Result<Option<Bytes>, WireError> {
        let piece = match body.framing {
            Framing::Length(0) | Framing::Done => None,
            Framing::Length(left) => {
                let piece = self.up_to(left).await?;
                body.framing = Framing::Length(left - piece.len() as u64);
                Some(piece)
            }
            Framing::Chunked(left) => self.chunk_piece(left, body).await?,
            Framing::Close => self.until_close().await?,
        };
        if piece.is_none() {
            body.framing = Framing::Done;
        }
        Ok(piece)
    }

    /// The whole of a body.
    ///
    /// # Errors
    /// As for [`Wire::piece`], and when the body is above 256 MiB.
    pub async fn whole_body(&mut self, body: &mut Body) -> Result<Bytes, WireError> {
        if let Framing::Length(left) = body.framing
            && left <= LIMIT as u64
        {
            return self.exactly(left, body).await;
        }
        let mut whole = BytesMut::new();
        while let Some(piece) = self.piece(body).await? {
            whole.extend_from_slice(&piece);
            if whole.len() > LIMIT {
                return Err(WireError::Malformed("a body above 256 MiB".to_owned()));
            }
        }
        Ok(whole.freeze())
    }

    async fn exactly(&mut self, left: u64, body: &mut Body) -> Result<Bytes, WireError> {
        let length = usize::try_from(left).unwrap_or(LIMIT);
        self.buffer.reserve(length.saturating_sub(self.buffer.len()));
        while self.buffer.len() < length {
            self.fill().await?;
        }
        body.framing = Framing::Done;
        Ok(self.buffer.split_to(length).freeze())
    }

    async fn up_to(&mut self, limit: u64) -> Result<Bytes, WireError> {
        if self.buffer.is_empty() {
            self.fill().await?;
        }
        let length = self.buffer.len().min(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(self.buffer.split_to(length).freeze())
    }

    async fn until_close(&mut self) -> Result<Option<Bytes>, WireError> {
        match self.up_to(u64::MAX).await {
            Ok(piece) => Ok(Some(piece)),
            Err(WireError::Truncated) => Ok(None),
            Err(other) => Err(other),
        }
    }

    async fn chunk_piece(&mut self, left: u64, body: &mut Body) -> Result<Option<Bytes>, WireError> {
        let left = if left == 0 { self.chunk_size().await? } else { left };
        if left == 0 {
            body.trailers = self.trailers().await?;
            return Ok(None);
        }
        let piece = self.up_to(left).await?;
        let left = left - piece.len() as u64;
        if left == 0 && !self.line().await?.is_empty() {
            return Err(WireError::Malformed("bytes behind a chunk".to_owned()));
        }
        body.framing = Framing::Chunked(left);
        Ok(Some(piece))
    }

    async fn chunk_size(&mut self) -> Result<u64, WireError> {
        let line = self.line().await?;
        let text = String::from_utf8_lossy(&line).into_owned();
        let digits = text.split(';').next().unwrap_or_default().trim();
        u64::from_str_radix(digits, 16).map_err(|_| WireError::Malformed(format!("chunk size {text:?}")))
    }

    async fn trailers(&mut self) -> Result<Headers, WireError> {
        let mut block = Vec::new();
        loop {
            let line = self.line().await?;
            block.extend_from_slice(&line);
            block.extend_from_slice(b"\r\n");
            if line.is_empty() {
                return Headers::parse(&block);
            }
        }
    }

    /// A line without its CRLF.
    async fn line(&mut self) -> Result<Bytes, WireError> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.buffer.split_to(end).freeze();
                let _crlf = self.buffer.split_to(2);
                return Ok(line);
            }
            self.fill().await?;
        }
    }
}
