//! Keeps objects, and turns what changed among them into changes of the Blueprint.
//!
//! ```text
//! apply, delete ─► dirty objects ─► drafts (one per Ingress) ─► dirty hosts ─► hosts ─► backends, certificates
//! ```
//!
//! A call of [`Translator::translate`] costs as much as what the changes touch. The result depends on the
//! objects alone, never on the order in which they came.

mod index;
mod leaks;
mod overlay;
mod pass;
mod release;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use weir_model::{
    BackendKey, Blueprint, Certificate, CertificateKey, Delta, Finding, HostName, Kind, ObjectRef, ReleaseKey,
};

use crate::{
    Claim, Claims, Config,
    class::{self, Classes},
    draft::Draft,
    host::HostOutput,
    object::{EndpointSlice, Ingress, Object, Secret},
    overlays::Overlays,
    secret::InvalidSecret,
    service::{Name, Services},
};
use index::Index;
use release::Releases;
pub use release::{Basis, Known};

/// Turns objects into a [`Blueprint`], change by change.
#[derive(Debug, Default)]
pub struct Translator {
    config: Config,
    claims: Claims,
    overlays: Overlays,
    releases: Releases,
    objects: Objects,
    uses: Uses,
    dirty: Dirty,
    hosts: HashMap<HostName, HostOutput>,
    /// What there is to say about backends in use.
    backend_findings: HashMap<BackendKey, Vec<Finding>>,
    /// Whether other Secrets are named than when somebody last asked.
    secrets_changed: bool,
    /// Secrets that hosts looked up, as far as they exist.
    certificates: HashMap<Name, Result<Arc<Certificate>, InvalidSecret>>,
    blueprint: Blueprint,
}

/// The objects as they were applied.
#[derive(Debug, Default)]
struct Objects {
    ingresses: HashMap<Name, Entry>,
    classes: Classes,
    services: Services,
    slices: HashMap<Name, Arc<EndpointSlice>>,
    secrets: HashMap<Name, Arc<Secret>>,
}

/// An Ingress with what became of it.
#[derive(Debug)]
struct Entry {
    ingress: Arc<Ingress>,
    order: u64,
    outcome: Outcome,
}

/// What became of an Ingress.
#[derive(Debug)]
enum Outcome {
    /// Not looked at yet.
    Pending,
    /// It belongs to no class that is served; there may be something to say about that.
    NotServed(Option<Box<Finding>>),
    /// It is served.
    Served(Box<Draft>),
}

/// Who uses what.
#[derive(Debug, Default)]
struct Uses {
    ingresses_of_host: Index<HostName, Name>,
    ingresses_of_class: Index<Option<Box<str>>, Name>,
    slices_of_service: Index<Name, Name>,
    hosts_of_service: Index<Name, HostName>,
    hosts_of_secret: Index<Name, HostName>,
    hosts_of_backend: Index<BackendKey, HostName>,
    hosts_of_certificate: Index<CertificateKey, HostName>,
}

/// What changed since the last translation.
#[derive(Debug, Default)]
struct Dirty {
    ingresses: BTreeSet<Name>,
    hosts: BTreeSet<HostName>,
    backends: BTreeSet<BackendKey>,
    certificates: BTreeSet<CertificateKey>,
}

// === impl Translator ===

impl Translator {
    /// A translator without objects.
    pub fn new(config: Config) -> Self {
        Self { config, ..Self::default() }
    }

    /// Inserts or replaces an object. Among Ingresses without a creation time the one with the smaller
    /// `order` is the older.
    pub fn apply(&mut self, object: Object, order: u64) {
        match object {
            Object::Ingress(ingress) => self.apply_ingress(ingress, order),
            Object::IngressClass(class) => {
                let name = class.metadata.name.clone();
                let old = self.objects.classes.insert(name.clone(), class.clone());
                if old.as_ref() != Some(&class) {
                    self.touch_class(&name);
                }
            }
            Object::Service(service) => {
                let name = (service.metadata.namespace(), service.metadata.name.clone());
                let old = self.objects.services.insert(name.clone(), service.clone());
                if old.as_ref() != Some(&service) {
                    let same_ports = old.is_some_and(|old| old.spec == service.spec);
                    self.touch_service(&name, !same_ports);
                }
            }
            Object::EndpointSlice(slice) => self.apply_slice(slice),
            Object::Secret(secret) => {
                let name = (secret.metadata.namespace(), secret.metadata.name.clone());
                let old = self.objects.secrets.insert(name.clone(), secret.clone());
                if old.as_ref() != Some(&secret) {
                    self.touch_secret(&name);
                }
            }
            Object::Release(release) => self.apply_release(&release, order),
        }
    }

