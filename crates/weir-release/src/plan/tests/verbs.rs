//! What people ask for in phases where nobody expects it.

use super::*;

fn promote(to: Option<&str>) -> Verb {
    Verb::Promote { to: to.map(str::to_owned), full: false }
}

fn index(world: &World) -> usize {
    match &world.state.phase {
        Phase::Running { step } => step.index,
        phase => panic!("{phase:?}"),
    }
}

fn baked() -> World {
    let mut world = World::new(spec());
    world.until("baking", 10, baking);
    world
}

#[test]
fn what_ended_does_not_take_its_routes_from_another_release() {
    let ways: [(Verb, Verb); 2] = [(Verb::Abort, Verb::Retry { from: None }), (promote(None), Verb::Undo)];
    for (first, again) in ways {
        let mut world = baked();
        world.ask(first).unwrap();
        world.until("over", 400, |state| state.phase.is_over());
        let before = world.state.routing.clone();
        world.seen.routes.conflict = Some("Release shop/next".into());
        let refused = world.ask(again.clone()).unwrap_err();
        assert!(refused.contains("Release shop/next"), "{again:?}: {refused}");
        world.workload(Role::Canary).revision = "r3".into();
        world.tick();
        assert_eq!((&world.state.routing, world.state.phase.is_over()), (&before, true), "{again:?}");
        world.seen.routes.conflict = None;
        world.ask(again.clone()).ok();
        world.tick();
        assert!(!world.state.phase.is_over(), "{again:?}");
    }
}

#[test]
fn what_was_aborted_before_it_began_waits_for_its_turn() {
    let mut world = World::new(spec());
    world.seen.routes.conflict = Some("Release shop/other".into());
    world.tick();
    world.ask(Verb::Abort).unwrap();
    assert!(phase("RolledBack")(&world.state), "{:?}", world.state.phase);
    assert!(world.ask(Verb::Retry { from: None }).is_err());
    world.tick();
    assert!(world.state.routing.is_none());
}

#[test]
fn verbs_in_phases_where_they_mean_nothing_are_refused() {
    let mut world = baked();
    for (verb, says) in [
        (Verb::Undo, "the old version was not left"),
        (Verb::Offline, "no version is held ready"),
        (Verb::Approve, "no step waits for approval"),
        (Verb::Reject, "no step waits for approval"),
        (Verb::Resume, "it is not held"),
        (Verb::Retry { from: None }, "only what was rolled back"),
        (promote(Some("tenth")), "not behind the present one"),
        (promote(Some("nowhere")), "there is no step nowhere; there are tenth, all"),
    ] {
        let before = world.state.phase.clone();
        let refused = world.ask(verb.clone()).unwrap_err();
        assert!(refused.contains(says), "{verb:?}: {refused}");
        assert_eq!(world.state.phase, before, "{verb:?}");
    }
    world.until("in flight", 300, stage(OfflineStage::InFlight));
    for verb in [Verb::Offline, promote(None), Verb::Retry { from: None }] {
        assert!(world.ask(verb.clone()).is_err(), "{verb:?}");
    }
    world.ask(Verb::Undo).unwrap();
    assert_eq!(world.weight(), Some(Weight::NONE), "nothing was scaled down yet");
    for verb in [Verb::Undo, Verb::Abort, promote(None)] {
        assert!(world.ask(verb.clone()).is_err(), "{verb:?}");
    }
}

#[test]
fn what_is_asked_with_a_changed_manifest_is_asked_of_the_step_under_way() {
    let mut world = baked();
    world.ask(promote(None)).unwrap();
    world.until("baking", 10, |state| {
        baking(state) && matches!(&state.phase, Phase::Running { step } if step.index == 1)
    });
    world.spec.steps.insert(0, step("one", 10, 30));
    world.spec.steps.insert(0, step("two", 10, 30));
    let request = |step: &str| Request {
        id: step.into(),
        verb: promote(None),
        by: None,
        reason: None,
        attempt: None,
        step: Some(step.into()),
    };
    world.seen.request = Some(request("one"));
    world.plan();
    assert!(world.state.last_action.as_ref().unwrap().refused.is_some(), "it is not under way");
    assert_eq!(index(&world), 3);

    world.spec.steps.drain(..3);
    world.spec.steps.push(step("behind", 100, 30));
    world.seen.request = Some(request("all"));
    world.plan();
    assert_eq!(index(&world), 1, "{:?}", world.state.phase);
}

#[test]
fn other_versions_are_not_resumed_away() {
    let mut world = baked();
    world.spec.canary.service.service = "v3".into();
    world.tick();
    let refused = world.ask(Verb::Resume).unwrap_err();
    assert!(refused.contains("names another Service"), "{refused}");
    assert!(world.state.hold.is_some());
}
