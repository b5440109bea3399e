//! The proxies that are connected, and what each of them says.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use crate::{Position, Reading, Refused, proto};

/// The connected proxies by their identity.
#[derive(Debug, Default)]
pub struct Members {
    members: Mutex<BTreeMap<String, Member>>,
}

/// A connected proxy.
#[derive(Clone, Debug)]
pub struct Member {
    /// The pod's name, as the cluster knows it.
    pub identity: String,
    /// Another one after every start of the proxy.
    pub boot: String,
    /// The program's version.
    pub version: String,
    /// Where it connected from.
    pub address: Option<SocketAddr>,
    /// Since when.
    pub since: SystemTime,
    /// What it acknowledged last.
    pub acknowledged: Option<Acknowledged>,
    /// What it has counted since its start.
    pub reading: Reading,
    /// Which stream it is on: a proxy that connects again replaces its old stream.
    pub(crate) stream: u64,
}

/// An acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// What is in force.
    pub position: Position,
    /// When it said so.
    pub at: SystemTime,
    /// Where it listens.
    pub listeners: Vec<String>,
    /// What it cannot serve.
    pub refused: Vec<Refused>,
}

// === impl Members ===

impl Members {
    /// All of them, by identity.
    pub fn list(&self) -> Vec<Member> {
        self.members().values().cloned().collect()
    }

    pub(crate) fn join(&self, member: Member) {
        self.members().insert(member.identity.clone(), member);
    }

    /// Forgets a proxy, unless it has another stream by now.
    pub(crate) fn leave(&self, identity: &str, stream: u64) {
        let mut members = self.members();
        if members.get(identity).is_some_and(|member| member.stream == stream) {
            members.remove(identity);
        }
    }

    pub(crate) fn acknowledged(&self, identity: &str, acknowledged: Acknowledged) {
        if let Some(member) = self.members().get_mut(identity) {
            member.acknowledged = Some(acknowledged);
        }
    }

    pub(crate) fn counted(&self, identity: &str, counters: proto::Counters) {
        if let Some(member) = self.members().get_mut(identity) {
            member.reading = counters.into();
        }
    }

    fn members(&self) -> MutexGuard<'_, BTreeMap<String, Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
