//! Releases, run by the leader.
//!
//! ```text
//!  View (index) ─┐
//!  proxies' pods ─┤                                    ┌─► status of the Release ─► every controller's index ─► proxies
//!  members (hub) ─┼─► Observation ─► Keeper::next ─────┤
//!  workloads ─────┤   (weir-release)                   └─► then: scale, events, answers
//!  ReleaseAction ─┘
//! ```
//! The status is written before anything follows from it, under the version that was read: whoever leads no longer
//! cannot overwrite what the next one decided.

mod actions;
mod asked;
mod conditions;
mod fleet;
mod held;
mod record;
mod store;
mod workloads;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use kube::Client;
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval},
};
use weir_fleet::Hub;
use weir_model::ReleaseKey;
use weir_release::{
    Plan, Report,
    action::Action,
    observation::{Observation, Version},
    spec::Spec,
};

use self::{actions::Hands, asked::Asked, fleet::Fleet, held::Held, store::Stored, workloads::Workloads};
use crate::{
    index::{ReleaseView, View},
    inquiries::{Inquiries, about},
};

/// How often releases are looked at when nothing is heard.
const LOOK: Duration = Duration::from_millis(500);
/// Transitions of one release in one look. More would mean that it goes round in circles.
const AT_ONCE: usize = 16;

/// What the leader runs releases with.
#[derive(Clone)]
pub(crate) struct Tools {
    pub(crate) client: Client,
    pub(crate) hub: Arc<Hub>,
    pub(crate) view: watch::Receiver<Arc<View>>,
    /// Namespace and name of the proxies' service account.
    pub(crate) proxies: (String, String),
    /// The pod's name.
    pub(crate) identity: String,
}

/// Runs releases until it is dropped.
pub(crate) async fn run(tools: Tools) {
    let (heard, mut asks) = mpsc::unbounded_channel();
    let mut desk = match Desk::new(tools.clone()) {
        Ok(desk) => desk,
        Err(error) => return tracing::error!("releases cannot be run: {error:#}"),
    };
    let mut view = tools.view.clone();
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let watching = asked::follow(tools.client.clone(), heard);
    let looking = async {
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                changed = view.changed() => if changed.is_err() { return },
                Some(change) = asks.recv() => desk.asked.take(change),
            }
            desk.look().await;
        }
    };
    tokio::join!(watching, looking);
}

/// Everything that running releases takes.
struct Desk {
    tools: Tools,
    hands: Hands,
    fleet: Fleet,
    workloads: Workloads,
    asked: Asked,
    inquiries: Inquiries,
    held: BTreeMap<ReleaseKey, Held>,
}

// === impl Desk ===

impl Desk {
    fn new(tools: Tools) -> anyhow::Result<Self> {
        Ok(Self {
            hands: Hands::new(tools.client.clone(), &tools.identity),
            fleet: Fleet::new(&tools),
            workloads: Workloads::new(tools.client.clone()),
            asked: Asked::default(),
            held: BTreeMap::new(),
            inquiries: Inquiries::new(Handle::current())?,
            tools,
        })
    }

    async fn look(&mut self) {
        let view = Arc::clone(&self.tools.view.borrow());
        self.held.retain(|key, _| view.releases.contains_key(key));
        if !view.releases.is_empty() {
            self.fleet.look().await;
        }
        for (key, release) in &view.releases {
            // What cannot be read must not be written over.
            if release.overlaid.foreign || release.known.lost {
                self.held.remove(key);
                continue;
            }
            self.held.entry(key.clone()).or_insert_with(|| Held::new(release)).see(release);
            self.answer_again(key, release).await;
            let Some(spec) = &release.known.spec else {
                if release.known.metadata.deletion_timestamp.is_some() {
                    // Nothing is laid over anything, so nothing is lost.
                    self.hands.forget(key, release).await;
                } else {
                    self.say_why_not(key, release).await;
                }
                continue;
            };
            for _ in 0..AT_ONCE {
                if !self.step(key, spec, release).await {
                    break;
                }
            }
        }
        self.refuse_orphans(&view).await;
        // Whatever has an answer is recorded: the record is stored before the answer.
        for id in self.asked.surplus() {
            self.hands.remove(&id).await;
        }
    }

