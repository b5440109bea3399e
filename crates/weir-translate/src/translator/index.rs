//! One-to-many relations.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

/// Values by key; keys without values do not exist.
#[derive(Debug)]
pub(super) struct Index<K, V>(HashMap<K, HashSet<V>>);

impl<K, V> Default for Index<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

// === impl Index ===

impl<K: Eq + Hash, V: Eq + Hash> Index<K, V> {
    /// Adds a pair.
    pub(super) fn insert(&mut self, key: K, value: V) {
        self.0.entry(key).or_default().insert(value);
    }

    /// Removes a pair.
    pub(super) fn remove(&mut self, key: &K, value: &V) {
        let Some(values) = self.0.get_mut(key) else { return };
        values.remove(value);
        if values.is_empty() {
            self.0.remove(key);
        }
    }

    /// The values of a key, in no order.
    pub(super) fn of(&self, key: &K) -> impl Iterator<Item = &V> {
        self.0.get(key).into_iter().flatten()
    }

    /// The keys that have values, in no order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.keys()
    }

    /// Whether the key has values.
    pub(super) fn contains(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }
}
