//! Both scenarios to their end, under every kind of load and with people who stay connected.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use weir_e2e::{Backend, Client, Installation, Method, Running, Settings, Site, Stage, Tally, Via, ask, web};
use weir_testkit::client;

use super::{
    follow::{Followed, LONG},
    manifest::Manifest,
};
use crate::steady::load;

/// WebSockets, and gRPC calls, that stay open.
const HELD: u64 = 50;
/// Between two messages of each.
const MESSAGE: Duration = Duration::from_millis(500);
/// What does not let the old version have less than two pods, unless it has none.
const AUTOSCALER: &str = "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: app}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: app}
  minReplicas: 2
  maxReplicas: 4
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
";
/// How long `weir release wait` may take.
const WAIT: &str = "240s";

/// First only requests with `foo=bar` in a header or a cookie get the new version, later everybody; then the old
/// one goes offline.
pub(crate) async fn by_match(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.install(Settings::default()).await?;
    let (site, busy) = Busy::new(&stage, &weir).await?;
    let steps = [
        "{name: insiders, weight: 0, bake: {duration: 5s, clean: false, minRequests: 20}, approval: required}",
        "{name: all, weight: 100, bake: {duration: 5s}}",
    ];
    let manifest = Manifest::new(&steps).insiders().route("calls");
    let release = Followed::begin(&site, &manifest).await?;
    release.step("insiders", "Baking").await?;
    let ways = weir.each_proxy().await?;
    for fields in [("foo", "bar"), ("cookie", "a=b; foo=bar")] {
        for via in ways.iter().cycle().take(20) {
            ensure!(version(via, &site, fields).await? == "v2", "{fields:?} by {}", via.name);
        }
    }
    release.step("insiders", "Approving").await?;
    for via in &ways {
        let response = ask(via, &site.flow.host, "/").await?;
        ensure!(response.headers.get("x-version") == Some("v1"), "others by {}", via.name);
        ensure!(version(via, &site, ("foo", "baz")).await? == "v1", "another value by {}", via.name);
    }
    ensure!(busy.until_now().version("v2") == 0, "nobody else gets the new version: {}", busy.until_now());
    for verb in ["get", "describe", "history"] {
        let said = release.weir(verb, &[]).await?;
        ensure!(said.contains("insiders"), "weir release {verb}: {said}");
    }
    release.weir("approve", &[]).await?;
    busy.end(&stage, &release).await
}

/// First a fifth of all requests get the new version, later all; then the old one goes offline, although an
/// autoscaler would rather keep two pods of it.
pub(crate) async fn by_weight(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.install(Settings::default()).await?;
    let (site, busy) = Busy::new(&stage, &weir).await?;
    let steps = [
        "{name: fifth, weight: 20, bake: {duration: 10s}}",
        "{name: ramp, ramp: {from: 40, to: 100, stages: 4, hold: 3s}}",
    ];
    site.apply(AUTOSCALER).await?;
    let release = Followed::begin(&site, &Manifest::new(&steps).route("calls")).await?;
    busy.end(&stage, &release).await
}

async fn version(via: &Via, site: &Site, fields: (&str, &str)) -> anyhow::Result<String> {
    let response = client::get(via.http, &site.flow.host, "/", &[fields]).await?;
    response.headers.get("x-version").map(str::to_owned).context("no x-version")
}

/// All kinds of clients, and many that stay connected.
struct Busy {
    requests: Running,
    held: Running,
}

// === impl Busy ===

impl Busy {
    /// A site with two versions, and those who use it.
    async fn new(stage: &Stage, weir: &Installation) -> anyhow::Result<(Site, Self)> {
        let (site, requests) = load(stage, weir, &Backend::new("app", "v1").replicas(2)).await?;
        Backend::new("next", "v2").replicas(2).apply(&stage.cluster, site.namespace.name()).await?;
        let calls = web(weir.class(), "calls", &site.flow.host).path("/echo.Echo", "app");
        site.apply(&calls.nginx("backend-protocol", "GRPC").yaml()).await?;
        let kinds = [(Client::WebSocket, Method::Get), (Client::Grpc, Method::Post)];
        let ways = weir.each_proxy().await?;
        let each = usize::try_from(HELD)? / ways.len();
        until_served(&site, &ways).await?;
        let held = site.traffic(ways).only(&kinds, each).pace(MESSAGE).start().await?;
        Ok((site, Self { requests, held }))
    }

    fn until_now(&self) -> Tally {
        self.requests.so_far()
    }

    /// Waits until the old version is offline, and looks at what everybody has seen.
    async fn end(self, stage: &Stage, release: &Followed<'_>) -> anyhow::Result<()> {
        let said = release.weir("wait", &["--for", "completed", "--timeout", WAIT]).await?;
        ensure!(said.to_lowercase().contains("completed"), "weir release wait said: {said}");
        let completed = release.phase("Completed").await?;
        ensure!(release.replicas("app").await? == 0, "the old version has replicas left");
        ensure!(release.replicas("next").await? == 2, "the new version was scaled");
        self.requests.more(2_000).await?;
        self.held.more(2 * HELD).await?;
        let (requests, held) = (self.requests.stop().await?, self.held.stop().await?);
        requests.clean()?;
        held.clean()?;
        ensure!(requests.version("v1") > 0 && requests.version("v2") > 0, "both versions served: {requests}");
        let counted = &completed.status["drained"]["stable"];
        farewells(stage, &requests, &held, counted)?;
        let report = release.weir("report", &["-o", "md"]).await?;
        let told = format!("{} WebSockets or streams were asked to end", counted["closed"]);
        ensure!(report.contains("Completed") && report.contains(&told), "weir release report: {report}");
        release.told("Completed").await
    }
}

/// Calls have a route of their own, which every proxy has to know first.
async fn until_served(site: &Site, ways: &[Via]) -> anyhow::Result<()> {
    for via in ways {
        weir_e2e::until(format!("calls by {}", via.name), LONG, || async {
            let response = client::get(via.http, &site.flow.host, "/echo.Echo/x", &[]).await?;
            Ok(response.headers.get("x-version") == Some("v1"))
        })
        .await?;
    }
    Ok(())
}

/// Everybody who stayed connected to the old version was asked to leave, politely, and counted.
fn farewells(stage: &Stage, requests: &Tally, held: &Tally, counted: &Value) -> anyhow::Result<()> {
    let sockets = held.of(|kind, _| kind == Client::WebSocket).polite;
    let calls = held.of(|kind, _| kind == Client::Grpc).polite;
    let others = requests.of(|kind, _| kind == Client::WebSocket).polite;
    stage.note(format_args!(
        "{sockets} WebSockets heard 1001 and {calls} calls UNAVAILABLE, beside {others} of the load; counted: {counted}"
    ));
    ensure!((sockets, calls) == (HELD, HELD), "not all of them were asked to leave, or some twice");
    ensure!(counted["closed"] == sockets + calls + others, "they were not counted so: {counted}");
    ensure!(counted["cut"] == 0, "requests were cut: {counted}");
    Ok(())
}
