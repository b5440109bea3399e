//! What a resource is.

use std::fmt;

use bytes::Bytes;
use prost::Message as _;
use weir_model::{BackendKey, CertificateKey, HostName};

use crate::{
    proto::{self, resource::Key as Keys},
    wire::{InvalidValue, Wire, split_needs},
};

/// The key of a resource. In the order in which a proxy needs them: what a rule names stands before it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    /// The endpoints of a Service port.
    Backend(BackendKey),
    /// A certificate with its key.
    Certificate(CertificateKey),
    /// The certificate that a host name is shown with.
    Tls(HostName),
    /// The rules of a host.
    Routes(HostName),
    /// The split of one of the host's rules.
    Split(HostName, u64),
}

// === impl Key ===

impl Key {
    /// The revision of the schema that a value of this key needs.
    pub(crate) fn needs(&self, value: Option<&Bytes>) -> u32 {
        let (Self::Split(..), Some(value)) = (self, value) else { return 1 };
        proto::Split::decode(value.clone()).map_or(1, |split| split_needs(&split))
    }
}

impl Wire for Key {
    type Message = Keys;

    fn encode(&self) -> Keys {
        match self {
            Self::Backend(key) => Keys::Backend(key.encode()),
            Self::Certificate(key) => Keys::Certificate(key.encode()),
            Self::Tls(host) => Keys::Tls(host.to_string()),
            Self::Routes(host) => Keys::Routes(host.to_string()),
            Self::Split(host, rule) => Keys::Split(proto::SplitKey { host: host.to_string(), rule: *rule }),
        }
    }

    fn decode(message: Keys) -> Result<Self, InvalidValue> {
        Ok(match message {
            Keys::Backend(key) => Self::Backend(BackendKey::decode(key)?),
            Keys::Certificate(key) => Self::Certificate(CertificateKey::decode(key)?),
            Keys::Tls(host) => Self::Tls(HostName::parse(&host)?),
            Keys::Routes(host) => Self::Routes(HostName::parse(&host)?),
            Keys::Split(key) => Self::Split(HostName::parse(&key.host)?, key.rule),
        })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backend(key) => write!(f, "backend {key}"),
            Self::Certificate(key) => write!(f, "certificate {key}"),
            Self::Tls(host) => write!(f, "certificate of {host}"),
            Self::Routes(host) => write!(f, "rules of {host}"),
            Self::Split(host, rule) => write!(f, "split of rule {rule:016x} of {host}"),
        }
    }
}
