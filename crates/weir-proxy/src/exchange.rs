//! One request and its response: from a chosen arm to a finished response, over whichever protocol the
//! client speaks.
//!
//! ```text
//!   Body (client) ──upload──►  endpoint
//!   Sink (client) ◄─download─  endpoint
//! ```
//!
//! Both directions belong to one task and run at the same time, so an endpoint may answer early and a
//! stream may flow both ways. Only whole failures before the first byte of a response are retried.

mod acquire;
mod download;
mod http2;
mod judge;
mod lasting;
mod upload;

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use smallvec::SmallVec;
use weir_http1::ResponseHead;
use weir_model::HeaderEdit;

use self::{
    acquire::{Http1, Http2},
    judge::Progress,
};
use crate::{
    answer::{Answer, Refusal},
    balance::Pick,
    forward::BackendHead,
    phases::Job,
    timer::Timer,
    upstream::Connection,
    wire::WireError,
    worker::{Turn, Worker, regroup},
};

/// How often a request may be sent again.
const RETRIES: usize = 2;
/// The longest that a request and the end of its idle connection take to cross each other on the way. A reset
/// that comes later is the endpoint's.
const CROSSING: Duration = Duration::from_millis(100);

/// The next piece of a request body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Bytes of the body.
    Data,
    /// The end; the bytes are the raw trailer fields.
    End,
}

/// A request body, whichever protocol it comes by.
pub(crate) trait Body {
    /// Moves on to the next piece if it is at hand.
    fn ready(&mut self) -> Result<Option<Piece>, Failure>;
    /// The bytes of the piece that [`Self::ready`] found.
    fn bytes(&self) -> &[u8];
    /// Whether data pieces already carry chunk framing.
    fn is_framed(&self) -> bool;
    /// Waits until there is more.
    async fn wait(&mut self, timer: &Timer) -> Result<(), Failure>;
    /// Whether the end was found.
    fn is_done(&self) -> bool;
    /// Whether anything was taken that a second try would need again.
    fn is_untouched(&self) -> bool;
}

/// A response head on its way to the client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Response<'r> {
    pub(crate) head: &'r ResponseHead,
    pub(crate) buf: &'r [u8],
    pub(crate) edits: &'r [HeaderEdit],
    pub(crate) set_cookies: &'r [String],
    /// Whether the request body has arrived completely.
    pub(crate) uploaded: bool,
    /// Whether neither a body nor trailers follow. gRPC tells an error without a body from one whose
    /// trailers were lost.
    pub(crate) ended: bool,
}

/// The client did not take the response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientGone;

/// Where a response goes, whichever protocol it goes by.
pub(crate) trait Sink {
    /// Whether anything of the final response may have reached the client.
    fn started(&self) -> bool;
    /// Ready when the client has given up on the response. HTTP/1.1 cannot tell: a client that has closed
    /// its sending direction may still read.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()>;
    /// Whether chunk-framed bytes are taken as they are.
    fn takes_framed(&self) -> bool;
    /// Passes on an informational response.
    async fn interim(&mut self, head: &ResponseHead, buf: &[u8], timer: &Timer) -> Result<(), ClientGone>;
    /// Begins the response; nothing has to be sent yet.
    async fn begin(&mut self, response: Response<'_>, timer: &Timer) -> Result<(), ClientGone>;
    /// Passes on bytes of the body; they may be held back until [`Self::flush`].
    async fn data(&mut self, bytes: &[u8], timer: &Timer) -> Result<(), ClientGone>;
    /// Sends what is held back, because nothing more is at hand.
    async fn flush(&mut self, timer: &Timer) -> Result<(), ClientGone>;
    /// Ends the body; `trailers` are raw fields.
    async fn end(&mut self, trailers: &[u8], timer: &Timer) -> Result<(), ClientGone>;
}

/// Why an exchange did not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There was no endpoint left to try.
    Exhausted,
    /// Every try to connect failed; the last for this reason.
    Connect(WireError),
    /// The endpoint went away before any byte of a response.
    Reset,
    /// The endpoint sent something that is not HTTP, or too little of it.
    BadResponse(&'static str),
    /// The endpoint did not respond in time.
    ResponseTimeout,
    /// The endpoint did not read in time.
    SendTimeout,
    /// The request body is malformed.
    BadBody(&'static str),
    /// The request body did not arrive in time.
    BodyTimeout,
    /// The request body is larger than the route allows.
    BodyTooLarge,
    /// The client went away.
    ClientGone,
}

/// How an exchange ended well.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: u16,
    /// Whether the request body was taken completely, so that the client's connection can go on.
    pub(crate) uploaded: bool,
    /// After 101: the connection, to be used as a tunnel.
    pub(crate) tunnel: Option<(Connection, Pick)>,
}

/// What happened on the way, for the access log.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) begin: Instant,
    pub(crate) endpoint: Option<SocketAddr>,
    pub(crate) first_byte: Option<Instant>,
}

