//! Releases without a cluster, with real sockets: kills, aborts, files that are removed, and names of nothing.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;
use weir_testkit::{
    Manifests, Origin, WeirProcess,
    client::{self, Connection},
    manifests::Ingress,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_weir");
/// How long an expected state may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);
/// Nothing of it takes any time.
const BRISK: &str = "{rollbackHold: 0s, inFlightTimeout: 100ms, longLived: {grace: 0s}, verifyZero: 100ms}";

/// Two versions, a route to the old one, and the program.
struct Scene {
    weir: WeirProcess,
    manifests: Manifests,
    state: TempDir,
    old: Origin,
    new: Origin,
}

impl Scene {
    /// With a release that is told how to go offline.
    async fn start(offline: &str) -> anyhow::Result<Self> {
        let (old, new) = (Origin::start("old").await, Origin::start("new").await);
        let (manifests, state) = (Manifests::new()?, tempfile::tempdir()?);
        manifests.class("ack")?;
        manifests.service("old", &[old.addr()])?;
        manifests.service("new", &[new.addr()])?;
        manifests.ingress(&Ingress::new("shop").host("shop.test").path("/", "old"))?;
        manifests.write("release", release("shop", "new", offline))?;
        let hook = state.path().join("hook");
        // What is stored when the hook is called is all that a successor would know.
        let copy = format!("#!/bin/sh\ncat {0}/default_shop.json >> {0}/hooked\n", state.path().display());
        fs::write(&hook, copy)?;
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755))?;
        let weir = serve(&manifests, state.path()).await?;
        Ok(Self { weir, manifests, state, old, new })
    }

    /// Killed as by a power failure, and started again.
    async fn kill(&mut self) -> anyhow::Result<()> {
        self.weir.kill().await?;
        self.weir = serve(&self.manifests, self.state.path()).await?;
        Ok(())
    }

    async fn version(&self) -> anyhow::Result<String> {
        let response = client::get(self.weir.http(), "shop.test", "/", &[]).await?;
        Ok(response.headers.get("x-version").unwrap_or("none").to_owned())
    }

    /// Waits until a version answers.
    async fn serves(&self, version: &str) -> anyhow::Result<()> {
        let started = Instant::now();
        while self.version().await? != version {
            ensure!(started.elapsed() < PATIENCE, "never {version}\n{}", self.weir.log());
            sleep(LOOK).await;
        }
        Ok(())
    }

    async fn look(&self, release: &str) -> anyhow::Result<Value> {
        let path = format!("/v1/releases/default/{release}");
        let response = client::get(self.weir.admin(), "localhost", &path, &[]).await?;
        Ok(serde_json::from_str(&response.text()).unwrap_or_default())
    }

    /// Waits until a text is in what is shown of a release.
    async fn shows(&self, release: &str, text: &str) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let shown = self.look(release).await?;
            if shown.to_string().contains(text) {
                return Ok(());
            }
            ensure!(started.elapsed() < PATIENCE, "never {text}: {shown:#}\n{}", self.weir.log());
            sleep(LOOK).await;
        }
    }

    /// Asks for something; the status of the answer.
    async fn ask(&self, action: &Value) -> anyhow::Result<u16> {
        let body = action.to_string();
        let head = format!(
            "POST /v1/releases/default/shop/actions HTTP/1.1\r\nhost: localhost\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut connection = Connection::open(self.weir.admin()).await?;
        Ok(connection.exchange([head, body].concat()).await?.status)
    }

    /// Everything to the new version, whatever the steps say.
    async fn promote(&self) -> anyhow::Result<()> {
        self.shows("shop", "\"Running\"").await?;
        let status = self.ask(&json!({"verb": "promote", "full": true})).await?;
        ensure!(status == 200, "{status}\n{}", self.weir.log());
        Ok(())
    }
}

async fn serve(manifests: &Manifests, state: &Path) -> anyhow::Result<WeirProcess> {
    let (hook, state) = (state.join("hook"), state.to_str().context("a path")?.to_owned());
    let hook = hook.to_str().context("a path")?.to_owned();
    let more = ["--threads", "1", "--state", &state, "--on-offline", &hook];
    WeirProcess::serve(Path::new(PROGRAM), manifests.path(), &more).await
}

fn release(name: &str, canary: &str, offline: &str) -> String {
    format!(
        "apiVersion: weir.dev/v1alpha1
kind: Release
metadata: {{name: {name}}}
spec:
  routes: [{{kind: Ingress, name: shop}}]
  stable: {{service: {{name: old, port: 80}}}}
  canary: {{service: {{name: {canary}, port: 80}}}}
  steps: [{{name: all, weight: 100, bake: {{duration: 1h}}}}]
  rollback: {{keepCanary: 1h}}
  offline: {offline}
"
    )
}

