//! Manifests that are changed while a release is under way.

use std::time::Duration;

use weir_model::Role;
use weir_release::spec::{OnInconclusive, ScaleDown, Spec, Weight};
use weir_sim::{chance::Chance, cluster::Foreign, histories, specs};

use super::{HISTORIES, is_completed, is_over, is_rolled_back, run_until};

const WAYS: [ScaleDown; 3] = [ScaleDown::Annotate, ScaleDown::None, ScaleDown::Scale { keep: 1 }];

/// Somebody edits what is asked for.
fn edit(spec: &mut Spec, chance: &mut Chance) {
    let position = usize::try_from(chance.below(spec.steps.len() as u64)).unwrap_or(0);
    match chance.below(6) {
        0 => spec.steps.insert(position, specs::step(new_weight(spec), Duration::from_secs(10))),
        1 if spec.steps.len() > 1 => drop(spec.steps.remove(position)),
        2 => spec.steps[position].weight = Weight::new(4_000).expect("a weight"),
        3 => spec.steps[position].bake.duration = Duration::from_secs(30),
        4 => spec.offline.scale_down = *chance.one_of(&WAYS),
        _ => spec.analysis.on_inconclusive = OnInconclusive::Proceed,
    }
}

/// One that no other step has, so that its name is its own.
fn new_weight(spec: &Spec) -> u16 {
    let taken = |weight: u16| spec.steps.iter().any(|step| step.weight.basis_points() == weight);
    (1_000..).step_by(100).find(|weight| !taken(*weight)).unwrap_or(1_000)
}

#[test]
fn a_release_ends_whatever_is_edited() {
    for seed in 0..HISTORIES {
        let mut world = histories::rough(seed);
        let mut chance = Chance::new(seed);
        for _ in 0..5 {
            let wait = chance.below(40);
            world.until(wait, is_over);
            edit(&mut world.spec, &mut chance);
            world.monitor.excuse();
        }
        run_until(&mut world, &seed, is_completed);
    }
}

#[test]
fn a_manifest_that_pauses_is_obeyed() {
    for seed in 0..20 {
        let mut world = histories::rough(seed);
        world.until(40, |_| false);
        world.spec.paused = true;
        world.until(5, |_| false);
        let running = !is_over(&world);
        let before = world.state().routing.clone();
        world.until(300, |_| false);
        assert!(
            !running || world.state().routing == before || world.controller.is_none(),
            "seed {seed}: it goes on"
        );
        world.spec.paused = false;
        world.ask(weir_release::verb::Verb::Resume);
        run_until(&mut world, &seed, is_completed);
    }
}

#[test]
fn a_rollback_ends_beside_others_who_scale() {
    // In 1303 the controller dies between most of its writes and its next looks.
    for seed in (0..HISTORIES).chain([1_303]) {
        let mut world = histories::contested(seed);
        let foreign = world.cluster.of(Role::Stable).foreign;
        world.cluster.of_mut(Role::Canary).foreign = match foreign {
            Foreign::GitOps { every, .. } => Foreign::GitOps { replicas: 3, every },
            foreign => foreign,
        };
        world.load.canary = 0.6;
        run_until(&mut world, &seed, is_rolled_back);
    }
}
