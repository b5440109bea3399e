//! What a release sees of the one data plane here.

use std::collections::BTreeMap;

use weir_model::{BackendKey, ReleaseKey, Role};
use weir_proxy::Proxy;
use weir_release::{
    observation::{Lookup, Observation, Version},
    spec::Spec,
    state::State,
};
use weir_translate::Translator;

/// The one data plane.
const SELF: &str = "this process";

/// Looks at everything that a release depends on.
pub(super) fn observe(
    translator: &Translator,
    proxy: &Proxy,
    boot: &str,
    key: &ReleaseKey,
    spec: &Spec,
    state: &State,
) -> Observation {
    let attempt = state.attempt.as_ref().map_or(1, |attempt| attempt.number);
    let readings = proxy.releases();
    let reading =
        readings.iter().find(|reading| *reading.namespace == *key.namespace && *reading.name == *key.name);
    let mut seen = weir_release::observation::Proxy::new(boot, proxy.uptime(), attempt, reading);
    for role in Role::ALL {
        seen.seen_mut(role).sent = sent(proxy, &spec.version(role).service);
    }
    Observation {
        routes: translator.overlaid(key).routes(translator.release_in_the_way(key)),
        stable: version(translator, &spec.stable.service),
        canary: version(translator, &spec.canary.service),
        proxies: BTreeMap::from([(SELF.to_owned(), Some(seen))]),
        ..Observation::default()
    }
}

/// What Weir itself cannot know here are workloads: nothing runs them but the user.
fn version(translator: &Translator, service: &BackendKey) -> Version {
    let (known, ready) = translator.version(service);
    Version { service: known, ready, workload: Lookup::Unnamed }
}

/// Requests to a Service, by the route that they came by.
fn sent(proxy: &Proxy, service: &BackendKey) -> BTreeMap<String, u64> {
    let name = format!("{}/{}", service.namespace, service.service);
    let routes = proxy.metrics().routes().into_iter().filter(|route| route.service == name);
    routes.map(|route| (route.route.clone(), route.requests())).collect()
}
