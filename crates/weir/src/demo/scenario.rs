//! The scenarios as data: what is asked in each phase, and which requests show it.

use super::{
    manifests::{self, Endpoints},
    tally::{Expected, Version},
};

/// Enough requests that chance moves a share of 20 % by a point only once in a million runs.
const WEIGHED: u64 = 40_000;
/// Enough where chance has no say.
const CERTAIN: u64 = 10_000;

/// A service with two versions, and how traffic moves from one to the other.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) number: usize,
    pub(super) title: &'static str,
    pub(super) phases: Vec<Phase>,
}

/// One set of manifests.
#[derive(Debug)]
pub(super) struct Phase {
    pub(super) title: &'static str,
    pub(super) manifests: fn(&Endpoints) -> String,
    pub(super) routes: Vec<Route>,
    /// Whether the old version is gone by now.
    pub(super) retired: bool,
}

/// A host with the requests that are sent to it in turn.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) title: &'static str,
    /// The share of the new version, between 0 and 1.
    pub(super) asked: f64,
    pub(super) requests: Vec<Sent>,
    /// How many requests show it.
    pub(super) enough: u64,
}

/// A request with what it should meet.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) bytes: Vec<u8>,
    pub(super) expected: Expected,
}

// === impl Scenario ===

impl Scenario {
    /// A′ gets the requests that carry foo=bar, then all.
    pub(super) fn by_match() -> Self {
        let gray = vec![matching_header(), matching_cookie(), matching_query(), matching_either()];
        let all = || gray.iter().map(Route::all_new).collect();
        Self {
            number: 1,
            title: "requests with foo=bar go to the new version",
            phases: vec![
                Phase::new("only foo=bar to the new version", manifests::matched, gray.clone()),
                Phase::new("everything to the new version", manifests::matched_done, all()),
                Phase::retired("the old version goes offline", manifests::matched_alone, all()),
            ],
        }
    }

    /// B′ gets 20 %, then all.
    pub(super) fn by_weight() -> Self {
        let route = |title, host| Route {
            title,
            asked: 0.2,
            requests: vec![sent(host, "/", "", Expected::Either)],
            enough: WEIGHED,
        };
        let gray = vec![
            route("ACK service-weight", "weight.ack.demo"),
            route("nginx canary-weight", "weight.nginx.demo"),
        ];
        let all = || gray.iter().map(Route::all_new).collect();
        Self {
            number: 2,
            title: "20 % of all requests go to the new version",
            phases: vec![
                Phase::new("20 % to the new version", manifests::weighed, gray.clone()),
                Phase::new("everything to the new version", manifests::weighed_done, all()),
                Phase::retired("the old version goes offline", manifests::weighed_alone, all()),
            ],
        }
    }
}

// === impl Phase ===

impl Phase {
    fn new(title: &'static str, manifests: fn(&Endpoints) -> String, routes: Vec<Route>) -> Self {
        Self { title, manifests, routes, retired: false }
    }

    fn retired(title: &'static str, manifests: fn(&Endpoints) -> String, routes: Vec<Route>) -> Self {
        Self { retired: true, ..Self::new(title, manifests, routes) }
    }
}

// === impl Route ===

impl Route {
    /// Half of the requests are meant for the new version.
    fn matching(title: &'static str, requests: Vec<Sent>) -> Self {
        Self { title, asked: 0.5, requests, enough: CERTAIN }
    }

    /// The same requests, all meant for the new version.
    fn all_new(&self) -> Self {
        let new = |sent: &Sent| Sent { expected: NEW, ..sent.clone() };
        Self {
            asked: 1.0,
            requests: self.requests.iter().map(new).collect(),
            enough: CERTAIN,
            ..self.clone()
        }
    }
}

const OLD: Expected = Expected::Exactly(Version::Old);
const NEW: Expected = Expected::Exactly(Version::New);

fn sent(host: &str, target: &str, field: &str, expected: Expected) -> Sent {
    let bytes = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n{field}\r\n").into_bytes();
    Sent { bytes, expected }
}

fn matching_header() -> Route {
    let sent = |field, expected| sent("header.ack.demo", "/", field, expected);
    let requests = vec![sent("foo: bar\r\n", NEW), sent("foo: baz\r\n", OLD), sent("FOO: bar\r\n", NEW)];
    Route::matching("ACK header", with_plain(requests, "header.ack.demo"))
}

fn matching_cookie() -> Route {
    let sent = |field, expected| sent("cookie.ack.demo", "/", field, expected);
    let requests = vec![
        sent("cookie: a=b; foo=bar\r\n", NEW),
        sent("cookie: foo=ba\r\n", OLD),
        sent("cookie: foo=bar; c=d\r\n", NEW),
    ];
    Route::matching("ACK cookie", with_plain(requests, "cookie.ack.demo"))
}

fn matching_query() -> Route {
    let sent = |target, expected| sent("query.ack.demo", target, "", expected);
    let requests = vec![sent("/?foo=bar", NEW), sent("/?foo=barr", OLD), sent("/a?x=1&foo=bar&y", NEW)];
    Route::matching("ACK query", with_plain(requests, "query.ack.demo"))
}

fn matching_either() -> Route {
    let sent = |field, expected| sent("either.mse.demo", "/", field, expected);
    let requests =
        vec![sent("foo: bar\r\n", NEW), sent("cookie: foo=barr\r\n", OLD), sent("cookie: foo=bar\r\n", NEW)];
    Route::matching("MSE header or cookie", with_plain(requests, "either.mse.demo"))
}

fn with_plain(mut requests: Vec<Sent>, host: &str) -> Vec<Sent> {
    requests.push(sent(host, "/", "", OLD));
    requests
}
