//! What a proxy counts, and its message.

use std::time::Duration;

use weir_model::{ReleaseReading, VersionReading};

use crate::proto::{Counters, ReleaseCounters, RouteCounters, VersionCounters};

/// What the data plane has counted since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Accepted client connections.
    pub connections: u64,
    /// Client connections open now.
    pub open: u64,
    /// Requests sent again after a failure.
    pub retries: u64,
    /// Connections to endpoints that failed.
    pub connect_failures: u64,
    /// Requests cut off by the end of a shutdown.
    pub force_closed: u64,
    /// By route and service.
    pub routes: Vec<RouteReading>,
    /// Since its start, by a clock that nobody sets; to the millisecond.
    pub uptime: Duration,
    /// The releases in force.
    pub releases: Vec<ReleaseReading>,
}

/// The requests of one route to one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteReading {
    /// `namespace/ingress`.
    pub route: String,
    /// `namespace/service`.
    pub service: String,
    /// By class of status: 1xx to 5xx.
    pub statuses: Vec<u64>,
    /// Requests without a complete response.
    pub failures: u64,
}

// === impl Reading ===

impl Reading {
    /// Whether it says more than an earlier one. Where there are releases, it always does: nothing having
    /// happened is told from nothing having been heard.
    pub(crate) fn is_news_after(&self, earlier: &Self) -> bool {
        !self.releases.is_empty() || Self { uptime: earlier.uptime, ..self.clone() } != *earlier
    }

    /// Whether the same releases are in force, at the same epochs.
    pub(crate) fn has_epochs_of(&self, other: &Self) -> bool {
        self.epochs().eq(other.epochs())
    }

    fn epochs(&self) -> impl Iterator<Item = (&str, &str, u64, u64)> {
        self.releases.iter().map(|one| (&*one.namespace, &*one.name, one.attempt, one.epoch))
    }
}

impl From<Reading> for Counters {
    fn from(reading: Reading) -> Self {
        Self {
            connections: reading.connections,
            open: reading.open,
            retries: reading.retries,
            connect_failures: reading.connect_failures,
            force_closed: reading.force_closed,
            routes: reading.routes.into_iter().map(Into::into).collect(),
            uptime: u64::try_from(reading.uptime.as_millis()).unwrap_or(u64::MAX),
            releases: reading.releases.into_iter().map(encode_release).collect(),
        }
    }
}

impl From<Counters> for Reading {
    fn from(counters: Counters) -> Self {
        Self {
            connections: counters.connections,
            open: counters.open,
            retries: counters.retries,
            connect_failures: counters.connect_failures,
            force_closed: counters.force_closed,
            routes: counters.routes.into_iter().map(Into::into).collect(),
            uptime: Duration::from_millis(counters.uptime),
            releases: counters.releases.into_iter().map(decode_release).collect(),
        }
    }
}

impl From<RouteReading> for RouteCounters {
    fn from(RouteReading { route, service, statuses, failures }: RouteReading) -> Self {
        Self { route, service, statuses, failures }
    }
}

impl From<RouteCounters> for RouteReading {
    fn from(RouteCounters { route, service, statuses, failures }: RouteCounters) -> Self {
        Self { route, service, statuses, failures }
    }
}

fn encode_release(reading: ReleaseReading) -> ReleaseCounters {
    let ReleaseReading { namespace, name, attempt, epoch, stable, canary } = reading;
    let (stable, canary) = (Some(encode_version(stable)), Some(encode_version(canary)));
    ReleaseCounters { namespace, name, attempt, epoch, stable, canary }
}

fn decode_release(counters: ReleaseCounters) -> ReleaseReading {
    let ReleaseCounters { namespace, name, attempt, epoch, stable, canary } = counters;
    let [stable, canary] = [stable, canary].map(|version| decode_version(version.unwrap_or_default()));
    ReleaseReading { namespace, name, attempt, epoch, stable, canary }
}

