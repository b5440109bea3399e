//! Counts of one phase.

use std::{
    io,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Old,
    New,
}

/// What a request should meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Exactly(Version),
    /// Either, as the weights say.
    Either,
}

/// Counters that all connections share.
#[derive(Debug)]
pub(super) struct Tally {
    old: AtomicU64,
    new: AtomicU64,
    misrouted: AtomicU64,
    failed: AtomicU64,
    /// Why the first one failed.
    failure: OnceLock<String>,
    latency: [AtomicU64; BUCKETS],
}

/// A reading of a [`Tally`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    pub(super) old: u64,
    pub(super) new: u64,
    pub(super) misrouted: u64,
    pub(super) failed: u64,
}

/// Latencies are counted in steps of a quarter of a power of two microseconds.
const BUCKETS: usize = 128;

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

// === impl Tally ===

impl Default for Tally {
    fn default() -> Self {
        Self {
            old: AtomicU64::default(),
            new: AtomicU64::default(),
            misrouted: AtomicU64::default(),
            failed: AtomicU64::default(),
            failure: OnceLock::new(),
            latency: std::array::from_fn(|_| AtomicU64::default()),
        }
    }
}

impl Tally {
    pub(super) fn answered(&self, version: Version, expected: Expected, took: Duration) {
        let counter = match version {
            Version::Old => &self.old,
            Version::New => &self.new,
        };
        add(counter);
        add(&self.latency[bucket(took)]);
        if matches!(expected, Expected::Exactly(expected) if expected != version) {
            add(&self.misrouted);
        }
    }

    pub(super) fn failed(&self, error: &io::Error) {
        add(&self.failed);
        self.failure.get_or_init(|| error.to_string());
    }

    /// Why the first request failed.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    pub(super) fn read(&self) -> Reading {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Reading {
            old: get(&self.old),
            new: get(&self.new),
            misrouted: get(&self.misrouted),
            failed: get(&self.failed),
        }
    }

    /// The latency that this part of the requests, between 0 and 1, did not exceed.
    pub(super) fn latency(&self, part: f64) -> Duration {
        let counts = || self.latency.iter().map(|count| count.load(Ordering::Relaxed));
        let mut left = part * counts().map(as_f64).sum::<f64>();
        let reached = counts().position(|count| {
            left -= as_f64(count);
            left <= 0.0
        });
        bound(reached.unwrap_or(0))
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn bucket(took: Duration) -> usize {
    let quarters = (took.as_secs_f64() * 1e6).max(1.0).log2() * 4.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and BUCKETS")]
    let index = quarters.min(as_f64(BUCKETS as u64) - 1.0) as usize;
    index
}

#[expect(clippy::cast_precision_loss, reason = "an index below BUCKETS")]
fn bound(bucket: usize) -> Duration {
    Duration::from_secs_f64(((bucket as f64 + 1.0) / 4.0).exp2() / 1e6)
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub(super) fn as_f64(count: u64) -> f64 {
    count as f64
}

// === impl Reading ===

impl Reading {
    pub(super) fn answered(self) -> u64 {
        self.old + self.new
    }

    /// The part that the new version answered, between 0 and 1.
    pub(super) fn share(self) -> f64 {
        as_f64(self.new) / as_f64(self.answered().max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_latencies() {
        let tally = Tally::default();
        for index in 1..=100 {
            let expected = Expected::Exactly(Version::New);
            let version = if index <= 25 { Version::Old } else { Version::New };
            tally.answered(version, expected, Duration::from_micros(index * 10));
        }
        tally.failed(&io::ErrorKind::TimedOut.into());
        tally.failed(&io::ErrorKind::UnexpectedEof.into());
        let reading = tally.read();
        assert_eq!((reading.misrouted, reading.failed, reading.answered()), (25, 2, 100));
        assert_eq!(tally.failure(), Some("timed out"));
        assert!((reading.share() - 0.75).abs() < 1e-9);
        let median = tally.latency(0.5).as_micros();
        assert!((500..=600).contains(&median), "{median}");
        assert!(tally.latency(1.0) >= Duration::from_millis(1));
    }
}
