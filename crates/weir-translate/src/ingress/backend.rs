//! Backends of paths.

use std::sync::Arc;

use weir_model::{Code, PortRef};

use crate::{draft::BackendDraft, notes::Notes, object::IngressBackend};

/// Reads a backend that stands in `field`. Unusable ones are noted.
pub(crate) fn read(
    backend: &IngressBackend,
    namespace: &Arc<str>,
    field: &str,
    notes: &mut Notes,
) -> Option<BackendDraft> {
    let problem = |what: &str, field: String, notes: &mut Notes| {
        let message =
            format!("{what}; the path is not served. Name a Service with a port by number or name.");
        notes.add(Code::InvalidBackend, field, message);
        None
    };
    let Some(service) = &backend.service else {
        let (what, field) = if backend.has_resource {
            ("Weir serves Services, not resources", format!("{field}.resource"))
        } else {
            ("The backend names no Service", format!("{field}.service"))
        };
        return problem(what, field, notes);
    };
    if service.name.is_empty() || service.name.chars().any(char::is_control) {
        return problem("The backend's Service has no usable name", format!("{field}.service.name"), notes);
    }
    let port = match (&service.port.number, &service.port.name) {
        (Some(number), _) if *number > 0 => PortRef::Number(*number),
        (_, Some(name)) if !name.is_empty() && !name.chars().any(char::is_control) => {
            PortRef::Name(name.clone())
        }
        _ => return problem("The backend names no port", format!("{field}.service.port"), notes),
    };
    let (namespace, service) = (namespace.clone(), service.name.clone());
    Some(BackendDraft { namespace, service, port, field: format!("{field}.service.name").into() })
}
