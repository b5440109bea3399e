//! Worlds in which everything goes wrong by chance, each known by its seed.

use weir_model::Role;

use crate::{
    chance::Chance,
    cluster::Foreign,
    proxies::{Load, Network},
    specs,
    world::{Faults, World},
};

/// How long a history may take until its release is over: what is only slowed down ends long before.
pub const LONG: u64 = 6_000;

/// One to four proxies, a network that loses and delays, proxies and controllers that die, clocks that jump.
pub fn rough(seed: u64) -> World {
    let mut chance = Chance::new(seed ^ 0x5eed);
    let proxies = 1 + usize::try_from(chance.below(4)).unwrap_or(0);
    let mut world = World::new(specs::brisk_release(), proxies, seed);
    let mut sometimes = |most: f64| if chance.happens(0.7) { most * chance.share() } else { 0.0 };
    world.faults = Faults {
        kill: sometimes(0.3),
        refuse: sometimes(0.2),
        network: Network { loss: sometimes(0.4), delay: 0 },
        cut: sometimes(0.01),
        crash: sometimes(0.01),
        clock: sometimes(0.01),
    };
    world.faults.network.delay = chance.below(5);
    let base = if chance.happens(0.5) { 0.002 } else { 0.0 };
    world.load = Load { rps: 5.0 + 30.0 * chance.share(), base, canary: base };
    for role in Role::ALL {
        world.cluster.of_mut(role).start_up = chance.below(8);
    }
    for proxy in world.proxies.values_mut() {
        proxy.reports_every = 1 + chance.below(3);
    }
    world
}

/// The same, without a network in between: what is stored reaches every proxy within a second.
pub fn connected(seed: u64) -> World {
    let mut world = rough(seed);
    world.faults.network = Network::default();
    world.faults.cut = 0.0;
    world
}

/// The same, with somebody else who scales the old version.
pub fn contested(seed: u64) -> World {
    let mut world = rough(seed);
    let mut chance = Chance::new(seed);
    let foreign = match chance.below(3) {
        0 => Foreign::GitOps { replicas: 4, every: 3 + chance.below(20) },
        1 => Foreign::Autoscaler { most: 6, wakes: false },
        _ => Foreign::Autoscaler { most: 6, wakes: true },
    };
    world.cluster.of_mut(Role::Stable).foreign = foreign;
    world
}
