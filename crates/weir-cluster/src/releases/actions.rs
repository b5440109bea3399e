//! What follows from a stored state, done to the API. Everything can be done twice.

use jiff::Timestamp;
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, StatefulSet},
        core::v1::ObjectReference,
    },
    apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry,
};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use weir_model::ReleaseKey;
use weir_release::{
    action,
    spec::{Version, WorkloadKind},
};

use super::{
    record,
    store::{self, FINALIZER, MANAGER},
};
use crate::index::ReleaseView;

/// On a workload that is no longer needed.
const RETIRED: &str = "weir.dev/retired-at";

/// What does it.
pub(super) struct Hands {
    client: Client,
    recorder: Recorder,
}

// === impl Hands ===

impl Hands {
    pub(super) fn new(client: Client, identity: &str) -> Self {
        let reporter =
            Reporter { controller: "weir.dev/release".into(), instance: Some(identity.to_owned()) };
        Self { recorder: Recorder::new(client.clone(), reporter), client }
    }

    /// Answers a `ReleaseAction`, which then belongs to its release and goes with it. Returns when, if the answer
    /// arrived.
    pub(super) async fn answer(
        &self,
        id: &str,
        owner: Option<(&ReleaseKey, &ReleaseView)>,
        refused: Option<String>,
    ) -> Option<String> {
        let (namespace, name, uid) = record::parts(id)?;
        let api = store::api(&self.client, "ReleaseAction", "releaseactions", namespace);
        if let Some((key, release)) = owner {
            let params = PatchParams::apply(MANAGER).force();
            let patch = Patch::Apply(with_owner(name, uid, key, release));
            report("naming the owner of", id, api.patch(name, &params, &patch).await.map(drop));
        }
        let result = if refused.is_none() { "Applied" } else { "Refused" };
        let at = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let status = json!({
            "metadata": { "uid": uid },
            "status": { "result": result, "message": refused, "at": at },
        });
        let done = api.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await;
        let arrived = done.is_ok().then_some(at);
        report("an answer", id, done.map(drop));
        arrived
    }

