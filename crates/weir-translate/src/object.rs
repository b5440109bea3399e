//! Kubernetes objects, reduced to the fields that decide about traffic.
//!
//! A cluster may hold 100,000 Ingresses, so the types keep only what is read: annotations of other
//! controllers, managed fields and labels are dropped while an object is deserialised.

mod endpoint_slice;
mod ingress;
mod ingress_class;
mod metadata;
mod release;
mod secret;
mod service;

use std::sync::Arc;

use weir_model::{Kind, ObjectRef};

pub use endpoint_slice::{Conditions, EndpointSlice, SliceEndpoint, SlicePort};
pub use ingress::{
    HttpPath, HttpRule, Ingress, IngressBackend, IngressRule, IngressSpec, IngressTls, PathTypeText,
    PortSpec, ServiceName,
};
pub use ingress_class::{IngressClass, IngressClassSpec};
pub use metadata::{Annotations, Metadata};
pub use release::Release;
pub(crate) use secret::KeyPair;
pub use secret::Secret;
pub use service::{Service, ServicePort, ServiceSpec};

/// One object that the translator reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// `networking.k8s.io/v1` Ingress.
    Ingress(Arc<Ingress>),
    /// `networking.k8s.io/v1` IngressClass.
    IngressClass(Arc<IngressClass>),
    /// `v1` Service.
    Service(Arc<Service>),
    /// `discovery.k8s.io/v1` EndpointSlice.
    EndpointSlice(Arc<EndpointSlice>),
    /// `v1` Secret.
    Secret(Arc<Secret>),
    /// `weir.dev/v1alpha1` Release.
    Release(Arc<Release>),
}

// === impl Object ===

impl Object {
    /// Kind, namespace and name.
    pub fn id(&self) -> ObjectRef {
        match self {
            Self::Ingress(object) => object.metadata.id(Kind::Ingress),
            Self::IngressClass(object) => object.metadata.cluster_id(Kind::IngressClass),
            Self::Service(object) => object.metadata.id(Kind::Service),
            Self::EndpointSlice(object) => object.metadata.id(Kind::EndpointSlice),
            Self::Secret(object) => object.metadata.id(Kind::Secret),
            Self::Release(object) => object.metadata.id(Kind::Release),
        }
    }
}

/// Reads `null` as the default: templates often leave a key without a value.
pub(crate) fn null_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de> + Default,
{
    Ok(<Option<T> as serde::Deserialize>::deserialize(deserializer)?.unwrap_or_default())
}
