//! Serves every host from one endpoint, for profiling: `bare LISTEN ENDPOINT`.
#![expect(clippy::expect_used, reason = "a tool for developers")]

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use weir_model::{
    Backend, BackendKey, Delta, Endpoint, EndpointCondition, Endpoints, Filters, Host, HostName, Kind,
    MatchPath, ObjectRef, PathType, PortRef, Predicate, Rule, RuleOrigin, Split, Timeouts,
};
use weir_proxy::{Config, Proxy};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<SocketAddr>().expect("an address"));
    let (listen, endpoint) = (args.next().expect("LISTEN"), args.next().expect("ENDPOINT"));
    let key = BackendKey { namespace: "default".into(), service: "app".into(), port: PortRef::Number(80) };
    let endpoint = Endpoint { address: endpoint, condition: EndpointCondition::Ready };
    let backend = Backend { key: key.clone(), endpoints: Endpoints::Known(vec![endpoint]) };
    let rule = Rule {
        origin: RuleOrigin {
            object: ObjectRef::new(Kind::Ingress, "default", "app"),
            host: "*".into(),
            path: "/".into(),
            path_type: PathType::Prefix,
            field: "".into(),
        },
        path: MatchPath::Prefix("".into()),
        precedence: 0,
        conditions: Predicate::default(),
        filters: Filters::default(),
        timeouts: Timeouts::default(),
        split: Split::only(key.clone()),
    };
    let host = Host { name: HostName::Any, rules: vec![Arc::new(rule)] };
    let first = Delta {
        hosts: BTreeMap::from([(HostName::Any, Some(Arc::new(host)))]),
        backends: BTreeMap::from([(key, Some(Arc::new(backend)))]),
        ..Delta::default()
    };
    let proxy =
        Proxy::start(Config { http: Some(listen), ..Config::default() }, &first).expect("a free address");
    proxy.join();
}
