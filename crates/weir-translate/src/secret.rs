//! TLS Secrets.

use base64::{Engine as _, prelude::BASE64_STANDARD as STANDARD};
use rustls::{
    crypto::aws_lc_rs::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use weir_model::{Certificate, CertificateKey};

use crate::object::Secret;

/// Why a Secret is not a key pair.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidSecret {
    #[error("it has no {0}")]
    Missing(&'static str),
    #[error("{0} is not base64")]
    Base64(&'static str),
    #[error("tls.crt holds no certificate in PEM")]
    NoCertificate,
    #[error("tls.key holds no private key in PEM")]
    NoKey,
    #[error("the private key is of a kind that TLS cannot use")]
    UnusableKey,
    #[error("the first certificate cannot be read")]
    UnreadableCertificate,
    #[error("the private key does not belong to the first certificate")]
    Mismatch,
}

// === impl InvalidSecret ===

impl InvalidSecret {
    /// The field at fault.
    pub(crate) fn field(&self) -> &'static str {
        match self {
            Self::Missing("tls.key")
            | Self::Base64("tls.key")
            | Self::NoKey
            | Self::UnusableKey
            | Self::Mismatch => "data[tls.key]",
            _ => "data[tls.crt]",
        }
    }
}

/// Reads and checks a key pair.
pub(crate) fn certificate(key: &CertificateKey, secret: &Secret) -> Result<Certificate, InvalidSecret> {
    let chain = chain(&text(secret, "tls.crt")?)?;
    let private_key =
        PrivateKeyDer::from_pem_slice(&text(secret, "tls.key")?).map_err(|_| InvalidSecret::NoKey)?;
    check_pair(&chain, &private_key)?;
    Ok(Certificate {
        key: key.clone(),
        chain: chain.iter().map(|certificate| certificate.to_vec()).collect(),
        private_key: private_key.secret_der().to_vec(),
    })
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, InvalidSecret> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    chain.ok().filter(|chain| !chain.is_empty()).ok_or(InvalidSecret::NoCertificate)
}

fn check_pair(chain: &[CertificateDer<'static>], key: &PrivateKeyDer<'_>) -> Result<(), InvalidSecret> {
    let key = any_supported_type(key).map_err(|_| InvalidSecret::UnusableKey)?;
    match CertifiedKey::new(chain.to_vec(), key).keys_match() {
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => {
            Err(InvalidSecret::Mismatch)
        }
        Ok(()) | Err(rustls::Error::InconsistentKeys(_)) => Ok(()),
        Err(_) => Err(InvalidSecret::UnreadableCertificate),
    }
}

/// The PEM text of an entry; plain text wins over base64, as the API server does it.
fn text(secret: &Secret, entry: &'static str) -> Result<Vec<u8>, InvalidSecret> {
    let pick = |pair: &'_ crate::object::KeyPair| {
        if entry == "tls.key" { pair.key.clone() } else { pair.certificate.clone() }
    };
    if let Some(plain) = pick(&secret.string_data) {
        return Ok(plain.into_boxed_bytes().into_vec());
    }
    let encoded = pick(&secret.data).ok_or(InvalidSecret::Missing(entry))?;
    // Tools wrap long lines (RFC 4648 §3.1).
    let symbols: Vec<u8> = encoded.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(symbols).map_err(|_| InvalidSecret::Base64(entry))
}
