//! What the new version is judged by, and what counts as an error.

use std::time::Duration;

use weir_model::ErrorRule;
use weir_release::spec::{self, Absolute, Watch};

use super::{list, value};
use crate::{
    refusal::{At, Refusals},
    release::{
        Analysis, ErrorsRail, Guardrail, LatencyRail, OnFailure, OnInconclusive, OnNoData, PodsRail,
        PrometheusRail, ReleaseSpec,
    },
    text::{GrpcCode, Percent, Quantile},
};

const MOST_GUARDRAILS: usize = 16;
const MOST_CLASSES: usize = 16;
const MOST_QUANTILES: usize = 8;
/// The longest query of a Prometheus server.
const LONGEST_QUERY: usize = 16 * 1024;
/// In percent.
const FALSE_ABORT: f64 = 1.0;
/// More would roll back one healthy version in five.
const MOST_FALSE_ABORT: f64 = 20.0;
/// In percent.
const ABSOLUTE_MAX: f64 = 5.0;
const MIN_ERRORS: u64 = 5;
const MOST_MIN_ERRORS: u64 = 1_000_000_000;
const ERROR_RATIO: f64 = 1.0;
const LATENCY_RATIO: f64 = 1.25;
/// A version a hundred times as bad is not judged at all.
const MOST_RATIO: f64 = 100.0;
const PROMETHEUS: Duration = Duration::from_secs(30);
/// A server is not asked more often.
const PROMETHEUS_LEAST: Duration = Duration::from_secs(1);

/// What becomes of an analysis: the judge's part, and what counts as an error.
type Judged = (spec::Analysis, ErrorRule);

/// Reads what the new version is judged by.
pub(super) fn analysis(spec: &ReleaseSpec, at: &At<'_>, refusals: &mut Refusals) -> Option<Judged> {
    let Analysis { false_abort, guardrails, on_inconclusive, on_no_data } = &spec.analysis;
    let false_abort = self::false_abort(false_abort.as_ref(), &at.field("falseAbort"), refusals);
    let has_pods = spec.canary.workload.is_some();
    let guardrails = guardrails.clone().unwrap_or_else(|| default(has_pods));
    let at = at.field("guardrails");
    list::at_most(&guardrails, MOST_GUARDRAILS, &at, refusals)?;
    let mut reader = Reader { has_pods, errors: ErrorRule::default() };
    let single = single(&guardrails, &at, refusals);
    let read =
        list::each(&guardrails, &at, refusals, |one, at, refusals| reader.guardrail(one, at, refusals));
    let names = guardrails.iter().map(|one| one.name.as_deref().or_else(|| kinds(one).first().copied()));
    let unique = list::unique(names, "guardrail", &at, refusals);
    single.and(unique)?;
    let on_inconclusive = match on_inconclusive {
        OnInconclusive::Proceed => spec::OnInconclusive::Proceed,
        OnInconclusive::Hold => spec::OnInconclusive::Hold,
    };
    let hold_without_data = *on_no_data == OnNoData::Hold;
    let analysis =
        spec::Analysis { false_abort: false_abort?, guardrails: read?, on_inconclusive, hold_without_data };
    Some((analysis, reader.errors))
}

/// What is watched where the manifest does not say.
fn default(has_pods: bool) -> Vec<Guardrail> {
    let errors = Guardrail { errors: Some(ErrorsRail::default()), ..Guardrail::default() };
    let pods = Guardrail { pods: Some(PodsRail::default()), ..Guardrail::default() };
    std::iter::once(errors).chain(has_pods.then_some(pods)).collect()
}

fn false_abort(written: Option<&Percent>, at: &At<'_>, refusals: &mut Refusals) -> Option<f64> {
    let percent = percent(written, FALSE_ABORT, at, refusals)?;
    refusals.require(percent > 0.0 && percent <= MOST_FALSE_ABORT, at, || {
        format!("{percent}% is not possible; write more than 0%, which nothing can promise, and at most {MOST_FALSE_ABORT}%")
    })?;
    Some(percent / 100.0)
}

fn percent(written: Option<&Percent>, default: f64, at: &At<'_>, refusals: &mut Refusals) -> Option<f64> {
    written.map_or(Some(default), |written| refusals.keep(at, written.parse()))
}

