//! Controllers end, in all ways.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use weir_e2e::{Backend, Installation, PATIENCE, Settings, Site, Stage, kill, process_of, until, web};

use crate::steady::{SOME, load};

/// How soon a change has to be served although the leader has just died.
const SECONDS: Duration = Duration::from_secs(10);
/// How long there is no controller at all.
const AWAY: Duration = Duration::from_mins(1);

/// The leader is killed. Changes reach every proxy by the other one, which then leads.
pub(crate) async fn leader_killed(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.install(Settings::default()).await?;
    let (site, running) = load(&stage, &weir, &Backend::new("app", "v1")).await?;
    Backend::new("next", "v2").apply(&stage.cluster, site.namespace.name()).await?;
    let leader = weir.leader().await?;
    kill(process_of(&["controller", &format!("--identity={leader}")])?)?;
    // A container that starts again would keep the Lease, since it has the same name.
    let pod = ["delete", "pod", "--namespace", weir.name(), &leader, "--grace-period=0", "--force"];
    stage.cluster.kubectl(&pod).await?;
    let took = switched(&weir, &site, "next", "v2").await?;
    stage
        .note(format_args!("a change after the leader's death took {took:.1?}, from kubectl to every proxy"));
    ensure!(took < SECONDS, "{took:?}");
    let next =
        until("the other one leads", PATIENCE, || async { Ok(weir.leader().await? != leader) }).await?;
    stage.note(format_args!("the Lease was taken over {:.0} s later", next.as_secs_f64()));
    published(&stage, &weir, &site).await?;
    running.more(SOME).await?;
    running.stop().await?.clean()
}

/// There is no controller for a minute. What is changed meanwhile is served when they are back.
pub(crate) async fn away(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.install(Settings::default()).await?;
    let (site, running) = load(&stage, &weir, &Backend::new("app", "v1")).await?;
    let before = running.so_far();
    ensure!(before.version("v2") == 0, "{before}");
    scaled(&stage, &weir, 0).await?;
    Backend::new("next", "v2").apply(&stage.cluster, site.namespace.name()).await?;
    site.apply(&web(weir.class(), "app", &site.flow.host).path("/", "next").yaml()).await?;
    running.for_a_while(AWAY).await?;
    ensure!(running.so_far().version("v2") == 0, "nobody could tell the proxies: {}", running.so_far());
    scaled(&stage, &weir, 2).await?;
    let took = site.serves(&weir.every_way().await?, "v2").await?;
    stage.note(format_args!("served {took:.1?} after the controllers were ready again"));
    running.more(SOME).await?;
    running.stop().await?.clean()
}

/// Makes it so many controllers, and waits until it is so.
pub(crate) async fn scaled(stage: &Stage, weir: &Installation, replicas: u32) -> anyhow::Result<()> {
    let (name, replicas) = (format!("deployment/{}", weir.controller()), format!("--replicas={replicas}"));
    stage.cluster.kubectl(&["scale", "--namespace", weir.name(), &name, &replicas]).await?;
    stage.cluster.rolled_out(weir.name(), &weir.controller()).await?;
    stage.cluster.settled(weir.name()).await
}

/// Lets the site lead to another Service and waits until every proxy does.
async fn switched(
    weir: &Installation,
    site: &Site,
    service: &str,
    version: &str,
) -> anyhow::Result<Duration> {
    site.apply(&web(weir.class(), "app", &site.flow.host).path("/", service).yaml()).await?;
    site.serves(&weir.every_way().await?, version).await
}

/// Waits until a new Ingress gets an address, which only a leader writes.
async fn published(stage: &Stage, weir: &Installation, site: &Site) -> anyhow::Result<()> {
    let host = format!("late.{}", site.flow.host);
    site.apply(&web(weir.class(), "late", &host).path("/", "next").yaml()).await?;
    let service = weir.service().await?.http.ip().to_string();
    until("the new leader writes a status", PATIENCE, || async {
        let late = stage.cluster.get(site.namespace.name(), &["ingress", "late"]).await?;
        let address = late["status"]["loadBalancer"]["ingress"][0]["ip"].as_str();
        Ok(address.context("no address yet")? == service)
    })
    .await
    .map(drop)
}
