//! Looks, decides, stores, acts.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::oneshot;
use weir_cluster::{Inquiries, about};
use weir_crd::Accepted;
use weir_model::{ReleaseKey, Role};
use weir_proxy::Proxy;
use weir_release::{
    Keeper,
    action::Action,
    spec::Spec,
    state::State,
    verb::Request,
    view::{Meter, View},
};
use weir_translate::Known;

use super::{Ask, Board, Hook, Store, Stored, observe::observe};
use crate::source::Source;

/// How long figures are taken over.
const FIGURES: Duration = Duration::from_secs(2);
/// Transitions of one release in one look. More would mean that it goes round in circles.
const AT_ONCE: usize = 16;

/// Everything that running releases takes.
pub(super) struct Desk {
    store: Store,
    hook: Option<Hook>,
    source: Arc<Mutex<Source>>,
    proxy: Arc<Proxy>,
    board: Arc<Board>,
    /// Tells this run of the data plane from others.
    boot: String,
    held: BTreeMap<ReleaseKey, Held>,
    inquiries: Inquiries,
}

/// A release in hand.
#[derive(Default)]
struct Held {
    keeper: Keeper,
    /// The last spec that made sense, as far as this run has stored it.
    accepted: Option<Arc<Accepted>>,
    requests: VecDeque<(Request, oneshot::Sender<Result<(), String>>)>,
    meter: Meter,
    waiting_for: String,
    /// The attempt and version that the hook was called for. A successor cannot know, and calls it again.
    hooked: Option<(u64, Role)>,
}

// === impl Desk ===

impl Desk {
    pub(super) fn new(
        store: Store,
        hook: Option<Hook>,
        source: Arc<Mutex<Source>>,
        proxy: Arc<Proxy>,
        board: Arc<Board>,
        inquiries: Inquiries,
    ) -> Self {
        let boot = format!("{:016x}", fastrand::u64(..));
        Self { store, hook, source, proxy, board, boot, held: BTreeMap::new(), inquiries }
    }

    /// Takes a request in.
    pub(super) fn ask(&mut self, ask: Ask) {
        let Ask::Request(key, request, answer) = ask else { return };
        match self.held.get_mut(&key) {
            Some(held) => held.requests.push_back((request, answer)),
            // Whoever asked may be gone.
            None => drop(answer.send(Err(format!("there is no release {key}")))),
        }
    }

    /// Looks at every release once.
    pub(super) fn look(&mut self) {
        let source = Arc::clone(&self.source);
        let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
        let known: Vec<ReleaseKey> = source.translator().releases().keys().cloned().collect();
        self.held.retain(|key, _| known.contains(key));
        for key in known {
            let found = source.translator().releases().get(&key).cloned();
            let Some(found) = found else { continue };
            self.held
                .entry(key.clone())
                .or_insert_with(|| Held { keeper: Keeper::new(found.state.clone()), ..Held::default() });
            match &found.spec {
                Some(spec) => self.run(&mut source, &key, spec, &found),
                // Nothing is laid over anything, so nothing is lost.
                None if source.is_leaving(&key) => self.forget(&mut source, &key),
                None => {}
            }
            self.show(&key, &found);
        }
    }

    fn run(&mut self, source: &mut Source, key: &ReleaseKey, spec: &Spec, found: &Known) {
        for _ in 0..AT_ONCE {
            if !self.step(source, key, spec, found) {
                return;
            }
        }
    }

