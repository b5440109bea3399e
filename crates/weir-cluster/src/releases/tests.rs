//! The leader on an API server that keeps what it is told. Whoever restarts knows only what is kept there.

mod api;

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch;
use weir_fleet::Hub;
use weir_model::{HostName, ReleaseKey, Role};
use weir_release::{
    spec::Weight,
    state::{
        AbortStage, AbortState, Attempt, Division, OfflineStage, OfflineState, Phase, Routing, State,
        StepStage, StepState,
    },
};
use weir_translate::{Config, Translator, manifest};

use self::api::Server;
use super::{Desk, Tools};
use crate::index::{ReleaseView, View};

/// A leader that has just begun to lead.
struct Leader {
    server: Server,
    translator: Translator,
    view: watch::Sender<Arc<View>>,
    desk: Desk,
}

impl Leader {
    /// On a server with these objects beside what it has.
    async fn on(server: &Server, objects: &[String]) -> Self {
        let mut translator = Translator::new(Config { standalone: false, ..Config::default() });
        for text in objects {
            for object in manifest::read(text).unwrap().objects {
                translator.apply(object, 0);
            }
        }
        let (view, views) = watch::channel(Arc::default());
        let tools = Tools {
            client: server.client().await,
            hub: Arc::new(Hub::new("run")),
            view: views,
            proxies: ("weir-system".into(), "weir-proxy".into()),
            identity: "controller".into(),
        };
        let desk = Desk::new(tools).unwrap();
        Self { server: server.clone(), translator, view, desk }
    }

    /// Reads every Release as a watch would tell of it, and looks at all of them.
    async fn look(&mut self) {
        let known: Vec<ReleaseKey> = self.translator.releases().keys().cloned().collect();
        let objects = self.server.all("releases");
        for key in known.iter().filter(|key| !objects.contains_key(&*key.name)) {
            let id = weir_model::ObjectRef::new(weir_model::Kind::Release, "shop", key.name.clone());
            self.translator.delete(&id);
        }
        for object in objects.values() {
            for object in manifest::read(&object.to_string()).unwrap().objects {
                self.translator.apply(object, 0);
            }
        }
        self.translator.translate();
        for action in self.server.all("releaseactions").into_values() {
            let heard = super::asked::read(&serde_json::from_value(action).unwrap());
            self.desk.asked.take(heard.unwrap());
        }
        let view = |(key, known): (&ReleaseKey, _)| {
            let metadata = &objects[&*key.name]["metadata"];
            let text = |field: &str| Arc::from(metadata[field].as_str().unwrap_or_default());
            let (uid, version) = (text("uid"), text("resourceVersion"));
            (key.clone(), ReleaseView::new(&self.translator, key, known, &uid, &version))
        };
        let releases = self.translator.releases().iter().map(view).collect();
        self.view.send_replace(Arc::new(View { releases, ..View::default() }));
        self.desk.look().await;
    }

    /// Looks as often as it takes until everything is decided.
    async fn settle(&mut self) {
        for _ in 0..4 {
            self.look().await;
        }
    }

    /// How much of the shop each version gets.
    fn split(&self) -> Vec<(u32, Option<Role>)> {
        let host = &self.translator.blueprint().hosts[&HostName::parse("shop.example").unwrap()];
        host.rules[0].split.arms().iter().map(|arm| (arm.weight, arm.role)).collect()
    }
}

/// An Ingress that names a version, and the versions that have an endpoint.
fn objects(names: &str, ready: &[&str]) -> Vec<String> {
    let path = format!(
        "{{path: /, pathType: Prefix, backend: {{service: {{name: {names}, port: {{number: 80}}}}}}}}"
    );
    let mut objects = vec![
        "{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: weir}, \
         spec: {controller: weir.dev/ingress}}"
            .to_owned(),
        format!(
            "{{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {{name: shop, namespace: shop}}, \
             spec: {{ingressClassName: weir, rules: [{{host: shop.example, http: {{paths: [{path}]}}}}]}}}}"
        ),
    ];
    for name in ["v1", "v2"] {
        objects.push(format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: {name}, namespace: shop}}, \
             spec: {{ports: [{{port: 80}}]}}}}"
        ));
    }
    objects.extend(ready.iter().map(|name| {
        format!(
            "{{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, metadata: {{name: {name}-1, \
             namespace: shop, labels: {{kubernetes.io/service-name: {name}}}}}, ports: [{{port: 80}}], \
             endpoints: [{{addresses: [10.0.0.1]}}]}}"
        )
    }));
    objects
}

