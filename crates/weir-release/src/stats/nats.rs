//! Logarithms of evidence: how they are stored, summed and computed.

/// What one stored unit is worth. Sums are kept as whole numbers of these, so that what is stored is what
/// is computed with: a test that was written and read back decides exactly as one that was not, and the
/// order of buckets cannot matter.
pub(super) const UNIT: f64 = 1e-6;

/// The nearest number of units; the error is at most half a [`UNIT`].
pub(super) fn nearest(nats: f64) -> i64 {
    whole((nats / UNIT).round())
}

/// The greatest number of units that is not above, for evidence that must not be overstated.
pub(super) fn floor(nats: f64) -> i64 {
    whole((nats / UNIT).floor())
}

#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is what is wanted")]
fn whole(units: f64) -> i64 {
    units as i64
}

/// Units as nats.
#[expect(clippy::cast_precision_loss, reason = "2^53 units are nine thousand million nats")]
pub(super) fn nats(units: i64) -> f64 {
    units as f64 * UNIT
}

/// A count as a number to compute with.
#[expect(clippy::cast_precision_loss, reason = "counts above 2^53 lose digits that no rate shows")]
pub(super) fn real(count: u64) -> f64 {
    count as f64
}

/// ln Σ exp(term), without overflow.
pub(super) fn ln_sum_exp(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let most = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if most.is_infinite() {
        return most;
    }
    most + terms.map(|term| (term - most).exp()).sum::<f64>().ln()
}

/// The logarithm of the mean of exp(term): the evidence of equally weighted alternatives.
pub(super) fn ln_mean_exp(terms: impl ExactSizeIterator<Item = f64> + Clone) -> f64 {
    let count = u64::try_from(terms.len()).unwrap_or(u64::MAX);
    ln_sum_exp(terms) - real(count).ln()
}

/// ln Γ(x) for x > 0, by Stirling's series from [`STIRLING_FROM`] on; smaller arguments are shifted up.
pub(super) fn ln_gamma(x: f64) -> f64 {
    let mut x = x;
    let mut shift = 1.0;
    while x < STIRLING_FROM {
        shift *= x;
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series = 1.0 / 12.0 - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse / 1680.0));
    (x - 0.5) * x.ln() - x + LN_SQRT_2_PI + series / x - f64::ln(shift)
}

/// Where four terms of Stirling's series are good to 1e-13.
const STIRLING_FROM: f64 = 16.0;

/// ln √(2π).
const LN_SQRT_2_PI: f64 = 0.918_938_533_204_672_7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_huge_terms_does_not_overflow() {
        let sum = ln_sum_exp([1e6, 1e6].into_iter());
        assert!((sum - 1e6 - std::f64::consts::LN_2).abs() < 1e-9);
        assert!(ln_sum_exp([f64::NEG_INFINITY; 2].into_iter()).is_infinite());
    }

    #[test]
    fn ln_gamma_agrees_with_factorials_and_the_half() {
        let mut factorial = 0.0_f64;
        for n in 1..200_u32 {
            factorial += f64::from(n).ln();
            assert!((ln_gamma(f64::from(n + 1)) - factorial).abs() < 1e-11 * factorial.max(1.0), "{n}");
        }
        assert!((ln_gamma(0.5) - std::f64::consts::PI.sqrt().ln()).abs() < 1e-13);
    }

    #[test]
    fn units_come_back_and_never_overstate() {
        for value in [-3.25, 0.0, 1.0 / 3.0, 6.9e9] {
            assert_eq!(nearest(nats(nearest(value))), nearest(value));
            assert!(nats(floor(value)) <= value);
        }
    }
}
