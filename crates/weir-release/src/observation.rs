//! What shells saw, as plain data. Everything a decision needs beside the spec and the state.

use std::{collections::BTreeMap, time::Duration};

use weir_model::{ReleaseReading, Role, VersionReading};

use crate::{spec::Spec, stats::Histogram, tally::Tally, verb::Request};

/// What was seen at one moment.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// The routes.
    pub routes: Routes,
    /// The old version.
    pub stable: Version,
    /// The new version.
    pub canary: Version,
    /// Every proxy that serves clients, also those that say nothing.
    pub proxies: BTreeMap<String, Option<Proxy>>,
    /// What gates answered last, by name.
    pub gates: BTreeMap<String, GateAnswer>,
    /// What Prometheus servers answered last, by guardrail.
    pub samples: BTreeMap<String, Sample>,
    /// What somebody asks for; one at a time.
    pub request: Option<Request>,
    /// Whether the object is to be deleted.
    pub deleting: bool,
}

/// The routes of a release.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// What is wrong with them, in sentences: an Ingress that is not there, or that goes elsewhere.
    pub faults: Vec<String>,
    /// Another, older release that has one of them.
    pub conflict: Option<String>,
    /// The versions that the routes name themselves, as people wrote them.
    pub named: Vec<Role>,
    /// What else sends requests to a version's Service, beside these routes.
    pub others: BTreeMap<Role, Vec<String>>,
}

/// A version.
#[derive(Clone, Debug, Default)]
pub struct Version {
    /// Whether its Service is there.
    pub service: bool,
    /// How many of its endpoints are ready.
    pub ready: usize,
    /// What runs it.
    pub workload: Lookup,
}

/// A workload, if it is to be known.
#[derive(Clone, Debug, Default)]
pub enum Lookup {
    /// The spec names none.
    #[default]
    Unnamed,
    /// The spec names one, and nobody could look at it yet: that says nothing of it.
    Unknown,
    /// The spec names one that is not there.
    Missing,
    /// It is there.
    Found(Workload),
}

/// A workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// How many pods it is to have.
    pub desired: u32,
    /// How many of the current revision are ready.
    pub ready: u32,
    /// Whether no pod of another revision is left.
    pub settled: bool,
    /// What tells this revision from others.
    pub revision: String,
    /// Restarts of the containers of its pods.
    pub restarts: u32,
    /// Who else sets how many pods it has.
    pub scaler: Option<Scaler>,
}

/// Who else sets how many pods a workload has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaler {
    /// `HorizontalPodAutoscaler web-v1`.
    pub name: String,
    /// Whether it scales up again from nothing.
    pub wakes: bool,
}

/// What a proxy says.
#[derive(Clone, Debug, Default)]
pub struct Proxy {
    /// Which run of it.
    pub boot: String,
    /// For how long it has run, by a clock that nobody sets.
    pub uptime: Duration,
    /// The attempt and epoch of the release that are in force.
    pub epoch: Option<(u64, u64)>,
    /// The old version, as it sees it.
    pub stable: Seen,
    /// The new version, as it sees it.
    pub canary: Seen,
}

/// A version as a proxy sees it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What it was sent in this attempt.
    pub tally: Tally,
    /// Requests that are under way.
    pub in_flight: u64,
    /// Of these, WebSockets and streams.
    pub long_lived: u64,
    /// Those that were asked to end.
    pub closed: u64,
    /// Open connections to it.
    pub connections: u64,
    /// Requests by any route, by the route's name.
    pub sent: BTreeMap<String, u64>,
    /// How long attempts took, of those that were divided by weight.
    pub durations: Histogram,
}

/// What a gate answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GateAnswer {
    /// It says yes.
    Yes,
    /// It says no, or nothing.
    No(String),
}

/// What a Prometheus server answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Sample {
    /// A number.
    Value(f64),
    /// Nothing that could be used.
    Nothing(String),
}

// === impl Observation ===

impl Observation {
    /// The version in a role.
    pub fn version(&self, role: Role) -> &Version {
        match role {
            Role::Stable => &self.stable,
            Role::Canary => &self.canary,
        }
    }

