//! Manifests that are changed while a step is under way.

use weir_model::{Absent, Case, Condition, Predicate, ReleaseKey, Split, Subject, Test};

use super::*;
use crate::spec::{Override, Stage};

fn cookie(name: &str) -> Predicate {
    let subject = Subject::Cookie(name.into(), Case::Sensitive);
    Condition { subject, test: Test::Present, absent: Absent::Fails }.into()
}

fn for_some(step: Step, whose: &str) -> Step {
    Step { audience: vec![cookie(whose)], ..step }
}

/// All of the beta group, then everybody by and by.
fn beta_first() -> Spec {
    let steps = vec![for_some(step("beta", 100, 30), "beta"), step("fifth", 20, 30), step("all", 100, 30)];
    Spec { steps, ..spec() }
}

/// What proxies are told.
fn told(world: &World) -> Split {
    crate::overlay(&ReleaseKey::new("shop", "shop"), &world.spec, &world.state).split.unwrap()
}

fn canary_weight(split: &Split) -> u32 {
    let canary = split.arms().iter().filter(|arm| &*arm.backend.service == "v2");
    canary.map(|arm| arm.weight).sum()
}

fn is_baking(world: &World, name: &str) -> bool {
    baking(&world.state) && matches!(&world.state.phase, Phase::Running { step } if step.name == name)
}

/// Halfway through the first bake.
fn halfway(spec: Spec) -> World {
    let mut world = World::new(spec);
    world.until("baking", 10, baking);
    for _ in 0..20 {
        world.tick();
    }
    world
}

fn credited(world: &World) -> Duration {
    match &world.state.phase {
        Phase::Running { step } => match &step.stage {
            StepStage::Baking { bake } => bake.credited,
            _ => Duration::ZERO,
        },
        _ => Duration::ZERO,
    }
}

#[test]
fn the_weight_of_an_audience_is_never_everybodys() {
    let mut world = halfway(beta_first());
    assert_eq!((canary_weight(&told(&world)), told(&world).audience.len()), (10_000, 1));
    world.state.hold = Some(Hold { reason: HoldReason::Paused, message: "p".into(), since: world.now });
    world.spec.steps.remove(0);
    let split = told(&world);
    assert!(!split.audience.is_empty() || canary_weight(&split) == 0, "everybody: {split:?}");
    world.spec.steps.insert(0, step("before", 5, 30));
    world.spec.steps.insert(1, for_some(step("beta", 100, 30), "beta"));
    assert_eq!(told(&world).audience, [cookie("beta")], "it is found at another place");
}

#[test]
fn no_step_is_left_out_when_one_for_some_is_removed() {
    let mut world = halfway(beta_first());
    world.spec.steps.remove(0);
    world.tick();
    world.until("baking", 10, baking);
    assert!(is_baking(&world, "fifth"), "{:?}", world.state.phase);
}

#[test]
fn a_step_for_some_that_is_renamed_is_the_same() {
    let mut world = halfway(Spec {
        steps: [step("one", 10, 30)].into_iter().chain(beta_first().steps).collect(),
        ..spec()
    });
    world.until("beta", 60, |state| matches!(&state.phase, Phase::Running { step } if step.name == "beta"));
    world.until("baking", 5, baking);
    world.spec.steps[1].name = "testers".into();
    world.tick();
    world.until("baking", 5, baking);
    assert!(is_baking(&world, "testers"), "{:?}", world.state.phase);
}

#[test]
fn a_step_for_some_behind_one_that_is_removed_is_not_left_out() {
    let steps = vec![
        step("fifth", 20, 30),
        for_some(step("beta", 100, 30), "beta"),
        step("half", 50, 30),
        step("all", 100, 30),
    ];
    let mut world = halfway(Spec { steps, ..spec() });
    world.spec.steps.remove(0);
    world.tick();
    world.until("baking", 5, baking);
    assert!(is_baking(&world, "beta"), "{:?}", world.state.phase);
}

#[test]
fn time_that_was_credited_for_some_is_none_for_others() {
    type Change = (&'static str, fn(&mut Spec));
    let changes: [Change; 4] = [
        ("audience", |spec| spec.steps[0].audience = vec![cookie("staff")]),
        ("no audience", |spec| spec.steps[0].audience.clear()),
        ("overrides", |spec| {
            let qa = Override { name: "qa".into(), any: vec![cookie("qa")], to: Role::Stable };
            spec.overrides.push(qa);
        }),
        ("keys", |spec| spec.keys = vec![StickyKey::Cookie("uid".into())]),
    ];
    for (what, change) in changes {
        let mut world = halfway(beta_first());
        let before = world.state.routing.clone().unwrap();
        assert!(credited(&world) > 15 * SECOND, "{what}");
        change(&mut world.spec);
        world.tick();
        world.until("baking", 5, baking);
        assert!(credited(&world) < 5 * SECOND, "{what}: {:?} are still credited", credited(&world));
        let after = world.state.routing.clone().unwrap();
        assert!(
            after.epoch > before.epoch && after.split == before.split,
            "{what}: every proxy has to have it"
        );
        assert!(
            world.events.iter().any(|event| event.starts_with("BakeReset")),
            "{what}: {:?}",
            world.events
        );
    }
}

#[test]
fn what_waits_for_approval_bakes_again_when_others_are_divided() {
    let mut spec = beta_first();
    spec.steps[0].approval = true;
    let mut world = World::new(spec);
    let approving =
        |state: &State| matches!(&state.phase, Phase::Running { step } if step.stage == StepStage::Approving);
    world.until("approving", 60, approving);
    world.spec.steps[0].audience = vec![cookie("staff")];
    world.tick();
    assert!(!approving(&world.state), "{:?}", world.state.phase);
    world.until("approving", 60, approving);
}

#[test]
fn what_does_not_change_who_is_divided_keeps_the_time() {
    let mut world = halfway(beta_first());
    world.spec.steps[0].bake.duration = 60 * SECOND;
    world.spec.steps.insert(1, step("tenth", 10, 30));
    world.tick();
    assert!(credited(&world) > 15 * SECOND);
}

#[test]
fn a_ramp_with_other_stages_goes_on_at_its_weight() {
    let stage = |weight, number, of| Step { stage: Some(Stage { number, of }), ..step("ramp", weight, 30) };
    let ramp = |weights: &[u16]| {
        let of = u16::try_from(weights.len()).unwrap();
        let stages = weights.iter().zip(1..).map(|(weight, number)| stage(*weight, number, of));
        stages.collect::<Vec<_>>()
    };
    let mut world = World::new(Spec { steps: ramp(&[20, 60, 100]), ..spec() });
    world.until("60 %", 60, |state| {
        baking(state) && matches!(&state.phase, Phase::Running { step } if step.index == 1)
    });
    world.spec.steps = ramp(&[20, 40, 60, 80, 100]);
    world.tick();
    world.until("baking", 5, baking);
    assert!(is_baking(&world, "ramp 3/5"), "{:?}", world.state.phase);
}
