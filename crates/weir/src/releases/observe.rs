//! What a release sees of the one data plane here.

use std::collections::BTreeMap;

use weir_model::{BackendKey, ReleaseKey};
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
    let seen = weir_release::observation::Proxy::new(boot, proxy.uptime(), attempt, reading);
    let routes = proxy.metrics().routes();
    let routes = routes.iter().map(|route| (route.route.as_str(), route.service.as_str(), route.requests()));
    Observation {
        routes: translator.overlaid(key).routes(translator.release_in_the_way(key)),
        stable: version(translator, &spec.stable.service),
        canary: version(translator, &spec.canary.service),
        proxies: BTreeMap::from([(SELF.to_owned(), Some(seen.with_sent(spec, routes)))]),
        ..Observation::default()
    }
}

/// What Weir itself cannot know here are workloads: nothing runs them but the user.
fn version(translator: &Translator, service: &BackendKey) -> Version {
    let (known, ready) = translator.version(service);
    Version { service: known, ready, workload: Lookup::Unnamed }
}
