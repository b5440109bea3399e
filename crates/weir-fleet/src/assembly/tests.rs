//! What a proxy puts together is what the controller serves, whichever way it came.

use std::{fs, path::Path};

use weir_model::{Blueprint, Delta};
use weir_translate::{Config, Translator, manifest};

use super::*;
use crate::Ledger;

/// The Blueprint of every manifest that the translation is tested with.
fn blueprints() -> Vec<Blueprint> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../weir-translate/tests");
    let mut folders = vec![tests.join("golden"), tests.join("cases")];
    let mut all = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(".in.yaml") {
                all.push(translate(&fs::read_to_string(&path).unwrap()));
            }
        }
    }
    all
}

fn translate(text: &str) -> Blueprint {
    let adopt = ["ack", "nginx", "higress", "mse"].map(|name| (name.to_owned(), name.parse().unwrap()));
    let config = Config { adopt: adopt.into(), ..Config::default() };
    let mut translator = Translator::new(config);
    let Ok(manifest) = manifest::read(text) else { return Blueprint::default() };
    for (order, object) in manifest.objects.into_iter().enumerate() {
        translator.apply(object, order as u64);
    }
    translator.translate();
    translator.blueprint().clone()
}

/// The change from one Blueprint to another.
fn change(from: &Blueprint, to: &Blueprint) -> Delta {
    fn changes<K: Ord + Clone, V: Clone + PartialEq>(
        from: &BTreeMap<K, V>,
        to: &BTreeMap<K, V>,
    ) -> BTreeMap<K, Option<V>> {
        let set = to.iter().filter(|(key, value)| from.get(key) != Some(value));
        let gone = from.keys().filter(|key| !to.contains_key(key));
        set.map(|(key, value)| (key.clone(), Some(value.clone())))
            .chain(gone.map(|key| (key.clone(), None)))
            .collect()
    }
    Delta {
        hosts: changes(&from.hosts, &to.hosts),
        backends: changes(&from.backends, &to.backends),
        tls: changes(&from.tls, &to.tls),
        certificates: changes(&from.certificates, &to.certificates),
    }
}

/// A proxy without sockets.
#[derive(Default)]
struct Proxy {
    assembly: Assembly,
    blueprint: Blueprint,
}

impl Proxy {
    /// Gets what it lacks; returns how many resources that were.
    fn follow(&mut self, ledger: &Ledger) -> usize {
        let Some(update) = ledger.since(self.assembly.position()) else { return 0 };
        let sent = update.resources.len();
        let (delta, refused) = self.assembly.apply(update.position, update.complete, update.resources);
        assert_eq!(refused, []);
        self.blueprint.apply(&delta);
        sent
    }
}

#[test]
fn every_kind_of_rule_arrives_as_it_was_sent() {
    let all = blueprints();
    let rules: usize = all.iter().flat_map(|one| one.hosts.values()).map(|host| host.rules.len()).sum();
    assert!(rules > 100, "only {rules} rules");
    for blueprint in all {
        let mut ledger = Ledger::new("a");
        ledger.record(&blueprint.as_delta());
        let mut proxy = Proxy::default();
        proxy.follow(&ledger);
        assert_eq!(proxy.blueprint, blueprint);
    }
}

#[test]
fn a_proxy_that_was_away_ends_where_the_others_are() {
    let mut ledger = Ledger::new("a");
    let (mut always, mut sometimes) = (Proxy::default(), Proxy::default());
    let mut now = Blueprint::default();
    for (index, next) in blueprints().into_iter().enumerate() {
        ledger.record(&change(&now, &next));
        now = next;
        always.follow(&ledger);
        assert_eq!(always.blueprint, now);
        if index % 5 == 0 {
            sometimes.follow(&ledger);
            assert_eq!(sometimes.blueprint, now);
        }
    }
}

#[test]
fn another_controller_changes_only_what_differs() {
    let blueprint = blueprints().into_iter().max_by_key(|one| one.hosts.len()).unwrap();
    let mut proxy = Proxy::default();
    for run in ["a", "b"] {
        let mut ledger = Ledger::new(run);
        ledger.record(&blueprint.as_delta());
        proxy.follow(&ledger);
    }
    let mut ledger = Ledger::new("c");
    ledger.record(&Blueprint::default().as_delta());
    let update = ledger.since(proxy.assembly.position()).unwrap();
    assert!(update.complete);
    let (delta, _) = proxy.assembly.apply(update.position, true, update.resources);
    assert_eq!(delta.hosts.len(), blueprint.hosts.len());
    assert!(delta.hosts.values().all(Option::is_none));
}

