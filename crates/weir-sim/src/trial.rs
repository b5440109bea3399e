//! One release under traffic, second by second, judged by Weir and by the rules of others.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use weir_model::Role;
use weir_release::{
    observation::{self, Lookup, Observation, Proxy, Seen, Workload},
    plan,
    spec::Spec,
    state::{HoldReason, Phase, State, StepStage},
    stats::Counts,
};

use crate::{
    chance::Chance,
    rules::{Rule, Watcher},
    traffic::{Second, Sent, Stream, Traffic},
};

/// The only proxy.
const PROXY: &str = "proxy-0";

/// How a release ended for a rule, with the seconds since the new version got its first requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything went back.
    Aborted(u64),
    /// Somebody has to look.
    Held(u64, HoldReason),
    /// Nothing was found.
    Passed,
}

/// A release under traffic.
#[derive(Debug)]
pub struct Trial {
    spec: Spec,
    state: State,
    seen: Observation,
    now: Timestamp,
    stream: Stream,
    exposed: u64,
    last: Second,
}

// === impl Trial ===

impl Trial {
    /// A release that begins now.
    pub fn new(spec: Spec, traffic: Traffic, seed: u64) -> Self {
        let proxy = Proxy { boot: "1".into(), ..Proxy::default() };
        let observed = Observation {
            stable: version("r1"),
            canary: version("r2"),
            proxies: BTreeMap::from([(PROXY.into(), Some(proxy))]),
            ..Observation::default()
        };
        let stream = Stream::new(traffic, Chance::new(seed));
        let (state, now, last) = (State::default(), Timestamp::UNIX_EPOCH, Second::default());
        Self { spec, state, seen: observed, now, stream, exposed: 0, last }
    }

    /// Runs it until Weir ends it or so many seconds have passed with the new version under traffic; how it
    /// ended for Weir, and for each of the others.
    pub fn run(mut self, seconds: u64) -> (Ending, [Ending; 4]) {
        let mut watchers = Rule::ALL.map(|rule| (Watcher::new(rule), Ending::Passed));
        let mut weir = Ending::Passed;
        while self.exposed < seconds {
            if weir == Ending::Passed {
                self.second();
                weir = self.ending();
            } else {
                // The others look on at the same requests.
                self.last = self.stream.next_second();
                self.exposed += 1;
            }
            if self.exposed > 0 {
                for (watcher, ending) in &mut watchers {
                    self.show(watcher, ending);
                }
            }
            let decided = watchers.iter().all(|(_, ending)| *ending != Ending::Passed);
            if decided && weir != Ending::Passed {
                break;
            }
        }
        (weir, watchers.map(|(_, ending)| ending))
    }

    /// Whether Weir took the whole way to its end.
    pub fn is_promoted(&self) -> bool {
        matches!(self.state.phase, Phase::Promoting | Phase::Offlining { .. })
    }

    /// Where the release stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    fn show(&self, watcher: &mut Watcher, ending: &mut Ending) {
        let counts = |sent: &Sent| Counts { requests: sent.requests, errors: sent.errors };
        if *ending == Ending::Passed && watcher.ends(counts(&self.last.canary), counts(&self.last.stable)) {
            *ending = Ending::Aborted(self.exposed);
        }
    }

    /// How it stands for Weir.
    pub fn ending(&self) -> Ending {
        match (&self.state.phase, &self.state.hold) {
            (Phase::Aborting { .. }, _) => Ending::Aborted(self.exposed),
            (_, Some(hold)) => Ending::Held(self.exposed, hold.reason),
            _ => Ending::Passed,
        }
    }

    /// A second passes.
    pub fn second(&mut self) {
        self.now += SignedDuration::from_secs(1);
        let routing = self.state.routing.clone();
        let weight = routing.as_ref().map_or(0, |routing| routing.split.weight(Role::Canary).basis_points());
        self.stream.divide(weight);
        self.last = self.stream.next_second();
        self.exposed += u64::from(weight > 0);
        if let Some(Some(proxy)) = self.seen.proxies.get_mut(PROXY) {
            proxy.uptime += Duration::from_secs(1);
            proxy.epoch = routing.map(|routing| (routing.attempt, routing.epoch));
            count(proxy.seen_mut(Role::Canary), &self.last.canary);
            count(proxy.seen_mut(Role::Stable), &self.last.stable);
        }
        // Preparing and dividing take no time of their own here.
        for _ in 0..3 {
            self.state = plan(&self.spec, &self.state, &self.seen, self.now).next;
            let waits = match &self.state.phase {
                Phase::Running { step } => {
                    matches!(step.stage, StepStage::Baking { .. } | StepStage::Routing)
                }
                _ => true,
            };
            if waits {
                break;
            }
        }
    }
}

fn version(revision: &str) -> observation::Version {
    let workload =
        Workload { desired: 3, ready: 3, settled: true, revision: revision.into(), ..Workload::default() };
    observation::Version { service: true, ready: 3, workload: Lookup::Found(workload) }
}

fn count(seen: &mut Seen, sent: &Sent) {
    seen.tally.requests += sent.counted;
    seen.tally.errors += sent.clients;
    seen.tally.cohorts += sent.cohorts;
    seen.tally.even_requests += sent.even_requests;
    seen.tally.even_errors += sent.even_clients;
    sent.bins.iter().for_each(|bin| seen.durations.add_many(*bin, 1));
}