/// What a guardrail watches; it should be one thing.
fn kinds(guardrail: &Guardrail) -> Vec<&'static str> {
    let Guardrail { errors, latency, pods, prometheus, .. } = guardrail;
    let kinds = [
        errors.as_ref().map(|_| "errors"),
        latency.as_ref().map(|_| "latency"),
        pods.as_ref().map(|_| "pods"),
        prometheus.as_ref().map(|_| "prometheus"),
    ];
    kinds.into_iter().flatten().collect()
}

/// Proxies count errors in one way, so there is one such guardrail at most; and so for latency and pods.
fn single(guardrails: &[Guardrail], at: &At<'_>, refusals: &mut Refusals) -> Option<()> {
    let mut single = Some(());
    for kind in ["errors", "latency", "pods"] {
        let mut with = guardrails.iter().enumerate().filter(|(_, one)| kinds(one).contains(&kind));
        let first = with.next();
        for (index, _) in with {
            let first = first.map_or(0, |(index, _)| index);
            let message = format!("guardrails[{first}] watches {kind} already; put both into one");
            refusals.add(&at.index(index).field(kind), message);
            single = None;
        }
    }
    single
}

/// Reads guardrails, and what they ask of proxies.
struct Reader {
    has_pods: bool,
    errors: ErrorRule,
}

// === impl Reader ===

impl Reader {
    fn guardrail(
        &mut self,
        one: &Guardrail,
        at: &At<'_>,
        refusals: &mut Refusals,
    ) -> Option<spec::Guardrail> {
        let [kind] = kinds(one)[..] else {
            refusals.add(at, "name exactly one of errors, latency, pods and prometheus");
            return None;
        };
        let name = value::label(one.name.as_deref().unwrap_or(kind), &at.field("name"), refusals);
        let fitting = fitting(one, at, refusals);
        let field = at.field(kind);
        let watch = match (&one.errors, &one.latency, &one.pods, &one.prometheus) {
            (Some(errors), ..) => self.errors(one, errors, at, refusals).map(Watch::Errors),
            (_, Some(latency), ..) => self::latency(latency, &field, refusals).map(Watch::Latency),
            (_, _, Some(pods), _) => self.pods(pods, &field, refusals).map(Watch::Pods),
            (.., prometheus) => prometheus
                .as_ref()
                .and_then(|one| self::prometheus(one, &field, refusals))
                .map(Watch::Prometheus),
        };
        fitting?;
        Some(spec::Guardrail { name: name?, watch: watch?, action: action(one) })
    }

    fn errors(
        &mut self,
        one: &Guardrail,
        errors: &ErrorsRail,
        at: &At<'_>,
        refusals: &mut Refusals,
    ) -> Option<spec::Errors> {
        let rule = error_rule(errors, &at.field("errors"), refusals);
        let tolerated =
            ratio(errors.fail_ratio, ERROR_RATIO, &at.field("errors").field("failRatio"), refusals);
        let absolute_max = absolute(one.absolute_max.as_ref(), &at.field("absoluteMax"), refusals);
        let min_errors = one.min_errors.unwrap_or(MIN_ERRORS);
        refusals.require((1..=MOST_MIN_ERRORS).contains(&min_errors), &at.field("minErrors"), || {
            format!("{min_errors} cannot be; write 1 or more: without an error there is nothing to compare")
        })?;
        self.errors = rule?;
        Some(spec::Errors { tolerated: tolerated?, absolute_max: absolute_max?, min_errors })
    }

    fn pods(&self, pods: &PodsRail, at: &At<'_>, refusals: &mut Refusals) -> Option<spec::Pods> {
        refusals.require(self.has_pods, at, || {
            "the pods of the new version are not known; name spec.canary.workload, or leave this guardrail out".to_owned()
        })?;
        Some(spec::Pods { restarts: pods.restarts })
    }
}

fn latency(latency: &LatencyRail, at: &At<'_>, refusals: &mut Refusals) -> Option<spec::Latency> {
    let fail_ratio = ratio(latency.fail_ratio, LATENCY_RATIO, &at.field("failRatio"), refusals);
    let default = || ["p50", "p90", "p99"].map(|text| Quantile(text.to_owned())).into();
    let quantiles = latency.quantiles.clone().unwrap_or_else(default);
    let at = at.field("quantiles");
    list::not_empty(&quantiles, "quantile", &at, refusals)?;
    list::at_most(&quantiles, MOST_QUANTILES, &at, refusals)?;
    let mut read = list::each(&quantiles, &at, refusals, |one, at, refusals| refusals.keep(at, one.parse()))?;
    read.sort_unstable();
    read.dedup();
    Some(spec::Latency { quantiles: read, fail_ratio: fail_ratio? })
}

