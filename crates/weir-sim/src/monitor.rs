//! Looks for broken laws (design/release.md) in everything that is stored, done and sent.

mod stored;

use std::collections::BTreeMap;

use weir_model::Role;
use weir_release::{
    action::Action,
    state::{Division, OfflineStage, Phase, Routing},
};

use crate::world::World;

pub(crate) use self::stored::stored;

/// More writes to a workload than this are a quarrel.
const WRITES: u32 = 12;
/// The most reports of broken laws that are kept.
const KEPT: usize = 20;

/// What is known of a release so far, and which laws it broke.
#[derive(Clone, Debug, Default)]
pub struct Monitor {
    broken: Vec<String>,
    /// Every routing that was stored, by attempt and epoch, and when.
    pub(crate) routings: BTreeMap<(u64, u64), (u64, Routing)>,
    /// When the last of them was first obeyed by every proxy.
    pub(crate) in_force_at: Option<u64>,
    /// Somebody asked for what a bake would not have allowed yet.
    pub(crate) excused: bool,
    /// When everything was last stored to go back.
    pub(crate) went_back_at: Option<u64>,
    /// What proxies obeyed a second ago.
    obeyed: BTreeMap<String, (u64, Option<(u64, u64)>)>,
}

// === impl Monitor ===

impl Monitor {
    /// Which laws were broken, in sentences.
    pub fn broken(&self) -> &[String] {
        &self.broken
    }

    pub(crate) fn report(&mut self, now: u64, law: &str, what: &str) {
        if self.broken.len() < KEPT {
            self.broken.push(format!("second {now}: {law}: {what}"));
        }
    }

    /// The manifest or a person changed what steps are, so old credit says nothing.
    pub fn excuse(&mut self) {
        self.excused = true;
    }
}

/// Looks at a second that has passed.
pub(crate) fn look(world: &mut World) {
    obey(world);
    note_force(world);
    nobody_is_lost(world);
    go_back_soon(world);
    for role in Role::ALL {
        if world.cluster.of(role).writes > WRITES {
            let writes = world.cluster.of(role).writes;
            broken(world, "law 6", &format!("{role:?} was scaled {writes} times"));
        }
    }
}

fn broken(world: &mut World, law: &str, what: &str) {
    let now = world.now;
    world.monitor.report(now, law, what);
}

/// Law 5: proxies obey what was stored, and nothing older than before.
fn obey(world: &mut World) {
    let mut faults = Vec::new();
    for (name, proxy) in world.proxies.iter().filter(|(_, proxy)| proxy.up) {
        let epoch = proxy.epoch();
        let before = world.monitor.obeyed.get(name).filter(|(boot, _)| *boot == proxy.boot);
        let known = before.and_then(|(_, epoch)| *epoch);
        if epoch < known && !world.forgotten {
            faults.push(format!("{name} went from {known:?} back to {epoch:?}"));
        }
        let stored = epoch.and_then(|epoch| world.monitor.routings.get(&epoch));
        if proxy.routing.as_ref() != stored.map(|(_, routing)| routing) {
            faults.push(format!("{name} obeys {:?}, which was never stored", proxy.routing));
        }
        world.monitor.obeyed.insert(name.clone(), (proxy.boot, epoch));
    }
    for fault in faults {
        broken(world, "law 5", &fault);
    }
}

fn note_force(world: &mut World) {
    let Some(routing) = world.stored_routing() else { return };
    let wanted = Some((routing.attempt, routing.epoch));
    let serving = || world.proxies.values().filter(|proxy| proxy.up);
    let everywhere = serving().next().is_some() && serving().all(|proxy| proxy.epoch() >= wanted);
    if everywhere && world.monitor.in_force_at.is_none() {
        world.monitor.in_force_at = Some(world.now);
    }
}

/// No request goes to a version that was scaled down.
fn nobody_is_lost(world: &mut World) {
    for role in Role::ALL {
        let sent: u64 = world.proxies.values().map(|proxy| proxy.sent_now[role as usize]).sum();
        let deployment = world.cluster.of(role);
        if sent > 0 && deployment.ready == 0 && deployment.scaled_by_weir.is_some() {
            broken(
                world,
                "nobody is lost",
                &format!("{sent} requests went to {role:?}, which was scaled down"),
            );
        }
    }
}

/// Law 3: a second after going back was stored, no proxy that the network reaches sends anything to the new
/// version. Only asked where messages are not lost or late.
fn go_back_soon(world: &mut World) {
    let Some(at) = world.monitor.went_back_at else { return };
    if world.faults.network != crate::proxies::Network::default()
        || world.controller.is_none()
        || world.now <= at
    {
        return;
    }
    let now = world.now;
    let late = world.proxies.iter().find(|(_, proxy)| proxy.is_connected(now) && proxy.canary_weight() > 0);
    if let Some(name) = late.map(|(name, _)| name.clone()) {
        broken(world, "law 3", &format!("{name} still sends requests to the new version"));
    }
}

impl World {
    /// Law 1: what is done follows from what is stored.
    pub fn acts(&mut self, action: &Action) {
        follow(self, action);
    }
}

fn follow(world: &mut World, action: &Action) {
    let state = world.store.state();
    let follows = match action {
        Action::Scale { role, replicas } => {
            state.scaled.get(role).is_some_and(|scaled| scaled.to == *replicas)
        }
        Action::MarkRetired { role } => is_offline(&state.phase, *role),
        Action::Answer { id, .. } => state.last_action.as_ref().is_some_and(|acted| acted.id == *id),
        Action::Ask(_) => matches!(state.phase, Phase::Running { .. }),
        Action::LetGo { .. } | Action::Event(_) | Action::Forget => true,
    };
    if !follows {
        let what = format!("{action:?} does not follow from {:?}", state.phase);
        broken(world, "law 1", &what);
    }
}

fn is_offline(phase: &Phase, role: Role) -> bool {
    match phase {
        Phase::Completed { .. } => role == Role::Stable,
        Phase::RolledBack { .. } => role == Role::Canary,
        Phase::Offlining { offline } => offline.role == role && offline.state >= OfflineStage::ScaleDown,
        _ => false,
    }
}

/// How much of what is divided by weight goes to the new version; routes that name the old one send it nothing.
pub(crate) fn canary_weight(routing: Option<&Routing>) -> u16 {
    routing.map_or(0, |routing| routing.split.weight(Role::Canary).basis_points())
}

/// Which step requests are divided by.
pub(crate) fn step_of(routing: Option<&Routing>) -> Option<usize> {
    match routing?.split {
        Division::Step { step, .. } => Some(step),
        Division::All { .. } | Division::Only { .. } => None,
    }
}
