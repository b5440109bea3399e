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

mod download;
mod upload;

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use rustls::pki_types::ServerName;
use smallvec::SmallVec;
use weir_http1::ResponseHead;
use weir_model::{HeaderEdit, UpstreamProtocol};
use weir_route::Cookie;

use crate::{
    answer::{Answer, Refusal},
    balance::{Pick, Wish},
    phases::Job,
    timer::Timer,
    upstream::{Connection, Security, connect},
    wire::WireError,
    worker::{Turn, Worker, regroup},
};

/// How often a request may be sent again.
const RETRIES: usize = 2;

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
    pub(crate) set_cookie: Option<&'r str>,
    /// Whether the request body has arrived completely.
    pub(crate) uploaded: bool,
}

/// The client did not take the response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientGone;

/// Where a response goes, whichever protocol it goes by.
pub(crate) trait Sink {
    /// Whether anything of the final response may have reached the client.
    fn started(&self) -> bool;
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
    /// The route asks for a protocol that is not spoken.
    Protocol,
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
            Self::Protocol => Refusal::Protocol,
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
    };
    let mut tried = SmallVec::new();
    worker.earn_retry();
    regroup(Turn::ToEndpoint).await;
    loop {
        let (pick, connection) = attempt.acquire(&mut tried).await?;
        account.endpoint = Some(pick.peer.address);
        let reused = connection.reused;
        let result = attempt.send(connection, pick, body, sink).await;
        account.first_byte = attempt.first_byte.get();
        match result {
            Err((Failure::Reset, peer)) if attempt.may_repeat(tried.len(), body, sink) => {
                // A connection that was idle may have been closed at this very moment; the endpoint itself
                // is not to blame then.
                if !reused {
                    tried.push(peer);
                }
            }
            Err((failure, _)) => return Err(failure),
            Ok(ended) => return Ok(ended),
        }
    }
}

impl Try<'_> {
    /// A connection to an endpoint that takes it.
    async fn acquire(&self, tried: &mut SmallVec<[SocketAddr; 4]>) -> Result<(Pick, Connection), Failure> {
        let security = self.security()?;
        let mut last = Failure::Exhausted;
        loop {
            let now = if tried.is_empty() { self.begin } else { Instant::now() };
            let wish = Wish { session: self.session(), tried };
            let Some(pick) = self.worker.pick(&self.job.live().backend, wish, now) else {
                return Err(last);
            };
            if let Some(connection) = pick.peer.idle.take(now) {
                return Ok((pick, connection));
            }
            let connecting = connect(pick.peer.address, &security, &self.timers.up, self.limits.connect, now);
            match connecting.await {
                Ok(connection) => {
                    self.worker.counters().upstream_connections.add(1);
                    return Ok((pick, connection));
                }
                Err(error) => {
                    self.worker.counters().connect_failures.add(1);
                    pick.peer.failed(now);
                    last = Failure::Connect(error);
                    self.try_another(tried, pick.peer.address, &mut last)?;
                }
            }
        }
    }

    /// Whether another endpoint, or with only one the same again, may be tried.
    fn try_another(
        &self,
        tried: &mut SmallVec<[SocketAddr; 4]>,
        failed: SocketAddr,
        last: &mut Failure,
    ) -> Result<(), Failure> {
        tried.push(failed);
        if tried.len() > RETRIES || !self.worker.spend_retry(Instant::now()) {
            return Err(std::mem::replace(last, Failure::Exhausted));
        }
        self.worker.counters().retries.add(1);
        Ok(())
    }

    fn session(&self) -> Option<u64> {
        match self.job.decision.cookie {
            Some(Cookie::Session { asked, .. }) => asked,
            Some(Cookie::Cohort(_)) | None => None,
        }
    }

    fn security(&self) -> Result<Security, Failure> {
        match self.job.rule.rule.filters.protocol {
            UpstreamProtocol::Http1 => Ok(Security::Plain),
            UpstreamProtocol::Https1 => {
                let service = self.job.live().backend.key.service.to_string();
                let name = ServerName::try_from(service).map_err(|_| Failure::Protocol)?;
                Ok(Security::Tls(self.worker.upstream_tls.clone(), name))
            }
            UpstreamProtocol::Http2 | UpstreamProtocol::Https2 => Err(Failure::Protocol),
        }
    }

    fn may_repeat(&self, tried: usize, body: &impl Body, sink: &impl Sink) -> bool {
        let repeatable = self.job.idempotent && body.is_untouched() && !sink.started();
        let may = repeatable && tried < RETRIES && self.worker.spend_retry(Instant::now());
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
        body: &mut impl Body,
        sink: &mut impl Sink,
    ) -> Result<Ended, (Failure, SocketAddr)> {
        let mut head = ResponseHead::new();
        let result = self.transfer(&mut connection, &pick, &mut head, body, sink).await;
        let now = Instant::now();
        match result {
            Ok(()) if head.status == 101 => {
                Ok(Ended { status: 101, uploaded: true, tunnel: Some((connection, pick)) })
            }
            Ok(()) => {
                pick.peer.answered(head.status, now);
                let uploaded = self.uploaded.get();
                if head.persistent && uploaded {
                    pick.peer.idle.put(connection, head.keep_alive_timeout, now);
                }
                Ok(Ended { status: head.status, uploaded, tunnel: None })
            }
            Err(failure) => {
                if matches!(failure, Failure::Reset) && !connection.reused {
                    pick.peer.failed(now);
                }
                Err((failure, pick.peer.address))
            }
        }
    }

    /// Runs both directions until the response is complete.
    async fn transfer(
        &self,
        connection: &mut Connection,
        pick: &Pick,
        head: &mut ResponseHead,
        body: &mut impl Body,
        sink: &mut impl Sink,
    ) -> Result<(), Failure> {
        let Connection { wire, slot, .. } = connection;
        let first = self.upload_first(wire, body).await;
        let download = self.download(wire, slot, pick, head, sink);
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
    async fn both(
        &self,
        upload: impl Future<Output = Result<(), upload::Stopped>>,
        download: impl Future<Output = Result<(), Failure>>,
    ) -> Result<(), Failure> {
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
