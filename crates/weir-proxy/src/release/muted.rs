//! Clients whose error was counted: they are left out until they have been without errors for a while.
//!
//! One that tries again and again would otherwise look like many who fail. Leaving out only its errors is
//! not enough: versions would then differ by how busy their clients are. With its other requests left out as
//! well, errors are the same share of requests however busy a client is: whether it counts depends on its
//! past only.
//!
//! ```text
//!   an error counts ──► mute() ──► sets of slots ──► holds(): each attempt, but only while anybody is muted
//! ```

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A client is counted again after this time without an error.
pub(super) const QUIET: Duration = Duration::from_secs(10);

/// The slots that a client may take: a cache line.
const WAYS: usize = 8;
/// The binary digits of a client's set: 512 sets, 4,096 slots, 32 KiB.
const SET_BITS: u32 = 9;
/// The binary digits of what tells the clients of a set apart. Together with the set's, a client is taken for
/// another one that is muted once in 2^37.
const TAG_BITS: u32 = 28;
/// The binary digits of a time: enough for two years. Later nobody is muted.
const TIME_BITS: u32 = u64::BITS - TAG_BITS;
/// The last time that a slot can tell.
const END: u64 = (1 << TIME_BITS) - 1;
/// Odd, without a pattern: spreads keys, also those whose lower digits are alike as one arm's are.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The muted clients of one population of one version. Times are those of one clock.
///
/// Memory is bounded: where eight clients of the same set are muted already, the next one is not, and all of
/// its requests and errors count. With 2,000 clients that is one in a hundred, with 4,000 one in seven.
#[derive(Debug, Default)]
pub(super) struct Muted {
    /// When the last of them is counted again: nobody else has to be looked up.
    until: AtomicU64,
    /// Made for the first of them.
    sets: OnceLock<Box<[Set]>>,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Set([Slot; WAYS]);

/// A client and until when it is muted, in one word: readers take no lock and never see a half of it.
#[derive(Debug, Default)]
struct Slot(AtomicU64);

// === impl Muted ===

impl Muted {
    /// Whether a client is muted. Writes nothing.
    pub(super) fn holds(&self, client: u64, now: Duration) -> bool {
        let now = millis(now);
        now < self.until.load(Ordering::Relaxed) && self.has(client, now)
    }

    fn has(&self, client: u64, now: u64) -> bool {
        let (set, tag) = place(client);
        self.sets.get().is_some_and(|sets| sets[set].slot_of(tag, now).is_some())
    }

    /// Mutes a client that has an error, from now on. Returns whether it was muted. For one thread at a time.
    pub(super) fn mute(&self, client: u64, now: Duration) -> bool {
        let now = millis(now);
        let (set, tag) = place(client);
        let set = &self.sets.get_or_init(|| (0..1 << SET_BITS).map(|_| Set::default()).collect())[set];
        let known = set.slot_of(tag, now);
        if let Some(slot) = known.or_else(|| set.free(now)) {
            let until = (now + millis(QUIET)).min(END);
            slot.0.store(tag << TIME_BITS | until, Ordering::Relaxed);
            self.until.fetch_max(until, Ordering::Relaxed);
        }
        known.is_some()
    }
}

/// The set of a client, and its tag there.
fn place(client: u64) -> (usize, u64) {
    let spread = client.wrapping_mul(SPREAD);
    let set = spread >> (u64::BITS - SET_BITS);
    (set as usize, spread << SET_BITS >> TIME_BITS)
}

fn millis(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000).saturating_add(time.subsec_millis().into()).min(END)
}

// === impl Set ===

impl Set {
    fn slot_of(&self, tag: u64, now: u64) -> Option<&Slot> {
        self.0.iter().find(|slot| slot.tag_at(now) == Some(tag))
    }

    fn free(&self, now: u64) -> Option<&Slot> {
        self.0.iter().find(|slot| slot.tag_at(now).is_none())
    }
}

// === impl Slot ===

impl Slot {
    /// Whom it mutes, if anybody.
    fn tag_at(&self, now: u64) -> Option<u64> {
        let word = self.0.load(Ordering::Relaxed);
        (now < word & END).then_some(word >> TIME_BITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: u64 = 1 << SET_BITS << 3;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn who_fails_again_and_again_stays_muted() {
        let muted = Muted::default();
        for second in 0..25 {
            assert_eq!(muted.holds(1, at(second)), second > 0, "{second}");
            assert_eq!(muted.mute(1, at(second)), second > 0, "{second}");
        }
        assert!(muted.holds(1, Duration::from_millis(33_999)));
        assert!(!muted.holds(1, at(34)), "after 10 s without an error");
        assert!(!muted.mute(1, at(34)));
        assert!(muted.holds(1, at(34)));
    }

    #[test]
    fn others_are_not_muted() {
        let muted = Muted::default();
        for client in 0..100 {
            assert!(!muted.mute(client, at(1)));
        }
        assert!((100..10_000).all(|client| !muted.holds(client, at(1))));
        assert!((0..100).all(|client| muted.holds(client, at(1))));
    }

    /// As those are whom a weight of 1 % gives to a version.
    #[test]
    fn keys_that_are_alike_in_their_bucket_are_spread() {
        let muted = Muted::default();
        for client in 0..1_000 {
            muted.mute(client * 10_000 + client % 100, at(1));
        }
        let held = (0..1_000).filter(|client| muted.holds(client * 10_000 + client % 100, at(1))).count();
        assert!(held > 990, "{held}");
    }

    #[test]
    fn when_it_is_full_all_of_a_client_counts_until_there_is_room() {
        let muted = Muted::default();
        let clients = 0..4 * SLOTS;
        assert!(clients.clone().all(|client| !muted.mute(client, at(1))));
        let held = |now| clients.clone().filter(|client| muted.holds(*client, now)).count() as u64;
        let full = held(at(1));
        assert!(full > SLOTS * 9 / 10 && full <= SLOTS, "{full}");
        let left_out = clients.clone().find(|client| !muted.holds(*client, at(1))).unwrap();
        assert!(!muted.mute(left_out, at(2)), "it counts again");
        assert_eq!(held(at(2)), full);
        let later = at(1) + QUIET;
        assert_eq!(held(later), 0);
        assert!(!muted.mute(left_out, later) && muted.holds(left_out, later));
    }

    #[test]
    fn a_client_without_a_tag_is_a_client_like_others() {
        let muted = Muted::default();
        assert!(!muted.holds(0, at(0)) && !muted.mute(0, at(0)) && muted.holds(0, at(0)));
    }

    #[test]
    fn after_years_nobody_is_muted() {
        let muted = Muted::default();
        for now in [Duration::from_millis(END), Duration::MAX] {
            assert!(!muted.mute(1, now) && !muted.holds(1, now) && !muted.mute(1, now));
        }
    }
}
