//! Durations counted in fixed bins.
//!
//! Bins are log-linear: each doubling from 65 µs to 137 s is cut into eight bins of equal width, which are
//! thus at most 12.5 % wide. Edges are whole nanoseconds and the same everywhere, so histograms of many
//! proxies add up, and "slower than an edge" is counted exactly.

use std::{ops::RangeInclusive, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::nats::real;

/// The number of bins: one below the range, eight per doubling, one above.
pub const BINS: usize = DOUBLINGS * PER_DOUBLING + 2;

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

/// The doublings that are cut into bins.
const DOUBLINGS: usize = 21;

/// The bins per doubling.
const PER_DOUBLING: usize = 1 << SPLIT;

/// The binary digits after the leading one that tell bins of one doubling apart.
const SPLIT: u32 = 3;

/// The leading binary digit of the lowest edge: 2^16 ns are 65.536 µs.
const LOWEST: u32 = 16;

/// The leading binary digits of durations within the range.
const RANGE: RangeInclusive<u32> = LOWEST..=LOWEST + 20;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The bin that a duration falls into, below [`BINS`]. A few instructions: no division, no floating point.
#[expect(clippy::cast_possible_truncation, reason = "at most four binary digits are left")]
pub fn bin_of(duration: Duration) -> usize {
    let nanos =
        duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into());
    let leading = (nanos | 1).ilog2();
    if leading < LOWEST {
        return 0;
    }
    if leading > *RANGE.end() {
        return BINS - 1;
    }
    let digits = (nanos >> (leading - SPLIT)) as usize;
    (leading - LOWEST) as usize * PER_DOUBLING + digits - PER_DOUBLING + 1
}

/// The upper edge of a bin, which is the first duration of the next; [`Duration::MAX`] for the last.
pub fn bound_of(bin: usize) -> Duration {
    let (doubling, digits) = (bin / PER_DOUBLING, bin % PER_DOUBLING);
    match u32::try_from(doubling) {
        Ok(doubling) if bin < BINS - 1 => {
            let mantissa = u64::try_from(PER_DOUBLING + digits).unwrap_or(0);
            Duration::from_nanos(mantissa << (LOWEST - SPLIT + doubling))
        }
        _ => Duration::MAX,
    }
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
