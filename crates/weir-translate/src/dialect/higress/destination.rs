//! `destination`: one `[WEIGHT%] SERVICE.NAMESPACE.svc.cluster.local[:PORT]` per line, instead of the
//! backends of the paths.

use std::sync::Arc;

use weir_model::{Code, PortRef};

use crate::{
    draft::{ArmDraft, BackendDraft, Place},
    notes::{Notes, annotation_field, quote},
    settings::{Setting, Settings},
};

/// The weight of a line that names none.
const DEFAULT_WEIGHT: u32 = 100;
/// The port of a line that names none.
const DEFAULT_PORT: u16 = 80;

/// Reads the destinations. An invalid value counts as absent.
pub(crate) fn read(settings: &Settings<'_>, notes: &mut Notes) -> Option<Vec<ArmDraft>> {
    let setting = settings.filled("destination").filter(|_| !settings.dialect.is_nginx())?;
    let field: Arc<str> = annotation_field(setting.key).into();
    let lines = setting.value.lines().map(str::trim).filter(|line| !line.is_empty());
    let arms: Result<Vec<_>, String> = lines.map(|line| parse(line, &field)).collect();
    match arms {
        Ok(arms) => Some(arms),
        Err(why) => {
            note(setting, &why, notes);
            None
        }
    }
}

fn parse(line: &str, field: &Arc<str>) -> Result<ArmDraft, String> {
    let mut words = line.split_whitespace().peekable();
    let weight = match words.next_if(|word| word.ends_with('%')) {
        Some(word) => {
            word.trim_end_matches('%').parse().map_err(|_| format!("{} is not a weight", quote(word)))?
        }
        None => DEFAULT_WEIGHT,
    };
    let address = words.next().ok_or("a line names no service")?;
    if let Some(subset) = words.next() {
        return Err(format!("subsets such as {} are not supported", quote(subset)));
    }
    Ok(ArmDraft { backend: backend(address, field)?, weight })
}

fn backend(address: &str, field: &Arc<str>) -> Result<BackendDraft, String> {
    let (host, port) = match address.split_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| format!("{} is not a port", quote(port)))?),
        None => (address, DEFAULT_PORT),
    };
    let mut labels = host.strip_suffix(".svc.cluster.local").unwrap_or_default().split('.');
    match (labels.next(), labels.next(), labels.next()) {
        (Some(service), Some(namespace), None) if !service.is_empty() && !namespace.is_empty() => {
            let port = PortRef::Number(port);
            let place = Place::Annotation(field.clone());
            Ok(BackendDraft { namespace: namespace.into(), service: service.into(), port, place })
        }
        _ => Err(format!("{} is not of the form SERVICE.NAMESPACE.svc.cluster.local", quote(host))),
    }
}

fn note(setting: Setting<'_>, why: &str, notes: &mut Notes) {
    let message = format!(
        "The destinations cannot be used: {why}. The backends of the paths serve instead. Correct the value."
    );
    notes.annotation(Code::InvalidAnnotation, setting.key, message);
}
