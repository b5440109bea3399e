//! `networking.k8s.io/v1` Ingress.

use std::{convert::Infallible, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, de::IgnoredAny};
use weir_model::PathType;

use super::{Metadata, null_default};

/// An Ingress.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Ingress {
    /// Name, age and annotations.
    pub metadata: Metadata,
    /// What is asked for.
    #[serde(default, deserialize_with = "null_default")]
    pub spec: IngressSpec,
}

/// `spec` of an Ingress.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IngressSpec {
    /// The class by name.
    #[serde(default)]
    pub ingress_class_name: Option<Box<str>>,
    /// Serves what no path matches.
    #[serde(default)]
    pub default_backend: Option<IngressBackend>,
    /// Hosts with their paths.
    #[serde(default, deserialize_with = "null_default")]
    pub rules: Vec<IngressRule>,
    /// Certificates.
    #[serde(default, deserialize_with = "null_default")]
    pub tls: Vec<IngressTls>,
}

/// One host with its paths.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct IngressRule {
    /// Exact, wildcard or empty for every host.
    #[serde(default, deserialize_with = "null_default")]
    pub host: Box<str>,
    /// Its paths.
    #[serde(default)]
    pub http: Option<HttpRule>,
}

/// The paths of one host.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct HttpRule {
    /// In the order of the manifest.
    #[serde(default, deserialize_with = "null_default")]
    pub paths: Vec<HttpPath>,
}

/// One path with its backend.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpPath {
    /// Empty means the root.
    #[serde(default, deserialize_with = "null_default")]
    pub path: Box<str>,
    /// How the path is compared.
    #[serde(default, deserialize_with = "null_default")]
    pub path_type: PathTypeText,
    /// Who serves it.
    #[serde(default, deserialize_with = "null_default")]
    pub backend: IngressBackend,
}

/// A path type as it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum PathTypeText {
    /// One of the API's types.
    Known(PathType),
    /// Something else.
    Other(Box<str>),
}

/// A Service or a resource.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct IngressBackend {
    /// A Service.
    #[serde(default)]
    pub service: Option<ServiceName>,
    /// A resource, which Weir can't serve; only its presence counts.
    #[serde(default, rename = "resource", deserialize_with = "presence")]
    pub has_resource: bool,
}

/// A Service with a port.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct ServiceName {
    /// Name of the Service, in the Ingress's namespace.
    #[serde(default, deserialize_with = "null_default")]
    pub name: Arc<str>,
    /// Its port.
    #[serde(default, deserialize_with = "null_default")]
    pub port: PortSpec,
}

/// A port by number or by name.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct PortSpec {
    /// By name.
    #[serde(default)]
    pub name: Option<Arc<str>>,
    /// By number.
    #[serde(default)]
    pub number: Option<u16>,
}

/// Hosts with the Secret of their certificate.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IngressTls {
    /// Empty means the hosts of the rules.
    #[serde(default, deserialize_with = "null_default")]
    pub hosts: Vec<Box<str>>,
    /// A Secret in the Ingress's namespace.
    #[serde(default, deserialize_with = "null_default")]
    pub secret_name: Arc<str>,
}

// === impl PathTypeText ===

impl Default for PathTypeText {
    fn default() -> Self {
        Self::Known(PathType::ImplementationSpecific)
    }
}

impl FromStr for PathTypeText {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "Exact" => Self::Known(PathType::Exact),
            "Prefix" => Self::Known(PathType::Prefix),
            "ImplementationSpecific" | "" => Self::Known(PathType::ImplementationSpecific),
            other => Self::Other(other.into()),
        })
    }
}

impl<'de> Deserialize<'de> for PathTypeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<str>::deserialize(deserializer)?;
        let Ok(path_type) = text.parse();
        Ok(path_type)
    }
}

fn presence<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::<IgnoredAny>::deserialize(deserializer)?.is_some())
}
