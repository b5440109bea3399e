//! What most cases begin with.

use weir_e2e::{Backend, Installation, Running, Site, Stage};

/// Requests between two changes: some seconds of load.
pub(crate) const SOME: u64 = 1_500;

/// A site that has been served to every kind of client for some seconds, each proxy asked itself and all of them
/// through their Service.
pub(crate) async fn load(
    stage: &Stage,
    weir: &Installation,
    backend: &Backend,
) -> anyhow::Result<(Site, Running)> {
    let site = stage.site(weir, backend).await?;
    let running = site.traffic(weir.every_way().await?).start().await?;
    running.more(SOME).await?;
    Ok((site, running))
}

/// The same through the Service alone, for cases in which proxies go.
pub(crate) async fn load_by_service(
    stage: &Stage,
    weir: &Installation,
    backend: &Backend,
) -> anyhow::Result<(Site, Running)> {
    let site = stage.site(weir, backend).await?;
    // Twice, so that more than one proxy has clients of each kind.
    let service = weir.service().await?;
    let running = site.traffic([service.clone(), service]).start().await?;
    running.more(SOME).await?;
    Ok((site, running))
}
