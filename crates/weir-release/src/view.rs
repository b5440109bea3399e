//! A release as it is shown to people and programs.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_model::{ReleaseKey, Role};

use crate::{
    clock::durations,
    observation::Observation,
    spec::Spec,
    state::State,
    stats::{Histogram, RatioInterval},
    tally::Tally,
    text,
    thresholds::{PASS, Thresholds},
};

/// A release as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its routes: `shop shop.example.com/`.
    pub routes: Vec<String>,
    /// The old version.
    pub stable: VersionView,
    /// The new version.
    pub canary: VersionView,
    /// Its steps.
    pub steps: Vec<StepView>,
    /// What it waits for; empty when it is over.
    pub waiting_for: String,
    /// How much goes to the new version: `20 %`.
    pub weight: String,
    /// What is wrong with the manifest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<String>,
    /// Errors of the new version against those of the old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<RatioInterval>,
    /// Where the evidence convinces.
    #[serde(default)]
    pub thresholds: Thresholds,
    /// What goes on right now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Live>,
    /// Everything that is stored of it.
    pub state: State,
}

/// A version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionView {
    /// `web-v1:80`.
    pub service: String,
    /// `Deployment web-v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepView {
    /// `ramp 2/5`.
    pub name: String,
    /// `36 %`.
    pub weight: String,
    /// Whether only an audience is divided.
    pub audience: bool,
    /// How long it bakes, in milliseconds.
    pub bake_millis: u64,
    /// Whether the bake has to be clean.
    pub clean: bool,
    /// How many requests it needs.
    pub min_requests: u64,
    /// Whether somebody has to approve the next step.
    pub approval: bool,
}

/// What goes on right now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Live {
    /// The old version.
    pub stable: Figures,
    /// The new version.
    pub canary: Figures,
    /// Proxies that serve.
    pub proxies: usize,
    /// Proxies that have the last change in force.
    pub acknowledged: usize,
}

/// What a version does right now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Figures {
    /// Requests a second.
    pub rps: f64,
    /// Clients with an error a second.
    pub errors_per_second: f64,
    /// Half of the requests took no longer, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_millis: Option<f64>,
    /// 99 of 100 requests took no longer, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_millis: Option<f64>,
    /// Requests under way.
    pub in_flight: u64,
    /// Of these, WebSockets and streams.
    pub long_lived: u64,
    /// Endpoints that are ready.
    pub ready: usize,
    /// Pods that the workload is to have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<u32>,
}

/// Takes figures over a time that is long enough to mean something.
#[derive(Debug, Default)]
pub struct Meter {
    before: Option<(Duration, Observation)>,
    live: Live,
}

// === impl Meter ===

impl Meter {
    /// Takes in what is seen at a time of a clock that nobody sets; figures are new once so much has passed.
    pub fn measure(&mut self, at: Duration, seen: &Observation, state: &State, over: Duration) {
        let elapsed = self.before.as_ref().map(|(before, _)| at.saturating_sub(*before));
        if elapsed.is_some_and(|elapsed| elapsed < over) {
            return;
        }
        if let Some(((_, before), elapsed)) = self.before.as_ref().zip(elapsed) {
            self.live = Live::between(before, seen, elapsed, state);
        }
        self.before = Some((at, seen.clone()));
    }

    /// The last figures.
    pub fn live(&self) -> &Live {
        &self.live
    }
}

// === impl View ===

impl View {
    /// A release, as its spec and state say.
    pub fn new(key: &ReleaseKey, spec: &Spec, state: &State, waiting_for: &str) -> Self {
        let weight = state.routing.as_ref().map_or_else(
            || "as the routes say".to_owned(),
            |routing| routing.split.weight(Role::Canary).to_string(),
        );
        Self {
            namespace: key.namespace.to_string(),
            name: key.name.to_string(),
            routes: spec.routes.iter().map(route).collect(),
            stable: version(spec, Role::Stable),
            canary: version(spec, Role::Canary),
            steps: spec.steps.iter().map(step).collect(),
            waiting_for: waiting_for.to_owned(),
            weight,
            refusals: Vec::new(),
            ratio: state.evidence.as_ref().map(|evidence| evidence.errors.interval(PASS)),
            thresholds: Thresholds::of(&spec.analysis),
            live: None,
            state: state.clone(),
        }
    }
}

