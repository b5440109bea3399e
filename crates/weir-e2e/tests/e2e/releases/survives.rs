//! What a release survives: a manifest that makes no sense while nobody refuses it, and every controller gone.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::ensure;
use serde_json::{Value, json};
use weir_e2e::{Backend, Installation, PATIENCE, Settings, Site, Stage, Users, Via, until, web};

use super::{follow::Followed, manifest::Manifest};
use crate::{controllers::scaled, steady::load};

/// How many people are asked for.
const USERS: u32 = 1_000;

/// All controllers are gone while somebody breaks the manifest, so nothing refuses it and nobody remembers what it
/// said before. When they are back, everybody still has the same version, and the release goes on once it is mended.
pub(crate) async fn nonsense(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.install(Settings::default()).await?;
    let (site, running) = load(&stage, &weir, &Backend::new("app", "v1")).await?;
    Backend::new("next", "v2").apply(&stage.cluster, site.namespace.name()).await?;
    let steps = [
        "{name: half, weight: 50, bake: {duration: 1s}, approval: required}",
        "{name: all, weight: 100, bake: {duration: 1s}}",
    ];
    let good = Manifest::new(&steps).keyed().insiders();
    let release = Followed::begin(&site, &good).await?;
    release.step("half", "Approving").await?;
    let (users, ways) = (site.users(weir.each_proxy().await?).count(USERS), weir.each_proxy().await?);
    let before = who(&users, &ways).await?;
    scaled(&stage, &weir, 0).await?;
    let broken = good.yaml().replace("exact: bar", "regex: \"(\"");
    until("nobody refuses it", PATIENCE, || async {
        unreviewed(&site).await?;
        site.apply(&broken).await.map(|_| true)
    })
    .await?;
    scaled(&stage, &weir, 2).await?;
    release.diary.until("it says that the manifest makes no sense", PATIENCE, refused).await?;
    release.diary.until("the proxies are told", PATIENCE, |status| status["acknowledged"] == "2/2").await?;
    ensure!(who(&users, &ways).await? == before, "some have another version than before");
    site.apply(&good.yaml()).await?;
    release.diary.until("the manifest makes sense again", PATIENCE, |status| !refused(status)).await?;
    release.weir("approve", &[]).await?;
    release.phase("Completed").await?;
    owned(&site).await?;
    deleted(&stage, &weir, &release, &site).await?;
    running.stop().await?.clean()
}

/// Lets no webhook of any installation look at this namespace.
async fn unreviewed(site: &Site) -> anyhow::Result<()> {
    let hooks = site.kubectl(&["get", "validatingwebhookconfigurations", "--output=name"]).await?;
    let selector = json!({ "matchExpressions": [{
        "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [site.namespace.name()],
    }] });
    let patch =
        json!([{ "op": "add", "path": "/webhooks/0/namespaceSelector", "value": selector }]).to_string();
    for hook in hooks.lines() {
        site.kubectl(&["patch", hook, "--type=json", "--patch", &patch]).await?;
    }
    Ok(())
}

/// What was asked for goes with its release.
async fn owned(site: &Site) -> anyhow::Result<()> {
    let path = "--output=jsonpath={.items[*].metadata.ownerReferences[*].name}";
    until("the action belongs to the release", PATIENCE, || async {
        Ok(site.kubectl(&["get", "releaseactions", path]).await?.trim() == "app")
    })
    .await
    .map(drop)
}

/// While the routes name the version that is offline, a deleted release stays, and says why.
async fn deleted(
    stage: &Stage,
    weir: &Installation,
    release: &Followed<'_>,
    site: &Site,
) -> anyhow::Result<()> {
    site.kubectl(&["delete", "release", "app", "--wait=false"]).await?;
    let why = "they name Service app, which is offline";
    let says = |status: &Value| status["waitingFor"].as_str().is_some_and(|waits| waits.contains(why));
    release.diary.until("it says why it stays", PATIENCE, says).await?;
    site.apply(&web(weir.class(), "app", &site.flow.host).path("/", "next").yaml()).await?;
    let gone = || async {
        Ok(site.kubectl(&["get", "release,releaseaction", "--output=name"]).await?.trim().is_empty())
    };
    let took = until("the release is gone with its actions", PATIENCE, gone).await?;
    stage.note(format_args!("deleted {:.1} s after its routes named the new version", took.as_secs_f64()));
    site.serves(&weir.each_proxy().await?, "v2").await.map(drop)
}

/// Which users have the new version, by every proxy alike.
async fn who(users: &Users, ways: &[Via]) -> anyhow::Result<Vec<bool>> {
    let mut all = BTreeSet::new();
    for via in ways {
        all.insert(users.who_gets(via, "v2").await?);
    }
    ensure!(all.len() == 1, "proxies differ");
    Ok(all.pop_first().unwrap_or_default())
}

fn refused(status: &Value) -> bool {
    let conditions = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().any(|condition| condition["type"] == "Accepted" && condition["status"] == "False")
}
