//! Names of objects and of header fields.

use std::{fmt, sync::Arc};

use serde::Serialize;

/// The kinds of object that a Blueprint or a finding can refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Kind {
    /// `networking.k8s.io/v1` Ingress.
    Ingress,
    /// `networking.k8s.io/v1` IngressClass.
    IngressClass,
    /// `v1` Service.
    Service,
    /// `discovery.k8s.io/v1` EndpointSlice.
    EndpointSlice,
    /// `v1` Secret.
    Secret,
    /// `weir.dev/v1alpha1` Release.
    Release,
    /// A manifest file, where the object itself could not be read.
    File,
    /// An object of a kind that Weir does not read; its own kind stands in the message.
    Other,
}

impl Kind {
    /// As people and the API write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingress => "Ingress",
            Self::IngressClass => "IngressClass",
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
            Self::Secret => "Secret",
            Self::Release => "Release",
            Self::File => "File",
            Self::Other => "Object",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which object something comes from. Written as `Kind namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ObjectRef {
    /// The object's kind.
    pub kind: Kind,
    /// Empty for cluster-scoped objects and for files.
    pub namespace: Arc<str>,
    /// The object's name; for [`Kind::File`] the path.
    pub name: Arc<str>,
}

impl ObjectRef {
    /// Names an object.
    pub fn new(kind: Kind, namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// A header field name: an RFC 9110 §5.1 token, kept in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct HeaderName(Arc<str>);

/// The text is not an RFC 9110 token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a header name: letters, digits and !#$%&'*+-.^_`|~ only, at least one")]
pub struct InvalidHeaderName(String);

impl HeaderName {
    /// Checks and lower-cases a name.
    ///
    /// # Errors
    /// When the text is empty or holds a byte that RFC 9110 §5.6.2 does not allow in a token.
    pub fn new(text: &str) -> Result<Self, InvalidHeaderName> {
        if !text.is_empty() && text.bytes().all(is_token_byte) {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err(InvalidHeaderName(text.to_owned()))
        }
    }

    /// The name in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
