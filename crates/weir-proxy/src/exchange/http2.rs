//! An exchange with an endpoint that speaks HTTP/2.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Instant,
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use weir_http1::{RequestFraming, ResponseHead, write};

use super::{
    Body, Ended, Failure, Piece, Sink, Try, Waited,
    judge::GRPC_UNKNOWN,
    lasting::{Lasting, grpc_status, poll_unless_told},
    upload::Stopped,
};
use crate::{
    balance::Pick,
    bridge::{StreamBody, StreamWriter, raw_trailers, stream},
    upstream::http2::Stream,
    worker::{Turn, regroup},
};

type HyperResponse = http::Response<Incoming>;
type NextFrame = Option<Result<Frame<Bytes>, hyper::Error>>;

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
        let result = self.transfer_streamed(place, &pick, head, body, sink).await;
        let now = Instant::now();
        self.judge(result.as_ref().copied(), now);
        let status = result?;
        pick.peer.answered(status, now);
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
        let lasting = self.begin(&head, &buf, ended, pick, sink).await?;
        self.body_streamed(incoming, sink, lasting.as_ref()).await?;
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

    async fn body_streamed(
        &self,
        mut incoming: Incoming,
        sink: &mut impl Sink,
        lasting: Option<&Lasting>,
    ) -> Result<(), Failure> {
        let mut incoming = Pin::new(&mut incoming);
        loop {
            let frame = self.frame(incoming.as_mut(), sink, lasting).await?;
            let frame = match (frame, lasting) {
                (Some(frame), _) => frame,
                (None, Some(lasting)) => return self.leave(lasting, sink).await,
                (None, None) => None,
            };
            let frame = frame.transpose().map_err(|_| Failure::BadResponse("WR-502-TRUNCATED"))?;
            match frame.map(Frame::into_data) {
                Some(Ok(data)) => {
                    sink.data(&data, &self.timers.down).await?;
                    lasting.inspect(|lasting| lasting.pass(&data));
                }
                Some(Err(frame)) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    self.call_ended(Some(&trailers));
                    return Ok(sink.end(&raw_trailers(&trailers), &self.timers.down).await?);
                }
                None => {
                    self.call_ended(None);
                    return Ok(sink.end(&[], &self.timers.down).await?);
                }
            }
        }
    }

    /// The next frame of a response, or `None` when it is to end before its endpoint ends it.
    async fn frame(
        &self,
        mut incoming: Pin<&mut Incoming>,
        sink: &mut impl Sink,
        lasting: Option<&Lasting>,
    ) -> Result<Option<NextFrame>, Failure> {
        let may_end = lasting.filter(|lasting| lasting.is_whole());
        if may_end.is_some_and(Lasting::is_told) {
            return Ok(None);
        }
        let at_hand = incoming.as_mut().poll_frame(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(frame) = at_hand {
            return Ok(Some(frame));
        }
        sink.flush(&self.timers.down).await?;
        let poll =
            |cx: &mut Context<'_>| poll_unless_told(may_end, cx, |cx| incoming.as_mut().poll_frame(cx));
        match self.wait(sink, poll).await? {
            Waited::Found(frame) => Ok(frame),
            Waited::TooLong => Err(Failure::ResponseTimeout),
        }
    }

    /// Notes how a call of gRPC has ended.
    fn call_ended(&self, trailers: Option<&HeaderMap>) {
        if self.progress.is_call.get() {
            let status = trailers.and_then(|trailers| trailers.get("grpc-status"));
            let code = status.and_then(|status| grpc_status(status.as_bytes()));
            self.progress.grpc.set(code.or(Some(GRPC_UNKNOWN)));
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
