//! Counts of both arms over the same stretch of time, closed without looking at what was counted.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One arm's requests within a [`Bucket`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Completed requests, or clients with a request where clients are known.
    pub requests: u64,
    /// Those among them that failed; more than `requests` counts as all of them.
    pub errors: u64,
}

/// Both arms over the same stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bucket {
    /// The new version.
    pub canary: Counts,
    /// The version that it is compared with.
    pub stable: Counts,
}

/// A bucket that is still being filled.
///
/// It closes when it has been open for [`Filling::OPEN_AT_LEAST`] and each arm has
/// [`Filling::REQUESTS_AT_LEAST`] requests. Neither looks at errors: a bucket that closed on outcomes would
/// let the outcomes choose which comparison is made. Closing on counts instead of on time alone is what
/// leaves power at a few requests per second, where most one-second buckets miss an arm and say nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Filling {
    #[serde(default)]
    open_millis: u64,
    #[serde(default)]
    bucket: Bucket,
}

// === impl Counts ===

impl Counts {
    /// With no more errors than requests.
    pub(super) fn clamped(self) -> Self {
        Self { requests: self.requests, errors: self.errors.min(self.requests) }
    }

    fn plus(self, more: Self) -> Self {
        let more = more.clamped();
        Self {
            requests: self.requests.saturating_add(more.requests),
            errors: self.errors.saturating_add(more.errors),
        }
    }
}

// === impl Bucket ===

impl Bucket {
    /// With no more errors than requests in either arm.
    pub(super) fn clamped(self) -> Self {
        Self { canary: self.canary.clamped(), stable: self.stable.clamped() }
    }

    fn plus(self, more: &Self) -> Self {
        Self { canary: self.canary.plus(more.canary), stable: self.stable.plus(more.stable) }
    }

    fn smaller_arm(&self) -> u64 {
        self.canary.requests.min(self.stable.requests)
    }
}

// === impl Filling ===

impl Filling {
    /// How long a bucket is open at least.
    pub const OPEN_AT_LEAST: Duration = Duration::from_secs(1);

    /// How many requests each arm of a closed bucket has at least.
    pub const REQUESTS_AT_LEAST: u64 = 5;

    /// Adds what was counted in the last `elapsed`; the bucket, if that closes it.
    pub fn add(&mut self, delta: &Bucket, elapsed: Duration) -> Option<Bucket> {
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        self.open_millis = self.open_millis.saturating_add(millis);
        self.bucket = self.bucket.plus(delta);
        self.is_full().then(|| self.close())
    }

    /// Closes the bucket as it is, for the moment before the arms' shares change: a bucket that spans two
    /// shares would compare the arms at different times. An arm without requests makes it say nothing.
    pub fn close(&mut self) -> Bucket {
        std::mem::take(self).bucket
    }

    fn is_full(&self) -> bool {
        u128::from(self.open_millis) >= Self::OPEN_AT_LEAST.as_millis()
            && self.bucket.smaller_arm() >= Self::REQUESTS_AT_LEAST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn delta(canary: u64, stable: u64, errors: u64) -> Bucket {
        Bucket { canary: Counts { requests: canary, errors }, stable: Counts { requests: stable, errors: 0 } }
    }

    #[test]
    fn closes_on_time_and_on_both_arms() {
        let mut filling = Filling::default();
        assert_eq!(filling.add(&delta(100, 100, 0), SECOND / 2), None, "too young");
        assert_eq!(filling.add(&delta(0, 0, 0), SECOND / 2), Some(delta(100, 100, 0)));
        assert_eq!(filling.add(&delta(4, 100, 4), SECOND), None, "too few in the canary");
        assert_eq!(filling.add(&delta(1, 0, 0), SECOND), Some(delta(5, 100, 4)));
        assert_eq!(filling, Filling::default(), "the next one starts empty");
    }

    #[test]
    fn outcomes_do_not_close_it() {
        for errors in 0..=9 {
            let mut filling = Filling::default();
            assert_eq!(filling.add(&delta(9, 4, errors), SECOND), None);
            assert!(filling.add(&delta(0, 1, 0), SECOND).is_some());
        }
    }

    #[test]
    fn more_errors_than_requests_are_all_of_them() {
        let mut filling = Filling::default();
        let closed = filling.add(&delta(7, 9, 1000), SECOND).expect("full");
        assert_eq!(closed.canary, Counts { requests: 7, errors: 7 });
    }

    #[test]
    fn huge_counts_and_times_saturate() {
        let mut filling = Filling::default();
        filling.add(&delta(u64::MAX, 0, 0), Duration::MAX);
        let closed = filling.add(&delta(u64::MAX, 9, 0), Duration::MAX).expect("full");
        assert_eq!(closed.canary.requests, u64::MAX);
    }

    #[test]
    fn survives_storage() {
        let mut filling = Filling::default();
        filling.add(&delta(3, 4, 1), SECOND);
        let json = serde_json::to_string(&filling).unwrap();
        assert_eq!(serde_json::from_str::<Filling>(&json).unwrap(), filling);
    }
}
