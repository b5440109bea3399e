//! Are more of the canary's requests slow than of stable's?
//!
//! Slow requests are not rare (half of all are slower than the median), so the bound behind the error-rate
//! test would waste evidence here. The exact distribution is used instead: given how many of a window's
//! requests were slow, the number `x_c` of slow ones in the canary follows Fisher's non-central
//! hypergeometric distribution with the odds ratio ψ between the arms. Against ψ0 and for ψ1 > ψ0,
//!
//! ```text
//! e = (ψ1/ψ0)^x_c · Z(ψ0)/Z(ψ1)
//! ```
//!
//! is expected to be exactly 1 at ψ0 and, as it grows with `x_c`, less below ψ0: an e-value for "the odds are
//! at most ψ0 times stable's", whatever share of requests is slow in this window.
//!
//! It asks that requests of one arm and window are alike and independent, which assignment by hash gives up
//! to what one client's requests have in common. They may be of many kinds: where ψ ≥ 1 holds within each
//! kind, the mixture's odds ratio lies between 1 and ψ, so mixed traffic raises no false alarm for ψ0 ≥ 1.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::{
    bucket::Bucket,
    hypergeometric::Hypergeometric,
    nats::{self, ln_mean_exp},
};

/// Compares the shares of two arms' requests that have a property which may be frequent.
///
/// Stored as whole micronats, rounded down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TailTest {
    /// Evidence for each alternative, in micronats; empty before the first update.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "gains")]
    gains: Vec<i64>,
}

/// Alternatives, as multiples of the tolerated odds ratio. The first ones are close to 1 because shares can
/// be told apart finely once thousands of requests are slow.
const ALTERNATIVES: [f64; 8] = [1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0];

/// Windows with more requests in one arm say nothing: it bounds the work, and none is that long.
const REQUESTS_AT_MOST: u64 = 10_000_000_000;

/// Odds ratios that can be tolerated; beyond them the products of the test would leave the numbers' range.
const TOLERABLE: std::ops::RangeInclusive<f64> = 1e-6..=1e6;

fn gains<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<i64>, D::Error> {
    let gains = Vec::<i64>::deserialize(deserializer)?;
    if gains.is_empty() || gains.len() == ALTERNATIVES.len() {
        return Ok(gains);
    }
    Err(D::Error::custom("not the evidence of a tail test"))
}

// === impl TailTest ===

impl TailTest {
    /// Takes a window into account, in which `errors` counts the requests with the property.
    ///
    /// `tolerated` is the odds ratio ψ0 up to which no evidence accrues. Odds are the slow requests divided by
    /// the others: where 1 % of stable's requests are slow, 1.25 tolerates 1.25 % of the canary's (for rare
    /// things odds and shares are all but the same); where half of stable's are, it tolerates 55.6 %. It may
    /// change from window to window, as long as it does not follow from the window's own counts. Outside of
    /// 10^-6 to 10^6, the window says nothing.
    ///
    /// Costs some twenty standard deviations of the number of slow requests in the canary, in divisions, for
    /// each of nine odds ratios: of the order of the square root of the smallest count.
    pub fn update(&mut self, window: &Bucket, tolerated: f64) {
        let window = window.clamped();
        let (canary, stable) = (window.canary, window.stable);
        let too_long = canary.requests.max(stable.requests) > REQUESTS_AT_MOST;
        if too_long || !TOLERABLE.contains(&tolerated) {
            return;
        }
        let split = Hypergeometric::new(canary.requests, stable.requests, canary.errors + stable.errors);
        if split.is_fixed() {
            return;
        }
        self.gains.resize(ALTERNATIVES.len(), 0);
        let null = split.ln_z(tolerated);
        for (sum, factor) in self.gains.iter_mut().zip(ALTERNATIVES) {
            let gain = nats::real(canary.errors) * factor.ln() + null - split.ln_z(tolerated * factor);
            *sum = sum.saturating_add(nats::floor(gain - split.error()));
        }
    }

    /// Nats of evidence against "the canary's odds are at most the tolerated multiple of stable's".
    pub fn ln_evidence(&self) -> f64 {
        if self.gains.is_empty() {
            return 0.0;
        }
        ln_mean_exp(self.gains.iter().map(|gain| nats::nats(*gain)))
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests;
