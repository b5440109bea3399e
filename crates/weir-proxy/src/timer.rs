//! Deadlines without a timer per request: a coarse wheel per thread.
//!
//! Moving a deadline further away, which is what nearly every request does, only stores a number. The
//! wheel looks at a deadline when its old slot comes up and files it again if it has moved.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

/// Resolution of all timeouts.
pub(crate) const TICK: Duration = Duration::from_millis(50);
/// The wheel spans 100 s; later deadlines are filed again on the way.
const SLOTS: u64 = 2_048;
const NEVER: u64 = u64::MAX;
/// Entries that are kept for reuse.
const MAX_FREE: usize = 4_096;

/// The deadlines of one thread.
#[derive(Debug)]
pub(crate) struct Wheel {
    start: Instant,
    now: Cell<u64>,
    slots: RefCell<Vec<Vec<Rc<Entry>>>>,
    /// Entries of dropped timers. They are still filed, so a request that needs a timer for a moment adds
    /// nothing to the wheel.
    free: RefCell<Vec<Rc<Entry>>>,
}

#[derive(Debug)]
struct Entry {
    deadline: Cell<u64>,
    filed: Cell<u64>,
    waker: RefCell<Option<Waker>>,
}

/// One deadline, reusable. Once dropped it holds on to no task.
#[derive(Debug)]
pub(crate) struct Timer {
    entry: Rc<Entry>,
    wheel: Rc<Wheel>,
}

/// The deadline passed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Elapsed;

// === impl Wheel ===

impl Wheel {
    pub(crate) fn new(start: Instant) -> Rc<Self> {
        let slots = (0..SLOTS).map(|_| Vec::new()).collect();
        Rc::new(Self { start, now: Cell::new(0), slots: RefCell::new(slots), free: RefCell::default() })
    }

    /// Moves to the present and wakes what is due.
    pub(crate) fn advance(&self, now: Instant) {
        let now = ticks(now.saturating_duration_since(self.start));
        while self.now.get() < now {
            self.now.set(self.now.get() + 1);
            self.turn(self.now.get());
        }
    }

    fn turn(&self, now: u64) {
        let due = std::mem::take(&mut self.slots.borrow_mut()[slot(now)]);
        for entry in due {
            // Whoever was filed again elsewhere, or whose owner is gone, is dropped here.
            if entry.filed.get() != now || Rc::strong_count(&entry) == 1 {
                continue;
            }
            entry.filed.set(NEVER);
            match entry.deadline.get() {
                NEVER => {}
                deadline if deadline <= now => {
                    let waker = entry.waker.borrow_mut().take();
                    waker.into_iter().for_each(Waker::wake);
                }
                deadline => self.file(entry, deadline),
            }
        }
    }

    /// Wakes everyone who waits, so that they look around.
    pub(crate) fn wake_all(&self) {
        for entry in self.slots.borrow().iter().flatten() {
            let waker = entry.waker.borrow_mut().take();
            waker.into_iter().for_each(Waker::wake);
        }
    }

    fn file(&self, entry: Rc<Entry>, deadline: u64) {
        let at = deadline.clamp(self.now.get() + 1, self.now.get() + SLOTS - 1);
        if at < entry.filed.get() {
            entry.filed.set(at);
            self.slots.borrow_mut()[slot(at)].push(entry);
        }
    }

    pub(crate) fn timer(self: &Rc<Self>) -> Timer {
        let entry = self.free.borrow_mut().pop().unwrap_or_default();
        Timer { entry, wheel: Rc::clone(self) }
    }
}

impl Default for Entry {
    fn default() -> Self {
        Self { deadline: Cell::new(NEVER), filed: Cell::new(NEVER), waker: RefCell::default() }
    }
}

fn ticks(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis() / TICK.as_millis()).unwrap_or(NEVER)
}

fn slot(tick: u64) -> usize {
    usize::try_from(tick % SLOTS).unwrap_or(0)
}

// === impl Timer ===

impl Timer {
    /// Sets the deadline; never fires early, and late by two ticks at most.
    pub(crate) fn set(&self, after: Duration) {
        self.entry.deadline.set((self.wheel.now.get() + ticks(after)).saturating_add(2));
    }

    pub(crate) fn clear(&self) {
        self.entry.deadline.set(NEVER);
    }

