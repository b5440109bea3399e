use serde_json::{Value, json};
use weir_model::{BackendKey, HostName, PortRef, Role, Split};
use weir_release::{
    spec::Weight,
    state::{Attempt, Division, Phase, Routing},
};

use super::*;
use crate::{Config, manifest};

const SERVICES: &str = "
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Service, metadata: {name: v1, annotations: {weir.dev/endpoints: '10.0.0.1:80'}}, spec: {ports: [{name: http, port: 80}]}}
- {apiVersion: v1, kind: Service, metadata: {name: v2, annotations: {weir.dev/endpoints: '10.0.0.2:80'}}, spec: {ports: [{name: http, port: 80}]}}
- {apiVersion: v1, kind: Service, metadata: {name: v3, annotations: {weir.dev/endpoints: '10.0.0.3:80'}}, spec: {ports: [{name: http, port: 80}]}}
";

fn ingress(name: &str, service: &str) -> String {
    format!(
        "
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: {name}}}
spec:
  rules:
  - host: {name}.example
    http:
      paths:
      - {{path: /, pathType: Prefix, backend: {{service: {{name: {service}, port: {{number: 80}}}}}}}}
      - {{path: /static, pathType: Prefix, backend: {{service: {{name: v3, port: {{number: 80}}}}}}}}
"
    )
}

/// Names the port of the Service, which the Ingress numbers.
fn release(name: &str, (stable, canary): (&str, &str), weight: &str) -> String {
    format!(
        "
apiVersion: weir.dev/v1alpha1
kind: Release
metadata: {{name: {name}}}
spec:
  routes: [{{kind: Ingress, name: shop}}]
  stable: {{service: {{name: {stable}, port: http}}}}
  canary: {{service: {{name: {canary}, port: http}}}}
  steps: [{{name: one, weight: {weight}, bake: {{duration: 1m}}}}, {{name: all, weight: 100}}]
"
    )
}

fn translator(texts: &[String]) -> Translator {
    let mut translator = Translator::new(Config::default());
    for (order, text) in texts.iter().enumerate() {
        apply(&mut translator, text, order as u64);
    }
    apply(&mut translator, SERVICES, 100);
    translator.translate();
    translator
}

fn apply(translator: &mut Translator, text: &str, order: u64) {
    for object in manifest::read(text).unwrap().objects {
        translator.apply(object, order);
    }
}

fn key(name: &str) -> ReleaseKey {
    ReleaseKey::new("default", name)
}

fn routed(phase: Phase, split: Division) -> State {
    let attempt = Attempt {
        number: 1,
        stable: None,
        canary: None,
        started_at: "2026-01-01T00:00:00Z".parse().unwrap(),
    };
    State {
        phase,
        attempt: Some(attempt),
        routing: Some(Routing { epoch: 3, attempt: 1, services: None, population: None, split }),
        ..State::default()
    }
}

fn twentieth() -> Division {
    Division::Step { step: 0, weight: Weight::new(500).unwrap() }
}

/// The split of a path of shop.example.
fn split(translator: &Translator, path: &str) -> Split {
    let host = &translator.blueprint().hosts[&HostName::parse("shop.example").unwrap()];
    let rule = host.rules.iter().find(|rule| *rule.origin.path == *path);
    rule.unwrap().split.clone()
}

fn arms(split: &Split) -> Vec<(String, u32, Option<Role>)> {
    split.arms().iter().map(|arm| (arm.backend.to_string(), arm.weight, arm.role)).collect()
}

#[test]
fn only_rules_that_name_a_version_are_laid_over() {
    let mut translator = translator(&[ingress("shop", "v1"), release("one", ("v1", "v2"), "5")]);
    assert_eq!(arms(&split(&translator, "/")), [("default/v1/80".into(), 1, None)], "before it begins");
    translator.set_release_state(&key("one"), routed(Phase::Pending, twentieth()));
    let delta = translator.translate();
    assert_eq!((delta.hosts.len(), delta.backends.len()), (1, 0), "one host, and no endpoint");
    let laid = split(&translator, "/");
    assert_eq!(
        arms(&laid),
        [
            ("default/v1/80".into(), 9_500, Some(Role::Stable)),
            ("default/v2/80".into(), 500, Some(Role::Canary))
        ]
    );
    assert_eq!(laid.release.unwrap().epoch, 3);
    assert_eq!(arms(&split(&translator, "/static")), [("default/v3/80".into(), 1, None)]);
}

