//! Changes in, what proxies are told out. Time stands still unless nothing else can happen.

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use weir_model::{Code, Kind, Severity};
use weir_translate::{
    manifest,
    object::{Object, Secret},
};

use super::*;

const INGRESS: &str = r"
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: main, namespace: a }
spec:
  ingressClassName: weir
  tls: [{ hosts: [a.example], secretName: pair }]
  rules:
  - host: a.example
    http:
      paths: [{ path: /, pathType: Prefix, backend: { service: { name: s, port: { number: 80 } } } }]
";
/// A certificate with its key, and one that is none.
const PAIR: &str = include_str!("../../../weir-translate/tests/golden/tls/two-secrets.in.yaml");
const NO_PAIR: &str =
    "apiVersion: v1\nkind: Secret\nmetadata: { name: pair, namespace: a }\ntype: kubernetes.io/tls\n";
const KINDS: [&str; 6] = ["Ingress", "IngressClass", "Service", "EndpointSlice", "Release", "ConfigMap"];

/// An index on a task of its own.
struct World {
    hub: Arc<Hub>,
    changes: UnboundedSender<Change>,
    view: watch::Receiver<Arc<View>>,
    wanted: watch::Receiver<Wanted>,
    ready: watch::Receiver<bool>,
}

impl World {
    fn new() -> Self {
        let hub = Arc::new(Hub::new("run"));
        let (view, views) = watch::channel(Arc::default());
        let (wanted, named) = watch::channel(Wanted::new());
        let (ready, is_ready) = watch::channel(false);
        let config = Config { standalone: false, serving: true, ..Config::default() };
        let index = Index::new(
            config,
            Arc::clone(&hub),
            Outlets { view, wanted, classes: watch::Sender::default(), ready },
        );
        let (changes, received) = unbounded_channel();
        tokio::spawn(index.run(received));
        Self { hub, changes, view: views, wanted: named, ready: is_ready }
    }

    fn send(&self, change: Change) {
        self.changes.send(change).unwrap();
    }

    fn apply(&self, text: &str) {
        for object in manifest::read(text).unwrap().objects {
            self.send(Change::Seen(Seen {
                object,
                uid: "u".into(),
                version: "1".into(),
                addresses: Vec::new(),
            }));
        }
    }

    fn listed(&self) {
        for kind in KINDS {
            self.send(Change::Listed(kind, 0));
        }
    }

    fn secret(&self, reading: Reading) {
        self.send(Change::Secret(pair(), reading));
    }

    async fn ready(&mut self) {
        self.ready.wait_for(|ready| *ready).await.unwrap();
    }

    async fn finding(&mut self, code: Code) -> Finding {
        let has = |view: &Arc<View>| view.findings.iter().any(|finding| finding.code == code);
        let view = self.view.wait_for(has).await.unwrap();
        view.findings.iter().find(|finding| finding.code == code).unwrap().clone()
    }
}

fn pair() -> ObjectRef {
    ObjectRef::new(Kind::Secret, "a", "pair")
}

fn read_pair() -> Reading {
    let document = PAIR.split("\n---\n").find(|text| text.contains("kind: Secret")).unwrap();
    reading(&document.replace("name: one", "name: pair\n  namespace: a"))
}

