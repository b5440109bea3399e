//! The cluster, by the programs that people use for it.

use std::{process::Stdio, time::Duration};

use anyhow::{Context as _, bail, ensure};
use kube::{Client, Config};
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command, time::timeout};

use crate::until;

/// How long something may take that usually takes seconds.
pub const PATIENCE: Duration = Duration::from_mins(2);
/// How long a program may run: longer than whatever it waits for.
const RUN: Duration = Duration::from_mins(5);

/// A way to the cluster of the environment: `KUBECONFIG`, and `kubectl` and `helm` on the `PATH`.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cluster")
    }
}

// === impl Cluster ===

impl Cluster {
    /// Connects.
    ///
    /// # Errors
    /// When the environment names no cluster.
    pub async fn connect() -> anyhow::Result<Self> {
        let config = Config::infer().await.context("KUBECONFIG names no cluster")?;
        Ok(Self { client: Client::try_from(config)? })
    }

    /// A client of the API, for what is measured or too often for `kubectl`.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Runs `kubectl` and returns what it prints.
    ///
    /// # Errors
    /// When it fails; the error holds what it says.
    pub async fn kubectl(&self, args: &[&str]) -> anyhow::Result<String> {
        Ok(run("kubectl", args, "").await?.printed)
    }

    /// The same with something on its stdin.
    ///
    /// # Errors
    /// When it fails; the error holds what it says.
    pub async fn kubectl_with(&self, args: &[&str], input: &str) -> anyhow::Result<String> {
        Ok(run("kubectl", args, input).await?.printed)
    }

    /// Applies YAML or JSON, in a namespace unless it says another one. Returns the warnings.
    ///
    /// # Errors
    /// When the API refuses it.
    pub async fn apply(&self, namespace: &str, manifests: &str) -> anyhow::Result<String> {
        Ok(run("kubectl", &["apply", "--namespace", namespace, "--filename=-"], manifests).await?.said)
    }

    /// Runs `helm` and returns what it prints.
    ///
    /// # Errors
    /// When it fails; the error holds what it says.
    pub async fn helm(&self, args: &[&str]) -> anyhow::Result<String> {
        Ok(run("helm", args, "").await?.printed)
    }

    /// An object, or a list of objects, as JSON.
    ///
    /// # Errors
    /// When it isn't there.
    pub async fn get(&self, namespace: &str, what: &[&str]) -> anyhow::Result<Value> {
        let mut args = vec!["get", "--namespace", namespace, "--output=json"];
        args.extend(what);
        Ok(serde_json::from_str(&self.kubectl(&args).await?)?)
    }

    /// Waits until a Deployment is as it should be.
    ///
    /// # Errors
    /// When that takes more than [`PATIENCE`].
    pub async fn rolled_out(&self, namespace: &str, deployment: &str) -> anyhow::Result<()> {
        let name = format!("deployment/{deployment}");
        let patience = limit();
        let args = ["rollout", "status", "--namespace", namespace, &name, &patience];
        self.kubectl(&args).await.map(drop)
    }

    /// Waits until so many endpoints of a Service are ready, which comes a moment after their pods are.
    ///
    /// # Errors
    /// When they are not after [`PATIENCE`].
    pub async fn has_endpoints(&self, namespace: &str, service: &str, count: u32) -> anyhow::Result<()> {
        let selector = format!("--selector=kubernetes.io/service-name={service}");
        let ready = until(format!("{count} endpoints of {namespace}/{service}"), PATIENCE, || async {
            let slices = self.get(namespace, &["endpointslices", &selector]).await?;
            let slices = slices["items"].as_array().into_iter().flatten();
            let endpoints = slices.flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten());
            Ok(endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true).count() >= count as usize)
        });
        ready.await.map(drop)
    }

    /// Waits until no pod of a namespace is about to end any more.
    ///
    /// # Errors
    /// When one still is after [`PATIENCE`].
    pub async fn settled(&self, namespace: &str) -> anyhow::Result<()> {
        let what = format!("no pod of {namespace} is about to end");
        let settled = until(what, PATIENCE, || async {
            let pods = self.get(namespace, &["pods"]).await?;
            let ends = |pod: &Value| !pod["metadata"]["deletionTimestamp"].is_null();
            Ok(!pods["items"].as_array().is_some_and(|pods| pods.iter().any(ends)))
        });
        settled.await.map(drop)
    }
}

fn limit() -> String {
    format!("--timeout={}s", PATIENCE.as_secs())
}

/// What a program wrote.
struct Wrote {
    printed: String,
    said: String,
}

/// Runs a program with something on its stdin.
async fn run(program: &str, args: &[&str], input: &str) -> anyhow::Result<Wrote> {
    let shown = format!("{program} {}", args.join(" "));
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {shown}"))?;
    let mut stdin = child.stdin.take().context("no stdin")?;
    let input = input.to_owned();
    // Beside reading, since neither side's pipe holds everything.
    let feed = tokio::spawn(async move { stdin.write_all(input.as_bytes()).await });
    let Ok(done) = timeout(RUN, child.wait_with_output()).await else {
        bail!("{shown} runs for more than {RUN:?}")
    };
    let (done, _early_end) = (done?, feed.await?);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (printed, said) = (text(&done.stdout), text(&done.stderr));
    ensure!(done.status.success(), "{shown}: {}: {}", done.status, said.trim());
    Ok(Wrote { printed, said })
}
