//! Proxies: they obey the last routing they accepted, count, and report, over a network that loses, delays and
//! reorders.

use std::{collections::BTreeMap, time::Duration};

use weir_model::{ReleaseReading, Role, VersionReading};
use weir_release::{
    observation::{self, Seen},
    state::{Division, Routing},
};

use crate::chance::Chance;

/// The share of requests that an override sends to the new version.
const OVERRIDDEN: f64 = 0.02;

/// What the network does to messages.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Network {
    /// The share that is lost.
    pub loss: f64,
    /// The most seconds that one takes; each takes its own time, so they overtake each other.
    pub delay: u64,
}

/// How clients behave, as far as a proxy is concerned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Requests a second.
    pub rps: f64,
    /// The share that fails in the old version.
    pub base: f64,
    /// The share that fails in the new version.
    pub canary: f64,
}

/// What a proxy says.
#[derive(Clone, Debug)]
pub struct Report {
    boot: u64,
    uptime: u64,
    reading: Option<ReleaseReading>,
    sent: [u64; 2],
}

/// A proxy.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Which run of it.
    pub boot: u64,
    /// Whether it serves clients.
    pub up: bool,
    /// When it comes back, if it is not up.
    pub back_at: u64,
    /// It hears nothing and is not heard until then.
    pub cut_until: u64,
    /// It reports every so many seconds.
    pub reports_every: u64,
    /// What it obeys.
    pub routing: Option<Routing>,
    /// What it was sent in the last second, by version.
    pub sent_now: [u64; 2],
    started: u64,
    inbox: Vec<(u64, Routing)>,
    readings: [VersionReading; 2],
    sent: [u64; 2],
}

// === impl Proxy ===

impl Proxy {
    /// One that starts now, and has the routing that is stored.
    pub fn new(now: u64, routing: Option<Routing>) -> Self {
        Self {
            boot: 1,
            up: true,
            back_at: 0,
            cut_until: 0,
            reports_every: 1,
            routing,
            sent_now: [0; 2],
            started: now,
            inbox: Vec::new(),
            readings: Default::default(),
            sent: [0; 2],
        }
    }

    /// It ends, and starts again later.
    pub fn crash(&mut self, back_at: u64) {
        (self.up, self.back_at) = (false, back_at);
    }

    /// It starts again: it is ready once it has what is stored.
    pub fn start(&mut self, now: u64, stored: Option<Routing>) {
        *self = Self { boot: self.boot + 1, reports_every: self.reports_every, ..Self::new(now, stored) };
    }

    /// Whether the network reaches it.
    pub fn is_connected(&self, now: u64) -> bool {
        self.up && now >= self.cut_until
    }

    /// Which epoch it obeys.
    pub fn epoch(&self) -> Option<(u64, u64)> {
        self.routing.as_ref().map(|routing| (routing.attempt, routing.epoch))
    }

    /// How much of what it divides by weight goes to the new version.
    pub fn canary_weight(&self) -> u16 {
        self.routing.as_ref().map_or(0, |routing| routing.split.weight(Role::Canary).basis_points())
    }

    /// A message goes out to it.
    pub fn send(&mut self, routing: &Routing, now: u64, network: Network, chance: &mut Chance) {
        let known = self.inbox.len() > 20;
        if self.epoch() == Some((routing.attempt, routing.epoch)) || known || chance.happens(network.loss) {
            return;
        }
        self.inbox.push((now + chance.below(network.delay + 1), routing.clone()));
    }

