//! What Weir writes into the cluster: addresses, and nothing that is not needed.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use futures_util::StreamExt as _;
use k8s_openapi::api::networking::v1::Ingress;
use kube::{
    Api,
    api::{WatchEvent, WatchParams},
};
use tokio::{sync::watch, task::JoinHandle, time::sleep};
use weir_e2e::{Backend, PATIENCE, Stage, until, web};

/// How long nothing is written when nothing changes.
const QUIET: Duration = Duration::from_secs(10);
/// An address that another controller may have written; it is reserved for documentation.
const FOREIGN: &str = "203.0.113.9";

/// One write per Ingress, none when nothing changes; entries of others stay, also when Weir's own goes.
pub(crate) async fn written_once(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.shared().await?;
    let site = stage.site(weir, &Backend::new("app", "v1")).await?;
    let own = weir.service().await?.http.ip().to_string();
    let writes = Writes::watch(&stage, site.namespace.name(), "one").await?;
    site.apply(&web(weir.class(), "one", &format!("one.{}", site.flow.host)).path("/", "app").yaml()).await?;
    writes.addresses(&[&own]).await?;
    sleep(QUIET).await;
    ensure!(writes.count() == 2, "made, and its status written once, are 2 writes: {writes:?}");
    let other =
        format!(r#"{{"status":{{"loadBalancer":{{"ingress":[{{"ip":"{FOREIGN}"}},{{"ip":"{own}"}}]}}}}}}"#);
    site.kubectl(&["patch", "ingress", "one", "--subresource=status", "--type=merge", "--patch", &other])
        .await?;
    sleep(QUIET).await;
    ensure!(writes.count() == 3, "an entry of others is no reason to write: {writes:?}");
    let nobody = r#"{"spec":{"ingressClassName":"nobodys"}}"#;
    site.kubectl(&["patch", "ingress", "one", "--type=merge", "--patch", nobody]).await?;
    writes.addresses(&[FOREIGN]).await?;
    stage.note(format_args!("{} writes in all, 2 of them by Weir", writes.count()));
    ensure!(writes.count() == 5, "the class, and Weir's entry removed: {writes:?}");
    Ok(())
}

/// The versions of an Ingress, as they are written.
#[derive(Debug)]
struct Writes {
    versions: watch::Receiver<Vec<Vec<String>>>,
    watching: JoinHandle<()>,
}

// === impl Writes ===

impl Writes {
    async fn watch(stage: &Stage, namespace: &str, name: &str) -> anyhow::Result<Self> {
        let api: Api<Ingress> = Api::namespaced(stage.cluster.client(), namespace);
        let params = WatchParams::default().fields(&format!("metadata.name={name}"));
        let mut events = api.watch(&params, "0").await?.boxed();
        let (sender, versions) = watch::channel(Vec::new());
        let watching = tokio::spawn(async move {
            while let Some(Ok(event)) = events.next().await {
                if let WatchEvent::Added(ingress) | WatchEvent::Modified(ingress) = event {
                    sender.send_modify(|versions| versions.push(addresses(&ingress)));
                }
            }
        });
        Ok(Self { versions, watching })
    }

    fn count(&self) -> usize {
        self.versions.borrow().len()
    }

    /// Waits until the status has these addresses.
    async fn addresses(&self, expected: &[&str]) -> anyhow::Result<()> {
        let what = format!("the status has {expected:?}");
        let look = || async { Ok(self.versions.borrow().last().context("nothing was written")? == expected) };
        until(what, PATIENCE, look).await.map(drop)
    }
}

impl Drop for Writes {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

fn addresses(ingress: &Ingress) -> Vec<String> {
    let status = ingress.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let entries = status.and_then(|balancer| balancer.ingress.as_deref()).unwrap_or_default();
    entries.iter().filter_map(|entry| entry.ip.clone()).collect()
}
