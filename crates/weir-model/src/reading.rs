//! What a data plane has counted of a release.

use serde::Serialize;

use crate::Role;

/// The counters of one release, of one try of it, in one data plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseReading {
    /// The Release's namespace.
    pub namespace: String,
    /// The Release's name.
    pub name: String,
    /// Which try of it.
    pub attempt: u64,
    /// The routing in force.
    pub epoch: u64,
    /// The old version.
    pub stable: VersionReading,
    /// The new version.
    pub canary: VersionReading,
}

/// The counters of one version. Counts only grow, until the data plane starts again; gauges are of now.
///
/// What is counted are attempts: requests as sent to an endpoint, before they are sent again elsewhere.
/// One that the client gave up is not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionReading {
    /// Attempts that have ended, of requests that chance has given to this version.
    pub requests: u64,
    /// Errors among them, at most one per client and 10 s.
    pub errors: u64,
    /// Attempts that have ended, of all other requests: by override, outside the audience, or when there was
    /// nothing to choose.
    pub other_requests: u64,
    /// Errors among them, at most one per client and 10 s.
    pub other_errors: u64,
    /// New clients that got a cohort here.
    pub cohorts: u64,
    /// Of `requests`, those of one half of the clients.
    pub even_requests: u64,
    /// Of `errors`, those of the same half.
    pub even_errors: u64,
    /// Gauge: requests on their way, without long-lived ones. This and the next two are those of the version's
    /// Service, also what came by other rules or began before the release.
    pub in_flight: u64,
    /// Gauge: upgraded connections, event streams and gRPC calls whose response has begun.
    pub long_lived: u64,
    /// Gauge: open connections to endpoints.
    pub connections: u64,
    /// Long-lived connections that were ended politely, because the version was retiring.
    pub closed: u64,
    /// Of `requests`, how many took how long: bins of [`crate::duration_bins`] that are not empty, ascending.
    /// Time ends with the response; for upgrades, event streams and gRPC calls with its head.
    pub durations: Vec<(u16, u64)>,
}

// === impl ReleaseReading ===

impl ReleaseReading {
    /// The counters of one version.
    pub fn version(&self, role: Role) -> &VersionReading {
        match role {
            Role::Stable => &self.stable,
            Role::Canary => &self.canary,
        }
    }
}