    /// The proxies that say something.
    pub fn speaking(&self) -> impl Iterator<Item = (&String, &Proxy)> {
        self.proxies.iter().filter_map(|(name, proxy)| Some((name, proxy.as_ref()?)))
    }

    /// Sums something over the proxies that say something.
    pub fn sum(&self, role: Role, what: impl Fn(&Seen) -> u64) -> u64 {
        self.speaking().map(|(_, proxy)| what(proxy.seen(role))).sum()
    }

    /// Proxies that do not say that an epoch is in force.
    pub fn without(&self, attempt: u64, epoch: u64) -> Vec<&str> {
        let has = |proxy: &Option<Proxy>| {
            proxy.as_ref().and_then(|proxy| proxy.epoch).is_some_and(|known| known >= (attempt, epoch))
        };
        self.proxies.iter().filter(|(_, proxy)| !has(proxy)).map(|(name, _)| name.as_str()).collect()
    }
}

// === impl Proxy ===

impl Proxy {
    /// What a proxy has counted of a release's attempt. Counters of another attempt say nothing of this one.
    pub fn new(boot: &str, uptime: Duration, attempt: u64, reading: Option<&ReleaseReading>) -> Self {
        let epoch = reading.map(|reading| (reading.attempt, reading.epoch));
        let seen = |role| reading.map(|reading| Seen::new(reading.version(role), reading.attempt == attempt));
        Self {
            boot: boot.to_owned(),
            uptime,
            epoch,
            stable: seen(Role::Stable).unwrap_or_default(),
            canary: seen(Role::Canary).unwrap_or_default(),
        }
    }

    /// Takes in what was sent to the Services of both versions, whoever sent it there. Each route is its name, its
    /// Service as `namespace/service`, and a number of requests.
    #[must_use]
    pub fn with_sent<'a>(
        mut self,
        spec: &Spec,
        routes: impl Iterator<Item = (&'a str, &'a str, u64)>,
    ) -> Self {
        let services = Role::ALL.map(|role| {
            let service = &spec.version(role).service;
            (role, format!("{}/{}", service.namespace, service.service))
        });
        for (route, service, requests) in routes {
            for (role, _) in services.iter().filter(|(_, name)| name == service) {
                self.seen_mut(*role).sent.insert(route.to_owned(), requests);
            }
        }
        self
    }

    /// A version as it sees it, to be added to.
    pub fn seen_mut(&mut self, role: Role) -> &mut Seen {
        match role {
            Role::Stable => &mut self.stable,
            Role::Canary => &mut self.canary,
        }
    }

    /// A version as it sees it.
    pub fn seen(&self, role: Role) -> &Seen {
        match role {
            Role::Stable => &self.stable,
            Role::Canary => &self.canary,
        }
    }
}

// === impl Seen ===

impl Seen {
    fn new(reading: &VersionReading, current: bool) -> Self {
        let counted = Tally {
            requests: reading.requests,
            errors: reading.errors,
            other_requests: reading.other_requests,
            other_errors: reading.other_errors,
            cohorts: reading.cohorts,
            even_requests: reading.even_requests,
            even_errors: reading.even_errors,
            failures: reading.failures,
        };
        let mut durations = Histogram::default();
        for (bin, count) in reading.durations.iter().filter(|_| current) {
            durations.add_many(usize::from(*bin), *count);
        }
        Self {
            tally: if current { counted } else { Tally::default() },
            in_flight: reading.in_flight + reading.long_lived,
            long_lived: reading.long_lived,
            closed: reading.closed,
            connections: reading.connections,
            sent: BTreeMap::new(),
            durations,
        }
    }
}

// === impl Version ===

impl Version {
    /// The workload, where there is one.
    pub fn workload(&self) -> Option<&Workload> {
        match &self.workload {
            Lookup::Found(workload) => Some(workload),
            Lookup::Unnamed | Lookup::Unknown | Lookup::Missing => None,
        }
    }

    /// What tells this revision from others, where that is known.
    pub fn revision(&self) -> Option<&str> {
        self.workload().map(|workload| workload.revision.as_str())
    }
}
