//! What a release does, and how far it is with that.

use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{millis, offline::OfflineState};

/// What a release does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "phase")]
pub enum Phase {
    /// Nothing has happened yet: routes say where requests go.
    #[default]
    Pending,
    /// A step is under way.
    Running {
        /// Which, and how far.
        step: StepState,
    },
    /// The new version was replaced: the one before goes to nothing first.
    Superseded,
    /// Everything goes to the new version; the old one is still there.
    Promoting,
    /// A version goes offline.
    Offlining {
        /// How far.
        offline: OfflineState,
    },
    /// The new version serves everything; the old one is offline.
    Completed {
        /// Since when.
        at: Timestamp,
    },
    /// Everything goes back to the old version.
    Aborting {
        /// How far.
        abort: AbortState,
    },
    /// The old version serves everything; the new one is offline.
    RolledBack {
        /// Since when.
        at: Timestamp,
    },
}

/// A step and how far it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepState {
    /// From 0; a ramp counts each stage.
    pub index: usize,
    /// Its name, as it was when it began.
    pub name: String,
    /// How far.
    #[serde(flatten)]
    pub stage: StepStage,
    /// How long it has been under way.
    #[serde(with = "millis", rename = "elapsedMillis")]
    #[schemars(with = "u64")]
    pub elapsed: Duration,
}

/// How far a step is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all_fields = "camelCase")]
pub enum StepStage {
    /// The new version and the gates have to be ready.
    Preparing {
        /// Gates that have said yes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        passed: Vec<String>,
    },
    /// Every proxy has to say that the weight is in force.
    Routing,
    /// The new version has to do well for a time.
    Baking {
        /// How far.
        bake: BakeState,
    },
    /// Somebody has to approve.
    Approving,
}

/// How far a bake is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BakeState {
    /// The time that counts.
    #[serde(with = "millis", rename = "creditedMillis")]
    #[schemars(with = "u64")]
    pub credited: Duration,
    /// Requests of the new version in this step.
    pub requests: u64,
    /// Clients of the new version with an error that the old one did not have, in this step.
    pub alone: u64,
    /// Clients of the new version with an error in this step.
    pub errors: u64,
    /// How often the time began again.
    pub resets: u64,
    /// How long no request has come to the new version.
    #[serde(with = "millis", rename = "quietMillis")]
    #[schemars(with = "u64")]
    pub quiet: Duration,
}

/// On the way back to the old version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AbortState {
    /// How far.
    pub state: AbortStage,
    /// How long in this stage.
    #[serde(with = "millis", rename = "elapsedMillis")]
    #[schemars(with = "u64")]
    pub elapsed: Duration,
}

/// How far the way back is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AbortStage {
    /// The old version was offline: it has to be ready before anything can go back.
    Restoring,
    /// Every proxy has to say that everything goes back.
    Routing,
    /// The new version stays for a while, without traffic.
    Keeping,
}

// === impl Phase ===

impl Phase {
    /// The word for people.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running { .. } => "Running",
            Self::Superseded => "Superseded",
            Self::Promoting => "Promoting",
            Self::Offlining { .. } => "Offlining",
            Self::Completed { .. } => "Completed",
            Self::Aborting { .. } => "Aborting",
            Self::RolledBack { .. } => "RolledBack",
        }
    }

    /// Whether nothing more happens by itself.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Completed { .. } | Self::RolledBack { .. })
    }
}
