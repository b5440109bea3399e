//! A certificate authority for tests, its leaves, and Secrets made from them.

use std::sync::Arc;

use anyhow::Context as _;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

/// A self-signed authority.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// The certificate that clients trust, as PEM.
    pub certificate_pem: String,
}

/// A certificate for some names, with its key.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The chain as PEM.
    pub certificate_pem: String,
    /// The key as PEM (PKCS #8).
    pub key_pem: String,
}

impl Authority {
    /// A new authority.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new() -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::<String>::new())?;
        params.distinguished_name.push(DnType::CommonName, "Weir test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        let certificate_pem = certificate.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate_pem })
    }

    /// A certificate for DNS names, wildcards or addresses.
    ///
    /// # Errors
    /// When a name can't be in a certificate.
    pub fn leaf(&self, names: &[&str]) -> anyhow::Result<Leaf> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names.clone())?;
        params.distinguished_name.push(DnType::CommonName, names.first().context("no name")?.as_str());
        self.issue(&params)
    }

    /// A certificate as described, with a new key.
    ///
    /// # Errors
    /// When what is described can't be in a certificate.
    pub fn issue(&self, params: &CertificateParams) -> anyhow::Result<Leaf> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Leaf { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }

    /// A client configuration that trusts this authority and offers these protocols, best first.
    ///
    /// # Errors
    /// When the authority's certificate isn't accepted.
    pub fn client(&self, alpn: &[&str]) -> anyhow::Result<Arc<ClientConfig>> {
        client(&self.certificate_pem, alpn)
    }
}

/// A client configuration that trusts an authority's PEM and offers these protocols, best first.
///
/// # Errors
/// When the PEM holds no certificate that can be trusted.
pub fn client(authority_pem: &str, alpn: &[&str]) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority_pem.as_bytes())?)?;
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols(alpn);
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn protocols(alpn: &[&str]) -> Vec<Vec<u8>> {
    alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect()
}

impl Leaf {
    /// A server configuration that shows the leaf and accepts these protocols, best first.
    ///
    /// # Errors
    /// When the leaf's PEM isn't accepted.
    pub fn server(&self, alpn: &[&str]) -> anyhow::Result<Arc<ServerConfig>> {
        let chain = vec![CertificateDer::from_pem_slice(self.certificate_pem.as_bytes())?];
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes())?;
        let builder =
            ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let mut config = builder.with_no_client_auth().with_single_cert(chain, key)?;
        config.alpn_protocols = protocols(alpn);
        Ok(Arc::new(config))
    }

    /// The leaf as a `kubernetes.io/tls` Secret.
    pub fn secret(&self, namespace: &str, name: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  namespace: {namespace}\n  name: {name}\n\
             type: kubernetes.io/tls\ndata:\n  tls.crt: {}\n  tls.key: {}\n",
            self.certificate_base64(),
            self.key_base64(),
        )
    }

    /// The chain as it stands in a Secret.
    pub fn certificate_base64(&self) -> String {
        BASE64_STANDARD.encode(&self.certificate_pem)
    }

    /// The key as it stands in a Secret.
    pub fn key_base64(&self) -> String {
        BASE64_STANDARD.encode(&self.key_pem)
    }
}
