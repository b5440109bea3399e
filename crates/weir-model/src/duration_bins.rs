//! The bins that durations are counted in, the same in every proxy and in the statistics.
//!
//! Bins are log-linear: each doubling from 65 µs to 137 s is cut into eight bins of equal width, which are
//! thus at most 12.5 % wide. Edges are whole nanoseconds, so histograms of many proxies add up.

use std::{ops::RangeInclusive, time::Duration};

/// The number of bins: one below the range, eight per doubling, one above.
pub const BINS: usize = DOUBLINGS * PER_DOUBLING + 2;

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NANO: Duration = Duration::from_nanos(1);

    proptest! {
        #[test]
        fn a_duration_lies_below_the_bound_of_its_bin_and_no_earlier_one(nanos in 0..200_000_000_000_u64) {
            let duration = Duration::from_nanos(nanos);
            let bin = bin_of(duration);
            prop_assert!(duration < bound_of(bin));
            prop_assert!(bin == 0 || duration >= bound_of(bin - 1));
        }

        #[test]
        fn every_duration_has_a_bin(seconds: u64, nanos in 0..1_000_000_000_u32) {
            prop_assert!(bin_of(Duration::new(seconds, nanos)) < BINS);
        }

        #[test]
        fn longer_is_in_no_earlier_bin(one in 0..200_000_000_000_u64, other in 0..200_000_000_000_u64) {
            let [shorter, longer] = [one.min(other), one.max(other)].map(Duration::from_nanos);
            prop_assert!(bin_of(shorter) <= bin_of(longer));
        }
    }

    #[test]
    fn bounds_and_bins_are_inverse_and_an_eighth_wide_at_most() {
        for bin in 0..BINS - 1 {
            let bound = bound_of(bin);
            let before = bound.saturating_sub(NANO);
            assert_eq!((bin_of(before), bin_of(bound)), (bin, bin + 1), "{bound:?}");
            let next = bound_of(bin + 1);
            assert!(
                bin == BINS - 2 || next.as_secs_f64() <= 1.125 * bound.as_secs_f64(),
                "{bound:?} {next:?}"
            );
            assert!(bound < next);
        }
    }

    #[test]
    fn the_range_is_from_65_microseconds_to_137_seconds() {
        assert_eq!(BINS, 170);
        assert_eq!(bound_of(0), Duration::from_nanos(65_536));
        assert_eq!(bound_of(BINS - 2), Duration::from_nanos(1 << 37));
        for beyond in [BINS - 1, BINS, usize::MAX] {
            assert_eq!(bound_of(beyond), Duration::MAX);
        }
        assert_eq!((bin_of(Duration::ZERO), bin_of(Duration::MAX)), (0, BINS - 1));
    }
}
