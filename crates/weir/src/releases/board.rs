//! What is shown of releases, and the way in for requests.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError, mpsc::Sender},
};

use serde::Serialize;
use tokio::sync::oneshot;
use weir_model::ReleaseKey;
use weir_release::{action::Event, verb::Request, view::View};

/// Events of a release that are kept.
const EVENTS: usize = 200;

/// Somebody asks for something.
#[derive(Debug)]
pub(crate) enum Ask {
    /// Of a release; the answer says why it is refused, if it is.
    Request(ReleaseKey, Request, oneshot::Sender<Result<(), String>>),
    /// The thread is to end.
    Stop,
}

/// Something that happened to a release.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Told {
    /// When.
    pub(crate) at: jiff::Timestamp,
    /// Whether somebody should look.
    pub(crate) warning: bool,
    /// One word.
    pub(crate) reason: &'static str,
    /// A sentence.
    pub(crate) message: String,
}

/// What is shown of releases.
#[derive(Debug)]
pub(crate) struct Board {
    asks: Mutex<Sender<Ask>>,
    shown: Mutex<BTreeMap<ReleaseKey, Shown>>,
}

#[derive(Debug, Default)]
struct Shown {
    view: Option<View>,
    events: VecDeque<Told>,
}

// === impl Board ===

impl Board {
    pub(crate) fn new(asks: Sender<Ask>) -> Self {
        Self { asks: Mutex::new(asks), shown: Mutex::default() }
    }

    /// Asks for something. The answer comes once it is stored.
    pub(crate) fn ask(&self, key: ReleaseKey, request: Request) -> oneshot::Receiver<Result<(), String>> {
        let (answer, answered) = oneshot::channel();
        let asks = self.asks.lock().unwrap_or_else(PoisonError::into_inner);
        // Where the thread has ended, the answer never comes, and its sender is gone.
        let _ = asks.send(Ask::Request(key, request, answer));
        answered
    }

    /// All releases.
    pub(crate) fn views(&self) -> Vec<View> {
        self.shown().values().filter_map(|shown| shown.view.clone()).collect()
    }

    /// One release.
    pub(crate) fn view(&self, key: &ReleaseKey) -> Option<View> {
        self.shown().get(key)?.view.clone()
    }

    /// What happened to a release, the latest last.
    pub(crate) fn events(&self, key: &ReleaseKey) -> Vec<Told> {
        self.shown().get(key).map(|shown| shown.events.iter().cloned().collect()).unwrap_or_default()
    }

    pub(super) fn show(&self, key: &ReleaseKey, view: View) {
        self.shown().entry(key.clone()).or_default().view = Some(view);
    }

    pub(super) fn forget(&self, key: &ReleaseKey) {
        self.shown().remove(key);
    }

    pub(super) fn tell(&self, key: &ReleaseKey, event: Event, at: jiff::Timestamp) {
        let Event { warning, reason, message } = event;
        if warning {
            tracing::warn!(release = %key, reason, "{message}");
        } else {
            tracing::info!(release = %key, reason, "{message}");
        }
        let mut shown = self.shown();
        let events = &mut shown.entry(key.clone()).or_default().events;
        events.push_back(Told { at, warning, reason, message });
        if events.len() > EVENTS {
            events.pop_front();
        }
    }

    fn shown(&self) -> MutexGuard<'_, BTreeMap<ReleaseKey, Shown>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
