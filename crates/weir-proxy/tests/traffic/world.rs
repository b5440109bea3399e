//! A data plane with a Blueprint made by hand.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use weir_model::{
    Backend, BackendKey, Certificate, CertificateKey, Delta, Endpoint, EndpointCondition, Endpoints, Filters,
    Host, HostName, Kind, MatchPath, ObjectRef, PathType, PortRef, Predicate, Rule, RuleOrigin, Split,
    Timeouts,
};
use weir_proxy::{Config, DrainTimes, Proxy};
use weir_testkit::client::Connection;

/// A running data plane.
pub(crate) struct World {
    pub(crate) proxy: Arc<Proxy>,
}

pub(crate) fn config() -> Config {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let drain = DrainTimes { accept: Duration::from_millis(200), in_flight: Duration::from_secs(5) };
    Config { http: Some(any), https: Some(any), threads: 2, drain, ..Config::default() }
}

pub(crate) fn key(service: &str) -> BackendKey {
    BackendKey { namespace: "default".into(), service: service.into(), port: PortRef::Number(80) }
}

/// A rule for a whole host.
pub(crate) fn rule(split: Split) -> Rule {
    Rule {
        origin: RuleOrigin {
            object: ObjectRef::new(Kind::Ingress, "default", "shop"),
            host: "a".into(),
            path: "/".into(),
            path_type: PathType::Prefix,
            field: "spec.rules[0].http.paths[0]".into(),
        },
        path: MatchPath::Prefix("".into()),
        precedence: 0,
        conditions: Predicate::default(),
        filters: Filters::default(),
        timeouts: Timeouts::default(),
        split,
    }
}

pub(crate) fn endpoints(service: &str, addresses: &[SocketAddr]) -> Delta {
    let endpoint = |address: &SocketAddr| Endpoint { address: *address, condition: EndpointCondition::Ready };
    let endpoints = Endpoints::Known(addresses.iter().map(endpoint).collect());
    let backend = Backend { key: key(service), endpoints };
    Delta { backends: BTreeMap::from([(key(service), Some(Arc::new(backend)))]), ..Delta::default() }
}

pub(crate) fn host(name: &str, rules: Vec<Rule>) -> Delta {
    let name = HostName::parse(name).unwrap();
    let rules = rules.into_iter().map(Arc::new).collect();
    let host = Arc::new(Host { name: name.clone(), rules });
    Delta { hosts: BTreeMap::from([(name, Some(host))]), ..Delta::default() }
}

/// A certificate for a name, from PEM as the testkit makes it.
pub(crate) fn certificate(name: &str, leaf: &weir_testkit::certs::Leaf) -> Delta {
    let key = CertificateKey { namespace: "default".into(), name: name.into() };
    let chain = CertificateDer::from_pem_slice(leaf.certificate_pem.as_bytes()).unwrap();
    let private_key = PrivateKeyDer::from_pem_slice(leaf.key_pem.as_bytes()).unwrap();
    let certificate = Certificate {
        key: key.clone(),
        chain: vec![chain.to_vec()],
        private_key: private_key.secret_der().to_vec(),
    };
    Delta {
        tls: BTreeMap::from([(HostName::parse(name).unwrap(), Some(key.clone()))]),
        certificates: BTreeMap::from([(key, Some(Arc::new(certificate)))]),
        ..Delta::default()
    }
}

impl World {
    /// Host `a` served by one backend at these addresses.
    pub(crate) fn new(addresses: &[SocketAddr]) -> Self {
        Self::with(config(), rule(Split::only(key("app"))), addresses)
    }

    pub(crate) fn with(config: Config, rule: Rule, addresses: &[SocketAddr]) -> Self {
        let proxy = Arc::new(Proxy::start(config, &Delta::default()).unwrap());
        proxy.apply(&endpoints("app", addresses));
        proxy.apply(&host("a", vec![rule]));
        Self { proxy }
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.proxy.http().unwrap()
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(self.http()).await.unwrap()
    }
}