#[test]
fn both_versions_are_looked_after_from_the_start_on() {
    let translator = translator(&[ingress("shop", "v1"), release("one", ("v1", "v2"), "5")]);
    let version = |service: &str| {
        let port = PortRef::Name("http".into());
        translator.version(&BackendKey { namespace: "default".into(), service: service.into(), port })
    };
    assert_eq!((version("v1"), version("v2"), version("v9")), ((true, 1), (true, 1), (false, 0)));
    let overlaid = translator.overlaid(&key("one"));
    assert!(overlaid.faults.is_empty(), "{overlaid:?}");
    assert_eq!(overlaid.named.into_iter().collect::<Vec<_>>(), [Role::Stable]);
}

#[test]
fn a_later_release_goes_on_where_an_older_one_ended() {
    let texts = [ingress("shop", "v1"), release("one", ("v1", "v2"), "5"), release("two", ("v2", "v3"), "5")];
    let mut translator = translator(&texts);
    assert_eq!(translator.release_in_the_way(&key("two")), Some(&key("one")));
    assert_eq!(translator.release_in_the_way(&key("one")), None);
    let at = "2026-01-01T00:00:00Z".parse().unwrap();
    let only = Division::Only { role: Role::Canary, close: false };
    translator.set_release_state(&key("one"), routed(Phase::Completed { at }, only));
    assert_eq!(translator.release_in_the_way(&key("one")), None, "the later one has not begun");
    translator.set_release_state(&key("two"), routed(Phase::Pending, twentieth()));
    translator.translate();
    assert_eq!(translator.release_in_the_way(&key("two")), None, "the older one is over");
    assert_eq!(translator.release_in_the_way(&key("one")), Some(&key("two")), "and does not come back");
    let names: Vec<_> = arms(&split(&translator, "/")).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["default/v2/80", "default/v3/80"]);
    assert_eq!(translator.overlaid(&key("two")).faults, Vec::<String>::new());
}

#[test]
fn who_divides_requests_already_is_before_an_older_one() {
    let texts = [ingress("shop", "v1"), release("one", ("v1", "v2"), "5"), release("two", ("v1", "v3"), "5")];
    let mut translator = translator(&texts);
    translator.set_release_state(&key("two"), routed(Phase::Pending, twentieth()));
    assert_eq!(translator.release_in_the_way(&key("one")), Some(&key("two")));
    assert_eq!(translator.release_in_the_way(&key("two")), None);
    translator.set_release_state(&key("one"), routed(Phase::Pending, twentieth()));
    assert_eq!(translator.release_in_the_way(&key("one")), None, "of two that do, the older");
    assert_eq!(translator.release_in_the_way(&key("two")), Some(&key("one")));
}

#[test]
fn what_is_wrong_with_routes_is_told_and_what_else_names_a_version() {
    let mut translator = translator(&[ingress("other", "v1"), release("one", ("v1", "v2"), "5")]);
    let faults = translator.overlaid(&key("one")).faults;
    assert!(faults[0].starts_with("Ingress default/shop (spec.routes) is missing"), "{faults:?}");
    apply(&mut translator, &ingress("shop", "v3"), 7);
    translator.translate();
    let faults = translator.overlaid(&key("one")).faults;
    assert!(faults[0].contains("no path here that goes to Service v1 or v2"), "{faults:?}");
    apply(&mut translator, &ingress("shop", "v1"), 7);
    translator.translate();
    let overlaid = translator.overlaid(&key("one"));
    assert!(overlaid.faults.is_empty() && !overlaid.foreign, "{overlaid:?}");
    let others: Vec<_> = overlaid.others[&Role::Stable].iter().cloned().collect();
    assert_eq!(others, ["Ingress default/other"]);
}

