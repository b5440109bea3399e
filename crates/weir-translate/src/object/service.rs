//! `v1` Service.

use std::sync::Arc;

use serde::Deserialize;

use super::{Metadata, null_default};

/// A Service.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Service {
    /// Name and annotations.
    pub metadata: Metadata,
    /// Type and ports.
    #[serde(default, deserialize_with = "null_default")]
    pub spec: ServiceSpec,
}

/// `spec` of a Service. `targetPort` isn't read: EndpointSlices carry the resolved port.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSpec {
    /// `ClusterIP`, `ExternalName`, …; empty is `ClusterIP`.
    #[serde(default, rename = "type", deserialize_with = "null_default")]
    pub service_type: Box<str>,
    /// Where an `ExternalName` points.
    #[serde(default, deserialize_with = "null_default")]
    pub external_name: Box<str>,
    /// The ports.
    #[serde(default, deserialize_with = "null_default")]
    pub ports: Vec<ServicePort>,
}

/// One port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct ServicePort {
    /// May be empty if it is the only one.
    #[serde(default, deserialize_with = "null_default")]
    pub name: Arc<str>,
    /// The Service's own number.
    pub port: u16,
}
