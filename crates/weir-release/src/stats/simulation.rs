//! Chance for tests: exact distributions to enumerate, and seeded draws.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers are small"
)]

use super::{Bucket, Counts};

/// The distribution of the number of events among independent requests with these probabilities.
pub(super) fn distribution(probabilities: &[f64]) -> Vec<f64> {
    let mut chances = vec![1.0];
    for probability in probabilities {
        chances.push(0.0);
        for count in (0..chances.len()).rev() {
            let one_more = if count > 0 { chances[count - 1] * probability } else { 0.0 };
            chances[count] = chances[count] * (1.0 - probability) + one_more;
        }
    }
    chances
}

/// What evidence (not its logarithm) is worth on average over all outcomes of one bucket, in which each
/// request of an arm fails with its own probability.
pub(super) fn expected(canary: &[f64], stable: &[f64], ln_evidence: impl Fn(&Bucket) -> f64) -> f64 {
    let mut expected = 0.0;
    for (of_canary, chance) in (0..).zip(distribution(canary)) {
        for (of_stable, other_chance) in (0..).zip(distribution(stable)) {
            let bucket = bucket(canary.len(), of_canary, stable.len(), of_stable);
            expected += chance * other_chance * ln_evidence(&bucket).exp();
        }
    }
    expected
}

fn bucket(canary: usize, of_canary: u64, stable: usize, of_stable: u64) -> Bucket {
    let counts = |requests: usize, errors| Counts { requests: requests as u64, errors };
    Bucket { canary: counts(canary, of_canary), stable: counts(stable, of_stable) }
}

/// How many of `requests` are events, by jumping from event to event.
pub(crate) fn draw(rng: &mut fastrand::Rng, requests: u64, probability: f64) -> u64 {
    if probability <= 0.0 {
        return 0;
    }
    let miss = (-probability.min(1.0 - 1e-12)).ln_1p();
    let mut jump = || ((1.0 - rng.f64()).ln() / miss).floor() as u64 + 1;
    let (mut events, mut at) = (0, jump());
    while at <= requests {
        events += 1;
        at += jump();
    }
    events
}

/// One bucket of both arms, each given as its requests and its error rate.
pub(crate) fn draw_bucket(rng: &mut fastrand::Rng, canary: (u64, f64), stable: (u64, f64)) -> Bucket {
    let mut counts = |(requests, rate)| Counts { requests, errors: draw(rng, requests, rate) };
    Bucket { canary: counts(canary), stable: counts(stable) }
}

/// A share of `runs` seeded runs.
pub(super) fn share_of_runs(runs: u64, holds: impl Fn(&mut fastrand::Rng) -> bool) -> f64 {
    let held = (0..runs).filter(|seed| holds(&mut fastrand::Rng::with_seed(*seed))).count();
    held as f64 / runs as f64
}

/// The median over `runs` seeded runs.
pub(crate) fn median_of_runs(runs: u64, of: impl Fn(&mut fastrand::Rng) -> f64) -> f64 {
    let mut values: Vec<f64> = (0..runs).map(|seed| of(&mut fastrand::Rng::with_seed(seed))).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
fn the_draws_follow_the_distribution() {
    let exact = distribution(&[0.3; 4]);
    let mut rng = fastrand::Rng::with_seed(1);
    let mut seen = [0.0; 5];
    for _ in 0..20_000 {
        seen[draw(&mut rng, 4, 0.3) as usize] += 1.0 / 20_000.0;
    }
    for (seen, exact) in seen.iter().zip(exact) {
        assert!((seen - exact).abs() < 0.01, "{seen} {exact}");
    }
}