#[test]
fn a_release_that_can_no_longer_be_read_stays_in_force() {
    let mut translator = translator(&[ingress("shop", "v1"), release("one", ("v1", "v2"), "5")]);
    translator.set_release_state(&key("one"), routed(Phase::Pending, twentieth()));
    translator.translate();
    let before = split(&translator, "/");
    for broken in [release("one", ("v1", "v2"), "much"), release("one", ("v1", "v1"), "5")] {
        apply(&mut translator, &broken, 1);
        translator.translate();
        assert_eq!(split(&translator, "/"), before);
        let findings = translator.findings();
        assert!(findings.iter().any(|finding| finding.code == Code::InvalidRelease), "{findings:?}");
    }
    apply(&mut translator, &release("one", ("v1", "v2"), "5"), 1);
    assert!(translator.findings().is_empty());
    translator.delete(&ObjectRef::new(Kind::Release, "default", "one"));
    translator.translate();
    assert_eq!(arms(&split(&translator, "/")), [("default/v1/80".into(), 1, None)]);
}

/// A translator as a controller has it, on the same Services and Ingress.
fn controller(objects: &[&Value]) -> Translator {
    let mut translator = Translator::new(Config { standalone: false, ..Config::default() });
    apply(&mut translator, &ingress("shop", "v1").replace("spec:", "spec:\n  ingressClassName: weir"), 0);
    let class = "{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: weir}, \
                 spec: {controller: weir.dev/ingress}}";
    apply(&mut translator, class, 0);
    let slices = ["v1", "v2", "v3"].map(|name| {
        format!(
            "{{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, metadata: {{name: {name}-1, \
             labels: {{kubernetes.io/service-name: {name}}}}}, ports: [{{name: http, port: 80}}], \
             endpoints: [{{addresses: [10.0.0.1]}}]}}"
        )
    });
    let objects = objects.iter().map(ToString::to_string);
    for text in slices.into_iter().chain([SERVICES.to_owned()]).chain(objects) {
        apply(&mut translator, &text, 0);
    }
    translator.translate();
    translator
}

/// A Release as the API server has it: created in a year, of a generation, with what is stored of it.
fn stored(name: &str, created: u32, state: &State) -> Value {
    let spec = json!({
        "routes": [{"kind": "Ingress", "name": "shop"}],
        "stable": {"service": {"name": "v1", "port": "http"}},
        "canary": {"service": {"name": "v2", "port": "http"}},
        "steps": [{"name": "one", "weight": 5, "bake": {"duration": "1m"}}, {"name": "all", "weight": 100}],
    });
    let metadata = json!({
        "name": name, "namespace": "default", "uid": format!("{name}-1"), "generation": 1,
        "creationTimestamp": format!("{created}-01-01T00:00:00Z"),
    });
    let mut status = serde_json::to_value(ReleaseStatus::new(state).unwrap()).unwrap();
    status["accepted"] = json!({"generation": 1, "spec": spec.clone()});
    let version = weir_crd::API_VERSION;
    json!({"apiVersion": version, "kind": "Release", "metadata": metadata, "spec": spec, "status": status})
}

/// The same with a spec that makes no sense: by its shape, or by its meaning.
fn broken(object: &Value) -> [Value; 2] {
    let spoil = |step: Value| {
        let mut object = object.clone();
        object["metadata"]["generation"] = json!(2);
        object["spec"]["steps"] = step;
        object
    };
    [spoil(json!("many")), spoil(json!([{"weight": 7}]))]
}

fn names(translator: &Translator) -> Vec<(String, u32)> {
    arms(&split(translator, "/")).into_iter().map(|(name, weight, _)| (name, weight)).collect()
}

fn a_twentieth() -> Vec<(String, u32)> {
    vec![("default/v1/80".into(), 9_500), ("default/v2/80".into(), 500)]
}

#[test]
fn a_restart_takes_nothing_away_while_the_spec_makes_no_sense() {
    for broken in broken(&stored("one", 2026, &routed(Phase::Superseded, twentieth()))) {
        let translator = controller(&[&broken]);
        assert_eq!(names(&translator), a_twentieth());
        let known = &translator.releases()[&key("one")];
        assert_eq!((known.basis, known.refusals[0].field.starts_with("spec.steps")), (Basis::Before, true));
        let finding = translator.findings().into_iter().find(|one| one.code == Code::InvalidRelease).unwrap();
        assert!(finding.message.ends_with("What it said before stays in force."), "{finding}");
    }
}

