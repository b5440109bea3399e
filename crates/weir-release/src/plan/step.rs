//! One step: make ready, divide, watch, ask.

use std::time::Duration;

use weir_model::Role;

use super::Planner;
use crate::{
    action::Action,
    observation::{GateAnswer, Lookup, Sample},
    population::Population,
    spec::{OnError, OnInconclusive, Step, Watch, Weight},
    state::{BakeState, Division, HoldReason, Phase, StepStage, StepState},
    stats::Verdict,
};

/// How long a new version may go without a request before time is no longer credited to it, or half of the time
/// that a bake takes if that is less.
const QUIET: Duration = Duration::from_mins(1);

impl Planner<'_> {
    pub(super) fn step(&mut self, mut step: StepState, held: bool) {
        let spec = &self.spec.steps[step.index];
        if !held {
            step.elapsed += self.passed.elapsed;
        }
        let late = step.elapsed > self.spec.step_deadline;
        let next = match &step.stage {
            // A held step goes no further; what was counted before stays.
            StepStage::Baking { bake } if held => {
                let mut bake = bake.clone();
                self.count(spec, &mut bake, false);
                Some(StepStage::Baking { bake })
            }
            stage if held => Some(stage.clone()),
            StepStage::Preparing { passed } => self.prepare(spec, passed),
            StepStage::Routing => Some(self.divide(step.index, spec)),
            StepStage::Baking { bake } => self.bake(spec, bake, step.index),
            StepStage::Approving if self.divides_others(step.index, spec) => Some(self.begin_again()),
            StepStage::Approving => {
                self.wait(format!("approval of step {spec}"));
                Some(StepStage::Approving)
            }
        };
        let Some(stage) = next else { return self.leave_step(step.index) };
        let moved = std::mem::discriminant(&stage) != std::mem::discriminant(&step.stage);
        self.next.phase = Phase::Running { step: StepState { stage, ..step } };
        if late && !held && !moved {
            let message = format!("the step takes longer than it may; it waits for: {}", self.waiting_for);
            self.hold(HoldReason::Deadline, message);
        }
    }

    /// Finds the step again after the manifest was changed, before anything is decided by it.
    pub(super) fn find_step(&mut self) {
        let Phase::Running { step } = &self.next.phase else { return };
        let same =
            |index: usize| self.spec.steps.get(index).is_some_and(|spec| spec.to_string() == step.name);
        if same(step.index) {
            return;
        }
        let by_name = (0..self.spec.steps.len()).find(|index| same(*index));
        let index = by_name.unwrap_or_else(|| self.step_instead(step.index));
        let (name, elapsed) = (self.spec.steps[index].to_string(), step.elapsed);
        let stage = StepStage::Preparing { passed: Vec::new() };
        self.next.phase = Phase::Running { step: StepState { index, name, stage, elapsed } };
    }

    /// The step that takes the place of one that is gone. None is left out: where the weight was for some only, it
    /// says nothing of how far everybody else is, so everybody begins again.
    fn step_instead(&self, index: usize) -> usize {
        let steps = &self.spec.steps;
        let routing = self.next.routing.as_ref();
        let weight = routing.map_or(Weight::NONE, |routing| routing.split.weight(Role::Canary));
        let limited = routing.and_then(|routing| routing.population.as_ref()).filter(|before| before.limited);
        if let Some(before) = limited {
            let same = |step: &Step| step.weight == weight && Population::of(self.spec, step).is_same(before);
            let for_all = |step: &Step| step.audience.is_empty();
            return steps.iter().position(same).or_else(|| steps.iter().position(for_all)).unwrap_or(0);
        }
        let for_all = |step: &Step| step.audience.is_empty() && step.weight >= weight;
        let mut instead = steps.iter().position(for_all).unwrap_or_else(|| steps.len().saturating_sub(1));
        // Those for some that stand before it are not done yet.
        while instead > index && !steps[instead - 1].audience.is_empty() {
            instead -= 1;
        }
        instead
    }

    fn prepare(&mut self, spec: &Step, passed: &[String]) -> Option<StepStage> {
        let stay = |passed: Vec<String>| Some(StepStage::Preparing { passed });
        self.bring_back(Role::Canary);
        if let Some(fault) = self.unready(Role::Canary) {
            self.wait(fault);
            return stay(passed.to_vec());
        }
        let asked = spec.gates.iter().find(|gate| !passed.contains(&gate.name.to_string()));
        let Some(gate) = asked else { return Some(StepStage::Routing) };
        let mut passed = passed.to_vec();
        match self.seen.gates.get(&*gate.name) {
            Some(GateAnswer::Yes) => {
                self.event(false, "GatePassed", format!("Gate {} says yes.", gate.name));
                passed.push(gate.name.to_string());
            }
            answer => {
                let why = match answer {
                    Some(GateAnswer::No(why)) => format!(", which says no: {why}"),
                    _ => String::new(),
                };
                self.wait(format!("gate {}{why}", gate.name));
                self.actions.push(Action::Ask(gate.clone()));
            }
        }
        stay(passed)
    }

    /// Why a version cannot take requests yet.
    pub(super) fn unready(&self, role: Role) -> Option<String> {
        if let Some(missing) = self.missing(role) {
            return Some(missing);
        }
        let (version, seen) = (self.spec.version(role), self.seen.version(role));
        if let (Lookup::Found(found), Some(workload)) = (&seen.workload, &version.workload) {
            if found.desired == 0 {
                return Some(format!("{workload}, which has no replicas: scale it up"));
            }
            if !found.settled || found.ready < found.desired {
                return Some(format!("{workload}: {} of {} pods are ready", found.ready, found.desired));
            }
        }
        let key = &version.service;
        (seen.ready == 0)
            .then(|| format!("an endpoint of Service {}/{} to be ready", key.namespace, key.service))
    }

    fn divide(&mut self, index: usize, spec: &Step) -> StepStage {
        let split = Division::Step { step: index, weight: spec.weight };
        if !self.in_force(split) {
            return StepStage::Routing;
        }
        self.event(false, "Routed", format!("Step {spec}: {} go to the new version.", spec.weight));
        self.next.clock.begin();
        StepStage::Baking { bake: BakeState::default() }
    }

    /// Whether the manifest says by now that other people are divided than those who are.
    fn divides_others(&self, index: usize, spec: &Step) -> bool {
        let split = Division::Step { step: index, weight: spec.weight };
        let routed = self.next.routing.as_ref().is_some_and(|routing| routing.split == split);
        routed && !self.is_routed(&split, self.population(&split).as_ref())
    }

    /// What was proven for some is not proven for others.
    fn begin_again(&mut self) -> StepStage {
        let message =
            "The audience, the overrides or the keys of clients were changed: the time begins again.";
        self.event(true, "BakeReset", message.into());
        StepStage::Routing
    }

    /// Counts the time that counts. `None` when the step is over.
    fn bake(&mut self, spec: &Step, bake: &BakeState, index: usize) -> Option<StepStage> {
        let baking = |bake| Some(StepStage::Baking { bake });
        let split = Division::Step { step: index, weight: spec.weight };
        if self.divides_others(index, spec) {
            return Some(self.begin_again());
        }
        if self.next.routing.as_ref().is_none_or(|routing| routing.split != split) {
            // The manifest was changed: this weight has not proven anything.
            return Some(StepStage::Routing);
        }
        let everywhere = self.in_force(split);
        let mut bake = bake.clone();
        self.count(spec, &mut bake, everywhere);
        if !everywhere || self.next.hold.is_some() {
            return baking(bake);
        }
        if let Some(missing) = self.unfinished(spec, &bake) {
            self.wait(missing);
            return baking(bake);
        }
        let undecided = self.spec.analysis.on_inconclusive == OnInconclusive::Hold
            && self.verdict() == Verdict::Inconclusive;
        if undecided {
            // Evidence comes by itself; if it does not, the step takes too long and is held.
            let eta = self.eta().map_or(String::new(), |eta| format!(", {eta}"));
            self.wait(format!("evidence that the new version is no worse{eta}; promote to go on without"));
            return baking(bake);
        }
        if spec.approval {
            self.event(false, "ApprovalNeeded", format!("Step {spec} is done, and waits for approval."));
            return Some(StepStage::Approving);
        }
        None
    }

    /// Counts what came. Errors count also while no time does: what is held, or not in force everywhere, runs on.
    fn count(&mut self, spec: &Step, bake: &mut BakeState, time_counts: bool) {
        let canary = self.passed.canary;
        bake.requests = bake.requests.saturating_add(canary.all());
        bake.errors = bake.errors.saturating_add(canary.all_errors());
        if time_counts {
            self.credit(spec, bake);
        }
        let failing = canary.failures > 0 || canary.all_errors() > 0;
        if spec.bake.clean && failing && !self.is_explained(bake) {
            self.stain(spec, bake, canary.all_errors());
        }
    }

    /// Counts the time.
    fn credit(&mut self, spec: &Step, bake: &mut BakeState) {
        let canary = self.passed.canary;
        bake.quiet = if canary.all() > 0 || canary.failures > 0 {
            Duration::ZERO
        } else {
            bake.quiet + self.passed.elapsed
        };
        let flows = !spec.bake.clean || bake.quiet < quiet(spec);
        if flows && self.unready(Role::Canary).is_none() && self.blind().is_none() {
            bake.credited += self.passed.proven;
        }
        let patience = spec.bake.duration.max(QUIET);
        if self.spec.analysis.hold_without_data && spec.bake.clean && bake.quiet > patience {
            let message = "no request has reached the new version for as long as the step should take; \
                           see that clients come, or promote to go on without";
            self.hold(HoldReason::NoData, message.into());
        }
    }

    /// Whether the errors of this step are no more than the old version's would be, as far as it has been seen in
    /// this attempt: three standard deviations and one more. What is seldom worse is left to the guardrail.
    fn is_explained(&self, bake: &BakeState) -> bool {
        let Some(stable) = self.next.evidence.as_ref().map(|evidence| evidence.stable) else { return false };
        if stable.errors == 0 {
            return false;
        }
        let expected = as_float(stable.errors) / as_float(stable.requests.max(1)) * as_float(bake.requests);
        as_float(bake.errors) <= expected + 3.0 * expected.sqrt() + 1.0
    }

    /// An error of the new version that the old one does not have. A client that goes on to fail is not counted
    /// again, and keeps the time from counting.
    fn stain(&mut self, spec: &Step, bake: &mut BakeState, clients: u64) {
        bake.alone = bake.alone.saturating_add(clients);
        let count = bake.alone;
        match spec.bake.on_error {
            OnError::Count(allowed) if count <= allowed => {}
            OnError::Hold => {
                let clients = crate::text::count(count, "client");
                let message = format!("{clients} had an error of the new version alone");
                self.hold(HoldReason::Error, message);
            }
            OnError::ResetClock | OnError::Count(_) if clients == 0 || bake.credited.is_zero() => {
                bake.credited = Duration::ZERO;
            }
            OnError::ResetClock | OnError::Count(_) => {
                bake.credited = Duration::ZERO;
                bake.resets += 1;
                bake.alone = 0;
                bake.errors = 0;
                let clients = crate::text::count(count, "client");
                let message =
                    format!("{clients} had an error of the new version alone: the time begins again.");
                self.event(true, "BakeReset", message);
            }
        }
    }

    /// A guardrail that has nothing to judge by: time without it proves nothing.
    fn blind(&self) -> Option<String> {
        let guardrails = self.spec.analysis.guardrails.iter();
        let mut asks = guardrails.filter(|guardrail| matches!(guardrail.watch, Watch::Prometheus(_)));
        asks.find_map(|guardrail| match self.seen.samples.get(&*guardrail.name) {
            Some(Sample::Value(_)) => None,
            Some(Sample::Nothing(why)) => Some(format!("guardrail {} has no number: {why}", guardrail.name)),
            None => Some(format!("guardrail {} has no number yet", guardrail.name)),
        })
    }

    /// What a bake still lacks.
    fn unfinished(&self, spec: &Step, bake: &BakeState) -> Option<String> {
        let bake_for = spec.bake.duration;
        if bake.credited < bake_for {
            let left = bake_for.saturating_sub(bake.credited);
            let fault = self.unready(Role::Canary).map(|fault| format!("it waits for {fault}"));
            let fault = fault.or_else(|| self.blind());
            let fault = fault.map(|why| format!("; {why}, so no time counts"));
            let why = match fault.as_deref() {
                Some(why) => why,
                None if bake.quiet >= quiet(spec) && spec.bake.clean => {
                    "; no requests come, so no time counts"
                }
                None if self.passed.proven.is_zero() && !self.passed.elapsed.is_zero() => {
                    "; a proxy does not report, so no time counts"
                }
                None => "",
            };
            let clean = if spec.bake.clean { " without exceptions" } else { "" };
            return Some(format!("{}{clean}{why}", crate::text::duration(left)));
        }
        let missing = spec.bake.min_requests.saturating_sub(bake.requests);
        (missing > 0).then(|| format!("{missing} more requests to the new version"))
    }

    /// Goes on behind a step.
    pub(super) fn leave_step(&mut self, index: usize) {
        if index + 1 < self.spec.steps.len() {
            self.enter_step(index + 1);
        } else {
            self.event(false, "Promoting", "All steps are done: everything goes to the new version.".into());
            self.next.phase = Phase::Promoting;
        }
    }
}

fn quiet(spec: &Step) -> Duration {
    QUIET.min(spec.bake.duration / 2)
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests stay far below 2^52")]
fn as_float(number: u64) -> f64 {
    number as f64
}
