//! The endpoints of a backend.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use weir_model::{
    Backend, BackendKey, Code, Endpoint, EndpointCondition, Endpoints, Finding, Kind, ObjectRef, PortRef,
};

use super::{is_external, port};
use crate::{
    Config,
    notes::{Notes, annotation_field, quote},
    object::{Conditions, EndpointSlice, Service, ServicePort},
};

/// Literal endpoints of a Service, for standalone use.
const ENDPOINTS: &str = "weir.dev/endpoints";
/// The metadata service of Alibaba Cloud.
const ALIBABA_METADATA: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);

/// What is known of one Service.
pub(crate) struct Source<'a> {
    pub(crate) service: Option<&'a Service>,
    pub(crate) slices: Vec<&'a EndpointSlice>,
    pub(crate) config: &'a Config,
}

/// Makes a backend of a Service's port.
pub(crate) fn backend(key: &BackendKey, source: &Source<'_>) -> (Backend, Vec<Finding>) {
    let id = ObjectRef::new(Kind::Service, key.namespace.clone(), key.service.clone());
    let mut notes = Notes::new(id);
    let endpoints = match source.service {
        None => Endpoints::Known(Vec::new()),
        Some(service) if is_external(service) => external(service, key, source.config, &mut notes),
        Some(service) => internal(service, key, source, &mut notes),
    };
    (Backend { key: key.clone(), endpoints }, notes.findings)
}

fn internal(service: &Service, key: &BackendKey, source: &Source<'_>, notes: &mut Notes) -> Endpoints {
    let Some(port) = port(service, &key.port) else { return Endpoints::Known(Vec::new()) };
    let literal = literal(service, source.config, notes);
    if literal.is_some() && !source.slices.is_empty() {
        let message = "The Service has EndpointSlices too; the addresses of the annotation are used instead. Remove one of both.";
        notes.annotation(Code::Shadowed, ENDPOINTS, message);
    }
    if literal.is_none() && source.slices.is_empty() {
        if source.config.serving {
            note_unknown(notes);
        }
        return Endpoints::Unknown;
    }
    let endpoints = sorted(literal.unwrap_or_else(|| from_slices(port, source, notes)));
    if endpoints.is_empty() {
        note_empty(key, notes);
    }
    Endpoints::Known(endpoints)
}

fn sorted(mut endpoints: Vec<Endpoint>) -> Vec<Endpoint> {
    // Of an address that is both ready and terminating, ready sorts first and stays.
    endpoints.sort_unstable();
    endpoints.dedup_by(|later, earlier| later.address == earlier.address);
    endpoints
}

fn note_unknown(notes: &mut Notes) {
    let message = "Nothing says where the Service's endpoints are, so its requests get 503. Add the annotation weir.dev/endpoints, or an EndpointSlice.";
    notes.add(Code::NoEndpoints, "spec.selector", message);
}

fn note_empty(key: &BackendKey, notes: &mut Notes) {
    let message = format!(
        "Port {} of the Service has no endpoint that can serve. Check that its pods run and are ready.",
        key.port
    );
    notes.add(Code::NoEndpoints, "spec.selector", message);
}

// === slices ===

fn from_slices(port: &ServicePort, source: &Source<'_>, notes: &mut Notes) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for slice in &source.slices {
        let number =
            slice.ports.iter().find(|candidate| candidate.name == port.name).and_then(|port| port.port);
        let Some(number) = number else { continue };
        for (index, endpoint) in slice.endpoints.iter().enumerate() {
            let Some(condition) = condition(endpoint.conditions) else { continue };
            let Some(address) = endpoint.addresses.first() else { continue };
            match check(address.parse().ok(), number, source.config) {
                Ok(address) => endpoints.push(Endpoint { address, condition }),
                Err(why) => notes.findings.push(refused(slice, index, address, why)),
            }
        }
    }
    endpoints
}

/// Per the EndpointSlice API, an unknown `ready` counts as true. `serving` counts while terminating.
fn condition(conditions: Conditions) -> Option<EndpointCondition> {
    let Conditions { ready, serving, terminating } = conditions;
    if ready.unwrap_or(true) {
        Some(EndpointCondition::Ready)
    } else if serving == Some(true) && terminating == Some(true) {
        Some(EndpointCondition::Terminating)
    } else {
        None
    }
}

