//! What a test serves: an Ingress in its plainest form, and certificates.

use std::sync::Arc;

use anyhow::Context as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use weir_testkit::{
    certs::{Authority, Leaf},
    manifests::Ingress,
};

use crate::Via;

/// The Secret that [`web`] names.
pub const SECRET: &str = "tls";

/// An Ingress that serves a host in plain text and by TLS; its paths are to follow.
pub fn web(class: &str, name: &str, host: &str) -> Ingress {
    Ingress::new(name).class(class).nginx("ssl-redirect", "false").host(host).tls(SECRET, &[host])
}

/// An authority, and clients that trust nobody else.
#[derive(Clone, Debug)]
pub struct Https {
    authority: Arc<Authority>,
    pub(crate) http1: Arc<rustls::ClientConfig>,
    pub(crate) http2: Arc<rustls::ClientConfig>,
}

// === impl Https ===

impl Https {
    /// A new authority.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new() -> anyhow::Result<Self> {
        let authority = Authority::new()?;
        let (http1, http2) = (authority.client(&["http/1.1"])?, authority.client(&["h2"])?);
        Ok(Self { authority: Arc::new(authority), http1, http2 })
    }

    /// A new certificate for some hosts.
    ///
    /// # Errors
    /// When a host can't be in a certificate.
    pub fn leaf(&self, hosts: &[&str]) -> anyhow::Result<Leaf> {
        self.authority.leaf(hosts)
    }

    /// The certificate that a proxy shows for a host.
    ///
    /// # Errors
    /// When there is none that an authority of this test has signed.
    pub async fn shown(&self, via: &Via, host: &str) -> anyhow::Result<CertificateDer<'static>> {
        let tcp = TcpStream::connect(via.https).await?;
        let name = ServerName::try_from(host.to_owned())?;
        let stream = TlsConnector::from(Arc::clone(&self.http1)).connect(name, tcp).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        shown.cloned().map(CertificateDer::into_owned).context("no certificate")
    }
}
