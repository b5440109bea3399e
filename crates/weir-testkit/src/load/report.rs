//! What came of a load.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::Latency;
use crate::wire::Response;

/// Counts, reasons and latencies.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Responses that passed the check.
    pub ok: u64,
    /// Those, by the `x-version` that answered.
    pub versions: BTreeMap<String, u64>,
    /// Everything else, by reason.
    pub failures: BTreeMap<String, u64>,
    /// How long the good ones took.
    pub latency: Latency,
    /// How long it all took.
    pub elapsed: Duration,
}

impl Report {
    /// How many failed.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// How many there were.
    pub fn total(&self) -> u64 {
        self.ok + self.failed()
    }

    /// How many a version answered.
    pub fn version(&self, name: &str) -> u64 {
        self.versions.get(name).copied().unwrap_or_default()
    }

    /// The part of the good responses that a version gave, from 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub fn share(&self, name: &str) -> f64 {
        self.version(name) as f64 / self.ok.max(1) as f64
    }

    /// Good responses in a second.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub fn per_second(&self) -> f64 {
        self.ok as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// # Panics
    /// When a request failed, or when there was none.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(self.ok > 0 && self.failures.is_empty(), "not clean: {self}");
    }

    pub(super) fn pass(&mut self, response: &Response, taken: Duration) {
        self.ok += 1;
        self.latency.add(taken);
        let version = response.headers.get("x-version").unwrap_or("-");
        match self.versions.get_mut(version) {
            Some(count) => *count += 1,
            None => drop(self.versions.insert(version.to_owned(), 1)),
        }
    }

    pub(super) fn fail(&mut self, reason: String) {
        *self.failures.entry(reason).or_default() += 1;
    }

    /// Adds the counts of another; the elapsed time becomes the longer one.
    pub fn merge(&mut self, other: &Self) {
        self.ok += other.ok;
        self.latency.merge(&other.latency);
        self.elapsed = self.elapsed.max(other.elapsed);
        for (version, count) in &other.versions {
            *self.versions.entry(version.clone()).or_default() += count;
        }
        for (reason, count) in &other.failures {
            *self.failures.entry(reason.clone()).or_default() += count;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ok, versions, failures, latency, elapsed } = self;
        write!(f, "{ok} ok {versions:?}, {} failed {failures:?} in {elapsed:.1?}", self.failed())?;
        write!(f, ", p50 {:?}, p99 {:?}, max {:?}", latency.at(0.5), latency.at(0.99), latency.max())
    }
}
