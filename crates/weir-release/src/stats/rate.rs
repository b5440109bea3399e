//! Is the canary's error rate worse than a multiple of stable's?
//!
//! Given how many errors a bucket holds, the only question is which arm they came from. If the canary fails
//! `ρ` times as often as stable, an error is the canary's with probability `θ(ρ) = ρ·n_c / (ρ·n_c + n_s)`,
//! where `n_c` and `n_s` are the arms' requests. Each bucket with `x_c` and `x_s` errors therefore adds to
//!
//! ```text
//! l(ρ) = Σ x_c·ln θ(ρ) + x_s·ln(1 − θ(ρ))
//! ```
//!
//! which is kept for a grid of ratios. Every test is a difference of two of its entries: `exp(l(ρ1) − l(ρ0))`
//! is an e-value for "at most ρ0 times as bad" if ρ1 > ρ0, and for "at least ρ0 times as bad" if ρ1 < ρ0.
//!
//! Why it is valid, with `a = θ1/θ0` and `b = (1 − θ1)/(1 − θ0)`: for independent requests whose mean error
//! probabilities are `p` in the canary and `q` in stable,
//!
//! ```text
//! E[a^x_c · b^x_s] ≤ exp((a − 1)·n_c·p + (b − 1)·n_s·q)                    because 1 + y ≤ exp(y)
//!                  ≤ exp(q·(ρ0·n_c + n_s)·(a·θ0 + b·(1 − θ0) − 1)) = 1     if p ≤ ρ0·q and a > 1
//! ```
//!
//! and in the same way if p ≥ ρ0·q and a < 1. It needs no constant error rate: the base rate may drift,
//! an incident may hit both arms, and the weights may change from bucket to bucket.
//!
//! Sources: Lindon and Malek, *Anytime-Valid Inference for Multinomial Count Data* (2022), for the ratio
//! test; Ramdas, Grünwald, Vovk and Shafer, *Game-Theoretic Statistics and Safe Anytime-Valid Inference*
//! (2023), for composite hypotheses.

use std::f64::consts::LN_10;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::{
    bucket::Bucket,
    detect::{Scenario, Walk},
    nats::{self, ln_sum_exp, real},
};

/// Compares the error rates of two arms, for every ratio at once.
///
/// Ratios are canary ÷ stable: 1 is "as bad", 2 "twice as bad". The grid has [`RateTest::PER_DECADE`] points
/// per factor of ten between 0.01 and 1000. A tolerance between two points is taken at the point that makes
/// the claim harder to show.
///
/// Stored as whole micronats, about a kilobyte once there are errors and `{}` before. Rounding moves the
/// difference of two entries by at most one micronat per bucket; that much is taken off the evidence for
/// each bucket that had errors, so the guarantee stays exact. A day of one-second buckets costs at most 0.09
/// of the 4.6 nats that α = 1 % asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateTest {
    /// l(ρ) − l(1) for each ratio of the grid, in micronats; empty before the first error.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "grid")]
    log_likelihoods: Vec<i64>,
    /// How many buckets had an error to tell of.
    #[serde(default, skip_serializing_if = "is_zero")]
    informative_buckets: u64,
}

/// Which ratios of error rates the counts leave possible.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RatioInterval {
    /// The smallest ratio that is not excluded; 0 if none is excluded from below.
    pub low: f64,
    /// The greatest ratio that is not excluded; absent if none is excluded from above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// The ratio that explains the counts best, within 0.01 to 1000; absent before the first error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<f64>,
}

/// The entries of the grid.
const POINTS: usize = 101;

/// The entry of ratio 1.
const ONE: usize = 40;

/// Alternatives to "at most ρ0", in steps of the grid: about 1.1, 1.25, 1.6, 2, 3, 5, 10, 30 and 100 times
/// ρ0. A truth below the middle between ρ0 and the nearest alternative is never shown, so the nearest decides
/// how small a difference can be seen with any traffic, and how narrow an interval gets. With their weights,
/// which sum to 1: most lies on 1.6 to 3 times, where a fault is hard to see, and on 10 times, which has to be seen
/// within a minute at 50 requests a second; found by simulation. Larger ratios show themselves with any weight.
const WORSE: [Alternative; 9] =
    [(1, 0.02), (2, 0.05), (4, 0.20), (6, 0.28), (10, 0.14), (14, 0.10), (20, 0.18), (30, 0.02), (40, 0.01)];

