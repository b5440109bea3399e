//! Does the comparison itself work?
//!
//! Stable's clients are cut into two halves by a hash that has nothing to do with the canary's. Both halves
//! get the same version, so the error-rate test between them must find nothing (an "A/A test"). If it does,
//! errors come in bursts or clients are not alike, and the guardrail's evidence is overstated as well: hold,
//! do not roll back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    bucket::{Bucket, Counts},
    nats::ln_mean_exp,
    rate::RateTest,
};

/// Compares two halves of one version, in both directions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControlTest {
    #[serde(default)]
    rate: RateTest,
}

// === impl ControlTest ===

impl ControlTest {
    /// Takes both halves' counts over the same stretch of time into account. The stretch must not end because
    /// of what was counted; [`Filling`](super::Filling) sees to it, with one half in each arm.
    pub fn update(&mut self, first: Counts, second: Counts) {
        self.rate.update(&Bucket { canary: first, stable: second });
    }

    /// Nats of evidence against "both halves fail equally often": the mean of the evidence that the first is
    /// worse and that it is better.
    pub fn ln_evidence_differs(&self) -> f64 {
        let either = [self.rate.ln_evidence_worse_than(1.0), self.rate.ln_evidence_better_than(1.0)];
        ln_mean_exp(either.into_iter())
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.rate.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(first: u64, second: u64) -> ControlTest {
        let mut control = ControlTest::default();
        let half = |errors| Counts { requests: 1000, errors };
        control.update(half(first), half(second));
        control
    }

    #[test]
    fn either_direction_counts() {
        for (first, second) in [(60, 10), (10, 60)] {
            assert!(control(first, second).ln_evidence_differs() > 100_f64.ln(), "{first} {second}");
        }
        assert!(control(30, 30).ln_evidence_differs() < 0.0);
        assert!(ControlTest::default().ln_evidence_differs().abs() < 1e-12);
    }

    #[test]
    fn goes_on_where_it_was() {
        let before = control(9, 7);
        let json = serde_json::to_string(&before).unwrap();
        assert_eq!(serde_json::from_str::<ControlTest>(&json).unwrap(), before);
    }
}
