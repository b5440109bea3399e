//! Law 6: others scale workloads too, and nobody quarrels with them.

use weir_model::Role;
use weir_release::{
    spec::ScaleDown,
    state::{AbortStage, OfflineStage},
    verb::Verb,
};
use weir_sim::{cluster::Foreign, histories, places::Place, specs, world::World};

use super::{HISTORIES, is_completed, run_until};

#[test]
fn releases_end_beside_others_who_scale() {
    for seed in 0..HISTORIES {
        let mut world = histories::contested(seed);
        run_until(&mut world, &seed, is_completed);
        world.until(100, |_| false);
        let stable = world.cluster.of(Role::Stable);
        if matches!(stable.foreign, Foreign::Autoscaler { wakes: true, .. }) {
            assert_eq!((stable.writes, stable.retired), (0, true), "seed {seed}: it is only marked");
        }
    }
}

#[test]
fn who_scales_up_twice_is_left_alone() {
    for every in [1, 2, 7, 20, 60] {
        let mut world = Place::Offlining(Role::Stable, OfflineStage::ScaleDown).reach(1);
        world.cluster.of_mut(Role::Stable).foreign = Foreign::GitOps { replicas: 4, every };
        run_until(&mut world, &every, is_completed);
        let writes = world.cluster.of(Role::Stable).writes;
        world.until(1_000, |_| false);
        let stable = world.cluster.of(Role::Stable);
        assert_eq!(stable.writes, writes, "every {every} s: it is over");
        if every < 7 {
            assert!(stable.retired, "every {every} s: it is marked instead");
            assert_eq!(stable.desired, 4, "every {every} s: it is left to them");
        }
    }
}

#[test]
fn an_autoscaler_may_scale_the_old_version_after_it_came_back() {
    let mut world = Place::Aborting(AbortStage::Restoring).reach(2);
    run_until(&mut world, &"undo", |world| Place::Aborting(AbortStage::Keeping).is_at(world.state()));
    let writes = world.cluster.of(Role::Stable).writes;
    world.cluster.of_mut(Role::Stable).set(9);
    run_until(&mut world, &"undo", super::is_rolled_back);
    let stable = world.cluster.of(Role::Stable);
    assert_eq!((stable.desired, stable.writes), (9, writes));
}

#[test]
fn a_second_rollback_does_not_count_quarrels_of_the_first() {
    let mut world = Place::RolledBack.reach(3);
    world.ask(Verb::Retry { from: None });
    run_until(&mut world, &"retry", |world| Place::Baking.is_at(world.state()));
    assert!(world.cluster.of(Role::Canary).ready > 0, "a retry brings the new version back");
    world.cluster.of_mut(Role::Canary).set(6);
    world.ask(Verb::Abort);
    run_until(&mut world, &"abort", super::is_rolled_back);
    let canary = world.cluster.of(Role::Canary);
    assert_eq!((canary.desired, canary.retired), (0, false), "it was scaled down, and not contested");
}

#[test]
fn what_is_left_to_do_is_done_by_a_successor() {
    let annotated = || {
        let mut world = World::new(specs::brisk_release(), 2, 4);
        world.spec.offline.scale_down = ScaleDown::Annotate;
        world
    };
    let mut world = annotated();
    run_until(&mut world, &"never killed", is_completed);
    for moment in 1..=world.moments {
        let mut world = annotated();
        world.kill_at = Some(moment);
        run_until(&mut world, &moment, is_completed);
        world.until(60, |_| false);
        let stable = world.cluster.of(Role::Stable);
        assert!(stable.retired, "killed at moment {moment}, the old version is never marked");
    }
}

#[test]
fn the_say_over_replicas_is_given_up_in_the_end() {
    let mut world = World::new(specs::brisk_release(), 2, 5);
    run_until(&mut world, &"never killed", is_completed);
    for moment in 1..=world.moments {
        let mut world = World::new(specs::brisk_release(), 2, 5);
        world.kill_at = Some(moment);
        run_until(&mut world, &moment, is_completed);
        world.until(60, |_| false);
        assert!(!world.cluster.of(Role::Stable).owned, "killed at moment {moment}, /scale stays ours");
    }
}
