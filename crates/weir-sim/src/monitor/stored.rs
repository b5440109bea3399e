//! What a change of the stored state may be.

use std::time::Duration;

use weir_model::Role;
use weir_release::state::{AbortStage, OfflineStage, Phase, State, StepStage};

use super::{broken, canary_weight, step_of};
use crate::world::World;

/// Looks at a state that was stored just now, after another one.
pub(crate) fn stored(world: &mut World, before: &State) {
    let after = world.store.load();
    excuse(world, before, &after);
    go_back_at_once(world, before, &after);
    pass_with_everybody(world, before, &after);
    if before.routing != after.routing {
        rise_in_time(world, before, &after);
        keep_while_held(world, before, &after);
        begin_from_nothing(world, before, &after);
        find_pods(world, before, &after);
        if let Some(routing) = &after.routing {
            let known = (world.now, routing.clone());
            if let Some((_, old)) = world.monitor.routings.insert((routing.attempt, routing.epoch), known)
                && old != *routing
            {
                broken(world, "law 1", &format!("{old:?} and {routing:?} have the same epoch"));
            }
        }
        world.monitor.in_force_at = None;
        world.monitor.excused = false;
    }
    credit_what_passed(world, &after);
}

fn applied<'a>(before: &State, after: &'a State) -> Option<&'a str> {
    let acted = after.last_action.as_ref().filter(|acted| acted.refused.is_none())?;
    (before.last_action.as_ref() != Some(acted)).then_some(acted.verb.as_str())
}

/// People may go faster than bakes.
fn excuse(world: &mut World, before: &State, after: &State) {
    if matches!(applied(before, after), Some("promote" | "retry" | "approve")) {
        world.monitor.excused = true;
    }
}

/// Law 3: the decision to go back and the weight of 0 are one write, unless the old version is offline.
fn go_back_at_once(world: &mut World, before: &State, after: &State) {
    let begins =
        matches!(after.phase, Phase::Aborting { .. }) && !matches!(before.phase, Phase::Aborting { .. });
    let returns = |state: &State| matches!(&state.phase, Phase::Aborting { abort } if abort.state != AbortStage::Restoring);
    if begins && returns(after) && canary_weight(after.routing.as_ref()) > 0 {
        broken(world, "law 3", "everything goes back, and the weight is not 0");
    }
    let restores = begins && !returns(after);
    let stable = world.cluster.of(Role::Stable);
    if restores && stable.ready > 0 && stable.scaled_by_weir.is_none() {
        broken(world, "law 3", "the old version is waited for, and is ready");
    }
    let back = match &after.phase {
        Phase::Aborting { .. } => (begins || !returns(before)) && returns(after),
        Phase::RolledBack { .. } => false,
        Phase::Offlining { offline } if offline.role == Role::Canary => false,
        _ => return world.monitor.went_back_at = None,
    };
    if back {
        world.monitor.went_back_at = Some(world.now);
    }
}

/// Law 4: what waits for proxies passes when every proxy that serves has the epoch.
fn pass_with_everybody(world: &mut World, before: &State, after: &State) {
    if before.routing != after.routing || !waits_for_proxies(before) || !passed(before, after) {
        return;
    }
    let Some(wanted) = before.routing.as_ref().map(|routing| (routing.attempt, routing.epoch)) else {
        return;
    };
    let without = world.proxies.iter().find(|(_, proxy)| proxy.up && proxy.epoch() < Some(wanted));
    if let Some(name) = without.map(|(name, _)| name.clone()) {
        let what =
            format!("{} went on to {}, and {name} lacks epoch {wanted:?}", name_of(before), name_of(after));
        broken(world, "law 4", &what);
    }
}

fn waits_for_proxies(state: &State) -> bool {
    match &state.phase {
        Phase::Running { step } => step.stage == StepStage::Routing,
        Phase::Offlining { offline } => offline.state == OfflineStage::Detach,
        Phase::Aborting { abort } => abort.state == AbortStage::Routing,
        Phase::Promoting | Phase::Superseded => true,
        _ => false,
    }
}

