//! The way back: by a guardrail, and by hand.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use tokio::time::Instant;
use weir_e2e::{Backend, Installation, PATIENCE, Settings, Site, Stage, ask, until};
use weir_testkit::client;

use super::{follow::Followed, manifest::Manifest};
use crate::steady::load;

/// How soon an abort has to be in force, from the request to the last proxy.
const ABORT: Duration = Duration::from_secs(1);
/// How soon a version that fails for a third of its requests has to be found: the bar for 0.2 % against 2 %.
const FOUND: Duration = Duration::from_mins(1);
/// How many of a hundred requests the new version fails.
const FAULT: &str = "/fault?errors=30";

/// An abort stops requests to the new version within a second, from the API write on.
pub(crate) async fn aborted(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.install(Settings::default()).await?;
    let (site, running) = load(&stage, &weir, &Backend::new("app", "v1").replicas(1)).await?;
    Backend::new("next", "v2").replicas(1).apply(&stage.cluster, site.namespace.name()).await?;
    let steps = ["{name: half, weight: 50, bake: {duration: 10m}}", "{name: all, weight: 100}"];
    let release = Followed::begin(&site, &Manifest::new(&steps)).await?;
    release.step("half", "Baking").await?;
    running.more(1_000).await?;
    let started = Instant::now();
    site.apply(
        "apiVersion: weir.dev/v1alpha1
kind: ReleaseAction
metadata: {name: stop}
spec: {release: app, verb: abort, reason: a test}
",
    )
    .await?;
    let written = started.elapsed();
    let last = all_old(&weir, &site, started).await?;
    stage.note(format_args!(
        "20 requests in a row by every proxy went to the old version {:.2} s after the abort was asked for; \
         kubectl took {:.2} s of that",
        last.as_secs_f64(),
        written.as_secs_f64()
    ));
    ensure!(last.saturating_sub(written) < ABORT, "the abort took {last:?}, {written:?} of it kubectl");
    release.phase("RolledBack").await?;
    ensure!(release.replicas("next").await? == 0, "the new version has replicas left");
    running.stop().await?.clean()
}

/// When the last proxy sends everything back.
async fn all_old(weir: &Installation, site: &Site, started: Instant) -> anyhow::Result<Duration> {
    for via in weir.each_proxy().await? {
        let back = until(format!("{} sends everything back", via.name), PATIENCE, || async {
            let mut all_old = true;
            for _ in 0..20 {
                let version = ask(&via, &site.flow.host, "/").await?;
                all_old &= version.headers.get("x-version") == Some("v1");
            }
            Ok(all_old)
        });
        back.await?;
    }
    Ok(started.elapsed())
}

/// A new version that begins to fail is taken back by itself: how soon, and for how many people.
pub(crate) async fn faulty(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.install(Settings::default()).await?;
    let site = stage.site(&weir, &Backend::new("app", "v1").replicas(2)).await?;
    Backend::new("next", "v2").replicas(2).apply(&stage.cluster, site.namespace.name()).await?;
    let users = site.users(weir.each_proxy().await?).count(500).rate(50);
    let visits = users.start();
    let steps = ["{name: tenth, weight: 10, bake: {duration: 10m}}", "{name: all, weight: 100}"];
    let release = Followed::begin(&site, &Manifest::new(&steps).keyed()).await?;
    release.step("tenth", "Baking").await?;
    visits.more(500).await?;
    ensure!(visits.so_far().errors == 0, "{}", visits.so_far());
    for pod in pods(&site, "next").await? {
        client::get(pod, "pod", FAULT, &[]).await?;
    }
    let back = release.diary.until("it goes back", FOUND * 2, |status| status["phase"] == "Aborting").await?;
    release.phase("RolledBack").await?;
    visits.more(500).await?;
    let story = visits.stop().await?;
    let first = story.first.context("the first bad response")?;
    let [decided, last] = [back.at, story.last.context("the last one")?].map(|at| at.duration_since(first));
    let of = story.versions.get("v2").copied().unwrap_or_default();
    stage.note(format_args!(
        "a new version at 10 % of 50 requests a second began to fail 30 % of them: given up {:.2} s after the first bad \
         response, the last one {:.2} s after it; {} bad responses to {} of 500 users ({of} good ones of the new version)",
        decided.as_secs_f64(),
        last.as_secs_f64(),
        story.errors,
        story.hit.len(),
    ));
    ensure!(last < FOUND, "it was given up after {last:?}");
    ensure!(release.replicas("next").await? == 0 && release.replicas("app").await? == 2, "replicas");
    let report = release.weir("report", &["-o", "md"]).await?;
    ensure!(report.contains("errors"), "weir release report does not name the guardrail: {report}");
    site.told("RollingBack", "app").await
}

/// Where the pods of a Deployment can be asked.
pub(crate) async fn pods(site: &Site, app: &str) -> anyhow::Result<Vec<std::net::SocketAddr>> {
    let label = format!("--selector=app={app}");
    let text = site.kubectl(&["get", "pods", &label, "--output=jsonpath={.items[*].status.podIP}"]).await?;
    text.split_whitespace().map(|ip| Ok(std::net::SocketAddr::new(ip.parse()?, 8080))).collect()
}
