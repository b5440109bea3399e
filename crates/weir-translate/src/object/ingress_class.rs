//! `networking.k8s.io/v1` IngressClass.

use serde::Deserialize;

use super::{Metadata, null_default};

/// An IngressClass.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct IngressClass {
    /// Name and annotations.
    pub metadata: Metadata,
    /// Who serves it.
    #[serde(default, deserialize_with = "null_default")]
    pub spec: IngressClassSpec,
}

/// `spec` of an IngressClass.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct IngressClassSpec {
    /// `weir.dev/ingress` for Weir.
    #[serde(default, deserialize_with = "null_default")]
    pub controller: Box<str>,
}
