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
