//! What has to be stored, and when: before anything follows from it, and often enough that little has to be counted
//! again after a crash.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    observation::Observation,
    plan::{Plan, plan},
    spec::Spec,
    state::State,
};

/// How long counters may go without being stored. Proxies count on from their start, so nothing is lost.
const STORE_EVERY: Duration = Duration::from_secs(10);

/// The state of a release in the hands of whoever runs it.
#[derive(Clone, Debug, Default)]
pub struct Keeper {
    state: State,
    stored_at: Option<Timestamp>,
}

/// What comes next, and what has to be done with it.
#[derive(Clone, Debug)]
pub struct Next {
    /// The plan.
    pub plan: Plan,
    /// Whether its state has to be stored before it is adopted.
    pub store: bool,
}

// === impl Keeper ===

impl Keeper {
    /// Goes on from what is stored.
    pub fn new(stored: State) -> Self {
        Self { state: stored, stored_at: None }
    }

    /// Where the release stands, also what is not stored yet.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Decides what comes next. Nothing changes until it is adopted.
    pub fn next(&self, spec: &Spec, seen: &Observation, now: Timestamp) -> Next {
        let plan = plan(spec, &self.state, seen, now);
        let age = self.stored_at.and_then(|at| Duration::try_from(now.duration_since(at)).ok());
        // A clock that was set back must not keep anything from being stored.
        let due = age.is_none_or(|age| age >= STORE_EVERY);
        let changed = plan.next != self.state && self.state.attempt.is_some();
        // What is over has nothing left to count.
        let store = plan.report.transition || due && changed && !plan.next.phase.is_over();
        Next { plan, store }
    }

    /// Takes over the state of a plan; what has to be stored is stored by now.
    pub fn adopt(&mut self, state: State, stored: bool, now: Timestamp) {
        self.state = state;
        if stored {
            self.stored_at = Some(now);
        }
    }
}
