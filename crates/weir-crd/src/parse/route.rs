//! Routes and the two versions.

use weir_model::{BackendKey, HostName, OverlaidRoute, PortRef};
use weir_release::spec;

use super::{list, value};
use crate::{
    refusal::{At, Refusals},
    release::{ReleaseSpec, Route, ServiceRef, Version, WorkloadKind, WorkloadRef},
    text::{IntOrText, Port},
};

const MOST_ROUTES: usize = 32;
/// The longest name of a port (RFC 6335 §5.1).
const LONGEST_PORT: usize = 15;

pub(super) fn routes(routes: &[Route], at: &At<'_>, refusals: &mut Refusals) -> Option<Vec<OverlaidRoute>> {
    list::not_empty(routes, "Ingress whose traffic is to be divided", at, refusals)?;
    list::at_most(routes, MOST_ROUTES, at, refusals)?;
    let read = list::each(routes, at, refusals, route)?;
    let repeated = (1..read.len()).find(|index| read[..*index].contains(&read[*index]));
    refusals.require(repeated.is_none(), &at.index(repeated.unwrap_or_default()), || {
        "an earlier entry says the same; remove one of them".to_owned()
    })?;
    Some(read)
}

fn route(route: &Route, at: &At<'_>, refusals: &mut Refusals) -> Option<OverlaidRoute> {
    let kind = kind(&route.kind, &at.field("kind"), refusals);
    let name = value::object_name(&route.name, &at.field("name"), refusals);
    let host = match &route.host {
        Some(text) if text.is_empty() => refuse(&at.field("host"), EMPTY_HOST, refusals),
        Some(text) => refusals.keep(&at.field("host"), HostName::parse(text)).map(Some),
        None => Some(None),
    };
    let path = match &route.path {
        Some(text) if !text.starts_with('/') => refuse(&at.field("path"), RELATIVE_PATH, refusals),
        path => Some(path.as_deref().map(Into::into)),
    };
    kind?;
    Some(OverlaidRoute { ingress: name?.into(), host: host?, path: path? })
}

const EMPTY_HOST: &str = "it is empty; name a host of the Ingress, or leave the field out for all of them";
const RELATIVE_PATH: &str = "a path begins with /; write it as it stands in the Ingress";

fn refuse<T>(at: &At<'_>, message: &str, refusals: &mut Refusals) -> Option<T> {
    refusals.add(at, message);
    None
}

fn kind(kind: &str, at: &At<'_>, refusals: &mut Refusals) -> Option<()> {
    refusals.require(kind == "Ingress", at, || match kind {
        "HTTPRoute" => "HTTPRoute is not supported yet; name an Ingress".to_owned(),
        _ => format!("{kind:?} is not a kind of route; write Ingress"),
    })
}

/// The old and the new version.
pub(super) fn versions(
    namespace: &str,
    spec: &ReleaseSpec,
    at: &At<'_>,
    refusals: &mut Refusals,
) -> Option<(spec::Version, spec::Version)> {
    let stable = version(namespace, &spec.stable, &at.field("stable"), refusals);
    let (at, canary) = (at.field("canary"), &spec.canary);
    let read = version(namespace, canary, &at, refusals);
    refusals.require(canary.service.name != spec.stable.service.name, &at.field("service").field("name"), || {
        let name = &canary.service.name;
        format!("both versions have Service {name}, so their pods cannot be told apart; give each its own Service")
    });
    let shared = canary.workload.is_some() && canary.workload == spec.stable.workload;
    refusals.require(!shared, &at.field("workload"), || {
        "both versions have this workload, so taking one offline would stop both; name the workload of each".to_owned()
    });
    Some((stable?, read?))
}

fn version(
    namespace: &str,
    version: &Version,
    at: &At<'_>,
    refusals: &mut Refusals,
) -> Option<spec::Version> {
    let service = service(namespace, &version.service, &at.field("service"), refusals);
    let workload = version.workload.as_ref().map(|one| workload(one, &at.field("workload"), refusals));
    let workload = match workload {
        Some(read) => Some(read?),
        None => None,
    };
    Some(spec::Version { service: service?, workload })
}

fn service(
    namespace: &str,
    service: &ServiceRef,
    at: &At<'_>,
    refusals: &mut Refusals,
) -> Option<BackendKey> {
    let name = &service.name;
    let named = refusals.require(value::is_dns_label(name), &at.field("name"), || {
        format!(
            "{name:?} is not the name of a Service: lower-case letters, digits and inner hyphens, at most 63"
        )
    });
    let port = port(&service.port, &at.field("port"), refusals);
    named?;
    Some(BackendKey { namespace: namespace.into(), service: name.as_str().into(), port: port? })
}

fn port(port: &Port, at: &At<'_>, refusals: &mut Refusals) -> Option<PortRef> {
    let read = match &port.0 {
        IntOrText::Int(number) => {
            u16::try_from(*number).ok().filter(|number| *number > 0).map(PortRef::Number)
        }
        IntOrText::Text(name) => is_port_name(name).then(|| PortRef::Name(name.as_str().into())),
    };
    refusals.require(read.is_some(), at, || {
        let port = &port.0;
        format!(
            "{port} is not a port of a Service; write its number, 1 to 65535 and without quotes, or its name"
        )
    })?;
    read
}

fn is_port_name(name: &str) -> bool {
    let has_letter = name.bytes().any(|byte| byte.is_ascii_lowercase());
    has_letter && name.len() <= LONGEST_PORT && value::is_dns_label(name)
}

fn workload(workload: &WorkloadRef, at: &At<'_>, refusals: &mut Refusals) -> Option<spec::Workload> {
    let kind = match workload.kind {
        WorkloadKind::Deployment => spec::WorkloadKind::Deployment,
        WorkloadKind::StatefulSet => spec::WorkloadKind::StatefulSet,
    };
    let name = value::object_name(&workload.name, &at.field("name"), refusals)?.into();
    Some(spec::Workload { kind, name })
}
