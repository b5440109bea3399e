//! Fisher's non-central hypergeometric distribution: how many of `m` events are the canary's.
//!
//! If each of `n_c` canary and `n_s` stable requests is an event independently, and the canary's odds are ψ
//! times stable's, then among `m` events the canary has `j` with probability `t(j)/Z(ψ)`, where
//!
//! ```text
//! t(j) = C(n_c, j)·C(n_s, m − j)·ψ^j        Z(ψ) = Σ t(j)
//! ```

use super::nats::{ln_gamma, real};

/// Two arms and the number of events in both, as whole numbers to compute with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hypergeometric {
    canary: f64,
    stable: f64,
    events: f64,
}

/// What a term may be relative to the greatest one to be left out, with all beyond it. The terms fall ever
/// faster away from the greatest one, so what is left out is far below a micronat.
const NEGLIGIBLE: f64 = 1e-20;

/// How far the logarithms that Z is computed from may be off, relative to n·ln n: eight values of ln Γ with
/// an error of one part in 2^52 each.
const LN_GAMMA_ERROR: f64 = 2e-15;

// === impl Hypergeometric ===

impl Hypergeometric {
    pub(super) fn new(canary: u64, stable: u64, events: u64) -> Self {
        Self { canary: real(canary), stable: real(stable), events: real(events) }
    }

    /// The fewest events that can be the canary's.
    fn least(&self) -> f64 {
        (self.events - self.stable).max(0.0)
    }

    /// The most events that can be the canary's.
    fn most(&self) -> f64 {
        self.events.min(self.canary)
    }

    /// Whether the number of events leaves no choice.
    pub(super) fn is_fixed(&self) -> bool {
        self.least() >= self.most()
    }

    /// How far a difference of two [`Hypergeometric::ln_z`] may be off.
    pub(super) fn error(&self) -> f64 {
        let requests = self.canary + self.stable;
        LN_GAMMA_ERROR * requests * requests.max(2.0).ln()
    }

    /// ln Z(ψ), up to a constant that does not depend on ψ.
    ///
    /// Starts at the greatest term and walks both ways by running ratios until nothing is added any more:
    /// some twenty standard deviations of `j`, so `O(√min(n_c, n_s, m))` divisions, and at most all terms.
    pub(super) fn ln_z(&self, odds: f64) -> f64 {
        let mode = self.mode(odds);
        let sum = 1.0 + self.above(mode, odds) + self.below(mode, odds);
        mode * odds.ln() - self.ln_ways(mode) + sum.ln()
    }

    /// t(j + 1)/t(j) for ψ = 1. It decreases in j.
    fn growth(&self, j: f64) -> f64 {
        (self.canary - j) * (self.events - j) / ((j + 1.0) * (self.stable - self.events + j + 1.0))
    }

    /// The j of the greatest term: the first from which terms do not grow, by bisection.
    fn mode(&self, odds: f64) -> f64 {
        let (mut low, mut high) = (self.least(), self.most());
        while low < high {
            let middle = low.midpoint(high).floor();
            if self.growth(middle) * odds > 1.0 { low = middle + 1.0 } else { high = middle }
        }
        low
    }

    fn above(&self, mode: f64, odds: f64) -> f64 {
        let (mut j, mut term, mut sum) = (mode, 1.0, 0.0);
        while j < self.most() && term > NEGLIGIBLE {
            term *= self.growth(j) * odds;
            sum += term;
            j += 1.0;
        }
        sum
    }

    fn below(&self, mode: f64, odds: f64) -> f64 {
        let (mut j, mut term, mut sum) = (mode, 1.0, 0.0);
        while j > self.least() && term > NEGLIGIBLE {
            j -= 1.0;
            term /= self.growth(j) * odds;
            sum += term;
        }
        sum
    }

    /// ln of `j!·(n_c − j)!·(m − j)!·(n_s − m + j)!`, which `C(n_c, j)·C(n_s, m − j)` is a constant over.
    fn ln_ways(&self, j: f64) -> f64 {
        let others = self.events - j;
        [j, self.canary - j, others, self.stable - others].map(|n| ln_gamma(n + 1.0)).iter().sum()
    }
}
