//! Law 7: never three versions at once.

use weir_model::Role;
use weir_release::{state::HoldReason, verb::Verb};
use weir_sim::{chance::Chance, histories, places::Place};

use super::{HISTORIES, is_completed, is_over, run_until};

#[test]
fn a_new_revision_begins_from_nothing() {
    for seed in 0..HISTORIES {
        let mut world = histories::rough(seed);
        let at = Chance::new(seed).below(120);
        world.until(at, is_over);
        let now = world.now;
        world.cluster.of_mut(Role::Canary).replace(now);
        run_until(&mut world, &seed, is_completed);
    }
}

#[test]
fn revision_after_revision_ends_as_well() {
    for seed in 0..HISTORIES / 4 {
        let mut world = histories::rough(seed);
        let mut chance = Chance::new(seed);
        for _ in 0..5 {
            let wait = chance.below(60);
            world.until(wait, is_over);
            let now = world.now;
            world.cluster.of_mut(Role::Canary).replace(now);
        }
        run_until(&mut world, &seed, is_completed);
    }
}

#[test]
fn another_old_version_holds_the_release() {
    let mut world = Place::Baking.reach(1);
    let now = world.now;
    let before = world.state().routing.clone();
    world.cluster.of_mut(Role::Stable).replace(now);
    world.until(300, |_| false);
    let hold = world.state().hold.as_ref().map(|hold| hold.reason);
    assert_eq!((hold, &world.state().routing), (Some(HoldReason::StableChanged), &before));
    world.ask(Verb::Resume);
    run_until(&mut world, &"resumed", is_completed);
}
