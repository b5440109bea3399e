//! Plays a scenario: edits manifests under load, and measures.

use std::{
    fs, io,
    net::Ipv4Addr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;
use tokio::time::sleep;
use weir_translate::Config;

use super::{
    load::{Leg, Load},
    manifests::Endpoints,
    origin::Origin,
    scenario::{Phase, Scenario},
    screen::Screen,
    tally::Version,
    verdict::Row,
};
use crate::{releases, runtime::Runtime};

/// How long a phase lasts at least.
const PHASE: Duration = Duration::from_millis(2_500);
/// How long a phase lasts at most, on machines that are too slow for all requests.
const LONGEST: Duration = Duration::from_secs(9);
/// How often the screen is drawn.
const FRAME: Duration = Duration::from_millis(100);
/// How often to look whether an edit is in force.
const LOOK: Duration = Duration::from_millis(2);
/// How long an edit may take until it is in force.
const EDIT: Duration = Duration::from_secs(10);

/// Two origins, a folder, and a data plane that follows it.
#[derive(Debug)]
pub(super) struct Stage {
    folder: TempDir,
    old: Origin,
    new: Origin,
    runtime: Runtime,
    phase: Duration,
}

// === impl Stage ===

impl Stage {
    /// Starts everything, with the manifests of the first phase.
    pub(super) async fn build(scenario: &Scenario, speed: f64) -> anyhow::Result<Self> {
        let folder =
            tempfile::Builder::new().prefix("weir-demo-").tempdir().context("no temporary folder")?;
        let (old, new) = (Origin::start(Version::Old).await?, Origin::start(Version::New).await?);
        let endpoints = Endpoints { old: old.address(), new: new.address() };
        if let Some(first) = scenario.phases.first() {
            write(&folder, &(first.manifests)(&endpoints))?;
        }
        let runtime = start(folder.path().to_owned())?;
        Ok(Self { folder, old, new, runtime, phase: PHASE.div_f64(speed) })
    }

    /// Plays all phases and returns what they came to.
    pub(super) async fn play(self, scenario: Scenario, screen: &Screen) -> anyhow::Result<Vec<Row>> {
        screen.title(&format!("Scenario {}: {}", scenario.number, scenario.title));
        let address = self.runtime.proxy().http().context("the demo listens in plain text")?;
        let mut rows = Vec::new();
        let mut load: Option<Load> = None;
        for phase in &scenario.phases {
            if let Some(load) = &load {
                rows.push(self.edit(scenario.number, phase, load).await?);
            }
            let leg = Leg::new(phase.routes.clone());
            match &load {
                Some(load) => load.change(Arc::clone(&leg)).await,
                None => load = Some(Load::start(address, Arc::clone(&leg))),
            }
            self.measure(phase, &leg, screen).await;
            rows.extend(Row::of_phase(scenario.number, phase.title, &leg));
        }
        if let Some(load) = load {
            load.stop().await;
        }
        self.clear();
        Ok(rows)
    }

    /// Puts the manifests of a phase in force while requests run; these may meet either state.
    async fn edit(&self, scenario: usize, phase: &Phase, load: &Load) -> anyhow::Result<Row> {
        let either = Leg::new(phase.routes.clone());
        load.change(Arc::clone(&either)).await;
        let (before, started) = (self.runtime.status().generation(), Instant::now());
        let endpoints = Endpoints { old: self.old.address(), new: self.new.address() };
        write(&self.folder, &(phase.manifests)(&endpoints))?;
        while self.runtime.status().generation() == before {
            ensure!(started.elapsed() < EDIT, "the edit for {:?} is not in force", phase.title);
            sleep(LOOK).await;
        }
        let row = Row::of_edit(scenario, phase.title, &either, started.elapsed());
        Ok(row)
    }

    async fn measure(&self, phase: &Phase, leg: &Leg, screen: &Screen) {
        let started = Instant::now();
        let bars = screen.phase(phase.title, leg);
        while started.elapsed() < self.phase || !leg.is_enough() {
            if phase.retired && started.elapsed() > self.phase / 2 {
                self.old.stop();
            }
            if started.elapsed() > LONGEST {
                break;
            }
            sleep(FRAME).await;
            bars.draw(leg);
        }
        bars.end(leg);
    }

    fn clear(self) {
        self.old.stop();
        self.new.stop();
        drop(self.runtime.unfollow());
    }
}

fn start(folder: PathBuf) -> anyhow::Result<Runtime> {
    let proxy = weir_proxy::Config {
        http: Some((Ipv4Addr::LOCALHOST, 0).into()),
        threads: (crate::cores() / 2).max(1),
        ..weir_proxy::Config::default()
    };
    Runtime::start(vec![folder], Config::default(), proxy, releases::Config::default(), Arc::default())
}

/// Replaces the manifests as a whole.
fn write(folder: &TempDir, yaml: &str) -> io::Result<()> {
    let draft = folder.path().join(".draft");
    fs::write(&draft, yaml)?;
    fs::rename(draft, folder.path().join("demo.yaml"))
}
