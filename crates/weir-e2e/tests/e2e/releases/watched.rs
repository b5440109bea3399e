//! What others say of a release: a Prometheus server, and a gate.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{bail, ensure};
use serde_json::Value;
use weir_e2e::{Backend, Prometheus, Settings, Stage};
use weir_testkit::client;

use super::{
    back::pods,
    follow::{Followed, LONG},
    manifest::Manifest,
};
use crate::steady::load;

/// How long no time may count, for the test to believe it.
const QUIET: Duration = Duration::from_secs(3);

async fn tell(pod: SocketAddr, fault: &str) -> anyhow::Result<()> {
    let response = client::get(pod, "pod", &format!("/fault?{fault}"), &[]).await?;
    ensure!(response.status == 200, "{pod} does not obey {fault}: {}", response.text());
    Ok(())
}

/// A figure of a real Prometheus takes a version back that answers every request well. A figure that is none, or a
/// server that is away, is neither success nor failure: no time counts.
pub(crate) async fn by_prometheus(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.install(Settings::default()).await?;
    let (site, running) = load(&stage, &weir, &Backend::new("app", "v1")).await?;
    Backend::new("next", "v2").apply(&stage.cluster, site.namespace.name()).await?;
    let pods = pods(&site, "next").await?;
    let [pod] = pods[..] else { bail!("one pod, not {pods:?}") };
    let mut prometheus = Prometheus::start(&pods).await?;
    let guardrail = format!(
        "analysis: {{guardrails: [{{name: orders, prometheus: {{address: \"{}\", query: \"max(origin_fault)\", max: 3, \
         every: 1s}}, action: Rollback}}]}}",
        prometheus.address()
    );
    let steps = ["{name: half, weight: 50, bake: {duration: 10m}}", "{name: all, weight: 100}"];
    let release = Followed::begin(&site, &Manifest::new(&steps).with(guardrail)).await?;
    time_counts(&release).await?;
    tell(pod, "shown=NaN").await?;
    no_time_counts(&release, "the result is NaN").await?;
    tell(pod, "shown=3").await?;
    time_counts(&release).await?;
    prometheus.stop().await?;
    no_time_counts(&release, "has no number").await?;
    prometheus.again().await?;
    time_counts(&release).await?;
    tell(pod, "shown=7").await?;
    let back = release.diary.until("it goes back", LONG, |status| status["phase"] == "Aborting").await?;
    let failure = &back.status["failure"];
    stage.note(format_args!("taken back by {}", failure["message"]));
    ensure!(failure["cause"] == "orders" && failure["message"].to_string().contains("is 7"), "{failure}");
    release.phase("RolledBack").await?;
    running.stop().await?.clean()
}

fn credit(status: &Value) -> u64 {
    status["step"]["bake"]["creditedMillis"].as_u64().unwrap_or_default()
}

/// Waits until more time is credited.
async fn time_counts(release: &Followed<'_>) -> anyhow::Result<()> {
    let had = release.diary.entries().last().map(|last| credit(&last.status)).unwrap_or_default();
    release.diary.until("time counts", LONG, |status| credit(status) > had).await.map(drop)
}

/// Waits until the release says why no time counts, and looks at whether none does.
async fn no_time_counts(release: &Followed<'_>, why: &str) -> anyhow::Result<()> {
    let says = |status: &Value| status["waitingFor"].as_str().is_some_and(|waits| waits.contains(why));
    let since = release.diary.until(&format!("it waits since {why}"), LONG, says).await?;
    // The look that noticed it may still have counted what was before.
    let later = release.diary.after(since.at + QUIET, LONG).await?;
    let gained = credit(&later.status).saturating_sub(credit(&since.status));
    ensure!(
        says(&later.status) && gained < 1_000,
        "{gained} ms were credited: {}",
        later.status["waitingFor"]
    );
    Ok(())
}

/// A gate that says no, or nothing in time, keeps the next step from beginning. A yes lets it begin, and whoever may
/// promote goes past it.
pub(crate) async fn by_gates(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.install(Settings::default()).await?;
    let (site, running) = load(&stage, &weir, &Backend::new("app", "v1")).await?;
    for backend in [Backend::new("next", "v2"), Backend::new("gate", "gate")] {
        backend.apply(&stage.cluster, site.namespace.name()).await?;
    }
    let pods = pods(&site, "gate").await?;
    let [gate] = pods[..] else { bail!("one pod, not {pods:?}") };
    tell(gate, "errors=100").await?;
    let url = format!("http://gate.{}.svc.cluster.local", site.namespace.name());
    let gates = format!(
        "gates: [{{name: smoke, webhook: {{url: \"{url}/\", timeout: 2s}}, before: half}}, \
         {{name: slow, webhook: {{url: \"{url}/?delay=60000\", timeout: 1s}}, before: most}}]"
    );
    let steps = [
        "{name: half, weight: 50, bake: {duration: 1s}}",
        "{name: most, weight: 90, bake: {duration: 1s}}",
        "{name: all, weight: 100, bake: {duration: 1s}}",
    ];
    let release = Followed::begin(&site, &Manifest::new(&steps).with(gates)).await?;
    let waits = |part: &'static str| {
        move |status: &Value| status["waitingFor"].as_str().is_some_and(|waits| waits.contains(part))
    };
    release
        .diary
        .until("it waits for the gate", LONG, waits("gate smoke, which says no: status 500"))
        .await?;
    ensure!(running.so_far().version("v2") == 0, "{}", running.so_far());
    tell(gate, "errors=0").await?;
    release
        .diary
        .until("it waits for the next gate", LONG, waits("gate slow, which says no: no answer within 1s"))
        .await?;
    ensure!(
        release.diary.entries().last().is_some_and(|last| last.status["weight"] == "50 %"),
        "the weight stays"
    );
    release.weir("promote", &["--to", "all"]).await?;
    release.phase("Completed").await?;
    running.stop().await?.clean()
}
