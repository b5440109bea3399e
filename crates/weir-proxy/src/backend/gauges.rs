//! What is open to a backend, over all threads, whatever rules it came by.
//!
//! It outlives the rules: a version that was taken out of every table is offline only when its last
//! connection is closed.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use super::pace::Pace;
use crate::metrics::Cell;

/// The connections and requests of one backend.
#[derive(Debug)]
pub(crate) struct Gauges {
    /// Changes with connections, not with requests, so threads may share it.
    connections: AtomicU64,
    /// Whether a rule names the backend.
    named: AtomicBool,
    pace: Pace,
    threads: Mutex<Vec<Arc<ThreadGauges>>>,
}

/// What one thread has of it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct ThreadGauges {
    /// Requests, with long-lived ones.
    pub(crate) in_flight: Cell,
    pub(crate) long_lived: Cell,
    /// Long-lived ones that were ended politely; a count.
    pub(crate) closed: Cell,
}

/// A connection to an endpoint, counted until dropped.
#[derive(Debug)]
pub(crate) struct Open(Arc<Gauges>);

/// How it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GaugeReading {
    pub(crate) connections: u64,
    /// Without long-lived ones.
    pub(crate) in_flight: u64,
    pub(crate) long_lived: u64,
    pub(crate) closed: u64,
}

// === impl Gauges ===

impl Gauges {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            connections: AtomicU64::new(0),
            named: AtomicBool::new(true),
            pace: Pace::new(start),
            threads: Mutex::default(),
        }
    }

    /// Counts a connection that is about to be made.
    pub(crate) fn open(self: &Arc<Self>) -> Open {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(self))
    }

    /// A further thread's cells.
    pub(crate) fn join(&self) -> Arc<ThreadGauges> {
        let thread = Arc::<ThreadGauges>::default();
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&thread));
        thread
    }

    /// Whether connections may be kept for later requests.
    pub(crate) fn is_named(&self) -> bool {
        self.named.load(Ordering::Relaxed)
    }

    /// Returns what it was.
    pub(super) fn set_named(&self, named: bool) -> bool {
        self.named.swap(named, Ordering::Relaxed)
    }

    /// How fast long-lived connections end.
    pub(crate) fn pace(&self) -> &Pace {
        &self.pace
    }

    pub(crate) fn read(&self) -> GaugeReading {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = |cell: fn(&ThreadGauges) -> &Cell| threads.iter().map(|thread| cell(thread).get()).sum();
        let (requests, long_lived): (u64, u64) =
            (sum(|thread| &thread.in_flight), sum(|thread| &thread.long_lived));
        GaugeReading {
            connections: self.connections.load(Ordering::Relaxed),
            in_flight: requests.saturating_sub(long_lived),
            long_lived,
            closed: sum(|thread| &thread.closed),
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
