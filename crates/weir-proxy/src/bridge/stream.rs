//! A body on its way into hyper: of a response to a client, or of a request to an endpoint.

use std::{
    cell::Cell,
    convert::Infallible,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Frame, SizeHint};
use tokio::sync::{mpsc, oneshot};
use weir_http1::write;

/// Pieces that may wait, besides hyper's own window.
const WAITING: usize = 2;

/// A body that hyper reads.
#[derive(Debug)]
pub(crate) enum StreamBody {
    /// All of it is here.
    Full(Option<Bytes>),
    /// It is still to come.
    Stream {
        frames: mpsc::Receiver<Frame<Bytes>>,
        length: Option<u64>,
        complete: Rc<Cell<bool>>,
        /// Tells the writer when hyper drops the body.
        _reader: oneshot::Receiver<Infallible>,
    },
}

/// The other end of a [`StreamBody`]. Dropped before [`Self::end`], it makes hyper reset the stream.
#[derive(Debug)]
pub(crate) struct StreamWriter {
    frames: Option<mpsc::Sender<Frame<Bytes>>>,
    complete: Rc<Cell<bool>>,
    reader: oneshot::Sender<Infallible>,
}

/// The body ended in the middle; hyper resets the stream.
#[derive(Debug, thiserror::Error)]
#[error("the body was cut off")]
pub(crate) struct CutOff;

/// Nobody reads the body any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoReader;

/// A body of a known or unknown length, with its writer.
pub(crate) fn stream(length: Option<u64>) -> (StreamWriter, StreamBody) {
    let (sender, frames) = mpsc::channel(WAITING);
    let (reader, read) = oneshot::channel();
    let complete = Rc::new(Cell::new(false));
    let body = StreamBody::Stream { frames, length, complete: Rc::clone(&complete), _reader: read };
    (StreamWriter { frames: Some(sender), complete, reader }, body)
}

// === impl StreamWriter ===

impl StreamWriter {
    /// Waits until hyper has room.
    pub(crate) async fn data(&self, bytes: Bytes) -> Result<(), NoReader> {
        self.frame(Frame::data(bytes)).await
    }

    /// Ends the body; `trailers` are raw fields.
    pub(crate) async fn end(&mut self, trailers: &[u8]) -> Result<(), NoReader> {
        let map = trailer_map(trailers);
        if !map.is_empty() {
            self.frame(Frame::trailers(map)).await?;
        }
        self.complete.set(true);
        self.frames = None;
        Ok(())
    }

    /// Ready when nobody reads the body any more.
    pub(crate) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.reader.poll_closed(cx)
    }

    async fn frame(&self, frame: Frame<Bytes>) -> Result<(), NoReader> {
        let frames = self.frames.as_ref().ok_or(NoReader)?;
        frames.send(frame).await.map_err(|_| NoReader)
    }
}

fn trailer_map(raw: &[u8]) -> HeaderMap {
    let mut map = HeaderMap::new();
    let allowed = write::trailer_fields(raw).filter(|(name, _)| !write::is_forbidden_trailer(name));
    allowed.for_each(|(name, value)| append(&mut map, name, value));
    map
}

/// Trailers as HTTP/1.1 field lines.
pub(crate) fn raw_trailers(trailers: &HeaderMap) -> Bytes {
    let mut out = Vec::new();
    for (name, value) in trailers {
        write::field(&mut out, name.as_str().as_bytes(), value.as_bytes());
    }
    out.into()
}

/// Names and values were validated when they were read.
pub(crate) fn append(map: &mut HeaderMap, name: &[u8], value: &[u8]) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
        map.append(name, value);
    }
}

// === impl StreamBody ===

impl StreamBody {
    pub(crate) fn empty() -> Self {
        Self::Full(None)
    }

    pub(crate) fn full(text: String) -> Self {
        Self::Full(Some(text.into()))
    }
}

impl http_body::Body for StreamBody {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        match self.get_mut() {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream { frames, complete, .. } => {
                let frame = ready!(frames.poll_recv(cx));
                let cut_off = frame.is_none() && !complete.get();
                Poll::Ready(if cut_off { Some(Err(CutOff)) } else { frame.map(Ok) })
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Full(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Stream { length: Some(length), .. } => SizeHint::with_exact(*length),
            Self::Stream { length: None, .. } => SizeHint::default(),
        }
    }
}
