//! Two namespaces want the same host.

use std::sync::Arc;

use anyhow::ensure;
use weir_e2e::{Backend, Installation, PATIENCE, Settings, Site, Stage, ask, until, web};

use crate::steady::{SOME, load};

/// An Ingress of another namespace claims a host that is served, with the help of its age: it is older than the
/// owner's, and named another host at first. The owner keeps every request, also when the controllers start anew.
pub(crate) async fn claimed(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.install(Settings::default()).await?;
    let thief = stage.site(&weir, &Backend::new("thief", "stolen")).await?;
    let (owner, running) = load(&stage, &weir, &Backend::new("app", "v1")).await?;
    let private = owner.traffic(weir.every_way().await?).path("/private/page").start().await?;
    let claim = web(weir.class(), "thief", &owner.flow.host).path("/", "thief").path("/private", "thief");
    thief.apply(&claim.yaml()).await?;
    thief.told("WR-CLAIMED", "thief").await?;
    running.more(SOME).await?;
    restarted(&stage, &weir).await?;
    follows(&stage, &weir, &owner).await?;
    running.more(SOME).await?;
    let (running, private) = (running.stop().await?, private.stop().await?);
    ensure!(running.version("stolen") + private.version("stolen") == 0, "stolen: {running}; {private}");
    running.clean()?;
    private.clean()
}

async fn restarted(stage: &Stage, weir: &Installation) -> anyhow::Result<()> {
    let name = format!("deployment/{}", weir.controller());
    stage.cluster.kubectl(&["rollout", "restart", "--namespace", weir.name(), &name]).await?;
    stage.cluster.rolled_out(weir.name(), &weir.controller()).await?;
    stage.cluster.settled(weir.name()).await
}

/// Waits until every proxy serves what the new controllers say, by a host that the old ones never knew.
async fn follows(stage: &Stage, weir: &Installation, owner: &Site) -> anyhow::Result<()> {
    let host = format!("new.{}", owner.flow.host);
    stage.note("the controllers were replaced; the record of claims decides, not the age of the Ingresses");
    owner.apply(&web(weir.class(), "new", &host).path("/", "app").yaml()).await?;
    for via in weir.each_proxy().await? {
        let look = || async { Ok(ask(&via, &host, "/").await?.status == 200) };
        until(format!("{host} by {}", via.name), PATIENCE, look).await?;
    }
    Ok(())
}
