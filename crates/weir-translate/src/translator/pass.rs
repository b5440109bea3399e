//! One translation: from dirty objects to a change of the Blueprint.

use std::{collections::BTreeSet, mem, sync::Arc};

use weir_model::{Backend, BackendKey, Blueprint, CertificateKey, Delta, Finding, HostName, PortRef};

use super::{Outcome, Translator};
use crate::{
    class,
    draft::Draft,
    host::{self, HostOutput, World},
    ingress, secret,
    service::{
        Name,
        endpoints::{self, Source},
    },
};

/// The backends of a Service that are in use.
pub(super) fn backends_of(blueprint: &Blueprint, (namespace, service): &Name) -> Vec<BackendKey> {
    // Numbers sort before names, so this is the first possible key of the Service.
    let first =
        BackendKey { namespace: namespace.clone(), service: service.clone(), port: PortRef::Number(0) };
    let keys = blueprint.backends.range(first..).map(|(key, _)| key);
    keys.take_while(|key| key.namespace == *namespace && key.service == *service).cloned().collect()
}

// === impl Translator ===

impl Translator {
    /// Drafts dirty Ingresses anew and marks the hosts they named and name.
    pub(super) fn translate_ingresses(&mut self) {
        for name in mem::take(&mut self.dirty.ingresses) {
            let Some(entry) = self.objects.ingresses.get_mut(&name) else { continue };
            let old = mem::replace(&mut entry.outcome, Outcome::Pending);
            let (ingress, order) = (entry.ingress.clone(), entry.order);
            self.forget_draft(&name, &old);
            let outcome = match class::dialect(&ingress, &self.objects.classes, &self.config) {
                Ok(dialect) => Outcome::Served(Box::new(ingress::draft(&ingress, order, dialect))),
                Err(finding) => Outcome::NotServed(finding),
            };
            if let Outcome::Served(draft) = &outcome {
                for host in draft.hosts() {
                    self.uses.ingresses_of_host.insert(host.clone(), name.clone());
                    self.dirty.hosts.insert(host.clone());
                }
            }
            if let Some(entry) = self.objects.ingresses.get_mut(&name) {
                entry.outcome = outcome;
            }
        }
    }

    /// Makes dirty hosts anew.
    pub(super) fn translate_hosts(&mut self, delta: &mut Delta) {
        for name in mem::take(&mut self.dirty.hosts) {
            self.check_secrets(&name);
            let output = self.build_host(&name);
            self.publish_host(&name, &output, delta);
            let old = self.hosts.remove(&name).unwrap_or_default();
            self.relink(&name, &old, &output);
            if self.uses.ingresses_of_host.contains(&name) {
                self.hosts.insert(name, output);
            }
        }
    }

    pub(super) fn drafts_of(&self, host: &HostName) -> Vec<&Draft> {
        let entries =
            self.uses.ingresses_of_host.of(host).filter_map(|name| self.objects.ingresses.get(name));
        let served = entries.filter_map(|entry| match &entry.outcome {
            Outcome::Served(draft) => Some(&**draft),
            _ => None,
        });
        let mut drafts: Vec<_> = served.collect();
        drafts.sort_unstable_by(|a, b| a.age.cmp(&b.age));
        drafts
    }

    fn build_host(&self, name: &HostName) -> HostOutput {
        let world = World {
            services: &self.objects.services,
            certificates: &self.certificates,
            claims: &self.claims,
            overlays: &self.overlays,
        };
        host::build(name, &self.drafts_of(name), world)
    }

    /// Makes sure that every Secret a host names has been looked at.
    fn check_secrets(&mut self, host: &HostName) {
        let of_draft = |draft: &Draft| {
            let tls = draft.tls.iter().filter(|tls| tls.host == *host);
            tls.map(|tls| (draft.id.namespace.clone(), tls.secret.clone())).collect::<Vec<Name>>()
        };
        let names: BTreeSet<Name> = self.drafts_of(host).into_iter().flat_map(of_draft).collect();
        for name in names {
            let Some(secret) = self.objects.secrets.get(&name) else { continue };
            self.certificates.entry(name).or_insert_with_key(|(namespace, name)| {
                let key = CertificateKey { namespace: namespace.clone(), name: name.clone() };
                secret::certificate(&key, secret).map(Arc::new)
            });
        }
    }

    fn publish_host(&mut self, name: &HostName, output: &HostOutput, delta: &mut Delta) {
        if self.blueprint.hosts.get(name) != output.host.as_ref() {
            set(&mut self.blueprint.hosts, &mut delta.hosts, name, output.host.clone());
        }
        if self.blueprint.tls.get(name) != output.certificate.as_ref() {
            set(&mut self.blueprint.tls, &mut delta.tls, name, output.certificate.clone());
        }
    }