impl Account {
    pub(crate) fn new(begin: Instant) -> Self {
        Self { begin, endpoint: None, first_byte: None }
    }
}

/// Timers of the two directions.
#[derive(Debug)]
pub(crate) struct Timers {
    pub(crate) up: Timer,
    pub(crate) down: Timer,
}

/// What one try needs.
struct Try<'e> {
    worker: &'e Worker,
    job: &'e Job<'e>,
    timers: &'e Timers,
    limits: Waits,
    uploaded: Cell<bool>,
    first_byte: Cell<Option<Instant>>,
    begin: Instant,
    progress: Progress,
}

/// How waiting for an endpoint ended.
enum Waited<T> {
    Found(T),
    TooLong,
}

/// How long the rule waits for its backend.
#[derive(Clone, Copy, Debug)]
struct Waits {
    connect: Duration,
    read: Duration,
    send: Duration,
}

// === impl Failure ===

impl Failure {
    /// What the client is told, if it can be told anything.
    pub(crate) fn answer(&self) -> Option<Answer> {
        Some(Answer { code: self.code(), ..self.refusal()?.into() })
    }

    /// The code for the access log.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::BadBody(code) | Self::BadResponse(code) => code,
            _ => self.refusal().map_or("WR-CLIENT-GONE", Refusal::code),
        }
    }

    fn refusal(&self) -> Option<Refusal> {
        Some(match self {
            Self::Exhausted | Self::Connect(WireError::Io(_)) => Refusal::ConnectFailed,
            Self::Connect(WireError::Timeout) => Refusal::ConnectTimeout,
            Self::Reset => Refusal::Reset,
            Self::BadResponse(_) => Refusal::BadResponse,
            Self::ResponseTimeout => Refusal::ResponseTimeout,
            Self::SendTimeout => Refusal::SendTimeout,
            Self::BadBody(_) => Refusal::BadBody,
            Self::BodyTimeout => Refusal::SlowBody,
            Self::BodyTooLarge => Refusal::BodyTooLarge,
            Self::ClientGone => return None,
        })
    }
}

impl From<ClientGone> for Failure {
    fn from(_: ClientGone) -> Self {
        Self::ClientGone
    }
}

/// Sends the request to an endpoint and its response to the client.
pub(crate) async fn run(
    worker: &Worker,
    job: &Job<'_>,
    timers: &Timers,
    account: &mut Account,
    body: &mut impl Body,
    sink: &mut impl Sink,
) -> Result<Ended, Failure> {
    let timeouts = job.rule.rule.timeouts;
    let defaults = &worker.config.limits;
    let limits = Waits {
        connect: timeouts.connect.unwrap_or(defaults.connect),
        read: timeouts.read.unwrap_or(defaults.response),
        send: timeouts.send.unwrap_or(defaults.client_idle),
    };
    let attempt = Try {
        worker,
        job,
        timers,
        limits,
        uploaded: Cell::new(body.is_done()),
        first_byte: Cell::new(None),
        begin: account.begin,
        progress: Progress::new(account.begin),
    };
    let mut tried = SmallVec::new();
    let mut repeats = 0;
    let mut since = account.begin;
    worker.earn_retry();
    regroup(Turn::ToEndpoint).await;
    loop {
        let (reused, result) = match &job.head {
            BackendHead::Http1(text) => {
                let (pick, connection) = attempt.acquire(Http1, &mut tried, account).await?;
                (connection.reused, attempt.send(connection, pick, text, body, sink).await)
            }
            BackendHead::Http2(head) => {
                let (pick, stream) = attempt.acquire(Http2, &mut tried, account).await?;
                (stream.reused, attempt.send_streamed(stream, pick, head, body, sink).await)
            }
        };
        account.first_byte = attempt.first_byte.get();
        match result {
            Err(Failure::Reset) if attempt.may_repeat(repeats, body, sink) => {
                repeats += 1;
                let now = Instant::now();
                // A connection that was idle may have been closed at this very moment; the endpoint itself
                // is not to blame then.
                if !reused || now.duration_since(since) > CROSSING {
                    tried.extend(account.endpoint);
                }
                since = now;
            }
            result => return result,
        }
    }
}