    /// Removes a `ReleaseAction`, this very one.
    pub(super) async fn remove(&self, id: &str) {
        let Some((namespace, name, uid)) = record::parts(id) else { return };
        let api = store::api(&self.client, "ReleaseAction", "releaseactions", namespace);
        let preconditions = Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None });
        match api.delete(name, &DeleteParams { preconditions, ..DeleteParams::default() }).await {
            // Somebody else was faster.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
            done => report("removing", id, done.map(drop)),
        }
    }

    /// Writes an Event.
    pub(super) async fn tell(&self, key: &ReleaseKey, release: &ReleaseView, event: action::Event) {
        let action::Event { warning, reason, mut message } = event;
        tracing::info!(release = %key, reason, "{message}");
        // The API takes 1,024 bytes.
        message.truncate(message.floor_char_boundary(1_000));
        let event = Event {
            type_: if warning { EventType::Warning } else { EventType::Normal },
            reason: reason.into(),
            note: Some(message),
            action: "Release".into(),
            secondary: None,
        };
        let about = ObjectReference {
            api_version: Some(weir_crd::API_VERSION.into()),
            kind: Some("Release".into()),
            name: Some(key.name.to_string()),
            namespace: Some(key.namespace.to_string()),
            uid: Some(release.uid.to_string()),
            ..ObjectReference::default()
        };
        report("an Event", &key.to_string(), self.recorder.publish(&event, &about).await);
    }

    /// Lets a workload have so many replicas.
    pub(super) async fn scale(&self, key: &ReleaseKey, version: &Version, replicas: u32) {
        let Some(workload) = &version.workload else { return };
        let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
        let (client, namespace) = (self.client.clone(), &key.namespace);
        let done = match workload.kind {
            WorkloadKind::Deployment => {
                let api: Api<Deployment> = Api::namespaced(client, namespace);
                api.patch_scale(&workload.name, &params, &patch).await
            }
            WorkloadKind::StatefulSet => {
                let api: Api<StatefulSet> = Api::namespaced(client, namespace);
                api.patch_scale(&workload.name, &params, &patch).await
            }
        };
        report("scaling", &workload.to_string(), done.map(drop));
    }

    /// Gives up the say over a workload's replicas: who applies it next owns them again.
    pub(super) async fn let_go(&self, key: &ReleaseKey, version: &Version) {
        let Some(workload) = &version.workload else { return };
        let (client, namespace) = (self.client.clone(), &key.namespace);
        let done = match workload.kind {
            WorkloadKind::Deployment => {
                disown::<Deployment>(&Api::namespaced(client, namespace), &workload.name).await
            }
            WorkloadKind::StatefulSet => {
                disown::<StatefulSet>(&Api::namespaced(client, namespace), &workload.name).await
            }
        };
        report("letting go of", &workload.to_string(), done);
    }

    /// Marks a workload as no longer needed.
    pub(super) async fn retire(&self, key: &ReleaseKey, version: &Version) {
        let Some(workload) = &version.workload else { return };
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let patch = Patch::Merge(json!({ "metadata": { "annotations": { RETIRED: now } } }));
        let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
        let (client, namespace) = (self.client.clone(), &key.namespace);
        let done = match workload.kind {
            WorkloadKind::Deployment => {
                let api: Api<Deployment> = Api::namespaced(client, namespace);
                api.patch(&workload.name, &params, &patch).await.map(drop)
            }
            WorkloadKind::StatefulSet => {
                let api: Api<StatefulSet> = Api::namespaced(client, namespace);
                api.patch(&workload.name, &params, &patch).await.map(drop)
            }
        };
        report("marking", &workload.to_string(), done);
    }

    /// Lets a Release go that is deleted.
    pub(super) async fn forget(&self, key: &ReleaseKey, release: &ReleaseView) {
        if !store::has_finalizer(release) {
            return;
        }
        let api = store::api(&self.client, "Release", "releases", &key.namespace);
        let finalizers = store::finalizers(release);
        let patch = Patch::Merge(json!({ "metadata": { "finalizers": finalizers } }));
        let done = api.patch(&key.name, &PatchParams::default(), &patch).await;
        report("removing the finalizer", &format!("{FINALIZER} of {key}"), done.map(drop));
    }
}

/// The owner of a `ReleaseAction`. Nobody waits for it to go before its release does: that takes more permissions.
fn with_owner(name: &str, uid: &str, key: &ReleaseKey, release: &ReleaseView) -> Value {
    let owner = json!({
        "apiVersion": weir_crd::API_VERSION, "kind": "Release", "name": *key.name, "uid": *release.uid,
    });
    json!({
        "apiVersion": weir_crd::API_VERSION,
        "kind": "ReleaseAction",
        "metadata": { "name": name, "uid": uid, "ownerReferences": [owner] },
    })
}

/// Takes our entry out of the record of who manages the replicas; they stay as they are. It goes by the scale
/// subresource too, so that nothing else of the workload has to be writable.
async fn disown<K: Resource + Clone + DeserializeOwned>(api: &Api<K>, name: &str) -> kube::Result<()> {
    let scale = match api.get_scale(name).await {
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
        scale => scale?,
    };
    let entries = scale.metadata.managed_fields.unwrap_or_default();
    let ours = |entry: &ManagedFieldsEntry| entry.manager.as_deref() == Some(MANAGER);
    if !entries.iter().any(ours) {
        return Ok(());
    }
    let others: Vec<_> = entries.into_iter().filter(|entry| !ours(entry)).collect();
    let others = serde_json::to_value(others).map_err(kube::Error::SerdeError)?;
    // A single empty entry is how the API spells an empty record.
    let others = if others == json!([]) { json!([{}]) } else { others };
    let version = scale.metadata.resource_version;
    let patch = Patch::Merge(json!({ "metadata": { "managedFields": others, "resourceVersion": version } }));
    match api.patch_scale(name, &PatchParams::default(), &patch).await {
        // Somebody else wrote meanwhile; the entry harms nobody.
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        done => done.map(drop),
    }
}

fn report(what: &str, of: &str, done: kube::Result<()>) {
    if let Err(error) = done {
        tracing::warn!("{what} {of} failed, and is tried again if it is still needed: {error}");
    }
}
