//! What happens next.
//!
//! ```text
//! Pending ─► Running( Preparing ─► Routing ─► Baking ─► Approving )* ─► Promoting ─► Offlining ─► Completed
//!    ▲            │                                                         │            │
//!    └─ Superseded ◄┘      any of them ─► Aborting ─► Offlining (the new version) ─► RolledBack ◄┘
//! ```
//! [`plan`] makes one transition at most. Whoever runs it stores the next state before anything is done that
//! follows from it, and then asks again.

mod abort;
mod acknowledge;
mod judge;
mod offline;
mod requests;
mod step;

use jiff::Timestamp;

use weir_model::Role;

use crate::{
    action::{Action, Event},
    clock::Passed,
    observation::{Lookup, Observation},
    population::Population,
    spec::Spec,
    state::{
        Attempt, Division, Failure, Hold, HoldReason, Phase, Routing, Services, State, StepStage, StepState,
    },
};

/// Why a release is held by its own manifest.
const PAUSED: &str = "spec.paused is true; set it to false to go on";
/// Why a release goes no further with other versions.
const CHANGED: &str = "spec.stable or spec.canary names another Service than the release began with: change it back, \
                       or make a Release of its own for other versions";

/// What happens next.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where the release stands then.
    pub next: State,
    /// What has to be done once that is stored.
    pub actions: Vec<Action>,
    /// What it is about.
    pub report: Report,
}

/// What a plan is about, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What the release waits for, in a sentence; empty when it is over.
    pub waiting_for: String,
    /// Whether the next state has to be stored before anything else happens. What only counts on may be
    /// stored later, and is counted again after a crash.
    pub transition: bool,
}

/// Decides what happens next.
///
/// Pure: the same arguments give the same plan, and applying it twice does no more than once.
pub fn plan(spec: &Spec, state: &State, seen: &Observation, now: Timestamp) -> Plan {
    let mut next = state.clone();
    let passed = next.clock.advance(seen, now);
    let mut planner =
        Planner { spec, seen, now, passed, next, actions: Vec::new(), waiting_for: String::new() };
    planner.run();
    let Planner { next, actions, waiting_for, .. } = planner;
    let transition = is_transition(state, &next);
    Plan { next, actions, report: Report { waiting_for, transition } }
}

/// Whether more has changed than counters.
fn is_transition(before: &State, after: &State) -> bool {
    let counted = |state: &State| {
        let mut state = State { clock: crate::state::Clock::default(), evidence: None, ..state.clone() };
        state.scaled.values_mut().for_each(|scaled| scaled.since = 0);
        match &mut state.phase {
            Phase::Running { step } => {
                step.elapsed = std::time::Duration::ZERO;
                if let StepStage::Baking { bake } = &mut step.stage {
                    *bake = crate::state::BakeState { resets: bake.resets, ..Default::default() };
                }
            }
            Phase::Offlining { offline } => {
                (offline.elapsed, offline.told) = (std::time::Duration::ZERO, false);
            }
            Phase::Aborting { abort } => abort.elapsed = std::time::Duration::ZERO,
            _ => {}
        }
        state
    };
    counted(before) != counted(after)
}

/// Everything that deciding needs.
struct Planner<'a> {
    spec: &'a Spec,
    seen: &'a Observation,
    now: Timestamp,
    passed: Passed,
    next: State,
    actions: Vec<Action>,
    waiting_for: String,
}

/// Whether a part of the plan has decided, so that nothing else is looked at now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decided {
    Yes,
    No,
}

// === impl Planner ===

