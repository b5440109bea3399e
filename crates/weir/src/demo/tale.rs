//! What happened, as it was recorded.

use jiff::Timestamp;
use weir_release::{
    state::{Failure, Phase},
    view::View,
};

use super::{record::Record, story::Story, streams::Ended};
use crate::releases::Told;

/// What happened in a story.
#[derive(Debug)]
pub(super) struct Tale {
    pub(super) story: Story,
    /// Every request. Those of one client are in their order.
    pub(super) records: Vec<Record>,
    /// Why the first request failed.
    pub(super) failure: Option<String>,
    /// What the release said.
    pub(super) events: Vec<Told>,
    /// The release as it was shown last.
    pub(super) view: Option<View>,
    pub(super) streams: Ended,
    /// How many WebSockets and streams the release says it has ended.
    pub(super) closed: u64,
    pub(super) moments: Moments,
    /// What was found where the version is that went offline, if one did.
    pub(super) offline: Option<Offline>,
}

/// A version that is offline.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offline {
    /// When it was stopped.
    pub(super) at: Timestamp,
    /// How many connections it had open then.
    pub(super) connections: usize,
    /// Whether nobody listens there any more.
    pub(super) gone: bool,
}

/// What was done, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    /// The first request.
    pub(super) begun: Timestamp,
    /// The new version began to misbehave.
    pub(super) fault: Option<Timestamp>,
    /// The release was over, and the version that it took offline was stopped.
    pub(super) stopped: Option<Timestamp>,
    /// The last request.
    pub(super) ended: Timestamp,
}

// === impl Tale ===

impl Tale {
    /// Where the release stands in the end.
    pub(super) fn phase(&self) -> &'static str {
        self.view.as_ref().map_or("Pending", |view| view.state.phase.as_str())
    }

    pub(super) fn is_completed(&self) -> bool {
        matches!(self.view.as_ref().map(|view| &view.state.phase), Some(Phase::Completed { .. }))
    }

    pub(super) fn is_rolled_back(&self) -> bool {
        matches!(self.view.as_ref().map(|view| &view.state.phase), Some(Phase::RolledBack { .. }))
    }

    /// Why it went back, if it did.
    pub(super) fn rollback(&self) -> Option<&Failure> {
        self.view.as_ref()?.state.failure.as_ref()
    }

    /// When the release said this for the first time.
    pub(super) fn told(&self, reason: &str) -> Option<Timestamp> {
        self.events.iter().find(|told| told.reason == reason).map(|told| told.at)
    }
}
