use proptest::prelude::*;

use super::*;

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