    /// Moves a host's uses from what it was to what it is.
    fn relink(&mut self, name: &HostName, old: &HostOutput, new: &HostOutput) {
        let uses = &mut self.uses;
        relink(&old.services, &new.services, |service, add| {
            change(&mut uses.hosts_of_service, service, name, add);
        });
        relink(&old.secrets, &new.secrets, |secret, add| {
            let was_named = uses.hosts_of_secret.contains(secret);
            change(&mut uses.hosts_of_secret, secret, name, add);
            self.secrets_changed |= was_named != uses.hosts_of_secret.contains(secret);
            if !uses.hosts_of_secret.contains(secret) {
                // No private key stays in memory that nothing names.
                self.certificates.remove(secret);
            }
        });
        relink(&old.backends, &new.backends, |backend, add| {
            change(&mut uses.hosts_of_backend, backend, name, add);
            let in_use = uses.hosts_of_backend.contains(backend);
            if in_use != self.blueprint.backends.contains_key(backend) {
                self.dirty.backends.insert(backend.clone());
            }
        });
        let (old, new) = (old.certificate.as_slice(), new.certificate.as_slice());
        relink(old, new, |certificate, add| {
            change(&mut uses.hosts_of_certificate, certificate, name, add);
            self.dirty.certificates.insert(certificate.clone());
        });
    }

    /// Makes dirty backends anew and drops those that no host uses.
    pub(super) fn translate_backends(&mut self, delta: &mut Delta) {
        for key in mem::take(&mut self.dirty.backends) {
            let made = self.uses.hosts_of_backend.contains(&key).then(|| self.build_backend(&key));
            let (backend, findings) =
                made.map_or((None, Vec::new()), |(backend, findings)| (Some(backend), findings));
            if findings.is_empty() {
                self.backend_findings.remove(&key);
            } else {
                self.backend_findings.insert(key.clone(), findings);
            }
            if self.blueprint.backends.get(&key).map(AsRef::as_ref) != backend.as_ref() {
                set(&mut self.blueprint.backends, &mut delta.backends, &key, backend.map(Arc::new));
            }
        }
    }

    fn build_backend(&self, key: &BackendKey) -> (Backend, Vec<Finding>) {
        let name = (key.namespace.clone(), key.service.clone());
        let mut names: Vec<_> = self.uses.slices_of_service.of(&name).collect();
        names.sort_unstable();
        let slices =
            names.into_iter().filter_map(|name| self.objects.slices.get(name)).map(AsRef::as_ref).collect();
        let service = self.objects.services.get(&name).map(AsRef::as_ref);
        endpoints::backend(key, &Source { service, slices, config: &self.config })
    }

    /// Publishes dirty certificates and drops those that no host shows.
    pub(super) fn translate_certificates(&mut self, delta: &mut Delta) {
        for key in mem::take(&mut self.dirty.certificates) {
            let name = (key.namespace.clone(), key.name.clone());
            let used = self.uses.hosts_of_certificate.contains(&key);
            let certificate =
                self.certificates.get(&name).filter(|_| used).and_then(|result| result.clone().ok());
            if self.blueprint.certificates.get(&key) != certificate.as_ref() {
                set(&mut self.blueprint.certificates, &mut delta.certificates, &key, certificate);
            }
        }
    }
}

fn set<K: Ord + Clone, V: Clone>(
    map: &mut std::collections::BTreeMap<K, V>,
    delta: &mut std::collections::BTreeMap<K, Option<V>>,
    key: &K,
    value: Option<V>,
) {
    match &value {
        Some(value) => map.insert(key.clone(), value.clone()),
        None => map.remove(key),
    };
    delta.insert(key.clone(), value);
}

/// Calls back for everything that is gone (`false`) and everything that is new (`true`). Both are sorted.
fn relink<T: Ord>(old: &[T], new: &[T], mut change: impl FnMut(&T, bool)) {
    for gone in old.iter().filter(|entry| new.binary_search(entry).is_err()) {
        change(gone, false);
    }
    for added in new.iter().filter(|entry| old.binary_search(entry).is_err()) {
        change(added, true);
    }
}

fn change<K, V>(index: &mut super::Index<K, V>, key: &K, value: &V, add: bool)
where
    K: Clone + Eq + std::hash::Hash,
    V: Clone + Eq + std::hash::Hash,
{
    if add {
        index.insert(key.clone(), value.clone());
    } else {
        index.remove(key, value);
    }
}
