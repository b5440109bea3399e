//! Is the canary slower than stable, at any of a few quantiles?
//!
//! For each quantile, the threshold is stable's own quantile *before* the window that is judged. In the
//! window itself, the requests of each arm that were slower are counted and compared by a [`TailTest`].
//!
//! ```text
//! stable before:  ──────────────┤ p50 = 12 ms, p99 = 90 ms
//! window:                       ├── slower than 90 ms: canary 19 of 600, stable 52 of 5400 ──> TailTest
//! ```
//!
//! As a threshold is known before its window opens, it cannot be chosen by what happens there, which is all
//! that the evidence needs: a bad threshold costs power and never validity. As both arms are measured
//! against it in the same window, a shift of both (the time of day, a slow database) is no evidence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    bucket::{Bucket, Counts, Filling},
    histogram::Histogram,
    nats::ln_mean_exp,
    tail::TailTest,
};

/// The durations of both arms' requests over the same stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LatencyWindow {
    /// The new version's.
    #[serde(default)]
    pub canary: Histogram,
    /// Those of the version that it is compared with.
    #[serde(default)]
    pub stable: Histogram,
}

/// One quantile of a [`SlowTail`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tail {
    /// The share of stable's requests that are not slow: 0.99 for p99.
    pub quantile: f64,
    /// The bin of stable's quantile: requests in later bins are slow. Absent until stable has been seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<usize>,
    /// Whether more of the canary's requests are slow.
    #[serde(default)]
    pub test: TailTest,
}

/// Compares the latencies of two arms at a few quantiles.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlowTail {
    #[serde(default)]
    tails: Vec<Tail>,
    /// What is to be judged as soon as both arms have enough requests.
    #[serde(default)]
    open: LatencyWindow,
    /// Stable's durations since the thresholds were set.
    #[serde(default)]
    reference: Histogram,
}

// === impl LatencyWindow ===

impl LatencyWindow {
    /// All durations of another window as well.
    pub fn merge(&mut self, other: &Self) {
        self.canary.merge(&other.canary);
        self.stable.merge(&other.stable);
    }

    fn is_full(&self) -> bool {
        self.canary.total().min(self.stable.total()) >= Filling::REQUESTS_AT_LEAST
    }

    fn slower_than(&self, bin: usize) -> Bucket {
        let count = |arm: &Histogram| Counts { requests: arm.total(), errors: arm.slower_than(bin) };
        Bucket { canary: count(&self.canary), stable: count(&self.stable) }
    }
}

// === impl Tail ===

impl Tail {
    fn judge(&mut self, window: &LatencyWindow, tolerated: f64) {
        if let Some(threshold) = self.threshold {
            self.test.update(&window.slower_than(threshold), tolerated);
        }
    }
}

// === impl SlowTail ===

impl SlowTail {
    /// How many of stable's requests define thresholds.
    ///
    /// With 200 requests, two are expected beyond p99: the share of requests that are slower than the
    /// threshold is then between 0.4 and 3.1 % nine times out of ten, near enough to the 1 % that was meant.
    /// More would make services with a few requests per second wait without being judged, and an unlucky
    /// threshold is replaced after the next 200 anyway.
    pub const REFERENCE_AT_LEAST: u64 = 200;

    /// Compares at these quantiles (shares, 0.99 for p99).
    pub fn new(quantiles: &[f64]) -> Self {
        let tail = |quantile: &f64| Tail { quantile: *quantile, threshold: None, test: TailTest::default() };
        Self { tails: quantiles.iter().map(tail).collect(), ..Self::default() }
    }

    /// Whether it compares at these quantiles.
    pub fn compares(&self, quantiles: &[f64]) -> bool {
        self.tails
            .iter()
            .map(|tail| tail.quantile.to_bits())
            .eq(quantiles.iter().map(|share| share.to_bits()))
    }

    /// Takes what was measured since the last call into account.
    ///
    /// `tolerated` (the guardrail's `failRatio`) bounds the *odds* of being slow, not the duration: evidence
    /// accrues only as far as the canary's odds of exceeding stable's earlier quantile are more than
    /// `tolerated` times stable's own odds in the same window. With 1.25, up to about 1.25 % of the canary's
    /// requests may exceed stable's p99 (where 1 % of stable's do), and up to 55.6 % its median. The odds must be
    /// about 5 % beyond what is tolerated to be noticed with any amount of traffic.
    ///
    /// Windows in which an arm has fewer than [`Filling::REQUESTS_AT_LEAST`] requests are joined to the next.
    pub fn update(&mut self, window: &LatencyWindow, tolerated: f64) {
        if !self.is_ready() {
            return self.refer_to(&window.stable);
        }
        self.open.merge(window);
        if self.open.is_full() {
            let window = std::mem::take(&mut self.open);
            self.tails.iter_mut().for_each(|tail| tail.judge(&window, tolerated));
            self.refer_to(&window.stable);
        }
    }

    /// Nats of evidence against "at no quantile is the canary slower than tolerated": of the mean of all
    /// quantiles' evidence, which gets at least as far as giving each quantile an equal part of α.
    pub fn ln_evidence(&self) -> f64 {
        if self.tails.is_empty() {
            return 0.0;
        }
        ln_mean_exp(self.tails.iter().map(|tail| tail.test.ln_evidence()))
    }

    /// Each quantile with its threshold and evidence. One of n convinces by itself at ln(n/α).
    pub fn tails(&self) -> &[Tail] {
        &self.tails
    }

    /// Drops the open window, for the moment before the arms' shares change: a window that spans two shares
    /// would compare the arms at different times.
    pub fn close(&mut self) {
        self.open = LatencyWindow::default();
    }

    /// Forgets the evidence and the open window; thresholds stay.
    pub fn reset(&mut self) {
        self.close();
        self.tails.iter_mut().for_each(|tail| tail.test.reset());
    }

    /// Whether stable has been seen enough to judge the canary.
    pub fn is_ready(&self) -> bool {
        self.tails.iter().all(|tail| tail.threshold.is_some())
    }

    /// Sets new thresholds once there are enough requests for it. Called only when no window is open: the
    /// requests of an open one would otherwise have a say in the thresholds that they are judged by.
    fn refer_to(&mut self, stable: &Histogram) {
        self.reference.merge(stable);
        if self.reference.total() >= Self::REFERENCE_AT_LEAST {
            let reference = std::mem::take(&mut self.reference);
            self.tails.iter_mut().for_each(|tail| tail.threshold = reference.quantile_bin(tail.quantile));
        }
    }
}

#[cfg(test)]
mod tests;
