//! Every place a release can be at, and how to get there.

use weir_model::Role;
use weir_release::{
    spec::Step,
    state::{AbortStage, OfflineStage, Phase, State, StepStage},
    verb::Verb,
};

use crate::{specs, world::World};

/// How long it takes to get anywhere, in seconds.
const SOON: u64 = 600;

/// A place that a release can be at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It cannot begin.
    Pending,
    /// The new version is not ready.
    Preparing,
    /// A gate has not answered.
    Gate,
    /// Proxies do not have the weight yet.
    Routing,
    /// The new version bakes.
    Baking,
    /// Somebody has to approve.
    Approving,
    /// Somebody paused a bake.
    Held,
    /// The new version was replaced.
    Superseded,
    /// Proxies do not send everything to the new version yet.
    Promoting,
    /// A version goes offline.
    Offlining(Role, OfflineStage),
    /// It is over, and the new version serves.
    Completed,
    /// Everything goes back.
    Aborting(AbortStage),
    /// It is over, and the old version serves.
    RolledBack,
}

/// The stages of going offline.
const STAGES: [OfflineStage; 7] = [
    OfflineStage::Hold,
    OfflineStage::Detach,
    OfflineStage::InFlight,
    OfflineStage::LongLived,
    OfflineStage::VerifyZero,
    OfflineStage::ScaleDown,
    OfflineStage::LetGo,
];

// === impl Place ===

impl Place {
    /// All of them. A new version that goes back is not held ready: there is no such stage.
    pub fn all() -> Vec<Self> {
        let mut all = vec![
            Self::Pending,
            Self::Preparing,
            Self::Gate,
            Self::Routing,
            Self::Baking,
            Self::Approving,
            Self::Held,
            Self::Superseded,
            Self::Promoting,
            Self::Completed,
            Self::Aborting(AbortStage::Restoring),
            Self::Aborting(AbortStage::Routing),
            Self::Aborting(AbortStage::Keeping),
            Self::RolledBack,
        ];
        all.extend(STAGES.map(|stage| Self::Offlining(Role::Stable, stage)));
        all.extend(STAGES[1..].iter().map(|stage| Self::Offlining(Role::Canary, *stage)));
        all
    }

    /// A quiet world with a release at this place.
    ///
    /// # Panics
    /// When the release never gets there.
    pub fn reach(self, seed: u64) -> World {
        let mut world = World::new(specs::brisk_release(), 2, seed);
        self.prepare(&mut world);
        let there = world.until_stored(SOON, |state| self.is_at(state));
        assert!(
            there,
            "{self:?} is not reached, but {:?}; waiting for {}",
            world.state().phase,
            world.waiting_for
        );
        world.answer_what_is_stored();
        world
    }

    /// Makes the release go there.
    fn prepare(self, world: &mut World) {
        match self {
            Self::Pending => {
                world.routes.faults = vec!["Ingress shop is missing".into()];
                world.tick();
            }
            Self::Preparing => {
                world.cluster.of_mut(Role::Canary).start_up = 300;
                world.cluster.of_mut(Role::Canary).set(5);
            }
            Self::Gate => {
                world.gates_say_yes = false;
                ask_gate(&mut world.spec.steps[0]);
            }
            Self::Approving => world.spec.steps[0].approval = true,
            Self::Held => then(world, Self::Baking, Verb::Pause),
            Self::Superseded => {
                world.until_stored(SOON, |state| Self::Baking.is_at(state));
                world.cluster.of_mut(Role::Canary).replace(world.now);
            }
            Self::Aborting(AbortStage::Restoring) => then(world, Self::Completed, Verb::Undo),
            Self::Aborting(_) | Self::RolledBack | Self::Offlining(Role::Canary, _) => {
                then(world, Self::Baking, Verb::Abort);
            }
            Self::Routing
            | Self::Baking
            | Self::Promoting
            | Self::Completed
            | Self::Offlining(Role::Stable, _) => {}
        }
    }

    /// Whether a release is there.
    pub fn is_at(self, state: &State) -> bool {
        match (self, &state.phase) {
            (Self::Pending, Phase::Pending)
            | (Self::Superseded, Phase::Superseded)
            | (Self::Promoting, Phase::Promoting)
            | (Self::Completed, Phase::Completed { .. })
            | (Self::RolledBack, Phase::RolledBack { .. }) => true,
            (Self::Held, Phase::Running { .. }) => state.hold.is_some(),
            (Self::Offlining(role, wanted), Phase::Offlining { offline }) => {
                offline.role == role && offline.state == wanted
            }
            (Self::Aborting(wanted), Phase::Aborting { abort }) => abort.state == wanted,
            (place, Phase::Running { step }) => place.is_stage(&step.stage),
            _ => false,
        }
    }

    fn is_stage(self, stage: &StepStage) -> bool {
        match stage {
            StepStage::Preparing { .. } => matches!(self, Self::Preparing | Self::Gate),
            StepStage::Routing => self == Self::Routing,
            StepStage::Baking { .. } => self == Self::Baking,
            StepStage::Approving => self == Self::Approving,
        }
    }

    /// Whether everything goes back from there already.
    pub fn goes_back(self) -> bool {
        matches!(self, Self::Aborting(_) | Self::RolledBack | Self::Offlining(Role::Canary, _))
    }
}

/// Goes to a place first, and asks for something there.
fn then(world: &mut World, place: Place, verb: Verb) {
    world.until_stored(SOON, |state| place.is_at(state));
    world.ask(verb);
}

fn ask_gate(step: &mut Step) {
    step.gates.push(weir_release::spec::Gate {
        name: "smoke".into(),
        url: "http://smoke.shop/".into(),
        timeout: std::time::Duration::from_secs(10),
    });
}
