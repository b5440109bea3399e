//! The request body of an HTTP/2 stream.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use weir_http1::RequestFraming;
use weir_model::BodyLimit;

use crate::{
    bridge::raw_trailers,
    exchange::{Body, Failure, Piece},
    timer::Timer,
    worker::Worker,
};

/// Hands hyper's frames on as pieces.
pub(super) struct H2Body<'w> {
    worker: &'w Worker,
    incoming: Incoming,
    /// What was waited for and not yet asked for.
    next: Option<Found>,
    bytes: Bytes,
    done: bool,
    passed: u64,
    limit: u64,
}

enum Found {
    Data(Bytes),
    End(Bytes),
}

impl<'w> H2Body<'w> {
    pub(super) fn new(
        worker: &'w Worker,
        incoming: Incoming,
        framing: RequestFraming,
        limit: BodyLimit,
    ) -> Self {
        let limit = match limit {
            BodyLimit::Bytes(limit) => limit,
            BodyLimit::Unlimited => u64::MAX,
        };
        let done = framing == RequestFraming::None;
        Self { worker, incoming, next: None, bytes: Bytes::new(), done, passed: 0, limit }
    }

    fn poll_found(&mut self, cx: &mut Context<'_>) -> Poll<Result<Found, Failure>> {
        Pin::new(&mut self.incoming).poll_frame(cx).map(|frame| match frame {
            None => Ok(Found::End(Bytes::new())),
            Some(Ok(frame)) => Ok(found(frame)),
            Some(Err(_)) => Err(Failure::ClientGone),
        })
    }
}

fn found(frame: Frame<Bytes>) -> Found {
    match frame.into_data() {
        Ok(data) => Found::Data(data),
        Err(frame) => Found::End(frame.into_trailers().map(|map| raw_trailers(&map)).unwrap_or_default()),
    }
}

impl Body for H2Body<'_> {
    fn ready(&mut self) -> Result<Option<Piece>, Failure> {
        self.bytes = Bytes::new();
        if self.done {
            return Ok(Some(Piece::End));
        }
        let found = match self.next.take() {
            Some(found) => found,
            None => match self.poll_found(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(found) => found?,
                Poll::Pending => return Ok(None),
            },
        };
        match found {
            Found::Data(data) => {
                self.passed += data.len() as u64;
                self.bytes = data;
                if self.passed > self.limit { Err(Failure::BodyTooLarge) } else { Ok(Some(Piece::Data)) }
            }
            Found::End(trailers) => {
                self.bytes = trailers;
                self.done = true;
                Ok(Some(Piece::End))
            }
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn is_framed(&self) -> bool {
        false
    }

    async fn wait(&mut self, timer: &Timer) -> Result<(), Failure> {
        let limit = self.worker.config.limits.client_idle;
        let found = timer.within(limit, |cx| self.poll_found(cx)).await;
        self.next = Some(found.map_err(|_| Failure::BodyTimeout)??);
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn is_untouched(&self) -> bool {
        self.passed == 0
    }
}
