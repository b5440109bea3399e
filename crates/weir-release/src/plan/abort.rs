//! The way back to the old version. It needs no precondition: the weight is 0 with the decision itself.

use std::time::Duration;

use weir_model::Role;

use super::Planner;
use crate::{
    action::Action,
    observation::Lookup,
    state::{AbortStage, AbortState, Division, OfflineStage, OfflineState, Phase, Scaled},
    text,
};

/// How long a write gets to show, in milliseconds.
const BETWEEN_WRITES: u64 = 5_000;

impl Planner<'_> {
    /// Turns back, wherever the release is. Only where the old version has nothing left that could answer, it
    /// has to come back first: until then the new one serves.
    pub(super) fn go_back(&mut self) {
        self.next.hold = None;
        // A revision that came meanwhile was turned back as well; only a later one is tried by itself.
        let revision = self.seen.canary.revision().map(str::to_owned);
        if let Some(attempt) = self.next.attempt.as_mut().filter(|_| revision.is_some()) {
            attempt.canary = revision;
        }
        let offline = match &self.next.phase {
            Phase::Completed { .. } => true,
            Phase::Offlining { offline } => {
                offline.role == Role::Stable && offline.state >= OfflineStage::ScaleDown
            }
            _ => false,
        };
        let gone = offline && (self.seen.stable.ready == 0 || self.is_scaled_down());
        let state = if gone { AbortStage::Restoring } else { AbortStage::Routing };
        if !gone {
            self.route(Division::All { role: Role::Stable });
        }
        self.restore(Role::Stable);
        self.next.phase = Phase::Aborting { abort: AbortState { state, elapsed: Duration::ZERO } };
    }

    /// Whether the old version has fewer pods than it had.
    fn is_scaled_down(&self) -> bool {
        let scaled = self.next.scaled.get(&Role::Stable);
        let desired = self.seen.stable.workload().map(|workload| workload.desired);
        scaled.is_some_and(|scaled| {
            scaled.to < scaled.from && desired.is_some_and(|desired| desired < scaled.from)
        })
    }

    /// Lets a workload that was scaled have again what it had.
    pub(super) fn restore(&mut self, role: Role) {
        if let Some(scaled) = self.next.scaled.get_mut(&role) {
            *scaled = Scaled { to: scaled.from, writes: 0, since: 0, ..*scaled };
        }
    }

    /// Has a workload scaled as the state says, while it is not. Every write is counted before it is made, so that
    /// it ends when somebody undoes them all; returns whether it has.
    pub(super) fn keep_scaled(&mut self, role: Role) -> bool {
        let Some(scaled) = self.next.scaled.get_mut(&role) else { return false };
        let replicas = scaled.to;
        scaled.since =
            scaled.since.saturating_add(u64::try_from(self.passed.elapsed.as_millis()).unwrap_or(u64::MAX));
        let as_told = match &self.seen.version(role).workload {
            Lookup::Found(found) => found.desired == replicas,
            Lookup::Unnamed | Lookup::Unknown | Lookup::Missing => true,
        };
        if as_told || scaled.writes > 0 && scaled.since < BETWEEN_WRITES {
            return false;
        }
        if scaled.is_contested() {
            return true;
        }
        scaled.writes += 1;
        scaled.since = 0;
        let undone = scaled.writes > 1;
        self.actions.push(Action::Scale { role, replicas });
        if undone {
            let message =
                format!("Somebody else scales the {} version; {replicas} are wanted.", role.as_str());
            self.event(true, "ScaleContested", message);
        }
        false
    }

    /// Has a workload that is to come back scaled until it once has what it had; then it is its owner's again.
    pub(super) fn bring_back(&mut self, role: Role) {
        if matches!(self.seen.version(role).workload, Lookup::Unknown) {
            return;
        }
        let Some(scaled) = self.next.scaled.get(&role).copied().filter(|scaled| scaled.to == scaled.from)
        else {
            return;
        };
        let desired = self.seen.version(role).workload().map(|workload| workload.desired);
        if desired.is_none_or(|desired| desired >= scaled.to) {
            self.next.scaled.remove(&role);
            self.actions.push(Action::LetGo { role });
        } else {
            let contested = self.keep_scaled(role);
            if contested {
                self.next.scaled.remove(&role);
                self.actions.push(Action::LetGo { role });
            }
        }
    }

    pub(super) fn abort_on(&mut self, abort: &AbortState, held: bool) {
        self.bring_back(Role::Stable);
        if held && abort.state == AbortStage::Keeping {
            return;
        }
        let elapsed = abort.elapsed + self.passed.elapsed;
        let state = match abort.state {
            AbortStage::Restoring => self.restored(),
            AbortStage::Routing => self.back(),
            AbortStage::Keeping if elapsed >= self.spec.keep_canary => {
                return self.detach(Role::Canary);
            }
            AbortStage::Keeping => {
                let left = text::duration(self.spec.keep_canary.saturating_sub(elapsed));
                self.wait(format!("{left}, during which the new version stays to be looked at"));
                AbortStage::Keeping
            }
        };
        let elapsed = if state == abort.state { elapsed } else { Duration::ZERO };
        self.next.phase = Phase::Aborting { abort: AbortState { state, elapsed } };
    }

    fn restored(&mut self) -> AbortStage {
        let wanted = self.next.scaled.get(&Role::Stable).map_or(0, |scaled| scaled.from);
        let found = self.seen.stable.workload().map(|workload| (workload.ready, workload.desired));
        if let Some((ready, _)) = found.filter(|(ready, desired)| ready < desired || *desired < wanted) {
            self.wait(format!(
                "the old version to come back: {ready} of {wanted} pods are ready; promote --full to stay with the new one"
            ));
            return AbortStage::Restoring;
        }
        if let Some(fault) = self.unready(Role::Stable) {
            self.wait(format!("{fault}; promote --full to stay with the new version"));
            return AbortStage::Restoring;
        }
        self.route(Division::All { role: Role::Stable });
        AbortStage::Routing
    }

    fn back(&mut self) -> AbortStage {
        if !self.in_force(Division::All { role: Role::Stable }) {
            return AbortStage::Routing;
        }
        self.event(false, "RolledBack", "Everything goes to the old version again.".into());
        AbortStage::Keeping
    }

    /// Begins to take a version offline, without holding it any longer.
    fn detach(&mut self, role: Role) {
        self.next.phase = Phase::Offlining { offline: OfflineState::new(role, OfflineStage::Detach) };
    }
}
