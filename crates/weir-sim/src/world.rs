//! The world: everything around the release machine, in virtual time, one second after the other.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use weir_model::Role;
use weir_release::{
    observation::{GateAnswer, Observation, Routes},
    spec::Spec,
    state::{Routing, State},
    verb::{Request, Verb},
};

use crate::{
    chance::Chance,
    cluster::Cluster,
    controller::{Controller, Flaw},
    monitor::Monitor,
    proxies::{Load, Network, Proxy, Report},
    store::Store,
};

/// A proxy that was not heard for so many seconds is silent.
const SILENT_AFTER: u64 = 5;
/// Plans that may follow each other within a second.
const ROUNDS: usize = 4;

/// What may go wrong by chance, each second unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// The controller dies at a moment where it could: before or after a write, between two actions.
    pub kill: f64,
    /// A write of the state is refused.
    pub refuse: f64,
    /// Messages between proxies and the controller.
    pub network: Network,
    /// A proxy hears nothing and is not heard for a while.
    pub cut: f64,
    /// A proxy dies, and comes back.
    pub crash: f64,
    /// The controller's clock is set by an hour, back or forth.
    pub clock: f64,
}

/// The world.
#[derive(Debug)]
pub struct World {
    /// What is asked for.
    pub spec: Spec,
    /// Seconds since the beginning.
    pub now: u64,
    /// What may go wrong.
    pub faults: Faults,
    /// Requests.
    pub load: Load,
    /// The version that routes name.
    pub named: Role,
    /// What else the routes are: conflicts, faults, other users.
    pub routes: Routes,
    /// What runs the pods.
    pub cluster: Cluster,
    /// What serves clients.
    pub proxies: BTreeMap<String, Proxy>,
    /// What is stored.
    pub store: Store,
    /// Who runs the release, if somebody does.
    pub controller: Option<Controller>,
    /// Nobody does until then.
    pub dead_until: u64,
    /// What is wrong with who runs it.
    pub flaw: Flaw,
    /// How often everything is done.
    pub times: u32,
    /// Where it dies, counted from the beginning; at no such moment, unless given.
    pub kill_at: Option<u64>,
    /// Moments at which it could have died.
    pub moments: u64,
    /// Whether gates say yes.
    pub gates_say_yes: bool,
    /// Whether the object is to be deleted.
    pub deleting: bool,
    /// Whether the object is gone.
    pub forgotten: bool,
    /// Who looks for broken laws.
    pub monitor: Monitor,
    /// What was answered, by request.
    pub answers: BTreeMap<String, Option<String>>,
    /// What the release waits for, as it was said last.
    pub waiting_for: String,
    /// Chance.
    pub chance: Chance,
    pub(crate) skew: i64,
    pub(crate) asked: BTreeMap<String, u64>,
    requests: VecDeque<Request>,
    reports: Vec<(u64, String, Report)>,
    heard: BTreeMap<String, (u64, Report)>,
}

// === impl World ===

impl World {
    /// A quiet world with so many proxies, in which a release begins.
    pub fn new(spec: Spec, proxies: usize, seed: u64) -> Self {
        let proxies = (0..proxies).map(|number| (format!("proxy-{number}"), Proxy::new(0, None)));
        Self {
            spec,
            now: 0,
            faults: Faults::default(),
            load: Load { rps: 20.0, base: 0.0, canary: 0.0 },
            named: Role::Stable,
            routes: Routes { named: vec![Role::Stable], ..Routes::default() },
            cluster: Cluster::new(4, 2),
            proxies: proxies.collect(),
            store: Store::default(),
            controller: None,
            dead_until: 0,
            flaw: Flaw::None,
            times: 1,
            kill_at: None,
            moments: 0,
            gates_say_yes: true,
            deleting: false,
            forgotten: false,
            monitor: Monitor::default(),
            answers: BTreeMap::new(),
            waiting_for: String::new(),
            chance: Chance::new(seed),
            skew: 0,
            asked: BTreeMap::new(),
            requests: VecDeque::new(),
            reports: Vec::new(),
            heard: BTreeMap::new(),
        }
    }

    /// What is stored.
    pub fn state(&self) -> &State {
        self.store.state()
    }

    /// Somebody asks for something; the request's id.
    pub fn ask(&mut self, verb: Verb) -> String {
        let id = format!("request-{}", self.answers.len() + self.requests.len());
        self.requests.push_back(Request {
            id: id.clone(),
            verb,
            by: None,
            reason: None,
            attempt: None,
            step: None,
        });
        id
    }

    /// A second passes.
    pub fn tick(&mut self) {
        self.pass_time();
        for _ in 0..ROUNDS {
            if !self.round() {
                break;
            }
        }
        self.close_second();
    }

    /// What follows the controller's turn in a second.
    fn close_second(&mut self) {
        self.distribute();
        self.traffic();
        crate::monitor::look(self);
    }

    /// Seconds pass until a plan makes something so, and the second stops there: what passes within a second is
    /// seen as well. Whether it became so.
    pub fn until_stored(&mut self, seconds: u64, is_so: impl Fn(&State) -> bool) -> bool {
        for _ in 0..seconds {
            if is_so(self.state()) {
                return true;
            }
            self.pass_time();
            for _ in 0..ROUNDS {
                let more = self.round();
                if is_so(self.state()) {
                    return true;
                }
                if !more {
                    break;
                }
            }
            self.close_second();
        }
        false
    }

    /// Seconds pass, until something is so; whether it became so.
    pub fn until(&mut self, seconds: u64, is_so: impl Fn(&Self) -> bool) -> bool {
        for _ in 0..seconds {
            if is_so(self) {
                return true;
            }
            self.tick();
        }
        is_so(self)
    }

