//! The proxies that serve, and what each of them says. Who serves is what the API says of their pods; a proxy
//! that is not connected here counts as silent, not as gone.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt as _, api::ListParams};
use tokio::time::Instant;
use weir_fleet::{Hub, Member};
use weir_model::ReleaseKey;
use weir_release::{observation::Proxy, spec::Spec};

use super::Tools;

/// How often the pods are listed.
const LIST: Duration = Duration::from_secs(2);

/// The proxies that serve.
pub(super) struct Fleet {
    hub: Arc<Hub>,
    api: Api<Pod>,
    account: String,
    listed: Option<Instant>,
    /// Pods that serve, and those that are about to end.
    serving: BTreeSet<String>,
    ending: BTreeSet<String>,
}

// === impl Fleet ===

impl Fleet {
    pub(super) fn new(tools: &Tools) -> Self {
        Self {
            hub: Arc::clone(&tools.hub),
            api: Api::namespaced(tools.client.clone(), &tools.proxies.0),
            account: format!("spec.serviceAccountName={}", tools.proxies.1),
            listed: None,
            serving: BTreeSet::new(),
            ending: BTreeSet::new(),
        }
    }

    /// Lists the pods, if it is time to. A list that fails leaves the one before it.
    pub(super) async fn look(&mut self) {
        if self.listed.is_some_and(|at| at.elapsed() < LIST) {
            return;
        }
        self.listed = Some(Instant::now());
        match self.api.list(&ListParams::default().fields(&self.account)).await {
            Ok(pods) => {
                let runs = |pod: &&Pod| {
                    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
                    phase == Some("Running")
                };
                let (ending, serving): (Vec<&Pod>, Vec<&Pod>) =
                    pods.iter().filter(runs).partition(|pod| pod.metadata.deletion_timestamp.is_some());
                self.serving = names(&serving);
                self.ending = names(&ending);
            }
            Err(error) => tracing::warn!("the proxies' pods cannot be listed: {error}"),
        }
    }

    /// What every proxy that serves says of a release. One that ends counts for as long as it is connected: until
    /// then it may still send requests.
    pub(super) fn proxies(
        &self,
        key: &ReleaseKey,
        spec: &Spec,
        attempt: u64,
    ) -> BTreeMap<String, Option<Proxy>> {
        let members = self.hub.members().list();
        let mut proxies: BTreeMap<String, Option<Proxy>> =
            self.serving.iter().map(|name| (name.clone(), None)).collect();
        for member in members {
            proxies.insert(member.identity.clone(), Some(proxy(&member, key, spec, attempt)));
        }
        proxies
    }
}

fn names(pods: &[&Pod]) -> BTreeSet<String> {
    pods.iter().map(|pod| pod.name_any()).collect()
}

fn proxy(member: &Member, key: &ReleaseKey, spec: &Spec, attempt: u64) -> Proxy {
    let reading = &member.reading;
    let release =
        reading.releases.iter().find(|one| *one.namespace == *key.namespace && *one.name == *key.name);
    let routes = reading.routes.iter().map(|route| {
        let requests = route.statuses.iter().sum();
        (route.route.as_str(), route.service.as_str(), requests)
    });
    Proxy::new(&member.boot, reading.uptime, attempt, release).with_sent(spec, routes)
}
