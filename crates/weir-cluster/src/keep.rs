//! Where the authorities are kept: a Secret with their keys, a ConfigMap with what proxies trust.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::Context as _;
use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use k8s_openapi::{
    ByteString,
    api::core::v1::{ConfigMap, Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client};
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::sync::watch;

use crate::{
    authority::{Authorities, Authority, Leaf},
    client::{save, write},
};

/// How often the authorities are tended and the leaf is made anew.
const TEND: Duration = Duration::from_hours(6);
const AGAIN: Duration = Duration::from_secs(1);
/// The key of the ConfigMap.
const BUNDLE: &str = "ca.crt";

/// The certificate of this controller, always a fresh one.
#[derive(Debug)]
pub(crate) struct Keep {
    secrets: Api<Secret>,
    config_maps: Api<ConfigMap>,
    name: String,
    names: Vec<String>,
    current: Arc<Current>,
    bundle: watch::Sender<String>,
}

/// What a handshake shows.
#[derive(Debug, Default)]
struct Current(ArcSwapOption<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load_full()
    }
}

// === impl Keep ===

impl Keep {
    /// The authorities of `NAME-ca` in a namespace; leaves are for these DNS names.
    pub(crate) fn new(client: &Client, namespace: &str, name: &str, names: Vec<String>) -> Self {
        Self {
            secrets: Api::namespaced(client.clone(), namespace),
            config_maps: Api::namespaced(client.clone(), namespace),
            name: format!("{name}-ca"),
            names,
            current: Arc::default(),
            bundle: watch::Sender::default(),
        }
    }

    /// TLS with the certificate of the moment.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn tls(&self, protocol: &[u8]) -> anyhow::Result<Arc<ServerConfig>> {
        let builder =
            ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let resolver = Arc::clone(&self.current);
        let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(Arc::new(config))
    }

    /// What those who connect trust, as it changes.
    pub(crate) fn bundle(&self) -> watch::Receiver<String> {
        self.bundle.subscribe()
    }

    /// Tends the authorities for as long as the controller runs. Several controllers may do so.
    pub(crate) async fn tend(&self) {
        loop {
            let pause = match self.look().await {
                Ok(()) => TEND,
                Err(error) => {
                    tracing::warn!("the controllers' authority cannot be tended: {error:#}");
                    AGAIN
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// One look: what is due is written, and the leaf is made anew.
    async fn look(&self) -> anyhow::Result<()> {
        let now = Timestamp::now();
        let authorities = loop {
            let stored = self.secrets.get_opt(&self.name).await.context("reading the Secret")?;
            let before = stored.as_ref().map(read).unwrap_or_default();
            let tended = before.tended(now)?;
            if tended == before || self.store(stored, &tended).await? {
                break tended;
            }
            // Another controller was quicker: what it wrote counts.
        };
        self.publish(&authorities.bundle()).await?;
        self.current.0.store(Some(Arc::new(certified(&authorities.issue(&self.names, now)?)?)));
        self.bundle.send_replace(authorities.bundle());
        Ok(())
    }

    /// Writes the Secret. Returns false if somebody else has written meanwhile.
    async fn store(&self, stored: Option<Secret>, authorities: &Authorities) -> anyhow::Result<bool> {
        let data = authorities.iter().flat_map(|(created, Authority { certificate, key })| {
            let entry = |suffix, text: &str| (format!("{created}.{suffix}"), ByteString(text.into()));
            [entry("crt", certificate), entry("key", key)]
        });
        let data = Some(data.collect::<BTreeMap<_, _>>());
        let secret = Secret { data, ..stored.unwrap_or_else(|| self.secret()) };
        write(&self.secrets, &secret).await.context("writing the Secret")
    }

    fn secret(&self) -> Secret {
        Secret { metadata: self.metadata(), ..Secret::default() }
    }

    /// Writes the ConfigMap that proxies mount.
    async fn publish(&self, bundle: &str) -> anyhow::Result<()> {
        // Who was quicker wrote the same.
        save(&self.config_maps, &self.name, BUNDLE, bundle).await.context("writing the ConfigMap")
    }

    fn metadata(&self) -> ObjectMeta {
        ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() }
    }
}

fn read(secret: &Secret) -> Authorities {
    let data = secret.data.as_ref();
    let text = |key: &str| {
        let bytes = &data?.get(key)?.0;
        String::from_utf8(bytes.clone()).ok()
    };
    let mut authorities = Authorities::default();
    for key in data.into_iter().flat_map(BTreeMap::keys) {
        let created = key.strip_suffix(".crt").and_then(|created| created.parse().ok());
        if let (Some(created), Some(certificate)) = (created, text(key))
            && let Some(key) = text(&format!("{created}.key"))
        {
            authorities.insert(created, Authority { certificate, key });
        }
    }
    authorities
}

fn certified(leaf: &Leaf) -> anyhow::Result<CertifiedKey> {
    let chain = vec![CertificateDer::from_pem_slice(leaf.certificate.as_bytes())?];
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes())?;
    Ok(CertifiedKey::from_der(chain, key, &provider())?)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
