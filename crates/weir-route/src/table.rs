//! The compiled form of a Blueprint: hosts by name.

use std::sync::Arc;

use weir_model::{Arm, Blueprint, Delta, Host, HostName, Rule};

use crate::{host_table::HostTable, shards::Shards};

/// Everything that deciding needs, immutable and shared by all threads.
///
/// `B` is what the owner keeps for each backend. Copying a table copies a few hundred pointers, so a
/// change of one host among many costs little.
#[derive(Clone, Debug)]
pub struct Table<B> {
    exact: Shards<Arc<HostTable<B>>>,
    wildcards: Shards<Arc<HostTable<B>>>,
    any: Option<Arc<HostTable<B>>>,
}

// === impl Table ===

impl<B> Table<B> {
    /// Compiles a whole Blueprint. `resolve` gives what the table keeps for each arm.
    pub fn compile(blueprint: &Blueprint, mut resolve: impl FnMut(&Rule, &Arm) -> B) -> Self {
        let mut table = Self::default();
        for host in blueprint.hosts.values() {
            table.insert(host, &mut resolve);
        }
        table
    }

    /// The table after a change. Hosts that the change does not name are shared with this one.
    #[must_use]
    pub fn apply(&self, delta: &Delta, mut resolve: impl FnMut(&Rule, &Arm) -> B) -> Self {
        let mut table =
            Self { exact: self.exact.clone(), wildcards: self.wildcards.clone(), any: self.any.clone() };
        for (name, host) in &delta.hosts {
            match host {
                Some(host) => table.insert(host, &mut resolve),
                None => table.remove(name),
            }
        }
        table
    }

    fn insert(&mut self, host: &Host, resolve: &mut impl FnMut(&Rule, &Arm) -> B) {
        let compiled = Arc::new(HostTable::compile(host, resolve));
        match &host.name {
            HostName::Exact(name) => self.exact.insert(name, compiled),
            HostName::Wildcard(suffix) => self.wildcards.insert(suffix, compiled),
            HostName::Any => self.any = Some(compiled),
        }
    }

    fn remove(&mut self, name: &HostName) {
        match name {
            HostName::Exact(name) => self.exact.remove(name),
            HostName::Wildcard(suffix) => self.wildcards.remove(suffix),
            HostName::Any => self.any = None,
        }
    }

    /// What serves a host: its exact name, else the longest wildcard, else the hosts without a name.
    pub(crate) fn host(&self, host: &str) -> Option<&HostTable<B>> {
        let found = self.exact.get(host).or_else(|| self.wildcard(host)).or(self.any.as_ref());
        found.map(|table| &**table)
    }

    fn wildcard(&self, host: &str) -> Option<&Arc<HostTable<B>>> {
        if self.wildcards.is_empty() {
            return None;
        }
        let dots = host.bytes().enumerate().filter(|&(at, byte)| byte == b'.' && at > 0);
        dots.map(|(dot, _)| &host[dot..]).find_map(|suffix| self.wildcards.get(suffix))
    }

    /// The names of the hosts that are served, in no particular order.
    pub fn host_names(&self) -> impl Iterator<Item = &HostName> {
        self.exact.values().chain(self.wildcards.values()).chain(&self.any).map(|host| &host.name)
    }
}

impl<B> Default for Table<B> {
    fn default() -> Self {
        Self { exact: Shards::default(), wildcards: Shards::default(), any: None }
    }
}
