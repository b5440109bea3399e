//! The controller dies again and again while a release is under way.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use weir_e2e::{Backend, Entry, Installation, PATIENCE, Settings, Stage, kill, process_of, until};

use super::{follow::Followed, manifest::Manifest};
use crate::steady::load;

/// How long a controller lives, at most, after its process is there.
const LIFE: Duration = Duration::from_millis(3_500);
/// What a look at the proxies may be behind.
const LOOK: Duration = Duration::from_secs(1);
/// How long one death and its life take, about.
const CYCLE: Duration = Duration::from_secs(3);
/// Steps whose bakes last together as long as the killing.
const STEPS: [u32; 4] = [5, 20, 50, 100];

/// A few times, as a part of all tests.
pub(crate) async fn sometimes(stage: Arc<Stage>) -> anyhow::Result<()> {
    killed(&stage, 12).await
}

/// A hundred times.
pub(crate) async fn often(stage: Arc<Stage>) -> anyhow::Result<()> {
    killed(&stage, 100).await
}

/// Whatever moment it dies in: no step comes early, no credit is lost, and the end is the same.
async fn killed(stage: &Stage, times: u32) -> anyhow::Result<()> {
    let weir = stage.install(Settings::default()).await?;
    let (site, running) = load(stage, &weir, &Backend::new("app", "v1").replicas(2)).await?;
    Backend::new("next", "v2").replicas(2).apply(&stage.cluster, site.namespace.name()).await?;
    let bake = CYCLE * times / u32::try_from(STEPS.len())?;
    let step =
        |weight| format!("{{name: at-{weight}, weight: {weight}, bake: {{duration: {}s}}}}", bake.as_secs());
    let steps = STEPS.map(step);
    let started = Instant::now();
    let release = Followed::begin(&site, &Manifest::new(&steps.each_ref().map(String::as_str))).await?;
    release.step("at-5", "Baking").await?;
    let mut deaths = BTreeMap::<String, u32>::new();
    for _ in 0..times {
        // Without a rhythm: the moment of death is to be any.
        sleep(Duration::from_millis(fastrand::u64(..u64::try_from(LIFE.as_millis())?))).await;
        let phase = die(&weir, &release).await?;
        *deaths.entry(phase).or_default() += 1;
    }
    release.phase("Completed").await?;
    stage.note(format_args!(
        "the leading controller was killed {times} times, by what the release was doing: {deaths:?}; completed {:.0} s \
         after its beginning",
        started.elapsed().as_secs_f64()
    ));
    ensure!(release.replicas("app").await? == 0 && release.replicas("next").await? == 2, "replicas");
    let entries = release.diary.entries();
    in_order(&entries)?;
    let times = baked(&entries)?;
    stage.note(format_args!("bakes of {} s took {times:.1?}", bake.as_secs()));
    for (step, took) in &times {
        ensure!(*took + LOOK >= bake, "{step} was over after {took:?}, which is early");
    }
    running.stop().await?.clean()
}

/// Kills whoever leads, and waits until the process is there again. Returns what the release was doing.
async fn die(weir: &Installation, release: &Followed<'_>) -> anyhow::Result<String> {
    let leader = weir.leader().await?;
    let name = format!("--identity={leader}");
    let arguments = ["controller", &name];
    let doing = release.diary.entries().last().map(|entry| doing(&entry.status));
    let number = process_of(&arguments)?;
    kill(number)?;
    let back = || async { Ok(process_of(&arguments)? != number) };
    until(format!("{leader} starts again"), PATIENCE, back).await?;
    doing.context("the release has no status")
}

fn doing(status: &Value) -> String {
    let part = |value: &Value| value.as_str().map(str::to_owned);
    let stage = part(&status["step"]["state"]).or_else(|| part(&status["offline"]["state"]));
    [part(&status["phase"]), stage].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Epochs and weights never go back, no step is left out, and credited time is never lost.
fn in_order(entries: &[Entry]) -> anyhow::Result<()> {
    for (before, after) in entries.iter().zip(entries.iter().skip(1)).map(|(a, b)| (&a.status, &b.status)) {
        let (epoch, weight) =
            (|of: &Value| of["routing"]["epoch"].as_u64(), |of: &Value| of["routing"]["weight"].as_u64());
        ensure!(epoch(before) <= epoch(after), "an epoch went back: {before:#} {after:#}");
        if let (Some(was), Some(is)) = (weight(before), weight(after)) {
            ensure!(was <= is, "a weight went back from {was} to {is}");
        }
        let (Some(was), Some(is)) = (before["step"]["index"].as_u64(), after["step"]["index"].as_u64())
        else {
            continue;
        };
        ensure!(is == was || is == was + 1, "from step {was} to {is}");
        let credit = |of: &Value| {
            (of["step"]["bake"]["resets"].as_u64(), of["step"]["bake"]["creditedMillis"].as_u64())
        };
        if let ((resets, Some(had)), (again, Some(has))) = (credit(before), credit(after))
            && is == was
            && resets == again
        {
            ensure!(had <= has, "credit fell from {had} to {has} ms");
        }
    }
    Ok(())
}

/// How long each step was seen to bake: until the release was first seen doing something else.
fn baked(entries: &[Entry]) -> anyhow::Result<Vec<(String, Duration)>> {
    let baking = |entry: &Entry| {
        let step = &entry.status["step"];
        (step["state"] == "Baking").then(|| step["name"].as_str().map(str::to_owned)).flatten()
    };
    let mut steps: Vec<(String, Duration)> = Vec::new();
    for during in entries.chunk_by(|one, next| baking(one) == baking(next)) {
        let Some((name, first)) = during.first().and_then(|first| Some((baking(first)?, first))) else {
            continue;
        };
        let next = entries.iter().find(|entry| entry.at > first.at && baking(entry).as_ref() != Some(&name));
        let next = next.with_context(|| format!("{name} was never over"))?;
        steps.push((name, next.at.duration_since(first.at)));
    }
    ensure!(steps.len() == STEPS.len(), "each step bakes once: {steps:?}");
    Ok(steps)
}
