//! Durations counted in the bins of [`weir_model::duration_bins`].
//!
//! Edges are the same everywhere, so histograms of many proxies add up, and "slower than an edge" is counted
//! exactly.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weir_model::duration_bins::{BINS, bin_of, bound_of};

use super::nats::real;

/// How often each duration occurred, to a precision of a bin.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Histogram {
    counts: [u64; BINS],
}

/// The bins from the first that is not empty to the last.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Histogram")]
struct Stored {
    /// The bin of the first count.
    #[serde(default, skip_serializing_if = "is_zero")]
    first: usize,
    /// Consecutive counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    counts: Vec<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

// === impl Histogram ===

impl Histogram {
    /// One duration more.
    pub fn add(&mut self, duration: Duration) {
        self.add_many(bin_of(duration), 1);
    }

    /// More durations of a bin; those of a bin that does not exist count as the slowest.
    pub fn add_many(&mut self, bin: usize, count: u64) {
        let slot = &mut self.counts[bin.min(BINS - 1)];
        *slot = slot.saturating_add(count);
    }

    /// All durations of another histogram as well.
    pub fn merge(&mut self, other: &Self) {
        for (bin, count) in other.counts.iter().enumerate() {
            self.add_many(bin, *count);
        }
    }

    /// What was added after `earlier`, if both only ever grew. A bin that shrank (its proxy started anew)
    /// counts as unchanged.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let grown = |bin: usize| self.counts[bin].saturating_sub(earlier.counts[bin]);
        Self { counts: std::array::from_fn(grown) }
    }

    /// The number of durations.
    pub fn total(&self) -> u64 {
        sum(&self.counts)
    }

    /// The number of durations in each bin.
    pub fn counts(&self) -> &[u64; BINS] {
        &self.counts
    }

    /// The number of durations of at least [`bound_of`]`(bin)`: exactly those in later bins.
    pub fn slower_than(&self, bin: usize) -> u64 {
        self.counts.get(bin.saturating_add(1)..).map_or(0, sum)
    }

    /// The upper edge of the bin that holds the quantile `p` (a share, 0.99 for p99); `None` if empty.
    pub fn quantile(&self, p: f64) -> Option<Duration> {
        self.quantile_bin(p).map(bound_of)
    }

    /// The first bin up to which at least a share `p` of the durations lies; `None` if empty.
    pub fn quantile_bin(&self, p: f64) -> Option<usize> {
        let total = self.total();
        let rank = (real(total) * p).ceil().clamp(1.0, real(total.max(1)));
        let mut upto = 0_u64;
        let reaches = |count: &u64| {
            upto = upto.saturating_add(*count);
            total > 0 && real(upto) >= rank
        };
        self.counts.iter().position(reaches)
    }
}

fn sum(counts: &[u64]) -> u64 {
    counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BINS] }
    }
}

/// Only the bins that are not empty.
impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let filled = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        f.debug_map().entries(filled.map(|(bin, count)| (bound_of(bin), count))).finish()
    }
}

impl From<Histogram> for Stored {
    fn from(histogram: Histogram) -> Self {
        let filled = |count: &u64| *count > 0;
        let first = histogram.counts.iter().position(filled).unwrap_or(0);
        let end = histogram.counts.iter().rposition(filled).map_or(first, |last| last + 1);
        Self { first, counts: histogram.counts[first..end].to_vec() }
    }
}

impl TryFrom<Stored> for Histogram {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let mut counts = [0; BINS];
        let end = stored.first.checked_add(stored.counts.len());
        let slots = end.and_then(|end| counts.get_mut(stored.first..end));
        slots.ok_or("more bins than a histogram has")?.copy_from_slice(&stored.counts);
        Ok(Self { counts })
    }
}

#[cfg(test)]
mod tests;