const BOTH: &[&str] = &["v1", "v2"];

fn release() -> Value {
    let version = |name: &str| json!({"service": {"name": name, "port": 80}});
    json!({
        "apiVersion": weir_crd::API_VERSION, "kind": "Release",
        "metadata": {"name": "shop", "namespace": "shop", "uid": "r1", "generation": 1, "resourceVersion": "1"},
        "spec": {
            "routes": [{"kind": "Ingress", "name": "shop"}], "stable": version("v1"), "canary": version("v2"),
            "steps": [{"name": "fifth", "weight": 20}, {"name": "all", "weight": 100}],
        },
    })
}

/// Makes the spec one that no webhook would let pass.
fn spoil(release: &mut Value) {
    release["metadata"]["generation"] = json!(2);
    release["spec"]["steps"] = json!("many");
}

fn condition(release: &Value, kind: &str) -> Value {
    let conditions = release["status"]["conditions"].as_array().unwrap();
    conditions.iter().find(|condition| condition["type"] == kind).unwrap().clone()
}

const FIFTH: [(u32, Option<Role>); 2] = [(8_000, Some(Role::Stable)), (2_000, Some(Role::Canary))];

#[tokio::test]
async fn the_accepted_spec_is_stored_with_the_state() {
    let server = Server::with("releases", release());
    let mut leader = Leader::on(&server, &objects("v1", BOTH)).await;
    leader.settle().await;
    let stored = server.get("releases", "shop");
    assert_eq!(stored["status"]["accepted"], json!({"generation": 1, "spec": release()["spec"]}));
    assert_eq!(stored["status"]["phase"], "Running", "{stored:#}");
    assert_eq!(condition(&stored, "Accepted")["status"], "True");
    assert_eq!(leader.split(), FIFTH);
    // A change that nothing follows from is kept, too, and once is enough.
    server.edit("releases", "shop", |release| {
        release["metadata"]["generation"] = json!(2);
        release["spec"]["limits"] = json!({"stepDeadline": "2d"});
    });
    leader.settle().await;
    let changed = server.get("releases", "shop");
    assert_eq!(changed["status"]["accepted"]["generation"], 2);
    assert_eq!(changed["status"]["accepted"]["spec"], changed["spec"]);
    assert_eq!(changed["status"]["observedGeneration"], 2);
    leader.settle().await;
    assert_eq!(
        server.get("releases", "shop")["metadata"]["resourceVersion"],
        changed["metadata"]["resourceVersion"]
    );
}

#[tokio::test]
async fn a_spec_that_makes_no_sense_is_told_and_takes_nothing_away() {
    let server = Server::with("releases", release());
    Leader::on(&server, &objects("v1", BOTH)).await.settle().await;
    server.edit("releases", "shop", spoil);
    for _restart in 0..2 {
        let mut leader = Leader::on(&server, &objects("v1", BOTH)).await;
        leader.settle().await;
        assert_eq!(leader.split(), FIFTH);
        let stored = server.get("releases", "shop");
        assert_eq!(stored["status"]["accepted"]["generation"], 1);
        assert_eq!(stored["status"]["observedGeneration"], 2);
        for (kind, status) in [("Accepted", "False"), ("Stalled", "True")] {
            let condition = condition(&stored, kind);
            assert_eq!((&condition["status"], &condition["reason"]), (&json!(status), &json!("InvalidSpec")));
            let message = condition["message"].as_str().unwrap();
            assert!(message.starts_with("spec.steps: "), "{message}");
            assert!(message.ends_with("What it said before stays in force."), "{message}");
        }
    }
}

