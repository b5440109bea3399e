//! Backends of paths.

use std::sync::Arc;

use weir_model::{Code, PortRef};

use crate::{
    draft::{BackendDraft, Place},
    notes::Notes,
    object::IngressBackend,
};

/// Reads a backend. Unusable ones are noted.
pub(crate) fn read(
    backend: &IngressBackend,
    namespace: &Arc<str>,
    place: Place,
    notes: &mut Notes,
) -> Option<BackendDraft> {
    match parse(backend) {
        Ok((service, port)) => Some(BackendDraft { namespace: namespace.clone(), service, port, place }),
        Err((field, what)) => {
            let message =
                format!("{what}; the path is not served. Name a Service with a port by number or name.");
            notes.add(Code::InvalidBackend, place.below(field), message);
            None
        }
    }
}

/// The Service and its port, or the field at fault and what is wrong with it.
fn parse(backend: &IngressBackend) -> Result<(Arc<str>, PortRef), (&'static str, &'static str)> {
    let Some(service) = &backend.service else {
        let resource = ("resource", "Weir serves Services, not resources");
        return Err(if backend.has_resource {
            resource
        } else {
            ("service", "The backend names no Service")
        });
    };
    if !is_name(&service.name) {
        return Err(("service.name", "The backend's Service has no usable name"));
    }
    match (&service.port.number, &service.port.name) {
        (Some(number), _) if *number > 0 => Ok((service.name.clone(), PortRef::Number(*number))),
        (_, Some(name)) if is_name(name) => Ok((service.name.clone(), PortRef::Name(name.clone()))),
        _ => Err(("service.port", "The backend names no port")),
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}
