//! TLS: certificates by name, swapped without touching connections.

use std::{collections::BTreeMap, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use weir_model::{Blueprint, Certificate, CertificateKey, Delta, HostName, UpstreamProtocol};

/// Which certificate is shown for which name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    by_name: Arc<BTreeMap<HostName, CertificateKey>>,
    loaded: Arc<BTreeMap<CertificateKey, Arc<CertifiedKey>>>,
}

// === impl Names ===

impl Names {
    /// The names after a change. A certificate that cannot be loaded leaves the one before it in place.
    pub(crate) fn apply(&self, delta: &Delta, blueprint: &Blueprint) -> Self {
        if delta.tls.is_empty() && delta.certificates.is_empty() {
            return self.clone();
        }
        let mut loaded = (*self.loaded).clone();
        for (key, certificate) in &delta.certificates {
            match certificate.as_deref().map(load) {
                Some(Ok(certified)) => {
                    loaded.insert(key.clone(), Arc::new(certified));
                }
                Some(Err(error)) => tracing::error!(certificate = %key, %error, "certificate not loaded"),
                None => {
                    loaded.remove(key);
                }
            }
        }
        Self { by_name: Arc::new(blueprint.tls.clone()), loaded: Arc::new(loaded) }
    }

    /// The certificate's name for a host: exact, else the longest wildcard, else the one without a name.
    pub(crate) fn key(&self, host: &str) -> Option<&CertificateKey> {
        let exact = HostName::Exact(host.into());
        let dots = host.bytes().enumerate().filter(|&(at, byte)| byte == b'.' && at > 0);
        let wildcards = dots.map(|(dot, _)| HostName::Wildcard(host[dot..].into()));
        let mut names = std::iter::once(exact).chain(wildcards).chain([HostName::Any]);
        names.find_map(|name| self.by_name.get(&name))
    }

    pub(crate) fn certificate(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        self.loaded.get(self.key(host)?).cloned()
    }
}

fn load(certificate: &Certificate) -> Result<CertifiedKey, rustls::Error> {
    let chain = certificate.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
    let key = PrivateKeyDer::try_from(certificate.private_key.clone())
        .map_err(|reason| rustls::Error::General(reason.to_owned()))?;
    CertifiedKey::from_der(chain, key, &provider())
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: std::sync::LazyLock<Arc<CryptoProvider>> =
        std::sync::LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));
    Arc::clone(&PROVIDER)
}

/// Finds certificates by name. Clients that name no served host are refused.
struct Resolver<F>(F);

impl<F> std::fmt::Debug for Resolver<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resolver")
    }
}

impl<F> ResolvesServerCert for Resolver<F>
where
    F: Fn(&str) -> Option<Arc<CertifiedKey>> + Send + Sync,
{
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        (self.0)(&hello.server_name().unwrap_or_default().to_ascii_lowercase())
    }
}

/// The server side: TLS 1.2 and 1.3, HTTP/2 preferred. `find` gives the certificate of a name.
pub(crate) fn server(
    find: impl Fn(&str) -> Option<Arc<CertifiedKey>> + Send + Sync + 'static,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(Resolver(find)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

/// What TLS towards endpoints is set up with.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    http1: Arc<rustls::ClientConfig>,
    http2: Arc<rustls::ClientConfig>,
}

impl Upstream {
    pub(crate) fn of(&self, protocol: UpstreamProtocol) -> Arc<rustls::ClientConfig> {
        Arc::clone(if protocol.is_http2() { &self.http2 } else { &self.http1 })
    }
}

/// The client side, towards endpoints of `backend-protocol: HTTPS`. Like ingress-nginx without
/// `proxy-ssl-verify`, it encrypts but does not verify: endpoints are addressed by pod address.
pub(crate) fn upstream() -> Result<Upstream, rustls::Error> {
    let builder =
        rustls::ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let verifier = Arc::new(unverified::AnyCertificate(provider()));
    let http1 = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    let mut http2 = http1.clone();
    http2.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Upstream { http1: Arc::new(http1), http2: Arc::new(http2) })
}

mod unverified {
    //! Accepts every certificate of an endpoint, but still checks the handshake's signatures.

    use std::sync::Arc;

    use rustls::{
        DigitallySignedStruct, Error, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, ServerName, UnixTime},
    };

    #[derive(Debug)]
    pub(super) struct AnyCertificate(pub(super) Arc<CryptoProvider>);

    impl ServerCertVerifier for AnyCertificate {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.0.signature_verification_algorithms;
            verify_tls12_signature(message, certificate, signature, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.0.signature_verification_algorithms;
            verify_tls13_signature(message, certificate, signature, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}
