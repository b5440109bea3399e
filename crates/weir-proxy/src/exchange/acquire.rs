//! Finding an endpoint and a connection to it.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use rustls::pki_types::ServerName;
use smallvec::SmallVec;

use super::{Account, Failure, RETRIES, Try};
use crate::{
    balance::{Pick, Wish},
    timer::Timer,
    upstream::{Connection, Security, connect, http2::Stream},
    wire::WireError,
};

/// What requests are sent over.
pub(super) trait Transport {
    type Link;
    /// A connection that is there already.
    fn open(pick: &Pick, now: Instant) -> Option<Self::Link>;
    async fn connect(pick: &Pick, dialling: &Dialling<'_>) -> Result<Self::Link, WireError>;
    /// Whether connecting has made a connection, rather than waited for one.
    fn is_new(link: &Self::Link) -> bool;
}

/// What connecting needs to know.
pub(super) struct Dialling<'d> {
    security: Security,
    timer: &'d Timer,
    limit: Duration,
    now: Instant,
}

/// Each request has a connection of its own.
pub(super) struct Http1;

/// Requests are streams of one connection.
pub(super) struct Http2;

impl Transport for Http1 {
    type Link = Connection;

    fn open(pick: &Pick, now: Instant) -> Option<Connection> {
        pick.peer.idle.take(now)
    }

    async fn connect(pick: &Pick, dialling: &Dialling<'_>) -> Result<Connection, WireError> {
        let Dialling { security, timer, limit, now } = dialling;
        let open = pick.peer.holdings.gauges.open();
        connect(pick.peer.address, security, timer, *limit, *now, open).await
    }

    fn is_new(_: &Connection) -> bool {
        true
    }
}

impl Transport for Http2 {
    type Link = Stream;

    fn open(pick: &Pick, _: Instant) -> Option<Stream> {
        pick.peer.streams.get()
    }

    async fn connect(pick: &Pick, dialling: &Dialling<'_>) -> Result<Stream, WireError> {
        let Dialling { security, timer, limit, .. } = dialling;
        let gauges = &pick.peer.holdings.gauges;
        pick.peer.streams.connect(pick.peer.address, security, timer, *limit, gauges).await
    }

    fn is_new(stream: &Stream) -> bool {
        !stream.reused
    }
}

impl Try<'_> {
    /// A connection to an endpoint that takes it.
    pub(super) async fn acquire<T: Transport>(
        &self,
        _: T,
        tried: &mut SmallVec<[SocketAddr; 4]>,
        account: &mut Account,
    ) -> Result<(Pick, T::Link), Failure> {
        let mut last = Failure::Exhausted;
        loop {
            let now = if tried.is_empty() { self.begin } else { Instant::now() };
            let wish = Wish { session: self.session(), tried };
            let Some(pick) = self.worker.pick(&self.job.live().backend, wish, now) else {
                return Err(last);
            };
            account.endpoint = Some(pick.peer.address);
            if let Some(link) = T::open(&pick, now) {
                return Ok((pick, link));
            }
            match T::connect(&pick, &self.dialling(&pick, now)).await {
                Ok(link) => {
                    self.worker.counters().upstream_connections.add(T::is_new(&link).into());
                    return Ok((pick, link));
                }
                Err(error) => {
                    self.worker.counters().connect_failures.add(1);
                    pick.peer.failed(now);
                    last = Failure::Connect(error);
                    self.judge(Err(&last), Instant::now());
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
        self.job.decision.cookies.session?.asked
    }

    fn dialling(&self, pick: &Pick, now: Instant) -> Dialling<'_> {
        Dialling { security: self.security(pick), timer: &self.timers.up, limit: self.limits.connect, now }
    }

    fn security(&self, pick: &Pick) -> Security {
        let protocol = self.job.rule.rule.filters.protocol;
        if !protocol.is_tls() {
            return Security::Plain;
        }
        let service = self.job.live().backend.key.service.to_string();
        // A name that TLS cannot send is left out.
        let name = ServerName::try_from(service).unwrap_or_else(|_| pick.peer.address.ip().into());
        Security::Tls(self.worker.upstream_tls.of(protocol), name)
    }
}