    /// It takes what has arrived, if that is newer.
    pub fn receive(&mut self, now: u64) {
        let connected = self.is_connected(now);
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.inbox).into_iter().partition(|(due, _)| *due <= now);
        self.inbox = later;
        for (_, routing) in due.into_iter().filter(|_| connected) {
            if self.epoch() < Some((routing.attempt, routing.epoch)) {
                self.accept(routing);
            }
        }
    }

    fn accept(&mut self, routing: Routing) {
        let another = self.routing.as_ref().is_none_or(|before| before.attempt != routing.attempt);
        if another {
            for reading in &mut self.readings {
                let VersionReading { in_flight, long_lived, connections, .. } = *reading;
                *reading = VersionReading { in_flight, long_lived, connections, ..VersionReading::default() };
            }
        }
        self.routing = Some(routing);
    }

    /// A second of requests; `named` is where routes lead without a release.
    pub fn serve(&mut self, load: Load, named: Role, chance: &mut Chance) {
        self.sent_now = [0; 2];
        if !self.up {
            return;
        }
        let all = chance.poisson(load.rps);
        let Some(split) = self.routing.as_ref().map(|routing| routing.split.clone()) else {
            self.take(named, 0, 0, load, chance);
            self.count_sent(named, all);
            return self.settle(None, chance);
        };
        let (divided, overridden) = match &split {
            Division::Step { .. } => {
                let overridden = chance.binomial(all, OVERRIDDEN);
                (all - overridden, overridden)
            }
            Division::All { .. } => (all, 0),
            Division::Only { role, .. } => {
                self.take(*role, 0, all, load, chance);
                return self.settle(Some(&split), chance);
            }
        };
        let canary = chance.binomial(divided, split.weight(Role::Canary).share());
        self.take(Role::Canary, canary, overridden, load, chance);
        self.take(Role::Stable, divided - canary, 0, load, chance);
        self.settle(Some(&split), chance);
    }

    fn take(&mut self, role: Role, compared: u64, other: u64, load: Load, chance: &mut Chance) {
        let rate = if role == Role::Canary { load.canary } else { load.base };
        self.count_sent(role, compared + other);
        let reading = &mut self.readings[role as usize];
        reading.requests += compared;
        reading.other_requests += other;
        let errors = chance.binomial(compared, rate);
        reading.errors += errors;
        reading.other_errors += chance.binomial(other, rate);
        reading.even_requests += compared / 2;
        reading.even_errors += chance.binomial(errors, 0.5).min(compared / 2);
        reading.cohorts += chance.binomial(compared, 0.05);
        reading.in_flight += chance.binomial(compared + other, 0.1);
        reading.long_lived += chance.binomial(compared + other, 0.005);
    }

    fn count_sent(&mut self, role: Role, requests: u64) {
        self.sent[role as usize] += requests;
        self.sent_now[role as usize] += requests;
    }

    /// What is under way ends by and by, or is ended.
    fn settle(&mut self, split: Option<&Division>, chance: &mut Chance) {
        for role in Role::ALL {
            let retiring = matches!(split, Some(Division::Only { role: only, .. }) if *only != role);
            let closing = matches!(split, Some(Division::Only { close: true, .. })) && retiring;
            let reading = &mut self.readings[role as usize];
            reading.in_flight = chance.binomial(reading.in_flight, 0.4);
            reading.long_lived -= chance.binomial(reading.long_lived, 0.02);
            let closed = if closing { reading.long_lived.min(5) } else { 0 };
            reading.long_lived -= closed;
            reading.closed += closed;
            let idle = if retiring { 0 } else { 2 };
            reading.connections = reading.in_flight + reading.long_lived + idle;
        }
    }

    /// What it says of itself.
    pub fn report(&self, now: u64) -> Report {
        let reading = self.routing.as_ref().map(|routing| ReleaseReading {
            namespace: "shop".into(),
            name: "shop".into(),
            attempt: routing.attempt,
            epoch: routing.epoch,
            stable: self.readings[Role::Stable as usize].clone(),
            canary: self.readings[Role::Canary as usize].clone(),
        });
        Report { boot: self.boot, uptime: now - self.started, reading, sent: self.sent }
    }
}

// === impl Report ===

impl Report {
    /// Whether it was made after another one.
    pub fn is_newer(&self, other: &Self) -> bool {
        (self.boot, self.uptime) > (other.boot, other.uptime)
    }

    /// As the release machine reads it, for an attempt.
    pub fn read(&self, attempt: u64) -> observation::Proxy {
        let uptime = Duration::from_secs(self.uptime);
        let mut proxy =
            observation::Proxy::new(&self.boot.to_string(), uptime, attempt, self.reading.as_ref());
        for role in Role::ALL {
            let seen: &mut Seen = proxy.seen_mut(role);
            seen.sent = BTreeMap::from([("shop".to_owned(), self.sent[role as usize])]);
        }
        proxy
    }
}
