//! A hash map that is cheap to change while others read it: copying it copies pointers to shards, and a
//! change copies one shard.

use std::{hash::BuildHasher, sync::Arc};

use hashbrown::HashTable;

/// With 100,000 keys a change copies about 400 of them.
const SHARDS: usize = 256;

type Shard<V> = HashTable<(Box<str>, V)>;

#[derive(Clone, Debug)]
pub(crate) struct Shards<V> {
    parts: Box<[Arc<Shard<V>>]>,
    hasher: std::hash::RandomState,
    len: usize,
}

impl<V: Clone> Shards<V> {
    pub(crate) fn get(&self, key: &str) -> Option<&V> {
        let hash = self.hasher.hash_one(key);
        let shard = &self.parts[shard_of(hash)];
        shard.find(hash, |(found, _)| &**found == key).map(|(_, value)| value)
    }

    pub(crate) fn insert(&mut self, key: &str, value: V) {
        let hash = self.hasher.hash_one(key);
        let hasher = &self.hasher;
        let shard = Arc::make_mut(&mut self.parts[shard_of(hash)]);
        if let Some((_, slot)) = shard.find_mut(hash, |(found, _)| &**found == key) {
            *slot = value;
            return;
        }
        shard.insert_unique(hash, (key.into(), value), |(key, _)| hasher.hash_one(&**key));
        self.len += 1;
    }

    pub(crate) fn remove(&mut self, key: &str) {
        let hash = self.hasher.hash_one(key);
        let shard = Arc::make_mut(&mut self.parts[shard_of(hash)]);
        if let Ok(entry) = shard.find_entry(hash, |(found, _)| &**found == key) {
            entry.remove();
            self.len -= 1;
        }
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.parts.iter().flat_map(|shard| shard.iter().map(|(_, value)| value))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The table itself uses the lowest and the highest bits of the hash, so the shard comes from the middle.
fn shard_of(hash: u64) -> usize {
    usize::try_from((hash >> 32) % SHARDS as u64).unwrap_or(0)
}

impl<V> Default for Shards<V> {
    fn default() -> Self {
        let parts = (0..SHARDS).map(|_| Arc::new(HashTable::new())).collect();
        Self { parts, hasher: std::hash::RandomState::new(), len: 0 }
    }
}
