//! What users have seen.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    time::Duration,
};

use tokio::time::Instant;

/// One request of one user.
#[derive(Debug)]
pub(super) struct Visit<'a> {
    pub(super) user: u32,
    pub(super) via: &'a str,
    pub(super) since: Instant,
    /// Status and version.
    pub(super) answer: Result<(u16, String), String>,
}

/// What users have seen.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// How many requests they sent.
    pub sent: u64,
    /// How many were not answered well.
    pub errors: u64,
    /// Who got one of these.
    pub hit: BTreeSet<u32>,
    /// When the first one that was not answered well was sent.
    pub first: Option<Instant>,
    /// When the last one that was not answered well was sent.
    pub last: Option<Instant>,
    /// What went wrong first.
    pub what: Option<String>,
    /// Good answers by version.
    pub versions: BTreeMap<String, u64>,
    /// Changes of a user's version through one proxy: from what to what, and how many.
    pub changes: BTreeMap<(String, String), u64>,
    /// The last version of each user through each proxy.
    at: HashMap<(u32, String), String>,
}

// === impl Story ===

impl Story {
    pub(super) fn add(&mut self, Visit { user, via, since, answer }: Visit<'_>) {
        self.sent += 1;
        match answer {
            Ok((200, version)) => self.good(user, via, version),
            Ok((status, version)) => self.bad(user, since, format!("{status} from {version} by {via}")),
            Err(what) => self.bad(user, since, format!("{what} by {via}")),
        }
    }

    fn good(&mut self, user: u32, via: &str, version: String) {
        *self.versions.entry(version.clone()).or_default() += 1;
        let before = self.at.insert((user, via.to_owned()), version.clone());
        if let Some(before) = before.filter(|before| *before != version) {
            *self.changes.entry((before, version)).or_default() += 1;
        }
    }

    fn bad(&mut self, user: u32, since: Instant, what: String) {
        self.errors += 1;
        self.hit.insert(user);
        self.first.get_or_insert(since);
        self.last = Some(since);
        self.what.get_or_insert(what);
    }

    /// How many requests a version answered well.
    pub fn version(&self, name: &str) -> u64 {
        self.versions.get(name).copied().unwrap_or_default()
    }

    /// How many users went from one version to another.
    pub fn changed(&self, from: &str, to: &str) -> u64 {
        self.changes.get(&(from.to_owned(), to.to_owned())).copied().unwrap_or_default()
    }

    /// From the first request that was not answered well to the last one.
    pub fn trouble(&self) -> Option<Duration> {
        Some(self.last?.duration_since(self.first?))
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "users sent {} requests, {} failed for {} users", self.sent, self.errors, self.hit.len())?;
        write!(f, "; versions {:?}; changes {:?}", self.versions, self.changes)?;
        self.what.iter().try_for_each(|what| write!(f, "; the first failure: {what}"))
    }
}
