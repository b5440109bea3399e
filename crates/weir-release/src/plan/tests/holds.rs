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
