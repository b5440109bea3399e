//! What changes ask of the threads besides new requests: letting go of backends that no rule names any more, and
//! ending long-lived connections.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Looked at by every thread at every tick; written by changes only.
#[derive(Debug)]
pub(crate) struct Upkeep {
    start: Instant,
    /// How many changes have left a backend without a name.
    unnamed: AtomicU64,
    retiring: AtomicBool,
}

// === impl Upkeep ===

impl Upkeep {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), unnamed: AtomicU64::new(0), retiring: AtomicBool::new(false) }
    }

    /// Since the data plane has started.
    pub(crate) fn uptime(&self) -> Duration {
        self.start.elapsed()
    }

    /// A backend has lost its name: all threads close what they keep for it.
    pub(crate) fn lost_a_name(&self) {
        self.unnamed.fetch_add(1, Ordering::Release);
    }

    /// Another number whenever a backend has lost its name.
    pub(crate) fn unnamed(&self) -> u64 {
        self.unnamed.load(Ordering::Acquire)
    }

    pub(crate) fn set_retiring(&self, retiring: bool) {
        self.retiring.store(retiring, Ordering::Release);
    }

    /// Whether long-lived connections are being ended.
    pub(crate) fn is_retiring(&self) -> bool {
        self.retiring.load(Ordering::Acquire)
    }
}
