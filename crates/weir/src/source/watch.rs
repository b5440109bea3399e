//! Waits until files may have changed.
//!
//! Events only say *when* to look; what has changed is found by looking. So a lost event costs time and
//! never correctness: besides events, every error of the watcher and a slow heartbeat lead to a look.

mod heard;
mod targets;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    time::{Duration, Instant},
};

use notify::{RecommendedWatcher, Watcher as _};

use heard::{Heard, Writers};
use targets::Targets;

/// Changes that come closer together than this are one.
const QUIET: Duration = Duration::from_millis(10);
/// Changes that never pause are looked at this often nevertheless.
const IMPATIENCE: Duration = Duration::from_millis(500);
/// A file that stays open for writing is looked at after this time nevertheless.
const UNFINISHED: Duration = Duration::from_secs(10);
/// How often to look when nothing is heard: network file systems tell nothing.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// The same where events cannot be had at all.
const POLL: Duration = Duration::from_secs(1);

/// Why the wait is over.
#[derive(Debug)]
enum Signal {
    Heard(Heard),
    Stop,
}

/// Ends the wait of a [`Watch`] for good.
#[derive(Clone, Debug)]
pub(crate) struct Stop(Sender<Signal>);

/// Watches the files below some roots.
#[derive(Debug)]
pub(crate) struct Watch {
    roots: Vec<PathBuf>,
    targets: Arc<Targets>,
    watcher: Option<RecommendedWatcher>,
    sender: Sender<Signal>,
    signals: Receiver<Signal>,
}

// === impl Stop ===

impl Stop {
    pub(crate) fn stop(&self) {
        // An error means that nobody waits any more.
        let _ = self.0.send(Signal::Stop);
    }
}

// === impl Watch ===

impl Watch {
    /// Watches from now on.
    pub(crate) fn new(roots: Vec<PathBuf>) -> Self {
        let (sender, signals) = mpsc::channel();
        let mut watch = Self { roots, targets: Arc::default(), watcher: None, sender, signals };
        watch.arm();
        watch
    }

    /// What ends the wait.
    pub(crate) fn stop(&self) -> Stop {
        Stop(self.sender.clone())
    }

    /// Returns `true` when it is time to look, and `false` when nobody wants to look any more.
    pub(crate) fn wait(&mut self, unsettled: bool) -> bool {
        let patience = match &self.watcher {
            _ if unsettled => QUIET,
            Some(_) => HEARTBEAT,
            None => POLL,
        };
        let stopped = match self.signals.recv_timeout(patience) {
            Ok(Signal::Heard(first)) => self.settle(first),
            Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => true,
            Err(RecvTimeoutError::Timeout) => false,
        };
        self.arm();
        !stopped
    }

    /// Waits until changes pause and nobody is in the middle of writing a file: half of one may well be a
    /// valid manifest, with half of the objects. Returns whether to stop instead.
    fn settle(&self, first: Heard) -> bool {
        let since = Instant::now();
        let mut writers = Writers::default();
        writers.take(first);
        while since.elapsed() < if writers.is_empty() { IMPATIENCE } else { UNFINISHED } {
            match self.signals.recv_timeout(QUIET) {
                Ok(Signal::Heard(heard)) => writers.take(heard),
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return true,
                Err(RecvTimeoutError::Timeout) if writers.is_empty() => return false,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        false
    }

    /// Watches what there is now: a folder that was replaced is another folder.
    fn arm(&mut self) {
        let targets = Arc::new(Targets::of(&self.roots));
        if self.watcher.is_some() && targets == self.targets {
            return;
        }
        let (sender, wanted) = (self.sender.clone(), Arc::clone(&targets));
        let armed = notify::recommended_watcher(move |event| hear(&sender, &wanted, event)).and_then(
            |mut watcher| {
                targets.iter().try_for_each(|(path, mode)| watcher.watch(path, mode))?;
                Ok(watcher)
            },
        );
        if let (Err(error), false) = (&armed, self.targets == targets) {
            tracing::warn!(%error, "the manifests cannot be watched; they are looked at every second instead");
        }
        (self.targets, self.watcher) = (targets, armed.ok());
    }
}

/// Passes on what may be a change.
fn hear(sender: &Sender<Signal>, wanted: &Targets, event: notify::Result<notify::Event>) {
    let elsewhere = |event: &notify::Event| {
        !event.paths.is_empty() && !event.paths.iter().any(|path| wanted.concern(path))
    };
    if event.as_ref().is_ok_and(elsewhere) {
        return;
    }
    if let Some(heard) = Heard::of(event) {
        // An error means that nobody waits any more.
        let _ = sender.send(Signal::Heard(heard));
    }
}
