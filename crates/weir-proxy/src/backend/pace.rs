//! How fast the long-lived connections of a version end, over all threads.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::timer::TICK;

/// What was not used may be made up for, but not more of it than two looks of a thread.
const SLACK: Duration = TICK.saturating_mul(2);

/// So many a second, or none. Threads share it; it is asked only while there is something to end.
#[derive(Debug)]
pub(crate) struct Pace {
    start: Instant,
    /// 0 for none.
    per_second: AtomicU32,
    /// When the next one may end, in microseconds.
    next: AtomicU64,
}

// === impl Pace ===

impl Pace {
    pub(crate) fn new(start: Instant) -> Self {
        Self { start, per_second: AtomicU32::new(0), next: AtomicU64::new(0) }
    }

    /// From now on; the same pace as before goes on as it was.
    pub(crate) fn set(&self, per_second: u32, now: Instant) {
        if self.per_second.swap(per_second, Ordering::Relaxed) != per_second {
            self.next.store(self.microseconds(now), Ordering::Relaxed);
        }
    }

    /// Whether one more may end now. Whoever is told so ends one.
    pub(crate) fn take(&self, now: Instant) -> bool {
        let per_second = self.per_second.load(Ordering::Relaxed);
        let Some(interval) = 1_000_000_u64.checked_div(per_second.into()) else { return false };
        let now = self.microseconds(now);
        let earliest = now.saturating_sub(u64::try_from(SLACK.as_micros()).unwrap_or(u64::MAX));
        let following = |next: u64| (next <= now).then_some(next.max(earliest) + interval);
        self.next.try_update(Ordering::Relaxed, Ordering::Relaxed, following).is_ok()
    }

    fn microseconds(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.start).as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(pace: &Pace, start: Instant, millis: std::ops::Range<u64>) -> usize {
        let looks = millis.step_by(50).map(|at| start + Duration::from_millis(at));
        looks.map(|now| std::iter::from_fn(|| pace.take(now).then_some(())).count()).sum()
    }

    #[test]
    fn so_many_a_second_and_no_burst_after_a_rest() {
        let start = Instant::now();
        let pace = Pace::new(start);
        assert_eq!(ended(&pace, start, 0..1_000), 0, "no pace, no end");
        pace.set(50, start + Duration::from_secs(1));
        let first = ended(&pace, start, 1_000..3_000);
        assert!((98..=101).contains(&first), "{first}");
        let later = ended(&pace, start, 60_000..60_001);
        assert!((1..=6).contains(&later), "{later} at once after a minute of rest");
        pace.set(0, start + Duration::from_secs(61));
        assert_eq!(ended(&pace, start, 61_000..90_000), 0);
    }

    #[test]
    fn setting_the_same_pace_again_changes_nothing() {
        let start = Instant::now();
        let pace = Pace::new(start);
        let taken = (0..100).filter(|_| {
            pace.set(1, start);
            pace.take(start)
        });
        assert_eq!(taken.count(), 1);
    }
}
