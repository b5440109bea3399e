//! The counters of releases.

use weir_model::{ReleaseReading, Role, VersionReading};

use super::{Encoder, Kind};

/// A gauge of a version, with its name and help.
type Gauge = (&'static str, &'static str, fn(&VersionReading) -> u64);

const GAUGES: [Gauge; 3] = [
    ("weir_release_in_flight", "Requests on their way to a version.", |version| version.in_flight),
    ("weir_release_long_lived", "WebSockets, event streams and gRPC calls of a version.", |version| {
        version.long_lived
    }),
    ("weir_release_upstream_connections", "Open connections to endpoints of a version.", |version| {
        version.connections
    }),
];

/// All of them.
pub(super) fn render(out: &mut Encoder, releases: &[ReleaseReading]) {
    out.family("weir_release_epoch", Kind::Gauge, "The routing of a release that is in force.");
    for release in releases {
        out.sample("", &[("release", &name(release))], release.epoch);
    }
    let help = "Attempts by version; compared are those that chance has given to it.";
    out.family("weir_release_requests_total", Kind::Counter, help);
    by_population(out, releases, |version| [version.requests, version.other_requests]);
    let help = "Errors among them, at most one per client and 10 s.";
    out.family("weir_release_errors_total", Kind::Counter, help);
    by_population(out, releases, |version| [version.errors, version.other_errors]);
    let help = "Long-lived connections that were ended politely.";
    out.family("weir_release_closed_total", Kind::Counter, help);
    by_version(out, releases, |version| version.closed);
    for (name, help, gauge) in GAUGES {
        out.family(name, Kind::Gauge, help);
        by_version(out, releases, gauge);
    }
}

fn by_population(
    out: &mut Encoder,
    releases: &[ReleaseReading],
    counts: impl Fn(&VersionReading) -> [u64; 2],
) {
    for release in releases {
        for role in Role::ALL {
            let counts = counts(release.version(role));
            for (population, count) in ["compared", "other"].into_iter().zip(counts) {
                let (name, version) = (name(release), role.as_str());
                let labels = [("release", &*name), ("version", version), ("population", population)];
                out.sample("", &labels, count);
            }
        }
    }
}

fn by_version(out: &mut Encoder, releases: &[ReleaseReading], value: impl Fn(&VersionReading) -> u64) {
    for release in releases {
        for role in Role::ALL {
            let labels = [("release", &*name(release)), ("version", role.as_str())];
            out.sample("", &labels, value(release.version(role)));
        }
    }
}

fn name(release: &ReleaseReading) -> String {
    format!("{}/{}", release.namespace, release.name)
}
