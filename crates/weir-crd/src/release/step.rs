//! Steps, bakes, ramps and gates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Matcher;
use crate::{
    object::is_default,
    text::{Period, Share},
};

/// A step: how much goes to the new version, and for how long before the next step. It has either a `weight` or a
/// `ramp`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "has(self.weight) != has(self.ramp)", "message": "a step has either a weight or a ramp"},
    {"rule": "!has(self.ramp) || !has(self.bake)", "message": "each stage of a ramp lasts as long as its hold; \
      for a bake at the end add a step behind the ramp", "fieldPath": ".bake"},
]))]
pub struct Step {
    /// A name for commands and reports, unique in the release. By default the weight: `20%`, or `20-100%` for a
    /// ramp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub name: Option<String>,
    /// How much goes to the new version: whole percent such as `20`, or a text such as `"0.5%"`. With `0` only the
    /// overrides reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<Share>,
    /// Raises the weight in stages of the same length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<Ramp>,
    /// Whose requests are divided: any of these has to hold. All others go to the old version.
    /// By default everybody's are divided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub audience: Option<Vec<Matcher>>,
    /// How long the new version has to do well before the next step. By default ten minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake: Option<Bake>,
    /// Whether somebody has to approve the next step (`weir release approve`). By default nobody has to.
    #[serde(default, skip_serializing_if = "is_default")]
    pub approval: Approval,
}

/// How long the new version has to do well. It is over when the time is credited, the requests were answered, and no
/// guardrail has failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "!has(self.onError) || !has(self.clean) || self.clean",
     "message": "only clean bakes look at single errors; set clean to true", "fieldPath": ".onError"},
]))]
pub struct Bake {
    /// The time to be credited. Time counts only while the weight is in force in every proxy, the new version is
    /// ready and its counters arrive. By default ten minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Period>,
    /// Whether time counts only without exceptions: an error of the new version that the old one does not have does
    /// what `onError` says. By default `true`, but `false` where the weight is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clean: Option<bool>,
    /// How many requests the new version must have answered in this step. By default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1_000_000_000_000_u64))]
    pub min_requests: Option<u64>,
    /// What an error of the new version alone does to a clean bake: `ResetClock`, the credited time begins again;
    /// `Hold`, the release is held; `Count(3)`, three clients with an error are let pass. By default `ResetClock`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^(ResetClock|Hold|Count\([0-9]+\))$"))]
    #[schemars(extend("example" = "ResetClock"))]
    pub on_error: Option<String>,
}

/// A weight that rises in stages. The first stage has the weight `from`, the last one the weight `to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ramp {
    /// The weight of the first stage: whole percent such as `20`, or a text such as `"0.5%"`.
    pub from: Share,
    /// The weight of the last stage.
    pub to: Share,
    /// How many stages there are. A single stage has the weight `to`.
    #[schemars(range(min = 1, max = 100))]
    pub stages: u16,
    /// How long each stage has to last without exceptions.
    pub hold: Period,
    /// How the weight rises. By default `Linear`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub curve: Curve,
}

/// How a weight rises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Curve {
    /// By the same number of percent each time.
    #[default]
    Linear,
    /// By the same factor each time: small steps first.
    Exponential,
}

/// Whether somebody has to approve the next step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Approval {
    /// Nobody has to.
    #[default]
    None,
    /// Somebody has to.
    Required,
}

/// A check of your own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gate {
    /// A name for reports, unique among the gates.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// The endpoint that is asked.
    pub webhook: Webhook,
    /// The name of the step that does not begin before the endpoint says yes.
    #[schemars(length(min = 1, max = 63))]
    pub before: String,
}

/// An endpoint that is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Webhook {
    /// Where a POST is sent to, with `http://` or `https://`; a status of 2xx says yes, anything else no.
    #[schemars(length(min = 1, max = 2048))]
    pub url: String,
    /// How long an answer may take. By default ten seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Period>,
}
