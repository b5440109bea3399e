//! The scenarios as data: one Release each, who sends requests, and what goes wrong.

use super::{
    crowd::{EVERYBODY, Group, TESTERS},
    fault::Fault,
    manifests,
};

/// A service with two versions, and how traffic moves from one to the other.
#[derive(Debug)]
pub(super) struct Story {
    /// Of the scenario.
    pub(super) number: usize,
    pub(super) title: String,
    /// The old version's Service; the new one's ends in `-new`.
    pub(super) service: &'static str,
    /// The one manifest that does it.
    pub(super) release: String,
    pub(super) groups: &'static [Group],
    /// WebSockets and event streams that are open to the old version all the time, so many of each.
    pub(super) streams: usize,
    pub(super) fault: Option<Fault>,
}

// === impl Story ===

impl Story {
    /// A′ gets the requests that carry foo=bar, then all; then A goes offline.
    pub(super) fn by_match(speed: f64) -> Self {
        Self {
            number: 1,
            title: "requests with foo=bar in a header or cookie go to A', then all do, then A goes offline"
                .into(),
            service: "service-a",
            release: manifests::by_match("service-a", speed),
            groups: TESTERS,
            streams: 5,
            fault: None,
        }
    }

    /// B′ gets 20 %, then more and more; then B goes offline.
    pub(super) fn by_weight(speed: f64) -> Self {
        Self {
            number: 2,
            title: "20 % of all clients go to B', then more and more, then B goes offline".into(),
            service: "service-b",
            release: manifests::by_weight("service-b", None, speed),
            groups: EVERYBODY,
            streams: 0,
            fault: None,
        }
    }

    /// The same, but B′ turns out to be faulty.
    pub(super) fn faulty(fault: Fault, speed: f64) -> Self {
        Self {
            title: format!("20 % of all clients go to B', then 40 %; then B' {}", fault.describe()),
            release: manifests::by_weight("service-b", Some(fault), speed),
            fault: Some(fault),
            ..Self::by_weight(speed)
        }
    }
}
