//! The cluster as it is now, for verbs that look once.

mod releases;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use anyhow::Context as _;
use futures_util::{StreamExt as _, future::join_all, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::{
    Api, Client, Config, ResourceExt,
    api::ListParams,
    config::{KubeConfigOptions, Kubeconfig},
};
use tokio::time::timeout;
use weir_model::ObjectRef;
use weir_translate::{
    Claims,
    object::{EndpointSlice, Ingress, IngressClass, Object, Service},
};

use crate::{
    claims::{CLAIMS, GRANTS, Register, shard_of},
    secrets::contents,
    watched::{Watchable, Watched},
};

pub use releases::ReleaseEvent;

/// Objects of one answer.
const PAGE: u32 = 500;
const AT_ONCE: usize = 8;
/// The label of the pods that are asked.
const CONTROLLERS: &str = "app.kubernetes.io/component=controller";
/// What one of them may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A cluster that can be asked.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    namespace: String,
}

/// A Secret that could not be read, and why.
pub type Unread = (ObjectRef, String);

// === impl Cluster ===

impl Cluster {
    /// The cluster of a context of the user's kubeconfig (the current one unless named), or the one that a
    /// pod is in. `namespace` is that of Weir's installation.
    ///
    /// # Errors
    /// When there is no such context, or its credentials cannot be used.
    pub async fn connect(context: Option<&str>, namespace: &str) -> anyhow::Result<Self> {
        let config = match context {
            None => Config::infer().await.context("no cluster: there is no kubeconfig that can be used")?,
            Some(context) => {
                let options =
                    KubeConfigOptions { context: Some(context.into()), ..KubeConfigOptions::default() };
                Config::from_custom_kubeconfig(Kubeconfig::read()?, &options).await?
            }
        };
        let client = Client::try_from(config)?;
        Ok(Self { client, namespace: namespace.to_owned() })
    }

    /// Every object that routes depend on, except Secrets.
    ///
    /// # Errors
    /// When a kind cannot be listed.
    pub async fn objects(&self) -> anyhow::Result<Vec<Object>> {
        let mut objects = self.list::<Ingress>().await?;
        objects.extend(self.list::<IngressClass>().await?);
        objects.extend(self.list::<Service>().await?);
        objects.extend(self.list::<EndpointSlice>().await?);
        Ok(objects)
    }

    async fn list<T: Watchable>(&self) -> anyhow::Result<Vec<Object>> {
        let api: Api<Watched<T>> = Api::all(self.client.clone());
        let mut params = ListParams::default().limit(PAGE);
        let mut objects = Vec::new();
        loop {
            let page = api.list(&params).await.with_context(|| format!("cannot list {}", T::PLURAL))?;
            objects.extend(page.items.into_iter().filter_map(|item| item.object.ok()).map(T::object));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(objects),
            }
        }
    }

    /// These Secrets, as far as they are there and may be read.
    pub async fn secrets(&self, ids: BTreeSet<ObjectRef>) -> (Vec<Object>, Vec<Unread>) {
        let get = |id: ObjectRef| async move {
            let api: Api<Secret> = Api::namespaced(self.client.clone(), &id.namespace);
            (api.get_opt(&id.name).await, id)
        };
        let mut answers = stream::iter(ids.into_iter().map(get)).buffer_unordered(AT_ONCE);
        let (mut objects, mut unread) = (Vec::new(), Vec::new());
        while let Some((answer, id)) = answers.next().await {
            match answer {
                Ok(Some(secret)) => match contents(&secret) {
                    Ok(secret) => objects.push(Object::Secret(Arc::new(secret))),
                    Err(error) => unread.push((id, error.to_string())),
                },
                Ok(None) => {}
                Err(error) => unread.push((id, error.to_string())),
            }
        }
        (objects, unread)
    }

    /// What the controllers have recorded of the owners of paths, in objects that begin with `name`.
    ///
    /// # Errors
    /// When the ConfigMaps of the installation cannot be listed.
    pub async fn claims(&self, name: &str) -> anyhow::Result<Claims> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace);
        let maps = api.list(&ListParams::default()).await.with_context(|| {
            format!("cannot read the record of claims in namespace {} (-n names another)", self.namespace)
        })?;
        let mut register = Register::default();
        for map in maps {
            let text = |key: &str| map.data.as_ref().and_then(|data| data.get(key)).map(String::as_str);
            if map.name_any() == format!("{name}-grants") {
                register.read_grants(text(GRANTS)).context("claims.grants")?;
            } else if let Some(shard) = shard_of(name, &map.name_any()) {
                register.read_shard(shard, text(CLAIMS)).context("the record of claims")?;
            }
        }
        Ok(register.claims())
    }

    /// What every controller answers at a path of its admin listener, by pod, through the API server.
    ///
    /// # Errors
    /// When the pods of the installation cannot be listed.
    pub async fn ask_controllers(&self, path: &str) -> anyhow::Result<Vec<(String, anyhow::Result<String>)>> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let pods = api.list(&ListParams::default().labels(CONTROLLERS)).await.with_context(|| {
            format!("cannot list the controllers in namespace {} (-n names another)", self.namespace)
        })?;
        let names: Vec<String> = pods.iter().map(ResourceExt::name_any).collect();
        let answers = join_all(names.iter().map(|pod| self.ask(pod, path))).await;
        Ok(names.into_iter().zip(answers).collect())
    }

    async fn ask(&self, pod: &str, path: &str) -> anyhow::Result<String> {
        let url = format!("/api/v1/namespaces/{}/pods/{pod}:9901/proxy{path}", self.namespace);
        let request = http::Request::get(url).body(Vec::new())?;
        let answer = timeout(PATIENCE, self.client.request_text(request)).await;
        let answer = answer.with_context(|| {
            format!("no answer within {PATIENCE:?}; do network policies let the API server reach port 9901?")
        })?;
        Ok(answer?)
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
