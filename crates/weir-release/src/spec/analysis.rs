//! What the new version is judged by.

use std::time::Duration;

/// What the new version is judged by.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// The chance of rolling back a healthy version, over the whole release and all guardrails.
    pub false_abort: f64,
    /// What is watched.
    pub guardrails: Vec<Guardrail>,
    /// What happens when a bake is over and the evidence says neither yes nor no.
    pub on_inconclusive: OnInconclusive,
    /// Whether a step that gets no requests is held, instead of waited for.
    pub hold_without_data: bool,
}

/// Something that is watched.
#[derive(Clone, Debug, PartialEq)]
pub struct Guardrail {
    /// For reports.
    pub name: Box<str>,
    /// What is watched.
    pub watch: Watch,
    /// What happens when it fails.
    pub action: OnFailure,
}

/// What is watched.
#[derive(Clone, Debug, PartialEq)]
pub enum Watch {
    /// Failed attempts, the new version's against the old one's.
    Errors(Errors),
    /// Slow responses, the new version's against the old one's.
    Latency(Latency),
    /// The new version's pods.
    Pods(Pods),
    /// A number that a Prometheus server computes.
    Prometheus(Prometheus),
}

/// Failed attempts. Which ones count as failed is settled where they happen, in the proxy.
#[derive(Clone, Debug, PartialEq)]
pub struct Errors {
    /// How many times as many errors as the old version's are no worse; 1 by default.
    pub tolerated: f64,
    /// More than this share is too much, whatever the old version does.
    pub absolute_max: Absolute,
    /// Below so many clients with an error nothing is concluded.
    pub min_errors: u64,
}

/// A share of requests between 0 and 1, both excluded.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Absolute(f64);

/// Slow responses: slower than the quantiles of the old version a moment ago.
#[derive(Clone, Debug, PartialEq)]
pub struct Latency {
    /// Of which quantiles, in thousandths: 990 is p99.
    pub quantiles: Vec<u16>,
    /// How many times the odds of a slow response may be the old version's.
    pub fail_ratio: f64,
}

/// The new version's pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pods {
    /// How many restarts of containers are let pass during the release.
    pub restarts: u32,
}

/// A number that a Prometheus server computes.
#[derive(Clone, Debug, PartialEq)]
pub struct Prometheus {
    /// Where the server is: `http://prometheus:9090`.
    pub address: Box<str>,
    /// An instant query with one number as its result.
    pub query: Box<str>,
    /// More is too much.
    pub max: f64,
    /// How often it is asked.
    pub every: Duration,
}

/// What happens when a guardrail fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Everything goes back to the old version.
    Rollback,
    /// The release is held.
    Hold,
}

/// What happens when a bake is over and the evidence says neither yes nor no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnInconclusive {
    /// The next step begins.
    Proceed,
    /// The release is held.
    Hold,
}

// === impl Analysis ===

impl Analysis {
    /// What is asked of errors, if anything is.
    pub fn errors(&self) -> Option<&Errors> {
        self.guardrails.iter().find_map(|guardrail| match &guardrail.watch {
            Watch::Errors(errors) => Some(errors),
            _ => None,
        })
    }
}

// === impl Absolute ===

impl Absolute {
    /// A share between 0 and 1, both excluded.
    pub fn new(share: f64) -> Option<Self> {
        (share > 0.0 && share < 1.0).then_some(Self(share))
    }

    /// Between 0 and 1.
    pub fn share(self) -> f64 {
        self.0
    }
}
