//! Where a release stands: everything that is needed to go on after a crash. It is stored as it is here, in
//! the status of the object or in a file.
//!
//! Only [`Routing`] is obeyed by proxies. Times are absolute and for people; waiting is measured by
//! [`Clock`], from what proxies saw go by, so neither a jump of somebody's clock nor a dead controller
//! makes a step come early.

mod clock;
mod hold;
mod millis;
mod offline;
mod phase;
mod routing;

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weir_model::Role;

pub use self::{
    clock::{Clock, Mark},
    hold::{Hold, HoldReason},
    offline::{Drained, OfflineStage, OfflineState},
    phase::{AbortStage, AbortState, BakeState, Phase, StepStage, StepState},
    routing::{Division, Routing, Services},
};
use crate::evidence::Evidence;

/// Where a release stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    /// What it does.
    #[serde(flatten)]
    pub phase: Phase,
    /// Which try it is, and of what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
    /// What proxies obey.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing: Option<Routing>,
    /// Why it goes no further.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// What is known of the new version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// What has gone by.
    #[serde(skip_serializing_if = "Clock::is_new")]
    pub clock: Clock,
    /// What somebody asked for last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_action: Option<Acted>,
    /// Why it went back, once it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What the workloads were before they were scaled.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub scaled: BTreeMap<Role, Scaled>,
    /// Who was left when a version went offline in this attempt.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub drained: BTreeMap<Role, Drained>,
}

/// A try to release a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// From 1; counters begin again with each.
    pub number: u64,
    /// What told the old version from others, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stable: Option<String>,
    /// The same for the new version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
}

/// What somebody asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Acted {
    /// Which request it was; nothing is done twice.
    pub id: String,
    /// What.
    pub verb: String,
    /// Who.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Why it was refused, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// Why a release went back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The guardrail, or `abort`.
    pub cause: String,
    /// In a sentence, with the evidence.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

/// A workload that was scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Scaled {
    /// How many pods it had.
    pub from: u32,
    /// How many it is to have.
    pub to: u32,
    /// How often it was told so.
    #[serde(default)]
    pub writes: u32,
    /// How long ago it was last told, in milliseconds.
    #[serde(default, rename = "sinceMillis")]
    pub since: u64,
}

// === impl Scaled ===

impl Scaled {
    /// How often a workload is told how many pods to have before it is left to whoever undoes that.
    pub const WRITES: u32 = 4;

    /// Whether somebody else undid it so often that it was left to them.
    pub fn is_contested(&self) -> bool {
        self.writes >= Self::WRITES
    }
}
