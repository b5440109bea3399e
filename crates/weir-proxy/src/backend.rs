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
        self.backend.available.load(Ordering::Relaxed)
    }
}

// === impl Live ===

impl Live {
    /// Changes with the endpoints.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(crate) fn endpoints(&self) -> Arc<Vec<Endpoint>> {
        self.endpoints.load_full()
    }

    fn set(&self, backend: Option<&Backend>) {
        let usable: Vec<Endpoint> = backend.into_iter().flat_map(Backend::usable).cloned().collect();
        self.available.store(!usable.is_empty(), Ordering::Relaxed);
        self.endpoints.store(Arc::new(usable));
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

    /// Puts new endpoints in force at once.
    pub(crate) fn set(&mut self, key: &BackendKey, backend: Option<&Backend>) {
        self.resolve(key).set(backend);
    }

    /// Forgets backends that nothing refers to any more.
    pub(crate) fn forget_unused(&mut self) {
        self.backends.retain(|_, live| Arc::strong_count(live) > 1);
    }
}