    /// Everything of a second that the controller has no part in, up to its turn.
    pub fn pass_time(&mut self) {
        self.now += 1;
        self.cluster.tick(self.now, &mut self.chance);
        self.strike();
        let stored = self.stored_routing();
        for proxy in self.proxies.values_mut().filter(|proxy| !proxy.up && proxy.back_at <= self.now) {
            proxy.start(self.now, stored.clone());
        }
        self.hear();
        self.revive();
    }

    /// Chance strikes.
    fn strike(&mut self) {
        let Faults { cut, crash, clock, .. } = self.faults;
        for proxy in self.proxies.values_mut().filter(|proxy| proxy.up) {
            if self.chance.happens(cut) {
                proxy.cut_until = self.now + 1 + self.chance.below(40);
            }
            if self.chance.happens(crash) {
                proxy.crash(self.now + 1 + self.chance.below(10));
            }
        }
        if self.chance.happens(clock) {
            self.skew += *self.chance.one_of(&[-3_600, 3_600]);
        }
    }

    fn hear(&mut self) {
        let now = self.now;
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.reports).into_iter().partition(|(due, ..)| *due <= now);
        self.reports = later;
        for (_, name, report) in due {
            let newer = self.heard.get(&name).is_none_or(|(_, before)| report.is_newer(before));
            if newer {
                self.heard.insert(name, (now, report));
            }
        }
    }

    /// A successor knows only what is stored.
    fn revive(&mut self) {
        if self.controller.is_none() && self.now >= self.dead_until && !self.forgotten {
            self.controller = Some(Controller::new(self.store.load()));
            self.heard.clear();
        }
    }

    /// The controller dies.
    pub fn kill(&mut self, seconds: u64) {
        self.controller = None;
        self.dead_until = self.now + 1 + seconds;
    }

    /// Whether it lives on behind a moment at which it could die.
    pub(crate) fn survives(&mut self) -> bool {
        self.moments += 1;
        let dies = self.kill_at == Some(self.moments) || self.chance.happens(self.faults.kill);
        if dies {
            let seconds = self.chance.below(30);
            self.kill(seconds);
        }
        !dies
    }

    /// The controller's clock, which somebody may have set.
    pub fn clock(&self) -> Timestamp {
        let seconds = i64::try_from(self.now).unwrap_or(0) + self.skew;
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365) + SignedDuration::from_secs(seconds)
    }

    /// What the controller sees, in an attempt.
    pub fn observe(&self, attempt: u64) -> Observation {
        let answer = |since: &u64| {
            if self.gates_say_yes && self.now >= *since {
                GateAnswer::Yes
            } else {
                GateAnswer::No("not yet".into())
            }
        };
        Observation {
            routes: self.routes.clone(),
            stable: self.cluster.seen(Role::Stable, self.now),
            canary: self.cluster.seen(Role::Canary, self.now),
            proxies: self.serving().map(|name| (name.clone(), self.said(name, attempt))).collect(),
            gates: self.asked.iter().map(|(gate, since)| (gate.clone(), answer(since))).collect(),
            samples: BTreeMap::new(),
            request: self.requests.front().cloned(),
            deleting: self.deleting,
        }
    }

    fn serving(&self) -> impl Iterator<Item = &String> {
        self.proxies.iter().filter(|(_, proxy)| proxy.up).map(|(name, _)| name)
    }

    fn said(&self, name: &str, attempt: u64) -> Option<weir_release::observation::Proxy> {
        let (at, report) = self.heard.get(name)?;
        (self.now < at + SILENT_AFTER).then(|| report.read(attempt))
    }

    pub(crate) fn answered(&mut self, id: &str, refused: Option<String>) {
        self.requests.retain(|request| request.id != id);
        self.answers.insert(id.to_owned(), refused);
    }

    /// Whoever asked reads the answer in the stored state.
    pub(crate) fn answer_what_is_stored(&mut self) {
        if let Some(acted) = self.state().last_action.clone() {
            self.answered(&acted.id, acted.refused);
        }
    }

    pub(crate) fn stored_routing(&self) -> Option<Routing> {
        if self.forgotten { None } else { self.store.state().routing.clone() }
    }

    /// What is stored goes out to proxies, and reaches some of them.
    pub fn distribute(&mut self) {
        let stored = self.stored_routing();
        let alive = self.controller.is_some();
        for proxy in self.proxies.values_mut() {
            if self.forgotten && proxy.is_connected(self.now) {
                proxy.routing = None;
            }
            if let Some(routing) = stored.as_ref().filter(|_| alive && proxy.is_connected(self.now)) {
                proxy.send(routing, self.now, self.faults.network, &mut self.chance);
            }
            proxy.receive(self.now);
            if self.flaw == Flaw::ProxiesForget && !alive {
                proxy.routing = None;
            }
        }
    }

    fn traffic(&mut self) {
        let Network { loss, delay } = self.faults.network;
        for (name, proxy) in &mut self.proxies {
            proxy.serve(self.load, self.named, &mut self.chance);
            let due = self.now.is_multiple_of(proxy.reports_every);
            if due && proxy.is_connected(self.now) && !self.chance.happens(loss) {
                let at = self.now + 1 + self.chance.below(delay + 1);
                self.reports.push((at, name.clone(), proxy.report(self.now)));
            }
        }
    }

    /// How long ago something was, in virtual time.
    pub fn since(&self, at: u64) -> Duration {
        Duration::from_secs(self.now.saturating_sub(at))
    }
}
