//! What can be detected, and how soon.
//!
//! Each alternative of a test is a random walk: with every request its log-likelihood ratio moves by g on average
//! (the drift, a difference of Kullback–Leibler divergences), with variance v. The evidence is the logarithm of the
//! weighted mean over all alternatives. Were there no chance in it, it would reach A nats after the n requests that
//! solve
//!
//! ```text
//! ln Σ weight·exp(n·g) = A
//! ```
//!
//! One walk with drift first reaches its goal after a time that is close to inverse Gaussian, whose median is about
//! mean/√(1 + mean/shape); here that is n/√(1 + v/(g²·n)), with g and v of the alternative that has the most weight
//! by then. Within a quarter of the medians of simulations; good for planning, no guarantee rests on it.
//!
//! Source for the walk: Siegmund, *Sequential Analysis* (1985).

use super::{absolute, nats::ln_sum_exp, nats::real, rate};

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

/// An alternative of a test: how its log-likelihood ratio moves with each request of the canary, in nats.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    /// Its share of the weight of all alternatives.
    pub(super) weight: f64,
    /// The mean.
    pub(super) drift: f64,
    /// The variance.
    pub(super) variance: f64,
}

/// Halvings of the range of requests.
const HALVINGS: usize = 60;

// === impl Scenario ===

impl Scenario {
    /// Canary requests until [`RateTest`](super::RateTest) has `fail_at` nats against "at most `tolerated` times as
    /// bad", in the median; infinite if the canary is not worse than that by as much as the test can see.
    pub fn requests_to_fail(&self, tolerated: f64, fail_at: f64) -> f64 {
        if self.ratio > tolerated {
            median(&rate::walks_worse(self, tolerated), fail_at)
        } else {
            f64::INFINITY
        }
    }

    /// Canary requests until [`RateTest`](super::RateTest) has `pass_at` nats against "at least `harmful` times as
    /// bad", in the median; infinite if the canary is as bad as that, or nothing ever fails.
    pub fn requests_to_pass(&self, harmful: f64, pass_at: f64) -> f64 {
        if self.ratio < harmful { median(&rate::walks_better(self, harmful), pass_at) } else { f64::INFINITY }
    }

    /// Canary requests until [`AbsoluteTest`](super::AbsoluteTest) has `fail_at` nats against "the canary's error
    /// rate is at most `limit`", in the median; infinite if it is.
    pub fn requests_to_exceed(&self, limit: f64, fail_at: f64) -> f64 {
        let rate = self.canary_rate();
        if rate > limit { median(&absolute::walks_above(rate, limit), fail_at) } else { f64::INFINITY }
    }

    /// Canary requests until so many have failed, in the median; infinite if none ever fails.
    pub fn requests_to_errors(&self, errors: u64) -> f64 {
        // The median of a gamma distribution is about a third below its mean, in units of its scale.
        (real(errors) - 1.0 / 3.0).max(0.0) / self.canary_rate()
    }

    /// The canary's error rate. A ratio that would make every canary request fail, and more, is cut to just that.
    pub(super) fn canary_rate(&self) -> f64 {
        (self.base_rate * self.ratio).min(1.0)
    }
}

/// Requests until the alternatives together have so many nats, in the median; infinite if they never do.
fn median(walks: &[Walk], goal: f64) -> f64 {
    let alone =
        walks.iter().filter(|walk| walk.drift > 0.0).map(|walk| (goal - walk.weight.ln()) / walk.drift);
    // Whatever the others do, the first to arrive by itself is there.
    let latest = alone.fold(f64::INFINITY, f64::min);
    if latest.is_infinite() {
        return latest;
    }
    let reached = |requests: f64| ln_sum_exp(walks.iter().map(|walk| walk.after(requests))) >= goal;
    let (mut early, mut late) = (0.0, latest);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(early, late);
        if reached(middle) { late = middle } else { early = middle }
    }
    let heaviest = walks.iter().max_by(|a, b| a.after(late).total_cmp(&b.after(late)));
    let spread = heaviest.map_or(0.0, |walk| walk.variance / (walk.drift * walk.drift * late));
    late / (1.0 + spread).sqrt()
}

// === impl Walk ===

impl Walk {
    /// The logarithm of its weighted likelihood ratio after so many requests, without chance.
    fn after(&self, requests: f64) -> f64 {
        self.weight.ln() + requests * self.drift
    }
}

#[cfg(test)]
mod tests {
    use super::{super::threshold, *};

    #[test]
    fn what_a_test_cannot_see_takes_for_ever() {
        let scenario = |ratio| Scenario { base_rate: 0.01, ratio, share: 0.1 };
        assert!(scenario(1.0).requests_to_fail(1.0, 5.0).is_infinite());
        assert!(
            scenario(1.02).requests_to_fail(1.0, 5.0).is_infinite(),
            "nearer to 1 than to any alternative"
        );
        assert!(scenario(2.0).requests_to_pass(2.0, 3.0).is_infinite());
        assert!(scenario(5.0).requests_to_exceed(0.05, 5.0).is_infinite());
        assert!(scenario(0.0).requests_to_errors(1).is_infinite());
        let never = Scenario { base_rate: 0.0, ratio: 1.0, share: 0.1 };
        assert!(never.requests_to_pass(2.0, 3.0).is_infinite());
    }

    #[test]
    fn more_is_found_sooner() {
        let needed = |ratio: f64| {
            let scenario = Scenario { base_rate: 0.002, ratio, share: 0.2 };
            scenario.requests_to_fail(1.0, threshold(0.01))
        };
        let ratios = [1.1, 1.3, 2.0, 5.0, 30.0, 400.0];
        assert!(ratios.windows(2).all(|pair| needed(pair[1]) < needed(pair[0])), "{:?}", ratios.map(needed));
        assert!(needed(1.1).is_finite() && needed(5000.0).is_finite());
    }
}
