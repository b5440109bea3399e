//! Certificates change under load.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use weir_e2e::{Backend, Installation, PATIENCE, SECRET, Site, Stage, until};

use crate::steady::{SOME, load};

/// A Secret is replaced three times, and every proxy shows the new certificate.
pub(crate) async fn rotated(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.shared().await?;
    let (site, running) = load(&stage, weir, &Backend::new("app", "v1")).await?;
    for _ in 0..3 {
        let leaf = stage.https.leaf(&[&site.flow.host])?;
        site.apply(&leaf.secret(site.namespace.name(), SECRET)).await?;
        let expected = CertificateDer::from_pem_slice(leaf.certificate_pem.as_bytes())?;
        shown(&stage, weir, &site, &expected).await?;
        running.more(SOME).await?;
    }
    running.stop().await?.clean()
}

/// A Secret is deleted: what was served last stays in force, and the author is told.
pub(crate) async fn deleted(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.shared().await?;
    let (site, running) = load(&stage, weir, &Backend::new("app", "v1")).await?;
    site.kubectl(&["delete", "secret", SECRET]).await?;
    site.told("WR-MISSING-SECRET", "app").await?;
    running.more(SOME).await?;
    running.stop().await?.clean()
}

async fn shown(
    stage: &Stage,
    weir: &Installation,
    site: &Site,
    expected: &CertificateDer<'_>,
) -> anyhow::Result<()> {
    for via in weir.each_proxy().await? {
        let what = format!("the new certificate by {}", via.name);
        let look = || async { Ok(stage.https.shown(&via, &site.flow.host).await? == *expected) };
        until(what, PATIENCE, look).await?;
    }
    Ok(())
}
