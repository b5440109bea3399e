//! The whole configuration as encoded resources, each with the epoch of its last change.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bytes::Bytes;
use prost::Message as _;
use weir_model::{Delta, Host, HostName};

use crate::{
    key::Key,
    proto::{self, Resource},
    wire::{Wire as _, encode_certificate, encode_host},
};

/// How many resources that are gone are remembered, so that proxies can be told. One that was away for
/// longer gets everything.
const GRAVES: usize = 100_000;

/// A state of the whole configuration: an epoch of one run of one controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Which run of which controller.
    pub run: String,
    /// How many changes it has seen.
    pub epoch: u64,
}

/// Everything that proxies are told, and since when.
#[derive(Debug)]
pub struct Ledger {
    run: String,
    epoch: u64,
    entries: HashMap<Key, Entry>,
    /// The same keys by the epoch of their last change.
    changes: BTreeMap<u64, BTreeSet<Key>>,
    /// The splits that each host's rules have.
    splits: HashMap<HostName, Vec<u64>>,
    graves: usize,
    /// Changes up to here cannot be told one by one.
    forgotten: u64,
}

#[derive(Debug)]
struct Entry {
    epoch: u64,
    /// `None` when it is gone.
    value: Option<Bytes>,
    /// The revision of the schema that the value needs.
    needs: u32,
}

/// What a proxy lacks.
#[derive(Debug)]
pub(crate) struct Update {
    pub(crate) position: Position,
    /// Whether it is everything.
    pub(crate) complete: bool,
    pub(crate) resources: Vec<Resource>,
}

// === impl Ledger ===

impl Ledger {
    /// An empty ledger of a run, which nobody else has the name of.
    pub fn new(run: impl Into<String>) -> Self {
        Self {
            run: run.into(),
            epoch: 0,
            entries: HashMap::new(),
            changes: BTreeMap::new(),
            splits: HashMap::new(),
            graves: 0,
            forgotten: 0,
        }
    }

    /// Where it stands.
    pub fn position(&self) -> Position {
        Position { run: self.run.clone(), epoch: self.epoch }
    }

    /// Takes a change in. Returns whether proxies have to be told anything.
    pub fn record(&mut self, delta: &Delta) -> bool {
        self.epoch += 1;
        for (key, backend) in &delta.backends {
            let value = backend.as_ref().map(|backend| backend.endpoints.encode().encode_to_vec());
            self.set(Key::Backend(key.clone()), value);
        }
        for (key, certificate) in &delta.certificates {
            let value = certificate.as_ref().map(|one| encode_certificate(one).encode_to_vec());
            self.set(Key::Certificate(key.clone()), value);
        }
        for (host, certificate) in &delta.tls {
            let value = certificate.as_ref().map(|key| key.encode().encode_to_vec());
            self.set(Key::Tls(host.clone()), value);
        }
        for (name, host) in &delta.hosts {
            self.record_host(name, host.as_deref());
        }
        self.close()
    }

    fn record_host(&mut self, name: &HostName, host: Option<&Host>) {
        let old = self.splits.remove(name).unwrap_or_default();
        let Some(host) = host else {
            self.set(Key::Routes(name.clone()), None);
            return self.drop_splits(name, &old, &HashSet::new());
        };
        let (routes, splits) = encode_host(host);
        self.set(Key::Routes(name.clone()), Some(routes.encode_to_vec()));
        let ids: Vec<u64> = splits.iter().map(|(id, _)| *id).collect();
        for (id, split) in splits {
            self.set(Key::Split(name.clone(), id), Some(split.encode_to_vec()));
        }
        self.drop_splits(name, &old, &ids.iter().copied().collect());
        self.splits.insert(name.clone(), ids);
    }

    fn drop_splits(&mut self, name: &HostName, old: &[u64], now: &HashSet<u64>) {
        for id in old.iter().filter(|id| !now.contains(id)) {
            self.set(Key::Split(name.clone(), *id), None);
        }
    }

    /// Changes one entry, if it is a change.
    fn set(&mut self, key: Key, value: Option<Vec<u8>>) {
        let old = self.entries.get(&key);
        let before = old.and_then(|entry| entry.value.as_deref());
        if before == value.as_deref() {
            return;
        }
        if let Some(Entry { epoch, value: before, .. }) = old {
            if let Some(keys) = self.changes.get_mut(epoch) {
                keys.remove(&key);
                if keys.is_empty() {
                    self.changes.remove(epoch);
                }
            }
            self.graves -= usize::from(before.is_none());
        }
        self.graves += usize::from(value.is_none());
        self.changes.entry(self.epoch).or_default().insert(key.clone());
        let value = value.map(Bytes::from);
        let needs = key.needs(value.as_ref());
        self.entries.insert(key, Entry { epoch: self.epoch, value, needs });
    }

    /// Takes the epoch back if nothing changed, and forgets graves when they are too many. The first epoch
    /// counts even if there is nothing to serve: that, too, is a whole configuration.
    fn close(&mut self) -> bool {
        if self.epoch > 1 && !self.changes.contains_key(&self.epoch) {
            self.epoch -= 1;
            return false;
        }
        if self.graves > GRAVES {
            self.forget_graves();
        }
        true
    }

    fn forget_graves(&mut self) {
        self.forgotten = self.epoch;
        self.graves = 0;
        self.entries.retain(|_, entry| entry.value.is_some());
        for keys in self.changes.values_mut() {
            keys.retain(|key| self.entries.contains_key(key));
        }
        self.changes.retain(|_, keys| !keys.is_empty());
    }

    /// Whether a host name has a certificate.
    pub(crate) fn has_certificate(&self, host: &str) -> bool {
        let key = HostName::parse(host).map(Key::Tls);
        key.is_ok_and(|key| self.entries.get(&key).is_some_and(|entry| entry.value.is_some()))
    }

    /// What somebody who holds a position lacks; nothing if it is this one, or before the first change.
    pub(crate) fn since(&self, held: Option<&Position>) -> Option<Update> {
        if self.epoch == 0 {
            return None;
        }
        let known = held
            .filter(|held| held.run == self.run && held.epoch <= self.epoch && held.epoch >= self.forgotten);
        let after = known.map_or(0, |held| held.epoch);
        if known.is_some() && after == self.epoch {
            return None;
        }
        let changed = self.changes.range(after + 1..).flat_map(|(_, keys)| keys);
        let resources = changed.filter_map(|key| self.resource(key, known.is_none()));
        Some(Update { position: self.position(), complete: known.is_none(), resources: resources.collect() })
    }

    /// A resource as it is now. Who gets everything need not hear of what is gone.
    fn resource(&self, key: &Key, complete: bool) -> Option<Resource> {
        let Entry { value, needs, .. } = self.entries.get(key)?;
        let wanted = value.is_some() || !complete;
        wanted.then(|| Resource { key: Some(key.encode()), value: value.clone(), needs: *needs })
    }
}

// === impl Position ===

impl From<Position> for proto::Position {
    fn from(position: Position) -> Self {
        Self { run: position.run, epoch: position.epoch }
    }
}

impl From<proto::Position> for Position {
    fn from(position: proto::Position) -> Self {
        Self { run: position.run, epoch: position.epoch }
    }
}
