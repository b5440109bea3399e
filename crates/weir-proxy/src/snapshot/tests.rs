use std::{collections::BTreeMap, net::SocketAddr};

use super::*;
use crate::backend::Live;
use weir_model::{
    Backend, BackendKey, Endpoint, EndpointCondition, Endpoints, Filters, Host, HostName, Kind, MatchPath,
    ObjectRef, PathType, PortRef, Predicate, Rule, RuleOrigin, Split, Timeouts,
};

fn key(service: &str) -> BackendKey {
    BackendKey { namespace: "default".into(), service: service.into(), port: PortRef::Number(80) }
}

fn backend(service: &str, ports: &[u16]) -> Arc<Backend> {
    let endpoint = |port: &u16| Endpoint {
        address: SocketAddr::from(([127, 0, 0, 1], *port)),
        condition: EndpointCondition::Ready,
    };
    let endpoints = Endpoints::Known(ports.iter().map(endpoint).collect());
    Arc::new(Backend { key: key(service), endpoints })
}

/// Host `a`, all of it for one service.
fn all_to(service: &str) -> BTreeMap<HostName, Option<Arc<Host>>> {
    let origin = RuleOrigin {
        object: ObjectRef::new(Kind::Ingress, "default", "shop"),
        host: "a".into(),
        path: "/".into(),
        path_type: PathType::Prefix,
        field: "spec.rules[0].http.paths[0]".into(),
    };
    let rule = Rule {
        origin,
        path: MatchPath::Prefix("".into()),
        precedence: 0,
        conditions: Predicate::default(),
        filters: Filters::default(),
        timeouts: Timeouts::default(),
        split: Split::only(key(service)),
    };
    let name = HostName::parse("a").expect("a name");
    let host = Host { name: name.clone(), rules: vec![Arc::new(rule)] };
    BTreeMap::from([(name, Some(Arc::new(host)))])
}

fn live(served: &Served, service: &str) -> Arc<Live> {
    served.state.lock().expect("no panic").registry.resolve(&key(service))
}

fn served(endpoints: &[u16]) -> (Served, Arc<Live>) {
    let served = Served::new(Arc::new(Metrics::new(1)));
    let backends = BTreeMap::from([(key("old"), Some(backend("old", endpoints)))]);
    served.apply(&Delta { hosts: all_to("old"), backends, ..Delta::default() });
    let old = live(&served, "old");
    (served, old)
}

/// A request that was decided by the table before must still find the endpoints it was decided for.
#[test]
fn a_backend_that_no_rule_names_any_more_serves_those_who_were_decided_before() {
    let (served, old) = served(&[1]);
    let backends = BTreeMap::from([(key("old"), None), (key("new"), Some(backend("new", &[2])))]);
    served.apply(&Delta { hosts: all_to("new"), backends, ..Delta::default() });
    assert!(old.is_available() && old.endpoints().len() == 1);
    assert!(live(&served, "new").is_available());
}

#[test]
fn a_backend_without_endpoints_takes_nobody_new_and_lets_go_of_nobody() {
    let (served, old) = served(&[1, 2]);
    served.apply(&Delta {
        backends: BTreeMap::from([(key("old"), Some(backend("old", &[])))]),
        ..Delta::default()
    });
    assert!(!old.is_available());
    assert_eq!(old.endpoints().len(), 2, "for requests on their way");
    served.apply(&Delta {
        backends: BTreeMap::from([(key("old"), Some(backend("old", &[3])))]),
        ..Delta::default()
    });
    assert!(old.is_available());
    assert_eq!(old.endpoints().len(), 1);
}

#[test]
fn a_backend_that_comes_back_is_as_the_change_says() {
    let (served, _old) = served(&[1]);
    let backends = BTreeMap::from([(key("old"), None), (key("new"), Some(backend("new", &[2])))]);
    served.apply(&Delta { hosts: all_to("new"), backends, ..Delta::default() });
    let backends = BTreeMap::from([(key("old"), Some(backend("old", &[]))), (key("new"), None)]);
    served.apply(&Delta { hosts: all_to("old"), backends, ..Delta::default() });
    assert!(!live(&served, "old").is_available());
}

/// A release has both of its versions told from its start on, and names the new one later.
#[test]
fn a_backend_that_was_told_before_any_rule_named_it_has_its_endpoints() {
    let (served, _old) = served(&[1]);
    let backends = BTreeMap::from([(key("new"), Some(backend("new", &[2])))]);
    served.apply(&Delta { hosts: all_to("old"), backends, ..Delta::default() });
    served.apply(&Delta { hosts: all_to("new"), ..Delta::default() });
    assert!(live(&served, "new").is_available());
}