/// Alternatives to "at least ρ1", in steps of the grid: about 0.9, 0.8, 0.6, 0.5, 0.3, 0.2 and 0.1 times ρ1.
const BETTER: [Alternative; 7] =
    [(-1, 0.05), (-2, 0.1), (-4, 0.25), (-6, 0.25), (-10, 0.15), (-14, 0.1), (-20, 0.1)];

/// Steps of the grid from the null, and the weight.
type Alternative = (isize, f64);

/// The steps from ratio 1 down to the first entry.
const LOWEST: f64 = -40.0;

/// The steps from ratio 1 up to the last entry.
const HIGHEST: f64 = 60.0;

/// What a logarithm may be off by for a ratio to count as a point of the grid, in steps.
const ON_GRID: f64 = 1e-9;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Refuses what no test can have written: another length, or a likelihood of ratio 1 relative to itself that
/// is not 0.
fn grid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<i64>, D::Error> {
    let entries = Vec::<i64>::deserialize(deserializer)?;
    if entries.is_empty() || entries.len() == POINTS && entries[ONE] == 0 {
        return Ok(entries);
    }
    Err(D::Error::custom("not the log-likelihoods of a rate test"))
}

// === impl RateTest ===

impl RateTest {
    /// How many ratios per factor of ten are told apart.
    pub const PER_DECADE: u32 = 20;

    /// Takes a closed bucket into account. The order of buckets does not matter; a bucket without errors or
    /// with an empty arm changes nothing. Costs a logarithm and an exponential per ratio.
    pub fn update(&mut self, bucket: &Bucket) {
        let bucket = bucket.clamped();
        let silent = bucket.canary.errors == 0 && bucket.stable.errors == 0;
        if silent || bucket.canary.requests == 0 || bucket.stable.requests == 0 {
            return;
        }
        self.log_likelihoods.resize(POINTS, 0);
        for (point, sum) in self.log_likelihoods.iter_mut().enumerate() {
            *sum = sum.saturating_add(nats::nearest(gain(&bucket, point)));
        }
        self.informative_buckets = self.informative_buckets.saturating_add(1);
    }

    /// Nats of evidence against "the canary's error rate is at most `tolerated` times stable's". A tolerance
    /// above 1000 is never refuted.
    pub fn ln_evidence_worse_than(&self, tolerated: f64) -> f64 {
        point_from(tolerated).map_or(0.0, |null| self.against(null, &WORSE))
    }

    /// Nats of evidence against "the canary's error rate is at least `harmful` times stable's". A ratio below
    /// 0.01 is never refuted.
    pub fn ln_evidence_better_than(&self, harmful: f64) -> f64 {
        point_to(harmful).map_or(0.0, |null| self.against(null, &BETTER))
    }

