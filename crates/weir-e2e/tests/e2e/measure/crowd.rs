//! Thousands of Ingresses, each with a host, a Service and an EndpointSlice of its own.

use std::{ops::Range, time::Duration};

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::{core::v1::Service, discovery::v1::EndpointSlice, networking::v1::Ingress};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};
use weir_e2e::{Backend, Installation, Namespace, PATIENCE, Stage, Via, ask, until};

/// How many objects are on their way to the API server at a time.
const AT_ONCE: usize = 64;
/// Between two changes of a churn.
const BEAT: Duration = Duration::from_millis(10);

/// The crowd.
pub(super) struct Crowd {
    namespace: Namespace,
    client: Client,
    class: String,
    ways: Vec<Via>,
    /// The backend's pod: all of them lead to it.
    pod: String,
    size: usize,
}

/// A change of one of them after the other, for as long as it runs.
pub(super) struct Churn {
    stop: watch::Sender<bool>,
    task: JoinHandle<anyhow::Result<f64>>,
}

// === impl Crowd ===

impl Crowd {
    pub(super) async fn new(stage: &Stage, weir: &Installation) -> anyhow::Result<Self> {
        let namespace = stage.namespace().await?;
        Backend::new("many", "v1").apply(&stage.cluster, namespace.name()).await?;
        let pods = stage.cluster.get(namespace.name(), &["pods", "--selector=app=many"]).await?;
        let pod = pods["items"][0]["status"]["podIP"].as_str().context("the backend's pod has no address")?;
        let (client, class, ways) =
            (stage.cluster.client(), weir.class().to_owned(), weir.each_proxy().await?);
        Ok(Self { namespace, client, class, ways, pod: pod.to_owned(), size: 0 })
    }

    /// With a Service and an EndpointSlice for each.
    pub(super) async fn grow_to(&mut self, size: usize) -> anyhow::Result<()> {
        let new = self.size..size;
        self.create::<Service>(new.clone(), |number| self.service(number)).await?;
        self.create::<EndpointSlice>(new.clone(), |number| self.slice(number)).await?;
        self.create::<Ingress>(new, |number| self.ingress(number, number)).await?;
        self.grown(size).await
    }

    /// Ingresses alone, which lead to the first Service.
    pub(super) async fn grow_plainly_to(&mut self, size: usize) -> anyhow::Result<()> {
        self.create::<Ingress>(self.size..size, |number| self.ingress(number, 0)).await?;
        self.grown(size).await
    }

    /// Waits until every proxy serves the last one.
    async fn grown(&mut self, size: usize) -> anyhow::Result<()> {
        self.size = size;
        let host = self.host(size - 1);
        for via in &self.ways {
            let look = || async { Ok(ask(via, &host, "/").await?.status == 200) };
            until(format!("{host} by {}", via.name), PATIENCE, look).await?;
        }
        Ok(())
    }

    async fn create<K>(&self, numbers: Range<usize>, object: impl Fn(usize) -> Value) -> anyhow::Result<()>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
        K: Clone + Serialize + DeserializeOwned + std::fmt::Debug,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), self.namespace.name());
        let create = |number: usize| {
            let (api, object) = (api.clone(), serde_json::from_value::<K>(object(number)));
            async move {
                api.create(&PostParams::default(), &object?).await?;
                anyhow::Ok(())
            }
        };
        stream::iter(numbers).map(create).buffer_unordered(AT_ONCE).try_collect().await
    }

    fn host(&self, number: usize) -> String {
        format!("h{number}.{}.example", self.namespace.name())
    }

    fn ingress(&self, number: usize, service: usize) -> Value {
        let backend = json!({ "service": { "name": format!("s{service}"), "port": { "number": 80 } } });
        let paths = json!([{ "path": "/", "pathType": "Prefix", "backend": backend }]);
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": { "name": format!("i{number}") },
            "spec": {
                "ingressClassName": self.class,
                "rules": [{ "host": self.host(number), "http": { "paths": paths } }],
            },
        })
    }

    /// Without an address of its own: what kube-proxy makes of thousands is not measured here.
    #[expect(clippy::unused_self, reason = "as the others")]
    fn service(&self, number: usize) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": format!("s{number}") },
            "spec": { "clusterIP": "None", "ports": [{ "name": "http", "port": 80, "targetPort": 8080 }] },
        })
    }

    fn slice(&self, number: usize) -> Value {
        let name = format!("s{number}");
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": { "name": name, "labels": { "kubernetes.io/service-name": name } },
            "ports": [{ "name": "http", "port": 8080, "protocol": "TCP" }],
            "endpoints": [{ "addresses": [self.pod], "conditions": { "ready": true } }],
        })
    }

    /// Changes one after the other, all of them in turn.
    pub(super) fn churn(&self) -> Churn {
        let (stop, stopped) = watch::channel(false);
        let api: Api<Ingress> = Api::namespaced(self.client.clone(), self.namespace.name());
        Churn { stop, task: tokio::spawn(churn(api, self.size, stopped)) }
    }
}

// === impl Churn ===

impl Churn {
    /// Ends it, and tells how many changes there were in a second.
    pub(super) async fn stop(self) -> anyhow::Result<f64> {
        self.stop.send_replace(true);
        self.task.await?
    }
}

async fn churn(api: Api<Ingress>, size: usize, stopped: watch::Receiver<bool>) -> anyhow::Result<f64> {
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (started, mut changes) = (Instant::now(), 0_u32);
    while !*stopped.borrow() {
        beat.tick().await;
        let name = format!("i{}", changes as usize % size);
        let seconds = (60 + changes % 60).to_string();
        let annotation = json!({ "nginx.ingress.kubernetes.io/proxy-read-timeout": seconds });
        let patch = Patch::Merge(json!({ "metadata": { "annotations": annotation } }));
        api.patch(&name, &PatchParams::default(), &patch).await?;
        changes += 1;
    }
    Ok(f64::from(changes) / started.elapsed().as_secs_f64())
}
