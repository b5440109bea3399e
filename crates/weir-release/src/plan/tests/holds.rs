//! What is held, and what goes on meanwhile.

use super::*;

fn bake(world: &World) -> BakeState {
    match &world.state.phase {
        Phase::Running { step } => match &step.stage {
            StepStage::Baking { bake } => bake.clone(),
            stage => panic!("{stage:?}"),
        },
        phase => panic!("{phase:?}"),
    }
}

fn halfway() -> World {
    let mut world = World::new(spec());
    world.until("baking", 10, baking);
    ticks(&mut world, 20);
    world
}

fn ticks(world: &mut World, seconds: usize) {
    for _ in 0..seconds {
        world.tick();
    }
}

fn held_by(world: &World) -> Option<HoldReason> {
    world.state.hold.as_ref().map(|hold| hold.reason)
}

#[test]
fn an_error_counts_also_while_a_proxy_is_silent() {
    let mut world = halfway();
    world.seen.proxies.insert("p2".into(), None);
    world.tick();
    world.proxies().next().unwrap().canary.tally.errors += 1;
    world.tick();
    world.seen.proxies.remove("p2");
    world.tick();
    assert_eq!(bake(&world).resets, 1, "{:?}", bake(&world));
    assert!(bake(&world).credited < 5 * SECOND, "{:?}", bake(&world));
}

#[test]
fn an_error_counts_also_while_the_release_is_held() {
    let mut world = halfway();
    world.ask(Verb::Pause).unwrap();
    let before = bake(&world).credited;
    ticks(&mut world, 20);
    assert_eq!(bake(&world).credited, before, "no time counts");
    world.proxies().next().unwrap().canary.tally.errors += 1;
    world.tick();
    assert_eq!((bake(&world).resets, bake(&world).credited), (1, Duration::ZERO));
}

#[test]
fn no_time_counts_while_it_is_held() {
    let mut world = halfway();
    world.spec.paused = true;
    ticks(&mut world, 700);
    world.spec.paused = false;
    world.tick();
    world.tick();
    assert_eq!(held_by(&world), None, "the deadline of 10 m is not over: {}", world.waiting_for);

    world.until("hold", 200, stage(OfflineStage::Hold));
    world.ask(Verb::Pause).unwrap();
    ticks(&mut world, 30);
    world.ask(Verb::Resume).unwrap();
    ticks(&mut world, 10);
    assert!(stage(OfflineStage::Hold)(&world.state), "20 s are not over: {:?}", world.state.phase);
}

#[test]
fn a_version_that_went_back_is_kept_for_as_long_as_it_is_paused() {
    let mut world = halfway();
    world.ask(Verb::Abort).unwrap();
    let keeping = |state: &State| matches!(&state.phase, Phase::Aborting { abort } if abort.state == AbortStage::Keeping);
    world.until("keeping", 10, keeping);
    world.ask(Verb::Pause).unwrap();
    ticks(&mut world, 100);
    assert!(keeping(&world.state), "{:?}", world.state.phase);
    world.ask(Verb::Retry { from: None }).unwrap();
    world.until("promoting", 100, phase("Promoting"));
}

#[test]
fn a_pause_does_not_keep_anything_from_going_back() {
    let mut world = halfway();
    world.ask(Verb::Pause).unwrap();
    world.ask(Verb::Abort).unwrap();
    assert_eq!((world.weight(), held_by(&world)), (Some(Weight::NONE), None));
    world.ask(Verb::Pause).unwrap();
    world.tick();
    let keeping = |state: &State| matches!(&state.phase, Phase::Aborting { abort } if abort.state == AbortStage::Keeping);
    assert!(keeping(&world.state), "{:?}", world.state.phase);
}

#[test]
fn a_new_revision_does_not_end_a_pause() {
    let mut world = halfway();
    world.ask(Verb::Pause).unwrap();
    world.workload(Role::Canary).revision = "r3".into();
    ticks(&mut world, 100);
    assert_eq!((world.weight(), held_by(&world)), (Some(Weight::NONE), Some(HoldReason::Paused)));
    assert_eq!(world.state.attempt.as_ref().unwrap().number, 2, "the one before gets nothing more");
    world.ask(Verb::Resume).unwrap();
    world.until("promoting", 100, phase("Promoting"));
}

