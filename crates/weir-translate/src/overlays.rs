//! The releases that lie over rules.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use weir_model::{Overlay, ReleaseKey, Role};
use weir_release::observation::Routes;

use crate::service::Name;

/// All releases, by age.
#[derive(Debug, Default)]
pub(crate) struct Overlays {
    overlays: BTreeMap<ReleaseKey, (Age, Arc<Overlay>)>,
    /// From the oldest to the youngest, of each Ingress: namespace and name.
    of_ingress: BTreeMap<Name, BTreeSet<(Age, ReleaseKey)>>,
}

/// When a release was created, and, where nothing says so, where it was read; the smaller is the older.
pub(crate) type Age = (Option<Box<str>>, u64);

/// A release lies over a rule of a host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Laid {
    pub(crate) release: ReleaseKey,
    /// Which of its routes covers the rule.
    pub(crate) route: usize,
    /// The version that the rule itself names.
    pub(crate) named: Role,
}

/// What a release lies over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlaid {
    /// Whether another installation serves its routes, and this one none of them.
    pub foreign: bool,
    /// What is wrong with its routes, in sentences.
    pub faults: Vec<String>,
    /// The versions that its routes name, as people wrote them.
    pub named: BTreeSet<Role>,
    /// What else sends requests to a version: Ingresses, by name.
    pub others: BTreeMap<Role, BTreeSet<String>>,
}

// === impl Overlaid ===

impl Overlaid {
    /// As the release machine sees it, with the release that is in the way.
    pub fn routes(self, in_the_way: Option<&ReleaseKey>) -> Routes {
        let others = self.others.into_iter().map(|(role, names)| (role, names.into_iter().collect()));
        Routes {
            faults: self.faults,
            conflict: in_the_way.map(|other| format!("Release {other}")),
            named: self.named.into_iter().collect(),
            others: others.collect(),
        }
    }
}

// === impl Overlays ===

impl Overlays {
    /// Lays a release over rules, or takes it off. Returns the Ingresses whose rules change.
    pub(crate) fn set(&mut self, key: &ReleaseKey, overlay: Option<(Age, Arc<Overlay>)>) -> BTreeSet<Name> {
        let mut changed = BTreeSet::new();
        if self.overlays.get(key) == overlay.as_ref() {
            return changed;
        }
        if let Some((age, old)) = self.overlays.remove(key) {
            for name in names(key, &old) {
                if let Some(releases) = self.of_ingress.get_mut(&name) {
                    releases.remove(&(age.clone(), key.clone()));
                }
                changed.insert(name);
            }
        }
        if let Some((age, new)) = overlay {
            for name in names(key, &new) {
                self.of_ingress.entry(name.clone()).or_default().insert((age.clone(), key.clone()));
                changed.insert(name);
            }
            self.overlays.insert(key.clone(), (age, new));
        }
        self.of_ingress.retain(|_, releases| !releases.is_empty());
        changed
    }

    pub(crate) fn get(&self, key: &ReleaseKey) -> Option<&Overlay> {
        self.overlays.get(key).map(|(_, overlay)| &**overlay)
    }

    /// Those that name an Ingress, from the oldest to the youngest.
    pub(crate) fn of(
        &self,
        namespace: &Arc<str>,
        ingress: &Arc<str>,
    ) -> impl Iterator<Item = (&ReleaseKey, &Overlay)> {
        let name = (namespace.clone(), ingress.clone());
        let releases = self.of_ingress.get(&name).into_iter().flatten();
        releases.filter_map(|(_, key)| Some((key, self.get(key)?)))
    }
}

fn names(key: &ReleaseKey, overlay: &Overlay) -> BTreeSet<Name> {
    overlay.routes.iter().map(|route| (key.namespace.clone(), route.ingress.clone())).collect()
}
