//! Each law can be broken: a controller that does is found out.

use weir_model::Role;
use weir_release::{
    action::Action,
    state::{AbortStage, OfflineStage},
    verb::Verb,
};
use weir_sim::{cluster::Foreign, controller::Flaw, histories, places::Place, specs, world::World};

fn assert_found(world: &World, law: &str, flaw: Flaw) {
    let broken = world.monitor.broken();
    assert!(broken.iter().any(|line| line.contains(law)), "{flaw:?} is not found out: {broken:?}");
}

fn flawed(mut world: World, flaw: Flaw) -> World {
    world.flaw = flaw;
    world
}

#[test]
fn who_tells_before_it_stores_is_found_out() {
    let mut world = flawed(World::new(specs::brisk_release(), 2, 1), Flaw::TellsFirst);
    world.faults.refuse = 0.5;
    world.until(100, |_| false);
    assert_found(&world, "never stored", Flaw::TellsFirst);
}

#[test]
fn who_acts_without_a_reason_is_found_out() {
    let world = Place::Baking.reach(1);
    let without = |action: Action| {
        let mut world = Place::Baking.reach(1);
        world.acts(&action);
        assert_found(&world, "law 1", Flaw::None);
    };
    without(Action::Scale { role: Role::Stable, replicas: 0 });
    without(Action::MarkRetired { role: Role::Stable });
    without(Action::Answer { id: "request-7".into(), refused: None });
    assert!(world.monitor.broken().is_empty());
}

#[test]
fn who_invents_time_is_found_out() {
    let mut world = flawed(World::new(specs::brisk_release(), 2, 2), Flaw::InventsTime);
    world.spec.steps[0].bake.duration = std::time::Duration::from_mins(1);
    world.until(100, |_| false);
    assert_found(&world, "law 2: step 0 baked", Flaw::InventsTime);
    assert_found(&world, "are credited", Flaw::InventsTime);
}

#[test]
fn who_skips_a_step_is_found_out() {
    let mut world = flawed(World::new(specs::brisk_release(), 2, 3), Flaw::SkipsSteps);
    world.until(200, |_| false);
    assert_found(&world, "law 2: the weight rose", Flaw::SkipsSteps);
}

#[test]
fn who_goes_back_later_is_found_out() {
    let mut world = flawed(Place::Baking.reach(4), Flaw::AbortsLater);
    world.ask(Verb::Abort);
    world.until(10, |_| false);
    assert_found(&world, "law 3", Flaw::AbortsLater);
}

#[test]
fn who_trusts_the_silent_is_found_out() {
    let places = [
        Place::Routing,
        Place::Superseded,
        Place::Promoting,
        Place::Offlining(Role::Stable, OfflineStage::Detach),
        Place::Aborting(AbortStage::Routing),
    ];
    for place in places {
        let mut world = flawed(place.reach(5), Flaw::TrustsTheSilent);
        let until = world.now + 100;
        world.proxies.values_mut().next().expect("there is a proxy").cut_until = until;
        world.until(60, |_| false);
        assert_found(&world, "law 4", Flaw::TrustsTheSilent);
    }
}

#[test]
fn proxies_that_forget_are_found_out() {
    let mut world = flawed(Place::Baking.reach(6), Flaw::ProxiesForget);
    world.until(5, |_| false);
    world.kill(60);
    world.until(10, |_| false);
    assert_found(&world, "law 5", Flaw::ProxiesForget);
}

#[test]
fn who_never_gives_up_is_found_out() {
    let mut world = flawed(World::new(specs::brisk_release(), 2, 7), Flaw::NeverGivesUp);
    assert!(
        world
            .until_stored(600, |state| Place::Offlining(Role::Stable, OfflineStage::VerifyZero).is_at(state))
    );
    world.cluster.of_mut(Role::Stable).foreign = Foreign::GitOps { replicas: 4, every: 1 };
    world.until(600, |_| false);
    assert_found(&world, "law 6", Flaw::NeverGivesUp);
}

#[test]
fn who_mixes_revisions_is_found_out() {
    let mut world = flawed(Place::Baking.reach(8), Flaw::MixesRevisions);
    world.until(5, |_| false);
    let now = world.now;
    world.cluster.of_mut(Role::Canary).replace(now);
    world.until(100, |_| false);
    assert_found(&world, "law 7", Flaw::MixesRevisions);
}

#[test]
fn who_is_deleted_blindly_is_found_out() {
    let mut world = flawed(Place::Completed.reach(9), Flaw::DeletesBlindly);
    world.deleting = true;
    world.until(20, |_| false);
    assert_found(&world, "nobody is lost", Flaw::DeletesBlindly);
}

#[test]
fn some_of_the_histories_are_rough() {
    let mut kills = 0;
    for seed in 0..50 {
        let mut world = histories::rough(seed);
        world.until(300, |world| world.controller.is_none());
        kills += u64::from(world.controller.is_none());
    }
    assert!(kills > 25, "{kills} of 50 controllers die");
}