#[test]
fn the_same_from_another_controller_changes_nothing() {
    let blueprint = blueprints().into_iter().max_by_key(|one| one.hosts.len()).unwrap();
    let mut assembly = Assembly::default();
    for run in ["a", "b"] {
        let mut ledger = Ledger::new(run);
        ledger.record(&blueprint.as_delta());
        let update = ledger.since(assembly.position()).unwrap();
        let (delta, _) = assembly.apply(update.position, update.complete, update.resources);
        assert_eq!(delta.is_empty(), run == "b");
    }
}

const TWO_WEIGHTS: &str = r#"
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: main, namespace: a }
spec:
  ingressClassName: nginx
  rules:
  - host: a.example
    http:
      paths:
      - { path: /, pathType: Prefix, backend: { service: { name: v1, port: { number: 80 } } } }
      - { path: /b, pathType: Prefix, backend: { service: { name: v1, port: { number: 80 } } } }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: canary
  namespace: a
  annotations:
    nginx.ingress.kubernetes.io/canary: "true"
    nginx.ingress.kubernetes.io/canary-weight: "WEIGHT"
spec:
  ingressClassName: nginx
  rules:
  - host: a.example
    http:
      paths:
      - { path: /, pathType: Prefix, backend: { service: { name: v2, port: { number: 80 } } } }
"#;

#[test]
fn a_new_weight_is_one_small_resource() {
    let (before, after) =
        (translate(&TWO_WEIGHTS.replace("WEIGHT", "10")), translate(&TWO_WEIGHTS.replace("WEIGHT", "20")));
    let mut ledger = Ledger::new("a");
    ledger.record(&before.as_delta());
    let mut proxy = Proxy::default();
    proxy.follow(&ledger);
    let (other, changed) = {
        let rules = &proxy.blueprint.hosts.values().next().unwrap().rules;
        let other = rules.iter().position(|rule| rule.split.arms().len() == 1).unwrap();
        (Arc::clone(&rules[other]), other)
    };
    ledger.record(&change(&before, &after));
    assert_eq!(proxy.follow(&ledger), 1);
    assert_eq!(proxy.blueprint, after);
    let rules = &proxy.blueprint.hosts.values().next().unwrap().rules;
    assert!(Arc::ptr_eq(&rules[changed], &other), "a rule that did not change was made anew");
}

#[test]
fn a_resource_that_cannot_be_served_leaves_the_others_and_its_old_value() {
    let blueprint = translate(&TWO_WEIGHTS.replace("WEIGHT", "10"));
    let mut ledger = Ledger::new("a");
    ledger.record(&blueprint.as_delta());
    let mut proxy = Proxy::default();
    proxy.follow(&ledger);
    let mut next = ledger.since(None).unwrap();
    for resource in &mut next.resources {
        match resource.key {
            Some(proto::resource::Key::Routes(_)) => resource.needs = REVISION + 1,
            Some(proto::resource::Key::Backend(_)) => {
                let endpoints = proto::Endpoints { known: false, endpoints: Vec::new() };
                resource.value = Some(endpoints.encode_to_vec().into());
            }
            _ => {}
        }
        if matches!(resource.key, Some(proto::resource::Key::Routes(_))) {
            resource.value = Some(Bytes::from_static(b"\x0a\x00"));
        }
    }
    let (delta, refused) = proxy.assembly.apply(next.position, true, next.resources);
    assert!(refused[0].reason.contains("upgrade the proxy"), "{refused:?}");
    assert!(delta.hosts.is_empty(), "{delta:?}");
    assert_eq!(delta.backends.len(), blueprint.backends.len());
}

#[test]
fn nothing_to_serve_is_a_whole_configuration_too() {
    let mut ledger = Ledger::new("a");
    assert!(ledger.since(None).is_none(), "nothing is known before the first change");
    ledger.record(&Delta::default());
    let update = ledger.since(None).unwrap();
    assert!(update.complete && update.resources.is_empty());
    ledger.record(&Delta::default());
    assert!(ledger.since(Some(&update.position)).is_none(), "an empty change counted");
}
