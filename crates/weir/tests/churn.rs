//! Manifests change every 100 ms while all kinds of clients keep asking: not one request may fail.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinHandle;
use weir_testkit::{
    Manifests, Origin, WeirProcess, certs::Authority, client::Target, h2, load::Plan, manifests::Ingress,
    websocket::WebSocket,
};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");
const HOST: &str = "shop.test";
const CHANGES: usize = 300;
const PACE: Duration = Duration::from_millis(100);

/// Only ever routed to one of the two versions; the other is then known to no rule.
const MOVING: &str = "moving.test";

/// What is changed, and by what.
struct World {
    manifests: Manifests,
    authority: Authority,
    old: Origin,
    new: Origin,
}

impl World {
    async fn new() -> Self {
        let world = Self {
            manifests: Manifests::new().unwrap(),
            authority: Authority::new().unwrap(),
            old: Origin::start("old").await,
            new: Origin::start("new").await,
        };
        world.manifests.class("nginx").unwrap();
        world.manifests.service("blue", &[world.old.addr()]).unwrap();
        world.manifests.service("green", &[world.new.addr()]).unwrap();
        (0..6).for_each(|round| world.change(round));
        world
    }

    /// One change of another kind each time; every state serves every request.
    fn change(&self, round: usize) {
        match round % 6 {
            0 => self.weight(["0", "100", "30"][round / 6 % 3]),
            1 => self.routes((round / 6).is_multiple_of(2)),
            2 => self.endpoints(round / 6),
            3 => self.neighbour(round / 6),
            4 => self.everything(["blue", "green"][round / 6 % 2]),
            _ => self.certificate(),
        }
    }

    fn weight(&self, weight: &str) {
        let canary = Ingress::new("canary").class("weir").host(HOST).path("/", "new");
        self.manifests.ingress(&canary.nginx("canary", "true").nginx("canary-weight", weight)).unwrap();
    }

    /// The same routes in another order.
    fn routes(&self, first: bool) {
        let paths = if first { ["/a", "/b"] } else { ["/b", "/a"] };
        let main = Ingress::new("main").class("weir").host(HOST).path("/", "old");
        let main = main.path(paths[0], "old").path(paths[1], "old");
        let main = main.tls("shop", &[HOST]).nginx("ssl-redirect", "false");
        self.manifests.ingress(&main).unwrap();
    }

    fn endpoints(&self, round: usize) {
        let both = [self.old.addr(), self.new.addr()];
        let some: &[SocketAddr] = if round.is_multiple_of(2) { &both } else { &both[..1] };
        self.manifests.service("old", some).unwrap();
        self.manifests.service("new", &[self.new.addr()]).unwrap();
    }

    /// Another host comes and goes.
    fn neighbour(&self, round: usize) {
        let ingress = Ingress::new("neighbour").class("weir").host("neighbour.test").path("/", "old");
        self.manifests.ingress(&ingress).unwrap();
        if round % 2 == 1 {
            self.manifests.remove("ingress-neighbour").unwrap();
        }
    }

    /// All traffic of a host moves to another service.
    fn everything(&self, service: &str) {
        let ingress = Ingress::new("moving").class("weir").host(MOVING).path("/", service);
        self.manifests.ingress(&ingress).unwrap();
    }

    fn certificate(&self) {
        let leaf = self.authority.leaf(&[HOST]).unwrap();
        self.manifests.write("secret", leaf.secret("default", "shop")).unwrap();
    }
}

/// Repeats one kind of exchange until told to stop; returns how many there were.
fn repeat<F: Future<Output = ()> + Send + 'static>(
    stop: &Arc<AtomicBool>,
    mut exchange: impl FnMut() -> F + Send + 'static,
) -> JoinHandle<u64> {
    let stop = Arc::clone(stop);
    tokio::spawn(async move {
        let mut count = 0;
        while !stop.load(Ordering::Relaxed) {
            exchange().await;
            count += 1;
        }
        count
    })
}

async fn h2_get(target: Target) {
    let (mut client, driver) = h2::Client::connect(&target).await.unwrap();
    for _ in 0..50 {
        let response = client.get("https://shop.test/a/x").await.unwrap();
        assert_eq!(response.status, 200);
    }
    drop(client);
    driver.await.unwrap().unwrap();
}

async fn websocket(addr: SocketAddr) {
    let mut socket = WebSocket::connect(addr, HOST, "/ws").await.unwrap();
    for n in 0..50 {
        assert_eq!(socket.echo(&n.to_string()).await.unwrap(), n.to_string());
    }
    socket.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_everything_changes() {
    let world = World::new().await;
    let weir =
        WeirProcess::serve(Path::new(WEIR), world.manifests.path(), &["--threads", "2"]).await.unwrap();
    let (http, https) = (weir.http(), weir.https());
    let limit = Duration::from_mins(2);
    let bounded = |plan: Plan| Plan { total: u64::MAX, limit, connections: 4, ..plan };
    let keep_alive = bounded(Plan::get(http, HOST, "/b/x")).start();
    let each = bounded(Plan::get(http, HOST, "/")).connection_per_request().start();
    let moving = bounded(Plan::get(http, MOVING, "/")).start();
    let stop = Arc::new(AtomicBool::new(false));
    let secure = Target::tls(https, HOST, world.authority.client(&["h2"]).unwrap());
    let streams = repeat(&stop, move || h2_get(secure.clone()));
    let sockets = repeat(&stop, move || websocket(http));
    let mut pace = tokio::time::interval(PACE);
    for round in 0..CHANGES {
        pace.tick().await;
        world.change(round);
    }
    stop.store(true, Ordering::Relaxed);
    let (keep_alive, each, moving) = (keep_alive.stop().await, each.stop().await, moving.stop().await);
    keep_alive.assert_clean();
    each.assert_clean();
    moving.assert_clean();
    let (streams, sockets) = (streams.await.unwrap() * 50, sockets.await.unwrap() * 50);
    assert!(keep_alive.ok > 1_000 && each.ok > 1_000 && streams > 100 && sockets > 100);
    assert!(moving.version("new") > 0 && moving.version("old") > 0);
    assert!(keep_alive.version("new") > 0 && keep_alive.version("old") > 0);
    let revision = weir_testkit::client::get(weir.admin(), "admin", "/v1/table", &[]).await.unwrap();
    assert_eq!(revision.status, 200);
}
