//! Responses that go on until one side ends them: event streams and gRPC calls. When their version goes offline
//! they are ended in a way that their clients understand.

mod messages;

use std::{
    cell::RefCell,
    task::{Context, Poll},
    time::Instant,
};

use weir_http1::{Known, ResponseFraming, ResponseHead};

use self::messages::Messages;
use super::{Failure, Sink, Try};
use crate::{backend::Stay, balance::Pick, forward::BackendHead};

/// How a call of gRPC is ended: with a status that tells its client to try again.
const UNAVAILABLE: &[u8] = b"grpc-status: 14\r\ngrpc-message: this version goes offline; call again\r\n";

/// What goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Server-sent events, and gRPC-Web, which ends in its body.
    Events,
    /// A call of gRPC, whose outcome stands in its trailers.
    Call,
}

/// A response that has begun.
#[derive(Debug)]
pub(super) struct Lasting {
    kind: Kind,
    stay: Stay,
    messages: RefCell<Messages>,
}

// === impl Kind ===

impl Kind {
    /// By its content type.
    fn of(head: &ResponseHead, buf: &[u8]) -> Option<Self> {
        let field = head.fields.iter().find(|field| field.known == Known::ContentType)?;
        let content_type = field.value.of(buf);
        let is = |prefix: &[u8]| {
            content_type.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        if is(b"text/event-stream") || is(b"application/grpc-web") {
            return Some(Self::Events);
        }
        is(b"application/grpc").then_some(Self::Call)
    }
}

// === impl Lasting ===

impl Lasting {
    /// Takes note of payload that was passed on.
    pub(super) fn pass(&self, data: &[u8]) {
        if self.kind == Kind::Call {
            self.messages.borrow_mut().pass(data);
        }
    }

    /// Whether nothing is half passed on. Event streams have no such place that matters: a client forgets an
    /// event that is not complete, and asks for it again.
    pub(super) fn is_whole(&self) -> bool {
        self.messages.borrow().is_whole()
    }

    pub(super) fn is_told(&self) -> bool {
        self.stay.is_told()
    }

    fn poll_told(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.stay.poll_told(cx)
    }
}

/// Polls until there is something, or, with nothing, until the response is to end.
pub(super) fn poll_unless_told<T>(
    lasting: Option<&Lasting>,
    cx: &mut Context<'_>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<Option<T>> {
    if lasting.is_some_and(|lasting| lasting.poll_told(cx).is_ready()) {
        return Poll::Ready(None);
    }
    poll(cx).map(Some)
}

impl Try<'_> {
    /// Takes note of a response that has begun.
    pub(super) fn begun(&self, head: &ResponseHead, buf: &[u8], ended: bool, pick: &Pick) -> Option<Lasting> {
        if let Some(version) = &self.job.live().version
            && self.job.decision.compared
            && self.job.decision.cookies.cohort.is_some()
        {
            version.has_new_client(self.worker.index);
        }
        // A response of known length ends by itself; of HTTP/2 it may be a call all the same.
        let open = matches!(head.framing, ResponseFraming::Chunked | ResponseFraming::UntilClose);
        if !open && matches!(self.job.head, BackendHead::Http1(_)) {
            return None;
        }
        let kind = Kind::of(head, buf)?;
        if kind == Kind::Call {
            self.progress.is_call.set(true);
            self.progress.grpc.set(status_in_head(head, buf));
        }
        if ended || !open {
            return None;
        }
        if self.job.live().version.is_some() {
            let now = Instant::now();
            self.progress.head_at.set(Some(now));
            if kind == Kind::Events {
                self.judge_early(head.status, now);
            }
        }
        Some(Lasting { kind, stay: pick.peer.holdings.stay(), messages: RefCell::default() })
    }

    /// Ends a response politely, before its endpoint does.
    pub(super) async fn leave(&self, lasting: &Lasting, sink: &mut impl Sink) -> Result<(), Failure> {
        self.progress.left.set(true);
        let trailers = if lasting.kind == Kind::Call { UNAVAILABLE } else { &[] };
        sink.end(trailers, &self.timers.down).await?;
        lasting.stay.has_left();
        Ok(())
    }
}

/// A call that ends with its head has its status there.
fn status_in_head(head: &ResponseHead, buf: &[u8]) -> Option<u8> {
    let is_status = |name: &[u8]| name.eq_ignore_ascii_case(b"grpc-status");
    let field = head.fields.iter().find(|field| is_status(field.name.of(buf)))?;
    grpc_status(field.value.of(buf))
}

/// A status code of gRPC as it is written.
pub(super) fn grpc_status(text: &[u8]) -> Option<u8> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
