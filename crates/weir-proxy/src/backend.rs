//! What outlives a table: the live endpoints of each backend, by its name.

mod gauges;
mod holdings;
mod pace;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use arc_swap::ArcSwap;
use weir_model::{Backend, BackendKey, Blueprint, Delta, Endpoint, Host};
use weir_route::Backing;

pub(crate) use self::{
    gauges::{Gauges, Open},
    holdings::{Held, Holdings, Stay},
};
use crate::{metrics::Series, release::Version};

/// A backend's endpoints. Tables hold it by pointer, so endpoint changes reach requests without a new
/// table, and its health survives table changes.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) key: BackendKey,
    /// Unique among all backends that this process has seen.
    pub(crate) id: u64,
    pub(crate) gauges: Arc<Gauges>,
    version: AtomicU64,
    available: AtomicBool,
    endpoints: ArcSwap<Vec<Endpoint>>,
}

/// What the table keeps for each arm.
#[derive(Clone, Debug)]
pub(crate) struct LiveArm {
    pub(crate) backend: Arc<Live>,
    pub(crate) series: Arc<Series>,
    /// Which version of a release it is.
    pub(crate) version: Option<Version>,
}

impl Backing for LiveArm {
    fn available(&self) -> bool {
        self.backend.is_available()
    }
}

// === impl Live ===

impl Live {
    /// Changes with the endpoints.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Whether it takes requests that are decided from now on.
    pub(crate) fn is_available(&self) -> bool {
        self.available.load(Ordering::Relaxed)
    }

    /// Where requests go. Never shrinks to nothing: see [`Registry::end`].
    pub(crate) fn endpoints(&self) -> Arc<Vec<Endpoint>> {
        self.endpoints.load_full()
    }

    fn set(&self, usable: Vec<Endpoint>) {
        self.endpoints.store(Arc::new(usable));
        self.available.store(true, Ordering::Relaxed);
        self.version.fetch_add(1, Ordering::Release);
    }
}

/// All backends by name.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    backends: HashMap<BackendKey, Arc<Live>>,
    /// How many arms of all rules name a backend.
    named: HashMap<BackendKey, usize>,
    next: u64,
}

// === impl Registry ===

impl Registry {
    /// The live backend of that name, made if it is new.
    pub(crate) fn resolve(&mut self, key: &BackendKey) -> Arc<Live> {
        if let Some(live) = self.backends.get(key) {
            return Arc::clone(live);
        }
        self.next += 1;
        let live = Arc::new(Live {
            key: key.clone(),
            id: self.next,
            gauges: Arc::new(Gauges::new(Instant::now())),
            version: AtomicU64::new(1),
            available: AtomicBool::new(false),
            endpoints: ArcSwap::default(),
        });
        self.backends.insert(key.clone(), Arc::clone(&live));
        live
    }

    /// Puts endpoints in force at once, if there are any.
    pub(crate) fn begin(&mut self, key: &BackendKey, backend: &Backend) {
        let usable: Vec<Endpoint> = backend.usable().cloned().collect();
        if !usable.is_empty() {
            self.resolve(key).set(usable);
        }
    }

    /// Puts the endpoints of backends in force that rules name for the first time. While no rule did, as with a
    /// version that no release has begun to use, they were told and forgotten.
    pub(crate) fn begin_named(&mut self, delta: &Delta, blueprint: &Blueprint) {
        let rules = delta.hosts.values().flatten().flat_map(|host| &host.rules);
        for arm in rules.flat_map(|rule| rule.split.arms()) {
            let known = blueprint.backends.get(&arm.backend);
            if let Some(backend) = known.filter(|_| !self.backends.contains_key(&arm.backend)) {
                self.begin(&arm.backend, backend);
            }
        }
    }

    /// Ends a backend that has no endpoint left: requests that are decided from now on go elsewhere. Those
    /// that were decided before still find the last endpoints, which may well finish them.
    pub(crate) fn end(&mut self, key: &BackendKey, backend: &Backend) {
        if backend.usable().next().is_none() {
            self.resolve(key).available.store(false, Ordering::Relaxed);
        }
    }

    /// The backend of that name, if it is known.
    pub(crate) fn get(&self, key: &BackendKey) -> Option<&Arc<Live>> {
        self.backends.get(key)
    }

    /// Takes note of which backends rules name from now on. Returns whether any is named no more: its
    /// connections serve nobody then, and are not kept.
    pub(crate) fn name<'h>(
        &mut self,
        before: impl Iterator<Item = &'h Host>,
        now: impl Iterator<Item = &'h Host>,
    ) -> bool {
        for key in now.flat_map(backends_of) {
            *self.named.entry(key.clone()).or_default() += 1;
            self.set_named(key, true);
        }
        let mut any = false;
        for key in before.flat_map(backends_of) {
            let Some(count) = self.named.get_mut(key) else { continue };
            *count -= 1;
            if *count == 0 {
                self.named.remove(key);
                any |= self.set_named(key, false);
            }
        }
        any
    }

    /// Returns what it was.
    fn set_named(&self, key: &BackendKey, named: bool) -> bool {
        self.get(key).is_some_and(|live| live.gauges.set_named(named))
    }

    /// Forgets backends that nothing refers to any more.
    pub(crate) fn forget_unused(&mut self) {
        self.backends.retain(|_, live| Arc::strong_count(live) > 1);
    }
}

fn backends_of(host: &Host) -> impl Iterator<Item = &BackendKey> {
    host.rules.iter().flat_map(|rule| rule.split.arms()).map(|arm| &arm.backend)
}
