//! What the connections of one thread share.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::poll_fn,
    rc::Rc,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use arc_swap::{ArcSwap, Cache};

use crate::{
    backend::Live,
    balance::{Balancer, Pick, Wish},
    buffer::Pool,
    config::Config,
    drain::{Phase, Stage},
    log::Log,
    memory::Gauge,
    metrics::{Metrics, ThreadCounters},
    snapshot::Snapshot,
    timer::{TICK, Wheel},
    tls,
    upkeep::Upkeep,
};

/// A snapshot held by a request without touching a counter that other threads touch.
#[derive(Clone, Debug)]
#[expect(clippy::redundant_allocation, reason = "the Arc's counter is shared by threads, the Rc's is not")]
pub(crate) struct Pinned(Rc<Arc<Snapshot>>);

impl std::ops::Deref for Pinned {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.0
    }
}

/// Retries are a fifth of the requests at most, but at least ten a second (limits.md).
#[derive(Debug)]
struct RetryBudget {
    tokens: Cell<f64>,
    refilled: Cell<Instant>,
}

/// One thread of the data plane.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) index: usize,
    pub(crate) config: Arc<Config>,
    pub(crate) pool: Pool,
    pub(crate) wheel: Rc<Wheel>,
    pub(crate) stage: Stage,
    pub(crate) log: Option<Log>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) memory: Arc<Gauge>,
    pub(crate) upstream_tls: tls::Upstream,
    upkeep: Arc<Upkeep>,
    /// What the upkeep said when this thread let go of backends last.
    unnamed: Cell<u64>,
    rng: RefCell<fastrand::Rng>,
    latest: RefCell<Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>>,
    pinned: RefCell<Pinned>,
    balancers: RefCell<HashMap<u64, Rc<Balancer>>>,
    retries: RetryBudget,
    phase: Cell<Phase>,
    in_flight: Cell<u64>,
}

/// A request in flight; counted until dropped.
#[derive(Debug)]
pub(crate) struct InFlight<'w>(&'w Worker);

/// Which writes of a round come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    ToEndpoint = 1,
    ToClient = 2,
}

/// Lets the other tasks that are ready go first: once, or twice for writes to clients.
///
/// So a thread reads everything that has arrived, then writes to endpoints, then to clients. Writes to the
/// same process follow each other closely, and it is woken once for many of them instead of once for each;
/// waking another core is the dearest part of a small write, above all on virtual machines.
pub(crate) async fn regroup(turn: Turn) {
    let mut rounds = turn as u8;
    poll_fn(|cx| {
        if rounds == 0 {
            return Poll::Ready(());
        }
        rounds -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What a worker is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) index: usize,
    pub(crate) config: Arc<Config>,
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) memory: Arc<Gauge>,
    pub(crate) upkeep: Arc<Upkeep>,
    pub(crate) stage: Stage,
    pub(crate) upstream_tls: tls::Upstream,
}

// === impl Worker ===

impl Worker {
    pub(crate) fn new(parts: Parts) -> Rc<Self> {
        let now = Instant::now();
        let log = parts.config.access_log.map(Log::new);
        let pinned = Pinned(Rc::new(parts.snapshot.load_full()));
        Rc::new(Self {
            index: parts.index,
            config: parts.config,
            pool: Pool::default(),
            wheel: Wheel::new(now),
            stage: parts.stage,
            log,
            metrics: parts.metrics,
            memory: parts.memory,
            upstream_tls: parts.upstream_tls,
            upkeep: parts.upkeep,
            unnamed: Cell::new(0),
            rng: RefCell::new(fastrand::Rng::new()),
            latest: RefCell::new(Cache::new(parts.snapshot)),
            pinned: RefCell::new(pinned),
            balancers: RefCell::default(),
            retries: RetryBudget::new(now),
            phase: Cell::default(),
            in_flight: Cell::default(),
        })
    }

    /// The table to decide by, as of now.
    pub(crate) fn snapshot(&self) -> Pinned {
        let mut latest = self.latest.borrow_mut();
        let latest = latest.load();
        let mut pinned = self.pinned.borrow_mut();
        if !Arc::ptr_eq(latest, &pinned.0) {
            *pinned = Pinned(Rc::new(Arc::clone(latest)));
        }
        pinned.clone()
    }

    pub(crate) fn counters(&self) -> &ThreadCounters {
        self.metrics.thread(self.index)
    }

