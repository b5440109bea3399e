//! Proxies are replaced under load. Clients that leave when they are asked to lose nothing.

use std::sync::Arc;

use anyhow::ensure;
use weir_e2e::{Backend, Settings, Stage};

use crate::steady::{SOME, load_by_service};

/// `kubectl rollout restart`.
pub(crate) async fn restarted(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.install(Settings::default()).await?;
    let (_site, running) = load_by_service(&stage, &weir, &Backend::new("app", "v1").replicas(2)).await?;
    let before = weir.proxies().await?;
    let name = format!("deployment/{}", weir.proxy());
    stage.cluster.kubectl(&["rollout", "restart", "--namespace", weir.name(), &name]).await?;
    stage.cluster.rolled_out(weir.name(), &weir.proxy()).await?;
    stage.cluster.settled(weir.name()).await?;
    running.more(SOME).await?;
    running.stop().await?.clean()?;
    let after = weir.proxies().await?;
    ensure!(after.iter().all(|pod| !before.contains(pod)), "{before:?} became {after:?}");
    Ok(())
}

/// `helm upgrade` with a value that replaces controllers and proxies.
pub(crate) async fn upgraded(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.install(Settings::default()).await?;
    let (_site, running) = load_by_service(&stage, &weir, &Backend::new("app", "v1").replicas(2)).await?;
    let before = [weir.proxies().await?, weir.controllers().await?].concat();
    weir.upgrade(&["log=debug"]).await?;
    stage.cluster.settled(weir.name()).await?;
    running.more(SOME).await?;
    running.stop().await?.clean()?;
    let after = [weir.proxies().await?, weir.controllers().await?].concat();
    ensure!(after.iter().all(|pod| !before.contains(pod)), "{before:?} became {after:?}");
    Ok(())
}
