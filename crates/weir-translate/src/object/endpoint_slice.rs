//! `discovery.k8s.io/v1` EndpointSlice.

use std::sync::Arc;

use serde::Deserialize;

use super::{Metadata, null_default};

/// An EndpointSlice.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct EndpointSlice {
    /// Name and the Service it belongs to.
    pub metadata: Metadata,
    /// The addresses.
    #[serde(default, deserialize_with = "null_default")]
    pub endpoints: Vec<SliceEndpoint>,
    /// The ports, common to all addresses.
    #[serde(default, deserialize_with = "null_default")]
    pub ports: Vec<SlicePort>,
}

/// One endpoint of a slice.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct SliceEndpoint {
    /// Addresses of one pod; consumers use the first (KEP-752).
    #[serde(default, deserialize_with = "null_default")]
    pub addresses: Vec<Box<str>>,
    /// Whether it can serve.
    #[serde(default, deserialize_with = "null_default")]
    pub conditions: Conditions,
}

/// The state of an endpoint. A missing `ready` counts as true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Conditions {
    /// Takes new requests.
    #[serde(default)]
    pub ready: Option<bool>,
    /// Like ready, but true while terminating.
    #[serde(default)]
    pub serving: Option<bool>,
    /// Is being deleted.
    #[serde(default)]
    pub terminating: Option<bool>,
}

/// One port of a slice.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct SlicePort {
    /// Equal to the name of the Service's port.
    #[serde(default, deserialize_with = "null_default")]
    pub name: Arc<str>,
    /// The pods' port.
    #[serde(default)]
    pub port: Option<u16>,
}

// === impl EndpointSlice ===

impl EndpointSlice {
    /// The Service it belongs to, by its label.
    pub fn service(&self) -> Option<&Arc<str>> {
        self.metadata.service.0.as_ref()
    }
}
