//! Latencies, in microseconds, with three significant digits.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest latency that is told apart.
const LONGEST: u64 = 600_000_000;

/// How long exchanges took.
#[derive(Clone, Debug)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are valid"))
    }
}

impl Latency {
    /// Adds one.
    pub fn add(&mut self, taken: Duration) {
        let micros = u64::try_from(taken.as_micros()).unwrap_or(LONGEST);
        self.0.saturating_record(micros.max(1));
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Self) {
        let _same_bounds = self.0.add(&other.0);
    }

    /// The latency below which this share of the exchanges stayed; 0.99 is p99.
    pub fn at(&self, quantile: f64) -> Duration {
        Duration::from_micros(self.0.value_at_quantile(quantile))
    }

    /// The longest.
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.0.max())
    }
}
