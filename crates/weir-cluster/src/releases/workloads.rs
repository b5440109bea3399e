//! The workloads that releases name: how many pods they have, which revision, who scales them.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, StatefulSet},
        autoscaling::v2::HorizontalPodAutoscaler,
        core::v1::{Pod, PodTemplateSpec},
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams},
    core::Selector,
};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use weir_model::{ReleaseKey, Role};
use weir_release::{
    observation::{Lookup, Scaler, Workload},
    spec::{Spec, WorkloadKind},
};

/// How often the workloads of a release that is under way are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How often those of one that is over are.
const LOOK_WHEN_OVER: Duration = Duration::from_secs(30);

/// What is known of workloads.
pub(super) struct Workloads {
    client: Client,
    known: BTreeMap<ReleaseKey, Known>,
}

struct Known {
    at: Instant,
    stable: Lookup,
    canary: Lookup,
}

/// A workload of either kind.
struct Found {
    desired: u32,
    ready: u32,
    settled: bool,
    template: PodTemplateSpec,
    selector: LabelSelector,
}

// === impl Workloads ===

impl Workloads {
    pub(super) fn new(client: Client) -> Self {
        Self { client, known: BTreeMap::new() }
    }

    /// Has the workloads of a release looked at at once.
    pub(super) fn look_again(&mut self, key: &ReleaseKey) {
        self.known.remove(key);
    }

    /// The old and the new version's workload. What cannot be read is as it was; if it never was, nothing is known
    /// of it, which is not the same as none.
    pub(super) async fn look(&mut self, key: &ReleaseKey, spec: &Spec, over: bool) -> (Lookup, Lookup) {
        let pause = if over { LOOK_WHEN_OVER } else { LOOK };
        if let Some(known) = self.known.get(key).filter(|known| known.at.elapsed() < pause) {
            return (known.stable.clone(), known.canary.clone());
        }
        let before = self.known.get(key).map(|known| (known.stable.clone(), known.canary.clone()));
        let (old_stable, old_canary) = before.unwrap_or((Lookup::Unknown, Lookup::Unknown));
        let stable =
            self.read(key, spec, Role::Stable).await.unwrap_or_else(|error| kept(key, &error, old_stable));
        let canary =
            self.read(key, spec, Role::Canary).await.unwrap_or_else(|error| kept(key, &error, old_canary));
        let known = Known { at: Instant::now(), stable: stable.clone(), canary: canary.clone() };
        self.known.insert(key.clone(), known);
        (stable, canary)
    }

    async fn read(&self, key: &ReleaseKey, spec: &Spec, role: Role) -> kube::Result<Lookup> {
        let Some(named) = &spec.version(role).workload else { return Ok(Lookup::Unnamed) };
        let (client, namespace) = (self.client.clone(), &*key.namespace);
        let found = match named.kind {
            WorkloadKind::Deployment => {
                Api::<Deployment>::namespaced(client, namespace).get_opt(&named.name).await?.map(deployment)
            }
            WorkloadKind::StatefulSet => Api::<StatefulSet>::namespaced(client, namespace)
                .get_opt(&named.name)
                .await?
                .map(stateful_set),
        };
        let Some(found) = found else { return Ok(Lookup::Missing) };
        let restarts = self.restarts(namespace, &found.selector).await?;
        let scaler = self.scaler(namespace, &named.kind.to_string(), &named.name).await?;
        Ok(Lookup::Found(Workload {
            desired: found.desired,
            ready: found.ready,
            settled: found.settled,
            revision: revision(&found.template),
            restarts,
            scaler,
        }))
    }

    async fn restarts(&self, namespace: &str, selector: &LabelSelector) -> kube::Result<u32> {
        let Ok(selector) = Selector::try_from(selector.clone()) else { return Ok(0) };
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let pods = api.list(&ListParams::default().labels_from(&selector)).await?;
        let statuses = pods.items.iter().filter_map(|pod| pod.status.as_ref());
        let containers = statuses.flat_map(|status| status.container_statuses.iter().flatten());
        let restarts: i32 = containers.map(|container| container.restart_count).sum();
        Ok(u32::try_from(restarts).unwrap_or_default())
    }

