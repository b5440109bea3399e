//! Services: from names to backends, from slices to endpoints.

pub(crate) mod endpoints;

use std::{collections::HashMap, sync::Arc};

use weir_model::{BackendKey, Code, PortRef};

use crate::{
    draft::BackendDraft,
    object::{Service, ServicePort},
};

/// Namespace and name.
pub(crate) type Name = (Arc<str>, Arc<str>);
/// Services by name.
pub(crate) type Services = HashMap<Name, Arc<Service>>;

/// Why a backend can't serve.
pub(crate) struct Problem {
    pub(crate) code: Code,
    pub(crate) message: String,
}

/// The key of a backend, and what is wrong with it.
pub(crate) fn resolve(backend: &BackendDraft, services: &Services) -> (BackendKey, Option<Problem>) {
    let name = (backend.namespace.clone(), backend.service.clone());
    let written = || key(backend, backend.port.clone());
    match services.get(&name) {
        None => (written(), Some(missing_service(backend))),
        Some(service) if is_external(service) => (written(), None),
        Some(service) => match port(service, &backend.port) {
            Some(port) => (key(backend, PortRef::Number(port.port)), None),
            None => (written(), Some(missing_port(backend, service))),
        },
    }
}

fn key(backend: &BackendDraft, port: PortRef) -> BackendKey {
    BackendKey { namespace: backend.namespace.clone(), service: backend.service.clone(), port }
}

/// Whether the Service only points to a DNS name.
pub(crate) fn is_external(service: &Service) -> bool {
    &*service.spec.service_type == "ExternalName"
}

/// The port of a Service by number or name.
pub(crate) fn port<'s>(service: &'s Service, port: &PortRef) -> Option<&'s ServicePort> {
    service.spec.ports.iter().find(|candidate| match port {
        PortRef::Number(number) => candidate.port == *number,
        PortRef::Name(name) => candidate.name == *name,
    })
}

fn missing_service(backend: &BackendDraft) -> Problem {
    let BackendDraft { namespace, service, .. } = backend;
    let message = format!(
        "Service {namespace}/{service} does not exist, so no endpoint can serve. Create it or correct the name."
    );
    Problem { code: Code::MissingService, message }
}

fn missing_port(backend: &BackendDraft, service: &Service) -> Problem {
    let BackendDraft { namespace, service: name, port, .. } = backend;
    let label = |port: &ServicePort| match &*port.name {
        "" => port.port.to_string(),
        name => format!("{} ({name})", port.port),
    };
    let ports: Vec<_> = service.spec.ports.iter().map(label).collect();
    let message = format!(
        "Service {namespace}/{name} has no port {port}, so no endpoint can serve. Its ports are: {}.",
        if ports.is_empty() { "none".to_owned() } else { ports.join(", ") }
    );
    Problem { code: Code::MissingPort, message }
}
