//! The whole of what is served, and changes of it.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use crate::{Backend, BackendKey, Certificate, CertificateKey, Host, HostName};

/// All resources by key. Equal inputs give equal Blueprints.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Blueprint {
    /// What is served under each host name.
    pub hosts: BTreeMap<HostName, Arc<Host>>,
    /// Every backend that a rule refers to.
    pub backends: BTreeMap<BackendKey, Arc<Backend>>,
    /// Which certificate a TLS client is shown for a name.
    pub tls: BTreeMap<HostName, CertificateKey>,
    /// Every certificate that `tls` refers to.
    #[serde(skip)]
    pub certificates: BTreeMap<CertificateKey, Arc<Certificate>>,
}

/// A change of a Blueprint: per key the new value, or `None` where the key is gone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delta {
    /// Changed hosts.
    pub hosts: BTreeMap<HostName, Option<Arc<Host>>>,
    /// Changed backends. Only those that no rule of the changed Blueprint names are gone.
    pub backends: BTreeMap<BackendKey, Option<Arc<Backend>>>,
    /// Changed assignments of certificates to names.
    pub tls: BTreeMap<HostName, Option<CertificateKey>>,
    /// Changed certificates.
    pub certificates: BTreeMap<CertificateKey, Option<Arc<Certificate>>>,
}

// === impl Blueprint ===

impl Blueprint {
    /// Takes a change over. Keys that the change does not name stay as they are.
    pub fn apply(&mut self, delta: &Delta) {
        apply_map(&mut self.hosts, &delta.hosts);
        apply_map(&mut self.backends, &delta.backends);
        apply_map(&mut self.tls, &delta.tls);
        apply_map(&mut self.certificates, &delta.certificates);
    }

    /// The change that turns an empty Blueprint into this one.
    pub fn as_delta(&self) -> Delta {
        Delta {
            hosts: all_set(&self.hosts),
            backends: all_set(&self.backends),
            tls: all_set(&self.tls),
            certificates: all_set(&self.certificates),
        }
    }
}

fn apply_map<K: Ord + Clone, V: Clone>(map: &mut BTreeMap<K, V>, changes: &BTreeMap<K, Option<V>>) {
    for (key, value) in changes {
        match value {
            Some(value) => map.insert(key.clone(), value.clone()),
            None => map.remove(key),
        };
    }
}

fn all_set<K: Ord + Clone, V: Clone>(map: &BTreeMap<K, V>) -> BTreeMap<K, Option<V>> {
    map.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect()
}

// === impl Delta ===

impl Delta {
    /// Lets a later change follow this one: together they are one change.
    pub fn then(&mut self, later: Self) {
        self.hosts.extend(later.hosts);
        self.backends.extend(later.backends);
        self.tls.extend(later.tls);
        self.certificates.extend(later.certificates);
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
            && self.backends.is_empty()
            && self.tls.is_empty()
            && self.certificates.is_empty()
    }
}
