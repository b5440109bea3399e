//! Who used how much of a core.

use std::time::{Duration, Instant};

use crate::bench::{cpu, peer::Peer, sample::Busy, site::Site};

/// What the three parties have used so far.
pub(super) struct Clock {
    at: Instant,
    pub(super) proxy: Duration,
    origin: Duration,
    load: Duration,
}

impl Clock {
    pub(super) fn read(site: &Site, peer: &Peer) -> anyhow::Result<Self> {
        Ok(Self {
            at: Instant::now(),
            proxy: cpu::time(peer.pid())?,
            origin: cpu::time(site.origin_pid())?,
            load: cpu::of_ended_children()?,
        })
    }

    pub(super) fn since(&self, before: &Self) -> Busy {
        let elapsed = (self.at - before.at).as_secs_f64().max(1e-9);
        let share =
            |now: Duration, then: Duration| super::rounded(now.saturating_sub(then).as_secs_f64() / elapsed);
        Busy {
            proxy: share(self.proxy, before.proxy),
            origin: share(self.origin, before.origin),
            load: share(self.load, before.load),
        }
    }
}
