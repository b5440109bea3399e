//! Plays a story: applies one Release under load, and watches.

use std::{
    fs, io,
    net::Ipv4Addr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::{net::TcpStream, time::sleep};
use weir_model::ReleaseKey;
use weir_release::{state::Phase, view::View};
use weir_translate::Config;

use super::{
    load::Load,
    manifests::{self, Endpoints, RELEASE},
    origin::Origin,
    record::Version,
    screen::{Progress, Screen},
    story::Story,
    streams::{Ended, Streams},
    tale::{Moments, Offline, Tale},
};
use crate::{
    releases::{self, Board, Told},
    runtime::Runtime,
};

/// How long requests come before the release begins, and go on after it is over.
const AROUND: Duration = Duration::from_millis(1_500);
/// How long a step does well before a fault begins.
const HEALTHY: Duration = Duration::from_millis(500);
/// How often the release is looked at.
const FRAME: Duration = Duration::from_millis(50);
/// How long it may take until a manifest is read.
const READ: Duration = Duration::from_secs(10);
/// How long a release may take, which waits for something that does not come.
const LONGEST: Duration = Duration::from_secs(38);

/// Two origins, a folder, and a data plane that follows it.
#[derive(Debug)]
pub(super) struct Stage {
    folder: TempDir,
    old: Origin,
    new: Origin,
    runtime: Runtime,
    board: Arc<Board>,
    key: ReleaseKey,
    around: Duration,
}

/// What is known while a release is under way.
#[derive(Debug, Default)]
struct Course {
    view: Option<View>,
    events: Vec<Told>,
    closed: u64,
    fault: Option<Timestamp>,
    /// Since when the second step does well.
    second_step: Option<Instant>,
}

// === impl Stage ===

impl Stage {
    /// Starts everything; there is no release yet.
    pub(super) async fn build(story: &Story, speed: f64) -> anyhow::Result<Self> {
        let folder =
            tempfile::Builder::new().prefix("weir-demo-").tempdir().context("no temporary folder")?;
        let (old, new) = (Origin::start(Version::Old).await?, Origin::start(Version::New).await?);
        let endpoints = Endpoints { old: old.address(), new: new.address() };
        fs::create_dir(folder.path().join("manifests"))?;
        write(folder.path(), "base.yaml", &manifests::base(&endpoints, story.service))?;
        let runtime = start(folder.path())?;
        let board = runtime.status().releases().context("the releases are not run")?;
        let (board, key) = (Arc::clone(board), ReleaseKey::new("default", RELEASE));
        Ok(Self { folder, old, new, runtime, board, key, around: AROUND.div_f64(speed) })
    }

    /// Plays it and returns what happened.
    pub(super) async fn play(self, story: Story, screen: &Screen) -> anyhow::Result<Tale> {
        let mut progress = screen.begin(&story);
        let address = self.runtime.proxy().http().context("the demo listens in plain text")?;
        let begun = Timestamp::now();
        let load = Load::start(address, story.groups);
        let streams = Streams::open(address, story.streams);
        sleep(self.around).await;
        progress.release(&story.release);
        self.apply(&story.release).await?;
        let course = self.follow(&story, &load, &streams, &mut progress).await;
        let offline = self.stop_offline(&course, &progress).await;
        let (failure, ended) = (load.counters().failure(), Timestamp::now());
        let stopped = offline.map(|offline| offline.at);
        let moments = Moments { begun, fault: course.fault, stopped, ended };
        let Course { view, events, closed, .. } = course;
        let streams: Ended = streams.read();
        let records = load.stop().await;
        progress.end();
        self.clear();
        Ok(Tale { story, records, failure, events, view, streams, closed, moments, offline })
    }

    /// Writes the Release, and waits until it is read.
    async fn apply(&self, release: &str) -> anyhow::Result<()> {
        let (status, started) = (self.runtime.status(), Instant::now());
        let before = status.generation();
        write(self.folder.path(), "release.yaml", release)?;
        while status.generation() == before {
            ensure!(started.elapsed() < READ, "the Release is not read: {:?}", status.broken());
            sleep(FRAME).await;
        }
        Ok(())
    }

    /// Watches until the release is over, or takes too long.
    async fn follow(
        &self,
        story: &Story,
        load: &Load,
        streams: &Streams,
        progress: &mut Progress<'_>,
    ) -> Course {
        let (mut course, started) = (Course::default(), Instant::now());
        while started.elapsed() < LONGEST && !course.is_over() {
            sleep(FRAME).await;
            let Some(view) = self.board.view(&self.key) else { continue };
            course.events = self.board.events(&self.key);
            progress.show(&view, &course.events, load.counters().read(), streams.read());
            course.look(view);
            if let Some(fault) = story.fault.filter(|_| course.is_time_for_fault()) {
                course.fault = Some(Timestamp::now());
                self.new.misbehave(fault);
                progress.note(&format!("from now on B' {}", fault.describe()));
            }
        }
        progress.leave(load.counters().read(), streams.read());
        course
    }

    /// Stops the version that is offline, as `weir serve --on-offline` lets a program of the user's do, and lets
    /// requests go on for a while.
    async fn stop_offline(&self, course: &Course, progress: &Progress<'_>) -> Option<Offline> {
        let phase = &course.view.as_ref()?.state.phase;
        let (version, origin) = match phase {
            Phase::Completed { .. } => (Version::Old, &self.old),
            Phase::RolledBack { .. } => (Version::New, &self.new),
            _ => return None,
        };
        let (at, connections) = (Timestamp::now(), origin.connections());
        origin.stop();
        progress.note(&format!(
            "{}: the {} version is offline, so the demo stops it",
            phase.as_str(),
            version.name()
        ));
        sleep(self.around).await;
        let gone = TcpStream::connect(origin.address()).await.is_err();
        Some(Offline { at, connections, gone })
    }

    fn clear(self) {
        self.old.stop();
        self.new.stop();
        drop(self.runtime.unfollow());
    }
}

// === impl Course ===

impl Course {
    fn look(&mut self, view: View) {
        match &view.state.phase {
            Phase::Offlining { offline } => self.closed = self.closed.max(offline.closed),
            Phase::Running { step } if step.index == 1 => {
                self.second_step.get_or_insert_with(Instant::now);
            }
            _ => {}
        }
        self.view = Some(view);
    }

    fn is_over(&self) -> bool {
        self.view.as_ref().is_some_and(|view| view.state.phase.is_over())
    }

    fn is_time_for_fault(&self) -> bool {
        self.fault.is_none() && self.second_step.is_some_and(|since| since.elapsed() >= HEALTHY)
    }
}

fn start(folder: &Path) -> anyhow::Result<Runtime> {
    let proxy = weir_proxy::Config {
        http: Some((Ipv4Addr::LOCALHOST, 0).into()),
        threads: (crate::cores() / 2).max(1),
        ..weir_proxy::Config::default()
    };
    let releases = releases::Config { state: Some(folder.join("state")), ..releases::Config::default() };
    Runtime::start(vec![folder.join("manifests")], Config::default(), proxy, releases, Arc::default())
}

/// Writes a manifest, at once as a whole.
fn write(folder: &Path, name: &str, yaml: &str) -> io::Result<()> {
    let draft = folder.join("draft");
    fs::write(&draft, yaml)?;
    fs::rename(draft, folder.join("manifests").join(name))
}
