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
///
/// A client (whoever has the same assignment key) whose error was counted is muted: neither its attempts nor
/// its errors count, until it has had no error for 10 s. Else one that tries again and again would look like
/// many who fail; and counting its attempts but not its errors would make versions differ by how busy their
/// clients are. So errors by requests is the share of attempts that fail, but requests are fewer than were
/// sent, and a client whose errors go on is counted only once. Each version, population and data plane mutes
/// for itself. Where no client is known, everything counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionReading {
    /// Attempts that have ended, of requests that chance has given to this version; without those of muted
    /// clients.
    pub requests: u64,
    /// Errors among them.
    pub errors: u64,
    /// Attempts that have ended, of all other requests: by override, outside the audience, or when there was
    /// nothing to choose; without those of muted clients.
    pub other_requests: u64,
    /// Errors among them.
    pub other_errors: u64,
    /// New clients that got a cohort here, muted or not.
    pub cohorts: u64,
    /// Of `requests`, those of one half of the clients.
    pub even_requests: u64,
    /// Of `errors`, those of the same half.
    pub even_errors: u64,
    /// Every attempt that failed, however often the same client did.
    pub failures: u64,
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
