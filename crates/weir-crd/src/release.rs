//! The object `Release`, as people write it. The doc comments of the spec are what `kubectl explain` prints.

mod accepted;
mod analysis;
mod matcher;
mod offline;
mod step;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use weir_release::state::{Routing, State};

pub use self::{
    accepted::Accepted,
    analysis::{
        Analysis, ErrorsRail, Guardrail, LatencyRail, OnFailure, OnInconclusive, OnNoData, PodsRail,
        PrometheusRail,
    },
    matcher::{Assignment, Key, Matcher, Override, ValueMatch},
    offline::{Limits, LongLived, Offline, OnDeadline, Rollback, ScaleDown, ScaleMode},
    step::{Approval, Bake, Curve, Gate, Ramp, Step, Webhook},
};
use crate::{
    action::Handled,
    object::{Condition, Metadata, is_default},
    refusal::Refusal,
    shape,
    text::Port,
};

/// A release of a new version, from the first request it gets to the old version being offline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// `weir.dev/v1alpha1`.
    pub api_version: String,
    /// `Release`.
    pub kind: String,
    /// Who it is.
    pub metadata: Metadata,
    /// What is asked for.
    pub spec: ReleaseSpec,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ReleaseStatus>,
}

/// What is asked for. `routes`, `stable` and `canary` are enough: the new version then gets 1, 5, 20, 50 and 100 %
/// of the traffic, each for ten minutes without exceptions, goes back when it fails more often than the old one,
/// and at the end the old version goes offline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "self.stable.service.name != self.canary.service.name",
     "message": "stable and canary need a Service each; these two name the same one",
     "fieldPath": ".canary.service.name"},
    {"rule": "!has(self.stable.workload) || !has(self.canary.workload) || self.stable.workload.name != \
      self.canary.workload.name || self.stable.workload.kind != self.canary.workload.kind",
     "message": "stable and canary need a workload each; these two name the same one",
     "fieldPath": ".canary.workload"},
]))]
pub struct ReleaseSpec {
    /// The routes whose traffic is divided between the two versions. They are overlaid and never written: they go
    /// on to name the old version, or the new one.
    #[schemars(length(min = 1, max = 32))]
    pub routes: Vec<Route>,
    /// The old version, which serves now.
    pub stable: Version,
    /// The new version, which is to take over.
    pub canary: Version,
    /// What a client is recognised by, so that it meets the same version with every request.
    /// By default Weir issues a cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment: Option<Assignment>,
    /// Requests that go to one version at every step, whatever the weight says: testers to the new version,
    /// those who opted out to the old one. They are tried in this order, before anything else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub overrides: Vec<Override>,
    /// The steps to the new version, in order. Weights never fall, and the last step sends everything.
    /// By default 1, 5, 20, 50 and 100 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub steps: Option<Vec<Step>>,
    /// What the new version is judged by. By default its errors, and its pods where its workload is named.
    #[serde(default, skip_serializing_if = "is_default")]
    pub analysis: Analysis,
    /// Your own checks, which have to say yes before a step begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub gates: Vec<Gate>,
    /// What happens after everything went back to the old version.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rollback: Rollback,
    /// How a version goes offline once nothing is sent to it any more.
    #[serde(default, skip_serializing_if = "is_default")]
    pub offline: Offline,
    /// How long things may take.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: Limits,
    /// Stops the release where it is: weights stay as they are. For pauses that are kept in Git; `weir release
    /// pause` needs no change of the manifest.
    #[serde(default, skip_serializing_if = "is_default")]
    pub paused: bool,
}

/// A route whose traffic is divided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// The kind of route: `Ingress`.
    #[schemars(length(max = 63), extend("x-kubernetes-validations" = [
        {"rule": "self == 'Ingress'", "message": "only Ingress is supported; HTTPRoute is not supported yet"},
    ]))]
    pub kind: String,
    /// The name of the route, in the namespace of the Release.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Only the rules of this host. By default all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub host: Option<String>,
    /// Only the rules of this path, as it is written in the route. By default all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub path: Option<String>,
}

/// One of the two versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// The Service that requests to this version go to.
    pub service: ServiceRef,
    /// What runs the pods of this version. Where it is named, Weir waits until its pods are ready, counts their
    /// restarts, and scales it down at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<WorkloadRef>,
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceRef {
    /// The name of the Service, in the namespace of the Release.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// The port of the Service: its number or its name.
    pub port: Port,
}

/// A workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkloadRef {
    /// Which kind of workload it is.
    pub kind: WorkloadKind,
    /// The name of the workload, in the namespace of the Release.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Kinds of workloads that Weir can scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WorkloadKind {
    /// Of `apps/v1`.
    Deployment,
    /// Of `apps/v1`.
    StatefulSet,
}

/// Where a release stands: a summary for people, and the state of the release machine as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseStatus {
    /// Which generation of the spec was read last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// What the release waits for, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
    /// How much goes to the new version, for people: `20 %`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
    /// How many proxies say that the weight is in force, for people: `3/3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<String>,
    /// `Accepted`, `Ready`, `Reconciling`, `Stalled`, `Progressing`, `Healthy`, `Held`, `OldVersionOffline`, `ScaleContested`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The state of the release machine, as it stores it.
    #[serde(flatten)]
    pub state: Map<String, Value>,
}

// === impl Release ===

impl Release {
    /// Reads an object.
    ///
    /// # Errors
    /// When fields are missing, unknown or of the wrong type: all of them.
    pub fn read(object: &Value) -> Result<Self, Vec<Refusal>> {
        shape::read(object, "Release")
    }
}

// === impl ReleaseStatus ===

impl ReleaseStatus {
    /// A status with the state of the release machine and nothing else.
    ///
    /// # Errors
    /// When the state cannot be stored as JSON.
    pub fn new(state: &State) -> Result<Self, serde_json::Error> {
        let state = match serde_json::to_value(state)? {
            Value::Object(state) => state,
            _ => Map::new(),
        };
        Ok(Self { state, ..Self::default() })
    }

    /// The state of the release machine. Without a phase nothing has happened yet.
    ///
    /// # Errors
    /// When it is not as the release machine stored it.
    pub fn state(&self) -> Result<State, serde_json::Error> {
        if self.state.contains_key("phase") { State::deserialize(&self.state) } else { Ok(State::default()) }
    }

    /// What proxies obey, where nothing else of the state can be read.
    pub fn routing(&self) -> Option<Routing> {
        Routing::deserialize(self.state.get("routing")?).ok()
    }

    /// The last spec that made sense, as far as it is stored.
    pub fn accepted(&self) -> Option<Accepted> {
        Accepted::deserialize(self.state.get("accepted")?).ok()
    }

    /// The last actions that were looked at, the latest last.
    pub fn actions(&self) -> Vec<Handled> {
        self.state.get("actions").and_then(|actions| Vec::deserialize(actions).ok()).unwrap_or_default()
    }
}
