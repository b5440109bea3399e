//! Law 2: time counts once, and only where it was seen.

use weir_model::Role;
use weir_release::{
    spec::Weight,
    state::{OfflineStage, Phase},
};
use weir_sim::{places::Place, proxies::Network, specs, world::World};

use super::{assert_lawful, is_completed, run_until};

const HOLD: Place = Place::Offlining(Role::Stable, OfflineStage::Hold);

#[test]
fn a_proxy_that_comes_back_does_not_count_its_silence_again() {
    for proxies in [1, 2] {
        let mut world = World::new(specs::brisk_release(), proxies, 1);
        world.spec.offline.rollback_hold = std::time::Duration::from_mins(2);
        assert!(world.until_stored(400, |state| HOLD.is_at(state)));
        let began = world.now;
        let proxy = world.proxies.values_mut().next().expect("there is a proxy");
        proxy.cut_until = began + 70;
        run_until(&mut world, &proxies, |world| !HOLD.is_at(world.state()));
        let took = world.now - began;
        assert!((115..=200).contains(&took), "{proxies} proxies: the hold of 120 s took {took} s");
    }
}

#[test]
fn reports_at_different_seconds_count() {
    let mut world = World::new(specs::brisk_release(), 3, 2);
    for (every, proxy) in (2..).zip(world.proxies.values_mut()) {
        proxy.reports_every = every;
    }
    run_until(&mut world, &"staggered", |world| matches!(world.state().phase, Phase::Offlining { .. }));
    assert!(world.now < 150, "three bakes of 20 s took {} s", world.now);
}

#[test]
fn a_clock_that_is_set_changes_nothing() {
    for jump in [-3_600, 3_600] {
        let mut world = Place::Baking.reach(3);
        world.faults.clock = 0.2;
        world.faults.network = Network { loss: 0.1, delay: 1 };
        run_until(&mut world, &jump, is_completed);
        assert!(world.now > 100, "it took {} s", world.now);
    }
}

#[test]
fn what_passes_without_a_controller_is_credited() {
    let mut world = Place::Baking.reach(4);
    world.spec.steps[0].bake.duration = std::time::Duration::from_mins(10);
    world.until(5, |_| false);
    world.kill(700);
    world.until(720, |_| false);
    assert_lawful(&world, &"dead for 700 s");
    let later = matches!(&world.state().phase, Phase::Running { step } if step.index > 0);
    assert!(later, "{:?}", world.state().phase);
}

#[test]
fn credit_at_one_weight_is_none_at_another() {
    let mut world = Place::Baking.reach(5);
    world.until(15, |_| false);
    world.spec.steps[0].weight = Weight::new(8_000).expect("a weight");
    world.monitor.excuse();
    run_until(&mut world, &"80 %", is_completed);
}
