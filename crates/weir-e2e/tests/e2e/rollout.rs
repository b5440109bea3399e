//! Backends come and go under load.

use std::{sync::Arc, time::Duration};

use anyhow::ensure;
use weir_e2e::{Backend, Client, Method, Stage, Tally};

use crate::steady::{SOME, load};

/// How long a version stays when the next comes without warning. A request that is lost with its pod was being
/// answered when the pod ended, so what is lost is the time of an answer by the time of a version.
const STAY: Duration = Duration::from_mins(4);

/// Pods wait before they end, as the documentation of Kubernetes recommends.
pub(crate) async fn with_pre_stop(stage: Arc<Stage>) -> anyhow::Result<()> {
    replaced(&stage, &Backend::new("app", "v1").replicas(3).pre_stop(3).on_term("drain:1")).await
}

/// Pods finish what they have begun and then end.
pub(crate) async fn with_drain(stage: Arc<Stage>) -> anyhow::Result<()> {
    replaced(&stage, &Backend::new("app", "v1").replicas(3).on_term("drain:2")).await
}

/// Load while one version takes the place of another, twice.
async fn replaced(stage: &Stage, old: &Backend) -> anyhow::Result<()> {
    let (site, running) = load(stage, stage.shared().await?, old).await?;
    for version in ["v2", "v3"] {
        old.clone().version(version).apply(&stage.cluster, site.namespace.name()).await?;
        running.more(SOME).await?;
    }
    site.settled().await?;
    running.more(SOME).await?;
    let tally = running.stop().await?;
    tally.clean()?;
    ensure!(tally.version("v3") > 0, "v3 never answered: {tally}");
    Ok(())
}

/// Pods end at once, whatever is in flight. What may be sent again is; the rest is lost with its pod.
pub(crate) async fn without_farewell(stage: Arc<Stage>) -> anyhow::Result<()> {
    let old = Backend { min_ready: 3, ..Backend::new("app", "v1").replicas(3).on_term("exit") };
    let (site, running) = load(&stage, stage.shared().await?, &old).await?;
    old.version("v2").apply(&stage.cluster, site.namespace.name()).await?;
    running.for_a_while(STAY).await?;
    let tally = running.stop().await?;
    lost_at_most_one_in_ten_thousand(&stage, &tally)
}

fn lost_at_most_one_in_ten_thousand(stage: &Stage, tally: &Tally) -> anyhow::Result<()> {
    let posts = tally.of(|_, method| method == Method::Post);
    let gets = tally.of(|client, method| method == Method::Get && client != Client::WebSocket);
    let sockets = tally.of(|client, _| client == Client::WebSocket);
    stage.note(format_args!(
        "POST {}/{}, GET {}/{}, WebSockets that ended with their pods: {}",
        posts.failed, posts.sent, gets.failed, gets.sent, sockets.failed
    ));
    ensure!(gets.failed == 0, "requests that may be sent again were lost: {tally}");
    ensure!(posts.failed * 10_000 <= posts.sent, "too many POSTs were lost: {tally}");
    Ok(())
}

/// One pod becomes five, and one again.
pub(crate) async fn scale(stage: Arc<Stage>) -> anyhow::Result<()> {
    let backend = Backend::new("app", "v1");
    let (site, running) = load(&stage, stage.shared().await?, &backend).await?;
    for replicas in [5, 1] {
        backend.clone().replicas(replicas).apply(&stage.cluster, site.namespace.name()).await?;
        running.more(SOME).await?;
    }
    site.settled().await?;
    running.more(SOME).await?;
    running.stop().await?.clean()
}

/// Every old pod is told to end at the same moment, while the new ones are still to come.
pub(crate) async fn all_terminating(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.shared().await?;
    let old = Backend::new("app", "v1").replicas(2).pre_stop(8);
    let (site, running) = load(&stage, weir, &old).await?;
    site.kubectl(&["delete", "pods", "--selector", &old.versioned(), "--wait=false"]).await?;
    old.version("v2").apply(&stage.cluster, site.namespace.name()).await?;
    site.settled().await?;
    site.serves(&weir.every_way().await?, "v2").await?;
    running.more(SOME).await?;
    running.stop().await?.clean()
}