fn route(route: &weir_model::OverlaidRoute) -> String {
    let host = route.host.as_ref().map(ToString::to_string).unwrap_or_default();
    let path = route.path.as_deref().unwrap_or_default();
    format!("{} {host}{path}", route.ingress).trim_end().to_owned()
}

fn version(spec: &Spec, role: Role) -> VersionView {
    let version = spec.version(role);
    VersionView {
        service: format!("{}:{}", version.service.service, version.service.port),
        workload: version.workload.as_ref().map(ToString::to_string),
    }
}

fn step(step: &crate::spec::Step) -> StepView {
    StepView {
        name: step.to_string(),
        weight: step.weight.to_string(),
        audience: !step.audience.is_empty(),
        bake_millis: u64::try_from(step.bake.duration.as_millis()).unwrap_or(u64::MAX),
        clean: step.bake.clean,
        min_requests: step.bake.min_requests,
        approval: step.approval,
    }
}

// === impl Live ===

impl Live {
    /// What went on between two looks.
    pub fn between(before: &Observation, now: &Observation, elapsed: Duration, state: &State) -> Self {
        let figures = |role| Figures::between(before, now, elapsed, role);
        let without = state.routing.as_ref().map(|routing| now.without(routing.attempt, routing.epoch).len());
        Self {
            stable: figures(Role::Stable),
            canary: figures(Role::Canary),
            proxies: now.proxies.len(),
            acknowledged: now.proxies.len() - without.unwrap_or(now.proxies.len()),
        }
    }
}

impl Figures {
    fn between(before: &Observation, now: &Observation, elapsed: Duration, role: Role) -> Self {
        let grew = |what: fn(&Tally) -> u64| {
            let sum = |seen: &Observation| seen.sum(role, |seen| what(&seen.tally));
            as_float(sum(now).saturating_sub(sum(before))) / elapsed.as_secs_f64().max(0.001)
        };
        let took = durations(now, role).since(&durations(before, role));
        let version = now.version(role);
        Self {
            rps: grew(Tally::all),
            errors_per_second: grew(Tally::all_errors),
            p50_millis: quantile(&took, 0.5),
            p99_millis: quantile(&took, 0.99),
            in_flight: now.sum(role, |seen| seen.in_flight),
            long_lived: now.sum(role, |seen| seen.long_lived),
            ready: version.ready,
            desired: version.workload().map(|workload| workload.desired),
        }
    }
}

fn quantile(took: &Histogram, share: f64) -> Option<f64> {
    took.quantile(share).map(|quantile| quantile.as_secs_f64() * 1_000.0)
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests stay far below 2^52")]
fn as_float(number: u64) -> f64 {
    number as f64
}

/// How long a step takes at least, for people.
pub fn bake(step: &StepView) -> String {
    text::duration(Duration::from_millis(step.bake_millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Proxy;

    #[test]
    fn figures_are_taken_over_a_time_that_means_something() {
        let (mut meter, mut seen) = (Meter::default(), Observation::default());
        seen.proxies.insert("p".into(), Some(Proxy::default()));
        for second in 0..6_u64 {
            if let Some(proxy) = seen.proxies.values_mut().flatten().next() {
                proxy.canary.tally.requests = second * 10;
            }
            meter.measure(Duration::from_secs(second), &seen, &State::default(), Duration::from_secs(4));
            let expected = if second < 4 { 0.0 } else { 10.0 };
            assert!((meter.live().canary.rps - expected).abs() < 1e-9, "{second}: {:?}", meter.live());
        }
    }
}
