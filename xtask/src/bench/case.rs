//! What is measured.

use clap::ValueEnum;
use serde::Serialize;

/// A kind of work.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// `GET` of so many bytes.
    Get(usize),
    /// `POST` of so many bytes.
    Post(usize),
    /// `GET` of 1 KiB on a connection of its own.
    Reconnect,
    /// `GET` of so many bytes over TLS 1.3.
    Tls(usize),
    /// `GET` of so many bytes over HTTP/2 and TLS.
    Http2(usize),
    /// A WebSocket message there and back.
    WebSocket,
    /// `GET` of 1 KiB, so many in a second, however slow the answers are.
    Rate(u32),
    /// Connections that have made one request and now do nothing.
    Idle,
}

/// One line of the result.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) work: Work,
    /// Requests of a full measurement.
    pub(crate) requests: u64,
}

impl Case {
    /// The requests of a measurement.
    pub(crate) fn count(&self, quick: bool) -> u64 {
        if quick { (self.requests / 8).max(500) } else { self.requests }
    }

    /// Whether the case says something on a route.
    pub(crate) fn is_for(&self, route: Route) -> bool {
        route == Route::Plain || !matches!(self.work, Work::Idle)
    }
}

/// How much the proxy has to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Route {
    /// One host, one path, one service.
    Plain,
    /// 100 hosts, each with a header, a cookie, a query parameter and a sticky weight.
    Gray,
}

impl Route {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gray => "gray",
        }
    }

    pub(crate) fn hosts(self) -> usize {
        match self {
            Self::Plain => 1,
            Self::Gray => 100,
        }
    }
}

/// Every case, in the order of the tables.
pub(crate) const CASES: &[Case] = &[
    Case { name: "get-1k", about: "GET 1 KiB, keep-alive", work: Work::Get(1024), requests: 80_000 },
    Case {
        name: "get-128k",
        about: "GET 128 KiB, keep-alive",
        work: Work::Get(128 * 1024),
        requests: 15_000,
    },
    Case {
        name: "post-16k",
        about: "POST 16 KiB, keep-alive",
        work: Work::Post(16 * 1024),
        requests: 40_000,
    },
    Case {
        name: "reconnect",
        about: "GET 1 KiB, a connection each",
        work: Work::Reconnect,
        requests: 20_000,
    },
    Case { name: "tls13-get-1k", about: "GET 1 KiB, TLS 1.3", work: Work::Tls(1024), requests: 60_000 },
    Case {
        name: "h2-tls-get-1k",
        about: "GET 1 KiB, HTTP/2 over TLS",
        work: Work::Http2(1024),
        requests: 50_000,
    },
    Case { name: "ws-echo", about: "WebSocket echo of 64 bytes", work: Work::WebSocket, requests: 60_000 },
    Case { name: "latency", about: "GET 1 KiB, 5 000 a second", work: Work::Rate(5_000), requests: 25_000 },
    Case { name: "idle-memory", about: "an idle connection", work: Work::Idle, requests: 5_000 },
];