    /// Writes into the status what is wrong with a manifest of which nothing can be done.
    async fn say_why_not(&mut self, key: &ReleaseKey, release: &ReleaseView) {
        let Some(held) = self.held.get_mut(key) else { return };
        let waiting_for = "a manifest that makes sense".to_owned();
        let report = Report { waiting_for, transition: false };
        let plan = Plan { next: held.keeper.state().clone(), actions: Vec::new(), report };
        if !held.has_news(release, &plan) {
            return;
        }
        match store::store(&self.tools.client, key, release, held, &plan).await {
            Ok(Stored::Done(version)) => held.stored(release, &plan, version),
            Ok(Stored::Overtaken) => held.overtaken(),
            Err(error) => tracing::warn!(release = %key, "its status cannot be written: {error}"),
        }
    }

    /// Answers what was looked at already: the answer was lost, or the object was made again.
    async fn answer_again(&mut self, key: &ReleaseKey, release: &ReleaseView) {
        let Some(held) = self.held.get_mut(key) else { return };
        for (id, answer) in self.asked.repeated(key, held.record()) {
            if let Some((_, name, uid)) = record::parts(&id) {
                held.renew(name, uid);
            }
            let arrived = self.hands.answer(&id, Some((key, release)), answer.err()).await;
            self.asked.answered(&id, arrived);
        }
    }

    /// Answers what was asked of a release that is not there.
    async fn refuse_orphans(&mut self, view: &View) {
        for (id, wrong) in self.asked.orphans(&view.releases) {
            let arrived = self.hands.answer(&id, None, Some(wrong)).await;
            self.asked.answered(&id, arrived);
        }
    }

    /// Decides once. Returns whether there may be more to decide.
    async fn step(&mut self, key: &ReleaseKey, spec: &Spec, release: &ReleaseView) -> bool {
        let seen = self.observe(key, spec, release).await;
        let Some(held) = self.held.get_mut(key) else { return false };
        let now = Timestamp::now();
        let before = held.keeper.state().attempt.as_ref().map(|attempt| attempt.number);
        let next = held.keeper.next(spec, &seen, now);
        held.measure(&seen);
        if next.store || held.has_news(release, &next.plan) {
            match store::store(&self.tools.client, key, release, held, &next.plan).await {
                Ok(Stored::Done(version)) => held.stored(release, &next.plan, version),
                Ok(Stored::Overtaken) => {
                    held.overtaken();
                    return false;
                }
                Err(error) => {
                    tracing::warn!(release = %key, "its status cannot be written, so it goes no further: {error}");
                    return false;
                }
            }
        }
        held.keeper.adopt(next.plan.next.clone(), next.store, now);
        let number = next.plan.next.attempt.as_ref().map(|attempt| attempt.number);
        if number != before {
            self.inquiries.forget(key);
        }
        for action in next.plan.actions {
            self.act(key, spec, release, action).await;
        }
        next.plan.report.transition
    }

    async fn act(&mut self, key: &ReleaseKey, spec: &Spec, release: &ReleaseView, action: Action) {
        match action {
            Action::Ask(gate) => self.inquiries.gate(key, &gate, about(key, &gate.name)),
            Action::Answer { id, refused } => {
                let arrived = self.hands.answer(&id, Some((key, release)), refused).await;
                self.asked.answered(&id, arrived);
            }
            Action::Event(event) => self.hands.tell(key, release, event).await,
            Action::Scale { role, replicas } => {
                self.hands.scale(key, spec.version(role), replicas).await;
                self.workloads.look_again(key);
            }
            Action::LetGo { role } => self.hands.let_go(key, spec.version(role)).await,
            Action::MarkRetired { role } => self.hands.retire(key, spec.version(role)).await,
            Action::Forget => self.hands.forget(key, release).await,
        }
    }

    async fn observe(&mut self, key: &ReleaseKey, spec: &Spec, release: &ReleaseView) -> Observation {
        let attempt = self.held.get(key).and_then(|held| held.keeper.state().attempt.as_ref());
        let attempt = attempt.map_or(1, |attempt| attempt.number);
        let over = self.held.get(key).is_some_and(|held| held.keeper.state().phase.is_over());
        let (stable, canary) = self.workloads.look(key, spec, over).await;
        let version = |(service, ready): (bool, usize), workload| Version { service, ready, workload };
        let mut seen = Observation {
            routes: release.overlaid.clone().routes(release.in_the_way.as_ref()),
            stable: version(release.stable, stable),
            canary: version(release.canary, canary),
            proxies: self.fleet.proxies(key, spec, attempt),
            request: self.asked.first(key),
            deleting: release.known.metadata.deletion_timestamp.is_some(),
            ..Observation::default()
        };
        self.inquiries.sample(key, spec);
        self.inquiries.fill(key, &mut seen);
        seen
    }
}

#[cfg(test)]
mod tests;
