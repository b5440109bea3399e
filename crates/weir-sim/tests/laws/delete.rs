//! A Release that is deleted: traffic returns to what routes say, but never to a version that is offline.

use weir_model::Role;
use weir_release::verb::Verb;
use weir_sim::{chance::Chance, histories, places::Place};

use super::{HISTORIES, assert_lawful, is_over, run_until};

#[test]
fn nobody_is_lost_when_it_is_deleted_anywhere() {
    for named in Role::ALL {
        for place in Place::all() {
            let mut world = place.reach(8);
            (world.named, world.routes.named) = (named, vec![named]);
            world.deleting = true;
            world.until(300, |world| world.forgotten);
            assert!(
                world.forgotten || !world.waiting_for.is_empty(),
                "{place:?}, routes name {named:?}: it says nothing"
            );
            world.until(60, |_| false);
            assert_lawful(&world, &(place, named));
        }
    }
}

#[test]
fn a_deletion_that_waits_goes_on_when_routes_are_changed() {
    let mut world = Place::Completed.reach(9);
    world.deleting = true;
    world.until(60, |_| false);
    assert!(!world.forgotten && world.waiting_for.contains("web-v1"), "waiting for {}", world.waiting_for);
    (world.named, world.routes.named) = (Role::Canary, vec![Role::Canary]);
    run_until(&mut world, &"routes changed", |world| world.forgotten);
}

#[test]
fn a_deletion_that_waits_goes_on_after_an_undo() {
    let mut world = Place::Completed.reach(9);
    world.deleting = true;
    world.until(20, |_| false);
    world.ask(Verb::Undo);
    run_until(&mut world, &"undone", |world| world.forgotten);
    world.until(60, |_| false);
    assert_lawful(&world, &"undone");
}

#[test]
fn nobody_is_lost_whenever_it_is_deleted() {
    for seed in 0..HISTORIES {
        let mut world = histories::connected(seed);
        let at = Chance::new(seed).below(250);
        world.until(at, is_over);
        world.deleting = true;
        world.until(400, |world| world.forgotten);
        world.until(30, |_| false);
        assert_lawful(&world, &seed);
    }
}
