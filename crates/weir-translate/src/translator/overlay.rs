//! Releases on top of what Ingresses say.

use std::{collections::BTreeSet, sync::Arc};

use weir_model::{BackendKey, ObjectRef, OverlaidRoute, Overlay, ReleaseKey, Role, Rule};

use super::{Outcome, Translator};
use crate::{
    host::HostOutput,
    overlays::{Age, Overlaid},
};

impl Translator {
    /// Lays a release over the rules that it names, or takes it off. Where several name a rule, the older comes
    /// first.
    pub(super) fn overlay(&mut self, key: &ReleaseKey, overlay: Option<(Age, Overlay)>) {
        let overlay = overlay.map(|(age, overlay)| (age, Arc::new(overlay)));
        for name in self.overlays.set(key, overlay) {
            let entry = self.objects.ingresses.get(&name);
            if let Some(Outcome::Served(draft)) = entry.map(|entry| &entry.outcome) {
                self.dirty.hosts.extend(draft.hosts().cloned());
            }
        }
    }

    /// What a release lies over, as of the last translation.
    pub fn overlaid(&self, key: &ReleaseKey) -> Overlaid {
        let Some(overlay) = self.overlays.get(key) else { return Overlaid::default() };
        let mut overlaid = Overlaid { foreign: self.is_foreign(key, overlay), ..Overlaid::default() };
        let laid = self.hosts_of(key, overlay).flat_map(|host| &host.laid);
        let laid: Vec<_> = laid.filter(|laid| laid.release == *key).collect();
        for (index, route) in overlay.routes.iter().enumerate() {
            if !laid.iter().any(|laid| laid.route == index) {
                overlaid.faults.push(self.route_fault(key, overlay, route));
            }
        }
        overlaid.named = laid.into_iter().map(|laid| laid.named).collect();
        for role in Role::ALL {
            let others = self.others(key, overlay, role);
            if !others.is_empty() {
                overlaid.others.insert(role, others);
            }
        }
        overlaid
    }

    /// Whether a Service is there, and how many of its endpoints are ready, as far as it is in use.
    pub fn version(&self, backend: &BackendKey) -> (bool, usize) {
        let name = (backend.namespace.clone(), backend.service.clone());
        let backends = super::pass::backends_of(&self.blueprint, &name).into_iter();
        let served = backends.filter_map(|key| self.blueprint.backends.get(&key));
        let ready = served.map(|backend| backend.usable().count()).max().unwrap_or_default();
        (self.objects.services.contains_key(&name), ready)
    }

    fn hosts_of<'t>(
        &'t self,
        key: &'t ReleaseKey,
        overlay: &'t Overlay,
    ) -> impl Iterator<Item = &'t HostOutput> {
        let names = overlay.routes.iter().map(|route| (key.namespace.clone(), route.ingress.clone()));
        let entries = names.filter_map(|name| self.objects.ingresses.get(&name));
        let drafts = entries.filter_map(|entry| match &entry.outcome {
            Outcome::Served(draft) => Some(draft),
            _ => None,
        });
        drafts.flat_map(|draft| draft.hosts()).filter_map(|host| self.hosts.get(host))
    }

    fn is_foreign(&self, key: &ReleaseKey, overlay: &Overlay) -> bool {
        let names = overlay.routes.iter().map(|route| (key.namespace.clone(), route.ingress.clone()));
        let outcomes: Vec<&Outcome> =
            names.filter_map(|name| self.objects.ingresses.get(&name)).map(|entry| &entry.outcome).collect();
        let foreign = |outcome: &&Outcome| matches!(outcome, Outcome::NotServed(_));
        !outcomes.is_empty() && outcomes.iter().all(foreign)
    }

    /// Why the release lies over no rule of a route.
    fn route_fault(&self, key: &ReleaseKey, overlay: &Overlay, route: &OverlaidRoute) -> String {
        let name = (key.namespace.clone(), route.ingress.clone());
        let ingress = format!("Ingress {}/{}", name.0, name.1);
        let Some(entry) = self.objects.ingresses.get(&name) else {
            return format!("{ingress} (spec.routes) is missing: create it, or correct the name");
        };
        if matches!(entry.outcome, Outcome::NotServed(_)) {
            return format!("{ingress} (spec.routes) is not of a class that Weir serves");
        }
        let (stable, canary) = (&overlay.stable.service, &overlay.canary.service);
        format!(
            "{ingress} (spec.routes) has no path here that goes to Service {stable} or {canary}: correct the \
             route, or the Services of the release"
        )
    }

    /// Rules that send requests to a version, and that the release does not lie over.
    fn others(&self, key: &ReleaseKey, overlay: &Overlay, role: Role) -> BTreeSet<String> {
        let version = match role {
            Role::Stable => &overlay.stable,
            Role::Canary => &overlay.canary,
        };
        let sends = |rule: &Rule| {
            rule.split.arms().iter().any(|arm| {
                arm.backend.namespace == version.namespace && arm.backend.service == version.service
            })
        };
        let ours = |rule: &Rule| {
            let release = rule.split.release.as_ref();
            let laid = release.is_some_and(|mark| mark.namespace == key.namespace && mark.name == key.name);
            let base = &rule.split.base().backend.service;
            let named = *base == overlay.stable.service || *base == overlay.canary.service;
            laid || named && overlay.routes.iter().any(|route| route.covers(&key.namespace, rule))
        };
        let backends = self.blueprint.backends.keys();
        let backends =
            backends.filter(|one| one.namespace == version.namespace && one.service == version.service);
        let hosts = backends.flat_map(|backend| self.uses.hosts_of_backend.of(backend));
        let hosts = hosts.filter_map(|host| self.blueprint.hosts.get(host));
        let rules = hosts.flat_map(|host| &host.rules).filter(|rule| sends(rule) && !ours(rule));
        let names = rules.map(|rule| {
            let ObjectRef { kind, namespace, name } = &rule.origin.object;
            format!("{kind} {namespace}/{name}")
        });
        names.collect()
    }
}
