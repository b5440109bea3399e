//! What the data plane is told once, at its start.

use std::{net::SocketAddr, time::Duration};

use ipnet::IpNet;

/// The form of access log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// The combined format of Apache and nginx.
    Combined,
}

/// Bounds on waiting and on sizes. The defaults are those of `docs/limits.md`.
#[derive(Clone, Debug)]
pub struct Limits {
    /// From the first byte of a request head to its last.
    pub head: Duration,
    /// Between two reads of a request body, and between two writes to a client.
    pub client_idle: Duration,
    /// Between two requests on a connection.
    pub keep_alive: Duration,
    /// After this time a connection is closed politely, ± 10 %.
    pub max_age: Duration,
    /// One try to connect to an endpoint.
    pub connect: Duration,
    /// Until the response head, and between two reads of its body.
    pub response: Duration,
    /// Between two bytes, in either direction, of a WebSocket or other upgraded connection.
    pub tunnel_idle: Duration,
    /// Sizes of request and response heads.
    pub http1: weir_http1::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            client_idle: Duration::from_mins(1),
            keep_alive: Duration::from_secs(75),
            max_age: Duration::from_hours(1),
            connect: Duration::from_secs(1),
            response: Duration::from_mins(1),
            tunnel_idle: Duration::from_hours(1),
            http1: weir_http1::Limits::default(),
        }
    }
}

/// How a shutdown goes.
#[derive(Clone, Copy, Debug)]
pub struct DrainTimes {
    /// Connections are still accepted for this long, so that load balancers notice first.
    pub accept: Duration,
    /// What is in flight after that may take this long.
    pub in_flight: Duration,
}

impl Default for DrainTimes {
    fn default() -> Self {
        Self { accept: Duration::from_secs(10), in_flight: Duration::from_secs(30) }
    }
}

/// What the data plane is told once, at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where plain HTTP is served; HTTP/2 with prior knowledge too.
    pub http: Option<SocketAddr>,
    /// Where TLS is served.
    pub https: Option<SocketAddr>,
    /// The HTTPS port as clients see it, where it is not that of `https`.
    pub public_https_port: Option<u16>,
    /// One per core.
    pub threads: usize,
    /// Peers whose `X-Forwarded-*` is believed.
    pub trusted: Vec<IpNet>,
    /// Written to standard output.
    pub access_log: Option<LogFormat>,
    /// Bounds.
    pub limits: Limits,
    /// How a shutdown goes.
    pub drain: DrainTimes,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            http: None,
            https: None,
            public_https_port: None,
            threads: 1,
            trusted: Vec::new(),
            access_log: None,
            limits: Limits::default(),
            drain: DrainTimes::default(),
        }
    }
}