fn encode_version(reading: VersionReading) -> VersionCounters {
    let (bins, counts) = reading.durations.into_iter().map(|(bin, count)| (u32::from(bin), count)).unzip();
    VersionCounters {
        requests: reading.requests,
        errors: reading.errors,
        other_requests: reading.other_requests,
        other_errors: reading.other_errors,
        cohorts: reading.cohorts,
        even_requests: reading.even_requests,
        even_errors: reading.even_errors,
        in_flight: reading.in_flight,
        long_lived: reading.long_lived,
        connections: reading.connections,
        closed: reading.closed,
        failures: reading.failures,
        bins,
        counts,
    }
}

/// A bin that no histogram has counts as the slowest.
fn decode_version(counters: VersionCounters) -> VersionReading {
    let bins = counters.bins.into_iter().map(|bin| u16::try_from(bin).unwrap_or(u16::MAX));
    VersionReading {
        requests: counters.requests,
        errors: counters.errors,
        other_requests: counters.other_requests,
        other_errors: counters.other_errors,
        cohorts: counters.cohorts,
        even_requests: counters.even_requests,
        even_errors: counters.even_errors,
        in_flight: counters.in_flight,
        long_lived: counters.long_lived,
        connections: counters.connections,
        closed: counters.closed,
        failures: counters.failures,
        durations: bins.zip(counters.counts).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arbitrary_version() -> impl Strategy<Value = VersionReading> {
        (any::<[u64; 12]>(), proptest::collection::vec(any::<(u16, u64)>(), 0..5)).prop_map(
            |(numbers, durations)| {
                let [requests, errors, other_requests, other_errors, cohorts, rest @ ..] = numbers;
                let [even_requests, even_errors, in_flight, long_lived, connections, closed, failures] = rest;
                VersionReading {
                    requests,
                    errors,
                    other_requests,
                    other_errors,
                    cohorts,
                    even_requests,
                    even_errors,
                    in_flight,
                    long_lived,
                    connections,
                    closed,
                    failures,
                    durations,
                }
            },
        )
    }

    fn arbitrary_release() -> impl Strategy<Value = ReleaseReading> {
        ("[a-z]{1,3}", "[a-z]{1,3}", any::<u64>(), any::<u64>(), arbitrary_version(), arbitrary_version())
            .prop_map(|(namespace, name, attempt, epoch, stable, canary)| ReleaseReading {
                namespace,
                name,
                attempt,
                epoch,
                stable,
                canary,
            })
    }

    proptest! {
        #[test]
        fn a_reading_arrives_as_it_was_sent(
            releases in proptest::collection::vec(arbitrary_release(), 0..3),
            uptime in any::<u64>(),
            connections in any::<u64>(),
        ) {
            let uptime = Duration::from_millis(uptime);
            let reading = Reading { connections, uptime, releases, ..Reading::default() };
            prop_assert_eq!(Reading::from(Counters::from(reading.clone())), reading);
        }
    }

    fn at(epoch: u64, requests: u64) -> Reading {
        let stable = VersionReading { requests, ..VersionReading::default() };
        let release = ReleaseReading {
            namespace: "a".into(),
            name: "b".into(),
            attempt: 1,
            epoch,
            stable,
            canary: VersionReading::default(),
        };
        Reading { releases: vec![release], ..Reading::default() }
    }

    #[test]
    fn the_passing_of_time_is_news_only_where_there_is_a_release() {
        let later = |reading: Reading| Reading { uptime: Duration::from_secs(1), ..reading };
        let idle = Reading::default();
        assert!(!later(idle.clone()).is_news_after(&idle));
        assert!(Reading { open: 1, ..later(idle.clone()) }.is_news_after(&idle));
        assert!(later(at(1, 0)).is_news_after(&at(1, 0)));
        assert!(idle.is_news_after(&at(1, 0)), "the release is gone");
    }

    #[test]
    fn epochs_are_compared_and_counts_are_not() {
        assert!(at(1, 0).has_epochs_of(&at(1, 5)));
        assert!(!at(2, 0).has_epochs_of(&at(1, 0)));
        assert!(!Reading::default().has_epochs_of(&at(1, 0)));
    }
}
