use proptest::prelude::*;

use super::{
    super::{
        simulation::{draw, expected, share_of_runs},
        threshold,
    },
    *,
};

fn test_of(updates: &[(u64, u64, f64)]) -> AllocationTest {
    let mut test = AllocationTest::default();
    for (canary, stable, share) in updates {
        test.update(*canary, *stable, *share);
    }
    test
}

proptest! {
    #[test]
    fn clients_are_expected_to_be_no_evidence(share in 0.001..0.999, clients in 0..12_usize) {
        let expected = expected(&vec![share; clients], &[], |bucket| {
            let canary = bucket.canary;
            test_of(&[(canary.errors, canary.requests - canary.errors, share)]).ln_evidence()
        });
        prop_assert!((expected - 1.0).abs() < 1e-9, "{expected}");
    }

    #[test]
    fn evidence_is_a_number(canary: u64, stable: u64, share: f64) {
        for share in [share, share.abs().fract(), 0.5, 1e-300, 1.0 - 1e-16] {
            let test = test_of(&[(canary, stable, share), (1, 1_000_000_000, share), (1, 0, 0.25)]);
            prop_assert!(test.ln_evidence().is_finite());
        }
    }

    #[test]
    fn grouping_does_not_matter(clients in prop::collection::vec((0..99_u64, 0..99_u64), 1..9)) {
        let updates: Vec<_> = clients.iter().map(|(canary, stable)| (*canary, *stable, 0.3)).collect();
        let (canary, stable) = clients.iter().fold((0, 0), |sum, next| (sum.0 + next.0, sum.1 + next.1));
        prop_assert_eq!(test_of(&updates), test_of(&[(canary, stable, 0.3)]));
    }
}

#[test]
fn segments_multiply() {
    let [first, second] = [(30, 70, 0.2), (400, 600, 0.5)];
    let apart = test_of(&[first]).ln_evidence() + test_of(&[second]).ln_evidence();
    let together = test_of(&[first, second]);
    assert!((together.ln_evidence() - apart).abs() < 2e-6);
    assert_eq!((together.canary, together.stable), (400, 600));
}

#[test]
fn no_share_says_nothing() {
    for share in [0.0, 1.0, -1.0, f64::NAN] {
        assert_eq!(test_of(&[(5, 7, share)]), AllocationTest::default());
    }
}

#[test]
fn the_right_share_is_not_suspected_even_if_it_changes() {
    let suspected = share_of_runs(2000, |rng| {
        let mut test = AllocationTest::default();
        (0..100_u32).any(|at| {
            let share = [0.01, 0.05, 0.2, 0.5][at as usize / 25];
            let canary = draw(rng, 100, share);
            test.update(canary, 100 - canary, share);
            test.ln_evidence() >= threshold(0.05)
        })
    });
    assert!(suspected < 0.05, "{suspected}");
}

#[test]
fn a_wrong_share_is_noticed() {
    for (ordered, real) in [(0.5, 0.48), (0.5, 0.0), (0.05, 0.03), (0.01, 0.02)] {
        let noticed = share_of_runs(50, |rng| {
            let canary = draw(rng, 20_000, real);
            test_of(&[(canary, 20_000 - canary, ordered)]).ln_evidence() >= threshold(0.01)
        });
        assert!(noticed > 0.9, "{ordered} {real}: {noticed}");
    }
}

#[test]
fn survives_storage() {
    let test = test_of(&[(30, 70, 0.2), (400, 600, 1.0 / 3.0)]);
    let mut read: AllocationTest = serde_json::from_str(&serde_json::to_string(&test).unwrap()).unwrap();
    assert!((read.ln_evidence() - test.ln_evidence()).abs() < 1e-9);
    read.update(1, 0, 1.0 / 3.0);
    assert_eq!(read.canary, 401, "the share is recognised");
    let damaged: AllocationTest = serde_json::from_str(r#"{"share":7,"canary":9}"#).unwrap();
    assert!(damaged.ln_evidence().abs() < 1e-12);
}
