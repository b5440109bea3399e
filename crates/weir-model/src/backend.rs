//! Backends: a port of a Service, and the endpoints behind it.

use std::{fmt, net::SocketAddr, sync::Arc};

use serde::{Serialize, Serializer};

/// A Service port as an Ingress names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum PortRef {
    /// The port number of the Service. A name is resolved to it wherever the Service is known.
    Number(u16),
    /// A port name that no known Service resolves.
    Name(Arc<str>),
}

impl fmt::Display for PortRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// What a backend is: `namespace/service/port`. Health, counters and pools hang on this name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendKey {
    /// The Service's namespace.
    pub namespace: Arc<str>,
    /// The Service's name.
    pub service: Arc<str>,
    /// The Service's port.
    pub port: PortRef,
}

impl fmt::Display for BackendKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.namespace, self.service, self.port)
    }
}

impl Serialize for BackendKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What an EndpointSlice says of an endpoint that may get traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Takes new requests.
    Ready,
    /// Terminating but still serving: used only while no endpoint of the Service is ready (KEP-1669).
    Terminating,
}

/// One address behind a Service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Endpoint {
    /// Where to connect.
    pub address: SocketAddr,
    /// Whether it is ready.
    pub condition: Condition,
}

/// The endpoints of a backend, as far as the input tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoints {
    /// Nothing in the input speaks of this Service's endpoints. `explain` counts it as available.
    Unknown,
    /// The usable endpoints, sorted and without repeats; empty means that none can serve.
    Known(Vec<Endpoint>),
}

/// A Service port with its endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Backend {
    /// What it is.
    pub key: BackendKey,
    /// Where it is.
    pub endpoints: Endpoints,
}

impl Backend {
    /// The endpoints that take new requests: the ready ones; if there is none, those that are
    /// terminating but still serve.
    pub fn usable(&self) -> impl Iterator<Item = &Endpoint> {
        let all = match &self.endpoints {
            Endpoints::Unknown => &[][..],
            Endpoints::Known(list) => list,
        };
        let any_ready = all.iter().any(|endpoint| endpoint.condition == Condition::Ready);
        all.iter().filter(move |endpoint| !any_ready || endpoint.condition == Condition::Ready)
    }
}
