//! Which files define an object.

use std::{collections::BTreeSet, collections::HashMap, sync::Arc};

use weir_model::ObjectRef;

/// Where an object stands: the file, and its index in it.
type Place = (Arc<str>, usize);

/// The places of every object, sorted; nearly always one.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    places: HashMap<ObjectRef, Vec<Place>>,
    repeated: BTreeSet<ObjectRef>,
}

// === impl Definitions ===

impl Definitions {
    pub(super) fn insert(&mut self, id: ObjectRef, file: &Arc<str>, index: usize) {
        let places = self.places.entry(id.clone()).or_default();
        let at = places.partition_point(|(other, _)| other < file);
        places.insert(at, (Arc::clone(file), index));
        if places.len() > 1 {
            self.repeated.insert(id);
        }
    }

    pub(super) fn remove(&mut self, id: &ObjectRef, file: &Arc<str>) {
        let Some(places) = self.places.get_mut(id) else { return };
        places.retain(|(other, _)| other != file);
        if places.len() < 2 {
            self.repeated.remove(id);
        }
        if places.is_empty() {
            self.places.remove(id);
        }
    }

    /// The place that is in force.
    pub(super) fn first(&self, id: &ObjectRef) -> Option<(&str, usize)> {
        self.places.get(id)?.first().map(|(file, index)| (&**file, *index))
    }

    /// The files that define an object, in the order of their paths.
    pub(super) fn files(&self, id: &ObjectRef) -> impl Iterator<Item = &Arc<str>> {
        self.places.get(id).into_iter().flatten().map(|(file, _)| file)
    }

    /// Every object.
    pub(super) fn ids(&self) -> impl Iterator<Item = &ObjectRef> {
        self.places.keys()
    }

    /// The objects with more than one place.
    pub(super) fn repeated(&self) -> impl Iterator<Item = &ObjectRef> {
        self.repeated.iter()
    }
}