/// Whether it went on the way that only acknowledgements open.
fn passed(before: &State, after: &State) -> bool {
    match (&before.phase, &after.phase) {
        (Phase::Running { .. }, Phase::Running { step }) => matches!(step.stage, StepStage::Baking { .. }),
        (Phase::Offlining { .. }, Phase::Offlining { offline }) => offline.state > OfflineStage::Detach,
        (Phase::Aborting { .. }, Phase::Aborting { abort }) => abort.state == AbortStage::Keeping,
        (Phase::Promoting, Phase::Offlining { .. }) | (Phase::Superseded, Phase::Pending) => true,
        _ => false,
    }
}

/// Law 2: no weight rises before its bake, and no step is left out.
fn rise_in_time(world: &mut World, before: &State, after: &State) {
    let (old, new) = (canary_weight(before.routing.as_ref()), canary_weight(after.routing.as_ref()));
    if new <= old || world.monitor.excused {
        return;
    }
    let from = step_of(before.routing.as_ref()).filter(|_| attempt(before) == attempt(after));
    let to = step_of(after.routing.as_ref()).unwrap_or(world.spec.steps.len());
    if to != from.map_or(0, |from| from + 1) {
        broken(world, "law 2", &format!("the weight rose from step {from:?} to step {to}"));
    }
    let Some(from) = from else { return };
    let wanted = world.spec.steps[from].bake.duration;
    let baked = world.monitor.in_force_at.map_or(Duration::ZERO, |at| world.since(at));
    if baked < wanted {
        broken(world, "law 2", &format!("step {from} baked for {baked:?} of {wanted:?}"));
    }
}

fn attempt(state: &State) -> Option<u64> {
    state.attempt.as_ref().map(|attempt| attempt.number)
}

/// Law 2: no more time is credited than has passed since every proxy had the weight.
fn credit_what_passed(world: &mut World, after: &State) {
    let Phase::Running { step } = &after.phase else { return };
    let StepStage::Baking { bake } = &step.stage else { return };
    // What is in force within this second is noted at its end.
    let passed = world.monitor.in_force_at.map_or(Duration::ZERO, |at| world.since(at));
    if bake.credited > passed + Duration::from_secs(1) {
        let what = format!("{:?} are credited, and {passed:?} have passed", bake.credited);
        broken(world, "law 2", &what);
    }
}

/// Whoever holds a release holds its weights, unless everything goes back.
fn keep_while_held(world: &mut World, before: &State, after: &State) {
    let held = before.hold.is_some() && after.hold.is_some();
    if held && canary_weight(after.routing.as_ref()) > 0 && applied(before, after).is_none() {
        let what = format!("the weight changed to {:?} while it was held", after.routing);
        broken(world, "held", &what);
    }
}

/// Law 7: another attempt begins when the one before has nothing left anywhere.
fn begin_from_nothing(world: &mut World, before: &State, after: &State) {
    let (Some(old), Some(new)) = (&before.routing, &after.routing) else { return };
    if old.attempt == new.attempt || canary_weight(Some(new)) == 0 {
        return;
    }
    let late = world.proxies.iter().find(|(_, proxy)| proxy.up && proxy.canary_weight() > 0);
    if let Some(name) = late.map(|(name, _)| name.clone()) {
        broken(world, "law 7", &format!("{name} still has the version of attempt {}", old.attempt));
    }
}

/// Nothing new is sent to a version without a pod.
fn find_pods(world: &mut World, before: &State, after: &State) {
    let (old, new) = (canary_weight(before.routing.as_ref()), canary_weight(after.routing.as_ref()));
    if new > old && world.cluster.of(Role::Canary).ready == 0 {
        broken(world, "nobody is lost", "the new version gets requests, and has no pod that is ready");
    }
}

fn name_of(state: &State) -> String {
    match &state.phase {
        Phase::Running { step } => format!("Running/{}/{}", step.index, stage_name(&step.stage)),
        Phase::Offlining { offline } => format!("Offlining/{:?}", offline.state),
        Phase::Aborting { abort } => format!("Aborting/{:?}", abort.state),
        phase => phase.as_str().to_owned(),
    }
}

/// The name of a stage.
pub(crate) fn stage_name(stage: &StepStage) -> &'static str {
    match stage {
        StepStage::Preparing { .. } => "Preparing",
        StepStage::Routing => "Routing",
        StepStage::Baking { .. } => "Baking",
        StepStage::Approving => "Approving",
    }
}
