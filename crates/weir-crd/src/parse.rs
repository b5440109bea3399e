//! From what people write to what the release machine is asked: defaults, and everything that makes no sense.

mod analysis;
mod list;
mod matcher;
mod offline;
mod ramp;
mod route;
mod shadow;
mod step;
mod value;

use std::time::Duration;

use weir_release::spec::Spec;

use crate::{
    refusal::{At, Refusal, Refusals},
    release::{Limits, ReleaseSpec},
};

/// How long a version that was rolled back stays.
const KEEP_CANARY: Duration = Duration::from_mins(30);
/// How long a step may take where the manifest does not say, unless its bake takes longer than half of it.
const STEP_DEADLINE: Duration = Duration::from_hours(24);

/// Reads a spec of a namespace.
///
/// # Errors
/// When anything in it is wrong: all of it, each with its field and what to do.
///
/// ```
/// # use weir_crd::{Release, parse};
/// let text = r#"{
///     "apiVersion": "weir.dev/v1alpha1", "kind": "Release", "metadata": {"name": "shop"},
///     "spec": {
///         "routes": [{"kind": "Ingress", "name": "shop"}],
///         "stable": {"service": {"name": "web-v1", "port": 80}},
///         "canary": {"service": {"name": "web-v2", "port": 80}}
///     }
/// }"#;
/// let release = Release::read(&serde_json::from_str(text).unwrap()).unwrap();
/// let steps = parse("shop", &release.spec).unwrap().steps;
/// let names: Vec<_> = steps.iter().map(|step| &*step.name).collect();
/// assert_eq!(names, ["1%", "5%", "20%", "50%", "100%"]);
/// ```
pub fn parse(namespace: &str, spec: &ReleaseSpec) -> Result<Spec, Vec<Refusal>> {
    const ROOT: At<'static> = At::root("spec");
    let mut refusals = Refusals::default();
    // Before any is compiled, since each may take a megabyte.
    let affordable = matcher::few_patterns(spec, &ROOT, &mut refusals);
    let parsed = affordable.and_then(|()| read(namespace, spec, &ROOT, &mut refusals));
    refusals.finish(parsed, &ROOT)
}

/// Reads every field before it gives up, so that nothing wrong stays unmentioned.
fn read(namespace: &str, spec: &ReleaseSpec, at: &At<'_>, refusals: &mut Refusals) -> Option<Spec> {
    let routes = route::routes(&spec.routes, &at.field("routes"), refusals);
    let versions = route::versions(namespace, spec, at, refusals);
    let keys = matcher::keys(spec.assignment.as_ref(), &at.field("assignment").field("keys"), refusals);
    let overrides = matcher::overrides(&spec.overrides, &at.field("overrides"), refusals);
    let steps = step::steps(spec, at, refusals);
    let judged = analysis::analysis(spec, &at.field("analysis"), refusals);
    let keep = spec.rollback.keep_canary.as_ref();
    let keep_canary = value::period(keep, KEEP_CANARY, &at.field("rollback").field("keepCanary"), refusals);
    let offline = offline::offline(spec, &at.field("offline"), refusals);
    let longest = steps.iter().flatten().map(|step| step.bake.duration).max().unwrap_or_default();
    let step_deadline = step_deadline(&spec.limits, longest, &at.field("limits"), refusals);
    let (stable, canary) = versions?;
    let (analysis, errors) = judged?;
    Some(Spec {
        routes: routes?,
        stable,
        canary,
        keys: keys?,
        overrides: overrides?,
        steps: steps?,
        errors,
        analysis,
        keep_canary: keep_canary?,
        offline: offline?,
        step_deadline: step_deadline?,
        paused: spec.paused,
    })
}

fn step_deadline(
    limits: &Limits,
    longest_bake: Duration,
    at: &At<'_>,
    refusals: &mut Refusals,
) -> Option<Duration> {
    let default = STEP_DEADLINE.max(longest_bake * 2);
    let at = at.field("stepDeadline");
    let deadline = value::positive(limits.step_deadline.as_ref(), default, &at, refusals)?;
    refusals.require(deadline > longest_bake, &at, || {
        "a bake takes as long as this, so its step could never be over in time; allow more, or leave the field out"
            .to_owned()
    })?;
    Some(deadline)
}
