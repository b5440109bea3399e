#![expect(clippy::cast_precision_loss, reason = "the numbers are small")]

use proptest::prelude::*;

use super::{
    super::{
        Counts, Scenario,
        simulation::{draw_bucket, expected, median_of_runs, share_of_runs},
        threshold,
    },
    *,
};

fn bucket(canary: (u64, u64), stable: (u64, u64)) -> Bucket {
    let counts = |(errors, requests)| Counts { requests, errors };
    Bucket { canary: counts(canary), stable: counts(stable) }
}

fn test_of(buckets: &[Bucket]) -> RateTest {
    let mut test = RateTest::default();
    for bucket in buckets {
        test.update(bucket);
    }
    test
}

/// Errors and requests of an arm.
fn any_counts() -> impl Strategy<Value = (u64, u64)> {
    (0..2000_u64).prop_flat_map(|requests| (0..=requests, Just(requests)))
}

fn any_bucket() -> impl Strategy<Value = Bucket> {
    (any_counts(), any_counts()).prop_map(|(canary, stable)| bucket(canary, stable))
}

/// The probabilities of an arm's requests, no two alike, and their mean.
fn any_arm() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(prop_oneof![0.0..1.0, 0.0..0.05], 1..7)
}

fn mean(probabilities: &[f64]) -> f64 {
    probabilities.iter().sum::<f64>() / probabilities.len() as f64
}

proptest! {
    #[test]
    fn no_bucket_is_expected_to_speak_against_a_canary_that_is_no_worse(
        canary in any_arm(), stable in any_arm(), tolerated in 0.3..4.0,
    ) {
        let excess = f64::max(mean(&canary) / (tolerated * mean(&stable)), 1.0);
        let canary: Vec<f64> = canary.iter().map(|p| p / excess).collect();
        let worse = |bucket: &Bucket| test_of(&[*bucket]).ln_evidence_worse_than(tolerated);
        let expected = expected(&canary, &stable, worse);
        prop_assert!(expected <= 1.0 + 1e-9, "{expected}");
    }

    #[test]
    fn no_bucket_is_expected_to_speak_for_a_canary_that_is_harmful(
        canary in any_arm(), stable in any_arm(), harmful in 0.3..4.0,
    ) {
        let excess = f64::max(harmful * mean(&stable) / mean(&canary), 1.0);
        let stable: Vec<f64> = stable.iter().map(|q| q / excess).collect();
        let better = |bucket: &Bucket| test_of(&[*bucket]).ln_evidence_better_than(harmful);
        let expected = expected(&canary, &stable, better);
        prop_assert!(expected <= 1.0 + 1e-9, "{expected}");
    }

    #[test]
    fn order_does_not_matter(buckets in prop::collection::vec(any_bucket(), 1..9)) {
        let reversed: Vec<Bucket> = buckets.iter().rev().copied().collect();
        prop_assert_eq!(test_of(&buckets), test_of(&reversed));
    }

    #[test]
    fn goes_on_where_it_was(before in any_bucket(), after in any_bucket()) {
        let stored = serde_json::to_string(&test_of(&[before])).unwrap();
        let mut read: RateTest = serde_json::from_str(&stored).unwrap();
        read.update(&after);
        prop_assert_eq!(read, test_of(&[before, after]));
    }

    #[test]
    fn more_tolerance_leaves_less_evidence(
        buckets in prop::collection::vec(any_bucket(), 1..5), tolerated in 0.01..4.0,
    ) {
        let test = test_of(&buckets);
        let [strict, lax] = [tolerated, 2.0 * tolerated].map(|ratio| test.ln_evidence_worse_than(ratio));
        prop_assert!(lax <= strict + 1e-4, "{strict} {lax}");
    }

    #[test]
    fn a_bucket_says_what_its_halves_say(canary in any_counts(), stable in any_counts()) {
        let twice = |(errors, requests)| (2 * errors, 2 * requests);
        let half = bucket(canary, stable);
        let whole = test_of(&[bucket(twice(canary), twice(stable))]);
        let difference = |ratio| {
            whole.ln_evidence_worse_than(ratio) - test_of(&[half, half]).ln_evidence_worse_than(ratio)
        };
        prop_assert!(difference(0.5).abs() < 1e-5 && difference(2.0).abs() < 1e-5);
    }

    #[test]
    fn swapping_the_arms_inverts_the_estimate(canary in any_counts(), stable in any_counts()) {
        let estimate = |one, other| test_of(&[bucket(one, other)]).interval(0.05).estimate;
        let estimates = estimate(canary, stable).zip(estimate(stable, canary));
        if let Some((one, other)) = estimates.filter(|(one, other)| one.max(*other) < 90.0) {
            prop_assert!((one * other - 1.0).abs() < 1e-3, "{one} {other}");
        }
    }

    #[test]
    fn evidence_is_a_number(
        canary in any::<(u64, u64)>(), stable in any::<(u64, u64)>(), tolerated in any::<f64>(),
    ) {
        let test = test_of(&[bucket(canary, stable), bucket((canary.0, 1_000_000_000), stable)]);
        prop_assert!(test.ln_evidence_worse_than(tolerated).is_finite());
        prop_assert!(test.ln_evidence_better_than(tolerated).is_finite());
        let interval = test.interval(0.05);
        prop_assert!(interval.high.is_none_or(|high| high >= interval.low));
        prop_assert!(interval.estimate.is_none_or(f64::is_finite));
    }
}

