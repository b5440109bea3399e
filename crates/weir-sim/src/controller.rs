//! Who runs a release: observe, plan, store, act. It can die between any two of these.

use weir_release::{
    Keeper,
    action::Action,
    state::{OfflineStage, Phase, State, StepStage},
};

use crate::{monitor, world::World};

/// What is wrong with a controller, or with proxies: laws must notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    #[default]
    None,
    /// It tells proxies before it has stored what.
    TellsFirst,
    /// It credits time that has not passed.
    InventsTime,
    /// It goes back, but sends some requests to the new version for a while.
    AbortsLater,
    /// It takes silent proxies for proxies that obey.
    TrustsTheSilent,
    /// Proxies forget what they were told when they hear nothing.
    ProxiesForget,
    /// It scales again, however often somebody undoes it.
    NeverGivesUp,
    /// A new revision gets what the one before had.
    MixesRevisions,
    /// It lets itself be deleted, whatever routes say.
    DeletesBlindly,
    /// It skips a step.
    SkipsSteps,
}

/// Who runs a release.
#[derive(Clone, Debug)]
pub struct Controller {
    keeper: Keeper,
}

// === impl Controller ===

impl Controller {
    /// Goes on from what is stored.
    pub fn new(stored: State) -> Self {
        Self { keeper: Keeper::new(stored) }
    }
}

// === impl World ===

impl World {
    /// One plan, stored and followed; whether more may follow at once.
    pub fn round(&mut self) -> bool {
        let Some(controller) = self.controller.clone() else { return false };
        let attempt = controller.keeper.state().attempt.as_ref().map_or(1, |attempt| attempt.number);
        let mut seen = self.observe(attempt);
        if self.flaw == Flaw::TrustsTheSilent {
            seen.proxies.retain(|_, proxy| proxy.is_some());
        }
        if self.flaw == Flaw::DeletesBlindly {
            seen.routes.named.clear();
        }
        let now = self.clock();
        let next = controller.keeper.next(&self.spec, &seen, now);
        let (plan, store) = (next.plan, next.store);
        let state = self.flaw.spoil(self.state(), plan.next);
        self.waiting_for = plan.report.waiting_for;
        if self.flaw == Flaw::TellsFirst {
            self.proxies.values_mut().for_each(|proxy| proxy.routing.clone_from(&state.routing));
        }
        if store && !self.keep(&state) {
            return false;
        }
        if let Some(controller) = &mut self.controller {
            controller.keeper.adopt(state, store, now);
        }
        self.act_on(&plan.actions) && plan.report.transition
    }

    /// Stores; whether the controller goes on.
    fn keep(&mut self, state: &State) -> bool {
        if !self.survives() || self.chance.happens(self.faults.refuse) {
            return false;
        }
        let before = self.store.load();
        self.store.put(state);
        monitor::stored(self, &before);
        self.survives()
    }

    /// Does everything; whether the controller goes on.
    fn act_on(&mut self, actions: &[Action]) -> bool {
        actions.iter().all(|action| {
            self.acts(action);
            (0..self.times).for_each(|_| self.act(action));
            self.survives()
        })
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Scale { role, replicas } => self.cluster.of_mut(*role).scale(*replicas),
            Action::LetGo { role } => self.cluster.of_mut(*role).owned = false,
            Action::Event(_) => {}
            Action::MarkRetired { role } => self.cluster.of_mut(*role).retired = true,
            Action::Ask(gate) => {
                let due = self.now + 2;
                self.asked.entry(gate.name.to_string()).or_insert(due);
            }
            Action::Answer { id, refused } => self.answered(id, refused.clone()),
            Action::Forget => {
                self.forgotten = true;
                self.controller = None;
            }
        }
    }
}

// === impl Flaw ===

impl Flaw {
    /// What a controller with this flaw stores.
    fn spoil(self, before: &State, mut next: State) -> State {
        match (self, &mut next.phase) {
            (Self::InventsTime, Phase::Running { step }) => {
                if let StepStage::Baking { bake } = &mut step.stage {
                    bake.credited += std::time::Duration::from_secs(1);
                }
            }
            (Self::SkipsSteps, Phase::Running { step })
                if step.index == 1 && matches!(step.stage, StepStage::Preparing { .. }) =>
            {
                step.index = 2;
                step.name = "10000 bp".into();
            }
            (Self::AbortsLater, Phase::Aborting { .. }) => next.routing.clone_from(&before.routing),
            (Self::NeverGivesUp, Phase::Offlining { offline })
                if offline.state >= OfflineStage::ScaleDown =>
            {
                (offline.state, offline.contested) = (OfflineStage::ScaleDown, false);
                next.scaled.values_mut().for_each(|scaled| scaled.writes = 0);
            }
            (Self::MixesRevisions, Phase::Superseded) => {
                // The counters of attempts go up, and nothing goes to nothing.
                next.routing.clone_from(&before.routing);
                if let (Some(attempt), Some(routing)) = (&mut next.attempt, &mut next.routing) {
                    attempt.number += 1;
                    attempt.canary = None;
                    routing.attempt = attempt.number;
                    routing.epoch += 1;
                }
                next.phase = Phase::Pending;
            }
            _ => {}
        }
        next
    }
}