    /// Decides once. Returns whether there may be more to decide.
    fn step(&mut self, source: &mut Source, key: &ReleaseKey, spec: &Spec, found: &Known) -> bool {
        let Some(held) = self.held.get_mut(key) else { return false };
        let state = held.keeper.state();
        let state_before = state.attempt.as_ref().map(|attempt| attempt.number);
        let mut seen = observe(source.translator(), &self.proxy, &self.boot, key, spec, state);
        self.inquiries.sample(key, spec);
        self.inquiries.fill(key, &mut seen);
        seen.deleting = source.is_leaving(key);
        seen.request = held.requests.front().map(|(request, _)| request.clone());
        let now = Timestamp::now();
        let next = held.keeper.next(spec, &seen, now);
        held.meter.measure(self.proxy.uptime(), &seen, held.keeper.state(), FIGURES);
        held.waiting_for.clone_from(&next.plan.report.waiting_for);
        let store = next.store || held.accepted != found.accepted;
        if store && let Err(error) = self.store.save(key, &stored(&next.plan.next, found)) {
            held.waiting_for = format!("its state to be stored, which fails: {error}");
            tracing::error!(release = %key, "its state cannot be stored, so it goes no further: {error}");
            return false;
        }
        held.keeper.adopt(next.plan.next.clone(), store, now);
        held.accepted.clone_from(&found.accepted);
        if store {
            source.set_release_state(key, next.plan.next.clone());
            self.proxy.apply(&source.translate());
        }
        let transition = next.plan.report.transition;
        if transition && is_another_attempt(state_before, &next.plan.next) {
            self.inquiries.forget(key);
        }
        for action in next.plan.actions {
            self.act(source, key, spec, action, now);
        }
        transition
    }

    fn act(&mut self, source: &mut Source, key: &ReleaseKey, spec: &Spec, action: Action, now: Timestamp) {
        match action {
            Action::Event(event) => self.board.tell(key, event, now),
            Action::Answer { id, refused } => self.answer(key, &id, refused),
            Action::Forget => self.forget(source, key),
            // There are no workloads here.
            Action::Scale { .. } | Action::MarkRetired { .. } => {}
            Action::LetGo { role } => self.call_hook(key, spec, role),
            Action::Ask(gate) => self.inquiries.gate(key, &gate, about(key, &gate.name)),
        }
    }

    fn forget(&mut self, source: &mut Source, key: &ReleaseKey) {
        if let Err(error) = self.store.remove(key) {
            tracing::error!(release = %key, "its state cannot be removed: {error}");
        }
        source.forget_release(key);
        self.proxy.apply(&source.translate());
        self.held.remove(key);
        self.board.forget(key);
    }

    /// A version is offline: whoever runs it may end it. Until that is stored as over, every run of Weir says so.
    fn call_hook(&mut self, key: &ReleaseKey, spec: &Spec, role: Role) {
        let (Some(hook), Some(held)) = (&self.hook, self.held.get_mut(key)) else { return };
        let attempt = held.keeper.state().attempt.as_ref().map_or(1, |attempt| attempt.number);
        let call = (attempt, role);
        if held.hooked.replace(call) != Some(call) {
            hook.offline(key, spec, role);
        }
    }

    fn answer(&mut self, key: &ReleaseKey, id: &str, refused: Option<String>) {
        let Some(held) = self.held.get_mut(key) else { return };
        let Some((_, answer)) = held.requests.pop_front_if(|(request, _)| request.id == id) else { return };
        // Whoever asked may be gone.
        let _ = answer.send(refused.map_or(Ok(()), Err));
    }

    fn show(&self, key: &ReleaseKey, found: &Known) {
        let (Some(held), Some(spec)) = (self.held.get(key), &found.spec) else { return };
        let mut view = View::new(key, spec, held.keeper.state(), &held.waiting_for);
        view.live = Some(held.meter.live().clone());
        view.refusals = found.refusals.iter().map(ToString::to_string).collect();
        self.board.show(key, view);
    }
}

/// What is stored of a release.
fn stored(state: &State, found: &Known) -> Stored {
    let accepted = found.accepted.as_deref().cloned();
    Stored { state: state.clone(), accepted, order: found.age.1 }
}

/// Gates say yes to one attempt.
fn is_another_attempt(before: Option<u64>, state: &State) -> bool {
    state.attempt.as_ref().map(|attempt| attempt.number) != before
}
