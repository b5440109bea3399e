//! What the translator is told besides objects.

use std::{collections::BTreeMap, fmt, net::SocketAddr, str::FromStr};

/// The controller of Weir's classes, unless told otherwise.
pub const CONTROLLER: &str = "weir.dev/ingress";

/// Settings of a [`crate::Translator`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Classes that are served although no IngressClass gives them to Weir, with their dialect.
    pub adopt: BTreeMap<String, Dialect>,
    /// What the classes that are Weir's name as their controller.
    pub controller: Box<str>,
    /// Whether a Service may point to a DNS name outside the cluster.
    pub allow_external_name: bool,
    /// Whether the objects come from files instead of an API server.
    pub standalone: bool,
    /// Whether requests will come, so that a Service must have endpoints by now. Files that are only
    /// checked usually leave the EndpointSlices to the cluster.
    pub serving: bool,
    /// Where Weir's own admin listener is, which no Service may reach.
    pub admin: Option<SocketAddr>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            adopt: BTreeMap::new(),
            controller: CONTROLLER.into(),
            allow_external_name: false,
            standalone: true,
            serving: false,
            admin: None,
        }
    }
}

/// Whose reading of the annotations applies to an Ingress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// Alibaba Cloud ACK: `service-match`, `service-weight`.
    Ack,
    /// ingress-nginx: `canary-*` on a second Ingress.
    Nginx,
    /// Higress, open source.
    Higress,
    /// Alibaba Cloud MSE, the hosted Higress.
    Mse,
}

/// The text names no dialect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a dialect: write ack, nginx, higress or mse")]
pub struct UnknownDialect(String);

// === impl Dialect ===

impl Dialect {
    /// Whether upstream is ingress-nginx or built on it.
    pub(crate) fn is_nginx(self) -> bool {
        matches!(self, Self::Ack | Self::Nginx)
    }
}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(text: &str) -> Result<Self, UnknownDialect> {
        match text {
            "ack" => Ok(Self::Ack),
            "nginx" => Ok(Self::Nginx),
            "higress" => Ok(Self::Higress),
            "mse" => Ok(Self::Mse),
            other => Err(UnknownDialect(other.to_owned())),
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ack => "ack",
            Self::Nginx => "nginx",
            Self::Higress => "higress",
            Self::Mse => "mse",
        })
    }
}
