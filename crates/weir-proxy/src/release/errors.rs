//! Errors, counted once per client and window: one client that tries again and again would otherwise look like
//! many who fail.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use weir_model::Role;

use super::Attempt;

/// A client counts once in this time.
const WINDOW: Duration = Duration::from_secs(10);
/// Clients that are remembered; when there are more, each error counts.
const CLIENTS: usize = 4_096;

/// The errors of both versions of a release.
#[derive(Debug)]
pub(super) struct Errors {
    counts: [Counts; 2],
    since: Instant,
    seen: HashSet<(Role, bool, u64)>,
}

/// The errors of one version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) compared: u64,
    pub(super) other: u64,
    pub(super) even: u64,
}

// === impl Errors ===

impl Errors {
    pub(super) fn new(now: Instant) -> Self {
        Self { counts: Default::default(), since: now, seen: HashSet::new() }
    }

    /// Counts the error of an attempt, unless its client had one already.
    pub(super) fn count(&mut self, role: Role, attempt: &Attempt, now: Instant) {
        if now.saturating_duration_since(self.since) >= WINDOW {
            self.since = now;
            self.seen.clear();
        }
        if let Some(key) = attempt.key
            && !self.is_first(role, attempt.compared, key)
        {
            return;
        }
        let counts = &mut self.counts[role as usize];
        counts.compared += u64::from(attempt.compared);
        counts.other += u64::from(!attempt.compared);
        counts.even += u64::from(attempt.is_compared_and_even());
    }

    fn is_first(&mut self, role: Role, compared: bool, key: u64) -> bool {
        let client = (role, compared, key);
        if self.seen.len() < CLIENTS { self.seen.insert(client) } else { !self.seen.contains(&client) }
    }

    pub(super) fn of(&self, role: Role) -> Counts {
        self.counts[role as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(key: Option<u64>, compared: bool) -> Attempt {
        Attempt { compared, even: true, key, took: Duration::ZERO, error: true }
    }

    #[test]
    fn a_client_counts_once_per_window_version_and_population() {
        let start = Instant::now();
        let mut errors = Errors::new(start);
        for _ in 0..5 {
            errors.count(Role::Canary, &failed(Some(1), true), start);
            errors.count(Role::Canary, &failed(Some(2), true), start);
            errors.count(Role::Canary, &failed(Some(1), false), start);
            errors.count(Role::Stable, &failed(Some(1), true), start);
        }
        assert_eq!(errors.of(Role::Canary), Counts { compared: 2, other: 1, even: 2 });
        assert_eq!(errors.of(Role::Stable), Counts { compared: 1, other: 0, even: 1 });
        errors.count(Role::Canary, &failed(Some(1), true), start + WINDOW / 2);
        assert_eq!(errors.of(Role::Canary).compared, 2);
        errors.count(Role::Canary, &failed(Some(1), true), start + WINDOW);
        assert_eq!(errors.of(Role::Canary).compared, 3);
    }

    #[test]
    fn without_a_key_each_error_counts() {
        let start = Instant::now();
        let mut errors = Errors::new(start);
        (0..3).for_each(|_| errors.count(Role::Stable, &failed(None, true), start));
        assert_eq!(errors.of(Role::Stable).compared, 3);
    }

    #[test]
    fn the_clients_that_are_remembered_are_bounded() {
        let start = Instant::now();
        let mut errors = Errors::new(start);
        let clients = CLIENTS as u64;
        for _ in 0..2 {
            (0..clients + 10).for_each(|key| errors.count(Role::Stable, &failed(Some(key), true), start));
        }
        assert_eq!(errors.of(Role::Stable).compared, clients + 20, "who is not remembered counts each time");
        assert_eq!(errors.seen.len(), CLIENTS);
    }
}
