//! `weir serve`: a data plane that follows a folder of manifests.

mod arguments;

use std::{process::ExitCode, sync::Arc};

use anyhow::Context as _;

pub(crate) use arguments::Arguments;

use crate::{
    admin::{self, Admin},
    findings::Counts,
    output::{self, count, note},
    runtime::{Runtime, status::Status},
    signals::Signals,
};

/// How many findings are printed at the start.
const SHOWN: usize = 20;

/// Serves until a signal ends it.
///
/// # Errors
/// When a manifest cannot be read or an address cannot be listened on.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    output::log();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("no runtime")?.block_on(serve(arguments))
}

async fn serve(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::new().context("signals cannot be handled")?;
    let status = Arc::new(Status::default());
    let admin = Admin::start(arguments.admin(), admin::data_plane(Arc::clone(&status)))?;
    let delay = arguments.shutdown_delay();
    let (roots, reading) = (arguments.roots(), arguments.reading(admin.address()));
    let releases = arguments.releases();
    let runtime = Runtime::start(roots, reading, arguments.proxy(), releases, status)?;
    announce(&runtime, &admin);
    signals.next().await;
    signals.shutdown(runtime.proxy(), delay).await;
    let proxy = runtime.unfollow();
    admin.stop();
    if let Some(proxy) = Arc::into_inner(proxy) {
        proxy.join();
    }
    Ok(ExitCode::SUCCESS)
}

/// Says where Weir listens and what it serves.
fn announce(runtime: &Runtime, admin: &Admin) {
    let proxy = runtime.proxy();
    let listeners = [("http", proxy.http()), ("https", proxy.https()), ("admin", Some(admin.address()))];
    for (name, address) in listeners {
        if let Some(address) = address {
            note(format_args!("listening {name}={address}"));
        }
    }
    let (served, findings) = (proxy.blueprint(), runtime.status().findings());
    let hosts = count(served.hosts.len(), "host");
    let rules = count(served.hosts.values().map(|host| host.rules.len()).sum(), "rule");
    let backends = count(served.backends.len(), "backend");
    note(format_args!("serving {hosts}, {rules}, {backends}; findings: {}", Counts::of(&findings)));
    findings.iter().take(SHOWN).for_each(note);
    if findings.len() > SHOWN {
        let more = findings.len() - SHOWN;
        let all = format!("http://{}/v1/findings", admin.address());
        note(format_args!("and {more} more findings; all of them: weir lint -f PATH, or {all}"));
    }
}
