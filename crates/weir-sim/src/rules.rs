//! The rules of other tools, as their documents show them, on the same requests.
//!
//! Sources: research/delivery.md 3.1 and 3.7 of the project; Argo Rollouts' `AnalysisTemplate` examples and
//! `failureLimit`, of which one more is needed than it says; Flagger's `threshold`, which is a sum over the
//! whole release and never decays. A tuned user would choose other thresholds.

use weir_release::stats::Counts;

/// A rule that may end a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Argo Rollouts, documented example: success ≥ 95 % over 5 minutes, `failureLimit` 3.
    ArgoExample,
    /// Argo Rollouts, strict: success ≥ 99 % over a minute, `failureLimit` 0.
    ArgoStrict,
    /// Flagger, documented example: success ≥ 99 % over a minute, `threshold` 5.
    Flagger,
    /// A test for two proportions that is made every minute, each time at 5 %.
    RepeatedTest,
}

/// What a rule has seen.
#[derive(Clone, Debug)]
pub struct Watcher {
    rule: Rule,
    seconds: u64,
    canary: Counts,
    stable: Counts,
    failures: u32,
}

/// The 95th percentile of the standard normal distribution.
const ONE_SIDED_5_PERCENT: f64 = 1.645;

// === impl Rule ===

impl Rule {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ArgoExample, Self::ArgoStrict, Self::Flagger, Self::RepeatedTest];

    /// For tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::ArgoExample => "Argo, >=95 % of 5 min, limit 3",
            Self::ArgoStrict => "Argo, >=99 % of 1 min, limit 0",
            Self::Flagger => "Flagger, >=99 % of 1 min, threshold 5",
            Self::RepeatedTest => "z-test 5 %, every minute",
        }
    }

    /// How often it looks, in seconds.
    fn every(self) -> u64 {
        if self == Self::ArgoExample { 300 } else { 60 }
    }

    /// How many failures end the release.
    fn enough(self) -> u32 {
        match self {
            Self::ArgoExample => 4,
            Self::ArgoStrict | Self::RepeatedTest => 1,
            Self::Flagger => 5,
        }
    }

    fn is_failure(self, canary: Counts, stable: Counts) -> bool {
        match self {
            Self::ArgoExample => success(canary).is_some_and(|success| success < 0.95),
            Self::ArgoStrict | Self::Flagger => success(canary).is_some_and(|success| success < 0.99),
            Self::RepeatedTest => z(canary, stable) > ONE_SIDED_5_PERCENT,
        }
    }

    /// Whether it begins to count again at every look.
    fn forgets(self) -> bool {
        self != Self::RepeatedTest
    }
}

// === impl Watcher ===

impl Watcher {
    /// Begins with nothing.
    pub fn new(rule: Rule) -> Self {
        let nothing = Counts::default();
        Self { rule, seconds: 0, canary: nothing, stable: nothing, failures: 0 }
    }

    /// Takes in a second; whether the release ends.
    pub fn ends(&mut self, canary: Counts, stable: Counts) -> bool {
        add(&mut self.canary, canary);
        add(&mut self.stable, stable);
        self.seconds += 1;
        if !self.seconds.is_multiple_of(self.rule.every()) {
            return false;
        }
        self.failures += u32::from(self.rule.is_failure(self.canary, self.stable));
        if self.rule.forgets() {
            (self.canary, self.stable) = Default::default();
        }
        self.failures >= self.rule.enough()
    }
}

fn add(sum: &mut Counts, more: Counts) {
    sum.requests += more.requests;
    sum.errors += more.errors;
}

fn success(counts: Counts) -> Option<f64> {
    (counts.requests > 0).then(|| 1.0 - real(counts.errors) / real(counts.requests))
}

/// How many standard deviations the new version's error rate is above the old one's.
fn z(canary: Counts, stable: Counts) -> f64 {
    let [n, m] = [canary, stable].map(|counts| real(counts.requests));
    let [x, y] = [canary, stable].map(|counts| real(counts.errors));
    let pooled = (x + y) / (n + m);
    let deviation = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    if deviation > 0.0 { (x / n - y / m) / deviation } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
fn real(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(requests: u64, errors: u64) -> Counts {
        Counts { requests, errors }
    }

    fn ends_after(rule: Rule, canary: Counts, stable: Counts) -> Option<u64> {
        let mut watcher = Watcher::new(rule);
        (1..=3_600).find(|_| watcher.ends(canary, stable))
    }

    #[test]
    fn each_rule_ends_as_its_documents_say() {
        let bad = counts(100, 6);
        let good = counts(100, 0);
        let ends = |rule| ends_after(rule, bad, good);
        assert_eq!(ends(Rule::ArgoExample), Some(1_200), "the fourth failure of 5 minutes");
        assert_eq!(ends(Rule::ArgoStrict), Some(60));
        assert_eq!(ends(Rule::Flagger), Some(300));
        assert_eq!(ends(Rule::RepeatedTest), Some(60));
        for rule in Rule::ALL {
            assert_eq!(ends_after(rule, good, good), None);
            assert_eq!(ends_after(rule, counts(0, 0), good), None, "no data is no failure");
        }
        assert_eq!(ends_after(Rule::ArgoExample, counts(100, 4), good), None, "96 % are enough for it");
    }
}