/// Refuses what belongs to another kind of guardrail.
fn fitting(one: &Guardrail, at: &At<'_>, refusals: &mut Refusals) -> Option<()> {
    let mut fitting = Some(());
    for (field, given) in
        [("absoluteMax", one.absolute_max.is_some()), ("minErrors", one.min_errors.is_some())]
    {
        let fits = refusals.require(!given || one.errors.is_some(), &at.field(field), || {
            "it belongs to a guardrail with errors and has no effect here; leave it out".to_owned()
        });
        fitting = fitting.and(fits);
    }
    fitting
}

fn action(one: &Guardrail) -> spec::OnFailure {
    match one.action {
        Some(OnFailure::Hold) => spec::OnFailure::Hold,
        None if one.latency.is_some() => spec::OnFailure::Hold,
        Some(OnFailure::Rollback) | None => spec::OnFailure::Rollback,
    }
}

fn error_rule(errors: &ErrorsRail, at: &At<'_>, refusals: &mut Refusals) -> Option<ErrorRule> {
    let default = ErrorRule::default();
    let statuses = errors.http.as_ref().map_or(Some(default.statuses), |classes| {
        let at = at.field("http");
        list::at_most(classes, MOST_CLASSES, &at, refusals)?;
        list::each(classes, &at, refusals, |class, at, refusals| refusals.keep(at, class.parse()))
    });
    let numbers = |codes: &Vec<GrpcCode>| codes.iter().map(|code| code.number()).collect();
    let grpc: Vec<u8> = errors.grpc.as_ref().map_or(default.grpc, numbers);
    let (resets, timeouts) = (errors.resets.unwrap_or(true), errors.timeouts.unwrap_or(true));
    let statuses = statuses?;
    let counts = !statuses.is_empty() || !grpc.is_empty() || resets || timeouts;
    refusals
        .require(counts, at, || "nothing is an error this way; name something, or leave it out".to_owned())?;
    Some(ErrorRule { statuses, grpc, resets, timeouts })
}

fn absolute(written: Option<&Percent>, at: &At<'_>, refusals: &mut Refusals) -> Option<Absolute> {
    let percent = percent(written, ABSOLUTE_MAX, at, refusals)?;
    let absolute = Absolute::new(percent / 100.0);
    refusals.require(absolute.is_some(), at, || {
        format!("{percent}% is not a limit; write more than 0% and less than 100%")
    })?;
    absolute
}

fn ratio(written: Option<f64>, default: f64, at: &At<'_>, refusals: &mut Refusals) -> Option<f64> {
    let ratio = written.unwrap_or(default);
    refusals.require((1.0..=MOST_RATIO).contains(&ratio), at, || {
        format!("{ratio} cannot be; write 1 (no worse than the old version) to {MOST_RATIO}")
    })?;
    Some(ratio)
}

fn prometheus(one: &PrometheusRail, at: &At<'_>, refusals: &mut Refusals) -> Option<spec::Prometheus> {
    let address = value::url(&one.address, &at.field("address"), refusals);
    let query = &one.query;
    let asks = refusals.require(
        !query.trim().is_empty() && query.len() <= LONGEST_QUERY,
        &at.field("query"),
        || format!("write an instant query with one number as its result, at most {LONGEST_QUERY} bytes"),
    );
    let finite = refusals.require(one.max.is_finite(), &at.field("max"), || {
        format!("{} is no limit; write a number", one.max)
    });
    let every = value::period(one.every.as_ref(), PROMETHEUS, &at.field("every"), refusals);
    let every = every.and_then(|every| {
        let seldom = every >= PROMETHEUS_LEAST;
        refusals.require(seldom, &at.field("every"), || "that is too often; write 1s or more".to_owned())?;
        Some(every)
    });
    asks.and(finite)?;
    Some(spec::Prometheus { address: address?, query: query.as_str().into(), max: one.max, every: every? })
}
