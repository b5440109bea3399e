//! Thousands of Ingresses at once.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::networking::v1::Ingress;
use kube::{
    Api,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::json;
use tokio::time::Instant;
use weir_e2e::{Backend, Installation, Namespace, PATIENCE, Stage, ask, until};

use crate::steady::{SOME, load};

/// How many Ingresses.
const MANY: usize = 5_000;
/// How many are on their way to the API server at a time.
const AT_ONCE: usize = 64;

/// 5,000 Ingresses are applied, and then deleted, while a neighbour is served. All of them are served meanwhile.
pub(crate) async fn of_ingresses(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.shared().await?;
    let (_site, running) = load(&stage, weir, &Backend::new("app", "v1").replicas(2)).await?;
    let namespace = stage.namespace().await?;
    Backend::new("many", "v1").apply(&stage.cluster, namespace.name()).await?;
    let started = Instant::now();
    create(&stage, &namespace, weir.class(), MANY).await?;
    stage.note(format_args!("{MANY} Ingresses were written in {:.1} s", started.elapsed().as_secs_f64()));
    let took = answered(weir, &namespace, 200).await?;
    stage.note(format_args!("the last one was served {took:.1?} later"));
    running.more(SOME).await?;
    let all: Api<Ingress> = Api::namespaced(stage.cluster.client(), namespace.name());
    all.delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
    let took = answered(weir, &namespace, 404).await?;
    stage.note(format_args!("the last one was gone {took:.1?} after all were deleted"));
    running.more(SOME).await?;
    running.stop().await?.clean()
}

/// Waits until every proxy answers this for the first, the last and one between.
async fn answered(weir: &Installation, namespace: &Namespace, status: u16) -> anyhow::Result<Duration> {
    let started = Instant::now();
    for via in weir.each_proxy().await? {
        for number in [0, MANY / 2, MANY - 1] {
            let host = host(namespace, number);
            let look = || async { Ok(ask(&via, &host, "/").await?.status == status) };
            until(format!("{host} by {} is {status}", via.name), PATIENCE, look).await?;
        }
    }
    Ok(started.elapsed())
}

/// Creates Ingresses, each with a host of its own.
pub(crate) async fn create(
    stage: &Stage,
    namespace: &Namespace,
    class: &str,
    count: usize,
) -> anyhow::Result<()> {
    let api: Api<Ingress> = Api::namespaced(stage.cluster.client(), namespace.name());
    let create = |number: usize| {
        let (api, ingress) = (api.clone(), ingress(namespace, class, number));
        async move {
            let ingress: Ingress = serde_json::from_value(ingress)?;
            api.create(&PostParams::default(), &ingress).await?;
            anyhow::Ok(())
        }
    };
    stream::iter(0..count).map(create).buffer_unordered(AT_ONCE).try_collect().await
}

fn host(namespace: &Namespace, number: usize) -> String {
    format!("h{number}.{}.example", namespace.name())
}

fn ingress(namespace: &Namespace, class: &str, number: usize) -> serde_json::Value {
    let backend = json!({ "service": { "name": "many", "port": { "number": 80 } } });
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": { "name": format!("i{number}") },
        "spec": { "ingressClassName": class, "rules": [{
            "host": host(namespace, number),
            "http": { "paths": [{ "path": "/", "pathType": "Prefix", "backend": backend }] },
        }] },
    })
}
