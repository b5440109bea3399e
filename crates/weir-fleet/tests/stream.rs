//! Controllers and proxies over real sockets with TLS.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};
use weir_fleet::{
    Apply, Assembly, Authenticate, Client, Denied, Hub, Identity, Link, Reach, Reading, Serving, Store,
};
use weir_model::{
    Backend, BackendKey, Blueprint, Delta, Endpoints, ErrorRule, Filters, Host, HostName, Kind, MatchPath,
    ObjectRef, PathType, PortRef, Predicate, ReleaseMark, ReleaseReading, Role, Rule, RuleOrigin, Split,
    Timeouts, VersionReading,
};
use weir_testkit::certs::Authority;

const LIMIT: Duration = Duration::from_secs(20);

struct Tokens;

#[tonic::async_trait]
impl Authenticate for Tokens {
    async fn authenticate(&self, token: &str) -> Result<Identity, Denied> {
        match token {
            "good" => Ok(Identity { pod: None }),
            other => Err(Denied::Refused(format!("{other} is not good"))),
        }
    }
}

/// The controllers' authority, and files of a proxy.
struct World {
    authority: Authority,
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { authority: Authority::new().unwrap(), folder: tempfile::tempdir().unwrap() };
        fs::write(world.folder.path().join("ca.crt"), &world.authority.certificate_pem).unwrap();
        fs::write(world.folder.path().join("token"), "good\n").unwrap();
        world
    }

    fn tls(&self) -> Arc<rustls::ServerConfig> {
        let leaf = self.authority.leaf(&["localhost"]).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(leaf.certificate_pem.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(leaf.key_pem.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Arc::new(config)
    }

    async fn controller(&self, hub: &Arc<Hub>, at: SocketAddr) -> Serving {
        // The port of a controller that has just ended may still be taken.
        loop {
            match Serving::start(at, self.tls(), Arc::clone(hub), Arc::new(Tokens)).await {
                Ok(serving) => return serving,
                Err(error) if at.port() != 0 => {
                    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
                    tokio::task::yield_now().await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn link(&self, controller: SocketAddr) -> Link {
        Link {
            controller: format!("localhost:{}", controller.port()),
            authority: self.folder.path().join("ca.crt"),
            token: self.folder.path().join("token"),
            identity: "proxy-1".into(),
            version: "1".into(),
        }
    }
}

/// What a proxy serves, for tests to wait for.
struct Served(watch::Sender<Option<Blueprint>>);

impl Apply for Served {
    fn apply(&mut self, delta: &Delta) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.0.send_modify(|blueprint| blueprint.get_or_insert_default().apply(delta));
        Ok(())
    }

    fn listeners(&self) -> Vec<String> {
        vec!["127.0.0.1:8080".into()]
    }

    fn reading(&self) -> Reading {
        let served = self.0.borrow();
        let hosts = served.iter().flat_map(|blueprint| blueprint.hosts.values());
        let marks = hosts.flat_map(|host| &host.rules).filter_map(|rule| rule.split.release.as_deref());
        let releases = marks.map(release).collect();
        Reading { connections: 7, releases, ..Reading::default() }
    }
}

fn proxy(
    link: Link,
    assembly: Assembly,
    store: Option<Store>,
) -> (watch::Receiver<Option<Blueprint>>, JoinHandle<()>) {
    let (sender, receiver) = watch::channel(None);
    let client = Client::new(link, assembly, store);
    let task = tokio::spawn(async move { client.follow(&mut Served(sender)).await.unwrap() });
    (receiver, task)
}

fn release(mark: &ReleaseMark) -> ReleaseReading {
    ReleaseReading {
        namespace: mark.namespace.to_string(),
        name: mark.name.to_string(),
        attempt: mark.attempt,
        epoch: mark.epoch,
        stable: VersionReading::default(),
        canary: VersionReading::default(),
    }
}

/// A host under a release.
fn released(epoch: u64) -> Delta {
    let mark = ReleaseMark {
        namespace: "a".into(),
        name: "web".into(),
        attempt: 1,
        epoch,
        errors: ErrorRule::default(),
        retiring: None,
    };
    let key = BackendKey { namespace: "a".into(), service: "s".into(), port: PortRef::Number(1) };
    let rule = Rule {
        origin: RuleOrigin {
            object: ObjectRef::new(Kind::Ingress, "a", "web"),
            host: "a".into(),
            path: "/".into(),
            path_type: PathType::Prefix,
            field: "".into(),
        },
        path: MatchPath::Prefix("".into()),
        precedence: 0,
        conditions: Predicate::default(),
        filters: Filters::default(),
        timeouts: Timeouts::default(),
        split: Split::version(Arc::new(mark), Role::Stable, key),
    };
    let name = HostName::parse("a").unwrap();
    let host = Host { name: name.clone(), rules: vec![Arc::new(rule)] };
    Delta { hosts: BTreeMap::from([(name, Some(Arc::new(host)))]), ..backend(1) }
}

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn backend(number: u16) -> Delta {
    let key = BackendKey { namespace: "a".into(), service: "s".into(), port: PortRef::Number(number) };
    let backend = Backend { key: key.clone(), endpoints: Endpoints::Known(Vec::new()) };
    Delta { backends: BTreeMap::from([(key, Some(Arc::new(backend)))]), ..Delta::default() }
}

fn both() -> Delta {
    let backends = [backend(1), backend(2)].map(|one| one.backends).into_iter().flatten().collect();
    Delta { backends, ..Delta::default() }
}

fn read(version: u64) -> Reach {
    let mut reach = Reach::default();
    reach.see("EndpointSlice", version);
    reach
}

async fn wait(receiver: &mut watch::Receiver<Option<Blueprint>>, backends: usize) {
    let enough =
        |served: &Option<Blueprint>| served.as_ref().is_some_and(|one| one.backends.len() == backends);
    tokio::time::timeout(LIMIT, receiver.wait_for(enough)).await.expect("in time").unwrap();
}

/// Waits until the hub's list of proxies is as wanted.
async fn members(hub: &Hub, wanted: impl Fn(&[weir_fleet::Member]) -> bool) {
    let looking = async {
        while !wanted(&hub.members().list()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, looking).await.expect("in time");
}

#[tokio::test]
async fn a_proxy_gets_everything_then_changes_and_acknowledges_them() {
    let (world, hub) = (World::new(), Arc::new(Hub::new("a")));
    let serving = world.controller(&hub, any()).await;
    hub.publish(&backend(1), &Reach::default());
    let (mut served, _task) = proxy(world.link(serving.address), Assembly::default(), None);
    wait(&mut served, 1).await;
    let position = hub.publish(&backend(2), &Reach::default());
    wait(&mut served, 2).await;
    members(&hub, |list| {
        list.iter().any(|one| {
            let acknowledged = one.acknowledged.as_ref();
            acknowledged.is_some_and(|it| it.position == position && it.listeners == ["127.0.0.1:8080"])
                && one.identity == "proxy-1"
                && one.reading.connections == 7
        })
    })
    .await;
}

/// Counters come once a second; a leader that waits for an epoch does not wait for them.
#[tokio::test]
async fn a_new_epoch_of_a_release_is_told_at_once() {
    let (world, hub) = (World::new(), Arc::new(Hub::new("a")));
    let serving = world.controller(&hub, any()).await;
    hub.publish(&released(1), &Reach::default());
    let (_served, _task) = proxy(world.link(serving.address), Assembly::default(), None);
    let has = |epoch: u64| {
        move |list: &[weir_fleet::Member]| {
            list.iter().flat_map(|one| &one.reading.releases).any(|release| release.epoch == epoch)
        }
    };
    members(&hub, has(1)).await;
    let begin = Instant::now();
    for epoch in 2..=21 {
        hub.publish(&released(epoch), &Reach::default());
        members(&hub, has(epoch)).await;
    }
    assert!(begin.elapsed() < Duration::from_secs(5), "20 epochs took {:?}", begin.elapsed());
}

#[tokio::test]
async fn a_proxy_waits_for_the_first_whole_configuration() {
    let (world, hub) = (World::new(), Arc::new(Hub::new("a")));
    let serving = world.controller(&hub, any()).await;
    let (mut served, _task) = proxy(world.link(serving.address), Assembly::default(), None);
    members(&hub, |list| list.len() == 1).await;
    assert!(served.borrow().is_none());
    hub.publish(&Delta::default(), &Reach::default());
    wait(&mut served, 0).await;
}

#[tokio::test]
async fn a_proxy_outlives_its_controller_and_follows_the_next() {
    let (world, first) = (World::new(), Arc::new(Hub::new("a")));
    first.publish(&backend(1), &Reach::default());
    let serving = world.controller(&first, any()).await;
    let address = serving.address;
    let (mut served, _task) = proxy(world.link(address), Assembly::default(), None);
    wait(&mut served, 1).await;
    members(&first, |list| list.len() == 1).await;
    drop(serving);
    let second = Arc::new(Hub::new("b"));
    second.publish(&both(), &Reach::default());
    let _serving = world.controller(&second, address).await;
    wait(&mut served, 2).await;
}

/// A controller whose watch is late would take away what a proxy already has from another one.
#[tokio::test]
async fn a_proxy_never_goes_back_to_what_is_older() {
    let (world, first, late) = (World::new(), Arc::new(Hub::new("a")), Arc::new(Hub::new("b")));
    first.publish(&both(), &read(7));
    let serving = world.controller(&first, any()).await;
    let address = serving.address;
    let (mut served, _task) = proxy(world.link(address), Assembly::default(), None);
    wait(&mut served, 2).await;
    drop(serving);
    late.publish(&backend(1), &read(6));
    let _serving = world.controller(&late, address).await;
    let fewer = served.wait_for(|served| served.as_ref().is_some_and(|one| one.backends.len() < 2));
    assert!(tokio::time::timeout(Duration::from_millis(500), fewer).await.is_err());
    assert!(late.members().list().is_empty(), "it waits");
    late.publish(&backend(2), &read(7));
    members(&late, |list| list.iter().any(|one| one.acknowledged.is_some())).await;
    assert_eq!(served.borrow().as_ref().unwrap().backends.len(), 2);
    late.publish(&backend(3), &read(8));
    wait(&mut served, 3).await;
}

/// A store that is restored from a copy has older versions than what is served.
#[tokio::test]
async fn when_all_controllers_stay_behind_they_are_believed() {
    let (world, first) = (World::new(), Arc::new(Hub::new("a")));
    first.publish(&both(), &read(7));
    let serving = world.controller(&first, any()).await;
    let address = serving.address;
    let (mut served, _task) = proxy(world.link(address), Assembly::default(), None);
    wait(&mut served, 2).await;
    drop(serving);
    let restored = Arc::new(Hub::new("b").waiting(Duration::from_millis(10)));
    restored.publish(&backend(1), &read(3));
    let _serving = world.controller(&restored, address).await;
    wait(&mut served, 1).await;
}

/// While the leader that is named is not there, the controller that named it is followed.
#[tokio::test]
async fn a_proxy_goes_to_the_leader_as_soon_as_it_is_there() {
    let (world, follower, leader) = (World::new(), Arc::new(Hub::new("a")), Arc::new(Hub::new("b")));
    follower.publish(&backend(1), &Reach::default());
    let serving = world.controller(&follower, any()).await;
    // A port that somebody had a moment ago.
    let gone = world.controller(&leader, any()).await;
    let address = gone.address;
    drop(gone);
    let (mut served, _task) = proxy(world.link(serving.address), Assembly::default(), None);
    wait(&mut served, 1).await;
    follower.follow_leader(Some(address.to_string()));
    for count in 2..=30 {
        follower.publish(&backend(u16::try_from(count).unwrap()), &Reach::default());
        wait(&mut served, count).await;
    }
    assert_eq!(follower.members().list().len(), 1, "it never left");
    leader.publish(&backend(99), &Reach::default());
    let _serving = world.controller(&leader, address).await;
    wait(&mut served, 1).await;
    members(&leader, |list| list.len() == 1).await;
    members(&follower, <[_]>::is_empty).await;
}

#[tokio::test]
async fn a_proxy_with_a_bad_token_learns_nothing_until_it_has_a_good_one() {
    let (world, hub) = (World::new(), Arc::new(Hub::new("a")));
    fs::write(world.folder.path().join("token"), "bad").unwrap();
    let serving = world.controller(&hub, any()).await;
    hub.publish(&backend(1), &Reach::default());
    let (mut served, _task) = proxy(world.link(serving.address), Assembly::default(), None);
    assert!(tokio::time::timeout(Duration::from_millis(500), served.changed()).await.is_err());
    fs::write(world.folder.path().join("token"), "good").unwrap();
    wait(&mut served, 1).await;
}

#[tokio::test]
async fn a_proxy_trusts_only_its_authority() {
    let (world, hub) = (World::new(), Arc::new(Hub::new("a")));
    let stranger = Authority::new().unwrap();
    fs::write(world.folder.path().join("ca.crt"), &stranger.certificate_pem).unwrap();
    let serving = world.controller(&hub, any()).await;
    hub.publish(&backend(1), &Reach::default());
    let (mut served, _task) = proxy(world.link(serving.address), Assembly::default(), None);
    assert!(tokio::time::timeout(Duration::from_millis(500), served.changed()).await.is_err());
    // The authority is rotated: both are trusted for a while.
    let both = format!("{}{}", stranger.certificate_pem, world.authority.certificate_pem);
    fs::write(world.folder.path().join("ca.crt"), both).unwrap();
    wait(&mut served, 1).await;
}

#[tokio::test]
async fn a_restarted_proxy_serves_what_it_saved_without_a_controller() {
    let (world, hub) = (World::new(), Arc::new(Hub::new("a")));
    let state = tempfile::tempdir().unwrap();
    let store = Store::new(state.path());
    assert!(store.load().is_none());
    let serving = world.controller(&hub, any()).await;
    let host = HostName::parse("a.example").unwrap();
    let hosts =
        BTreeMap::from([(host.clone(), Some(Arc::new(Host { name: host.clone(), rules: Vec::new() })))]);
    hub.publish(&Delta { hosts, ..backend(1) }, &Reach::default());
    let (mut served, task) = proxy(world.link(serving.address), Assembly::default(), Some(store.clone()));
    wait(&mut served, 1).await;
    let saved = async {
        while store.load().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, saved).await.expect("saved in time");
    task.abort();
    drop(serving);
    let (assembly, delta) = store.load().unwrap();
    assert_eq!(assembly.position(), Some(&hub.position()));
    assert!(delta.hosts.contains_key(&host) && delta.backends.len() == 1);
}

#[tokio::test]
async fn a_configuration_larger_than_one_message_arrives_whole() {
    let (world, hub) = (World::new(), Arc::new(Hub::new("a")));
    let serving = world.controller(&hub, any()).await;
    let many = (1..=60_000).flat_map(|number| backend(number).backends);
    hub.publish(&Delta { backends: many.collect(), ..Delta::default() }, &Reach::default());
    let (mut served, _task) = proxy(world.link(serving.address), Assembly::default(), None);
    wait(&mut served, 60_000).await;
}
