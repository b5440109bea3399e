//! A Release under way, steered with the program as people do.

use std::{env, time::Duration};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::process::Command;
use weir_e2e::{Diary, Entry, Site};

use super::manifest::Manifest;

/// How long anything of a release may take here: its bakes and holds, many times over.
pub(crate) const LONG: Duration = Duration::from_mins(4);

/// A Release that is followed from its beginning.
pub(crate) struct Followed<'a> {
    site: &'a Site,
    pub(crate) diary: Diary,
}

// === impl Followed ===

impl<'a> Followed<'a> {
    /// Makes one.
    pub(crate) async fn begin(site: &'a Site, manifest: &Manifest) -> anyhow::Result<Self> {
        let diary = site.diary("app");
        site.apply(&manifest.yaml()).await?;
        Ok(Self { site, diary })
    }

    /// Waits for a phase.
    pub(crate) async fn phase(&self, phase: &str) -> anyhow::Result<Entry> {
        let what = format!("the release is {phase}");
        self.diary.until(&what, LONG, |status| status["phase"] == phase).await
    }

    /// Waits for a step to be in a state, such as `Baking`.
    pub(crate) async fn step(&self, name: &str, state: &str) -> anyhow::Result<Entry> {
        let what = format!("step {name} is {state}");
        let reached = |status: &Value| status["step"]["name"] == name && status["step"]["state"] == state;
        self.diary.until(&what, LONG, reached).await
    }

    /// Runs `weir release VERB app`.
    pub(crate) async fn weir(&self, verb: &str, more: &[&str]) -> anyhow::Result<String> {
        weir(self.site, verb, more).await
    }

    /// Waits for an Event about it.
    pub(crate) async fn told(&self, reason: &str) -> anyhow::Result<()> {
        self.site.told(reason, "app").await
    }

    /// How many replicas a Deployment is to have.
    pub(crate) async fn replicas(&self, deployment: &str) -> anyhow::Result<u64> {
        replicas(self.site, deployment).await
    }
}

/// Runs `weir release VERB app` in a site's namespace.
pub(crate) async fn weir(site: &Site, verb: &str, more: &[&str]) -> anyhow::Result<String> {
    let program = env::var_os("WEIR_E2E").context("WEIR_E2E names the program")?;
    let mut command = Command::new(program);
    command.args(["release", verb, "app", "--namespace", site.namespace.name()]).args(more);
    let output = command.kill_on_drop(true).output().await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "weir release {verb} {more:?}: {}: {said}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// How many replicas a Deployment is to have.
pub(crate) async fn replicas(site: &Site, deployment: &str) -> anyhow::Result<u64> {
    let text = site.kubectl(&["get", "deployment", deployment, "--output=jsonpath={.spec.replicas}"]).await?;
    text.trim().parse().with_context(|| format!("spec.replicas of {deployment}: {text:?}"))
}
