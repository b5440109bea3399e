//! Where the evidence on a new version convinces: what the release machine decides by, and what a reader needs to
//! see how far the evidence still is from that.

use serde::{Deserialize, Serialize};

use crate::{
    spec::{Analysis, Guardrail, Watch},
    stats::{Family, Scenario, threshold},
};

/// From this ratio of error rates on a new version counts as harmful: evidence against it is evidence of
/// health.
const HARMFUL: f64 = 2.0;
/// The chance that a harmful version is taken for a healthy one.
pub(crate) const PASS: f64 = 0.05;
/// The part of a false alarm's chance that the limit of errors has; the comparison has the rest.
const BY_LIMIT: f64 = 0.1;

/// Where evidence convinces. Ratios are error rates, the new version's ÷ the old one's; evidence is in nats, the
/// natural logarithm of how much likelier the counts are if the claim against it does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Thresholds {
    /// From this ratio on a version counts as harmful.
    pub harmful: f64,
    /// The evidence against "it is harmful" at which a version passes, in nats.
    pub pass_at: f64,
    /// Where a version fails; absent while the manifest cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail: Option<FailAt>,
}

/// Where a new version fails, as its manifest has it. The chance of a false alarm is divided equally among the
/// guardrails that compute with it, and that of errors among their two tests.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailAt {
    /// Up to this ratio the new version is no worse.
    pub tolerated: f64,
    /// The evidence against "errors are tolerated" at which the comparison of errors fails, in nats.
    pub comparison: f64,
    /// The evidence against "errors are below their limit" at which that limit fails, in nats.
    pub limit: f64,
    /// The evidence at which any other guardrail fails that computes with a chance of a false alarm, in nats.
    pub guardrail: f64,
}

// === impl Thresholds ===

impl Thresholds {
    /// Those of a manifest.
    pub fn of(analysis: &Analysis) -> Self {
        Self { fail: Some(FailAt::of(analysis)), ..Self::default() }
    }
}

impl Default for Thresholds {
    /// Those that no manifest has a say in.
    fn default() -> Self {
        Self { harmful: HARMFUL, pass_at: threshold(PASS), fail: None }
    }
}

// === impl FailAt ===

impl FailAt {
    /// Those of a manifest.
    pub fn of(analysis: &Analysis) -> Self {
        let computes =
            |guardrail: &&Guardrail| matches!(guardrail.watch, Watch::Errors(_) | Watch::Latency(_));
        let guardrails = analysis.guardrails.iter().filter(computes).count();
        let guardrails = u32::try_from(guardrails).unwrap_or(u32::MAX);
        let tolerated = analysis.errors().map_or(1.0, |errors| errors.tolerated);
        Self::new(Family { alpha: analysis.false_abort, guardrails }, tolerated)
    }

    /// Those of guardrails that share the chance of a false alarm.
    pub fn new(family: Family, tolerated: f64) -> Self {
        let guardrail = family.threshold();
        // Where the limit fails, it fails by far: it needs little of the chance.
        let (comparison, limit) = (guardrail - (1.0 - BY_LIMIT).ln(), guardrail - BY_LIMIT.ln());
        Self { tolerated, comparison, limit, guardrail }
    }

    /// Requests of the new version until its errors fail it, in the median: by comparison, or because more than a
    /// share of `absolute_max` fails where that is asked for, and not before there are `min_errors`. Infinite if they
    /// never do.
    pub fn requests_to_fail(&self, scenario: &Scenario, absolute_max: Option<f64>, min_errors: u64) -> f64 {
        let compared = scenario.requests_to_fail(self.tolerated, self.comparison);
        let exceeded =
            absolute_max.map_or(f64::INFINITY, |limit| scenario.requests_to_exceed(limit, self.limit));
        compared.min(exceeded).max(scenario.requests_to_errors(min_errors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chance_of_a_false_alarm_is_spent_once() {
        for guardrails in [1, 2, 3] {
            let at = FailAt::new(Family { alpha: 0.01, guardrails }, 1.0);
            let errors = (-at.comparison).exp() + (-at.limit).exp();
            let others = f64::from(guardrails - 1) * (-at.guardrail).exp();
            assert!((errors + others - 0.01).abs() < 1e-12, "{at:?}");
        }
    }

    #[test]
    fn a_reader_gets_what_was_sent() {
        let fail = FailAt::new(Family { alpha: 0.01, guardrails: 2 }, 1.5);
        for sent in [Thresholds::default(), Thresholds { fail: Some(fail), ..Thresholds::default() }] {
            let json = serde_json::to_value(sent).unwrap();
            assert_eq!(serde_json::from_value::<Thresholds>(json).unwrap(), sent);
        }
        assert_eq!(serde_json::from_str::<Thresholds>("{}").unwrap(), Thresholds::default());
    }
}
