//! The response side of an HTTP/2 stream.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response as HttpResponse};
use http_body::{Frame, SizeHint};
use tokio::sync::{mpsc, oneshot};
use weir_http1::{Known, ResponseFraming, ResponseHead, write};
use weir_model::HeaderEdit;

use super::answer_response;
use crate::{
    answer::Answer,
    exchange::{ClientGone, Response, Sink},
    forward::is_edited,
    timer::Timer,
    worker::Worker,
};

/// Pieces of a body that may wait for the client, besides hyper's own window.
const WAITING: usize = 2;

/// Where the head of a response goes.
#[derive(Debug)]
pub(super) struct Sender(oneshot::Sender<HttpResponse<ResponseBody>>);

/// A body that hyper reads.
#[derive(Debug)]
pub(super) enum ResponseBody {
    Full(Option<Bytes>),
    Stream { frames: mpsc::Receiver<Frame<Bytes>>, length: Option<u64>, complete: Rc<Cell<bool>> },
}

/// The endpoint ended in the middle of its response; hyper resets the stream.
#[derive(Debug, thiserror::Error)]
#[error("the response was cut off")]
pub(super) struct Aborted;

/// Writes a response.
pub(super) struct H2Sink<'w> {
    worker: &'w Worker,
    sender: Option<Sender>,
    frames: Option<mpsc::Sender<Frame<Bytes>>>,
    complete: Rc<Cell<bool>>,
    sent: u64,
}

pub(super) fn channel() -> (Sender, oneshot::Receiver<HttpResponse<ResponseBody>>) {
    let (sender, receiver) = oneshot::channel();
    (Sender(sender), receiver)
}

impl Sender {
    pub(super) fn answer(self, answer: &Answer, head_only: bool) {
        // A client that is gone does not need it.
        let _ = self.0.send(answer_response(answer, head_only));
    }
}

impl<'w> H2Sink<'w> {
    pub(super) fn new(worker: &'w Worker, sender: Sender) -> Self {
        Self { worker, sender: Some(sender), frames: None, complete: Rc::default(), sent: 0 }
    }

    /// Bytes of bodies handed to hyper.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Answers instead of a backend; says whether that was still possible.
    pub(super) fn refuse(&mut self, answer: &Answer, head_only: bool) -> bool {
        match self.sender.take() {
            Some(sender) => {
                sender.answer(answer, head_only);
                true
            }
            None => false,
        }
    }

    async fn frame(&mut self, frame: Frame<Bytes>, timer: &Timer) -> Result<(), ClientGone> {
        let Some(frames) = &self.frames else { return Ok(()) };
        let limit = self.worker.config.limits.client_idle;
        let mut sending = std::pin::pin!(frames.send(frame));
        let sent = timer.within(limit, |cx| sending.as_mut().poll(cx)).await;
        sent.map_err(|_| ClientGone)?.map_err(|_| ClientGone)
    }
}

impl Sink for H2Sink<'_> {
    fn started(&self) -> bool {
        self.sender.is_none()
    }

    fn takes_framed(&self) -> bool {
        false
    }

    /// hyper cannot pass informational responses on (RFC 9110 §15.2 lets a proxy drop them).
    async fn interim(&mut self, _: &ResponseHead, _: &[u8], _: &Timer) -> Result<(), ClientGone> {
        Ok(())
    }

    async fn begin(&mut self, response: Response<'_>, _: &Timer) -> Result<(), ClientGone> {
        let Some(Sender(sender)) = self.sender.take() else { return Err(ClientGone) };
        let length = match response.head.framing {
            ResponseFraming::None => Some(0),
            ResponseFraming::Length(length) => Some(length),
            ResponseFraming::Chunked | ResponseFraming::UntilClose => None,
        };
        let (frames, receiver) = mpsc::channel(WAITING);
        let body = match length {
            Some(0) => ResponseBody::empty(),
            _ => ResponseBody::Stream { frames: receiver, length, complete: Rc::clone(&self.complete) },
        };
        self.frames = Some(frames);
        sender.send(head(response, body)).map_err(|_| ClientGone)
    }

    async fn data(&mut self, bytes: &[u8], timer: &Timer) -> Result<(), ClientGone> {
        self.sent += bytes.len() as u64;
        self.frame(Frame::data(Bytes::copy_from_slice(bytes)), timer).await
    }

    async fn flush(&mut self, _: &Timer) -> Result<(), ClientGone> {
        Ok(())
    }

    async fn end(&mut self, trailers: &[u8], timer: &Timer) -> Result<(), ClientGone> {
        let map = trailer_map(trailers);
        if !map.is_empty() {
            self.frame(Frame::trailers(map), timer).await?;
        }
        self.complete.set(true);
        self.frames = None;
        Ok(())
    }
}

fn head(response: Response<'_>, body: ResponseBody) -> HttpResponse<ResponseBody> {
    let Response { head, buf, edits, set_cookie, .. } = response;
    let mut out = HttpResponse::new(body);
    *out.status_mut() = http::StatusCode::from_u16(head.status).unwrap_or(http::StatusCode::BAD_GATEWAY);
    let kept = head.fields.iter().filter(|field| !field.dropped && field.known != Known::Trailer);
    for field in kept.filter(|field| !is_edited(edits, field.name.of(buf))) {
        append(out.headers_mut(), field.name.of(buf), field.value.of(buf));
    }
    for edit in edits {
        if let HeaderEdit::Set(name, value) | HeaderEdit::Add(name, value) = edit {
            append(out.headers_mut(), name.as_str().as_bytes(), value.as_bytes());
        }
    }
    if let Some(cookie) = set_cookie {
        append(out.headers_mut(), b"set-cookie", cookie.as_bytes());
    }
    out
}

fn trailer_map(raw: &[u8]) -> HeaderMap {
    let mut map = HeaderMap::new();
    let allowed = write::trailer_fields(raw).filter(|(name, _)| !write::is_forbidden_trailer(name));
    allowed.for_each(|(name, value)| append(&mut map, name, value));
    map
}

/// Names and values were validated when they were read.
fn append(map: &mut HeaderMap, name: &[u8], value: &[u8]) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
        map.append(name, value);
    }
}

// === impl ResponseBody ===

impl ResponseBody {
    pub(super) fn empty() -> Self {
        Self::Full(None)
    }

    pub(super) fn full(text: String) -> Self {
        Self::Full(Some(text.into()))
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        match self.get_mut() {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream { frames, complete, .. } => {
                let frame = ready!(frames.poll_recv(cx));
                let cut_off = frame.is_none() && !complete.get();
                Poll::Ready(if cut_off { Some(Err(Aborted)) } else { frame.map(Ok) })
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
