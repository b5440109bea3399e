//! How far somebody has read, so that nobody goes back to what is older than what he has.

use std::collections::BTreeMap;

use crate::proto;

/// The newest version of each kind of object that a configuration was made from.
///
/// Positions of two controllers cannot be compared, but the versions of objects can: within a kind they grow, and
/// all controllers read the same ones (Kubernetes API conventions, "Concurrency Control and Consistency";
/// integers that can be compared since 1.35, KEP-5504).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Horizon(BTreeMap<String, u64>);

/// How far a controller has read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// The newest version of each kind among what was seen.
    seen: Horizon,
    /// A version of the whole store, for each kind: everything up to it was read. Only what is read all at once
    /// has one, and it may be newer than any object.
    listed: Horizon,
}

/// What a controller has not read yet, although a proxy already serves it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this controller has read {kind} objects up to version {read}, and the proxy serves version {served}"
)]
pub struct Behind {
    kind: String,
    read: u64,
    served: u64,
}

// === impl Horizon ===

impl Horizon {
    fn version(&self, kind: &str) -> u64 {
        self.0.get(kind).copied().unwrap_or_default()
    }

    fn rise(&mut self, kind: &str, version: u64) {
        if version > self.version(kind) {
            self.0.insert(kind.to_owned(), version);
        }
    }

    /// Takes in what another one has; versions never become smaller.
    pub(crate) fn join(&mut self, other: &Self) {
        for (kind, version) in &other.0 {
            self.rise(kind, *version);
        }
    }
}

// === impl Reach ===

impl Reach {
    /// An object of a kind was seen in this version, or was seen to go with it.
    pub fn see(&mut self, kind: &str, version: u64) {
        self.seen.rise(kind, version);
    }

    /// All objects of a kind were read, at this version of the store or a later one.
    pub fn list(&mut self, kind: &str, version: u64) {
        self.listed.rise(kind, version);
    }

    /// What is made of it is made from this.
    pub(crate) fn seen(&self) -> &Horizon {
        &self.seen
    }

    /// Whether it goes as far as what somebody serves.
    ///
    /// # Errors
    /// The first kind for which it does not.
    pub(crate) fn covers(&self, served: &Horizon) -> Result<(), Behind> {
        let read = |kind: &str| self.seen.version(kind).max(self.listed.version(kind));
        let missing = served.0.iter().find(|(kind, version)| read(kind) < **version);
        missing.map_or(Ok(()), |(kind, served)| {
            Err(Behind { kind: kind.clone(), read: read(kind), served: *served })
        })
    }
}

// === Horizon as a message ===

impl From<Horizon> for proto::Horizon {
    fn from(horizon: Horizon) -> Self {
        Self { versions: horizon.0 }
    }
}

impl From<proto::Horizon> for Horizon {
    fn from(horizon: proto::Horizon) -> Self {
        Self(horizon.versions)
    }
}

#[cfg(test)]
mod tests;
