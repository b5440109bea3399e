use std::time::Duration;

use super::{
    super::{
        simulation::{median_of_runs, share_of_runs},
        threshold,
    },
    *,
};

const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];

/// Lognormal durations around 50 ms with σ = 0.8, times a factor.
fn arm(rng: &mut fastrand::Rng, requests: u32, factor: f64) -> Histogram {
    let mut histogram = Histogram::default();
    for _ in 0..requests {
        let normal = (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (std::f64::consts::TAU * rng.f64()).cos();
        histogram.add(Duration::from_secs_f64(0.05 * factor * (0.8 * normal).exp()));
    }
    histogram
}

fn window(rng: &mut fastrand::Rng, slowdown: f64, both: f64) -> LatencyWindow {
    LatencyWindow { canary: arm(rng, 10, slowdown * both), stable: arm(rng, 90, both) }
}

fn at(micros: u64, count: u64) -> Histogram {
    let mut histogram = Histogram::default();
    histogram.add_many(weir_model::duration_bins::bin_of(Duration::from_micros(micros)), count);
    histogram
}

#[test]
fn thresholds_come_from_what_was_before() {
    let mut slow = SlowTail::new(&QUANTILES);
    slow.update(&LatencyWindow { canary: at(900_000, 50), stable: at(1000, 199) }, 1.0);
    assert!(!slow.is_ready());
    slow.update(&LatencyWindow { canary: at(900_000, 50), stable: at(1000, 1) }, 1.0);
    assert!(slow.is_ready(), "200 requests of stable");
    assert!(slow.ln_evidence().abs() < 1e-12, "nothing is judged without a threshold");
    let before = slow.tails()[0].threshold;
    slow.update(&LatencyWindow { canary: at(900_000, 50), stable: at(2000, 900) }, 1.0);
    assert!(slow.tails()[0].threshold > before, "for the next window");
    assert!(slow.ln_evidence().abs() < 1e-12, "in this one, all requests of both arms were slow");
}

#[test]
fn a_window_stays_open_until_both_arms_have_requests() {
    let mut slow = SlowTail::new(&QUANTILES);
    slow.update(&LatencyWindow { canary: Histogram::default(), stable: at(1000, 200) }, 1.0);
    for _ in 0..4 {
        slow.update(&LatencyWindow { canary: at(50_000, 1), stable: at(1000, 1000) }, 1.0);
        assert!(slow.ln_evidence().abs() < 1e-12);
    }
    slow.update(&LatencyWindow { canary: at(50_000, 1), stable: at(1000, 1000) }, 1.0);
    assert!(slow.ln_evidence() > 3.0);
    assert_eq!(slow.open, LatencyWindow::default());
}

#[test]
fn an_open_window_is_dropped_before_shares_change() {
    let mut slow = SlowTail::new(&QUANTILES);
    slow.update(&LatencyWindow { canary: Histogram::default(), stable: at(1000, 200) }, 1.0);
    let ready = slow.clone();
    slow.update(&LatencyWindow { canary: at(50_000, 4), stable: at(1000, 50) }, 1.0);
    assert_ne!(slow, ready);
    slow.close();
    assert_eq!(slow, ready);
}

#[test]
fn the_mean_is_at_least_as_good_as_equal_parts_of_alpha() {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut slow = SlowTail::new(&QUANTILES);
    for _ in 0..30 {
        slow.update(&window(&mut rng, 1.5, 1.0), 1.0);
        let best = slow.tails().iter().map(|tail| tail.test.ln_evidence()).fold(f64::MIN, f64::max);
        assert!(slow.ln_evidence() >= best - 3_f64.ln() - 1e-9);
    }
    assert!(slow.ln_evidence() > threshold(0.01));
}

#[test]
fn equal_arms_are_not_failed_while_both_slow_down() {
    let failed = share_of_runs(200, |rng| {
        let mut slow = SlowTail::new(&QUANTILES);
        (0..60).any(|at| {
            slow.update(&window(rng, 1.0, 1.0 + f64::from(at % 20) / 10.0), 1.0);
            slow.ln_evidence() >= threshold(0.05)
        })
    });
    assert!(failed < 0.05, "{failed}");
}

#[test]
fn a_slower_canary_is_found_as_soon_as_expected() {
    for (slowdown, wanted) in [(1.2, 428.0), (1.5, 114.0)] {
        let found = median_of_runs(60, |rng| {
            let mut slow = SlowTail::new(&QUANTILES);
            slow.update(&LatencyWindow { stable: arm(rng, 1000, 1.0), ..LatencyWindow::default() }, 1.0);
            let mut requests = 0.0;
            while slow.ln_evidence() < threshold(0.01) && requests < 1e5 {
                slow.update(&window(rng, slowdown, 1.0), 1.0);
                requests += 10.0;
            }
            requests
        });
        assert!(found < wanted * 1.5 && found > wanted / 1.5, "{slowdown}: {found}, not about {wanted}");
    }
}

#[test]
fn the_tolerance_is_in_odds() {
    let evidence = |slow_in_canary: u64, tolerated: f64| {
        let mut slow = SlowTail::new(&[0.99]);
        let arm = |slow: u64, requests: u64| {
            let mut arm = at(1000, requests - slow);
            arm.merge(&at(90_000, slow));
            arm
        };
        slow.update(&LatencyWindow { stable: at(1000, 200), ..LatencyWindow::default() }, tolerated);
        let window = LatencyWindow { canary: arm(slow_in_canary, 100_000), stable: arm(1000, 100_000) };
        slow.update(&window, tolerated);
        slow.ln_evidence()
    };
    assert!(evidence(1250, 1.25) < 0.0, "1.25 % of requests where stable has 1 %");
    assert!(evidence(1250, 1.0) > threshold(0.01));
    assert!(evidence(1600, 1.25) > threshold(0.01));
}

#[test]
fn goes_on_where_it_was() {
    let mut rng = fastrand::Rng::with_seed(3);
    let mut slow = SlowTail::new(&QUANTILES);
    for _ in 0..10 {
        slow.update(&window(&mut rng, 1.1, 1.0), 1.25);
        let json = serde_json::to_string(&slow).unwrap();
        assert_eq!(serde_json::from_str::<SlowTail>(&json).unwrap(), slow);
    }
    slow.reset();
    assert!(slow.is_ready() && slow.ln_evidence().abs() < 1e-12);
}

#[test]
fn odd_quantiles_do_no_harm() {
    for quantiles in [&[][..], &[f64::NAN], &[-1.0, 0.0, 1.0, 2.0]] {
        let mut slow = SlowTail::new(quantiles);
        for _ in 0..3 {
            slow.update(&LatencyWindow { canary: at(90_000, 300), stable: at(1000, 300) }, 1.0);
            assert!(slow.ln_evidence().is_finite());
        }
    }
    let damaged = r#"{"tails":[{"quantile":0.5,"threshold":99999}]}"#;
    let mut slow: SlowTail = serde_json::from_str(damaged).unwrap();
    slow.update(&LatencyWindow { canary: at(90_000, 300), stable: at(1000, 300) }, 1.0);
    assert!(slow.ln_evidence().is_finite());
}

#[test]
fn other_quantiles_are_another_comparison() {
    let slow = SlowTail::new(&[0.5, 0.99]);
    assert!(slow.compares(&[0.5, 0.99]));
    for others in [&[0.5][..], &[0.99, 0.5], &[0.5, 0.9], &[0.5, 0.99, 0.999]] {
        assert!(!slow.compares(others), "{others:?}");
    }
}
