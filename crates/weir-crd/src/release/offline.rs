//! Rollback, offline and limits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{object::is_default, text::Period};

/// What happens after everything went back to the old version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rollback {
    /// How long the new version stays, without traffic, so that its fault can be looked at. Then it goes offline.
    /// By default 30 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_canary: Option<Period>,
}

/// How a version goes offline: it is held ready, nothing points to it any more, requests in flight end, WebSockets and
/// streams end, nothing comes any more, its workload is scaled down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Offline {
    /// How long the old version stays, without traffic, ready to take everything back (`weir release undo`).
    /// By default 15 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_hold: Option<Period>,
    /// How long requests in flight may take once nothing points to the version any more. By default 60 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight_timeout: Option<Period>,
    /// What becomes of WebSockets and streams.
    #[serde(default, skip_serializing_if = "is_default")]
    pub long_lived: LongLived,
    /// How long nothing must have come, neither a request nor a connection, before the workload is scaled down.
    /// By default 60 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_zero: Option<Period>,
    /// What becomes of the workload.
    #[serde(default, skip_serializing_if = "is_default")]
    pub scale_down: ScaleDown,
}

/// What becomes of WebSockets, server-sent events and gRPC streams.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LongLived {
    /// How long they may go on. By default 30 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<Period>,
    /// How many of those that are left are then closed a second, so that clients do not all come back at once.
    /// By default 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub close_rate: Option<u32>,
}

/// What becomes of the workload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "!has(self.keepReplicas) || !has(self.mode) || self.mode == 'Scale'",
     "message": "only mode Scale keeps replicas", "fieldPath": ".keepReplicas"},
]))]
pub struct ScaleDown {
    /// What is done. By default `Scale` where a workload is named, otherwise `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ScaleMode>,
    /// With `Scale`: how many replicas are left. By default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100_000))]
    pub keep_replicas: Option<u32>,
}

/// What is done to a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ScaleMode {
    /// It is scaled down through its `/scale`, by half first.
    Scale,
    /// It is marked with an annotation, and somebody else scales or deletes it.
    Annotate,
    /// Nothing.
    None,
}

/// How long things may take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// How long a step, or a stage of a ramp, may take; longer than any bake. By default 24 hours, or twice the longest
    /// bake if that is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_deadline: Option<Period>,
    /// What happens then. By default `Hold`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_deadline: OnDeadline,
}

/// What happens when a step takes too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnDeadline {
    /// The release is held: weights stay as they are.
    #[default]
    Hold,
}
