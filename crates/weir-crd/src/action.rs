//! The object `ReleaseAction`: what somebody asks of a release. It never changes, so the API server's access rules
//! and its audit log say who may do what, and who did.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use weir_release::verb::{Request, Verb as Asked};

use crate::{
    object::{Metadata, is_default},
    refusal::{At, Refusal, Refusals},
    shape,
};

/// Something that somebody asks of a release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseAction {
    /// `weir.dev/v1alpha1`.
    pub api_version: String,
    /// `ReleaseAction`.
    pub kind: String,
    /// Who it is.
    pub metadata: Metadata,
    /// What is asked for.
    pub spec: ReleaseActionSpec,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ReleaseActionStatus>,
}

/// What is asked for. It cannot be changed: create another `ReleaseAction` instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "self == oldSelf", "message": "a ReleaseAction cannot be changed; create another one"},
    {"rule": "self.verb == 'promote' || (!has(self.to) && (!has(self.full) || !self.full))",
     "message": "to and full belong to the verb promote"},
    {"rule": "!has(self.to) || !has(self.full) || !self.full", "message": "name a step or ask for full, not both"},
    {"rule": "self.verb == 'retry' || !has(self.from)", "message": "from belongs to the verb retry"},
]))]
pub struct ReleaseActionSpec {
    /// The name of the Release, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    pub release: String,
    /// What it is to do.
    pub verb: Verb,
    /// With `promote`: the step to go to, instead of the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub to: Option<String>,
    /// With `promote`: send everything to the new version, without further steps.
    #[serde(default, skip_serializing_if = "is_default")]
    pub full: bool,
    /// With `retry`: the step to begin with, instead of the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub from: Option<String>,
    /// Why, for the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub reason: Option<String>,
    /// Only for this attempt (`status.attempt.number` of the Release); otherwise it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub attempt: Option<u64>,
    /// Only while this step is under way; otherwise it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 80))]
    pub step: Option<String>,
}

/// What a release can be asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Verb {
    /// Go on with the next step, or with the step `to`, without waiting for the bake.
    Promote,
    /// Let the next step begin.
    Approve,
    /// Do not let the next step begin.
    Reject,
    /// Stop here: weights stay as they are.
    Pause,
    /// Go on.
    Resume,
    /// Send everything back to the old version, at once.
    Abort,
    /// Begin again after a rollback.
    Retry,
    /// Take the old version back after everything was sent to the new one.
    Undo,
    /// Take the version offline now, without holding it ready any longer.
    Offline,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReleaseActionStatus {
    /// Whether it was done.
    pub result: Outcome,
    /// What was done, or why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it was looked at.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
}

/// What became of a `ReleaseAction`, as the status of its Release keeps it: the object itself may be gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handled {
    /// Its name.
    pub name: String,
    /// Tells it from a later one of the same name.
    pub uid: String,
    /// What was asked for.
    pub verb: String,
    /// Who asked, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When it was looked at (RFC 3339).
    pub at: String,
    /// Why it was refused, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// Whether something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Outcome {
    /// It was done.
    Applied,
    /// It was not, and never will be.
    Refused,
}

// === impl ReleaseAction ===

impl ReleaseAction {
    /// Reads an object.
    ///
    /// # Errors
    /// When fields are missing, unknown or of the wrong type: all of them.
    pub fn read(object: &Value) -> Result<Self, Vec<Refusal>> {
        shape::read(object, "ReleaseAction")
    }
}

// === impl ReleaseActionSpec ===

impl ReleaseActionSpec {
    /// What it asks for, as the request with this id.
    ///
    /// # Errors
    /// When a field has no meaning with this verb: all of them.
    pub fn request(&self, id: String, by: Option<String>) -> Result<Request, Vec<Refusal>> {
        const ROOT: At<'static> = At::root("spec");
        let mut refusals = Refusals::default();
        let mut belongs = |given: bool, field: &str, verb: Verb| {
            let (verb, asked) = (verb.as_str(), self.verb.as_str());
            if given && verb != asked {
                let message =
                    format!("it belongs to the verb {verb} and means nothing with {asked}; leave it out");
                refusals.add(&ROOT.field(field), message);
            }
        };
        belongs(self.to.is_some(), "to", Verb::Promote);
        belongs(self.full, "full", Verb::Promote);
        belongs(self.from.is_some(), "from", Verb::Retry);
        if self.to.is_some() && self.full {
            refusals.add(&ROOT.field("full"), "name a step in spec.to or ask for full, not both");
        }
        let Self { reason, attempt, step, .. } = self.clone();
        let request = Request { id, verb: self.asked(), by, reason, attempt, step };
        refusals.finish(Some(request), &ROOT)
    }

    fn asked(&self) -> Asked {
        match self.verb {
            Verb::Promote => Asked::Promote { to: self.to.clone(), full: self.full },
            Verb::Approve => Asked::Approve,
            Verb::Reject => Asked::Reject,
            Verb::Pause => Asked::Pause,
            Verb::Resume => Asked::Resume,
            Verb::Abort => Asked::Abort,
            Verb::Retry => Asked::Retry { from: self.from.clone() },
            Verb::Undo => Asked::Undo,
            Verb::Offline => Asked::Offline,
        }
    }
}

// === impl Verb ===

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 9] = [
        Self::Promote,
        Self::Approve,
        Self::Reject,
        Self::Pause,
        Self::Resume,
        Self::Abort,
        Self::Retry,
        Self::Undo,
        Self::Offline,
    ];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Abort => "abort",
            Self::Retry => "retry",
            Self::Undo => "undo",
            Self::Offline => "offline",
        }
    }
}
