//! Certificates that listeners present.

use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer};

/// Which certificate: the namespace and name of its Secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateKey {
    /// The Secret's namespace.
    pub namespace: Arc<str>,
    /// The Secret's name.
    pub name: Arc<str>,
}

impl fmt::Display for CertificateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl Serialize for CertificateKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A certificate chain with its private key, both in DER, already checked to belong together.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Where it comes from.
    pub key: CertificateKey,
    /// End-entity certificate first.
    pub chain: Vec<Vec<u8>>,
    /// PKCS#8, SEC1 or PKCS#1; never printed.
    pub private_key: Vec<u8>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("key", &self.key)
            .field("chain", &self.chain.len())
            .finish_non_exhaustive()
    }
}
