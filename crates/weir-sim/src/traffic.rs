//! Requests of many clients, second by second, and what goes wrong with them.

use std::{collections::BTreeMap, time::Duration};

use weir_release::stats::bin_of;

use crate::{
    chance::Chance,
    clients::{Arm, Clients},
};

/// An error of a client is counted once in so many seconds, as proxies do.
const ONCE_IN: u64 = 10;
/// How many of the requests are a client's first.
const FIRST: f64 = 0.02;
/// The length of a simulated day. A release sees a good part of it.
const DAY: f64 = 3_600.0;
/// Half of the requests take no longer, in seconds, and how widely they differ.
const MEDIAN: f64 = 0.05;
const SPREAD: f64 = 0.8;

/// What is asked of both versions, and how they do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// Requests a second.
    pub rps: f64,
    /// The share of them that fails in the old version.
    pub base: f64,
    /// How many times as often the new version fails.
    pub ratio: f64,
    /// How errors come.
    pub errors: Pattern,
    /// How many clients there are.
    pub clients: u32,
    /// How much busier some are than others: activity falls like 1 / rank^`skew`.
    pub skew: f64,
    /// How many times as long the new version takes; nothing is timed if absent.
    pub slower: Option<f64>,
    /// When an error of a client counts once more.
    pub once: Once,
}

/// When an error of a client counts once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Once {
    /// In the next ten seconds on the clock, as proxies do it.
    Window,
    /// After ten seconds without an error of this client.
    Calm,
    /// After ten seconds without an error of this client, and none of its requests count until then.
    Muted,
    /// Muted until the next ten seconds on the clock.
    MutedWindow,
    /// Always.
    Never,
}

/// How errors come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pattern {
    /// Each request for itself.
    Independent,
    /// One client tries again and again, once a second: so many times on average.
    Storms(f64),
    /// Both versions suffer from something else for a while.
    Incident {
        /// From this second on.
        from: u64,
        /// Up to this second.
        until: u64,
        /// How much of everything fails then.
        rate: f64,
    },
    /// The rate of errors follows the time of day, between nothing and twice the base.
    Diurnal,
    /// The new version fails this many times as often in its first seconds.
    ColdStart {
        /// For how long.
        seconds: u64,
        /// How many times as often.
        factor: f64,
    },
}

/// What a version was sent within a second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sent {
    /// Requests.
    pub requests: u64,
    /// Those that proxies count.
    pub counted: u64,
    /// Those that failed.
    pub errors: u64,
    /// Clients with an error, each once in ten seconds.
    pub clients: u64,
    /// Requests of clients with even keys.
    pub even_requests: u64,
    /// Those of these clients that had an error.
    pub even_clients: u64,
    /// Clients that came for the first time.
    pub cohorts: u64,
    /// The bins that durations fall into.
    pub bins: Vec<usize>,
}

/// Both versions within a second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Second {
    /// The new version.
    pub canary: Sent,
    /// The old version.
    pub stable: Sent,
}

/// Draws second after second.
#[derive(Clone, Debug)]
pub struct Stream {
    traffic: Traffic,
    chance: Chance,
    clients: Clients,
    second: u64,
    weight: u16,
    canary: Lane,
    stable: Lane,
    /// How long the new version has had requests.
    warm: u64,
}

/// One version's part of it.
#[derive(Clone, Debug, Default)]
struct Lane {
    arm: Arm,
    /// When an error of a client was seen last.
    failed: BTreeMap<u32, u64>,
    muted: f64,
    /// Clients that try again, and how often they will.
    storms: Vec<(u32, u64)>,
}

// === impl Stream ===

impl Stream {
    /// The requests that a seed stands for.
    pub fn new(traffic: Traffic, mut chance: Chance) -> Self {
        let clients = Clients::new(traffic.clients, traffic.skew, &mut chance);
        let mut stream = Self {
            traffic,
            chance,
            clients,
            second: 0,
            weight: 0,
            canary: Lane::default(),
            stable: Lane::default(),
            warm: 0,
        };
        stream.divide(0);
        stream
    }

    /// Gives the clients with the first buckets to the new version.
    pub fn divide(&mut self, weight: u16) {
        if weight != self.weight || self.second == 0 {
            self.weight = weight;
            (self.canary.arm, self.stable.arm) = self.clients.divided(weight);
        }
    }

