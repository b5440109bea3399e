//! Puts changed files in force.

use std::{
    collections::HashSet,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use weir_model::{Delta, Finding, Severity};
use weir_proxy::Proxy;

use super::status::Status;
use crate::{
    output::count,
    source::{Broken, Source, Stop, Watch},
};

/// How many findings of one change are logged.
const SHOWN: usize = 20;

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
        source: Arc<Mutex<Source>>,
        proxy: Arc<Proxy>,
        status: Arc<Status>,
    ) -> io::Result<Self> {
        let stop = watch.stop();
        let follow = move || {
            loop {
                let is_unsettled = lock(&source).is_unsettled();
                if !watch.wait(is_unsettled) {
                    return;
                }
                look(&mut lock(&source), &proxy, &status);
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

fn lock(source: &Mutex<Source>) -> MutexGuard<'_, Source> {
    source.lock().unwrap_or_else(PoisonError::into_inner)
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
        let certificates = count(delta.certificates.len(), "certificate");
        tracing::info!(revision = proxy.revision().number, "changed: {hosts}, {backends}, {certificates}");
    }
    let (before, now) = (status.findings(), source.findings());
    status.in_force(now.clone());
    tell_news(&before, &now);
}

/// What a change has brought to light; what was known before is not said again.
fn tell_news(before: &[Finding], now: &[Finding]) {
    let known: HashSet<&Finding> = before.iter().collect();
    let news: Vec<&Finding> = now.iter().filter(|finding| !known.contains(finding)).collect();
    for finding in news.iter().take(SHOWN) {
        match finding.severity {
            Severity::Error => tracing::error!("{finding}"),
            Severity::Warning => tracing::warn!("{finding}"),
            Severity::Info => tracing::info!("{finding}"),
        }
    }
    if news.len() > SHOWN {
        tracing::warn!("and {} more; all of them: /v1/findings of the admin listener", news.len() - SHOWN);
    }
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
