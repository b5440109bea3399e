//! What has gone by since the last look: time, requests, errors, as proxies counted them.
//!
//! Proxies count from their start and say for how long they have run. So what a controller missed while it was
//! away is not lost, nothing is counted twice, and a clock that somebody sets makes no step come early.

use std::time::Duration;

use jiff::Timestamp;

use weir_model::Role;

use crate::{
    observation::{Observation, Proxy},
    state::{Clock, Mark},
    stats::Histogram,
    tally::Tally,
};

/// The most that counts as gone by where no proxy can tell.
const UNPROVEN: Duration = Duration::from_mins(1);

/// What has gone by since the last look.
#[derive(Clone, Debug, Default)]
pub struct Passed {
    /// How long, as the proxy says that saw the most.
    pub elapsed: Duration,
    /// How long every proxy was seen to serve and count. Nothing if one is silent.
    pub proven: Duration,
    /// What the old version was sent.
    pub stable: Tally,
    /// What the new version was sent.
    pub canary: Tally,
}

// === impl Passed ===

impl Passed {
    /// What a version was sent.
    pub fn tally(&self, role: Role) -> &Tally {
        match role {
            Role::Stable => &self.stable,
            Role::Canary => &self.canary,
        }
    }
}

// === impl Clock ===

impl Clock {
    /// Moves on to what is seen now.
    pub(crate) fn advance(&mut self, seen: &Observation, now: Timestamp) -> Passed {
        let mut passed = Passed::default();
        let mut marks = std::mem::take(&mut self.proxies);
        let mut heard = false;
        for (name, proxy) in seen.speaking() {
            let before = marks.remove(name);
            heard |= before.is_some();
            self.proxies.insert(name.clone(), self.follow(proxy, before.as_ref(), &mut passed));
        }
        // Who says nothing now may still go on later where it was.
        self.proxies
            .extend(marks.into_iter().filter(|(name, _)| matches!(seen.proxies.get(name), Some(None))));
        passed.elapsed = if heard { self.elapse() } else { self.unproven(now) };
        self.counted += millis(passed.elapsed);
        if seen.proxies.values().all(Option::is_some) {
            passed.proven = self.prove();
        }
        self.at = Some(now);
        passed
    }

    /// What the one proxy saw go by that saw the most, beyond what counts already. What was counted while all
    /// were silent is not counted again when they speak.
    fn elapse(&self) -> Duration {
        let most = self.proxies.values().map(|mark| mark.followed).max().unwrap_or_default();
        Duration::from_millis(most.saturating_sub(self.counted))
    }

    /// Counts what one proxy adds. One that was not there before has nothing to say about the time until now.
    fn follow(&self, proxy: &Proxy, before: Option<&Mark>, passed: &mut Passed) -> Mark {
        let mut mark = mark(proxy);
        let earlier = before.filter(|before| before.boot == mark.boot).cloned().unwrap_or_default();
        let took = mark.uptime.saturating_sub(earlier.uptime);
        passed.stable = passed.stable.and(&mark.stable.since(&earlier.stable));
        passed.canary = passed.canary.and(&mark.canary.since(&earlier.canary));
        mark.ahead = before.map_or(0, |before| before.ahead + took);
        mark.followed = before.map_or(self.counted, |before| before.followed + took);
        mark
    }

    /// What every proxy has proven by now, and not before. Reports come at different moments, so what one is
    /// ahead counts when the others follow.
    fn prove(&mut self) -> Duration {
        let common = self.proxies.values().map(|mark| mark.ahead).min().unwrap_or_default();
        self.proxies.values_mut().for_each(|mark| mark.ahead -= common);
        Duration::from_millis(common)
    }

    /// What was proven before does not count for what begins now.
    pub(crate) fn begin(&mut self) {
        self.proxies.values_mut().for_each(|mark| mark.ahead = 0);
    }

    /// By the controller's own clock, which may have been set.
    fn unproven(&self, now: Timestamp) -> Duration {
        let since = self.at.map(|at| now.duration_since(at));
        let since = since.and_then(|since| Duration::try_from(since).ok());
        since.unwrap_or_default().min(UNPROVEN)
    }

    /// Begins to count again, as for another attempt.
    pub(crate) fn restart(&mut self) {
        for mark in self.proxies.values_mut() {
            (mark.stable, mark.canary) = (Tally::default(), Tally::default());
        }
    }
}

fn mark(proxy: &Proxy) -> Mark {
    Mark {
        boot: proxy.boot.clone(),
        uptime: millis(proxy.uptime),
        stable: proxy.stable.tally,
        canary: proxy.canary.tally,
        ..Mark::default()
    }
}

/// How long attempts took in both versions, over all proxies, since their start.
pub(crate) fn durations(seen: &Observation, role: Role) -> Histogram {
    let mut all = Histogram::default();
    for (_, proxy) in seen.speaking() {
        all.merge(&proxy.seen(role).durations);
    }
    all
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
