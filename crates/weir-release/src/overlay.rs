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
            // Nobody knows any more whom that was: a part of the clients must not become all of them.
            let audience = audience(spec, routing, step);
            let weight = if audience.is_some() { weight } else { 0 };
            let (mut split, arm) = Split::versions(mark(None), stable, canary, weight);
            add_overrides(&mut split, spec, arm);
            split.audience = audience.cloned().unwrap_or_default();
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

/// Whom the step divides that is in force, as far as the manifest still says so: it may have other steps by now.
fn audience<'s>(spec: &'s Spec, routing: &Routing, step: usize) -> Option<&'s Vec<Predicate>> {
    const EVERYBODY: &Vec<Predicate> = &Vec::new();
    let Some(population) = &routing.population else {
        return Some(spec.steps.get(step).map_or(EVERYBODY, |step| &step.audience));
    };
    let mut steps = spec.steps.iter();
    match steps.find(|step| step.to_string() == population.step) {
        Some(step) => Some(&step.audience),
        None => (!population.limited).then_some(EVERYBODY),
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
