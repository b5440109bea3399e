use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use weir_model::{ErrorRule, Role, VersionReading};

use super::{muted::QUIET, *};

const SECOND: Duration = Duration::from_secs(1);

fn counters(threads: usize) -> Arc<Counters> {
    let mark = ReleaseMark {
        namespace: "shop".into(),
        name: "web".into(),
        attempt: 1,
        epoch: 1,
        errors: ErrorRule::default(),
        retiring: None,
    };
    Arc::new(Counters::new(ReleaseId::of(&mark), threads))
}

fn canary(counters: &Arc<Counters>) -> Version {
    Version { counters: Arc::clone(counters), role: Role::Canary }
}

fn served(key: u64) -> Attempt {
    Attempt { compared: true, even: true, key: Some(key), took: Duration::ZERO, error: false }
}

fn failed(key: u64) -> Attempt {
    Attempt { error: true, ..served(key) }
}

/// What is counted of the canary: requests, errors, the same of one half, durations.
fn counted(counters: &Counters) -> [u64; 5] {
    let VersionReading { requests, errors, even_requests, even_errors, durations, .. } =
        counters.read(1).canary;
    [requests, errors, even_requests, even_errors, durations.iter().map(|(_, count)| count).sum()]
}

#[test]
fn who_retries_each_second_counts_once_and_again_after_it_was_quiet() {
    let counters = counters(1);
    let (version, start) = (canary(&counters), Instant::now());
    for second in 0..25 {
        version.ended(0, &failed(1), start + second * SECOND);
        version.ended(0, &served(1), start + second * SECOND + SECOND / 2);
    }
    assert_eq!(counted(&counters), [1; 5]);
    let last = start + 24 * SECOND;
    version.ended(0, &served(1), last + QUIET * 99 / 100);
    assert_eq!(counted(&counters), [1; 5]);
    version.ended(0, &served(1), last + QUIET);
    version.ended(0, &failed(1), last + QUIET + SECOND);
    version.ended(0, &served(1), last + QUIET + SECOND);
    assert_eq!(counted(&counters), [3, 2, 3, 2, 3]);
}

#[test]
fn a_busy_client_without_errors_counts_always() {
    let counters = counters(1);
    let (version, start) = (canary(&counters), Instant::now());
    for millisecond in 0..1_000 {
        let now = start + millisecond * SECOND / 1_000;
        version.ended(0, &failed(1), now);
        version.ended(0, &served(2), now);
    }
    assert_eq!(counted(&counters), [1_001, 1, 1_001, 1, 1_001]);
}

#[test]
fn versions_and_populations_mute_each_for_itself() {
    let counters = counters(1);
    let now = Instant::now();
    let other = Attempt { compared: false, ..failed(1) };
    for _ in 0..3 {
        canary(&counters).ended(0, &failed(1), now);
        canary(&counters).ended(0, &other, now);
    }
    Version { role: Role::Stable, ..canary(&counters) }.ended(0, &served(1), now);
    let read = counters.read(1);
    assert_eq!((read.canary.other_requests, read.canary.other_errors), (1, 1));
    assert_eq!((counted(&counters), read.stable.requests), ([1; 5], 1));
}

#[test]
fn without_a_client_each_attempt_counts() {
    let counters = counters(1);
    let unknown = Attempt { key: None, even: false, ..failed(1) };
    (0..3).for_each(|_| canary(&counters).ended(0, &unknown, Instant::now()));
    assert_eq!(counted(&counters), [3, 3, 0, 0, 3]);
}

/// A few clients send most of the requests; each request fails by itself.
#[test]
fn errors_are_the_same_share_of_requests_however_busy_clients_are() {
    let counters = counters(1);
    let (version, start) = (canary(&counters), Instant::now());
    let mut rng = fastrand::Rng::with_seed(7);
    for request in 0..400_000 {
        let client = 10_000 / rng.u64(1..=10_000);
        let attempt = Attempt { error: rng.u8(..50) == 0, ..served(client) };
        version.ended(0, &attempt, start + request * SECOND / 500);
    }
    let [requests, errors, ..] = counted(&counters);
    assert!((20_000..100_000).contains(&requests), "the busy are mostly muted: {requests}");
    // Within three standard deviations.
    let (off, variance) = ((errors * 50).abs_diff(requests), requests * 50);
    assert!(off.pow(2) < 9 * variance, "{errors} of {requests}");
}

#[test]
fn threads_count_a_client_once_and_no_error_is_seen_without_its_attempt() {
    const THREADS: usize = 4;
    const ROUNDS: u64 = 20_000;
    let counters = counters(THREADS);
    let (start, done) = (Instant::now(), AtomicBool::new(false));
    thread::scope(|scope| {
        let work = |thread: usize| {
            let (version, own) = (canary(&counters), 1_000_000 + thread as u64);
            for round in 0..ROUNDS {
                version.ended(thread, &failed(round % 200), start);
                version.ended(thread, &served(own), start);
            }
        };
        let workers: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || work(thread))).collect();
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let [requests, errors, ..] = counted(&counters);
                assert!(errors <= requests, "{errors} of {requests}");
            }
        });
        for worker in workers {
            worker.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    let all = THREADS as u64 * ROUNDS + 200;
    assert_eq!(counted(&counters), [all, 200, all, 200, all]);
}
