//! The status of a Release, by server-side apply, under the version that was read.

use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams},
};
use serde_json::{Value, json};
use weir_crd::API_VERSION;
use weir_model::{ReleaseKey, Role};
use weir_release::Plan;

use super::{conditions::conditions, held::Held};
use crate::index::ReleaseView;

/// Who owns the fields.
pub(super) const MANAGER: &str = "weir-release";
/// Keeps a Release until requests can do without it.
pub(super) const FINALIZER: &str = "weir.dev/release";

/// How large a spec may be that is kept, in bytes: the API server takes objects of 1.5 MiB in all, and annotations of
/// 256 KiB, which hold the same spec with `kubectl apply`.
const LARGEST: usize = 256 << 10;

/// What became of a write.
pub(super) enum Stored {
    /// It is stored, as this version.
    Done(Arc<str>),
    /// Somebody else wrote meanwhile.
    Overtaken,
}

/// Where Releases are.
pub(super) fn api(client: &Client, kind: &str, plural: &str, namespace: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("weir.dev", "v1alpha1", kind);
    Api::namespaced_with(client.clone(), namespace, &ApiResource::from_gvk_with_plural(&kind, plural))
}

/// Stores what a plan says.
pub(super) async fn store(
    client: &Client,
    key: &ReleaseKey,
    release: &ReleaseView,
    held: &Held,
    plan: &Plan,
) -> anyhow::Result<Stored> {
    if held.is_waiting() {
        return Ok(Stored::Overtaken);
    }
    let api = api(client, "Release", "releases", &key.namespace);
    let mut version = Arc::clone(&held.version);
    if !has_finalizer(release)
        && plan.next.routing.is_some()
        && release.known.metadata.deletion_timestamp.is_none()
    {
        match hold_on(&api, key, release, &version).await? {
            Stored::Done(newer) => version = newer,
            Stored::Overtaken => return Ok(Stored::Overtaken),
        }
    }
    let body = json!({
        "apiVersion": API_VERSION,
        "kind": "Release",
        "metadata": { "name": *key.name, "resourceVersion": *version },
        "status": status(release, held, plan)?,
    });
    let params = PatchParams::apply(MANAGER).force();
    written(api.patch_status(&key.name, &params, &Patch::Apply(body)).await)
}

/// The last spec that made sense. One that would not fit is left out, and so is no help after a restart.
fn accepted(release: &ReleaseView) -> anyhow::Result<Option<Value>> {
    let Some(accepted) = &release.known.accepted else { return Ok(None) };
    let accepted = serde_json::to_value(accepted).context("the accepted spec")?;
    let size = accepted.to_string().len();
    if size > LARGEST {
        let name = release.known.metadata.name.as_deref().unwrap_or_default();
        tracing::warn!(release = name, size, "its spec is too large to be kept in its status");
    }
    Ok((size <= LARGEST).then_some(accepted))
}

fn status(release: &ReleaseView, held: &Held, plan: &Plan) -> anyhow::Result<Value> {
    let mut status = serde_json::to_value(&plan.next).context("the state")?;
    let weight = plan.next.routing.as_ref().map(|routing| routing.split.weight(Role::Canary).to_string());
    status["observedGeneration"] = json!(release.known.metadata.generation);
    if let Some(accepted) = accepted(release)? {
        status["accepted"] = accepted;
    }
    let record = held.record_with(plan);
    if !record.handled().is_empty() {
        status["actions"] = serde_json::to_value(record.handled())?;
    }
    status["waitingFor"] = json!(plan.report.waiting_for);
    status["weight"] = json!(weight.unwrap_or_default());
    status["acknowledged"] = json!(format!("{}/{}", held.live().acknowledged, held.live().proxies));
    status["live"] = serde_json::to_value(held.live())?;
    status["conditions"] = conditions(release, plan, Timestamp::now());
    Ok(status)
}

/// Whether a Release that is deleted waits for us.
pub(super) fn has_finalizer(release: &ReleaseView) -> bool {
    let finalizers = release.known.metadata.rest.get("finalizers").and_then(Value::as_array);
    finalizers.is_some_and(|all| all.iter().any(|one| one == FINALIZER))
}

/// From the first change of traffic on, a Release goes only when requests can do without it.
async fn hold_on(
    api: &Api<DynamicObject>,
    key: &ReleaseKey,
    release: &ReleaseView,
    version: &str,
) -> anyhow::Result<Stored> {
    let mut finalizers = finalizers(release);
    finalizers.push(json!(FINALIZER));
    let body = json!({ "metadata": { "resourceVersion": version, "finalizers": finalizers } });
    written(api.patch(&key.name, &PatchParams::default(), &Patch::Merge(body)).await)
}

/// The finalizers of others.
pub(super) fn finalizers(release: &ReleaseView) -> Vec<Value> {
    let all = release.known.metadata.rest.get("finalizers").and_then(Value::as_array);
    all.into_iter().flatten().filter(|one| **one != json!(FINALIZER)).cloned().collect()
}

fn written(done: kube::Result<DynamicObject>) -> anyhow::Result<Stored> {
    match done {
        Ok(object) => Ok(Stored::Done(object.metadata.resource_version.unwrap_or_default().into())),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(Stored::Overtaken),
        Err(error) => Err(error.into()),
    }
}