impl Try<'_> {
    /// Polls until the result is there, while a client waits for it.
    async fn wait<T>(
        &self,
        sink: &mut impl Sink,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Result<Waited<T>, Failure> {
        let found = |cx: &mut Context<'_>| match poll(cx) {
            Poll::Ready(found) => Poll::Ready(Ok(Waited::Found(found))),
            Poll::Pending => sink.poll_gone(cx).map(|()| Err(Failure::ClientGone)),
        };
        self.timers.down.within(self.limits.read, found).await.unwrap_or(Ok(Waited::TooLong))
    }

    fn may_repeat(&self, repeats: usize, body: &impl Body, sink: &impl Sink) -> bool {
        let repeatable = self.job.idempotent && body.is_untouched() && !sink.started();
        let may = repeatable && repeats < RETRIES && self.worker.spend_retry(Instant::now());
        if may {
            self.worker.counters().retries.add(1);
        }
        may
    }

    /// One try. Keeps the connection if it can be used again.
    async fn send(
        &self,
        mut connection: Connection,
        pick: Pick,
        text: &[u8],
        body: &mut impl Body,
        sink: &mut impl Sink,
    ) -> Result<Ended, Failure> {
        let result = self.transfer(&mut connection, &pick, text, body, sink).await;
        let now = Instant::now();
        self.judge(result.as_ref().map(|head| head.status), now);
        match result {
            Ok(head) if head.status == 101 => {
                Ok(Ended { status: 101, uploaded: true, tunnel: Some((connection, pick)) })
            }
            Ok(head) => {
                pick.peer.answered(head.status, now);
                let uploaded = self.uploaded.get();
                if head.persistent && uploaded && !self.progress.left.get() {
                    pick.peer.keep(connection, head.keep_alive_timeout, now);
                }
                Ok(Ended { status: head.status, uploaded, tunnel: None })
            }
            Err(failure) => {
                match failure {
                    // What closed this one has closed the others too.
                    Failure::Reset if connection.reused => pick.peer.idle.clear(),
                    Failure::Reset => pick.peer.failed(now),
                    _ => {}
                }
                Err(failure)
            }
        }
    }

    /// Runs both directions until the response is complete.
    async fn transfer(
        &self,
        connection: &mut Connection,
        pick: &Pick,
        text: &[u8],
        body: &mut impl Body,
        sink: &mut impl Sink,
    ) -> Result<ResponseHead, Failure> {
        let Connection { wire, slot, .. } = connection;
        let first = self.upload_first(wire, text, body).await;
        let download = self.download(wire, slot, pick, sink);
        match first {
            // Whoever cannot be written to may still have said why.
            Ok(()) | Err(upload::Stopped::Endpoint) if self.uploaded.get() || first.is_err() => {
                download.await
            }
            Ok(()) => self.both(self.upload_rest(wire, body), download).await,
            Err(upload::Stopped::Endpoint) => download.await,
            Err(upload::Stopped::Client(failure)) => Err(failure),
        }
    }

    /// Polls both directions; the response decides the end.
    async fn both<T>(
        &self,
        upload: impl Future<Output = Result<(), upload::Stopped>>,
        download: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let (mut upload, mut download) = (pin!(upload), pin!(download));
        let mut uploading = true;
        poll_fn(|cx| {
            if uploading {
                match upload.as_mut().poll(cx) {
                    Poll::Pending => {}
                    Poll::Ready(Err(upload::Stopped::Client(failure))) => return Poll::Ready(Err(failure)),
                    Poll::Ready(Ok(()) | Err(upload::Stopped::Endpoint)) => uploading = false,
                }
            }
            let polled = download.as_mut().poll(cx);
            if uploading && polled.is_pending() {
                // The endpoint is not late while the request is still on its way.
                self.timers.down.set(self.limits.read);
            }
            polled
        })
        .await
    }
}
