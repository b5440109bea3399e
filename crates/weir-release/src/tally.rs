//! What a version was sent, as proxies count it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a version was sent, and what came of it. Everything only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Tally {
    /// Attempts that have ended, of those that were divided by weight.
    #[serde(rename = "n", skip_serializing_if = "is_zero")]
    pub requests: u64,
    /// Clients with an error among these, each once in ten seconds.
    #[serde(rename = "x", skip_serializing_if = "is_zero")]
    pub errors: u64,
    /// Attempts that have ended, of all others: overrides, sessions, those outside the audience.
    #[serde(rename = "on", skip_serializing_if = "is_zero")]
    pub other_requests: u64,
    /// Clients with an error among these.
    #[serde(rename = "ox", skip_serializing_if = "is_zero")]
    pub other_errors: u64,
    /// Clients that got their first cohort here.
    #[serde(rename = "c", skip_serializing_if = "is_zero")]
    pub cohorts: u64,
    /// Attempts of those clients whose key is even, and their errors: for comparing a version with itself.
    #[serde(rename = "en", skip_serializing_if = "is_zero")]
    pub even_requests: u64,
    /// Errors among these.
    #[serde(rename = "ex", skip_serializing_if = "is_zero")]
    pub even_errors: u64,
    /// Every attempt that failed, however often the same client did.
    #[serde(rename = "f", skip_serializing_if = "is_zero")]
    pub failures: u64,
}

// === impl Tally ===

impl Tally {
    /// What came since an earlier reading of the same run.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        self.with(earlier, u64::saturating_sub)
    }

    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    fn with(&self, other: &Self, each: fn(u64, u64) -> u64) -> Self {
        Self {
            requests: each(self.requests, other.requests),
            errors: each(self.errors, other.errors),
            other_requests: each(self.other_requests, other.other_requests),
            other_errors: each(self.other_errors, other.other_errors),
            cohorts: each(self.cohorts, other.cohorts),
            even_requests: each(self.even_requests, other.even_requests),
            even_errors: each(self.even_errors, other.even_errors),
            failures: each(self.failures, other.failures),
        }
    }

    /// All attempts that have ended.
    pub fn all(&self) -> u64 {
        self.requests.saturating_add(self.other_requests)
    }

    /// All clients with an error.
    pub fn all_errors(&self) -> u64 {
        self.errors.saturating_add(self.other_errors)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
