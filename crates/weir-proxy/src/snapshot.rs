//! One immutable state of everything that is served.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use arc_swap::ArcSwap;
use weir_model::{Blueprint, Delta};
use weir_route::Table;

use crate::{
    backend::{LiveArm, Registry},
    metrics::Metrics,
    tls::Names,
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
    metrics: Arc<Metrics>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    blueprint: Blueprint,
    registry: Registry,
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
        Self { snapshot: Arc::default(), metrics, state: Mutex::default() }
    }

    /// Puts a change in force: what begins first, then the rules, then what ends. So at no time does a rule
    /// point to endpoints that are not there yet, or not there any more.
    ///
    /// A backend that is removed is one that no rule names any more; it lives on until the last request
    /// that an older table sent there has ended.
    pub(crate) fn apply(&self, delta: &Delta) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { blueprint, registry, revision, changed } = &mut *state;
        blueprint.apply(delta);
        let set = || delta.backends.iter().filter_map(|(key, backend)| Some((key, backend.as_deref()?)));
        set().for_each(|(key, backend)| registry.begin(key, backend));
        if !(delta.hosts.is_empty() && delta.tls.is_empty() && delta.certificates.is_empty()) {
            self.swap(delta, blueprint, registry);
        }
        set().for_each(|(key, backend)| registry.end(key, backend));
        if !delta.hosts.is_empty() {
            registry.forget_unused();
            self.metrics.forget_unused();
        }
        *revision += 1;
        *changed = Some(SystemTime::now());
    }

    fn swap(&self, delta: &Delta, blueprint: &Blueprint, registry: &mut Registry) {
        let old = self.snapshot.load_full();
        let table = old.table.apply(delta, |rule, arm| LiveArm {
            backend: registry.resolve(&arm.backend),
            series: self.metrics.series(rule, &format!("{}/{}", arm.backend.namespace, arm.backend.service)),
        });
        let tls = old.tls.apply(delta, blueprint);
        self.snapshot.store(Arc::new(Snapshot { table, tls }));
    }

    pub(crate) fn revision(&self) -> Revision {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Revision { number: state.revision, since: state.changed }
    }

    /// What is served now.
    pub(crate) fn blueprint(&self) -> Blueprint {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).blueprint.clone()
    }
}

#[cfg(test)]
mod tests;
