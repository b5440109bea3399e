//! Figures instead of verdicts: how soon a change is served, and what controllers and proxies need.

mod crowd;
mod footprint;
mod propagation;
mod review;

use std::sync::Arc;

use weir_e2e::{Backend, Settings, Stage};

use crowd::Crowd;
use propagation::Switch;

/// Ingresses beside the one that changes.
const SOME: usize = 3_000;
const MANY: usize = 5_000;
const VERY_MANY: usize = 20_000;

/// All of them with one installation, so that every thousand Ingresses is made once.
pub(crate) async fn all(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.install(Settings::default()).await?;
    let site = stage.site(&weir, &Backend::new("app", "v1")).await?;
    let switch = Switch::of(&stage, &weir, &site).await?;
    let mut crowd = Crowd::new(&stage, &weir).await?;
    crowd.grow_to(SOME).await?;
    switch.measure(&stage, "propagation").await?;
    crowd.grow_to(MANY).await?;
    footprint::measure(&stage, &weir).await?;
    let churn = crowd.churn();
    switch.measure(&stage, "propagation-under-churn").await?;
    stage.figure("churn", "changes a second", churn.stop().await?);
    crowd.grow_plainly_to(VERY_MANY).await?;
    review::measure(&stage, &weir).await
}
