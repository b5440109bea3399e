//! What a proxy holds, put together from resources.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use prost::Message as _;
use weir_model::{Backend, CertificateKey, Delta, Endpoints, Host, HostName, Rule, Split};

use crate::{
    Horizon,
    key::Key,
    ledger::Position,
    proto::{self, Resource},
    wire::{InvalidValue, REVISION, Wire as _, decode_certificate, decode_rule},
};

/// The configuration of a proxy as it came, by key.
#[derive(Clone, Debug, Default)]
pub struct Assembly {
    position: Option<Position>,
    /// From how much it was made, by whichever controllers.
    horizon: Horizon,
    values: BTreeMap<Key, Bytes>,
    /// The rules of each host as they were last assembled, by id.
    hosts: BTreeMap<HostName, BTreeMap<u64, Arc<Rule>>>,
}

/// A resource that cannot be served. The one before it stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which.
    pub resource: String,
    /// Why.
    pub reason: String,
}

/// A change on its way into an [`Assembly`].
#[derive(Debug, Default)]
struct Change {
    delta: Delta,
    /// Hosts with other rules or splits.
    hosts: BTreeSet<HostName>,
    refused: Vec<Refused>,
}

// === impl Assembly ===

impl Assembly {
    /// What it holds; `None` before the first change.
    pub fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// From how much it was made.
    pub(crate) fn horizon(&self) -> &Horizon {
        &self.horizon
    }

    /// What was taken in was made from this.
    pub(crate) fn made_from(&mut self, horizon: &Horizon) {
        self.horizon.join(horizon);
    }

    /// Forgets from how much it was made: whatever comes next is believed.
    pub(crate) fn forget_horizon(&mut self) {
        self.horizon = Horizon::default();
    }

    /// Takes all parts of a change in, and says what that changes in the Blueprint. A resource that cannot
    /// be served is left as it was, and named; it does not hold the others up.
    pub(crate) fn apply(
        &mut self,
        position: Position,
        complete: bool,
        resources: Vec<Resource>,
    ) -> (Delta, Vec<Refused>) {
        let mut change = Change::default();
        let mut named = BTreeSet::new();
        for resource in resources {
            match read_key(resource.key) {
                Ok(key) => {
                    named.insert(key.clone());
                    self.set(key, resource.value, resource.needs, &mut change);
                }
                Err(error) => change.refuse("a resource", &error),
            }
        }
        if complete {
            let gone: Vec<Key> = self.values.keys().filter(|key| !named.contains(key)).cloned().collect();
            for key in gone {
                self.set(key, None, 0, &mut change);
            }
        }
        self.position = Some(position);
        self.assemble_hosts(&mut change);
        (change.delta, change.refused)
    }

    fn set(&mut self, key: Key, value: Option<Bytes>, needs: u32, change: &mut Change) {
        if self.values.get(&key) == value.as_ref() {
            return;
        }
        if needs > REVISION {
            return change.refuse(&key, &InvalidValue::Later(needs));
        }
        match (change.set(&key, value.as_deref()), value) {
            (Err(error), _) => change.refuse(&key, &error),
            (Ok(()), Some(value)) => drop(self.values.insert(key, value)),
            (Ok(()), None) => drop(self.values.remove(&key)),
        }
    }

    /// Makes the hosts anew of which anything changed.
    fn assemble_hosts(&mut self, change: &mut Change) {
        for name in std::mem::take(&mut change.hosts) {
            if !self.values.contains_key(&Key::Routes(name.clone())) {
                self.hosts.remove(&name);
                change.delta.hosts.insert(name, None);
                continue;
            }
            match self.assemble_host(&name) {
                Ok(host) => drop(change.delta.hosts.insert(name, Some(Arc::new(host)))),
                Err(error) => change.refuse(Key::Routes(name), &error),
            }
        }
    }

    /// Puts rules and splits together. Rules that did not change are kept, with what they have compiled.
    fn assemble_host(&mut self, name: &HostName) -> Result<Host, InvalidValue> {
        let routes = self.values.get(&Key::Routes(name.clone())).cloned().unwrap_or_default();
        let routes = proto::Routes::decode(routes)?;
        let before = self.hosts.get(name);
        let mut rules = BTreeMap::new();
        let mut order = Vec::with_capacity(routes.rules.len());
        for message in routes.rules {
            let id = message.id;
            let split = self.split(name, id)?;
            // The id says what the rule says, so only the split can differ.
            let kept = before.and_then(|rules| rules.get(&id)).filter(|rule| rule.split == split);
            let rule = match kept {
                Some(rule) => Arc::clone(rule),
                None => Arc::new(decode_rule(message, split)?),
            };
            rules.insert(id, Arc::clone(&rule));
            order.push(rule);
        }
        self.hosts.insert(name.clone(), rules);
        Ok(Host { name: name.clone(), rules: order })
    }

    fn split(&self, host: &HostName, id: u64) -> Result<Split, InvalidValue> {
        let value = self.values.get(&Key::Split(host.clone(), id)).ok_or(InvalidValue::Split(id))?;
        Split::decode(proto::Split::decode(value.clone())?)
    }

    /// Everything it holds, for the disk.
    pub(crate) fn resources(&self) -> Vec<Resource> {
        let resource = |(key, value): (&Key, &Bytes)| Resource {
            key: Some(key.encode()),
            value: Some(value.clone()),
            needs: key.needs(Some(value)),
        };
        self.values.iter().map(resource).collect()
    }
}

fn read_key(key: Option<proto::resource::Key>) -> Result<Key, InvalidValue> {
    Key::decode(key.ok_or(InvalidValue::Missing("key"))?)
}

// === impl Change ===

impl Change {
    /// Notes a value, if it is one.
    fn set(&mut self, key: &Key, value: Option<&[u8]>) -> Result<(), InvalidValue> {
        match key {
            Key::Backend(key) => {
                let endpoints = value.map(|value| Endpoints::decode(proto::Endpoints::decode(value)?));
                let backend = endpoints.transpose()?.map(|endpoints| Backend { key: key.clone(), endpoints });
                self.delta.backends.insert(key.clone(), backend.map(Arc::new));
            }
            Key::Certificate(key) => {
                let message = value.map(proto::Certificate::decode).transpose()?;
                let certificate = message.map(|message| decode_certificate(key.clone(), message));
                self.delta.certificates.insert(key.clone(), certificate.map(Arc::new));
            }
            Key::Tls(host) => {
                let message = value.map(proto::ObjectName::decode).transpose()?;
                let certificate = message.map(CertificateKey::decode).transpose()?;
                self.delta.tls.insert(host.clone(), certificate);
            }
            Key::Routes(host) => {
                check(value, proto::Routes::decode)?;
                self.hosts.insert(host.clone());
            }
            Key::Split(host, _) => {
                check(value, proto::Split::decode)?;
                self.hosts.insert(host.clone());
            }
        }
        Ok(())
    }

    fn refuse(&mut self, resource: impl std::fmt::Display, error: &InvalidValue) {
        self.refused.push(Refused { resource: resource.to_string(), reason: error.to_string() });
    }
}

fn check<'v, T>(
    value: Option<&'v [u8]>,
    decode: impl Fn(&'v [u8]) -> Result<T, prost::DecodeError>,
) -> Result<(), InvalidValue> {
    Ok(value.map(decode).transpose().map(drop)?)
}

#[cfg(test)]
mod tests;
