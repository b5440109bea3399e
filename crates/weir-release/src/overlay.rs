//! What proxies are told: a release's routing as a split that is laid over its routes.

use std::sync::Arc;

use weir_model::{
    ArmIndex, Assignment, BackendKey, Overlay, Predicate, ReleaseKey, ReleaseMark, Retiring, Role, Split,
    Sticky,
};

use crate::{
    spec::Spec,
    state::{Division, Routing, State},
};

/// What a release lays over its routes. Only what is stored in the state decides.
pub fn overlay(key: &ReleaseKey, spec: &Spec, state: &State) -> Overlay {
    let services = state.routing.as_ref().and_then(|routing| routing.services.as_ref());
    let service = |role| match services {
        Some(services) => services.key(&key.namespace, role),
        None => spec.version(role).service.clone(),
    };
    let (stable, canary) = (service(Role::Stable), service(Role::Canary));
    let split = state.routing.as_ref().map(|routing| split(key, spec, routing, [&stable, &canary]));
    Overlay { routes: spec.routes.clone(), split, stable, canary }
}

/// Whether two releases may mean the same rule.
pub fn overlap(one: &Spec, other: &Spec) -> bool {
    let namespace = |spec: &Spec| spec.stable.service.namespace.clone();
    let routes = |other: &Spec| other.routes.clone();
    namespace(one) == namespace(other)
        && one.routes.iter().any(|route| routes(other).iter().any(|other| route.overlaps(other)))
}

fn split(key: &ReleaseKey, spec: &Spec, routing: &Routing, services: [&BackendKey; 2]) -> Split {
    let mark = |retiring| {
        Arc::new(ReleaseMark {
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            attempt: routing.attempt,
            epoch: routing.epoch,
            errors: spec.errors.clone(),
            retiring,
        })
    };
    let weight = u32::from(routing.split.weight(Role::Canary).basis_points());
    let [stable, canary] = services.map(Clone::clone);
    match routing.split {
        Division::Step { step, .. } => {
            let (mut split, arm) = Split::versions(mark(None), stable, canary, weight);
            add_overrides(&mut split, spec, arm);
            split.audience = spec.steps.get(step).map(|step| step.audience.clone()).unwrap_or_default();
            split.assignment = assignment(key, spec);
            split
        }
        Division::All { .. } => {
            let (mut split, _) = Split::versions(mark(None), stable, canary, weight);
            split.assignment = assignment(key, spec);
            split
        }
        Division::Only { role, close } => {
            let (serves, gone) = match role {
                Role::Stable => (stable, canary),
                Role::Canary => (canary, stable),
            };
            let retiring = Retiring {
                backend: gone,
                role: role.other(),
                close_per_second: close.then_some(spec.offline.close_rate),
            };
            Split::version(mark(Some(retiring)), role, serves)
        }
    }
}

fn add_overrides(split: &mut Split, spec: &Spec, canary: ArmIndex) {
    for over in &spec.overrides {
        let arm = match over.to {
            Role::Stable => ArmIndex::BASE,
            Role::Canary => canary,
        };
        let each = |predicate: &Predicate| split.add_override(predicate.clone(), arm);
        over.any.iter().for_each(each);
    }
}

/// One salt for the whole release: a client has one version on all its routes.
fn assignment(key: &ReleaseKey, spec: &Spec) -> Assignment {
    Assignment::Sticky(Sticky { keys: spec.keys.clone(), salt: Some(key.to_string().into()) })
}
