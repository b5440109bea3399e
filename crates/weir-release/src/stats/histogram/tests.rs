use proptest::prelude::*;

use super::*;

const NANO: Duration = Duration::from_nanos(1);

fn of(micros: &[u64]) -> Histogram {
    let mut histogram = Histogram::default();
    for micros in micros {
        histogram.add(Duration::from_micros(*micros));
    }
    histogram
}

fn any_histogram() -> impl Strategy<Value = Histogram> {
    prop::collection::vec(0..200_000_000_u64, 0..50).prop_map(|micros| of(&micros))
}

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

    #[test]
    fn what_was_added_since_is_the_difference(before in any_histogram(), more in any_histogram()) {
        let mut after = before.clone();
        after.merge(&more);
        prop_assert_eq!(after.since(&before), more);
        prop_assert_eq!(before.since(&after), Histogram::default());
    }

    #[test]
    fn slower_than_counts_exactly(micros in prop::collection::vec(0..200_000_000_u64, 0..50), bin in 0..BINS) {
        let slow = |micros: &&u64| Duration::from_micros(**micros) >= bound_of(bin);
        let exact = micros.iter().filter(slow).count();
        prop_assert_eq!(of(&micros).slower_than(bin), exact as u64);
    }

    #[test]
    fn a_quantile_is_the_edge_above_the_exact_one(
        micros in prop::collection::vec(0..200_000_000_u64, 1..50), percent in 0..=100_usize,
    ) {
        let mut sorted = micros.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        let exact = Duration::from_micros(sorted[rank - 1]);
        // The division below may round up to just above a rank that it should meet.
        let p = real(percent as u64) / 100.0 - 1e-12;
        prop_assert_eq!(of(&micros).quantile(p), Some(bound_of(bin_of(exact))));
    }

    #[test]
    fn survives_storage(histogram in any_histogram()) {
        let json = serde_json::to_string(&histogram).unwrap();
        prop_assert_eq!(serde_json::from_str::<Histogram>(&json).unwrap(), histogram);
    }
}

#[test]
fn bounds_and_bins_are_inverse_and_an_eighth_wide_at_most() {
    for bin in 0..BINS - 1 {
        let bound = bound_of(bin);
        assert_eq!((bin_of(bound.saturating_sub(NANO)), bin_of(bound)), (bin, bin + 1), "{bound:?}");
        let next = bound_of(bin + 1);
        assert!(bin == BINS - 2 || next.as_secs_f64() <= 1.125 * bound.as_secs_f64(), "{bound:?} {next:?}");
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

#[test]
fn quantiles_of_odd_shares_do_not_panic() {
    assert_eq!(Histogram::default().quantile(0.5), None);
    let histogram = of(&[1000, 2000]);
    let [first, last] = [1000, 2000].map(|micros| bound_of(bin_of(Duration::from_micros(micros))));
    assert_eq!(histogram.quantile(-1.0), Some(first));
    assert_eq!(histogram.quantile(f64::INFINITY), Some(last));
    assert_eq!(histogram.quantile(f64::NAN), None);
}

#[test]
fn counts_saturate() {
    let mut histogram = Histogram::default();
    histogram.add_many(5, u64::MAX);
    histogram.add_many(9, u64::MAX);
    histogram.merge(&histogram.clone());
    assert_eq!((histogram.total(), histogram.slower_than(8)), (u64::MAX, u64::MAX));
    histogram.add_many(usize::MAX, 1);
    assert_eq!(histogram.slower_than(BINS - 2), 1, "an unknown bin is the slowest");
}

#[test]
fn stored_from_the_first_bin_to_the_last() {
    assert_eq!(serde_json::to_string(&Histogram::default()).unwrap(), "{}");
    let json = serde_json::to_string(&of(&[1000, 1300, 1300])).unwrap();
    assert_eq!(json, r#"{"first":32,"counts":[1,0,2]}"#);
    assert_eq!(format!("{:?}", of(&[1000])), "{1.048576ms: 1}");
}

#[test]
fn damaged_storage_is_refused() {
    for json in [
        r#"{"first":170,"counts":[1]}"#,
        r#"{"first":18446744073709551615,"counts":[1]}"#,
        r#"{"counts":[-1]}"#,
        r#"{"counts":[null]}"#,
    ] {
        assert!(serde_json::from_str::<Histogram>(json).is_err(), "{json}");
    }
}