#[tokio::test]
async fn a_first_spec_that_makes_no_sense_is_told_each_time() {
    let mut first = release();
    spoil(&mut first);
    let server = Server::with("releases", first);
    let mut leader = Leader::on(&server, &objects("v1", BOTH)).await;
    leader.settle().await;
    server.put("releaseactions", action("abort", "u", "abort"));
    leader.settle().await;
    assert!(answer(&server, "abort").1.contains("spec.steps: "), "{:?}", answer(&server, "abort"));
    let stored = server.get("releases", "shop");
    assert_eq!(condition(&stored, "Accepted")["status"], "False", "{stored:#}");
    assert_eq!(condition(&stored, "Stalled")["reason"], "InvalidSpec");
    assert_eq!(stored["status"]["phase"], "Pending");
    assert_eq!(stored["status"]["observedGeneration"], 2);
    server.edit("releases", "shop", |release| {
        release["metadata"]["generation"] = json!(3);
        release["spec"]["steps"] = json!([]);
    });
    leader.settle().await;
    let stored = server.get("releases", "shop");
    assert_eq!(stored["status"]["observedGeneration"], 3);
    leader.settle().await;
    let again = server.get("releases", "shop");
    assert_eq!(again["metadata"]["resourceVersion"], stored["metadata"]["resourceVersion"], "once is enough");
    server.edit("releases", "shop", |object| object["spec"] = release()["spec"].clone());
    leader.settle().await;
    let stored = server.get("releases", "shop");
    assert_eq!(condition(&stored, "Accepted")["status"], "True");
    assert_eq!(stored["status"]["phase"], "Running");
}

/// A later version may store what this one does not know.
#[tokio::test]
async fn a_state_that_cannot_be_read_stays_and_moves_nobody() {
    let server = Server::with("releases", release());
    Leader::on(&server, &objects("v1", BOTH)).await.settle().await;
    let phase = server.get("releases", "shop")["status"]["phase"].clone();
    server.edit("releases", "shop", |release| release["status"]["phase"] = json!("Levitating"));
    let before = server.get("releases", "shop");
    let mut leader = Leader::on(&server, &objects("v1", BOTH)).await;
    leader.settle().await;
    assert_eq!(server.get("releases", "shop"), before);
    assert_eq!(leader.split(), FIFTH);
    server.put("releaseactions", action("abort", "u", "abort"));
    leader.settle().await;
    let (result, message) = answer(&server, "abort");
    assert_eq!(result, "Refused");
    assert!(message.contains("Levitating") && message.contains("go where they went"), "{message}");
    server.edit("releases", "shop", |release| release["status"]["phase"] = phase.clone());
    leader.settle().await;
    server.edit("releases", "shop", |release| release["spec"]["limits"] = json!({"stepDeadline": "2d"}));
    leader.settle().await;
    let after = server.get("releases", "shop");
    assert_eq!(
        (&after["status"]["phase"], &after["status"]["attempt"]),
        (&phase, &before["status"]["attempt"])
    );
    assert_eq!(after["status"]["accepted"]["spec"]["limits"]["stepDeadline"], "2d", "it goes on");
}

