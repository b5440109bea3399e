//! `weir controller`: follows the Kubernetes API and tells the proxies what to serve.

mod admin;
mod arguments;
mod metrics;
pub(crate) mod report;

use std::{process::ExitCode, sync::Arc};

use anyhow::Context as _;
use weir_cluster::Controller;

pub(crate) use arguments::Arguments;

use admin::Shown;

use crate::{
    admin::Admin,
    output::{self, note},
    signals::Signals,
};

/// Runs until a signal ends it.
///
/// # Errors
/// When there is no way to the API server, or an address cannot be listened on.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    output::log();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.context("no runtime")?.block_on(control(arguments))
}

async fn control(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::new().context("signals cannot be handled")?;
    let address = arguments.admin();
    let config = arguments.config()?;
    let reading = Arc::new(config.reading.clone());
    let controller = Arc::new(Controller::start(config).await?);
    let shown = Shown { controller: Arc::clone(&controller), reading };
    let admin = Admin::start(address, admin::router(shown))?;
    note(format_args!("listening fleet={}", controller.fleet()));
    if let Some(webhook) = controller.webhook() {
        note(format_args!("listening webhook={webhook}"));
    }
    note(format_args!("listening admin={}", admin.address()));
    tokio::select! {
        () = signals.next() => {}
        () = controller.failed() => anyhow::bail!("a part of the controller ended, which never should; starting anew"),
    }
    tracing::info!("ending; proxies keep what they serve and follow another controller");
    admin.stop();
    if let Some(controller) = Arc::into_inner(controller) {
        controller.stop().await;
    }
    Ok(ExitCode::SUCCESS)
}
