//! What every verb that serves traffic is told.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use clap::{Args, ValueEnum};
use ipnet::IpNet;
use weir_proxy::{DrainTimes, LogFormat};

use crate::{cores, duration};

/// How traffic is served.
#[derive(Debug, Args)]
pub(crate) struct Traffic {
    /// Where to serve plain HTTP, with HTTP/2 for clients that know beforehand.
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:8080", value_parser = address)]
    http: SocketAddr,

    /// Where to serve HTTPS, with the certificates of spec.tls; off unless given.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    https: Option<SocketAddr>,

    /// Threads that serve traffic; one per core unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// Write a line per request to standard output.
    #[arg(long, value_name = "FORMAT")]
    access_log: Option<AccessLog>,

    /// A proxy in front of Weir whose X-Forwarded-* headers are believed, such as 10.0.0.0/8. Repeatable.
    #[arg(long = "trusted-proxy", value_name = "CIDR", value_parser = network)]
    trusted: Vec<IpNet>,

    /// The HTTPS port that redirects name, where it is not the port of --https.
    #[arg(long, value_name = "PORT")]
    public_https_port: Option<u16>,

    /// How long to accept new connections after SIGTERM, so that load balancers notice first.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::parse)]
    shutdown_delay: Duration,

    /// How long requests in flight may take after that.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::parse)]
    shutdown_timeout: Duration,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum AccessLog {
    /// One JSON object per line.
    Json,
    /// The combined format of Apache and nginx.
    Combined,
}

// === impl Traffic ===

impl Traffic {
    pub(crate) fn shutdown_delay(&self) -> Duration {
        self.shutdown_delay
    }

    pub(crate) fn config(self) -> weir_proxy::Config {
        weir_proxy::Config {
            http: Some(self.http),
            https: self.https,
            public_https_port: self.public_https_port,
            threads: self.threads.map_or_else(cores, usize::from),
            trusted: self.trusted,
            access_log: self.access_log.map(LogFormat::from),
            drain: DrainTimes { accept: self.shutdown_delay, in_flight: self.shutdown_timeout },
            ..weir_proxy::Config::default()
        }
    }
}

impl From<AccessLog> for LogFormat {
    fn from(format: AccessLog) -> Self {
        match format {
            AccessLog::Json => Self::Json,
            AccessLog::Combined => Self::Combined,
        }
    }
}

/// An address with a port.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080".to_owned())
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from).ok();
    let network = text.parse().ok().or_else(address);
    network.ok_or_else(|| format!("{text:?} is no network; write it as 10.0.0.0/8 or 2001:db8::/32"))
}