    /// The ratios that are excluded by neither test at level `alpha`/2: a confidence sequence, which covers
    /// the true ratio at all times together with probability 1 − `alpha`.
    ///
    /// Its ends are points of the grid, rounded outward. If the ratio changed so much that no single one is
    /// left, the ends are those that it has been beyond.
    pub fn interval(&self, alpha: f64) -> RatioInterval {
        let limit = super::threshold(alpha / 2.0);
        let low = (0..POINTS).rev().find(|null| self.against(*null, &WORSE) >= limit);
        let high = (0..POINTS).find(|null| self.against(*null, &BETTER) >= limit);
        let (low, high) = match (low, high) {
            (Some(low), Some(high)) => (Some(low.min(high)), Some(low.max(high))),
            other => other,
        };
        let estimate = self.most_likely();
        RatioInterval { low: low.map_or(0.0, ratio), high: high.map(ratio), estimate }
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// The weighted mean of exp(l(alternative) − l(null)). An alternative beyond the grid is taken at its end, which
    /// lies on the same side of the null.
    fn against(&self, null: usize, alternatives: &[Alternative]) -> f64 {
        if self.log_likelihoods.is_empty() {
            return 0.0;
        }
        let likelihood = |point: usize| nats::nats(self.log_likelihoods[point]);
        let gain = |(steps, weight): &Alternative| {
            likelihood(shifted(null, *steps)) - likelihood(null) + weight.ln()
        };
        ln_sum_exp(alternatives.iter().map(gain)) - real(self.informative_buckets) * nats::UNIT
    }

    /// The greatest entry, moved to the top of the parabola through it and its neighbours.
    fn most_likely(&self) -> Option<f64> {
        let entries = &self.log_likelihoods;
        let (top, _) = entries.iter().enumerate().max_by_key(|(_, entry)| **entry)?;
        let inner = top.checked_sub(1).zip(entries.get(top + 1));
        let Some((below, above)) = inner.map(|(point, above)| (entries[point], *above)) else {
            return Some(ratio(top));
        };
        let [below, here, above] = [below, entries[top], above].map(nats::nats);
        let bend = 2.0 * here - below - above;
        let shift = if bend > 0.0 { (above - below) / (2.0 * bend) } else { 0.0 };
        Some((ln_ratio(top) + shift * STEP).exp())
    }
}

/// The distance of neighbouring points in ln ρ.
const STEP: f64 = LN_10 / RateTest::PER_DECADE as f64;

/// How the alternatives to "at most `tolerated` times as bad" fare.
pub(super) fn walks_worse(scenario: &Scenario, tolerated: f64) -> Vec<Walk> {
    point_from(tolerated).map_or_else(Vec::new, |null| walks(scenario, null, &WORSE))
}

/// How the alternatives to "at least `harmful` times as bad" fare.
pub(super) fn walks_better(scenario: &Scenario, harmful: f64) -> Vec<Walk> {
    point_to(harmful).map_or_else(Vec::new, |null| walks(scenario, null, &BETTER))
}

/// An error moves an alternative by ln(θ/θ0) if it is the canary's, and by ln((1 − θ)/(1 − θ0)) if it is stable's;
/// both come as in a Poisson process.
fn walks(scenario: &Scenario, null: usize, alternatives: &[Alternative]) -> Vec<Walk> {
    let Scenario { base_rate, share, .. } = *scenario;
    let (canary, stable) = (scenario.canary_rate(), base_rate * (1.0 - share) / share);
    // ln(1 + w·(ρ − 1)): what θ = ρ·w/(1 + w·(ρ − 1)) and 1 − θ are divided by.
    let whole = |point: usize| (share * ln_ratio(point).exp_m1()).ln_1p();
    let walk = |(steps, weight): &Alternative| {
        let point = shifted(null, *steps);
        let by_stable = whole(null) - whole(point);
        let by_canary = by_stable + ln_ratio(point) - ln_ratio(null);
        Walk {
            weight: *weight,
            drift: canary * by_canary + stable * by_stable,
            variance: canary * by_canary * by_canary + stable * by_stable * by_stable,
        }
    };
    alternatives.iter().map(walk).collect()
}

/// What a bucket adds to l(ρ) − l(1): `x_c·ln ρ − (x_c + x_s)·ln(1 + w·(ρ − 1))`, with `w` as the canary's
/// share of the requests.
fn gain(bucket: &Bucket, point: usize) -> f64 {
    let canary = real(bucket.canary.requests);
    let share = canary / (canary + real(bucket.stable.requests));
    let errors = real(bucket.canary.errors) + real(bucket.stable.errors);
    let ln_ratio = ln_ratio(point);
    real(bucket.canary.errors) * ln_ratio - errors * (share * ln_ratio.exp_m1()).ln_1p()
}

#[expect(clippy::cast_precision_loss, reason = "points are few")]
fn ln_ratio(point: usize) -> f64 {
    (point as f64 - ONE as f64) * STEP
}

fn ratio(point: usize) -> f64 {
    ln_ratio(point).exp()
}

fn shifted(point: usize, steps: isize) -> usize {
    point.saturating_add_signed(steps).min(POINTS - 1)
}

/// The smallest point at or above a ratio.
fn point_from(ratio: f64) -> Option<usize> {
    point((steps_from_one(ratio) - ON_GRID).ceil().clamp(LOWEST, f64::INFINITY))
}

/// The greatest point at or below a ratio.
fn point_to(ratio: f64) -> Option<usize> {
    point((steps_from_one(ratio) + ON_GRID).floor().clamp(f64::NEG_INFINITY, HIGHEST))
}

fn steps_from_one(ratio: f64) -> f64 {
    ratio.log10() * f64::from(RateTest::PER_DECADE)
}

#[expect(clippy::cast_possible_truncation, reason = "whole and within the grid")]
#[expect(clippy::cast_sign_loss, reason = "not negative within the grid")]
fn point(steps_from_one: f64) -> Option<usize> {
    (LOWEST..=HIGHEST).contains(&steps_from_one).then_some((steps_from_one - LOWEST) as usize)
}

#[cfg(test)]
mod tests;
