//! What a Release asks for, after it has been read: nothing in it can be wrong any more.
//!
//! `weir-crd` makes it from the object that people write and refuses what it cannot read, with the field.

mod analysis;
mod step;
mod weight;

use std::{sync::Arc, time::Duration};

use weir_model::{BackendKey, ErrorRule, OverlaidRoute, Predicate, Role, StickyKey};

pub use self::{
    analysis::{
        Absolute, Analysis, Errors, Guardrail, Latency, OnFailure, OnInconclusive, Pods, Prometheus, Watch,
    },
    step::{Bake, Gate, OnError, Stage, Step},
    weight::{InvalidWeight, Weight},
};

/// What a Release asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// The routes that are overlaid; at least one.
    pub routes: Vec<OverlaidRoute>,
    /// The old version.
    pub stable: Version,
    /// The new version.
    pub canary: Version,
    /// What a client is recognised by: the first of these that a request has.
    pub keys: Vec<StickyKey>,
    /// Requests that go to one version at every step, whatever the weight says. Tried in this order.
    pub overrides: Vec<Override>,
    /// The steps, with ramps taken apart into their stages; at least one.
    pub steps: Vec<Step>,
    /// What counts as an error of a version.
    pub errors: ErrorRule,
    /// What the new version is judged by.
    pub analysis: Analysis,
    /// How long the new version stays, without traffic, after a rollback.
    pub keep_canary: Duration,
    /// How the old version goes offline.
    pub offline: Offline,
    /// How long a step may take; then it is held.
    pub step_deadline: Duration,
    /// Whether the manifest itself pauses the release.
    pub paused: bool,
}

/// One of the two versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its Service and port.
    pub service: BackendKey,
    /// What runs it, if Weir may know.
    pub workload: Option<Workload>,
}

/// What runs the pods of a version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Workload {
    /// Of which kind.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: Arc<str>,
}

/// Kinds that have a `/scale` subresource and a pod template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkloadKind {
    /// `apps/v1` Deployment.
    Deployment,
    /// `apps/v1` `StatefulSet`.
    StatefulSet,
}

/// Requests that go to one version at every step.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// For reports.
    pub name: Box<str>,
    /// Any of these has to hold; at least one.
    pub any: Vec<Predicate>,
    /// Where they go.
    pub to: Role,
}

/// How a version goes offline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offline {
    /// How long the old version stays, without traffic, ready to take it back.
    pub rollback_hold: Duration,
    /// How long requests in flight may take after the version is detached.
    pub in_flight: Duration,
    /// How long WebSockets and streams may go on.
    pub long_lived: Duration,
    /// How many of those that are left are then closed a second.
    pub close_rate: u32,
    /// How long the version must have been without any request and connection.
    pub verify_zero: Duration,
    /// What becomes of the workload.
    pub scale_down: ScaleDown,
}

/// What becomes of the workload of a version that is offline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleDown {
    /// Down to this many replicas, by half first.
    Scale {
        /// What is left.
        keep: u32,
    },
    /// It is marked, and somebody else scales it.
    Annotate,
    /// Nothing.
    None,
}

// === impl Spec ===

impl Spec {
    /// The version in a role.
    pub fn version(&self, role: Role) -> &Version {
        match role {
            Role::Stable => &self.stable,
            Role::Canary => &self.canary,
        }
    }
}

impl std::fmt::Display for WorkloadKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
        })
    }
}

impl std::fmt::Display for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}
