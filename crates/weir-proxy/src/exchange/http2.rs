//! An exchange with an endpoint that speaks HTTP/2.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Instant,
};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use weir_http1::{RequestFraming, ResponseHead, write};

use super::{Body, Ended, Failure, Piece, Sink, Try, Waited, upload::Stopped};
use crate::{
    balance::Pick,
    bridge::{StreamBody, StreamWriter, raw_trailers, stream},
    upstream::http2::Stream,
    worker::{Turn, regroup},
};

type HyperResponse = http::Response<Incoming>;

impl Try<'_> {
    /// One try.
    pub(super) async fn send_streamed(
        &self,
        place: Stream,
        pick: Pick,
        head: &http::request::Parts,
        body: &mut impl Body,
        sink: &mut impl Sink,
    ) -> Result<Ended, Failure> {
        let status = self.transfer_streamed(place, &pick, head, body, sink).await?;
        pick.peer.answered(status, Instant::now());
        Ok(Ended { status, uploaded: self.uploaded.get(), tunnel: None })
    }

    async fn transfer_streamed(
        &self,
        place: Stream,
        pick: &Pick,
        head: &http::request::Parts,
        body: &mut impl Body,
        sink: &mut impl Sink,
    ) -> Result<u16, Failure> {
        if self.job.expects_continue {
            sink.interim(&ResponseHead { status: 100, ..ResponseHead::new() }, b"", &self.timers.down)
                .await?;
        }
        let (writer, stream) = request_body(self.job.framing, self.uploaded.get());
        let request = http::Request::from_parts(head.clone(), stream);
        let download = self.download_streamed(place, request, pick, sink);
        match writer {
            None => download.await,
            Some(writer) => self.both(self.upload_streamed(writer, body), download).await,
        }
    }

    async fn upload_streamed(&self, mut writer: StreamWriter, body: &mut impl Body) -> Result<(), Stopped> {
        loop {
            match body.ready()? {
                None => body.wait(&self.timers.up).await?,
                Some(Piece::Data) => {
                    let bytes = Bytes::copy_from_slice(body.bytes());
                    self.timers.up.limited(self.limits.send, writer.data(bytes)).await??;
                }
                Some(Piece::End) => {
                    self.timers.up.limited(self.limits.send, writer.end(body.bytes())).await??;
                    self.uploaded.set(true);
                    return Ok(());
                }
            }
        }
    }

    async fn download_streamed(
        &self,
        mut place: Stream,
        request: http::Request<StreamBody>,
        pick: &Pick,
        sink: &mut impl Sink,
    ) -> Result<u16, Failure> {
        let response = self.response(&mut place, request, sink).await?;
        let (parts, incoming) = response.into_parts();
        if self.worker.log.is_some() {
            self.first_byte.set(Some(Instant::now()));
        }
        let mut buf = Vec::new();
        let head = self.read_parts(&parts, &mut buf)?;
        let ended = incoming.is_end_stream();
        regroup(Turn::ToClient).await;
        self.begin(&head, &buf, ended, pick, sink).await?;
        self.body_streamed(incoming, sink).await?;
        Ok(head.status)
    }

    /// Waits for the response head.
    async fn response(
        &self,
        place: &mut Stream,
        request: http::Request<StreamBody>,
        sink: &mut impl Sink,
    ) -> Result<HyperResponse, Failure> {
        let mut response = std::pin::pin!(place.sender.send_request(request));
        let waited = self.wait(sink, |cx| response.as_mut().poll(cx)).await?;
        match waited {
            Waited::Found(Ok(response)) => Ok(response),
            Waited::Found(Err(_)) => Err(Failure::Reset),
            Waited::TooLong => Err(Failure::ResponseTimeout),
        }
    }

    /// The head in the form that every sink knows.
    fn read_parts(&self, parts: &http::response::Parts, buf: &mut Vec<u8>) -> Result<ResponseHead, Failure> {
        write::status_line(buf, parts.status.as_u16(), b"");
        for (name, value) in &parts.headers {
            write::field(buf, name.as_str().as_bytes(), value.as_bytes());
        }
        write::end(buf);
        let mut head = ResponseHead::new();
        match head.parse(buf, self.job.method, &self.worker.config.limits.http1) {
            Ok(Some(_)) if !head.is_interim() && head.status != 101 => Ok(head),
            Ok(_) => Err(Failure::BadResponse("WR-502-RESPONSE")),
            Err(bad) => Err(Failure::BadResponse(bad.code())),
        }
    }

    async fn body_streamed(&self, mut incoming: Incoming, sink: &mut impl Sink) -> Result<(), Failure> {
        let mut incoming = Pin::new(&mut incoming);
        loop {
            let mut at_hand = incoming.as_mut().poll_frame(&mut Context::from_waker(Waker::noop()));
            if at_hand.is_pending() {
                sink.flush(&self.timers.down).await?;
                at_hand = match self.wait(sink, |cx| incoming.as_mut().poll_frame(cx)).await? {
                    Waited::Found(frame) => Poll::Ready(frame),
                    Waited::TooLong => return Err(Failure::ResponseTimeout),
                };
            }
            let Poll::Ready(frame) = at_hand else { continue };
            match frame
                .transpose()
                .map_err(|_| Failure::BadResponse("WR-502-TRUNCATED"))?
                .map(Frame::into_data)
            {
                Some(Ok(data)) => sink.data(&data, &self.timers.down).await?,
                Some(Err(frame)) => {
                    let trailers = frame.into_trailers().map(|map| raw_trailers(&map)).unwrap_or_default();
                    return Ok(sink.end(&trailers, &self.timers.down).await?);
                }
                None => return Ok(sink.end(&[], &self.timers.down).await?),
            }
        }
    }
}

/// The body for hyper, with its writer if there is something to write.
fn request_body(framing: RequestFraming, uploaded: bool) -> (Option<StreamWriter>, StreamBody) {
    let length = match framing {
        _ if uploaded => return (None, StreamBody::empty()),
        RequestFraming::Length(length) => Some(length),
        RequestFraming::None | RequestFraming::Chunked => None,
    };
    let (writer, body) = stream(length);
    (Some(writer), body)
}
