//! A release beside a tool that applies everything from Git, again and again.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use weir_e2e::{Backend, Settings, Site, Stage, web};

use super::{follow::Followed, manifest::Manifest};

/// What is looked at whether it was changed: its spec, which the generation counts, or for kinds without one, itself.
const KINDS: &str = "ingress,service,deployment";

/// What is in Git is applied in every phase, without force: it conflicts with nobody, changes nothing, and is no
/// different from what is in the cluster.
pub(crate) async fn beside(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.install(Settings::default()).await?;
    let (old, new) = (Backend::new("app", "v1"), Backend::new("next", "v2"));
    let site = stage.site(&weir, &old).await?;
    let ingress = web(weir.class(), "app", &site.flow.host).path("/", "app").yaml();
    let git = Git { site: &site, manifests: format!("{ingress}\n---\n{}", objects(&[&old, &new])) };
    git.apply(&["--force-conflicts"]).await?;
    stage.cluster.rolled_out(site.namespace.name(), "next").await?;
    let steps = [
        "{name: insiders, weight: 0, bake: {duration: 1s, clean: false}, approval: required}",
        "{name: half, weight: 50, bake: {duration: 1s, clean: false}, approval: required}",
        "{name: all, weight: 100, bake: {duration: 1s, clean: false}, approval: required}",
    ];
    let manifest = Manifest::new(&steps).insiders();
    let before = git.versions().await?;
    let release = Followed::begin(&site, &manifest).await?;
    for step in ["insiders", "half", "all"] {
        release.step(step, "Approving").await?;
        git.no_drift(step).await?;
        ensure!(git.versions().await? == before, "something was changed at step {step}");
        release.weir("approve", &[]).await?;
    }
    release.phase("Offlining").await?;
    git.no_drift("the way offline").await?;
    release.phase("Completed").await?;
    git.no_drift("the end").await?;
    ensure!(release.replicas("app").await? == 0, "what is in Git brought the old version back");
    let owners = owners_of_replicas(&site).await?;
    ensure!(owners.iter().all(|owner| owner != "weir-release"), "replicas still belong to {owners:?}");
    stage.note("applied without force in five phases: no conflict, no drift, no spec was changed but replicas at the end");
    Ok(())
}

/// Deployments without `replicas`, as docs/releases.md asks for, and Services.
fn objects(backends: &[&Backend]) -> String {
    let mut items: Vec<Value> = backends.iter().flat_map(|backend| backend.objects()).collect();
    for item in &mut items {
        if let Some(spec) = item["spec"].as_object_mut() {
            spec.remove("replicas");
        }
    }
    json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string()
}

/// What is in Git.
struct Git<'a> {
    site: &'a Site,
    manifests: String,
}

// === impl Git ===

impl Git<'_> {
    async fn apply(&self, more: &[&str]) -> anyhow::Result<()> {
        let mut arguments = vec!["apply", "--server-side", "--field-manager=gitops", "--filename=-"];
        arguments.extend(more);
        self.site.kubectl_with(&arguments, &self.manifests).await.map(drop)
    }

    /// `kubectl diff` fails when there is a difference.
    async fn no_drift(&self, when: &str) -> anyhow::Result<()> {
        let diff = ["diff", "--server-side", "--field-manager=gitops", "--filename=-"];
        self.site.kubectl_with(&diff, &self.manifests).await.with_context(|| format!("drift at {when}"))?;
        self.apply(&[]).await.with_context(|| format!("conflicts at {when}"))?;
        self.site.kubectl_with(&diff, &self.manifests).await.map(drop)
    }

    /// What tells whether somebody wrote a spec, by object.
    async fn versions(&self) -> anyhow::Result<Vec<String>> {
        let text = self.site.kubectl(&["get", KINDS, "--output=json"]).await?;
        let list: Value = serde_json::from_str(&text)?;
        let items = list["items"].as_array().context("items")?;
        Ok(items
            .iter()
            .map(|item| format!("{} {} {}", item["kind"], item["metadata"]["name"], item["spec"]))
            .collect())
    }
}

async fn owners_of_replicas(site: &Site) -> anyhow::Result<Vec<String>> {
    let get = ["get", "deployment", "app", "--output=json", "--show-managed-fields"];
    let deployment: Value = serde_json::from_str(&site.kubectl(&get).await?)?;
    let fields = deployment["metadata"]["managedFields"].as_array().context("managedFields")?;
    let owns = |entry: &&Value| !entry["fieldsV1"]["f:spec"]["f:replicas"].is_null();
    Ok(fields.iter().filter(owns).filter_map(|entry| entry["manager"].as_str().map(str::to_owned)).collect())
}
