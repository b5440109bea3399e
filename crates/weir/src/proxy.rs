//! `weir proxy`: a data plane that follows the controllers. It knows nothing of the Kubernetes API.

mod arguments;
mod plane;
mod user;

use std::{
    process::ExitCode,
    sync::{Arc, OnceLock},
};

use anyhow::{Context as _, anyhow};
use weir_fleet::{Apply as _, Client};

pub(crate) use arguments::Arguments;

use crate::{
    admin::{self, Admin},
    output::{self, note},
    runtime::status::Status,
    signals::Signals,
};
use plane::Plane;

/// Serves until a signal ends it.
///
/// # Errors
/// When an address cannot be listened on.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    output::log();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("no runtime")?.block_on(serve(arguments))
}

async fn serve(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::new().context("signals cannot be handled")?;
    let status = Arc::new(Status::default());
    let admin = Admin::start(arguments.admin(), admin::data_plane(Arc::clone(&status)))?;
    note(format_args!("listening admin={}", admin.address()));
    let (link, store, delay) = (arguments.link(), arguments.store(), arguments.shutdown_delay());
    let user = arguments.user();
    let running = Arc::new(OnceLock::new());
    let mut plane = Plane::new(user, arguments.proxy(), Arc::clone(&running), status);
    let saved = store.as_ref().and_then(weir_fleet::Store::load);
    let (assembly, first) = saved.unzip();
    if let Some(first) = first {
        tracing::info!("serving what was in force before the restart");
        plane.apply(&first).map_err(|error| anyhow!(error))?;
    }
    let client = Client::new(link, assembly.unwrap_or_default(), store);
    let shutdown = async {
        signals.next().await;
        if let Some(proxy) = running.get() {
            signals.shutdown(proxy, delay).await;
        }
    };
    // Changes are followed to the end: what drains needs endpoints, too.
    tokio::select! {
        failed = client.follow(&mut plane) => failed.map_err(|error| anyhow!(error))?,
        () = shutdown => {}
    }
    admin.stop();
    drop(plane);
    if let Some(proxy) = Arc::into_inner(running).and_then(OnceLock::into_inner).and_then(Arc::into_inner) {
        proxy.join();
    }
    Ok(ExitCode::SUCCESS)
}
