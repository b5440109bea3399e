//! Is one arm's error rate above, or below, a fixed limit?
//!
//! The comparison of two arms is blind when both fail alike, and says nothing when neither fails. Against a
//! fixed limit m every request counts, the faultless ones too: with p' as the alternative, each multiplies
//! the evidence by p'/m if it failed and by (1 − p')/(1 − m) if not. That is expected to be at most 1 as
//! long as the request's own error probability is on the null's side of the limit, so the evidence is an
//! e-process whatever the errors depend on, and it needs the two totals only.
//!
//! Source: the likelihood ratio of Bernoulli trials, mixed over alternatives (Wald, *Sequential Analysis*;
//! Howard and others, *Time-uniform, nonparametric, nonasymptotic confidence sequences*, 2021).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    bucket::Counts,
    detect::Walk,
    levels::threshold,
    nats::{ln_mean_exp, real},
};

/// Compares one arm's error rate with limits. It does not remember a limit: each question brings its own,
/// which must not be chosen by looking at the counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AbsoluteTest {
    #[serde(default)]
    requests: u64,
    #[serde(default)]
    errors: u64,
}

/// Alternatives above the limit, as multiples of its odds.
const ABOVE: [f64; 7] = [1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0];

/// Alternatives below the limit, as multiples of its odds. They share one half of the weight; the other
/// half is on "never fails", which is what a clean bake hopes to show.
const BELOW: [f64; 4] = [0.75, 0.5, 0.25, 0.1];

/// Requests without any error that [`AbsoluteTest::ln_evidence_below`] asks for until it shows, at level
/// `beta`, that the error rate is below `limit`: about (ln(1/β) + ½)/limit; `None` if no number does.
///
/// A test that bets everything on "never fails" asks for ln(1/β)/limit, 300 for 1 % at 95 %, but has lost
/// everything after a single error. The mixture pays about half a nat for being able to go on.
pub fn clean_requests_needed(limit: f64, beta: f64) -> Option<u64> {
    let goal = threshold(beta);
    let shown = |requests| AbsoluteTest { requests, errors: 0 }.ln_evidence_below(limit) >= goal;
    let enough = (0..64).map(|power| 1_u64 << power).find(|requests| shown(*requests))?;
    let (mut short, mut enough) = (enough / 2, enough);
    while enough - short > 1 {
        let middle = short + (enough - short) / 2;
        if shown(middle) { enough = middle } else { short = middle }
    }
    Some(enough)
}

// === impl AbsoluteTest ===

impl AbsoluteTest {
    /// Takes requests into account, in any grouping and order.
    pub fn update(&mut self, counts: Counts) {
        let counts = counts.clamped();
        self.requests = self.requests.saturating_add(counts.requests);
        self.errors = self.errors.saturating_add(counts.errors);
    }

    /// Nats of evidence against "the error rate is at most `limit`", a share; none for a limit outside (0, 1).
    pub fn ln_evidence_above(&self, limit: f64) -> f64 {
        if !is_proper(limit) {
            return 0.0;
        }
        ln_mean_exp(ABOVE.iter().map(|factor| self.gain(scaled(limit, *factor), limit)))
    }

    /// Nats of evidence against "the error rate is at least `limit`", a share; none for a limit outside (0, 1).
    pub fn ln_evidence_below(&self, limit: f64) -> f64 {
        if !is_proper(limit) {
            return 0.0;
        }
        let rarely = ln_mean_exp(BELOW.iter().map(|factor| self.gain(scaled(limit, *factor), limit)));
        ln_mean_exp([rarely, self.gain(0.0, limit)].into_iter())
    }

    /// What has been counted.
    pub fn counts(&self) -> Counts {
        Counts { requests: self.requests, errors: self.errors }.clamped()
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    fn gain(&self, alternative: f64, limit: f64) -> f64 {
        let counts = self.counts();
        let from_errors = times(counts.errors, (alternative / limit).ln());
        from_errors + times(counts.requests - counts.errors, (-alternative).ln_1p() - (-limit).ln_1p())
    }
}

/// How the alternatives to "the error rate is at most `limit`" fare if it is `rate`; both are proper shares.
pub(super) fn walks_above(rate: f64, limit: f64) -> Vec<Walk> {
    let walk = |factor: &f64| {
        let alternative = scaled(limit, *factor);
        let (failed, served) = ((alternative / limit).ln(), (-alternative).ln_1p() - (-limit).ln_1p());
        Walk {
            weight: 1.0 / real(ABOVE.len() as u64),
            drift: rate * failed + (1.0 - rate) * served,
            variance: rate * (1.0 - rate) * (failed - served).powi(2),
        }
    };
    ABOVE.iter().map(walk).collect()
}

/// What `count` requests add, each `gain`, which may be the logarithm of 0.
fn times(count: u64, gain: f64) -> f64 {
    if count > 0 { real(count) * gain } else { 0.0 }
}

fn is_proper(limit: f64) -> bool {
    limit > 0.0 && limit < 1.0
}

/// The share whose odds are `factor` times those of `share`, so that it stays below 1.
fn scaled(share: f64, factor: f64) -> f64 {
    factor * share / (1.0 + (factor - 1.0) * share)
}

#[cfg(test)]
mod tests;