    /// What happens in the next second.
    pub fn next_second(&mut self) -> Second {
        self.canary.forget(self.traffic.once, self.second, &self.clients);
        self.stable.forget(self.traffic.once, self.second, &self.clients);
        let common = self.common_rate();
        let all = self.canary.arm.activity() + self.stable.arm.activity();
        let canary_rate = common * self.ratio();
        let Self { traffic, chance, second, .. } = self;
        let second = *second;
        let mut send = |lane: &mut Lane, rate: f64, slower: f64| {
            let mean = traffic.rps * lane.arm.activity() / all;
            let mut sent = lane.send(chance, traffic, mean, rate.min(1.0), second);
            lane.mark_even(chance, &mut sent);
            if traffic.slower.is_some() {
                sent.bins = (0..sent.requests).map(|_| took(chance, slower)).collect();
            }
            sent
        };
        let slower = traffic.slower.unwrap_or(1.0);
        let mut canary = send(&mut self.canary, canary_rate, slower);
        let mut stable = send(&mut self.stable, common, 1.0);
        let first = self.chance.poisson(self.traffic.rps * FIRST);
        canary.cohorts = self.chance.binomial(first, f64::from(self.weight) / 10_000.0);
        stable.cohorts = first - canary.cohorts;
        self.second += 1;
        self.warm += u64::from(canary.requests > 0);
        Second { canary, stable }
    }

    /// The rate that has nothing to do with versions.
    #[expect(clippy::cast_precision_loss, reason = "seconds are few")]
    fn common_rate(&self) -> f64 {
        let base = self.traffic.base;
        match self.traffic.errors {
            Pattern::Incident { from, until, rate } if (from..until).contains(&self.second) => rate,
            Pattern::Diurnal => base * (1.0 + (std::f64::consts::TAU * self.second as f64 / DAY).sin()),
            _ => base,
        }
    }

    fn ratio(&self) -> f64 {
        match self.traffic.errors {
            Pattern::ColdStart { seconds, factor } if self.warm < seconds => self.traffic.ratio * factor,
            _ => self.traffic.ratio,
        }
    }
}

/// The bin of one duration.
fn took(chance: &mut Chance, slower: f64) -> usize {
    let seconds = MEDIAN * slower * (SPREAD * chance.normal()).exp();
    bin_of(Duration::from_secs_f64(seconds.min(1e6)))
}

// === impl Lane ===

impl Lane {
    fn forget(&mut self, once: Once, now: u64, clients: &Clients) {
        match once {
            Once::Window | Once::MutedWindow if now.is_multiple_of(ONCE_IN) => self.failed.clear(),
            Once::Window | Once::MutedWindow => {}
            Once::Calm | Once::Muted => self.failed.retain(|_, last| now - *last < ONCE_IN),
            Once::Never => self.failed.clear(),
        }
        self.muted = self.failed.keys().map(|c| clients.all()[*c as usize].activity).sum();
    }

    fn send(&mut self, chance: &mut Chance, traffic: &Traffic, mean: f64, rate: f64, second: u64) -> Sent {
        let mut sent = Sent { requests: chance.poisson(mean), ..Sent::default() };
        let muted = matches!(traffic.once, Once::Muted | Once::MutedWindow);
        let mute = if muted { chance.binomial(sent.requests, self.muted / self.arm.activity()) } else { 0 };
        sent.counted = sent.requests - mute;
        match traffic.errors {
            Pattern::Storms(length) => self.rage(chance, &mut sent, rate, length, second),
            _ => {
                let errors = chance.binomial(sent.counted, rate);
                sent.errors = errors + chance.binomial(mute, rate);
                for _ in 0..errors {
                    let before = sent.clients;
                    for _ in 0..20 {
                        self.fail(chance, &mut sent, second);
                        if sent.clients > before || !muted {
                            break;
                        }
                    }
                    if muted && sent.clients == before {
                        sent.counted -= 1;
                    }
                }
            }
        }
        sent
    }

    /// The share of failures is the same, but they come from few clients.
    fn rage(&mut self, chance: &mut Chance, sent: &mut Sent, rate: f64, length: f64, second: u64) {
        for _ in 0..chance.binomial(sent.requests, rate / length) {
            if let Some(client) = self.arm.draw(chance) {
                self.storms.push((client, chance.gap(1.0 / length)));
            }
        }
        for position in (0..self.storms.len()).rev() {
            let (client, left) = self.storms[position];
            sent.errors += 1;
            sent.clients += u64::from(self.failed.insert(client, second).is_none());
            self.storms[position].1 = left - 1;
            if left == 1 {
                self.storms.swap_remove(position);
            }
        }
        sent.requests = sent.requests.max(sent.errors);
        sent.counted = sent.counted.max(sent.clients);
    }

    fn fail(&mut self, chance: &mut Chance, sent: &mut Sent, second: u64) {
        let client = self.arm.draw(chance);
        sent.clients += u64::from(client.is_some_and(|client| self.failed.insert(client, second).is_none()));
    }

    /// Halves of the clients are as alike as chance makes them.
    fn mark_even(&self, chance: &mut Chance, sent: &mut Sent) {
        let even = self.arm.even_share();
        sent.even_requests = chance.binomial(sent.counted, even);
        sent.even_clients = chance.binomial(sent.clients, even).min(sent.even_requests);
    }
}
