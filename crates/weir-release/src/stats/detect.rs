//! What can be detected, and how soon.
//!
//! If the canary fails ρ times as often as stable's rate q, and gets a share w of the requests, then the
//! log-likelihood of ρ against ρ0 grows per canary request by
//!
//! ```text
//! g = q·(ρ·ln(ρ/ρ0) + M(ρ)/w · ln(M(ρ0)/M(ρ)))        M(r) = w·r + 1 − w
//! ```
//!
//! on average: the Kullback–Leibler divergence of the error-rate test. It has to climb A = ln(1/α) + ln(K/2),
//! where K is the number of alternatives that share the weight. K alone would be the price if only one of
//! them gained; half of it was fitted to simulations, presumably because the neighbours of the truth gain as
//! well. The time at which a random walk with drift g first reaches A is close to inverse Gaussian, with mean
//! A/g; where its variance is twice the drift, as for a likelihood ratio near ρ0, the median is about
//! A/g/√(1 + 2/A). Good for planning, to a third or so; no guarantee rests on it.
//!
//! Source for the walk: Siegmund, *Sequential Analysis* (1985).

use std::time::Duration;

/// What is supposed about a release, to tell what its error guardrail would find.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scenario {
    /// Stable's error rate, a share of its requests.
    pub base_rate: f64,
    /// The canary's error rate ÷ stable's.
    pub ratio: f64,
    /// The canary's share of all requests.
    pub share: f64,
}

/// Alternatives of [`RateTest::ln_evidence_worse_than`](super::RateTest::ln_evidence_worse_than).
const WORSE: f64 = 9.0;

/// Alternatives of [`RateTest::ln_evidence_better_than`](super::RateTest::ln_evidence_better_than).
const BETTER: f64 = 7.0;

// === impl Scenario ===

impl Scenario {
    /// Canary requests until "at most `tolerated` times as bad" is refuted with `fail_at` nats, in the median;
    /// infinite if the canary is not worse than that, or never fails.
    pub fn requests_to_fail(&self, tolerated: f64, fail_at: f64) -> f64 {
        if self.ratio > tolerated {
            self.requests(tolerated, fail_at + (WORSE / 2.0).ln())
        } else {
            f64::INFINITY
        }
    }

    /// Canary requests until "at least `harmful` times as bad" is refuted with `pass_at` nats, in the median;
    /// infinite if the canary is as bad as that, or nothing ever fails.
    pub fn requests_to_pass(&self, harmful: f64, pass_at: f64) -> f64 {
        if self.ratio < harmful {
            self.requests(harmful, pass_at + (BETTER / 2.0).ln())
        } else {
            f64::INFINITY
        }
    }

    /// The time that both arms take to complete so many canary requests at so many requests per second
    /// together; `None` if that never happens.
    pub fn time(&self, canary_requests: f64, requests_per_second: f64) -> Option<Duration> {
        Duration::try_from_secs_f64(canary_requests / (requests_per_second * self.share)).ok()
    }

    fn requests(&self, null: f64, climb: f64) -> f64 {
        let growth = self.growth(null);
        if growth > 0.0 { climb / growth / (1.0 + 2.0 / climb).sqrt() } else { f64::INFINITY }
    }

    /// g above. A ratio that would make every canary request fail, and more, is cut to just that.
    fn growth(&self, null: f64) -> f64 {
        let ratio = self.ratio.min(1.0 / self.base_rate);
        let mean = |ratio: f64| self.share * ratio + 1.0 - self.share;
        let own = if ratio > 0.0 { ratio * (ratio / null).ln() } else { 0.0 };
        self.base_rate * (own + mean(ratio) / self.share * (mean(null) / mean(ratio)).ln())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::threshold, *};

    /// Simulated medians of canary requests until failure: stable's rate, ratio, requests; α = 1 %, w = 10 %.
    const TO_FAIL: [(f64, f64, f64); 14] = [
        (0.0001, 1.5, 526e3),
        (0.0001, 2.0, 162e3),
        (0.0001, 3.0, 48e3),
        (0.0001, 5.0, 15e3),
        (0.0001, 10.0, 5.1e3),
        (0.001, 1.5, 60e3),
        (0.001, 2.0, 15e3),
        (0.001, 3.0, 4.9e3),
        (0.001, 5.0, 1.7e3),
        (0.001, 10.0, 524.0),
        (0.01, 1.5, 5.8e3),
        (0.01, 2.0, 1.6e3),
        (0.01, 3.0, 521.0),
        (0.01, 5.0, 178.0),
    ];

    #[test]
    fn agrees_with_simulations_of_failures_within_a_quarter() {
        for (base_rate, ratio, simulated) in TO_FAIL {
            let estimate = Scenario { base_rate, ratio, share: 0.1 }.requests_to_fail(1.0, threshold(0.01));
            check_factor(base_rate, ratio, estimate / simulated, 1.25);
        }
    }

    #[test]
    fn agrees_with_simulations_of_passes_within_a_third() {
        for (base_rate, simulated) in [(0.01, 1.1e3), (0.001, 11.7e3), (0.0001, 107e3)] {
            let estimate =
                Scenario { base_rate, ratio: 1.0, share: 0.1 }.requests_to_pass(2.0, threshold(0.05));
            check_factor(base_rate, 1.0, estimate / simulated, 1.33);
        }
    }

    fn check_factor(base_rate: f64, ratio: f64, factor: f64, most: f64) {
        assert!((1.0 / most..most).contains(&factor), "{base_rate} × {ratio}: off by a factor of {factor}");
    }
}
