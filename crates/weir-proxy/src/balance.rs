//! Choosing an endpoint of a backend: the less loaded of two, without those that just failed.
//!
//! A balancer belongs to one thread and one backend and lives as long as the backend's name, so health
//! is counted per endpoint of a Service, whatever routes lead to it.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use weir_model::Endpoint;
use weir_route::endpoint_hash;

use crate::{
    backend::{Held, Holdings, Live},
    upstream::{Connection, IdlePool, http2::Shared},
};

/// How long an endpoint is left out after a refused connection.
const CONNECT_PENALTY: Duration = Duration::from_secs(1);
/// Consecutive 5xx responses before an endpoint is left out.
const ERRORS: u32 = 5;
/// How long it is left out the first time; doubled each further time.
const ERROR_PENALTY: Duration = Duration::from_secs(10);
const MAX_PENALTY: Duration = Duration::from_mins(5);
/// An endpoint that joins others gets its full share after this time.
const SLOW_START: Duration = Duration::from_secs(10);

/// An endpoint as one thread sees it.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// What session cookies call it.
    pub(crate) hash: u64,
    pub(crate) idle: IdlePool,
    pub(crate) streams: Shared,
    in_flight: Cell<u32>,
    errors: Cell<u32>,
    ejections: Cell<u32>,
    ejected_until: Cell<Option<Instant>>,
    /// When it joined endpoints that were already serving.
    joined: Option<Instant>,
    /// What this thread has of its backend.
    pub(crate) holdings: Rc<Holdings>,
}

/// A request on its way; counted until dropped.
#[derive(Debug)]
pub(crate) struct Pick {
    pub(crate) peer: Rc<Peer>,
    _held: Held,
}

/// What the balancer may know of a request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wish<'w> {
    /// The endpoint that the session cookie names.
    pub(crate) session: Option<u64>,
    /// Endpoints that already failed this request.
    pub(crate) tried: &'w [SocketAddr],
}

/// The endpoints of one backend, for one thread.
#[derive(Debug)]
pub(crate) struct Balancer {
    backend: Weak<Live>,
    holdings: Rc<Holdings>,
    version: Cell<u64>,
    peers: RefCell<Vec<Rc<Peer>>>,
}

// === impl Balancer ===

impl Balancer {
    pub(crate) fn new(backend: &Arc<Live>) -> Self {
        let holdings = Holdings::new(&backend.gauges);
        Self { backend: Arc::downgrade(backend), holdings, version: Cell::new(0), peers: RefCell::default() }
    }

    /// Picks an endpoint, one that was tried only if there is no other; `None` without endpoints.
    pub(crate) fn pick(
        &self,
        backend: &Live,
        wish: Wish<'_>,
        now: Instant,
        rng: &mut fastrand::Rng,
    ) -> Option<Pick> {
        self.refresh(backend, now);
        let peers = self.peers.borrow();
        let wished = wish.session.and_then(|hash| peers.iter().find(|peer| peer.hash == hash));
        let wished = wished.filter(|peer| !wish.tried.contains(&peer.address) && peer.healthy(now));
        let mut elsewhere = || choose(&peers, wish.tried, now, rng);
        let peer = wished.or_else(&mut elsewhere);
        let peer = peer.or_else(|| choose(&peers, &[], now, rng))?;
        peer.in_flight.set(peer.in_flight.get() + 1);
        Some(Pick { peer: Rc::clone(peer), _held: self.holdings.hold() })
    }

    /// Closes what is kept for later, if no rule sends anything any more.
    pub(crate) fn let_go(&self) {
        if !self.holdings.gauges.is_named() {
            self.peers.borrow().iter().for_each(|peer| peer.close_idle());
        }
    }

    /// Ends some of the long-lived connections, if they are to end.
    pub(crate) fn end_some(&self, now: Instant) {
        self.holdings.end_some(now);
    }

    /// Closes idle connections that are too old; false when the backend itself is gone.
    pub(crate) fn sweep(&self, now: Instant) -> bool {
        let peers = self.peers.borrow();
        for peer in peers.iter() {
            peer.idle.sweep(now);
            peer.streams.sweep();
        }
        self.backend.strong_count() > 0
    }

