//! Runs cases, many at a time where they leave each other alone, and tells what came of them.
//!
//! It is not the harness of the standard library: that one has no end at which something shared could be taken
//! down, and cannot say why nothing was run where there is no cluster.

use std::{
    collections::BTreeMap,
    fmt::Display,
    fs,
    future::Future,
    io::{Write as _, stdout},
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    Cluster, Stage,
    stage::{Record, Shared},
};

/// The longest that a case may take.
const LONGEST: Duration = Duration::from_mins(8);

type Run = fn(Arc<Stage>) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// A case.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    name: &'static str,
    alone: bool,
    run: Run,
}

/// Which cases, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Only those whose names hold one of these texts; all if there is none.
    pub filters: Vec<String>,
    /// How many at a time.
    pub jobs: usize,
    /// Where figures go as JSON.
    pub json: Option<PathBuf>,
}

/// All cases.
#[derive(Clone, Copy, Debug)]
pub struct Suite(pub &'static [Case]);

/// What came of a case.
struct Done {
    name: &'static str,
    verdict: anyhow::Result<()>,
    took: Duration,
    record: Record,
}

// === impl Case ===

impl Case {
    /// A case that others may run beside.
    pub const fn new(name: &'static str, run: Run) -> Self {
        Self { name, alone: false, run }
    }

    /// A case that breaks what others need, or measures.
    pub const fn alone(name: &'static str, run: Run) -> Self {
        Self { name, alone: true, run }
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        self.name
    }

    async fn run(self, stage: Arc<Stage>) -> Done {
        let started = Instant::now();
        let running = tokio::spawn((self.run)(Arc::clone(&stage)));
        // A case that is not awaited any more has to end: it holds what is to be taken down.
        let end = AbortOnDrop(running.abort_handle());
        let verdict = match timeout(LONGEST, running).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(panic)) => Err(anyhow!("{panic}")),
            Err(_) => Err(anyhow!("it takes more than {LONGEST:?}")),
        };
        drop(end);
        Done { name: self.name, verdict, took: started.elapsed(), record: stage.recorded() }
    }
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

// === impl Suite ===

impl Suite {
    /// Runs them and prints what came of them; the last line counts, as that of other tests does. Returns
    /// whether all of them passed.
    ///
    /// # Errors
    /// When there is no cluster.
    pub async fn run(self, options: &Options) -> anyhow::Result<bool> {
        let cluster = Cluster::connect().await?;
        let started = Instant::now();
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        let done = tokio::select! {
            done = self.all(&cluster, options) => done?,
            _ = interrupted.recv() => anyhow::bail!("interrupted"),
            _ = terminated.recv() => anyhow::bail!("told to end"),
        };
        if let Some(file) = &options.json {
            fs::write(file, format!("{:#}\n", figures(&done)))?;
        }
        let failed = done.iter().filter(|done| done.verdict.is_err()).count();
        let passed = done.len() - failed;
        let sum = |count: fn(&Record) -> u64| done.iter().map(|done| count(&done.record)).sum::<u64>();
        say(format_args!(
            "e2e all: sent {} failed {} in {:.0} s",
            sum(|record| record.tally.sent()),
            sum(|record| record.tally.failed()),
            started.elapsed().as_secs_f64(),
        ));
        let result = if failed == 0 && passed > 0 { "ok" } else { "FAILED" };
        let left = self.0.len() - done.len();
        say(format_args!(
            "test result: {result}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {left} filtered out"
        ));
        Ok(failed == 0 && passed > 0)
    }

    async fn all(self, cluster: &Cluster, options: &Options) -> anyhow::Result<Vec<Done>> {
        let wanted = |case: &&Case| {
            options.filters.is_empty() || options.filters.iter().any(|text| case.name.contains(&**text))
        };
        let (alone, beside): (Vec<Case>, Vec<Case>) =
            self.0.iter().filter(wanted).copied().partition(|case| case.alone);
        let shared = Shared::default();
        let mut done = together(&beside, cluster, &shared, options.jobs).await?;
        for case in alone {
            done.push(told(case.run(stage(case, cluster, &shared)?).await));
        }
        Ok(done)
    }
}

fn stage(case: Case, cluster: &Cluster, shared: &Shared) -> anyhow::Result<Arc<Stage>> {
    Ok(Arc::new(Stage::new(cluster.clone(), case.name, Arc::clone(shared))?))
}

async fn together(
    cases: &[Case],
    cluster: &Cluster,
    shared: &Shared,
    jobs: usize,
) -> anyhow::Result<Vec<Done>> {
    let places = Arc::new(Semaphore::new(jobs.max(1)));
    let mut running = JoinSet::new();
    for case in cases.iter().copied() {
        let (places, stage) = (Arc::clone(&places), stage(case, cluster, shared)?);
        running.spawn(async move {
            let _place = places.acquire().await;
            case.run(stage).await
        });
    }
    let mut done = Vec::new();
    while let Some(ended) = running.join_next().await {
        done.push(told(ended.context("a case")?));
    }
    Ok(done)
}

fn told(done: Done) -> Done {
    let Done { name, verdict, took, record } = &done;
    let result = if verdict.is_ok() { "ok" } else { "FAILED" };
    say(format_args!("test {name} ... {result} ({:.1} s)", took.as_secs_f64()));
    say(format_args!("e2e {name}: {record}"));
    if let Err(error) = verdict {
        say(format_args!("e2e {name}: FAILED: {error:#}"));
    }
    done
}

/// The figures of all cases, by group.
fn figures(done: &[Done]) -> serde_json::Value {
    let mut groups: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
    for (group, what, value) in done.iter().flat_map(|done| &done.record.figures) {
        groups.entry(group).or_default().insert(what, *value);
    }
    serde_json::json!(groups)
}

/// A line on stdout. A reader that went away isn't an error.
pub fn say(line: impl Display) {
    let mut out = stdout().lock();
    let _closed = writeln!(out, "{line}").and_then(|()| out.flush());
}