#[test]
fn evidence_is_the_weighted_mean_of_likelihood_ratios() {
    let test = test_of(&[bucket((3, 100), (5, 900)), bucket((1, 50), (2, 950))]);
    let likelihood = |ratio: f64| {
        let of = |errors: [f64; 2], requests: [f64; 2]| {
            let theta = ratio * requests[0] / (ratio * requests[0] + requests[1]);
            errors[0] * theta.ln() + errors[1] * (1.0 - theta).ln()
        };
        of([3.0, 5.0], [100.0, 900.0]) + of([1.0, 2.0], [50.0, 950.0])
    };
    let against = |null: f64, alternatives: &[Alternative]| {
        let ratio = |steps: isize| null * 10_f64.powf(steps as f64 / 20.0);
        let gain =
            |(steps, weight): &Alternative| weight * (likelihood(ratio(*steps)) - likelihood(null)).exp();
        alternatives.iter().map(gain).sum::<f64>().ln()
    };
    for alternatives in [&WORSE[..], &BETTER[..]] {
        let weights: f64 = alternatives.iter().map(|(_, weight)| weight).sum();
        assert!((weights - 1.0).abs() < 1e-12, "more would be unearned evidence: {weights}");
    }
    assert!((test.ln_evidence_worse_than(1.0) - against(1.0, &WORSE)).abs() < 1e-5);
    assert!((test.ln_evidence_better_than(1.0) - against(1.0, &BETTER)).abs() < 1e-5);
}

#[test]
fn rounding_never_overstates() {
    for stable in [10, 70, 90, 300, 900, 7000] {
        let buckets = vec![bucket((0, 10), (1, stable)); 1000];
        let test = test_of(&buckets);
        let share = 10.0 / (10.0 + stable as f64);
        let likelihood = |point: usize| -1000.0 * (share * ln_ratio(point).exp_m1()).ln_1p();
        for alternatives in [&WORSE[..], &BETTER[..]] {
            let gain = |(steps, weight): &Alternative| likelihood(shifted(ONE, *steps)) + weight.ln();
            let (found, exact) = (test.against(ONE, alternatives), ln_sum_exp(alternatives.iter().map(gain)));
            assert!(found <= exact && found > exact - 0.002, "{stable}: {found} {exact}");
        }
    }
}

#[test]
fn tolerances_are_rounded_against_the_claim() {
    assert_eq!(point_from(1.0), Some(ONE));
    assert_eq!(point_to(1.0), Some(ONE));
    assert_eq!(point_from(1.25), Some(ONE + 2));
    assert_eq!(point_to(2.0), Some(ONE + 6));
    assert_eq!((point_from(0.0), point_to(0.0)), (Some(0), None));
    assert_eq!((point_from(1001.0), point_to(f64::INFINITY)), (None, Some(POINTS - 1)));
    assert_eq!((point_from(-1.0), point_to(f64::NAN)), (None, None));
}

#[test]
fn an_empty_arm_and_a_clean_bucket_say_nothing() {
    let silent = [bucket((0, 500), (0, 500)), bucket((9, 9), (0, 0)), bucket((0, 0), (9, 9))];
    assert_eq!(test_of(&silent), RateTest::default());
}

#[test]
fn more_errors_than_requests_are_all_of_them() {
    assert_eq!(test_of(&[bucket((99, 7), (1, 70))]), test_of(&[bucket((7, 7), (1, 70))]));
}

