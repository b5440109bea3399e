//! Who may do what: the roles and the policy of `deploy/rbac`, judged by a real API server.

use std::{
    fs,
    process::{Command, Stdio},
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use weir_e2e::{Backend, Cluster, PATIENCE, Site, Stage, until};

use super::{follow::Followed, manifest::Manifest};

/// What is tested here.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/rbac");
/// The policy that asks for groups, and its binding.
const BY_GROUP: &str = "weir-release-verbs-by-group";

/// What holds for the whole cluster as long as this lives.
struct Rules;

/// People on call may pause a release, and not promote it; nobody can act in somebody else's name.
pub(crate) async fn verbs(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.shared().await?;
    let site = stage.site(weir, &Backend::new("app", "v1")).await?;
    Backend::new("next", "v2").apply(&stage.cluster, site.namespace.name()).await?;
    let steps = ["{name: none, weight: 0, bake: {duration: 10m}}", "{name: all, weight: 100}"];
    let release = Followed::begin(&site, &Manifest::new(&steps).insiders()).await?;
    release.step("none", "Baking").await?;
    let _rules = Rules::apply(&stage.cluster).await?;
    let binding = "apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: on-call}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: weir-release-operator}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: on-call}]
";
    site.apply(binding).await?;
    until("the policy holds", PATIENCE, || async {
        let refused = act(&site, "promote", "").await.err().map(|error| format!("{error:#}"));
        Ok(refused.is_some_and(|why| why.contains("ann may not promote Release app")))
    })
    .await?;
    let forged = act(&site, "pause", "annotations: {weir.dev/by: bob}").await;
    let why = forged.err().map(|error| format!("{error:#}")).unwrap_or_default();
    ensure!(why.contains("weir.dev/by has to be your own user name"), "in bob's name: {why}");
    act(&site, "pause", "annotations: {weir.dev/by: ann}").await?;
    let held =
        release.diary.until("it is held", PATIENCE, |status| status["hold"]["reason"] == "Paused").await?;
    ensure!(held.status["lastAction"]["by"] == "ann", "by {}", held.status["lastAction"]);
    // Whoever may do everything has the verbs as well, so the program works under the policy.
    release.weir("resume", &[]).await?;
    release.diary.until("it goes on", PATIENCE, |status| status["hold"].is_null()).await?;
    by_group(&stage, &site).await?;
    release.phase("RolledBack").await.map(drop)
}

/// The other policy, in this namespace alone: others are not in its groups.
async fn by_group(stage: &Stage, site: &Site) -> anyhow::Result<()> {
    let namespace = site.namespace.name();
    let binding = format!(
        "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: {BY_GROUP}}}
spec:
  policyName: {BY_GROUP}
  validationActions: [Deny]
  matchResources: {{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {namespace}}}}}}}
"
    );
    stage.cluster.apply(namespace, &binding).await?;
    until("the policy by group holds", PATIENCE, || async {
        // Of an administrator, whom the first policy lets do everything; no step waits for an approval.
        let refused = create(site, &["create"], "approve", "").await.err().map(|error| format!("{error:#}"));
        Ok(refused.is_some_and(|why| why.contains("on-call may pause, resume, abort and undo releases")))
    })
    .await?;
    act(site, "abort", "").await.map(drop)
}

/// Acts as somebody of the group on-call.
async fn act(site: &Site, verb: &str, metadata: &str) -> anyhow::Result<String> {
    create(site, &["create", "--as=ann", "--as-group=on-call"], verb, metadata).await
}

async fn create(site: &Site, create: &[&str], verb: &str, metadata: &str) -> anyhow::Result<String> {
    let action = format!(
        "apiVersion: weir.dev/v1alpha1
kind: ReleaseAction
metadata: {{generateName: app-{verb}-, {metadata}}}
spec: {{release: app, verb: {verb}}}
"
    );
    site.kubectl_with(&[create, &["--filename=-"]].concat(), &action).await
}

// === impl Rules ===

impl Rules {
    async fn apply(cluster: &Cluster) -> anyhow::Result<Self> {
        let roles = fs::read_to_string(format!("{FOLDER}/roles.yaml")).context("deploy/rbac/roles.yaml")?;
        // The example at its end is for a namespace that is not here.
        let roles: Vec<_> = roles.split("---\n").filter(|part| !part.contains("kind: RoleBinding")).collect();
        let applied = Self;
        cluster.apply("default", &roles.join("---\n")).await?;
        cluster.kubectl(&["apply", "--filename", &format!("{FOLDER}/verbs.yaml")]).await?;
        Ok(applied)
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        for what in [&["--filename", FOLDER][..], &["validatingadmissionpolicybinding", BY_GROUP]] {
            let mut kubectl = Command::new("kubectl");
            kubectl.arg("delete").args(what).args(["--wait=false", "--ignore-not-found"]);
            // Who cannot do that has no cluster any more.
            let _no_cluster =
                kubectl.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
    }
}
