//! The counters of one try of a release.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use weir_model::{
    ReleaseMark, ReleaseReading, Role, VersionReading,
    duration_bins::{BINS, bin_of},
};

use super::errors::Errors;
use crate::{backend::Gauges, metrics::Cell};

/// Which try of which release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ReleaseId {
    namespace: Arc<str>,
    name: Arc<str>,
    attempt: u64,
}

/// The counters of both versions.
#[derive(Debug)]
pub(super) struct Counters {
    id: ReleaseId,
    start: Instant,
    versions: [VersionCounters; 2],
}

#[derive(Debug)]
struct VersionCounters {
    slots: Box<[Slot]>,
    errors: Errors,
    backends: Mutex<Vec<Serving>>,
}

/// A thread's counters of one version, apart from other threads' cache lines.
#[derive(Debug)]
#[repr(align(128))]
struct Slot {
    compared: Cell,
    other: Cell,
    even: Cell,
    cohorts: Cell,
    bins: [Cell; BINS],
}

/// A backend of a version.
#[derive(Debug)]
struct Serving {
    gauges: Arc<Gauges>,
    /// What it had closed before the release.
    closed: u64,
}

/// A version of a release, for an arm of a rule.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(super) counters: Arc<Counters>,
    pub(super) role: Role,
}

/// How a request that was sent to an endpoint ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// Whether chance has given it to its version.
    pub(crate) compared: bool,
    /// Which half of the clients it belongs to.
    pub(crate) even: bool,
    /// Its client.
    pub(crate) key: Option<u64>,
    pub(crate) took: Duration,
    pub(crate) error: bool,
}

// === impl ReleaseId ===

impl ReleaseId {
    pub(super) fn of(mark: &ReleaseMark) -> Self {
        let ReleaseMark { namespace, name, attempt, .. } = mark;
        Self { namespace: Arc::clone(namespace), name: Arc::clone(name), attempt: *attempt }
    }
}

// === impl Attempt ===

impl Attempt {
    pub(super) fn is_compared_and_even(&self) -> bool {
        self.compared && self.even
    }
}

// === impl Version ===

impl Version {
    /// Counts an attempt that has ended, unless its client is muted.
    pub(crate) fn ended(&self, thread: usize, attempt: &Attempt, now: Instant) {
        let now = now.saturating_duration_since(self.counters.start);
        let (slot, errors) = (self.slot(thread), &self.of_role().errors);
        if attempt.error {
            errors.count(attempt, now, || slot.count(attempt));
        } else if !errors.is_muted(attempt, now) {
            slot.count(attempt);
        }
    }

    /// Counts a client that has got its cohort here.
    pub(crate) fn has_new_client(&self, thread: usize) {
        self.slot(thread).cohorts.add(1);
    }

    fn slot(&self, thread: usize) -> &Slot {
        &self.of_role().slots[thread]
    }

    fn of_role(&self) -> &VersionCounters {
        &self.counters.versions[self.role as usize]
    }
}

// === impl Counters ===

impl Counters {
    pub(super) fn new(id: ReleaseId, threads: usize) -> Self {
        let versions = [(); 2].map(|()| VersionCounters::new(threads));
        Self { id, start: Instant::now(), versions }
    }

    /// Takes note of a backend of a version.
    pub(super) fn serve_by(&self, role: Role, gauges: &Arc<Gauges>) {
        let mut backends = self.versions[role as usize].backends();
        if !backends.iter().any(|serving| Arc::ptr_eq(&serving.gauges, gauges)) {
            backends.push(Serving { gauges: Arc::clone(gauges), closed: gauges.read().closed });
        }
    }

    /// Every backend that the version has had.
    pub(super) fn backends(&self, role: Role) -> Vec<Arc<Gauges>> {
        let backends = self.versions[role as usize].backends();
        backends.iter().map(|serving| Arc::clone(&serving.gauges)).collect()
    }

    pub(super) fn read(&self, epoch: u64) -> ReleaseReading {
        let ReleaseId { namespace, name, attempt } = &self.id;
        ReleaseReading {
            namespace: namespace.to_string(),
            name: name.to_string(),
            attempt: *attempt,
            epoch,
            stable: self.versions[Role::Stable as usize].read(),
            canary: self.versions[Role::Canary as usize].read(),
        }
    }
}

// === impl VersionCounters ===

impl VersionCounters {
    fn new(threads: usize) -> Self {
        let slots = (0..threads).map(|_| Slot::default()).collect();
        Self { slots, errors: Errors::default(), backends: Mutex::default() }
    }

    fn backends(&self) -> MutexGuard<'_, Vec<Serving>> {
        self.backends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sum(&self, cell: impl Fn(&Slot) -> &Cell) -> u64 {
        self.slots.iter().map(|slot| cell(slot).get()).sum()
    }

    fn read(&self) -> VersionReading {
        // Before the attempts, so that no error is seen without its attempt.
        let errors = self.errors.read();
        let mut reading = VersionReading {
            requests: self.sum(|slot| &slot.compared),
            errors: errors.compared,
            other_requests: self.sum(|slot| &slot.other),
            other_errors: errors.other,
            cohorts: self.sum(|slot| &slot.cohorts),
            even_requests: self.sum(|slot| &slot.even),
            even_errors: errors.even,
            failures: errors.all,
            durations: self.durations(),
            ..VersionReading::default()
        };
        for Serving { gauges, closed } in &*self.backends() {
            let gauges = gauges.read();
            reading.connections += gauges.connections;
            reading.in_flight += gauges.in_flight;
            reading.long_lived += gauges.long_lived;
            reading.closed += gauges.closed.saturating_sub(*closed);
        }
        reading
    }

    fn durations(&self) -> Vec<(u16, u64)> {
        let bins = (0..BINS).map(|bin| (bin, self.sum(|slot| &slot.bins[bin])));
        let filled = bins.filter(|(_, count)| *count > 0);
        filled.map(|(bin, count)| (u16::try_from(bin).unwrap_or(u16::MAX), count)).collect()
    }
}

// === impl Slot ===

impl Slot {
    fn count(&self, attempt: &Attempt) {
        if !attempt.compared {
            return self.other.add(1);
        }
        self.compared.add(1);
        self.even.add(attempt.is_compared_and_even().into());
        self.bins[bin_of(attempt.took)].add(1);
    }
}

impl Default for Slot {
    fn default() -> Self {
        let cell = Cell::default;
        Self {
            compared: cell(),
            other: cell(),
            even: cell(),
            cohorts: cell(),
            bins: std::array::from_fn(|_| cell()),
        }
    }
}
