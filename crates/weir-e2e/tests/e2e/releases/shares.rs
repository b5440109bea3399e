//! Who gets the new version: how many, and always the same.

use std::sync::Arc;

use anyhow::{bail, ensure};
use weir_e2e::{Backend, Stage, Users, Via};

use super::{follow::Followed, manifest::Manifest};

/// How many users are asked for at each weight. With so many, chance alone is seldom (once in 7,000 runs) beyond what
/// is allowed: the standard deviation of a half of them is 0.08 points.
const USERS: u32 = 400_000;
/// How many of them are asked for through each other proxy, which has to agree about everyone.
const AGAIN: u32 = 100_000;
/// How far the measured share may be from the weight, in points.
const ALLOWED: f64 = 0.3;
/// Each has to be approved, so that there is time to ask.
const STEPS: [(&str, f64); 3] = [("one", 1.0), ("fifth", 20.0), ("half", 50.0)];

/// Each weight is met, by both proxies alike, and raising it takes nobody back: at rest and during a ramp.
pub(crate) async fn measured(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.shared().await?;
    let site = stage.site(weir, &Backend::new("app", "v1").replicas(2)).await?;
    Backend::new("next", "v2").replicas(2).apply(&stage.cluster, site.namespace.name()).await?;
    let ways = weir.each_proxy().await?;
    let visits = site.users(ways.clone()).count(2_000).rate(200).start();
    let bake = "bake: {duration: 1s, clean: false}, approval: required";
    let mut steps: Vec<_> =
        STEPS.iter().map(|(name, weight)| format!("{{name: {name}, weight: {weight}, {bake}}}")).collect();
    steps.push("{name: ramp, ramp: {from: 55, to: 100, stages: 10, hold: 1s}}".to_owned());
    let steps: Vec<_> = steps.iter().map(String::as_str).collect();
    let release = Followed::begin(&site, &Manifest::new(&steps).keyed()).await?;
    let users = site.users(ways.clone()).count(USERS);
    let mut before = Vec::new();
    for (name, weight) in STEPS {
        release.step(name, "Approving").await?;
        let chosen = asked_of_all(&users, &ways).await?;
        let share = share(&chosen);
        stage.note(format_args!("{USERS} users at {weight} %: {share:.3} % got the new version"));
        ensure!((share - weight).abs() <= ALLOWED, "{share} % instead of {weight} %");
        ensure!(
            returned(&before, &chosen) == 0,
            "{} users were taken back at {name}",
            returned(&before, &chosen)
        );
        before = chosen;
        release.weir("approve", &[]).await?;
    }
    release.phase("Completed").await?;
    let story = visits.stop().await?;
    stage.note(&story);
    ensure!(story.errors == 0 && story.changed("v2", "v1") == 0, "{story}");
    ensure!(story.changed("v1", "v2") > 1_000, "hardly anybody was seen to change: {story}");
    Ok(())
}

/// Every user's version, which no proxy may see in another way.
async fn asked_of_all(users: &Users, ways: &[Via]) -> anyhow::Result<Vec<bool>> {
    let [first, others @ ..] = ways else { bail!("no proxy") };
    let chosen = users.who_gets(first, "v2").await?;
    for via in others {
        let seen = users.clone().count(AGAIN).who_gets(via, "v2").await?;
        let differ = chosen.iter().zip(&seen).filter(|(one, other)| one != other).count();
        ensure!(differ == 0, "{} sees {differ} users in another way", via.name);
    }
    Ok(chosen)
}

/// In percent.
#[expect(clippy::cast_precision_loss, reason = "there are few users")]
fn share(chosen: &[bool]) -> f64 {
    let some = chosen.iter().filter(|chosen| **chosen).count();
    100.0 * some as f64 / chosen.len() as f64
}

fn returned(before: &[bool], after: &[bool]) -> usize {
    before.iter().zip(after).filter(|(before, after)| **before && !**after).count()
}
