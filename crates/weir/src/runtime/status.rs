//! What there is to say about the source, for people and for readiness.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use weir_model::Finding;
use weir_proxy::{Phase, Proxy};

use crate::{releases::Board, source::Broken};

/// Shared between the thread that follows the files and those that are asked.
#[derive(Debug, Default)]
pub(crate) struct Status {
    state: Mutex<State>,
    proxy: OnceLock<Weak<Proxy>>,
    releases: OnceLock<Arc<Board>>,
}

#[derive(Clone, Debug, Default)]
struct State {
    /// How many sets of files have been in force.
    generation: u64,
    findings: Arc<[Finding]>,
    broken: Vec<Broken>,
}

// === impl Status ===

impl Status {
    /// A set of files is in force; there is this to say about it.
    pub(crate) fn in_force(&self, findings: Vec<Finding>) {
        let mut state = self.state();
        let generation = state.generation + 1;
        *state = State { generation, findings: findings.into(), broken: Vec::new() };
    }

    /// How many sets of files have been in force; also those that changed nothing of what is served count.
    pub(crate) fn generation(&self) -> u64 {
        self.state().generation
    }

    /// No file stands in the way any more, and none has changed. Returns whether that is news.
    pub(crate) fn readable(&self) -> bool {
        !std::mem::take(&mut self.state().broken).is_empty()
    }

    /// These files stand in the way of a change. Returns whether that is news.
    pub(crate) fn held_back(&self, broken: Vec<Broken>) -> bool {
        let mut state = self.state();
        let news = state.broken != broken;
        state.broken = broken;
        news
    }

    /// The data plane serves the first whole set.
    pub(crate) fn serving(&self, proxy: &Arc<Proxy>) {
        // A second call would be for the same proxy.
        let _ = self.proxy.set(Arc::downgrade(proxy));
    }

    /// Releases are run.
    pub(crate) fn releasing(&self, board: &Arc<Board>) {
        // A second call would be for the same ones.
        let _ = self.releases.set(Arc::clone(board));
    }

    /// What is shown of releases, once they are run.
    pub(crate) fn releases(&self) -> Option<&Arc<Board>> {
        self.releases.get()
    }

    /// Everything there is to say about the objects in force, and about files that cannot be read.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let State { findings, broken, .. } = self.state().clone();
        broken.iter().map(Broken::finding).chain(findings.iter().cloned()).collect()
    }

    /// The files that stand in the way of a change.
    pub(crate) fn broken(&self) -> Vec<Broken> {
        self.state().broken.clone()
    }

    /// The data plane, once it serves and until it has ended.
    pub(crate) fn proxy(&self) -> Option<Arc<Proxy>> {
        self.proxy.get()?.upgrade()
    }

    /// Whether new traffic should come.
    pub(crate) fn is_ready(&self) -> bool {
        self.proxy().is_some_and(|proxy| proxy.phase() == Phase::Serving)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
