//! What a release names and is not there, not ready, or cannot be looked at.

use super::*;

fn version_of(world: &mut World, role: Role) -> &mut observation::Version {
    match role {
        Role::Stable => &mut world.seen.stable,
        Role::Canary => &mut world.seen.canary,
    }
}

/// Ticks for a while, in which nothing may happen, and says what it waits for.
fn waits(world: &mut World, phase: &str) -> String {
    let routing = world.state.routing.clone();
    for _ in 0..100 {
        world.tick();
    }
    assert_eq!(
        (world.state.phase.as_str(), &world.state.routing),
        (phase, &routing),
        "{}",
        world.waiting_for
    );
    world.waiting_for.clone()
}

#[test]
fn a_release_begins_when_everything_that_it_names_is_there() {
    for (role, name) in [(Role::Stable, "v1"), (Role::Canary, "v2")] {
        let field = format!("spec.{}", role.as_str());
        let mut world = World::new(spec());
        let workload = std::mem::replace(&mut version_of(&mut world, role).workload, Lookup::Missing);
        let said = waits(&mut world, "Pending");
        assert!(said.contains(&format!("Deployment {name} ({field}.workload) is missing")), "{said}");
        version_of(&mut world, role).workload = Lookup::Unknown;
        let said = waits(&mut world, "Pending");
        assert!(said.contains(&format!("Deployment {name} ({field}.workload) to be read")), "{said}");
        version_of(&mut world, role).workload = workload;
        version_of(&mut world, role).service = false;
        let said = waits(&mut world, "Pending");
        assert!(said.contains(&format!("Service shop/{name} ({field}.service) is missing")), "{said}");
        version_of(&mut world, role).service = true;
        world.seen.routes.faults = vec!["Ingress shop/shop (spec.routes) is missing".into()];
        let said = waits(&mut world, "Pending");
        assert!(said.contains("Ingress shop/shop"), "{said}");
        world.seen.routes.faults.clear();
        world.until("promoting", 100, phase("Promoting"));
    }
}

#[test]
fn what_is_gone_under_way_keeps_the_weight_where_it_is() {
    let mut world = World::new(spec());
    world.until("baking", 10, baking);
    world.seen.canary.service = false;
    let before = world.weight();
    for _ in 0..100 {
        world.tick();
    }
    assert!(baking(&world.state) && world.weight() == before, "{:?}", world.state.phase);
    assert!(world.waiting_for.contains("Service shop/v2"), "{}", world.waiting_for);
    world.seen.canary.service = true;
    world.until("promoting", 100, phase("Promoting"));
}

#[test]
fn a_new_version_that_is_never_ready_gets_nothing_and_is_held() {
    let mut world = World::new(spec());
    world.workload(Role::Canary).ready = 2;
    for _ in 0..590 {
        world.tick();
        assert_eq!(world.state.routing, None);
    }
    assert!(world.waiting_for.contains("2 of 4 pods are ready"), "{}", world.waiting_for);
    world.until("held", 30, |state| state.hold.is_some());
    let hold = world.state.hold.clone().unwrap();
    assert_eq!(hold.reason, HoldReason::Deadline);
    assert!(hold.message.contains("2 of 4 pods are ready"), "{}", hold.message);
    world.workload(Role::Canary).ready = 4;
    world.ask(Verb::Resume).unwrap();
    world.until("promoting", 100, phase("Promoting"));
}

#[test]
fn an_old_workload_that_cannot_be_read_is_not_taken_for_one_that_nobody_scales() {
    for wanted in [OfflineStage::VerifyZero, OfflineStage::ScaleDown] {
        let mut world = World::new(spec());
        world.until("there", 300, stage(wanted));
        world.tick();
        let workload = std::mem::replace(&mut world.seen.stable.workload, Lookup::Unknown);
        let said = waits(&mut world, "Offlining");
        assert!(said.contains("Deployment v1"), "{wanted:?}: {said}");
        world.seen.stable.workload = workload;
        world.until("completed", 100, phase("Completed"));
        assert_eq!(world.workload(Role::Stable).desired, 0, "{wanted:?}");
    }
}

#[test]
fn an_old_version_comes_back_also_after_its_workload_could_not_be_read() {
    let mut world = World::new(spec());
    world.until("completed", 300, phase("Completed"));
    let workload = std::mem::replace(&mut world.seen.stable.workload, Lookup::Unknown);
    world.ask(Verb::Undo).unwrap();
    assert!(waits(&mut world, "Aborting").contains("Deployment v1"), "{}", world.waiting_for);
    world.seen.stable.workload = workload;
    world.until("rolled back", 100, phase("RolledBack"));
    assert_eq!(world.workload(Role::Stable).desired, 4);
}

#[test]
fn a_revision_that_is_known_later_is_followed_from_then_on() {
    let mut world = World::new(spec());
    world.until("completed or rolled back", 10, baking);
    world.ask(Verb::Abort).unwrap();
    world.until("rolled back", 100, phase("RolledBack"));
    let workload = std::mem::replace(&mut world.seen.canary.workload, Lookup::Unknown);
    world.ask(Verb::Retry { from: None }).unwrap();
    world.seen.canary.workload = workload;
    world.until("baking", 30, baking);
    world.workload(Role::Canary).revision = "r3".into();
    world.tick();
    assert_eq!((world.weight(), world.state.phase.as_str()), (Some(Weight::NONE), "Superseded"));
}

#[test]
fn a_route_that_goes_away_is_named_instead_of_proxies() {
    let mut world = World::new(spec());
    world.until("baking", 10, baking);
    world.obey = false;
    world.proxies().for_each(|proxy| proxy.epoch = None);
    world.seen.routes.faults = vec!["Ingress shop (spec.routes) is missing: create it".into()];
    world.tick();
    assert_eq!(world.waiting_for, "Ingress shop (spec.routes) is missing: create it");
}

#[test]
fn a_counter_without_end_is_no_end_of_the_controller() {
    let mut world = World::new(spec());
    world.until("baking", 10, baking);
    for proxy in world.proxies() {
        let most = crate::Tally { requests: u64::MAX, other_requests: u64::MAX, ..crate::Tally::default() };
        proxy.canary.tally = most;
        proxy.stable.tally = most;
    }
    world.rate = 0;
    world.plan();
    world.plan();
    assert!(matches!(world.state.phase, Phase::Running { .. }), "{:?}", world.state.phase);
}
