//! What became of each request.

use std::{
    io,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Old,
    New,
}

/// A request that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// Which client sent it.
    pub(super) client: usize,
    /// Who answered; nobody where Weir itself did, or nothing came.
    pub(super) version: Option<Version>,
    /// Whether it was anything but a 200 of a version.
    pub(super) failed: bool,
    /// Before its first byte was sent.
    pub(super) begun: Timestamp,
    /// After the last byte of the answer was read.
    pub(super) ended: Timestamp,
}

/// Counts of all requests, while they come in.
#[derive(Debug, Default)]
pub(super) struct Counters {
    old: AtomicU64,
    new: AtomicU64,
    failed: AtomicU64,
    /// Why the first one failed.
    failure: OnceLock<String>,
}

/// A reading of [`Counters`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    pub(super) old: u64,
    pub(super) new: u64,
    pub(super) failed: u64,
}

// === impl Version ===

impl Version {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Old, Self::New].into_iter().find(|version| version.name() == name)
    }
}

// === impl Record ===

impl Record {
    /// The version that answered well.
    pub(super) fn answered(&self) -> Option<Version> {
        self.version.filter(|_| !self.failed)
    }
}

// === impl Counters ===

impl Counters {
    pub(super) fn count(&self, record: &Record) {
        let counter = match record.answered() {
            Some(Version::Old) => &self.old,
            Some(Version::New) => &self.new,
            None => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Remembers why a request failed, if it is the first.
    pub(super) fn explain(&self, error: &io::Error) {
        self.failure.get_or_init(|| error.to_string());
    }

    /// Why the first request failed.
    pub(super) fn failure(&self) -> Option<String> {
        self.failure.get().cloned()
    }

    pub(super) fn read(&self) -> Reading {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Reading { old: get(&self.old), new: get(&self.new), failed: get(&self.failed) }
    }
}

// === impl Reading ===

impl Reading {
    /// What came after an earlier one.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            old: self.old - earlier.old,
            new: self.new - earlier.new,
            failed: self.failed - earlier.failed,
        }
    }
}