    /// Takes over a new list of endpoints; those that stay keep their health and connections.
    fn refresh(&self, backend: &Live, now: Instant) {
        let version = backend.version();
        if self.version.replace(version) == version {
            return;
        }
        let mut peers = self.peers.borrow_mut();
        let old = std::mem::take(&mut *peers);
        let endpoints = backend.endpoints();
        let stays = |endpoint: &Endpoint| old.iter().any(|peer| peer.address == endpoint.address);
        let joined = endpoints.iter().any(stays).then_some(now);
        let keep_or_make = |endpoint: &Endpoint| {
            let known = old.iter().find(|peer| peer.address == endpoint.address);
            let make = || Rc::new(Peer::new(endpoint.address, joined, &self.holdings));
            known.map_or_else(make, Rc::clone)
        };
        peers.extend(endpoints.iter().map(keep_or_make));
    }
}

/// The less loaded of two random healthy endpoints. When more than half are out, all are tried.
fn choose<'p>(
    peers: &'p [Rc<Peer>],
    tried: &[SocketAddr],
    now: Instant,
    rng: &mut fastrand::Rng,
) -> Option<&'p Rc<Peer>> {
    if let ([only], []) = (peers, tried) {
        return Some(only);
    }
    let healthy = peers.iter().filter(|peer| peer.healthy(now)).count();
    let panic = healthy * 2 < peers.len();
    let fit = |peer: &&Rc<Peer>| !tried.contains(&peer.address) && (panic || peer.healthy(now));
    let count = peers.iter().filter(fit).count();
    let nth = |index| peers.iter().filter(fit).nth(index);
    if count < 2 {
        return nth(0);
    }
    let one = rng.usize(..count);
    let two = (one + rng.usize(1..count)) % count;
    let (first, second) = (nth(one)?, nth(two)?);
    let better = if second.in_flight.get() < first.in_flight.get() { second } else { first };
    let other = if Rc::ptr_eq(better, first) { second } else { first };
    Some(if better.takes(now, rng) { better } else { other })
}

// === impl Peer ===

impl Peer {
    fn new(address: SocketAddr, joined: Option<Instant>, holdings: &Rc<Holdings>) -> Self {
        Self {
            address,
            hash: endpoint_hash(address),
            idle: IdlePool::default(),
            streams: Shared::default(),
            in_flight: Cell::new(0),
            errors: Cell::new(0),
            ejections: Cell::new(0),
            ejected_until: Cell::new(None),
            joined,
            holdings: Rc::clone(holdings),
        }
    }

    /// Keeps a connection for later requests, if there will be any.
    pub(crate) fn keep(&self, connection: Connection, announced: Option<u32>, now: Instant) {
        if self.holdings.gauges.is_named() {
            self.idle.put(connection, announced, now);
        }
    }

    fn close_idle(&self) {
        self.idle.clear();
        self.streams.clear();
    }

    fn healthy(&self, now: Instant) -> bool {
        self.ejected_until.get().is_none_or(|until| until <= now)
    }

    /// An endpoint that has just joined takes a growing part of what it is offered.
    fn takes(&self, now: Instant, rng: &mut fastrand::Rng) -> bool {
        let age = self.joined.map(|joined| now.saturating_duration_since(joined));
        age.is_none_or(|age| age >= SLOW_START || rng.f64() < age.as_secs_f64() / SLOW_START.as_secs_f64())
    }

    /// A connection could not be made, or broke before any response.
    pub(crate) fn failed(&self, now: Instant) {
        self.ejected_until.set(Some(now + CONNECT_PENALTY));
        self.close_idle();
    }

    /// A response came.
    pub(crate) fn answered(&self, status: u16, now: Instant) {
        if status < 500 {
            self.errors.set(0);
            self.ejections.set(0);
            return;
        }
        self.errors.set(self.errors.get() + 1);
        if self.errors.get() >= ERRORS {
            let doublings = self.ejections.replace((self.ejections.get() + 1).min(5));
            let penalty = (ERROR_PENALTY * (1 << doublings)).min(MAX_PENALTY);
            self.ejected_until.set(Some(now + penalty));
            self.errors.set(0);
        }
    }
}

