//! Progress: a live line on a terminal, plain lines everywhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use weir_model::Role;
use weir_release::{
    state::{AbortStage, Phase},
    view::View,
};

use super::{record::Reading, story::Story, streams::Ended, table::as_f64};
use crate::{output, releases::Told};

/// Where progress is shown.
#[derive(Debug)]
pub(super) struct Screen {
    /// Lines go to standard error, because standard output is for the result.
    quiet: bool,
}

/// Follows one story.
#[derive(Debug)]
pub(super) struct Progress<'s> {
    screen: &'s Screen,
    live: ProgressBar,
    started: Instant,
    /// What goes on now, with what it waited for at first.
    stage: Option<Stage>,
    /// Events that were looked at.
    told: usize,
}

#[derive(Clone, Debug)]
struct Stage {
    title: String,
    weight: String,
    waiting_for: String,
    since: Instant,
    before: Reading,
}

// === impl Screen ===

impl Screen {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// Begins a story.
    pub(super) fn begin(&self, story: &Story) -> Progress<'_> {
        let live = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            live.set_style(style);
        }
        let progress = Progress { screen: self, live, started: Instant::now(), stage: None, told: 0 };
        progress.line(&format!("\nScenario {}: {}", story.number, story.title));
        progress
    }

    fn line(&self, line: &str) {
        if self.quiet {
            output::note(line);
        } else {
            // Who cannot read the progress can still be told the result.
            let _ = output::print(&format!("{line}\n"));
        }
    }
}

// === impl Progress ===

impl Progress<'_> {
    pub(super) fn line(&self, line: &str) {
        self.live.suspend(|| self.screen.line(line));
    }

    /// The manifest, and the head of what comes.
    pub(super) fn release(&self, manifest: &str) {
        self.line("\n  release.yaml, the only thing that changes:\n");
        manifest.lines().for_each(|line| self.line(&format!("  {line}")));
        self.line("\n    time  doing                   to new  old/s  new/s  failed  streams  waits for");
    }

    /// Something that was done by the demo itself.
    pub(super) fn note(&self, note: &str) {
        self.line(&format!("{}  >> {note}", self.time()));
    }

    /// Shows where the release stands.
    pub(super) fn show(&mut self, view: &View, events: &[Told], reading: Reading, streams: Ended) {
        let title = title(&view.state.phase);
        if view.state.phase.is_over() {
            self.leave(reading, streams);
        } else if self.stage.as_ref().is_none_or(|stage| stage.title != title) {
            self.leave(reading, streams);
            self.stage = Some(Stage {
                title,
                weight: String::new(),
                waiting_for: String::new(),
                since: Instant::now(),
                before: reading,
            });
        }
        if let Some(stage) = &mut self.stage {
            stage.weight.clone_from(&view.weight);
            if stage.waiting_for.is_empty() {
                stage.waiting_for.clone_from(&view.waiting_for);
            }
            let live = Stage { waiting_for: view.waiting_for.clone(), ..stage.clone() };
            self.live.set_message(self.describe(&live, reading, streams));
        }
        for told in events.iter().skip(self.told).filter(|told| told.warning) {
            self.line(&format!("{}  !! {}", self.time(), told.message));
        }
        self.told = events.len();
    }

    /// Leaves the last figures of a stage as a plain line.
    pub(super) fn leave(&mut self, reading: Reading, streams: Ended) {
        if let Some(stage) = self.stage.take() {
            self.line(&self.describe(&stage, reading, streams));
        }
    }

    pub(super) fn end(self) {
        self.live.finish_and_clear();
    }

    fn time(&self) -> String {
        format!("{:>7.1}s", self.started.elapsed().as_secs_f64())
    }

    fn describe(&self, stage: &Stage, reading: Reading, streams: Ended) -> String {
        let (now, took) = (reading.since(stage.before), stage.since.elapsed());
        format!(
            "{}  {:<23} {:>6} {:>6.0} {:>6.0} {:>7} {:>8}  {}",
            self.time(),
            stage.title,
            stage.weight,
            rate(now.old, took),
            rate(now.new, took),
            reading.failed,
            streams.open,
            stage.waiting_for,
        )
    }
}

fn rate(count: u64, took: Duration) -> f64 {
    as_f64(count) / took.as_secs_f64().max(0.001)
}

/// What a release does, in a few words.
fn title(phase: &Phase) -> String {
    match phase {
        Phase::Running { step } => format!("step {}", step.name),
        Phase::Promoting => "promoting".into(),
        Phase::Offlining { offline } => {
            let version = if offline.role == Role::Stable { "old" } else { "new" };
            format!("{version} offline: {:?}", offline.state)
        }
        Phase::Aborting { abort } if abort.state == AbortStage::Keeping => "rolled back".into(),
        Phase::Aborting { .. } => "rolling back".into(),
        phase => phase.as_str().to_owned(),
    }
}
