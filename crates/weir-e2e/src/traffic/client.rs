//! The kinds of clients.

use std::{fmt, future::Future, pin::Pin};

use weir_testkit::client::Target;

use super::{Flow, Via, http1::Http1, http2::Http2, socket::Socket, stream::Stream};

/// How a client talks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Client {
    /// HTTP/1.1, one connection for as long as it lasts.
    KeepAlive,
    /// The same, with requests that take a second and a half: one is always in flight.
    Slow,
    /// HTTP/1.1, a connection for each request.
    PerRequest,
    /// The same over TLS: a handshake for each request.
    PerRequestTls,
    /// HTTP/2 over TLS.
    Http2,
    /// HTTP/2 in plain text, by prior knowledge.
    PriorKnowledge,
    /// A WebSocket that sends messages and gets them back.
    WebSocket,
    /// A gRPC call that sends messages and gets them back; it takes a route that leads to HTTP/2.
    Grpc,
}

/// What a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// A request that may be sent again.
    Get,
    /// A request that may not.
    Post,
}

/// What came of one turn.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It was answered as it should be, by this version.
    Good(Box<str>),
    /// The peer said goodbye as the protocol has it, before the turn began; the next one begins anew.
    Polite,
    /// Anything else.
    Failed(String),
}

/// A client with its connection.
pub(crate) trait Talk: Send {
    /// Sends a request and says what came of it.
    fn turn(&mut self) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>>;
}

// === impl Client ===

impl Client {
    /// All kinds that need no route of their own, with all that they can send.
    pub fn every_kind() -> Vec<(Self, Method)> {
        use Method::{Get, Post};
        vec![
            (Self::KeepAlive, Get),
            (Self::KeepAlive, Post),
            (Self::Slow, Get),
            (Self::PerRequest, Get),
            (Self::PerRequest, Post),
            (Self::PerRequestTls, Get),
            (Self::Http2, Get),
            (Self::Http2, Post),
            (Self::PriorKnowledge, Get),
            (Self::PriorKnowledge, Post),
            (Self::WebSocket, Get),
        ]
    }

    /// A client of this kind.
    pub(super) fn talk(self, method: Method, flow: &Flow, via: &Via) -> anyhow::Result<Box<dyn Talk>> {
        let plain = || Target::plain(via.http);
        let tls = |config| Target::tls(via.https, &flow.host, config);
        Ok(match self {
            Self::KeepAlive => Box::new(Http1::new(plain(), flow, method, true)),
            Self::Slow => Box::new(Http1::new(plain(), &flow.slow(), method, true)),
            Self::PerRequest => Box::new(Http1::new(plain(), flow, method, false)),
            Self::PerRequestTls => Box::new(Http1::new(tls(flow.https.http1.clone()), flow, method, false)),
            Self::Http2 => Box::new(Http2::new(tls(flow.https.http2.clone()), flow, method)?),
            Self::PriorKnowledge => Box::new(Http2::new(plain(), flow, method)?),
            Self::WebSocket => Box::new(Socket::new(via.http, flow)),
            Self::Grpc => Box::new(Stream::new(via.http, flow)),
        })
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeepAlive => "keep-alive",
            Self::Slow => "slow",
            Self::PerRequest => "per-request",
            Self::PerRequestTls => "per-request-tls",
            Self::Http2 => "h2",
            Self::PriorKnowledge => "h2c",
            Self::WebSocket => "websocket",
            Self::Grpc => "grpc",
        })
    }
}

// === impl Method ===

impl Method {
    /// As it is written in a request.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

// === impl Flow ===

impl Flow {
    /// The same, asking the backend to take its time.
    fn slow(&self) -> Self {
        let joint = if self.path.contains('?') { '&' } else { '?' };
        Self { path: format!("{}{joint}delay=1500", self.path), ..self.clone() }
    }
}

/// What a response has to be: 200, and from a backend.
pub(super) fn judge<'a>(status: u16, header: impl Fn(&str) -> Option<&'a str>) -> Outcome {
    match (status, header("x-version")) {
        (200, Some(version)) => Outcome::Good(version.into()),
        (200, None) => Outcome::Failed("200 without x-version".to_owned()),
        (status, _) => {
            let whose = header("weir-error").unwrap_or("from the backend");
            Outcome::Failed(format!("{status} {whose}"))
        }
    }
}
