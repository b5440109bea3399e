//! `v1` Secret, as far as it is a TLS key pair.

use std::fmt;

use serde::Deserialize;

use weir_model::CertificateKey;

use super::{Metadata, null_default};
use crate::secret::certificate;

/// A Secret. Never printed.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Secret {
    /// Its name.
    pub metadata: Metadata,
    /// `kubernetes.io/tls` for a key pair.
    #[serde(default, rename = "type", deserialize_with = "null_default")]
    pub secret_type: Box<str>,
    /// Base64.
    #[serde(default, deserialize_with = "null_default")]
    pub(crate) data: KeyPair,
    /// Plain text; wins over `data`.
    #[serde(default, deserialize_with = "null_default")]
    pub(crate) string_data: KeyPair,
}

/// Certificate chain and key, PEM.
#[derive(Clone, Default, PartialEq, Deserialize)]
pub(crate) struct KeyPair {
    #[serde(default, rename = "tls.crt")]
    pub(crate) certificate: Option<Box<str>>,
    #[serde(default, rename = "tls.key")]
    pub(crate) key: Option<Box<str>>,
}

impl Secret {
    /// What keeps it from being used as a certificate with its key, in words; nothing if it can be.
    pub fn fault(&self) -> Option<String> {
        let key = CertificateKey { namespace: self.metadata.namespace(), name: self.metadata.name.clone() };
        certificate(&key, self).err().map(|error| error.to_string())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("name", &self.metadata.name).finish_non_exhaustive()
    }
}
