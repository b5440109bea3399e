//! Laws 4 and 5: nothing passes without every proxy, and proxies go on alone.

use weir_model::Role;
use weir_release::{
    state::{AbortStage, OfflineStage},
    verb::Verb,
};
use weir_sim::{places::Place, world::World};

use super::{assert_lawful, run_until};

/// Places that wait for every proxy.
const WAITING: [Place; 6] = [
    Place::Routing,
    Place::Superseded,
    Place::Promoting,
    Place::Offlining(Role::Stable, OfflineStage::Detach),
    Place::Offlining(Role::Canary, OfflineStage::Detach),
    Place::Aborting(AbortStage::Routing),
];
const HOURS: u64 = 3_600;

/// A world at a place, with a proxy that hears nothing for so long.
fn cut_off(place: Place, seconds: u64) -> World {
    let mut world = place.reach(5);
    let until = world.now + seconds;
    let proxy = world.proxies.values_mut().next().expect("there is a proxy");
    proxy.cut_until = until;
    world
}

#[test]
fn nobody_passes_without_a_silent_proxy() {
    for place in WAITING {
        let mut world = cut_off(place, 2 * HOURS);
        for _ in 0..2 * HOURS - 2 {
            world.tick();
            assert!(place.is_at(world.state()), "{place:?} was left for {:?}", world.state().phase);
        }
        assert!(world.waiting_for.contains("proxy-0"), "{place:?}: waiting for {}", world.waiting_for);
        run_until(&mut world, &place, |world| !place.is_at(world.state()));
    }
}

#[test]
fn a_pause_does_not_stand_in_for_a_proxy() {
    for place in WAITING {
        let mut world = cut_off(place, 200);
        world.ask(Verb::Pause);
        world.until(100, |_| false);
        world.ask(Verb::Resume);
        world.until(50, |_| false);
        assert!(place.is_at(world.state()), "{place:?} was left for {:?}", world.state().phase);
        assert_lawful(&world, &place);
    }
}

#[test]
fn proxies_keep_what_they_have_while_nobody_runs_the_release() {
    for place in Place::all() {
        let mut world = place.reach(6);
        world.until(3, |_| false);
        world.kill(HOURS);
        let before: Vec<_> = world.proxies.values().map(|proxy| proxy.routing.clone()).collect();
        world.until(HOURS - 10, |_| false);
        let after: Vec<_> = world.proxies.values().map(|proxy| proxy.routing.clone()).collect();
        assert_eq!(before, after, "{place:?}");
        assert_lawful(&world, &place);
    }
}

#[test]
fn a_proxy_that_starts_without_a_controller_has_what_is_stored() {
    let mut world = Place::Baking.reach(7);
    world.kill(HOURS);
    for proxy in world.proxies.values_mut() {
        proxy.crash(world.now + 5);
    }
    world.until(60, |_| false);
    let stored = world.state().routing.clone();
    assert!(world.proxies.values().all(|proxy| proxy.up && proxy.routing == stored));
    assert_lawful(&world, &"restarted");
}
