//! Releases on the rules of a host, the oldest first: a later one sees what the earlier made of a rule.

use weir_model::{BackendKey, Overlay, PortRef, Role, Rule};

use super::{HostOutput, World};
use crate::{
    overlays::Laid,
    service::{self, Services},
};

/// Lays every release over a rule that names one of its versions.
pub(super) fn lay(rule: &mut Rule, world: World<'_>, output: &mut HostOutput) {
    let (namespace, ingress) = (rule.origin.object.namespace.clone(), rule.origin.object.name.clone());
    for (key, overlay) in world.overlays.of(&namespace, &ingress) {
        let Some(route) = overlay.routes.iter().position(|route| route.covers(&namespace, rule)) else {
            continue;
        };
        let base = &rule.split.base().backend;
        let named = Role::ALL.into_iter().find(|role| {
            let version = match role {
                Role::Stable => &overlay.stable,
                Role::Canary => &overlay.canary,
            };
            resolve(version, world.services) == *base
        });
        let Some(named) = named else { continue };
        note(Laid { release: key.clone(), route, named }, overlay, world, output);
        overlay.lay(&mut rule.split);
        rule.split.map_backends(|backend| resolve(backend, world.services));
    }
}

/// Both versions are looked after from now on, whoever gets requests: somebody has to see whether they are
/// ready.
fn note(laid: Laid, overlay: &Overlay, world: World<'_>, output: &mut HostOutput) {
    output.laid.push(laid);
    for version in [&overlay.stable, &overlay.canary] {
        output.services.push((version.namespace.clone(), version.service.clone()));
        output.backends.push(resolve(version, world.services));
    }
}

/// With the port as a number, where the Service is known.
fn resolve(backend: &BackendKey, services: &Services) -> BackendKey {
    let name = (backend.namespace.clone(), backend.service.clone());
    let port = services.get(&name).and_then(|service| service::port(service, &backend.port));
    let number = port.map(|port| PortRef::Number(port.port));
    BackendKey { port: number.unwrap_or_else(|| backend.port.clone()), ..backend.clone() }
}
