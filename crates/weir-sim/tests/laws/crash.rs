//! Laws 1 and 2: controllers die, proxies die, messages are lost, and nothing happens early, twice or not at all.

use weir_model::Role;
use weir_release::state::Division;
use weir_sim::{histories, proxies::Load, specs, world::World};

use super::{HISTORIES, is_completed, is_rolled_back, run_until};

/// What is left of a release when it is over.
fn end(world: &World) -> impl PartialEq + std::fmt::Debug + use<> {
    let state = world.state();
    let desired = Role::ALL.map(|role| world.cluster.of(role).desired);
    // How often a workload was told may differ: what was done may be done again.
    let scaled: Vec<_> = state.scaled.iter().map(|(role, scaled)| (*role, scaled.from, scaled.to)).collect();
    // How many streams have to be asked to end is up to chance.
    let split = state.routing.as_ref().map(|routing| match &routing.split {
        Division::Only { role, .. } => Division::Only { role: *role, close: true },
        split => split.clone(),
    });
    (state.phase.as_str(), split, state.attempt.as_ref().map(|attempt| attempt.number), desired, scaled)
}

fn quiet() -> World {
    World::new(specs::brisk_release(), 2, 1)
}

#[test]
fn killed_at_any_moment_the_end_is_the_same() {
    let mut world = quiet();
    run_until(&mut world, &"never killed", is_completed);
    let (moments, wanted) = (world.moments, end(&world));
    assert!(moments > 50, "there are {moments} moments to die at");
    for moment in 1..=moments {
        let mut world = quiet();
        world.kill_at = Some(moment);
        run_until(&mut world, &moment, is_completed);
        assert_eq!(end(&world), wanted, "killed at moment {moment}");
    }
}

#[test]
fn killed_at_any_moment_a_bad_version_goes_back() {
    let bad = || {
        let mut world = quiet();
        world.load = Load { rps: 40.0, base: 0.0, canary: 0.5 };
        world
    };
    let mut world = bad();
    run_until(&mut world, &"never killed", is_rolled_back);
    let wanted = end(&world);
    for moment in 1..=world.moments {
        let mut world = bad();
        world.kill_at = Some(moment);
        run_until(&mut world, &moment, is_rolled_back);
        assert_eq!(end(&world), wanted, "killed at moment {moment}");
    }
}

#[test]
fn whatever_goes_wrong_the_end_is_the_same() {
    for seed in 0..HISTORIES {
        let mut world = histories::rough(seed);
        run_until(&mut world, &seed, is_completed);
    }
}

#[test]
fn doing_everything_twice_changes_nothing() {
    for seed in 0..HISTORIES {
        let (mut once, mut twice) = (histories::contested(seed), histories::contested(seed));
        twice.times = 2;
        for _ in 0..400 {
            once.tick();
            twice.tick();
            assert_eq!(once.state(), twice.state(), "seed {seed}");
        }
        assert_eq!(end(&once), end(&twice), "seed {seed}");
    }
}
