//! `weir serve` with a Release, killed and started again.

use std::{path::Path, time::Duration};

use anyhow::ensure;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use weir_testkit::{Manifests, Origin, WeirProcess, client, manifests::Ingress};

const PROGRAM: &str = env!("CARGO_BIN_EXE_weir");
/// How long an expected state may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// Everything goes to the new version, and the step takes longer than any test.
const RELEASE: &str = "
apiVersion: weir.dev/v1alpha1
kind: Release
metadata: {name: shop}
spec:
  routes: [{kind: Ingress, name: shop}]
  stable: {service: {name: old, port: 80}}
  canary: {service: {name: new, port: 80}}
  steps: [{name: all, weight: 100, bake: {duration: 1h, clean: false}}]
  analysis: {onNoData: Wait}
";

/// A shop that names its old version, in a folder with a Release.
struct Scene {
    manifests: Manifests,
    state: TempDir,
    _origins: [Origin; 2],
}

impl Scene {
    async fn new() -> anyhow::Result<Self> {
        let (old, new) = (Origin::start("old").await, Origin::start("new").await);
        let manifests = Manifests::new()?;
        manifests.class("nginx")?;
        manifests.service("old", &[old.addr()])?;
        manifests.service("new", &[new.addr()])?;
        manifests.ingress(&Ingress::new("shop").host("shop.test").path("/", "old"))?;
        manifests.write("release", RELEASE)?;
        Ok(Self { manifests, state: tempfile::tempdir()?, _origins: [old, new] })
    }

    async fn serve(&self) -> anyhow::Result<WeirProcess> {
        let state = self.state.path().to_string_lossy();
        let more = ["--threads", "1", "--shutdown-delay", "0", "--state", &*state];
        WeirProcess::serve(Path::new(PROGRAM), self.manifests.path(), &more).await
    }

    /// The version that answers.
    async fn version(weir: &WeirProcess) -> anyhow::Result<String> {
        let response = client::get(weir.http(), "shop.test", "/", &[]).await?;
        Ok(response.headers.get("x-version").unwrap_or("none").to_owned())
    }

    async fn version_becomes(weir: &WeirProcess, expected: &str) -> anyhow::Result<()> {
        let started = Instant::now();
        while Self::version(weir).await? != expected {
            ensure!(started.elapsed() < PATIENCE, "never {expected}\n{}", weir.log());
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// What the admin listener shows of the release, once it is as expected; `null` when there is none.
    async fn shown(weir: &WeirProcess, expected: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let started = Instant::now();
        loop {
            let path = "/v1/releases/default/shop";
            let response = client::get(weir.admin(), "localhost", path, &[]).await?;
            let view = match response.status {
                200 => serde_json::from_str(&response.text())?,
                _ => Value::Null,
            };
            if expected(&view) {
                return Ok(view);
            }
            ensure!(started.elapsed() < PATIENCE, "never so: {view:#}\n{}", weir.log());
            sleep(LOOK).await;
        }
    }
}

/// A spec with a misspelt field, and one that makes no sense.
fn broken() -> [String; 2] {
    [RELEASE.replace("routes:", "route:"), RELEASE.replace("weight: 100", "weight: 70")]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spec_that_breaks_before_a_restart_takes_no_traffic_back() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let weir = scene.serve().await?;
    Scene::version_becomes(&weir, "new").await?;
    for broken in broken() {
        drop(scene.manifests.write("release", broken)?);
    }
    drop(weir); // Killed, like by kill -9.
    for broken in broken() {
        scene.manifests.write("release", &broken)?;
        let weir = scene.serve().await?;
        ensure!(Scene::version(&weir).await? == "new", "the split is lost\n{}", weir.log());
        let view = Scene::shown(&weir, Value::is_object).await?;
        ensure!(view["state"]["phase"] == "Running", "{view:#}");
        ensure!(view["refusals"][0].as_str().is_some_and(|text| text.starts_with("spec.")), "{view:#}");
        ensure!(Scene::version(&weir).await? == "new", "the split is lost\n{}", weir.log());
    }
    scene.manifests.write("release", RELEASE)?;
    let weir = scene.serve().await?;
    let view = Scene::shown(&weir, Value::is_object).await?;
    ensure!(view["refusals"] == json!(null) && view["state"]["attempt"]["number"] == 1, "{view:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_manifest_said_last_is_kept() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let weir = scene.serve().await?;
    Scene::version_becomes(&weir, "new").await?;
    // Nothing happens because of it, and yet it is what counts from now on.
    scene.manifests.write("release", RELEASE.replace("duration: 1h", "duration: 2h"))?;
    let bakes = |view: &Value| view["steps"][0]["bakeMillis"] == 7_200_000;
    Scene::shown(&weir, bakes).await?;
    drop(weir);
    scene.manifests.write("release", RELEASE.replace("routes:", "route:"))?;
    let weir = scene.serve().await?;
    let view = Scene::shown(&weir, Value::is_object).await?;
    ensure!(bakes(&view), "{view:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_is_removed_while_nobody_looks_stays_as_long_as_it_must() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let weir = scene.serve().await?;
    Scene::version_becomes(&weir, "new").await?;
    drop(weir);
    scene.manifests.remove("release")?;
    // Nobody runs the old version any more, and the route still names it.
    scene.manifests.service("old", &[])?;
    let weir = scene.serve().await?;
    let waits = |view: &Value| {
        view["waitingFor"].as_str().is_some_and(|text| text.starts_with("the routes to be changed"))
    };
    Scene::shown(&weir, waits).await?;
    ensure!(Scene::version(&weir).await? == "new", "the split is lost\n{}", weir.log());
    scene.manifests.ingress(&Ingress::new("shop").host("shop.test").path("/", "new"))?;
    Scene::shown(&weir, Value::is_null).await?;
    ensure!(scene.state.path().read_dir()?.next().is_none(), "its state is left behind");
    Scene::version_becomes(&weir, "new").await
}
