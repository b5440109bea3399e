//! Releases, from the first request of the new version to the old one being offline.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::time::Instant;
use weir_e2e::{Backend, PATIENCE, Settings, Site, Stage, ask, until};

use crate::steady::load;

/// How long a whole release may take: its bakes and holds, twenty times over.
const LONG: Duration = Duration::from_mins(4);
/// How soon an abort has to be in force, from the request to the last proxy.
const ABORT: Duration = Duration::from_secs(1);

/// What is released, with these steps.
fn release(steps: &str) -> String {
    format!(
        "apiVersion: weir.dev/v1alpha1
kind: Release
metadata: {{name: app}}
spec:
  routes: [{{kind: Ingress, name: app}}]
  stable: {{service: {{name: app, port: 80}}, workload: {{kind: Deployment, name: app}}}}
  canary: {{service: {{name: next, port: 80}}, workload: {{kind: Deployment, name: next}}}}
  overrides:
  - {{name: insiders, match: [{{header: {{name: foo, exact: bar}}}}, {{cookie: {{name: foo, exact: bar}}}}], to: canary}}
  steps:
{steps}
  rollback: {{keepCanary: 2s}}
  offline: {{rollbackHold: 3s, inFlightTimeout: 20s, longLived: {{grace: 2s, closeRate: 20}}, verifyZero: 3s}}
"
    )
}

async fn look(site: &Site) -> anyhow::Result<Value> {
    let text = site.kubectl(&["get", "release", "app", "--output=json"]).await?;
    serde_json::from_str(&text).context("a Release")
}

async fn phase(site: &Site, wanted: &str, limit: Duration) -> anyhow::Result<Duration> {
    let reached = until(format!("the release is {wanted}"), limit, || async {
        Ok(look(site).await?["status"]["phase"] == wanted)
    })
    .await;
    match reached {
        Ok(took) => Ok(took),
        Err(error) => {
            let status = look(site).await?["status"].clone();
            Err(error.context(format!("its status: {:#}", brief(&status))))
        }
    }
}

/// Without what counts on.
fn brief(status: &Value) -> Value {
    let mut status = status.clone();
    for field in ["clock", "evidence", "conditions"] {
        if let Some(fields) = status.as_object_mut() {
            fields.remove(field);
        }
    }
    status
}

async fn replicas(site: &Site, deployment: &str) -> anyhow::Result<i64> {
    let text = site.kubectl(&["get", "deployment", deployment, "--output=json"]).await?;
    let deployment: Value = serde_json::from_str(&text)?;
    deployment["spec"]["replicas"].as_i64().context("spec.replicas")
}

/// Both scenarios in one release: insiders by header and cookie, a fifth, everybody; then the old version goes
/// offline, under every kind of load and without one failed request.
pub(crate) async fn completed(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.install(Settings::default()).await?;
    let (site, running) = load(&stage, &weir, &Backend::new("app", "v1").replicas(2)).await?;
    Backend::new("next", "v2").replicas(2).apply(&stage.cluster, site.namespace.name()).await?;
    let steps = "  - {name: insiders, weight: 0, bake: {duration: 4s, clean: false}, approval: required}
  - {name: fifth, weight: 20, bake: {duration: 10s}}
  - {name: ramp, ramp: {from: 40, to: 100, stages: 2, hold: 5s}}";
    site.apply(&release(steps)).await?;
    let waits = until("the insiders' step waits for approval", LONG, || async {
        Ok(look(&site).await?["status"]["step"]["state"] == "Approving")
    });
    waits.await?;
    for via in weir.each_proxy().await? {
        ensure!(ask(&via, &site.flow.host, "/").await?.headers.get("x-version") == Some("v1"), "outsiders");
    }
    site.apply(
        "apiVersion: weir.dev/v1alpha1
kind: ReleaseAction
metadata: {name: go}
spec: {release: app, verb: approve}
",
    )
    .await?;
    let took = phase(&site, "Completed", LONG).await?;
    stage.note(format_args!("from approval to Completed in {:.1} s", took.as_secs_f64()));
    ensure!(replicas(&site, "app").await? == 0, "the old version has replicas left");
    ensure!(replicas(&site, "next").await? == 2, "the new version was scaled");
    running.more(2_000).await?;
    let tally = running.stop().await?;
    ensure!(tally.version("v1") > 0 && tally.version("v2") > 0, "both versions served: {tally}");
    tally.clean()?;
    let action = site.kubectl(&["get", "releaseaction", "go", "--output=jsonpath={.status.result}"]).await?;
    ensure!(action.trim() == "Applied", "the action was {action}");
    site.told("Completed", "app").await
}

/// An abort stops requests to the new version within a second, from the API write on.
pub(crate) async fn aborted(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.install(Settings::default()).await?;
    let (site, running) = load(&stage, &weir, &Backend::new("app", "v1").replicas(1)).await?;
    Backend::new("next", "v2").replicas(1).apply(&stage.cluster, site.namespace.name()).await?;
    site.apply(&release("  - {name: half, weight: 50, bake: {duration: 10m}}\n  - {name: all, weight: 100}"))
        .await?;
    until("the new version gets half", LONG, || async {
        Ok(look(&site).await?["status"]["step"]["state"] == "Baking")
    })
    .await?;
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
    let mut last = Duration::ZERO;
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
        last = started.elapsed();
    }
    stage.note(format_args!(
        "20 requests in a row by every proxy went to the old version {:.2} s after the abort was asked for; \
         kubectl took {:.2} s of that",
        last.as_secs_f64(),
        written.as_secs_f64()
    ));
    ensure!(last.saturating_sub(written) < ABORT, "the abort took {last:?}, {written:?} of it kubectl");
    phase(&site, "RolledBack", LONG).await?;
    ensure!(replicas(&site, "next").await? == 0, "the new version has replicas left");
    running.stop().await?.clean()
}