    /// Removes an object. One that is not there changes nothing.
    pub fn delete(&mut self, id: &ObjectRef) {
        let name = (id.namespace.clone(), id.name.clone());
        match id.kind {
            Kind::Ingress => self.delete_ingress(&name),
            Kind::IngressClass => {
                if self.objects.classes.remove(&id.name).is_some() {
                    self.touch_class(&id.name);
                }
            }
            Kind::Service => {
                if self.objects.services.remove(&name).is_some() {
                    self.touch_service(&name, true);
                }
            }
            Kind::EndpointSlice => self.delete_slice(&name),
            Kind::Secret => {
                if self.objects.secrets.remove(&name).is_some() {
                    self.touch_secret(&name);
                }
            }
            Kind::Release => self.delete_release(&ReleaseKey::new(name.0, name.1)),
            Kind::File | Kind::Other => {}
        }
    }

    /// Replaces what is recorded of the owners of paths, and what an administrator allows besides.
    pub fn claim(&mut self, claims: Claims) {
        let claims = claims.holding_like(&mut self.claims);
        let old = std::mem::replace(&mut self.claims, claims);
        let (old, new) = (&old, &self.claims);
        if old.grants() == new.grants() {
            let hosts = old.hosts().keys().chain(new.hosts().keys());
            let changed = hosts.filter(|host| old.hosts().get(*host) != new.hosts().get(*host));
            self.dirty.hosts.extend(changed.cloned());
        } else {
            self.dirty.hosts.extend(self.uses.ingresses_of_host.keys().cloned());
        }
    }

    /// Holds what a host serves now for those who serve it, against objects that come later and are older.
    /// Returns whether that is a change, which the next translation takes in.
    pub fn hold(&mut self, host: &HostName) -> bool {
        let served = self.blueprint.hosts.get(host).map(|host| Claim::of(host)).unwrap_or_default();
        let changed = self.claims.hold(host, served);
        if changed {
            self.dirty.hosts.insert(host.clone());
        }
        changed
    }

    /// What is recorded of the owners of paths.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Translates what the changes since the last call touch, and says what changed in the Blueprint.
    pub fn translate(&mut self) -> Delta {
        let mut delta = Delta::default();
        self.translate_ingresses();
        self.translate_hosts(&mut delta);
        self.translate_backends(&mut delta);
        self.translate_certificates(&mut delta);
        delta
    }

    /// What is served, as of the last translation.
    pub fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    /// Whether other Secrets are named than at the last call.
    pub fn secrets_changed(&mut self) -> bool {
        std::mem::take(&mut self.secrets_changed)
    }

    /// The Secrets that served Ingresses name, in no order. Nobody has to read any other.
    pub fn secrets(&self) -> impl Iterator<Item = ObjectRef> {
        let reference =
            |(namespace, name): &Name| ObjectRef::new(Kind::Secret, namespace.clone(), name.clone());
        self.uses.hosts_of_secret.keys().map(reference)
    }

    /// The served Ingresses that name a Secret, each with the field that does.
    pub fn naming(&self, secret: &ObjectRef) -> BTreeSet<(ObjectRef, Arc<str>)> {
        let name = (secret.namespace.clone(), secret.name.clone());
        let drafts = self.uses.hosts_of_secret.of(&name).flat_map(|host| self.drafts_of(host));
        let fields = drafts.filter(|draft| draft.id.namespace == name.0).flat_map(|draft| {
            let entries = draft.tls.iter().filter(|tls| tls.secret == name.1);
            entries.map(|tls| (draft.id.clone(), tls.field.clone()))
        });
        fields.collect()
    }

    /// Every Ingress, in no order, and whether it is served.
    pub fn ingresses(&self) -> impl Iterator<Item = (ObjectRef, bool)> {
        self.objects.ingresses.iter().map(|((namespace, name), entry)| {
            let id = ObjectRef::new(Kind::Ingress, namespace.clone(), name.clone());
            (id, matches!(entry.outcome, Outcome::Served(_)))
        })
    }