#[tokio::test]
async fn killed_in_each_stage_of_going_offline_it_goes_on_there() -> anyhow::Result<()> {
    let stages = [
        ("Hold", BRISK.replace("rollbackHold: 0s", "rollbackHold: 1h")),
        ("Detach", BRISK.replace("rollbackHold: 0s", "rollbackHold: 1h")),
        ("InFlight", BRISK.replace("inFlightTimeout: 100ms", "inFlightTimeout: 1h")),
        ("VerifyZero", BRISK.replace("verifyZero: 100ms", "verifyZero: 1h")),
    ];
    for (stage, offline) in stages {
        let mut scene = Scene::start(&offline).await?;
        let mut held = Connection::open(scene.weir.http()).await?;
        if stage == "InFlight" {
            held.send("GET /hold HTTP/1.1\r\nhost: shop.test\r\n\r\n").await?;
            scene.old.arrived(1).await;
        }
        scene.promote().await?;
        if stage == "Detach" {
            // Nobody else could serve.
            scene.shows("shop", "\"Hold\"").await?;
            scene.manifests.service("new", &[])?;
            scene.serves("old").await?;
            ensure!(scene.ask(&json!({"verb": "offline"})).await? == 200);
        }
        let text = format!("\"{stage}\"");
        scene.shows("shop", &text).await?;
        scene.kill().await?;
        if stage != "InFlight" {
            // What was under way ended with the process.
            scene.shows("shop", &text).await?;
        }
        scene.manifests.service("new", &[scene.new.addr()])?;
        scene.manifests.write("release", release("shop", "new", BRISK))?;
        scene.shows("shop", "Completed").await?;
        ensure!(scene.version().await? == "new", "{stage}");
    }
    Ok(())
}

#[tokio::test]
async fn the_hook_is_called_before_it_is_over() -> anyhow::Result<()> {
    let scene = Scene::start(BRISK).await?;
    scene.promote().await?;
    scene.shows("shop", "Completed").await?;
    let started = Instant::now();
    let hooked = scene.state.path().join("hooked");
    while fs::read_to_string(&hooked).unwrap_or_default().is_empty() {
        ensure!(started.elapsed() < PATIENCE, "the hook is not called\n{}", scene.weir.log());
        sleep(LOOK).await;
    }
    let known = fs::read_to_string(&hooked)?;
    ensure!(known.contains("LetGo"), "killed then, nobody would call it again: {known}");
    ensure!(known.matches("\"phase\"").count() == 1, "it is called once: {known}");
    Ok(())
}

#[tokio::test]
async fn an_abort_is_in_force_with_its_answer() -> anyhow::Result<()> {
    let mut scene = Scene::start(BRISK).await?;
    scene.shows("shop", "\"Baking\"").await?;
    ensure!(scene.version().await? == "new");
    ensure!(scene.ask(&json!({"verb": "abort", "reason": "prices are wrong"})).await? == 200);
    ensure!(scene.version().await? == "old");
    ensure!(scene.ask(&json!({"verb": "abort"})).await? == 409, "it goes back already");
    scene.kill().await?;
    ensure!(scene.version().await? == "old");
    scene.shows("shop", "prices are wrong").await
}

#[tokio::test]
async fn a_release_whose_file_is_removed_never_returns_to_a_version_that_is_offline() -> anyhow::Result<()> {
    let scene = Scene::start(BRISK).await?;
    scene.shows("shop", "\"Baking\"").await?;
    let text = release("shop", "new", BRISK);
    scene.manifests.remove("release")?;
    scene.shows("shop", "there is no release").await?;
    ensure!(scene.version().await? == "old", "traffic returns to what the route says");

    scene.manifests.write("release", &text)?;
    scene.promote().await?;
    scene.shows("shop", "Completed").await?;
    scene.manifests.service("old", &[])?;
    scene.shows("shop", "Completed").await?;
    scene.manifests.remove("release")?;
    scene.shows("shop", "Service old, which is offline").await?;
    ensure!(scene.version().await? == "new");
    scene.manifests.ingress(&Ingress::new("shop").host("shop.test").path("/", "new"))?;
    scene.shows("shop", "there is no release").await?;
    ensure!(scene.version().await? == "new");
    Ok(())
}

#[tokio::test]
async fn what_is_missing_and_what_is_in_the_way_is_told() -> anyhow::Result<()> {
    let scene = Scene::start(BRISK).await?;
    scene.shows("shop", "\"Baking\"").await?;
    scene.manifests.write("second", release("second", "new", BRISK))?;
    scene.shows("second", "Release default/shop has one of these routes").await?;
    scene
        .manifests
        .write("third", release("third", "next", BRISK).replace("name: shop}]", "name: none}]"))?;
    scene.shows("third", "Ingress default/none (spec.routes) is missing").await?;
    let other = Ingress::new("none").host("none.test").path("/", "old");
    scene.manifests.ingress(&other)?;
    scene.shows("third", "Service default/next (spec.canary.service) is missing").await?;
    scene.manifests.service("next", &[scene.new.addr()])?;
    scene.shows("third", "\"Baking\"").await
}