fn phases() -> Vec<(Phase, Division)> {
    let at = "2026-01-01T00:00:00Z".parse().unwrap();
    let elapsed = std::time::Duration::ZERO;
    let step = |stage| StepState { index: 0, name: "fifth".into(), stage, elapsed };
    let state = OfflineStage::VerifyZero;
    let (cut, closed, contested, retire, told, sent) = (0, 0, false, false, false, None);
    let offline = |role| OfflineState { role, state, elapsed, cut, closed, contested, retire, told, sent };
    let fifth = Division::Step { step: 0, weight: Weight::new(2_000).unwrap() };
    let (all, only) = (|role| Division::All { role }, |role| Division::Only { role, close: false });
    vec![
        (Phase::Pending, fifth.clone()),
        (Phase::Running { step: step(StepStage::Routing) }, fifth.clone()),
        (Phase::Running { step: step(StepStage::Approving) }, fifth),
        (Phase::Superseded, all(Role::Stable)),
        (Phase::Promoting, all(Role::Canary)),
        (Phase::Offlining { offline: offline(Role::Stable) }, only(Role::Canary)),
        (Phase::Completed { at }, only(Role::Canary)),
        (Phase::Aborting { abort: AbortState { state: AbortStage::Routing, elapsed } }, all(Role::Stable)),
        (Phase::Offlining { offline: offline(Role::Canary) }, only(Role::Stable)),
        (Phase::RolledBack { at }, only(Role::Stable)),
    ]
}

/// A Release that is to go, with a spec that makes no sense, where it stands.
fn leaving((phase, split): (Phase, Division)) -> Value {
    let mut release = release();
    let accepted = json!({"generation": 1, "spec": release["spec"].clone()});
    let started_at = "2026-01-01T00:00:00Z".parse().unwrap();
    let attempt = Attempt { number: 1, stable: None, canary: None, started_at };
    let routing = Routing { epoch: 3, attempt: 1, services: None, population: None, split };
    let state = State { phase, attempt: Some(attempt), routing: Some(routing), ..State::default() };
    release["status"] = serde_json::to_value(state).unwrap();
    release["status"]["accepted"] = accepted;
    release["metadata"]["finalizers"] = json!(["weir.dev/release", "example.com/other"]);
    release["metadata"]["deletionTimestamp"] = json!("2026-01-02T00:00:00Z");
    spoil(&mut release);
    release
}

#[tokio::test]
async fn a_release_whose_spec_makes_no_sense_can_be_deleted_in_each_phase() {
    for at in phases() {
        let server = Server::with("releases", leaving(at.clone()));
        Leader::on(&server, &objects("v1", BOTH)).await.settle().await;
        let finalizers = &server.get("releases", "shop")["metadata"]["finalizers"];
        assert_eq!(*finalizers, json!(["example.com/other"]), "{at:?}");
    }
}

#[tokio::test]
async fn it_is_not_deleted_while_requests_would_be_lost() {
    for at in phases() {
        let server = Server::with("releases", leaving(at.clone()));
        let mut leader = Leader::on(&server, &objects("v1", &["v2"])).await;
        leader.settle().await;
        let stored = server.get("releases", "shop");
        assert_eq!(stored["metadata"]["finalizers"].as_array().map(Vec::len), Some(2), "{at:?}");
        let waits = stored["status"]["waitingFor"].as_str().unwrap_or_default();
        assert!(waits.starts_with("the routes to be changed before it is deleted"), "{at:?}: {waits}");
        // It goes once the route names the version that is there.
        Leader::on(&server, &objects("v2", &["v2"])).await.settle().await;
        let finalizers = &server.get("releases", "shop")["metadata"]["finalizers"];
        assert_eq!(*finalizers, json!(["example.com/other"]), "{at:?}");
    }
}

#[tokio::test]
async fn one_that_never_made_sense_can_be_deleted() {
    let mut release = leaving((Phase::Pending, Division::All { role: Role::Stable }));
    release["status"].as_object_mut().unwrap().remove("accepted");
    let server = Server::with("releases", release);
    Leader::on(&server, &objects("v1", BOTH)).await.settle().await;
    assert_eq!(server.get("releases", "shop")["metadata"]["finalizers"], json!(["example.com/other"]));
}

fn action(name: &str, uid: &str, verb: &str) -> Value {
    json!({
        "apiVersion": weir_crd::API_VERSION, "kind": "ReleaseAction",
        "metadata": {"name": name, "namespace": "shop", "uid": uid, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"release": "shop", "verb": verb},
    })
}

