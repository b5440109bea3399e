//! The errors of a version, of each client only the first of several that follow closely.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Attempt, muted::Muted};

/// The errors of one version, and who is muted for them. Times are those since the release's try began.
#[derive(Debug, Default)]
pub(super) struct Errors {
    /// Taken for errors only; also lets one thread at a time mute clients.
    counts: Mutex<Counts>,
    compared: Muted,
    other: Muted,
}

/// How many there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) compared: u64,
    pub(super) other: u64,
    pub(super) even: u64,
    /// Also those that do not count.
    pub(super) all: u64,
}

// === impl Errors ===

impl Errors {
    /// Whether an attempt does not count, because its client is muted. Where no client is known, each counts.
    pub(super) fn is_muted(&self, attempt: &Attempt, now: Duration) -> bool {
        attempt.key.is_some_and(|key| self.muted(attempt).holds(key, now))
    }

    /// Counts an attempt that is an error, unless its client is muted, and mutes that. The attempt itself is
    /// counted by `count_attempt`, so that no error is ever seen without its attempt.
    pub(super) fn count(&self, attempt: &Attempt, now: Duration, count_attempt: impl FnOnce()) {
        let mut counts = self.counts();
        counts.all += 1;
        if attempt.key.is_some_and(|key| self.muted(attempt).mute(key, now)) {
            return;
        }
        count_attempt();
        counts.compared += u64::from(attempt.compared);
        counts.other += u64::from(!attempt.compared);
        counts.even += u64::from(attempt.is_compared_and_even());
    }

    pub(super) fn read(&self) -> Counts {
        *self.counts()
    }

    fn muted(&self, attempt: &Attempt) -> &Muted {
        if attempt.compared { &self.compared } else { &self.other }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
