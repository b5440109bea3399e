//! A Release that is deleted: traffic returns to what the routes say, but never to a version that is offline.

use super::*;

/// What follows at once.
fn acts(world: &World) -> Vec<Action> {
    plan(&world.spec, &world.state, &world.seen, world.now).actions
}

fn is_forgotten(world: &World) -> bool {
    acts(world).contains(&Action::Forget)
}

#[test]
fn in_every_phase_before_the_old_version_is_scaled_it_is_gone_at_once() {
    type Place = (&'static str, fn(&State) -> bool);
    let phases: [Place; 5] = [
        ("pending", |state| phase("Pending")(state)),
        ("baking", baking),
        ("promoting", |state| phase("Promoting")(state)),
        ("hold", |state| stage(OfflineStage::Hold)(state)),
        ("verify", |state| stage(OfflineStage::VerifyZero)(state)),
    ];
    for (what, there) in phases {
        let mut world = World::new(spec());
        world.until(what, 300, there);
        world.seen.deleting = true;
        assert!(is_forgotten(&world), "{what}");
    }
}

#[test]
fn while_the_old_version_goes_and_comes_back_it_is_refused_with_the_reason() {
    let mut world = World::new(spec());
    world.until("scaling", 300, |state| stage(OfflineStage::ScaleDown)(state) && !state.scaled.is_empty());
    world.seen.deleting = true;
    let refused = |world: &mut World, what: &str| {
        assert!(!is_forgotten(world), "{what}");
        world.tick();
        assert!(world.waiting_for.contains("Service v1, which is offline"), "{what}: {}", world.waiting_for);
    };
    refused(&mut world, "scaling");
    world.until("completed", 100, phase("Completed"));
    refused(&mut world, "completed");
    world.ask(Verb::Undo).unwrap();
    world.seen.stable.ready = 0;
    assert!(!is_forgotten(&world), "it has to be ready first");
    world.seen.stable.ready = 4;
    assert!(is_forgotten(&world));
}

#[test]
fn a_version_that_its_owner_scaled_up_again_is_not_offline() {
    let mut world = World::new(spec());
    world.until("completed", 300, phase("Completed"));
    world.seen.deleting = true;
    let workload = world.workload(Role::Stable);
    (workload.desired, workload.ready) = (4, 1);
    world.seen.stable.ready = 1;
    assert!(!is_forgotten(&world), "one pod of four cannot take everything back");
    world.workload(Role::Stable).ready = 4;
    assert!(is_forgotten(&world));
}

#[test]
fn nobody_keeps_the_say_over_replicas_of_what_is_deleted() {
    let mut world = World::new(spec());
    world.until("scaling", 300, |state| stage(OfflineStage::ScaleDown)(state) && !state.scaled.is_empty());
    world.tick();
    world.seen.routes.named = vec![Role::Canary];
    world.seen.deleting = true;
    assert_eq!(acts(&world), [Action::LetGo { role: Role::Stable }, Action::Forget]);
}