#[test]
fn a_thousand_million_requests_are_compared() {
    let test = test_of(&[bucket((2_000_000, 1_000_000_000), (1_000_000, 1_000_000_000))]);
    assert!(test.ln_evidence_worse_than(1.0) > 1e5);
    assert!(test.ln_evidence_better_than(1.0) < -1e4);
    let interval = test.interval(0.01);
    assert!((interval.estimate.unwrap() - 2.0).abs() < 0.01, "{interval:?}");
    assert!(interval.low < 2.0 && interval.low > 1.7, "{interval:?}");
    assert!(interval.high.is_some_and(|high| high > 2.0 && high < 2.4), "{interval:?}");
}

#[test]
fn the_interval_brackets_a_ratio_that_turned() {
    let turned = [bucket((500, 1000), (50, 1000)), bucket((50, 1000), (500, 1000))];
    let interval = test_of(&turned).interval(0.05);
    assert!(interval.high.is_some_and(|high| interval.low <= high), "{interval:?}");
}

#[test]
fn the_interval_is_everything_before_the_first_error() {
    let nothing = RatioInterval { low: 0.0, high: None, estimate: None };
    assert_eq!(RateTest::default().interval(0.05), nothing);
    assert_eq!(serde_json::to_string(&nothing).unwrap(), r#"{"low":0.0}"#);
}

#[test]
fn an_untouched_test_takes_no_room_and_a_used_one_little() {
    assert_eq!(serde_json::to_string(&RateTest::default()).unwrap(), "{}");
    let used: Vec<Bucket> = (0..1000).map(|_| bucket((3, 500), (20, 4500))).collect();
    let length = serde_json::to_string(&test_of(&used)).unwrap().len();
    assert!(length < 1500, "{length}");
}

#[test]
fn damaged_storage_is_refused() {
    let mut entries = vec![0_i64; POINTS];
    entries[ONE] = 1;
    let not_zero_at_one = format!(r#"{{"logLikelihoods":{entries:?}}}"#);
    let damaged = [
        r#"{"logLikelihoods":[1,2,3]}"#,
        r#"{"logLikelihoods":[null]}"#,
        r#"{"logLikelihoods":"NaN"}"#,
        r#"{"informativeBuckets":-1}"#,
        &not_zero_at_one,
    ];
    for json in damaged {
        assert!(serde_json::from_str::<RateTest>(json).is_err(), "{json}");
    }
}

/// The probability that a release of `buckets` is ever failed at `alpha`.
fn ever_fails(
    buckets: u64,
    tolerated: f64,
    alpha: f64,
    bucket: impl Fn(&mut fastrand::Rng, u64) -> Bucket,
) -> f64 {
    share_of_runs(2000, |rng| {
        let mut test = RateTest::default();
        (0..buckets).any(|at| {
            let seen = test.informative_buckets;
            test.update(&bucket(rng, at));
            test.informative_buckets > seen && test.ln_evidence_worse_than(tolerated) >= threshold(alpha)
        })
    })
}

#[test]
fn healthy_at_two_in_a_thousand_is_not_failed() {
    let healthy = |rng: &mut fastrand::Rng, _| draw_bucket(rng, (5, 0.002), (45, 0.002));
    let failed = ever_fails(1800, 1.0, 0.01, healthy);
    assert!(failed < 0.01, "{failed}");
}

#[test]
fn healthy_at_two_in_a_hundred_is_not_failed() {
    let healthy = |rng: &mut fastrand::Rng, _| draw_bucket(rng, (5, 0.02), (45, 0.02));
    let failed = ever_fails(300, 1.0, 0.05, healthy);
    assert!(failed < 0.05, "{failed}");
}

#[test]
fn healthy_over_a_day_is_not_failed() {
    let diurnal = |rng: &mut fastrand::Rng, at: u64| {
        let rate = 0.01 * (1.1 + (at as f64 / 50.0).sin());
        draw_bucket(rng, (10, rate), (90, rate))
    };
    let failed = ever_fails(300, 1.0, 0.05, diurnal);
    assert!(failed < 0.05, "{failed}");
}

#[test]
fn healthy_in_a_shared_incident_is_not_failed() {
    let incident = |rng: &mut fastrand::Rng, at: u64| {
        let rate = if (100..130).contains(&at) { 0.4 } else { 0.002 };
        draw_bucket(rng, (20, rate), (180, rate))
    };
    let failed = ever_fails(300, 1.0, 0.01, incident);
    assert!(failed < 0.01, "{failed}");
}

#[test]
fn healthy_on_a_ramp_is_not_failed() {
    let ramp = |rng: &mut fastrand::Rng, at: u64| {
        let canary = 5 + at * 2;
        draw_bucket(rng, (canary, 0.002), (1000 - canary, 0.002))
    };
    let failed = ever_fails(240, 1.0, 0.05, ramp);
    assert!(failed < 0.05, "{failed}");
}

#[test]
fn just_tolerated_is_not_failed() {
    let twice = |rng: &mut fastrand::Rng, _| draw_bucket(rng, (20, 0.02), (80, 0.01));
    let failed = ever_fails(300, 2.0, 0.05, twice);
    assert!(failed < 0.05, "{failed}");
}

#[test]
fn the_simulation_notices_an_unhealthy_canary() {
    let threefold = |rng: &mut fastrand::Rng, _| draw_bucket(rng, (5, 0.06), (45, 0.02));
    let failed = ever_fails(300, 1.0, 0.01, threefold);
    assert!(failed > 0.9, "{failed}");
}

#[test]
fn harmful_is_not_passed() {
    let passed = share_of_runs(2000, |rng| {
        let mut test = RateTest::default();
        (0..200).any(|_| {
            test.update(&draw_bucket(rng, (20, 0.02), (180, 0.01)));
            test.ln_evidence_better_than(2.0) >= threshold(0.05)
        })
    });
    assert!(passed < 0.05, "{passed}");
}

#[test]
fn the_interval_covers_the_truth_at_all_times() {
    let missed = share_of_runs(200, |rng| {
        let mut test = RateTest::default();
        (0..100).any(|_| {
            test.update(&draw_bucket(rng, (30, 0.06), (100, 0.02)));
            let interval = test.interval(0.1);
            interval.low > 3.0 || interval.high.is_some_and(|high| high < 3.0)
        })
    });
    assert!(missed < 0.1, "{missed}");
}

/// The median of canary requests until `convinced`; one request in ten is the canary's.
fn median_requests(canary_rate: f64, stable_rate: f64, convinced: impl Fn(&RateTest) -> bool) -> f64 {
    median_of_runs(300, |rng| {
        let mut test = RateTest::default();
        let mut requests = 0;
        while requests < 1_000_000 && !convinced(&test) {
            test.update(&draw_bucket(rng, (5, canary_rate), (45, stable_rate)));
            requests += 5;
        }
        f64::from(requests)
    })
}

fn check_factor(name: &str, found: f64, wanted: f64, most: f64) {
    assert!(found < wanted * most && found > wanted / most, "{name}: {found}, not about {wanted}");
}

/// The medians that an independent implementation found at α = 1 % and a share of 10 %.
#[test]
fn failures_are_found_as_soon_as_expected() {
    let cells = [
        (0.0001, 10.0, 5100.0),
        (0.001, 5.0, 1700.0),
        (0.001, 10.0, 524.0),
        (0.01, 2.0, 1600.0),
        (0.01, 3.0, 521.0),
        (0.01, 5.0, 178.0),
        (0.01, 10.0, 66.0),
    ];
    for (base_rate, ratio, wanted) in cells {
        let convinced = |test: &RateTest| test.ln_evidence_worse_than(1.0) >= threshold(0.01);
        let found = median_requests(base_rate * ratio, base_rate, convinced);
        let name = format!("{base_rate} × {ratio}");
        check_factor(&name, found, wanted, 1.5);
        let estimate = Scenario { base_rate, ratio, share: 0.1 }.requests_to_fail(1.0, threshold(0.01));
        check_factor(&name, found, estimate, 1.5);
    }
}

#[test]
fn failures_are_found_when_stable_never_fails() {
    for (rate, wanted) in [(0.01, 284.0), (0.1, 38.0)] {
        let convinced = |test: &RateTest| test.ln_evidence_worse_than(1.0) >= threshold(0.01);
        check_factor("clean", median_requests(rate, 0.0, convinced), wanted, 1.5);
    }
}

#[test]
fn health_is_shown_as_soon_as_expected() {
    for (base_rate, wanted) in [(0.01, 1100.0), (0.001, 11_700.0)] {
        let convinced = |test: &RateTest| test.ln_evidence_better_than(2.0) >= threshold(0.05);
        let found = median_requests(base_rate, base_rate, convinced);
        check_factor("pass", found, wanted, 1.5);
        let estimate = Scenario { base_rate, ratio: 1.0, share: 0.1 }.requests_to_pass(2.0, threshold(0.05));
        check_factor("estimate", found, estimate, 1.5);
    }
}