impl Planner<'_> {
    /// What somebody asks for comes first, an abort before everything; then what the new version shows; then
    /// the way that is written.
    fn run(&mut self) {
        self.find_step();
        let decided = self.delete() == Decided::Yes
            || self.request() == Decided::Yes
            || self.judge() == Decided::Yes
            || self.look_at_revisions() == Decided::Yes;
        if !decided {
            self.go_on();
        }
        if let Some(hold) = self.next.hold.as_ref().filter(|_| !self.next.phase.is_over()) {
            self.waiting_for = format!("held: {}", hold.message);
        }
        self.say_what_keeps_it();
    }

    fn go_on(&mut self) {
        let held = self.is_held();
        match self.next.phase.clone() {
            Phase::Pending => self.pending(),
            Phase::Running { step } => self.step(step, held),
            Phase::Superseded => self.superseded(),
            Phase::Promoting => self.promoting(held),
            Phase::Offlining { offline } => self.offline(offline, held),
            Phase::Aborting { abort } => self.abort_on(&abort, held),
            Phase::Completed { .. } | Phase::RolledBack { .. } => self.over(),
        }
    }

    /// Follows the manifest's own pause, and says whether anything holds the release.
    fn is_held(&mut self) -> bool {
        let (paused, changed) = (self.spec.paused, self.has_other_versions());
        // What is over makes room first, so that no other reason to wait is lost.
        self.next.hold.take_if(|hold| {
            hold.message == PAUSED && !paused
                || hold.reason == HoldReason::VersionsChanged && !changed
                || hold.reason == HoldReason::Conflict && self.seen.routes.conflict.is_none()
        });
        if paused {
            self.hold(HoldReason::Paused, PAUSED.into());
        }
        if changed {
            self.hold(HoldReason::VersionsChanged, CHANGED.into());
        }
        if matches!(self.next.phase, Phase::Running { .. } | Phase::Promoting) {
            self.look_for_others();
        }
        self.next.hold.is_some()
    }

    /// Whether the manifest names other Services than the attempt is about. What proxies obey stays.
    fn has_other_versions(&self) -> bool {
        let services = self.next.routing.as_ref().and_then(|routing| routing.services.as_ref());
        services.is_some_and(|services| *services != Services::of(self.spec))
    }

    fn pending(&mut self) {
        if let Some(fault) = self.obstacle() {
            return self.wait(fault);
        }
        if self.next.hold.as_ref().is_some_and(|hold| hold.reason == HoldReason::Conflict) {
            self.next.hold = None;
        }
        let number = self.next.attempt.as_ref().map_or(1, |attempt| attempt.number);
        self.begin(number, 0);
    }

    /// What keeps the release from beginning at all.
    fn obstacle(&mut self) -> Option<String> {
        if let Some(message) = self.look_for_others() {
            return Some(message);
        }
        if let Some(fault) = self.seen.routes.faults.first() {
            return Some(fault.clone());
        }
        Role::ALL.into_iter().find_map(|role| self.missing(role))
    }

    /// Is held while another release has the routes; says which.
    fn look_for_others(&mut self) -> Option<String> {
        let other = self.seen.routes.conflict.as_ref()?;
        let message =
            format!("{other} has one of these routes, and was there first; finish or delete it first");
        self.hold(HoldReason::Conflict, message.clone());
        Some(message)
    }

    /// What of a version is not there.
    fn missing(&self, role: Role) -> Option<String> {
        let version = self.spec.version(role);
        let seen = self.seen.version(role);
        let field = format!("spec.{}", role.as_str());
        if !seen.service {
            let key = &version.service;
            return Some(format!(
                "Service {}/{} ({field}.service) is missing: create it",
                key.namespace, key.service
            ));
        }
        match (&seen.workload, &version.workload) {
            (Lookup::Unknown, Some(workload)) => Some(format!(
                "{workload} ({field}.workload) to be read; the controller's log says what fails"
            )),
            (Lookup::Missing, Some(workload)) => {
                Some(format!("{workload} ({field}.workload) is missing: create it, or leave the field out"))
            }
            _ => None,
        }
    }

    /// Begins an attempt with a step.
    fn begin(&mut self, number: u64, index: usize) {
        let revision = |role| self.seen.version(role).revision().map(str::to_owned);
        let attempt = Attempt {
            number,
            stable: revision(Role::Stable),
            canary: revision(Role::Canary),
            started_at: self.now,
        };
        self.next.attempt = Some(attempt);
        self.next.evidence = None;
        self.next.failure = None;
        self.next.drained.clear();
        self.next.clock.restart();
        self.enter_step(index);
    }

    fn enter_step(&mut self, index: usize) {
        let index = index.min(self.spec.steps.len().saturating_sub(1));
        let name = self.spec.steps[index].to_string();
        self.event(false, "StepStarted", format!("Step {name} begins."));
        let stage = StepStage::Preparing { passed: Vec::new() };
        let step = StepState { index, name, stage, elapsed: std::time::Duration::ZERO };
        self.next.phase = Phase::Running { step };
    }

    /// A new version takes the place of the one under way: first that one gets nothing more.
    fn superseded(&mut self) {
        if self.in_force(Division::All { role: Role::Stable }) {
            let number = self.next.attempt.as_ref().map_or(1, |attempt| attempt.number + 1);
            self.next.phase = Phase::Pending;
            if let Some(attempt) = &mut self.next.attempt {
                attempt.number = number;
            }
        }
    }

    fn promoting(&mut self, held: bool) {
        let all = Division::All { role: Role::Canary };
        let routed = self.next.routing.as_ref().is_some_and(|routing| routing.split == all);
        if let Some(fault) = self.unready(Role::Canary).filter(|_| !routed) {
            return self.wait(fault);
        }
        if !held && self.in_force(all) {
            let version = &self.spec.canary.service;
            let message = format!("Everything goes to {}/{}.", version.namespace, version.service);
            self.event(false, "Promoted", message);
            self.go_offline(Role::Stable);
        }
    }

    fn over(&mut self) {
        if self.has_other_versions() {
            return self.wait(CHANGED);
        }
        let retried = matches!(self.next.phase, Phase::RolledBack { .. }) && self.is_replaced(Role::Canary);
        if let Some(other) = self.seen.routes.conflict.as_ref().filter(|_| retried) {
            self.wait(format!("{other}, which has one of these routes, before the new revision is tried"));
        } else if retried {
            let number = self.next.attempt.as_ref().map_or(1, |attempt| attempt.number + 1);
            self.event(false, "NewRevision", "The new version was replaced: it is tried again.".into());
            self.restore(Role::Canary);
            self.begin(number, 0);
        }
    }

    /// Notices that a version is no longer the one that this attempt began with.
    fn look_at_revisions(&mut self) -> Decided {
        let under_way = matches!(self.next.phase, Phase::Running { .. } | Phase::Promoting);
        if !under_way {
            return Decided::No;
        }
        self.learn_revisions();
        if self.is_replaced(Role::Canary) {
            self.event(
                true,
                "Superseded",
                "The new version was replaced: it begins again from nothing.".into(),
            );
            self.route(Division::All { role: Role::Stable });
            self.next.phase = Phase::Superseded;
            // What it was held for is over with it, but whoever paused it has not said to go on.
            self.next.hold.take_if(|hold| hold.reason != HoldReason::Paused);
            return Decided::Yes;
        }
        // A pause stays; behind it, this is found again.
        let known = self
            .next
            .hold
            .as_ref()
            .is_some_and(|hold| matches!(hold.reason, HoldReason::StableChanged | HoldReason::Paused));
        if self.is_replaced(Role::Stable) && !known {
            let message = "the old version was changed underneath, so nothing can be compared with it; \
                           resume to begin the comparison again";
            self.next.hold = None;
            self.hold(HoldReason::StableChanged, message.into());
            return Decided::Yes;
        }
        Decided::No
    }

    /// What could not be known when the attempt began is known from now on.
    fn learn_revisions(&mut self) {
        let [stable, canary] = [&self.seen.stable, &self.seen.canary].map(|seen| seen.revision());
        let Some(attempt) = &mut self.next.attempt else { return };
        for (known, seen) in [(&mut attempt.stable, stable), (&mut attempt.canary, canary)] {
            if known.is_none() {
                *known = seen.map(str::to_owned);
            }
        }
    }

    fn is_replaced(&self, role: Role) -> bool {
        let Some(attempt) = &self.next.attempt else { return false };
        let known = match role {
            Role::Stable => &attempt.stable,
            Role::Canary => &attempt.canary,
        };
        let seen = self.seen.version(role).revision();
        known.as_deref().zip(seen).is_some_and(|(known, seen)| known != seen)
    }

    /// Has requests divided in another way.
    fn route(&mut self, split: Division) {
        let population = self.population(&split);
        if self.is_routed(&split, population.as_ref()) {
            return;
        }
        if let Some(evidence) = &mut self.next.evidence {
            evidence.close();
        }
        let epoch = self.next.routing.as_ref().map_or(0, |routing| routing.epoch) + 1;
        let attempt = self.next.attempt.as_ref().map_or(1, |attempt| attempt.number);
        let before = self.next.routing.take().filter(|before| before.attempt == attempt);
        let services = before.and_then(|before| before.services).unwrap_or_else(|| Services::of(self.spec));
        self.next.routing = Some(Routing { epoch, attempt, services: Some(services), population, split });
    }

    /// Whom a step of the manifest divides.
    fn population(&self, split: &Division) -> Option<Population> {
        let Division::Step { step, .. } = split else { return None };
        self.spec.steps.get(*step).map(|step| Population::of(self.spec, step))
    }

    /// Whether proxies are told just that: the same division of the same people.
    fn is_routed(&self, split: &Division, population: Option<&Population>) -> bool {
        let Some(routing) = &self.next.routing else { return false };
        let others = routing.population.as_ref().zip(population).is_some_and(|(a, b)| !a.is_same(b));
        routing.split == *split && !others
    }

    fn hold(&mut self, reason: HoldReason, message: String) {
        // Who stopped it first has the say; who stands in the way may have become another.
        let in_the_way = matches!(reason, HoldReason::Conflict | HoldReason::StillReferenced);
        let before = self.next.hold.as_ref();
        if before.is_some_and(|hold| hold.reason != reason || hold.message == message || !in_the_way) {
            return;
        }
        self.event(true, "Held", format!("The release is held: {message}."));
        self.next.hold = Some(Hold { reason, message, since: self.now });
    }

    fn fail(&mut self, cause: &str, message: String) {
        self.event(true, "RollingBack", format!("Everything goes back to the old version: {message}."));
        self.next.failure = Some(Failure { cause: cause.to_owned(), message, at: self.now });
        self.go_back();
    }

    fn event(&mut self, warning: bool, reason: &'static str, message: String) {
        self.actions.push(Action::Event(Event { warning, reason, message }));
    }

    fn wait(&mut self, sentence: impl Into<String>) {
        self.waiting_for = sentence.into();
    }
}

#[cfg(test)]
mod tests;
