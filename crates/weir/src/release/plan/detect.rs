//! How small a difference can be found.

use weir_release::{Thresholds, stats::Scenario};

use super::outline::Outline;

/// Halvings of the range of ratios.
const HALVINGS: usize = 50;

/// How many times the old version's errors are found among so many requests of the new one, in the median: the
/// smallest such ratio. `None` if not even a version that always fails is found.
pub(super) fn smallest(outline: &Outline, errors: f64, share: f64, requests: f64) -> Option<f64> {
    let is_found = |ratio: f64| {
        let scenario = Scenario { base_rate: errors, ratio, share };
        outline.fail.requests_to_fail(&scenario, outline.absolute, outline.min_errors) <= requests
    };
    let (mut low, mut high) = (outline.fail.tolerated.ln(), (1.0 / errors).ln());
    if !is_found(high.exp()) {
        return None;
    }
    for _ in 0..HALVINGS {
        let middle = low.midpoint(high);
        if is_found(middle.exp()) { high = middle } else { low = middle }
    }
    Some(high.exp())
}

/// How much of what it takes to show that a version which fails as often as the old one is not harmful, as a share.
pub(super) fn towards_yes(outline: &Outline, errors: f64, share: f64, requests: f64) -> f64 {
    let Thresholds { harmful, pass_at, .. } = outline.thresholds;
    requests / Scenario { base_rate: errors, ratio: 1.0, share }.requests_to_pass(harmful, pass_at)
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests stay far below 2^52")]
pub(super) fn as_float(number: u64) -> f64 {
    number as f64
}