    /// Everything there is to say about the objects, sorted, each once.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<_> = class::findings(&self.objects.classes, &self.config).collect();
        for entry in self.objects.ingresses.values() {
            match &entry.outcome {
                Outcome::Pending => {}
                Outcome::NotServed(finding) => findings.extend(finding.as_deref().cloned()),
                Outcome::Served(draft) => findings.extend_from_slice(&draft.findings),
            }
        }
        findings.extend(self.hosts.values().flat_map(|host| &host.findings).cloned());
        findings.extend(self.backend_findings.values().flatten().cloned());
        findings.extend(self.releases.findings());
        findings.extend(leaks::findings(&self.blueprint, |ingress| self.is_nginx(ingress)));
        findings.sort_unstable();
        findings.dedup();
        findings
    }

    fn is_nginx(&self, ingress: &ObjectRef) -> bool {
        let entry = self.objects.ingresses.get(&(ingress.namespace.clone(), ingress.name.clone()));
        entry
            .is_some_and(|entry| matches!(&entry.outcome, Outcome::Served(draft) if draft.dialect.is_nginx()))
    }

    fn apply_ingress(&mut self, ingress: Arc<Ingress>, order: u64) {
        let name = (ingress.metadata.namespace(), ingress.metadata.name.clone());
        let old = self.objects.ingresses.get(&name);
        if old.is_some_and(|old| old.order == order && old.ingress == ingress) {
            return;
        }
        self.forget_ingress(&name);
        let class = class::named(&ingress).map(Into::into);
        self.uses.ingresses_of_class.insert(class, name.clone());
        let entry = Entry { ingress, order, outcome: Outcome::Pending };
        self.objects.ingresses.insert(name.clone(), entry);
        self.dirty.ingresses.insert(name);
    }

    fn delete_ingress(&mut self, name: &Name) {
        self.forget_ingress(name);
        self.dirty.ingresses.remove(name);
    }

    /// Takes an Ingress out of all indices and marks its hosts.
    fn forget_ingress(&mut self, name: &Name) {
        let Some(entry) = self.objects.ingresses.remove(name) else { return };
        let class = class::named(&entry.ingress).map(Into::into);
        self.uses.ingresses_of_class.remove(&class, name);
        self.forget_draft(name, &entry.outcome);
    }

    fn forget_draft(&mut self, name: &Name, outcome: &Outcome) {
        let Outcome::Served(draft) = outcome else { return };
        for host in draft.hosts() {
            self.uses.ingresses_of_host.remove(host, name);
            self.dirty.hosts.insert(host.clone());
        }
    }

    fn apply_slice(&mut self, slice: Arc<EndpointSlice>) {
        let name = (slice.metadata.namespace(), slice.metadata.name.clone());
        if self.objects.slices.get(&name) == Some(&slice) {
            return;
        }
        self.delete_slice(&name);
        if let Some(service) = slice.service() {
            let service = (name.0.clone(), service.clone());
            self.uses.slices_of_service.insert(service.clone(), name.clone());
            self.touch_service(&service, false);
        }
        self.objects.slices.insert(name, slice);
    }

    fn delete_slice(&mut self, name: &Name) {
        let Some(slice) = self.objects.slices.remove(name) else { return };
        if let Some(service) = slice.service() {
            let service = (name.0.clone(), service.clone());
            self.uses.slices_of_service.remove(&service, name);
            self.touch_service(&service, false);
        }
    }

    /// A class can be the default one, so Ingresses without a class depend on all classes.
    fn touch_class(&mut self, class: &str) {
        let class = Some(class.into());
        let named = self.uses.ingresses_of_class.of(&class);
        let unnamed = self.uses.ingresses_of_class.of(&None);
        self.dirty.ingresses.extend(named.chain(unnamed).cloned());
    }

    /// Marks the backends of a Service, and where its ports may have changed, the hosts that name it.
    fn touch_service(&mut self, name: &Name, ports: bool) {
        if ports {
            self.dirty.hosts.extend(self.uses.hosts_of_service.of(name).cloned());
        }
        let backends = pass::backends_of(&self.blueprint, name);
        self.dirty.backends.extend(backends);
    }

    fn touch_secret(&mut self, name: &Name) {
        self.certificates.remove(name);
        self.dirty.hosts.extend(self.uses.hosts_of_secret.of(name).cloned());
        let (namespace, name) = name.clone();
        self.dirty.certificates.insert(CertificateKey { namespace, name });
    }
}

#[cfg(test)]
mod tests;
