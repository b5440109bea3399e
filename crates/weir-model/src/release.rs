//! The mark of a release on the splits that it overlays: whose they are, and how its traffic is judged.

use std::{ops::RangeInclusive, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::BackendKey;

/// The shares of the two versions of a release sum to this: one part is 0.01 %.
pub const BASIS_POINTS: u32 = 10_000;

/// Which version of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The old version.
    Stable,
    /// The new version.
    Canary,
}

/// The release that a split belongs to, as of one of its epochs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReleaseMark {
    /// The Release's namespace.
    pub namespace: Arc<str>,
    /// The Release's name.
    pub name: Arc<str>,
    /// Which try of the release: counters begin anew with each.
    pub attempt: u64,
    /// Raised with every change of how the release routes; what proxies acknowledge.
    pub epoch: u64,
    /// What counts as an error of a version.
    pub errors: ErrorRule,
    /// The version that was detached, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retiring: Option<Retiring>,
}

/// What counts as an error of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorRule {
    /// HTTP statuses.
    #[serde(serialize_with = "as_texts")]
    pub statuses: Vec<RangeInclusive<u16>>,
    /// gRPC status codes.
    pub grpc: Vec<u8>,
    /// Refused and broken connections, and responses that are not HTTP.
    pub resets: bool,
    /// Endpoints that take too long.
    pub timeouts: bool,
}

/// A version that has no arm any more, and whose long-lived connections may have to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Retiring {
    /// Who it was.
    pub backend: BackendKey,
    /// What it was.
    pub role: Role,
    /// How many long-lived connections each proxy ends per second; none while `None`.
    pub close_per_second: Option<u32>,
}

// === impl Role ===

impl Role {
    /// Both, with stable first.
    pub const ALL: [Self; 2] = [Self::Stable, Self::Canary];

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Stable => Self::Canary,
            Self::Canary => Self::Stable,
        }
    }

    /// The word used in labels and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Canary => "canary",
        }
    }
}

// === impl ErrorRule ===

impl ErrorRule {
    /// gRPC's UNKNOWN, INTERNAL, UNAVAILABLE and `DATA_LOSS`.
    pub const GRPC: [u8; 4] = [2, 13, 14, 15];

    /// Whether a response with this HTTP status is an error.
    pub fn is_status(&self, status: u16) -> bool {
        self.statuses.iter().any(|range| range.contains(&status))
    }

    /// Whether a response with this gRPC status is an error.
    pub fn is_grpc(&self, code: u8) -> bool {
        self.grpc.contains(&code)
    }
}

impl Default for ErrorRule {
    fn default() -> Self {
        let (statuses, grpc) = (vec![500..=599], Self::GRPC.to_vec());
        Self { statuses, grpc, resets: true, timeouts: true }
    }
}

fn as_texts<S: Serializer>(ranges: &[RangeInclusive<u16>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ranges.iter().map(|range| format!("{}-{}", range.start(), range.end())))
}
