#![expect(clippy::cast_precision_loss, reason = "the numbers are small")]

use proptest::prelude::*;

use super::{
    super::{
        Counts,
        simulation::{draw_bucket, expected, share_of_runs},
        threshold,
    },
    *,
};

fn window(canary: (u64, u64), stable: (u64, u64)) -> Bucket {
    let counts = |(errors, requests)| Counts { requests, errors };
    Bucket { canary: counts(canary), stable: counts(stable) }
}

fn test_of(window: &Bucket, tolerated: f64) -> TailTest {
    let mut test = TailTest::default();
    test.update(window, tolerated);
    test
}

/// The share with `odds` times the odds of `share`.
fn scaled(share: f64, odds: f64) -> f64 {
    odds * share / (1.0 + (odds - 1.0) * share)
}

fn choose(n: u64, k: u64) -> f64 {
    (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product()
}

/// Evidence with every term of Z written out.
fn brute_force(window: &Bucket, tolerated: f64) -> f64 {
    let (canary, stable) = (window.canary, window.stable);
    let events = canary.errors + stable.errors;
    let range = events.saturating_sub(stable.requests)..=events.min(canary.requests);
    let term = |j: u64, odds: f64| {
        choose(canary.requests, j) * choose(stable.requests, events - j) * odds.powi(j.try_into().unwrap())
    };
    let chance = |odds: f64| term(canary.errors, odds) / range.clone().map(|j| term(j, odds)).sum::<f64>();
    let ratios = ALTERNATIVES.map(|factor| chance(tolerated * factor) / chance(tolerated));
    (ratios.iter().sum::<f64>() / ratios.len() as f64).ln()
}

fn any_window(most: u64) -> impl Strategy<Value = Bucket> {
    let arm = move || (0..most).prop_flat_map(|requests| (0..=requests, Just(requests)));
    (arm(), arm()).prop_map(|(canary, stable)| window(canary, stable))
}

proptest! {
    #[test]
    fn agrees_with_every_term_written_out(window in any_window(60), tolerated in 0.3..4.0) {
        let (found, exact) = (test_of(&window, tolerated).ln_evidence(), brute_force(&window, tolerated));
        prop_assert!(found < exact + 1e-9 && found > exact - 1e-5, "{found} {exact}");
    }

    #[test]
    fn no_window_is_expected_to_speak_against_tolerated_odds(
        sizes in (0..7_usize, 0..7_usize), share in 0.0..1.0, tolerated in 0.3..4.0, part in 0.0..=1.0,
    ) {
        let canary = vec![scaled(share, tolerated * part); sizes.0];
        let stable = vec![share; sizes.1];
        let expected = expected(&canary, &stable, |window| test_of(window, tolerated).ln_evidence());
        prop_assert!(expected <= 1.0 + 1e-9, "{expected}");
    }

    #[test]
    fn evidence_is_a_number(canary: (u64, u64), stable: (u64, u64), tolerated: f64) {
        for tolerated in [tolerated, 1.0, 1e-6, 1e6] {
            prop_assert!(test_of(&window(canary, stable), tolerated).ln_evidence().is_finite());
        }
    }

    #[test]
    fn goes_on_where_it_was(before in any_window(300), after in any_window(300)) {
        let mut test = test_of(&before, 1.0);
        let json = serde_json::to_string(&test).unwrap();
        let mut read: TailTest = serde_json::from_str(&json).unwrap();
        test.update(&after, 1.25);
        read.update(&after, 1.25);
        prop_assert_eq!(read, test);
    }

    #[test]
    fn order_does_not_matter(windows in prop::collection::vec(any_window(100), 1..5)) {
        let all = |windows: &mut dyn Iterator<Item = &Bucket>| {
            let mut test = TailTest::default();
            windows.for_each(|window| test.update(window, 1.0));
            test
        };
        prop_assert_eq!(all(&mut windows.iter()), all(&mut windows.iter().rev()));
    }
}

#[test]
fn at_the_tolerated_odds_the_expectation_is_one() {
    let (canary, stable) = (vec![scaled(0.3, 1.25); 6], vec![0.3; 6]);
    let expected = expected(&canary, &stable, |window| test_of(window, 1.25).ln_evidence());
    assert!((expected - 1.0).abs() < 1e-5, "no evidence is wasted: {expected}");
}

#[test]
fn a_thousand_million_requests_are_compared() {
    let million = 1_000_000;
    let healthy = window((50 * million, 100 * million), (450 * million, 900 * million));
    let slower = window((53 * million, 100 * million), (450 * million, 900 * million));
    assert!(test_of(&healthy, 1.0).ln_evidence() < 0.0);
    assert!(test_of(&slower, 1.0).ln_evidence() > 1000.0);
    assert!(test_of(&slower, 1.25).ln_evidence() < 0.0);
}

#[test]
fn large_windows_agree_with_the_normal_approximation() {
    // Near ψ = 1, ln Z(ψ)/Z(1) is mean·ln ψ + variance·(ln ψ)²/2 up to the third cumulant.
    let split = Hypergeometric::new(1_000_000, 9_000_000, 1_000_000);
    let (n, w, m) = (1e7, 0.1, 1e6);
    let (mean, variance) = (w * m, w * (1.0 - w) * m * (n - m) / (n - 1.0));
    let odds = 1.001_f64;
    let expected = mean * odds.ln() + variance * odds.ln().powi(2) / 2.0;
    let found = split.ln_z(odds) - split.ln_z(1.0);
    assert!((found - expected).abs() < 1e-4, "{found} {expected}");
}

#[test]
fn windows_without_a_choice_say_nothing() {
    let fixed =
        [window((0, 9), (0, 9)), window((9, 9), (9, 9)), window((4, 9), (0, 0)), window((0, 0), (4, 9))];
    for window in fixed {
        assert_eq!(test_of(&window, 1.0), TailTest::default());
    }
    for tolerated in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(test_of(&window((4, 9), (4, 9)), tolerated), TailTest::default());
    }
}

#[test]
fn healthy_is_not_failed_and_slow_is() {
    let ever_fails = |runs, canary_share: f64| {
        share_of_runs(runs, |rng| {
            let mut test = TailTest::default();
            (0..50).any(|_| {
                test.update(&draw_bucket(rng, (20, canary_share), (180, 0.1)), 1.0);
                test.ln_evidence() >= threshold(0.05)
            })
        })
    };
    let healthy = ever_fails(2000, 0.1);
    assert!(healthy < 0.05, "{healthy}");
    let slow = ever_fails(200, 0.2);
    assert!(slow > 0.9, "{slow}");
}

#[test]
fn damaged_storage_is_refused() {
    assert_eq!(serde_json::to_string(&TailTest::default()).unwrap(), "{}");
    for json in [r#"{"gains":[1]}"#, r#"{"gains":[null,1,1,1,1,1,1,1]}"#, r#"{"gains":[0.5,1,1,1,1,1,1,1]}"#]
    {
        assert!(serde_json::from_str::<TailTest>(json).is_err(), "{json}");
    }
}