#[test]
fn the_later_of_what_is_known_and_what_is_stored_counts() {
    let mut seen = stored("one", 2026, &routed(Phase::Superseded, twentieth()));
    seen["metadata"]["generation"] = json!(3);
    seen["spec"]["canary"]["service"]["name"] = json!("v3");
    let services = |translator: &Translator| {
        let spec = translator.releases()[&key("one")].spec.clone();
        spec.unwrap().canary.service.service.to_string()
    };
    // What is stored is older than what was seen, then newer.
    let [mut later, _] = broken(&stored("one", 2026, &routed(Phase::Superseded, twentieth())));
    later["metadata"]["generation"] = json!(5);
    let mut translator = controller(&[&seen, &later]);
    assert_eq!(services(&translator), "v3");
    later["status"]["accepted"]["generation"] = json!(4);
    apply(&mut translator, &later.to_string(), 0);
    assert_eq!(services(&translator), "v2");
}

#[test]
fn where_it_stands_and_whether_it_goes_does_not_depend_on_the_spec() {
    let object = stored("one", 2026, &routed(Phase::Superseded, twentieth()));
    let mut translator = controller(&[&object]);
    let only = Division::Only { role: Role::Stable, close: false };
    for mut broken in broken(&stored("one", 2026, &routed(Phase::Superseded, only))) {
        broken["metadata"]["deletionTimestamp"] = json!("2026-02-01T00:00:00Z");
        broken["metadata"]["finalizers"] = json!(["weir.dev/release"]);
        apply(&mut translator, &broken.to_string(), 0);
        translator.translate();
        assert_eq!(names(&translator), [("default/v1/80".to_owned(), 1)]);
        let metadata = &translator.releases()[&key("one")].metadata;
        assert!(metadata.deletion_timestamp.is_some() && metadata.rest.contains_key("finalizers"));
        apply(&mut translator, &object.to_string(), 0);
    }
}

#[test]
fn the_elder_stays_the_elder_while_its_spec_makes_no_sense() {
    let elder = stored("z-elder", 2025, &routed(Phase::Superseded, twentieth()));
    let younger = stored("a-younger", 2026, &State::default());
    for elder in [elder.clone()].into_iter().chain(broken(&elder)) {
        let mut translator = controller(&[&younger, &elder]);
        assert_eq!(translator.release_in_the_way(&key("a-younger")), Some(&key("z-elder")));
        assert_eq!(translator.release_in_the_way(&key("z-elder")), None);
        assert_eq!(names(&translator), a_twentieth());
        translator.delete(&ObjectRef::new(Kind::Release, "default", "z-elder"));
        assert_eq!(translator.release_in_the_way(&key("a-younger")), None);
    }
}

#[test]
fn of_a_spec_that_nobody_reads_any_more_the_traffic_remains() {
    let object = stored("one", 2026, &routed(Phase::Superseded, twentieth()));
    for mut broken in broken(&object) {
        broken["status"]["accepted"]["spec"]["offline"] = json!({"formerField": true});
        let translator = controller(&[&broken]);
        assert_eq!(names(&translator), a_twentieth());
        let known = &translator.releases()[&key("one")];
        assert_eq!(known.basis, Basis::Remains);
        assert!(known.spec.as_ref().unwrap().paused, "it would go on by rules that nobody can read");
        let accepted = serde_json::to_value(known.accepted.as_deref()).unwrap();
        assert_eq!(accepted, broken["status"]["accepted"], "another version can read it");
    }
}

#[test]
fn another_release_of_the_same_name_begins_anew() {
    let object = stored("one", 2026, &routed(Phase::Superseded, twentieth()));
    let mut translator = controller(&[&object]);
    for mut broken in broken(&object) {
        broken["metadata"]["uid"] = json!("one-2");
        broken["status"] = Value::Null;
        apply(&mut translator, &broken.to_string(), 0);
        translator.translate();
        assert_eq!(names(&translator), [("default/v1/80".to_owned(), 1)]);
        assert_eq!(translator.releases()[&key("one")].state, State::default());
        apply(&mut translator, &object.to_string(), 0);
    }
}