fn answer(server: &Server, name: &str) -> (String, String) {
    let status = &server.get("releaseactions", name)["status"];
    let text = |field: &str| status[field].as_str().unwrap_or_default().to_owned();
    (text("result"), text("message"))
}

#[tokio::test]
async fn an_action_belongs_to_its_release_and_is_recorded_there() {
    let server = Server::with("releases", release());
    let mut leader = Leader::on(&server, &objects("v1", BOTH)).await;
    leader.settle().await;
    for (name, verb) in [("a1", "pause"), ("a2", "undo")] {
        server.put("releaseactions", action(name, "u", verb));
    }
    leader.settle().await;
    let owner =
        json!([{"apiVersion": weir_crd::API_VERSION, "kind": "Release", "name": "shop", "uid": "r1"}]);
    for (name, result) in [("a1", "Applied"), ("a2", "Refused")] {
        assert_eq!(server.get("releaseactions", name)["metadata"]["ownerReferences"], owner);
        assert_eq!(answer(&server, name).0, result);
    }
    let actions = server.get("releases", "shop")["status"]["actions"].clone();
    let told = |index: usize, field: &str| actions[index][field].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (told(0, "name"), told(0, "verb"), told(0, "refused")),
        ("a1".into(), "pause".into(), String::new())
    );
    assert!(told(1, "refused").starts_with("the old version was not left"), "{actions:#}");
}

#[tokio::test]
async fn an_action_that_is_made_again_is_not_done_again() {
    let server = Server::with("releases", release());
    let objects = objects("v1", BOTH);
    let mut leader = Leader::on(&server, &objects).await;
    leader.settle().await;
    server.put("releaseactions", action("pause", "u1", "pause"));
    leader.settle().await;
    server.put("releaseactions", action("go-on", "u1", "resume"));
    leader.settle().await;
    assert_eq!(server.get("releases", "shop")["status"]["hold"], Value::Null);
    // By a tool that keeps it in Git, and to a leader that was not there before.
    server.put("releaseactions", action("pause", "u2", "pause"));
    // The answer to this one was lost.
    server.put("releaseactions", action("go-on", "u1", "resume"));
    let mut leader = Leader::on(&server, &objects).await;
    leader.settle().await;
    assert_eq!(server.get("releases", "shop")["status"]["hold"], Value::Null, "it is paused again");
    let (result, message) = answer(&server, "pause");
    assert_eq!(result, "Refused");
    assert!(message.contains("a ReleaseAction pause (pause) was looked at already"), "{message}");
    assert_eq!(answer(&server, "go-on").0, "Applied");
    let actions = server.get("releases", "shop")["status"]["actions"].clone();
    let names: Vec<_> = actions.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["go-on", "pause"], "the name that came back is kept for longer");
}

#[tokio::test]
async fn the_newest_answers_of_each_release_are_kept() {
    let server = Server::with("releases", release());
    for number in 0..30 {
        let mut done = action(&format!("done-{number:02}"), "u", "resume");
        done["status"] = json!({"result": "Refused", "at": format!("2026-01-01T00:00:{:02}Z", 59 - number)});
        let mut of_other = done.clone();
        of_other["metadata"]["name"] = json!(format!("other-{number:02}"));
        of_other["spec"]["release"] = json!(if number < 15 { "one" } else { "another" });
        server.put("releaseactions", done);
        server.put("releaseactions", of_other);
    }
    server.put("releaseactions", action("open", "u", "pause"));
    let mut leader = Leader::on(&server, &objects("v1", BOTH)).await;
    leader.settle().await;
    let left = server.all("releaseactions");
    let done: Vec<&str> = left.keys().map(String::as_str).filter(|name| name.starts_with("done")).collect();
    assert_eq!(
        (done.first(), done.last()),
        (Some(&"done-00"), Some(&"done-18")),
        "with the one just answered"
    );
    assert_eq!(left.keys().filter(|name| name.starts_with("other")).count(), 30);
    assert_eq!(answer(&server, "open").0, "Applied");
}
