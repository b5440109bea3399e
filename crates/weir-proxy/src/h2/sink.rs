//! The response side of an HTTP/2 stream.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response as HttpResponse;
use tokio::sync::oneshot;
use weir_http1::{Known, ResponseFraming, ResponseHead};

use super::answer_response;
use crate::{
    answer::Answer,
    bridge::{NoReader, StreamBody, StreamWriter, append, stream},
    exchange::{ClientGone, Response, Sink},
    forward::{added, is_edited},
    timer::{Elapsed, Timer},
    worker::Worker,
};

/// Where the head of a response goes.
#[derive(Debug)]
pub(super) struct Sender(oneshot::Sender<HttpResponse<StreamBody>>);

/// Writes a response.
pub(super) struct H2Sink<'w> {
    worker: &'w Worker,
    state: State,
    sent: u64,
}

enum State {
    /// The head is still to come.
    Head(Sender),
    Body(StreamWriter),
    /// There is no body, or the client did not wait for it.
    Done,
}

pub(super) fn channel() -> (Sender, oneshot::Receiver<HttpResponse<StreamBody>>) {
    let (sender, receiver) = oneshot::channel();
    (Sender(sender), receiver)
}

impl Sender {
    pub(super) fn answer(self, answer: &Answer, head_only: bool) {
        // A client that is gone does not need it.
        let _ = self.0.send(answer_response(answer, head_only));
    }
}

impl From<NoReader> for ClientGone {
    fn from(_: NoReader) -> Self {
        Self
    }
}

impl From<Elapsed> for ClientGone {
    fn from(_: Elapsed) -> Self {
        Self
    }
}

impl<'w> H2Sink<'w> {
    pub(super) fn new(worker: &'w Worker, sender: Sender) -> Self {
        Self { worker, state: State::Head(sender), sent: 0 }
    }

    /// Bytes of bodies handed to hyper.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Answers instead of a backend; says whether that was still possible.
    pub(super) fn refuse(self, answer: &Answer, head_only: bool) -> bool {
        match self.state {
            State::Head(sender) => {
                sender.answer(answer, head_only);
                true
            }
            State::Body(_) | State::Done => false,
        }
    }
}

impl Sink for H2Sink<'_> {
    fn started(&self) -> bool {
        !matches!(self.state, State::Head(_))
    }

    fn takes_framed(&self) -> bool {
        false
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.state {
            State::Head(Sender(sender)) => sender.poll_closed(cx),
            State::Body(writer) => writer.poll_gone(cx),
            State::Done => Poll::Pending,
        }
    }

    /// hyper cannot pass informational responses on (RFC 9110 §15.2 lets a proxy drop them).
    async fn interim(&mut self, _: &ResponseHead, _: &[u8], _: &Timer) -> Result<(), ClientGone> {
        Ok(())
    }

    async fn begin(&mut self, response: Response<'_>, _: &Timer) -> Result<(), ClientGone> {
        let State::Head(Sender(sender)) = std::mem::replace(&mut self.state, State::Done) else {
            return Err(ClientGone);
        };
        let length = match response.head.framing {
            ResponseFraming::None => Some(0),
            ResponseFraming::Length(length) => Some(length),
            ResponseFraming::Chunked | ResponseFraming::UntilClose => None,
        };
        let body = if response.ended {
            StreamBody::empty()
        } else {
            let (writer, body) = stream(length);
            self.state = State::Body(writer);
            body
        };
        sender.send(head(response, body)).map_err(|_| ClientGone)
    }

    async fn data(&mut self, bytes: &[u8], timer: &Timer) -> Result<(), ClientGone> {
        self.sent += bytes.len() as u64;
        let State::Body(writer) = &self.state else { return Ok(()) };
        let limit = self.worker.config.limits.client_idle;
        Ok(timer.limited(limit, writer.data(Bytes::copy_from_slice(bytes))).await??)
    }

    async fn flush(&mut self, _: &Timer) -> Result<(), ClientGone> {
        Ok(())
    }

    async fn end(&mut self, trailers: &[u8], timer: &Timer) -> Result<(), ClientGone> {
        let State::Body(writer) = &mut self.state else { return Ok(()) };
        let limit = self.worker.config.limits.client_idle;
        Ok(timer.limited(limit, writer.end(trailers)).await??)
    }
}

fn head(response: Response<'_>, body: StreamBody) -> HttpResponse<StreamBody> {
    let Response { head, buf, edits, set_cookies, .. } = response;
    let mut out = HttpResponse::new(body);
    *out.status_mut() = http::StatusCode::from_u16(head.status).unwrap_or(http::StatusCode::BAD_GATEWAY);
    let kept = head.fields.iter().filter(|field| !field.dropped && field.known != Known::Trailer);
    for field in kept.filter(|field| !is_edited(edits, field.name.of(buf))) {
        append(out.headers_mut(), field.name.of(buf), field.value.of(buf));
    }
    added(edits).for_each(|(name, value)| append(out.headers_mut(), name, value));
    for cookie in set_cookies {
        append(out.headers_mut(), b"set-cookie", cookie.as_bytes());
    }
    out
}
