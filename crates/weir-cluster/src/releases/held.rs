//! A release in the leader's hands.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use weir_crd::Accepted;
use weir_release::{
    Keeper, Plan,
    observation::Observation,
    state::State,
    view::{Live, Meter},
};

use super::{
    conditions::{fault, told_fault},
    record::Record,
};
use crate::index::ReleaseView;

/// How long figures are taken over.
const FIGURES: Duration = Duration::from_secs(3);

/// A release in the leader's hands.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) keeper: Keeper,
    /// The version of the object that the next write is based on.
    pub(super) version: Arc<str>,
    /// What is stored under it.
    stored: State,
    /// Whether somebody else wrote, so that what is stored has to be seen first.
    waiting: bool,
    /// What the status says it waits for.
    words: String,
    /// What the status says of the manifest.
    told: Told,
    /// What became of its actions, and whether that is stored.
    record: Record,
    recorded: bool,
    /// When it was taken in hand.
    since: Instant,
    meter: Meter,
}

/// What a status says of the manifest.
#[derive(Debug, PartialEq)]
struct Told {
    /// Which generation of it was read last.
    generation: Option<i64>,
    /// The last spec that made sense.
    accepted: Option<Arc<Accepted>>,
    /// What is wrong with the present one.
    fault: String,
}

// === impl Told ===

impl Told {
    /// What it is to say.
    fn of(release: &ReleaseView) -> Self {
        Self {
            generation: release.known.metadata.generation,
            accepted: release.known.accepted.clone(),
            fault: fault(release),
        }
    }

    /// What it says.
    fn stored(release: &ReleaseView) -> Self {
        let status = &release.known.status;
        Self {
            generation: status.observed_generation,
            accepted: status.accepted().map(Arc::new),
            fault: told_fault(release),
        }
    }
}

// === impl Held ===

impl Held {
    /// Goes on from what is stored.
    pub(super) fn new(release: &ReleaseView) -> Self {
        Self {
            keeper: Keeper::new(release.known.state.clone()),
            version: Arc::clone(&release.version),
            stored: release.known.state.clone(),
            waiting: false,
            words: release.known.status.waiting_for.clone().unwrap_or_default(),
            told: Told::stored(release),
            record: Record::new(release.known.status.actions()),
            recorded: true,
            since: Instant::now(),
            meter: Meter::default(),
        }
    }

    /// Takes in what is stored after somebody else wrote: a change of the spec leaves the state as it was, and
    /// another leader's state counts.
    pub(super) fn see(&mut self, release: &ReleaseView) {
        if !self.waiting || release.version == self.version {
            return;
        }
        self.waiting = false;
        if release.known.state == self.stored {
            self.version = Arc::clone(&release.version);
        } else {
            *self = Self::new(release);
        }
    }

    /// A state was stored.
    pub(super) fn stored(&mut self, release: &ReleaseView, plan: &Plan, version: Arc<str>) {
        self.record = self.record_with(plan);
        self.recorded = true;
        self.stored = plan.next.clone();
        self.words.clone_from(&plan.report.waiting_for);
        self.told = Told::of(release);
        self.version = version;
    }

    /// Whether people have to be told what keeps it from beginning, or what became of a change of the manifest. Later
    /// on words are stored with the rest.
    pub(super) fn has_news(&self, release: &ReleaseView, plan: &Plan) -> bool {
        let waits = plan.next.attempt.is_none() && plan.report.waiting_for != self.words;
        waits || !self.recorded || self.told != Told::of(release)
    }

    /// What became of its actions.
    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    /// The same after a plan: whatever was asked for is recorded with the state that follows from it.
    pub(super) fn record_with(&self, plan: &Plan) -> Record {
        let acted = plan.next.last_action.as_ref();
        match acted.filter(|acted| Some(*acted) != self.stored.last_action.as_ref()) {
            Some(acted) => self.record.with(acted),
            None => self.record.clone(),
        }
    }

    /// An action is there that is recorded.
    pub(super) fn renew(&mut self, name: &str, uid: &str) {
        self.recorded &= !self.record.renew(name, uid);
    }

    /// Somebody else wrote.
    pub(super) fn overtaken(&mut self) {
        self.waiting = true;
    }

    /// Whether what is stored has to be seen first.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// Takes in what is seen, for figures.
    pub(super) fn measure(&mut self, seen: &Observation) {
        self.meter.measure(self.since.elapsed(), seen, self.keeper.state(), FIGURES);
    }

    /// What goes on right now.
    pub(super) fn live(&self) -> &Live {
        self.meter.live()
    }
}