    /// Whether the deadline has passed; if not, the task is woken when it does.
    pub(crate) fn poll_elapsed(&self, cx: &mut Context<'_>) -> Poll<Elapsed> {
        let deadline = self.entry.deadline.get();
        if deadline <= self.wheel.now.get() {
            return Poll::Ready(Elapsed);
        }
        let mut waker = self.entry.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        drop(waker);
        if deadline != NEVER {
            self.wheel.file(Rc::clone(&self.entry), deadline);
        }
        Poll::Pending
    }

    /// Runs a future to its end, or until `limit` has passed since it first had to wait.
    pub(crate) async fn limited<F: Future>(&self, limit: Duration, future: F) -> Result<F::Output, Elapsed> {
        let mut future = pin!(future);
        self.within(limit, |cx| future.as_mut().poll(cx)).await
    }

    /// Polls until the result is there or `limit` has passed since it first was not.
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Result<T, Elapsed> {
        let mut waiting = false;
        let result = poll_fn(|cx| {
            if let Poll::Ready(value) = poll(cx) {
                return Poll::Ready(Ok(value));
            }
            if !std::mem::replace(&mut waiting, true) {
                self.set(limit);
            }
            self.poll_elapsed(cx).map(Err)
        });
        let result = result.await;
        if waiting {
            self.clear();
        }
        result
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.clear();
        self.entry.waker.take();
        let mut free = self.wheel.free.borrow_mut();
        if free.len() < MAX_FREE {
            free.push(Rc::clone(&self.entry));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, task::Wake};

    use super::*;

    #[derive(Default)]
    struct Count(std::sync::atomic::AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    struct Clock {
        wheel: Rc<Wheel>,
        start: Instant,
    }

    impl Clock {
        fn new() -> Self {
            let start = Instant::now();
            Self { wheel: Wheel::new(start), start }
        }

        fn at(&self, seconds: u64) {
            self.wheel.advance(self.start + Duration::from_secs(seconds));
        }
    }

    fn woken(count: &Arc<Count>) -> usize {
        count.0.load(std::sync::atomic::Ordering::Relaxed)
    }

    #[test]
    fn fires_once_and_not_early() {
        let (clock, count) = (Clock::new(), Arc::new(Count::default()));
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        for seconds in [1, 75, 150, 3_600] {
            let timer = clock.wheel.timer();
            let begin = clock.wheel.now.get() / 20;
            timer.set(Duration::from_secs(seconds));
            assert!(timer.poll_elapsed(&mut cx).is_pending());
            let before = woken(&count);
            clock.at(begin + seconds);
            assert_eq!(woken(&count), before, "{seconds} s: early");
            clock.at(begin + seconds + 1);
            assert_eq!(woken(&count), before + 1, "{seconds} s: not once");
            assert!(timer.poll_elapsed(&mut cx).is_ready());
        }
    }

    #[test]
    fn timers_that_come_and_go_leave_nothing_behind() {
        let (clock, count) = (Clock::new(), Arc::new(Count::default()));
        let waker = Waker::from(Arc::clone(&count));
        let holders = Arc::strong_count(&count);
        for round in 0..100_000 {
            let timer = clock.wheel.timer();
            timer.set(Duration::from_mins(1));
            assert!(timer.poll_elapsed(&mut Context::from_waker(&waker)).is_pending());
            drop(timer);
            assert_eq!(Arc::strong_count(&count), holders);
            if round % 1_000 == 0 {
                clock.at(round / 1_000);
            }
        }
        let filed: usize = clock.wheel.slots.borrow().iter().map(Vec::len).sum();
        assert!(filed <= 2, "{filed}");
        assert_eq!(woken(&count), 0);
    }

    #[test]
    fn a_deadline_can_move_both_ways() {
        let (clock, count) = (Clock::new(), Arc::new(Count::default()));
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        let timer = clock.wheel.timer();
        timer.set(Duration::from_secs(10));
        assert!(timer.poll_elapsed(&mut cx).is_pending());
        timer.set(Duration::from_secs(30));
        clock.at(20);
        assert_eq!(woken(&count), 0);
        timer.set(Duration::from_secs(1));
        assert!(timer.poll_elapsed(&mut cx).is_pending());
        clock.at(22);
        assert_eq!(woken(&count), 1);
        timer.clear();
        clock.at(100);
        assert_eq!(woken(&count), 1);
    }
}
