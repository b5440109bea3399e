//! Certificates, Secrets and manifests are what their readers expect.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use weir_testkit::{
    Manifests,
    certs::Authority,
    client::{Connection, Target},
    manifests::{Condition, Ingress},
};

#[tokio::test]
async fn a_leaf_is_trusted_through_its_authority() -> anyhow::Result<()> {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
    let authority = Authority::new()?;
    let leaf = authority.leaf(&["a.test"])?;
    let chain = CertificateDer::pem_slice_iter(leaf.certificate_pem.as_bytes()).collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(leaf.key_pem.as_bytes())?;
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let serving = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await?;
        TlsAcceptor::from(Arc::new(config)).accept(tcp).await.map(drop)
    });
    Connection::open_to(&Target::tls(addr, "a.test", authority.client(&["http/1.1"])?)).await?;
    Ok(serving.await??)
}

#[test]
fn manifests_are_replaced_whole() -> anyhow::Result<()> {
    let folder = Manifests::new()?;
    let origin = "127.0.0.1:8080".parse()?;
    let path = folder.service("stable", &[origin])?;
    assert!(std::fs::read_to_string(&path)?.contains("weir.dev/endpoints: \"127.0.0.1:8080\""));
    folder.service_with_slices("stable", &[(origin, Condition::Terminating)])?;
    assert!(std::fs::read_to_string(&path)?.contains("serving: true, terminating: true"));
    let ingress = Ingress::new("web").nginx("canary", "true").host("a.test").path("/", "stable");
    let text = std::fs::read_to_string(folder.ingress(&ingress)?)?;
    assert!(text.contains("nginx.ingress.kubernetes.io/canary: \"true\""));
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 2);
    folder.remove("service-stable")?;
    Ok(())
}