    async fn scaler(&self, namespace: &str, kind: &str, name: &str) -> kube::Result<Option<Scaler>> {
        let api: Api<HorizontalPodAutoscaler> = Api::namespaced(self.client.clone(), namespace);
        let all = api.list(&ListParams::default()).await?;
        let of_it = all.items.iter().find(|one| {
            one.spec
                .as_ref()
                .is_some_and(|spec| spec.scale_target_ref.kind == kind && spec.scale_target_ref.name == name)
        });
        if let Some(scaled) = self.scaled_object(namespace, name).await? {
            return Ok(Some(scaled));
        }
        Ok(of_it.map(|one| Scaler {
            name: format!("HorizontalPodAutoscaler {}", one.metadata.name.as_deref().unwrap_or_default()),
            // One that may go down to nothing also comes back from there.
            wakes: one.spec.as_ref().and_then(|spec| spec.min_replicas) == Some(0),
        }))
    }

    /// KEDA scales up from nothing. It may not be installed.
    async fn scaled_object(&self, namespace: &str, name: &str) -> kube::Result<Option<Scaler>> {
        let kind = GroupVersionKind::gvk("keda.sh", "v1alpha1", "ScaledObject");
        let resource = ApiResource::from_gvk(&kind);
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &resource);
        let all = match api.list(&ListParams::default()).await {
            Ok(all) => all.items,
            Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => Vec::new(),
            Err(error) => return Err(error),
        };
        let of_it = |one: &&DynamicObject| one.data["spec"]["scaleTargetRef"]["name"] == name;
        Ok(all.iter().find(of_it).map(|one| Scaler {
            name: format!("ScaledObject {}", one.metadata.name.as_deref().unwrap_or_default()),
            wakes: true,
        }))
    }
}

fn kept(key: &ReleaseKey, error: &kube::Error, before: Lookup) -> Lookup {
    tracing::warn!(release = %key, "a workload cannot be read; what was known counts: {error}");
    before
}

fn deployment(deployment: Deployment) -> Found {
    let (spec, status) = (deployment.spec.unwrap_or_default(), deployment.status.unwrap_or_default());
    let desired = spec.replicas.unwrap_or(1);
    let current = status.observed_generation >= deployment.metadata.generation;
    let updated = status.updated_replicas.unwrap_or(0);
    Found {
        desired: count(desired),
        ready: count(status.ready_replicas.unwrap_or(0).min(updated)),
        settled: current && updated == status.replicas.unwrap_or(0) && updated >= desired,
        template: spec.template,
        selector: spec.selector,
    }
}

fn stateful_set(set: StatefulSet) -> Found {
    let (spec, status) = (set.spec.unwrap_or_default(), set.status.unwrap_or_default());
    let desired = spec.replicas.unwrap_or(1);
    let current = status.observed_generation >= set.metadata.generation;
    let updated = status.updated_replicas.unwrap_or(status.replicas);
    Found {
        desired: count(desired),
        ready: count(status.ready_replicas.unwrap_or(0)),
        settled: current && updated >= desired,
        template: spec.template,
        selector: spec.selector,
    }
}

fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

/// What tells a pod template from another: it survives restarts of the controller, and that is all it has to.
fn revision(template: &PodTemplateSpec) -> String {
    let text = serde_json::to_string(template).unwrap_or_default();
    let digest = Sha256::digest(text.as_bytes());
    let head = digest.iter().take(8).fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
    format!("{head:016x}")
}

#[cfg(test)]
mod tests {
    use weir_crd::Release;

    use super::*;

    fn spec() -> Spec {
        let version = |name: &str| serde_json::json!({"service": {"name": name, "port": 80}});
        let mut stable = version("v1");
        stable["workload"] = serde_json::json!({"kind": "Deployment", "name": "v1"});
        let manifest = serde_json::json!({
            "apiVersion": weir_crd::API_VERSION, "kind": "Release", "metadata": {"name": "shop"},
            "spec": {
                "routes": [{"kind": "Ingress", "name": "shop"}], "stable": stable, "canary": version("v2"),
            },
        });
        weir_crd::parse("shop", &Release::read(&manifest).unwrap().spec).unwrap()
    }

    /// An API server that nobody reaches.
    fn nobody() -> Client {
        let mut config = kube::Config::new("http://127.0.0.1:9".parse().unwrap());
        config.connect_timeout = Some(Duration::from_secs(1));
        Client::try_from(config).unwrap()
    }

    #[tokio::test]
    async fn a_workload_that_cannot_be_read_is_not_taken_for_none() {
        let (mut workloads, key) = (Workloads::new(nobody()), ReleaseKey::new("shop", "shop"));
        for _ in 0..2 {
            let (stable, canary) = workloads.look(&key, &spec(), false).await;
            assert!(
                matches!((&stable, &canary), (Lookup::Unknown, Lookup::Unnamed)),
                "{stable:?} {canary:?}"
            );
            workloads.look_again(&key);
        }
    }
}