fn refused(slice: &EndpointSlice, index: usize, address: &str, why: &str) -> Finding {
    let message =
        format!("{} is left out: {why}. Weir never connects there; correct the address.", quote(address));
    let id = slice.metadata.id(Kind::EndpointSlice);
    Finding::new(Code::InvalidEndpoint, id, format!("endpoints[{index}].addresses[0]"), message)
}

// === literal addresses ===

/// The endpoints that the annotation lists; `None` without it.
fn literal(service: &Service, config: &Config, notes: &mut Notes) -> Option<Vec<Endpoint>> {
    let text = service.metadata.annotations.get(ENDPOINTS)?;
    if !config.standalone {
        let message = "Weir reads it only without a cluster; here the EndpointSlices count. Remove it.";
        notes.annotation(Code::InertAnnotation, ENDPOINTS, message);
        return None;
    }
    let mut endpoints = Vec::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        match literal_address(entry, config) {
            Ok(address) => endpoints.push(Endpoint { address, condition: EndpointCondition::Ready }),
            Err(why) => note_literal(entry, why, notes),
        }
    }
    Some(endpoints)
}

fn literal_address(entry: &str, config: &Config) -> Result<SocketAddr, &'static str> {
    let address: SocketAddr = entry.parse().map_err(|_| "it is not of the form ADDRESS:PORT")?;
    check(Some(address.ip()), address.port(), config)
}

fn note_literal(entry: &str, why: &str, notes: &mut Notes) {
    let message = format!("{} is left out: {why}. Write 10.0.0.1:8080 or [fd00::1]:8080.", quote(entry));
    notes.add(Code::InvalidEndpoint, annotation_field(ENDPOINTS), message);
}

// === addresses ===

/// Refuses addresses that must never be dialled (limits.md, "dialling").
fn check(ip: Option<IpAddr>, port: u16, config: &Config) -> Result<SocketAddr, &'static str> {
    let ip = ip.ok_or("it is not an IP address")?;
    let canonical = ip.to_canonical();
    if canonical.is_unspecified() {
        Err("it is the unspecified address")
    } else if canonical.is_multicast() || canonical == IpAddr::V4(Ipv4Addr::BROADCAST) {
        Err("it is a multicast address")
    } else if is_link_local(canonical) {
        Err("it is link-local, where clouds keep their metadata")
    } else if canonical == IpAddr::V4(ALIBABA_METADATA) {
        Err("it is a metadata service")
    } else if canonical.is_loopback() && !config.standalone {
        Err("it is a loopback address")
    } else if config.admin.is_some_and(|admin| is_own(admin, canonical, port)) {
        Err("it is Weir's own admin listener")
    } else if port == 0 {
        Err("port 0 does not exist")
    } else {
        Ok(SocketAddr::new(ip, port))
    }
}

/// Of a listener on all addresses, only the loopback ones are known here.
fn is_own(admin: SocketAddr, ip: IpAddr, port: u16) -> bool {
    let listened = admin.ip().to_canonical();
    admin.port() == port && (listened == ip || listened.is_unspecified() && ip.is_loopback())
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

// === ExternalName ===

/// A name can't be resolved here; an address in its place can be used.
fn external(service: &Service, key: &BackendKey, config: &Config, notes: &mut Notes) -> Endpoints {
    let (name, field) = (&service.spec.external_name, "spec.externalName");
    let refuse = |notes: &mut Notes, message: String| {
        notes.add(Code::ExternalNameRefused, field, message);
        Endpoints::Known(Vec::new())
    };
    if !config.allow_external_name {
        let message = format!(
            "The Service points to {}, outside the cluster; requests get 503. Allow ExternalName Services in Weir's settings, or use a Service with endpoints.",
            quote(name)
        );
        return refuse(notes, message);
    }
    if let Some(endpoints) = literal(service, config, notes) {
        return Endpoints::Known(sorted(endpoints));
    }
    let port = if let PortRef::Number(port) = key.port { port } else { 0 };
    match check(name.parse().ok(), port, config) {
        Ok(address) => Endpoints::Known(vec![Endpoint { address, condition: EndpointCondition::Ready }]),
        Err(_) => refuse(
            notes,
            format!(
                "{} cannot be used: only an IP address with a port number can. Requests get 503.",
                quote(name)
            ),
        ),
    }
}
