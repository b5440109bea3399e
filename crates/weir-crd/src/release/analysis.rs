//! What the new version is judged by.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    object::is_default,
    text::{ErrorClass, GrpcCode, Percent, Period, Quantile},
};

/// What the new version is judged by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    /// The chance of rolling back a healthy version, over the whole release and all guardrails; up to 20 %. Less means
    /// that a faulty version is noticed later. By default 1 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub false_abort: Option<Percent>,
    /// What is watched. This list takes the place of the default one: errors, and pods where the workload of the new
    /// version is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub guardrails: Option<Vec<Guardrail>>,
    /// What happens when a bake is over and the evidence says neither yes nor no. By default `Proceed`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_inconclusive: OnInconclusive,
    /// What happens when the new version gets no requests. It is never taken for a success or for a failure.
    /// By default `Hold`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_no_data: OnNoData,
}

/// Something that is watched: exactly one of `errors`, `latency`, `pods` and `prometheus`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "[has(self.errors), has(self.latency), has(self.pods), has(self.prometheus)].exists_one(given, given)",
     "message": "name exactly one of errors, latency, pods and prometheus"},
    {"rule": "has(self.errors) || (!has(self.absoluteMax) && !has(self.minErrors))",
     "message": "absoluteMax and minErrors belong to a guardrail with errors"},
]))]
pub struct Guardrail {
    /// A name for reports, unique in the release. By default what is watched: `errors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub name: Option<String>,
    /// Failed attempts, the new version's against the old one's in the same time. At most one guardrail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<ErrorsRail>,
    /// Slow responses, the new version's against the old one's in the same time. At most one guardrail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencyRail>,
    /// The pods of the new version; its workload has to be named. At most one guardrail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<PodsRail>,
    /// A number that a Prometheus server computes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusRail>,
    /// With `errors`: a larger share of failed attempts is too much, whatever the old version does. By default 5 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absolute_max: Option<Percent>,
    /// With `errors`: below so many clients with an error nothing is concluded. By default 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub min_errors: Option<u64>,
    /// What happens when it fails. By default `Rollback`, and `Hold` for `latency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<OnFailure>,
}

/// Which attempts count as failed. Each client counts once in ten seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorsRail {
    /// HTTP status codes that are errors, within 400 to 599: `5xx`, `503`, `500-504`. By default `5xx`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub http: Option<Vec<ErrorClass>>,
    /// gRPC status codes that are errors. By default `UNKNOWN`, `INTERNAL`, `UNAVAILABLE` and `DATA_LOSS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub grpc: Option<Vec<GrpcCode>>,
    /// Whether connections that break off, or cannot be made, are errors. By default `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets: Option<bool>,
    /// Whether answers that take longer than the route allows are errors. By default `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<bool>,
    /// How many times as many errors as the old version's are no worse; at least 1. By default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub fail_ratio: Option<f64>,
}

/// When responses are too slow: when more of them are slower than the quantiles of the old version a moment ago.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LatencyRail {
    /// The quantiles that are compared, from `p50` to `p99.9`. By default `p50`, `p90` and `p99`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 8))]
    pub quantiles: Option<Vec<Quantile>>,
    /// How many times the odds of a slow response may be the old version's; at least 1. By default 1.25.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub fail_ratio: Option<f64>,
}

/// What is watched of the pods of the new version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PodsRail {
    /// How many restarts of containers are let pass during the release. By default none.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(range(max = 1_000_000))]
    pub restarts: u32,
}

/// A number that a Prometheus server computes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PrometheusRail {
    /// Where the server is, with `http://` or `https://`: `http://prometheus:9090`.
    #[schemars(length(min = 1, max = 2048))]
    pub address: String,
    /// An instant query with one number as its result.
    #[schemars(length(min = 1, max = 16384))]
    pub query: String,
    /// More is too much.
    pub max: f64,
    /// How often it is asked; at least every second. By default every 30 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Period>,
}

/// What happens when a guardrail fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnFailure {
    /// Everything goes back to the old version at once.
    Rollback,
    /// The release is held: weights stay as they are.
    Hold,
}

/// What happens when the evidence says neither yes nor no.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnInconclusive {
    /// The next step begins, for nothing speaks against it.
    #[default]
    Proceed,
    /// The release is held until the evidence says yes, or somebody promotes it.
    Hold,
}

/// What happens without requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnNoData {
    /// The release is held, so that somebody notices.
    #[default]
    Hold,
    /// The step goes on to wait for requests.
    Wait,
}
