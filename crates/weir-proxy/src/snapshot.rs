//! One immutable state of everything that is served.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime},
};

use arc_swap::ArcSwap;
use weir_model::{Blueprint, Delta, Host, ReleaseReading};
use weir_route::Table;

use crate::{
    backend::{LiveArm, Registry},
    metrics::Metrics,
    release::Releases,
    tls::Names,
    upkeep::Upkeep,
};

/// Table and certificates that belong together.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) table: Table<LiveArm>,
    pub(crate) tls: Names,
}

/// The state in force, and how it changes.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(crate) upkeep: Arc<Upkeep>,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    blueprint: Blueprint,
    registry: Registry,
    releases: Releases,
    revision: u64,
    changed: Option<SystemTime>,
}

/// What is served, for people and for readiness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision {
    /// How many changes have been put in force; 0 before the first.
    pub number: u64,
    /// When the last one was.
    pub since: Option<SystemTime>,
}

// === impl Served ===

impl Served {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        let upkeep = Arc::new(Upkeep::new());
        Self { snapshot: Arc::default(), upkeep, metrics, state: Mutex::default() }
    }

    /// Puts a change in force: what begins first, then the rules, then what ends. So at no time does a rule
    /// point to endpoints that are not there yet, or not there any more.
    ///
    /// A backend that is removed is one that no rule names any more; it lives on until the last request
    /// that an older table sent there has ended.
    pub(crate) fn apply(&self, delta: &Delta) {
        let mut state = self.state();
        let before: Vec<Arc<Host>> =
            delta.hosts.keys().filter_map(|name| state.blueprint.hosts.get(name).cloned()).collect();
        state.blueprint.apply(delta);
        let State { blueprint, registry, releases, revision, changed } = &mut *state;
        let set = || delta.backends.iter().filter_map(|(key, backend)| Some((key, backend.as_deref()?)));
        set().for_each(|(key, backend)| registry.begin(key, backend));
        registry.begin_named(delta, blueprint);
        if !(delta.hosts.is_empty() && delta.tls.is_empty() && delta.certificates.is_empty()) {
            self.swap(delta, blueprint, registry, releases);
        }
        set().for_each(|(key, backend)| registry.end(key, backend));
        if !delta.hosts.is_empty() {
            self.follow_up(delta, &before, registry, releases);
        }
        *revision += 1;
        *changed = Some(SystemTime::now());
    }

    fn swap(&self, delta: &Delta, blueprint: &Blueprint, registry: &mut Registry, releases: &mut Releases) {
        let old = self.snapshot.load_full();
        let table = old.table.apply(delta, |rule, arm| {
            let backend = registry.resolve(&arm.backend);
            let service = format!("{}/{}", arm.backend.namespace, arm.backend.service);
            LiveArm {
                series: self.metrics.series(rule, &service),
                version: releases.version(&rule.split, arm, &backend, self.metrics.threads()),
                backend,
            }
        });
        let tls = old.tls.apply(delta, blueprint);
        self.snapshot.store(Arc::new(Snapshot { table, tls }));
    }

    /// What new rules leave to do once they are in force: ending what they have ended, and forgetting it.
    fn follow_up(
        &self,
        delta: &Delta,
        before: &[Arc<Host>],
        registry: &mut Registry,
        releases: &mut Releases,
    ) {
        let now = delta.hosts.values().flatten().map(|host| &**host);
        if registry.name(before.iter().map(|host| &**host), now) {
            self.upkeep.lost_a_name();
        }
        releases.note(delta);
        self.upkeep.set_retiring(releases.retire(registry, Instant::now()));
        releases.forget_unused();
        registry.forget_unused();
        self.metrics.forget_unused();
    }

    /// The counters of the releases in force.
    pub(crate) fn releases(&self) -> Vec<ReleaseReading> {
        self.state().releases.read()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn revision(&self) -> Revision {
        let state = self.state();
        Revision { number: state.revision, since: state.changed }
    }

    /// What is served now.
    pub(crate) fn blueprint(&self) -> Blueprint {
        self.state().blueprint.clone()
    }
}

#[cfg(test)]
mod tests;
