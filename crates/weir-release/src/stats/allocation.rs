//! Did each arm get its share of the clients?
//!
//! If the canary is meant to get a share θ of new clients and gets another, something between the decision
//! and the counter loses or moves clients, and every comparison of the arms is in doubt ("sample ratio
//! mismatch"). Of n new clients the canary got k; with B as the beta function and the alternatives spread
//! around θ as Beta(a, b), a = cθ, b = c(1 − θ), the evidence is
//!
//! ```text
//! e = B(a + k, b + n − k) / B(a, b) / (θ^k·(1 − θ)^(n − k))
//! ```
//!
//! Source: Lindon and Malek, *Anytime-Valid Inference for Multinomial Count Data* (2022), for two arms.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::nats::{self, ln_gamma, real};

/// Compares the arms' shares of new clients with the share that was ordered.
///
/// When the ordered share changes, the evidence so far is settled and a new segment begins. The whole is the
/// product of all segments' evidence, which stays valid because a share is ordered before its clients come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllocationTest {
    /// Evidence of the segments that are over, in micronats.
    #[serde(default)]
    settled: i64,
    /// The ordered share of the current segment.
    #[serde(default)]
    share: f64,
    /// The canary's new clients in the current segment.
    #[serde(default)]
    canary: u64,
    /// Stable's new clients in the current segment.
    #[serde(default)]
    stable: u64,
}

/// How closely the alternatives lie around θ (c above): mostly within 3 percentage points of a share of one
/// half, and within half of a share of 2 %, which are deviations that matter in practice. Greater ones are
/// found almost as soon, as they need few clients anyway.
const CONCENTRATION: f64 = 1000.0;

/// Shares that are as near as this are the same (reading a number from JSON may change its last digit).
const SAME: f64 = 1e-12;

// === impl AllocationTest ===

impl AllocationTest {
    /// Takes clients into account that were assigned for the first time while the canary's share of them was
    /// ordered to be `share`. Nothing can be told at shares of 0 and 1 (and beyond): they are passed over.
    pub fn update(&mut self, canary: u64, stable: u64, share: f64) {
        if !is_proper(share) {
            return;
        }
        if (self.share - share).abs() > SAME {
            *self = Self { settled: nats::floor(self.ln_evidence()), share, ..Self::default() };
        }
        self.canary = self.canary.saturating_add(canary);
        self.stable = self.stable.saturating_add(stable);
    }

    /// Nats of evidence against "every new client went to the canary with the ordered probability".
    pub fn ln_evidence(&self) -> f64 {
        nats::nats(self.settled) + self.ln_current()
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    fn ln_current(&self) -> f64 {
        if !is_proper(self.share) {
            return 0.0;
        }
        let [to_canary, to_stable] = [self.canary, self.stable].map(real);
        let [a, b] = [self.share, 1.0 - self.share].map(|share| CONCENTRATION * share);
        let expected = to_canary * self.share.ln() + to_stable * (-self.share).ln_1p();
        ln_beta(a + to_canary, b + to_stable) - ln_beta(a, b) - expected
    }
}

fn is_proper(share: f64) -> bool {
    share > 0.0 && share < 1.0
}

fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

#[cfg(test)]
mod tests;
