//! Requests of many clients, second by second, and what goes wrong with them.

use std::{collections::BTreeMap, time::Duration};

use weir_model::duration_bins::bin_of;

use crate::{
    chance::Chance,
    clients::{Arm, Clients},
};

/// A client without an error for so many seconds is calm.
const CALM: u64 = 10;
/// How often a client that counts is looked for.
const ATTEMPTS: usize = 20;
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
    /// How proxies count the errors of one client.
    pub once: Once,
}

/// How proxies count the errors of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Once {
    /// After an error, nothing of the client counts, neither requests nor errors, until it has had none for ten
    /// seconds. So errors are expected to be their share of requests, however busy some clients are.
    UntilCalm,
    /// Every error counts.
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
    /// Errors that proxies count.
    pub clients: u64,
    /// Requests of clients with even keys.
    pub even_requests: u64,
    /// Of the counted errors, those of these clients.
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
    /// Clients that do not count, and when they had their last error.
    muted: BTreeMap<u32, u64>,
    /// How much they would send.
    missing: f64,
    /// Clients that try again, and how often they will.
    storms: Vec<(u32, u64)>,
}

/// What a lane needs to know of a second.
#[derive(Clone, Copy, Debug)]
struct Now {
    second: u64,
    /// Requests to be expected.
    mean: f64,
    /// The share that fails.
    rate: f64,
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
        self.canary.calm_down(self.second, &self.clients);
        self.stable.calm_down(self.second, &self.clients);
        let common = self.common_rate();
        let all = self.canary.arm.activity() + self.stable.arm.activity();
        let canary_rate = common * self.ratio();
        let Self { traffic, chance, second, .. } = self;
        let second = *second;
        let mut send = |lane: &mut Lane, rate: f64, slower: f64| {
            let mean = traffic.rps * lane.arm.activity() / all;
            let mut sent = lane.send(chance, traffic, Now { second, mean, rate: rate.min(1.0) });
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
    fn send(&mut self, chance: &mut Chance, traffic: &Traffic, now: Now) -> Sent {
        let mut sent = Sent { requests: chance.poisson(now.mean), ..Sent::default() };
        let muted = chance.binomial(sent.requests, self.missing / self.arm.activity().max(f64::MIN_POSITIVE));
        sent.counted = sent.requests - muted;
        if let Pattern::Storms(length) = traffic.errors {
            self.rage(chance, &mut sent, now, length);
        } else {
            let errors = chance.binomial(sent.counted, now.rate);
            sent.errors = errors + chance.binomial(muted, now.rate);
            self.fail(chance, &mut sent, now.second, errors);
        }
        if traffic.once == Once::Never {
            self.muted.clear();
            (sent.counted, sent.clients) = (sent.requests, sent.errors);
        }
        let even = self.arm.even_share();
        sent.even_requests = chance.binomial(sent.counted, even);
        sent.even_clients = chance.binomial(sent.clients, even).min(sent.even_requests);
        sent
    }

    /// The share of failures is the same, but they come from few clients, who try again every second.
    fn rage(&mut self, chance: &mut Chance, sent: &mut Sent, now: Now, length: f64) {
        for _ in 0..chance.binomial(sent.requests, now.rate / length) {
            if let Some((client, _)) = self.arm.draw(chance) {
                self.storms.push((client, chance.gap(1.0 / length)));
            }
        }
        let mut storms = std::mem::take(&mut self.storms);
        for (client, left) in &mut storms {
            sent.errors += 1;
            sent.clients += u64::from(self.muted.insert(*client, now.second).is_none());
            *left -= 1;
        }
        storms.retain(|(_, left)| *left > 0);
        self.storms = storms;
        sent.requests = sent.requests.max(sent.errors);
        sent.counted = sent.counted.max(sent.clients);
    }

    /// Errors of clients that count when the second begins, one moment after the other. Once a client has failed,
    /// what else it sends within the second counts as little as its other errors.
    fn fail(&mut self, chance: &mut Chance, sent: &mut Sent, second: u64, errors: u64) {
        let mut moments: Vec<f64> = (0..errors).map(|_| chance.share()).collect();
        moments.sort_unstable_by(f64::total_cmp);
        let mut mute = 0;
        for moment in moments {
            let Some(client) = self.draw_counted(chance, second) else { continue };
            if self.muted.insert(client.0, second).is_none() {
                sent.clients += 1;
                mute += chance.binomial(sent.counted, client.1 / self.arm.activity() * (1.0 - moment));
            }
        }
        sent.counted = sent.counted.saturating_sub(mute).max(sent.clients);
    }

    /// A client that counted when the second began, and how much it sends.
    fn draw_counted(&self, chance: &mut Chance, second: u64) -> Option<(u32, f64)> {
        let counts = |client: &(u32, f64)| self.muted.get(&client.0).is_none_or(|last| *last == second);
        (0..ATTEMPTS).find_map(|_| self.arm.draw(chance).filter(counts))
    }

    fn calm_down(&mut self, second: u64, clients: &Clients) {
        self.muted.retain(|_, last| second - *last < CALM);
        self.missing = self.muted.keys().map(|client| clients.activity(*client)).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(errors: Pattern, once: Once) -> (f64, f64) {
        let traffic = Traffic {
            rps: 200.0,
            base: 0.02,
            ratio: 1.0,
            errors,
            clients: 300,
            skew: 1.1,
            slower: None,
            once,
        };
        let mut stream = Stream::new(traffic, Chance::new(5));
        stream.divide(3_000);
        let mut sums = [0_u64; 4];
        for _ in 0..3_000 {
            let Second { canary, stable } = stream.next_second();
            for sent in [canary, stable] {
                for (sum, more) in
                    sums.iter_mut().zip([sent.errors, sent.requests, sent.clients, sent.counted])
                {
                    *sum += more;
                }
            }
        }
        let [errors, requests, clients, counted] = sums.map(real);
        (errors / requests, clients / counted)
    }

    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    fn real(count: u64) -> f64 {
        count as f64
    }

    #[test]
    fn busy_clients_do_not_bend_the_share_of_errors() {
        let (raw, counted) = shares(Pattern::Independent, Once::UntilCalm);
        assert!((raw - 0.02).abs() < 0.001, "{raw}");
        assert!((counted - 0.02).abs() < 0.001, "{counted}");
    }

    #[test]
    fn a_storm_is_one_error() {
        let (raw, counted) = shares(Pattern::Storms(10.0), Once::UntilCalm);
        assert!((raw - 0.02).abs() < 0.003, "{raw}");
        assert!(counted < 0.004, "{counted}");
        let (raw, counted) = shares(Pattern::Storms(10.0), Once::Never);
        assert!((raw - counted).abs() < 1e-9, "{raw} {counted}");
    }
}
