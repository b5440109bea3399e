//! Why a release goes no further.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a release goes no further.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hold {
    /// What stopped it.
    pub reason: HoldReason,
    /// In a sentence.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
}

/// What stopped a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HoldReason {
    /// Somebody paused it.
    Paused,
    /// Somebody rejected the next step.
    Rejected,
    /// A guardrail failed that only holds.
    Guardrail,
    /// An error of the new version alone, where the bake says to hold.
    Error,
    /// A step took too long.
    Deadline,
    /// No requests reach the new version.
    NoData,
    /// The old version was changed underneath.
    StableChanged,
    /// The manifest names other versions than the release began with.
    VersionsChanged,
    /// Something else still sends requests to the version that is to go offline.
    StillReferenced,
    /// Another release has these routes.
    Conflict,
}