#[test]
fn a_changed_old_version_does_not_end_a_pause() {
    let mut world = halfway();
    world.ask(Verb::Pause).unwrap();
    world.workload(Role::Stable).revision = "r1b".into();
    ticks(&mut world, 3);
    assert_eq!(held_by(&world), Some(HoldReason::Paused));
    world.ask(Verb::Resume).unwrap();
    assert_eq!(held_by(&world), Some(HoldReason::StableChanged), "that is still to be decided");
    world.ask(Verb::Pause).unwrap();
    ticks(&mut world, 3);
    assert_eq!(held_by(&world), Some(HoldReason::Paused));
}

#[test]
fn an_approval_does_not_end_a_pause() {
    let mut spec = spec();
    spec.steps[0].approval = true;
    let mut world = World::new(spec);
    let approving =
        |state: &State| matches!(&state.phase, Phase::Running { step } if step.stage == StepStage::Approving);
    world.until("approving", 60, approving);
    world.ask(Verb::Pause).unwrap();
    world.ask(Verb::Approve).unwrap();
    let before = world.weight();
    ticks(&mut world, 100);
    assert_eq!((world.weight(), held_by(&world)), (before, Some(HoldReason::Paused)));
    world.ask(Verb::Resume).unwrap();
    world.until("promoting", 100, phase("Promoting"));
}

#[test]
fn who_is_in_the_way_now_is_named() {
    let mut world = World::new(spec());
    world.seen.routes.conflict = Some("Release shop/first".into());
    world.tick();
    world.seen.routes.conflict = Some("Release shop/second".into());
    world.tick();
    assert!(world.waiting_for.contains("shop/second"), "{}", world.waiting_for);
    world.seen.routes.conflict = None;

    world.until("detach", 300, stage(OfflineStage::Detach));
    let name = |name: &str| BTreeMap::from([(Role::Stable, vec![format!("Ingress shop/{name}")])]);
    for other in ["admin", "api"] {
        world.seen.routes.others = name(other);
        world.tick();
        assert!(world.waiting_for.contains(other), "{}", world.waiting_for);
    }
}

#[test]
fn a_pause_of_the_manifest_outlives_other_reasons_without_a_gap() {
    let mut world = World::new(spec());
    world.until("detach", 300, stage(OfflineStage::Detach));
    world.seen.routes.others.insert(Role::Stable, vec!["Ingress shop/admin".into()]);
    world.tick();
    world.spec.paused = true;
    world.tick();
    world.seen.routes.others.clear();
    let before = world.state.phase.clone();
    world.tick();
    assert_eq!((&world.state.phase, held_by(&world)), (&before, Some(HoldReason::Paused)));

    let mut world = halfway();
    world.spec.stable = version("v0");
    world.tick();
    world.spec.paused = true;
    world.tick();
    world.spec.stable = version("v1");
    let before = bake(&world).credited;
    world.tick();
    assert_eq!((bake(&world).credited, held_by(&world)), (before, Some(HoldReason::Paused)));
}

#[test]
fn a_pause_of_the_manifest_does_not_end_somebodys() {
    let mut world = halfway();
    world.ask(Verb::Pause).unwrap();
    world.spec.paused = true;
    ticks(&mut world, 3);
    assert!(world.ask(Verb::Resume).is_err(), "the manifest says otherwise");
    world.spec.paused = false;
    ticks(&mut world, 3);
    assert_eq!(held_by(&world), Some(HoldReason::Paused));
}

#[test]
fn two_releases_never_divide_the_same_route() {
    let mut world = halfway();
    let before = world.weight();
    world.seen.routes.conflict = Some("Release shop/older".into());
    ticks(&mut world, 100);
    assert_eq!((world.weight(), held_by(&world)), (before, Some(HoldReason::Conflict)), "weights stay");
    assert!(world.waiting_for.contains("shop/older"), "{}", world.waiting_for);
    world.seen.routes.conflict = None;
    world.until("promoting", 100, phase("Promoting"));
}
