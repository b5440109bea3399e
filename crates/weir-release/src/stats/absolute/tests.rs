use proptest::prelude::*;

use super::{
    super::simulation::{draw, expected, share_of_runs},
    *,
};

fn test_of(errors: u64, requests: u64) -> AbsoluteTest {
    let mut test = AbsoluteTest::default();
    test.update(Counts { requests, errors });
    test
}

fn arm(limit: impl Fn(f64) -> f64, shares: &[f64]) -> Vec<f64> {
    shares.iter().map(|share| limit(*share)).collect()
}

proptest! {
    #[test]
    fn requests_within_the_limit_are_not_expected_to_speak_against_it(
        limit in 0.001..0.999, shares in prop::collection::vec(0.0..=1.0, 0..9),
    ) {
        let within = arm(|share| share * limit, &shares);
        let expected = expected(&within, &[], |bucket| {
            test_of(bucket.canary.errors, bucket.canary.requests).ln_evidence_above(limit)
        });
        prop_assert!(expected <= 1.0 + 1e-9, "{expected}");
    }

    #[test]
    fn requests_beyond_the_limit_are_not_expected_to_speak_for_it(
        limit in 0.001..0.999, shares in prop::collection::vec(0.0..=1.0, 0..9),
    ) {
        let beyond = arm(|share| limit + share * (1.0 - limit), &shares);
        let expected = expected(&beyond, &[], |bucket| {
            test_of(bucket.canary.errors, bucket.canary.requests).ln_evidence_below(limit)
        });
        prop_assert!(expected <= 1.0 + 1e-9, "{expected}");
    }

    #[test]
    fn evidence_is_never_undefined(errors: u64, requests: u64, limit: f64) {
        let test = test_of(errors, requests);
        for limit in [limit, limit.abs().fract(), 0.01, 1e-300, 1.0 - 1e-16] {
            prop_assert!(!test.ln_evidence_above(limit).is_nan());
            prop_assert!(!test.ln_evidence_below(limit).is_nan());
        }
    }
}

#[test]
fn clean_requests_show_a_low_rate_at_the_price_of_half_a_nat() {
    for (limit, beta, all_on_clean) in
        [(0.01, 0.05, 300.0), (0.01, 0.01, 461.0), (0.001, 0.05, 2996.0), (0.0001, 0.01, 46_052.0)]
    {
        let needed = clean_requests_needed(limit, beta).expect("reachable");
        let extra = (real(needed) - all_on_clean) * limit;
        assert!((0.3..0.7).contains(&extra), "{limit} {beta}: {needed}");
        assert!(test_of(0, needed).ln_evidence_below(limit) >= threshold(beta));
        assert!(test_of(0, needed - 1).ln_evidence_below(limit) < threshold(beta));
    }
}

#[test]
fn some_limits_cannot_be_shown() {
    for (limit, beta) in [(0.0, 0.05), (1.0, 0.05), (f64::NAN, 0.05), (0.01, 0.0)] {
        assert_eq!(clean_requests_needed(limit, beta), None);
    }
}

#[test]
fn an_error_delays_but_does_not_end_the_proof() {
    assert!(test_of(1, 300).ln_evidence_below(0.01) < threshold(0.05));
    assert!(test_of(1, 1000).ln_evidence_below(0.01) > threshold(0.05));
}

#[test]
fn grouping_does_not_matter() {
    let mut test = test_of(3, 10);
    test.update(Counts { requests: 100, errors: 2 });
    assert_eq!(test, test_of(5, 110));
    assert_eq!(test_of(9, 4).counts(), Counts { requests: 4, errors: 4 }, "clamped");
}

#[test]
fn a_rate_at_the_limit_is_neither_failed_nor_passed() {
    let decided = share_of_runs(2000, |rng| {
        let mut test = AbsoluteTest::default();
        (0..200).any(|_| {
            test.update(Counts { requests: 50, errors: draw(rng, 50, 0.02) });
            let most = test.ln_evidence_above(0.02).max(test.ln_evidence_below(0.02));
            most >= threshold(0.05)
        })
    });
    assert!(decided < 0.1, "two tests at 5 % each: {decided}");
    assert!(decided > 0.001, "a test that never decides proves nothing: {decided}");
}

#[test]
fn survives_storage() {
    let json = serde_json::to_string(&test_of(5, 110)).unwrap();
    assert_eq!(json, r#"{"requests":110,"errors":5}"#);
    assert_eq!(serde_json::from_str::<AbsoluteTest>(&json).unwrap(), test_of(5, 110));
    let damaged = serde_json::from_str::<AbsoluteTest>(r#"{"requests":1,"errors":5}"#).unwrap();
    assert!(damaged.ln_evidence_above(0.5).is_finite());
}