    pub(crate) fn random(&self) -> u64 {
        self.rng.borrow_mut().u64(..)
    }

    /// A duration changed by up to a tenth, so that many do not end together.
    pub(crate) fn jittered(&self, duration: Duration) -> Duration {
        duration.mul_f64(0.9 + 0.2 * self.rng.borrow_mut().f64())
    }

    /// A random part of a duration.
    pub(crate) fn some_of(&self, duration: Duration) -> Duration {
        duration.mul_f64(self.rng.borrow_mut().f64())
    }

    /// Where a shutdown stands, as of the last tick.
    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    pub(crate) fn draining(&self) -> bool {
        self.phase.get() != Phase::Serving
    }

    /// Picks an endpoint of a backend.
    pub(crate) fn pick(&self, backend: &Arc<Live>, wish: Wish<'_>, now: Instant) -> Option<Pick> {
        let balancer = {
            let mut balancers = self.balancers.borrow_mut();
            Rc::clone(balancers.entry(backend.id).or_insert_with(|| Rc::new(Balancer::new(backend))))
        };
        balancer.pick(backend, wish, now, &mut self.rng.borrow_mut())
    }

    /// Requests that are being served.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.get()
    }

    pub(crate) fn begin(&self) -> InFlight<'_> {
        self.in_flight.set(self.in_flight.get() + 1);
        InFlight(self)
    }

    pub(crate) fn earn_retry(&self) {
        self.retries.earn();
    }

    pub(crate) fn spend_retry(&self, now: Instant) -> bool {
        self.retries.spend(now)
    }

    /// Keeps time and tidies up until the thread ends.
    pub(crate) async fn tick(self: Rc<Self>) {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for count in 0_u64.. {
            interval.tick().await;
            let now = Instant::now();
            self.wheel.advance(now);
            let phase = self.stage.phase();
            if self.phase.replace(phase) != phase {
                self.wheel.wake_all();
            }
            if let Some(log) = &self.log {
                log.flush();
            }
            self.let_go(now);
            if count.is_multiple_of(20) {
                self.sweep(now);
            }
        }
    }

    /// Does what changes have asked for: closes what is kept for backends that nobody names any more, and ends
    /// long-lived connections of versions that retire.
    fn let_go(&self, now: Instant) {
        let unnamed = self.upkeep.unnamed();
        if self.unnamed.replace(unnamed) != unnamed {
            self.balancers.borrow().values().for_each(|balancer| balancer.let_go());
        }
        if self.upkeep.is_retiring() {
            self.balancers.borrow().values().for_each(|balancer| balancer.end_some(now));
        }
    }

    fn sweep(&self, now: Instant) {
        // Also lets go of a table that no request has asked for since.
        drop(self.snapshot());
        if self.index == 0 {
            self.memory.look();
        }
        self.balancers.borrow_mut().retain(|_, balancer| balancer.sweep(now));
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get() - 1);
    }
}

// === impl RetryBudget ===

impl RetryBudget {
    const PER_REQUEST: f64 = 0.2;
    const PER_SECOND: f64 = 10.0;
    /// What can be saved up.
    const CAP: f64 = 100.0;

    fn new(now: Instant) -> Self {
        Self { tokens: Cell::new(Self::PER_SECOND), refilled: Cell::new(now) }
    }

    fn earn(&self) {
        self.tokens.set((self.tokens.get() + Self::PER_REQUEST).min(Self::CAP));
    }

    fn spend(&self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.refilled.replace(now)).as_secs_f64();
        let tokens = (self.tokens.get() + since * Self::PER_SECOND).min(Self::CAP);
        // Five fifths are a whole, whatever their sum in binary.
        let enough = tokens > 1.0 - 1e-6;
        self.tokens.set(if enough { (tokens - 1.0).max(0.0) } else { tokens });
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_bounded() {
        let now = Instant::now();
        let budget = RetryBudget::new(now);
        let spent = (0..100).filter(|_| budget.spend(now)).count();
        assert_eq!(spent, 10, "a second's worth to begin with");
        (0..50).for_each(|_| budget.earn());
        let spent = (0..100).filter(|_| budget.spend(now)).count();
        assert_eq!(spent, 10, "a fifth of the requests");
        let spent = (0..100).filter(|_| budget.spend(now + Duration::from_secs(1))).count();
        assert_eq!(spent, 10, "ten a second");
    }
}
