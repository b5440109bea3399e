//! What one thread holds of a backend: its requests, and the long-lived ones among them.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::VecDeque,
    rc::{Rc, Weak},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Instant,
};

use super::gauges::{Gauges, ThreadGauges};

/// Bells of connections that have ended may make up this much, beside half of all.
const SPARE: usize = 64;

/// A thread's part of a backend.
#[derive(Debug)]
pub(crate) struct Holdings {
    pub(crate) gauges: Arc<Gauges>,
    thread: Arc<ThreadGauges>,
    /// Who can be told to end, those that have waited longest first.
    bells: RefCell<VecDeque<Weak<Bell>>>,
}

/// A request on its way, counted until dropped.
#[derive(Debug)]
pub(crate) struct Held(Rc<Holdings>);

/// A long-lived connection or stream, counted until dropped.
#[derive(Debug)]
pub(crate) struct Stay {
    holdings: Rc<Holdings>,
    /// Made when it first has to wait: most calls of gRPC end before that.
    bell: OnceCell<Rc<Bell>>,
}

/// Tells one stay to end.
#[derive(Debug, Default)]
struct Bell {
    rung: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

// === impl Holdings ===

impl Holdings {
    pub(crate) fn new(gauges: &Arc<Gauges>) -> Rc<Self> {
        let thread = gauges.join();
        Rc::new(Self { gauges: Arc::clone(gauges), thread, bells: RefCell::default() })
    }

    pub(crate) fn hold(self: &Rc<Self>) -> Held {
        self.thread.in_flight.add(1);
        Held(Rc::clone(self))
    }

    /// A request that is held has become long-lived.
    pub(crate) fn stay(self: &Rc<Self>) -> Stay {
        self.thread.long_lived.add(1);
        Stay { holdings: Rc::clone(self), bell: OnceCell::new() }
    }

    /// Tells as many to end as the pace allows.
    pub(crate) fn end_some(&self, now: Instant) {
        while let Some(bell) = self.longest()
            && self.gauges.pace().take(now)
        {
            self.bells.borrow_mut().pop_front();
            bell.ring();
        }
    }

    /// The bell of who has waited longest.
    fn longest(&self) -> Option<Rc<Bell>> {
        let mut bells = self.bells.borrow_mut();
        while let Some(first) = bells.front() {
            match first.upgrade() {
                Some(bell) => return Some(bell),
                None => drop(bells.pop_front()),
            }
        }
        None
    }

    fn hang(&self) -> Rc<Bell> {
        let bell = Rc::<Bell>::default();
        let mut bells = self.bells.borrow_mut();
        let alive = usize::try_from(self.thread.long_lived.get()).unwrap_or(usize::MAX);
        if bells.len() >= alive.saturating_mul(2).saturating_add(SPARE) {
            bells.retain(|bell| bell.strong_count() > 0);
        }
        bells.push_back(Rc::downgrade(&bell));
        bell
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.thread.in_flight.sub(1);
    }
}

// === impl Bell ===

impl Bell {
    fn ring(&self) {
        self.rung.set(true);
        self.waker.borrow_mut().take().into_iter().for_each(Waker::wake);
    }
}

// === impl Stay ===

impl Stay {
    /// Whether it was told to end.
    pub(crate) fn is_told(&self) -> bool {
        self.bell.get().is_some_and(|bell| bell.rung.get())
    }

    /// Ready when it was told to end; if not, the task is woken when it is.
    pub(crate) fn poll_told(&self, cx: &mut Context<'_>) -> Poll<()> {
        let bell = self.bell.get_or_init(|| self.holdings.hang());
        if bell.rung.get() {
            return Poll::Ready(());
        }
        let mut waker = bell.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// It has ended politely, because it was told to.
    pub(crate) fn has_left(&self) {
        self.holdings.thread.closed.add(1);
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.holdings.thread.long_lived.sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_waited_longest_are_told_first_and_the_gone_are_forgotten() {
        let start = Instant::now();
        let gauges = Arc::new(Gauges::new(start));
        let holdings = Holdings::new(&gauges);
        let mut cx = Context::from_waker(Waker::noop());
        let mut stays: Vec<Stay> = (0..4).map(|_| holdings.stay()).collect();
        assert!(stays.iter().all(|stay| stay.poll_told(&mut cx).is_pending()));
        drop(stays.remove(0));
        gauges.pace().set(1, start);
        holdings.end_some(start);
        let told: Vec<bool> = stays.iter().map(Stay::is_told).collect();
        assert_eq!(told, [true, false, false]);
        for _ in 0..10_000 {
            assert!(holdings.stay().poll_told(&mut cx).is_pending());
        }
        assert!(holdings.bells.borrow().len() <= 3 * 2 + SPARE + 1);
        assert_eq!(gauges.read().long_lived, 3);
    }
}
