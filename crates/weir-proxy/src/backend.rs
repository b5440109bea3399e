//! What outlives a table: the live endpoints of each backend, by its name.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use weir_model::{Backend, BackendKey, Endpoint};
use weir_route::Backing;

use crate::metrics::Series;

/// A backend's endpoints. Tables hold it by pointer, so endpoint changes reach requests without a new
/// table, and its health survives table changes.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) key: BackendKey,
    /// Unique among all backends that this process has seen.
    pub(crate) id: u64,
    version: AtomicU64,
    available: AtomicBool,
    endpoints: ArcSwap<Vec<Endpoint>>,
}

/// What the table keeps for each arm.
#[derive(Clone, Debug)]
pub(crate) struct LiveArm {
    pub(crate) backend: Arc<Live>,
    pub(crate) series: Arc<Series>,
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

    /// Ends a backend that has no endpoint left: requests that are decided from now on go elsewhere. Those
    /// that were decided before still find the last endpoints, which may well finish them.
    pub(crate) fn end(&mut self, key: &BackendKey, backend: &Backend) {
        if backend.usable().next().is_none() {
            self.resolve(key).available.store(false, Ordering::Relaxed);
        }
    }

    /// Forgets backends that nothing refers to any more.
    pub(crate) fn forget_unused(&mut self) {
        self.backends.retain(|_, live| Arc::strong_count(live) > 1);
    }
}
