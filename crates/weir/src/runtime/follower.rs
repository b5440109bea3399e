//! Puts changed files in force.

use std::{io, sync::Arc, thread::JoinHandle};

use weir_model::Delta;
use weir_proxy::Proxy;

use super::status::Status;
use crate::{
    output::count,
    source::{Broken, Source, Stop, Watch},
};

/// The thread that follows the files.
#[derive(Debug)]
pub(crate) struct Follower {
    stop: Stop,
    thread: JoinHandle<()>,
}

// === impl Follower ===

impl Follower {
    pub(crate) fn start(
        mut watch: Watch,
        mut source: Source,
        proxy: Arc<Proxy>,
        status: Arc<Status>,
    ) -> io::Result<Self> {
        let stop = watch.stop();
        let follow = move || {
            while watch.wait(source.is_unsettled()) {
                look(&mut source, &proxy, &status);
            }
        };
        let thread = std::thread::Builder::new().name("manifests".into()).spawn(follow)?;
        Ok(Self { stop, thread })
    }

    pub(crate) fn stop(self) {
        self.stop.stop();
        if self.thread.join().is_err() {
            tracing::error!("the thread that follows the manifests panicked");
        }
    }
}

fn look(source: &mut Source, proxy: &Proxy, status: &Status) {
    match source.refresh() {
        Ok(delta) => {
            if status.readable() {
                tracing::info!("every manifest can be read again");
            }
            if let Some(delta) = delta {
                put_in_force(&delta, source, proxy, status);
            }
        }
        Err(broken) => hold(broken, status),
    }
}

fn put_in_force(delta: &Delta, source: &Source, proxy: &Proxy, status: &Status) {
    if !delta.is_empty() {
        proxy.apply(delta);
        let (hosts, backends) = (count(delta.hosts.len(), "host"), count(delta.backends.len(), "backend"));
        tracing::info!(revision = proxy.revision().number, "changed: {hosts}, {backends}");
    }
    status.in_force(source.findings());
}

/// The last good set stays in force.
fn hold(broken: Vec<Broken>, status: &Status) {
    let lines: Vec<String> = broken.iter().map(ToString::to_string).collect();
    if status.held_back(broken) {
        for line in lines {
            tracing::error!("{line}; the last good set of all manifests stays in force until this is mended");
        }
    }
}
