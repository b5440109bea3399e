//! One figure, and what stood around it.

use serde::Serialize;

use super::{case::Route, peer::PeerName};

/// One figure of one proxy in one round.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    pub(crate) route: Route,
    pub(crate) case: &'static str,
    pub(crate) proxy: PeerName,
    pub(crate) round: u32,
    pub(crate) metric: Metric,
    pub(crate) value: f64,
    /// Requests in a second while it was measured; the load is a closed loop.
    pub(crate) per_second: f64,
    /// How busy the cores were, 1 being a whole core: what is far below its cores is not the limit.
    pub(crate) busy: Busy,
    pub(crate) failed: u64,
    /// Why, in the words of the load.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) failures: String,
}

/// What a figure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) enum Metric {
    /// CPU microseconds of the proxy for one request.
    #[serde(rename = "cpu_us_per_request")]
    Cpu,
    /// Microseconds below which half of the requests stayed.
    #[serde(rename = "p50_us")]
    P50,
    /// Microseconds below which 99 % of the requests stayed.
    #[serde(rename = "p99_us")]
    P99,
    /// KiB of memory for one idle connection.
    #[serde(rename = "kib_per_connection")]
    Memory,
}

impl Metric {
    /// How a table names it.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Cpu => "CPU µs a request",
            Self::P50 => "p50 µs",
            Self::P99 => "p99 µs",
            Self::Memory => "KiB",
        }
    }
}

/// Shares of a core.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Busy {
    pub(crate) proxy: f64,
    pub(crate) origin: f64,
    pub(crate) load: f64,
}