fn reading(text: &str) -> Reading {
    match manifest::read(text).unwrap().objects.into_iter().next() {
        Some(Object::Secret(secret)) => Reading::There(Box::new(Secret::clone(&secret))),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_published_before_every_kind_is_listed() {
    let mut world = World::new();
    for kind in &KINDS[1..] {
        world.send(Change::Listed(kind, 0));
    }
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(world.hub.position().epoch, 0);
    world.send(Change::Listed(KINDS[0], 0));
    world.ready().await;
    assert_eq!(world.hub.position().epoch, 1, "a cluster without Ingresses is a configuration, too");
}

#[tokio::test(start_paused = true)]
async fn a_change_waits_for_the_secret_that_it_names() {
    let mut world = World::new();
    world.apply(INGRESS);
    world.listed();
    let wanted = world.wanted.wait_for(|wanted| !wanted.is_empty()).await.unwrap().clone();
    assert_eq!(wanted.into_keys().collect::<Vec<_>>(), [pair()]);
    tokio::time::sleep(SECRETS / 2).await;
    assert_eq!(world.hub.position().epoch, 0);
    world.secret(read_pair());
    world.ready().await;
}

/// A proxy that serves more than was published here has to wait, however much was read.
#[tokio::test(start_paused = true)]
async fn what_is_read_counts_when_it_is_published() {
    let mut world = World::new();
    let read = |version: u64| {
        let mut reach = Reach::default();
        reach.see("Ingress", 1);
        for kind in KINDS {
            reach.list(kind, version);
        }
        reach
    };
    world.listed();
    world.ready().await;
    world.apply(INGRESS);
    world.wanted.wait_for(|wanted| !wanted.is_empty()).await.unwrap();
    assert_eq!(world.hub.reached(), Reach::default(), "its Secret is still to be read");
    world.secret(read_pair());
    world.finding(Code::MissingService).await;
    assert_eq!(world.hub.reached(), read(0));
    for kind in KINDS {
        world.send(Change::Listed(kind, 9));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.hub.reached(), read(9), "nothing was to be published");
}

#[tokio::test(start_paused = true)]
async fn the_first_publication_waits_for_every_secret() {
    let mut world = World::new();
    world.apply(INGRESS);
    world.listed();
    world.secret(Reading::Failed("the API server is busy".into()));
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(world.hub.position().epoch, 0, "proxies of another controller would lose the certificate");
    world.secret(Reading::Missing);
    world.ready().await;
    assert_eq!(world.finding(Code::MissingSecret).await.severity, Severity::Error);
}

#[tokio::test(start_paused = true)]
async fn later_a_secret_that_nobody_answers_for_holds_nothing_up_but_its_host() {
    let mut world = World::new();
    world.apply(INGRESS);
    world.listed();
    world.wanted.wait_for(|wanted| !wanted.is_empty()).await.unwrap();
    world.secret(read_pair());
    world.ready().await;
    // The host names another Secret, and a neighbour comes.
    world.apply(&INGRESS.replace("pair", "another"));
    world.apply(&INGRESS.replace("name: main", "name: other").replace("a.example", "b.example"));
    world.view.wait_for(|view| view.served.hosts == 2).await.unwrap();
    tokio::time::sleep(SECRETS * 2).await;
    assert!(world.hub.position().epoch > 1, "the neighbour waits");
    assert!(world.hub.has_certificate("a.example"), "the host lost its certificate");
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_named_again_is_read_again() {
    let mut world = World::new();
    world.apply(INGRESS);
    world.listed();
    let first = world.wanted.wait_for(|wanted| !wanted.is_empty()).await.unwrap().clone();
    world.secret(read_pair());
    world.ready().await;
    world.send(Change::Gone(ObjectRef::new(Kind::Ingress, "a", "main"), 0));
    world.wanted.wait_for(Wanted::is_empty).await.unwrap();
    world.apply(INGRESS);
    let second = world.wanted.wait_for(|wanted| !wanted.is_empty()).await.unwrap().clone();
    assert_ne!(first[&pair()], second[&pair()]);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_deleted_or_spoilt_while_in_use_stays_in_use() {
    let mut world = World::new();
    world.apply(INGRESS);
    world.listed();
    world.wanted.wait_for(|wanted| !wanted.is_empty()).await.unwrap();
    world.secret(read_pair());
    world.ready().await;
    let before = world.hub.position();
    let faults = [(Reading::Missing, Code::MissingSecret), (reading(NO_PAIR), Code::InvalidSecret)];
    for (reading, code) in faults {
        world.secret(reading);
        let finding = world.finding(code).await;
        assert!(finding.message.contains("stays in use"), "{finding}");
        assert!(finding.to_string().contains("Ingress a/main spec.tls[0].secretName"), "{finding}");
        assert_eq!(world.hub.position(), before, "proxies were told something");
    }
    world.secret(read_pair());
    let faults = [Code::MissingSecret, Code::InvalidSecret];
    let is_well = |view: &Arc<View>| !view.findings.iter().any(|one| faults.contains(&one.code));
    world.view.wait_for(is_well).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_never_was_a_pair_is_said_to_be_none() {
    let mut world = World::new();
    world.apply(INGRESS);
    world.listed();
    world.wanted.wait_for(|wanted| !wanted.is_empty()).await.unwrap();
    world.secret(reading(NO_PAIR));
    world.ready().await;
    assert!(world.finding(Code::InvalidSecret).await.message.contains("not used"));
}

#[tokio::test(start_paused = true)]
async fn secrets_that_nobody_names_are_forgotten() {
    let mut world = World::new();
    world.apply(INGRESS);
    world.listed();
    world.wanted.wait_for(|wanted| !wanted.is_empty()).await.unwrap();
    world.secret(read_pair());
    world.ready().await;
    world.send(Change::Gone(ObjectRef::new(Kind::Ingress, "a", "main"), 0));
    world.wanted.wait_for(Wanted::is_empty).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_object_that_cannot_be_read_leaves_the_one_before_it() {
    let mut world = World::new();
    world.apply(&INGRESS.replace("  tls: [{ hosts: [a.example], secretName: pair }]\n", ""));
    world.listed();
    world.ready().await;
    let before = world.hub.position();
    let id = ObjectRef::new(Kind::Ingress, "a", "main");
    world.send(Change::Unreadable(id.clone(), "it is broken".into()));
    assert_eq!(world.finding(Code::UnreadableDocument).await.object, id);
    assert_eq!(world.hub.position(), before);
    assert_eq!(world.view.borrow().served.hosts, 1);
}

#[tokio::test(start_paused = true)]
async fn a_recorded_claim_is_in_force_before_anything_is_published() {
    let mut world = World::new();
    world.apply(&INGRESS.replace("  tls: [{ hosts: [a.example], secretName: pair }]\n", ""));
    let record = r#"[{ "host": "a.example", "path": "/", "namespace": "b" }]"#;
    world.send(Change::Recorded(0, Some(record.into()), 0));
    world.listed();
    world.ready().await;
    assert_eq!(world.finding(Code::Claimed).await.object, ObjectRef::new(Kind::Ingress, "a", "main"));
    assert_eq!(world.view.borrow().served.hosts, 0);
    world.send(Change::Granted(Some(r#"[{ "host": "*", "namespaces": ["a"] }]"#.into()), 0));
    world.view.wait_for(|view| view.served.hosts == 1).await.unwrap();
    assert!(world.view.borrow().claimed.is_empty(), "what only a grant allows ends with it");
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_read_also_when_nothing_else_changes() {
    let mut world = World::new();
    let redirected =
        "name: main, namespace: a, annotations: { nginx.ingress.kubernetes.io/ssl-redirect: 'false' }";
    let secure = INGRESS.replace("name: main, namespace: a", redirected);
    world.apply(&secure.replace("  tls: [{ hosts: [a.example], secretName: pair }]\n", ""));
    world.listed();
    world.ready().await;
    world.apply(&secure);
    let named = tokio::time::timeout(SECRETS, world.wanted.wait_for(|wanted| !wanted.is_empty())).await;
    assert!(named.unwrap().unwrap().contains_key(&pair()));
}

#[tokio::test(start_paused = true)]
async fn an_older_object_that_comes_later_takes_nothing_away() {
    let mut world = World::new();
    let plain = INGRESS.replace("  tls: [{ hosts: [a.example], secretName: pair }]\n", "");
    let dated = |namespace: &str, year: usize| {
        let metadata =
            format!("name: main, namespace: {namespace}, creationTimestamp: '{year}-01-01T00:00:00Z'");
        plain.replace("name: main, namespace: a", &metadata)
    };
    world.apply(&dated("a", 2026));
    world.listed();
    world.ready().await;
    let before = world.hub.position();
    world.apply(&dated("thief", 2020));
    assert_eq!(&*world.finding(Code::Claimed).await.object.namespace, "thief");
    assert_eq!(world.hub.position(), before);
}
