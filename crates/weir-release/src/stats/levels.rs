//! How much evidence convinces, and what it then says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a test says about a guardrail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Verdict {
    /// The canary is shown not to be harmful; more data is not needed.
    Successful,
    /// The canary is shown to be worse than tolerated.
    Failed,
    /// Neither is shown yet; more data may show either.
    Inconclusive,
}

/// The guardrails of one release, which share its probability of a false abort.
///
/// Each gets α/n (Bonferroni), so that the probability that any of them ever fails a healthy canary is at
/// most α, however the guardrails depend on one another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Family {
    /// The probability of a false abort of the whole release, between 0 and 1.
    pub alpha: f64,
    /// How many guardrails can abort it; none counts as one.
    pub guardrails: u32,
}

/// ln(1/α), the evidence in nats at which a test of level `alpha` convinces; infinite unless 0 < α.
pub fn threshold(alpha: f64) -> f64 {
    if alpha > 0.0 { -alpha.ln() } else { f64::INFINITY }
}

// === impl Verdict ===

impl Verdict {
    /// Weighs evidence that the canary is worse than tolerated against evidence that it is not harmful, each
    /// in nats and with its own threshold. Where both are convincing, harm wins.
    pub fn of(worse: f64, fail_at: f64, better: f64, pass_at: f64) -> Self {
        if worse >= fail_at {
            Self::Failed
        } else if better >= pass_at {
            Self::Successful
        } else {
            Self::Inconclusive
        }
    }
}

// === impl Family ===

impl Family {
    /// The level of one guardrail: α/n.
    pub fn level(&self) -> f64 {
        self.alpha / f64::from(self.guardrails.max(1))
    }

    /// The evidence in nats at which one guardrail convinces: ln(n/α).
    pub fn threshold(&self) -> f64 {
        threshold(self.level())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guardrails_share_the_level() {
        let family = Family { alpha: 0.01, guardrails: 4 };
        assert!((family.level() - 0.0025).abs() < 1e-15);
        assert!((family.threshold() - 400_f64.ln()).abs() < 1e-12);
        assert!((Family { alpha: 0.01, guardrails: 0 }.threshold() - 100_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn an_impossible_level_is_never_reached() {
        for alpha in [0.0, -1.0, f64::NAN] {
            assert!(threshold(alpha).is_infinite());
        }
    }

    #[test]
    fn harm_wins() {
        assert_eq!(Verdict::of(5.0, 4.6, 9.0, 3.0), Verdict::Failed);
        assert_eq!(Verdict::of(4.5, 4.6, 3.0, 3.0), Verdict::Successful);
        assert_eq!(Verdict::of(4.5, 4.6, 2.9, 3.0), Verdict::Inconclusive);
        assert_eq!(Verdict::of(f64::NAN, 4.6, f64::NAN, 3.0), Verdict::Inconclusive);
    }
}
