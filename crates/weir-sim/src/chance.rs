//! Seeded chance: the same seed gives the same world.

/// A source of chance.
#[derive(Clone, Debug)]
pub struct Chance(fastrand::Rng);

/// Means above this are drawn in parts: the product of [`Chance::poisson`] would leave the numbers' range.
const PART: f64 = 60.0;

// === impl Chance ===

impl Chance {
    /// What a seed stands for.
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// Between 0 and 1.
    pub fn share(&mut self) -> f64 {
        self.0.f64()
    }

    /// Whether something of this probability happens.
    pub fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.0.f64() < probability
    }

    /// A number below another, or 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.0.u64(0..limit) }
    }

    /// One of several.
    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.0.usize(0..all.len())]
    }

    /// How many independent events happen where so many are expected.
    pub fn poisson(&mut self, mean: f64) -> u64 {
        let (mut count, mut left) = (0, mean);
        while left > 0.0 {
            let floor = (-left.min(PART)).exp();
            let mut product = self.0.f64();
            while product > floor {
                count += 1;
                product *= self.0.f64();
            }
            left -= PART;
        }
        count
    }

    /// How many of `of` trials succeed, by jumping from success to success.
    pub fn binomial(&mut self, of: u64, probability: f64) -> u64 {
        if probability <= 0.0 || of == 0 {
            return 0;
        }
        if probability > 0.5 {
            return of - self.binomial(of, 1.0 - probability);
        }
        let mut successes = 0;
        let mut at = self.gap(probability);
        while at <= of {
            successes += 1;
            at = at.saturating_add(self.gap(probability));
        }
        successes
    }

    /// How many trials it takes until one succeeds; at least 1.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; as saturates")]
    pub fn gap(&mut self, probability: f64) -> u64 {
        if probability >= 1.0 {
            return 1;
        }
        let jump = (1.0 - self.0.f64()).ln() / (-probability).ln_1p();
        (jump.floor() as u64).saturating_add(1)
    }

    /// From the standard normal distribution, by the method of Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.0.f64()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.0.f64()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: u32 = 20_000;

    fn mean(mut draw: impl FnMut(&mut Chance) -> f64) -> f64 {
        let mut chance = Chance::new(7);
        (0..DRAWS).map(|_| draw(&mut chance)).sum::<f64>() / f64::from(DRAWS)
    }

    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    fn real(count: u64) -> f64 {
        count as f64
    }

    #[test]
    fn draws_have_their_means() {
        let near =
            |seen: f64, wanted: f64| assert!((seen - wanted).abs() < 0.03 * wanted + 0.02, "{seen} {wanted}");
        near(mean(|chance| real(chance.poisson(0.3))), 0.3);
        near(mean(|chance| real(chance.poisson(150.0))), 150.0);
        near(mean(|chance| real(chance.binomial(50, 0.02))), 1.0);
        near(mean(|chance| real(chance.binomial(50, 0.9))), 45.0);
        near(mean(|chance| real(chance.gap(0.25))), 4.0);
        near(mean(Chance::normal), 0.0);
        near(mean(|chance| chance.normal().powi(2)), 1.0);
    }

    #[test]
    fn certain_things_are_certain() {
        let mut chance = Chance::new(1);
        assert!(!chance.happens(0.0) && chance.happens(1.0));
        assert_eq!((chance.binomial(9, 0.0), chance.binomial(9, 1.0), chance.below(0)), (0, 9, 0));
    }

    #[test]
    fn a_seed_is_a_world() {
        let draw = |seed| Chance::new(seed).poisson(40.0);
        assert_eq!(draw(3), draw(3));
        assert!((0..20).any(|seed| draw(seed) != draw(seed + 1)));
    }
}