impl Drop for Pick {
    fn drop(&mut self) {
        self.peer.in_flight.set(self.peer.in_flight.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use weir_model::{Backend, BackendKey, EndpointCondition, Endpoints, PortRef};

    use super::*;
    use crate::backend::Registry;

    struct World {
        registry: Registry,
        balancer: Balancer,
        rng: fastrand::Rng,
        now: Instant,
    }

    fn key() -> BackendKey {
        BackendKey { namespace: "default".into(), service: "a".into(), port: PortRef::Number(80) }
    }

    fn address(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    impl World {
        fn new(ports: &[u16]) -> Self {
            let mut world = Self {
                registry: Registry::default(),
                balancer: Balancer::new(&Registry::default().resolve(&key())),
                rng: fastrand::Rng::with_seed(7),
                now: Instant::now(),
            };
            world.set(ports);
            world
        }

        fn set(&mut self, ports: &[u16]) {
            let endpoint =
                |port: &u16| Endpoint { address: address(*port), condition: EndpointCondition::Ready };
            let endpoints = Endpoints::Known(ports.iter().map(endpoint).collect());
            self.registry.begin(&key(), &Backend { key: key(), endpoints });
        }

        fn pick(&mut self, tried: &[SocketAddr]) -> Option<Pick> {
            let live = self.registry.resolve(&key());
            self.balancer.pick(&live, Wish { session: None, tried }, self.now, &mut self.rng)
        }

        fn counts(&mut self, times: usize) -> BTreeMap<u16, usize> {
            let mut counts = BTreeMap::new();
            for _ in 0..times {
                let port = self.pick(&[]).unwrap().peer.address.port();
                *counts.entry(port).or_default() += 1;
            }
            counts
        }

        fn fail(&mut self, port: u16) {
            let now = self.now;
            self.pick(&[]);
            let peers = self.balancer.peers.borrow();
            peers.iter().find(|peer| peer.address.port() == port).unwrap().failed(now);
        }
    }

    #[test]
    fn spreads_evenly_and_prefers_the_less_loaded() {
        let mut world = World::new(&[1, 2]);
        let counts = world.counts(10_000);
        assert!((4_700..5_300).contains(&counts[&1]), "{counts:?}");
        let held: Vec<Pick> = (0..100).filter_map(|_| world.pick(&[])).collect();
        let first = held.iter().filter(|pick| pick.peer.address.port() == 1).count();
        assert!((45..=55).contains(&first), "{first} of 100 in flight on one of two");
    }

    #[test]
    fn a_failed_endpoint_is_left_out_for_a_second() {
        let mut world = World::new(&[1, 2, 3]);
        world.fail(1);
        assert!(!world.counts(300).contains_key(&1));
        world.now += CONNECT_PENALTY;
        assert!(world.counts(300).contains_key(&1));
    }

    #[test]
    fn when_most_are_out_all_are_tried() {
        let mut world = World::new(&[1, 2, 3]);
        world.fail(1);
        world.fail(2);
        assert_eq!(world.counts(300).len(), 3);
    }

    #[test]
    fn retries_go_elsewhere_if_they_can() {
        let mut world = World::new(&[1, 2]);
        assert_eq!(world.pick(&[address(1)]).unwrap().peer.address.port(), 2);
        assert!(world.pick(&[address(1), address(2)]).is_some());
        assert!(World::new(&[]).pick(&[]).is_none());
    }

    #[test]
    fn an_endpoint_that_joins_starts_slowly_but_a_new_set_does_not() {
        let mut world = World::new(&[1]);
        world.counts(1);
        world.set(&[1, 2]);
        let early = world.counts(1_000);
        assert!(early.get(&2).copied().unwrap_or(0) < 10, "{early:?}");
        world.now += SLOW_START;
        assert!(world.counts(1_000)[&2] > 400);
        world.set(&[3, 4]);
        let fresh = world.counts(1_000);
        assert!(fresh[&3] > 400 && fresh[&4] > 400, "{fresh:?}");
    }

    #[test]
    fn five_errors_in_a_row_eject_with_doubling_time() {
        let mut world = World::new(&[1, 2, 3]);
        let peer = Rc::clone(&world.pick(&[]).unwrap().peer);
        let mut out_for = Vec::new();
        for _ in 0..3 {
            (0..ERRORS).for_each(|_| peer.answered(503, world.now));
            out_for.push(peer.ejected_until.get().unwrap() - world.now);
        }
        assert_eq!(out_for, [10, 20, 40].map(Duration::from_secs));
        peer.answered(200, world.now);
        assert_eq!(peer.ejections.get(), 0);
    }
}
