//! Counters that cost a thread nothing but its own memory: each thread writes only its own cells, and
//! whoever reads them adds up.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use weir_model::{ObjectRef, Rule};

/// Routes with their own series; what comes later is counted together as `other`.
const MAX_SERIES: usize = 500;

/// Upper bounds of the latency buckets, in microseconds.
pub const LATENCY_BOUNDS: [u64; 12] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000, 30_000_000];

/// A counter with one writer.
#[derive(Debug, Default)]
pub(crate) struct Cell(AtomicU64);

impl Cell {
    /// Not a read-modify-write: only one thread writes.
    pub(crate) fn add(&self, count: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
    }

    pub(crate) fn sub(&self, count: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_sub(count), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A thread's counters of one route and service, apart from other threads' cache lines.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Slot {
    /// By class of status: 1xx to 5xx.
    statuses: [Cell; 5],
    /// Requests that ended without a complete response.
    failures: Cell,
    buckets: [Cell; LATENCY_BOUNDS.len() + 1],
    microseconds: Cell,
}

/// The counters of one route and service.
#[derive(Debug)]
pub(crate) struct Series {
    slots: Box<[Slot]>,
}

/// How a request ended, for the counters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    pub(crate) status: u16,
    pub(crate) complete: bool,
    pub(crate) took: Duration,
}

// === impl Series ===

impl Series {
    fn new(threads: usize) -> Self {
        Self { slots: (0..threads).map(|_| Slot::default()).collect() }
    }

    pub(crate) fn record(&self, thread: usize, ending: Ending) {
        let slot = &self.slots[thread];
        let class = usize::from(ending.status / 100).clamp(1, 5) - 1;
        slot.statuses[class].add(1);
        if !ending.complete {
            slot.failures.add(1);
        }
        let microseconds = u64::try_from(ending.took.as_micros()).unwrap_or(u64::MAX);
        let bucket = LATENCY_BOUNDS.partition_point(|bound| *bound < microseconds);
        slot.buckets[bucket].add(1);
        slot.microseconds.add(microseconds);
    }

    fn sum(&self, cell: impl Fn(&Slot) -> &Cell) -> u64 {
        self.slots.iter().map(|slot| cell(slot).get()).sum()
    }

    fn read(&self, route: &str, service: &str) -> RouteMetrics {
        RouteMetrics {
            route: route.to_owned(),
            service: service.to_owned(),
            statuses: std::array::from_fn(|class| self.sum(|slot| &slot.statuses[class])),
            failures: self.sum(|slot| &slot.failures),
            buckets: std::array::from_fn(|bucket| self.sum(|slot| &slot.buckets[bucket])),
            microseconds: self.sum(|slot| &slot.microseconds),
        }
    }
}

/// A reading of one route and service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteMetrics {
    /// `namespace/ingress`, or `other`.
    pub route: String,
    /// `namespace/service`, empty for answers of Weir itself.
    pub service: String,
    /// Requests by class of status: 1xx to 5xx.
    pub statuses: [u64; 5],
    /// Requests that ended without a complete response.
    pub failures: u64,
    /// Requests by latency; the last bucket has no bound.
    pub buckets: [u64; LATENCY_BOUNDS.len() + 1],
    /// Sum of all latencies.
    pub microseconds: u64,
}

impl RouteMetrics {
    /// All requests.
    pub fn requests(&self) -> u64 {
        self.statuses.iter().sum()
    }
}

/// A thread's counters that belong to no route.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct ThreadCounters {
    pub(crate) connections: Cell,
    pub(crate) open: Cell,
    pub(crate) tls_failures: Cell,
    pub(crate) bad_requests: Cell,
    pub(crate) underscored: Cell,
    pub(crate) retries: Cell,
    pub(crate) connect_failures: Cell,
    pub(crate) upstream_connections: Cell,
    pub(crate) force_closed: Cell,
    pub(crate) refused: Cell,
}

/// All counters of the data plane.
#[derive(Debug)]
pub struct Metrics {
    threads: Box<[ThreadCounters]>,
    series: Mutex<HashMap<(String, String), Arc<Series>>>,
    other: Arc<Series>,
    unrouted: Arc<Series>,
}

/// A reading of the counters that belong to no route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Accepted connections.
    pub connections: u64,
    /// Connections open now.
    pub open: u64,
    /// Failed TLS handshakes.
    pub tls_failures: u64,
    /// Requests refused before routing.
    pub bad_requests: u64,
    /// Header fields dropped for an underscore in their name.
    pub underscored: u64,
    /// Requests sent to another endpoint after a failure.
    pub retries: u64,
    /// Connections to endpoints that failed.
    pub connect_failures: u64,
    /// Connections made to endpoints.
    pub upstream_connections: u64,
    /// Requests cut off by the end of the shutdown.
    pub force_closed: u64,
    /// Connections turned away for want of memory.
    pub refused: u64,
}

// === impl Metrics ===

impl Metrics {
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            threads: (0..threads).map(|_| ThreadCounters::default()).collect(),
            series: Mutex::default(),
            other: Arc::new(Series::new(threads)),
            unrouted: Arc::new(Series::new(threads)),
        }
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads.len()
    }

    pub(crate) fn thread(&self, index: usize) -> &ThreadCounters {
        &self.threads[index]
    }

    /// The counters of requests that no rule matched.
    pub(crate) fn unrouted(&self) -> &Series {
        &self.unrouted
    }

    /// The counters for a rule and one of its arms' services.
    pub(crate) fn series(&self, rule: &Rule, service: &str) -> Arc<Series> {
        let ObjectRef { namespace, name, .. } = &rule.origin.object;
        let key = (format!("{namespace}/{name}"), service.to_owned());
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        if series.len() >= MAX_SERIES && !series.contains_key(&key) {
            return Arc::clone(&self.other);
        }
        let threads = self.threads.len();
        Arc::clone(series.entry(key).or_insert_with(|| Arc::new(Series::new(threads))))
    }

    /// Forgets the series of routes that are no longer served.
    pub(crate) fn forget_unused(&self) {
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        series.retain(|_, series| Arc::strong_count(series) > 1);
    }

    /// Reads every series that has counted something.
    pub fn routes(&self) -> Vec<RouteMetrics> {
        let series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<RouteMetrics> =
            series.iter().map(|((route, service), series)| series.read(route, service)).collect();
        all.push(self.other.read("other", ""));
        all.push(self.unrouted.read("", ""));
        all.retain(|route| route.requests() > 0);
        all.sort_by(|a, b| (&a.route, &a.service).cmp(&(&b.route, &b.service)));
        all
    }

    /// Reads the counters that belong to no route.
    pub fn totals(&self) -> Totals {
        let sum =
            |cell: fn(&ThreadCounters) -> &Cell| self.threads.iter().map(|thread| cell(thread).get()).sum();
        Totals {
            connections: sum(|thread| &thread.connections),
            open: sum(|thread| &thread.open),
            tls_failures: sum(|thread| &thread.tls_failures),
            bad_requests: sum(|thread| &thread.bad_requests),
            underscored: sum(|thread| &thread.underscored),
            retries: sum(|thread| &thread.retries),
            connect_failures: sum(|thread| &thread.connect_failures),
            upstream_connections: sum(|thread| &thread.upstream_connections),
            force_closed: sum(|thread| &thread.force_closed),
            refused: sum(|thread| &thread.refused),
        }
    }
}
