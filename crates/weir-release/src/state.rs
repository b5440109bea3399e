//! Where a release stands: everything that is needed to go on after a crash. It is stored as it is here, in
//! the status of the object or in a file.
//!
//! Only [`Routing`] is obeyed by proxies. Times are absolute and for people; waiting is measured by
//! [`Clock`], from what proxies saw go by, so neither a jump of somebody's clock nor a dead controller
//! makes a step come early.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weir_model::{BackendKey, PortRef, Role};

use crate::{
    evidence::Evidence,
    spec::{Spec, Version, Weight},
};

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
}

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

/// What proxies obey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Routing {
    /// Counts the changes; proxies say which one is in force.
    pub epoch: u64,
    /// Of which try.
    pub attempt: u64,
    /// The versions that requests are divided between, whatever the manifest says by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<Services>,
    /// How requests are divided.
    #[serde(flatten)]
    pub split: Division,
}

/// The Services of both versions, as `NAME:PORT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Services {
    /// The old version's.
    pub stable: String,
    /// The new version's.
    pub canary: String,
}

/// How requests are divided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "to", rename_all = "camelCase")]
pub enum Division {
    /// As a step says; overrides are in force.
    #[serde(rename_all = "camelCase")]
    Step {
        /// Which step, whose audience it has.
        step: usize,
        /// In basis points.
        weight: Weight,
    },
    /// Everything to one version, whatever overrides say.
    All {
        /// Which.
        #[serde(rename = "side")]
        role: Role,
    },
    /// The same, and nothing points to the other version any more, not even where nobody else can serve.
    Only {
        /// Which.
        #[serde(rename = "side")]
        role: Role,
        /// Whether WebSockets and streams of the other version are to be ended.
        close: bool,
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

/// A version on its way offline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OfflineState {
    /// Which.
    #[serde(rename = "side")]
    pub role: Role,
    /// How far.
    pub state: OfflineStage,
    /// How long in this stage.
    #[serde(with = "millis", rename = "elapsedMillis")]
    #[schemars(with = "u64")]
    pub elapsed: Duration,
    /// Requests that were still in flight when their time was over.
    pub cut: u64,
    /// WebSockets and streams that were asked to end.
    pub closed: u64,
    /// Whether somebody keeps scaling the workload up again, so that it is left to them.
    pub contested: bool,
    /// Whether the workload is to be marked as no longer needed.
    pub retire: bool,
    /// Whether this very controller has done what is left to do. A successor cannot know, and does it again.
    #[serde(skip)]
    pub told: bool,
    /// What the version had been sent when its last zero was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<u64>,
}

/// How far a version is on its way offline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum OfflineStage {
    /// It has no traffic and could take it back at once.
    Hold,
    /// Every proxy has to say that nothing points to it.
    Detach,
    /// Requests in flight have to end.
    InFlight,
    /// WebSockets and streams have to end.
    LongLived,
    /// Nothing may come for a while.
    VerifyZero,
    /// The workload gets fewer replicas.
    ScaleDown,
    /// The workload is its owner's again.
    LetGo,
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

/// What has gone by, as proxies saw it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Clock {
    /// When it was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// How long has gone by in all, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub counted: u64,
    /// What each proxy had counted by then.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub proxies: BTreeMap<String, Mark>,
}

/// What a proxy had counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Mark {
    /// Which run of it.
    pub boot: String,
    /// For how long it had run, in milliseconds.
    pub uptime: u64,
    /// What it has proven beyond what all have, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub ahead: u64,
    /// For how long it has been followed, over all its runs, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub followed: u64,
    /// What the old version was sent.
    pub stable: Tally,
    /// What the new version was sent.
    pub canary: Tally,
}

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

// === impl Clock ===

impl Clock {
    fn is_new(&self) -> bool {
        *self == Self::default()
    }
}

// === impl Services ===

impl Services {
    /// Those that a spec names.
    pub fn of(spec: &Spec) -> Self {
        let name = |version: &Version| format!("{}:{}", version.service.service, version.service.port);
        Self { stable: name(&spec.stable), canary: name(&spec.canary) }
    }

    /// The Service of a version, in a namespace.
    pub fn key(&self, namespace: &Arc<str>, role: Role) -> BackendKey {
        let text = match role {
            Role::Stable => &self.stable,
            Role::Canary => &self.canary,
        };
        let (service, port) = text.rsplit_once(':').unwrap_or((text, ""));
        let port = port.parse().map_or_else(|_| PortRef::Name(port.into()), PortRef::Number);
        BackendKey { namespace: Arc::clone(namespace), service: service.into(), port }
    }
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
        self.requests + self.other_requests
    }

    /// All clients with an error.
    pub fn all_errors(&self) -> u64 {
        self.errors + self.other_errors
    }
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

// === impl Division ===

impl Division {
    /// How much of what is divided by weight goes to a version.
    pub fn weight(&self, role: Role) -> Weight {
        let canary = match self {
            Self::Step { weight, .. } => *weight,
            Self::All { role } | Self::Only { role, .. } => match role {
                Role::Canary => Weight::ALL,
                Role::Stable => Weight::NONE,
            },
        };
        match role {
            Role::Canary => canary,
            Role::Stable => canary.rest(),
        }
    }
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Durations as whole milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
